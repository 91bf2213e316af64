//! A session that is replaced, and goes on where the last one stopped: S9, R7 to R8, X3, A1 with replay.

use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::{Error, GapCause, State, Status};

use crate::sim::*;

const A: &str = "/event/A__e";
const B: &str = "/event/B__e";

fn following() -> Sim {
    Sim::following(A, Start::New, Some("10"))
}

fn arrive(sim: &mut Sim, ids: &[&str]) {
    sim.poll(&with_events(&replayed(A, ids)));
}

fn done(sim: &mut Sim, subscription: u32, id: &str) {
    let sequence = sim.sequence(id);
    sim.done(subscription, sequence);
}

fn cookie(sim: &Sim, kind: &str) -> Option<String> {
    let request = sim.request(kind);
    request.headers().iter().find(|(name, _)| name == "Cookie").map(|(_, value)| value.clone())
}

// S9.

#[test]
fn unknown_client_rehandshakes_and_resubscribes_from_last_position() {
    let mut sim = following();
    sim.follow(2, B, Start::All);
    sim.load(B, None);
    sim.confirm();
    arrive(&mut sim, &["11", "12"]);
    // Received is enough: what the application has not done with is still in its queue.
    sim.poll(&refused("403::Unknown client", r#","advice":{"interval":0,"reconnect":"handshake"}"#));
    // The server does not know it, so there is nothing to say good-bye to.
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.new_session();
    let positions: Vec<String> = messages(&sim.request("commands"))
        .iter()
        .map(|message| message["ext"]["replay"].to_string())
        .collect();
    assert_eq!(positions, [r#"{"/event/A__e":12}"#, r#"{"/event/B__e":-2}"#]);
    assert!(sim.gaps().is_empty());
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["13"]);
    assert_eq!(sim.ids(), ["11", "12", "13"]);
    done(&mut sim, 1, "13");
    assert_eq!(sim.save(A), "13");
}

#[test]
fn s9_sessions_lost_in_a_row_lose_no_position() {
    let mut sim = following();
    for round in 0..5_u32 {
        let id = (11 + round).to_string();
        arrive(&mut sim, &[&id]);
        sim.poll(&refused(UNKNOWN, ""));
        sim.new_session();
        assert_eq!(sim.from(), id);
        // Half of the time the subscribe is not even answered.
        if round % 2 == 0 {
            sim.poll(&refused(UNKNOWN, ""));
            sim.new_session();
            assert_eq!(sim.from(), id);
        }
        sim.confirm();
        sim.poll(CONNECTED);
    }
    assert_eq!(sim.ids().len(), 5);
    assert!(sim.gaps().is_empty());
}

// R7.

#[test]
fn r7_a_poll_that_did_not_arrive_whole_replaces_the_session_and_loses_nothing() {
    let lose: [&dyn Fn(&mut Sim); 9] = [
        &|sim| sim.fail("connect"),
        &|sim| sim.cut("connect", &format!("[{}", replayed(A, &["12"]))),
        &|sim| sim.cut("connect", &with_events(&replayed(A, &["12"]))),
        &|sim| sim.answer("connect", &format!("[{}", replayed(A, &["12"]).trim_end_matches(','))),
        &|sim| sim.answer("connect", ""),
        &|sim| sim.answer("connect", "[{]"),
        &|sim| sim.answer_status("connect", 502),
        &|sim| sim.answer_status("connect", 408),
        &|sim| sim.advance(40_000),
    ];
    for (index, lose) in lose.into_iter().enumerate() {
        let mut sim = following();
        arrive(&mut sim, &["11"]);
        lose(&mut sim);
        let last = sim.ids().last().cloned().expect("one");
        // The old session first.
        assert_eq!(sim.kinds(), ["disconnect"], "{index}");
        sim.new_session();
        assert_eq!(sim.from(), last, "{index}");
        sim.confirm();
        sim.poll(CONNECTED);
        // The server sends what is missing, and perhaps more.
        arrive(&mut sim, &["11", "12", "13"]);
        assert_eq!(sim.ids(), ["11", "12", "13"], "{index}");
        assert!(sim.gaps().is_empty(), "{index}: {:?}", sim.gaps());
        done(&mut sim, 1, "13");
        assert_eq!(sim.save(A), "13");
    }
}

#[test]
fn r7_a_reply_to_commands_that_did_not_arrive_whole_replaces_the_session_as_well() {
    let lose: [&dyn Fn(&mut Sim); 6] = [
        &|sim| sim.fail("commands"),
        &|sim| sim.cut("commands", "["),
        &|sim| sim.cut("commands", &format!("[{}", replayed(A, &["12"]))),
        &|sim| sim.answer("commands", ""),
        &|sim| sim.answer_status("commands", 503),
        &|sim| sim.advance(10_000),
    ];
    for (index, lose) in lose.into_iter().enumerate() {
        let mut sim = following();
        arrive(&mut sim, &["11"]);
        sim.publish(2, "/p");
        lose(&mut sim);
        assert_eq!(*sim.error(2), Error::OutcomeUnknown { channel: "/p".to_owned() }, "{index}");
        // The poll was open, and events may have been in it.
        assert_eq!((sim.kinds(), sim.aborted.is_empty()), (vec!["disconnect"], false), "{index}");
        sim.new_session();
        // What came on the broken reply was provisional.
        assert_eq!(sim.from(), "11", "{index}");
        sim.confirm();
        sim.poll(CONNECTED);
        arrive(&mut sim, &["12", "13"]);
        assert_eq!(sim.ids(), ["11", "12", "13"], "{index}");
        // Never sent twice.
        assert!(sim.sent.iter().filter(|request| topics(request).contains(&"/p".to_owned())).count() == 1);
        assert!(sim.gaps().is_empty());
    }
}

#[test]
fn r7_a_lost_subscribe_is_sent_again_in_the_next_session() {
    let mut sim = following();
    sim.follow(2, B, Start::New);
    sim.load(B, Some("500"));
    assert_eq!(sim.from(), "500");
    sim.cut("commands", &format!("[{}", replayed(B, &["501"])));
    sim.new_session();
    assert_eq!(topics(&sim.request("commands")), [A, B]);
    // 501 came while the poll was open.
    assert!(sim.request("commands").body().contains(r#"{"/event/B__e":500}"#));
    sim.confirm();
    sim.ok(2);
}

#[test]
fn r7_a_request_that_the_server_refused_is_not_lost() {
    let refuse: [&dyn Fn(&mut Sim); 5] = [
        &|sim| sim.poll(&refused("500::x", "")),
        &|sim| sim.answer_status("connect", 400),
        &|sim| sim.answer_status("connect", 403),
        &|sim| sim.answer_status("connect", 429),
        &|sim| {
            sim.publish(2, "/p");
            sim.answer_status("commands", 413);
        },
    ];
    for refuse in refuse {
        let mut sim = following();
        arrive(&mut sim, &["11"]);
        refuse(&mut sim);
        sim.advance(3_000);
        assert_eq!((sim.count("disconnect"), sim.count("handshake")), (0, 1));
        assert!(sim.try_open("connect").is_some());
    }
}

#[test]
fn r7_a_publish_answered_unknown_client_is_sent_once_more() {
    let mut sim = following();
    sim.publish(2, "/p");
    sim.answer("commands", &format!(r#"[{{"channel":"/p","successful":false,"error":"{UNKNOWN}"}}]"#));
    sim.new_session();
    let mut both = topics(&sim.request("commands"));
    both.sort();
    assert_eq!(both, [A, "/p"]);
    sim.confirm();
    sim.ok(2);
}

#[test]
fn r7_without_a_followed_channel_the_session_is_kept() {
    let mut sim = Sim::logged_in();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.fail("connect");
    assert_eq!(sim.kinds(), ["connect"]);
    // And again once the last one is left.
    let mut sim = following();
    sim.leave(2, 1, 0);
    sim.confirm();
    sim.fail("connect");
    assert_eq!((sim.kinds(), sim.count("handshake")), (vec!["connect"], 1));
}

#[test]
fn r7_failures_in_a_row_back_off_and_say_so() {
    let mut sim = following();
    for _ in 0..4 {
        sim.fail("connect");
        sim.new_session();
    }
    let delays: Vec<u64> = sim.retries().iter().map(|(_, delay)| *delay).collect();
    assert_eq!((delays.len(), delays[0]), (4, 0));
    assert!(delays[1..].iter().all(|delay| *delay >= 1_000), "{delays:?}");
    assert_eq!(sim.states.iter().filter(|state| **state == State::Retrying).count(), 4);
}

#[test]
fn r7_a_channel_without_replay_beside_one_with_it_has_its_gap() {
    let mut sim = following();
    sim.subscribe(2, &["/plain"]);
    sim.confirm();
    sim.poll(CONNECTED);
    sim.fail("connect");
    assert_eq!(sim.gaps(), [("/plain".to_owned(), GapCause::ResponseLost)]);
    sim.new_session();
    assert_eq!(topics(&sim.request("commands")), [A, "/plain"]);
}

// R7b.

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
fn r7b_a_new_local_subscription_starts_from_the_committed_position_with_an_empty_set() {
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
fn r7b_a_new_local_subscription_where_all_is_committed_needs_nothing_again() {
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
fn r7b_two_new_readers_in_one_turn_need_it_once() {
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
fn r7b_a_session_lost_while_it_is_subscribed_again_still_begins_at_the_committed_position() {
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
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow_as(1, A, Start::New, Commit::Manual, OnInvalid::All);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
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
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow_as(1, A, Start::New, Commit::Manual, OnInvalid::All);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
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

// R7c.

#[test]
fn r7c_a_channel_started_as_new_that_has_received_nothing_begins_anew_with_a_gap() {
    let lose: [&dyn Fn(&mut Sim); 3] =
        [&|sim| sim.fail("connect"), &|sim| sim.poll(&refused(UNKNOWN, "")), &|sim| {
            sim.answer_status("connect", 502)
        }];
    for lose in lose {
        let mut sim = Sim::following(A, Start::New, None);
        lose(&mut sim);
        sim.new_session();
        assert_eq!(sim.from(), "-1");
        assert_eq!(sim.gaps(), [(A.to_owned(), GapCause::NoPosition)]);
    }
}

#[test]
fn r7c_a_channel_started_with_all_begins_with_all_again_and_without_a_gap() {
    for (start, from) in [(Start::All, "-2"), (Start::After("5".to_owned()), "5")] {
        let mut sim = Sim::following(A, start, None);
        sim.fail("connect");
        sim.new_session();
        assert_eq!(sim.from(), from);
        assert!(sim.gaps().is_empty());
    }
}

#[test]
fn r7c_a_channel_that_the_server_never_confirmed_has_no_gap() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    sim.fail("connect");
    sim.new_session();
    assert_eq!(sim.from(), "-1");
    assert!(sim.gaps().is_empty());
}

#[test]
fn r7c_from_the_first_event_on_there_is_a_position() {
    let mut sim = Sim::following(A, Start::New, None);
    arrive(&mut sim, &["700"]);
    sim.fail("connect");
    sim.new_session();
    assert_eq!(sim.from(), "700");
    assert!(sim.gaps().is_empty());
}

#[test]
fn r7c_a_first_event_that_is_provisional_is_no_position_without_a_gap() {
    let mut sim = Sim::following(A, Start::New, None);
    sim.publish(2, "/p");
    sim.answer("commands", &format!(r#"[{}{{"channel":"/p","successful":true}}]"#, replayed(A, &["700"])));
    sim.fail("connect");
    assert_eq!(sim.gaps(), [(A.to_owned(), GapCause::NoPosition)]);
}

// R7d.

/// A session whose cookies are known, with a cut poll.
fn with_cookies() -> Sim {
    let mut sim = Sim::with(|config| config.replay = true);
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "BAYEUX_BROWSER=old")]);
    sim.chunk(id, &handshake("client-1", ""));
    sim.end(id);
    sim.poll(CONNECTED);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    sim
}

#[test]
fn r7d_the_old_session_is_disconnected_first_with_its_own_cookies_and_the_new_one_has_none_of_them() {
    let mut sim = with_cookies();
    sim.fail("connect");
    assert_eq!(sim.kinds(), ["disconnect"]);
    assert_eq!(only(&sim.request("disconnect"))["clientId"], "client-1");
    assert_eq!(cookie(&sim, "disconnect").as_deref(), Some("BAYEUX_BROWSER=old"));
    let id = sim.request("disconnect").id();
    sim.head_with(id, 200, &[("Set-Cookie", "BAYEUX_BROWSER=late")]);
    sim.chunk(id, "[]");
    sim.end(id);
    assert_eq!((sim.kinds(), cookie(&sim, "handshake")), (vec!["handshake"], None));
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(cookie(&sim, "connect"), None);
}

#[test]
fn r7d_where_the_browser_keeps_cookies_there_are_none_to_leave() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.own_cookies = false;
    });
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.fail("connect");
    assert_eq!((sim.kinds(), cookie(&sim, "disconnect")), (vec!["disconnect"], None));
}

#[test]
fn r7d_the_disconnect_has_1_s() {
    let mut sim = following();
    sim.fail("connect");
    let farewell = sim.request("disconnect").id();
    sim.advance(400);
    // Its head does not give it more.
    sim.head(farewell, 200);
    sim.chunk(farewell, "[");
    sim.advance(599);
    assert_eq!(sim.kinds(), ["disconnect"]);
    sim.advance(1);
    assert_eq!((sim.kinds(), sim.aborted.contains(&farewell)), (vec!["handshake"], true));
}

#[test]
fn r7d_whatever_the_disconnect_is_answered_the_new_session_begins() {
    let answer: [&dyn Fn(&mut Sim); 6] = [
        &|sim| sim.fail("disconnect"),
        &|sim| sim.answer("disconnect", ""),
        &|sim| sim.answer("disconnect", "<html>"),
        &|sim| sim.answer_status("disconnect", 401),
        &|sim| sim.answer_status("disconnect", 503),
        &|sim| {
            let body = r#"[{"channel":"/meta/disconnect","successful":false,"error":"402::Unknown client","advice":{"reconnect":"none"}}]"#;
            sim.answer("disconnect", body)
        },
    ];
    for answer in answer {
        let mut sim = following();
        sim.fail("connect");
        answer(&mut sim);
        assert_eq!((sim.kinds(), &sim.closed), (vec!["handshake"], &None));
        sim.new_session();
        assert_eq!(sim.from(), "10");
    }
}

#[test]
fn r7d_late_replies_are_ignored_but_their_events_count_as_received() {
    let mut sim = following();
    sim.publish(2, "/p");
    sim.fail("connect");
    assert_eq!(sim.kinds(), ["commands", "disconnect"]);
    // On the reply to the farewell, and on one that was still open.
    let advice =
        r#"{"channel":"/meta/disconnect","successful":true,"advice":{"reconnect":"none","interval":60000}}"#;
    sim.answer("disconnect", &format!("[{}{advice}]", replayed(A, &["11"])));
    let id = sim.request("commands").id();
    sim.head_with(id, 200, &[("Set-Cookie", "late=1")]);
    let reply = reply_to(&only(&sim.request("commands")), true);
    sim.chunk(id, &format!("[{}{reply}]", replayed(A, &["12"])));
    sim.end(id);
    sim.ok(2);
    assert_eq!(sim.ids(), ["11", "12"]);
    sim.done(1, 2);
    // They are no positions.
    assert!(sim.saves.is_empty());
    sim.new_session();
    assert_eq!((cookie(&sim, "connect"), sim.from()), (None, "10".to_owned()));
    assert_eq!(sim.states.last(), Some(&State::Connected));
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11", "12", "13"]);
    assert_eq!(sim.ids(), ["11", "12", "13"]);
    assert_eq!(sim.save(A), "12");
}

#[test]
fn r7d_closing_in_between_lets_the_farewell_come_to_its_end() {
    let answer = |sim: &mut Sim| sim.answer("disconnect", "[]");
    let hang = |sim: &mut Sim| sim.advance(2_000);
    let end: [&dyn Fn(&mut Sim); 2] = [&answer, &hang];
    for (end, at) in end.into_iter().zip([0, 2_000]) {
        let mut sim = following();
        sim.fail("connect");
        sim.close();
        assert_eq!((sim.kinds(), sim.closed.is_none()), (vec!["disconnect"], true));
        end(&mut sim);
        assert_eq!((sim.count("disconnect"), &sim.closed, sim.now), (1, &Some(None), at));
    }
}

#[test]
fn r7d_closing_before_the_farewell_could_go_out_sends_it() {
    let mut sim = Sim::logged_in();
    sim.answer_status("connect", 401);
    // It waited for a token.
    assert!(sim.kinds().is_empty());
    sim.close();
    assert_eq!(only(&sim.request("disconnect"))["clientId"], "client-1");
    sim.answer("disconnect", "[]");
    assert_eq!(sim.closed, Some(None));
}

// R8.

#[test]
fn r8_with_replay_a_session_that_lapses_while_nobody_reads_is_no_gap() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.queued_events = 2;
    });
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    arrive(&mut sim, &["11", "12"]);
    let told = sim
        .statuses
        .iter()
        .any(|status| matches!(status, Status::Backpressure { channel, active: true, .. } if channel == A));
    assert!(told && sim.kinds().is_empty());
    // The one poll that is sent all the same, up to twice the limit.
    sim.advance(7_500);
    assert_eq!(sim.kinds(), ["connect"]);
    let id = sim.begin("connect", &format!("[{}", replayed(A, &["13", "14", "15"])));
    sim.end(id);
    assert_eq!(sim.ids(), ["11", "12", "13", "14"]);
    sim.advance(3_600_000);
    // An hour later somebody reads.
    sim.take(1, 4);
    done(&mut sim, 1, "14");
    assert_eq!(sim.save(A), "14");
    while sim.try_open("commands").is_none() {
        if sim.try_open("connect").is_some() {
            sim.poll(&refused(UNKNOWN, ""));
        } else if sim.try_open("handshake").is_some() || sim.try_open("disconnect").is_some() {
            sim.new_session();
        } else {
            sim.wait();
        }
    }
    let last = sim.ids().last().cloned().expect("one");
    assert_eq!(sim.from(), last);
    assert!(sim.gaps().is_empty());
}

#[test]
fn r8_subscribes_of_a_new_session_wait_for_room() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.queued_events = 2;
    });
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.cut("connect", &format!("[{}", replayed(A, &["11"])));
    sim.new_session();
    sim.answer("commands", &{
        let reply = reply_to(&only(&sim.request("commands")), true);
        format!("[{}{reply}]", replayed(A, &["12"]))
    });
    // Full.
    sim.fail("connect");
    sim.new_session();
    assert!(sim.try_open("commands").is_none());
    sim.take(1, 2);
    assert_eq!(topics(&sim.request("commands")), [A]);
}

