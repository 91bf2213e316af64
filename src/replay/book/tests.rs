//! Each fact by the book alone. Events are called by their replay ids; sequence numbers begin at 11, subscriptions at 1.

use super::store::StoreFailure;
use super::*;
use crate::backoff::{Retry, Rng};

const NOW: Instant = Instant::from_millis(1_000);
const A: &str = "/event/A?x=1";
const B: &str = "/event/B";
/// A store that has not answered by then is asked anew.
const STORE_MS: u64 = 10_000;

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

#[test]
fn r5a_the_store_is_asked_once_for_a_channel_that_is_wanted() {
    let mut book = Book::new(10);
    assert!(!book.track(&pattern(A), conditions(Commit::Processed), &[], NOW));
    assert_eq!((book.next_store_call(NOW), book.wake()), (None, None), "nobody wants it");
    book.set_wanted(A, true);
    assert_eq!(book.wake(), Some(NOW));
    let call = StoreCall::Load { request: 1, channel: A.to_owned() };
    assert_eq!(book.next_store_call(NOW), Some(call));
    assert_eq!((book.next_store_call(NOW), book.wake()), (None, Some(NOW.after(STORE_MS))));
    assert_eq!(book.loading(1), Some((A, &Start::New)));
    assert!(book.loading(2).is_none() && !book.is_saving(1) && !book.is_loaded(A));
    book.loaded(1, Some(position("10")));
    assert!(book.is_loaded(A) && book.loading(1).is_none());
    assert_eq!((at(&book, A), book.wake()), (Some("10"), None));
    book.loaded(1, Some(position("99")));
    assert_eq!(at(&book, A), Some("10"), "nobody waits for it any more");
}

#[test]
fn r5a_what_makes_no_sense_is_never_overwritten() {
    let mut book = Book::new(10);
    track(&mut book, A, Commit::Processed);
    let request = asked_to_load(&mut book, NOW);
    assert_eq!(book.load_invalid(request).as_deref(), Some(A));
    assert_eq!(book.load_invalid(request), None);
    assert!(!book.tracks(A) && !book.any_wanted() && book.wake().is_none());
    assert_eq!(book.tracking("/event/A"), None);
}

#[test]
fn r5_one_save_is_under_way_and_the_newest_waits() {
    let mut book = book(Commit::Processed);
    for (sequence, replay_id) in [(11, "20"), (12, "30"), (13, "40")] {
        receive(&mut book, A, sequence, replay_id);
    }
    assert!(!book.has_unsaved() && book.next_store_call(NOW).is_none());
    book.progress(1, 11, true);
    assert!(book.has_unsaved() && book.wake() == Some(NOW));
    let save = StoreCall::Save { request: 2, channel: A.to_owned(), position: position("20") };
    assert_eq!(book.next_store_call(NOW), Some(save));
    assert!(book.is_saving(2) && !book.is_saving(1) && book.loading(2).is_none());
    book.progress(1, 12, true);
    book.progress(1, 13, true);
    assert_eq!((book.next_store_call(NOW), book.wake()), (None, Some(NOW.after(STORE_MS))));
    assert_eq!(book.saved(2), [0; 0]);
    assert!(book.has_unsaved() && !book.is_saving(2));
    assert_eq!(asked_to_save(&mut book, NOW), (3, "40".to_owned()));
    assert_eq!(book.saved(3), [0; 0]);
    assert!(!book.has_unsaved() && book.wake().is_none());
    assert_eq!(book.saved(3), [0; 0], "nobody waits for it any more");
}

#[test]
fn r5_a_position_is_saved_although_nobody_wants_the_channel_any_more() {
    let mut book = book(Commit::Processed);
    receive(&mut book, A, 11, "20");
    book.progress(1, 11, true);
    book.set_wanted(A, false);
    assert_eq!(asked_to_save(&mut book, NOW).1, "20");
}

fn failed(book: &mut Book, request: u32, now: Instant) -> Option<StoreFailure> {
    book.store_failed(request, now, &Retry::default(), &mut Rng::new(1))
}

