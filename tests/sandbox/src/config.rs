//! The settings of a world.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::salesforce::Salesforce;

/// The settings of a world: what `POST config` changes, in camelCase, one by one or together.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// How long a poll is parked, in milliseconds of the server's clock. Default 110,000.
    pub timeout_ms: u64,
    /// How long a session lives after its last handshake, connect or subscribe was answered. Default 40,000.
    pub max_interval_ms: u64,
    /// The interval that advice names. Default 0.
    pub interval_ms: u64,
    /// Whether a client that asks for the acknowledgement extension is given it. Default true.
    pub ack: bool,
    /// Whether the replies to polls carry the numbers of the acknowledgement extension. Without them it is granted all the
    /// same, and nothing follows from that, as on some servers in the field. Default true.
    pub ack_numbers: bool,
    /// Whether the head of a parked poll goes out at once, and the body when the poll ends. Default false.
    pub head_at_once: bool,
    /// With that, a space goes out every so many milliseconds of the real clock. 0, the default, for none.
    pub spaces_ms: u64,
    /// Which replies carry advice. Default: the first connect's, as on Salesforce.
    pub advice: AdviceIn,
    /// How an unknown client is refused: 403 as on Salesforce (the default) or 402 as on CometD.
    pub unknown_client_code: u16,
    /// Whether BAYEUX_BROWSER must come back with every message of a session. Default true.
    pub require_cookie: bool,
    /// Whether a message whose cookie is missing is refused in Salesforce's words (the default), or like one of an unknown
    /// client, as servers do that find sessions by their cookie, or stand behind a load balancer.
    pub says_missing_cookie: bool,
    /// What the handshake offers, whether the client knows it or not. Default `long-polling` alone.
    pub connection_types: Vec<String>,
    /// Sample orders published in a second, on no scaled clock. Default 0.
    pub orders_per_second: f64,
    /// Where they are published. Default `/orders/new`.
    pub orders_channel: String,
    /// Whether events ride on subscribe and publish replies too. With the acknowledgement extension they never do.
    /// Default true.
    pub deliver_on_publish_reply: bool,
    /// How many sample events are published to a channel just subscribed to, within that very response. Default 0.
    pub events_on_subscribe_reply: u32,
    /// The largest request that is read; a larger one is answered with 413. 0, the default, sets no bound but
    /// Salesforce's on its own addresses, which is 32,768.
    pub max_request_bytes: usize,
    /// How many sessions with one BAYEUX_BROWSER may have a poll parked; one more is told `multiple-clients` and polls
    /// at intervals of 2 s. 0, the default, sets no bound; CometD's own default is 1.
    pub max_sessions_per_browser: usize,
    /// Whether connections are kept open between requests. Without it no host can hide a dropped connection by trying
    /// the request again on another, as browsers do with reused ones. Default true.
    pub keep_alive: bool,
    /// What only Salesforce's addresses know.
    #[serde(flatten)]
    pub salesforce: Salesforce,
}

/// Which replies carry advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AdviceIn {
    /// The reply to the first connect after a handshake, and refusals.
    Connect,
    /// Every reply to a handshake or a connect, and refusals.
    Always,
    /// Replies to handshakes, and refusals.
    Handshake,
    /// None at all, not even a refusal.
    Never,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeout_ms: 110_000,
            max_interval_ms: 40_000,
            interval_ms: 0,
            ack: true,
            ack_numbers: true,
            head_at_once: false,
            spaces_ms: 0,
            advice: AdviceIn::Connect,
            unknown_client_code: 403,
            require_cookie: true,
            says_missing_cookie: true,
            connection_types: vec!["long-polling".to_owned()],
            orders_per_second: 0.0,
            orders_channel: "/orders/new".to_owned(),
            deliver_on_publish_reply: true,
            events_on_subscribe_reply: 0,
            max_request_bytes: 0,
            max_sessions_per_browser: 0,
            keep_alive: true,
            salesforce: Salesforce::default(),
        }
    }
}

impl Config {
    /// These settings with those that `patch`, a JSON object, names replaced.
    pub(crate) fn patched(&self, patch: &Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else { return Err("the settings are not a JSON object".to_owned()) };
        let mut merged = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in patch {
            match merged.get_mut(name) {
                Some(setting) => *setting = value.clone(),
                None => return Err(format!("there is no setting {name}")),
            }
        }
        let config: Self = serde_json::from_value(merged).map_err(|error| error.to_string())?;
        if !matches!(config.unknown_client_code, 402 | 403) {
            return Err("unknownClientCode is 402 or 403".to_owned());
        }
        if !config.orders_per_second.is_finite() || config.orders_per_second < 0.0 {
            return Err("ordersPerSecond is a number from 0 up".to_owned());
        }
        match config.salesforce.fault() {
            Some(fault) => Err(fault.to_owned()),
            None => Ok(config),
        }
    }
}
