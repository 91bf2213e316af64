//! The client's state machine: handshake, poll, commands, recovery. No I/O, no clock, no randomness.

mod acks;
mod backoff;
mod body;
mod calls;
mod commands;
mod config;
mod connect;
mod contact;
mod debug;
mod end;
mod error;
mod exchange;
mod flow;
mod followed;
mod handshake;
mod headers;
mod io;
mod messages;
mod misuse;
mod receive;
mod refusals;
mod request;
mod rest;
mod retry_now;
mod snapshot;
mod status;
mod subscriptions;
mod tokens;

use std::borrow::Cow;
use std::collections::VecDeque;

use backoff::{Backoff, Rng, StormGuard};
use calls::Call;
pub use config::{Config, Inspect, Limits, Retry};
use connect::Polling;
use contact::FirstContact;
use end::{Ending, Farewell};
pub use error::{Broken, Error};
use exchange::{Exchange, Lane, Publish, Raw};
use flow::{Flow, FlowChange};
use followed::Followed;
use headers::Headers;
pub use io::{Command, Event, Follow, Input, Output, Request, RequestId, body_of};
pub use misuse::ApiMisuse;
use rest::{Drain, Rest};
use snapshot::Snapshot;
pub use status::{GapCause, State, Status};
use subscriptions::{Change, Subscriptions};
use tokens::Tokens;

use crate::Instant;
use crate::bayeux::json;
use crate::http::cookies::{Giver, Jar};
use crate::http::endpoint::Endpoint;
use crate::text::decimal;

/// One client: a Bayeux session, the next one when that is lost, and what the application wants of them.
///
/// Two calls drive it. [`handle_input`](Self::handle_input) takes in what happened and when;
/// [`poll_output`](Self::poll_output) gives out what to do. After every input, or after all inputs of one turn of the
/// driver's event loop, drain `poll_output` to [`Output::Wait`]. Commands handed in between two drains share a request
/// (S3). Network data never makes `handle_input` fail.
pub struct Session {
    config: Config,
    rng: Rng,
    now: Instant,
    out: VecDeque<Output>,
    state: State,
    ending: Option<Ending>,

    /// The client id as a raw JSON token, while there is a session.
    client_id: Option<String>,
    /// Those of the sessions before, which late replies may name (X2).
    old_client_ids: Vec<String>,
    /// Counts sessions, so that late replies to an old one are told apart.
    epoch: u32,
    /// Has `connect()` been answered?
    started: bool,
    /// Until the server has answered anything.
    first_contact: Option<FirstContact>,
    /// Sessions that the server made and did not know afterwards, before any poll succeeded.
    unknown_sessions: u8,
    handshake_at: Instant,
    storm: StormGuard,
    backoff: Backoff,
    polling: Polling,

    /// Where the url of the configuration points: its host may be given tokens (X1).
    own_endpoint: Endpoint,
    tokens: Tokens,
    /// A session that the server does not yet know to be over (R7d).
    farewell: Option<Farewell>,

    session_lane: Option<Box<Exchange>>,
    commands_lane: Option<Box<Exchange>>,
    next_request: u32,
    next_message: u32,
    headers: Headers,
    jar: Jar,

    subscriptions: Subscriptions,
    followed: Vec<Followed>,
    next_store: u32,
    next_sequence: u32,
    next_decision: u32,
    publishes: Vec<Publish>,
    calls: Vec<Call>,
    raws: Vec<Raw>,
    /// Replies of `send()` calls that still wait for some.
    raw_replies: Vec<(u32, Vec<String>)>,
    next_order: u32,
    commands_at: Instant,
    commands_backoff: Backoff,

    flow: Flow,
    /// When the last poll that succeeded was sent: what was published before has come, or has its gap.
    sound_until: Instant,
    /// A poll has succeeded, ever.
    polled: bool,
    undecodable: u8,
    tap: bool,

    drain: Option<Drain>,
    rest: Option<Rest>,
    /// What the client before has left (S17).
    resumed: Option<Box<Snapshot>>,
    began: Instant,
}

