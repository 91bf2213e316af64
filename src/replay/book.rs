//! R2, R5, R6: the channels that are tracked by replay, and their positions in the store.

mod calls;
mod given;
mod store;
#[cfg(test)]
mod tests;

use self::given::GivenOut;
use self::store::StoreState;
pub(crate) use self::store::{StoreCall, StoreOperation};
use super::ledger::{Arrival, Committed, Ledger};
pub(crate) use super::ledger::{Carrier, InFlight, Joined};
use super::position::{Commit, OnInvalid, Position, Start};
use std::sync::Arc;

use crate::Instant;
use crate::bayeux::channel::{Pattern, topic};
use crate::bayeux::message::Message;
use crate::bayeux::pattern_map::PatternMap;
use crate::ordered::{Agenda, NumberMap, Numbers};
use crate::steps::step;

/// Every tracked channel: its ledger, its calls to the store, its position.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Book {
    channels: NumberMap<TrackedChannel>,
    names: PatternMap<u32>,
    last_channel: u32,
    /// How many channels may be tracked at once.
    max_channels: usize,
    /// So many bytes of events are kept for readers that join.
    max_kept_bytes: usize,
    /// A channel was forgotten that was subscribed in the present session.
    forgot: bool,
    given: GivenOut,
    /// How many events of tracked channels have come.
    arrived: u64,
    kept_bytes: usize,
    /// How many events a reader has yet to commit.
    owed: usize,
    /// Channels with events that are not certain yet.
    provisional: Agenda,
    /// Channels of which events are expected again.
    expecting: Agenda,
    /// How many tracked channels are wanted.
    wanted: usize,
    /// Channels with a position that the store does not have yet.
    unsaved: Agenda,
    /// Channels that can be forgotten.
    dispensable: Agenda,
    /// When the store is to be called for a channel.
    calls_due: Agenda,
    /// When a call to the store expires, by channel.
    calls_open: Agenda,
    /// The channels of the calls to the store that have no answer.
    calls: Numbers,
    last_call: u32,
}

/// A channel that is tracked. Its position outlives its subscriptions.
#[cfg_attr(test, derive(Clone))]
struct TrackedChannel {
    ledger: Ledger,
    store: StoreState,
    /// Whether a subscription to it is open.
    wanted: bool,
    /// Whether the server has stopped delivering it, and no subscription has wanted it since.
    released: bool,
    /// Its entries in `calls_due` and `calls_open`.
    next_call_at: Option<Instant>,
    expires_at: Option<Instant>,
}

/// The options with which a channel is tracked.
#[derive(Clone)]
pub(crate) struct Conditions {
    pub start: Start,
    pub commit: Commit,
    pub on_invalid: OnInvalid,
}

/// A position that the server refused (R6).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusedPosition {
    /// The replay id.
    pub after: String,
    /// Commits that waited for positions of the previous epoch.
    pub commands: Vec<u32>,
}

/// An event that has arrived, and its circumstances.
pub(crate) struct Received<'a> {
    pub event: &'a Arc<Message>,
    /// The number by which it is given out.
    pub sequence: u32,
    /// The subscriptions that it is for, ascending.
    pub subscriptions: &'a [u32],
    /// The subscriptions to the very channel that is tracked, ascending.
    pub holders: &'a [u32],
    /// The request whose response brought it.
    pub carrier: Carrier,
}

impl Book {
    pub fn new(max_channels: usize, max_kept_bytes: usize) -> Self {
        Self {
            channels: NumberMap::default(),
            names: PatternMap::default(),
            last_channel: 0,
            max_channels,
            max_kept_bytes,
            forgot: false,
            given: GivenOut::default(),
            arrived: 0,
            kept_bytes: 0,
            owed: 0,
            provisional: Agenda::default(),
            expecting: Agenda::default(),
            wanted: 0,
            unsaved: Agenda::default(),
            dispensable: Agenda::default(),
            calls_due: Agenda::default(),
            calls_open: Agenda::default(),
            calls: Numbers::default(),
            last_call: 0,
        }
    }

