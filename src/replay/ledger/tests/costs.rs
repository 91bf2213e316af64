//! P1: what an event costs, by counting steps.

use super::*;

/// Behind one event that is never committed, so many that are.
fn behind_a_hole(count: u32) -> Channel {
    let mut channel = Channel::stored();
    for number in 1..=count {
        let id = number.to_string();
        channel.poll(&[&id]);
        if number > 1 {
            channel.ledger.processed(1, channel.last_sequence, channel.in_flight);
        }
    }
    channel
}

/// The steps of one event more, from its arrival to its commit, with a poll and a command in flight.
fn one_more(channel: &mut Channel) -> u64 {
    crate::steps::taken();
    channel.send(Carrier::Poll);
    channel.send(Carrier::Commands);
    channel.poll(&["900001"]);
    channel.commands(&["900002"]);
    for behind in [1, 0] {
        channel.ledger.processed(1, channel.last_sequence - behind, channel.in_flight);
    }
    channel.end(Carrier::Commands);
    channel.end(Carrier::Poll);
    crate::steps::taken()
}

#[test]
fn p1_an_event_costs_the_same_behind_a_hole_however_many_are_there() {
    let mut few = behind_a_hole(10);
    let steps = one_more(&mut few);
    assert!(steps > 0);
    let mut many = behind_a_hole(100_000);
    assert_eq!(one_more(&mut many), steps);
}

#[test]
fn p1_a_hole_that_is_filled_costs_each_event_behind_it_once() {
    let steps = |count: u32| {
        let mut channel = behind_a_hole(count);
        crate::steps::taken();
        channel.ledger.processed(1, 11, channel.in_flight);
        channel.stands_at(&count.to_string());
        crate::steps::taken()
    };
    let few = steps(1_000);
    assert!(few >= 1_000);
    assert!(steps(10_000) <= few * 11);
}

#[test]
fn p1_a_reader_that_left_makes_no_event_dearer() {
    let steps = |count: u32| {
        let mut channel = behind_a_hole(count);
        channel.join(2);
        channel.leave(1, "1");
        one_more(&mut channel)
    };
    assert_eq!(steps(10_000), steps(10));
}

#[test]
fn p1_events_that_nobody_reads_cost_the_same() {
    let steps = |count: u32| {
        let mut channel = Channel::stored();
        channel.leave(1, "");
        (1..=count).for_each(|number| channel.poll(&[&number.to_string()]));
        one_more(&mut channel)
    };
    assert_eq!(steps(100_000), steps(10));
}

#[test]
fn p1_each_event_of_a_chain_of_ties_costs_the_same() {
    let steps = |count: u32| {
        let mut channel = Channel::stored();
        channel.send(Carrier::Poll);
        channel.send(Carrier::Commands);
        crate::steps::taken();
        for number in 0..count {
            let carrier = if number % 2 == 0 { Carrier::Poll } else { Carrier::Commands };
            channel.receive(carrier, &number.to_string());
        }
        crate::steps::taken()
    };
    let few = steps(1_000);
    assert!(few > 0);
    assert!(steps(10_000) <= few + 9_000);
}
