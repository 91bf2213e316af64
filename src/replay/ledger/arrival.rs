//! Events as they arrive, and the requests beside them.

use std::sync::Arc;

use crate::bayeux::message::Message;

/// The request on whose response an event comes. Of each, at most one is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Carrier {
    Poll,
    Commands,
}

/// The requests in flight whose responses may bring events of this session. Each remembers how many events had come when
/// it was sent.
///
/// A response that was lost stays in flight until its session is over: what it held may still come, in the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct InFlight {
    pub poll: Option<u64>,
    pub commands: Option<u64>,
}

impl InFlight {
    /// Whether nothing that stands before an event in the channel can still come: no other request is in flight that was
    /// sent before the event came.
    pub(super) fn settles(self, carrier: Carrier, arrived: u64) -> bool {
        let other = match carrier {
            Carrier::Poll => self.commands,
            Carrier::Commands => self.poll,
        };
        other.is_none_or(|sent| sent > arrived)
    }

    /// How many events had come when the request was sent that brings an event now.
    pub(super) fn sent(self, carrier: Carrier) -> Option<u64> {
        match carrier {
            Carrier::Poll => self.poll,
            Carrier::Commands => self.commands,
        }
    }
}

/// An event as it arrives.
pub(crate) struct Arrival<'a> {
    pub event: &'a Arc<Message>,
    /// The number by which it is given out, if it is: ascends over all events of the client.
    pub sequence: u32,
    /// The local subscriptions that it is for, ascending.
    pub subscriptions: &'a [u32],
    /// Those of them that commit positions of this ledger's channel.
    pub committers: &'a [u32],
    pub carrier: Carrier,
    /// How many events had come to this client before.
    pub arrived: u64,
    /// Whether its text may be kept for readers that join.
    pub keep_text: bool,
}
