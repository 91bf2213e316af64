//! What kind of server, network and application a seed stands for.

use cometd_edge::session::Inspect;

use crate::choices::Choices;
use crate::replay_plan::ReplayPlan;

/// When connect replies carry advice, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdviceStyle {
    Always,
    FirstConnectOnly,
    Never,
    WithoutTimeout,
}

/// How replies name the request that they answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdStyle {
    Echo,
    Number,
    /// No id; where the request held one message, no channel either.
    Missing,
}

/// How the application reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Prompt,
    Slow,
    /// Not at all for a while, then everything.
    Pauses,
}

#[derive(Clone, Debug)]
pub struct Plan {
    /// How channels are tracked, where they are.
    pub replay: Option<ReplayPlan>,
    // The client.
    pub ask_ack: bool,
    pub own_limits: Option<(usize, usize)>,
    pub request_bytes: usize,
    /// Some events are larger than this.
    pub message_bytes: Option<usize>,
    pub handshakes_per_minute: usize,
    pub session_window_ms: u64,
    pub inspect: Inspect,
    // The server.
    pub grant_ack: bool,
    pub ack_as_object: bool,
    pub events_first: bool,
    /// Without the extension, events ride on any reply.
    pub rides: bool,
    pub advice: AdviceStyle,
    pub timeout_ms: u64,
    pub interval_ms: u64,
    pub max_interval_ms: u64,
    pub advise_max_interval: bool,
    pub ids: IdStyle,
    /// Words of an unknown client, with the client id in various places.
    pub unknown_words: u64,
    pub cookie: bool,
    pub publish_every_ms: u64,
    pub padding: u64,
    /// Polls refused with `successful: false`, in a thousand.
    pub busy: u64,
    /// A server's misfortune (restart, kick, refusal, …) about so often; 0 for never.
    pub mishap_every_ms: u64,
    /// A server that says `reconnect: none` at some time: the client has to end.
    pub may_end: bool,
    // The network.
    pub delay_ms: u64,
    /// Requests that go wrong, in a thousand.
    pub faults: u64,
    pub malformed: bool,
    /// Fatal answers are allowed before the first session.
    pub rough_start: bool,
    /// A proxy that cuts parked polls at this age, the good times included.
    pub proxy_age_ms: Option<u64>,
    pub sleeps: bool,
    pub faults_until_ms: u64,
    // The application.
    pub act_every_ms: u64,
    pub reader: Reader,
    pub close_at_ms: Option<u64>,
    /// How often it drains, pauses and is hidden, roughly; 0 for never.
    pub rest_every_ms: u64,
    /// When it is first suspended.
    pub suspend_at_ms: Option<u64>,
}

