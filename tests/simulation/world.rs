//! The clock, and all that happens by it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use cometd_edge::Instant;
use cometd_edge::replay::Start;
use cometd_edge::session::{Input, Inspect, Output, Session};

use crate::application::Application;
use crate::checks::Checks;
use crate::choices::Choices;
use crate::habits::Habit;
use crate::logins::Logins;
use crate::model_server::{Refusing, Server};
use crate::network::Exchange;
use crate::plan::Plan;
use crate::promises::Promises;
use crate::rare::Rare;
use crate::replay_plan::Conditions;
use crate::restarts::config_of;
use crate::rests::Rests;
use crate::rng::Rng;
use crate::schedule::{Cuts, Kind, Schedule};
use crate::store::Store;
use crate::successors::Successors;
use crate::tally::Tally;

pub const URL: &str = "https://events.example/cometd";
pub const SECRET_HEADER: &str = "Bearer s3cr3t-t0k3n";
pub const NETWORK_DELAY_MS: u64 = 10_000;
pub const UNIX_ZERO: u64 = 1_700_000_000_000;

/// The chances of each are drawn by its place in this list: new ones come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ev {
    Arrive(u32),
    Deliver(u32),
    Fail(u32),
    ProxyKill(u32),
    Inspected(u32),
    Server,
    Publish,
    Act,
    Read,
    Mishap,
    Relent,
    Close,
    Calm,
    Burst,
    Finish,
    // With replay.
    LoginEnds(u32),
    Revoke,
    StoreWrites(u32),
    StoreAnswers(u32),
    /// The client, the subscription, the sequence number.
    Commit(u32, u32, u32),
    Decided(u32, u32, Option<bool>),
    Restart,
    Start,
    Rest,
    Rouse,
    Suspend,
    /// A deed of the record, by its number.
    Recorded(usize),
    EarlyHead(u32),
}

pub struct World {
    pub seed: u64,
    pub now: u64,
    pub choices: Choices,
    /// How often each event has happened.
    past: BTreeMap<Ev, u32>,
    pub schedule: Schedule,
    pub counts: Tally,
    pub met: BTreeSet<Rare>,
    /// The present client has reported that the server takes it for several.
    pub told_of_others: bool,
    /// Messages that the extensions have seen.
    pub inspections: u64,
    pub plan: Plan,
    pub session: Session,
    pub server: Server,
    pub app: Application,
    pub checks: Checks,
    pub promises: Promises,
    pub rests: Rests,
    pub successors: Successors,
    pub store: Store,
    pub logins: Logins,
    pub conditions: Conditions,
    /// Where channels begin without a position, for the present client.
    pub starts: BTreeMap<String, Start>,
    pub exchanges: Vec<Exchange>,
    /// Those that may still be in flight.
    pub recent: Vec<u32>,
    queue: BinaryHeap<Reverse<(u64, u64, Ev)>>,
    sequence: u64,
    pub wake: Option<u64>,
    pub asleep_until: u64,
    pub offline_until: u64,
    pub calm: bool,
    pub started: bool,
    pub closed_at: Option<u64>,
    over: bool,
    /// The last client closes.
    pub finished: bool,
    pub must_be_stored: Vec<(String, u32)>,
    pub last_whole_sent: u64,
    /// Handshakes and polls that failed in a row, and when the last one did.
    pub failures: (u32, u64),
    /// The server has asked for no poll before this.
    pub no_poll_before: u64,
    /// Its number among all requests.
    pub last_handshake: u32,
    pub malformed: u32,
    pub kills_in_calm: u32,
    pub burst_at: u64,
    timeouts_here: u32,
    timer_at: u64,
    wakes: (u64, u32),
    /// When the server looks at its clock next.
    server_tick: u64,
    /// Deeds of the record that wait for a client.
    pub waiting_deeds: Vec<usize>,
    pub tracing: bool,
}

