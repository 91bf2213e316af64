use crate::bayeux::channel::ChannelError;
use crate::bayeux::failure::Failure;
use crate::http::endpoint::EndpointError;
use crate::http::headers::HeaderError;
use crate::salesforce::{Refusal, classify};
use crate::text::joined;

/// The caller broke the contract of the API. Never caused by network data; the session is unchanged and usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// The URL cannot be used.
    #[error("url: {0}")]
    Url(#[from] EndpointError),
    /// A header cannot be sent.
    #[error("headers: {0}")]
    Header(#[from] HeaderError),
    /// A channel name is malformed.
    #[error("channel {channel}: {source}")]
    Channel {
        /// The name as given.
        channel: String,
        /// What is wrong with it.
        source: ChannelError,
    },
    /// `subscribe` was called with no channel at all.
    #[error("subscribe: give at least one channel")]
    NoChannels,
    /// A number was used for a second subscription or command.
    #[error("number {0} is in use: numbers of subscriptions and commands ascend from 1")]
    NumberInUse(u32),
    /// The text is not JSON, or nested too deep.
    #[error("{0}: not JSON that can be sent")]
    NotJson(&'static str),
    /// `send` was given a message without a channel.
    #[error("send: a message needs a channel")]
    NoChannelInMessage,
    /// `send` was given a message that only the session itself may send.
    #[error("send: {0} is the session's own; use connect(), subscribe(), unsubscribe() or close()")]
    OwnChannel(String),
    /// A token would travel in the clear.
    #[error("url: must be https where a token is sent, or on this machine")]
    Insecure,
    /// A wildcard has no position of its own (R2a).
    #[error(
        "channel {0}: a wildcard can only start with new events: subscribe without it, or with start \"new\""
    )]
    GlobWithPosition(String),
    /// Events of two filters on one topic cannot be told apart (R2).
    #[error("channel {0}: there is a subscription to this topic with another filter: use a second client")]
    TwoFilters(String),
    /// Subscriptions to one channel share its position, and so must agree (R3a).
    #[error("channel {0}: another subscription to it has a different `start` or `commit`")]
    OtherConditions(String),
    /// The session is over.
    #[error("the client is closed: connect again")]
    Closed,
}

