//! A client that is paused, and what it does to get there: D2.

use cometd_edge::replay::{Commit, Start};
use cometd_edge::session::{ApiMisuse, Command, Error, State};

use crate::sim::*;

// What is sent.

#[test]
fn d2_while_paused_nothing_is_sent_however_long() {
    let mut sim = Sim::subscribed(&["/a"]);
    let poll = sim.request("connect").id();
    sim.pause_now();
    assert!(sim.aborted.contains(&poll));
    sim.is_quiet();
    assert_eq!((sim.wake, sim.session.state()), (None, State::Suspended));
}

#[test]
fn d2_while_paused_no_other_state_is_shown() {
    let mut sim = Sim::new();
    sim.pause_now();
    sim.advance(500);
    // It ends well, and that is not told.
    sim.shake();
    sim.is_quiet();
    sim.drain_for(9, None, 1_000);
    sim.poll(CONNECTED);
    assert_eq!(sim.states, [State::Suspended, State::Retrying, State::Connected]);
    sim.ok(0);
}

#[test]
fn d2_what_needs_the_server_is_refused_while_paused() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.pause_now();
    let channels = ["/b".to_owned()];
    let raw = [r#"{"channel":"/r"}"#.to_owned()];
    for command in [
        Command::Subscribe { subscription: 2, channels: &channels, replay: None },
        Command::Publish { command: 3, channel: "/p", data: "1" },
        Command::Send { command: 4, messages: &raw },
    ] {
        assert_eq!(sim.queue(command), Err(ApiMisuse::Suspended));
    }
    assert_eq!(Error::Misuse(ApiMisuse::Suspended).code(), "suspended");
    sim.is_quiet();
    // They are not kept for later.
    sim.drain_for(9, None, 1_000);
    assert_eq!(sim.kinds(), ["connect"]);
    sim.subscribe(2, &["/b"]);
    sim.publish(3, "/p");
    assert_eq!(sim.kinds(), ["connect", "commands"]);
}

#[test]
fn d2_requests_in_flight_have_1_s_to_end_well() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.pause_now();
    sim.advance(900);
    assert_eq!(sim.kinds(), ["commands"]);
    // Events ride on every reply.
    let reply = reply_to(&only(&sim.request("commands")), true);
    sim.answer("commands", &format!("[{}{reply}]", events("/a", [1])));
    sim.ok(2);
    assert_eq!(sim.data(), ["1"]);
    sim.is_quiet();
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.pause_now();
    sim.advance(999);
    assert_eq!(sim.result(2), None);
    sim.advance(1);
    assert_eq!(sim.error(2), &Error::OutcomeUnknown { channel: "/p".to_owned() });
    sim.is_quiet();
}

#[test]
fn d2_a_subscribe_in_flight_is_sent_again_by_the_next_drain() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.pause_now();
    sim.advance(1_000);
    assert_eq!((sim.kinds().len(), sim.result(1)), (0, None));
    sim.is_quiet();
    sim.drain_for(9, Some(0), 5_000);
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    sim.poll(CONNECTED);
    sim.confirm();
    sim.ok(1);
    sim.ok(9);
}

#[test]
fn d2_unsubscribing_while_paused_settles_at_once_and_goes_out_with_the_next_drain() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.pause_now();
    sim.unsubscribe(3, 2);
    sim.ok(3);
    assert_eq!(sim.ended, [(2, None)]);
    sim.is_quiet();
    sim.drain_for(9, None, 1_000);
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
}

#[test]
fn d2_an_unsubscribe_in_flight_settles_when_the_client_pauses() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.unsubscribe(3, 2);
    assert_eq!(sim.result(3), None);
    sim.pause_now();
    sim.ok(3);
    sim.advance(1_000);
    // Whether the server has heard of it is not known.
    sim.drain_for(9, None, 1_000);
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
}

#[test]
fn d2_a_handshake_in_flight_has_1_s_as_well() {
    let mut sim = Sim::new();
    sim.pause_now();
    sim.advance(999);
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.shake();
    sim.ok(0);
    sim.is_quiet();
    sim.drain_for(9, None, 1_000);
    assert_eq!(only(&sim.request("connect"))["clientId"], "client-1");
}

#[test]
fn d2_s8a_a_handshake_that_is_cut_off_may_have_left_a_session_behind() {
    let mut sim = Sim::new();
    for round in 1..=3 {
        sim.drain_for(round, None, 500);
        assert_eq!(sim.kinds(), ["handshake"], "{round}");
        sim.advance(1_500);
        assert_eq!(sim.error(round), &Error::Deadline);
        assert_eq!(sim.kinds(), [""; 0]);
    }
    sim.drain_for(4, None, 500);
    assert_eq!((sim.kinds(), sim.session.state()), (vec![], State::Retrying));
    sim.advance(500);
    sim.advance(150_000);
    sim.drain_for(5, None, 500);
    assert_eq!(sim.kinds(), ["handshake"]);
}

