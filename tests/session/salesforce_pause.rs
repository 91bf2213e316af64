//! A client of Salesforce that pauses, and leaves its session: D2, S17.

use cometd_edge::replay::Start;
use cometd_edge::session::{Command, Error, GapCause, Input, Inspect, State};

use crate::sim::*;

/// Subscription 1 tracks A from 10 on, and a poll is parked.
fn following() -> Sim {
    let mut sim = Sim::logged_in();
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    sim
}

#[test]
fn s17_a_pausing_client_disconnects_and_the_next_drain_makes_a_new_session() {
    let mut sim = following();
    sim.drain_for(9, Some(100), 60_000);
    arrive(&mut sim, &["11", "12"]);
    sim.take(1, 2);
    done(&mut sim, 1, "11");
    sim.advance(100);
    sim.ok(9);
    assert_eq!(only(&sim.request("disconnect"))["clientId"], "client-1");
    sim.pause(10);
    sim.answer("disconnect", "[]");
    assert_eq!(sim.result(10), None);
    assert_eq!(saved(&mut sim), "11");
    sim.ok(10);
    sim.is_quiet();
    sim.drain_for(11, Some(100), 60_000);
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.new_session();
    assert_eq!(sim.from(), "12");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["13"]);
    sim.take(1, 1);
    sim.advance(100);
    sim.ok(11);
    assert_eq!((sim.ids(), sim.gaps().len()), (vec!["11".into(), "12".into(), "13".into()], 0));
}

#[test]
fn s17_events_after_a_response_cut_by_the_pause_come_again() {
    let mut sim = following();
    sim.begin("connect", &format!("[{}", replayed(A, &["11"])));
    sim.pause(9);
    sim.answer("disconnect", "[]");
    sim.drain_for(10, None, 60_000);
    sim.new_session();
    assert_eq!((sim.from(), sim.gaps().len()), ("11".to_owned(), 0));
}

#[test]
fn s17_the_disconnect_waits_for_what_is_in_flight() {
    let mut sim = following();
    sim.publish(2, "/p");
    sim.pause(9);
    assert_eq!(sim.kinds(), ["commands"]);
    sim.advance(600);
    sim.confirm();
    sim.ok(2);
    assert_eq!(sim.kinds(), ["disconnect"]);
    sim.answer("disconnect", "[]");
    sim.ok(9);
    sim.is_quiet();
}

#[test]
fn d2_pausing_takes_2_s_at_most_whatever_hangs() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    done(&mut sim, 1, "11");
    sim.publish(2, "/p");
    sim.pause(9);
    sim.advance(1_000);
    assert_eq!(sim.kinds(), ["disconnect"]);
    sim.advance(999);
    assert_eq!(sim.result(9), None);
    sim.advance(1);
    sim.ok(9);
    assert_eq!(sim.kinds(), [""; 0]);
    let sent = sim.sent.len();
    sim.advance(HOUR_MS);
    assert_eq!(sim.sent.len(), sent);
}

#[test]
fn d2_a_disconnect_reply_held_by_extensions_is_waited_for_without_spinning() {
    let mut sim = Sim::salesforce_with(|config| config.inspect = Inspect::Meta);
    sim.token();
    sim.shake();
    let extend = |sim: &mut Sim| {
        let (request, message) = sim.inspects.remove(0);
        sim.input(Input::Inspected { request, message: Some(&message) });
    };
    extend(&mut sim);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    extend(&mut sim);
    sim.pause(9);
    let disconnect = &messages(&sim.request("disconnect"))[0];
    let body = format!("[{}]", reply_to(disconnect, true));
    sim.answer("disconnect", &body);
    sim.advance(1_999);
    assert_eq!((sim.inspects.len(), sim.result(9)), (1, None));
    sim.advance(1);
    sim.ok(9);
    sim.is_quiet();
}

#[test]
fn s8a_a_disconnect_that_is_not_answered_leaves_a_session_behind() {
    let fail: [&dyn Fn(&mut Sim); 3] =
        [&|sim| sim.fail("disconnect"), &|sim| sim.answer_status("disconnect", 503), &|sim| {
            sim.advance(1_000);
        }];
    for fail in fail {
        let mut sim = following();
        for number in 20..23 {
            sim.pause(number);
            sim.until_open("disconnect");
            fail(&mut sim);
            sim.ok(number);
            assert_eq!(sim.kinds(), [""; 0]);
            sim.drain_for(number + 10, None, 60_000);
            if number < 22 {
                sim.new_session();
                sim.poll(CONNECTED);
                sim.confirm();
            }
        }
        assert_eq!((sim.kinds(), sim.session.state()), (vec![], State::Retrying));
        sim.advance(60_000);
        assert_eq!(sim.error(32), &Error::Deadline);
    }
}

