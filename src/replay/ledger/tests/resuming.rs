//! R6, R7: where the next subscribe begins.

use super::{
    Arrival, Wait, channel, committed, event, late, on_request, position, receive_all, stored, waiting,
};
use crate::replay::Start;

#[test]
fn r7_a_channel_without_a_position_begins_where_its_subscription_wants() {
    for (start, expected) in [(Start::New, "-1"), (Start::All, "-2"), (Start::After("q".to_owned()), "q")] {
        let mut ledger = channel(start.clone());
        assert_eq!(ledger.resume_from(), expected);
        assert_eq!(ledger.has_position(), start != Start::New);
        assert_eq!(ledger.subscribing(1, false), expected);
        assert_eq!(ledger.to_save(), None);
    }
}

#[test]
fn r5a_a_channel_begins_at_its_stored_position() {
    let ledger = stored();
    assert_eq!(ledger.resume_from(), "p");
    assert!(ledger.has_position());
    assert_eq!(ledger.to_save(), Some((0, &position("p"))));
}

#[test]
fn r7_a_channel_resumes_from_the_last_received_position_that_is_not_provisional() {
    let mut ledger = stored();
    receive_all(&mut ledger, [event(11, "a"), event(12, "b"), waiting(13, "c", 9)]);
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("b", Some("p")));
    assert_eq!(ledger.subscribing(6, false), "b");
    assert_eq!(ledger.receive(event(14, "c")), [], "it has been given out");
    ledger.processed(1, 13, true);
    assert_eq!(committed(&ledger), Some("c"));
}

#[test]
fn r7_what_is_subscribed_again_or_beside_another_begins_at_its_position() {
    assert_eq!(stored().subscribing(1, true), "p");
    let mut ledger = stored();
    assert_eq!(ledger.subscribing(1, false), "p");
    receive_all(&mut ledger, [event(11, "a"), event(12, "b")]);
    assert_eq!(ledger.subscribing(6, false), "b");
}

#[test]
fn r7_a_restart_keeps_what_is_not_provisional() {
    let mut ledger = channel(Start::New);
    receive_all(&mut ledger, [event(11, "a"), event(12, "b")]);
    ledger.restart();
    assert_eq!(ledger.resume_from(), "b");
}

#[test]
fn r7c_the_first_event_is_a_position_from_which_nothing_is_lost() {
    let mut ledger = channel(Start::New);
    receive_all(&mut ledger, [event(11, "a"), event(12, "b")]);
    assert!(ledger.has_position());
    assert!(ledger.subscription_added(&[1]));
    assert_eq!(ledger.resume_from(), "a");
    let mut ledger = channel(Start::All);
    ledger.receive(event(11, "a"));
    assert!(ledger.subscription_added(&[1]));
    assert_eq!(ledger.resume_from(), "-2");
}

#[test]
fn r7c_a_provisional_first_event_is_no_position_for_a_new_subscription() {
    let mut ledger = channel(Start::New);
    ledger.receive(waiting(11, "a", 9));
    assert_eq!(ledger.resume_from(), "a");
    assert!(!ledger.has_position());
    ledger.response_ended(9, true, true, None);
    assert!(ledger.has_position());
    ledger.receive(waiting(12, "b", 9));
    assert!(ledger.has_position());
}

#[test]
fn r7c_a_provisional_first_event_matters_only_with_start_new_and_no_position() {
    let mut ledger = channel(Start::All);
    ledger.receive(waiting(11, "a", 9));
    assert!(ledger.has_position());
    let mut ledger = stored();
    ledger.receive(waiting(11, "a", 9));
    assert!(ledger.has_position());
}

#[test]
fn r7c_the_first_event_stays_provisional_in_a_session_that_lives() {
    let mut ledger = channel(Start::New);
    ledger.receive(waiting(11, "a", 9));
    assert_eq!(ledger.subscribing(6, false), "a");
    assert!(!ledger.has_position());
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), None);
    ledger.response_ended(9, true, true, None);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r7c_the_first_event_does_not_come_again_after_a_restart() {
    let mut ledger = channel(Start::New);
    receive_all(&mut ledger, [waiting(11, "a", 9), waiting(12, "b", 9)]);
    ledger.restart();
    assert!(ledger.has_position());
    ledger.processed(1, 12, true);
    assert_eq!(committed(&ledger), Some("a"));
    ledger.receive(event(13, "b"));
    assert_eq!(committed(&ledger), Some("b"));
}

