//! R4, R4a: events on two responses side by side.

use super::*;

#[test]
fn r4a_an_event_is_not_certain_while_an_older_response_is_open() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.commands(&["2"]);
    channel.commit(1, &["2"]);
    assert!(channel.end(Carrier::Commands), "the poll may bring what stands before it");
    channel.stands_at("0");
    assert!(!channel.end(Carrier::Poll));
    channel.stands_at("2");
}

#[test]
fn r4a_a_response_to_a_younger_request_leaves_it_certain() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Commands);
    channel.commands(&["1"]);
    channel.send(Carrier::Poll);
    channel.commit(1, &["1"]);
    channel.stands_at("1");
}

#[test]
fn r4a_events_of_polls_wait_for_commands_too() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Commands);
    channel.send(Carrier::Poll);
    channel.poll(&["2"]);
    channel.commit(1, &["2"]);
    channel.stands_at("0");
    channel.end(Carrier::Poll);
    channel.stands_at("0");
    channel.end(Carrier::Commands);
    channel.stands_at("2");
}

#[test]
fn r4_events_side_by_side_are_passed_together() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.poll(&["2"]);
    channel.commands(&["1"]);
    channel.end(Carrier::Commands);
    channel.end(Carrier::Poll);
    channel.commit(1, &["2"]);
    channel.stands_at("0");
    channel.commit(1, &["1"]);
    // Either may be the last.
    channel.stands_at("1");
    channel.poll(&["3"]);
    channel.commit(1, &["3"]);
    channel.stands_at("3");
}

#[test]
fn r4_what_came_between_two_that_are_tied_is_tied_to_them() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.poll(&["2", "3"]);
    channel.commands(&["1"]);
    channel.end(Carrier::Commands);
    channel.end(Carrier::Poll);
    channel.commit(1, &["2", "1"]);
    channel.stands_at("0");
    channel.commit(1, &["3"]);
    channel.stands_at("1");
}

#[test]
fn r4_events_before_the_request_was_sent_are_not_tied() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.poll(&["1"]);
    channel.send(Carrier::Commands);
    channel.commands(&["2"]);
    channel.end(Carrier::Poll);
    channel.commit(1, &["1"]);
    channel.stands_at("1");
}

#[test]
fn r7b_what_is_tied_to_the_position_is_remembered_whatever_it_is() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.poll(&["2", "3"]);
    channel.commands(&["1"]);
    channel.end(Carrier::Commands);
    channel.end(Carrier::Poll);
    channel.commit(1, &["1", "2", "3"]);
    channel.stands_at("1");
    channel.restart();
    assert_eq!(channel.ledger.resume_from(), "1");
    channel.ledger.subscribing();
    for id in ["2", "3"] {
        assert_eq!(channel.receive(Carrier::Poll, id), [0; 0]);
    }
    assert!(channel.ledger.is_all_committed());
}

#[test]
fn r4_a_position_that_a_restart_unties_is_saved_at_once() {
    let mut channel = Channel::new(Start::New);
    channel.join(1);
    channel.ledger.subscribing();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.commands(&["2"]);
    channel.poll(&["1"]);
    channel.commit(1, &["2"]);
    channel.end(Carrier::Poll);
    assert_eq!(channel.position(), None, "1 is tied to it");
    channel.restart();
    channel.stands_at("2");
}

#[test]
fn r7b_so_many_events_are_remembered_behind_the_position() {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2", "3"]);
    channel.commit(1, &["1", "2", "3"]);
    assert_eq!(channel.receive(Carrier::Poll, "3"), [0; 0], "the server sends it twice");
    let numbers = ["1", "2"].map(|id| channel.sequence(id));
    assert_eq!(channel.ledger.take_forgotten(), numbers);
    assert_eq!(channel.ledger.take_forgotten(), [0; 0]);
    assert_eq!(channel.ledger.sequences(), [channel.sequence("3")]);
}

#[test]
fn r7b_events_with_one_replay_id_differ_by_their_uuid() {
    let of = |uuid: &str| {
        let raw =
            format!(r#"{{"channel":"/event/A","data":{{"event":{{"replayId":1,"EventUuid":"{uuid}"}}}}}}"#);
        Arc::new(Message::parse(raw).expect("a message"))
    };
    let mut ledger = Channel::stored().ledger;
    for (sequence, uuid, expected) in [(11, "a", vec![1]), (12, "b", vec![1]), (13, "a", vec![])] {
        let arrival = Arrival {
            event: &of(uuid),
            sequence,
            subscriptions: &[1],
            committers: &[1],
            carrier: Carrier::Poll,
            arrived: 0,
            keep_text: true,
        };
        assert_eq!(ledger.receive(&arrival, InFlight::default()), Some(expected), "{uuid}");
    }
}
