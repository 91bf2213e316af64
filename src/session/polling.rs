//! How a poll is sent and what follows from its end: S4 to S9, A1, R7, R8.

use super::exchange::{Connect, Flight, Kind, SessionRequest};
use super::lanes::LaneId;
use super::poll::EndedPoll;
use super::status::{GapCause, Status};
use super::verdict::{ConnectReply, is_refusal, wanted};
use super::{Error, Session};
use crate::bayeux::advice::{Advice, Reconnect};
use crate::bayeux::failure::Failure;
use crate::bayeux::message::{Ack, Message};
use crate::bayeux::write;

pub(super) const NOT_JSON: &str = "a body that is not JSON";

impl Session {
    pub(super) fn schedule_poll(&mut self) {
        let waits = self.lanes.is_open(LaneId::Session) || self.poll.at() > self.now || !self.flow.may_poll();
        if waits || self.awaits_replay() {
            return;
        }
        let Some(client_id) = self.link.client_id().map(str::to_owned) else { return };
        if !self.has_headers(LaneId::Session, self.config.network_delay_ms) {
            return;
        }
        let id = self.lanes.next_message_id();
        let next = self.poll.next(self.channels.all_present());
        // [bayeux] A connect shares its request with nothing (S2).
        let message = write::connect(&id, &client_id, next.timeout_ms, next.ack.as_deref());
        let flight = self.send(Kind::Connect, vec![message]);
        let connect = Connect { parked: next.parked, extra: self.flow.is_extra_poll(), ..Connect::default() };
        self.lanes.open_session(flight, SessionRequest::Connect(Box::new(connect)));
    }

    pub(super) fn connect_ended(&mut self, flight: &Flight, connect: &Connect) {
        self.extra_poll_over(connect);
        let reply = connect.reply.as_ref();
        let successful = reply.is_some_and(|reply| reply.successful() == Some(true));
        let ack = reply.and_then(Message::ack).filter(Ack::granted);
        let whole = self.poll.ended(&EndedPoll {
            parked: connect.parked,
            age_ms: flight.age_ms(self.now),
            successful,
            // Acknowledged only now that the body has ended whole (A1).
            batch: ack.as_ref().and_then(Ack::number),
            events: flight.events(),
            // With replay, what could not be decoded comes again, perhaps only with the poll after the next (X3).
            nothing_outstanding: !self.replays() || connect.parked && self.channels.all_present(),
        });
        if !whole {
            let error = Error::Protocol("a batch that was cut is not sent again");
            return self.connect_failed(flight, connect, error, 0);
        }
        self.channels.poll_ended();
        if successful {
            self.poll_succeeded(flight);
            if self.poll.brings_all() {
                let settled = self.book.all_came_again(self.in_flight());
                self.settle_all(settled, None);
            }
        }
        let advice = reply.and_then(Message::advice);
        let disconnect = connect.disconnect.as_ref();
        let own_advice = disconnect.and_then(Message::advice);
        for advice in [&advice, &own_advice].into_iter().flatten() {
            self.take_advice(advice);
        }
        if successful && disconnect.is_none() {
            self.handshakes.succeeded();
        }
        let reply = ConnectReply {
            successful: reply.map(|_| successful),
            failure: self.words_of(reply, disconnect),
            advised: advice.as_ref().map(wanted),
            disconnect: disconnect.map(|_| own_advice.as_ref().map(wanted)),
        };
        let verdict = self.circumstances().connect_ended(reply);
        self.carry_out(verdict, flight.token());
    }

    fn poll_succeeded(&mut self, flight: &Flight) {
        self.losses.poll_succeeded(flight.started());
        self.tokens.proven(flight.token());
        if self.handshakes.connected() {
            self.report(Status::Session { resumed: true });
            self.settle(0, Ok(Vec::new()));
        }
    }

    #[inline(never)]
    pub(super) fn connect_failed(
        &mut self,
        flight: &Flight,
        connect: &Connect,
        error: Error,
        at_least_ms: u64,
    ) {
        self.extra_poll_over(connect);
        self.abandon_poll(flight, connect, &error);
        let lost = self.is_lost(flight, &error);
        let verdict = self.circumstances().connect_failed(error, at_least_ms, lost);
        self.carry_out(verdict, flight.token());
    }

