//! R5, R5a: the calls to the replay store, and its answers.

use super::status::{GapCause, Status};
use super::{Error, Output, Session};
use crate::replay::book::{StoreCall, StoreOperation};
use crate::replay::{Position, Start};

impl Session {
    /// Loads positions that are needed, and saves new ones.
    pub(super) fn schedule_store(&mut self) {
        while let Some(call) = self.book.next_store_call(self.now) {
            self.emit(match call {
                StoreCall::Load { request, channel } => Output::Load { request, channel },
                StoreCall::Save { request, channel, position } => Output::Save { request, channel, position },
            });
        }
    }

    /// The store's answer to a load.
    pub(super) fn loaded(&mut self, request: u32, result: Result<Option<Position>, (&str, bool)>) {
        let Some((channel, start)) = self.book.loading(request) else { return };
        let (channel, start) = (channel.to_owned(), start.clone());
        let result = match result {
            Ok(Some(position)) if !position.makes_sense() => Err(("the position makes no sense", true)),
            result => result,
        };
        match result {
            Ok(stored) => {
                let before = self.position_before(&channel, &start, stored.is_some());
                self.book.loaded(request, stored, before);
                let released = self.channels.loaded(&channel);
                self.tell_released(released);
                if self.channels.is_delivering(&channel) && !self.book.is_subscribed(&channel) {
                    // The server has it without a position, for a subscription that is not tracked.
                    self.leave_for_replay();
                }
            }
            // The channel is not subscribed, so what the store holds is never overwritten (R5a).
            Err((problem, true)) => {
                self.book.load_invalid(request);
                let error = Error::StoreInvalid { channel: channel.clone(), problem: problem.to_owned() };
                self.refuse_channel(&channel, &error);
            }
            Err((problem, false)) => self.store_failed(request, problem),
        }
    }

    /// The store's answer to a save.
    pub(super) fn saved(&mut self, request: u32, problem: Option<&str>) {
        match problem {
            _ if !self.book.is_saving(request) => {}
            Some(problem) => self.store_failed(request, problem),
            None => {
                let commands = self.book.saved(request);
                self.settle_all(commands, None);
            }
        }
    }

    /// A failed call is reported and tried again; everything else goes on (R5).
    pub(super) fn store_failed(&mut self, request: u32, problem: &str) {
        let failed = self.book.store_failed(request, self.now, &self.config.retry, &mut self.rng);
        let Some(failure) = failed else { return };
        let operation = match failure.operation {
            StoreOperation::Load => "load",
            StoreOperation::Save => "save",
        };
        let channel = failure.channel;
        let error = Error::StoreFailed { channel: channel.clone(), problem: problem.to_owned() };
        self.report(Status::StoreFailed { channel, operation, error });
    }

    /// The position of a channel in the snapshot, where it continues if the store has none. With neither it is a gap if
    /// the channel had begun with new events (R7c).
    fn position_before(&mut self, channel: &str, start: &Start, is_stored: bool) -> Option<Position> {
        let before = self.predecessor.as_mut()?;
        let position = before.position(channel).cloned();
        let since_unix_ms = before.unix_ms();
        if before.take(channel).is_none() {
            return position;
        }
        self.losses.promise(channel);
        if position.is_none() && !is_stored && *start == Start::New {
            let (channel, cause) = (channel.to_owned(), GapCause::NoPosition);
            self.report(Status::Gap { channel, cause, after: None, since_unix_ms });
        }
        position
    }
}
