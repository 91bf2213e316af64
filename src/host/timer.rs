use super::Shared;
use crate::Instant;

/// The one timer of a client.
#[derive(Default)]
pub(super) struct Timer {
    armed: Option<Instant>,
}

impl Timer {
    pub fn fired(&mut self, shared: &Shared) -> bool {
        let fired = shared.task.timer.take();
        if fired {
            self.armed = None;
        }
        fired
    }

    /// Makes sure that it fires at `at` or earlier. A timer that fires too early costs one idle turn; setting it anew
    /// with each chunk of a body would cost more.
    pub fn arm(&mut self, shared: &Shared, now: Instant, at: Instant) {
        if self.armed.is_none_or(|armed| armed > at) {
            self.armed = Some(at);
            // At least one millisecond, or a clock that runs behind the timer would make it spin.
            let ms = at.since(now).max(1) as f64;
            shared.task.with(&|callback| shared.host.delay(callback, ms));
        }
    }
}
