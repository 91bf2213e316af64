//! Errors and statuses as JavaScript sees them.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use wasm_bindgen::JsValue;

use crate::session::{Error, Status};

/// An object on its way out: its members in order. Not derived from structs, whose code comes anew for each of them
/// and brings a cache of member names along: 2 kB of wasm, gzipped.
#[derive(Default)]
struct Record<'a>(Vec<(&'static str, Value<'a>)>);

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
        let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
        // Texts, numbers and flags under names: there is nothing that could fail.
        Value::Record(self).serialize(&serializer).unwrap_or_default()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Record(record) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in &record.0 {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// `ErrorRecord` in `engine.ts`, `undefined` for none.
pub(crate) fn error_record(error: Option<&Error>) -> JsValue {
    error.map_or(JsValue::UNDEFINED, |error| of_error(error).into_js())
}

fn of_error(error: &Error) -> Record<'_> {
    let mut record = Record::default();
    record.text("code", error.code());
    record.set("message", Value::Text(Cow::Owned(error.text())));
    record.set("retryable", Value::Flag(error.retryable()));
    record.any_text("channel", error.channel());
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
    record
}

/// A member of the public `Status` union.
pub(super) fn status_record(status: &Status) -> JsValue {
    let mut record = Record::default();
    match status {
        Status::Gap { channel, cause, after, since_unix_ms } => {
            record.text("type", "gap");
            record.text("channel", channel);
            record.text("cause", cause.as_str());
            record.any_text("after", after.as_deref());
            record.number("since", *since_unix_ms as f64);
        }
        Status::Backpressure { channel, active, queued_events, queued_bytes } => {
            record.text("type", "backpressure");
            record.text("channel", channel);
            record.set("active", Value::Flag(*active));
            record.number("queuedEvents", *queued_events as f64);
            record.number("queuedBytes", *queued_bytes as f64);
        }
        Status::Retry { attempt, delay_ms, error } => {
            record.text("type", "retry");
            record.number("attempt", f64::from(*attempt));
            record.number("delayMs", *delay_ms as f64);
            record.set("error", Value::Record(of_error(error)));
        }
        Status::SubscribeFailed { channel, error } => {
            record.text("type", "subscribe-failed");
            record.text("channel", channel);
            record.set("error", Value::Record(of_error(error)));
        }
        Status::MultipleClients { interval_ms } => {
            record.text("type", "multiple-clients");
            record.number("intervalMs", *interval_ms as f64);
        }
        Status::StoreFailed { channel, operation, error } => {
            record.text("type", "store-failed");
            record.text("channel", channel);
            record.text("operation", operation);
            record.set("error", Value::Record(of_error(error)));
        }
        Status::MessageSkipped { reason, channel } => {
            record.text("type", "message-skipped");
            record.text("reason", reason);
            record.any_text("channel", channel.as_deref());
        }
    }
    record.into_js()
}
