//! The application: what it asks of the session, and how it reads.

use cometd_edge::session::{Command, Error, Input, Output, State, Status};

use crate::checks::Asked;
use cometd_edge::session::Inspect;

use crate::habits::Habit;
use crate::plan::Reader;
use crate::rare::Rare;
use crate::rng::Rng;
use crate::schedule::Kind;
use crate::world::{Ev, World};

/// What events are published on.
pub const CHANNELS: &[&str] = &["/a/1", "/a/2", "/b/1", "/b/x/1", "/f/1"];
/// What the application subscribes to.
const PATTERNS: &[&str] =
    &["/a/1", "/a/1", "/a/2", "/b/1", "/a/*", "/b/*", "/b/**", "/f/1?k='v'", "/deny/1", "/service/s"];

#[derive(Default)]
pub struct Application {
    last_number: u32,
    pub open: Vec<u32>,
    pub closed_at: Option<u64>,
    reading: bool,
    pauses_until: u64,
    acting: bool,
    /// Events that nobody will read, of subscriptions that have ended: the application lets go of them at once (R8).
    pub unread: Vec<(u32, usize)>,
}

impl Application {
    pub fn new_client(&mut self) {
        self.open.clear();
        self.closed_at = None;
    }
}

impl World {
    pub fn act_at_start(&mut self) {
        let subscriptions = self.choices.chance_alone(0, |rng| rng.between(1, 3));
        for _ in 0..subscriptions {
            if self.next_act("subscribe") {
                self.subscribe();
            }
        }
        if self.plan.replay.is_some() {
            self.act_later();
        }
        self.drain_later();
    }

    fn drain_later(&mut self) {
        self.after(0, Ev::Server);
    }

    pub fn act_later(&mut self) {
        if !self.choices.is_recorded() && !core::mem::replace(&mut self.app.acting, true) {
            let pause = 1 + self.choices.chance.below(2 * self.plan.act_every_ms);
            self.after(pause, Ev::Act);
        }
    }

    pub fn act(&mut self) {
        self.app.acting = false;
        if self.calm || self.app.closed_at.is_some() || self.session.state() == State::Closed {
            return;
        }
        let pause = 1 + self.choices.chance.below(2 * self.plan.act_every_ms);
        let chances = self.choices.chance.next();
        for nth in 0..self.choices.chance.pick(&[1, 1, 1, 2, 5]) {
            // What it did before may have freed the way for a reply that ends the client.
            if self.session.state() == State::Closed {
                break;
            }
            // Whether it does one thing changes nothing about the next.
            self.choices.chance = Rng::of(chances, nth);
            if self.plan.replay.is_some_and(|plan| self.choices.chance.chance(plan.restless)) {
                if self.next_act("leave") {
                    self.leave_one();
                }
                continue;
            }
            match self.choices.chance.below(10) {
                0..=2 if self.app.open.len() < 6 && self.next_act("subscribe") => self.subscribe(),
                0..=2 => {}
                3 | 4 if self.next_act("unsubscribe") => self.unsubscribe(),
                5..=7 if self.next_act("publish") => self.publish_one(),
                8 if self.next_act("send") => self.send_raw(),
                9 if self.schedule.next(self.now, Kind::Act, "pause") => {
                    self.app.pauses_until = self.now + self.choices.chance.below(60_000);
                }
                _ => {}
            }
        }
        self.app.acting = true;
        self.after(pause, Ev::Act);
    }

    /// Does the application do this next?
    fn next_act(&mut self, what: &'static str) -> bool {
        let next = self.schedule.next(self.now, Kind::Act, what);
        if next {
            let what = match what {
                "publish" => "client publishes",
                "leave" => "unsubscribe",
                other => other,
            };
            self.act_begins(what);
        }
        next
    }

    /// What is asked of a client that has crashed counts for nothing.
    pub fn act_begins(&mut self, what: &str) {
        if self.closed_at.is_none() {
            self.choices.deed(self.now, what);
        } else {
            self.choices.about_nothing();
        }
    }

    pub fn number(&mut self) -> u32 {
        self.app.last_number += 1;
        while self.choices.names_subscription(self.app.last_number) {
            self.app.last_number += 1;
        }
        self.app.last_number
    }

