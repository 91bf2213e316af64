//! What the wasm must and must not have, whoever generated it.

use anyhow::{Context, Result, ensure};
use wasmparser::{
    CompositeInnerType, ExternalKind, FuncType, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures,
};

/// What Node 20, Safari 16.4 and the edge runtimes all run.
fn baseline() -> WasmFeatures {
    WasmFeatures::WASM1
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
}

/// Refuses features outside of the baseline, imports from anywhere but the glue, and exports that return a bare
/// JavaScript value.
pub fn check(module: &[u8], out_name: &str) -> Result<()> {
    Validator::new_with_features(baseline())
        .validate_all(module)
        .context("the wasm needs more than the engines that the package supports have")?;
    let module = Module::parse(module)?;
    let glue = format!("./{out_name}_bg.js");
    for (from, name) in &module.imports {
        ensure!(*from == glue, "the wasm imports `{name}` from \"{from}\", which no host provides");
    }
    let returns = module.exports.iter().filter(|(_, function)| returns_reference(function));
    let names: Vec<&str> = returns.map(|(name, _)| *name).collect();
    ensure!(
        names.is_empty(),
        "these exports return a bare JavaScript value, which makes V8 before Node 24 abort; return Result<…>, a number \
         or a string: {}",
        names.join(", ")
    );
    Ok(())
}

/// A `Result<JsValue, _>` comes as three numbers, the first an index into the table of references.
fn returns_reference(function: &FuncType) -> bool {
    function.results().iter().any(|result| matches!(result, ValType::Ref(_)))
}

#[derive(Default)]
struct Module<'a> {
    imports: Vec<(&'a str, &'a str)>,
    exports: Vec<(&'a str, FuncType)>,
}

impl<'a> Module<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Self::default();
        let mut types: Vec<FuncType> = Vec::new();
        // The type of each function, imported ones first.
        let mut functions: Vec<u32> = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for sub in group?.into_types() {
                            let CompositeInnerType::Func(function) = sub.composite_type.inner else {
                                continue;
                            };
                            types.push(function);
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section {
                        let import = import?;
                        module.imports.push((import.module, import.name));
                        if let TypeRef::Func(index) = import.ty {
                            functions.push(index);
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for index in section {
                        functions.push(index?);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            let function = &types[functions[export.index as usize] as usize];
                            module.exports.push((export.name, function.clone()));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(module)
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    const I32: u8 = 0x7f;
    const EXTERNREF: u8 = 0x6f;
    /// `ref.null extern`, `i32.const 0`
    const NULL: &[u8] = &[0xd0, EXTERNREF];
    const ZERO: &[u8] = &[0x41, 0];

    fn section(id: u8, body: &[u8]) -> Vec<u8> {
        [&[id, u8::try_from(body.len()).unwrap()], body].concat()
    }

    /// A module that exports one function `f` and imports one function from `from`.
    fn module(from: &str, results: &[u8], code: &[u8]) -> Vec<u8> {
        let count = |items: &[u8]| u8::try_from(items.len()).unwrap();
        let types = [&[2, 0x60, 0, 0, 0x60, 0, count(results)], results].concat();
        let imports = [&[1, count(from.as_bytes())], from.as_bytes(), &[1, b'g', 0, 0]].concat();
        let body = [&[1, count(code) + 2, 0], code, &[0x0b]].concat();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &types),
            section(2, &imports),
            section(3, &[1, 1]),
            section(7, &[1, 1, b'f', 0, 1]),
            section(10, &body),
        ]
        .concat()
    }

    #[test]
    fn numbers_and_results_may_be_returned() {
        check(&module("./toy_bg.js", &[I32], ZERO), "toy").unwrap();
        check(&module("./toy_bg.js", &[I32, I32], &[ZERO, ZERO].concat()), "toy").unwrap();
        check(&module("./toy_bg.js", &[], &[]), "toy").unwrap();
    }

    #[test]
    fn a_bare_reference_is_refused_by_the_name_of_its_export() {
        let error = check(&module("./toy_bg.js", &[EXTERNREF], NULL), "toy").unwrap_err().to_string();
        assert!(error.ends_with(": f"), "{error}");
    }

    #[test]
    fn imports_from_elsewhere_are_refused() {
        let error = check(&module("env", &[], &[]), "toy").unwrap_err().to_string();
        assert_eq!(error, "the wasm imports `g` from \"env\", which no host provides");
    }

    #[test]
    fn newer_features_are_refused() {
        // `return_call 0`, a tail call
        let error = check(&module("./toy_bg.js", &[], &[0x12, 0]), "toy").unwrap_err().to_string();
        assert!(error.starts_with("the wasm needs more"), "{error}");
    }
}
