//! What the application wants from the server: subscribe, unsubscribe, publish, send (S3, S13 to S15, R7).

use super::exchange::{Exchange, Kind, Lane, Publish, Raw, Sent, What};
use super::subscriptions::Remote;
use super::{ApiMisuse, Command, Error, GapCause, Output, Session, Status};
use crate::Instant;
use crate::bayeux::channel::check_publish;
use crate::bayeux::failure::Failure;
use crate::bayeux::json;
use crate::bayeux::message::Message;
use crate::bayeux::write;

/// A subscribe whose reply is missing from a whole body is sent so many times.
const MOST_UNANSWERED: u8 = 3;
/// How deep the caller's JSON may be nested.
pub(super) const MOST_DEPTH: u32 = 128;

impl Session {
    pub(super) fn command(&mut self, command: Command<'_>) -> Result<(), ApiMisuse> {
        match command {
            Command::Close => self.end(None),
            Command::Tap(on) => self.tap = on,
            _ if self.ending.is_some() => return Err(ApiMisuse::Closed),
            Command::Subscribe { .. }
            | Command::Publish { .. }
            | Command::Send { .. }
            | Command::Call { .. }
                if self.is_suspended() =>
            {
                return Err(ApiMisuse::Suspended);
            }
            Command::Drain { command, idle_ms, deadline_ms } => self.drain(command, idle_ms, deadline_ms)?,
            Command::Rest { command } => self.rest_and_settle(command),
            Command::Hidden(hidden) => self.hidden(hidden),
            Command::Suspend { command } => self.suspend(command),
            Command::Restore { subscriptions, message } => self.restore(subscriptions, message),
            Command::Subscribe { subscription, channels, follow } => {
                if let Some(follow) = &follow {
                    self.check_follow(channels, follow)?;
                }
                let order = self.next_order();
                self.subscriptions.add(subscription, channels, order, self.now)?;
                if let Some(follow) = &follow {
                    self.follow(subscription, channels, follow);
                }
                for channel in channels {
                    self.resumes(channel);
                }
                if self.polling.lost {
                    // The server may put its events into the poll that got lost until another takes that one's place.
                    self.gap(GapCause::ResponseLost, self.now, true);
                }
                self.apply();
            }
            Command::Unsubscribe { command, subscription, handed } => {
                self.unsubscribe(command, subscription, handed)
            }
            Command::Commit { command, subscriptions, sequence } => {
                self.commit(command, subscriptions, sequence)
            }
            Command::Publish { command, channel, data } => {
                check_publish(channel)
                    .map_err(|source| ApiMisuse::Channel { channel: channel.to_owned(), source })?;
                if !json::validate(data, MOST_DEPTH) {
                    return Err(ApiMisuse::NotJson("publish"));
                }
                let order = self.next_order();
                let (channel, data) = (channel.to_owned(), data.to_owned());
                self.publishes.push(Publish { command, order, channel, data, call: None, again: false });
            }
            Command::Call { command, channel, data, timeout_ms } => {
                self.call(command, channel, data, timeout_ms)?;
            }
            Command::Cancel { command } => self.cancel(command),
            Command::RetryNow => self.retry_now(),
            Command::Send { command, messages } => self.send_raw(command, messages)?,
        }
        Ok(())
    }

    fn unsubscribe(&mut self, command: u32, subscription: u32, handed: u32) {
        let Some((sub, events, bytes)) = self.subscriptions.take_out(subscription) else {
            let (events, bytes) = self.subscriptions.left_unread(subscription);
            self.settle(command, Ok(Vec::new()));
            return self.no_longer_queued(events, bytes);
        };
        self.unfollow(subscription, handed);
        let order = self.next_order();
        if sub.is_settled() {
            self.emit(Output::Ended { subscription, error: None });
        } else {
            self.settle(subscription, Err(Error::Closed));
        }
        self.subscriptions.release(&sub.channels, command, order);
        if self.is_suspended() {
            self.subscriptions.let_go();
        }
        self.apply();
        self.no_longer_queued(events, bytes);
    }

