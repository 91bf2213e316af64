//! S8: how long to wait between attempts.

use crate::Instant;

/// Back-off and storm protection (S8, S8a).
#[derive(Clone, Debug)]
pub struct Retry {
    /// The least wait from the second failure in a row on, in milliseconds; the first is retried at once.
    /// Default: 1,000.
    pub initial_delay_ms: u64,
    /// How much longer than the last wait the next may be: it lies between `initial_delay_ms` and the last wait times
    /// this ("decorrelated jitter"). Default: 3.
    pub factor: f64,
    /// The longest wait, in milliseconds. Default: 30,000.
    pub max_delay_ms: u64,
    /// Failures in a row that are retried. Default (`None`): 10 before the first session, unlimited after it.
    pub max_retries: Option<u32>,
    /// Handshakes in any 60 s; further ones wait. Default: 10.
    pub handshakes_per_minute: usize,
    /// For how long a session that was left behind without an answered disconnect is counted; at most 3 are, and
    /// further handshakes wait. In milliseconds; default 150,000.
    pub session_window_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            initial_delay_ms: 1_000,
            factor: 3.0,
            max_delay_ms: 30_000,
            max_retries: None,
            handshakes_per_minute: 10,
            session_window_ms: 150_000,
        }
    }
}

/// Seeded pseudo-random numbers for the jitter (SplitMix64): equal seeds give equal sessions.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Rng(u64);

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
    fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        low.saturating_add(self.next() % span)
    }
}

/// Decorrelated jitter: each wait is drawn between the first one and a multiple of the last (S8).
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Backoff {
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(50_000);

    fn retry() -> Retry {
        Retry { initial_delay_ms: 1_000, factor: 3.0, max_delay_ms: 30_000, ..Retry::default() }
    }

    fn next(backoff: &mut Backoff, rng: &mut Rng) -> u64 {
        backoff.next(NOW, 0, &retry(), rng)
    }

    #[test]
    fn s8_the_first_retry_is_made_at_once() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        assert_eq!(backoff.attempts(), 0);
        assert_eq!(next(&mut backoff, &mut rng), 0);
        assert_eq!(backoff.attempts(), 1);
    }

    #[test]
    fn s8_each_wait_lies_between_the_first_and_a_multiple_of_the_last() {
        for seed in 0..200 {
            let (mut backoff, mut rng) = (Backoff::default(), Rng::new(seed));
            next(&mut backoff, &mut rng);
            let mut last = 1_000;
            for attempt in 2..12 {
                let wait = next(&mut backoff, &mut rng);
                assert!((1_000..=(last * 3).min(30_000)).contains(&wait), "seed {seed}: {wait} after {last}");
                assert_eq!(backoff.attempts(), attempt);
                last = wait;
            }
        }
    }

    #[test]
    fn s8_waits_reach_the_longest_and_vary() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(7));
        let waits: Vec<u64> = (0..60).map(|_| next(&mut backoff, &mut rng)).collect();
        assert!(waits.contains(&30_000));
        assert!(waits.iter().collect::<std::collections::BTreeSet<_>>().len() > 10);
    }

    #[test]
    fn a_wait_that_the_server_asks_for_is_kept() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        assert_eq!(backoff.next(NOW, 70_000, &retry(), &mut rng), 70_000);
        assert_eq!(backoff.next(NOW, 70_000, &retry(), &mut rng), 70_000);
        assert!(next(&mut backoff, &mut rng) <= 9_000, "and is no base of later ones");
    }

    #[test]
    fn a_success_begins_anew() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        next(&mut backoff, &mut rng);
        next(&mut backoff, &mut rng);
        backoff.reset();
        assert_eq!((backoff.attempts(), next(&mut backoff, &mut rng)), (0, 0));
    }

    #[test]
    fn a_longest_wait_below_the_first_one_wins() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        let retry = Retry { initial_delay_ms: 1_000, max_delay_ms: 10, ..retry() };
        backoff.next(NOW, 0, &retry, &mut rng);
        assert_eq!(backoff.next(NOW, 0, &retry, &mut rng), 10);
    }

    #[test]
    fn a_factor_below_one_gives_the_first_wait() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        let retry = Retry { factor: 0.1, ..retry() };
        backoff.next(NOW, 0, &retry, &mut rng);
        assert_eq!(backoff.next(NOW, 0, &retry, &mut rng), 1_000);
    }

    #[test]
    fn hurrying_waits_for_the_first_delay_since_the_failure() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        next(&mut backoff, &mut rng);
        let mut at = NOW.after(20_000);
        backoff.hurry(NOW.after(100), &mut at);
        assert_eq!(at, NOW.after(1_000));
        backoff.hurry(NOW.after(5_000), &mut at);
        assert_eq!(at, NOW.after(1_000), "never later than it was");
        at = NOW.after(20_000);
        backoff.hurry(NOW.after(5_000), &mut at);
        assert_eq!(at, NOW.after(5_000), "and not in the past");
    }

    #[test]
    fn hurrying_keeps_what_the_server_asked_for_and_begins_short_again() {
        let (mut backoff, mut rng) = (Backoff::default(), Rng::new(1));
        for _ in 0..20 {
            next(&mut backoff, &mut rng);
        }
        backoff.next(NOW, 15_000, &retry(), &mut rng);
        let mut at = NOW.after(30_000);
        backoff.hurry(NOW, &mut at);
        assert_eq!(at, NOW.after(15_000));
        assert!(next(&mut backoff, &mut rng) <= 3_000);
    }

    #[test]
    fn equal_seeds_give_equal_numbers() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            [rng.next(), rng.next(), rng.next()]
        };
        // The published sequence of SplitMix64 for this seed.
        assert_eq!(
            draw(1_234_567),
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn both_ends_of_a_range_are_drawn() {
        let mut rng = Rng::new(3);
        let drawn: std::collections::BTreeSet<u64> = (0..100).map(|_| rng.between(5, 7)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(rng.between(9, 9), 9);
        assert_eq!(rng.between(9, 3), 9);
    }
}
