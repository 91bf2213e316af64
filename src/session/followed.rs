//! R2, R5, R6: the channels that are followed by replay, and what is kept of them in the store.

use super::backoff::Backoff;
use super::io::Follow;
use super::subscriptions::Remote;
use super::{ApiMisuse, Error, GapCause, Output, Session, Status};
use crate::Instant;
use crate::bayeux::channel::{Pattern, topic};
use crate::bayeux::failure::Failure;
use crate::replay::{Commit, Ledger, OnInvalid, Position, Start};

/// A store that has not answered by then is asked anew (R5, R5a).
const STORE_MS: u64 = 10_000;

/// A channel that is followed: kept for the life of the client, for its position outlives its subscriptions.
pub(super) struct Followed {
    pub ledger: Ledger,
    load: Load,
    save: Option<Call>,
    /// The last version that the store has.
    saved: u32,
    save_at: Instant,
    backoff: Backoff,
}

#[derive(Clone, Copy)]
#[repr(u32)]
enum Load {
    /// To be asked for, not before this.
    Due(Instant),
    Asked(Call),
    Done,
}

/// A call of the store that has no answer yet.
#[derive(Clone, Copy)]
struct Call {
    request: u32,
    deadline: Instant,
    /// Of the position, where it is a save.
    version: u32,
}

impl Followed {
    /// Has the store been heard (R5a)?
    pub fn is_loaded(&self) -> bool {
        matches!(self.load, Load::Done)
    }

    fn is_saved(&self) -> bool {
        self.save.is_none() && self.saved >= self.ledger.version()
    }
}

impl Session {
    /// Can these channels be followed in this way (R2, R2a, R3a)?
    pub(super) fn check_follow(&self, channels: &[String], follow: &Follow<'_>) -> Result<(), ApiMisuse> {
        for (index, channel) in channels.iter().enumerate() {
            // What is no channel is said by others.
            let Ok(pattern) = Pattern::parse(channel) else { continue };
            let start = follow.start(index);
            if pattern.is_glob() && start != Start::New {
                return Err(ApiMisuse::GlobWithPosition(channel.clone()));
            }
            if pattern.is_glob() || pattern.is_service() {
                continue;
            }
            let beside = channels.iter().any(|other| other != channel && topic(other) == topic(channel));
            let wired = self.subscriptions.wires.iter().map(|wire| wire.pattern.as_str());
            let mut open = wired.filter(|other| topic(other) == topic(channel));
            if beside || open.any(|other| other != channel && self.subscriptions.wants(other)) {
                return Err(ApiMisuse::TwoFilters(channel.clone()));
            }
            if self.subscriptions.wants(channel)
                && let Some(known) = self.followed(channel)
                && (known.ledger.commit != follow.commit || *known.ledger.start() != start)
            {
                return Err(ApiMisuse::OtherConditions(channel.clone()));
            }
        }
        Ok(())
    }

    /// A subscription that follows its channels has been added to the table.
    pub(super) fn follow(&mut self, subscription: u32, channels: &[String], follow: &Follow<'_>) {
        for (index, channel) in channels.iter().enumerate() {
            let Ok(pattern) = Pattern::parse(channel) else { continue };
            if pattern.is_glob() || pattern.is_service() {
                continue;
            }
            let start = follow.start(index);
            let mut others = self.subscriptions.holders(channel);
            others.retain(|number| *number != subscription);
            let Some(known) = self.followed.iter_mut().find(|one| one.ledger.channel() == channel) else {
                self.followed.push(Followed {
                    ledger: Ledger::new(channel, start, follow.commit, follow.on_invalid),
                    load: Load::Due(self.now),
                    save: None,
                    saved: 0,
                    save_at: self.now,
                    backoff: Backoff::default(),
                });
                continue;
            };
            if others.is_empty() {
                known.ledger.conditions(start, follow.commit, follow.on_invalid);
            }
            // What was received since the last committed position has to come again for the new one (R7b).
            if known.ledger.subscription_added(&others)
                && let Some(wire) = self.subscriptions.wire(channel)
            {
                wire.again = matches!(wire.remote, Remote::Present | Remote::Subscribing);
            }
        }
    }

    /// A subscription has gone (R3a).
    pub(super) fn unfollow(&mut self, subscription: u32, handed: u32) {
        for index in 0..self.followed.len() {
            let Some(known) = self.followed.get(index) else { return };
            let open = self.subscriptions.holders(known.ledger.channel());
            if let Some(known) = self.followed.get_mut(index) {
                known.ledger.subscription_removed(subscription, handed, &open);
            }
        }
    }

