//! No storms, whatever the server does to replaced sessions and tokens: S8a.

use cometd_edge::replay::Start;
use cometd_edge::session::Input;

use crate::sim::*;

/// When something happened, and which request it was.
struct Life {
    handshakes: Vec<u64>,
    requests: Vec<u64>,
    asked: Vec<u64>,
    unanswered_disconnects: Vec<u64>,
}

/// A client that tracks a channel for an hour, and a server that answers each request after 20 ms as it likes.
fn live(mut sim: Sim, server: impl Fn(&mut Sim, &str)) -> Life {
    let mut life = Life {
        handshakes: Vec::new(),
        requests: Vec::new(),
        asked: Vec::new(),
        unanswered_disconnects: Vec::new(),
    };
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    while sim.now < 3_600_000 && sim.closed.is_none() && life.requests.len() < 2_000 {
        for request in sim.sent.drain(..).collect::<Vec<_>>() {
            life.requests.push(sim.now);
            if request.kind() == "handshake" {
                life.handshakes.push(sim.now);
            }
        }
        while life.asked.len() < sim.asked.len() {
            life.asked.push(sim.now);
        }
        if sim.asked.len() > sim.tokens as usize {
            sim.advance(20);
            sim.token();
        } else if let Some(kind) = sim.kinds().first().copied() {
            sim.advance(20);
            if sim.try_open(kind).is_some() {
                server(&mut sim, kind);
                if kind == "disconnect" {
                    life.unanswered_disconnects.push(sim.now);
                }
            }
        } else if sim.wake.is_some() {
            sim.wait();
        } else {
            break;
        }
    }
    life
}

/// The most of them within any window.
fn most_within(times: &[u64], window_ms: u64) -> usize {
    let within = |from: &u64| times.iter().filter(|at| (*from..from + window_ms).contains(at)).count();
    times.iter().map(within).max().unwrap_or(0)
}

#[test]
fn s8a_a_server_that_cuts_every_response_gets_few_handshakes_and_sessions() {
    let life = live(Sim::salesforce(), |sim, kind| sim.cut(kind, "["));
    assert!(most_within(&life.handshakes, 60_000) <= 10);
    // Each handshake may have made a session whose end nobody can tell it.
    assert!(most_within(&life.handshakes, 150_000) <= 3 + 1, "{:?}", life.handshakes);
    assert!(most_within(&life.requests, 60_000) <= 20);
}

#[test]
fn s8a_a_server_that_cuts_all_but_handshakes() {
    let life = live(Sim::salesforce(), |sim, kind| match kind {
        "handshake" => sim.shake(),
        kind => sim.cut(kind, "["),
    });
    assert!(most_within(&life.handshakes, 60_000) <= 10);
    assert!(most_within(&life.handshakes, 150_000) <= 4, "{:?}", life.handshakes);
    assert!(most_within(&life.requests, 60_000) <= 20);
}

#[test]
fn s8a_a_server_that_answers_disconnects_and_cuts_all_else() {
    let life = live(Sim::salesforce(), |sim, kind| match kind {
        "handshake" => sim.shake(),
        "disconnect" => sim.answer("disconnect", "[]"),
        kind => sim.cut(kind, "["),
    });
    assert!(most_within(&life.handshakes, 60_000) <= 10, "{:?}", life.handshakes);
    assert!(most_within(&life.requests, 60_000) <= 40);
}

#[test]
fn s8a_a_server_whose_first_poll_succeeds_and_whose_second_is_cut() {
    // A success resets the back-off; the count of handshakes remains.
    let life = live(Sim::salesforce(), |sim, kind| match kind {
        "handshake" => sim.shake(),
        "disconnect" => sim.answer("disconnect", "[]"),
        "commands" => sim.confirm(),
        "connect" if only(&sim.request("connect")).get("advice").is_some() => sim.poll(CONNECTED),
        kind => sim.cut(kind, "["),
    });
    assert!(most_within(&life.handshakes, 60_000) <= 10);
    assert!(most_within(&life.requests, 60_000) <= 60);
}