/// Why a session ended, or a command failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's fault.
    #[error(transparent)]
    Misuse(#[from] ApiMisuse),
    /// The network's: the exchange broke.
    #[error("the request failed on the way: {0}")]
    Network(String),
    /// The network's: no answer, or no further byte, in time (S7).
    #[error("no answer within {after_ms} ms")]
    Timeout {
        /// How long the session waited.
        after_ms: u64,
    },
    /// The peer's: a status other than 2xx.
    #[error("the server answered HTTP {0}")]
    HttpStatus(u16),
    /// The peer's: a redirect, which is not followed, since it could carry credentials elsewhere (X1).
    #[error("the server redirects elsewhere; use the final address as `url`")]
    Redirect,
    /// The peer's: a 2xx body that is not Bayeux, such as a login page.
    #[error(
        "the answer is not Bayeux but something else, such as an HTML page; check that `url` is a Bayeux endpoint"
    )]
    NotBayeux,
    /// The peer's: it broke the protocol.
    #[error("the server broke the protocol: {0}")]
    Protocol(&'static str),
    /// The server refused the handshake.
    #[error("the server refused the handshake: {0}{hint}", hint = hint(.0))]
    HandshakeRefused(Failure),
    /// The server offers no connection type that this client speaks.
    #[error("the server offers no long-polling, only {offered}")]
    NoTransport {
        /// What it offers.
        offered: String,
    },
    /// The server no longer knows the session.
    #[error("the server no longer knows the session: {0}")]
    UnknownClient(Failure),
    /// The server refused a poll without ending the session.
    #[error("the server refused a poll: {0}{hint}", hint = hint(.0))]
    ConnectRefused(Failure),
    /// The server ended the session and forbade to come back (`reconnect: none`).
    #[error("the server ended the session: {}{}", .0.as_ref().map_or("no reason given", |failure| failure.text.as_str()), .0.as_ref().map_or_else(String::new, hint))]
    ServerEnded(Option<Failure>),
    /// The server refused a subscription.
    #[error("the server refused to subscribe {channel}: {failure}{}", hint(.failure))]
    SubscribeRefused {
        /// The channel.
        channel: String,
        /// Its words.
        failure: Failure,
    },
    /// The server refused to publish.
    #[error("the server refused to publish to {channel}: {failure}{}", hint(.failure))]
    PublishRefused {
        /// The channel.
        channel: String,
        /// Its words.
        failure: Failure,
    },
    /// A message was sent and its reply never came: it may or may not have been processed, and is not sent again (R7).
    #[error("the reply for {channel} was lost: the server may or may not have processed it")]
    OutcomeUnknown {
        /// The channel.
        channel: String,
    },
    /// The application does not read: the queue has stood at twice its limits, and nothing can be sent until events are
    /// read (R8). The message was not sent.
    #[error("too many events wait to be read: read them before sending to {channel}")]
    QueueFull {
        /// The channel.
        channel: String,
    },
    /// An event was larger than `messageBytes`; its subscription ends, its position stays before it (X3).
    #[error("an event on {channel} is larger than the limit `messageBytes`{}", .replay_id.as_ref().map_or(String::new(), |id| joined(&[" (replay id ", id, ")"], "")))]
    EventTooLarge {
        /// The channel.
        channel: String,
        /// Its replay id, where it could be read.
        replay_id: Option<String>,
    },
    /// The access token was refused, and there is no other, or that was refused too (S10).
    #[error("the server refused the access token: {0}{hint}", hint = hint(.0))]
    Unauthorized(Failure),
    /// The login was refused (S10).
    #[error("{0}")]
    LoginRefused(String),
    /// The login failed on the way.
    #[error("{0}")]
    LoginFailed(String),
    /// The token may not be sent there (X1).
    #[error("a token may not be sent to {0}: it is not https, or not in `allowedHosts`")]
    InstanceRefused(String),
    /// The replay store failed; it is asked again (R5).
    #[error("the replay store failed for {channel}: {problem}")]
    StoreFailed {
        /// The channel.
        channel: String,
        /// The store's words.
        problem: String,
    },
    /// The replay store holds something else than a position (R5a).
    #[error("the replay store holds no usable position for {channel}: {problem}; correct or remove it")]
    StoreInvalid {
        /// The channel.
        channel: String,
        /// What is wrong.
        problem: String,
    },
    /// Too many failures in a row (`maxRetries`).
    #[error("gave up after {attempts} attempts; the last one: {last}")]
    MaxRetries {
        /// Failures in a row.
        attempts: u32,
        /// The last of them.
        last: Box<Error>,
    },
    /// The client was closed while this was under way.
    #[error("the client was closed")]
    Closed,
}

