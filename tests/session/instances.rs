//! Where a token may go, and the session with it: S10, X1.

use cometd_edge::session::{Config, Error, Input};

use crate::sim::*;

// S10.

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
    assert!(sim.header("connect", "Cookie").is_some());
    sim.poll(CONNECTED);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(&refused(EXPIRED, ""));
    sim.token_at(WEST);
    // The old session is ended where it was, and with its own cookies.
    assert_eq!(sim.request("disconnect").url(), EAST);
    assert!(sim.header("disconnect", "Cookie").is_some());
    let id = sim.request("disconnect").id();
    sim.head_with(id, 200, &[("Set-Cookie", "late=1; path=/")]);
    sim.end(id);
    assert_eq!(sim.request("handshake").url(), WEST);
    assert_eq!(sim.header("handshake", "Cookie"), None);
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
        assert_eq!(sim.header("handshake", "Cookie").is_some(), stays);
    }
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
