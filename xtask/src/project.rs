//! Where things are, and the versions that Cargo.toml fixes.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::Run;

/// The checkout that `cargo xtask` was called in.
pub struct Project {
    /// The workspace's folder.
    pub root: PathBuf,
    /// Cargo's target folder, wherever the environment puts it.
    pub target: PathBuf,
    /// Of the crate, and so of the npm package.
    pub version: String,
    /// The version that the wasm-bindgen CLI must have exactly.
    pub wasm_bindgen: String,
}

impl Project {
    pub fn find() -> Result<Self> {
        let metadata = Run::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
        let metadata: Value = serde_json::from_str(&metadata)?;
        let package = |name: &str| {
            let packages = metadata["packages"].as_array()?;
            packages.iter().find(|package| package["name"] == name)
        };
        let library = package("cometd-edge").context("cargo metadata names no package cometd-edge")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let bindgen = library["dependencies"].as_array().into_iter().flatten();
        let bindgen = bindgen.map(|dependency| (&dependency["name"], text(&dependency["req"])));
        let bindgen = bindgen.into_iter().find(|(name, _)| *name == "wasm-bindgen");
        Ok(Self {
            root: text(&metadata["workspace_root"]).into(),
            target: text(&metadata["target_directory"]).into(),
            version: text(&library["version"]),
            wasm_bindgen: bindgen
                .and_then(|(_, version)| version.strip_prefix('=').map(str::to_owned))
                .context("Cargo.toml must pin wasm-bindgen as \"=x.y.z\"")?,
        })
    }

    /// Tools that this project alone uses.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The npm package that `build` makes.
    pub fn package(&self) -> PathBuf {
        self.root.join("pkg")
    }

    /// Holds until it is dropped: two builds at once would write the same files.
    pub fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.target)?;
        let file = File::create(self.target.join("xtask.lock"))?;
        if file.try_lock().is_err() {
            println!("xtask: waiting for another build");
            file.lock().context("cannot lock the target folder")?;
        }
        Ok(file)
    }
}
