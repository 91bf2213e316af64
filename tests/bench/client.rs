//! A client with many subscriptions, each to a channel of its own, and what its server, its store and its application do.
//! All of them answer at once, so the clock stands still unless the session waits for something.

use std::fmt::Write;
use std::mem::take;
use std::ops::Range;
use std::time::Duration;

use cometd_edge::Instant;
use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::{
    Command, Config, Event, Input, Output, ReplayOptions, Request, RequestId, Session, body_of,
};
use serde_json::{Value, json};

/// How channels are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// With the acknowledgement extension.
    Plain,
    /// With replay and a store.
    Replay,
}

/// More than any of the bodies holds: that a full queue stops the reading is not what is measured.
const QUEUED_EVENTS: usize = 1_000_000;
const TRACKED_CHANNELS: usize = 1_000_000;
const QUEUED_BYTES: usize = 1 << 30;
/// A client that waits for longer has come to a halt.
const TURNS: usize = 100_000;

pub struct Client {
    dialect: Dialect,
    session: Session,
    now: u64,
    wake: Option<u64>,
    open: Vec<Request>,
    /// Loads and saves without an answer.
    loads: Vec<u32>,
    saves: Vec<u32>,
    /// Events that the application has not read.
    queue: Vec<Event>,
    /// Commands and subscriptions that have settled.
    settled: usize,
    /// Subscribe messages that the server has answered.
    confirmed: usize,
    sessions: u32,
    /// The numbers of the last command and subscription, batch and event.
    command: u32,
    batch: u32,
    replay_id: u64,
    /// Time that the session has taken: what its server does does not count.
    spent: Duration,
}

impl Client {
    /// One whose poll waits at the server.
    pub fn connected(dialect: Dialect) -> Self {
        Self::tracking(dialect, TRACKED_CHANNELS)
    }

    /// The same; so many channels may be tracked.
    pub fn tracking(dialect: Dialect, tracked_channels: usize) -> Self {
        let mut config = Config::new("https://example.com/cometd").expect("a good url");
        config.limits.queued_events = QUEUED_EVENTS;
        config.limits.uncommitted_events = QUEUED_EVENTS;
        config.limits.queued_bytes = QUEUED_BYTES;
        config.limits.tracked_channels = tracked_channels;
        if dialect == Dialect::Replay {
            config.salesforce();
            config.replay = true;
        }
        let mut client = Self {
            dialect,
            session: Session::new(config, 42, Instant::from_millis(0)),
            now: 0,
            wake: None,
            open: Vec::new(),
            loads: Vec::new(),
            saves: Vec::new(),
            queue: Vec::new(),
            settled: 0,
            confirmed: 0,
            sessions: 0,
            command: 0,
            batch: 0,
            replay_id: 0,
            spent: Duration::ZERO,
        };
        client.drain();
        client.answer_all();
        client.end_poll("");
        client
    }

    /// One with so many subscriptions, all confirmed.
    pub fn subscribed(dialect: Dialect, channels: u32) -> Self {
        let mut client = Self::connected(dialect);
        client.subscribe(0..channels);
        client
    }

    /// Time that the session has taken since the last call.
    pub fn spent(&mut self) -> Duration {
        take(&mut self.spent)
    }

    /// Subscribes to each channel, in one turn, until the last one is confirmed. Gives the first subscription's number; the
    /// others follow.
    pub fn subscribe(&mut self, channels: Range<u32>) -> u32 {
        let wanted = self.settled + channels.len();
        let first = self.command + 1;
        for channel in channels {
            self.command += 1;
            let replay = (self.dialect == Dialect::Replay).then_some(ReplayOptions {
                starts: &[Start::New],
                commit: Commit::Processed,
                on_invalid: OnInvalid::All,
            });
            let (subscription, channels) = (self.command, [name(channel)]);
            self.command(Command::Subscribe { subscription, channels: &channels, replay });
        }
        self.settle(wanted);
        first
    }

