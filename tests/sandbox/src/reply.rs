//! A response in the making: events, replies and cookies, and the faults that distort them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::fault::{Effect, On};
use crate::request::{Kind, Message};
use crate::session::Event;
use crate::state::BROWSER;

/// The parts of a response, before they are written out.
#[derive(Default)]
pub(crate) struct Draft {
    pub events: Vec<Arc<Event>>,
    pub replies: Vec<Reply>,
    /// The value of BAYEUX_BROWSER to set.
    pub browser: Option<String>,
    /// Whether the routing cookie is set, as it is with a handshake and with a refused client.
    pub route: bool,
    /// Whether the other cookies of Salesforce are set.
    pub crumbs: bool,
    /// The HTTP status, where it is not 200.
    pub status: Option<StatusCode>,
    events_after: bool,
    broken_after: Option<usize>,
    expire_browser: bool,
    ballast: Option<usize>,
}

/// The reply to one message.
pub(crate) struct Reply {
    pub kind: Kind,
    pub fields: Map<String, Value>,
}

/// A response written out.
pub(crate) struct Rendered {
    pub status: StatusCode,
    pub body: String,
    /// Where each event ends in it.
    pub event_ends: Vec<usize>,
    pub cookies: Vec<String>,
}

impl Reply {
    /// `successful: true` with what belongs to every such reply.
    pub(crate) fn success(message: &Message, client_id: &str) -> Self {
        let mut reply = Self::to(message);
        reply.fields.insert("clientId".to_owned(), client_id.into());
        reply.fields.insert("successful".to_owned(), true.into());
        reply
    }

    /// `successful: false`. No client id: Salesforce names none in a refusal.
    pub(crate) fn refusal(message: &Message, error: &str, advice: Option<Value>) -> Self {
        let mut reply = Self::to(message);
        reply.fields.insert("successful".to_owned(), false.into());
        reply.fields.insert("error".to_owned(), error.into());
        reply.with("advice", advice)
    }

    pub(crate) fn with(mut self, field: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.fields.insert(field.to_owned(), value.into());
        }
        self
    }

    /// A message of the server's own, which answers nothing.
    pub(crate) fn unasked(kind: Kind, fields: Value) -> Self {
        let fields = if let Value::Object(fields) = fields { fields } else { Map::new() };
        Self { kind, fields }
    }

    fn to(message: &Message) -> Self {
        let reply = Self { kind: message.kind(), fields: Map::new() };
        reply
            .with("channel", message.fields.get("channel").cloned())
            .with("id", message.fields.get("id").cloned())
            .with("subscription", message.fields.get("subscription").cloned())
    }
}

impl Rendered {
    /// A text that holds no events.
    pub(crate) fn text(status: StatusCode, body: String) -> Self {
        Self { status, body, event_ends: Vec::new(), cookies: Vec::new() }
    }
}

