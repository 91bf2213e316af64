use super::{DeliveryQueues, SHARED_READER};
use crate::bayeux::message::Message;
use crate::delivery::{Batch, OFFSETS_PER_EVENT};
use crate::replay::Commit::{self, Delivered, Manual, Processed};
use crate::session::Event;
use crate::steps;

fn event(sequence: u32, subscriptions: &[u32]) -> Event {
    sized_event(sequence, subscriptions, 0)
}

fn sized_event(sequence: u32, subscriptions: &[u32], bytes: usize) -> Event {
    let text = format!(r#"{{"channel":"/c","data":"{}"}}"#, "x".repeat(bytes));
    let message = Message::parse(text).expect("the text is a JSON object");
    Event { sequence, subscriptions: subscriptions.to_vec(), message: message.into() }
}

fn sequences(batch: &Batch) -> Vec<u32> {
    let events = batch.offsets.chunks_exact(OFFSETS_PER_EVENT);
    let sequences: Vec<u32> = events.map(|event| event[OFFSETS_PER_EVENT - 1]).collect();
    assert_eq!(sequences.len(), batch.events as usize);
    sequences
}

/// Queues with subscriptions open, and events numbered from 1 for these subscriptions.
fn queues(open: &[(u32, Option<Commit>)], events: &[&[u32]]) -> DeliveryQueues {
    let mut queues = DeliveryQueues::default();
    for (subscription, commit) in open {
        queues.open(*subscription, *commit);
    }
    for (index, subscriptions) in events.iter().enumerate() {
        queues.push(event(index as u32 + 1, subscriptions));
    }
    queues
}

/// With subscriptions 1 to 3, of which no position is tracked.
fn plain(events: &[&[u32]]) -> DeliveryQueues {
    queues(&[(1, None), (2, None), (3, None)], events)
}

impl DeliveryQueues {
    fn take(&mut self, reader: u32) -> Vec<u32> {
        sequences(&self.next_batch(reader))
    }

    fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
            && self.shared.is_empty()
            && self.taken_by_shared.is_empty()
            && self.uncommitted.is_empty()
    }
}

// Who gets which events

#[test]
fn r3b_the_shared_reader_gets_each_event_once_in_order_of_arrival() {
    let mut queues = plain(&[&[2], &[1, 2, 3], &[3], &[1, 3], &[2]]);
    assert_eq!(queues.take(SHARED_READER), [1, 2, 3, 4, 5]);
    assert_eq!(queues.take(SHARED_READER), []);
    for subscription in [1, 2, 3] {
        assert_eq!(queues.take(subscription), [], "taken from subscription {subscription}, too");
    }
}

#[test]
fn r3b_a_claimed_subscription_is_read_by_its_own_reader_alone() {
    let mut queues = plain(&[]);
    queues.claim(2);
    for (sequence, subscriptions) in [(1, [1].as_slice()), (2, &[2]), (3, &[1, 2]), (4, &[2, 3])] {
        queues.push(event(sequence, subscriptions));
    }
    assert_eq!(queues.take(SHARED_READER), [1, 3, 4]);
    assert_eq!(queues.take(2), [2, 3, 4]);
    assert_eq!(queues.take(2), []);
}

#[test]
fn r3b_a_subscription_that_is_claimed_later_takes_its_events_along() {
    let mut queues = plain(&[&[1], &[1, 2], &[2]]);
    queues.claim(1);
    queues.claim(1);
    assert_eq!(queues.take(SHARED_READER), [2, 3], "subscription 2 is not claimed");
    assert_eq!(queues.take(1), [1, 2]);
    assert_eq!(queues.consumed(SHARED_READER), [(2, 2)]);
    assert_eq!(queues.consumed(1), [(1, 2)]);
}

