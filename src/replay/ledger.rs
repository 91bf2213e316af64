use super::position::{Commit, OnInvalid, Position, Start};

/// So many events that are done with are remembered, so that a server that repeats itself is noticed.
const MOST_RECENT: usize = 256;

/// An event as it arrives.
pub struct Arrival<'a> {
    /// Its number, if it is given out: ascends over all events of the client.
    pub sequence: u32,
    /// Where it stands in its channel.
    pub position: Position,
    /// Its `EventUuid`, where it has one: replay ids are not unique once an org has moved.
    pub uuid: Option<&'a str>,
    /// The local subscriptions that it is for, ascending.
    pub subscriptions: &'a [u32],
    /// Those of them that follow the channel by this ledger, and commit.
    pub committers: &'a [u32],
    /// The request on whose response it came.
    pub request: u32,
    /// What must end well before its position counts.
    pub wait: Wait,
    /// It came on a reply to a session that is already given up (R7d), or while the channel is not subscribed: it counts
    /// as received, and not as a position.
    pub late: bool,
}

/// Until when a position is provisional: neither saved nor restarted from (R4a).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Wait {
    /// It is not.
    Nothing,
    /// Until the response to this request has ended whole: events that belong before it may be in there.
    Response(u32),
}

/// The progress of one channel (R2 to R7).
///
/// Three lists hold what was received. `entries`, in the order of arrival, is what came in the present subscription at
/// the server and is not done with. `seen` is what came before it and will come again. `recent` is what is done with.
pub struct Ledger {
    channel: String,
    start: Start,
    /// What has taken the place of a position that was refused (R6).
    fallback: Option<Start>,
    /// When events count as done.
    pub commit: Commit,
    /// What follows when the server refuses a position.
    pub on_invalid: OnInvalid,
    committed: Option<Position>,
    /// Of the first event received in a channel without a position: from there on nothing is lost (R7c).
    first: Option<String>,
    entries: Vec<Entry>,
    seen: Vec<Entry>,
    recent: Vec<Recent>,
    /// A new local subscription needs what was received since the last committed position: it has to come again (R7b).
    rewinding: bool,
    /// Something came while nobody wanted it, so the next subscription needs it again.
    missed: bool,
    /// The same, while there was no position yet: what comes first now may come from before it.
    passed: bool,
    /// The request that subscribed it anew in a session that lives. Until a poll that was sent after it has ended whole,
    /// any response may bring what is left over from the earlier subscription.
    overlap: Option<u32>,
    /// That poll has ended while this response was open: it may have left the server before, with what is left over.
    last_overlap: Option<u32>,
    /// It was subscribed in this session at the server before.
    before: bool,
    /// Numbers in `entries` ascend.
    ascending: bool,
    /// Counts the positions that may be saved.
    version: u32,
    waiters: Vec<Waiter>,
}

struct Entry {
    key: Key,
    /// The last local subscription that has received it. As these numbers ascend, so have all before it.
    last: u32,
    created_date: Option<String>,
    /// To whom it was given out, by which number, and are they done with it?
    given: Vec<Given>,
    wait: Wait,
    /// It may be left over from before this subscribe. That is settled once a poll that was sent after it has ended
    /// whole, or its own reply (`true`) where it came on that: what was left over has come again by then.
    overlap: Option<(u32, bool)>,
    /// Which of it and the entry before it comes first in the channel is not known: neither counts without the other.
    tied: bool,
}

/// What is done with.
struct Recent {
    key: Key,
    /// By which numbers it was given out.
    sequences: Vec<u32>,
}

struct Given {
    subscription: u32,
    sequence: u32,
    done: bool,
}

/// What makes two events one.
struct Key {
    replay_id: String,
    uuid: Option<String>,
}

/// An `event.commit()` that waits for its position to be saved.
struct Waiter {
    command: u32,
    sequence: u32,
    /// The version that covers it, once there is one.
    version: Option<u32>,
}

impl Ledger {
    /// A channel of which nothing is known yet.
    pub fn new(channel: &str, start: Start, commit: Commit, on_invalid: OnInvalid) -> Self {
        Self {
            channel: channel.to_owned(),
            start,
            fallback: None,
            commit,
            on_invalid,
            committed: None,
            first: None,
            entries: Vec::new(),
            seen: Vec::new(),
            recent: Vec::new(),
            rewinding: false,
            missed: false,
            passed: false,
            overlap: None,
            last_overlap: None,
            before: false,
            ascending: true,
            version: 0,
            waiters: Vec::new(),
        }
    }

