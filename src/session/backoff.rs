use super::config::Retry;
use crate::Instant;

/// Seeded pseudo-random numbers for the jitter (SplitMix64): equal seeds give equal sessions.
pub(super) struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        low.saturating_add(self.next() % span)
    }
}

/// Decorrelated jitter: each wait is drawn between the first one and a multiple of the last (S8).
#[derive(Default)]
pub(super) struct Backoff {
    attempts: u32,
    last_ms: u64,
    /// The application may not have the next attempt sooner.
    earliest: Instant,
}

impl Backoff {
    /// Failures in a row so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Counts a failure and gives the wait before the next attempt: none after the first, unless the server asks for one.
    pub fn next(&mut self, now: Instant, at_least_ms: u64, retry: &Retry, rng: &mut Rng) -> u64 {
        self.attempts = self.attempts.saturating_add(1);
        self.earliest = now.after(at_least_ms.max(retry.initial_delay_ms));
        if self.attempts == 1 {
            return at_least_ms;
        }
        let low = retry.initial_delay_ms.min(retry.max_delay_ms);
        // Saturates: the cast of a float to an integer does in Rust.
        let high = (self.last_ms.max(low) as f64 * retry.factor) as u64;
        self.last_ms = rng.between(low, high.max(low)).min(retry.max_delay_ms);
        self.last_ms.max(at_least_ms)
    }

    /// The application wants the next attempt now: it comes nearer, as far as the server and the first wait allow, and the
    /// waits after it begin short again.
    pub fn hurry(&mut self, now: Instant, at: &mut Instant) {
        self.last_ms = 0;
        at.pull_to(self.earliest.max(now));
    }
}

/// No handshake storms (S8a): remembers when handshakes went out, and which sessions were left behind.
#[derive(Default)]
pub(super) struct StormGuard {
    handshakes: Vec<Instant>,
    left_behind: Vec<Instant>,
}

const MINUTE_MS: u64 = 60_000;
const MOST_LEFT_BEHIND: usize = 3;

impl StormGuard {
    /// The earliest instant at which another handshake may go out.
    pub fn earliest(&mut self, now: Instant, retry: &Retry) -> Instant {
        forget_before(&mut self.handshakes, now, MINUTE_MS);
        forget_before(&mut self.left_behind, now, retry.session_window_ms);
        let by_rate = nth_last(&self.handshakes, retry.handshakes_per_minute.max(1), MINUTE_MS);
        let by_sessions = nth_last(&self.left_behind, MOST_LEFT_BEHIND, retry.session_window_ms);
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

#[inline(never)]
fn forget_before(times: &mut Vec<Instant>, now: Instant, window_ms: u64) {
    times.retain(|at| now.since(*at) < window_ms);
}

/// When the `n`th entry from the end leaves a window of `window_ms`: until then there are `n` in it.
fn nth_last(times: &[Instant], n: usize, window_ms: u64) -> Instant {
    match times.len().checked_sub(n).and_then(|index| times.get(index)) {
        Some(at) => at.after(window_ms),
        None => Instant::default(),
    }
}
