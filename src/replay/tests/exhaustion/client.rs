//! What the session does with its book: a client of one channel.

use std::sync::Arc;

use super::ids::{Id, Ids};
use super::scope::Scope;
use crate::Instant;
use crate::backoff::{Retry, Rng};
use crate::bayeux::channel::Pattern;
use crate::bayeux::message::Message;
use crate::replay::book::{Book, Carrier, Conditions, InFlight, Received, StoreCall};
use crate::replay::{Position, Start};

pub const CHANNEL: &str = "/event/A";

/// What the server knows of the channel, as far as the client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Absent,
    Subscribing,
    Present,
    Unsubscribing,
}

/// A local subscription that is open.
#[derive(Clone)]
pub struct Reader {
    pub subscription: u32,
    /// What it has not committed, with the numbers by which it was given out.
    pub queue: Vec<(u32, Id)>,
    /// The last number that it has committed: all before it were handed out, too.
    pub committed: u32,
}

/// A commit that has no result yet.
#[derive(Clone, Copy)]
pub struct Pending {
    pub command: u32,
    pub id: Id,
}

#[derive(Clone)]
pub struct Client {
    book: Book,
    pub now: Instant,
    pub session: bool,
    pub stage: Stage,
    /// By carrier, how many events had come when the request in flight was sent.
    sent: [Option<u64>; 2],
    lost: InFlight,
    /// When a response was lost, there was nothing to go on from.
    has_gap: bool,
    /// A gap was reported although there was a position to go on from.
    pub has_needless_gap: bool,
    pub readers: [Option<Reader>; 2],
    pub pending: Vec<Pending>,
    /// What readers left with in hand, until another one comes: subscription, number, event.
    pub gone: Vec<(u32, u32, Id)>,
    last_sequence: u32,
    last_subscription: u32,
    last_command: u32,
    /// The position of the snapshot that this client was made from.
    snapshot: Option<Id>,
}

/// What follows from an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Give(usize, Id),
    /// Everything up to the position after which the next session begins may be missing.
    Gap,
    Save(u32, Id),
    /// A commit has its result: it is saved, or the server no longer has the event.
    Saved(Id),
    Known(Id),
}

impl Client {
    pub fn new(scope: &Scope, snapshot: Option<Id>) -> Self {
        Self {
            book: Book::new(10, scope.memory * scope.event(1).raw().len()),
            now: Instant::from_millis(1_000),
            session: false,
            stage: Stage::Absent,
            sent: [None; 2],
            lost: InFlight::default(),
            has_gap: false,
            has_needless_gap: false,
            readers: [None, None],
            pending: Vec::new(),
            gone: Vec::new(),
            last_sequence: 0,
            last_subscription: 0,
            last_command: 0,
            snapshot,
        }
    }

    fn in_flight(&self) -> InFlight {
        let InFlight { poll, commands } = self.lost;
        InFlight { poll: poll.or(self.sent[0]), commands: commands.or(self.sent[1]) }
    }

    pub fn position(&self) -> Option<Id> {
        self.book.position(CHANNEL).map(|position| id_of(&position))
    }

    /// The event that it goes on from, if any.
    pub fn goes_on_after(&self) -> Option<Id> {
        self.book.resume_from(CHANNEL)?.parse().ok()
    }

    pub fn is_read(&self) -> bool {
        self.readers.iter().any(Option::is_some)
    }

    pub fn flies(&self, carrier: Carrier) -> bool {
        self.sent[carrier as usize].is_some()
    }

    /// Whether the poll in flight was sent after the last event had come.
    pub fn poll_is_fresh(&self) -> bool {
        self.sent[0] == Some(self.book.arrived())
    }

    pub fn has_lost(&self) -> bool {
        self.lost != InFlight::default()
    }

    /// Whether the store has answered.
    pub fn is_loaded(&self) -> bool {
        self.book.is_loaded(CHANNEL)
    }

    pub fn expects_again(&self) -> bool {
        self.book.expects_again()
    }

    pub fn is_consistent(&self) -> bool {
        self.book.is_consistent()
    }

    // ---- The application.