#[test]
fn r3b_what_the_shared_reader_has_taken_stays_with_it() {
    let mut queues = plain(&[&[1]]);
    assert_eq!(queues.take(SHARED_READER), [1]);
    queues.claim(1);
    queues.push(event(2, &[1]));
    assert_eq!(queues.take(1), [2]);
    assert_eq!((queues.consumed(SHARED_READER), queues.consumed(1)), (vec![(1, 1)], vec![(1, 1)]));
}

#[test]
fn to_take_by_the_number_of_a_subscription_claims_it() {
    let mut queues = plain(&[&[1], &[1, 2]]);
    assert_eq!(queues.take(1), [1, 2]);
    queues.push(event(3, &[1]));
    assert_eq!(queues.take(SHARED_READER), [2]);
    assert_eq!(queues.take(1), [3]);
}

#[test]
fn a_second_open_changes_nothing() {
    let mut queues = queues(&[(1, Some(Processed))], &[&[1]]);
    queues.open(1, None);
    assert_eq!(queues.take(SHARED_READER), [1]);
    assert_eq!(queues.progress(SHARED_READER, 1, true), [(1, 1)]);
}

#[test]
fn a_number_that_is_not_open_has_no_events() {
    let mut queues = queues(&[], &[&[4], &[4, 5]]);
    queues.claim(4);
    queues.end(4);
    queues.remove(4);
    assert_eq!((queues.take(4), queues.take(SHARED_READER)), (vec![], vec![]));
    assert_eq!(
        (queues.take_ready(), queues.consumed(4), queues.consumed(SHARED_READER)),
        (vec![], vec![], vec![])
    );
    assert!(queues.is_empty());
}

#[test]
fn a_subscription_opened_after_an_event_does_not_get_it() {
    let mut queues = queues(&[(1, None)], &[&[1, 2]]);
    queues.open(2, None);
    queues.push(event(2, &[2]));
    assert_eq!(queues.take(SHARED_READER), [1, 2]);
    assert_eq!(queues.consumed(SHARED_READER), [(1, 1), (2, 1)]);
}

// Batches

#[test]
fn a_batch_ends_before_64_kb_and_the_next_goes_on_there() {
    for reader in [SHARED_READER, 1] {
        let mut queues = plain(&[]);
        for (sequence, bytes) in [(1, 40_000), (2, 20_000), (3, 10_000), (4, 100_000), (5, 10), (6, 10)] {
            queues.push(sized_event(sequence, &[1], bytes));
        }
        let batches = [(); 5].map(|()| queues.take(reader));
        assert_eq!(batches, [vec![1, 2], vec![3], vec![4], vec![5, 6], vec![]], "reader {reader}");
    }
}

#[test]
fn a_batch_holds_the_text_of_the_messages() {
    let mut queues = plain(&[&[1], &[1]]);
    let text = r#"{"channel":"/c","data":""}"#;
    assert_eq!(queues.next_batch(1).text, [text, text].concat());
}

// Readers to wake

#[test]
fn readers_are_ready_once_in_the_order_in_which_their_events_came() {
    let mut queues = plain(&[]);
    queues.claim(3);
    queues.claim(2);
    for (sequence, subscriptions) in [(1, [3].as_slice()), (2, &[1, 3]), (3, &[2]), (4, &[1, 2, 3])] {
        queues.push(event(sequence, subscriptions));
    }
    assert_eq!(queues.take_ready(), [3, SHARED_READER, 2]);
    assert_eq!(queues.take_ready(), []);
    queues.push(event(5, &[1, 2]));
    assert_eq!(queues.take_ready(), [SHARED_READER, 2]);
    queues.push(event(6, &[3]));
    assert_eq!(queues.take_ready(), [3]);
}

// R8

#[test]
fn r8_a_reader_has_consumed_what_it_took_and_reports_it_once() {
    let mut queues = plain(&[&[1], &[1, 2], &[3], &[1, 3]]);
    queues.claim(3);
    assert_eq!((queues.consumed(SHARED_READER), queues.consumed(3)), (vec![], vec![]));
    queues.take(SHARED_READER);
    queues.take(3);
    assert_eq!(queues.consumed(SHARED_READER), [(1, 3), (2, 1)]);
    assert_eq!(queues.consumed(3), [(3, 2)]);
    assert_eq!((queues.consumed(SHARED_READER), queues.consumed(3)), (vec![], vec![]));
}