    /// The number of a subscription, by which other deeds call it.
    pub fn number_of_subscription(&mut self) -> u32 {
        let next = if self.choices.is_recorded() { 0 } else { self.number() };
        match self.choices.choose("as", 0, |_| next) {
            0 => self.number(),
            number => {
                // They ascend, as they did in the life that was recorded.
                self.app.last_number = number.max(self.app.last_number);
                number
            }
        }
    }

    pub fn subscribe(&mut self) {
        if self.plan.replay.is_some() {
            return self.follow_some();
        }
        let channels = self.choices.choose("channels", vec!["/a/1".to_owned()], |rng| {
            let mut channels: Vec<String> = Vec::new();
            for _ in 0..rng.pick(&[1, 1, 1, 2, 3]) {
                let pattern = rng.pick(PATTERNS).to_owned();
                if !channels.contains(&pattern) {
                    channels.push(pattern);
                }
            }
            channels
        });
        let subscription = self.number_of_subscription();
        let command = Command::Subscribe { subscription, channels: &channels, replay: None };
        if self.refused_at_rest(command) {
            return;
        }
        self.trace(|| format!("* subscribe {subscription} {channels:?}"));
        self.app.open.push(subscription);
        self.checks.asked(self.now, subscription, Asked::Subscribe);
        self.checks.subscribed(subscription, &channels);
        self.input(Input::Command(Command::Subscribe { subscription, channels: &channels, replay: None }));
    }

    pub fn unsubscribe(&mut self) {
        if self.plan.replay.is_some() {
            return self.leave_one();
        }
        let Some(subscription) = self.choose_open() else { return };
        let command = self.number();
        self.trace(|| format!("* unsubscribe {subscription} by {command}"));
        self.checks.asked(self.now, command, Asked::Unsubscribe);
        self.checks.left(subscription, self.cutoff());
        self.input(Input::Command(Command::Unsubscribe { command, subscription, handed: 0, linger: false }));
    }

    /// One of the open subscriptions, which is open no more.
    pub fn choose_open(&mut self) -> Option<u32> {
        let open = &mut self.app.open;
        if open.is_empty() {
            return None;
        }
        let chosen = self.choices.choose("of", 0, |rng| open[rng.index(open.len())]);
        let index = open.iter().position(|number| *number == chosen)?;
        Some(open.swap_remove(index))
    }

