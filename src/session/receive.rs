//! R2, R4a, R7b: what an arriving event means for the progress of its channel.

use super::Session;
use super::exchange::{Kind, Lane};
use super::subscriptions::{Remote, Wire};
use crate::bayeux::channel::topic;
use crate::bayeux::message::Message;
use crate::replay::{Arrival, Position, Wait};

/// On which response an event came, and what its position has to wait for.
pub(super) struct Carrier {
    request: u32,
    wait: Wait,
    late: bool,
}

impl Session {
    pub(super) fn carrier(&self, lane: Lane) -> Carrier {
        let (own, other) = match lane {
            Lane::Session => (&self.session_lane, &self.commands_lane),
            Lane::Commands => (&self.commands_lane, &self.session_lane),
        };
        // Another response that is open may hold events that belong before this one.
        let acknowledges = self.polling.acknowledges();
        let beside = other
            .as_ref()
            .filter(|beside| beside.epoch == self.epoch && beside.kind.brings_events(acknowledges));
        Carrier {
            request: own.as_ref().map_or(0, |exchange| exchange.id.get()),
            wait: beside.map_or(Wait::Nothing, |beside| Wait::Response(beside.id.get())),
            late: own.as_ref().is_none_or(|own| own.epoch != self.epoch || own.kind == Kind::Disconnect),
        }
    }

    /// Notes an event in the ledger of its channel, if that is followed: of `subscriptions`, those that have not received
    /// it yet.
    pub(super) fn receive(
        &mut self,
        lane: Lane,
        sequence: u32,
        mut subscriptions: Vec<u32>,
        event: &Message,
    ) -> Vec<u32> {
        // Events match with and without the query (R2).
        let name = topic(event.channel().unwrap_or_default());
        let of_it = |channel: &str| topic(channel) == name && self.subscriptions.wants(channel);
        let Some(index) = self.followed.iter().position(|one| of_it(one.ledger.channel())) else {
            return subscriptions;
        };
        let Some(position) = Position::of(event) else { return subscriptions };
        let Carrier { request, wait, mut late } = self.carrier(lane);
        // Nothing counts behind a poll that a rest has cut off.
        late |= self.rests_with_a_loss();
        let Some(one) = self.followed.get_mut(index) else { return subscriptions };
        let committers = self.subscriptions.holders(one.ledger.channel());
        if !one.is_loaded() {
            // It comes by another subscription, and again once this one has its position (R5a).
            subscriptions.retain(|number| !committers.contains(number));
            return subscriptions;
        }
        let wire = self.subscriptions.wire(one.ledger.channel());
        // Or it is about to be subscribed anew, from an earlier position.
        let stands =
            |wire: &Wire| !wire.again && matches!(wire.remote, Remote::Subscribing | Remote::Present);
        late |= wire.is_none_or(|wire| !stands(wire));
        let uuid = event.event_uuid();
        let (subscriptions, committers) = (&subscriptions, &committers);
        let new = one.ledger.receive(Arrival {
            sequence,
            position,
            uuid,
            subscriptions,
            committers,
            request,
            wait,
            late,
        });
        if !new.is_empty() {
            // No event has become a loop (X3).
            self.undecodable = 0;
        }
        if one.ledger.is_rewinding()
            && let Some(wire) = self.subscriptions.wire(one.ledger.channel())
        {
            wire.again |= matches!(wire.remote, Remote::Present | Remote::Subscribing);
        }
        new
    }

    /// An event has come: one that is for nobody who follows its channel comes again for the next one who does (R7b).
    pub(super) fn passed_by(&mut self, channel: &str) {
        for one in &mut self.followed {
            let name = one.ledger.channel();
            if topic(name) == topic(channel) && !self.subscriptions.wants(name) {
                one.ledger.event_unwanted();
            }
        }
    }

    /// A response got lost. Channels that are wanted come again; of the others events may have passed in it, which the
    /// server still sends until it has unsubscribed them (R7b).
    pub(super) fn passed_unseen(&mut self) {
        for one in &mut self.followed {
            if !self.subscriptions.wants(one.ledger.channel()) {
                one.ledger.event_unwanted();
            }
        }
    }

    /// Where a subscribe of this channel begins, if it is followed. The request is the next one.
    pub(super) fn position_to_subscribe(&mut self, channel: &str) -> Option<String> {
        let request = self.next_request.wrapping_add(1);
        let by_glob = |wire: &Wire| wire.pattern.is_glob() && wire.pattern.matches(channel);
        // The client before may have subscribed it in this session, and the server may not have forgotten (S17).
        let beside = self.goes_on() || self.subscriptions.wires.iter().any(by_glob);
        Some(self.followed_mut(channel)?.ledger.subscribing(request, beside))
    }
}
