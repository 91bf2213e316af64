//! How much may happen in one search.

use std::sync::Arc;

use super::client::CHANNEL;
use super::ids::Id;
use crate::bayeux::message::Message;
use crate::replay::{Commit, OnInvalid, Start};

/// What may still happen, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// New readers, and readers that leave.
    pub joins: u8,
    pub leaves: u8,
    /// Responses lost, cut, or aborted.
    pub losses: u8,
    /// Commands other than subscribe and unsubscribe.
    pub commands: u8,
    /// Requests that the server says it has not processed.
    pub unprocessed: u8,
    pub refusals: u8,
    pub failing_saves: u8,
    pub hanging_saves: u8,
    /// Ends of the process, by a crash, or by `suspend()` and another client from its snapshot.
    pub crashes: u8,
    pub suspensions: u8,
}

#[derive(Clone)]
pub struct Scope {
    pub name: &'static str,
    pub start: Start,
    pub on_invalid: OnInvalid,
    pub commit: Commit,
    /// So many events are kept in memory.
    pub memory: usize,
    pub readers: usize,
    pub events: Id,
    /// A lost response does not end the session at once.
    pub lingers: bool,
    pub budget: Budget,
    pub messages: Vec<Arc<Message>>,
}

impl Scope {
    pub fn new(name: &'static str, start: Start, readers: usize, events: Id, budget: Budget) -> Self {
        let message = |id: Id| {
            let raw = format!(r#"{{"channel":"{CHANNEL}","data":{{"event":{{"replayId":{id}}}}}}}"#);
            Arc::new(Message::parse(raw).expect("a message"))
        };
        Self {
            name,
            start,
            on_invalid: OnInvalid::All,
            commit: Commit::Manual,
            memory: 3,
            readers,
            events,
            lingers: false,
            budget,
            messages: (1..=events).map(message).collect(),
        }
    }

    pub fn event(&self, id: Id) -> &Arc<Message> {
        &self.messages[usize::from(id) - 1]
    }

    pub fn is_manual(&self) -> bool {
        self.commit == Commit::Manual
    }
}