#[test]
fn r8_several_batches_are_consumed_together() {
    let mut queues = plain(&[]);
    for sequence in 1..=3 {
        queues.push(sized_event(sequence, &[1, 2], 60_000));
    }
    queues.claim(2);
    for reader in [SHARED_READER, 2] {
        assert_eq!((queues.take(reader), queues.take(reader)), (vec![1], vec![2]));
    }
    assert_eq!((queues.consumed(SHARED_READER), queues.consumed(2)), (vec![(1, 2)], vec![(2, 2)]));
}

// R3

#[test]
fn r3_progress_of_the_shared_reader_names_what_has_events_to_report() {
    let open = [(1, Some(Processed)), (2, Some(Processed)), (3, Some(Processed)), (4, Some(Processed))];
    let mut queues = queues(&open, &[&[1], &[1, 2], &[3], &[1]]);
    assert_eq!(queues.progress(SHARED_READER, 4, true), [], "nothing was taken");
    queues.take(SHARED_READER);
    assert_eq!(queues.progress(SHARED_READER, 2, true), [(1, 2), (2, 2)]);
    assert_eq!(queues.progress(SHARED_READER, 2, true), []);
    assert_eq!(queues.progress(SHARED_READER, 9, true), [(1, 4), (3, 3)]);
}

#[test]
fn r3_progress_of_the_shared_reader_goes_by_the_commit_of_each_subscription() {
    let open = [(1, Some(Processed)), (2, Some(Delivered)), (3, Some(Manual)), (4, None)];
    let mut queues = queues(&open, &[&[1, 2, 3, 4], &[1, 2, 3, 4]]);
    queues.take(SHARED_READER);
    assert_eq!(queues.progress(SHARED_READER, 2, false), [(2, 2)]);
    assert_eq!(queues.progress(SHARED_READER, 1, true), [(1, 1)]);
    assert_eq!(queues.progress(SHARED_READER, 2, true), [(1, 2)]);
}

#[test]
fn r3_progress_of_another_reader_is_that_of_its_subscription() {
    let mut queues = queues(&[(1, Some(Processed)), (2, Some(Processed))], &[&[1, 2], &[1]]);
    queues.take(1);
    assert_eq!(queues.progress(1, 1, true), [(1, 1)]);
    assert_eq!(queues.progress(1, 2, true), [(1, 2)]);
    assert_eq!(queues.progress(1, 2, false), [(1, 2)]);
    assert_eq!(queues.progress(9, 2, true), [(9, 2)]);
    assert_eq!(queues.progress(SHARED_READER, 2, true), []);
}

#[test]
fn r3_the_shared_reader_commits_of_a_claimed_subscription_what_it_was_given() {
    let mut queues = queues(&[(1, Some(Processed)), (2, Some(Processed))], &[&[1], &[2]]);
    queues.take(SHARED_READER);
    queues.push(event(3, &[1]));
    queues.push(event(4, &[2]));
    queues.claim(1);
    queues.take(SHARED_READER);
    queues.take(1);
    assert_eq!(queues.progress(SHARED_READER, 4, true), [(1, 1), (2, 4)], "event 3 is in another hand");
}

#[test]
fn r4_a_claimed_subscription_commits_nothing_past_what_the_shared_reader_holds() {
    for (commit, done) in [(Processed, true), (Delivered, false)] {
        let mut queues = queues(&[(1, Some(commit)), (2, Some(commit))], &[&[1], &[1], &[2]]);
        queues.take(SHARED_READER);
        queues.push(event(4, &[1]));
        assert_eq!(queues.take(1), [4]);
        assert_eq!(queues.progress(1, 4, done), [], "the shared reader holds events 1 and 2");
        assert_eq!(queues.progress(SHARED_READER, 1, done), [(1, 1)]);
        assert_eq!(queues.progress(SHARED_READER, 3, done), [(1, 4), (2, 3)]);
        queues.push(event(5, &[1]));
        queues.take(1);
        assert_eq!(queues.progress(1, 5, done), [(1, 5)]);
    }
}

