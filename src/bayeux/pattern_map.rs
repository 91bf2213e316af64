//! Values by subscription name, looked up by the channel of an event.

use super::channel::{Pattern, topic};
use crate::ordered::{Agenda, NumberMap};
use crate::steps::{step, steps};
use crate::text::{has, hash, joined};

/// Values by subscription name. [`matching`](Self::matching) costs a few look-ups, however many names there are: a
/// channel can only be matched by itself, by `*` in place of its last segment, and by `**` in place of its last segments.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct PatternMap<V> {
    names: Names,
    /// By the places of the names, which ascend in the order in which they were added.
    values: NumberMap<(Pattern, V)>,
}

/// The places of the names, by hashes of their texts. Names found by a hash are then compared by their text.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
struct Names {
    by_name: Agenda,
    by_topic: Agenda,
    last: u32,
    globs: usize,
}

impl<V> Default for PatternMap<V> {
    fn default() -> Self {
        Self { names: Names::default(), values: NumberMap::default() }
    }
}

impl<V> PatternMap<V> {
    /// The value under this very name, its query included.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.values.get(self.place(name)?).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.values.get_mut(self.place(name)?).map(|(_, value)| value)
    }

    /// Adds a value, and returns the one that this name had before.
    pub fn insert(&mut self, pattern: &Pattern, value: V) -> Option<V> {
        let before = self.remove(pattern.as_str());
        let place = self.names.insert(pattern);
        self.values.insert(place, (pattern.clone(), value));
        before
    }

    pub fn remove(&mut self, name: &str) -> Option<V> {
        let place = self.place(name)?;
        let (pattern, value) = *self.values.remove(place)?;
        self.names.remove(&pattern, place);
        Some(value)
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Names and values, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.values.iter().map(|(_, (pattern, value))| {
            step();
            (pattern.as_str(), value)
        })
    }

    /// The names, in the order in which they came.
    pub fn names(&self) -> Vec<String> {
        self.iter().map(|(name, _)| name.to_owned()).collect()
    }

    /// Whether there is another name of the same topic: one with another query, or without one.
    pub fn has_other_filter(&self, name: &str) -> bool {
        let mut patterns = self.patterns_matching(topic(name));
        patterns.any(|pattern| !pattern.is_glob() && pattern.as_str() != name)
    }

    /// The values of the subscriptions that match an event on `channel`.
    pub fn matching(&self, channel: &str) -> impl Iterator<Item = &V> {
        self.entries_matching(channel).map(|(_, value)| value)
    }

    /// Changes the values of the subscriptions that match an event on `channel`.
    pub fn change_matching(&mut self, channel: &str, mut change: impl FnMut(&mut V)) {
        for place in self.names.matching(channel) {
            if let Some((pattern, value)) = self.values.get_mut(place)
                && pattern.matches(channel)
            {
                change(value);
            }
        }
    }

    /// The subscriptions that match an event on `channel`. Queries are ignored on both sides (R2).
    pub fn patterns_matching(&self, channel: &str) -> impl Iterator<Item = &Pattern> {
        self.entries_matching(channel).map(|(pattern, _)| pattern)
    }

    fn entries_matching(&self, channel: &str) -> impl Iterator<Item = &(Pattern, V)> {
        let places = self.names.matching(channel).into_iter();
        places.filter_map(|place| self.values.get(place)).filter(move |(pattern, _)| pattern.matches(channel))
    }

    #[inline(never)]
    fn place(&self, name: &str) -> Option<u32> {
        let is = |place: &u32| self.values.get(*place).is_some_and(|(pattern, _)| pattern.as_str() == name);
        self.names.by_name.each_at(hash(name)).inspect(|_| step()).find(is)
    }
}

impl Names {
    #[inline(never)]
    fn insert(&mut self, pattern: &Pattern) -> u32 {
        self.last += 1;
        self.globs += usize::from(pattern.is_glob());
        self.by_name.insert(hash(pattern.as_str()), self.last);
        self.by_topic.insert(hash(pattern.topic()), self.last);
        self.last
    }

    #[inline(never)]
    fn remove(&mut self, pattern: &Pattern, place: u32) {
        self.globs -= usize::from(pattern.is_glob());
        self.by_name.remove(hash(pattern.as_str()), place);
        self.by_topic.remove(hash(pattern.topic()), place);
    }

    /// The places of the names that may match an event on `channel`, each once.
    #[inline(never)]
    fn matching(&self, channel: &str) -> Vec<u32> {
        let topic = topic(channel);
        let mut found = self.of_topic(topic);
        if self.globs == 0 {
            return found;
        }
        for (slash, _) in topic.bytes().enumerate().filter(|(_, byte)| *byte == b'/') {
            let parent = topic.get(..=slash).unwrap_or_default();
            let rest = topic.get(slash + 1..).unwrap_or_default();
            for stars in ["**", "*"] {
                // A channel may look like a glob.
                if rest != stars && (stars == "**" || !has(rest, b'/')) {
                    found.append(&mut self.of_topic(&joined(&[parent, stars], "")));
                }
            }
        }
        found
    }

