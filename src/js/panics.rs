//! X5: a panic ends every client of the instance, and says why.

use std::cell::RefCell;
use std::sync::Once;

use wasm_bindgen::prelude::*;

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Records the text of panics from now on.
pub(super) fn record() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let text = info.to_string();
            LAST.with(|last| {
                if let Ok(mut last) = last.try_borrow_mut() {
                    *last = text;
                }
            });
        }));
    });
}

/// The text of the last panic, empty if there was none.
#[wasm_bindgen]
pub fn last_panic() -> String {
    LAST.with(|last| last.try_borrow().map(|text| text.clone()).unwrap_or_default())
}