#[test]
fn r4_progress_that_does_not_commit_is_not_held_back() {
    let mut queues = queues(&[(1, Some(Processed))], &[&[1]]);
    queues.take(SHARED_READER);
    queues.push(event(2, &[1]));
    queues.take(1);
    assert_eq!(queues.progress(1, 2, false), [(1, 2)]);
    assert_eq!(queues.progress(SHARED_READER, 1, true), [(1, 1)]);
}

#[test]
fn r3_a_commit_names_the_subscriptions_whose_reader_was_given_the_event() {
    let open = [(1, Some(Manual)), (2, Some(Manual)), (3, Some(Processed)), (4, Some(Manual)), (5, None)];
    let mut queues = queues(&open, &[&[1], &[1, 2, 3, 4, 5]]);
    queues.claim(2);
    queues.take(SHARED_READER);
    let mut subscriptions = queues.commit(SHARED_READER, 2);
    subscriptions.sort_unstable();
    assert_eq!(subscriptions, [1, 3, 4]);
    assert_eq!(queues.commit(2, 2), [2]);
    assert_eq!(queues.commit(SHARED_READER, 1), [1]);
    assert_eq!(queues.commit(SHARED_READER, 1), [], "reported before");
    assert_eq!(queues.commit(SHARED_READER, 7), []);
}

// What remains

#[test]
fn an_event_of_a_removed_subscription_stays_queued_for_others() {
    let mut queues = plain(&[&[1], &[1, 2], &[1, 3], &[3]]);
    queues.claim(3);
    queues.remove(1);
    assert_eq!(queues.take(SHARED_READER), [2]);
    assert_eq!(queues.consumed(SHARED_READER), [(2, 1)]);
    assert_eq!(queues.take(1), []);
    assert_eq!(queues.take(3), [3, 4]);
}

#[test]
fn a_claimed_subscription_that_is_removed_takes_nothing_from_the_shared_reader() {
    let mut queues = plain(&[&[1, 2]]);
    queues.claim(1);
    queues.remove(1);
    assert_eq!(queues.take(SHARED_READER), [1]);
}

#[test]
fn no_report_names_a_removed_subscription() {
    let open = [(1, Some(Processed)), (2, Some(Processed)), (3, Some(Manual))];
    let mut queues = queues(&open, &[&[1, 2, 3], &[1, 2]]);
    queues.take(SHARED_READER);
    queues.remove(1);
    queues.remove(3);
    assert_eq!(queues.consumed(SHARED_READER), [(2, 2)]);
    assert_eq!(queues.commit(SHARED_READER, 1), [2]);
    assert_eq!(queues.progress(SHARED_READER, 2, true), [(2, 2)]);
    queues.remove(2);
    assert!(queues.is_empty());
}

#[test]
fn p2_a_subscription_that_ended_goes_with_the_last_report_of_it() {
    // Without events, and with events for each kind of reader.
    let mut queues = plain(&[&[1], &[2]]);
    queues.end(3);
    assert!(!queues.subscriptions.contains(3));
    queues.claim(2);
    queues.end(1);
    queues.end(2);
    assert_eq!((queues.take(SHARED_READER), queues.take(2)), (vec![1], vec![2]));
    queues.end(1);
    queues.end(2);
    assert_eq!(queues.subscriptions.len(), 2, "they have not been consumed");
    assert_eq!((queues.consumed(SHARED_READER), queues.consumed(2)), (vec![(1, 1)], vec![(2, 1)]));
    assert!(queues.is_empty());
}

