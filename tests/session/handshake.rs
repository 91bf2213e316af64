//! How a session begins: S1, S14.

use cometd_edge::session::{Command, Error, State};

use crate::sim::*;

#[test]
fn s1_the_handshake_travels_alone() {
    let mut sim = Sim::new();
    sim.subscribe(1, &["/a"]);
    sim.publish(2, "/b");
    assert_eq!(sim.kinds(), ["handshake"]);
    let message = only(&sim.request("handshake"));
    assert_eq!(message["channel"], "/meta/handshake");
    assert_eq!(message["version"], "1.0");
    assert_eq!(message["supportedConnectionTypes"], serde_json::json!(["long-polling"]));
    assert!(message.get("clientId").is_none());
    sim.shake();
    assert_eq!(topics(&sim.request("commands")), ["/a", "/b"]);
}

#[test]
fn s1_a_later_handshake_travels_alone_too() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.subscribe(2, &["/b"]);
    sim.publish(3, "/b");
    assert_eq!(sim.kinds(), ["handshake"]);
    assert_eq!(sim.request("handshake").messages().len(), 1);
}

#[test]
fn the_first_handshake_settles_number_0_once_and_gives_its_reply() {
    let mut sim = Sim::new();
    sim.shake();
    assert!(sim.ok(0)[0].contains("client-1"));
    assert_eq!(sim.states, [State::Connected]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.shake();
    assert_eq!(sim.settled.len(), 1);
}

#[test]
fn the_client_id_goes_back_as_it_came() {
    let mut sim = Sim::new();
    let reply = r#"[{"channel":"/meta/handshake","successful":true,"clientId":12345678901234567890}]"#;
    sim.answer("handshake", reply);
    assert!(sim.request("connect").body().contains(r#""clientId":12345678901234567890"#));
}

#[test]
fn s14_refusals_by_status_reject_the_first_connect_and_others_are_retried() {
    for status in 400..600 {
        let mut sim = Sim::new();
        sim.answer_status("handshake", status);
        if (400..500).contains(&status) && ![408, 429].contains(&status) {
            assert_eq!(*sim.error(0), Error::HttpStatus(status));
            assert_eq!(*sim.closed_with(), Error::HttpStatus(status));
            assert_eq!(sim.count("handshake"), 1);
        } else {
            assert!(sim.closed.is_none(), "{status}");
            assert_eq!(sim.count("handshake"), 2, "{status}");
        }
    }
}

#[test]
fn s14_html_rejects_the_first_connect() {
    let mut sim = Sim::new();
    sim.answer("handshake", "<!DOCTYPE html><title>Log in</title>");
    assert_eq!(*sim.error(0), Error::NotBayeux);
    assert_eq!(sim.closed_with().code(), "not-bayeux");
}

#[test]
fn s14_something_that_is_no_response_rejects_the_first_connect() {
    let mut sim = Sim::new();
    sim.misfit("handshake");
    assert_eq!(*sim.error(0), Error::NotAResponse("no body"));
    let error = sim.closed_with();
    assert_eq!((error.code(), error.retryable()), ("not-a-response", false));
    assert!(error.to_string().contains("ReadableStream, and gave no body"), "{error}");
    assert_eq!(sim.count("handshake"), 1);
}

#[test]
fn s14_r7_something_that_is_no_response_to_a_later_request_is_a_lost_response() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.misfit("connect");
    sim.advance(5_000);
    sim.poll(CONNECTED);
    assert!(sim.closed.is_none() && sim.ended.is_empty());
    sim.publish(2, "/b");
    sim.misfit("commands");
    assert_eq!(sim.error(2).code(), "outcome-unknown");
}

#[test]
fn s14_no_common_connection_type_rejects_connect_despite_successful_true() {
    for successful in [true, false] {
        let mut sim = Sim::new();
        let reply = format!(
            r#"[{{"channel":"/meta/handshake","successful":{successful},"clientId":"c","supportedConnectionTypes":["websocket","callback-polling"]}}]"#
        );
        sim.answer("handshake", &reply);
        assert_eq!(*sim.error(0), Error::NoTransport { offered: "websocket, callback-polling".to_owned() });
        if successful {
            sim.disconnect();
        }
        assert!(sim.closed.is_some());
        assert_eq!(sim.count("connect"), 0);
    }
}

#[test]
fn s14_no_list_of_connection_types_is_no_reason_to_reject() {
    let mut sim = Sim::new();
    sim.answer("handshake", r#"[{"channel":"/meta/handshake","successful":true,"clientId":"c"}]"#);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s14_after_the_first_session_all_of_these_are_retried() {
    let no_transport = r#"[{"channel":"/meta/handshake","successful":true,"clientId":"c","supportedConnectionTypes":["websocket"]}]"#;
    let refusals: [&dyn Fn(&mut Sim); 7] = [
        &|sim| sim.answer_status("handshake", 404),
        &|sim| sim.answer_status("handshake", 403),
        &|sim| sim.answer_status("handshake", 302),
        &|sim| sim.answer("handshake", "<html>"),
        &|sim| sim.answer("handshake", no_transport),
        &|sim| sim.answer("handshake", ""),
        &|sim| sim.misfit("handshake"),
    ];
    for refuse in refusals {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.poll(&refused(UNKNOWN, ""));
        for _ in 0..5 {
            refuse(&mut sim);
            while sim.try_open("handshake").is_none() {
                assert_eq!(sim.states.last(), Some(&State::Retrying));
                sim.wait();
            }
        }
        sim.shake();
        assert_eq!(sim.states.last(), Some(&State::Connected));
        assert!(sim.closed.is_none() && sim.ended.is_empty());
    }
}

#[test]
fn s14_a_4xx_or_html_for_a_poll_is_retried() {
    for _ in 0..2 {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.answer_status("connect", 404);
        sim.answer("connect", "<html>");
        sim.advance(5_000);
        sim.poll(CONNECTED);
        assert_eq!(sim.states.last(), Some(&State::Connected));
        assert_eq!(sim.count("handshake"), 1);
    }
}

#[test]
fn s14_only_2xx_bodies_are_bayeux() {
    for status in [201, 299] {
        let mut sim = Sim::new();
        let id = sim.request("handshake").id();
        sim.head(id, status);
        sim.chunk(id, &handshake("c", ""));
        sim.end(id);
        assert_eq!(sim.kinds(), ["connect"], "{status}");
    }
    for status in [199, 300, 400, 500] {
        let mut sim = Sim::subscribed(&["/a"]);
        let id = sim.request("connect").id();
        sim.head(id, status);
        sim.chunk(id, &with_events(&events("/a", [1])));
        sim.end(id);
        assert!(sim.events.is_empty(), "{status}");
    }
}

#[test]
fn s14_a_redirect_is_refused_whether_the_host_shows_it_or_hides_it() {
    for status in [0, 301, 307] {
        let mut sim = Sim::new();
        sim.answer_status("handshake", status);
        assert_eq!(*sim.error(0), Error::Redirect);
        assert!(sim.closed.is_some());
    }
}

#[test]
fn s14_a_handshake_reply_without_id_or_channel_is_the_reply() {
    let mut sim = Sim::new();
    sim.answer("handshake", r#"{"successful":true,"clientId":"c"}"#);
    assert_eq!(sim.kinds(), ["connect"]);
    // So is a poll's.
    sim.poll(r#"[{"successful":true,"advice":{"interval":7000}}]"#);
    assert!(sim.kinds().is_empty());
    assert_eq!(sim.wait(), 7_000);
}

#[test]
fn s14_a_stray_message_does_not_take_the_place_of_the_reply() {
    let mut sim = Sim::connected();
    sim.poll(r#"[{"channel":"/meta/connect","successful":true},{}]"#);
    assert_eq!(sim.states, [State::Connected]);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn a_handshake_without_client_id_or_without_reply_is_retried() {
    for body in [
        r#"[{"channel":"/meta/handshake","successful":true}]"#,
        r#"[{"channel":"/meta/handshake","successful":true,"clientId":""}]"#,
        "[]",
        "{}",
        r#"[{"channel":"/meta/connect","successful":true}]"#,
    ] {
        let mut sim = Sim::new();
        sim.answer("handshake", body);
        assert_eq!(sim.count("handshake"), 2, "{body}");
        sim.shake();
        assert!(sim.result(0).is_some_and(Result::is_ok));
    }
}

#[test]
fn the_handshake_asks_for_replay_where_it_is_wanted() {
    let ext = |sim: &Sim| only(&sim.request("handshake")).get("ext").map(ToString::to_string);
    let mut sim = Sim::salesforce();
    sim.token();
    assert_eq!(ext(&sim).as_deref(), Some(r#"{"replay":true}"#));
    assert_eq!(ext(&Sim::new()).as_deref(), Some(r#"{"ack":true}"#));
    let both = Sim::with(|config| config.replay = true);
    assert_eq!(ext(&both).as_deref(), Some(r#"{"ack":true,"replay":true}"#));
    let mut sim = Sim::salesforce_with(|config| config.replay = false);
    sim.token();
    assert_eq!(ext(&sim), None);
    // And so does every later one.
    let mut sim = Sim::logged_in();
    sim.poll(&refused("403::Unknown client", ""));
    assert_eq!(ext(&sim).as_deref(), Some(r#"{"replay":true}"#));
    sim.command(Command::Close);
}
