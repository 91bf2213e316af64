//! The session, a clock that is assigned, and what has come out of it so far.

mod answers;
mod headers;
mod inputs;
mod logins;
mod outputs;
mod pauses;
mod replies;
mod starts;
mod tracked;

use cometd_edge::Instant;
use cometd_edge::replay::Position;
use cometd_edge::session::{
    ApiMisuse, Command, Config, Error, Event, GapCause, Input, Output, Request, RequestId, Session, State,
    Status,
};
use serde_json::Value;

pub use self::logins::*;
pub use self::pauses::*;
pub use self::replies::*;
pub use self::tracked::*;

/// What a table of cases does to a client.
pub type Deed = dyn Fn(&mut Sim);

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
    /// But for those that tell of a session.
    pub statuses: Vec<Status>,
    /// Each session that was told: was it that of the snapshot?
    pub sessions: Vec<bool>,
    pub settled: Vec<(u32, Result<Vec<String>, Error>)>,
    pub ended: Vec<(u32, Option<Error>)>,
    pub states: Vec<State>,
    pub closed: Option<Option<Error>>,
    /// Each question for a token: was the last one refused?
    pub asked: Vec<bool>,
    /// And was it said that the instance may have moved?
    pub moved: Vec<bool>,
    /// How often those outside the session got none.
    pub denied: u32,
    /// The number of the last token.
    pub tokens: u32,
    /// Questions for the headers of a request that have no answer.
    pub header_asks: Vec<u32>,
    /// Where each was given for.
    pub given_for: Vec<String>,
    /// Loads and saves that have no answer.
    pub loads: Vec<(u32, String)>,
    pub saves: Vec<(u32, String, Position)>,
    pub decisions: Vec<(u32, String, Error)>,
    /// Every output, in order.
    pub log: Vec<String>,
}

impl Sim {
    pub fn of(config: Config, seed: u64) -> Self {
        Self::of_at(config, seed, 0)
    }

    pub fn of_at(config: Config, seed: u64, now: u64) -> Self {
        let mut sim = Self {
            session: Session::new(config, seed, Instant::from_millis(now)),
            now,
            wake: None,
            open: Vec::new(),
            sent: Vec::new(),
            aborted: Vec::new(),
            held: Vec::new(),
            inspects: Vec::new(),
            events: Vec::new(),
            tapped: Vec::new(),
            statuses: Vec::new(),
            sessions: Vec::new(),
            settled: Vec::new(),
            ended: Vec::new(),
            states: Vec::new(),
            closed: None,
            asked: Vec::new(),
            moved: Vec::new(),
            denied: 0,
            tokens: 0,
            header_asks: Vec::new(),
            given_for: Vec::new(),
            loads: Vec::new(),
            saves: Vec::new(),
            decisions: Vec::new(),
            log: Vec::new(),
        };
        sim.drain();
        sim
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
            Output::Status(Status::Session { resumed }) => self.sessions.push(resumed),
            Output::Status(status) => self.statuses.push(status),
            Output::Headers { request } => self.header_asks.push(request),
            Output::Authenticate { refused, moved } => {
                self.asked.push(refused);
                self.moved.push(moved);
            }
            Output::NoToken => self.denied += 1,
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
        if let Some(url) = self.given_for.get((carried(&request) as usize).wrapping_sub(1)) {
            // With the type of the message behind it, where that is wanted.
            let behind = request.url().strip_prefix(url.as_str());
            let own = ["", "/", "/handshake", "/connect", "/disconnect"];
            assert!(behind.is_some_and(|behind| own.contains(&behind)), "not where the token is good (S10a)");
        }
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