    pub(super) fn followed(&self, channel: &str) -> Option<&Followed> {
        self.followed.iter().find(|one| one.ledger.channel() == channel)
    }

    pub(super) fn followed_mut(&mut self, channel: &str) -> Option<&mut Followed> {
        self.followed.iter_mut().find(|one| one.ledger.channel() == channel)
    }

    /// Does replay bring again what gets lost (R7)? With the acknowledgement extension the server itself does.
    pub(super) fn replays(&self) -> bool {
        !self.polling.acknowledges()
            && self.followed.iter().any(|one| self.subscriptions.wants(one.ledger.channel()))
    }

    /// Will positions be followed at all?
    pub(super) fn replay_wanted(&self) -> bool {
        self.config.replay
    }

    /// The session is gone: the next subscribes begin at the last certain positions.
    pub(super) fn restart_followed(&mut self) {
        for one in &mut self.followed {
            one.ledger.restart();
        }
    }

    /// The application was handed events up to this one, or is done with them (R3).
    pub(super) fn progress(&mut self, subscription: u32, sequence: u32, done: bool) {
        let mode = if done { Commit::Processed } else { Commit::Delivered };
        for one in self.followed.iter_mut().filter(|one| one.ledger.commit == mode) {
            one.ledger.processed(subscription, sequence, true);
        }
    }

    /// `event.commit()`.
    pub(super) fn commit(&mut self, command: u32, subscriptions: &[u32], sequence: u32) {
        let Some(one) = self.followed.iter_mut().find(|one| one.ledger.gave_out(sequence)) else {
            // It has been saved long ago, or belongs to an epoch that is over.
            return self.settle(command, Ok(Vec::new()));
        };
        one.ledger.wait_for(command, sequence);
        for subscription in subscriptions {
            one.ledger.processed(*subscription, sequence, false);
        }
        if one.is_saved() {
            let commands = one.ledger.take_waiters(Some(one.saved));
            self.settle_commits(commands, None);
        }
    }

    pub(super) fn settle_commits(&mut self, commands: Vec<u32>, error: Option<&Error>) {
        for command in commands {
            self.settle(command, error.map_or_else(|| Ok(Vec::new()), |error| Err(error.clone())));
        }
    }

    /// Asks the store for what is needed, and gives it what is new.
    pub(super) fn schedule_store(&mut self) {
        if self.is_closed() {
            return;
        }
        for index in 0..self.followed.len() {
            let Some(one) = self.followed.get(index) else { return };
            let channel = one.ledger.channel().to_owned();
            let wanted = self.subscriptions.wants(&channel);
            let request = self.next_store.wrapping_add(1);
            let mut call = Call { request, deadline: self.now.after(STORE_MS), version: 0 };
            let now = self.now;
            let Some(one) = self.followed.get_mut(index) else { return };
            if wanted && matches!(one.load, Load::Due(at) if at <= now) {
                one.load = Load::Asked(call);
                self.next_store = request;
                self.emit(Output::Load { request, channel });
            } else if one.save.is_none()
                && one.save_at <= now
                && let Some((version, position)) =
                    one.ledger.to_save().filter(|(version, _)| *version > one.saved)
            {
                let position = position.clone();
                call.version = version;
                one.save = Some(call);
                self.next_store = request;
                self.emit(Output::Save { request, channel, position });
            }
        }
    }

    pub(super) fn store_wake(&self) -> Instant {
        let mut wake = Instant::NEVER;
        for one in &self.followed {
            match one.load {
                Load::Due(at) if self.subscriptions.wants(one.ledger.channel()) => wake.pull_to(at),
                Load::Asked(call) => wake.pull_to(call.deadline),
                _ => {}
            }
            match one.save {
                Some(call) => wake.pull_to(call.deadline),
                None if !one.is_saved() => wake.pull_to(one.save_at),
                None => {}
            }
        }
        wake
    }

    pub(super) fn expire_store(&mut self) {
        for index in 0..self.followed.len() {
            let Some(one) = self.followed.get(index) else { return };
            let load = matches!(one.load, Load::Asked(call) if call.deadline <= self.now);
            let save = one.save.is_some_and(|call| call.deadline <= self.now);
            for (late, load) in [(load, true), (save, false)] {
                if late {
                    self.store_failed(index, load, "no answer within 10 s");
                }
            }
        }
    }

