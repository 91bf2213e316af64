//! How the simulation lives many lives, shown with lives that are no more than their seeds.
#![cfg(not(target_arch = "wasm32"))]

#[path = "simulation/runner.rs"]
mod runner;

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::runner::{Outcome, Run};

/// Lives these seeds, of which some fail. Gives what was lived, and what was told, by its order.
fn run(run: &Run, fails: impl Fn(u64) -> bool + Sync) -> (Outcome, BTreeSet<u64>, Vec<String>) {
    let (lived, told) = (Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
    let outcome = run.live_all(
        |seed| {
            assert!(lived.lock().expect("no panic").insert(seed), "seed {seed} is lived twice");
            fails(seed).then(|| "after 7 ms: S9: it is broken".to_owned())
        },
        |line| told.lock().expect("no panic").push(line.to_owned()),
    );
    (outcome, lived.into_inner().expect("no panic"), told.into_inner().expect("no panic"))
}

#[test]
fn a_run_without_failures_says_so_and_nothing_else() {
    let (outcome, lived, told) = run(&Run { from: 5, seeds: 40, jobs: 2, first: false }, |_| false);
    assert_eq!((outcome.to_string().as_str(), outcome.failed().len()), ("40 lives, 0 failed", 0));
    assert_eq!((lived, told), ((5..45).collect(), vec![]));
}

#[test]
fn a_run_goes_on_past_any_number_of_failures_and_names_their_seeds_in_order() {
    for jobs in [1, 2, 3] {
        let (outcome, lived, told) =
            run(&Run { from: 100, seeds: 60, jobs, first: false }, |seed| seed % 4 == 1);
        let seeds: Vec<u64> = (100..160).filter(|seed| seed % 4 == 1).collect();
        let names: Vec<String> = seeds.iter().map(u64::to_string).collect();
        assert_eq!(outcome.to_string(), format!("60 lives, 15 failed: {}", names.join(" ")));
        assert_eq!((lived.len(), told.len()), (60, 15));
        let one_each =
            |seed: &u64| told.contains(&format!("seed {seed} failed after 7 ms: S9: it is broken"));
        assert!(seeds.iter().all(one_each), "{told:?}");
    }
}

#[test]
fn a_run_for_the_first_failure_ends_with_it() {
    let (outcome, lived, told) = run(&Run { from: 0, seeds: 1_000, jobs: 1, first: true }, |seed| seed >= 12);
    assert_eq!((outcome.to_string().as_str(), lived.len(), told.len()), ("13 lives, 1 failed: 12", 13, 1));
}

#[test]
fn a_long_run_tells_how_far_it_has_come() {
    let (outcome, _, told) = run(&Run { from: 0, seeds: 20_000, jobs: 2, first: false }, |seed| seed == 3);
    let far = ["seed 3 failed after 7 ms: S9: it is broken", "10000 of 20000 lives, 1 failed"];
    assert_eq!(
        (told, outcome.to_string()),
        (far.map(str::to_owned).to_vec(), "20000 lives, 1 failed: 3".to_owned())
    );
}

#[test]
fn a_run_may_begin_with_any_seed() {
    let (outcome, lived, _) =
        run(&Run { from: u64::MAX - 2, seeds: 3, jobs: 2, first: false }, |seed| seed == u64::MAX);
    assert_eq!(outcome.to_string(), format!("3 lives, 1 failed: {}", u64::MAX));
    assert_eq!(lived, (u64::MAX - 2..=u64::MAX).collect());
}
