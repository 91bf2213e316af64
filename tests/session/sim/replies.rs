//! What stands in requests, and the texts of replies.

use cometd_edge::session::Request;
use serde_json::{Value, json};

pub const URL: &str = "https://example.com/cometd";

/// `reconnect: retry`, a poll of 30 s.
pub const ADVICE: &str = r#"{"reconnect":"retry","interval":0,"timeout":30000}"#;
pub const CONNECTED: &str = r#"[{"channel":"/meta/connect","successful":true}]"#;

/// The messages of a request.
pub fn messages(request: &Request) -> Vec<Value> {
    serde_json::from_str(&request.body()).expect("requests are JSON")
}

/// The only message of a request.
pub fn only(request: &Request) -> Value {
    let mut messages = messages(request);
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

/// Channels, or subscriptions of meta messages, of a request.
pub fn topics(request: &Request) -> Vec<String> {
    let topic = |message: &Value| {
        let topic = message.get("subscription").unwrap_or(&message["channel"]);
        topic.as_str().expect("a text").to_owned()
    };
    messages(request).iter().map(topic).collect()
}

/// The usual reply to a command.
pub fn reply_to(message: &Value, accept: bool) -> Value {
    let mut reply = json!({ "channel": message["channel"], "id": message["id"], "successful": accept });
    if let Some(subscription) = message.get("subscription") {
        reply["subscription"] = subscription.clone();
    }
    if !accept {
        reply["error"] = "403::denied".into();
    }
    reply
}

/// A handshake reply with `more` members.
pub fn handshake(client_id: &str, more: &str) -> String {
    let types = r#""supportedConnectionTypes":["long-polling","websocket"]"#;
    format!(
        r#"[{{"channel":"/meta/handshake","successful":true,"version":"1.0","clientId":"{client_id}",{types},"advice":{ADVICE}{more}}}]"#
    )
}

/// Events of a channel with these numbers as data, each followed by a comma.
pub fn events(channel: &str, numbers: impl IntoIterator<Item = u32>) -> String {
    let event = |number| format!(r#"{{"channel":"{channel}","data":{number}}},"#);
    numbers.into_iter().map(event).collect()
}

/// Events of a channel with these replay ids, as they stand on the wire, each followed by a comma.
pub fn replayed(channel: &str, ids: &[&str]) -> String {
    let event = |id: &&str| format!(r#"{{"channel":"{channel}","data":{{"event":{{"replayId":{id}}}}}}},"#);
    ids.iter().map(event).collect()
}

/// A successful poll with these events.
pub fn with_events(events: &str) -> String {
    format!(r#"[{events}{{"channel":"/meta/connect","successful":true}}]"#)
}

/// A successful poll with an acknowledgement number.
pub fn poll_reply(events: &str, batch: u32) -> String {
    format!(r#"[{events}{{"channel":"/meta/connect","successful":true,"ext":{{"ack":{batch}}}}}]"#)
}

/// A successful poll with an advice.
pub fn advised(advice: &str) -> String {
    format!(r#"[{{"channel":"/meta/connect","successful":true,"advice":{advice}}}]"#)
}

/// A failed poll with an error and more members.
pub fn refused(error: &str, more: &str) -> String {
    format!(r#"[{{"channel":"/meta/connect","successful":false,"error":"{error}"{more}}}]"#)
}

pub const UNKNOWN: &str = "402::Unknown client";
pub const EXPIRED: &str = "401::Authentication invalid";
pub const BUSY: &str = "503::Server is too busy.  Please try your request again later.";
pub const STALE: &str = "400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.";
pub const NONE: &str = r#","advice":{"reconnect":"none"}"#;

/// More members of a refusal: Salesforce's own reason.
pub fn because(reason: &str) -> String {
    format!(r#","advice":{{"reconnect":"none"}},"ext":{{"sfdc":{{"failureReason":"{reason}"}}}}"#)
}
