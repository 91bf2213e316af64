//! A position that the server no longer takes: R6.

use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::{Error, GapCause, Status};

use crate::sim::*;

fn first_subscribe(policy: OnInvalid) -> Sim {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow_as(1, A, Start::New, Commit::Processed, policy);
    sim.load(A, Some("7"));
    assert_eq!(sim.from(), "7");
    sim
}

fn position_gap(sim: &Sim) -> (String, Option<String>) {
    let gap = sim.statuses.iter().find_map(|status| match status {
        Status::Gap { channel, cause: GapCause::PositionInvalid, after, .. } => {
            Some((channel.clone(), after.clone()))
        }
        _ => None,
    });
    gap.expect("a gap")
}

#[test]
fn r6_a_refused_position_is_followed_by_all_that_is_retained_or_by_new_events() {
    for (policy, from) in [(OnInvalid::All, "-2"), (OnInvalid::New, "-1")] {
        let mut sim = first_subscribe(policy);
        sim.refuse(STALE, "");
        assert_eq!(position_gap(&sim), (A.to_owned(), Some("7".to_owned())));
        assert_eq!(sim.gaps().len(), 1);
        assert!(sim.result(1).is_none());
        assert_eq!(sim.from(), from);
        sim.confirm();
        sim.ok(1);
    }
}

#[test]
fn r6_the_policy_fail_ends_the_subscription_and_leaves_the_store_alone() {
    let mut sim = first_subscribe(OnInvalid::Fail);
    sim.refuse(STALE, "");
    assert_eq!((sim.error(1).code(), sim.error(1).channel()), ("replay-invalid", Some(A)));
    assert!(sim.gaps().is_empty() && sim.try_open("commands").is_none() && sim.saves.is_empty());
}

#[test]
fn r6_a_later_subscribe_that_is_refused_follows_the_same_policy() {
    for (policy, from) in
        [(OnInvalid::All, Some("-2")), (OnInvalid::New, Some("-1")), (OnInvalid::Fail, None)]
    {
        let mut sim = first_subscribe(policy);
        sim.confirm();
        sim.poll(CONNECTED);
        sim.poll(&with_events(&replayed(A, &["8", "9"])));
        sim.poll(&refused(UNKNOWN, ""));
        sim.new_session();
        assert_eq!(sim.from(), "9");
        sim.refuse(STALE, "");
        match from {
            Some(from) => {
                assert_eq!(sim.from(), from);
                assert_eq!(position_gap(&sim), (A.to_owned(), Some("9".to_owned())));
                sim.confirm();
                assert!(sim.ended.is_empty());
            }
            None => {
                assert_eq!(sim.ended.len(), 1);
                assert_eq!(sim.ended[0].1.as_ref().map(Error::code), Some("replay-invalid"));
            }
        }
    }
}

#[test]
fn r6_a_start_of_the_callers_own_is_a_position_too() {
    let mut sim = Sim::connected();
    sim.follow(1, A, Start::After("7".to_owned()));
    sim.load(A, None);
    sim.refuse(STALE, "");
    assert_eq!((sim.from(), position_gap(&sim).1), ("-2".to_owned(), Some("7".to_owned())));
}

#[test]
fn r6_the_fallback_refused_ends_the_subscription() {
    for policy in [OnInvalid::All, OnInvalid::New] {
        let mut sim = first_subscribe(policy);
        sim.refuse(STALE, "");
        sim.refuse(STALE, "");
        assert_eq!(sim.error(1).code(), "replay-invalid");
        assert!(sim.try_open("commands").is_none());
        assert_eq!(sim.gaps().len(), 1);
    }
    // And so does the first one where there never was a position.
    let mut sim = Sim::connected();
    sim.follow(1, A, Start::All);
    sim.load(A, None);
    sim.refuse(STALE, "");
    assert_eq!(sim.error(1).code(), "replay-invalid");
}

#[test]
fn r6_other_400s_are_not_refused_positions() {
    let wrong_map = "400::The replayId for channel {/event/A__e} wasn't found using the provided replay ID map {{}}. Ensure that the channel name you provided in the replay map is valid and matches the channel name used for subscribing.";
    for (error, code) in [(wrong_map, "replay-map"), ("400::Query fields do not exist", "bad-channel")] {
        let mut sim = first_subscribe(OnInvalid::All);
        sim.refuse(error, "");
        assert_eq!(sim.error(1).code(), code);
        assert!(sim.gaps().is_empty());
    }
}

