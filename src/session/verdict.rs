//! What follows from the end of a request: a pure function of its outcome, tested as a table.

use super::error::Error;
use crate::backoff::Retry;
use crate::bayeux::advice::{Advice, Reconnect};
use crate::bayeux::failure::Failure;
use crate::salesforce::{Refusal, classify};

/// What the client does next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// The session goes on: the next poll follows after the advised interval.
    PollAgain,
    /// The session goes on, and does not depend on this request.
    Nothing,
    /// A handshake has made a session.
    Begin,
    /// The same again after a back-off: a poll if there is a session, else a handshake (S8).
    Retry { error: Error, at_least_ms: u64 },
    /// A new handshake after a back-off, and all subscriptions again (R7, S9).
    NewSession { error: Error, at_least_ms: u64, fate: Fate },
    /// A new token, and a new handshake with it (S10).
    NewToken { error: Error, fate: Fate },
    /// The client ends.
    End { error: Error, fate: Fate },
}

/// What becomes of the session at the server.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// The server still has it, so it is disconnected (R7d).
    Alive,
    /// As `Alive`, and a response was lost in it (R7).
    ResponseLost,
    /// The server has none any more.
    Gone,
    /// The server says, in these words, that it does not know it.
    Unknown(Failure),
}

/// What influences a verdict besides the request itself.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// Another token can be asked for.
    pub auth: bool,
    pub salesforce: bool,
    /// `connect()` has been answered.
    pub connected_once: bool,
    pub retry: &'a Retry,
    /// The least wait that the server advises.
    pub interval_ms: u64,
}

/// A handshake whose body has arrived whole.
pub(super) struct HandshakeReply<'a> {
    pub successful: bool,
    pub failure: Option<Failure>,
    pub advice: &'a Advice,
    pub has_client_id: bool,
    /// The connection types that it offers, if long-polling is not among them.
    pub other_transports: Option<String>,
}

/// A connect reply, or the server's own disconnect beside it.
#[derive(Clone, Default)]
pub(super) struct ConnectReply {
    /// Whether the reply was successful, if there is one.
    pub successful: Option<bool>,
    /// The server's words, if any: those of the reply, else of the disconnect.
    pub failure: Option<Failure>,
    /// What the reply advises.
    pub advised: Option<Reconnect>,
    /// The server's own disconnect (S12), and what it advises.
    pub disconnect: Option<Option<Reconnect>>,
}

