//! Puts the guard into the JavaScript that wasm-bindgen generates.
//!
//! The generated text has a fixed form for a given version of wasm-bindgen. Whatever does not look as expected fails the
//! build, so that another version cannot drop the guard without anyone noticing.

use anyhow::{Context, Result, bail, ensure};

const GUARD: &str = include_str!("guard.js");

/// How the glue's own functions that call a closure of the wasm are named.
const INVOKE: &str = "_invoke_";

/// Returns the glue with every way into the wasm that has no caller of ours wrapped: closures, microtasks, finalizers.
/// Also makes objects and closures of an instance that was replaced harmless.
pub fn guard(glue: &str) -> Result<String> {
    ensure!(
        glue.contains("export function __wbg_reset_state") && glue.contains("let __wbg_instance_id = 0;"),
        "the glue has no __wbg_reset_state: wasm-bindgen ran without --experimental-reset-state-function"
    );
    let mut lines: Vec<String> = glue.lines().map(str::to_owned).collect();
    if lines.first().is_some_and(|line| line.contains("@ts-self-types")) {
        lines[0] = r#"/* @ts-self-types="./glue.d.ts" */"#.to_owned();
        lines.insert(1, GUARD.to_owned());
    } else {
        lines.insert(0, GUARD.to_owned());
    }

    let closures = wrap(&mut lines, "guarded", closure)?;
    ensure!(closures > 0, "the glue makes no closures, which the guard would wrap");
    wrap(&mut lines, "guarded", stack_closure)?;
    let finalizers = wrap(&mut lines, "quietly", finalizer)?;
    ensure!(finalizers > 0, "the glue has no FinalizationRegistry, which the guard would wrap");

    let stale = "throw new Error('Cannot invoke closure from previous WASM instance');";
    replace_exactly(&mut lines, stale, "return;", closures)?;
    let unref = "if (--state.cnt === 0) {";
    replace_exactly(&mut lines, unref, "if (--state.cnt === 0 && usable(state.instance)) {", closures)?;
    // Only futures need it.
    let microtasks = usize::from(glue.contains("queueMicrotask"));
    replace_exactly(&mut lines, "queueMicrotask(arg0);", "queueMicrotask(guarded(arg0));", microtasks)?;

    // `free()` of an object whose instance is gone would free that address in the new instance.
    let classes = lines.iter().filter(|line| line.starts_with("export class ")).count();
    replace_exactly(
        &mut lines,
        "free() {",
        "free() {\n        if (this.__wbg_inst !== undefined && !usable(this.__wbg_inst)) return;",
        classes,
    )?;

    check_invocations(&lines)?;
    Ok(lines.join("\n") + "\n")
}

/// An arrow function that opens on a line: where it starts there, and the line that ends it.
struct Arrow {
    start: usize,
    end: String,
}

/// A closure of the wasm, as it is handed to JavaScript.
fn closure(line: &str) -> Option<Arrow> {
    let start = line.strip_suffix("(...args) => {")?.trim_start();
    (start == "const real = ")
        .then(|| Arrow { start: line.len() - "(...args) => {".len(), end: margin(line) + "};" })
}

/// A closure that lives on the stack of the wasm, such as the executor of a promise: `var cb0 = (arg0, arg1) => {`.
fn stack_closure(line: &str) -> Option<Arrow> {
    let head = line.trim_start().strip_prefix("var cb")?;
    let (_, arrow) = head.split_once(" = (")?;
    arrow.ends_with(") => {").then(|| Arrow { start: line.len() - arrow.len() - 1, end: margin(line) + "};" })
}

fn finalizer(line: &str) -> Option<Arrow> {
    let opening = "new FinalizationRegistry(";
    let start = line.find(opening)? + opening.len();
    Some(Arrow { start, end: "});".to_owned() })
}

fn margin(line: &str) -> String {
    " ".repeat(line.len() - line.trim_start().len())
}

/// Wraps every arrow function that `find` recognises in a call of `wrapper`. Returns how many there were.
fn wrap(lines: &mut [String], wrapper: &str, find: impl Fn(&str) -> Option<Arrow>) -> Result<usize> {
    let mut count = 0;
    for at in 0..lines.len() {
        let Some(arrow) = find(&lines[at]) else { continue };
        let end = (at + 1..lines.len())
            .find(|&below| lines[below] == arrow.end)
            .with_context(|| format!("the glue's `{}` has no end", lines[at].trim()))?;
        lines[at].insert_str(arrow.start, &format!("{wrapper}("));
        lines[end] = lines[end].replacen('}', "})", 1);
        count += 1;
    }
    Ok(count)
}

