//! Sessions that have come so far already.

use cometd_edge::session::{Command, Config};

use super::*;

impl Sim {
    /// A session whose handshake is open.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(URL).expect("a good url");
        configure(&mut config);
        Self::of(config, 42)
    }

    /// A session with a parked poll.
    pub fn connected() -> Self {
        Self::connected_with(|_| {})
    }

    pub fn connected_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut sim = Self::with(configure);
        sim.shake();
        sim.poll(CONNECTED);
        sim
    }

    /// The same with the acknowledgement extension.
    pub fn acknowledged() -> Self {
        Self::acknowledged_with(|_| {})
    }

    pub fn acknowledged_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut sim = Self::with(configure);
        sim.answer("handshake", &handshake("client-1", r#","ext":{"ack":true}"#));
        sim.poll(&poll_reply("", 1));
        sim
    }

    /// A connected session that is subscribed to these, each by a subscription of its own: 1, 2, …
    pub fn subscribed(channels: &[&str]) -> Self {
        let mut sim = Self::connected();
        for (number, channel) in (1..).zip(channels) {
            let channels = [(*channel).to_owned()];
            sim.queue(Command::Subscribe { subscription: number, channels: &channels, replay: None })
                .expect("not a misuse");
        }
        sim.drain();
        sim.confirm();
        sim
    }
}
