//! The requests of a session: one type for each kind, and what they share while they are under way.

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

    /// Whether events may come with the reply (S13). With the acknowledgement extension they come with polls only.
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

/// A request of the lane that makes and keeps the session.
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
    /// The server may hold it until it has something to deliver.
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
    /// Removes and returns the messages that have no answer, and drops the others.
    #[inline(never)]
    pub fn take_unanswered(&mut self) -> Vec<Sent> {
        let mut sent = core::mem::take(&mut self.sent);
        sent.retain(Sent::is_open);
        sent
    }

    /// Removes and returns the messages of the application that have no answer.
    pub fn take_messages(&mut self) -> Vec<Sent> {
        let (messages, others) = core::mem::take(&mut self.sent).into_iter().partition(Sent::is_message);
        self.sent = others;
        messages
    }

    /// Whether aborting it would leave the outcome of a message unknown.
    pub fn carries_messages(&self) -> bool {
        self.sent.iter().any(Sent::is_message)
    }

    /// Whether the application waits for the outcome of a message.
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
    /// If its response is lost, the range of the gap begins here: nothing older can be in it.
    pub since: Instant,
    /// How many events of tracked channels had come.
    pub arrived: u64,
    /// How long the first byte may take.
    pub patience_ms: u64,
    pub message_bytes: usize,
}

/// The exchange itself: how long to wait for it, and what has arrived of its body.
pub(super) struct Flight {
    departure: Departure,
    /// When the session stops waiting for the next byte (S7).
    deadline: Instant,
    /// White space before the body does not extend the deadline beyond this.
    latest: Instant,
    /// The length of that wait, for the error.
    patience_ms: u64,
    decoder: Decoder,
    /// The head said 2xx: the body is Bayeux.
    accepted: bool,
    /// The body has ended; nothing follows what is buffered.
    ended: bool,
    /// When reading stopped because the application's queue was full (R8).
    held_at: Option<Instant>,
    /// An extension is looking at a message; whether that is an event.
    inspecting: Option<bool>,
    /// How many events of this body were taken in, including skipped ones (A1).
    events: u32,
    /// Bytes have come since the deadline was last set.
    heard: bool,
    /// The body may hold something that was not taken in.
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

    /// When the request went out.
    pub fn started(&self) -> Instant {
        self.departure.now
    }

    /// Where the range of a gap begins if its response is lost.
    pub fn since(&self) -> Instant {
        self.departure.since
    }

    /// How many events of tracked channels had come when it went out.
    pub fn arrived(&self) -> u64 {
        self.departure.arrived
    }

    pub fn age_ms(&self, now: Instant) -> u64 {
        now.since(self.departure.now)
    }

    /// How long the session waits for the next byte, for the error.
    pub fn patience_ms(&self) -> u64 {
        self.patience_ms
    }

    /// When the session stops waiting. Time in which the session does not read does not count (S7).
    pub fn deadline(&self) -> Option<Instant> {
        (!self.is_held() && !self.is_inspecting()).then_some(self.deadline)
    }

    /// Whether the head has come, with a status of 2xx.
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }

    pub fn is_held(&self) -> bool {
        self.held_at.is_some()
    }

    pub fn is_inspecting(&self) -> bool {
        self.inspecting.is_some()
    }

    /// Whether the body has ended as HTTP says it should.
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

    /// Bytes of the body have come. After a status other than 2xx they are not Bayeux, and are ignored.
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

    /// Whether the body may hold something that was not taken in.
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

    /// Reading goes on: the time in which it was stopped does not count.
    pub fn release(&mut self, now: Instant) {
        if let Some(held_at) = self.held_at.take() {
            let still_ms = now.since(held_at);
            self.deadline = self.deadline.after(still_ms);
            self.latest = self.latest.after(still_ms);
            self.heard = true;
        }
    }

    /// An extension is asked about a message of this body.
    pub fn inspect(&mut self, is_event: bool) {
        self.inspecting = Some(is_event);
    }

    /// The extension has answered. Returns `false` if none was asked.
    pub fn inspected(&mut self) -> bool {
        let Some(is_event) = self.inspecting.take() else { return false };
        // The event counts only now: if the body had been cut before, it would come again (A1).
        if is_event {
            self.count_event();
        }
        self.heard = true;
        true
    }

    /// Sets the deadline for the next bytes if any have come (S7). While a server holds a poll, white space and the `[`
    /// that opens the body may be all that it sends; these extend the deadline, but only up to a limit.
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
