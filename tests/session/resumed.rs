//! A client that resumes the session of a snapshot, or makes a new one in its place: S17.

use cometd_edge::replay::Start;
use cometd_edge::session::{Config, Error, GapCause, State};

use crate::sim::*;

// The session goes on.

#[test]
fn s17_the_session_goes_on_with_its_cookies_and_a_poll_that_is_answered_at_once() {
    let mut sim = resumed(&snapshot_of(&["/a"]));
    assert_eq!(sim.kinds(), ["connect"]);
    let poll = only(&sim.request("connect"));
    assert_eq!((&poll["clientId"], &poll["advice"]["timeout"]), (&"client-1".into(), &0.into()));
    assert_eq!(sim.header("connect", "Cookie").as_deref(), Some("BAYEUX_BROWSER=b1"));
    assert_eq!(sim.result(0), None);
    sim.poll(CONNECTED);
    sim.ok(0);
    assert_eq!((sim.session.state(), sim.count("handshake")), (State::Connected, 0));
}

#[test]
fn s17_channels_are_subscribed_again_and_nothing_is_a_gap() {
    let mut sim = resumed(&snapshot_of(&["/a", "/b/*"]));
    sim.subscribe(1, &["/a", "/b/*"]);
    assert_eq!(topics(&sim.request("commands")), ["/a", "/b/*"]);
    // What the server kept meanwhile.
    sim.poll(&with_events(&events("/a", [1, 2])));
    sim.confirm();
    sim.ok(1);
    assert_eq!((sim.data().len(), sim.gaps().len()), (2, 0));
}

#[test]
fn s17_events_that_come_before_their_channel_is_subscribed_again_are_a_gap() {
    let mut sim = resumed(&snapshot_of(&["/a", "/b/*", "/c"]));
    sim.subscribe(1, &["/c"]);
    sim.poll(&with_events(&[events("/b/x", [1, 2]), events("/c", [3])].concat()));
    sim.subscribe(2, &["/a", "/b/*"]);
    assert_eq!(sim.gaps_of("/b/*"), [(GapCause::ResponseLost, FIRST)]);
    assert_eq!((sim.gaps().len(), sim.data().len()), (1, 1));
}

#[test]
fn s17_tracked_channels_go_on_in_a_new_session_at_their_committed_position() {
    let snapshot = snapshot_at(Some("10"));
    assert!(!snapshot.contains("clientId"), "a session subscribes a channel once");
    let mut sim = resumed(&snapshot);
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    sim.shake();
    assert_eq!(sim.from(), "10");
    let body = subscribed_with(A, &sim, &["11"]);
    sim.answer("commands", &body);
    sim.ok(1);
    assert_eq!((sim.ids(), sim.gaps().len()), (vec!["11".to_owned()], 0));
    done(&mut sim, 1, "11");
    sim.poll(CONNECTED);
    assert_eq!(saved(&mut sim), "10", "the store does not have it yet");
    assert_eq!(saved(&mut sim), "11");
}

#[test]
fn s17_the_position_of_the_store_wins() {
    let mut sim = resumed(&snapshot_at(Some("10")));
    sim.follow(1, A, Start::New);
    sim.load(A, Some("20"));
    sim.shake();
    assert_eq!((sim.from(), sim.gaps().len()), ("20".to_owned(), 0));
}

#[test]
fn s17_r7c_a_channel_without_a_position_has_a_gap_since_the_snapshot() {
    let mut sim = resumed(&snapshot_at(None));
    sim.follow(1, A, Start::New);
    assert!(sim.gaps().is_empty());
    sim.load(A, None);
    assert_eq!(sim.gaps_of(A), [(GapCause::NoPosition, FIRST)]);
    sim.shake();
    assert_eq!(sim.from(), "-1");
    // Neither one that the store knows, nor one that begins with all, nor one that is new.
    for (start, stored, from) in [(Start::New, Some("5"), "5"), (Start::All, None, "-2")] {
        let mut sim = resumed(&snapshot_at(None));
        sim.follow(1, A, start);
        sim.load(A, stored);
        sim.shake();
        assert_eq!((sim.from(), sim.gaps().len()), (from.to_owned(), 0));
    }
    let mut sim = resumed(&snapshot_at(None));
    sim.follow(1, B, Start::New);
    sim.load(B, None);
    assert!(sim.gaps().is_empty());
}

