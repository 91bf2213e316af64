//! What is known of one channel (R2 to R7).
//!
//! **Every request remembers how many events had come when it was sent.** All else follows from that:
//!
//! - `list` holds, in the order of arrival, the events that were passed last, up to the position, and all that came after it.
//! - An entry is *certain* unless the other request is in flight and was sent before the entry came: then that response may
//!   hold events that stand before it in the channel.
//! - An event that comes while `list` holds something of the *other* response, arrived since its own request was sent, has
//!   no known order to it: from there on the entries are *tied*. Before each entry that is not tied there is a *cut*.
//! - An entry is *passed* when a reader has committed it, no open reader owes it, and none has left with it in hand. The
//!   position is the last entry before the last cut before which all is certain and passed.
//! - A response that is lost, cut or aborted ends the session. The next one goes on from the last cut before which all is
//!   certain. What stands behind that is sent `again`; it keeps what its readers did, and finds its place when it comes.
//! - Once a poll has come that brings all of `again`, with no other response in flight, the server has no more of what is left
//!   there: no commit waits for that, and the next restart forgets it.
//! - An event that is not taken in, since it cannot be read or may not be the next one, is a *limit*: entries that come behind
//!   it count only once they have come again, in the next session.
//! - With `start: new` and nothing certain there is nothing to go on from: a gap, and the first event received becomes the
//!   position.
//! - A session subscribes the channel once. A new reader gets all behind the position from memory; where the texts are not
//!   there any more, or the channel has been unsubscribed, a new session brings them again.
//! - A refused position is a gap, and empties it all.
//!
//! These statements always hold:
//!
//! 1. Of two entries with a cut between them the first is first in the channel, too.
//! 2. Whatever stands in the channel before an entry that is certain, and after the first position, has been received.
//! 3. All that stands in the channel before the position is committed, or named by a gap.
//! 4. What may come once more in this session is in `list` or in `again`.

mod arrival;
mod entries;
mod entry;
mod readers;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use super::position::{Commit, OnInvalid, Position, Start};
use crate::bayeux::message::Message;
use crate::ordered::Agenda;
use crate::steps::step;
pub(crate) use arrival::{Arrival, Carrier, InFlight};
use entries::Entries;
use entry::{Entry, EventKey, Place};
#[cfg(test)]
pub(crate) use tests::View;

/// How many events are remembered behind the position, in case the server sends one twice. Unit tests see both sides of it
/// with few events.
const REMEMBERED: u64 = if cfg!(test) { 1 } else { 256 };

/// The progress of one channel.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Ledger {
    channel: String,
    start: Start,
    /// Replaces `start` after the server has refused a position (R6).
    fallback: Option<Start>,
    /// When events count as done.
    pub commit: Commit,
    /// What follows when the server refuses a position.
    pub on_invalid: OnInvalid,
    entries: Entries,
    /// Entries are numbered in the order of arrival, and `first` is the number of the first that is still in the list.
    list: VecDeque<u32>,
    first: u64,
    /// The position is the entry before this number; there is none if that is `first`.
    committed: u64,
    /// The number of the first entry that is tied to the position.
    group: u64,
    /// All entries before this number are certain and passed.
    ready: u64,
    /// All entries before this number are certain.
    certain: u64,
    /// For the poll and for the commands.
    ties: [Ties; 2],
    again: Agenda,
    last_again: u64,
    /// A poll that brings all of `again` has come, if the server still has it.
    again_is_old: bool,
    /// Entries from this number on do not count: a new session has to bring them again, with what is missing among them.
    limit: Option<u64>,
    /// It has been subscribed in this session.
    subscribed: bool,
    /// Counts the positions.
    version: u32,
    /// The commands that wait until a version of the position is saved; versions ascend.
    waiting: Agenda,
    /// The numbers of uncommitted events whose epoch is over (R6).
    expired: Agenda,
    /// The numbers under which events were given out that are no longer remembered.
    forgotten: Vec<u32>,
}

/// Which entries have no known order to the events of a request.
#[derive(Clone, Copy, Default)]
struct Ties {
    /// Before this number no entry came on the other response since the request was sent.
    next: u64,
    /// Behind the first such entry, all entries before this number are tied.
    marked: u64,
}

/// What a new reader is given.
#[derive(Default)]
pub(crate) struct Joined {
    /// What stands behind the position, from memory.
    pub events: Vec<Arc<Message>>,
    /// A new session has to bring the rest.
    pub needs_session: bool,
    /// There is nothing that the next session could go on from, so events may be missing (R7c).
    pub is_lost: bool,
}

