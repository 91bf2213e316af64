//! npm's side: the workspace's tools, and the binaries of the runtimes that come with them.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::{installing, on_path};
use crate::command::Run;
use crate::project::Project;

/// `npm ci`, unless node_modules holds what package-lock.json says.
pub fn install(project: &Project) -> Result<()> {
    let wanted = packages(&project.root.join("package-lock.json")).context("package-lock.json is missing")?;
    let installed = packages(&project.root.join("node_modules/.package-lock.json"));
    if installed.is_some_and(|installed| up_to_date(&wanted, &installed)) {
        return Ok(());
    }
    // npm would empty the folder that the link leads to.
    let modules = project.root.join("node_modules");
    ensure!(
        !modules.is_symlink(),
        "node_modules is a link, and what it leads to is not up to date: remove the link"
    );
    installing("the npm packages of package-lock.json");
    Run::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).dir(&project.root).quietly()
}

fn packages(lock: &Path) -> Option<Map<String, Value>> {
    let lock: Value = serde_json::from_str(&fs::read_to_string(lock).ok()?).ok()?;
    lock["packages"].as_object().cloned()
}

/// Packages for other systems are optional, and absent. Ones that nobody asks for do no harm.
fn up_to_date(wanted: &Map<String, Value>, installed: &Map<String, Value>) -> bool {
    wanted.iter().filter(|(path, _)| !path.is_empty()).all(|(path, package)| match installed.get(path) {
        Some(there) => there["version"] == package["version"],
        None => package["optional"] == true || package["peer"] == true,
    })
}

/// npm's newer versions run no install scripts, so nothing can be expected in node_modules/.bin.
pub fn deno(project: &Project) -> Result<PathBuf> {
    binary(project, "deno", "@deno", |package| vec![package.join(format!("deno{EXE_SUFFIX}"))])
}

/// Bun's install script, where it did run, moves the binary into the package `bun`.
pub fn bun(project: &Project) -> Result<PathBuf> {
    binary(project, "bun", "@oven", |package| {
        vec![package.join(format!("bin/bun{EXE_SUFFIX}")), package.join("../../bun/bin/bun.exe")]
    })
}

fn binary(
    project: &Project,
    name: &str,
    scope: &str,
    candidates: impl Fn(&Path) -> Vec<PathBuf>,
) -> Result<PathBuf> {
    let packages = fs::read_dir(project.root.join("node_modules").join(scope));
    let packages = packages.into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = packages.flat_map(|package| candidates(&package)).filter(|file| is_binary(file));
    found.find(|file| super::version_of(file).is_some()).or_else(|| on_path(&[name])).with_context(|| {
        format!("the binary of {name} is missing: npm left out the optional package {scope}/…; install {name} yourself")
    })
}

/// Placeholders are a few hundred bytes.
fn is_binary(file: &Path) -> bool {
    file.metadata().is_ok_and(|data| data.is_file() && data.len() > 1_000_000)
}
