use super::super::outgoing::Outgoing;
use super::super::outgoing::tests::{publish, raw};
use super::*;

const NOW: Instant = Instant::from_millis(1_000);

fn flight() -> Flight {
    let departure = Departure {
        id: RequestId(3),
        epoch: 2,
        token: 4,
        now: NOW,
        since: Instant::from_millis(500),
        arrived: 11,
        patience_ms: 30_000,
        message_bytes: 1_000,
    };
    let mut flight = Flight::new(departure);
    assert!(!flight.is_accepted(), "the head has not come");
    flight.accept();
    flight
}

/// A request with a subscribe and two messages.
fn commands() -> Commands {
    let outgoing = [
        Outgoing::Subscribe("/a".to_owned()),
        Outgoing::Publish(Box::new(publish(5, 1, "/b"))),
        Outgoing::Raw(Box::new(raw(6, 2, "/c"))),
    ];
    let sent = ["1", "2", "3"].into_iter().zip(outgoing);
    let sent = sent.map(|(id, outgoing)| Sent::new(id.to_owned(), outgoing));
    Commands { sent: sent.collect(), ..Commands::default() }
}

#[test]
fn a_flight_knows_what_it_left_with() {
    let flight = flight();
    assert_eq!((flight.id(), flight.epoch(), flight.token()), (RequestId(3), 2, 4));
    assert_eq!((flight.started(), flight.since(), flight.arrived()), (NOW, Instant::from_millis(500), 11));
    assert_eq!((flight.age_ms(NOW.after(9)), flight.patience_ms()), (9, 30_000));
    assert_eq!(flight.deadline(), Some(NOW.after(30_000)));
    assert!(flight.is_accepted() && !flight.is_ended() && !flight.is_held() && !flight.is_inspecting());
}

#[test]
fn s14_only_the_body_of_a_2xx_is_read() {
    let mut flight = flight();
    flight.accepted = false;
    flight.push(b"[{}]");
    assert!(flight.next().is_none());
    flight.accept();
    assert!(!flight.is_unread());
    flight.push(b"[{}]");
    assert!(flight.is_unread());
    assert!(matches!(flight.next(), Some(Ok(Item::Message(_)))));
    assert!(flight.is_unread());
    assert!(flight.next().is_none());
    assert!(!flight.is_unread());
    assert_eq!(flight.finish(), Ok(()));
}

#[test]
fn the_bound_of_a_message_is_kept_to() {
    let mut flight = flight();
    flight.push(format!("[{{\"a\":\"{}\"}}]", "x".repeat(2_000)).as_bytes());
    assert!(matches!(flight.next(), Some(Ok(Item::TooLarge { .. }))));
}

#[test]
fn a_body_that_has_ended_says_so() {
    let mut flight = flight();
    flight.push(b"[{}");
    flight.end();
    assert!(flight.is_ended() && flight.is_unread() && flight.finish().is_err());
}

#[test]
fn s7_after_the_first_bytes_each_has_the_network_delay() {
    let mut flight = flight();
    flight.push(b"[{");
    let _ = flight.next();
    flight.await_more(NOW.after(100), 10_000);
    assert_eq!((flight.deadline(), flight.patience_ms()), (Some(NOW.after(10_100)), 10_000));
}

#[test]
fn s7_without_bytes_the_deadline_stays() {
    let mut flight = flight();
    flight.await_more(NOW.after(100), 10_000);
    flight.push(b"");
    flight.await_more(NOW.after(100), 10_000);
    assert_eq!(flight.deadline(), Some(NOW.after(30_000)));
}

#[test]
fn s7_white_space_puts_the_deadline_off_to_twice_at_most() {
    let mut flight = flight();
    for (after_ms, deadline_ms) in [(100, 30_000), (25_000, 35_000), (34_000, 44_000), (59_000, 60_000)] {
        flight.push(b" ");
        assert!(flight.next().is_none());
        flight.await_more(NOW.after(after_ms), 10_000);
        assert_eq!(flight.deadline(), Some(NOW.after(deadline_ms)), "{after_ms}");
        assert_eq!(flight.patience_ms(), deadline_ms);
    }
}

