//! R3, R4: which position may be saved, and who waits for it.

use super::super::recent::MAX_RECENT;
use super::{Arrival, channel, committed, event, event_for, late, position, receive_all, stored};
use crate::replay::Start;

#[test]
fn r4_the_last_position_before_which_all_is_processed_may_be_saved() {
    let mut ledger = channel(Start::All);
    receive_all(&mut ledger, [event(11, "a"), event(12, "b"), event(13, "c")]);
    assert_eq!((ledger.to_save(), ledger.version()), (None, 0));
    ledger.processed(1, 12, false);
    assert_eq!((ledger.to_save(), ledger.version()), (None, 0));
    ledger.processed(1, 11, false);
    assert_eq!((ledger.to_save(), ledger.version()), (Some((1, &position("b"))), 1));
    ledger.processed(1, 13, false);
    assert_eq!((ledger.to_save(), ledger.version()), (Some((2, &position("c"))), 2));
}

#[test]
fn r3_a_whole_batch_up_to_an_event_is_processed_at_once() {
    let mut ledger = channel(Start::All);
    receive_all(&mut ledger, [event(11, "a"), event(12, "b"), event(13, "c")]);
    ledger.processed(1, 12, true);
    assert_eq!(ledger.to_save(), Some((1, &position("b"))));
}

