//! Responses, from the head to the end of the body: what is taken in, and when.

use std::sync::Arc;

use super::exchange::{Kind, SessionRequest};
use super::io::{Event, RequestId};
use super::lanes::{Ended, LaneId, Read};
use super::polling::NOT_JSON;
use super::status::{GapCause, Status};
use super::{Error, Inspect, Output, Session};
use crate::bayeux::decoder::{DecodeError, Item};
use crate::bayeux::message::Message;
use crate::http::headers::retry_after_ms;
use crate::replay::book::{Carrier, Received};

/// The longest `Retry-After` that is obeyed.
const MAX_RETRY_AFTER_MS: u64 = 300_000;

impl Session {
    /// The head of a response.
    pub(super) fn head(&mut self, request: RequestId, status: u16, headers: &[(String, String)]) {
        let Some(lane) = self.lanes.lane_of(request) else { return };
        self.handshakes.contact_made();
        let redirect = status == 0 || (300..400).contains(&status);
        // The head of a response to an earlier session changes nothing (R7d).
        let epoch = self.lanes.flight(lane).map(|flight| flight.epoch());
        if let Some(kind) = self.lanes.kind(lane).filter(|_| epoch == Some(self.link.epoch())) {
            self.keep_cookies(kind, headers);
            self.flow.heard(self.now);
            if !redirect {
                self.tokens.instance_answers();
            }
        }
        // [bayeux] Only a 2xx body is Bayeux.
        if (200..300).contains(&status) {
            if let Some(flight) = self.lanes.flight_mut(lane) {
                flight.accept();
            }
            return;
        }
        let retry_after = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
        let asked_ms = retry_after.and_then(|(_, value)| retry_after_ms(value)).unwrap_or(0);
        let error = if redirect { Error::Redirect } else { Error::HttpStatus(status) };
        self.emit(Output::Abort(request));
        self.fail_request(lane, error, asked_ms.min(MAX_RETRY_AFTER_MS));
    }

    /// Some bytes of a body; `None`: its end.
    pub(super) fn body(&mut self, request: RequestId, bytes: Option<&[u8]>) {
        let Some(lane) = self.lanes.lane_of(request) else { return };
        self.flow.heard(self.now);
        let Some(flight) = self.lanes.flight_mut(lane) else { return };
        match bytes {
            Some(bytes) => flight.push(bytes),
            None => flight.end(),
        }
    }

    /// The extensions have processed the message.
    pub(super) fn inspected(&mut self, request: RequestId, message: Option<&str>) {
        let Some(lane) = self.lanes.lane_of(request) else { return };
        if !self.lanes.flight_mut(lane).is_some_and(|flight| flight.inspected()) {
            return;
        }
        if let Some(message) = message.and_then(|text| Message::parse(text.to_owned())) {
            self.message(lane, message);
        }
    }

    /// Takes in as much of the bodies as has arrived and the queue has room for.
    pub(super) fn read_on(&mut self) {
        for lane in LaneId::ALL {
            while self.read_one(lane) {}
        }
        self.lanes.await_more(self.now, self.config.network_delay_ms);
    }

    /// Takes in the next item of a body. Returns `false` if there is none for now.
    fn read_one(&mut self, lane: LaneId) -> bool {
        match self.lanes.read(lane, self.now, self.flow.may_read(), self.poll.acknowledges()) {
            Read::Nothing => return false,
            Read::Hold(request) => self.emit(Output::Hold(request)),
            Read::Item(Item::Message(message)) => self.arrived(lane, message),
            Read::Item(Item::TooLarge { channel, replay_id, event }) => {
                self.too_large(lane, channel, replay_id, event);
            }
            Read::Broken(error) => self.undecodable(lane, error),
            Read::Whole => {
                if let Some(ended) = self.lanes.take(lane) {
                    self.request_ended(ended);
                }
            }
        }
        true
    }

    fn arrived(&mut self, lane: LaneId, message: Message) {
        if self.tap {
            self.emit(Output::Message(message.raw().to_owned()));
        }
        let skip = if self.lanes.kind(lane) == Some(Kind::Connect) { self.poll.skip() } else { 0 };
        let Some(flight) = self.lanes.flight_mut(lane) else { return };
        // A batch that is sent again begins with events that were given out before (A1).
        if message.is_event() && flight.events() < skip {
            return flight.count_event();
        }
        let inspect = match self.config.inspect {
            Inspect::None => false,
            Inspect::Meta => !message.is_event(),
            Inspect::All => true,
        };
        if inspect {
            flight.inspect(message.is_event());
            let request = flight.id();
            return self.emit(Output::Inspect { request, message: message.into_raw() });
        }
        if message.is_event() {
            flight.count_event();
        }
        self.message(lane, message);
    }

