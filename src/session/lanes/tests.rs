use LaneId::{Commands as CommandsLane, Session as SessionLane};

use super::super::exchange::Departure;
use super::*;

const NOW: Instant = Instant::from_millis(1_000);

fn flight(id: u32) -> Box<Flight> {
    sent_after(id, 0)
}

/// A request that was sent after so many events.
fn sent_after(id: u32, arrived: u64) -> Box<Flight> {
    let departure = Departure {
        id: RequestId(id),
        arrived,
        epoch: 0,
        token: 0,
        now: NOW,
        since: NOW,
        patience_ms: 5_000,
        message_bytes: 1_000,
    };
    let mut flight = Flight::new(departure);
    flight.accept();
    Box::new(flight)
}

fn with_poll() -> Lanes {
    let mut lanes = Lanes::default();
    lanes.open_session(flight(1), SessionRequest::Connect(Box::default()));
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
    lanes.open_session(flight(3), SessionRequest::Handshake(Box::default()));
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
    assert!(matches!(lanes.read(SessionLane, NOW, true, false), Read::Nothing), "held until it is released");
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
    assert_eq!(deadline(SessionRequest::Connect(Box::default())), Some(NOW.after(7_000)));
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
    assert!(lanes.awaits_headers(SessionLane) && !lanes.is_free(SessionLane) && !lanes.is_open(SessionLane));
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

#[test]
fn requests_in_flight_remember_how_many_events_had_come() {
    let mut lanes = Lanes::default();
    assert_eq!(lanes.in_flight(0, false), InFlight::default());
    lanes.open_session(sent_after(1, 5), SessionRequest::Connect(Box::default()));
    lanes.open_commands(sent_after(2, 7), Commands::default());
    assert_eq!(lanes.in_flight(0, false), InFlight { poll: Some(5), commands: Some(7) });
    assert_eq!(
        lanes.in_flight(0, true).commands,
        None,
        "with the ack extension events come with polls alone"
    );
    assert_eq!(lanes.in_flight(1, false), InFlight::default(), "they belong to an earlier session");
    let _ = lanes.take(SessionLane);
    assert_eq!(lanes.in_flight(0, false), InFlight { poll: None, commands: Some(7) });
}

#[test]
fn a_handshake_brings_no_events() {
    let mut lanes = Lanes::default();
    lanes.open_session(flight(1), SessionRequest::Handshake(Box::default()));
    assert_eq!(lanes.in_flight(0, false), InFlight::default());
}

#[test]
fn r7_a_lost_response_stays_in_flight_until_the_session_is_over() {
    let mut lanes = Lanes::default();
    assert!(!lanes.has_lost());
    lanes.lose(Kind::Connect, &sent_after(1, 5));
    lanes.lose(Kind::Connect, &sent_after(2, 6));
    lanes.open_session(sent_after(3, 9), SessionRequest::Connect(Box::default()));
    assert!(lanes.has_lost());
    assert_eq!(lanes.in_flight(0, false), InFlight { poll: Some(5), commands: None }, "the first one counts");
    lanes.lose(Kind::Commands, &sent_after(4, 7));
    assert_eq!(lanes.in_flight(0, false), InFlight { poll: Some(5), commands: Some(7) });
    lanes.session_over();
    assert!(!lanes.has_lost());
    assert_eq!(lanes.in_flight(0, false), InFlight { poll: Some(9), commands: None });
}
