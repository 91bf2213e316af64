//! The two places for requests (S2), and the caller's headers, which may be asked for before each (X4).

use super::exchange::{Commands, Connect, Exchange, Flight, Handshake, Kind, SessionRequest};
use super::io::RequestId;
use crate::Instant;
use crate::bayeux::decoder::{DecodeError, Item};
use crate::replay::book::InFlight;
use crate::text::decimal;

/// One of the two places for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaneId {
    /// For requests that make and keep the session, one at a time.
    Session,
    /// For commands of the application.
    Commands,
}

impl LaneId {
    pub const ALL: [Self; 2] = [Self::Session, Self::Commands];
}

/// The requests in flight, at most one in each lane.
#[derive(Default)]
pub(super) struct Lanes {
    session: Lane<SessionRequest>,
    commands: Lane<Box<Commands>>,
    /// Requests of this session whose responses were lost: what they held may still come, in the next session.
    lost: InFlight,
    last_request: u32,
    last_message: u32,
    last_question: u32,
}

#[derive(Default)]
enum Lane<R> {
    /// Nothing is to be sent.
    #[default]
    Idle,
    /// The headers of the next request have been asked for. Nothing is on its way, so nothing can be lost with it.
    AwaitingHeaders(Question),
    /// The headers have come, for the one request that is due.
    HeadersGiven(Headers),
    Open(Exchange<R>),
}

#[derive(Clone, Copy)]
struct Question {
    number: u32,
    asked: Instant,
    deadline: Instant,
}

pub(super) type Headers = Vec<(String, String)>;

/// Whether a request has its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadersState {
    Ready,
    /// They must be asked for, with this number.
    Ask(u32),
    Awaited,
}

/// A request that has left its lane.
pub(super) enum Ended {
    Handshake(Box<Flight>, Box<Handshake>),
    Connect(Box<Flight>, Box<Connect>),
    Disconnect(Box<Flight>),
    Commands(Box<Flight>, Box<Commands>),
}

/// The next item of a body.
pub(super) enum Read {
    /// Nothing for now.
    Nothing,
    /// The application's queue is full: the driver must stop reading (R8).
    Hold(RequestId),
    Item(Item),
    /// It cannot be read on from here.
    Broken(DecodeError),
    /// It has ended, and is whole.
    Whole,
}

impl Lanes {
    /// An id for the next message.
    pub fn next_message_id(&mut self) -> String {
        self.last_message = self.last_message.wrapping_add(1);
        decimal(u64::from(self.last_message))
    }

    /// The id that the next request will have.
    pub fn next_request(&self) -> RequestId {
        RequestId(self.last_request.wrapping_add(1))
    }

    /// A request goes out that makes or keeps the session.
    pub fn open_session(&mut self, flight: Box<Flight>, request: SessionRequest) {
        self.last_request = flight.id().get();
        self.session = Lane::Open(Exchange { flight, request });
    }

    /// A request goes out with commands of the application.
    pub fn open_commands(&mut self, flight: Box<Flight>, request: Commands) {
        self.last_request = flight.id().get();
        self.commands = Lane::Open(Exchange { flight, request: Box::new(request) });
    }

    /// The request that makes or keeps the session, while it is under way.
    pub fn session(&self) -> Option<&SessionRequest> {
        self.session.exchange().map(|exchange| &exchange.request)
    }

    pub fn session_mut(&mut self) -> Option<&mut SessionRequest> {
        self.session.exchange_mut().map(|exchange| &mut exchange.request)
    }

    /// The request with commands of the application, while it is under way.
    pub fn commands(&self) -> Option<&Commands> {
        self.commands.exchange().map(|exchange| exchange.request.as_ref())
    }

    pub fn commands_mut(&mut self) -> Option<&mut Commands> {
        self.commands.exchange_mut().map(|exchange| exchange.request.as_mut())
    }

    #[inline(never)]
    pub fn flight(&self, lane: LaneId) -> Option<&Flight> {
        match lane {
            LaneId::Session => self.session.exchange().map(|exchange| exchange.flight.as_ref()),
            LaneId::Commands => self.commands.exchange().map(|exchange| exchange.flight.as_ref()),
        }
    }

    #[inline(never)]
    pub fn flight_mut(&mut self, lane: LaneId) -> Option<&mut Flight> {
        match lane {
            LaneId::Session => self.session.exchange_mut().map(|exchange| exchange.flight.as_mut()),
            LaneId::Commands => self.commands.exchange_mut().map(|exchange| exchange.flight.as_mut()),
        }
    }

    /// The request under way in this lane.
    #[inline(never)]
    pub fn kind(&self, lane: LaneId) -> Option<Kind> {
        match lane {
            LaneId::Session => self.session().map(SessionRequest::kind),
            LaneId::Commands => self.commands().map(|_| Kind::Commands),
        }
    }

