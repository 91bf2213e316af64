//! Access tokens: S5a, S10, X1, X2.

use cometd_edge::replay::Start;
use cometd_edge::session::{Command, Config, Error, GapCause, Input, State};

use crate::sim::*;

const LOGIN: &str = "https://login.salesforce.com/cometd/67.0";
const EAST: &str = "https://east.my.salesforce.com/cometd/67.0";
const WEST: &str = "https://west.my.salesforce.com/cometd/67.0";

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

fn disconnect_reply(error: &str) -> String {
    format!(r#"[{{"channel":"/meta/disconnect"}},{}"#, refused(error, NONE).trim_start_matches('['))
}

fn reason(reason: &str) -> String {
    format!(r#","advice":{{"reconnect":"none"}},"ext":{{"sfdc":{{"failureReason":"{reason}"}}}}"#)
}

fn denied(reason: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/handshake","successful":false,"error":"403::Handshake denied","advice":{{"reconnect":"none"}},"ext":{{"sfdc":{{"failureReason":"{reason}"}}}}}}]"#
    )
}

fn header(sim: &Sim, kind: &str, name: &str) -> Option<String> {
    let request = sim.request(kind);
    request.headers().iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

/// Refuses each handshake after 50 ms, and gives the next token as soon as it is wanted.
fn refuse_all(sim: &mut Sim, refuse: impl Fn(&mut Sim)) {
    for _ in 0..100 {
        if sim.closed.is_some() {
            return;
        }
        if sim.asked.len() > sim.tokens as usize {
            sim.token();
        } else if sim.try_open("handshake").is_some() {
            sim.advance(50);
            refuse(sim);
        } else {
            sim.wait();
        }
    }
    panic!("without end");
}

// S5a.

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
        let mut waited = 0;
        while sim.try_open("handshake").is_none() {
            waited += sim.wait();
        }
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
        let mut waited = 0;
        while sim.try_open("handshake").is_none() {
            waited += sim.wait();
        }
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

// S10.

#[test]
fn s10_nothing_is_sent_before_there_is_a_token_and_everything_carries_it() {
    let mut sim = Sim::salesforce();
    assert_eq!((sim.asked.clone(), sim.kinds()), (vec![false], vec![]));
    sim.subscribe(1, &["/a"]);
    sim.publish(2, "/a");
    sim.advance(3_600_000);
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
    sim.input(Input::TokenRefused { number: 1 });
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
    while sim.try_open("commands").is_none() {
        sim.wait();
    }
    assert_eq!(sim.carried("commands"), 2);
    sim.confirm();
    sim.ok(1);
}

#[test]
fn s10_a_token_that_never_worked_refused_again_5_s_later_ends_the_client() {
    let mut sim = Sim::salesforce();
    sim.token();
    refuse_all(&mut sim, |sim| sim.answer("handshake", &denied(EXPIRED)));
    assert_eq!(sim.closed_with().code(), "unauthorized");
    assert_eq!(sim.error(0).code(), "unauthorized");
    assert!((5_000..6_000).contains(&sim.now), "{}", sim.now);
    // Not more than: at once, in between, after 5 s.
    assert!(sim.count("handshake") <= 3);
}

#[test]
fn s10_the_5_s_count_also_where_http_says_it() {
    let mut sim = Sim::salesforce();
    refuse_all(&mut sim, |sim| sim.answer_status("handshake", 401));
    assert_eq!(sim.closed_with().code(), "unauthorized");
    assert!(sim.now >= 5_000 && sim.count("handshake") <= 3);
}

#[test]
fn s10_a_refusal_long_ago_does_not_count_once_a_token_has_worked() {
    let mut sim = Sim::salesforce();
    sim.token();
    sim.answer("handshake", &denied(EXPIRED));
    sim.token();
    sim.shake();
    sim.poll(CONNECTED);
    for _ in 0..5 {
        for _ in 0..100 {
            sim.advance(30_000);
            sim.poll(CONNECTED);
        }
        sim.poll(&refused(EXPIRED, NONE));
        assert_eq!(sim.closed, None);
        sim.renew();
        // A token of a second's age may not be known everywhere yet.
        sim.answer("handshake", &denied(EXPIRED));
        sim.renew();
        sim.new_session();
        sim.poll(CONNECTED);
    }
}

#[test]
fn s10_a_login_that_is_refused_ends_the_client_at_once() {
    let mut sim = Sim::salesforce();
    sim.input(Input::TokenFailed { message: "invalid_grant: authentication failure", retryable: false });
    assert_eq!(*sim.closed_with(), Error::LoginRefused("invalid_grant: authentication failure".to_owned()));
    assert_eq!((sim.error(0).code(), sim.asked.len()), ("login-refused", 1));
    // In mid-life as well.
    let mut sim = Sim::logged_in();
    sim.poll(&refused(EXPIRED, NONE));
    sim.input(Input::TokenFailed { message: "expired access/refresh token", retryable: false });
    assert_eq!(sim.closed_with().code(), "login-refused");
}

#[test]
fn s10_a_login_that_failed_on_the_way_is_retried_by_s8() {
    let mut sim = Sim::salesforce();
    let mut delays = Vec::new();
    for round in 1..=10 {
        sim.input(Input::TokenFailed { message: "no connection", retryable: true });
        let from = sim.now;
        while sim.asked.len() == round {
            sim.wait();
        }
        delays.push(sim.now - from);
    }
    assert_eq!(delays[0], 0);
    assert!(delays[1..].iter().all(|delay| (1_000..=30_000).contains(delay)), "{delays:?}");
    sim.input(Input::TokenFailed { message: "no connection", retryable: true });
    // As with handshakes, ten times before the first session.
    assert_eq!(sim.closed_with().code(), "max-retries");
}

#[test]
fn s10_a_login_that_fails_later_is_retried_for_ever() {
    let mut sim = Sim::logged_in();
    sim.poll(&refused(EXPIRED, NONE));
    for round in 2..60 {
        assert_eq!(sim.asked.len(), round);
        sim.input(Input::TokenFailed { message: "no connection", retryable: true });
        while sim.asked.len() == round {
            sim.wait();
        }
    }
    assert_eq!(sim.closed, None);
    sim.token();
    sim.new_session();
}

#[test]
fn s10_a_refusal_elsewhere_replaces_a_living_session_when_the_new_token_is_there() {
    let mut sim = Sim::logged_in();
    sim.follow(1, "/event/A__e", Start::New);
    sim.load("/event/A__e", None);
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&with_events(&replayed("/event/A__e", &["5"])));
    sim.input(Input::TokenRefused { number: 1 });
    assert_eq!(sim.asked, [false, true]);
    // Until then it lives on.
    sim.poll(&with_events(&replayed("/event/A__e", &["6"])));
    assert_eq!((sim.kinds(), sim.carried("connect")), (vec!["connect"], 1));
    let poll = sim.request("connect").id();
    sim.token();
    assert_eq!(sim.aborted, [poll]);
    // The old one first, then the new one.
    assert_eq!(sim.kinds(), ["disconnect"]);
    assert_eq!(only(&sim.request("disconnect"))["clientId"], "client-1");
    sim.answer("disconnect", "[]");
    assert_eq!((sim.kinds(), sim.carried("handshake")), (vec!["handshake"], 2));
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!((sim.from(), sim.carried("commands")), ("6".to_owned(), 2));
    assert!(sim.gaps().is_empty() && sim.ended.is_empty());
}

#[test]
fn s10_a_session_lost_while_the_next_token_is_fetched_waits_for_it() {
    let mut sim = Sim::logged_in();
    sim.input(Input::TokenRefused { number: 1 });
    sim.poll(&refused(EXPIRED, NONE));
    assert_eq!((sim.asked.len(), sim.kinds()), (2, vec![]));
    sim.token();
    assert_eq!(sim.carried("handshake"), 2);
}

#[test]
fn s10_a_new_token_means_a_new_handshake_also_where_one_is_under_way() {
    let mut sim = Sim::logged_in();
    sim.input(Input::TokenRefused { number: 1 });
    sim.poll(&refused("403::Unknown client", ""));
    let old = sim.request("handshake");
    assert_eq!(carried(&old), 1);
    sim.token_at(WEST);
    assert!(sim.aborted.contains(&old.id()));
    let new = sim.request("handshake");
    assert_eq!((carried(&new), new.url()), (2, WEST));
    // What still comes of it, cookies included, is not taken for the new one's.
    sim.head_with(old.id(), 200, &[("Set-Cookie", "old=1")]);
    sim.chunk(old.id(), &handshake("client-old", ""));
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(only(&sim.request("connect"))["clientId"], "client-2");
    assert_eq!(header(&sim, "connect", "Cookie"), None);
}

#[test]
fn s10_a_login_that_takes_long_leaves_the_session_alone() {
    let mut sim = Sim::logged_in();
    sim.input(Input::TokenRefused { number: 1 });
    for _ in 0..5 {
        sim.advance(30_000);
        sim.poll(CONNECTED);
        sim.input(Input::TokenRefused { number: 1 });
    }
    assert_eq!((sim.asked.len(), sim.count("handshake")), (2, 1));
}

#[test]
fn s10_the_url_of_the_token_is_where_requests_go() {
    let mut sim = Sim::of(
        {
            let mut config = Config::new(LOGIN).expect("a good url");
            config.authenticated().expect("https").salesforce();
            config
        },
        1,
    );
    sim.token_at(EAST);
    assert_eq!(sim.request("handshake").url(), EAST);
    sim.shake();
    assert_eq!(sim.request("connect").url(), EAST);
}

#[test]
fn s10_a_moved_instance_takes_the_session_along_and_leaves_the_cookies() {
    let mut sim = Sim::salesforce();
    sim.token_at(EAST);
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "sfdc-stream=!x; path=/"), ("Set-Cookie", "old=1; path=/")]);
    sim.chunk(id, &handshake("client-1", ""));
    sim.end(id);
    assert!(header(&sim, "connect", "Cookie").is_some());
    sim.poll(CONNECTED);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(&refused(EXPIRED, ""));
    sim.token_at(WEST);
    // The old session is ended where it was, and with its own cookies.
    assert_eq!(sim.request("disconnect").url(), EAST);
    assert!(header(&sim, "disconnect", "Cookie").is_some());
    let id = sim.request("disconnect").id();
    sim.head_with(id, 200, &[("Set-Cookie", "late=1; path=/")]);
    sim.end(id);
    assert_eq!(sim.request("handshake").url(), WEST);
    assert_eq!(header(&sim, "handshake", "Cookie"), None);
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(
        (topics(&sim.request("commands")), sim.request("commands").url()),
        (vec!["/a".to_owned()], WEST)
    );
}