    fn of_topic(&self, topic: &str) -> Vec<u32> {
        step();
        let places = self.by_topic.at(hash(topic));
        steps(places.len());
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: &[&str]) -> PatternMap<usize> {
        let mut map = PatternMap::default();
        for (index, name) in names.iter().enumerate() {
            map.insert(&Pattern::parse(name).expect("a pattern"), index);
        }
        map
    }

    fn matching(map: &PatternMap<usize>, channel: &str) -> Vec<String> {
        let mut names: Vec<String> =
            map.patterns_matching(channel).map(|pattern| pattern.as_str().to_owned()).collect();
        names.sort();
        names
    }

    const NAMES: &[&str] = &[
        "/a",
        "/a/b",
        "/a/b/c",
        "/a/*",
        "/a/**",
        "/a/b/*",
        "/a/b/**",
        "/**",
        "/*",
        "/a/b?x='1'",
        "/a/b?y",
        "/a/*?z",
        "/ab",
    ];

    #[test]
    fn finds_exactly_what_each_pattern_matches() {
        let map = map(NAMES);
        for channel in [
            "/a", "/a/b", "/a/b/c", "/a/b/c/d", "/ab", "/x", "/a/", "/a/*", "/a/**", "/meta/x", "/a/b?q",
            "a/b", "", "/",
        ] {
            let mut expected: Vec<&str> = NAMES
                .iter()
                .copied()
                .filter(|name| Pattern::parse(name).expect("a pattern").matches(channel))
                .collect();
            expected.sort_unstable();
            assert_eq!(matching(&map, channel), expected, "{channel}");
        }
    }

    #[test]
    fn values_come_with_their_names() {
        let map = map(&["/a", "/b", "/b?x"]);
        let mut values: Vec<usize> = map.matching("/b").copied().collect();
        values.sort_unstable();
        assert_eq!(values, [1, 2]);
    }

    #[test]
    fn names_stay_in_the_order_in_which_they_came() {
        let mut map = map(&["/b", "/a", "/c"]);
        assert_eq!(map.iter().collect::<Vec<_>>(), [("/b", &0), ("/a", &1), ("/c", &2)]);
        map.remove("/b");
        map.insert(&Pattern::parse("/b").expect("a pattern"), 3);
        assert_eq!(map.names(), ["/a", "/c", "/b"]);
    }

    #[test]
    fn a_name_has_one_value() {
        let mut map = map(&["/a", "/a/*"]);
        let pattern = Pattern::parse("/a").expect("a pattern");
        assert_eq!(map.insert(&pattern, 7), Some(0));
        assert_eq!((map.get("/a"), map.len()), (Some(&7), 2));
        *map.get_mut("/a").expect("there") += 1;
        assert_eq!(map.remove("/a"), Some(8));
        assert_eq!(map.remove("/a"), None);
        assert_eq!((map.get("/a"), map.len()), (None, 1));
    }

    #[test]
    fn queries_are_found_until_the_last_is_removed() {
        let mut map = map(&["/a?x", "/a?y"]);
        map.remove("/a?x");
        assert_eq!(matching(&map, "/a"), ["/a?y"]);
        map.remove("/a?y");
        assert_eq!(matching(&map, "/a"), Vec::<String>::new());
    }

    #[test]
    fn p2_only_globs_and_queries_that_are_there_are_looked_for() {
        // The second name is where a search for queries of the first would end.
        let mut map = map(&["/a/b", "/c"]);
        let steps = |map: &PatternMap<usize>| {
            crate::steps::taken();
            assert_eq!(map.patterns_matching("/a/b").count(), 1);
            crate::steps::taken()
        };
        assert_eq!(steps(&map), 2);
        for other in ["/x/*", "/x?y"] {
            map.insert(&Pattern::parse(other).expect("a pattern"), 7);
            map.insert(&Pattern::parse("/x/*?y").expect("a pattern"), 8);
            assert!(steps(&map) > 2);
            map.remove(other);
            map.remove("/x/*?y");
            assert_eq!(steps(&map), 2, "{other}");
        }
    }

    #[test]
    fn p2_a_look_up_costs_the_same_with_many_names() {
        let count = |size: usize| {
            let names: Vec<String> =
                (0..size).map(|n| format!("/a/{n}")).chain(["/a/*".to_owned()]).collect();
            let map = map(&names.iter().map(String::as_str).collect::<Vec<_>>());
            crate::steps::taken();
            assert_eq!(map.matching("/a/5").count(), 2);
            crate::steps::taken()
        };
        assert_eq!(count(10), count(10_000));
    }
}
