//! The requests of a session: one type for each kind, and what all of them have in common while they are under way.

use super::io::RequestId;
use super::outgoing::Sent;
use crate::Instant;
use crate::bayeux::decoder::{Bounds, DecodeError, Decoder, Item};
use crate::bayeux::failure::Failure;
use crate::bayeux::message::Message;

/// What a request is for.
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

    /// May events ride on the reply (S13)? With the acknowledgement extension on polls alone.
    pub const fn brings_events(self, acknowledges: bool) -> bool {
        match self {
            Self::Connect => true,
            Self::Commands => !acknowledges,
            Self::Handshake | Self::Disconnect => false,
        }
    }
}

/// A request under way, or one that has just ended.
pub(super) struct Exchange<R> {
    pub flight: Box<Flight>,
    pub request: R,
}

/// What goes in the lane that makes and keeps the session.
pub(super) enum SessionRequest {
    Handshake(Box<Handshake>),
    Connect(Box<Connect>),
    Disconnect,
}

#[derive(Default)]
pub(super) struct Handshake {
    pub reply: Option<Message>,
}

#[derive(Default)]
pub(super) struct Connect {
    pub reply: Option<Message>,
    /// The server's own `/meta/disconnect` (S12).
    pub disconnect: Option<Message>,
    /// The server may hold it until there is something to say.
    pub parked: bool,
    /// It goes out although the queue is full (R8).
    pub extra: bool,
}

#[derive(Default)]
pub(super) struct Commands {
    pub sent: Vec<Sent>,
    /// It subscribes from a position.
    pub replays: bool,
    /// The server's own `/meta/disconnect` (S12).
    pub disconnect: Option<Message>,
    /// A reply said that the session is unknown (S9).
    pub unknown_client: Option<Failure>,
    /// A reply said that the token is not good (S10).
    pub unauthorized: Option<Failure>,
}

impl Commands {
    /// Takes out the messages that have no answer, and drops the others.
    #[inline(never)]
    pub fn take_unanswered(&mut self) -> Vec<Sent> {
        let mut sent = core::mem::take(&mut self.sent);
        sent.retain(Sent::is_open);
        sent
    }

    /// Takes out the messages of the application that have no answer.
    pub fn take_messages(&mut self) -> Vec<Sent> {
        let (messages, others) = core::mem::take(&mut self.sent).into_iter().partition(Sent::is_message);
        self.sent = others;
        messages
    }

    /// Would aborting it leave the outcome of a message open?
    pub fn carries_messages(&self) -> bool {
        self.sent.iter().any(Sent::is_message)
    }

    /// Does somebody wait for the outcome of a message?
    pub fn has_open_messages(&self) -> bool {
        self.sent.iter().any(|sent| sent.is_open() && sent.is_message())
    }
}

impl SessionRequest {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Handshake(_) => Kind::Handshake,
            Self::Connect(_) => Kind::Connect,
            Self::Disconnect => Kind::Disconnect,
        }
    }
}

/// What is known when a request goes out.
pub(super) struct Departure {
    pub id: RequestId,
    /// The session that it belongs to; replies of an older one change nothing.
    pub epoch: u32,
    /// The token that it carries; 0 for none (S10).
    pub token: u32,
    pub now: Instant,
    /// Where the range begins of what is lost with it: nothing older can be in it.
    pub since: Instant,
    /// How long the first byte may take.
    pub patience_ms: u64,
    pub message_bytes: usize,
}

/// The exchange itself: how long to wait for it, and what has come of its body.
pub(super) struct Flight {
    departure: Departure,
    /// When the session stops waiting for the next byte (S7).
    deadline: Instant,
    /// No white space before the body puts that off any further.
    latest: Instant,
    /// How long that wait is, for the error.
    patience_ms: u64,
    decoder: Decoder,
    /// The head said 2xx: the body is Bayeux.
    accepted: bool,
    /// The body has ended; what is buffered is all there is.
    ended: bool,
    /// Reading has stopped then because the application's queue is full (R8).
    held_at: Option<Instant>,
    /// The extensions have a message; is it an event?
    inspecting: Option<bool>,
    /// Events taken in from this body, the skipped ones included (A1).
    events: u32,
    /// Bytes have come since the deadline was last set.
    heard: bool,
    /// There may be something in the body that was not taken in.
    unread: bool,
}

