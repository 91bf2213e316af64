use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::options::{EngineOptions, config};
use crate::Instant;
use crate::bayeux::json;
use crate::host::{Driver, EngineHost, Inspected, Queues, Shared, error_record};
use crate::replay::{Commit, OnInvalid, Position, Start};
use crate::session::{ApiMisuse, Command, Follow, Input, Inspect, Session};
use crate::text;

/// The boundary; `engine.ts` documents each method. All take `&self`, and return nothing, a number, a text or a
/// `Result`: anything else would let V8 before Node 24 abort the process when the caller is deoptimised during the call.
#[wasm_bindgen]
pub struct Engine {
    shared: Rc<Shared>,
    credentials: bool,
    replay: bool,
}

#[wasm_bindgen]
impl Engine {
    #[wasm_bindgen(constructor)]
    pub fn new(host: EngineHost, options: &EngineOptions) -> Result<Engine, JsValue> {
        let config = config(options).map_err(thrown)?;
        let replay = config.replay;
        let seen = Inspected(config.inspect != Inspect::None);
        let credentials = !options.flag("ownCookies");
        let now = Instant::from_millis(host.now() as u64);
        let session = Session::new(config, options.number("seed").unwrap_or_default() as u64, now);
        let shared = Rc::new(Shared {
            host,
            session: RefCell::new(session),
            queues: RefCell::new(Queues::default()),
            waker: RefCell::new(None),
            commanded: Cell::new(false),
            deadline: Cell::new(None),
            trap: Cell::new(false),
            seen,
        });
        Ok(Engine { shared, credentials, replay })
    }

    pub fn start(&self) {
        spawn_local(Driver::new(self.shared.clone(), self.credentials));
    }

    pub fn subscribe(
        &self,
        id: u32,
        channels: &str,
        starts: &str,
        commit: &str,
        on_invalid_position: &str,
    ) -> Result<(), JsValue> {
        let mut list = Vec::new();
        for start in json::strings(starts) {
            list.push(Start::parse(&start));
        }
        let follow = Follow {
            starts: &list,
            commit: match commit {
                "delivered" => Commit::Delivered,
                "manual" => Commit::Manual,
                _ => Commit::Processed,
            },
            on_invalid: match on_invalid_position {
                "new" => OnInvalid::New,
                "fail" => OnInvalid::Fail,
                _ => OnInvalid::All,
            },
        };
        let follow = Some(follow).filter(|_| self.replay);
        self.command(Command::Subscribe { subscription: id, channels: &json::strings(channels), follow })
    }

    pub fn unsubscribe(&self, command: u32, subscription: u32, handed: u32) -> Result<(), JsValue> {
        self.command(Command::Unsubscribe { command, subscription, handed })
    }

    pub fn progress(&self, reader: u32, sequence: u32, done: bool) {
        self.shared.progress(reader, sequence, done);
    }

    pub fn commit(&self, command: u32, reader: u32, sequence: u32) -> Result<(), JsValue> {
        let subscriptions = self.shared.queues.borrow().given_to(reader, sequence);
        self.command(Command::Commit { command, subscriptions: &subscriptions, sequence })
    }

    pub fn token(&self, number: u32, access_token: &str, url: &str) {
        self.shared.input(Input::Token { number, access_token, url });
    }

    #[wasm_bindgen(js_name = tokenFailed)]
    pub fn token_failed(&self, message: &str, retryable: bool) {
        self.shared.input(Input::TokenFailed { message, retryable });
    }

    pub fn refused(&self, token: u32) {
        self.shared.input(Input::TokenRefused { number: token });
    }

    #[wasm_bindgen(js_name = checkInstance)]
    pub fn check_instance(&self, url: &str) -> Result<(), JsValue> {
        match self.shared.session.borrow().check_instance(url) {
            Ok(_) => Ok(()),
            Err(error) => Err(error_record(Some(&error))),
        }
    }

    pub fn loaded(&self, request: u32, replay_id: &str, problem: &str, invalid: bool) {
        let position = || Position { replay_id: replay_id.to_owned(), created_date: None };
        let result = match (problem, replay_id) {
            ("", "") => Ok(None),
            ("", _) => Ok(Some(position())),
            _ => Err((problem, invalid)),
        };
        self.shared.input(Input::Loaded { request, result });
    }

    pub fn saved(&self, request: u32, problem: &str) {
        let problem = Some(problem).filter(|problem| !problem.is_empty());
        self.shared.input(Input::Saved { request, problem });
    }

    pub fn decided(&self, request: u32, verdict: i32) {
        let retry = match verdict {
            -1 => None,
            verdict => Some(verdict == 1),
        };
        self.shared.input(Input::Decided { request, retry });
    }

    pub fn publish(&self, command: u32, channel: &str, data: &str) -> Result<(), JsValue> {
        self.command(Command::Publish { command, channel, data })
    }

    pub fn send(&self, command: u32, messages: &str) -> Result<(), JsValue> {
        let mut list = Vec::new();
        for message in json::elements(messages) {
            list.push(message.to_owned());
        }
        self.command(Command::Send { command, messages: &list })
    }

    pub fn drain(&self, command: u32, idle_ms: f64, deadline_ms: f64) -> Result<(), JsValue> {
        // Saturates: the cast of a float to an integer does in Rust.
        let idle_ms = idle_ms.is_finite().then_some(idle_ms as u64);
        self.command(Command::Drain { command, idle_ms, deadline_ms: deadline_ms as u64 })
    }

    pub fn rest(&self, command: u32) -> Result<(), JsValue> {
        self.command(Command::Rest { command })
    }

    pub fn hidden(&self, hidden: bool) -> Result<(), JsValue> {
        self.command(Command::Hidden(hidden))
    }

    pub fn suspend(&self, command: u32) -> Result<(), JsValue> {
        self.command(Command::Suspend { command })
    }

    pub fn restore(&self, subscriptions: &str, message: &str) -> Result<(), JsValue> {
        let mut numbers = Vec::new();
        for number in json::elements(subscriptions) {
            numbers.push(text::number(number).unwrap_or_default() as u32);
        }
        self.command(Command::Restore { subscriptions: &numbers, message })
    }

    pub fn close(&self) -> Result<(), JsValue> {
        self.command(Command::Close)
    }

    pub fn claim(&self, subscription: u32) {
        self.shared.queues.borrow_mut().claim(subscription);
    }

    pub fn take(&self, reader: u32) -> u32 {
        self.shared.queues.borrow_mut().take(reader)
    }

    pub fn text(&self) -> String {
        self.shared.queues.borrow().text()
    }

    pub fn offsets(&self) -> Result<Vec<u32>, JsValue> {
        Ok(self.shared.queues.borrow().offsets())
    }

    pub fn taken(&self, reader: u32) {
        self.shared.taken(reader);
    }

    pub fn tap(&self, on: bool) -> Result<(), JsValue> {
        self.command(Command::Tap(on))
    }

    pub fn deadline(&self) -> f64 {
        self.shared.deadline.get().map_or(-1.0, |at| at.as_millis() as f64)
    }

    pub fn trap(&self) {
        self.shared.trap.set(true);
        self.shared.wake();
    }
}

impl Engine {
    fn command(&self, command: Command<'_>) -> Result<(), JsValue> {
        self.shared.command(command).map_err(thrown)
    }
}

/// What an export throws.
fn thrown(misuse: ApiMisuse) -> JsValue {
    error_record(Some(&misuse.into()))
}
