//! The core's sources, and where in them a mutation takes hold: by the name of a function or constant and by tokens, so
//! that code may move to another file and be laid out anew.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::items::{Item, Token, items, tokens};
use super::list::{Change, Mutant};

/// Where the core is.
const FOLDER: &str = "src";

pub struct Sources(Vec<Source>);

struct Source {
    /// From the project's folder on.
    path: PathBuf,
    text: String,
    tokens: Vec<Token>,
    items: Vec<Item>,
}

/// A place in the sources: the file, and a range of its tokens.
#[derive(Clone, PartialEq, Eq)]
struct Place {
    file: usize,
    tokens: Range<usize>,
}

impl Sources {
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(root, Path::new(FOLDER), &mut files)?;
        files.sort();
        files
            .into_iter()
            .map(|path| {
                let text = fs::read_to_string(root.join(&path))?;
                Source::new(path, text)
            })
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Every mutation has to take hold.
    pub fn check(&self, mutants: &[Mutant]) -> Result<()> {
        let stale: Vec<String> = mutants
            .iter()
            .filter_map(|mutant| {
                let error = self.broken(mutant).err()?;
                Some(format!("{:?}: {error:#}", mutant.name))
            })
            .collect();
        ensure!(
            stale.is_empty(),
            "{} of {} mutations are stale:\n{}",
            stale.len(),
            mutants.len(),
            stale.join("\n")
        );
        Ok(())
    }

    /// The files that the mutation changes, as it leaves them.
    pub fn broken(&self, mutant: &Mutant) -> Result<BTreeMap<&Path, String>> {
        let mut edits: BTreeMap<usize, Vec<(Range<usize>, &str)>> = BTreeMap::new();
        for change in &mutant.changes {
            let (file, bytes) = self.find(change).with_context(|| format!("in {}", change.anchor))?;
            edits.entry(file).or_default().push((bytes, change.new.trim()));
        }
        let mut files = BTreeMap::new();
        for (file, mut edits) in edits {
            let Source { path, text, .. } = &self.0[file];
            edits.sort_by_key(|(bytes, _)| bytes.start);
            let apart = edits.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start);
            ensure!(apart, "two changes of the same code");
            let mut broken = text.clone();
            for (bytes, new) in edits.into_iter().rev() {
                broken.replace_range(bytes, new);
            }
            syn::parse_file(&broken)
                .map_err(|error| anyhow::anyhow!("what comes out is not Rust: {error}"))?;
            files.insert(path.as_path(), broken);
        }
        Ok(files)
    }

    /// The one place that the change concerns: the file, and the bytes to replace.
    fn find(&self, change: &Change) -> Result<(usize, Range<usize>)> {
        let old = tokens(&change.old).context("the pattern to take out")?;
        ensure!(!old.is_empty(), "the pattern to take out is empty");
        // What comes in may be any text; where it is a pattern, too, it has to be another one.
        let same = tokens(&change.new).is_ok_and(|new| texts(&new).eq(texts(&old)));
        ensure!(!same, "what is put in is what is taken out");
        let mut named = 0;
        let mut places: Vec<Place> = Vec::new();
        for (file, source) in self.0.iter().enumerate() {
            for item in source.items.iter().filter(|item| item.names.contains(&change.anchor)) {
                named += 1;
                for place in source.matches(file, item.tokens(&source.tokens), &old) {
                    // A function within one of the same name holds it, too.
                    if !places.contains(&place) {
                        places.push(place);
                    }
                }
            }
        }
        match (places.as_slice(), named) {
            ([place], _) => Ok((place.file, self.0[place.file].bytes(&place.tokens))),
            ([], 0) => bail!("no such function or constant below {FOLDER}/{}", self.elsewhere(&old)),
            ([], _) => bail!("the pattern is not found{}", self.elsewhere(&old)),
            (places, _) => {
                let told: Vec<String> = places.iter().map(|place| self.tell(place)).collect();
                bail!("the pattern is found {} times: {}", places.len(), told.join(", "))
            }
        }
    }

    /// Where the pattern stands instead: a help for whoever has renamed or moved something.
    fn elsewhere(&self, old: &[Token]) -> String {
        let all = |(file, source): (usize, &Source)| source.matches(file, 0..source.tokens.len(), old);
        let told: Vec<String> =
            self.0.iter().enumerate().flat_map(all).take(3).map(|place| self.tell(&place)).collect();
        if told.is_empty() { String::new() } else { format!("; it stands in {}", told.join(", ")) }
    }

    /// The innermost function around a place, and its line.
    fn tell(&self, place: &Place) -> String {
        let source = &self.0[place.file];
        let around = |item: &&Item| {
            let own = item.tokens(&source.tokens);
            own.start <= place.tokens.start && place.tokens.end <= own.end
        };
        let name = source.items.iter().rfind(around).map_or("no function", Item::name);
        let line = source.text[..source.bytes(&place.tokens).start].matches('\n').count() + 1;
        format!("{name} ({}:{line})", source.path.display())
    }
}

impl Source {
    fn new(path: PathBuf, text: String) -> Result<Self> {
        let read = || -> Result<_> { Ok((tokens(&text)?, items(&text)?)) };
        let (tokens, items) = read().with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { path, text, tokens, items })
    }

    fn matches(&self, file: usize, within: Range<usize>, old: &[Token]) -> Vec<Place> {
        let begin = within.start;
        self.tokens[within]
            .windows(old.len())
            .enumerate()
            .filter(|(_, window)| texts(window).eq(texts(old)))
            .map(|(index, _)| Place { file, tokens: begin + index..begin + index + old.len() })
            .collect()
    }

    fn bytes(&self, range: &Range<usize>) -> Range<usize> {
        self.tokens[range.start].at.start..self.tokens[range.end - 1].at.end
    }
}