#[test]
fn s7_time_in_which_this_side_does_not_read_does_not_count() {
    let mut flight = flight();
    flight.hold(NOW.after(1_000));
    assert!(flight.is_held());
    assert_eq!(flight.deadline(), None);
    flight.release(NOW.after(6_000));
    assert!(!flight.is_held());
    assert_eq!(flight.deadline(), Some(NOW.after(35_000)));
    assert_eq!(flight.latest, NOW.after(65_000));
    flight.release(NOW.after(9_000));
    assert_eq!(flight.deadline(), Some(NOW.after(35_000)), "released once");
}

#[test]
fn s7_what_is_released_may_take_the_network_delay_again() {
    let mut flight = flight();
    flight.push(b"[{");
    let _ = flight.next();
    flight.await_more(NOW, 10_000);
    flight.hold(NOW);
    flight.release(NOW.after(50_000));
    flight.await_more(NOW.after(50_000), 10_000);
    assert_eq!(flight.deadline(), Some(NOW.after(60_000)));
}

#[test]
fn a_message_with_the_extensions_stops_the_clock() {
    let mut flight = flight();
    assert!(!flight.inspected());
    flight.inspect(true);
    assert!(flight.is_inspecting());
    assert_eq!((flight.deadline(), flight.events()), (None, 0));
    assert!(flight.inspected());
    assert_eq!((flight.is_inspecting(), flight.events()), (false, 1));
    flight.inspect(false);
    assert!(flight.inspected());
    assert_eq!(flight.events(), 1);
    flight.await_more(NOW.after(29_000), 10_000);
    assert_eq!(flight.deadline(), Some(NOW.after(39_000)));
}

#[test]
fn a1_events_are_counted_as_they_are_taken_in() {
    let mut flight = flight();
    flight.count_event();
    flight.count_event();
    assert_eq!(flight.events(), 2);
}

#[test]
fn what_has_no_answer_is_taken_out_of_a_request_once() {
    let mut commands = commands();
    commands.sent[1].take();
    let ids: Vec<String> = commands.take_unanswered().into_iter().map(|sent| sent.message_id).collect();
    assert_eq!(ids, ["1", "3"]);
    assert!(commands.take_unanswered().is_empty());
}

#[test]
fn r7_a_request_carries_messages_until_each_has_its_answer() {
    let mut commands = commands();
    assert!(commands.carries_messages() && commands.has_open_messages());
    commands.sent[1].take();
    assert!(commands.carries_messages() && commands.has_open_messages());
    commands.sent[2].take();
    assert!(!commands.carries_messages() && !commands.has_open_messages(), "a subscribe is none");
}

#[test]
fn s13_events_ride_on_polls_and_without_acknowledgements_on_commands() {
    let brings = |kind: Kind| (kind.brings_events(false), kind.brings_events(true));
    assert_eq!(brings(Kind::Connect), (true, true));
    assert_eq!(brings(Kind::Commands), (true, false));
    assert_eq!(brings(Kind::Handshake), (false, false));
    assert_eq!(brings(Kind::Disconnect), (false, false));
}

#[test]
fn each_request_has_a_name() {
    let names = [Kind::Handshake, Kind::Connect, Kind::Commands, Kind::Disconnect].map(Kind::as_str);
    assert_eq!(names, ["handshake", "connect", "commands", "disconnect"]);
    let kinds = [
        SessionRequest::Handshake(Box::default()),
        SessionRequest::Connect(Box::default()),
        SessionRequest::Disconnect,
    ];
    let kinds = kinds.map(|request| request.kind());
    assert_eq!(kinds, [Kind::Handshake, Kind::Connect, Kind::Disconnect]);
}

#[test]
fn r7_a_body_is_read_from_its_pieces_to_the_last() {
    let mut flight = flight();
    for piece in [r#"[{"#, r#""id":"#, r#""1""#, r#"},{"#, r#"}]"#] {
        flight.push(piece.as_bytes());
    }
    flight.end();
    let Some(Ok(Item::Message(first))) = flight.next() else { panic!("the first message") };
    assert_eq!(first.raw(), r#"{"id":"1"}"#);
    assert!(matches!(flight.next(), Some(Ok(Item::Message(_)))));
    assert!(flight.next().is_none());
    assert_eq!(flight.finish(), Ok(()));
}