impl Plan {
    /// What only makes for chances is no part of a record.
    pub fn new(choices: &mut Choices, replay: bool) -> Self {
        let clean = choices.chance_alone(false, |rng| rng.chance(60));
        let c = choices;
        let faults_until_ms = c.choose("faults-until-ms", 200_000, |rng| rng.between(60_000, 300_000));
        let reader = c.chance_alone(Reader::Prompt, |rng| {
            rng.pick(&[Reader::Prompt, Reader::Prompt, Reader::Slow, Reader::Pauses])
        });
        let timeout_ms =
            c.choose("timeout-ms", 20_000, |rng| rng.pick(&[1_500, 3_000, 7_000, 20_000, 40_000]));
        let max_interval_ms =
            c.choose("max-interval-ms", 10_000, |rng| rng.pick(&[2_000, 5_000, 10_000, 40_000]));
        let message_bytes =
            c.choose("message-bytes", None, |rng| rng.chance(80).then_some(440).filter(|_| !replay));
        let mut plan = Self {
            replay: None,
            ask_ack: c.choose("ask-ack", true, |rng| rng.chance(900)),
            own_limits: c.choose("own-limits", None, |rng| {
                rng.chance(400)
                    .then(|| (rng.pick(&[2, 5, 20, 10_000]), rng.pick(&[600, 4_000, 16 << 20, 16 << 20])))
            }),
            request_bytes: c.choose("request-bytes", 32_768, |rng| rng.pick(&[32_768, 32_768, 500])),
            message_bytes,
            handshakes_per_minute: c.choose("handshakes-per-minute", 10, |rng| rng.pick(&[10, 10, 4, 30])),
            session_window_ms: c.choose("session-window-ms", 150_000, |rng| rng.pick(&[150_000, 5_000])),
            inspect: c.choose("inspect", Inspect::None, |rng| {
                rng.pick(&[Inspect::None, Inspect::None, Inspect::None, Inspect::Meta, Inspect::All])
            }),
            grant_ack: c.choose("grant-ack", false, |rng| rng.chance(500)),
            ack_as_object: c.choose("ack-as-object", false, |rng| rng.chance(300)),
            events_first: c.choose("events-first", false, |rng| rng.chance(700)),
            rides: c.choose("rides", false, |rng| rng.chance(700)),
            advice: c.choose("advice", AdviceStyle::Always, |rng| {
                rng.pick(&[
                    AdviceStyle::Always,
                    AdviceStyle::FirstConnectOnly,
                    AdviceStyle::Never,
                    AdviceStyle::WithoutTimeout,
                ])
            }),
            timeout_ms,
            interval_ms: c.choose("interval-ms", 0, |rng| rng.pick(&[0, 0, 0, 200, 1_500])),
            max_interval_ms,
            advise_max_interval: c.choose("advise-max-interval", false, |rng| rng.chance(500)),
            ids: c.choose("ids", IdStyle::Echo, |rng| {
                rng.pick(&[IdStyle::Echo, IdStyle::Echo, IdStyle::Number, IdStyle::Missing])
            }),
            unknown_words: c.choose("unknown-words", 0, |rng| rng.below(5)),
            cookie: c.choose("cookie", false, |rng| rng.chance(600)),
            publish_every_ms: c.chance_alone(1, |rng| rng.pick(&[150, 500, 1_000, 4_000, 15_000])),
            padding: c.chance_alone(
                0,
                |rng| {
                    if message_bytes.is_some() { 410 } else { rng.pick(&[0, 40, 400]) }
                },
            ),
            busy: c.chance_alone(0, |rng| if clean { 0 } else { rng.pick(&[0, 0, 60]) }),
            mishap_every_ms: c.chance_alone(0, |rng| if clean { 0 } else { rng.pick(&[0, 15_000, 40_000]) }),
            may_end: c.chance_alone(true, |rng| rng.chance(60)),
            delay_ms: c.choose("delay-ms", 2, |rng| rng.pick(&[2, 30, 200, 800])),
            // A record is not clean, unless it says so.
            faults: c.choose("faults", 1, |rng| if clean { 0 } else { rng.pick(&[0, 50, 150, 350]) }),
            malformed: c.chance_alone(true, |rng| rng.chance(300)),
            rough_start: c.choose("rough-start", false, |rng| rng.chance(60)),
            proxy_age_ms: c.choose("proxy-age-ms", None, |rng| {
                (!clean && rng.chance(150)).then(|| rng.between(2_500, 15_000))
            }),
            sleeps: c.chance_alone(true, |rng| !clean && rng.chance(200)),
            faults_until_ms,
            act_every_ms: c.chance_alone(1, |rng| rng.pick(&[700, 2_000, 6_000])),
            reader,
            close_at_ms: c.chance_alone(None, |rng| rng.chance(150).then(|| rng.between(0, faults_until_ms))),
            rest_every_ms: 0,
            suspend_at_ms: None,
        };
        if replay {
            let replay = ReplayPlan::new(c, clean);
            plan.replay = Some(replay);
            plan.close_at_ms = None;
            if replay.salesforce {
                plan.grant_ack = false;
            }
        }
        plan.rest_every_ms = c.choose("rest-every-ms", 1, |rng| rng.pick(&[0, 0, 0, 2_000, 15_000, 40_000]));
        plan.suspend_at_ms = c.chance_alone(None, |rng| rng.chance(300).then(|| rng.below(faults_until_ms)));
        plan
    }

    /// Polls are cut off by the client itself.
    pub fn rests(&self) -> bool {
        self.rest_every_ms > 0 || self.suspend_at_ms.is_some()
    }

    pub fn is_busy(&self) -> bool {
        self.busy > 0 || self.replay.is_some_and(|replay| replay.busy_subscribes > 0)
    }

    pub fn never_busy(&mut self) {
        self.busy = 0;
        if let Some(replay) = &mut self.replay {
            replay.busy_subscribes = 0;
        }
    }

    /// Nothing ever goes wrong, and the application reads fast enough.
    pub fn is_clean(&self) -> bool {
        self.faults == 0
            && self.mishap_every_ms == 0
            && self.busy == 0
            && self.proxy_age_ms.is_none()
            && self.reader == Reader::Prompt
    }
}