    /// Whether this many more channels can be tracked; those that can be forgotten make room (P2).
    pub fn has_room_for(&self, channels: usize) -> bool {
        self.max_channels.saturating_sub(self.channels.len()) + self.dispensable.len() >= channels
    }

    /// How many events of tracked channels have come.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Tracks a channel for a new subscription; `alone`: no other is open.
    pub fn track(&mut self, pattern: &Pattern, conditions: Conditions, alone: bool, now: Instant) {
        let Conditions { start, commit, on_invalid } = conditions;
        if let Some(channel) = self.names.get(pattern.as_str()).copied() {
            self.update(channel, |tracked| {
                tracked.released = false;
                if alone {
                    tracked.ledger.conditions(start, commit, on_invalid);
                }
            });
            return;
        }
        if self.channels.len() >= self.max_channels
            && let Some((_, oldest)) = self.dispensable.first()
        {
            self.forgot |= self.remove(oldest).is_some_and(|tracked| tracked.ledger.is_subscribed());
        }
        self.last_channel += 1;
        let ledger = Ledger::new(pattern.as_str(), start, commit, on_invalid);
        let store = StoreState::new(now);
        let (wanted, released) = (false, false);
        let tracked =
            TrackedChannel { ledger, store, wanted, released, next_call_at: None, expires_at: None };
        self.channels.insert(self.last_channel, tracked);
        self.names.insert(pattern, self.last_channel);
    }

    /// A subscription to this channel is new: it is given all that stands behind the position; `sequence` is the number
    /// of the first event (R7b).
    pub fn join(&mut self, name: &str, subscription: u32, sequence: u32) -> Joined {
        let Some(channel) = self.names.get(name).copied() else { return Joined::default() };
        let mut commit = Commit::Manual;
        let joined = self.update(channel, |tracked| {
            commit = tracked.ledger.commit;
            tracked.ledger.join(subscription, sequence)
        });
        let joined = joined.unwrap_or_default();
        let mut sequence = sequence;
        for _ in &joined.events {
            self.given.add(sequence, channel, commit, [subscription].into_iter());
            sequence = sequence.wrapping_add(1).max(1);
        }
        joined
    }

    /// Whether a subscription to this channel is open.
    pub fn set_wanted(&mut self, name: &str, wanted: bool) {
        let Some(channel) = self.names.get(name).copied() else { return };
        let before = self.update(channel, |tracked| core::mem::replace(&mut tracked.wanted, wanted));
        match (before, wanted) {
            (Some(false), true) => self.wanted += 1,
            (Some(true), false) => self.wanted -= 1,
            _ => {}
        }
    }

    /// No subscription wants this channel, and the server does not deliver it: once its position is saved, the channel
    /// can be forgotten (P2).
    pub fn release(&mut self, name: &str) {
        if let Some(channel) = self.names.get(name).copied() {
            self.update(channel, |tracked| tracked.released = true);
        }
    }

    /// A subscription to a channel has left; `handed` is the last event that it was handed out.
    pub fn leave(&mut self, name: &str, subscription: u32, handed: u32, in_flight: InFlight) {
        let Some(channel) = self.names.get(name).copied() else { return };
        self.update(channel, |tracked| tracked.ledger.leave(subscription, handed, in_flight));
        self.given.leave(subscription);
    }

    /// A channel of a subscription has failed. What of it the reader has in hand is not known here, so all that it was given
    /// holds the position, unless it commits that later.
    pub fn channel_failed(&mut self, name: &str, subscription: u32, in_flight: InFlight) {
        if let Some(channel) = self.names.get(name).copied() {
            self.update(channel, |tracked| tracked.ledger.leave(subscription, u32::MAX, in_flight));
        }
    }

    /// Whether this channel is tracked.
    pub fn tracks(&self, name: &str) -> bool {
        self.names.get(name).is_some()
    }

