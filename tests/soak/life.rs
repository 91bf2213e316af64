//! A session, its server, its store and its application, on a clock that jumps from one event to the next.

use std::collections::BTreeMap;

use cometd_edge::Instant;
use cometd_edge::replay::Position;
use cometd_edge::session::{Config, Event, Input, Output, RequestId, Session, State, Status};
use serde_json::Value;

use crate::seen::Seen;
use crate::server::{Answer, POLL_MS, Server};

pub const LARGEST_MESSAGE: usize = 16_384;
const URL: &str = "https://example.com/cometd";
const LATENCY: u64 = 40;
const PUBLISH_EVERY: u64 = 45_000;
const MOST_OUTPUTS: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// With replay, a store and access tokens.
    Salesforce,
    /// With the acknowledgement extension.
    Plain,
}

pub enum Reply {
    Whole(String),
    /// The connection ends after this.
    Cut(String),
    /// The connection stays open after this.
    Stalled(String),
    Status(u16),
    Failed,
    Never,
}

enum Due {
    Reply(RequestId, Reply),
    Token,
    Loaded(u32, String),
    Saved(u32, Option<&'static str>),
    Shown,
}

struct Parked {
    request: RequestId,
    message: String,
    until: u64,
}

pub struct Life {
    pub dialect: Dialect,
    pub now: u64,
    pub server: Server,
    pub seen: Seen,
    /// The number of the last access token.
    pub tokens: u32,
    pub down_until: u64,
    /// So many handshakes, and calls to the store, fail.
    pub busy: u32,
    pub store_fails: u32,
    /// Commands that have not settled.
    pub waiting: Vec<u32>,
    pub publishing: bool,
    next_publish: u64,
    session: Session,
    wake: Option<u64>,
    parked: Option<Parked>,
    due: Vec<(u64, Due)>,
    store: BTreeMap<String, Position>,
    /// What was given out in this turn.
    given: Vec<Event>,
}

impl Life {
    pub fn new(dialect: Dialect, channels: &[&'static str]) -> Self {
        let mut config = Config::new(URL).expect("a good url");
        if dialect == Dialect::Salesforce {
            config.authenticated().expect("https").salesforce();
            config.replay = true;
        }
        config.limits.message_bytes = LARGEST_MESSAGE;
        config.unix_ms_at_zero = 1_790_000_000_000;
        let mut life = Self {
            dialect,
            now: 0,
            server: Server::new(dialect == Dialect::Salesforce, channels),
            seen: Seen::new(channels),
            tokens: 0,
            down_until: 0,
            busy: 0,
            store_fails: 0,
            waiting: Vec::with_capacity(16),
            publishing: true,
            next_publish: PUBLISH_EVERY,
            session: Session::new(config, 7, Instant::from_millis(0)),
            wake: None,
            parked: None,
            due: Vec::with_capacity(16),
            store: BTreeMap::new(),
            given: Vec::with_capacity(256),
        };
        life.turn();
        life
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.session.handle_input(Instant::from_millis(self.now), input).expect("not a misuse");
        self.turn();
    }

    pub fn state(&self) -> State {
        self.session.state()
    }

    /// Lives until then.
    pub fn run_until(&mut self, end: u64) {
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = end;
    }

    /// Lives until a poll waits at the server, and nothing else is under way.
    pub fn run_until_at_rest(&mut self) {
        let end = self.now + 240_000;
        while self.parked.is_none() || !self.due.is_empty() {
            let at = self.next().filter(|at| *at <= end).expect("it comes to rest within four minutes");
            self.now = self.now.max(at);
            self.step();
        }
    }

    /// The poll is answered so, and what the server had for it is gone.
    pub fn answer_poll(&mut self, reply: impl FnOnce(&mut Server, &str) -> Reply) {
        let Some(Parked { request, message, .. }) = self.parked.take() else { return };
        let reply = reply(&mut self.server, &message);
        self.later(Due::Reply(request, reply));
    }

    /// The same for a poll that takes events along. `reply` is given the body as it should be.
    pub fn poll_with_events(&mut self, reply: impl FnOnce(&str) -> Reply) {
        self.server.publish();
        self.answer_poll(|server, message| reply(&server.poll_reply(message)));
    }

    /// The server knows the session no more, and tells its poll.
    pub fn forget(&mut self) {
        self.server.session = None;
        self.answer_poll(|server, message| Reply::Whole(server.poll_reply(message)));
    }

    /// Events go to the poll that waits for them.
    pub fn publish(&mut self) {
        self.server.publish();
        if self.server.has_events() {
            self.answer_poll(|server, message| Reply::Whole(server.poll_reply(message)));
        }
    }

    pub fn show_in(&mut self, ms: u64) {
        self.due.push((self.now + ms, Due::Shown));
    }

    fn next(&self) -> Option<u64> {
        let parked = self.parked.as_ref().map(|parked| parked.until);
        let due = self.due.iter().map(|(at, _)| *at).min();
        [self.wake, parked, due, Some(self.next_publish)].into_iter().flatten().min()
    }

    /// One of the things whose time has come.
    fn step(&mut self) {
        if let Some(index) = self.due.iter().position(|(at, _)| *at <= self.now) {
            let (_, due) = self.due.remove(index);
            return self.happens(due);
        }
        if self.parked.as_ref().is_some_and(|parked| parked.until <= self.now) {
            return self.answer_poll(|server, message| Reply::Whole(server.poll_reply(message)));
        }
        if self.next_publish <= self.now {
            self.next_publish += PUBLISH_EVERY;
            return if self.publishing {
                self.publish()
            };
        }
        self.input(Input::Timeout);
        assert!(self.wake.is_none_or(|wake| wake > self.now), "woken at {} for {:?}", self.now, self.wake);
    }

    fn happens(&mut self, due: Due) {
        match due {
            Due::Reply(request, reply) => self.replied(request, reply),
            Due::Token => {
                self.tokens += 1;
                let (number, access_token) = (self.tokens, format!("token-{:08}", self.tokens));
                self.input(Input::Token { number, access_token: &access_token, url: URL });
            }
            Due::Loaded(request, channel) => {
                let result = Ok(self.store.get(&channel).cloned());
                self.input(Input::Loaded { request, result });
            }
            Due::Saved(request, problem) => self.input(Input::Saved { request, problem }),
            Due::Shown => self.hidden(false),
        }
    }

    fn replied(&mut self, request: RequestId, reply: Reply) {
        let (status, text, end) = match reply {
            Reply::Whole(text) => (200, text, Some(Input::End { request })),
            Reply::Cut(text) => (200, text, Some(Input::Failed { request, reason: "connection reset" })),
            Reply::Stalled(text) => (200, text, None),
            Reply::Status(status) => (status, String::new(), Some(Input::End { request })),
            Reply::Failed => return self.input(Input::Failed { request, reason: "connection refused" }),
            Reply::Never => return,
        };
        let cookie = ("Set-Cookie".to_owned(), "BAYEUX_BROWSER=0123456789; Path=/; HttpOnly".to_owned());
        self.input(Input::Head { request, status, headers: &[cookie] });
        self.input(Input::Chunk { request, bytes: text.as_bytes() });
        if let Some(end) = end {
            self.input(end);
        }
    }

    /// Takes in all outputs, and is done with all events at once. Each drain ends with `Wait`.
    fn turn(&mut self) {
        for _ in 0..MOST_OUTPUTS {
            match self.session.poll_output() {
                Output::Wait(at) if self.given.is_empty() => {
                    self.wake = at.map(Instant::as_millis);
                    return;
                }
                Output::Wait(_) => self.read(),
                output => self.output(output),
            }
        }
        panic!("a drain without end");
    }

    fn read(&mut self) {
        let now = Instant::from_millis(self.now);
        for event in self.given.drain(..) {
            self.seen.event(&event);
            for subscription in event.subscriptions {
                let taken = Input::Taken { subscription, events: 1 };
                self.session.handle_input(now, taken).expect("not a misuse");
                if self.dialect == Dialect::Salesforce {
                    let done = Input::Progress { subscription, sequence: event.sequence, done: true };
                    self.session.handle_input(now, done).expect("not a misuse");
                }
            }
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Send(request) => self.send(&request),
            Output::Abort(request) => {
                self.parked.take_if(|parked| parked.request == request);
                self.due.retain(|(_, due)| !matches!(due, Due::Reply(known, _) if *known == request));
            }
            Output::Authenticate { .. } => self.later(Due::Token),
            Output::Load { request, channel } => self.later(Due::Loaded(request, channel)),
            Output::Save { request, channel, position } => {
                let fails = self.store_fails > 0;
                self.store_fails -= u32::from(fails);
                if !fails {
                    self.store.insert(channel, position);
                }
                self.later(Due::Saved(request, fails.then_some("quota exceeded")));
            }
            Output::Event(event) => self.given.push(event),
            Output::Settled { command, result } => {
                assert!(result.is_ok(), "{command} failed: {result:?}");
                self.waiting.retain(|known| *known != command);
            }
            Output::Ended { error, .. } => assert!(error.is_none(), "a subscription ended: {error:?}"),
            Output::Status(Status::Gap { channel, .. }) => self.seen.gap(&channel),
            Output::Closed(error) => assert!(error.is_none(), "it ended: {error:?}"),
            Output::Status(_) | Output::State(_) | Output::Message(_) => {}
            output => panic!("not expected: {output:?}"),
        }
    }

    fn send(&mut self, request: &cometd_edge::session::Request) {
        let handshake = request.kind() == "handshake";
        if self.now < self.down_until {
            return self.later(Due::Reply(request.id(), Reply::Failed));
        }
        if handshake && self.busy > 0 {
            self.busy -= 1;
            return self.later(Due::Reply(request.id(), Reply::Status(503)));
        }
        match self.server.answer(request) {
            Answer::Body(body) => self.later(Due::Reply(request.id(), Reply::Whole(body))),
            Answer::Park => {
                let message: Value = serde_json::from_str(&request.messages()[0]).expect("JSON");
                let message = message["id"].as_str().expect("an id").to_owned();
                self.parked = Some(Parked { request: request.id(), message, until: self.now + POLL_MS });
            }
        }
    }

    fn later(&mut self, due: Due) {
        self.due.push((self.now + LATENCY, due));
    }
}
