//! When the driver runs: soon after something has happened, in a microtask. Futures and their executor would be a kilobyte.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::Shared;
use super::driver::Driver;
use crate::session::RequestId;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(callback: &Function);
}

/// The driver's turns.
#[derive(Default)]
pub(crate) struct Task {
    /// There once it runs.
    turn: RefCell<Option<Closure<dyn FnMut()>>>,
    /// A turn is to come, or there is none any more.
    queued: Cell<bool>,
    running: Cell<bool>,
}

impl Task {
    pub fn start(shared: &Rc<Shared>, credentials: bool) {
        let mut driver = Some((shared.clone(), Driver::new(shared.clone(), credentials)));
        let turn = Closure::new(move || {
            if let Some((shared, running)) = &mut driver
                && shared.task.run(running)
            {
                driver = None;
            }
        });
        *shared.task.turn.borrow_mut() = Some(turn);
        shared.task.queued.set(true);
        shared.task.queue();
    }

    /// Makes sure that a turn comes.
    pub fn wake(&self) {
        // None is queued during a turn: the callback may be gone after it.
        if !self.queued.replace(true) && !self.running.get() {
            self.queue();
        }
    }

    fn queue(&self) {
        if let Some(turn) = &*self.turn.borrow() {
            queue_microtask(turn.as_ref().unchecked_ref());
        }
    }

    /// `true` when it was the last.
    fn run(&self, driver: &mut Driver) -> bool {
        self.queued.set(false);
        self.running.set(true);
        let over = driver.turn();
        self.running.set(false);
        if over {
            self.queued.set(true);
        } else if self.queued.get() {
            self.queue();
        }
        over
    }
}

/// What a promise came to.
pub(crate) struct Arrival {
    pub request: u32,
    pub value: JsValue,
    pub failed: bool,
}

/// Waits for promises.
pub(super) struct Promises {
    shared: Rc<Shared>,
    callback: Closure<dyn FnMut(u32, JsValue, bool)>,
}

impl Promises {
    pub fn new(shared: &Rc<Shared>) -> Self {
        let weak = Rc::downgrade(shared);
        let callback = Closure::new(move |request, value, failed| {
            if let Some(shared) = weak.upgrade() {
                shared.arrived.borrow_mut().push(Arrival { request, value, failed });
                shared.task.wake();
            }
        });
        Self { shared: shared.clone(), callback }
    }

    /// Waits for what a call for a request gave, be it a promise or not.
    pub fn wait(&self, request: RequestId, given: Result<JsValue, JsValue>) {
        let request = request.get();
        match given {
            Ok(value) => self.shared.host.wait(&value, request, self.callback.as_ref().unchecked_ref()),
            Err(value) => self.shared.arrived.borrow_mut().push(Arrival { request, value, failed: true }),
        }
    }
}
