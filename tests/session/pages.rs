//! A page that is hidden, and shown again: R7a.

use cometd_edge::Instant;
use cometd_edge::session::{Command, Config, Error, GapCause, Input, Output, Session, State};

use crate::sim::*;

#[test]
fn r7a_hiding_aborts_all_that_is_in_flight_at_once() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.subscribe(3, &["/b"]);
    sim.hide();
    assert_eq!((sim.aborted.len(), sim.session.state()), (2, State::Suspended));
    assert_eq!(sim.error(2), &Error::OutcomeUnknown { channel: "/p".to_owned() });
    sim.is_quiet();
    assert_eq!((sim.wake, sim.result(3)), (None, None));
    sim.show();
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
    sim.poll(CONNECTED);
    sim.confirm();
    sim.ok(3);
    assert_eq!(sim.session.state(), State::Connected);
}

#[test]
fn r7a_hidden_before_the_first_output_nothing_goes_out() {
    let now = Instant::from_millis(0);
    let mut session = Session::new(Config::new(URL).expect("a good url"), 1, now);
    session.handle_input(now, Input::Command(Command::Hidden(true))).expect("not a misuse");
    assert!(matches!(session.poll_output(), Output::State(State::Suspended)));
    assert!(matches!(session.poll_output(), Output::Wait(None)));
    session.handle_input(now, Input::Command(Command::Hidden(false))).expect("not a misuse");
    assert!(matches!(session.poll_output(), Output::State(State::Handshaking)));
    assert!(matches!(session.poll_output(), Output::Send(request) if request.kind() == "handshake"));
}

#[test]
fn r7a_a_handshake_that_hiding_cuts_off_is_sent_again() {
    let mut sim = Sim::new();
    sim.hide();
    assert_eq!(sim.aborted.len(), 1);
    sim.is_quiet();
    sim.show();
    sim.shake();
    sim.poll(CONNECTED);
    sim.ok(0);
    assert_eq!(sim.states, [State::Suspended, State::Handshaking, State::Connected]);
}

#[test]
fn r7a_commands_are_queued_while_the_page_is_hidden() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.hide();
    sim.subscribe(3, &["/c"]);
    sim.publish(4, "/p");
    sim.command(Command::Send { command: 5, messages: &[r#"{"channel":"/r"}"#.to_owned()] });
    sim.unsubscribe(6, 2);
    sim.is_quiet();
    for number in 3..=6 {
        assert_eq!(sim.result(number), None, "{number}");
    }
    sim.show();
    assert_eq!(topics(&sim.request("commands")), ["/c", "/p", "/r", "/b"]);
    sim.confirm();
    for number in 3..=6 {
        sim.ok(number);
    }
}

#[test]
fn r7a_saving_goes_on_while_the_page_is_hidden() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12"]);
    sim.hide();
    done(&mut sim, 1, "11");
    assert_eq!(saved(&mut sim), "11");
    done(&mut sim, 1, "12");
    assert_eq!(saved(&mut sim), "12");
    sim.is_quiet();
}

#[test]
fn r7a_with_the_ack_extension_a_shown_page_repeats_the_number() {
    let mut sim = Sim::acknowledged();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.begin("connect", &format!("[{}", events("/a", [1])));
    sim.hide();
    sim.is_quiet();
    sim.show();
    assert_eq!(only(&sim.request("connect"))["ext"]["ack"], 1);
    sim.poll(&poll_reply(&events("/a", [1, 2]), 2));
    assert_eq!((sim.data(), sim.gaps()), (vec!["1".into(), "2".into()], vec![]));
}

#[test]
fn r7a_with_replay_a_shown_page_subscribes_again() {
    let mut sim = following();
    sim.begin("connect", &format!("[{}", replayed(A, &["11"])));
    sim.hide();
    sim.show();
    sim.new_session();
    assert_eq!((sim.from(), sim.gaps().len()), ("11".to_owned(), 0));
}

#[test]
fn r7a_with_replay_a_subscribe_cut_off_by_hiding_is_sent_again() {
    let mut sim = following();
    sim.follow(2, B, cometd_edge::replay::Start::All);
    sim.load(B, Some("20"));
    assert_eq!(topics(&sim.request("commands")), [B]);
    sim.hide();
    sim.show();
    // A is to be had again, since events ride on every reply.
    sim.new_session();
    assert_eq!(topics(&sim.request("commands")), [A, B]);
    sim.confirm();
    sim.ok(2);
}

#[test]
fn r7a_without_acks_or_replay_hiding_is_a_gap() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.hide();
    sim.show();
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
}

