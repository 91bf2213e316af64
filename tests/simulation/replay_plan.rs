//! What a life with replay adds to a plan.

use cometd_edge::replay::{Commit, OnInvalid, Start};

use crate::choices::Choices;
use crate::rng::Rng;

/// How the server writes replay ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayIds {
    Number,
    /// Larger than a float holds exactly (R1).
    LargeNumber,
    Text,
}

#[derive(Clone, Copy, Debug)]
pub struct ReplayPlan {
    /// With tokens, and without the acknowledgement extension; else plain Bayeux with a replay extension.
    pub salesforce: bool,
    pub ids: ReplayIds,
    pub uuids: bool,
    pub retention_ms: u64,
    /// The org moves now and then: no replay id is good any more.
    pub org_moves: bool,
    /// Subscribes refused because the server is busy, in a thousand.
    pub busy_subscribes: u64,
    pub revoke_every_ms: u64,
    /// Logins that take long or fail, in a thousand.
    pub login_faults: u64,
    pub login_may_refuse: bool,
    /// Calls of the store that fail, hang or come late, in a thousand.
    pub store_faults: u64,
    /// What is stored is damaged now and then.
    pub store_damage: bool,
    pub restart_every_ms: u64,
    /// The client asks the application about refused subscribes.
    pub decides: bool,
    /// Readers that leave their subscription, in a thousand of the application's acts.
    pub restless: u64,
    /// Events that are never committed by hand, in a thousand.
    pub forgets: u64,
}

impl ReplayPlan {
    pub fn new(choices: &mut Choices, clean: bool) -> Self {
        let c = choices;
        let faults =
            |c: &mut Choices, of: &[u64]| c.chance_alone(0, |rng| if clean { 0 } else { rng.pick(of) });
        Self {
            salesforce: c.choose("salesforce", true, |rng| rng.chance(750)),
            ids: c.choose("replay-ids", ReplayIds::Number, |rng| {
                rng.pick(&[ReplayIds::Number, ReplayIds::LargeNumber, ReplayIds::Text])
            }),
            uuids: c.choose("uuids", false, |rng| rng.chance(500)),
            retention_ms: c.choose("retention-ms", 10_000_000, |rng| {
                rng.pick(&[8_000, 30_000, 120_000, 10_000_000, 10_000_000])
            }),
            org_moves: c.chance_alone(false, |rng| !clean && rng.chance(150)),
            busy_subscribes: faults(c, &[0, 0, 100, 300]),
            revoke_every_ms: faults(c, &[0, 0, 8_000, 40_000]),
            login_faults: faults(c, &[0, 100, 400]),
            login_may_refuse: c.chance_alone(false, |rng| rng.chance(100)),
            store_faults: faults(c, &[0, 0, 100, 400]),
            store_damage: c.chance_alone(false, |rng| !clean && rng.chance(60)),
            restart_every_ms: faults(c, &[0, 10_000, 30_000, 60_000]),
            decides: c.choose("decides", false, |rng| rng.chance(200)),
            restless: c.chance_alone(0, |rng| rng.pick(&[50, 200, 400])),
            forgets: c.choose("forgets", 0, |rng| rng.pick(&[0, 0, 30])),
        }
    }
}

/// What one client after the other is told.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    pub commit: Commit,
    pub on_invalid: OnInvalid,
}

impl Conditions {
    pub fn new(choices: &mut Choices) -> Self {
        Self {
            commit: choices.choose("commit", Commit::Processed, |rng| {
                rng.pick(&[Commit::Processed, Commit::Processed, Commit::Delivered, Commit::Manual])
            }),
            on_invalid: choices.choose("on-invalid", OnInvalid::All, |rng| {
                rng.pick(&[OnInvalid::All, OnInvalid::All, OnInvalid::New, OnInvalid::Fail])
            }),
        }
    }
}

/// Where channels begin that have no position.
pub fn choose_start(rng: &mut Rng, known: Option<String>) -> Start {
    match (rng.below(5), known) {
        (0 | 1, _) => Start::All,
        (2, Some(id)) => Start::After(id),
        _ => Start::New,
    }
}
