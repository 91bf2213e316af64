//! Keeps the paths of this machine out of what is published: panics name places in the sources.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::project::Project;

/// The caller's flags for rustc, those that shorten paths, and `more`, as `CARGO_ENCODED_RUSTFLAGS` wants them.
pub fn flags(project: &Project, more: &str) -> OsString {
    let given = env::var("RUSTFLAGS").unwrap_or_default();
    let given = given.split_whitespace().collect::<Vec<_>>().join(SEPARATOR);
    let mut flags = env::var_os("CARGO_ENCODED_RUSTFLAGS").unwrap_or_else(|| given.into());
    let cargo =
        env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    // Of several prefixes that fit, the last one counts.
    let places = [(env::home_dir(), "~"), (cargo, "cargo"), (Some(project.root.clone()), ".")];
    for (place, name) in places {
        let Some(place) = place.filter(|place| place.parent().is_some()) else { continue };
        if !flags.is_empty() {
            flags.push(SEPARATOR);
        }
        flags.push("--remap-path-prefix=");
        flags.push(place);
        flags.push("=");
        flags.push(name);
    }
    if !flags.is_empty() {
        flags.push(SEPARATOR);
    }
    flags.push(more);
    flags
}

const SEPARATOR: &str = "\u{1f}";

/// Refuses a wasm that names the home directory or the project's.
pub fn check(module: &[u8], project: &Project) -> Result<()> {
    for place in [env::home_dir(), Some(project.root.clone())].into_iter().flatten() {
        let mut place = place.display().to_string();
        if place.len() < 2 {
            continue;
        }
        place.push(std::path::MAIN_SEPARATOR);
        ensure!(!holds(module, place.as_bytes()), "the wasm names paths of this machine, in {place}");
    }
    Ok(())
}

fn holds(module: &[u8], text: &[u8]) -> bool {
    module.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_path_is_found_anywhere() {
        assert!(holds(b"\0asm/home/me/x.rs", b"/home/me/"));
        assert!(!holds(b"\0asm/home/men/x.rs", b"/home/me/"));
        assert!(!holds(b"/h", b"/home/me/"));
    }
}
