//! What a client sent: the messages of one HTTP request and the cookies that came with them.

use axum::http::{HeaderMap, header};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, value::RawValue};

/// One request to the Bayeux address.
pub(crate) struct Request {
    pub messages: Vec<Message>,
    /// The Cookie header as it came.
    pub cookies: Option<String>,
    pub bytes: usize,
    /// Who calls, at an address of Salesforce's.
    pub salesforce: Option<Caller>,
}

/// What an address of Salesforce's and its headers say of a request.
#[derive(Clone)]
pub(crate) struct Caller {
    pub token: Option<String>,
    /// What stands where `NN.0` belongs.
    pub version: String,
}

/// One message of it. The data stays the text that it was: what a client publishes must reach others digit for digit.
#[derive(Deserialize)]
pub(crate) struct Message {
    #[serde(default, deserialize_with = "given")]
    pub data: Option<Box<RawValue>>,
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// `null` is data, too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(deserializer).map(Some)
}

/// What a message is for; also what a fault waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Handshake,
    Connect,
    Subscribe,
    Unsubscribe,
    Publish,
    Disconnect,
}

impl Request {
    pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> serde_json::Result<Self> {
        let single = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let messages =
            if single { vec![serde_json::from_slice(body)?] } else { serde_json::from_slice(body)? };
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let cookies = Some(cookies).filter(|cookies| !cookies.is_empty());
        Ok(Self { messages, cookies, bytes: body.len(), salesforce: None })
    }

    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.messages.iter().any(|message| message.kind() == kind)
    }

    /// The session that the request speaks for: that of its first message to name one.
    pub(crate) fn session(&self) -> Option<&str> {
        self.messages.iter().find_map(|message| message.text("clientId"))
    }

    /// Every value that came under this name; cookies of several paths can share one.
    pub(crate) fn cookie<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.cookies.as_deref().unwrap_or_default().split(';');
        pairs.filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
    }
}

impl Message {
    pub(crate) fn kind(&self) -> Kind {
        match self.channel() {
            "/meta/handshake" => Kind::Handshake,
            "/meta/connect" => Kind::Connect,
            "/meta/subscribe" => Kind::Subscribe,
            "/meta/unsubscribe" => Kind::Unsubscribe,
            "/meta/disconnect" => Kind::Disconnect,
            _ => Kind::Publish,
        }
    }

    pub(crate) fn channel(&self) -> &str {
        self.text("channel").unwrap_or_default()
    }

    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    /// The `ack` of the message's `ext`: a number on a connect, a wish on a handshake.
    pub(crate) fn ack(&self) -> Option<&Value> {
        self.fields.get("ext")?.get("ack")
    }

    /// How long the client wants its poll held, where it says so.
    pub(crate) fn wished_timeout_ms(&self) -> Option<u64> {
        self.fields.get("advice")?.get("timeout")?.as_u64()
    }

    /// The channels of a subscribe or unsubscribe: one name or an array of them.
    pub(crate) fn subscriptions(&self) -> Vec<&str> {
        match self.fields.get("subscription") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn data_keeps_its_digits() {
        let body = br#" {"channel":"/a","data":{"n":12345678901234567890123,"x":1.10},"id":7}"#;
        let request = Request::parse(&HeaderMap::new(), body).unwrap();
        assert_eq!(
            request.messages[0].data.as_ref().unwrap().get(),
            r#"{"n":12345678901234567890123,"x":1.10}"#
        );
        assert_eq!(request.messages[0].fields["id"], 7);
    }

    #[test]
    fn cookies_of_one_name_are_all_seen() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("B=!1/+=; BB=no; B=2"));
        let request = Request::parse(&headers, b"[]").unwrap();
        assert_eq!(request.cookie("B").collect::<Vec<_>>(), ["!1/+=", "2"]);
    }
}
