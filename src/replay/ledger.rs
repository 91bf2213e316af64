mod arrival;
mod entry;
mod order;
mod recent;
#[cfg(test)]
mod tests;
mod waiters;

use super::position::{Commit, OnInvalid, Position, Start};
pub use arrival::{Arrival, Wait};
use entry::{Entry, EventKey, Leftover};
use recent::RecentEvents;
use waiters::Waiters;

/// The progress of one channel (R2 to R7).
///
/// An event that was received is in one of three lists. `pending`: it came in the present subscription at the server and
/// is not committed yet; in the order of arrival. `awaiting_redelivery`: it came before that, and the server will send
/// it again. `recent`: it is committed.
pub struct Ledger {
    channel: String,
    start: Start,
    /// Replaces `start` after the server has refused a position (R6).
    fallback: Option<Start>,
    /// When events count as done.
    pub commit: Commit,
    /// What follows when the server refuses a position.
    pub on_invalid: OnInvalid,
    committed: Option<Position>,
    /// The first event received while there was no position. Nothing is lost from there on (R7c).
    first_replay_id: Option<String>,
    pending: Vec<Entry>,
    awaiting_redelivery: Vec<Entry>,
    recent: RecentEvents,
    /// The next subscribe starts at the committed position, because a new local subscription needs all events since (R7b).
    rewind_to_committed: bool,
    /// An event arrived that no local subscription wanted: the next subscription needs it again.
    skipped_event: bool,
    /// The same, but there was no position yet: the next event received may belong before the skipped one.
    skipped_before_position: bool,
    /// The request that subscribed the channel again in the same session. Until a poll sent after it has arrived whole,
    /// any response may bring events of the earlier subscription.
    resubscribe: Option<u32>,
    /// The response that was open when that poll ended. It may have left the server earlier, with such events.
    response_with_leftovers: Option<u32>,
    /// It was subscribed earlier in this session at the server.
    subscribed_before: bool,
    /// Sequence numbers in `pending` ascend.
    sequences_ascend: bool,
    /// Counts the positions that may be saved: the version.
    version: u32,
    waiters: Waiters,
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
            committed: None,
            first_replay_id: None,
            pending: Vec::new(),
            awaiting_redelivery: Vec::new(),
            recent: RecentEvents::new(),
            rewind_to_committed: false,
            skipped_event: false,
            skipped_before_position: false,
            resubscribe: None,
            response_with_leftovers: None,
            subscribed_before: false,
            sequences_ascend: true,
            version: 0,
            waiters: Waiters::new(),
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

    /// Where the channel does begin if there is no position.
    fn origin(&self) -> &Start {
        self.fallback.as_ref().unwrap_or(&self.start)
    }

    /// The store's answer.
    pub fn loaded(&mut self, position: Option<Position>) {
        self.committed = position;
    }

    /// The first local subscription after all earlier ones have gone sets its own conditions (R3a).
    pub fn conditions(&mut self, start: Start, commit: Commit, on_invalid: OnInvalid) {
        (self.start, self.commit, self.on_invalid) = (start, commit, on_invalid);
    }

    /// A local subscription is new; `open` are the others. Returns whether earlier events have to come again for it.
    pub fn subscription_added(&mut self, open: &[u32]) -> bool {
        // What closed subscriptions had not processed no longer holds the position (R3a).
        self.release(|subscription, _| !open.contains(&subscription));
        if self.skipped_event || !self.pending.is_empty() || !self.awaiting_redelivery.is_empty() {
            self.rewind_to_committed = true;
        }
        self.rewind_to_committed
    }

    /// Whether the channel has to be subscribed again from the committed position.
    pub fn is_rewinding(&self) -> bool {
        self.rewind_to_committed
    }

    /// An event has arrived that no local subscription wants.
    pub fn event_unwanted(&mut self) {
        if self.resume_from() == Start::New.as_str() {
            // Without a position the event cannot be requested again.
            self.skipped_before_position = true;
        } else {
            self.skipped_event = true;
        }
        // It may belong before an event whose position is provisional.
        if self.pending.iter().any(|entry| !entry.is_settled()) {
            self.rewind_to_committed = true;
        }
    }

