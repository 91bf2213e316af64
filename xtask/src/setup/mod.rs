//! The set-up of a fresh machine: finds what is there, installs what can be installed, and says in one line what cannot.

mod browser;
mod npm;
mod rust;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{Run, at_least, find_in, version_of};
use crate::project::Project;

pub use rust::{NIGHTLY, beside, shim};

/// What the build runs.
pub struct BuildTools {
    pub wasm_bindgen: PathBuf,
    pub wasm_pack: PathBuf,
}

/// What the tests run besides.
pub struct TestTools {
    pub chrome: PathBuf,
    pub chromedriver: PathBuf,
    deno: PathBuf,
    bun: PathBuf,
}

impl TestTools {
    /// How the JavaScript tests learn of the runtimes.
    pub fn env(&self) -> Vec<(String, OsString)> {
        [
            ("CHROME_BIN", &self.chrome),
            ("CHROMEDRIVER_BIN", &self.chromedriver),
            ("DENO_BIN", &self.deno),
            ("BUN_BIN", &self.bun),
        ]
        .map(|(name, path)| (name.to_owned(), path.clone().into_os_string()))
        .into()
    }
}

/// Everything that `cargo xtask build` needs.
pub fn for_build(project: &Project) -> Result<BuildTools> {
    rust::target("wasm32-unknown-unknown")?;
    node()?;
    npm::install(project)?;
    Ok(BuildTools { wasm_bindgen: rust::wasm_bindgen(project)?, wasm_pack: rust::wasm_pack(project)? })
}

/// What checks of the sources need besides the build's tools.
pub fn for_lint() -> Result<()> {
    rust::component("clippy", "clippy")?;
    rust::component("fmt", "rustfmt")
}

/// What fuzzing needs; gives the PATH by which cargo finds its subcommand.
pub fn for_fuzz(project: &Project) -> Result<OsString> {
    rust::nightly()?;
    let tool = rust::cargo_fuzz(project)?;
    let folder = tool.parent().context("cargo-fuzz lies in no folder")?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path)))?)
}

/// What the tests in browsers and other runtimes need besides.
pub fn for_tests(project: &Project) -> Result<TestTools> {
    let (chrome, chromedriver) = browser::find_or_install()?;
    let (deno, bun) = (npm::deno(project)?, npm::bun(project)?);
    Ok(TestTools { chrome, chromedriver, deno, bun })
}

/// Says which optional part of the tests this machine cannot run.
pub fn note_java() {
    let java = Run::new("javac").arg("-version").output().ok();
    if !java.is_some_and(|version| at_least(&version, &[17])) {
        println!("setup: no JDK 17 or newer: the tests against CometD's own server are left out");
    } else if version_of("mvn").is_none() {
        println!("setup: no Maven: the tests against CometD's own server are left out");
    }
}

fn node() -> Result<()> {
    let version =
        version_of("node").context("Node.js is missing: install version 20.19 or newer, with npm")?;
    ensure!(at_least(&version, &[20, 19]), "Node.js is too old ({version}): install version 20.19 or newer");
    if version_of("npm").is_none() {
        bail!("npm is missing: install it beside Node.js");
    }
    Ok(())
}

fn installing(what: &str) {
    println!("setup: installing {what}");
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    find_in(&std::env::var_os("PATH")?, names)
}
