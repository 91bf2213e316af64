//! Every sequence of actions, breadth first; states that are known are skipped.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};

use super::scope::Scope;
use super::world::{Action, World};

/// What a search has seen.
pub struct Report {
    /// Distinct ones.
    pub states: usize,
    /// All sequences of so many actions were tried.
    pub depth: usize,
    /// There are no others.
    pub is_complete: bool,
    /// What went wrong, and how it came to that.
    pub violation: Option<(String, Vec<Action>)>,
}

/// How far a search goes.
#[derive(Clone, Copy)]
pub struct Limits {
    pub states: usize,
    /// Of so many states one is taken on without faults, to see that it comes to an end.
    pub finish_each: u128,
}

/// One search has failed: the others need not go on.
static FAILED: AtomicBool = AtomicBool::new(false);

/// A state is known by 128 bits.
fn print_of(bytes: &[u8]) -> u128 {
    let (mut one, mut two) = (0x243f_6a88_85a3_08d3_u64, 0x1319_8a2e_0370_7344_u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        one = (one.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        two = (two ^ word.wrapping_add(0x5851_f42d_4c95_7f2d))
            .wrapping_mul(0xff51_afd7_ed55_8ccd)
            .rotate_left(29);
    }
    one ^= one >> 32;
    two ^= two >> 29;
    u128::from(one) << 64 | u128::from(two ^ bytes.len() as u64)
}

/// A print is its own hash.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, value: u128) {
        self.0 = (value ^ (value >> 67)) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub fn explore(scope: &Scope, limits: Limits) -> Report {
    let mut known: HashSet<u128, BuildHasherDefault<Same>> = HashSet::default();
    // For each state the one before it, and the action between.
    let mut came: Vec<(u32, Action)> = vec![(0, Action::Publish)];
    let mut edge = vec![(0_u32, World::new(scope))];
    let mut depth = 0;
    let mut bytes = Vec::new();
    while !edge.is_empty() {
        let mut next = Vec::new();
        for (number, world) in edge {
            for action in world.actions(scope) {
                let mut after = world.clone();
                let mut verdict = after.apply(action, scope);
                bytes.clear();
                after.encode(&mut bytes);
                let print = print_of(&bytes);
                let is_new = verdict.is_err() || known.insert(print);
                if is_new && verdict.is_ok() && print.is_multiple_of(limits.finish_each) {
                    verdict = after.clone().finish(scope, false).and(after.clone().finish(scope, true));
                }
                if let Err(what) = verdict {
                    FAILED.store(true, Ordering::Relaxed);
                    let trace = trace_to(number, action, &came);
                    return Report {
                        states: known.len(),
                        depth,
                        is_complete: false,
                        violation: Some((what, trace)),
                    };
                }
                if is_new {
                    came.push((number, action));
                    next.push((came.len() as u32 - 1, after));
                }
            }
            if known.len() >= limits.states || FAILED.load(Ordering::Relaxed) {
                return Report { states: known.len(), depth, is_complete: false, violation: None };
            }
        }
        depth += 1;
        edge = next;
    }
    Report { states: known.len(), depth, is_complete: true, violation: None }
}

fn trace_to(mut number: u32, action: Action, came: &[(u32, Action)]) -> Vec<Action> {
    let mut trace = vec![action];
    while number != 0 {
        let (before, action) = came[number as usize];
        trace.push(action);
        number = before;
    }
    trace.reverse();
    trace
}
