//! What the JavaScript side offers to the driver; `engine.ts` documents each call.

use js_sys::{Function, Object};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The object that the wrapper passes to the engine.
    pub type EngineHost;

    #[wasm_bindgen(method, catch)]
    pub(super) fn transport(this: &EngineHost, url: &str, init: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method)]
    pub(super) fn wake(this: &EngineHost, callback: &Function);
    #[wasm_bindgen(method)]
    pub(super) fn wait(this: &EngineHost, value: &JsValue, request: u32, callback: &Function);
    #[wasm_bindgen(method)]
    pub(crate) fn now(this: &EngineHost) -> f64;
    #[wasm_bindgen(method)]
    pub(super) fn defer(this: &EngineHost, callback: &Function);
    #[wasm_bindgen(method)]
    pub(super) fn delay(this: &EngineHost, callback: &Function, ms: f64);
    #[wasm_bindgen(method)]
    pub(super) fn alive(this: &EngineHost) -> bool;
    #[wasm_bindgen(method)]
    pub(super) fn ready(this: &EngineHost, reader: u32);
    #[wasm_bindgen(method)]
    pub(super) fn settled(this: &EngineHost, command: u32, replies: &str, error: &JsValue);
    #[wasm_bindgen(method)]
    pub(super) fn ended(this: &EngineHost, subscription: u32, error: &JsValue);
    #[wasm_bindgen(method)]
    pub(super) fn state(this: &EngineHost, state: &str);
    #[wasm_bindgen(method)]
    pub(super) fn status(this: &EngineHost, status: &JsValue);
    #[wasm_bindgen(method)]
    pub(super) fn message(this: &EngineHost, text: &str);
    #[wasm_bindgen(method)]
    pub(super) fn inspect(this: &EngineHost, incoming: bool, text: &str) -> String;
    #[wasm_bindgen(method)]
    pub(super) fn headers(this: &EngineHost, request: u32);
    #[wasm_bindgen(method)]
    pub(super) fn authenticate(this: &EngineHost, refused: bool, moved: bool);
    #[wasm_bindgen(method, js_name = noToken)]
    pub(super) fn no_token(this: &EngineHost);
    #[wasm_bindgen(method)]
    pub(super) fn load(this: &EngineHost, request: u32, channel: &str);
    #[wasm_bindgen(method)]
    pub(super) fn save(this: &EngineHost, request: u32, channel: &str, replay_id: &str, created_date: &str);
    #[wasm_bindgen(method)]
    pub(super) fn decide(this: &EngineHost, request: u32, channel: &str, error: &JsValue);
    #[wasm_bindgen(method)]
    pub(super) fn log(this: &EngineHost, level: &str, message: &str);
    #[wasm_bindgen(method)]
    pub(super) fn closed(this: &EngineHost, error: &JsValue);
}

#[wasm_bindgen]
extern "C" {
    /// A response, where `Response` of gloo-net does not say it.
    pub(super) type Head;

    /// As it is: a transport of the caller's own may leave it out.
    #[wasm_bindgen(method, getter, js_name = type)]
    pub(super) fn kind(this: &Head) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub(super) fn headers(this: &Head) -> HeadHeaders;

    /// A body's reader, of the platform or of the caller's own transport: nothing about it is taken for granted.
    pub(super) type Reader;

    #[wasm_bindgen(method, catch)]
    pub(super) fn read(this: &Reader) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn cancel(this: &Reader) -> Result<JsValue, JsValue>;

    /// A body.
    pub(super) type Body;

    #[wasm_bindgen(method, catch, js_name = getReader)]
    pub(super) fn get_reader(this: &Body) -> Result<Reader, JsValue>;

    /// What `read()` resolves with.
    pub(super) type ReadResult;

    #[wasm_bindgen(method, getter)]
    pub(super) fn done(this: &ReadResult) -> bool;
    #[wasm_bindgen(method, getter)]
    pub(super) fn value(this: &ReadResult) -> JsValue;

    /// `Headers`, or what a transport of the caller's own takes for them.
    pub(super) type HeadHeaders;

    #[wasm_bindgen(method, catch)]
    pub(super) fn get(this: &HeadHeaders, name: &str) -> Result<JsValue, JsValue>;
    /// Tells several `Set-Cookie` apart, where the host has it.
    #[wasm_bindgen(method, catch, js_name = getSetCookie)]
    pub(super) fn get_set_cookie(this: &HeadHeaders) -> Result<JsValue, JsValue>;
}
