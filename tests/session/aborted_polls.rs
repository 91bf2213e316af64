//! The poll that a client aborts itself when it pauses, and how it goes on: R7a.

use cometd_edge::replay::Start;
use cometd_edge::session::GapCause;
use serde_json::json;

use crate::sim::*;

#[test]
fn r7a_with_acks_the_number_is_repeated_and_the_first_k_events_are_skipped() {
    let mut sim = Sim::acknowledged();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.begin("connect", &format!("[{}", events("/a", [1, 2])));
    sim.pause_now();
    sim.is_quiet();
    sim.drain_for(9, None, 5_000);
    let poll = only(&sim.request("connect"));
    assert_eq!((&poll["ext"]["ack"], &poll["advice"]["timeout"]), (&json!(1), &json!(0)));
    sim.poll(&poll_reply(&events("/a", [1, 2, 3]), 2));
    assert_eq!((sim.data(), sim.gaps()), (vec!["1".into(), "2".into(), "3".into()], vec![]));
    assert_eq!(only(&sim.request("connect"))["ext"]["ack"], 2);
}

#[test]
fn r7a_with_replay_a_new_session_goes_on_from_the_positions() {
    let mut sim = following();
    sim.follow(2, B, Start::All);
    sim.load(B, None);
    sim.confirm();
    sim.begin("connect", &format!("[{}", replayed(A, &["11", "12"])));
    sim.pause_now();
    sim.is_quiet();
    sim.drain_for(9, Some(100), 50_000);
    sim.new_session();
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    sim.poll(CONNECTED);
    let positions: Vec<String> = messages(&sim.request("commands"))
        .iter()
        .map(|message| message["ext"]["replay"].to_string())
        .collect();
    assert_eq!(positions, [r#"{"/event/A__e":12}"#, r#"{"/event/B__e":-2}"#]);
    sim.take(1, 2);
    sim.advance(1_000);
    assert_eq!(sim.result(9), None);
    sim.confirm();
    arrive(&mut sim, &["12", "13"]);
    assert_eq!((sim.ids(), sim.gaps()), (vec!["11".into(), "12".into(), "13".into()], vec![]));
    sim.take(1, 1);
    sim.advance(100);
    sim.ok(9);
}

#[test]
fn r7a_r4a_a_position_beside_an_aborted_poll_is_not_saved() {
    let mut sim = following();
    sim.publish(2, "/p");
    sim.answer("commands", &format!(r#"[{}{{"channel":"/p","successful":true}}]"#, replayed(A, &["12"])));
    done(&mut sim, 1, "12");
    sim.pause(10);
    sim.left_for_replay();
    sim.ok(10);
    assert!(sim.saves.is_empty());
    sim.drain_for(9, None, 5_000);
    sim.new_session();
    assert_eq!(sim.from(), "10");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11", "12"]);
    assert_eq!(sim.ids(), ["12", "11"]);
}

#[test]
fn r7a_without_acks_or_replay_there_is_a_gap() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.advance(1_000);
    sim.pause_now();
    assert_eq!(sim.gaps_of("/a"), [(GapCause::ResponseLost, 0)]);
    assert_eq!(sim.gaps_of("/b"), [(GapCause::ResponseLost, 0)]);
    sim.is_quiet();
    sim.drain_for(9, None, 1_000);
    // The server has the subscriptions.
    assert_eq!(sim.kinds(), ["connect"]);
    sim.poll(CONNECTED);
    assert_eq!(sim.gaps().len(), 2);
}

#[test]
fn r7a_without_a_poll_in_flight_nothing_is_lost() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&advised(r#"{"reconnect":"retry","interval":5000}"#));
    assert_eq!(sim.kinds(), [""; 0]);
    sim.pause_now();
    sim.is_quiet();
    assert!(sim.gaps().is_empty());
}

#[test]
fn r7a_a_channel_that_began_with_new_events_and_has_none_is_a_gap() {
    let mut sim = Sim::following(A, Start::New, None);
    sim.pause_now();
    assert_eq!(sim.gaps(), [(A.to_owned(), GapCause::NoPosition)]);
}

#[test]
fn s9_a_session_that_the_server_forgot_meanwhile_is_replaced() {
    let mut sim = Sim::acknowledged();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.pause_now();
    sim.advance(HOUR_MS);
    sim.drain_for(9, Some(0), 5_000);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.confirm();
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::SessionLost)]);
}

#[test]
fn r7a_r4a_events_after_an_aborted_poll_come_again_in_their_order() {
    let mut sim = following();
    sim.publish(2, "/p");
    let id = sim.begin("commands", "[");
    // Event 11 was in the poll.
    sim.pause(9);
    sim.chunk(id, &format!(r#"{}{{"channel":"/p","successful":true}}]"#, replayed(A, &["12"])));
    sim.end(id);
    assert_eq!((sim.ids(), sim.saving(A)), (vec![], None));
    sim.drain_for(10, None, 5_000);
    sim.new_session();
    assert_eq!(sim.from(), "10");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11", "12"]);
    assert_eq!(sim.ids(), ["11", "12"]);
}
