//! Tests of the ledger alone. Events are named by their replay ids, readers are numbered from 1.

mod commits;
mod costs;
mod encoding;
mod epochs;
mod order;
mod positions;
mod readers;
mod restarts;

use std::sync::Arc;

use super::{Arrival, Carrier, InFlight, Joined, Ledger};
use crate::bayeux::message::Message;
use crate::replay::{Commit, OnInvalid, Position, Start};
pub(crate) use encoding::View;

/// A ledger, and what it is told by the session around it.
struct Channel {
    ledger: Ledger,
    readers: Vec<u32>,
    in_flight: InFlight,
    /// The numbers by which events were given out, in the order of arrival.
    given: Vec<(String, u32)>,
    arrived: u64,
    last_sequence: u32,
    keeps_texts: bool,
}

fn position(replay_id: &str) -> Position {
    Position { replay_id: replay_id.to_owned(), created_date: None }
}

fn event(replay_id: &str) -> Arc<Message> {
    let raw = format!(r#"{{"channel":"/event/A","data":{{"event":{{"replayId":{replay_id}}}}}}}"#);
    Arc::new(Message::parse(raw).expect("a message"))
}

fn ids(joined: &Joined) -> Vec<&str> {
    joined.events.iter().map(|event| &event.raw()[event.replay_id().expect("a position")]).collect()
}

impl Channel {
    /// Without a position, not subscribed, and read by nobody.
    fn new(start: Start) -> Self {
        Self {
            ledger: Ledger::new("/event/A?x=1", start, Commit::Manual, OnInvalid::All),
            readers: Vec::new(),
            in_flight: InFlight::default(),
            given: Vec::new(),
            arrived: 0,
            last_sequence: 10,
            keeps_texts: true,
        }
    }

    /// Subscribed from its stored position on, "0", and read by number 1.
    fn stored() -> Self {
        let mut channel = Self::new(Start::New);
        channel.ledger.begin_at(position("0"), true);
        channel.join(1);
        channel.ledger.subscribing();
        channel
    }

    fn join(&mut self, reader: u32) -> Joined {
        let joined = self.ledger.join(reader, self.last_sequence + 1);
        for id in ids(&joined) {
            self.last_sequence += 1;
            self.given.push((id.to_owned(), self.last_sequence));
        }
        self.readers.push(reader);
        joined
    }

    /// It has been handed all events up to this one.
    fn leave(&mut self, reader: u32, handed: &str) {
        self.readers.retain(|other| *other != reader);
        let handed = if handed.is_empty() { 0 } else { self.sequence(handed) };
        self.ledger.leave(reader, handed, self.in_flight);
    }

    fn send(&mut self, carrier: Carrier) {
        *self.sent(carrier) = Some(self.arrived);
    }

    fn sent(&mut self, carrier: Carrier) -> &mut Option<u64> {
        match carrier {
            Carrier::Poll => &mut self.in_flight.poll,
            Carrier::Commands => &mut self.in_flight.commands,
        }
    }

    /// An event comes on a response. Returns the readers that it is given to.
    fn receive(&mut self, carrier: Carrier, id: &str) -> Vec<u32> {
        let event = event(id);
        self.last_sequence += 1;
        let arrival = Arrival {
            event: &event,
            sequence: self.last_sequence,
            subscriptions: &self.readers,
            committers: &self.readers,
            carrier,
            arrived: self.arrived,
            keep_text: self.keeps_texts,
        };
        let new = self.ledger.receive(&arrival, self.in_flight).expect("it has a position");
        self.arrived += 1;
        if !new.is_empty() {
            self.given.push((id.to_owned(), self.last_sequence));
        }
        new
    }

    fn poll(&mut self, ids: &[&str]) {
        ids.iter().for_each(|id| _ = self.receive(Carrier::Poll, id));
    }

    fn commands(&mut self, ids: &[&str]) {
        ids.iter().for_each(|id| _ = self.receive(Carrier::Commands, id));
    }

    /// A response has ended. Returns whether anything is not certain yet.
    fn end(&mut self, carrier: Carrier) -> bool {
        *self.sent(carrier) = None;
        self.ledger.settle(self.in_flight)
    }

    /// The number by which an event was given out last.
    fn sequence(&self, id: &str) -> u32 {
        self.given.iter().rfind(|(given, _)| given == id).expect("it was given out").1
    }

    fn commit(&mut self, reader: u32, ids: &[&str]) {
        for id in ids {
            let of = |(given, sequence): &(String, u32)| (given == id).then_some(*sequence);
            let sequences: Vec<u32> = self.given.iter().filter_map(of).collect();
            for sequence in sequences {
                self.ledger.processed(reader, sequence, self.in_flight);
            }
        }
    }

    /// The session is over, and with it what is in flight.
    fn restart(&mut self) {
        self.ledger.restart(self.in_flight);
        self.in_flight = InFlight::default();
    }

    fn position(&self) -> Option<String> {
        self.ledger.to_save().map(|(_, position)| position.replay_id)
    }

    #[track_caller]
    fn stands_at(&self, replay_id: &str) {
        assert_eq!(self.position().as_deref(), Some(replay_id));
    }
}
