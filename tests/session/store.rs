//! What the replay store is asked and given: R5, R5a.

use cometd_edge::replay::{Commit, OnInvalid, Position, Start};
use cometd_edge::session::{Error, Input, Status};

use crate::sim::*;

/// Events arrive on a poll, and the application is done with the last of them.
fn process(sim: &mut Sim, ids: &[&str]) {
    sim.poll(&with_events(&replayed(A, ids)));
    let sequence = sim.sequence(ids.last().expect("an id"));
    sim.done(1, sequence);
}

/// These events have arrived, and each is committed by itself.
fn manual(ids: &[&str]) -> Sim {
    let mut sim = Sim::connected();
    sim.follow_as(1, A, Start::New, Commit::Manual, OnInvalid::All);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, ids);
    sim
}

fn store_failures(sim: &Sim) -> Vec<(&'static str, &str)> {
    let failure = |status: &'_ Status| match status {
        Status::StoreFailed { channel, operation, error } => {
            assert_eq!((channel.as_str(), error.code()), (A, "store-failed"));
            assert!(error.retryable());
            Some(*operation)
        }
        _ => None,
    };
    let words = sim.statuses.iter().filter_map(|status| match status {
        Status::StoreFailed { error: Error::StoreFailed { problem, .. }, .. } => Some(problem.as_str()),
        _ => None,
    });
    sim.statuses.iter().filter_map(failure).zip(words).collect()
}

// R5a.

#[test]
fn r5a_no_channel_is_subscribed_before_its_load_has_answered() {
    let mut sim = Sim::connected();
    sim.follow(1, A, Start::New);
    sim.follow(2, B, Start::All);
    sim.subscribe(3, &["/plain"]);
    assert_eq!(sim.loads.iter().map(|(_, channel)| channel.as_str()).collect::<Vec<_>>(), [A, B]);
    // A channel that is not tracked does not wait for the store.
    assert_eq!(topics(&sim.request("commands")), ["/plain"]);
    sim.confirm();
    assert!(sim.try_open("commands").is_none());
    sim.load(B, Some("7"));
    assert_eq!((topics(&sim.request("commands")), sim.from()), (vec![B.to_owned()], "7".to_owned()));
    sim.confirm();
    sim.ok(2);
    assert!(sim.result(1).is_none());
    sim.load(A, None);
    assert_eq!(sim.from(), "-1");
    sim.confirm();
    sim.ok(1);
}

#[test]
fn r5a_the_store_is_asked_while_the_session_begins_and_once_for_each_channel() {
    let mut sim = Sim::salesforce();
    sim.follow(1, A, Start::New);
    sim.follow(2, A, Start::New);
    assert_eq!(sim.loads.len(), 1);
    sim.load(A, Some("5"));
    sim.token();
    sim.shake();
    assert_eq!(sim.from(), "5");
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    assert_eq!((sim.loads.len(), sim.from()), (0, "5".to_owned()));
}

#[test]
fn r5a_of_several_channels_in_one_subscription_each_waits_for_its_own() {
    let mut sim = Sim::connected();
    sim.try_follow(1, &[A, B], &[Start::New, Start::All], Commit::Processed, OnInvalid::All).expect("fine");
    sim.load(A, Some("1"));
    assert_eq!(topics(&sim.request("commands")), [A]);
    sim.load(B, None);
    sim.confirm();
    assert_eq!((topics(&sim.request("commands")), sim.from()), (vec![B.to_owned()], "-2".to_owned()));
    assert!(sim.result(1).is_none());
    sim.confirm();
    assert_eq!(sim.ok(1).len(), 2);
}

#[test]
fn r5a_start_is_used_only_where_there_is_no_position() {
    for (start, position, from) in [
        (Start::New, None, "-1"),
        (Start::All, None, "-2"),
        (Start::After("77".to_owned()), None, "77"),
        (Start::New, Some("5"), "5"),
        (Start::All, Some("5"), "5"),
        (Start::After("77".to_owned()), Some("5"), "5"),
    ] {
        let mut sim = Sim::connected();
        sim.follow(1, A, start);
        sim.load(A, position);
        assert_eq!(sim.from(), from);
    }
}

