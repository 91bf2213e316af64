//! The control API: JSON over HTTP at `/sandbox/…` for the default world and `/w/NAME/sandbox/…` for the world NAME.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET config` | | the settings: [`Config`](crate::Config) in camelCase |
//! | `POST config` | some of them | all of them |
//! | `POST publish` | `{channel, data?, count?, ext?}` | `{published, receivers, last}` |
//! | `POST faults` | a fault or an array of them | `{waiting}` |
//! | `GET faults` | | those that wait |
//! | `DELETE faults` | | `{cleared}` |
//! | `POST cut` | `{downMs?}` | `{down}` |
//! | `POST wake` | | `{woken}` |
//! | `POST forget` | | `{forgotten}` |
//! | `POST session-disconnect` | | `{disconnected}` |
//! | `GET stats` | | counters, what is open, the last 50 requests |
//! | `POST reset` | | `{reset}` |
//!
//! What cannot be understood is answered with 400 and `{error}`.
//!
//! - **publish** with `count` publishes so many events at once, and sets `n` in the data of each, which must be an
//!   object, to the channel's running number; `last` is the last of them. Without `count` the data goes out as it came,
//!   digit for digit. `receivers` counts the sessions that each event was queued for, summed up.
//! - **cut** drops the connections of all open requests, without a word, and for `downMs` (of the real clock) those of
//!   all new ones to the Bayeux address. The sessions do not notice: what is published until a client is back goes down
//!   with its old poll, unless the acknowledgement extension holds it.
//! - **wake** answers every parked poll with what there is; **forget** ends all sessions, and their polls with an unknown
//!   client; **session-disconnect** ends them as disconnected, and their polls with `successful: true` and advice `none`.
//! - **reset** drops the world: open requests are cut, and the next use of the name makes a new one.
//!
//! # Faults
//!
//! `{on?, kind, times? = 1, session?, withEvents?, process?, also?, …}`. `on` is `handshake`, `connect`, `subscribe`,
//! `unsubscribe`, `publish`, `disconnect` or `any` (the default): the request must hold such a message. `session` is a
//! client id. Faults wait in line, and a request meets at most one: the first that fits it. `also` lists further
//! `{kind, …}` for the same request.
//!
//! On arrival, and unprocessed: `refuse` (the connection is dropped), `hang` (never answered), `status {status, body?,
//! headers?}`, `html {status?}`, `empty {status?}`, `redirect {location, status?}`, `retry-after {seconds?, status?}`
//! (503). With `process: true` or `withEvents: true` these, `refuse` excepted, strike at the response instead. Also on
//! arrival, but processed after that: `forget` (the session is forgotten first), `error {error, advice?,
//! failureReason?}` (the messages that `on` names are refused so).
//!
//! At the response, so that a fault given while a poll is parked meets that poll; `withEvents` waits for a response that
//! carries events:
//!
//! - how it travels: `cut-before-head`, `cut {afterBytes? | afterEvents?}` (half the body if neither is given),
//!   `stall` (the same, and then silence), `slow {chunkBytes, delayMs}`;
//! - what it says: `body {body, contentType?}` in place of the real one, `malformed {afterEvents?}` (a message that is
//!   not JSON after the n-th event), `oversized {bytes, channel?}` and `nested {depth, channel?}` (an event before the
//!   others; channels `/sandbox/oversized`, `/sandbox/nested`), `duplicate`, `reorder`, `events-after-reply`;
//! - replies, of the kind that `on` names: `advice {advice}`, `no-id {noChannel?}`, `numeric-ids`,
//!   `no-connection-type {types?}` (the handshake offers `websocket`, or those), `disconnect {advice?, error?}` (the
//!   server's own `/meta/disconnect`, and a connect that failed with that advice, or with none if it is null);
//! - cookies: `drop-cookie {expire?}` (BAYEUX_BROWSER is not set, or expired), `big-cookie {bytes}`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue, value::to_raw_value};

use crate::channel;
use crate::delivery::plain;
use crate::fault::Fault;
use crate::session::Wake;
use crate::world::{World, Worlds};

