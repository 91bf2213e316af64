//! The reference model of a channel: what the ledger's documentation says, computed anew from all that is known at every
//! step, with no thought of its cost.

use std::collections::BTreeSet;

use crate::replay::Start;
use crate::replay::ledger::{Carrier, InFlight};

pub type Id = u32;
pub type Reader = u32;

#[derive(Clone, Debug)]
pub struct Event {
    pub id: Id,
    carrier: Carrier,
    /// `None` for a position that did not come in this process: whatever comes stands behind it.
    arrived: Option<u64>,
    tied: bool,
    in_memory: bool,
    received: BTreeSet<Reader>,
    owed: BTreeSet<Reader>,
    held: BTreeSet<Reader>,
    done: bool,
}

#[derive(Debug)]
pub struct Model {
    origin: Start,
    /// What was passed last, up to the position, and all that came after it.
    pub list: Vec<Event>,
    committed: usize,
    pub again: Vec<Event>,
    again_is_old: bool,
    pub readers: BTreeSet<Reader>,
    pub in_flight: InFlight,
    pub arrived: u64,
    pub is_subscribed: bool,
}

/// What a reader that joins is given, and what follows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Given {
    pub ids: Vec<Id>,
    pub needs_session: bool,
    pub is_lost: bool,
}

impl Model {
    pub fn new(start: Start, stored: Option<Id>) -> Self {
        let position = |id| Event { done: true, ..Event::new(id, Carrier::Poll, None) };
        Self {
            origin: start,
            list: stored.map(position).into_iter().collect(),
            committed: stored.iter().len(),
            again: Vec::new(),
            again_is_old: false,
            readers: BTreeSet::new(),
            in_flight: InFlight::default(),
            arrived: 0,
            is_subscribed: false,
        }
    }

    pub fn position(&self) -> Option<Id> {
        self.committed.checked_sub(1).map(|last| self.list[last].id)
    }

    pub fn resume_from(&self) -> String {
        self.list.last().map_or_else(|| self.origin.as_str().to_owned(), |last| last.id.to_string())
    }

    /// Whether nothing that stands before it in the channel can still come.
    fn is_certain(&self, event: &Event) -> bool {
        let other = match event.carrier {
            Carrier::Poll => self.in_flight.commands,
            Carrier::Commands => self.in_flight.poll,
        };
        other.is_none_or(|sent| event.arrived.is_none_or(|arrived| sent > arrived))
    }

    fn is_cut(&self, count: usize) -> bool {
        self.list.get(count).is_none_or(|event| !event.tied)
    }

    /// The last cut among so many entries.
    fn cut(&self, count: usize) -> usize {
        (0..=count).rev().find(|count| self.is_cut(*count)).unwrap_or(0)
    }

    /// The position is the last entry before the last cut before which all is certain and passed. `remembered`: so many
    /// are kept behind it, and those that are tied to it.
    pub fn advance(&mut self, remembered: usize) {
        let passes = |event: &&Event| self.is_certain(event) && event.is_passed();
        let passed = self.list.iter().skip(self.committed).take_while(passes).count();
        let cut = self.cut(self.committed + passed);
        if cut <= self.committed {
            return;
        }
        let group = self.cut(cut - 1);
        self.list[self.committed..cut].iter_mut().for_each(|event| event.in_memory = false);
        let forgotten = group.min(cut.saturating_sub(remembered));
        self.list.drain(..forgotten);
        self.committed = cut - forgotten;
    }

