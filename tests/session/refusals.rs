//! What follows when a subscription is refused: S11, R6.

use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::{Error, GapCause, Input, Status};

use crate::sim::*;

const A: &str = "/event/A__e";
const B: &str = "/event/B__e";

/// Refuses each open command, with more members.
fn refuse(sim: &mut Sim, error: &str, more: &str) {
    let request = sim.request("commands");
    let replies: Vec<String> = messages(&request)
        .iter()
        .map(|message| {
            let mut reply = reply_to(message, false);
            reply["error"] = error.into();
            let text = reply.to_string();
            format!("{}{more}}}", text.strip_suffix('}').expect("an object"))
        })
        .collect();
    sim.answer("commands", &format!("[{}]", replies.join(",")));
}

fn because(reason: &str) -> String {
    format!(r#","advice":{{"reconnect":"none"}},"ext":{{"sfdc":{{"failureReason":"{reason}"}}}}"#)
}

fn until_commands(sim: &mut Sim) -> u64 {
    let from = sim.now;
    while sim.try_open("commands").is_none() {
        sim.wait();
    }
    sim.now - from
}

// S11.

#[test]
fn s11_failure_reason_is_read_before_error_and_a_busy_server_is_tried_again_for_this_subscription() {
    for (error, reason) in [
        (EXPIRED, BUSY),
        ("403:denied_by_security_policy:subscribe_denied", BUSY),
        ("403:denied_by_security_policy:subscribe_denied", "SERVER_UNAVAILABLE"),
    ] {
        let mut sim = Sim::logged_in();
        sim.subscribe(1, &["/a"]);
        refuse(&mut sim, error, &because(reason));
        // Not the token, not the session.
        assert_eq!((sim.asked.len(), sim.kinds()), (1, vec!["connect"]), "{reason}");
        assert!(sim.result(1).is_none());
        assert!(until_commands(&mut sim) >= 1_000);
        assert_eq!(topics(&sim.request("commands")), ["/a"]);
        sim.confirm();
        sim.ok(1);
        assert_eq!(sim.retries().len(), 1);
    }
}

#[test]
fn s11_one_busy_channel_of_several_is_tried_again_alone() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.subscribe(2, &["/b", "/c"]);
    sim.confirm();
    let request = sim.request("commands");
    let all = messages(&request);
    let mut busy = reply_to(&all[0], false);
    busy["error"] = BUSY.into();
    sim.answer("commands", &format!("[{busy},{}]", reply_to(&all[1], true)));
    until_commands(&mut sim);
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
    sim.confirm();
    sim.ok(2);
}

#[test]
fn s11_bare_503_and_server_unavailable_are_the_same() {
    for error in [BUSY, "SERVER_UNAVAILABLE", "503::"] {
        let mut sim = Sim::connected();
        sim.subscribe(1, &["/a"]);
        refuse(&mut sim, error, "");
        assert!(sim.result(1).is_none(), "{error}");
        assert!(until_commands(&mut sim) >= 1_000);
    }
}

#[test]
fn s11_limits_are_paused_and_not_hammered() {
    for error in [
        "403::Organization concurrent user limit exceeded",
        "403::Organization total events daily limit exceeded",
    ] {
        let mut sim = Sim::connected();
        sim.subscribe(1, &["/a"]);
        for _ in 0..5 {
            refuse(&mut sim, error, "");
            assert!(until_commands(&mut sim) >= 30_000, "{error}");
        }
    }
}

#[test]
fn s11_other_refusals_are_final() {
    for (error, code) in [
        ("403::Subscriber does not have access to the entity", "no-access"),
        ("404::Unknown channel", "unknown-channel"),
        ("400::Channel doesn't exist", "unknown-channel"),
        ("403::Subscription limit exceeded for this topic", "subscription-limit"),
        ("500::x", "subscribe-refused"),
    ] {
        let mut sim = Sim::connected();
        sim.subscribe(1, &["/a"]);
        refuse(&mut sim, error, "");
        assert_eq!(sim.error(1).code(), code, "{error}");
        sim.advance(60_000);
        assert_eq!(sim.count("commands"), 1);
    }
}

