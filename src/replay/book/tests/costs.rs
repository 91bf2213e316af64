//! P1, P2: what is kept, and what it costs.

use super::*;

/// The channel is not wanted any more, and the server does not deliver it.
fn leave(book: &mut Book, name: &str) {
    book.set_wanted(name, false);
    book.release(name);
}

#[test]
fn p2_so_many_channels_are_tracked_as_the_limit_says() {
    let mut book = Book::new(2, BYTES);
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
    assert!(!Book::new(0, BYTES).has_room_for(1));
}

#[test]
fn p2_a_channel_makes_room_once_the_store_can_give_back_its_position() {
    let mut book = Book::new(1, BYTES);
    track(&mut book, A, Commit::Processed);
    let request = asked_to_load(&mut book, NOW);
    leave(&mut book, A);
    assert!(!book.has_room_for(1), "a load is under way");
    book.loaded(request, Some(position("10")), None);
    assert!(book.has_room_for(1));
    receive(&mut book, A, 11, "20");
    assert!(!book.has_room_for(1), "an event is not processed");
    done(&mut book, 1, 11);
    assert!(!book.has_room_for(1), "a position is not saved");
    let (save, _) = asked_to_save(&mut book, NOW);
    assert!(!book.has_room_for(1), "a save is under way");
    book.saved(save);
    assert!(book.has_room_for(1));
}

#[test]
fn p2_the_oldest_channel_that_nobody_reads_is_forgotten() {
    let mut book = Book::new(3, BYTES);
    for name in [A, B] {
        track_at(&mut book, name, Commit::Processed, Some("10"));
        leave(&mut book, name);
    }
    let tracked = |book: &Book| [A, B, "/event/C", "/event/D"].map(|name| book.tracks(name));
    track_at(&mut book, "/event/C", Commit::Processed, None);
    assert_eq!(tracked(&book), [true, true, true, false], "there was room");
    track_at(&mut book, "/event/D", Commit::Processed, None);
    assert_eq!(tracked(&book), [false, true, true, true]);
    assert!(!book.has_room_for(2), "what is forgotten makes no room twice");
    track(&mut book, A, Commit::Processed);
    assert_eq!(tracked(&book), [true, false, true, true]);
    let request = asked_to_load(&mut book, NOW);
    assert_eq!(book.loading(request).map(|(name, _)| name), Some(A), "its position is asked for again");
    assert!(book.any_wanted());
}

#[test]
fn p2_a_forgotten_channel_may_have_been_subscribed_in_this_session() {
    let mut book = Book::new(1, BYTES);
    track_at(&mut book, A, Commit::Processed, None);
    leave(&mut book, A);
    assert!(!book.is_topic_subscribed(B));
    track(&mut book, B, Commit::Processed);
    assert!(book.is_topic_subscribed(B) && !book.is_subscribed(B));
    book.restart(InFlight::default());
    assert!(!book.is_topic_subscribed(B));
}

#[test]
fn p1_p3_what_a_forgotten_channel_had_counts_no_more() {
    let mut book = book(Commit::Processed);
    receive(&mut book, A, 11, "20");
    assert_eq!((book.owed(), book.is_consistent()), (1, true));
    let number = *book.names.get(A).expect("it is tracked");
    assert!(book.remove(number).is_some());
    assert_eq!((book.owed(), book.kept_bytes, book.is_consistent()), (0, 0, true));
    assert!(book.given.channel_of(11).is_none());
}

fn name(number: usize) -> String {
    format!("/event/c{number}")
}

/// `count` channels whose stores have answered, each with an uncommitted event of its own subscription.
fn many(count: usize) -> Book {
    let mut book = Book::new(count + 1, BYTES);
    for number in 0..count {
        track_at(&mut book, &name(number), Commit::Processed, None);
        let (event, subscription) = (event("20"), number as u32 + 100);
        let of = [subscription];
        let received = Received { subscriptions: &of, holders: &of, ..received(&event, subscription) };
        let new = book.receive(&name(number), &received, InFlight::default());
        assert_eq!(new, Some(vec![subscription]));
    }
    book.response_ended(InFlight::default());
    book
}

#[test]
fn p2_a_channel_and_its_events_cost_the_same_among_many() {
    let count = |size: usize| {
        let mut book = many(size);
        crate::steps::taken();
        track(&mut book, A, Commit::Processed);
        let request = asked_to_load(&mut book, NOW);
        assert!(book.loading(request).is_some() && book.overdue(NOW).is_none());
        book.loaded(request, Some(position("10")), None);
        assert_eq!(book.subscribing(A).as_deref(), Some("10"));
        assert_eq!(book.tracking("/event/A"), Some(A));
        assert!(book.join(A, 1, 90_001).events.is_empty());
        assert_eq!(receive(&mut book, A, 90_001, "20"), Some(vec![1]));
        book.progress(1, 90_001, false, InFlight::default());
        done(&mut book, 1, 90_001);
        book.response_ended(InFlight::default());
        assert_eq!(book.all_came_again(InFlight::default()), [0; 0]);
        let (save, _) = asked_to_save(&mut book, NOW);
        assert!(book.wake().is_some() && book.next_store_call(NOW).is_none());
        assert_eq!(book.saved(save), [0; 0]);
        assert_eq!(book.commit(31, &[1], 90_001, InFlight::default()), Ok(vec![31]));
        book.leave(A, 1, 90_001, InFlight::default());
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
        book.restart(InFlight::default());
        for number in 0..size {
            let _ = book.subscribing(&name(number));
            done(&mut book, number as u32 + 100, 90_000);
        }
        book.response_ended(InFlight::default());
        while let Some(call) = book.next_store_call(NOW) {
            let StoreCall::Save { request, .. } = call else { panic!("{call:?}") };
            book.saved(request);
        }
        book.hurry(NOW);
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
        done(&mut book, 1, sequence);
    }
    assert!(book.given.channel_of(11).is_none() && book.given.channel_of(4_999).is_some());
    assert_eq!(book.commit(31, &[1], 11, InFlight::default()), Ok(vec![31]));
}

#[test]
fn p1_an_event_costs_the_same_behind_a_hole_however_many_are_there() {
    let count = |size: u32| {
        let mut book = book(Commit::Manual);
        let commit = |book: &mut Book, sequence: u32| {
            assert_eq!(book.commit(sequence, &[1], sequence, InFlight::default()), Ok(vec![]));
        };
        for sequence in 11..11 + size {
            receive(&mut book, A, sequence, &sequence.to_string());
            if sequence > 11 {
                commit(&mut book, sequence);
            }
        }
        book.response_ended(InFlight::default());
        crate::steps::taken();
        receive(&mut book, A, 900_000, "900000");
        commit(&mut book, 900_000);
        book.response_ended(InFlight::default());
        crate::steps::taken()
    };
    let steps = count(10);
    assert!(steps > 0);
    assert_eq!(count(100_000), steps);
}
