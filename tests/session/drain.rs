//! When a drain ends: D1.

use cometd_edge::replay::Start;
use cometd_edge::session::{ApiMisuse, Command, Error, Input, Inspect, State};

use crate::sim::*;

/// The drain goes on for this long, and ends then.
fn ends_after(sim: &mut Sim, ms: u64) {
    sim.advance(ms - 1);
    assert_eq!(sim.result(9), None, "too early");
    sim.advance(1);
    sim.ok(9);
    assert_eq!(sim.states.last(), Some(&State::Suspended));
}

#[test]
fn d1_a_drain_ends_when_nothing_has_come_for_idle_ms_counted_from_the_call() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.advance(5_000);
    sim.drain_for(9, Some(500), 10_000);
    ends_after(&mut sim, 500);
    sim.is_quiet();
}

#[test]
fn d1_an_event_begins_the_idle_time_anew_once_it_is_taken() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(500), 10_000);
    sim.advance(400);
    sim.poll(&with_events(&events("/a", [1, 2])));
    sim.advance(1_000);
    sim.take(1, 1);
    sim.advance(1_000);
    sim.take(1, 1);
    ends_after(&mut sim, 500);
}

#[test]
fn d1_the_deadline_counts_from_the_call_and_ends_it_whatever_comes() {
    for idle_ms in [None, Some(500), Some(100_000)] {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.drain_for(9, idle_ms, 3_000);
        for number in 0..9 {
            sim.advance(300);
            sim.poll(&with_events(&events("/a", [number])));
            sim.take(1, 1);
        }
        ends_after(&mut sim, 300);
        assert_eq!(sim.data().len(), 9);
    }
}

#[test]
fn d1_without_idle_ms_the_deadline_alone_counts() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, None, 25_000);
    ends_after(&mut sim, 25_000);
}

#[test]
fn d1_a_deadline_of_0_is_a_deadline_too() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, None, 0);
    sim.ok(9);
    let mut sim = Sim::new();
    sim.drain_for(9, Some(0), 0);
    assert_eq!(sim.error(9), &Error::Deadline);
}

#[test]
fn d1_the_deadline_without_ever_having_connected_is_an_error() {
    let before: [&dyn Fn() -> Sim; 4] = [
        &Sim::new,
        // Between two attempts.
        &|| {
            let mut sim = Sim::new();
            sim.fail("handshake");
            sim.fail("handshake");
            sim
        },
        // The store hangs as well.
        &|| {
            let mut sim = Sim::with(|config| config.replay = true);
            sim.follow(1, A, Start::New);
            sim
        },
        // While a token is being fetched.
        &Sim::salesforce,
    ];
    for before in before {
        let mut sim = before();
        sim.drain_for(9, Some(100), 700);
        sim.advance(699);
        assert_eq!(sim.result(9), None);
        sim.advance(1);
        assert_eq!((sim.error(9), sim.session.state()), (&Error::Deadline, State::Suspended));
        assert_eq!((Error::Deadline.code(), Error::Deadline.retryable()), ("deadline", true));
        sim.advance(1_000);
        let tokens = sim.asked.len();
        sim.is_quiet();
        assert_eq!((sim.asked.len(), sim.result(0)), (tokens, None));
    }
}

#[test]
fn d1_a_token_that_comes_while_paused_is_for_the_next_drain() {
    let mut sim = Sim::salesforce();
    sim.drain_for(9, None, 1_000);
    sim.advance(1_500);
    sim.token();
    sim.is_quiet();
    sim.drain_for(10, Some(100), 5_000);
    assert_eq!((sim.kinds(), sim.carried("handshake"), sim.asked.len()), (vec!["handshake"], 1, 1));
}

#[test]
fn d1_idle_waits_for_the_handshake_and_the_first_poll() {
    let mut sim = Sim::new();
    sim.drain_for(9, Some(100), 60_000);
    sim.advance(1_000);
    sim.shake();
    sim.advance(1_000);
    sim.poll(CONNECTED);
    ends_after(&mut sim, 100);
    sim.ok(0);
}

#[test]
fn d1_idle_waits_for_subscribes() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.drain_for(9, Some(100), 60_000);
    sim.advance(1_000);
    // One that is to be tried again.
    sim.refuse(BUSY, "");
    sim.advance(10);
    sim.until_open("commands");
    sim.advance(1_000);
    sim.confirm();
    ends_after(&mut sim, 100);
}

#[test]
fn d1_a_subscribe_that_is_refused_for_good_is_not_waited_for() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a", "/b"]);
    sim.drain_for(9, Some(100), 60_000);
    sim.advance(1_000);
    sim.reply_to_commands(|message| message["subscription"] == "/b");
    ends_after(&mut sim, 100);
}

#[test]
fn d1_idle_waits_for_unsubscribes() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.unsubscribe(3, 2);
    sim.drain_for(9, Some(100), 60_000);
    sim.advance(1_000);
    sim.confirm();
    ends_after(&mut sim, 100);
}

#[test]
fn d1_idle_waits_while_retrying() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(1_000), 60_000);
    sim.advance(900);
    sim.fail("connect");
    sim.advance(2_000);
    sim.poll(CONNECTED);
    ends_after(&mut sim, 1_000);
}

#[test]
fn d1_idle_waits_for_the_poll_of_a_new_session() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(1_000), 60_000);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.confirm();
    sim.advance(5_000);
    sim.poll(CONNECTED);
    ends_after(&mut sim, 1_000);
}

