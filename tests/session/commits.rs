//! When a position counts as committed: R3, R3a, R4.

use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::ApiMisuse;

use crate::sim::*;

#[test]
fn r3_processed_counts_once_the_reader_is_done_and_not_when_it_is_handed_out() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12", "13"]);
    sim.delivered(1, 3);
    assert!(sim.saves.is_empty());
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r3_delivered_counts_once_it_is_handed_out() {
    let mut sim = following_as(Commit::Delivered);
    arrive(&mut sim, &["11", "12", "13"]);
    sim.delivered(1, 2);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r3_manual_counts_by_commit_alone() {
    let mut sim = following_as(Commit::Manual);
    arrive(&mut sim, &["11", "12"]);
    sim.delivered(1, 2);
    sim.done(1, 2);
    assert!(sim.saves.is_empty());
    sim.commit(2, 1, 1);
    assert_eq!(saved(&mut sim), "11");
}

#[test]
fn r3_progress_counts_for_all_events_up_to_it_and_a_commit_for_one() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12"]);
    arrive(&mut sim, &["13"]);
    sim.done(1, 3);
    assert_eq!(saved(&mut sim), "13");
    let mut sim = following_as(Commit::Manual);
    arrive(&mut sim, &["11", "12", "13"]);
    sim.commit(2, 1, 3);
    sim.commit(3, 1, 2);
    assert!(sim.saves.is_empty());
    sim.commit(4, 1, 1);
    assert_eq!(saved(&mut sim), "13");
    for command in [2, 3, 4] {
        sim.ok(command);
    }
}

#[test]
fn r3_progress_of_one_subscription_over_two_channels_counts_in_both() {
    let mut sim = Sim::connected();
    sim.try_follow(1, &[A, B], &[], Commit::Processed, OnInvalid::All).expect("fine");
    sim.load(A, None);
    sim.load(B, None);
    while sim.try_open("commands").is_some() {
        sim.confirm();
    }
    sim.poll(CONNECTED);
    sim.poll(&with_events(&[replayed(A, &["1"]), replayed(B, &["100"]), replayed(A, &["2"])].concat()));
    sim.done(1, 2);
    assert_eq!((sim.saving(A), sim.saving(B)), (Some("1"), Some("100")));
}

#[test]
fn r3_what_is_done_a_second_time_or_was_never_there_changes_nothing() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.done(1, 1);
    sim.done(1, 0);
    sim.done(7, 1);
    sim.done(1, u32::MAX);
    sim.delivered(1, u32::MAX);
    assert!(sim.saves.is_empty());
    sim.commit(2, 9, 77);
    sim.ok(2);
}

