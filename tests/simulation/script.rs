//! The deeds of a recorded life, by their names.

use crate::schedule::Kind;
use crate::world::{Ev, World};

impl World {
    /// The record has come to this deed. What the application does at one time it does in one turn.
    pub fn recorded(&mut self, line: usize) {
        let deeds = self.choices.deeds();
        let acts = |line: &usize| kind_of(self.choices.deed_name(*line)) == Kind::Act;
        let together = (line..deeds.len()).take_while(|other| deeds[*other] == deeds[line] && acts(other));
        for line in line..line + together.count().max(1) {
            self.recorded_deed(line);
        }
    }

    fn recorded_deed(&mut self, line: usize) {
        let what = self.choices.deed_name(line).to_owned();
        if self.calm && what != "close" {
            return;
        }
        if self.is_over() && matches!(kind_of(&what), Kind::Act | Kind::Rest) {
            return self.waiting_deeds.push(line);
        }
        if self.is_over() && kind_of(&what) == Kind::Restart || !self.rests.allows(&what) {
            return;
        }
        self.choices.recorded_deed(self.now, line);
        match what.as_str() {
            "publish" => self.publish_on("/a/1"),
            "subscribe" => self.subscribe(),
            "unsubscribe" => self.unsubscribe(),
            "client publishes" => self.publish_one(),
            "send" => self.send_raw(),
            "show" | "hide" | "rest" | "drain" => self.rest_or_go_on(&what),
            "crash" | "suspend" | "close" => self.end_client(&what),
            "token revoked" => self.revoke_last(),
            "store damaged" => self.damage_store(),
            "org moves" => self.move_org(),
            _ => self.befall(&what, 0),
        }
    }

    /// What the record has for the beginning of a life.
    pub fn recorded_begin(&mut self) {
        let mut before = None;
        for (line, at) in self.choices.deeds().into_iter().enumerate() {
            let acts = kind_of(self.choices.deed_name(line)) == Kind::Act;
            if acts && at == 0 {
                self.waiting_deeds.push(line);
            } else if !acts || before != Some(at) {
                self.after(at, Ev::Recorded(line));
            }
            before = acts.then_some(at);
        }
    }

    /// What the client does waits until there is one.
    pub fn do_waiting_deeds(&mut self) {
        for line in core::mem::take(&mut self.waiting_deeds) {
            self.recorded_deed(line);
        }
    }

    /// Does it happen while the computer of the client sleeps?
    pub fn is_recorded_publish(&self, event: Ev) -> bool {
        matches!(event, Ev::Recorded(line) if self.choices.deed_name(line) == "publish")
    }
}

fn kind_of(what: &str) -> Kind {
    match what {
        "publish" => Kind::Publish,
        "subscribe" | "unsubscribe" | "client publishes" | "send" => Kind::Act,
        "show" | "hide" | "rest" | "drain" => Kind::Rest,
        "crash" | "suspend" | "close" => Kind::Restart,
        "token revoked" => Kind::Token,
        _ => Kind::Mishap,
    }
}