/// A call of `event.commit()`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is settled once a position that includes the event is saved.
    Waits,
    /// The event was passed long ago.
    Known,
    /// The position of the event is no longer valid (R6).
    Expired,
}

impl Ledger {
    /// A channel about which nothing is known yet.
    pub fn new(channel: &str, start: Start, commit: Commit, on_invalid: OnInvalid) -> Self {
        Self {
            channel: channel.to_owned(),
            start,
            fallback: None,
            commit,
            on_invalid,
            entries: Entries::default(),
            list: VecDeque::new(),
            first: 0,
            committed: 0,
            group: 0,
            ready: 0,
            certain: 0,
            ties: [Ties::default(); 2],
            again: Agenda::default(),
            last_again: 0,
            again_is_old: false,
            limit: None,
            subscribed: false,
            version: 0,
            waiting: Agenda::default(),
            expired: Agenda::default(),
            forgotten: Vec::new(),
        }
    }

    /// The whole subscription, its query included: the store's key (R2).
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Where the subscriptions want to begin if there is no position.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// The channel begins at this position, which the store has, or is to have.
    pub fn begin_at(&mut self, position: Position, is_stored: bool) {
        self.push(Entry::passed(position));
        let end = self.end();
        (self.committed, self.ready, self.certain) = (end, end, end);
        // Whatever comes stands behind it.
        self.ties = [Ties { next: end, marked: end }; 2];
        self.version += u32::from(!is_stored);
    }

    /// The first local subscription after all earlier ones have gone sets its own conditions (R3a).
    pub fn conditions(&mut self, start: Start, commit: Commit, on_invalid: OnInvalid) {
        (self.start, self.commit, self.on_invalid) = (start, commit, on_invalid);
    }

    /// The channel is subscribed now. Returns the position after which that begins, in the wire format.
    pub fn subscribing(&mut self) -> String {
        (self.subscribed, self.limit) = (true, None);
        self.resume_from().to_owned()
    }

    /// The server has refused to subscribe it, or has not seen the request.
    pub fn not_subscribed(&mut self) {
        self.subscribed = false;
    }

    /// Whether it has been subscribed in this session, which cannot subscribe it again.
    pub fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    /// The position after which a subscribe begins, in the wire format.
    pub fn resume_from(&self) -> &str {
        let last = self.list.back().and_then(|slot| self.entries.get(*slot));
        last.map_or(self.origin().as_str(), |entry| &entry.key.replay_id)
    }

    /// An event has come. Returns the subscriptions that have not received it yet: none if the server has sent it twice.
    /// `None`: it has no position.
    pub fn receive(&mut self, arrival: &Arrival<'_>, in_flight: InFlight) -> Option<Vec<u32>> {
        let key = EventKey::of(arrival.event)?;
        let slot = match self.entries.find(&key) {
            None => self.entries.add(Entry::new(key, Position::created_date_of(arrival.event))),
            Some(slot) => {
                let place = self.entries.get(slot).map(|entry| entry.place);
                let Some(Place::Again(number)) = place else { return Some(Vec::new()) };
                self.again.remove(number, slot);
                slot
            }
        };
        Some(self.arrive(slot, arrival, in_flight))
    }

    fn arrive(&mut self, slot: u32, arrival: &Arrival<'_>, in_flight: InFlight) -> Vec<u32> {
        let tied = self.tie(arrival, in_flight);
        let number = self.end();
        let is_first = self.list.is_empty();
        self.entries.change(slot, |entry| {
            (entry.place, entry.tied) = (Place::Listed(number), tied);
            (entry.carrier, entry.arrived) = (arrival.carrier, arrival.arrived);
            // Before the first position an event cannot be had again.
            entry.text = (arrival.keep_text || is_first).then(|| arrival.event.clone());
        });
        self.list.push_back(slot);
        let new = self.entries.give(slot, arrival.sequence, arrival.subscriptions, arrival.committers);
        self.advance(in_flight);
        new
    }

