//! Back-off and storms: S8, S8a.

use cometd_edge::replay::Start;
use cometd_edge::session::{Config, Error, State, Status};

use crate::sim::*;

#[test]
fn s8_the_first_retry_is_at_once_then_from_1_s_up_to_30_s() {
    let mut sim = Sim::connected();
    let mut delays = Vec::new();
    for _ in 0..30 {
        sim.fail("connect");
        delays.push(sim.until_open("connect"));
    }
    assert_eq!(delays[0], 0);
    assert!(delays[1..].iter().all(|delay| (1_000..=30_000).contains(delay)), "{delays:?}");
    assert!(delays[1] <= 3_000 && delays.iter().any(|delay| *delay > 15_000), "{delays:?}");
    // Jitter: not twice the same.
    assert_ne!(delays[2], delays[3]);
    // And each is what the status said.
    let reported: Vec<u64> = sim.retries().iter().map(|(_, delay)| *delay).collect();
    assert_eq!(reported, delays);
}

#[test]
fn s8_jitter_is_decorrelated_each_wait_is_at_most_3_times_the_last() {
    let mut sim = Sim::connected();
    let mut last = 1_000;
    for attempt in 1..20 {
        sim.fail("connect");
        let delay = sim.until_open("connect");
        assert!(delay <= last * 3 && (attempt == 1 || delay >= 1_000));
        last = delay.max(1_000);
    }
}

