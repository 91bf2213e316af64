//! One client's session: its subscriptions, the events that wait for it, and the poll that would take them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::oneshot;

use crate::channel;
use crate::salesforce::{Kept, admits};

/// A published event: its channel, and the text of its whole message, written once for all who get it.
pub(crate) struct Event {
    pub channel: String,
    pub text: String,
}

impl Event {
    /// The same with further members.
    pub(crate) fn with(&self, members: &[(&str, &Value)]) -> Arc<Self> {
        let mut text = self.text.strip_suffix('}').unwrap_or(&self.text).to_owned();
        for (name, value) in members {
            text.push_str(&format!(r#","{name}":{value}"#));
        }
        text.push('}');
        Arc::new(Self { channel: self.channel.clone(), text })
    }
}

pub(crate) struct Session {
    pub id: String,
    /// The value of BAYEUX_BROWSER that must come with the client id.
    pub browser: String,
    /// Whose session it is, on Salesforce.
    pub user: Option<String>,
    pub subscriptions: BTreeSet<String>,
    /// Whether a connect was answered already: the first is never parked.
    pub connected: bool,
    pub open_requests: usize,
    pub open_connects: usize,
    pub poll: Poll,
    queue: VecDeque<Queued>,
    ack: Option<Ack>,
    last_response: Instant,
    began: Instant,
}

/// The session's connect, between its arrival and its answer.
pub(crate) enum Poll {
    Idle,
    /// Waiting for events. `wake` is gone once it was called, until its task comes to run.
    Parked {
        serial: u64,
        until: Instant,
        wake: Option<oneshot::Sender<Wake>>,
    },
    /// Its socket is gone and the server has not noticed: what comes next goes down with it, as on the reference server.
    Dead {
        until: Instant,
    },
}

/// Why a parked poll is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    Events,
    Timeout,
    Superseded,
    Disconnected,
    Forgotten,
    /// The token that the poll was sent with is no longer valid.
    Revoked,
}

/// An event that waits, and the number of the batch that it went out in before, if it did.
struct Queued {
    event: Arc<Event>,
    number: Option<u64>,
}

/// The acknowledgement extension: events stay until a connect names the number that they first went out with. They keep
/// it when they go out again, as on the reference server: a poll that arrives late, behind the one that was sent in its
/// place, changes nothing about what the client has.
#[derive(Default)]
struct Ack {
    number: u64,
    sent: VecDeque<(u64, Arc<Event>)>,
}

impl Session {
    pub(crate) fn new(id: String, browser: String, ack: bool, now: Instant) -> Self {
        Self {
            id,
            browser,
            user: None,
            subscriptions: BTreeSet::new(),
            connected: false,
            open_requests: 0,
            open_connects: 0,
            poll: Poll::Idle,
            queue: VecDeque::new(),
            ack: ack.then(Ack::default),
            last_response: now,
            began: now,
        }
    }

    /// The client was answered, which starts its time to come back.
    pub(crate) fn answered(&mut self, now: Instant) {
        self.last_response = now;
    }

    /// Queues an event that one of the subscriptions covers. Returns whether one did.
    pub(crate) fn offer(&mut self, event: &Arc<Event>) -> bool {
        let wanted = self.subscriptions.iter().any(|name| channel::matches(name, &event.channel));
        if wanted {
            self.push(Arc::clone(event));
        }
        wanted
    }

    /// The same on Salesforce, where events are in envelopes and subscriptions may have filters.
    pub(crate) fn offer_kept(&mut self, event: &Kept) -> bool {
        let wanted = self
            .subscriptions
            .iter()
            .any(|name| channel::matches(name, &event.channel) && admits(name, event));
        if wanted {
            let message = event.message(&self.id);
            self.push(Arc::new(message));
        }
        wanted
    }

    /// Queues an event for this client, subscribed or not.
    pub(crate) fn push(&mut self, event: Arc<Event>) {
        self.queue.push_back(Queued { event, number: None });
    }

