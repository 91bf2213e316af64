//! The control API: JSON over HTTP at `/sandbox/…` for the default world and `/w/NAME/sandbox/…` for the world NAME.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET config` | | the settings: [`Config`](crate::Config) in camelCase |
//! | `POST config` | some of them | all of them |
//! | `POST publish` | `{channel, data?, count?, ext?, event?}` | `{published, receivers, last, replayIds?}` |
//! | `POST faults` | a fault or an array of them | `{waiting}` |
//! | `GET faults` | | those that wait |
//! | `DELETE faults` | | `{cleared}` |
//! | `POST cut` | `{downMs?}` | `{down}` |
//! | `POST wake` | | `{woken}` |
//! | `POST forget` | | `{forgotten}` |
//! | `POST session-disconnect` | | `{disconnected}` |
//! | `POST expire-token` | `{tell? = true}` | `{revoked}` |
//! | `POST fail-logins` | `{error?, description?, status?, times?, hang?}` | `{waiting}` |
//! | `POST expire` | `{channel?, keep? = 0}` | `{expired}` |
//! | `POST age` | `{ms}` | `{aged}` |
//! | `POST new-org` | | `{org, forgotten}` |
//! | `GET stats` | | counters, what is open, the last 50 requests |
//! | `POST reset` | | `{reset}` |
//!
//! What cannot be understood is answered with 400 and `{error}`.
//!
//! - **publish** with `count` publishes so many events at once, and sets `n` in the data of each, which must be an
//!   object, to the channel's running number; `last` is the last of them. Without `count` the data goes out as it came,
//!   digit for digit. `receivers` counts the sessions that each event was queued for, summed up. On a channel of
//!   Salesforce's the data becomes the `payload` or `sobject` for its subscribers there; `event` is merged into the
//!   envelope's `event`, and `replayIds` lists the ids given, as they were written.
//! - **cut** drops the connections of all open requests, without a word, and for `downMs` (of the real clock) those of
//!   all new ones but to this API. The sessions do not notice: what is published until a client is back goes down
//!   with its old poll, unless the acknowledgement extension holds it.
//! - **wake** answers every parked poll with what there is; **forget** ends all sessions, and their polls with an unknown
//!   client; **session-disconnect** ends them as disconnected, and their polls with `successful: true` and advice `none`.
//! - **reset** drops the world: open requests are cut, and the next use of the name makes a new one.
//!
//! # Salesforce
//!
//! Beside `/cometd`, in the default world and below `/w/NAME`:
//!
//! - `POST /services/oauth2/token` logs in with the grants `password`, `refresh_token`, `client_credentials` and
//!   `urn:ietf:params:oauth:grant-type:jwt-bearer`. Each login makes a new token, and the others stay valid. A world's
//!   credentials: client `sandbox-client` with secret `sandbox-secret`, user `user@example.com` with password
//!   `sandbox-password` (`TOKEN` may be appended), refresh token `sandbox-refresh`. No JWT is taken before
//!   `jwtPublicKey` is set; it must name the client in `iss`, the user in `sub`, the world's own origin or one of
//!   Salesforce's two login hosts in `aud`, and an `exp` within five minutes of the real clock.
//! - `GET /services/data` lists the versions, 37.0 to 67.0, for everybody.
//! - `/cometd/NN.0`, with or without what clients append, is Bayeux as Salesforce speaks it, with a token: replay
//!   instead of acknowledgement, subscriptions to `/topic/NAME` (filters `?Field='v'` are applied), `/u/…`,
//!   `/event/X__e`, `/event/X__chn`, `/data/ChangeEvents`, `/data/…ChangeEvent` and `/data/X__chn` and to nothing else,
//!   no publishing. Its sessions are none of plain Bayeux's, but in one world both get what is published: in the
//!   envelope of the channel there, as it came here.
//! - With a token, below `/services/data/vNN.0`: `POST sobjects/X__e` publishes a platform event,
//!   `POST sobjects/StreamingChannel` (`{Name}`) makes a generic channel, `POST sobjects/StreamingChannel/ID/push`
//!   publishes on it, `GET limits`. `refusingCalls` answer every token with 401. Also `GET /services/oauth2/userinfo`, and `POST /services/oauth2/revoke`.
//!
//! - With `moved: {from, to, oldHost?}` the org has moved: logins name `to`, and what else comes to the host `from` is
//!   redirected there, or hangs, or is dropped (`"redirect"`, `"hang"`, `"refuse"`).
//!
//! The settings for all that are [`Salesforce`](crate::Salesforce)'s; `config` has them beside the others. And:
//!
//! - **expire-token** revokes all access tokens. Parked polls that came with one are told at once, or with `tell: false`
//!   when they would have been answered; other sessions learn of it with their next request.
//! - **fail-logins** refuses the next `times` (1) logins with `{error, error_description}` and `status` (400), by default
//!   `invalid_grant` and `authentication failure`; with `hang` it never answers them. It is a fault `on` `login`.
//! - **expire** drops the oldest events of one channel or of all until each has `keep`. Positions at or before them are
//!   invalid from then on, except the last of them, after which nothing was dropped. By itself a channel keeps its newest
//!   100,000 events, for as long as `retentionMs` or Salesforce says.
//! - **age** sets the org's clock forward: for what is kept, for tokens, and for the day that `dailyEvents` counts.
//! - **new-org** starts a new org: no events, other ids, no tokens, and sessions that are not known.
//!
//! # Faults
//!
//! `{on?, kind, times? = 1, session?, withEvents?, process?, also?, …}`. `on` is `handshake`, `connect`, `subscribe`,
//! `unsubscribe`, `publish`, `disconnect` or `any` (the default): the request must hold such a message. Or it is `login`,
//! `versions` or `rest`, which `any` does not mean: a call below `/services`, with the faults of its travel, `malformed`,
//! `oversized`, `expire-token` and `instance-url`. `session` is a client id. Faults wait in line, and a request meets at
//! most one: the first that fits it. `also` lists further `{kind, …}` for the same request.
//!
//! On arrival, and unprocessed: `refuse` (the connection is dropped), `hang` (never answered), `status {status, body?,
//! headers?}`, `html {status?}`, `empty {status?}`, `redirect {location, status?}`, `retry-after {seconds?, status?}`
//! (503). With `process: true` or `withEvents: true` these, `refuse` excepted, strike at the response instead. Also on
//! arrival, but processed after that: `forget` (the session is forgotten first), `error {error, advice?,
//! failureReason?}` (the messages that `on` names are refused so), `expire-token` (all tokens are revoked first, the
//! request's own too), `busy-subscribe {error?}` (subscribes are refused with `401::Authentication invalid` or that
//! error, and the true reason, 503, is the `failureReason`), `deny-handshake {failureReason?, error?, status?}`,
//! `concurrent-limit` (the same for its reason), `daily-limit {advice?}` (a connect or a subscribe). These know what
//! they are `on`.
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
//! - logins: `instance-url {url}` (the answer names that instance);
//! - cookies: `drop-cookie {expire?}` (BAYEUX_BROWSER is not set, or expired), `big-cookie {bytes}`.

