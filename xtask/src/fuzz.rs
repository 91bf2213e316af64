//! `cargo xtask fuzz`: the targets of `tests/fuzz`, each for some seconds, from the committed corpus on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{Run, Running};
use crate::project::Project;
use crate::setup;

const TARGETS: [&str; 5] = ["channels", "cookies", "decoder", "failure", "session"];
/// Relative to the root, so that what is printed can be typed.
const FOLDER: &str = "tests/fuzz";
const SECONDS: u32 = 20;
/// One for each core of a small machine.
const AT_ONCE: usize = 2;
/// A run is stopped and counts as failed where one input takes so long, in seconds, or so much memory, in MB.
const LIMITS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=1024"];

/// Are these targets, and perhaps `--seconds` with a number?
pub fn known(arguments: &[&str]) -> bool {
    parsed(arguments).is_some()
}

fn parsed<'a>(arguments: &[&'a str]) -> Option<(Vec<&'a str>, u32)> {
    let (mut targets, mut seconds) = (Vec::new(), SECONDS);
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if *argument == "--seconds" {
            seconds = arguments.next()?.parse().ok().filter(|seconds| *seconds > 0)?;
        } else {
            targets.push(*TARGETS.iter().find(|target| *target == argument)?);
        }
    }
    Some((targets, seconds))
}

/// Runs the targets that are named, or all; goes on after one that failed.
pub fn run(project: &Project, arguments: &[&str]) -> Result<()> {
    let (mut targets, seconds) = parsed(arguments).context("no such target")?;
    if targets.is_empty() {
        targets = TARGETS.to_vec();
    }
    let programs = build(project)?;
    let mut failed = Vec::new();
    for some in targets.chunks(AT_ONCE) {
        let runs: Result<Vec<Fuzzer>> =
            some.iter().map(|target| Fuzzer::start(project, &programs, target, seconds)).collect();
        for mut fuzzer in runs? {
            let status = fuzzer.running.child.wait()?;
            if !fuzzer.report(project, status)? {
                failed.push(fuzzer.target.clone());
            }
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// One build for all. No sanitizer: the core forbids unsafe code.
fn build(project: &Project) -> Result<PathBuf> {
    let path = setup::for_fuzz(project)?;
    let versions = Run::new("rustc").arg("-vV").output()?;
    let host =
        versions.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let target = project.target.join("fuzz");
    Run::new("rustup")
        .args(["run", setup::NIGHTLY, "cargo", "fuzz", "build"])
        .args(["--fuzz-dir", FOLDER, "--sanitizer", "none", "--target", host, "--target-dir"])
        .arg(&target)
        .dir(&project.root)
        .env("PATH", path)
        .run()?;
    Ok(target.join(host).join("release"))
}

struct Fuzzer {
    target: String,
    running: Running,
    log: PathBuf,
}

impl Fuzzer {
    fn start(project: &Project, programs: &Path, target: &str, seconds: u32) -> Result<Self> {
        let found = project.target.join("fuzz/corpus").join(target);
        if found.is_dir() {
            fs::remove_dir_all(&found)?;
        }
        fs::create_dir_all(&found)?;
        fs::create_dir_all(project.root.join(FOLDER).join("artifacts").join(target))?;
        let log = project.target.join("fuzz").join(format!("{target}.log"));
        let output = File::create(&log)?;
        let errors = output.try_clone()?;
        // What is found goes to the first folder; of the second it only reads.
        let running = Run::new(programs.join(target))
            .arg(&found)
            .arg(format!("{FOLDER}/corpus/{target}"))
            .arg(format!("-artifact_prefix={FOLDER}/artifacts/{target}/"))
            .arg(format!("-max_total_time={seconds}"))
            .args(LIMITS)
            .arg("-print_final_stats=1")
            .dir(&project.root)
            .start(|command| {
                command.stdin(Stdio::null()).stdout(output).stderr(errors);
            })?;
        Ok(Self { target: target.to_owned(), running, log })
    }

    /// Says how it went, and whether it went well.
    fn report(&self, project: &Project, status: ExitStatus) -> Result<bool> {
        let text = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        if status.success() {
            let coverage = text.lines().rev().find(|line| line.contains("DONE"));
            println!("fuzz: {:10}{}", self.target, coverage.unwrap_or_default().trim());
            return Ok(true);
        }
        let panic = text.lines().skip_while(|line| !line.contains("panicked at")).take(4);
        panic.for_each(|line| println!("{line}"));
        // The last one: an input that was only slow may have been kept before.
        let Some((_, artifact)) = text.rsplit_once("Test unit written to ") else {
            bail!("{} could not run ({status}): see {}", self.target, self.log.display());
        };
        let artifact = artifact.lines().next().unwrap_or_default();
        println!("fuzz: {} failed on {}", self.target, project.root.join(artifact).display());
        println!(
            "again: cargo +{} fuzz run --fuzz-dir {FOLDER} --sanitizer none {} {artifact} -- {}",
            setup::NIGHTLY,
            self.target,
            LIMITS.join(" ")
        );
        Ok(false)
    }
}
