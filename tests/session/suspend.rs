//! The end of a client that leaves a snapshot: S17.

use cometd_edge::replay::{Commit, Start};
use cometd_edge::session::{ApiMisuse, Command, Error, State};
use serde_json::Value;

use crate::sim::*;

fn parsed(snapshot: &str) -> Value {
    serde_json::from_str(snapshot).expect("a snapshot is JSON")
}

#[test]
fn s17_suspend_settles_with_the_snapshot_then_subscriptions_and_client_end() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.log.clear();
    sim.suspend(9);
    let told: Vec<&str> =
        sim.log.iter().map(|line| line.split([' ', '(']).nth(1).expect("an output")).collect();
    assert_eq!(told, ["State", "Abort", "Status", "Status", "Settled", "State", "Ended", "Ended", "Closed"]);
    assert_eq!(sim.ended, [(1, None), (2, None)]);
    assert_eq!((&sim.closed, sim.session.state()), (&Some(None), State::Closed));
    assert_eq!((sim.ok(9).len(), sim.now, sim.wake), (1, 0, None));
}

#[test]
fn s17_plain_bayeux_keeps_its_session_which_goes_into_the_snapshot() {
    let mut sim = Sim::with(|config| config.unix_ms_at_zero = 1_000_000);
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "BAYEUX_BROWSER=b1; Path=/")]);
    sim.chunk(id, &handshake("client-1", r#","ext":{"ack":true}"#));
    sim.end(id);
    sim.poll(&poll_reply("", 7));
    sim.subscribe(1, &["/a", "/b/*"]);
    sim.confirm();
    sim.begin("connect", &format!("[{}", events("/a", [1, 2, 3])));
    sim.advance(500);
    let snapshot = parsed(&sim.snapshot());
    assert_eq!(sim.count("disconnect"), 0);
    assert_eq!(snapshot["clientId"], "\"client-1\"");
    // When the last poll that succeeded was sent.
    assert_eq!((&snapshot["url"], &snapshot["time"]), (&URL.into(), &"1000000".into()));
    assert_eq!((&snapshot["ack"], &snapshot["skip"]), (&"7".into(), &"3".into()));
    assert_eq!(snapshot["cookies"][0][0], "BAYEUX_BROWSER");
    assert_eq!(snapshot["channels"], serde_json::json!({ "/a": [], "/b/*": [] }));
    assert_eq!(snapshot.get("lost"), None);
}

#[test]
fn s17_an_aborted_poll_without_acks_is_noted_as_lost() {
    let mut sim = Sim::subscribed(&["/a"]);
    assert!(parsed(&sim.snapshot()).get("lost").is_some());
    // Between two polls nothing is.
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&advised(r#"{"reconnect":"retry","interval":5000}"#));
    assert!(parsed(&sim.snapshot()).get("lost").is_none());
}

#[test]
fn s17_committed_positions_go_into_the_snapshot_and_others_do_not() {
    let mut sim = following();
    sim.follow(2, B, Start::New);
    sim.load(B, None);
    sim.confirm();
    arrive(&mut sim, &["11", "12"]);
    done(&mut sim, 1, "11");
    sim.suspend(9);
    // The store hangs.
    sim.advance(2_000);
    let snapshot = parsed(&sim.ok(9)[0]);
    assert_eq!(snapshot["channels"], serde_json::json!({ A: ["11"], B: [] }));
    sim.advance(2_000);
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn s17_channels_that_nobody_wants_or_the_server_never_confirmed_are_left_out() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.unsubscribe(3, 2);
    sim.confirm();
    sim.subscribe(4, &["/c"]);
    sim.suspend(9);
    sim.advance(1_000);
    assert_eq!(parsed(&sim.ok(9)[0])["channels"], serde_json::json!({ "/a": [] }));
    assert_eq!(sim.error(4), &Error::Closed);
}

#[test]
fn s17_with_tokens_the_session_ends_and_stays_out_of_the_snapshot() {
    for salesforce in [false, true] {
        let mut sim = Sim::with(|config| {
            config.authenticated().expect("https");
            config.replay = true;
            if salesforce {
                config.salesforce();
            }
        });
        sim.token();
        let id = sim.request("handshake").id();
        sim.head_with(id, 200, &[("Set-Cookie", "session=c00kie")]);
        sim.chunk(id, &handshake("client-1", ""));
        sim.end(id);
        sim.poll(CONNECTED);
        sim.follow(1, A, Start::New);
        sim.load(A, Some("10"));
        sim.confirm();
        sim.suspend(9);
        assert_eq!(only(&sim.request("disconnect"))["clientId"], "client-1");
        // A new session comes from the positions; for plain Bayeux the disconnect follows the snapshot.
        sim.answer("disconnect", "[]");
        let text = &sim.ok(9)[0];
        assert!(!text.contains("client-1") && !text.contains("c00kie") && !text.contains("token"));
        assert_eq!(parsed(text)["channels"], serde_json::json!({ A: ["10"] }));
        assert_eq!((sim.count("disconnect"), &sim.closed), (1, &Some(None)));
    }
}

#[test]
fn s17_what_is_in_flight_has_1_s_to_end_well() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.suspend(9);
    assert_eq!((sim.kinds(), sim.result(9)), (vec!["commands"], None));
    sim.advance(500);
    sim.confirm();
    sim.ok(2);
    sim.ok(9);
    assert_eq!(sim.closed, Some(None));
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.suspend(9);
    sim.advance(1_000);
    sim.ok(9);
    assert_eq!(sim.error(2), &Error::OutcomeUnknown { channel: "/p".to_owned() });
}

#[test]
fn s17_at_any_moment_suspend_settles_everything_within_4_s() {
    let before: [(&[u32], &dyn Fn() -> Sim); 12] = [
        (&[], &Sim::new),
        (&[], &Sim::salesforce),
        (&[1], &|| Sim::subscribed(&["/a"])),
        // Between two attempts.
        (&[1], &|| {
            let mut sim = Sim::new();
            sim.fail("handshake");
            sim.fail("handshake");
            sim.subscribe(1, &["/a"]);
            sim
        }),
        // In the middle of a disconnect, and of a new handshake.
        (&[1], &|| {
            let mut sim = following();
            sim.fail("connect");
            sim
        }),
        (&[1], &|| {
            let mut sim = following();
            sim.fail("connect");
            sim.answer("disconnect", "[]");
            sim
        }),
        // While a store hangs.
        (&[1], &|| {
            let mut sim = Sim::connected_with(|config| config.replay = true);
            sim.follow(1, A, Start::New);
            sim
        }),
        (&[1, 2], &|| {
            let mut sim = following_as(Commit::Manual);
            arrive(&mut sim, &["11"]);
            let sequence = sim.sequence("11");
            sim.commit(2, 1, sequence);
            sim
        }),
        // With a body that is held.
        (&[1, 2], &|| {
            let mut sim = Sim::connected_with(|config| config.limits.queued_events = 2);
            sim.subscribe(1, &["/a"]);
            sim.confirm();
            sim.publish(2, "/p");
            sim.begin("connect", &format!("[{}", events("/a", 1..=5)));
            sim
        }),
        // Paused, draining, hidden.
        (&[1, 2], &|| {
            let mut sim = Sim::subscribed(&["/a"]);
            sim.pause(2);
            sim.advance(HOUR_MS);
            sim
        }),
        (&[1, 2], &|| {
            let mut sim = Sim::subscribed(&["/a"]);
            sim.drain_for(2, Some(1_000), 10_000);
            sim
        }),
        (&[1, 2], &|| {
            let mut sim = Sim::subscribed(&["/a"]);
            sim.hide();
            sim.publish(2, "/p");
            sim
        }),
    ];
    for (index, (wants, before)) in before.into_iter().enumerate() {
        for patient in [false, true] {
            let mut sim = before();
            let subscribed = usize::from(matches!(sim.result(1), Some(Ok(_))));
            for command in [9, 10] {
                sim.queue(Command::Suspend { command }).expect("not a misuse");
            }
            sim.drain();
            if patient {
                sim.advance(4_000);
            } else {
                sim.advance(2_000);
                assert_eq!(parsed(&sim.ok(9)[0]), parsed(&sim.ok(10)[0]), "{index}");
                sim.close();
                sim.advance(2_000);
            }
            assert_eq!(sim.closed, Some(None), "{index}");
            for number in [0, 9, 10].into_iter().chain(wants.iter().copied()) {
                assert!(sim.result(number).is_some(), "{index}: {number}");
            }
            assert_eq!(sim.ended.len(), subscribed, "{index}");
            assert_eq!(sim.wake, None);
        }
    }
}

#[test]
fn s17_a_paused_client_has_its_snapshot_at_once() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.advance(1_000);
    sim.poll(CONNECTED);
    sim.advance(1_000);
    sim.poll(CONNECTED);
    sim.pause(2);
    sim.advance(HOUR_MS);
    let snapshot = parsed(&sim.snapshot());
    assert_eq!((&snapshot["clientId"], sim.count("disconnect")), (&"\"client-1\"".into(), 0));
    assert_eq!(snapshot["time"], "1000");
}

