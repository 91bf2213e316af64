//! From a response's head to the end of its body: what is taken in, and when.

use super::exchange::{Exchange, Kind, Lane};
use super::flow::FlowChange;
use super::{Error, GapCause, Inspect, Output, RequestId, Session, Status};
use crate::bayeux::decoder::{DecodeError, Item};
use crate::bayeux::message::Message;
use crate::http::headers::retry_after_ms;

/// So many undecodable polls in a row end the client (X3): no event may become a loop.
const MOST_UNDECODABLE: u8 = 3;
/// A server may ask for so long a pause, and no longer.
const MOST_RETRY_AFTER_MS: u64 = 300_000;

pub(super) const NOT_JSON: &str = "a body that is not JSON";

impl Exchange {
    /// Does it stand still because of this side? Such time does not count against the server (S7).
    pub fn waits_for_the_client(&self) -> bool {
        self.held || self.inspecting
    }
}

impl Session {
    pub(super) fn head(&mut self, request: RequestId, status: u16, headers: &[(String, String)]) {
        let Some(lane) = self.lane_of(request) else { return };
        let Some(mut exchange) = self.lane(lane).take() else { return };
        self.first_contact = None;
        let redirect = status == 0 || (300..400).contains(&status);
        // What comes from an old session is nobody's any more (R7d).
        if exchange.epoch == self.epoch {
            self.keep_cookies(exchange.kind, headers);
            self.flow.last_response = self.now;
            if !redirect {
                self.stop_wondering();
            }
        }
        // [bayeux] Only a 2xx body is Bayeux.
        if (200..300).contains(&status) {
            exchange.accepted = true;
            *self.lane(lane) = Some(exchange);
            return;
        }
        self.emit(Output::Abort(request));
        let error = if redirect { Error::Redirect } else { Error::HttpStatus(status) };
        let retry_after = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
        let asked_ms = retry_after.and_then(|(_, value)| retry_after_ms(value)).unwrap_or(0);
        let at_least_ms = asked_ms.min(MOST_RETRY_AFTER_MS);
        self.exchange_failed(&mut exchange, error, at_least_ms);
    }

    pub(super) fn chunk(&mut self, request: RequestId, bytes: &[u8]) {
        let Some(lane) = self.lane_of(request) else { return };
        self.flow.last_response = self.now;
        let accepted = |exchange: &&mut Box<Exchange>| exchange.accepted && !bytes.is_empty();
        if let Some(exchange) = self.lane(lane).as_mut().filter(accepted) {
            exchange.decoder.push(bytes);
            self.pump(lane);
            self.await_more(request);
        }
    }

    /// The first bytes of a body, and later ones, are waited for in different ways (S7), so this follows their decoding.
    fn await_more(&mut self, request: RequestId) {
        let (now, network_delay_ms) = (self.now, self.config.network_delay_ms);
        if let Some(lane) = self.lane_of(request)
            && let Some(exchange) = self.lane(lane)
        {
            exchange.await_more(now, network_delay_ms);
        }
    }

    pub(super) fn body_ended(&mut self, request: RequestId) {
        let Some(lane) = self.lane_of(request) else { return };
        self.flow.last_response = self.now;
        if let Some(exchange) = self.lane(lane) {
            exchange.ended = true;
            self.pump(lane);
        }
    }

    /// The extensions have seen the message.
    pub(super) fn inspected(&mut self, request: RequestId, message: Option<&str>) {
        let Some(lane) = self.lane_of(request) else { return };
        let (now, network_delay_ms) = (self.now, self.config.network_delay_ms);
        let Some(exchange) = self.lane(lane).as_mut().filter(|exchange| exchange.inspecting) else { return };
        exchange.inspecting = false;
        exchange.await_more(now, network_delay_ms);
        // Only now: if the body had been cut before, the event would come again (A1).
        exchange.events = exchange.events.saturating_add(u32::from(exchange.inspecting_event));
        if let Some(message) = message.and_then(|text| Message::parse(text.to_owned())) {
            self.message(lane, message);
        }
        self.pump(lane);
    }

    /// Reads on where there is room again.
    pub(super) fn resume_bodies(&mut self) {
        for lane in [Lane::Session, Lane::Commands] {
            let now = self.now;
            let Some(exchange) = self.lane(lane).as_mut().filter(|exchange| exchange.held) else { continue };
            exchange.release(now);
            let request = exchange.id;
            self.emit(Output::Release(request));
            self.pump(lane);
            self.await_more(request);
        }
    }

