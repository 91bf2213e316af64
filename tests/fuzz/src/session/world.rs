//! The session, its clock, and all that it has asked for; what comes out of it is judged here.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Result, Unstructured};
use cometd_edge::Instant;
use cometd_edge::session::{
    ApiMisuse, Command, Config, Error, Event, Input, Output, Request, RequestId, Session, State, Status,
};
use cometd_edge::test_support::http::{Endpoint, check_header};

use super::server;

/// Ahead of every secret; what follows tells them apart.
pub const SECRET: &str = "S3CRET-";
/// More than any input can ask for.
const MOST_OUTPUTS: usize = 100_000;
/// So often in a row may it want to be woken at once.
const MOST_WAKES: usize = 3;
/// What `close()` may take (S16).
const CLOSING_MS: u64 = 2_000;
/// How long a pause, or a snapshot, may take (D2, S17).
pub const RESTING_MS: u64 = 2_000;

pub struct World {
    session: Session,
    pub now: u64,
    pub wake: Option<u64>,
    /// Requests without an end, and those whose end has come, if not to the bodies that wait to be read.
    pub open: Vec<Request>,
    ended_requests: BTreeSet<RequestId>,
    /// Those whose head has come, and the last one that was aborted.
    pub heads: BTreeSet<RequestId>,
    pub aborted: Option<RequestId>,
    last_request: u32,
    request_bytes: usize,
    /// What waits for an answer.
    pub inspects: Vec<(RequestId, String)>,
    pub loads: Vec<u32>,
    pub saves: Vec<u32>,
    pub decisions: Vec<u32>,
    /// Numbers of commands and subscriptions ascend.
    pub numbers: u32,
    unsettled: BTreeSet<u32>,
    settled: BTreeMap<u32, bool>,
    pub subscriptions: Vec<u32>,
    ended: BTreeSet<u32>,
    pub sequence: u32,
    pub tokens: u32,
    state: Option<State>,
    /// Commands that end by themselves, and when at the latest; those of them that settle with a snapshot.
    pub due: BTreeMap<u32, u64>,
    pub suspends: BTreeSet<u32>,
    /// When all that a pause still sends has been sent.
    quiet_from: u64,
    hidden: bool,
    /// A token is being fetched; one is wanted for requests outside the session.
    asking: bool,
    elsewhere: bool,
    closing_from: Option<u64>,
    closed: bool,
    past: Past,
}

/// What one life leaves to the next.
#[derive(Default)]
pub struct Past {
    pub now: u64,
    secrets: BTreeSet<String>,
    cookies: u32,
    pub snapshot: Option<String>,
}

impl Past {
    /// X2.
    pub fn clean(&self, text: &str) {
        if text.contains(SECRET) {
            let secret = self.secrets.iter().find(|secret| text.contains(secret.as_str()));
            assert!(secret.is_none(), "{secret:?} in {text}");
        }
    }
}

/// Whether the session needs tokens, and speaks Salesforce's dialect.
pub fn log_in(which: u8, config: &mut Config) {
    if which & 1 == 1 {
        config.authenticated().expect("https");
    }
    if which & 2 == 2 {
        config.salesforce();
    }
}