    fn send_raw(&mut self, command: u32, messages: &[String]) -> Result<(), ApiMisuse> {
        let mut raws = Vec::with_capacity(messages.len());
        for text in messages {
            let message = json::validate(text, MOST_DEPTH).then(|| Message::parse(text.clone())).flatten();
            let message = message.ok_or(ApiMisuse::NotJson("send"))?;
            let channel = message.channel().ok_or(ApiMisuse::NoChannelInMessage)?;
            if message.is_meta() && !subscribes_to_services(&message) {
                return Err(ApiMisuse::OwnChannel(channel.to_owned()));
            }
            let subscription = message.subscription().map(|name| name.into_owned());
            let (channel, order) = (channel.to_owned(), self.next_order());
            raws.push(Raw { command, order, channel, subscription, message: message.into_raw() });
        }
        if raws.is_empty() {
            self.settle(command, Ok(Vec::new()));
        } else {
            self.raw_replies.push((command, Vec::new()));
            self.raws.append(&mut raws);
        }
        Ok(())
    }

    /// Sends all commands that wait, as far as they fit into one request (S3).
    pub(super) fn schedule_commands(&mut self) {
        if self.commands_lane.is_some() || self.commands_at > self.now {
            return;
        }
        let Some(client_id) = self.client_id.clone() else { return };
        let waiting = self.waiting_commands();
        if waiting.is_empty() || !self.has_headers(Lane::Commands, self.config.network_delay_ms) {
            return;
        }
        let mut messages: Vec<String> = Vec::new();
        let mut sent: Vec<Sent> = Vec::new();
        let mut bytes = 1;
        let mut replays = false;
        for (_, next) in waiting {
            let mut id = self.next_message_id();
            let message = match &next {
                Next::Subscribe(channel) => {
                    let position = self.position_to_subscribe(channel);
                    replays |= position.is_some();
                    write::subscribe(&id, &client_id, channel, position.as_deref())
                }
                Next::Unsubscribe(channel) => write::unsubscribe(&id, &client_id, channel),
                Next::Publish(command) => {
                    match self.publishes.iter().find(|publish| publish.command == *command) {
                        Some(publish) => {
                            id = publish.call.clone().unwrap_or(id);
                            write::publish(&id, &client_id, &publish.channel, &publish.data)
                        }
                        None => continue,
                    }
                }
                Next::Raw(order) => match self.raws.iter().find(|raw| raw.order == *order) {
                    Some(raw) => write::raw(&raw.message, &id, &client_id),
                    None => continue,
                },
            };
            bytes += message.len() + 1;
            if bytes > self.config.limits.request_bytes && !messages.is_empty() {
                break;
            }
            let Some(what) = self.now_under_way(next) else { continue };
            // A message of the caller's may carry an id of its own.
            messages.push(message);
            sent.push(Sent { message_id: id, what, answered: false });
        }
        if messages.is_empty() {
            return;
        }
        let mut exchange = self.send(Kind::Commands, messages);
        exchange.sent = sent;
        exchange.replays = replays;
        self.commands_lane = Some(exchange);
    }

    /// What may be sent now, in the order of the application's calls, with its place in that.
    fn waiting_commands(&self) -> Vec<(u32, Next)> {
        // While the queue is full, what brings more of it waits (R8). With the extension no event rides on replies to
        // messages, and a reader that awaits one must not wait for itself.
        let room = self.flow.may_read();
        let messages = room || self.polling.acknowledges();
        let mut waiting = Vec::new();
        for wire in self.subscriptions.wires.iter().filter(|wire| wire.retry_at <= self.now) {
            let channel = wire.pattern.as_str();
            let wanted = self.subscriptions.wants(channel);
            let ready =
                wire.deciding.is_none() && self.followed(channel).is_none_or(|one| self.may_replay(one));
            if wanted && wire.remote == Remote::Absent && room && ready {
                in_order(&mut waiting, wire.order, Next::Subscribe(channel.to_owned()));
            } else if (!wanted || wire.again) && wire.remote == Remote::Present {
                in_order(&mut waiting, wire.order, Next::Unsubscribe(channel.to_owned()));
            }
        }
        if messages {
            for publish in &self.publishes {
                in_order(&mut waiting, publish.order, Next::Publish(publish.command));
            }
            for raw in &self.raws {
                in_order(&mut waiting, raw.order, Next::Raw(raw.order));
            }
        }
        waiting
    }

