//! What replay promises, judged by what the server published and the application has committed.
//!
//! **Owed.** Of each channel that a client tracks, the events are owed that were published after its position: the
//! stored one, or that with which its subscribe was accepted. Where it began with new events, those that were published
//! after the client knew of the accepted subscribe, and those after the first one that it got. What a gap names is not.
//!
//! **Done.** An owed event is done once the application has committed it, by all of its open subscriptions to the
//! channel, and no reader has left with it in hand. A new subscription is owed whatever is not done when it comes.
//!
//! **Saved.** No position is saved that passes an owed event that is not done; so whatever happens to the client, the
//! next one goes on without a loss.

mod judgement;

use std::collections::{BTreeMap, BTreeSet};

use cometd_edge::replay::{OnInvalid, Position, Start};
use cometd_edge::session::{Event, GapCause};

use crate::checks::Gap;
use crate::model_server::Server;
use crate::session_model::matches;

/// The name of the subscription under which events of this channel are tracked.
pub fn name_of(channel: &str) -> &str {
    if channel == "/f/1" { "/f/1?k='v'" } else { channel }
}

pub fn topic_of(name: &str) -> &str {
    name.split('?').next().unwrap_or_default()
}

/// From where on events are owed.
#[derive(Clone, Debug)]
enum From {
    /// The store has not answered.
    Unknown,
    After(u32),
    New {
        since: Option<u64>,
        first: Option<u32>,
    },
    All {
        floor: Option<u32>,
    },
}

/// A channel that the present client tracks.
struct Channel {
    from: From,
    start: Start,
    /// Counts refused positions.
    epoch: u32,
    /// Positions of this epoch alone count.
    last_saved: Option<u32>,
    /// The last that the store has for certain.
    stored: Option<u32>,
    load: Option<u32>,
    loaded: bool,
    save: Option<(u32, u32)>,
    /// Named by gaps: from, to, and the gap's index.
    named: Vec<(u64, u64, usize)>,
    committed: BTreeSet<u32>,
    /// Saves that were answered.
    saves: u32,
    /// In the hands of readers that have left.
    held: BTreeSet<(u32, u32)>,
    /// All before it was done when a position was saved.
    passed: u32,
    /// It began with new events, and a reader that came later cannot have the first one again.
    lost_start: u32,
    /// When the server last began it with new events.
    begun_at: u64,
}

#[derive(Default)]
pub struct Reader {
    pub names: Vec<String>,
    /// Those that have failed, too.
    all_names: Vec<String>,
    pub patterns: Vec<String>,
    pub settled: bool,
    pub open: bool,
    /// What it is owed lies after these.
    owed_after: BTreeMap<String, u32>,
    passed: BTreeMap<String, u32>,
    pub queue: std::collections::VecDeque<(u32, u32, u32)>,
    /// Handed out and not committed: by sequence number, the event's, and the epoch.
    pub given: BTreeMap<u32, (u32, u32)>,
    pub in_hand: bool,
    pub handed: u32,
    delivered: BTreeMap<u32, u32>,
    commits: BTreeSet<u32>,
    last: BTreeMap<String, (u32, u32)>,
    pub rests_until: u64,
    /// It was the first in its channels, so it gets everything in order.
    pub alone: bool,
    /// It has come in this turn.
    pub fresh: bool,
}

#[derive(Default)]
pub struct Promises {
    /// Counts clients.
    pub client: u32,
    channels: BTreeMap<String, Channel>,
    pub readers: BTreeMap<u32, Reader>,
    on_invalid: Option<OnInvalid>,
    /// `event.commit()`s that wait: by command, channel, event, epoch and saves before.
    waiting: BTreeMap<u32, (String, u32, u32, u32)>,
    accepted: usize,
    pub again: u32,
    pub positions_refused: u32,
    /// Of the snapshot from which the present client resumed.
    pub resumed: BTreeMap<String, String>,
    /// In whose session, perhaps, which may bring what is left over from there at any time.
    pub goes_on: bool,
}

impl Reader {
    pub fn next_event(&self) -> Option<u32> {
        self.queue.front().filter(|_| self.open).map(|(_, event, _)| *event)
    }

    pub fn event_in_hand(&self) -> Option<u32> {
        let event = self.given.get(&self.handed).filter(|_| self.open && self.in_hand);
        event.map(|(event, _)| *event)
    }
}

