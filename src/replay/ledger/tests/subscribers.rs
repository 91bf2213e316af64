//! R3a: local subscriptions that come and go.

use super::{channel, committed, event, event_for, receive_all, stored};
use crate::replay::{Commit, OnInvalid, Start};

#[test]
fn r3a_a_channel_has_the_conditions_of_its_first_subscription() {
    let mut ledger = channel(Start::New);
    assert_eq!(ledger.channel(), "/event/A?x=1");
    assert_eq!(*ledger.start(), Start::New);
    assert!(ledger.commit == Commit::Processed && ledger.on_invalid == OnInvalid::All);
    ledger.conditions(Start::All, Commit::Manual, OnInvalid::Fail);
    assert_eq!(*ledger.start(), Start::All);
    assert!(ledger.commit == Commit::Manual && ledger.on_invalid == OnInvalid::Fail);
}

#[test]
fn r3a_a_closed_subscription_holds_only_what_it_was_handed_and_has_not_processed() {
    let mut ledger = channel(Start::All);
    receive_all(
        &mut ledger,
        [11, 12, 13, 14].map(|sequence| event_for(&[1, 2], sequence, &sequence.to_string())),
    );
    ledger.processed(2, 13, true);
    ledger.processed(1, 11, false);
    ledger.subscription_removed(1, 12, &[2]);
    assert_eq!(committed(&ledger), Some("11"));
    ledger.processed(1, 12, false);
    assert_eq!(committed(&ledger), Some("13"), "subscription 2 has not processed 14");
}

#[test]
fn r3a_what_a_closed_subscription_was_not_handed_is_free_at_once() {
    let mut ledger = channel(Start::All);
    ledger.receive(event_for(&[1, 2], 11, "a"));
    ledger.processed(2, 11, false);
    ledger.subscription_removed(1, 0, &[2]);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r3a_the_last_subscription_leaves_the_position_where_it_is() {
    let mut ledger = channel(Start::All);
    ledger.receive(event(11, "a"));
    ledger.subscription_removed(1, 0, &[]);
    // Nothing that happens later frees it.
    ledger.response_ended(5, true, true, None);
    assert_eq!(committed(&ledger), None);
}

#[test]
fn r3a_a_new_subscription_frees_what_a_closed_one_held() {
    let mut ledger = stored();
    ledger.receive(event(11, "a"));
    ledger.subscription_removed(1, 11, &[]);
    assert!(ledger.subscription_added(&[]));
    ledger.subscribing(1, false);
    assert_eq!(ledger.receive(event_for(&[2], 12, "a")), [2]);
    assert_eq!(committed(&ledger), Some("p"));
    ledger.processed(2, 12, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r3a_a_new_subscription_leaves_what_an_open_one_holds() {
    let mut ledger = stored();
    ledger.receive(event(11, "a"));
    assert!(ledger.subscription_added(&[1]));
    ledger.subscribing(1, false);
    assert_eq!(ledger.receive(event_for(&[1, 2], 12, "a")), [2]);
    ledger.processed(2, 12, false);
    assert_eq!(committed(&ledger), Some("p"));
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), Some("a"));
}
