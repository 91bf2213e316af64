//! Which events the shared reader has been given whose commit is not reported yet, and of which subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use crate::replay::Commit;
use crate::steps::step;

/// Kept for the shared reader alone: any other one reads a single subscription, and needs no memory.
#[derive(Default)]
pub(super) struct Uncommitted {
    /// Sequence number and subscription, for each [`Commit`] in a set of its own: none is passed through on behalf of another.
    by_event: [BTreeSet<(u32, u32)>; 3],
    /// Subscription and sequence number, of all modes.
    by_subscription: BTreeSet<(u32, u32)>,
}

impl Uncommitted {
    /// The shared reader is given an event of a subscription that commits in this mode.
    pub fn insert(&mut self, commit: Commit, sequence: u32, subscription: u32) {
        self.by_event[commit as usize].insert((sequence, subscription));
        self.by_subscription.insert((subscription, sequence));
    }

    /// Takes out all events of this mode up to one, and gives the last of each subscription.
    pub fn take_through(&mut self, commit: Commit, sequence: u32) -> BTreeMap<u32, u32> {
        let events = &mut self.by_event[commit as usize];
        let mut last = BTreeMap::new();
        while let Some(&(event, subscription)) = events.first().filter(|(event, _)| *event <= sequence) {
            step();
            events.pop_first();
            self.by_subscription.remove(&(subscription, event));
            last.insert(subscription, event);
        }
        last
    }

    /// The subscriptions of which an event is uncommitted. In manual mode that ends with this call.
    pub fn take_event(&mut self, sequence: u32) -> Vec<u32> {
        let mut subscriptions = Vec::new();
        for events in &self.by_event {
            for (_, subscription) in events.range((sequence, 0)..=(sequence, u32::MAX)) {
                step();
                subscriptions.push(*subscription);
            }
        }
        let manual = &mut self.by_event[Commit::Manual as usize];
        for subscription in &subscriptions {
            step();
            if manual.remove(&(sequence, *subscription)) {
                self.by_subscription.remove(&(*subscription, sequence));
            }
        }
        subscriptions
    }

    /// Whether an event of this subscription is uncommitted.
    pub fn holds(&self, subscription: u32) -> bool {
        self.by_subscription.range((subscription, 0)..=(subscription, u32::MAX)).next().is_some()
    }

    /// Forgets the events of a subscription.
    pub fn remove_subscription(&mut self, subscription: u32) {
        while let Some(&(_, sequence)) =
            self.by_subscription.range((subscription, 0)..=(subscription, u32::MAX)).next()
        {
            step();
            self.by_subscription.remove(&(subscription, sequence));
            for events in &mut self.by_event {
                events.remove(&(sequence, subscription));
            }
        }
    }
}
