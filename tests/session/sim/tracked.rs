//! Tracked channels, and events with replay ids.

use cometd_edge::replay::{Commit, OnInvalid, Start};

use super::*;

pub const A: &str = "/event/A__e";
pub const B: &str = "/event/B__e";

impl Sim {
    /// A connected session whose subscription 1 tracks the channel from this position, or else from `start`.
    pub fn following(channel: &str, start: Start, position: Option<&str>) -> Self {
        let mut sim = Self::connected_with(|config| config.replay = true);
        sim.follow(1, channel, start);
        sim.load(channel, position);
        sim.confirm();
        sim.poll(CONNECTED);
        sim
    }
}

/// Subscription 1 tracks A, and the position in the store is 10.
pub fn following() -> Sim {
    Sim::following(A, Start::New, Some("10"))
}

/// The same, and positions count in this way.
pub fn following_as(commit: Commit) -> Sim {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow_as(1, A, Start::New, commit, OnInvalid::All);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    sim
}

/// These events of A come on the poll.
pub fn arrive(sim: &mut Sim, ids: &[&str]) {
    sim.poll(&with_events(&replayed(A, ids)));
}

/// The application is done with all events up to the one with this replay id.
pub fn done(sim: &mut Sim, subscription: u32, id: &str) {
    let sequence = sim.sequence(id);
    sim.done(subscription, sequence);
}

/// The store takes the position of A.
pub fn saved(sim: &mut Sim) -> String {
    sim.save(A)
}

/// The reply to the open subscribe, with events before it.
pub fn subscribed_with(channel: &str, sim: &Sim, ids: &[&str]) -> String {
    let reply = reply_to(&only(&sim.request("commands")), true);
    format!("[{}{reply}]", replayed(channel, ids))
}