#[test]
fn s17_r6_a_position_that_is_refused_is_a_gap_since_the_snapshot() {
    let mut sim = resumed(&snapshot_at(Some("10")));
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    // The first handshake gets lost; the range is as wide all the same.
    sim.fail("handshake");
    sim.new_session();
    sim.refuse(STALE, "");
    assert_eq!(sim.gaps_of(A), [(GapCause::PositionInvalid, FIRST)]);
    assert_eq!(sim.from(), "-2");
}

#[test]
fn s17_once_a_poll_has_succeeded_a_gap_reaches_no_further_back() {
    let mut sim = resumed(&snapshot_of(&["/a"]));
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(CONNECTED);
    sim.advance(1_000);
    sim.fail("connect");
    assert_eq!(sim.gaps_of("/a"), [(GapCause::ResponseLost, SECOND)]);
}

#[test]
fn s17_a1_the_ack_number_is_repeated_and_the_first_k_events_are_skipped() {
    let mut sim = Sim::acknowledged();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.begin("connect", &format!("[{}", events("/a", [1, 2])));
    let snapshot = sim.snapshot();
    let mut sim = resumed(&snapshot);
    assert_eq!(only(&sim.request("connect"))["ext"]["ack"], 1);
    sim.subscribe(1, &["/a"]);
    sim.poll(&poll_reply(&events("/a", [1, 2, 3]), 2));
    assert_eq!((sim.data(), sim.gaps()), (vec!["3".to_owned()], vec![]));
    assert_eq!(only(&sim.request("connect"))["ext"]["ack"], 2);
}

#[test]
fn s17_r7a_an_aborted_poll_without_acks_is_a_gap_since_the_snapshot() {
    let mut sim = resumed(&snapshot_with_an_aborted_poll(&["/a", "/b"]));
    sim.subscribe(1, &["/a"]);
    sim.poll(CONNECTED);
    sim.confirm();
    sim.subscribe(2, &["/b", "/new"]);
    assert_eq!(sim.gaps_of("/a"), [(GapCause::ResponseLost, FIRST)]);
    assert_eq!(sim.gaps_of("/b"), [(GapCause::ResponseLost, FIRST)]);
    assert_eq!(sim.gaps().len(), 2);
}

// The session is gone.

#[test]
fn s17_s9_a_session_that_the_server_does_not_know_is_replaced() {
    let cookie = "403::Client hasn't established a session, or its cookie is missing";
    for (error, more) in [(UNKNOWN, ""), ("403::Unknown client", ""), (UNKNOWN, NONE), (cookie, "")] {
        let mut sim = resumed(&snapshot_of(&["/a"]));
        sim.subscribe(1, &["/a"]);
        sim.poll(&refused(error, more));
        assert_eq!((sim.try_open("handshake").is_some(), sim.result(0)), (true, None), "{error}");
        sim.new_session();
        sim.ok(0);
        assert_eq!(sim.gaps_of("/a"), [(GapCause::SessionLost, FIRST)]);
    }
}

#[test]
fn s17_s9_a_subscribe_may_be_the_first_to_find_the_session_gone() {
    let mut sim = resumed(&snapshot_of(&["/a"]));
    sim.subscribe(1, &["/a"]);
    sim.refuse(UNKNOWN, "");
    sim.new_session();
    sim.confirm();
    sim.ok(1);
    assert_eq!(sim.gaps_of("/a"), [(GapCause::SessionLost, FIRST)]);
}

#[test]
fn s17_s5a_once_the_session_goes_on_none_ends_the_client() {
    let mut sim = resumed(&snapshot_of(&["/a"]));
    sim.poll(CONNECTED);
    sim.poll(&refused(UNKNOWN, NONE));
    assert!(matches!(sim.closed_with(), Error::ServerEnded(_)));
    // So does `none` that says nothing of the kind.
    let mut sim = resumed(&snapshot_of(&["/a"]));
    sim.poll(&refused("500::no", NONE));
    sim.disconnect();
    assert!(matches!(sim.closed_with(), Error::ServerEnded(_)));
    assert!(sim.result(0).is_some_and(Result::is_err));
}

