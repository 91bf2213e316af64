//! `cargo xtask simulate`: whole lives of a client against a model server, a bad network and a moody application.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::command::Run;
use crate::mutants;
use crate::project::Project;

/// Lives, or breaks the core first. Hands the options to the simulation, which knows them.
pub fn run(project: &Project, options: &[&str]) -> Result<()> {
    if let ["--mutants", options @ ..] = options {
        return mutants::run(project, options);
    }
    let mut simulation = Run::new("cargo")
        .args(["test", "--quiet", "--package", "cometd-edge", "--test", "simulation", "--"])
        .args(options)
        .dir(&project.root)
        .start(|command| {
            command.stdout(Stdio::piped());
        })?;
    let said = simulation.child.stdout.take().context("the simulation has no output")?;
    let mut last = String::new();
    for line in BufReader::new(said).lines() {
        last = line?;
        println!("{last}");
    }
    // Cargo has words of its own for a failure: what came of the run stands behind them.
    if !simulation.child.wait()?.success() {
        bail!("{last}");
    }
    Ok(())
}
