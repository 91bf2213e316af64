//! The server's first answer, and sessions that it never knows: S9, S9a, S14.

use cometd_edge::session::{Command, Error, Input, State, Status};

use crate::sim::*;

const GONE: &str = r#","advice":{"reconnect":"handshake"}"#;

/// Refuses every request until `until`.
fn fail_until(sim: &mut Sim, until: u64) {
    while sim.closed.is_none() && sim.now <= until {
        if sim.try_open("handshake").is_some() {
            sim.fail("handshake");
        } else {
            sim.wait();
        }
    }
}

/// Makes a session, the next one where there was one.
fn shake_as(sim: &mut Sim, client_id: &str) {
    sim.until_open("handshake");
    sim.answer("handshake", &handshake(client_id, ""));
}

#[test]
fn s14_a_server_that_cannot_be_reached_ends_connect_after_connect_timeout_ms() {
    for (configured, expected) in [(None, 30_000), (Some(700), 700), (Some(95_000), 95_000)] {
        let mut sim = Sim::with(|config| {
            config.connect_timeout_ms = configured.unwrap_or(config.connect_timeout_ms);
            config.retry.max_retries = Some(u32::MAX);
        });
        fail_until(&mut sim, 200_000);
        assert_eq!(sim.now, expected);
        assert_eq!((sim.error(0).code(), sim.error(0).retryable()), ("connect-timeout", true));
        assert!(matches!(sim.error(0).last(), Some(Error::Network(_))), "{:?}", sim.error(0));
        assert_eq!(sim.closed_with(), sim.error(0));
        // It was told of from the first failure on.
        assert!(matches!(sim.statuses.first(), Some(Status::Retry { attempt: 1, delay_ms: 0, .. })));
        assert_eq!((sim.states.first(), sim.states.last()), (Some(&State::Retrying), Some(&State::Closed)));
    }
}

#[test]
fn s14_a_request_that_is_still_open_when_the_time_is_over_is_aborted() {
    let mut sim = Sim::with(|config| config.connect_timeout_ms = 500);
    let handshake = sim.request("handshake").id();
    sim.advance(499);
    assert!(sim.result(0).is_none());
    sim.advance(1);
    assert_eq!(sim.aborted, [handshake]);
    assert_eq!(*sim.error(0), Error::ConnectTimeout { after_ms: 500, login: false, last: None });
    assert!(sim.closed.is_some());
}

#[test]
fn s14_the_timeout_of_a_request_is_the_last_failure_of_connect() {
    let mut sim = Sim::new();
    sim.advance(30_000);
    assert_eq!(sim.error(0).last().map(Error::code), Some("timeout"));
}

#[test]
fn s14_once_the_server_has_answered_anything_max_retries_decides_alone() {
    let answers: [&dyn Fn(&mut Sim); 3] =
        [&|sim| sim.answer_status("handshake", 503), &|sim| sim.answer("handshake", "[]"), &|sim| {
            sim.cut("handshake", "[{")
        }];
    for answer in answers {
        let mut sim = Sim::new();
        answer(&mut sim);
        fail_until(&mut sim, 1_000_000);
        assert_eq!(sim.error(0).code(), "max-retries");
        assert_eq!(sim.retries().len(), 10);
        assert!(sim.now > 30_000, "{}", sim.now);
    }
}

#[test]
fn s14_max_retries_may_end_connect_before_its_time_is_over() {
    let mut sim = Sim::with(|config| config.retry.max_retries = Some(1));
    fail_until(&mut sim, 200_000);
    assert_eq!((sim.error(0).code(), sim.now), ("max-retries", 0));
}

#[test]
fn s14_a_session_that_goes_on_has_no_such_limit() {
    let mut sim = Sim::connected_with(|config| config.connect_timeout_ms = 500);
    for _ in 0..40 {
        sim.fail("connect");
        sim.until_open("connect");
    }
    assert!(sim.closed.is_none() && sim.now > 100_000);
}

