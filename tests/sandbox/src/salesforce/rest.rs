//! The list of versions, and as much of the REST API as publishing and trying a token needs.

use std::sync::Arc;
use std::time::Instant;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use crate::orders;
use crate::state::{State, random};
use crate::world::World;

use super::settings::OLDEST_VERSION;
use super::stream::{Publication, USER_ID};
use super::{Answer, Call, oauth, token};

/// `GET /services/data`: which versions there are, for everybody.
pub(super) fn versions(world: &Arc<World>, call: &Call) -> Answer {
    if call.method != "GET" {
        return not_allowed(&call.method);
    }
    let mut state = world.state();
    state.stats.version_calls += 1;
    let versions = OLDEST_VERSION..=state.config.salesforce.latest_version;
    Answer::ok(versions.map(version).collect())
}

/// Any other call below `/services`: with a token only.
pub(super) fn call(world: &Arc<World>, call: &Call) -> Answer {
    let mut state = world.state();
    state.stats.rest_calls += 1;
    if call.path == "/oauth2/revoke" {
        return revoke(&mut state, call);
    }
    let now = Instant::now();
    let user = token(&call.headers).and_then(|token| state.org.user_of(token, now)).map(str::to_owned);
    let refusing = state.config.salesforce.refusing_calls.contains(&call.path);
    let Some(user) = user.filter(|_| !refusing) else {
        return Answer::refusal(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", "Session expired or invalid");
    };
    if call.path == "/oauth2/userinfo" {
        return Answer::ok(json!({
            "user_id": USER_ID, "organization_id": state.org.long_id(), "preferred_username": user, "email": user,
        }));
    }
    let Some(resource) = resource(&state, &call.path) else { return not_found() };
    match (call.method.as_str(), resource.as_slice()) {
        ("GET", []) => Answer::ok(json!({ "limits": format!("/services{}/limits", call.path) })),
        ("GET", ["limits"]) => limits(&mut state, now),
        ("POST", ["sobjects", "StreamingChannel"]) => create_channel(&mut state, &call.body),
        ("POST", ["sobjects", "StreamingChannel", id, "push"]) => push(&mut state, id, &call.body, now),
        ("POST", ["sobjects", object]) => publish(&mut state, object, &call.body, now),
        (_, ["limits"] | ["sobjects", _]) => not_allowed(&call.method),
        _ => not_found(),
    }
}

/// Labels go by season: 37.0 was Summer '16, and three versions make a year.
fn version(number: u32) -> Value {
    let since = number - OLDEST_VERSION;
    let (season, year) = match since % 3 {
        0 => ("Summer", 16 + since / 3),
        1 => ("Winter", 17 + since / 3),
        _ => ("Spring", 17 + since / 3),
    };
    json!({
        "label": format!("{season} '{year}"), "url": format!("/services/data/v{number}.0"), "version": format!("{number}.0"),
    })
}

/// What follows `/data/vNN.0` in a path, if that version exists.
fn resource<'a>(state: &State, path: &'a str) -> Option<Vec<&'a str>> {
    let mut segments = path.strip_prefix("/data/v")?.split('/');
    let number: u32 = segments.next()?.strip_suffix(".0")?.parse().ok()?;
    let exists = (OLDEST_VERSION..=state.config.salesforce.latest_version).contains(&number);
    exists.then(|| segments.collect())
}

fn revoke(state: &mut State, call: &Call) -> Answer {
    let form = oauth::form(&call.body);
    let known = form.get("token").is_some_and(|token| state.org.revoke(token));
    let unsupported =
        json!({ "error": "unsupported_token_type", "error_description": "this token type is not supported" });
    match known {
        true => Answer::ok(json!({})),
        false => Answer { status: StatusCode::BAD_REQUEST, body: unsupported },
    }
}

