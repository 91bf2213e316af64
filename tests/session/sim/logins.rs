//! Credentials: the tokens that are given, and how they are refused.

use cometd_edge::session::{Config, Input, Request};

use super::*;

pub const LOGIN: &str = "https://login.salesforce.com/cometd/67.0";
pub const EAST: &str = "https://east.my.salesforce.com/cometd/67.0";
pub const WEST: &str = "https://west.my.salesforce.com/cometd/67.0";

impl Sim {
    /// Salesforce's dialect, with replay and credentials; the question for the first token is open.
    pub fn salesforce() -> Self {
        Self::salesforce_with(|_| {})
    }

    pub fn salesforce_with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::with(|config| {
            config.authenticated().expect("https").salesforce();
            config.replay = true;
            configure(config);
        })
    }

    /// The same with a token, a session and a parked poll.
    pub fn logged_in() -> Self {
        Self::logged_in_with(|_| {})
    }

    pub fn logged_in_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut sim = Self::salesforce_with(configure);
        sim.token();
        sim.shake();
        sim.poll(CONNECTED);
        sim
    }

    /// The next token, good at the url of the configuration.
    pub fn token(&mut self) {
        self.token_at(URL);
    }

    pub fn token_at(&mut self, url: &str) {
        self.tokens += 1;
        self.given_for.push(url.to_owned());
        let access_token = format!("token-{}", self.tokens);
        self.input(Input::Token { number: self.tokens, access_token: &access_token, url });
    }

    /// Waits until the next token is asked for, and gives it.
    pub fn renew(&mut self) {
        while self.asked.len() <= self.tokens as usize {
            self.wait();
        }
        self.token();
    }

    /// The number of the token that the open request of this kind carries; 0 for none.
    pub fn carried(&self, kind: &str) -> u32 {
        carried(&self.request(kind))
    }
}

/// The number of the token that a request carries; 0 for none.
pub fn carried(request: &Request) -> u32 {
    let is = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("authorization");
    let Some((_, value)) = request.headers().iter().find(is) else { return 0 };
    value.strip_prefix("Bearer token-").and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The handshake is denied, for this reason of Salesforce's own.
pub fn denied(reason: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/handshake","successful":false,"error":"403::Handshake denied","advice":{{"reconnect":"none"}},"ext":{{"sfdc":{{"failureReason":"{reason}"}}}}}}]"#
    )
}

/// Refuses each handshake after 50 ms, and gives the next token as soon as it is wanted.
pub fn refuse_all(sim: &mut Sim, refuse: impl Fn(&mut Sim)) {
    for _ in 0..100 {
        if sim.closed.is_some() {
            return;
        }
        if sim.asked.len() > sim.tokens as usize {
            sim.token();
        } else if sim.try_open("handshake").is_some() {
            sim.advance(50);
            refuse(sim);
        } else {
            sim.wait();
        }
    }
    panic!("without end");
}
