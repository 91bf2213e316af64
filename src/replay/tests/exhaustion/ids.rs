//! Events by their numbers, in little space.

/// The number of an event: 1 to 15, in the order of the channel. Only the world makes use of that order.
pub type Id = u8;

/// A set of events.
pub type Set = u16;

pub fn has(set: Set, id: Id) -> bool {
    set >> id & 1 == 1
}

/// A short list of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids(u64);

impl Ids {
    pub fn push(&mut self, id: Id) {
        self.0 |= u64::from(id) << (4 * self.len());
    }

    pub fn take_first(&mut self) -> Option<Id> {
        let first = (self.0 & 15) as Id;
        self.0 >>= 4;
        Some(first).filter(|first| *first != 0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn len(self) -> usize {
        (64 - self.0.leading_zeros() as usize).div_ceil(4)
    }

    pub fn bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

impl Iterator for Ids {
    type Item = Id;

    fn next(&mut self) -> Option<Id> {
        self.take_first()
    }
}

impl FromIterator<Id> for Ids {
    fn from_iter<I: IntoIterator<Item = Id>>(ids: I) -> Self {
        let mut all = Self::default();
        ids.into_iter().for_each(|id| all.push(id));
        all
    }
}

impl<const N: usize> From<[Id; N]> for Ids {
    fn from(ids: [Id; N]) -> Self {
        ids.into_iter().collect()
    }
}
