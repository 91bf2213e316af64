//! Tests of the book alone. Events are named by their replay ids; sequence numbers begin at 11, subscriptions at 1.

mod costs;
mod store;

use super::*;

const NOW: Instant = Instant::from_millis(1_000);
const A: &str = "/event/A?x=1";
const B: &str = "/event/B";

fn pattern(name: &str) -> Pattern {
    Pattern::parse(name).expect("a channel")
}

fn position(replay_id: &str) -> Position {
    Position { replay_id: replay_id.to_owned(), created_date: None }
}

fn conditions(commit: Commit) -> Conditions {
    Conditions { start: Start::New, commit, on_invalid: OnInvalid::All }
}

fn event(replay_id: &str) -> Message {
    let raw = format!(r#"{{"channel":"/event/A","data":{{"event":{{"replayId":{replay_id}}}}}}}"#);
    Message::parse(raw).expect("a message")
}

/// An event for subscription 1, on the response to request 5.
fn received(event: &Message, sequence: u32) -> Received<'_> {
    Received { event, sequence, subscriptions: vec![1], holders: &[1], request: 5, beside: None, late: false }
}

fn receive(book: &mut Book, name: &str, sequence: u32, replay_id: &str) -> Option<Vec<u32>> {
    book.receive(name, received(&event(replay_id), sequence))
}

/// Tracks a channel for a first subscription.
fn track(book: &mut Book, name: &str, commit: Commit) {
    assert!(!book.track(&pattern(name), conditions(commit), &[], NOW));
    book.set_wanted(name, true);
}

fn asked_to_load(book: &mut Book, now: Instant) -> u32 {
    match book.next_store_call(now) {
        Some(StoreCall::Load { request, .. }) => request,
        other => panic!("{other:?}"),
    }
}

/// The request of a save, and the replay id.
fn asked_to_save(book: &mut Book, now: Instant) -> (u32, String) {
    match book.next_store_call(now) {
        Some(StoreCall::Save { request, position, .. }) => (request, position.replay_id),
        other => panic!("{other:?}"),
    }
}

/// Tracks a channel, at this position.
fn track_at(book: &mut Book, name: &str, commit: Commit, replay_id: Option<&str>) {
    track(book, name, commit);
    let request = asked_to_load(book, NOW);
    book.loaded(request, replay_id.map(position));
}

/// A book of channel A, whose position is 10.
fn book(commit: Commit) -> Book {
    let mut book = Book::new(10);
    track_at(&mut book, A, commit, Some("10"));
    book
}

fn at<'a>(book: &'a Book, name: &str) -> Option<&'a str> {
    book.position(name).map(|position| position.replay_id.as_str())
}

#[test]
fn a_channel_is_tracked_from_its_first_subscription_on() {
    let mut book = Book::new(10);
    assert!(!book.tracks(A) && book.conditions(A).is_none() && book.resume_from(A).is_none());
    assert!(
        !book.is_loaded(A) && !book.has_position(A) && !book.is_rewinding(A) && book.position(A).is_none()
    );
    track(&mut book, A, Commit::Processed);
    track(&mut book, B, Commit::Manual);
    assert!(book.tracks(A) && !book.tracks("/event/A"));
    assert_eq!(book.names(), [A, B]);
    assert!(matches!(book.conditions(A), Some((Start::New, Commit::Processed))));
    assert!(matches!(book.conditions(B), Some((Start::New, Commit::Manual))));
    assert_eq!(book.resume_from(A), Some("-1"));
    assert!(!book.is_loaded(A) && !book.has_position(A));
}

#[test]
fn r3a_the_first_subscription_sets_the_conditions() {
    let mut book = book(Commit::Processed);
    let others = Conditions { start: Start::All, commit: Commit::Manual, on_invalid: OnInvalid::Fail };
    assert!(!book.track(&pattern(A), others.clone(), &[1], NOW));
    assert!(matches!(book.conditions(A), Some((Start::New, Commit::Processed))));
    assert!(!book.track(&pattern(A), others, &[], NOW), "all others have gone");
    assert!(matches!(book.conditions(A), Some((Start::All, Commit::Manual))));
    assert_eq!(at(&book, A), Some("10"), "the position outlives its subscriptions");
}

#[test]
fn r7b_a_new_subscription_needs_again_what_is_not_committed() {
    let mut book = book(Commit::Processed);
    receive(&mut book, A, 11, "20");
    assert!(!book.is_rewinding(A));
    assert!(book.track(&pattern(A), conditions(Commit::Processed), &[1], NOW));
    assert!(book.is_rewinding(A));
    assert_eq!(book.subscribing(A, 6, false).as_deref(), Some("10"));
    assert!(!book.is_rewinding(A));
}