impl Circumstances<'_> {
    /// What follows a handshake whose body has arrived whole (S5, S5a, S14). `None`: no reply was in it.
    pub fn handshake_ended(&self, reply: Option<HandshakeReply<'_>>) -> Verdict {
        let Some(reply) = reply else {
            return retry(Error::Protocol("no reply to /meta/handshake"), 0);
        };
        let interval_ms = interval_ms(reply.advice);
        let reconnect = reply.advice.reconnect;
        let negative = reply.advice.interval_ms.is_some_and(|ms| ms < 0);
        let forbidden = negative || reconnect == Some(Reconnect::None);
        if let Some(offered) = reply.other_transports {
            let error = Error::NoTransport { offered };
            let hopeless = forbidden || !self.connected_once;
            return if hopeless { end(error) } else { retry(error, interval_ms) };
        }
        if !reply.successful {
            let failure = reply.failure.unwrap_or_else(|| Failure::parse(""));
            if self.is_unauthorized(&failure) {
                return Verdict::NewToken { error: Error::Unauthorized(failure), fate: Fate::Gone };
            }
            let pause_ms = pause_ms(&failure, self.retry);
            let error = Error::HandshakeRefused(failure);
            // [bayeux] Unsuccessful, with the advice to try again: the negotiation goes on. The same holds on
            // Salesforce when the server is busy or a limit is reached (S5a).
            let passes = self.salesforce && pause_ms > 0;
            return if forbidden && !passes { end(error) } else { retry(error, interval_ms.max(pause_ms)) };
        }
        if !reply.has_client_id {
            return retry(Error::Protocol("a handshake without a client id"), interval_ms);
        }
        if forbidden {
            return end(Error::ServerEnded(None));
        }
        if reconnect == Some(Reconnect::Handshake) {
            return retry(Error::Protocol("a handshake that advises another one"), interval_ms);
        }
        Verdict::Begin
    }

    /// What follows a handshake that failed on the way.
    pub fn handshake_failed(&self, error: Error, at_least_ms: u64) -> Verdict {
        if let Some(verdict) = self.refused_by_status(&error, Fate::Gone) {
            return verdict;
        }
        let hopeless = match &error {
            Error::HttpStatus(status) => (400..500).contains(status) && !matches!(status, 408 | 429),
            Error::NotBayeux | Error::Redirect | Error::NotAResponse(_) => true,
            _ => false,
        };
        // S14: before the first session these mean a wrong address, a refusal, or a `fetch` that cannot be used; later
        // they are temporary failures. The same holds for a 401 here: there is no other token to try.
        if hopeless && !self.connected_once { end(error) } else { retry(error, at_least_ms) }
    }

    /// What follows a poll whose body has arrived whole (S5, S5a, S9, S12).
    pub fn connect_ended(&self, reply: ConnectReply) -> Verdict {
        if let Some(own) = reply.disconnect {
            return self.disconnected(own.or(reply.advised), reply.failure);
        }
        let reconnect = reply.advised.unwrap_or(Reconnect::Retry);
        match reply.successful {
            None => retry(Error::Protocol("no reply to /meta/connect"), 0),
            Some(true) => match reconnect {
                Reconnect::Retry => Verdict::PollAgain,
                Reconnect::Handshake => Verdict::NewSession {
                    error: Error::Protocol("the server asks for a new handshake"),
                    at_least_ms: self.interval_ms,
                    fate: Fate::Gone,
                },
                Reconnect::None => self.forbidden(None, false),
            },
            Some(false) => {
                self.connect_refused(reconnect, reply.failure.unwrap_or_else(|| Failure::parse("")))
            }
        }
    }

    /// What follows a poll that did not arrive whole; `lost`: replay can bring its events again (R7).
    pub fn connect_failed(&self, error: Error, at_least_ms: u64, lost: bool) -> Verdict {
        if let Some(verdict) = self.refused_by_status(&error, Fate::Alive) {
            return verdict;
        }
        if lost {
            return Verdict::NewSession { error, at_least_ms, fate: Fate::ResponseLost };
        }
        retry(error, self.interval_ms.max(at_least_ms))
    }

    /// What follows a request of commands whose body has arrived whole. `disconnect`: the server's own, and what it
    /// advises.
    pub fn commands_ended(
        &self,
        disconnect: Option<(Option<Reconnect>, Option<Failure>)>,
        unauthorized: Option<Failure>,
        unknown_client: Option<Failure>,
    ) -> Verdict {
        if let Some((advised, failure)) = disconnect {
            return self.disconnected(advised, failure);
        }
        if let Some(failure) = unauthorized {
            return Verdict::NewToken { error: Error::Unauthorized(failure), fate: Fate::Alive };
        }
        unknown_client.map_or(Verdict::Nothing, |failure| self.unknown_session(failure, 0))
    }

    /// What follows a request of commands that did not arrive whole; `lost`: replay can bring its events again (R7).
    pub fn commands_failed(
        &self,
        error: Error,
        at_least_ms: u64,
        unknown_client: Option<Failure>,
        lost: bool,
    ) -> Verdict {
        if let Some(failure) = unknown_client {
            return self.unknown_session(failure, 0);
        }
        if let Some(verdict) = self.refused_by_status(&error, Fate::Alive) {
            return verdict;
        }
        if lost {
            Verdict::NewSession { error, at_least_ms, fate: Fate::ResponseLost }
        } else {
            Verdict::Nothing
        }
    }

    /// Whether the failure says that the token is not, or no longer, valid, and another one can be asked for.
    pub fn is_unauthorized(&self, failure: &Failure) -> bool {
        self.auth && classify(failure) == Some(Refusal::Unauthorized)
    }

    /// The server refuses a poll.
    fn connect_refused(&self, reconnect: Reconnect, failure: Failure) -> Verdict {
        let at_least_ms = self.interval_ms.max(pause_ms(&failure, self.retry));
        match reconnect {
            // If the session is that of an earlier client, a new one is made (S17).
            Reconnect::None if !self.connected_once && is_gone(&failure) => {
                self.unknown_session(failure, self.interval_ms)
            }
            Reconnect::None => self.forbidden(Some(failure), false),
            _ if self.is_unauthorized(&failure) => {
                Verdict::NewToken { error: Error::Unauthorized(failure), fate: Fate::Alive }
            }
            _ if is_gone(&failure) => self.unknown_session(failure, self.interval_ms),
            // The server may mean, in words that are not recognised, that it does not know the session.
            Reconnect::Handshake => Verdict::NewSession {
                error: Error::ConnectRefused(failure.clone()),
                at_least_ms,
                fate: Fate::Unknown(failure),
            },
            Reconnect::Retry => retry(Error::ConnectRefused(failure), at_least_ms),
        }
    }

    /// The server's own disconnect: its advice counts, else that of the connect reply beside it, else `none` (S5, S12).
    fn disconnected(&self, advised: Option<Reconnect>, failure: Option<Failure>) -> Verdict {
        let error = Error::ServerEnded(failure.clone());
        match advised.unwrap_or(Reconnect::None) {
            // After a disconnect of its own the server does not know the session (S9a).
            Reconnect::None => self.forbidden(failure, true),
            Reconnect::Handshake => {
                Verdict::NewSession { error, at_least_ms: self.interval_ms, fate: Fate::Gone }
            }
            Reconnect::Retry => retry(error, self.interval_ms),
        }
    }

    /// The server forbids another attempt. If another token can be asked for, or the failure is temporary, a new
    /// session is made all the same (S5a).
    fn forbidden(&self, failure: Option<Failure>, disconnected: bool) -> Verdict {
        let over = disconnected || failure.as_ref().is_some_and(is_gone);
        let fate = if over { Fate::Gone } else { Fate::Alive };
        let error = Error::ServerEnded(failure.clone());
        match failure.as_ref().and_then(classify) {
            Some(Refusal::Unauthorized) if self.auth => Verdict::NewToken { error, fate: Fate::Gone },
            Some(Refusal::UnknownClient) if self.auth && self.salesforce => {
                Verdict::NewToken { error, fate: Fate::Gone }
            }
            Some(Refusal::ServerBusy | Refusal::ConcurrentLimit | Refusal::DailyLimit) if self.salesforce => {
                let pause_ms = failure.as_ref().map_or(0, |failure| pause_ms(failure, self.retry));
                Verdict::NewSession { error, at_least_ms: pause_ms.max(self.interval_ms), fate }
            }
            _ => Verdict::End { error, fate },
        }
    }

    fn unknown_session(&self, failure: Failure, at_least_ms: u64) -> Verdict {
        let error = Error::UnknownClient(failure.clone());
        Verdict::NewSession { error, at_least_ms, fate: Fate::Unknown(failure) }
    }

    /// A 401 without a body that could be read.
    fn refused_by_status(&self, error: &Error, fate: Fate) -> Option<Verdict> {
        let refused = self.auth && *error == Error::HttpStatus(401);
        let error = || Error::Unauthorized(Failure::parse("401::HTTP 401"));
        refused.then(|| Verdict::NewToken { error: error(), fate })
    }
}

