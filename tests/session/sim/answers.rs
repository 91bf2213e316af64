//! Requests, and what the server answers to them.

use cometd_edge::session::{Input, Request, RequestId};
use serde_json::Value;

use super::*;

impl Sim {
    pub fn try_open(&self, kind: &str) -> Option<Request> {
        self.open.iter().find(|request| request.kind() == kind).cloned()
    }

    pub fn request(&self, kind: &str) -> Request {
        let kinds: Vec<&str> = self.open.iter().map(Request::kind).collect();
        self.try_open(kind).unwrap_or_else(|| panic!("no {kind} is open, but {kinds:?}"))
    }

    /// Waits until a request of this kind is open, and says how long that was.
    pub fn until_open(&mut self, kind: &str) -> u64 {
        let from = self.now;
        for _ in 0..1_000 {
            if self.try_open(kind).is_some() {
                return self.now - from;
            }
            self.wait();
        }
        let kinds: Vec<&str> = self.open.iter().map(Request::kind).collect();
        panic!("no {kind} ever opens, but {kinds:?}");
    }

    pub fn head(&mut self, id: RequestId, status: u16) {
        self.head_with(id, status, &[]);
    }

    pub fn head_with(&mut self, id: RequestId, status: u16, headers: &[(&str, &str)]) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<(String, String)> = headers.iter().map(own).collect();
        self.input(Input::Head { request: id, status, headers: &headers });
    }

    pub fn chunk(&mut self, id: RequestId, bytes: &str) {
        self.input(Input::Chunk { request: id, bytes: bytes.as_bytes() });
    }

    pub fn end(&mut self, id: RequestId) {
        self.open.retain(|request| request.id() != id);
        self.input(Input::End { request: id });
    }

    /// A whole reply to the open request of this kind.
    pub fn answer(&mut self, kind: &str, body: &str) {
        let id = self.request(kind).id();
        self.head(id, 200);
        self.chunk(id, body);
        self.end(id);
    }

    /// A head and part of a body.
    pub fn begin(&mut self, kind: &str, body: &str) -> RequestId {
        let id = self.request(kind).id();
        self.head(id, 200);
        self.chunk(id, body);
        id
    }

    pub fn answer_status(&mut self, kind: &str, status: u16) {
        let id = self.request(kind).id();
        self.head(id, status);
    }

    pub fn fail(&mut self, kind: &str) {
        let id = self.request(kind).id();
        self.fail_id(id);
    }

    pub fn fail_id(&mut self, id: RequestId) {
        self.open.retain(|request| request.id() != id);
        self.input(Input::Failed { request: id, reason: "connection reset" });
    }

    /// The transport gives something that is no response.
    pub fn misfit(&mut self, kind: &str) {
        let id = self.request(kind).id();
        self.open.retain(|request| request.id() != id);
        self.input(Input::Unreadable { request: id, given: "no body" });
    }

    /// A part of a body, then a cut.
    pub fn cut(&mut self, kind: &str, body: &str) {
        let id = self.begin(kind, body);
        self.fail_id(id);
    }

    /// The handshake succeeds.
    pub fn shake(&mut self) {
        self.answer("handshake", &handshake("client-1", ""));
    }

    /// The session is disconnected.
    pub fn disconnect(&mut self) {
        self.answer("disconnect", "[]");
    }

    /// The poll is answered.
    pub fn poll(&mut self, body: &str) {
        self.answer("connect", body);
    }

    /// Says yes to every open command.
    pub fn confirm(&mut self) {
        self.reply_to_commands(|_| true);
    }

    /// Answers each open command, with yes or no.
    pub fn reply_to_commands(&mut self, accept: impl Fn(&Value) -> bool) {
        let request = self.request("commands");
        let replies: Vec<Value> =
            messages(&request).iter().map(|message| reply_to(message, accept(message))).collect();
        self.answer("commands", &Value::Array(replies).to_string());
    }

    /// Refuses each open command, with more members.
    pub fn refuse(&mut self, error: &str, more: &str) {
        let replies: Vec<String> = messages(&self.request("commands"))
            .iter()
            .map(|message| {
                let mut reply = reply_to(message, false);
                reply["error"] = error.into();
                let text = reply.to_string();
                format!("{}{more}}}", text.strip_suffix('}').expect("an object"))
            })
            .collect();
        self.answer("commands", &format!("[{}]", replies.join(",")));
    }

    /// Ends the open session, and answers its disconnect and the next handshake.
    pub fn new_session(&mut self) {
        for _ in 0..100 {
            if self.try_open("disconnect").is_some() {
                self.answer("disconnect", "[]");
            } else if self.try_open("handshake").is_some() {
                let client_id = format!("client-{}", self.sent.len());
                return self.answer("handshake", &handshake(&client_id, ""));
            } else {
                self.wait();
            }
        }
        panic!("no handshake");
    }
}
