//! `cargo xtask build`: from the crate and `pkg-template/` to `pkg/`, ready for `npm pack`.

mod glue;
mod lazily;
mod names;
mod order;
mod package;
mod parts;
mod paths;
mod size;
mod terse;
mod traps;
mod wasm;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::Run;
use crate::project::Project;
use crate::setup::{self, BuildTools};

pub use package::{copy_all, empty};

/// The name that the generated files begin with.
const OUT_NAME: &str = "cometd_edge";

/// The feature of the crate that wasm/Cargo.toml turns on, and the tests of what is in the package do.
pub const ALLOCATOR: &str = "small-allocator";

/// What makes the wasm small once it is gzipped, by trial: without the last three it is 3 % larger, since repetition costs
/// little. Rust's stack begins below its data, so no pointer leads to the lowest addresses.
const SHRINK: [&str; 4] =
    ["-Oz", "--one-caller-inline-max-function-size=20", "--skip-pass=local-cse", "--low-memory-unused"];

/// Before the rest, once: control flow made anew comes out half a percent smaller.
const RELOOP: [&str; 2] = ["--flatten", "--rereloop"];

/// At `opt-level = "s"` LLVM inlines functions of up to 50 units of cost. A little below that the code is 1 kB smaller,
/// gzipped.
const INLINING: &str = "-Cllvm-args=-inline-threshold=40";

/// How much care to take.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    /// Optimised, and held to the size budget.
    Release,
    /// Optimised, and silent about what it weighs.
    Optimised,
    /// As the compiler made it, with the names of functions: a panic's stack tells them.
    Dev,
}

pub fn run(project: &Project, mode: Mode) -> Result<()> {
    let tools = setup::for_build(project)?;
    let _lock = project.lock()?;
    let generated = generate(project, &tools)?;
    let glue = terse::shorten(&read(&generated.join(format!("{OUT_NAME}.js")))?)?;
    let glue = glue::guard(&lazily::on_load(&glue)?)?;
    let made = finish(project, &generated.join(format!("{OUT_NAME}_bg.wasm")), glue, mode)?;
    package::assemble(project, &made.glue, &made.module)?;
    match mode {
        Mode::Optimised => Ok(()),
        Mode::Release | Mode::Dev => size::report(project, &made.parts, mode == Mode::Release),
    }
}

/// The two files that belong together, and what the bytes of the wasm are.
struct Made {
    glue: String,
    module: Vec<u8>,
    parts: Vec<(String, usize)>,
}

/// Checks the wasm, and makes it and the glue small.
fn finish(project: &Project, module: &Path, glue: String, mode: Mode) -> Result<Made> {
    let generated = fs::read(module)?;
    if mode == Mode::Dev {
        wasm::check(&generated, OUT_NAME)?;
        let parts = parts::by_size(&generated)?;
        return Ok(Made { glue, module: generated, parts });
    }
    // The names of functions are for messages and for the report. Without them a further pass finds a little more.
    let wordless = module.with_file_name("wordless.wasm");
    fs::write(&wordless, traps::without_words(&generated)?)?;
    let passes = [&RELOOP, SHRINK.as_slice(), &["--converge", "-g"]].concat();
    let named_file = wasm_opt(project, &wordless, "optimised.wasm", &passes)?;
    let named = fs::read(&named_file)?;
    wasm::check(&named, OUT_NAME)?;
    paths::check(&named, project)?;
    let ordered = named_file.with_file_name("ordered.wasm");
    fs::write(&ordered, order::named_by_place(&named)?)?;
    let strip = ["--strip-debug", "--strip-producers", "--strip-target-features"];
    let last = ["--reorder-functions-by-name", "--minify-imports-and-exports-and-modules"];
    let module = wasm_opt(project, &ordered, "short.wasm", &[&SHRINK, last.as_slice(), &strip].concat())?;
    let glue = names::shorten(&glue, &read(&printed_with(&module))?)?;
    Ok(Made { glue, module: fs::read(module)?, parts: parts::by_size(&named)? })
}

/// Compiles the crate and lets wasm-bindgen generate the JavaScript for it.
fn generate(project: &Project, tools: &BuildTools) -> Result<PathBuf> {
    let out = project.target.join("wasm-pack");
    let shim = setup::shim(project, &tools.wasm_bindgen)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([shim].into_iter().chain(std::env::split_paths(&path)))?;
    Run::new(&tools.wasm_pack)
        .args(["--log-level", "error", "build", "--target", "web", "--release", "--no-pack"])
        .args(["--mode", "no-install", "--out-name", OUT_NAME, "--out-dir"])
        .arg(&out)
        .arg(project.root.join("wasm"))
        .dir(&project.root)
        .env("PATH", path)
        .env("CARGO_ENCODED_RUSTFLAGS", paths::flags(project, INLINING))
        .run()?;
    Ok(out)
}

/// Runs binaryen's tool and returns the file that it wrote, beside the one given. Takes what it wrote last time where
/// nothing has changed: it is the slowest step of the build.
fn wasm_opt(project: &Project, module: &Path, name: &str, passes: &[&str]) -> Result<PathBuf> {
    let binaryen = project.root.join("node_modules/binaryen");
    let out = module.with_file_name(name);
    let stamp = out.with_extension("stamp");
    let mut inputs = DefaultHasher::new();
    (fs::read(module)?, passes, read(&binaryen.join("package.json"))?).hash(&mut inputs);
    let inputs = format!("{:016x}", inputs.finish());
    if out.is_file() && fs::read_to_string(&stamp).is_ok_and(|last| last == inputs) {
        return Ok(out);
    }
    let _ = fs::remove_file(&stamp); // absent at first
    let printed =
        Run::node(binaryen.join("bin/wasm-opt")).arg(module).args(passes).arg("-o").arg(&out).output()?;
    fs::write(printed_with(&out), printed)?;
    fs::write(stamp, inputs)?;
    Ok(out)
}

/// What wasm-opt printed as it wrote a file.
fn printed_with(module: &Path) -> PathBuf {
    module.with_extension("json")
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