impl Error {
    /// The stable word that programs compare.
    pub fn code(&self) -> &'static str {
        // The server's own words say more than what they were an answer to.
        if let Some(refusal) = self.refusal() {
            return refusal.code();
        }
        match self {
            Self::Misuse(ApiMisuse::Closed) | Self::Closed => "closed",
            Self::Misuse(_) => "invalid-argument",
            Self::Network(_) => "network",
            Self::Timeout { .. } => "timeout",
            Self::HttpStatus(_) => "http-status",
            Self::Redirect => "redirect",
            Self::NotBayeux => "not-bayeux",
            Self::Protocol(_) => "protocol",
            Self::HandshakeRefused(_) => "handshake-refused",
            Self::NoTransport { .. } => "no-transport",
            Self::UnknownClient(_) => "unknown-client",
            Self::ConnectRefused(_) => "connect-refused",
            Self::ServerEnded(_) => "server-ended",
            Self::SubscribeRefused { .. } => "subscribe-refused",
            Self::PublishRefused { .. } => "publish-refused",
            Self::OutcomeUnknown { .. } => "outcome-unknown",
            Self::QueueFull { .. } => "queue-full",
            Self::EventTooLarge { .. } => "event-too-large",
            Self::Unauthorized(_) => "unauthorized",
            Self::LoginRefused(_) => "login-refused",
            Self::LoginFailed(_) => "login-failed",
            Self::InstanceRefused(_) => "instance-refused",
            Self::StoreFailed { .. } => "store-failed",
            Self::StoreInvalid { .. } => "store-invalid",
            Self::MaxRetries { .. } => "max-retries",
        }
    }

    /// Can the same call succeed later without a change in the caller's code or the server's set-up?
    pub fn retryable(&self) -> bool {
        if let Some(refusal) = self.refusal() {
            return refusal.retryable();
        }
        match self {
            Self::Network(_) | Self::Timeout { .. } | Self::UnknownClient(_) | Self::ConnectRefused(_) => {
                true
            }
            Self::QueueFull { .. } | Self::LoginFailed(_) | Self::StoreFailed { .. } => true,
            Self::HttpStatus(status) => matches!(status, 408 | 429 | 500..),
            Self::MaxRetries { last, .. } => last.retryable(),
            Self::ServerEnded(failure) => failure.as_ref().is_none_or(|failure| failure.code >= 402),
            Self::HandshakeRefused(failure)
            | Self::SubscribeRefused { failure, .. }
            | Self::PublishRefused { failure, .. } => failure.code >= 500,
            _ => false,
        }
    }

    /// What the catalogue makes of it, where it is a refusal of the server's that it knows.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::HandshakeRefused(failure)
            | Self::ConnectRefused(failure)
            | Self::ServerEnded(Some(failure))
            | Self::SubscribeRefused { failure, .. }
            | Self::PublishRefused { failure, .. } => refusal(failure),
            _ => None,
        }
    }

    /// The channel that the error is about.
    pub fn channel(&self) -> Option<&str> {
        match self {
            Self::SubscribeRefused { channel, .. }
            | Self::PublishRefused { channel, .. }
            | Self::OutcomeUnknown { channel }
            | Self::QueueFull { channel }
            | Self::EventTooLarge { channel, .. }
            | Self::StoreFailed { channel, .. }
            | Self::StoreInvalid { channel, .. }
            | Self::Misuse(ApiMisuse::GlobWithPosition(channel))
            | Self::Misuse(ApiMisuse::TwoFilters(channel))
            | Self::Misuse(ApiMisuse::OtherConditions(channel))
            | Self::Misuse(ApiMisuse::Channel { channel, .. }) => Some(channel),
            Self::MaxRetries { last, .. } => last.channel(),
            _ => None,
        }
    }

    /// The HTTP status behind the error.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::HttpStatus(status) => Some(*status),
            Self::MaxRetries { last, .. } => last.status(),
            _ => None,
        }
    }

    /// The server's own words behind the error.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::HandshakeRefused(failure)
            | Self::UnknownClient(failure)
            | Self::Unauthorized(failure)
            | Self::ConnectRefused(failure) => Some(failure),
            Self::ServerEnded(failure) => failure.as_ref(),
            Self::SubscribeRefused { failure, .. } | Self::PublishRefused { failure, .. } => Some(failure),
            Self::MaxRetries { last, .. } => last.failure(),
            _ => None,
        }
    }
}

/// What the catalogue makes of a refusal. That the client is unknown matters to the session alone.
fn refusal(failure: &Failure) -> Option<Refusal> {
    classify(failure).filter(|refusal| *refusal != Refusal::UnknownClient)
}

/// What to do about a refusal, behind its words.
fn hint(failure: &Failure) -> String {
    refusal(failure).map_or_else(String::new, |refusal| joined(&["; ", refusal.hint()], ""))
}