#[test]
fn r5a_a_load_that_fails_is_asked_again_with_back_off_and_reported() {
    // A server that keeps a poll for hours.
    let mut sim = Sim::new();
    sim.shake();
    sim.poll(&advised(r#"{"reconnect":"retry","timeout":36000000}"#));
    sim.follow(1, A, Start::New);
    let mut delays = Vec::new();
    for _ in 0..12 {
        sim.load_answer(A, Err(("quota", false)));
        let from = sim.now;
        while sim.loads.is_empty() {
            sim.wait();
            assert!(sim.now <= from + 30_000, "not asked again");
        }
        delays.push(sim.now - from);
    }
    assert_eq!(delays[0], 0);
    assert!(delays[1..].iter().all(|delay| (1_000..=30_000).contains(delay)), "{delays:?}");
    assert_eq!(store_failures(&sim), [("load", "quota"); 12]);
    assert!(sim.try_open("commands").is_none() && sim.result(1).is_none());
    sim.load(A, Some("3"));
    assert_eq!(sim.from(), "3");
}

#[test]
fn r5a_a_load_that_hangs_for_10_s_is_asked_again_and_its_late_answer_ignored() {
    let mut sim = Sim::connected();
    sim.follow(1, A, Start::New);
    let (first, _) = sim.loads.remove(0);
    sim.advance(9_999);
    assert!(sim.loads.is_empty());
    sim.advance(1);
    assert_eq!((sim.loads.len(), store_failures(&sim)), (1, vec![("load", "no answer within 10 s")]));
    let late = Position { replay_id: "99".to_owned(), created_date: None };
    sim.input(Input::Loaded { request: first, result: Ok(Some(late)) });
    assert!(sim.try_open("commands").is_none());
    sim.load(A, Some("3"));
    assert_eq!(sim.from(), "3");
    // Nothing is heard twice.
    sim.input(Input::Loaded { request: first, result: Err(("late", true)) });
    sim.confirm();
    sim.ok(1);
}

#[test]
fn r5a_a_load_that_hangs_holds_back_nothing_else() {
    let mut sim = Sim::connected();
    sim.follow(1, A, Start::New);
    sim.publish(2, "/p");
    sim.confirm();
    sim.ok(2);
    sim.poll(CONNECTED);
    sim.close();
    sim.advance(2_000);
    assert_eq!((sim.error(1), &sim.closed), (&Error::Closed, &Some(None)));
}

#[test]
fn r5a_nobody_is_asked_for_a_channel_that_nobody_wants_any_more() {
    let mut sim = Sim::connected();
    sim.follow(1, A, Start::New);
    sim.load_answer(A, Err(("quota", false)));
    sim.load_answer(A, Err(("quota", false)));
    sim.leave(2, 1, 0);
    sim.advance(20_000);
    assert!(sim.loads.is_empty());
    // Until somebody does.
    sim.follow(3, A, Start::New);
    sim.load(A, Some("4"));
    assert_eq!(sim.from(), "4");
}

#[test]
fn r5a_what_makes_no_sense_rejects_the_subscribe_and_is_not_overwritten() {
    let long = "9".repeat(1_025);
    for stored in [Err(("not an object", true)), Ok(""), Ok("5\n"), Ok(long.as_str())] {
        let mut sim = Sim::connected();
        sim.follow(1, A, Start::New);
        sim.follow(2, B, Start::New);
        match stored {
            Ok(position) => sim.load(A, Some(position)),
            Err(error) => sim.load_answer(A, Err(error)),
        }
        assert_eq!((sim.error(1).code(), sim.error(1).channel()), ("store-invalid", Some(A)));
        assert!(!sim.error(1).retryable());
        assert!(sim.try_open("commands").is_none());
        // The others go on.
        sim.load(B, None);
        sim.confirm();
        sim.ok(2);
        sim.poll(&with_events(&replayed(A, &["6"])));
        sim.close();
        sim.advance(2_000);
        assert!(sim.saves.is_empty());
    }
}

#[test]
fn r5a_once_the_store_is_mended_the_channel_can_be_subscribed() {
    let mut sim = Sim::connected();
    sim.follow(1, A, Start::New);
    sim.load_answer(A, Err(("not an object", true)));
    assert_eq!(sim.error(1).code(), "store-invalid");
    sim.follow(2, A, Start::New);
    sim.load(A, Some("8"));
    assert_eq!(sim.from(), "8");
    sim.confirm();
    sim.ok(2);
}

#[test]
fn r5a_one_bad_channel_of_several_is_told_by_a_status() {
    let mut sim = Sim::connected();
    sim.try_follow(1, &[A, B], &[], Commit::Processed, OnInvalid::All).expect("fine");
    sim.load_answer(A, Err(("not an object", true)));
    sim.load(B, None);
    sim.confirm();
    sim.ok(1);
    let told = sim.statuses.iter().any(|status| {
        matches!(status, Status::SubscribeFailed { channel, error } if channel == A && error.code() == "store-invalid")
    });
    assert!(told);
}

#[test]
fn r5a_events_of_a_glob_before_the_load_do_not_overtake_the_stored_position() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow(1, "/event/*", Start::New);
    sim.confirm();
    sim.follow(2, A, Start::New);
    sim.poll(&with_events(&replayed(A, &["500"])));
    assert_eq!((sim.ids_of(1), sim.ids_of(2)), (vec!["500".to_owned()], vec![]));
    sim.done(1, 1);
    sim.done(2, 1);
    assert!(sim.saves.is_empty());
    sim.load(A, Some("7"));
    sim.new_session();
    assert_eq!(sim.from(), "7");
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&with_events(&replayed(A, &["8", "500"])));
    assert_eq!(sim.ids_of(2), ["8", "500"]);
}

