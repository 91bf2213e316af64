//! One `fetch`, from the call to the last byte.

use gloo_net::http::Response;
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::AbortController;

use super::calls::{Body, Head, HeadHeaders, ReadResult, Reader};
use super::task::Arrival;
use super::{Instant, Shared};
use crate::http::set_cookie::split_set_cookie;
use crate::session::{Request, RequestId};

/// A request in flight.
pub(super) struct Exchange {
    pub id: RequestId,
    pub kind: &'static str,
    pub started: Instant,
    /// Read no further for now (R8).
    pub held: bool,
    controller: Option<AbortController>,
    stage: Stage,
}

#[repr(u32)]
enum Stage {
    /// Waiting for the head.
    Head,
    /// Reading the body; is a read under way?
    Body(Reader, bool),
    /// There is no body.
    Ended,
}

/// What has happened to an exchange.
#[repr(u32)]
pub(super) enum Progress {
    Head(u16, Vec<(String, String)>),
    Chunk(Vec<u8>),
    End,
    Failed(String),
    /// The transport gave this instead of a response.
    Unreadable(&'static str),
}

impl Exchange {
    /// Calls the transport. `init` holds only what every host takes: method, headers, body, signal, redirect, and in
    /// browsers credentials.
    pub fn start(shared: &Shared, request: &Request, body: &str, credentials: bool, now: Instant) -> Self {
        let controller = AbortController::new().ok();
        let init = Object::new();
        let headers = Object::new();
        for (name, value) in request.headers() {
            set_text(&headers, name, value);
        }
        set_text(&init, "method", "POST");
        set(&init, "headers", &headers);
        set_text(&init, "body", body);
        set_text(&init, "redirect", "manual");
        if let Some(controller) = &controller {
            set(&init, "signal", &controller.signal());
        }
        if credentials {
            set_text(&init, "credentials", "include");
        }
        shared.task.wait(shared, request.id(), shared.host.transport(request.url(), &init));
        let stage = Stage::Head;
        Self { id: request.id(), kind: request.kind(), started: now, held: false, controller, stage }
    }

    /// Asks for more of the body where nothing is under way.
    pub fn read_on(&mut self, shared: &Shared) {
        if let Stage::Body(reader, reading @ false) = &mut self.stage
            && !self.held
        {
            *reading = true;
            shared.task.wait(shared, self.id, reader.read());
        }
    }

    /// Is what arrives for it to wait?
    pub fn waits(&self) -> bool {
        self.held && matches!(self.stage, Stage::Body(..))
    }

    /// Goes on with what has arrived for it.
    pub fn go_on(&mut self, shared: &Shared, arrival: Arrival) -> Progress {
        if arrival.failed {
            return Progress::Failed(describe(&arrival.value));
        }
        match &mut self.stage {
            Stage::Head => self.head(shared, arrival.value),
            Stage::Body(_, reading) => {
                *reading = false;
                chunk(arrival.value)
            }
            Stage::Ended => Progress::End,
        }
    }

    fn head(&mut self, shared: &Shared, response: JsValue) -> Progress {
        if let Some(given) = unlike_a_head(&response) {
            return Progress::Unreadable(given);
        }
        let head = response.unchecked_into::<Head>();
        let hidden = head.kind().as_string().as_deref() == Some("opaqueredirect");
        let headers = head.headers();
        let response = Response::from(head.unchecked_into::<web_sys::Response>());
        let (status, headers) =
            if hidden { (0, Vec::new()) } else { (response.status(), kept_headers(&headers)) };
        if status == 0 && !hidden {
            return Progress::Failed("an opaque response".to_owned());
        }
        self.stage = match response.body().map(|body| body.unchecked_into::<Body>().get_reader()) {
            Some(Ok(reader)) => Stage::Body(reader, false),
            Some(Err(_)) => {
                return Progress::Unreadable("a body that has no reader, or that is being read already");
            }
            None => {
                shared.task.wait(shared, self.id, Ok(JsValue::UNDEFINED));
                Stage::Ended
            }
        };
        Progress::Head(status, headers)
    }

    /// Stops it, whatever stage it is in.
    pub fn abort(self, shared: &Shared) {
        if let Stage::Body(reader, _) = &self.stage
            && let Ok(value) = reader.cancel()
        {
            // Waiting for it and forgetting it: a rejection counts as handled.
            shared.task.wait(shared, self.id, Ok(value));
        }
        if let Some(controller) = &self.controller {
            controller.abort();
        }
    }
}

/// Has it what a head is read by? A reply of another realm is no `instanceof Response`, so its shape has to do.
fn unlike_a_head(response: &JsValue) -> Option<&'static str> {
    let field = |of: &JsValue, name: &str| Reflect::get(of, &JsValue::from_str(name)).unwrap_or_default();
    if !response.is_object() {
        return Some("no object");
    }
    if field(response, "status").as_f64().is_none_or(f64::is_nan) {
        return Some("something without a status");
    }
    let headers = field(response, "headers");
    (!headers.is_object() || !field(&headers, "get").is_function()).then_some("something without headers")
}

/// Sets a field of an object just made, which cannot fail.
#[inline(never)]
pub(super) fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}

fn set_text(object: &Object, name: &str, text: &str) {
    set(object, name, &JsValue::from_str(text));
}

/// The headers that the session looks at.
fn kept_headers(headers: &HeadHeaders) -> Vec<(String, String)> {
    let text_of = |name: &str| headers.get(name).ok().and_then(|value| value.as_string());
    let mut kept = Vec::new();
    let mut keep = |name: &str, value: String| kept.push((name.to_owned(), value));
    if let Some(value) = text_of("retry-after") {
        keep("retry-after", value);
    }
    match headers.get_set_cookie().and_then(|cookies| cookies.dyn_into::<Array>()) {
        Ok(cookies) => {
            for index in 0..cookies.length() {
                if let Some(cookie) = cookies.get(index).as_string() {
                    keep("set-cookie", cookie);
                }
            }
        }
        // Older hosts join them with commas.
        Err(_) => {
            let joined = text_of("set-cookie").unwrap_or_default();
            for cookie in split_set_cookie(&joined) {
                keep("set-cookie", cookie.to_owned());
            }
        }
    }
    kept
}

fn chunk(result: JsValue) -> Progress {
    if !result.is_object() {
        return Progress::Unreadable("a body whose reader does not follow the Streams standard");
    }
    let result = result.unchecked_into::<ReadResult>();
    if result.done() {
        return Progress::End;
    }
    let value = result.value();
    // Bytes of another realm are no `instanceof Uint8Array`, as where a test environment has globals of its own.
    if !ArrayBuffer::is_view(&value) {
        return Progress::Unreadable("a body that is not made of bytes");
    }
    let view = value.unchecked_into::<Uint8Array>();
    let bytes =
        Uint8Array::new_with_byte_offset_and_length(&view.buffer(), view.byte_offset(), view.byte_length());
    Progress::Chunk(bytes.to_vec())
}

/// The words of a failed call: those that the host has made of it, or its own.
fn describe(error: &JsValue) -> String {
    let message =
        || Reflect::get(error, &JsValue::from_str("message")).ok().and_then(|text| text.as_string());
    error.as_string().or_else(message).unwrap_or_else(|| "no reason given".to_owned())
}