#[test]
fn r5a_a_failed_load_is_made_again_after_a_back_off() {
    let mut book = Book::new(10);
    track(&mut book, A, Commit::Processed);
    let failure = StoreFailure { channel: A.to_owned(), operation: StoreOperation::Load };
    let request = asked_to_load(&mut book, NOW);
    assert_eq!(failed(&mut book, request, NOW), Some(failure));
    assert_eq!(failed(&mut book, request, NOW), None, "once");
    assert!(book.loading(request).is_none());
    let request = asked_to_load(&mut book, NOW);
    assert!(failed(&mut book, request, NOW).is_some());
    let at = book.wake().expect("it is asked again");
    assert!(at >= NOW.after(1_000));
    assert_eq!(book.next_store_call(Instant::from_millis(at.as_millis() - 1)), None);
    let request = asked_to_load(&mut book, at);
    book.loaded(request, None);
    // A success begins anew.
    receive(&mut book, A, 11, "20");
    book.progress(1, 11, true);
    let (save, _) = asked_to_save(&mut book, at);
    assert!(failed(&mut book, save, at).is_some());
    assert_eq!(book.wake(), Some(at));
}

#[test]
fn r5_a_failed_save_is_made_again_after_a_back_off() {
    let mut book = book(Commit::Processed);
    receive(&mut book, A, 11, "20");
    receive(&mut book, A, 12, "30");
    book.progress(1, 11, true);
    let failure = StoreFailure { channel: A.to_owned(), operation: StoreOperation::Save };
    let (save, _) = asked_to_save(&mut book, NOW);
    assert_eq!(failed(&mut book, save, NOW), Some(failure));
    assert!(book.has_unsaved() && !book.is_saving(save) && book.is_loaded(A));
    let (save, _) = asked_to_save(&mut book, NOW);
    assert!(failed(&mut book, save, NOW).is_some());
    let at = book.wake().expect("it is made again");
    assert!(at >= NOW.after(1_000));
    assert_eq!(book.next_store_call(Instant::from_millis(at.as_millis() - 1)), None);
    let (save, _) = asked_to_save(&mut book, at);
    assert_eq!(book.saved(save), [0; 0]);
    // A success begins anew.
    book.progress(1, 12, true);
    let (save, _) = asked_to_save(&mut book, at);
    assert!(failed(&mut book, save, at).is_some());
    assert_eq!(book.wake(), Some(at));
}

#[test]
fn r5_a_store_that_does_not_answer_is_found_after_ten_seconds() {
    let late = NOW.after(STORE_MS);
    let early = Instant::from_millis(late.as_millis() - 1);
    let mut book = Book::new(10);
    track(&mut book, A, Commit::Processed);
    assert_eq!(book.overdue(late), None, "it has not been asked");
    let request = asked_to_load(&mut book, NOW);
    assert_eq!((book.overdue(early), book.overdue(late)), (None, Some(request)));
    book.loaded(request, None);
    receive(&mut book, A, 11, "20");
    book.progress(1, 11, true);
    let (save, _) = asked_to_save(&mut book, NOW);
    assert_eq!((book.overdue(early), book.overdue(late)), (None, Some(save)));
    assert!(failed(&mut book, save, late).is_some());
    assert_eq!(book.overdue(late), None);
}

#[test]
fn r5_a_call_without_an_answer_is_not_made_twice_and_holds_no_other_up() {
    let late = NOW.after(STORE_MS);
    let mut book = Book::new(10);
    track(&mut book, A, Commit::Processed);
    let request = asked_to_load(&mut book, NOW);
    assert_eq!(book.next_store_call(late), None);
    track(&mut book, B, Commit::Processed);
    let other = asked_to_load(&mut book, late);
    assert_eq!(book.loading(other).map(|(name, _)| name), Some(B));
    book.loaded(request, None);
    book.loaded(other, None);
    receive(&mut book, A, 11, "20");
    receive(&mut book, B, 12, "30");
    book.progress(1, 11, true);
    asked_to_save(&mut book, NOW);
    assert_eq!(book.next_store_call(late), None);
    receive(&mut book, A, 13, "40");
    book.progress(1, 13, true);
    assert_eq!(asked_to_save(&mut book, late).1, "30");
    assert_eq!(book.next_store_call(late), None);
}

