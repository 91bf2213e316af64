//! Headers that are asked for.

use cometd_edge::session::{Config, Input};

use super::*;

impl Sim {
    /// A client that asks for its headers, the first time already.
    pub fn asking() -> Self {
        Self::asking_with(|_| {})
    }

    pub fn asking_with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::with(|config| {
            config.asks_headers = true;
            configure(config);
        })
    }

    /// The same with a parked poll, which had the header `X-N: 3`.
    pub fn asking_connected() -> Self {
        Self::asking_connected_with(|_| {})
    }

    pub fn asking_connected_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut sim = Self::asking_with(configure);
        sim.give("1");
        sim.shake();
        sim.give("2");
        sim.poll(CONNECTED);
        sim.give("3");
        assert_eq!(sim.kinds(), ["connect"]);
        sim
    }

    /// Answers the oldest question.
    pub fn give_headers(&mut self, headers: &[(&str, &str)]) {
        let request = self.header_asks.remove(0);
        self.answer_headers(request, headers);
    }

    pub fn answer_headers(&mut self, request: u32, headers: &[(&str, &str)]) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<(String, String)> = headers.iter().map(own).collect();
        self.input(Input::Headers { request, answer: Ok(&headers) });
    }

    pub fn give(&mut self, number: &str) {
        self.give_headers(&[("X-N", number)]);
    }

    pub fn refuse_headers(&mut self, reason: &str) {
        let request = self.header_asks.remove(0);
        self.input(Input::Headers { request, answer: Err(reason) });
    }

    /// Waits until headers are asked for, and says how long that was.
    pub fn until_asked(&mut self) -> u64 {
        let from = self.now;
        while self.header_asks.is_empty() {
            self.wait();
        }
        self.now - from
    }
}