fn limits(state: &mut State, now: Instant) -> Answer {
    let settings = &state.config.salesforce;
    let gauge = |max: u64, used: u64| json!({ "Max": max, "Remaining": max.saturating_sub(used) });
    let clients = match settings.concurrent_clients {
        0 => 2_000,
        bound => bound as u64,
    };
    let events = if settings.daily_events == 0 { 50_000 } else { settings.daily_events };
    let delivered = state.org.delivered();
    let sessions = state.salesforce_sessions(now) as u64;
    Answer::ok(json!({
        "DailyApiRequests": gauge(100_000, state.stats.rest_calls),
        "DailyDeliveredPlatformEvents": gauge(events, delivered),
        "StreamingApiConcurrentClients": gauge(clients, sessions),
    }))
}

/// A platform event, published by making a record of it.
fn publish(state: &mut State, object: &str, body: &[u8], now: Instant) -> Answer {
    let channel = format!("/event/{object}");
    let exists = object.ends_with("__e") && object.len() > 3;
    if !exists || state.config.salesforce.unknown_channels.contains(&channel) {
        return not_found();
    }
    let mut fields = match record(body) {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    if state.config.salesforce.orders_event.as_ref() == Some(&channel) {
        fields = orders::numbered(state, fields);
    }
    let published =
        state.publish(&channel, Publication { data: Some(&fields), ..Publication::default() }, now);
    state.flush(now);
    created(&format!("e00{:015}", published.replay_id.unwrap_or_default()))
}

/// A generic channel that is made on request, under a new id.
fn create_channel(state: &mut State, body: &[u8]) -> Answer {
    #[derive(Deserialize)]
    struct Channel {
        #[serde(rename = "Name")]
        name: String,
    }
    let Ok(Channel { name }) = serde_json::from_slice(body) else { return bad_json() };
    let id = format!("0M6{:012}AAA", random() % 1_000_000_000_000);
    state.config.salesforce.streaming_channels.insert(id.clone(), name);
    created(&id)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pushes {
    push_events: Vec<Push>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Push {
    payload: Box<RawValue>,
    #[serde(default)]
    user_ids: Vec<String>,
}

/// Generic events. Without users each goes to all, and the count of its readers is not told.
fn push(state: &mut State, id: &str, body: &[u8], now: Instant) -> Answer {
    let Some(channel) = state.config.salesforce.streaming_channels.get(id).cloned() else {
        return not_found();
    };
    let Ok(Pushes { push_events }) = serde_json::from_slice(body) else { return bad_json() };
    let mut answers = Vec::new();
    for Push { payload, user_ids } in push_events {
        let publication = Publication { data: Some(&payload), ..Publication::default() };
        let mut online = Map::new();
        let fanout = if user_ids.is_empty() {
            state.publish(&channel, publication, now);
            -1
        } else {
            // One user is all that an org has.
            let named = user_ids.iter().any(|user| user == USER_ID);
            let readers = if named { state.publish(&channel, publication, now).receivers as i64 } else { 0 };
            online.extend(user_ids.into_iter().map(|user| {
                let here = user == USER_ID && readers > 0;
                (user, here.into())
            }));
            readers
        };
        answers.push(json!({ "fanoutCount": fanout, "userOnlineStatus": online }));
    }
    state.flush(now);
    Answer::ok(Value::Array(answers))
}

/// The record of a request's body, which is an object.
fn record(body: &[u8]) -> Result<Box<RawValue>, Answer> {
    let fields: Box<RawValue> = serde_json::from_slice(body).map_err(|_| bad_json())?;
    if fields.get().starts_with('{') { Ok(fields) } else { Err(bad_json()) }
}

fn created(id: &str) -> Answer {
    Answer { status: StatusCode::CREATED, body: json!({ "id": id, "success": true, "errors": [] }) }
}

fn bad_json() -> Answer {
    let message = "The HTTP entity body is required to be a JSON document of the resource";
    Answer::refusal(StatusCode::BAD_REQUEST, "JSON_PARSER_ERROR", message)
}

fn not_found() -> Answer {
    Answer::refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
}

fn not_allowed(method: &str) -> Answer {
    let message = format!("HTTP Method '{method}' not allowed. Allowed are HEAD,GET,POST");
    Answer::refusal(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", &message)
}