#[test]
fn r3a_the_position_is_the_least_over_the_open_subscriptions() {
    let mut sim = following();
    sim.follow(2, A, Start::New);
    arrive(&mut sim, &["11", "12", "13"]);
    sim.done(1, 3);
    assert!(sim.saves.is_empty());
    sim.done(2, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.done(2, 2);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r3a_another_start_or_commit_is_a_typed_error_while_the_first_is_open() {
    let mut sim = following();
    let other = Err(ApiMisuse::OtherConditions(A.to_owned()));
    assert_eq!(sim.try_follow(2, &[A], &[Start::All], Commit::Processed, OnInvalid::All), other);
    assert_eq!(sim.try_follow(2, &[A], &[Start::New], Commit::Manual, OnInvalid::All), other);
    assert_eq!(sim.try_follow(2, &[B, A], &[], Commit::Delivered, OnInvalid::All), other);
    sim.leave(3, 1, 0);
    sim.confirm();
    assert_eq!(sim.try_follow(2, &[A], &[Start::All], Commit::Manual, OnInvalid::All), Ok(()));
    sim.new_session();
    // There is a position, so it starts there; but it commits in its own way.
    assert_eq!(sim.from(), "10");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11"]);
    sim.done(2, 1);
    assert!(sim.saves.is_empty());
}

#[test]
fn r3a_a_closed_readers_uncommitted_event_holds_until_the_next_subscribe() {
    let mut sim = following();
    sim.follow(2, A, Start::New);
    arrive(&mut sim, &["11", "12", "13"]);
    sim.done(2, 3);
    // The first one had 11 in hand; what it was never given holds nothing.
    sim.leave(3, 1, 1);
    assert!(sim.saves.is_empty());
    arrive(&mut sim, &["14"]);
    done(&mut sim, 2, "14");
    assert!(sim.saves.is_empty());
    // The new one is given it from memory, and alone.
    sim.follow(4, A, Start::New);
    assert_eq!(sim.kinds(), ["connect"]);
    assert_eq!(sim.ids_of(4), ["11", "12", "13", "14"]);
    assert_eq!(sim.ids_of(2), ["11", "12", "13", "14"]);
    done(&mut sim, 4, "13");
    assert_eq!(saved(&mut sim), "13");
}

#[test]
fn r3a_a_reader_that_leaves_with_nothing_in_hand_holds_nothing() {
    let mut sim = following();
    sim.follow(2, A, Start::New);
    arrive(&mut sim, &["11", "12"]);
    sim.done(1, 1);
    sim.done(2, 2);
    assert_eq!(saved(&mut sim), "11");
    sim.leave(3, 1, 1);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r3a_with_nobody_left_nothing_moves() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12", "13"]);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.leave(2, 1, 1);
    sim.confirm();
    assert!(sim.saves.is_empty());
    arrive(&mut sim, &["14"]);
    sim.close();
    sim.answer("disconnect", "[]");
    assert!(sim.saves.is_empty());
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn r3a_the_next_reader_begins_where_the_last_one_stopped() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12", "13"]);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.leave(2, 1, 2);
    sim.confirm();
    sim.follow(3, A, Start::All);
    assert_eq!(sim.ids_of(3), ["12", "13"]);
    sim.new_session();
    assert_eq!(sim.from(), "13");
    sim.confirm();
    sim.poll(CONNECTED);
    done(&mut sim, 3, "13");
    assert_eq!(saved(&mut sim), "13");
}

#[test]
fn r4_only_the_last_position_before_which_all_is_committed_is_saved() {
    let mut sim = following_as(Commit::Manual);
    // The order is that of arrival: numbers mean nothing.
    arrive(&mut sim, &["900", "5", "\"x\"", "17"]);
    for (command, sequence, position) in [(2, 3, None), (3, 2, None), (4, 1, Some("x")), (5, 4, Some("17"))] {
        sim.commit(command, 1, sequence);
        assert_eq!(sim.saving(A), position);
        sim.save_all();
    }
}

#[test]
fn r4_events_without_a_position_hold_and_move_nothing() {
    let mut sim = following();
    let plain = format!(r#"{{"channel":"{A}","data":{{}}}},"#);
    sim.poll(&with_events(&[replayed(A, &["11"]), plain, replayed(A, &["12"])].concat()));
    assert_eq!(sim.events.len(), 3);
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "11");
    sim.done(1, 3);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r4_a_long_queue_is_committed_event_by_event() {
    let mut sim = following();
    let ids: Vec<String> = (11..3_011).map(|id: u32| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    arrive(&mut sim, &ids);
    for sequence in 1..=3_000 {
        sim.done(1, sequence);
        assert_eq!(sim.saving(A), Some(ids[sequence as usize - 1]));
        sim.save_all();
    }
}

#[test]
fn r3a_a_late_commit_of_the_reader_that_left_frees_the_position() {
    let mut sim = following_as(Commit::Manual);
    arrive(&mut sim, &["11"]);
    let sequence = sim.sequence("11");
    sim.follow_as(2, A, Start::New, Commit::Manual, OnInvalid::All);
    sim.commit(3, 2, sim.sequence("11"));
    sim.leave(4, 1, sequence);
    assert!(sim.saves.is_empty());
    sim.commit(5, 1, sequence);
    assert_eq!(saved(&mut sim), "11");
}

#[test]
fn r3a_a_reader_whose_channel_was_refused_holds_the_position_until_the_next_one() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    sim.fail("connect");
    sim.new_session();
    sim.refuse("403::denied", "");
    sim.follow(2, A, Start::New);
    assert_eq!(sim.ids_of(2), ["11"]);
    sim.done(2, sim.sequence("11"));
    assert_eq!(saved(&mut sim), "11");
}
