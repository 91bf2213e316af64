use super::misuse::ApiMisuse;
use crate::bayeux::failure::Failure;
use crate::salesforce::{Refusal, classify};
use crate::text::{decimal, filled, joined};

/// Why a session ended, or a command failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
#[repr(u32)]
pub enum Error {
    /// The caller's fault.
    #[error(transparent)]
    Misuse(#[from] ApiMisuse),
    /// The network's: the exchange broke.
    Network(Broken),
    /// The caller's fault: the function that makes the requests gave this instead of a response that can be read.
    NotAResponse(&'static str),
    /// The network's: no answer, or no further byte, in time (S7).
    Timeout {
        /// How long the session waited.
        after_ms: u64,
    },
    /// The peer's: a status other than 2xx.
    HttpStatus(u16),
    /// The peer's: a redirect, which is not followed, since it could carry credentials elsewhere (X1).
    Redirect,
    /// The peer's: a 2xx body that is not Bayeux, such as a login page.
    NotBayeux,
    /// The peer's: it broke the protocol.
    Protocol(&'static str),
    /// The server refused the handshake.
    HandshakeRefused(Failure),
    /// The server offers no connection type that this client speaks.
    NoTransport {
        /// What it offers.
        offered: String,
    },
    /// The server no longer knows the session.
    UnknownClient(Failure),
    /// The server refused a poll without ending the session.
    ConnectRefused(Failure),
    /// The server ended the session and does not allow another one (`reconnect: none`).
    ServerEnded(Option<Failure>),
    /// The server refused a subscription.
    SubscribeRefused {
        /// The channel.
        channel: String,
        /// Its words.
        failure: Failure,
    },
    /// The server refused to publish.
    PublishRefused {
        /// The channel.
        channel: String,
        /// Its words.
        failure: Failure,
    },
    /// The service answered a call with a failure.
    CallFailed {
        /// The channel.
        channel: String,
        /// Its words.
        failure: Failure,
        /// The `data` of the answer, as JSON.
        data: Option<String>,
    },
    /// A message was sent and its reply never came: it may or may not have been processed, and is not sent again (R7).
    OutcomeUnknown {
        /// The channel.
        channel: String,
    },
    /// The application does not read: the queue has stood at twice its limits, and nothing can be sent until events are
    /// read (R8). The message was not sent.
    QueueFull {
        /// The channel.
        channel: String,
    },
    /// An event was larger than `messageBytes`; its subscription ends, its position stays before it (X3).
    EventTooLarge {
        /// The channel.
        channel: String,
        /// Its replay id, if it could be read.
        replay_id: Option<String>,
    },
    /// The server did not recognise two new sessions in a row: what ties a request to its session, usually a cookie,
    /// does not reach it (S9).
    CookieMissing {
        /// The server's words.
        failure: Failure,
        /// Whether the session keeps the cookies ([`Config::own_cookies`](super::Config::own_cookies)), and not a
        /// browser.
        own_cookies: bool,
    },
    /// The caller's function gave no headers for a request, or ones that cannot be sent (S8). The request did not go
    /// out.
    HeadersFailed(String),
    /// The access token was refused, and there is no other, or that was refused too (S10).
    Unauthorized(Failure),
    /// The login was refused (S10).
    LoginRefused(String),
    /// The login failed on the way, and may succeed later.
    LoginFailed(String),
    /// The token may not be sent to this instance (X1).
    InstanceRefused(String),
    /// The replay store failed; it is asked again (R5).
    StoreFailed {
        /// The channel.
        channel: String,
        /// The store's words.
        problem: String,
    },
    /// The replay store holds something else than a position (R5a).
    StoreInvalid {
        /// The channel.
        channel: String,
        /// What is wrong.
        problem: String,
    },
    /// The event cannot be committed any more: the server has refused the positions of its time (R6).
    PositionInvalid {
        /// The channel.
        channel: String,
    },
    /// Too many failures in a row (`maxRetries`).
    MaxRetries {
        /// Failures in a row.
        attempts: u32,
        /// The last of them.
        last: Box<Error>,
    },
    /// The server has not answered anything within the time for its first answer
    /// ([`Config::connect_timeout_ms`](super::Config::connect_timeout_ms)).
    ConnectTimeout {
        /// That time.
        after_ms: u64,
        /// Whether there was no access token yet, so that nothing had been sent.
        login: bool,
        /// The last failure, if there was one.
        last: Option<Box<Error>>,
    },
    /// The deadline of a drain passed, and the server had not been reached at all (D1).
    Deadline,
    /// The client was closed while this was under way.
    Closed,
}

/// How an exchange broke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// The number of the request that broke, as of [`RequestId::get`](super::RequestId::get).
    pub request: u32,
    /// The host's words.
    pub reason: String,
}

impl Error {
    /// What `Display` shows.
    fn text(&self) -> String {
        self.text_about("the server")
    }

    /// The same, with the name to use for the server. It is put in here and not by `format!`, since formatting code is
    /// large.
    pub(crate) fn text_about(&self, server: &str) -> String {
        let failure = self.failure();
        let more = match (self, failure) {
            (Self::EventTooLarge { replay_id: Some(id), .. }, _) => joined(&[" (replay id ", id, ")"], ""),
            (Self::StoreFailed { problem, .. } | Self::StoreInvalid { problem, .. }, _) => problem.clone(),
            (Self::MaxRetries { last, .. } | Self::ConnectTimeout { last: Some(last), .. }, _) => {
                last.text_about(server)
            }
            (Self::ConnectTimeout { login: true, .. }, _) => "the login has not ended".to_owned(),
            (Self::ConnectTimeout { .. }, _) => joined(&["the request to ", server, " is still open"], ""),
            (Self::Network(broken), _) => broken.reason.clone(),
            (Self::Timeout { after_ms }, _) => decimal(*after_ms),
            (Self::HttpStatus(status), _) => decimal(u64::from(*status)),
            (Self::UnknownClient(failure) | Self::CookieMissing { failure, .. }, _) => failure.words(),
            (Self::ServerEnded(Some(failure)), _) => joined(&[&failure.text, &hint(failure)], ""),
            (Self::ServerEnded(None), _) => "no reason given".to_owned(),
            (_, Some(failure)) => joined(&[&failure.words(), &hint(failure)], ""),
            _ => String::new(),
        };
        let number;
        let what = match self {
            Self::Misuse(misuse) => return misuse.text(),
            Self::Network(_)
            | Self::Timeout { .. }
            | Self::HttpStatus(_)
            | Self::Redirect
            | Self::NotBayeux => server,
            Self::ConnectTimeout { after_ms, .. } => {
                number = decimal(*after_ms);
                &number
            }
            Self::MaxRetries { attempts, .. } => {
                number = decimal(u64::from(*attempts));
                &number
            }
            Self::Protocol(what) | Self::NotAResponse(what) => *what,
            Self::NoTransport { offered: text }
            | Self::LoginRefused(text)
            | Self::LoginFailed(text)
            | Self::HeadersFailed(text)
            | Self::InstanceRefused(text) => text,
            _ => self.channel().unwrap_or(&more),
        };
        filled(self.template(), &[what, &more])
    }

    fn template(&self) -> &'static str {
        match self {
            Self::Misuse(misuse) => misuse.template(),
            Self::Network(_) => "the request to % failed: %",
            Self::NotAResponse(_) => {
                "`fetch` must give a Response whose body is a web ReadableStream, and gave %; pass the global fetch or that of \
                 undici, not that of node-fetch"
            }
            Self::Timeout { .. } => "% was silent for % ms",
            Self::HttpStatus(404 | 405) => {
                "% answered HTTP %; check that `url` is a Bayeux endpoint, its path included"
            }
            Self::HttpStatus(_) => "% answered HTTP %",
            Self::Redirect => "% redirects elsewhere; use the final address as `url`",
            Self::NotBayeux => {
                "% answered with something that is not Bayeux, such as an HTML page; check that `url` is a Bayeux endpoint"
            }
            Self::Protocol(_) => "the server broke the protocol: %",
            Self::HandshakeRefused(_) => "the server refused the handshake: %",
            Self::NoTransport { .. } => "the server offers no long-polling, only %",
            Self::UnknownClient(_) => "the server no longer knows the session: %",
            Self::ConnectRefused(_) => "the server refused a poll: %",
            Self::ServerEnded(_) => "the server ended the session: %",
            Self::SubscribeRefused { .. } => "the server refused to subscribe %: %",
            Self::PublishRefused { .. } => "the server refused to publish to %: %",
            Self::CallFailed { .. } => "the service at % answered that the call failed: %",
            Self::OutcomeUnknown { .. } => {
                "the reply for % was lost: the server may or may not have processed it"
            }
            Self::QueueFull { .. } => "too many events wait to be read: read them before sending to %",
            Self::EventTooLarge { .. } => "an event on % is larger than the limit `messageBytes`%",
            Self::Unauthorized(_) => "the server refused the access token: %",
            Self::HeadersFailed(_) => "no headers for the request: %",
            Self::LoginRefused(_) | Self::LoginFailed(_) => "%",
            Self::InstanceRefused(_) => {
                "a token may not be sent to %: it is not https, or not in `allowedHosts`"
            }
            Self::StoreFailed { .. } => "the replay store failed for %: %",
            Self::StoreInvalid { .. } => {
                "the replay store holds no usable position for %: %; correct or remove it"
            }
            Self::PositionInvalid { .. } => {
                "the server has refused the position of %, so earlier events of it can no longer be committed"
            }
            Self::CookieMissing { own_cookies: true, .. } => {
                "the server did not know two new sessions in a row (%), so its cookies seem not to come back to it: check \
                 that no proxy and no `fetch` of your own drops `Set-Cookie` or `Cookie`, and that a load balancer \
                 keeps a session on one server"
            }
            Self::CookieMissing { own_cookies: false, .. } => {
                "the server did not know two new sessions in a row (%), so its cookies seem not to come back to it: check \
                 that the page and the server are of one site (localhost and 127.0.0.1 are not), or else that the \
                 server sets its cookies with SameSite=None and Secure, that the browser does not block third-party \
                 cookies, and that CORS answers with Access-Control-Allow-Credentials: true; and that a load balancer \
                 keeps a session on one server"
            }
            Self::MaxRetries { .. } => "gave up after % attempts: %",
            Self::ConnectTimeout { login: true, .. } => "no login within % ms: %",
            Self::ConnectTimeout { .. } => "no answer within % ms: %",
            Self::Deadline => "the deadline has passed, and the server was not reached",
            Self::Closed => "the client was closed",
        }
    }

    /// The stable code that programs compare.
    pub fn code(&self) -> &'static str {
        // The server's own words say more than the kind of request that they answer.
        if let Some(refusal) = self.refusal() {
            return refusal.code();
        }
        match self {
            Self::Misuse(ApiMisuse::Closed) | Self::Closed => "closed",
            Self::Misuse(ApiMisuse::Suspended) => "suspended",
            Self::Misuse(ApiMisuse::TooManyChannels(_)) => "too-many-channels",
            Self::Deadline => "deadline",
            Self::Misuse(_) => "invalid-argument",
            Self::Network(_) => "network",
            Self::NotAResponse(_) => "not-a-response",
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
            Self::CallFailed { .. } => "call-failed",
            Self::OutcomeUnknown { .. } => "outcome-unknown",
            Self::QueueFull { .. } => "queue-full",
            Self::EventTooLarge { .. } => "event-too-large",
            Self::CookieMissing { .. } => "cookie-missing",
            Self::Unauthorized(_) => "unauthorized",
            Self::LoginRefused(_) => "login-refused",
            Self::HeadersFailed(_) => "headers-failed",
            Self::LoginFailed(_) => "login-failed",
            Self::InstanceRefused(_) => "instance-refused",
            Self::StoreFailed { .. } => "store-failed",
            Self::StoreInvalid { .. } => "store-invalid",
            Self::PositionInvalid { .. } => Refusal::ReplayInvalid.code(),
            Self::MaxRetries { .. } => "max-retries",
            Self::ConnectTimeout { .. } => "connect-timeout",
        }
    }

