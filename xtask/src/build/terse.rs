//! What wasm-bindgen's glue does or says at more length than it has to, a third of a kilobyte together.

use anyhow::{Context, Result, ensure};

/// Texts are copied letter by letter as long as they are ASCII, and memory is grown and shrunk for the rest. They may as
/// well be encoded at once.
const PASS: &str = "function passStringToWasm0(arg, malloc";
const PLAIN: &str = "function passStringToWasm0(arg, malloc) {
    const buf = cachedTextEncoder.encode(arg);
    const ptr = malloc(buf.length, 1) >>> 0;
    getUint8ArrayMemory0().subarray(ptr, ptr + buf.length).set(buf);
    WASM_VECTOR_LEN = buf.length;
    return ptr;
}
";
/// For engines without `encodeInto`, which nobody calls then.
const POLYFILL: &str = "if (!('encodeInto' in cachedTextEncoder)) {\n";
const GROW: &str = ", wasm.__wbindgen_realloc)";

/// A hint for who serves the wasm, and one that nobody sees, for the loaders pass an object.
const HINTS: [(&str, &str); 2] = [
    (
        r#"console.warn("`WebAssembly.instantiateStreaming` failed because your server does not serve Wasm with `application/wasm` MIME type. Falling back to `WebAssembly.instantiate` which is slower. Original error:\n", e);"#,
        r#"console.warn("wasm that is not served as application/wasm starts slower:", e);"#,
    ),
    (
        "console.warn('using deprecated parameters for the initialization function; pass a single object instead')",
        "",
    ),
];

/// Returns the glue made shorter. Fails if it does not look as expected.
pub fn shorten(glue: &str) -> Result<String> {
    let mut glue = encode_at_once(glue)?;
    for (hint, shorter) in HINTS {
        ensure!(glue.contains(hint), "the glue does not say: {hint}");
        glue = glue.replace(hint, shorter);
    }
    Ok(glue)
}

fn encode_at_once(glue: &str) -> Result<String> {
    let glue = replace_block(glue, PASS, PLAIN)?;
    let glue = replace_block(&glue, POLYFILL, "")?;
    ensure!(glue.contains(GROW), "the glue hands no text to the wasm");
    let glue = glue.replace(GROW, ")");
    ensure!(!glue.contains("encodeInto") && !glue.contains("realloc"), "the glue has another way for texts");
    Ok(glue)
}

/// A block begins with `opening`, at the start of a line, and ends with the first brace at the start of one.
fn replace_block(glue: &str, opening: &str, instead: &str) -> Result<String> {
    let start =
        glue.find(&format!("\n{opening}")).with_context(|| format!("no `{opening}` in the glue"))? + 1;
    let end = "\n}\n";
    let length = glue[start..].find(end).context("a block of the glue has no end")? + end.len();
    Ok([&glue[..start], instead, &glue[start + length..]].concat())
}

#[cfg(test)]
mod tests {
    use super::{HINTS, PLAIN, encode_at_once, shorten};

    const GLUE: &str = "let a;
function passStringToWasm0(arg, malloc, realloc) {
    if (realloc === undefined) {
        return 1;
    }
    ptr = realloc(ptr, len, offset, 1) >>> 0;
}
if (!('encodeInto' in cachedTextEncoder)) {
    cachedTextEncoder.encodeInto = 1;
}
const ptr = passStringToWasm0(text, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
";

    #[test]
    fn texts_are_encoded_at_once() {
        let call = "const ptr = passStringToWasm0(text, wasm.__wbindgen_malloc);\n";
        assert_eq!(encode_at_once(GLUE).unwrap(), ["let a;\n", PLAIN, call].concat());
    }

    #[test]
    fn hints_are_shorter() {
        let hints = HINTS.map(|(hint, _)| hint).join("\n");
        let short = shorten(&[GLUE, &hints].concat()).unwrap();
        assert!(short.ends_with("starts slower:\", e);\n"), "{short}");
        assert!(shorten(GLUE).is_err());
    }

    #[test]
    fn another_form_is_refused() {
        for (from, to) in [
            ("function passStringToWasm0", "function pass"),
            ("if (!('encodeInto'", "if (('encodeInto'"),
            (", wasm.__wbindgen_realloc)", ")"),
            ("let a;", "wasm.__wbindgen_realloc();"),
        ] {
            assert!(encode_at_once(&GLUE.replace(from, to)).is_err(), "{to}");
        }
    }
}
