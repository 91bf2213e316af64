//! Subscriptions by name, found by the channels of the events that they match.

use std::collections::BTreeMap;
use std::ops::Bound::{Included, Unbounded};

use super::channel::{Pattern, is_meta, topic};
use crate::ordered::NumberMap;
use crate::steps::step;
use crate::text::{has, joined};

/// Values by subscription name. [`matching`](Self::matching) costs a few look-ups, however many names there are: a
/// channel can only be matched by itself, by `*` in place of its last segment, and by `**` in place of its last segments.
pub(crate) struct PatternMap<V> {
    names: Names,
    /// By the places of the names, so in the order in which they came.
    values: NumberMap<(Pattern, V)>,
}

/// The places of the names.
#[derive(Default)]
struct Names {
    places: BTreeMap<String, u32>,
    last: u32,
    globs: usize,
    with_query: usize,
}

/// What names are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Literals,
    Globs,
}

impl<V> Default for PatternMap<V> {
    fn default() -> Self {
        Self { names: Names::default(), values: NumberMap::default() }
    }
}

impl<V> PatternMap<V> {
    /// The value under this very name, its query included.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.values.get(self.names.get(name)?).map(|(_, value)| value)
    }

    #[inline(never)]
    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.values.get_mut(self.names.get(name)?).map(|(_, value)| value)
    }

    /// Adds a value, and gives back the one that stood under this name.
    #[inline(never)]
    pub fn insert(&mut self, pattern: &Pattern, value: V) -> Option<V> {
        let before = self.remove(pattern.as_str());
        let place = self.names.insert(pattern);
        self.values.insert(place, (pattern.clone(), value));
        before
    }

    #[inline(never)]
    pub fn remove(&mut self, name: &str) -> Option<V> {
        let (pattern, value) = self.values.remove(self.names.get(name)?)?;
        self.names.remove(&pattern);
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

    /// Whether any glob matches the channel.
    pub fn has_glob_for(&self, channel: &str) -> bool {
        self.names.globs > 0 && self.patterns_matching(channel).any(Pattern::is_glob)
    }

    /// Whether there is another name of the same topic, so one with another query, or without one.
    pub fn has_other_filter(&self, name: &str) -> bool {
        let mut patterns = self.patterns_matching(topic(name));
        patterns.any(|pattern| !pattern.is_glob() && pattern.as_str() != name)
    }

    /// The values whose subscriptions an event on `channel` belongs to.
    pub fn matching(&self, channel: &str) -> impl Iterator<Item = &V> {
        self.names
            .matching(channel)
            .into_iter()
            .filter_map(|place| self.values.get(place))
            .map(|(_, value)| value)
    }

    /// Changes the values whose subscriptions an event on `channel` belongs to.
    pub fn change_matching(&mut self, channel: &str, mut change: impl FnMut(&mut V)) {
        for place in self.names.matching(channel) {
            if let Some((_, value)) = self.values.get_mut(place) {
                change(value);
            }
        }
    }

    /// The subscriptions that an event on `channel` belongs to. Queries are left out on both sides (R2).
    pub fn patterns_matching(&self, channel: &str) -> impl Iterator<Item = &Pattern> {
        let places = self.names.matching(channel).into_iter();
        places.filter_map(|place| self.values.get(place)).map(|(pattern, _)| pattern)
    }
}

impl Names {
    #[inline(never)]
    fn get(&self, name: &str) -> Option<u32> {
        step();
        self.places.get(name).copied()
    }

    #[inline(never)]
    fn insert(&mut self, pattern: &Pattern) -> u32 {
        self.last += 1;
        self.globs += usize::from(pattern.is_glob());
        self.with_query += usize::from(has_query(pattern));
        self.places.insert(pattern.as_str().to_owned(), self.last);
        self.last
    }

    #[inline(never)]
    fn remove(&mut self, pattern: &Pattern) {
        self.globs -= usize::from(pattern.is_glob());
        self.with_query -= usize::from(has_query(pattern));
        self.places.remove(pattern.as_str());
    }

    #[inline(never)]
    fn matching(&self, channel: &str) -> Vec<u32> {
        let topic = topic(channel);
        let mut found = Vec::new();
        self.of_topic(topic, Sort::Literals, &mut found);
        if self.globs == 0 || is_meta(topic) {
            return found;
        }
        for slash in (0..topic.len()).filter(|at| topic.as_bytes().get(*at) == Some(&b'/')) {
            let (parent, rest) =
                (topic.get(..=slash).unwrap_or_default(), topic.get(slash + 1..).unwrap_or_default());
            if rest.is_empty() {
                break;
            }
            self.of_topic(&joined(&[parent, "**"], ""), Sort::Globs, &mut found);
            if !has(rest, b'/') {
                self.of_topic(&joined(&[parent, "*"], ""), Sort::Globs, &mut found);
            }
        }
        found
    }

    /// The names with this topic: the topic itself, and the topic with each query.
    fn of_topic(&self, topic: &str, sort: Sort, found: &mut Vec<u32>) {
        step();
        let is_glob = topic.ends_with("/*") || topic.ends_with("/**");
        if is_glob != (sort == Sort::Globs) {
            return;
        }
        found.extend(self.places.get(topic));
        if self.with_query == 0 {
            return;
        }
        let first = joined(&[topic, "?"], "");
        for (name, place) in self.places.range::<str, _>((Included(first.as_str()), Unbounded)) {
            step();
            if !name.starts_with(&first) {
                break;
            }
            found.push(*place);
        }
    }
}

fn has_query(pattern: &Pattern) -> bool {
    pattern.topic().len() < pattern.as_str().len()
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
    fn globs_are_told_apart_from_names() {
        let mut map = map(&["/a/b", "/a/*"]);
        assert!(map.has_glob_for("/a/b") && !map.has_glob_for("/b"));
        map.remove("/a/*");
        assert!(!map.has_glob_for("/a/b"));
        assert_eq!(matching(&map, "/a/b"), ["/a/b"]);
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
        // The second name is where the look for queries of the first would end.
        let mut map = map(&["/a/b", "/c"]);
        let steps = |map: &PatternMap<usize>| {
            crate::steps::taken();
            assert_eq!(map.patterns_matching("/a/b").count(), 1);
            let for_names = crate::steps::taken();
            map.has_glob_for("/a/b");
            (for_names, crate::steps::taken())
        };
        assert_eq!(steps(&map), (1, 0));
        for other in ["/x/*", "/x?y"] {
            map.insert(&Pattern::parse(other).expect("a pattern"), 7);
            map.insert(&Pattern::parse("/x/*?y").expect("a pattern"), 8);
            assert!(steps(&map) > (1, 0));
            map.remove(other);
            map.remove("/x/*?y");
            assert_eq!(steps(&map), (1, 0), "{other}");
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
