//! Commands, faults and time in an order drawn by a seed: whatever happens, every command settles once, every
//! subscription ends once, and when the faults stop the session recovers.

mod application;
mod surroundings;

use cometd_edge::session::{Config, Inspect, State};

use crate::sim::*;

struct Chaos {
    sim: Sim,
    random: u64,
    /// Commands and subscriptions so far; they share one sequence.
    numbers: u32,
    subscriptions: Vec<u32>,
    /// Commits, which wait for as long as an earlier event is not committed.
    commits: Vec<u32>,
    /// Calls of `suspend()`.
    suspends: Vec<u32>,
    /// The last drain, which is still going on.
    awake: Option<u32>,
    life: Life,
    /// Channels are tracked by replay, with a store.
    follows: bool,
}

/// How a client is used.
#[derive(Clone, Copy, PartialEq)]
enum Life {
    /// It is awake for as long as it lives.
    Awake,
    /// It drains, pauses, hides, and may be suspended.
    Pausing,
}

impl Chaos {
    fn new(seed: u64, follows: bool, life: Life) -> Self {
        let mut chaos = Self {
            sim: Sim::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            numbers: 0,
            subscriptions: Vec::new(),
            commits: Vec::new(),
            suspends: Vec::new(),
            awake: None,
            life,
            follows,
        };
        let mut config = Config::new(URL).expect("a good url");
        config.limits.queued_events = [4, 10_000][chaos.below(2)];
        config.limits.request_bytes = [200, 32_768][chaos.below(2)];
        config.inspect = [Inspect::None, Inspect::None, Inspect::Meta, Inspect::All][chaos.below(4)];
        config.asks_headers = seed.is_multiple_of(3);
        config.retry.handshakes_per_minute = 1_000;
        config.retry.session_window_ms = 1;
        config.retry.max_retries = Some(1_000);
        if follows {
            config.replay = true;
            config.decides = chaos.below(2) == 0;
            if chaos.below(2) == 0 {
                config.authenticated().expect("https");
            }
            if chaos.below(2) == 0 {
                config.salesforce();
            }
        }
        chaos.sim = Sim::of(config, seed);
        chaos
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as usize % bound
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    fn step(&mut self) {
        if self.life == Life::Pausing && self.below(6) == 0 {
            return self.sleep();
        }
        let kinds = if self.follows { 11 } else { 8 };
        match self.below(kinds) {
            8.. => {
                self.sim.drain();
                self.outside();
            }
            0 | 1 => self.want(),
            2 => {
                let events = self.below(3);
                self.read(events);
            }
            3 => {
                let ms = self.below(20_000) as u64;
                self.sim.drain();
                self.sim.advance(ms);
            }
            _ => {
                self.sim.drain();
                self.answer(true);
            }
        }
        if self.below(3) != 0 {
            self.extend(true);
        }
    }

    /// No faults, and a reader that keeps up.
    fn calm(&mut self) {
        if self.life == Life::Pausing {
            self.wake();
        }
        for _ in 0..200 {
            self.sim.drain();
            self.extend(false);
            self.read(1_000);
            self.extend(false);
            if self.follows {
                self.serve();
            }
            self.answer(false);
            self.sim.advance(1_000);
        }
        self.extend(false);
    }

    fn unsettled(&self) -> Vec<u32> {
        (0..=self.numbers).filter(|number| self.sim.result(*number).is_none()).collect()
    }
}

fn live(seed: u64, steps: usize, follows: bool, life: Life) -> Chaos {
    let mut chaos = Chaos::new(seed, follows, life);
    for _ in 0..steps {
        if chaos.sim.closed.is_none() && chaos.sim.states.last() != Some(&State::Closed) {
            chaos.step();
        }
    }
    chaos
}

/// Every command has settled, and of the subscriptions those that were answered have ended (never twice: the
/// simulation sees to that).
fn all_is_told(chaos: &Chaos, seed: u64) {
    assert!(chaos.sim.closed.is_some(), "seed {seed}: never closed");
    assert_eq!(chaos.unsettled(), [0; 0], "seed {seed}");
    for number in &chaos.subscriptions {
        let subscribed = chaos.sim.result(*number).is_some_and(Result::is_ok);
        let ended = chaos.sim.ended.iter().any(|(ended, _)| ended == number);
        assert_eq!(subscribed, ended, "seed {seed}: subscription {number}");
    }
    for snapshot in chaos.suspends.iter().filter_map(|number| chaos.sim.result(*number)?.as_ref().ok()) {
        Config::new(URL).expect("a good url").resume(&snapshot[0]).expect("a snapshot");
    }
}

fn close_at_any_moment(follows: bool, life: Life) {
    for seed in 0..2_000 {
        let mut chaos = live(seed, 10 + seed as usize % 60, follows, life);
        let from = chaos.sim.now;
        if chaos.sim.closed.is_none() {
            chaos.sim.close();
            chaos.sim.advance(2_000);
        }
        assert!(chaos.sim.now - from <= 2_000);
        all_is_told(&chaos, seed);
        // Whatever comes late: the simulation sees to it that nothing follows.
        if follows {
            for _ in 0..20 {
                chaos.outside();
            }
            chaos.sim.advance(100_000);
            assert_eq!(chaos.sim.wake, None);
        }
    }
}

#[test]
fn s16_closing_at_any_moment_settles_and_ends_everything_once() {
    close_at_any_moment(false, Life::Awake);
}

#[test]
fn s16_closing_settles_everything_once_with_tracked_channels_and_logins() {
    close_at_any_moment(true, Life::Awake);
}

#[test]
fn s16_d2_closing_settles_everything_once_with_drains_pauses_and_hidden_pages() {
    close_at_any_moment(false, Life::Pausing);
    close_at_any_moment(true, Life::Pausing);
}

fn recover(follows: bool, life: Life) {
    for seed in 0..700 {
        let mut chaos = live(seed, 60, follows, life);
        chaos.calm();
        // What hangs half-way is given up in time.
        chaos.sim.advance(60_000);
        chaos.calm();
        if chaos.sim.closed.is_none() && chaos.sim.states.last() != Some(&State::Closed) {
            let mut unsettled = chaos.unsettled();
            unsettled.retain(|number| !chaos.commits.contains(number) && chaos.awake != Some(*number));
            assert_eq!(unsettled, [0; 0], "seed {seed}");
            assert_eq!(chaos.sim.session.state(), State::Connected, "seed {seed}");
            chaos.sim.close();
        }
        chaos.sim.advance(2_000);
        all_is_told(&chaos, seed);
    }
}

#[test]
fn after_the_faults_every_command_settles_and_the_session_is_connected_again() {
    recover(false, Life::Awake);
}

#[test]
fn after_the_faults_all_recovers_with_tracked_channels_a_store_and_logins() {
    recover(true, Life::Awake);
}

#[test]
fn after_the_faults_all_recovers_with_drains_pauses_and_hidden_pages() {
    recover(false, Life::Pausing);
    recover(true, Life::Pausing);
}
