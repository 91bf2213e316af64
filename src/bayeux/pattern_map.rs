//! Subscriptions by name, found by the channels of the events that they match.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::channel::{Pattern, is_meta, topic};
use crate::steps::step;

/// Values by subscription name. [`matching`](Self::matching) costs a few look-ups, however many names there are: a
/// channel can only be matched by itself, by `*` in place of its last segment, and by `**` in place of its last segments.
pub(crate) struct PatternMap<V> {
    entries: BTreeMap<String, Entry<V>>,
    /// The names in the order in which they came.
    order: BTreeMap<u64, String>,
    last: u64,
    globs: usize,
    with_query: usize,
}

struct Entry<V> {
    pattern: Pattern,
    place: u64,
    value: V,
}

impl<V> Default for PatternMap<V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), order: BTreeMap::new(), last: 0, globs: 0, with_query: 0 }
    }
}

impl<V> PatternMap<V> {
    /// The value under this very name, its query included.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.entries.get(name).map(|entry| &entry.value)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.entries.get_mut(name).map(|entry| &mut entry.value)
    }

    /// Adds a value, and gives back the one that stood under this name.
    pub fn insert(&mut self, pattern: &Pattern, value: V) -> Option<V> {
        let before = self.remove(pattern.as_str());
        self.globs += usize::from(pattern.is_glob());
        self.with_query += usize::from(has_query(pattern));
        self.last += 1;
        self.order.insert(self.last, pattern.as_str().to_owned());
        let entry = Entry { pattern: pattern.clone(), place: self.last, value };
        self.entries.insert(pattern.as_str().to_owned(), entry);
        before
    }

    pub fn remove(&mut self, name: &str) -> Option<V> {
        let Entry { pattern, place, value } = self.entries.remove(name)?;
        self.order.remove(&place);
        self.globs -= usize::from(pattern.is_glob());
        self.with_query -= usize::from(has_query(&pattern));
        Some(value)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Names and values, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.order.values().filter_map(|name| {
            step();
            Some((name.as_str(), self.get(name)?))
        })
    }

    /// The names, in the order in which they came.
    pub fn names(&self) -> Vec<String> {
        self.iter().map(|(name, _)| name.to_owned()).collect()
    }

    /// Whether any glob matches the channel.
    pub fn has_glob_for(&self, channel: &str) -> bool {
        self.globs > 0 && self.names_matching(channel).into_iter().any(|(_, pattern)| pattern.is_glob())
    }

    /// The values whose subscriptions an event on `channel` belongs to.
    pub fn matching(&self, channel: &str) -> impl Iterator<Item = &V> {
        self.names_matching(channel).into_iter().filter_map(|(name, _)| self.get(name))
    }

    /// The names of the subscriptions that an event on `channel` belongs to. Queries are left out on both sides (R2).
    pub fn names_matching(&self, channel: &str) -> Vec<(&str, &Pattern)> {
        let topic = topic(channel);
        let mut found = Vec::new();
        self.of_topic(topic, &mut |pattern| !pattern.is_glob(), &mut found);
        if self.globs == 0 || is_meta(topic) {
            return found;
        }
        for (slash, _) in topic.match_indices('/') {
            let (parent, rest) = topic.split_at(slash + 1);
            if rest.is_empty() {
                break;
            }
            self.of_topic(&format!("{parent}**"), &mut Pattern::is_glob, &mut found);
            if !rest.contains('/') {
                self.of_topic(&format!("{parent}*"), &mut Pattern::is_glob, &mut found);
            }
        }
        found
    }

    /// The names with this topic: the topic itself, and the topic with each query.
    fn of_topic<'a>(
        &'a self,
        topic: &str,
        fits: &mut dyn FnMut(&Pattern) -> bool,
        found: &mut Vec<(&'a str, &'a Pattern)>,
    ) {
        step();
        if let Some((name, entry)) = self.entries.get_key_value(topic)
            && fits(&entry.pattern)
        {
            found.push((name, &entry.pattern));
        }
        if self.with_query == 0 {
            return;
        }
        let first = format!("{topic}?");
        for (name, Entry { pattern, .. }) in
            self.entries.range::<str, _>((Bound::Included(first.as_str()), Bound::Unbounded))
        {
            step();
            if !name.starts_with(&first) {
                break;
            }
            if fits(pattern) {
                found.push((name, pattern));
            }
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
            map.names_matching(channel).iter().map(|(name, _)| (*name).to_owned()).collect();
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
            map.names_matching("/a/b");
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
