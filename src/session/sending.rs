//! Composes requests: url, headers and cookies (X1, X4).

use super::exchange::{Departure, Flight, Kind};
use super::lanes::{Headers, HeadersState, LaneId};
use super::link::PendingDisconnect;
use super::tokens::Token;
use super::{Output, Request, Session};
use crate::bayeux::json::push_string;
use crate::bayeux::write;
use crate::http::cookie_text::check_cookies;
use crate::http::cookies::Giver;
use crate::http::endpoint::Endpoint;
use crate::http::headers::check_header;
use crate::text::joined;

/// How long the disconnect of an earlier session may take before the new handshake goes out (R7d).
pub(super) const PENDING_DISCONNECT_MS: u64 = 1_000;

/// Where a request goes, and what it carries.
struct Destination {
    endpoint: Endpoint,
    cookies: Option<String>,
    token: Option<Token>,
    epoch: u32,
    patience_ms: u64,
}

impl Session {
    /// Whether the headers for a request of this lane are there. If they must be asked for first, the answer must come
    /// within `within_ms`.
    #[inline(never)]
    pub(super) fn has_headers(&mut self, lane: LaneId, within_ms: u64) -> bool {
        match self.lanes.headers(lane, self.config.asks_headers, self.now, within_ms) {
            HeadersState::Ready => true,
            HeadersState::Awaited => false,
            HeadersState::Ask(number) => {
                self.emit(Output::Headers { request: number });
                false
            }
        }
    }

    /// Checks headers and puts the cookies among them into the jar.
    pub(super) fn checked_headers(&mut self, given: &[(String, String)]) -> Result<Headers, String> {
        let (mut headers, mut cookies) = (Headers::new(), Vec::new());
        for (name, value) in given {
            let bad = |why: &str| {
                let mut named = String::new();
                push_string(&mut named, name);
                joined(&[&named, ": ", why], "")
            };
            check_header(name, value).map_err(|error| bad(error.as_str()))?;
            if !name.eq_ignore_ascii_case("cookie") {
                headers.push((name.clone(), value.clone()));
            } else if self.config.own_cookies {
                check_cookies(value).map_err(|error| bad(error.as_str()))?;
                cookies.push(value.as_str());
            } else {
                return Err(bad("the host keeps the cookies, and sends no others"));
            }
        }
        self.give_cookies(Giver::Headers, &joined(&cookies, "; "));
        Ok(headers)
    }

    /// Puts the caller's own cookies into the jar (X4).
    pub(super) fn give_cookies(&mut self, giver: Giver, text: &str) {
        self.link.give_cookies(giver, text, self.now, self.unix_ms(self.now));
    }

    /// Sends a request of the session in progress, or the handshake of the next one.
    #[inline(never)]
    pub(super) fn send(&mut self, kind: Kind, messages: Vec<String>) -> Box<Flight> {
        let extra_ms = if kind == Kind::Connect { self.poll.timeout_ms() } else { 0 };
        let endpoint = self.target(self.link.endpoint(), kind);
        let destination = Destination {
            cookies: self.link.jar().and_then(|jar| jar.header(&endpoint, self.unix_ms(self.now))),
            endpoint,
            token: self.tokens.current().cloned(),
            epoch: self.link.epoch(),
            patience_ms: self.config.network_delay_ms.saturating_add(extra_ms),
        };
        self.send_to(destination, kind, messages)
    }

    /// Disconnects a session that was given up, with its own cookies.
    pub(super) fn send_pending_disconnect(&mut self, pending: PendingDisconnect) -> Box<Flight> {
        let PendingDisconnect { client_id, jar, endpoint, token } = pending;
        // A token goes to no instance but its own (S10a).
        let moved = endpoint != *self.link.endpoint();
        let endpoint = self.target(&endpoint, Kind::Disconnect);
        let destination = Destination {
            cookies: jar.and_then(|jar| jar.header(&endpoint, self.unix_ms(self.now))),
            endpoint,
            token: if moved { token } else { self.tokens.current().cloned() },
            // Cookies and advice of the response are not used.
            epoch: self.link.epoch().wrapping_sub(1),
            patience_ms: PENDING_DISCONNECT_MS,
        };
        let id = self.lanes.next_message_id();
        self.send_to(destination, Kind::Disconnect, vec![write::disconnect(&id, &client_id)])
    }

    /// Keeps the cookies of a response (X4).
    pub(super) fn keep_cookies(&mut self, kind: Kind, headers: &[(String, String)]) {
        let (unix_ms, from) = (self.unix_ms(self.now), self.target(self.link.endpoint(), kind));
        self.link.keep_cookies(headers, &from, self.now, unix_ms);
    }

    fn send_to(&mut self, destination: Destination, kind: Kind, messages: Vec<String>) -> Box<Flight> {
        let id = self.lanes.next_request();
        let lane = if kind == Kind::Commands { LaneId::Commands } else { LaneId::Session };
        let mut headers = self.config.headers.clone();
        for (name, value) in self.lanes.take_headers(lane) {
            headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
            headers.push((name, value));
        }
        headers.push(("Content-Type".to_owned(), "application/json;charset=UTF-8".to_owned()));
        if self.config.auth {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        }
        let bearer = destination.token.as_ref().map(Token::bearer);
        headers.extend(bearer.map(|bearer| ("Authorization".to_owned(), bearer.to_owned())));
        headers.extend(destination.cookies.map(|cookies| ("Cookie".to_owned(), cookies)));
        let url = destination.endpoint.href().to_owned();
        self.emit(Output::Send(Request { id, url, headers, messages, kind: kind.as_str() }));
        Box::new(Flight::new(Departure {
            id,
            epoch: destination.epoch,
            token: self.tokens.number(),
            now: self.now,
            since: self.losses.verified_until(),
            arrived: self.book.arrived(),
            patience_ms: destination.patience_ms,
            message_bytes: self.config.limits.message_bytes,
        }))
    }

    /// Where requests of this kind go.
    fn target(&self, endpoint: &Endpoint, kind: Kind) -> Endpoint {
        match kind {
            _ if !self.config.append_message_type => endpoint.clone(),
            Kind::Commands => endpoint.with_segment(""),
            kind => endpoint.with_segment(kind.as_str()),
        }
    }
}
