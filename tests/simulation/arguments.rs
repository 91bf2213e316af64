//! What the command line asks for.

use crate::habits::Habit;
use crate::schedule::{Cuts, Tag};

/// Every second life tracks its channels by replay.
const SEEDS: u64 = 10_000;

pub struct Arguments {
    pub seeds: u64,
    pub from: u64,
    pub jobs: usize,
    /// This one alone, in all its details.
    pub seed: Option<u64>,
    pub cuts: Cuts,
    /// Ends with the first life that fails, and leaves its schedule as it is.
    pub first: bool,
    /// The schedules of so many lives that fail are made shorter, once all are lived.
    pub shrink: usize,
    /// The seed's life is written to this record.
    pub record: Option<String>,
}

pub enum Wanted {
    Lives(Arguments),
    /// The record of this name.
    Play(String),
    /// The records that are ignored otherwise.
    Ignored,
    Nothing,
}

impl Arguments {
    pub fn parse(mut from: impl Iterator<Item = String>) -> Result<Wanted, String> {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let mut wanted = Self {
            seeds: SEEDS,
            from: 0,
            jobs,
            seed: None,
            cuts: Cuts::default(),
            first: false,
            shrink: 1,
            record: None,
        };
        while let Some(argument) = from.next() {
            match argument.as_str() {
                "--seeds" => wanted.seeds = number(&argument, from.next())?,
                "--from" => wanted.from = number(&argument, from.next())?,
                "--jobs" => wanted.jobs = number(&argument, from.next())?,
                "--seed" => wanted.seed = Some(number(&argument, from.next())?),
                "--until" => wanted.cuts.until_ms = Some(number(&argument, from.next())?),
                "--only" => {
                    let list = from.next().unwrap_or_default();
                    let tags = list.split(',').filter(|word| *word != "-");
                    let tags = tags.map(|word| Tag::parse(word).ok_or(format!("no deed is called {word:?}")));
                    wanted.cuts.only = Some(tags.collect::<Result<_, _>>()?);
                }
                "--habit" => {
                    let name = from.next().unwrap_or_default();
                    let habit = Habit::parse(&name).ok_or(format!("one of {:?}", Habit::ALL))?;
                    wanted.cuts.habit = Some(habit);
                }
                "--first" => wanted.first = true,
                "--shrink" => wanted.shrink = number(&argument, from.next())?,
                // What `cargo test` passes on to every test: options of the usual harness, and a filter.
                "--list" => {
                    println!("simulation: test");
                    return Ok(Wanted::Nothing);
                }
                "--test-threads" | "--format" | "--color" | "--logfile" | "--skip" | "-Z" => {
                    from.next();
                }
                "--record" => wanted.record = Some(from.next().ok_or("--record takes a name")?),
                "--play" => return Ok(Wanted::Play(from.next().ok_or("--play takes a name")?)),
                "--ignored" => return Ok(Wanted::Ignored),
                option if option.starts_with('-') => {}
                filter if "simulation".contains(filter) => {}
                _ => return Ok(Wanted::Nothing),
            }
        }
        if wanted.seeds == 0 || wanted.jobs == 0 || wanted.cuts.until_ms == Some(0) {
            return Err("--seeds, --jobs and --until begin with 1".to_owned());
        }
        if wanted.from.checked_add(wanted.seeds - 1).is_none() {
            return Err("--from is too large for so many --seeds".to_owned());
        }
        Ok(Wanted::Lives(wanted))
    }
}

fn number<T: std::str::FromStr>(option: &str, value: Option<String>) -> Result<T, String> {
    value.and_then(|text| text.parse().ok()).ok_or_else(|| format!("{option} takes a number"))
}
