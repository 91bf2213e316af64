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
//! Modules import one another one way: `bayeux` ← `replay` ← `session`, `http` ← `salesforce` ← `session` ← `delivery`, and all
//! of them ← `host` ← `js`; the last two exist in WebAssembly only, where they drive the session over `fetch` and export it to JavaScript.

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
#[cfg(not(feature = "test-support"))]
mod steps;
#[cfg(feature = "test-support")]
pub mod steps;
mod text;
mod time;

/// The README's Rust, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use time::Instant;