    /// Whether a request is under way in this lane.
    pub fn is_open(&self, lane: LaneId) -> bool {
        self.kind(lane).is_some()
    }

    /// Whether no request is under way in this lane, nor waits for its headers.
    pub fn is_free(&self, lane: LaneId) -> bool {
        !self.is_open(lane) && !self.awaits_headers(lane)
    }

    /// Whether a request is under way in any lane.
    pub fn is_any_open(&self) -> bool {
        self.is_open(LaneId::Session) || self.is_open(LaneId::Commands)
    }

    /// Whether no request is under way, nor waits for its headers.
    pub fn are_free(&self) -> bool {
        self.is_free(LaneId::Session) && self.is_free(LaneId::Commands)
    }

    /// The requests under way.
    pub fn flights(&self) -> impl Iterator<Item = &Flight> {
        self.flight(LaneId::Session).into_iter().chain(self.flight(LaneId::Commands))
    }

    /// The lane of a request that is under way.
    #[inline(never)]
    pub fn lane_of(&self, request: RequestId) -> Option<LaneId> {
        self.find(&|lane| self.flight(lane).is_some_and(|flight| flight.id() == request))
    }

    /// The requests of this session whose responses may bring events of it.
    pub fn in_flight(&self, epoch: u32, acknowledges: bool) -> InFlight {
        let sent = |lane| {
            let flight = self.flight(lane).filter(|flight| flight.epoch() == epoch)?;
            self.kind(lane)?.brings_events(acknowledges).then(|| flight.arrived())
        };
        InFlight {
            poll: self.lost.poll.or_else(|| sent(LaneId::Session)),
            commands: self.lost.commands.or_else(|| sent(LaneId::Commands)),
        }
    }

    /// The response to a request of this session was lost.
    pub fn lose(&mut self, kind: Kind, flight: &Flight) {
        let lost = if kind == Kind::Connect { &mut self.lost.poll } else { &mut self.lost.commands };
        lost.get_or_insert(flight.arrived());
    }

    /// Whether the response to any request of this session was lost.
    pub fn has_lost(&self) -> bool {
        self.lost != InFlight::default()
    }

    /// The session is over.
    pub fn session_over(&mut self) {
        self.lost = InFlight::default();
    }

    /// Removes a request from its lane, and returns it.
    pub fn take(&mut self, lane: LaneId) -> Option<Ended> {
        match lane {
            LaneId::Session => {
                let Exchange { flight, request } = self.session.take()?;
                Some(match request {
                    SessionRequest::Handshake(handshake) => Ended::Handshake(flight, handshake),
                    SessionRequest::Connect(connect) => Ended::Connect(flight, connect),
                    SessionRequest::Disconnect => Ended::Disconnect(flight),
                })
            }
            LaneId::Commands => {
                let Exchange { flight, request } = self.commands.take()?;
                Some(Ended::Commands(flight, request))
            }
        }
    }

    /// Reads on in a body. `room`: the application's queue has room for events (R8).
    pub fn read(&mut self, lane: LaneId, now: Instant, room: bool, acknowledges: bool) -> Read {
        let Some(kind) = self.kind(lane) else { return Read::Nothing };
        let Some(flight) = self.flight_mut(lane) else { return Read::Nothing };
        if !flight.is_unread() || flight.is_held() || flight.is_inspecting() {
            return Read::Nothing;
        }
        if !room && kind.brings_events(acknowledges) {
            flight.hold(now);
            return Read::Hold(flight.id());
        }
        match flight.next() {
            Some(Ok(item)) => Read::Item(item),
            Some(Err(error)) => Read::Broken(error),
            None if !flight.is_ended() => Read::Nothing,
            None => flight.finish().map_or_else(Read::Broken, |()| Read::Whole),
        }
    }

    /// Extends the deadlines of requests for which bytes have come (S7). A disconnect has a fixed time in all.
    pub fn await_more(&mut self, now: Instant, network_delay_ms: u64) {
        for lane in LaneId::ALL {
            if self.kind(lane) != Some(Kind::Disconnect)
                && let Some(flight) = self.flight_mut(lane)
            {
                flight.await_more(now, network_delay_ms);
            }
        }
    }

    /// Whether the next request of this lane has its headers, if headers are asked for; the answer must come within
    /// `within_ms`.
    #[inline(never)]
    pub fn headers(&mut self, lane: LaneId, asks: bool, now: Instant, within_ms: u64) -> HeadersState {
        let number = self.last_question.wrapping_add(1);
        let question = Question { number, asked: now, deadline: now.after(within_ms) };
        let state = match lane {
            LaneId::Session => self.session.headers(asks, question),
            LaneId::Commands => self.commands.headers(asks, question),
        };
        if state == HeadersState::Ask(number) {
            self.last_question = number;
        }
        state
    }

