//! Changes of mind while requests are in flight: every command settles once, every subscription ends once.

use cometd_edge::session::{Command, Error};

use crate::sim::*;

#[test]
fn subscribing_a_channel_twice_needs_one_subscribe() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.subscribe(2, &["/a"]);
    sim.confirm();
    assert!(sim.ok(1).len() == 1 && sim.ok(2).len() == 1);
    sim.subscribe(3, &["/a"]);
    sim.ok(3);
    assert_eq!(sim.count("commands"), 1);
    sim.poll(&with_events(&events("/a", [1])));
    assert_eq!(sim.events[0].subscriptions, [1, 2, 3]);
}

#[test]
fn the_last_one_to_leave_unsubscribes() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.subscribe(2, &["/a"]);
    sim.confirm();
    sim.unsubscribe(3, 1);
    sim.ok(3);
    assert!(sim.try_open("commands").is_none());
    sim.unsubscribe(4, 2);
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
    assert!(sim.result(4).is_none());
    sim.poll(&with_events(&events("/a", [1])));
    assert!(sim.events.is_empty());
    sim.confirm();
    sim.ok(4);
    assert_eq!(sim.ended, [(1, None), (2, None)]);
}

#[test]
fn one_refusal_rejects_all_who_asked() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.subscribe(2, &["/a"]);
    sim.reply_to_commands(|_| false);
    assert!(sim.error(1).code() == "subscribe-refused" && sim.error(2).code() == "subscribe-refused");
    // A later one asks anew.
    sim.subscribe(3, &["/a"]);
    sim.confirm();
    sim.ok(3);
}

#[test]
fn unsubscribing_before_the_request_left_sends_nothing_and_settles_both() {
    let mut sim = Sim::connected();
    sim.queue(Command::Subscribe { subscription: 1, channels: &["/a".to_owned()], replay: None })
        .expect("fine");
    sim.queue(Command::Unsubscribe { command: 2, subscription: 1, handed: 0, linger: false }).expect("fine");
    sim.drain();
    assert!(sim.try_open("commands").is_none());
    assert_eq!(*sim.error(1), Error::Closed);
    sim.ok(2);
    assert!(sim.ended.is_empty());
}

#[test]
fn subscribe_unsubscribe_subscribe_in_one_turn_is_one_subscribe() {
    let mut sim = Sim::connected();
    sim.queue(Command::Subscribe { subscription: 1, channels: &["/a".to_owned()], replay: None })
        .expect("fine");
    sim.queue(Command::Unsubscribe { command: 2, subscription: 1, handed: 0, linger: false }).expect("fine");
    sim.queue(Command::Subscribe { subscription: 3, channels: &["/a".to_owned()], replay: None })
        .expect("fine");
    sim.drain();
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    sim.confirm();
    sim.ok(3);
    assert!(sim.try_open("commands").is_none());
    assert_eq!(sim.settled.len(), 4);
}

#[test]
fn unsubscribing_while_the_subscribe_is_in_flight_unsubscribes_after_its_answer() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.unsubscribe(2, 1);
    assert_eq!(*sim.error(1), Error::Closed);
    assert!(sim.result(2).is_none());
    sim.confirm();
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
    sim.confirm();
    sim.ok(2);
}

#[test]
fn an_abandoned_subscribe_whose_reply_is_lost_is_unsubscribed() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.unsubscribe(2, 1);
    sim.fail("commands");
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
    sim.confirm();
    sim.ok(2);
}

#[test]
fn an_abandoned_subscribe_that_is_refused_needs_no_unsubscribe() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.unsubscribe(2, 1);
    sim.reply_to_commands(|_| false);
    sim.ok(2);
    assert!(sim.try_open("commands").is_none());
}

#[test]
fn subscribing_again_before_the_unsubscribe_left_changes_nothing_on_the_wire() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.queue(Command::Unsubscribe { command: 2, subscription: 1, handed: 0, linger: false }).expect("fine");
    sim.queue(Command::Subscribe { subscription: 3, channels: &["/a".to_owned()], replay: None })
        .expect("fine");
    sim.drain();
    assert!(sim.try_open("commands").is_none());
    sim.ok(2);
    sim.ok(3);
    sim.poll(&with_events(&events("/a", [1])));
    assert_eq!(sim.events[0].subscriptions, [3]);
}

