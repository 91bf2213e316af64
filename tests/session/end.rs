//! The end: S16, and `close()` in every state.

use cometd_edge::session::{ApiMisuse, Command, Error, Input, State};

use crate::sim::*;

#[test]
fn s16_close_aborts_the_poll_and_disconnects() {
    let mut sim = Sim::subscribed(&["/a"]);
    let poll = sim.request("connect").id();
    sim.close();
    assert_eq!(sim.aborted, [poll]);
    assert_eq!(sim.kinds(), ["disconnect"]);
    let message = only(&sim.request("disconnect"));
    assert_eq!(
        (message["channel"].as_str(), message["clientId"].as_str()),
        (Some("/meta/disconnect"), Some("client-1"))
    );
    // Every iterator is settled at once.
    assert_eq!(sim.ended, [(1, None)]);
    assert_eq!(sim.states.last(), Some(&State::Closed));
    assert!(sim.closed.is_none());
    sim.answer("disconnect", r#"[{"channel":"/meta/disconnect","successful":true}]"#);
    assert_eq!(sim.closed, Some(None));
    assert!(sim.session.is_closed());
}

#[test]
fn s16_a_disconnect_without_an_answer_takes_at_most_2_s() {
    let mut sim = Sim::connected();
    sim.close();
    sim.advance(1_999);
    assert!(sim.closed.is_none());
    sim.advance(1);
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn s16_whatever_answers_the_disconnect_it_is_over() {
    let answers: [&dyn Fn(&mut Sim); 6] = [
        &|sim| sim.fail("disconnect"),
        &|sim| sim.cut("disconnect", "["),
        &|sim| sim.answer_status("disconnect", 500),
        &|sim| sim.answer("disconnect", "<html>"),
        &|sim| sim.answer("disconnect", ""),
        &|sim| sim.answer("disconnect", &refused(UNKNOWN, r#","advice":{"reconnect":"handshake"}"#)),
    ];
    for answer in answers {
        let mut sim = Sim::connected();
        sim.close();
        answer(&mut sim);
        assert_eq!(sim.closed, Some(None));
    }
}

#[test]
fn s16_a_publish_in_flight_has_a_second_to_be_answered() {
    let mut sim = Sim::connected();
    sim.publish(1, "/a");
    sim.close();
    assert_eq!(sim.kinds(), ["commands"]);
    sim.advance(500);
    sim.confirm();
    sim.ok(1);
    assert_eq!(sim.kinds(), ["disconnect"]);
    let mut sim = Sim::connected();
    sim.publish(1, "/a");
    sim.close();
    sim.advance(1_000);
    assert_eq!(sim.error(1).code(), "outcome-unknown");
    assert_eq!(sim.kinds(), ["disconnect"]);
    sim.advance(1_000);
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn s16_a_pending_subscribe_rejects_at_once() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.close();
    assert_eq!(*sim.error(1), Error::Closed);
    assert_eq!(sim.kinds(), ["disconnect"]);
    assert!(sim.ended.is_empty());
}

#[test]
fn s16_closing_during_the_handshake_rejects_connect() {
    let mut sim = Sim::new();
    let handshake = sim.request("handshake").id();
    sim.close();
    assert_eq!(*sim.error(0), Error::Closed);
    assert_eq!(sim.aborted, [handshake]);
    assert_eq!(sim.closed, Some(None));
    assert_eq!(sim.count("disconnect"), 0);
}

#[test]
fn s16_closing_before_the_first_drain_sends_nothing() {
    let config = cometd_edge::session::Config::new(URL).expect("a good url");
    let mut session = cometd_edge::session::Session::new(config, 1, cometd_edge::Instant::default());
    session.handle_input(cometd_edge::Instant::default(), Input::Command(Command::Close)).expect("fine");
    let mut sent = false;
    loop {
        match session.poll_output() {
            cometd_edge::session::Output::Send(_) => sent = true,
            cometd_edge::session::Output::Wait(_) => break,
            _ => {}
        }
    }
    assert!(!sent && session.is_closed());
}

#[test]
fn s16_closing_twice_is_closing_once() {
    let mut sim = Sim::connected();
    sim.close();
    sim.close();
    sim.answer("disconnect", "[]");
    sim.close();
    assert_eq!(sim.count("disconnect"), 1);
}

#[test]
fn s16_commands_after_close_are_misuse() {
    let mut sim = Sim::connected();
    sim.close();
    let channels = ["/a".to_owned()];
    for command in [
        Command::Subscribe { subscription: 1, channels: &channels, replay: None },
        Command::Publish { command: 2, channel: "/a", data: "1" },
        Command::Send { command: 3, messages: &channels },
        Command::Unsubscribe { command: 4, subscription: 1, handed: 0, linger: false },
    ] {
        assert_eq!(sim.queue(command), Err(ApiMisuse::Closed));
    }
}

#[test]
fn s16_a_full_queue_does_not_slow_the_end() {
    let mut sim = Sim::connected_with(|config| config.limits.queued_events = 2);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.publish(2, "/a");
    sim.poll(&with_events(&events("/a", 1..=5)));
    sim.begin("commands", "[");
    let commands = sim.request("commands").id();
    sim.close();
    // The reply to the publish is read although nothing else was.
    let reply = reply_to(&messages(&sim.request("commands"))[0], true);
    sim.chunk(commands, &format!("{reply}]"));
    sim.end(commands);
    sim.ok(2);
    sim.answer("disconnect", "[]");
    assert_eq!(sim.closed, Some(None));
    assert_eq!(sim.now, 0);
}

#[test]
fn s16_close_settles_everything_within_2_s_in_every_state() {
    let states: [(&str, &dyn Fn() -> Sim); 12] = [
        ("handshaking", &Sim::new),
        ("waiting for the next handshake", &|| {
            let mut sim = Sim::new();
            sim.fail("handshake");
            sim.fail("handshake");
            sim
        }),
        ("first poll", &|| {
            let mut sim = Sim::new();
            sim.shake();
            sim
        }),
        ("connected", &Sim::connected),
        ("interval", &|| {
            let mut sim = Sim::connected();
            sim.poll(&advised(r#"{"interval":60000}"#));
            sim
        }),
        ("poll backs off", &|| {
            let mut sim = Sim::connected();
            sim.fail("connect");
            sim.fail("connect");
            sim
        }),
        ("in the middle of a poll", &|| {
            let mut sim = Sim::connected();
            sim.begin("connect", "[{");
            sim
        }),
        ("session lost", &|| {
            let mut sim = Sim::connected();
            sim.poll(&refused(UNKNOWN, ""));
            sim
        }),
        ("session lost, messages in flight", &|| {
            let mut sim = Sim::connected();
            sim.publish(100, "/p");
            sim.poll(&refused(UNKNOWN, ""));
            sim
        }),
        ("commands in flight", &|| {
            let mut sim = Sim::connected();
            sim.publish(100, "/p");
            sim.subscribe(101, &["/z"]);
            sim
        }),
        ("commands answered in part", &|| {
            let mut sim = Sim::connected();
            sim.publish(100, "/p");
            sim.publish(101, "/p");
            sim.begin("commands", r#"[{"channel":"/p","#);
            sim
        }),
        ("commands back off", &|| {
            let mut sim = Sim::connected();
            sim.subscribe(101, &["/z"]);
            sim.fail("commands");
            sim.fail("commands");
            sim
        }),
    ];
    for (name, state) in states {
        for (handshaken, prepare) in [(false, false), (true, false), (true, true)] {
            let mut sim = state();
            let raw = [r#"{"channel":"/r","data":1}"#.to_owned(), r#"{"channel":"/r","data":2}"#.to_owned()];
            if handshaken {
                sim.subscribe(1, &["/a", "/b"]);
                sim.publish(2, "/p");
                sim.command(Command::Send { command: 3, messages: &raw });
            }
            if prepare && sim.try_open("commands").is_some() {
                sim.confirm();
                sim.unsubscribe(4, 1);
                sim.command(Command::Send { command: 5, messages: &raw });
            }
            let from = sim.now;
            sim.close();
            sim.advance(2_000);
            assert_eq!(sim.closed, Some(None), "{name}");
            assert!(sim.now - from <= 2_000);
            assert_eq!(sim.wake, None, "{name}");
            let mut expected = vec![0];
            if handshaken {
                expected.extend([1, 2, 3]);
            }
            for number in expected {
                assert!(sim.result(number).is_some(), "{name}: {number} never settled");
            }
            // What was subscribed has ended.
            for (number, result) in &sim.settled {
                let subscription = *number == 1;
                if subscription && result.is_ok() {
                    assert!(
                        sim.ended.iter().any(|(ended, _)| ended == number),
                        "{name}: {number} never ended"
                    );
                }
            }
        }
    }
}

#[test]
fn s16_an_error_ends_everything_with_itself() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.subscribe(2, &["/b"]);
    sim.publish(3, "/p");
    sim.poll(&advised(r#"{"reconnect":"none"}"#));
    let error = Error::ServerEnded(None);
    assert_eq!(sim.ended, [(1, Some(error.clone()))]);
    assert_eq!(*sim.error(2), error);
    assert_eq!(*sim.error(3), error);
    sim.disconnect();
    assert_eq!(*sim.closed_with(), error);
}

#[test]
fn nothing_but_wait_follows_closed() {
    let mut sim = Sim::subscribed(&["/a"]);
    let poll = sim.request("connect").id();
    sim.close();
    sim.advance(2_000);
    let outputs = sim.log.len();
    sim.head(poll, 200);
    sim.chunk(poll, &with_events(&events("/a", [1])));
    sim.end(poll);
    sim.take(1, 5);
    sim.command(Command::Tap(true));
    sim.close();
    sim.advance(1_000_000);
    assert_eq!(sim.log.len(), outputs);
    assert_eq!(sim.wake, None);
}