    /// Moves a command from the queues into a request.
    fn now_under_way(&mut self, next: Next) -> Option<What> {
        match next {
            Next::Subscribe(channel) => {
                self.subscriptions.wire(&channel)?.remote = Remote::Subscribing;
                Some(What::Subscribe(channel))
            }
            Next::Unsubscribe(channel) => {
                let wire = self.subscriptions.wire(&channel)?;
                wire.remote = Remote::Unsubscribing;
                // One that is only to be subscribed again stays promised.
                wire.confirmed &= core::mem::take(&mut wire.again);
                Some(What::Unsubscribe(channel))
            }
            Next::Publish(command) => {
                let index = self.publishes.iter().position(|publish| publish.command == command)?;
                Some(What::Publish(self.publishes.remove(index)))
            }
            Next::Raw(order) => {
                let index = self.raws.iter().position(|raw| raw.order == order)?;
                Some(What::Raw(self.raws.remove(index)))
            }
        }
    }

    /// When commands that wait for a time may go out.
    pub(super) fn commands_wake(&self) -> Instant {
        let mut waits = Instant::NEVER;
        if self.client_id.is_none() || self.commands_lane.is_some() {
            return waits;
        }
        for wire in self.subscriptions.wires.iter().filter(|wire| wire.retry_at > self.now) {
            waits.pull_to(wire.retry_at);
        }
        let waiting = || waits != Instant::NEVER || !self.waiting_commands().is_empty();
        if self.commands_at > self.now && waiting() {
            return self.commands_at;
        }
        waits
    }

    /// A reply has arrived in the commands' body.
    pub(super) fn command_reply(&mut self, message: Message) {
        let Some(exchange) = self.commands_lane.as_ref() else { return };
        let current = exchange.epoch == self.epoch;
        if message.channel().is_none() && self.is_unknown(&message) {
            return self.request_unknown(&message, current);
        }
        // A refusal that names neither channel nor id answers the whole request.
        let of_all =
            message.id().is_none() && message.channel().is_none() && message.successful() == Some(false);
        let answered = exchange.answered_by(&message);
        let open =
            if of_all { 0..exchange.sent.len() } else { answered.map_or(0..0, |index| index..index + 1) };
        for index in open {
            let Some(exchange) = self.commands_lane.as_mut() else { return };
            let Some(sent) = exchange.sent.get_mut(index).filter(|sent| !sent.answered) else { continue };
            sent.answered = true;
            let what = core::mem::replace(&mut sent.what, What::Subscribe(String::new()));
            self.answered(what, &message, current);
        }
    }

    fn answered(&mut self, what: What, message: &Message, current: bool) {
        let accepted = message.successful() == Some(true);
        let failure = self.failure_of(message);
        let unauthorized = !accepted && self.is_unauthorized(&failure);
        let unknown = unauthorized
            || self.is_unknown(message)
                && match &what {
                    // What was refused by its advice alone is refused for good the second time.
                    _ if self.is_gone(&failure) => true,
                    What::Subscribe(channel) => {
                        current && self.subscriptions.first_unknown(channel, self.epoch)
                    }
                    What::Publish(publish) => !publish.again,
                    What::Unsubscribe(_) | What::Raw(_) => true,
                };
        if let Some(exchange) = self.commands_lane.as_mut().filter(|_| current) {
            if unauthorized {
                exchange.unauthorized = Some(failure.clone());
            } else if unknown {
                exchange.unknown_client = Some(failure.clone());
            }
            let token = exchange.token;
            if accepted {
                self.token_proven(token);
            }
        }
        let subscribed = accepted && current && matches!(what, What::Subscribe(_));
        match what {
            What::Subscribe(_) | What::Unsubscribe(_) if !current || unknown => {}
            What::Subscribe(channel) if accepted => self.subscriptions.subscribed(&channel, message.raw()),
            What::Subscribe(channel) => return self.subscribe_refused(&channel, failure),
            What::Unsubscribe(channel) => self.subscriptions.unsubscribed(&channel),
            What::Publish(publish) if accepted => {
                return self.settle_publish(&publish, Ok(vec![message.raw().to_owned()]));
            }
            // Not processed, hence sent once more (R7).
            What::Publish(publish) if unknown && self.may_go_again(&publish) => {
                return self.publishes.push(Publish { again: true, ..publish });
            }
            What::Publish(publish) => {
                let channel = publish.channel.clone();
                return self.settle_publish(&publish, Err(Error::PublishRefused { channel, failure }));
            }
            What::Raw(raw) => return self.raw_answered(raw.command, message.raw().to_owned()),
        }
        self.apply();
        if subscribed {
            // A poll that the server holds is answered with what comes again.
            let held = |exchange: &Exchange| exchange.kind == Kind::Connect && exchange.parked;
            self.polling.covers = self.session_lane.as_deref().is_some_and(held);
        }
        if subscribed
            && self.polling.lost
            && let Some(exchange) = &self.commands_lane
        {
            // The poll that got lost may take this channel's events too.
            self.gap(GapCause::ResponseLost, exchange.started, true);
        }
    }