    /// `stored` is what the store says if it is asked. Returns the position that the client begins at, if this is its first
    /// reader.
    pub fn join(
        &mut self,
        scope: &Scope,
        reader: usize,
        stored: Option<Id>,
        out: &mut Vec<Effect>,
    ) -> Option<Option<Id>> {
        self.gone.clear();
        let pattern = Pattern::parse(CHANNEL).expect("a channel");
        let conditions =
            Conditions { start: scope.start.clone(), commit: scope.commit, on_invalid: scope.on_invalid };
        self.book.track(&pattern, conditions, !self.is_read(), self.now);
        self.book.set_wanted(CHANNEL, true);
        let loaded = self.load(stored);
        self.last_subscription += 1;
        let subscription = self.last_subscription;
        self.readers[reader] = Some(Reader { subscription, queue: Vec::new(), committed: 0 });
        let joined = self.book.join(CHANNEL, subscription, self.last_sequence + 1);
        for event in joined.events {
            self.give(subscription, number_of(&event), out);
        }
        if joined.is_lost {
            out.push(Effect::Gap);
        }
        if joined.needs_session {
            self.leave_session(out);
        }
        loaded
    }

    fn load(&mut self, stored: Option<Id>) -> Option<Option<Id>> {
        if self.is_loaded() {
            return None;
        }
        let Some(StoreCall::Load { request, .. }) = self.book.next_store_call(self.now) else {
            panic!("a position is loaded first")
        };
        let before = self.snapshot.take();
        self.book.loaded(request, stored.map(position_of), before.map(position_of));
        Some(stored.or(before))
    }

    /// It leaves with this event, and all that were given out before it, in hand.
    pub fn leave(&mut self, reader: usize, handed: u32) {
        let Some(left) = self.readers[reader].take() else { return };
        let in_hand = left.queue.iter().filter(|(sequence, _)| *sequence <= handed);
        self.gone.extend(in_hand.map(|(sequence, id)| (left.subscription, *sequence, *id)));
        self.book.leave(CHANNEL, left.subscription, handed, self.in_flight());
        self.book.set_wanted(CHANNEL, self.is_read());
        if !self.is_read() && self.stage == Stage::Absent {
            self.book.release(CHANNEL);
        }
    }

    /// The reader commits this event of its queue, or with `processed` all up to it.
    pub fn commit(&mut self, scope: &Scope, reader: usize, index: usize, out: &mut Vec<Effect>) -> Ids {
        let in_flight = self.in_flight();
        let Some(open) = &mut self.readers[reader] else { return Ids::default() };
        let (sequence, id) = open.queue[index];
        open.committed = open.committed.max(sequence);
        if scope.is_manual() {
            open.queue.remove(index);
            let subscription = open.subscription;
            self.commit_one(subscription, sequence, id, out);
            return Ids::from([id]);
        }
        let done = open.queue.drain(..=index).map(|(_, id)| id).collect();
        self.book.progress(open.subscription, sequence, true, in_flight);
        done
    }

    /// A reader that has left commits what it had in hand.
    pub fn commit_late(&mut self, index: usize, out: &mut Vec<Effect>) {
        let (subscription, sequence, id) = self.gone.remove(index);
        self.commit_one(subscription, sequence, id, out);
    }

    fn commit_one(&mut self, subscription: u32, sequence: u32, id: Id, out: &mut Vec<Effect>) {
        self.last_command += 1;
        self.pending.push(Pending { command: self.last_command, id });
        let settled = self.book.commit(self.last_command, &[subscription], sequence, self.in_flight());
        let settled = settled.expect("its epoch is not over");
        self.settle(settled, &Effect::Saved, out);
    }

    fn settle(&mut self, commands: Vec<u32>, effect: &dyn Fn(Id) -> Effect, out: &mut Vec<Effect>) {
        for command in commands {
            let index = self.pending.iter().position(|pending| pending.command == command);
            out.push(effect(self.pending.remove(index.expect("it is settled once")).id));
        }
    }

    fn give(&mut self, subscription: u32, id: Id, out: &mut Vec<Effect>) {
        self.last_sequence += 1;
        self.queue(subscription, id, out);
    }

    fn queue(&mut self, subscription: u32, id: Id, out: &mut Vec<Effect>) {
        for (number, reader) in self.readers.iter_mut().enumerate() {
            if let Some(reader) = reader.as_mut().filter(|reader| reader.subscription == subscription) {
                reader.queue.push((self.last_sequence, id));
                out.push(Effect::Give(number, id));
            }
        }
    }

    // ---- The wire.