impl World {
    pub fn new(config: Config, mut past: Past, drawn: &mut Unstructured<'_>) -> Result<Self> {
        let request_bytes = config.limits.request_bytes;
        assert!(!format!("{config:?}").contains(SECRET));
        past.secrets.extend(
            ["HEADER", "QUERY", "DATA", "CLIENT-OLD", "COOKIE-OLD"].map(|name| format!("{SECRET}{name}")),
        );
        let now = past.now;
        let mut world = Self {
            session: Session::new(config, drawn.arbitrary::<u8>()?.into(), Instant::from_millis(now)),
            now,
            wake: None,
            open: Vec::new(),
            ended_requests: BTreeSet::new(),
            heads: BTreeSet::new(),
            aborted: None,
            last_request: 0,
            request_bytes,
            inspects: Vec::new(),
            loads: Vec::new(),
            saves: Vec::new(),
            decisions: Vec::new(),
            numbers: 0,
            unsettled: BTreeSet::from([0]),
            settled: BTreeMap::new(),
            subscriptions: Vec::new(),
            ended: BTreeSet::new(),
            sequence: 0,
            tokens: 0,
            state: None,
            due: BTreeMap::new(),
            suspends: BTreeSet::new(),
            quiet_from: 0,
            hidden: false,
            asking: false,
            elsewhere: false,
            closing_from: None,
            closed: false,
            past,
        };
        world.drain();
        Ok(world)
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it is a subscription that has not failed or ended.
    pub fn lives(&self, number: u32) -> bool {
        let failed = self.settled.get(&number) == Some(&false);
        self.subscriptions.contains(&number) && !failed && !self.ended.contains(&number) && !self.closed
    }

    /// Something that must not stand in any text from now on.
    pub fn keep_secret(&mut self, secret: &str) {
        if secret.starts_with(SECRET) && secret.len() > SECRET.len() + 4 {
            self.past.secrets.insert(secret.to_owned());
        }
    }

    /// The value of one more cookie, and its number.
    pub fn next_cookie(&mut self) -> (String, u32) {
        self.past.cookies += 1;
        let value = format!("{SECRET}COOKIE-{:04}", self.past.cookies);
        self.keep_secret(&value);
        (value, self.past.cookies)
    }

    /// From now on it has its time to pause.
    pub fn rests_again(&mut self) {
        self.quiet_from = self.now + RESTING_MS;
    }

    /// One thing happens, and mostly the outputs are drained behind it.
    pub fn step(&mut self, drawn: &mut Unstructured<'_>) -> Result<()> {
        match drawn.int_in_range(0..=31_u8)? {
            0..=15 => server::act(self, drawn)?,
            16..=22 => super::wishes::act(self, drawn)?,
            23..=27 => super::store::act(self, drawn)?,
            28 => self.advance(drawn.int_in_range(0..=255_u64)? * 100),
            29 => self.advance(*drawn.choose(&[1, 110_000, 150_000, 1 << 31, 1 << 45])?),
            _ => {
                self.now = self.wake.map_or(self.now + 1, |wake| wake.max(self.now));
                self.input(Input::Timeout);
            }
        }
        if !drawn.ratio(1, 10)? {
            self.drain();
        }
        Ok(())
    }

    fn advance(&mut self, ms: u64) {
        self.now += ms;
        self.input(Input::Timeout);
    }

    /// Network, store and logins never make it fail.
    pub fn input(&mut self, input: Input<'_>) {
        // Words of the host are shown as they are.
        if !matches!(input, Input::Failed { .. } | Input::TokenFailed { .. }) {
            self.past.clean(&format!("{input:?}"));
        }
        match input {
            Input::TokenRefused { .. } => self.elsewhere = true,
            Input::Token { .. } if self.asking => (self.asking, self.elsewhere) = (false, false),
            Input::TokenFailed { .. } => self.asking = false,
            _ => {}
        }
        self.session.handle_input(Instant::from_millis(self.now), input).expect("only commands are misused");
    }

    /// Gives a command that settles its number, unless it is a misuse.
    pub fn command(&mut self, number: u32, command: Command<'_>) -> std::result::Result<(), ApiMisuse> {
        self.past.clean(&format!("{command:?}"));
        let result = self.session.handle_input(Instant::from_millis(self.now), Input::Command(command));
        match &result {
            Ok(()) => assert!(self.unsettled.insert(number), "{number} was used before"),
            Err(misuse) => self.past.clean(&format!("{misuse} {misuse:?}")),
        }
        result
    }

    /// Gives a command that settles nothing.
    pub fn tell(&mut self, command: Command<'_>) {
        self.past.clean(&format!("{command:?}"));
        let over = self.session.state() == State::Closed;
        let hidden = if let Command::Hidden(hidden) = command { Some(hidden) } else { None };
        match self.session.handle_input(Instant::from_millis(self.now), Input::Command(command)) {
            Ok(()) => {
                if let Some(hidden) = hidden {
                    self.hidden = hidden;
                    self.rests_again();
                }
            }
            Err(misuse) => assert!(over && misuse == ApiMisuse::Closed, "{misuse}"),
        }
    }

    /// An end, by either side. Reports on what is over already say nothing.
    pub fn over(&mut self, id: RequestId) {
        if let Some(at) = self.open.iter().position(|request| request.id() == id) {
            self.open.remove(at);
            self.ended_requests.insert(id);
        }
    }

    pub fn drain(&mut self) {
        for _ in 0..MOST_WAKES {
            self.drain_once();
            if self.wake.is_none_or(|wake| wake > self.now) {
                return;
            }
            // What is due at once is done at once, and not for ever.
            self.input(Input::Timeout);
        }
        panic!("it wants to be woken at {:?}, and it is {}", self.wake, self.now);
    }

    fn drain_once(&mut self) {
        for _ in 0..MOST_OUTPUTS {
            let output = self.session.poll_output();
            self.past.clean(&format!("{output:?}"));
            if let Output::Wait(at) = output {
                self.wake = at.map(Instant::as_millis);
                let late = self.due.iter().find(|(_, at)| **at <= self.now);
                assert!(late.is_none(), "it is {}, and open is still {late:?}", self.now);
                let since = self.closing_from.filter(|from| !self.closed && from + CLOSING_MS <= self.now);
                assert!(since.is_none(), "still not closed at {}, and suspended at {since:?}", self.now);
                return;
            }
            assert!(!self.closed, "after the end: {output:?}");
            self.take(output);
        }
        panic!("a drain without end");
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Send(request) => self.started(request),
            Output::Abort(id) => {
                self.over(id);
                assert!(self.ended_requests.remove(&id), "{id:?} was aborted before");
                self.aborted = Some(id);
            }
            Output::Inspect { request, message } => self.inspects.push((request, message)),
            Output::Event(event) => self.arrived(&event),
            Output::Settled { command, result } => {
                self.clean_error(result.as_ref().err());
                assert!(self.unsettled.remove(&command), "{command} settles twice, or was never given");
                self.settled.insert(command, result.is_ok());
                if self.due.remove(&command).is_some() {
                    self.rests_again();
                }
                if self.suspends.remove(&command) {
                    assert_eq!(self.session.state(), State::Closed, "{command} has suspended it (S17)");
                    self.left(result.ok());
                }
            }
            Output::Ended { subscription, error } => {
                self.clean_error(error.as_ref());
                assert_eq!(
                    self.settled.get(&subscription),
                    Some(&true),
                    "{subscription} was never subscribed"
                );
                assert!(self.ended.insert(subscription), "{subscription} ends twice");
            }
            Output::State(state) => {
                assert_ne!(self.state.replace(state), Some(state), "the same state twice");
                assert!(state != State::Closed || self.session.state() == State::Closed);
                self.rests_again();
            }
            Output::Status(status) => self.told(&status),
            Output::Authenticate { .. } => {
                self.asking = true;
                assert!(!self.is_quiet() || self.elsewhere, "a token for nobody (D2)");
            }
            Output::Load { request, .. } => self.loads.push(request),
            Output::Save { request, .. } => self.saves.push(request),
            Output::Decide { request, error, .. } => {
                self.clean_error(Some(&error));
                self.decisions.push(request);
            }
            Output::Closed(error) => {
                self.clean_error(error.as_ref());
                assert!(self.open.is_empty(), "closed with a request in flight");
                self.closed = true;
            }
            _ => {}
        }
    }