    /// The options with which this channel is tracked.
    pub fn conditions(&self, name: &str) -> Option<(&Start, Commit)> {
        self.get(name).map(|tracked| (tracked.ledger.start(), tracked.ledger.commit))
    }

    /// Whether the store has answered the load of this channel's position (R5a).
    pub fn is_loaded(&self, name: &str) -> bool {
        self.get(name).is_some_and(|tracked| tracked.store.is_loaded())
    }

    /// Whether events of this channel have come, or its position is known.
    pub fn has_received(&self, name: &str) -> bool {
        self.get(name).is_some_and(|tracked| tracked.ledger.has_received())
    }

    /// Whether a new session continues where this one stops, and so loses nothing of the channel (R7c).
    pub fn restarts_without_loss(&self, name: &str, in_flight: InFlight) -> bool {
        self.get(name).is_some_and(|tracked| tracked.ledger.restarts_without_loss(in_flight))
    }

    /// The position that may be saved.
    pub fn position(&self, name: &str) -> Option<Position> {
        self.get(name).and_then(|tracked| tracked.ledger.to_save()).map(|(_, position)| position)
    }

    /// Whether any tracked channel is wanted.
    pub fn any_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// The channel that tracks the position of an event on `channel`: the one that is wanted, where there are several.
    /// Events match with and without the query (R2).
    pub fn tracking(&self, channel: &str) -> Option<&str> {
        let of_topic = self.of_topic(channel);
        let tracked = of_topic.iter().filter_map(|number| self.channels.get(*number));
        let best = tracked.max_by_key(|tracked| (tracked.wanted, tracked.ledger.is_subscribed()));
        best.map(|tracked| tracked.ledger.channel())
    }

    /// Takes in an event of the tracked channel `name`, and returns those of its subscriptions that have not received
    /// it yet. `None`: it has no position.
    pub fn receive(&mut self, name: &str, received: &Received<'_>, in_flight: InFlight) -> Option<Vec<u32>> {
        let Received { event, sequence, subscriptions, holders, carrier } = *received;
        let number = self.names.get(name).copied()?;
        let arrived = self.arrived;
        let keep_text = self.kept_bytes + event.raw().len() <= self.max_kept_bytes;
        let (new, commit) = self.update(number, |tracked| {
            let arrival =
                Arrival { event, sequence, subscriptions, committers: holders, carrier, arrived, keep_text };
            tracked.ledger.receive(&arrival, in_flight).map(|new| (new, tracked.ledger.commit))
        })??;
        self.arrived += 1;
        self.provisional.insert(0, number);
        let mut committers =
            new.iter().copied().filter(|subscription| holders.contains(subscription)).peekable();
        if committers.peek().is_some() {
            self.given.add(sequence, number, commit, committers);
        }
        Some(new)
    }

    /// A response has arrived whole: events that waited for it are certain (R4a).
    pub fn response_ended(&mut self, in_flight: InFlight) {
        for number in self.provisional.take_all() {
            if self.update(number, |tracked| tracked.ledger.settle(in_flight)) == Some(true) {
                self.provisional.insert(0, number);
            }
        }
    }

    /// A poll has come that brings all that is expected again, if the server still has it and no other response does.
    /// Returns the commits that wait for what it no longer has.
    pub fn all_came_again(&mut self, in_flight: InFlight) -> Vec<u32> {
        if in_flight != InFlight::default() {
            return Vec::new();
        }
        let mut commands = Vec::new();
        for number in self.expecting.at(0) {
            let mut settled = self.update(number, |tracked| tracked.ledger.all_came_again());
            commands.append(settled.get_or_insert_default());
        }
        commands
    }

    /// The position after which a subscribe would begin, if the channel is tracked.
    pub fn resume_from(&self, name: &str) -> Option<&str> {
        self.get(name).map(|tracked| tracked.ledger.resume_from())
    }

    /// The channel is subscribed now. Returns the position after which that begins, the last one that is certain (R7).
    pub fn subscribing(&mut self, name: &str) -> Option<String> {
        let number = self.names.get(name).copied()?;
        self.update(number, |tracked| tracked.ledger.subscribing())
    }

