//! R5, R5a: what the store knows of a channel: it is loaded once before it is subscribed, then saved once at a time, always
//! with the newest position.

use crate::Instant;
use crate::backoff::{Backoff, Retry, Rng};
use crate::replay::ledger::Ledger;
use crate::replay::position::Position;

/// How long the store may take to answer before it is called again (R5, R5a).
const STORE_MS: u64 = 10_000;

/// The store's knowledge of a channel.
#[cfg_attr(test, derive(Clone))]
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

impl StoreState {
    /// The position of the channel is still to be loaded.
    pub fn new(now: Instant) -> Self {
        Self { load: Load::Due(now), save: None, saved: 0, save_at: now, backoff: Backoff::default() }
    }

    /// Makes the call that is due.
    pub fn call(&mut self, request: u32, ledger: &Ledger, wanted: bool, now: Instant) -> Option<StoreCall> {
        let channel = ledger.channel().to_owned();
        let call = Call { request, deadline: now.after(STORE_MS), version: ledger.version() };
        if self.is_load_due(wanted, now) {
            self.load = Load::Asked(call);
            return Some(StoreCall::Load { request, channel });
        }
        let (_, position) = ledger.to_save()?;
        self.save = Some(call);
        Some(StoreCall::Save { request, channel, position })
    }

    /// Whether this is a load that has no answer yet.
    pub fn is_loading(&self, request: u32) -> bool {
        matches!(self.load, Load::Asked(call) if call.request == request)
    }

    /// Whether this is a save that has no answer yet.
    pub fn is_saving(&self, request: u32) -> bool {
        self.save.is_some_and(|call| call.request == request)
    }

    /// The load has its answer.
    pub fn loaded(&mut self) {
        self.load = Load::Done;
        self.backoff.reset();
    }

    /// The save has succeeded. Returns the version of the position.
    pub fn saved(&mut self) -> u32 {
        let version = self.save.take().map_or(0, |call| call.version);
        // The version may belong to an earlier epoch (R6).
        self.saved = self.saved.max(version);
        self.backoff.reset();
        version
    }

    /// A call has failed: it is made again after a back-off.
    pub fn failed(&mut self, request: u32, now: Instant, retry: &Retry, rng: &mut Rng) -> StoreOperation {
        let at = now.after(self.backoff.next(now, 0, retry, rng));
        if self.is_loading(request) {
            self.load = Load::Due(at);
            return StoreOperation::Load;
        }
        (self.save, self.save_at) = (None, at);
        StoreOperation::Save
    }

    /// Calls a store that has failed again now (S8).
    pub fn hurry(&mut self, now: Instant) {
        if let Load::Due(at) = &mut self.load {
            self.backoff.hurry(now, at);
        }
        self.backoff.hurry(now, &mut self.save_at);
    }

    fn is_load_due(&self, wanted: bool, now: Instant) -> bool {
        wanted && matches!(self.load, Load::Due(at) if at <= now)
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
        if self.is_saved(ledger) { ledger.take_waiters(self.saved) } else { Vec::new() }
    }

    /// When the next call is to be made.
    pub fn next_call_at(&self, ledger: &Ledger, wanted: bool) -> Option<Instant> {
        let load = if let Load::Due(at) = self.load { Some(at).filter(|_| wanted) } else { None };
        let save = (self.save.is_none() && !self.is_saved(ledger)).then_some(self.save_at);
        load.into_iter().chain(save).min()
    }

    /// When a call expires that has no answer yet.
    pub fn expires_at(&self) -> Option<Instant> {
        let load = if let Load::Asked(call) = self.load { Some(call) } else { None };
        load.into_iter().chain(self.save).map(|call| call.deadline).min()
    }

    pub fn overdue(&self, now: Instant) -> Option<u32> {
        let load = if let Load::Asked(call) = self.load { Some(call) } else { None };
        let mut late = load.into_iter().chain(self.save).filter(|call| call.deadline <= now);
        late.next().map(|call| call.request)
    }

    /// What it knows, as bytes; versions relative to the last that the store has, which it returns.
    #[cfg(test)]
    pub fn encode(&self, ledger: &Ledger, now: Instant, out: &mut Vec<u8>) -> u32 {
        let load = match self.load {
            Load::Due(at) => u8::from(at <= now),
            Load::Asked(_) => 2,
            Load::Done => 3,
        };
        let save = self.save.map_or(u8::MAX, |call| call.version.wrapping_sub(self.saved) as u8);
        out.extend([load, save, u8::from(self.save_at <= now), u8::from(self.is_saved(ledger))]);
        self.saved
    }
}
