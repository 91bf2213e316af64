//! S10, S10a, S5a, X1: access tokens, who they may be sent to, what their refusal means, and when to ask for another one.

use super::backoff::Backoff;
use super::end::FAREWELL_MS;
use super::exchange::{Exchange, Kind, Lane};
use super::handshake::retire;
use super::{Error, Output, Session, Status};
use crate::Instant;
use crate::bayeux::failure::Failure;
use crate::http::endpoint::Endpoint;
use crate::http::headers::check_header;
use crate::salesforce::{Refusal, classify, hosts};
use crate::text::joined;

/// A token with which nothing has succeeded is refused for good when this lies between two refusals.
const REFUSED_AGAIN_MS: u64 = 5_000;

/// A server that is silent for longer than this has let go of the session; Salesforce does so earlier (S10a).
const SILENT_MS: u64 = 60_000;
const SALESFORCE_SILENT_MS: u64 = 40_000;
/// While a server redirects or is silent, the authenticator is not asked more often than this (S10a).
const MOVED_AGAIN_MS: u64 = 300_000;
/// For requests outside the session one token is asked for in this time (S10a).
const ELSEWHERE_AGAIN_MS: u64 = 60_000;

/// The access token, and the next one where it is refused or where the instance may have moved.
pub(super) struct Tokens {
    /// What requests carry. It was given for the endpoint of the configuration.
    current: Option<Token>,
    /// One for the same instance that came while the current one was not refused: the next one (S10a).
    spare: Option<Token>,
    /// The number of the last one that was given.
    newest: u32,
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
    /// Not before this is one asked for on behalf of those again.
    elsewhere_again_at: Instant,
    /// Between attempts to get one for those.
    elsewhere_backoff: Backoff,
    /// The server redirects, or does not answer: from then on its instance may have moved (S10a).
    moved_at: Option<Instant>,
    /// Not before this is the authenticator asked for that reason again.
    moved_again_at: Instant,
    /// A redirect came before the first session, and the authenticator was asked anew: another one is final.
    redirected: bool,
    /// When a token with which nothing had succeeded was first refused; nothing has succeeded since.
    refused_at: Option<Instant>,
}

#[derive(Clone)]
pub(super) struct Token {
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
            spare: None,
            newest: 0,
            old: Vec::new(),
            asking: false,
            ask_at,
            refused: false,
            elsewhere: false,
            elsewhere_again_at: now,
            elsewhere_backoff: Backoff::default(),
            moved_at: None,
            moved_again_at: now,
            redirected: false,
            refused_at: None,
        }
    }

    /// The value of the `Authorization` header.
    pub fn bearer(&self) -> Option<&str> {
        self.current.as_ref().map(|token| token.bearer.as_str())
    }

    /// The one that requests carry now.
    pub fn current(&self) -> Option<Token> {
        self.current.clone()
    }

    /// The tokens that a server could quote.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let given = self.current.iter().chain(&self.spare).map(|token| &token.bearer);
        given.chain(&self.old).filter_map(|bearer| bearer.strip_prefix("Bearer "))
    }

    /// Of the current token; 0 where there is none.
    pub fn number(&self) -> u32 {
        self.current.as_ref().map_or(0, |token| token.number)
    }

    /// Takes another token into use, for as long as it takes to send one request.
    pub fn carry(&mut self, token: Option<Token>) -> Option<Token> {
        core::mem::replace(&mut self.current, token)
    }

    /// Is one on its way, or about to be asked for?
    fn is_awaited(&self) -> bool {
        self.asking || self.ask_at.is_some()
    }

    /// When to ask next. While the instance may have moved, that is a reason by itself.
    fn wake(&self) -> Option<Instant> {
        let moved = || self.moved_at.map(|at| at.max(self.moved_again_at));
        if self.is_awaited() { self.ask_at } else { moved() }
    }

    /// Is the server's silence long enough, or did it redirect?
    fn may_have_moved(&self, now: Instant) -> bool {
        self.moved_at.is_some_and(|at| at <= now)
    }
}

impl Session {
    /// May anything be sent?
    pub(super) fn may_send(&self) -> bool {
        !self.config.auth || self.tokens.current.is_some()
    }

