//! The poll: S2, S7, S8b, S13.

use cometd_edge::session::{Error, GapCause, Status};

use crate::sim::*;

#[test]
fn s2_a_connect_shares_its_request_with_nothing() {
    let mut sim = Sim::new();
    for channel in ["/a", "/b"] {
        sim.publish(channel.len() as u32 + u32::from(channel == "/b"), channel);
    }
    sim.subscribe(9, &["/c"]);
    sim.shake();
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    assert_eq!(sim.request("connect").messages().len(), 1);
    assert_eq!(only(&sim.request("connect"))["connectionType"], "long-polling");
}

#[test]
fn s2_at_most_two_requests_are_open_and_at_most_one_is_a_connect() {
    // The simulation asserts both at every request; this one gives it the occasions.
    let mut sim = Sim::connected();
    for number in 1..20 {
        sim.subscribe(number, &["/a", "/b"]);
        sim.publish(100 + number, "/a");
        sim.advance(10);
    }
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    sim.confirm();
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    sim.poll(CONNECTED);
    assert_eq!(sim.kinds(), ["commands", "connect"]);
}

#[test]
fn the_first_poll_of_a_session_asks_for_an_answer_at_once_and_the_next_is_parked() {
    let mut sim = Sim::new();
    sim.shake();
    assert_eq!(only(&sim.request("connect"))["advice"]["timeout"], 0);
    sim.poll(CONNECTED);
    assert!(only(&sim.request("connect")).get("advice").is_none());
}