#[test]
fn s11_a_server_that_stays_busy_is_given_up_before_the_first_yes_and_never_after_it() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    let mut tries = 1;
    refuse(&mut sim, BUSY, "");
    while sim.result(1).is_none() {
        assert!(until_commands(&mut sim) <= 30_000);
        refuse(&mut sim, BUSY, "");
        tries += 1;
    }
    // The first and ten more.
    assert_eq!((tries, sim.error(1).code()), (11, "max-retries"));

    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.poll(CONNECTED);
    for _ in 0..40 {
        refuse(&mut sim, BUSY, "");
        while sim.try_open("commands").is_none() {
            sim.wait();
            if sim.try_open("connect").is_some() && sim.now.is_multiple_of(2) {
                sim.poll(CONNECTED);
            }
        }
    }
    sim.confirm();
    assert!(sim.ended.is_empty());
}

#[test]
fn s11_the_host_decides_where_it_is_asked() {
    for (retry, error) in [(true, "403::Subscriber does not have access to the entity"), (false, BUSY)] {
        let mut sim = Sim::connected_with(|config| config.decides = true);
        sim.subscribe(1, &["/a"]);
        refuse(&mut sim, error, "");
        let (request, channel, failure) = sim.decisions[0].clone();
        assert_eq!((sim.decisions.len(), channel.as_str()), (1, "/a"));
        assert!(matches!(failure, Error::SubscribeRefused { .. }));
        // Until then nothing happens to it.
        sim.advance(5_000);
        assert!(sim.result(1).is_none() && sim.try_open("commands").is_none());
        sim.input(Input::Decided { request, retry: Some(retry) });
        if retry {
            until_commands(&mut sim);
            sim.confirm();
            sim.ok(1);
        } else {
            assert_eq!(sim.error(1).code(), "server-busy");
        }
    }
}

#[test]
fn s11_a_host_that_has_no_opinion_or_does_not_answer_leaves_it_to_the_session() {
    let silent = |sim: &mut Sim, request: u32| sim.input(Input::Decided { request, retry: None });
    let late = |sim: &mut Sim, _: u32| sim.advance(10_000);
    type Answer<'a> = &'a dyn Fn(&mut Sim, u32);
    for answer in [&silent as Answer<'_>, &late] {
        for (error, again) in [(BUSY, true), ("404::Unknown channel", false)] {
            let mut sim = Sim::connected_with(|config| config.decides = true);
            sim.subscribe(1, &["/a"]);
            refuse(&mut sim, error, "");
            let (request, _, _) = sim.decisions[0];
            answer(&mut sim, request);
            if again {
                until_commands(&mut sim);
                // An answer that comes now is about a question that is closed.
                sim.input(Input::Decided { request, retry: Some(false) });
                sim.confirm();
                sim.ok(1);
            } else {
                assert_eq!(sim.error(1).code(), "unknown-channel");
                sim.input(Input::Decided { request, retry: Some(true) });
                assert!(sim.try_open("commands").is_none());
            }
        }
    }
}

#[test]
fn s11_each_refusal_is_asked_about_and_retries_back_off() {
    let mut sim = Sim::connected_with(|config| config.decides = true);
    sim.subscribe(1, &["/a"]);
    let mut delays = Vec::new();
    for round in 0..6 {
        refuse(&mut sim, "404::Unknown channel", "");
        let (request, _, _) = sim.decisions[round];
        sim.input(Input::Decided { request, retry: Some(true) });
        delays.push(until_commands(&mut sim));
    }
    assert_eq!(delays[0], 0);
    assert!(delays[1..].iter().all(|delay| (1_000..=30_000).contains(delay)), "{delays:?}");
    // Only so often, before the server has ever said yes.
    for round in 6.. {
        refuse(&mut sim, "404::Unknown channel", "");
        let (request, _, _) = sim.decisions[round];
        sim.input(Input::Decided { request, retry: Some(true) });
        if sim.result(1).is_some() {
            break;
        }
        until_commands(&mut sim);
    }
    assert_eq!((sim.error(1).code(), sim.decisions.len()), ("max-retries", 11));
}

