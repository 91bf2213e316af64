//! The channels that need a subscribe or an unsubscribe, in the order of the application's commands.

use crate::Instant;
use crate::ordered::{Agenda, NumberMap};
use crate::steps::steps;

/// The place of a channel in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::session) struct Place {
    order: u32,
    entry: u32,
}

/// What a channel needs.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::session) enum Action<'a> {
    Subscribe(&'a str),
    Unsubscribe(&'a str),
}

/// The same, by what the request may have to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Subscribe,
    /// A subscribe from a position.
    Replay,
    Unsubscribe,
}

/// Keeps the channels by what they need, so that the next one is found without looking at the others.
#[derive(Default)]
pub(super) struct Due {
    subscribe: Agenda,
    replay: Agenda,
    unsubscribe: Agenda,
    /// Channels that are not due yet.
    later: Agenda,
    /// Where each entry is kept.
    known: NumberMap<Known>,
    now: Instant,
}

#[derive(Clone, Copy)]
enum Known {
    Due(Need, Place),
    Later(Instant),
}

impl Place {
    pub fn new(order: u32, entry: u32) -> Self {
        Self { order, entry }
    }

    pub fn order(self) -> u32 {
        self.order
    }

    pub(super) fn entry(self) -> u32 {
        self.entry
    }
}

impl Due {
    /// The entry at this place needs this from `at` on, or nothing.
    pub fn set(&mut self, place: Place, need: Option<Need>, at: Instant) {
        match self.known.remove(place.entry).map(|known| *known) {
            Some(Known::Due(need, place)) => {
                self.places(need).remove(place.order.into(), place.entry);
            }
            Some(Known::Later(at)) => {
                self.later.remove(at.as_millis(), place.entry);
            }
            None => {}
        }
        let Some(need) = need else { return };
        let known = if at <= self.now {
            self.places(need).insert(place.order.into(), place.entry);
            Known::Due(need, place)
        } else {
            self.later.insert(at.as_millis(), place.entry);
            Known::Later(at)
        };
        self.known.insert(place.entry, known);
    }

    /// Time has passed. Returns the entries that have become due and must be set again.
    pub fn advance(&mut self, now: Instant) -> Vec<u32> {
        self.now = self.now.max(now);
        let due = self.later.up_to(self.now.as_millis());
        steps(due.len());
        due
    }

    /// The next place after `last`. Subscribes are included only with `subscribe`.
    pub fn next(&self, last: Option<Place>, subscribe: bool) -> Option<(Place, Need)> {
        let first = |places: &Agenda, need: Need| {
            let next = match last {
                None => places.first(),
                Some(Place { order, entry }) => places.next_behind(order.into(), entry),
            };
            next.map(|(order, entry)| (Place { order: order as u32, entry }, need))
        };
        let all = [
            first(&self.unsubscribe, Need::Unsubscribe),
            first(&self.subscribe, Need::Subscribe).filter(|_| subscribe),
            first(&self.replay, Need::Replay).filter(|_| subscribe),
        ];
        all.into_iter().flatten().min_by_key(|(place, _)| *place)
    }

    /// When the first channel that is not due yet becomes due.
    pub fn next_retry(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| Instant::from_millis(at))
    }

    pub fn replay_is_due(&self) -> bool {
        !self.replay.is_empty()
    }

    fn places(&mut self, need: Need) -> &mut Agenda {
        match need {
            Need::Subscribe => &mut self.subscribe,
            Need::Replay => &mut self.replay,
            Need::Unsubscribe => &mut self.unsubscribe,
        }
    }
}