impl World {
    pub fn new(seed: u64, cuts: Cuts, mut choices: Choices, tracing: bool) -> Self {
        choices.about(|| "life".to_owned());
        let replay = choices.choose("replay", true, |_| seed % 2 == 1);
        let seed = choices.choose("seed", 0, |_| seed);
        let mut plan = Plan::new(&mut choices, replay);
        plan.max_interval_ms = plan.max_interval_ms.max(plan.interval_ms + 5 * plan.delay_ms + 1_000);
        if plan.proxy_age_ms.is_some() {
            plan.delay_ms = plan.delay_ms.min(30);
        }
        plan.faults_until_ms = plan.faults_until_ms.min(cuts.until_ms.unwrap_or(u64::MAX));
        let habits = Habit::of_life(seed, cuts.habit, &mut choices);
        if habits.contains(&Habit::Drops) && plan.inspect == Inspect::None {
            plan.inspect = Inspect::All;
        }
        let mut schedule = Schedule::new(cuts);
        choices.about_nothing();
        if plan.is_busy() && !schedule.next(0, Kind::Busy, "busy now and then") {
            plan.never_busy();
        }
        let config = config_of(&plan, &habits);
        let limits = (config.limits.queued_events, config.limits.queued_bytes);
        let session = Session::new(config, seed, Instant::from_millis(0));
        if tracing {
            println!("{plan:#?}");
        }
        Self {
            seed,
            now: 0,
            past: BTreeMap::new(),
            schedule,
            counts: Tally::default(),
            met: BTreeSet::new(),
            told_of_others: false,
            inspections: 0,
            session,
            server: Server { recorded: choices.is_recorded(), seed, habits, ..Server::new(plan.clone()) },
            app: Application::default(),
            checks: Checks::new(limits),
            promises: Promises::default(),
            rests: Rests::default(),
            successors: Successors::default(),
            store: Store::default(),
            logins: Logins::default(),
            conditions: Conditions::new(&mut choices),
            starts: BTreeMap::new(),
            exchanges: Vec::new(),
            recent: Vec::new(),
            queue: BinaryHeap::new(),
            sequence: 0,
            wake: None,
            asleep_until: 0,
            offline_until: 0,
            calm: false,
            started: false,
            closed_at: None,
            over: false,
            finished: false,
            must_be_stored: Vec::new(),
            last_whole_sent: 0,
            failures: (0, 0),
            no_poll_before: 0,
            last_handshake: 0,
            malformed: 0,
            kills_in_calm: 0,
            burst_at: 0,
            timeouts_here: 0,
            timer_at: u64::MAX,
            wakes: (0, 0),
            server_tick: u64::MAX,
            waiting_deeds: Vec::new(),
            tracing,
            plan,
            choices,
        }
    }

    pub fn trace(&self, line: impl FnOnce() -> String) {
        if self.tracing {
            println!("{:>9} {}", self.now, line());
        }
    }

