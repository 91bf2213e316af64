//! How the commands of the application are sent, and what follows from the replies (S3, S13 to S15, R7).

use super::channels::Action;
use super::exchange::{Commands, Flight, Kind};
use super::lanes::LaneId;
use super::outbox::Packing;
use super::outgoing::Outgoing;
use super::status::Status;
use super::verdict::is_refusal;
use super::{Error, Session};
use crate::Instant;
use crate::bayeux::write;

/// What stands out in a request with commands.
#[derive(Default)]
struct Packed {
    /// A channel is subscribed from a position.
    replays: bool,
    /// It ends before a subscribe that is for a new session.
    needs_session: bool,
}

impl Session {
    /// Sends the commands that wait, as many as fit into one request (S3).
    pub(super) fn schedule_commands(&mut self) {
        if self.lanes.is_open(LaneId::Commands) || self.outbox.at() > self.now || !self.has_commands() {
            return;
        }
        let Some(client_id) = self.link.client_id().map(str::to_owned) else { return };
        if !self.has_headers(LaneId::Commands, self.config.network_delay_ms) {
            return;
        }
        let mut packing = Packing::new(self.config.limits.request_bytes);
        let Packed { replays, needs_session } = self.pack(&mut packing, &client_id);
        if packing.sent.is_empty() {
            if needs_session {
                self.leave_for_replay();
            }
            return;
        }
        let flight = self.send(Kind::Commands, packing.messages);
        self.lanes.open_commands(flight, Commands { sent: packing.sent, replays, ..Commands::default() });
    }

    /// Whether there is anything to send that may be sent now.
    #[inline(never)]
    pub(super) fn has_commands(&self) -> bool {
        self.channels.next_action(None, self.flow.may_read()).is_some()
            || self.may_send_messages() && !self.outbox.is_empty()
    }

    /// Whether messages may be sent. While the queue is full, requests whose replies can bring more events wait (R8).
    /// With the acknowledgement extension no event comes with replies to messages, and a reader that awaits such a
    /// reply in its loop must not block itself.
    pub(super) fn may_send_messages(&self) -> bool {
        self.flow.may_read() || self.poll.acknowledges()
    }

    /// When commands that wait for a certain time may go out.
    pub(super) fn commands_wake(&self) -> Option<Instant> {
        if !self.link.has_session() || self.lanes.is_open(LaneId::Commands) {
            return None;
        }
        let retry = self.channels.next_retry();
        if self.outbox.at() > self.now && (retry.is_some() || self.has_commands()) {
            return Some(self.outbox.at());
        }
        retry
    }

    /// Packs commands in the order of the application's calls: look at the next one, and take it if it fits.
    fn pack(&mut self, packing: &mut Packing, client_id: &str) -> Packed {
        let (subscribe, messages) = (self.flow.may_read(), self.may_send_messages());
        let (mut last_channel, mut last_message) = (None, 0);
        let mut packed = Packed::default();
        loop {
            let channel = self.channels.next_action(last_channel, subscribe);
            let message = self.outbox.next_behind(last_message).filter(|_| messages);
            match (channel, message) {
                (Some((place, action)), message)
                    if message.as_ref().is_none_or(|(order, _)| place.order() <= *order) =>
                {
                    last_channel = Some(place);
                    let id = self.lanes.next_message_id();
                    let (text, outgoing) = match action {
                        Action::Subscribe(name) if self.channels.waits_for_others(name) => continue,
                        Action::Subscribe(name) if self.needs_new_session(name) => {
                            packed.needs_session = true;
                            return packed;
                        }
                        Action::Subscribe(name) => {
                            let position = self.book.resume_from(name);
                            let text = write::subscribe(&id, client_id, name, position);
                            (text, Outgoing::Subscribe(name.to_owned()))
                        }
                        Action::Unsubscribe(name) => {
                            let text = write::unsubscribe(&id, client_id, name);
                            (text, Outgoing::Unsubscribe(name.to_owned()))
                        }
                    };
                    if !packing.fits(&text) {
                        return packed;
                    }
                    packed.replays |= self.goes_out(&outgoing);
                    packing.add(text, id, outgoing);
                }
                (_, Some((order, outgoing))) => {
                    let id = self.lanes.next_message_id();
                    let (id, text) = match outgoing {
                        Outgoing::Publish(publish) => {
                            let id = publish.call.clone().unwrap_or(id);
                            let text = write::publish(&id, client_id, &publish.channel, &publish.data);
                            (id, text)
                        }
                        Outgoing::Raw(raw) => {
                            let text = write::raw(&raw.message, &id, client_id);
                            (id, text)
                        }
                        Outgoing::Subscribe(_) | Outgoing::Unsubscribe(_) => return packed,
                    };
                    if !packing.fits(&text) {
                        return packed;
                    }
                    if let Some(outgoing) = self.outbox.take(order) {
                        packing.add(text, id, outgoing);
                    }
                    last_message = order;
                }
                (_, None) => return packed,
            }
        }
    }

    /// Whether a channel cannot be subscribed from its position in this session: it was before, perhaps by the suspended
    /// client (S17), or its events come by a glob, or a response was lost into which the server may still put some.
    fn needs_new_session(&self, name: &str) -> bool {
        let continues =
            self.predecessor.as_ref().is_some_and(|before| before.session_continues(self.link.epoch()));
        let spent = continues
            || self.lanes.has_lost()
            || self.book.is_topic_subscribed(name)
            || self.channels.comes_by_glob(name);
        self.book.tracks(name) && spent
    }