    /// The whole subscription, its query included: the store's key (R2).
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Where it starts without a position, by the wish of its subscriptions.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Where it does start without one.
    fn origin(&self) -> &Start {
        self.fallback.as_ref().unwrap_or(&self.start)
    }

    /// What the store knows.
    pub fn loaded(&mut self, position: Option<Position>) {
        self.committed = position;
    }

    /// A first local subscription, after all earlier ones have left, brings its own conditions (R3a).
    pub fn conditions(&mut self, start: Start, commit: Commit, on_invalid: OnInvalid) {
        (self.start, self.commit, self.on_invalid) = (start, commit, on_invalid);
    }

    /// A new local subscription has come; `open` are the others. Whether what was received must come again for it.
    pub fn joined(&mut self, open: &[u32]) -> bool {
        // What a reader held that has left is free again (R3a).
        for given in self.entries.iter_mut().chain(&mut self.seen).flat_map(|entry| &mut entry.given) {
            given.done |= !open.contains(&given.subscription);
        }
        self.rewinding |= self.missed || !self.entries.is_empty() || !self.seen.is_empty();
        self.rewinding
    }

    /// Does something that was received have to come again?
    pub fn is_rewinding(&self) -> bool {
        self.rewinding
    }

    /// An event has come that no local subscription wants.
    pub fn passed_by(&mut self) {
        // Without a position it could not be had again.
        let missed = self.from() != Start::New.as_str();
        self.missed |= missed;
        self.passed |= !missed;
        // It may belong before what is not certain yet.
        self.rewinding |= self.entries.iter().any(|entry| !entry.is_certain());
    }

    /// A local subscription has gone, and `open` are left; `handed` is the number of the last event that it was handed
    /// out. What it was not done with holds the position, and so does everything if nobody is left (R3a).
    pub fn left(&mut self, subscription: u32, handed: u32, open: &[u32]) {
        if open.is_empty() {
            return;
        }
        for given in self.entries.iter_mut().chain(&mut self.seen).flat_map(|entry| &mut entry.given) {
            given.done |= given.subscription == subscription && given.sequence > handed;
        }
        self.advance();
    }

    /// Takes in an event, and gives the subscriptions that have not received it yet (R7b).
    pub fn receive(&mut self, arrival: Arrival<'_>) -> Vec<u32> {
        let Arrival { position: Position { replay_id, created_date }, uuid, .. } = arrival;
        let same = |key: &Key| key.replay_id == replay_id && key.uuid.as_deref() == uuid;
        if self.recent.iter().any(|recent| same(&recent.key)) {
            return Vec::new();
        }
        let known = self.entries.iter().position(|entry| same(&entry.key));
        let mut entry = match (known, self.seen.iter().position(|entry| same(&entry.key))) {
            // What came too early takes its right place; anything else stands where it first stood.
            (Some(index), _) if !self.entries[index].is_certain() => self.entries.remove(index),
            (Some(index), _) => {
                let new =
                    self.entries[index].give(arrival.sequence, arrival.subscriptions, arrival.committers);
                self.ascending &= new.is_empty();
                return new;
            }
            (None, Some(index)) => self.seen.remove(index),
            (None, None) => {
                let key = Key { replay_id, uuid: uuid.map(str::to_owned) };
                let (given, wait) = (Vec::new(), Wait::Nothing);
                Entry { key, last: 0, created_date, given, wait, overlap: None, tied: false }
            }
        };
        entry.wait = arrival.wait;
        let on_last = self.last_overlap == Some(arrival.request);
        entry.overlap = match self.overlap {
            Some(subscribe) => Some((subscribe, arrival.request == subscribe)),
            None => on_last.then_some((arrival.request, true)),
        };
        // Of what came on two responses at once nobody knows the order.
        let waits = Wait::Response(arrival.request);
        let beside = self.entries.iter().position(|other| other.wait == waits);
        for other in self.entries.iter_mut().skip(beside.map_or(usize::MAX, |index| index + 1)) {
            other.tied = true;
        }
        entry.tied = beside.is_some();
        let new = entry.give(arrival.sequence, arrival.subscriptions, arrival.committers);
        if self.committed.is_none() && self.first.is_none() {
            self.first = Some(entry.key.replay_id.clone());
            self.rewinding |= core::mem::take(&mut self.passed);
        }
        if arrival.late {
            self.seen.push(entry);
        } else {
            self.ascending &= new.len() == arrival.subscriptions.len();
            self.entries.push(entry);
        }
        self.advance();
        new
    }

