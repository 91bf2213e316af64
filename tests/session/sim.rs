//! The session, a clock that is assigned, and what has come out of it so far.

use cometd_edge::Instant;
use cometd_edge::replay::{Commit, OnInvalid, Position, Start};
use cometd_edge::session::{
    ApiMisuse, Command, Config, Error, Event, Follow, GapCause, Input, Output, Request, RequestId, Session,
    State, Status,
};
use serde_json::{Value, json};

pub const URL: &str = "https://example.com/cometd";

/// `reconnect: retry`, a poll of 30 s.
pub const ADVICE: &str = r#"{"reconnect":"retry","interval":0,"timeout":30000}"#;
pub const CONNECTED: &str = r#"[{"channel":"/meta/connect","successful":true}]"#;

pub struct Sim {
    pub session: Session,
    pub now: u64,
    /// The instant of the last `Wait`.
    pub wake: Option<u64>,
    /// Requests without an end.
    pub open: Vec<Request>,
    pub sent: Vec<Request>,
    pub aborted: Vec<RequestId>,
    pub held: Vec<RequestId>,
    pub inspects: Vec<(RequestId, String)>,
    pub events: Vec<Event>,
    pub tapped: Vec<String>,
    pub statuses: Vec<Status>,
    pub settled: Vec<(u32, Result<Vec<String>, Error>)>,
    pub ended: Vec<(u32, Option<Error>)>,
    pub states: Vec<State>,
    pub closed: Option<Option<Error>>,
    /// Each question for a token: was the last one refused?
    pub asked: Vec<bool>,
    /// The number of the last token.
    pub tokens: u32,
    /// Loads and saves that have no answer.
    pub loads: Vec<(u32, String)>,
    pub saves: Vec<(u32, String, Position)>,
    pub decisions: Vec<(u32, String, Error)>,
    /// Every output, in order.
    pub log: Vec<String>,
}

