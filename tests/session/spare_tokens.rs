//! A spare token, which comes while the last one is in use, and where tokens may go: S10a.

use cometd_edge::replay::Start;
use cometd_edge::session::{Error, Input};

use crate::sim::*;

/// A request outside the session is refused with this token.
fn refuse_elsewhere(sim: &mut Sim, number: u32) {
    sim.input(Input::TokenRefused { number });
}

/// Logged in, and the token that a refusal elsewhere has brought is kept for later.
fn with_a_spare_token() -> Sim {
    let mut sim = Sim::logged_in();
    refuse_elsewhere(&mut sim, 1);
    sim.token();
    sim
}

// Requests outside the session.

#[test]
fn s10a_a_token_for_requests_elsewhere_ends_no_session() {
    let mut sim = with_a_spare_token();
    assert_eq!((sim.asked.clone(), sim.moved.clone()), (vec![false, true], vec![false; 2]));
    assert_eq!((sim.kinds(), sim.carried("connect"), sim.aborted.len()), (vec!["connect"], 1, 0));
    sim.subscribe(1, &["/a"]);
    assert_eq!(sim.carried("commands"), 1);
    sim.confirm();
    sim.poll(CONNECTED);
    assert_eq!((sim.carried("connect"), sim.count("handshake"), sim.denied), (1, 1, 0));
}

#[test]
fn s10a_a_spare_token_is_used_before_another_one_is_asked_for() {
    let refuse: [&dyn Fn(&mut Sim); 4] = [
        &|sim| sim.poll(&refused(EXPIRED, "")),
        &|sim| sim.poll(&refused(EXPIRED, NONE)),
        &|sim| sim.answer_status("connect", 401),
        &|sim| {
            sim.publish(1, "/p");
            sim.answer_status("commands", 401);
        },
    ];
    for (index, refuse) in refuse.into_iter().enumerate() {
        let mut sim = with_a_spare_token();
        refuse(&mut sim);
        assert_eq!(sim.asked.len(), 2, "{index}");
        if sim.try_open("disconnect").is_some() {
            assert_eq!(sim.carried("disconnect"), 2);
            sim.answer("disconnect", "[]");
        }
        assert_eq!(sim.carried("handshake"), 2);
        sim.answer("handshake", &handshake("client-2", ""));
        sim.poll(CONNECTED);
        // Used up: the next one is asked for.
        sim.answer_status("connect", 401);
        assert_eq!(sim.asked, [false, true, true]);
    }
}

#[test]
fn s10a_one_token_is_asked_for_in_60_s_for_requests_elsewhere() {
    let mut sim = with_a_spare_token();
    for denied in 1..=3 {
        refuse_elsewhere(&mut sim, 2);
        assert_eq!((sim.asked.len(), sim.denied), (2, denied));
    }
    sim.advance(59_999);
    refuse_elsewhere(&mut sim, 2);
    assert_eq!((sim.asked.len(), sim.denied), (2, 4));
    sim.advance(1);
    refuse_elsewhere(&mut sim, 2);
    // They share the next one.
    refuse_elsewhere(&mut sim, 2);
    assert_eq!((sim.asked.clone(), sim.denied), (vec![false, true, true], 4));
    sim.token();
    // The newest is the one that is kept.
    sim.poll(CONNECTED);
    sim.poll(&refused(EXPIRED, NONE));
    assert_eq!((sim.asked.len(), sim.carried("handshake")), (3, 3));
}

#[test]
fn s10a_an_endpoint_that_refuses_every_token_costs_a_login_a_minute_and_no_session() {
    let mut sim = Sim::logged_in();
    for _ in 0..3_600 {
        let newest = sim.tokens;
        refuse_elsewhere(&mut sim, newest);
        if sim.asked.len() > sim.tokens as usize {
            sim.token();
        }
        sim.advance(1_000);
        if sim.now.is_multiple_of(25_000) {
            sim.poll(CONNECTED);
        }
    }
    assert!((60..=61).contains(&(sim.asked.len() - 1)), "{}", sim.asked.len());
    assert_eq!((sim.count("handshake"), sim.count("disconnect"), sim.carried("connect")), (1, 0, 1));
}

#[test]
fn s10a_refusals_of_older_tokens_elsewhere_are_ignored() {
    let mut sim = with_a_spare_token();
    sim.advance(60_000);
    for number in [0, 1, 3] {
        refuse_elsewhere(&mut sim, number);
    }
    assert_eq!((sim.asked.len(), sim.denied), (2, 0));
    // Also where the stream waits for its next one.
    sim.poll(CONNECTED);
    sim.poll(&refused(EXPIRED, NONE));
    refuse_elsewhere(&mut sim, 1);
    assert_eq!((sim.asked.len(), sim.denied, sim.carried("handshake")), (2, 0, 2));
}

#[test]
fn s10a_a_refusal_elsewhere_waits_for_the_token_that_the_stream_needs() {
    let mut sim = Sim::logged_in();
    sim.poll(&refused(EXPIRED, NONE));
    assert_eq!(sim.asked, [false, true]);
    refuse_elsewhere(&mut sim, 1);
    sim.input(Input::TokenFailed { message: "no connection", retryable: true });
    assert_eq!(sim.denied, 0);
    while sim.asked.len() == 2 {
        sim.wait();
    }
    sim.token();
    assert_eq!((sim.carried("handshake"), sim.denied), (2, 0));
}

