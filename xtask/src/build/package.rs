//! Puts the files of the npm package together.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::command::Run;
use crate::project::Project;

/// The version in `pkg-template/package.json`; the real one stands in Cargo.toml alone.
const NO_VERSION: &str = r#""version": "0.0.0""#;

/// Written by hand beside the TypeScript sources, for what only the build makes.
const DECLARATIONS: [&str; 2] = ["glue.d.ts", "wasm-base64.d.ts"];

const DOCUMENTS: [&str; 3] = ["README.md", "LICENSE", "CHANGELOG.md"];

/// Makes `pkg/` anew. Until all of it is there the old one stays.
pub fn assemble(project: &Project, glue: &str, module: &[u8]) -> Result<()> {
    let template = project.root.join("pkg-template");
    let staging = project.target.join("pkg");
    empty(&staging)?;
    let dist = staging.join("dist");
    Run::node(project.root.join("node_modules/typescript/bin/tsc"))
        .arg("--project")
        .arg(&template)
        .arg("--outDir")
        .arg(&dist)
        .run()?;
    for name in DECLARATIONS {
        copy(&template.join("src").join(name), &dist.join(name))?;
    }
    fs::write(dist.join("glue.js"), glue)?;
    // Beside its loaders: bundlers that do not know of it look for it beside the bundle.
    fs::write(dist.join("load/cometd-edge.wasm"), module)?;
    let base64 = format!("export const base64 =\n    \"{}\";\n", STANDARD.encode(module));
    fs::write(dist.join("wasm-base64.js"), base64)?;
    fs::write(dist.join("stores/idb.js"), idb(project)?)?;

    let manifest = fs::read_to_string(template.join("package.json"))?;
    ensure!(manifest.contains(NO_VERSION), "pkg-template/package.json must say {NO_VERSION}");
    let version = format!(r#""version": "{}""#, project.version);
    fs::write(staging.join("package.json"), manifest.replace(NO_VERSION, &version))?;
    for name in DOCUMENTS {
        copy(&project.root.join(name), &staging.join(name))?;
    }
    // Not renamed: the target folder may be on another disk.
    empty(&project.package())?;
    copy_all(&staging, &project.package())
}

/// The one file of the npm package `idb`, with its licence. A copy, so that a page without a bundler finds it, and no
/// installation needs more than this package; what else of `idb` an application has costs it 1.4 kB twice.
fn idb(project: &Project) -> Result<String> {
    let read = |name: &str| {
        let path = project.root.join("node_modules/idb").join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let manifest: Value = serde_json::from_str(&read("package.json")?)?;
    let version = manifest["version"].as_str().context("idb has no version")?;
    let (licence, code) = (read("LICENSE")?, read("build/index.js")?);
    Ok(format!(
        "/*! idb {version}, Copyright (c) 2016, Jake Archibald, ISC License */\n/*\n{licence}*/\n{code}"
    ))
}

/// Copies a folder with all that is in it.
pub fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Makes sure that a folder is there and has nothing in it.
pub fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(fs::create_dir_all(folder)?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}
