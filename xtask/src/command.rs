//! Running other programs.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Error, Result, anyhow, bail};

/// A command that is about to run; a failure names it.
pub struct Run {
    command: Command,
}

impl Run {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program) }
    }

    /// A tool of npm by its script, since what `node_modules/.bin` holds differs between systems.
    pub fn node(script: impl AsRef<OsStr>) -> Self {
        Self::new("node").arg(script)
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub fn dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn envs(mut self, variables: &[(String, OsString)]) -> Self {
        self.command.envs(variables.iter().map(|(name, value)| (name, value)));
        self
    }

    /// Runs it with this program's input and output.
    pub fn run(mut self) -> Result<()> {
        let status = self.command.status().map_err(|error| self.cannot_start(error))?;
        if !status.success() {
            bail!("`{}` failed: {status}", self.shown());
        }
        Ok(())
    }

    /// Runs it without a word, unless it fails.
    pub fn quietly(mut self) -> Result<()> {
        let output = self.command.stdin(Stdio::null()).output().map_err(|error| self.cannot_start(error))?;
        if !output.status.success() {
            eprint!("{}", printed(&output));
            bail!("`{}` failed: {}", self.shown(), output.status);
        }
        Ok(())
    }

    /// Runs it and returns what it printed.
    pub fn output(mut self) -> Result<String> {
        let output = self.command.stdin(Stdio::null()).output().map_err(|error| self.cannot_start(error))?;
        if !output.status.success() {
            bail!("`{}` failed: {}\n{}", self.shown(), output.status, printed(&output));
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", self.shown()))
    }

    /// Starts it; `configure` sets up its pipes. It is killed when what this returns is dropped.
    pub fn start(mut self, configure: impl FnOnce(&mut Command)) -> Result<Running> {
        configure(&mut self.command);
        let child = self.command.spawn().map_err(|error| self.cannot_start(error))?;
        Ok(Running { child })
    }

    fn shown(&self) -> String {
        let program = Path::new(self.command.get_program()).file_name().unwrap_or_default();
        let words = [program].into_iter().chain(self.command.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }

    fn cannot_start(&self, error: io::Error) -> Error {
        let program = self.command.get_program().to_string_lossy().into_owned();
        match error.kind() {
            ErrorKind::NotFound => anyhow!("`{program}` is missing"),
            _ => Error::from(error).context(format!("cannot run `{program}`")),
        }
    }
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A program in the background.
pub struct Running {
    pub child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program prints for `--version`, or nothing where it is absent.
pub fn version_of(program: impl AsRef<OsStr>) -> Option<String> {
    Run::new(program).arg("--version").output().ok().map(|version| version.trim().to_owned())
}

/// Looks a program up in the folders of `path`.
pub fn find_in(path: &OsStr, names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(path).map(|folder| folder.join(&file)).find(|program| program.is_file())
    })
}

/// Is `version` at least `minimum`? Both are read as far as they are numbers with dots between them.
pub fn at_least(version: &str, minimum: &[u32]) -> bool {
    let numbers =
        version.trim_start_matches(|c: char| !c.is_ascii_digit()).split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<u32> = numbers.map_while(|number| number.parse().ok()).collect();
    numbers.as_slice() >= minimum
}
