//! R3, R4: which position may be saved.

use super::*;

#[test]
fn the_stored_position_is_the_first_and_needs_no_save() {
    let mut channel = Channel::new(Start::All);
    assert_eq!((channel.position(), channel.ledger.version()), (None, 0));
    assert_eq!(channel.ledger.channel(), "/event/A?x=1");
    assert_eq!(channel.ledger.start(), &Start::All);
    channel.ledger.begin_at(position("0"), true);
    assert_eq!((channel.position().as_deref(), channel.ledger.version()), (Some("0"), 0));
    assert_eq!(channel.ledger.resume_from(), "0");
}

#[test]
fn r5_a_position_that_the_store_does_not_have_is_saved() {
    let mut channel = Channel::new(Start::New);
    channel.ledger.begin_at(position("7"), false);
    assert_eq!(channel.ledger.to_save(), Some((1, position("7"))));
}

#[test]
fn r4_the_position_is_the_last_before_which_all_is_committed() {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2", "3"]);
    channel.stands_at("0");
    channel.commit(1, &["2"]);
    channel.stands_at("0");
    channel.commit(1, &["1"]);
    channel.stands_at("2");
    channel.commit(1, &["3"]);
    channel.stands_at("3");
}

#[test]
fn r4_versions_ascend_with_the_position_alone() {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2"]);
    channel.commit(1, &["2", "2"]);
    assert_eq!(channel.ledger.version(), 0);
    channel.commit(1, &["1"]);
    assert_eq!(channel.ledger.version(), 1);
    channel.commit(1, &["1", "2"]);
    assert_eq!(channel.ledger.version(), 1);
}

#[test]
fn r1_a_position_keeps_the_date_and_the_text_of_its_event() {
    let raw = r#"{"channel":"/event/A","data":{"event":{"replayId":9007199254740993,"createdDate":"2026"}}}"#;
    let event = Arc::new(Message::parse(raw.to_owned()).expect("a message"));
    let mut ledger = Channel::stored().ledger;
    let arrival = Arrival {
        event: &event,
        sequence: 11,
        subscriptions: &[1],
        committers: &[1],
        carrier: Carrier::Poll,
        arrived: 0,
        keep_text: true,
    };
    assert_eq!(ledger.receive(&arrival, InFlight::default()), Some(vec![1]));
    ledger.processed(1, 11, InFlight::default());
    let (_, position) = ledger.to_save().expect("a position");
    assert_eq!(position.replay_id, "9007199254740993");
    assert_eq!(position.created_date.as_deref(), Some("2026"));
}

#[test]
fn an_event_without_a_position_is_not_noted() {
    let event =
        Arc::new(Message::parse(r#"{"channel":"/event/A","data":{}}"#.to_owned()).expect("a message"));
    let mut ledger = Channel::stored().ledger;
    let arrival = Arrival {
        event: &event,
        sequence: 11,
        subscriptions: &[1],
        committers: &[1],
        carrier: Carrier::Poll,
        arrived: 0,
        keep_text: true,
    };
    assert_eq!(ledger.receive(&arrival, InFlight::default()), None);
    assert_eq!(ledger.owed(), 0);
}

#[test]
fn r3_what_nobody_has_committed_is_never_passed() {
    let mut channel = Channel::stored();
    channel.leave(1, "");
    channel.poll(&["1", "2"]);
    channel.stands_at("0");
    assert!(!channel.ledger.is_all_committed());
}

#[test]
fn r3_a_reader_of_a_pattern_holds_no_position() {
    let mut channel = Channel::stored();
    let arrival = Arrival {
        event: &event("1"),
        sequence: 11,
        subscriptions: &[1, 2],
        committers: &[1],
        carrier: Carrier::Poll,
        arrived: 0,
        keep_text: true,
    };
    assert_eq!(channel.ledger.receive(&arrival, InFlight::default()), Some(vec![1, 2]));
    channel.ledger.processed(2, 11, InFlight::default());
    channel.stands_at("0");
    channel.ledger.processed(1, 11, InFlight::default());
    channel.stands_at("1");
}

#[test]
fn all_is_committed_once_the_position_is_the_last_event() {
    let mut channel = Channel::stored();
    assert!(channel.ledger.is_all_committed());
    channel.poll(&["1"]);
    assert!(!channel.ledger.is_all_committed());
    channel.commit(1, &["1"]);
    assert!(channel.ledger.is_all_committed());
}