#[test]
fn s17_what_was_sent_before_the_first_good_poll_is_a_gap_since_the_snapshot() {
    let mut sim = Sim::resumed_at(&snapshot_of(&["/a"]), 5_000, |config| config.unix_ms_at_zero = SECOND);
    sim.subscribe(1, &["/a"]);
    // What the server kept since the snapshot rides on the reply that gets lost.
    sim.poll(CONNECTED);
    sim.fail("commands");
    assert_eq!(sim.gaps_of("/a"), [(GapCause::ResponseLost, FIRST)]);
    // From the next request on it is what that one knows.
    sim.confirm();
    sim.poll(CONNECTED);
    sim.advance(10);
    sim.fail("connect");
    assert_eq!(sim.gaps_of("/a").last(), Some(&(GapCause::ResponseLost, SECOND + 5_000)));
}

#[test]
fn s17_a_lost_session_is_one_gap_of_each_plain_channel_since_the_snapshot() {
    // Subscribed before, while, and after the session is found to be lost; and one that is new.
    let mut sim = resumed(&snapshot_of(&["/a", "/b", "/c"]));
    sim.subscribe(1, &["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.subscribe(2, &["/b"]);
    sim.new_session();
    sim.confirm();
    sim.poll(CONNECTED);
    sim.advance(1_000);
    sim.subscribe(3, &["/c", "/new"]);
    for channel in ["/a", "/b", "/c"] {
        assert_eq!(sim.gaps_of(channel), [(GapCause::SessionLost, FIRST)], "{channel}");
    }
    assert_eq!(sim.gaps().len(), 3);
    // What is lost later has a range of its own.
    sim.confirm();
    sim.poll(CONNECTED);
    sim.advance(1_000);
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.gaps().len(), 7);
    assert_eq!(sim.gaps_of("/c")[1], (GapCause::SessionLost, SECOND));
}

#[test]
fn s17_the_gap_of_a_lost_session_begins_at_the_last_successful_poll() {
    let mut sim = Sim::acknowledged_with(|config| config.unix_ms_at_zero = FIRST);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.advance(1_000);
    sim.poll(&poll_reply("", 2));
    sim.advance(1_000);
    sim.poll(&poll_reply("", 3));
    sim.advance(20_000);
    // What the server has had for it since 1,000 is on none of its replies.
    let mut sim = resumed(&sim.snapshot());
    sim.subscribe(1, &["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.gaps_of("/a"), [(GapCause::SessionLost, FIRST + 1_000)]);
}

#[test]
fn s17_a_gap_that_had_not_ended_when_the_client_was_suspended_is_told_again() {
    let mut sim = Sim::acknowledged();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(&refused(UNKNOWN, ""));
    sim.answer("handshake", &handshake("client-2", r#","ext":{"ack":true}"#));
    sim.suspend(9);
    // The subscribe is never answered.
    sim.advance(1_000);
    let snapshot = sim.ok(9)[0].clone();
    let mut sim = resumed(&snapshot);
    sim.subscribe(1, &["/a"]);
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
}

#[test]
fn s17_a_probe_that_gets_lost_is_tried_again() {
    let mut sim = resumed(&snapshot_of(&["/a"]));
    sim.subscribe(1, &["/a"]);
    sim.fail("connect");
    sim.until_open("connect");
    sim.poll(CONNECTED);
    sim.ok(0);
}

#[test]
fn s17_where_a_channel_becomes_tracked_the_session_is_given_up() {
    let mut sim = resumed(&snapshot_of(&["/a"]));
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    assert_eq!(only(&sim.request("disconnect"))["clientId"], "client-1");
    sim.new_session();
    assert_eq!(sim.from(), "10");
}

#[test]
fn s17_s8_a_server_that_cannot_be_reached_rejects_after_max_retries() {
    let mut sim = Sim::resumed_with(&snapshot_of(&["/a"]), |config| config.retry.max_retries = Some(2));
    for _ in 0..3 {
        sim.until_open("connect");
        sim.fail("connect");
    }
    assert!(matches!(sim.error(0), Error::MaxRetries { .. }));
}

#[test]
fn s17_on_salesforce_there_is_a_new_session_from_the_positions() {
    let mut sim = Sim::logged_in_with(|config| config.unix_ms_at_zero = FIRST);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.subscribe(2, &["/topic/t"]);
    sim.confirm();
    sim.suspend(9);
    sim.answer("disconnect", "[]");
    let snapshot = sim.ok(9)[0].clone();
    let mut sim = Sim::salesforce_with(|config| {
        config.unix_ms_at_zero = SECOND;
        config.resume(&snapshot).expect("a snapshot");
    });
    sim.token();
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    sim.subscribe(2, &["/topic/t"]);
    sim.shake();
    sim.ok(0);
    let request = sim.request("commands");
    assert!(request.messages()[0].contains(r#""ext":{"replay":{"/event/A__e":10}}"#));
    assert_eq!(sim.gaps(), [("/topic/t".to_owned(), GapCause::SessionLost)]);
    assert_eq!(sim.gaps_of("/topic/t"), [(GapCause::SessionLost, FIRST)]);
}

#[test]
fn s17_s10_with_tokens_a_snapshot_made_without_them_gives_only_positions() {
    let snapshot = snapshot_at(Some("10"));
    let mut sim = Sim::resumed_with(&snapshot, |config| {
        config.authenticated().expect("https");
        config.replay = true;
    });
    assert_eq!(sim.kinds(), [""; 0]);
    sim.token();
    assert_eq!((sim.kinds(), sim.header("handshake", "Cookie")), (vec!["handshake"], None));
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    sim.shake();
    assert_eq!(sim.from(), "10");
}

#[test]
fn x1_at_another_url_only_the_positions_of_the_snapshot_are_used() {
    for url in [
        "https://example.com/cometd/other",
        "https://example.com:444/cometd",
        "http://example.com/cometd",
        "https://evil.example/cometd",
    ] {
        let snapshot = snapshot_at(Some("10"))
            .replace(r#""cookies":[]"#, r#""cookies":[["c","v","example.com","/","h"]]"#);
        let mut config = Config::new(url).expect("a good url");
        config.replay = true;
        config.resume(&snapshot).expect("a snapshot");
        let mut sim = Sim::of(config, 1);
        assert_eq!((sim.kinds(), sim.header("handshake", "Cookie")), (vec!["handshake"], None), "{url}");
        sim.follow(1, A, Start::New);
        sim.load(A, None);
        sim.shake();
        let sent: String = sim.sent.iter().map(|request| request.body()).collect();
        assert_eq!(sim.from(), "10");
        assert_eq!(sent.matches("client-1").count(), 2, "only the new session has that name: {sent}");
        let snapshot = snapshot_with_an_aborted_poll(&["/a"])
            .replace(r#""cookies":[]"#, r#""cookies":[["c","v","example.com","/","h"]]"#);
        let mut sim = Sim::resumed(&snapshot);
        assert_eq!(sim.header("connect", "Cookie").as_deref(), Some("c=v"));
        sim.close();
    }
}

#[test]
fn x4_where_the_browser_keeps_the_cookies_those_of_the_snapshot_stay_unused() {
    let sim = Sim::resumed_with(&snapshot_of(&["/a"]), |config| config.own_cookies = false);
    assert_eq!((sim.kinds(), sim.header("connect", "Cookie")), (vec!["connect"], None));
}

#[test]
fn s17_what_a_resumed_session_brings_before_the_load_leaves_the_position_as_it_is() {
    let mut sim = Sim::resumed_with(&snapshot_of(&["/g"]), |config| config.replay = true);
    sim.follow(1, A, Start::All);
    sim.poll(&with_events(&replayed(A, &["11"])));
    assert!(sim.ids().is_empty());
    sim.load(A, Some("10"));
    sim.new_session();
    assert_eq!(sim.from(), "10");
}
