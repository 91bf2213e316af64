//! S1, S8a, S14: how a session begins.

use super::exchange::{Exchange, Kind, Lane};
use super::{Error, Output, Session, State, Status};
use crate::bayeux::advice::Reconnect;
use crate::bayeux::failure::Failure;
use crate::bayeux::message::Message;
use crate::bayeux::write;
use crate::text::joined;

/// So many old client ids and tokens are remembered while a request that may have carried them is open.
const MOST_OLD: usize = 16;

impl Session {
    pub(super) fn schedule_handshake(&mut self) {
        let waits = !self.may_send() || self.farewell.is_some();
        if waits || self.session_lane.is_some() || self.handshake_at > self.now {
            return;
        }
        // No storms (S8a).
        let earliest = self.storm.earliest(self.now, &self.config.retry);
        if earliest > self.now {
            self.handshake_at = earliest;
            self.set_state(State::Retrying);
            return;
        }
        if !self.has_headers(Lane::Session, self.config.network_delay_ms) {
            return;
        }
        self.storm.handshake_sent(self.now);
        self.set_state(State::Handshaking);
        let id = self.next_message_id();
        // [bayeux] A handshake message is sent alone (S1).
        let exchange =
            self.send(Kind::Handshake, vec![write::handshake(&id, self.config.ack, self.replay_wanted())]);
        self.session_lane = Some(exchange);
    }

    pub(super) fn handshake_ended(&mut self, exchange: &mut Exchange) {
        if self.ending.is_some() {
            return self.leave_handshake(exchange.reply.as_ref());
        }
        let Some(reply) = exchange.reply.take() else {
            return self.retry_handshake(Error::Protocol("no reply to /meta/handshake"), 0);
        };
        let advice = reply.advice().unwrap_or_default();
        let interval_ms = u64::try_from(advice.interval_ms.unwrap_or(0)).unwrap_or(0);
        let forbidden =
            advice.reconnect == Some(Reconnect::None) || advice.interval_ms.is_some_and(|ms| ms < 0);
        let offered = reply.connection_types();
        if let Some(offered) = offered.filter(|offered| !offered.iter().any(|name| name == "long-polling")) {
            self.leave_handshake(Some(&reply));
            let mut names = Vec::new();
            for name in &offered {
                names.push(name.as_str());
            }
            let error = Error::NoTransport { offered: self.redact(&joined(&names, ", ")) };
            let hopeless = forbidden || !self.started;
            return if hopeless { self.end(Some(error)) } else { self.retry_handshake(error, interval_ms) };
        }
        if reply.successful() != Some(true) {
            let failure = self.failure_of(&reply);
            if self.is_unauthorized(&failure) {
                return self.unauthorized(exchange.token, Error::Unauthorized(failure), false);
            }
            let pause_ms = self.pause_ms(&failure);
            let error = Error::HandshakeRefused(failure);
            // [bayeux] Unsuccessful, and advised to come again: the negotiation goes on. So it does on Salesforce when the
            // server is busy or a limit is reached (S5a).
            let passes = self.config.salesforce && pause_ms > 0;
            if forbidden && !passes {
                return self.end(Some(error));
            }
            return self.retry_handshake(error, interval_ms.max(pause_ms));
        }
        let Some(client_id) = reply.client_id() else {
            return self.retry_handshake(Error::Protocol("a handshake without a client id"), interval_ms);
        };
        self.token_proven(exchange.token);
        if forbidden {
            self.leave_handshake(Some(&reply));
            return self.end(Some(Error::ServerEnded(None)));
        }
        if advice.reconnect == Some(Reconnect::Handshake) {
            self.leave_handshake(Some(&reply));
            let error = Error::Protocol("a handshake that advises another one");
            return self.retry_handshake(error, interval_ms);
        }
        self.client_id = Some(client_id.to_owned());
        self.sound_until = exchange.started;
        if !self.replays() {
            self.undecodable = 0;
        }
        self.polling.session_began(&advice, reply.ack().filter(|_| self.config.ack), self.now);
        self.set_state(State::Connected);
        self.report(Status::Session { resumed: false });
        if !self.started {
            self.started = true;
            self.emit(Output::Settled { command: 0, result: Ok(vec![reply.into_raw()]) });
        }
    }

    pub(super) fn handshake_failed(&mut self, exchange: &Exchange, error: Error, at_least_ms: u64) {
        if exchange.accepted {
            // The server has made a session, whose id may not have arrived.
            self.leave_handshake(exchange.reply.as_ref());
        }
        if self.ending.is_some() {
            return;
        }
        if self.config.auth && error == Error::HttpStatus(401) {
            return self.unauthorized(
                exchange.token,
                Error::Unauthorized(Failure::parse("401::HTTP 401")),
                false,
            );
        }
        if self.asks_for_the_way(&error, at_least_ms) {
            return;
        }
        let hopeless = match &error {
            Error::HttpStatus(status) => (400..500).contains(status) && !matches!(status, 408 | 429),
            Error::NotBayeux | Error::Redirect | Error::NotAResponse(_) => true,
            _ => false,
        };
        // S14: before the first session these mean a wrong address, a refusal, or a `fetch` that cannot be used;
        // afterwards, a bad moment. So does a 401: there is no other token to try.
        if hopeless && !self.started {
            return self.end(Some(error));
        }
        self.retry_handshake(error, at_least_ms);
    }

    pub(super) fn retry_handshake(&mut self, error: Error, at_least_ms: u64) {
        if let Some(delay_ms) = self.back_off(error, at_least_ms) {
            self.handshake_at = self.now.after(delay_ms);
        }
    }

    /// The words of a refusal, without the client id (X2).
    pub(super) fn failure_of(&self, reply: &Message) -> Failure {
        let text = reply.failure_reason().or_else(|| reply.error());
        Failure::parse(&self.redact(text.as_deref().unwrap_or("no reason given")))
    }

    /// `text` without the client ids of this session and those before, and without the tokens (X2).
    pub(super) fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for id in self.client_id.iter().chain(&self.old_client_ids) {
            let secret = id.strip_prefix('"').and_then(|id| id.strip_suffix('"')).unwrap_or(id);
            clean = replace(clean, secret, "[client id]");
        }
        for token in self.tokens.secrets() {
            clean = replace(clean, token, "[token]");
        }
        clean
    }
}

/// Remembers a secret that late replies may name. A request with commands outlives several sessions and tokens; without
/// one, late words can only be about the last.
pub(super) fn retire(old: &mut Vec<String>, secret: Option<String>, commands_open: bool) {
    if !commands_open {
        old.clear();
    } else if old.len() >= MOST_OLD {
        old.remove(0);
    }
    old.extend(secret);
}

fn replace(text: String, secret: &str, instead: &str) -> String {
    // What is so short stands in any text.
    if secret.len() < 4 {
        return text;
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.as_bytes().windows(secret.len()).position(|window| window == secret.as_bytes())
    {
        clean.push_str(rest.get(..at).unwrap_or_default());
        clean.push_str(instead);
        rest = rest.get(at + secret.len()..).unwrap_or_default();
    }
    clean.push_str(rest);
    clean
}