    /// A local subscription has ended, and `open` are left; `handed` is the number of the last event that it was handed
    /// out. Handed events that it has not processed hold the position. If no subscription is left, all events do (R3a).
    pub fn subscription_removed(&mut self, subscription: u32, handed: u32, open: &[u32]) {
        if open.is_empty() {
            return;
        }
        self.release(|owner, sequence| owner == subscription && sequence > handed);
        self.advance();
    }

    fn release(&mut self, fits: impl Fn(u32, u32) -> bool) {
        for entry in self.pending.iter_mut().chain(&mut self.awaiting_redelivery) {
            entry.release(&fits);
        }
    }

    /// Notes an event, and returns the subscriptions that have not received it yet (R7b).
    pub fn receive(&mut self, mut arrival: Arrival<'_>) -> Vec<u32> {
        let replay_id = core::mem::take(&mut arrival.position.replay_id);
        let key = EventKey { replay_id, uuid: arrival.uuid.map(str::to_owned) };
        if self.recent.contains(&key) {
            return Vec::new();
        }
        let mut entry = match self.pending.iter().position(|entry| entry.key == key) {
            // The place of its first arrival was provisional; this one takes its place.
            Some(index) if !self.pending[index].is_settled() => self.pending.remove(index),
            Some(index) => {
                let new = self.pending[index].give(&arrival);
                if !new.is_empty() {
                    self.sequences_ascend = false;
                }
                return new;
            }
            None => match self.awaiting_redelivery.iter().position(|entry| entry.key == key) {
                Some(index) => self.awaiting_redelivery.remove(index),
                None => Entry::new(key, arrival.position.created_date.take()),
            },
        };
        entry.wait = arrival.wait;
        entry.leftover = self.possible_leftover(arrival.request);
        entry.unordered = order::joins_group(&mut self.pending, arrival.request);
        let new = entry.give(&arrival);
        if self.committed.is_none() && self.first_replay_id.is_none() {
            self.first_replay_id = Some(entry.key.replay_id.clone());
            if core::mem::take(&mut self.skipped_before_position) {
                self.rewind_to_committed = true;
            }
        }
        if arrival.late {
            self.awaiting_redelivery.push(entry);
        } else {
            if new.len() != arrival.subscriptions.len() {
                self.sequences_ascend = false;
            }
            self.pending.push(entry);
        }
        self.advance();
        new
    }

    /// Whether events on the response to `request` may belong to an earlier subscription at the server.
    fn possible_leftover(&self, request: u32) -> Option<Leftover> {
        if let Some(resubscribe) = self.resubscribe {
            return Some(Leftover { request: resubscribe, on_its_response: request == resubscribe });
        }
        let has_leftovers = self.response_with_leftovers == Some(request);
        has_leftovers.then_some(Leftover { request, on_its_response: true })
    }

    /// A subscription has processed the event with this sequence number; `through`: and all events before it.
    pub fn processed(&mut self, subscription: u32, sequence: u32, through: bool) {
        for entry in &mut self.pending {
            // Stops early, so that a long queue is not searched to its end for each event.
            if self.sequences_ascend && entry.sequences().next().is_some_and(|first| first > sequence) {
                break;
            }
            entry.processed(subscription, sequence, through);
        }
        for entry in &mut self.awaiting_redelivery {
            entry.processed(subscription, sequence, through);
        }
        self.advance();
    }

    /// Whether the event with this sequence number was given out here, and is still remembered.
    pub fn gave_out(&self, sequence: u32) -> bool {
        self.is_uncommitted(sequence) || self.recent.has_sequence(sequence)
    }

    fn is_uncommitted(&self, sequence: u32) -> bool {
        self.pending.iter().chain(&self.awaiting_redelivery).any(|entry| entry.has_sequence(sequence))
    }

    /// `command` waits until a position at or after the event with this sequence number is saved.
    pub fn wait_for(&mut self, command: u32, sequence: u32) {
        let version = (!self.is_uncommitted(sequence)).then_some(self.version);
        self.waiters.push(command, sequence, version);
    }