#[test]
fn s10_cookies_go_where_the_origin_stays_and_not_where_it_changes() {
    for (url, stays) in [(EAST, true), (WEST, false)] {
        let mut sim = Sim::salesforce();
        sim.token_at(EAST);
        let id = sim.request("handshake").id();
        sim.head_with(id, 200, &[("Set-Cookie", "a=1; path=/")]);
        sim.chunk(id, &denied(EXPIRED));
        sim.end(id);
        sim.token_at(url);
        assert_eq!(header(&sim, "handshake", "Cookie").is_some(), stays);
    }
}

#[test]
fn s10_states_and_gaps_of_a_renewed_session_are_told_once() {
    let mut sim = Sim::logged_in();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(&refused(EXPIRED, NONE));
    sim.renew();
    sim.answer("handshake", &denied(EXPIRED));
    sim.renew();
    sim.new_session();
    sim.confirm();
    sim.poll(CONNECTED);
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::SessionLost)]);
    assert_eq!(sim.states.last(), Some(&State::Connected));
}

#[test]
fn s10_a_subscribe_refused_with_the_token_goes_out_with_the_next_one() {
    let mut sim = Sim::logged_in();
    sim.subscribe(1, &["/a"]);
    let body = format!(
        r#"[{{"channel":"/meta/subscribe","subscription":"/a","successful":false,"error":"{EXPIRED}"}}]"#
    );
    sim.answer("commands", &body);
    assert!(sim.result(1).is_none());
    sim.token();
    sim.new_session();
    sim.confirm();
    sim.ok(1);
}