    /// The application is done with an event of a subscription, or with all up to it.
    pub fn done(&mut self, subscription: u32, sequence: u32, through: bool) {
        for entry in &mut self.entries {
            // A long queue is not searched to its end for each event.
            if self.ascending && entry.given.first().is_some_and(|given| given.sequence > sequence) {
                break;
            }
            entry.done(subscription, sequence, through);
        }
        for entry in &mut self.seen {
            entry.done(subscription, sequence, through);
        }
        self.advance();
    }

    /// Was the event of this number given out here, and not long ago?
    pub fn knows(&self, sequence: u32) -> bool {
        self.entries.iter().chain(&self.seen).any(|entry| entry.holds(sequence))
            || self.recent.iter().any(|recent| recent.sequences.contains(&sequence))
    }

    /// `command` waits until a position at or above the event of this number is saved.
    pub fn wait_for(&mut self, command: u32, sequence: u32) {
        let pending = self.entries.iter().chain(&self.seen).any(|entry| entry.holds(sequence));
        let version = (!pending).then_some(self.version);
        self.waiters.push(Waiter { command, sequence, version });
    }

    /// Takes out the commands that wait for no more than this version; all of them for `None`.
    pub fn saved(&mut self, version: Option<u32>) -> Vec<u32> {
        let mut commands = Vec::new();
        self.waiters.retain(|waiter| {
            let covered =
                version.is_none_or(|version| waiter.version.is_some_and(|wanted| wanted <= version));
            if covered {
                commands.push(waiter.command);
            }
            !covered
        });
        commands
    }

    /// A response has ended whole: what waited for it counts (R4a). `present`: the server has accepted the channel;
    /// `beside`: another response that is open and may bring events.
    pub fn response_ended(&mut self, request: u32, poll: bool, present: bool, beside: Option<u32>) {
        let settles = |subscribe: u32, own: bool| {
            present && if poll { request > subscribe } else { own && request == subscribe }
        };
        for entry in &mut self.entries {
            if entry.wait == Wait::Response(request) {
                entry.wait = Wait::Nothing;
            }
            if entry.overlap.take_if(|(subscribe, own)| settles(*subscribe, *own)).is_some()
                && entry.wait == Wait::Nothing
            {
                // What comes again may be in there.
                entry.wait = beside.map_or(Wait::Nothing, Wait::Response);
            }
        }
        self.last_overlap = self.last_overlap.filter(|last| *last != request);
        if self.overlap.take_if(|subscribe| settles(*subscribe, false)).is_some() {
            self.last_overlap = beside;
        }
        self.advance();
    }

    /// The channel is about to be subscribed at the server; `beside`: its events come by another subscription, too. Gives
    /// the position after which it begins, the last one that is certain (R7).
    pub fn subscribing(&mut self, request: u32, beside: bool) -> String {
        self.rewind(true);
        let left_over = core::mem::replace(&mut self.before, true) || beside;
        (self.overlap, self.last_overlap) = (left_over.then_some(request), None);
        self.from().to_owned()
    }

    /// The session is gone: whatever came after the last certain position will come again.
    pub fn restart(&mut self) {
        self.rewind(false);
        self.before = false;
    }

    /// `lives`: what responses that are open still bring counts.
    fn rewind(&mut self, lives: bool) {
        let mut kept = if core::mem::take(&mut self.rewinding) { 0 } else { self.certain() };
        (self.missed, self.passed) = (false, false);
        // There is no position before the very first event, so that one will not come again.
        let begun = self.committed.is_none() && *self.origin() == Start::New;
        let is_first = |entry: &Entry| begun && self.first.as_ref() == Some(&entry.key.replay_id);
        let mut first = self.entries.iter().position(is_first).filter(|first| *first >= kept);
        if let Some(first) = first {
            kept = first + 1;
        }
        let mut again = self.entries.split_off(kept);
        // Nor may what is tied to it.
        for entry in &mut again {
            entry.tied &= first.is_some();
            first = first.filter(|_| entry.tied);
        }
        if let Some(first) = self.seen.iter().position(is_first) {
            let first = self.seen.remove(first);
            self.entries.push(Entry { wait: Wait::Nothing, overlap: None, ..first });
        }
        for entry in self.entries.iter_mut().filter(|_| !lives) {
            (entry.wait, entry.overlap) = (Wait::Nothing, None);
        }
        // Some of it is there from before, and in its order.
        again.append(&mut self.seen);
        self.seen = again;
        self.ascending = self.seen.is_empty() && (self.ascending || self.entries.is_empty());
        (self.overlap, self.last_overlap) = (None, None);
    }