#[test]
fn s8_hurrying_keeps_the_first_delay() {
    let retry = Retry { initial_delay_ms: 2_000, factor: 9.0, ..Retry::default() };
    let mut rng = Rng::new(7);
    let mut book = Book::new(10);
    track(&mut book, A, Commit::Processed);
    for _ in 0..3 {
        let at = book.wake().expect("it is asked again");
        let request = asked_to_load(&mut book, at);
        assert!(book.store_failed(request, NOW, &retry, &mut rng).is_some());
    }
    assert!(book.wake() > Some(NOW.after(2_000)));
    book.hurry(NOW);
    assert_eq!(book.wake(), Some(NOW.after(2_000)));
    let request = asked_to_load(&mut book, NOW.after(2_000));
    book.loaded(request, None);
    receive(&mut book, A, 11, "20");
    book.progress(1, 11, true);
    for _ in 0..3 {
        let at = book.wake().expect("it is saved");
        let (save, _) = asked_to_save(&mut book, at);
        assert!(book.store_failed(save, NOW, &retry, &mut rng).is_some());
    }
    assert!(book.wake() > Some(NOW.after(2_000)));
    book.hurry(NOW);
    assert_eq!(book.wake(), Some(NOW.after(2_000)));
}

#[test]
fn p2_so_many_channels_are_tracked_as_the_limit_says() {
    let mut book = Book::new(2);
    assert!(book.has_room_for(2) && !book.has_room_for(3));
    track_at(&mut book, A, Commit::Processed, None);
    assert!(book.has_room_for(1) && !book.has_room_for(2));
    track_at(&mut book, B, Commit::Processed, None);
    assert!(book.has_room_for(0) && !book.has_room_for(1));
    book.set_wanted(A, false);
    assert!(book.has_room_for(1) && !book.has_room_for(2));
    book.set_wanted(A, true);
    assert!(!book.has_room_for(1), "it is read again");
    assert!(!Book::new(0).has_room_for(1));
}

#[test]
fn p2_a_channel_makes_room_once_the_store_can_give_back_its_position() {
    let mut book = Book::new(1);
    track(&mut book, A, Commit::Processed);
    let request = asked_to_load(&mut book, NOW);
    book.set_wanted(A, false);
    assert!(!book.has_room_for(1), "a load is under way");
    book.loaded(request, Some(position("10")));
    assert!(book.has_room_for(1));
    receive(&mut book, A, 11, "20");
    assert!(!book.has_room_for(1), "an event is not processed");
    book.progress(1, 11, true);
    assert!(!book.has_room_for(1), "a position is not saved");
    let (save, _) = asked_to_save(&mut book, NOW);
    assert!(!book.has_room_for(1), "a save is under way");
    book.saved(save);
    assert!(book.has_room_for(1));
}

#[test]
fn p2_the_oldest_channel_that_nobody_reads_is_forgotten() {
    let mut book = Book::new(3);
    for name in [A, B] {
        track_at(&mut book, name, Commit::Processed, Some("10"));
        book.set_wanted(name, false);
    }
    track_at(&mut book, "/event/C", Commit::Processed, None);
    assert_eq!(book.names(), [A, B, "/event/C"], "there was room");
    track_at(&mut book, "/event/D", Commit::Processed, None);
    assert_eq!(book.names(), [B, "/event/C", "/event/D"]);
    assert!(!book.has_room_for(2), "what is forgotten makes no room twice");
    track(&mut book, A, Commit::Processed);
    assert_eq!(book.names(), ["/event/C", "/event/D", A]);
    let request = asked_to_load(&mut book, NOW);
    assert_eq!(book.loading(request).map(|(name, _)| name), Some(A), "its position is asked for again");
    assert!(book.any_wanted());
}

/// Subscribes C for the first time. Does its first event count at once?
fn first_event_counts(book: &mut Book) -> bool {
    track_at(book, "/event/C", Commit::Processed, Some("10"));
    book.subscribing("/event/C", 3, false);
    receive(book, "/event/C", 11, "20");
    book.resume_from("/event/C") == Some("20")
}