impl Promises {
    pub fn new_client(&mut self, on_invalid: OnInvalid) {
        self.client += 1;
        self.channels.clear();
        self.readers.clear();
        self.waiting.clear();
        self.on_invalid = Some(on_invalid);
    }

    // What the client is told.

    pub fn subscribed(&mut self, server: &Server, number: u32, channels: &[String], starts: &[Start]) {
        let first = |name: &String| !self.channels.contains_key(name) && !name.contains('*');
        let alone = !self.goes_on && channels.iter().all(first);
        let mut reader =
            Reader { open: true, fresh: true, alone, patterns: channels.to_vec(), ..Reader::default() };
        for (name, start) in channels.iter().zip(starts) {
            if name.contains('*') || name.starts_with("/service/") {
                continue;
            }
            let alone = !self.is_open(name);
            let channel = self.channels.entry(name.clone()).or_insert_with(|| Channel::new(start.clone()));
            if alone {
                channel.start = start.clone();
                if let From::New { since, first: None } = &mut channel.from {
                    *since = None;
                }
            }
            let mut owed_after = self.done_up_to(server, name).unwrap_or(0);
            let channel = self.channels.get_mut(name).expect("just added");
            if let From::New { first: Some(first), .. } = channel.from
                && first > owed_after
            {
                // There is no position before it.
                owed_after = first;
                channel.lost_start = first;
            }
            channel.held.clear();
            reader.owed_after.insert(name.clone(), owed_after);
            reader.names.push(name.clone());
            reader.all_names.push(name.clone());
        }
        self.readers.insert(number, reader);
    }

    /// The client has taken in that the server accepts the channel.
    pub fn confirmed(&mut self, now: u64, name: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        if let From::New { since, first: None } = &mut channel.from {
            since.get_or_insert(now);
        }
    }

    /// A gap lasts until the client has reason to think the channel sound.
    pub fn gaps(&mut self, gaps: &[Gap]) {
        for channel in self.channels.values_mut() {
            for (_, until, index) in &mut channel.named {
                *until = gaps.get(*index).map_or(*until, |gap| gap.until);
            }
        }
    }

    pub fn settled(&mut self, server: &Server, now: u64, number: u32, ok: bool) {
        if let Some((name, event, epoch, saves)) = self.waiting.remove(&number).filter(|_| ok) {
            let Some(channel) = self.channels.get(&name) else { return };
            // Of what came on two responses at once nobody but the server knows the order.
            let stored = channel.stored.is_some_and(|stored| stored >= event) || channel.saves > saves;
            // What the server has no longer does not come again, so no position has to include it.
            assert!(
                stored || channel.epoch > epoch || !server.retains(now, event),
                "R3: commit {number} of event {event} on {name} settles before it is saved"
            );
        }
        if let Some(reader) = self.readers.get_mut(&number) {
            reader.settled |= ok;
            reader.open &= ok;
        }
    }

    pub fn ended(&mut self, number: u32) {
        self.left(number);
    }

    /// The reader goes, perhaps with events in its hands (R3a).
    pub fn left(&mut self, number: u32) {
        let Some(reader) = self.readers.get_mut(&number).filter(|reader| reader.open) else { return };
        reader.open = false;
        reader.queue.clear();
        let names = reader.names.clone();
        for name in &names {
            self.hold(name, number);
        }
        // Who leaves a channel before it has a position gives up what was on its way.
        for name in &names {
            let open = self.is_open(name);
            if let Some(Channel { from: From::New { since, .. }, .. }) = self.channels.get_mut(name)
                && !open
            {
                *since = None;
            }
        }
    }

    /// What a reader that leaves a channel has in hand holds the position, until another one comes.
    fn hold(&mut self, name: &str, number: u32) {
        if let (Some(channel), Some(reader)) = (self.channels.get_mut(name), self.readers.get(&number)) {
            let held = reader.given.values().filter(|(_, epoch)| *epoch == channel.epoch);
            channel.held.extend(held.map(|(event, _)| (number, *event)));
        }
    }

    pub fn channel_failed(&mut self, name: &str) {
        let open =
            self.readers.iter().filter(|(_, reader)| reader.open && reader.names.iter().any(|n| n == name));
        for number in open.map(|(number, _)| *number).collect::<Vec<u32>>() {
            self.hold(name, number);
        }
        for reader in self.readers.values_mut() {
            reader.names.retain(|known| known != name);
            reader.patterns.retain(|known| known != name);
        }
        self.forget_unloaded(name);
    }

