use super::io::RequestId;
use crate::Instant;
use crate::bayeux::decoder::Decoder;
use crate::bayeux::failure::Failure;
use crate::bayeux::message::Message;

/// One request in flight, and what its response has said so far.
pub(super) struct Exchange {
    pub id: RequestId,
    pub kind: Kind,
    /// The session that it belongs to; replies of an older one change nothing.
    pub epoch: u32,
    /// The token that it carried; 0 for none (S10).
    pub token: u32,
    pub started: Instant,
    /// Where the range begins of what is lost with it: nothing older can be in it.
    pub since: Instant,
    /// When the session stops waiting for the head, or for the next byte (S7).
    pub deadline: Instant,
    /// How long that wait is, for the error.
    pub patience_ms: u64,
    pub decoder: Decoder,
    /// The head said 2xx: the body is Bayeux.
    pub accepted: bool,
    /// The body has ended; what is buffered is all there is.
    pub ended: bool,
    /// Reading has stopped because the application's queue is full (R8).
    pub held: bool,
    /// A message is with the extensions.
    pub inspecting: bool,
    /// It is an event.
    pub inspecting_event: bool,
    /// Events taken in from this body, the skipped ones included (A1).
    pub events: u32,
    /// The reply to the handshake or connect.
    pub reply: Option<Message>,
    /// The server's own `/meta/disconnect` (S12).
    pub disconnect: Option<Message>,
    /// A reply said that the session is unknown (S9).
    pub unknown_client: Option<Failure>,
    /// A reply said that the token is not good.
    pub unauthorized: Option<Failure>,
    /// The commands of the request.
    pub sent: Vec<Sent>,
    /// It subscribes from a position.
    pub replays: bool,
    /// A poll that goes out although the queue is full (R8).
    pub overflow: bool,
    /// A poll that the server was not asked to answer at once.
    pub parked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Handshake,
    Connect,
    Commands,
    Disconnect,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Connect => "connect",
            Self::Commands => "commands",
            Self::Disconnect => "disconnect",
        }
    }

    /// Where it travels.
    pub const fn lane(self) -> Lane {
        match self {
            Self::Commands => Lane::Commands,
            Self::Handshake | Self::Connect | Self::Disconnect => Lane::Session,
        }
    }

    /// May events ride on the reply (S13)? With the acknowledgement extension on polls alone.
    pub const fn brings_events(self, acknowledges: bool) -> bool {
        match self {
            Self::Connect => true,
            Self::Commands => !acknowledges,
            Self::Handshake | Self::Disconnect => false,
        }
    }
}

/// The two places for requests (S2). The first holds what makes and keeps the session, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Session,
    Commands,
}

/// A command that has gone out.
pub(super) struct Sent {
    pub message_id: String,
    pub what: What,
    pub answered: bool,
}

impl Sent {
    /// Is it a message of the application's, which is never sent twice (R7)?
    pub fn is_message(&self) -> bool {
        matches!(self.what, What::Publish(_) | What::Raw(_))
    }
}

impl Sent {
    /// Does somebody wait for the outcome of this message?
    pub fn is_open_message(&self) -> bool {
        !self.answered && matches!(self.what, What::Publish(_) | What::Raw(_))
    }
}

#[repr(u32)]
pub(super) enum What {
    Subscribe(String),
    Unsubscribe(String),
    Publish(Publish),
    Raw(Raw),
}

/// A message to be published.
pub(super) struct Publish {
    pub command: u32,
    pub order: u32,
    pub channel: String,
    pub data: String,
    /// It was answered "unknown client", hence not processed, and goes out a second and last time (R7).
    pub again: bool,
}

/// A message of `send()`.
pub(super) struct Raw {
    pub command: u32,
    pub order: u32,
    pub channel: String,
    pub message: String,
}

impl Exchange {
    /// Does `message` answer one of the commands? By id, else by channel, else the first without an answer (S14).
    pub fn answered_by(&self, message: &Message) -> Option<usize> {
        let open = || self.sent.iter().enumerate().filter(|(_, sent)| !sent.answered);
        let by_id = |sent: &Sent| message.id() == Some(&sent.message_id);
        let subscription = message.subscription();
        let same = |wanted: &str| subscription.as_deref().is_none_or(|given| given == wanted);
        let by_channel = |sent: &Sent| {
            message.channel().is_none_or(|channel| match &sent.what {
                What::Subscribe(name) => channel == "/meta/subscribe" && same(name),
                What::Unsubscribe(name) => channel == "/meta/unsubscribe" && same(name),
                What::Publish(publish) => channel == publish.channel,
                What::Raw(raw) => channel == raw.channel,
            })
        };
        // Messages of `send()` may carry the caller's own ids, equal to one of ours.
        let found = open().find(|(_, sent)| by_id(sent) && by_channel(sent));
        let found = found.or_else(|| open().find(|(_, sent)| by_channel(sent)));
        found.or_else(|| open().find(|(_, sent)| by_id(sent))).map(|(index, _)| index)
    }

    /// Takes out the commands that have no answer, and drops the others.
    pub fn take_unanswered(&mut self) -> Vec<Sent> {
        let mut sent = core::mem::take(&mut self.sent);
        sent.retain(|sent| !sent.answered);
        sent
    }

    /// Would aborting it leave the outcome of a message open?
    pub fn carries_messages(&self) -> bool {
        self.sent.iter().any(Sent::is_message)
    }
}
