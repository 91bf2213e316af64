//! A world: one Bayeux server among many in a process, and what runs beside its requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use tokio::sync::watch;

use crate::config::Config;
use crate::orders;
use crate::request::{Kind, Request};
use crate::state::State;

pub(crate) struct World {
    /// Empty for the default one.
    name: String,
    state: Mutex<State>,
    /// Counts the times the network was cut.
    cuts: watch::Sender<u64>,
    order_rate: watch::Sender<f64>,
}

/// All worlds of a process.
pub(crate) struct Worlds {
    map: Mutex<BTreeMap<String, Arc<World>>>,
    defaults: Config,
    speed: f64,
}

impl Worlds {
    pub(crate) fn new(defaults: Config, speed: f64) -> Self {
        Self { map: Mutex::default(), defaults, speed }
    }

    /// The world of that name, made if there is none.
    pub(crate) fn get(&self, name: &str) -> Arc<World> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let world = map.entry(name.to_owned()).or_insert_with(|| {
            let world = World::new(name, self.defaults.clone(), self.speed);
            orders::start(&world);
            world
        });
        Arc::clone(world)
    }

    /// Drops a world and whatever is open in it.
    pub(crate) fn drop_world(&self, name: &str) {
        let world = self.map.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(world) = world {
            world.cut();
            world.order_rate.send_replace(0.0);
        }
    }
}

impl World {
    fn new(name: &str, config: Config, speed: f64) -> Arc<Self> {
        let order_rate = watch::Sender::new(config.orders_per_second);
        let state = Mutex::new(State::new(config, speed));
        Arc::new(Self { name: name.to_owned(), state, cuts: watch::Sender::new(0), order_rate })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the cookies of this world belong. Worlds share a host, and must not share those.
    pub(crate) fn cookie_path(&self) -> String {
        if self.name.is_empty() { "/".to_owned() } else { format!("/w/{}/", self.name) }
    }

    /// Where this world is, as the client that sent these headers sees it.
    pub(crate) fn base(&self, headers: &HeaderMap) -> String {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let scheme = text("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
        let host = text("host").unwrap_or("127.0.0.1");
        let world = if self.name.is_empty() { String::new() } else { format!("/w/{}", self.name) };
        format!("{scheme}://{host}{world}")
    }

    pub(crate) fn set_config(&self, config: Config) {
        self.order_rate.send_replace(config.orders_per_second);
        self.state().config = config;
    }

    pub(crate) fn order_rate(&self) -> watch::Receiver<f64> {
        self.order_rate.subscribe()
    }

    /// Drops the connections of all open requests.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn cuts(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }

    /// A client that aborts a request and sends another seems to have both open, until the server reads that the first
    /// connection is closed. Waits a moment for that, so that the counts tell the truth.
    pub(crate) async fn let_aborts_be_noticed(&self, request: &Request) {
        for _ in 0..10 {
            let crowded = request.session().is_some_and(|id| {
                let mut state = self.state();
                state.session(id, Instant::now()).is_some_and(|session| {
                    session.open_requests > 1 || (session.open_connects > 0 && request.is(Kind::Connect))
                })
            });
            if !crowded {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A request that is open, for as long as this lives.
pub(crate) struct OpenRequest {
    world: Arc<World>,
    session: Option<String>,
    connect: bool,
}

impl OpenRequest {
    pub(crate) fn new(world: &Arc<World>, request: &Request) -> Self {
        let open = Self {
            world: Arc::clone(world),
            session: request.session().map(str::to_owned),
            connect: request.is(Kind::Connect),
        };
        let mut state = world.state();
        state.stats.see(request);
        state.stats.open_requests += 1;
        state.stats.open_connects += usize::from(open.connect);
        let session = open.session.as_deref().and_then(|id| state.session(id, Instant::now()));
        if let Some(session) = session {
            session.open_requests += 1;
            session.open_connects += usize::from(open.connect);
            let (requests, connects) = (session.open_requests, session.open_connects);
            state.stats.max_open_requests = state.stats.max_open_requests.max(requests);
            state.stats.max_open_connects = state.stats.max_open_connects.max(connects);
        }
        open
    }

    /// A call that is none of Bayeux's.
    pub(crate) fn call(world: &Arc<World>) -> Self {
        world.state().stats.open_requests += 1;
        Self { world: Arc::clone(world), session: None, connect: false }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.world.state();
        state.stats.open_requests -= 1;
        state.stats.open_connects -= usize::from(self.connect);
        if let Some(session) = self.session.as_deref().and_then(|id| state.session(id, Instant::now())) {
            session.open_requests -= 1;
            session.open_connects -= usize::from(self.connect);
        }
    }
}
