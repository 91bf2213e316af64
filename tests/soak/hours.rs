//! The course of an hour: a guest comes, everything goes wrong once, the guest goes, and all comes to rest.

use std::fmt;

use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::{Command, Input, ReplayOptions, State};

use crate::allocations::live_bytes;
use crate::faults::Fault;
use crate::life::{Dialect, Life};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const FAULT_EVERY: u64 = 3 * MINUTE;
const HIDDEN_FOR: u64 = 5 * MINUTE;

/// Nothing happens on the last day of each week.
const WEEK: u64 = 7;

/// Followed all the time, and for most of each hour.
const ALWAYS: [&str; 2] = ["/event/A__e", "/event/B__e"];
const GUEST: &str = "/event/C__e";

/// A life whose channels are subscribed, and its last number.
pub struct Hours {
    life: Life,
    numbers: u32,
}

impl Hours {
    pub fn new(dialect: Dialect) -> Self {
        let life = Life::new(dialect, &[ALWAYS[0], ALWAYS[1], GUEST]);
        let mut hours = Self { life, numbers: 0 };
        for channel in ALWAYS {
            hours.subscribe(channel);
        }
        hours
    }

    pub fn live(&mut self, hour: u64, faults: &[Fault]) {
        let start = hour * HOUR;
        let quiet = (hour / 24) % WEEK == WEEK - 1;
        self.life.publishing = !quiet;
        if !quiet {
            self.life.run_until(start + MINUTE);
            if self.life.dialect == Dialect::Plain {
                self.life.seen.begins(GUEST);
            }
            let guest = self.subscribe(GUEST);
            for (fault, at) in faults.iter().zip((start + 2 * MINUTE..).step_by(FAULT_EVERY as usize)) {
                self.life.run_until(at);
                self.life.run_until_at_rest();
                fault.strike(&mut self.life);
            }
            self.life.run_until(start + 50 * MINUTE);
            self.life.run_until_at_rest();
            self.leave(guest);
        }
        self.life.run_until(start + 55 * MINUTE);
        self.rest();
        assert!(self.life.now < start + HOUR, "it is late");
    }

    /// Nothing that was published is under way.
    fn rest(&mut self) {
        self.life.run_until_at_rest();
        if self.life.publishing {
            self.life.publish();
            self.life.run_until_at_rest();
        }
        let Life { server, seen, waiting, .. } = &self.life;
        assert!(waiting.is_empty(), "these never settled: {waiting:?}");
        assert_eq!(self.life.state(), State::Connected);
        for (name, last) in server.channels.iter().filter(|(name, _)| *name != GUEST) {
            assert_eq!(seen.last(name), Some(*last), "{name}");
        }
        if self.life.dialect == Dialect::Salesforce {
            assert_eq!(seen.lost, 0, "events lost with replay");
        }
    }

    /// The bytes that this thread holds: the session, and a world around it that does not grow.
    pub fn held(&self) -> isize {
        live_bytes()
    }

    /// All of it is given back.
    pub fn close(mut self) {
        self.life.input(Input::Command(Command::Close));
        self.life.run_until(self.life.now + 10_000);
        assert_eq!(self.life.state(), State::Closed);
    }

    fn subscribe(&mut self, channel: &str) -> u32 {
        let subscription = self.number();
        let replay =
            ReplayOptions { starts: &[Start::All], commit: Commit::Processed, on_invalid: OnInvalid::All };
        let replay = (self.life.dialect == Dialect::Salesforce).then_some(replay);
        let channels = [channel.to_owned()];
        self.life.input(Input::Command(Command::Subscribe { subscription, channels: &channels, replay }));
        subscription
    }

    fn leave(&mut self, subscription: u32) {
        let command = self.number();
        self.life.input(Input::Command(Command::Unsubscribe {
            command,
            subscription,
            handed: u32::MAX,
            linger: false,
        }));
        if self.life.dialect == Dialect::Plain {
            let command = self.number();
            self.life.input(Input::Command(Command::Publish { command, channel: "/other", data: "{}" }));
        }
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.life.waiting.push(self.numbers);
        self.numbers
    }
}

impl Life {
    /// Nobody sees the page for some minutes.
    pub fn hide(&mut self) {
        self.hidden(true);
        self.show_in(HIDDEN_FOR);
    }

    pub fn hidden(&mut self, hidden: bool) {
        self.input(Input::Command(Command::Hidden(hidden)));
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seen, server) = (&self.life.seen, &self.life.server);
        write!(
            f,
            "{} events, {} of them again, {} named by {} gaps, {} sessions, {} tokens",
            seen.events, seen.again, seen.lost, seen.gaps, server.sessions, self.life.tokens
        )
    }
}