#[test]
fn r3a_an_event_counts_once_each_committing_subscription_has_processed_it() {
    let mut ledger = channel(Start::All);
    ledger.receive(Arrival { committers: &[1, 2], ..event_for(&[1, 2, 3], 11, "a") });
    ledger.processed(1, 11, true);
    ledger.processed(3, 11, true);
    assert_eq!(committed(&ledger), None);
    ledger.processed(2, 11, true);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r4_an_event_for_nobody_who_commits_counts_as_it_arrives() {
    let mut ledger = channel(Start::All);
    ledger.receive(Arrival { committers: &[], ..event(11, "a") });
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r4_an_event_processed_before_it_is_delivered_again_counts_as_it_arrives() {
    let mut ledger = channel(Start::All);
    ledger.receive(late(11, "a"));
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), None);
    ledger.receive(event(12, "a"));
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r4_processing_finds_an_event_behind_one_with_a_higher_number() {
    let mut ledger = channel(Start::All);
    receive_all(&mut ledger, [late(11, "a"), event(18, "x"), event(19, "a")]);
    ledger.processed(1, 11, false);
    ledger.processed(1, 18, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r4_processing_finds_an_event_behind_one_that_was_given_out_anew() {
    let mut ledger = channel(Start::All);
    let nobody_commits = event_for(&[1], 11, "a");
    // Something at the beginning that holds the others.
    ledger.receive(event(10, "held"));
    ledger.receive(Arrival { committers: &[], ..nobody_commits });
    ledger.receive(event(12, "b"));
    ledger.receive(Arrival { committers: &[2], ..event_for(&[1, 2], 13, "a") });
    for (subscription, sequence) in [(1, 12), (2, 13), (1, 10)] {
        ledger.processed(subscription, sequence, false);
    }
    assert_eq!(committed(&ledger), Some("b"));
}

#[test]
fn r4_processing_finds_an_event_delivered_again_to_a_later_subscription() {
    let mut ledger = stored();
    ledger.receive(event(11, "a"));
    assert!(ledger.subscription_added(&[1]));
    ledger.subscribing(1, false);
    ledger.subscription_removed(1, 11, &[2]);
    receive_all(&mut ledger, [event_for(&[2], 18, "x"), event_for(&[2], 19, "a")]);
    // The application commits late what the closed subscription had handed out.
    ledger.processed(1, 11, false);
    ledger.processed(2, 19, true);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn p4_a_queue_in_order_is_searched_no_further_than_the_event() {
    let mut ledger = stored();
    assert!(ledger.sequences_ascend);
    receive_all(&mut ledger, [event(11, "a"), event(12, "b"), event(13, "a")]);
    assert!(ledger.sequences_ascend, "a duplicate is not given out");
    ledger.restart();
    assert!(ledger.sequences_ascend, "all of it is kept");
    receive_all(&mut ledger, [late(14, "c"), event(15, "d"), event(16, "c")]);
    assert!(!ledger.sequences_ascend, "c has an older number");
    ledger.processed(1, 16, true);
    assert!(ledger.sequences_ascend, "nothing is left");
    receive_all(&mut ledger, [late(17, "e"), event(18, "e")]);
    ledger.refused(Start::All);
    ledger.restart();
    assert!(ledger.sequences_ascend, "nothing is left of the old epoch");
    ledger.receive(late(19, "f"));
    ledger.restart();
    assert!(!ledger.sequences_ascend, "f will come again with an older number");
}

#[test]
fn r4_a_commit_waits_for_the_version_that_includes_its_event() {
    let mut ledger = channel(Start::All);
    receive_all(&mut ledger, [event(11, "a"), event(12, "b"), event(13, "c"), event(14, "d")]);
    for (command, sequence) in [(31, 11), (32, 12), (33, 13), (34, 14)] {
        ledger.wait_for(command, sequence);
    }
    assert_eq!(ledger.take_waiters(Some(9)), []);
    ledger.processed(1, 11, false);
    ledger.processed(1, 12, false);
    ledger.processed(1, 13, false);
    assert_eq!(ledger.take_waiters(Some(0)), []);
    assert_eq!(ledger.take_waiters(Some(2)), [31, 32]);
    assert_eq!(ledger.take_waiters(Some(2)), []);
    assert_eq!(ledger.take_waiters(None), [33, 34]);
    assert_eq!(ledger.take_waiters(None), []);
}

#[test]
fn r4_a_commit_of_an_event_that_is_committed_already_waits_for_its_save() {
    let mut ledger = channel(Start::All);
    ledger.receive(event(11, "a"));
    ledger.processed(1, 11, false);
    ledger.wait_for(31, 11);
    assert_eq!(ledger.take_waiters(Some(0)), []);
    assert_eq!(ledger.take_waiters(Some(1)), [31]);
}

#[test]
fn r4_a_commit_of_an_event_that_awaits_redelivery_waits_for_it() {
    let mut ledger = channel(Start::All);
    ledger.receive(late(11, "a"));
    ledger.wait_for(31, 11);
    assert_eq!(ledger.take_waiters(Some(9)), []);
    ledger.processed(1, 11, false);
    ledger.receive(event(12, "a"));
    assert_eq!(ledger.take_waiters(Some(1)), [31]);
}

#[test]
fn r3_an_event_is_remembered_as_given_out_wherever_it_stands() {
    let mut ledger = channel(Start::All);
    receive_all(&mut ledger, [event(11, "a"), event(12, "b"), late(13, "c")]);
    ledger.processed(1, 11, false);
    for (sequence, expected) in [(10, false), (11, true), (12, true), (13, true), (14, false)] {
        assert_eq!(ledger.gave_out(sequence), expected, "{sequence}");
    }
}

/// The sequence numbers are 1 to `count`.
fn commit_one_by_one(count: u32) -> super::Ledger {
    let mut ledger = channel(Start::All);
    for sequence in 1..=count {
        ledger.receive(event(sequence, &sequence.to_string()));
        ledger.processed(1, sequence, false);
    }
    ledger
}

#[test]
fn r7b_the_older_half_of_the_committed_events_is_forgotten_when_they_are_too_many() {
    let most = MAX_RECENT as u32;
    assert!(commit_one_by_one(most).gave_out(1));
    let mut ledger = commit_one_by_one(most + 1);
    assert_eq!(
        [1, most / 2, most / 2 + 1, most + 1].map(|sequence| ledger.gave_out(sequence)),
        [false, false, true, true]
    );
    assert_eq!(ledger.receive(event(900, &most.to_string())), []);
    assert_eq!(ledger.receive(event(901, "1")), [1]);
}

#[test]
fn r7b_events_committed_at_once_are_all_remembered_until_the_next_commit() {
    let most = MAX_RECENT as u32;
    let mut ledger = channel(Start::All);
    receive_all(&mut ledger, (1..=most + 40).map(|sequence| event(sequence, &sequence.to_string())));
    ledger.processed(1, most + 40, true);
    assert!(ledger.gave_out(1));
    ledger.receive(event(900, "next"));
    ledger.processed(1, 900, false);
    assert_eq!([40 + most / 2, 41 + most / 2].map(|sequence| ledger.gave_out(sequence)), [false, true]);
}

#[test]
fn r5_all_is_committed_when_the_store_could_give_back_all_that_is_known() {
    assert!(channel(Start::New).is_all_committed(), "nothing is known");
    let mut ledger = stored();
    assert!(ledger.is_all_committed());
    ledger.receive(event(11, "a"));
    assert!(!ledger.is_all_committed(), "a is pending");
    ledger.processed(1, 11, false);
    assert!(ledger.is_all_committed());
    ledger.receive(late(12, "b"));
    assert!(!ledger.is_all_committed(), "b will come again");
}

#[test]
fn r7c_a_first_event_without_a_position_is_known_to_nobody_else() {
    let mut ledger = channel(Start::All);
    ledger.receive(late(11, "a"));
    ledger.processed(1, 11, false);
    assert!(!ledger.is_all_committed());
    ledger.receive(event(12, "a"));
    assert!(ledger.is_all_committed());
}

#[test]
fn r6_that_a_position_was_refused_is_known_to_nobody_else() {
    let mut ledger = stored();
    ledger.refused(Start::All);
    assert!(!ledger.is_all_committed());
    ledger.receive(event(12, "a"));
    ledger.processed(1, 12, false);
    assert!(ledger.is_all_committed());
}

#[test]
fn r3_the_numbers_of_all_events_that_are_remembered_are_known() {
    let mut ledger = channel(Start::All);
    receive_all(&mut ledger, [event(11, "a"), event_for(&[1, 2], 12, "b"), late(13, "c")]);
    assert_eq!(ledger.sequences().collect::<Vec<_>>(), [11, 12, 12, 13]);
    ledger.processed(1, 11, false);
    assert_eq!(ledger.sequences().collect::<Vec<_>>(), [12, 12, 13, 11]);
}
