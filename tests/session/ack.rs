//! The acknowledgement extension: A1, A2.

use cometd_edge::replay::Start;
use cometd_edge::session::{Config, GapCause, Input, Inspect};
use serde_json::json;

use crate::sim::*;

fn subscribed() -> Sim {
    let mut sim = Sim::acknowledged();
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim
}

fn number(sim: &Sim) -> serde_json::Value {
    only(&sim.request("connect"))["ext"]["ack"].clone()
}

#[test]
fn a1_every_handshake_asks_for_the_ack_extension() {
    let mut sim = Sim::new();
    assert_eq!(only(&sim.request("handshake"))["ext"], json!({ "ack": true }));
    sim.shake();
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(only(&sim.request("handshake"))["ext"], json!({ "ack": true }));
}

#[test]
fn a1_ack_false_turns_the_extension_off_whatever_the_server_says() {
    let mut sim = Sim::with(|config| config.ack = false);
    assert!(only(&sim.request("handshake")).get("ext").is_none());
    sim.answer("handshake", &handshake("c", r#","ext":{"ack":true}"#));
    assert!(only(&sim.request("connect")).get("ext").is_none());
}

#[test]
fn a1_the_extension_is_used_only_where_the_server_answers_it() {
    for (ext, used) in [
        ("", false),
        (r#","ext":{}"#, false),
        (r#","ext":{"ack":false}"#, false),
        (r#","ext":{"ack":"yes"}"#, false),
        (r#","ext":{"ack":{"enabled":false}}"#, false),
        (r#","ext":{"ack":true}"#, true),
        (r#","ext":{"ack":{"enabled":true}}"#, true),
    ] {
        let mut sim = Sim::new();
        sim.answer("handshake", &handshake("c", ext));
        assert_eq!(only(&sim.request("connect")).get("ext").is_some(), used, "{ext}");
    }
}

#[test]
fn a2_the_handshakes_ack_may_be_a_boolean_or_an_object_with_a_batch() {
    let mut sim = Sim::new();
    sim.answer("handshake", &handshake("c", r#","ext":{"ack":true}"#));
    assert_eq!(number(&sim), 0);
    let mut sim = Sim::new();
    sim.answer("handshake", &handshake("c", r#","ext":{"ack":{"enabled":true,"batch":12}}"#));
    assert_eq!(number(&sim), 12);
}

#[test]
fn a1_numbers_go_back_digit_for_digit() {
    let mut sim = Sim::acknowledged();
    sim.poll(r#"[{"channel":"/meta/connect","successful":true,"ext":{"ack":12345678901234567890}}]"#);
    assert!(sim.request("connect").body().contains(r#""ext":{"ack":12345678901234567890}"#));
}

#[test]
fn a1_a_number_is_acknowledged_only_when_its_body_ended_whole() {
    let mut sim = subscribed();
    let body = poll_reply(&events("/a", [1, 2]), 2);
    sim.cut("connect", &body);
    assert_eq!(sim.data(), ["1", "2"]);
    assert_eq!(number(&sim), 1);
    sim.poll(&body);
    assert_eq!(number(&sim), 2);
    assert_eq!(sim.data(), ["1", "2"]);
}

#[test]
fn a2_the_number_may_come_at_the_end_of_the_body_or_before_the_events() {
    let mut sim = subscribed();
    sim.poll(&poll_reply(&events("/a", [1]), 2));
    assert_eq!(number(&sim), 2);
    let reply = r#"{"channel":"/meta/connect","successful":true,"ext":{"ack":3}}"#;
    sim.poll(&format!("[{reply},{}]", events("/a", [2]).trim_end_matches(',')));
    assert_eq!(number(&sim), 3);
    assert_eq!(sim.data(), ["1", "2"]);
}

#[test]
fn a1_of_a_batch_sent_again_the_first_k_events_are_skipped() {
    // Cut anywhere, as often as one likes.
    let body = poll_reply(&events("/a", 1..=5), 2);
    for first in 0..body.len() {
        let mut sim = subscribed();
        sim.cut("connect", &body[..first]);
        let second = (first * 7 + 3) % body.len();
        sim.cut("connect", &body[..second]);
        while sim.try_open("connect").is_none() {
            sim.wait();
        }
        assert_eq!(number(&sim), 1);
        // The server sends the batch in its old order, then what is new.
        sim.poll(&poll_reply(&events("/a", 1..=7), 3));
        assert_eq!(sim.data(), ["1", "2", "3", "4", "5", "6", "7"], "cut at {first} and {second}");
        assert_eq!(number(&sim), 3);
        sim.poll(&poll_reply(&events("/a", [8]), 4));
        assert_eq!(sim.data().len(), 8);
        assert!(sim.gaps().is_empty());
    }
}

#[test]
fn a1_events_of_channels_that_nobody_wants_count_among_the_first_k() {
    let mut sim = subscribed();
    let batch = [events("/a", [1]), events("/other", [9]), events("/a", [2])].concat();
    sim.cut("connect", &format!("[{}", &batch));
    sim.poll(&poll_reply(&[batch, events("/a", [3])].concat(), 2));
    assert_eq!(sim.data(), ["1", "2", "3"]);
}

#[test]
fn a1_an_event_dropped_by_an_extension_counts_in_the_first_k_and_stays_dropped() {
    let mut sim = Sim::with(|config| config.inspect = Inspect::All);
    let pass = |sim: &mut Sim| {
        while let Some((request, message)) = sim.inspects.pop() {
            let dropped = message.contains(r#""data":1}"#);
            sim.input(Input::Inspected { request, message: Some(message.as_str()).filter(|_| !dropped) });
        }
    };
    sim.answer("handshake", &handshake("c", r#","ext":{"ack":true}"#));
    pass(&mut sim);
    sim.answer("connect", &poll_reply("", 1));
    pass(&mut sim);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    pass(&mut sim);
    let id = sim.begin("connect", &format!("[{}", events("/a", [1, 2])));
    pass(&mut sim);
    sim.fail_id(id);
    sim.answer("connect", &poll_reply(&events("/a", [1, 2, 3]), 2));
    let shown = sim.inspects.clone();
    assert!(shown[0].1.contains(r#""data":3"#), "{shown:?}");
    pass(&mut sim);
    assert_eq!(sim.data(), ["2", "3"]);
}

#[test]
fn a1_an_http_error_repeats_the_number() {
    let mut sim = subscribed();
    sim.poll(&poll_reply(&events("/a", [1]), 2));
    sim.answer_status("connect", 503);
    assert_eq!(number(&sim), 2);
    sim.poll(&poll_reply(&events("/a", [2]), 3));
    assert_eq!(sim.data(), ["1", "2"]);
}

#[test]
fn a1_a_poll_without_a_number_leaves_the_last_one() {
    let mut sim = subscribed();
    sim.poll(CONNECTED);
    assert_eq!(number(&sim), 1);
}

#[test]
fn a1_numbers_and_skips_end_with_the_session() {
    let mut sim = subscribed();
    sim.cut("connect", &format!("[{}", events("/a", [1, 2])));
    sim.poll(&refused(UNKNOWN, ""));
    while sim.try_open("handshake").is_none() {
        sim.wait();
    }
    sim.answer("handshake", &handshake("client-2", r#","ext":{"ack":true}"#));
    assert_eq!(number(&sim), 0);
    sim.confirm();
    sim.poll(&poll_reply(&events("/a", [3, 4]), 1));
    assert_eq!(sim.data(), ["1", "2", "3", "4"]);
}

#[test]
fn a1_a_lost_reply_to_a_command_is_no_gap() {
    let mut sim = subscribed();
    sim.publish(2, "/p");
    sim.fail("commands");
    assert!(sim.gaps().is_empty());
}

#[test]
fn a2_a_session_lost_under_ack_is_a_gap() {
    let mut sim = subscribed();
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::SessionLost)]);
}

/// The extension is granted, and no number has come.
fn without_numbers(configure: impl FnOnce(&mut Config)) -> Sim {
    let mut sim = Sim::with(configure);
    sim.answer("handshake", &handshake("client-1", r#","ext":{"ack":true}"#));
    sim.poll(CONNECTED);
    sim
}

#[test]
fn a1_without_a_number_every_event_of_every_whole_poll_is_given_out() {
    let mut sim = without_numbers(|_| {});
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    for batch in [1..=3, 4..=5, 6..=9, 10..=10] {
        sim.poll(&with_events(&events("/a", batch)));
        // It is asked for all the same.
        assert_eq!(number(&sim), 0);
    }
    assert_eq!(sim.data(), (1..=10).map(|number: u32| number.to_string()).collect::<Vec<_>>());
    assert!(sim.gaps().is_empty());
}

#[test]
fn a1_without_a_number_a_cut_poll_is_a_gap_and_the_next_events_are_not_swallowed() {
    let mut sim = without_numbers(|_| {});
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.cut("connect", &format!("[{}", events("/a", [1, 2])));
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
    sim.poll(&with_events(&events("/a", [4, 5])));
    assert_eq!(sim.data(), ["1", "2", "4", "5"]);
}

#[test]
fn a1_without_a_number_a_cut_poll_is_replayed() {
    let mut sim = without_numbers(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    sim.cut("connect", &format!("[{}", replayed(A, &["11", "12"])));
    assert_eq!(sim.kinds(), ["disconnect"]);
    sim.new_session();
    assert_eq!(sim.from(), "12");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["13", "14"]);
    assert_eq!((sim.ids(), sim.gaps().len()), (["11", "12", "13", "14"].map(str::to_owned).to_vec(), 0));
}

#[test]
fn a1_without_a_number_events_ride_on_other_replies_whose_loss_is_a_gap() {
    let mut sim = without_numbers(|_| {});
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.publish(2, "/p");
    sim.answer("commands", &format!(r#"[{}{{"channel":"/p","successful":true}}]"#, events("/a", [1])));
    assert_eq!(sim.data(), ["1"]);
    sim.publish(3, "/p");
    sim.fail("commands");
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
}

#[test]
fn a1_a_poll_cut_before_the_first_number_is_a_gap_and_one_after_it_is_not() {
    for (grant, first) in [("true", 1), (r#"{"enabled":true}"#, 1), (r#"{"enabled":true,"batch":7}"#, 0)] {
        let mut sim = Sim::new();
        sim.answer("handshake", &handshake("c", &format!(r#","ext":{{"ack":{grant}}}"#)));
        sim.subscribe(1, &["/a"]);
        sim.confirm();
        sim.cut("connect", &format!("[{}", events("/a", [1])));
        assert_eq!(sim.gaps().len(), first, "{grant}");
        sim.poll(&poll_reply(&events("/a", [1]), 8));
        assert_eq!(sim.data().len(), 1 + first, "{grant}");
        sim.cut("connect", &format!("[{}", events("/a", [2])));
        sim.poll(&poll_reply(&events("/a", [2, 3]), 9));
        assert_eq!((sim.data().len(), sim.gaps().len()), (3 + first, first), "{grant}");
    }
}

#[test]
fn a1_a_number_of_a_body_that_did_not_end_whole_is_none() {
    let mut sim = without_numbers(|_| {});
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    let reply = r#"{"channel":"/meta/connect","successful":true,"ext":{"ack":1}}"#;
    sim.cut("connect", &format!("[{reply},{}", events("/a", [1])));
    assert_eq!((number(&sim), sim.gaps().len()), (0.into(), 1));
    sim.poll(&with_events(&events("/a", [2])));
    assert_eq!(sim.data(), ["1", "2"]);
}

#[test]
fn a1_a_number_may_be_a_json_string_and_goes_back_as_one() {
    for grant in [r#"{"enabled":true,"batch":"4"}"#, "true"] {
        let mut sim = Sim::new();
        sim.answer("handshake", &handshake("c", &format!(r#","ext":{{"ack":{grant}}}"#)));
        assert_eq!(number(&sim), if grant == "true" { json!(0) } else { json!("4") });
        sim.subscribe(1, &["/a"]);
        sim.confirm();
        sim.poll(r#"[{"channel":"/meta/connect","successful":true,"ext":{"ack":"5"}}]"#);
        assert_eq!(number(&sim), "5");
        sim.cut("connect", &format!("[{}", events("/a", [1, 2])));
        assert_eq!(number(&sim), "5");
        sim.poll(&poll_reply(&events("/a", [1, 2, 3]), 6));
        assert_eq!((sim.data().len(), sim.gaps().len()), (3, 0));
    }
}

#[test]
fn a1_where_the_numbers_end_nothing_more_is_skipped_and_a_cut_is_a_gap() {
    let mut sim = subscribed();
    sim.poll(&poll_reply(&events("/a", [1]), 2));
    sim.poll(&with_events(&events("/a", [2, 3])));
    sim.poll(&with_events(&events("/a", [4, 5])));
    assert_eq!((sim.data().len(), number(&sim)), (5, 2.into()));
    sim.cut("connect", &format!("[{}", events("/a", [6])));
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
    sim.poll(&with_events(&events("/a", [8])));
    assert_eq!(sim.data().len(), 7);
}

#[test]
fn a1_a_cut_batch_that_is_not_sent_again_under_a_number_is_a_gap() {
    for next in [vec![], vec![4, 5]] {
        let mut sim = subscribed();
        sim.cut("connect", &format!("[{}", events("/a", [1, 2])));
        assert!(sim.gaps().is_empty());
        // The server numbers its batches no more: these may be the two that were given out, or new ones.
        sim.poll(&with_events(&events("/a", next)));
        assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
        sim.until_open("connect");
        sim.poll(&with_events(&events("/a", [6, 7])));
        assert_eq!(sim.data(), ["1", "2", "6", "7"]);
    }
}

#[test]
fn a1_a_batch_that_is_empty_needs_no_number() {
    let mut sim = subscribed();
    sim.poll(CONNECTED);
    sim.cut("connect", &format!("[{}", events("/a", [1])));
    sim.poll(&poll_reply(&events("/a", [1, 2]), 2));
    assert_eq!((sim.data(), sim.gaps().len()), (vec!["1".to_owned(), "2".to_owned()], 0));
}

#[test]
fn a1_messages_are_sent_while_the_queue_is_full_only_once_a_number_has_come() {
    for numbered in [false, true] {
        let mut sim = Sim::with(|config| config.limits.queued_events = 2);
        sim.answer("handshake", &handshake("c", r#","ext":{"ack":true}"#));
        sim.poll(&if numbered { poll_reply("", 1) } else { CONNECTED.to_owned() });
        sim.subscribe(1, &["/a"]);
        sim.confirm();
        sim.poll(&if numbered {
            poll_reply(&events("/a", 1..=2), 2)
        } else {
            with_events(&events("/a", 1..=2))
        });
        sim.publish(2, "/p");
        assert_eq!(sim.try_open("commands").is_some(), numbered);
        sim.take(1, 2);
        sim.confirm();
        sim.ok(2);
    }
}

#[test]
fn a1_a_position_that_came_beside_a_command_counts_once_the_command_is_lost() {
    let mut sim = Sim::with(|config| config.replay = true);
    sim.answer("handshake", &handshake("client-1", r#","ext":{"ack":true}"#));
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.publish(2, "/p");
    sim.poll(&poll_reply(&replayed(A, &["11"]), 1));
    sim.fail("commands");
    assert_eq!(sim.error(2).code(), "outcome-unknown");
    sim.poll(&poll_reply("", 2));
    done(&mut sim, 1, "11");
    assert_eq!((sim.saving(A), sim.count("handshake")), (Some("11"), 1));
}

#[test]
fn a1_s17_a_snapshot_tells_whether_a_number_had_come() {
    for numbered in [false, true] {
        let mut sim = without_numbers(|_| {});
        sim.subscribe(1, &["/a"]);
        sim.confirm();
        if numbered {
            sim.poll(&poll_reply("", 3));
        }
        sim.begin("connect", &format!("[{}", events("/a", [1, 2])));
        let snapshot = sim.snapshot();
        assert_eq!(sim.gaps().len(), usize::from(!numbered));
        let mut sim = Sim::resumed(&snapshot);
        assert_eq!(number(&sim), if numbered { 3 } else { 0 });
        sim.subscribe(1, &["/a"]);
        sim.confirm();
        assert_eq!(sim.gaps().len(), usize::from(!numbered));
        // Sent again under the number, or new.
        let batch = events("/a", [1, 2, 3]);
        sim.poll(&if numbered { poll_reply(&batch, 4) } else { with_events(&batch) });
        assert_eq!(sim.data().len(), if numbered { 1 } else { 3 });
    }
}

#[test]
fn a2_a_session_that_is_left_for_a_subscribe_is_lost_to_what_is_not_tracked() {
    let mut sim = Sim::acknowledged_with(|config| config.replay = true);
    sim.follow(1, "/g/*", Start::New);
    sim.confirm();
    sim.follow(2, A, Start::New);
    sim.load(A, Some("10"));
    // Whether the server has subscribed it is not known, and a session subscribes it once.
    sim.fail("commands");
    sim.until_open("disconnect");
    assert_eq!(sim.gaps(), [("/g/*".to_owned(), GapCause::SessionLost)]);
}
