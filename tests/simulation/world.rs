//! The clock, and all that happens by it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cometd_edge::Instant;
use cometd_edge::session::{Config, Input, Inspect, Output, Session};

use crate::application::Application;
use crate::checks::Checks;
use crate::model_server::{Refusing, Server};
use crate::network::Exchange;
use crate::plan::Plan;
use crate::rng::Rng;

pub const URL: &str = "https://events.example/cometd";
pub const SECRET_HEADER: &str = "Bearer s3cr3t-t0k3n";
pub const NETWORK_DELAY_MS: u64 = 10_000;
pub const UNIX_ZERO: u64 = 1_700_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
}

pub struct World {
    pub now: u64,
    pub rng: Rng,
    pub plan: Plan,
    pub session: Session,
    pub server: Server,
    pub app: Application,
    pub checks: Checks,
    pub exchanges: Vec<Exchange>,
    /// Those that may still be in flight.
    pub recent: Vec<u32>,
    queue: BinaryHeap<Reverse<(u64, u64, Ev)>>,
    sequence: u64,
    wake: Option<u64>,
    pub asleep_until: u64,
    pub offline_until: u64,
    pub calm: bool,
    pub started: bool,
    pub closed_at: Option<u64>,
    over: bool,
    pub last_whole_sent: u64,
    pub malformed: u32,
    pub kills_in_calm: u32,
    timeouts_here: u32,
    timer_at: u64,
    wakes: (u64, u32),
    /// When the server looks at its clock next.
    server_tick: u64,
    tracing: bool,
}

impl World {
    pub fn new(seed: u64, tracing: bool) -> Self {
        let mut rng = Rng::new(seed);
        let mut plan = Plan::new(&mut rng);
        plan.max_interval_ms = plan.max_interval_ms.max(plan.interval_ms + 5 * plan.delay_ms + 1_000);
        if plan.proxy_age_ms.is_some() {
            plan.delay_ms = plan.delay_ms.min(30);
        }
        let mut config = Config::new(URL).expect("a url");
        config.header("Authorization", SECRET_HEADER).expect("a header");
        config.ack = plan.ask_ack;
        config.inspect = plan.inspect;
        config.max_interval_ms = plan.max_interval_ms;
        config.unix_ms_at_zero = UNIX_ZERO;
        config.network_delay_ms = NETWORK_DELAY_MS;
        config.retry.handshakes_per_minute = plan.handshakes_per_minute;
        config.retry.session_window_ms = plan.session_window_ms;
        config.limits.request_bytes = plan.request_bytes;
        if let Some(bytes) = plan.message_bytes {
            config.limits.message_bytes = bytes;
        }
        if let Some((events, bytes)) = plan.own_limits {
            (config.limits.queued_events, config.limits.queued_bytes) = (events, bytes);
        }
        let limits = (config.limits.queued_events, config.limits.queued_bytes);
        let session = Session::new(config, seed, Instant::from_millis(0));
        if tracing {
            println!("{plan:#?}");
        }
        Self {
            now: 0,
            rng,
            session,
            server: Server::new(plan.clone()),
            app: Application::default(),
            checks: Checks::new(limits),
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
            last_whole_sent: 0,
            malformed: 0,
            kills_in_calm: 0,
            timeouts_here: 0,
            timer_at: u64::MAX,
            wakes: (0, 0),
            server_tick: u64::MAX,
            tracing,
            plan,
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
        self.input(Input::Command(cometd_edge::session::Command::Tap(true)));
        self.act_at_start();
        self.after(0, Ev::Publish);
        self.after(self.plan.act_every_ms, Ev::Act);
        self.after(self.plan.faults_until_ms, Ev::Calm);
        if self.plan.mishap_every_ms > 0 {
            self.after(self.plan.mishap_every_ms, Ev::Mishap);
        }
        if let Some(at) = self.plan.close_at_ms {
            self.after(at, Ev::Close);
        }
        self.drain();
        while !self.over {
            self.step();
        }
    }

    fn step(&mut self) {
        let next = self.queue.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
        let wake = self.wake.map_or(u64::MAX, |at| at.max(self.asleep_until));
        assert!(next.min(wake) < u64::MAX, "nothing will ever happen again");
        if wake < next || wake == next && self.rng.chance(500) {
            self.now = self.now.max(wake);
            self.timer();
        } else {
            let Some(Reverse((at, _, event))) = self.queue.pop() else { return };
            self.now = self.now.max(at);
            if self.now < self.asleep_until && !matches!(event, Ev::Server | Ev::Publish | Ev::Arrive(_)) {
                self.after(self.asleep_until - self.now, event);
                return;
            }
            self.handle(event);
            // A driver may hand in several inputs of one turn before it drains.
            let same = self.queue.peek().is_some_and(|Reverse((at, ..))| *at == self.now);
            if same && self.now >= self.asleep_until && self.rng.chance(300) {
                return;
            }
        }
        if self.now >= self.asleep_until {
            self.drain();
        }
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
        match event {
            Ev::Arrive(number) => self.arrive(number),
            Ev::Deliver(number) => self.deliver(number),
            Ev::Fail(number) => self.fail(number),
            Ev::ProxyKill(number) => self.proxy_kill(number),
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
            Ev::Close => self.close(),
            Ev::Calm => self.calm_down(),
            Ev::Burst => self.burst(),
            Ev::Finish => self.finish(),
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
        let gaps = self.checks.gaps.len();
        for count in 0.. {
            assert!(count < 20_000, "a drain without an end");
            let output = self.session.poll_output();
            if let Output::Wait(at) = output {
                self.wake = at.map(|at| at.as_millis());
                break;
            }
            assert!(self.closed_at.is_none(), "an output after Closed: {output:?}");
            self.output(output);
        }
        self.close_ended(gaps);
        self.checks.queues(if self.plan.inspect == Inspect::None { 1 } else { 2 });
        if let Some(asked_at) = self.app.closed_at.filter(|_| self.closed_at.is_none()) {
            assert!(self.now <= asked_at + 2_000, "S16: closing takes more than 2 s");
        }
        if self.closed_at.is_some() {
            assert!(self.wake.is_none(), "waits for something after Closed");
            self.over = true;
            self.last_checks();
        }
    }

    fn publish(&mut self) {
        let channel = self.rng.pick(crate::application::CHANNELS);
        self.server.publish(self.now, channel, &mut self.rng);
        if self.closed_at.is_none() && !self.calm {
            let pause = 1 + self.rng.below(2 * self.plan.publish_every_ms);
            self.after(pause, Ev::Publish);
        }
    }

    /// What was published before this has been delivered, or is lost.
    pub fn cutoff(&self) -> u64 {
        let open = self.open().into_iter().map(|number| self.exchanges[number as usize].since).min();
        self.last_whole_sent.min(open.unwrap_or(u64::MAX))
    }

    fn last_checks(&mut self) {
        self.checks.losses(&self.server, self.now, false);
        self.checks.commands_of(&self.server);
        if self.plan.is_clean() && self.plan.own_limits.is_none() {
            assert!(self.checks.gaps.is_empty(), "a gap although nothing went wrong");
        }
    }
}
