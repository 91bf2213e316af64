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
    /// When the session stops waiting for the next byte (S7).
    pub deadline: Instant,
    /// No white space before the body puts that off any further.
    pub latest: Instant,
    /// How long that wait is, for the error.
    pub patience_ms: u64,
    pub decoder: Decoder,
    /// The head said 2xx: the body is Bayeux.
    pub accepted: bool,
    /// The body has ended; what is buffered is all there is.
    pub ended: bool,
    /// Reading has stopped because the application's queue is full (R8).
    pub held: bool,
    /// Since when, or the last time.
    pub held_at: Instant,
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
    /// It is a call, and this its id, which the answer carries, too.
    pub call: Option<String>,
    /// It was answered "unknown client", hence not processed, and goes out a second and last time (R7).
    pub again: bool,
}

/// A message of `send()`.
pub(super) struct Raw {
    pub command: u32,
    pub order: u32,
    pub channel: String,
    /// Of a subscribe: the first one that it names.
    pub subscription: Option<String>,
    pub message: String,
}

impl Exchange {
    /// Bytes have come: how long the next ones may take (S7). White space, and the `[` that opens the body, may be all that
    /// a server sends while it holds a poll; they put the deadline off, but not for ever.
    pub fn await_more(&mut self, now: Instant, network_delay_ms: u64) {
        let next = now.after(network_delay_ms);
        // A disconnect has its time in all.
        if self.kind == Kind::Disconnect {
            return;
        }
        if self.decoder.has_begun() {
            (self.deadline, self.patience_ms) = (next, network_delay_ms);
        } else {
            let deadline = self.deadline.max(next.min(self.latest));
            self.patience_ms = self.patience_ms.saturating_add(deadline.since(self.deadline));
            self.deadline = deadline;
        }
    }

    /// Reading goes on: the time in which it stood still does not count.
    pub fn release(&mut self, now: Instant) {
        self.held = false;
        let still_ms = now.since(self.held_at);
        self.deadline = self.deadline.after(still_ms);
        self.latest = self.latest.after(still_ms);
    }

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
                What::Raw(raw) => channel == raw.channel && raw.subscription.as_deref().is_none_or(same),
            })
        };
        // What a service says to somebody else's message, or to one that nobody waits for any more.
        let stray = message.id().is_some() && message.data().is_some();
        // Messages of `send()` may carry the caller's own ids, equal to one of ours.
        let found = open().find(|(_, sent)| by_id(sent) && by_channel(sent));
        let found = found.or_else(|| open().find(|(_, sent)| by_channel(sent) && !stray));
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
