use super::entry::Entry;

/// Calls of `event.commit()` that wait for their positions to be saved.
pub(super) struct Waiters(Vec<Waiter>);

struct Waiter {
    command: u32,
    sequence: u32,
    /// The first version of the position that includes the event, once there is one.
    version: Option<u32>,
}

impl Waiters {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// `version`: that of the position which includes the event already, if one does.
    pub(super) fn push(&mut self, command: u32, sequence: u32, version: Option<u32>) {
        self.0.push(Waiter { command, sequence, version });
    }

    /// The position of this version is the first that includes `entry`.
    pub(super) fn committed(&mut self, entry: &Entry, version: u32) {
        for waiter in &mut self.0 {
            if waiter.version.is_none() && entry.has_sequence(waiter.sequence) {
                waiter.version = Some(version);
            }
        }
    }

    /// Removes the commands that wait for no more than this version, and returns them; all of them for `None`.
    pub(super) fn take(&mut self, saved: Option<u32>) -> Vec<u32> {
        let mut commands = Vec::new();
        self.0.retain(|waiter| {
            let is_saved = saved.is_none_or(|saved| waiter.version.is_some_and(|version| version <= saved));
            if is_saved {
                commands.push(waiter.command);
            }
            !is_saved
        });
        commands
    }
}
