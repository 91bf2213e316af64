//! Maps and sets by number, in order.
//!
//! All of them use one tree of the standard library that holds only numbers, and their values are boxed. So their code
//! is the same for all types of keys and values and is compiled once, which makes the wasm a third smaller.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

/// Values by number.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct NumberMap<V> {
    places: Numbers,
    values: Vec<Option<Box<V>>>,
    /// Places in `values` that are empty.
    free: Vec<u32>,
}

/// Numbers by number.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Numbers(Tree);

/// Numbers, each at a place in an order, such as an instant.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Agenda(Tree);

type Key = (u64, u32);

#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
struct Tree(BTreeMap<Key, u32>);

impl<V> Default for NumberMap<V> {
    fn default() -> Self {
        Self { places: Numbers::default(), values: Vec::new(), free: Vec::new() }
    }
}

impl<V> NumberMap<V> {
    #[inline(never)]
    pub fn get(&self, number: u32) -> Option<&V> {
        self.values.get(self.places.get(number)? as usize)?.as_deref()
    }

    #[inline(never)]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut V> {
        self.values.get_mut(self.places.get(number)? as usize)?.as_deref_mut()
    }

    pub fn contains(&self, number: u32) -> bool {
        self.places.get(number).is_some()
    }

    /// Adds a value, and returns the one that this number had before.
    pub fn insert(&mut self, number: u32, value: V) -> Option<Box<V>> {
        let before = self.remove(number);
        self.put(number, Box::new(value));
        before
    }

    #[inline(never)]
    fn put(&mut self, number: u32, value: Box<V>) {
        let place = self.free.pop().unwrap_or(self.values.len() as u32);
        match self.values.get_mut(place as usize) {
            Some(empty) => *empty = Some(value),
            None => self.values.push(Some(value)),
        }
        self.places.insert(number, place);
    }

    #[inline(never)]
    pub fn remove(&mut self, number: u32) -> Option<Box<V>> {
        let place = self.places.remove(number)?;
        self.free.push(place);
        self.values.get_mut(place as usize)?.take()
    }

    pub fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers, ascending.
    pub fn keys(&self) -> Vec<u32> {
        self.places.keys()
    }

    /// Numbers and values, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &V)> {
        self.places.keys().into_iter().filter_map(|number| Some((number, self.get(number)?)))
    }

    /// The values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter().flatten().map(Box::as_ref)
    }

    /// The values, in no order.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.iter_mut().flatten().map(Box::as_mut)
    }

    /// The least number, and its value.
    pub fn first(&self) -> Option<(u32, &V)> {
        let number = self.places.first()?;
        Some((number, self.get(number)?))
    }

    /// The least number above this one, and its value.
    pub fn next_above(&self, number: u32) -> Option<(u32, &V)> {
        let number = self.places.next_above(number)?;
        Some((number, self.get(number)?))
    }

    /// Removes what matches, and returns it, ascending.
    pub fn take_if(&mut self, mut fits: impl FnMut(u32, &V) -> bool) -> Vec<(u32, Box<V>)> {
        let mut taken = Vec::new();
        for number in self.places.keys() {
            if self.get(number).is_some_and(|value| fits(number, value)) {
                taken.extend(self.remove(number).map(|value| (number, value)));
            }
        }
        taken
    }
}

impl Numbers {
    pub fn get(&self, number: u32) -> Option<u32> {
        self.0.get((number.into(), 0))
    }

    pub fn insert(&mut self, number: u32, value: u32) -> Option<u32> {
        self.0.insert((number.into(), 0), value)
    }

    pub fn remove(&mut self, number: u32) -> Option<u32> {
        self.0.remove((number.into(), 0))
    }

    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// Each number with its set of numbers, ascending.
    pub fn entries(&self) -> Vec<(u32, u32)> {
        self.0.range((0, 0), END).into_iter().map(|((number, _), value)| (number as u32, value)).collect()
    }

    /// The numbers, ascending.
    pub fn keys(&self) -> Vec<u32> {
        self.0.range((0, 0), END).into_iter().map(|((number, _), _)| number as u32).collect()
    }

    fn first(&self) -> Option<u32> {
        self.0.first().map(|(number, _)| number as u32)
    }

    fn next_above(&self, number: u32) -> Option<u32> {
        self.0.next_behind((number.into(), 0)).map(|(number, _)| number as u32)
    }
}

impl Agenda {
    pub fn insert(&mut self, at: u64, number: u32) {
        self.0.insert((at, number), 0);
    }

    pub fn remove(&mut self, at: u64, number: u32) -> bool {
        self.0.remove((at, number)).is_some()
    }

    pub fn contains(&self, at: u64, number: u32) -> bool {
        self.0.get((at, number)).is_some()
    }

    /// Adds or removes a number.
    pub fn set(&mut self, at: u64, number: u32, is_in: bool) {
        if is_in {
            self.insert(at, number);
        } else {
            self.remove(at, number);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.0.len()
    }

    pub fn first(&self) -> Option<(u64, u32)> {
        self.0.first()
    }

    /// The first after this place.
    pub fn next_behind(&self, at: u64, number: u32) -> Option<(u64, u32)> {
        self.0.next_behind((at, number))
    }

    /// The numbers at this place, ascending.
    pub fn at(&self, at: u64) -> Vec<u32> {
        self.between(at, at)
    }

    /// The numbers at this place, ascending, one by one.
    pub fn each_at(&self, at: u64) -> impl Iterator<Item = u32> {
        let first = self.contains(at, 0).then_some((at, 0)).or_else(|| self.next_behind(at, 0));
        let all = core::iter::successors(first, |(at, number)| self.next_behind(*at, *number));
        all.take_while(move |(here, _)| *here == at).map(|(_, number)| number)
    }

    /// Whether any number is at this place.
    pub fn has(&self, at: u64) -> bool {
        self.each_at(at).next().is_some()
    }

    /// The numbers up to this place, in order.
    pub fn up_to(&self, at: u64) -> Vec<u32> {
        self.between(0, at)
    }

    /// Removes all numbers, and returns them in order.
    pub fn take_all(&mut self) -> Vec<u32> {
        let all = self.up_to(u64::MAX);
        self.0.0.clear();
        all
    }

    fn between(&self, first: u64, last: u64) -> Vec<u32> {
        self.0.range((first, 0), (last, u32::MAX)).into_iter().map(|((_, number), _)| number).collect()
    }
}

const END: Key = (u64::MAX, u32::MAX);

impl Tree {
    #[inline(never)]
    fn get(&self, key: Key) -> Option<u32> {
        self.0.get(&key).copied()
    }

