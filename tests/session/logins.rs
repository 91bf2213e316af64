//! Tokens that never work, and logins that fail: S10.

use cometd_edge::session::{Error, Input};

use crate::sim::*;

#[test]
fn s10_a_token_that_never_worked_refused_again_5_s_later_ends_the_client() {
    let mut sim = Sim::salesforce();
    sim.token();
    refuse_all(&mut sim, |sim| sim.answer("handshake", &denied(EXPIRED)));
    assert_eq!(sim.closed_with().code(), "unauthorized");
    assert_eq!(sim.error(0).code(), "unauthorized");
    assert!((5_000..6_000).contains(&sim.now), "{}", sim.now);
    // Not more than: at once, in between, after 5 s.
    assert!(sim.count("handshake") <= 3);
}

#[test]
fn s10_the_5_s_count_also_where_http_says_it() {
    let mut sim = Sim::salesforce();
    refuse_all(&mut sim, |sim| sim.answer_status("handshake", 401));
    assert_eq!(sim.closed_with().code(), "unauthorized");
    assert!(sim.now >= 5_000 && sim.count("handshake") <= 3);
}

#[test]
fn s10_a_refusal_long_ago_does_not_count_once_a_token_has_worked() {
    let mut sim = Sim::salesforce();
    sim.token();
    sim.answer("handshake", &denied(EXPIRED));
    sim.token();
    sim.shake();
    sim.poll(CONNECTED);
    for _ in 0..5 {
        for _ in 0..100 {
            sim.advance(30_000);
            sim.poll(CONNECTED);
        }
        sim.poll(&refused(EXPIRED, NONE));
        assert_eq!(sim.closed, None);
        sim.renew();
        // A token of a second's age may not be known everywhere yet.
        sim.answer("handshake", &denied(EXPIRED));
        sim.renew();
        sim.new_session();
        sim.poll(CONNECTED);
    }
}

#[test]
fn s10_a_login_that_is_refused_ends_the_client_at_once() {
    let mut sim = Sim::salesforce();
    sim.input(Input::TokenFailed { message: "invalid_grant: authentication failure", retryable: false });
    assert_eq!(*sim.closed_with(), Error::LoginRefused("invalid_grant: authentication failure".to_owned()));
    assert_eq!((sim.error(0).code(), sim.asked.len()), ("login-refused", 1));
    // In mid-life as well.
    let mut sim = Sim::logged_in();
    sim.poll(&refused(EXPIRED, NONE));
    sim.input(Input::TokenFailed { message: "expired access/refresh token", retryable: false });
    assert_eq!(sim.closed_with().code(), "login-refused");
}

#[test]
fn s10_a_login_that_failed_on_the_way_is_retried_by_s8() {
    let mut sim = Sim::salesforce_with(|config| config.connect_timeout_ms = u64::MAX);
    let mut delays = Vec::new();
    for round in 1..=10 {
        sim.input(Input::TokenFailed { message: "no connection", retryable: true });
        let from = sim.now;
        while sim.asked.len() == round {
            sim.wait();
        }
        delays.push(sim.now - from);
    }
    assert_eq!(delays[0], 0);
    assert!(delays[1..].iter().all(|delay| (1_000..=30_000).contains(delay)), "{delays:?}");
    sim.input(Input::TokenFailed { message: "no connection", retryable: true });
    // As with handshakes, ten times before the first session.
    assert_eq!(sim.closed_with().code(), "max-retries");
}

#[test]
fn s10_a_login_that_fails_later_is_retried_for_ever() {
    let mut sim = Sim::logged_in();
    sim.poll(&refused(EXPIRED, NONE));
    for round in 2..60 {
        assert_eq!(sim.asked.len(), round);
        sim.input(Input::TokenFailed { message: "no connection", retryable: true });
        while sim.asked.len() == round {
            sim.wait();
        }
    }
    assert_eq!(sim.closed, None);
    sim.token();
    sim.new_session();
}