#[test]
fn s8a_disconnects_without_an_answer_are_counted_for_150_s() {
    let life = live(Sim::salesforce(), |sim, kind| match kind {
        "handshake" => sim.shake(),
        "disconnect" => sim.advance(1_000),
        "commands" => sim.confirm(),
        "connect" if only(&sim.request("connect")).get("advice").is_some() => sim.poll(CONNECTED),
        kind => sim.cut(kind, "["),
    });
    assert!(life.unanswered_disconnects.len() > 10);
    assert!(most_within(&life.unanswered_disconnects, 150_000) <= 3);
    assert!(most_within(&life.handshakes, 150_000) <= 4);
}

#[test]
fn s8a_disconnects_that_are_answered_are_not_counted() {
    let mut sim = Sim::following(A, Start::New, Some("10"));
    for _ in 0..6 {
        sim.fail("connect");
        let from = sim.now;
        sim.new_session();
        assert!(sim.now - from <= 30_000);
        sim.confirm();
        sim.poll(CONNECTED);
    }
}

#[test]
fn s8a_both_bounds_are_options() {
    for (handshakes, window_ms) in [(1_000, 1), (2, 150_000)] {
        let sim = Sim::salesforce_with(|config| {
            config.retry.handshakes_per_minute = handshakes;
            config.retry.session_window_ms = window_ms;
            config.retry.initial_delay_ms = 1;
            config.retry.max_delay_ms = 1;
        });
        let life = live(sim, |sim, kind| match kind {
            "handshake" => sim.shake(),
            "disconnect" => sim.answer("disconnect", "[]"),
            kind => sim.cut(kind, "["),
        });
        let most = most_within(&life.handshakes, 60_000);
        assert!(if handshakes == 2 { most == 2 } else { most > 100 }, "{most}");
    }
}

#[test]
fn s8a_a_server_that_refuses_every_token_ends_the_client_after_5_s() {
    let body = format!(
        r#"[{{"channel":"/meta/handshake","successful":false,"error":"{EXPIRED}","advice":{{"reconnect":"none"}}}}]"#
    );
    let life = live(Sim::salesforce(), |sim, _| sim.answer("handshake", &body));
    assert!(life.handshakes.len() <= 3 && life.asked.len() <= 3, "{:?}", life.handshakes);
}

#[test]
fn s8a_a_server_that_takes_every_token_for_a_handshake_and_refuses_it_for_polls() {
    for body in [refused(EXPIRED, NONE), refused(EXPIRED, ""), refused("403::Unknown client", NONE)] {
        let life = live(Sim::salesforce(), |sim, kind| match kind {
            "handshake" => sim.shake(),
            "disconnect" => sim.answer("disconnect", "[]"),
            "connect" => sim.poll(&body),
            kind => sim.fail(kind),
        });
        assert!(most_within(&life.handshakes, 60_000) <= 10);
        // A login is dearer than a handshake.
        assert!(most_within(&life.asked, 60_000) <= 10, "{}", life.asked.len());
        assert!(most_within(&life.asked[8..], 600_000) <= 60);
    }
}

#[test]
fn s8a_a_server_that_is_busy_whatever_is_asked_of_it() {
    let life = live(Sim::salesforce(), |sim, kind| {
        match kind {
        "handshake" => sim.answer(
            "handshake",
            &format!(r#"[{{"channel":"/meta/handshake","successful":false,"error":"{BUSY}","advice":{{"reconnect":"none"}}}}]"#),
        ),
        kind => sim.fail(kind),
    }
    });
    assert!(most_within(&life.handshakes, 60_000) <= 10);
}

#[test]
fn s8a_refusals_elsewhere_ask_for_one_token_at_a_time() {
    let mut sim = Sim::logged_in();
    for round in 0..50 {
        sim.input(Input::TokenRefused { number: sim.tokens });
        sim.input(Input::TokenRefused { number: sim.tokens });
        assert_eq!(sim.asked.len(), round + 2);
        sim.token_at(if round % 2 == 0 { EAST } else { WEST });
        sim.new_session();
        sim.poll(CONNECTED);
        sim.advance(60_000 - sim.now % 60_000);
        sim.poll(CONNECTED);
    }
}
