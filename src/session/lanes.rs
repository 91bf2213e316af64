//! The two places for requests (S2), and the caller's headers, which may be asked for before each (X4).

use super::exchange::{Commands, Connect, Exchange, Flight, Handshake, Kind, SessionRequest};
use super::io::RequestId;
use crate::Instant;
use crate::bayeux::decoder::{DecodeError, Item};
use crate::text::decimal;

/// One of the two places for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaneId {
    /// For what makes and keeps the session, one at a time.
    Session,
    /// For what the application wants.
    Commands,
}

impl LaneId {
    pub const ALL: [Self; 2] = [Self::Session, Self::Commands];
}

/// The requests in flight, at most one in each lane.
#[derive(Default)]
pub(super) struct Lanes {
    session: Lane<SessionRequest>,
    commands: Lane<Commands>,
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
    /// The headers are there, for the one request that is due.
    HeadersGiven(Headers),
    Open(Box<Exchange<R>>),
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
    /// They are to be asked for, by this number.
    Ask(u32),
    Awaited,
}

/// A request that has left its lane.
pub(super) enum Ended {
    Handshake(Flight, Handshake),
    Connect(Flight, Connect),
    Disconnect(Flight),
    Commands(Flight, Commands),
}

/// The next thing in a body.
pub(super) enum Read {
    /// Nothing for now.
    Nothing,
    /// The application's queue is full: the driver reads no further (R8).
    Hold(RequestId),
    Item(Item),
    /// It cannot be read on from here.
    Broken(DecodeError),
    /// It has ended, whole.
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
    pub fn open_session(&mut self, flight: Flight, request: SessionRequest) {
        self.last_request = flight.id().get();
        self.session = Lane::Open(Box::new(Exchange { flight, request }));
    }

    /// A request goes out with what the application wants.
    pub fn open_commands(&mut self, flight: Flight, request: Commands) {
        self.last_request = flight.id().get();
        self.commands = Lane::Open(Box::new(Exchange { flight, request }));
    }

    /// The request that makes or keeps the session, while it is under way.
    pub fn session(&self) -> Option<&SessionRequest> {
        self.session.exchange().map(|exchange| &exchange.request)
    }

    pub fn session_mut(&mut self) -> Option<&mut SessionRequest> {
        self.session.exchange_mut().map(|exchange| &mut exchange.request)
    }

    /// The request with what the application wants, while it is under way.
    pub fn commands(&self) -> Option<&Commands> {
        self.commands.exchange().map(|exchange| &exchange.request)
    }

    pub fn commands_mut(&mut self) -> Option<&mut Commands> {
        self.commands.exchange_mut().map(|exchange| &mut exchange.request)
    }

    pub fn flight(&self, lane: LaneId) -> Option<&Flight> {
        match lane {
            LaneId::Session => self.session.exchange().map(|exchange| &exchange.flight),
            LaneId::Commands => self.commands.exchange().map(|exchange| &exchange.flight),
        }
    }

    pub fn flight_mut(&mut self, lane: LaneId) -> Option<&mut Flight> {
        match lane {
            LaneId::Session => self.session.exchange_mut().map(|exchange| &mut exchange.flight),
            LaneId::Commands => self.commands.exchange_mut().map(|exchange| &mut exchange.flight),
        }
    }

    /// What is under way in this lane.
    pub fn kind(&self, lane: LaneId) -> Option<Kind> {
        match lane {
            LaneId::Session => self.session().map(SessionRequest::kind),
            LaneId::Commands => self.commands().map(|_| Kind::Commands),
        }
    }

    /// Is a request under way in this lane?
    pub fn is_open(&self, lane: LaneId) -> bool {
        self.kind(lane).is_some()
    }

    /// Is nothing under way in this lane, nor about to be once its headers have come?
    pub fn is_free(&self, lane: LaneId) -> bool {
        !self.is_open(lane) && !self.awaits_headers(lane)
    }

    /// The lane of a request that is under way.
    pub fn lane_of(&self, request: RequestId) -> Option<LaneId> {
        LaneId::ALL.into_iter().find(|lane| self.flight(*lane).is_some_and(|flight| flight.id() == request))
    }

    /// Takes a request out of its lane.
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

