//! Chromium and the ChromeDriver that fits it.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{installing, on_path};
use crate::command::Run;

const CHROME: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const MACOS_CHROME: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

pub fn find_or_install() -> Result<(PathBuf, PathBuf)> {
    if let (Some(chrome), Some(driver)) = (chrome(), driver()) {
        return Ok((chrome, driver));
    }
    if on_path(&["apt-get"]).is_some() && is_root() {
        installing("chromium and chromium-driver");
        let apt = || Run::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
        apt().args(["-qq", "update"]).quietly()?;
        apt()
            .args(["-qq", "install", "-y", "--no-install-recommends", "chromium", "chromium-driver"])
            .run()?;
    }
    let absent = match (chrome(), driver()) {
        (Some(chrome), Some(driver)) => return Ok((chrome, driver)),
        (None, None) => "Chromium and ChromeDriver are",
        (None, _) => "Chromium is",
        (_, None) => "ChromeDriver is",
    };
    bail!("{absent} missing: install both in matching versions, or name them in CHROME and CHROMEDRIVER");
}

fn chrome() -> Option<PathBuf> {
    named("CHROME")
        .or_else(|| on_path(CHROME))
        .or_else(|| Some(PathBuf::from(MACOS_CHROME)).filter(|program| program.is_file()))
}

fn driver() -> Option<PathBuf> {
    named("CHROMEDRIVER").or_else(|| on_path(&["chromedriver"]))
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|program| program.is_file())
}

fn is_root() -> bool {
    Run::new("id").arg("-u").output().is_ok_and(|id| id.trim() == "0")
}