#[test]
fn s10_closing_while_a_token_is_awaited_ends_at_once() {
    let mut sim = Sim::salesforce();
    sim.close();
    assert_eq!(sim.closed, Some(None));
    let mut sim = Sim::logged_in();
    sim.poll(&refused(EXPIRED, NONE));
    sim.close();
    sim.advance(2_000);
    assert_eq!(sim.closed, Some(None));
    sim.token();
    sim.input(Input::TokenRefused { number: 1 });
    assert_eq!(sim.asked.len(), 2);
}

// X1.

#[test]
fn x1_a_token_goes_to_salesforces_own_hosts_and_the_urls_origin_over_https() {
    let config = |url: &str| {
        let mut config = Config::new(url).expect("a good url");
        config.authenticated().expect("secure").salesforce();
        config
    };
    let allowed = |login: &str, instance: &str| {
        let mut sim = Sim::of(config(login), 1);
        sim.token_at(instance);
        match &sim.closed {
            None => assert_eq!(sim.request("handshake").url(), instance),
            Some(error) => {
                let Some(Error::InstanceRefused(_)) = error else { panic!("{error:?}") };
                assert_eq!(error.as_ref().map(Error::code), Some("instance-refused"));
                assert_eq!(sim.sent.len(), 0);
                assert_eq!(sim.error(0).code(), "instance-refused");
            }
        }
        sim.closed.is_none()
    };
    assert!(allowed(LOGIN, EAST));
    assert!(allowed(LOGIN, "https://x--dev.sandbox.my.salesforce.com/cometd/67.0"));
    assert!(allowed("https://proxy.example.com/cometd", "https://proxy.example.com/elsewhere"));
    assert!(allowed("https://proxy.example.com/cometd", EAST));
    assert!(allowed("http://localhost:8080/cometd", "http://127.0.0.1:9090/cometd"));
    assert!(allowed("http://localhost:8080/cometd", EAST));
    for elsewhere in [
        "http://east.my.salesforce.com/cometd/67.0",
        "https://evilsalesforce.com/cometd",
        "https://salesforce.com.evil.example/cometd",
        "https://example.org/cometd",
        "https://login.salesforce.com@evil.example/cometd",
        "http://localhost:8080/cometd",
        "https://localhost/cometd",
        "http://127.0.0.1/cometd",
        "ftp://login.salesforce.com/",
        "//east.my.salesforce.com/cometd",
        "/cometd",
        "",
    ] {
        assert!(!allowed(LOGIN, elsewhere), "{elsewhere}");
    }
    // Another port is another origin.
    assert!(!allowed("https://proxy.example.com/cometd", "https://proxy.example.com:8443/cometd"));
    assert!(!allowed("https://proxy.example.com/cometd", "http://proxy.example.com/cometd"));
}