#[test]
fn d2_a_reply_that_comes_while_pausing_may_end_the_client() {
    let mut sim = Sim::connected();
    sim.publish(2, "/p");
    sim.pause(3);
    sim.answer("commands", r#"[{"channel":"/meta/disconnect"}]"#);
    assert_eq!(sim.closed_with(), &Error::ServerEnded(None));
    sim.ok(3);
}

// What is saved.

#[test]
fn d2_pausing_waits_until_what_is_committed_is_saved() {
    let mut sim = following();
    sim.drain_for(9, Some(100), 60_000);
    arrive(&mut sim, &["11", "12"]);
    sim.take(1, 2);
    done(&mut sim, 1, "11");
    sim.advance(100);
    sim.ok(9);
    // A save was in flight, and there is more by now.
    done(&mut sim, 1, "12");
    sim.left_for_replay();
    sim.pause(10);
    assert_eq!(saved(&mut sim), "11");
    assert_eq!(sim.result(10), None);
    assert_eq!(saved(&mut sim), "12");
    sim.ok(10);
    sim.is_quiet();
}

#[test]
fn d2_pausing_takes_2_s_at_most_and_saving_goes_on_after_it() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    done(&mut sim, 1, "11");
    sim.pause(10);
    sim.advance(1_500);
    // Others wait no longer than the first.
    sim.pause(11);
    sim.advance(499);
    assert_eq!((sim.result(10), sim.result(11)), (None, None));
    sim.advance(1);
    sim.ok(10);
    sim.ok(11);
    // Its time is over, and it is asked again.
    sim.advance(8_000);
    assert_eq!(sim.statuses.len(), 1);
    sim.save_answer(A, Some("no"));
    sim.advance(60_000);
    assert_eq!(saved(&mut sim), "11");
    sim.is_quiet();
}

#[test]
fn d2_a_commit_while_paused_is_saved() {
    let mut sim = following_as(Commit::Manual);
    arrive(&mut sim, &["11", "12"]);
    sim.pause_now();
    let sequence = sim.sequence("11");
    sim.commit(5, 1, sequence);
    assert_eq!(sim.result(5), None);
    assert_eq!(saved(&mut sim), "11");
    sim.ok(5);
    sim.is_quiet();
}

#[test]
fn d2_a_load_in_flight_is_answered_while_paused() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.pause_now();
    sim.load(A, Some("10"));
    sim.is_quiet();
    sim.drain_for(9, None, 1_000);
    sim.new_session();
    assert_eq!(sim.from(), "10");
}

// Rest itself.

#[test]
fn d2_pausing_ends_the_drain() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(1_000), 5_000);
    sim.pause(10);
    sim.ok(9);
    sim.ok(10);
    sim.is_quiet();
    let mut sim = Sim::new();
    sim.drain_for(9, Some(1_000), 5_000);
    sim.pause(10);
    assert_eq!((sim.error(9), sim.result(10)), (&Error::Deadline, None));
    sim.advance(1_000);
    sim.ok(10);
}

#[test]
fn d2_pausing_a_paused_client_settles_at_once() {
    let mut sim = Sim::subscribed(&["/a"]);
    for number in 10..13 {
        sim.pause(number);
        sim.ok(number);
        sim.is_quiet();
    }
}

#[test]
fn d2_a_drain_ends_the_pause() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    done(&mut sim, 1, "11");
    sim.pause(10);
    assert_eq!(sim.result(10), None);
    sim.drain_for(9, Some(100), 5_000);
    sim.ok(10);
    sim.new_session();
    assert_eq!(sim.kinds()[0], "connect");
}

#[test]
fn d2_s16_closing_a_paused_client_disconnects() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.pause_now();
    sim.advance(HOUR_MS);
    sim.close();
    assert_eq!(only(&sim.request("disconnect"))["clientId"], "client-1");
    sim.answer("disconnect", "[]");
    assert_eq!((&sim.closed, sim.ended.len()), (&Some(None), 1));
}

#[test]
fn d2_s16_closing_while_pausing_settles_what_waits_for_the_pause() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    done(&mut sim, 1, "11");
    sim.publish(4, "/p");
    sim.pause(10);
    sim.close();
    sim.ok(10);
    sim.advance(2_000);
    assert_eq!(sim.closed, Some(None));
    assert_eq!(sim.error(4), &Error::OutcomeUnknown { channel: "/p".to_owned() });
}

#[test]
fn d2_what_was_queued_and_not_sent_is_refused_by_the_pause() {
    let mut sim = Sim::new();
    sim.publish(2, "/p");
    sim.drain_for(9, None, 500);
    sim.advance(1_500);
    sim.is_quiet();
    assert_eq!(sim.error(2), &Error::Misuse(ApiMisuse::Suspended));
    sim.drain_for(10, None, 500);
    sim.shake();
    assert_eq!(sim.try_open("commands").map(|request| topics(&request)), None);
}

#[test]
fn r7a_r7b_events_cut_off_by_a_pause_come_again_for_later_subscriptions() {
    let mut sim = following();
    sim.pause(9);
    sim.unsubscribe(10, 1);
    sim.ok(10);
    sim.drain_for(11, None, 60_000);
    sim.follow(12, A, Start::New);
    sim.new_session();
    assert_eq!(sim.from(), "10");
}

#[test]
fn r7a_events_cut_off_by_a_pause_come_again_with_the_subscribe_in_flight() {
    let mut sim = Sim::with(|config| config.replay = true);
    sim.follow(1, A, Start::All);
    sim.load(A, None);
    sim.shake();
    // The poll brings what the subscribe has asked for, and is cut off.
    assert_eq!(sim.from(), "-2");
    sim.pause(9);
    sim.drain_for(10, None, 60_000);
    sim.new_session();
    assert_eq!(sim.from(), "-2");
}