    /// Removes the commands that wait for no more than this version, and returns them; all of them for `None`.
    pub fn take_waiters(&mut self, version: Option<u32>) -> Vec<u32> {
        self.waiters.take(version)
    }

    /// A response has arrived whole: positions that waited for it count (R4a). `poll`: it is that of a successful poll;
    /// `present`: the server has accepted the channel; `beside`: another response that is open and may bring events.
    pub fn response_ended(&mut self, request: u32, poll: bool, present: bool, beside: Option<u32>) {
        let settles = |leftover: Leftover| present && leftover.is_settled_by(request, poll);
        for entry in &mut self.pending {
            if entry.wait == Wait::Response(request) {
                entry.wait = Wait::Nothing;
            }
            if entry.leftover.take_if(|leftover| settles(*leftover)).is_some() && entry.wait == Wait::Nothing
            {
                // The other response may bring it again.
                entry.wait = beside.map_or(Wait::Nothing, Wait::Response);
            }
        }
        self.response_with_leftovers = self.response_with_leftovers.filter(|open| *open != request);
        let settles = |request: u32| settles(Leftover { request, on_its_response: false });
        if self.resubscribe.take_if(|resubscribe| settles(*resubscribe)).is_some() {
            self.response_with_leftovers = beside;
        }
        self.advance();
    }

    /// The channel is about to be subscribed at the server; `beside`: its events come by another subscription, too.
    /// Returns the position to subscribe from, the last one that is not provisional (R7).
    pub fn subscribing(&mut self, request: u32, beside: bool) -> String {
        self.rewind(true);
        let leftovers_possible = core::mem::replace(&mut self.subscribed_before, true) || beside;
        self.resubscribe = leftovers_possible.then_some(request);
        self.resume_from().to_owned()
    }

    /// The session is gone: all events after the last position that is not provisional will come again.
    pub fn restart(&mut self) {
        self.rewind(false);
        self.subscribed_before = false;
    }

    /// Prepares the next subscribe: events after its position await redelivery. `session_lives`: open responses still
    /// count.
    fn rewind(&mut self, session_lives: bool) {
        let rewinding = core::mem::take(&mut self.rewind_to_committed);
        let mut keep = if rewinding { 0 } else { self.settled_count() };
        (self.skipped_event, self.skipped_before_position) = (false, false);
        // There is no position before the very first event, so that event will not come again.
        let is_first = self.is_very_first();
        let first = self.pending.iter().position(&is_first).filter(|first| *first >= keep);
        if let Some(first) = first {
            keep = first + 1;
        }
        let mut redelivered = self.pending.split_off(keep);
        // Events whose order relative to it is unknown may not come again, either. They continue to hold its position.
        let group =
            if first.is_some() { redelivered.iter().take_while(|entry| entry.unordered).count() } else { 0 };
        for entry in redelivered.iter_mut().skip(group) {
            entry.unordered = false;
        }
        if let Some(first) = self.awaiting_redelivery.iter().position(is_first) {
            let mut first = self.awaiting_redelivery.remove(first);
            first.settle();
            self.pending.push(first);
        }
        if !session_lives {
            self.pending.iter_mut().for_each(Entry::settle);
        }
        // Entries that awaited redelivery already stay in their order.
        redelivered.append(&mut self.awaiting_redelivery);
        self.awaiting_redelivery = redelivered;
        self.sequences_ascend =
            self.awaiting_redelivery.is_empty() && (self.sequences_ascend || self.pending.is_empty());
        (self.resubscribe, self.response_with_leftovers) = (None, None);
    }

    /// A test for the first event of a channel that begins with new events and has no committed position.
    fn is_very_first(&self) -> impl Fn(&Entry) -> bool + use<> {
        let without_position = self.committed.is_none() && *self.origin() == Start::New;
        let first = self.first_replay_id.clone().filter(|_| without_position);
        move |entry| first.as_ref() == Some(&entry.key.replay_id)
    }

