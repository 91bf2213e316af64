//! R7, R7c: from where the next session goes on, and what it brings again.

use super::*;

#[test]
fn r7_a_new_session_goes_on_from_the_last_certain_event() {
    let mut channel = Channel::stored();
    assert!(channel.ledger.is_subscribed());
    channel.poll(&["1", "2"]);
    assert_eq!(channel.ledger.resume_from(), "2");
    channel.restart();
    assert!(!channel.ledger.is_subscribed());
    channel.stands_at("0");
    assert_eq!(channel.ledger.subscribing(), "2");
    assert_eq!(channel.receive(Carrier::Poll, "3"), [1]);
    channel.commit(1, &["1", "2"]);
    channel.stands_at("2");
}

#[test]
fn r7_what_is_not_certain_comes_again_and_is_given_once() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.commands(&["2"]);
    channel.commit(1, &["2"]);
    // The poll is lost.
    channel.restart();
    assert!(channel.ledger.expects_again());
    assert_eq!(channel.ledger.subscribing(), "0");
    assert_eq!(channel.receive(Carrier::Commands, "1"), [1]);
    assert_eq!(channel.receive(Carrier::Commands, "2"), [0; 0]);
    assert!(!channel.ledger.expects_again());
    channel.stands_at("0");
    channel.commit(1, &["1"]);
    channel.stands_at("2");
}

#[test]
fn r7_what_is_tied_to_something_uncertain_comes_again() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.commands(&["2"]);
    channel.poll(&["1"]);
    channel.end(Carrier::Poll);
    // 2 is certain now, but 1 is not, and may stand before it.
    channel.restart();
    assert_eq!(channel.ledger.subscribing(), "0");
}

#[test]
fn r7c_with_nothing_to_go_on_from_events_may_be_missing() {
    let mut channel = Channel::new(Start::New);
    assert!(channel.ledger.restarts_without_loss(channel.in_flight), "it was never subscribed");
    channel.ledger.subscribing();
    assert!(!channel.ledger.restarts_without_loss(channel.in_flight));
    channel.restart();
    assert_eq!(channel.ledger.subscribing(), "-1");
}

#[test]
fn r7c_the_first_event_received_becomes_the_position() {
    let mut channel = Channel::new(Start::New);
    channel.join(1);
    channel.ledger.subscribing();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.commands(&["2", "3"]);
    assert!(!channel.ledger.restarts_without_loss(channel.in_flight));
    channel.restart();
    assert_eq!(channel.ledger.subscribing(), "2");
    assert_eq!(channel.receive(Carrier::Poll, "3"), [0; 0]);
    channel.commit(1, &["2", "3"]);
    channel.stands_at("3");
}

#[test]
fn r7_from_all_events_on_nothing_is_missing() {
    let mut channel = Channel::new(Start::All);
    channel.ledger.subscribing();
    assert!(channel.ledger.restarts_without_loss(channel.in_flight));
    channel.restart();
    assert_eq!(channel.ledger.subscribing(), "-2");
}

#[test]
fn r7_what_comes_again_is_forgotten_once_the_server_has_it_no_more() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.commands(&["1"]);
    channel.restart();
    channel.ledger.subscribing();
    assert_eq!(channel.ledger.all_came_again(), [0; 0]);
    assert!(!channel.ledger.expects_again());
    assert_eq!(channel.receive(Carrier::Poll, "1"), [0; 0], "in this session it may still come");
    channel.send(Carrier::Commands);
    channel.poll(&["2"]);
    channel.restart();
    channel.ledger.subscribing();
    channel.ledger.all_came_again();
    let number = channel.sequence("2");
    channel.restart();
    assert_eq!(channel.ledger.take_forgotten(), [number]);
    assert_eq!(channel.receive(Carrier::Poll, "2"), [1]);
}

#[test]
fn r7_a_channel_that_is_not_subscribed_still_waits_for_what_comes_again() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.commands(&["1"]);
    channel.restart();
    channel.ledger.all_came_again();
    assert!(channel.ledger.expects_again());
}

#[test]
fn r7_a_refused_subscribe_is_none() {
    let mut channel = Channel::stored();
    channel.ledger.not_subscribed();
    assert!(!channel.ledger.is_subscribed());
    channel.poll(&["1"]);
    let joined = channel.join(2);
    assert!(!joined.needs_session);
}

#[test]
fn x3_what_cannot_be_read_holds_the_position_and_comes_again() {
    let mut channel = Channel::stored();
    channel.poll(&["1"]);
    channel.ledger.passed_over(channel.in_flight);
    channel.poll(&["3"]);
    channel.commit(1, &["1", "3"]);
    channel.stands_at("1");
    let joined = channel.join(2);
    assert_eq!((ids(&joined).len(), joined.needs_session), (0, true));
    channel.restart();
    assert_eq!(channel.ledger.subscribing(), "1");
    assert_eq!(channel.receive(Carrier::Poll, "2"), [1, 2]);
    assert_eq!(channel.receive(Carrier::Poll, "3"), [2]);
    channel.commit(1, &["2"]);
    channel.commit(2, &["2", "3"]);
    channel.stands_at("3");
}