#[test]
fn p2_r4a_a_forgotten_channel_may_have_left_events_over() {
    let full = || {
        let mut book = Book::new(1);
        track_at(&mut book, A, Commit::Processed, None);
        book.set_wanted(A, false);
        book
    };
    assert!(first_event_counts(&mut Book::new(1)), "nothing was forgotten");
    let mut book = full();
    assert!(!first_event_counts(&mut book));
    book.response_ended(6, true, |_| true, None);
    assert_eq!(book.resume_from("/event/C"), Some("20"));
    let mut book = full();
    track_at(&mut book, B, Commit::Processed, None);
    book.set_wanted(B, false);
    book.restart();
    book.max_channels = 2;
    assert!(first_event_counts(&mut book), "a new session has nothing left over");
}

fn name(number: usize) -> String {
    format!("/event/c{number}")
}

/// So many channels whose stores have answered, each with an uncommitted event of its own subscription.
fn many(count: usize) -> Book {
    let mut book = Book::new(count + 1);
    for number in 0..count {
        track_at(&mut book, &name(number), Commit::Processed, None);
        let (event, subscription) = (event("20"), number as u32 + 100);
        let holders = [subscription];
        let received = Received {
            subscriptions: vec![subscription],
            holders: &holders,
            ..received(&event, subscription)
        };
        assert_eq!(book.receive(&name(number), received), Some(vec![subscription]));
    }
    book.response_ended(5, true, |_| true, None);
    book
}

#[test]
fn p2_a_channel_and_its_events_cost_the_same_among_many() {
    let count = |size: usize| {
        let mut book = many(size);
        // Its rebuild is paid for by the events before it.
        book.given.rebuild(book.channels.iter().map(|(number, tracked)| (*number, &tracked.ledger)));
        crate::steps::taken();
        track(&mut book, A, Commit::Processed);
        let request = asked_to_load(&mut book, NOW);
        assert!(book.loading(request).is_some() && book.overdue(NOW).is_none());
        book.loaded(request, Some(position("10")));
        assert_eq!(book.subscribing(A, 6, false).as_deref(), Some("10"));
        assert_eq!(book.tracking("/event/A"), Some(A));
        book.event_passed("/event/A");
        assert_eq!(receive(&mut book, A, 90_001, "20"), Some(vec![1]));
        book.progress(1, 90_001, false);
        book.progress(1, 90_001, true);
        book.response_ended(6, true, |_| true, None);
        let (save, _) = asked_to_save(&mut book, NOW);
        assert!(book.wake().is_some() && book.next_store_call(NOW).is_none());
        assert_eq!(book.saved(save), [0; 0]);
        assert_eq!(book.commit(31, &[1], 90_001), [31]);
        book.subscription_removed(A, 1, 90_001, &[]);
        book.set_wanted(A, false);
        assert!(book.has_room_for(1) && !book.has_unsaved());
        crate::steps::taken()
    };
    let steps = count(10);
    assert!(steps > 0);
    assert_eq!(count(10_000), steps);
}

#[test]
fn p2_the_life_of_all_channels_grows_with_their_number() {
    let count = |size: usize| {
        crate::steps::taken();
        let mut book = many(size);
        book.restart();
        for number in 0..size {
            let _ = book.subscribing(&name(number), 6, false);
            book.progress(number as u32 + 100, 90_000, true);
        }
        book.response_ended(6, true, |_| true, None);
        while let Some(call) = book.next_store_call(NOW) {
            let StoreCall::Save { request, .. } = call else { panic!("{call:?}") };
            book.saved(request);
        }
        book.hurry(NOW);
        book.response_lost();
        book.end();
        crate::steps::taken()
    };
    let steps = count(1_000);
    let growth = count(10_000) as f64 / steps as f64;
    assert!(growth <= 13.0, "{growth}");
}

#[test]
fn p1_events_are_remembered_no_longer_than_they_can_come_again() {
    let mut book = book(Commit::Processed);
    for sequence in 11..5_000 {
        receive(&mut book, A, sequence, &sequence.to_string());
        book.progress(1, sequence, true);
    }
    assert!(book.given.channel_of(11).is_none() && book.given.channel_of(4_999).is_some());
    assert_eq!(book.commit(31, &[1], 11), [31]);
}