    /// Takes in as much of a body as has arrived and fits.
    fn pump(&mut self, lane: Lane) {
        loop {
            let (now, may_read, acknowledges) = (self.now, self.flow.may_read(), self.polling.acknowledges());
            let Some(exchange) = self.lane(lane) else { return };
            let may_read = may_read || !exchange.kind.brings_events(acknowledges);
            if exchange.inspecting || exchange.held {
                return;
            }
            if !may_read {
                (exchange.held, exchange.held_at) = (true, now);
                let request = exchange.id;
                self.emit(Output::Hold(request));
                return;
            }
            match exchange.decoder.next() {
                Some(Ok(Item::Message(message))) => self.arrived(lane, message),
                Some(Ok(Item::TooLarge { channel, replay_id, event })) => {
                    self.too_large(lane, channel, replay_id, event)
                }
                Some(Err(error)) => return self.undecodable(lane, error),
                None if exchange.ended => break,
                None => return,
            }
        }
        let finished = self.lane(lane).as_ref().map(|exchange| exchange.decoder.finish());
        match finished {
            Some(Ok(())) => {
                if let Some(mut exchange) = self.lane(lane).take() {
                    self.exchange_ended(&mut exchange);
                }
            }
            Some(Err(error)) => self.undecodable(lane, error),
            None => {}
        }
    }

    fn arrived(&mut self, lane: Lane, message: Message) {
        if self.tap {
            self.emit(Output::Message(message.raw().to_owned()));
        }
        if message.is_event() && self.given_out_before(lane) {
            return;
        }
        let inspect = match self.config.inspect {
            Inspect::None => false,
            Inspect::Meta => !message.is_event(),
            Inspect::All => true,
        };
        let Some(exchange) = self.lane(lane) else { return };
        if inspect {
            exchange.inspecting = true;
            exchange.inspecting_event = message.is_event();
            let request = exchange.id;
            self.emit(Output::Inspect { request, message: message.into_raw() });
        } else {
            exchange.events = exchange.events.saturating_add(u32::from(message.is_event()));
            self.message(lane, message);
        }
    }

    fn message(&mut self, lane: Lane, message: Message) {
        if self.answers_call(lane, &message) {
            return;
        }
        if message.is_event() {
            return self.event(lane, message);
        }
        let Some(exchange) = self.lane(lane) else { return };
        match (exchange.kind, message.channel()) {
            // [bayeux] The server's own disconnect comes without having been asked for (S12).
            (Kind::Connect | Kind::Commands, Some("/meta/disconnect")) => {
                exchange.disconnect = Some(message);
            }
            // A reply without a channel belongs to the request that it answers (S14).
            (Kind::Handshake, Some("/meta/handshake")) | (Kind::Connect, Some("/meta/connect")) => {
                exchange.reply = Some(message);
            }
            (Kind::Handshake | Kind::Connect, None) if exchange.reply.is_none() => {
                exchange.reply = Some(message);
            }
            (Kind::Commands, _) => self.command_reply(message),
            _ => {}
        }
    }

    /// Was this event of a poll given out before? A batch that is sent again begins with those (A1).
    fn given_out_before(&mut self, lane: Lane) -> bool {
        let skip = self.polling.skip();
        let Some(exchange) = self.lane(lane).as_mut().filter(|exchange| exchange.kind == Kind::Connect)
        else {
            return false;
        };
        let before = exchange.events < skip;
        exchange.events += u32::from(before);
        before
    }

    fn event(&mut self, lane: Lane, message: Message) {
        let replay_id = message.replay_id().and_then(|range| message.raw().get(range));
        let Some(channel) = message.channel() else { return };
        // A farewell is never held: what it brings beyond the limits comes again in the next session (R8).
        let farewell = self.lane(lane).as_ref().is_some_and(|exchange| exchange.kind == Kind::Disconnect);
        if farewell && !self.flow.may_read() {
            return;
        }
        let mut subscriptions = self.subscriptions.takers(channel);
        self.subscriptions.arrived(channel, replay_id);
        self.passed_by(channel);
        if subscriptions.is_empty() {
            self.missed(channel);
        } else {
            let sequence = self.sequence();
            subscriptions = self.receive(lane, sequence, subscriptions, &message);
        }
        if !subscriptions.is_empty() {
            self.give_out(subscriptions, message);
        }
    }

