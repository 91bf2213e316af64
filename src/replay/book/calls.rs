//! R5, R5a: the calls to the store, for all tracked channels.

use super::Book;
use super::store::{StoreCall, StoreFailure};
use crate::Instant;
use crate::backoff::{Retry, Rng};
use crate::ordered::Agenda;
use crate::replay::position::{Position, Start};

impl Book {
    /// The next call to make; ask until there is none.
    pub fn next_store_call(&mut self, now: Instant) -> Option<StoreCall> {
        let number = first_by(&self.calls_due, now)?;
        let request = self.last_call.wrapping_add(1);
        let call = self
            .update(number, |tracked| tracked.store.call(request, &tracked.ledger, tracked.wanted, now))??;
        self.last_call = request;
        self.calls.insert(request, number);
        Some(call)
    }

    /// The channel that a load was for, and where it starts without a position; `None` for a late answer.
    pub fn loading(&self, request: u32) -> Option<(&str, &Start)> {
        let tracked = self.channels.get(self.calls.get(request)?)?;
        tracked.store.is_loading(request).then(|| (tracked.ledger.channel(), tracked.ledger.start()))
    }

    /// The store has answered a load. If it has no position, the channel goes on at `otherwise`, which the store is then
    /// to have.
    pub fn loaded(&mut self, request: u32, stored: Option<Position>, otherwise: Option<Position>) {
        let Some(number) = self.calls.remove(request) else { return };
        self.update(number, |tracked| {
            tracked.store.loaded();
            let is_stored = stored.is_some();
            if let Some(position) = stored.or(otherwise) {
                tracked.ledger.begin_at(position, is_stored);
            }
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
        tracked.is_some_and(|tracked| tracked.store.is_saving(request))
    }

    /// The store has made a save. Returns the commits that it settles.
    pub fn saved(&mut self, request: u32) -> Vec<u32> {
        let Some(number) = self.calls.remove(request) else { return Vec::new() };
        let commands = self.update(number, |tracked| {
            let version = tracked.store.saved();
            tracked.ledger.take_waiters(version)
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
            let operation = tracked.store.failed(request, now, retry, rng);
            StoreFailure { channel: tracked.ledger.channel().to_owned(), operation }
        })
    }

    /// A call that was not answered in time.
    pub fn overdue(&self, now: Instant) -> Option<u32> {
        let number = first_by(&self.calls_open, now)?;
        self.channels.get(number)?.store.overdue(now)
    }

    /// When the call of a channel is due, or expires.
    pub fn wake(&self) -> Option<Instant> {
        let first = |agenda: &Agenda| agenda.first().map(|(at, _)| Instant::from_millis(at));
        first(&self.calls_due).into_iter().chain(first(&self.calls_open)).min()
    }

    /// Whether there is a position that the store does not have yet.
    pub fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Calls a store that has failed again now (S8).
    pub fn hurry(&mut self, now: Instant) {
        for number in self.channels.keys() {
            self.update(number, |tracked| tracked.store.hurry(now));
        }
    }
}

/// The first channel of an agenda, if its time has come.
fn first_by(agenda: &Agenda, now: Instant) -> Option<u32> {
    agenda.first().filter(|(at, _)| *at <= now.as_millis()).map(|(_, number)| number)
}
