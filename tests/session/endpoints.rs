//! Requests whose address says what they are.

use cometd_edge::session::{ApiMisuse, Config, Request};

use crate::sim::*;

fn config(url: &str) -> Config {
    let mut config = Config::new(url).expect("a good url");
    config.append_message_type_to_url().expect("something can be appended");
    config
}

fn urls(sim: &Sim) -> Vec<(&'static str, String)> {
    sim.sent.iter().map(|request: &Request| (request.kind(), request.url().to_owned())).collect()
}

#[test]
fn each_kind_of_request_goes_to_its_own_address_with_or_without_a_slash_at_the_end() {
    for url in ["https://example.com/cometd", "https://example.com/cometd/"] {
        let mut sim = Sim::of(config(url), 42);
        sim.shake();
        sim.poll(CONNECTED);
        sim.subscribe(1, &["/a"]);
        sim.confirm();
        sim.publish(2, "/a");
        sim.confirm();
        sim.close();
        let to = |kind, end: &str| (kind, format!("https://example.com/cometd/{end}"));
        let [handshake, connect] = [to("handshake", "handshake"), to("connect", "connect")];
        let [commands, disconnect] = [to("commands", ""), to("disconnect", "disconnect")];
        assert_eq!(urls(&sim), [handshake, connect.clone(), connect, commands.clone(), commands, disconnect]);
    }
    let sim = Sim::of(config("https://example.com"), 42);
    assert_eq!(urls(&sim)[0].1, "https://example.com/handshake");
}

#[test]
fn without_the_option_all_goes_to_the_url_as_it_is() {
    let url = "https://example.com/a.b/c.d?e=f";
    let mut sim = Sim::of(Config::new(url).expect("a good url"), 42);
    sim.shake();
    sim.poll(CONNECTED);
    sim.publish(1, "/a");
    sim.close();
    assert!(urls(&sim).iter().all(|(_, to)| to == url), "{:?}", urls(&sim));
}

#[test]
fn a_query_or_a_dot_in_the_last_segment_is_misuse() {
    for url in ["/cometd?a=b", "/?a", "/app.cometd", "/x/app.cometd/", "/cometd/67.0"] {
        let mut config = Config::new(&format!("https://example.com{url}")).expect("a good url");
        assert_eq!(config.append_message_type_to_url().err(), Some(ApiMisuse::NotAppendable), "{url}");
    }
    for url in ["/a.b/cometd", "/", ""] {
        config(&format!("https://example.com{url}"));
    }
}

#[test]
fn in_the_salesforce_dialect_the_message_type_follows_the_version() {
    let mut config = Config::new(URL).expect("a good url");
    config.salesforce().append_message_type_to_url().expect("allowed");
    config.authenticated().expect("https");
    let mut sim = Sim::of(config, 42);
    sim.token_at("https://x.my.salesforce.com/cometd/67.0");
    assert_eq!(sim.request("handshake").url(), "https://x.my.salesforce.com/cometd/67.0/handshake");
    sim.shake();
    sim.poll(CONNECTED);
    sim.subscribe(1, &["/a"]);
    assert_eq!(sim.request("commands").url(), "https://x.my.salesforce.com/cometd/67.0/");
}

#[test]
fn x4_cookies_go_by_the_path_that_a_request_really_has() {
    let mut sim = Sim::of(config(URL), 42);
    let id = sim.request("handshake").id();
    let cookies = [
        ("Set-Cookie", "below=1; Path=/cometd/"),
        ("Set-Cookie", "own=2"),
        ("Set-Cookie", "connect=3; Path=/cometd/connect"),
        ("Set-Cookie", "handshake=4; Path=/cometd/handshake"),
    ];
    sim.head_with(id, 200, &cookies);
    sim.chunk(id, &handshake("client-1", ""));
    sim.end(id);
    let sorted = |text: Option<String>| {
        let text = text.unwrap_or_default();
        let mut parts: Vec<String> = text.split("; ").map(str::to_owned).collect();
        parts.sort();
        parts
    };
    assert_eq!(sorted(sim.header("connect", "Cookie")), ["below=1", "connect=3", "own=2"]);
    sim.poll(CONNECTED);
    sim.publish(1, "/a");
    assert_eq!(sorted(sim.header("commands", "Cookie")), ["below=1", "own=2"]);
}

#[test]
fn r7d_an_old_sessions_disconnect_and_a_resumed_sessions_polls_go_to_its_address() {
    let mut sim = Sim::of(
        {
            let mut config = config(URL);
            config.replay = true;
            config
        },
        42,
    );
    sim.shake();
    sim.poll(CONNECTED);
    sim.follow(1, A, cometd_edge::replay::Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.cut("connect", "[");
    assert_eq!(sim.request("disconnect").url(), "https://example.com/cometd/disconnect");

    let snapshot = snapshot_of(&["/a"]);
    let sim = Sim::resumed_with(&snapshot, |config| {
        config.append_message_type_to_url().expect("something can be appended");
    });
    assert_eq!(sim.request("connect").url(), "https://example.com/cometd/connect");
}