    /// The position to subscribe from, in the wire format.
    pub fn resume_from(&self) -> &str {
        let settled = self.settled_count().checked_sub(1).and_then(|last| self.pending.get(last));
        let received =
            settled.filter(|_| !self.rewind_to_committed).map(|entry| entry.key.replay_id.as_str());
        let committed = self.committed.as_ref().map(|position| position.replay_id.as_str());
        let first = self.first_replay_id.as_deref().filter(|_| *self.origin() == Start::New);
        received.or(committed).or(first).unwrap_or(self.origin().as_str())
    }

    /// Whether a new subscription continues where the last one stopped, and so loses nothing (R7c).
    pub fn has_position(&self) -> bool {
        // Earlier events may be in the response that the very first event still waits for.
        let is_first = self.is_very_first();
        let mut received = self.pending.iter().chain(&self.awaiting_redelivery);
        let first_is_provisional = received.any(|entry| !entry.is_settled() && is_first(entry));
        !first_is_provisional && self.resume_from() != Start::New.as_str()
    }

    /// The server has refused the position: a new epoch begins (R6). Returns the commands that waited in the old one.
    pub fn refused(&mut self, fallback: Start) -> Vec<u32> {
        self.fallback = Some(fallback);
        self.committed = None;
        self.first_replay_id = None;
        self.pending.clear();
        self.awaiting_redelivery.clear();
        self.recent.clear();
        self.rewind_to_committed = false;
        (self.skipped_event, self.skipped_before_position) = (false, false);
        // The refused subscribe does not count as one.
        self.subscribed_before = self.resubscribe.take().is_some();
        self.response_with_leftovers = None;
        self.take_waiters(None)
    }

    /// The position that may be saved, and its version, which ascends with each.
    pub fn to_save(&self) -> Option<(u32, &Position)> {
        self.committed.as_ref().map(|position| (self.version, position))
    }

    /// The version of the last position that may be saved; 0 before the first.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Whether the end of a response can make a position count.
    pub(crate) fn awaits_response(&self) -> bool {
        self.resubscribe.is_some()
            || self.response_with_leftovers.is_some()
            || self.pending.iter().any(|entry| !entry.is_settled())
    }

    /// Whether the store has all that is known about the channel.
    pub(crate) fn is_all_committed(&self) -> bool {
        let is_as_stored = self.committed.is_some() || self.fallback.is_none();
        self.pending.is_empty() && self.awaiting_redelivery.is_empty() && is_as_stored
    }

    /// The numbers of the events that were given out here and are still remembered.
    pub(crate) fn sequences(&self) -> impl Iterator<Item = u32> + '_ {
        let uncommitted = self.pending.iter().chain(&self.awaiting_redelivery).flat_map(Entry::sequences);
        uncommitted.chain(self.recent.sequences())
    }

    /// The channel may have been subscribed earlier in this session at the server.
    pub(crate) fn may_have_leftovers(&mut self) {
        self.subscribed_before = true;
    }

    /// How many entries at the beginning of `pending` have positions that are not provisional.
    fn settled_count(&self) -> usize {
        order::whole_groups(&self.pending, self.pending.iter().take_while(|entry| entry.is_settled()).count())
    }

    /// Commits the last position before which everything is processed (R4).
    fn advance(&mut self) {
        let holds = |entry: &Entry| entry.unordered && !entry.is_processed();
        if self.rewind_to_committed || self.awaiting_redelivery.iter().any(holds) {
            return;
        }
        let is_done = |entry: &&Entry| entry.is_settled() && entry.is_processed();
        let count = order::whole_groups(&self.pending, self.pending.iter().take_while(is_done).count());
        if count == 0 {
            return;
        }
        self.version += 1;
        self.recent.make_room();
        for mut entry in self.pending.drain(..count) {
            self.waiters.committed(&entry, self.version);
            let (replay_id, created_date) = (entry.key.replay_id.clone(), entry.created_date.take());
            self.committed = Some(Position { replay_id, created_date });
            self.recent.push(entry);
        }
        if self.pending.is_empty() {
            self.sequences_ascend = true;
        }
    }
}