    /// A channel whose stored position makes no sense is not tracked.
    pub fn forget_unloaded(&mut self, name: &str) {
        if self.channels.get(name).is_some_and(|channel| !channel.loaded && channel.load.is_none()) {
            self.channels.remove(name);
        }
    }

    pub fn committed(&mut self, number: u32, sequence: u32, through: bool) {
        let Some(reader) = self.readers.get_mut(&number) else { return };
        let range = if through { 0..=sequence } else { sequence..=sequence };
        let done: Vec<(u32, u32)> =
            reader.given.range(range).map(|(key, (event, _))| (*key, *event)).collect();
        for (key, event) in done {
            reader.given.remove(&key);
            reader.commits.insert(event);
            for name in &reader.all_names {
                if let Some(channel) = self.channels.get_mut(name) {
                    channel.committed.insert(event);
                    channel.held.remove(&(number, event));
                }
            }
        }
    }

    /// A commit that must not settle before the position is saved.
    pub fn waits(&mut self, server: &Server, command: u32, subscription: u32, (event, epoch): (u32, u32)) {
        let name = name_of(&server.published[event as usize].channel);
        let reader = &self.readers[&subscription];
        let follows = reader.open && reader.names.iter().any(|known| known == name);
        let current = |channel: &&Channel| follows && epoch == channel.epoch;
        if let Some(channel) = self.channels.get(name).filter(current) {
            self.waiting.insert(command, (name.to_owned(), event, channel.epoch, channel.saves));
        }
    }

    // What the client gives out.

    pub fn event(&mut self, server: &Server, event: &Event, number: u32, strict: bool) {
        let published = &server.published[number as usize];
        let name = name_of(&published.channel);
        let mut epoch = 0;
        if let Some(channel) = self.channels.get_mut(name) {
            epoch = channel.epoch;
            if let From::New { first: first @ None, .. } = &mut channel.from {
                *first = Some(number);
                // Who came while it was under way begins with the next one.
                let late = |number: &u32| !event.subscriptions.contains(number);
                for (_, reader) in self.readers.iter_mut().filter(|(subscription, _)| late(subscription)) {
                    if let Some(after) = reader.owed_after.get_mut(name) {
                        *after = number.max(*after);
                    }
                }
            }
        }
        for subscription in &event.subscriptions {
            let reader = self.readers.get_mut(subscription).expect("a known subscription");
            if !reader.open {
                // It was under way when its subscription was left.
                continue;
            }
            assert!(
                reader.patterns.iter().any(|pattern| matches(pattern, &published.channel)),
                "an event for subscription {subscription}, which does not match"
            );
            if let Some(before) = reader.delivered.insert(number, epoch) {
                self.again += 1;
                assert!(before < epoch, "R7b: event {number} comes twice for subscription {subscription}");
            }
            let last = reader.last.insert(published.channel.clone(), (number, epoch));
            assert!(
                !strict || !reader.alone || last.is_none_or(|(last, before)| last < number || before < epoch),
                "S13: event {number} after {last:?} for subscription {subscription}"
            );
            reader.queue.push_back((event.sequence, number, epoch));
        }
    }