    /// Lets what is queued go to the poll, which may be a dead one. Returns how many events went down with it.
    pub(crate) fn flush(&mut self, now: Instant) -> u64 {
        self.settle(now);
        if self.queue.is_empty() {
            return 0;
        }
        match &mut self.poll {
            Poll::Idle => 0,
            Poll::Parked { wake, .. } => {
                if let Some(wake) = wake.take() {
                    // A task that is gone will say so itself when it is dropped.
                    let _ = wake.send(Wake::Events);
                }
                0
            }
            Poll::Dead { .. } => {
                self.poll = Poll::Idle;
                self.last_response = now;
                self.swallow()
            }
        }
    }

    /// Ends the poll that is parked, if one is, with this answer.
    pub(crate) fn wake(&mut self, reason: Wake) {
        if let Poll::Parked { wake, .. } = &mut self.poll
            && let Some(wake) = wake.take()
        {
            let _ = wake.send(reason);
        }
    }

    /// Parks a poll in place of any other.
    pub(crate) fn park(&mut self, serial: u64, until: Instant) -> oneshot::Receiver<Wake> {
        let (wake, woken) = oneshot::channel();
        self.poll = Poll::Parked { serial, until, wake: Some(wake) };
        woken
    }

    pub(crate) fn has_parked(&self, serial: u64) -> bool {
        matches!(self.poll, Poll::Parked { serial: parked, .. } if parked == serial)
    }

    /// The socket of the parked poll, if one is parked, was dropped. Returns how many events went down with it.
    pub(crate) fn lose_poll(&mut self, now: Instant) -> u64 {
        let Poll::Parked { until, wake, .. } = &self.poll else { return 0 };
        if wake.is_some() {
            self.poll = Poll::Dead { until: *until };
            return 0;
        }
        // It was called already: the events were on their way to it.
        self.poll = Poll::Idle;
        self.last_response = now;
        self.swallow()
    }

    pub(crate) fn has_ack(&self) -> bool {
        self.ack.is_some()
    }

    /// Forgets the events up to the number that a connect names, and queues the others again before what is new.
    pub(crate) fn acknowledge(&mut self, number: u64) {
        let Some(ack) = &mut self.ack else { return };
        for (sent, event) in ack.sent.drain(..).rev().filter(|(sent, _)| *sent > number) {
            self.queue.push_front(Queued { event, number: Some(sent) });
        }
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes what is queued for a response that has no number.
    pub(crate) fn take(&mut self) -> Vec<Arc<Event>> {
        self.queue.drain(..).map(|queued| queued.event).collect()
    }

    /// Takes what is queued for a connect's response, and the number that the response carries.
    pub(crate) fn take_batch(&mut self) -> (Vec<Arc<Event>>, Option<u64>) {
        let Some(ack) = &mut self.ack else { return (self.take(), None) };
        ack.number += 1;
        let number = ack.number;
        ack.sent.extend(
            self.queue.iter().map(|queued| (queued.number.unwrap_or(number), Arc::clone(&queued.event))),
        );
        (self.take(), Some(number))
    }

    /// `longest` is for how long a session of Salesforce's may live, if that is bounded.
    pub(crate) fn is_over(&mut self, now: Instant, max_interval: Duration, longest: Duration) -> bool {
        self.settle(now);
        if self.user.is_some() && !longest.is_zero() && now.duration_since(self.began) > longest {
            return true;
        }
        matches!(self.poll, Poll::Idle) && now.duration_since(self.last_response) > max_interval
    }

    /// A dead poll ends when it would have been answered.
    fn settle(&mut self, now: Instant) {
        if let Poll::Dead { until } = self.poll
            && now >= until
        {
            self.poll = Poll::Idle;
            self.last_response = until;
        }
    }

    /// With the extension nothing is lost by a response that nobody gets.
    fn swallow(&mut self) -> u64 {
        if self.ack.is_some() {
            return 0;
        }
        self.queue.drain(..).count() as u64
    }
}
