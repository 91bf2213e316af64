//! S8a: no handshake storms.

use crate::Instant;
use crate::backoff::Retry;

const MINUTE_MS: u64 = 60_000;
/// How many sessions that were left behind may exist at the server at once.
const MAX_LEFT_BEHIND: usize = 3;

/// Remembers when handshakes went out, and which sessions were left behind.
#[derive(Default)]
pub(super) struct StormGuard {
    handshakes: Vec<Instant>,
    left_behind: Vec<Instant>,
}

impl StormGuard {
    /// The earliest instant at which another handshake may go out.
    pub fn earliest(&mut self, now: Instant, retry: &Retry) -> Instant {
        forget_before(&mut self.handshakes, now, MINUTE_MS);
        forget_before(&mut self.left_behind, now, retry.session_window_ms);
        let by_rate = nth_last(&self.handshakes, retry.handshakes_per_minute.max(1), MINUTE_MS);
        let by_sessions = nth_last(&self.left_behind, MAX_LEFT_BEHIND, retry.session_window_ms);
        now.max(by_rate).max(by_sessions)
    }

    pub fn handshake_sent(&mut self, now: Instant) {
        self.handshakes.push(now);
    }

    /// A session exists on the server that this client can no longer end.
    pub fn session_left_behind(&mut self, now: Instant) {
        self.left_behind.push(now);
    }
}

fn forget_before(times: &mut Vec<Instant>, now: Instant, window_ms: u64) {
    times.retain(|at| now.since(*at) < window_ms);
}

/// When the `n`th entry from the end leaves a window of `window_ms`: until then it holds `n` entries.
fn nth_last(times: &[Instant], n: usize, window_ms: u64) -> Instant {
    match times.len().checked_sub(n).and_then(|index| times.get(index)) {
        Some(at) => at.after(window_ms),
        None => Instant::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn retry(handshakes_per_minute: usize) -> Retry {
        Retry { handshakes_per_minute, session_window_ms: 100_000, ..Retry::default() }
    }

    #[test]
    fn s8a_the_handshakes_of_a_minute_are_counted() {
        let mut guard = StormGuard::default();
        assert_eq!(guard.earliest(at(7), &retry(2)), at(7));
        guard.handshake_sent(at(1_000));
        assert_eq!(guard.earliest(at(2_000), &retry(2)), at(2_000));
        guard.handshake_sent(at(3_000));
        assert_eq!(guard.earliest(at(4_000), &retry(2)), at(61_000));
        assert_eq!(guard.earliest(at(60_999), &retry(2)), at(61_000));
        assert_eq!(guard.earliest(at(61_000), &retry(2)), at(61_000));
        guard.handshake_sent(at(61_000));
        assert_eq!(guard.earliest(at(61_001), &retry(2)), at(63_000));
    }

    #[test]
    fn s8a_none_a_minute_counts_as_one() {
        let mut guard = StormGuard::default();
        assert_eq!(guard.earliest(at(5), &retry(0)), at(5));
        guard.handshake_sent(at(5));
        assert_eq!(guard.earliest(at(6), &retry(0)), at(60_005));
    }

    #[test]
    fn s8a_three_sessions_may_be_left_behind() {
        let mut guard = StormGuard::default();
        guard.session_left_behind(at(1_000));
        guard.session_left_behind(at(2_000));
        assert_eq!(guard.earliest(at(3_000), &retry(10)), at(3_000));
        guard.session_left_behind(at(3_000));
        assert_eq!(guard.earliest(at(4_000), &retry(10)), at(101_000));
        assert_eq!(guard.earliest(at(101_000), &retry(10)), at(101_000));
    }

    #[test]
    fn what_is_over_is_not_remembered() {
        let mut guard = StormGuard::default();
        for ms in 0..1_000 {
            guard.handshake_sent(at(ms * 1_000));
            guard.session_left_behind(at(ms * 1_000));
            let _ = guard.earliest(at(ms * 1_000), &retry(10));
        }
        assert_eq!((guard.handshakes.len(), guard.left_behind.len()), (60, 100));
    }
}