#[test]
fn s17_on_salesforce_a_shown_page_has_a_new_session() {
    let mut sim = Sim::logged_in();
    sim.follow(1, A, cometd_edge::replay::Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.hide();
    // Not while it is hidden.
    sim.is_quiet();
    sim.show();
    assert_eq!(sim.kinds(), ["disconnect"]);
    sim.new_session();
    assert_eq!((sim.from(), sim.gaps().len()), ("10".to_owned(), 0));
}

#[test]
fn s8a_a_disconnect_that_hiding_cuts_off_leaves_a_session_behind() {
    let mut sim = following();
    for round in 1..=3 {
        sim.fail("connect");
        sim.until_open("disconnect");
        sim.hide();
        assert_eq!(sim.kinds(), [""; 0]);
        sim.show();
        if round < 3 {
            sim.new_session();
            sim.confirm();
            sim.poll(CONNECTED);
        }
    }
    assert!(sim.until_open("handshake") > 140_000);
}

// Beside a drain.

#[test]
fn r7a_showing_the_page_does_not_wake_a_client_that_is_paused() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(100), 5_000);
    sim.advance(100);
    sim.hide();
    sim.show();
    sim.is_quiet();
    assert_eq!(sim.session.state(), State::Suspended);
}

#[test]
fn r7a_d1_a_drain_that_runs_while_the_page_is_hidden_ends_at_its_deadline() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(100), 5_000);
    sim.advance(50);
    sim.hide();
    sim.advance(4_949);
    assert_eq!(sim.result(9), None);
    sim.advance(1);
    sim.ok(9);
    sim.show();
    sim.is_quiet();
    let mut sim = Sim::new();
    sim.drain_for(9, Some(100), 5_000);
    sim.hide();
    sim.advance(5_000);
    assert_eq!(sim.error(9), &Error::Deadline);
}

#[test]
fn r7a_d1_a_drain_whose_page_is_shown_in_time_goes_on() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(100), 5_000);
    sim.hide();
    sim.advance(3_000);
    sim.show();
    sim.poll(CONNECTED);
    sim.advance(100);
    sim.ok(9);
    assert_eq!(sim.now, 3_100);
}

#[test]
fn r7a_d1_a_drain_begun_while_the_page_is_hidden_sends_nothing_until_it_is_shown() {
    let hide: [&dyn Fn(&mut Sim); 3] = [
        &Sim::hide,
        // Paused before, or since.
        &|sim| {
            sim.pause(3);
            sim.hide();
        },
        &|sim| {
            sim.hide();
            sim.pause(3);
        },
    ];
    for hide in hide {
        let mut sim = Sim::subscribed(&["/a"]);
        hide(&mut sim);
        sim.drain_for(9, Some(100), 5_000);
        sim.advance(1_000);
        assert_eq!((sim.kinds(), sim.session.state()), (vec![], State::Suspended));
        // It is no pause that would refuse anything.
        sim.publish(4, "/p");
        sim.show();
        assert_eq!(sim.kinds(), ["connect", "commands"]);
        let mut sim = Sim::subscribed(&["/a"]);
        hide(&mut sim);
        sim.drain_for(9, Some(100), 5_000);
        sim.advance(5_000);
        assert_eq!(sim.error(9), &Error::Deadline);
        sim.show();
        sim.is_quiet();
    }
}

#[test]
fn r7a_d2_hiding_the_page_while_pausing_ends_its_requests() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.pause(3);
    assert_eq!((sim.kinds(), sim.result(3)), (vec!["commands"], None));
    sim.hide();
    sim.ok(3);
    assert!(sim.result(2).is_some());
    sim.is_quiet();
}

#[test]
fn r7a_hiding_or_showing_twice_changes_nothing() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.show();
    assert_eq!(sim.kinds(), ["connect"]);
    sim.hide();
    sim.hide();
    sim.is_quiet();
    sim.show();
    sim.show();
    assert_eq!((sim.kinds(), sim.gaps().len()), (vec!["connect"], 1));
}

#[test]
fn r7a_s16_closing_while_the_page_is_hidden_disconnects() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.hide();
    sim.subscribe(2, &["/b"]);
    sim.publish(3, "/p");
    sim.close();
    assert_eq!(
        (sim.kinds(), sim.error(2), sim.error(3)),
        (vec!["disconnect"], &Error::Closed, &Error::Closed)
    );
    sim.advance(2_000);
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn r7a_r8_a_body_that_is_held_is_cut_off_too() {
    let mut sim = Sim::connected_with(|config| config.limits.queued_events = 2);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.begin("connect", &format!("[{}", events("/a", 1..=5)));
    assert_eq!(sim.held.len(), 1);
    sim.hide();
    assert_eq!((sim.kinds(), sim.wake), (vec![], None));
    sim.take(1, 2);
    assert_eq!(sim.data().len(), 2);
    sim.show();
    sim.poll(CONNECTED);
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
}