    /// Ends each of these subscriptions, with all that it was given in hand, in one turn, until the server has answered.
    pub fn unsubscribe(&mut self, subscriptions: Range<u32>) {
        let wanted = self.settled + subscriptions.len();
        for subscription in subscriptions {
            self.command += 1;
            self.command(Command::Unsubscribe {
                command: self.command,
                subscription,
                handed: u32::MAX,
                linger: false,
            });
        }
        self.settle(wanted);
    }

    /// So many events, spread over the first `channels`, each followed by a comma.
    pub fn events(&mut self, count: u32, channels: u32) -> String {
        let mut text = String::new();
        for number in 0..count {
            self.replay_id += 1;
            // A step that has no divisor in common with the powers of ten meets every channel.
            let (channel, id) = (name(number.wrapping_mul(7_919) % channels), self.replay_id);
            let payload =
                r#"{"CreatedDate":"2026-01-01T00:00:00.000Z","Order_Number__c":"A-1024","Amount__c":99.5}"#;
            let data = format!(
                r#"{{"schema":"dffQ2QLzDNHqwB8_sHMxdA","payload":{payload},"event":{{"replayId":{id}}}}}"#
            );
            write!(text, r#"{{"channel":"{channel}","data":{data}}},"#).expect("memory");
        }
        text
    }

    /// The head of the poll's response, and the bracket that opens its body.
    pub fn begin_poll(&mut self) {
        let request = self.poll();
        self.input(Input::Head { request, status: 200, headers: &[] });
        self.chunk(b"[");
    }

    /// Some bytes of the poll's body.
    pub fn chunk(&mut self, bytes: &[u8]) {
        let request = self.poll();
        self.input(Input::Chunk { request, bytes });
        self.drain();
    }

    /// The rest of the poll's body and its end, until the next poll waits at the server.
    pub fn finish_poll(&mut self) {
        self.batch += 1;
        let ext = match self.dialect {
            Dialect::Plain => format!(r#","ext":{{"ack":{}}}"#, self.batch),
            Dialect::Replay => String::new(),
        };
        self.close_poll(&format!(r#"{{"channel":"/meta/connect","successful":true{ext}}}]"#));
    }

    /// A whole poll that brings these events, each followed by a comma.
    pub fn end_poll(&mut self, events: &str) {
        self.begin_poll();
        self.chunk(events.as_bytes());
        self.finish_poll();
    }

    /// The server does not know the client any more. Goes on until so many channels are confirmed in the next session.
    pub fn lose_session(&mut self, channels: u32) {
        let (sessions, confirmed) = (self.sessions, self.confirmed);
        self.begin_poll();
        let advice = r#""advice":{"reconnect":"handshake","interval":0}"#;
        self.close_poll(&format!(
            r#"{{"channel":"/meta/connect","successful":false,"error":"402::Unknown client",{advice}}}]"#
        ));
        self.until(|client| client.confirmed == confirmed + channels as usize);
        assert_eq!(self.sessions, sessions + 1);
    }

    /// The application takes all events that are queued, one after another, and is done with each; the store saves.
    pub fn read_all(&mut self) -> usize {
        self.read_by(|_| true)
    }

    /// The same, but that only these subscriptions read.
    pub fn read_by(&mut self, reads: impl Fn(u32) -> bool) -> usize {
        let events = take(&mut self.queue);
        for event in &events {
            let sequence = event.sequence;
            for &subscription in event.subscriptions.iter().filter(|number| reads(**number)) {
                self.input(Input::Taken { subscription, events: 1 });
                if self.dialect == Dialect::Replay {
                    self.input(Input::Progress { subscription, sequence, done: true });
                }
            }
            self.drain();
        }
        self.answer_all();
        events.len()
    }

    fn settle(&mut self, wanted: usize) {
        self.drain();
        self.until(|client| client.settled == wanted);
    }

    /// Answers all, and lets time pass, until this is so.
    fn until(&mut self, reached: impl Fn(&Self) -> bool) {
        for _ in 0..TURNS {
            self.answer_all();
            if reached(self) {
                return;
            }
            self.wait();
        }
        panic!("{} commands settled, {} channels confirmed", self.settled, self.confirmed);
    }

    /// Answers all but the poll, until there is nothing to answer.
    fn answer_all(&mut self) {
        loop {
            let (loads, saves) = (take(&mut self.loads), take(&mut self.saves));
            let request = self.open.iter().position(|request| request.kind() != "connect");
            let idle = loads.is_empty() && saves.is_empty() && request.is_none();
            for request in loads {
                self.input(Input::Loaded { request, result: Ok(None) });
            }
            for request in saves {
                self.input(Input::Saved { request, problem: None });
            }
            self.drain();
            if let Some(index) = request {
                let request = self.open.remove(index);
                self.answer(&request);
            }
            if idle {
                return;
            }
        }
    }

    fn answer(&mut self, request: &Request) {
        let replies: Vec<String> = request.messages().iter().map(|message| self.reply(message)).collect();
        let (id, body) = (request.id(), body_of(&replies));
        self.input(Input::Head { request: id, status: 200, headers: &[] });
        self.input(Input::Chunk { request: id, bytes: body.as_bytes() });
        self.input(Input::End { request: id });
        self.drain();
    }

    fn reply(&mut self, message: &str) -> String {
        let message: Value = serde_json::from_str(message).expect("messages are JSON");
        let mut reply = json!({ "channel": message["channel"], "id": message["id"], "successful": true });
        if message["channel"] == "/meta/handshake" {
            self.sessions += 1;
            reply["version"] = "1.0".into();
            reply["clientId"] = format!("client-{}", self.sessions).into();
            reply["supportedConnectionTypes"] = json!(["long-polling"]);
            reply["advice"] = json!({ "reconnect": "retry", "interval": 0, "timeout": 30_000 });
            reply["ext"] = match self.dialect {
                Dialect::Plain => json!({ "ack": true }),
                Dialect::Replay => json!({ "replay": true }),
            };
        }
        if let Some(subscription) = message.get("subscription") {
            self.confirmed += usize::from(message["channel"] == "/meta/subscribe");
            reply["subscription"] = subscription.clone();
        }
        reply.to_string()
    }

    fn poll(&self) -> RequestId {
        let poll = self.open.iter().find(|request| request.kind() == "connect");
        poll.map(Request::id).expect("a poll waits at the server")
    }

    fn close_poll(&mut self, rest: &str) {
        let request = self.poll();
        self.chunk(rest.as_bytes());
        self.open.retain(|open| open.id() != request);
        self.input(Input::End { request });
        self.drain();
    }

    /// Until the next deadline.
    fn wait(&mut self) {
        self.now = self.wake.expect("something to wait for").max(self.now);
        self.input(Input::Timeout);
        self.drain();
    }

    fn command(&mut self, command: Command<'_>) {
        self.input(Input::Command(command));
    }

    fn input(&mut self, input: Input<'_>) {
        let began = std::time::Instant::now();
        self.session.handle_input(Instant::from_millis(self.now), input).expect("not a misuse");
        self.spent += began.elapsed();
    }

    fn drain(&mut self) {
        let began = std::time::Instant::now();
        let mut outputs = Vec::new();
        let wake = loop {
            match self.session.poll_output() {
                Output::Wait(wake) => break wake,
                output => outputs.push(output),
            }
        };
        self.spent += began.elapsed();
        self.wake = wake.map(Instant::as_millis);
        for output in outputs {
            self.note(output);
        }
    }

    fn note(&mut self, output: Output) {
        match output {
            Output::Send(request) => self.open.push(request),
            Output::Abort(id) => self.open.retain(|request| request.id() != id),
            Output::Load { request, .. } => self.loads.push(request),
            Output::Save { request, .. } => self.saves.push(request),
            Output::Event(event) => self.queue.push(event),
            Output::Settled { result, command } => {
                assert!(result.is_ok(), "{command}: {result:?}");
                self.settled += usize::from(command > 0);
            }
            Output::Hold(_) | Output::Closed(_) | Output::Ended { error: Some(_), .. } => {
                panic!("not what is measured: {output:?}")
            }
            _ => {}
        }
    }
}

fn name(channel: u32) -> String {
    format!("/event/Order_{channel}__e")
}
