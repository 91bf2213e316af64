//! What a page pays for the package, and what for.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::Run;
use crate::project::Project;

/// Bytes of wasm and JavaScript together, gzipped.
const BUDGET: u64 = 125_000;

/// How many parts are worth a line of their own.
const WASM_PARTS: usize = 12;
const WRAPPER_FILES: usize = 6;

/// Prints the size of the browser entry with its wasm by parts. Fails over the budget if `strict`.
pub fn report(project: &Project, wasm_parts: &[(String, usize)], strict: bool) -> Result<()> {
    let script = project.root.join("xtask/src/build/measure.mjs");
    let measured = Run::node(script).arg(project.package()).output()?;
    let measured: Value = serde_json::from_str(&measured)?;
    let part = |name: &str| -> Result<(u64, u64)> {
        let sizes = || Some((measured[name]["raw"].as_u64()?, measured[name]["gzip"].as_u64()?));
        sizes().with_context(|| format!("measure.mjs gave no size of {name}"))
    };
    let (wasm, script) = (part("wasm")?, part("bundle")?);
    let total = (wasm.0 + script.0, wasm.1 + script.1);
    println!("\n{:26}{:>10}{:>10}", "browser entry, minified", "bytes", "gzipped");
    line("wasm", wasm);
    for (name, bytes) in wasm_parts.iter().take(WASM_PARTS) {
        println!("  {name:24}{bytes:>10}");
    }
    let others: usize = wasm_parts.iter().skip(WASM_PARTS).map(|(_, bytes)| bytes).sum();
    println!("  {:24}{others:>10}", "other parts");
    line("glue", part("glue")?);
    line("wrapper", part("wrapper")?);
    for file in measured["files"].as_array().into_iter().flatten().take(WRAPPER_FILES) {
        let bytes = file["bytes"].as_u64().unwrap_or_default();
        println!("  {:24}{bytes:>10}", file["name"].as_str().unwrap_or_default());
    }
    line("total", total);
    println!("{}", verdict(total.1));
    ensure!(!strict || total.1 <= BUDGET, "the package is over its size budget");
    Ok(())
}

fn line(name: &str, (raw, gzip): (u64, u64)) {
    println!("{name:26}{raw:>10}{gzip:>10}");
}

fn verdict(total: u64) -> String {
    let kilobytes = |bytes: u64| format!("{:.1} kB", bytes as f64 / 1000.0);
    if total > BUDGET {
        format!("{} over the budget of {}", kilobytes(total - BUDGET), kilobytes(BUDGET))
    } else {
        format!("{} left of the budget of {}", kilobytes(BUDGET - total), kilobytes(BUDGET))
    }
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn verdict_measures_against_the_budget() {
        assert_eq!(verdict(100_000), "25.0 kB left of the budget of 125.0 kB");
        assert_eq!(verdict(125_100), "0.1 kB over the budget of 125.0 kB");
    }
}
