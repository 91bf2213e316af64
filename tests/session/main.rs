//! The session on a simulated clock: every rule of delivery, with replay and without, clause by clause.
//!
//! A test's name begins with the rule that it proves.
#![cfg(not(target_arch = "wasm32"))]

mod ack;
mod advice;
mod bad_input;
mod chaos;
mod commands;
mod commits;
mod cuts;
mod duplicates;
mod end;
mod epochs;
mod farewell;
mod flow;
mod gaps;
mod handshake;
mod hooks;
mod instances;
mod logins;
mod none;
mod poll;
mod positions;
mod provisional;
mod races;
mod recovery;
mod refusals;
mod renewals;
mod resume;
mod retry;
mod secrets;
mod sim;
mod store;
mod storms;
mod tokens;
mod unreadable;