    /// Ties the entries whose order to the event that comes now is not known. Returns whether there are any.
    fn tie(&mut self, arrival: &Arrival<'_>, in_flight: InFlight) -> bool {
        let end = self.end();
        let since = in_flight.sent(arrival.carrier).unwrap_or(u64::MAX);
        let Ties { next, marked } = self.ties[arrival.carrier as usize];
        let is_older = |slot: &u32| self.entries.get(*slot).is_some_and(|other| other.arrived < since);
        let mut next = next.max(self.first + self.list.partition_point(is_older) as u64);
        while self.get(next).is_some_and(|other| other.carrier == arrival.carrier) {
            step();
            next += 1;
        }
        let tied = next < end;
        if tied {
            for number in marked.max(next + 1)..end {
                step();
                self.change(number, |entry| entry.tied = true);
            }
        }
        let marked = if tied { end + 1 } else { marked };
        self.ties[arrival.carrier as usize] = Ties { next, marked };
        tied
    }

    /// A response has ended whole, and is in flight no more. Returns whether any entry is not certain yet.
    pub fn settle(&mut self, in_flight: InFlight) -> bool {
        self.advance(in_flight);
        self.certain < self.end()
    }

    /// Whether a new session would bring all that may be missing (R7c).
    pub fn restarts_without_loss(&self, in_flight: InFlight) -> bool {
        self.restart_at(in_flight).is_some()
    }

    /// Whether any event is in the list.
    pub fn has_received(&self) -> bool {
        !self.list.is_empty()
    }

    /// The session is over. The next one goes on after the last cut before which all is certain.
    pub fn restart(&mut self, in_flight: InFlight) {
        if core::mem::take(&mut self.again_is_old) {
            for slot in self.again.take_all() {
                self.forget(slot);
            }
        }
        self.passed_over(in_flight);
        (self.limit, self.subscribed) = (None, false);
    }

    /// An event was not taken in, since it may not be the next one, or cannot be read (X3): what may stand behind it has to
    /// come again, with the event, in a session that subscribes the channel anew.
    pub fn passed_over(&mut self, in_flight: InFlight) {
        let first_counts = self.first + u64::from(!self.list.is_empty());
        let keep = self.restart_at(in_flight).unwrap_or(first_counts);
        self.roll_back(keep);
        self.limit = Some(keep);
        self.advance(InFlight::default());
    }

    /// The entries from this number on are to come again.
    fn roll_back(&mut self, keep: u64) {
        for slot in self.list.split_off((keep - self.first) as usize) {
            self.last_again += 1;
            let number = self.last_again;
            self.again.insert(number, slot);
            self.entries.change(slot, |entry| {
                (entry.place, entry.tied, entry.text) = (Place::Again(number), false, None);
            });
        }
        // What was tied to the last of them may be gone.
        (self.certain, self.ready) = (keep, self.committed);
        self.ties = [Ties { next: keep, marked: keep }; 2];
    }

    /// The number of the first entry that the next session has to bring again. `None`: there is nothing that it could go on
    /// from, and events may be missing.
    fn restart_at(&self, in_flight: InFlight) -> Option<u64> {
        let mut keep = self.certain;
        while self.get(keep).is_some_and(|entry| in_flight.settles(entry.carrier, entry.arrived)) {
            keep += 1;
        }
        keep = keep.min(self.limit.unwrap_or(u64::MAX));
        while self.get(keep).is_some_and(|entry| entry.tied) {
            keep -= 1;
        }
        let has_begun = self.subscribed || !self.list.is_empty();
        let is_lost = keep == self.first && *self.origin() == Start::New && has_begun;
        (!is_lost).then_some(keep)
    }

    /// A poll has come that brings all of `again`, if the server still has it. Returns the commands that wait for what it no
    /// longer has: that will not come again, so no position has to include it. A channel that this session has not
    /// subscribed still waits for it.
    pub fn all_came_again(&mut self) -> Vec<u32> {
        self.again_is_old = self.subscribed;
        let mut commands = Vec::new();
        if !self.subscribed {
            return commands;
        }
        for slot in self.again.up_to(u64::MAX) {
            commands.append(&mut self.entries.change(slot, |entry| core::mem::take(&mut entry.waiters)));
        }
        commands
    }

    /// Whether anything is expected again.
    pub fn expects_again(&self) -> bool {
        !self.again.is_empty() && !self.again_is_old
    }

    /// The server has refused the position: an epoch without one begins at `fallback` (R6). Returns the commands that wait
    /// for positions of the old one.
    pub fn refused(&mut self, fallback: Start) -> Vec<u32> {
        let commands = self.take_all_waiters();
        for slot in self.entries.all() {
            if self.entries.get(slot).is_some_and(Entry::is_owed) {
                for sequence in self.entries.remove(slot) {
                    self.expired.insert(0, sequence);
                }
            } else {
                self.forget(slot);
            }
        }
        self.fallback = Some(fallback);
        self.list.clear();
        self.again = Agenda::default();
        (self.committed, self.group) = (self.first, self.first);
        (self.ready, self.certain) = (self.first, self.first);
        self.ties = [Ties { next: self.first, marked: self.first }; 2];
        // The refused subscribe is none, so the session may try once more.
        (self.limit, self.subscribed) = (None, false);
        commands
    }

