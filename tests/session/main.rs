//! The session on a simulated clock: every rule of delivery, with replay and without, clause by clause.
//!
//! A test's name begins with the rule that it proves.
#![cfg(not(target_arch = "wasm32"))]

mod abandoned_sessions;
mod aborted_polls;
mod ack;
mod advice;
mod advised_none;
mod bad_input;
mod calls;
mod chaos;
mod commands;
mod commits;
mod cookies;
mod drain;
mod duplicates;
mod end;
mod endpoints;
mod epochs;
mod first_contact;
mod flow;
mod gaps;
mod handshake;
mod headers;
mod hooks;
mod instances;
mod logins;
mod lost_responses;
mod moved_instances;
mod pages;
mod pause;
mod pending_disconnect;
mod poll;
mod positions;
mod provisional;
mod races;
mod recovery;
mod refusals;
mod renewals;
mod replaced_sessions;
mod resumed;
mod retry;
mod retry_now;
mod salesforce_pause;
mod secrets;
mod session_status;
mod sim;
mod snapshots;
mod spare_tokens;
mod store;
mod storms;
mod suspend;
mod tokens;
mod unknown_client;
mod unreadable;
