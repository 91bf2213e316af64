//! Functions that resemble one another side by side: gzip finds repetition best where it is near.
//!
//! wasm-opt can sort functions by name, so each gets its place in the order for a name.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use wasmparser::{Parser, Payload, TypeRef};

/// So many bytes in a row are what two functions can have in common.
const RUN: usize = 4;
/// How much less each function counts than the one behind it.
const FADING: f64 = 0.5;
/// How much a function is held back for its length, which makes it resemble any other: between 0 and 1, by trial.
const LENGTH_COUNTS: f64 = 0.3;

/// The module with new names, which `--reorder-functions-by-name` and `--strip-debug` turn into an order.
pub fn named_by_place(module: &[u8]) -> Result<Vec<u8>> {
    let mut kept = Vec::new();
    let (mut imported, mut bodies, mut end) = (0, Vec::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload
            && section.name() == "name"
        {
            // A section begins with its id and its length, in as many bytes as that takes.
            let length = leb(section.range().len()).len();
            kept.extend_from_slice(&module[end..section.range().start - length - 1]);
            end = section.range().end;
        }
        match payload {
            Payload::ImportSection(section) => {
                for import in section {
                    imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(&module[body.range()]),
            _ => {}
        }
    }
    kept.extend_from_slice(&module[end..]);
    let mut names = leb(bodies.len());
    let mut placed: Vec<(usize, usize)> =
        order(&bodies).into_iter().enumerate().map(|(place, function)| (function, place)).collect();
    placed.sort_unstable();
    for (function, place) in placed {
        names.extend(leb(imported + function));
        names.extend(text(&format!("{place:05}")));
    }
    // A subsection of functions' names has the id 1, a section of its own making 0.
    let section = [text("name"), vec![1], leb(names.len()), names].concat();
    kept.push(0);
    kept.extend(leb(section.len()));
    kept.extend(section);
    Ok(kept)
}

/// Begins with the longest function; the next is always the one that has most in common with the last ones.
fn order(bodies: &[&[u8]]) -> Vec<usize> {
    let runs: Vec<HashSet<&[u8]>> = bodies.iter().map(|body| body.windows(RUN).collect()).collect();
    let mut holders: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (function, runs) in runs.iter().enumerate() {
        for run in runs {
            holders.entry(run).or_default().push(function);
        }
    }
    let mut order = Vec::new();
    let mut likeness = vec![0.0; bodies.len()];
    let mut left: Vec<usize> = (0..bodies.len()).collect();
    let mut next = left.iter().copied().max_by_key(|function| bodies[*function].len());
    while let Some(function) = next {
        order.push(function);
        left.retain(|other| *other != function);
        let mut common = vec![0_u32; bodies.len()];
        // Whole numbers first, so that the order of a set changes nothing.
        for run in &runs[function] {
            let holders = &holders[run];
            let weight = (bodies.len() as f64 / holders.len() as f64).ln();
            for other in holders {
                common[*other] += (weight * 1_000.0) as u32;
            }
        }
        for (other, common) in common.into_iter().enumerate() {
            likeness[other] = likeness[other] * FADING + f64::from(common);
        }
        let score = |other: usize| likeness[other] / (bodies[other].len() as f64 + 10.0).powf(LENGTH_COUNTS);
        next = left.iter().copied().max_by(|one, other| score(*one).total_cmp(&score(*other)));
    }
    order
}

fn text(text: &str) -> Vec<u8> {
    [leb(text.len()), text.as_bytes().to_vec()].concat()
}

/// A number as wasm writes it: seven bits in a byte, and whether more follow.
pub fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use wasmparser::{KnownCustom, Name, Parser, Payload};

    use super::{leb, named_by_place, order};

    #[test]
    fn like_comes_to_like() {
        let bodies: [&[u8]; 4] = [b"0123456789abcdef", b"????####!!!!", b"x0123456789", b"####!!!!"];
        assert_eq!(order(&bodies), [0, 2, 3, 1]);
    }

    #[test]
    fn numbers_are_written_as_wasm_does_it() {
        assert_eq!(leb(0), [0]);
        assert_eq!(leb(127), [127]);
        assert_eq!(leb(624_485), [0xe5, 0x8e, 0x26]);
    }

    #[test]
    fn a_module_keeps_all_but_its_names() {
        // One type, an import `a.b`, a function that does nothing, and the name `old` for it.
        let plain = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x07\x01\x01a\x01b\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b";
        let names = b"\0\x0d\x04name\x01\x06\x01\x01\x03old";
        let named = named_by_place(&[plain.as_slice(), names].concat()).unwrap();
        assert!(named.starts_with(plain));
        let mut given = HashMap::new();
        for payload in Parser::new(0).parse_all(&named) {
            let Payload::CustomSection(section) = payload.unwrap() else { continue };
            let KnownCustom::Name(section) = section.as_known() else { continue };
            for subsection in section {
                let Name::Function(functions) = subsection.unwrap() else { continue };
                given.extend(functions.into_iter().map(|one| one.unwrap()).map(|one| (one.index, one.name)));
            }
        }
        assert_eq!(given, HashMap::from([(1, "00000")]));
    }
}
