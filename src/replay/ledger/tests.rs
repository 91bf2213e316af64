//! Tests of the ledger alone. Events are named by their replay ids; sequence numbers begin at 11, requests at 1.

mod commits;
mod provisional;
mod redelivery;
mod resuming;
mod subscribers;

use super::{Arrival, Ledger, Wait};
use crate::replay::{Commit, OnInvalid, Position, Start};

fn channel(start: Start) -> Ledger {
    Ledger::new("/event/A?x=1", start, Commit::Processed, OnInvalid::All)
}

/// A channel whose stored position is "p".
fn stored() -> Ledger {
    let mut ledger = channel(Start::New);
    ledger.loaded(Some(position("p")));
    ledger
}

fn position(replay_id: &str) -> Position {
    Position { replay_id: replay_id.to_owned(), created_date: Some(format!("date of {replay_id}")) }
}

/// An event for subscription 1, on the response to request 5.
fn event(sequence: u32, replay_id: &str) -> Arrival<'static> {
    Arrival {
        sequence,
        position: position(replay_id),
        uuid: None,
        subscriptions: &[1],
        committers: &[1],
        request: 5,
        wait: Wait::Nothing,
        late: false,
    }
}

fn late(sequence: u32, replay_id: &str) -> Arrival<'static> {
    Arrival { late: true, ..event(sequence, replay_id) }
}

/// One that waits for the end of another response.
fn waiting(sequence: u32, replay_id: &str, request: u32) -> Arrival<'static> {
    Arrival { wait: Wait::Response(request), ..event(sequence, replay_id) }
}

fn on_request(request: u32, sequence: u32, replay_id: &str) -> Arrival<'static> {
    Arrival { request, ..event(sequence, replay_id) }
}

/// An event whose subscriptions all commit.
fn event_for(subscriptions: &'static [u32], sequence: u32, replay_id: &str) -> Arrival<'static> {
    Arrival { subscriptions, committers: subscriptions, ..event(sequence, replay_id) }
}

fn receive_all(ledger: &mut Ledger, events: impl IntoIterator<Item = Arrival<'static>>) {
    for event in events {
        ledger.receive(event);
    }
}

fn committed(ledger: &Ledger) -> Option<&str> {
    ledger.to_save().map(|(_, position)| position.replay_id.as_str())
}