    pub(super) fn schedule_token(&mut self) {
        if self.tokens.wake().is_none_or(|at| at > self.now) {
            return;
        }
        self.tokens.ask_at = None;
        self.tokens.asking = true;
        let moved = self.tokens.may_have_moved(self.now);
        if moved {
            self.tokens.moved_again_at = self.now.after(MOVED_AGAIN_MS);
        }
        let refused = self.tokens.refused;
        self.emit(Output::Authenticate { refused, moved });
    }

    /// At rest a token is fetched for others alone.
    pub(super) fn schedule_token_elsewhere(&mut self) {
        if self.tokens.elsewhere {
            self.schedule_token();
        }
    }

    /// Asks now for a token that could not be had (S8).
    pub(super) fn hurry_token(&mut self) {
        if let Some(at) = &mut self.tokens.ask_at {
            self.backoff.hurry(self.now, at);
        }
    }

    pub(super) fn token_wake(&self) -> Option<Instant> {
        self.tokens.wake()
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
        let token = Token { number, bearer, proven: false };
        self.tokens.newest = number;
        (self.tokens.refused, self.tokens.elsewhere) = (false, false);
        self.tokens.elsewhere_backoff.reset();
        // One for the same instance ends no session (S10a).
        if let Some(current) = &self.tokens.current
            && endpoint == self.config.endpoint
        {
            if current.bearer != token.bearer {
                let before = self.tokens.spare.replace(token);
                self.retire_token(before);
            }
            return;
        }
        if let Some(client_id) = self.client_id.clone() {
            self.leave_session(super::GapCause::SessionLost, self.sound_until, false, Some(client_id));
        } else if self.session_lane.as_ref().is_some_and(|exchange| exchange.kind == Kind::Handshake) {
            // It went elsewhere; of the one under way there may be a session.
            self.abort(Lane::Session);
        }
        if endpoint != self.config.endpoint {
            // Whatever failed did so elsewhere.
            (self.handshake_at, self.tokens.moved_at) = (self.now, None);
        }
        if endpoint.origin() != self.config.endpoint.origin() {
            self.jar = self.jar.callers();
            // Those of a handshake were asked for where the endpoint was.
            self.headers.cancel(Lane::Session);
        }
        self.config.endpoint = endpoint;
        if number == 1 {
            // The login has had its time, and the server has it from now on.
            self.restart_first_contact();
        }
        let (old, spare) = (self.tokens.current.replace(token), self.tokens.spare.take());
        self.retire_token(spare);
        self.retire_token(old);
    }

    fn retire_token(&mut self, token: Option<Token>) {
        if let Some(token) = token {
            retire(&mut self.tokens.old, Some(token.bearer), self.commands_lane.is_some());
        }
    }

    /// There is none: for now, or for good (S10).
    pub(super) fn token_failed(&mut self, message: &str, retryable: bool) {
        if !core::mem::take(&mut self.tokens.asking) || self.ending.is_some() {
            return;
        }
        let message = message.to_owned();
        let moved = self.tokens.may_have_moved(self.now);
        let needed = self.tokens.current.is_none();
        if !retryable && (needed || moved) {
            return self.end(Some(Error::LoginRefused(message)));
        }
        if needed {
            if let Some(delay_ms) = self.back_off(Error::LoginFailed(message), 0) {
                self.tokens.ask_at = Some(self.now.after(delay_ms));
            }
        } else if self.tokens.elsewhere {
            // The session goes on as it is.
            if retryable && self.now < self.tokens.elsewhere_again_at {
                let delay_ms =
                    self.tokens.elsewhere_backoff.next(self.now, 0, &self.config.retry, &mut self.rng);
                self.tokens.ask_at = Some(self.now.after(delay_ms));
            } else {
                self.none_elsewhere();
            }
        } else if moved {
            let attempt = self.backoff.attempts();
            let delay_ms = self.tokens.moved_again_at.since(self.now);
            self.report(Status::Retry { attempt, delay_ms, error: Error::LoginFailed(message) });
        }
    }