#[test]
fn wanted_channels_are_counted_once() {
    let mut book = Book::new(10);
    assert!(!book.any_wanted());
    track(&mut book, A, Commit::Processed);
    book.set_wanted(A, true);
    assert!(book.any_wanted());
    track(&mut book, B, Commit::Processed);
    book.set_wanted(A, false);
    book.set_wanted(A, false);
    book.set_wanted("/other", false);
    assert!(book.any_wanted());
    book.set_wanted(B, false);
    assert!(!book.any_wanted());
}

#[test]
fn r2_an_event_belongs_to_the_wanted_channel_of_its_topic() {
    let mut book = book(Commit::Processed);
    for channel in ["/event/A", A, "/event/A?y"] {
        assert_eq!(book.tracking(channel), Some(A));
    }
    assert_eq!(book.tracking("/event/B"), None);
    book.set_wanted(A, false);
    assert_eq!(book.tracking("/event/A"), None);
}

#[test]
fn an_event_is_for_those_who_have_not_received_it() {
    let mut book = book(Commit::Processed);
    assert_eq!(receive(&mut book, A, 11, "20"), Some(vec![1]));
    assert_eq!(receive(&mut book, A, 12, "20"), Some(vec![]));
    assert_eq!(receive(&mut book, B, 13, "30"), None, "it is not tracked");
    let without_position =
        Message::parse(r#"{"channel":"/event/A","data":{}}"#.to_owned()).expect("a message");
    assert_eq!(book.receive(A, received(&without_position, 13)), None);
}

#[test]
fn r5a_before_the_store_has_answered_an_event_is_only_for_other_channels() {
    let mut book = Book::new(10);
    track(&mut book, A, Commit::Processed);
    let event = event("20");
    let early = Received { subscriptions: vec![1, 2, 3], holders: &[2], ..received(&event, 11) };
    assert_eq!(book.receive(A, early), Some(vec![1, 3]));
    let request = asked_to_load(&mut book, NOW);
    book.loaded(request, None);
    let again = Received { subscriptions: vec![2], holders: &[2], ..received(&event, 12) };
    assert_eq!(book.receive(A, again), Some(vec![2]));
}

#[test]
fn r3_processed_counts_what_the_application_is_done_with() {
    let mut book = book(Commit::Processed);
    for (sequence, replay_id) in [(11, "20"), (12, "30"), (13, "40")] {
        receive(&mut book, A, sequence, replay_id);
    }
    book.progress(1, 13, false);
    book.progress(2, 13, true);
    assert_eq!(at(&book, A), Some("10"));
    book.progress(1, 12, true);
    assert_eq!(at(&book, A), Some("30"));
    book.progress(1, 13, true);
    assert_eq!(at(&book, A), Some("40"));
}

#[test]
fn r3_delivered_counts_what_was_handed_out() {
    let mut book = book(Commit::Delivered);
    receive(&mut book, A, 11, "20");
    book.progress(1, 11, true);
    assert_eq!(at(&book, A), Some("10"));
    book.progress(1, 11, false);
    assert_eq!(at(&book, A), Some("20"));
}

#[test]
fn r3_only_holders_of_the_channel_commit_it() {
    let mut book = book(Commit::Processed);
    let event = event("20");
    let by_glob = Received { subscriptions: vec![1, 2], ..received(&event, 11) };
    assert_eq!(book.receive(A, by_glob), Some(vec![1, 2]));
    book.progress(2, 11, true);
    assert_eq!(at(&book, A), Some("10"));
    book.progress(1, 11, true);
    assert_eq!(at(&book, A), Some("20"));
}

#[test]
fn r3_progress_counts_in_all_channels_of_a_subscription() {
    let mut book = book(Commit::Processed);
    track_at(&mut book, B, Commit::Processed, None);
    receive(&mut book, A, 11, "20");
    receive(&mut book, B, 12, "30");
    receive(&mut book, A, 13, "40");
    book.progress(1, 12, true);
    assert_eq!((at(&book, A), at(&book, B)), (Some("20"), Some("30")));
}

#[test]
fn r3_a_channel_that_is_read_in_another_way_holds_no_other_back() {
    let mut book = book(Commit::Processed);
    track_at(&mut book, B, Commit::Processed, None);
    receive(&mut book, A, 11, "20");
    receive(&mut book, B, 12, "30");
    // Subscription 1 has gone, with both events in hand, and subscription 2 reads one of the channels.
    book.set_wanted(A, false);
    assert!(book.track(&pattern(A), conditions(Commit::Delivered), &[], NOW));
    book.progress(1, 12, true);
    assert_eq!(at(&book, B), Some("30"));
}

#[test]
fn r3_manual_counts_nothing_but_commits() {
    let mut book = book(Commit::Manual);
    receive(&mut book, A, 11, "20");
    book.progress(1, 11, false);
    book.progress(1, 11, true);
    assert_eq!(at(&book, A), Some("10"));
    assert_eq!(book.commit(31, &[1], 11), [0; 0], "the save is waited for");
    assert_eq!(at(&book, A), Some("20"));
    let (save, _) = asked_to_save(&mut book, NOW);
    assert_eq!(book.commit(32, &[1], 11), [0; 0]);
    assert_eq!(book.saved(save), [31, 32]);
    assert_eq!(book.commit(33, &[1], 11), [33], "it is saved");
    assert_eq!(book.commit(34, &[1], 99), [34], "nothing is known of it");
}

#[test]
fn r3_a_commit_behind_another_event_waits_for_that_one() {
    let mut book = book(Commit::Manual);
    receive(&mut book, A, 11, "20");
    receive(&mut book, A, 12, "30");
    assert_eq!(book.commit(31, &[1], 12), [0; 0]);
    assert_eq!(at(&book, A), Some("10"));
    assert_eq!(book.commit(32, &[2], 11), [0; 0], "it was given to another subscription");
    assert_eq!(book.commit(33, &[2, 1], 11), [0; 0]);
    assert_eq!(at(&book, A), Some("30"));
    assert_eq!(book.end(), [31, 32, 33], "nobody will save any more");
    assert_eq!(book.end(), [0; 0]);
}

#[test]
fn r3a_what_a_closed_subscription_was_not_handed_is_free() {
    let mut book = book(Commit::Processed);
    let event = event("20");
    let both = Received { subscriptions: vec![1, 2], holders: &[1, 2], ..received(&event, 11) };
    assert_eq!(book.receive(A, both), Some(vec![1, 2]));
    book.progress(2, 11, true);
    book.subscription_removed(B, 1, 0, &[2]);
    assert_eq!(at(&book, A), Some("10"));
    book.subscription_removed(A, 1, 0, &[2]);
    assert_eq!(at(&book, A), Some("20"));
}

#[test]
fn r7b_what_passes_while_nobody_reads_comes_again() {
    for (wanted, comes_again) in [(true, false), (false, true)] {
        let passed: [fn(&mut Book); 2] = [|book| book.event_passed("/event/A"), Book::response_lost];
        for pass in passed {
            let mut book = book(Commit::Processed);
            book.set_wanted(A, wanted);
            pass(&mut book);
            assert_eq!(book.track(&pattern(A), conditions(Commit::Processed), &[], NOW), comes_again);
        }
    }
    let mut book = book(Commit::Processed);
    book.set_wanted(A, false);
    book.event_passed("/event/B");
    assert!(!book.track(&pattern(A), conditions(Commit::Processed), &[], NOW), "of another topic");
}

#[test]
fn r4a_a_position_waits_for_the_response_beside_its_own() {
    let mut book = book(Commit::Processed);
    let event = event("20");
    book.receive(A, Received { beside: Some(9), ..received(&event, 11) });
    book.progress(1, 11, true);
    assert_eq!((at(&book, A), book.resume_from(A)), (Some("10"), Some("10")));
    book.response_ended(8, true, |_| true, None);
    assert_eq!((at(&book, A), book.resume_from(A)), (Some("10"), Some("10")));
    book.response_ended(9, true, |_| true, None);
    assert_eq!((at(&book, A), book.resume_from(A)), (Some("20"), Some("20")));
}

#[test]
fn r4a_leftovers_are_settled_by_a_poll_once_the_server_has_accepted_the_channel() {
    let mut book = book(Commit::Processed);
    assert_eq!(book.subscribing(A, 3, true).as_deref(), Some("10"));
    assert_eq!(book.subscribing(B, 3, true), None, "it is not tracked");
    receive(&mut book, A, 11, "20");
    book.progress(1, 11, true);
    book.response_ended(6, true, |_| false, None);
    book.response_ended(6, false, |_| true, None);
    assert_eq!(at(&book, A), Some("10"));
    book.response_ended(6, true, |name| name == A, Some(7));
    assert_eq!(at(&book, A), Some("10"), "the response beside may bring it, too");
    book.response_ended(7, false, |_| true, None);
    assert_eq!(at(&book, A), Some("20"));
}

#[test]
fn a_channel_that_waits_for_no_response_is_not_asked_at_its_end() {
    let asked = std::cell::RefCell::new(Vec::new());
    let ended = |book: &mut Book, request| {
        let present = |name: &str| {
            asked.borrow_mut().push(name.to_owned());
            true
        };
        book.response_ended(request, true, present, None);
        asked.take()
    };
    let mut book = book(Commit::Processed);
    track_at(&mut book, B, Commit::Processed, None);
    assert_eq!(ended(&mut book, 4), [""; 0]);
    let event = event("20");
    book.receive(A, Received { beside: Some(9), ..received(&event, 11) });
    assert_eq!(ended(&mut book, 5), [A]);
    assert_eq!(ended(&mut book, 9), [A], "it still waits");
    assert_eq!(ended(&mut book, 10), [""; 0]);
    book.subscribing(B, 10, true);
    assert_eq!(ended(&mut book, 11), [B]);
}

#[test]
fn r7_a_restart_begins_at_the_last_certain_position() {
    let mut book = book(Commit::Processed);
    assert!(book.has_position(A) && book.resume_from(A) == Some("10"));
    receive(&mut book, A, 11, "20");
    let event = event("30");
    book.receive(A, Received { beside: Some(9), ..received(&event, 12) });
    assert_eq!(book.resume_from(A), Some("20"));
    book.restart();
    assert_eq!(book.subscribing(A, 10, false).as_deref(), Some("20"));
    assert_eq!(receive(&mut book, A, 13, "30"), Some(vec![]), "it comes again, and is not given out twice");
    assert_eq!(book.resume_from(A), Some("30"));
}

#[test]
fn r7d_a_late_position_does_not_count() {
    let mut book = book(Commit::Processed);
    let event = event("20");
    let late = Received { late: true, ..received(&event, 11) };
    assert_eq!(book.receive(A, late), Some(vec![1]));
    book.progress(1, 11, true);
    assert_eq!((at(&book, A), book.resume_from(A)), (Some("10"), Some("10")));
}

/// The same channel, with another answer to a refused position.
fn book_with(on_invalid: OnInvalid, replay_id: Option<&str>) -> Book {
    let mut book = Book::new(10);
    book.track(&pattern(A), Conditions { on_invalid, ..conditions(Commit::Manual) }, &[], NOW);
    book.set_wanted(A, true);
    let request = asked_to_load(&mut book, NOW);
    book.loaded(request, replay_id.map(position));
    book
}

#[test]
fn r6_another_position_takes_the_place_of_a_refused_one() {
    for (on_invalid, fallback) in [(OnInvalid::All, "-2"), (OnInvalid::New, "-1")] {
        let mut book = book_with(on_invalid, Some("10"));
        let refused = RefusedPosition { after: "10".to_owned(), commands: vec![] };
        assert_eq!(book.position_refused(A), Some(refused));
        assert_eq!(book.resume_from(A), Some(fallback));
        assert_eq!(book.position_refused(A), None, "the other was refused, too");
    }
}

#[test]
fn r6_where_no_other_position_is_wanted_a_refusal_is_final() {
    let mut book = book_with(OnInvalid::Fail, Some("10"));
    assert_eq!(book.position_refused(A), None);
    assert_eq!(book.resume_from(A), Some("10"));
    assert_eq!(book_with(OnInvalid::All, None).position_refused(A), None, "it began with new events");
    assert_eq!(book.position_refused(B), None, "it is not tracked");
}

#[test]
fn r6_what_an_old_epoch_had_to_save_is_not_saved() {
    let mut book = book_with(OnInvalid::All, Some("10"));
    receive(&mut book, A, 11, "20");
    receive(&mut book, A, 12, "30");
    assert_eq!(book.commit(31, &[1], 11), [0; 0]);
    let (save, _) = asked_to_save(&mut book, NOW);
    assert_eq!(book.commit(32, &[1], 12), [0; 0]);
    let refused = RefusedPosition { after: "30".to_owned(), commands: vec![31, 32] };
    assert_eq!(book.position_refused(A), Some(refused));
    assert!(book.has_unsaved(), "a save is under way");
    assert_eq!(book.saved(save), [0; 0]);
    assert!(!book.has_unsaved() && book.wake().is_none());
    assert_eq!(book.next_store_call(NOW), None);
}
