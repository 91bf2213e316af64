//! S10, S5a, X1: access tokens, who they may be sent to, and what their refusal means.

use super::end::{FAREWELL_MS, Farewell};
use super::exchange::{Kind, Lane};
use super::handshake::retire;
use super::{Error, Output, Session};
use crate::Instant;
use crate::bayeux::failure::Failure;
use crate::http::endpoint::Endpoint;
use crate::http::headers::check_header;
use crate::salesforce::{Refusal, classify, hosts};
use crate::text::joined;

/// A token with which nothing has succeeded is refused for good when this lies between two refusals.
const REFUSED_AGAIN_MS: u64 = 5_000;

/// The access token, and the next one where it is refused.
pub(super) struct Tokens {
    current: Option<Token>,
    /// The headers' values of those before, which late replies may name (X2).
    old: Vec<String>,
    /// The driver has been asked for one.
    asking: bool,
    /// When to ask next.
    ask_at: Option<Instant>,
    /// The last one was refused.
    refused: bool,
    /// A request outside the session waits for the next one.
    pub elsewhere: bool,
    /// When a token with which nothing had succeeded was first refused; nothing has succeeded since.
    refused_at: Option<Instant>,
}

struct Token {
    number: u32,
    /// The header's value.
    bearer: String,
    /// Something has succeeded with it.
    proven: bool,
}

impl Tokens {
    pub fn new(needed: bool, now: Instant) -> Self {
        let ask_at = needed.then_some(now);
        Self {
            current: None,
            old: Vec::new(),
            asking: false,
            ask_at,
            refused: false,
            elsewhere: false,
            refused_at: None,
        }
    }

    /// The value of the `Authorization` header.
    pub fn bearer(&self) -> Option<&str> {
        self.current.as_ref().map(|token| token.bearer.as_str())
    }

    /// The tokens that a server could quote.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let old = self.old.iter().map(String::as_str);
        self.bearer().into_iter().chain(old).filter_map(|bearer| bearer.strip_prefix("Bearer "))
    }

    /// Of the current token; 0 where there is none.
    pub fn number(&self) -> u32 {
        self.current.as_ref().map_or(0, |token| token.number)
    }
}

impl Session {
    /// May anything be sent?
    pub(super) fn may_send(&self) -> bool {
        !self.config.auth || self.tokens.current.is_some()
    }

    pub(super) fn schedule_token(&mut self) {
        if self.tokens.ask_at.is_none_or(|at| at > self.now) {
            return;
        }
        self.tokens.ask_at = None;
        self.tokens.asking = true;
        let refused = self.tokens.refused;
        self.emit(Output::Authenticate { refused });
    }

    /// At rest a token is fetched for others alone.
    pub(super) fn schedule_token_elsewhere(&mut self) {
        if self.tokens.elsewhere {
            self.schedule_token();
        }
    }

    pub(super) fn token_wake(&self) -> Option<Instant> {
        self.tokens.ask_at
    }

