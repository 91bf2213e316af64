//! Clients come and go: dropped at any moment or closed, and the next one begins with what the store holds.

use cometd_edge::session::{Command, Config, Input};

use crate::habits::{CALLERS_COOKIE, Habit};
use crate::plan::Plan;
use crate::replay_plan::Conditions;
use crate::schedule::Kind;
use crate::world::{Ev, NETWORK_DELAY_MS, SECRET_HEADER, UNIX_ZERO, URL, World};

pub fn config_of(plan: &Plan, habits: &[Habit]) -> Config {
    let mut config = Config::new(URL).expect("a url");
    if let Some(replay) = plan.replay {
        config.replay = true;
        config.decides = replay.decides;
        if replay.salesforce {
            config.salesforce();
            config.authenticated().expect("https");
        }
    }
    if plan.replay.is_none_or(|replay| !replay.salesforce) {
        config.header("Authorization", SECRET_HEADER).expect("a header");
        config.ack = plan.ask_ack;
    }
    if habits.contains(&Habit::CallersCookie) {
        config.cookies(&format!("{CALLERS_COOKIE}0")).expect("a cookie");
    }
    config.inspect = plan.inspect;
    config.max_interval_ms = plan.max_interval_ms;
    config.unix_ms_at_zero = UNIX_ZERO;
    config.network_delay_ms = NETWORK_DELAY_MS;
    // The network of a life may be away for longer at its beginning.
    config.connect_timeout_ms = u64::MAX;
    config.retry.handshakes_per_minute = plan.handshakes_per_minute;
    config.retry.session_window_ms = plan.session_window_ms;
    config.limits.request_bytes = plan.request_bytes;
    if let Some(bytes) = plan.message_bytes {
        config.limits.message_bytes = bytes;
    }
    if let Some((events, bytes)) = plan.own_limits {
        (config.limits.queued_events, config.limits.queued_bytes) = (events, bytes);
    }
    config
}

impl World {
    pub fn restart(&mut self) {
        if self.calm {
            return;
        }
        let pause = self.choices.chance.below(2 * self.plan.replay.map_or(1, |plan| plan.restart_every_ms));
        self.after(1_000 + pause, Ev::Restart);
        if self.closed_at.is_some() {
            return;
        }
        let crashes = self.choices.chance.chance(700);
        let suspends = self.choices.chance.chance(300);
        let what = match (crashes, suspends) {
            (_, true) => "suspend",
            (true, _) => "crash",
            _ => "restart",
        };
        if !self.schedule.next(self.now, Kind::Restart, what) {
            return;
        }
        // Whose session has ended, but not its loads and saves, has nothing to suspend.
        let what = match what {
            "suspend" if self.is_over() && self.app.closed_at.is_none() => return,
            "suspend" if self.is_over() => "close",
            "restart" => "close",
            other => other,
        };
        self.choices.deed(self.now, what);
        self.end_client(what);
    }

    pub fn end_client(&mut self, what: &str) {
        match what {
            "crash" => self.crash(),
            "suspend" => self.suspend(),
            _ => self.close(),
        }
    }

    /// The client is gone from one moment to the next.
    pub fn crash(&mut self) {
        self.trace(|| "== crash".to_owned());
        self.closed_at = Some(self.now);
        self.wake = None;
        self.gone();
    }

    /// There is no client any more, for whatever reason; another one comes.
    pub fn gone(&mut self) {
        for number in core::mem::take(&mut self.recent) {
            self.exchanges[number as usize].closed = true;
        }
        let longest = if self.calm { 10 } else { 10_000 + 2 * self.plan.max_interval_ms };
        let rests = self.plan.rests();
        let next = self.promises.client + 1;
        let pause = self.choices.choose_of(
            || format!("client {next}"),
            "after",
            1,
            |rng| {
                let rests = rests && rng.chance(300);
                let pause = if rests { longest } else { rng.pick(&[0, 10, 2_000]) };
                rng.between(1, 1 + pause)
            },
        );
        self.after(pause, Ev::Start);
    }

    pub fn start(&mut self) {
        self.trace(|| "== a new client".to_owned());
        let next = self.promises.client + 1;
        self.choices.about(|| format!("client {next}"));
        self.conditions = Conditions::new(&mut self.choices);
        self.starts.clear();
        let seed = self.choices.choose("seed", 0, crate::rng::Rng::next);
        self.session = self.successor(seed);
        self.promises.new_client(self.conditions.on_invalid);
        self.server.client = self.promises.client;
        self.logins.new_client();
        self.checks.new_client(self.plan.replay.is_some());
        self.app.new_client();
        self.rests = crate::rests::Rests::default();
        (self.started, self.closed_at, self.malformed) = (false, None, 0);
        self.failures = (0, 0);
        self.told_of_others = false;
        self.input(Input::Command(Command::Tap(true)));
        self.inherit();
        if self.calm {
            self.follow_all();
            self.burst_later();
        } else if self.plan.replay.is_none() {
            self.act_later();
        } else {
            self.act_at_start();
        }
        self.do_waiting_deeds();
    }
}
