//! The commands of the application, one function for each.

use std::sync::Arc;

use super::channels::Tracking;
use super::io::{Command, ReplayOptions};
use super::status::{GapCause, Status};
use super::subscriptions::Subscriptions;
use super::{ApiMisuse, Error, Output, Session};
use crate::Instant;
use crate::bayeux::channel::{Pattern, check_publish};
use crate::bayeux::json;
use crate::bayeux::message::Message;
use crate::bayeux::pattern_map::PatternMap;
use crate::replay::Start;
use crate::replay::book::Conditions;
use crate::text::{decimal, joined};

/// How deep the caller's JSON may be nested.
const MAX_DEPTH: u32 = 128;

/// How long a tracked channel stays subscribed after its last reader has left without an explicit unsubscribe.
const LINGER_MS: u64 = 3_000;

impl Session {
    pub(super) fn command(&mut self, command: Command<'_>) -> Result<(), ApiMisuse> {
        match command {
            Command::Close => self.end(None),
            Command::Tap(on) => self.tap = on,
            _ if self.shutdown.has_begun() => return Err(ApiMisuse::Closed),
            Command::Subscribe { .. }
            | Command::Publish { .. }
            | Command::Send { .. }
            | Command::Call { .. }
                if self.pause.is_suspended() =>
            {
                return Err(ApiMisuse::Suspended);
            }
            Command::Subscribe { subscription, channels, replay } => {
                self.subscribe(subscription, channels, replay.as_ref())?;
            }
            Command::Unsubscribe { command, subscription, handed, linger } => {
                let linger_until = linger.then(|| self.now.after(LINGER_MS));
                self.unsubscribe(command, subscription, handed, linger_until);
            }
            Command::Commit { command, subscriptions, sequence } => {
                match self.book.commit(command, subscriptions, sequence, self.in_flight()) {
                    Ok(settled) => self.settle_all(settled, None),
                    Err(channel) => self.settle(command, Err(Error::PositionInvalid { channel })),
                }
            }
            Command::Publish { command, channel, data } => self.publish(command, channel, data)?,
            Command::Call { command, channel, data, timeout_ms } => {
                self.call(command, channel, data, timeout_ms)?;
            }
            Command::Cancel { command } => {
                self.calls.remove(command);
                self.outbox.cancel_call(command);
            }
            Command::Send { command, messages } => self.send_raw(command, messages)?,
            Command::RetryNow => self.retry_now(),
            Command::Drain { command, idle_ms, deadline_ms } => self.drain(command, idle_ms, deadline_ms)?,
            Command::Pause { command } => self.suspend_and_save(command),
            Command::Hidden(hidden) => self.set_hidden(hidden),
            Command::Suspend { command } => self.suspend_and_leave(command),
            Command::Restore { subscriptions, message } => self.restore(subscriptions, message),
        }
        Ok(())
    }

