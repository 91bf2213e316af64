//! The `gap` status: without the acknowledgement extension every loss has one.

use cometd_edge::session::{Command, GapCause};

use crate::sim::*;

fn lost(channel: &str) -> (String, GapCause) {
    (channel.to_owned(), GapCause::ResponseLost)
}

#[test]
fn gap_every_confirmed_subscription_has_one_when_a_poll_is_lost() {
    let lose: [&dyn Fn(&mut Sim); 8] = [
        &|sim| sim.fail("connect"),
        &|sim| sim.cut("connect", "["),
        &|sim| sim.cut("connect", CONNECTED),
        &|sim| sim.answer_status("connect", 502),
        &|sim| sim.answer_status("connect", 408),
        &|sim| sim.advance(40_000),
        &|sim| sim.answer("connect", ""),
        &|sim| sim.answer("connect", r#"[{"channel":"/meta/connect","successful":true}"#),
    ];
    for lose in lose {
        let mut sim = Sim::subscribed(&["/a", "/b/**"]);
        lose(&mut sim);
        assert_eq!(sim.gaps(), [lost("/a"), lost("/b/**")]);
    }
}

#[test]
fn gap_a_lost_reply_to_a_command_has_one_too() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.publish(2, "/p");
    sim.fail("commands");
    assert_eq!(sim.gaps(), [lost("/a")]);
}

#[test]
fn gap_none_for_a_channel_that_was_never_confirmed() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.fail("commands");
    sim.fail("connect");
    assert!(sim.gaps().is_empty());
}

#[test]
fn gap_none_for_a_channel_that_nobody_wants_any_more() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.unsubscribe(3, 1);
    sim.fail("connect");
    assert_eq!(sim.gaps(), [lost("/b")]);
}

#[test]
fn gap_none_for_a_4xx_which_the_server_did_not_process() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.answer_status("connect", 401);
    sim.answer_status("connect", 429);
    assert!(sim.gaps().is_empty());
}

#[test]
fn gap_one_covers_a_run_of_failures_until_a_whole_poll_arrives() {
    let mut sim = Sim::subscribed(&["/a"]);
    for _ in 0..4 {
        sim.fail("connect");
        while sim.try_open("connect").is_none() {
            sim.wait();
        }
    }
    assert_eq!(sim.gaps().len(), 1);
    sim.poll(CONNECTED);
    sim.fail("connect");
    assert_eq!(sim.gaps().len(), 2);
}

#[test]
fn gap_a_channel_confirmed_within_a_run_of_failures_has_its_own() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.fail("connect");
    sim.subscribe(2, &["/b"]);
    sim.confirm();
    sim.fail("connect");
    assert_eq!(sim.gaps(), [lost("/a"), lost("/b")]);
}

#[test]
fn gap_a_channel_subscribed_again_while_a_lost_poll_may_be_held_has_one() {
    let mut sim = Sim::subscribed(&["/a"]);
    // Nobody wants it when the poll gets lost, but the server does not know that.
    sim.publish(2, "/p");
    sim.unsubscribe(3, 1);
    sim.command(Command::Hidden(true));
    assert_eq!(sim.gaps(), []);
    sim.subscribe(4, &["/a"]);
    sim.ok(4);
    assert_eq!(sim.gaps(), [lost("/a")]);
    sim.command(Command::Hidden(false));
    sim.poll(CONNECTED);
    sim.poll(&with_events(&events("/a", [1])));
    assert_eq!((sim.data(), sim.gaps().len()), (vec!["1".to_owned()], 1));
}

#[test]
fn gap_an_event_within_a_run_of_failures_ends_the_gap() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.fail("connect");
    sim.cut("connect", &format!("[{}", events("/a", [1])));
    assert_eq!(sim.data(), ["1"]);
    // What follows the event is a gap of its own; /b is covered still.
    assert_eq!(sim.gaps(), [lost("/a"), lost("/b"), lost("/a")]);
}

#[test]
fn gap_a_lost_session_has_one_for_each_subscription() {
    let lose = [refused(UNKNOWN, ""), advised(r#"{"reconnect":"handshake"}"#)];
    for body in lose {
        let mut sim = Sim::subscribed(&["/a", "/b"]);
        sim.poll(&body);
        let session_lost = |channel: &str| (channel.to_owned(), GapCause::SessionLost);
        assert_eq!(sim.gaps(), [session_lost("/a"), session_lost("/b")]);
    }
}

#[test]
fn gap_a_channel_that_waits_for_its_new_subscribe_is_at_risk_as_well() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.shake();
    sim.poll(CONNECTED);
    // Its subscribe is lost, with whatever rode on the reply.
    sim.fail("commands");
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::SessionLost), lost("/a")]);
}

#[test]
fn gap_none_while_everything_arrives() {
    let mut sim = Sim::subscribed(&["/a"]);
    for number in 0..20 {
        sim.poll(&with_events(&events("/a", [number])));
        sim.publish(100 + number, "/a");
        sim.confirm();
        sim.advance(1_000);
    }
    assert!(sim.gaps().is_empty());
}

#[test]
fn gap_a_new_subscription_to_a_channel_left_before_is_not_told_of_old_losses() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.unsubscribe(2, 1);
    sim.confirm();
    sim.subscribe(3, &["/a"]);
    sim.fail("connect");
    assert!(sim.gaps().is_empty());
    sim.poll(CONNECTED);
    sim.confirm();
    assert!(sim.gaps().is_empty());
    sim.fail("connect");
    assert_eq!(sim.gaps(), [lost("/a")]);
}

#[test]
fn gap_a_channel_confirmed_while_the_server_may_still_hold_a_lost_poll_has_one() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.fail("connect");
    sim.confirm();
    // Events of /a may go into the poll that nobody reads any more.
    assert_eq!(sim.gaps(), [lost("/a")]);
    sim.poll(CONNECTED);
    sim.subscribe(2, &["/b"]);
    sim.confirm();
    assert_eq!(sim.gaps().len(), 1);
}
