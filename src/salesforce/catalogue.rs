//! What a server refuses, and what to do about it.

use crate::bayeux::Failure;
use crate::text::{find, pieces};

/// Why a server says no, as far as its words are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The access token is missing, expired or revoked.
    Unauthorized,
    /// The server does not know the session (any more).
    UnknownClient,
    /// The server is overloaded, or not available.
    ServerBusy,
    /// Too many clients at once.
    ConcurrentLimit,
    /// Too many events in a day.
    DailyLimit,
    /// Too many subscribers of a topic.
    SubscriptionLimit,
    /// The user may not see this.
    NoAccess,
    /// There is no such channel.
    UnknownChannel,
    /// There cannot be such a channel.
    BadChannel,
    /// The API version in the URL is missing or not supported.
    ApiVersion,
    /// A cookie of the session did not come back.
    CookieMissing,
    /// The token belongs to another user than the session.
    UserMismatch,
    /// The request is larger than the server takes.
    RequestTooLarge,
    /// The replay position is older than what is retained, or was never one.
    ReplayInvalid,
    /// The subscribe message holds no position for its own channel.
    ReplayMap,
    /// The connection type is not one of the server's.
    NoTransport,
}

/// What to look for in a text, the first that fits: in lower case, words in their order, anything for `*`.
///
/// Source: "Streaming API Error Codes" of the Streaming API Developer Guide, v37 to v68, and what was seen in logs.
const TEXTS: [(&str, Refusal); 32] = [
    // These quote what the client sent, so they come before the texts that it might hold.
    ("replayid*was invalid", Refusal::ReplayInvalid),
    ("using the provided replay id map", Refusal::ReplayMap),
    ("query field*exist", Refusal::BadChannel),
    ("unknown client", Refusal::UnknownClient),
    ("has not completed handshake", Refusal::UnknownClient),
    ("authentication invalid", Refusal::Unauthorized),
    ("requires authentication", Refusal::Unauthorized),
    ("server_unavailable", Refusal::ServerBusy),
    ("server is too busy", Refusal::ServerBusy),
    ("concurrent user limit", Refusal::ConcurrentLimit),
    ("simultaneous*connection", Refusal::ConcurrentLimit),
    ("events daily limit", Refusal::DailyLimit),
    ("subscription limit exceeded", Refusal::SubscriptionLimit),
    ("user*enabled for streaming", Refusal::NoAccess),
    ("view all data", Refusal::NoAccess),
    ("restricted channel", Refusal::NoAccess),
    ("no access", Refusal::NoAccess),
    ("not have access", Refusal::NoAccess),
    ("have*access to the", Refusal::NoAccess),
    ("api version in the uri", Refusal::ApiVersion),
    ("unsupported api version", Refusal::ApiVersion),
    ("invalid connection type", Refusal::NoTransport),
    ("established a session*cookie", Refusal::CookieMissing),
    ("user id*match*session", Refusal::UserMismatch),
    ("maximum request size", Refusal::RequestTooLarge),
    ("channel name not specified", Refusal::BadChannel),
    ("channel*must start with", Refusal::BadChannel),
    ("channel*vary only by case", Refusal::BadChannel),
    ("unknown channel", Refusal::UnknownChannel),
    ("channel*exist", Refusal::UnknownChannel),
    ("cannot create channel", Refusal::UnknownChannel),
    ("unable to create channel", Refusal::UnknownChannel),
];

/// No text of the list needs more; a server's could be as long as a message.
const LONGEST: usize = 1_000;

/// What a refusal means; `None` for one that is not in the catalogue.
///
/// The failure is what `ext.sfdc.failureReason` says where there is one, else the `error` field (S11). Works on plain
/// Bayeux servers too: what only Salesforce says is told by its words, not by its code.
///
/// ```
/// use cometd_edge::bayeux::Failure;
/// use cometd_edge::salesforce::{Refusal, classify};
///
/// let failure = Failure::parse("403::Organization total events daily limit exceeded");
/// assert_eq!(classify(&failure), Some(Refusal::DailyLimit));
/// ```
pub fn classify(failure: &Failure) -> Option<Refusal> {
    if failure.is_unknown_client() {
        return Some(Refusal::UnknownClient);
    }
    match failure.code {
        401 => return Some(Refusal::Unauthorized),
        413 => return Some(Refusal::RequestTooLarge),
        503 => return Some(Refusal::ServerBusy),
        _ => {}
    }
    let text = normal(&failure.text);
    TEXTS.iter().find(|(pattern, _)| says(&text, pattern)).map(|(_, refusal)| *refusal)
}

impl Refusal {
    /// The stable word that programs compare.
    pub fn code(self) -> &'static str {
        self.facts().0
    }

    /// Can the same succeed later, without a change in the caller's code or the server's set-up?
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::UnknownClient
                | Self::ServerBusy
                | Self::ConcurrentLimit
                | Self::DailyLimit
                | Self::SubscriptionLimit
        )
    }

    /// What to do about it: a clause that can stand behind the server's words.
    pub fn hint(self) -> &'static str {
        self.facts().1
    }

    fn facts(self) -> (&'static str, &'static str) {
        match self {
            Self::Unauthorized => (
                "unauthorized",
                "get a new access token; check that the session is not locked to another IP address",
            ),
            Self::UnknownClient => ("unknown-client", "start a new session"),
            Self::ServerBusy => ("server-busy", "try again later"),
            Self::ConcurrentLimit => (
                "concurrent-limit",
                "close clients that are not needed, or wait: sessions left behind count for a while",
            ),
            Self::DailyLimit => {
                ("daily-limit", "wait: events within the retention can be replayed once the limit is lifted")
            }
            Self::SubscriptionLimit => ("subscription-limit", "end subscriptions that are not needed"),
            Self::NoAccess => {
                ("no-access", "give the user read access to the object, its fields and the channel")
            }
            Self::UnknownChannel => {
                ("unknown-channel", "check the name, case included, and that it exists in this org")
            }
            Self::BadChannel => ("bad-channel", "write the name as in /event/Order__e, /data/… or /topic/…"),
            Self::ApiVersion => ("api-version", "end the url in a supported version, as in /cometd/67.0"),
            Self::CookieMissing => ("cookie-missing", "let the session's cookies through, both ways"),
            Self::UserMismatch => ("user-mismatch", "give tokens of one user only, or connect anew"),
            Self::RequestTooLarge => {
                ("request-too-large", "send less at once, or lower `limits.requestBytes`")
            }
            Self::ReplayInvalid => (
                "replay-invalid",
                "start from all retained events or from new ones, or set `onInvalidPosition`",
            ),
            Self::ReplayMap => ("replay-map", "check that no extension changes `ext.replay`"),
            Self::NoTransport => ("no-transport", "use long-polling"),
        }
    }
}

/// In lower case, with single spaces.
#[inline(never)]
fn normal(text: &str) -> Vec<u8> {
    let mut normal = Vec::new();
    for byte in text.bytes().take(LONGEST) {
        let byte = if byte.is_ascii_whitespace() { b' ' } else { byte.to_ascii_lowercase() };
        if byte != b' ' || normal.last() != Some(&b' ') {
            normal.push(byte);
        }
    }
    normal
}

/// Whether the pieces of `pattern` stand in `text`, in their order.
#[inline(never)]
fn says(text: &[u8], pattern: &str) -> bool {
    let mut rest = text;
    pieces(pattern, b'*').all(|piece| {
        let found = find(rest, piece.as_bytes());
        rest = found.and_then(|at| rest.get(at + piece.len()..)).unwrap_or_default();
        found.is_some()
    })
}
