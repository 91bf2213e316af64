//! The application that does not read: R8 without replay, and the `backpressure` status.

use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::{Error, FlowLimit, GapCause, State, Status};

use crate::sim::*;

/// At most 4 events; the server drops a session after 40 s without a poll.
fn small() -> Sim {
    small_with(handshake("client-1", ""))
}

fn small_with(reply: String) -> Sim {
    let mut sim = Sim::with(|config| {
        config.limits.queued_events = 4;
        config.max_interval_ms = 40_000;
    });
    sim.answer("handshake", &reply);
    sim.poll(CONNECTED);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim
}

fn backpressure(sim: &Sim) -> Vec<(String, bool, usize)> {
    let known = |status: &Status| match status {
        Status::Backpressure { channel, active, queued_events, .. } => {
            Some((channel.clone(), *active, *queued_events))
        }
        _ => None,
    };
    sim.statuses.iter().filter_map(known).collect()
}

#[test]
fn r8_over_the_limit_the_body_is_read_no_further_and_the_next_poll_is_held() {
    let mut sim = small();
    let id = sim.request("connect").id();
    sim.poll(&with_events(&events("/a", 1..=6)));
    assert_eq!(sim.data().len(), 4);
    assert_eq!(sim.held, [id]);
    assert!(sim.try_open("connect").is_none());
    assert_eq!(backpressure(&sim), [("/a".to_owned(), true, 4)]);
    // At half the limit it is read on.
    sim.take(1, 1);
    assert_eq!(sim.held, [id]);
    sim.take(1, 1);
    assert_eq!(sim.data().len(), 6);
    // Which fills the queue again.
    assert_eq!(sim.held, [id]);
    sim.take(1, 4);
    assert!(sim.held.is_empty());
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn r8_below_the_limit_nothing_is_held() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=3)));
    assert!(sim.held.is_empty() && backpressure(&sim).is_empty());
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn r8_bytes_count_as_well() {
    let mut sim = Sim::connected_with(|config| config.limits.queued_bytes = 60);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(&with_events(&events("/a", [1])));
    assert!(sim.held.is_empty());
    sim.poll(&with_events(&events("/a", [2, 3, 4])));
    // 24 bytes each: the third is over.
    assert_eq!(sim.data().len(), 3);
    assert_eq!(sim.held.len(), 1);
}

#[test]
fn r8_limits_are_per_client_and_backpressure_names_the_unread_subscription() {
    let mut sim = small();
    sim.subscribe(2, &["/b"]);
    sim.confirm();
    sim.poll(&with_events(&[events("/a", [1]), events("/b", [2, 3])].concat()));
    sim.take(1, 1);
    sim.poll(&with_events(&events("/b", [4, 5])));
    assert_eq!(backpressure(&sim), [("/b".to_owned(), true, 4)]);
}

#[test]
fn r8_subscribes_and_publishes_are_held_and_go_out_when_there_is_room() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    sim.publish(2, "/p");
    sim.subscribe(3, &["/b"]);
    assert!(sim.kinds().is_empty());
    sim.take(1, 4);
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    assert_eq!(topics(&sim.request("commands")), ["/p", "/b"]);
    assert_eq!(backpressure(&sim).last(), Some(&("/a".to_owned(), false, 0)));
}

#[test]
fn r8_an_unsubscribe_is_never_held_and_makes_room() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    sim.unsubscribe(2, 1);
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    sim.confirm();
    sim.ok(2);
    assert_eq!(backpressure(&sim).last().map(|(_, active, _)| *active), Some(false));
}

#[test]
fn r8_before_each_window_ends_one_poll_is_sent_up_to_twice_the_limit() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    assert!(sim.kinds().is_empty());
    // What remained of the body is read first; 30 of 40 seconds after the last sign of life.
    assert_eq!(sim.wait(), 30_000);
    assert_eq!(sim.kinds(), ["connect"]);
    sim.poll(&with_events(&events("/a", 5..=20)));
    assert_eq!(sim.data().len(), 8);
    assert!(sim.kinds().is_empty());
    // Only then may the session lapse.
    assert_eq!(sim.wake, None);
    sim.advance(1_000_000);
    assert!(sim.kinds().is_empty());
    assert_eq!(sim.states.last(), Some(&State::Connected));
}

#[test]
fn r8_below_twice_the_limit_a_poll_goes_out_in_each_window() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    for _ in 0..5 {
        assert_eq!(sim.wait(), 30_000);
        assert_eq!(sim.kinds(), ["connect"]);
        sim.poll(CONNECTED);
        assert!(sim.kinds().is_empty());
    }
    assert_eq!(sim.count("handshake"), 1);
}

