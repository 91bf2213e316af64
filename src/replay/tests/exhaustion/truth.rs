//! What the client does not see: which events are promised, received and committed; and what must hold of them.

use super::ids::{Id, Ids, Set, has};
use crate::replay::Start;
use crate::replay::book::Carrier;

/// What is wrong.
pub type Verdict = Result<(), String>;

#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub published: Id,
    /// The server has none before and including this one.
    pub trimmed: Id,
    /// What stands after this event is promised; `None` before the first subscribe for new ones.
    promised: Option<Id>,
    /// The last position of this life and epoch.
    highest: Id,
    /// Committed by somebody in this life and epoch.
    committed: Set,
    /// A reader left with them in hand, and none has come since.
    held: Set,
    readers: [Reader; 2],
    /// The events that ever came on such a response: their order to others is not always known.
    by: [Set; 2],
    /// The last position whose save was answered.
    pub saved: Option<Id>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reader {
    open: bool,
    /// It is promised what stands after this event.
    after: Id,
    got: Set,
    done: Set,
}

fn set(ids: impl IntoIterator<Item = Id>) -> Set {
    ids.into_iter().fold(0, |all, id| all | 1 << id)
}

impl Truth {
    // ---- What happens.

    /// A process begins at this position, or without one.
    pub fn life_begins(&mut self, position: Option<Id>, start: &Start, stored: Option<Id>) {
        self.saved = stored;
        let begin = (*start == Start::All).then_some(self.trimmed);
        self.promised = position.or(begin);
        self.highest = position.unwrap_or(0);
    }

    pub fn life_ends(&mut self) {
        *self = Self { published: self.published, trimmed: self.trimmed, ..Self::default() };
    }

    /// The server has refused the position: all is given anew, from the first that it has or from the next subscribe on.
    pub fn epoch_begins(&mut self, all: bool) {
        self.promised = all.then_some(self.trimmed);
        (self.committed, self.held, self.highest, self.saved) = (0, 0, 0, None);
        for reader in &mut self.readers {
            *reader = Reader { open: reader.open, ..Reader::default() };
        }
    }

    /// Events may be missing up to the one after which the next session begins, or else up to its subscribe.
    pub fn gap(&mut self, goes_on_after: Option<Id>) {
        self.promised = goes_on_after.map(|id| self.promised.unwrap_or(0).max(id - 1));
    }

    /// The server has subscribed the channel after this event; `None`: with new events. Returns the event after which it
    /// does begin.
    pub fn subscribed_after(&mut self, after: Option<Id>) -> Id {
        let after = after.unwrap_or(self.published);
        self.promised.get_or_insert(after);
        after.max(self.trimmed)
    }

    pub fn answered(&mut self, carrier: Carrier, events: Ids) {
        self.by[carrier as usize] |= set(events);
    }

    pub fn joined(&mut self, reader: usize, position: Option<Id>) {
        let position = position.unwrap_or(0);
        // What everybody has done with need not come again.
        let done = (position + 1..=self.published).take_while(|id| self.is_done(*id)).count() as Id;
        self.readers[reader] = Reader { open: true, after: position + done, ..Reader::default() };
        self.held = 0;
    }

    pub fn left(&mut self, reader: usize, in_hand: impl Iterator<Item = Id>) {
        self.held |= set(in_hand);
        self.readers[reader] = Reader::default();
    }

    pub fn committed(&mut self, reader: usize, ids: Ids) {
        self.committed |= set(ids);
        self.readers[reader].done |= set(ids);
    }

    /// A reader that has left commits an event; `held` are those that readers left with and have not committed.
    pub fn committed_late(&mut self, id: Id, held: impl Iterator<Item = Id>) {
        self.committed |= 1 << id;
        self.held = set(held);
    }

    /// No reader gets an event twice, or two events of polls in another order than the channel's.
    pub fn given(&mut self, reader: usize, id: Id) -> Verdict {
        let Reader { got, .. } = self.readers[reader];
        if has(got, id) {
            return Err(format!("reader {reader} gets {id} twice"));
        }
        let by_command = self.by[Carrier::Commands as usize];
        let later =
            (id + 1..=self.published).find(|later| has(got & !by_command, *later) && !has(by_command, id));
        if let Some(later) = later {
            return Err(format!("reader {reader} gets {id} after {later}, and both came on polls"));
        }
        self.readers[reader].got |= 1 << id;
        Ok(())
    }

    // ---- What must hold.

