//! The session is replaced when the next token is there: S10.

use cometd_edge::session::{GapCause, Input, State};

use crate::sim::*;

#[test]
fn s10_a_session_lost_while_the_next_token_is_fetched_waits_for_it() {
    let mut sim = Sim::logged_in();
    sim.input(Input::TokenRefused { number: 1 });
    sim.poll(&refused(EXPIRED, NONE));
    assert_eq!((sim.asked.len(), sim.kinds()), (2, vec![]));
    sim.token();
    assert_eq!(sim.carried("handshake"), 2);
}

#[test]
fn s10_a_new_token_means_a_new_handshake_also_where_one_is_under_way() {
    let mut sim = Sim::logged_in();
    sim.input(Input::TokenRefused { number: 1 });
    sim.poll(&refused("403::Unknown client", ""));
    let old = sim.request("handshake");
    assert_eq!(carried(&old), 1);
    sim.token_at(WEST);
    assert!(sim.aborted.contains(&old.id()));
    let new = sim.request("handshake");
    assert_eq!((carried(&new), new.url()), (2, WEST));
    // What still comes of it, cookies included, is not taken for the new one's.
    sim.head_with(old.id(), 200, &[("Set-Cookie", "old=1")]);
    sim.chunk(old.id(), &handshake("client-old", ""));
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(only(&sim.request("connect"))["clientId"], "client-2");
    assert_eq!(sim.header("connect", "Cookie"), None);
}

#[test]
fn s10_a_login_that_takes_long_leaves_the_session_alone() {
    let mut sim = Sim::logged_in();
    sim.input(Input::TokenRefused { number: 1 });
    for _ in 0..5 {
        sim.advance(30_000);
        sim.poll(CONNECTED);
        sim.input(Input::TokenRefused { number: 1 });
    }
    assert_eq!((sim.asked.len(), sim.count("handshake")), (2, 1));
}

#[test]
fn s10_states_and_gaps_of_a_renewed_session_are_told_once() {
    let mut sim = Sim::logged_in();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(&refused(EXPIRED, NONE));
    sim.renew();
    sim.answer("handshake", &denied(EXPIRED));
    sim.renew();
    sim.new_session();
    sim.confirm();
    sim.poll(CONNECTED);
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::SessionLost)]);
    assert_eq!(sim.states.last(), Some(&State::Connected));
}

#[test]
fn s10_a_subscribe_refused_with_the_token_goes_out_with_the_next_one() {
    let mut sim = Sim::logged_in();
    sim.subscribe(1, &["/a"]);
    let body = format!(
        r#"[{{"channel":"/meta/subscribe","subscription":"/a","successful":false,"error":"{EXPIRED}"}}]"#
    );
    sim.answer("commands", &body);
    assert!(sim.result(1).is_none());
    sim.token();
    sim.new_session();
    sim.confirm();
    sim.ok(1);
}

#[test]
fn s10_closing_while_a_token_is_awaited_ends_at_once() {
    let mut sim = Sim::salesforce();
    sim.close();
    assert_eq!(sim.closed, Some(None));
    let mut sim = Sim::logged_in();
    sim.poll(&refused(EXPIRED, NONE));
    sim.close();
    sim.advance(2_000);
    assert_eq!(sim.closed, Some(None));
    sim.token();
    sim.input(Input::TokenRefused { number: 1 });
    assert_eq!(sim.asked.len(), 2);
}
