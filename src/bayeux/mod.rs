//! The wire: channel names and patterns, messages, advice, the error grammar, the incremental decoder.
//!
//! Nothing here knows of a session. Text that came from the network is never trusted: it is validated by
//! the decoder, read in place, and whatever makes no sense counts as absent.

pub(crate) mod advice;
pub(crate) mod channel;
pub(crate) mod decoder;
pub(crate) mod failure;
mod fields;
pub(crate) mod json;
mod literal;
pub(crate) mod message;
mod passing;
pub(crate) mod pattern_map;
mod scanner;
pub(crate) mod write;

pub use advice::{Advice, Reconnect};
pub use channel::{ChannelError, Pattern, check_publish};
pub use failure::{Failure, FailureParts};
pub use message::{Ack, Message};
