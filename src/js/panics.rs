//! X5: a panic ends every client of the instance, and says why.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use wasm_bindgen::prelude::*;

use crate::text::{decimal, joined};

static LAST: Mutex<String> = Mutex::new(String::new());

/// Records the text of panics from now on.
pub(super) fn record() {
    static RECORDING: AtomicBool = AtomicBool::new(false);
    if RECORDING.swap(true, Ordering::Relaxed) {
        return;
    }
    std::panic::set_hook(Box::new(|info| {
        // Put together here, since the code that formats is large.
        let place = info.location().map(|at| joined(&[at.file(), &decimal(u64::from(at.line()))], ":"));
        let words = info.payload().downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| info.payload().downcast_ref::<&str>().copied());
        let text = joined(&["panicked at ", &place.unwrap_or_default(), ": ", words.unwrap_or_default()], "");
        if let Ok(mut last) = LAST.try_lock() {
            *last = text;
        }
    }));
}

/// The text of the last panic, empty if there was none.
#[wasm_bindgen]
pub fn last_panic() -> String {
    LAST.try_lock().map(|last| last.clone()).unwrap_or_default()
}
