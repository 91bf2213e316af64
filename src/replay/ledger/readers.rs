//! The local subscriptions to a channel: what they are given, what they commit, and who waits for that (R3, R3a, R7b).

use super::entry::{Entry, Place};
use super::{Committed, InFlight, Joined, Ledger};

impl Ledger {
    /// A local subscription is new. It is given all that stands behind the position (R7b), as far as that is in memory;
    /// `sequence` is the number of the first event. Joining and leaving cost as much as all that is remembered, but once for
    /// a subscription, not for an event.
    pub fn join(&mut self, subscription: u32, mut sequence: u32) -> Joined {
        for slot in self.entries.all() {
            self.entries.change(slot, Entry::release);
        }
        let mut joined = Joined::default();
        let mut number = self.committed;
        let limit = self.limit.unwrap_or(u64::MAX);
        while let Some(text) =
            self.get(number).and_then(|entry| entry.text.clone()).filter(|_| number < limit)
        {
            if let Some(slot) = self.slot(number) {
                self.entries.give(slot, sequence, &[subscription], &[subscription]);
            }
            joined.events.push(text);
            (number, sequence) = (number + 1, sequence.wrapping_add(1).max(1));
        }
        self.ready = self.committed;
        if number < self.end() || self.limit.is_some() {
            self.limit = Some(number);
            joined.needs_session = self.subscribed;
            if !self.subscribed {
                joined.is_lost = !self.restarts_without_loss(InFlight::default());
                self.restart(InFlight::default());
            }
        }
        joined
    }

    /// A local subscription has left; the last event that it was handed out had the number `handed`. What it had in hand
    /// holds the position until another one joins; what was still queued for it does not (R3a).
    pub fn leave(&mut self, subscription: u32, handed: u32, in_flight: InFlight) {
        for slot in self.entries.all() {
            self.entries.change(slot, |entry| entry.leave(subscription, handed));
        }
        self.advance(in_flight);
    }

    /// A subscription has committed the event that it was given by this number.
    pub fn processed(&mut self, subscription: u32, sequence: u32, in_flight: InFlight) {
        if let Some(slot) = self.entries.given_as(sequence) {
            self.entries.change(slot, |entry| entry.commit(subscription));
            self.advance(in_flight);
        }
    }

    /// `command` waits until a position that includes the event with this number is saved.
    pub fn wait_for(&mut self, command: u32, sequence: u32) -> Committed {
        if self.expired.remove(0, sequence) {
            self.forgotten.push(sequence);
            return Committed::Expired;
        }
        let Some(slot) = self.entries.given_as(sequence) else { return Committed::Known };
        match self.entries.get(slot).map(|entry| entry.place) {
            Some(Place::Listed(number)) if number < self.committed => {
                self.waiting.insert(self.version.into(), command);
            }
            // The server no longer has it, so no position has to include it.
            Some(Place::Again(_)) if self.again_is_old => return Committed::Known,
            _ => self.entries.change(slot, |entry| entry.waiters.push(command)),
        }
        Committed::Waits
    }

    /// Removes the commands that wait for no more than this version, and returns them.
    pub fn take_waiters(&mut self, saved: u32) -> Vec<u32> {
        let mut commands = Vec::new();
        while let Some((version, command)) =
            self.waiting.first().filter(|(version, _)| *version <= saved.into())
        {
            self.waiting.remove(version, command);
            commands.push(command);
        }
        commands
    }

    /// Removes all commands that wait, and returns them.
    pub fn take_all_waiters(&mut self) -> Vec<u32> {
        let mut commands = self.take_waiters(u32::MAX);
        for slot in self.entries.all() {
            commands.append(&mut self.entries.change(slot, |entry| core::mem::take(&mut entry.waiters)));
        }
        commands
    }
}
