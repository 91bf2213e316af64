//! What follows when the server advises `none`: S5a.

use cometd_edge::replay::Start;
use cometd_edge::session::Error;

use crate::sim::*;

/// Plain Bayeux with credentials, connected.
fn authenticated() -> Sim {
    let mut sim = Sim::with(|config| {
        config.authenticated().expect("https");
    });
    sim.token();
    sim.shake();
    sim.poll(CONNECTED);
    sim
}

/// The client says good-bye, unless the server does not know the session any more (S9a).
fn end(sim: &mut Sim) {
    if sim.closed.is_none() {
        sim.disconnect();
    }
}

fn disconnect_reply(error: &str) -> String {
    format!(r#"[{{"channel":"/meta/disconnect"}},{}"#, refused(error, NONE).trim_start_matches('['))
}

#[test]
fn s5a_after_none_plain_bayeux_ends_with_what_the_server_said() {
    for error in [
        EXPIRED,
        "403::Unknown client",
        BUSY,
        "403::Organization total events daily limit exceeded",
        "500::x",
    ] {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.poll(&refused(error, NONE));
        end(&mut sim);
        let Error::ServerEnded(Some(failure)) = sim.closed_with() else { panic!("{:?}", sim.closed) };
        assert!(error.ends_with(&failure.text));
        assert_eq!((sim.count("handshake"), sim.asked.len()), (1, 0), "{error}");
    }
}

#[test]
fn s5a_after_none_with_credentials_plain_bayeux_ends_unless_it_was_the_token() {
    for error in ["403::Unknown client", BUSY, "403::Organization concurrent user limit exceeded", "500::x"] {
        let mut sim = authenticated();
        sim.poll(&refused(error, NONE));
        end(&mut sim);
        assert!(matches!(sim.closed_with(), Error::ServerEnded(Some(_))), "{error}");
    }
    let mut sim = authenticated();
    sim.poll(&refused(EXPIRED, NONE));
    assert_eq!(sim.asked, [false, true]);
    sim.token();
    assert_eq!((sim.kinds(), sim.carried("handshake")), (vec!["handshake"], 2));
}

#[test]
fn s5a_salesforce_gets_a_new_token_after_401_and_unknown_client() {
    for body in [
        refused(EXPIRED, NONE),
        refused("403::Unknown client", NONE),
        disconnect_reply(EXPIRED),
        disconnect_reply("403::Unknown client"),
    ] {
        let mut sim = Sim::logged_in();
        sim.poll(&body);
        assert_eq!(sim.asked, [false, true], "{body}");
        // Nothing goes out before there is one.
        assert!(sim.kinds().is_empty());
        sim.token();
        assert_eq!((sim.kinds(), sim.carried("handshake")), (vec!["handshake"], 2));
        sim.shake();
        assert_eq!(sim.carried("connect"), 2);
    }
}

#[test]
fn s5a_salesforce_comes_back_with_the_same_token_after_503_and_limits() {
    for (error, at_least_ms) in [
        (BUSY, 1_000),
        ("SERVER_UNAVAILABLE", 1_000),
        ("403::Organization concurrent user limit exceeded", 30_000),
        ("403::Organization total events daily limit exceeded", 300_000),
    ] {
        let mut sim = Sim::logged_in();
        sim.poll(&refused(error, NONE));
        assert_eq!(sim.asked, [false], "{error}");
        let waited = sim.until_open("handshake");
        assert!(waited >= at_least_ms, "{error}: {waited}");
        assert_eq!(sim.carried("handshake"), 1);
    }
}

#[test]
fn s5a_salesforce_waits_for_a_server_that_is_busy_without_credentials_too() {
    // A page of Salesforce's own has a cookie in place of a token.
    let mut sim = Sim::with(|config| {
        config.salesforce();
    });
    sim.shake();
    sim.poll(&refused(BUSY, NONE));
    assert_eq!(sim.closed, None);
    sim.new_session();
    for error in [EXPIRED, "403::Unknown client"] {
        let mut sim = Sim::with(|config| {
            config.salesforce();
        });
        sim.shake();
        sim.poll(&refused(error, NONE));
        // There is no other token to try.
        end(&mut sim);
        assert!(matches!(sim.closed_with(), Error::ServerEnded(Some(_))), "{error}");
    }
}

#[test]
fn s5a_salesforce_ends_after_any_other_none() {
    for body in [
        refused("403::Restricted channel", NONE),
        refused("400::Authenticated user id does not match the session's user id", NONE),
        advised(r#"{"reconnect":"none"}"#),
        r#"[{"channel":"/meta/disconnect"}]"#.to_owned(),
    ] {
        let mut sim = Sim::logged_in();
        sim.poll(&body);
        end(&mut sim);
        assert!(matches!(sim.closed_with(), Error::ServerEnded(_)), "{body}");
        assert_eq!((sim.count("handshake"), sim.asked.len()), (1, 1));
    }
}

#[test]
fn s5a_a_handshake_denied_for_now_is_tried_again_with_the_same_token() {
    for (words, at_least_ms) in [(BUSY, 1_000), ("403::Organization concurrent user limit exceeded", 30_000)]
    {
        let mut sim = Sim::salesforce();
        sim.token();
        sim.answer("handshake", &denied(words));
        let waited = sim.until_open("handshake");
        assert!(waited >= at_least_ms, "{words}: {waited}");
        assert_eq!((sim.carried("handshake"), sim.asked.len()), (1, 1));
        sim.shake();
        sim.ok(0);
    }
}

#[test]
fn s5a_a_handshake_denied_for_good_ends_the_client() {
    let mut sim = Sim::salesforce();
    sim.token();
    sim.answer("handshake", &denied("403::User not enabled for streaming"));
    assert_eq!(sim.closed_with().code(), "no-access");
    assert_eq!(sim.error(0).code(), "no-access");
}

#[test]
fn s5a_the_new_session_subscribes_from_the_last_position() {
    for error in [EXPIRED, BUSY] {
        let mut sim = Sim::logged_in();
        sim.follow(1, "/event/A__e", Start::New);
        sim.load("/event/A__e", None);
        sim.confirm();
        sim.poll(CONNECTED);
        sim.poll(&with_events(&replayed("/event/A__e", &["5", "6"])));
        sim.poll(&refused(error, NONE));
        if error == EXPIRED {
            sim.token();
        }
        sim.new_session();
        assert_eq!(sim.from(), "6", "{error}");
        assert!(sim.gaps().is_empty());
    }
}
