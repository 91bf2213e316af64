//! The ledger agrees with the reference model, output for output, on random sequences of inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::model::{Given, Id, Model, Reader};
use crate::bayeux::message::Message;
use crate::replay::ledger::{Arrival, Carrier, InFlight, Ledger};
use crate::replay::{Commit, OnInvalid, Position, Start};

/// So many events are remembered behind the position in unit tests.
const REMEMBERED: usize = 1;
const MOST_READERS: usize = 3;

/// An input; what it cannot be applied to is skipped. Numbers pick one of what there is.
#[derive(Clone, Copy, Debug)]
enum Input {
    Subscribe,
    Send(Carrier),
    /// A new event, or one that comes once more.
    Receive(Carrier, Option<usize>, bool),
    End(Carrier),
    Join,
    Leave(usize, usize),
    Commit(usize, usize),
    /// By a reader that has left.
    CommitLate(usize),
    Restart,
    AllCameAgain,
    NotSubscribed,
    Refused(bool),
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let carrier = prop_oneof![Just(Carrier::Poll), Just(Carrier::Commands)];
    let known = prop_oneof![3 => Just(None), 1 => (0..8_usize).prop_map(Some)];
    let input = prop_oneof![
        4 => Just(Input::Subscribe),
        6 => carrier.clone().prop_map(Input::Send),
        14 => (carrier.clone(), known, any::<bool>()).prop_map(|(carrier, known, keeps)| Input::Receive(carrier, known, keeps)),
        5 => carrier.prop_map(Input::End),
        3 => Just(Input::Join),
        1 => (0..MOST_READERS, 0..4_usize).prop_map(|(reader, in_hand)| Input::Leave(reader, in_hand)),
        14 => (0..MOST_READERS, 0..4_usize).prop_map(|(reader, place)| Input::Commit(reader, place)),
        1 => (0..4_usize).prop_map(Input::CommitLate),
        2 => Just(Input::Restart),
        1 => Just(Input::AllCameAgain),
        1 => Just(Input::NotSubscribed),
        1 => any::<bool>().prop_map(Input::Refused),
    ];
    prop::collection::vec(input, 1..120)
}

/// The two, side by side.
struct Both {
    model: Model,
    ledger: Ledger,
    /// What each reader has not committed, with the numbers by which it was given out.
    queues: BTreeMap<Reader, Vec<(u32, Id)>>,
    /// What readers left with in hand.
    gone: Vec<(Reader, u32, Id)>,
    last_id: Id,
    last_reader: Reader,
    last_sequence: u32,
}

impl Both {
    fn new(start: &Start, stored: bool) -> Self {
        let mut ledger = Ledger::new("/event/A", start.clone(), Commit::Manual, OnInvalid::All);
        if stored {
            ledger.begin_at(Position { replay_id: "1".to_owned(), created_date: None }, true);
        }
        Self {
            model: Model::new(start.clone(), stored.then_some(1)),
            ledger,
            queues: BTreeMap::new(),
            gone: Vec::new(),
            last_id: 1,
            last_reader: 0,
            last_sequence: 0,
        }
    }

    fn apply(&mut self, input: Input) -> Result<(), TestCaseError> {
        let in_flight = self.model.in_flight;
        match input {
            Input::Subscribe if !self.model.is_subscribed => {
                self.model.is_subscribed = true;
                prop_assert_eq!(self.ledger.subscribing(), self.model.resume_from());
            }
            Input::NotSubscribed if in_flight == InFlight::default() => {
                self.ledger.not_subscribed();
                self.model.is_subscribed = false;
            }
            Input::Send(carrier) if self.sent(carrier).is_none() => {
                *self.sent(carrier) = Some(self.model.arrived);
            }
            Input::Receive(carrier, known, keeps)
                if self.sent(carrier).is_some() && self.model.is_subscribed =>
            {
                self.receive(carrier, known, keeps)?;
            }
            Input::End(carrier) => {
                *self.sent(carrier) = None;
                self.ledger.settle(self.model.in_flight);
            }
            Input::Join if self.queues.len() < MOST_READERS => self.join()?,
            Input::Leave(place, in_hand) => self.leave(place, in_hand),
            Input::Commit(reader, place) => {
                let Some((reader, queue)) = self.queues.iter_mut().nth(reader) else { return Ok(()) };
                if place < queue.len() {
                    let (sequence, id) = queue.remove(place);
                    self.model.commit(*reader, id);
                    self.ledger.processed(*reader, sequence, in_flight);
                }
            }
            Input::CommitLate(place) if place < self.gone.len() => {
                let (reader, sequence, id) = self.gone.remove(place);
                self.model.commit(reader, id);
                self.ledger.processed(reader, sequence, in_flight);
            }
            Input::Restart => {
                self.ledger.restart(in_flight);
                self.model.restart(usize::MAX);
            }
            Input::AllCameAgain if in_flight == InFlight::default() => {
                self.ledger.all_came_again();
                self.model.all_came_again();
            }
            Input::Refused(all) if in_flight == InFlight::default() => {
                let fallback = if all { Start::All } else { Start::New };
                self.ledger.refused(fallback.clone());
                self.model.refused(fallback);
                self.queues.values_mut().for_each(Vec::clear);
                self.gone.clear();
            }
            _ => {}
        }
        self.model.advance(REMEMBERED);
        self.agrees()
    }

