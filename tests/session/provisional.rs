//! Positions that are not certain yet: R4a.

use cometd_edge::replay::Start;
use cometd_edge::session::GapCause;

use crate::sim::*;

/// Events of A come on the reply to a publish.
fn on_publish(sim: &mut Sim, command: u32, ids: &[&str]) {
    sim.publish(command, "/p");
    let reply = reply_to(&only(&sim.request("commands")), true);
    sim.answer("commands", &format!("[{}{reply}]", replayed(A, ids)));
}

/// The first poll has ended, and the subscribe of A has no answer yet.
fn subscribing() -> Sim {
    let mut sim = Sim::salesforce();
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.token();
    sim.shake();
    sim.poll(CONNECTED);
    sim
}

#[test]
fn r4a_a_position_on_a_publish_reply_is_saved_only_after_the_open_poll() {
    let mut sim = following();
    on_publish(&mut sim, 2, &["12"]);
    assert_eq!(sim.ids(), ["12"]);
    sim.done(1, 1);
    sim.advance(5_000);
    assert!(sim.saves.is_empty());
    // A chunk is not the end.
    let id = sim.begin("connect", "[");
    assert!(sim.saves.is_empty());
    sim.chunk(id, CONNECTED.trim_start_matches('['));
    assert!(sim.saves.is_empty());
    sim.end(id);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r4a_if_the_poll_fails_the_restart_is_from_the_position_before_it() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    on_publish(&mut sim, 2, &["13"]);
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "11");
    // It held 12.
    sim.fail("connect");
    sim.new_session();
    assert_eq!(sim.from(), "11");
    sim.confirm();
    sim.poll(CONNECTED);
    assert!(sim.saves.is_empty());
    arrive(&mut sim, &["12", "13", "14"]);
    // 13 is not given out twice.
    assert_eq!(sim.ids(), ["11", "13", "12", "14"]);
    done(&mut sim, 1, "12");
    assert_eq!(saved(&mut sim), "13");
}

#[test]
fn r4a_a_poll_that_the_server_refused_has_lost_nothing() {
    for status in [400, 404, 429] {
        let mut sim = following();
        on_publish(&mut sim, 2, &["12"]);
        sim.done(1, 1);
        sim.answer_status("connect", status);
        assert_eq!(saved(&mut sim), "12");
    }
    let mut sim = following();
    on_publish(&mut sim, 2, &["12"]);
    sim.done(1, 1);
    sim.poll(&refused("500::x", ""));
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r4a_a_position_on_the_poll_waits_for_a_reply_that_is_open() {
    let mut sim = following();
    sim.publish(2, "/p");
    arrive(&mut sim, &["12"]);
    sim.done(1, 1);
    assert!(sim.saves.is_empty());
    // It ends whole.
    sim.confirm();
    assert_eq!(saved(&mut sim), "12");

    // It does not.
    let mut sim = following();
    sim.publish(2, "/p");
    arrive(&mut sim, &["12"]);
    sim.done(1, 1);
    sim.fail("commands");
    assert!(sim.saves.is_empty());
    sim.new_session();
    assert_eq!(sim.from(), "10");
}

#[test]
fn r4a_a_provisional_position_holds_those_behind_it() {
    let mut sim = following();
    on_publish(&mut sim, 2, &["12"]);
    let id = sim.begin("connect", &format!("[{}", replayed(A, &["13"])));
    sim.done(1, 2);
    assert!(sim.saves.is_empty());
    sim.chunk(id, r#"{"channel":"/meta/connect","successful":true}]"#);
    sim.end(id);
    assert_eq!(saved(&mut sim), "13");
}

#[test]
fn r4a_a_later_poll_does_not_stand_in_for_the_one_that_was_open() {
    let mut sim = following();
    // The commands reply goes on while two polls end; its events wait for the poll that was open when they came.
    sim.publish(2, "/p");
    let id = sim.begin("commands", &format!("[{}", replayed(A, &["11"])));
    sim.poll(CONNECTED);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.chunk(id, &replayed(A, &["12"]));
    sim.done(1, 2);
    assert!(sim.saves.is_empty());
    sim.poll(CONNECTED);
    assert_eq!(saved(&mut sim), "12");
    sim.chunk(id, r#"{"channel":"/p","successful":true}]"#);
    sim.end(id);
}

#[test]
fn r4a_closing_with_the_poll_open_saves_no_provisional_position() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    on_publish(&mut sim, 2, &["12"]);
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "11");
    sim.close();
    sim.answer("disconnect", "[]");
    assert!(sim.saves.is_empty());
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn r4a_a_channel_that_was_just_subscribed_for_the_first_time_has_nothing_left_over() {
    // The poll was open before; what it brings of this channel can only be of this subscription.
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    arrive(&mut sim, &["11"]);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
}

#[test]
fn r4a_while_a_channel_is_subscribed_from_a_position_the_next_poll_waits() {
    let mut sim = subscribing();
    assert_eq!(sim.kinds(), ["commands"]);
    sim.answer("commands", &subscribed_with(A, &sim, &["11", "12"]));
    // So its events are certain at once.
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "12");
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn r4a_a_subscribe_that_is_not_answered_does_not_hold_the_poll_for_ever() {
    let mut sim = subscribing();
    sim.advance(10_000);
    sim.new_session();
    assert!(sim.try_open("connect").is_some());
}

#[test]
fn r4a_events_stand_behind_the_stored_position_however_they_come() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    // The poll is open beside the subscribe.
    let body = subscribed_with(A, &sim, &["11"]);
    sim.answer("commands", &body);
    assert_eq!(sim.ids(), ["11"]);
    sim.fail("connect");
    sim.new_session();
    assert_eq!(sim.from(), "10");
    assert_eq!(sim.gaps(), []);
}

#[test]
fn r7c_events_in_hand_before_the_first_position_are_in_the_range_of_the_gap() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    let began = sim.now;
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    sim.confirm();
    sim.poll(CONNECTED);
    sim.advance(5_000);
    sim.publish(2, "/p");
    arrive(&mut sim, &["12"]);
    sim.advance(1_000);
    arrive(&mut sim, &[]);
    let reply = reply_to(&only(&sim.request("commands")), true);
    // It stands before 12, which becomes the first position.
    sim.answer("commands", &format!("[{}{reply}]", replayed(A, &["11"])));
    sim.fail("connect");
    assert_eq!(sim.gaps_of(A), [(GapCause::NoPosition, began)]);
}
