//! What few lives meet. A run says how many have met each kind, so that none is missing without being missed.

use cometd_edge::session::State;

use crate::network::Exchange;
use crate::world::World;

/// Of 10,000 lives so many at least meet each kind.
const FEWEST: u64 = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rare {
    /// Advice that says `multiple-clients`.
    MultipleClients,
    Redirect,
    RetryAfter,
    /// Advice not to poll again.
    NegativeInterval,
    /// An extension drops it.
    DroppedEvent,
    DroppedReply,
    /// A client is paused or hidden for longer than the server waits for it.
    LapsedAtRest,
    /// Or it has disconnected the session before.
    LeftAtRest,
    /// Two clients take up the same one.
    SnapshotTwice,
}

impl Rare {
    pub const ALL: [Self; 9] = [
        Self::MultipleClients,
        Self::Redirect,
        Self::RetryAfter,
        Self::NegativeInterval,
        Self::DroppedEvent,
        Self::DroppedReply,
        Self::LapsedAtRest,
        Self::LeftAtRest,
        Self::SnapshotTwice,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::MultipleClients => "multiple clients",
            Self::Redirect => "redirect",
            Self::RetryAfter => "Retry-After",
            Self::NegativeInterval => "negative interval",
            Self::DroppedEvent => "event dropped by an extension",
            Self::DroppedReply => "reply dropped by an extension",
            Self::LapsedAtRest => "session lapsed at rest",
            Self::LeftAtRest => "session left at rest",
            Self::SnapshotTwice => "snapshot used twice",
        }
    }

    /// Is a kind too rare, if so many of these lives have met it?
    pub fn is_too_rare(met: u64, lives: u64) -> bool {
        lives >= 10_000 && met < FEWEST * (lives / 10_000)
    }
}

impl World {
    /// The head of a response has come.
    pub fn meets_head(&mut self, number: u32) {
        let Exchange { status, headers, .. } = &self.exchanges[number as usize];
        if *status == 0 || (300..400).contains(status) {
            self.met.insert(Rare::Redirect);
        }
        if headers.iter().any(|(name, _)| name == "Retry-After") {
            self.met.insert(Rare::RetryAfter);
        }
    }

    /// The client sends a request of this kind.
    pub fn meets_request(&mut self, kind: &str) {
        if kind == "disconnect" && self.rests_for_now() {
            self.met.insert(Rare::LeftAtRest);
        }
    }

    /// A turn is over.
    pub fn meets_turn(&mut self) {
        let lapsed = |session: usize| {
            let session = &self.server.sessions[session];
            session.lapsed && session.client == self.server.client
        };
        if self.rests_for_now() && self.checks.current.is_some_and(lapsed) {
            self.met.insert(Rare::LapsedAtRest);
        }
    }

    /// Is it paused or hidden, and goes on later?
    fn rests_for_now(&self) -> bool {
        self.rests.rests() && !self.is_over() && self.session.state() != State::Closed
    }
}