    fn sent(&mut self, carrier: Carrier) -> &mut Option<u64> {
        match carrier {
            Carrier::Poll => &mut self.model.in_flight.poll,
            Carrier::Commands => &mut self.model.in_flight.commands,
        }
    }

    fn receive(&mut self, carrier: Carrier, known: Option<usize>, keeps: bool) -> Result<(), TestCaseError> {
        let known = known.and_then(|place| self.model.again.iter().chain(&self.model.list).nth(place));
        let id = known.map_or(self.last_id + 1, |event| event.id);
        self.last_id = self.last_id.max(id);
        self.last_sequence += 1;
        let readers: Vec<Reader> = self.model.readers.iter().copied().collect();
        let arrival = Arrival {
            event: &event(id),
            sequence: self.last_sequence,
            subscriptions: &readers,
            committers: &readers,
            carrier,
            arrived: self.model.arrived,
            keep_text: keeps,
        };
        let given = self.ledger.receive(&arrival, self.model.in_flight).expect("it has a position");
        prop_assert_eq!(&given, &self.model.receive(carrier, id, keeps));
        for reader in given {
            self.queues.entry(reader).or_default().push((self.last_sequence, id));
        }
        Ok(())
    }

    fn join(&mut self) -> Result<(), TestCaseError> {
        self.last_reader += 1;
        let joined = self.ledger.join(self.last_reader, self.last_sequence + 1);
        let (needs_session, subscribed) = (joined.needs_session, self.model.is_subscribed);
        let is_lost =
            joined.is_lost || needs_session && !self.ledger.restarts_without_loss(self.model.in_flight);
        let ids: Vec<Id> = joined.events.iter().map(|event| number_of(event)).collect();
        let queue = self.queues.entry(self.last_reader).or_default();
        for id in &ids {
            self.last_sequence += 1;
            queue.push((self.last_sequence, *id));
        }
        if needs_session {
            self.ledger.restart(self.model.in_flight);
        }
        prop_assert!(subscribed || !needs_session);
        prop_assert_eq!(Given { ids, needs_session, is_lost }, self.model.join(self.last_reader));
        Ok(())
    }

    fn leave(&mut self, place: usize, in_hand: usize) {
        let Some(reader) = self.queues.keys().nth(place).copied() else { return };
        let mut queue = self.queues.remove(&reader).unwrap_or_default();
        queue.truncate(in_hand);
        let handed = queue.last().map_or(0, |(sequence, _)| *sequence);
        let ids: Vec<Id> = queue.iter().map(|(_, id)| *id).collect();
        self.ledger.leave(reader, handed, self.model.in_flight);
        self.model.leave(reader, &ids);
        self.gone.extend(queue.into_iter().map(|(sequence, id)| (reader, sequence, id)));
    }

    fn agrees(&self) -> Result<(), TestCaseError> {
        let position = self.ledger.to_save().map(|(_, position)| position.replay_id);
        prop_assert_eq!(position, self.model.position().map(|id| id.to_string()));
        prop_assert_eq!(self.ledger.resume_from(), self.model.resume_from());
        prop_assert_eq!(self.ledger.is_subscribed(), self.model.is_subscribed);
        let in_flight = self.model.in_flight;
        prop_assert_eq!(self.ledger.restarts_without_loss(in_flight), self.model.restarts_without_loss());
        prop_assert!(self.ledger.is_consistent());
        Ok(())
    }
}

fn event(id: Id) -> Arc<Message> {
    let raw = format!(r#"{{"channel":"/event/A","data":{{"event":{{"replayId":{id}}}}}}}"#);
    Arc::new(Message::parse(raw).expect("a message"))
}

fn number_of(event: &Message) -> Id {
    let text = event.replay_id().and_then(|range| event.raw().get(range));
    text.and_then(|text| text.parse().ok()).expect("a number")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_agrees_with_the_model(inputs in inputs(), all in any::<bool>(), stored in any::<bool>()) {
        let mut both = Both::new(if all { &Start::All } else { &Start::New }, stored);
        for input in inputs {
            both.apply(input)?;
        }
    }
}
