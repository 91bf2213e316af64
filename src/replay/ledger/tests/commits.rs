//! R5: when `event.commit()` is settled.

use super::*;
use crate::replay::ledger::Committed;

/// Commits an event by hand; its command has the event's number.
fn commit(channel: &mut Channel, reader: u32, id: &str) -> Committed {
    let committed = channel.ledger.wait_for(id.parse().expect("a number"), channel.sequence(id));
    channel.commit(reader, &[id]);
    committed
}

#[test]
fn r5_a_commit_waits_for_the_version_that_includes_it() {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2", "3"]);
    assert_eq!(commit(&mut channel, 1, "2"), Committed::Waits);
    assert_eq!(channel.ledger.take_waiters(9), [0; 0]);
    assert_eq!(commit(&mut channel, 1, "1"), Committed::Waits);
    assert_eq!(commit(&mut channel, 1, "3"), Committed::Waits);
    assert_eq!(channel.ledger.take_waiters(0), [0; 0]);
    assert_eq!(channel.ledger.take_waiters(1), [1, 2]);
    assert_eq!(channel.ledger.take_waiters(1), [0; 0]);
    assert_eq!(channel.ledger.take_waiters(2), [3]);
}

#[test]
fn r5_a_second_commit_waits_for_the_same_save() {
    let mut channel = Channel::stored();
    channel.poll(&["1"]);
    commit(&mut channel, 1, "1");
    assert_eq!(channel.ledger.wait_for(71, channel.sequence("1")), Committed::Waits);
    assert_eq!(channel.ledger.take_waiters(1), [1, 71]);
}

#[test]
fn r5_a_commit_of_what_is_no_longer_remembered_has_been_saved() {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2", "3"]);
    ["1", "2", "3"].iter().for_each(|id| _ = commit(&mut channel, 1, id));
    assert_eq!(channel.ledger.wait_for(71, channel.sequence("1")), Committed::Known);
    assert_eq!(channel.ledger.wait_for(72, 9_999), Committed::Known);
}

#[test]
fn r5_all_that_waits_can_be_taken_at_the_end() {
    let mut channel = Channel::stored();
    channel.poll(&["1", "2", "3"]);
    commit(&mut channel, 1, "1");
    commit(&mut channel, 1, "3");
    assert_eq!(channel.ledger.take_all_waiters(), [1, 3]);
    assert_eq!(channel.ledger.take_all_waiters(), [0; 0]);
}

#[test]
fn r5_a_commit_over_a_restart_waits_until_the_event_comes_again() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.commands(&["2"]);
    channel.restart();
    channel.ledger.subscribing();
    assert_eq!(commit(&mut channel, 1, "2"), Committed::Waits);
    assert_eq!(channel.ledger.take_waiters(9), [0; 0]);
    channel.poll(&["2"]);
    assert_eq!(channel.ledger.take_waiters(9), [2]);
}

#[test]
fn r5_a_commit_of_what_the_server_has_no_more_does_not_wait() {
    let mut channel = Channel::stored();
    channel.send(Carrier::Poll);
    channel.commands(&["2", "3"]);
    channel.restart();
    channel.ledger.subscribing();
    assert_eq!(commit(&mut channel, 1, "2"), Committed::Waits);
    assert_eq!(channel.ledger.all_came_again(), [2]);
    assert_eq!(commit(&mut channel, 1, "3"), Committed::Known);
}