#[test]
fn r8_a_poll_for_a_full_queue_that_fails_backs_off() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    sim.wait();
    let mut last = sim.now;
    for attempt in 1..8 {
        sim.fail("connect");
        while sim.try_open("connect").is_none() {
            sim.wait();
        }
        assert!(attempt == 1 || sim.now - last >= 1_000);
        last = sim.now;
    }
}

#[test]
fn r8_the_window_stands_still_while_a_poll_is_open() {
    let mut sim = small();
    sim.publish(2, "/a");
    // The events come on another reply, while the poll is parked.
    sim.answer("commands", &format!(r#"[{}{{"channel":"/a","successful":true}}]"#, events("/a", 1..=4)));
    let poll = sim.request("connect").id();
    sim.advance(35_000);
    sim.head(poll, 200);
    sim.chunk(poll, &with_events(&events("/a", [5])));
    assert_eq!(sim.data().len(), 4, "the poll's body must wait");
    sim.end(poll);
    assert_eq!(sim.wait(), 30_000);
    assert_eq!(sim.data().len(), 5);
}

#[test]
fn r8_the_advised_window_wins() {
    let advice = r#"{"reconnect":"retry","timeout":30000,"maxInterval":8000}"#;
    let mut sim = small();
    sim.poll(&format!(
        r#"[{}{{"channel":"/meta/connect","successful":true,"advice":{advice}}}]"#,
        events("/a", 1..=3)
    ));
    sim.poll(&with_events(&events("/a", [4])));
    assert_eq!(sim.wait(), 6_000);
}

#[test]
fn r8_a_lapse_without_replay_is_a_gap() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    sim.wait();
    sim.poll(&with_events(&events("/a", 5..=8)));
    sim.advance(100_000);
    sim.take(1, 8);
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::SessionLost)]);
    sim.shake();
    sim.confirm();
    sim.poll(&with_events(&events("/a", [9])));
    assert_eq!(sim.data().last().map(String::as_str), Some("9"));
}

#[test]
fn r8_a_full_queue_does_not_hinder_the_next_handshake() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    sim.wait();
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.advance(5_000);
    sim.shake();
    assert!(sim.held.is_empty());
    assert_eq!(sim.states.last(), Some(&State::Connected));
    sim.take(1, 4);
    assert_eq!(sim.kinds(), ["connect", "commands"]);
}

#[test]
fn r8_with_acks_a_reader_that_awaits_its_own_publish_is_not_stuck() {
    let mut sim = small_with(handshake("client-1", r#","ext":{"ack":true}"#));
    sim.poll(&poll_reply("", 1));
    sim.poll(&poll_reply(&events("/a", 1..=4), 2));
    sim.publish(2, "/p");
    sim.confirm();
    sim.ok(2);
    assert!(sim.try_open("connect").is_none());
}

#[test]
fn r8_at_twice_the_limit_a_publish_that_its_reader_awaits_is_an_error() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    sim.wait();
    sim.poll(&with_events(&events("/a", 5..=20)));
    sim.publish(2, "/p");
    assert_eq!(sim.wait(), 10_000);
    assert_eq!(*sim.error(2), Error::QueueFull { channel: "/p".to_owned() });
    assert!(sim.kinds().is_empty());
}

#[test]
fn r8_at_twice_the_limit_a_reply_that_cannot_be_read_is_an_unknown_outcome() {
    let mut sim = small();
    sim.publish(2, "/p");
    // The events on the reply fill the queue to its limit, then to twice that, and the reply stands behind them.
    sim.answer("commands", &format!("[{}]", events("/a", 1..=40)));
    while sim.result(2).is_none() {
        sim.wait();
    }
    assert_eq!(*sim.error(2), Error::OutcomeUnknown { channel: "/p".to_owned() });
}

#[test]
fn r8_without_acks_the_publish_goes_out_with_the_poll_of_the_window() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    sim.publish(2, "/p");
    sim.wait();
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    sim.confirm();
    sim.ok(2);
}

#[test]
fn r8_one_event_over_the_limit_of_bytes_is_given_out_and_held_after() {
    let mut sim = Sim::connected_with(|config| config.limits.queued_bytes = 10);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    for number in 1..5 {
        sim.poll(&with_events(&events("/a", [number])));
        assert_eq!(sim.data().len() as u32, number);
        sim.take(1, 1);
    }
}

