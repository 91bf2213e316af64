//! R8, P3: what waits for the application, or for its commits, and when reading stops because of it.

use std::collections::VecDeque;

use super::config::Limits;
use super::status::FlowLimit;
use crate::Instant;
use crate::ordered::NumberMap;
use crate::steps::step;

/// Counts the events and bytes that are queued for each subscription, and those that were handed out and are not committed,
/// and holds them to the limits of the client.
pub(super) struct Flow {
    max_events: usize,
    max_bytes: usize,
    max_uncommitted: usize,
    queues: NumberMap<Queue>,
    events: usize,
    bytes: usize,
    /// Events of tracked channels that wait for a reader or for its commit.
    owed: usize,
    /// The number of the last event that was queued.
    last_event: u32,
    /// The limits have been reached, and the queue is not yet down to half of them.
    held: bool,
    /// One more poll may go out, up to twice the limits, so that the session does not lapse.
    extra_poll: bool,
    /// The limit that was reached, and a channel of the subscription that had the most then.
    limit: FlowLimit,
    slowest: String,
    /// Since when the queue has stood at twice the limits, so that not even the extra poll fits.
    full_since: Option<Instant>,
    /// When the server last sent anything: its window without a poll runs from here.
    last_response: Instant,
}

/// What one subscription has queued.
#[derive(Default)]
struct Queue {
    channel: String,
    /// The size of each event.
    sizes: VecDeque<usize>,
    /// The subscription has ended with an error: its queued events can still be read.
    ended: bool,
}

/// The consequence of a change of the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum FlowChange {
    None,
    /// The limits are reached: nothing more is read from the network.
    Stopped,
    /// The queue is short again: reading goes on.
    Resumed,
}

/// What `backpressure` tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Backlog {
    /// The limit that was reached.
    pub limit: FlowLimit,
    /// A channel of the subscription that had the most when it was reached.
    pub channel: String,
    pub events: usize,
    pub bytes: usize,
}

