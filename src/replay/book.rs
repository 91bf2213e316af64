//! R2, R5, R6: the channels that are tracked by replay, and their positions in the store.

mod calls;
mod given;
mod store;
#[cfg(test)]
mod tests;

use self::given::GivenOut;
use self::store::StoreState;
pub(crate) use self::store::{StoreCall, StoreOperation};
use super::ledger::{Arrival, Ledger, Wait};
use super::position::{Commit, OnInvalid, Position, Start};
use crate::Instant;
use crate::bayeux::channel::{Pattern, topic};
use crate::bayeux::message::Message;
use crate::bayeux::pattern_map::PatternMap;
use crate::ordered::{Agenda, NumberMap, Numbers};
use crate::steps::step;

/// Every tracked channel: its ledger, its calls to the store, its position.
pub(crate) struct Book {
    channels: NumberMap<TrackedChannel>,
    names: PatternMap<u32>,
    last_channel: u32,
    /// How many channels may be tracked at once.
    max_channels: usize,
    /// A channel was forgotten that may have been subscribed in the present session.
    forgot: bool,
    given: GivenOut,
    /// Channels with positions that wait for a response to end (R4a).
    provisional: Agenda,
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
    pub event: &'a Message,
    /// The number by which it is given out.
    pub sequence: u32,
    /// The subscriptions that it is for, ascending.
    pub subscriptions: Vec<u32>,
    /// The subscriptions to the very channel that is tracked, ascending.
    pub holders: &'a [u32],
    /// The request whose response brought it.
    pub request: u32,
    /// The other response that is open and may hold events that belong before it.
    pub beside: Option<u32>,
    /// Whether its position does not count.
    pub late: bool,
}