#[test]
fn r6_a_new_epoch_drops_what_was_received_so_that_all_of_it_comes_again() {
    let mut sim = first_subscribe(OnInvalid::All);
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&with_events(&replayed(A, &["8", "9"])));
    sim.done(1, 1);
    assert_eq!(sim.save(A), "8");
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.refuse(STALE, "");
    sim.confirm();
    sim.poll(CONNECTED);
    // The same numbers, of another count.
    sim.poll(&with_events(&replayed(A, &["8", "9", "1"])));
    assert_eq!(sim.ids(), ["8", "9", "8", "9", "1"]);
    // What the application does with old ones moves nothing.
    sim.done(1, 2);
    assert!(sim.saves.is_empty());
    sim.done(1, 3);
    assert_eq!(sim.save(A), "8");
    sim.done(1, 5);
    assert_eq!(sim.save(A), "1");
}

#[test]
fn r6_commits_that_wait_in_the_old_epoch_reject() {
    let mut sim = Sim::connected();
    sim.follow_as(1, A, Start::New, Commit::Manual, OnInvalid::All);
    sim.load(A, Some("7"));
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&with_events(&replayed(A, &["8", "9"])));
    sim.commit(2, 1, 2);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.refuse(STALE, "");
    assert_eq!(sim.error(2).code(), "replay-invalid");
    sim.confirm();
}

#[test]
fn r6_a_save_of_the_old_epoch_that_is_under_way_leaves_no_debt() {
    let mut sim = first_subscribe(OnInvalid::All);
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&with_events(&replayed(A, &["8", "9"])));
    sim.done(1, 1);
    sim.done(1, 2);
    assert_eq!(sim.saving(A), Some("8"));
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.refuse(STALE, "");
    // 9 would have been next.
    sim.save(A);
    assert!(sim.saves.is_empty());
    sim.confirm();
    sim.close();
    sim.answer("disconnect", "[]");
    assert_eq!((&sim.closed, sim.saves.len()), (&Some(None), 0));
}

#[test]
fn r6_the_first_position_of_the_new_epoch_is_saved_also_when_an_old_save_fails() {
    let mut sim = first_subscribe(OnInvalid::All);
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&with_events(&replayed(A, &["8"])));
    sim.done(1, 1);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.refuse(STALE, "");
    sim.save_answer(A, Some("quota"));
    assert!(sim.saves.is_empty());
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&with_events(&replayed(A, &["1"])));
    sim.done(1, 2);
    assert_eq!(sim.save(A), "1");
}

#[test]
fn r6_after_a_refusal_a_second_subscription_may_name_the_same_start() {
    let mut sim = first_subscribe(OnInvalid::All);
    sim.refuse(STALE, "");
    sim.confirm();
    assert_eq!(sim.try_follow(2, &[A], &[Start::New], Commit::Processed, OnInvalid::All), Ok(()));
    assert!(sim.try_follow(3, &[A], &[Start::All], Commit::Processed, OnInvalid::All).is_err());
}

#[test]
fn r6_a_session_lost_before_the_first_event_begins_at_the_fallback_again() {
    for (policy, from, gaps) in [(OnInvalid::All, "-2", 1), (OnInvalid::New, "-1", 2)] {
        let mut sim = first_subscribe(policy);
        sim.refuse(STALE, "");
        sim.confirm();
        sim.poll(&refused(UNKNOWN, ""));
        sim.new_session();
        assert_eq!((sim.from(), sim.gaps().len()), (from.to_owned(), gaps));
    }
}

#[test]
fn r6_one_channel_refused_leaves_the_others_alone() {
    let mut sim = Sim::connected();
    sim.try_follow(1, &[A, B], &[], Commit::Processed, OnInvalid::All).expect("fine");
    sim.load(A, Some("7"));
    sim.load(B, Some("70"));
    sim.confirm();
    // They go out as their loads answer.
    sim.refuse(STALE, "");
    assert_eq!((topics(&sim.request("commands")), sim.from()), (vec![B.to_owned()], "-2".to_owned()));
    sim.confirm();
    sim.ok(1);
    assert_eq!(position_gap(&sim), (B.to_owned(), Some("70".to_owned())));
}

#[test]
fn r6_the_range_of_the_gap_begins_with_the_last_poll_that_succeeded() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.unix_ms_at_zero = 1_000_000;
    });
    sim.follow(1, A, Start::New);
    sim.load(A, Some("7"));
    sim.confirm();
    sim.advance(5_000);
    sim.poll(CONNECTED);
    sim.advance(10_000);
    sim.poll(CONNECTED);
    sim.advance(1_000);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.refuse(STALE, "");
    let range = sim.statuses.iter().find_map(|status| match status {
        Status::Gap { since_unix_ms, .. } => Some(*since_unix_ms),
        _ => None,
    });
    // The new session's handshake counts as well as a poll.
    assert!(range.is_some_and(|since| (1_005_000..=1_016_000).contains(&since)), "{range:?}");
}
