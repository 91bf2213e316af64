//! Lives that failed once, as records: played, written, and made as short as can be.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::choices::{Choices, LATENCY_MS};
use crate::lives::{Failure, Life, live_with};
use crate::record::{Line, Record};
use crate::rng::Rng;
use crate::schedule::Cuts;

/// A record fails with these, too.
const OTHER_LATENCIES_MS: [u64; 2] = [4, 8];

/// A record fails at most so much later than its life did.
const LATER_MS: u64 = 1_000;

/// Who waits for a record does not wait longer.
const PATIENCE: Duration = Duration::from_secs(1_200);

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/recorded"))
}

/// All of them, by their names.
fn records() -> Result<Vec<(String, Record)>, String> {
    let mut records = Vec::new();
    for entry in fs::read_dir(folder()).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if let Some(name) = name.strip_suffix(".txt") {
            let text = fs::read_to_string(path).map_err(|error| format!("record {name}: {error}"))?;
            let record = Record::parse(&text).map_err(|problem| format!("record {name}, {problem}"))?;
            records.push((name.to_owned(), record));
        }
    }
    records.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(records)
}

fn play(record: &Record, tracing: bool) -> Life {
    play_with(record, LATENCY_MS, tracing)
}

fn play_with(record: &Record, latency_ms: u64, tracing: bool) -> Life {
    live_with(0, Cuts::default(), Choices::recorded(record, latency_ms), tracing)
}

/// Plays those that are not ignored, or those that are; did all go well?
pub fn play_all(ignored: bool) -> Result<bool, String> {
    let (wanted, others): (Vec<_>, Vec<_>) =
        records()?.into_iter().partition(|(_, record)| record.ignored.is_some() == ignored);
    let mut failed = 0;
    for (name, record) in &wanted {
        if let Some(failure) = play(record, false).failure {
            failed += 1;
            println!("\nrecord {name} failed after {} ms: {}", failure.at, failure.message);
            println!("  at {}", failure.place);
            if let Some(reason) = &record.ignored {
                println!("  ignored: {reason}");
            }
            println!("  play it: cargo xtask simulate --play {name}");
        }
    }
    println!("{} recorded lives, {failed} failed", wanted.len());
    if !ignored && !others.is_empty() {
        println!(
            "{} recorded lives are ignored, each for the reason in its file: cargo test --test simulation -- --ignored",
            others.len()
        );
    }
    Ok(failed == 0)
}

/// One of them alone, with all that happens in it.
pub fn play_one(name: &str) -> Result<bool, String> {
    let records = records()?;
    let found = records.iter().find(|(known, _)| known == name);
    let (_, record) = found.ok_or(format!("no record is called {name}"))?;
    record.comments.iter().for_each(|comment| println!("# {comment}"));
    let life = play(record, true);
    if let Some(failure) = &life.failure {
        println!("\nrecord {name} failed after {} ms: {}", failure.at, failure.message);
        println!("  at {}", failure.place);
    }
    for line in unused(record, &life) {
        println!("  nothing came of: {line}");
    }
    Ok(life.failure.is_none())
}

/// Deeds and choices that never came up.
fn unused(record: &Record, life: &Life) -> Vec<String> {
    let known = |line: &Line| {
        life.lines.iter().find(|used| used.at.is_some() == line.at.is_some() && used.what == line.what)
    };
    record.lines.iter().filter(|line| known(line).is_none()).map(Line::to_string).collect()
}

/// Writes down the life of this seed, which fails, with what makes it fail and little else.
pub fn record(seed: u64, cuts: &Cuts, name: &str) -> Result<bool, String> {
    let choices = Choices::by_chance(Rng::new(seed), true);
    let life = live_with(seed, cuts.clone(), choices, false);
    let failure = life.failure.ok_or(format!("seed {seed} does not fail"))?;
    let heading = format!("Seed {seed}: {}", failure.message.replace('\n', " "));
    let whole = Record { comments: vec![heading], lines: life.lines, ..Record::default() };
    shorten(name, whole, failure)
}

/// Shortens a record that fails.
pub fn record_again(name: &str) -> Result<bool, String> {
    let record = records()?.into_iter().find(|(known, _)| known == name).map(|(_, record)| record);
    let record = record.ok_or(format!("no record is called {name}, and there is no seed"))?;
    let failure = play(&record, false).failure.ok_or(format!("{name} does not fail"))?;
    shorten(name, record, failure)
}

