//! What the caller gives as cookies: X4.

use cometd_edge::replay::Start;
use cometd_edge::session::{ApiMisuse, Config, Error, Input, Status};

use crate::sim::*;

fn cookie(sim: &Sim, kind: &str) -> Option<String> {
    sim.header(kind, "Cookie")
}

/// The handshake succeeds, and sets these cookies.
fn shake_with(sim: &mut Sim, cookies: &[&str]) {
    let headers: Vec<(&str, &str)> = cookies.iter().map(|cookie| ("Set-Cookie", *cookie)).collect();
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &headers);
    sim.chunk(id, &handshake("client-1", ""));
    sim.end(id);
}

fn with_header(cookies: &str) -> Sim {
    Sim::with(|config| {
        config.header("Cookie", cookies).expect("good cookies");
    })
}

fn with_cookies(cookies: &'static str) -> impl FnOnce(&mut Config) {
    move |config| {
        config.cookies(cookies).expect("good cookies");
    }
}

#[test]
fn x4_a_cookie_of_the_server_replaces_that_of_the_caller_wherever_it_comes_from() {
    for set in [
        "SID=b",
        "SID=b; Path=/",
        "SID=b; Path=/cometd",
        "SID=b; Domain=example.com; Path=/",
        "SID=b; Path=/; Secure; HttpOnly",
    ] {
        for mut sim in [with_header("SID=a"), Sim::with(with_cookies("SID=a"))] {
            assert_eq!(cookie(&sim, "handshake").as_deref(), Some("SID=a"));
            shake_with(&mut sim, &[set]);
            assert_eq!(cookie(&sim, "connect").as_deref(), Some("SID=b"), "{set}");
        }
    }
}

#[test]
fn x4_a_cookie_of_the_caller_is_deleted_by_the_server_and_stays_so() {
    for set in ["SID=; Max-Age=0", "SID=; Path=/cometd; Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
        let mut sim = with_header("SID=a; lang=en");
        shake_with(&mut sim, &[set]);
        assert_eq!(cookie(&sim, "connect").as_deref(), Some("lang=en"));
        sim.poll(CONNECTED);
        assert_eq!(cookie(&sim, "connect").as_deref(), Some("lang=en"));
    }
}

#[test]
fn x4_a_cookie_that_does_not_come_back_leaves_that_of_the_caller() {
    let mut sim = with_header("SID=a");
    shake_with(&mut sim, &["SID=b; Path=/elsewhere", "sid=c; Path=/"]);
    assert_eq!(cookie(&sim, "connect").as_deref(), Some("SID=a; sid=c"));
}

#[test]
fn x4_cookies_are_given_as_an_option_and_as_headers_at_once() {
    let mut sim = Sim::with(|config| {
        config.cookies("a=1; ;b=\"x=y\"; a=3;").expect("good cookies");
        config
            .header("cookie", "c=ü")
            .and_then(|config| config.header("COOKIE", "b=4"))
            .expect("good cookies");
    });
    // Of several of one name the first counts.
    assert_eq!(cookie(&sim, "handshake").as_deref(), Some("a=1; b=\"x=y\"; c=ü"));
    shake_with(&mut sim, &["s=1"]);
    assert_eq!(cookie(&sim, "connect").as_deref(), Some("a=1; b=\"x=y\"; c=ü; s=1"));
}

