//! The settings of a world that only Salesforce's addresses know.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// What an org holds and refuses: fields of [`Config`](crate::Config) like any other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Salesforce {
    /// The `instance_url` that logins answer, as it stands here. Default: none, which names this world.
    pub instance_url: Option<String>,
    /// The org has moved. Default: none, it is where it was.
    pub moved: Option<Moved>,
    /// Paths below `/services` that answer every token with 401. Default: none.
    pub refusing_calls: Vec<String>,
    /// Default `sandbox-client`.
    pub client_id: String,
    /// Default `sandbox-secret`.
    pub client_secret: String,
    /// Default `user@example.com`.
    pub username: String,
    /// Default `sandbox-password`.
    pub password: String,
    /// What may be appended to the password. Default `TOKEN`.
    pub security_token: String,
    /// Default `sandbox-refresh`.
    pub refresh_token: String,
    /// Whether a refresh answers a new refresh token, and the old one is spent. Default false.
    pub rotate_refresh_token: bool,
    /// Whether the user has approved the client, without which no JWT is taken. Default true.
    pub approved: bool,
    /// Whether a user is set for the client credentials grant. Default true.
    pub client_credentials_user: bool,
    /// The key that JWTs are verified with, as PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`). Default: none, and no JWT is
    /// taken.
    pub jwt_public_key: Option<String>,
    /// The only audience that a JWT may name. Default: none, which means `https://login.salesforce.com`,
    /// `https://test.salesforce.com` and the world's own origin, with or without its path.
    pub jwt_audience: Option<String>,
    /// How long an access token lives, in milliseconds of the server's clock. 0, the default, sets no bound.
    pub token_lifetime_ms: u64,
    /// The newest version, the number before `.0`. The oldest is 37. Default 67.
    pub latest_version: u32,
    /// The HTTP status of a denied handshake: 200 (the default) or 401.
    pub denied_handshake_status: u16,
    /// What a denied handshake says. Default `handshakeDenied`.
    pub denied_handshake_as: DeniedAs,
    /// Whether a handshake without a token is denied like one with a bad token, as the newest documents have it. Default
    /// false: it is answered with `401::Request requires authentication` and nothing else, as every other message.
    pub missing_token_denied: bool,
    /// What a connect says whose token was revoked. Default `disconnect`.
    pub revoked_as: RevokedAs,
    /// How many sessions an org may have at once. 0, the default, sets no bound.
    pub concurrent_clients: usize,
    /// How many events are delivered in 24 hours of the server's clock. 0, the default, sets no bound.
    pub daily_events: u64,
    /// How many sessions may subscribe to one PushTopic or generic channel. 0, the default, sets no bound.
    pub topic_subscriptions: usize,
    /// How long a session lives, however well it is polled. 0, the default, sets no bound.
    pub session_lifetime_ms: u64,
    /// Channels that do not exist.
    pub unknown_channels: Vec<String>,
    /// Channels that the user may not subscribe to.
    pub denied_channels: Vec<String>,
    /// How long events can be replayed. 0, the default, means 24 hours for PushTopics and generic events, 72 for others.
    pub retention_ms: u64,
    /// Replay ids are above this; a number or, for what JSON's readers round, its digits in a string. Default 1000.
    #[serde(deserialize_with = "number_or_digits")]
    pub replay_id_base: u64,
    /// How replay ids are written. Default `number`.
    pub replay_id_form: ReplayIds,
    /// Which response replayed events leave with. Default `first`.
    pub replay_on: ReplayOn,
    /// Generic channels by the id that a push names. Default `0M6000000000001AAA` for `/u/notifications`.
    pub streaming_channels: BTreeMap<String, String>,
    /// Where the sample orders are published as platform events too, with fields such as `N__c`, their running number;
    /// what is published there by REST is numbered with them. Default: nowhere.
    pub orders_event: Option<String>,
}