impl Draft {
    /// Changes what the response says.
    pub(crate) fn distort(&mut self, on: On, effect: &Effect) {
        let replies = self.replies.iter_mut().filter(|reply| on.is(reply.kind));
        match effect {
            Effect::Duplicate => {
                self.events = self.events.iter().flat_map(|e| [e.clone(), e.clone()]).collect()
            }
            Effect::Reorder => self.events.reverse(),
            Effect::EventsAfterReply => self.events_after = true,
            Effect::Malformed { after_events } => self.broken_after = Some(*after_events),
            Effect::Oversized { bytes, channel } => {
                let channel = channel.as_deref().unwrap_or("/sandbox/oversized");
                let start = format!(r#"{{"channel":{},"data":{{"filler":""#, Value::from(channel));
                let filler = "x".repeat(bytes.saturating_sub(start.len() + 3));
                self.insert_event(channel, format!(r#"{start}{filler}"}}}}"#));
            }
            Effect::Nested { depth, channel } => {
                let channel = channel.as_deref().unwrap_or("/sandbox/nested");
                let (open, close) = ("[".repeat(*depth), "]".repeat(*depth));
                let text = format!(r#"{{"channel":{},"data":{open}{close}}}"#, Value::from(channel));
                self.insert_event(channel, text);
            }
            Effect::DropCookie { expire } => {
                self.browser = None;
                self.expire_browser = *expire;
            }
            Effect::BigCookie { bytes } => self.ballast = Some(*bytes),
            Effect::Advice { advice } => {
                replies.for_each(|reply| drop(reply.fields.insert("advice".to_owned(), advice.clone())));
            }
            Effect::NoId { no_channel } => replies.for_each(|reply| {
                reply.fields.remove("id");
                if *no_channel {
                    reply.fields.remove("channel");
                }
            }),
            Effect::NumericIds => replies.for_each(|reply| {
                if let Some(id) = reply.fields.get_mut("id") {
                    let number = id.as_str().and_then(|text| text.parse::<u64>().ok());
                    *id = number.unwrap_or(7).into();
                }
            }),
            Effect::NoConnectionType { types } => {
                for reply in replies.filter(|reply| reply.kind == Kind::Handshake) {
                    reply.fields.insert("supportedConnectionTypes".to_owned(), json!(types));
                }
            }
            Effect::Disconnect { advice, error } => self.disconnect(advice, error),
            _ => {}
        }
    }

    /// Writes it out: events, replies, and the connect's reply last.
    pub(crate) fn render(mut self, cookie_path: &str, route_lives: Duration) -> Rendered {
        self.replies.sort_by_key(|reply| reply.kind == Kind::Connect);
        let replies =
            self.replies.iter().map(|reply| (false, Value::Object(reply.fields.clone()).to_string()));
        let mut events: Vec<_> = self.events.iter().map(|event| (true, event.text.clone())).collect();
        if let Some(after) = self.broken_after {
            events.insert(
                after.min(events.len()),
                (false, r#"{"channel":"/sandbox/broken","data":}"#.to_owned()),
            );
        }
        let parts: Vec<_> = match self.events_after {
            true => replies.chain(events).collect(),
            false => events.into_iter().chain(replies).collect(),
        };

        let mut body = String::from("[");
        let mut event_ends = Vec::new();
        for (at, (is_event, text)) in parts.into_iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            body.push_str(&text);
            if is_event {
                event_ends.push(body.len());
            }
        }
        body.push(']');
        let cookies = self.cookies(cookie_path, route_lives);
        Rendered { status: self.status.unwrap_or(StatusCode::OK), body, event_ends, cookies }
    }

    fn insert_event(&mut self, channel: &str, text: String) {
        self.events.insert(0, Arc::new(Event { channel: channel.to_owned(), text }));
    }

    /// A revoked token on Salesforce: a disconnect of the server's own, and a connect that failed.
    fn disconnect(&mut self, advice: &Value, error: &str) {
        for reply in self.replies.iter_mut().filter(|reply| reply.kind == Kind::Connect) {
            reply.fields.insert("successful".to_owned(), false.into());
            reply.fields.insert("error".to_owned(), error.into());
            match advice {
                Value::Null => reply.fields.remove("advice"),
                advice => reply.fields.insert("advice".to_owned(), advice.clone()),
            };
        }
        self.replies.insert(0, Reply::unasked(Kind::Disconnect, json!({ "channel": "/meta/disconnect" })));
    }

    fn cookies(&self, path: &str, route_lives: Duration) -> Vec<String> {
        let mut cookies = Vec::new();
        if let Some(value) = &self.browser {
            cookies.push(format!("{BROWSER}={value}; Path={path}; HttpOnly"));
        }
        if self.expire_browser {
            cookies.push(format!("{BROWSER}=; Path={path}; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly"));
        }
        if self.route {
            let expires = httpdate::fmt_http_date(SystemTime::now() + route_lives);
            cookies.push(format!(
                "{ROUTE}={ROUTE_VALUE}; path={path}; Expires={expires}; SameSite=None; Secure"
            ));
        }
        if self.crumbs {
            cookies.push(format!("{BROWSER_ID}={BROWSER_ID_VALUE}; path={path}; Max-Age=31536000"));
            cookies.push(format!("CookieConsentPolicy=0:1; path={path}; SameSite=Lax; Max-Age=31536000"));
            cookies.push(format!(
                "LSKey-c$CookieConsentPolicy=0:1; path={path}; SameSite=Lax; Max-Age=31536000"
            ));
        }
        if let Some(bytes) = self.ballast {
            cookies.push(format!("ballast={}; Path={path}", "x".repeat(bytes)));
        }
        cookies
    }
}

/// The cookie that routes a session to its server.
pub(crate) const ROUTE: &str = "sfdc-stream";
pub(crate) const ROUTE_VALUE: &str = "!Zm9y/+Y2U=";

/// A cookie that every answer of Salesforce sets.
pub(crate) const BROWSER_ID: &str = "BrowserId";
pub(crate) const BROWSER_ID_VALUE: &str = "c2FuZ/+Ee2Jv!eA==";