    /// The number of the next event.
    fn sequence(&self) -> u32 {
        self.next_sequence.wrapping_add(1).max(1)
    }

    fn give_out(&mut self, subscriptions: Vec<u32>, message: Message) {
        let (sequence, bytes) = (self.sequence(), message.raw().len());
        self.next_sequence = sequence;
        self.subscriptions.queue(&subscriptions, bytes);
        let mut stopped = false;
        for _ in &subscriptions {
            stopped |= self.flow.add(bytes, self.now) == FlowChange::Stopped;
        }
        self.emit(Output::Event(super::Event { sequence, subscriptions, message }));
        if stopped {
            self.report_backpressure(true);
        }
    }

    /// An event that was queued when the client before was suspended (S17).
    pub(super) fn restore(&mut self, wanted: &[u32], message: &str) {
        let Some(message) = Message::parse(message.to_owned()) else { return };
        let mut subscriptions = self.subscriptions.takers(message.channel().unwrap_or_default());
        subscriptions.retain(|number| wanted.contains(number));
        if !subscriptions.is_empty() {
            self.give_out(subscriptions, message);
        }
    }

    /// A message over the bound has been passed over (X3).
    fn too_large(&mut self, lane: Lane, channel: Option<String>, replay_id: Option<String>, event: bool) {
        if !event {
            let channel = channel.map(|channel| self.redact(&channel));
            self.report(Status::MessageSkipped { reason: "larger than messageBytes", channel });
            return;
        }
        let Some(channel) = channel else {
            let since = self.lane(lane).as_ref().map(|exchange| exchange.since).unwrap_or(self.sound_until);
            return self.gap(GapCause::EventTooLarge, since, false);
        };
        let mut concerned = Vec::new();
        for sub in &self.subscriptions.subs {
            for entry in sub.channels.iter().filter(|entry| entry.pattern.matches(&channel)) {
                concerned.push(entry.pattern.as_str().to_owned());
            }
        }
        for name in concerned {
            let error = Error::EventTooLarge { channel: channel.clone(), replay_id: replay_id.clone() };
            self.subscriptions.failed(&name, &error);
            self.apply();
        }
    }

    /// A body that cannot be read on from here. What came before it stays given out.
    fn undecodable(&mut self, lane: Lane, error: DecodeError) {
        let Some(mut exchange) = self.lane(lane).take() else { return };
        if !exchange.ended {
            self.emit(Output::Abort(exchange.id));
        }
        let error = match error {
            DecodeError::NotBayeux => Error::NotBayeux,
            DecodeError::Empty => Error::Protocol("an empty body"),
            DecodeError::Truncated => Error::Protocol("the body ends in the middle"),
            _ => {
                self.undecodable = self.undecodable.saturating_add(1);
                Error::Protocol(NOT_JSON)
            }
        };
        if self.undecodable >= MOST_UNDECODABLE && self.client_id.is_some() {
            self.gap(GapCause::Undecodable, exchange.since, !self.polling.acknowledges());
            self.reject_sent(&mut exchange, &|channel| Error::OutcomeUnknown { channel });
            return self.end(Some(error));
        }
        self.exchange_failed(&mut exchange, error, 0);
    }

    /// The body ended whole.
    fn exchange_ended(&mut self, exchange: &mut Exchange) {
        if exchange.epoch == self.epoch {
            self.response_ended(exchange);
        }
        match exchange.kind {
            Kind::Handshake => self.handshake_ended(exchange),
            Kind::Connect => self.connect_ended(exchange),
            Kind::Commands => self.commands_ended(exchange),
            // The next drain finds the lane empty, and goes on.
            Kind::Disconnect => {}
        }
    }

    /// The response did not arrive whole, or is not Bayeux.
    pub(super) fn exchange_failed(&mut self, exchange: &mut Exchange, error: Error, at_least_ms: u64) {
        self.note_failure(exchange, &error);
        match exchange.kind {
            Kind::Handshake => self.handshake_failed(exchange, error, at_least_ms),
            Kind::Connect => self.connect_failed(exchange, error, at_least_ms),
            Kind::Commands => self.commands_failed(exchange, error, at_least_ms),
            Kind::Disconnect => {
                if self.ending.is_none() && !matches!(error, Error::HttpStatus(400..500)) {
                    self.storm.session_left_behind(self.now);
                }
            }
        }
    }
}