    /// The token that was asked for.
    pub(super) fn token_given(&mut self, number: u32, token: &str, url: &str) {
        if !core::mem::take(&mut self.tokens.asking) || self.ending.is_some() {
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
        let moved = endpoint.origin() != self.config.endpoint.origin();
        // One that was still in use: another request was refused with it.
        if let Some(client_id) = self.client_id.clone() {
            self.leave_session(super::GapCause::SessionLost, self.sound_until, false, Some(client_id));
            self.handshake_at = self.now;
        } else if self.session_lane.as_ref().is_some_and(|exchange| exchange.kind == Kind::Handshake) {
            // A new token means a new handshake; of the one under way there may be a session.
            self.abort(Lane::Session);
            self.storm.session_left_behind(self.now);
        }
        if moved {
            self.jar = self.jar.callers();
            // Those of a handshake were asked for where the endpoint was.
            self.headers.cancel(Lane::Session);
        }
        self.config.endpoint = endpoint;
        if let Some(old) = self.tokens.current.replace(Token { number, bearer, proven: false }) {
            retire(&mut self.tokens.old, Some(old.bearer), self.commands_lane.is_some());
        }
        (self.tokens.refused, self.tokens.elsewhere) = (false, false);
    }

    /// There is none: for now, or for good (S10).
    pub(super) fn token_failed(&mut self, message: &str, retryable: bool) {
        if !core::mem::take(&mut self.tokens.asking) || self.ending.is_some() {
            return;
        }
        let message = message.to_owned();
        if !retryable {
            return self.end(Some(Error::LoginRefused(message)));
        }
        if let Some(delay_ms) = self.back_off(Error::LoginFailed(message), 0) {
            self.tokens.ask_at = Some(self.now.after(delay_ms));
        }
    }

    /// A request outside the session was answered 401: the session goes on until there is a new token.
    pub(super) fn token_refused_elsewhere(&mut self, number: u32) {
        if number == 0 || self.tokens.number() != number || self.ending.is_some() {
            return;
        }
        self.tokens.elsewhere = true;
        // While one is being fetched, that one serves all (S10).
        if !self.tokens.asking && self.tokens.ask_at.is_none() {
            self.tokens.refused = true;
            self.tokens.ask_at = Some(self.now);
        }
    }

    /// The server refused the token that a request carried; `farewell`: it may still have the session.
    pub(super) fn unauthorized(&mut self, number: u32, error: Error, farewell: bool) {
        let Some(token) = self.tokens.current.take_if(|token| token.number == number) else { return };
        retire(&mut self.tokens.old, Some(token.bearer), self.commands_lane.is_some());
        let mut wait_ms = 0;
        if token.proven {
            self.tokens.refused_at = None;
        } else {
            let first = *self.tokens.refused_at.get_or_insert(self.now);
            let ago_ms = self.now.since(first);
            if ago_ms >= REFUSED_AGAIN_MS {
                return self.end(Some(error));
            }
            if first != self.now {
                wait_ms = REFUSED_AGAIN_MS - ago_ms;
            }
        }
        // A handshake has no session to leave.
        if let Some(client_id) = self.client_id.clone() {
            let client_id = Some(client_id).filter(|_| farewell);
            self.leave_session(super::GapCause::SessionLost, self.sound_until, false, client_id);
        }
        self.handshake_at = self.now;
        self.tokens.refused = true;
        if self.tokens.asking {
            return;
        }
        if let Some(delay_ms) = self.back_off(error, wait_ms) {
            self.tokens.ask_at = Some(self.now.after(delay_ms));
        }
    }

    /// Something has succeeded with this token.
    pub(super) fn token_proven(&mut self, number: u32) {
        if let Some(token) = self.tokens.current.as_mut().filter(|token| token.number == number) {
            token.proven = true;
            self.tokens.refused_at = None;
        }
    }

    /// Does the failure say that the token is not good (any more), and can there be another one?
    pub(super) fn is_unauthorized(&self, failure: &Failure) -> bool {
        self.config.auth && classify(failure) == Some(Refusal::Unauthorized)
    }

    /// How long at least to wait after this failure: limits are never hammered (S5a, S11).
    pub(super) fn pause_ms(&self, failure: &Failure) -> u64 {
        let retry = &self.config.retry;
        match classify(failure) {
            Some(Refusal::ServerBusy) => retry.initial_delay_ms,
            Some(Refusal::ConcurrentLimit) => retry.max_delay_ms,
            Some(Refusal::DailyLimit) => retry.max_delay_ms.saturating_mul(10),
            _ => 0,
        }
    }

    /// The server forbids to come back. Where there can be another token, or it was only a bad moment, there is a new session
    /// all the same (S5a).
    pub(super) fn after_none(&mut self, token: u32, failure: Option<Failure>, interval_ms: u64) {
        let refusal = failure.as_ref().and_then(classify);
        let auth = self.config.auth;
        let error = Error::ServerEnded(failure.clone());
        let salesforce = self.config.salesforce;
        match (refusal, failure) {
            (Some(Refusal::Unauthorized), _) if auth => self.unauthorized(token, error, false),
            (Some(Refusal::UnknownClient), _) if auth && salesforce => self.unauthorized(token, error, false),
            (Some(Refusal::ServerBusy | Refusal::ConcurrentLimit | Refusal::DailyLimit), Some(failure))
                if salesforce =>
            {
                let pause_ms = self.pause_ms(&failure).max(interval_ms);
                self.lose_session(error, pause_ms);
            }
            (_, failure) => self.end_by_server(failure),
        }
    }

    pub(super) fn tokens_are_no_longer_needed(&mut self) {
        self.tokens.ask_at = None;
    }

    /// Where a token may be sent (X1): https, or this machine; the url's own host, and those that are allowed.
    ///
    /// # Errors
    /// [`Error::InstanceRefused`].
    pub fn check_instance(&self, url: &str) -> Result<Endpoint, Error> {
        let refused = |at: &str| Error::InstanceRefused(at.to_owned());
        let Ok(endpoint) = Endpoint::parse(url) else { return Err(refused("what is no URL")) };
        let own = &self.own_endpoint;
        let local = endpoint.is_loopback() && own.is_loopback();
        let host = endpoint.host();
        let known = self.config.salesforce && hosts::is_salesforce(host)
            || hosts::allowed(host, &self.config.allowed_hosts);
        if local || endpoint.is_secure() && (known || endpoint.origin() == own.origin()) {
            return Ok(endpoint);
        }
        Err(refused(endpoint.origin()))
    }

    /// Tells the server that the old session is over, before there is a new one (R7d).
    pub(super) fn schedule_farewell(&mut self) {
        if self.session_lane.is_some() || !self.may_send() || self.farewell.is_none() {
            return;
        }
        if !self.has_headers(Lane::Session, FAREWELL_MS) {
            return;
        }
        if let Some(farewell) = self.farewell.take() {
            self.say_farewell(farewell);
        }
    }

    /// Leaves the session; with a client id, the server will be told.
    pub(super) fn leave_session(
        &mut self,
        cause: super::GapCause,
        mut since: Instant,
        uncovered: bool,
        farewell: Option<String>,
    ) {
        // What is still in flight may be lost with the session.
        for lane in [&self.session_lane, &self.commands_lane] {
            since.pull_to(lane.as_ref().map_or(Instant::NEVER, |exchange| exchange.since));
        }
        self.gap(cause, since, uncovered);
        self.forget_session();
        if let Some(client_id) = farewell {
            // The new handshake carries none of the old cookies (R7d), but for those of the caller.
            let callers = self.jar.callers();
            let jar = core::mem::replace(&mut self.jar, callers);
            let endpoint = self.config.endpoint.clone();
            self.farewell = Some(Farewell { client_id, jar, endpoint });
        }
        self.restart_followed();
        self.subscriptions.session_lost(self.now);
        self.apply();
    }
}
