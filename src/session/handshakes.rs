//! When a handshake may go out, and how long the client keeps trying (S8, S8a, S9, S14).

use super::error::Error;
use super::storm_guard::StormGuard;
use crate::Instant;
use crate::backoff::{Backoff, Retry, Rng};

/// Attempts before the first session, unless `maxRetries` is set (S8).
const MAX_FIRST_RETRIES: u32 = 10;
/// A server that does not know one new session may have restarted. If it does not know this many in a row, what ties a
/// request to its session does not reach it.
const MAX_UNKNOWN_SESSIONS: u8 = 2;

/// The attempts to get a session, or to continue it.
pub(super) struct Handshakes {
    /// When the next handshake goes out, while there is no session.
    at: Instant,
    /// Shared by handshakes, polls and logins; reset when a poll has succeeded.
    backoff: Backoff,
    storm: StormGuard,
    /// `connect()` has been answered.
    connected_once: bool,
    /// Present until the server has answered anything.
    first_contact: Option<FirstContact>,
    /// Consecutive sessions that the server made and then did not know, before any poll succeeded.
    unknown_sessions: u8,
}

/// The time in which the server must answer for the first time.
struct FirstContact {
    /// When that time is over.
    deadline: Instant,
    /// What failed last.
    last: Option<Error>,
}

/// The next attempt after a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Failures in a row.
    pub failures: u32,
    pub delay_ms: u64,
}

impl Handshakes {
    /// The server has `contact_ms` for its first answer.
    pub fn new(now: Instant, contact_ms: u64) -> Self {
        Self {
            at: now,
            backoff: Backoff::default(),
            storm: StormGuard::default(),
            connected_once: false,
            first_contact: Some(FirstContact { deadline: now.after(contact_ms), last: None }),
            unknown_sessions: 0,
        }
    }

    /// When the next handshake is due.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// The next handshake is due then.
    pub fn schedule(&mut self, at: Instant) {
        self.at = at;
    }

    /// Whether a handshake that is due may go out. If not, it becomes due when the storm guard allows it (S8a).
    pub fn may_go(&mut self, now: Instant, retry: &Retry) -> bool {
        let earliest = self.storm.earliest(now, retry);
        if earliest > now {
            self.at = earliest;
        }
        earliest <= now
    }

    /// A handshake goes out.
    pub fn sent(&mut self, now: Instant) {
        self.storm.handshake_sent(now);
    }

    /// A session exists at the server that this client cannot end.
    pub fn session_left_behind(&mut self, now: Instant) {
        self.storm.session_left_behind(now);
    }

    /// Whether `connect()` has been answered.
    pub fn has_connected(&self) -> bool {
        self.connected_once
    }

    /// `connect()` is answered now. Returns `true` the first time.
    pub fn connected(&mut self) -> bool {
        !core::mem::replace(&mut self.connected_once, true)
    }

    /// Counts a failure, and returns the next attempt or why there is none (S8).
    #[inline(never)]
    pub fn failed(
        &mut self,
        now: Instant,
        error: &Error,
        at_least_ms: u64,
        retry: &Retry,
        rng: &mut Rng,
    ) -> Result<Attempt, Error> {
        if let Some(contact) = &mut self.first_contact {
            contact.last = Some(error.clone());
        }
        let default = if self.connected_once { u32::MAX } else { MAX_FIRST_RETRIES };
        let max = retry.max_retries.unwrap_or(default);
        if self.backoff.attempts() < max {
            let delay_ms = self.backoff.next(now, at_least_ms, retry, rng);
            return Ok(Attempt { failures: self.backoff.attempts(), delay_ms });
        }
        // With no retry allowed, the failure itself says more.
        if max == 0 {
            return Err(error.clone());
        }
        Err(Error::MaxRetries {
            attempts: self.backoff.attempts().saturating_add(1),
            last: Box::new(error.clone()),
        })
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.backoff.attempts()
    }

    /// A poll has succeeded.
    pub fn succeeded(&mut self) {
        self.backoff.reset();
    }

    /// The application wants the next handshake now (S8).
    pub fn hurry(&mut self, now: Instant) {
        self.backoff.hurry(now, &mut self.at);
    }

    /// The application wants another attempt now, one that waits for the same back-off (S8).
    pub fn hurry_to(&mut self, now: Instant, at: &mut Instant) {
        self.backoff.hurry(now, at);
    }

    /// The server has answered something, or no longer has to.
    pub fn contact_made(&mut self) {
        self.first_contact = None;
    }

    /// The time for the first answer starts again: with the first token, or after a pause.
    pub fn restart_contact(&mut self, now: Instant, contact_ms: u64) {
        if let Some(contact) = &mut self.first_contact {
            *contact = FirstContact { deadline: now.after(contact_ms), last: None };
        }
    }

    /// When the client gives up on a server that has not answered anything.
    pub fn contact_deadline(&self) -> Option<Instant> {
        self.first_contact.as_ref().map(|contact| contact.deadline)
    }

    /// The last failure while the server had not answered anything.
    pub fn last_before_contact(&self) -> Option<Error> {
        self.first_contact.as_ref().and_then(|contact| contact.last.clone())
    }