    /// An event of a channel is not taken in, since it may not be the next one, or cannot be read (X3): the position stays
    /// before it.
    pub fn passed_over(&mut self, name: &str, in_flight: InFlight) {
        if let Some(number) = self.names.get(name).copied() {
            self.update(number, |tracked| {
                // Nothing of it has come in this session otherwise.
                if tracked.ledger.is_subscribed() {
                    tracked.ledger.passed_over(in_flight);
                }
            });
        }
    }

    /// The server has refused to subscribe a channel, or has not seen the request.
    pub fn not_subscribed(&mut self, name: &str) {
        if let Some(number) = self.names.get(name).copied() {
            self.update(number, |tracked| tracked.ledger.not_subscribed());
        }
    }

    /// Whether the channel has been subscribed in this session, which cannot subscribe it again.
    pub fn is_subscribed(&self, name: &str) -> bool {
        self.get(name).is_some_and(|tracked| tracked.ledger.is_subscribed())
    }

    /// Whether any channel of the topic, with whatever query, may have been subscribed in this session.
    pub fn is_topic_subscribed(&self, name: &str) -> bool {
        let is = |number| self.channels.get(number).is_some_and(|tracked| tracked.ledger.is_subscribed());
        self.forgot || self.of_topic(name).into_iter().any(is)
    }

    /// The session is gone: the next subscribes begin at the last certain positions.
    pub fn restart(&mut self, in_flight: InFlight) {
        self.forgot = false;
        for number in self.channels.keys() {
            step();
            self.update(number, |tracked| tracked.ledger.restart(in_flight));
        }
    }

    /// The application was handed the events of a subscription up to this one, or is done with them (R3).
    pub fn progress(&mut self, subscription: u32, sequence: u32, done: bool, in_flight: InFlight) {
        let mode = if done { Commit::Processed } else { Commit::Delivered };
        while let Some((given, number)) =
            self.given.first(subscription, mode).filter(|(given, _)| *given <= sequence)
        {
            self.given.remove_first(subscription, mode);
            self.update(number, |tracked| tracked.ledger.processed(subscription, given, in_flight));
        }
    }

    /// `event.commit()`. Returns the commands that it settles. An event that is no longer remembered has been saved long
    /// ago. `Err`: its position is no longer valid (R6); gives the channel.
    pub fn commit(
        &mut self,
        command: u32,
        subscriptions: &[u32],
        sequence: u32,
        in_flight: InFlight,
    ) -> Result<Vec<u32>, String> {
        let Some(number) = self.given.channel_of(sequence) else { return Ok(vec![command]) };
        let settled = self.update(number, |tracked| match tracked.ledger.wait_for(command, sequence) {
            Committed::Known => Ok(vec![command]),
            Committed::Expired => Err(tracked.ledger.channel().to_owned()),
            Committed::Waits => {
                for subscription in subscriptions {
                    tracked.ledger.processed(*subscription, sequence, in_flight);
                }
                Ok(tracked.store.commands_saved(&mut tracked.ledger))
            }
        });
        settled.unwrap_or_else(|| Ok(vec![command]))
    }

    /// The server refuses the position of a channel (R6): another one takes its place. `None` if the refusal is final:
    /// the channel is to have no other position, or that one was refused, too.
    pub fn position_refused(&mut self, name: &str) -> Option<RefusedPosition> {
        let number = self.names.get(name).copied()?;
        self.update(number, |tracked| {
            let fallback = match tracked.ledger.on_invalid {
                OnInvalid::All => Start::All,
                OnInvalid::New => Start::New,
                OnInvalid::Fail => return None,
            };
            let after = tracked.ledger.resume_from().to_owned();
            if after == Start::New.as_str() || after == Start::All.as_str() {
                return None;
            }
            let commands = tracked.ledger.refused(fallback);
            // Positions of the old epoch need not be saved any more.
            tracked.store.skip_to(tracked.ledger.version());
            Some(RefusedPosition { after, commands })
        })?
    }