    pub fn gap(&mut self, index: usize, name: &str, cause: GapCause, since: u64) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        match cause {
            GapCause::PositionInvalid => {
                self.positions_refused += 1;
                // What is left over from the old epoch may come first.
                for reader in
                    self.readers.values_mut().filter(|reader| reader.names.iter().any(|n| n == name))
                {
                    reader.alone = false;
                }
                channel.epoch += 1;
                channel.last_saved = None;
                channel.passed = 0;
                channel.held.clear();
                channel.from = match self.on_invalid {
                    Some(OnInvalid::New) => From::New { since: None, first: None },
                    _ => From::All { floor: None },
                };
            }
            GapCause::NoPosition => {
                let goes_on = !matches!(channel.from, From::New { .. });
                assert!(!goes_on, "a gap although the channel has a position: {:?}", channel.from);
                channel.named.push((since, u64::MAX, index));
            }
            _ => panic!("a {cause:?} gap on a channel that is followed"),
        }
    }

    /// R5a: loads.
    pub fn load_asked(&mut self, name: &str, request: u32) {
        let channel = self.channels.get_mut(name).expect("a channel that is followed");
        assert!(!channel.loaded, "loads {name} twice");
        assert!(channel.load.is_none(), "two loads of {name} at once");
        channel.load = Some(request);
    }

    pub fn load_failed(&mut self, name: &str) {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.load = None;
        }
    }

    pub fn loaded(&mut self, server: &Server, name: &str, request: u32, found: Result<Option<String>, ()>) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        if channel.load.take_if(|open| *open == request).is_none() {
            return;
        }
        let Ok(found) = found else { return };
        channel.loaded = true;
        // The store's wins (S17).
        let found = found.or_else(|| self.resumed.get(name).cloned());
        let id = found.or(match &channel.start {
            Start::After(id) => Some(id.clone()),
            _ => None,
        });
        channel.from = match (id, &channel.start) {
            (Some(id), _) => {
                let number = server.number_of(&id).expect("an id of the server's");
                channel.last_saved = Some(number);
                From::After(number)
            }
            (None, Start::All) => From::All { floor: None },
            (None, _) => From::New { since: None, first: None },
        };
    }

    /// R5a, R3a: a subscribe is on its way.
    pub fn subscribe_sent(&self, server: &Server, name: &str, position: &str) {
        if name.contains('*') {
            return;
        }
        let channel = self.channels.get(name).unwrap_or_else(|| panic!("{name} is not followed"));
        assert!(channel.loaded, "R5a: {name} is subscribed before its load has answered");
        if let (From::After(from), 0) = (&channel.from, channel.epoch) {
            let at = server.number_of(position);
            assert!(at >= Some(*from), "R4: {name} is subscribed from {position}, and was at {from} before");
        }
    }

    /// R4, R4a, R5: what is saved is done, and never moves back.
    pub fn save_asked(&mut self, server: &Server, name: &str, request: u32, position: &Position) {
        let event = server.number_of(&position.replay_id).expect("a position that the server gave");
        assert_eq!(server.published[event as usize].channel, topic_of(name), "a position of another channel");
        let channel = self.channels.get_mut(name).expect("a channel that is followed");
        assert!(channel.loaded, "R5a: {name} is saved before its load has answered");
        assert!(channel.save.is_none(), "R5: two saves of {name} at once");
        channel.save = Some((request, event));
        let back = channel.last_saved.is_some_and(|last| event < last);
        assert!(
            !back,
            "R4: the saved position of {name} moves back from {:?} to {event}",
            channel.last_saved
        );
        channel.last_saved = Some(event);
        self.judge(server, name, event);
        self.channels.get_mut(name).expect("known").passed = event;
        for reader in self.readers.values_mut() {
            reader.passed.insert(name.to_owned(), event);
        }
    }

    /// S17: where a client was when it was suspended.
    pub fn left_at(&self, server: &Server, name: &str, id: &str) {
        let event = server.number_of(id).expect("a position that the server gave");
        let Some(channel) = self.channels.get(name) else { return };
        assert!(
            channel.last_saved.is_none_or(|last| event >= last),
            "S17: {name} is left at {event}, and was saved at {:?}",
            channel.last_saved
        );
        self.judge(server, name, event);
    }

    pub fn is_saving(&self) -> bool {
        self.channels.values().any(|channel| channel.save.is_some())
    }

    pub fn save_failed(&mut self, name: &str) {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.save = None;
        }
    }

    pub fn save_answered(&mut self, name: &str, request: u32) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        if let Some((_, event)) = channel.save.take_if(|(open, _)| *open == request) {
            channel.stored = channel.stored.max(Some(event));
            channel.saves += 1;
        }
    }

    /// Subscribes that the server has accepted from the present client.
    pub fn accepted(&mut self, server: &Server) {
        for accepted in server.accepted.iter().skip(self.accepted) {
            let Some(channel) = self.channels.get_mut(&accepted.name) else { continue };
            match (&mut channel.from, accepted.position.as_str()) {
                (From::All { floor }, "-2") => *floor = Some(floor.unwrap_or(0).max(accepted.floor)),
                (From::New { .. }, "-1") => channel.begun_at = accepted.at,
                _ => {}
            }
        }
        self.accepted = server.accepted.len();
    }
}

impl Channel {
    fn new(start: Start) -> Self {
        Self {
            from: From::Unknown,
            start,
            epoch: 0,
            last_saved: None,
            stored: None,
            load: None,
            loaded: false,
            save: None,
            named: Vec::new(),
            committed: BTreeSet::new(),
            saves: 0,
            held: BTreeSet::new(),
            passed: 0,
            lost_start: 0,
            begun_at: 0,
        }
    }
}