    /// The server did not know the session of a request; `new`: it had just made it, and no poll has ever succeeded.
    /// Returns `true` if that has happened twice in a row: another session would not help (S9).
    pub fn session_unknown(&mut self, new: bool) -> bool {
        self.unknown_sessions = if new { self.unknown_sessions.saturating_add(1) } else { 0 };
        self.unknown_sessions >= MAX_UNKNOWN_SESSIONS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(90_000);

    fn handshakes() -> (Handshakes, Rng) {
        (Handshakes::new(NOW, 30_000), Rng::new(5))
    }

    fn fail(handshakes: &mut Handshakes, rng: &mut Rng, retry: &Retry) -> Result<Attempt, Error> {
        handshakes.failed(NOW, &Error::NotBayeux, 0, retry, rng)
    }

    #[test]
    fn the_first_handshake_is_due_at_once() {
        let (mut handshakes, _) = handshakes();
        assert_eq!(handshakes.at(), NOW);
        assert!(handshakes.may_go(NOW.after(1), &Retry::default()));
        assert_eq!(handshakes.at(), NOW, "what may go keeps its time");
        handshakes.schedule(NOW.after(5));
        assert_eq!(handshakes.at(), NOW.after(5));
    }

    #[test]
    fn s8a_a_handshake_too_many_is_due_later() {
        let (mut handshakes, _) = handshakes();
        let retry = Retry { handshakes_per_minute: 1, ..Retry::default() };
        handshakes.sent(NOW);
        assert!(!handshakes.may_go(NOW.after(1), &retry));
        assert_eq!(handshakes.at(), NOW.after(60_000));
        assert!(handshakes.may_go(NOW.after(60_000), &retry));
    }

    #[test]
    fn s8a_sessions_left_behind_hold_handshakes_up() {
        let (mut handshakes, _) = handshakes();
        for _ in 0..3 {
            handshakes.session_left_behind(NOW);
        }
        assert!(!handshakes.may_go(NOW, &Retry::default()));
        assert_eq!(handshakes.at(), NOW.after(150_000));
    }

    #[test]
    fn s8_before_the_first_session_ten_retries_are_made() {
        let (mut handshakes, mut rng) = handshakes();
        for failures in 1..=10 {
            let attempt = fail(&mut handshakes, &mut rng, &Retry::default()).expect("a retry");
            assert_eq!((attempt.failures, handshakes.failures()), (failures, failures));
        }
        let error = fail(&mut handshakes, &mut rng, &Retry::default());
        assert_eq!(error, Err(Error::MaxRetries { attempts: 11, last: Box::new(Error::NotBayeux) }));
    }

    #[test]
    fn s8_after_the_first_session_retries_have_no_end() {
        let (mut handshakes, mut rng) = handshakes();
        assert!(!handshakes.has_connected());
        assert!(handshakes.connected());
        assert!(!handshakes.connected() && handshakes.has_connected());
        for _ in 0..100 {
            assert!(fail(&mut handshakes, &mut rng, &Retry::default()).is_ok());
        }
    }

    #[test]
    fn s8_max_retries_is_kept_to() {
        let (mut handshakes, mut rng) = handshakes();
        handshakes.connected();
        let retry = Retry { max_retries: Some(1), ..Retry::default() };
        assert!(fail(&mut handshakes, &mut rng, &retry).is_ok());
        assert!(fail(&mut handshakes, &mut rng, &retry).is_err());
        let retry = Retry { max_retries: Some(0), ..Retry::default() };
        assert_eq!(fail(&mut handshakes, &mut rng, &retry), Err(Error::NotBayeux), "the failure itself");
    }

    #[test]
    fn s8_a_success_counts_anew() {
        let (mut handshakes, mut rng) = handshakes();
        let retry = Retry { max_retries: Some(1), ..Retry::default() };
        assert!(fail(&mut handshakes, &mut rng, &retry).is_ok());
        handshakes.succeeded();
        assert_eq!(handshakes.failures(), 0);
        assert_eq!(fail(&mut handshakes, &mut rng, &retry), Ok(Attempt { failures: 1, delay_ms: 0 }));
    }

    #[test]
    fn s8_the_application_can_hurry() {
        let (mut handshakes, mut rng) = handshakes();
        let _ = fail(&mut handshakes, &mut rng, &Retry::default());
        handshakes.schedule(NOW.after(20_000));
        handshakes.hurry(NOW);
        assert_eq!(handshakes.at(), NOW.after(1_000));
        let mut at = NOW.after(20_000);
        handshakes.hurry_to(NOW.after(4_000), &mut at);
        assert_eq!(at, NOW.after(4_000));
    }

    #[test]
    fn s14_the_server_has_a_time_for_its_first_answer() {
        let (mut handshakes, mut rng) = handshakes();
        assert_eq!(handshakes.contact_deadline(), Some(NOW.after(30_000)));
        assert_eq!(handshakes.last_before_contact(), None);
        let _ = fail(&mut handshakes, &mut rng, &Retry::default());
        assert_eq!(handshakes.last_before_contact(), Some(Error::NotBayeux));
        handshakes.restart_contact(NOW.after(7), 30_000);
        assert_eq!(handshakes.contact_deadline(), Some(NOW.after(30_007)));
        assert_eq!(handshakes.last_before_contact(), None);
        handshakes.contact_made();
        assert_eq!(handshakes.contact_deadline(), None);
        handshakes.restart_contact(NOW, 30_000);
        assert_eq!(handshakes.contact_deadline(), None, "once made, for ever");
    }

    #[test]
    fn s9_two_unknown_sessions_in_a_row_are_too_many() {
        let (mut handshakes, _) = handshakes();
        assert!(!handshakes.session_unknown(true));
        assert!(!handshakes.session_unknown(false));
        assert!(!handshakes.session_unknown(true));
        assert!(handshakes.session_unknown(true));
    }
}
