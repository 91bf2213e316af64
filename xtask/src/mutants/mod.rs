//! `cargo xtask simulate --mutants`: a core that is broken on purpose has to fail the simulation, its unit tests, or the
//! search through all sequences of inputs of the replay book.

mod items;
mod list;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use self::list::Mutant;
use self::sources::Sources;
use crate::command::Run;
use crate::project::Project;

const LIST: &str = "tests/simulation/mutants.txt";
/// Those for the search alone; it has to notice those of the other list, too, that break nothing but the code below `SEARCHED`.
const LIST_OF_SEARCH: &str = "src/replay/tests/mutants.txt";
const SEARCHED: &str = "src/replay";
const SEARCH: &str = "replay::tests::exhaustion";
/// What cargo needs to build the simulation.
const TREE: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", "src", "wasm", "tests/bench", "tests/simulation", "tests/sandbox", "xtask"];
/// Lives for each, unless the command says otherwise; most are caught within the first hundred.
const SEEDS: u64 = 2_000;
/// A core that hangs has failed, too.
const PATIENCE: Duration = Duration::from_secs(600);

/// What has to notice that the core is broken.
#[derive(Clone, Copy)]
enum Judge<'a> {
    /// With so many seeds, on so many threads.
    Simulation(u64, Option<&'a str>),
    /// Those below the core's code.
    UnitTests,
    /// Every sequence of inputs of the replay book.
    Search,
}

/// The copy of the project that is broken, again and again.
struct Tree<'a> {
    root: PathBuf,
    target: PathBuf,
    judge: Judge<'a>,
}

enum Verdict {
    /// After so many lives, and by which check or test.
    Caught(u64, String),
    Survived(u64),
}

pub fn run(project: &Project, options: &[&str]) -> Result<()> {
    if let ["--check"] = options {
        return check(project);
    }
    let (mut seeds, mut jobs, mut wanted, mut other) = (SEEDS, None, None, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let judge = match *option {
            "--unit" => Some(Judge::UnitTests),
            "--exhaustion" => Some(Judge::Search),
            _ => None,
        };
        if judge.is_some() {
            other = judge;
            continue;
        }
        let value = options.next().with_context(|| format!("{option} takes a value"))?;
        match *option {
            "--seeds" => seeds = value.parse().context("--seeds takes a number")?,
            "--jobs" => jobs = Some(*value),
            // Those whose names hold these words.
            "--name" => wanted = Some(*value),
            _ => bail!(
                "--mutants takes --check alone, or --unit, --exhaustion, --seeds, --jobs and --name, not {option}"
            ),
        }
    }
    let judge = other.unwrap_or(Judge::Simulation(seeds, jobs));
    let tree = Tree::of(project, judge)?;
    let sources = Sources::read(&tree.root)?;
    let mut mutants = list(project, LIST)?;
    if matches!(judge, Judge::Search) {
        mutants.retain(|mutant| {
            sources.broken(mutant).is_ok_and(|files| files.keys().all(|file| file.starts_with(SEARCHED)))
        });
        mutants.extend(list(project, LIST_OF_SEARCH)?);
    }
    sources.check(&mutants)?;
    mutants.retain(|mutant| wanted.is_none_or(|wanted| mutant.name.contains(wanted)));
    ensure!(!mutants.is_empty(), "no mutation is called so");
    tree.build().context("the core as it is does not build")?;
    if let Verdict::Caught(_, message) = tree.try_out()? {
        bail!("the core as it is fails already: {message}");
    }
    let mut survived = Vec::new();
    println!("{:6} {:>6}  {:62} caught by", "rule", "lives", "mutation");
    for mutant in &mutants {
        let verdict = tree.judge(mutant, &sources)?;
        let (lives, check) = match &verdict {
            Verdict::Caught(lives, message) => (lives, message.as_str()),
            Verdict::Survived(lives) => (lives, "NOTHING"),
        };
        println!("{:6} {lives:>6}  {:62} {check}", mutant.rule, mutant.name);
        if matches!(verdict, Verdict::Survived(_)) {
            survived.push(mutant.name.as_str());
        }
    }
    ensure!(survived.is_empty(), "{} of {} survived: {}", survived.len(), mutants.len(), survived.join("; "));
    println!("all {} were caught", mutants.len());
    Ok(())
}

/// Does each of them take hold of the sources as they are? Nothing is built for it.
pub fn check(project: &Project) -> Result<()> {
    let mut mutants = list(project, LIST)?;
    mutants.extend(list(project, LIST_OF_SEARCH)?);
    Sources::read(&project.root)?.check(&mutants)?;
    println!("all {} mutations of {LIST} and {LIST_OF_SEARCH} take hold", mutants.len());
    Ok(())
}

fn list(project: &Project, file: &str) -> Result<Vec<Mutant>> {
    list::parse(&fs::read_to_string(project.root.join(file))?).with_context(|| format!("in {file}"))
}

impl<'a> Tree<'a> {
    fn of(project: &Project, judge: Judge<'a>) -> Result<Self> {
        let folder = project.target.join("mutants");
        let tree = Self { root: folder.join("tree"), target: folder.join("target"), judge };
        fs::create_dir_all(tree.root.join("tests"))?;
        for part in TREE {
            copy_changed(&project.root.join(part), &tree.root.join(part))?;
        }
        Ok(tree)
    }

