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
        let pause = self.choices.chance.between(1, 2 * self.plan.mishap_every_ms);
        self.after(pause, Ev::Mishap);
        let kind = self.choices.chance.below(12);
        self.trace(|| format!("== mishap {kind}"));
        if let Some(plan) = self.plan.replay {
            let damage = plan.store_damage && self.choices.chance.chance(200);
            if damage && self.schedule.next(self.now, Kind::Mishap, "store damaged") {
                self.choices.deed(self.now, "store damaged");
                self.damage_store();
            }
            let moves = plan.org_moves && self.choices.chance.chance(150);
            if moves && self.schedule.next(self.now, Kind::Mishap, "org moves") {
                self.choices.deed(self.now, "org moves");
                self.move_org();
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
        self.choices.deed(self.now, what);
        self.befall(what, usize::try_from(kind.saturating_sub(3)).unwrap_or(0));
    }

    pub fn move_org(&mut self) {
        self.trace(|| "== the org moves".to_owned());
        self.server.dismiss_all(self.now, Dismissal::Forget);
        self.server.move_org(&mut self.choices);
    }

    /// `way` is how the server sends its sessions away.
    pub fn befall(&mut self, what: &str, way: usize) {
        match what {
            "server restarts" => {
                self.server.dismiss_all(self.now, Dismissal::Forget);
                if self.choices.choose("cuts", false, |rng| rng.chance(700)) {
                    self.cut_all();
                }
            }
            "server sends away" => {
                let ways =
                    [Dismissal::Kick("handshake"), Dismissal::Kick("retry"), Dismissal::Advise("handshake")];
                let way = self.choices.choose("way", 0, |_| way);
                self.server.dismiss_all(self.now, ways[way]);
            }
            "handshakes refused" => {
                if self.choices.choose("forgets", false, |rng| rng.chance(600)) {
                    self.server.dismiss_all(self.now, Dismissal::Forget);
                }
                let style = self.choices.choose("way", 0, |rng| rng.below(3));
                self.server.refusing = Refusing::Handshakes(style);
                let pause = self.choices.choose("for", 5_000, |rng| rng.between(1_000, 40_000));
                self.after(pause, Ev::Relent);
            }
            "everything refused" => {
                let seconds = self.choices.choose("retry-after", 0, |rng| rng.between(0, 20));
                self.server.refusing = Refusing::All(seconds);
                let pause = self.choices.choose("for", 5_000, |rng| rng.between(1_000, 20_000));
                self.after(pause, Ev::Relent);
            }
            "offline" => {
                let pause = self.choices.choose("for", 5_000, |rng| rng.between(1_000, 60_000));
                self.offline_until = self.now + pause;
                self.cut_all();
            }
            "sleep" => {
                let pause = self.choices.choose("for", 60_000, |rng| rng.between(5_000, 900_000));
                self.asleep_until = self.now + pause;
                for number in self.open() {
                    self.exchanges[number as usize].progress_at = self.asleep_until;
                }
                if self.choices.choose("cuts", false, |rng| rng.chance(500)) {
                    self.cut_all();
                }
            }
            "server ends it" => {
                let ways = [Dismissal::Kick("none"), Dismissal::Kick(""), Dismissal::Advise("none")];
                let way = self.choices.pick("way", &ways);
                self.server.dismiss_all(self.now, way);
            }
            _ => panic!("no deed is called {what}"),
        }
    }
}