fn replace_exactly(lines: &mut [String], from: &str, to: &str, count: usize) -> Result<()> {
    let mut found = 0;
    for line in lines.iter_mut().filter(|line| line.trim() == from) {
        *line = line.replacen(from, to, 1);
        found += 1;
    }
    ensure!(found == count, "expected {count} of `{from}` in the glue, found {found}");
    Ok(())
}

/// Every use of a function that invokes a closure of the wasm must be one that the guard knows.
fn check_invocations(lines: &[String]) -> Result<()> {
    let mut inside_stack_closure = false;
    let mut seen = 0;
    for line in lines {
        let trimmed = line.trim();
        if trimmed.starts_with("var cb") {
            inside_stack_closure = trimmed.contains("guarded(");
        } else if trimmed.starts_with("})") {
            inside_stack_closure = false;
        }
        if !trimmed.contains(INVOKE) || trimmed.starts_with("//") {
            continue;
        }
        seen += 1;
        let definition = trimmed.starts_with("function ") || trimmed.contains("wasm.");
        let factory = trimmed.starts_with("const ret = make") && trimmed.contains("Closure(arg0, arg1, ");
        if !(definition || factory || inside_stack_closure) {
            bail!("the glue calls into the wasm outside of the guard: `{trimmed}`");
        }
    }
    ensure!(seen > 0, "the glue names no function `…{INVOKE}…`: wasm-bindgen's names have changed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::guard;

    /// What wasm-bindgen 0.2.130 generates, shortened.
    const GLUE: &str = include_str!("fixtures/glue.js");

    fn refused(from: &str, to: &str) -> String {
        let changed = GLUE.replace(from, to);
        assert_ne!(changed, GLUE, "the fixture has no `{from}`");
        guard(&changed).expect_err("the guard must refuse this").to_string()
    }

    #[test]
    fn every_way_into_the_wasm_is_wrapped() {
        let guarded = guard(GLUE).unwrap();
        assert_eq!(guarded.matches("const real = guarded((...args) => {").count(), 2);
        assert_eq!(guarded.matches("var cb0 = guarded((arg0, arg1) => {").count(), 1);
        assert_eq!(guarded.matches("queueMicrotask(guarded(arg0));").count(), 1);
        assert_eq!(guarded.matches("new FinalizationRegistry(quietly(").count(), 2);
        assert!(guarded.contains("export function __on_trap(handler)"));
        let closed = guarded.lines().filter(|line| matches!(line.trim(), "});" | "}));")).count();
        assert_eq!(closed, 5, "each wrapper is closed");
    }

    #[test]
    fn leftovers_of_a_replaced_instance_are_harmless() {
        let guarded = guard(GLUE).unwrap();
        assert!(!guarded.contains("Cannot invoke closure"));
        assert_eq!(guarded.matches("--state.cnt === 0 && usable(state.instance)").count(), 2);
        let free = guarded.split("    free() {").nth(1).unwrap();
        assert!(
            free.trim_start()
                .starts_with("if (this.__wbg_inst !== undefined && !usable(this.__wbg_inst)) return;")
        );
    }

    #[test]
    fn the_glue_names_its_new_declarations() {
        assert!(guard(GLUE).unwrap().starts_with("/* @ts-self-types=\"./glue.d.ts\" */\n"));
    }

    #[test]
    fn glue_without_reset_is_refused() {
        let error = refused("export function __wbg_reset_state", "function reset");
        assert!(error.contains("--experimental-reset-state-function"), "{error}");
    }

    #[test]
    fn another_form_of_closures_is_refused() {
        refused("const real = (...args) => {", "const real = function(...args) {");
        let one = GLUE.replacen("const real = (...args) => {", "const real = function(...args) {", 1);
        assert!(guard(&one).is_err());
        refused("if (--state.cnt === 0) {", "if (!--state.cnt) {");
    }

    #[test]
    fn another_form_of_microtasks_or_finalizers_is_refused() {
        refused("queueMicrotask(arg0);", "globalThis.queueMicrotask(arg0);");
        refused("new FinalizationRegistry(", "new Registry(");
        refused("    free() {", "    dispose() {");
    }

    #[test]
    fn a_closure_called_from_anywhere_else_is_refused() {
        let error = refused("const ret = new Promise(cb0);", "setTimeout(a_invoke_b, 1);");
        assert!(error.contains("`setTimeout(a_invoke_b, 1);`"), "{error}");
        refused("var cb0 = (arg0, arg1) => {", "var cb0 = function(arg0, arg1) {");
        refused("_invoke_", "_call_");
    }
}