    fn judge(&self, mutant: &Mutant, sources: &Sources) -> Result<Verdict> {
        let mut sound = Vec::new();
        for (file, text) in sources.broken(mutant)? {
            let file = self.root.join(file);
            sound.push((file.clone(), fs::read_to_string(&file)?));
            fs::write(file, text)?;
        }
        let built = self.build().with_context(|| format!("{:?} does not build", mutant.name));
        let verdict = built.and_then(|()| self.try_out());
        for (file, text) in sound {
            fs::write(file, text)?;
        }
        verdict
    }

    fn cargo(&self) -> Run {
        Run::new("cargo")
            .args(["test", "--package", "cometd-edge"])
            .args(match self.judge {
                Judge::Simulation(..) => &["--test", "simulation"][..],
                Judge::UnitTests | Judge::Search => &["--lib"],
            })
            .arg("--target-dir")
            .arg(&self.target)
            .dir(&self.root)
            // A broken core may well have something left over.
            .env("RUSTFLAGS", "-Awarnings")
    }

    fn build(&self) -> Result<()> {
        self.cargo().arg("--no-run").quietly()
    }

    fn try_out(&self) -> Result<Verdict> {
        let said = self.target.join("said.txt");
        let file = fs::File::create(&said)?;
        let mut run = self.cargo();
        if let Judge::Simulation(seeds, jobs) = self.judge {
            run = run.args(["--quiet", "--", "--first", "--seeds"]).arg(seeds.to_string());
            if let Some(jobs) = jobs {
                run = run.args(["--jobs", jobs]);
            }
        }
        if let Judge::Search = self.judge {
            run = run.args(["--", SEARCH]);
        }
        let mut running = run.start(|command| {
            command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
        })?;
        let began = Instant::now();
        let status = loop {
            match running.child.try_wait()? {
                Some(status) => break status,
                None if began.elapsed() > PATIENCE => return Ok(Verdict::Caught(0, "it hangs".to_owned())),
                None => sleep(Duration::from_millis(50)),
            }
        };
        let said = fs::read_to_string(&said)?;
        match self.judge {
            Judge::Simulation(..) => verdict_of_lives(&said, status.success()),
            Judge::UnitTests => verdict_of_tests(&said, status.success()),
            Judge::Search => verdict_of_search(&said, status.success()),
        }
    }
}

/// The simulation's last line begins with how many lives it lived; of one that failed it says what was wrong.
fn verdict_of_lives(said: &str, passed: bool) -> Result<Verdict> {
    let last = said.lines().next_back().and_then(|line| line.split_once(" lives, "));
    let lives = last.and_then(|(lives, _)| lives.parse().ok()).unwrap_or(0);
    if passed {
        return Ok(Verdict::Survived(lives));
    }
    let failed = said.lines().find(|line| line.starts_with("seed ")).and_then(|line| line.split_once(": "));
    let (_, message) = failed.with_context(|| format!("the simulation says nothing useful:\n{said}"))?;
    let message = message.rsplit_once(" (at ").map_or(message, |(message, _)| message);
    Ok(Verdict::Caught(lives, message.chars().take(110).collect()))
}

/// Cargo names each test that failed.
fn verdict_of_tests(said: &str, passed: bool) -> Result<Verdict> {
    if passed {
        return Ok(Verdict::Survived(0));
    }
    let mut names = said.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let first = names.next().with_context(|| format!("the unit tests say nothing useful:\n{said}"))?;
    let others = names.count();
    Ok(Verdict::Caught(0, if others > 0 { format!("{first} and {others} more") } else { first.to_owned() }))
}

/// The search says what went wrong after which actions.
fn verdict_of_search(said: &str, passed: bool) -> Result<Verdict> {
    let told = said.lines().find_map(|line| line.split_once(" actions: ["));
    match told {
        Some((told, _)) if !passed => Ok(Verdict::Caught(0, told.chars().take(110).collect())),
        _ => verdict_of_tests(said, passed),
    }
}

/// Copies what differs, so that cargo builds no more than that.
fn copy_changed(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy_changed(&from.join(&name), &to.join(&name))?;
        }
        // What is gone from the project goes.
        for entry in fs::read_dir(to)? {
            let entry = entry?;
            if from.join(entry.file_name()).exists() {
                continue;
            }
            if entry.path().is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        return Ok(());
    }
    let text = fs::read(from)?;
    if fs::read(to).ok().is_none_or(|known| known != text) {
        fs::write(to, text).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_of_lives_prints_is_its_verdict() {
        let said = "seed 7 failed after 12 ms: S2: 3 requests (at x.rs:5)\n13 lives of 40 clients\n\n13 lives, 1 failed: 7\n";
        let Ok(Verdict::Caught(lives, message)) = verdict_of_lives(said, false) else { panic!("not caught") };
        assert_eq!((lives, message.as_str()), (13, "S2: 3 requests"));
        let said = "2000 lives of 40 clients\n2000 lives, 0 failed\n";
        assert!(matches!(verdict_of_lives(said, true), Ok(Verdict::Survived(2_000))));
        assert!(verdict_of_lives("error: no such thing", false).is_err());
    }
}