#[test]
fn x1_allowed_hosts_come_beside_salesforces_own_and_the_urls_origin() {
    let allowed = |instance: &str| {
        let mut sim = Sim::salesforce_with(|config| {
            config.allowed_hosts = vec!["one.example".to_owned(), "*.two.example".to_owned()];
        });
        sim.token_at(instance);
        sim.closed.is_none()
    };
    assert!(allowed("https://one.example/cometd"));
    assert!(allowed("https://a.two.example/cometd"));
    assert!(allowed("https://a.b.two.example:8443/cometd"));
    assert!(allowed(URL));
    assert!(allowed(EAST));
    for elsewhere in [
        "https://a.one.example/cometd",
        "https://two.example/cometd",
        "https://eviltwo.example/cometd",
        "http://one.example/cometd",
        "https://evilsalesforce.com/cometd",
    ] {
        assert!(!allowed(elsewhere), "{elsewhere}");
    }
}

#[test]
fn x1_on_plain_bayeux_a_token_stays_with_the_urls_origin() {
    for (instance, allowed) in [("https://example.com/other", true), (EAST, false)] {
        let mut sim = Sim::with(|config| {
            config.authenticated().expect("https");
        });
        sim.token_at(instance);
        assert_eq!(sim.closed.is_none(), allowed, "{instance}");
    }
}

#[test]
fn x1_a_later_token_for_a_forbidden_place_ends_the_client_and_goes_nowhere() {
    let mut sim = Sim::logged_in();
    sim.poll(&refused(EXPIRED, ""));
    sim.token_at("https://evil.example/cometd");
    sim.advance(2_000);
    assert!(matches!(sim.closed_with(), Error::InstanceRefused(_)));
    assert!(sim.sent.iter().all(|request| request.url() == URL && carried(request) < 2));
}

