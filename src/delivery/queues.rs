//! The queues of all readers of a client.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use super::batch::{Batch, BatchBuilder};
use super::uncommitted::Uncommitted;
use crate::bayeux::message::Message;
use crate::ordered::{NumberMap, Numbers};
use crate::replay::Commit;
use crate::session::Event;
use crate::steps::step;

/// The reader of all subscriptions that are not claimed (R3b).
pub const SHARED_READER: u32 = 0;

/// The queues of all readers of a client.
///
/// Subscriptions have the numbers that they have in the session: not 0, and never used twice. A number that is not
/// open, because it never was or has been removed, is no error: it has no events.
///
/// The cost of an event is constant, or grows with the logarithm of the numbers of subscriptions and of queued events.
#[derive(Default)]
pub struct DeliveryQueues {
    subscriptions: NumberMap<Subscription>,
    /// The queue of the shared reader, by sequence number: each event once, for however many unclaimed subscriptions.
    shared: NumberMap<Rc<QueuedEvent>>,
    /// How many events of which subscription the shared reader has taken and not consumed.
    taken_by_shared: Numbers,
    uncommitted: Uncommitted,
    /// Readers that have new events, in the order in which these came.
    ready: Vec<u32>,
    shared_is_ready: bool,
}

struct Subscription {
    commit: Option<Commit>,
    /// Whether it has a reader of its own.
    claimed: bool,
    /// Whether no more events come.
    ended: bool,
    /// Whether its own reader is in `ready`.
    is_ready: bool,
    queue: VecDeque<Rc<QueuedEvent>>,
    /// Events that its own reader has taken and not consumed.
    taken: usize,
    /// Progress of its own reader, held back while the shared reader has earlier events that are not committed.
    held_back: u32,
}

struct QueuedEvent {
    sequence: u32,
    message: Arc<Message>,
    subscriptions: Vec<u32>,
    /// The number of queues of unclaimed subscriptions that it is in.
    unclaimed: Cell<usize>,
}

impl DeliveryQueues {
    /// Opens the queue of a subscription. `commit`: when its events count as done (R3), or `None` where no position is
    /// tracked; then [`progress`](Self::progress) and [`commit`](Self::commit) never name it for the shared reader, and
    /// nothing is remembered for it.
    pub fn open(&mut self, subscription: u32, commit: Option<Commit>) {
        if self.subscriptions.contains(subscription) {
            return;
        }
        let new = Subscription {
            commit,
            claimed: false,
            ended: false,
            is_ready: false,
            queue: VecDeque::new(),
            taken: 0,
            held_back: 0,
        };
        self.subscriptions.insert(subscription, new);
    }

    /// Queues an event for the readers of its subscriptions. Events come in ascending order of their sequence numbers.
    pub fn push(&mut self, event: Event) {
        let Event { sequence, subscriptions, message } = event;
        let event = Rc::new(QueuedEvent { sequence, message, subscriptions, unclaimed: Cell::new(0) });
        for number in &event.subscriptions {
            step();
            let Some(subscription) = self.subscriptions.get_mut(*number) else { continue };
            subscription.queue.push_back(event.clone());
            let (reader, is_ready) = if subscription.claimed {
                (*number, &mut subscription.is_ready)
            } else {
                event.unclaimed.update(|count| count + 1);
                (SHARED_READER, &mut self.shared_is_ready)
            };
            if !core::mem::replace(is_ready, true) {
                self.ready.push(reader);
            }
        }
        if event.unclaimed.get() > 0 {
            self.shared.insert(sequence, event);
        }
    }

    /// The readers for which events have been queued since the last call, in the order in which these came.
    pub fn take_ready(&mut self) -> Vec<u32> {
        self.shared_is_ready = false;
        for reader in &self.ready {
            step();
            if let Some(subscription) = self.subscriptions.get_mut(*reader) {
                subscription.is_ready = false;
            }
        }
        core::mem::take(&mut self.ready)
    }

    /// Gives a subscription a reader of its own, which gets all of its events that are queued. Events that the shared
    /// reader has taken stay with the shared reader.
    pub fn claim(&mut self, subscription: u32) {
        let Some(subscription) = self.subscriptions.get_mut(subscription) else { return };
        if !core::mem::replace(&mut subscription.claimed, true) {
            withdraw(&mut self.shared, &subscription.queue);
        }
    }

    /// No more events come for this subscription. Those that are queued can still be read.
    pub fn end(&mut self, subscription: u32) {
        if let Some(ended) = self.subscriptions.get_mut(subscription) {
            ended.ended = true;
        }
        self.remove_if_over(subscription);
    }

    /// Closes a subscription: its events leave the queues, and no report names it any more. An event that is also
    /// queued for other subscriptions stays queued for those.
    pub fn remove(&mut self, subscription: u32) {
        let Some(removed) = self.subscriptions.remove(subscription) else { return };
        if !removed.claimed {
            withdraw(&mut self.shared, &removed.queue);
        }
        self.taken_by_shared.remove(subscription);
        self.uncommitted.remove_subscription(subscription);
    }

