//! Where the choices of a life come from: a stream of chance, or a record of what was chosen once.
//!
//! Each choice has a name within its scope: a deed at its time (`at 2000 drain`), or something that the client has
//! caused (`client 1 connect 4`). So a record keeps its meaning when choices are added, or made in another order. What it
//! does not name takes the neutral value that stands beside the choice.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Line, Record};
use crate::rng::Rng;
use crate::words::Words;

pub const LATENCY_MS: u64 = 5;

#[derive(Default)]
pub struct Choices {
    pub chance: Rng,
    /// How long requests and responses take on their way where a record says nothing.
    pub latency_ms: u64,
    script: Option<Script>,
    notes: Option<Notes>,
    scope: Scope,
    /// How often each name was used in each scope: the second is `pause.2`.
    used: BTreeMap<(Scope, &'static str), u32>,
}

#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    #[default]
    Nothing,
    Named(String),
    /// A deed, by its number among those done.
    Deed(usize),
}

/// A record, ready to be asked.
struct Script {
    named: BTreeMap<String, BTreeMap<String, String>>,
    deeds: Vec<Line>,
    /// What the record calls its subscriptions.
    subscriptions: BTreeSet<u32>,
    /// The line of each deed done.
    done: Vec<usize>,
}

#[derive(Default)]
struct Notes {
    named: BTreeMap<String, Vec<(String, String)>>,
    order: Vec<String>,
    deeds: Vec<Line>,
}

impl Choices {
    pub fn by_chance(chance: Rng, noting: bool) -> Self {
        Self { chance, notes: noting.then(Notes::default), latency_ms: LATENCY_MS, ..Self::default() }
    }

    /// All of them neutral.
    pub fn neutral() -> Self {
        Self::recorded(&Record::default(), LATENCY_MS)
    }

    /// As it is recorded; it is noted which of it was used.
    pub fn recorded(record: &Record, latency_ms: u64) -> Self {
        let named = record.lines.iter().filter(|line| line.at.is_none());
        let named = named.map(|line| (line.what.clone(), line.values.iter().cloned().collect())).collect();
        let deeds = record.lines.iter().filter(|line| line.at.is_some()).cloned().collect();
        let values = record.lines.iter().flat_map(|line| &line.values);
        let numbers = values.filter(|(name, _)| name == "as" || name.starts_with("as."));
        let subscriptions = numbers.filter_map(|(_, number)| number.parse().ok()).collect();
        let script = Script { named, deeds, subscriptions, done: Vec::new() };
        Self { script: Some(script), notes: Some(Notes::default()), latency_ms, ..Self::default() }
    }

    pub fn is_recorded(&self) -> bool {
        self.script.is_some()
    }

    pub fn is_plain(&self) -> bool {
        self.notes.is_none()
    }

    pub fn names_subscription(&self, number: u32) -> bool {
        self.script.as_ref().is_some_and(|script| script.subscriptions.contains(&number))
    }

    /// When each recorded deed is to be done.
    pub fn deeds(&self) -> Vec<u64> {
        let deeds = self.script.iter().flat_map(|script| &script.deeds);
        deeds.filter_map(|line| line.at).collect()
    }

    pub fn deed_name(&self, line: usize) -> &str {
        self.script.as_ref().map_or("", |script| &script.deeds[line].what)
    }

    /// A deed begins, which is what the following choices are about.
    pub fn deed(&mut self, at: u64, what: &str) {
        let Some(notes) = &mut self.notes else { return };
        self.scope = Scope::Deed(notes.deeds.len());
        notes.deeds.push(Line { at: Some(at), what: what.to_owned(), values: Vec::new() });
    }

    /// The same, by a line of the record.
    pub fn recorded_deed(&mut self, at: u64, line: usize) {
        let what = self.deed_name(line).to_owned();
        self.deed(at, &what);
        if let Some(script) = &mut self.script {
            script.done.push(line);
        }
    }

    /// The following choices are about this.
    pub fn about(&mut self, what: impl FnOnce() -> String) {
        if !self.is_plain() {
            self.scope = Scope::Named(what());
        }
    }

    /// The following choices are about nothing that could be recorded.
    pub fn about_nothing(&mut self) {
        self.scope = Scope::Nothing;
    }

