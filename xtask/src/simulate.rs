//! `cargo xtask simulate`: whole lives of a client against a model server, a bad network and a moody application.

use anyhow::Result;

use crate::command::Run;
use crate::mutants;
use crate::project::Project;

/// Lives, or breaks the core first. Hands the options to the simulation, which knows them.
pub fn run(project: &Project, options: &[&str]) -> Result<()> {
    if let ["--mutants", options @ ..] = options {
        return mutants::run(project, options);
    }
    Run::new("cargo")
        .args(["test", "--quiet", "--package", "cometd-edge", "--test", "simulation", "--"])
        .args(options)
        .dir(&project.root)
        .run()
}