    /// A poll did not arrive whole: its batch will be sent again, or there is a gap.
    pub(super) fn abandon_poll(&mut self, flight: &Flight, connect: &Connect, error: &Error) {
        if !is_refusal(error) {
            self.poll.cut(flight.events());
        }
        let by_proxy = matches!(error, Error::Network(_) | Error::HttpStatus(408 | 500..));
        if by_proxy && connect.parked {
            self.poll.cut_by_proxy(flight.age_ms(self.now));
        }
        self.abandon_response(flight, Kind::Connect, error);
    }

    /// A response did not arrive whole: the events that it may have held are lost, unless they come again.
    #[inline(never)]
    pub(super) fn abandon_response(&mut self, flight: &Flight, kind: Kind, error: &Error) {
        if flight.epoch() != self.link.epoch() {
            return;
        }
        // Events may come with every reply (S13). With the acknowledgement extension they come with polls only, and are
        // sent again.
        let acknowledges = self.poll.acknowledges();
        if is_refusal(error) || acknowledges && kind == Kind::Commands {
            self.book.response_ended(self.in_flight());
        }
        if acknowledges || is_refusal(error) {
            return;
        }
        if kind == Kind::Connect {
            self.poll.lose();
        }
        self.lanes.lose(kind, flight);
        self.calls.response_lost();
        let undecodable = matches!(error, Error::Protocol(words) if *words == NOT_JSON);
        let cause = if undecodable { GapCause::Undecodable } else { GapCause::ResponseLost };
        self.gap(cause, flight.since(), true);
    }

    /// Whether a channel is being subscribed from a position. Its events come on the reply; with a poll open beside it
    /// they would be provisional until that ends, which may take long (R4a). The first poll of a session does not wait:
    /// it is answered at once.
    #[inline(never)]
    pub(super) fn awaits_replay(&self) -> bool {
        if self.poll.is_probe() {
            return false;
        }
        match (self.lanes.commands(), self.lanes.flight(LaneId::Commands)) {
            (Some(commands), Some(flight)) => {
                commands.replays && !flight.is_held() && flight.epoch() == self.link.epoch()
            }
            // A channel is about to be subscribed from a position: after a refused one, for instance.
            _ => self.outbox.at() <= self.now && self.flow.may_read() && self.channels.replay_is_due(),
        }
    }

    /// Whether replay has to bring lost events again (R7). With the acknowledgement extension the server sends them
    /// again by itself.
    #[inline(never)]
    pub(super) fn replays(&self) -> bool {
        !self.poll.acknowledges() && self.book.any_wanted()
    }

    /// Whether events may have been lost with this request that replay can bring again (R7).
    pub(super) fn is_lost(&self, flight: &Flight, error: &Error) -> bool {
        flight.epoch() == self.link.epoch() && !is_refusal(error) && self.link.has_session() && self.replays()
    }

    /// The advice of a connect reply or of a disconnect (S4).
    #[inline(never)]
    pub(super) fn take_advice(&mut self, advice: &Advice) {
        if self.poll.advise(advice) {
            let interval_ms = self.poll.interval_ms();
            self.report(Status::MultipleClients { interval_ms });
        }
    }

    /// The extra poll beyond the limits is over: a full queue allows only one (R8).
    pub(super) fn extra_poll_over(&mut self, connect: &Connect) {
        if connect.extra {
            self.flow.extra_poll_ended();
        }
    }

    /// The server's words: those of a refusing reply, else of its disconnect.
    #[inline(never)]
    pub(super) fn words_of(&self, reply: Option<&Message>, disconnect: Option<&Message>) -> Option<Failure> {
        let refused = reply.filter(|reply| match disconnect {
            None => reply.successful() != Some(true),
            Some(_) => reply.successful() == Some(false),
        });
        let disconnect = disconnect.filter(|message| message.error().is_some());
        refused.or(disconnect).map(|message| self.failure_of(message))
    }

    /// What the server's own disconnect advises, and its words (S12).
    pub(super) fn read_disconnect(&mut self, disconnect: &Message) -> (Option<Reconnect>, Option<Failure>) {
        let advice = disconnect.advice();
        if let Some(advice) = &advice {
            self.take_advice(advice);
        }
        (advice.as_ref().map(wanted), self.words_of(None, Some(disconnect)))
    }
}
