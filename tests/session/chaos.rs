//! Commands, faults and time in an order drawn by a seed: whatever happens, every command settles once, every
//! subscription ends once, and when the faults stop the session recovers.

use cometd_edge::session::{Command, Config, Input, Inspect, State};

use crate::sim::*;

const CHANNELS: [&str; 6] = ["/a", "/b", "/b/*", "/c/**", "/c/d", "/service/s"];

struct Chaos {
    sim: Sim,
    random: u64,
    /// Commands and subscriptions so far; they share one sequence.
    numbers: u32,
    subscriptions: Vec<u32>,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut chaos = Self {
            sim: Sim::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            numbers: 0,
            subscriptions: Vec::new(),
        };
        let mut config = Config::new(URL).expect("a good url");
        config.limits.queued_events = [4, 10_000][chaos.below(2)];
        config.limits.request_bytes = [200, 32_768][chaos.below(2)];
        config.inspect = [Inspect::None, Inspect::None, Inspect::Meta, Inspect::All][chaos.below(4)];
        config.retry.handshakes_per_minute = 1_000;
        config.retry.session_window_ms = 1;
        config.retry.max_retries = Some(1_000);
        chaos.sim = Sim::of(config, seed);
        chaos
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 33) as usize % bound
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    /// Something that the application wants; half of the time with others in the same turn.
    fn want(&mut self) {
        let number = self.number();
        let channel = CHANNELS[self.below(CHANNELS.len())].to_owned();
        let other = CHANNELS[self.below(CHANNELS.len())].to_owned();
        let raw = [r#"{"channel":"/r","data":1}"#.to_owned(), r#"{"channel":"/r","data":2}"#.to_owned()];
        let result = match self.below(6) {
            0..=2 => {
                self.subscriptions.push(number);
                self.sim.queue(Command::Subscribe {
                    subscription: number,
                    channels: &[channel, other],
                    follow: None,
                })
            }
            3 if !self.subscriptions.is_empty() => {
                let index = self.below(self.subscriptions.len());
                let subscription = self.subscriptions[index];
                self.sim.queue(Command::Unsubscribe { command: number, subscription, handed: 0 })
            }
            4 => self.sim.queue(Command::Send { command: number, messages: &raw }),
            _ => self.sim.queue(Command::Publish { command: number, channel: "/a", data: "{}" }),
        };
        result.expect("not a misuse");
        if self.below(2) == 0 {
            self.sim.drain();
        }
    }

    fn extend(&mut self, faulty: bool) {
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
        match kind {
            "handshake" => {
                let ack = ["", r#","ext":{"ack":true}"#][self.below(2)];
                handshake(&format!("client-{}", self.sim.sent.len()), ack)
            }
            "connect" => poll_reply(&events(channel, 0..some), self.sim.sent.len() as u32),
            "disconnect" => "[]".to_owned(),
            _ => {
                let replies: Vec<String> = messages(&self.sim.request(kind))
                    .iter()
                    .map(|message| reply_to(message, true).to_string())
                    .collect();
                format!("[{}{}]", events(channel, 0..some), replies.join(","))
            }
        }
    }

    fn answer(&mut self, faulty: bool) {
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
        match if faulty { self.below(14) } else { 0 } {
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

    fn read(&mut self, events: usize) {
        for subscription in self.subscriptions.clone() {
            self.sim.take(subscription, events);
        }
    }

    fn step(&mut self) {
        match self.below(8) {
            0 | 1 => self.want(),
            2 => {
                let events = self.below(3);
                self.read(events);
            }
            3 => {
                let ms = self.below(20_000) as u64;
                self.sim.drain();
                self.sim.advance(ms);
            }
            _ => {
                self.sim.drain();
                self.answer(true);
            }
        }
        if self.below(3) != 0 {
            self.extend(true);
        }
    }

    /// No faults, and a reader that keeps up.
    fn calm(&mut self) {
        for _ in 0..200 {
            self.sim.drain();
            self.extend(false);
            self.read(1_000);
            self.extend(false);
            self.answer(false);
            self.sim.advance(1_000);
        }
        self.extend(false);
    }

    fn unsettled(&self) -> Vec<u32> {
        (0..=self.numbers).filter(|number| self.sim.result(*number).is_none()).collect()
    }
}

fn live(seed: u64, steps: usize) -> Chaos {
    let mut chaos = Chaos::new(seed);
    for _ in 0..steps {
        if chaos.sim.closed.is_none() && chaos.sim.states.last() != Some(&State::Closed) {
            chaos.step();
        }
    }
    chaos
}

/// Every command has settled, and of the subscriptions those that were answered have ended (never twice: the
/// simulation sees to that).
fn all_is_told(chaos: &Chaos, seed: u64) {
    assert!(chaos.sim.closed.is_some(), "seed {seed}: never closed");
    assert_eq!(chaos.unsettled(), [0; 0], "seed {seed}");
    for number in &chaos.subscriptions {
        let subscribed = chaos.sim.result(*number).is_some_and(Result::is_ok);
        let ended = chaos.sim.ended.iter().any(|(ended, _)| ended == number);
        assert_eq!(subscribed, ended, "seed {seed}: subscription {number}");
    }
}

#[test]
fn s16_closing_at_any_moment_settles_every_command_once_and_ends_every_subscription_once() {
    for seed in 0..2_000 {
        let mut chaos = live(seed, 10 + seed as usize % 60);
        let from = chaos.sim.now;
        if chaos.sim.closed.is_none() {
            chaos.sim.close();
            chaos.sim.advance(2_000);
        }
        assert!(chaos.sim.now - from <= 2_000);
        all_is_told(&chaos, seed);
    }
}

#[test]
fn after_the_faults_every_command_settles_and_the_session_is_connected_again() {
    for seed in 0..700 {
        let mut chaos = live(seed, 60);
        chaos.calm();
        // What hangs half-way is given up in time.
        chaos.sim.advance(60_000);
        chaos.calm();
        if chaos.sim.closed.is_none() && chaos.sim.states.last() != Some(&State::Closed) {
            assert_eq!(chaos.unsettled(), [0; 0], "seed {seed}");
            assert_eq!(chaos.sim.session.state(), State::Connected, "seed {seed}");
            chaos.sim.close();
        }
        chaos.sim.advance(2_000);
        all_is_told(&chaos, seed);
    }
}