impl Flow {
    pub fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            max_events: limits.queued_events.max(1),
            max_bytes: limits.queued_bytes.max(1),
            max_uncommitted: limits.uncommitted_events.max(1),
            queues: NumberMap::default(),
            events: 0,
            bytes: 0,
            owed: 0,
            last_event: 0,
            held: false,
            extra_poll: false,
            limit: FlowLimit::QueuedEvents,
            slowest: String::new(),
            full_since: None,
            last_response: now,
        }
    }

    /// Opens a subscription; `channel` names it in reports.
    pub fn open(&mut self, subscription: u32, channel: &str) {
        self.queues.insert(subscription, Queue { channel: channel.to_owned(), ..Queue::default() });
    }

    /// Whether this subscription is open, or has events that can still be read.
    pub fn knows(&self, subscription: u32) -> bool {
        self.queues.contains(subscription)
    }

    /// The number that the next event gets.
    pub fn next_event(&self) -> u32 {
        self.last_event.wrapping_add(1).max(1)
    }

    /// Queues an event of `bytes` for each of these subscriptions.
    pub fn queue(&mut self, subscriptions: &[u32], bytes: usize, now: Instant) -> FlowChange {
        self.last_event = self.next_event();
        for subscription in subscriptions {
            step();
            if let Some(queue) = self.queues.get_mut(*subscription) {
                queue.sizes.push_back(bytes);
                self.events += 1;
                self.bytes += bytes;
            }
        }
        self.added(now)
    }

    /// So many events of tracked channels wait for a reader or for its commit; `most` is the channel that has the most of
    /// them.
    pub fn owed(&mut self, events: usize, now: Instant, most: impl FnOnce() -> String) -> FlowChange {
        self.owed = events;
        let added = self.added(now);
        if added == FlowChange::Stopped {
            self.slowest = most();
        }
        if added == FlowChange::None { self.remove(0, 0) } else { added }
    }

    fn added(&mut self, now: Instant) -> FlowChange {
        if self.full_since.is_none() && self.is_over(2) {
            self.full_since = Some(now);
        }
        if self.held || !self.is_over(1) {
            return FlowChange::None;
        }
        self.held = true;
        self.limit = if self.events >= self.max_events {
            FlowLimit::QueuedEvents
        } else if self.bytes >= self.max_bytes {
            FlowLimit::QueuedBytes
        } else {
            FlowLimit::UncommittedEvents
        };
        let longest = self.queues.iter().inspect(|_| step()).max_by_key(|(_, queue)| queue.sizes.len());
        self.slowest = longest.map(|(_, queue)| queue.channel.clone()).unwrap_or_default();
        FlowChange::Stopped
    }

    /// The application is done with the oldest `events` of a subscription.
    pub fn taken(&mut self, subscription: u32, events: usize) -> FlowChange {
        let Some(queue) = self.queues.get_mut(subscription) else { return FlowChange::None };
        let events = events.min(queue.sizes.len());
        let bytes: usize = queue.sizes.drain(..events).sum();
        if queue.ended && queue.sizes.is_empty() {
            self.queues.remove(subscription);
        }
        self.remove(events, bytes)
    }

    /// An error has ended the subscription: its queued events may still be read, and count until then.
    pub fn ended(&mut self, subscription: u32) {
        let Some(queue) = self.queues.get_mut(subscription) else { return };
        queue.ended = true;
        if queue.sizes.is_empty() {
            self.queues.remove(subscription);
        }
    }

    /// The subscription will not be read any more.
    pub fn forget(&mut self, subscription: u32) -> FlowChange {
        let Some(queue) = self.queues.remove(subscription) else { return FlowChange::None };
        self.remove(queue.sizes.len(), queue.sizes.iter().sum())
    }

    /// Nothing will be read any more, so reading from the network need not stop.
    pub fn clear(&mut self) {
        self.queues = NumberMap::default();
        (self.events, self.bytes, self.owed) = (0, 0, 0);
        (self.held, self.extra_poll, self.full_since) = (false, false, None);
    }

    /// Whether more of a body may be taken in.
    pub fn may_read(&self) -> bool {
        !self.held || self.extra_poll && !self.is_over(2)
    }

    /// Whether a poll may be sent.
    pub fn may_poll(&self) -> bool {
        !self.held || self.extra_poll
    }

    /// Whether the next poll is the extra one.
    pub fn is_extra_poll(&self) -> bool {
        self.extra_poll
    }

    /// Allows one poll although the queue is full.
    pub fn allow_extra_poll(&mut self) {
        self.extra_poll = true;
    }

    /// The extra poll has ended.
    pub fn extra_poll_ended(&mut self) {
        self.extra_poll = false;
    }

    /// When the extra poll is due, in a session that the server keeps for `window_ms` without one: after three quarters of
    /// that, which are 30 of Salesforce's 40 seconds (R8).
    pub fn extra_poll_at(&self, window_ms: u64) -> Option<Instant> {
        let needed = self.held && !self.extra_poll && !self.is_over(2);
        needed.then(|| self.last_response.after(window_ms / 4 * 3))
    }

    /// Since when the queue has stood at twice its limits.
    pub fn full_since(&self) -> Option<Instant> {
        self.full_since
    }

    /// The server has sent something.
    pub fn heard(&mut self, now: Instant) {
        self.last_response = now;
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// What is queued, for a report.
    pub fn backlog(&self) -> Backlog {
        Backlog { limit: self.limit, channel: self.slowest.clone(), events: self.events, bytes: self.bytes }
    }

    /// Reading goes on only at half the limits, so that it does not stop and start around them.
    fn remove(&mut self, events: usize, bytes: usize) -> FlowChange {
        self.events -= events;
        self.bytes -= bytes;
        if !self.is_over(2) {
            self.full_since = None;
        }
        let long = self.events > self.max_events / 2
            || self.bytes > self.max_bytes / 2
            || self.uncommitted() > self.max_uncommitted / 2;
        if !self.held || long {
            return FlowChange::None;
        }
        (self.held, self.extra_poll) = (false, false);
        FlowChange::Resumed
    }

    /// How many events were handed out and are not committed.
    fn uncommitted(&self) -> usize {
        self.owed.saturating_sub(self.events)
    }

    fn is_over(&self, factor: usize) -> bool {
        self.events >= self.max_events.saturating_mul(factor)
            || self.bytes >= self.max_bytes.saturating_mul(factor)
            || self.uncommitted() >= self.max_uncommitted.saturating_mul(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1_000);

    /// Limits of 4 events and 100 bytes, and subscriptions 1 and 2.
    fn flow() -> Flow {
        let limits = Limits { queued_events: 4, queued_bytes: 100, ..Limits::default() };
        let mut flow = Flow::new(&limits, Instant::default());
        flow.open(1, "/a");
        flow.open(2, "/b");
        flow
    }

    fn fill(flow: &mut Flow, events: usize) -> FlowChange {
        let mut last = FlowChange::None;
        for _ in 0..events {
            last = flow.queue(&[1], 1, NOW);
        }
        last
    }

    #[test]
    fn reading_stops_at_the_limit_of_events() {
        let mut flow = flow();
        assert_eq!(fill(&mut flow, 3), FlowChange::None);
        assert!(flow.may_read() && flow.may_poll());
        assert_eq!(fill(&mut flow, 1), FlowChange::Stopped);
        assert!(!flow.may_read() && !flow.may_poll());
        assert_eq!(fill(&mut flow, 1), FlowChange::None, "it stops once");
    }

    #[test]
    fn reading_stops_at_the_limit_of_bytes() {
        let mut flow = flow();
        assert_eq!(flow.queue(&[1], 99, NOW), FlowChange::None);
        assert_eq!(flow.queue(&[2], 1, NOW), FlowChange::Stopped);
        let (limit, channel) = (FlowLimit::QueuedBytes, "/b".to_owned());
        assert_eq!(flow.backlog(), Backlog { limit, channel, events: 2, bytes: 100 });
    }

    #[test]
    fn p3_reading_stops_at_the_limit_of_uncommitted_events() {
        let limits = Limits { queued_events: 4, uncommitted_events: 6, ..Limits::default() };
        let mut flow = Flow::new(&limits, NOW);
        flow.open(1, "/a");
        let _ = fill(&mut flow, 3);
        let owed = |flow: &mut Flow, events| flow.owed(events, NOW, || "/most".to_owned());
        assert_eq!(owed(&mut flow, 8), FlowChange::None, "three of them are queued");
        assert_eq!(owed(&mut flow, 9), FlowChange::Stopped);
        let (limit, channel) = (FlowLimit::UncommittedEvents, "/most".to_owned());
        assert_eq!(flow.backlog(), Backlog { limit, channel, events: 3, bytes: 3 });
        assert!(!flow.may_read() && flow.full_since().is_none());
        assert_eq!(owed(&mut flow, 15), FlowChange::None, "it stops once");
        assert_eq!(flow.full_since(), Some(NOW));
        assert_eq!(owed(&mut flow, 7), FlowChange::None, "four are more than half");
        assert_eq!(owed(&mut flow, 6), FlowChange::None, "so are three queued events");
        let _ = flow.taken(1, 3);
        assert_eq!(owed(&mut flow, 4), FlowChange::None);
        assert_eq!(owed(&mut flow, 3), FlowChange::Resumed);
        assert!(flow.may_read() && flow.full_since().is_none());
        let _ = owed(&mut flow, 20);
        flow.clear();
        assert!(flow.may_read());
    }

    #[test]
    fn reading_goes_on_at_half_of_both_limits() {
        let mut flow = flow();
        assert_eq!(fill(&mut flow, 4), FlowChange::Stopped);
        assert_eq!(flow.taken(1, 1), FlowChange::None);
        assert_eq!(flow.taken(1, 1), FlowChange::Resumed);
        assert!(flow.may_read() && flow.may_poll());
        let _ = flow.taken(1, 9);
        let _ = flow.queue(&[1], 51, NOW);
        assert_eq!(flow.queue(&[2], 50, NOW), FlowChange::Stopped);
        assert_eq!(flow.taken(2, 1), FlowChange::None, "51 bytes are more than half");
        assert_eq!(flow.taken(1, 1), FlowChange::Resumed);
        let _ = flow.queue(&[1], 50, NOW);
        assert_eq!(flow.queue(&[2], 50, NOW), FlowChange::Stopped);
        assert_eq!(flow.taken(2, 1), FlowChange::Resumed, "50 bytes are half");
    }

    #[test]
    fn an_event_counts_once_for_each_subscription() {
        let mut flow = flow();
        assert_eq!(flow.queue(&[1, 2], 10, NOW), FlowChange::None);
        assert_eq!((flow.backlog().events, flow.backlog().bytes), (2, 20));
        assert_eq!(flow.queue(&[1, 2], 10, NOW), FlowChange::Stopped);
    }

    #[test]
    fn events_are_numbered_from_one() {
        let mut flow = flow();
        assert_eq!(flow.next_event(), 1);
        let _ = flow.queue(&[1, 2], 1, NOW);
        assert_eq!(flow.next_event(), 2);
        flow.last_event = u32::MAX;
        assert_eq!(flow.next_event(), 1);
    }

    #[test]
    fn the_report_names_the_longest_queue() {
        let mut flow = flow();
        let _ = flow.queue(&[2], 1, NOW);
        assert_eq!(fill(&mut flow, 3), FlowChange::Stopped);
        assert_eq!(flow.backlog().channel, "/a");
        let _ = flow.queue(&[2], 1, NOW);
        let _ = flow.queue(&[2], 1, NOW);
        let _ = flow.queue(&[2], 1, NOW);
        assert_eq!(flow.backlog().channel, "/a", "as of the stop");
    }

    #[test]
    fn no_more_is_taken_than_is_there() {
        let mut flow = flow();
        let _ = fill(&mut flow, 2);
        assert_eq!(flow.taken(1, 5), FlowChange::None);
        assert_eq!(flow.taken(9, 5), FlowChange::None);
        assert!(flow.is_empty());
    }

    #[test]
    fn events_of_an_ended_subscription_count_until_they_are_read() {
        let mut flow = flow();
        let _ = fill(&mut flow, 2);
        flow.ended(1);
        flow.ended(2);
        assert!(flow.knows(1) && !flow.knows(2) && !flow.is_empty());
        let _ = flow.taken(1, 1);
        assert!(flow.knows(1));
        let _ = flow.taken(1, 1);
        assert!(!flow.knows(1) && flow.is_empty());
        flow.ended(1);
    }

    #[test]
    fn an_open_subscription_stays_known_when_it_is_read() {
        let mut flow = flow();
        let _ = fill(&mut flow, 1);
        let _ = flow.taken(1, 1);
        assert!(flow.knows(1));
    }

    #[test]
    fn a_forgotten_subscription_lets_go_of_its_events() {
        let mut flow = flow();
        assert_eq!(fill(&mut flow, 4), FlowChange::Stopped);
        assert_eq!(flow.forget(1), FlowChange::Resumed);
        assert!(!flow.knows(1) && flow.is_empty() && flow.backlog().bytes == 0);
        assert_eq!(flow.forget(1), FlowChange::None);
    }

    #[test]
    fn nothing_is_queued_for_a_subscription_that_is_gone() {
        let mut flow = flow();
        let _ = flow.forget(1);
        assert_eq!(fill(&mut flow, 9), FlowChange::None);
        assert!(flow.is_empty());
    }

    #[test]
    fn r8_the_extra_poll_goes_up_to_twice_the_limits() {
        let mut flow = flow();
        assert_eq!(flow.extra_poll_at(40_000), None);
        assert_eq!(fill(&mut flow, 4), FlowChange::Stopped);
        flow.heard(NOW);
        assert_eq!(flow.extra_poll_at(40_000), Some(NOW.after(30_000)));
        assert!(!flow.is_extra_poll());
        flow.allow_extra_poll();
        assert!(flow.is_extra_poll() && flow.may_read() && flow.may_poll());
        assert_eq!(flow.extra_poll_at(40_000), None);
        let _ = fill(&mut flow, 4);
        assert!(!flow.may_read() && flow.may_poll());
        flow.extra_poll_ended();
        assert!(!flow.is_extra_poll() && !flow.may_poll());
        assert_eq!(flow.extra_poll_at(40_000), None, "twice the limits are the end");
        assert_eq!(flow.taken(1, 6), FlowChange::Resumed);
        assert!(!flow.is_extra_poll());
    }

    #[test]
    fn r8_what_is_read_again_ends_the_extra_poll() {
        let mut flow = flow();
        let _ = fill(&mut flow, 4);
        flow.allow_extra_poll();
        assert_eq!(flow.taken(1, 4), FlowChange::Resumed);
        assert!(!flow.is_extra_poll());
    }

    #[test]
    fn r8_full_means_twice_the_limits() {
        let mut flow = flow();
        let _ = fill(&mut flow, 7);
        assert_eq!(flow.full_since(), None);
        let _ = flow.queue(&[1], 1, NOW);
        let _ = flow.queue(&[1], 1, NOW.after(5));
        assert_eq!(flow.full_since(), Some(NOW));
        let _ = flow.taken(1, 1);
        assert_eq!(flow.full_since(), Some(NOW), "8 events are twice 4");
        let _ = flow.taken(1, 1);
        assert_eq!(flow.full_since(), None);
    }

    #[test]
    fn after_the_end_nothing_is_held_back() {
        let mut flow = flow();
        let _ = fill(&mut flow, 8);
        flow.allow_extra_poll();
        flow.clear();
        assert!(flow.is_empty() && flow.may_read() && flow.may_poll() && !flow.knows(1));
        assert!(!flow.is_extra_poll() && flow.full_since().is_none() && flow.backlog().bytes == 0);
    }

    #[test]
    fn limits_of_zero_count_as_one() {
        let limits = Limits { queued_events: 0, queued_bytes: 0, ..Limits::default() };
        let mut flow = Flow::new(&limits, NOW);
        flow.open(1, "/a");
        assert!(flow.may_read());
        assert_eq!(flow.queue(&[1], 0, NOW), FlowChange::Stopped);
    }

    #[test]
    fn p2_an_event_costs_the_same_with_many_subscriptions() {
        let count = |subscriptions: u32| {
            let mut flow = Flow::new(&Limits::default(), NOW);
            for subscription in 1..=subscriptions {
                flow.open(subscription, "/a");
            }
            crate::steps::taken();
            let _ = flow.queue(&[5], 1, NOW);
            let _ = flow.taken(5, 1);
            crate::steps::taken()
        };
        assert_eq!(count(10), count(10_000));
    }
}
