//! How a response leaves: whole, in pieces, in part, or not at all.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use crate::fault::Effect;
use crate::reply::Rendered;
use crate::world::{OpenRequest, World};

/// Marks a response in place of which the connection is dropped.
#[derive(Clone, Copy)]
pub(crate) struct Dropped;

pub(crate) fn dropped() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Dropped);
    response
}

/// Answers over the network of this world, which may be cut.
pub(crate) async fn over_network(world: &World, answer: impl Future<Output = Response>) -> Response {
    let mut cuts = world.cuts();
    let keep_alive = {
        let state = world.state();
        if state.is_down(Instant::now()) {
            return dropped();
        }
        state.config.keep_alive
    };
    let mut response = tokio::select! {
        biased;
        _ = cuts.changed() => dropped(),
        response = answer => response,
    };
    if !keep_alive {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Never returns; whoever waits is dropped when the client leaves or the network is cut.
pub(crate) async fn hang() {
    std::future::pending::<()>().await;
}

pub(crate) fn plain(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The response that this fault puts in place of the real one, if it does.
pub(crate) fn stand_in(effect: &Effect) -> Option<Response> {
    let code = |status: &u16| StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = match effect {
        Effect::Refuse | Effect::CutBeforeHead => dropped(),
        Effect::Status { status, body, headers } => {
            let mut response = plain(code(status), "text/plain; charset=utf-8", body.clone());
            for (name, value) in headers {
                set(&mut response, name, value);
            }
            response
        }
        Effect::Html { status } => {
            let page =
                "<!DOCTYPE html><html><head><title>Sign in</title></head><body>[{\"not\":\"Bayeux\"}]</body>";
            plain(code(status), "text/html; charset=utf-8", page)
        }
        Effect::Empty { status } => plain(code(status), JSON, Body::empty()),
        Effect::Redirect { location, status } => {
            let mut response = plain(code(status), "text/plain; charset=utf-8", "elsewhere");
            set(&mut response, "location", location);
            response
        }
        Effect::RetryAfter { seconds, status } => {
            let mut response = plain(code(status), "text/plain; charset=utf-8", "SERVER_UNAVAILABLE");
            set(&mut response, "retry-after", &seconds.to_string());
            response
        }
        Effect::Body { body, content_type } => {
            let mut response = plain(StatusCode::OK, JSON, body.clone());
            if let Some(content_type) = content_type {
                set(&mut response, "content-type", content_type);
            }
            response
        }
        _ => return None,
    };
    Some(response)
}

/// Sends what was written out, as far and as fast as the faults let it.
pub(crate) fn send(
    rendered: Rendered,
    effects: &[Effect],
    cut: watch::Receiver<u64>,
    open: OpenRequest,
) -> Response {
    let steps = steps(&rendered, effects);
    let body = match steps {
        None => Body::from(rendered.body),
        Some(steps) => stream(steps, cut, open),
    };
    let mut response = plain(rendered.status, JSON, body);
    for cookie in &rendered.cookies {
        if let Ok(cookie) = HeaderValue::from_str(cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

const JSON: &str = "application/json;charset=UTF-8";

enum Step {
    Send(Bytes),
    Wait(Duration),
    Stall,
    Cut,
}

/// The steps of a response that does not leave in one piece.
fn steps(rendered: &Rendered, effects: &[Effect]) -> Option<VecDeque<Step>> {
    let mut body = Bytes::copy_from_slice(rendered.body.as_bytes());
    let mut pace = None;
    let mut end = None;
    for effect in effects {
        match effect {
            Effect::Slow { chunk_bytes, delay_ms } => {
                pace = Some(((*chunk_bytes).max(1), Duration::from_millis(*delay_ms)));
            }
            Effect::Cut { after_bytes, after_events } => {
                body.truncate(offset(rendered, *after_bytes, *after_events));
                end = Some(Step::Cut);
            }
            Effect::Stall { after_bytes, after_events } => {
                body.truncate(offset(rendered, *after_bytes, *after_events));
                end = Some(Step::Stall);
            }
            _ => {}
        }
    }
    if pace.is_none() && end.is_none() {
        return None;
    }

    let (chunk, delay) = pace.unwrap_or((body.len().max(1), Duration::ZERO));
    let mut steps = VecDeque::new();
    while !body.is_empty() {
        steps.push_back(Step::Send(body.split_to(chunk.min(body.len()))));
        if !delay.is_zero() {
            steps.push_back(Step::Wait(delay));
        }
    }
    steps.extend(end);
    Some(steps)
}

/// How much of the body is sent: so many bytes, or up to the end of the n-th event, or half of it.
fn offset(rendered: &Rendered, bytes: Option<usize>, events: Option<usize>) -> usize {
    match (bytes, events) {
        (Some(bytes), _) => bytes,
        (None, Some(0)) => 1,
        (None, Some(events)) => {
            let end = rendered.event_ends.get(events - 1).or(rendered.event_ends.last());
            end.copied().unwrap_or(1)
        }
        (None, None) => rendered.body.len() / 2,
    }
}

fn stream(steps: VecDeque<Step>, cut: watch::Receiver<u64>, open: OpenRequest) -> Body {
    Body::from_stream(stream::unfold((steps, cut, open), |(mut steps, mut cut, open)| async move {
        loop {
            let whole = match steps.pop_front()? {
                Step::Send(bytes) => return Some((Ok(bytes), (steps, cut, open))),
                Step::Wait(delay) => tokio::select! {
                    () = tokio::time::sleep(delay) => true,
                    _ = cut.changed() => false,
                },
                Step::Stall => {
                    let _ = cut.changed().await;
                    false
                }
                Step::Cut => {
                    // hyper writes out what it holds when the body has nothing ready, and not when it fails.
                    tokio::task::yield_now().await;
                    false
                }
            };
            if !whole {
                return Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), (steps, cut, open)));
            }
        }
    }))
}

/// Sends a head at once, and the body of the answer when there is one; before it a space now and then, unless `pause` is 0.
pub(crate) fn head_at_once(
    answer: impl Future<Output = Response> + Send + 'static,
    pause: Duration,
    cut: watch::Receiver<u64>,
) -> Response {
    let waiting = Early::Waiting(Box::pin(answer));
    let body = stream::unfold((waiting, cut), move |(mut early, mut cut)| async move {
        loop {
            match &mut early {
                Early::Waiting(answer) => tokio::select! {
                    biased;
                    _ = cut.changed() => {
                        let aborted = io::Error::from(io::ErrorKind::ConnectionAborted);
                        return Some((Err(aborted), (early, cut)));
                    }
                    response = answer => early = Early::Answered(response.into_body().into_data_stream()),
                    () = tokio::time::sleep(pause), if !pause.is_zero() => {
                        return Some((Ok(Bytes::from_static(b" ")), (early, cut)));
                    }
                },
                Early::Answered(body) => {
                    let chunk = body.next().await?;
                    return Some((chunk.map_err(io::Error::other), (early, cut)));
                }
            }
        }
    });
    plain(StatusCode::OK, JSON, Body::from_stream(body))
}

/// A response whose head is out.
enum Early {
    Waiting(Pin<Box<dyn Future<Output = Response> + Send>>),
    Answered(BodyDataStream),
}

/// Faults come from tests that mean it; a header that HTTP has no form for is left out.
fn set(response: &mut Response, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        response.headers_mut().insert(name, value);
    }
}
