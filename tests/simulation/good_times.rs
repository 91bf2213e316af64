//! The faults stop: the client has to be connected again in time, and a burst of events has to arrive whole.

use cometd_edge::session::State;

use crate::model_server::Refusing;
use crate::plan::AdviceStyle;
use crate::world::{Ev, NETWORK_DELAY_MS, World};

/// Long enough for a burst of events to arrive in good times.
const SETTLE_MS: u64 = 30_000;

impl World {
    /// From here on nothing goes wrong any more.
    pub fn calm_down(&mut self) {
        self.trace(|| "== calm".to_owned());
        self.calm = true;
        self.server.calm = true;
        self.server.refusing = Refusing::Nothing;
        self.after(0, Ev::Read);
        let bound = self.recovery_bound();
        self.after(bound, Ev::Burst);
    }

    /// How long the client may need to be connected again: a poll in flight (S7), a retry (S8), the brakes on
    /// handshakes (S8a).
    fn recovery_bound(&self) -> u64 {
        let timeout = match self.plan.advice {
            AdviceStyle::Always => self.plan.timeout_ms,
            _ => 110_000,
        };
        let patience = timeout + 2 * NETWORK_DELAY_MS;
        let retry = 30_000 + NETWORK_DELAY_MS;
        let storm = 60_000.max(self.plan.session_window_ms) + 2 * NETWORK_DELAY_MS;
        let proxy = self.plan.proxy_age_ms.map_or(0, |age| 3 * age + 60_000);
        patience + retry + storm + proxy
    }

    pub fn burst(&mut self) {
        if self.closed_at.is_none() {
            assert_eq!(
                self.session.state(),
                State::Connected,
                "not connected again after the faults stopped"
            );
            self.checks.all_settled(self.now);
        }
        self.trace(|| "== burst".to_owned());
        self.checks.burst_from = self.server.published.len();
        for channel in crate::application::CHANNELS {
            for _ in 0..2 {
                self.server.publish(self.now, channel, &mut self.rng);
            }
        }
        self.after(SETTLE_MS, Ev::Finish);
    }

    pub fn finish(&mut self) {
        self.checks.losses(&self.server, self.cutoff(), true);
        if self.closed_at.is_none() {
            self.close();
        }
    }
}
