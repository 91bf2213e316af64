//! What a request is made of: its url, headers and cookies (X1, X4), and the record of it.

use super::exchange::{Exchange, Kind};
use super::{Output, Request, RequestId, Session};
use crate::bayeux::decoder::{Bounds, Decoder};
use crate::http::endpoint::Endpoint;

impl Session {
    /// Sends `messages`, and gives the record of it, to be filled in and put into its lane.
    pub(super) fn send(&mut self, kind: Kind, messages: Vec<String>) -> Box<Exchange> {
        self.next_request = self.next_request.wrapping_add(1);
        let id = RequestId(self.next_request);
        let patience_ms = match kind {
            Kind::Connect => self.polling.timeout_ms().saturating_add(self.config.network_delay_ms),
            _ => self.config.network_delay_ms,
        };
        let target = self.target(kind);
        let headers = self.request_headers(kind, &target);
        self.emit(Output::Send(Request {
            id,
            url: target.href().to_owned(),
            headers,
            messages,
            kind: kind.as_str(),
        }));
        Box::new(Exchange {
            id,
            kind,
            epoch: self.epoch,
            token: self.tokens.number(),
            started: self.now,
            since: self.sound_until,
            deadline: self.now.after(patience_ms),
            latest: self.now.after(patience_ms.saturating_mul(2)),
            patience_ms,
            decoder: Decoder::new(Bounds {
                message_bytes: self.config.limits.message_bytes,
                ..Bounds::default()
            }),
            accepted: false,
            ended: false,
            held: false,
            held_at: self.now,
            inspecting: false,
            inspecting_event: false,
            events: 0,
            reply: None,
            disconnect: None,
            unknown_client: None,
            unauthorized: None,
            sent: Vec::new(),
            replays: false,
            overflow: false,
            parked: false,
        })
    }

    /// Where requests of this kind go.
    fn target(&self, kind: Kind) -> Endpoint {
        let endpoint = &self.config.endpoint;
        match kind {
            _ if !self.config.append_message_type => endpoint.clone(),
            Kind::Commands => endpoint.with_segment(""),
            kind => endpoint.with_segment(kind.as_str()),
        }
    }

    fn request_headers(&mut self, kind: Kind, target: &Endpoint) -> Vec<(String, String)> {
        let mut headers = self.config.headers.clone();
        for (name, value) in self.headers.take(kind.lane()) {
            headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
            headers.push((name, value));
        }
        headers.push(("Content-Type".to_owned(), "application/json;charset=UTF-8".to_owned()));
        if self.config.auth {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        }
        if let Some(bearer) = self.tokens.bearer() {
            headers.push(("Authorization".to_owned(), bearer.to_owned()));
        }
        if self.config.own_cookies
            && let Some(cookies) = self.jar.header(target, self.unix_ms(self.now))
        {
            headers.push(("Cookie".to_owned(), cookies));
        }
        headers
    }

    /// Keeps the cookies of a response (X4).
    pub(super) fn keep_cookies(&mut self, kind: Kind, headers: &[(String, String)]) {
        if !self.config.own_cookies {
            return;
        }
        let (unix_ms, from) = (self.unix_ms(self.now), self.target(kind));
        for (_, value) in headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            self.jar.store(value, &from, self.now, unix_ms);
        }
    }
}
