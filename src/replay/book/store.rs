//! R5, R5a: the calls to the store for a channel: one load before it is subscribed, then one save at a time, always of
//! the newest position.

use super::{Book, TrackedChannel};
use crate::Instant;
use crate::backoff::{Backoff, Retry, Rng};
use crate::replay::ledger::Ledger;
use crate::replay::position::{Position, Start};
use crate::steps::step;

/// How long the store may take to answer before it is called again (R5, R5a).
const STORE_MS: u64 = 10_000;

/// The store's knowledge of a channel.
pub(super) struct StoreState {
    load: Load,
    save: Option<Call>,
    /// The last version that the store has.
    saved: u32,
    save_at: Instant,
    backoff: Backoff,
}

#[derive(Clone, Copy)]
enum Load {
    /// To be asked for, at this instant at the earliest.
    Due(Instant),
    Asked(Call),
    Done,
}

/// A call of the store that has no answer yet.
#[derive(Clone, Copy)]
struct Call {
    request: u32,
    deadline: Instant,
    /// The version of the position, if it is a save.
    version: u32,
}

/// What to ask of the store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StoreCall {
    Load { request: u32, channel: String },
    Save { request: u32, channel: String, position: Position },
}

/// A call that has failed and will be made again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoreFailure {
    pub channel: String,
    pub operation: StoreOperation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreOperation {
    Load,
    Save,
}

impl Book {
    /// The next call to make; ask until there is none.
    pub fn next_store_call(&mut self, now: Instant) -> Option<StoreCall> {
        let is_due = |number: &u32| self.channels.get(*number).is_some_and(|tracked| tracked.is_due(now));
        let number = self.due(now).find(is_due)?;
        let request = self.last_call.wrapping_add(1);
        let call = self.update(number, |tracked| {
            let channel = tracked.ledger.channel().to_owned();
            let call = Call { request, deadline: now.after(STORE_MS), version: tracked.ledger.version() };
            if tracked.wanted && matches!(tracked.store.load, Load::Due(at) if at <= now) {
                tracked.store.load = Load::Asked(call);
                return Some(StoreCall::Load { request, channel });
            }
            let (_, position) = tracked.ledger.to_save()?;
            tracked.store.save = Some(call);
            Some(StoreCall::Save { request, channel, position: position.clone() })
        })??;
        self.last_call = request;
        self.calls.insert(request, number);
        Some(call)
    }

    /// The channel that a load was for, and where it starts without a position; `None` for a late answer.
    pub fn loading(&self, request: u32) -> Option<(&str, &Start)> {
        let tracked = self.channels.get(self.calls.get(request)?)?;
        let asked = matches!(tracked.store.load, Load::Asked(call) if call.request == request);
        asked.then(|| (tracked.ledger.channel(), tracked.ledger.start()))
    }

    /// The store has answered a load.
    pub fn loaded(&mut self, request: u32, position: Option<Position>) {
        let Some(number) = self.calls.remove(request) else { return };
        self.update(number, |tracked| {
            tracked.store.load = Load::Done;
            tracked.store.backoff.reset();
            tracked.ledger.loaded(position);
        });
    }

    /// What the store holds is no position: the channel is not subscribed, so that the store's text is never
    /// overwritten (R5a). Returns the channel.
    pub fn load_invalid(&mut self, request: u32) -> Option<String> {
        let number = self.calls.remove(request)?;
        self.remove(number).map(|tracked| tracked.ledger.channel().to_owned())
    }

    /// Whether this is a save that has no answer yet.
    pub fn is_saving(&self, request: u32) -> bool {
        let tracked = self.calls.get(request).and_then(|number| self.channels.get(number));
        tracked.is_some_and(|tracked| tracked.store.save.is_some_and(|call| call.request == request))
    }

    /// The store has made a save. Returns the commits that it settles.
    pub fn saved(&mut self, request: u32) -> Vec<u32> {
        let Some(number) = self.calls.remove(request) else { return Vec::new() };
        let commands = self.update(number, |tracked| {
            let version = tracked.store.save.take().map_or(0, |call| call.version);
            // The version may belong to an earlier epoch (R6).
            tracked.store.saved = tracked.store.saved.max(version);
            tracked.store.backoff.reset();
            tracked.ledger.take_waiters(Some(version))
        });
        commands.unwrap_or_default()
    }

