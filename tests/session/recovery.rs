//! A session lost and found: S9, R7, R7a.

use cometd_edge::session::{Error, GapCause, State};

use crate::sim::*;

#[test]
fn s9_unknown_client_rehandshakes_and_subscribes_everything_again() {
    for error in
        ["402::Unknown client", "402:client-1:Unknown", "403::Unknown client", "403:client-1:unknown client"]
    {
        let mut sim = Sim::subscribed(&["/a", "/b/*"]);
        sim.poll(&refused(error, ""));
        assert_eq!(sim.kinds(), ["handshake"], "{error}");
        sim.answer("handshake", &handshake("client-2", ""));
        assert_eq!(sim.kinds(), ["connect", "commands"]);
        assert_eq!(topics(&sim.request("commands")), ["/a", "/b/*"]);
        assert_eq!(only(&sim.request("connect"))["clientId"], "client-2");
        sim.confirm();
        sim.poll(&with_events(&events("/b/c", [1])));
        assert_eq!(sim.events[0].subscriptions, [2]);
        // The application's subscriptions never noticed.
        assert_eq!(sim.settled.len(), 3);
        assert!(sim.ended.is_empty());
        assert_eq!(sim.states, [State::Connected, State::Retrying, State::Handshaking, State::Connected]);
    }
}

#[test]
fn s9_handshake_advice_with_unknown_client_is_the_same() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, r#","advice":{"reconnect":"handshake","interval":0}"#));
    assert_eq!(sim.kinds(), ["handshake"]);
}

#[test]
fn s9_retry_advice_with_unknown_client_does_not_keep_a_dead_session() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, r#","advice":{"reconnect":"retry"}"#));
    assert_eq!(sim.kinds(), ["handshake"]);
}

#[test]
fn s9_another_403_is_not_an_unknown_client() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused("403::Forbidden", ""));
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s9_unknown_client_with_none_ends_the_client() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, r#","advice":{"reconnect":"none"}"#));
    assert_eq!(sim.closed_with().code(), "server-ended");
    assert_eq!(sim.count("handshake"), 1);
}

#[test]
fn s9_unknown_client_on_a_subscribe_reply_aborts_the_poll_and_starts_anew() {
    let mut sim = Sim::subscribed(&["/a"]);
    let poll = sim.request("connect").id();
    sim.subscribe(2, &["/b"]);
    let body = r#"[{"channel":"/meta/subscribe","subscription":"/b","successful":false,"error":"402::Unknown client"}]"#;
    sim.answer("commands", body);
    assert_eq!(sim.aborted, [poll]);
    assert_eq!(sim.kinds(), ["handshake"]);
    assert!(sim.result(2).is_none());
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(topics(&sim.request("commands")), ["/a", "/b"]);
    sim.confirm();
    sim.ok(2);
}

#[test]
fn s9_a_lost_session_in_mid_subscribe_subscribes_in_the_next_one() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    let commands = sim.request("commands").id();
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.aborted, [commands]);
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    sim.confirm();
    sim.ok(1);
}

#[test]
fn s9_a_session_lost_again_and_again_keeps_all_subscriptions() {
    let mut sim = Sim::subscribed(&["/a"]);
    for round in 0..8 {
        sim.poll(&refused(UNKNOWN, ""));
        while sim.try_open("handshake").is_none() {
            sim.wait();
        }
        sim.answer("handshake", &handshake(&format!("client-{round}"), ""));
        assert_eq!(topics(&sim.request("commands")), ["/a"]);
        if round % 2 == 0 {
            sim.confirm();
        }
    }
    assert!(sim.ended.is_empty());
}

#[test]
fn r7_a_lost_publish_is_never_sent_twice_and_rejects_with_outcome_unknown() {
    let lose: [&dyn Fn(&mut Sim); 5] = [
        &|sim| sim.fail("commands"),
        &|sim| sim.cut("commands", "[{"),
        &|sim| sim.answer_status("commands", 503),
        &|sim| sim.advance(10_000),
        &|sim| sim.answer("commands", "[]"),
    ];
    for lose in lose {
        let mut sim = Sim::connected();
        sim.publish(1, "/a");
        lose(&mut sim);
        assert_eq!(*sim.error(1), Error::OutcomeUnknown { channel: "/a".to_owned() });
        sim.advance(39_000);
        assert_eq!(sim.count("commands"), 1);
    }
}

#[test]
fn r7_a_publish_refused_by_http_was_not_processed_and_says_so() {
    let mut sim = Sim::connected();
    sim.publish(1, "/a");
    sim.answer_status("commands", 413);
    assert_eq!(*sim.error(1), Error::HttpStatus(413));
    assert_eq!(sim.count("commands"), 1);
}

#[test]
fn r7_a_lost_subscribe_is_sent_again() {
    let lose: [&dyn Fn(&mut Sim); 6] = [
        &|sim| sim.fail("commands"),
        &|sim| sim.cut("commands", "[{"),
        &|sim| sim.answer_status("commands", 503),
        &|sim| sim.answer_status("commands", 404),
        &|sim| sim.advance(10_000),
        &|sim| sim.answer("commands", "[]"),
    ];
    for lose in lose {
        let mut sim = Sim::connected();
        sim.subscribe(1, &["/a"]);
        lose(&mut sim);
        assert!(sim.result(1).is_none());
        assert_eq!(topics(&sim.request("commands")), ["/a"]);
        sim.confirm();
        sim.ok(1);
    }
}

