//! S5, S11, S13 to S15, R6: replies to the commands of the application, refusals above all.

use super::exchange::{Commands, SessionRequest};
use super::lanes::LaneId;
use super::outgoing::{Outgoing, Publish, Sent, answered_by};
use super::status::{GapCause, Status};
use super::verdict::{is_gone, pause_ms};
use super::{Error, Output, Session};
use crate::bayeux::advice::Reconnect;
use crate::bayeux::failure::Failure;
use crate::bayeux::message::Message;
use crate::salesforce::{Refusal, classify};

/// How often a subscription that was never accepted is tried, unless `maxRetries` is set.
const MAX_FIRST_TRIES: u32 = 10;

impl Session {
    /// A reply has arrived on the response to a request with commands.
    pub(super) fn command_reply(&mut self, message: &Message) {
        let current = self.commands_are_current();
        if message.channel().is_none() && self.is_unknown(message) {
            return self.request_unknown(message, current);
        }
        let Some(commands) = self.lanes.commands() else { return };
        // A refusal that names neither channel nor id answers the whole request.
        let of_all =
            message.id().is_none() && message.channel().is_none() && message.successful() == Some(false);
        let answered = answered_by(&commands.sent, message);
        let open =
            if of_all { 0..commands.sent.len() } else { answered.map_or(0..0, |index| index..index + 1) };
        for index in open {
            let Some(commands) = self.lanes.commands_mut() else { return };
            let outgoing = commands.sent.get_mut(index).and_then(Sent::take);
            if let Some(outgoing) = outgoing {
                self.answered(outgoing, message, current);
            }
        }
    }

    /// Whether the request with commands belongs to the session in progress.
    fn commands_are_current(&self) -> bool {
        self.lanes.flight(LaneId::Commands).is_some_and(|flight| flight.epoch() == self.link.epoch())
    }

    fn answered(&mut self, outgoing: Outgoing, message: &Message, current: bool) {
        let accepted = message.successful() == Some(true);
        let failure = self.failure_of(message);
        let unauthorized = !accepted && self.circumstances().is_unauthorized(&failure);
        let unknown =
            unauthorized || self.is_unknown(message) && self.counts_as_unknown(&outgoing, &failure, current);
        if current {
            self.note_refusal(&failure, unauthorized, unknown);
            let token = self.lanes.flight(LaneId::Commands).map(|flight| flight.token());
            if let Some(token) = token.filter(|_| accepted) {
                self.tokens.proven(token);
            }
        }
        match outgoing {
            Outgoing::Subscribe(_) | Outgoing::Unsubscribe(_) if !current || unknown => {}
            Outgoing::Subscribe(name) if accepted => self.subscribed(&name, message),
            Outgoing::Subscribe(name) => self.subscribe_refused(&name, failure),
            Outgoing::Unsubscribe(name) => {
                let released = self.channels.absent(&name);
                self.tell_released(released);
            }
            Outgoing::Publish(publish) if accepted => {
                self.settle_publish(&publish, Ok(vec![message.raw().to_owned()]));
            }
            // Not processed, so it is sent once more (R7).
            Outgoing::Publish(publish) if unknown && self.may_publish_again(&publish) => {
                self.outbox.publish_again(publish);
            }
            Outgoing::Publish(publish) => {
                let channel = publish.channel.clone();
                self.settle_publish(&publish, Err(Error::PublishRefused { channel, failure }));
            }
            Outgoing::Raw(raw) => {
                if let Some((command, result)) = self.outbox.answered(raw.command, message.raw().to_owned()) {
                    self.settle(command, result);
                }
            }
        }
    }

    /// Whether a message that was not processed may be sent a second time.
    pub(super) fn may_publish_again(&self, publish: &Publish) -> bool {
        let wanted = publish.call.is_none() || self.calls.is_open(publish.command);
        !publish.second_try && !self.shutdown.has_begun() && wanted
    }

    /// Whether the reply says, in words or by its advice, that the server does not know the client (S5, S9).
    fn is_unknown(&self, message: &Message) -> bool {
        if message.successful() == Some(true) {
            return false;
        }
        let failure = self.failure_of(message);
        let advised =
            || message.advice().is_some_and(|advice| advice.reconnect == Some(Reconnect::Handshake));
        !self.circumstances().is_unauthorized(&failure) && (is_gone(&failure) || advised())
    }

    /// A channel that was refused by advice alone is refused for good the second time (S5).
    fn counts_as_unknown(&mut self, outgoing: &Outgoing, failure: &Failure, current: bool) -> bool {
        match outgoing {
            _ if is_gone(failure) => true,
            Outgoing::Subscribe(name) => current && self.channels.first_unknown(name, self.link.epoch()),
            Outgoing::Publish(publish) => !publish.second_try,
            Outgoing::Unsubscribe(_) | Outgoing::Raw(_) => true,
        }
    }

    /// What the refusal of one message says about the whole session.
    fn note_refusal(&mut self, failure: &Failure, unauthorized: bool, unknown: bool) {
        let Some(commands) = self.lanes.commands_mut() else { return };
        if unauthorized {
            commands.unauthorized = Some(failure.clone());
        } else if unknown {
            commands.unknown_client = Some(failure.clone());
        }
    }

