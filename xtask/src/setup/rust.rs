//! Rust's side: the wasm target, and the tools that turn its output into a package.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::{installing, on_path};
use crate::command::{Run, at_least, find_in, version_of};
use crate::project::Project;

/// Older ones do not know `omit-default-module-path`.
const WASM_PACK_MINIMUM: [u32; 3] = [0, 13, 1];
const WASM_PACK: &str = "0.15.1";

/// Compilers older than nightly refuse the flags that measure coverage.
pub const NIGHTLY: &str = "nightly";
const CARGO_FUZZ_MINIMUM: [u32; 3] = [0, 12, 0];
const CARGO_FUZZ: &str = "0.13.2";

pub fn target(name: &str) -> Result<()> {
    let libraries = Run::new("rustc").args(["--print", "target-libdir", "--target", name]).output()?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    if on_path(&["rustup"]).is_none() {
        bail!("the Rust target {name} is missing: install it, or Rust by rustup");
    }
    installing(&format!("the Rust target {name}"));
    Run::new("rustup").args(["target", "add", name]).run()
}

/// `cargo fmt` and `cargo clippy` are not part of every installation.
pub fn component(command: &str, name: &str) -> Result<()> {
    if Run::new("cargo").args([command, "--version"]).output().is_ok() {
        return Ok(());
    }
    if on_path(&["rustup"]).is_none() {
        bail!("cargo {command} is missing: install {name}, or Rust by rustup");
    }
    installing(&format!("the Rust component {name}"));
    Run::new("rustup").args(["component", "add", name]).run()
}

/// The CLI must be of the very version that the crate was compiled against.
pub fn wasm_bindgen(project: &Project) -> Result<PathBuf> {
    let wanted = &project.wasm_bindgen;
    let fits = |version: &str| version.split_whitespace().nth(1) == Some(wanted);
    find_or_install(project, "wasm-bindgen", "wasm-bindgen-cli", wanted, fits)
}

/// The test runner that comes with the CLI.
pub fn beside(tool: &Path, name: &str) -> PathBuf {
    tool.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX))
}

pub fn wasm_pack(project: &Project) -> Result<PathBuf> {
    find_or_install(project, "wasm-pack", "wasm-pack", WASM_PACK, |version| {
        at_least(version, &WASM_PACK_MINIMUM)
    })
}

pub fn nightly() -> Result<()> {
    let there = || Run::new("rustup").args(["run", NIGHTLY, "rustc", "--version"]).output();
    if there().is_ok() {
        return Ok(());
    }
    if on_path(&["rustup"]).is_none() {
        bail!("the nightly Rust compiler is missing: install Rust by rustup");
    }
    installing("the nightly Rust compiler");
    Run::new("rustup")
        .args(["toolchain", "install", NIGHTLY, "--profile", "minimal", "--no-self-update"])
        .quietly()
        .context("the nightly Rust compiler is missing, and cannot be installed")
}

pub fn cargo_fuzz(project: &Project) -> Result<PathBuf> {
    find_or_install(project, "cargo-fuzz", "cargo-fuzz", CARGO_FUZZ, |version| {
        at_least(version, &CARGO_FUZZ_MINIMUM)
    })
}

/// A folder that holds one program: `wasm-bindgen` with a flag that wasm-pack cannot pass on. First in PATH, it is the
/// one that wasm-pack finds.
pub fn shim(project: &Project, wasm_bindgen: &Path) -> Result<PathBuf> {
    ensure!(
        cfg!(unix),
        "the build needs a Unix shell: wasm-bindgen is called through a script (use WSL on Windows)"
    );
    let folder = project.tools().join("shim");
    fs::create_dir_all(&folder)?;
    let quoted =
        wasm_bindgen.to_str().context("the path of wasm-bindgen is not UTF-8")?.replace('\'', r"'\''");
    let script = format!("#!/bin/sh\nexec '{quoted}' --experimental-reset-state-function \"$@\"\n");
    let file = folder.join("wasm-bindgen");
    fs::write(&file, script)?;
    #[cfg(unix)]
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(folder)
}

/// Takes the tool from target/tools, PATH or Cargo's usual place, in that order. An absent one is installed in Cargo's
/// usual place; where another version is there, it goes to target/tools and leaves that one alone.
fn find_or_install(
    project: &Project,
    program: &str,
    package: &str,
    version: &str,
    fits: impl Fn(&str) -> bool,
) -> Result<PathBuf> {
    let own = project.tools().join("bin");
    let usual = cargo_home().map(|home| home.join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [own].into_iter().chain(env::split_paths(&path)).chain(usual);
    let folders = env::join_paths(folders.filter(|folder| !folder.as_os_str().is_empty()))?;
    let mut other = false;
    for folder in env::split_paths(&folders) {
        let Some(tool) = find_in(folder.as_os_str(), &[program]) else { continue };
        if version_of(&tool).is_some_and(|version| fits(&version)) {
            return Ok(tool);
        }
        other = true;
    }
    installing(&format!("{package} {version}"));
    let install = Run::new("cargo").args(["install", package, "--version", version]);
    let (install, place) = if other {
        (install.arg("--root").arg(project.tools()), project.tools())
    } else {
        (install, cargo_home().context("neither CARGO_HOME nor HOME is set")?)
    };
    install.run()?;
    find_in(place.join("bin").as_os_str(), &[program])
        .with_context(|| format!("cargo install left no {program}"))
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
}
