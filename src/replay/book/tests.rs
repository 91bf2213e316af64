//! Tests of the book alone. Events are named by their replay ids; sequence numbers begin at 11, subscriptions at 1.

mod costs;
mod encoding;
mod store;

use super::*;

const NOW: Instant = Instant::from_millis(1_000);
const A: &str = "/event/A?x=1";
const B: &str = "/event/B";
/// More than the tests need.
const BYTES: usize = 1 << 20;

fn pattern(name: &str) -> Pattern {
    Pattern::parse(name).expect("a channel")
}

fn position(replay_id: &str) -> Position {
    Position { replay_id: replay_id.to_owned(), created_date: None }
}

fn conditions(commit: Commit) -> Conditions {
    Conditions { start: Start::New, commit, on_invalid: OnInvalid::All }
}

fn event(replay_id: &str) -> Arc<Message> {
    let raw = format!(r#"{{"channel":"/event/A","data":{{"event":{{"replayId":{replay_id}}}}}}}"#);
    Arc::new(Message::parse(raw).expect("a message"))
}

/// An event for subscription 1, on a poll.
fn received(event: &Arc<Message>, sequence: u32) -> Received<'_> {
    Received { event, sequence, subscriptions: &[1], holders: &[1], carrier: Carrier::Poll }
}

fn receive(book: &mut Book, name: &str, sequence: u32, replay_id: &str) -> Option<Vec<u32>> {
    book.receive(name, &received(&event(replay_id), sequence), InFlight::default())
}

/// A subscription is done with all events up to this one.
fn done(book: &mut Book, subscription: u32, sequence: u32) {
    book.progress(subscription, sequence, true, InFlight::default());
}

