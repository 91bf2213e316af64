//! Salesforce's addresses beside `/cometd`: the login, the list of versions, and a corner of the REST API.

mod jwt;
mod moved;
mod oauth;
mod org;
mod replay;
mod rest;
mod settings;
mod stream;

use std::iter;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use crate::delivery::{self, hang, plain};
use crate::fault::{Effect, Moment, On};
use crate::reply::Rendered;
use crate::world::{OpenRequest, World};

pub(crate) use moved::answer_of_old_host;
pub(crate) use org::Org;
pub(crate) use replay::{Kept, Refused, written};
pub use settings::{DeniedAs, Moved, OldHost, ReplayIds, ReplayOn, RevokedAs, Salesforce};
pub(crate) use stream::{Kind, Publication, admits};

/// A request to one of the addresses below `/services/`.
pub(crate) struct Call {
    pub method: String,
    /// What follows `/services`, without a slash at the end.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Where the world is: scheme, host and `/w/NAME`.
    pub base: String,
}

/// What a call is answered, before faults see it.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

/// Serves one request below `/services/`.
pub(crate) async fn serve(world: Arc<World>, parts: Parts, body: Body) -> Response {
    delivery::over_network(&world, read_and_answer(&world, parts, body)).await
}

/// The token that a request carries: `Bearer` or, as Salesforce's own clients write it, `OAuth`.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth");
    Some(token.trim()).filter(|token| known && !token.is_empty())
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    /// An error as the REST API words it.
    fn refusal(status: StatusCode, code: &str, message: &str) -> Self {
        Self { status, body: json!([{ "message": message, "errorCode": code }]) }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

/// More than any event or form holds.
const LARGEST: usize = 4 << 20;

async fn read_and_answer(world: &Arc<World>, parts: Parts, body: Body) -> Response {
    let Ok(body) = Limited::new(body, LARGEST).collect().await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, TEXT, "Maximum Request Size Exceeded");
    };
    let path = parts.uri.path();
    let path = path.split_once("/services").map_or("", |(_, path)| path).trim_end_matches('/').to_owned();
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path,
        base: world.base(&parts.headers),
        headers: parts.headers.clone(),
        body: body.to_bytes(),
    };
    let on = match call.path.as_str() {
        "/oauth2/token" => On::Login,
        "/data" => On::Versions,
        _ => On::Rest,
    };
    let moved = if on == On::Login { None } else { answer_of_old_host(world, &parts).await };
    if let Some(response) = moved {
        return response;
    }
    let open = OpenRequest::call(world);
    answer(world, &call, on, open).await
}

async fn answer(world: &Arc<World>, call: &Call, on: On, open: OpenRequest) -> Response {
    let mut later = Vec::new();
    let fault = world.state().faults.take_call(on, Moment::Arrival);
    let met = fault.is_some();
    if let Some(fault) = fault {
        for effect in iter::once(fault.effect).chain(fault.also) {
            match effect {
                Effect::Hang => hang().await,
                Effect::ExpireToken => drop(world.state().org.revoke_all()),
                effect => match delivery::stand_in(&effect) {
                    Some(response) if effect.replaces_processing() => return response,
                    _ => later.push(effect),
                },
            }
        }
    }

    let mut answer = match on {
        On::Login => oauth::login(world, call),
        On::Versions => rest::versions(world, call),
        _ => rest::call(world, call),
    };
    {
        let mut state = world.state();
        state.stats.unauthorized += u64::from(answer.status == StatusCode::UNAUTHORIZED);
        let fault = (!met).then(|| state.faults.take_call(on, Moment::Response { events: false })).flatten();
        later.extend(fault.into_iter().flat_map(|fault| iter::once(fault.effect).chain(fault.also)));
    }
    if later.iter().any(|effect| matches!(effect, Effect::Hang)) {
        hang().await;
    }
    if let Some(response) = later.iter().find_map(delivery::stand_in) {
        return response;
    }
    let body = distorted(&mut answer.body, &later);
    delivery::send(Rendered::text(answer.status, body), &later, world.cuts(), open)
}

/// The body as the faults want it.
fn distorted(body: &mut Value, effects: &[Effect]) -> String {
    for effect in effects {
        match effect {
            Effect::InstanceUrl { url } if body.get("access_token").is_some() => {
                body["instance_url"] = json!(url);
            }
            Effect::Oversized { bytes, .. } => match body {
                Value::Object(fields) => drop(fields.insert("filler".to_owned(), "x".repeat(*bytes).into())),
                Value::Array(items) => items.push("x".repeat(*bytes).into()),
                _ => {}
            },
            _ => {}
        }
    }
    let mut text = body.to_string();
    if effects.iter().any(|effect| matches!(effect, Effect::Malformed { .. })) {
        text.pop();
        text.push_str(",:}");
    }
    text
}