    fn message(&mut self, lane: LaneId, message: Message) {
        // Among replies, a message without data is the server's reply to the message of a call, not the service's
        // answer.
        let may_answer = lane == LaneId::Session || message.data().is_some();
        if may_answer && let Some(command) = self.calls.answered(&message) {
            return self.call_answered(command, &message);
        }
        if message.is_event() {
            return self.event(lane, message);
        }
        if lane == LaneId::Commands {
            return self.message_of_commands(message);
        }
        let channel = message.channel();
        match self.lanes.session_mut() {
            // [bayeux] The server may send a disconnect of its own (S12).
            Some(SessionRequest::Connect(connect)) if channel == Some("/meta/disconnect") => {
                connect.disconnect = Some(message);
            }
            // A reply without a channel belongs to the request whose response it came on (S14).
            Some(SessionRequest::Connect(connect)) => {
                if channel == Some("/meta/connect") || channel.is_none() && connect.reply.is_none() {
                    connect.reply = Some(message);
                }
            }
            Some(SessionRequest::Handshake(handshake)) => {
                if channel == Some("/meta/handshake") || channel.is_none() && handshake.reply.is_none() {
                    handshake.reply = Some(message);
                }
            }
            Some(SessionRequest::Disconnect) | None => {}
        }
    }

    fn message_of_commands(&mut self, message: Message) {
        if message.channel() != Some("/meta/disconnect") {
            return self.command_reply(&message);
        }
        if let Some(commands) = self.lanes.commands_mut() {
            commands.disconnect = Some(message);
        }
    }

    fn call_answered(&mut self, command: u32, message: &Message) {
        self.outbox.cancel_call(command);
        let result = if message.successful() == Some(false) {
            let channel = message.channel().unwrap_or_default().to_owned();
            let data = message.data().and_then(|range| message.raw().get(range));
            let data = data.map(|data| self.redact(data));
            Err(Error::CallFailed { channel, failure: self.failure_of(message), data })
        } else {
            Ok(vec![message.raw().to_owned()])
        };
        self.settle(command, result);
    }

    fn event(&mut self, lane: LaneId, message: Message) {
        let replay_id = message.replay_id().and_then(|range| message.raw().get(range));
        let Some(channel) = message.channel() else { return };
        // Reading of a disconnect's response is never stopped: events beyond the limits are dropped, and come again in
        // the next session (R8).
        if self.lanes.kind(lane) == Some(Kind::Disconnect) && !self.flow.may_read() {
            return;
        }
        let takers = self.subscriptions.takers(channel);
        self.losses.event_arrived(channel, replay_id);
        if let Some(before) = self.predecessor.as_mut().filter(|_| takers.is_empty()) {
            before.event_missed(channel);
        }
        let message = Arc::new(message);
        let takers = self.receive(lane, takers, &message);
        self.give_out(takers, message);
    }

    /// Notes an event in the ledger of its channel, if that is tracked. Returns those of `takers` that have not
    /// received it yet.
    fn receive(&mut self, lane: LaneId, mut takers: Vec<u32>, event: &Arc<Message>) -> Vec<u32> {
        let channel = event.channel().unwrap_or_default();
        let Some(name) = self.book.tracking(channel).map(str::to_owned) else { return takers };
        let holders = self.subscriptions.holders(&name);
        let current = self.lanes.flight(lane).is_some_and(|flight| flight.epoch() == self.link.epoch());
        // Left-overs of a channel that was unsubscribed stand among its events, unless a glob may have brought them.
        let leaves = self.book.is_subscribed(&name) && !self.channels.comes_by_glob(&name);
        let follows = current && !self.lanes.has_lost() && (self.channels.is_delivering(&name) || leaves);
        if !follows {
            // It belongs to an earlier session, or one before it was lost, or it comes by another subscription at the
            // server. The channel's own one will bring it.
            if current {
                self.book.passed_over(&name, self.in_flight());
            }
            takers.retain(|subscription| !holders.contains(subscription));
            return takers;
        }
        let received = Received {
            event,
            sequence: self.flow.next_event(),
            subscriptions: &takers,
            holders: &holders,
            carrier: if lane == LaneId::Session { Carrier::Poll } else { Carrier::Commands },
        };
        let Some(new) = self.book.receive(&name, &received, self.in_flight()) else { return takers };
        if !new.is_empty() {
            // A new event shows progress, so bodies that cannot be decoded are no endless loop (X3).
            self.poll.decoded();
        }
        new
    }