#[test]
fn s8_successful_false_backs_off_despite_an_interval_of_0() {
    let mut sim = Sim::connected();
    let body = refused("500::x", r#","advice":{"reconnect":"retry","interval":0}"#);
    for expected in [0..=0, 1_000..=3_000, 1_000..=9_000] {
        sim.poll(&body);
        assert!(expected.contains(&sim.until_open("connect")));
    }
}

#[test]
fn s8_a_longer_interval_wins_over_the_back_off() {
    let mut sim = Sim::connected();
    sim.poll(&refused("500::x", r#","advice":{"reconnect":"retry","interval":45000}"#));
    assert_eq!(sim.until_open("connect"), 45_000);
    sim.fail("connect");
    assert_eq!(sim.until_open("connect"), 45_000);
}

#[test]
fn s8_a_handshake_alone_does_not_reset_the_back_off_a_connect_does() {
    let mut sim = Sim::new();
    sim.fail("handshake");
    sim.fail("handshake");
    sim.until_open("handshake");
    sim.shake();
    sim.fail("connect");
    assert!(sim.until_open("connect") >= 1_000);
    assert_eq!(sim.retries().last().map(|(attempt, _)| *attempt), Some(3));
    sim.poll(CONNECTED);
    sim.fail("connect");
    assert_eq!(sim.retries().last(), Some(&(1, 0)));
}

#[test]
fn s8_sessions_that_never_get_a_poll_through_back_off_too() {
    let mut sim = Sim::connected();
    for _ in 0..4 {
        sim.poll(&refused(UNKNOWN, ""));
        sim.until_open("handshake");
        sim.shake();
    }
    let attempts: Vec<u32> = sim.retries().iter().map(|(attempt, _)| *attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    assert!(sim.retries()[1..].iter().all(|(_, delay)| *delay >= 1_000));
}

#[test]
fn s8_the_options_say_how_long() {
    let mut sim = Sim::connected_with(|config| {
        config.retry.initial_delay_ms = 10;
        config.retry.factor = 2.0;
        config.retry.max_delay_ms = 50;
    });
    let mut delays = Vec::new();
    for _ in 0..30 {
        sim.fail("connect");
        delays.push(sim.until_open("connect"));
    }
    assert!(delays[1..].iter().all(|delay| (10..=50).contains(delay)), "{delays:?}");
    assert!(delays[1] <= 20);
}

#[test]
fn s8_nonsense_in_the_options_is_survived() {
    for factor in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
        let mut sim = Sim::connected_with(|config| {
            config.retry.factor = factor;
            config.retry.initial_delay_ms = u64::MAX;
            config.retry.max_delay_ms = 20;
        });
        for _ in 0..5 {
            sim.fail("connect");
            assert!(sim.until_open("connect") <= 20);
        }
    }
}

#[test]
fn s8_max_retries_ends_the_client_with_the_last_error() {
    let mut sim = Sim::connected_with(|config| config.retry.max_retries = Some(2));
    for _ in 0..2 {
        sim.fail("connect");
        sim.until_open("connect");
    }
    assert!(sim.closed.is_none());
    sim.answer_status("connect", 503);
    sim.answer("disconnect", "[]");
    let last = Box::new(Error::HttpStatus(503));
    assert_eq!(*sim.closed_with(), Error::MaxRetries { attempts: 3, last });
}

#[test]
fn s8_max_retries_of_0_gives_the_failure_itself() {
    let mut sim = Sim::with(|config| config.retry.max_retries = Some(0));
    sim.answer_status("handshake", 503);
    assert_eq!(*sim.error(0), Error::HttpStatus(503));
    assert_eq!(*sim.closed_with(), Error::HttpStatus(503));
}

#[test]
fn s8_10_retries_are_the_default_before_the_first_session_and_endless_later() {
    let mut sim = Sim::with(|config| config.connect_timeout_ms = u64::MAX);
    for _ in 0..10 {
        sim.fail("handshake");
        sim.until_open("handshake");
    }
    sim.fail("handshake");
    assert_eq!(sim.error(0).code(), "max-retries");
    let mut sim = Sim::connected();
    for _ in 0..200 {
        sim.fail("connect");
        sim.until_open("connect");
    }
    assert!(sim.closed.is_none());
}

#[test]
fn s8_retry_after_is_waited_for() {
    let mut sim = Sim::connected();
    let id = sim.request("connect").id();
    sim.head_with(id, 503, &[("Retry-After", "17")]);
    assert_eq!(sim.until_open("connect"), 17_000);
}

#[test]
fn s8_commands_back_off_as_well_and_say_so() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    let mut delays = Vec::new();
    for _ in 0..6 {
        sim.answer_status("commands", 503);
        let from = sim.now;
        while sim.try_open("commands").is_none() {
            sim.wait();
            if let Some(poll) = sim.try_open("connect").filter(|_| sim.now - from > 20_000) {
                sim.head(poll.id(), 200);
                sim.chunk(poll.id(), CONNECTED);
                sim.end(poll.id());
            }
        }
        delays.push(sim.now - from);
    }
    assert_eq!(delays[0], 0);
    assert!(delays[1..].iter().all(|delay| (1_000..=30_000).contains(delay)), "{delays:?}");
    assert_eq!(sim.retries().len(), 6);
    sim.confirm();
    sim.ok(1);
}

#[test]
fn s8_max_retries_rejects_a_subscribe_that_never_gets_through() {
    let mut sim = Sim::connected_with(|config| config.retry.max_retries = Some(1));
    sim.subscribe(1, &["/a"]);
    sim.answer_status("commands", 503);
    sim.answer_status("commands", 503);
    assert_eq!(sim.error(1).code(), "max-retries");
    assert!(sim.closed.is_none());
}

#[test]
fn s8a_an_eleventh_handshake_within_a_minute_waits_in_state_retrying() {
    let mut sim = Sim::new();
    for _ in 0..9 {
        sim.shake();
        sim.advance(100);
        sim.poll(&advised(r#"{"reconnect":"handshake"}"#));
    }
    assert_eq!(sim.count("handshake"), 10);
    sim.shake();
    sim.poll(&advised(r#"{"reconnect":"handshake"}"#));
    assert!(sim.kinds().is_empty());
    assert_eq!(sim.states.last(), Some(&State::Retrying));
    sim.advance(60_000 - sim.now - 1);
    assert_eq!(sim.count("handshake"), 10);
    sim.advance(1);
    assert_eq!(sim.count("handshake"), 11);
    assert_eq!(sim.states.last(), Some(&State::Handshaking));
    // The next place is free when the second one's minute is over.
    sim.shake();
    sim.poll(&advised(r#"{"reconnect":"handshake"}"#));
    assert_eq!(sim.until_open("handshake"), 100);
}

#[test]
fn s8a_the_number_of_handshakes_per_minute_is_an_option() {
    for allowed in [1, 3, 50] {
        let mut sim = Sim::with(|config| config.retry.handshakes_per_minute = allowed);
        while sim.try_open("handshake").is_some() && sim.count("handshake") < 60 {
            sim.shake();
            sim.poll(&advised(r#"{"reconnect":"handshake"}"#));
        }
        assert_eq!(sim.count("handshake"), allowed.min(60));
    }
}

/// Three handshakes whose replies are cut: the server has made a session each time.
fn three_left_behind(configure: impl FnOnce(&mut Config)) -> Sim {
    let mut sim = Sim::connected_with(configure);
    sim.poll(&refused(UNKNOWN, ""));
    for _ in 0..3 {
        sim.until_open("handshake");
        sim.cut("handshake", "[{");
    }
    sim
}

#[test]
fn s8a_after_3_sessions_left_behind_the_next_handshake_waits_for_their_window() {
    let mut sim = three_left_behind(|_| {});
    assert_eq!(sim.states.last(), Some(&State::Retrying));
    let from = sim.now;
    sim.until_open("handshake");
    // The first was left at 0.
    assert_eq!(sim.now, 150_000);
    assert!(sim.now - from > 100_000);
    sim.shake();
    sim.poll(CONNECTED);
    assert_eq!(sim.states.last(), Some(&State::Connected));
}

#[test]
fn s8a_the_window_is_an_option() {
    let mut sim = three_left_behind(|config| config.retry.session_window_ms = 20_000);
    sim.until_open("handshake");
    assert!(sim.now <= 30_000 && sim.now >= 20_000, "{}", sim.now);
}

#[test]
fn s8a_two_left_behind_or_refused_connections_do_not_wait() {
    let mut sim = Sim::new();
    sim.cut("handshake", "[{");
    sim.cut("handshake", "[{");
    assert!(sim.until_open("handshake") <= 30_000);
    // Handshakes that no server answered leave nothing behind.
    for _ in 0..5 {
        sim.fail("handshake");
        assert!(sim.until_open("handshake") <= 30_000);
    }
}

#[test]
fn the_error_of_a_retry_names_the_failure() {
    let mut sim = Sim::connected();
    sim.answer_status("connect", 502);
    let expected = Status::Retry { attempt: 1, delay_ms: 0, error: Error::HttpStatus(502) };
    assert!(sim.statuses.contains(&expected));
}

#[test]
fn s8_a_new_session_for_a_subscribe_waits_for_the_back_off() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.poll(CONNECTED);
    sim.fail("connect");
    sim.until_open("connect");
    sim.fail("connect");
    let (_, delay_ms) = *sim.retries().last().expect("a retry");
    assert!(delay_ms >= 1_000);
    // Polls of this session were lost, so it is no session to subscribe from a position in.
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    sim.disconnect();
    assert_eq!(sim.until_open("handshake"), delay_ms);
}
