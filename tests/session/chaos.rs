//! Commands, faults and time in an order drawn by a seed: whatever happens, every command settles once, every
//! subscription ends once, and when the faults stop the session recovers.

use cometd_edge::replay::{Commit, OnInvalid, Position, Start};
use cometd_edge::session::{ApiMisuse, Command, Config, Input, Inspect, State};

use crate::sim::*;

const CHANNELS: [&str; 6] = ["/a", "/b", "/b/*", "/c/**", "/c/d", "/service/s"];

struct Chaos {
    sim: Sim,
    random: u64,
    /// Commands and subscriptions so far; they share one sequence.
    numbers: u32,
    subscriptions: Vec<u32>,
    /// Commits, which wait for as long as an earlier event is not committed.
    commits: Vec<u32>,
    /// Calls of `suspend()`.
    suspends: Vec<u32>,
    /// The last drain, which is still going on.
    awake: Option<u32>,
    life: Life,
    /// Channels are followed by replay, with a store.
    follows: bool,
}

/// How a client is used.
#[derive(Clone, Copy, PartialEq)]
enum Life {
    /// It is awake for as long as it lives.
    Awake,
    /// It drains, rests, hides, and may be suspended.
    Resting,
}

impl Chaos {
    fn new(seed: u64, follows: bool, life: Life) -> Self {
        let mut chaos = Self {
            sim: Sim::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            numbers: 0,
            subscriptions: Vec::new(),
            commits: Vec::new(),
            suspends: Vec::new(),
            awake: None,
            life,
            follows,
        };
        let mut config = Config::new(URL).expect("a good url");
        config.limits.queued_events = [4, 10_000][chaos.below(2)];
        config.limits.request_bytes = [200, 32_768][chaos.below(2)];
        config.inspect = [Inspect::None, Inspect::None, Inspect::Meta, Inspect::All][chaos.below(4)];
        config.asks_headers = seed.is_multiple_of(3);
        config.retry.handshakes_per_minute = 1_000;
        config.retry.session_window_ms = 1;
        config.retry.max_retries = Some(1_000);
        if follows {
            config.replay = true;
            config.decides = chaos.below(2) == 0;
            if chaos.below(2) == 0 {
                config.authenticated().expect("https");
            }
            if chaos.below(2) == 0 {
                config.salesforce();
            }
        }
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
        if self.follows && self.below(2) == 0 {
            return self.follow();
        }
        let number = self.number();
        let channel = CHANNELS[self.below(CHANNELS.len())].to_owned();
        let other = CHANNELS[self.below(CHANNELS.len())].to_owned();
        let raw = [r#"{"channel":"/r","data":1}"#.to_owned(), r#"{"channel":"/r","data":2}"#.to_owned()];
        let result = match self.below(6) {
            0..=2 => {
                let channels = &[channel, other];
                let result =
                    self.sim.queue(Command::Subscribe { subscription: number, channels, follow: None });
                if result.is_ok() {
                    self.subscriptions.push(number);
                }
                result
            }
            3 if !self.subscriptions.is_empty() => {
                let index = self.below(self.subscriptions.len());
                let subscription = self.subscriptions[index];
                self.sim.queue(Command::Unsubscribe { command: number, subscription, handed: 0 })
            }
            4 => self.sim.queue(Command::Send { command: number, messages: &raw }),
            _ => self.sim.queue(Command::Publish { command: number, channel: "/a", data: "{}" }),
        };
        self.misused(result);
        if self.below(2) == 0 {
            self.sim.drain();
        }
    }

    /// What is refused while the client is paused leaves nothing behind, not even its number.
    fn misused(&mut self, result: Result<(), ApiMisuse>) {
        if let Err(misuse) = result {
            let resting = [ApiMisuse::Suspended, ApiMisuse::Draining, ApiMisuse::Closed];
            assert!(self.life == Life::Resting && resting.contains(&misuse), "{misuse:?}");
            self.numbers -= 1;
        }
    }

    /// Drains, rests, hides, or, seldom, is suspended.
    fn sleep(&mut self) {
        let turn = self.below(30);
        if turn < 10 {
            return self.sim.queue(Command::Hidden(turn < 4)).unwrap_or_default();
        }
        let command = self.number();
        let idle_ms = [None, Some(0), Some(500)][self.below(3)];
        let deadline_ms = [0, 300, 5_000, 60_000][self.below(4)];
        let result = match turn {
            10..=22 => self.sim.queue(Command::Drain { command, idle_ms, deadline_ms }),
            23..=28 => self.sim.queue(Command::Rest { command }),
            _ => {
                let result = self.sim.queue(Command::Suspend { command });
                if result.is_ok() {
                    self.suspends.push(command);
                }
                result
            }
        };
        self.misused(result);
        if self.below(2) == 0 {
            self.sim.drain();
        }
    }

    /// Whatever was before, it goes on.
    fn wake(&mut self) {
        let _ = self.sim.queue(Command::Hidden(false));
        let command = self.number();
        // Ends a drain.
        let result = self.sim.queue(Command::Rest { command });
        self.misused(result);
        let command = self.number();
        let result = self.sim.queue(Command::Drain { command, idle_ms: None, deadline_ms: u64::MAX / 2 });
        self.awake = Some(command).filter(|_| result.is_ok());
        self.misused(result);
        self.sim.drain();
    }

    /// Follows channels, or says something about events that may be there.
    fn follow(&mut self) {
        let number = self.number();
        let channel = CHANNELS[self.below(CHANNELS.len())];
        let other = CHANNELS[self.below(CHANNELS.len())];
        let start = [Start::New, Start::All, Start::After("3".to_owned())][self.below(3)].clone();
        let commit = [Commit::Processed, Commit::Delivered, Commit::Manual][self.below(3)];
        let on_invalid = [OnInvalid::All, OnInvalid::New, OnInvalid::Fail][self.below(3)];
        let (subscription, sequence) = self.some_event();
        let turn = self.below(4);
        let result = match turn {
            0 | 1 => {
                let starts = [start.clone(), start];
                self.sim.try_follow(number, &[channel, other], &starts, commit, on_invalid)
            }
            2 => {
                let handed = sequence;
                self.sim.queue(Command::Unsubscribe { command: number, subscription, handed })
            }
            _ => self.sim.queue(Command::Commit {
                command: number,
                subscriptions: &[subscription, number],
                sequence,
            }),
        };
        // Other conditions, a glob with a position: nothing has happened.
        match result {
            Ok(()) if turn < 2 => self.subscriptions.push(number),
            Ok(()) if turn == 3 => self.commits.push(number),
            Ok(()) => {}
            Err(_) => self.numbers -= 1,
        }
        self.sim.drain();
    }

    fn some_event(&mut self) -> (u32, u32) {
        let count = self.subscriptions.len();
        let index = self.below(count.max(1));
        let subscription = self.subscriptions.get(index).copied().unwrap_or(1);
        (subscription, self.below(self.sim.events.len() + 2) as u32)
    }

    /// Answers of the store, the login and the application: in any order, to numbers that may be nobody's, twice.
    fn outside(&mut self) {
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
    fn serve(&mut self) {
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

    fn extend(&mut self, faulty: bool) {
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

    fn read(&mut self, events: usize) {
        for subscription in self.subscriptions.clone() {
            self.sim.take(subscription, events);
        }
    }

    fn step(&mut self) {
        if self.life == Life::Resting && self.below(6) == 0 {
            return self.sleep();
        }
        let kinds = if self.follows { 11 } else { 8 };
        match self.below(kinds) {
            8.. => {
                self.sim.drain();
                self.outside();
            }
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
        if self.life == Life::Resting {
            self.wake();
        }
        for _ in 0..200 {
            self.sim.drain();
            self.extend(false);
            self.read(1_000);
            self.extend(false);
            if self.follows {
                self.serve();
            }
            self.answer(false);
            self.sim.advance(1_000);
        }
        self.extend(false);
    }

    fn unsettled(&self) -> Vec<u32> {
        (0..=self.numbers).filter(|number| self.sim.result(*number).is_none()).collect()
    }
}

fn live(seed: u64, steps: usize, follows: bool, life: Life) -> Chaos {
    let mut chaos = Chaos::new(seed, follows, life);
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
    for snapshot in chaos.suspends.iter().filter_map(|number| chaos.sim.result(*number)?.as_ref().ok()) {
        Config::new(URL).expect("a good url").resume(&snapshot[0]).expect("a snapshot");
    }
}

fn close_at_any_moment(follows: bool, life: Life) {
    for seed in 0..2_000 {
        let mut chaos = live(seed, 10 + seed as usize % 60, follows, life);
        let from = chaos.sim.now;
        if chaos.sim.closed.is_none() {
            chaos.sim.close();
            chaos.sim.advance(2_000);
        }
        assert!(chaos.sim.now - from <= 2_000);
        all_is_told(&chaos, seed);
        // Whatever comes late: the simulation sees to it that nothing follows.
        if follows {
            for _ in 0..20 {
                chaos.outside();
            }
            chaos.sim.advance(100_000);
            assert_eq!(chaos.sim.wake, None);
        }
    }
}

#[test]
fn s16_closing_at_any_moment_settles_and_ends_everything_once() {
    close_at_any_moment(false, Life::Awake);
}

#[test]
fn s16_closing_settles_everything_once_with_tracked_channels_and_logins() {
    close_at_any_moment(true, Life::Awake);
}

#[test]
fn s16_d2_closing_settles_everything_once_with_drains_pauses_and_hidden_pages() {
    close_at_any_moment(false, Life::Resting);
    close_at_any_moment(true, Life::Resting);
}

fn recover(follows: bool, life: Life) {
    for seed in 0..700 {
        let mut chaos = live(seed, 60, follows, life);
        chaos.calm();
        // What hangs half-way is given up in time.
        chaos.sim.advance(60_000);
        chaos.calm();
        if chaos.sim.closed.is_none() && chaos.sim.states.last() != Some(&State::Closed) {
            let mut unsettled = chaos.unsettled();
            unsettled.retain(|number| !chaos.commits.contains(number) && chaos.awake != Some(*number));
            assert_eq!(unsettled, [0; 0], "seed {seed}");
            assert_eq!(chaos.sim.session.state(), State::Connected, "seed {seed}");
            chaos.sim.close();
        }
        chaos.sim.advance(2_000);
        all_is_told(&chaos, seed);
    }
}

#[test]
fn after_the_faults_every_command_settles_and_the_session_is_connected_again() {
    recover(false, Life::Awake);
}

#[test]
fn after_the_faults_all_recovers_with_tracked_channels_a_store_and_logins() {
    recover(true, Life::Awake);
}

#[test]
fn after_the_faults_all_recovers_with_drains_pauses_and_hidden_pages() {
    recover(false, Life::Resting);
    recover(true, Life::Resting);
}