    /// Takes the next events of a reader out of its queue, in the order in which they came. The number of a subscription
    /// claims it.
    pub fn next_batch(&mut self, reader: u32) -> Batch {
        if reader != SHARED_READER {
            self.claim(reader);
        }
        let mut batch = BatchBuilder::default();
        while let Some(event) = self.front(reader).filter(|event| batch.has_room_for(&event.message)) {
            step();
            batch.push(event.sequence, &event.message);
            self.pop(reader, &event);
        }
        batch.finish()
    }

    /// The application is done with all events of the batches that a reader has taken: they no longer count as queued
    /// (R8). Returns subscriptions and the number of events of each, for
    /// [`Input::Taken`](crate::session::Input::Taken).
    pub fn consumed(&mut self, reader: u32) -> Vec<(u32, usize)> {
        let mut events = Vec::new();
        if reader == SHARED_READER {
            let taken = core::mem::take(&mut self.taken_by_shared).entries();
            events.extend(taken.into_iter().map(|(subscription, taken)| (subscription, taken as usize)));
        } else if let Some(subscription) = self.subscriptions.get_mut(reader) {
            let taken = core::mem::take(&mut subscription.taken);
            events.extend((taken > 0).then_some((reader, taken)));
        }
        for (subscription, _) in &events {
            step();
            self.remove_if_over(*subscription);
        }
        events
    }

    /// A reader was handed all of its events up to this sequence number, or is done with them (`done`). Returns
    /// subscriptions, and the last event of each to which this applies, for
    /// [`Input::Progress`](crate::session::Input::Progress).
    ///
    /// For the shared reader these are the subscriptions that commit in this mode and of which it was given events that
    /// have not been reported yet. Another reader's progress is reported once the shared reader is done with the events
    /// of the subscription that it was given before it was claimed: a commit covers all events before it.
    pub fn progress(&mut self, reader: u32, sequence: u32, done: bool) -> Vec<(u32, u32)> {
        let commit = if done { Commit::Processed } else { Commit::Delivered };
        if reader != SHARED_READER {
            if let Some(subscription) = self.subscriptions.get_mut(reader)
                && subscription.commit == Some(commit)
                && self.uncommitted.holds(reader)
            {
                subscription.held_back = sequence;
                return Vec::new();
            }
            return vec![(reader, sequence)];
        }
        let mut reports = Vec::new();
        for (number, mut through) in self.uncommitted.take_through(commit, sequence).entries() {
            step();
            if let Some(subscription) = self.subscriptions.get_mut(number)
                && !self.uncommitted.holds(number)
            {
                through = through.max(subscription.held_back);
                self.remove_if_over(number);
            }
            reports.push((number, through));
        }
        reports
    }

    /// The application commits one event of a reader. Returns the subscriptions for which the reader was given it, for
    /// [`Command::Commit`](crate::session::Command::Commit): none where they have all been reported before.
    pub fn commit(&mut self, reader: u32, sequence: u32) -> Vec<u32> {
        if reader != SHARED_READER {
            return vec![reader];
        }
        let subscriptions = self.uncommitted.take_event(sequence);
        for subscription in &subscriptions {
            step();
            self.remove_if_over(*subscription);
        }
        subscriptions
    }

    fn front(&self, reader: u32) -> Option<Rc<QueuedEvent>> {
        let event = if reader == SHARED_READER {
            self.shared.first().map(|(_, event)| event)
        } else {
            self.subscriptions.get(reader)?.queue.front()
        };
        event.cloned()
    }

    /// Removes the front event from the queue of its reader.
    fn pop(&mut self, reader: u32, event: &QueuedEvent) {
        if reader != SHARED_READER {
            if let Some(subscription) = self.subscriptions.get_mut(reader) {
                subscription.queue.pop_front();
                subscription.taken += 1;
            }
            return;
        }
        self.shared.remove(event.sequence);
        // The event is at the front of each of these queues as well: the shared reader takes from all of them in the
        // same order.
        let has_it = |subscription: &&mut Subscription| {
            let front = subscription.queue.front();
            !subscription.claimed && front.is_some_and(|front| front.sequence == event.sequence)
        };
        for number in &event.subscriptions {
            step();
            let Some(subscription) = self.subscriptions.get_mut(*number).filter(has_it) else { continue };
            subscription.queue.pop_front();
            let taken = self.taken_by_shared.get(*number).unwrap_or(0);
            self.taken_by_shared.insert(*number, taken + 1);
            if let Some(commit) = subscription.commit {
                self.uncommitted.insert(commit, event.sequence, *number);
            }
        }
    }

    /// Removes a subscription that has ended, once nothing of it is left to be read or reported.
    fn remove_if_over(&mut self, number: u32) {
        let over = |subscription: &Subscription| {
            subscription.ended && subscription.queue.is_empty() && subscription.taken == 0
        };
        if self.subscriptions.get(number).is_some_and(over)
            && self.taken_by_shared.get(number).is_none()
            && !self.uncommitted.holds(number)
        {
            self.subscriptions.remove(number);
        }
    }
}

/// Removes the events of a queue from the shared reader's, except for those that are in the queue of another unclaimed
/// subscription.
fn withdraw(shared: &mut NumberMap<Rc<QueuedEvent>>, queue: &VecDeque<Rc<QueuedEvent>>) {
    for event in queue {
        step();
        event.unclaimed.update(|count| count - 1);
        if event.unclaimed.get() == 0 {
            shared.remove(event.sequence);
        }
    }
}

#[cfg(test)]
mod tests;
