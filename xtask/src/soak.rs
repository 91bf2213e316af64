//! `cargo xtask soak`: clients under faults for many minutes, which must leave nothing behind, and lose nothing.

use anyhow::Result;

use crate::command::Run;
use crate::project::Project;
use crate::{demo, setup, test};

/// Clients on Node and workerd against the sandbox. The script knows the options.
pub fn run(project: &Project, options: &[&str]) -> Result<()> {
    setup::for_build(project)?;
    test::require_package(project)?;
    Run::new("cargo").args(["build", "--package", "sandbox"]).dir(&project.root).run()?;
    let script = Run::node("tests/js/soak/run.mjs").dir(&project.root);
    let script = script.env("SANDBOX_BIN", demo::sandbox(project)).env("PACKAGE_DIR", project.package());
    script.args(options).run()
}

/// Clients on Node against CometD's Java server, behind lines that break.
pub fn reference(project: &Project, options: &[&str]) -> Result<()> {
    setup::for_build(project)?;
    test::require_package(project)?;
    let script = Run::node("tests/js/reference/run.mjs").dir(&project.root);
    script.env("PACKAGE_DIR", project.package()).args(options).run()
}
