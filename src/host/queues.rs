//! Events that wait for their readers, and the sub-batches in which they cross the boundary.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::bayeux::message::Message;
use crate::session::Event;
use crate::text::{units_at, utf16_len};

/// A sub-batch holds at most so many bytes, unless a single event is larger: one string of them is quick to make and to
/// slice, and soon garbage.
const MOST_BYTES: usize = 64 * 1024;
/// A sub-batch tells where so many parts of each event stand: the message, its data, channel, replay id and date.
const SPANS: usize = 5;

/// All queues of a client. Reader 0 reads the subscriptions that no reader of their own has claimed (R3b).
#[derive(Default)]
pub(crate) struct Queues {
    subs: Vec<Queue>,
    /// What reader 0 holds of each subscription.
    unclaimed_taken: Vec<(u32, usize)>,
    text: String,
    offsets: Vec<u32>,
}

struct Queue {
    subscription: u32,
    /// It has a reader of its own, which gets what has at least this number.
    claimed: Option<u32>,
    events: VecDeque<Rc<Queued>>,
    /// The number of the last event that came.
    last: u32,
    /// Taken by its reader, who is not done with them.
    taken: usize,
}

struct Queued {
    /// Order of arrival; the same event in several queues has one.
    number: u32,
    message: Message,
}

impl Queues {
    /// Queues an event, and adds the readers that it is for to `readers`.
    pub fn push(&mut self, event: Event, readers: &mut Vec<u32>) {
        let queued = Rc::new(Queued { number: event.sequence, message: event.message });
        for subscription in event.subscriptions {
            let queue = self.queue(subscription);
            queue.events.push_back(queued.clone());
            queue.last = event.sequence;
            let reader = if queue.claimed.is_some() { subscription } else { 0 };
            if !readers.contains(&reader) {
                readers.push(reader);
            }
        }
    }

    /// Gives a subscription a reader of its own.
    pub fn claim(&mut self, subscription: u32) {
        let queue = self.queue(subscription);
        // Without events here, all that it has had was taken before.
        let first = queue.events.front().map_or(queue.last.saturating_add(1), |queued| queued.number);
        queue.claimed.get_or_insert(first);
    }

    /// The subscriptions of which a reader was given the event of this number, or those before it.
    pub fn given_to(&self, reader: u32, number: u32) -> Vec<u32> {
        let mut subscriptions = Vec::new();
        if reader != 0 {
            subscriptions.push(reader);
            return subscriptions;
        }
        for queue in &self.subs {
            if queue.claimed.is_none_or(|first| number < first) {
                subscriptions.push(queue.subscription);
            }
        }
        subscriptions
    }

    /// Nothing of this subscription is wanted any more.
    pub fn forget(&mut self, subscription: u32) {
        if let Some(index) = self.subs.iter().position(|queue| queue.subscription == subscription) {
            self.subs.remove(index);
        }
    }

    /// Makes the next sub-batch of a reader, and says how many events it holds.
    pub fn take(&mut self, reader: u32) -> u32 {
        self.text.clear();
        self.offsets.clear();
        let mut units = 0;
        let mut count = 0;
        while let Some(size) = self.peek(reader) {
            if count > 0 && self.text.len() + size > MOST_BYTES {
                break;
            }
            let Some(queued) = self.pop(reader) else { break };
            units = append(&mut self.text, &mut self.offsets, units, &queued.message);
            self.offsets.push(queued.number);
            count += 1;
        }
        count
    }

    /// The texts of that sub-batch, once.
    pub fn text(&mut self) -> String {
        core::mem::take(&mut self.text)
    }

    pub fn offsets(&mut self) -> Vec<u32> {
        core::mem::take(&mut self.offsets)
    }

    /// The reader is done with all it took: how many events of which subscription.
    pub fn done(&mut self, reader: u32) -> Vec<(u32, usize)> {
        if reader == 0 {
            return core::mem::take(&mut self.unclaimed_taken);
        }
        let queue = self.subs.iter_mut().find(|queue| queue.subscription == reader);
        let taken = queue.map_or(0, |queue| core::mem::take(&mut queue.taken));
        if taken == 0 { Vec::new() } else { vec![(reader, taken)] }
    }

    fn queue(&mut self, subscription: u32) -> &mut Queue {
        let index = match self.subs.iter().position(|queue| queue.subscription == subscription) {
            Some(index) => index,
            None => {
                self.subs.push(Queue {
                    subscription,
                    claimed: None,
                    events: VecDeque::new(),
                    last: 0,
                    taken: 0,
                });
                self.subs.len() - 1
            }
        };
        &mut self.subs[index]
    }

    /// Size of the next event of a reader.
    fn peek(&self, reader: u32) -> Option<usize> {
        self.first(reader).map(|queued| queued.message.raw().len())
    }

    fn first(&self, reader: u32) -> Option<&Rc<Queued>> {
        let fronts =
            self.subs.iter().filter(|queue| queue.serves(reader)).filter_map(|queue| queue.events.front());
        fronts.min_by_key(|queued| queued.number)
    }

    /// The next event of a reader. One that lies in several unclaimed queues leaves them all.
    fn pop(&mut self, reader: u32) -> Option<Rc<Queued>> {
        let first = self.first(reader)?.clone();
        for queue in self.subs.iter_mut().filter(|queue| queue.serves(reader)) {
            if queue.events.front().is_none_or(|front| front.number != first.number) {
                continue;
            }
            queue.events.pop_front();
            if reader != 0 {
                queue.taken += 1;
                continue;
            }
            match self
                .unclaimed_taken
                .iter_mut()
                .find(|(subscription, _)| *subscription == queue.subscription)
            {
                Some((_, taken)) => *taken += 1,
                None => self.unclaimed_taken.push((queue.subscription, 1)),
            }
        }
        Some(first)
    }
}

impl Queue {
    fn serves(&self, reader: u32) -> bool {
        if reader == 0 { self.claimed.is_none() } else { self.subscription == reader }
    }
}

/// Appends a message and its offsets, in UTF-16 units as JavaScript slices; `units` is the length so far.
fn append(text: &mut String, offsets: &mut Vec<u32>, units: u32, message: &Message) -> u32 {
    let raw = message.raw();
    text.push_str(raw);
    let whole = Some(0..raw.len());
    let spans = [whole, message.data(), message.channel_span(), message.replay_id(), message.created_date()];
    let mut bytes = [0; 2 * SPANS];
    for (pair, span) in bytes.chunks_exact_mut(2).zip(spans) {
        let span = span.unwrap_or_default();
        pair.copy_from_slice(&[span.start, span.end]);
    }
    let mut positions = units_at(raw, bytes).map(|position| units + position);
    let mut end = positions[1];
    // A channel written with escapes follows the message, decoded.
    if let (None, Some(channel)) = (message.channel_span(), message.channel()) {
        text.push_str(channel);
        positions[4] = end;
        end += utf16_len(channel.as_bytes());
        positions[5] = end;
    }
    offsets.extend(positions);
    end
}