    /// Those who wait outside the session get none for now.
    fn none_elsewhere(&mut self) {
        self.tokens.elsewhere = false;
        self.tokens.elsewhere_backoff.reset();
        self.emit(Output::NoToken);
    }

    /// A request outside the session was answered 401: the session goes on with the token that it has (S10a).
    pub(super) fn token_refused_elsewhere(&mut self, number: u32) {
        if number == 0 || self.tokens.newest != number || self.ending.is_some() {
            return;
        }
        self.tokens.elsewhere = true;
        // While one is being fetched, that one serves all (S10).
        if self.tokens.is_awaited() {
            return;
        }
        if self.now < self.tokens.elsewhere_again_at {
            return self.none_elsewhere();
        }
        self.tokens.elsewhere_again_at = self.now.after(ELSEWHERE_AGAIN_MS);
        self.tokens.refused = true;
        self.tokens.ask_at = Some(self.now);
    }

    /// What a failure says of the place where the session is (S10a).
    pub(super) fn note_failure(&mut self, exchange: &Exchange, error: &Error) {
        if !self.config.auth || exchange.epoch != self.epoch {
            return;
        }
        match error {
            Error::Redirect => self.tokens.moved_at = Some(self.now),
            Error::Network(_) | Error::Timeout { .. } => {
                let silent_ms = if self.config.salesforce { SALESFORCE_SILENT_MS } else { SILENT_MS };
                self.tokens.moved_at.get_or_insert(self.now.after(silent_ms));
            }
            _ => {}
        }
    }

    /// The server answers where it is, or is not spoken to.
    pub(super) fn stop_wondering(&mut self) {
        self.tokens.moved_at = None;
    }

    /// The first handshake is redirected: maybe the next token leads to the right place (S10a). `false`: it has, and did
    /// not.
    pub(super) fn asks_for_the_way(&mut self, error: &Error, at_least_ms: u64) -> bool {
        if *error != Error::Redirect || !self.config.auth || self.started || self.tokens.redirected {
            return false;
        }
        self.tokens.redirected = true;
        let (old, spare) = (self.tokens.current.take(), self.tokens.spare.take());
        self.retire_token(spare);
        self.retire_token(old);
        if let Some(delay_ms) = self.back_off(error.clone(), at_least_ms) {
            self.handshake_at = self.now;
            if !self.tokens.asking {
                self.tokens.ask_at = Some(self.now.after(delay_ms));
            }
        }
        true
    }

    /// The server refused the token that a request carried; `farewell`: it may still have the session.
    pub(super) fn unauthorized(&mut self, number: u32, error: Error, farewell: bool) {
        let Some(token) = self.tokens.current.take_if(|token| token.number == number) else { return };
        let proven = token.proven;
        self.retire_token(Some(token));
        let mut wait_ms = 0;
        if proven {
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
        let spare = self.tokens.spare.take();
        if spare.is_none() {
            self.tokens.refused = true;
            if self.tokens.asking {
                return;
            }
        }
        let Some(delay_ms) = self.back_off(error, wait_ms) else { return };
        let at = self.now.after(delay_ms);
        // The one that is kept is used before another is asked for (S10a).
        match spare {
            Some(_) => (self.tokens.current, self.handshake_at) = (spare, at),
            None => self.tokens.ask_at = Some(at),
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
    pub(super) fn after_none(&mut self, exchange: &Exchange, failure: Option<Failure>, interval_ms: u64) {
        let token = exchange.token;
        // Behind a disconnect of its own the server does not know the session, either (S9a).
        let over =
            exchange.disconnect.is_some() || failure.as_ref().is_some_and(|failure| self.is_gone(failure));
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
                let client_id = self.client_id.clone().filter(|_| !over);
                self.leave_session(super::GapCause::SessionLost, self.sound_until, false, client_id);
                self.retry_handshake(error, pause_ms);
            }
            (_, failure) => self.end_by_server(failure, over),
        }
    }

    pub(super) fn tokens_are_no_longer_needed(&mut self) {
        (self.tokens.ask_at, self.tokens.moved_at) = (None, None);
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
            self.owe_farewell(client_id);
        }
        self.restart_followed();
        self.subscriptions.session_lost(self.now);
        self.apply();
    }
}