mod salesforce;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue, value::to_raw_value};

use crate::channel;
use crate::delivery::plain;
use crate::fault::Fault;
use crate::salesforce::{Publication, written};
use crate::session::Wake;
use crate::state::State;
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
        ("POST", "expire-token") => salesforce::expire_token(&world, body),
        ("POST", "fail-logins") => salesforce::fail_logins(&world, body),
        ("POST", "expire") => salesforce::expire(&world, body),
        ("POST", "age") => salesforce::age(&world, body),
        ("POST", "new-org") => Ok(salesforce::new_org(&world)),
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
struct Order {
    channel: String,
    data: Option<Box<RawValue>>,
    count: Option<u64>,
    ext: Option<Value>,
    event: Option<Map<String, Value>>,
}

fn publish(world: &World, body: &[u8]) -> Result<Value, String> {
    let Order { channel, data, count, ext, event } = parse(body)?;
    if channel::check(&channel).is_err() || channel::is_glob(&channel) {
        return Err(format!("cannot publish on {channel}"));
    }
    let now = Instant::now();
    let mut state = world.state();
    let mut receivers = 0;
    let mut last = Value::Null;
    let mut ids = Vec::new();
    let form = state.config.salesforce.replay_id_form;
    let mut publish = |state: &mut State, data: Option<&RawValue>| {
        let publication = Publication { data, ext: ext.as_ref(), event: event.as_ref() };
        let published = state.publish(&channel, publication, now);
        receivers += published.receivers;
        ids.extend(published.replay_id.map(|id| written(id, form)));
    };
    match count {
        None => publish(&mut state, data.as_deref()),
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
                publish(&mut state, Some(&data));
                last = n.into();
            }
        }
    }
    // All at once, so that one publication is one batch.
    state.flush(now);
    let mut answer = json!({ "published": count.unwrap_or(1), "receivers": receivers, "last": last });
    if !ids.is_empty() {
        answer["replayIds"] = Value::Array(ids);
    }
    Ok(answer)
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
