//! What the client does after a failure: it carries out verdicts (S5 to S10).

use super::status::{GapCause, State, Status};
use super::tokens::Refused;
use super::verdict::{Circumstances, Fate, Verdict, may_mean_unknown};
use super::{Error, Session};
use crate::bayeux::failure::Failure;

impl Session {
    /// What influences a verdict besides the request itself.
    pub(super) fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            auth: self.config.auth,
            salesforce: self.config.salesforce,
            connected_once: self.handshakes.has_connected(),
            retry: &self.config.retry,
            interval_ms: self.poll.interval_ms(),
        }
    }

    /// Carries out a verdict. `token` is the one that the request carried.
    #[inline(never)]
    pub(super) fn carry_out(&mut self, verdict: Verdict, token: u32) {
        match verdict {
            Verdict::Nothing | Verdict::Begin => {}
            Verdict::PollAgain => {
                self.set_state(State::Connected);
                self.poll.after_interval(self.now);
            }
            Verdict::Retry { error, at_least_ms } if self.link.has_session() => {
                self.retry_poll(error, at_least_ms);
            }
            Verdict::Retry { error, at_least_ms } => self.retry_handshake(error, at_least_ms),
            Verdict::NewSession { error, at_least_ms, fate } => self.renew_session(error, at_least_ms, &fate),
            Verdict::NewToken { error, fate } => self.renew_token(token, error, fate == Fate::Alive),
            Verdict::End { error, fate } => {
                if fate == Fate::Gone {
                    self.forget_client_id();
                }
                self.end(Some(error));
            }
        }
    }

    /// Another poll after a back-off.
    #[inline(never)]
    pub(super) fn retry_poll(&mut self, error: Error, at_least_ms: u64) {
        self.poll.failed();
        if let Some(delay_ms) = self.back_off(error, at_least_ms) {
            self.poll.back_off_until(self.now.after(delay_ms));
        }
    }

    /// Another handshake after a back-off.
    #[inline(never)]
    pub(super) fn retry_handshake(&mut self, error: Error, at_least_ms: u64) {
        if let Some(delay_ms) = self.back_off(error, at_least_ms) {
            self.handshakes.schedule(self.now.after(delay_ms));
        }
    }

    /// Counts a failure. Returns the wait before the next attempt, or ends the client if there were too many (S8).
    #[inline(never)]
    pub(super) fn back_off(&mut self, error: Error, at_least_ms: u64) -> Option<u64> {
        match self.handshakes.failed(self.now, &error, at_least_ms, &self.config.retry, &mut self.rng) {
            Ok(attempt) => {
                self.set_state(State::Retrying);
                let (attempt, delay_ms) = (attempt.failures, attempt.delay_ms);
                self.report(Status::Retry { attempt, delay_ms, error });
                Some(delay_ms)
            }
            Err(error) => {
                self.end(Some(error));
                None
            }
        }
    }

    fn renew_session(&mut self, error: Error, at_least_ms: u64, fate: &Fate) {
        let (cause, uncovered, disconnect) = match fate {
            Fate::Unknown(failure) if self.never_knows_sessions(failure) => return,
            Fate::Unknown(_) | Fate::Gone => (GapCause::SessionLost, false, false),
            Fate::Alive => (GapCause::SessionLost, false, true),
            Fate::ResponseLost => (GapCause::ResponseLost, true, true),
        };
        self.leave_session(cause, uncovered, disconnect);
        self.retry_handshake(error, at_least_ms);
    }

    /// The server refused the token that a request carried; `disconnect`: it may still have the session.
    fn renew_token(&mut self, token: u32, error: Error, disconnect: bool) {
        let requests_open = self.lanes.commands().is_some();
        let refused = self.tokens.refused(token, self.now, requests_open);
        match refused {
            Refused::Stale => return,
            Refused::Final => return self.end(Some(error)),
            Refused::Asked | Refused::Spare { .. } | Refused::Ask { .. } => {}
        }
        // A handshake has no session to leave.
        if self.link.has_session() {
            self.leave_session(GapCause::SessionLost, false, disconnect);
        }
        self.handshakes.schedule(self.now);
        match refused {
            Refused::Spare { wait_ms } => self.retry_handshake(error, wait_ms),
            Refused::Ask { wait_ms } => {
                if let Some(delay_ms) = self.back_off(error, wait_ms) {
                    self.tokens.ask_at(self.now.after(delay_ms));
                }
            }
            Refused::Asked | Refused::Stale | Refused::Final => {}
        }
    }

    /// The server does not know the session. Returns `true` if it had just made it, for the second time in a row:
    /// another session would not help, so the client has ended. Once any poll has succeeded, losing a session is
    /// normal.
    fn never_knows_sessions(&mut self, failure: &Failure) -> bool {
        let new =
            !self.poll.was_ever_answered() && self.poll.follows_handshake() && may_mean_unknown(failure);
        if !self.handshakes.session_unknown(new) {
            return false;
        }
        // The server has nothing to disconnect.
        self.forget_client_id();
        let own_cookies = self.config.own_cookies;
        self.end(Some(Error::CookieMissing { failure: failure.clone(), own_cookies }));
        true
    }
}
