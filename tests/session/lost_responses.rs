//! A reply that did not arrive whole replaces the session: R7.

use cometd_edge::replay::Start;
use cometd_edge::session::{Error, GapCause, State};

use crate::sim::*;

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
fn r7_a_poll_the_server_may_still_hold_does_not_swallow_replayed_events() {
    // Nothing was tracked when it was cut, so the session stays until something is.
    let mut sim = Sim::logged_in();
    sim.fail("connect");
    assert_eq!(sim.kinds(), ["connect"]);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.new_session();
    assert_eq!(sim.from(), "10");
    sim.confirm();
    sim.ok(1);
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
fn r7_without_a_tracked_channel_the_session_is_kept() {
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