// R5.

#[test]
fn r5_one_save_is_in_flight_and_the_newest_waits() {
    let mut sim = following();
    process(&mut sim, &["11"]);
    assert_eq!(sim.saving(A), Some("11"));
    process(&mut sim, &["12", "13"]);
    process(&mut sim, &["14"]);
    assert_eq!(sim.saves.len(), 1);
    assert_eq!(sim.save(A), "11");
    assert_eq!(sim.save(A), "14");
    assert!(sim.saves.is_empty());
    sim.advance(20_000);
    assert!(sim.saves.is_empty());
}

#[test]
fn r5_channels_do_not_wait_for_each_other() {
    let mut sim = following();
    sim.follow(2, B, Start::New);
    sim.load(B, None);
    sim.confirm();
    sim.poll(CONNECTED);
    process(&mut sim, &["11"]);
    sim.poll(&with_events(&replayed(B, &["500"])));
    let sequence = sim.sequence("500");
    sim.done(2, sequence);
    assert_eq!((sim.saving(A), sim.saving(B)), (Some("11"), Some("500")));
}

#[test]
fn r5_the_date_of_the_event_is_saved_with_it() {
    let mut sim = following();
    let event =
        r#"{"channel":"/event/A__e","data":{"event":{"createdDate":"2026-01-01T00:00:00Z","replayId":11}}},"#;
    sim.poll(&with_events(event));
    sim.done(1, 1);
    let (_, _, position) = &sim.saves[0];
    assert_eq!(position.created_date.as_deref(), Some("2026-01-01T00:00:00Z"));
}

#[test]
fn r5_a_save_that_fails_is_retried_with_the_newest_and_reported_and_stops_nothing() {
    let mut sim = following();
    process(&mut sim, &["11"]);
    sim.save_answer(A, Some("quota"));
    // At once, then later and later.
    assert_eq!(sim.saving(A), Some("11"));
    sim.save_answer(A, Some("quota"));
    assert_eq!(sim.saving(A), None);
    process(&mut sim, &["12"]);
    assert_eq!(sim.saving(A), None);
    sim.advance(3_000);
    assert_eq!(sim.save(A), "12");
    assert_eq!(store_failures(&sim), [("save", "quota"); 2]);
    // A success forgets the failures.
    process(&mut sim, &["13"]);
    sim.save_answer(A, Some("quota"));
    assert_eq!(sim.save(A), "13");
    assert_eq!(sim.ids(), ["11", "12", "13"]);
}

#[test]
fn r5_a_save_that_hangs_is_given_up_after_10_s_and_its_late_answer_ignored() {
    let mut sim = following();
    process(&mut sim, &["11"]);
    let (first, _, _) = sim.saves.remove(0);
    process(&mut sim, &["12"]);
    sim.advance(9_999);
    assert!(sim.saves.is_empty());
    sim.advance(1);
    assert_eq!((sim.saving(A), store_failures(&sim)), (Some("12"), vec![("save", "no answer within 10 s")]));
    sim.input(Input::Saved { request: first, problem: None });
    sim.input(Input::Saved { request: first, problem: Some("late") });
    assert_eq!((sim.saves.len(), store_failures(&sim).len()), (1, 1));
    assert_eq!(sim.save(A), "12");
}