#[test]
fn s11_a_decision_about_a_channel_that_was_left_or_of_a_client_that_ended_changes_nothing() {
    let mut sim = Sim::connected_with(|config| config.decides = true);
    sim.subscribe(1, &["/a"]);
    refuse(&mut sim, "404::Unknown channel", "");
    let (request, _, _) = sim.decisions[0];
    sim.leave(2, 1, 0);
    sim.ok(2);
    sim.input(Input::Decided { request, retry: Some(true) });
    assert!(sim.try_open("commands").is_none());
    sim.subscribe(3, &["/a"]);
    refuse(&mut sim, "404::Unknown channel", "");
    let (request, _, _) = sim.decisions[1];
    sim.close();
    assert_eq!(*sim.error(3), Error::Closed);
    sim.input(Input::Decided { request, retry: Some(true) });
    sim.advance(2_000);
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn s11_a_session_lost_while_the_host_decides_waits_with_this_channel_alone() {
    let mut sim = Sim::connected_with(|config| config.decides = true);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.subscribe(2, &["/b"]);
    refuse(&mut sim, "404::Unknown channel", "");
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    sim.confirm();
    let (request, _, _) = sim.decisions[0];
    sim.input(Input::Decided { request, retry: Some(true) });
    until_commands(&mut sim);
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
}

// R6.

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
        refuse(&mut sim, STALE, "");
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
    refuse(&mut sim, STALE, "");
    assert_eq!((sim.error(1).code(), sim.error(1).channel()), ("replay-invalid", Some(A)));
    assert!(sim.gaps().is_empty() && sim.try_open("commands").is_none() && sim.saves.is_empty());
}

#[test]
fn r6_the_same_on_a_later_subscribe() {
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
        refuse(&mut sim, STALE, "");
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
    refuse(&mut sim, STALE, "");
    assert_eq!((sim.from(), position_gap(&sim).1), ("-2".to_owned(), Some("7".to_owned())));
}

#[test]
fn r6_the_fallback_refused_ends_the_subscription() {
    for policy in [OnInvalid::All, OnInvalid::New] {
        let mut sim = first_subscribe(policy);
        refuse(&mut sim, STALE, "");
        refuse(&mut sim, STALE, "");
        assert_eq!(sim.error(1).code(), "replay-invalid");
        assert!(sim.try_open("commands").is_none());
        assert_eq!(sim.gaps().len(), 1);
    }
    // And so does the first one where there never was a position.
    let mut sim = Sim::connected();
    sim.follow(1, A, Start::All);
    sim.load(A, None);
    refuse(&mut sim, STALE, "");
    assert_eq!(sim.error(1).code(), "replay-invalid");
}

#[test]
fn r6_other_400s_are_not_refused_positions() {
    let wrong_map = "400::The replayId for channel {/event/A__e} wasn't found using the provided replay ID map {{}}. Ensure that the channel name you provided in the replay map is valid and matches the channel name used for subscribing.";
    for (error, code) in [(wrong_map, "replay-map"), ("400::Query fields do not exist", "bad-channel")] {
        let mut sim = first_subscribe(OnInvalid::All);
        refuse(&mut sim, error, "");
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
    refuse(&mut sim, STALE, "");
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
    refuse(&mut sim, STALE, "");
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
    refuse(&mut sim, STALE, "");
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
    refuse(&mut sim, STALE, "");
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
    refuse(&mut sim, STALE, "");
    sim.confirm();
    assert_eq!(sim.try_follow(2, &[A], &[Start::New], Commit::Processed, OnInvalid::All), Ok(()));
    assert!(sim.try_follow(3, &[A], &[Start::All], Commit::Processed, OnInvalid::All).is_err());
}

#[test]
fn r6_a_session_lost_before_the_first_event_of_the_new_epoch_begins_at_the_fallback_again() {
    for (policy, from, gaps) in [(OnInvalid::All, "-2", 1), (OnInvalid::New, "-1", 2)] {
        let mut sim = first_subscribe(policy);
        refuse(&mut sim, STALE, "");
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
    refuse(&mut sim, STALE, "");
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
    refuse(&mut sim, STALE, "");
    let range = sim.statuses.iter().find_map(|status| match status {
        Status::Gap { since_unix_ms, .. } => Some(*since_unix_ms),
        _ => None,
    });
    // The new session's handshake counts as well as a poll.
    assert!(range.is_some_and(|since| (1_005_000..=1_016_000).contains(&since)), "{range:?}");
}
