//! The session on a simulated clock: every rule of delivery, with replay and without, clause by clause.
//!
//! A test's name begins with the rule that it proves.
#![cfg(not(target_arch = "wasm32"))]

mod ack;
mod advice;
mod bad_input;
mod calls;
mod chaos;
mod commands;
mod commits;
mod cookies;
mod cut_polls;
mod cuts;
mod drain;
mod duplicates;
mod end;
mod endpoints;
mod epochs;
mod farewell;
mod first_contact;
mod flow;
mod gaps;
mod handshake;
mod headers;
mod hooks;
mod instances;
mod kept;
mod left_sessions;
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
mod retry_now;
mod salesforce_rest;
mod secrets;
mod sessions;
mod sim;
mod snapshots;
mod store;
mod storms;
mod suspend;
mod taken_up;
mod tokens;
mod unknown;
mod unreadable;