/// Tracks a channel for a first subscription.
fn track(book: &mut Book, name: &str, commit: Commit) {
    book.track(&pattern(name), conditions(commit), true, NOW);
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

/// Tracks a channel, at this position, and subscribes it.
fn track_at(book: &mut Book, name: &str, commit: Commit, replay_id: Option<&str>) {
    track(book, name, commit);
    let request = asked_to_load(book, NOW);
    book.loaded(request, replay_id.map(position), None);
    assert!(book.subscribing(name).is_some());
}

/// A book of channel A, whose position is 10.
fn book(commit: Commit) -> Book {
    let mut book = Book::new(10, BYTES);
    track_at(&mut book, A, commit, Some("10"));
    book
}

fn at(book: &Book, name: &str) -> Option<String> {
    book.position(name).map(|position| position.replay_id)
}

#[track_caller]
fn stands_at(book: &Book, name: &str, replay_id: &str) {
    assert_eq!(at(book, name).as_deref(), Some(replay_id));
}

#[test]
fn a_channel_is_tracked_from_its_first_subscription_on() {
    let mut book = Book::new(10, BYTES);
    assert!(!book.tracks(A) && book.conditions(A).is_none() && book.resume_from(A).is_none());
    assert!(!book.is_loaded(A) && book.position(A).is_none() && !book.is_subscribed(A));
    assert_eq!(book.subscribing(A), None);
    track(&mut book, A, Commit::Processed);
    track(&mut book, B, Commit::Manual);
    assert!(book.tracks(A) && !book.tracks("/event/A"));
    assert!(matches!(book.conditions(A), Some((Start::New, Commit::Processed))));
    assert!(matches!(book.conditions(B), Some((Start::New, Commit::Manual))));
    assert_eq!(book.resume_from(A), Some("-1"));
    assert!(!book.is_loaded(A) && book.position(A).is_none());
}

#[test]
fn r3a_the_first_subscription_sets_the_conditions() {
    let mut book = book(Commit::Processed);
    let others = Conditions { start: Start::All, commit: Commit::Manual, on_invalid: OnInvalid::Fail };
    book.track(&pattern(A), others.clone(), false, NOW);
    assert!(matches!(book.conditions(A), Some((Start::New, Commit::Processed))));
    book.track(&pattern(A), others, true, NOW);
    assert!(matches!(book.conditions(A), Some((Start::All, Commit::Manual))), "all others have gone");
    stands_at(&book, A, "10");
}

#[test]
fn wanted_channels_are_counted_once() {
    let mut book = Book::new(10, BYTES);
    assert!(!book.any_wanted());
    track(&mut book, A, Commit::Processed);
    book.set_wanted(A, true);
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
    assert_eq!(book.tracking(B), None);
    book.set_wanted(A, false);
    assert_eq!(book.tracking("/event/A"), Some(A), "nobody reads it, but its position counts");
    track(&mut book, "/event/A?y", Commit::Processed);
    assert_eq!(book.tracking("/event/A"), Some("/event/A?y"));
}

#[test]
fn an_event_is_for_those_who_have_not_received_it() {
    let mut book = book(Commit::Processed);
    assert_eq!(receive(&mut book, A, 11, "20"), Some(vec![1]));
    assert_eq!(receive(&mut book, A, 12, "20"), Some(vec![]));
    assert_eq!(receive(&mut book, B, 13, "30"), None, "it is not tracked");
    let without =
        Arc::new(Message::parse(r#"{"channel":"/event/A","data":{}}"#.to_owned()).expect("a message"));
    assert_eq!(book.receive(A, &received(&without, 13), InFlight::default()), None);
    assert_eq!(book.arrived(), 2, "those with a position");
}

#[test]
fn r3_processed_counts_what_the_application_is_done_with() {
    let mut book = book(Commit::Processed);
    for (sequence, replay_id) in [(11, "20"), (12, "30"), (13, "40")] {
        receive(&mut book, A, sequence, replay_id);
    }
    book.progress(1, 13, false, InFlight::default());
    done(&mut book, 2, 13);
    stands_at(&book, A, "10");
    done(&mut book, 1, 12);
    stands_at(&book, A, "30");
    done(&mut book, 1, 13);
    stands_at(&book, A, "40");
}

#[test]
fn r3_delivered_counts_what_was_handed_out() {
    let mut book = book(Commit::Delivered);
    receive(&mut book, A, 11, "20");
    done(&mut book, 1, 11);
    stands_at(&book, A, "10");
    book.progress(1, 11, false, InFlight::default());
    stands_at(&book, A, "20");
}

#[test]
fn r3_only_holders_of_the_channel_commit_it() {
    let mut book = book(Commit::Processed);
    let event = event("20");
    let by_glob = Received { subscriptions: &[1, 2], ..received(&event, 11) };
    assert_eq!(book.receive(A, &by_glob, InFlight::default()), Some(vec![1, 2]));
    done(&mut book, 2, 11);
    stands_at(&book, A, "10");
    done(&mut book, 1, 11);
    stands_at(&book, A, "20");
}

#[test]
fn r3_progress_counts_in_all_channels_of_a_subscription() {
    let mut book = book(Commit::Processed);
    track_at(&mut book, B, Commit::Processed, None);
    receive(&mut book, A, 11, "20");
    receive(&mut book, B, 12, "30");
    receive(&mut book, A, 13, "40");
    done(&mut book, 1, 12);
    stands_at(&book, A, "20");
    stands_at(&book, B, "30");
}

#[test]
fn r3_manual_counts_nothing_but_commits() {
    let mut book = book(Commit::Manual);
    receive(&mut book, A, 11, "20");
    book.progress(1, 11, false, InFlight::default());
    done(&mut book, 1, 11);
    stands_at(&book, A, "10");
    let commit = |book: &mut Book, command, sequence| {
        book.commit(command, &[1], sequence, InFlight::default()).expect("its epoch is not over")
    };
    assert_eq!(commit(&mut book, 31, 11), [0; 0], "the save is waited for");
    stands_at(&book, A, "20");
    let (save, _) = asked_to_save(&mut book, NOW);
    assert_eq!(commit(&mut book, 32, 11), [0; 0]);
    assert_eq!(book.saved(save), [31, 32]);
    assert_eq!(commit(&mut book, 33, 11), [33], "it is saved");
    assert_eq!(commit(&mut book, 34, 99), [34], "nothing is known of it");
}

#[test]
fn r3_a_commit_behind_another_event_waits_for_that_one() {
    let mut book = book(Commit::Manual);
    receive(&mut book, A, 11, "20");
    receive(&mut book, A, 12, "30");
    assert_eq!(book.commit(31, &[1], 12, InFlight::default()), Ok(vec![]));
    assert_eq!(book.commit(32, &[2], 11, InFlight::default()), Ok(vec![]), "it was given to another");
    stands_at(&book, A, "10");
    assert_eq!(book.commit(33, &[2, 1], 11, InFlight::default()), Ok(vec![]));
    stands_at(&book, A, "30");
    assert_eq!(book.end(), [31, 32, 33], "nobody will save any more");
    assert_eq!(book.end(), [0; 0]);
}

#[test]
fn r3a_what_a_closed_subscription_was_not_handed_is_free() {
    let mut book = book(Commit::Processed);
    let event = event("20");
    let both = Received { subscriptions: &[1, 2], holders: &[1, 2], ..received(&event, 11) };
    assert_eq!(book.receive(A, &both, InFlight::default()), Some(vec![1, 2]));
    done(&mut book, 2, 11);
    book.leave(B, 1, 0, InFlight::default());
    stands_at(&book, A, "10");
    book.leave(A, 1, 0, InFlight::default());
    stands_at(&book, A, "20");
}

#[test]
fn r7b_a_new_subscription_is_given_what_is_not_committed() {
    let mut book = book(Commit::Processed);
    receive(&mut book, A, 11, "20");
    receive(&mut book, A, 12, "30");
    book.track(&pattern(A), conditions(Commit::Processed), false, NOW);
    let joined = book.join(A, 2, 13);
    assert_eq!((joined.events.len(), joined.needs_session), (2, false));
    done(&mut book, 1, 12);
    stands_at(&book, A, "10");
    done(&mut book, 2, 13);
    stands_at(&book, A, "20");
    assert!(book.join(B, 2, 15).events.is_empty(), "it is not tracked");
}

#[test]
fn p3_so_many_bytes_are_kept_for_those_who_join() {
    let mut book = Book::new(10, event("20").raw().len());
    track_at(&mut book, A, Commit::Processed, Some("10"));
    receive(&mut book, A, 11, "20");
    receive(&mut book, A, 12, "30");
    assert_eq!((book.owed(), book.most_owed().as_str()), (2, A));
    let joined = book.join(A, 2, 13);
    assert_eq!((joined.events.len(), joined.needs_session), (1, true));
}

#[test]
fn r4a_a_position_waits_for_the_response_beside_its_own() {
    let mut book = book(Commit::Processed);
    let open = InFlight { poll: Some(0), commands: Some(0) };
    book.receive(A, &received(&event("20"), 11), open);
    book.progress(1, 11, true, open);
    book.response_ended(InFlight { poll: None, ..open });
    stands_at(&book, A, "10");
    book.response_ended(InFlight::default());
    stands_at(&book, A, "20");
}

#[test]
fn r7_a_restart_begins_at_the_last_certain_position() {
    let mut book = book(Commit::Processed);
    receive(&mut book, A, 11, "20");
    let open = InFlight { poll: Some(1), commands: Some(1) };
    book.receive(A, &received(&event("30"), 12), open);
    assert!(book.restarts_without_loss(A, open));
    book.restart(open);
    assert!(!book.is_subscribed(A));
    assert_eq!(book.subscribing(A).as_deref(), Some("20"));
    assert_eq!(receive(&mut book, A, 13, "30"), Some(vec![]), "it comes again, and is not given out twice");
    assert_eq!(book.resume_from(A), Some("30"));
}

#[test]
fn r7c_without_a_position_a_restart_may_lose_events() {
    let mut book = Book::new(10, BYTES);
    track_at(&mut book, A, Commit::Processed, None);
    assert!(!book.restarts_without_loss(A, InFlight::default()));
    assert!(!book.restarts_without_loss(B, InFlight::default()), "it is not tracked");
}

#[test]
fn r7_what_does_not_come_again_is_given_up_with_no_response_in_flight() {
    let mut book = book(Commit::Manual);
    let open = InFlight { poll: Some(0), commands: Some(0) };
    book.receive(A, &received(&event("20"), 11), open);
    book.restart(open);
    book.subscribing(A);
    assert_eq!(book.commit(31, &[1], 11, InFlight::default()), Ok(vec![]));
    let beside = InFlight { poll: None, commands: Some(1) };
    assert_eq!(book.all_came_again(beside), [0; 0], "a command's response may bring it");
    assert_eq!(book.all_came_again(InFlight::default()), [31]);
    assert_eq!(book.all_came_again(InFlight::default()), [0; 0]);
}

#[test]
fn r7_a_topic_is_subscribed_once_in_a_session_whatever_the_query() {
    let mut book = book(Commit::Processed);
    assert!(book.is_topic_subscribed("/event/A?y") && !book.is_topic_subscribed(B));
    book.not_subscribed(A);
    assert!(!book.is_topic_subscribed(A) && !book.is_subscribed(A));
    book.subscribing(A);
    book.restart(InFlight::default());
    assert!(!book.is_topic_subscribed(A));
}

#[test]
fn x3_the_position_stays_before_what_cannot_be_read() {
    let mut book = book(Commit::Processed);
    book.passed_over(A, InFlight::default());
    receive(&mut book, A, 11, "30");
    done(&mut book, 1, 11);
    stands_at(&book, A, "10");
}

/// The same channel, with another answer to a refused position.
fn book_with(on_invalid: OnInvalid, replay_id: Option<&str>) -> Book {
    let mut book = Book::new(10, BYTES);
    book.track(&pattern(A), Conditions { on_invalid, ..conditions(Commit::Manual) }, true, NOW);
    book.set_wanted(A, true);
    let request = asked_to_load(&mut book, NOW);
    book.loaded(request, replay_id.map(position), None);
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
    book.subscribing(A);
    receive(&mut book, A, 11, "20");
    receive(&mut book, A, 12, "30");
    assert_eq!(book.commit(31, &[1], 11, InFlight::default()), Ok(vec![]));
    let (save, _) = asked_to_save(&mut book, NOW);
    assert_eq!(book.commit(32, &[1], 12, InFlight::default()), Ok(vec![]));
    let refused = RefusedPosition { after: "30".to_owned(), commands: vec![31, 32] };
    assert_eq!(book.position_refused(A), Some(refused));
    assert!(book.has_unsaved(), "a save is under way");
    assert_eq!(book.saved(save), [0; 0]);
    assert!(!book.has_unsaved() && book.wake().is_none());
    assert_eq!(book.next_store_call(NOW), None);
}

#[test]
fn r6_a_commit_after_its_epoch_is_over_fails() {
    let mut book = book_with(OnInvalid::All, Some("10"));
    book.subscribing(A);
    receive(&mut book, A, 11, "20");
    assert!(book.position_refused(A).is_some());
    assert_eq!(book.commit(31, &[1], 11, InFlight::default()), Err(A.to_owned()));
}
