//! When the driver runs: soon after something has happened, in a microtask. Futures and their executor would be a kilobyte.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::driver::Driver;
use super::{EngineHost, Shared};
use crate::session::RequestId;

/// The one callback of a client, for each sort of callback costs a tenth of a kilobyte: with the number of a request, what
/// its promise came to, and whether it was rejected; or with one of these, as in `engine.ts`.
type Callback = dyn FnMut(i32, JsValue, bool);
const TURN: i32 = 0;
const TIMER: i32 = -1;
const TURN_OVER: i32 = -2;

/// The driver's turns, and what has happened since the last.
#[derive(Default)]
pub(crate) struct Task {
    /// There once it runs.
    callback: RefCell<Option<Closure<Callback>>>,
    /// A turn is to come, or there is none any more.
    queued: Cell<bool>,
    running: Cell<bool>,
    pub arrived: RefCell<Vec<Arrival>>,
    /// The timer has fired.
    pub timer: Cell<bool>,
    /// The turn has ended in which commands were issued, or has no time to.
    pub turn_over: Cell<bool>,
}

/// What a promise came to.
pub(crate) struct Arrival {
    pub request: u32,
    pub value: JsValue,
    pub failed: bool,
}

impl Task {
    pub fn start(shared: &Rc<Shared>, credentials: bool) {
        let mut driver = Some((shared.clone(), Driver::new(shared.clone(), credentials)));
        let callback = Closure::new(move |what: i32, value, failed| {
            let Some((shared, running)) = &mut driver else { return };
            let task = &shared.task;
            match what {
                TURN if task.run(&shared.host, running) => driver = None,
                TURN => {}
                _ => {
                    match what {
                        TIMER => task.timer.set(true),
                        TURN_OVER => task.turn_over.set(true),
                        _ => {
                            let request = what.cast_unsigned();
                            task.arrived.borrow_mut().push(Arrival { request, value, failed });
                        }
                    }
                    task.wake(&shared.host);
                }
            }
        });
        *shared.task.callback.borrow_mut() = Some(callback);
        shared.task.queued.set(true);
        shared.task.queue(&shared.host);
    }

    /// The end, without a last turn if need be: lets go of the driver, which holds what this is a part of. A callback
    /// that is running is freed when it returns.
    pub fn stop(&self) {
        self.queued.set(true);
        drop(self.callback.take());
    }

    /// Makes sure that a turn comes.
    pub fn wake(&self, host: &EngineHost) {
        // None is queued during a turn: the callback may be gone after it.
        if !self.queued.replace(true) && !self.running.get() {
            self.queue(host);
        }
    }

    fn queue(&self, host: &EngineHost) {
        self.with(&|callback| host.wake(callback));
    }

    /// Waits for what a call for a request gave, be it a promise or not.
    pub fn wait(&self, shared: &Shared, request: RequestId, given: Result<JsValue, JsValue>) {
        let request = request.get();
        match given {
            Ok(value) => self.with(&|callback| shared.host.wait(&value, request, callback)),
            Err(value) => self.arrived.borrow_mut().push(Arrival { request, value, failed: true }),
        }
    }

    pub fn with(&self, call: &dyn Fn(&Function)) {
        if let Some(callback) = &*self.callback.borrow() {
            call(callback.as_ref().unchecked_ref());
        }
    }

    /// `true` when it was the last.
    fn run(&self, host: &EngineHost, driver: &mut Driver) -> bool {
        self.queued.set(false);
        self.running.set(true);
        let over = driver.turn();
        self.running.set(false);
        if over {
            self.queued.set(true);
        } else if self.queued.get() {
            self.queue(host);
        }
        over
    }
}
