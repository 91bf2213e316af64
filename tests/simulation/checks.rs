//! What must hold, whatever happens.
//!
//! **A loss and its gap.** An event was published at *t* on a channel that matches the pattern *p* of a subscription
//! *s*; `subscribe()` for *s* had resolved before *t*, with *p* not reported as failed, and *s* is still open. If the
//! event never comes out for *s*, it is lost, and there must be a `gap` status that names *p* with
//! `since_unix_ms` ≤ *t* ≤ the gap's end. The gap's end is the first moment after its report at which both hold: the
//! server has confirmed *p* in the session that the client has now, and a poll has succeeded, its body whole, since the report. From
//! then on the client believes the channel to be sound again, and whatever is lost later needs a new gap.
//!
//! **With the acknowledgement extension** a session loses nothing while it lives: an event that was queued for a
//! session which the server has not ended must come out, gap or not, and lost responses give no gap.
//!
//! **A subscription that has ended** is judged up to the cutoff: the moment at which the last whole poll was sent, or
//! the one that counted when an open request was sent, if that is earlier. What was published before that has come,
//! or never will.

use std::collections::BTreeMap;

use cometd_edge::session::{Error, Event, GapCause, State};

use crate::model_server::Server;
use crate::session_model::matches;
use crate::world::UNIX_ZERO;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Subscribe,
    Unsubscribe,
    Publish,
    Send,
    Commit,
    Drain,
    Rest,
    Suspend,
}

/// A poll that has ended whole, and how many gaps had been reported before its end.
pub struct Whole {
    pub at: u64,
    pub gaps: usize,
}

pub struct Gap {
    pub channel: String,
    pub cause: GapCause,
    pub since: u64,
    pub whole: bool,
    pub until: u64,
}

#[derive(Clone)]
pub struct Subscription {
    /// Each with the cutoff from which on nothing is expected of it.
    pub channels: Vec<(String, u64)>,
    /// When `subscribe()` resolved.
    pub opened_at: Option<u64>,
    pub left: bool,
    ended: bool,
    pub delivered: Vec<u32>,
    /// What the application has not taken, and its size; 0 for what was given from memory.
    queue: std::collections::VecDeque<(u32, usize)>,
}

struct Pending {
    kind: Asked,
    at: u64,
    /// How often it went out.
    times: u32,
    result: Option<Result<(), &'static str>>,
}

pub struct Checks {
    limits: (usize, usize),
    commands: BTreeMap<u32, Pending>,
    pub subscriptions: BTreeMap<u32, Subscription>,
    pub gaps: Vec<Gap>,
    handshakes: Vec<u64>,
    pub left_behind: Vec<u64>,
    pub state: State,
    /// The session that the client has now, and for each channel the one that last confirmed it.
    pub current: Option<usize>,
    pub confirmed: BTreeMap<String, usize>,
    last_of_carrier: BTreeMap<u32, u32>,
    largest: usize,
    connected: bool,
    pub burst_from: usize,
    /// When the present client came; what it gives up of an earlier one's is no lost response.
    pub began_at: u64,
}

impl Checks {
    pub fn new(limits: (usize, usize)) -> Self {
        Self {
            limits,
            commands: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            gaps: Vec::new(),
            handshakes: Vec::new(),
            left_behind: Vec::new(),
            state: State::Handshaking,
            current: None,
            confirmed: BTreeMap::new(),
            last_of_carrier: BTreeMap::new(),
            largest: 0,
            connected: false,
            burst_from: usize::MAX,
            began_at: 0,
        }
    }

    /// S8a.
    pub fn handshake(&mut self, now: u64, most: usize, session_window_ms: u64) {
        let left = self.left_behind.iter().filter(|at| now - **at < session_window_ms).count();
        assert!(left < 3, "S8a: {left} sessions are left behind");
        self.handshakes.retain(|at| now - at < 60_000);
        self.handshakes.push(now);
        assert!(self.handshakes.len() <= most, "S8a: {} handshakes in a minute", self.handshakes.len());
    }

    /// The client before was dropped or has closed: nothing is answered any more.
    pub fn new_client(&mut self, replay: bool) {
        self.commands.retain(|_, command| command.result.is_some());
        self.subscriptions.clear();
        self.handshakes.clear();
        self.left_behind.clear();
        self.last_of_carrier.clear();
        (self.state, self.connected) = (State::Handshaking, false);
        // Without replay the next client resumes where this one stopped.
        if replay {
            self.gaps.clear();
            self.confirmed.clear();
        }
    }

    /// What the next client resumes, and what of it the application has not read. Of what is lost from now on that one
    /// has to tell.
    pub fn bequeath(&mut self, now: u64) -> Vec<(Subscription, Vec<u32>)> {
        self.gaps.iter_mut().for_each(|gap| gap.until = now.min(gap.until));
        let open = self.subscriptions.values().filter(|subscription| !subscription.left);
        let mut bequest = Vec::new();
        for subscription in open {
            let mut subscription = subscription.clone();
            subscription.channels.retain(|(_, until)| *until == u64::MAX);
            let queued: Vec<u32> = subscription.queue.drain(..).map(|(number, _)| number).collect();
            subscription.delivered.retain(|number| !queued.contains(number));
            if !subscription.channels.is_empty() {
                bequest.push((subscription, queued));
            }
        }
        bequest
    }