#[test]
fn p2_a_subscription_that_goes_on_stays_when_all_of_it_is_reported() {
    let mut queues = queues(&[(1, Some(Processed)), (2, Some(Manual)), (3, None)], &[&[1, 2, 3]]);
    queues.claim(3);
    queues.take(SHARED_READER);
    queues.take(3);
    queues.consumed(SHARED_READER);
    queues.consumed(3);
    queues.progress(SHARED_READER, 1, true);
    queues.commit(SHARED_READER, 1);
    queues.push(event(2, &[1, 2, 3]));
    assert_eq!((queues.take(SHARED_READER), queues.take(3)), (vec![2], vec![2]));
    assert_eq!(queues.consumed(SHARED_READER), [(1, 1), (2, 1)]);
}

#[test]
fn p2_a_subscription_that_ended_stays_until_its_events_are_committed() {
    for (commit, done) in [(Processed, true), (Delivered, false), (Manual, true)] {
        let mut queues = queues(&[(1, Some(commit))], &[&[1], &[1]]);
        queues.take(SHARED_READER);
        queues.end(1);
        queues.consumed(SHARED_READER);
        for sequence in [1, 2] {
            assert!(!queues.is_empty());
            let reported = match commit {
                Manual => queues.commit(SHARED_READER, sequence) == [1],
                _ => queues.progress(SHARED_READER, sequence, done) == [(1, sequence)],
            };
            assert!(reported, "{commit:?} {sequence}");
        }
        assert!(queues.is_empty(), "{commit:?}");
    }
}

#[test]
fn r4_a_subscription_that_ended_reports_progress_that_was_held_back() {
    let mut queues = queues(&[(1, Some(Processed))], &[&[1]]);
    queues.take(SHARED_READER);
    queues.push(event(2, &[1]));
    queues.take(1);
    queues.end(1);
    queues.consumed(1);
    queues.consumed(SHARED_READER);
    assert_eq!(queues.progress(1, 2, true), []);
    assert_eq!(queues.progress(SHARED_READER, 1, true), [(1, 2)]);
    assert!(queues.is_empty());
}

#[test]
fn x6_events_that_are_claimed_are_not_kept_for_the_shared_reader() {
    let mut queues = plain(&[]);
    for sequence in 1..=100 {
        queues.push(event(sequence, &[1]));
        queues.claim(1);
        assert_eq!(queues.take(1), [sequence]);
        queues.consumed(1);
        queues.remove(1);
        queues.open(1, None);
    }
    queues.push(event(101, &[1, 2]));
    queues.claim(1);
    queues.claim(2);
    assert!(queues.shared.is_empty());
}

// Costs

/// Steps of a piece of work over 1,000 and over 10,000 of something, which grow in proportion.
fn assert_grows_in_proportion(name: &str, work: impl Fn(u32)) {
    let [small, large] = [1_000, 10_000].map(|count| {
        steps::taken();
        work(count);
        steps::taken()
    });
    assert!(small >= 1_000, "{name}: {small} steps are not counted");
    assert!(large <= 11 * small, "{name}: {small} steps for 1,000, and {large} for 10,000");
}

/// Queues with subscriptions 1 to `count`.
fn open(count: u32, commit: Option<Commit>) -> DeliveryQueues {
    let mut queues = DeliveryQueues::default();
    for subscription in 1..=count {
        queues.open(subscription, commit);
    }
    queues
}

/// A reader reads on, and reports event by event.
fn read_all(queues: &mut DeliveryQueues, reader: u32) -> u32 {
    let mut events = 0;
    loop {
        let taken = queues.take(reader);
        if taken.is_empty() {
            return events;
        }
        for sequence in taken {
            queues.progress(reader, sequence, false);
            queues.progress(reader, sequence, true);
            queues.commit(reader, sequence);
            events += 1;
        }
        queues.consumed(reader);
    }
}

