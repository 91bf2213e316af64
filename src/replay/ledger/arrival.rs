use crate::replay::position::Position;

/// An event as it arrives.
pub struct Arrival<'a> {
    /// The number by which it is given out, if it is: ascends over all events of the client.
    pub sequence: u32,
    /// Its position in the channel.
    pub position: Position,
    /// Its `EventUuid`, if it has one: replay ids are not unique once an org has moved.
    pub uuid: Option<&'a str>,
    /// The local subscriptions that it is for, ascending.
    pub subscriptions: &'a [u32],
    /// Those of them that commit positions of this ledger's channel.
    pub committers: &'a [u32],
    /// The request whose response brought it.
    pub request: u32,
    /// What has to end before its position counts.
    pub wait: Wait,
    /// It came on a response to a session that is already given up (R7d), or while the channel is not subscribed. It
    /// counts as received, but its position does not count.
    pub late: bool,
}

/// Until when a position is provisional: neither saved nor restarted from (R4a).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Wait {
    /// It is not provisional.
    Nothing,
    /// Until the response to this request has arrived whole: it may contain events that belong before this one.
    Response(u32),
}
