//! Nothing happens on import: what wasm-bindgen's glue does as the module is evaluated moves to where the wasm is started.
//! A test environment such as Jest's jsdom has no `TextDecoder`, and a page may import what it never uses.

use anyhow::{Context, Result, ensure};

/// Where the wasm has been instantiated, and nothing of it has run.
const START: &str = "function __wbg_finalize_init(instance, module) {";

/// What makes a coder of texts, as a declaration at the top of the module.
const CODERS: [(&str, &str); 2] =
    [("let cachedTextDecoder = ", "new TextDecoder("), ("const cachedTextEncoder = ", "new TextEncoder(")];

/// Statements that belong to it: a first use, and a polyfill.
const FOLLOWING: [&str; 2] = ["cachedTextDecoder.decode();", "if (!('encodeInto' in cachedTextEncoder)) {"];

/// Returns the glue with its coders made when the wasm is started. Fails if it does not look as expected.
pub fn on_load(glue: &str) -> Result<String> {
    let mut kept = Vec::new();
    let mut moved = Vec::new();
    let mut in_block = false;
    for line in glue.lines() {
        if in_block || FOLLOWING.contains(&line) {
            in_block = if in_block { line != "}" } else { line.ends_with('{') };
            moved.push(format!("    {line}"));
        } else if let Some((name, value)) = coder(line) {
            kept.push(format!("let {name};"));
            moved.push(format!("    {name} = {value}"));
        } else {
            kept.push(line.to_owned());
        }
    }
    ensure!(!moved.is_empty(), "the glue makes no TextDecoder that could be moved");
    let start = kept.iter().position(|line| line == START).with_context(|| format!("no `{START}`"))?;
    kept.splice(start + 1..start + 1, moved);
    let left = kept.iter().find(|line| line.contains("new Text") && !line.starts_with(' '));
    ensure!(left.is_none(), "the glue does this on import: `{}`", left.map_or("", String::as_str));
    Ok(kept.join("\n") + "\n")
}

/// The name and the value, with what ends the statement.
fn coder(line: &str) -> Option<(&str, &str)> {
    CODERS.iter().find_map(|(declaration, value)| {
        let rest = line.strip_prefix(declaration).filter(|rest| rest.starts_with(value))?;
        Some((declaration.split(' ').nth(1)?, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::on_load;

    const GLUE: &str = "let cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
cachedTextDecoder.decode();
function decodeText(bytes) {
    cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
}
const cachedTextEncoder = new TextEncoder();
if (!('encodeInto' in cachedTextEncoder)) {
    cachedTextEncoder.encodeInto = 1;
}
let wasm;
function __wbg_finalize_init(instance, module) {
    wasm = instance.exports;
}
";

    #[test]
    fn coders_are_made_when_the_wasm_starts() {
        let lazy = on_load(GLUE).unwrap();
        assert_eq!(
            lazy,
            "let cachedTextDecoder;
function decodeText(bytes) {
    cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
}
let cachedTextEncoder;
let wasm;
function __wbg_finalize_init(instance, module) {
    cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
    cachedTextDecoder.decode();
    cachedTextEncoder = new TextEncoder();
    if (!('encodeInto' in cachedTextEncoder)) {
        cachedTextEncoder.encodeInto = 1;
    }
    wasm = instance.exports;
}
"
        );
    }

    #[test]
    fn another_form_is_refused() {
        for (from, to) in [
            ("let cachedTextDecoder = ", "var decoder = "),
            ("const cachedTextEncoder = new", "const cachedTextEncoder = globalThis.TextEncoder && new"),
            ("function __wbg_finalize_init(", "function __wbg_finalize("),
        ] {
            assert!(on_load(&GLUE.replace(from, to)).is_err(), "{to}");
        }
        assert!(on_load("let wasm;\n").is_err());
    }
}
