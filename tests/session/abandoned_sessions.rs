//! Sessions that the client makes and does not keep: S9a.

use cometd_edge::session::{Error, State};

use crate::sim::*;

/// The server has no session left: the one of this id was disconnected, once.
fn is_disconnected(sim: &mut Sim, client_id: &str) {
    let mut goodbyes = sim.sent.iter().filter(|request| request.kind() == "disconnect");
    assert_eq!(goodbyes.next().map(|request| only(request)["clientId"].clone()), Some(client_id.into()));
    assert_eq!(goodbyes.count(), 0);
    sim.answer("disconnect", "[]");
}

#[test]
fn s9a_a_handshake_accepted_with_advice_not_to_connect_leaves_no_session() {
    for advice in [r#"{"reconnect":"none"}"#, r#"{"interval":-1}"#, r#"{"reconnect":"none","interval":0}"#] {
        let mut sim = Sim::new();
        sim.answer("handshake", &handshake("mine", &format!(r#","advice":{advice}"#)));
        assert_eq!(*sim.error(0), Error::ServerEnded(None), "{advice}");
        is_disconnected(&mut sim, "mine");
        assert_eq!((sim.closed_with().code(), sim.count("connect")), ("server-ended", 0));
    }
}

#[test]
fn s9a_a_handshake_without_a_connection_type_in_common_leaves_no_session() {
    let body = r#"[{"channel":"/meta/handshake","successful":true,"clientId":"mine","supportedConnectionTypes":["websocket"]}]"#;
    let mut sim = Sim::new();
    sim.answer("handshake", body);
    assert_eq!(sim.error(0).code(), "no-transport");
    is_disconnected(&mut sim, "mine");
    assert_eq!(sim.closed_with().code(), "no-transport");
    // One that is tried again says good-bye first, with its own cookies.
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "BAYEUX_BROWSER=mine")]);
    sim.chunk(id, body);
    sim.end(id);
    assert_eq!(sim.header("disconnect", "Cookie").as_deref(), Some("BAYEUX_BROWSER=mine"));
    is_disconnected(&mut sim, "mine");
    sim.until_open("handshake");
    assert_eq!(sim.header("handshake", "Cookie"), None);
}

#[test]
fn s9a_a_handshake_that_advises_another_one_leaves_no_session() {
    let mut sim = Sim::new();
    sim.answer("handshake", &handshake("mine", r#","advice":{"reconnect":"handshake"}"#));
    is_disconnected(&mut sim, "mine");
    sim.new_session();
    assert_eq!(sim.states.last(), Some(&State::Connected));
}

#[test]
fn s9a_closing_while_a_handshake_is_answered_leaves_no_session() {
    let body = handshake("mine", "");
    for at in 0..body.len() {
        let mut sim = Sim::new();
        let id = sim.request("handshake").id();
        sim.head(id, 200);
        sim.chunk(id, &body[..at]);
        sim.close();
        assert_eq!(*sim.error(0), Error::Closed);
        if sim.try_open("handshake").is_some() {
            sim.advance(500);
            sim.chunk(id, &body[at..]);
            sim.end(id);
        }
        is_disconnected(&mut sim, "mine");
        assert_eq!((&sim.closed, sim.count("connect")), (&Some(None), 0), "{at}");
    }
}

#[test]
fn s9a_a_handshake_whose_answer_does_not_end_delays_close_by_a_second_at_most() {
    for answered in ["[", r#"[{"channel":"/meta/handshake","successful":false}"#] {
        let mut sim = Sim::new();
        let id = sim.begin("handshake", answered);
        sim.close();
        sim.advance(999);
        assert_eq!(sim.closed.is_none(), answered == "[");
        sim.advance(1);
        assert_eq!((&sim.closed, sim.aborted.clone()), (&Some(None), vec![id]));
    }
    // One that breaks, or has no head, is over at once.
    let mut sim = Sim::new();
    let id = sim.begin("handshake", "[");
    sim.close();
    sim.fail_id(id);
    assert_eq!((&sim.closed, sim.now, sim.states.last()), (&Some(None), 0, Some(&State::Closed)));
}

#[test]
fn s9a_a_handshake_cut_behind_its_reply_leaves_no_session() {
    let mut sim = Sim::new();
    let body = handshake("mine", "");
    sim.cut("handshake", &body[..body.len() - 1]);
    is_disconnected(&mut sim, "mine");
    sim.new_session();
    assert_eq!(sim.states.last(), Some(&State::Connected));
}

#[test]
fn s9a_pausing_in_the_last_bytes_of_a_handshake_leaves_no_session() {
    let mut sim = Sim::new();
    let body = handshake("mine", "");
    sim.begin("handshake", &body[..body.len() - 1]);
    sim.suspend(1);
    sim.advance(1_000);
    is_disconnected(&mut sim, "mine");
    assert!(!sim.ok(1)[0].contains("mine"));
}

#[test]
fn s9a_s5a_a_server_that_ends_a_session_it_knows_is_told_that_it_is_over() {
    for body in [
        advised(r#"{"reconnect":"none"}"#),
        advised(r#"{"interval":-1}"#),
        refused("500::x", NONE),
        refused("401::Authentication invalid", NONE),
    ] {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.poll(&body);
        // Everybody is told at once.
        assert_eq!(sim.ended.len(), 1);
        is_disconnected(&mut sim, "client-1");
        assert!(matches!(sim.closed_with(), Error::ServerEnded(_)), "{body}");
    }
}

#[test]
fn s9a_a_server_that_does_not_know_the_session_is_told_nothing() {
    let own = r#"[{"channel":"/meta/disconnect","successful":true}]"#.to_owned();
    for body in [refused(UNKNOWN, NONE), refused("403::Unknown client", NONE), own] {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.poll(&body);
        assert_eq!((sim.closed.is_some(), sim.count("disconnect")), (true, 0), "{body}");
    }
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.close();
    assert_eq!((sim.closed.is_some(), sim.count("disconnect")), (true, 0));
}

#[test]
fn s9a_whatever_ends_the_client_in_a_session_disconnects_it() {
    let ends: [(&Deed, &str); 3] = [
        (
            &|sim| {
                for _ in 0..3 {
                    sim.until_open("connect");
                    sim.poll("[{,");
                }
            },
            "protocol",
        ),
        (
            &|sim| {
                while sim.kinds() != ["disconnect"] {
                    if sim.try_open("connect").is_some() {
                        sim.answer_status("connect", 500);
                    } else {
                        sim.wait();
                    }
                }
            },
            "max-retries",
        ),
        (&|sim| sim.close(), ""),
    ];
    for (end, code) in ends {
        let mut sim = Sim::connected_with(|config| config.retry.max_retries = Some(3));
        end(&mut sim);
        is_disconnected(&mut sim, "client-1");
        assert_eq!(sim.closed.clone().flatten().map_or("", |error| error.code()), code);
    }
}

#[test]
fn s9a_s5a_a_busy_salesforce_session_that_is_given_up_is_disconnected() {
    let mut sim = Sim::logged_in();
    sim.poll(&refused(BUSY, NONE));
    is_disconnected(&mut sim, "client-1");
    sim.close();
    assert_eq!((sim.closed.clone(), sim.count("disconnect")), (Some(None), 1));
}