#[test]
fn s7_a_poll_without_a_head_is_given_up_after_its_timeout_and_the_networks_delay() {
    let mut sim = Sim::connected();
    let id = sim.request("connect").id();
    sim.advance(39_999);
    assert!(sim.aborted.is_empty());
    sim.advance(1);
    assert_eq!(sim.aborted, [id]);
    assert!(matches!(sim.statuses[0], Status::Retry { error: Error::Timeout { after_ms: 40_000 }, .. }));
    // It is tried again at once.
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s7_other_requests_have_the_networks_delay() {
    let mut sim = Sim::new();
    sim.advance(9_999);
    assert_eq!(sim.count("handshake"), 1);
    sim.advance(1);
    assert_eq!(sim.count("handshake"), 2);
    sim.shake();
    sim.poll(CONNECTED);
    sim.publish(1, "/a");
    sim.advance(9_999);
    assert!(sim.result(1).is_none());
    sim.advance(1);
    assert_eq!(sim.error(1).code(), "outcome-unknown");
}

#[test]
fn s7_the_head_may_come_at_once_and_the_body_be_silent_until_the_poll_ends() {
    for pause_ms in [0, 1_000, 39_998] {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.advance(pause_ms);
        let id = sim.request("connect").id();
        sim.head(id, 200);
        sim.advance(39_999 - pause_ms);
        assert!(sim.aborted.is_empty());
        sim.chunk(id, &with_events(&events("/a", [1])));
        sim.end(id);
        assert_eq!((sim.data().len(), sim.gaps().len(), sim.retries().len()), (1, 0, 0));
        // Silent for longer, it is dead.
        let id = sim.request("connect").id();
        sim.head(id, 200);
        sim.advance(40_000);
        assert_eq!(sim.aborted, [id]);
        let told = |status: &Status| {
            matches!(status, Status::Retry { error: Error::Timeout { after_ms: 40_000 }, .. })
        };
        assert!(sim.statuses.iter().any(told), "{:?}", sim.statuses);
    }
}

#[test]
fn s7_other_requests_may_be_silent_behind_their_head_for_the_networks_delay() {
    for kind in ["handshake", "commands"] {
        let mut sim = if kind == "handshake" { Sim::new() } else { Sim::connected() };
        sim.publish(1, "/p");
        let id = sim.request(kind).id();
        sim.advance(5_000);
        sim.head(id, 200);
        sim.advance(4_999);
        assert!(sim.aborted.is_empty(), "{kind}");
        sim.advance(1);
        assert_eq!(sim.aborted, [id], "{kind}");
    }
}

#[test]
fn s7_white_space_and_the_bracket_extend_the_deadline_to_twice_the_first() {
    for signs in [" ", "\t", "\r\n", "[", "[ ", "\u{feff}", " ["] {
        let mut sim = Sim::connected();
        let id = sim.request("connect").id();
        sim.head(id, 200);
        let mut rest = signs.chars();
        // Each moves it to at least the network's delay from then.
        for at in (9_999..).step_by(9_999).take_while(|at| *at < 80_000) {
            sim.advance(at - sim.now);
            assert!(sim.aborted.is_empty(), "{signs:?} at {at}");
            let sign = rest.next().unwrap_or(' ');
            sim.chunk(id, &sign.to_string());
        }
        sim.advance(79_999 - sim.now);
        assert!(sim.aborted.is_empty(), "{signs:?}");
        sim.advance(1);
        assert_eq!(sim.aborted, [id], "{signs:?}");
    }
}

#[test]
fn s7_early_white_space_does_not_shorten_the_first_deadline() {
    let mut sim = Sim::connected();
    let id = sim.begin("connect", "[");
    sim.advance(39_999);
    assert!(sim.aborted.is_empty());
    sim.advance(1);
    assert_eq!(sim.aborted, [id]);
    // The last one gives the network's delay from then.
    let mut sim = Sim::connected();
    let id = sim.begin("connect", " ");
    sim.advance(35_000);
    sim.chunk(id, " ");
    sim.advance(9_999);
    assert!(sim.aborted.is_empty());
    sim.advance(1);
    assert_eq!(sim.aborted, [id]);
    let told =
        |status: &Status| matches!(status, Status::Retry { error: Error::Timeout { after_ms: 45_000 }, .. });
    assert!(sim.statuses.iter().any(told), "{:?}", sim.statuses);
}

#[test]
fn s7_white_space_keeps_other_requests_for_twice_the_networks_delay() {
    let mut sim = Sim::connected();
    sim.publish(1, "/p");
    let id = sim.request("commands").id();
    sim.head(id, 200);
    for _ in 0..3 {
        sim.advance(6_000);
        sim.chunk(id, " ");
    }
    sim.advance(1_999);
    assert!(sim.result(1).is_none());
    sim.advance(1);
    assert_eq!(sim.error(1).code(), "outcome-unknown");
}

#[test]
fn s7_a_poll_kept_open_by_spaces_is_answered_in_the_end() {
    let mut sim = Sim::subscribed(&["/a"]);
    let id = sim.begin("connect", "[");
    for _ in 0..30 {
        sim.advance(1_000);
        sim.chunk(id, " ");
    }
    sim.chunk(id, &with_events(&events("/a", [1]))[1..]);
    sim.end(id);
    assert_eq!((sim.data().len(), sim.gaps().len(), sim.retries().len()), (1, 0, 0));
}

#[test]
fn s7_the_body_of_a_refused_request_is_not_waited_for() {
    let mut sim = Sim::connected();
    let id = sim.request("connect").id();
    sim.head(id, 503);
    assert_eq!(sim.aborted, [id]);
}

#[test]
fn s7_after_the_first_byte_a_pause_of_the_networks_delay_is_too_long() {
    let mut sim = Sim::connected();
    let id = sim.request("connect").id();
    sim.advance(20_000);
    sim.head(id, 200);
    for bytes in ["[{", " ", "\""] {
        sim.advance(9_999);
        sim.chunk(id, bytes);
    }
    // No byte, no sign of life.
    sim.advance(5_000);
    sim.chunk(id, "");
    sim.advance(4_999);
    assert!(sim.aborted.is_empty());
    sim.advance(1);
    assert_eq!(sim.aborted, [id]);
}

#[test]
fn s7_the_networks_delay_is_an_option() {
    let mut sim = Sim::with(|config| config.network_delay_ms = 100);
    assert_eq!(sim.wait(), 100);
    sim.shake();
    sim.poll(CONNECTED);
    assert_eq!(sim.wait(), 30_100);
}

#[test]
fn s7_time_in_which_the_client_does_not_read_does_not_count() {
    let mut sim = Sim::connected_with(|config| {
        config.limits.queued_events = 2;
        config.max_interval_ms = 100_000_000;
    });
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    let id = sim.begin("connect", &format!("[{}", events("/a", [1, 2])));
    assert_eq!(sim.held, [id]);
    sim.advance(600_000);
    assert!(sim.aborted.is_empty());
    sim.take(1, 2);
    assert!(sim.held.is_empty());
    // From here on the server is waited for as ever.
    sim.advance(9_999);
    assert!(sim.aborted.is_empty());
    sim.advance(1);
    assert_eq!(sim.aborted, [id]);
}

#[test]
fn s7_a_poll_held_before_its_first_byte_keeps_its_remaining_time() {
    let mut sim = Sim::connected_with(|config| {
        config.limits.queued_events = 2;
        config.max_interval_ms = 100_000_000;
    });
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    let id = sim.request("connect").id();
    sim.publish(2, "/p");
    sim.answer("commands", &format!(r#"[{}{{"channel":"/p","successful":true}}]"#, events("/a", [1, 2])));
    sim.advance(1_000);
    sim.head(id, 200);
    sim.chunk(id, "[");
    assert!(sim.held.contains(&id));
    sim.advance(600_000);
    assert!(sim.aborted.is_empty());
    sim.take(1, 2);
    // 39 of 40 seconds are left.
    sim.advance(38_999);
    assert!(sim.aborted.is_empty());
    sim.advance(1);
    assert_eq!(sim.aborted, [id]);
}

/// One parked poll that dies at this age, and what is needed for the next.
fn cut_after(sim: &mut Sim, age_ms: u64) {
    sim.advance(age_ms);
    sim.fail("connect");
    while sim.try_open("connect").is_none() {
        sim.wait();
    }
    // The probe.
    assert_eq!(only(&sim.request("connect"))["advice"]["timeout"], 0);
    sim.poll(CONNECTED);
}

#[test]
fn s8b_two_polls_cut_at_a_similar_age_make_later_ones_ask_for_less() {
    let mut sim = Sim::connected();
    cut_after(&mut sim, 20_000);
    assert!(only(&sim.request("connect")).get("advice").is_none());
    cut_after(&mut sim, 20_800);
    assert_eq!(only(&sim.request("connect"))["advice"]["timeout"], 15_000);
    sim.advance(15_000);
    sim.poll(CONNECTED);
    assert_eq!(only(&sim.request("connect"))["advice"]["timeout"], 15_000);
}

#[test]
fn s8b_a_gateway_timeout_counts_as_a_cut() {
    let mut sim = Sim::connected();
    for _ in 0..2 {
        sim.advance(10_000);
        sim.answer_status("connect", 504);
        sim.poll(CONNECTED);
    }
    assert_eq!(only(&sim.request("connect"))["advice"]["timeout"], 7_500);
}

#[test]
fn s8b_cuts_at_other_ages_or_in_the_first_second_mean_nothing() {
    for ages in [[20_000, 5_000], [5_000, 20_000], [300, 300]] {
        let mut sim = Sim::connected();
        for age in ages {
            cut_after(&mut sim, age);
        }
        assert!(only(&sim.request("connect")).get("advice").is_none(), "{ages:?}");
    }
}

#[test]
fn s8b_a_poll_that_outlives_the_cut_clears_the_suspicion() {
    let mut sim = Sim::connected();
    cut_after(&mut sim, 20_000);
    sim.advance(29_000);
    sim.poll(CONNECTED);
    cut_after(&mut sim, 20_000);
    assert!(only(&sim.request("connect")).get("advice").is_none());
}

#[test]
fn s13_events_ride_on_replies_to_subscribe_and_publish_and_on_polls() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    // Even before the reply that says yes.
    let reply = r#"{"channel":"/meta/subscribe","subscription":"/a","successful":true}"#;
    sim.answer(
        "commands",
        &format!("[{}{reply},{}]", events("/a", [1]), events("/a", [2]).trim_end_matches(',')),
    );
    sim.publish(2, "/a");
    sim.answer("commands", &format!(r#"[{}{{"channel":"/a","successful":true}}]"#, events("/a", [3])));
    sim.poll(&with_events(&events("/a", [4])));
    assert_eq!(sim.data(), ["1", "2", "3", "4"]);
    assert!(sim.ok(1).len() == 1 && sim.ok(2).len() == 1);
}

#[test]
fn s13_order_is_kept_within_a_response() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    let mixed: String =
        (0..50).map(|number| events(if number % 3 == 0 { "/a" } else { "/b" }, [number])).collect();
    sim.poll(&with_events(&mixed));
    let expected: Vec<String> = (0..50).map(|number: u32| number.to_string()).collect();
    assert_eq!(sim.data(), expected);
}

#[test]
fn s13_an_event_is_given_out_as_soon_as_its_own_bytes_have_arrived() {
    let mut sim = Sim::subscribed(&["/a"]);
    let body = with_events(&events("/a", [1, 2]));
    let id = sim.request("connect").id();
    sim.head(id, 200);
    let first = body.find("},").expect("an event") + 1;
    for (index, byte) in body.char_indices() {
        let mut text = [0; 4];
        sim.chunk(id, byte.encode_utf8(&mut text));
        assert_eq!(sim.events.is_empty(), index + 1 < first, "after {index}");
    }
    assert_eq!(sim.data(), ["1", "2"]);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn events_reach_every_subscription_that_matches() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a/b"]);
    sim.subscribe(2, &["/a/*"]);
    sim.subscribe(3, &["/a/**", "/a/b"]);
    sim.subscribe(4, &["/service/s"]);
    while sim.try_open("commands").is_some() {
        sim.confirm();
    }
    let all = ["/a/b", "/a/c/d", "/a", "/service/s", "/z"].map(|channel| events(channel, [0])).concat();
    sim.poll(&with_events(&all));
    let matched: Vec<&[u32]> = sim.events.iter().map(|event| &event.subscriptions[..]).collect();
    assert_eq!(matched, [&[1, 2, 3][..], &[3], &[4]]);
}

#[test]
fn an_empty_poll_or_one_without_its_reply_is_retried_with_care() {
    for body in ["[]", "{}", r#"[{"channel":"/a","data":1}]"#] {
        let mut sim = Sim::subscribed(&["/a"]);
        for _ in 0..3 {
            sim.poll(body);
            if sim.try_open("connect").is_none() {
                sim.wait();
            }
        }
        let attempts: Vec<u32> = sim.retries().iter().map(|(attempt, _)| *attempt).collect();
        assert_eq!(attempts, [1, 2, 3], "{body}");
        // The bodies were whole.
        assert!(sim.gaps().is_empty());
    }
}

#[test]
fn gap_the_range_begins_at_the_last_successful_poll_and_the_last_replay_id() {
    let mut sim = Sim::connected_with(|config| config.unix_ms_at_zero = 1_000_000);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.advance(3_000);
    sim.poll(&with_events(r#"{"channel":"/a","data":{"event":{"replayId":7}}},"#));
    // This poll was sent at 3,000: what was published before has come.
    sim.advance(2_000);
    sim.poll(CONNECTED);
    sim.advance(2_000);
    sim.fail("connect");
    let expected = Status::Gap {
        channel: "/a".to_owned(),
        cause: GapCause::ResponseLost,
        after: Some("7".to_owned()),
        since_unix_ms: 1_003_000,
    };
    assert_eq!(sim.statuses[0], expected);
}