impl Sim {
    /// A session whose handshake is open.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(URL).expect("a good url");
        configure(&mut config);
        Self::of(config, 42)
    }

    pub fn of(config: Config, seed: u64) -> Self {
        let mut sim = Self {
            session: Session::new(config, seed, Instant::from_millis(0)),
            now: 0,
            wake: None,
            open: Vec::new(),
            sent: Vec::new(),
            aborted: Vec::new(),
            held: Vec::new(),
            inspects: Vec::new(),
            events: Vec::new(),
            tapped: Vec::new(),
            statuses: Vec::new(),
            settled: Vec::new(),
            ended: Vec::new(),
            states: Vec::new(),
            closed: None,
            asked: Vec::new(),
            tokens: 0,
            loads: Vec::new(),
            saves: Vec::new(),
            decisions: Vec::new(),
            log: Vec::new(),
        };
        sim.drain();
        sim
    }

    /// A session with a parked poll.
    pub fn connected() -> Self {
        Self::connected_with(|_| {})
    }

    pub fn connected_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut sim = Self::with(configure);
        sim.shake();
        sim.poll(CONNECTED);
        sim
    }

    /// The same with the acknowledgement extension.
    pub fn acknowledged() -> Self {
        Self::acknowledged_with(|_| {})
    }

    pub fn acknowledged_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut sim = Self::with(configure);
        sim.answer("handshake", &handshake("client-1", r#","ext":{"ack":true}"#));
        sim.poll(&poll_reply("", 1));
        sim
    }

    /// A connected session that is subscribed to these, each by a subscription of its own: 1, 2, …
    pub fn subscribed(channels: &[&str]) -> Self {
        let mut sim = Self::connected();
        for (number, channel) in (1..).zip(channels) {
            let channels = [(*channel).to_owned()];
            sim.queue(Command::Subscribe { subscription: number, channels: &channels, follow: None })
                .expect("not a misuse");
        }
        sim.drain();
        sim.confirm();
        sim
    }

    /// Salesforce's dialect, with replay and credentials; the question for the first token is open.
    pub fn salesforce() -> Self {
        Self::salesforce_with(|_| {})
    }

    pub fn salesforce_with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::with(|config| {
            config.authenticated().expect("https").salesforce();
            config.replay = true;
            configure(config);
        })
    }

    /// The same with a token, a session and a parked poll.
    pub fn logged_in() -> Self {
        Self::logged_in_with(|_| {})
    }

    pub fn logged_in_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut sim = Self::salesforce_with(configure);
        sim.token();
        sim.shake();
        sim.poll(CONNECTED);
        sim
    }

    /// A connected session whose subscription 1 follows the channel from this position, or else from `start`.
    pub fn following(channel: &str, start: Start, position: Option<&str>) -> Self {
        let mut sim = Self::connected_with(|config| config.replay = true);
        sim.follow(1, channel, start);
        sim.load(channel, position);
        sim.confirm();
        sim.poll(CONNECTED);
        sim
    }

    // Inputs.

    /// The next token, good at the url of the configuration.
    pub fn token(&mut self) {
        self.token_at(URL);
    }

    pub fn token_at(&mut self, url: &str) {
        self.tokens += 1;
        let access_token = format!("token-{}", self.tokens);
        self.input(Input::Token { number: self.tokens, access_token: &access_token, url });
    }

    /// Waits until the next token is asked for, and gives it.
    pub fn renew(&mut self) {
        while self.asked.len() <= self.tokens as usize {
            self.wait();
        }
        self.token();
    }

    pub fn follow(&mut self, subscription: u32, channel: &str, start: Start) {
        self.follow_as(subscription, channel, start, Commit::Processed, OnInvalid::All);
    }

    pub fn follow_as(
        &mut self,
        subscription: u32,
        channel: &str,
        start: Start,
        commit: Commit,
        on_invalid: OnInvalid,
    ) {
        self.try_follow(subscription, &[channel], &[start], commit, on_invalid).expect("not a misuse");
    }

    pub fn try_follow(
        &mut self,
        subscription: u32,
        channels: &[&str],
        starts: &[Start],
        commit: Commit,
        on_invalid: OnInvalid,
    ) -> Result<(), ApiMisuse> {
        let channels: Vec<String> = channels.iter().map(|channel| (*channel).to_owned()).collect();
        let follow = Some(Follow { starts, commit, on_invalid });
        let result = self.queue(Command::Subscribe { subscription, channels: &channels, follow });
        self.drain();
        result
    }

    /// The store answers the load of this channel.
    pub fn load(&mut self, channel: &str, position: Option<&str>) {
        let position =
            position.map(|replay_id| Position { replay_id: replay_id.to_owned(), created_date: None });
        self.load_answer(channel, Ok(position));
    }

    pub fn load_answer(&mut self, channel: &str, result: Result<Option<Position>, (&str, bool)>) {
        let index = self.loads.iter().position(|(_, known)| known == channel).expect("a load");
        let (request, _) = self.loads.remove(index);
        self.input(Input::Loaded { request, result });
    }

    /// The store has taken the position of this channel; gives its replay id.
    pub fn save(&mut self, channel: &str) -> String {
        self.save_answer(channel, None)
    }

    pub fn save_answer(&mut self, channel: &str, problem: Option<&str>) -> String {
        let index = self.saves.iter().position(|(_, known, _)| known == channel).expect("a save");
        let (request, _, position) = self.saves.remove(index);
        self.input(Input::Saved { request, problem });
        position.replay_id
    }

    /// Answers every save, until there is no more.
    pub fn save_all(&mut self) {
        while let Some((_, channel, _)) = self.saves.first().cloned() {
            self.save(&channel);
        }
    }

    /// The application is done with all events of the subscription up to this one.
    pub fn done(&mut self, subscription: u32, sequence: u32) {
        self.input(Input::Progress { subscription, sequence, done: true });
    }

    /// All events of the subscription up to this one were handed out.
    pub fn delivered(&mut self, subscription: u32, sequence: u32) {
        self.input(Input::Progress { subscription, sequence, done: false });
    }

    pub fn commit(&mut self, command: u32, subscription: u32, sequence: u32) {
        self.command(Command::Commit { command, subscriptions: &[subscription], sequence });
    }

    pub fn leave(&mut self, command: u32, subscription: u32, handed: u32) {
        self.command(Command::Unsubscribe { command, subscription, handed });
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.session.handle_input(Instant::from_millis(self.now), input).expect("not a misuse");
        self.drain();
    }

    /// A command that waits for the others of its turn.
    pub fn queue(&mut self, command: Command<'_>) -> Result<(), ApiMisuse> {
        self.session.handle_input(Instant::from_millis(self.now), Input::Command(command))
    }

    pub fn command(&mut self, command: Command<'_>) {
        self.input(Input::Command(command));
    }

    pub fn subscribe(&mut self, subscription: u32, channels: &[&str]) {
        let channels: Vec<String> = channels.iter().map(|channel| (*channel).to_owned()).collect();
        self.queue(Command::Subscribe { subscription, channels: &channels, follow: None })
            .expect("not a misuse");
        self.drain();
    }

    pub fn unsubscribe(&mut self, command: u32, subscription: u32) {
        self.command(Command::Unsubscribe { command, subscription, handed: 0 });
    }

    pub fn publish(&mut self, command: u32, channel: &str) {
        self.command(Command::Publish { command, channel, data: "{}" });
    }

    pub fn close(&mut self) {
        self.command(Command::Close);
    }

    pub fn take(&mut self, subscription: u32, events: usize) {
        self.input(Input::Taken { subscription, events });
    }

    /// Lets time pass, deadlines on the way included.
    pub fn advance(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(wake) = self.wake.filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.input(Input::Timeout);
            assert!(
                self.wake.is_none_or(|next| next > self.now),
                "woken at {} for {:?}",
                self.now,
                self.wake
            );
        }
        self.now = until;
        self.input(Input::Timeout);
    }

    /// Jumps to the next deadline, and says how far that was.
    pub fn wait(&mut self) -> u64 {
        let from = self.now;
        self.now = self.wake.expect("a deadline").max(self.now);
        self.input(Input::Timeout);
        self.now - from
    }

    // Requests and replies.

    pub fn try_open(&self, kind: &str) -> Option<Request> {
        self.open.iter().find(|request| request.kind() == kind).cloned()
    }

    pub fn request(&self, kind: &str) -> Request {
        let kinds: Vec<&str> = self.open.iter().map(Request::kind).collect();
        self.try_open(kind).unwrap_or_else(|| panic!("no {kind} is open, but {kinds:?}"))
    }

    pub fn head(&mut self, id: RequestId, status: u16) {
        self.head_with(id, status, &[]);
    }

    pub fn head_with(&mut self, id: RequestId, status: u16, headers: &[(&str, &str)]) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<(String, String)> = headers.iter().map(own).collect();
        self.input(Input::Head { request: id, status, headers: &headers });
    }

    pub fn chunk(&mut self, id: RequestId, bytes: &str) {
        self.input(Input::Chunk { request: id, bytes: bytes.as_bytes() });
    }

    pub fn end(&mut self, id: RequestId) {
        self.open.retain(|request| request.id() != id);
        self.input(Input::End { request: id });
    }

    /// A whole reply to the open request of this kind.
    pub fn answer(&mut self, kind: &str, body: &str) {
        let id = self.request(kind).id();
        self.head(id, 200);
        self.chunk(id, body);
        self.end(id);
    }

    /// A head and part of a body.
    pub fn begin(&mut self, kind: &str, body: &str) -> RequestId {
        let id = self.request(kind).id();
        self.head(id, 200);
        self.chunk(id, body);
        id
    }

    pub fn answer_status(&mut self, kind: &str, status: u16) {
        let id = self.request(kind).id();
        self.head(id, status);
    }

    pub fn fail(&mut self, kind: &str) {
        let id = self.request(kind).id();
        self.fail_id(id);
    }

    pub fn fail_id(&mut self, id: RequestId) {
        self.open.retain(|request| request.id() != id);
        self.input(Input::Failed { request: id, reason: "connection reset" });
    }

    /// A part of a body, then a cut.
    pub fn cut(&mut self, kind: &str, body: &str) {
        let id = self.begin(kind, body);
        self.fail_id(id);
    }

    /// The handshake succeeds.
    pub fn shake(&mut self) {
        self.answer("handshake", &handshake("client-1", ""));
    }

    /// The poll is answered.
    pub fn poll(&mut self, body: &str) {
        self.answer("connect", body);
    }

    /// Says yes to every open command.
    pub fn confirm(&mut self) {
        self.reply_to_commands(|_| true);
    }

    /// Answers each open command, with yes or no.
    pub fn reply_to_commands(&mut self, accept: impl Fn(&Value) -> bool) {
        let request = self.request("commands");
        let replies: Vec<Value> =
            messages(&request).iter().map(|message| reply_to(message, accept(message))).collect();
        self.answer("commands", &Value::Array(replies).to_string());
    }

    // What came out.

    pub fn kinds(&self) -> Vec<&'static str> {
        self.open.iter().map(Request::kind).collect()
    }

    /// The number of the token that the open request of this kind carries; 0 for none.
    pub fn carried(&self, kind: &str) -> u32 {
        carried(&self.request(kind))
    }

    /// Replay ids of all events so far.
    pub fn ids(&self) -> Vec<String> {
        let id =
            |event: &Event| event.message.raw()[event.message.replay_id().expect("a position")].to_owned();
        self.events.iter().map(id).collect()
    }

    /// Replay ids of the events that this subscription was given.
    pub fn ids_of(&self, subscription: u32) -> Vec<String> {
        let own = self.events.iter().map(|event| event.subscriptions.contains(&subscription));
        self.ids().into_iter().zip(own).filter(|(_, own)| *own).map(|(id, _)| id).collect()
    }

    /// The number of the event with this replay id, the last one of that.
    pub fn sequence(&self, id: &str) -> u32 {
        let index = self.ids().iter().rposition(|known| known == id).expect("such an event");
        self.events[index].sequence
    }

    /// The position from which the open request subscribes its only channel, as it stands on the wire.
    pub fn from(&self) -> String {
        let request = self.request("commands");
        let message = request.messages().first().expect("a message");
        assert_eq!(request.messages().len(), 1, "{message}");
        let (_, map) = message.split_once(r#""ext":{"replay":{"#).expect("a position");
        let (_, position) = map.split_once("\":").expect("a map");
        position.trim_end_matches('}').to_owned()
    }

    /// The last position that is being saved for this channel.
    pub fn saving(&self, channel: &str) -> Option<&str> {
        let (_, _, position) = self.saves.iter().find(|(_, known, _)| known == channel)?;
        Some(&position.replay_id)
    }

    /// Ends the open session, and answers its disconnect and the next handshake.
    pub fn new_session(&mut self) {
        for _ in 0..100 {
            if self.try_open("disconnect").is_some() {
                self.answer("disconnect", "[]");
            } else if self.try_open("handshake").is_some() {
                let client_id = format!("client-{}", self.sent.len());
                return self.answer("handshake", &handshake(&client_id, ""));
            } else {
                self.wait();
            }
        }
        panic!("no handshake");
    }

    pub fn count(&self, kind: &str) -> usize {
        self.sent.iter().filter(|request| request.kind() == kind).count()
    }

    /// `data` of all events so far.
    pub fn data(&self) -> Vec<String> {
        let data = |event: &Event| event.message.raw()[event.message.data().expect("an event")].to_owned();
        self.events.iter().map(data).collect()
    }

    pub fn result(&self, command: u32) -> Option<&Result<Vec<String>, Error>> {
        self.settled.iter().find(|(number, _)| *number == command).map(|(_, result)| result)
    }

    /// Panics unless the command has failed.
    pub fn error(&self, command: u32) -> &Error {
        match self.result(command) {
            Some(Err(error)) => error,
            other => panic!("{command} did not fail: {other:?}"),
        }
    }

    /// Panics unless the command has succeeded.
    pub fn ok(&self, command: u32) -> &[String] {
        match self.result(command) {
            Some(Ok(replies)) => replies,
            other => panic!("{command} did not succeed: {other:?}"),
        }
    }

    pub fn gaps(&self) -> Vec<(String, GapCause)> {
        let gap = |status: &Status| match status {
            Status::Gap { channel, cause, .. } => Some((channel.clone(), *cause)),
            _ => None,
        };
        self.statuses.iter().filter_map(gap).collect()
    }

    /// Attempt and delay of every retry.
    pub fn retries(&self) -> Vec<(u32, u64)> {
        let retry = |status: &Status| match status {
            Status::Retry { attempt, delay_ms, .. } => Some((*attempt, *delay_ms)),
            _ => None,
        };
        self.statuses.iter().filter_map(retry).collect()
    }

    /// What the client ended with.
    pub fn closed_with(&self) -> &Error {
        match &self.closed {
            Some(Some(error)) => error,
            other => panic!("the client did not end with an error: {other:?}"),
        }
    }

    /// Takes in all outputs, and holds the session to what is always true.
    pub fn drain(&mut self) {
        for _ in 0..100_000 {
            let output = self.session.poll_output();
            if let Output::Wait(at) = output {
                self.wake = at.map(Instant::as_millis);
                assert!(
                    self.wake.is_none_or(|wake| wake > self.now),
                    "woken at {} for {:?}",
                    self.now,
                    self.wake
                );
                return;
            }
            assert!(self.closed.is_none(), "nothing follows Closed, but {output:?}");
            self.note(output);
        }
        panic!("a drain without end");
    }

    fn note(&mut self, output: Output) {
        self.log.push(match &output {
            Output::Send(request) => format!("{} Send {} {}", self.now, request.kind(), request.body()),
            Output::Settled { command, result } => format!("{} Settled {command} {result:?}", self.now),
            Output::Message(text) => format!("{} Message {text}", self.now),
            output => format!("{} {output:?}", self.now),
        });
        match output {
            Output::Send(request) => self.started(request),
            Output::Abort(id) => {
                self.aborted.push(id);
                self.open.retain(|request| request.id() != id);
            }
            Output::Hold(id) => {
                assert!(!self.held.contains(&id), "held twice");
                self.held.push(id);
            }
            Output::Release(id) => {
                assert!(self.held.contains(&id), "released without a hold");
                self.held.retain(|held| *held != id);
            }
            Output::Inspect { request, message } => self.inspects.push((request, message)),
            Output::Event(event) => {
                assert!(!event.subscriptions.is_empty() && event.subscriptions.is_sorted());
                for number in &event.subscriptions {
                    assert!(!self.ended.iter().any(|(ended, _)| ended == number), "an event after the end");
                }
                self.events.push(event);
            }
            Output::Message(text) => self.tapped.push(text),
            Output::Settled { command, result } => {
                assert!(self.result(command).is_none(), "{command} settles twice");
                self.settled.push((command, result));
            }
            Output::Ended { subscription, error } => {
                assert!(!self.ended.iter().any(|(ended, _)| *ended == subscription), "ended twice");
                assert!(matches!(self.result(subscription), Some(Ok(_))), "ended, but never subscribed");
                self.ended.push((subscription, error));
            }
            Output::State(state) => {
                assert_ne!(self.states.last(), Some(&state), "the same state twice");
                self.states.push(state);
            }
            Output::Status(status) => self.statuses.push(status),
            Output::Authenticate { refused } => self.asked.push(refused),
            Output::Load { request, channel } => self.loads.push((request, channel)),
            Output::Save { request, channel, position } => {
                let known = self.saves.iter().position(|(_, known, _)| *known == channel);
                if let Some(known) = known {
                    // The one before has failed.
                    self.saves.remove(known);
                }
                self.saves.push((request, channel, position));
            }
            Output::Decide { request, channel, error } => self.decisions.push((request, channel, error)),
            Output::Closed(error) => {
                assert!(self.open.is_empty(), "closed with a request in flight");
                self.closed = Some(error);
            }
            output => panic!("not known to the simulation: {output:?}"),
        }
    }

    fn started(&mut self, request: Request) {
        let metas = messages(&request).iter().filter(|message| is_of_session(message)).count();
        assert!(
            request.messages().len() == 1 || metas == 0,
            "{} shares its request (S1, S2)",
            request.kind()
        );
        self.open.push(request.clone());
        assert!(self.open.len() <= 2, "more than two requests (S2): {:?}", self.kinds());
        let polls = self.open.iter().filter(|request| request.kind() == "connect").count();
        assert!(polls <= 1, "more than one connect (S2)");
        self.sent.push(request);
    }
}