#[test]
fn r7_of_a_request_that_is_lost_only_the_subscribes_are_sent_again() {
    let mut sim = Sim::new();
    sim.publish(1, "/p");
    sim.subscribe(2, &["/a"]);
    sim.shake();
    sim.fail("commands");
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    assert_eq!(sim.error(1).code(), "outcome-unknown");
}

#[test]
fn r7_what_was_answered_before_the_cut_is_settled_and_not_sent_again() {
    let mut sim = Sim::new();
    sim.publish(1, "/p");
    sim.publish(2, "/q");
    sim.subscribe(3, &["/a", "/b"]);
    sim.shake();
    let all = messages(&sim.request("commands"));
    let partial = format!("[{},{},", reply_to(&all[0], true), reply_to(&all[2], true));
    sim.cut("commands", &partial);
    sim.ok(1);
    assert_eq!(sim.error(2).code(), "outcome-unknown");
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
    sim.confirm();
    assert_eq!(sim.ok(3).len(), 2);
}

#[test]
fn r7_a_publish_answered_unknown_client_is_sent_once_more_in_the_next_session() {
    let mut sim = Sim::connected();
    sim.publish(1, "/a");
    sim.answer("commands", r#"[{"channel":"/a","successful":false,"error":"402::Unknown client"}]"#);
    assert!(sim.result(1).is_none());
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.answer("handshake", &handshake("client-2", ""));
    let message = only(&sim.request("commands"));
    assert_eq!((message["channel"].as_str(), message["clientId"].as_str()), (Some("/a"), Some("client-2")));
    sim.confirm();
    sim.ok(1);
}

#[test]
fn r7_a_publish_answered_unknown_client_twice_rejects() {
    let mut sim = Sim::connected();
    sim.publish(1, "/a");
    for _ in 0..2 {
        sim.answer("commands", r#"[{"channel":"/a","successful":false,"error":"402::Unknown client"}]"#);
        while sim.try_open("handshake").is_none() {
            sim.wait();
        }
        sim.shake();
    }
    assert_eq!(sim.error(1).code(), "publish-refused");
    assert!(sim.try_open("commands").is_none());
}

#[test]
fn r7_a_publish_sent_once_more_and_then_lost_is_not_sent_a_third_time() {
    let mut sim = Sim::connected();
    sim.publish(1, "/a");
    sim.answer("commands", r#"[{"channel":"/a","successful":false,"error":"402::Unknown client"}]"#);
    sim.shake();
    sim.fail("commands");
    assert_eq!(sim.error(1).code(), "outcome-unknown");
    assert!(sim.try_open("commands").is_none());
}

#[test]
fn r7_a_publish_in_flight_when_the_session_is_lost_can_still_be_answered() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/a");
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.kinds(), ["commands", "handshake"]);
    sim.answer("handshake", &handshake("client-2", ""));
    sim.confirm();
    sim.ok(2);
    // Then the subscriptions go out.
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    assert_eq!(only(&sim.request("commands"))["clientId"], "client-2");
}

#[test]
fn r7_a_publish_of_the_old_session_answered_unknown_does_not_hurt_the_new_one() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.poll(&refused(UNKNOWN, ""));
    sim.answer("handshake", &handshake("client-2", ""));
    sim.answer("commands", r#"[{"channel":"/p","successful":false,"error":"402::Unknown client"}]"#);
    assert_eq!(sim.count("handshake"), 2);
    let mut both = topics(&sim.request("commands"));
    both.sort();
    assert_eq!(both, ["/a", "/p"]);
    sim.confirm();
    sim.ok(2);
}

#[test]
fn r7_queued_publishes_survive_a_lost_session() {
    let mut sim = Sim::connected();
    sim.publish(1, "/a");
    sim.publish(2, "/b");
    sim.poll(&refused(UNKNOWN, ""));
    sim.confirm();
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
    sim.confirm();
    sim.ok(1);
    sim.ok(2);
}

#[test]
fn r7_successful_false_is_not_a_lost_response() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused("500::x", ""));
    sim.publish(2, "/a");
    sim.reply_to_commands(|_| false);
    assert!(sim.gaps().is_empty());
    assert_eq!(sim.error(2).code(), "publish-refused");
}

#[test]
fn r7a_a_poll_that_the_client_gives_up_counts_as_lost() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.advance(40_000);
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
}

#[test]
fn r7a_a_poll_aborted_because_the_session_is_lost_is_covered_by_its_gap() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/a");
    sim.answer("commands", r#"[{"channel":"/a","successful":false,"error":"402::Unknown client"}]"#);
    assert_eq!(sim.aborted.len(), 1);
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::SessionLost)]);
}

#[test]
fn r7a_with_the_ack_extension_the_number_is_repeated_instead() {
    let mut sim = Sim::acknowledged();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.advance(40_000);
    assert_eq!(only(&sim.request("connect"))["ext"]["ack"], 1);
    assert!(sim.gaps().is_empty());
}
