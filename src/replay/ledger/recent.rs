use super::entry::{Entry, EventKey};

/// How many committed events are remembered at most.
pub(super) const MAX_RECENT: usize = 256;

/// The events that were committed last, so that one that comes again is recognised (R7b).
pub(super) struct RecentEvents(Vec<RecentEvent>);

struct RecentEvent {
    key: EventKey,
    /// The numbers by which it was given out.
    sequences: Vec<u32>,
}

impl RecentEvents {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn contains(&self, key: &EventKey) -> bool {
        self.0.iter().any(|recent| recent.key == *key)
    }

    pub(super) fn has_sequence(&self, sequence: u32) -> bool {
        self.0.iter().any(|recent| recent.sequences.contains(&sequence))
    }

    pub(super) fn sequences(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|recent| recent.sequences.iter().copied())
    }

    /// Makes room for events that are committed together. All of them are kept, however many there are, since each may
    /// come again.
    pub(super) fn make_room(&mut self) {
        if let Some(excess) = self.0.len().checked_sub(MAX_RECENT) {
            self.0.drain(..excess + MAX_RECENT / 2);
        }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let sequences = entry.sequences().collect();
        self.0.push(RecentEvent { key: entry.key, sequences });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