    /// Sets the deadlines for the next bytes where some have come (S7). A disconnect has its time in all.
    pub fn await_more(&mut self, now: Instant, network_delay_ms: u64) {
        for lane in LaneId::ALL {
            if self.kind(lane) != Some(Kind::Disconnect)
                && let Some(flight) = self.flight_mut(lane)
            {
                flight.await_more(now, network_delay_ms);
            }
        }
    }

    /// Whether the request in this lane has its headers, if they are asked for; the answer has `within_ms`.
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
    pub fn take_headers(&mut self, lane: LaneId) -> Headers {
        match lane {
            LaneId::Session => self.session.take_headers(),
            LaneId::Commands => self.commands.take_headers(),
        }
    }

    /// The lane whose headers were asked for by this number, and are still awaited.
    pub fn lane_asked(&self, number: u32) -> Option<LaneId> {
        let is = |lane: &LaneId| self.question(*lane).is_some_and(|question| question.number == number);
        LaneId::ALL.into_iter().find(is)
    }

    /// The headers have come.
    pub fn headers_given(&mut self, lane: LaneId, headers: Headers) {
        match lane {
            LaneId::Session => self.session = Lane::HeadersGiven(headers),
            LaneId::Commands => self.commands = Lane::HeadersGiven(headers),
        }
    }

    /// The request is not to be sent any more: a late answer is ignored.
    pub fn cancel_headers(&mut self, lane: LaneId) {
        match lane {
            LaneId::Session => self.session.cancel_headers(),
            LaneId::Commands => self.commands.cancel_headers(),
        }
    }

    /// What is asked next gets its answer for itself: these were for a request that is not due any more.
    pub fn drop_unused_headers(&mut self) {
        self.session.drop_unused_headers();
        self.commands.drop_unused_headers();
    }

    /// Does a request of this lane wait for its headers?
    pub fn awaits_headers(&self, lane: LaneId) -> bool {
        self.question(lane).is_some()
    }

    /// When waiting for headers ends, in either lane.
    pub fn headers_deadline(&self) -> Option<Instant> {
        LaneId::ALL.into_iter().filter_map(|lane| self.question(lane)).map(|question| question.deadline).min()
    }

    /// A lane whose headers have not come in time, and how long it has waited.
    pub fn headers_overdue(&self, now: Instant) -> Option<(LaneId, u64)> {
        LaneId::ALL.into_iter().find_map(|lane| {
            let question = self.question(lane).filter(|question| question.deadline <= now)?;
            Some((lane, question.deadline.since(question.asked)))
        })
    }

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

