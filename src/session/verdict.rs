//! What follows from the end of a request: a pure function of what came of it, tested as a table.

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
    /// The session goes on, and nothing hangs on this request.
    Nothing,
    /// A handshake has made a session.
    Begin,
    /// The same again after a back-off: a poll where there is a session, else a handshake (S8).
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
    /// The server says that it does not know it, in these words.
    Unknown(Failure),
}

/// What has an influence besides the request itself.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// There can be another token.
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
    /// The connection types that it offers, where long-polling is not among them.
    pub other_transports: Option<String>,
}

/// A connect reply, or the server's own disconnect beside it.
#[derive(Clone, Default)]
pub(super) struct ConnectReply {
    /// Whether the reply was successful, where there is one.
    pub successful: Option<bool>,
    /// The server's words, where it gives any: those of the reply, else of the disconnect.
    pub failure: Option<Failure>,
    /// What the advice of the reply wants.
    pub advised: Option<Reconnect>,
    /// The server's own disconnect (S12), and what its advice wants.
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
            // [bayeux] Unsuccessful, and advised to come again: the negotiation goes on. So it does on Salesforce when the
            // server is busy or a limit is reached (S5a).
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
        // S14: before the first session these mean a wrong address, a refusal, or a `fetch` that cannot be used;
        // afterwards, a bad moment. So does a 401: there is no other token to try.
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

    /// What follows a request of commands whose body has arrived whole. `disconnect`: the server's own, and what its advice
    /// wants.
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

    /// Does the failure say that the token is not good (any more), and can there be another one?
    pub fn is_unauthorized(&self, failure: &Failure) -> bool {
        self.auth && classify(failure) == Some(Refusal::Unauthorized)
    }

    /// The server refuses a poll.
    fn connect_refused(&self, reconnect: Reconnect, failure: Failure) -> Verdict {
        let at_least_ms = self.interval_ms.max(pause_ms(&failure, self.retry));
        match reconnect {
            // The session of an earlier client is worth a new one (S17).
            Reconnect::None if !self.connected_once && is_gone(&failure) => {
                self.unknown_session(failure, self.interval_ms)
            }
            Reconnect::None => self.forbidden(Some(failure), false),
            _ if self.is_unauthorized(&failure) => {
                Verdict::NewToken { error: Error::Unauthorized(failure), fate: Fate::Alive }
            }
            _ if is_gone(&failure) => self.unknown_session(failure, self.interval_ms),
            // It may not know the session, and say so in other words.
            Reconnect::Handshake => Verdict::NewSession {
                error: Error::ConnectRefused(failure.clone()),
                at_least_ms,
                fate: Fate::Unknown(failure),
            },
            Reconnect::Retry => retry(Error::ConnectRefused(failure), at_least_ms),
        }
    }

    /// The server's own disconnect: its advice, else that of the connect reply beside it, else `none` (S5, S12).
    fn disconnected(&self, advised: Option<Reconnect>, failure: Option<Failure>) -> Verdict {
        let error = Error::ServerEnded(failure.clone());
        match advised.unwrap_or(Reconnect::None) {
            // Behind a disconnect of its own the server does not know the session, either (S9a).
            Reconnect::None => self.forbidden(failure, true),
            Reconnect::Handshake => {
                Verdict::NewSession { error, at_least_ms: self.interval_ms, fate: Fate::Gone }
            }
            Reconnect::Retry => retry(error, self.interval_ms),
        }
    }

