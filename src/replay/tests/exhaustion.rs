//! The book and its ledger, the product's own, in every sequence of inputs up to a depth.

mod client;
mod ids;
mod scope;
mod search;
mod truth;
mod world;

use self::scope::{Budget, Scope};
use self::search::{Limits, Report, explore};
use crate::replay::{Commit, OnInvalid, Start};

/// Distinct states for each search, unless the environment says otherwise: `EXHAUSTION_STATES=5000000`, which takes some GB.
const FEW: usize = 200_000;
const MANY: usize = 1_000_000;

/// Nothing goes wrong in so many states.
fn holds(scope: &Scope, states: usize) {
    let states = std::env::var("EXHAUSTION_STATES").ok().and_then(|text| text.parse().ok()).unwrap_or(states);
    let Report { states, depth, is_complete, violation } = explore(scope, Limits { states, finish_each: 16 });
    let end = if is_complete { "all" } else { "so far" };
    println!("{:<30} {states:>9} states, depth {depth}, {end}", scope.name);
    if let Some((what, trace)) = violation {
        panic!("{}: {what}, after {} actions: {trace:?}", scope.name, trace.len());
    }
}

#[test]
fn the_wire_from_new_events_on() {
    let budget = Budget { joins: 1, losses: 2, commands: 2, ..Budget::default() };
    holds(&Scope::new("wire, from new", Start::New, 1, 3, budget), FEW);
}

#[test]
fn the_wire_from_all_events_on() {
    let budget = Budget { joins: 2, losses: 1, commands: 1, unprocessed: 1, crashes: 1, ..Budget::default() };
    holds(&Scope { lingers: true, ..Scope::new("wire, from all", Start::All, 1, 3, budget) }, FEW);
}

#[test]
fn readers_that_come_and_go() {
    let budget = Budget { joins: 3, leaves: 2, losses: 1, commands: 1, ..Budget::default() };
    holds(&Scope { memory: 2, ..Scope::new("readers", Start::New, 2, 3, budget) }, FEW);
}

#[test]
fn readers_without_memory() {
    let budget = Budget { joins: 3, leaves: 1, losses: 1, commands: 1, ..Budget::default() };
    let processed =
        Scope { memory: 0, commit: Commit::Processed, ..Scope::new("no memory", Start::All, 2, 2, budget) };
    holds(&processed, FEW);
}

#[test]
fn a_store_that_fails() {
    let budget = Budget {
        joins: 2,
        losses: 1,
        commands: 1,
        crashes: 1,
        refusals: 1,
        failing_saves: 1,
        hanging_saves: 1,
        ..Budget::default()
    };
    holds(&Scope::new("store", Start::New, 1, 3, budget), FEW);
}

#[test]
fn clients_that_follow_one_another() {
    let budget = Budget {
        joins: 3,
        losses: 1,
        suspensions: 2,
        crashes: 1,
        refusals: 1,
        hanging_saves: 1,
        ..Budget::default()
    };
    let scope = Scope::new("suspended", Start::New, 1, 3, budget);
    holds(&Scope { on_invalid: OnInvalid::New, ..scope }, FEW);
}

#[test]
fn all_at_once() {
    let budget = Budget {
        joins: 3,
        leaves: 1,
        losses: 2,
        commands: 1,
        unprocessed: 1,
        refusals: 1,
        failing_saves: 1,
        hanging_saves: 1,
        crashes: 1,
        suspensions: 1,
    };
    holds(&Scope { memory: 1, lingers: true, ..Scope::new("all at once", Start::New, 2, 3, budget) }, MANY);
}