    /// The client is over, and nothing will be saved any more. Returns the commits that wait.
    pub fn end(&mut self) -> Vec<u32> {
        let mut commands = Vec::new();
        for tracked in self.channels.values_mut() {
            step();
            commands.append(&mut tracked.ledger.take_all_waiters());
        }
        commands
    }

    /// How many events a reader has yet to commit (P3).
    pub fn owed(&self) -> usize {
        self.owed
    }

    /// The channel that has the most of these.
    pub fn most_owed(&self) -> String {
        let ledgers = self.channels.values().inspect(|_| step()).map(|tracked| &tracked.ledger);
        ledgers
            .max_by_key(|ledger| ledger.owed())
            .map_or_else(String::new, |ledger| ledger.channel().to_owned())
    }

    fn get(&self, name: &str) -> Option<&TrackedChannel> {
        self.channels.get(*self.names.get(name)?)
    }

    fn of_topic(&self, channel: &str) -> Vec<u32> {
        self.names.matching(topic(channel)).copied().collect()
    }

    /// Applies a change to a channel; every change goes through here.
    fn update<T>(&mut self, number: u32, change: impl FnOnce(&mut TrackedChannel) -> T) -> Option<T> {
        let tracked = self.channels.get_mut(number)?;
        let (kept, owed) = (tracked.ledger.kept_bytes(), tracked.ledger.owed());
        let result = change(tracked);
        self.kept_bytes = self.kept_bytes + tracked.ledger.kept_bytes() - kept;
        self.owed = self.owed + tracked.ledger.owed() - owed;
        self.reindex(number);
        Some(result)
    }

    /// Updates the indexes after a change of a channel.
    #[inline(never)]
    fn reindex(&mut self, number: u32) {
        step();
        let Some(tracked) = self.channels.get_mut(number) else { return };
        let next_call_at = tracked.store.next_call_at(&tracked.ledger, tracked.wanted);
        let expires_at = tracked.store.expires_at();
        move_to(&mut self.calls_due, number, &mut tracked.next_call_at, next_call_at);
        move_to(&mut self.calls_open, number, &mut tracked.expires_at, expires_at);
        self.unsaved.set(0, number, !tracked.store.is_saved(&tracked.ledger));
        self.dispensable.set(0, number, tracked.is_dispensable());
        self.expecting.set(0, number, tracked.ledger.expects_again());
        self.given.forget(tracked.ledger.take_forgotten());
    }

    fn remove(&mut self, number: u32) -> Option<Box<TrackedChannel>> {
        let mut tracked = self.channels.remove(number)?;
        self.names.remove(tracked.ledger.channel());
        self.wanted -= usize::from(tracked.wanted);
        move_to(&mut self.calls_due, number, &mut tracked.next_call_at, None);
        move_to(&mut self.calls_open, number, &mut tracked.expires_at, None);
        self.unsaved.remove(0, number);
        self.dispensable.remove(0, number);
        self.provisional.remove(0, number);
        self.expecting.remove(0, number);
        self.kept_bytes -= tracked.ledger.kept_bytes();
        self.owed -= tracked.ledger.owed();
        self.given.forget(tracked.ledger.sequences());
        Some(tracked)
    }
}

/// Moves a channel in an agenda from where it stands to `to`.
#[inline(never)]
fn move_to(agenda: &mut Agenda, number: u32, from: &mut Option<Instant>, to: Option<Instant>) {
    if *from == to {
        return;
    }
    if let Some(at) = from {
        agenda.remove(at.as_millis(), number);
    }
    if let Some(at) = to {
        agenda.insert(at.as_millis(), number);
    }
    *from = to;
}

impl TrackedChannel {
    /// Whether the store has all that is known about the channel, and nothing needs it now (P2).
    fn is_dispensable(&self) -> bool {
        self.released
            && !self.wanted
            && self.store.is_loaded()
            && self.store.is_saved(&self.ledger)
            && self.ledger.is_all_committed()
    }
}
