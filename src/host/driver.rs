//! The task that drives a session.

use std::rc::Rc;

use wasm_bindgen::JsValue;

use super::exchange::{Exchange, Progress};
use super::records::{error_record, status_record};
use super::timer::Timer;
use super::{Instant, Shared};
use crate::session::{Command, Error, Input, Output, Request, body_of};
use crate::text::{decimal, joined};

/// Why nothing goes out for a client that was collected.
const UNUSED: &str = "the client is no longer in use";

/// Runs until the session is over. There is one per client.
pub(crate) struct Driver {
    shared: Rc<Shared>,
    exchanges: Vec<Exchange>,
    timer: Timer,
    /// For the end of the turn in which commands were issued (S3).
    waiting_for_turn: bool,
    /// The host keeps the cookies, if asked to (X4).
    credentials: bool,
}

impl Driver {
    pub fn new(shared: Rc<Shared>, credentials: bool) -> Self {
        Self { exchanges: Vec::new(), timer: Timer::default(), waiting_for_turn: false, credentials, shared }
    }

    fn now(&self) -> Instant {
        self.shared.now()
    }

    /// Hands an input to the session. Only commands can be misused, and none goes this way.
    fn input(&self, input: Input<'_>) {
        let _ = self.shared.hand(input);
    }

    /// Goes on with what has arrived for one exchange; `false` when all wait.
    fn step(&mut self) -> bool {
        for exchange in &mut self.exchanges {
            exchange.read_on(&self.shared);
        }
        let index_of = |request: u32| self.exchanges.iter().position(|exchange| exchange.id.get() == request);
        let may_go_on = |request: u32| {
            index_of(request).and_then(|index| self.exchanges.get(index)).is_none_or(|one| !one.waits())
        };
        let at = self.shared.task.arrived.borrow().iter().position(|arrival| may_go_on(arrival.request));
        let Some(at) = at else { return false };
        let arrival = self.shared.task.arrived.borrow_mut().remove(at);
        // What was aborted is gone.
        let Some(index) = index_of(arrival.request) else { return true };
        let Some(exchange) = self.exchanges.get_mut(index) else { return true };
        let request = exchange.id;
        match exchange.go_on(&self.shared, arrival) {
            Progress::Head(status, headers) => {
                self.log_head(index, status);
                self.input(Input::Head { request, status, headers: &headers });
            }
            Progress::Chunk(bytes) => self.input(Input::Chunk { request, bytes: &bytes }),
            Progress::End => {
                self.exchanges.swap_remove(index);
                self.input(Input::End { request });
            }
            Progress::Failed(reason) => {
                self.exchanges.swap_remove(index).abort(&self.shared);
                self.input(Input::Failed { request, reason: &reason });
            }
            Progress::Unreadable(given) => {
                self.exchanges.swap_remove(index).abort(&self.shared);
                self.input(Input::Unreadable { request, given });
            }
        }
        true
    }

    /// Carries out what the session says; `true` when it is over.
    fn drain(&mut self) -> bool {
        loop {
            let output = self.shared.session.borrow_mut().poll_output();
            if !matches!(output, Output::Event(_)) {
                self.tell_readers();
            }
            match output {
                Output::Send(request) => self.send(&request),
                Output::Abort(id) => {
                    if let Some(index) = self.exchanges.iter().position(|exchange| exchange.id == id) {
                        self.exchanges.swap_remove(index).abort(&self.shared);
                    }
                }
                Output::Hold(id) => self.hold(id, true),
                Output::Release(id) => self.hold(id, false),
                Output::Headers { request } => self.ask_headers(request),
                Output::Inspect { request, message } => {
                    let text = self.shared.host.inspect(true, &message);
                    let message = Some(text.as_str()).filter(|text| !text.is_empty());
                    self.input(Input::Inspected { request, message });
                }
                Output::Authenticate { refused, moved } => self.shared.host.authenticate(refused, moved),
                Output::NoToken => self.shared.host.no_token(),
                Output::Load { request, channel } => self.shared.host.load(request, &channel),
                Output::Save { request, channel, position } => {
                    let created_date = position.created_date.unwrap_or_default();
                    self.shared.host.save(request, &channel, &position.replay_id, &created_date);
                }
                Output::Decide { request, channel, error } => {
                    self.shared.host.decide(request, &channel, &self.record(Some(&error)));
                }
                Output::Event(event) => self.shared.queues.borrow_mut().push(event),
                Output::Message(text) => self.shared.host.message(&text),
                Output::Settled { command, result } => self.settled(command, result),
                Output::Ended { subscription, error } => {
                    match error {
                        None => self.shared.queues.borrow_mut().remove(subscription),
                        // What an error cuts off may still be read up to there.
                        Some(_) => self.shared.queues.borrow_mut().end(subscription),
                    }
                    self.shared.host.ended(subscription, &self.record(error.as_ref()));
                }
                Output::State(state) => self.shared.host.state(state.as_str()),
                Output::Status(status) => {
                    let server = self.shared.session.borrow().place();
                    self.shared.host.status(&status_record(&status, &server));
                }
                Output::Closed(error) => {
                    while let Some(exchange) = self.exchanges.pop() {
                        exchange.abort(&self.shared);
                    }
                    self.shared.deadline.set(None);
                    self.shared.host.closed(&self.record(error.as_ref()));
                    return true;
                }
                Output::Wait(at) => {
                    self.shared.deadline.set(at);
                    if let Some(at) = at {
                        let now = self.now();
                        self.timer.arm(&self.shared, now, at);
                    }
                    return false;
                }
            }
        }
    }

