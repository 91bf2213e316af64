//! Timers. None is stored: each is a question to the machine that knows the instant, so none can be forgotten or out of
//! date.

use super::lanes::LaneId;
use crate::Instant;

/// A reason to do something at a certain time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// While a request is under way and this side reads: for the next byte (S7).
    Request(LaneId),
    /// While the headers of a request are asked for (X4).
    Headers,
    /// While the queue is full: for the one poll that keeps the session (R8).
    ExtraPoll,
    /// While the queue stands at twice its limits and a message waits because of it (R8).
    FullQueue,
    /// While a call to the store is due or has no answer (R5, R5a).
    Store,
    /// While the application is asked about a refusal (S11).
    Decision,
    /// While a call has no answer.
    Call,
    /// Until the server has answered anything (S14).
    FirstContact,
    /// While a token is to be asked for (S10, S10a).
    Token,
    /// While there is no session (S8, S8a).
    Handshake,
    /// While there is a session, between two polls (S6, S8).
    Poll,
    /// While something is to be sent that may not be sent yet (S8, S11).
    Commands,
    /// While a drain runs (D1).
    Drain,
    /// While the work of a paused client is to be given up (D2).
    Pause,
    /// While the client ends (S16).
    Shutdown,
}

impl Timer {
    /// All of them, in the order in which they are looked at when several have passed.
    pub const ALL: [Self; 16] = [
        Self::Request(LaneId::Session),
        Self::Request(LaneId::Commands),
        Self::Headers,
        Self::ExtraPoll,
        Self::FullQueue,
        Self::Store,
        Self::Decision,
        Self::Call,
        Self::FirstContact,
        Self::Token,
        Self::Handshake,
        Self::Poll,
        Self::Commands,
        Self::Drain,
        Self::Pause,
        Self::Shutdown,
    ];

    /// The earliest of those that are set. One at the end of time, where times that are too long end, never passes.
    pub fn earliest(set_for: impl Fn(Self) -> Option<Instant>) -> Option<Instant> {
        let never = Instant::from_millis(u64::MAX);
        Self::ALL.into_iter().filter_map(set_for).min().filter(|at| *at < never)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_timer_that_is_set_counts() {
        let at = Instant::from_millis;
        let set_for = |timer| match timer {
            Timer::Poll => Some(at(7)),
            Timer::Shutdown => Some(at(5)),
            Timer::Request(LaneId::Commands) => Some(at(6)),
            _ => None,
        };
        assert_eq!(Timer::earliest(set_for), Some(at(5)));
        assert_eq!(Timer::earliest(|_| None), None);
        assert_eq!(Timer::earliest(|_| Some(at(u64::MAX - 1))), Some(at(u64::MAX - 1)));
        assert_eq!(Timer::earliest(|_| Some(at(7).after(u64::MAX))), None, "it never passes");
    }

    #[test]
    fn each_timer_is_looked_at_once() {
        for (index, timer) in Timer::ALL.iter().enumerate() {
            assert!(!Timer::ALL[..index].contains(timer), "{timer:?}");
        }
    }
}
