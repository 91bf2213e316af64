//! The wire: channel names and patterns, messages, advice, the error grammar, the incremental decoder.
//!
//! Nothing here knows of a session. Text that came from the network is never trusted: it is validated by
//! the [`Decoder`], read in place, and whatever makes no sense counts as absent.

pub mod advice;
pub mod channel;
pub mod decoder;
pub mod failure;
mod fields;
pub mod json;
mod literal;
pub mod message;
mod passing;
pub(crate) mod pattern_map;
mod scanner;
pub mod write;

pub use advice::{Advice, Reconnect};
pub use channel::{ChannelError, Pattern, check_publish};
pub use decoder::{Bounds, DecodeError, Decoder, Item};
pub use failure::Failure;
pub use message::{Ack, Message};
