//! A CometD/Bayeux client without I/O of its own.
//!
//! [`session::Session`] is the whole protocol behind two calls: [`handle_input`](session::Session::handle_input) takes
//! in what happened, [`poll_output`](session::Session::poll_output) gives out what to do next and ends every drain with
//! [`Output::Wait`](session::Output::Wait). Time and randomness come in as arguments, so every behaviour runs natively
//! on a simulated clock:
//!
//! ```
//! use cometd_edge::Instant;
//! use cometd_edge::session::{Config, Output, Session};
//!
//! let config = Config::new("https://example.com/cometd").expect("an absolute http(s) URL");
//! let mut session = Session::new(config, 42, Instant::from_millis(0));
//! // 1. Drain: the first output is the handshake.
//! let Output::Send(request) = session.poll_output() else { panic!("a handshake first") };
//! assert_eq!(request.url(), "https://example.com/cometd");
//! // 2. Send it, and report its head, chunks and end with `handle_input`. 3. Drain again, until `Output::Wait`.
//! ```
//!
//! # The contract
//!
//! - After each input, or after all inputs of one turn of an event loop, drain `poll_output` until `Output::Wait`. It never
//!   blocks. At the instant that `Output::Wait` names, call `handle_input` with [`Input::Timeout`](session::Input::Timeout).
//! - Every [`Output`](session::Output) says what the driver must do, and which [`Input`](session::Input) answers it, if any.
//!   Late answers, and reports on requests that were aborted, are ignored.
//! - Bad network data never makes `handle_input` fail: it becomes an output. It fails only with
//!   [`ApiMisuse`](session::ApiMisuse), for commands that make no sense, and then the session is unchanged.
//! - Every command with a number is settled exactly once, with its result or with a typed [`Error`](session::Error), unless
//!   it is a call that the application cancels.
//! - An event that may be missing is reported as a [`Status::Gap`](session::Status::Gap). With replay, events come at least
//!   once, and a position is saved only when everything before it is done with.
//! - Equal seeds and equal inputs give equal outputs.
//!
//! # Modules
//!
//! | module | what it is about | imports |
//! |---|---|---|
//! | [`bayeux`] | the wire: channels, messages, advice, errors, the incremental decoder | |
//! | [`http`] | endpoints, headers, cookies | `bayeux` |
//! | [`salesforce`] | Salesforce's dialect: logins, API versions, refusals, hosts | `bayeux` |
//! | [`replay`] | positions: a ledger for each channel, calls to the store, the book of all tracked channels | `bayeux` |
//! | [`session`] | the client: small machines that own their state, and `Session`, where they meet | all above |
//! | [`delivery`] | queues of events, from the session to the readers of the application | `session` and what that imports |
//! | `host` | the driver over the host's `fetch`, in WebAssembly only | all above |
//! | `js` | the exports to JavaScript, in WebAssembly only | all above |
//!
//! No module imports one below it in this table. Back-off, maps by number, texts, time and the counting of steps are
//! helpers that import none of them.

#![forbid(unsafe_code)]

// Enums with payloads are `repr(u32)`: a tag of its own, a word wide, makes for less code in the wasm than one that the
// compiler hides in a payload.

pub mod bayeux;
pub mod delivery;
pub mod http;
pub mod replay;
pub mod salesforce;
pub mod session;

#[cfg(target_arch = "wasm32")]
mod host;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)] // public for tests/browser.rs alone
pub mod js;

mod backoff;
mod ordered;
mod steps;
mod text;
mod time;

#[cfg(feature = "test-support")]
pub mod test_support;

/// The README's Rust, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use time::Instant;
