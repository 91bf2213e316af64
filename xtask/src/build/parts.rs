//! Which part of the code the bytes of the wasm belong to, by the names of its functions.

use std::collections::BTreeMap;

use anyhow::Result;
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// The crate of this workspace is shown by modules, every other one as a whole.
const OWN: &str = "cometd_edge";

/// Bytes of code by part, and of constant data, the largest first. `module` must still have its names.
pub fn by_size(module: &[u8]) -> Result<Vec<(String, usize)>> {
    let (mut imported, mut bodies, mut names, mut data) = (0, Vec::new(), BTreeMap::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section {
                    imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.range().len()),
            Payload::DataSection(section) => data = section.range().len(),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(section) = section.as_known() else { continue };
                for subsection in section {
                    let Name::Function(functions) = subsection? else { continue };
                    for function in functions {
                        let function = function?;
                        names.insert(function.index as usize, function.name);
                    }
                }
            }
            _ => {}
        }
    }
    let mut parts = BTreeMap::from([("constant data".to_owned(), data)]);
    for (at, bytes) in bodies.iter().enumerate() {
        let name = names.get(&(imported + at)).copied().unwrap_or_default();
        *parts.entry(part(name)).or_default() += bytes;
    }
    let mut parts: Vec<(String, usize)> = parts.into_iter().collect();
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok(parts)
}

/// `<cometd_edge::host::driver::Driver as Future>::poll` belongs to `cometd_edge::host`, `alloc::vec::…` to `alloc`, and
/// what implements a trait for any type to where the trait is.
fn part(function: &str) -> String {
    let function = without_hashes(function);
    let Some(path) = paths(&function).find(|path| path.contains("::")) else {
        return if function.contains("::") { "core".to_owned() } else { "exports, intrinsics".to_owned() };
    };
    let mut segments = path.split("::");
    let name = segments.next().unwrap_or_default();
    match segments.next() {
        Some(module) if name == OWN && !module.is_empty() => format!("{name}::{module}"),
        _ => name.to_owned(),
    }
}

/// `core[c5930c85a12de822]::fmt` is `core::fmt`.
pub fn without_hashes(function: &str) -> String {
    let mut pieces = function.split('[');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |name, piece| match piece.split_once(']') {
        Some((hash, rest)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            name + rest
        }
        _ => name + "[" + piece,
    })
}

/// The type, and then the trait where there is one, each without its own parameters.
fn paths(function: &str) -> impl Iterator<Item = &str> {
    function.split(" as ").map(|path| {
        let path = path.trim_start_matches(['<', '&', '*', '[', '(']);
        let path = path.strip_prefix("mut ").or_else(|| path.strip_prefix("const ")).unwrap_or(path);
        let path = path.strip_prefix("dyn ").unwrap_or(path);
        let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(path.len());
        &path[..end]
    })
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn functions_belong_to_the_crate_that_defines_them() {
        assert_eq!(
            part("cometd_edge::session::body::<impl cometd_edge::session::Session>::pump"),
            "cometd_edge::session"
        );
        assert_eq!(
            part("<cometd_edge::host::driver::Driver as core::future::Future>::poll"),
            "cometd_edge::host"
        );
        assert_eq!(part("<&mut alloc::vec::Vec<T,A> as core::fmt::Debug>::fmt"), "alloc");
        assert_eq!(part("core::ptr::drop_in_place<cometd_edge::session::Session>"), "core");
        assert_eq!(part("<T as alloc::string::ToString>::to_string"), "alloc");
        assert_eq!(part("<u64 as core[c5930c85a12de822]::fmt::Display>::fmt"), "core");
        assert_eq!(part("<dlmalloc[0123456789abcdef]::Dlmalloc<dlmalloc::System>>::malloc"), "dlmalloc");
        assert_eq!(part("<char>::escape_debug_ext"), "core");
        assert_eq!(part("engine_new multivalue shim"), "exports, intrinsics");
    }
}
