//! The poll: when and how to send it (S4, S6, S8b), and what is known from earlier ones (A1, A2).

use super::acks::Acks;
use crate::Instant;
use crate::bayeux::advice::Advice;
use crate::bayeux::message::Ack;

/// The timeout of a server that advises none (S4).
const DEFAULT_TIMEOUT_MS: u64 = 110_000;
/// A poll that was cut earlier than this was not cut because of its age (S8b).
const MIN_CUT_AGE_MS: u64 = 1_000;
/// This many undecodable bodies in a row end the client (X3), so that an event that comes again cannot cause an endless
/// loop.
const MAX_UNDECODABLE: u8 = 3;

/// The state of the polls of this client.
pub(super) struct Poll {
    /// When the next one goes out.
    at: Instant,
    /// The next poll waits because the last one failed, and not because the server wants it to.
    backing_off: bool,
    interval_ms: u64,
    timeout_ms: Option<u64>,
    max_interval_ms: Option<u64>,
    multiple_clients: bool,
    /// The largest timeout advised on this url: servers may advise it once and leave it out later (S4).
    largest_timeout_ms: Option<u64>,
    /// The next poll asks for an answer at once, to learn quickly whether the session is alive.
    probe: bool,
    /// The age at which the last poll was cut (S8b).
    cut_age_ms: Option<u64>,
    /// Polls must be shorter than this to pass a proxy (S8b).
    proxy_limit_ms: Option<u64>,
    acks: Option<Acks>,
    /// The last poll was lost. The server may still hold it, and put events into it until the next one replaces it.
    lost: bool,
    /// A poll of this session has succeeded.
    answered: bool,
    /// A poll has succeeded, in any session.
    ever_answered: bool,
    /// The next poll is the first of this session and follows the handshake without a pause, so the server cannot have
    /// expired the session in between.
    follows_handshake: bool,
    /// The last poll was sent when every wanted channel was subscribed, so replayed events have come or come with it.
    covers_all: bool,
    /// Bodies in a row that could not be decoded (X3).
    undecodable: u8,
}

/// How the next poll is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NextPoll {
    /// How long it asks the server to hold it.
    pub timeout_ms: Option<u64>,
    /// The number that it acknowledges.
    pub ack: Option<String>,
    /// The server may hold it until it has something to deliver.
    pub parked: bool,
}

/// How a poll ended.
pub(super) struct EndedPoll<'a> {
    pub parked: bool,
    pub age_ms: u64,
    pub successful: bool,
    /// The number of its batch, if the server gave one.
    pub batch: Option<&'a str>,
    /// The number of events in it.
    pub events: u32,
    /// What could not be decoded would have come again by now.
    pub nothing_outstanding: bool,
}

impl Poll {
    pub fn new(now: Instant) -> Self {
        Self {
            at: now,
            backing_off: false,
            interval_ms: 0,
            timeout_ms: None,
            max_interval_ms: None,
            multiple_clients: false,
            largest_timeout_ms: None,
            probe: true,
            cut_age_ms: None,
            proxy_limit_ms: None,
            acks: None,
            lost: false,
            answered: false,
            ever_answered: false,
            follows_handshake: false,
            covers_all: false,
            undecodable: 0,
        }
    }

    /// A session has begun: advice starts anew with each handshake (S4), and so does acknowledging.
    pub fn session_began(&mut self, advice: &Advice, ack: Option<Ack>, now: Instant) {
        self.timeout_ms = None;
        self.multiple_clients = false;
        self.replace_advice(advice);
        self.probe = true;
        (self.lost, self.answered, self.covers_all, self.follows_handshake) = (false, false, false, true);
        self.after_interval(now);
        self.acks = Acks::granted(ack);
    }

    /// The session of an earlier client continues (S17): `ack` is the number to acknowledge next, with the events to be
    /// skipped if the extension was in use; `lost`: its last poll was lost.
    pub fn session_resumed(&mut self, ack: Option<(String, Option<u32>)>, lost: bool) {
        self.acks = ack.map(|(number, skip)| Acks::resumed(number, skip));
        // With the extension the server sends again what it holds (A1).
        self.lost = lost && !self.acknowledges();
    }

    /// Takes the advice of a connect reply or a disconnect. Returns `true` if it says for the first time that the
    /// server sees several clients in this browser.
    pub fn advise(&mut self, advice: &Advice) -> bool {
        self.replace_advice(advice);
        let before = core::mem::replace(&mut self.multiple_clients, advice.multiple_clients);
        advice.multiple_clients && !before
    }

