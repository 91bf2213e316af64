//! A request's way through the server: faults that strike on arrival, the messages, the parked poll, faults that
//! distort the response.

mod dialect;
mod exchange;

use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use http_body_util::{BodyExt, Limited};

use crate::delivery::{self, hang, plain};
use crate::fault::{Effect, Moment, On};
use crate::reply::Draft;
use crate::request::{Caller, Kind, Message, Request};
use crate::salesforce::answer_of_old_host;
use crate::session::Wake;
use crate::world::{OpenRequest, World};
use exchange::{Exchange, Parked, Refusal};

/// Serves one request to the Bayeux address of a world.
pub(crate) async fn serve(world: Arc<World>, parts: Parts, body: Body) -> Response {
    let caller = dialect::caller(parts.uri.path(), &parts.headers);
    let bound = match (world.state().config.max_request_bytes, &caller) {
        (0, None) => HARD_LIMIT,
        (0, Some(_)) => dialect::LARGEST_REQUEST,
        (bound, _) => bound,
    };
    let answer = async {
        match answer_of_old_host(&world, &parts).await {
            Some(response) => response,
            None => read_and_answer(&world, &parts.headers, caller, body, bound).await,
        }
    };
    delivery::over_network(&world, answer).await
}

/// What no request may exceed, whatever the settings say.
const HARD_LIMIT: usize = 64 << 20;

async fn read_and_answer(
    world: &Arc<World>,
    headers: &HeaderMap,
    caller: Option<Caller>,
    body: Body,
    bound: usize,
) -> Response {
    let Ok(body) = Limited::new(body, bound).collect().await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, TEXT, "Maximum Request Size Exceeded");
    };
    let Ok(mut request) = Request::parse(headers, &body.to_bytes()) else {
        return plain(StatusCode::BAD_REQUEST, TEXT, "not a Bayeux message, nor an array of them");
    };
    request.salesforce = caller;
    world.let_aborts_be_noticed(&request).await;
    let open = OpenRequest::new(world, &request);
    answer(world, request, open).await
}

const TEXT: &str = "text/plain; charset=utf-8";

async fn answer(world: &Arc<World>, request: Request, open: OpenRequest) -> Response {
    let mut refusal = None;
    let mut later = Vec::new();
    let fault = world.state().faults.take(&request, Moment::Arrival);
    let met = fault.is_some();
    if let Some(fault) = fault {
        let on = fault.waits_for();
        for effect in iter::once(fault.effect).chain(fault.also) {
            if let Some(wanted) = Refusal::wanted(on, &request, &effect) {
                refusal = Some(wanted);
                continue;
            }
            match effect {
                Effect::Hang => hang().await,
                Effect::Forget => forget(world, &request),
                Effect::ExpireToken => drop(world.state().org.revoke_all()),
                effect => match delivery::stand_in(&effect) {
                    Some(response) if effect.replaces_processing() => return response,
                    _ => later.push((on, effect)),
                },
            }
        }
    }
    if let Some(response) = dialect::turned_away(world, &request) {
        return response;
    }

    let (mut draft, parked, early) = {
        let mut state = world.state();
        let (draft, parked) = Exchange::new(&mut state, &request, refusal).run();
        let early = state.config.head_at_once && parked.is_some();
        (draft, parked, early.then_some(state.config.spaces_ms))
    };
    let answer = {
        let world = Arc::clone(world);
        async move {
            if let Some(parked) = parked {
                let poll = Poll { world: &world, parked: Some(parked) };
                poll.wait(&request, &mut draft).await;
            }
            finish(&world, &request, draft, (met, later), open).await
        }
    };
    match early {
        Some(spaces_ms) => delivery::head_at_once(answer, Duration::from_millis(spaces_ms), world.cuts()),
        None => answer.await,
    }
}

/// Applies the faults of the response and sends what is left.
async fn finish(
    world: &Arc<World>,
    request: &Request,
    mut draft: Draft,
    (met, mut effects): (bool, Vec<(On, Effect)>),
    open: OpenRequest,
) -> Response {
    let route_lives = {
        let mut state = world.state();
        state.stats.delivered += draft.events.len() as u64;
        if request.salesforce.is_some() {
            state.org.count_delivered(draft.events.len() as u64);
        }
        let moment = Moment::Response { events: !draft.events.is_empty() };
        // A request meets one fault at most.
        if !met && let Some(fault) = state.faults.take(request, moment) {
            let on = fault.waits_for();
            effects.extend(iter::once(fault.effect).chain(fault.also).map(|effect| (on, effect)));
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
