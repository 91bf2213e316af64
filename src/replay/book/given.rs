//! The channels of the events that were given out.

use std::collections::VecDeque;

use crate::ordered::{NumberMap, Numbers};
use crate::replay::position::Commit;
use crate::steps::step;

/// The channels of the events that were given out, by their numbers and by the subscriptions that commit them.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct GivenOut {
    channels: Numbers,
    /// For each [`Commit`], what each subscription has yet to commit in this mode, with its channel; numbers ascend.
    uncommitted: [NumberMap<VecDeque<(u32, u32)>>; 3],
}

impl GivenOut {
    /// An event of `channel` was given out; `committers` are the subscriptions that commit it, in the channel's mode.
    pub fn add(
        &mut self,
        sequence: u32,
        channel: u32,
        commit: Commit,
        committers: impl Iterator<Item = u32>,
    ) {
        self.channels.insert(sequence, channel);
        // A manual commit names its event.
        for subscription in committers.filter(|_| commit != Commit::Manual) {
            let uncommitted = &mut self.uncommitted[commit as usize];
            match uncommitted.get_mut(subscription) {
                Some(queue) => queue.push_back((sequence, channel)),
                None => _ = uncommitted.insert(subscription, VecDeque::from([(sequence, channel)])),
            }
        }
    }

    /// The ledgers remember these events no more.
    pub fn forget(&mut self, sequences: Vec<u32>) {
        for sequence in sequences {
            self.channels.remove(sequence);
        }
    }

    /// The subscription has left, and commits nothing more.
    pub fn leave(&mut self, subscription: u32) {
        for uncommitted in &mut self.uncommitted {
            uncommitted.remove(subscription);
        }
    }

    /// The channel of an event that was given out.
    pub fn channel_of(&self, sequence: u32) -> Option<u32> {
        self.channels.get(sequence)
    }

    /// The oldest event that a subscription has yet to commit in this mode, and its channel.
    pub fn first(&self, subscription: u32, commit: Commit) -> Option<(u32, u32)> {
        self.uncommitted[commit as usize].get(subscription)?.front().copied()
    }

    pub fn remove_first(&mut self, subscription: u32, commit: Commit) {
        step();
        let uncommitted = &mut self.uncommitted[commit as usize];
        if let Some(queue) = uncommitted.get_mut(subscription) {
            queue.pop_front();
            if queue.is_empty() {
                uncommitted.remove(subscription);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: Commit = Commit::Processed;

    #[test]
    fn events_are_found_by_number_and_by_subscription() {
        let mut given = GivenOut::default();
        given.add(1, 10, DONE, [5, 6].into_iter());
        given.add(2, 11, DONE, [5].into_iter());
        assert_eq!(
            (given.channel_of(1), given.channel_of(2), given.channel_of(3)),
            (Some(10), Some(11), None)
        );
        assert_eq!(given.first(5, DONE), Some((1, 10)));
        given.remove_first(5, DONE);
        assert_eq!((given.first(5, DONE), given.first(6, DONE)), (Some((2, 11)), Some((1, 10))));
        given.remove_first(5, DONE);
        given.remove_first(5, DONE);
        assert_eq!(given.first(5, DONE), None);
        assert!(!given.uncommitted[DONE as usize].contains(5));
    }

    #[test]
    fn r3_each_way_of_committing_has_an_order_of_its_own() {
        let mut given = GivenOut::default();
        for (sequence, commit) in [(1, Commit::Manual), (2, DONE), (3, Commit::Delivered)] {
            given.add(sequence, 10, commit, [5].into_iter());
        }
        assert_eq!(given.channel_of(1), Some(10));
        assert_eq!(given.first(5, Commit::Manual), None, "a commit names its event");
        assert_eq!((given.first(5, DONE), given.first(5, Commit::Delivered)), (Some((2, 10)), Some((3, 10))));
    }

    #[test]
    fn what_the_ledgers_forget_is_forgotten() {
        let mut given = GivenOut::default();
        given.add(1, 10, DONE, [5].into_iter());
        given.add(2, 10, DONE, [5].into_iter());
        given.forget(vec![1]);
        assert_eq!((given.channel_of(1), given.channel_of(2)), (None, Some(10)));
    }

    #[test]
    fn a_subscription_that_has_left_commits_nothing() {
        let mut given = GivenOut::default();
        for (sequence, commit) in [(2, DONE), (3, Commit::Delivered)] {
            given.add(sequence, 10, commit, [5, 6].into_iter());
        }
        given.leave(5);
        assert_eq!((given.first(5, DONE), given.first(5, Commit::Delivered)), (None, None));
        assert_eq!((given.first(6, DONE), given.first(6, Commit::Delivered)), (Some((2, 10)), Some((3, 10))));
    }
}
