//! The channels of the events that were given out.

use std::collections::VecDeque;

use crate::ordered::{Agenda, NumberMap, Numbers};
use crate::replay::ledger::Ledger;
use crate::replay::position::Commit;
use crate::steps::step;

/// The least number of notes at which outdated ones are dropped.
const MIN_REBUILT: usize = 256;

/// The channels of the events that were given out, by their numbers and by the subscriptions that commit them.
///
/// It may hold outdated notes. When it has grown to twice its size it is rebuilt from the ledgers, so that the cost of
/// an event does not depend on how many are held (P1).
#[derive(Default)]
pub(super) struct GivenOut {
    channels: Numbers,
    /// For each [`Commit`], what each subscription has yet to commit in this mode, with its channel; numbers ascend.
    uncommitted: [NumberMap<VecDeque<(u32, u32)>>; 3],
    /// Events noted since it was last rebuilt.
    added: usize,
    /// How many it held then.
    size: usize,
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
        self.added += 1;
        // A manual commit names its event.
        for subscription in committers.filter(|_| commit != Commit::Manual) {
            self.added += 1;
            let uncommitted = &mut self.uncommitted[commit as usize];
            match uncommitted.get_mut(subscription) {
                Some(queue) => queue.push_back((sequence, channel)),
                None => _ = uncommitted.insert(subscription, VecDeque::from([(sequence, channel)])),
            }
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

    /// Whether it has grown to twice its size.
    pub fn is_to_be_rebuilt(&self) -> bool {
        self.added > self.size.max(MIN_REBUILT)
    }

    /// Drops what no ledger remembers.
    pub fn rebuild<'a>(&mut self, ledgers: impl Iterator<Item = (u32, &'a Ledger)>) {
        let mut known = Agenda::default();
        for (channel, ledger) in ledgers {
            for sequence in ledger.sequences() {
                step();
                known.insert(sequence.into(), channel);
            }
        }
        for (sequence, channel) in self.channels.entries() {
            if !known.contains(sequence.into(), channel) {
                self.channels.remove(sequence);
            }
        }
        (self.added, self.size) = (0, known.len());
        for uncommitted in &mut self.uncommitted {
            for queue in uncommitted.values_mut() {
                queue.retain(|(sequence, channel)| known.contains((*sequence).into(), *channel));
                self.size += queue.len();
            }
            uncommitted.take_if(|_, queue| queue.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::ledger::{Arrival, Wait};
    use crate::replay::position::{OnInvalid, Position, Start};

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
    fn what_no_ledger_remembers_is_dropped_when_it_has_grown() {
        let mut given = GivenOut::default();
        for sequence in 1..=128 {
            given.add(sequence, 10, DONE, [5].into_iter());
        }
        assert!(!given.is_to_be_rebuilt());
        given.add(129, 10, DONE, [].into_iter());
        assert!(given.is_to_be_rebuilt());
        given.rebuild([].into_iter());
        assert_eq!((given.channel_of(1), given.first(5, DONE)), (None, None));
        assert!(!given.is_to_be_rebuilt());
    }

    #[test]
    fn what_a_ledger_remembers_is_kept_and_rebuilt_at_twice_its_size() {
        let mut ledger = Ledger::new("/event/A", Start::All, Commit::Processed, OnInvalid::All);
        let mut given = GivenOut::default();
        for sequence in 1..=1_000 {
            ledger.receive(Arrival {
                sequence,
                position: Position { replay_id: sequence.to_string(), created_date: None },
                uuid: None,
                subscriptions: &[5],
                committers: &[5],
                request: 1,
                wait: Wait::Nothing,
                late: false,
            });
            given.add(sequence, 10, DONE, [5].into_iter());
        }
        given.add(1_001, 10, DONE, [5, 6].into_iter());
        given.add(1_002, 11, DONE, [6].into_iter());
        given.rebuild([(10, &ledger)].into_iter());
        assert_eq!((given.channel_of(1_000), given.channel_of(1_001)), (Some(10), None));
        assert_eq!((given.first(5, DONE), given.first(6, DONE)), (Some((1, 10)), None));
        // 1,000 events, and each of them for a subscription.
        for sequence in 2_001..=3_000 {
            given.add(sequence, 10, DONE, [5].into_iter());
        }
        assert!(!given.is_to_be_rebuilt());
        given.add(3_001, 10, DONE, [].into_iter());
        assert!(given.is_to_be_rebuilt());
    }
}
