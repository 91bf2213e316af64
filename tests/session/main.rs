//! The session on a simulated clock: every rule of delivery that holds without replay, clause by clause.
//!
//! A test's name begins with the rule that it proves.
#![cfg(not(target_arch = "wasm32"))]

mod ack;
mod advice;
mod bad_input;
mod chaos;
mod commands;
mod end;
mod flow;
mod gaps;
mod handshake;
mod hooks;
mod poll;
mod positions;
mod races;
mod recovery;
mod refusals;
mod resume;
mod retry;
mod secrets;
mod sim;
mod store;
mod storms;
mod tokens;
