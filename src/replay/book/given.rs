//! Which channels the events belong to that were given out.

use std::collections::{BTreeMap, VecDeque};

use crate::replay::ledger::Ledger;
use crate::steps::step;

/// So many events are noted at least before what is out of date is dropped.
const MIN_REBUILT: usize = 1_024;

/// The channels of the events that were given out, by their numbers and by the subscriptions that commit them.
///
/// It may hold more than is still of interest. When it has grown to twice its size it is made anew from what the ledgers
/// hold, so that an event costs the same whatever is there.
#[derive(Default)]
pub(super) struct GivenOut {
    channels: BTreeMap<u32, u32>,
    /// What each subscription has not processed, with its channel; numbers ascend.
    uncommitted: BTreeMap<u32, VecDeque<(u32, u32)>>,
    /// Events noted since it was last made anew.
    added: usize,
    /// How many it then held.
    size: usize,
}

impl GivenOut {
    /// An event of `channel` was given out; `committers` are the subscriptions whose progress commits it.
    pub fn add(&mut self, sequence: u32, channel: u32, committers: impl Iterator<Item = u32>) {
        self.channels.insert(sequence, channel);
        self.added += 1;
        for subscription in committers {
            self.added += 1;
            self.uncommitted.entry(subscription).or_default().push_back((sequence, channel));
        }
    }

    /// The channel of an event that was given out.
    pub fn channel_of(&self, sequence: u32) -> Option<u32> {
        self.channels.get(&sequence).copied()
    }

    /// The oldest event that a subscription has not processed, and its channel.
    pub fn first(&self, subscription: u32) -> Option<(u32, u32)> {
        self.uncommitted.get(&subscription)?.front().copied()
    }

    pub fn remove_first(&mut self, subscription: u32) {
        step();
        if let Some(queue) = self.uncommitted.get_mut(&subscription) {
            queue.pop_front();
            if queue.is_empty() {
                self.uncommitted.remove(&subscription);
            }
        }
    }

    /// Has it grown to twice its size?
    pub fn is_to_be_rebuilt(&self) -> bool {
        self.added > self.size.max(MIN_REBUILT)
    }

    /// Drops what no ledger remembers.
    pub fn rebuild<'a>(&mut self, ledgers: impl Iterator<Item = (u32, &'a Ledger)>) {
        let mut known = std::collections::BTreeSet::new();
        for (channel, ledger) in ledgers {
            for sequence in ledger.sequences() {
                step();
                known.insert((sequence, channel));
            }
        }
        self.channels.retain(|sequence, channel| known.contains(&(*sequence, *channel)));
        self.uncommitted.retain(|_, queue| {
            queue.retain(|event| known.contains(event));
            !queue.is_empty()
        });
        self.added = 0;
        self.size = self.channels.len() + self.uncommitted.values().map(VecDeque::len).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::ledger::{Arrival, Wait};
    use crate::replay::position::{Commit, OnInvalid, Position, Start};

    #[test]
    fn events_are_found_by_number_and_by_subscription() {
        let mut given = GivenOut::default();
        given.add(1, 10, [5, 6].into_iter());
        given.add(2, 11, [5].into_iter());
        assert_eq!(
            (given.channel_of(1), given.channel_of(2), given.channel_of(3)),
            (Some(10), Some(11), None)
        );
        assert_eq!(given.first(5), Some((1, 10)));
        given.remove_first(5);
        assert_eq!((given.first(5), given.first(6)), (Some((2, 11)), Some((1, 10))));
        given.remove_first(5);
        given.remove_first(5);
        assert_eq!(given.first(5), None);
        assert!(!given.uncommitted.contains_key(&5));
    }

    #[test]
    fn what_no_ledger_remembers_is_dropped_when_it_has_grown() {
        let mut given = GivenOut::default();
        for sequence in 1..=512 {
            given.add(sequence, 10, [5].into_iter());
        }
        assert!(!given.is_to_be_rebuilt());
        given.add(513, 10, [].into_iter());
        assert!(given.is_to_be_rebuilt());
        given.rebuild([].into_iter());
        assert_eq!((given.channel_of(1), given.first(5)), (None, None));
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
            given.add(sequence, 10, [5].into_iter());
        }
        given.add(1_001, 10, [5, 6].into_iter());
        given.add(1_002, 11, [6].into_iter());
        given.rebuild([(10, &ledger)].into_iter());
        assert_eq!((given.channel_of(1_000), given.channel_of(1_001)), (Some(10), None));
        assert_eq!((given.first(5), given.first(6)), (Some((1, 10)), None));
        // 1,000 events, and each of them for a subscription.
        for sequence in 2_001..=3_000 {
            given.add(sequence, 10, [5].into_iter());
        }
        assert!(!given.is_to_be_rebuilt());
        given.add(3_001, 10, [].into_iter());
        assert!(given.is_to_be_rebuilt());
    }
}