    pub fn wants_session(&self) -> bool {
        !self.session && self.is_read()
    }

    pub fn wants_subscribe(&self) -> bool {
        self.session && self.stage == Stage::Absent && self.is_read() && !self.flies(Carrier::Commands)
    }

    pub fn wants_unsubscribe(&self) -> bool {
        self.session && self.stage == Stage::Present && !self.is_read() && !self.flies(Carrier::Commands)
    }

    pub fn begin_session(&mut self) {
        self.session = true;
    }

    pub fn send(&mut self, carrier: Carrier) {
        self.sent[carrier as usize] = Some(self.book.arrived());
    }

    /// Where the subscribe begins; `None` if it takes a new session.
    pub fn subscribe(&mut self, out: &mut Vec<Effect>) -> Option<String> {
        if self.has_lost() || self.book.is_topic_subscribed(CHANNEL) {
            self.leave_session(out);
            return None;
        }
        self.stage = Stage::Subscribing;
        let from = self.book.subscribing(CHANNEL);
        self.send(Carrier::Commands);
        from
    }

    pub fn unsubscribe(&mut self) {
        self.stage = Stage::Unsubscribing;
        self.send(Carrier::Commands);
    }

    pub fn receive(&mut self, scope: &Scope, carrier: Carrier, id: Id, out: &mut Vec<Effect>) {
        // What comes after an unsubscribe stands among the events of the subscription, too.
        let follows = self.stage != Stage::Absent || self.book.is_subscribed(CHANNEL);
        if self.has_lost() || !follows {
            self.book.passed_over(CHANNEL, self.in_flight());
            // It was reported when the response was lost.
            out.extend(self.has_gap.then_some(Effect::Gap));
            return;
        }
        let mut takers: Vec<u32> = self.readers.iter().flatten().map(|reader| reader.subscription).collect();
        takers.sort_unstable();
        let event: &Arc<Message> = scope.event(id);
        let sequence = self.last_sequence + 1;
        let received = Received { event, sequence, subscriptions: &takers, holders: &takers, carrier };
        let new = self.book.receive(CHANNEL, &received, self.in_flight()).expect("it has a position");
        if !new.is_empty() {
            self.last_sequence = sequence;
        }
        for subscription in new {
            self.queue(subscription, id, out);
        }
    }

    /// A response has ended whole; `covers`: it is a poll that was sent when the channel was subscribed.
    pub fn end(&mut self, carrier: Carrier, covers: bool, out: &mut Vec<Effect>) {
        self.sent[carrier as usize] = None;
        self.book.response_ended(self.in_flight());
        if covers {
            let settled = self.book.all_came_again(self.in_flight());
            self.settle(settled, &Effect::Known, out);
        }
    }

    pub fn subscribed(&mut self) {
        self.stage = Stage::Present;
    }

    pub fn unsubscribed(&mut self) {
        self.stage = Stage::Absent;
        if !self.is_read() {
            self.book.release(CHANNEL);
        }
    }

    /// The server has not processed the request.
    pub fn not_processed(&mut self) {
        match self.stage {
            Stage::Subscribing => {
                self.book.not_subscribed(CHANNEL);
                self.stage = Stage::Absent;
            }
            Stage::Unsubscribing => self.stage = if self.is_read() { Stage::Absent } else { Stage::Present },
            Stage::Absent | Stage::Present => {}
        }
    }

    /// The server refuses the position. Returns whether an epoch begins.
    pub fn refused(&mut self) -> bool {
        self.book.not_subscribed(CHANNEL);
        self.stage = Stage::Absent;
        if !self.is_read() {
            return false;
        }
        let refused = self.book.position_refused(CHANNEL).expect("a position is refused once");
        for command in refused.commands {
            self.pending.retain(|pending| pending.command != command);
        }
        self.pending.clear();
        self.gone.clear();
        self.readers.iter_mut().flatten().for_each(|reader| reader.queue.clear());
        true
    }

    /// A response is lost: what it held comes in the next session.
    pub fn lose(&mut self, carrier: Carrier) {
        let sent = self.sent[carrier as usize].take();
        let lost = match carrier {
            Carrier::Poll => &mut self.lost.poll,
            Carrier::Commands => &mut self.lost.commands,
        };
        *lost = lost.or(sent);
        self.has_gap |= self.may_have_lost();
        if carrier == Carrier::Commands && matches!(self.stage, Stage::Subscribing | Stage::Unsubscribing) {
            self.stage = if self.is_read() { Stage::Absent } else { Stage::Present };
        }
    }