    #[inline(never)]
    fn insert(&mut self, key: Key, value: u32) -> Option<u32> {
        self.0.insert(key, value)
    }

    #[inline(never)]
    fn remove(&mut self, key: Key) -> Option<u32> {
        self.0.remove(&key)
    }

    #[inline(never)]
    fn first(&self) -> Option<Key> {
        self.0.first_key_value().map(|(key, _)| *key)
    }

    #[inline(never)]
    fn next_behind(&self, key: Key) -> Option<Key> {
        self.0.range((Excluded(key), Unbounded)).next().map(|(key, _)| *key)
    }

    #[inline(never)]
    fn range(&self, first: Key, last: Key) -> Vec<(Key, u32)> {
        self.0.range((Included(first), Included(last))).map(|(key, value)| (*key, *value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> NumberMap<&'static str> {
        let mut map = NumberMap::default();
        for (number, value) in [(5, "five"), (2, "two"), (9, "nine")] {
            assert!(map.insert(number, value).is_none());
        }
        map
    }

    #[test]
    fn values_are_found_by_their_numbers() {
        let mut map = map();
        assert_eq!((map.get(2), map.get(3)), (Some(&"two"), None));
        assert!(map.contains(2) && !map.contains(3));
        *map.get_mut(2).expect("there") = "zwei";
        assert_eq!(map.get_mut(3), None);
        assert_eq!(map.insert(2, "deux").as_deref(), Some(&"zwei"));
        assert_eq!((map.remove(2).as_deref(), map.remove(2), map.len()), (Some(&"deux"), None, 2));
        assert!(!map.is_empty() && NumberMap::<u8>::default().is_empty());
    }

    #[test]
    fn numbers_ascend() {
        let map = map();
        assert_eq!(map.keys(), [2, 5, 9]);
        assert_eq!(map.iter().collect::<Vec<_>>(), [(2, &"two"), (5, &"five"), (9, &"nine")]);
        assert_eq!(map.first(), Some((2, &"two")));
        assert_eq!((map.next_above(2), map.next_above(3)), (Some((5, &"five")), Some((5, &"five"))));
        assert_eq!(map.next_above(9), None);
        assert_eq!(NumberMap::<u8>::default().first(), None);
    }

    #[test]
    fn all_values_can_be_seen_and_changed() {
        let mut map = map();
        assert_eq!(map.values().map(|value| value.len()).sum::<usize>(), 11);
        map.values_mut().for_each(|value| *value = "x");
        assert!(map.values().all(|value| *value == "x"));
    }

    #[test]
    fn what_fits_is_taken_out_in_order() {
        let mut map = map();
        let taken = map.take_if(|number, value| number > 2 && value.len() == 4);
        assert_eq!(taken, [(5, Box::new("five")), (9, Box::new("nine"))]);
        assert_eq!(map.keys(), [2]);
    }

    #[test]
    fn numbers_by_number() {
        let mut numbers = Numbers::default();
        assert!(numbers.is_empty());
        assert_eq!((numbers.insert(7, 1), numbers.insert(3, 2), numbers.insert(7, 4)), (None, None, Some(1)));
        assert_eq!((numbers.entries(), numbers.keys()), (vec![(3, 2), (7, 4)], vec![3, 7]));
        assert!(!numbers.is_empty());
        assert_eq!((numbers.get(7), numbers.remove(7), numbers.get(7)), (Some(4), Some(4), None));
    }

    #[test]
    fn an_agenda_is_ordered_by_its_places() {
        let mut agenda = Agenda::default();
        assert!(agenda.is_empty() && agenda.first().is_none());
        agenda.insert(20, 1);
        agenda.insert(10, 3);
        agenda.set(10, 2, true);
        assert_eq!((agenda.len(), agenda.first()), (3, Some((10, 2))));
        assert_eq!((agenda.next_behind(10, 2), agenda.next_behind(20, 1)), (Some((10, 3)), None));
        assert_eq!(
            (agenda.up_to(9), agenda.up_to(10), agenda.up_to(20)),
            (vec![], vec![2, 3], vec![2, 3, 1])
        );
        assert_eq!((agenda.at(10), agenda.at(15)), (vec![2, 3], vec![]));
        agenda.insert(30, 0);
        assert_eq!(
            (agenda.each_at(10).count(), agenda.each_at(30).count(), agenda.each_at(15).count()),
            (2, 1, 0)
        );
        assert!(agenda.remove(30, 0));
        assert!(agenda.has(20) && !agenda.has(15));
        assert!(agenda.contains(10, 3) && !agenda.contains(20, 3));
        assert!(agenda.remove(10, 3) && !agenda.remove(10, 3));
        agenda.set(10, 2, false);
        assert!(!agenda.is_empty());
        assert_eq!((agenda.take_all(), agenda.len()), (vec![1], 0));
    }
}