fn texts(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.iter().map(|token| token.text.as_str())
}

/// All Rust files but those that hold unit tests alone.
fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> Sources {
        let source = |(path, text): &(&str, &str)| Source::new(path.into(), (*text).to_owned());
        Sources(files.iter().map(source).collect::<Result<_>>().expect("Rust"))
    }

    fn mutant(changes: &[(&str, &str, &str)]) -> Mutant {
        let change = |(anchor, old, new): &(&str, &str, &str)| Change {
            anchor: (*anchor).to_owned(),
            old: (*old).to_owned(),
            new: (*new).to_owned(),
        };
        Mutant { name: "m".to_owned(), rule: "S1".to_owned(), changes: changes.iter().map(change).collect() }
    }

    fn error(sources: &Sources, changes: &[(&str, &str, &str)]) -> String {
        let error = sources.check(&[mutant(changes)]).expect_err("a stale mutation");
        format!("{error:#}")
    }

    const BACKOFF: &str = "impl Backoff {
    fn next(&mut self) -> u64 {
        // The first retry is made at once.
        if self.attempts == 1 { 0 } else { self.wait(self.attempts, 1) }
    }
}
impl Guard { fn next(&self) -> u64 { if self.attempts == 1 { 1 } else { 2 } } }
";

    #[test]
    fn a_mutation_takes_hold_wherever_its_function_stands_and_however_it_is_laid_out() {
        let change = [("Backoff::next", "if self.attempts == 1", "if self.attempts > 0")];
        let laid_out =
            BACKOFF.replace("if self.attempts == 1 { 0 }", "if self\n    .attempts\n    == 1\n{ 0 }");
        for (path, text) in [
            ("src/a.rs", BACKOFF.to_owned()),
            ("src/b/c.rs", BACKOFF.replace("  ", "\t")),
            ("src/d.rs", laid_out),
        ] {
            let sources = sources(&[("src/other.rs", "fn next() {}"), (path, &text)]);
            let broken = sources.broken(&mutant(&change)).expect("it takes hold");
            let (file, broken) = broken.into_iter().next().expect("a file");
            assert_eq!(file, Path::new(path));
            assert!(broken.contains("if self.attempts > 0"), "{broken}");
            assert!(broken.contains("Guard { fn next(&self) -> u64 { if self.attempts == 1"), "{broken}");
        }
    }

    #[test]
    fn calls_that_were_broken_over_lines_match_those_that_were_not() {
        let text = "fn f() { g(\n    first,\n    second,\n) }";
        let sources = sources(&[("src/a.rs", text)]);
        let broken = sources.broken(&mutant(&[("f", "g(first, second)", "h()")])).expect("it takes hold");
        assert_eq!(broken[Path::new("src/a.rs")], "fn f() { h() }");
    }

    #[test]
    fn several_changes_of_a_file_are_found_in_what_it_was() {
        let sources = sources(&[("src/a.rs", "const A: u32 = 1; fn f() { a(); b() }")]);
        let changes = [("f", "b()", "a()"), ("A", "1", "2"), ("f", "a()", "b()")];
        let broken = sources.broken(&mutant(&changes)).expect("it takes hold");
        assert_eq!(broken[Path::new("src/a.rs")], "const A: u32 = 2; fn f() { b(); a() }");
    }

    #[test]
    fn a_name_that_is_gone_is_told_with_where_the_pattern_stands_now() {
        let said = error(
            &sources(&[("src/a.rs", BACKOFF)]),
            &[("Backoff::delay", "self.wait(self.attempts, 1)", "1")],
        );
        assert!(said.contains("in Backoff::delay: no such function or constant below src/"), "{said}");
        assert!(said.contains("it stands in Backoff::next (src/a.rs:4)"), "{said}");
    }

    #[test]
    fn a_pattern_that_is_gone_or_ambiguous_is_told_as_such() {
        let sources = sources(&[("src/a.rs", BACKOFF)]);
        let said = error(&sources, &[("Backoff::next", "self.pause()", "1")]);
        assert!(said.contains("in Backoff::next: the pattern is not found"), "{said}");
        let said = error(&sources, &[("next", "self.attempts == 1", "true")]);
        assert!(
            said.contains("found 2 times: Backoff::next (src/a.rs:4), Guard::next (src/a.rs:7)"),
            "{said}"
        );
        let said = error(&sources, &[("Backoff::next", "self.attempts", "1")]);
        assert!(said.contains("found 2 times"), "{said}");
    }

    #[test]
    fn a_mutation_that_does_nothing_or_makes_no_rust_is_stale() {
        let sources = sources(&[("src/a.rs", BACKOFF)]);
        let cases = [
            (("Backoff::next", "self.attempts == 1", "self . attempts==1"), "what is taken out"),
            (("Backoff::next", "self.attempts == 1", "self.attempts =="), "not Rust"),
            (("Backoff::next", "if self.attempts == 1 {", "if true {"), "matching brackets"),
            (("Backoff::next", " ", "1"), "is empty"),
        ];
        for (change, why) in cases {
            let said = error(&sources, &[change]);
            assert!(said.contains(why), "{said}");
        }
        let twice = ("Backoff::next", "self.attempts == 1", "true");
        assert!(error(&sources, &[twice, twice]).contains("two changes of the same code"));
    }
}
