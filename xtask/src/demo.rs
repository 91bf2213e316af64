//! `cargo xtask demo`: a sandbox org with its page, and a terminal that follows the same events.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::command::{Run, Running};
use crate::project::Project;
use crate::{build, setup};

/// How long a program may take to close its client after Ctrl-C.
const TIME_TO_CLOSE: Duration = Duration::from_secs(5);

/// Sample orders that the server publishes.
const ORDERS_PER_SECOND: &str = "2";

/// With `check`, a headless browser plays the visitor, and the result says whether the page did what it should.
pub fn run(project: &Project, check: bool) -> Result<()> {
    build::run(project, build::Mode::Optimised)?;
    Run::new("cargo").args(["build", "--package", "sandbox"]).dir(&project.root).run()?;
    let server = Server::start(project)?;
    println!("\nThe page: {}", server.page);
    if check {
        let found = setup::for_tests(project)?;
        let script = project.root.join("www/check.mjs");
        return Run::node(script).args([&server.page, &server.control]).envs(&found.env()).run();
    }
    println!("Log in there, and break things by its buttons: its counters show whether anything is lost.");
    println!("Ctrl-C ends it. Live events, as a Node program sees them:\n");
    follow(&install(project)?, &server.login)
}

/// Runs the program in the terminal until it or the user ends it.
fn follow(folder: &Path, login: &str) -> Result<()> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    let mut program = Run::node(folder.join("tail.mjs")).arg(login).dir(folder).start(|command| {
        own_group(command.stdin(Stdio::null()));
    })?;
    let mut deadline = None;
    loop {
        if let Some(status) = program.child.try_wait()? {
            ensure!(status.success() || deadline.is_some(), "the program in the terminal failed: {status}");
            return Ok(());
        }
        if interrupted.load(Ordering::Relaxed) && deadline.is_none() {
            deadline = Some(Instant::now() + TIME_TO_CLOSE);
            Run::new("kill").arg("-INT").arg(program.child.id().to_string()).run()?;
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Ok(()); // dropping it ends it
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Ctrl-C reaches this program alone, which then ends its children in order: the client before the server.
fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// The sandbox's program, once it is built.
pub fn sandbox(project: &Project) -> PathBuf {
    project.target.join("debug").join(format!("sandbox{}", std::env::consts::EXE_SUFFIX))
}

/// The sandbox as a child: it ends when this program does, however that happens, since its input ends then.
struct Server {
    _process: Running,
    login: String,
    control: String,
    page: String,
}

impl Server {
    fn start(project: &Project) -> Result<Self> {
        let mut process = Run::new(sandbox(project))
            .args(["--json", "--parent-stdin", "--salesforce"])
            .args(["--orders-per-second", ORDERS_PER_SECOND, "--www"])
            .arg(project.root.join("www"))
            .arg("--pkg")
            .arg(project.package())
            .start(|command| {
                own_group(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
            })?;
        let mut line = String::new();
        let mut output = BufReader::new(process.child.stdout.take().context("the sandbox has no output")?);
        output.read_line(&mut line)?;
        // Whatever else it prints must find a reader.
        thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        let addresses: Value = serde_json::from_str(&line).context("the sandbox printed no addresses")?;
        let address = |name: &str| {
            let address = addresses[name].as_str().map(str::to_owned);
            address.with_context(|| format!("the sandbox printed no address `{name}`"))
        };
        let (login, control, page) = (address("salesforce")?, address("control")?, address("page")?);
        Ok(Self { _process: process, login, control, page })
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