    /// A call has failed: it is made again after a back-off (R5).
    pub fn store_failed(
        &mut self,
        request: u32,
        now: Instant,
        retry: &Retry,
        rng: &mut Rng,
    ) -> Option<StoreFailure> {
        let number = self.calls.remove(request)?;
        self.update(number, |tracked| {
            let store = &mut tracked.store;
            let at = now.after(store.backoff.next(now, 0, retry, rng));
            let operation = if matches!(store.load, Load::Asked(call) if call.request == request) {
                store.load = Load::Due(at);
                StoreOperation::Load
            } else {
                (store.save, store.save_at) = (None, at);
                StoreOperation::Save
            };
            StoreFailure { channel: tracked.ledger.channel().to_owned(), operation }
        })
    }

    /// A call that was not answered in time.
    pub fn overdue(&self, now: Instant) -> Option<u32> {
        self.due(now).find_map(|number| self.channels.get(number)?.store.overdue(now))
    }

    /// The channels whose calls are due, or have expired, by now.
    fn due(&self, now: Instant) -> impl Iterator<Item = u32> {
        let next = |(at, number): &(u64, u32)| self.wakes.next_behind(*at, *number);
        let places = core::iter::successors(self.wakes.first(), next);
        places.take_while(move |(at, _)| *at <= now.as_millis()).inspect(|_| step()).map(|(_, number)| number)
    }

    /// When the call of a channel is due, or expires.
    pub fn wake(&self) -> Option<Instant> {
        self.wakes.first().map(|(at, _)| Instant::from_millis(at))
    }

    /// Whether there is a position that the store does not have yet.
    pub fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Calls a store that has failed again now (S8).
    pub fn hurry(&mut self, now: Instant) {
        for number in self.channels.keys() {
            self.update(number, |tracked| {
                let store = &mut tracked.store;
                if let Load::Due(at) = &mut store.load {
                    store.backoff.hurry(now, at);
                }
                store.backoff.hurry(now, &mut store.save_at);
            });
        }
    }
}

impl TrackedChannel {
    /// Whether a call is to be made.
    fn is_due(&self, now: Instant) -> bool {
        let StoreState { load, save, save_at, .. } = &self.store;
        let load = self.wanted && matches!(load, Load::Due(at) if *at <= now);
        load || save.is_none() && !self.store.is_saved(&self.ledger) && *save_at <= now
    }
}

impl StoreState {
    /// The position of the channel is still to be loaded.
    pub fn new(now: Instant) -> Self {
        Self { load: Load::Due(now), save: None, saved: 0, save_at: now, backoff: Backoff::default() }
    }

    /// Whether the store has answered the load (R5a).
    pub fn is_loaded(&self) -> bool {
        matches!(self.load, Load::Done)
    }

    /// Whether the store has the newest position.
    pub fn is_saved(&self, ledger: &Ledger) -> bool {
        self.save.is_none() && self.saved >= ledger.version()
    }

    /// Positions up to this version need not be saved.
    pub fn skip_to(&mut self, version: u32) {
        self.saved = version;
    }

    /// The commits whose positions the store has.
    pub fn commands_saved(&self, ledger: &mut Ledger) -> Vec<u32> {
        if self.is_saved(ledger) { ledger.take_waiters(Some(self.saved)) } else { Vec::new() }
    }

    /// When a call is due, or expires.
    pub fn wake(&self, ledger: &Ledger, wanted: bool) -> Option<Instant> {
        let load = match self.load {
            Load::Due(at) => wanted.then_some(at),
            Load::Asked(call) => Some(call.deadline),
            Load::Done => None,
        };
        let save = match self.save {
            Some(call) => Some(call.deadline),
            None => (!self.is_saved(ledger)).then_some(self.save_at),
        };
        load.into_iter().chain(save).min()
    }

    fn overdue(&self, now: Instant) -> Option<u32> {
        let load = if let Load::Asked(call) = self.load { Some(call) } else { None };
        let mut late = load.into_iter().chain(self.save).filter(|call| call.deadline <= now);
        late.next().map(|call| call.request)
    }
}
