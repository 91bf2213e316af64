//! Where a client is in its channels: what was received, what the application is done with, and what may be saved.
//!
//! A [`Ledger`] is kept for each channel that is tracked, all of them in a `Book`. It speaks to nobody: the session tells it what arrives and
//! what the application has done, and asks it where to subscribe from and what to save.

pub(crate) mod book;
mod ledger;
mod position;

pub use ledger::{Arrival, Ledger, Wait};
pub use position::{Commit, OnInvalid, Position, Start};