    pub fn asked(&mut self, now: u64, number: u32, kind: Asked) {
        self.commands.insert(number, Pending { kind, at: now, times: 0, result: None });
    }

    /// R7: a message of the application goes out once, and once more if the server did not know the session.
    pub fn sent(&mut self, message: &str) {
        let Some((_, rest)) = message.split_once(r#""data":{"p":"#) else { return };
        let number = rest.split('}').next().and_then(|digits| digits.parse().ok()).expect("a number");
        let command = self.commands.get_mut(&number).expect("a known command");
        command.times += 1;
        assert!(command.times <= 2, "R7: message {number} is sent {} times", command.times);
    }

    pub fn subscribed(&mut self, number: u32, channels: &[String]) {
        let subscription = Subscription {
            channels: channels.iter().map(|channel| (channel.clone(), u64::MAX)).collect(),
            opened_at: None,
            left: false,
            ended: false,
            delivered: Vec::new(),
            queue: std::collections::VecDeque::new(),
        };
        self.subscriptions.insert(number, subscription);
    }

    pub fn settled(&mut self, now: u64, number: u32, result: Result<Vec<String>, Error>) {
        let ok = result.is_ok();
        if number == 0 {
            assert!(!self.connected, "connect() is answered twice");
            self.connected = true;
            return;
        }
        let command = self.commands.get_mut(&number).expect("a known command");
        assert!(command.result.is_none(), "command {number} settles twice");
        command.result = Some(result.map(drop).map_err(|error| error.code()));
        if command.kind == Asked::Subscribe {
            let subscription = self.subscriptions.get_mut(&number).expect("a known subscription");
            if ok {
                subscription.opened_at.get_or_insert(now);
            } else {
                assert!(!subscription.ended, "a subscription ends, and then fails");
                // A subscription that was resumed, too, is not owed anything now.
                subscription.opened_at = None;
                subscription.left = true;
                subscription.ended = true;
                subscription.queue.clear();
            }
        }
    }

    pub fn ended(&mut self, number: u32, cutoff: u64) {
        self.left(number, cutoff);
        let subscription = self.subscriptions.get_mut(&number).expect("a known subscription");
        assert!(!subscription.ended, "subscription {number} ends twice");
        subscription.ended = true;
    }

    /// The application has no more interest in it: nothing may come out any more.
    pub fn left(&mut self, number: u32, cutoff: u64) {
        let subscription = self.subscriptions.get_mut(&number).expect("a known subscription");
        if !subscription.left {
            subscription.left = true;
            subscription.queue.clear();
            for (_, until) in &mut subscription.channels {
                *until = cutoff.min(*until);
            }
        }
    }

    pub fn all_left(&mut self, cutoff: u64) {
        let numbers: Vec<u32> = self.subscriptions.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.left(number, cutoff));
    }

    /// The server has refused a channel of several.
    pub fn channel_failed(&mut self, channel: &str, cutoff: u64) {
        for subscription in self.subscriptions.values_mut() {
            for (_, until) in subscription.channels.iter_mut().filter(|(name, _)| name == channel) {
                *until = cutoff.min(*until);
            }
        }
    }

    pub fn state(&mut self, state: State) {
        assert_ne!(self.state, state, "a state that does not change");
        assert_ne!(self.state, State::Closed, "a state after closed");
        self.state = state;
    }