    /// Whether events may be missing after the next session has begun. With a position none are.
    fn may_have_lost(&mut self) -> bool {
        let lost = self.book.tracks(CHANNEL) && !self.book.restarts_without_loss(CHANNEL, self.in_flight());
        self.has_needless_gap |= lost && self.position().is_some();
        lost
    }

    pub fn leave_session(&mut self, out: &mut Vec<Effect>) {
        if self.has_gap || self.may_have_lost() {
            out.push(Effect::Gap);
        }
        self.book.restart(self.in_flight());
        (self.session, self.stage, self.sent) = (false, Stage::Absent, [None; 2]);
        (self.lost, self.has_gap) = (InFlight::default(), false);
    }

    // ---- The store.

    /// Calls the store as soon as it may.
    pub fn call_store(&mut self, is_saving: bool, out: &mut Vec<Effect>) {
        if !is_saving {
            self.now = self.book.wake().unwrap_or(self.now).max(self.now);
        }
        while let Some(call) = self.book.next_store_call(self.now) {
            let StoreCall::Save { request, position, .. } = call else { panic!("it is loaded once") };
            out.push(Effect::Save(request, id_of(&position)));
        }
    }

    pub fn saved(&mut self, request: u32, out: &mut Vec<Effect>) {
        assert!(self.book.is_saving(request));
        let settled = self.book.saved(request);
        self.settle(settled, &Effect::Saved, out);
    }

    /// The save has failed or, if it hangs, is given up; the next one is made as soon as that may be.
    pub fn save_failed(&mut self, request: u32, hangs: bool) {
        if hangs {
            self.now = self.book.wake().expect("the call expires");
            assert_eq!(self.book.overdue(self.now), Some(request));
        }
        let failed = self.book.store_failed(request, self.now, &Retry::default(), &mut Rng::new(1));
        assert!(failed.is_some() && !self.book.is_saving(request));
    }

    // ---- As bytes.

    pub fn encode(&self, out: &mut Vec<u8>) {
        let in_flight = self.in_flight();
        let open = [0, 1].map(|reader| self.readers[reader].as_ref());
        let subscriptions = open.map(|reader| reader.map_or(u32::MAX, |reader| reader.subscription));
        let event_of = |command| {
            let pending = self.pending.iter().find(|pending| pending.command == command);
            pending.map_or(0, |pending| pending.id)
        };
        self.book.encode(&subscriptions, in_flight, &event_of, self.now, out);
        out.extend([u8::from(self.session), self.stage as u8, self.snapshot.unwrap_or(0)]);
        out.extend(
            [self.sent[0], self.sent[1], self.lost.poll, self.lost.commands]
                .map(|sent| u8::from(sent.is_some())),
        );
        out.extend([self.poll_is_fresh(), self.has_gap].map(u8::from));
        for reader in open.into_iter().flatten() {
            let handed = |(sequence, _): &&(u32, Id)| *sequence <= reader.committed;
            out.push(reader.queue.iter().filter(handed).count() as u8);
            out.extend(reader.queue.iter().map(|(_, id)| *id));
            out.push(u8::MAX);
        }
        let mut gone: Vec<[u8; 2]> =
            self.gone.iter().map(|(number, _, id)| [(self.last_subscription - number) as u8, *id]).collect();
        gone.sort_unstable();
        out.extend(gone.into_iter().flatten());
        out.push(u8::MAX);
        // The order in which they joined.
        out.push(u8::from(subscriptions[0] < subscriptions[1]));
    }
}

pub fn position_of(id: Id) -> Position {
    Position { replay_id: id.to_string(), created_date: None }
}

pub fn id_of(position: &Position) -> Id {
    position.replay_id.parse().expect("a number")
}

fn number_of(event: &Message) -> Id {
    let text = event.replay_id().and_then(|range| event.raw().get(range));
    text.and_then(|text| text.parse().ok()).expect("a number")
}

/// After what a subscribe begins: an event, or none.
pub fn from(text: &str) -> Result<Id, Start> {
    match Start::parse(text) {
        Start::After(id) => Ok(id.parse().expect("a number")),
        start => Err(start),
    }
}