fn is_of_session(message: &Value) -> bool {
    matches!(message["channel"].as_str(), Some("/meta/handshake" | "/meta/connect" | "/meta/disconnect"))
}

/// The messages of a request.
pub fn messages(request: &Request) -> Vec<Value> {
    serde_json::from_str(&request.body()).expect("requests are JSON")
}

/// The only message of a request.
pub fn only(request: &Request) -> Value {
    let mut messages = messages(request);
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

/// The number of the token that a request carries; 0 for none.
pub fn carried(request: &Request) -> u32 {
    let is = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("authorization");
    let Some((_, value)) = request.headers().iter().find(is) else { return 0 };
    value.strip_prefix("Bearer token-").and_then(|number| number.parse().ok()).expect("one of ours")
}

/// Channels, or subscriptions of meta messages, of a request.
pub fn topics(request: &Request) -> Vec<String> {
    let topic = |message: &Value| {
        let topic = message.get("subscription").unwrap_or(&message["channel"]);
        topic.as_str().expect("a text").to_owned()
    };
    messages(request).iter().map(topic).collect()
}

/// The usual reply to a command.
pub fn reply_to(message: &Value, accept: bool) -> Value {
    let mut reply = json!({ "channel": message["channel"], "id": message["id"], "successful": accept });
    if let Some(subscription) = message.get("subscription") {
        reply["subscription"] = subscription.clone();
    }
    if !accept {
        reply["error"] = "403::denied".into();
    }
    reply
}

/// A handshake reply with `more` members.
pub fn handshake(client_id: &str, more: &str) -> String {
    let types = r#""supportedConnectionTypes":["long-polling","websocket"]"#;
    format!(
        r#"[{{"channel":"/meta/handshake","successful":true,"version":"1.0","clientId":"{client_id}",{types},"advice":{ADVICE}{more}}}]"#
    )
}

/// Events of a channel with these numbers as data, each followed by a comma.
pub fn events(channel: &str, numbers: impl IntoIterator<Item = u32>) -> String {
    let event = |number| format!(r#"{{"channel":"{channel}","data":{number}}},"#);
    numbers.into_iter().map(event).collect()
}

/// Events of a channel with these replay ids, as they stand on the wire, each followed by a comma.
pub fn replayed(channel: &str, ids: &[&str]) -> String {
    let event = |id: &&str| format!(r#"{{"channel":"{channel}","data":{{"event":{{"replayId":{id}}}}}}},"#);
    ids.iter().map(event).collect()
}

/// A successful poll with these events.
pub fn with_events(events: &str) -> String {
    format!(r#"[{events}{{"channel":"/meta/connect","successful":true}}]"#)
}

/// A successful poll with an acknowledgement number.
pub fn poll_reply(events: &str, batch: u32) -> String {
    format!(r#"[{events}{{"channel":"/meta/connect","successful":true,"ext":{{"ack":{batch}}}}}]"#)
}

/// A successful poll with an advice.
pub fn advised(advice: &str) -> String {
    format!(r#"[{{"channel":"/meta/connect","successful":true,"advice":{advice}}}]"#)
}

/// A failed poll with an error and more members.
pub fn refused(error: &str, more: &str) -> String {
    format!(r#"[{{"channel":"/meta/connect","successful":false,"error":"{error}"{more}}}]"#)
}

pub const UNKNOWN: &str = "402::Unknown client";
pub const EXPIRED: &str = "401::Authentication invalid";
pub const BUSY: &str = "503::Server is too busy.  Please try your request again later.";
pub const STALE: &str = "400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.";
pub const NONE: &str = r#","advice":{"reconnect":"none"}"#;
