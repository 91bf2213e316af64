//! Drains, pauses and hidden pages: when the application lets its client pause, and what it may do meanwhile.

use cometd_edge::Instant;
use cometd_edge::session::{ApiMisuse, Command, Error, Input, State};

use crate::checks::Asked;
use crate::schedule::Kind;
use crate::world::{Ev, World};

/// For ever, as lives go.
const FOR_GOOD: u64 = 1_000_000_000;

/// What the application has asked for, and what follows from it.
#[derive(Default)]
pub struct Rests {
    hidden: bool,
    /// It is paused until the next drain.
    asleep: bool,
    /// Since when, or when it was told so last.
    since: u64,
    drain: Option<Drain>,
    /// A `Command::Pause` that waits.
    waits: Option<u32>,
    pub suspends: Option<u32>,
    last_event_at: u64,
}

struct Drain {
    command: u32,
    began: u64,
    idle_ms: Option<u64>,
    deadline_ms: u64,
    connected: bool,
    /// By the application, before its time.
    ended: bool,
}

impl Rests {
    /// Can it do this now? What is drawn always can.
    pub fn allows(&self, what: &str) -> bool {
        match what {
            "show" => self.hidden,
            "hide" => !self.hidden,
            "drain" => self.drain.is_none(),
            _ => true,
        }
    }

    pub fn is_asleep(&self) -> bool {
        self.asleep
    }

    pub fn rests(&self) -> bool {
        self.hidden || self.asleep
    }

    pub fn event(&mut self, now: u64) {
        self.last_event_at = now;
    }

    pub fn state(&mut self, state: State) {
        if let Some(drain) = &mut self.drain {
            drain.connected |= state == State::Connected;
        }
    }
}

impl World {
    /// Pauses, or goes on.
    pub fn rest_act(&mut self) {
        if self.calm {
            return;
        }
        let pause = self.choices.chance.below(2 * self.plan.rest_every_ms);
        self.after(1 + pause, Ev::Rest);
        if self.is_over() {
            return;
        }
        let (chance, draining) = (self.choices.chance.below(10), self.rests.drain.is_some());
        let what = match (self.rests.hidden, self.rests.asleep) {
            (true, _) if chance < 6 => "show",
            (true, _) if chance < 8 && !draining => "drain",
            (true, _) if chance == 8 => "rest",
            (false, true) if chance < 7 => "drain",
            (false, true) if chance == 7 => "hide",
            (false, true) if chance == 8 => "rest",
            (false, false) if draining && chance < 2 => "rest",
            (false, false) if draining && chance < 5 => "hide",
            (false, false) if !draining && chance < 4 => "hide",
            (false, false) if !draining && chance < 8 => "drain",
            (false, false) if !draining => "rest",
            _ => return,
        };
        if !self.schedule.next(self.now, Kind::Rest, what) {
            return;
        }
        self.choices.deed(self.now, what);
        self.rest_or_go_on(what);
    }

    pub fn rest_or_go_on(&mut self, what: &str) {
        match what {
            "show" => self.hide(false),
            "hide" => self.hide(true),
            "rest" => self.rest(),
            _ => {
                let idle_ms = self
                    .choices
                    .choose("idle", None, |rng| rng.pick(&[None, Some(0), Some(500), Some(5_000)]));
                let deadline_ms = self
                    .choices
                    .choose("deadline", 30_000, |rng| rng.pick(&[0, 100, 3_000, 30_000, 120_000]));
                self.start_drain(idle_ms, deadline_ms);
            }
        }
    }

    /// Has it ended, or is it about to?
    pub fn is_over(&self) -> bool {
        let closed = self.closed_at.is_some() || self.session.state() == State::Closed;
        closed || self.app.closed_at.is_some()
    }

    /// In good times it is awake, and stays so.
    pub fn rouse(&mut self) {
        if !self.calm || self.is_over() {
            return;
        }
        self.choices.about(|| "rouse".to_owned());
        if self.rests.hidden {
            self.hide(false);
        }
        if self.rests.asleep {
            self.start_drain(None, FOR_GOOD);
        }
        self.follow_all();
        self.burst_later();
    }

    fn hide(&mut self, hidden: bool) {
        self.trace(|| format!("* hidden {hidden}"));
        self.rests.hidden = hidden;
        self.out_of_order();
        self.input(Input::Command(Command::Hidden(hidden)));
    }

    fn start_drain(&mut self, idle_ms: Option<u64>, deadline_ms: u64) {
        let command = self.number();
        self.trace(|| format!("* drain {command} {idle_ms:?} {deadline_ms}"));
        self.checks.asked(self.now, command, Asked::Drain);
        // A client that was, and finds at this very moment that it is no longer, has reached the server.
        let before = self.session.state() == State::Connected;
        self.input(Input::Command(Command::Drain { command, idle_ms, deadline_ms }));
        let connected = before || self.session.state() == State::Connected;
        self.out_of_order();
        self.rests.asleep = false;
        self.rests.drain =
            Some(Drain { command, began: self.now, idle_ms, deadline_ms, connected, ended: false });
        let again = Command::Drain { command: u32::MAX, idle_ms, deadline_ms };
        self.refused(again, ApiMisuse::Draining);
    }

