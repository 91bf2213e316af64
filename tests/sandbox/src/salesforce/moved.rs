//! An org that has moved to another address: what its old host answers.

use axum::http::header;
use axum::http::request::Parts;
use axum::response::Response;

use crate::delivery::{dropped, hang, stand_in};
use crate::fault::Effect;
use crate::world::World;

use super::settings::{Moved, OldHost};

/// The answer of the host that the org has left; nothing where the request came to another one.
pub(crate) async fn answer_of_old_host(world: &World, parts: &Parts) -> Option<Response> {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok())?;
    let Moved { to, old_host, .. } = {
        let mut state = world.state();
        let moved = state.config.salesforce.moved.clone().filter(|moved| moved.from == host)?;
        state.stats.at_old_host += 1;
        moved
    };
    match old_host {
        OldHost::Redirect => {
            let path = parts.uri.path();
            let path = path
                .strip_prefix("/w/")
                .and_then(|path| path.find('/').map(|at| &path[at..]))
                .unwrap_or(path);
            stand_in(&Effect::Redirect { location: format!("{to}{path}"), status: 302 })
        }
        OldHost::Refuse => Some(dropped()),
        OldHost::Hang => {
            hang().await;
            None
        }
    }
}
