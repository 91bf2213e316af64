//! What counts as a position, and when: R1 to R4a.

use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::ApiMisuse;

use crate::sim::*;

const A: &str = "/event/A__e";
const B: &str = "/event/B__e";

fn following() -> Sim {
    Sim::following(A, Start::New, Some("10"))
}

fn following_as(commit: Commit) -> Sim {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow_as(1, A, Start::New, commit, OnInvalid::All);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    sim
}

fn arrive(sim: &mut Sim, ids: &[&str]) {
    sim.poll(&with_events(&replayed(A, ids)));
}

fn done(sim: &mut Sim, subscription: u32, id: &str) {
    let sequence = sim.sequence(id);
    sim.done(subscription, sequence);
}

fn saved(sim: &mut Sim) -> String {
    sim.save(A)
}

// R1.

#[test]
fn r1_a_position_goes_back_as_it_came_digit_for_digit() {
    for (position, wire) in [
        ("5", "5"),
        ("0", "0"),
        ("-1", "-1"),
        ("-17", "-17"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        // Not all digits are a number in JSON.
        ("007", r#""007""#),
        ("-007", r#""-007""#),
        ("00", r#""00""#),
        ("-", r#""-""#),
        ("1.5", r#""1.5""#),
        ("1e3", r#""1e3""#),
        ("+5", r#""+5""#),
        (" 5", r#"" 5""#),
        ("abc-17", r#""abc-17""#),
        ("a\"b\\", r#""a\"b\\""#),
    ] {
        let mut sim = Sim::connected();
        sim.follow(1, A, Start::New);
        sim.load(A, Some(position));
        assert_eq!(sim.from(), wire);
        messages(&sim.request("commands"));
        // So does what the caller begins with.
        let mut sim = Sim::connected();
        sim.follow(1, A, Start::After(position.to_owned()));
        sim.load(A, None);
        assert_eq!(sim.from(), wire);
    }
}

#[test]
fn r1_what_the_server_sends_is_kept_as_it_is() {
    for (sent, kept, wire) in [
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
        ("-3", "-3", "-3"),
        (r#""0042""#, "0042", r#""0042""#),
        (r#""42""#, "42", "42"),
        (r#""f:1""#, "f:1", r#""f:1""#),
    ] {
        let mut sim = following();
        arrive(&mut sim, &[sent]);
        sim.done(1, 1);
        assert_eq!(saved(&mut sim), kept);
        sim.poll(&refused(UNKNOWN, ""));
        sim.new_session();
        assert_eq!(sim.from(), wire);
    }
}

// R2, R2a.

#[test]
fn r2_each_subscribe_names_only_its_own_channel() {
    let mut sim = Sim::salesforce();
    sim.follow(1, A, Start::New);
    sim.follow(2, B, Start::All);
    sim.load(A, Some("5"));
    sim.load(B, None);
    sim.token();
    sim.shake();
    let maps: Vec<String> = messages(&sim.request("commands"))
        .iter()
        .map(|message| message["ext"]["replay"].to_string())
        .collect();
    assert_eq!(maps, [r#"{"/event/A__e":5}"#, r#"{"/event/B__e":-2}"#]);
}

#[test]
fn r2_the_maps_key_is_without_the_query_and_the_stores_key_is_whole() {
    let filtered = "/topic/T?Name='x'&City='y'";
    let mut sim = Sim::connected();
    sim.follow(1, filtered, Start::New);
    sim.load(filtered, Some("5"));
    let message = only(&sim.request("commands"));
    assert_eq!(message["subscription"], filtered);
    assert_eq!(message["ext"]["replay"].to_string(), r#"{"/topic/T":5}"#);
    sim.confirm();
    sim.poll(CONNECTED);
    // Events match with and without it.
    sim.poll(&with_events(&replayed("/topic/T", &["6"])));
    sim.poll(&with_events(&replayed(filtered, &["7"])));
    assert_eq!(sim.ids_of(1), ["6", "7"]);
    sim.done(1, 2);
    assert_eq!(sim.save(filtered), "7");
}

#[test]
fn r2_two_filters_on_one_topic_are_a_typed_error() {
    let (x, y) = ("/topic/T?a=1", "/topic/T?a=2");
    let try_follow = |sim: &mut Sim, number: u32, channels: &[&str]| {
        sim.try_follow(number, channels, &[], Commit::Processed, OnInvalid::All)
    };
    let mut sim = Sim::connected();
    assert_eq!(try_follow(&mut sim, 1, &[x, y]), Err(ApiMisuse::TwoFilters(x.to_owned())));
    try_follow(&mut sim, 1, &[x]).expect("one is fine");
    assert_eq!(try_follow(&mut sim, 2, &[y]), Err(ApiMisuse::TwoFilters(y.to_owned())));
    assert_eq!(try_follow(&mut sim, 2, &["/topic/T"]), Err(ApiMisuse::TwoFilters("/topic/T".to_owned())));
    // The same one, another topic, and one after the other, are fine.
    try_follow(&mut sim, 3, &[x]).expect("the same");
    try_follow(&mut sim, 4, &["/topic/U?a=2"]).expect("another topic");
    sim.leave(5, 1, 0);
    sim.leave(6, 3, 0);
    try_follow(&mut sim, 7, &[y]).expect("after it");
}

#[test]
fn r2_a_second_filter_after_the_first_has_positions_of_its_own() {
    let (x, y) = ("/topic/T?a=1", "/topic/T?a=2");
    let mut sim = Sim::following(x, Start::New, Some("5"));
    sim.poll(&with_events(&replayed("/topic/T", &["6"])));
    done(&mut sim, 1, "6");
    assert_eq!(sim.save(x), "6");
    sim.leave(2, 1, 1);
    sim.confirm();
    sim.follow(3, y, Start::New);
    sim.load(y, Some("3"));
    assert_eq!(sim.from(), "3");
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&with_events(&replayed("/topic/T", &["4", "6"])));
    assert_eq!(sim.ids_of(3), ["4", "6"]);
    done(&mut sim, 3, "6");
    assert_eq!(sim.save(y), "6");
}

#[test]
fn r2a_a_glob_is_accepted_with_new_events_alone_and_commits_nothing() {
    let mut sim = Sim::connected();
    for start in [Start::All, Start::After("5".to_owned())] {
        assert_eq!(
            sim.try_follow(1, &["/event/*"], &[start], Commit::Processed, OnInvalid::All),
            Err(ApiMisuse::GlobWithPosition("/event/*".to_owned()))
        );
    }
    sim.follow(1, "/event/*", Start::New);
    assert!(sim.loads.is_empty());
    assert!(only(&sim.request("commands")).get("ext").is_none());
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["6"]);
    sim.done(1, 1);
    sim.commit(2, 1, 1);
    sim.ok(2);
    assert!(sim.saves.is_empty());
}

#[test]
fn r2a_beside_a_glob_a_literal_channel_has_its_position() {
    let mut sim = following();
    sim.follow(2, "/event/*", Start::New);
    sim.confirm();
    arrive(&mut sim, &["11"]);
    assert_eq!(sim.events[0].subscriptions, [1, 2]);
    // The glob's reader holds nothing.
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
}

#[test]
fn r2a_a_glob_of_a_lost_session_has_a_gap() {
    let mut sim = Sim::connected();
    sim.follow(1, "/event/*", Start::New);
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["6"]);
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.gaps().len(), 1);
}

// R3, R3a, R4.

#[test]
fn r3_processed_counts_once_the_reader_is_done_and_not_when_it_is_handed_out() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12", "13"]);
    sim.delivered(1, 3);
    assert!(sim.saves.is_empty());
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r3_delivered_counts_once_it_is_handed_out() {
    let mut sim = following_as(Commit::Delivered);
    arrive(&mut sim, &["11", "12", "13"]);
    sim.delivered(1, 2);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r3_manual_counts_by_commit_alone() {
    let mut sim = following_as(Commit::Manual);
    arrive(&mut sim, &["11", "12"]);
    sim.delivered(1, 2);
    sim.done(1, 2);
    assert!(sim.saves.is_empty());
    sim.commit(2, 1, 1);
    assert_eq!(saved(&mut sim), "11");
}

#[test]
fn r3_progress_counts_for_all_events_up_to_it_and_a_commit_for_one() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12"]);
    arrive(&mut sim, &["13"]);
    sim.done(1, 3);
    assert_eq!(saved(&mut sim), "13");
    let mut sim = following_as(Commit::Manual);
    arrive(&mut sim, &["11", "12", "13"]);
    sim.commit(2, 1, 3);
    sim.commit(3, 1, 2);
    assert!(sim.saves.is_empty());
    sim.commit(4, 1, 1);
    assert_eq!(saved(&mut sim), "13");
    for command in [2, 3, 4] {
        sim.ok(command);
    }
}

#[test]
fn r3_progress_of_one_subscription_over_two_channels_counts_in_both() {
    let mut sim = Sim::connected();
    sim.try_follow(1, &[A, B], &[], Commit::Processed, OnInvalid::All).expect("fine");
    sim.load(A, None);
    sim.load(B, None);
    while sim.try_open("commands").is_some() {
        sim.confirm();
    }
    sim.poll(CONNECTED);
    sim.poll(&with_events(&[replayed(A, &["1"]), replayed(B, &["100"]), replayed(A, &["2"])].concat()));
    sim.done(1, 2);
    assert_eq!((sim.saving(A), sim.saving(B)), (Some("1"), Some("100")));
}

#[test]
fn r3_what_is_done_a_second_time_or_was_never_there_changes_nothing() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.done(1, 1);
    sim.done(1, 0);
    sim.done(7, 1);
    sim.done(1, u32::MAX);
    sim.delivered(1, u32::MAX);
    assert!(sim.saves.is_empty());
    sim.commit(2, 9, 77);
    sim.ok(2);
}

#[test]
fn r3a_the_position_is_the_least_over_the_open_subscriptions() {
    let mut sim = following();
    sim.follow(2, A, Start::New);
    arrive(&mut sim, &["11", "12", "13"]);
    sim.done(1, 3);
    assert!(sim.saves.is_empty());
    sim.done(2, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.done(2, 2);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r3a_another_start_or_commit_is_a_typed_error_while_the_first_is_open() {
    let mut sim = following();
    let other = Err(ApiMisuse::OtherConditions(A.to_owned()));
    assert_eq!(sim.try_follow(2, &[A], &[Start::All], Commit::Processed, OnInvalid::All), other);
    assert_eq!(sim.try_follow(2, &[A], &[Start::New], Commit::Manual, OnInvalid::All), other);
    assert_eq!(sim.try_follow(2, &[B, A], &[], Commit::Delivered, OnInvalid::All), other);
    sim.leave(3, 1, 0);
    sim.confirm();
    assert_eq!(sim.try_follow(2, &[A], &[Start::All], Commit::Manual, OnInvalid::All), Ok(()));
    // There is a position, so it starts there; but it commits in its own way.
    assert_eq!(sim.from(), "10");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11"]);
    sim.done(2, 1);
    assert!(sim.saves.is_empty());
}

#[test]
fn r3a_a_reader_that_leaves_with_an_uncommitted_event_holds_it_until_the_channel_is_subscribed_again() {
    let mut sim = following();
    sim.follow(2, A, Start::New);
    arrive(&mut sim, &["11", "12", "13"]);
    sim.done(2, 3);
    // The first one had 11 in hand; what it was never given holds nothing.
    sim.leave(3, 1, 1);
    assert!(sim.saves.is_empty());
    arrive(&mut sim, &["14"]);
    done(&mut sim, 2, "14");
    assert!(sim.saves.is_empty());
    // Now it comes again, for the new one alone.
    sim.follow(4, A, Start::New);
    assert_eq!(topics(&sim.request("commands")), [A]);
    sim.confirm();
    assert_eq!(sim.from(), "10");
    sim.answer("commands", &subscribed_with(A, &sim, &["11", "12", "13", "14"]));
    sim.poll(CONNECTED);
    assert_eq!(sim.ids_of(4), ["11", "12", "13", "14"]);
    assert_eq!(sim.ids_of(2), ["11", "12", "13", "14"]);
    done(&mut sim, 4, "13");
    assert_eq!(saved(&mut sim), "13");
}

#[test]
fn r3a_a_reader_that_leaves_with_nothing_in_hand_holds_nothing() {
    let mut sim = following();
    sim.follow(2, A, Start::New);
    arrive(&mut sim, &["11", "12"]);
    sim.done(1, 1);
    sim.done(2, 2);
    assert_eq!(saved(&mut sim), "11");
    sim.leave(3, 1, 1);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r3a_with_nobody_left_nothing_moves() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12", "13"]);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.leave(2, 1, 1);
    sim.confirm();
    assert!(sim.saves.is_empty());
    arrive(&mut sim, &["14"]);
    sim.close();
    sim.answer("disconnect", "[]");
    assert!(sim.saves.is_empty());
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn r3a_the_next_reader_begins_where_the_last_one_stopped() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12", "13"]);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.leave(2, 1, 2);
    sim.confirm();
    sim.follow(3, A, Start::All);
    assert_eq!(sim.from(), "11");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["12", "13"]);
    assert_eq!(sim.ids_of(3), ["12", "13"]);
    done(&mut sim, 3, "13");
    assert_eq!(saved(&mut sim), "13");
}

#[test]
fn r4_only_the_last_position_before_which_all_is_committed_is_saved_in_the_order_of_arrival() {
    let mut sim = following_as(Commit::Manual);
    // The order is that of arrival: numbers mean nothing.
    arrive(&mut sim, &["900", "5", "\"x\"", "17"]);
    for (command, sequence, position) in [(2, 3, None), (3, 2, None), (4, 1, Some("x")), (5, 4, Some("17"))] {
        sim.commit(command, 1, sequence);
        assert_eq!(sim.saving(A), position);
        sim.save_all();
    }
}

#[test]
fn r4_events_without_a_position_hold_and_move_nothing() {
    let mut sim = following();
    let plain = format!(r#"{{"channel":"{A}","data":{{}}}},"#);
    sim.poll(&with_events(&[replayed(A, &["11"]), plain, replayed(A, &["12"])].concat()));
    assert_eq!(sim.events.len(), 3);
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "11");
    sim.done(1, 3);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r4_a_long_queue_is_committed_event_by_event() {
    let mut sim = following();
    let ids: Vec<String> = (11..3_011).map(|id: u32| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    arrive(&mut sim, &ids);
    for sequence in 1..=3_000 {
        sim.done(1, sequence);
        assert_eq!(sim.saving(A), Some(ids[sequence as usize - 1]));
        sim.save_all();
    }
}

// R4a.

/// The reply to the open subscribe, with events before it.
fn subscribed_with(channel: &str, sim: &Sim, ids: &[&str]) -> String {
    let reply = reply_to(&only(&sim.request("commands")), true);
    format!("[{}{reply}]", replayed(channel, ids))
}

/// Events of A come on the reply to a publish.
fn on_publish(sim: &mut Sim, command: u32, ids: &[&str]) {
    sim.publish(command, "/p");
    let reply = reply_to(&only(&sim.request("commands")), true);
    sim.answer("commands", &format!("[{}{reply}]", replayed(A, ids)));
}

#[test]
fn r4a_a_position_from_a_publish_reply_is_saved_only_after_the_open_poll_has_ended_whole() {
    let mut sim = following();
    on_publish(&mut sim, 2, &["12"]);
    assert_eq!(sim.ids(), ["12"]);
    sim.done(1, 1);
    sim.advance(5_000);
    assert!(sim.saves.is_empty());
    // A chunk is not the end.
    let id = sim.begin("connect", "[");
    assert!(sim.saves.is_empty());
    sim.chunk(id, CONNECTED.trim_start_matches('['));
    assert!(sim.saves.is_empty());
    sim.end(id);
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r4a_if_the_poll_fails_the_restart_is_from_the_position_before_it() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    on_publish(&mut sim, 2, &["13"]);
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "11");
    // It held 12.
    sim.fail("connect");
    sim.new_session();
    assert_eq!(sim.from(), "11");
    sim.confirm();
    sim.poll(CONNECTED);
    assert!(sim.saves.is_empty());
    arrive(&mut sim, &["12", "13", "14"]);
    // 13 is not given out twice.
    assert_eq!(sim.ids(), ["11", "13", "12", "14"]);
    done(&mut sim, 1, "12");
    assert_eq!(saved(&mut sim), "13");
}

#[test]
fn r4a_a_poll_that_the_server_refused_has_lost_nothing() {
    for status in [400, 404, 429] {
        let mut sim = following();
        on_publish(&mut sim, 2, &["12"]);
        sim.done(1, 1);
        sim.answer_status("connect", status);
        assert_eq!(saved(&mut sim), "12");
    }
    let mut sim = following();
    on_publish(&mut sim, 2, &["12"]);
    sim.done(1, 1);
    sim.poll(&refused("500::x", ""));
    assert_eq!(saved(&mut sim), "12");
}

#[test]
fn r4a_the_mirror_an_event_on_the_poll_while_a_reply_is_open() {
    let mut sim = following();
    sim.publish(2, "/p");
    arrive(&mut sim, &["12"]);
    sim.done(1, 1);
    assert!(sim.saves.is_empty());
    // It ends whole.
    sim.confirm();
    assert_eq!(saved(&mut sim), "12");

    // It does not.
    let mut sim = following();
    sim.publish(2, "/p");
    arrive(&mut sim, &["12"]);
    sim.done(1, 1);
    sim.fail("commands");
    assert!(sim.saves.is_empty());
    sim.new_session();
    assert_eq!(sim.from(), "10");
}

#[test]
fn r4a_a_provisional_position_holds_those_behind_it() {
    let mut sim = following();
    on_publish(&mut sim, 2, &["12"]);
    let id = sim.begin("connect", &format!("[{}", replayed(A, &["13"])));
    sim.done(1, 2);
    assert!(sim.saves.is_empty());
    sim.chunk(id, r#"{"channel":"/meta/connect","successful":true}]"#);
    sim.end(id);
    assert_eq!(saved(&mut sim), "13");
}

#[test]
fn r4a_a_later_poll_does_not_stand_in_for_the_one_that_was_open() {
    let mut sim = following();
    // The commands reply goes on while two polls end; its events wait for the poll that was open when they came.
    sim.publish(2, "/p");
    let id = sim.begin("commands", &format!("[{}", replayed(A, &["11"])));
    sim.poll(CONNECTED);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
    sim.chunk(id, &replayed(A, &["12"]));
    sim.done(1, 2);
    assert!(sim.saves.is_empty());
    sim.poll(CONNECTED);
    assert_eq!(saved(&mut sim), "12");
    sim.chunk(id, r#"{"channel":"/p","successful":true}]"#);
    sim.end(id);
}

#[test]
fn r4a_closing_with_the_poll_open_saves_no_provisional_position() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    on_publish(&mut sim, 2, &["12"]);
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "11");
    sim.close();
    sim.answer("disconnect", "[]");
    assert!(sim.saves.is_empty());
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn r4a_a_channel_that_was_just_subscribed_for_the_first_time_has_nothing_left_over() {
    // The poll was open before; what it brings of this channel can only be of this subscription.
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    arrive(&mut sim, &["11"]);
    sim.done(1, 1);
    assert_eq!(saved(&mut sim), "11");
}

#[test]
fn r4a_an_event_left_over_from_before_a_resubscribe_is_no_position() {
    let mut sim = following();
    arrive(&mut sim, &["11", "12", "13"]);
    // A second reader: everything after 10 has to come again, while the poll is open.
    sim.follow(2, A, Start::New);
    sim.confirm();
    assert_eq!(sim.from(), "10");
    sim.confirm();
    // What the server had put into the poll before it heard of that.
    arrive(&mut sim, &["14"]);
    assert_eq!(sim.events.last().map(|event| event.subscriptions.clone()), Some(vec![1, 2]));
    sim.done(1, 4);
    sim.done(2, 4);
    assert!(sim.saves.is_empty());
    // It is not restarted from either.
    sim.fail("connect");
    sim.new_session();
    assert_eq!(sim.from(), "10");
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11", "12", "13", "14", "15"]);
    assert_eq!(sim.ids_of(1), ["11", "12", "13", "14", "15"]);
    assert_eq!(sim.ids_of(2), ["14", "11", "12", "13", "15"]);
    let last = sim.events.last().map_or(0, |event| event.sequence);
    sim.done(1, last);
    sim.done(2, last);
    assert_eq!(saved(&mut sim), "15");
}

#[test]
fn r4a_what_was_left_over_and_comes_again_takes_its_right_place() {
    let mut sim = following();
    arrive(&mut sim, &["11"]);
    sim.follow(2, A, Start::New);
    sim.confirm();
    sim.confirm();
    arrive(&mut sim, &["13"]);
    arrive(&mut sim, &["11", "12", "13", "14"]);
    assert_eq!(sim.ids_of(1), ["11", "13", "12", "14"]);
    assert_eq!(sim.ids_of(2), ["13", "11", "12", "14"]);
    let twelve = sim.sequence("12");
    sim.done(1, twelve);
    sim.done(2, twelve);
    assert_eq!(saved(&mut sim), "13");
}

#[test]
fn r4a_while_a_channel_is_subscribed_from_a_position_the_next_poll_waits() {
    let mut sim = Sim::salesforce();
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.token();
    sim.shake();
    sim.poll(CONNECTED);
    assert_eq!(sim.kinds(), ["commands"]);
    sim.answer("commands", &subscribed_with(A, &sim, &["11", "12"]));
    // So its events are certain at once.
    sim.done(1, 2);
    assert_eq!(saved(&mut sim), "12");
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn r4a_a_subscribe_that_is_not_answered_does_not_hold_the_poll_for_ever() {
    let mut sim = Sim::salesforce();
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.token();
    sim.shake();
    sim.poll(CONNECTED);
    sim.advance(10_000);
    sim.new_session();
    assert!(sim.try_open("connect").is_some());
}
