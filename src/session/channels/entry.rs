//! One channel as the server knows it.

use super::due::Need;
use crate::Instant;
use crate::backoff::Backoff;
use crate::bayeux::channel::Pattern;

/// A channel as the server knows it, or a `/service/*` channel, which it need not know.
pub(super) struct ServerSubscription {
    pub pattern: Pattern,
    pub remote: Remote,
    /// How many subscriptions of the application want it.
    pub wanted: usize,
    /// Its place among the commands of the application.
    pub order: u32,
    pub tracking: Tracking,
    /// The channel is not subscribed before this instant.
    pub retry_at: Instant,
    /// The channel is not unsubscribed before this instant.
    pub stays_until: Instant,
    /// How many subscribes had no reply.
    pub unanswered: u8,
    /// Counts consecutive refusals that were tried again (S11).
    pub backoff: Backoff,
    /// The application is asked about a refusal.
    pub asked: bool,
    /// The session that first refused the channel because the server did not know the client. The first such reply
    /// leads to a new session; the next session that gets one treats it as a refusal (S5).
    pub unknown_in: Option<u32>,
    /// `unsubscribe()` calls that wait for the server.
    pub waiters: Vec<u32>,
    /// How it counted when it was last changed.
    pub counted: Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remote {
    /// Nothing to subscribe: messages on `/service/*` come to this client anyway.
    Local,
    /// The server does not know of it.
    Absent,
    /// A subscribe is under way.
    Subscribing,
    /// The server delivers it.
    Present,
    /// An unsubscribe is under way.
    Unsubscribing,
}

/// Whether the server does not deliver a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    No,
    Untracked,
    /// It is subscribed from a position.
    Tracked,
}

/// Whether a subscribe has to name a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Tracking {
    Untracked,
    /// The store has not yet answered the load of the position (R5a).
    Loading,
    Loaded,
}

impl ServerSubscription {
    pub fn is_unknown_to_server(&self) -> bool {
        matches!(self.remote, Remote::Absent | Remote::Local)
    }

    pub fn missing(&self) -> Missing {
        match (self.remote, self.tracking) {
            (Remote::Present | Remote::Local, _) => Missing::No,
            (_, Tracking::Untracked) => Missing::Untracked,
            _ => Missing::Tracked,
        }
    }

    /// What is to be sent to the server.
    pub fn need(&self) -> Option<Need> {
        match self.remote {
            // A channel that nobody wants has been removed by now.
            Remote::Absent if !self.asked => match self.tracking {
                Tracking::Untracked => Some(Need::Subscribe),
                Tracking::Loading => None,
                Tracking::Loaded => Some(Need::Replay),
            },
            Remote::Present if self.wanted == 0 => Some(Need::Unsubscribe),
            _ => None,
        }
    }
}
