//! What befalls server, network and computer.

use crate::dismissal::Dismissal;
use crate::model_server::Refusing;
use crate::schedule::Kind;
use crate::world::{Ev, World};

impl World {
    pub fn mishap(&mut self) {
        if self.calm {
            return;
        }
        let pause = self.rng.between(1, 2 * self.plan.mishap_every_ms);
        self.after(pause, Ev::Mishap);
        let kind = self.rng.below(12);
        self.trace(|| format!("== mishap {kind}"));
        if let Some(plan) = self.plan.replay {
            let damage = plan.store_damage && self.rng.chance(200);
            if damage && self.schedule.next(self.now, Kind::Mishap, "store damaged") {
                self.damage_store();
            }
            let moves = plan.org_moves && self.rng.chance(150);
            if moves && self.schedule.next(self.now, Kind::Mishap, "org moves") {
                self.trace(|| "== the org moves".to_owned());
                self.server.dismiss_all(self.now, Dismissal::Forget);
                self.server.move_org(&mut self.rng);
            }
        }
        let what = match kind {
            0..=2 => "server restarts",
            3..=5 => "server sends away",
            6 | 7 => "handshakes refused",
            8 => "everything refused",
            9 => "offline",
            10 if self.plan.sleeps => "sleep",
            11 if self.plan.may_end => "server ends it",
            _ => return,
        };
        if !self.schedule.next(self.now, Kind::Mishap, what) {
            return;
        }
        match kind {
            0..=2 => {
                self.server.dismiss_all(self.now, Dismissal::Forget);
                if self.rng.chance(700) {
                    self.cut_all();
                }
            }
            3 => self.server.dismiss_all(self.now, Dismissal::Kick("handshake")),
            4 => self.server.dismiss_all(self.now, Dismissal::Kick("retry")),
            5 => self.server.dismiss_all(self.now, Dismissal::Advise("handshake")),
            6 | 7 => {
                if self.rng.chance(600) {
                    self.server.dismiss_all(self.now, Dismissal::Forget);
                }
                self.server.refusing = Refusing::Handshakes(self.rng.below(3));
                let pause = self.rng.between(1_000, 40_000);
                self.after(pause, Ev::Relent);
            }
            8 => {
                self.server.refusing = Refusing::All(self.rng.between(0, 20));
                let pause = self.rng.between(1_000, 20_000);
                self.after(pause, Ev::Relent);
            }
            9 => {
                self.offline_until = self.now + self.rng.between(1_000, 60_000);
                self.cut_all();
            }
            10 if self.plan.sleeps => {
                self.asleep_until = self.now + self.rng.between(5_000, 900_000);
                for number in self.open() {
                    self.exchanges[number as usize].progress_at = self.asleep_until;
                }
                if self.rng.chance(500) {
                    self.cut_all();
                }
            }
            11 if self.plan.may_end => {
                let kind =
                    self.rng.pick(&[Dismissal::Kick("none"), Dismissal::Kick(""), Dismissal::Advise("none")]);
                self.server.dismiss_all(self.now, kind);
            }
            _ => {}
        }
    }
}
