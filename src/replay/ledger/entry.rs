use std::sync::Arc;

use super::arrival::Carrier;
use crate::bayeux::message::Message;
use crate::replay::position::Position;

/// An event that was received.
#[cfg_attr(test, derive(Clone))]
pub(super) struct Entry {
    pub(super) key: EventKey,
    pub(super) created_date: Option<String>,
    /// The event itself, as long as a reader that joins can be given it from memory.
    pub(super) text: Option<Arc<Message>>,
    pub(super) place: Place,
    pub(super) carrier: Carrier,
    /// How many events had come to this client before it.
    pub(super) arrived: u64,
    /// Its order to some entry before it is not known.
    pub(super) tied: bool,
    /// The newest local subscription that has received it. Their numbers ascend, so all older ones have received it, too.
    newest_recipient: u32,
    deliveries: Vec<Delivery>,
    /// How many subscriptions have yet to commit it.
    owed: u32,
    /// How many have left with it in hand: they hold the position until another one joins, which is then given it.
    held: u32,
    /// A reader has committed it. What nobody has committed is never passed, even if nobody reads the channel.
    done: bool,
    /// Calls of `event.commit()` that wait for a position that includes it.
    pub(super) waiters: Vec<u32>,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the order of arrival, with this number.
    Listed(u64),
    /// Among those that the server sends again, with this number.
    Again(u64),
}

/// What identifies an event: two events with the same key are one. Replay ids are not unique once an org has moved.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct EventKey {
    pub(super) replay_id: String,
    pub(super) uuid: Option<String>,
}

/// An event given out to one local subscription.
#[cfg_attr(test, derive(Clone))]
struct Delivery {
    subscription: u32,
    sequence: u32,
    claim: Claim,
}

/// What a subscription that was given an event has to do with the position.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// It has not committed the event.
    Owed,
    /// It has left with the event in hand.
    Held,
    Settled,
}

impl EventKey {
    /// `None`: the event has no position.
    pub(super) fn of(event: &Message) -> Option<Self> {
        let replay_id = event.raw().get(event.replay_id()?)?.to_owned();
        Some(Self { replay_id, uuid: event.event_uuid().map(str::to_owned) })
    }
}

impl Entry {
    pub(super) fn new(key: EventKey, created_date: Option<String>) -> Self {
        Self {
            key,
            created_date,
            text: None,
            place: Place::Again(0),
            carrier: Carrier::Poll,
            arrived: 0,
            tied: false,
            newest_recipient: 0,
            deliveries: Vec::new(),
            owed: 0,
            held: 0,
            done: false,
            waiters: Vec::new(),
        }
    }

    /// The position at which a channel begins.
    pub(super) fn passed(position: Position) -> Self {
        let key = EventKey { replay_id: position.replay_id, uuid: None };
        Self { done: true, ..Self::new(key, position.created_date) }
    }

    pub(super) fn position(&self) -> Position {
        Position { replay_id: self.key.replay_id.clone(), created_date: self.created_date.clone() }
    }

    /// Gives it out to those subscriptions that have not received it yet, and returns them.
    pub(super) fn give(&mut self, sequence: u32, subscriptions: &[u32], committers: &[u32]) -> Vec<u32> {
        let new: Vec<u32> =
            subscriptions.iter().copied().filter(|number| *number > self.newest_recipient).collect();
        for subscription in new.iter().copied().filter(|number| committers.contains(number)) {
            self.deliveries.push(Delivery { subscription, sequence, claim: Claim::Owed });
            self.owed += 1;
        }
        self.newest_recipient = new.last().copied().unwrap_or(self.newest_recipient);
        new
    }

    /// A subscription is done with it, perhaps after it has left.
    pub(super) fn commit(&mut self, subscription: u32) {
        if self.claim(subscription, Claim::Settled) != Claim::Settled {
            self.done = true;
        }
    }

    /// A subscription has left; the last event that it was handed out had the number `handed`.
    pub(super) fn leave(&mut self, subscription: u32, handed: u32) {
        let given = self.deliveries.iter().find(|delivery| delivery.subscription == subscription);
        if let Some(delivery) = given.filter(|delivery| delivery.claim == Claim::Owed) {
            let claim = if delivery.sequence <= handed { Claim::Held } else { Claim::Settled };
            self.claim(subscription, claim);
        }
    }

    /// A subscription has joined, and will be given it.
    pub(super) fn release(&mut self) {
        self.held = 0;
        for delivery in self.deliveries.iter_mut().filter(|delivery| delivery.claim == Claim::Held) {
            delivery.claim = Claim::Settled;
        }
    }

    /// Changes the claim of a subscription, and returns what it was.
    fn claim(&mut self, subscription: u32, claim: Claim) -> Claim {
        let delivery = self.deliveries.iter_mut().find(|delivery| delivery.subscription == subscription);
        let Some(delivery) = delivery else { return Claim::Settled };
        let before = core::mem::replace(&mut delivery.claim, claim);
        self.owed = self.owed + u32::from(claim == Claim::Owed) - u32::from(before == Claim::Owed);
        self.held = self.held + u32::from(claim == Claim::Held) - u32::from(before == Claim::Held);
        before
    }

    /// Whether a subscription has yet to commit it.
    pub(super) fn is_owed(&self) -> bool {
        self.owed > 0
    }

    /// Whether all who received it are done with it, and somebody is.
    pub(super) fn is_passed(&self) -> bool {
        self.done && self.owed == 0 && self.held == 0
    }

    /// The numbers by which it was given out.
    pub(super) fn sequences(&self) -> Vec<u32> {
        self.deliveries.iter().map(|delivery| delivery.sequence).collect()
    }

    /// The size of its text, if that is kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.raw().len())
    }

    /// What it knows of its readers, as bytes.
    #[cfg(test)]
    pub(super) fn encode(&self, subscriptions: &[u32], out: &mut Vec<u8>) {
        out.extend([u8::from(self.done), self.held as u8]);
        for number in subscriptions {
            let given = self.deliveries.iter().find(|delivery| delivery.subscription == *number);
            let claim = given.map_or(Claim::Settled, |delivery| delivery.claim);
            out.push(u8::from(*number <= self.newest_recipient) << 2 | claim as u8);
        }
    }
}
