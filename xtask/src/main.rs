//! The project's commands, run as `cargo xtask …`: each does the set-up of a fresh machine that it needs.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod build;
mod command;
mod demo;
mod fuzz;
mod mutants;
mod project;
mod setup;
mod simulate;
mod soak;
mod test;

use std::process::ExitCode;

use anyhow::Result;

use crate::project::Project;

const HELP: &str = "\
cargo xtask build [--dev]     make pkg/, the npm package, and report its size; --dev leaves the wasm unoptimised
cargo xtask test [part…]      run everything that proves the project, or the parts named
cargo xtask fuzz [target…] [--seconds N]
                              look for inputs that break the core, 20 s for each target of tests/fuzz
cargo xtask demo [--check]    a sandbox server, a page and a terminal that follow live events; --check does it headless
cargo xtask simulate [--seeds N] [--from S] [--jobs J] [--shrink K]
                              live whole lives of a client, those that fail included: each of them is told in a line as
                              it fails, the last line says how many did, and which; in the end the first (K: so many) is
                              made shorter, for a minute at most; --seeds 1 --from S does it to any other
cargo xtask simulate --seed S [--only deeds] [--until MS]  live one life alone, or what is left of it, and print it
cargo xtask simulate --seed S --record NAME              write what is left of one that fails to tests/simulation/recorded
cargo xtask simulate --play NAME                         live by such a record, and print it
cargo xtask simulate --habit NAME [--seeds N]            live with a server of this habit: habits.rs names them
cargo xtask simulate --mutants [--seeds N] [--name words]   break the core on purpose, and see that a life notices
cargo xtask simulate --mutants --unit [--name words]     the same, but that the core's unit tests notice
cargo xtask simulate --mutants --exhaustion [--name words]   the same, with those of the replay book, but that a search
                              through all sequences of its inputs notices
cargo xtask simulate --mutants --check                   see that each of these breaks fits the sources as they are
cargo xtask soak [--minutes N]
                              clients under faults for 20 minutes, or N, on Node and workerd: nothing may be left behind
cargo xtask soak --reference [--minutes N] [--seed S]
                              clients of CometD's Java server behind lines that break: nothing may be lost or out of order

Parts of the tests, in their order: ";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["build"] => Project::find().and_then(|project| build::run(&project, build::Mode::Release)),
        ["build", "--dev"] => Project::find().and_then(|project| build::run(&project, build::Mode::Dev)),
        ["test", parts @ ..] if test::known(parts) => {
            Project::find().and_then(|project| test::run(&project, parts))
        }
        ["fuzz", wanted @ ..] if fuzz::known(wanted) => {
            Project::find().and_then(|project| fuzz::run(&project, wanted))
        }
        ["simulate", options @ ..] => Project::find().and_then(|project| simulate::run(&project, options)),
        ["demo"] => Project::find().and_then(|project| demo::run(&project, false)),
        ["demo", "--check"] => Project::find().and_then(|project| demo::run(&project, true)),
        ["soak", "--reference", options @ ..] => {
            Project::find().and_then(|project| soak::reference(&project, options))
        }
        ["soak", options @ ..] => Project::find().and_then(|project| soak::run(&project, options)),
        _ => {
            eprintln!("{HELP}{}", test::names().join(" "));
            return ExitCode::from(2);
        }
    };
    exit(result)
}

fn exit(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