#[test]
fn s14_the_login_and_then_the_server_have_the_time_each() {
    let mut sim = Sim::salesforce();
    sim.advance(29_000);
    sim.token();
    sim.advance(29_999);
    assert!(sim.result(0).is_none());
    sim.advance(1);
    assert!(matches!(sim.error(0), Error::ConnectTimeout { login: false, last: Some(_), .. }));
}

#[test]
fn s14_a_login_that_does_not_succeed_in_time_ends_connect() {
    let mut sim = Sim::salesforce();
    sim.advance(30_000);
    assert_eq!(*sim.error(0), Error::ConnectTimeout { after_ms: 30_000, login: true, last: None });
    let mut sim = Sim::salesforce();
    while sim.result(0).is_none() {
        let asked = sim.asked.len();
        sim.input(Input::TokenFailed { message: "no connection", retryable: true });
        while sim.asked.len() == asked && sim.result(0).is_none() {
            sim.wait();
        }
    }
    assert_eq!(sim.now, 30_000);
    assert_eq!(sim.error(0).last(), Some(&Error::LoginFailed("no connection".to_owned())));
}

#[test]
fn s14_a_page_that_is_hidden_before_the_first_answer_has_its_time_anew() {
    let mut sim = Sim::new();
    sim.advance(20_000);
    sim.command(Command::Hidden(true));
    sim.advance(1_000_000);
    assert!(sim.closed.is_none());
    sim.command(Command::Hidden(false));
    sim.advance(29_999);
    assert!(sim.result(0).is_none());
    sim.advance(1);
    assert_eq!(sim.error(0).code(), "connect-timeout");
}

#[test]
fn s9_two_new_sessions_that_the_server_does_not_know_end_the_client() {
    for error in ["402::Unknown client", "403::Unknown client", "401:c:Unknown client", "session expired"] {
        let mut sim = Sim::new();
        sim.shake();
        sim.subscribe(1, &["/a"]);
        sim.poll(&refused(error, GONE));
        assert!(sim.closed.is_none() && sim.result(1).is_none(), "{error}");
        shake_as(&mut sim, "client-2");
        sim.poll(&refused(error, GONE));
        assert_eq!(sim.closed_with().code(), "cookie-missing", "{error}");
        assert_eq!(sim.error(1).code(), "cookie-missing", "{error}");
        assert!(!sim.closed_with().retryable());
        // S9a: there is nothing to disconnect.
        assert_eq!((sim.count("handshake"), sim.count("disconnect")), (2, 0), "{error}");
    }
}

#[test]
fn s9_a_cookie_that_the_server_misses_by_name_is_the_same() {
    let missed = "400::Client client-1 has established a session, but no BAYEUX_BROWSER cookie present";
    let mut sim = Sim::new();
    sim.shake();
    sim.poll(&refused(missed, GONE));
    assert!(sim.closed.is_none());
    shake_as(&mut sim, "client-2");
    sim.poll(&refused(missed, GONE));
    assert_eq!(sim.closed_with().code(), "cookie-missing");
    assert!(!sim.closed_with().to_string().contains("client-1"), "X2: {}", sim.closed_with());
}

#[test]
fn s9_sessions_that_are_unknown_to_a_subscribe_count_as_well() {
    let unknown = r#"[{"channel":"/meta/subscribe","subscription":"/a","successful":false,"error":"402::Unknown client"}]"#;
    let mut sim = Sim::new();
    sim.shake();
    sim.subscribe(1, &["/a"]);
    sim.answer("commands", unknown);
    shake_as(&mut sim, "client-2");
    sim.answer("commands", unknown);
    assert_eq!(sim.error(1).code(), "cookie-missing");
}

