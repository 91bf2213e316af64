//! P1, P2: what is kept, and what it costs.

use super::*;

/// The channel is not wanted any more, and the server does not deliver it.
fn leave(book: &mut Book, name: &str) {
    book.set_wanted(name, false);
    book.release(name);
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
    assert!(!book.has_room_for(1), "the server may still deliver it");
    book.release(A);
    assert!(book.has_room_for(1) && !book.has_room_for(2));
    book.release("/event/unknown");
    track(&mut book, A, Commit::Processed);
    assert!(!book.has_room_for(1), "it is read again");
    book.set_wanted(A, false);
    assert!(!book.has_room_for(1), "and is delivered again");
    assert!(!Book::new(0).has_room_for(1));
}

#[test]
fn p2_a_channel_makes_room_once_the_store_can_give_back_its_position() {
    let mut book = Book::new(1);
    track(&mut book, A, Commit::Processed);
    let request = asked_to_load(&mut book, NOW);
    leave(&mut book, A);
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
        leave(&mut book, name);
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
        leave(&mut book, A);
        book
    };
    assert!(first_event_counts(&mut Book::new(1)), "nothing was forgotten");
    let mut book = full();
    assert!(!first_event_counts(&mut book));
    book.response_ended(6, true, |_| true, None);
    assert_eq!(book.resume_from("/event/C"), Some("20"));
    let mut book = full();
    track_at(&mut book, B, Commit::Processed, None);
    leave(&mut book, B);
    book.restart();
    book.max_channels = 2;
    assert!(first_event_counts(&mut book), "a new session has nothing left over");
}

fn name(number: usize) -> String {
    format!("/event/c{number}")
}

/// `count` channels whose stores have answered, each with an uncommitted event of its own subscription.
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
        book.given.rebuild(book.channels.iter().map(|(number, tracked)| (number, &tracked.ledger)));
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
        leave(&mut book, A);
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