impl Flight {
    pub fn new(departure: Departure) -> Self {
        let (now, patience_ms) = (departure.now, departure.patience_ms);
        let bounds = Bounds { message_bytes: departure.message_bytes, ..Bounds::default() };
        Self {
            departure,
            deadline: now.after(patience_ms),
            latest: now.after(patience_ms.saturating_mul(2)),
            patience_ms,
            decoder: Decoder::new(bounds),
            accepted: false,
            ended: false,
            held_at: None,
            inspecting: None,
            events: 0,
            heard: false,
            unread: false,
        }
    }

    pub fn id(&self) -> RequestId {
        self.departure.id
    }

    pub fn epoch(&self) -> u32 {
        self.departure.epoch
    }

    pub fn token(&self) -> u32 {
        self.departure.token
    }

    /// When it went out.
    pub fn started(&self) -> Instant {
        self.departure.now
    }

    /// Where the range begins of what is lost with it.
    pub fn since(&self) -> Instant {
        self.departure.since
    }

    pub fn age_ms(&self, now: Instant) -> u64 {
        now.since(self.departure.now)
    }

    /// How long the session waits for the next byte, for the error.
    pub fn patience_ms(&self) -> u64 {
        self.patience_ms
    }

    /// When the session stops waiting. Time in which this side does not read does not count (S7).
    pub fn deadline(&self) -> Option<Instant> {
        (!self.is_held() && !self.is_inspecting()).then_some(self.deadline)
    }

    /// Has the head come, with a status of 2xx?
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }

    pub fn is_held(&self) -> bool {
        self.held_at.is_some()
    }

    pub fn is_inspecting(&self) -> bool {
        self.inspecting.is_some()
    }

    /// Has the body ended, as HTTP says it should?
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Events taken in so far.
    pub fn events(&self) -> u32 {
        self.events
    }

    /// The head has come with a status of 2xx.
    pub fn accept(&mut self) {
        self.accepted = true;
    }

    /// Bytes of the body have come. Those behind another head than 2xx are no Bayeux.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.accepted && !bytes.is_empty() {
            self.decoder.push(bytes);
            (self.heard, self.unread) = (true, true);
        }
    }

    /// The body has ended, as HTTP says it should.
    pub fn end(&mut self) {
        (self.ended, self.unread) = (true, true);
    }

    /// May there be something in the body that was not taken in?
    pub fn is_unread(&self) -> bool {
        self.unread
    }

    /// The next item of the body. `None`: nothing more for now.
    pub fn next(&mut self) -> Option<Result<Item, DecodeError>> {
        let next = self.decoder.next();
        self.unread = next.is_some();
        next
    }

    /// Whether the body that has ended is whole.
    pub fn finish(&self) -> Result<(), DecodeError> {
        self.decoder.finish()
    }

    /// Takes in an event, or skips one that was given out before (A1).
    pub fn count_event(&mut self) {
        self.events = self.events.saturating_add(1);
    }

    /// Stops reading.
    pub fn hold(&mut self, now: Instant) {
        self.held_at = Some(now);
    }

    /// Reading goes on: the time in which it stood still does not count.
    pub fn release(&mut self, now: Instant) {
        if let Some(held_at) = self.held_at.take() {
            let still_ms = now.since(held_at);
            self.deadline = self.deadline.after(still_ms);
            self.latest = self.latest.after(still_ms);
            self.heard = true;
        }
    }

    /// The extensions have a message of this body.
    pub fn inspect(&mut self, is_event: bool) {
        self.inspecting = Some(is_event);
    }

    /// The extensions have answered. Gives `false` if they were not asked.
    pub fn inspected(&mut self) -> bool {
        let Some(is_event) = self.inspecting.take() else { return false };
        // Only now: if the body had been cut before, the event would come again (A1).
        if is_event {
            self.count_event();
        }
        self.heard = true;
        true
    }

    /// Where bytes have come: how long the next ones may take (S7). White space, and the `[` that opens the body, may be all
    /// that a server sends while it holds a poll; they put the deadline off, but not for ever.
    pub fn await_more(&mut self, now: Instant, network_delay_ms: u64) {
        if !core::mem::take(&mut self.heard) {
            return;
        }
        let next = now.after(network_delay_ms);
        if self.decoder.has_begun() {
            (self.deadline, self.patience_ms) = (next, network_delay_ms);
        } else {
            let deadline = self.deadline.max(next.min(self.latest));
            self.patience_ms = self.patience_ms.saturating_add(deadline.since(self.deadline));
            self.deadline = deadline;
        }
    }
}

#[cfg(test)]
mod tests;
