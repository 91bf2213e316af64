//! What the application does, in whatever order.

use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::{ApiMisuse, Command};

use super::{Chaos, Life};

const CHANNELS: [&str; 6] = ["/a", "/b", "/b/*", "/c/**", "/c/d", "/service/s"];

impl Chaos {
    /// Something that the application wants; half of the time with others in the same turn.
    pub(super) fn want(&mut self) {
        if self.follows && self.below(2) == 0 {
            return self.follow();
        }
        let number = self.number();
        let channel = CHANNELS[self.below(CHANNELS.len())].to_owned();
        let other = CHANNELS[self.below(CHANNELS.len())].to_owned();
        let raw = [r#"{"channel":"/r","data":1}"#.to_owned(), r#"{"channel":"/r","data":2}"#.to_owned()];
        let result = match self.below(6) {
            0..=2 => {
                let channels = &[channel, other];
                let result =
                    self.sim.queue(Command::Subscribe { subscription: number, channels, replay: None });
                if result.is_ok() {
                    self.subscriptions.push(number);
                }
                result
            }
            3 if !self.subscriptions.is_empty() => {
                let index = self.below(self.subscriptions.len());
                let subscription = self.subscriptions[index];
                self.sim.queue(Command::Unsubscribe {
                    command: number,
                    subscription,
                    handed: 0,
                    linger: false,
                })
            }
            4 => self.sim.queue(Command::Send { command: number, messages: &raw }),
            _ => self.sim.queue(Command::Publish { command: number, channel: "/a", data: "{}" }),
        };
        self.misused(result);
        if self.below(2) == 0 {
            self.sim.drain();
        }
    }

    /// What is refused while the client is paused leaves nothing behind, not even its number.
    fn misused(&mut self, result: Result<(), ApiMisuse>) {
        if let Err(misuse) = result {
            let while_paused = [ApiMisuse::Suspended, ApiMisuse::Draining, ApiMisuse::Closed];
            assert!(self.life == Life::Pausing && while_paused.contains(&misuse), "{misuse:?}");
            self.numbers -= 1;
        }
    }

    /// Drains, pauses, hides, or, seldom, is suspended.
    pub(super) fn sleep(&mut self) {
        let turn = self.below(30);
        if turn < 10 {
            return self.sim.queue(Command::Hidden(turn < 4)).unwrap_or_default();
        }
        let command = self.number();
        let idle_ms = [None, Some(0), Some(500)][self.below(3)];
        let deadline_ms = [0, 300, 5_000, 60_000][self.below(4)];
        let result = match turn {
            10..=22 => self.sim.queue(Command::Drain { command, idle_ms, deadline_ms }),
            23..=28 => self.sim.queue(Command::Pause { command }),
            _ => {
                let result = self.sim.queue(Command::Suspend { command });
                if result.is_ok() {
                    self.suspends.push(command);
                }
                result
            }
        };
        self.misused(result);
        if self.below(2) == 0 {
            self.sim.drain();
        }
    }

    /// Whatever was before, it goes on.
    pub(super) fn wake(&mut self) {
        let _ = self.sim.queue(Command::Hidden(false));
        let command = self.number();
        // Ends a drain.
        let result = self.sim.queue(Command::Pause { command });
        self.misused(result);
        let command = self.number();
        let result = self.sim.queue(Command::Drain { command, idle_ms: None, deadline_ms: u64::MAX / 2 });
        self.awake = Some(command).filter(|_| result.is_ok());
        self.misused(result);
        self.sim.drain();
    }

    /// Follows channels, or says something about events that may be there.
    fn follow(&mut self) {
        let number = self.number();
        let channel = CHANNELS[self.below(CHANNELS.len())];
        let other = CHANNELS[self.below(CHANNELS.len())];
        let start = [Start::New, Start::All, Start::After("3".to_owned())][self.below(3)].clone();
        let commit = [Commit::Processed, Commit::Delivered, Commit::Manual][self.below(3)];
        let on_invalid = [OnInvalid::All, OnInvalid::New, OnInvalid::Fail][self.below(3)];
        let (subscription, sequence) = self.some_event();
        let turn = self.below(4);
        let result = match turn {
            0 | 1 => {
                let starts = [start.clone(), start];
                self.sim.try_follow(number, &[channel, other], &starts, commit, on_invalid)
            }
            2 => {
                let handed = sequence;
                self.sim.queue(Command::Unsubscribe { command: number, subscription, handed, linger: false })
            }
            _ => self.sim.queue(Command::Commit {
                command: number,
                subscriptions: &[subscription, number],
                sequence,
            }),
        };
        // Other conditions, a glob with a position: nothing has happened.
        match result {
            Ok(()) if turn < 2 => self.subscriptions.push(number),
            Ok(()) if turn == 3 => self.commits.push(number),
            Ok(()) => {}
            Err(_) => self.numbers -= 1,
        }
        self.sim.drain();
    }

    pub(super) fn some_event(&mut self) -> (u32, u32) {
        let count = self.subscriptions.len();
        let index = self.below(count.max(1));
        let subscription = self.subscriptions.get(index).copied().unwrap_or(1);
        (subscription, self.below(self.sim.events.len() + 2) as u32)
    }

    pub(super) fn read(&mut self, events: usize) {
        for subscription in self.subscriptions.clone() {
            self.sim.take(subscription, events);
        }
    }
}