    pub fn after(&mut self, delay: u64, event: Ev) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now + delay, self.sequence, event)));
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.timeouts_here = 0;
        let result = self.session.handle_input(Instant::from_millis(self.now), input);
        assert!(result.is_ok(), "network data makes no misuse: {result:?}");
    }

    /// Lives through the whole plan.
    pub fn run(&mut self) {
        self.recorded_begin();
        if self.plan.replay.is_some() {
            self.start();
        } else {
            self.input(Input::Command(cometd_edge::session::Command::Tap(true)));
            self.act_at_start();
        }
        self.after(self.plan.faults_until_ms, Ev::Calm);
        if self.choices.is_recorded() {
            self.do_waiting_deeds();
        } else {
            self.begin_by_chance();
        }
        self.drain();
        while !self.over {
            self.step();
        }
    }

    /// What comes again and again, and at times that are drawn.
    fn begin_by_chance(&mut self) {
        self.after(0, Ev::Publish);
        self.after(self.plan.act_every_ms, Ev::Act);
        if self.plan.mishap_every_ms > 0 {
            self.after(self.plan.mishap_every_ms, Ev::Mishap);
        }
        if let Some(at) = self.plan.suspend_at_ms {
            self.after(at, Ev::Suspend);
        }
        if self.plan.rest_every_ms > 0 {
            self.after(self.plan.rest_every_ms, Ev::Rest);
        }
        if let Some(at) = self.plan.close_at_ms
            && self.schedule.next(at, Kind::Act, "close")
        {
            self.after(at, Ev::Close);
        }
        if let Some(replay) = self.plan.replay {
            if replay.revoke_every_ms > 0 && replay.salesforce {
                self.after(replay.revoke_every_ms, Ev::Revoke);
            }
            if replay.restart_every_ms > 0 {
                self.after(replay.restart_every_ms, Ev::Restart);
            }
        }
    }

    fn step(&mut self) {
        let next = self.queue.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
        let wake = self.wake.map_or(u64::MAX, |at| at.max(self.asleep_until));
        assert!(next.min(wake) < u64::MAX, "nothing will ever happen again");
        if wake < next || wake == next && self.chance_of_the_moment(wake, "timer-first", 500) {
            self.now = self.now.max(wake);
            self.timer();
        } else {
            let Some(Reverse((at, _, event))) = self.queue.pop() else { return };
            self.now = self.now.max(at);
            if self.now < self.asleep_until
                && !matches!(event, Ev::Server | Ev::Publish | Ev::Arrive(_) | Ev::StoreWrites(_))
                && !self.is_recorded_publish(event)
            {
                self.after(self.asleep_until - self.now, event);
                return;
            }
            self.handle(event);
            // A driver may hand in several inputs of one turn before it drains.
            let same = self.queue.peek().is_some_and(|Reverse((at, ..))| *at == self.now);
            if same && self.now >= self.asleep_until && self.chance_of_the_moment(at, "more-at-once", 300) {
                return;
            }
        }
        if self.now >= self.asleep_until {
            self.drain();
        }
    }

    fn chance_of_the_moment(&mut self, at: u64, name: &'static str, permille: u64) -> bool {
        self.choices.choose_of(|| format!("moment {at}"), name, false, |rng| rng.chance(permille))
    }

    fn timer(&mut self) {
        let minute = self.now / 60_000;
        if self.wakes.0 != minute {
            self.wakes = (minute, 0);
        }
        self.wakes.1 += 1;
        assert!(self.wakes.1 < 400, "a busy loop: more than 400 timeouts in a minute");
        let here = if self.timer_at == self.now { self.timeouts_here + 1 } else { 1 };
        self.timer_at = self.now;
        assert!(here < 4, "waits for the past, again and again");
        self.input(Input::Timeout);
        self.timeouts_here = here;
    }

    fn handle(&mut self, event: Ev) {
        let past = self.past.entry(event).or_default();
        *past += 1;
        self.choices.chance = Rng::of(self.seed, (event, *past));
        self.choices.about_nothing();
        match event {
            Ev::Arrive(number) => self.arrive(number),
            Ev::Deliver(number) => self.deliver(number),
            Ev::Fail(number) => self.fail(number),
            Ev::ProxyKill(number) => self.proxy_kill(number),
            Ev::EarlyHead(number) => self.early_head(number),
            Ev::Inspected(number) => self.inspected(number),
            Ev::Server => {
                self.server_tick = u64::MAX;
                self.server.tick(self.now);
            }
            Ev::Publish => self.publish(),
            Ev::Act => self.act(),
            Ev::Read => self.read(),
            Ev::Mishap => self.mishap(),
            Ev::Relent => self.server.refusing = Refusing::Nothing,
            Ev::Close => {
                if !self.finished {
                    self.choices.deed(self.now, "close");
                }
                self.close();
            }
            Ev::Calm => self.calm_down(),
            Ev::Burst => self.burst(),
            Ev::Finish => self.finish(),
            Ev::LoginEnds(login) => self.login_ends(login),
            Ev::Revoke => self.revoke(),
            Ev::StoreWrites(call) => self.store_writes(call),
            Ev::StoreAnswers(call) => {
                // A call that took too long is reported before its answer.
                self.drain();
                self.store_answers(call);
            }
            Ev::Commit(client, subscription, sequence) => self.commit(client, subscription, sequence),
            Ev::Decided(client, request, retry) => {
                if client == self.promises.client && self.closed_at.is_none() {
                    self.input(Input::Decided { request, retry });
                }
            }
            Ev::Restart => self.restart(),
            Ev::Start => self.start(),
            Ev::Rest => self.rest_act(),
            Ev::Rouse => self.rouse(),
            Ev::Suspend => self.suspend_act(),
            Ev::Recorded(line) => self.recorded(line),
        }
        let outbox = std::mem::take(&mut self.server.outbox);
        for (exchange, reply) in outbox {
            self.answer(exchange, reply);
        }
        if let Some(at) = self.server.next_tick().filter(|at| *at < self.server_tick) {
            self.server_tick = at;
            self.after(at.saturating_sub(self.now), Ev::Server);
        }
    }

    fn drain(&mut self) {
        if self.closed_at.is_some() && !self.over {
            return;
        }
        let gaps = self.checks.gaps.len();
        for count in 0.. {
            assert!(count < 20_000, "a drain without an end");
            let output = self.session.poll_output();
            if let Output::Wait(at) = output {
                self.wake = at.map(|at| at.as_millis());
                let Some((subscription, events)) = self.app.unread.pop() else { break };
                self.input(Input::Taken { subscription, events });
                continue;
            }
            assert!(self.closed_at.is_none(), "an output after Closed: {output:?}");
            self.output(output);
        }
        self.promises.readers.values_mut().for_each(|reader| reader.fresh = false);
        self.close_ended(gaps);
        self.promises.gaps(&self.checks.gaps);
        self.rest_checks();
        self.meets_turn();
        self.checks.queues(if self.plan.inspect == Inspect::None { 1 } else { 2 });
        if let Some(asked_at) = self.app.closed_at.filter(|_| self.closed_at.is_none()) {
            // A suspended client pauses before.
            let most = if self.rests.suspends.is_some() { 4_000 } else { 2_000 };
            let in_time = self.now <= asked_at.max(self.asleep_until) + most;
            assert!(in_time, "S16: closing takes more than 2 s");
        }
        if self.closed_at.is_some() {
            assert!(self.wake.is_none(), "waits for something after Closed");
            self.checks.commands_of(&self.server);
            let leaves = core::mem::take(&mut self.successors.leaves);
            if (self.plan.replay.is_some() || leaves) && !self.finished {
                return self.gone();
            }
            self.over = true;
            self.last_checks();
        }
    }

    fn publish(&mut self) {
        let rng = &mut self.choices.chance;
        let glob = self.plan.replay.is_some() && rng.chance(50);
        let channel = if glob { "/g/1" } else { rng.pick(crate::application::CHANNELS) };
        let pause = 1 + rng.below(2 * self.plan.publish_every_ms);
        if self.schedule.next(self.now, Kind::Publish, "publish") {
            self.choices.deed(self.now, "publish");
            self.publish_on(channel);
        }
        if !self.over && !self.calm {
            self.after(pause, Ev::Publish);
        }
    }

    pub fn publish_on(&mut self, channel: &str) {
        let channel = self.choices.choose("channel", "/a/1".to_owned(), |_| channel.to_owned());
        self.server.publish(self.now, &channel, &mut self.choices);
    }

    /// What was published before this has been delivered, or is lost.
    pub fn cutoff(&self) -> u64 {
        // What has ended in this turn counts as open, too.
        let open = self.recent.iter().map(|number| &self.exchanges[*number as usize]);
        let open = open.filter(|exchange| !exchange.closed).map(|exchange| exchange.since).min();
        self.last_whole_sent.min(open.unwrap_or(u64::MAX))
    }

    /// What this life was made of.
    pub fn tally(&self) -> Tally {
        let mut tally = self.counts.clone();
        tally.lives = 1;
        tally.clients = u64::from(self.promises.client.max(1));
        tally.sessions = self.server.sessions.len() as u64;
        tally.requests = self.exchanges.len() as u64;
        tally.published = self.server.published.len() as u64;
        tally.carried = self.server.carried;
        tally.carried_again.clone_from(&self.server.carried_again);
        tally.deeds(&self.schedule.done);
        tally.met = self.met.iter().map(|kind| (*kind, 1)).collect();
        tally
    }

    fn last_checks(&mut self) {
        if self.plan.replay.is_some() {
            return self.all_is_stored();
        }
        self.checks.losses(&self.server, self.now, false);
        let faulty = self.server.habits.iter().any(|habit| habit.is_fault());
        if self.plan.is_clean() && !faulty && self.plan.own_limits.is_none() && !self.plan.rests() {
            assert!(self.checks.gaps.is_empty(), "a gap although nothing went wrong");
        }
    }
}
