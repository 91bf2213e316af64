//! R5, R5a: the calls to the store.

use super::*;
use crate::backoff::{Retry, Rng};
use crate::replay::book::store::StoreFailure;

/// How long the store may take to answer before it is called again.
const STORE_MS: u64 = 10_000;

#[test]
fn r5a_the_store_is_asked_once_for_a_channel_that_is_wanted() {
    let mut book = Book::new(10, BYTES);
    book.track(&pattern(A), conditions(Commit::Processed), true, NOW);
    assert_eq!((book.next_store_call(NOW), book.wake()), (None, None), "nobody wants it");
    book.set_wanted(A, true);
    assert_eq!(book.wake(), Some(NOW));
    let call = StoreCall::Load { request: 1, channel: A.to_owned() };
    assert_eq!(book.next_store_call(NOW), Some(call));
    assert_eq!((book.next_store_call(NOW), book.wake()), (None, Some(NOW.after(STORE_MS))));
    assert_eq!(book.loading(1), Some((A, &Start::New)));
    assert!(book.loading(2).is_none() && !book.is_saving(1) && !book.is_loaded(A));
    book.loaded(1, Some(position("10")), None);
    assert!(book.is_loaded(A) && book.loading(1).is_none());
    assert_eq!((at(&book, A), book.wake()), (Some("10".to_owned()), None));
    book.loaded(1, Some(position("99")), None);
    assert_eq!(at(&book, A).as_deref(), Some("10"), "nobody waits for it any more");
}

#[test]
fn r5a_what_makes_no_sense_is_never_overwritten() {
    let mut book = Book::new(10, BYTES);
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
    done(&mut book, 1, 11);
    assert!(book.has_unsaved() && book.wake() == Some(NOW));
    let save = StoreCall::Save { request: 2, channel: A.to_owned(), position: position("20") };
    assert_eq!(book.next_store_call(NOW), Some(save));
    assert!(book.is_saving(2) && !book.is_saving(1) && book.loading(2).is_none());
    done(&mut book, 1, 12);
    done(&mut book, 1, 13);
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
    done(&mut book, 1, 11);
    book.set_wanted(A, false);
    assert_eq!(asked_to_save(&mut book, NOW).1, "20");
}

fn failed(book: &mut Book, request: u32, now: Instant) -> Option<StoreFailure> {
    book.store_failed(request, now, &Retry::default(), &mut Rng::new(1))
}

#[test]
fn r5a_a_failed_load_is_made_again_after_a_back_off() {
    let mut book = Book::new(10, BYTES);
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
    book.loaded(request, None, None);
    // A success resets the back-off.
    receive(&mut book, A, 11, "20");
    done(&mut book, 1, 11);
    let (save, _) = asked_to_save(&mut book, at);
    assert!(failed(&mut book, save, at).is_some());
    assert_eq!(book.wake(), Some(at));
}

#[test]
fn r5_a_failed_save_is_made_again_after_a_back_off() {
    let mut book = book(Commit::Processed);
    receive(&mut book, A, 11, "20");
    receive(&mut book, A, 12, "30");
    done(&mut book, 1, 11);
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
    // A success resets the back-off.
    done(&mut book, 1, 12);
    let (save, _) = asked_to_save(&mut book, at);
    assert!(failed(&mut book, save, at).is_some());
    assert_eq!(book.wake(), Some(at));
}

#[test]
fn r5_a_store_that_does_not_answer_is_found_after_ten_seconds() {
    let late = NOW.after(STORE_MS);
    let early = Instant::from_millis(late.as_millis() - 1);
    let mut book = Book::new(10, BYTES);
    track(&mut book, A, Commit::Processed);
    assert_eq!(book.overdue(late), None, "it has not been asked");
    let request = asked_to_load(&mut book, NOW);
    assert_eq!((book.overdue(early), book.overdue(late)), (None, Some(request)));
    book.loaded(request, None, None);
    receive(&mut book, A, 11, "20");
    done(&mut book, 1, 11);
    let (save, _) = asked_to_save(&mut book, NOW);
    assert_eq!((book.overdue(early), book.overdue(late)), (None, Some(save)));
    assert!(failed(&mut book, save, late).is_some());
    assert_eq!(book.overdue(late), None);
}

#[test]
fn r5_a_call_without_an_answer_is_not_made_twice_and_holds_no_other_up() {
    let late = NOW.after(STORE_MS);
    let mut book = Book::new(10, BYTES);
    track(&mut book, A, Commit::Processed);
    let request = asked_to_load(&mut book, NOW);
    assert_eq!(book.next_store_call(late), None);
    track(&mut book, B, Commit::Processed);
    let other = asked_to_load(&mut book, late);
    assert_eq!(book.loading(other).map(|(name, _)| name), Some(B));
    book.loaded(request, None, None);
    book.loaded(other, None, None);
    receive(&mut book, A, 11, "20");
    receive(&mut book, B, 12, "30");
    done(&mut book, 1, 11);
    asked_to_save(&mut book, NOW);
    assert_eq!(book.next_store_call(late), None);
    receive(&mut book, A, 13, "40");
    done(&mut book, 1, 13);
    assert_eq!(asked_to_save(&mut book, late).1, "30");
    assert_eq!(book.next_store_call(late), None);
}

#[test]
fn s8_hurrying_keeps_the_first_delay() {
    let retry = Retry { initial_delay_ms: 2_000, factor: 9.0, ..Retry::default() };
    let mut rng = Rng::new(7);
    let mut book = Book::new(10, BYTES);
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
    book.loaded(request, None, None);
    receive(&mut book, A, 11, "20");
    done(&mut book, 1, 11);
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
fn r5_a_position_of_a_snapshot_is_saved_if_the_store_has_none() {
    for (stored, saves) in [(None, true), (Some("10"), false)] {
        let mut book = Book::new(10, BYTES);
        track(&mut book, A, Commit::Processed);
        let request = asked_to_load(&mut book, NOW);
        book.loaded(request, stored.map(position), Some(position("7")));
        assert_eq!((at(&book, A).as_deref(), book.has_unsaved()), (stored.or(Some("7")), saves));
    }
}

#[test]
fn r5_an_old_save_that_is_answered_late_settles_nothing() {
    let mut book = book(Commit::Manual);
    receive(&mut book, A, 11, "20");
    assert_eq!(book.commit(31, &[1], 11, InFlight::default()), Ok(vec![]));
    let (save, _) = asked_to_save(&mut book, NOW);
    assert!(failed(&mut book, save, NOW.after(STORE_MS)).is_some());
    assert_eq!(book.saved(save), [0; 0]);
    let (again, _) = asked_to_save(&mut book, NOW.after(STORE_MS));
    assert!(!book.is_saving(save) && book.is_saving(again));
    assert_eq!(book.saved(again), [31]);
}