#[test]
fn s17_a_client_of_a_hidden_page_has_its_snapshot_at_once() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.hide();
    assert_eq!(parsed(&sim.snapshot())["clientId"], "\"client-1\"");
}

#[test]
fn s17_suspending_ends_the_drain() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(2, Some(1_000), 10_000);
    sim.suspend(9);
    sim.ok(2);
    sim.ok(9);
}

#[test]
fn s17_two_calls_have_the_same_snapshot() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.suspend(9);
    sim.advance(300);
    sim.suspend(10);
    sim.pause(11);
    sim.advance(700);
    assert_eq!(sim.ok(9), sim.ok(10));
    sim.ok(11);
    let third = sim.queue(Command::Suspend { command: 12 });
    assert_eq!(third, Err(ApiMisuse::Closed));
}

#[test]
fn s17_nothing_wakes_a_client_that_is_being_suspended() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.suspend(9);
    let drain = Command::Drain { command: 3, idle_ms: None, deadline_ms: 1 };
    assert_eq!(sim.queue(drain), Err(ApiMisuse::Closed));
    sim.show();
    assert_eq!(sim.kinds(), ["commands"]);
    // A page that is hidden has no time.
    sim.hide();
    sim.ok(9);
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn s17_closing_meanwhile_wins_and_ends_the_session() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.suspend(9);
    sim.close();
    assert_eq!(sim.error(9), &Error::Closed);
    sim.advance(1_000);
    assert_eq!(sim.kinds(), ["disconnect"]);
    sim.answer("disconnect", "[]");
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn s8a_a_disconnect_that_fails_on_the_way_still_leaves_a_snapshot() {
    for fail in [true, false] {
        let mut sim = Sim::logged_in();
        sim.follow(1, A, Start::New);
        sim.load(A, Some("10"));
        sim.confirm();
        sim.suspend(9);
        if fail {
            sim.fail("disconnect");
        } else {
            sim.advance(1_000);
        }
        assert_eq!(parsed(&sim.ok(9)[0])["channels"], serde_json::json!({ A: ["10"] }));
        assert_eq!((sim.count("disconnect"), &sim.closed), (1, &Some(None)));
    }
}