#[test]
fn r8_a_body_held_by_ended_subscriptions_is_read_on_once_they_are_read() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.queued_events = 1;
    });
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    let none = advised(r#"{"reconnect":"none"}"#);
    sim.poll(&format!("[{}{}", events("/a", [1]), none.trim_start_matches('[')));
    sim.follow(2, "/a", Start::New);
    sim.load_answer("/a", Err(("out of order", true)));
    let ended: Vec<_> =
        sim.ended.iter().map(|(number, error)| (*number, error.as_ref().map(Error::code))).collect();
    assert_eq!(ended, [(1, Some("store-invalid")), (2, Some("store-invalid"))]);
    sim.take(1, 1);
    sim.disconnect();
    assert_eq!(sim.closed_with().code(), "server-ended");
}

#[test]
fn taking_more_than_there_is_or_of_nobody_is_a_no_op() {
    let mut sim = small();
    sim.poll(&with_events(&events("/a", 1..=4)));
    sim.take(1, 1_000);
    sim.take(77, 3);
    sim.take(1, 1);
    assert_eq!(sim.kinds(), ["connect"]);
}

/// As `small()`, with two subscriptions; the first has ended by an error and left three events unread.
fn ended_unread() -> Sim {
    let mut sim = Sim::connected_with(|config| {
        config.limits.queued_events = 4;
        config.limits.message_bytes = 300;
    });
    for (number, channel) in [(1, "/a"), (2, "/b")] {
        sim.subscribe(number, &[channel]);
        sim.confirm();
    }
    let large = format!(r#"{{"channel":"/a","data":"{}"}},"#, "x".repeat(400));
    sim.poll(&with_events(&(events("/a", 1..=3) + &large)));
    assert_eq!(sim.ended.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1]);
    sim.confirm();
    sim
}

#[test]
fn r8_what_an_ended_subscription_left_unread_counts_until_it_is_read() {
    let mut sim = ended_unread();
    sim.poll(&with_events(&events("/b", [4, 5])));
    assert_eq!(sim.data(), ["1", "2", "3", "4"]);
    assert_eq!(backpressure(&sim), [("/a".to_owned(), true, 4)]);
    sim.take(1, 3);
    assert_eq!(sim.data(), ["1", "2", "3", "4", "5"]);
    assert_eq!(backpressure(&sim).last(), Some(&("/a".to_owned(), false, 1)));
}

#[test]
fn r8_leaving_an_ended_subscription_makes_room_for_the_others() {
    let mut sim = ended_unread();
    sim.poll(&with_events(&events("/b", [4, 5])));
    sim.unsubscribe(3, 1);
    sim.ok(3);
    assert_eq!(sim.data(), ["1", "2", "3", "4", "5"]);
    // Nothing of it is left to be counted a second time.
    sim.take(1, 3);
    sim.poll(&with_events(&events("/b", [6, 7, 8])));
    assert_eq!(backpressure(&sim).last(), Some(&("/b".to_owned(), true, 4)));
}

#[test]
fn p3_over_the_limit_of_uncommitted_events_nothing_is_read_until_some_are_committed() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.uncommitted_events = 4;
    });
    for (number, channel) in [(1, A), (2, B)] {
        sim.follow_as(number, channel, Start::New, Commit::Manual, OnInvalid::All);
        sim.load(channel, Some("10"));
        sim.confirm();
        sim.poll(CONNECTED);
    }
    let both = [replayed(B, &["11"]), replayed(A, &["11", "12", "13"])].concat();
    sim.poll(&with_events(&both));
    assert_eq!(sim.kinds(), ["connect"], "they are queued, and nobody has them");
    sim.take(1, 3);
    sim.take(2, 1);
    let told = |sim: &Sim| match sim.statuses.last() {
        Some(Status::Backpressure { channel, active, limit, .. }) => Some((channel.clone(), *active, *limit)),
        _ => None,
    };
    assert_eq!(told(&sim), Some((A.to_owned(), true, FlowLimit::UncommittedEvents)));
    let held = sim.request("connect").id();
    sim.poll(&with_events(&replayed(A, &["14"])));
    assert_eq!((sim.ids().len(), &sim.held[..]), (4, &[held][..]));
    // The hole does not matter: those behind it are committed themselves.
    let (first, others) = (sim.sequence("12"), sim.sequence("13"));
    sim.commit(5, 1, first);
    assert_eq!(told(&sim).map(|(_, active, _)| active), Some(true));
    sim.commit(6, 1, others);
    assert_eq!(told(&sim).map(|(_, active, _)| active), Some(false));
    sim.chunk(held, "");
    assert_eq!(sim.ids_of(1), ["11", "12", "13", "14"]);
    assert!(sim.saves.is_empty());
}