    pub fn publish_one(&mut self) {
        let command = self.number();
        let channel = self.choices.choose("channel", "/a/1".to_owned(), |rng| {
            rng.pick(&["/a/1", "/a/2", "/b/1", "/deny/1"]).to_owned()
        });
        let channel = channel.as_str();
        if self.refused_at_rest(Command::Publish { command, channel, data: "1" }) {
            return;
        }
        self.trace(|| format!("* publish {command} {channel}"));
        self.checks.asked(self.now, command, Asked::Publish);
        let data = format!(r#"{{"p":{command}}}"#);
        self.input(Input::Command(Command::Publish { command, channel, data: &data }));
    }

    pub fn send_raw(&mut self) {
        let command = self.number();
        let one = format!(r#"{{"channel":"/service/echo","data":{{"p":{command}}}}}"#);
        let other = r#"{"channel":"/a/2","data":{},"id":"mine"}"#.to_owned();
        let alone = self.choices.choose("alone", true, |rng| rng.chance(500));
        let messages = if alone { vec![one] } else { vec![one, other] };
        if self.refused_at_rest(Command::Send { command, messages: &messages }) {
            return;
        }
        self.trace(|| format!("* send {command}"));
        self.checks.asked(self.now, command, Asked::Send);
        self.input(Input::Command(Command::Send { command, messages: &messages }));
    }

    pub fn close(&mut self) {
        if self.app.closed_at.is_some() || self.closed_at.is_some() {
            return;
        }
        self.trace(|| "* close".to_owned());
        self.app.closed_at = Some(self.now);
        self.checks.all_left(self.cutoff());
        self.input(Input::Command(Command::Close));
        self.promises_at_close();
        let again = Command::Publish { command: u32::MAX, channel: "/a/1", data: "1" };
        let now = cometd_edge::Instant::from_millis(self.now);
        assert!(self.session.handle_input(now, Input::Command(again)).is_err(), "a command after close()");
    }

    pub fn read(&mut self) {
        self.app.reading = false;
        if self.closed_at.is_some() {
            return;
        }
        if !self.calm && self.plan.reader == Reader::Pauses && self.app.pauses_until > self.now {
            return self.read_later(self.app.pauses_until - self.now);
        }
        if self.choices.is_recorded() {
            return self.read_recorded();
        }
        if self.plan.replay.is_some() {
            return self.read_followed();
        }
        let slow = !self.calm && self.plan.reader == Reader::Slow;
        for (subscription, waiting) in self.checks.waiting() {
            let events = if slow { self.choices.chance.index(3).min(waiting) } else { waiting };
            if events > 0 {
                self.note_taken(subscription, events);
                self.checks.taken(subscription, events);
                self.input(Input::Taken { subscription, events });
            }
        }
        if !self.checks.waiting().is_empty() {
            let pause = self.choices.chance.between(1, 1_500);
            self.read_later(pause);
        }
    }

    pub fn read_later(&mut self, pause: u64) {
        if !self.app.reading {
            self.app.reading = true;
            self.after(pause, Ev::Read);
        }
    }

    /// The extensions have looked at a message.
    pub fn inspected(&mut self, number: u32) {
        let exchange = &mut self.exchanges[number as usize];
        let Some(message) = exchange.inspecting.take().filter(|_| !exchange.closed) else { return };
        exchange.progress_at = self.now;
        let (request, drops) = (exchange.request, exchange.drops);
        if drops {
            self.dropped(number, &message);
            return self.input(Input::Inspected { request, message: None });
        }
        self.input(Input::Inspected { request, message: Some(&message) });
        self.learn(number, &message);
    }

    pub fn output(&mut self, output: Output) {
        if !matches!(output, Output::Send(_) | Output::Message(_) | Output::Event(_)) {
            self.trace(|| format!("    {output:?}"));
        }
        if self.plan.replay.is_some() && !matches!(output, Output::Message(_) | Output::Event(_)) {
            self.no_secret(&format!("{output:?}"));
        }
        match output {
            Output::Send(request) => self.send(&request),
            Output::Abort(request) => {
                let number = self.exchange_of(request);
                let exchange = &mut self.exchanges[number as usize];
                assert!(!exchange.aborted, "aborts a request twice");
                // It may have failed in the same turn.
                let failed = core::mem::replace(&mut exchange.closed, true);
                exchange.aborted = true;
                // A poll that is given up because of a rest is no failure, whatever its head says by then.
                let refused = !failed && exchange.was_refused() && !self.rests.rests();
                if refused {
                    self.count_failure(number);
                }
                if !failed {
                    self.maybe_left_behind(number);
                }
            }
            Output::Hold(request) => {
                let number = self.exchange_of(request);
                self.exchanges[number as usize].held = true;
                self.exchanges[number as usize].progress_at = self.now;
            }
            Output::Release(request) => {
                let number = self.exchange_of(request);
                let exchange = &mut self.exchanges[number as usize];
                assert!(exchange.held, "releases what it does not hold");
                exchange.held = false;
                exchange.progress_at = self.now;
                self.after(0, Ev::Deliver(number));
            }
            Output::Inspect { request, message } => {
                let number = self.exchange_of(request);
                assert!(self.exchanges[number as usize].inspecting.is_none(), "one message at a time");
                self.exchanges[number as usize].drops = self.drops(number, &message);
                self.exchanges[number as usize].inspecting = Some(message);
                let of = self.exchanges[number as usize].name();
                let pause = self.choices.choose_of(of, "inspected", 0, |rng| rng.below(30));
                self.after(pause, Ev::Inspected(number));
            }
            Output::Event(event) => {
                self.trace(|| format!("    event {:?} {}", event.subscriptions, event.message.raw()));
                let pause = self.choices.chance_alone(0, |rng| rng.below(5));
                self.read_later(pause);
                // One for a reader that has left in this very turn interrupts nothing.
                let open = |number: &u32| self.promises.readers.get(number).is_none_or(|reader| reader.open);
                if event.subscriptions.iter().any(open) {
                    self.rests.event(self.now);
                }
                self.event(&event);
            }
            Output::Message(text) if self.plan.inspect == Inspect::None => {
                let kind = if text.contains("supportedConnectionTypes") { "handshake" } else { "commands" };
                let of_kind = |number: &&u32| {
                    let exchange = &self.exchanges[**number as usize];
                    !exchange.closed && exchange.kind == kind
                };
                if let Some(number) = self.recent.iter().rfind(of_kind).copied() {
                    self.learn(number, &text);
                }
            }
            Output::Settled { command, result } => {
                if command == 0 {
                    self.started |= result.is_ok();
                }
                self.promises.settled(&self.server, self.now, command, result.is_ok());
                self.rest_settled(command, &result);
                self.suspended(command, &result);
                if let Err(error) = &result {
                    // A message goes out a second and last time (R7), also after a token that was refused.
                    if !self.checks.went_twice(command) {
                        self.own_words_refuse(&error.to_string());
                    }
                    self.no_secret(&format!("{error} {error:?}"));
                    self.app.open.retain(|known| *known != command);
                }
                self.checks.settled(self.now, command, result);
            }
            Output::Ended { subscription, error } => {
                self.no_secret(&format!("{error:?}"));
                self.app.open.retain(|known| *known != subscription);
                let unread = self.checks.queued_for(subscription).count();
                if error.is_some() && unread > 0 {
                    self.app.unread.push((subscription, unread));
                }
                self.promises.ended(subscription);
                if let Some(channel) = error.as_ref().and_then(Error::channel) {
                    self.promises.forget_unloaded(channel);
                }
                self.checks.ended(subscription, self.cutoff());
            }
            Output::State(state) => {
                self.rests.state(state);
                self.checks.state(state);
            }
            Output::Status(status) => self.status(&status),
            Output::Closed(error) => self.closed(error),
            other => self.replay_output(other),
        }
    }

    fn status(&mut self, status: &Status) {
        self.no_secret(&format!("{status:?}"));
        self.replay_status(status);
        if let Status::MultipleClients { .. } = status {
            assert!(
                self.server.has(Habit::MultipleClients),
                "S4: nobody said that there are several clients"
            );
            self.met.insert(Rare::MultipleClients);
            self.told_of_others = true;
        }
        if let Status::Gap { channel, cause, since_unix_ms, .. } = status {
            self.counts.gaps += 1;
            self.checks.gap(self.now, channel, *cause, *since_unix_ms, &self.server);
        }
        if let Status::SubscribeFailed { channel, error, .. } = status {
            self.own_words_refuse(&error.to_string());
            self.checks.channel_failed(channel, self.cutoff());
        }
    }

    /// Only what the rules allow ends a client by itself.
    fn closed(&mut self, error: Option<Error>) {
        self.closed_at = Some(self.now);
        self.checks.all_left(self.cutoff());
        let Some(error) = error else {
            assert!(self.app.closed_at.is_some(), "closed without being asked, and without an error");
            return;
        };
        self.no_secret(&format!("{error} {error:?}"));
        let allowed = match error.code() {
            "server-ended" => {
                self.says_good_bye();
                self.server.said_none
            }
            "login-refused" => self.logins.refused_login,
            "unauthorized" => self.server.refused.len() >= 2,
            "protocol" => self.malformed >= 3,
            "max-retries" => !self.started,
            "cookie-missing" => self.server.sessions.iter().filter(|session| session.dismissed).count() >= 2,
            "redirect" if self.server.has(Habit::RedirectsFirst) => !self.started,
            "redirect" | "not-bayeux" | "http-status" => !self.started && self.plan.rough_start,
            _ => false,
        };
        assert!(allowed, "ended by an error that the rules do not allow here: {error}");
    }

    /// X2.
    pub fn no_secret(&self, text: &str) {
        assert!(!text.contains("s3cr3t"), "X2: a header's value in {text}");
        for session in &self.server.sessions {
            assert!(!text.contains(&session.id), "X2: a client id in {text}");
            let cookie = session.cookie.as_deref();
            assert!(!cookie.is_some_and(|cookie| text.contains(cookie)), "X2: a cookie in {text}");
        }
    }
}
