//! R4a: positions that do not count yet.

use super::{Arrival, Ledger, Wait, committed, event, on_request, receive_all, stored, waiting};
use crate::replay::Start;

/// Subscribed by request 1, and again by request 3 in the same session.
fn subscribed_again() -> Ledger {
    let mut ledger = stored();
    ledger.subscribing(1, false);
    ledger.subscribing(3, false);
    ledger
}

/// A ledger with the event "a", processed already, of which only its place is in question.
fn with_processed(mut ledger: Ledger, arrival: Arrival<'static>) -> Ledger {
    assert_eq!(ledger.receive(arrival), [1]);
    ledger.processed(1, 11, false);
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("p", Some("p")));
    ledger
}

#[test]
fn r4a_a_position_that_waits_for_a_response_counts_when_that_has_ended() {
    let mut ledger = with_processed(stored(), waiting(11, "a", 9));
    ledger.response_ended(8, true, true, None);
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("p", Some("p")));
    ledger.response_ended(9, false, false, None);
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("a", Some("a")));
}

#[test]
fn r4a_a_position_that_counts_is_not_made_provisional_by_another_response() {
    let mut ledger = stored();
    ledger.receive(event(11, "a"));
    ledger.response_ended(5, true, true, Some(8));
    assert_eq!(ledger.resume_from(), "a");
}

#[test]
fn r4a_the_first_subscribe_of_a_session_has_nothing_left_over() {
    let mut ledger = stored();
    ledger.subscribing(1, false);
    ledger.receive(on_request(1, 11, "a"));
    assert_eq!(ledger.resume_from(), "a");
    ledger.restart();
    ledger.subscribing(2, false);
    ledger.receive(on_request(2, 12, "b"));
    assert_eq!(ledger.resume_from(), "b");
}

#[test]
fn r4a_a_channel_that_another_subscription_covers_may_have_events_left_over() {
    let mut ledger = stored();
    ledger.subscribing(1, true);
    with_processed(ledger, on_request(2, 11, "a"));
}

#[test]
fn r4a_a_leftover_is_settled_by_a_poll_sent_after_the_subscribe() {
    let mut ledger = with_processed(subscribed_again(), on_request(2, 11, "a"));
    // None of these is such a poll, or the server has not accepted the channel yet.
    for (request, poll, present) in
        [(2, true, true), (3, true, true), (3, false, true), (4, false, true), (4, true, false)]
    {
        ledger.response_ended(request, poll, present, None);
        assert_eq!((ledger.resume_from(), committed(&ledger)), ("p", Some("p")), "{request}");
    }
    ledger.response_ended(4, true, true, None);
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("a", Some("a")));
    ledger.receive(event(12, "b"));
    assert_eq!(ledger.resume_from(), "b", "nothing is left over any longer");
}

#[test]
fn r4a_what_comes_on_the_response_to_the_subscribe_is_settled_by_its_end() {
    let mut ledger = with_processed(subscribed_again(), on_request(3, 11, "a"));
    for (request, present) in [(2, true), (4, true), (3, false)] {
        ledger.response_ended(request, false, present, None);
        assert_eq!(committed(&ledger), Some("p"), "{request}");
    }
    ledger.response_ended(3, false, true, None);
    assert_eq!(committed(&ledger), Some("a"));
    // Other responses may still bring leftovers.
    ledger.receive(on_request(2, 12, "b"));
    assert_eq!(ledger.resume_from(), "a");
}

#[test]
fn r4a_a_settled_leftover_waits_for_the_response_that_is_open_beside() {
    let mut ledger = with_processed(subscribed_again(), on_request(2, 11, "a"));
    ledger.response_ended(4, true, true, Some(6));
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("p", Some("p")));
    ledger.response_ended(6, false, true, None);
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("a", Some("a")));
}

