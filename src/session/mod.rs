//! The client: small machines that own their state, and [`Session`], where they meet.
//!
//! A machine is a file with private fields; none holds or calls another. [`Session`] routes each input, and carries what
//! one machine says to the next.
//!
//! | machine | owns |
//! |---|---|
//! | `link` | the session at the server: client id, epoch, endpoint, cookies, and the disconnect of an earlier session |
//! | `lanes` | the two requests in flight: ids, deadlines, and how much of their bodies has been taken in |
//! | `poll`, with `acks` | when and how to poll: advice, intervals, acknowledgement numbers, proxies |
//! | `handshakes`, with `storm_guard` | when a handshake may go out, and how long the client keeps trying |
//! | `subscriptions` | what the application wants |
//! | `channels` | what the server has been told |
//! | `outbox` | messages that wait to be sent, and packing them into requests |
//! | `calls` | calls to services that wait for their answers |
//! | `replay::book` | every tracked channel: ledger, calls to the store, position |
//! | `losses` | what may be missing, and since when: every gap |
//! | `tokens` | access tokens, and who waits for them |
//! | `flow` | how much is queued for the application, and the limits of that |
//! | `pause`, `shutdown` | draining, hidden page, suspending; closing |
//! | `predecessor` | what a suspended client has left to this one |
//!
//! Two files own no state: `timers` lists what the client waits for, and `verdict` is a pure function from the end of a
//! request to what follows. `exchange` and `outgoing` are values: requests by their kinds, and the messages in them.
//!
//! The code of [`Session`] itself stands in files that call one another in one direction, from the first row to the last:
//!
//! | file | what it is about |
//! |---|---|
//! | `application`, `reading`, `waiting` | the inputs: commands, responses, time |
//! | `pausing`, `closing`, `storing`, `authenticating` | the other tasks of a client |
//! | `handshaking`, `polling`, `commanding`, `replying` | the requests, and what follows from their ends |
//! | `recovery`, `leaving`, `sending`, `telling` | what all of them need |

// The machines, each by itself.
mod acks;
mod calls;
mod channels;
mod exchange;
mod flow;
mod handshakes;
mod lanes;
mod link;
mod losses;
mod outbox;
mod outgoing;
mod pause;
mod poll;
mod predecessor;
mod secrets;
mod shutdown;
mod storm_guard;
mod subscriptions;
mod timers;
mod tokens;
mod verdict;

// What goes in and out.
mod config;
mod debug;
mod error;
mod io;
mod misuse;
mod snapshot;
mod status;

// Where the machines meet.
mod application;
mod authenticating;
mod closing;
mod commanding;
mod handshaking;
mod leaving;
mod pausing;
mod polling;
mod reading;
mod recovery;
mod replying;
mod sending;
mod storing;
mod telling;
mod waiting;

use std::borrow::Cow;
use std::collections::VecDeque;

use calls::Calls;
use channels::Channels;
pub use config::{Config, Inspect, Limits, Retry};
pub use error::{Broken, Error};
use flow::Flow;
use handshakes::Handshakes;
pub use io::{Command, Event, Input, Output, ReplayOptions, Request, RequestId, body_of};
use lanes::Lanes;
use link::Link;
use losses::LossTracker;
pub use misuse::ApiMisuse;
use outbox::Outbox;
use pause::Pause;
use poll::Poll;
use predecessor::Predecessor;
use shutdown::Shutdown;
pub use status::{FlowLimit, GapCause, State, Status};
use subscriptions::Subscriptions;
use tokens::Tokens;

use crate::Instant;
use crate::backoff::Rng;
use crate::bayeux::json;
use crate::http::cookies::Giver;
use crate::replay::book::Book;

/// One client: a Bayeux session, the next one when that is lost, and what the application wants of them.
///
/// Two calls drive it. [`handle_input`](Self::handle_input) takes in what happened and when;
/// [`poll_output`](Self::poll_output) gives out what to do. After every input, or after all inputs of one turn of the
/// driver's event loop, drain `poll_output` to [`Output::Wait`]. Commands handed in between two drains share a request
/// (S3). Network data never makes `handle_input` fail.
pub struct Session {
    config: Config,
    now: Instant,
    rng: Rng,
    out: VecDeque<Output>,
    /// The state that was last reported to the application.
    state: State,
    /// Whether the application wants every message of the server.
    tap: bool,

    link: Link,
    lanes: Lanes,
    poll: Poll,
    handshakes: Handshakes,
    subscriptions: Subscriptions,
    channels: Channels,
    outbox: Outbox,
    calls: Calls,
    book: Book,
    losses: LossTracker,
    tokens: Tokens,
    flow: Flow,
    pause: Pause,
    shutdown: Shutdown,
    /// What a suspended client has left, if this one was given its snapshot (S17).
    predecessor: Option<Predecessor>,
}

