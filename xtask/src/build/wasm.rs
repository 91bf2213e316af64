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
