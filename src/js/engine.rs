use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::options::{EngineOptions, config};
use super::told;
use crate::Instant;
use crate::bayeux::channel::Pattern;
use crate::bayeux::json;
use crate::delivery::{Batch, DeliveryQueues};
use crate::host::{EngineHost, Inspected, Shared, Task, error_record};
use crate::replay::{Commit, OnInvalid, Position, Start};
use crate::session::{Command, Input, Inspect, ReplayOptions, Session};
use crate::text;

/// X6: `free()` frees it all, also where the engine did not come to its own end.
impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.task.stop();
    }
}

/// The boundary; `engine.ts` documents each method. All take `&self`, and return nothing, a number, a text or a
/// `Result`: anything else would let V8 before Node 24 abort the process when the caller is deoptimised during the call.
#[wasm_bindgen]
pub struct Engine {
    shared: Rc<Shared>,
    /// The batch that was taken last.
    batch: RefCell<Batch>,
    credentials: bool,
    replay: bool,
}

#[wasm_bindgen]
impl Engine {
    #[wasm_bindgen(constructor)]
    pub fn new(host: EngineHost, options: &EngineOptions) -> Result<Engine, JsValue> {
        let config = config(options).map_err(|misuse| error_record(&misuse.into(), ""))?;
        let replay = config.replay;
        let seen = Inspected(config.inspect != Inspect::None);
        let credentials = !options.flag("ownCookies");
        let now = Instant::from_millis(host.now() as u64);
        let session = Session::new(config, options.number("seed").unwrap_or_default() as u64, now);
        let shared = Rc::new(Shared {
            host,
            session: RefCell::new(session),
            queues: RefCell::new(DeliveryQueues::default()),
            task: Task::default(),
            commanded: Cell::new(false),
            deadline: Cell::new(None),
            trap: Cell::new(false),
            seen,
        });
        Ok(Engine { shared, batch: RefCell::default(), credentials, replay })
    }