#[test]
fn s17_a_drain_during_the_disconnect_lets_it_end_first() {
    let mut sim = following();
    sim.pause(9);
    sim.drain_for(10, None, 60_000);
    sim.ok(9);
    assert_eq!(sim.kinds(), ["disconnect"]);
    sim.answer("disconnect", "[]");
    assert_eq!(sim.kinds(), ["handshake"]);
    // Nor does the next pause hurry it.
    sim.new_session();
    assert_eq!(sim.session.state(), State::Connected);
}

#[test]
fn s17_a_drain_before_the_disconnect_keeps_a_session_that_lost_nothing() {
    let mut sim = following();
    sim.poll(&advised(r#"{"reconnect":"retry","interval":5000}"#));
    sim.publish(2, "/p");
    sim.pause(9);
    assert_eq!(sim.kinds(), ["commands"]);
    sim.drain_for(10, None, 60_000);
    sim.confirm();
    sim.until_open("connect");
    assert_eq!(sim.count("handshake"), 1);
}

#[test]
fn s16_closing_a_paused_client_sends_nothing() {
    let mut sim = following();
    sim.pause(9);
    sim.answer("disconnect", "[]");
    sim.is_quiet();
    sim.close();
    assert_eq!((sim.count("disconnect"), &sim.closed), (1, &Some(None)));
}

#[test]
fn s16_closing_while_the_disconnect_is_in_flight_lets_it_end() {
    let mut sim = following();
    sim.pause(9);
    sim.close();
    sim.ok(9);
    assert_eq!((sim.kinds(), &sim.closed), (vec!["disconnect"], &None));
    sim.answer("disconnect", "[]");
    assert_eq!((sim.count("disconnect"), &sim.closed), (1, &Some(None)));
}

#[test]
fn s17_without_tracked_channels_the_session_stays() {
    let mut sim = Sim::logged_in();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.pause(9);
    sim.ok(9);
    sim.is_quiet();
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
    sim.drain_for(10, None, 60_000);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn s10_a_token_being_fetched_when_the_client_pauses_is_used_by_the_next_drain() {
    let mut sim = following();
    sim.answer_status("connect", 401);
    assert_eq!(sim.asked, [false, true]);
    // It has a session to say good-bye to, and no token for it.
    sim.pause(9);
    sim.ok(9);
    assert_eq!(sim.kinds(), [""; 0]);
    sim.advance(5_000);
    sim.token();
    sim.is_quiet();
    sim.drain_for(10, None, 60_000);
    assert_eq!((sim.kinds(), sim.carried("disconnect")), (vec!["disconnect"], 2));
    sim.new_session();
    assert_eq!((sim.from(), sim.asked.len()), ("10".to_owned(), 2));
}

#[test]
fn s10_a_token_refused_while_pausing_is_renewed_by_the_next_drain() {
    let mut sim = following();
    sim.publish(2, "/p");
    sim.pause(9);
    sim.answer_status("commands", 401);
    sim.ok(9);
    sim.is_quiet();
    assert_eq!((sim.asked.len(), sim.result(2)), (1, None));
    sim.drain_for(10, None, 60_000);
    assert_eq!(sim.asked, [false, true]);
    sim.token();
    sim.new_session();
    assert_eq!(topics(&sim.request("commands")), [A, "/p"]);
    sim.confirm();
    sim.ok(2);
}

#[test]
fn s10_d2_while_paused_a_token_is_fetched_only_for_requests_elsewhere() {
    let mut sim = following();
    sim.pause(9);
    sim.answer("disconnect", "[]");
    sim.ok(9);
    let asked = sim.asked.len();
    sim.input(Input::TokenRefused { number: sim.tokens });
    assert_eq!((sim.asked.len(), sim.kinds()), (asked + 1, vec![]));
    // A page that is hidden asks nobody.
    let mut sim = following();
    sim.command(Command::Hidden(true));
    let asked = sim.asked.len();
    sim.input(Input::TokenRefused { number: sim.tokens });
    assert_eq!(sim.asked.len(), asked);
    sim.command(Command::Hidden(false));
    assert_eq!(sim.asked.len(), asked + 1);
}