    // ---- The position.

    /// The position that may be saved, and its version, which ascends with each.
    pub fn to_save(&self) -> Option<(u32, Position)> {
        let number = self.committed.checked_sub(1)?;
        self.get(number).map(|entry| (self.version, entry.position()))
    }

    /// The version of the last position that may be saved; 0 before the first.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Whether the store has all that is known about the channel, once it has the position.
    pub fn is_all_committed(&self) -> bool {
        let is_as_stored = self.committed > self.first || self.fallback.is_none();
        self.committed == self.end() && self.again.is_empty() && is_as_stored
    }

    /// The size of the texts that are kept for readers that join.
    pub fn kept_bytes(&self) -> usize {
        self.entries.kept_bytes()
    }

    /// How many events a reader has yet to commit.
    pub fn owed(&self) -> usize {
        self.entries.owed()
    }

    /// The numbers of events that are no longer remembered.
    pub fn take_forgotten(&mut self) -> Vec<u32> {
        core::mem::take(&mut self.forgotten)
    }

    /// The numbers of all events that are remembered.
    pub fn sequences(&self) -> Vec<u32> {
        let mut all = self.expired.at(0);
        for slot in self.entries.all() {
            all.extend(self.entries.get(slot).map(Entry::sequences).unwrap_or_default());
        }
        all
    }

    /// Moves the position to the last cut before which all is certain and passed (R4). Cuts before `ready` stay what they
    /// are: an event is only ever tied to entries that were not certain when it came.
    fn advance(&mut self, in_flight: InFlight) {
        let limit = self.limit.unwrap_or(u64::MAX);
        let is_certain = |entry: &Entry| in_flight.settles(entry.carrier, entry.arrived);
        while self.certain < limit && self.get(self.certain).is_some_and(is_certain) {
            step();
            self.certain += 1;
        }
        let (mut group, mut cut) = (self.group, self.committed);
        while self.ready < self.certain && self.get(self.ready).is_some_and(Entry::is_passed) {
            step();
            self.ready += 1;
            if self.get(self.ready).is_none_or(|next| !next.tied) {
                (group, cut) = (cut, self.ready);
            }
        }
        if cut > self.committed {
            self.pass(cut);
            self.group = group;
            self.forget_passed();
        }
    }

    /// The position moves to the entry before this number.
    fn pass(&mut self, cut: u64) {
        self.version += 1;
        for number in self.committed..cut {
            let waiters = self.change(number, |entry| {
                entry.text = None;
                core::mem::take(&mut entry.waiters)
            });
            for command in waiters {
                self.waiting.insert(self.version.into(), command);
            }
        }
        self.committed = cut;
    }

    /// Forgets what was passed long ago. What is tied to the position may come once more, however much it is.
    fn forget_passed(&mut self) {
        while self.first < self.group && self.committed - self.first > REMEMBERED {
            if let Some(slot) = self.list.pop_front() {
                self.forget(slot);
            }
            self.first += 1;
        }
    }

    fn forget(&mut self, slot: u32) {
        self.forgotten.append(&mut self.entries.remove(slot));
    }

    /// Where the channel does begin if there is no position.
    fn origin(&self) -> &Start {
        self.fallback.as_ref().unwrap_or(&self.start)
    }

    fn push(&mut self, mut entry: Entry) {
        entry.place = Place::Listed(self.end());
        let slot = self.entries.add(entry);
        self.list.push_back(slot);
    }

    /// The number that the next entry gets.
    fn end(&self) -> u64 {
        self.first + self.list.len() as u64
    }

    fn slot(&self, number: u64) -> Option<u32> {
        self.list.get(number.checked_sub(self.first)? as usize).copied()
    }

    fn get(&self, number: u64) -> Option<&Entry> {
        self.entries.get(self.slot(number)?)
    }

    fn change<T: Default>(&mut self, number: u64, change: impl FnOnce(&mut Entry) -> T) -> T {
        self.slot(number).map(|slot| self.entries.change(slot, change)).unwrap_or_default()
    }
}
