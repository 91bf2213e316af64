//! What must not leak, tokens included, and cookies: X2, X4.

use cometd_edge::replay::{Commit, OnInvalid, Position, Start};
use cometd_edge::session::{Command, Config, Error, Input, Output, ReplayOptions, Status};

use crate::sim::*;

const SECRETS: [&str; 6] =
    ["s3cret-token", "c00kie-value", "cl13nt-id-one", "cl13nt-id-two", "s3cret-data", "s3cret-query"];

fn clean(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

fn config() -> Config {
    let mut config = Config::new("https://example.com/cometd?key=s3cret-query").expect("a good url");
    config.header("Authorization", "Bearer s3cret-token").expect("a good header");
    config
}

#[test]
fn x2_debug_of_config_request_input_and_output_shows_no_secret() {
    clean(&format!("{:?}", config()));
    let mut sim = Sim::of(config(), 1);
    let id = sim.request("handshake").id();
    let headers = [("Set-Cookie".to_owned(), "session=c00kie-value".to_owned())];
    clean(&format!("{:?}", Input::Head { request: id, status: 200, headers: &headers }));
    sim.head_with(id, 200, &[("Set-Cookie", "session=c00kie-value")]);
    let body = handshake("cl13nt-id-one", "");
    clean(&format!("{:?}", Input::Chunk { request: id, bytes: body.as_bytes() }));
    clean(&format!("{:?}", Input::Inspected { request: id, message: Some(&body) }));
    sim.chunk(id, &body);
    sim.end(id);
    let data = "\"s3cret-data\"";
    clean(&format!("{:?}", Input::Command(Command::Publish { command: 1, channel: "/a", data })));
    clean(&format!("{:?}", Command::Send { command: 1, messages: &[data.to_owned()] }));
    // The request holds them all.
    let request = sim.request("connect");
    let header = |name: &str| {
        request.headers().iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    assert_eq!(header("Authorization"), Some("Bearer s3cret-token"));
    assert_eq!(header("Cookie"), Some("session=c00kie-value"));
    clean(&format!("{request:?}"));
}

#[test]
fn x2_debug_of_all_outputs_shows_no_secret() {
    let mut session = cometd_edge::session::Session::new(config(), 1, cometd_edge::Instant::default());
    let mut ids = Vec::new();
    let mut drain = |session: &mut cometd_edge::session::Session| {
        loop {
            let output = session.poll_output();
            clean(&format!("{output:?}"));
            match output {
                cometd_edge::session::Output::Send(request) => ids.push(request.id()),
                cometd_edge::session::Output::Wait(_) => break,
                _ => {}
            }
        }
        *ids.last().expect("a request")
    };
    let now = cometd_edge::Instant::default();
    session.handle_input(now, Input::Command(Command::Tap(true))).expect("fine");
    let id = drain(&mut session);
    let body = handshake("cl13nt-id-one", "");
    session.handle_input(now, Input::Head { request: id, status: 200, headers: &[] }).expect("fine");
    session.handle_input(now, Input::Chunk { request: id, bytes: body.as_bytes() }).expect("fine");
    session.handle_input(now, Input::End { request: id }).expect("fine");
    let channels = ["/service/a".to_owned()];
    let subscribe = Command::Subscribe { subscription: 1, channels: &channels, replay: None };
    session.handle_input(now, Input::Command(subscribe)).expect("fine");
    let id = drain(&mut session);
    session.handle_input(now, Input::Head { request: id, status: 200, headers: &[] }).expect("fine");
    let event = br#"[{"channel":"/service/a","data":"s3cret-data"}]"#;
    session.handle_input(now, Input::Chunk { request: id, bytes: event }).expect("fine");
    session.handle_input(now, Input::End { request: id }).expect("fine");
    drain(&mut session);
}

#[test]
fn x2_errors_and_statuses_name_no_client_id() {
    let id = "cl13nt-id-one";
    for error in [
        format!("402:{id}:Unknown client"),
        format!("402::Unknown client {id}"),
        format!("500:{id},{id}:{id} is broken, {id}"),
        format!("the session {id} is gone"),
    ] {
        let mut sim = Sim::new();
        sim.answer("handshake", &handshake(id, ""));
        sim.subscribe(1, &["/a"]);
        sim.command(Command::Send { command: 2, messages: &[r#"{"channel":"/r"}"#.to_owned()] });
        let reply =
            |channel: &str| format!(r#"{{"channel":"{channel}","successful":false,"error":"{error}"}}"#);
        sim.answer("commands", &format!("[{}]", reply("/meta/subscribe")));
        if sim.try_open("connect").is_some() {
            sim.publish(3, "/p");
            sim.poll(&refused(&error, ""));
            if sim.try_open("commands").is_some() {
                sim.answer("commands", &format!("[{},{}]", reply("/r"), reply("/p")));
            }
        }
        sim.close();
        sim.advance(2_000);
        let mut texts: Vec<String> = sim.statuses.iter().map(|status| format!("{status:?}")).collect();
        for (_, result) in &sim.settled {
            if let Err(error) = result {
                texts.extend([format!("{error}"), format!("{error:?}")]);
            }
        }
        assert!(texts.len() > 1);
        texts.iter().for_each(|text| clean(text));
    }
}

#[test]
fn x2_late_words_about_the_last_session_are_cleaned_too() {
    let mut sim = Sim::new();
    sim.answer("handshake", &handshake("cl13nt-id-one", ""));
    sim.publish(1, "/p");
    sim.poll(&refused(UNKNOWN, ""));
    sim.answer("handshake", &handshake("cl13nt-id-two", ""));
    sim.answer("commands", r#"[{"channel":"/p","successful":false,"error":"500::cl13nt-id-one is broken"}]"#);
    assert_eq!(sim.error(1).failure().expect("words").text, "[client id] is broken");
}

#[test]
fn x2_late_words_about_sessions_and_tokens_long_gone_are_cleaned_too() {
    let mut sim = Sim::logged_in();
    sim.publish(1, "/p");
    for _ in 0..3 {
        sim.poll(&refused(EXPIRED, NONE));
        sim.renew();
        sim.until_open("handshake");
        sim.answer("handshake", &handshake(&format!("other-{}", sim.tokens), ""));
    }
    let late = r#"[{"channel":"/p","successful":false,"error":"500::client-1 with token-1 is broken"}]"#;
    sim.answer("commands", late);
    assert_eq!(sim.error(1).failure().expect("words").text, "[client id] with [token] is broken");
}

#[test]
fn x2_the_channel_of_a_message_that_was_passed_over_is_cleaned() {
    let mut sim = Sim::connected_with(|config| config.limits.message_bytes = 300);
    let filler = "x".repeat(400);
    sim.poll(&format!(r#"[{{"channel":"/private/client-1","successful":true,"filler":"{filler}"}}]"#));
    let cleaned = |status: &Status| matches!(status, Status::MessageSkipped { channel: Some(channel), .. } if channel == "/private/[client id]");
    assert!(sim.statuses.iter().any(cleaned), "{:?}", sim.statuses);
}

#[test]
fn x2_the_words_of_the_host_are_cleaned() {
    let mut sim = Sim::new();
    sim.answer("handshake", &handshake("cl13nt-id-one", ""));
    sim.publish(1, "/p");
    let id = sim.request("connect").id();
    sim.open.retain(|request| request.id() != id);
    sim.input(Input::Failed { request: id, reason: "cannot send {clientId: cl13nt-id-one}" });
    sim.statuses.iter().for_each(|status| clean(&format!("{status:?}")));
}

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
        sim.poll(&refused(&words(401), &because(&words(401))));
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
fn x2_the_transports_that_a_server_offers_are_cleaned() {
    let mut sim = Sim::salesforce();
    sim.token();
    sim.answer(
        "handshake",
        r#"[{"channel":"/meta/handshake","successful":true,"supportedConnectionTypes":["token-1"]}]"#,
    );
    assert_eq!(sim.error(0), &Error::NoTransport { offered: "[token]".to_owned() });
}

#[test]
fn x4_cookies_come_back_as_they_came_on_every_later_request() {
    let mut sim = Sim::new();
    let id = sim.request("handshake").id();
    sim.head_with(
        id,
        200,
        &[
            ("set-cookie", "BAYEUX_BROWSER=\"a=b; c\"; HttpOnly"),
            ("Set-Cookie", "t=%20ü; Path=/cometd; Secure"),
        ],
    );
    sim.chunk(id, &handshake("c", ""));
    sim.end(id);
    let cookie = |sim: &Sim, kind: &str| {
        let request = sim.request(kind);
        request.headers().iter().find(|(name, _)| name == "Cookie").map(|(_, value)| value.clone())
    };
    assert_eq!(cookie(&sim, "connect").as_deref(), Some("t=%20ü; BAYEUX_BROWSER=\"a=b"));
    // One may be taken back, on an error as well.
    let id = sim.request("connect").id();
    sim.head_with(id, 503, &[("Set-Cookie", "t=; Path=/cometd; Max-Age=0")]);
    assert_eq!(cookie(&sim, "connect").as_deref(), Some("BAYEUX_BROWSER=\"a=b"));
    sim.publish(1, "/p");
    assert!(cookie(&sim, "commands").is_some());
    sim.close();
    sim.advance(1_000);
    assert!(cookie(&sim, "disconnect").is_some());
}

#[test]
fn x4_cookies_expire_by_the_clock() {
    let mut sim = Sim::with(|config| config.unix_ms_at_zero = 1_700_000_000_000);
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "short=1; Max-Age=5")]);
    sim.chunk(id, &handshake("c", ""));
    sim.end(id);
    let has_cookie = |sim: &Sim| sim.request("connect").headers().iter().any(|(name, _)| name == "Cookie");
    assert!(has_cookie(&sim));
    sim.advance(5_000);
    sim.poll(CONNECTED);
    assert!(!has_cookie(&sim));
}

#[test]
fn x4_where_the_browser_keeps_cookies_the_session_keeps_none() {
    let mut sim = Sim::with(|config| config.own_cookies = false);
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "a=1")]);
    sim.chunk(id, &handshake("c", ""));
    sim.end(id);
    assert!(sim.request("connect").headers().iter().all(|(name, _)| name != "Cookie"));
}

#[test]
fn x4_the_callers_own_cookies_stand_beside_those_of_the_jar() {
    let mut sim = Sim::with(|config| {
        config.header("cookie", "own=1").expect("a good header");
    });
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "a=1")]);
    sim.chunk(id, &handshake("c", ""));
    sim.end(id);
    let request = sim.request("connect");
    let cookies: Vec<&str> = request
        .headers()
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(cookies, ["own=1; a=1"]);
}

#[test]
fn x4_a_cookie_of_100_kb_is_left_out_and_the_session_goes_on() {
    let mut sim = Sim::new();
    let id = sim.request("handshake").id();
    let large = format!("large={}", "x".repeat(100_000));
    sim.head_with(id, 200, &[("Set-Cookie", &large), ("Set-Cookie", "small=1")]);
    sim.chunk(id, &handshake("c", ""));
    sim.end(id);
    let request = sim.request("connect");
    assert!(request.headers().contains(&("Cookie".to_owned(), "small=1".to_owned())));
}

#[test]
fn x2_debug_of_positions_shows_no_replay_id() {
    let replay_id = "s3cret-data".to_owned();
    let start = [Start::After(replay_id.clone())];
    let follow = ReplayOptions { starts: &start, commit: Commit::Processed, on_invalid: OnInvalid::All };
    let position = Position { replay_id, created_date: None };
    let channel = ["/a".to_owned()];
    let command = Command::Subscribe { subscription: 1, channels: &channel, replay: Some(follow) };
    clean(&format!("{command:?} {position:?} {start:?}"));
    clean(&format!("{:?}", Output::Save { request: 1, channel: channel[0].clone(), position }));
}
