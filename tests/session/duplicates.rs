//! What comes twice, and who is given it again: R7b.

use cometd_edge::replay::{Commit, Start};

use crate::sim::*;

#[test]
fn r7b_duplicates_are_dropped_by_replay_id() {
    let mut sim = following();
    arrive(&mut sim, &["11", "11", "12"]);
    arrive(&mut sim, &["12", "11", "13"]);
    assert_eq!(sim.ids(), ["11", "12", "13"]);
    done(&mut sim, 1, "13");
    assert_eq!(sim.save(A), "13");
    // Also what is done with.
    arrive(&mut sim, &["13", "12", "14"]);
    assert_eq!(sim.ids(), ["11", "12", "13", "14"]);
    done(&mut sim, 1, "14");
    assert_eq!(sim.save(A), "14");
}

#[test]
fn r7b_the_same_replay_id_with_another_uuid_is_another_event() {
    let event = |id: u32, uuid: &str| {
        format!(r#"{{"channel":"{A}","data":{{"event":{{"EventUuid":"{uuid}","replayId":{id}}}}}}},"#)
    };
    let mut sim = following();
    sim.poll(&with_events(&[event(11, "x"), event(11, "y"), event(11, "x"), event(12, "x")].concat()));
    assert_eq!(sim.ids(), ["11", "11", "12"]);
    sim.poll(&with_events(&[event(11, "y"), event(12, "x")].concat()));
    assert_eq!(sim.ids().len(), 3);
}

#[test]
fn r7b_channels_have_their_own_numbers() {
    let mut sim = following();
    sim.follow(2, B, Start::New);
    sim.load(B, None);
    sim.confirm();
    sim.poll(&with_events(&[replayed(A, &["11"]), replayed(B, &["11"])].concat()));
    assert_eq!(sim.ids(), ["11", "11"]);
}

#[test]
fn r7b_a_new_subscription_is_given_all_behind_the_position_from_memory() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12", "13"]);
    done(&mut sim, 1, "11");
    assert_eq!(sim.save(A), "11");
    // While the first stays open.
    sim.follow(2, A, Start::New);
    sim.ok(2);
    assert_eq!((sim.kinds(), sim.ids_of(2)), (vec!["connect"], vec!["12".to_owned(), "13".to_owned()]));
    arrive(&mut sim, &["14"]);
    assert_eq!(sim.ids_of(1), ["11", "12", "13", "14"]);
    assert_eq!(sim.ids_of(2), ["12", "13", "14"]);
    // And the position is the least of both.
    done(&mut sim, 2, "14");
    assert!(sim.saves.is_empty());
    let thirteen = sim.ids().iter().position(|id| id == "13").expect("13");
    let first = sim.events[thirteen].sequence;
    sim.done(1, first);
    assert_eq!(sim.save(A), "13");
}

#[test]
fn r7b_a_new_subscription_where_all_is_committed_needs_nothing_again() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    done(&mut sim, 1, "11");
    assert_eq!(sim.save(A), "11");
    sim.follow(2, A, Start::New);
    sim.ok(2);
    assert!(sim.try_open("commands").is_none());
    arrive(&mut sim, &["12"]);
    assert_eq!(sim.ids_of(2), ["12"]);
}

#[test]
fn r7b_two_new_readers_in_one_turn_cause_no_request() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12"]);
    sim.follow(2, A, Start::New);
    sim.follow(3, A, Start::New);
    assert_eq!(sim.kinds(), ["connect"]);
    for reader in [1, 2, 3] {
        assert_eq!(sim.ids_of(reader), ["11", "12"]);
    }
}

#[test]
fn r7b_a_reader_that_comes_while_the_channel_is_being_subscribed_gets_all_as_well() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    assert_eq!(sim.from(), "12");
    sim.follow(2, A, Start::New);
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["13"]);
    assert_eq!(sim.ids_of(1), ["11", "12", "13"]);
    assert_eq!(sim.ids_of(2), ["11", "12", "13"]);
}

#[test]
fn r7b_a_new_session_goes_on_behind_what_was_given_from_memory() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12"]);
    sim.follow(2, A, Start::New);
    sim.fail("connect");
    sim.new_session();
    assert_eq!(sim.from(), "12");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["13"]);
    assert_eq!(sim.ids_of(1), ["11", "12", "13"]);
    assert_eq!(sim.ids_of(2), ["11", "12", "13"]);
    let last = sim.events.last().map_or(0, |event| event.sequence);
    sim.done(1, last);
    sim.done(2, last);
    assert_eq!(sim.save(A), "13");
}

#[test]
fn r7b_commits_that_wait_survive_a_new_session() {
    let mut sim = following_as(Commit::Manual);
    arrive(&mut sim, &["11", "12", "13"]);
    sim.commit(2, 1, 2);
    sim.fail("connect");
    sim.new_session();
    assert_eq!(sim.from(), "13");
    sim.confirm();
    sim.poll(CONNECTED);
    assert!(sim.result(2).is_none());
    sim.commit(3, 1, 1);
    assert_eq!(sim.save(A), "12");
    sim.ok(2);
    sim.ok(3);
}

