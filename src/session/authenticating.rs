//! S10, S10a, X1: asking for access tokens, and where they may be sent.

use super::lanes::LaneId;
use super::status::{GapCause, Status};
use super::tokens::{Ask, Given, Missing};
use super::{Error, Output, Session};
use crate::http::endpoint::Endpoint;
use crate::http::headers::check_header;
use crate::salesforce::hosts;
use crate::text::joined;

/// A server that is silent for longer than this has dropped the session; Salesforce drops it earlier (S10a).
const SILENT_MS: u64 = 60_000;
const SALESFORCE_SILENT_MS: u64 = 40_000;

impl Session {
    pub(super) fn schedule_token(&mut self) {
        if self.tokens.wake().is_some_and(|at| at <= self.now) {
            let Ask { refused, moved } = self.tokens.ask(self.now);
            self.emit(Output::Authenticate { refused, moved });
        }
    }

    /// The token that was asked for.
    pub(super) fn token_given(&mut self, number: u32, token: &str, url: &str) {
        if !self.tokens.is_asking() {
            return;
        }
        let endpoint = match self.check_instance(url) {
            Ok(endpoint) => endpoint,
            Err(error) => return self.end(Some(error)),
        };
        let bearer = joined(&["Bearer ", token], "");
        if token.is_empty() || check_header("Authorization", &bearer).is_err() {
            return self.end(Some(Error::LoginRefused("the token cannot be sent in a header".to_owned())));
        }
        let same = endpoint == *self.link.endpoint();
        if !same || self.tokens.current().is_none() {
            // Before the new token is in use: the disconnect of the old session carries the old one.
            if self.link.has_session() {
                self.leave_session(GapCause::SessionLost, false, true);
            } else if self.is_shaking_hands() {
                // The handshake under way goes to the old endpoint, and may have made a session there.
                self.abort(LaneId::Session);
            }
        }
        if self.tokens.given(number, bearer, same, self.lanes.is_open(LaneId::Commands)) != Given::InUse {
            return;
        }
        if !same {
            self.handshakes.schedule(self.now);
        }
        if self.link.move_to(endpoint) {
            // These headers were requested for a handshake with the old endpoint.
            self.lanes.cancel_headers(LaneId::Session);
        }
        if number == 1 {
            // The time limit of the login ends, and that of the server's first answer begins.
            self.handshakes.restart_contact(self.now, self.config.connect_timeout_ms);
        }
    }

    /// The authenticator has no token, for now or for good (S10).
    pub(super) fn token_failed(&mut self, message: &str, retryable: bool) {
        let message = message.to_owned();
        match self.tokens.missing(self.now, retryable, &self.config.retry, &mut self.rng) {
            Missing::Nothing => {}
            Missing::Refused => self.end(Some(Error::LoginRefused(message))),
            Missing::Retry => {
                if let Some(delay_ms) = self.back_off(Error::LoginFailed(message), 0) {
                    self.tokens.ask_at(self.now.after(delay_ms));
                }
            }
            Missing::NoneElsewhere => self.emit(Output::NoToken),
            Missing::StillMoved { delay_ms } => {
                let (attempt, error) = (self.handshakes.failures(), Error::LoginFailed(message));
                self.report(Status::Retry { attempt, delay_ms, error });
            }
        }
    }

    /// A request outside the session was answered with 401.
    pub(super) fn token_refused_elsewhere(&mut self, number: u32) {
        if !self.shutdown.has_begun() && self.tokens.refused_elsewhere(number, self.now) {
            self.emit(Output::NoToken);
        }
    }

    /// Notes what a failure says about the endpoint: has the instance moved (S10a)?
    pub(super) fn note_failure(&mut self, error: &Error) {
        match error {
            Error::Redirect => self.tokens.instance_may_move(self.now),
            Error::Network(_) | Error::Timeout { .. } => {
                let silent_ms = if self.config.salesforce { SALESFORCE_SILENT_MS } else { SILENT_MS };
                self.tokens.instance_may_move(self.now.after(silent_ms));
            }
            _ => {}
        }
    }

    /// Checks where a token may be sent (X1): over https or to this machine, and only to the url's own host or an
    /// allowed one.
    ///
    /// # Errors
    /// [`Error::InstanceRefused`].
    pub fn check_instance(&self, url: &str) -> Result<Endpoint, Error> {
        let refused = |at: &str| Error::InstanceRefused(at.to_owned());
        let Ok(endpoint) = Endpoint::parse(url) else { return Err(refused("what is no URL")) };
        let own = self.link.configured();
        let local = endpoint.is_loopback() && own.is_loopback();
        let host = endpoint.host();
        let known = self.config.salesforce && hosts::is_salesforce(host)
            || hosts::allowed(host, &self.config.allowed_hosts);
        if local || endpoint.is_secure() && (known || endpoint.origin() == own.origin()) {
            return Ok(endpoint);
        }
        Err(refused(endpoint.origin()))
    }
}