impl Session {
    /// A session that begins with a handshake at the first drain.
    ///
    /// `seed` feeds the retry jitter: equal seeds and equal inputs give equal outputs.
    pub fn new(mut config: Config, seed: u64, now: Instant) -> Self {
        let resumed = config.resumed.take();
        let cookies = core::mem::take(&mut config.cookies);
        let mut session = Self {
            link: Link::new(config.endpoint.clone(), config.own_cookies),
            lanes: Lanes::default(),
            poll: Poll::new(now),
            handshakes: Handshakes::new(now, config.connect_timeout_ms),
            subscriptions: Subscriptions::default(),
            channels: Channels::default(),
            outbox: Outbox::new(now),
            calls: Calls::default(),
            book: Book::new(config.limits.tracked_channels, config.limits.queued_bytes),
            losses: LossTracker::new(now),
            tokens: Tokens::new(config.auth, now),
            flow: Flow::new(&config.limits, now),
            pause: Pause::new(),
            shutdown: Shutdown::No,
            predecessor: None,
            config,
            now,
            rng: Rng::new(seed),
            out: VecDeque::new(),
            state: State::Handshaking,
            tap: false,
        };
        session.channels.advance(now);
        if let Some(snapshot) = resumed {
            session.resume(*snapshot);
        }
        session.give_cookies(Giver::Config, &cookies);
        session
    }

    /// Takes in what happened. An instant before the last one counts as the last one.
    ///
    /// # Errors
    /// [`ApiMisuse`], from commands only: the session is unchanged.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) -> Result<(), ApiMisuse> {
        self.now = self.now.max(now);
        self.channels.advance(self.now);
        // A closed client ignores the network and the store.
        if self.is_closed() && !matches!(input, Input::Command(_)) {
            return Ok(());
        }
        self.route(input)?;
        self.read_on();
        self.expire();
        self.read_on();
        Ok(())
    }

    /// Gives out what to do next. Never blocks; ends every drain with [`Output::Wait`].
    pub fn poll_output(&mut self) -> Output {
        if self.out.is_empty() {
            self.schedule();
            self.lanes.drop_unused_headers();
            self.read_on();
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
        let token = self.link.client_id().filter(|_| !self.shutdown.has_begun())?;
        json::decode_string(token).or(Some(Cow::Borrowed(token)))
    }

    /// Whether the session is over, with nothing left to do.
    pub fn is_closed(&self) -> bool {
        self.shutdown.is_closed()
    }

    /// One function for each input.
    fn route(&mut self, input: Input<'_>) -> Result<(), ApiMisuse> {
        match input {
            Input::Timeout => {}
            Input::Head { request, status, headers } => self.head(request, status, headers),
            Input::Chunk { request, bytes } => self.body(request, Some(bytes)),
            Input::End { request } => self.body(request, None),
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
                let change = self.flow.taken(subscription, events);
                self.flow_changed(change);
            }
            Input::Token { number, access_token, url } => self.token_given(number, access_token, url),
            Input::TokenFailed { message, retryable } => self.token_failed(message, retryable),
            Input::TokenRefused { number } => self.token_refused_elsewhere(number),
            Input::Loaded { request, result } => self.loaded(request, result),
            Input::Saved { request, problem } => self.saved(request, problem),
            Input::Decided { request, retry } => self.decided(request, retry),
            Input::Progress { subscription, sequence, done } => {
                self.book.progress(subscription, sequence, done, self.in_flight());
            }
            Input::Command(command) => self.command(command)?,
        }
        Ok(())
    }

    /// Starts what may start now.
    fn schedule(&mut self) {
        if self.is_closed() {
            return;
        }
        self.schedule_store();
        let change = self.flow.owed(self.book.owed(), self.now, || self.book.most_owed());
        self.flow_changed(change);
        if self.shutdown.has_begun() {
            return self.schedule_shutdown();
        }
        self.schedule_drain();
        if self.pause.is_paused() {
            return self.schedule_pause();
        }
        self.schedule_token();
        if self.link.has_session() {
            self.schedule_poll();
            self.schedule_commands();
        }
        // A command may have left the session.
        if !self.link.has_session() {
            self.schedule_pending_disconnect();
            self.schedule_handshake();
        }
    }

    fn request_failed(&mut self, request: RequestId, error: Error) {
        if let Some(lane) = self.lanes.lane_of(request) {
            self.fail_request(lane, error, 0);
        }
    }

    /// Resumes the session of the snapshot, if that is where this one is to be, and if it can go on there (S17).
    fn resume(&mut self, snapshot: snapshot::Snapshot) {
        let continues = snapshot.url == self.config.endpoint.href()
            && self.keeps_session()
            && snapshot.client_id.is_some();
        self.predecessor = Some(Predecessor::new(&snapshot, continues, self.now));
        if snapshot.url == self.config.endpoint.href() && self.keeps_session() {
            if let Some(client_id) = &snapshot.client_id {
                self.link.session_began(client_id);
            }
            self.link.adopt_cookies(snapshot.jar);
            self.poll.session_resumed(snapshot.ack, snapshot.lost);
        } else if snapshot.jar.callers_origin() == self.link.configured().origin() {
            self.link.adopt_cookies(snapshot.jar.callers());
        }
        // Nothing is verified since the suspended client ended, which may be earlier than this clock can express.
        self.losses.set_verified_until(Instant::default());
    }
}
