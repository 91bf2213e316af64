//! R7b: events that come again.

use super::{Arrival, channel, committed, event, event_for, late, receive_all, stored, waiting};
use crate::replay::Start;

#[test]
fn r7b_an_event_is_given_out_once() {
    let mut ledger = stored();
    assert_eq!(ledger.receive(event(11, "a")), [1]);
    assert_eq!(ledger.receive(event(12, "a")), [], "while it is pending");
    ledger.processed(1, 11, false);
    assert_eq!(ledger.receive(event(13, "a")), [], "once it is committed");
    assert_eq!((committed(&ledger), ledger.version()), (Some("a"), 1));
    assert_eq!(ledger.receive(late(14, "b")), [1]);
    assert_eq!(ledger.receive(event(15, "b")), [], "when it comes again");
}

#[test]
fn r7b_another_uuid_makes_another_event() {
    let mut ledger = stored();
    for uuid in [None, Some("u"), Some("v")] {
        assert_eq!(ledger.receive(Arrival { uuid, ..event(11, "a") }), [1]);
        assert_eq!(ledger.receive(Arrival { uuid, ..event(11, "a") }), []);
    }
}

#[test]
fn r7b_an_event_that_comes_again_is_given_to_new_subscriptions_alone() {
    let mut ledger = stored();
    assert_eq!(ledger.receive(event_for(&[1, 2], 11, "a")), [1, 2]);
    assert_eq!(ledger.receive(event_for(&[1, 2, 3, 4], 12, "a")), [3, 4]);
    assert_eq!(ledger.receive(event_for(&[1, 2, 3, 4], 13, "a")), []);
    for (subscription, sequence) in [(1, 11), (2, 11), (3, 12)] {
        ledger.processed(subscription, sequence, false);
        assert_eq!(committed(&ledger), Some("p"));
    }
    ledger.processed(4, 12, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r7b_a_duplicate_of_a_settled_event_leaves_it_where_it_is() {
    let mut ledger = stored();
    receive_all(&mut ledger, [event(11, "a"), event(12, "b"), event(13, "a")]);
    assert_eq!(ledger.resume_from(), "b");
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r7b_a_provisional_event_that_comes_again_moves_to_its_new_place() {
    let mut ledger = stored();
    receive_all(&mut ledger, [waiting(11, "b", 9), event(12, "a"), event(13, "b")]);
    assert_eq!(ledger.resume_from(), "b");
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), Some("p"));
    ledger.processed(1, 12, false);
    assert_eq!(committed(&ledger), Some("b"));
}

#[test]
fn r7d_the_position_of_a_late_event_counts_only_when_it_comes_again() {
    let mut ledger = stored();
    ledger.receive(late(11, "a"));
    assert_eq!(ledger.resume_from(), "p");
    ledger.processed(1, 11, false);
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("p", Some("p")));
    ledger.receive(event(12, "a"));
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("a", Some("a")));
}

#[test]
fn r4_a_late_event_does_not_hold_those_that_are_in_their_place() {
    let mut ledger = stored();
    receive_all(&mut ledger, [late(11, "b"), event(12, "a")]);
    ledger.processed(1, 12, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r7b_a_new_subscription_needs_again_what_is_not_committed() {
    let mut ledger = stored();
    assert!(!ledger.subscription_added(&[]));
    assert!(!ledger.is_rewinding());
    ledger.receive(event(11, "a"));
    assert!(ledger.subscription_added(&[1]));
    assert!(ledger.is_rewinding());
    assert_eq!(ledger.resume_from(), "p");
    // Until it is subscribed again, no position advances.
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), Some("p"));
    assert_eq!(ledger.subscribing(1, false), "p");
    assert!(!ledger.is_rewinding());
    assert_eq!(ledger.receive(event_for(&[1, 2], 12, "a")), [2]);
    ledger.processed(2, 12, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r7b_a_new_subscription_needs_again_what_came_late() {
    let mut ledger = stored();
    ledger.receive(late(11, "a"));
    assert!(ledger.subscription_added(&[1]));
}

#[test]
fn r7b_a_new_subscription_needs_nothing_again_once_all_is_committed() {
    let mut ledger = stored();
    ledger.receive(event(11, "a"));
    ledger.processed(1, 11, false);
    assert!(!ledger.subscription_added(&[1]));
    assert_eq!(ledger.resume_from(), "a");
}

#[test]
fn r7b_an_unwanted_event_comes_again_for_the_next_subscription() {
    let mut ledger = stored();
    ledger.event_unwanted();
    assert!(!ledger.is_rewinding());
    assert!(ledger.subscription_added(&[]));
    assert_eq!(ledger.subscribing(1, false), "p");
    assert!(!ledger.subscription_added(&[]), "it has been subscribed again");
}

#[test]
fn r7b_an_unwanted_event_without_a_position_makes_the_next_one_come_again() {
    let mut ledger = channel(Start::New);
    ledger.event_unwanted();
    assert!(!ledger.subscription_added(&[]), "there is no position to begin at");
    ledger.receive(event(11, "a"));
    assert!(ledger.is_rewinding());
    assert_eq!(ledger.subscribing(1, false), "a");
    ledger.receive(event(12, "b"));
    assert!(!ledger.is_rewinding());
}

#[test]
fn r7b_an_unwanted_event_before_the_position_is_loaded_makes_nothing_come_again() {
    let mut ledger = channel(Start::New);
    ledger.event_unwanted();
    ledger.loaded(Some(super::position("p")));
    ledger.receive(event(11, "a"));
    assert!(!ledger.is_rewinding());
}

#[test]
fn r4a_an_unwanted_event_may_belong_before_a_provisional_one() {
    let mut ledger = stored();
    ledger.receive(event(11, "a"));
    ledger.event_unwanted();
    assert!(!ledger.is_rewinding());
    ledger.receive(waiting(12, "b", 9));
    ledger.event_unwanted();
    assert!(ledger.is_rewinding());
}