    /// Takes the headers of the request that goes out now.
    #[inline(never)]
    pub fn take_headers(&mut self, lane: LaneId) -> Headers {
        match lane {
            LaneId::Session => self.session.take_headers(),
            LaneId::Commands => self.commands.take_headers(),
        }
    }

    /// The lane whose headers were asked for by this number, and are still awaited.
    pub fn lane_asked(&self, number: u32) -> Option<LaneId> {
        self.find(&|lane| self.question(lane).is_some_and(|question| question.number == number))
    }

    /// The headers have come.
    pub fn headers_given(&mut self, lane: LaneId, headers: Headers) {
        match lane {
            LaneId::Session => self.session = Lane::HeadersGiven(headers),
            LaneId::Commands => self.commands = Lane::HeadersGiven(headers),
        }
    }

    /// The request will not be sent after all: a late answer is ignored.
    #[inline(never)]
    pub fn cancel_headers(&mut self, lane: LaneId) {
        match lane {
            LaneId::Session => self.session.cancel_headers(),
            LaneId::Commands => self.commands.cancel_headers(),
        }
    }

    /// Requests that wait for their headers will not be sent: late answers are ignored.
    pub fn cancel_all_headers(&mut self) {
        self.session.cancel_headers();
        self.commands.cancel_headers();
    }

    /// Drops headers that were given for a request that is no longer due; the next request asks for its own.
    pub fn drop_unused_headers(&mut self) {
        self.session.drop_unused_headers();
        self.commands.drop_unused_headers();
    }

    /// Whether a request of this lane waits for its headers.
    pub fn awaits_headers(&self, lane: LaneId) -> bool {
        self.question(lane).is_some()
    }

    /// When waiting for headers ends, in either lane.
    pub fn headers_deadline(&self) -> Option<Instant> {
        let deadline = |lane| self.question(lane).map(|question| question.deadline);
        deadline(LaneId::Session).into_iter().chain(deadline(LaneId::Commands)).min()
    }

    /// A lane whose headers have not come in time, and how long it has waited.
    pub fn headers_overdue(&self, now: Instant) -> Option<(LaneId, u64)> {
        let lane = self.find(&|lane| self.question(lane).is_some_and(|question| question.deadline <= now))?;
        let question = self.question(lane)?;
        Some((lane, question.deadline.since(question.asked)))
    }

    fn find(&self, is: &dyn Fn(LaneId) -> bool) -> Option<LaneId> {
        if is(LaneId::Session) {
            return Some(LaneId::Session);
        }
        is(LaneId::Commands).then_some(LaneId::Commands)
    }

    #[inline(never)]
    fn question(&self, lane: LaneId) -> Option<Question> {
        match lane {
            LaneId::Session => self.session.question(),
            LaneId::Commands => self.commands.question(),
        }
    }
}

impl Ended {
    pub fn id(&self) -> RequestId {
        self.flight().id()
    }

    pub fn flight(&self) -> &Flight {
        match self {
            Self::Handshake(flight, _) | Self::Connect(flight, _) | Self::Disconnect(flight) => flight,
            Self::Commands(flight, _) => flight,
        }
    }
}

impl<R> Lane<R> {
    fn exchange(&self) -> Option<&Exchange<R>> {
        if let Self::Open(exchange) = self { Some(exchange) } else { None }
    }

    fn exchange_mut(&mut self) -> Option<&mut Exchange<R>> {
        if let Self::Open(exchange) = self { Some(exchange) } else { None }
    }

    fn take(&mut self) -> Option<Exchange<R>> {
        match core::mem::take(self) {
            Self::Open(exchange) => Some(exchange),
            other => {
                *self = other;
                None
            }
        }
    }

    fn question(&self) -> Option<Question> {
        if let Self::AwaitingHeaders(question) = self { Some(*question) } else { None }
    }

    fn headers(&mut self, asks: bool, question: Question) -> HeadersState {
        match self {
            Self::AwaitingHeaders(_) => HeadersState::Awaited,
            Self::Idle if asks => {
                *self = Self::AwaitingHeaders(question);
                HeadersState::Ask(question.number)
            }
            Self::Idle | Self::HeadersGiven(_) | Self::Open(_) => HeadersState::Ready,
        }
    }

    fn take_headers(&mut self) -> Headers {
        match core::mem::take(self) {
            Self::HeadersGiven(headers) => headers,
            other => {
                *self = other;
                Headers::new()
            }
        }
    }

    fn cancel_headers(&mut self) {
        if !matches!(self, Self::Open(_)) {
            *self = Self::Idle;
        }
    }

    fn drop_unused_headers(&mut self) {
        if matches!(self, Self::HeadersGiven(_)) {
            *self = Self::Idle;
        }
    }
}

#[cfg(test)]
mod tests;