impl Session {
    /// A session that begins with a handshake at the first drain.
    ///
    /// `seed` feeds the retry jitter: equal seeds and equal inputs give equal outputs.
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        let mut session = Self {
            rng: Rng::new(seed),
            now,
            out: VecDeque::new(),
            state: State::Handshaking,
            ending: None,
            client_id: None,
            old_client_ids: Vec::new(),
            epoch: 0,
            started: false,
            first_contact: Some(FirstContact::new(now, config.connect_timeout_ms)),
            unknown_sessions: 0,
            handshake_at: now,
            storm: StormGuard::default(),
            backoff: Backoff::default(),
            polling: Polling::new(now),
            own_endpoint: config.endpoint.clone(),
            tokens: Tokens::new(config.auth, now),
            farewell: None,
            session_lane: None,
            commands_lane: None,
            next_request: 0,
            next_message: 0,
            headers: Headers::default(),
            jar: Jar::new(),
            subscriptions: Subscriptions::default(),
            followed: Vec::new(),
            next_store: 0,
            next_sequence: 0,
            next_decision: 0,
            publishes: Vec::new(),
            calls: Vec::new(),
            raws: Vec::new(),
            raw_replies: Vec::new(),
            next_order: 0,
            commands_at: now,
            commands_backoff: Backoff::default(),
            flow: Flow::new(&config.limits, now),
            sound_until: now,
            polled: false,
            undecodable: 0,
            tap: false,
            drain: None,
            rest: None,
            resumed: None,
            began: now,
            config,
        };
        session.take_up();
        let cookies = core::mem::take(&mut session.config.cookies);
        session.give_cookies(Giver::Config, &cookies);
        session
    }

    /// Takes in what happened. An instant before the last one counts as the last one.
    ///
    /// # Errors
    /// [`ApiMisuse`], from commands only: the session is unchanged.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) -> Result<(), ApiMisuse> {
        self.now = self.now.max(now);
        match input {
            // Nobody listens to the store or the network any more.
            input if self.is_closed() && !matches!(input, Input::Command(_)) => {}
            Input::Timeout => {}
            Input::Head { request, status, headers } => self.head(request, status, headers),
            Input::Chunk { request, bytes } => self.chunk(request, bytes),
            Input::End { request } => self.body_ended(request),
            Input::Failed { request, reason } => {
                let broken = Broken { request: request.get(), reason: self.redact(reason) };
                self.request_failed(request, Error::Network(broken));
            }
            Input::Unreadable { request, given } => {
                self.request_failed(request, Error::NotAResponse(given));
            }
            Input::Headers { request, answer } => self.headers_given(request, answer),
            Input::Inspected { request, message } => self.inspected(request, message),
            Input::Taken { subscription, events } => {
                let (events, bytes) = self.subscriptions.taken(subscription, events);
                self.no_longer_queued(events, bytes);
            }
            Input::Token { number, access_token, url } => self.token_given(number, access_token, url),
            Input::TokenFailed { message, retryable } => self.token_failed(message, retryable),
            Input::TokenRefused { number } => self.token_refused_elsewhere(number),
            Input::Loaded { request, result } => self.loaded(request, result),
            Input::Saved { request, problem } => self.saved(request, problem),
            Input::Decided { request, retry } => self.decided(request, retry),
            Input::Progress { subscription, sequence, done } => self.progress(subscription, sequence, done),
            Input::Command(command) => self.command(command)?,
        }
        if !self.is_closed() {
            self.expire();
        }
        Ok(())
    }

    /// Gives out what to do next. Never blocks; ends every drain with [`Output::Wait`].
    pub fn poll_output(&mut self) -> Output {
        if self.out.is_empty() {
            self.schedule();
            self.headers.drop_unused();
        }
        self.out.pop_front().unwrap_or_else(|| Output::Wait(self.next_wake()))
    }

    /// The session's state, as the last [`Output::State`] said or will say.
    pub fn state(&self) -> State {
        self.state
    }

    /// The client id of the Bayeux session in progress, with which anybody could act in its place: a secret (X2). `None` while
    /// there is none.
    pub fn client_id(&self) -> Option<Cow<'_, str>> {
        let token = self.client_id.as_deref().filter(|_| self.ending.is_none())?;
        json::decode_string(token).or(Some(Cow::Borrowed(token)))
    }

    /// Is the session over, with nothing left to do?
    pub fn is_closed(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.done)
    }

    /// Starts what may start now.
    fn schedule(&mut self) {
        self.schedule_store();
        if self.ending.is_some() {
            return self.schedule_end();
        }
        self.mind_drain();
        if self.rest.is_some() {
            return self.schedule_rest();
        }
        self.schedule_token();
        if self.client_id.is_none() {
            self.schedule_farewell();
            self.schedule_handshake();
            self.schedule_commands();
        } else {
            self.schedule_connect();
            self.schedule_commands();
        }
    }

    /// Acts on every deadline that has passed.
    fn expire(&mut self) {
        for lane in [Lane::Session, Lane::Commands] {
            let now = self.now;
            let overdue = self
                .lane(lane)
                .take_if(|exchange| !exchange.waits_for_the_client() && exchange.deadline <= now);
            if let Some(mut exchange) = overdue {
                self.emit(Output::Abort(exchange.id));
                let after_ms = exchange.patience_ms;
                self.exchange_failed(&mut exchange, Error::Timeout { after_ms }, 0);
            }
        }
        self.expire_headers();
        self.expire_hold();
        self.expire_full();
        self.expire_store();
        self.expire_decisions();
        self.expire_calls();
        self.expire_first_contact();
    }

    /// The next instant at which something would happen by itself.
    fn next_wake(&self) -> Option<Instant> {
        if let Some(ending) = &self.ending {
            let wake = self.end_wake(ending).min(self.store_wake()).min(self.headers.wake());
            return (!ending.done).then_some(wake);
        }
        if let Some(rest) = &self.rest {
            let wake = self.rest_wake(rest).min(self.drain_wake()).min(self.headers.wake());
            return (wake != Instant::NEVER).then_some(wake);
        }
        let mut wake = self.store_wake().min(self.drain_wake()).min(self.headers.wake());
        wake.pull_to(self.decision_wake());
        wake.pull_to(self.calls_wake());
        wake.pull_to(self.first_contact_wake());
        wake.pull_to(self.commands_wake());
        for lane in [&self.session_lane, &self.commands_lane] {
            if let Some(exchange) = lane.as_ref().filter(|exchange| !exchange.waits_for_the_client()) {
                wake.pull_to(exchange.deadline);
            }
        }
        for at in [self.hold_deadline(), self.full_deadline(), self.token_wake()] {
            wake.pull_to(at.unwrap_or(Instant::NEVER));
        }
        if self.session_lane.is_none() && !self.headers.awaited(Lane::Session) {
            if self.client_id.is_none() {
                if self.may_send() {
                    wake.pull_to(self.handshake_at);
                }
            } else if self.may_poll() && !self.awaits_replay() {
                wake.pull_to(self.polling.at);
            }
        }
        (wake != Instant::NEVER).then_some(wake)
    }

    fn request_failed(&mut self, request: RequestId, error: Error) {
        if let Some(mut exchange) = self.lane_of(request).and_then(|lane| self.lane(lane).take()) {
            self.exchange_failed(&mut exchange, error, 0);
        }
    }

    fn lane(&mut self, lane: Lane) -> &mut Option<Box<Exchange>> {
        match lane {
            Lane::Session => &mut self.session_lane,
            Lane::Commands => &mut self.commands_lane,
        }
    }

    fn lane_of(&self, request: RequestId) -> Option<Lane> {
        let is = |lane: &Option<Box<Exchange>>| lane.as_ref().is_some_and(|exchange| exchange.id == request);
        if is(&self.session_lane) {
            Some(Lane::Session)
        } else if is(&self.commands_lane) {
            Some(Lane::Commands)
        } else {
            None
        }
    }

    /// Counts a failure. Gives the wait before the next attempt, or ends the client if there were too many (S8).
    fn back_off(&mut self, error: Error, at_least_ms: u64) -> Option<u64> {
        self.first_contact_failed(&error);
        let most = self.config.retry.max_retries.unwrap_or(if self.started { u32::MAX } else { 10 });
        if self.backoff.attempts() >= most {
            let attempts = self.backoff.attempts().saturating_add(1);
            // With no retry allowed, the failure itself says more.
            self.end(Some(if most == 0 {
                error
            } else {
                Error::MaxRetries { attempts, last: Box::new(error) }
            }));
            return None;
        }
        let delay_ms = self.backoff.next(self.now, at_least_ms, &self.config.retry, &mut self.rng);
        self.set_state(State::Retrying);
        self.report(Status::Retry { attempt: self.backoff.attempts(), delay_ms, error });
        Some(delay_ms)
    }

    /// Out of line: the code that grows the queue is needed once, not at every place that gives something out.
    #[inline(never)]
    fn emit(&mut self, output: Output) {
        self.out.push_back(output);
    }

    fn set_state(&mut self, state: State) {
        // At rest nothing else is to be seen.
        let rests = self.rest.is_some() && state != State::Closed;
        if self.state != state && !rests {
            self.state = state;
            self.emit(Output::State(state));
        }
    }

    fn report(&mut self, status: Status) {
        self.emit(Output::Status(status));
    }

    /// Events of all confirmed subscriptions may be missing; with `uncovered`, of those that no earlier gap covers.
    fn gap(&mut self, cause: GapCause, since: Instant, uncovered: bool) {
        let since_unix_ms = self.gap_since(since);
        for (channel, after) in self.subscriptions.missing(since, uncovered) {
            // What is followed is sent again, from the last position on, unless there is none yet (R7c). Of an event that
            // is too large that is no use.
            let cause = match self.followed(&channel) {
                Some(one) if cause != GapCause::EventTooLarge && one.ledger.has_position() => continue,
                Some(_) if cause != GapCause::EventTooLarge => GapCause::NoPosition,
                _ => cause,
            };
            self.report(Status::Gap { channel, cause, after, since_unix_ms });
        }
    }

    /// Tells the application what a change of the subscriptions means for it.
    fn apply(&mut self) {
        let (mut events, mut bytes) = (0, 0);
        for change in core::mem::take(&mut self.subscriptions.changes) {
            match change {
                Change::Settled(command, result) => {
                    let refused = result.is_err().then(|| self.subscriptions.take_out(command)).flatten();
                    if let Some((_, its_events, its_bytes)) = refused {
                        events += its_events;
                        bytes += its_bytes;
                    }
                    self.emit(Output::Settled { command, result });
                }
                Change::Ended(subscription, error) => {
                    self.subscriptions.ended(subscription);
                    self.emit(Output::Ended { subscription, error: Some(error) });
                }
                Change::ChannelFailed(channel, error) => {
                    self.report(Status::SubscribeFailed { channel, error });
                }
            }
        }
        // Not before all is told: a body that is read on may end the client.
        if events > 0 {
            self.no_longer_queued(events, bytes);
        }
    }

    fn no_longer_queued(&mut self, events: usize, bytes: usize) {
        if self.flow.remove(events, bytes) == FlowChange::Resumed {
            self.report_backpressure(false);
            self.resume_bodies();
        }
    }

    fn report_backpressure(&mut self, active: bool) {
        if active {
            self.flow.slowest = self.subscriptions.slowest().unwrap_or_default().to_owned();
        }
        self.report(Status::Backpressure {
            channel: self.flow.slowest.clone(),
            active,
            queued_events: self.flow.events,
            queued_bytes: self.flow.bytes,
        });
    }

    fn unix_ms(&self, instant: Instant) -> u64 {
        self.config.unix_ms_at_zero.saturating_add(instant.as_millis())
    }

    fn next_order(&mut self) -> u32 {
        self.next_order = self.next_order.wrapping_add(1);
        self.next_order
    }

    fn next_message_id(&mut self) -> String {
        self.next_message = self.next_message.wrapping_add(1);
        decimal(u64::from(self.next_message))
    }
}