/// Whether the failure says that the server cannot continue the session.
pub(super) fn is_gone(failure: &Failure) -> bool {
    matches!(classify(failure), Some(Refusal::UnknownClient | Refusal::CookieMissing))
}

/// Whether the failure may mean that the server does not know a session that it has just made.
pub(super) fn may_mean_unknown(failure: &Failure) -> bool {
    match classify(failure) {
        Some(refusal) => matches!(refusal, Refusal::UnknownClient | Refusal::CookieMissing),
        // Words that are not recognised, unless they are an internal error of the server.
        None => failure.code < 500,
    }
}

/// How long to wait at least after this failure, so that a limit is not hit again and again (S5a, S11).
pub(super) fn pause_ms(failure: &Failure, retry: &Retry) -> u64 {
    match classify(failure) {
        Some(Refusal::ServerBusy) => retry.initial_delay_ms,
        Some(Refusal::ConcurrentLimit) => retry.max_delay_ms,
        Some(Refusal::DailyLimit) => retry.max_delay_ms.saturating_mul(10),
        _ => 0,
    }
}

/// Whether the request was refused without being processed. A 408 does not say so: it may come from a proxy that
/// stopped waiting.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::HttpStatus(400..=407 | 409..500))
}

/// What an advice asks for, with the default where it says nothing (S4). A negative interval: do not retry (S6).
pub(super) fn wanted(advice: &Advice) -> Reconnect {
    match advice.reconnect.unwrap_or(Reconnect::Retry) {
        Reconnect::Retry if advice.interval_ms.is_some_and(|ms| ms < 0) => Reconnect::None,
        reconnect => reconnect,
    }
}

/// The least wait that an advice asks for.
fn interval_ms(advice: &Advice) -> u64 {
    u64::try_from(advice.interval_ms.unwrap_or(0)).unwrap_or(0)
}

fn retry(error: Error, at_least_ms: u64) -> Verdict {
    Verdict::Retry { error, at_least_ms }
}

fn end(error: Error) -> Verdict {
    Verdict::End { error, fate: Fate::Alive }
}

#[cfg(test)]
mod tests;
