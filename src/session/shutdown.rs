//! S16: how a client ends.

use super::error::Error;
use crate::Instant;

/// How long disconnecting may take (S16).
pub(super) const MAX_MS: u64 = 2_000;
/// How long messages in flight may take to be answered before the disconnect goes out.
const MESSAGES_MS: u64 = 1_000;

/// Whether the client is ending, or has ended.
pub(super) enum Shutdown {
    No,
    /// It disconnects its session, and saves positions.
    Closing(Closing),
    Closed,
}

pub(super) struct Closing {
    /// Why; `None`: the application wanted it.
    error: Option<Error>,
    messages_until: Instant,
    give_up_at: Instant,
}

impl Shutdown {
    /// Begins the end. Returns `false` if it had begun before: the first reason stands.
    pub fn begin(&mut self, error: Option<Error>, now: Instant) -> bool {
        if !matches!(self, Self::No) {
            return false;
        }
        let (messages_until, give_up_at) = (now.after(MESSAGES_MS), now.after(MAX_MS));
        *self = Self::Closing(Closing { error, messages_until, give_up_at });
        true
    }

    /// Whether the end has begun.
    pub fn has_begun(&self) -> bool {
        !matches!(self, Self::No)
    }

    /// Whether the client is over, with nothing left to do.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// Until when messages in flight may be answered.
    pub fn messages_until(&self) -> Option<Instant> {
        if let Self::Closing(closing) = self { Some(closing.messages_until) } else { None }
    }

    /// When the client is over, whatever is left to be done.
    pub fn give_up_at(&self) -> Option<Instant> {
        if let Self::Closing(closing) = self { Some(closing.give_up_at) } else { None }
    }

    /// It is over now. Returns why.
    pub fn finish(&mut self) -> Option<Error> {
        match core::mem::replace(self, Self::Closed) {
            Self::Closing(closing) => closing.error,
            Self::No | Self::Closed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(500);

    #[test]
    fn s16_the_first_reason_stands() {
        let mut shutdown = Shutdown::No;
        assert!(!shutdown.has_begun() && !shutdown.is_closed());
        assert_eq!((shutdown.messages_until(), shutdown.give_up_at()), (None, None));
        assert!(shutdown.begin(Some(Error::Redirect), NOW));
        assert!(!shutdown.begin(None, NOW.after(9)));
        assert!(shutdown.has_begun() && !shutdown.is_closed());
        assert_eq!(shutdown.messages_until(), Some(NOW.after(1_000)));
        assert_eq!(shutdown.give_up_at(), Some(NOW.after(2_000)));
        assert_eq!(shutdown.finish(), Some(Error::Redirect));
        assert!(shutdown.has_begun() && shutdown.is_closed());
        assert!(!shutdown.begin(None, NOW));
        assert_eq!((shutdown.messages_until(), shutdown.give_up_at(), shutdown.finish()), (None, None, None));
    }

    #[test]
    fn an_end_that_the_application_wants_has_no_error() {
        let mut shutdown = Shutdown::No;
        assert!(shutdown.begin(None, NOW));
        assert_eq!(shutdown.finish(), None);
    }
}
