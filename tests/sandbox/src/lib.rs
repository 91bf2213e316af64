//! A Bayeux server for tests and for the demo: long-polling with Salesforce's timing and cookies, CometD's
//! acknowledgement extension, a publisher of sample orders, and faults on demand.
//!
//! One process hosts many *worlds*: isolated servers with sessions, settings and faults of their own, so that tests can
//! run side by side. `/cometd` is the default world and `/w/NAME/cometd` the world NAME, made on first use; what drives
//! them is the control API at `/sandbox/…` and `/w/NAME/sandbox/…` (see [`control`]).
//!
//! `/cometd` is plain Bayeux. `/cometd/NN.0` beside it speaks Salesforce's dialect of it, for clients with a token that
//! `/services/oauth2/token` gave them, and replays events; see [`control`] for those addresses too.
//!
//! It listens on 127.0.0.1 only: it is built to misbehave and guards nothing.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! let sandbox = sandbox::start(sandbox::Options::default()).await?;
//! println!("{} is driven through {}", sandbox.bayeux_url(), sandbox.control_url());
//! # Ok(()) }
//! ```

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod bayeux;
mod channel;
mod config;
pub mod control;
mod delivery;
mod fault;
mod files;
mod orders;
mod reply;
mod request;
mod routes;
mod salesforce;
mod server;
mod session;
mod state;
mod stats;
mod world;

pub use config::{AdviceIn, Config};
pub use salesforce::{DeniedAs, Moved, OldHost, ReplayIds, ReplayOn, RevokedAs, Salesforce};
pub use server::{Options, Page, Running, start};
