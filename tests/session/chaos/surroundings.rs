//! What the server, the store, the login and the extensions answer, with faults and without.

use cometd_edge::replay::Position;
use cometd_edge::session::Input;

use super::Chaos;
use crate::sim::*;

impl Chaos {
    /// Answers of the store, the login and the application: in any order, to numbers that may be nobody's, twice.
    pub(super) fn outside(&mut self) {
        let request = match self.below(3) {
            0 => self.below(40) as u32,
            1 => self.sim.loads.last().map_or(0, |(request, _)| *request),
            _ => self.sim.saves.last().map_or(0, |(request, _, _)| *request),
        };
        let (subscription, sequence) = self.some_event();
        let position = |replay_id: &str| Position { replay_id: replay_id.to_owned(), created_date: None };
        match self.below(12) {
            0 => self.sim.input(Input::Loaded { request, result: Ok(None) }),
            1 => self.sim.input(Input::Loaded { request, result: Ok(Some(position("5"))) }),
            2 => self.sim.input(Input::Loaded { request, result: Err(("out of order", false)) }),
            3 if self.below(4) == 0 => {
                self.sim.input(Input::Loaded { request, result: Ok(Some(position(""))) });
            }
            3 | 4 => self.sim.input(Input::Saved { request, problem: None }),
            5 => self.sim.input(Input::Saved { request, problem: Some("out of order") }),
            6 => {
                let retry = [Some(true), Some(false), None][self.below(3)];
                let asked = self.sim.decisions.last().map_or(request, |(request, _, _)| *request);
                self.sim.input(Input::Decided { request: asked, retry });
            }
            7 => self.sim.token(),
            8 => {
                let retryable = self.below(20) != 0;
                self.sim.input(Input::TokenFailed { message: "out of order", retryable });
            }
            9 => {
                let number = (self.sim.tokens + 1).saturating_sub(self.below(3) as u32);
                self.sim.input(Input::TokenRefused { number });
            }
            turn => self.sim.input(Input::Progress { subscription, sequence, done: turn == 10 }),
        }
    }

    /// The store and the login work, and the application is done with all that it has.
    pub(super) fn serve(&mut self) {
        self.sim.token();
        for (request, _) in std::mem::take(&mut self.sim.loads) {
            self.sim.input(Input::Loaded { request, result: Ok(None) });
        }
        for (request, _, _) in std::mem::take(&mut self.sim.decisions) {
            self.sim.input(Input::Decided { request, retry: None });
        }
        let sequence = self.sim.events.last().map_or(0, |event| event.sequence);
        for subscription in self.subscriptions.clone() {
            for done in [false, true] {
                self.sim.input(Input::Progress { subscription, sequence, done });
            }
        }
        self.sim.save_all();
    }

    /// What a server may say instead of yes.
    fn no(&mut self, kind: &str) -> String {
        let words = [
            STALE,
            BUSY,
            EXPIRED,
            "403::Unknown client",
            "403::Organization total events daily limit exceeded",
            "400::The replayId for channel {/a} wasn't found using the provided replay ID map {{}}.",
        ][self.below(6)];
        let none = self.below(10) == 0;
        let replies: Vec<String> = messages(&self.sim.request(kind))
            .iter()
            .map(|message| {
                let mut reply = reply_to(message, false);
                reply["error"] = words.into();
                if none {
                    reply["advice"] = serde_json::json!({ "reconnect": "none" });
                }
                reply.to_string()
            })
            .collect();
        format!("[{}]", replies.join(","))
    }

    /// Gives the headers that are asked for, or says no, or nothing; also where nobody waits for them any more.
    fn give_headers(&mut self, faulty: bool) {
        for request in std::mem::take(&mut self.sim.header_asks) {
            match if faulty { self.below(8) } else { 0 } {
                0..=4 => self.sim.answer_headers(request, &[("X-N", "1"), ("Cookie", "a=1")]),
                5 => self.sim.answer_headers(request, &[("X N", "1")]),
                6 => self.sim.input(Input::Headers { request, answer: Err("out of order") }),
                _ => {}
            }
        }
    }

    pub(super) fn extend(&mut self, faulty: bool) {
        self.give_headers(faulty);
        while !self.sim.inspects.is_empty() {
            let (request, message) = self.sim.inspects.remove(0);
            let dropped = faulty && self.below(20) == 0;
            self.sim
                .input(Input::Inspected { request, message: Some(message.as_str()).filter(|_| !dropped) });
        }
    }

    /// What an honest server answers, with some events.
    fn honest(&mut self, kind: &str) -> String {
        let some = self.below(4) as u32;
        let channel = ["/a", "/b/x", "/c/d", "/nobody"][self.below(4)];
        let batch = if self.follows {
            // A few numbers, so that many come twice.
            let ids: Vec<String> = (0..some).map(|_| self.below(60).to_string()).collect();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            replayed(channel, &ids)
        } else {
            events(channel, 0..some)
        };
        match kind {
            "handshake" => {
                let ack = ["", r#","ext":{"ack":true}"#][self.below(2)];
                handshake(&format!("client-{}", self.sim.sent.len()), ack)
            }
            "connect" => poll_reply(&batch, self.sim.sent.len() as u32),
            "disconnect" => format!("[{}]", batch.trim_end_matches(',')),
            _ => {
                let replies: Vec<String> = messages(&self.sim.request(kind))
                    .iter()
                    .map(|message| reply_to(message, true).to_string())
                    .collect();
                format!("[{batch}{}]", replies.join(","))
            }
        }
    }

    pub(super) fn answer(&mut self, faulty: bool) {
        let kinds = self.sim.kinds();
        if kinds.is_empty() {
            return;
        }
        let kind = kinds[self.below(kinds.len())];
        let body = self.honest(kind);
        let cut = self.below(body.len());
        let unknown = messages(&self.sim.request(kind))
            .iter()
            .map(|message| reply_to(message, false).to_string().replace("403::denied", UNKNOWN))
            .collect::<Vec<String>>();
        let kinds_of_faults = if self.follows { 17 } else { 14 };
        match if faulty { self.below(kinds_of_faults) } else { 0 } {
            14.. => {
                let body = self.no(kind);
                self.sim.answer(kind, &body);
            }
            0..=4 => self.sim.answer(kind, &body),
            5 => self.sim.fail(kind),
            6 => self.sim.cut(kind, &body[..cut]),
            7 => self.sim.answer(kind, &body[..cut]),
            8 => self.sim.answer_status(kind, [302, 404, 408, 500, 503][cut % 5]),
            9 => self.sim.answer(kind, ["", "[]", "{}", "<html>", "[{]"][cut % 5]),
            10 => self.sim.answer(kind, &format!("[{}]", unknown.join(","))),
            11 if kind == "commands" => {
                self.sim.reply_to_commands(|message| message["id"].as_str() > Some("3"))
            }
            11 => self.sim.answer(kind, &refused("500::x", "")),
            12 if kind == "connect" => self.sim.answer(kind, &advised(r#"{"reconnect":"handshake"}"#)),
            12 => {
                self.sim.begin(kind, &body[..cut]);
            }
            _ => self.sim.advance(cut as u64 * 100),
        }
    }
}
