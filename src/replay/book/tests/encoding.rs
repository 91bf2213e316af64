//! What a book of one channel knows, as bytes: equal where no input can tell two books apart.

use super::super::Book;
use crate::Instant;
use crate::replay::ledger::{InFlight, View};

impl Book {
    pub fn encode(
        &self,
        subscriptions: &[u32],
        in_flight: InFlight,
        event_of: &dyn Fn(u32) -> u8,
        now: Instant,
        out: &mut Vec<u8>,
    ) {
        for (number, tracked) in self.channels.iter() {
            out.extend(
                [tracked.wanted, tracked.released, self.provisional.contains(0, number)].map(u8::from),
            );
            let saved = tracked.store.encode(&tracked.ledger, now, out);
            tracked.ledger.encode(&View { subscriptions, in_flight, saved, event_of }, out);
        }
    }

    /// Whether events are expected again.
    pub fn expects_again(&self) -> bool {
        !self.expecting.is_empty()
    }

    /// Whether its counts are those of its ledgers, and theirs those of their entries.
    pub fn is_consistent(&self) -> bool {
        let ledgers = || self.channels.values().map(|tracked| &tracked.ledger);
        ledgers().all(|ledger| ledger.is_consistent())
            && self.kept_bytes == ledgers().map(|ledger| ledger.kept_bytes()).sum::<usize>()
            && self.owed == ledgers().map(|ledger| ledger.owed()).sum::<usize>()
    }
}
