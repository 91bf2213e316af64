//! Whatever a server sends, it gives a typed error or is survived: X3, and the list of bad input.

use cometd_edge::session::{ApiMisuse, Config, Error, GapCause, State, Status};

use crate::sim::*;

fn small() -> Sim {
    let mut sim = Sim::connected_with(|config| config.limits.message_bytes = 300);
    for (number, channel) in [(1, "/a"), (2, "/b"), (3, "/a/*")] {
        sim.subscribe(number, &[channel]);
    }
    while sim.try_open("commands").is_some() {
        sim.confirm();
    }
    sim
}

fn large(head: &str) -> String {
    format!(r#"{{{head}"data":{{"event":{{"replayId":42}},"text":"{}"}}}},"#, "x".repeat(400))
}

#[test]
fn x3_an_event_over_the_bound_ends_its_subscription_and_the_others_go_on() {
    let mut sim = small();
    sim.poll(&with_events(
        &[events("/a", [1]), large(r#""channel":"/a","#), events("/a", [2]), events("/b", [3])].concat(),
    ));
    assert_eq!(sim.data(), ["1", "3"]);
    let error = Error::EventTooLarge { channel: "/a".to_owned(), replay_id: Some("42".to_owned()) };
    assert_eq!(sim.ended, [(1, Some(error))]);
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    assert_eq!(only(&sim.request("commands"))["channel"], "/meta/unsubscribe");
    assert_eq!(sim.states.last(), Some(&State::Connected));
}

#[test]
fn x3_a_glob_that_matches_a_large_event_ends_and_so_does_each_who_has_the_channel() {
    let mut sim = small();
    sim.subscribe(4, &["/a/x", "/b"]);
    sim.confirm();
    sim.poll(&with_events(&large(r#""channel":"/a/x","#)));
    let ended: Vec<u32> = sim.ended.iter().map(|(number, _)| *number).collect();
    assert_eq!(ended, [3]);
    // Of several channels the one is named, and the rest goes on.
    let named =
        |status: &&Status| matches!(status, Status::SubscribeFailed { channel, .. } if channel == "/a/x");
    assert_eq!(sim.statuses.iter().filter(named).count(), 1);
    sim.poll(&with_events(&[large(r#""channel":"/a/x","#), events("/b", [1])].concat()));
    assert_eq!(sim.statuses.iter().filter(named).count(), 1);
    assert_eq!(sim.events[0].subscriptions, [2, 4]);
}

#[test]
fn x3_a_large_event_without_a_readable_channel_is_a_gap_for_all() {
    let mut sim = small();
    sim.poll(&with_events(&large("")));
    let gap = |channel: &str| (channel.to_owned(), GapCause::EventTooLarge);
    assert_eq!(sim.gaps(), [gap("/a"), gap("/b"), gap("/a/*")]);
}

#[test]
fn x3_a_large_event_that_nobody_wants_is_passed_over() {
    let mut sim = small();
    sim.poll(&with_events(&[large(r#""channel":"/z","#), events("/a", [1])].concat()));
    assert_eq!(sim.data(), ["1"]);
    assert!(sim.ended.is_empty());
}

#[test]
fn x3_a_large_reply_is_reported_and_counts_as_missing() {
    let mut sim = small();
    let filler = "x".repeat(400);
    sim.poll(&format!(r#"[{{"channel":"/meta/connect","successful":true,"filler":"{filler}"}}]"#));
    let skipped = |status: &Status| matches!(status, Status::MessageSkipped { channel: Some(channel), .. } if channel == "/meta/connect");
    assert!(sim.statuses.iter().any(skipped));
    assert_eq!(sim.kinds(), ["connect"]);
    assert_eq!(sim.states.last(), Some(&State::Retrying));
}

#[test]
fn x3_a_message_of_20_mb_is_passed_over_at_the_default_bounds() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    let id = sim.begin("connect", r#"[{"channel":"/a","data":""#);
    let chunk = "x".repeat(1 << 20);
    for _ in 0..20 {
        sim.chunk(id, &chunk);
    }
    sim.chunk(id, &format!(r#""}},{}"#, &with_events(&events("/b", [1]))[1..]));
    sim.end(id);
    assert_eq!(sim.ended.len(), 1);
    assert_eq!(sim.ended[0].1.as_ref().map(Error::code), Some("event-too-large"));
    assert_eq!(sim.data(), ["1"]);
    assert_eq!(sim.kinds(), ["commands", "connect"]);
}

#[test]
fn x3_a_message_nested_too_deep_is_passed_over() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    let deep = format!(r#"{{"channel":"/a","data":{}{}}},"#, "[".repeat(1_000), "]".repeat(1_000));
    sim.poll(&with_events(&[deep, events("/b", [1])].concat()));
    assert_eq!(sim.data(), ["1"]);
    assert_eq!(sim.ended.len(), 1);
}

#[test]
fn x3_a_million_brackets_are_survived_wherever_they_come() {
    let brackets = "[".repeat(1_000_000);
    let event = format!(r#"[{{"channel":"/a","data":{brackets}"#);
    let mut sim = Sim::new();
    sim.answer("handshake", &event);
    assert_eq!(sim.count("handshake"), 2);
    sim.answer("handshake", &brackets);
    sim.advance(3_000);
    sim.shake();
    assert_eq!(sim.kinds(), ["connect"]);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(&event);
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
    while sim.try_open("connect").is_none() {
        sim.wait();
    }
    sim.poll(CONNECTED);
    assert_eq!(sim.states.last(), Some(&State::Connected));
}

#[test]
fn x3_undecodable_three_times_in_a_row_ends_the_client_and_twice_does_not() {
    for times in [2, 3] {
        let mut sim = Sim::acknowledged();
        sim.subscribe(1, &["/a"]);
        sim.confirm();
        for _ in 0..times {
            while sim.try_open("connect").is_none() {
                sim.wait();
            }
            sim.poll(&format!("[{}}}", events("/a", [1])));
        }
        assert_eq!(sim.data(), ["1"]);
        if times == 3 {
            assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::Undecodable)]);
            sim.answer("disconnect", "[]");
            assert_eq!(sim.closed_with().code(), "protocol");
            assert_eq!(sim.ended.len(), 1);
        } else {
            sim.wait();
            sim.poll(&poll_reply(&events("/a", [1, 2]), 2));
            assert_eq!(sim.data(), ["1", "2"]);
            assert!(sim.gaps().is_empty());
        }
    }
}

#[test]
fn x3_a_whole_poll_between_starts_the_count_anew() {
    let mut sim = Sim::subscribed(&["/a"]);
    for _ in 0..4 {
        sim.poll("[{]");
        sim.poll("[{]");
        sim.wait();
        sim.poll(CONNECTED);
    }
    assert!(sim.closed.is_none());
    assert_eq!(sim.gaps().len(), 4);
}

#[test]
fn x3_undecodable_handshakes_do_not_count_against_the_session() {
    let mut sim = Sim::new();
    for _ in 0..4 {
        while sim.try_open("handshake").is_none() {
            sim.wait();
        }
        sim.answer("handshake", "[{]");
    }
    while sim.try_open("handshake").is_none() {
        sim.wait();
    }
    sim.shake();
    sim.poll("[{]");
    assert!(sim.closed.is_none());
}

#[test]
fn x3_publishes_in_a_third_undecodable_body_settle() {
    let mut sim = Sim::connected();
    for number in 1..=3 {
        sim.publish(number, "/p");
        sim.answer("commands", "[}");
        assert_eq!(sim.error(number).code(), "outcome-unknown");
        sim.advance(if number < 3 { 5_000 } else { 0 });
    }
    sim.advance(2_000);
    assert_eq!(sim.closed_with().code(), "protocol");
}

/// Bodies that are no answer to anything.
const BODIES: [&str; 12] = [
    "",
    " ",
    "<!DOCTYPE html><html></html>",
    "[",
    r#"[{"channel":"/meta/connect","successful":true}"#,
    "[]",
    "{}",
    "null",
    "\"text\"",
    "[1,2,3]",
    r#"[{"channel":7,"id":8,"successful":"yes","advice":[],"clientId":{}}]"#,
    "\u{feff}[]x",
];

#[test]
fn bad_bodies_never_stop_the_session() {
    for body in BODIES {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.subscribe(2, &["/b"]);
        sim.answer("commands", body);
        sim.poll(body);
        for _ in 0..10 {
            if let Some(kind) = sim.kinds().first().copied() {
                sim.answer(kind, if sim.count(kind).is_multiple_of(2) { body } else { CONNECTED });
            } else if sim.wake.is_some() {
                sim.wait();
            }
        }
        assert!(sim.closed.is_some() || sim.wake.is_some(), "{body:?} hangs");
        sim.close();
        sim.advance(2_000);
        assert!(sim.closed.is_some());
        assert!(sim.result(2).is_some(), "{body:?}");
    }
}

#[test]
fn bad_bodies_for_the_handshake_reject_or_are_retried_and_never_hang() {
    for body in BODIES {
        let mut sim = Sim::new();
        while sim.closed.is_none() {
            match sim.try_open("handshake") {
                Some(_) => sim.answer("handshake", body),
                None => assert!(sim.wait() > 0),
            }
        }
        let error = sim.error(0);
        assert!(["not-bayeux", "max-retries"].contains(&error.code()), "{body:?}: {error}");
        assert!(sim.closed.is_some());
    }
}

#[test]
fn statuses_404_and_500_reject_or_are_retried_and_never_hang() {
    let mut sim = Sim::new();
    sim.answer_status("handshake", 404);
    assert_eq!(*sim.error(0), Error::HttpStatus(404));
    let mut sim = Sim::new();
    while sim.closed.is_none() {
        match sim.try_open("handshake") {
            Some(_) => sim.answer_status("handshake", 500),
            None => {
                sim.wait();
            }
        }
    }
    assert_eq!((sim.error(0).code(), sim.error(0).status()), ("max-retries", Some(500)));
}

#[test]
fn numbers_for_ids_are_understood() {
    let mut sim = Sim::new();
    sim.answer("handshake", r#"[{"channel":"/meta/handshake","id":1,"successful":true,"clientId":17}]"#);
    sim.poll(r#"[{"channel":"/meta/connect","id":2,"successful":true}]"#);
    assert_eq!(only(&sim.request("connect"))["clientId"], 17);
}

#[test]
fn urls_that_cannot_be_used_are_misuse() {
    for url in
        ["", "not a url", "/cometd", "ftp://example.com", "ws://example.com/", "https://u:p@example.com/"]
    {
        assert!(matches!(Config::new(url), Err(ApiMisuse::Url(_))), "{url}");
    }
}

#[test]
fn headers_that_cannot_be_sent_are_misuse() {
    let mut config = Config::new(URL).expect("a good url");
    for (name, value) in [("", "x"), ("a b", "x"), ("a", "x\r\ny: z"), ("a", "\0"), ("a", "\u{20ac}")] {
        assert!(matches!(config.header(name, value), Err(ApiMisuse::Header(_))));
    }
}