    /// Takes in all that the wrapper says, by the numbers in `told`: each further export would cost a tenth of a kilobyte.
    pub fn input(
        &self,
        what: u32,
        first: u32,
        one: &str,
        two: &str,
        second: f64,
        third: f64,
    ) -> Result<(), JsValue> {
        let shared = &*self.shared;
        let (flag, command) = (first != 0, first);
        // Saturates: the cast of a float to an integer does in Rust.
        let (number, sequence) = (second as u32, third as u32);
        let (list, starts, numbers): (Vec<String>, Vec<Start>, Vec<u32>);
        let mut headers: Vec<(String, String)> = Vec::new();
        let input = match what {
            told::START => {
                Task::start(&self.shared, self.credentials);
                return Ok(());
            }
            told::SUBSCRIBE => {
                list = json::strings(one);
                let modes = json::strings(two);
                let mut modes = modes.iter().map(String::as_str);
                let (commit, on_invalid) = (modes.next(), modes.next());
                starts = modes.map(Start::parse).collect();
                let replay = ReplayOptions {
                    starts: &starts,
                    commit: match commit {
                        Some("delivered") => Commit::Delivered,
                        Some("manual") => Commit::Manual,
                        _ => Commit::Processed,
                    },
                    on_invalid: match on_invalid {
                        Some("new") => OnInvalid::New,
                        Some("fail") => OnInvalid::Fail,
                        _ => OnInvalid::All,
                    },
                };
                let replay = Some(replay).filter(|_| self.replay);
                // Globs and service channels have no position (R2a).
                let has_position = |pattern: Pattern| !pattern.is_glob() && !pattern.is_service();
                let commits = list.iter().any(|channel| Pattern::parse(channel).is_ok_and(has_position));
                let commit = replay.as_ref().map(|replay| replay.commit).filter(|_| commits);
                let subscribe = Command::Subscribe { subscription: first, channels: &list, replay };
                let subscribed = shared.input(Input::Command(subscribe));
                subscribed.map_err(|misuse| error_record(&misuse.into(), ""))?;
                shared.queues.borrow_mut().open(first, commit);
                return Ok(());
            }
            told::UNSUBSCRIBE => Input::Command(Command::Unsubscribe {
                command,
                subscription: number,
                handed: sequence,
                linger: !one.is_empty(),
            }),
            told::PROGRESS => {
                shared.progress(first, number, sequence != 0);
                return Ok(());
            }
            told::COMMIT => {
                numbers = shared.queues.borrow_mut().commit(number, sequence);
                Input::Command(Command::Commit { command, subscriptions: &numbers, sequence })
            }
            told::TOKEN => Input::Token { number: first, access_token: one, url: two },
            told::TOKEN_FAILED => Input::TokenFailed { message: one, retryable: flag },
            told::HEADERS => {
                let texts = json::strings(one);
                for pair in texts.chunks_exact(2) {
                    if let [name, value] = pair {
                        headers.push((name.clone(), value.clone()));
                    }
                }
                let answer = if two.is_empty() { Ok(headers.as_slice()) } else { Err(two) };
                Input::Headers { request: first, answer }
            }
            told::REFUSED => Input::TokenRefused { number: first },
            told::CHECK_INSTANCE => {
                let checked = shared.session.borrow().check_instance(one);
                return checked.map(|_| ()).map_err(|error| error_record(&error, ""));
            }
            told::LOADED => {
                let position = || Position { replay_id: one.to_owned(), created_date: None };
                let result = match (two, one) {
                    ("", "") => Ok(None),
                    ("", _) => Ok(Some(position())),
                    _ => Err((two, number != 0)),
                };
                Input::Loaded { request: first, result }
            }
            told::SAVED => Input::Saved { request: first, problem: Some(one).filter(|one| !one.is_empty()) },
            told::DECIDED => {
                Input::Decided { request: first, retry: Some(number != 0).filter(|_| second >= 0.0) }
            }
            told::PUBLISH => Input::Command(Command::Publish { command, channel: one, data: two }),
            told::CALL => {
                let timeout_ms = Some(second as u64).filter(|ms| *ms > 0);
                Input::Command(Command::Call { command, channel: one, data: two, timeout_ms })
            }
            told::CANCEL => Input::Command(Command::Cancel { command }),
            told::RETRY_NOW => Input::Command(Command::RetryNow),
            told::SEND => {
                list = json::elements(one).map(str::to_owned).collect();
                Input::Command(Command::Send { command, messages: &list })
            }
            told::DRAIN => {
                let idle_ms = second.is_finite().then_some(second as u64);
                Input::Command(Command::Drain { command, idle_ms, deadline_ms: third as u64 })
            }
            told::REST => Input::Command(Command::Pause { command }),
            told::HIDDEN => Input::Command(Command::Hidden(flag)),
            told::SUSPEND => Input::Command(Command::Suspend { command }),
            told::RESTORE => {
                let number = |text| text::number(text).unwrap_or_default() as u32;
                numbers = json::elements(one).map(number).collect();
                Input::Command(Command::Restore { subscriptions: &numbers, message: two })
            }
            told::CLAIM => {
                shared.queues.borrow_mut().claim(first);
                return Ok(());
            }
            told::TAKEN => {
                shared.taken(first);
                return Ok(());
            }
            told::TAP => Input::Command(Command::Tap(flag)),
            told::TRAP => {
                shared.trap.set(true);
                shared.task.wake(&shared.host);
                return Ok(());
            }
            // `told::CLOSE`
            _ => Input::Command(Command::Close),
        };
        shared.input(input).map_err(|misuse| error_record(&misuse.into(), ""))
    }

    pub fn take(&self, reader: u32) -> u32 {
        let batch = self.shared.queues.borrow_mut().next_batch(reader);
        let events = batch.events;
        self.batch.replace(batch);
        events
    }

    pub fn text(&self) -> String {
        core::mem::take(&mut self.batch.borrow_mut().text)
    }

    pub fn offsets(&self) -> Result<Vec<u32>, JsValue> {
        Ok(core::mem::take(&mut self.batch.borrow_mut().offsets))
    }

    #[wasm_bindgen(js_name = clientId)]
    pub fn client_id(&self) -> String {
        self.shared.session.borrow().client_id().unwrap_or_default().into_owned()
    }

    pub fn deadline(&self) -> f64 {
        self.shared.deadline.get().map_or(-1.0, |at| at.as_millis() as f64)
    }
}