#[test]
fn r5_commit_resolves_once_a_position_at_or_above_is_saved() {
    let mut sim = manual(&["11", "12", "13"]);
    sim.commit(2, 1, 2);
    // The one before it is not committed yet (R4).
    assert!(sim.saves.is_empty() && sim.result(2).is_none());
    sim.commit(3, 1, 1);
    assert_eq!(sim.saving(A), Some("12"));
    assert!(sim.result(2).is_none() && sim.result(3).is_none());
    sim.commit(4, 1, 3);
    assert_eq!(sim.save(A), "12");
    sim.ok(2);
    sim.ok(3);
    assert!(sim.result(4).is_none());
    assert_eq!(sim.save(A), "13");
    sim.ok(4);
    // Once more, at once.
    sim.commit(5, 1, 1);
    sim.ok(5);
}

#[test]
fn r5_commit_waits_through_failing_saves() {
    let mut sim = manual(&["11"]);
    sim.commit(2, 1, 1);
    sim.save_answer(A, Some("quota"));
    sim.save_answer(A, Some("quota"));
    sim.advance(3_000);
    assert!(sim.result(2).is_none());
    sim.commit(3, 1, 1);
    assert!(sim.result(3).is_none());
    sim.save(A);
    sim.ok(2);
    sim.ok(3);
}

#[test]
fn r5_close_flushes_what_is_in_flight_and_what_waits() {
    let mut sim = following();
    process(&mut sim, &["11"]);
    process(&mut sim, &["12"]);
    sim.close();
    sim.answer("disconnect", "[]");
    sim.advance(100);
    assert_eq!(sim.closed, None);
    assert_eq!(sim.save(A), "11");
    assert_eq!(sim.save(A), "12");
    assert_eq!(sim.closed, Some(None));
    assert_eq!(sim.now, 100);
}

#[test]
fn r5_close_waits_for_no_store_longer_than_2_s() {
    let mut sim = manual(&["11"]);
    sim.commit(2, 1, 1);
    let (hanging, _, _) = sim.saves.remove(0);
    sim.close();
    sim.answer("disconnect", "[]");
    sim.advance(1_999);
    assert!(sim.closed.is_none() && sim.result(2).is_none());
    sim.advance(1);
    assert_eq!(sim.closed, Some(None));
    assert_eq!(*sim.error(2), Error::Closed);
    // Nothing comes out any more, whatever the store says and however long it takes.
    sim.input(Input::Saved { request: hanging, problem: Some("late") });
    sim.advance(60_000);
    assert_eq!(sim.wake, None);
}

#[test]
fn r5_after_the_end_late_answers_of_the_store_change_nothing() {
    let mut sim = Sim::connected();
    sim.follow(1, A, Start::New);
    let (load, _) = sim.loads.remove(0);
    sim.close();
    sim.answer("disconnect", "[]");
    assert_eq!(sim.closed, Some(None));
    sim.advance(20_000);
    sim.input(Input::Loaded { request: load, result: Err(("late", false)) });
    sim.input(Input::Loaded { request: load, result: Err(("late", true)) });
    assert_eq!((sim.wake, sim.loads.len()), (None, 0));
}

#[test]
fn r5_close_retries_a_save_that_fails_within_its_2_s() {
    let mut sim = following();
    process(&mut sim, &["11"]);
    sim.close();
    sim.answer("disconnect", "[]");
    sim.save_answer(A, Some("busy"));
    assert_eq!(sim.save(A), "11");
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn r5_what_is_done_before_the_close_in_the_same_turn_is_saved() {
    let mut sim = following();
    sim.poll(&with_events(&replayed(A, &["11", "12"])));
    sim.session
        .handle_input(
            cometd_edge::Instant::from_millis(sim.now),
            Input::Progress { subscription: 1, sequence: 1, done: true },
        )
        .expect("fine");
    sim.close();
    sim.answer("disconnect", "[]");
    assert_eq!(sim.save(A), "11");
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn r5_an_error_that_ends_the_client_saves_as_well() {
    let mut sim = following();
    sim.poll(&with_events(&replayed(A, &["11"])));
    sim.done(1, 1);
    sim.poll(&refused("500::x", NONE));
    assert_eq!(sim.closed, None);
    assert_eq!(sim.save(A), "11");
    sim.disconnect();
    assert!(matches!(sim.closed_with(), Error::ServerEnded(_)));
}