    /// The server says of the whole request, in a message without a channel, that it does not know the client (S5).
    /// Since it does not say which messages it has processed, none of the application's is sent again.
    fn request_unknown(&mut self, message: &Message, current: bool) {
        let failure = self.failure_of(message);
        let epoch = self.link.epoch();
        let Some(Commands { sent, unknown_client, .. }) = self.lanes.commands_mut().filter(|_| current)
        else {
            return;
        };
        let mut refused = Vec::new();
        let is_named = |sent: &Sent| sent.is_open() && message.id() == Some(&sent.message_id);
        let names_one = sent.iter().any(is_named);
        for sent in sent.iter_mut().filter(|sent| if names_one { is_named(sent) } else { sent.is_open() }) {
            match sent.message() {
                Some(Outgoing::Subscribe(name))
                    if !is_gone(&failure) && !self.channels.first_unknown(name, epoch) =>
                {
                    refused.push(name.clone());
                    sent.take();
                }
                _ => *unknown_client = Some(failure.clone()),
            }
        }
        for name in refused {
            self.subscribe_refused(&name, failure.clone());
        }
    }

    /// The server has accepted a channel.
    fn subscribed(&mut self, name: &str, reply: &Message) {
        let released = self.channels.accepted(name);
        self.losses.promise(name);
        let changes = self.subscriptions.accepted(name, reply.raw());
        self.tell_released(released);
        self.tell(changes);
        // The server answers the poll that it holds with the replayed events.
        let held = matches!(self.lanes.session(), Some(SessionRequest::Connect(connect)) if connect.parked);
        self.poll.subscribed(held);
        if self.poll.is_lost()
            && let Some(started) = self.lanes.flight(LaneId::Commands).map(|flight| flight.started())
        {
            // The server may put events of this channel, too, into the lost poll.
            self.gap(GapCause::ResponseLost, started, true);
        }
    }

    /// The server has refused one subscription.
    fn subscribe_refused(&mut self, name: &str, failure: Failure) {
        self.book.not_subscribed(name);
        let wanted = self.subscriptions.wants(name);
        if wanted && classify(&failure) == Some(Refusal::ReplayInvalid) {
            if !self.position_refused(name, &failure) {
                self.give_up(name, failure);
            }
        } else if !wanted {
            self.give_up(name, failure);
        } else if !self.config.decides || self.shutdown.has_begun() {
            self.act_on_refusal(name, failure, None);
        } else {
            let within_ms = self.config.network_delay_ms;
            let (request, released) = self.channels.ask(name, failure.clone(), self.now, within_ms);
            self.tell_released(released);
            let channel = name.to_owned();
            let error = Error::SubscribeRefused { channel: channel.clone(), failure };
            self.emit(Output::Decide { request, channel, error });
        }
    }

    /// The application has decided about a refusal; `None`: the default applies.
    pub(super) fn decided(&mut self, request: u32, retry: Option<bool>) {
        let (decided, released) = self.channels.decided(request);
        self.tell_released(released);
        if let Some(decided) = decided {
            self.act_on_refusal(&decided.channel, decided.failure, retry);
        }
    }

    fn act_on_refusal(&mut self, name: &str, failure: Failure, retry: Option<bool>) {
        let passes = || {
            let refusal = classify(&failure);
            matches!(refusal, Some(Refusal::ServerBusy | Refusal::ConcurrentLimit | Refusal::DailyLimit))
        };
        if !retry.unwrap_or_else(passes) || self.shutdown.has_begun() {
            return self.give_up(name, failure);
        }
        let options = &self.config.retry;
        let at_least_ms = pause_ms(&failure, options).min(options.max_delay_ms);
        let Some(attempt) = self.channels.refused(name, self.now, at_least_ms, options, &mut self.rng) else {
            return;
        };
        let default = if self.losses.is_promised(name) { u32::MAX } else { MAX_FIRST_TRIES };
        let max = options.max_retries.unwrap_or(default);
        let error = Error::SubscribeRefused { channel: name.to_owned(), failure };
        if attempt.refusals <= max {
            self.report(Status::Retry { attempt: attempt.refusals, delay_ms: attempt.delay_ms, error });
            let released = self.channels.retry(name, self.now.after(attempt.delay_ms));
            return self.tell_released(released);
        }
        let attempts = attempt.refusals;
        let error = if max == 0 { error } else { Error::MaxRetries { attempts, last: Box::new(error) } };
        self.refuse_channel(name, &error);
    }

    fn give_up(&mut self, name: &str, failure: Failure) {
        let error = Error::SubscribeRefused { channel: name.to_owned(), failure };
        self.refuse_channel(name, &error);
    }

    /// The server says that the position is not valid (R6): another one takes its place. Returns `false` if the refusal
    /// is final.
    fn position_refused(&mut self, name: &str, failure: &Failure) -> bool {
        let Some(refused) = self.book.position_refused(name) else { return false };
        let error = Error::SubscribeRefused { channel: name.to_owned(), failure: failure.clone() };
        self.settle_all(refused.commands, Some(&error));
        // The position in the snapshot is as old as the refused one.
        let before = self.predecessor.as_ref();
        let before = before.filter(|before| {
            before.position(name).is_some_and(|position| position.replay_id == refused.after)
        });
        let since_unix_ms =
            before.map_or_else(|| self.gap_since(self.losses.verified_until()), |before| before.unix_ms());
        let released = self.channels.undo(name, self.now);
        self.tell_released(released);
        // While there was a position, earlier losses were no gap.
        self.losses.begin_anew(name);
        let (channel, after) = (name.to_owned(), Some(refused.after));
        self.report(Status::Gap { channel, cause: GapCause::PositionInvalid, after, since_unix_ms });
        true
    }
}
