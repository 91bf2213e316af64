//! R3a, R7b: readers that come and go.

use super::*;

#[test]
fn r7b_a_new_reader_is_given_all_behind_the_position_from_memory() {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2", "3"]);
    channel.commit(1, &["1", "3"]);
    let joined = channel.join(2);
    assert_eq!((ids(&joined), joined.needs_session, joined.is_lost), (vec!["2", "3"], false, false));
    channel.commit(1, &["2"]);
    channel.stands_at("1");
    channel.commit(2, &["2", "3"]);
    channel.stands_at("3");
}

#[test]
fn r7b_the_next_event_goes_to_old_and_new_readers() {
    let mut channel = Channel::stored();
    channel.poll(&["1"]);
    channel.join(2);
    assert_eq!(channel.receive(Carrier::Poll, "2"), [1, 2]);
    assert_eq!(channel.receive(Carrier::Poll, "1"), [0; 0]);
}

#[test]
fn r7b_without_texts_a_new_session_brings_them_again() {
    let mut channel = Channel::stored();
    channel.poll(&["1"]);
    channel.keeps_texts = false;
    channel.poll(&["2", "3"]);
    let joined = channel.join(2);
    assert_eq!((ids(&joined), joined.needs_session), (vec!["1"], true));
    assert!(channel.ledger.restarts_without_loss(channel.in_flight));
    channel.restart();
    assert_eq!(channel.ledger.subscribing(), "1");
    assert_eq!(channel.receive(Carrier::Poll, "2"), [2], "the other has it");
}

#[test]
fn r7b_what_joins_before_the_subscribe_needs_no_new_session() {
    let mut channel = Channel::stored();
    channel.keeps_texts = false;
    channel.poll(&["1", "2"]);
    channel.leave(1, "");
    channel.restart();
    let joined = channel.join(2);
    assert_eq!((ids(&joined).len(), joined.needs_session), (0, false));
    assert_eq!(channel.ledger.subscribing(), "0");
}

#[test]
fn r7c_the_first_event_is_kept_whatever_the_bound() {
    let mut channel = Channel::new(Start::New);
    channel.keeps_texts = false;
    channel.join(1);
    channel.ledger.subscribing();
    channel.poll(&["1", "2"]);
    let joined = channel.join(2);
    assert_eq!((ids(&joined), joined.needs_session), (vec!["1"], true));
}

#[test]
fn r7c_a_reader_that_cannot_be_given_the_first_events_is_told() {
    let mut channel = Channel::new(Start::New);
    channel.keeps_texts = false;
    channel.join(1);
    channel.ledger.subscribing();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.commands(&["2"]);
    channel.poll(&["1"]);
    channel.end(Carrier::Poll);
    channel.end(Carrier::Commands);
    channel.restart();
    let joined = channel.join(2);
    assert_eq!((ids(&joined), joined.needs_session, joined.is_lost), (vec!["2"], false, true));
}

#[test]
fn r3a_what_a_reader_left_with_in_hand_holds_the_position() {
    let mut channel = Channel::stored();
    channel.join(2);
    channel.poll(&["1", "2"]);
    channel.commit(2, &["1", "2"]);
    channel.leave(1, "1");
    channel.stands_at("0");
    let joined = channel.join(3);
    assert_eq!(ids(&joined), ["1", "2"]);
    channel.commit(3, &["1"]);
    channel.stands_at("1");
}

#[test]
fn r3a_what_was_queued_for_a_reader_that_left_holds_nothing() {
    let mut channel = Channel::stored();
    channel.join(2);
    channel.poll(&["1", "2"]);
    channel.commit(2, &["1", "2"]);
    channel.leave(1, "");
    channel.stands_at("2");
}

#[test]
fn r3a_a_reader_may_commit_after_it_has_left() {
    let mut channel = Channel::stored();
    channel.join(2);
    channel.poll(&["1"]);
    channel.commit(2, &["1"]);
    channel.leave(1, "1");
    channel.commit(1, &["1"]);
    channel.stands_at("1");
}

#[test]
fn r3a_the_first_reader_after_all_have_gone_sets_the_conditions() {
    let mut channel = Channel::stored();
    channel.ledger.conditions(Start::All, Commit::Delivered, OnInvalid::Fail);
    let Ledger { commit, on_invalid, .. } = channel.ledger;
    assert_eq!(
        (channel.ledger.start(), commit, on_invalid),
        (&Start::All, Commit::Delivered, OnInvalid::Fail)
    );
    channel.stands_at("0");
}

#[test]
fn p3_texts_count_until_they_are_passed() {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2"]);
    let size = event("1").raw().len();
    assert_eq!((channel.ledger.kept_bytes(), channel.ledger.owed()), (2 * size, 2));
    channel.commit(1, &["2"]);
    assert_eq!((channel.ledger.kept_bytes(), channel.ledger.owed()), (2 * size, 1));
    channel.commit(1, &["1"]);
    assert_eq!((channel.ledger.kept_bytes(), channel.ledger.owed()), (0, 0));
}
