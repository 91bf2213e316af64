//! The messages that a client sends, as JSON objects.
//!
//! A client id goes in as the raw token that the handshake's reply held
//! ([`Message::client_id`](super::Message::client_id)), everything else as plain text. The caller joins
//! messages to a request by `[`, `,` and `]`.

use super::channel::topic;
use super::json::{self, push_string};
use super::message::digits;
use crate::text::decimal;

/// A handshake, with the request for the acknowledgement extension where `ack` is set (A1), and for replay.
pub fn handshake(id: &str, ack: bool, replay: bool) -> String {
    let mut out = begin("/meta/handshake", id, None);
    out.push_str(r#","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]"#);
    out.push_str(match (ack, replay) {
        (true, true) => r#","ext":{"ack":true,"replay":true}"#,
        (true, false) => r#","ext":{"ack":true}"#,
        (false, true) => r#","ext":{"replay":true}"#,
        (false, false) => "",
    });
    end(out)
}

/// A connect, with the time that it asks the server to hold it, in milliseconds, and the number of the
/// batch that it acknowledges.
pub fn connect(id: &str, client_id_raw: &str, timeout: Option<u64>, ack: Option<&str>) -> String {
    let mut out = begin("/meta/connect", id, Some(client_id_raw));
    out.push_str(r#","connectionType":"long-polling""#);
    if let Some(timeout) = timeout {
        out.push_str(r#","advice":{"timeout":"#);
        out.push_str(&decimal(timeout));
        out.push('}');
    }
    if let Some(ack) = ack {
        out.push_str(r#","ext":{"ack":"#);
        out.push_str(ack);
        out.push('}');
    }
    end(out)
}

/// A subscribe to one channel or pattern (S15), with the position after which it begins where there is one: the map
/// names this channel alone, without its query (R2).
pub fn subscribe(id: &str, client_id_raw: &str, channel: &str, position: Option<&str>) -> String {
    let mut out = subscription("/meta/subscribe", id, client_id_raw, channel);
    if let Some(position) = position {
        out.pop();
        out.push_str(r#","ext":{"replay":{"#);
        push_string(&mut out, topic(channel));
        out.push(':');
        // R1: digits as a number, digit for digit. Not all digits are a number in JSON: `007` is none.
        if digits(position) {
            out.push_str(position)
        } else {
            push_string(&mut out, position)
        }
        out.push_str("}}}");
    }
    out
}

/// An unsubscribe from one channel or pattern.
pub fn unsubscribe(id: &str, client_id_raw: &str, channel: &str) -> String {
    subscription("/meta/unsubscribe", id, client_id_raw, channel)
}

/// A message for a channel; `data_json` is valid JSON.
pub fn publish(id: &str, client_id_raw: &str, channel: &str, data_json: &str) -> String {
    let mut out = begin(channel, id, Some(client_id_raw));
    out.push_str(r#","data":"#);
    out.push_str(data_json);
    end(out)
}

/// The end of a session.
pub fn disconnect(id: &str, client_id_raw: &str) -> String {
    end(begin("/meta/disconnect", id, Some(client_id_raw)))
}

/// A message of the caller's own, with `id` and `clientId` added where it has none.
///
/// `message_json` is a valid JSON object; any other text comes back as it is.
pub fn raw(message_json: &str, id: &str, client_id_raw: &str) -> String {
    let text = message_json.trim_ascii();
    let Some(open) = text.strip_suffix('}').filter(|_| json::is_object(text)) else { return text.to_owned() };
    let mut out = open.trim_ascii_end().to_owned();
    let mut empty = json::members(text).next().is_none();
    let mut add = |name: &str, write: &dyn Fn(&mut String)| {
        if json::member(text, name).is_none() {
            if !empty {
                out.push(',');
            }
            empty = false;
            push_string(&mut out, name);
            out.push(':');
            write(&mut out);
        }
    };
    add("id", &|out| push_string(out, id));
    add("clientId", &|out| out.push_str(client_id_raw));
    end(out)
}

fn begin(channel: &str, id: &str, client_id_raw: Option<&str>) -> String {
    let mut out = String::from(r#"{"channel":"#);
    push_string(&mut out, channel);
    out.push_str(r#","id":"#);
    push_string(&mut out, id);
    if let Some(client_id) = client_id_raw {
        out.push_str(r#","clientId":"#);
        out.push_str(client_id);
    }
    out
}

fn end(mut out: String) -> String {
    out.push('}');
    out
}

fn subscription(channel: &str, id: &str, client_id_raw: &str, subscription: &str) -> String {
    let mut out = begin(channel, id, Some(client_id_raw));
    out.push_str(r#","subscription":"#);
    push_string(&mut out, subscription);
    end(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r1_a_position_of_digits_is_sent_as_a_number_and_others_as_text() {
        let cases = [
            ("-1", "-1"),
            ("7", "7"),
            ("9007199254740993", "9007199254740993"),
            ("007", "\"007\""),
            ("a7", "\"a7\""),
        ];
        for (position, sent) in cases {
            let text = subscribe("3", "\"c\"", "/data/A?id=1", Some(position));
            let expected = format!(
                r#"{{"channel":"/meta/subscribe","id":"3","clientId":"c","subscription":"/data/A?id=1","ext":{{"replay":{{"/data/A":{sent}}}}}}}"#
            );
            assert_eq!(text, expected);
        }
    }
}
