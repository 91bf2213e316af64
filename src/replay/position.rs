use core::fmt;

use crate::bayeux::message::Message;

/// The longest replay id that makes sense, in bytes.
const LONGEST: usize = 1_024;

/// The place of an event in its channel (R1). `Debug` shows only when the event was created.
#[derive(Clone, PartialEq, Eq)]
pub struct Position {
    /// As the server wrote it: opaque text, never a number.
    pub replay_id: String,
    /// When the event was created, if it says so.
    pub created_date: Option<String>,
}

impl Position {
    /// When an event was created, if it says so.
    pub(crate) fn created_date_of(event: &Message) -> Option<String> {
        event.created_date().and_then(|range| event.raw().get(range)).map(str::to_owned)
    }

    /// Whether a stored text can be a position at all: not empty, without control characters, and not longer than the
    /// limit.
    pub fn makes_sense(&self) -> bool {
        let id = self.replay_id.as_str();
        !id.is_empty() && id.len() <= LONGEST && !id.chars().any(char::is_control)
    }
}

/// Where to begin in a channel that has no position yet. `Debug` shows no replay id.
#[derive(Clone, PartialEq, Eq)]
#[repr(u32)]
pub enum Start {
    /// With events published from now on (-1).
    New,
    /// With all events that the server retains (-2).
    All,
    /// After this replay id.
    After(String),
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Position").field("created_date", &self.created_date).finish_non_exhaustive()
    }
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "New",
            Self::All => "All",
            Self::After(_) => "After(..)",
        })
    }
}

impl Start {
    /// Parses the wire format.
    pub fn parse(text: &str) -> Self {
        match text {
            "-1" => Self::New,
            "-2" => Self::All,
            _ => Self::After(text.to_owned()),
        }
    }

    /// In the wire format.
    pub fn as_str(&self) -> &str {
        match self {
            Self::New => "-1",
            Self::All => "-2",
            Self::After(id) => id,
        }
    }
}

/// When an event counts as done (R3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Commit {
    /// Once its reader asks for the next one.
    Processed,
    /// Once it is handed out.
    Delivered,
    /// When the application says so.
    Manual,
}

/// What follows when the server refuses a position (R6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInvalid {
    /// Start with all events that the server retains.
    All,
    /// Start with events published from now on.
    New,
    /// End the subscription.
    Fail,
}
