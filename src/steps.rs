//! Counts the passes through loops over subscriptions, channels and events, so that tests can show how costs grow (P1, P2).
//!
//! It counts with the feature `test-support` and in this crate's own tests; in every other build it compiles to nothing.

#[cfg(any(test, feature = "test-support"))]
mod counter {
    use std::cell::Cell;

    thread_local! {
        pub(super) static STEPS: Cell<u64> = const { Cell::new(0) };
    }
}

/// Counts one pass through a loop.
#[inline(always)]
pub(crate) fn step() {
    steps(1);
}

/// Counts `count` passes at once, for work that the standard library does in a loop of its own.
#[inline(always)]
pub(crate) fn steps(count: usize) {
    #[cfg(any(test, feature = "test-support"))]
    counter::STEPS.set(counter::STEPS.get() + count as u64);
    #[cfg(not(any(test, feature = "test-support")))]
    let _ = count;
}

/// The steps that this thread has counted since the last call; the counter begins again at zero.
#[cfg(any(test, feature = "test-support"))]
pub fn taken() -> u64 {
    counter::STEPS.take()
}

#[cfg(test)]
mod tests {
    use super::{step, steps, taken};

    #[test]
    fn p2_steps_add_up_until_they_are_taken() {
        taken();
        step();
        steps(41);
        assert_eq!(taken(), 42);
        assert_eq!(taken(), 0);
    }

    #[test]
    fn p2_steps_of_another_thread_do_not_count() {
        taken();
        std::thread::spawn(|| steps(7)).join().expect("the thread only counts");
        assert_eq!(taken(), 0);
    }
}
