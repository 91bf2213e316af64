//! What the server advises: S4, S5, S5a, S6, S12.

use cometd_edge::session::{Error, State, Status};

use crate::sim::*;

/// How long the session would wait for the head of the open poll.
fn patience(sim: &Sim) -> u64 {
    sim.wake.expect("a deadline") - sim.now
}

#[test]
fn s4_advice_replaces_advice_whole() {
    let mut sim = Sim::connected();
    sim.poll(&advised(r#"{"reconnect":"retry","interval":500,"timeout":20000}"#));
    assert_eq!(sim.wait(), 500);
    assert_eq!(patience(&sim), 30_000);
    // The interval is gone.
    sim.poll(&advised(r#"{"timeout":25000}"#));
    assert_eq!(sim.kinds(), ["connect"]);
    assert_eq!(patience(&sim), 35_000);
}

#[test]
fn s4_no_advice_leaves_the_last_one() {
    let mut sim = Sim::connected();
    sim.poll(&advised(r#"{"interval":500,"timeout":20000}"#));
    sim.wait();
    sim.poll(CONNECTED);
    assert_eq!(sim.wait(), 500);
}

#[test]
fn s4_a_missing_timeout_is_the_largest_advised_so_far() {
    let mut sim = Sim::connected();
    sim.poll(&advised(r#"{"timeout":45000}"#));
    sim.poll(&advised(r#"{"timeout":5000}"#));
    assert_eq!(patience(&sim), 15_000);
    sim.poll(&advised(r#"{"interval":0}"#));
    assert_eq!(patience(&sim), 55_000);
}

#[test]
fn s4_a_timeout_never_advised_is_110_s() {
    let mut sim = Sim::new();
    sim.answer("handshake", r#"[{"channel":"/meta/handshake","successful":true,"clientId":"c"}]"#);
    assert_eq!(patience(&sim), 120_000);
    sim.poll(CONNECTED);
    assert_eq!(patience(&sim), 120_000);
}

#[test]
fn s4_advice_is_reset_at_each_handshake() {
    let mut sim = Sim::connected();
    sim.poll(&advised(r#"{"interval":5000,"timeout":20000}"#));
    sim.wait();
    sim.poll(&refused(UNKNOWN, ""));
    // The interval belongs to the session that is lost; from then on there is none.
    sim.advance(5_000);
    sim.answer("handshake", r#"[{"channel":"/meta/handshake","successful":true,"clientId":"d"}]"#);
    assert_eq!(sim.kinds(), ["connect"]);
    // The timeout is the largest known, not that of the last session.
    assert_eq!(patience(&sim), 40_000);
}

#[test]
fn s4_the_section_for_the_transport_wins() {
    let mut sim = Sim::connected();
    sim.poll(&advised(
        r#"{"interval":9000,"reconnect":"none","long-polling":{"interval":200,"reconnect":"retry"},"websocket":{"interval":1}}"#,
    ));
    assert_eq!(sim.wait(), 200);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s4_unknown_advice_counts_as_absent() {
    let mut sim = Sim::connected();
    sim.poll(&advised(r#"{"reconnect":"perhaps","interval":"soon","timeout":-5,"colour":"red"}"#));
    assert_eq!(sim.kinds(), ["connect"]);
    sim.poll(r#"[{"channel":"/meta/connect","successful":true,"advice":"retry"}]"#);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s5_handshake_advice_on_a_successful_connect_starts_a_new_session() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&advised(r#"{"reconnect":"handshake"}"#));
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.shake();
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
}

#[test]
fn s5_handshake_advice_on_a_failed_connect_starts_a_new_session() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused("500::broken", r#","advice":{"reconnect":"handshake"}"#));
    assert_eq!(sim.kinds(), ["handshake"]);
}

#[test]
fn s5_retry_advice_on_a_failed_connect_keeps_the_session() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused("500::broken", r#","advice":{"reconnect":"retry"}"#));
    assert_eq!(sim.kinds(), ["connect"]);
    assert_eq!(sim.states.last(), Some(&State::Retrying));
    sim.poll(CONNECTED);
    assert_eq!(sim.states.last(), Some(&State::Connected));
    assert_eq!(sim.count("handshake"), 1);
}

#[test]
fn s5_advice_is_acted_on_after_the_whole_body() {
    let mut sim = Sim::subscribed(&["/a"]);
    let reply = r#"[{"channel":"/meta/connect","successful":true,"advice":{"reconnect":"handshake"}},"#;
    let id = sim.begin("connect", reply);
    assert_eq!(sim.kinds(), ["connect"]);
    sim.chunk(id, r#"{"channel":"/a","data":1}]"#);
    assert_eq!(sim.data(), ["1"]);
    assert_eq!(sim.kinds(), ["connect"]);
    sim.end(id);
    assert_eq!(sim.kinds(), ["handshake"]);
}

#[test]
fn s5_advice_on_other_replies_is_neither_acted_on_nor_stored() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    let advice = r#""advice":{"reconnect":"none","interval":60000,"timeout":1}"#;
    sim.answer(
        "commands",
        &format!(r#"[{{"channel":"/meta/subscribe","subscription":"/a","successful":true,{advice}}}]"#),
    );
    sim.publish(2, "/a");
    sim.answer("commands", &format!(r#"[{{"channel":"/a","successful":false,"error":"403::no",{advice}}}]"#));
    assert_eq!(sim.kinds(), ["connect"]);
    assert_eq!(patience(&sim), 40_000);
    sim.poll(CONNECTED);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s5_a_disconnect_without_advice_takes_that_of_the_connect_reply_beside_it() {
    let disconnect = r#"{"channel":"/meta/disconnect","successful":true}"#;
    for (reconnect, expected) in [("handshake", "handshake"), ("retry", "connect")] {
        let connect = format!(
            r#"{{"channel":"/meta/connect","successful":true,"advice":{{"reconnect":"{reconnect}"}}}}"#
        );
        for body in [format!("[{disconnect},{connect}]"), format!("[{connect},{disconnect}]")] {
            let mut sim = Sim::subscribed(&["/a"]);
            sim.poll(&body);
            assert_eq!(sim.kinds(), [expected]);
        }
    }
}

#[test]
fn s5_a_disconnect_with_no_advice_anywhere_ends_the_client() {
    for body in [
        r#"[{"channel":"/meta/disconnect"},{"channel":"/meta/connect","successful":true}]"#,
        r#"[{"channel":"/meta/disconnect"}]"#,
    ] {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.poll(body);
        assert_eq!(*sim.closed_with(), Error::ServerEnded(None));
        assert_eq!(sim.ended, [(1, Some(Error::ServerEnded(None)))]);
    }
}

#[test]
fn s5_a_disconnect_follows_its_own_advice_first() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(
        r#"[{"channel":"/meta/disconnect","advice":{"reconnect":"handshake","interval":3000}},{"channel":"/meta/connect","successful":true,"advice":{"reconnect":"none"}}]"#,
    );
    assert!(sim.kinds().is_empty());
    assert_eq!(sim.wait(), 3_000);
    assert_eq!(sim.kinds(), ["handshake"]);
}

#[test]
fn s5a_none_on_a_successful_connect_ends_with_a_typed_error() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&advised(r#"{"reconnect":"none"}"#));
    assert_eq!(sim.ended.len(), 1);
    sim.disconnect();
    assert_eq!(sim.closed_with().code(), "server-ended");
}

#[test]
fn s5a_none_on_a_failed_connect_ends_with_the_servers_words() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused("403::Banned", r#","advice":{"reconnect":"none"}"#));
    sim.disconnect();
    assert_eq!(sim.closed_with().failure().map(|failure| failure.text.as_str()), Some("Banned"));
}

#[test]
fn s5a_none_on_a_handshake_rejects_connect() {
    let mut sim = Sim::new();
    sim.answer(
        "handshake",
        r#"[{"channel":"/meta/handshake","successful":false,"error":"403::Denied","advice":{"reconnect":"none"}}]"#,
    );
    assert_eq!(sim.error(0).code(), "handshake-refused");
    assert!(sim.closed.is_some());
    assert_eq!(sim.count("handshake"), 1);
}

#[test]
fn s5a_none_on_a_later_handshake_ends_the_client() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.answer(
        "handshake",
        r#"[{"channel":"/meta/handshake","successful":false,"error":"403::Denied","advice":{"reconnect":"none"}}]"#,
    );
    assert_eq!(sim.closed_with().code(), "handshake-refused");
    assert_eq!(sim.ended.len(), 1);
}

#[test]
fn s5_a_refused_handshake_that_may_be_retried_is() {
    for advice in ["", r#","advice":{"reconnect":"retry"}"#, r#","advice":{"reconnect":"handshake"}"#] {
        let mut sim = Sim::new();
        let reply = r#"{"channel":"/meta/handshake","successful":false,"error":"500::later""#;
        sim.answer("handshake", &format!("[{reply}{advice}}}]"));
        assert_eq!(sim.kinds(), ["handshake"]);
        assert_eq!(sim.count("handshake"), 2);
    }
}

#[test]
fn s6_the_interval_counts_from_the_end_of_the_response() {
    let mut sim = Sim::connected();
    let id =
        sim.begin("connect", r#"[{"channel":"/meta/connect","successful":true,"advice":{"interval":2000}}"#);
    sim.advance(5_000);
    sim.chunk(id, "]");
    sim.advance(1_000);
    sim.end(id);
    assert_eq!(sim.wait(), 2_000);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s6_an_interval_of_0_chains_the_next_poll_at_once() {
    let mut sim = Sim::connected();
    sim.poll(&advised(r#"{"interval":0}"#));
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s6_the_interval_of_a_handshake_delays_the_first_connect() {
    let mut sim = Sim::new();
    sim.answer(
        "handshake",
        r#"[{"channel":"/meta/handshake","successful":true,"clientId":"c","advice":{"interval":1500}}]"#,
    );
    assert!(sim.kinds().is_empty());
    assert_eq!(sim.wait(), 1_500);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s6_the_interval_of_a_refused_handshake_delays_the_next_one() {
    let mut sim = Sim::new();
    sim.answer(
        "handshake",
        r#"[{"channel":"/meta/handshake","successful":false,"error":"500::x","advice":{"reconnect":"handshake","interval":4000}}]"#,
    );
    assert_eq!(sim.wait(), 4_000);
    assert_eq!(sim.kinds(), ["handshake"]);
}

#[test]
fn s6_a_negative_interval_means_do_not_retry() {
    for body in
        [advised(r#"{"interval":-1}"#), refused("500::x", r#","advice":{"reconnect":"retry","interval":-1}"#)]
    {
        let mut sim = Sim::connected();
        sim.poll(&body);
        sim.disconnect();
        assert_eq!(sim.closed_with().code(), "server-ended");
    }
    let mut sim = Sim::new();
    sim.answer(
        "handshake",
        r#"[{"channel":"/meta/handshake","successful":false,"error":"500::x","advice":{"interval":-1}}]"#,
    );
    assert_eq!(sim.error(0).code(), "handshake-refused");
}

#[test]
fn s12_the_servers_own_disconnect_is_never_followed_by_silence() {
    for (advice, expected) in [
        (r#","advice":{"reconnect":"handshake"}"#, Some("handshake")),
        (r#","advice":{"reconnect":"retry"}"#, Some("connect")),
        (r#","advice":{"reconnect":"none"}"#, None),
        ("", None),
    ] {
        let disconnect = format!(r#"[{{"channel":"/meta/disconnect"{advice}}}]"#);
        // On the poll,
        let mut sim = Sim::subscribed(&["/a"]);
        sim.poll(&disconnect);
        assert_eq!(sim.kinds().first().copied(), expected);
        assert_eq!(sim.closed.is_some(), expected.is_none());
        // and on the reply to a command, while the poll is open.
        let mut sim = Sim::subscribed(&["/a"]);
        sim.publish(9, "/a");
        sim.answer("commands", &disconnect);
        assert_eq!(sim.kinds().first().copied(), expected);
        assert_eq!(sim.closed.is_some(), expected.is_none());
        assert_eq!(sim.error(9).code(), "outcome-unknown");
    }
}

#[test]
fn multiple_clients_are_reported_once_per_change() {
    let mut sim = Sim::connected();
    let several = advised(r#"{"interval":2000,"multiple-clients":true}"#);
    for _ in 0..3 {
        sim.poll(&several);
        sim.wait();
    }
    let reported = |sim: &Sim| {
        sim.statuses
            .iter()
            .filter(|status| **status == Status::MultipleClients { interval_ms: 2_000 })
            .count()
    };
    assert_eq!(reported(&sim), 1);
    sim.poll(&advised("{}"));
    sim.poll(&several);
    assert_eq!(reported(&sim), 2);
}
