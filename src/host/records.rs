//! Errors and statuses as JavaScript sees them.

use std::borrow::Cow;

use js_sys::{Array, Object};
use wasm_bindgen::JsValue;

use crate::session::{Error, Status};

/// An object on its way out: its members in order. Not serialised from structs, whose code comes anew for each of them:
/// that is 2.6 kB of wasm more, gzipped.
#[derive(Default)]
struct Record<'a>(Vec<(&'static str, Value<'a>)>);

#[repr(u32)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Flag(bool),
    Texts(&'a [String]),
    Record(Record<'a>),
}

impl<'a> Record<'a> {
    #[inline(never)]
    fn set(&mut self, name: &'static str, value: Value<'a>) {
        self.0.push((name, value));
    }

    fn text(&mut self, name: &'static str, text: &'a str) {
        self.set(name, Value::Text(Cow::Borrowed(text)));
    }

    /// Leaves the member out where there is none.
    fn any_text(&mut self, name: &'static str, text: Option<&'a str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn number(&mut self, name: &'static str, number: f64) {
        self.set(name, Value::Number(number));
    }

    fn into_js(self) -> JsValue {
        let object = Object::new();
        for (name, value) in self.0 {
            let value = match value {
                Value::Text(text) => JsValue::from_str(&text),
                Value::Number(number) => number.into(),
                Value::Flag(flag) => flag.into(),
                Value::Texts(texts) => {
                    let array = Array::new();
                    for text in texts {
                        array.push(&JsValue::from_str(text));
                    }
                    array.into()
                }
                Value::Record(record) => record.into_js(),
            };
            super::exchange::set(&object, name, &value);
        }
        object.into()
    }
}

/// `ErrorRecord` in `engine.ts`. `server`: what its message calls the server.
pub(crate) fn error_record(error: &Error, server: &str) -> JsValue {
    of_error(error, server).into_js()
}

fn of_error<'a>(error: &'a Error, server: &str) -> Record<'a> {
    let mut record = Record::default();
    record.text("code", error.code());
    record.set("message", Value::Text(Cow::Owned(error.text_about(server))));
    record.set("retryable", Value::Flag(error.retryable()));
    record.any_text("channel", error.channel());
    record.any_text("data", error.data());
    if let Some(status) = error.status() {
        record.number("status", f64::from(status));
    }
    if let Some(failure) = error.failure() {
        let mut words = Record::default();
        words.number("code", f64::from(failure.code));
        words.set("args", Value::Texts(&failure.args));
        words.text("text", &failure.text);
        record.set("failure", Value::Record(words));
    }
    if let Error::Network(broken) = error {
        record.number("request", f64::from(broken.request));
    }
    if let Some(last) = error.last() {
        record.set("last", Value::Record(of_error(last, server)));
    }
    record
}

/// A member of the public `Status` union.
pub(super) fn status_record(status: &Status, server: &str) -> JsValue {
    let mut record = Record::default();
    match status {
        Status::Session { resumed } => {
            record.text("type", "session");
            record.set("resumed", Value::Flag(*resumed));
        }
        Status::Gap { channel, cause, after, since_unix_ms } => {
            record.text("type", "gap");
            record.text("channel", channel);
            record.text("cause", cause.as_str());
            record.any_text("after", after.as_deref());
            record.number("since", *since_unix_ms as f64);
        }
        Status::Backpressure { channel, active, limit, queued_events, queued_bytes } => {
            record.text("type", "backpressure");
            record.text("channel", channel);
            record.set("active", Value::Flag(*active));
            record.text("limit", limit.as_str());
            record.number("queuedEvents", *queued_events as f64);
            record.number("queuedBytes", *queued_bytes as f64);
        }
        Status::Retry { attempt, delay_ms, error } => {
            record.text("type", "retry");
            record.number("attempt", f64::from(*attempt));
            record.number("delayMs", *delay_ms as f64);
            record.set("error", Value::Record(of_error(error, server)));
        }
        Status::SubscribeFailed { channel, error } => {
            record.text("type", "subscribe-failed");
            record.text("channel", channel);
            record.set("error", Value::Record(of_error(error, server)));
        }
        Status::MultipleClients { interval_ms } => {
            record.text("type", "multiple-clients");
            record.number("intervalMs", *interval_ms as f64);
        }
        Status::StoreFailed { channel, operation, error } => {
            record.text("type", "store-failed");
            record.text("channel", channel);
            record.text("operation", operation);
            record.set("error", Value::Record(of_error(error, server)));
        }
        Status::MessageSkipped { reason, channel } => {
            record.text("type", "message-skipped");
            record.text("reason", reason);
            record.any_text("channel", channel.as_deref());
        }
    }
    record.into_js()
}
