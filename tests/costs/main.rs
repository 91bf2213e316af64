//! What a session does is counted, not timed: passes through its loops over channels, subscriptions and events, with many
//! subscriptions and with ten times as many (P2), and by how a body is cut (P4).
#![cfg(not(target_arch = "wasm32"))]

#[path = "../soak/allocations.rs"]
mod allocations;
#[path = "../bench/client.rs"]
mod client;

use allocations::live_bytes;
use client::{Client, Dialect};
use cometd_edge::test_support::steps;

const FEW: u32 = 1_000;
const MANY: u32 = 10_000;
/// From few to many, in hundredths: work with all of them grows as their number does, and a little more.
const OF_ALL: u64 = 1_100;
/// Work with one of them stays the same, and a little more.
const OF_ONE: u64 = 110;

/// Of the body that comes whole, and byte by byte.
const EVENTS: u32 = 10_000;

/// Subscriptions that come and go, to one new channel after another.
const ROUNDS: u32 = 10_000;
/// The digits of numbers that grow, and how full lists happen to be.
const MARGIN: isize = 8_192;

/// Counts the work with few subscriptions and with many, and holds its growth to so many hundredths.
fn grows(dialect: Dialect, most: u64, work: impl Fn(&mut Client, u32) -> u64) {
    let [few, many] = [FEW, MANY].map(|channels| {
        let mut client = Client::connected(dialect);
        let count = work(&mut client, channels);
        println!("{dialect:?}, {channels} channels: {count} steps, {:?} in all", client.spent());
        count
    });
    // What concerns one channel may do without any loop.
    let least = if most == OF_ALL { u64::from(FEW) } else { 0 };
    assert!(few >= least, "{few} steps with {FEW} channels: loops that do not count");
    assert!(many * 100 <= few * most, "{few} steps with {FEW} channels, {many} with {MANY}");
}

fn counted(work: impl FnOnce()) -> u64 {
    steps::taken();
    work();
    steps::taken()
}

fn subscribe_all(client: &mut Client, channels: u32) -> u64 {
    counted(|| _ = client.subscribe(0..channels))
}

fn unsubscribe_all(client: &mut Client, channels: u32) -> u64 {
    let first = client.subscribe(0..channels);
    counted(|| client.unsubscribe(first..first + channels))
}

fn lose_a_session(client: &mut Client, channels: u32) -> u64 {
    client.subscribe(0..channels);
    counted(|| client.lose_session(channels))
}

fn one_subscription_more(client: &mut Client, channels: u32) -> u64 {
    client.subscribe(0..channels);
    counted(|| _ = client.subscribe(channels..channels + 1))
}

fn one_subscription_less(client: &mut Client, channels: u32) -> u64 {
    let first = client.subscribe(0..channels);
    counted(|| client.unsubscribe(first..first + 1))
}

/// From its bytes until it is read and, with replay, its position saved.
fn one_event(client: &mut Client, channels: u32) -> u64 {
    client.subscribe(0..channels);
    client.begin_poll();
    let event = client.events(1, channels);
    counted(|| {
        client.chunk(event.as_bytes());
        assert_eq!(client.read_all(), 1);
    })
}

/// A poll that brought nothing, and the next one.
fn end_of_a_poll(client: &mut Client, channels: u32) -> u64 {
    client.subscribe(0..channels);
    client.begin_poll();
    counted(|| client.finish_poll())
}

#[test]
fn p2_subscribing_to_all_channels_grows_as_their_number() {
    grows(Dialect::Plain, OF_ALL, subscribe_all);
}

#[test]
fn p2_subscribing_to_all_channels_with_replay_grows_as_their_number() {
    grows(Dialect::Replay, OF_ALL, subscribe_all);
}

#[test]
fn p2_unsubscribing_from_all_channels_grows_as_their_number() {
    grows(Dialect::Plain, OF_ALL, unsubscribe_all);
}

#[test]
fn p2_unsubscribing_from_all_channels_with_replay_grows_as_their_number() {
    grows(Dialect::Replay, OF_ALL, unsubscribe_all);
}

#[test]
fn p2_resubscribing_in_a_new_session_grows_as_the_number_of_channels() {
    grows(Dialect::Plain, OF_ALL, lose_a_session);
}

#[test]
fn p2_resubscribing_in_a_new_session_with_replay_grows_as_the_number_of_channels() {
    grows(Dialect::Replay, OF_ALL, lose_a_session);
}

#[test]
fn p2_one_subscription_and_its_reply_cost_the_same_beside_any_number() {
    grows(Dialect::Plain, OF_ONE, one_subscription_more);
}

#[test]
fn p2_one_subscription_with_replay_costs_the_same_beside_any_number() {
    grows(Dialect::Replay, OF_ONE, one_subscription_more);
}

#[test]
fn p2_one_unsubscription_costs_the_same_beside_any_number() {
    grows(Dialect::Plain, OF_ONE, one_subscription_less);
}

#[test]
fn p2_one_unsubscription_with_replay_costs_the_same_beside_any_number() {
    grows(Dialect::Replay, OF_ONE, one_subscription_less);
}

#[test]
fn p2_one_event_costs_the_same_with_any_number_of_channels() {
    grows(Dialect::Plain, OF_ONE, one_event);
}

#[test]
fn p2_one_event_with_replay_costs_the_same_with_any_number_of_channels() {
    grows(Dialect::Replay, OF_ONE, one_event);
}

#[test]
fn p2_the_end_of_a_poll_costs_the_same_with_any_number_of_channels() {
    grows(Dialect::Plain, OF_ONE, end_of_a_poll);
}

