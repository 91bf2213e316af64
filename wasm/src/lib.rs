//! The crate's exports to JavaScript; elsewhere than in WebAssembly it has none.

#[cfg(target_arch = "wasm32")]
pub use cometd_edge::js::*;