    /// The number of the event that the server published.
    pub fn number_of(event: &Event) -> u32 {
        let raw = event.message.raw();
        raw.split_once(r#""n":"#)
            .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>())
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("an event that nobody published: {raw}"))
    }

    /// Queues an event of a tracked channel; `from_memory`: it came before its reader.
    pub fn queued(&mut self, number: u32, event: &Event, from_memory: bool) {
        assert!(event.subscriptions.is_sorted() && !event.subscriptions.is_empty(), "numbers ascend");
        let bytes = if from_memory { 0 } else { event.message.raw().len() };
        self.largest = self.largest.max(bytes);
        for name in &event.subscriptions {
            let subscription = self.subscriptions.get_mut(name).expect("a known subscription");
            if !subscription.left {
                subscription.queue.push_back((number, bytes));
            }
        }
    }

    pub fn event(&mut self, event: &Event, server: &mut Server) {
        let raw = event.message.raw();
        let number = Self::number_of(event);
        let published = &server.published[number as usize];
        assert_eq!(event.message.channel(), Some(published.channel.as_str()), "the wrong channel");
        assert!(!event.subscriptions.is_empty(), "an event for nobody");
        assert!(event.subscriptions.is_sorted(), "numbers ascend");
        self.largest = self.largest.max(raw.len());
        let carrier = published.carriers.last().copied().expect("events come with responses");
        for name in &event.subscriptions {
            let subscription = self.subscriptions.get_mut(name).expect("a known subscription");
            assert!(!subscription.ended, "an event for subscription {name}, which has ended");
            assert!(
                subscription.channels.iter().any(|(pattern, _)| matches(pattern, &published.channel)),
                "an event for subscription {name}, which does not match"
            );
            assert!(
                !subscription.delivered.contains(&number),
                "event {number} comes twice for subscription {name}"
            );
            subscription.delivered.push(number);
            if !subscription.left {
                subscription.queue.push_back((number, raw.len()));
            }
        }
        let ack = published.sessions.last().is_some_and(|session| server.sessions[*session].ack);
        // With the extension order holds over all responses of a session; without it within each (S13).
        let key = if ack { u32::MAX - u32::try_from(published.sessions[0]).unwrap_or(0) } else { carrier };
        if let Some(last) = self.last_of_carrier.insert(key, number) {
            assert!(last < number, "S13: event {number} after {last}");
        }
    }

    /// What the application may read, by subscription.
    pub fn waiting(&self) -> Vec<(u32, usize)> {
        let waiting =
            self.subscriptions.iter().map(|(number, subscription)| (*number, subscription.queue.len()));
        waiting.filter(|(_, events)| *events > 0).collect()
    }

    pub fn went_twice(&self, command: u32) -> bool {
        self.commands.get(&command).is_some_and(|command| command.times >= 2)
    }

    /// Numbers of the events that it may read.
    pub fn queued_for(&self, number: u32) -> impl Iterator<Item = u32> {
        let queue = self.subscriptions.get(&number).into_iter().flat_map(|subscription| &subscription.queue);
        queue.map(|(event, _)| *event)
    }

    pub fn taken(&mut self, number: u32, events: usize) {
        if let Some(subscription) = self.subscriptions.get_mut(&number) {
            subscription.queue.drain(..events);
        }
    }

    /// R8: never more than twice the limits and one message, for each subscription that it belongs to. With the
    /// extensions there may be one of each request. What was given from memory is not counted: it takes no more of that.
    pub fn queues(&self, messages: usize) {
        let queues = self.subscriptions.values().map(|subscription| &subscription.queue);
        let (events, bytes) = queues.fold((0, 0), |(events, bytes), queue| {
            let came = || queue.iter().filter(|(_, bytes)| *bytes > 0);
            (events + came().count(), bytes + came().map(|(_, bytes)| bytes).sum::<usize>())
        });
        let copies = messages * self.subscriptions.values().filter(|subscription| !subscription.left).count();
        assert!(events <= 2 * self.limits.0 + copies, "R8: {events} events queued");
        assert!(bytes <= 2 * self.limits.1 + copies * self.largest, "R8: {bytes} bytes queued");
    }

    pub fn gap(&mut self, now: u64, channel: &str, cause: GapCause, since_unix_ms: u64, server: &Server) {
        let since = since_unix_ms.checked_sub(UNIX_ZERO).expect("the driver's clock");
        assert!(since <= now, "a gap in the future");
        let ack = self.current.is_some_and(|session| server.sessions[session].ack);
        assert!(
            !(ack && cause == GapCause::ResponseLost && since >= self.began_at),
            "A1: with the extension a lost response loses nothing"
        );
        let channel = channel.to_owned();
        self.gaps.push(Gap { channel, cause, since, whole: false, until: u64::MAX });
    }

    pub fn whole_poll(&mut self, whole: &Whole) {
        self.gaps.iter_mut().take(whole.gaps).for_each(|gap| gap.whole = true);
        self.close_gaps(whole.at);
    }

    pub fn close_gaps(&mut self, now: u64) {
        for gap in self.gaps.iter_mut().filter(|gap| gap.whole && gap.until == u64::MAX) {
            if self.current.is_some() && self.confirmed.get(&gap.channel).copied() == self.current {
                gap.until = now;
            }
        }
    }

    /// Every command but those of the last seconds has an answer.
    pub fn all_settled(&self, now: u64) {
        for (number, command) in &self.commands {
            let waits = command.result.is_none() && !matches!(command.kind, Asked::Commit | Asked::Drain);
            assert!(
                !waits || command.at + 30_000 > now,
                "command {number} ({:?}) never settles",
                command.kind
            );
        }
    }

    /// At the end all have settled, and messages were processed as often as their results say (R7).
    pub fn commands_of(&self, server: &Server) {
        assert!(self.connected, "connect() was never answered");
        for (number, command) in &self.commands {
            let result = command
                .result
                .unwrap_or_else(|| panic!("command {number} ({:?}) never settles", command.kind));
            let found = server.processed.iter().find(|(known, _)| *known == u64::from(*number));
            let count = found.map_or(0, |(_, count)| *count);
            let fine = match (command.kind, result) {
                (Asked::Publish, Ok(())) => count == 1,
                (Asked::Publish | Asked::Send, Err("outcome-unknown") | Ok(())) => count <= 1,
                (Asked::Publish | Asked::Send, Err(_)) => count == 0,
                _ => true,
            };
            assert!(fine, "R7: message {number} was processed {count} times, and settled with {result:?}");
        }
        for (number, subscription) in &self.subscriptions {
            assert!(subscription.ended, "subscription {number} never ends");
        }
    }
}