    /// Whoever waits for a snapshot gets one.
    fn left(&mut self, result: Option<Vec<String>>) {
        let Some(texts) = result else { return };
        let [snapshot] = texts.as_slice() else { panic!("one snapshot, not {}", texts.len()) };
        let first = self.past.snapshot.get_or_insert_with(|| snapshot.clone());
        assert_eq!(first, snapshot, "all get the same");
        self.closing_from.get_or_insert(self.now);
    }

    /// Is it the time in which nothing is sent (D2, R7a)?
    fn is_quiet(&self) -> bool {
        let asleep = self.quiet_from < self.now || self.hidden && self.suspends.is_empty();
        self.state == Some(State::Suspended) && asleep
    }

    fn told(&mut self, status: &Status) {
        match status {
            Status::Retry { error, .. }
            | Status::SubscribeFailed { error, .. }
            | Status::StoreFailed { error, .. } => self.clean_error(Some(error)),
            _ => {}
        }
    }

    fn arrived(&mut self, event: &Event) {
        assert!(event.sequence > self.sequence, "{} after {}", event.sequence, self.sequence);
        self.sequence = event.sequence;
        assert!(!event.subscriptions.is_empty() && event.subscriptions.is_sorted());
        for number in &event.subscriptions {
            assert!(
                self.subscriptions.contains(number) && !self.ended.contains(number),
                "{number} is not there"
            );
        }
    }