#[test]
fn p2_the_end_of_a_poll_with_replay_costs_the_same_with_any_number_of_channels() {
    grows(Dialect::Replay, OF_ONE, end_of_a_poll);
}

/// How many events stand behind one that is never committed.
const BEHIND: [u32; 2] = [1_000, 100_000];
/// So many come on one poll.
const AT_ONCE: u32 = 1_000;

/// Two readers of one channel; `keeps_up`: the first reads and commits all, the second nothing. Then `happens`, and the
/// steps of one event more are counted, from its bytes to the end of its poll.
fn one_event_behind_many(keeps_up: bool, happens: impl Fn(&mut Client, u32)) {
    let [few, many] = BEHIND.map(|count| {
        let mut client = Client::connected(Dialect::Replay);
        let (first, second) = (client.subscribe(0..1), client.subscribe(0..1));
        for _ in 0..count / AT_ONCE {
            let events = client.events(AT_ONCE, 1);
            client.end_poll(&events);
            if keeps_up {
                assert_eq!(client.read_by(|number| number == first), AT_ONCE as usize);
            }
        }
        happens(&mut client, second);
        let event = client.events(1, 1);
        let steps = counted(|| {
            client.end_poll(&event);
            if keeps_up {
                assert_eq!(client.read_by(|number| number == first), 1);
            }
        });
        println!("{count} events: {steps} steps, {:?} in all", client.spent());
        steps
    });
    assert!(
        few > 0 && many * 100 <= few * OF_ONE,
        "{few} steps behind {}, {many} behind {}",
        BEHIND[0],
        BEHIND[1]
    );
}

#[test]
fn p1_an_event_costs_the_same_behind_a_hole_however_many_are_there() {
    one_event_behind_many(true, |_, _| {});
}

#[test]
fn p1_an_event_costs_the_same_after_a_reader_has_left_with_many_in_hand() {
    one_event_behind_many(true, |client, second| client.unsubscribe(second..second + 1));
}

#[test]
fn p1_an_event_costs_the_same_however_far_its_readers_are_behind() {
    one_event_behind_many(false, |_, _| {});
}

/// A client that goes from one new channel to the next holds no more at the end than once it has reached the bound of what it
/// may track.
fn comes_and_goes(dialect: Dialect) {
    let mut client = Client::tracking(dialect, FEW as usize / 2);
    let mut round = |channel| {
        let count = counted(|| {
            let subscription = client.subscribe(channel..channel + 1);
            client.unsubscribe(subscription..subscription + 1);
        });
        (count, live_bytes())
    };
    let begun: Vec<(u64, isize)> = (0..FEW).map(&mut round).collect();
    let (steps, held) = begun[begun.len() - 1];
    let (steps_after, held_after) = (FEW..ROUNDS).map(&mut round).last().expect("some rounds");
    println!(
        "{dialect:?}: {steps} steps and {held} bytes after {FEW}, {steps_after} and {held_after} after {ROUNDS}"
    );
    assert!(steps_after * 100 <= steps * OF_ONE, "{steps} steps after {FEW}, {steps_after} after {ROUNDS}");
    assert!(held_after <= held + MARGIN, "{held} bytes after {FEW}, {held_after} after {ROUNDS}");
}

#[test]
fn p2_a_client_that_comes_and_goes_does_not_grow() {
    comes_and_goes(Dialect::Plain);
}

#[test]
fn p2_a_client_that_comes_and_goes_with_replay_does_not_grow() {
    comes_and_goes(Dialect::Replay);
}

/// One body in chunks of so many bytes: the steps until the poll has ended, and how many chunks there were.
fn body_in_chunks(dialect: Dialect, bytes: usize) -> (u64, u64) {
    let mut client = Client::subscribed(dialect, FEW);
    let body = client.events(EVENTS, FEW);
    client.begin_poll();
    let chunks: Vec<&[u8]> = body.as_bytes().chunks(bytes).collect();
    let count = counted(|| chunks.iter().for_each(|chunk| client.chunk(chunk)));
    assert_eq!(client.read_all(), EVENTS as usize);
    println!("{dialect:?}, {} chunks: {count} steps, {:?} in all", chunks.len(), client.spent());
    (count, chunks.len() as u64)
}

/// The steps of a chunk that brings nothing.
fn empty_call(dialect: Dialect) -> u64 {
    let mut client = Client::subscribed(dialect, FEW);
    client.begin_poll();
    client.chunk(b" ");
    counted(|| client.chunk(b" "))
}

fn is_cut_anywhere(dialect: Dialect) {
    let (whole, _) = body_in_chunks(dialect, usize::MAX);
    let (cut, calls) = body_in_chunks(dialect, 1);
    let for_calls = calls * empty_call(dialect);
    assert!(whole >= u64::from(EVENTS), "{whole} steps in one chunk: loops that do not count");
    assert!(
        cut <= whole + for_calls,
        "{whole} steps in one chunk, {cut} in {calls}, {for_calls} for the calls"
    );
}

#[test]
fn p4_a_body_costs_the_same_however_it_is_cut() {
    is_cut_anywhere(Dialect::Plain);
}

#[test]
fn p4_a_body_with_replay_costs_the_same_however_it_is_cut() {
    is_cut_anywhere(Dialect::Replay);
}

#[test]
fn p4_a_chunk_that_brings_nothing_costs_the_same_with_any_number_of_channels() {
    for dialect in [Dialect::Plain, Dialect::Replay] {
        let [few, many] = [FEW, MANY].map(|channels| {
            let mut client = Client::subscribed(dialect, channels);
            client.begin_poll();
            counted(|| client.chunk(b" "))
        });
        assert!(many <= few, "{dialect:?}: {few} steps with {FEW} channels, {many} with {MANY}");
    }
}