#[test]
fn x1_credentials_over_plain_http_are_the_callers_mistake() {
    let mut config = Config::new("http://example.com/cometd").expect("a good url");
    assert!(config.authenticated().is_err());
    for url in ["http://localhost/cometd", "http://127.0.0.1:1/cometd", "http://[::1]/cometd"] {
        assert!(Config::new(url).expect("a good url").authenticated().is_ok());
    }
}

#[test]
fn x1_a_token_that_could_break_out_of_its_header_is_not_sent() {
    for token in ["", "a\r\nHost: evil.example", "a\nb", "a\0b"] {
        let mut sim = Sim::salesforce();
        sim.input(Input::Token { number: 1, access_token: token, url: URL });
        assert_eq!(sim.closed_with().code(), "login-refused");
        assert_eq!(sim.sent.len(), 0);
    }
}

// X2.

#[test]
fn x2_no_token_in_what_can_be_logged_also_where_the_server_echoes_it() {
    const SECRET: &str = "00Dxx!AQEAQ.s3cret";
    let mut sim = Sim::salesforce_with(|config| config.decides = true);
    let inputs =
        [Input::Token { number: 1, access_token: SECRET, url: URL }, Input::TokenRefused { number: 1 }];
    for input in &inputs {
        assert!(!format!("{input:?}").contains(SECRET));
    }
    sim.input(Input::Token { number: 1, access_token: SECRET, url: URL });
    assert!(!format!("{:?}", sim.request("handshake")).contains(SECRET));
    sim.shake();
    let words = |code: u16| format!("{code}::the token {SECRET} is wrong, {SECRET}");
    sim.poll(&refused(&words(500), ""));
    sim.subscribe(1, &["/a"]);
    sim.publish(2, "/p");
    let reply = |channel: &str, code: u16| {
        format!(r#"{{"channel":"{channel}","successful":false,"error":"{}"}}"#, words(code))
    };
    sim.answer("commands", &format!("[{}]", reply("/meta/subscribe", 403)));
    sim.answer("commands", &format!("[{}]", reply("/p", 403)));
    let id = sim.sent.last().expect("a request").id();
    sim.open.retain(|request| request.id() != id);
    sim.input(Input::Failed { request: id, reason: &format!("Authorization: Bearer {SECRET}") });
    sim.publish(3, "/q");
    sim.advance(3_000);
    let late = sim.try_open("commands").is_some();
    if sim.try_open("connect").is_some() {
        sim.poll(&refused(&words(401), &reason(&words(401))));
    }
    // The new token is there, and the server still speaks of the old one.
    sim.input(Input::Token { number: 2, access_token: "another-one", url: URL });
    if late && sim.try_open("commands").is_some() {
        sim.answer("commands", &format!("[{}]", reply("/q", 403)));
    }
    sim.close();
    sim.advance(2_000);
    let mut texts: Vec<String> = Vec::new();
    for (_, result) in &sim.settled {
        if let Err(error) = result {
            texts.extend([format!("{error}"), format!("{error:?}")]);
        }
    }
    for (_, _, error) in &sim.decisions {
        texts.extend([format!("{error}"), format!("{error:?}")]);
    }
    texts.extend(sim.statuses.iter().map(|status| format!("{status:?}")));
    assert!(texts.len() > 5);
    for text in texts {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn x2_late_words_about_the_last_token_are_cleaned_too() {
    let mut sim = Sim::logged_in();
    sim.publish(1, "/p");
    sim.poll(&refused(EXPIRED, NONE));
    let late = r#"[{"channel":"/p","successful":false,"error":"500::token-1 is expired"}]"#;
    let mut other = Sim::logged_in();
    other.publish(1, "/p");
    other.poll(&refused(EXPIRED, NONE));
    // Before the next token is there, and after.
    sim.answer("commands", late);
    other.token();
    other.answer("commands", late);
    for sim in [sim, other] {
        assert_eq!(sim.error(1).failure().expect("words").text, "[token] is expired");
    }
}

#[test]
fn x2_the_last_word_on_a_refused_token_does_not_hold_it() {
    let mut sim = Sim::salesforce();
    refuse_all(&mut sim, |sim| {
        let words = format!("401::token-{} is not known, nor token-{}", sim.tokens, sim.tokens);
        sim.answer("handshake", &denied(&words));
    });
    let text = format!("{} {:?}", sim.closed_with(), sim.statuses);
    assert!(!text.contains("token-") && text.contains("[token]"), "{text}");
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