    /// New advice replaces the old as a whole (S4).
    fn replace_advice(&mut self, advice: &Advice) {
        self.interval_ms = u64::try_from(advice.interval_ms.unwrap_or(0)).unwrap_or(0);
        self.timeout_ms = advice.timeout_ms;
        self.largest_timeout_ms = self.largest_timeout_ms.max(advice.timeout_ms);
        self.max_interval_ms = advice.max_interval_ms;
    }

    /// The advised wait between two polls.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms
    }

    /// How long the server holds a poll.
    pub fn timeout_ms(&self) -> u64 {
        self.timeout_ms.or(self.largest_timeout_ms).unwrap_or(DEFAULT_TIMEOUT_MS)
    }

    /// How long the server keeps a session without a poll, if it says so.
    pub fn max_interval_ms(&self) -> Option<u64> {
        self.max_interval_ms
    }

    /// When the next poll goes out.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// The next poll follows this one, which has just ended, after the advised interval (S6).
    pub fn after_interval(&mut self, now: Instant) {
        (self.at, self.backing_off) = (now.after(self.interval_ms), false);
    }

    /// The next poll follows one that failed: it asks for an answer at once.
    pub fn back_off_until(&mut self, at: Instant) {
        (self.at, self.backing_off) = (at, true);
        self.probe();
    }

    /// The server may have expired the session before the next poll.
    pub fn failed(&mut self) {
        self.follows_handshake = false;
    }

    /// The next poll asks for an answer at once.
    pub fn probe(&mut self) {
        self.probe = true;
    }

    /// Whether the next poll asks for an answer at once.
    pub fn is_probe(&self) -> bool {
        self.probe
    }

    /// When the next poll goes out, if a back-off delays it.
    pub fn back_off_end(&mut self) -> Option<&mut Instant> {
        self.backing_off.then_some(&mut self.at)
    }

    /// The next poll goes out now; `all_subscribed`: the server delivers every wanted channel.
    pub fn next(&mut self, all_subscribed: bool) -> NextPoll {
        let probe = core::mem::take(&mut self.probe);
        let shorter = self.proxy_limit_ms.filter(|limit| *limit < self.timeout_ms());
        self.covers_all = all_subscribed;
        NextPoll {
            timeout_ms: if probe { Some(0) } else { shorter },
            ack: self.acks.as_ref().map(|acks| acks.number().to_owned()),
            parked: !probe,
        }
    }

    /// A body has arrived whole. Returns `false` if a batch that was cut is not sent again after all (A1): then the cut
    /// counts as a loss after all.
    pub fn ended(&mut self, poll: &EndedPoll<'_>) -> bool {
        if poll.nothing_outstanding {
            self.undecodable = 0;
        }
        if poll.parked && self.cut_age_ms.is_some_and(|cut| poll.age_ms > cut / 10 * 11) {
            self.cut_age_ms = None;
        }
        if let Some(acks) = &mut self.acks
            && !acks.body_ended(poll.batch, poll.successful, poll.events)
        {
            return false;
        }
        if poll.successful {
            (self.lost, self.backing_off) = (false, false);
            (self.answered, self.ever_answered) = (true, true);
        }
        true
    }

    /// A body was cut after `events` events. The next poll repeats the number, so the server sends them again (A1).
    pub fn cut(&mut self, events: u32) {
        if let Some(acks) = &mut self.acks {
            acks.body_cut(events);
        }
    }

    /// Something on the way to the server cut a held poll at this age; two similar ages mean a proxy (S8b).
    pub fn cut_by_proxy(&mut self, age_ms: u64) {
        // A proxy whose timeout equals the server's cuts a little after it.
        if age_ms < MIN_CUT_AGE_MS {
            return;
        }
        if let Some(known) = self.cut_age_ms
            && known.abs_diff(age_ms) <= (known / 10).max(MIN_CUT_AGE_MS / 2)
        {
            self.proxy_limit_ms = Some(age_ms.min(known) / 4 * 3);
        }
        self.cut_age_ms = Some(age_ms);
    }

    /// The poll was lost, and its events do not come again by acknowledgement.
    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Whether the server may still hold a lost poll, and put events into it.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// The number of events at the beginning of the next body that were given out before (A1).
    pub fn skip(&self) -> u32 {
        self.acks.as_ref().map_or(0, Acks::skip)
    }

    /// Whether the acknowledgement extension is in use (A1).
    pub fn acknowledges(&self) -> bool {
        self.acks.as_ref().is_some_and(Acks::in_use)
    }

    /// The acknowledgements for a snapshot: the number, with the events to be skipped if the extension is in use.
    pub fn batch(&self) -> Option<(&str, Option<u32>)> {
        self.acks.as_ref().map(|acks| (acks.number(), acks.in_use().then(|| acks.skip())))
    }

    /// Whether a poll of this session has succeeded.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// Whether a poll has succeeded in any session.
    pub fn was_ever_answered(&self) -> bool {
        self.ever_answered
    }

    /// Whether the next poll, or the one under way, follows the handshake directly.
    pub fn follows_handshake(&self) -> bool {
        self.follows_handshake
    }

    /// A subscribe was accepted; `held`: the server holds a poll, which it answers with the replayed events.
    pub fn subscribed(&mut self, held: bool) {
        self.covers_all = held;
    }

    /// Whether the last poll was sent when every wanted channel was subscribed.
    pub fn covers_all(&self) -> bool {
        self.covers_all
    }

    /// A body could not be decoded. Returns `true` when that has happened too often in a row (X3).
    pub fn undecodable(&mut self) -> bool {
        self.undecodable = self.undecodable.saturating_add(1);
        self.undecodable >= MAX_UNDECODABLE
    }

    /// A new event has come, so the bodies that cannot be decoded are not all the same one.
    pub fn decoded(&mut self) {
        self.undecodable = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bayeux::Message;

    const NOW: Instant = Instant::from_millis(10_000);

    fn advice(raw: &str) -> Advice {
        Advice::parse(raw, "long-polling")
    }

    fn granted() -> Option<Ack> {
        Message::parse(r#"{"channel":"/meta/handshake","ext":{"ack":true}}"#.to_owned())
            .and_then(|reply| reply.ack())
    }

    /// A session that has just begun, without the acknowledgement extension.
    fn poll() -> Poll {
        let mut poll = Poll::new(NOW);
        poll.session_began(&Advice::default(), None, NOW);
        poll
    }

    fn whole<'a>() -> EndedPoll<'a> {
        EndedPoll {
            parked: true,
            age_ms: 5_000,
            successful: true,
            batch: None,
            events: 0,
            nothing_outstanding: false,
        }
    }

    #[test]
    fn s4_advice_replaces_advice_whole() {
        let mut poll = poll();
        assert_eq!((poll.interval_ms(), poll.timeout_ms(), poll.max_interval_ms()), (0, 110_000, None));
        poll.advise(&advice(r#"{"interval":500,"timeout":20000,"maxInterval":9000}"#));
        assert_eq!(
            (poll.interval_ms(), poll.timeout_ms(), poll.max_interval_ms()),
            (500, 20_000, Some(9_000))
        );
        poll.advise(&advice("{}"));
        assert_eq!((poll.interval_ms(), poll.timeout_ms(), poll.max_interval_ms()), (0, 20_000, None));
        poll.advise(&advice(r#"{"timeout":10000}"#));
        assert_eq!(poll.timeout_ms(), 10_000);
        poll.advise(&advice("{}"));
        assert_eq!(poll.timeout_ms(), 20_000, "the largest one advised");
    }

    #[test]
    fn s4_a_handshake_resets_the_advice() {
        let mut poll = poll();
        poll.advise(&advice(r#"{"interval":500,"timeout":20000,"multiple-clients":true}"#));
        poll.session_began(&Advice::default(), None, NOW);
        assert_eq!((poll.interval_ms(), poll.timeout_ms()), (0, 20_000));
        assert!(poll.advise(&advice(r#"{"multiple-clients":true}"#)), "news again");
    }

    #[test]
    fn s6_the_interval_counts_from_the_end() {
        let mut poll = Poll::new(NOW);
        assert_eq!(poll.at(), NOW);
        poll.session_began(&advice(r#"{"interval":700}"#), None, NOW);
        assert_eq!(poll.at(), NOW.after(700));
        poll.after_interval(NOW.after(1_000));
        assert_eq!(poll.at(), NOW.after(1_700));
        assert_eq!(poll.back_off_end(), None);
        poll.advise(&advice(r#"{"interval":-1}"#));
        assert_eq!(poll.interval_ms(), 0);
    }

    #[test]
    fn several_clients_are_told_once() {
        let mut poll = poll();
        let several = advice(r#"{"multiple-clients":true}"#);
        assert!(poll.advise(&several));
        assert!(!poll.advise(&several));
        assert!(!poll.advise(&Advice::default()));
        assert!(poll.advise(&several));
    }

    #[test]
    fn the_first_poll_is_a_probe_and_the_next_is_parked() {
        let mut poll = poll();
        assert!(poll.is_probe());
        assert_eq!(poll.next(false), NextPoll { timeout_ms: Some(0), ack: None, parked: false });
        assert!(!poll.is_probe());
        assert_eq!(poll.next(false), NextPoll { timeout_ms: None, ack: None, parked: true });
        poll.probe();
        assert!(!poll.next(false).parked);
    }

    #[test]
    fn s8_after_a_failure_the_next_poll_is_a_probe() {
        let mut poll = poll();
        poll.next(false);
        poll.back_off_until(NOW.after(3_000));
        assert_eq!((poll.at(), poll.is_probe()), (NOW.after(3_000), true));
        assert_eq!(poll.back_off_end(), Some(&mut NOW.after(3_000)));
        assert!(poll.ended(&whole()));
        assert_eq!(poll.back_off_end(), None);
    }

    #[test]
    fn a_new_session_does_not_wait_for_the_back_off_of_the_last() {
        let mut poll = poll();
        poll.back_off_until(NOW.after(3_000));
        poll.next(true);
        poll.session_began(&Advice::default(), None, NOW);
        assert_eq!((poll.at(), poll.is_probe()), (NOW, true));
        assert_eq!(poll.back_off_end(), None);
    }

    #[test]
    fn a1_each_poll_acknowledges_the_last_whole_batch() {
        let mut poll = Poll::new(NOW);
        poll.session_began(&Advice::default(), granted(), NOW);
        assert!(!poll.acknowledges());
        assert_eq!(poll.batch(), Some(("0", None)));
        assert_eq!(poll.next(false).ack.as_deref(), Some("0"));
        assert!(poll.ended(&EndedPoll { batch: Some("4"), events: 2, ..whole() }));
        assert!(poll.acknowledges());
        poll.cut(3);
        assert_eq!((poll.skip(), poll.batch()), (3, Some(("4", Some(3)))));
        assert_eq!(poll.next(false).ack.as_deref(), Some("4"));
    }

    #[test]
    fn a1_a_batch_that_does_not_come_again_is_no_success() {
        let mut poll = Poll::new(NOW);
        poll.session_began(&Advice::default(), granted(), NOW);
        assert!(poll.ended(&EndedPoll { batch: Some("4"), successful: false, ..whole() }));
        assert!(!poll.is_answered());
        poll.cut(3);
        assert!(!poll.ended(&whole()));
        assert!(!poll.is_answered());
    }

    #[test]
    fn without_the_extension_nothing_is_skipped() {
        let mut poll = poll();
        poll.cut(3);
        assert_eq!((poll.skip(), poll.batch(), poll.acknowledges()), (0, None, false));
    }

    #[test]
    fn s17_an_earlier_client_s_numbers_go_on() {
        let mut poll = Poll::new(NOW);
        poll.session_resumed(Some(("8".to_owned(), Some(2))), true);
        assert_eq!((poll.skip(), poll.is_lost()), (2, false));
        poll.session_resumed(Some(("8".to_owned(), None)), true);
        assert_eq!((poll.skip(), poll.is_lost()), (0, true));
        poll.session_resumed(None, false);
        assert_eq!((poll.batch(), poll.is_lost()), (None, false));
    }

    #[test]
    fn r7_a_lost_poll_is_open_until_one_succeeds() {
        let mut poll = poll();
        assert!(!poll.is_lost());
        poll.lose();
        assert!(poll.ended(&EndedPoll { successful: false, ..whole() }));
        assert!(poll.is_lost());
        assert!(poll.ended(&whole()));
        assert!(!poll.is_lost());
        poll.lose();
        poll.session_began(&Advice::default(), None, NOW);
        assert!(!poll.is_lost());
    }

    #[test]
    fn the_answers_of_a_session_are_told_from_those_of_all() {
        let mut poll = poll();
        assert!(!poll.is_answered() && !poll.was_ever_answered());
        assert!(poll.ended(&whole()));
        assert!(poll.is_answered() && poll.was_ever_answered());
        poll.session_began(&Advice::default(), None, NOW);
        assert!(!poll.is_answered() && poll.was_ever_answered());
    }

    #[test]
    fn s9_a_poll_follows_its_handshake_until_one_fails() {
        let mut poll = Poll::new(NOW);
        assert!(!poll.follows_handshake());
        poll.session_began(&Advice::default(), None, NOW);
        assert!(poll.follows_handshake());
        poll.failed();
        assert!(!poll.follows_handshake());
    }

    #[test]
    fn d1_a_poll_covers_what_was_subscribed_before_it() {
        let mut poll = poll();
        poll.next(true);
        assert!(poll.covers_all());
        poll.subscribed(false);
        assert!(!poll.covers_all());
        poll.subscribed(true);
        assert!(poll.covers_all());
        poll.next(false);
        assert!(!poll.covers_all());
        poll.next(true);
        poll.session_began(&Advice::default(), None, NOW);
        assert!(!poll.covers_all());
    }

    #[test]
    fn s8b_two_cuts_of_a_similar_age_mean_a_proxy() {
        let mut poll = poll();
        poll.next(false);
        poll.cut_by_proxy(60_000);
        assert_eq!(poll.next(false).timeout_ms, None);
        poll.cut_by_proxy(66_000);
        assert_eq!(poll.next(false).timeout_ms, Some(45_000), "three quarters of the shorter");
    }

    #[test]
    fn s8b_cuts_of_different_ages_mean_nothing() {
        let mut poll = poll();
        poll.next(false);
        poll.cut_by_proxy(60_000);
        poll.cut_by_proxy(66_001);
        poll.cut_by_proxy(50_000);
        assert_eq!(poll.next(false).timeout_ms, None);
    }

    #[test]
    fn s8b_short_cuts_are_compared_to_half_a_second() {
        let mut poll = poll();
        poll.next(false);
        poll.cut_by_proxy(1_000);
        poll.cut_by_proxy(1_501);
        assert_eq!(poll.next(false).timeout_ms, None);
        poll.cut_by_proxy(1_001);
        assert_eq!(poll.next(false).timeout_ms, Some(750));
    }

    #[test]
    fn s8b_a_young_poll_was_not_cut_for_its_age() {
        let mut poll = poll();
        poll.next(false);
        poll.cut_by_proxy(999);
        poll.cut_by_proxy(999);
        assert_eq!(poll.next(false).timeout_ms, None);
        poll.cut_by_proxy(1_000);
        poll.cut_by_proxy(1_000);
        assert_eq!(poll.next(false).timeout_ms, Some(750), "a second is old enough");
    }

    #[test]
    fn s8b_a_poll_that_outlives_the_cut_disproves_the_proxy() {
        for (age_ms, parked, timeout_ms) in
            [(66_000, true, Some(45_000)), (66_001, true, None), (66_001, false, Some(45_000))]
        {
            let mut poll = poll();
            poll.next(false);
            poll.cut_by_proxy(60_000);
            assert!(poll.ended(&EndedPoll { age_ms, parked, ..whole() }));
            poll.cut_by_proxy(60_000);
            assert_eq!(poll.next(false).timeout_ms, timeout_ms, "{age_ms} {parked}");
        }
    }

    #[test]
    fn s8b_a_limit_that_is_no_shorter_is_not_asked_for() {
        let mut poll = poll();
        poll.next(false);
        poll.cut_by_proxy(60_000);
        poll.cut_by_proxy(60_000);
        poll.advise(&advice(r#"{"timeout":45000}"#));
        assert_eq!(poll.next(false).timeout_ms, None);
        poll.advise(&advice(r#"{"timeout":45001}"#));
        assert_eq!(poll.next(false).timeout_ms, Some(45_000));
    }

    #[test]
    fn x3_three_undecodable_bodies_in_a_row_are_too_many() {
        let mut poll = poll();
        assert!(!poll.undecodable() && !poll.undecodable());
        assert!(poll.ended(&whole()));
        assert!(poll.undecodable());
        poll.decoded();
        assert!(!poll.undecodable());
        assert!(poll.ended(&EndedPoll { nothing_outstanding: true, ..whole() }));
        assert!(!poll.undecodable() && !poll.undecodable());
        assert!(poll.undecodable());
    }
}
