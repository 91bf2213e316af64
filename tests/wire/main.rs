//! The wire: messages, channels, advice, errors, the decoder; endpoints, headers and cookies.

#![cfg(not(target_arch = "wasm32"))]

mod advice;
mod bounds;
mod channel;
mod cookies;
mod decoder;
mod decoding;
mod failure;
mod http;
mod json;
mod message;
mod write;