#[test]
fn r4a_a_settled_leftover_still_waits_for_the_response_it_waited_for() {
    let arrival = Arrival { wait: Wait::Response(9), ..on_request(2, 11, "a") };
    let mut ledger = with_processed(subscribed_again(), arrival);
    ledger.response_ended(4, true, true, None);
    assert_eq!(committed(&ledger), Some("p"));
    ledger.response_ended(9, false, true, None);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r4a_a_response_open_when_the_leftovers_were_settled_may_bring_more() {
    let mut ledger = subscribed_again();
    ledger.response_ended(4, true, true, Some(6));
    ledger.response_ended(5, false, true, None);
    let mut ledger = with_processed(ledger, on_request(6, 11, "a"));
    ledger.response_ended(6, false, true, None);
    assert_eq!((ledger.resume_from(), committed(&ledger)), ("a", Some("a")));
    ledger.receive(on_request(6, 12, "b"));
    assert_eq!(ledger.resume_from(), "b");
}

#[test]
fn r4a_a_response_sent_after_the_leftovers_were_settled_brings_none() {
    let mut ledger = subscribed_again();
    ledger.response_ended(4, true, true, Some(6));
    ledger.receive(on_request(7, 11, "a"));
    assert_eq!(ledger.resume_from(), "a");
}

#[test]
fn r4a_nothing_is_left_over_from_before_a_restart_or_a_refused_position() {
    let resets: [fn(&mut Ledger); 2] = [|ledger| ledger.restart(), |ledger| _ = ledger.refused(Start::All)];
    for reset in resets {
        let mut ledger = subscribed_again();
        reset(&mut ledger);
        ledger.receive(on_request(2, 11, "a"));
        assert_eq!(ledger.resume_from(), "a");
        let mut ledger = subscribed_again();
        ledger.response_ended(4, true, true, Some(6));
        reset(&mut ledger);
        ledger.receive(on_request(6, 11, "a"));
        assert_eq!(ledger.resume_from(), "a");
    }
}

#[test]
fn r4a_events_on_two_responses_at_once_count_together() {
    let mut ledger = stored();
    receive_all(&mut ledger, [event(11, "a"), waiting(12, "b", 9), event(13, "c"), on_request(9, 14, "d")]);
    assert_eq!(ledger.resume_from(), "a");
    ledger.response_ended(9, true, true, None);
    assert_eq!(ledger.resume_from(), "d");
    ledger.processed(1, 13, true);
    assert_eq!(committed(&ledger), Some("a"));
    ledger.processed(1, 14, false);
    assert_eq!(committed(&ledger), Some("d"));
}

#[test]
fn r4a_what_is_received_after_both_responses_have_ended_counts_by_itself() {
    let mut ledger = stored();
    receive_all(&mut ledger, [waiting(11, "a", 9), on_request(9, 12, "b")]);
    ledger.response_ended(9, true, true, None);
    ledger.receive(event(13, "c"));
    ledger.processed(1, 12, true);
    assert_eq!(committed(&ledger), Some("b"));
}

#[test]
fn r4a_the_rest_of_a_group_counts_when_its_first_event_has_come_again() {
    let mut ledger = stored();
    receive_all(&mut ledger, [waiting(11, "a", 9), on_request(9, 12, "b")]);
    receive_all(&mut ledger, [on_request(10, 13, "a")]);
    assert_eq!(committed(&ledger), Some("p"));
    ledger.processed(1, 12, false);
    assert_eq!(committed(&ledger), Some("b"));
    ledger.processed(1, 11, false);
    assert_eq!(committed(&ledger), Some("a"));
}

#[test]
fn r4a_it_awaits_a_response_as_long_as_one_can_make_a_position_count() {
    let mut ledger = stored();
    assert!(!ledger.awaits_response());
    ledger.receive(event(11, "a"));
    assert!(!ledger.awaits_response());
    ledger.receive(waiting(12, "b", 9));
    assert!(ledger.awaits_response(), "b waits for 9");
    ledger.response_ended(9, false, true, None);
    assert!(!ledger.awaits_response());
    let mut ledger = subscribed_again();
    assert!(ledger.awaits_response(), "a poll settles what is left over");
    ledger.response_ended(4, true, true, Some(6));
    assert!(ledger.awaits_response(), "6 may bring more");
    ledger.response_ended(6, false, true, None);
    assert!(!ledger.awaits_response());
}

#[test]
fn r4a_a_channel_that_was_forgotten_may_have_events_left_over() {
    let mut ledger = stored();
    ledger.may_have_leftovers();
    ledger.subscribing(1, false);
    let mut ledger = with_processed(ledger, on_request(2, 11, "a"));
    ledger.response_ended(4, true, true, None);
    assert_eq!(ledger.resume_from(), "a");
    ledger.restart();
    ledger.subscribing(5, false);
    assert!(!ledger.awaits_response(), "a new session has none");
}
