use std::cell::Cell;
use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::Shared;
use crate::Instant;

/// A callback that sets a flag and wakes the driver's task; kept for as long as JavaScript may call it.
pub(super) struct Signal {
    raised: Rc<Cell<bool>>,
    callback: Closure<dyn FnMut()>,
}

impl Signal {
    pub fn new(shared: &Rc<Shared>) -> Self {
        let raised = Rc::new(Cell::new(false));
        let (flag, shared) = (raised.clone(), Rc::downgrade(shared));
        let callback = Closure::new(move || {
            flag.set(true);
            if let Some(shared) = shared.upgrade() {
                shared.task.wake();
            }
        });
        Self { raised, callback }
    }

    pub fn callback(&self) -> &Function {
        self.callback.as_ref().unchecked_ref()
    }

    /// Has it been called since the last time?
    pub fn take(&self) -> bool {
        self.raised.take()
    }
}

/// The one timer of a client.
pub(super) struct Timer {
    signal: Signal,
    armed: Option<(Instant, Function)>,
}

impl Timer {
    pub fn new(shared: &Rc<Shared>) -> Self {
        Self { signal: Signal::new(shared), armed: None }
    }

    pub fn fired(&mut self) -> bool {
        let fired = self.signal.take();
        if fired {
            self.armed = None;
        }
        fired
    }

    /// Makes sure that it fires at `at` or earlier. A timer that fires too early costs one idle turn; setting it anew
    /// with each chunk of a body would cost more.
    pub fn arm(&mut self, shared: &Shared, now: Instant, at: Instant) {
        if self.armed.as_ref().is_some_and(|(armed, _)| *armed <= at) {
            return;
        }
        self.disarm();
        // At least one millisecond, or a clock that runs behind the timer would make it spin.
        let ms = at.since(now).max(1) as f64;
        self.armed = Some((at, shared.host.delay(self.signal.callback(), ms)));
    }

    pub fn disarm(&mut self) {
        if let Some((_, clear)) = self.armed.take() {
            // Clearing a timer cannot fail.
            let _ = clear.call0(&wasm_bindgen::JsValue::UNDEFINED);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.disarm();
    }
}