    /// Whether the same call can succeed later without a change in the caller's code or the server's set-up.
    pub fn retryable(&self) -> bool {
        if let Some(refusal) = self.refusal() {
            return refusal.retryable();
        }
        match self {
            Self::Network(_) | Self::Timeout { .. } | Self::UnknownClient(_) | Self::ConnectRefused(_) => {
                true
            }
            Self::HeadersFailed(_) => true,
            Self::QueueFull { .. } | Self::LoginFailed(_) | Self::StoreFailed { .. } => true,
            Self::Deadline | Self::Misuse(ApiMisuse::Suspended | ApiMisuse::TooManyChannels(_)) => true,
            Self::HttpStatus(status) => matches!(status, 408 | 429 | 500..),
            Self::MaxRetries { last, .. } => last.retryable(),
            Self::ConnectTimeout { last, .. } => last.as_ref().is_none_or(|last| last.retryable()),
            Self::ServerEnded(failure) => failure.as_ref().is_none_or(|failure| failure.code >= 402),
            Self::HandshakeRefused(failure)
            | Self::SubscribeRefused { failure, .. }
            | Self::PublishRefused { failure, .. } => failure.code >= 500,
            _ => false,
        }
    }

    /// The catalogue's entry for this refusal, if it has one.
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

    /// The channel that the error is about, if any.
    pub fn channel(&self) -> Option<&str> {
        match self {
            Self::SubscribeRefused { channel, .. }
            | Self::PublishRefused { channel, .. }
            | Self::CallFailed { channel, .. }
            | Self::OutcomeUnknown { channel }
            | Self::QueueFull { channel }
            | Self::EventTooLarge { channel, .. }
            | Self::StoreFailed { channel, .. }
            | Self::StoreInvalid { channel, .. }
            | Self::PositionInvalid { channel }
            | Self::Misuse(ApiMisuse::NotService(channel))
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

    /// The last of the failures that this error sums up.
    pub fn last(&self) -> Option<&Error> {
        match self {
            Self::MaxRetries { last, .. } | Self::ConnectTimeout { last: Some(last), .. } => Some(last),
            _ => None,
        }
    }

    /// The server's own words behind the error.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::HandshakeRefused(failure)
            | Self::UnknownClient(failure)
            | Self::Unauthorized(failure)
            | Self::ConnectRefused(failure)
            | Self::CookieMissing { failure, .. } => Some(failure),
            Self::ServerEnded(failure) => failure.as_ref(),
            Self::SubscribeRefused { failure, .. }
            | Self::PublishRefused { failure, .. }
            | Self::CallFailed { failure, .. } => Some(failure),
            Self::MaxRetries { last, .. } => last.failure(),
            _ => None,
        }
    }

    /// The `data` that a service sent with the failure of a call, as JSON.
    pub fn data(&self) -> Option<&str> {
        match self {
            Self::CallFailed { data, .. } => data.as_deref(),
            _ => None,
        }
    }
}

/// The catalogue's entry for a refusal. An unknown client is left out: only the session handles that.
fn refusal(failure: &Failure) -> Option<Refusal> {
    classify(failure).filter(|refusal| *refusal != Refusal::UnknownClient)
}

/// What to do about a refusal, appended to its words.
fn hint(failure: &Failure) -> String {
    refusal(failure).map_or_else(String::new, |refusal| joined(&["; ", refusal.hint()], ""))
}
