//! R6: the server refuses a position.

use super::*;
use crate::replay::ledger::Committed;

/// Events 1 and 2, of which 2 is committed; then the position is refused.
fn refused(fallback: Start) -> Channel {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2"]);
    channel.commit(1, &["2"]);
    assert_eq!(channel.ledger.refused(fallback), [0; 0]);
    channel
}

#[test]
fn r6_after_a_refusal_the_channel_begins_anew() {
    let mut channel = refused(Start::All);
    assert_eq!(channel.position(), None);
    assert!(!channel.ledger.is_subscribed(), "the session may try once more");
    assert_eq!((channel.ledger.kept_bytes(), channel.ledger.owed()), (0, 0));
    assert_eq!(channel.ledger.subscribing(), "-2");
    assert_eq!(refused(Start::New).ledger.resume_from(), "-1");
}

#[test]
fn r6_the_events_of_the_old_epoch_are_no_duplicates() {
    let mut channel = refused(Start::All);
    channel.ledger.subscribing();
    assert_eq!(channel.receive(Carrier::Poll, "1"), [1]);
    channel.commit(1, &["1"]);
    channel.stands_at("1");
}

#[test]
fn r6_versions_ascend_over_epochs() {
    let mut channel = Channel::stored();
    channel.poll(&["5"]);
    channel.commit(1, &["5"]);
    channel.ledger.refused(Start::All);
    assert_eq!(channel.ledger.version(), 1);
    channel.ledger.subscribing();
    channel.poll(&["2"]);
    channel.commit(1, &["2"]);
    assert_eq!(channel.ledger.to_save(), Some((2, position("2"))));
}

#[test]
fn r6_commits_of_the_old_epoch_fail_and_wait_for_nothing() {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2"]);
    let numbers = ["1", "2"].map(|id| channel.sequence(id));
    assert_eq!(channel.ledger.wait_for(71, numbers[1]), Committed::Waits);
    assert_eq!(channel.ledger.refused(Start::All), [71], "it waited for a position of the old epoch");
    assert_eq!(channel.ledger.wait_for(72, numbers[0]), Committed::Expired);
    assert_eq!(channel.ledger.wait_for(73, numbers[0]), Committed::Known, "it was told once");
}

#[test]
fn r6_until_a_position_is_known_the_store_knows_another_one() {
    let mut channel = Channel::stored();
    channel.ledger.refused(Start::New);
    assert!(!channel.ledger.is_all_committed());
    channel.ledger.subscribing();
    channel.poll(&["7"]);
    channel.commit(1, &["7"]);
    assert!(channel.ledger.is_all_committed());
}