    /// The position to subscribe from, as it stands on the wire.
    pub fn from(&self) -> &str {
        let certain = self.certain().checked_sub(1).and_then(|last| self.entries.get(last));
        let received = certain.filter(|_| !self.rewinding).map(|entry| entry.key.replay_id.as_str());
        let committed = self.committed.as_ref().map(|position| position.replay_id.as_str());
        let first = self.first.as_deref().filter(|_| *self.origin() == Start::New);
        received.or(committed).or(first).unwrap_or(self.origin().as_str())
    }

    /// Whether a new subscription goes on where the last one stopped, and so loses nothing (R7c).
    pub fn has_position(&self) -> bool {
        // What came before the very first event may be in the response that it still waits for.
        let mut received = self.entries.iter().chain(&self.seen);
        let uncertain = self.committed.is_none()
            && *self.origin() == Start::New
            && received.any(|entry| !entry.is_certain() && self.first.as_ref() == Some(&entry.key.replay_id));
        !uncertain && self.from() != Start::New.as_str()
    }

    /// The server has refused the position: a new epoch begins here (R6). Gives the commands that waited in the old one.
    pub fn refused(&mut self, fallback: Start) -> Vec<u32> {
        self.fallback = Some(fallback);
        self.committed = None;
        self.first = None;
        self.entries.clear();
        self.seen.clear();
        self.recent.clear();
        (self.rewinding, self.missed, self.passed) = (false, false, false);
        // This subscribe was none.
        self.before = self.overlap.take().is_some();
        self.last_overlap = None;
        self.saved(None)
    }

    /// The position that may be saved, and its version, which ascends with each.
    pub fn to_save(&self) -> Option<(u32, &Position)> {
        self.committed.as_ref().map(|position| (self.version, position))
    }

    /// The version of the last position that may be saved; 0 before the first.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// How many entries at the beginning are certain.
    fn certain(&self) -> usize {
        self.untied(self.entries.iter().take_while(|entry| entry.is_certain()).count())
    }

    /// So many entries, or fewer: what is tied together counts together.
    fn untied(&self, mut count: usize) -> usize {
        while self.entries.get(count).is_some_and(|entry| count > 0 && entry.tied) {
            count -= 1;
        }
        count
    }

    /// R4: the last position before which all is committed.
    fn advance(&mut self) {
        let held = |entry: &Entry| entry.tied && entry.given.iter().any(|given| !given.done);
        if self.rewinding || self.seen.iter().any(held) {
            return;
        }
        let done = |entry: &&Entry| entry.is_certain() && entry.given.iter().all(|given| given.done);
        let count = self.untied(self.entries.iter().take_while(done).count());
        if count == 0 {
            return;
        }
        self.version += 1;
        // All of these may come again, wherever the last of them stands.
        if let Some(long_ago) = self.recent.len().checked_sub(MOST_RECENT) {
            self.recent.drain(..long_ago + MOST_RECENT / 2);
        }
        for entry in self.entries.drain(..count) {
            for waiter in &mut self.waiters {
                if waiter.version.is_none() && entry.holds(waiter.sequence) {
                    waiter.version = Some(self.version);
                }
            }
            let replay_id = entry.key.replay_id.clone();
            self.committed = Some(Position { replay_id, created_date: entry.created_date });
            let mut sequences = Vec::new();
            for given in &entry.given {
                sequences.push(given.sequence);
            }
            self.recent.push(Recent { key: entry.key, sequences });
        }
        self.ascending |= self.entries.is_empty();
    }
}

impl Entry {
    /// Gives it to those of `subscriptions` that have not received it yet.
    fn give(&mut self, sequence: u32, subscriptions: &[u32], committers: &[u32]) -> Vec<u32> {
        let old = subscriptions.iter().take_while(|number| **number <= self.last).count();
        let new = subscriptions.get(old..).unwrap_or_default().to_vec();
        for subscription in new.iter().copied().filter(|number| committers.contains(number)) {
            self.given.push(Given { subscription, sequence, done: false });
        }
        self.last = new.last().copied().unwrap_or(self.last);
        new
    }

    fn is_certain(&self) -> bool {
        self.wait == Wait::Nothing && self.overlap.is_none()
    }

    fn done(&mut self, subscription: u32, sequence: u32, through: bool) {
        for given in self.given.iter_mut().filter(|given| given.subscription == subscription) {
            given.done |= given.sequence == sequence || through && given.sequence <= sequence;
        }
    }

    fn holds(&self, sequence: u32) -> bool {
        self.given.iter().any(|given| given.sequence == sequence)
    }
}
