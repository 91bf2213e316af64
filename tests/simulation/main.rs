//! Whole lives of a session by a seed: a model server, a bad network, a moody application, on a simulated clock.
//!
//! `SIM_SEED=123 cargo test --test simulation` lives one life alone and prints all of it; `SIM_SEEDS=20000` lives
//! more of them. The four tests split the seeds, so that all cores work.

mod application;
mod checks;
mod dismissal;
mod fate;
mod follower;
mod good_times;
mod learning;
mod logins;
mod losses;
mod mishaps;
mod model_replies;
mod model_server;
mod network;
mod plan;
mod promises;
mod replay_log;
mod replay_plan;
mod restarts;
mod rng;
mod session_model;
mod store;
mod world;

use world::World;

/// Every second life follows its channels by replay.
const SEEDS: u64 = 4_000;
/// So many failures are enough to look at.
const MOST_FAILED: usize = 10;

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Says how to see a failure again, whatever broke.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {0} failed; replay it: SIM_SEED={0} cargo test --test simulation", self.0);
        }
    }
}

fn live(seed: u64, tracing: bool) {
    let _seed = Seed(seed);
    World::new(seed, tracing).run();
}

fn quarter(which: u64) {
    if let Some(seed) = number_in("SIM_SEED") {
        if which == 0 {
            live(seed, true);
        }
        return;
    }
    let seeds = number_in("SIM_SEEDS").unwrap_or(SEEDS);
    let mut failed = Vec::new();
    for seed in (which..seeds).step_by(4) {
        if std::panic::catch_unwind(|| live(seed, false)).is_err() {
            failed.push(seed);
        }
        if failed.len() >= MOST_FAILED {
            break;
        }
    }
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
}

#[test]
fn every_life_keeps_the_rules_first_quarter() {
    quarter(0);
}

#[test]
fn every_life_keeps_the_rules_second_quarter() {
    quarter(1);
}

#[test]
fn every_life_keeps_the_rules_third_quarter() {
    quarter(2);
}

#[test]
fn every_life_keeps_the_rules_fourth_quarter() {
    quarter(3);
}
