use super::error::Error;

/// The value of `client.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The first handshake, or one after a lost session, is under way.
    Handshaking,
    /// There is a session, and nothing has failed since it began or a poll last succeeded.
    Connected,
    /// Something failed; the next attempt is scheduled or under way.
    Retrying,
    /// It is paused, and can go on (D2, R7a).
    Suspended,
    /// Over, by `close()` or by an error.
    Closed,
}

impl State {
    /// The word that JavaScript sees.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handshaking => "handshaking",
            Self::Connected => "connected",
            Self::Retrying => "retrying",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }
}

/// Why events may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapCause {
    /// A response that may have carried events did not arrive whole, and they do not come again.
    ResponseLost,
    /// The server no longer knows the session, and has dropped the events that it had queued for it.
    SessionLost,
    /// A body could not be decoded from some point on.
    Undecodable,
    /// The server refused the position, and another one takes its place (R6).
    PositionInvalid,
    /// Nothing had been received yet, so the channel began anew (R7c).
    NoPosition,
    /// A message larger than `messageBytes` was skipped, and its channel could not be read.
    EventTooLarge,
}

/// A limit at which reading from the network stops (R8, P3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowLimit {
    /// [`Limits::queued_events`](super::Limits::queued_events).
    QueuedEvents,
    /// [`Limits::queued_bytes`](super::Limits::queued_bytes).
    QueuedBytes,
    /// [`Limits::uncommitted_events`](super::Limits::uncommitted_events).
    UncommittedEvents,
}

impl FlowLimit {
    /// The name of the option in JavaScript.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueuedEvents => "queuedEvents",
            Self::QueuedBytes => "queuedBytes",
            Self::UncommittedEvents => "uncommittedEvents",
        }
    }
}

impl GapCause {
    /// The word that JavaScript sees.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResponseLost => "response-lost",
            Self::SessionLost => "session-lost",
            Self::Undecodable => "undecodable",
            Self::PositionInvalid => "position-invalid",
            Self::NoPosition => "no-position",
            Self::EventTooLarge => "event-too-large",
        }
    }
}

/// News about the session that is neither an event nor a reply.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Status {
    /// There is a session at the server: a new one or, once its first poll has succeeded, that of a suspended client.
    /// Reported once for each session. What the application itself has set up in a session, such as a subscribe of
    /// [`Command::Send`], must be repeated in a new one.
    ///
    /// [`Command::Send`]: super::Command::Send
    Session {
        /// It is the one of the snapshot (S17).
        resumed: bool,
    },
    /// Events of this channel may be missing.
    Gap {
        /// The subscription, as it was subscribed.
        channel: String,
        /// Why.
        cause: GapCause,
        /// Replay id of the last event received on it, where events carry one: the range begins after it.
        after: Option<String>,
        /// Unix time in milliseconds at which the range begins: when the last poll that succeeded was sent. What was
        /// published earlier has arrived, or has a gap of its own.
        since_unix_ms: u64,
    },
    /// A limit is reached because this subscription is not read or not committed, or there is room again (R8, P3).
    Backpressure {
        /// A channel of the subscription with the longest queue or the most uncommitted events.
        channel: String,
        /// `true` when reading from the network stops, `false` when it goes on.
        active: bool,
        /// The limit.
        limit: FlowLimit,
        /// Events queued in the client.
        queued_events: usize,
        /// Bytes queued in the client.
        queued_bytes: usize,
    },
    /// A request failed and is tried again.
    Retry {
        /// Failures in a row.
        attempt: u32,
        /// Wait before the next attempt, in milliseconds.
        delay_ms: u64,
        /// What failed.
        error: Error,
    },
    /// The server refused one of several channels, or one that it had accepted before.
    SubscribeFailed {
        /// The channel.
        channel: String,
        /// Why.
        error: Error,
    },
    /// The server sees several clients in this browser and asks them to poll at intervals.
    MultipleClients {
        /// The advised interval, in milliseconds.
        interval_ms: u64,
    },
    /// The replay store failed, and will be asked again (R5, R5a).
    StoreFailed {
        /// The subscription.
        channel: String,
        /// `"load"` or `"save"`.
        operation: &'static str,
        /// What it said.
        error: Error,
    },
    /// A message was skipped.
    MessageSkipped {
        /// What was wrong with it.
        reason: &'static str,
        /// Its channel, where readable.
        channel: Option<String>,
    },
}
