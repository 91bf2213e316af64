//! Where a client is in its channels: what was received, what the application is done with, and what may be saved.
//!
//! Each tracked channel has a [`Ledger`]. It calls nothing: the session tells it what arrives and what the application
//! has processed, and asks it where to subscribe from and what to save.

mod ledger;
mod position;

pub use ledger::{Arrival, Ledger, Wait};
pub use position::{Commit, OnInvalid, Position, Start};
