//! The wire: messages, channels, advice, errors, the decoder; endpoints, headers and cookies.

#![cfg(not(target_arch = "wasm32"))]

mod bounds;
mod channel;
mod cookies;
mod decoder;
mod decoding;
mod http;
mod message;
