//! `cargo xtask build`: from the crate and `pkg-template/` to `pkg/`, ready for `npm pack`.

mod glue;
mod package;
mod parts;
mod size;
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

/// How much care to take.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    /// Optimised, and held to the size budget.
    Release,
    /// Optimised, whatever it weighs.
    Optimised,
    /// As the compiler made it.
    Dev,
}

pub fn run(project: &Project, mode: Mode) -> Result<()> {
    let tools = setup::for_build(project)?;
    let _lock = project.lock()?;
    let generated = generate(project, &tools)?;
    let glue = glue::guard(&read(&generated.join(format!("{OUT_NAME}.js")))?)?;
    let mut named = generated.join(format!("{OUT_NAME}_bg.wasm"));
    if mode != Mode::Dev {
        named = wasm_opt(project, &named, "optimised.wasm", &["-Oz", "--converge", "-g"])?;
    }
    // Names are for the report alone; without them one more pass finds a little more. No engine reads the features.
    let mut strip = vec!["--strip-debug", "--strip-producers", "--strip-target-features"];
    if mode != Mode::Dev {
        strip.insert(0, "-Oz");
    }
    let module = fs::read(wasm_opt(project, &named, "stripped.wasm", &strip)?)?;
    wasm::check(&module, OUT_NAME)?;
    package::assemble(project, &glue, &module)?;
    size::report(project, &parts::by_size(&fs::read(named)?)?, mode == Mode::Release)
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
        .dir(&project.root)
        .env("PATH", path)
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
    Run::node(binaryen.join("bin/wasm-opt")).arg(module).args(passes).arg("-o").arg(&out).run()?;
    fs::write(stamp, inputs)?;
    Ok(out)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