    /// Hands an event to these subscriptions.
    pub(super) fn give_out(&mut self, subscriptions: Vec<u32>, message: Arc<Message>) {
        if subscriptions.is_empty() {
            return;
        }
        let sequence = self.flow.next_event();
        let change = self.flow.queue(&subscriptions, message.raw().len(), self.now);
        self.emit(Output::Event(Event { sequence, subscriptions, message }));
        self.flow_changed(change);
    }

    /// A message over the size limit has been skipped (X3).
    fn too_large(&mut self, lane: LaneId, channel: Option<String>, replay_id: Option<String>, event: bool) {
        if !event {
            let channel = channel.map(|channel| self.redact(&channel));
            return self.report(Status::MessageSkipped { reason: "larger than messageBytes", channel });
        }
        let Some(channel) = channel else {
            let flight = self.lanes.flight(lane);
            let since = flight.map_or(self.losses.verified_until(), |flight| flight.since());
            return self.gap(GapCause::EventTooLarge, since, false);
        };
        for name in self.subscriptions.names_matching(&channel) {
            let error = Error::EventTooLarge { channel: channel.clone(), replay_id: replay_id.clone() };
            self.book.passed_over(&name, self.in_flight());
            self.fail_channel(&name, &error);
        }
    }

    /// A body cannot be read any further. Events before that point remain given out.
    fn undecodable(&mut self, lane: LaneId, error: DecodeError) {
        let Some(flight) = self.lanes.flight(lane) else { return };
        let (request, ended, since) = (flight.id(), flight.is_ended(), flight.since());
        if !ended {
            self.emit(Output::Abort(request));
        }
        let (error, too_often) = match error {
            DecodeError::NotBayeux => (Error::NotBayeux, false),
            DecodeError::Empty => (Error::Protocol("an empty body"), false),
            DecodeError::Truncated => (Error::Protocol("the body ends in the middle"), false),
            _ => (Error::Protocol(NOT_JSON), self.poll.undecodable()),
        };
        if !too_often || !self.link.has_session() {
            return self.fail_request(lane, error, 0);
        }
        self.gap(GapCause::Undecodable, since, !self.poll.acknowledges());
        if let Some(Ended::Commands(_, commands)) = self.lanes.take(lane) {
            self.reject_sent(*commands, &|channel| Error::OutcomeUnknown { channel });
        }
        self.end(Some(error));
    }

    /// The body ended whole.
    fn request_ended(&mut self, ended: Ended) {
        if ended.flight().epoch() == self.link.epoch() {
            self.book.response_ended(self.in_flight());
        }
        match ended {
            Ended::Handshake(flight, handshake) => self.handshake_ended(&flight, *handshake),
            Ended::Connect(flight, connect) => self.connect_ended(&flight, &connect),
            Ended::Commands(flight, commands) => self.commands_ended(&flight, *commands),
            // The lane is empty, so the next drain of outputs starts the next request.
            Ended::Disconnect(_) => {}
        }
    }

    /// The response did not arrive whole, or is not Bayeux.
    pub(super) fn fail_request(&mut self, lane: LaneId, error: Error, at_least_ms: u64) {
        let Some(ended) = self.lanes.take(lane) else { return };
        if self.config.auth && ended.flight().epoch() == self.link.epoch() {
            self.note_failure(&error);
        }
        match ended {
            Ended::Handshake(flight, handshake) => {
                self.handshake_failed(&flight, &handshake, error, at_least_ms);
            }
            Ended::Connect(flight, connect) => self.connect_failed(&flight, &connect, error, at_least_ms),
            Ended::Commands(flight, commands) => self.commands_failed(&flight, *commands, error, at_least_ms),
            Ended::Disconnect(_) => {
                if !self.shutdown.has_begun() && !matches!(error, Error::HttpStatus(400..500)) {
                    self.handshakes.session_left_behind(self.now);
                }
            }
        }
    }
}
