//! What kind of server, network and application a seed stands for.

use cometd_edge::session::Inspect;

use crate::replay_plan::ReplayPlan;
use crate::rng::Rng;

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
    /// How channels are followed, where they are.
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
    /// It drains, rests and is hidden about so often; 0 for never.
    pub rest_every_ms: u64,
    /// When it is first suspended.
    pub suspend_at_ms: Option<u64>,
}

impl Plan {
    pub fn new(rng: &mut Rng, replay: bool) -> Self {
        let clean = rng.chance(60);
        let faults_until_ms = rng.between(60_000, 300_000);
        let reader = rng.pick(&[Reader::Prompt, Reader::Prompt, Reader::Slow, Reader::Pauses]);
        let timeout_ms = rng.pick(&[1_500, 3_000, 7_000, 20_000, 40_000]);
        let max_interval_ms = rng.pick(&[2_000, 5_000, 10_000, 40_000]);
        let message_bytes = rng.chance(80).then_some(440).filter(|_| !replay);
        let mut plan = Self {
            replay: None,
            ask_ack: rng.chance(900),
            own_limits: rng
                .chance(400)
                .then(|| (rng.pick(&[2, 5, 20, 10_000]), rng.pick(&[600, 4_000, 16 << 20, 16 << 20]))),
            request_bytes: rng.pick(&[32_768, 32_768, 500]),
            message_bytes,
            handshakes_per_minute: rng.pick(&[10, 10, 4, 30]),
            session_window_ms: rng.pick(&[150_000, 5_000]),
            inspect: rng.pick(&[Inspect::None, Inspect::None, Inspect::None, Inspect::Meta, Inspect::All]),
            grant_ack: rng.chance(500),
            ack_as_object: rng.chance(300),
            events_first: rng.chance(700),
            rides: rng.chance(700),
            advice: rng.pick(&[
                AdviceStyle::Always,
                AdviceStyle::FirstConnectOnly,
                AdviceStyle::Never,
                AdviceStyle::WithoutTimeout,
            ]),
            timeout_ms,
            interval_ms: rng.pick(&[0, 0, 0, 200, 1_500]),
            max_interval_ms,
            advise_max_interval: rng.chance(500),
            ids: rng.pick(&[IdStyle::Echo, IdStyle::Echo, IdStyle::Number, IdStyle::Missing]),
            unknown_words: rng.below(5),
            cookie: rng.chance(600),
            publish_every_ms: rng.pick(&[150, 500, 1_000, 4_000, 15_000]),
            padding: if message_bytes.is_some() { 410 } else { rng.pick(&[0, 40, 400]) },
            busy: if clean { 0 } else { rng.pick(&[0, 0, 60]) },
            mishap_every_ms: if clean { 0 } else { rng.pick(&[0, 15_000, 40_000]) },
            may_end: rng.chance(60),
            delay_ms: rng.pick(&[2, 30, 200, 800]),
            faults: if clean { 0 } else { rng.pick(&[0, 50, 150, 350]) },
            malformed: rng.chance(300),
            rough_start: rng.chance(60),
            proxy_age_ms: (!clean && rng.chance(150)).then(|| rng.between(2_500, 15_000)),
            sleeps: !clean && rng.chance(200),
            faults_until_ms,
            act_every_ms: rng.pick(&[700, 2_000, 6_000]),
            reader,
            close_at_ms: rng.chance(150).then(|| rng.between(0, faults_until_ms)),
            rest_every_ms: 0,
            suspend_at_ms: None,
        };
        if replay {
            let replay = ReplayPlan::new(rng, clean);
            plan.replay = Some(replay);
            plan.close_at_ms = None;
            if replay.salesforce {
                plan.grant_ack = false;
            }
        }
        plan.rest_every_ms = rng.pick(&[0, 0, 0, 2_000, 15_000, 40_000]);
        plan.suspend_at_ms = rng.chance(300).then(|| rng.below(faults_until_ms));
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