// X3.

#[test]
fn x3_an_event_too_large_ends_its_subscription_and_the_position_stays_before_it() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.message_bytes = 300;
    });
    sim.follow(1, A, Start::New);
    sim.follow(2, B, Start::New);
    sim.load(A, Some("10"));
    sim.load(B, None);
    while sim.try_open("commands").is_some() {
        sim.confirm();
    }
    sim.poll(CONNECTED);
    let large = format!(
        r#"{{"channel":"{A}","data":{{"event":{{"replayId":12}},"payload":"{}"}}}},"#,
        "x".repeat(400)
    );
    sim.poll(&with_events(
        &[replayed(A, &["11"]), large, replayed(A, &["13"]), replayed(B, &["1"])].concat(),
    ));
    assert_eq!(sim.ended.len(), 1);
    let Some(Error::EventTooLarge { channel, replay_id }) = &sim.ended[0].1 else {
        panic!("{:?}", sim.ended)
    };
    assert_eq!((channel.as_str(), replay_id.as_deref()), (A, Some("12")));
    // 13 is not given out, and the others go on.
    assert_eq!((sim.ids_of(1), sim.ids_of(2)), (vec!["11".to_owned()], vec!["1".to_owned()]));
    sim.done(1, 1);
    assert_eq!(sim.save(A), "11");
    done(&mut sim, 2, "1");
    assert_eq!(sim.save(B), "1");
    // Whoever subscribes again gets there again.
    sim.confirm();
    sim.follow(3, A, Start::New);
    assert_eq!(sim.from(), "11");
}