#[test]
fn r7c_a_late_first_event_does_not_come_again_either() {
    let mut ledger = channel(Start::New);
    ledger.receive(late(11, "a"));
    assert_eq!(ledger.subscribing(6, false), "a");
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r7c_a_late_first_event_is_provisional_no_longer_once_subscribed_again() {
    let mut ledger = channel(Start::New);
    ledger.receive(Arrival { wait: Wait::Response(9), ..late(11, "a") });
    ledger.subscribing(6, false);
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r4a_events_unordered_with_the_first_one_hold_its_position_after_a_restart() {
    let mut ledger = channel(Start::New);
    receive_all(&mut ledger, [waiting(11, "a", 9), on_request(9, 12, "b"), on_request(9, 13, "c")]);
    ledger.restart();
    ledger.processed(1, 11, false);
    ledger.processed(1, 12, false);
    assert_eq!(committed(&ledger), None);
    ledger.processed(1, 13, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r4a_unordered_events_of_another_group_hold_nothing_after_a_restart() {
    let mut ledger = channel(Start::New);
    let first_group = [waiting(11, "a", 9), on_request(9, 12, "b")];
    let second_group = [waiting(13, "c", 7), on_request(7, 14, "d")];
    receive_all(&mut ledger, first_group.into_iter().chain(second_group));
    ledger.restart();
    ledger.processed(1, 12, true);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r4a_unordered_events_that_all_come_again_hold_nothing_after_a_restart() {
    let mut ledger = stored();
    receive_all(&mut ledger, [event(11, "a"), waiting(12, "b", 9), on_request(9, 13, "c")]);
    ledger.restart();
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r6_a_refused_position_begins_a_new_epoch() {
    let mut ledger = stored();
    receive_all(&mut ledger, [event(11, "a"), event(12, "b"), late(13, "c")]);
    ledger.processed(1, 11, false);
    ledger.wait_for(37, 12);
    ledger.subscription_added(&[1]);
    assert_eq!(ledger.refused(Start::All), [37]);
    assert_eq!((ledger.resume_from(), ledger.start()), ("-2", &Start::New));
    assert_eq!((ledger.to_save(), ledger.version()), (None, 1));
    assert!(!ledger.is_rewinding() && !ledger.gave_out(12));
    assert_eq!(["a", "b", "c"].map(|id| ledger.receive(event(14, id))), [[1], [1], [1]]);
    ledger.processed(1, 14, false);
    assert_eq!(ledger.to_save(), Some((2, &position("c"))));
}

#[test]
fn r6_a_refused_subscribe_leaves_nothing_over_for_the_next() {
    let mut ledger = stored();
    ledger.subscribing(1, false);
    ledger.refused(Start::New);
    ledger.subscribing(2, false);
    ledger.receive(on_request(2, 11, "a"));
    assert!(ledger.has_position());
}

#[test]
fn r6_a_refused_subscribe_after_an_accepted_one_still_leaves_events_over() {
    let mut ledger = stored();
    ledger.subscribing(1, false);
    ledger.subscribing(2, false);
    ledger.refused(Start::New);
    ledger.subscribing(3, false);
    ledger.receive(on_request(2, 11, "a"));
    assert!(!ledger.has_position());
}

#[test]
fn r6_the_first_event_of_the_old_epoch_is_no_position_in_the_new_one() {
    let mut ledger = channel(Start::New);
    ledger.receive(event(11, "a"));
    ledger.refused(Start::New);
    assert_eq!((ledger.resume_from(), ledger.has_position()), ("-1", false));
    ledger.receive(event(12, "b"));
    assert!(ledger.subscription_added(&[1]));
    assert_eq!(ledger.resume_from(), "b");
}

#[test]
fn r6_an_unwanted_event_of_the_old_epoch_is_not_needed_in_the_new_one() {
    let mut ledger = stored();
    ledger.event_unwanted();
    ledger.refused(Start::All);
    assert!(!ledger.subscription_added(&[]));
    let mut ledger = channel(Start::New);
    ledger.event_unwanted();
    ledger.refused(Start::All);
    ledger.receive(event(11, "a"));
    assert!(!ledger.is_rewinding());
}
