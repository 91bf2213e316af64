//! What only Salesforce's side of a world can be told.

use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::session::Wake;
use crate::world::World;

use super::parse;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct ExpireToken {
    tell: bool,
}

impl Default for ExpireToken {
    fn default() -> Self {
        Self { tell: true }
    }
}

pub(super) fn expire_token(world: &World, body: &[u8]) -> Result<Value, String> {
    let ExpireToken { tell } = parse_or_default(body)?;
    Ok(json!({ "revoked": world.state().expire_tokens(tell) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct FailLogins {
    error: String,
    description: String,
    status: u16,
    times: u32,
    hang: bool,
}

impl Default for FailLogins {
    fn default() -> Self {
        Self {
            error: "invalid_grant".to_owned(),
            description: "authentication failure".to_owned(),
            status: 400,
            times: 1,
            hang: false,
        }
    }
}

pub(super) fn fail_logins(world: &World, body: &[u8]) -> Result<Value, String> {
    let FailLogins { error, description, status, times, hang } = parse_or_default(body)?;
    let answer = json!({ "error": error, "error_description": description });
    let fault = match hang {
        true => json!({ "on": "login", "times": times, "kind": "hang" }),
        false => json!({
            "on": "login", "times": times, "kind": "status", "status": status, "body": answer.to_string(),
            "headers": { "content-type": "application/json;charset=UTF-8" },
        }),
    };
    let fault: Fault = serde_json::from_value(fault).map_err(|error| error.to_string())?;
    let mut state = world.state();
    state.faults.push(fault);
    Ok(json!({ "waiting": state.faults.waiting().count() }))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Expire {
    channel: Option<String>,
    keep: usize,
}

pub(super) fn expire(world: &World, body: &[u8]) -> Result<Value, String> {
    let Expire { channel, keep } = parse_or_default(body)?;
    let mut state = world.state();
    let now = state.org.clock(Instant::now());
    Ok(json!({ "expired": state.org.logs.expire(channel.as_deref(), keep, now) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Age {
    ms: u64,
}

pub(super) fn age(world: &World, body: &[u8]) -> Result<Value, String> {
    let Age { ms } = parse(body)?;
    if ms > LONGEST_MS {
        return Err("an org does not grow as old as that".to_owned());
    }
    let mut state = world.state();
    let by = state.scaled(ms);
    state.org.age(by);
    Ok(json!({ "aged": ms }))
}

/// A hundred years: the clock has room for many of them.
const LONGEST_MS: u64 = 100 * 365 * 24 * 3_600_000;

pub(super) fn new_org(world: &World) -> Value {
    let mut state = world.state();
    state.org = state.org.next();
    let forgotten = state.end_salesforce_sessions(Wake::Forgotten);
    json!({ "org": state.org.long_id(), "forgotten": forgotten })
}

fn parse_or_default<T: Default + for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, String> {
    if body.is_empty() { Ok(T::default()) } else { parse::<T>(body) }
}