#[test]
fn r7b_commits_of_events_that_have_to_come_again_wait_for_them() {
    let mut sim = following_as(Commit::Manual);
    sim.publish(2, "/p");
    sim.answer("commands", &format!(r#"[{}{{"channel":"/p","successful":true}}]"#, replayed(A, &["12"])));
    sim.commit(3, 1, 1);
    sim.fail("connect");
    sim.new_session();
    sim.confirm();
    sim.poll(CONNECTED);
    assert!(sim.result(3).is_none());
    arrive(&mut sim, &["11", "12"]);
    assert!(sim.result(3).is_none());
    sim.commit(4, 1, sim.sequence("11"));
    assert_eq!(sim.save(A), "12");
    sim.ok(3);
    sim.ok(4);
}

#[test]
fn r7b_events_of_a_lost_response_come_again_for_the_next_subscription() {
    let mut sim = Sim::following(A, Start::New, Some("10"));
    sim.publish(2, "/p");
    sim.fail("commands");
    sim.new_session();
    assert_eq!(sim.from(), "10");
    // Nobody wants it when the reply gets lost, which may have carried events.
    sim.leave(3, 1, 0);
    sim.fail("commands");
    assert!(sim.try_open("commands").is_none());
    sim.follow(4, A, Start::New);
    sim.new_session();
    sim.until_open("commands");
    assert_eq!(sim.from(), "10");
}

#[test]
fn r7b_an_unwanted_event_before_the_first_position_is_given_from_memory() {
    let mut sim = Sim::following(A, Start::New, None);
    // Nobody wants it when the first event comes, and then somebody does; an earlier one is still on its way.
    sim.publish(2, "/p");
    sim.leave(3, 1, 0);
    sim.poll(&with_events(&replayed(A, &["12"])));
    sim.follow(4, A, Start::New);
    let body = replayed(A, &["11"]);
    sim.answer("commands", &format!(r#"[{body}{{"channel":"/p","id":"{}","successful":true}}]"#, 4));
    assert_eq!(sim.ids_of(4), ["12", "11"]);
    done(&mut sim, 4, "11");
    // The poll, which was sent before both came, may still bring what stands before them.
    assert_eq!(sim.saving(A), None);
    sim.poll(CONNECTED);
    assert_eq!(saved(&mut sim), "11");
}

#[test]
fn r7b_a_channel_whose_reader_has_left_by_break_stays_subscribed_for_3_s() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12"]);
    sim.break_off(2, 1, 1);
    sim.ok(2);
    assert_eq!((sim.kinds(), sim.ended.len()), (vec!["connect"], 1));
    sim.advance(2_900);
    arrive(&mut sim, &["13"]);
    // A page that mounts its view again is given all that was not committed, without any request.
    sim.follow(3, A, Start::New);
    sim.ok(3);
    assert_eq!((sim.ids_of(3).len(), sim.kinds()), (3, vec!["connect"]));
    sim.break_off(4, 3, 0);
    sim.advance(2_999);
    assert_eq!(sim.kinds(), ["connect"]);
    sim.advance(1);
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
}

#[test]
fn r7b_an_explicit_unsubscribe_goes_out_at_once() {
    let mut sim = following();
    sim.leave(2, 1, 0);
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
}

#[test]
fn r7_what_is_lost_while_a_channel_has_no_reader_comes_again_for_the_next_one() {
    let mut sim = following();
    sim.break_off(2, 1, 0);
    sim.fail("connect");
    assert_eq!(sim.kinds(), ["connect"], "nobody needs a new session");
    sim.follow(3, A, Start::New);
    sim.new_session();
    assert_eq!(sim.from(), "10");
}

#[test]
fn r4_what_an_open_poll_still_brings_after_an_unsubscribe_is_not_passed_over() {
    let mut sim = following();
    sim.leave(2, 1, 0);
    let body = subscribed_with(A, &sim, &["12"]);
    sim.answer("commands", &body);
    // The poll was open beside it, and held what was published before.
    arrive(&mut sim, &["11"]);
    sim.follow(3, A, Start::New);
    assert_eq!(sim.ids_of(3), ["12", "11"]);
}

#[test]
fn r4_what_a_glob_may_have_brought_after_an_unsubscribe_comes_again() {
    let mut sim = following();
    sim.leave(2, 1, 0);
    let body = subscribed_with(A, &sim, &["12"]);
    sim.answer("commands", &body);
    sim.subscribe(3, &["/event/*"]);
    sim.confirm();
    // Whether 11 is one of the glob's is not known, and 12 may stand behind it.
    arrive(&mut sim, &["11"]);
    sim.follow(4, A, Start::New);
    assert!(sim.ids_of(4).is_empty());
    sim.new_session();
    assert_eq!(sim.from(), "10");
}

#[test]
fn r7_what_comes_after_a_lost_poll_for_a_channel_that_nobody_reads_is_no_position() {
    let mut sim = following();
    sim.leave(2, 1, 0);
    // It held 11.
    sim.fail("connect");
    sim.until_open("connect");
    arrive(&mut sim, &["12"]);
    sim.confirm();
    sim.follow(3, A, Start::New);
    assert!(sim.ids_of(3).is_empty());
    sim.new_session();
    assert_eq!(sim.from(), "10");
}