#[test]
fn x4_cookies_that_are_none_are_refused_and_not_repeated() {
    let many = (0..65).map(|n| format!("c{n}=s3cret")).collect::<Vec<_>>().join("; ");
    let large = format!("a=s3cret{}", "x".repeat(4_096));
    for text in
        ["s3cret", "=s3cret", "a=1; s3cret", "a=s3cret\r\nX-Evil: 1", "a=s3cret\u{100}", &many, &large]
    {
        let mut config = Config::new(URL).expect("a good url");
        let error = config.cookies(text).expect_err("no cookies");
        assert!(matches!(error, ApiMisuse::Cookies(_)), "{text}: {error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert_eq!(Error::from(error).code(), "invalid-argument");
    }
    // Each is fine, and together they are too many.
    let mut config = Config::new(URL).expect("a good url");
    let half = (0..40).map(|n| format!("c{n}=1")).collect::<Vec<_>>().join("; ");
    config.cookies(&half).and_then(|config| config.cookies(&half)).expect_err("too many");
}

#[test]
fn x4_where_the_host_keeps_cookies_none_can_be_given() {
    let mut config = Config::new(URL).expect("a good url");
    config.own_cookies = false;
    assert_eq!(config.cookies("a=1").map(|_| ()), Err(ApiMisuse::HostCookies));
    assert_eq!(config.header("Cookie", "a=1").map(|_| ()), Err(ApiMisuse::HostCookies));
    assert_eq!(Error::from(ApiMisuse::HostCookies).code(), "invalid-argument");

    let mut sim = Sim::asking_with(|config| config.own_cookies = false);
    sim.give_headers(&[("Cookie", "a=1")]);
    assert!(
        matches!(&sim.statuses[..], [Status::Retry { error: Error::HeadersFailed(words), .. }] if words.starts_with("\"Cookie\": the host keeps")),
        "{:?}",
        sim.statuses
    );
}

#[test]
fn x4_a_cookie_header_enters_when_its_text_has_changed_and_not_before() {
    let mut sim = Sim::asking();
    let seen = |sim: &mut Sim, text: &str, set: &[(&str, &str)]| {
        sim.give_headers(&[("Cookie", text)]);
        let sent = cookie(sim, "connect");
        let id = sim.request("connect").id();
        sim.head_with(id, 200, set);
        sim.chunk(id, CONNECTED);
        sim.end(id);
        sent
    };
    sim.give_headers(&[("Cookie", "SID=a; lang=en")]);
    shake_with(&mut sim, &["SID=b"]);
    // The same text again: the server's newer value stays.
    assert_eq!(seen(&mut sim, "SID=a; lang=en", &[]).as_deref(), Some("SID=b; lang=en"));
    // Another text enters as a whole.
    assert_eq!(
        seen(&mut sim, "SID=c; lang=en", &[("Set-Cookie", "SID=d")]).as_deref(),
        Some("SID=c; lang=en")
    );
    // What is not given any more goes, unless it is the server's by now.
    assert_eq!(seen(&mut sim, "n=1", &[]).as_deref(), Some("SID=d; n=1"));
    sim.give_headers(&[]);
    assert_eq!(cookie(&sim, "connect").as_deref(), Some("SID=d"));
    sim.poll(CONNECTED);
    assert_eq!(seen(&mut sim, "SID=a", &[]).as_deref(), Some("SID=a"));
}

#[test]
fn x4_the_cookies_of_the_option_stay_while_those_of_the_headers_change() {
    let mut sim = Sim::asking_with(with_cookies("SID=a; own=1"));
    sim.give_headers(&[("Cookie", "n=1")]);
    assert_eq!(cookie(&sim, "handshake").as_deref(), Some("SID=a; own=1; n=1"));
    shake_with(&mut sim, &["SID=b"]);
    sim.give_headers(&[("Cookie", "n=2")]);
    assert_eq!(cookie(&sim, "connect").as_deref(), Some("SID=b; own=1; n=2"));
}

#[test]
fn r7d_the_new_session_has_the_callers_cookies_and_none_of_the_old_one() {
    let mut sim = Sim::with(|config| {
        config.replay = true;
        config.cookies("SID=a; lang=en").expect("good cookies");
    });
    shake_with(&mut sim, &["BAYEUX_BROWSER=old", "SID=b"]);
    sim.poll(CONNECTED);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.fail("connect");
    // As the server has set it anew meanwhile.
    assert_eq!(cookie(&sim, "disconnect").as_deref(), Some("SID=b; lang=en; BAYEUX_BROWSER=old"));
    sim.answer("disconnect", "[]");
    assert_eq!(cookie(&sim, "handshake").as_deref(), Some("SID=b; lang=en"));
}

#[test]
fn x4_the_callers_cookies_go_to_the_origin_of_the_url_alone() {
    let mut sim = Sim::salesforce_with(with_cookies("SID=a"));
    sim.token_at(EAST);
    assert_eq!(cookie(&sim, "handshake"), None);
    shake_with(&mut sim, &["SID=east"]);
    assert_eq!(cookie(&sim, "connect").as_deref(), Some("SID=east"));
    // Back at the url they go along again, and what the other instance has set does not.
    sim.input(Input::TokenRefused { number: 1 });
    sim.token_at(URL);
    assert_eq!(cookie(&sim, "disconnect").as_deref(), Some("SID=east"));
    sim.answer("disconnect", "[]");
    assert_eq!(cookie(&sim, "handshake").as_deref(), Some("SID=a"));
}

#[test]
fn x4_another_port_of_this_machine_is_another_origin() {
    let mut config = Config::new("http://127.0.0.1:8001/cometd").expect("a good url");
    config.authenticated().expect("this machine").cookies("SID=a").expect("good cookies");
    let mut sim = Sim::of(config, 1);
    sim.token_at("http://127.0.0.1:8002/cometd");
    shake_with(&mut sim, &["SID=x"]);
    assert_eq!(cookie(&sim, "connect").as_deref(), Some("SID=x"));
    sim.input(Input::TokenRefused { number: 1 });
    sim.token_at("http://127.0.0.1:8001/cometd");
    sim.answer("disconnect", "[]");
    assert_eq!(cookie(&sim, "handshake").as_deref(), Some("SID=a"));
}

#[test]
fn s17_the_same_cookies_do_not_replace_what_the_server_has_set_since() {
    let mut sim = Sim::with(with_cookies("SID=a; lang=en"));
    shake_with(&mut sim, &["SID=b"]);
    sim.poll(CONNECTED);
    let snapshot = sim.snapshot();
    let sent = |configure: Box<dyn FnOnce(&mut Config)>| {
        let sim = Sim::resumed_with(&snapshot, configure);
        cookie(&sim, "connect")
    };
    assert_eq!(sent(Box::new(with_cookies("SID=a; lang=en"))).as_deref(), Some("SID=b; lang=en"));
    assert_eq!(sent(Box::new(with_cookies("SID=c"))).as_deref(), Some("SID=c"));
    // Without the option what was given is not given any more.
    assert_eq!(sent(Box::new(|_| {})).as_deref(), Some("SID=b"));
    // A snapshot of a client that was itself resumed says the same.
    let mut again = Sim::resumed_with(&snapshot, with_cookies("SID=a; lang=en"));
    let again = again.snapshot();
    let sim = Sim::resumed_with(&again, with_cookies("SID=a; lang=en"));
    assert_eq!(cookie(&sim, "connect").as_deref(), Some("SID=b; lang=en"));
}

#[test]
fn s17_the_same_cookie_header_does_not_replace_what_the_server_has_set_since() {
    let mut sim = Sim::asking();
    sim.give_headers(&[("Cookie", "SID=a")]);
    shake_with(&mut sim, &["SID=b"]);
    sim.give_headers(&[("Cookie", "SID=a")]);
    sim.poll(CONNECTED);
    let snapshot = sim.snapshot();
    for (text, expected) in [("SID=a", "SID=b"), ("SID=c", "SID=c")] {
        let mut sim = Sim::resumed_with(&snapshot, |config| config.asks_headers = true);
        sim.give_headers(&[("Cookie", text)]);
        assert_eq!(cookie(&sim, "connect").as_deref(), Some(expected));
    }
}

#[test]
fn s17_the_callers_cookies_outlive_a_session_that_does_not_go_on() {
    let auth = |config: &mut Config| {
        config.authenticated().expect("https").cookies("SID=a").expect("good cookies");
    };
    let mut sim = Sim::with(auth);
    sim.token();
    shake_with(&mut sim, &["SID=b", "BAYEUX_BROWSER=old"]);
    sim.poll(CONNECTED);
    let snapshot = sim.snapshot();
    let mut sim = Sim::resumed_with(&snapshot, auth);
    sim.token();
    assert_eq!(cookie(&sim, "handshake").as_deref(), Some("SID=b"));
    // Elsewhere they are not known.
    let mut config = Config::new("https://other.example.com/cometd").expect("a good url");
    config.cookies("SID=a").and_then(|config| config.resume(&snapshot)).expect("good");
    assert_eq!(cookie(&Sim::of(config, 1), "handshake").as_deref(), Some("SID=a"));
}

#[test]
fn x3_servers_do_not_push_out_what_the_caller_gave() {
    let mut sim = with_header("SID=a");
    let many: Vec<String> = (0..70).map(|n| format!("c{n}=1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    shake_with(&mut sim, &many);
    let sent = cookie(&sim, "connect").expect("cookies");
    assert_eq!((sent.split("; ").count(), sent.starts_with("SID=a; ")), (64, true), "{sent}");
}