    /// The server forbids to come back. Where there can be another token, or it was only a bad moment, there is a new session
    /// all the same (S5a).
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

/// Does the failure say that the server cannot go on with the session?
pub(super) fn is_gone(failure: &Failure) -> bool {
    matches!(classify(failure), Some(Refusal::UnknownClient | Refusal::CookieMissing))
}

/// May the failure mean that the server does not know a session that it has just made?
pub(super) fn may_mean_unknown(failure: &Failure) -> bool {
    match classify(failure) {
        Some(refusal) => matches!(refusal, Refusal::UnknownClient | Refusal::CookieMissing),
        // Words that nobody knows; but for an error of the server's own.
        None => failure.code < 500,
    }
}

/// How long at least to wait after this failure: limits are never hammered (S5a, S11).
pub(super) fn pause_ms(failure: &Failure, retry: &Retry) -> u64 {
    match classify(failure) {
        Some(Refusal::ServerBusy) => retry.initial_delay_ms,
        Some(Refusal::ConcurrentLimit) => retry.max_delay_ms,
        Some(Refusal::DailyLimit) => retry.max_delay_ms.saturating_mul(10),
        _ => 0,
    }
}

/// Was the request refused unprocessed? A 408 may come from a proxy that grew tired of waiting.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::HttpStatus(400..=407 | 409..500))
}

/// What an advice wants, with the default where it does not say (S4). A negative interval: do not retry (S6).
pub(super) fn wanted(advice: &Advice) -> Reconnect {
    match advice.reconnect.unwrap_or(Reconnect::Retry) {
        Reconnect::Retry if advice.interval_ms.is_some_and(|ms| ms < 0) => Reconnect::None,
        reconnect => reconnect,
    }
}

/// The least wait that an advice wants.
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
mod tests {
    use super::*;

    /// Dialects: plain, plain with tokens, Salesforce.
    fn dialect(name: &str, retry: &'static Retry, connected_once: bool) -> Circumstances<'static> {
        let (auth, salesforce) = match name {
            "plain" => (false, false),
            "auth" => (true, false),
            _ => (true, true),
        };
        Circumstances { auth, salesforce, connected_once, retry, interval_ms: 7 }
    }

    fn retry_options() -> &'static Retry {
        Box::leak(Box::new(Retry { initial_delay_ms: 1_000, max_delay_ms: 30_000, ..Retry::default() }))
    }

