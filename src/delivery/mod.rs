//! Events on their way from the session to the readers of the application (R3, R3b, R8).
//!
//! A reader is a loop of the application over events. A subscription that is claimed has a reader of its own, known by the
//! number of the subscription; the [`SHARED_READER`] reads all the others, each event once.
//!
//! [`DeliveryQueues`] takes in every [`Output::Event`](crate::session::Output::Event) of the session, and gives each
//! reader its events in [`Batch`]es. Reports of the readers go through the queues as well, since only these know which
//! events of which subscriptions a reader was given.

mod batch;
mod queues;
mod uncommitted;

pub use batch::{Batch, MAX_BATCH_BYTES, OFFSETS_PER_EVENT};
pub use queues::{DeliveryQueues, SHARED_READER};