    /// What a poll that was cut off has lost comes again behind what the next one brings (S13).
    fn out_of_order(&mut self) {
        if self.plan.replay.is_none_or(|plan| plan.salesforce) {
            return;
        }
        for reader in self.promises.readers.values_mut() {
            reader.alone = false;
        }
        // All is subscribed again.
        self.checks.confirmed.clear();
    }

    fn rest(&mut self) {
        let command = self.number();
        self.trace(|| format!("* rest {command}"));
        self.checks.asked(self.now, command, Asked::Rest);
        self.sleeps();
        if self.rests.waits.is_none() {
            self.rests.since = self.now;
            self.rests.waits = Some(command);
        }
        self.input(Input::Command(Command::Pause { command }));
    }

    /// It has its time for it from now on.
    pub fn sleeps_from_now(&mut self) {
        self.sleeps();
        self.rests.since = self.now;
    }

    /// From here on it is paused until the next drain.
    fn sleeps(&mut self) {
        if let Some(drain) = &mut self.rests.drain {
            drain.ended = true;
        }
        if !core::mem::replace(&mut self.rests.asleep, true) {
            self.rests.since = self.now;
        }
    }

    /// Whether this is what the client says while it is paused, or once it has ended in this very turn. Such a command does
    /// not count.
    pub fn refused_at_rest(&mut self, command: Command<'_>) -> bool {
        if self.session.state() == State::Closed {
            self.refused(command, ApiMisuse::Closed);
            return true;
        }
        if self.rests.asleep {
            self.refused(command, ApiMisuse::Suspended);
        }
        self.rests.asleep
    }

    fn refused(&mut self, command: Command<'_>, misuse: ApiMisuse) {
        let result = self.session.handle_input(Instant::from_millis(self.now), Input::Command(command));
        assert_eq!(result, Err(misuse), "a command that is not for now");
    }

    /// D1: a drain ends by its deadline, or once nothing has come for a while.
    pub fn rest_settled(&mut self, command: u32, result: &Result<Vec<String>, Error>) {
        let over = self.session.state() == State::Closed;
        if self.rests.waits == Some(command) {
            self.rests.waits = None;
            if result.is_ok() && !over && self.rests.asleep && self.now < self.rests.since + 2_000 {
                assert!(!self.promises.is_saving(), "D2: rests while a position is being saved");
            }
        }
        let Some(drain) = self.rests.drain.take_if(|drain| drain.command == command) else { return };
        if over {
            return;
        }
        let code = result.as_ref().err().map(Error::code);
        assert_eq!(code, (!drain.connected).then_some("deadline"), "D1: how a drain ends");
        let (now, whole) = (self.now, drain.began + drain.deadline_ms);
        if !drain.ended && now < whole {
            let idle_ms = drain.idle_ms.expect("D1: ends before its deadline, and waits for that alone");
            let quiet = drain.began.max(self.rests.last_event_at) + idle_ms;
            assert!(now >= quiet, "D1: ends at {now} although it was not idle until {quiet}");
            assert!(self.checks.waiting().is_empty(), "D1: ends although there is something to be read");
        }
        assert!(now <= whole.max(self.asleep_until), "D1: ends {} ms late", now - whole);
        self.sleeps();
        if self.calm {
            self.after(0, Ev::Rouse);
        }
    }

    /// D2, R7a: a paused client sends nothing but a disconnect, and that within two seconds.
    pub fn rest_sends(&self, kind: &str) {
        let Rests { hidden, asleep, since, suspends, .. } = &self.rests;
        let ends = self.app.closed_at.is_some() || self.session.state() == State::Closed;
        if ends && suspends.is_none() {
            return;
        }
        assert!(!hidden || suspends.is_some(), "R7a: a {kind} request from a page that is hidden");
        let in_time =
            self.now <= self.asleep_until.max(*since) + if suspends.is_some() { 4_000 } else { 2_000 };
        assert!(!asleep || kind == "disconnect" && in_time, "D2: a {kind} request at rest");
    }

    /// What holds after every turn.
    pub fn rest_checks(&self) {
        let rests = &self.rests;
        if self.closed_at.is_some() || self.app.closed_at.is_some() || self.session.state() == State::Closed {
            return;
        }
        assert_eq!(
            self.checks.state == State::Suspended,
            rests.rests(),
            "D2: suspended exactly while it rests"
        );
        let late = |after: u64, ms: u64| self.now > after.max(self.asleep_until) + ms;
        for number in self.open() {
            let kind = self.exchanges[number as usize].kind;
            assert!(!rests.hidden, "R7a: a {kind} request of a page that is hidden");
            assert!(!rests.asleep || kind != "connect", "D2: a poll at rest");
            let cut = rests.asleep && kind != "disconnect" && late(rests.since, 1_000);
            assert!(!cut, "D2: a {kind} request at rest");
        }
        assert!(rests.waits.is_none() || !late(rests.since, 2_000), "D2: resting takes more than 2 s");
        if let Some(drain) = &rests.drain {
            assert!(!late(drain.began, drain.deadline_ms), "D1: a drain goes on after its deadline");
        }
    }
}