#[test]
fn x3_what_cannot_be_decoded_at_the_same_position_three_times_ends_the_client() {
    let mut sim = following();
    let mut rounds = 0;
    loop {
        // Some of what is left over comes each time, and it is known.
        sim.answer("connect", &format!("[{}{{\"channel\":nonsense}}]", replayed(A, &["11"])));
        rounds += 1;
        if sim.session.state() == State::Closed {
            break;
        }
        sim.new_session();
        assert_eq!(sim.from(), "11");
        sim.confirm();
        sim.poll(CONNECTED);
    }
    sim.advance(2_000);
    assert_eq!((rounds, sim.closed_with().code()), (3, "protocol"));
    assert_eq!(sim.ids(), ["11"]);
}

#[test]
fn x3_progress_in_between_starts_the_count_anew() {
    let mut sim = following();
    for round in 0..8_u32 {
        let body = format!("[{}{{\"channel\":nonsense}}]", replayed(A, &[&(11 + round).to_string()]));
        sim.answer("connect", &body);
        assert_eq!(sim.session.state(), State::Retrying, "{round}");
        sim.new_session();
        sim.confirm();
        sim.poll(CONNECTED);
    }
    assert_eq!(sim.ids().len(), 8);
    // So does a poll that arrives whole.
    let mut sim = following();
    for _ in 0..8 {
        sim.answer("connect", "[{\"channel\":nonsense}]");
        sim.new_session();
        sim.confirm();
        sim.poll(CONNECTED);
        sim.poll(CONNECTED);
    }
    assert!(sim.closed.is_none());
}