/// Serves one request to the control address of the world `name`.
pub(crate) fn serve(worlds: &Worlds, name: &str, method: &Method, action: &str, body: &[u8]) -> Response {
    let world = worlds.get(name);
    let done = match (method.as_str(), action) {
        ("GET", "config") => Ok(json!(world.state().config)),
        ("POST", "config") => configure(&world, body),
        ("POST", "publish") => publish(&world, body),
        ("GET", "faults") => Ok(json!(world.state().faults.waiting().collect::<Vec<_>>())),
        ("POST", "faults") => order_faults(&world, body),
        ("DELETE", "faults") => Ok(json!({ "cleared": world.state().faults.clear() })),
        ("POST", "cut") => cut(&world, body),
        ("POST", "wake") => Ok(json!({ "woken": world.state().wake_all() })),
        ("POST", "forget") => Ok(json!({ "forgotten": world.state().end_all_sessions(Wake::Forgotten) })),
        ("POST", "session-disconnect") => {
            Ok(json!({ "disconnected": world.state().end_all_sessions(Wake::Disconnected) }))
        }
        ("GET", "stats") => Ok(world.state().report(Instant::now())),
        ("POST", "reset") => {
            worlds.drop_world(name);
            Ok(json!({ "reset": true }))
        }
        (method, action) => {
            let error = json!({ "error": format!("there is no {method} {action}") });
            return plain(StatusCode::NOT_FOUND, JSON, error.to_string());
        }
    };
    match done {
        Ok(answer) => plain(StatusCode::OK, JSON, answer.to_string()),
        Err(error) => plain(StatusCode::BAD_REQUEST, JSON, json!({ "error": error }).to_string()),
    }
}

const JSON: &str = "application/json";

fn configure(world: &World, body: &[u8]) -> Result<Value, String> {
    let patch: Value = parse(body)?;
    let config = world.state().config.patched(&patch)?;
    world.set_config(config.clone());
    Ok(json!(config))
}

#[derive(Deserialize)]
struct Publication {
    channel: String,
    data: Option<Box<RawValue>>,
    count: Option<u64>,
    ext: Option<Value>,
}

fn publish(world: &World, body: &[u8]) -> Result<Value, String> {
    let Publication { channel, data, count, ext } = parse(body)?;
    if channel::check(&channel).is_err() || channel::is_glob(&channel) {
        return Err(format!("cannot publish on {channel}"));
    }
    let now = Instant::now();
    let mut state = world.state();
    let mut receivers = 0;
    let mut last = Value::Null;
    match count {
        None => receivers += state.publish(&channel, data.as_deref(), ext.as_ref(), now),
        Some(count) => {
            let mut fields: Map<String, Value> = match &data {
                None => Map::new(),
                Some(data) => serde_json::from_str(data.get())
                    .map_err(|_| "with a count, data is an object: it is given the field n".to_owned())?,
            };
            for _ in 0..count {
                let n = state.next_number(&channel);
                fields.insert("n".to_owned(), n.into());
                let data = to_raw_value(&fields).map_err(|error| error.to_string())?;
                receivers += state.publish(&channel, Some(&data), ext.as_ref(), now);
                last = n.into();
            }
        }
    }
    // All at once, so that one publication is one batch.
    state.flush(now);
    Ok(json!({ "published": count.unwrap_or(1), "receivers": receivers, "last": last }))
}

fn order_faults(world: &World, body: &[u8]) -> Result<Value, String> {
    let given: Value = parse(body)?;
    let given = if given.is_array() { given } else { json!([given]) };
    let faults: Vec<Fault> = serde_json::from_value(given).map_err(|error| error.to_string())?;
    let mut state = world.state();
    faults.into_iter().for_each(|fault| state.faults.push(fault));
    Ok(json!({ "waiting": state.faults.waiting().count() }))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cut {
    #[serde(default)]
    down_ms: u64,
}

fn cut(world: &Arc<World>, body: &[u8]) -> Result<Value, String> {
    let cut = if body.is_empty() { Cut::default() } else { parse::<Cut>(body)? };
    let down = cut.down_ms > 0;
    let now = Instant::now();
    let mut state = world.state();
    state.down_until = down.then(|| now + Duration::from_millis(cut.down_ms));
    state.lose_all_polls(now);
    drop(state);
    world.cut();
    Ok(json!({ "down": down }))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
