//! One message, and what serde_json says about it.

use std::ops::Range;

use cometd_edge::bayeux::{Ack, Message, Reconnect};
use serde_json::Value;

/// The positions that the decoder noted on its way are those that a second reading finds.
pub fn reads_the_same_again(message: &Message) {
    let again = Message::parse(message.raw().to_owned()).expect("what was decoded is valid");
    let facts = |message: &Message| {
        let spans = (message.data(), message.replay_id(), message.created_date(), message.channel_span());
        let names = (message.channel().map(str::to_owned), message.id().map(str::to_owned));
        let replies = (message.successful(), message.client_id().map(str::to_owned), message.advice());
        (spans, names, replies, message.ack(), message.event_uuid().map(str::to_owned))
    };
    assert_eq!(facts(message), facts(&again), "{}", message.raw());
}

/// Every member that a message gives is the one that serde_json reads.
pub fn agrees(message: &Message, value: &Value) {
    let raw = message.raw();
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("a part of what is valid");
    assert_eq!(&parse(raw), value, "{raw}");
    assert_eq!(message.channel(), value["channel"].as_str(), "{raw}");
    let number = Some(&value["id"]).filter(|id| id.is_number());
    assert_eq!(message.id().filter(|_| number.is_some()).map(parse).as_ref(), number, "{raw}");
    assert_eq!(message.id().filter(|_| number.is_none()), value["id"].as_str(), "{raw}");
    let client_id = Some(&value["clientId"]).filter(|id| id.is_number() || id.as_str() > Some(""));
    assert_eq!(message.client_id().map(parse).as_ref(), client_id, "{raw}");
    assert_eq!(message.successful(), value["successful"].as_bool(), "{raw}");
    assert_eq!(message.error().as_deref(), value["error"].as_str(), "{raw}");
    let reason = &value["ext"]["sfdc"]["failureReason"];
    assert_eq!(message.failure_reason().as_deref(), reason.as_str(), "{raw}");
    let subscription = value["subscription"].get(0).unwrap_or(&value["subscription"]);
    assert_eq!(message.subscription().as_deref(), subscription.as_str(), "{raw}");
    let strings = |all: &Vec<Value>| -> Vec<String> {
        all.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    assert_eq!(
        message.connection_types(),
        value["supportedConnectionTypes"].as_array().map(strings),
        "{raw}"
    );
    assert_eq!(message.data().map(|range| parse(&raw[range])).as_ref(), value.get("data"), "{raw}");
    let event = &value["data"]["event"];
    same_token(message, message.replay_id(), &event["replayId"], true);
    same_token(message, message.created_date(), &event["createdDate"], false);
    let uuid = message.event_uuid();
    assert!(uuid == event["EventUuid"].as_str() || (uuid.is_none() && raw.contains('\\')), "{uuid:?}: {raw}");
    assert_eq!(
        message.channel_span().map(|range| &raw[range]),
        message.channel().filter(|_| message.channel_span().is_some())
    );
    advice(message, &value["advice"]);
    ack(message, &value["ext"]["ack"]);
    let meta = value["channel"].as_str().is_some_and(|channel| channel.starts_with("/meta/"));
    let is_event =
        value["channel"].is_string() && value.get("data").is_some() && value.get("successful").is_none();
    assert_eq!((message.is_meta(), message.is_event()), (meta, is_event && !meta), "{raw}");
}

/// A span gives the digits of a number, or the inside of a string without escapes.
fn same_token(message: &Message, span: Option<Range<usize>>, value: &Value, numbers: bool) {
    let (raw, data) = (message.raw(), message.data());
    let text = span.clone().map(|span| &raw[span]);
    let agrees = match value {
        Value::String(expected) if expected.is_empty() && numbers => text.is_none(),
        Value::String(expected) => text == Some(expected) || (text.is_none() && raw.contains('\\')),
        Value::Number(expected) if numbers => {
            text.and_then(|text| text.parse().ok()).as_ref() == Some(expected)
        }
        _ => text.is_none(),
    };
    assert!(agrees, "{text:?} for {value}: {raw}");
    let inside =
        |span: &Range<usize>| data.is_some_and(|data| data.start < span.start && span.end < data.end);
    assert!(span.as_ref().is_none_or(inside), "{raw}");
}

fn advice(message: &Message, value: &Value) {
    let advice = message.advice();
    assert_eq!(advice.is_some(), value.is_object());
    let Some(advice) = advice else { return };
    let section = &value["long-polling"];
    let reconnect = |value: &Value| match value["reconnect"].as_str() {
        Some("retry") => Some(Reconnect::Retry),
        Some("handshake") => Some(Reconnect::Handshake),
        Some("none") => Some(Reconnect::None),
        _ => None,
    };
    assert_eq!(advice.reconnect, reconnect(section).or(reconnect(value)), "{value}");
    let longest = i64::from(i32::MAX);
    let time = |name: &str| {
        let whole = section.get(name).or(value.get(name))?.as_i64()?;
        Some(whole.min(longest))
    };
    // Fractions and strings have rules of their own.
    if let Some(interval) = time("interval") {
        assert_eq!(advice.interval_ms, Some(interval), "{value}");
    }
    for (name, read) in [("timeout", advice.timeout_ms), ("maxInterval", advice.max_interval_ms)] {
        if let Some(time) = time(name).and_then(|time| u64::try_from(time).ok()) {
            assert_eq!(read, Some(time), "{name}: {value}");
        }
        assert!(read.is_none_or(|read| read <= longest as u64));
    }
}

fn ack(message: &Message, value: &Value) {
    let parse = |text: &str| text.parse::<serde_json::Number>().expect("digits");
    match message.ack() {
        Some(Ack::Granted(granted)) => assert_eq!(value, &Value::Bool(granted)),
        Some(Ack::Number(number)) => assert_eq!(value, &Value::Number(parse(&number))),
        Some(Ack::Batch { enabled, batch }) => {
            assert_eq!(value["enabled"].as_bool().unwrap_or_default(), enabled);
            let batch = batch.map(|batch| Value::Number(parse(&batch)));
            assert!(batch.is_none() || value.get("batch") == batch.as_ref(), "{value}");
        }
        None => assert!(!value.is_boolean() && !value.is_object() && !value.is_u64(), "{value}"),
    }
}

/// How deep a valid text is nested.
pub fn depth(raw: &str) -> u32 {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_u32, 0, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What is said of a message that was passed over is true.
pub fn is_told(raw: &str, channel: Option<&str>, replay_id: Option<&str>, event: bool) {
    let message = Message::parse(raw.to_owned()).expect("valid");
    assert!(message.channel() == channel || (channel.is_none() && raw.len() > 4_096), "{channel:?}: {raw}");
    let successful = serde_json::from_str::<Value>(raw).map(|value| value.get("successful").is_some());
    assert!(
        successful.is_err() || event == (message.data().is_some() && successful.ok() == Some(false)),
        "{raw}"
    );
    if let Some(range) = message.replay_id() {
        let short = range.len() <= 256;
        assert!(replay_id == Some(&raw[range]) || (!short && replay_id.is_none()), "{replay_id:?}: {raw}");
    }
}
