//! Errors and statuses as JavaScript sees them.

use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::session::{Error, Status};

/// A failure; `ErrorRecord` in `engine.ts`.
#[derive(Serialize)]
struct ErrorRecord<'a> {
    code: &'a str,
    message: String,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureRecord<'a>>,
}

#[derive(Serialize)]
struct FailureRecord<'a> {
    code: u16,
    args: &'a [String],
    text: &'a str,
}

/// A member of the public `Status` union.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum StatusRecord<'a> {
    Gap {
        channel: &'a str,
        cause: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<&'a str>,
        since: f64,
    },
    Backpressure {
        channel: &'a str,
        active: bool,
        queued_events: usize,
        queued_bytes: usize,
    },
    Retry {
        attempt: u32,
        delay_ms: f64,
        error: ErrorRecord<'a>,
    },
    SubscribeFailed {
        channel: &'a str,
        error: ErrorRecord<'a>,
    },
    MultipleClients {
        interval_ms: f64,
    },
    MessageSkipped {
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<&'a str>,
    },
}

impl<'a> From<&'a Error> for ErrorRecord<'a> {
    fn from(error: &'a Error) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            retryable: error.retryable(),
            channel: error.channel(),
            status: error.status(),
            failure: error.failure().map(|failure| FailureRecord {
                code: failure.code,
                args: &failure.args,
                text: &failure.text,
            }),
        }
    }
}

/// The record of an error, `undefined` for none.
pub(crate) fn error_record(error: Option<&Error>) -> JsValue {
    error.map_or(JsValue::UNDEFINED, |error| value_of(&ErrorRecord::from(error)))
}

pub(super) fn status_record(status: &Status) -> JsValue {
    value_of(&match status {
        Status::Gap { channel, cause, after, since_unix_ms } => StatusRecord::Gap {
            channel,
            cause: cause.as_str(),
            after: after.as_deref(),
            since: *since_unix_ms as f64,
        },
        Status::Backpressure { channel, active, queued_events, queued_bytes } => StatusRecord::Backpressure {
            channel,
            active: *active,
            queued_events: *queued_events,
            queued_bytes: *queued_bytes,
        },
        Status::Retry { attempt, delay_ms, error } => {
            StatusRecord::Retry { attempt: *attempt, delay_ms: *delay_ms as f64, error: error.into() }
        }
        Status::SubscribeFailed { channel, error } => {
            StatusRecord::SubscribeFailed { channel, error: error.into() }
        }
        Status::MultipleClients { interval_ms } => {
            StatusRecord::MultipleClients { interval_ms: *interval_ms as f64 }
        }
        Status::MessageSkipped { reason, channel } => {
            StatusRecord::MessageSkipped { reason, channel: channel.as_deref() }
        }
    })
}

fn value_of<T: Serialize>(record: &T) -> JsValue {
    // Plain structs of texts and numbers: there is nothing that could fail.
    serde_wasm_bindgen::to_value(record).unwrap_or_default()
}