/// An org that has moved: logins at the old host go on, and name the new one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moved {
    /// The old host with its port, as a `Host` header has it.
    pub from: String,
    /// The `instance_url` that logins answer from now on.
    pub to: String,
    /// What happens to all other requests at the old host. Default `redirect`.
    #[serde(default)]
    pub old_host: OldHost,
}

/// What an org's old host does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OldHost {
    /// Answers 302 to the same path at the new address.
    #[default]
    Redirect,
    /// Never answers.
    Hang,
    /// Drops the connection.
    Refuse,
}

/// The forms of a denied handshake's `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeniedAs {
    /// `403::Handshake denied`, with the reason in `ext.sfdc.failureReason`.
    HandshakeDenied,
    /// `403:denied_by_security_policy:create_denied`, with the reason there too.
    CreateDenied,
    /// The reason itself, and no `failureReason`.
    Direct,
}

/// The forms of the answer to a connect with a revoked token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RevokedAs {
    /// `/meta/disconnect`, and a connect refused with `401::Authentication invalid` and advice `none`.
    Disconnect,
    /// The same, with `successful: true` in the `/meta/disconnect`.
    DisconnectSuccessful,
    /// `/meta/disconnect`, and a connect refused with `403::Unknown client` and advice `none`.
    UnknownClient,
    /// The refused connect alone.
    Bare,
}

/// The forms of a replay id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReplayIds {
    /// `17`.
    Number,
    /// `"17"`.
    String,
    /// `"r-17"`: Salesforce warns that ids may cease to be numbers.
    Opaque,
}

/// The responses that replayed events leave with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReplayOn {
    /// The first to leave: the subscribe's own, unless `deliverOnPublishReply` is off.
    First,
    /// The subscribe's own.
    Subscribe,
    /// A connect's; then no other response carries any event.
    Connect,
}

impl Default for Salesforce {
    fn default() -> Self {
        Self {
            instance_url: None,
            moved: None,
            refusing_calls: Vec::new(),
            client_id: "sandbox-client".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            username: "user@example.com".to_owned(),
            password: "sandbox-password".to_owned(),
            security_token: "TOKEN".to_owned(),
            refresh_token: "sandbox-refresh".to_owned(),
            rotate_refresh_token: false,
            approved: true,
            client_credentials_user: true,
            jwt_public_key: None,
            jwt_audience: None,
            token_lifetime_ms: 0,
            latest_version: 67,
            denied_handshake_status: 200,
            denied_handshake_as: DeniedAs::HandshakeDenied,
            missing_token_denied: false,
            revoked_as: RevokedAs::Disconnect,
            concurrent_clients: 0,
            daily_events: 0,
            topic_subscriptions: 0,
            session_lifetime_ms: 0,
            unknown_channels: Vec::new(),
            denied_channels: Vec::new(),
            retention_ms: 0,
            replay_id_base: 1_000,
            replay_id_form: ReplayIds::Number,
            replay_on: ReplayOn::First,
            streaming_channels: BTreeMap::from([(
                "0M6000000000001AAA".to_owned(),
                "/u/notifications".to_owned(),
            )]),
            orders_event: None,
        }
    }
}

impl Salesforce {
    /// What is wrong with these settings, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if !matches!(self.denied_handshake_status, 200 | 401) {
            Some("deniedHandshakeStatus is 200 or 401")
        } else if self.replay_id_base > LARGEST_BASE {
            Some("replayIdBase leaves no room for ids above it")
        } else if self.latest_version < OLDEST_VERSION {
            Some("latestVersion is 37 or more")
        } else {
            None
        }
    }
}

/// The oldest version that is still served.
pub(crate) const OLDEST_VERSION: u32 = 37;

const LARGEST_BASE: u64 = 1 << 62;

fn number_or_digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(u64),
        Digits(String),
    }
    match Given::deserialize(deserializer)? {
        Given::Number(number) => Ok(number),
        Given::Digits(digits) => digits.parse().map_err(serde::de::Error::custom),
    }
}
