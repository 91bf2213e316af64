//! Clients that drain, pause, hide and suspend.

use cometd_edge::replay::Start;
use cometd_edge::session::{Command, Config};

use super::*;

pub const HOUR_MS: u64 = 3_600_000;

impl Sim {
    pub fn drain_for(&mut self, command: u32, idle_ms: Option<u64>, deadline_ms: u64) {
        self.command(Command::Drain { command, idle_ms, deadline_ms });
    }

    pub fn pause(&mut self, command: u32) {
        self.command(Command::Pause { command });
    }

    /// The client pauses, unless it has something to end first.
    pub fn pause_now(&mut self) {
        self.drain_for(800, None, 0);
        self.left_for_replay();
        assert!(self.result(800).is_some());
        assert_eq!(self.states.last(), Some(&State::Suspended));
    }

    /// The server takes the disconnect, if the next session is to bring what may be lost.
    pub fn left_for_replay(&mut self) {
        if self.try_open("disconnect").is_some() {
            self.answer("disconnect", "[]");
        }
    }

    pub fn hide(&mut self) {
        self.command(Command::Hidden(true));
    }

    pub fn show(&mut self) {
        self.command(Command::Hidden(false));
    }

    pub fn suspend(&mut self, command: u32) {
        self.command(Command::Suspend { command });
    }

    /// Suspends the client at once, and gives its snapshot.
    pub fn snapshot(&mut self) -> String {
        self.suspend(900);
        self.left_for_replay();
        self.ok(900)[0].clone()
    }

    /// A client that takes this up.
    pub fn resumed(snapshot: &str) -> Self {
        Self::resumed_with(snapshot, |_| {})
    }

    pub fn resumed_with(snapshot: &str, configure: impl FnOnce(&mut Config)) -> Self {
        Self::resumed_at(snapshot, 0, configure)
    }

    pub fn resumed_at(snapshot: &str, now: u64, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(URL).expect("a good url");
        configure(&mut config);
        config.resume(snapshot).expect("a snapshot");
        Self::of_at(config, 42, now)
    }

    /// Nothing is in flight, and nothing is sent by itself.
    pub fn is_quiet(&mut self) {
        let sent = self.sent.len();
        assert_eq!(self.kinds(), [""; 0]);
        self.advance(HOUR_MS);
        assert_eq!(self.sent.len(), sent, "sent while paused");
    }

    /// Cause, and when the range begins, of each gap of this channel.
    pub fn gaps_of(&self, channel: &str) -> Vec<(GapCause, u64)> {
        let gap = |status: &Status| match status {
            Status::Gap { channel: known, cause, since_unix_ms, .. } if known == channel => {
                Some((*cause, *since_unix_ms))
            }
            _ => None,
        };
        self.statuses.iter().filter_map(gap).collect()
    }
}

/// Unix time at which the first client begins.
pub const FIRST: u64 = 1_000_000;
/// The same of the second.
pub const SECOND: u64 = 9_000_000;

/// The snapshot of a client with these channels, and nothing in flight.
pub fn snapshot_of(channels: &[&str]) -> String {
    let mut sim = Sim::with(|config| config.unix_ms_at_zero = FIRST);
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "BAYEUX_BROWSER=b1; Path=/")]);
    sim.chunk(id, &handshake("client-1", ""));
    sim.end(id);
    sim.poll(CONNECTED);
    sim.subscribe(1, channels);
    sim.confirm();
    sim.poll(&advised(r#"{"reconnect":"retry","interval":5000}"#));
    sim.snapshot()
}

/// The same, but a poll was aborted.
pub fn snapshot_with_an_aborted_poll(channels: &[&str]) -> String {
    let mut sim = Sim::connected_with(|config| config.unix_ms_at_zero = FIRST);
    sim.subscribe(1, channels);
    sim.confirm();
    sim.snapshot()
}

/// The snapshot of a client that tracked A from this position on.
pub fn snapshot_at(position: Option<&str>) -> String {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.unix_ms_at_zero = FIRST;
    });
    sim.follow(1, A, Start::New);
    sim.load(A, position);
    sim.confirm();
    sim.poll(CONNECTED);
    sim.snapshot()
}

pub fn resumed(snapshot: &str) -> Sim {
    Sim::resumed_with(snapshot, |config| {
        config.replay = true;
        config.unix_ms_at_zero = SECOND;
    })
}
