//! The book and its ledger, the product's own, in every sequence of inputs up to a depth.

mod client;
mod ids;
mod scope;
mod search;
mod truth;
mod world;

use std::time::Instant;

use self::scope::{Budget, Scope};
use self::search::{Limits, Report, explore};
use crate::replay::Start;

fn holds(scope: &Scope, states: usize) {
    let states = std::env::var("STATES").ok().and_then(|text| text.parse().ok()).unwrap_or(states);
    let began = Instant::now();
    let Report { states, depth, is_complete, violation } = explore(scope, Limits { states, finish_each: 16 });
    let end = if is_complete { "all" } else { "so far" };
    println!("{:<30} {states:>9} states, depth {depth}, {end}, {:.1?}", scope.name, began.elapsed());
    if let Some((what, trace)) = violation {
        panic!("{}: {what}, after {} actions: {trace:#?}", scope.name, trace.len());
    }
}

#[test]
fn the_wire_from_new_events_on() {
    let budget = Budget { joins: 1, losses: 2, commands: 2, ..Budget::default() };
    holds(&Scope::new("wire, from new", Start::New, 1, 3, budget), 300_000);
}