    pub fn kind(&self) -> Kind {
        match self {
            Self::Handshake(..) => Kind::Handshake,
            Self::Connect(..) => Kind::Connect,
            Self::Disconnect(_) => Kind::Disconnect,
            Self::Commands(..) => Kind::Commands,
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
            Self::Open(exchange) => Some(*exchange),
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
mod tests {
    use super::super::exchange::Departure;
    use super::*;

    const NOW: Instant = Instant::from_millis(1_000);
    use LaneId::{Commands as CommandsLane, Session as SessionLane};

    fn flight(id: u32) -> Flight {
        let departure = Departure {
            id: RequestId(id),
            epoch: 0,
            token: 0,
            now: NOW,
            since: NOW,
            patience_ms: 5_000,
            message_bytes: 1_000,
        };
        let mut flight = Flight::new(departure);
        flight.accept();
        flight
    }

    fn with_poll() -> Lanes {
        let mut lanes = Lanes::default();
        lanes.open_session(flight(1), SessionRequest::Connect(Connect::default()));
        lanes
    }

    fn with_commands() -> Lanes {
        let mut lanes = Lanes::default();
        lanes.open_commands(flight(1), Commands::default());
        lanes
    }

    #[test]
    fn ids_ascend_from_one() {
        let mut lanes = Lanes::default();
        assert_eq!([lanes.next_message_id(), lanes.next_message_id()], ["1", "2"]);
        assert_eq!(lanes.next_request(), RequestId(1));
        lanes.open_commands(flight(1), Commands::default());
        assert_eq!(lanes.next_request(), RequestId(2));
        lanes.open_session(flight(2), SessionRequest::Disconnect);
        assert_eq!(lanes.next_request(), RequestId(3));
    }

    #[test]
    fn s2_each_lane_has_its_own_request() {
        let mut lanes = with_poll();
        lanes.open_commands(flight(2), Commands { replays: true, ..Commands::default() });
        assert_eq!(
            (lanes.kind(SessionLane), lanes.kind(CommandsLane)),
            (Some(Kind::Connect), Some(Kind::Commands))
        );
        assert_eq!(
            (lanes.lane_of(RequestId(1)), lanes.lane_of(RequestId(2))),
            (Some(SessionLane), Some(CommandsLane))
        );
        assert_eq!(lanes.lane_of(RequestId(3)), None);
        assert!(matches!(lanes.session(), Some(SessionRequest::Connect(_))));
        assert!(matches!(lanes.session_mut(), Some(SessionRequest::Connect(_))));
        assert!(lanes.commands().is_some_and(|commands| commands.replays));
        assert!(lanes.commands_mut().is_some_and(|commands| commands.replays));
        assert_eq!(lanes.flight(CommandsLane).map(Flight::id), Some(RequestId(2)));
        assert_eq!(lanes.flight_mut(SessionLane).map(|flight| flight.id()), Some(RequestId(1)));
    }

    #[test]
    fn a_request_leaves_its_lane_once() {
        let mut lanes = with_poll();
        assert!(lanes.is_open(SessionLane) && !lanes.is_open(CommandsLane));
        assert!(matches!(lanes.take(SessionLane), Some(Ended::Connect(..))));
        assert!(lanes.take(SessionLane).is_none() && lanes.is_free(SessionLane));
        lanes.open_session(flight(2), SessionRequest::Disconnect);
        assert!(matches!(lanes.take(SessionLane), Some(Ended::Disconnect(_))));
        lanes.open_session(flight(3), SessionRequest::Handshake(Handshake::default()));
        assert!(matches!(lanes.take(SessionLane), Some(Ended::Handshake(..))));
        lanes.open_commands(flight(4), Commands::default());
        assert!(matches!(lanes.take(CommandsLane), Some(Ended::Commands(..))));
        assert!(lanes.take(CommandsLane).is_none());
    }

    #[test]
    fn a_body_is_read_message_by_message_to_its_end() {
        let mut lanes = with_poll();
        assert!(matches!(lanes.read(CommandsLane, NOW, true, false), Read::Nothing));
        lanes.flight_mut(SessionLane).expect("open").push(b"[{\"a\":1}");
        assert!(matches!(lanes.read(SessionLane, NOW, true, false), Read::Item(Item::Message(_))));
        assert!(matches!(lanes.read(SessionLane, NOW, true, false), Read::Nothing));
        lanes.flight_mut(SessionLane).expect("open").push(b"]");
        assert!(matches!(lanes.read(SessionLane, NOW, true, false), Read::Nothing));
        lanes.flight_mut(SessionLane).expect("open").end();
        assert!(matches!(lanes.read(SessionLane, NOW, true, false), Read::Whole));
    }

    #[test]
    fn a_body_that_ends_in_the_middle_is_broken() {
        let mut lanes = with_poll();
        let flight = lanes.flight_mut(SessionLane).expect("open");
        flight.push(b"[{\"a\":1}");
        flight.end();
        assert!(matches!(lanes.read(SessionLane, NOW, true, false), Read::Item(_)));
        assert!(matches!(lanes.read(SessionLane, NOW, true, false), Read::Broken(DecodeError::Truncated)));
        let mut lanes = with_poll();
        lanes.flight_mut(SessionLane).expect("open").push(b"<html>");
        assert!(matches!(lanes.read(SessionLane, NOW, true, false), Read::Broken(_)));
    }

    #[test]
    fn r8_a_full_queue_holds_what_brings_events() {
        let mut lanes = with_poll();
        assert!(matches!(lanes.read(SessionLane, NOW, false, false), Read::Nothing), "nothing has come");
        lanes.flight_mut(SessionLane).expect("open").push(b"[");
        assert!(matches!(lanes.read(SessionLane, NOW, false, false), Read::Hold(RequestId(1))));
        assert!(
            matches!(lanes.read(SessionLane, NOW, true, false), Read::Nothing),
            "held until it is released"
        );
        let mut lanes = with_commands();
        lanes.flight_mut(CommandsLane).expect("open").push(b"[{}]");
        assert!(matches!(lanes.read(CommandsLane, NOW, false, true), Read::Item(_)));
        assert!(matches!(lanes.read(CommandsLane, NOW, false, false), Read::Hold(_)));
    }

    #[test]
    fn nothing_is_read_while_the_extensions_have_a_message() {
        let mut lanes = with_poll();
        let flight = lanes.flight_mut(SessionLane).expect("open");
        flight.push(b"[{}]");
        flight.inspect(false);
        assert!(matches!(lanes.read(SessionLane, NOW, true, false), Read::Nothing));
    }

    #[test]
    fn s7_bytes_put_the_deadline_off_but_not_that_of_a_disconnect() {
        let deadline = |request| {
            let mut lanes = Lanes::default();
            lanes.open_session(flight(1), request);
            lanes.flight_mut(SessionLane).expect("open").push(b" ");
            lanes.await_more(NOW.after(2_000), 5_000);
            lanes.flight(SessionLane).and_then(Flight::deadline)
        };
        assert_eq!(deadline(SessionRequest::Connect(Connect::default())), Some(NOW.after(7_000)));
        assert_eq!(deadline(SessionRequest::Disconnect), Some(NOW.after(5_000)));
    }

    #[test]
    fn headers_that_are_not_asked_for_are_ready() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.headers(SessionLane, false, NOW, 10), HeadersState::Ready);
        assert!(lanes.take_headers(SessionLane).is_empty() && lanes.is_free(SessionLane));
    }

    #[test]
    fn x4_headers_are_asked_for_once_and_used_once() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.headers(SessionLane, true, NOW, 10), HeadersState::Ask(1));
        assert_eq!(lanes.headers(SessionLane, true, NOW, 10), HeadersState::Awaited);
        assert_eq!(lanes.headers(CommandsLane, true, NOW, 5), HeadersState::Ask(2));
        assert!(
            lanes.awaits_headers(SessionLane) && !lanes.is_free(SessionLane) && !lanes.is_open(SessionLane)
        );
        assert_eq!((lanes.lane_asked(1), lanes.lane_asked(2)), (Some(SessionLane), Some(CommandsLane)));
        assert_eq!(lanes.lane_asked(3), None);
        let given = vec![("A".to_owned(), "b".to_owned())];
        lanes.headers_given(SessionLane, given.clone());
        lanes.headers_given(CommandsLane, given.clone());
        assert_eq!(lanes.lane_asked(1), None);
        assert_eq!(lanes.headers(SessionLane, true, NOW, 10), HeadersState::Ready);
        assert_eq!(lanes.take_headers(SessionLane), given);
        assert_eq!(lanes.take_headers(CommandsLane), given);
        assert_eq!(lanes.headers(SessionLane, true, NOW, 10), HeadersState::Ask(3));
    }

    #[test]
    fn x4_headers_of_a_request_that_is_not_due_are_dropped() {
        let mut lanes = Lanes::default();
        lanes.headers_given(SessionLane, Headers::new());
        lanes.headers_given(CommandsLane, Headers::new());
        lanes.drop_unused_headers();
        assert_eq!(lanes.headers(SessionLane, true, NOW, 10), HeadersState::Ask(1));
        assert_eq!(lanes.headers(CommandsLane, true, NOW, 10), HeadersState::Ask(2));
        lanes.drop_unused_headers();
        assert!(lanes.awaits_headers(SessionLane) && lanes.awaits_headers(CommandsLane));
        lanes.cancel_headers(SessionLane);
        lanes.cancel_headers(CommandsLane);
        assert!(lanes.is_free(SessionLane) && lanes.is_free(CommandsLane));
    }

    #[test]
    fn what_is_under_way_has_no_headers_to_cancel() {
        let mut lanes = with_poll();
        lanes.cancel_headers(SessionLane);
        lanes.drop_unused_headers();
        assert!(lanes.take_headers(SessionLane).is_empty());
        assert!(lanes.is_open(SessionLane));
    }

    #[test]
    fn headers_have_a_deadline() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.headers_deadline(), None);
        lanes.headers(SessionLane, true, NOW, 10);
        lanes.headers(CommandsLane, true, NOW, 5);
        assert_eq!(lanes.headers_deadline(), Some(NOW.after(5)));
        assert_eq!(lanes.headers_overdue(NOW.after(4)), None);
        assert_eq!(lanes.headers_overdue(NOW.after(5)), Some((CommandsLane, 5)));
        lanes.cancel_headers(CommandsLane);
        assert_eq!(lanes.headers_overdue(NOW.after(9)), None);
        assert_eq!(lanes.headers_overdue(NOW.after(11)), Some((SessionLane, 10)));
    }
}
