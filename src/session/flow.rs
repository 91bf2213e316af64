//! R8: what waits for the application, and when reading stops because of it.

use super::config::Limits;
use crate::Instant;

/// Counts queued events and bytes of the whole client.
pub(super) struct Flow {
    max_events: usize,
    max_bytes: usize,
    pub events: usize,
    pub bytes: usize,
    /// Over the limits, and not yet well below them again.
    pub held: bool,
    /// One more poll may go out, up to twice the limits, so that the session does not lapse.
    pub overflow: bool,
    /// A channel of the subscription that was not read when the limits were reached.
    pub slowest: String,
    /// At twice the limits since then: not even the one poll fits any more.
    pub full_since: Option<Instant>,
    /// The last sign of life of the server: its window runs from here.
    pub last_response: Instant,
}

/// What a change of the count means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FlowChange {
    None,
    Stopped,
    Resumed,
}

impl Flow {
    pub fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            max_events: limits.queued_events.max(1),
            max_bytes: limits.queued_bytes.max(1),
            events: 0,
            bytes: 0,
            held: false,
            overflow: false,
            slowest: String::new(),
            full_since: None,
            last_response: now,
        }
    }

    pub fn add(&mut self, bytes: usize, now: Instant) -> FlowChange {
        self.events += 1;
        self.bytes += bytes;
        if self.full_since.is_none() && self.over(2) {
            self.full_since = Some(now);
        }
        if self.held || !self.over(1) {
            return FlowChange::None;
        }
        self.held = true;
        FlowChange::Stopped
    }

    /// Reading goes on at half the limits, so that it does not stutter around them.
    pub fn remove(&mut self, events: usize, bytes: usize) -> FlowChange {
        self.events = self.events.saturating_sub(events);
        self.bytes = self.bytes.saturating_sub(bytes);
        if !self.over(2) {
            self.full_since = None;
        }
        if !self.held || self.events > self.max_events / 2 || self.bytes > self.max_bytes / 2 {
            return FlowChange::None;
        }
        self.held = false;
        self.overflow = false;
        FlowChange::Resumed
    }

    /// Nobody will read any more, so nothing is held back.
    pub fn clear(&mut self) {
        self.events = 0;
        self.bytes = 0;
        self.full_since = None;
        self.held = false;
        self.overflow = false;
    }

    /// May more of a body be taken in?
    pub fn may_read(&self) -> bool {
        !self.held || self.may_overflow() && self.overflow
    }

    /// Is there room for one more poll?
    pub fn may_overflow(&self) -> bool {
        !self.over(2)
    }

    fn over(&self, factor: usize) -> bool {
        self.events >= self.max_events.saturating_mul(factor)
            || self.bytes >= self.max_bytes.saturating_mul(factor)
    }
}
