//! One session as the model server keeps it.

use std::collections::VecDeque;

/// A poll that waits for an event.
pub struct Parked {
    pub exchange: u32,
    pub until: u64,
    pub id: String,
    pub token: Option<u32>,
}

pub struct ServerSession {
    pub id: String,
    pub cookie: Option<String>,
    pub ack: bool,
    /// Which of the clients it belongs to.
    pub client: u32,
    /// The token that its handshake carried.
    pub token: Option<u32>,
    pub subscriptions: Vec<String>,
    /// Channels that it was subscribed to from a position.
    pub replayed: Vec<String>,
    /// Events not sent yet.
    pub queue: VecDeque<u32>,
    /// Events sent and not acknowledged, with their batch.
    pub unacknowledged: Vec<(u64, u32)>,
    pub batch: u64,
    pub parked: Option<Parked>,
    /// When the last response left: the session lapses if no poll comes for too long.
    pub last_seen: u64,
    pub connects: u32,
    pub ended_at: Option<u64>,
    /// No poll came for too long.
    pub lapsed: bool,
    /// The client has used its id.
    pub known: bool,
    /// The server has told the client to shake hands again, or that it does not know the session.
    pub dismissed: bool,
    /// By a reply that told the client to end.
    pub accepted_with_none: bool,
    /// Advice of a passing kind has to be taken back.
    pub readvise: bool,
}

impl ServerSession {
    pub fn alive(&self) -> bool {
        self.ended_at.is_none()
    }

    pub fn matches(&self, channel: &str) -> bool {
        self.subscriptions.iter().any(|pattern| matches(pattern, channel))
    }

    pub fn acknowledged(&mut self, number: u64) {
        self.unacknowledged.retain(|(batch, _)| *batch > number);
    }

    pub fn has_events(&self) -> bool {
        !self.queue.is_empty() || !self.unacknowledged.is_empty()
    }

    /// What the next response carries: with the extension all that is not acknowledged, in its old order (A1).
    pub fn take_events(&mut self) -> Vec<u32> {
        if !self.ack {
            return self.queue.drain(..).collect();
        }
        self.batch += 1;
        let batch = self.batch;
        self.unacknowledged.extend(self.queue.drain(..).map(|event| (batch, event)));
        self.unacknowledged.iter().map(|(_, event)| *event).collect()
    }
}

/// Channel globbing, written anew so that the core's own is not its judge.
pub fn matches(pattern: &str, channel: &str) -> bool {
    let pattern = pattern.split('?').next().unwrap_or_default();
    let wanted: Vec<&str> = pattern.split('/').skip(1).collect();
    let given: Vec<&str> = channel.split('/').skip(1).collect();
    match wanted.split_last() {
        Some((&"**", parents)) => given.len() > parents.len() && given.starts_with(parents),
        Some((&"*", parents)) => given.len() == parents.len() + 1 && given.starts_with(parents),
        _ => wanted == given,
    }
}