#[test]
fn p2_the_shared_reader_reads_one_event_of_each_subscription() {
    for commit in [None, Some(Processed), Some(Delivered), Some(Manual)] {
        assert_grows_in_proportion("events", |count| {
            let mut queues = open(count, commit);
            for number in 1..=count {
                queues.push(event(number, &[number]));
                queues.take_ready();
            }
            assert_eq!(read_all(&mut queues, SHARED_READER), count);
        });
    }
}

#[test]
fn p2_one_event_costs_the_same_among_10_and_among_10_000_subscriptions() {
    let [few, many] = [10, 10_000].map(|count| {
        let mut queues = open(count, Some(Processed));
        for number in 1..=count {
            queues.push(event(number, &[number]));
        }
        read_all(&mut queues, SHARED_READER);
        queues.take_ready();
        steps::taken();
        queues.push(event(count + 1, &[7]));
        assert_eq!(queues.take_ready(), [SHARED_READER]);
        assert_eq!(read_all(&mut queues, SHARED_READER), 1);
        steps::taken()
    });
    assert!(few > 0);
    assert_eq!(few, many);
}

#[test]
fn p1_one_event_costs_the_same_behind_100_000_that_are_not_committed() {
    let [few, many] = [10, 100_000].map(|count| {
        let mut queues = queues(&[(1, Some(Manual)), (2, Some(Processed))], &[]);
        for number in 1..=count {
            queues.push(event(number, &[1]));
        }
        while !queues.take(SHARED_READER).is_empty() {}
        steps::taken();
        queues.push(event(count + 1, &[1, 2]));
        assert_eq!(read_all(&mut queues, SHARED_READER), 1);
        steps::taken()
    });
    assert!(few > 0);
    assert_eq!(few, many);
}

#[test]
fn p1_one_event_costs_the_same_before_100_000_that_are_queued() {
    let [few, many] = [10, 100_000].map(|count| {
        let mut queues = queues(&[(1, Some(Processed)), (2, Some(Processed))], &[]);
        queues.claim(2);
        for number in 1..=count {
            queues.push(event(number, &[1]));
        }
        steps::taken();
        queues.push(event(count + 1, &[2]));
        queues.take_ready();
        assert_eq!(read_all(&mut queues, 2), 1);
        steps::taken()
    });
    assert!(few > 0);
    assert_eq!(few, many);
}

#[test]
fn p2_one_event_of_all_subscriptions_is_read_claimed_and_removed() {
    assert_grows_in_proportion("one event", |count| {
        let all: Vec<u32> = (1..=count).collect();
        let mut queues = open(count, Some(Processed));
        queues.push(event(1, &all));
        read_all(&mut queues, SHARED_READER);
        queues.push(event(2, &all));
        queues.push(event(3, &all));
        for subscription in 1..=count {
            queues.claim(subscription);
            assert_eq!(read_all(&mut queues, subscription), 2);
            queues.remove(subscription);
        }
        assert!(queues.is_empty());
    });
}

#[test]
fn p2_subscriptions_are_claimed_read_ended_and_removed() {
    assert_grows_in_proportion("own readers", |count| {
        let mut queues = open(count, Some(Manual));
        for number in 1..=count {
            queues.push(event(number, &[number]));
        }
        for subscription in 1..=count {
            queues.claim(subscription);
            queues.end(subscription);
        }
        assert_eq!(queues.take_ready(), [SHARED_READER]);
        for subscription in 1..=count {
            assert_eq!(read_all(&mut queues, subscription), 1);
        }
        assert!(queues.is_empty());
    });
    assert_grows_in_proportion("unread", |count| {
        let mut queues = open(count, Some(Manual));
        for number in 1..=count {
            queues.push(event(number, &[number]));
        }
        for subscription in 1..=count / 2 {
            queues.remove(subscription);
        }
        queues.take(SHARED_READER);
        for subscription in 1..=count {
            queues.remove(subscription);
        }
        assert!(queues.is_empty());
    });
}
