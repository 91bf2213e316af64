//! A session that is replaced, and goes on where the last one stopped: S9, R7c, R8, A1 and A2 with replay.

use cometd_edge::replay::Start;
use cometd_edge::session::{GapCause, Status};

use crate::sim::*;

/// The session that follows a cut poll subscribes from this position, and there is no gap.
fn goes_on_from(sim: &mut Sim, position: &str) {
    sim.fail("connect");
    sim.new_session();
    assert_eq!(sim.from(), position);
    assert!(sim.gaps().is_empty());
}

// S9.

#[test]
fn unknown_client_rehandshakes_and_resubscribes_from_last_position() {
    let mut sim = following();
    sim.follow(2, B, Start::All);
    sim.load(B, None);
    sim.confirm();
    arrive(&mut sim, &["11", "12"]);
    // Received is enough: what the application has not done with is still in its queue.
    sim.poll(&refused("403::Unknown client", r#","advice":{"interval":0,"reconnect":"handshake"}"#));
    // The server does not know it, so there is nothing to say good-bye to.
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.new_session();
    let positions: Vec<String> = messages(&sim.request("commands"))
        .iter()
        .map(|message| message["ext"]["replay"].to_string())
        .collect();
    assert_eq!(positions, [r#"{"/event/A__e":12}"#, r#"{"/event/B__e":-2}"#]);
    assert!(sim.gaps().is_empty());
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["13"]);
    assert_eq!(sim.ids(), ["11", "12", "13"]);
    done(&mut sim, 1, "13");
    assert_eq!(sim.save(A), "13");
}

#[test]
fn s9_sessions_lost_in_a_row_lose_no_position() {
    let mut sim = following();
    for round in 0..5_u32 {
        let id = (11 + round).to_string();
        arrive(&mut sim, &[&id]);
        sim.poll(&refused(UNKNOWN, ""));
        sim.new_session();
        assert_eq!(sim.from(), id);
        // Half of the time the subscribe is not even answered.
        if round % 2 == 0 {
            sim.poll(&refused(UNKNOWN, ""));
            sim.new_session();
            assert_eq!(sim.from(), id);
        }
        sim.confirm();
        sim.poll(CONNECTED);
    }
    assert_eq!(sim.ids().len(), 5);
    assert!(sim.gaps().is_empty());
}

// R7c.

#[test]
fn r7c_a_channel_started_as_new_that_has_received_nothing_begins_anew_with_a_gap() {
    let lose: [&dyn Fn(&mut Sim); 3] =
        [&|sim| sim.fail("connect"), &|sim| sim.poll(&refused(UNKNOWN, "")), &|sim| {
            sim.answer_status("connect", 502)
        }];
    for lose in lose {
        let mut sim = Sim::following(A, Start::New, None);
        lose(&mut sim);
        sim.new_session();
        assert_eq!(sim.from(), "-1");
        assert_eq!(sim.gaps(), [(A.to_owned(), GapCause::NoPosition)]);
    }
}

#[test]
fn r7c_a_channel_started_with_all_begins_with_all_again_and_without_a_gap() {
    for (start, from) in [(Start::All, "-2"), (Start::After("5".to_owned()), "5")] {
        let mut sim = Sim::following(A, start, None);
        goes_on_from(&mut sim, from);
    }
}

#[test]
fn r7c_a_channel_that_the_server_never_confirmed_has_no_gap() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    goes_on_from(&mut sim, "-1");
}

#[test]
fn r7c_from_the_first_event_on_there_is_a_position() {
    let mut sim = Sim::following(A, Start::New, None);
    arrive(&mut sim, &["700"]);
    goes_on_from(&mut sim, "700");
}

#[test]
fn r7c_a_first_event_that_is_provisional_is_no_position_without_a_gap() {
    let mut sim = Sim::following(A, Start::New, None);
    sim.publish(2, "/p");
    sim.answer("commands", &format!(r#"[{}{{"channel":"/p","successful":true}}]"#, replayed(A, &["700"])));
    sim.fail("connect");
    assert_eq!(sim.gaps(), [(A.to_owned(), GapCause::NoPosition)]);
}

#[test]
fn r7c_a_session_that_has_not_begun_the_channel_covers_no_later_gap() {
    let mut sim = Sim::following(A, Start::New, None);
    sim.fail("connect");
    sim.new_session();
    // The channel waits, and the poll of the session that does not have it arrives whole.
    sim.refuse("503::busy", &because("503::Server is too busy."));
    sim.poll(CONNECTED);
    sim.fail("connect");
    sim.new_session();
    sim.until_open("commands");
    sim.confirm();
    assert_eq!(sim.gaps().len(), 1);
    sim.fail("connect");
    assert_eq!(sim.gaps(), [(A.to_owned(), GapCause::NoPosition), (A.to_owned(), GapCause::NoPosition)]);
}

// R8.

#[test]
fn r8_with_replay_a_session_that_lapses_while_nobody_reads_is_no_gap() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.queued_events = 2;
    });
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    arrive(&mut sim, &["11", "12"]);
    let told = sim
        .statuses
        .iter()
        .any(|status| matches!(status, Status::Backpressure { channel, active: true, .. } if channel == A));
    assert!(told && sim.kinds().is_empty());
    // The one poll that is sent all the same, up to twice the limit.
    sim.advance(7_500);
    assert_eq!(sim.kinds(), ["connect"]);
    let id = sim.begin("connect", &format!("[{}", replayed(A, &["13", "14", "15"])));
    sim.end(id);
    assert_eq!(sim.ids(), ["11", "12", "13", "14"]);
    sim.advance(3_600_000);
    // An hour later somebody reads.
    sim.take(1, 4);
    done(&mut sim, 1, "14");
    assert_eq!(sim.save(A), "14");
    while sim.try_open("commands").is_none() {
        if sim.try_open("connect").is_some() {
            sim.poll(&refused(UNKNOWN, ""));
        } else if sim.try_open("handshake").is_some() || sim.try_open("disconnect").is_some() {
            sim.new_session();
        } else {
            sim.wait();
        }
    }
    let last = sim.ids().last().cloned().expect("one");
    assert_eq!(sim.from(), last);
    assert!(sim.gaps().is_empty());
}

#[test]
fn r8_subscribes_of_a_new_session_wait_for_room() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.queued_events = 2;
    });
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.cut("connect", &format!("[{}", replayed(A, &["11"])));
    sim.new_session();
    sim.answer("commands", &{
        let reply = reply_to(&only(&sim.request("commands")), true);
        format!("[{}{reply}]", replayed(A, &["12"]))
    });
    // Full.
    sim.fail("connect");
    sim.new_session();
    assert!(sim.try_open("commands").is_none());
    sim.take(1, 2);
    assert_eq!(topics(&sim.request("commands")), [A]);
}