fn shorten(name: &str, record: Record, failure: Failure) -> Result<bool, String> {
    let latest = failure.at + LATER_MS;
    let mut shrinker = Shrinker { place: failure.place, latest, best: record, began: Instant::now() };
    let all = shrinker.best.lines.clone();
    if !shrinker.fails_with(all) {
        return Err("its record does not fail in the same place, or not with other latencies".to_owned());
    }
    shrinker.shrink();
    let path = folder().join(format!("{name}.txt"));
    fs::write(&path, shrinker.best.to_string()).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}\nwritten to {}; it fails at {}", shrinker.best, path.display(), shrinker.place);
    Ok(true)
}

struct Shrinker {
    place: String,
    latest: u64,
    best: Record,
    began: Instant,
}

impl Shrinker {
    fn fails_with(&mut self, lines: Vec<Line>) -> bool {
        if self.began.elapsed() > PATIENCE {
            return false;
        }
        let record = Record { lines, ..self.best.clone() };
        let life = play(&record, false);
        // What fails much later is another failure, and what a little more or less latency heals is too brittle to keep.
        let same = |failure: &Failure| failure.place == self.place && failure.at <= self.latest;
        let always = life.failure.as_ref().is_some_and(same)
            && OTHER_LATENCIES_MS
                .iter()
                .all(|latency| play_with(&record, *latency, false).failure.as_ref().is_some_and(same));
        if !always {
            return false;
        }
        // What was never asked for need not be said.
        self.best = Record { lines: life.lines, ..record };
        true
    }

    fn shrink(&mut self) {
        loop {
            let before = self.best.to_string().len();
            self.kinds();
            self.clients();
            self.lines();
            self.whole_bodies();
            self.values();
            if self.best.to_string().len() == before || self.began.elapsed() > PATIENCE {
                return;
            }
        }
    }

    /// All that begin with the same word: what readers do, what befalls stores, and so on.
    fn kinds(&mut self) {
        let kind = |line: &Line| {
            let words = line.what.split(' ').filter(|word| word.parse::<u32>().is_err());
            (line.at.is_some(), words.take(2).collect::<Vec<_>>().join(" ").replace(" event", ""))
        };
        let kinds: BTreeSet<_> = self.best.lines.iter().map(kind).collect();
        for wanted in kinds {
            let lines = self.best.lines.iter().filter(|line| kind(line) != wanted).cloned().collect();
            self.fails_with(lines);
        }
    }

    /// Each client but the last: without its end, those after it have other numbers.
    fn clients(&mut self) {
        let ends = |line: &Line| matches!(line.what.as_str(), "crash" | "suspend" | "close");
        let mut nth = self.best.lines.iter().filter(|line| ends(line)).count();
        while nth > 0 {
            let mut lines = self.best.lines.clone();
            let end = lines.iter().enumerate().filter(|(_, line)| ends(line)).nth(nth - 1);
            if let Some((index, _)) = end {
                lines.remove(index);
                lines.iter_mut().for_each(|line| line.without_client(u32::try_from(nth).unwrap_or(0)));
                self.fails_with(lines);
            }
            nth -= 1;
        }
    }

    /// Half of them, a quarter, and so on down to each alone; the last ones first.
    fn lines(&mut self) {
        let mut size = self.best.lines.len().div_ceil(2);
        while size > 0 {
            let mut end = self.best.lines.len();
            while end > 0 {
                let mut lines = self.best.lines.clone();
                end = end.min(lines.len());
                let begin = end.saturating_sub(size);
                lines.drain(begin..end);
                self.fails_with(lines);
                end = begin;
            }
            size /= 2;
        }
    }

    /// Bodies in one piece, with the longest pause before it or behind it.
    fn whole_bodies(&mut self) {
        for index in 0..self.best.lines.len() {
            for place in ["pause", "pause.2"] {
                let mut lines = self.best.lines.clone();
                let Some(line) = lines.get_mut(index) else { return };
                let of_pieces = |name: &str| name.starts_with("piece") || name.starts_with("pause");
                let pauses = line.values.iter().filter(|(name, _)| name.starts_with("pause"));
                let longest = pauses.filter_map(|(_, ms)| ms.parse::<u64>().ok()).max();
                if line.values.iter().filter(|(name, _)| of_pieces(name)).count() < 2 {
                    break;
                }
                line.values.retain(|(name, _)| !of_pieces(name));
                line.values.extend(longest.map(|ms| (place.to_owned(), ms.to_string())));
                if self.fails_with(lines) {
                    break;
                }
            }
        }
    }

    fn values(&mut self) {
        let mut index = 0;
        while index < self.best.lines.len() {
            let mut value = 0;
            while value < self.best.lines.get(index).map_or(0, |line| line.values.len()) {
                let mut lines = self.best.lines.clone();
                lines[index].values.remove(value);
                let count = lines.len();
                if !self.fails_with(lines) || self.best.lines.len() != count {
                    value += 1;
                }
            }
            index += 1;
        }
    }
}
