//! Faults: what a test orders, and the queue in which they wait for a request to meet.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::request::{Kind, Request};

/// One order for trouble.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fault {
    #[serde(default)]
    pub on: On,
    /// How many requests it meets.
    #[serde(default = "once")]
    pub times: u32,
    /// Only requests of this client id.
    #[serde(default)]
    pub session: Option<String>,
    /// Only responses that carry events; the request is processed first.
    #[serde(default)]
    pub with_events: bool,
    /// Whether the request is processed before the fault shows, for those faults that can do either.
    #[serde(default)]
    pub process: Option<bool>,
    /// Further effects on the same request.
    #[serde(default)]
    pub also: Vec<Effect>,
    #[serde(flatten)]
    pub effect: Effect,
}

/// Which requests a fault waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum On {
    #[default]
    Any,
    Login,
    Rest,
    Versions,
    /// Connects and subscribes: what a spent day refuses.
    #[serde(skip)]
    Daily,
    #[serde(untagged)]
    Kind(Kind),
}

/// What goes wrong. Each is described at [`crate::control`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum Effect {
    Refuse,
    CutBeforeHead,
    Hang,
    Status {
        status: u16,
        #[serde(default)]
        body: String,
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    Html {
        #[serde(default = "ok")]
        status: u16,
    },
    Empty {
        #[serde(default = "ok")]
        status: u16,
    },
    Redirect {
        location: String,
        #[serde(default = "found")]
        status: u16,
    },
    RetryAfter {
        #[serde(default = "a_second")]
        seconds: u32,
        #[serde(default = "unavailable")]
        status: u16,
    },
    Forget,
    Error {
        error: String,
        #[serde(default)]
        advice: Option<Value>,
        #[serde(default)]
        failure_reason: Option<String>,
    },
    Cut {
        #[serde(default)]
        after_bytes: Option<usize>,
        #[serde(default)]
        after_events: Option<usize>,
    },
    Stall {
        #[serde(default)]
        after_bytes: Option<usize>,
        #[serde(default)]
        after_events: Option<usize>,
    },
    Slow {
        chunk_bytes: usize,
        delay_ms: u64,
    },
    Body {
        body: String,
        #[serde(default)]
        content_type: Option<String>,
    },
    DropCookie {
        #[serde(default)]
        expire: bool,
    },
    BigCookie {
        bytes: usize,
    },
    Duplicate,
    Reorder,
    EventsAfterReply,
    Malformed {
        #[serde(default)]
        after_events: usize,
    },
    Oversized {
        bytes: usize,
        #[serde(default)]
        channel: Option<String>,
    },
    Nested {
        depth: usize,
        #[serde(default)]
        channel: Option<String>,
    },
    Disconnect {
        #[serde(default = "no_more")]
        advice: Value,
        #[serde(default = "revoked")]
        error: String,
    },
    Advice {
        advice: Value,
    },
    NoId {
        #[serde(default)]
        no_channel: bool,
    },
    NumericIds,
    ExpireToken,
    InstanceUrl {
        url: String,
    },
    BusySubscribe {
        #[serde(default = "revoked")]
        error: String,
    },
    DenyHandshake {
        #[serde(default = "revoked")]
        failure_reason: String,
        #[serde(default)]
        error: Option<String>,
        #[serde(default)]
        status: Option<u16>,
    },
    ConcurrentLimit,
    DailyLimit {
        #[serde(default = "no_more")]
        advice: Value,
    },
    NoConnectionType {
        #[serde(default = "websocket")]
        types: Vec<String>,
    },
}

/// When a fault strikes: instead of the processing, or at the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Arrival,
    Response { events: bool },
}

/// The faults that still wait, in order.
#[derive(Default)]
pub(crate) struct Faults {
    waiting: VecDeque<Fault>,
    pub applied: u64,
}

impl Faults {
    pub(crate) fn push(&mut self, fault: Fault) {
        if fault.times > 0 {
            self.waiting.push_back(fault);
        }
    }

    pub(crate) fn clear(&mut self) -> usize {
        self.waiting.drain(..).count()
    }

    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Fault> {
        self.waiting.iter()
    }

    /// The first fault in line for this request, if this is its moment. One for the other moment keeps its place, so
    /// that faults strike in the order in which they were given.
    pub(crate) fn take(&mut self, request: &Request, moment: Moment) -> Option<Fault> {
        self.take_first(|fault| fault.meets(request), moment)
    }

    /// The same for a call that is none of Bayeux's.
    pub(crate) fn take_call(&mut self, on: On, moment: Moment) -> Option<Fault> {
        self.take_first(|fault| fault.waits_for() == on, moment)
    }

