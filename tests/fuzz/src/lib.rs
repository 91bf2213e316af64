//! The bodies of the fuzz targets: each takes any bytes, and panics where the core breaks a promise.
//!
//! They are plain functions, so that what a fuzzer has found can be replayed without one.

pub mod channels;
pub mod cookies;
pub mod decoder;
pub mod failure;
mod message;
pub mod session;

/// Takes any bytes, and panics where the core breaks a promise.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 5] = [
    ("channels", channels::run),
    ("cookies", cookies::run),
    ("decoder", decoder::run),
    ("failure", failure::run),
    ("session", session::run),
];