    fn ask_headers(&mut self, request: u32) {
        if self.shared.host.alive() {
            return self.shared.host.headers(request);
        }
        // Nobody is left to read, or to be asked.
        self.input(Input::Command(Command::Close));
        self.input(Input::Headers { request, answer: Err(UNUSED) });
    }

    fn send(&mut self, request: &Request) {
        if request.kind() != "disconnect" && !self.shared.host.alive() {
            // Nobody is left to read: give the session back, for which one more request goes out.
            self.input(Input::Failed { request: request.id(), reason: UNUSED });
            self.input(Input::Command(Command::Close));
            return;
        }
        let body = if self.shared.seen.0 { body_of(&self.inspected(request)) } else { request.body() };
        let now = self.now();
        self.exchanges.push(Exchange::start(&self.shared, request, &body, self.credentials, now));
    }

    /// Outgoing messages as the extensions leave them. What keeps the session alive cannot be dropped.
    fn inspected(&self, request: &Request) -> Vec<String> {
        let mut messages = Vec::with_capacity(request.messages().len());
        for message in request.messages() {
            let text = self.shared.host.inspect(false, message);
            if !text.is_empty() {
                messages.push(text);
            } else if request.kind() != "commands" {
                messages.push(message.clone());
            }
        }
        messages
    }

    fn hold(&mut self, id: crate::session::RequestId, held: bool) {
        if let Some(exchange) = self.exchanges.iter_mut().find(|exchange| exchange.id == id) {
            exchange.held = held;
        }
    }

    /// What JavaScript is told of an error: its message names the server.
    fn record(&self, error: Option<&Error>) -> JsValue {
        let server = || self.shared.session.borrow().place();
        error.map_or(JsValue::UNDEFINED, |error| error_record(error, &server()))
    }

    fn settled(&self, command: u32, result: Result<Vec<String>, Error>) {
        let (replies, error) = match result {
            Ok(replies) => (body_of(&replies), None),
            Err(error) => {
                // A subscription that was refused is not read any more.
                self.shared.queues.borrow_mut().remove(command);
                (body_of(&[]), Some(error))
            }
        };
        self.shared.host.settled(command, &replies, &self.record(error.as_ref()));
    }

    fn tell_readers(&self) {
        let readers = self.shared.queues.borrow_mut().take_ready();
        for reader in readers {
            self.shared.host.ready(reader);
        }
    }

    fn log_head(&self, index: usize, status: u16) {
        let Some(exchange) = self.exchanges.get(index) else { return };
        let ms = self.now().since(exchange.started);
        let (status, ms) = (decimal(u64::from(status)), decimal(ms));
        let text = joined(&[exchange.kind, ": HTTP ", &status, " after ", &ms, " ms"], "");
        self.shared.host.log("debug", &text);
    }

    /// Runs as far as it can; `true` when all is over.
    pub fn turn(&mut self) -> bool {
        if self.shared.trap.take() {
            panic!("a panic on purpose");
        }
        if self.timer.fired(&self.shared) {
            self.input(Input::Timeout);
        }
        if self.shared.task.turn_over.take() {
            self.waiting_for_turn = false;
            self.shared.commanded.set(false);
        } else if self.shared.commanded.take() && !self.waiting_for_turn {
            self.waiting_for_turn = true;
            self.shared.task.with(&|callback| self.shared.host.defer(callback));
        }
        // Until the turn is over, commands gather (S3); everything else waits with them for that moment.
        if self.waiting_for_turn {
            return false;
        }
        loop {
            if self.drain() {
                return true;
            }
            if !self.step() {
                return false;
            }
        }
    }
}