    fn subscribe(
        &mut self,
        subscription: u32,
        channels: &[String],
        replay: Option<&ReplayOptions<'_>>,
    ) -> Result<(), ApiMisuse> {
        if let Some(replay) = replay {
            self.check_replay(channels, replay)?;
        }
        let patterns = Subscriptions::parse(channels)?;
        if subscription == 0 || self.subscriptions.contains(subscription) || self.flow.knows(subscription) {
            return Err(ApiMisuse::NumberInUse(subscription));
        }
        let order = self.outbox.next_order();
        if let Some(replay) = replay {
            self.track(channels, replay);
        }
        self.flow.open(subscription, patterns.first().map_or("", Pattern::as_str));
        let mut wanted = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let accepted = self.want(&pattern, order);
            wanted.push((pattern, accepted));
        }
        let changes = self.subscriptions.add(subscription, wanted);
        for channel in channels {
            self.take_over(channel);
        }
        if self.poll.is_lost() {
            // The server may put events into the lost poll until another poll replaces it.
            self.gap(GapCause::ResponseLost, self.now, true);
        }
        self.tell(changes);
        self.join(subscription, channels);
        Ok(())
    }

    /// Gives a new subscription everything since the last committed position (R7b): from memory, or by a new session.
    fn join(&mut self, subscription: u32, channels: &[String]) {
        let mut needs_session = false;
        for channel in channels {
            let joined = self.book.join(channel, subscription, self.flow.next_event());
            for event in joined.events {
                self.give_out(vec![subscription], event);
            }
            if joined.is_lost {
                self.nothing_to_go_on_from(channel);
            }
            // What was lost while nobody wanted it.
            let lost = self.book.is_subscribed(channel) && self.lanes.has_lost();
            needs_session |= joined.needs_session || lost;
        }
        if needs_session {
            self.leave_for_replay();
        }
    }

    /// Whether these channels can be tracked with these options (R2, R2a, R3a).
    fn check_replay(&self, channels: &[String], replay: &ReplayOptions<'_>) -> Result<(), ApiMisuse> {
        let (mut given, mut new) = (PatternMap::default(), PatternMap::default());
        for pattern in channels.iter().filter_map(|channel| Pattern::parse(channel).ok()) {
            given.insert(&pattern, ());
        }
        for (index, channel) in channels.iter().enumerate() {
            // Malformed names are reported elsewhere.
            let Ok(pattern) = Pattern::parse(channel) else { continue };
            let start = replay.start(index);
            if pattern.is_glob() && start != Start::New {
                return Err(ApiMisuse::GlobWithPosition(channel.clone()));
            }
            if !is_tracked(&pattern) {
                continue;
            }
            if given.has_other_filter(channel) || self.subscriptions.wants_other_filter(channel) {
                return Err(ApiMisuse::TwoFilters(channel.clone()));
            }
            if self.subscriptions.wants(channel)
                && let Some((known, commit)) = self.book.conditions(channel)
                && (commit != replay.commit || *known != start)
            {
                return Err(ApiMisuse::OtherConditions(channel.clone()));
            }
            if !self.book.tracks(channel) {
                new.insert(&pattern, ());
            }
        }
        if self.book.has_room_for(new.len()) {
            return Ok(());
        }
        Err(ApiMisuse::TooManyChannels(self.config.limits.tracked_channels))
    }

    /// Tracks the channels of a subscription that is about to be added.
    fn track(&mut self, channels: &[String], replay: &ReplayOptions<'_>) {
        for (index, channel) in channels.iter().enumerate() {
            let Ok(pattern) = Pattern::parse(channel) else { continue };
            if !is_tracked(&pattern) {
                continue;
            }
            let start = replay.start(index);
            let conditions = Conditions { start, commit: replay.commit, on_invalid: replay.on_invalid };
            self.book.track(&pattern, conditions, !self.subscriptions.wants(channel), self.now);
        }
    }

    /// A subscription wants this channel. Returns whether the server delivers it already.
    fn want(&mut self, pattern: &Pattern, order: u32) -> bool {
        let name = pattern.as_str();
        let tracking = match (self.book.tracks(name), self.book.is_loaded(name)) {
            (false, _) => Tracking::Untracked,
            (true, false) => Tracking::Loading,
            (true, true) => Tracking::Loaded,
        };
        self.losses.watch(pattern);
        let promised = self.losses.is_promised(name);
        let (accepted, released) = self.channels.want(pattern, promised, tracking, order, self.now);
        if accepted {
            self.losses.promise(name);
        }
        self.book.set_wanted(name, true);
        self.tell_released(released);
        accepted
    }

    /// The suspended client may have subscribed this channel: losses since then are a gap.
    fn take_over(&mut self, channel: &str) {
        if self.book.tracks(channel) {
            return;
        }
        let Some(before) = &mut self.predecessor else { return };
        let continues = before.session_continues(self.link.epoch());
        let Some(lost) = before.take(channel) else { return };
        let since_unix_ms = before.unix_ms();
        if lost || !continues {
            self.losses.promise_with_gap(channel, Instant::default());
        } else {
            self.losses.promise(channel);
        }
        let cause = match continues {
            false => GapCause::SessionLost,
            true if lost => GapCause::ResponseLost,
            true => return,
        };
        self.report(Status::Gap { channel: channel.to_owned(), cause, after: None, since_unix_ms });
    }

    /// Tracked channels that nobody else wants stay subscribed until `linger_until`.
    fn unsubscribe(&mut self, command: u32, subscription: u32, handed: u32, linger_until: Option<Instant>) {
        let left = self.subscriptions.remove(subscription);
        let unread = self.flow.forget(subscription);
        let Some(left) = left else {
            self.settle(command, Ok(Vec::new()));
            return self.flow_changed(unread);
        };
        for name in left.names() {
            self.book.leave(name, subscription, handed, self.in_flight());
            self.book.set_wanted(name, self.subscriptions.wants(name));
        }
        if left.is_settled() {
            self.emit(Output::Ended { subscription, error: None });
        } else {
            self.settle(subscription, Err(Error::Closed));
        }
        let order = self.outbox.next_order();
        let released = self.channels.leave(left.wanted_names(), command, order, linger_until);
        self.tell_released(released);
        if self.pause.is_suspended() {
            let released = self.channels.release_all();
            self.tell_released(released);
        }
        self.flow_changed(unread);
    }

    fn publish(&mut self, command: u32, channel: &str, data: &str) -> Result<(), ApiMisuse> {
        check_publish(channel)
            .map_err(|source| ApiMisuse::Channel { channel: channel.to_owned(), source })?;
        if !json::validate(data, MAX_DEPTH) {
            return Err(ApiMisuse::NotJson("publish"));
        }
        self.outbox.publish(command, channel, data, None);
        Ok(())
    }

    fn call(
        &mut self,
        command: u32,
        channel: &str,
        data: &str,
        timeout_ms: Option<u64>,
    ) -> Result<(), ApiMisuse> {
        let malformed = |source| ApiMisuse::Channel { channel: channel.to_owned(), source };
        check_publish(channel).map_err(malformed)?;
        if !Pattern::parse(channel).map_err(malformed)?.is_service() {
            return Err(ApiMisuse::NotService(channel.to_owned()));
        }
        if !json::validate(data, MAX_DEPTH) {
            return Err(ApiMisuse::NotJson("call"));
        }
        // The id must differ from those of the suspended client (S17), whose answers may still arrive in this session.
        let id = joined(&[&self.lanes.next_message_id(), "c", &decimal(self.unix_ms(self.now))], "");
        let timeout_ms = timeout_ms.unwrap_or(self.config.network_delay_ms);
        self.calls.add(command, channel, &id, self.now, timeout_ms);
        self.outbox.publish(command, channel, data, Some(id));
        Ok(())
    }

    fn send_raw(&mut self, command: u32, messages: &[String]) -> Result<(), ApiMisuse> {
        let mut checked = Vec::with_capacity(messages.len());
        for text in messages {
            let message = json::validate(text, MAX_DEPTH).then(|| Message::parse(text.clone())).flatten();
            let message = message.ok_or(ApiMisuse::NotJson("send"))?;
            let channel = message.channel().ok_or(ApiMisuse::NoChannelInMessage)?;
            if message.is_meta() && !subscribes_to_services(&message) {
                return Err(ApiMisuse::OwnChannel(channel.to_owned()));
            }
            let subscription = message.subscription().map(|name| name.into_owned());
            checked.push((channel.to_owned(), subscription, message.into_raw()));
        }
        if let Some((command, result)) = self.outbox.send(command, checked) {
            self.settle(command, result);
        }
        Ok(())
    }

    /// Starts every attempt that waits only because of a back-off (S8). Waits that the server asked for stay, and so
    /// does the storm guard (S8a), which is checked when a handshake goes out.
    fn retry_now(&mut self) {
        let now = self.now;
        if !self.link.has_session() {
            self.handshakes.hurry(now);
        } else if let Some(at) = self.poll.back_off_end() {
            self.handshakes.hurry_to(now, at);
        }
        if let Some(at) = self.tokens.back_off_end() {
            self.handshakes.hurry_to(now, at);
        }
        self.outbox.hurry(now);
        let released = self.channels.hurry(now, |at| self.outbox.hurry_to(now, at));
        self.tell_released(released);
        self.book.hurry(now);
    }

    /// An event that was still queued when the earlier client was suspended (S17).
    fn restore(&mut self, wanted: &[u32], message: &str) {
        let Some(message) = Message::parse(message.to_owned()) else { return };
        let mut takers = self.subscriptions.takers(message.channel().unwrap_or_default());
        takers.retain(|number| wanted.contains(number));
        self.give_out(takers, Arc::new(message));
    }
}

/// Whether the channel has a position of its own (R2a).
fn is_tracked(pattern: &Pattern) -> bool {
    !pattern.is_glob() && !pattern.is_service()
}

/// Whether the message subscribes or unsubscribes `/service/*` channels only, of which the session itself never tells
/// the server.
fn subscribes_to_services(message: &Message) -> bool {
    let own = matches!(message.channel(), Some("/meta/subscribe" | "/meta/unsubscribe"));
    let Some(given) = json::member(message.raw(), "subscription").filter(|_| own) else { return false };
    let mut names: Vec<String> = json::strings(given);
    names.extend(json::decode_string(given).map(|name| name.into_owned()));
    let all = !json::is_array(given) || json::elements(given).count() == names.len();
    all && !names.is_empty() && names.iter().all(|name| name.starts_with("/service/"))
}
