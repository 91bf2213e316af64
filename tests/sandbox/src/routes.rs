//! Which address means what.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use http_body_util::BodyExt;

use crate::delivery::plain;
use crate::files::Files;
use crate::world::Worlds;
use crate::{bayeux, control, salesforce};

/// What all routes share.
pub(crate) struct App {
    pub worlds: Arc<Worlds>,
    /// Only the page's listener has any.
    pub files: Option<Files>,
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for world in ["", "/w/{world}"] {
        for path in ["/cometd", "/cometd/", "/cometd/{*rest}"] {
            router = router.route(&format!("{world}{path}"), any(serve_bayeux));
        }
        router = router.route(&format!("{world}/services/{{*rest}}"), any(serve_salesforce));
        router = router.route(&format!("{world}/sandbox/{{action}}"), any(serve_control));
    }
    router.fallback(serve_file).with_state(app)
}

/// Lets pages of other local origins in, with cookies: browser tests are served from a port of their own.
pub(crate) fn allow_local_origins(origin: Option<&HeaderValue>, response: &mut Response) {
    let local = |origin: &HeaderValue| {
        let host = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        let host = host.map(|host| host.split_once(':').map_or(host, |(host, _)| host));
        matches!(host, Some("127.0.0.1" | "localhost"))
    };
    let Some(origin) = origin.filter(|origin| local(origin)) else { return };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("content-type, authorization"),
    );
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
}

async fn serve_bayeux(State(app): State<Arc<App>>, request: Request) -> Response {
    match *request.method() {
        Method::POST => {
            let world = app.worlds.get(world_of(request.uri().path()));
            let (parts, body) = request.into_parts();
            bayeux::serve(world, parts, body).await
        }
        Method::OPTIONS => plain(StatusCode::NO_CONTENT, TEXT, Body::empty()),
        // WebSocket asks with GET, and is refused like this by Salesforce too.
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, TEXT, "POST only"),
    }
}

async fn serve_salesforce(State(app): State<Arc<App>>, request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return plain(StatusCode::NO_CONTENT, TEXT, Body::empty());
    }
    let world = app.worlds.get(world_of(request.uri().path()));
    let (parts, body) = request.into_parts();
    salesforce::serve(world, parts, body).await
}

async fn serve_control(
    State(app): State<Arc<App>>,
    Path(path): Path<Vec<(String, String)>>,
    method: Method,
    _headers: HeaderMap,
    request: Request,
) -> Response {
    if method == Method::OPTIONS {
        return plain(StatusCode::NO_CONTENT, TEXT, Body::empty());
    }
    let action = path.iter().find(|(name, _)| name == "action").map_or("", |(_, action)| action.as_str());
    let world = world_of(request.uri().path()).to_owned();
    match request.into_body().collect().await {
        Ok(body) => control::serve(&app.worlds, &world, &method, action, &body.to_bytes()),
        Err(_) => plain(StatusCode::BAD_REQUEST, TEXT, "the body did not arrive"),
    }
}

async fn serve_file(State(app): State<Arc<App>>, request: Request) -> Response {
    match &app.files {
        Some(files) => files.serve(request.method(), request.uri().path()).await,
        None => plain(StatusCode::NOT_FOUND, TEXT, "/cometd is the server, /sandbox/… drives it\n"),
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

/// The world that a path means, as it is written there: cookie paths are compared in that form too.
fn world_of(path: &str) -> &str {
    path.strip_prefix("/w/").and_then(|rest| rest.split('/').next()).unwrap_or_default()
}
