//! `cargo xtask demo`: a sandbox server with its page, and a terminal that follows the same events.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{Run, Running};
use crate::project::Project;
use crate::{build, setup};

/// With `check`, a headless browser plays the visitor, and the result says whether the page did what it should.
pub fn run(project: &Project, check: bool) -> Result<()> {
    build::run(project, build::Mode::Release)?;
    Run::new("cargo").args(["build", "--package", "sandbox"]).dir(&project.root).run()?;
    let server = Server::start(project)?;
    println!("\nThe page: {}", server.page);
    if check {
        let found = setup::for_tests(project)?;
        let script = project.root.join("www/check.mjs");
        return Run::node(script).args([&server.page, &server.control]).envs(&found.env()).run();
    }
    println!("Ctrl-C ends it. Live events, as a Node program sees them:\n");
    let folder = install(project)?;
    Run::node(folder.join("tail.mjs")).arg(&server.bayeux).dir(folder).run()
}

/// The sandbox's program, once it is built.
pub fn sandbox(project: &Project) -> PathBuf {
    project.target.join("debug").join(format!("sandbox{}", std::env::consts::EXE_SUFFIX))
}

/// The sandbox as a child: it ends when this program does, however that happens, since its input ends then.
struct Server {
    _process: Running,
    bayeux: String,
    control: String,
    page: String,
}

impl Server {
    fn start(project: &Project) -> Result<Self> {
        let mut process = Run::new(sandbox(project))
            .args(["--json", "--parent-stdin", "--www"])
            .arg(project.root.join("www"))
            .arg("--pkg")
            .arg(project.package())
            .start(|command| {
                command.stdin(Stdio::piped()).stdout(Stdio::piped());
            })?;
        let mut line = String::new();
        let output = process.child.stdout.take().context("the sandbox has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let addresses: Value = serde_json::from_str(&line).context("the sandbox printed no addresses")?;
        let address = |name: &str| {
            let address = addresses[name].as_str().map(str::to_owned);
            address.with_context(|| format!("the sandbox printed no address `{name}`"))
        };
        let (bayeux, control, page) = (address("bayeux")?, address("control")?, address("page")?);
        Ok(Self { _process: process, bayeux, control, page })
    }
}

/// A folder in which the program finds the package by its public name, as an application would.
fn install(project: &Project) -> Result<PathBuf> {
    let folder = project.target.join("demo");
    let package = folder.join("node_modules/cometd-edge");
    build::empty(&folder)?;
    build::copy_all(&project.package(), &package)?;
    fs::copy(project.root.join("www/tail.mjs"), folder.join("tail.mjs"))
        .context("cannot copy www/tail.mjs")?;
    Ok(folder)
}
