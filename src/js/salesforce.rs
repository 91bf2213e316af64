//! What `cometd-edge/salesforce` needs of the dialect; `engine.ts` documents each function.

use wasm_bindgen::prelude::*;

use crate::host::login_record;
use crate::salesforce::{oauth, version};

#[wasm_bindgen]
pub fn login_answer(status: u16, body: &str) -> Result<String, JsValue> {
    match oauth::answer(status, body) {
        Ok(token) => Ok(token.to_json()),
        Err(error) => Err(login_record(&error)),
    }
}

#[wasm_bindgen]
pub fn newest_version(body: &str) -> String {
    version::newest(body).unwrap_or_default()
}