// A1, A2.

#[test]
fn a1_with_replay_a_cut_poll_repeats_the_number_and_starts_no_new_session() {
    let mut sim = Sim::acknowledged_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(&poll_reply("", 2));
    sim.cut("connect", &format!("[{}", replayed(A, &["11", "12"])));
    assert_eq!(sim.kinds(), ["connect"]);
    assert_eq!(only(&sim.request("connect"))["ext"]["ack"], 2);
    sim.poll(&poll_reply(&replayed(A, &["11", "12", "13"]), 3));
    assert_eq!(sim.ids(), ["11", "12", "13"]);
    assert_eq!((sim.count("handshake"), sim.count("disconnect")), (1, 0));
    done(&mut sim, 1, "13");
    assert_eq!(sim.save(A), "13");
    // A lost reply to a command neither.
    sim.publish(2, "/p");
    sim.fail("commands");
    assert_eq!((sim.count("handshake"), sim.gaps().len()), (1, 0));
}

#[test]
fn a2_with_replay_a_session_lost_under_ack_goes_on_from_the_position() {
    let mut sim = Sim::acknowledged_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(&poll_reply(&replayed(A, &["11"]), 2));
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    assert_eq!(sim.from(), "11");
    assert!(sim.gaps().is_empty());
}

#[test]
fn a1_under_ack_a_reply_to_a_command_makes_nothing_provisional() {
    let mut sim = Sim::acknowledged_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(&poll_reply("", 2));
    sim.publish(2, "/p");
    sim.poll(&poll_reply(&replayed(A, &["11"]), 3));
    sim.done(1, 1);
    assert_eq!(sim.save(A), "11");
}
