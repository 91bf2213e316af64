//! What many lives were made of.

use std::collections::BTreeMap;
use std::fmt;

use crate::rare::Rare;
use crate::schedule::{Deed, Kind};

type Counts = BTreeMap<&'static str, u64>;

#[derive(Clone, Default)]
pub struct Tally {
    pub lives: u64,
    pub clients: u64,
    pub sessions: u64,
    pub requests: u64,
    pub published: u64,
    /// Events on responses, those that never arrived included.
    pub carried: u64,
    pub carried_again: Counts,
    pub delivered: u64,
    pub delivered_again: Counts,
    pub gaps: u64,
    pub acts: Counts,
    pub faults: Counts,
    /// Lives that have met each kind.
    pub met: BTreeMap<Rare, u64>,
}

impl Tally {
    pub fn deeds(&mut self, done: &[Deed]) {
        for deed in done {
            let counts = if deed.tag.0.is_fault() { &mut self.faults } else { &mut self.acts };
            if deed.tag.0 != Kind::Publish {
                *counts.entry(deed.what).or_default() += 1;
            }
        }
    }

    /// Kinds that so many lives should have met, and too few of them have.
    pub fn too_rare(&self) -> Vec<&'static str> {
        let met = |kind: &Rare| self.met.get(kind).copied().unwrap_or(0);
        let rare = Rare::ALL.into_iter().filter(|kind| Rare::is_too_rare(met(kind), self.lives));
        rare.map(Rare::name).collect()
    }

    pub fn add(&mut self, other: &Self) {
        for (kind, lives) in &other.met {
            *self.met.entry(*kind).or_default() += lives;
        }
        for (mine, theirs) in [
            (&mut self.lives, other.lives),
            (&mut self.clients, other.clients),
            (&mut self.sessions, other.sessions),
            (&mut self.requests, other.requests),
            (&mut self.published, other.published),
            (&mut self.carried, other.carried),
            (&mut self.delivered, other.delivered),
            (&mut self.gaps, other.gaps),
        ] {
            *mine += theirs;
        }
        for (mine, theirs) in [
            (&mut self.carried_again, &other.carried_again),
            (&mut self.delivered_again, &other.delivered_again),
            (&mut self.acts, &other.acts),
            (&mut self.faults, &other.faults),
        ] {
            for (what, count) in theirs {
                *mine.entry(what).or_default() += count;
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} lives of {} clients: {} sessions, {} requests",
            self.lives, self.clients, self.sessions, self.requests
        )?;
        writeln!(
            f,
            "events: {} published, {} on responses, {} delivered, {} gaps",
            self.published, self.carried, self.delivered, self.gaps
        )?;
        for (title, counts) in [
            ("again on a response", &self.carried_again),
            ("again to the application", &self.delivered_again),
            ("acts", &self.acts),
            ("faults", &self.faults),
        ] {
            let total: u64 = counts.values().sum();
            let parts: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
            writeln!(f, "{title}: {total} ({})", parts.join(", "))?;
        }
        let met = |kind: Rare| self.met.get(&kind).copied().unwrap_or(0);
        let parts: Vec<String> =
            Rare::ALL.into_iter().map(|kind| format!("{} {}", kind.name(), met(kind))).collect();
        writeln!(f, "lives that have met: {}", parts.join(", "))
    }
}
