//! A request's way through the server: faults that strike on arrival, the messages, the parked poll, faults that
//! distort the response.

mod exchange;

use std::iter;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt, Limited};

use crate::delivery::{self, dropped, plain};
use crate::fault::{Effect, Moment, On};
use crate::reply::Draft;
use crate::request::{Kind, Message, Request};
use crate::session::Wake;
use crate::world::{OpenRequest, World};
use exchange::{Exchange, Parked, Refusal};

/// Serves one request to the Bayeux address of a world.
pub(crate) async fn serve(world: Arc<World>, headers: HeaderMap, body: Body) -> Response {
    let mut cuts = world.cuts();
    let config = {
        let state = world.state();
        if state.is_down(Instant::now()) {
            return dropped();
        }
        state.config.clone()
    };
    let bound = if config.max_request_bytes == 0 { HARD_LIMIT } else { config.max_request_bytes };
    let mut response = tokio::select! {
        biased;
        _ = cuts.changed() => dropped(),
        response = read_and_answer(&world, &headers, body, bound) => response,
    };
    if !config.keep_alive {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What no request may exceed, whatever the settings say.
const HARD_LIMIT: usize = 64 << 20;

async fn read_and_answer(world: &Arc<World>, headers: &HeaderMap, body: Body, bound: usize) -> Response {
    let Ok(body) = Limited::new(body, bound).collect().await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, TEXT, "Maximum Request Size Exceeded");
    };
    let Ok(request) = Request::parse(headers, &body.to_bytes()) else {
        return plain(StatusCode::BAD_REQUEST, TEXT, "not a Bayeux message, nor an array of them");
    };
    world.let_aborts_be_noticed(&request).await;
    let open = OpenRequest::new(world, &request);
    answer(world, &request, open).await
}

const TEXT: &str = "text/plain; charset=utf-8";

async fn answer(world: &Arc<World>, request: &Request, open: OpenRequest) -> Response {
    let mut refusal = None;
    let mut later = Vec::new();
    let fault = world.state().faults.take(request, Moment::Arrival);
    if let Some(fault) = fault {
        for effect in iter::once(fault.effect).chain(fault.also) {
            match effect {
                Effect::Hang => hang().await,
                Effect::Forget => forget(world, request),
                Effect::Error { error, advice, failure_reason } => {
                    refusal = Some(Refusal { on: fault.on, error, advice, failure_reason });
                }
                effect => match delivery::stand_in(&effect) {
                    Some(response) if !matches!(effect, Effect::Body { .. } | Effect::CutBeforeHead) => {
                        return response;
                    }
                    _ => later.push((fault.on, effect)),
                },
            }
        }
    }

    let (mut draft, parked) = {
        let mut state = world.state();
        Exchange::new(&mut state, request, refusal).run()
    };
    if let Some(parked) = parked {
        let poll = Poll { world, parked: Some(parked) };
        poll.wait(request, &mut draft).await;
    }
    finish(world, request, draft, later, open).await
}

/// Applies the faults of the response and sends what is left.
async fn finish(
    world: &Arc<World>,
    request: &Request,
    mut draft: Draft,
    mut effects: Vec<(On, Effect)>,
    open: OpenRequest,
) -> Response {
    let route_lives = {
        let mut state = world.state();
        state.stats.delivered += draft.events.len() as u64;
        let moment = Moment::Response { events: !draft.events.is_empty() };
        if let Some(fault) = state.faults.take(request, moment) {
            effects.extend(iter::once(fault.effect).chain(fault.also).map(|effect| (fault.on, effect)));
        }
        if effects.iter().any(|(_, effect)| matches!(effect, Effect::Disconnect { .. }))
            && let Some(id) = request.session()
        {
            state.end_session(id, Wake::Disconnected);
        }
        state.scaled(THREE_HOURS_MS)
    };
    for (on, effect) in &effects {
        draft.distort(*on, effect);
    }
    let effects: Vec<_> = effects.into_iter().map(|(_, effect)| effect).collect();
    if effects.iter().any(|effect| matches!(effect, Effect::Hang)) {
        hang().await;
    }
    if let Some(response) = effects.iter().find_map(delivery::stand_in) {
        return response;
    }
    delivery::send(draft.render(&world.cookie_path(), route_lives), &effects, world.cuts(), open)
}

/// How long the routing cookie lives.
const THREE_HOURS_MS: u64 = 3 * 3600 * 1000;

/// Never returns; whoever waits is dropped when the client leaves or the network is cut.
async fn hang() {
    std::future::pending::<()>().await;
}

fn forget(world: &World, request: &Request) {
    if let Some(id) = request.session() {
        world.state().end_session(id, Wake::Forgotten);
    }
}

/// A parked poll. Dropped before it was answered, it has lost its socket.
struct Poll<'a> {
    world: &'a World,
    parked: Option<Parked>,
}

impl Poll<'_> {
    async fn wait(mut self, request: &Request, draft: &mut Draft) {
        let Some(parked) = &mut self.parked else { return };
        let deadline = tokio::time::Instant::from_std(parked.until);
        let wake = match tokio::time::timeout_at(deadline, &mut parked.woken).await {
            Err(_) => Wake::Timeout,
            Ok(Ok(wake)) => wake,
            // The session ended without a word to its poll.
            Ok(Err(_)) => Wake::Forgotten,
        };
        let Some(parked) = self.parked.take() else { return };
        let Some(message) = connect(request) else { return };
        let mut state = self.world.state();
        Exchange::resume(&mut state, request, draft, message, &parked, wake);
    }
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        let Some(parked) = &self.parked else { return };
        let now = Instant::now();
        let mut state = self.world.state();
        let session = state.session(&parked.session, now).filter(|session| session.has_parked(parked.serial));
        let swallowed = session.map(|session| session.lose_poll(now));
        state.stats.swallowed += swallowed.unwrap_or_default();
    }
}

fn connect(request: &Request) -> Option<&Message> {
    request.messages.iter().find(|message| message.kind() == Kind::Connect)
}
