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
fn r7b_a_new_subscription_starts_at_the_committed_position_with_an_empty_set() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12", "13"]);
    done(&mut sim, 1, "11");
    assert_eq!(sim.save(A), "11");
    // While the first stays open.
    sim.follow(2, A, Start::New);
    sim.ok(2);
    assert_eq!(
        (topics(&sim.request("commands")), only(&sim.request("commands"))["channel"].clone()),
        (vec![A.to_owned()], "/meta/unsubscribe".into())
    );
    sim.confirm();
    assert_eq!(sim.from(), "11");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["12", "13", "14"]);
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
fn r7b_two_new_readers_in_one_turn_cause_one_resubscribe() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12"]);
    sim.follow(2, A, Start::New);
    sim.follow(3, A, Start::New);
    sim.confirm();
    assert_eq!(sim.from(), "10");
    sim.confirm();
    assert!(sim.try_open("commands").is_none());
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11", "12"]);
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
    // Again, now from further back.
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
    sim.confirm();
    assert_eq!(sim.from(), "10");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11", "12", "13"]);
    assert_eq!(sim.ids_of(1), ["11", "12", "13"]);
    assert_eq!(sim.ids_of(2), ["11", "12", "13"]);
}

#[test]
fn r7b_a_session_lost_during_a_resubscribe_begins_at_the_committed_position() {
    for lose in 0..3 {
        let mut sim = following();
        arrive(&mut sim, &["11", "12"]);
        sim.follow(2, A, Start::New);
        if lose > 0 {
            sim.confirm();
        }
        if lose > 1 {
            sim.confirm();
        }
        sim.fail("connect");
        sim.new_session();
        assert_eq!(sim.from(), "10", "{lose}");
        sim.confirm();
        sim.poll(CONNECTED);
        arrive(&mut sim, &["11", "12", "13"]);
        assert_eq!(sim.ids_of(1), ["11", "12", "13"], "{lose}");
        assert_eq!(sim.ids_of(2), ["11", "12", "13"], "{lose}");
        let last = sim.events.last().map_or(0, |event| event.sequence);
        sim.done(1, last);
        sim.done(2, last);
        assert_eq!(sim.save(A), "13");
    }
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
    sim.until_open("commands");
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
    sim.confirm();
    sim.poll(CONNECTED);
    sim.until_open("commands");
    assert_eq!(sim.from(), "10");
}

#[test]
fn r7b_an_unwanted_event_before_the_first_position_comes_again_after_it() {
    let mut sim = Sim::following(A, Start::New, None);
    // Nobody wants it when the first event comes, and then somebody does; an earlier one is still on its way.
    sim.publish(2, "/p");
    sim.leave(3, 1, 0);
    sim.poll(&with_events(&replayed(A, &["12"])));
    sim.follow(4, A, Start::New);
    let body = replayed(A, &["11"]);
    sim.answer("commands", &format!(r#"[{body}{{"channel":"/p","id":"{}","successful":true}}]"#, 4));
    assert_eq!(sim.ids(), ["11"]);
    for _ in 0..3 {
        if topics(&sim.request("commands")) == [A] && sim.request("commands").body().contains("replay") {
            break;
        }
        sim.confirm();
        if sim.try_open("connect").is_some() {
            sim.poll(CONNECTED);
        }
        sim.until_open("commands");
    }
    assert_eq!(sim.from(), "11");
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