#[test]
fn s9_a_session_counts_once_however_many_replies_do_not_know_it() {
    let mut sim = Sim::new();
    sim.shake();
    sim.subscribe(1, &["/a"]);
    sim.publish(2, "/p");
    sim.answer(
        "commands",
        r#"[{"successful":false,"error":"402::Unknown client"},{"channel":"/p","successful":false,"error":"402::Unknown client"}]"#,
    );
    assert!(sim.closed.is_none());
    shake_as(&mut sim, "client-2");
    sim.poll(CONNECTED);
    sim.confirm();
    sim.ok(1);
}

#[test]
fn s9_after_one_poll_has_succeeded_sessions_may_be_lost_without_end() {
    let mut sim = Sim::new();
    sim.shake();
    sim.poll(&refused(UNKNOWN, GONE));
    shake_as(&mut sim, "client-2");
    sim.poll(CONNECTED);
    for round in 0..12 {
        sim.until_open("connect");
        sim.poll(&refused(UNKNOWN, GONE));
        shake_as(&mut sim, &format!("later-{round}"));
    }
    assert!(sim.closed.is_none());
}

#[test]
fn s9_sessions_that_expired_while_their_first_polls_were_lost_do_not_count() {
    let mut sim = Sim::new();
    for round in 0..6 {
        shake_as(&mut sim, &format!("client-{round}"));
        sim.fail("connect");
        sim.until_open("connect");
        sim.poll(&refused(UNKNOWN, GONE));
    }
    assert!(sim.closed.is_none());
}

#[test]
fn s9_only_two_in_a_row_count() {
    let mut sim = Sim::new();
    for round in 0..6 {
        shake_as(&mut sim, &format!("client-{round}"));
        if round % 2 == 0 {
            sim.fail("connect");
            sim.until_open("connect");
        }
        sim.poll(&refused(UNKNOWN, GONE));
    }
    assert!(sim.closed.is_none());
}

#[test]
fn s9_the_session_of_an_earlier_client_does_not_count() {
    let mut sim = Sim::subscribed(&["/a"]);
    let snapshot = sim.snapshot();
    let mut sim = Sim::resumed(&snapshot);
    sim.poll(&refused(UNKNOWN, GONE));
    shake_as(&mut sim, "client-2");
    sim.poll(&refused(UNKNOWN, GONE));
    assert!(sim.closed.is_none());
    shake_as(&mut sim, "client-3");
    sim.poll(&refused(UNKNOWN, GONE));
    assert_eq!(sim.closed_with().code(), "cookie-missing");
}

#[test]
fn s9_a_server_that_is_busy_with_its_first_polls_is_asked_again() {
    for error in [BUSY, "500::Internal error", "403::Organization total events daily limit exceeded"] {
        let mut sim = Sim::new();
        for client_id in ["client-1", "client-2", "client-3", "client-4"] {
            shake_as(&mut sim, client_id);
            sim.poll(&refused(error, GONE));
        }
        assert!(sim.closed.is_none(), "{error}: {:?}", sim.closed);
    }
}

#[test]
fn s9_who_keeps_the_cookies_decides_what_the_error_says() {
    let text = |own_cookies: bool| {
        let mut sim = Sim::with(|config| config.own_cookies = own_cookies);
        for client_id in ["client-1", "client-2"] {
            shake_as(&mut sim, client_id);
            sim.poll(&refused(UNKNOWN, GONE));
        }
        sim.closed_with().to_string()
    };
    for word in ["402 Unknown client", "proxy", "load balancer", "Set-Cookie"] {
        assert!(text(true).contains(word), "{word}: {}", text(true));
    }
    assert!(!text(true).contains("SameSite"));
    for word in ["127.0.0.1", "SameSite", "third-party", "Access-Control-Allow-Credentials", "load balancer"]
    {
        assert!(text(false).contains(word), "{word}: {}", text(false));
    }
}

#[test]
fn x2_the_server_is_named_without_its_query() {
    let config = cometd_edge::session::Config::new("https://example.com/a/cometd?key=secret").expect("a url");
    assert_eq!(Sim::of(config, 1).session.place(), "https://example.com/a/cometd");
}
