//! One life by its seed; what fails is caught with the check that it failed.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use crate::choices::Choices;
use crate::record::Line;
use crate::rng::Rng;
use crate::schedule::{Cuts, Deed};
use crate::tally::Tally;
use crate::world::World;

thread_local! {
    /// What the last panic of this thread said, and where.
    static LAST_PANIC: RefCell<(String, String)> = const { RefCell::new((String::new(), String::new())) };
}

pub struct Failure {
    pub message: String,
    /// Where the check stands: the same place is the same check, whatever numbers its message holds.
    pub place: String,
    pub at: u64,
}

/// In one line, behind the name of the life.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.message.split_whitespace().collect();
        write!(f, "after {} ms: {} (at {})", self.at, words.join(" "), self.place)
    }
}

pub struct Life {
    pub failure: Option<Failure>,
    pub done: Vec<Deed>,
    pub tally: Tally,
    /// What was chosen, if it was noted.
    pub lines: Vec<Line>,
}

fn remember(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    let message = text.unwrap_or("a panic without words").to_owned();
    let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
    LAST_PANIC.with_borrow_mut(|last| *last = (message, place.unwrap_or_default()));
}

/// From here on panics are kept for [`live`] and not printed.
pub fn keep_panics() {
    std::panic::set_hook(Box::new(remember));
}

pub fn live(seed: u64, cuts: Cuts, tracing: bool) -> Life {
    live_with(seed, cuts, Choices::by_chance(Rng::new(seed), false), tracing)
}

/// The same with these choices, whose seed does not matter if they are recorded.
pub fn live_with(seed: u64, cuts: Cuts, choices: Choices, tracing: bool) -> Life {
    let mut world = World::new(seed, cuts, choices, tracing);
    let panicked = catch_unwind(AssertUnwindSafe(|| world.run())).is_err();
    let failure = panicked.then(|| {
        let (message, place) = LAST_PANIC.with_borrow(Clone::clone);
        Failure { message, place, at: world.now }
    });
    let tally = world.tally();
    Life { failure, done: world.schedule.done, tally, lines: world.choices.into_lines() }
}
