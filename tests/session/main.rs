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
mod cut_polls;
mod cuts;
mod drain;
mod duplicates;
mod end;
mod epochs;
mod farewell;
mod flow;
mod gaps;
mod handshake;
mod hooks;
mod instances;
mod kept;
mod logins;
mod moved;
mod none;
mod pages;
mod poll;
mod positions;
mod provisional;
mod races;
mod recovery;
mod refusals;
mod renewals;
mod rest;
mod resume;
mod retry;
mod salesforce_rest;
mod secrets;
mod sim;
mod snapshots;
mod store;
mod storms;
mod suspend;
mod taken_up;
mod tokens;
mod unreadable;
