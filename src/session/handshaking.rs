//! S1, S8a, S14, R7d: how a session begins.

use super::exchange::{Flight, Handshake, Kind, SessionRequest};
use super::lanes::LaneId;
use super::sending::PENDING_DISCONNECT_MS;
use super::status::{State, Status};
use super::verdict::{HandshakeReply, Verdict};
use super::{Error, Session};
use crate::bayeux::message::Message;
use crate::bayeux::write;
use crate::text::joined;

impl Session {
    /// Tells the server that an earlier session is over, before there is a new one (R7d).
    pub(super) fn schedule_pending_disconnect(&mut self) {
        if self.lanes.is_open(LaneId::Session) || !self.tokens.may_send() || !self.link.owes_disconnect() {
            return;
        }
        if self.has_headers(LaneId::Session, PENDING_DISCONNECT_MS)
            && let Some(pending) = self.link.take_pending_disconnect()
        {
            let flight = self.send_pending_disconnect(pending);
            self.lanes.open_session(flight, SessionRequest::Disconnect);
        }
    }

    pub(super) fn schedule_handshake(&mut self) {
        let waits = !self.tokens.may_send() || self.link.owes_disconnect();
        if waits || self.lanes.is_open(LaneId::Session) || self.handshakes.at() > self.now {
            return;
        }
        // No storms (S8a).
        if !self.handshakes.may_go(self.now, &self.config.retry) {
            return self.set_state(State::Retrying);
        }
        if !self.has_headers(LaneId::Session, self.config.network_delay_ms) {
            return;
        }
        self.handshakes.sent(self.now);
        self.set_state(State::Handshaking);
        let id = self.lanes.next_message_id();
        // [bayeux] A handshake message is sent alone (S1).
        let message = write::handshake(&id, self.config.ack, self.config.replay);
        let flight = self.send(Kind::Handshake, vec![message]);
        self.lanes.open_session(flight, SessionRequest::Handshake(Box::default()));
    }

    pub(super) fn handshake_ended(&mut self, flight: &Flight, handshake: Handshake) {
        let reply = handshake.reply;
        if self.shutdown.has_begun() {
            return self.leave_handshake(reply.as_ref());
        }
        let advice = reply.as_ref().and_then(Message::advice).unwrap_or_default();
        let read = reply.as_ref().map(|reply| HandshakeReply {
            successful: reply.successful() == Some(true),
            failure: (reply.successful() != Some(true)).then(|| self.failure_of(reply)),
            advice: &advice,
            has_client_id: reply.client_id().is_some(),
            other_transports: self.other_transports(reply),
        });
        let verdict = self.circumstances().handshake_ended(read);
        let Some(reply) = reply else { return self.carry_out(verdict, flight.token()) };
        match (&verdict, reply.client_id()) {
            (Verdict::Begin, Some(client_id)) => {
                self.link.session_began(client_id);
                self.session_began(flight, reply);
            }
            _ => {
                if reply.client_id().is_some() {
                    self.leave_handshake(Some(&reply));
                }
                self.carry_out(verdict, flight.token());
            }
        }
    }

    /// A session has begun.
    fn session_began(&mut self, flight: &Flight, reply: Message) {
        self.tokens.proven(flight.token());
        self.losses.session_began(flight.started());
        if !self.replays() {
            self.poll.decoded();
        }
        let advice = reply.advice().unwrap_or_default();
        self.poll.session_began(&advice, reply.ack().filter(|_| self.config.ack), self.now);
        self.set_state(State::Connected);
        self.report(Status::Session { resumed: false });
        if self.handshakes.connected() {
            self.settle(0, Ok(vec![reply.into_raw()]));
        }
    }

    #[inline(never)]
    pub(super) fn handshake_failed(
        &mut self,
        flight: &Flight,
        handshake: &Handshake,
        error: Error,
        at_least_ms: u64,
    ) {
        if flight.is_accepted() {
            // The server may have made a session whose id has not arrived.
            self.leave_handshake(handshake.reply.as_ref());
        }
        if self.shutdown.has_begun() {
            return;
        }
        let verdict = self.circumstances().handshake_failed(error, at_least_ms);
        if let Verdict::End { error: Error::Redirect, .. } = verdict
            && self.asks_where_the_instance_is(at_least_ms)
        {
            return;
        }
        self.carry_out(verdict, flight.token());
    }

    /// The first handshake is redirected: the next token may lead to the right endpoint (S10a). Returns `false` if that
    /// has been tried already, or there are no tokens.
    fn asks_where_the_instance_is(&mut self, at_least_ms: u64) -> bool {
        if !self.tokens.redirected(self.lanes.is_open(LaneId::Commands)) {
            return false;
        }
        if let Some(delay_ms) = self.back_off(Error::Redirect, at_least_ms) {
            self.handshakes.schedule(self.now);
            self.tokens.ask_at(self.now.after(delay_ms));
        }
        true
    }

    /// The connection types that a server offers, if long-polling is not among them.
    fn other_transports(&self, reply: &Message) -> Option<String> {
        let offered = reply.connection_types()?;
        if offered.iter().any(|name| name == "long-polling") {
            return None;
        }
        let names: Vec<&str> = offered.iter().map(String::as_str).collect();
        Some(self.redact(&joined(&names, ", ")))
    }
}