    /// An event comes on a response. Returns the readers that it is given to.
    pub fn receive(&mut self, carrier: Carrier, id: Id, keeps: bool) -> Vec<Reader> {
        let number = self.arrived;
        self.arrived += 1;
        if self.list.iter().any(|event| event.id == id) {
            return Vec::new();
        }
        let again = self.again.iter().position(|event| event.id == id);
        let known = again.map(|index| self.again.remove(index));
        let mut event = known.unwrap_or_else(|| Event::new(id, carrier, Some(number)));
        let sent = match carrier {
            Carrier::Poll => self.in_flight.poll,
            Carrier::Commands => self.in_flight.commands,
        };
        let since = sent.unwrap_or(u64::MAX);
        let is_beside =
            |other: &Event| other.carrier != carrier && other.arrived.is_some_and(|arrived| arrived >= since);
        let beside = self.list.iter().position(is_beside);
        if let Some(first) = beside {
            self.list[first + 1..].iter_mut().for_each(|other| other.tied = true);
        }
        (event.carrier, event.arrived, event.tied) = (carrier, Some(number), beside.is_some());
        event.in_memory = keeps || self.list.is_empty();
        let new: Vec<Reader> = self.readers.difference(&event.received).copied().collect();
        event.received.extend(&new);
        event.owed.extend(&new);
        self.list.push(event);
        new
    }

    pub fn join(&mut self, reader: Reader) -> Given {
        self.readers.insert(reader);
        self.list.iter_mut().chain(&mut self.again).for_each(|event| event.held.clear());
        let mut given = Given::default();
        for event in self.list[self.committed..].iter_mut().take_while(|event| event.in_memory) {
            event.received.insert(reader);
            event.owed.insert(reader);
            given.ids.push(event.id);
        }
        let limit = self.committed + given.ids.len();
        if limit < self.list.len() {
            given.needs_session = self.is_subscribed;
            given.is_lost = self.goes_on_at(limit).is_none();
            self.restart(limit);
        }
        given
    }

    /// With these events in hand.
    pub fn leave(&mut self, reader: Reader, in_hand: &[Id]) {
        self.readers.remove(&reader);
        for event in self.list.iter_mut().chain(&mut self.again) {
            if event.owed.remove(&reader) && in_hand.contains(&event.id) {
                event.held.insert(reader);
            }
        }
    }

    pub fn commit(&mut self, reader: Reader, id: Id) {
        for event in self.list.iter_mut().chain(&mut self.again).filter(|event| event.id == id) {
            event.done |= event.owed.remove(&reader) | event.held.remove(&reader);
        }
    }

    /// So many entries stay in the next session; `None`: there is nothing to go on from.
    fn goes_on_at(&self, limit: usize) -> Option<usize> {
        let rest = self.list.iter().take(limit).skip(self.committed);
        let keep = self.cut(self.committed + rest.take_while(|event| self.is_certain(event)).count());
        let has_begun = self.is_subscribed || !self.list.is_empty();
        (keep > 0 || self.origin != Start::New || !has_begun).then_some(keep)
    }

    pub fn restarts_without_loss(&self) -> bool {
        self.goes_on_at(usize::MAX).is_some()
    }

    /// The session is over; what stands behind `limit` has to come again.
    pub fn restart(&mut self, limit: usize) {
        if std::mem::take(&mut self.again_is_old) {
            self.again.clear();
        }
        let first_counts = self.list.len().min(1);
        let keep = self.goes_on_at(limit).unwrap_or(first_counts);
        self.again.extend(self.list.drain(keep..));
        (self.in_flight, self.is_subscribed) = (InFlight::default(), false);
    }

    pub fn all_came_again(&mut self) {
        self.again_is_old |= self.is_subscribed && !self.again.is_empty();
    }

    pub fn refused(&mut self, fallback: Start) {
        self.origin = fallback;
        self.list.clear();
        self.again.clear();
        (self.committed, self.is_subscribed) = (0, false);
    }
}

impl Event {
    fn new(id: Id, carrier: Carrier, arrived: Option<u64>) -> Self {
        Self {
            id,
            carrier,
            arrived,
            tied: false,
            in_memory: false,
            received: BTreeSet::new(),
            owed: BTreeSet::new(),
            held: BTreeSet::new(),
            done: false,
        }
    }

    fn is_passed(&self) -> bool {
        self.done && self.owed.is_empty() && self.held.is_empty()
    }
}
