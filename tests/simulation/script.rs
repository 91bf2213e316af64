//! The deeds of a recorded life, by their names.

use crate::schedule::Kind;
use crate::world::{Ev, World};

impl World {
    /// The record has come to this deed.
    pub fn recorded(&mut self, line: usize) {
        let what = self.choices.deed_name(line).to_owned();
        if self.calm && what != "close" {
            return;
        }
        // What the client does waits until there is one.
        let client = !matches!(self.kind_of(&what), Kind::Publish | Kind::Mishap | Kind::Token);
        if client && self.is_over() && self.kind_of(&what) != Kind::Restart {
            return self.after(1, Ev::Recorded(line));
        }
        if self.is_over() && client || !self.rests.allows(&what) {
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

    fn kind_of(&self, what: &str) -> Kind {
        match what {
            "publish" => Kind::Publish,
            "subscribe" | "unsubscribe" | "client publishes" | "send" => Kind::Act,
            "show" | "hide" | "rest" | "drain" => Kind::Rest,
            "crash" | "suspend" | "close" => Kind::Restart,
            "token revoked" => Kind::Token,
            _ => Kind::Mishap,
        }
    }

    /// Does it happen while the computer of the client sleeps?
    pub fn is_recorded_publish(&self, event: Ev) -> bool {
        matches!(event, Ev::Recorded(line) if self.choices.deed_name(line) == "publish")
    }
}
