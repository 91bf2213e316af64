//! What a position is, and which channels have one: R1, R2, R2a.

use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::ApiMisuse;

use crate::sim::*;

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
fn r2_the_maps_key_has_no_query_and_the_stores_key_is_whole() {
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
    sim.new_session();
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

/// A is read up to 11 and left, where no more than one channel is tracked.
fn left(handed: u32) -> Sim {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.tracked_channels = 1;
    });
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    sim.poll(&with_events(&replayed(A, &["11", "12"])));
    sim.done(1, handed);
    sim.leave(2, 1, 2);
    sim.confirm();
    sim
}

#[test]
fn p2_where_the_bound_is_reached_a_saved_position_is_forgotten_and_loaded_again() {
    let mut sim = left(2);
    assert_eq!(sim.save(A), "12");
    sim.follow(3, B, Start::New);
    sim.load(B, None);
    // It might be the one that was forgotten.
    sim.new_session();
    sim.confirm();
    sim.leave(4, 3, 0);
    sim.confirm();
    sim.follow(5, A, Start::New);
    // The store says where it stands.
    sim.load(A, Some("12"));
    sim.new_session();
    assert_eq!(sim.from(), "12");
}

#[test]
fn p2_a_position_that_must_be_kept_leaves_no_room() {
    let mut sim = left(1);
    assert_eq!(sim.save(A), "11");
    // 12 is in hand, and holds its place.
    let follow = sim.try_follow(3, &[B], &[], Commit::Processed, OnInvalid::All);
    assert_eq!(follow, Err(ApiMisuse::TooManyChannels(1)));
    sim.follow(3, A, Start::New);
    assert!(sim.loads.is_empty());
    assert_eq!(sim.ids_of(3), ["12"]);
    sim.new_session();
    assert_eq!(sim.from(), "12");
}

#[test]
fn p2_a_position_that_is_not_saved_leaves_no_room() {
    let mut sim = left(2);
    let follow = sim.try_follow(3, &[B], &[], Commit::Processed, OnInvalid::All);
    assert_eq!(follow, Err(ApiMisuse::TooManyChannels(1)));
    assert_eq!(sim.save(A), "12");
    sim.try_follow(3, &[B], &[], Commit::Processed, OnInvalid::All).expect("there is room");
}

#[test]
fn p2_no_more_channels_are_tracked_than_the_limit_allows() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.tracked_channels = 2;
    });
    let try_follow = |sim: &mut Sim, number: u32, channels: &[&str]| {
        sim.try_follow(number, channels, &[], Commit::Processed, OnInvalid::All)
    };
    assert_eq!(try_follow(&mut sim, 1, &["/a", "/b", "/c"]), Err(ApiMisuse::TooManyChannels(2)));
    // Globs and service channels are not tracked, and one that is counts once.
    try_follow(&mut sim, 1, &["/a", "/b", "/a", "/x/*", "/service/y"]).expect("two");
    assert_eq!(try_follow(&mut sim, 2, &["/c"]), Err(ApiMisuse::TooManyChannels(2)));
    try_follow(&mut sim, 2, &["/a"]).expect("the same one");
    sim.load("/a", None);
    sim.load("/b", None);
    while sim.try_open("commands").is_some() {
        sim.confirm();
    }
    sim.leave(3, 1, 0);
    while sim.try_open("commands").is_some() {
        sim.confirm();
    }
    // Nobody reads /b, and nothing of it is known that the store does not know.
    try_follow(&mut sim, 4, &["/c"]).expect("there is room again");
}
