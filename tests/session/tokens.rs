//! A token is asked for, carried and refused: S10.

use cometd_edge::session::{Error, Input};

use crate::sim::*;

#[test]
fn s10_nothing_is_sent_before_there_is_a_token_and_everything_carries_it() {
    let mut sim = Sim::salesforce();
    assert_eq!((sim.asked.clone(), sim.kinds()), (vec![false], vec![]));
    sim.subscribe(1, &["/a"]);
    sim.publish(2, "/a");
    sim.advance(29_999);
    assert_eq!((sim.asked.len(), sim.sent.len()), (1, 0));
    sim.token();
    sim.shake();
    for kind in ["connect", "commands"] {
        assert_eq!(sim.carried(kind), 1);
    }
    sim.confirm();
    sim.close();
    assert_eq!(sim.carried("disconnect"), 1);
}

#[test]
fn s10_the_token_takes_the_place_of_the_callers_own_authorization() {
    let mut sim = Sim::salesforce_with(|config| {
        config.header("authorization", "Basic x").expect("a good header");
    });
    sim.token();
    let request = sim.request("handshake");
    let is = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("authorization");
    let values: Vec<&str> = request.headers().iter().filter(is).map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["Bearer token-1"]);
}

#[test]
fn s10_a_refused_token_is_followed_by_another_and_a_new_handshake() {
    let of_all = r#"[{"error":"401::Request requires authentication","successful":false}]"#;
    let refuse: [&dyn Fn(&mut Sim); 6] = [
        &|sim| sim.poll(&refused(EXPIRED, "")),
        &|sim| sim.poll(of_all),
        &|sim| sim.answer_status("connect", 401),
        &|sim| sim.answer("commands", of_all),
        &|sim| {
            sim.answer("commands", &format!(r#"[{{"channel":"/p","successful":false,"error":"{EXPIRED}"}}]"#))
        },
        &|sim| sim.answer_status("commands", 401),
    ];
    for (index, refuse) in refuse.into_iter().enumerate() {
        let mut sim = Sim::logged_in();
        sim.publish(1, "/p");
        refuse(&mut sim);
        assert_eq!(sim.asked, [false, true], "{index}");
        assert!(sim.try_open("connect").is_none());
        sim.token();
        // The server may still have the session (R7d).
        assert_eq!((sim.carried("disconnect"), sim.try_open("handshake").is_some()), (2, false), "{index}");
        sim.answer("disconnect", "[]");
        assert_eq!(sim.carried("handshake"), 2);
        sim.answer("handshake", &handshake("client-2", ""));
        // It was not processed, and goes out once more.
        if sim.try_open("commands").is_some() && index < 3 {
            sim.confirm();
        }
        if sim.result(1).is_none() {
            assert_eq!(sim.carried("commands"), 2);
            sim.confirm();
        }
        sim.ok(1);
    }
}

#[test]
fn s10_a_message_refused_with_a_second_token_is_not_sent_a_third_time() {
    let mut sim = Sim::logged_in();
    sim.publish(1, "/p");
    for _ in 0..2 {
        sim.answer_status("commands", 401);
        sim.token();
        sim.new_session();
        sim.poll(CONNECTED);
    }
    assert_eq!(*sim.error(1), Error::HttpStatus(401));
    assert!(sim.try_open("commands").is_none());
}

#[test]
fn s10_one_new_token_serves_all_that_wait() {
    let mut sim = Sim::logged_in();
    sim.publish(1, "/p");
    // Refused on both requests, and on two that were not the session's.
    sim.input(Input::TokenRefused { number: 1 });
    sim.input(Input::TokenRefused { number: 1 });
    sim.poll(&refused(EXPIRED, NONE));
    sim.answer("commands", &format!(r#"[{{"channel":"/p","successful":false,"error":"{EXPIRED}"}}]"#));
    assert_eq!(sim.asked, [false, true]);
    sim.token();
    // One that was under way when it came.
    sim.input(Input::TokenRefused { number: 1 });
    sim.new_session();
    assert_eq!(sim.carried("commands"), 2);
    sim.confirm();
    sim.ok(1);
    sim.advance(60_000);
    assert_eq!(sim.asked, [false, true]);
}

#[test]
fn s10_the_refusal_of_an_older_token_is_ignored() {
    let mut sim = Sim::logged_in();
    sim.poll(&refused(EXPIRED, NONE));
    sim.token();
    sim.new_session();
    sim.poll(CONNECTED);
    for number in [0, 1, 3, 7] {
        sim.input(Input::TokenRefused { number });
    }
    assert_eq!((sim.asked.len(), sim.kinds()), (2, vec!["connect"]));
}

#[test]
fn s10_without_credentials_no_refusal_asks_for_a_token() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.input(Input::TokenRefused { number: 0 });
    sim.input(Input::TokenFailed { message: "x", retryable: false });
    sim.input(Input::Token { number: 1, access_token: "x", url: URL });
    assert_eq!((sim.asked.len(), sim.kinds(), &sim.closed), (0, vec!["connect"], &None));
}

#[test]
fn s10_an_unasked_token_changes_nothing() {
    let mut sim = Sim::logged_in();
    sim.token_at(EAST);
    sim.input(Input::TokenFailed { message: "x", retryable: false });
    sim.poll(CONNECTED);
    assert_eq!((sim.carried("connect"), sim.request("connect").url()), (1, URL));
}

#[test]
fn s10_a_late_refusal_on_the_old_session_does_not_hurt_the_new_token() {
    let mut sim = Sim::logged_in();
    sim.publish(1, "/p");
    sim.poll(&refused(EXPIRED, NONE));
    sim.token();
    sim.answer("handshake", &handshake("client-2", ""));
    // The publish was sent with the old one.
    sim.answer_status("commands", 401);
    assert_eq!((sim.asked.len(), sim.carried("connect")), (2, 2));
    sim.until_open("commands");
    assert_eq!(sim.carried("commands"), 2);
    sim.confirm();
    sim.ok(1);
}