    fn plain() -> Circumstances<'static> {
        dialect("plain", retry_options(), true)
    }

    fn salesforce() -> Circumstances<'static> {
        dialect("salesforce", retry_options(), true)
    }

    fn auth() -> Circumstances<'static> {
        dialect("auth", retry_options(), true)
    }

    fn first(circumstances: Circumstances<'static>) -> Circumstances<'static> {
        Circumstances { connected_once: false, ..circumstances }
    }

    fn failure(text: &str) -> Failure {
        Failure::parse(text)
    }

    fn advice(raw: &str) -> Advice {
        Advice::parse(raw, "long-polling")
    }

    /// A verdict in a word or two, with what matters of it.
    fn short(verdict: Verdict) -> String {
        let fate = |fate: Fate| match fate {
            Fate::Alive => "alive",
            Fate::ResponseLost => "lost",
            Fate::Gone => "gone",
            Fate::Unknown(_) => "unknown",
        };
        match verdict {
            Verdict::PollAgain => "poll".to_owned(),
            Verdict::Nothing => "nothing".to_owned(),
            Verdict::Begin => "begin".to_owned(),
            Verdict::Retry { error, at_least_ms } => format!("retry {} {at_least_ms}", error.code()),
            Verdict::NewSession { error, at_least_ms, fate: of } => {
                format!("session {} {at_least_ms} {}", error.code(), fate(of))
            }
            Verdict::NewToken { error, fate: of } => format!("token {} {}", error.code(), fate(of)),
            Verdict::End { error, fate: of } => format!("end {} {}", error.code(), fate(of)),
        }
    }

    fn handshake(of: Circumstances<'_>, successful: bool, error: &str, raw_advice: &str) -> String {
        let advice = advice(raw_advice);
        let failure = (!successful).then(|| failure(error));
        let reply = HandshakeReply {
            successful,
            failure,
            advice: &advice,
            has_client_id: true,
            other_transports: None,
        };
        short(of.handshake_ended(Some(reply)))
    }

    #[test]
    fn handshakes_that_arrive_whole() {
        const NONE: &str = r#"{"reconnect":"none"}"#;
        let table = [
            (handshake(plain(), true, "", "{}"), "begin"),
            (handshake(plain(), true, "", NONE), "end server-ended alive"),
            (handshake(plain(), true, "", r#"{"interval":-1}"#), "end server-ended alive"),
            (handshake(plain(), true, "", r#"{"reconnect":"handshake","interval":9}"#), "retry protocol 9"),
            (
                handshake(plain(), true, "", r#"{"reconnect":"handshake","interval":-9}"#),
                "end server-ended alive",
            ),
            (handshake(plain(), false, "400::no", "{}"), "retry handshake-refused 0"),
            (handshake(plain(), false, "400::no", r#"{"interval":9}"#), "retry handshake-refused 9"),
            (handshake(plain(), false, "400::no", NONE), "end handshake-refused alive"),
            (handshake(plain(), false, "401::no", "{}"), "retry unauthorized 0"),
            (handshake(auth(), false, "401::no", "{}"), "token unauthorized gone"),
            (handshake(auth(), false, "401::no", NONE), "token unauthorized gone"),
            (handshake(plain(), false, "503::busy", NONE), "end server-busy alive"),
            (handshake(salesforce(), false, "503::busy", NONE), "retry server-busy 1000"),
            (handshake(salesforce(), false, "503::busy", r#"{"interval":2000}"#), "retry server-busy 2000"),
            (handshake(salesforce(), false, "400::no", NONE), "end handshake-refused alive"),
            (short(plain().handshake_ended(None)), "retry protocol 0"),
        ];
        for (index, (found, expected)) in table.iter().enumerate() {
            assert_eq!(found, expected, "row {index}");
        }
    }

    #[test]
    fn handshakes_that_cannot_be_used() {
        let verdict = |of: Circumstances<'_>, advice: &Advice, has_client_id, offered: Option<&str>| {
            short(of.handshake_ended(Some(HandshakeReply {
                successful: true,
                failure: None,
                advice,
                has_client_id,
                other_transports: offered.map(str::to_owned),
            })))
        };
        let (none, nine) = (advice(r#"{"reconnect":"none"}"#), advice(r#"{"interval":9}"#));
        assert_eq!(verdict(plain(), &nine, false, None), "retry protocol 9");
        assert_eq!(verdict(plain(), &nine, true, Some("websocket")), "retry no-transport 9");
        assert_eq!(verdict(plain(), &none, true, Some("websocket")), "end no-transport alive");
        assert_eq!(verdict(first(plain()), &nine, true, Some("websocket")), "end no-transport alive");
    }

    #[test]
    fn handshakes_that_fail_on_the_way() {
        let failed = |of: Circumstances<'_>, error: Error| short(of.handshake_failed(error, 5));
        let table = [
            (failed(plain(), Error::HttpStatus(404)), "retry http-status 5"),
            (failed(first(plain()), Error::HttpStatus(404)), "end http-status alive"),
            (failed(first(plain()), Error::HttpStatus(399)), "retry http-status 5"),
            (failed(first(plain()), Error::HttpStatus(408)), "retry http-status 5"),
            (failed(first(plain()), Error::HttpStatus(429)), "retry http-status 5"),
            (failed(first(plain()), Error::HttpStatus(500)), "retry http-status 5"),
            (failed(first(plain()), Error::HttpStatus(401)), "end http-status alive"),
            (failed(first(auth()), Error::HttpStatus(401)), "token unauthorized gone"),
            (failed(first(plain()), Error::NotBayeux), "end not-bayeux alive"),
            (failed(first(plain()), Error::Redirect), "end redirect alive"),
            (failed(first(plain()), Error::NotAResponse("x")), "end not-a-response alive"),
            (failed(first(plain()), Error::Timeout { after_ms: 1 }), "retry timeout 5"),
            (failed(plain(), Error::NotBayeux), "retry not-bayeux 5"),
        ];
        for (index, (found, expected)) in table.iter().enumerate() {
            assert_eq!(found, expected, "row {index}");
        }
    }

    fn connect(of: Circumstances<'_>, successful: bool, error: &str, advised: Option<Reconnect>) -> String {
        let failure = (!successful).then(|| failure(error));
        short(of.connect_ended(ConnectReply {
            successful: Some(successful),
            failure,
            advised,
            disconnect: None,
        }))
    }

    #[test]
    fn polls_that_arrive_whole() {
        use Reconnect::{Handshake, None as Never, Retry as Again};
        let table = [
            (connect(plain(), true, "", None), "poll"),
            (connect(plain(), true, "", Some(Again)), "poll"),
            (connect(plain(), true, "", Some(Handshake)), "session protocol 7 gone"),
            (connect(plain(), true, "", Some(Never)), "end server-ended alive"),
            (connect(plain(), false, "500::no", None), "retry connect-refused 7"),
            (connect(plain(), false, "503::busy", None), "retry server-busy 1000"),
            (connect(plain(), false, "402::unknown", None), "session unknown-client 7 unknown"),
            (connect(plain(), false, "402::unknown", Some(Handshake)), "session unknown-client 7 unknown"),
            (connect(plain(), false, "402::unknown", Some(Never)), "end server-ended gone"),
            (connect(first(plain()), false, "402::unknown", Some(Never)), "session unknown-client 7 unknown"),
            (connect(first(plain()), false, "500::no", Some(Never)), "end server-ended alive"),
            (connect(plain(), false, "500::no", Some(Handshake)), "session connect-refused 7 unknown"),
            (connect(plain(), false, "401::no", None), "retry unauthorized 7"),
            (connect(auth(), false, "401::no", None), "token unauthorized alive"),
            (connect(auth(), false, "401::no", Some(Handshake)), "token unauthorized alive"),
            (connect(auth(), false, "401::no", Some(Never)), "token unauthorized gone"),
            (connect(auth(), false, "402::unknown", Some(Never)), "end server-ended gone"),
            (connect(salesforce(), false, "402::unknown", Some(Never)), "token server-ended gone"),
            (connect(salesforce(), false, "503::busy", Some(Never)), "session server-busy 1000 alive"),
            (connect(auth(), false, "503::busy", Some(Never)), "end server-busy alive"),
            (connect(salesforce(), false, "500::no", Some(Never)), "end server-ended alive"),
            (short(plain().connect_ended(ConnectReply::default())), "retry protocol 0"),
        ];
        for (index, (found, expected)) in table.iter().enumerate() {
            assert_eq!(found, expected, "row {index}");
        }
    }

    #[test]
    fn s12_disconnects_of_the_server() {
        use Reconnect::{Handshake, None as Never, Retry as Again};
        let verdict = |of: Circumstances<'_>, own, advised, error: Option<&str>| {
            short(of.connect_ended(ConnectReply {
                successful: Some(true),
                failure: error.map(failure),
                advised,
                disconnect: Some(own),
            }))
        };
        let table = [
            (verdict(plain(), None, None, None), "end server-ended gone"),
            (verdict(plain(), None, Some(Again), None), "retry server-ended 7"),
            (verdict(plain(), Some(Never), Some(Again), None), "end server-ended gone"),
            (verdict(plain(), Some(Handshake), None, None), "session server-ended 7 gone"),
            (verdict(plain(), Some(Again), None, None), "retry server-ended 7"),
            (verdict(salesforce(), None, None, Some("503::busy")), "session server-busy 1000 gone"),
            (verdict(salesforce(), None, None, Some("401::no")), "token unauthorized gone"),
            (
                short(plain().commands_ended(Some((Some(Handshake), None)), None, None)),
                "session server-ended 7 gone",
            ),
            (short(plain().commands_ended(Some((None, None)), None, None)), "end server-ended gone"),
        ];
        for (index, (found, expected)) in table.iter().enumerate() {
            assert_eq!(found, expected, "row {index}");
        }
    }

    #[test]
    fn polls_and_commands_that_fail_on_the_way() {
        let poll = |of: Circumstances<'_>, error, lost| short(of.connect_failed(error, 3, lost));
        let commands = |of: Circumstances<'_>, error, unknown: Option<&str>, lost| {
            short(of.commands_failed(error, 3, unknown.map(failure), lost))
        };
        let table = [
            (poll(plain(), Error::Redirect, false), "retry redirect 7"),
            (short(plain().connect_failed(Error::Redirect, 9, false)), "retry redirect 9"),
            (poll(plain(), Error::Redirect, true), "session redirect 3 lost"),
            (poll(plain(), Error::HttpStatus(401), false), "retry http-status 7"),
            (poll(auth(), Error::HttpStatus(401), true), "token unauthorized alive"),
            (commands(plain(), Error::Redirect, None, false), "nothing"),
            (commands(plain(), Error::Redirect, None, true), "session redirect 3 lost"),
            (commands(auth(), Error::HttpStatus(401), None, true), "token unauthorized alive"),
            (commands(plain(), Error::HttpStatus(401), None, false), "nothing"),
            (
                commands(auth(), Error::HttpStatus(401), Some("402::x"), true),
                "session unknown-client 0 unknown",
            ),
        ];
        for (index, (found, expected)) in table.iter().enumerate() {
            assert_eq!(found, expected, "row {index}");
        }
    }

    #[test]
    fn commands_that_arrive_whole() {
        let table = [
            (plain().commands_ended(None, None, None), "nothing"),
            (plain().commands_ended(None, None, Some(failure("402::x"))), "session unknown-client 0 unknown"),
            (auth().commands_ended(None, Some(failure("401::x")), None), "token unauthorized alive"),
            (
                auth().commands_ended(None, Some(failure("401::x")), Some(failure("402::x"))),
                "token unauthorized alive",
            ),
        ];
        for (found, expected) in table {
            assert_eq!(short(found), expected);
        }
    }

    #[test]
    fn an_error_says_what_the_server_said() {
        let verdict = plain().connect_ended(ConnectReply {
            successful: Some(false),
            failure: Some(failure("402::gone")),
            ..ConnectReply::default()
        });
        let failure = failure("402::gone");
        let error = Error::UnknownClient(failure.clone());
        assert_eq!(verdict, Verdict::NewSession { error, at_least_ms: 7, fate: Fate::Unknown(failure) });
    }

    #[test]
    fn words_that_mean_an_unknown_session() {
        let table = [
            ("402::Unknown client", true, true),
            ("403::Unknown client", true, true),
            ("400::established a session without cookie", true, true),
            ("400::whatever", false, true),
            ("whatever", false, true),
            ("500::whatever", false, false),
            ("503::busy", false, false),
            ("401::no", false, false),
        ];
        for (text, gone, unknown) in table {
            assert_eq!(
                (is_gone(&failure(text)), may_mean_unknown(&failure(text))),
                (gone, unknown),
                "{text}"
            );
        }
    }

    #[test]
    fn s11_limits_are_not_hammered() {
        let pause = |text: &str| pause_ms(&failure(text), retry_options());
        assert_eq!(pause("503::busy"), 1_000);
        assert_eq!(pause("403::concurrent user limit exceeded"), 30_000);
        assert_eq!(pause("403::Organization total events daily limit exceeded"), 300_000);
        assert_eq!(pause("400::whatever"), 0);
    }

    #[test]
    fn a_refusal_is_a_status_of_the_client_s_fault() {
        for (status, refusal) in
            [(399, false), (400, true), (407, true), (408, false), (409, true), (499, true), (500, false)]
        {
            assert_eq!(is_refusal(&Error::HttpStatus(status)), refusal, "{status}");
        }
        assert!(!is_refusal(&Error::NotBayeux));
    }

    #[test]
    fn s6_a_negative_interval_forbids_to_retry() {
        let table = [
            ("{}", Reconnect::Retry),
            (r#"{"interval":-1}"#, Reconnect::None),
            (r#"{"interval":0}"#, Reconnect::Retry),
            (r#"{"reconnect":"retry","interval":-1}"#, Reconnect::None),
            (r#"{"reconnect":"handshake","interval":-1}"#, Reconnect::Handshake),
            (r#"{"reconnect":"none"}"#, Reconnect::None),
        ];
        for (raw, expected) in table {
            assert_eq!(wanted(&advice(raw)), expected, "{raw}");
        }
    }
}