    /// The store's answer to a load.
    pub(super) fn loaded(&mut self, request: u32, result: Result<Option<Position>, (&str, bool)>) {
        let asked = |one: &Followed| matches!(one.load, Load::Asked(call) if call.request == request);
        let Some(index) = self.followed.iter().position(asked) else { return };
        let result = match result {
            Ok(Some(position)) if !position.makes_sense() => Err(("the position makes no sense", true)),
            result => result,
        };
        match result {
            Ok(stored) => {
                let Some(one) = self.followed.get(index) else { return };
                let (channel, start) = (one.ledger.channel().to_owned(), one.ledger.start().clone());
                let position = self.resumed_position(&channel, &start, stored);
                if let Some(one) = self.followed.get_mut(index) {
                    one.load = Load::Done;
                    one.backoff.reset();
                    one.ledger.loaded(position);
                }
            }
            // Not subscribed, and so never overwritten (R5a).
            Err((problem, true)) => {
                let one = self.followed.remove(index);
                let channel = one.ledger.channel().to_owned();
                let error = Error::StoreInvalid { channel: channel.clone(), problem: problem.to_owned() };
                self.subscriptions.refused(&channel, &error);
                self.apply();
            }
            Err((problem, false)) => self.store_failed(index, true, problem),
        }
    }

    /// The store's answer to a save.
    pub(super) fn saved(&mut self, request: u32, problem: Option<&str>) {
        let asked = |one: &Followed| one.save.is_some_and(|call| call.request == request);
        let Some(index) = self.followed.iter().position(asked) else { return };
        if let Some(problem) = problem {
            return self.store_failed(index, false, problem);
        }
        let Some(one) = self.followed.get_mut(index) else { return };
        let Some(call) = one.save.take() else { return };
        // It may be one of an epoch that is over (R6).
        one.saved = one.saved.max(call.version);
        one.backoff.reset();
        let commands = one.ledger.take_waiters(Some(call.version));
        self.settle_commits(commands, None);
    }

    /// Reported, tried again, and in nobody's way (R5).
    fn store_failed(&mut self, index: usize, load: bool, problem: &str) {
        let Some(one) = self.followed.get_mut(index) else { return };
        let at = self.now.after(one.backoff.next(self.now, 0, &self.config.retry, &mut self.rng));
        if load {
            one.load = Load::Due(at);
        } else {
            (one.save, one.save_at) = (None, at);
        }
        let channel = one.ledger.channel().to_owned();
        let error = Error::StoreFailed { channel: channel.clone(), problem: problem.to_owned() };
        let operation = if load { "load" } else { "save" };
        self.report(Status::StoreFailed { channel, operation, error });
    }

    /// Asks a store that has failed now (S8).
    pub(super) fn hurry_store(&mut self) {
        for one in &mut self.followed {
            if let Load::Due(at) = &mut one.load {
                one.backoff.hurry(self.now, at);
            }
            one.backoff.hurry(self.now, &mut one.save_at);
        }
    }

    /// Is there a position that the store does not have yet?
    pub(super) fn has_unsaved(&self) -> bool {
        self.followed.iter().any(|one| !one.is_saved())
    }

    /// The server says that the position is not valid (R6). Gives the failure back where that is final.
    pub(super) fn position_refused(&mut self, channel: &str, failure: Failure) -> Result<(), Failure> {
        let retry_at = self.now;
        let Some(one) = self.followed_mut(channel) else { return Err(failure) };
        let start = match one.ledger.on_invalid {
            OnInvalid::All => Start::All,
            OnInvalid::New => Start::New,
            OnInvalid::Fail => return Err(failure),
        };
        let after = one.ledger.resume_from().to_owned();
        // The fallback itself was refused.
        if after == "-1" || after == "-2" {
            return Err(failure);
        }
        let commands = one.ledger.refused(start);
        // What the old epoch still had to save is of no use to anybody.
        one.saved = one.ledger.version();
        let error = Error::SubscribeRefused { channel: channel.to_owned(), failure };
        self.settle_commits(commands, Some(&error));
        let since_unix_ms = self.refused_since(channel, &after);
        let (channel, after) = (channel.to_owned(), Some(after));
        self.subscriptions.undo(&channel, retry_at);
        self.apply();
        // An earlier loss was none, as long as there was a position.
        self.subscriptions.begin_anew(&channel);
        self.report(Status::Gap { channel, cause: GapCause::PositionInvalid, after, since_unix_ms });
        Ok(())
    }
}
