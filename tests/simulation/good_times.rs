//! The faults stop: the client has to be connected again in time, and a burst of events has to arrive whole.

use cometd_edge::session::State;

use crate::model_server::Refusing;
use crate::plan::AdviceStyle;
use crate::replay_plan::ReplayPlan;
use crate::world::{Ev, NETWORK_DELAY_MS, World};

/// Long enough for a burst of events to arrive in good times.
const SETTLE_MS: u64 = 30_000;

impl World {
    /// From here on nothing goes wrong any more.
    pub fn calm_down(&mut self) {
        self.trace(|| "== calm".to_owned());
        self.choices.about(|| "calm".to_owned());
        self.calm = true;
        self.offline_until = self.now.min(self.offline_until);
        self.server.calm = true;
        self.server.refusing = Refusing::Nothing;
        self.after(0, Ev::Read);
        self.repair_store();
        if self.plan.replay.is_some() && self.closed_at.is_none() && self.app.closed_at.is_none() {
            if self.choices.choose("crash", false, |rng| rng.chance(300)) {
                self.crash();
            } else {
                self.follow_all();
            }
        }
        self.rouse();
        self.burst_later();
    }

    pub fn burst_later(&mut self) {
        let bound = self.recovery_bound();
        self.burst_at = self.now + bound;
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
        // Logins under way, loads that hang, tokens that are refused twice.
        let replay = if self.plan.replay.is_some() { 150_000 } else { 0 };
        patience + retry + storm + proxy + replay
    }

    pub fn burst(&mut self) {
        if self.now < self.burst_at {
            return;
        }
        self.burst_at = u64::MAX;
        if self.closed_at.is_none() {
            assert_eq!(
                self.session.state(),
                State::Connected,
                "not connected again after the faults stopped"
            );
            self.checks.all_settled(self.now);
        }
        self.trace(|| "== burst".to_owned());
        self.choices.about(|| "burst".to_owned());
        self.checks.burst_from = self.server.published.len();
        for channel in crate::application::CHANNELS {
            for _ in 0..2 {
                self.server.publish(self.now, channel, &mut self.choices);
            }
        }
        self.after(SETTLE_MS, Ev::Finish);
    }

    pub fn finish(&mut self) {
        self.finished = true;
        if self.plan.replay.is_some() {
            assert!(self.closed_at.is_none(), "there is no client any more");
            self.promises.all_delivered(&self.server);
        } else {
            self.checks.losses(&self.server, self.cutoff(), true);
        }
        if self.plan.replay.is_none() {
            return self.close();
        }
        // Some more, so that saves are under way at the end.
        self.choices.about(|| "end".to_owned());
        for channel in crate::application::CHANNELS {
            self.server.publish(self.now, channel, &mut self.choices);
        }
        let pause = self.choices.choose("after", 1_000, |rng| rng.below(2_000));
        self.after(pause, Ev::Close);
    }

    /// What has been committed is saved before the last client ends (R5), unless an event is held for good, or the order
    /// of what came on two responses is not known.
    pub fn promises_at_close(&mut self) {
        let certain = |plan: &ReplayPlan| plan.forgets == 0 && !self.plan.rides;
        if self.finished && self.plan.replay.as_ref().is_some_and(certain) {
            self.must_be_stored = self.promises.must_be_stored(&self.server);
        }
    }

    pub fn all_is_stored(&self) {
        for (name, number) in &self.must_be_stored {
            let held = self.store.held.get(name).and_then(|id| self.server.number_of(id));
            // An older save that hung may have arrived behind it.
            let held = held.max(self.promises.stored(name));
            assert!(
                held >= Some(*number),
                "R5: {name} is closed with {held:?} in the store, {number} is done"
            );
        }
    }
}