#[test]
fn x3_what_cannot_be_decoded_on_a_reply_to_a_subscribe_is_no_loop_either() {
    let mut sim = following();
    sim.fail("connect");
    sim.new_session();
    let mut rounds = 0;
    loop {
        while sim.try_open("commands").is_none() {
            sim.wait();
        }
        sim.answer("commands", "[{\"channel\":nonsense}]");
        rounds += 1;
        if sim.session.state() == State::Closed {
            break;
        }
        sim.new_session();
        sim.poll(CONNECTED);
    }
    assert_eq!(rounds, 3);
}

// A1.

#[test]
fn a1_with_replay_a_cut_poll_repeats_the_number_and_starts_no_new_session() {
    let mut sim = Sim::acknowledged_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(&poll_reply("", 2));
    sim.cut("connect", &format!("[{}", replayed(A, &["11", "12"])));
    assert_eq!(sim.kinds(), ["connect"]);
    assert_eq!(only(&sim.request("connect"))["ext"]["ack"], 2);
    sim.poll(&poll_reply(&replayed(A, &["11", "12", "13"]), 3));
    assert_eq!(sim.ids(), ["11", "12", "13"]);
    assert_eq!((sim.count("handshake"), sim.count("disconnect")), (1, 0));
    done(&mut sim, 1, "13");
    assert_eq!(sim.save(A), "13");
    // A lost reply to a command neither.
    sim.publish(2, "/p");
    sim.fail("commands");
    assert_eq!((sim.count("handshake"), sim.gaps().len()), (1, 0));
}

#[test]
fn a2_with_replay_a_session_lost_under_ack_goes_on_from_the_position() {
    let mut sim = Sim::acknowledged_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(&poll_reply(&replayed(A, &["11"]), 2));
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    assert_eq!(sim.from(), "11");
    assert!(sim.gaps().is_empty());
}

#[test]
fn a1_under_ack_a_reply_to_a_command_makes_nothing_provisional() {
    let mut sim = Sim::acknowledged_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(&poll_reply("", 2));
    sim.publish(2, "/p");
    sim.poll(&poll_reply(&replayed(A, &["11"]), 3));
    sim.done(1, 1);
    assert_eq!(sim.save(A), "11");
}