#[test]
fn s10a_a_login_for_requests_elsewhere_is_retried_by_s8_for_60_s() {
    let mut sim = Sim::logged_in();
    refuse_elsewhere(&mut sim, 1);
    let (mut failed, mut polled) = (1, 0);
    while sim.denied == 0 {
        if sim.asked.len() > failed {
            failed += 1;
            sim.input(Input::TokenFailed { message: "no connection", retryable: true });
        } else {
            let next = sim.wake.expect("a deadline").min(polled + 25_000);
            sim.advance(next - sim.now);
        }
        if sim.now == polled + 25_000 {
            polled = sim.now;
            sim.poll(CONNECTED);
        }
    }
    assert!((60_000..=90_000).contains(&sim.now), "{}", sim.now);
    assert!((4..=60).contains(&sim.asked.len()), "{}", sim.asked.len());
    // The session knows nothing of it.
    assert_eq!((sim.count("handshake"), &sim.closed), (1, &None));
    refuse_elsewhere(&mut sim, 1);
    sim.token();
    assert_eq!(sim.carried("connect"), 1);
}

#[test]
fn s10a_a_login_refused_for_requests_elsewhere_leaves_the_session_alone() {
    let mut sim = Sim::logged_in();
    refuse_elsewhere(&mut sim, 1);
    sim.input(Input::TokenFailed { message: "there is no other", retryable: false });
    assert_eq!((sim.denied, sim.kinds(), &sim.closed), (1, vec!["connect"], &None));
    // Not where the stream needs one, too.
    sim.poll(&refused(EXPIRED, NONE));
    sim.input(Input::TokenFailed { message: "there is no other", retryable: false });
    assert_eq!(*sim.closed_with(), Error::LoginRefused("there is no other".to_owned()));
}

#[test]
fn s10a_the_same_token_given_again_is_no_other_one() {
    let mut sim = Sim::logged_in();
    refuse_elsewhere(&mut sim, 1);
    sim.input(Input::Token { number: 2, access_token: "token-1", url: URL });
    assert_eq!(sim.kinds(), ["connect"]);
    sim.poll(&refused(EXPIRED, NONE));
    assert_eq!((sim.asked.len(), sim.kinds()), (3, vec![]));
}

#[test]
fn s10a_an_answer_for_another_instance_moves_a_living_session() {
    let mut sim = Sim::logged_in();
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    refuse_elsewhere(&mut sim, 1);
    sim.token_at(WEST);
    // Where it was, with the token that was given for there.
    assert_eq!((sim.request("disconnect").url(), sim.carried("disconnect")), (URL, 1));
    sim.answer_status("disconnect", 401);
    assert_eq!((sim.request("handshake").url(), sim.carried("handshake"), sim.asked.len()), (WEST, 2, 2));
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!((sim.from(), sim.request("commands").url()), ("10".to_owned(), WEST));
    assert!(sim.gaps().is_empty());
}

#[test]
fn s10a_a_spare_token_goes_to_no_other_instance() {
    let mut sim = with_a_spare_token();
    sim.answer_status("connect", 302);
    sim.token_at(WEST);
    // The stream's own, which is not refused.
    assert_eq!((sim.request("disconnect").url(), sim.carried("disconnect")), (URL, 1));
    sim.answer("disconnect", "[]");
    assert_eq!(sim.carried("handshake"), 3);
    sim.answer("handshake", &handshake("client-2", ""));
    sim.poll(CONNECTED);
    sim.answer_status("connect", 401);
    assert_eq!((sim.asked.len(), sim.kinds()), (4, vec![]));
}

// The disconnect of an old session.

#[test]
fn s10a_the_disconnect_at_a_left_instance_carries_no_refused_token() {
    let mut sim = Sim::salesforce_with(|config| {
        config.header("Authorization", "Basic x").expect("a good header");
    });
    sim.token_at(EAST);
    sim.shake();
    sim.poll(CONNECTED);
    sim.answer_status("connect", 401);
    sim.token_at(WEST);
    assert_eq!((sim.request("disconnect").url(), sim.header("disconnect", "Authorization")), (EAST, None));
    sim.answer_status("disconnect", 401);
    assert_eq!((sim.carried("handshake"), sim.asked.len()), (2, 2));
}

#[test]
fn s10a_the_disconnect_on_the_same_instance_carries_the_newest_token() {
    let mut sim = Sim::salesforce();
    sim.token_at(EAST);
    sim.shake();
    sim.poll(CONNECTED);
    sim.answer_status("connect", 401);
    sim.token_at(EAST);
    assert_eq!((sim.request("disconnect").url(), sim.carried("disconnect")), (EAST, 2));
}

#[test]
fn s10a_a_disconnect_that_waits_for_its_turn_keeps_its_token() {
    // A second move, while the disconnect of the first session is still owed or under way.
    let mut sim = Sim::logged_in();
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.fail("connect");
    assert_eq!(sim.carried("disconnect"), 1);
    refuse_elsewhere(&mut sim, 1);
    sim.token_at(WEST);
    assert_eq!((sim.kinds(), sim.request("disconnect").url()), (vec!["disconnect"], URL));
    sim.answer("disconnect", "[]");
    assert_eq!((sim.request("handshake").url(), sim.carried("handshake")), (WEST, 2));
}

#[test]
fn s10a_closing_during_a_move_takes_no_token_to_another_instance() {
    let mut sim = Sim::logged_in();
    refuse_elsewhere(&mut sim, 1);
    sim.answer_status("connect", 401);
    sim.token_at(WEST);
    sim.close();
    let disconnect = sim.request("disconnect");
    assert_eq!((disconnect.url(), carried(&disconnect)), (URL, 0));
    sim.answer("disconnect", "[]");
    assert_eq!(sim.closed, Some(None));
}