    fn raw_answered(&mut self, command: u32, reply: String) {
        if let Some((_, replies)) = self.raw_replies.iter_mut().find(|(known, _)| *known == command) {
            replies.push(reply);
        }
        let in_flight = self.commands_lane.as_ref().is_some_and(|exchange| {
            exchange
                .sent
                .iter()
                .any(|sent| !sent.answered && matches!(&sent.what, What::Raw(raw) if raw.command == command))
        });
        if in_flight || self.raws.iter().any(|raw| raw.command == command) {
            return;
        }
        if let Some(index) = self.raw_replies.iter().position(|(known, _)| *known == command) {
            let (_, replies) = self.raw_replies.swap_remove(index);
            self.settle(command, Ok(replies));
        }
    }

    pub(super) fn commands_ended(&mut self, exchange: &mut Exchange) {
        self.commands_backoff.reset();
        let current = exchange.epoch == self.epoch;
        for sent in exchange.take_unanswered() {
            match sent.what {
                // It is subscribed in the next session.
                What::Subscribe(_) if exchange.unknown_client.is_some() => {}
                What::Subscribe(channel) if current => self.unanswered_subscribe(&channel),
                What::Unsubscribe(channel) if current => {
                    self.subscriptions.unsubscribed(&channel);
                    self.apply();
                }
                what => self.reject(what, &|channel| Error::OutcomeUnknown { channel }),
            }
        }
        if !current {
            // What answers calls has ended with the session.
            self.calls_lost();
        }
        if !current || self.ending.is_some() {
            return;
        }
        if exchange.disconnect.is_some() {
            return self.follow_disconnect(exchange, None);
        }
        if let Some(failure) = exchange.unauthorized.take() {
            return self.unauthorized(exchange.token, Error::Unauthorized(failure), true);
        }
        if let Some(failure) = exchange.unknown_client.take() {
            self.session_gone(failure, 0);
        }
    }

    fn unanswered_subscribe(&mut self, channel: &str) {
        let Some(wire) = self.subscriptions.wire(channel) else { return };
        wire.unanswered = wire.unanswered.saturating_add(1);
        if wire.unanswered >= MOST_UNANSWERED {
            self.subscriptions.refused(channel, &Error::Protocol("no reply to /meta/subscribe"));
        } else {
            let delay_ms = self.commands_backoff.next(self.now, 0, &self.config.retry, &mut self.rng);
            self.subscriptions.undo(channel, self.now.after(delay_ms));
        }
        self.apply();
    }

