use super::arrival::{Arrival, Wait};

/// An event that was received and is not committed yet.
pub(super) struct Entry {
    pub(super) key: EventKey,
    pub(super) created_date: Option<String>,
    /// The newest local subscription that has received it. Their numbers ascend, so all older ones have received it, too.
    newest_recipient: u32,
    deliveries: Vec<Delivery>,
    /// The response that has to arrive whole before the position counts.
    pub(super) wait: Wait,
    /// Set as long as the event may have been sent for the subscription before the present one.
    pub(super) leftover: Option<Leftover>,
    /// It and the entry before it came on two responses at once, so which one is first in the channel is not known:
    /// neither position counts without the other.
    pub(super) unordered: bool,
}

/// What identifies an event: two events with the same key are one.
#[derive(PartialEq, Eq)]
pub(super) struct EventKey {
    pub(super) replay_id: String,
    pub(super) uuid: Option<String>,
}

/// An event given out to one local subscription.
struct Delivery {
    subscription: u32,
    sequence: u32,
    /// The application no longer needs it.
    processed: bool,
}

/// After a channel is subscribed again in a session that lives, events of the earlier subscription may still arrive.
/// They are followed by all events since the new subscribe's position, which settles the order.
#[derive(Clone, Copy)]
pub(super) struct Leftover {
    /// The leftovers have all come again once a poll that was sent after this request has arrived whole.
    pub(super) request: u32,
    /// The event came on the response to that very request: the end of this response settles it, too.
    pub(super) on_its_response: bool,
}

impl Entry {
    pub(super) fn new(key: EventKey, created_date: Option<String>) -> Self {
        Self {
            key,
            created_date,
            newest_recipient: 0,
            deliveries: Vec::new(),
            wait: Wait::Nothing,
            leftover: None,
            unordered: false,
        }
    }

    /// Hands it to those subscriptions of the arrival that have not received it yet, and returns them.
    pub(super) fn give(&mut self, arrival: &Arrival<'_>) -> Vec<u32> {
        let Arrival { sequence, subscriptions, committers, .. } = *arrival;
        let old = subscriptions.iter().take_while(|number| **number <= self.newest_recipient).count();
        let new = subscriptions.get(old..).unwrap_or_default().to_vec();
        for subscription in new.iter().copied().filter(|number| committers.contains(number)) {
            self.deliveries.push(Delivery { subscription, sequence, processed: false });
        }
        self.newest_recipient = new.last().copied().unwrap_or(self.newest_recipient);
        new
    }

    /// Its place in the channel is known: the position is not, or no longer, provisional (R4a).
    pub(super) fn is_settled(&self) -> bool {
        self.wait == Wait::Nothing && self.leftover.is_none()
    }

    pub(super) fn settle(&mut self) {
        (self.wait, self.leftover) = (Wait::Nothing, None);
    }

    /// Every subscription that it was given to has processed it.
    pub(super) fn is_processed(&self) -> bool {
        self.deliveries.iter().all(|delivery| delivery.processed)
    }

    /// A subscription has processed the event with this sequence number; `through`: and all events before it.
    pub(super) fn processed(&mut self, subscription: u32, sequence: u32, through: bool) {
        self.release(|owner, number| {
            owner == subscription && (number == sequence || through && number <= sequence)
        });
    }

    /// Deliveries that match, by subscription and sequence number, no longer hold the position.
    pub(super) fn release(&mut self, fits: impl Fn(u32, u32) -> bool) {
        for delivery in &mut self.deliveries {
            if fits(delivery.subscription, delivery.sequence) {
                delivery.processed = true;
            }
        }
    }

    pub(super) fn has_sequence(&self, sequence: u32) -> bool {
        self.sequences().any(|number| number == sequence)
    }

    /// The numbers by which it was given out.
    pub(super) fn sequences(&self) -> impl Iterator<Item = u32> + '_ {
        self.deliveries.iter().map(|delivery| delivery.sequence)
    }
}

impl Leftover {
    /// Whether it is settled once the response to `request` has arrived whole.
    pub(super) fn is_settled_by(self, request: u32, poll: bool) -> bool {
        if poll { request > self.request } else { self.on_its_response && request == self.request }
    }
}
