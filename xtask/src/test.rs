//! `cargo xtask test`: everything that proves the project, part by part.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::command::Run;
use crate::project::Project;
use crate::{build, demo, fuzz, mutants, setup};

const WASM: [&str; 2] = ["--target", "wasm32-unknown-unknown"];

type Part = (&'static str, fn(&Project) -> Result<()>);

const PARTS: [Part; 7] = [
    ("lint", lint),
    ("core", core),
    ("fuzz", fuzzing),
    ("build", package),
    ("browser", browser),
    ("js", javascript),
    ("demo", demonstration),
];

pub fn names() -> Vec<&'static str> {
    PARTS.iter().map(|(name, _)| *name).collect()
}

/// Is each of these the name of a part?
pub fn known(parts: &[&str]) -> bool {
    parts.iter().all(|part| names().contains(part))
}

/// Runs the parts named, or all; goes on after one that failed.
pub fn run(project: &Project, parts: &[&str]) -> Result<()> {
    let mut done: Vec<(&str, Duration, Result<()>)> = Vec::new();
    for (name, part) in PARTS {
        if !parts.is_empty() && !parts.contains(&name) {
            continue;
        }
        println!("\n==== {name}");
        let began = Instant::now();
        let result = part(project);
        if let Err(error) = &result {
            println!("{error:#}");
        }
        println!("---- {name}: {} in {:.1} s", outcome(&result), began.elapsed().as_secs_f64());
        done.push((name, began.elapsed(), result));
    }
    println!();
    for (name, took, result) in &done {
        println!("{name:10}{:>8.1} s  {}", took.as_secs_f64(), outcome(result));
    }
    let failed: Vec<&str> =
        done.iter().filter(|(.., result)| result.is_err()).map(|(name, ..)| *name).collect();
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

fn outcome(result: &Result<()>) -> &'static str {
    if result.is_ok() { "passed" } else { "FAILED" }
}

/// Formatting, lints, documentation, types, and whether each mutation still takes hold. All of them run, so that one look shows everything.
fn lint(project: &Project) -> Result<()> {
    setup::for_build(project)?;
    setup::for_lint()?;
    let tool = |script: &str| Run::node(project.root.join("node_modules").join(script)).dir(&project.root);
    let cargo = |arguments: &[&str]| Run::new("cargo").args(arguments).dir(&project.root);
    let denied = ["--", "-D", "warnings"];
    let checks = [
        cargo(&["fmt", "--all", "--check"]),
        cargo(&["clippy", "--workspace", "--all-targets"]).args(denied),
        cargo(&["clippy", "--lib", "--test", "browser", "--features", build::ALLOCATOR])
            .args(WASM)
            .args(denied),
        cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
        tool("prettier/bin/prettier.cjs").args(["--check", "."]),
        tool("oxlint/bin/oxlint").args(["--deny-warnings"]),
        tool("typescript/bin/tsc").args(["--project", "pkg-template", "--noEmit"]),
    ];
    let results = checks.into_iter().map(|check| check.run()).chain([mutants::check(project)]);
    let failures: Vec<String> = results.filter_map(Result::err).map(|error| error.to_string()).collect();
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

fn core(project: &Project) -> Result<()> {
    Run::new("cargo").args(["test", "--workspace"]).dir(&project.root).run()
}

/// Short runs, each from the committed corpus on.
fn fuzzing(project: &Project) -> Result<()> {
    fuzz::run(project, &[])
}

/// The package, its size, and what other tools say about its manifest and its types.
fn package(project: &Project) -> Result<()> {
    build::run(project, build::Mode::Release)?;
    let (folder, modules) = (project.target.join("packed"), project.root.join("node_modules"));
    let packed = pack(project, &folder)?;
    Run::node(modules.join("publint/src/cli.js")).arg(&packed).arg("--strict").dir(&project.root).run()?;
    // `esm-only`: the package has nothing for require() alone. The wasm has no types.
    Run::node(modules.join("@arethetypeswrong/cli/dist/index.js"))
        .arg(&packed)
        .args(["--profile", "esm-only", "--exclude-entrypoints", "./cometd-edge.wasm"])
        .args(["--format", "table-flipped", "--no-color", "--no-emoji", "--no-summary"])
        .dir(&project.root)
        .quietly()?;
    println!("attw: the types resolve as the code does");
    Ok(())
}

/// Runs `npm pack` into `folder` and returns the archive.
fn pack(project: &Project, folder: &PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let listing = Run::new("npm")
        .args(["pack", "--json", "--ignore-scripts", "--pack-destination"])
        .arg(folder)
        .dir(project.package())
        .output()?;
    let listing: Value = serde_json::from_str(&listing)?;
    let packed =
        listing.as_array().and_then(|all| all.first()).or_else(|| listing.as_object()?.values().next());
    let packed = packed.context("npm pack named no package")?;
    for file in packed["files"].as_array().into_iter().flatten() {
        let size = file["size"].as_u64().unwrap_or_default();
        println!("{size:>10}  {}", file["path"].as_str().unwrap_or_default());
    }
    Ok(folder.join(packed["filename"].as_str().context("npm pack named no file")?))
}

/// `tests/browser.rs` in headless Chromium.
fn browser(project: &Project) -> Result<()> {
    let (built, found) = (setup::for_build(project)?, setup::for_tests(project)?);
    let runner = setup::beside(&built.wasm_bindgen, "wasm-bindgen-test-runner");
    if !runner.is_file() {
        bail!("wasm-bindgen-test-runner is missing beside wasm-bindgen: install wasm-bindgen-cli again");
    }
    Run::new("cargo")
        .args(["test", "--test", "browser", "--features", build::ALLOCATOR])
        .args(WASM)
        .dir(&project.root)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .env("CHROMEDRIVER", &found.chromedriver)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", webdriver(project, &found)?)
        .env("WASM_BINDGEN_TEST_ONLY_WEB", "1")
        .run()
}

/// The capabilities in webdriver.json, and the browser that this machine has.
fn webdriver(project: &Project, tools: &setup::TestTools) -> Result<PathBuf> {
    let mut capabilities: Value =
        serde_json::from_str(&fs::read_to_string(project.root.join("webdriver.json"))?)?;
    let chrome = tools.chrome.to_str().context("the path of the browser is not UTF-8")?;
    capabilities["goog:chromeOptions"]["binary"] = json!(chrome);
    let file = project.target.join("webdriver.json");
    fs::write(&file, capabilities.to_string())?;
    Ok(file)
}

/// The contract suite of the package on every runtime, against the sandbox and against servers that others wrote.
fn javascript(project: &Project) -> Result<()> {
    let found = setup::for_tests(project)?;
    setup::note_java();
    require_package(project)?;
    Run::new("cargo").args(["build", "--package", "sandbox"]).dir(&project.root).run()?;
    Run::node("tests/js/run.mjs").dir(&project.root).envs(&test_env(project, &found)).run()
}

fn demonstration(project: &Project) -> Result<()> {
    demo::run(project, true)
}

/// What the scripts under tests/ and www/ may ask of their environment.
fn test_env(project: &Project, tools: &setup::TestTools) -> Vec<(String, OsString)> {
    let mut variables = tools.env();
    variables.push(("SANDBOX_BIN".to_owned(), demo::sandbox(project).into_os_string()));
    variables.push(("PACKAGE_DIR".to_owned(), project.package().into_os_string()));
    variables
}

/// A part that runs alone takes the package as the last build left it.
pub fn require_package(project: &Project) -> Result<()> {
    if project.package().join("package.json").is_file() {
        return Ok(());
    }
    build::run(project, build::Mode::Optimised)
}