impl Book {
    pub fn new(max_channels: usize) -> Self {
        Self {
            channels: NumberMap::default(),
            names: PatternMap::default(),
            last_channel: 0,
            max_channels,
            forgot: false,
            given: GivenOut::default(),
            provisional: Agenda::default(),
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

    /// Tracks a channel for a new subscription; `others` are the subscriptions that are open. Returns `true` if the new
    /// one needs earlier events again (R7b).
    pub fn track(&mut self, pattern: &Pattern, conditions: Conditions, others: &[u32], now: Instant) -> bool {
        let Conditions { start, commit, on_invalid } = conditions;
        if let Some(channel) = self.names.get(pattern.as_str()).copied() {
            return self
                .update(channel, |tracked| {
                    tracked.released = false;
                    if others.is_empty() {
                        tracked.ledger.conditions(start, commit, on_invalid);
                    }
                    tracked.ledger.subscription_added(others)
                })
                .unwrap_or(false);
        }
        if self.channels.len() >= self.max_channels
            && let Some((_, oldest)) = self.dispensable.first()
        {
            self.remove(oldest);
            self.forgot = true;
        }
        self.last_channel += 1;
        let mut ledger = Ledger::new(pattern.as_str(), start, commit, on_invalid);
        if self.forgot {
            ledger.may_have_leftovers();
        }
        let store = StoreState::new(now);
        let (wanted, released) = (false, false);
        let tracked =
            TrackedChannel { ledger, store, wanted, released, next_call_at: None, expires_at: None };
        self.channels.insert(self.last_channel, tracked);
        self.names.insert(pattern, self.last_channel);
        false
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

    /// A subscription to a channel has ended, and `open` are left; `handed` is the last event that was handed out to
    /// it.
    pub fn subscription_removed(&mut self, name: &str, subscription: u32, handed: u32, open: &[u32]) {
        let Some(channel) = self.names.get(name).copied() else { return };
        self.update(channel, |tracked| tracked.ledger.subscription_removed(subscription, handed, open));
    }

    /// Whether this channel is tracked.
    pub fn tracks(&self, name: &str) -> bool {
        self.names.get(name).is_some()
    }

    /// The names of all tracked channels.
    pub fn names(&self) -> Vec<String> {
        self.names.names()
    }

    /// The options with which this channel is tracked.
    pub fn conditions(&self, name: &str) -> Option<(&Start, Commit)> {
        self.get(name).map(|tracked| (tracked.ledger.start(), tracked.ledger.commit))
    }

    /// Whether the store has answered the load of this channel's position (R5a).
    pub fn is_loaded(&self, name: &str) -> bool {
        self.get(name).is_some_and(|tracked| tracked.store.is_loaded())
    }

    /// Whether a new subscribe continues where the last one stopped, and so loses nothing (R7c).
    pub fn has_position(&self, name: &str) -> bool {
        self.get(name).is_some_and(|tracked| tracked.ledger.has_position())
    }

    /// The position that may be saved.
    pub fn position(&self, name: &str) -> Option<&Position> {
        self.get(name).and_then(|tracked| tracked.ledger.to_save()).map(|(_, position)| position)
    }

    /// Whether any tracked channel is wanted.
    pub fn any_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// The wanted channel that tracks the position of an event on `channel`. Events match with and without the query (R2).
    pub fn tracking(&self, channel: &str) -> Option<&str> {
        self.of_topic(channel).into_iter().find_map(|number| {
            let tracked = self.channels.get(number).filter(|tracked| tracked.wanted)?;
            Some(tracked.ledger.channel())
        })
    }

    /// Takes in an event of the tracked channel `name`, and returns those of its subscriptions that have not received
    /// it yet. `None`: it has no position.
    pub fn receive(&mut self, name: &str, received: Received<'_>) -> Option<Vec<u32>> {
        let Received { event, sequence, mut subscriptions, holders, request, beside, late } = received;
        let position = Position::of(event)?;
        let number = self.names.get(name).copied()?;
        let new = self.update(number, |tracked| {
            if !tracked.store.is_loaded() {
                // The event came through another subscription, and comes again once this channel has its position
                // (R5a).
                subscriptions.retain(|subscription| !holders.contains(subscription));
                return subscriptions;
            }
            tracked.ledger.receive(Arrival {
                sequence,
                position,
                uuid: event.event_uuid(),
                subscriptions: &subscriptions,
                committers: holders,
                request,
                wait: beside.map_or(Wait::Nothing, Wait::Response),
                late,
            })
        })?;
        self.provisional.insert(0, number);
        let commit = self.channels.get(number).map_or(Commit::Manual, |tracked| tracked.ledger.commit);
        let committers = new.iter().copied().filter(|subscription| holders.contains(subscription));
        self.given.add(sequence, number, commit, committers);
        if self.given.is_to_be_rebuilt() {
            let ledgers = self.channels.iter().map(|(number, tracked)| (number, &tracked.ledger));
            self.given.rebuild(ledgers);
        }
        Some(new)
    }

    /// Whether this channel has to be subscribed again from the committed position.
    pub fn is_rewinding(&self, name: &str) -> bool {
        self.get(name).is_some_and(|tracked| tracked.ledger.is_rewinding())
    }

    /// An event has come on `channel`. Tracked channels of its topic that no subscription wants need it again for the
    /// next subscription (R7b).
    pub fn event_passed(&mut self, channel: &str) {
        for number in self.of_topic(channel) {
            self.update(number, |tracked| {
                if !tracked.wanted {
                    tracked.ledger.event_unwanted();
                }
            });
        }
    }

    /// A response was lost. Wanted channels are subscribed again from their positions. It may also have held events of
    /// the others, which the server sends until it has processed the unsubscribe; those count as missed (R7b).
    pub fn response_lost(&mut self) {
        let unwanted = self.channels.iter().filter(|(_, tracked)| !tracked.wanted).inspect(|_| step());
        for number in unwanted.map(|(number, _)| number).collect::<Vec<_>>() {
            self.update(number, |tracked| tracked.ledger.event_unwanted());
        }
    }

    /// A response has arrived whole: positions that waited for it count (R4a). `poll`: it is that of a successful poll;
    /// `present`: the server has accepted the channel; `beside`: another response that is open and may bring events.
    pub fn response_ended(
        &mut self,
        request: u32,
        poll: bool,
        present: impl Fn(&str) -> bool,
        beside: Option<u32>,
    ) {
        for number in self.provisional.take_all() {
            let waits = self.update(number, |tracked| {
                let present = present(tracked.ledger.channel());
                tracked.ledger.response_ended(request, poll, present, beside);
                tracked.ledger.awaits_response()
            });
            if waits == Some(true) {
                self.provisional.insert(0, number);
            }
        }
    }

    /// The position after which a subscribe would begin, if the channel is tracked.
    pub fn resume_from(&self, name: &str) -> Option<&str> {
        self.get(name).map(|tracked| tracked.ledger.resume_from())
    }

    /// The channel is subscribed by this request; `beside`: its events come by another subscription, too. Returns the
    /// position after which it begins, the last one that is certain (R7).
    pub fn subscribing(&mut self, name: &str, request: u32, beside: bool) -> Option<String> {
        let number = self.names.get(name).copied()?;
        self.provisional.insert(0, number);
        self.update(number, |tracked| tracked.ledger.subscribing(request, beside))
    }

    /// The session is gone: the next subscribes begin at the last certain positions.
    pub fn restart(&mut self) {
        self.forgot = false;
        for tracked in self.channels.values_mut().inspect(|_| step()) {
            tracked.ledger.restart();
        }
    }

    /// The application was handed the events of a subscription up to this one, or is done with them (R3).
    pub fn progress(&mut self, subscription: u32, sequence: u32, done: bool) {
        let mode = if done { Commit::Processed } else { Commit::Delivered };
        while let Some((given, number)) =
            self.given.first(subscription, mode).filter(|(given, _)| *given <= sequence)
        {
            self.update(number, |tracked| tracked.ledger.processed(subscription, given, false));
            self.given.remove_first(subscription, mode);
        }
    }

    /// `event.commit()`. Returns the commands that it settles. An event that is no longer remembered has been saved
    /// long ago, or belongs to an earlier epoch.
    pub fn commit(&mut self, command: u32, subscriptions: &[u32], sequence: u32) -> Vec<u32> {
        let of = self.given.channel_of(sequence);
        let known = of.filter(|of| self.channels.get(*of).is_some_and(|one| one.ledger.gave_out(sequence)));
        let settled = known.and_then(|number| {
            self.update(number, |tracked| {
                tracked.ledger.wait_for(command, sequence);
                for subscription in subscriptions {
                    tracked.ledger.processed(*subscription, sequence, false);
                }
                tracked.store.commands_saved(&mut tracked.ledger)
            })
        });
        settled.unwrap_or_else(|| vec![command])
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
        self.channels
            .values_mut()
            .inspect(|_| step())
            .flat_map(|tracked| tracked.ledger.take_waiters(None))
            .collect()
    }

    fn get(&self, name: &str) -> Option<&TrackedChannel> {
        self.channels.get(*self.names.get(name)?)
    }

    fn of_topic(&self, channel: &str) -> Vec<u32> {
        self.names.matching(topic(channel)).copied().collect()
    }

    /// Applies a change to a channel; every change goes through here.
    fn update<T>(&mut self, number: u32, change: impl FnOnce(&mut TrackedChannel) -> T) -> Option<T> {
        let result = change(self.channels.get_mut(number)?);
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