#[test]
fn d1_with_replay_idle_waits_for_a_poll_that_can_bring_replayed_events() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.drain_for(9, Some(100), 60_000);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    // A poll is held meanwhile.
    sim.confirm();
    ends_after(&mut sim, 100);
    // Without one, it is the next.
    let mut sim = Sim::with(|config| config.replay = true);
    sim.drain_for(9, Some(100), 60_000);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.shake();
    sim.confirm();
    sim.advance(1_000);
    assert_eq!(sim.result(9), None);
    sim.poll(CONNECTED);
    ends_after(&mut sim, 100);
}

#[test]
fn d1_with_replay_what_the_subscribe_brings_is_drained() {
    let mut sim = Sim::with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.drain_for(9, Some(0), 60_000);
    sim.shake();
    sim.poll(CONNECTED);
    let body = subscribed_with(A, &sim, &["11", "12"]);
    sim.answer("commands", &body);
    assert_eq!((sim.ids().len(), sim.result(9)), (2, None));
    done(&mut sim, 1, "12");
    sim.take(1, 2);
    sim.ok(9);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn d1_a_store_that_hangs_is_waited_for_until_the_deadline() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.drain_for(9, Some(100), 8_000);
    ends_after(&mut sim, 8_000);
    // It may still answer.
    sim.load(A, Some("10"));
    assert_eq!(sim.count("commands"), 0);
    sim.drain_for(10, Some(100), 8_000);
    sim.new_session();
    assert_eq!(sim.from(), "10");
}

#[test]
fn d1_r8_a_queue_that_is_full_and_not_read_lasts_until_the_deadline() {
    let mut sim = Sim::connected_with(|config| config.limits.queued_events = 2);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.drain_for(9, Some(100), 5_000);
    sim.begin("connect", &format!("[{}", events("/a", 1..=5)));
    assert_eq!((sim.data().len(), sim.held.len()), (2, 1));
    ends_after(&mut sim, 5_000);
    assert_eq!(sim.kinds(), [""; 0]);
    // Those can still be read; the others are lost with the poll.
    sim.take(1, 2);
    assert_eq!((sim.data().len(), sim.gaps().len()), (2, 1));
}

#[test]
fn d1_r8_a_poll_is_sent_once_the_next_drain_finds_room() {
    let mut sim = Sim::connected_with(|config| config.limits.queued_events = 2);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(&with_events(&events("/a", 1..=2)));
    assert_eq!(sim.kinds(), [""; 0]);
    sim.drain_for(9, None, 1_000);
    ends_after(&mut sim, 1_000);
    sim.drain_for(10, Some(100), 2_000);
    assert_eq!(sim.kinds(), [""; 0]);
    sim.take(1, 2);
    sim.poll(CONNECTED);
    sim.advance(100);
    sim.ok(10);
}

#[test]
fn d1_an_event_held_by_an_extension_counts_as_activity() {
    let mut sim = Sim::with(|config| config.inspect = Inspect::All);
    let pass = |sim: &mut Sim| {
        while let Some((request, message)) = sim.inspects.pop() {
            sim.input(Input::Inspected { request, message: Some(&message) });
        }
    };
    sim.shake();
    pass(&mut sim);
    sim.poll(CONNECTED);
    pass(&mut sim);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    pass(&mut sim);
    sim.drain_for(9, Some(100), 60_000);
    sim.poll(&with_events(&events("/a", [1])));
    sim.advance(1_000);
    assert_eq!((sim.result(9), sim.data().len()), (None, 0));
    pass(&mut sim);
    sim.take(1, 1);
    ends_after(&mut sim, 100);
}

#[test]
fn d1_there_is_one_drain_at_a_time() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, None, 1_000);
    let second = Command::Drain { command: 10, idle_ms: None, deadline_ms: 1 };
    assert_eq!(sim.queue(second), Err(ApiMisuse::Draining));
    ends_after(&mut sim, 1_000);
    assert_eq!(sim.result(10), None);
    sim.drain_for(10, None, 1_000);
    sim.poll(CONNECTED);
    sim.advance(1_000);
    sim.ok(10);
}

#[test]
fn d1_a_later_drain_must_reach_the_server_as_well() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(100), 1_000);
    ends_after(&mut sim, 100);
    sim.drain_for(10, Some(100), 1_000);
    sim.advance(1_000);
    assert_eq!(sim.error(10), &Error::Deadline);
}

#[test]
fn d1_a_client_that_ends_takes_its_drain_along() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(1_000), 5_000);
    sim.close();
    assert_eq!(sim.error(9), &Error::Closed);
    let mut sim = Sim::subscribed(&["/a"]);
    sim.drain_for(9, Some(1_000), 5_000);
    sim.poll(&advised(r#"{"reconnect":"none"}"#));
    assert_eq!(sim.error(9), &Error::ServerEnded(None));
    sim.disconnect();
    assert_eq!(sim.closed_with(), &Error::ServerEnded(None));
}

#[test]
fn d1_drains_may_follow_one_another() {
    let mut sim = Sim::acknowledged();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    for round in 10..20 {
        sim.drain_for(round, Some(100), 5_000);
        if round > 10 {
            assert_eq!(only(&sim.request("connect"))["advice"]["timeout"], 0);
        }
        sim.poll(&poll_reply(&events("/a", [round]), round));
        sim.take(1, 1);
        sim.advance(100);
        sim.ok(round);
        sim.is_quiet();
    }
    assert_eq!((sim.data().len(), sim.gaps().len(), sim.count("handshake")), (10, 0, 1));
}

#[test]
fn d1_a_client_that_was_connected_when_the_drain_began_reached_the_server() {
    let mut sim = Sim::connected();
    sim.queue(Command::Drain { command: 9, idle_ms: None, deadline_ms: 0 }).expect("not a misuse");
    // Before the next output.
    sim.fail("connect");
    sim.ok(9);
}
