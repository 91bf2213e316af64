//! `cargo xtask soak`: clients under faults for many minutes, which must leave nothing behind.

use anyhow::Result;

use crate::command::Run;
use crate::project::Project;
use crate::{demo, setup, test};

/// For so many minutes, or as many as the script thinks right.
pub fn run(project: &Project, minutes: Option<&str>) -> Result<()> {
    setup::for_build(project)?;
    test::require_package(project)?;
    Run::new("cargo").args(["build", "--package", "sandbox"]).dir(&project.root).run()?;
    let script = Run::node("tests/js/soak/run.mjs").dir(&project.root);
    let script = script.env("SANDBOX_BIN", demo::sandbox(project)).env("PACKAGE_DIR", project.package());
    script.args(minutes.iter().flat_map(|minutes| ["--minutes", minutes])).run()
}
