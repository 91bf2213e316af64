/// A point on the driver's monotonic clock, in whole milliseconds.
///
/// Only differences matter, so the driver picks the origin: `performance.now()` in JavaScript, a plain counter in
/// tests. The core never asks what time it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The instant that lies `millis` after the clock's origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock's origin.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The instant `millis` later; stops at the end of time instead of wrapping.
    pub const fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Makes it the earlier of itself and `other`.
    pub(crate) fn pull_to(&mut self, other: Self) {
        *self = (*self).min(other);
    }

    /// Milliseconds since `earlier`, 0 if that lies in the future.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
