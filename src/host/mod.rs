//! The driver: one task per client that carries out what its session says, over the host's `fetch` and timers.
//!
//! The session, the queues and the flags are shared with the exported class through one `Rc`. A borrow never lasts
//! longer than one statement, and JavaScript is only called between them, so that it may call back at any time.

mod calls;
mod driver;
mod exchange;
mod records;
mod task;
mod timer;

use std::cell::{Cell, RefCell};

pub use calls::EngineHost;
pub(crate) use records::error_record;
pub(crate) use task::Task;

use crate::Instant;
use crate::delivery::DeliveryQueues;
use crate::session::{ApiMisuse, Command, Input, Session};

/// What the exported class and the driver's task share.
pub(crate) struct Shared {
    pub host: EngineHost,
    pub session: RefCell<Session>,
    pub queues: RefCell<DeliveryQueues>,
    pub task: Task,
    /// Commands wait for the end of the turn (S3).
    pub commanded: Cell<bool>,
    /// When the session wants to act next.
    pub deadline: Cell<Option<Instant>>,
    /// Panic at the next turn: for the test that shows what a panic does.
    pub trap: Cell<bool>,
    pub seen: Inspected,
}

/// Whether the extensions see outgoing messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inspected(pub bool);

impl Shared {
    /// Hands something to the session. Commands go out with all others of this turn; only they can be misused.
    pub fn input(&self, input: Input<'_>) -> Result<(), ApiMisuse> {
        let (commands, hurries) = match &input {
            // Nothing can be gained by waiting for more after the last: they would be refused. And a page that is left
            // or hidden has no time, not even for what was commanded before in this turn.
            Input::Command(Command::Close | Command::Hidden(_)) => (false, true),
            Input::Command(_) => (true, false),
            _ => (false, false),
        };
        self.hand(input)?;
        if commands {
            self.commanded.set(true);
        }
        if hurries {
            self.task.turn_over.set(true);
        }
        self.task.wake(&self.host);
        Ok(())
    }

    pub fn hand(&self, input: Input<'_>) -> Result<(), ApiMisuse> {
        let now = self.now();
        self.session.borrow_mut().handle_input(now, input)
    }

    /// What a reader was handed, or is done with (R3).
    pub fn progress(&self, reader: u32, sequence: u32, done: bool) {
        let reports = self.queues.borrow_mut().progress(reader, sequence, done);
        for (subscription, sequence) in reports {
            let _ = self.hand(Input::Progress { subscription, sequence, done });
        }
        self.task.wake(&self.host);
    }

    pub fn now(&self) -> Instant {
        Instant::from_millis(self.host.now() as u64)
    }

    /// Reports what a reader is done with (R8).
    pub fn taken(&self, reader: u32) {
        let consumed = self.queues.borrow_mut().consumed(reader);
        for &(subscription, events) in &consumed {
            let _ = self.hand(Input::Taken { subscription, events });
        }
        if !consumed.is_empty() {
            self.task.wake(&self.host);
        }
    }
}
