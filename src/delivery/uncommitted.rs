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

#[cfg(test)]
mod tests {
    use super::Uncommitted;
    use crate::replay::Commit::{Delivered, Manual, Processed};

    impl Uncommitted {
        /// Whether nothing is remembered.
        pub(in crate::delivery) fn is_empty(&self) -> bool {
            self.by_subscription.is_empty() && self.by_event.iter().all(|events| events.is_empty())
        }
    }

    #[test]
    fn r3_events_up_to_one_are_taken_out_with_the_last_of_each_subscription() {
        let mut uncommitted = Uncommitted::default();
        for (sequence, subscription) in [(1, 8), (2, 9), (3, 8), (4, 7), (4, 8), (5, 9)] {
            uncommitted.insert(Processed, sequence, subscription);
        }
        let taken = uncommitted.take_through(Processed, 4);
        assert_eq!(Vec::from_iter(taken), [(7, 4), (8, 4), (9, 2)]);
        assert_eq!([7, 8, 9].map(|subscription| uncommitted.holds(subscription)), [false, false, true]);
        assert_eq!(Vec::from_iter(uncommitted.take_through(Processed, 4)), []);
        assert_eq!(Vec::from_iter(uncommitted.take_through(Processed, 5)), [(9, 5)]);
        assert!(uncommitted.is_empty());
    }

    #[test]
    fn r3_each_commit_mode_is_taken_out_by_itself() {
        let mut uncommitted = Uncommitted::default();
        uncommitted.insert(Processed, 1, 5);
        uncommitted.insert(Delivered, 2, 6);
        uncommitted.insert(Manual, 3, 7);
        assert_eq!(Vec::from_iter(uncommitted.take_through(Delivered, 9)), [(6, 2)]);
        assert_eq!(Vec::from_iter(uncommitted.take_through(Processed, 9)), [(5, 1)]);
        assert!(uncommitted.holds(7));
        assert_eq!(uncommitted.take_event(3), [7]);
        assert!(uncommitted.is_empty());
    }

    #[test]
    fn r3_one_event_is_found_for_each_of_its_subscriptions() {
        let mut uncommitted = Uncommitted::default();
        for sequence in [4, 5, 6] {
            uncommitted.insert(Processed, sequence, 1);
            uncommitted.insert(Delivered, sequence, 2);
            uncommitted.insert(Manual, sequence, 0);
            uncommitted.insert(Manual, sequence, u32::MAX);
        }
        let mut found = uncommitted.take_event(5);
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, u32::MAX]);
        let mut again = uncommitted.take_event(5);
        again.sort_unstable();
        assert_eq!(again, [1, 2], "progress reports those, too");
        assert_eq!(uncommitted.take_event(9), []);
        assert_eq!(Vec::from_iter(uncommitted.take_through(Processed, 5)), [(1, 5)]);
        assert_eq!(Vec::from_iter(uncommitted.take_through(Delivered, 5)), [(2, 5)]);
    }

    #[test]
    fn a_subscription_that_is_removed_leaves_nothing_and_others_stay() {
        let mut uncommitted = Uncommitted::default();
        for subscription in [1, 2, 3] {
            uncommitted.insert(Processed, 10, subscription);
            uncommitted.insert(Manual, 11, subscription);
        }
        uncommitted.remove_subscription(2);
        assert_eq!([1, 2, 3].map(|subscription| uncommitted.holds(subscription)), [true, false, true]);
        assert_eq!(uncommitted.take_event(11), [1, 3]);
        assert_eq!(Vec::from_iter(uncommitted.take_through(Processed, 10)), [(1, 10), (3, 10)]);
        assert!(uncommitted.is_empty());
    }
}