    fn started(&mut self, request: Request) {
        assert!(request.id().get() > self.last_request, "ids ascend");
        self.last_request = request.id().get();
        assert!(!self.is_quiet(), "a {} at rest (D2)", request.kind());
        // Its session is the next client's by now (S17).
        let taken = self.past.snapshot.as_ref().filter(|snapshot| snapshot.contains("\"clientId\":"));
        assert!(taken.is_none(), "a {} after the snapshot", request.kind());
        for (name, value) in request.headers() {
            assert_eq!(check_header(name, value), Ok(()), "{name}");
        }
        let endpoint = Endpoint::parse(request.url()).expect("a url");
        assert!(endpoint.is_secure() && server::is_allowed(endpoint.host()), "{}", request.url());
        let messages = server::messages(&request);
        let own = ["/meta/handshake", "/meta/connect", "/meta/disconnect"];
        for message in &messages {
            let alone = !message["channel"].as_str().is_some_and(|channel| own.contains(&channel));
            assert!(alone || messages.len() == 1, "{} shares its request (S1, S2)", request.kind());
            if let Some(id) = message["clientId"].as_str() {
                self.keep_secret(id);
            }
        }
        let bytes = request.body().len();
        assert!(messages.len() == 1 || bytes <= self.request_bytes, "{bytes} bytes (S3)");
        self.open.push(request);
        assert!(self.open.len() <= 2, "more than two requests (S2)");
        let polls = self.open.iter().filter(|request| request.kind() == "connect").count();
        assert!(polls <= 1, "more than one connect (S2)");
    }

    fn clean_error(&self, error: Option<&Error>) {
        if let Some(error) = error {
            self.past.clean(&format!("{error} {error:?}"));
        }
    }

    /// Whatever has happened, it can be closed, and everything is told (S16).
    pub fn finish(mut self) -> Past {
        self.drain();
        let from = self.now;
        if !self.closed {
            self.tell(Command::Close);
            self.drain();
        }
        while !self.closed {
            self.now = self.wake.expect("it waits for something");
            assert!(self.now <= from + CLOSING_MS, "still open after {} ms", self.now - from);
            self.input(Input::Timeout);
            self.drain();
        }
        assert!(self.session.is_closed() && self.wake.is_none());
        assert!(self.unsettled.is_empty(), "never settled: {:?}", self.unsettled);
        for number in &self.subscriptions {
            let subscribed = self.settled.get(number) == Some(&true);
            assert_eq!(subscribed, self.ended.contains(number), "subscription {number}");
        }
        self.past.now = self.now;
        self.now += 1_000_000;
        self.input(Input::Timeout);
        self.drain();
        self.past
    }
}
