//! Panics without words: all that a panic does in the wasm is to trap, which ends the instance. The code that would put
//! its message together, and the texts in it, would be a twentieth of the package.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use anyhow::{Result, bail, ensure};
use wasmparser::{DataKind, FunctionBody, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

use super::order::leb;
use super::parts::without_hashes;

/// Where a panic leads, and where it leads when memory runs out: the end of every message.
const HANDLERS: [&str; 3] = ["rust_begin_unwind", "std::alloc::rust_oom", "alloc::alloc::handle_alloc_error"];

/// What only messages need, and tables refer to.
const WORDS: [&str; 2] = ["core::fmt::", "std::panicking::"];

/// What only messages of panics say, pieces of them included.
const PHRASES: [&str; 20] = [
    " but ends at ",
    " but the index is ",
    " out of range for slice of length ",
    " right` failed",
    ") should be < len (is ",
    ") should be <= len (is ",
    "RefCell already borrowed",
    "RefCell already mutably borrowed",
    "Tried to shrink to a larger capacity",
    "`at` split index (is ",
    "a panic on purpose",
    "assertion `left ",
    "capacity overflow",
    "index out of bounds: the len is ",
    "insertion index (is ",
    "range end index ",
    "range start index ",
    "removal index (is ",
    "slice index starts at ",
    "swap_remove index (is ",
];

const UNREACHABLE: u8 = 0x00;
const END: u8 = 0x0b;

/// The module with each way into a panic cut short. Fails if something else than a panic needs what is left out.
pub fn without_words(module: &[u8]) -> Result<Vec<u8>> {
    let parsed = Parsed::parse(module)?;
    let traps = Traps::find(&parsed)?;
    let mut code = leb(parsed.functions.len());
    for (index, function) in parsed.indexed() {
        let body = if traps.all.contains(&index) || parsed.is_words(index) {
            vec![0, UNREACHABLE, END]
        } else {
            let (body, calls) = function.cut(module, &traps);
            let needed = calls.into_iter().find(|callee| parsed.is_words(*callee));
            if let Some(needed) = needed {
                bail!("{} needs {}, which the build leaves out", parsed.name(index), parsed.name(needed));
            }
            body
        };
        code.extend(leb(body.len()));
        code.extend(body);
    }
    // The section's length stands before it, in as many bytes as that takes.
    let before = &module[..parsed.code.start - leb(parsed.code.len()).len()];
    let mut made = [before, &leb(code.len()), &code].concat();
    let moved = |at: usize| at - parsed.code.end + made.len();
    let data = parsed.data.iter().map(|(address, range)| (*address, moved(range.start)..moved(range.end)));
    let data: Vec<(u32, Range<usize>)> = data.collect();
    made.extend(&module[parsed.code.end..]);
    blank_places(&mut made, &data);
    blank_phrases(&mut made, &data);
    Ok(made)
}

/// Functions by what they can do.
struct Traps {
    /// They only trap, after nothing that the outside could notice.
    all: HashSet<u32>,
    /// Nothing that they do is noticed if a trap follows.
    quiet: HashSet<u32>,
}

impl Traps {
    fn find(parsed: &Parsed) -> Result<Self> {
        let is_handler = |index: &u32| HANDLERS.iter().any(|handler| parsed.name(*index).ends_with(handler));
        let all: HashSet<u32> = parsed.indexed().map(|(index, _)| index).filter(is_handler).collect();
        ensure!(!all.is_empty(), "the wasm has no panic handler of a known name");
        let mut found = Self { all, quiet: HashSet::new() };
        loop {
            let before = (found.all.len(), found.quiet.len());
            for (index, function) in parsed.indexed() {
                if function.is_quiet(&found) {
                    found.quiet.insert(index);
                    if function.never_returns(&found) {
                        found.all.insert(index);
                    }
                }
            }
            if before == (found.all.len(), found.quiet.len()) {
                return Ok(found);
            }
        }
    }

    fn is_trap(&self, step: Step) -> bool {
        match step {
            Step::Trap => true,
            Step::Call(callee) => self.all.contains(&callee),
            Step::Plain | Step::CallAny | Step::Turn => false,
        }
    }
}

/// Overwrites with zeros the places in the sources that panics name, which nothing refers to any more.
fn blank_places(module: &mut [u8], data: &[(u32, Range<usize>)]) {
    let mut blanked = Vec::new();
    for (start, range) in data {
        let aligned = range.start + (start.wrapping_neg() % 4) as usize;
        for at in (aligned..range.end).step_by(4) {
            // A `Location`: a file's name with its length, a line, a column.
            let Some(place) = module.get(at..at + 16).filter(|_| at + 16 <= range.end) else { break };
            let mut words =
                place.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
            let mut next = || words.next().unwrap_or_default();
            let (file, length, line, column) = (next(), next(), next(), next());
            if !(4..300).contains(&length) || !(1..100_000).contains(&line) || !(1..1_000).contains(&column) {
                continue;
            }
            let Some(file) = within(data, file, length as usize) else { continue };
            let name = &module[file.clone()];
            if name.ends_with(b".rs") && name.iter().all(u8::is_ascii_graphic) {
                blanked.extend([at..at + 16, file]);
            }
        }
    }
    for range in blanked {
        module[range].fill(0);
    }
}

/// Overwrites with zeros the words that nobody says any more. They are found by themselves and not by who refers to them,
/// which arithmetic can hide.
fn blank_phrases(module: &mut [u8], data: &[(u32, Range<usize>)]) {
    for (_, range) in data {
        let Some(data) = module.get_mut(range.clone()) else { continue };
        for phrase in PHRASES.map(str::as_bytes) {
            while let Some(at) = data.windows(phrase.len()).position(|text| text == phrase) {
                data[at..at + phrase.len()].fill(0);
            }
        }
    }
}

/// Where the module has what is at an address of the memory.
fn within(data: &[(u32, Range<usize>)], address: u32, length: usize) -> Option<Range<usize>> {
    data.iter().find_map(|(start, range)| {
        let at = range.start + address.checked_sub(*start)? as usize;
        (at + length <= range.end).then_some(at..at + length)
    })
}

#[derive(Default)]
struct Parsed {
    /// How many functions come before the module's own.
    imported: u32,
    /// What follows the id and the length of the section.
    code: Range<usize>,
    functions: Vec<Function>,
    names: HashMap<u32, String>,
    /// By the address in memory.
    data: Vec<(u32, Range<usize>)>,
}

impl Parsed {
    fn parse(module: &[u8]) -> Result<Self> {
        let mut parsed = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section {
                        parsed.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionStart { range, .. } => parsed.code = range,
                Payload::CodeSectionEntry(body) => parsed.functions.push(Function::read(&body)?),
                Payload::DataSection(section) => {
                    for data in section {
                        let data = data?;
                        let DataKind::Active { offset_expr, .. } = data.kind else { continue };
                        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
                            continue;
                        };
                        let end = data.range.end;
                        parsed.data.push((value as u32, end - data.data.len()..end));
                    }
                }
                Payload::CustomSection(section) => {
                    let KnownCustom::Name(section) = section.as_known() else { continue };
                    for subsection in section {
                        let Name::Function(functions) = subsection? else { continue };
                        for function in functions {
                            let function = function?;
                            parsed.names.insert(function.index, without_hashes(function.name));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(parsed)
    }

    fn indexed(&self) -> impl Iterator<Item = (u32, &Function)> {
        (self.imported..).zip(&self.functions)
    }

    fn name(&self, index: u32) -> &str {
        self.names.get(&index).map(String::as_str).unwrap_or_default()
    }

    fn is_words(&self, index: u32) -> bool {
        WORDS.iter().any(|part| self.name(index).contains(part))
    }
}

/// What counts of an instruction here.
#[derive(Clone, Copy)]
enum Step {
    Plain,
    Call(u32),
    /// Of whatever stands in the table.
    CallAny,
    Trap,
    /// Begins or ends a block, or leaves one.
    Turn,
}

struct Function {
    /// Locals included.
    range: Range<usize>,
    /// Each with where it begins.
    steps: Vec<(usize, Step)>,
    /// It may be left before its end.
    leaves: bool,
}

impl Function {
    fn read(body: &FunctionBody<'_>) -> Result<Self> {
        let mut steps = Vec::new();
        let mut depth = 0_u32;
        let mut leaves = false;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, at) = reader.read_with_offset()?;
            let mut branch = |to: u32| leaves |= to >= depth;
            let step = match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    depth += 1;
                    Step::Turn
                }
                Operator::Else => Step::Turn,
                Operator::End => {
                    depth = depth.saturating_sub(1);
                    Step::Turn
                }
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                    branch(relative_depth);
                    Step::Turn
                }
                Operator::BrTable { targets } => {
                    branch(targets.default());
                    for target in targets.targets() {
                        branch(target?);
                    }
                    Step::Turn
                }
                Operator::Return => {
                    leaves = true;
                    Step::Turn
                }
                Operator::Unreachable => Step::Trap,
                Operator::Call { function_index } => Step::Call(function_index),
                Operator::CallIndirect { .. } => Step::CallAny,
                _ => Step::Plain,
            };
            steps.push((at, step));
        }
        ensure!(depth == 0, "a function of the wasm has no end");
        Ok(Self { range: body.range(), steps, leaves })
    }

    fn is_quiet(&self, traps: &Traps) -> bool {
        self.steps.iter().all(|(_, step)| match step {
            Step::Call(callee) => traps.quiet.contains(callee) || traps.all.contains(callee),
            Step::CallAny => false,
            Step::Plain | Step::Trap | Step::Turn => true,
        })
    }

    /// Whether its last instruction traps, and none leaves before.
    fn never_returns(&self, traps: &Traps) -> bool {
        let last = self.steps.len().checked_sub(2).map(|last| self.steps[last].1);
        !self.leaves && last.is_some_and(|last| traps.is_trap(last))
    }

    /// The body without what runs straight into a trap and is noticed by nobody, and which functions it calls then.
    fn cut(&self, module: &[u8], traps: &Traps) -> (Vec<u8>, Vec<u32>) {
        let (mut body, mut calls) = (Vec::new(), Vec::new());
        let mut copied = self.range.start;
        // From where on nothing is noticed, and what is called since.
        let (mut start, mut pending) = (0, Vec::new());
        for (number, (_, step)) in self.steps.iter().enumerate() {
            if traps.is_trap(*step) {
                body.extend(&module[copied..self.steps[start].0]);
                body.push(UNREACHABLE);
                copied = self.steps.get(number + 1).map_or(self.range.end, |(next, _)| *next);
                (start, pending) = (number + 1, Vec::new());
                continue;
            }
            let noticed = match step {
                Step::Call(callee) => {
                    pending.push(*callee);
                    !traps.quiet.contains(callee)
                }
                Step::CallAny | Step::Turn => true,
                Step::Plain | Step::Trap => false,
            };
            if noticed {
                start = number + 1;
                calls.append(&mut pending);
            }
        }
        calls.append(&mut pending);
        body.extend(&module[copied..self.range.end]);
        (body, calls)
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload, Validator};

    use super::without_words;
    use crate::build::order::leb;

    fn section(id: u8, body: &[u8]) -> Vec<u8> {
        [&[id], leb(body.len()).as_slice(), body].concat()
    }

    fn sized(bytes: &[u8]) -> Vec<u8> {
        [leb(bytes.len()), bytes.to_vec()].concat()
    }

    /// A module that imports the function 0 from outside, and has the others: their names and what they do.
    fn module(functions: &[(&str, &[u8])], data: &[u8]) -> Vec<u8> {
        let count = u8::try_from(functions.len()).unwrap();
        let mut code = vec![count];
        let mut names = vec![count];
        for (index, (name, body)) in (1..).zip(functions) {
            code.extend(sized(&[&[0], *body, &[0x0b]].concat()));
            names.push(index);
            names.extend(sized(name.as_bytes()));
        }
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &[1, 0x60, 0, 0]),
            section(2, &[1, 1, b'a', 1, b'b', 0, 0]),
            section(3, &[vec![count], vec![0; functions.len()]].concat()),
            section(5, &[1, 0, 1]),
            section(10, &code),
            // At the address 16.
            section(11, &[&[1, 0, 0x41, 16, 0x0b], sized(data).as_slice()].concat()),
            section(0, &[sized(b"name"), vec![1], sized(&names)].concat()),
        ]
        .concat()
    }

    /// What the functions do, and the data.
    fn made(functions: &[(&str, &[u8])], data: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let made = without_words(&module(functions, data)).unwrap();
        Validator::new().validate_all(&made).unwrap();
        let (mut bodies, mut kept) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(&made) {
            match payload.unwrap() {
                Payload::CodeSectionEntry(body) => {
                    let range = body.range();
                    bodies.push(made[range.start + 1..range.end - 1].to_vec());
                }
                Payload::DataSection(section) => {
                    kept = section.into_iter().next().unwrap().unwrap().data.to_vec();
                }
                _ => {}
            }
        }
        (bodies, kept)
    }

    const HANDLER: (&str, &[u8]) = ("__rustc[0123456789abcdef]::rust_begin_unwind", &[0x10, 0, 0]);
    const TRAP: &[u8] = &[0];
    /// `i32.const 8`, `i32.const 9`, `i32.store`
    const STORE: &[u8] = &[0x41, 8, 0x41, 9, 0x36, 2, 0];

    fn calling(before: &[u8], function: u8) -> Vec<u8> {
        [before, &[0x10, function]].concat()
    }

    #[test]
    fn what_leads_to_a_panic_alone_is_cut() {
        let panic = [calling(STORE, 1), vec![0]].concat();
        let (bodies, _) =
            made(&[HANDLER, ("core::panicking::panic", &panic), ("work", &calling(STORE, 2))], b"");
        assert_eq!(bodies, [TRAP, TRAP, TRAP]);
    }

    #[test]
    fn what_the_outside_notices_is_kept() {
        // Calls the import, stores, panics.
        let work = calling(&[&[0x10, 0], STORE].concat(), 1);
        // Panics in a block only if told to.
        let maybe = [&[0x02, 0x40, 0x41, 1, 0x0d, 0], calling(STORE, 1).as_slice(), &[0x0b]].concat();
        let (bodies, _) = made(&[HANDLER, ("work", &work), ("maybe", &maybe), ("plain", STORE)], b"");
        assert_eq!(bodies[1], [0x10, 0, 0]);
        assert_eq!(bodies[2], [0x02, 0x40, 0x41, 1, 0x0d, 0, 0, 0x0b]);
        assert_eq!(bodies[3], STORE);
    }

    #[test]
    fn one_who_needs_words_is_refused() {
        let words = ("core[0123456789abcdef]::fmt::write", STORE);
        let error = without_words(&module(&[HANDLER, words, ("work", &calling(STORE, 2))], b"")).unwrap_err();
        assert_eq!(error.to_string(), "work needs core::fmt::write, which the build leaves out");
        let (bodies, _) = made(&[HANDLER, words, ("work", &calling(&calling(STORE, 2), 1))], b"");
        assert_eq!(bodies[2], TRAP);
    }

    #[test]
    fn a_module_without_a_handler_is_refused() {
        assert!(without_words(&module(&[("work", STORE)], b"")).is_err());
    }

    #[test]
    fn places_in_sources_are_blanked() {
        let place = |file: u32, length: u32| [file, length, 7, 9].map(u32::to_le_bytes).concat();
        let data = [b"src/a.rs".as_slice(), &place(16, 8), b"a word..", &place(40, 8)].concat();
        let (_, kept) = made(&[HANDLER], &data);
        assert_eq!(kept, [&[0; 24], &data[24..]].concat());
    }

    #[test]
    fn words_of_panics_are_blanked() {
        let (_, kept) = made(&[HANDLER], b"a.capacity overflow.b.capacity overflow.");
        assert_eq!(kept, [b"a.".as_slice(), &[0; 17], b".b.", &[0; 17], b"."].concat());
    }
}