    /// Subscribes are sent again, messages never: whether they were processed is unknown (R7).
    pub(super) fn commands_failed(&mut self, exchange: &mut Exchange, error: Error, at_least_ms: u64) {
        let goes_on = exchange.epoch == self.epoch && self.ending.is_none();
        let unknown_client = exchange.unknown_client.take();
        let refused_token = self.config.auth && error == Error::HttpStatus(401);
        let is_lost = self.is_lost(exchange, &error);
        let cause = error.clone();
        let sent = exchange.take_unanswered();
        self.abandon(exchange, &error);
        // The server understood, and did not process it.
        let refused =
            (matches!(error, Error::HttpStatus(400..500)) && !error.retryable()).then(|| error.clone());
        let mut given_up = None;
        let mut retry_at = self.now;
        if goes_on {
            let delay_ms =
                self.commands_backoff.next(self.now, at_least_ms, &self.config.retry, &mut self.rng);
            retry_at = self.now.after(delay_ms);
            self.commands_at = retry_at;
            let attempt = self.commands_backoff.attempts();
            if self.config.retry.max_retries.is_some_and(|most| attempt > most) {
                given_up = Some(Error::MaxRetries { attempts: attempt, last: Box::new(error) });
            } else if sent.iter().any(|sent| !sent.is_message()) {
                self.report(Status::Retry { attempt, delay_ms, error });
            }
        }
        for sent in sent {
            match (sent.what, &given_up) {
                (What::Subscribe(_) | What::Unsubscribe(_), _) if !goes_on => continue,
                (What::Subscribe(channel), Some(error)) => self.subscriptions.refused(&channel, error),
                (What::Subscribe(channel) | What::Unsubscribe(channel), _) => {
                    self.subscriptions.undo(&channel, retry_at);
                }
                // Not processed, hence sent once more, with the next token.
                (What::Publish(publish), _) if refused_token && self.may_go_again(&publish) => {
                    self.publishes.push(Publish { again: true, ..publish });
                }
                (what, _) => {
                    self.reject(what, &|channel| refused.clone().unwrap_or(Error::OutcomeUnknown { channel }))
                }
            }
            self.apply();
        }
        if !goes_on {
            return self.calls_lost();
        }
        if let Some(failure) = unknown_client {
            self.session_gone(failure, 0);
        } else if refused_token {
            let error = Error::Unauthorized(Failure::parse("401::HTTP 401"));
            self.unauthorized(exchange.token, error, true);
        } else if is_lost {
            self.replace_session(cause, at_least_ms);
        }
    }

    /// The commands that wait did not go out, and wait on.
    pub(super) fn commands_unsent(&mut self, error: Error) {
        let delay_ms = self.commands_backoff.next(self.now, 0, &self.config.retry, &mut self.rng);
        self.commands_at = self.now.after(delay_ms);
        let attempt = self.commands_backoff.attempts();
        if self.config.retry.max_retries.is_none_or(|most| attempt <= most) {
            return self.report(Status::Retry { attempt, delay_ms, error });
        }
        let error = Error::MaxRetries { attempts: attempt, last: Box::new(error) };
        for (_, next) in self.waiting_commands() {
            if let Next::Subscribe(channel) = next {
                self.subscriptions.refused(&channel, &error);
            }
        }
        self.reject_queued(&|_| error.clone());
        self.apply();
    }
}

/// A command that may go out.
#[repr(u32)]
enum Next {
    Subscribe(String),
    Unsubscribe(String),
    Publish(u32),
    Raw(u32),
}

/// Does it concern nothing but the subscriptions of service channels, of which the session itself tells the server nothing?
fn subscribes_to_services(message: &Message) -> bool {
    let own = matches!(message.channel(), Some("/meta/subscribe" | "/meta/unsubscribe"));
    let Some(given) = json::member(message.raw(), "subscription").filter(|_| own) else { return false };
    let mut names: Vec<String> = json::strings(given);
    names.extend(json::decode_string(given).map(|name| name.into_owned()));
    let all = !json::is_array(given) || json::elements(given).count() == names.len();
    all && !names.is_empty() && names.iter().all(|name| name.starts_with("/service/"))
}

/// Puts a command in its place. The library's sorts cost 4 kB of wasm; the lists are short and mostly sorted.
#[inline(never)]
fn in_order(waiting: &mut Vec<(u32, Next)>, order: u32, next: Next) {
    let at = waiting.iter().rposition(|(other, _)| *other <= order).map_or(0, |before| before + 1);
    waiting.insert(at, (order, next));
}
