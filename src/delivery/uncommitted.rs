//! The events that the shared reader has been given and whose commit has not been reported yet, by subscription.

use crate::ordered::{Agenda, Numbers};
use crate::replay::Commit;
use crate::steps::{step, steps};

/// Kept for the shared reader only: any other one reads a single subscription, and needs no such record.
#[derive(Default)]
pub(super) struct Uncommitted {
    /// Sequence number and subscription, in a set for each [`Commit`], so that no mode has to pass over the events of
    /// another.
    by_event: [Agenda; 3],
    /// Subscription and sequence number, of all modes.
    by_subscription: Agenda,
}

impl Uncommitted {
    /// The shared reader is given an event of a subscription that commits in this mode.
    pub fn insert(&mut self, commit: Commit, sequence: u32, subscription: u32) {
        self.by_event[commit as usize].insert(sequence.into(), subscription);
        self.by_subscription.insert(subscription.into(), sequence);
    }

    /// Removes all events of this mode up to one, and returns the last of each subscription.
    pub fn take_through(&mut self, commit: Commit, sequence: u32) -> Numbers {
        let events = &mut self.by_event[commit as usize];
        let mut last = Numbers::default();
        while let Some((event, subscription)) = events.first().filter(|(event, _)| *event <= sequence.into())
        {
            step();
            events.remove(event, subscription);
            self.by_subscription.remove(subscription.into(), event as u32);
            last.insert(subscription, event as u32);
        }
        last
    }

    /// The subscriptions for which an event is uncommitted. In manual mode this call commits it.
    pub fn take_event(&mut self, sequence: u32) -> Vec<u32> {
        let mut subscriptions = Vec::new();
        for events in &self.by_event {
            subscriptions.append(&mut events.at(sequence.into()));
        }
        steps(subscriptions.len());
        let manual = &mut self.by_event[Commit::Manual as usize];
        for subscription in &subscriptions {
            step();
            if manual.remove(sequence.into(), *subscription) {
                self.by_subscription.remove((*subscription).into(), sequence);
            }
        }
        subscriptions
    }

    /// Whether an event of this subscription is uncommitted.
    pub fn holds(&self, subscription: u32) -> bool {
        self.by_subscription.has(subscription.into())
    }

    /// Forgets the events of a subscription.
    pub fn remove_subscription(&mut self, subscription: u32) {
        for sequence in self.by_subscription.at(subscription.into()) {
            step();
            self.by_subscription.remove(subscription.into(), sequence);
            for events in &mut self.by_event {
                events.remove(sequence.into(), subscription);
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
        assert_eq!(taken.entries(), [(7, 4), (8, 4), (9, 2)]);
        assert_eq!([7, 8, 9].map(|subscription| uncommitted.holds(subscription)), [false, false, true]);
        assert_eq!(uncommitted.take_through(Processed, 4).entries(), []);
        assert_eq!(uncommitted.take_through(Processed, 5).entries(), [(9, 5)]);
        assert!(uncommitted.is_empty());
    }

    #[test]
    fn r3_each_commit_mode_is_taken_out_by_itself() {
        let mut uncommitted = Uncommitted::default();
        uncommitted.insert(Processed, 1, 5);
        uncommitted.insert(Delivered, 2, 6);
        uncommitted.insert(Manual, 3, 7);
        assert_eq!(uncommitted.take_through(Delivered, 9).entries(), [(6, 2)]);
        assert_eq!(uncommitted.take_through(Processed, 9).entries(), [(5, 1)]);
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
        assert_eq!(uncommitted.take_through(Processed, 5).entries(), [(1, 5)]);
        assert_eq!(uncommitted.take_through(Delivered, 5).entries(), [(2, 5)]);
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
        assert_eq!(uncommitted.take_through(Processed, 10).entries(), [(1, 10), (3, 10)]);
        assert!(uncommitted.is_empty());
    }
}
