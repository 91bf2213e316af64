//! Positions: what was received on each channel, what the application is done with, and what may be saved.
//!
//! The `Book` keeps a `Ledger` for each tracked channel, and its calls to the store. Neither performs I/O: the
//! session tells the book what arrives and what the application has done, and asks it where to subscribe from and what
//! to save.

pub(crate) mod book;
mod ledger;
mod position;
#[cfg(test)]
mod tests;

pub use position::{Commit, OnInvalid, Position, Start};
