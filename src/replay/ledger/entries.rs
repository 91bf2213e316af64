use super::entry::{Entry, EventKey};
use crate::ordered::{Agenda, Numbers};
use crate::text::hash;

/// The entries of a channel, found by their keys and by the numbers under which they were given out.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Entries {
    slots: Vec<Option<Box<Entry>>>,
    free: Vec<u32>,
    /// Slots by the hashes of replay ids. Entries found by a hash are then compared by their keys.
    by_key: Agenda,
    /// Slots by sequence number.
    by_sequence: Numbers,
    kept_bytes: usize,
    owed: usize,
}

impl Entries {
    pub fn add(&mut self, entry: Entry) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        self.by_key.insert(hash(&entry.key.replay_id), slot);
        if let Some(empty) = self.slots.get_mut(slot as usize) {
            *empty = Some(Box::new(entry));
        }
        slot
    }

    /// Removes an entry. Returns the numbers by which it was given out.
    pub fn remove(&mut self, slot: u32) -> Vec<u32> {
        self.change(slot, |entry| entry.text = None);
        let Some(entry) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return Vec::new() };
        self.free.push(slot);
        self.owed -= usize::from(entry.is_owed());
        self.by_key.remove(hash(&entry.key.replay_id), slot);
        let sequences = entry.sequences();
        for sequence in &sequences {
            self.by_sequence.remove(*sequence);
        }
        sequences
    }

    pub fn get(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(slot as usize)?.as_deref()
    }

    pub fn find(&self, key: &EventKey) -> Option<u32> {
        let is = |slot: &u32| self.get(*slot).is_some_and(|entry| entry.key == *key);
        self.by_key.each_at(hash(&key.replay_id)).find(is)
    }

    /// The entry that was given out by this number.
    pub fn given_as(&self, sequence: u32) -> Option<u32> {
        self.by_sequence.get(sequence)
    }

    /// Changes an entry; every change goes through here, so that the counts stay right.
    pub fn change<T: Default>(&mut self, slot: u32, change: impl FnOnce(&mut Entry) -> T) -> T {
        let Some(entry) = self.slots.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return T::default();
        };
        let before = (entry.kept_bytes(), entry.is_owed());
        let result = change(entry);
        self.kept_bytes = self.kept_bytes + entry.kept_bytes() - before.0;
        self.owed = self.owed + usize::from(entry.is_owed()) - usize::from(before.1);
        result
    }

    /// Gives an entry out to those subscriptions that have not received it yet, and returns them.
    pub fn give(&mut self, slot: u32, sequence: u32, subscriptions: &[u32], committers: &[u32]) -> Vec<u32> {
        let new = self.change(slot, |entry| entry.give(sequence, subscriptions, committers));
        if new.iter().any(|number| committers.contains(number)) {
            self.by_sequence.insert(sequence, slot);
        }
        new
    }

    /// The slots of all entries.
    pub fn all(&self) -> Vec<u32> {
        (0..self.slots.len() as u32).filter(|slot| self.get(*slot).is_some()).collect()
    }

    /// The size of the texts that are kept.
    pub fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// How many entries a subscription has yet to commit.
    pub fn owed(&self) -> usize {
        self.owed
    }
}
