//! Advice: what the server wants the client to do next, and when.

use super::json;

/// The longest time that an advice can ask for, in milliseconds: the longest that `setTimeout` takes.
const LONGEST_MS: i64 = 2_147_483_647;

/// One advice, with the section for a transport already laid over it. Missing fields are missing: the
/// session fills in its defaults (S4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// What to do after this response.
    pub reconnect: Option<Reconnect>,
    /// Least wait before the next connect, in milliseconds, from the end of the response; negative: do not
    /// retry (S6). At most 2,147,483,647.
    pub interval_ms: Option<i64>,
    /// How long the server holds a poll, in milliseconds. At most 2,147,483,647.
    pub timeout_ms: Option<u64>,
    /// How long the server keeps a session without a poll, in milliseconds. At most 2,147,483,647.
    pub max_interval_ms: Option<u64>,
    /// The server has seen two clients with the same cookies, and lets neither hold a poll.
    pub multiple_clients: bool,
}

/// What an advice tells the client to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// Connect again, with the same client id.
    Retry,
    /// The session is gone: shake hands again, and do not connect before that.
    Handshake,
    /// Do neither by itself.
    None,
}

impl Advice {
    /// Reads an advice object. A field in the section that is named like `transport` wins over the same
    /// field at the top.
    ///
    /// Times may be fractions or strings of digits; their integer part counts, and it is clamped. What makes
    /// no sense, an unknown `reconnect` and a negative timeout among it, counts as absent.
    ///
    /// Source: Bayeux, "advice": transport-specific advice takes the place of the general one.
    pub fn parse(raw_object: &str, transport: &str) -> Self {
        let mut advice = Self::default();
        advice.read(raw_object);
        if let Some(section) = json::member(raw_object, transport) {
            advice.read(section);
        }
        advice
    }

    fn read(&mut self, raw: &str) {
        if let Some(reconnect) = json::member(raw, "reconnect").and_then(Reconnect::parse) {
            self.reconnect = Some(reconnect);
        }
        let time = |name| json::member(raw, name).and_then(json::integer).map(|ms| ms.min(LONGEST_MS));
        let length = |name| time(name).and_then(|ms| u64::try_from(ms).ok());
        self.interval_ms = time("interval").or(self.interval_ms);
        self.timeout_ms = length("timeout").or(self.timeout_ms);
        self.max_interval_ms = length("maxInterval").or(self.max_interval_ms);
        match json::member(raw, "multiple-clients") {
            Some("true") => self.multiple_clients = true,
            Some("false") => self.multiple_clients = false,
            _ => {}
        }
    }
}

impl Reconnect {
    fn parse(raw: &str) -> Option<Self> {
        match json::decode_string(raw)?.as_ref() {
            "retry" => Some(Self::Retry),
            "handshake" => Some(Self::Handshake),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}