    fn take_first(&mut self, meets: impl Fn(&Fault) -> bool, moment: Moment) -> Option<Fault> {
        let unmet = moment == Moment::Response { events: false };
        let at = self.waiting.iter().position(|fault| meets(fault) && !(fault.with_events && unmet))?;
        if self.waiting[at].strikes_on_arrival() != (moment == Moment::Arrival) {
            return None;
        }
        self.applied += 1;
        let fault = &mut self.waiting[at];
        fault.times -= 1;
        if fault.times == 0 { self.waiting.remove(at) } else { Some(fault.clone()) }
    }
}

impl Fault {
    /// What it is for, which some faults know by themselves.
    pub(crate) fn waits_for(&self) -> On {
        match (self.on, &self.effect) {
            (On::Any, Effect::InstanceUrl { .. }) => On::Login,
            (On::Any, Effect::DenyHandshake { .. } | Effect::ConcurrentLimit) => On::Kind(Kind::Handshake),
            (On::Any, Effect::BusySubscribe { .. }) => On::Kind(Kind::Subscribe),
            (On::Any, Effect::DailyLimit { .. }) => On::Daily,
            (on, _) => on,
        }
    }

    fn meets(&self, request: &Request) -> bool {
        self.waits_for().is_met_by(request)
            && self.session.as_deref().is_none_or(|session| request.session() == Some(session))
    }

    fn strikes_on_arrival(&self) -> bool {
        match self.effect {
            Effect::Refuse
            | Effect::Forget
            | Effect::Error { .. }
            | Effect::ExpireToken
            | Effect::BusySubscribe { .. }
            | Effect::DenyHandshake { .. }
            | Effect::ConcurrentLimit
            | Effect::DailyLimit { .. } => true,
            Effect::Hang
            | Effect::Status { .. }
            | Effect::Html { .. }
            | Effect::Empty { .. }
            | Effect::Redirect { .. }
            | Effect::RetryAfter { .. } => !self.with_events && self.process != Some(true),
            _ => false,
        }
    }
}

impl Effect {
    /// Whether what this puts in place of the answer can stand there before the request was processed.
    pub(crate) fn replaces_processing(&self) -> bool {
        !matches!(self, Effect::Body { .. } | Effect::CutBeforeHead)
    }
}

impl On {
    pub(crate) fn is(self, kind: Kind) -> bool {
        match self {
            On::Any => true,
            On::Login | On::Rest | On::Versions => false,
            On::Daily => matches!(kind, Kind::Connect | Kind::Subscribe),
            On::Kind(wanted) => wanted == kind,
        }
    }

    fn is_met_by(self, request: &Request) -> bool {
        match self {
            On::Any => true,
            On::Login | On::Rest | On::Versions => false,
            On::Daily => request.is(Kind::Connect) || request.is(Kind::Subscribe),
            On::Kind(kind) => request.is(kind),
        }
    }
}

fn once() -> u32 {
    1
}

fn ok() -> u16 {
    200
}

fn found() -> u16 {
    302
}

fn unavailable() -> u16 {
    503
}

fn a_second() -> u32 {
    1
}

fn no_more() -> Value {
    serde_json::json!({ "reconnect": "none", "interval": 0 })
}

fn revoked() -> String {
    "401::Authentication invalid".to_owned()
}

fn websocket() -> Vec<String> {
    vec!["websocket".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;

    fn request(channel: &str) -> Request {
        let body = format!(r#"[{{"channel":"{channel}","clientId":"me"}}]"#);
        Request::parse(&HeaderMap::new(), body.as_bytes()).unwrap()
    }

    fn fault(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn faults_strike_in_the_order_given() {
        let mut faults = Faults::default();
        faults.push(fault(r#"{"on":"connect","kind":"cut","afterBytes":3}"#));
        faults.push(fault(r#"{"on":"connect","kind":"html"}"#));
        let connect = request("/meta/connect");
        assert!(faults.take(&request("/meta/subscribe"), Moment::Response { events: true }).is_none());
        assert!(faults.take(&connect, Moment::Arrival).is_none(), "the cut is first in line");
        assert!(faults.take(&connect, Moment::Response { events: false }).is_some());
        assert!(
            faults.take(&connect, Moment::Response { events: false }).is_none(),
            "it waits for an arrival"
        );
        assert!(faults.take(&connect, Moment::Arrival).is_some());
        assert_eq!((faults.applied, faults.clear()), (2, 0));
    }

    #[test]
    fn a_fault_can_wait_for_events_and_for_a_session() {
        let mut faults = Faults::default();
        faults.push(fault(r#"{"kind":"duplicate","withEvents":true,"session":"me","times":2}"#));
        faults.push(fault(r#"{"kind":"duplicate","session":"you"}"#));
        let mine = request("/meta/connect");
        assert!(faults.take(&mine, Moment::Response { events: false }).is_none());
        assert!(faults.take(&mine, Moment::Response { events: true }).is_some());
        assert!(faults.take(&mine, Moment::Response { events: true }).is_some());
        assert!(faults.take(&mine, Moment::Response { events: true }).is_none());
        assert_eq!(faults.waiting().count(), 1);
    }
}
