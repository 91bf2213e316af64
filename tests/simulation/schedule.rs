//! All that is done to a life, deed by deed, so that one that fails can be lived again with fewer of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::habits::Habit;

/// What befalls a life, or is done in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The application subscribes, leaves, publishes, closes.
    Act,
    /// A server that is too busy now and then: one deed for a whole life.
    Busy,
    /// The client crashes or closes, and another one comes.
    Restart,
    /// A proxy cuts a parked poll.
    Kill,
    /// A login that is slow, fails, or gives what is not good.
    Login,
    Mishap,
    /// The application drains, pauses or is hidden.
    Rest,
    /// The server publishes an event.
    Publish,
    /// A request, or its response, goes wrong.
    Request,
    /// A call of the store goes wrong.
    Store,
    /// Tokens are revoked.
    Token,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::Mishap,
        Self::Restart,
        Self::Store,
        Self::Token,
        Self::Login,
        Self::Kill,
        Self::Busy,
        Self::Request,
        Self::Rest,
        Self::Act,
        Self::Publish,
    ];

    fn letter(self) -> char {
        match self {
            Self::Act => 'a',
            Self::Busy => 'b',
            Self::Restart => 'c',
            Self::Rest => 'd',
            Self::Kill => 'k',
            Self::Login => 'l',
            Self::Mishap => 'm',
            Self::Publish => 'p',
            Self::Request => 'r',
            Self::Store => 's',
            Self::Token => 't',
        }
    }

    /// Does something go wrong by it?
    pub fn is_fault(self) -> bool {
        !matches!(self, Self::Act | Self::Publish | Self::Rest)
    }
}

/// A deed by its kind and its number among those: `r12` is what went wrong with request 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub Kind, pub u32);

impl Tag {
    pub fn parse(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        let letter = characters.next()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.letter() == letter)?;
        Some(Self(kind, characters.as_str().parse().ok()?))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.letter(), self.1)
    }
}

#[derive(Clone, Copy)]
pub struct Deed {
    pub tag: Tag,
    pub at: u64,
    pub what: &'static str,
}

/// How a life is to be shortened.
#[derive(Clone, Default)]
pub struct Cuts {
    /// Nothing but these is done.
    pub only: Option<BTreeSet<Tag>>,
    /// The good times begin here at the latest.
    pub until_ms: Option<u64>,
    /// The server has this habit, too.
    pub habit: Option<Habit>,
}

impl Cuts {
    pub fn is_none(&self) -> bool {
        self.only.is_none() && self.until_ms.is_none() && self.habit.is_none()
    }

    /// As arguments of the command that lives such a life.
    pub fn arguments(&self) -> String {
        let mut arguments = String::new();
        if let Some(only) = &self.only {
            let tags: Vec<String> = only.iter().map(Tag::to_string).collect();
            arguments +=
                &format!(" --only {}", if tags.is_empty() { "-".to_owned() } else { tags.join(",") });
        }
        if let Some(until) = self.until_ms {
            arguments += &format!(" --until {until}");
        }
        if let Some(habit) = self.habit {
            arguments += &format!(" --habit {habit:?}");
        }
        arguments
    }
}

pub struct Schedule {
    pub cuts: Cuts,
    counts: BTreeMap<Kind, u32>,
    pub done: Vec<Deed>,
}

impl Schedule {
    pub fn new(cuts: Cuts) -> Self {
        Self { cuts, counts: BTreeMap::new(), done: Vec::new() }
    }

    /// The next deed of a kind comes up; is it to be done?
    pub fn next(&mut self, now: u64, kind: Kind, what: &'static str) -> bool {
        let next = self.counts.entry(kind).or_default();
        let number = *next;
        *next += 1;
        self.numbered(now, Tag(kind, number), what)
    }

    /// The same for one that has a number already.
    pub fn numbered(&mut self, at: u64, tag: Tag, what: &'static str) -> bool {
        let done = self.cuts.only.as_ref().is_none_or(|only| only.contains(&tag));
        if done {
            self.done.push(Deed { tag, at, what });
        }
        done
    }
}
