//! What a ledger knows, as bytes: equal where no input can tell two ledgers apart. Numbers that only grow are told relative
//! to one another.

use super::super::{InFlight, Ledger, Place};

/// What is needed to tell numbers relative to one another.
pub(crate) struct View<'a> {
    /// The open subscriptions.
    pub subscriptions: &'a [u32],
    pub in_flight: InFlight,
    /// The last version of the position that the store has.
    pub saved: u32,
    /// A name for the event that a commit waits for.
    pub event_of: &'a dyn Fn(u32) -> u8,
}

impl Ledger {
    pub fn encode(&self, view: &View<'_>, out: &mut Vec<u8>) {
        let relative = |number: u64| (number.max(self.first).min(self.end() + 1) - self.first) as u8;
        out.extend(self.fallback.iter().flat_map(|start| start.as_str().bytes()));
        out.extend([0, u8::from(self.subscribed), u8::from(self.again_is_old), self.list.len() as u8]);
        out.extend([self.committed, self.group, self.ready, self.certain].map(relative));
        out.extend(self.ties.iter().flat_map(|ties| [relative(ties.next), relative(ties.marked)]));
        out.push(self.limit.map_or(u8::MAX, relative));
        self.list.iter().for_each(|slot| self.encode_entry(*slot, view, out));
        let mut again: Vec<Vec<u8>> = self
            .again
            .up_to(u64::MAX)
            .into_iter()
            .map(|slot| {
                let mut bytes = Vec::new();
                self.encode_entry(slot, view, &mut bytes);
                bytes
            })
            .collect();
        again.sort_unstable();
        out.extend(again.into_iter().flatten());
        let mut waits = self.waiting.first();
        while let Some((version, command)) = waits {
            out.extend([(version as u32).wrapping_sub(view.saved) as u8, (view.event_of)(command)]);
            waits = self.waiting.next_behind(version, command);
        }
        out.push(self.version.wrapping_sub(view.saved) as u8);
    }

    fn encode_entry(&self, slot: u32, view: &View<'_>, out: &mut Vec<u8>) {
        let Some(entry) = self.entries.get(slot) else { return };
        let beside = |sent: Option<u64>| u8::from(sent.is_some_and(|sent| sent <= entry.arrived));
        out.extend(entry.key.replay_id.bytes());
        let flags = [
            u8::from(matches!(entry.place, Place::Listed(_))),
            u8::from(entry.text.is_some()),
            u8::from(entry.tied),
            entry.carrier as u8,
            beside(view.in_flight.poll),
            beside(view.in_flight.commands),
        ];
        out.push(flags.into_iter().fold(0, |all, flag| all << 1 | flag));
        entry.encode(view.subscriptions, out);
        out.extend(entry.waiters.iter().map(|command| (view.event_of)(*command)));
        out.push(u8::MAX);
    }

    /// Whether the counts are those of the entries, and all indexes lead to them.
    pub fn is_consistent(&self) -> bool {
        let all = self.entries.all();
        let entries = || all.iter().filter_map(|slot| self.entries.get(*slot));
        let listed = self.list.iter().all(|slot| self.entries.get(*slot).is_some());
        listed
            && self.list.len() + self.again.len() == all.len()
            && self.entries.kept_bytes() == entries().map(|entry| entry.kept_bytes()).sum::<usize>()
            && self.entries.owed() == entries().filter(|entry| entry.is_owed()).count()
            && self.first <= self.group
            && self.group <= self.committed
            && self.committed <= self.ready
            && self.ready <= self.certain
            && self.certain <= self.end()
    }
}
