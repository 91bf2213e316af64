//! Listeners and connections.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower_service::Service;

use crate::config::Config;
use crate::delivery::Dropped;
use crate::files::Files;
use crate::routes::{App, allow_local_origins, router};
use crate::world::Worlds;

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port of the Bayeux and control addresses; 0, the default, takes a free one.
    pub port: u16,
    /// A page to serve on a listener of its own, with the Bayeux and control addresses beside it.
    pub page: Option<Page>,
    /// The settings that every world starts with.
    pub config: Config,
    /// How much faster than the real one the server's clock runs: what it holds, awaits and advises is divided by this.
    pub speed: f64,
}

/// A page and what belongs to it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The folder served at `/`.
    pub www: PathBuf,
    /// The folder served below `/pkg/`.
    pub pkg: Option<PathBuf>,
    /// The page's port; 0 takes a free one.
    pub port: u16,
}

/// A sandbox that serves until it is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    page: Option<SocketAddr>,
    /// Dropping it ends the listeners and all connections.
    _stop: watch::Sender<()>,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, page: None, config: Config::default(), speed: 1.0 }
    }
}

/// Starts a sandbox on 127.0.0.1, within the tokio runtime of the caller.
pub async fn start(options: Options) -> io::Result<Running> {
    if !(options.speed.is_finite() && options.speed > 0.0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the speed is a number above 0"));
    }
    let (stop, stopped) = watch::channel(());
    let worlds = Arc::new(Worlds::new(options.config, options.speed));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let address = listener.local_addr()?;
    let app = Arc::new(App { worlds: Arc::clone(&worlds), files: None });
    tokio::spawn(accept(listener, router(app), stopped.clone()));

    let mut page = None;
    if let Some(Page { www, pkg, port }) = options.page {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        page = Some(listener.local_addr()?);
        let app = Arc::new(App { worlds, files: Some(Files { www, pkg }) });
        tokio::spawn(accept(listener, router(app), stopped));
    }
    Ok(Running { address, page, _stop: stop })
}

impl Running {
    /// The Bayeux address of the default world.
    pub fn bayeux_url(&self) -> String {
        format!("http://{}/cometd", self.address)
    }

    /// The control address of the default world, without a slash at the end.
    pub fn control_url(&self) -> String {
        format!("http://{}/sandbox", self.address)
    }

    /// The Bayeux address of a world.
    pub fn world_bayeux_url(&self, world: &str) -> String {
        format!("http://{}/w/{world}/cometd", self.address)
    }

    /// The control address of a world.
    pub fn world_control_url(&self, world: &str) -> String {
        format!("http://{}/w/{world}/sandbox", self.address)
    }

    /// Salesforce's address of the default world, which logins and `/services` are below, without a slash at the end.
    pub fn salesforce_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Salesforce's address of a world.
    pub fn world_salesforce_url(&self, world: &str) -> String {
        format!("http://{}/w/{world}", self.address)
    }

    /// The page's address, where one is served.
    pub fn page_url(&self) -> Option<String> {
        self.page.map(|address| format!("http://{address}/"))
    }
}

async fn accept(listener: TcpListener, router: Router, mut stopped: watch::Receiver<()>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        // An accept fails when the client left already, or for want of file descriptors, which passes.
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(serve(stream, router.clone(), stopped.clone()));
    }
}

async fn serve(stream: TcpStream, router: Router, mut stopped: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(router.clone(), request));
    // No limit on how long a connection may idle between requests: that is for faults to decide.
    let connection =
        http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // It fails when a client leaves early or a fault wants the connection dropped: neither is news.
        _ = connection => {}
        _ = stopped.changed() => {}
    }
}

/// Answers through the router. An error makes hyper drop the connection without a word.
async fn respond(mut router: Router, request: hyper::Request<Incoming>) -> io::Result<Response> {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let Ok::<_, Infallible>(mut response) = router.call(request.map(Body::new)).await;
    if response.extensions().get::<Dropped>().is_some() {
        return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
    }
    allow_local_origins(origin.as_ref(), &mut response);
    Ok(response)
}