    /// A position never moves back, and passes nothing that is neither committed nor named by a gap.
    pub fn position_moved(&mut self, position: Option<Id>) -> Verdict {
        let Some(position) = position else { return Ok(()) };
        if position < self.highest {
            return Err(format!("the position moves back from {} to {position}", self.highest));
        }
        self.highest = position;
        match (1..=position).find(|id| self.counts(*id) && !self.is_done(*id)) {
            Some(id) => Err(format!("position {position} passes {id}, which is not committed")),
            None => Ok(()),
        }
    }

    /// A commit has succeeded: a position that includes the event is saved.
    pub fn commit_resolved(&self, id: Id) -> Verdict {
        match self.saved.or(Some(self.highest).filter(|highest| *highest > 0)) {
            _ if !self.counts(id) => Ok(()),
            Some(saved) if id <= saved || self.are_beside(id, saved) => Ok(()),
            saved => Err(format!("the commit of {id} succeeds, and {saved:?} is saved")),
        }
    }

    /// A commit has succeeded because the server no longer has the event.
    pub fn commit_given_up(&self, id: Id) -> Verdict {
        if id <= self.trimmed || !self.counts(id) {
            Ok(())
        } else {
            Err(format!("the commit of {id} is given up, which the server still has"))
        }
    }

    pub fn nothing_is_missing(&self) -> Verdict {
        for (number, reader) in self.readers.iter().enumerate() {
            if let Some(id) =
                (1..=self.published).find(|id| self.promises(reader, *id) && !has(reader.got, *id))
            {
                return Err(format!("reader {number} misses {id}, and no gap names it"));
            }
        }
        Ok(())
    }

    /// Nothing is on its way: the position is saved, and stands before something that is not committed.
    pub fn nothing_is_stuck(&self, position: Option<Id>, store: Option<Id>) -> Verdict {
        if !self.is_saved(position, store) {
            return Err(format!("the position is {position:?}, and {store:?} is saved"));
        }
        let position = position.unwrap_or(0);
        let rest = (position + 1..=self.published).filter(|id| self.counts(*id));
        let (done, left): (Vec<Id>, Vec<Id>) = rest.partition(|id| self.is_done(*id));
        // Of events that came side by side the client does not know the order: the position passes all or none of them, and
        // stands at any of them.
        let stuck = if left.is_empty() {
            done.iter().find(|id| position == 0 || !self.are_beside(**id, position))
        } else if self.by[Carrier::Commands as usize] == 0 {
            done.iter().find(|id| **id < left[0])
        } else {
            None
        };
        match stuck {
            Some(id) => Err(format!("the position stays at {position}, and {id} is committed")),
            None => Ok(()),
        }
    }

    /// Whether the store has the position, or had it before an older save landed last.
    pub fn is_saved(&self, position: Option<Id>, store: Option<Id>) -> bool {
        position.is_none() || position == store || position == self.saved
    }

    /// Whether a reader left with an event in hand, and none has come since.
    pub fn is_held(&self) -> bool {
        self.held != 0
    }

    /// Whether all that is promised is committed, and the position says so.
    pub fn is_complete(&self, position: Option<Id>) -> bool {
        let position = position.unwrap_or(0);
        let mut rest = (position + 1..=self.published).filter(|id| self.counts(*id));
        rest.all(|id| position > 0 && self.is_done(id) && self.are_beside(id, position))
    }

    fn are_beside(&self, id: Id, other: Id) -> bool {
        let [poll, commands] = self.by;
        has(commands, id) && has(poll, other) || has(poll, id) && has(commands, other)
    }

    fn promises(&self, reader: &Reader, id: Id) -> bool {
        reader.open && id > reader.after && self.counts(id)
    }

    fn counts(&self, id: Id) -> bool {
        self.promised.is_some_and(|promised| id > promised)
    }

    /// Nobody needs it any more.
    fn is_done(&self, id: Id) -> bool {
        let owes =
            |reader: &Reader| (self.promises(reader, id) || has(reader.got, id)) && !has(reader.done, id);
        has(self.committed, id) && !has(self.held, id) && !self.readers.iter().any(owes)
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.published, self.trimmed, self.promised.map_or(u8::MAX, |id| id), self.highest]);
        out.push(self.saved.unwrap_or(0));
        for bits in [self.committed, self.held, self.by[0], self.by[1]] {
            out.extend(bits.to_le_bytes());
        }
        for Reader { open, after, got, done } in self.readers {
            out.extend([u8::from(open), after]);
            out.extend(got.to_le_bytes());
            out.extend(done.to_le_bytes());
        }
    }
}