#[test]
fn subscribing_again_during_the_unsubscribe_subscribes_after_its_answer() {
    for accept in [true, false] {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.unsubscribe(2, 1);
        sim.subscribe(3, &["/a"]);
        sim.reply_to_commands(|_| accept);
        sim.ok(2);
        assert!(sim.result(3).is_none());
        assert_eq!(only(&sim.request("commands"))["channel"], "/meta/subscribe");
        sim.confirm();
        sim.ok(3);
    }
}

#[test]
fn subscribing_again_while_the_unsubscribe_gets_lost_subscribes_again() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.unsubscribe(2, 1);
    sim.subscribe(3, &["/a"]);
    sim.fail("commands");
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/subscribe");
    sim.confirm();
    sim.ok(2);
    sim.ok(3);
}

#[test]
fn a_lost_unsubscribe_is_sent_again() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.unsubscribe(2, 1);
    sim.fail("commands");
    assert!(sim.result(2).is_none());
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
    sim.confirm();
    sim.ok(2);
}

#[test]
fn an_unsubscribe_that_a_whole_reply_does_not_answer_counts_as_done() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.unsubscribe(2, 1);
    sim.answer("commands", "[]");
    sim.ok(2);
}

#[test]
fn unsubscribing_settles_when_the_session_is_lost() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.unsubscribe(3, 1);
    sim.poll(&refused(UNKNOWN, ""));
    sim.ok(3);
    sim.shake();
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
}

#[test]
fn unsubscribing_without_a_session_settles_at_once() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.unsubscribe(2, 1);
    sim.ok(2);
    sim.shake();
    assert!(sim.try_open("commands").is_none());
}

#[test]
fn subscribing_between_two_sessions_waits_for_the_next() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.subscribe(2, &["/a"]);
    assert!(sim.result(2).is_none());
    sim.shake();
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    sim.confirm();
    sim.ok(2);
}

#[test]
fn unsubscribing_twice_or_what_never_was_settles_at_once() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.unsubscribe(2, 1);
    sim.unsubscribe(3, 1);
    sim.unsubscribe(4, 99);
    sim.ok(3);
    sim.ok(4);
    sim.confirm();
    sim.ok(2);
    assert_eq!(sim.ended.len(), 1);
}

#[test]
fn unsubscribing_several_channels_waits_for_the_last_of_them() {
    let mut sim = Sim::connected_with(|config| config.limits.request_bytes = 1);
    sim.subscribe(1, &["/a", "/b"]);
    sim.confirm();
    sim.confirm();
    sim.unsubscribe(2, 1);
    sim.confirm();
    assert!(sim.result(2).is_none());
    sim.confirm();
    sim.ok(2);
}

#[test]
fn two_who_leave_at_once_share_one_unsubscribe() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.subscribe(2, &["/a"]);
    sim.confirm();
    sim.queue(Command::Unsubscribe { command: 3, subscription: 1, handed: 0, linger: false }).expect("fine");
    sim.queue(Command::Unsubscribe { command: 4, subscription: 2, handed: 0, linger: false }).expect("fine");
    sim.drain();
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    sim.ok(3);
    sim.confirm();
    sim.ok(4);
}

#[test]
fn reports_on_aborted_and_unknown_requests_are_ignored() {
    let mut sim = Sim::subscribed(&["/a"]);
    let old = sim.request("connect").id();
    sim.advance(40_000);
    assert_eq!(sim.aborted, [old]);
    let outputs = sim.log.len();
    sim.head(old, 200);
    sim.chunk(old, &with_events(&events("/a", [1])));
    sim.end(old);
    sim.fail_id(old);
    let handshake = sim.sent[0].id();
    sim.head(handshake, 500);
    sim.end(handshake);
    assert_eq!(sim.log.len(), outputs);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn early_timeouts_are_no_ops() {
    let mut sim = Sim::subscribed(&["/a"]);
    let outputs = sim.log.len();
    for _ in 0..100 {
        sim.now += 399;
        sim.input(cometd_edge::session::Input::Timeout);
    }
    assert_eq!(sim.log.len(), outputs);
    assert_eq!(sim.wait(), 100);
    assert!(sim.log.len() > outputs);
}

#[test]
fn an_instant_before_the_last_one_counts_as_the_last_one() {
    let mut sim = Sim::connected();
    sim.advance(30_000);
    sim.now = 5;
    sim.publish(1, "/a");
    assert_eq!(sim.wake, Some(40_000));
}
