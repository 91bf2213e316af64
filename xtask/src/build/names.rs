//! Short names between the glue and the wasm. The generated ones end in a hash, which no compression makes smaller, and
//! stand in both files.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Renames in the glue what wasm-opt has renamed in the wasm, by the map that it printed.
pub fn shorten(glue: &str, map: &str) -> Result<String> {
    let map: Value = serde_json::from_str(map).context("wasm-opt printed no map of names")?;
    let mut glue = glue.to_owned();
    let mut module = None;
    for import in map["imports"].as_array().context("no imports in the map of names")? {
        let (from, name, short) = (text(&import[0])?, text(&import[1])?, text(&import[2])?);
        replace_one(&mut glue, &format!("        {name}: function"), &format!("        {short}: function"))?;
        module = Some(from);
    }
    if let Some(module) = module {
        replace_one(&mut glue, &format!("\"{module}\": import0"), &format!("{SHORT_MODULE}: import0"))?;
    }
    for export in map["exports"].as_array().context("no exports in the map of names")? {
        glue = rename_member(&glue, text(&export[0])?, text(&export[1])?);
    }
    ensure!(!glue.contains("wasm["), "the glue takes exports by computed names");
    Ok(glue)
}

/// What `--minify-imports-and-exports-and-modules` makes of the only module.
const SHORT_MODULE: &str = "a";

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("the map of names has another form than expected")
}

fn replace_one(glue: &mut String, from: &str, to: &str) -> Result<()> {
    let count = glue.matches(from).count();
    ensure!(count == 1, "expected one `{}` in the glue, found {count}", from.trim());
    *glue = glue.replacen(from, to, 1);
    Ok(())
}

/// `wasm.name` becomes `wasm.short`, wherever the name ends there.
fn rename_member(glue: &str, name: &str, short: &str) -> String {
    let long = format!("wasm.{name}");
    let mut pieces = glue.split(&long);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let longer = piece.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        text + "wasm." + if longer { name } else { short } + piece
    })
}

#[cfg(test)]
mod tests {
    use super::shorten;

    const GLUE: &str = include_str!("fixtures/glue.js");

    fn map(import: &str) -> String {
        format!(
            r#"{{"imports": [["./toy_bg.js", "{import}", "$"]],
                "exports": [["__wbg_engine_free", "za"], ["__wbindgen_destroy", "zb"], ["memory", "zc"]]}}"#
        )
    }

    #[test]
    fn the_glue_follows_the_wasm() {
        let glue = shorten(GLUE, &map("__wbg_queueMicrotask_4a1a4d8dd332373b")).unwrap();
        assert!(glue.contains("        $: function(arg0) {\n            queueMicrotask(arg0);"));
        assert!(glue.contains("        a: import0,"));
        assert_eq!(glue.matches("wasm.za(ptr, ").count(), 2);
        assert!(!glue.contains("__wbg_engine_free"));
    }

    #[test]
    fn a_name_that_begins_like_another_is_left_alone() {
        let glue = shorten(GLUE, &map("__wbg_queueMicrotask_4a1a4d8dd332373b")).unwrap();
        assert_eq!(glue.matches("wasm.__wbindgen_destroy_closure(").count(), 3);
    }

    #[test]
    fn an_import_that_the_glue_does_not_define_is_refused() {
        assert!(shorten(GLUE, &map("__wbg_absent_0123456789abcdef")).is_err());
    }
}
