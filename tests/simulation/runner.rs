//! Many lives by their seeds, on several threads: one that fails is told at once, and the others are lived all the same.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A long run says how far it has come each time it has lived so many.
const EVERY: u64 = 10_000;

pub struct Run {
    pub from: u64,
    pub seeds: u64,
    pub jobs: usize,
    /// It ends with the first life that fails.
    pub first: bool,
}

/// What came of a run, or of a part of it.
#[derive(Default)]
pub struct Outcome {
    lives: u64,
    failed: BTreeSet<u64>,
}

impl Run {
    /// `live` says of a life that failed what it failed; `tell` prints a line, as soon as there is one.
    pub fn live_all(
        &self,
        live: impl Fn(u64) -> Option<String> + Sync,
        tell: impl Fn(&str) + Sync,
    ) -> Outcome {
        let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let outcome = Mutex::new(Outcome::default());
        let work = || {
            while !over.load(Ordering::Relaxed) {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= self.seeds {
                    break;
                }
                let seed = self.from + nth;
                let failure = live(seed);
                let mut outcome = outcome.lock().expect("no panic in here");
                outcome.add(seed, failure.is_some());
                if let Some(failure) = failure {
                    over.fetch_or(self.first, Ordering::Relaxed);
                    tell(&format!("seed {seed} failed {failure}"));
                }
                if outcome.lives.is_multiple_of(EVERY) && outcome.lives < self.seeds {
                    tell(&format!(
                        "{} of {} lives, {} failed",
                        outcome.lives,
                        self.seeds,
                        outcome.failed.len()
                    ));
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(work);
            }
        });
        outcome.into_inner().expect("no panic in here")
    }
}

impl Outcome {
    fn add(&mut self, seed: u64, failed: bool) {
        self.lives += 1;
        if failed {
            self.failed.insert(seed);
        }
    }

    /// Their seeds, ascending.
    pub fn failed(&self) -> &BTreeSet<u64> {
        &self.failed
    }
}

/// The last line of a run.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lives, {} failed", self.lives, self.failed.len())?;
        let mut before = ": ";
        for seed in &self.failed {
            write!(f, "{before}{seed}")?;
            before = " ";
        }
        Ok(())
    }
}