    /// A subscribe or an unsubscribe goes out. Returns whether it is from a position.
    fn goes_out(&mut self, outgoing: &Outgoing) -> bool {
        match outgoing {
            Outgoing::Subscribe(name) => {
                let released = self.channels.subscribing(name);
                self.tell_released(released);
                let replays = self.book.subscribing(name).is_some();
                if replays {
                    self.poll.subscribing();
                }
                replays
            }
            Outgoing::Unsubscribe(name) => {
                let released = self.channels.unsubscribing(name);
                self.tell_released(released);
                self.losses.withdraw(name);
                false
            }
            Outgoing::Publish(_) | Outgoing::Raw(_) => false,
        }
    }

    /// The body of a request with commands has arrived whole.
    pub(super) fn commands_ended(&mut self, flight: &Flight, mut commands: Commands) {
        self.outbox.succeeded();
        let current = flight.epoch() == self.link.epoch();
        for outgoing in self.take_back(&mut commands) {
            match outgoing {
                // The channel is subscribed in the next session.
                Outgoing::Subscribe(_) if commands.unknown_client.is_some() => {}
                Outgoing::Subscribe(name) if current => self.subscribe_unanswered(&name),
                Outgoing::Unsubscribe(name) if current => {
                    let released = self.channels.absent(&name);
                    self.tell_released(released);
                }
                outgoing => self.reject(outgoing, &|channel| Error::OutcomeUnknown { channel }),
            }
        }
        if !current {
            // Answers to calls would have come in this session, which is over.
            self.lose_calls();
        }
        if !current || self.shutdown.has_begun() {
            return;
        }
        let disconnect = commands.disconnect.map(|disconnect| self.read_disconnect(&disconnect));
        let (unauthorized, unknown) = (commands.unauthorized, commands.unknown_client);
        let verdict = self.circumstances().commands_ended(disconnect, unauthorized, unknown);
        self.carry_out(verdict, flight.token());
    }

    fn subscribe_unanswered(&mut self, name: &str) {
        if self.channels.unanswered(name) {
            return self.refuse_channel(name, &Error::Protocol("no reply to /meta/subscribe"));
        }
        let delay_ms = self.outbox.unanswered(self.now, &self.config.retry, &mut self.rng);
        let released = self.channels.undo(name, self.now.after(delay_ms));
        self.tell_released(released);
    }

    /// Subscribes are sent again, messages are not: whether they were processed is unknown (R7).
    #[inline(never)]
    pub(super) fn commands_failed(
        &mut self,
        flight: &Flight,
        mut commands: Commands,
        error: Error,
        at_least_ms: u64,
    ) {
        let goes_on = flight.epoch() == self.link.epoch() && !self.shutdown.has_begun();
        let refused_token = self.config.auth && error == Error::HttpStatus(401);
        let lost = self.is_lost(flight, &error);
        let unanswered = self.take_back(&mut commands);
        self.abandon_response(flight, Kind::Commands, &error);
        let mut given_up = None;
        let mut retry_at = self.now;
        if goes_on {
            let (attempt, delay_ms) =
                self.outbox.failed(self.now, at_least_ms, &self.config.retry, &mut self.rng);
            retry_at = self.outbox.at();
            let error = error.clone();
            if self.config.retry.max_retries.is_some_and(|max| attempt > max) {
                given_up = Some(Error::MaxRetries { attempts: attempt, last: Box::new(error) });
            } else if unanswered.iter().any(|outgoing| !outgoing.is_message()) {
                self.report(Status::Retry { attempt, delay_ms, error });
            }
        }
        // The server has understood the request, and has not processed it.
        let refused = matches!(error, Error::HttpStatus(400..500)) && !error.retryable();
        for outgoing in unanswered {
            match (outgoing, &given_up) {
                (Outgoing::Subscribe(_) | Outgoing::Unsubscribe(_), _) if !goes_on => {}
                (Outgoing::Subscribe(name), Some(error)) => self.refuse_channel(&name, error),
                (Outgoing::Subscribe(name), _) => {
                    if is_refusal(&error) {
                        self.book.not_subscribed(&name);
                    }
                    let released = self.channels.undo(&name, retry_at);
                    self.tell_released(released);
                }
                (Outgoing::Unsubscribe(name), _) => {
                    let released = self.channels.undo(&name, retry_at);
                    self.tell_released(released);
                }
                // Not processed, so it is sent once more, with the next token.
                (Outgoing::Publish(publish), _) if refused_token && self.may_publish_again(&publish) => {
                    self.outbox.publish_again(publish);
                }
                (outgoing, _) if refused => self.reject(outgoing, &|_| error.clone()),
                (outgoing, _) => self.reject(outgoing, &|channel| Error::OutcomeUnknown { channel }),
            }
        }
        if !goes_on {
            return self.lose_calls();
        }
        let unknown = commands.unknown_client;
        let verdict = self.circumstances().commands_failed(error, at_least_ms, unknown, lost);
        self.carry_out(verdict, flight.token());
    }

    /// The request could not go out: its commands go on waiting.
    pub(super) fn commands_unsent(&mut self, error: Error) {
        let (attempt, delay_ms) = self.outbox.failed(self.now, 0, &self.config.retry, &mut self.rng);
        if self.config.retry.max_retries.is_none_or(|max| attempt <= max) {
            return self.report(Status::Retry { attempt, delay_ms, error });
        }
        let error = Error::MaxRetries { attempts: attempt, last: Box::new(error) };
        let subscribe = self.flow.may_read();
        let (mut last, mut refused) = (None, Vec::new());
        while let Some((place, action)) = self.channels.next_action(last, subscribe) {
            last = Some(place);
            if let Action::Subscribe(name) = action {
                refused.push(name.to_owned());
            }
        }
        for name in refused {
            self.refuse_channel(&name, &error);
        }
        self.reject_waiting(&|_| error.clone());
    }
}
