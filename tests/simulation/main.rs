//! Whole lives of a session by a seed: a model server, a bad network, a moody application, on a simulated clock.
//!
//! `cargo xtask simulate` says how to call it; as a part of `cargo test` it lives 10,000 of them.

mod application;
mod arguments;
mod checks;
mod choices;
mod dismissal;
mod fate;
mod follower;
mod good_times;
mod habits;
mod learning;
mod lives;
mod logins;
mod losses;
mod mishaps;
mod model_replies;
mod model_server;
mod network;
mod plan;
mod promises;
mod rare;
mod record;
mod recorded;
mod recorded_reading;
mod replay_log;
mod replay_plan;
mod request_checks;
mod restarts;
mod rests;
mod rng;
mod runner;
mod schedule;
mod script;
mod session_model;
mod shrink;
mod store;
mod successors;
mod tally;
mod words;
mod world;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use crate::arguments::{Arguments, Wanted};
use crate::runner::Run;
use crate::schedule::{Cuts, Deed};
use crate::tally::Tally;

fn main() -> ExitCode {
    lives::keep_panics();
    match Arguments::parse(std::env::args().skip(1)).and_then(live_as) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("simulation: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Did all go well?
fn live_as(wanted: Wanted) -> Result<bool, String> {
    let arguments = match wanted {
        Wanted::Nothing => return Ok(true),
        Wanted::Play(name) => return recorded::play_one(&name),
        Wanted::Ignored => return recorded::play_all(true),
        Wanted::Lives(arguments) => arguments,
    };
    match (arguments.seed, &arguments.record) {
        (Some(seed), Some(name)) => recorded::record(seed, &arguments.cuts, name),
        (Some(seed), None) => Ok(one(seed, &arguments.cuts)),
        (None, Some(name)) => recorded::record_again(name),
        (None, None) => Ok((arguments.first || recorded::play_all(false)?) & many(&arguments)),
    }
}

/// One life alone, with all that happens in it.
fn one(seed: u64, cuts: &Cuts) -> bool {
    let life = lives::live(seed, cuts.clone(), true);
    println!("{}", life.tally);
    if let Some(failure) = &life.failure {
        println!("seed {seed} failed {failure}");
    }
    life.failure.is_none()
}

/// All that were asked for, whatever fails.
fn many(arguments: &Arguments) -> bool {
    let Arguments { from, seeds, jobs, first, .. } = *arguments;
    let began = Instant::now();
    let tally = Mutex::new(Tally::default());
    let live = |seed| {
        let life = lives::live(seed, arguments.cuts.clone(), false);
        tally.lock().expect("no panic in here").add(&life.tally);
        life.failure.map(|failure| failure.to_string())
    };
    let outcome = Run { from, seeds, jobs, first }.live_all(live, |line| println!("{line}"));
    let took = began.elapsed().as_secs_f64();
    let tally = tally.into_inner().expect("no panic in here");
    println!("{tally}in {took:.1} s by {jobs} threads");
    if let Some(seed) = outcome.failed().first() {
        println!("replay it: cargo xtask simulate --seed {seed}{}", arguments.cuts.arguments());
    }
    for seed in outcome.failed().iter().take(if first { 0 } else { arguments.shrink }) {
        print_shrunk(*seed, &arguments.cuts);
    }
    let too_rare = if arguments.cuts.is_none() { tally.too_rare() } else { Vec::new() };
    for kind in &too_rare {
        println!("too few of these lives meet this: {kind}");
    }
    println!("{outcome}");
    outcome.failed().is_empty() && too_rare.is_empty()
}

fn print_shrunk(seed: u64, cuts: &Cuts) {
    let Some(shrunk) = shrink::shrink(seed, cuts) else { return };
    let (deeds, ms) = shrunk.before;
    println!(
        "seed {seed} shrunk from {deeds} deeds in {ms} ms to {} in {} ms, by {} lives: {}",
        shrunk.done.len(),
        shrunk.failure.at,
        shrunk.lives,
        shrunk.failure.message
    );
    for Deed { tag, at, what } in &shrunk.done {
        println!("{at:>12} ms  {:6} {what}", tag.to_string());
    }
    println!("replay what is left: cargo xtask simulate --seed {seed}{}", shrunk.cuts.arguments());
}