    /// A choice about something else.
    pub fn choose_of<T: Words>(
        &mut self,
        what: impl FnOnce() -> String,
        name: &'static str,
        neutral: T,
        draw: impl FnOnce(&mut Rng) -> T,
    ) -> T {
        if self.is_plain() {
            return draw(&mut self.chance);
        }
        let scope = core::mem::replace(&mut self.scope, Scope::Named(what()));
        let chosen = self.choose(name, neutral, draw);
        self.scope = scope;
        chosen
    }

    /// What a record says, as often as one likes to know it.
    pub fn choose_again<T: Words>(
        &mut self,
        what: impl FnOnce() -> String,
        name: &'static str,
        neutral: T,
    ) -> T {
        let scope = Scope::Named(what());
        self.used.remove(&(scope.clone(), name));
        let before = core::mem::replace(&mut self.scope, scope);
        let chosen = self.choose(name, neutral, |_| unreachable!("no chance in a record"));
        self.scope = before;
        chosen
    }

    pub fn choose<T: Words>(
        &mut self,
        name: &'static str,
        neutral: T,
        draw: impl FnOnce(&mut Rng) -> T,
    ) -> T {
        if self.is_plain() {
            return draw(&mut self.chance);
        }
        let used = self.used.entry((self.scope.clone(), name)).or_default();
        *used += 1;
        let name = if *used == 1 { name.to_owned() } else { format!("{name}.{used}") };
        let usual = neutral.write();
        let chosen = match &self.script {
            None => draw(&mut self.chance),
            Some(script) => match script.find(&self.scope, &name) {
                Some(text) => T::read(text).unwrap_or_else(|| panic!("a record has {name}={text}")),
                None => neutral,
            },
        };
        let text = chosen.write();
        if text != usual {
            self.note(name, text);
        }
        chosen
    }

    /// One of several texts, by its index.
    pub fn pick<T: Copy>(&mut self, name: &'static str, of: &[T]) -> T {
        let index = self.choose(name, 0_usize, |rng| rng.index(of.len()));
        of[index.min(of.len() - 1)]
    }

    /// What only chance does, and no record: there its effects are deeds of their own.
    pub fn chance_alone<T>(&mut self, without: T, draw: impl FnOnce(&mut Rng) -> T) -> T {
        if self.is_recorded() { without } else { draw(&mut self.chance) }
    }

    /// A number that nobody can guess, and that no check looks at.
    pub fn secret(&mut self) -> u64 {
        self.chance.next()
    }

    /// Notes what has turned out since.
    pub fn turned_out<T: Words>(&mut self, what: impl FnOnce() -> String, name: &str, value: &T) {
        if self.is_plain() || self.is_recorded() {
            return;
        }
        let scope = core::mem::replace(&mut self.scope, Scope::Named(what()));
        self.note(name.to_owned(), value.write());
        self.scope = scope;
    }

    fn note(&mut self, name: String, text: String) {
        let Some(notes) = &mut self.notes else { return };
        match &self.scope {
            Scope::Nothing => {}
            Scope::Named(what) => {
                if !notes.named.contains_key(what) {
                    notes.order.push(what.clone());
                }
                let values = notes.named.entry(what.clone()).or_default();
                match values.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = text,
                    None => values.push((name, text)),
                }
            }
            Scope::Deed(number) => notes.deeds[*number].values.push((name, text)),
        }
    }

    /// All that was chosen and is not neutral.
    pub fn into_lines(self) -> Vec<Line> {
        let Some(mut notes) = self.notes else { return Vec::new() };
        let named = notes.order.into_iter().map(|what| {
            let values = notes.named.remove(&what).unwrap_or_default();
            Line { at: None, what, values }
        });
        named.chain(notes.deeds).collect()
    }
}

impl Script {
    fn find(&self, scope: &Scope, name: &str) -> Option<&str> {
        match scope {
            Scope::Nothing => None,
            Scope::Named(what) => self.named.get(what)?.get(name).map(String::as_str),
            Scope::Deed(number) => {
                let line = &self.deeds[*self.done.get(*number)?];
                line.values.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
            }
        }
    }
}
