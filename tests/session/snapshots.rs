//! What goes from one client to the next, and what is no snapshot: S17.

use cometd_edge::replay::Start;
use cometd_edge::session::{ApiMisuse, Command, Config, GapCause, Input, Output, Status};

use crate::sim::*;

// From one client to the next.

#[test]
fn s17_a_client_that_never_connected_passes_its_snapshot_on() {
    let snapshot = snapshot_at(Some("10"));
    let mut follows = Sim::resumed_with(&snapshot, |config| config.replay = true);
    follows.follow(1, A, Start::New);
    follows.load(A, None);
    let mut hangs = Sim::resumed_with(&snapshot, |config| config.replay = true);
    hangs.follow(1, A, Start::New);
    for mut sim in [Sim::resumed(&snapshot), follows, hangs] {
        sim.suspend(9);
        sim.save_all();
        sim.advance(1_000);
        let again = sim.ok(9)[0].clone();
        let mut sim = resumed(&again);
        sim.follow(1, A, Start::New);
        sim.load(A, None);
        sim.new_session();
        assert_eq!((sim.from(), sim.gaps().len()), ("10".to_owned(), 0), "{again}");
    }
}

#[test]
fn s17_plain_channels_that_were_not_resumed_keep_their_range() {
    let mut sim =
        Sim::resumed_with(&snapshot_of(&["/a", "/b"]), |config| config.unix_ms_at_zero = FIRST + 5_000);
    sim.subscribe(1, &["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.confirm();
    sim.poll(&advised(r#"{"reconnect":"retry","interval":5000}"#));
    let mut sim = resumed(&sim.snapshot());
    sim.subscribe(1, &["/b"]);
    sim.poll(CONNECTED);
    assert_eq!(sim.gaps_of("/b"), [(GapCause::ResponseLost, FIRST)]);
}

#[test]
fn s17_an_unsubscribed_channel_is_not_in_the_snapshot() {
    let mut sim = resumed(&snapshot_at(Some("10")));
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    sim.shake();
    sim.confirm();
    sim.leave(2, 1, 0);
    sim.confirm();
    sim.save_all();
    assert!(sim.snapshot().contains(r#""channels":{}"#));
}

#[test]
fn s17_positions_go_from_client_to_client() {
    let mut snapshot = snapshot_at(Some("10"));
    for id in ["11", "12", "13"] {
        let mut sim = resumed(&snapshot);
        sim.follow(1, A, Start::New);
        sim.load(A, None);
        sim.shake();
        let body = subscribed_with(A, &sim, &[id]);
        sim.answer("commands", &body);
        assert_eq!((sim.ids(), sim.gaps().len()), (vec![id.to_owned()], 0));
        done(&mut sim, 1, id);
        sim.poll(CONNECTED);
        sim.save_all();
        snapshot = sim.snapshot();
        assert!(snapshot.contains(&format!(r#""{A}":["{id}"]"#)), "{snapshot}");
    }
}

// Events that were queued.

#[test]
fn s17_restored_events_come_first_for_the_subscriptions_that_match() {
    let mut sim = resumed(&snapshot_of(&["/a", "/b"]));
    sim.subscribe(1, &["/a"]);
    sim.subscribe(2, &["/b"]);
    sim.subscribe(3, &["/*"]);
    let restore = |sim: &mut Sim, subscriptions: &[u32], message: &str| {
        sim.command(Command::Restore { subscriptions, message });
    };
    restore(&mut sim, &[1, 2], r#"{"channel":"/a","data":1}"#);
    restore(&mut sim, &[1, 3, 7], r#"{"channel":"/a","data":2}"#);
    // Not theirs, and no events.
    for message in [r#"{"channel":"/c","data":9}"#, "{}", "", "[", "5", r#"{"channel":"/meta/connect"}"#] {
        restore(&mut sim, &[1, 2], message);
    }
    sim.poll(&with_events(&events("/a", [3])));
    assert_eq!(sim.data(), ["1", "2", "3"]);
    let given: Vec<&[u32]> = sim.events.iter().map(|event| event.subscriptions.as_slice()).collect();
    assert_eq!(given, [&[1][..], &[1, 3], &[1, 3]]);
}

#[test]
fn s17_r8_restored_events_fill_the_queue_like_others() {
    let mut sim = Sim::resumed_with(&snapshot_of(&["/a"]), |config| config.limits.queued_events = 2);
    sim.subscribe(1, &["/a"]);
    for _ in 0..2 {
        sim.command(Command::Restore { subscriptions: &[1], message: r#"{"channel":"/a","data":1}"# });
    }
    assert!(sim.statuses.iter().any(|status| matches!(status, Status::Backpressure { active: true, .. })));
    sim.take(1, 2);
    assert!(sim.statuses.iter().any(|status| matches!(status, Status::Backpressure { active: false, .. })));
}

// What is no snapshot.

#[test]
fn s17_whatever_is_no_snapshot_is_refused_and_never_panics() {
    let resume = |text: &str| Config::new(URL).expect("a good url").resume(text).map(|_| ());
    let good = snapshot_at(Some("10"));
    assert_eq!(resume(&good), Ok(()));
    // Cut anywhere.
    for end in 0..good.len() {
        assert_eq!(resume(&good[..end]), Err(ApiMisuse::Snapshot), "{}", &good[..end]);
    }
    let rest = r#""cookies":[],"channels":{}"#;
    let head = r#""url":"https://example.com/cometd","time":"5""#;
    assert_eq!(resume(&format!("{{{head},{rest}}}")), Ok(()));
    for bad in [
        "null".to_owned(),
        "[]".to_owned(),
        "\"{}\"".to_owned(),
        "{}".to_owned(),
        format!("{{{rest}}}"),
        format!("{{{head}}}"),
        format!(r#"{{{head},"cookies":[]}}"#),
        format!(r#"{{{head},"cookies":{{}},"channels":{{}}}}"#),
        format!(r#"{{{head},"cookies":[],"channels":[]}}"#),
        format!(r#"{{{head},"cookies":[],"channels":{{"/a":"5"}}}}"#),
        // Positions that make no sense.
        format!(r#"{{{head},"cookies":[],"channels":{{"/a":[""]}}}}"#),
        format!(r#"{{{head},"cookies":[],"channels":{{"/a":["1\n"]}}}}"#),
        // What would go back raw, and break out of the message.
        format!(r#"{{{head},{rest},"clientId":"x"}}"#),
        format!(r#"{{{head},{rest},"clientId":""}}"#),
        format!(r#"{{{head},{rest},"clientId":"1,\"channel\":\"/evil\""}}"#),
        format!(r#"{{{head},{rest},"clientId":"\"a\nb\""}}"#),
        format!(r#"{{{head},{rest},"clientId":"{{}}"}}"#),
        format!(r#"{{{head},{rest},"clientId":"[1]"}}"#),
        format!(r#"{{{head},{rest},"clientId":"1","ack":"1}}","skip":"0"}}"#),
        format!(r#"{{{head},{rest},"clientId":"1","ack":"","skip":"0"}}"#),
        format!(r#"{{{head},{rest},"clientId":"1","ack":"007","skip":"0"}}"#),
        // What would break out of a header.
        format!(r#"{{{head},"channels":{{}},"cookies":[["a","b\r\nc: d","example.com","/","h"]]}}"#),
        format!(r#"{{{head},"channels":{{}},"cookies":[["a\n","b","example.com","/","h"]]}}"#),
        format!(r#"{{{head},"channels":{{}},"cookies":[["a","é\u0100","example.com","/","h"]]}}"#),
        format!(r#"{{{head},"channels":{{}},"cookies":[["a","b","example.com","/"]]}}"#),
        format!(r#"{{{head},"channels":{{}},"cookies":["a"]}}"#),
        format!(r#"{{"url":"https://example.com/cometd","time":5,{rest}}}"#),
        format!(r#"{{"url":"https://example.com/cometd","time":"-5",{rest}}}"#),
        format!(r#"{{"url":"https://example.com/cometd","time":"99999999999999999999999",{rest}}}"#),
    ] {
        assert_eq!(resume(&bad), Err(ApiMisuse::Snapshot), "{bad}");
    }
}

#[test]
fn s17_a_snapshot_that_is_changed_anywhere_never_makes_a_request_that_is_not_json() {
    let good = snapshot_at(Some("10"));
    for at in 0..good.len() {
        for with in ["", "\"", "\\", "{", "]", ",", "0", "\u{0}", "é", "\\n"] {
            if !good.is_char_boundary(at) || !good.is_char_boundary(at + 1) {
                continue;
            }
            let changed = [&good[..at], with, &good[at + 1..]].concat();
            let mut config = Config::new(URL).expect("a good url");
            config.replay = true;
            if config.resume(&changed).is_err() {
                continue;
            }
            let mut sim = Sim::of(config, 1);
            sim.follow(1, A, Start::New);
            sim.load(A, None);
            if sim.try_open("connect").is_some() {
                sim.poll(CONNECTED);
            } else {
                sim.shake();
            }
            for request in &sim.sent {
                assert!(!messages(request).is_empty());
                let clean = |(_, value): &(String, String)| !value.contains(['\r', '\n', '\0']);
                assert!(request.headers().iter().all(clean));
            }
        }
    }
}

#[test]
fn s17_client_ids_and_channels_of_any_characters_come_through() {
    let id = r#"\"a\u0000\\ é\ud83d\ude00 😀"#;
    let mut sim = Sim::new();
    sim.answer("handshake", &handshake(id, ""));
    sim.poll(CONNECTED);
    sim.subscribe(1, &["/a/!~$(@)"]);
    sim.confirm();
    let mut before = Sim::new();
    before.answer("handshake", &handshake(id, ""));
    let resumed = Sim::resumed(&sim.snapshot());
    let own = |sim: &Sim| {
        let body = sim.request("connect").body();
        let (_, rest) = body.split_once(r#""clientId":"#).expect("a client id");
        rest.split_once(r#","connectionType""#).expect("its end").0.to_owned()
    };
    assert_eq!(own(&resumed), own(&before));
    assert_eq!(own(&resumed), format!("\"{id}\""));
}

// Secrets.

#[test]
fn x2_the_snapshot_holds_the_secrets_and_nothing_else_shows_them() {
    const SECRETS: [&str; 3] = ["cl13nt-id-one", "c00kie-value", "s3cret-token"];
    let clean = |text: &str| {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    };
    let mut sim = Sim::with(|config| {
        config.header("X-Key", "s3cret-token").expect("a good header");
    });
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "sid=c00kie-value")]);
    sim.chunk(id, &handshake("cl13nt-id-one", ""));
    sim.end(id);
    sim.poll(CONNECTED);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.log.clear();
    let snapshot = sim.snapshot();
    assert!(snapshot.contains("cl13nt-id-one") && snapshot.contains("c00kie-value"));
    // Headers are the caller's, who has them.
    assert!(!snapshot.contains("s3cret-token"));
    sim.log.iter().filter(|line| !line.contains("Settled")).for_each(|line| clean(line));
    clean(&format!("{:?}", Output::Settled { command: 1, result: Ok(vec![snapshot.clone()]) }));
    let restore = Command::Restore { subscriptions: &[1], message: &snapshot };
    clean(&format!("{:?} {:?}", Command::Suspend { command: 1 }, Input::Command(restore)));
    let mut config = Config::new(URL).expect("a good url");
    config.resume(&snapshot).expect("a snapshot");
    clean(&format!("{config:?} {:?}", config.clone()));
    let misuse = config.resume(&snapshot[1..]).map(|_| ()).expect_err("no snapshot");
    clean(&format!("{misuse} {misuse:?}"));
    // Nor do the words of a server that knows neither of them.
    let mut sim = Sim::resumed(&snapshot);
    clean(&format!("{:?}", sim.request("connect")));
    sim.subscribe(1, &["/a"]);
    sim.refuse("403:cl13nt-id-one:no", "");
    clean(&format!("{:?}", sim.error(1)));
    sim.poll(&refused("402:cl13nt-id-one:Unknown client cl13nt-id-one", ""));
    sim.publish(2, "/p");
    sim.new_session();
    sim.refuse("500::cl13nt-id-one is broken", "");
    clean(&format!("{:?} {:?}", sim.error(2), sim.statuses));
}
