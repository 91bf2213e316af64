//! The subscriptions at the server: one entry for each channel that the application wants or that the server still
//! delivers.
//!
//! What remains to be sent is the difference between what the application wants and what the server knows. A lost
//! session, a lost response and a change of mind are therefore all handled by correcting entries.

mod due;
mod entry;
#[cfg(test)]
mod tests;

pub(super) use self::due::{Action, Place};
use self::due::{Due, Need};
pub(super) use self::entry::Tracking;
use self::entry::{Missing, Remote, ServerSubscription};
use crate::Instant;
use crate::backoff::{Backoff, Retry, Rng};
use crate::bayeux::channel::Pattern;
use crate::bayeux::failure::Failure;
use crate::bayeux::pattern_map::PatternMap;
use crate::ordered::{NumberMap, Numbers};
use crate::steps::step;

/// How many times a subscribe is sent whose reply is missing from a complete body.
const MAX_UNANSWERED: u8 = 3;

/// The subscriptions of this client at the server.
#[derive(Default)]
pub(super) struct Channels {
    entries: NumberMap<ServerSubscription>,
    names: PatternMap<u32>,
    last_entry: u32,
    due: Due,
    /// Channels that the server does not deliver.
    unsettled: usize,
    /// Those of them that are subscribed from a position.
    unsettled_tracked: usize,
    /// Globs that the server has stopped delivering, since the last poll ended and since the one before it.
    left_globs: [Vec<Pattern>; 2],
    /// Channels whose refusal the application is asked about, by the number of the question.
    questions: NumberMap<Question>,
    last_question: u32,
    /// The `unsubscribe()` calls that wait for the server, and the number of channels that each waits for.
    unsubscribing: Numbers,
}

struct Question {
    entry: u32,
    deadline: Instant,
    failure: Failure,
}

/// A refusal that the application has decided about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub channel: String,
    pub failure: Failure,
}

/// The next attempt to subscribe a channel that was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Refusals in a row.
    pub refusals: u32,
    pub delay_ms: u64,
}

/// What a change of the entries releases.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub(super) struct Released {
    /// The `unsubscribe()` calls that need not wait any longer.
    pub commands: Vec<u32>,
    /// Channels that nobody wants and the server does not know: their entries have been removed.
    pub dropped: Vec<String>,
}

impl Channels {
    /// A subscription of the application wants this channel; `promised`: the server has accepted it before. Returns
    /// `true` if the server delivers it already.
    pub fn want(
        &mut self,
        pattern: &Pattern,
        promised: bool,
        tracking: Tracking,
        order: u32,
        now: Instant,
    ) -> (bool, Released) {
        // [bayeux] Servers need not record subscriptions to /service/*.
        let local = pattern.is_service();
        let entry = match self.names.get(pattern.as_str()) {
            Some(entry) => *entry,
            None => self.add(pattern, local, order, now),
        };
        let mut accepted = false;
        let released = self.update(entry, |entry| {
            entry.wanted += 1;
            entry.tracking = tracking;
            accepted = local || entry.remote == Remote::Present && promised;
            if entry.remote == Remote::Present && !accepted {
                // The reply to an unsubscribe was lost: only a subscribe leaves no doubt.
                entry.remote = Remote::Absent;
            }
        });
        (accepted, released)
    }

    /// A subscription of the application leaves these channels; `command` settles once the server has stopped
    /// delivering each of them, or another subscription wants it. Tracked channels stay subscribed until `linger_until`,
    /// if that is given, and are not waited for.
    pub fn leave<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        command: u32,
        order: u32,
        linger_until: Option<Instant>,
    ) -> Released {
        let mut released = Released::default();
        // One more, so that it does not settle before all channels have been looked at.
        self.unsubscribing.insert(command, 1);
        for name in names {
            let Some(entry) = self.names.get(name).copied() else { continue };
            let known = self.entries.get(entry).filter(|entry| !entry.is_unknown_to_server());
            let tracked = known.is_some_and(|entry| entry.tracking != Tracking::Untracked);
            let lingers = linger_until.filter(|_| tracked);
            let waits = known.is_some() && lingers.is_none();
            if waits {
                let channels = self.unsubscribing.get(command).unwrap_or(0);
                self.unsubscribing.insert(command, channels + 1);
            }
            released.add(self.update(entry, |entry| {
                entry.wanted = entry.wanted.saturating_sub(1);
                entry.stays_until = lingers.unwrap_or_default();
                if waits {
                    entry.order = order;
                    entry.waiters.push(command);
                }
            }));
        }
        self.release(command, &mut released);
        released
    }

    /// The channel has failed, so nobody wants it any more.
    pub fn abandon(&mut self, name: &str) -> Released {
        self.change(name, |entry| entry.wanted = 0)
    }

    /// No server answers for now, so no call waits for an unsubscribe to be confirmed.
    pub fn release_all(&mut self) -> Released {
        Released { commands: core::mem::take(&mut self.unsubscribing).keys(), dropped: Vec::new() }
    }

    /// The client is over: no channel is wanted, and no call waits.
    pub fn clear(&mut self) -> Released {
        let released = self.release_all();
        *self = Self::default();
        released
    }

    /// A subscribe goes out.
    pub fn subscribing(&mut self, name: &str) -> Released {
        self.change(name, |entry| entry.remote = Remote::Subscribing)
    }

    /// An unsubscribe goes out.
    pub fn unsubscribing(&mut self, name: &str) -> Released {
        self.change(name, |entry| entry.remote = Remote::Unsubscribing)
    }

    /// The server has accepted the channel.
    pub fn accepted(&mut self, name: &str) -> Released {
        self.change(name, |entry| {
            entry.remote = Remote::Present;
            (entry.unknown_in, entry.unanswered) = (None, 0);
            entry.backoff.reset();
        })
    }

    /// The server has refused a subscribe, or answered an unsubscribe: either way it does not deliver the channel.
    pub fn absent(&mut self, name: &str) -> Released {
        self.change(name, |entry| entry.remote = Remote::Absent)
    }

    /// A request with this channel failed on the way, so whether the server has processed it is unknown: what is wanted
    /// now is sent, be it a subscribe (R7) or an unsubscribe.
    pub fn undo(&mut self, name: &str, retry_at: Instant) -> Released {
        self.change(name, |entry| {
            if matches!(entry.remote, Remote::Subscribing | Remote::Unsubscribing) {
                entry.remote = if entry.wanted > 0 { Remote::Absent } else { Remote::Present };
                entry.retry_at = retry_at;
            }
        })
    }

    /// The session is gone, and with it all that the server knew (S9).
    pub fn session_lost(&mut self, now: Instant) -> Released {
        self.left_globs = Default::default();
        let mut released = Released::default();
        for entry in self.entries.keys() {
            released.add(self.update(entry, |entry| {
                if entry.remote != Remote::Local {
                    (entry.remote, entry.retry_at) = (Remote::Absent, now);
                }
            }));
        }
        released
    }

    /// The store has answered the load of the channel's position (R5a).
    pub fn loaded(&mut self, name: &str) -> Released {
        self.change(name, |entry| entry.tracking = Tracking::Loaded)
    }

    /// The reply to a subscribe was missing from a complete body. Returns `true` if that has happened too often.
    pub fn unanswered(&mut self, name: &str) -> bool {
        let entry = self.names.get(name).and_then(|entry| self.entries.get_mut(*entry));
        entry.is_some_and(|entry| {
            entry.unanswered = entry.unanswered.saturating_add(1);
            entry.unanswered >= MAX_UNANSWERED
        })
    }

    /// The server refused the channel because it does not know the client of this session (S5). Returns whether this is
    /// the first such session since the server accepted the channel.
    pub fn first_unknown(&mut self, name: &str, epoch: u32) -> bool {
        let entry = self.names.get(name).and_then(|entry| self.entries.get_mut(*entry));
        entry.is_some_and(|entry| *entry.unknown_in.get_or_insert(epoch) == epoch)
    }

    /// The application is asked what to do about a refusal. Returns the number of the question.
    pub fn ask(&mut self, name: &str, failure: Failure, now: Instant, within_ms: u64) -> (u32, Released) {
        self.last_question = self.last_question.wrapping_add(1);
        if let Some(entry) = self.names.get(name).copied() {
            let question = Question { entry, deadline: now.after(within_ms), failure };
            self.questions.insert(self.last_question, question);
        }
        let released = self.change(name, |entry| entry.asked = true);
        let mut undone = self.undo(name, now);
        undone.add(released);
        (self.last_question, undone)
    }

    /// The application has decided, or its time to do so is over.
    pub fn decided(&mut self, question: u32) -> (Option<Decided>, Released) {
        let Some(question) = self.questions.remove(question) else {
            return (None, Released::default());
        };
        let Question { entry, failure, .. } = *question;
        let released = self.update(entry, |entry| entry.asked = false);
        let channel = self.entries.get(entry).map(|entry| entry.pattern.as_str().to_owned());
        (channel.map(|channel| Decided { channel, failure }), released)
    }

    /// The oldest question, and when the default applies to it.
    pub fn oldest_question(&self) -> Option<(u32, Instant)> {
        self.questions.first().map(|(number, question)| (number, question.deadline))
    }

    /// Counts a refusal that is tried again.
    pub fn refused(
        &mut self,
        name: &str,
        now: Instant,
        at_least_ms: u64,
        retry: &Retry,
        rng: &mut Rng,
    ) -> Option<Attempt> {
        let entry = self.entries.get_mut(*self.names.get(name)?)?;
        let delay_ms = entry.backoff.next(now, at_least_ms, retry, rng);
        Some(Attempt { refusals: entry.backoff.attempts(), delay_ms })
    }

    /// The channel is subscribed again at this instant.
    pub fn retry(&mut self, name: &str, at: Instant) -> Released {
        let mut released = self.change(name, |entry| entry.retry_at = at);
        released.add(self.undo(name, at));
        released
    }

    /// The application wants the next attempts now (S8); those that also depend on a request wait for the instant of
    /// `earliest`.
    pub fn hurry(&mut self, now: Instant, mut earliest: impl FnMut(Instant) -> Instant) -> Released {
        let mut released = Released::default();
        for entry in self.entries.keys() {
            released.add(self.update(entry, |entry| {
                let at = earliest(entry.retry_at);
                entry.backoff.hurry(now, &mut entry.retry_at);
                entry.retry_at = entry.retry_at.max(at);
            }));
        }
        released
    }

    /// Makes the channels due that have waited until now.
    pub fn advance(&mut self, now: Instant) {
        for entry in self.due.advance(now) {
            let released = self.update(entry, |_| ());
            debug_assert_eq!(released, Released::default(), "time alone sets nothing free");
        }
    }

    /// The next channel after `last` that needs a subscribe or an unsubscribe.
    pub fn next_action(&self, last: Option<Place>, subscribe: bool) -> Option<(Place, Action<'_>)> {
        let (place, need) = self.due.next(last, subscribe)?;
        let name = self.entries.get(place.entry())?.pattern.as_str();
        Some((
            place,
            match need {
                Need::Unsubscribe => Action::Unsubscribe(name),
                Need::Subscribe | Need::Replay => Action::Subscribe(name),
            },
        ))
    }

    /// When the next waiting channel is due.
    pub fn next_retry(&self) -> Option<Instant> {
        self.due.next_retry()
    }

    /// Whether a channel is to be subscribed from its position and waits only for its request.
    pub fn replay_is_due(&self) -> bool {
        self.due.replay_is_due()
    }

    /// Whether the server delivers every wanted channel.
    pub fn all_present(&self) -> bool {
        self.unsettled == 0
    }

    /// Whether the server delivers this channel, or need not know of it.
    pub fn is_delivered(&self, name: &str) -> bool {
        self.get(name).is_some_and(|entry| matches!(entry.remote, Remote::Present | Remote::Local))
    }

    /// Whether events of this channel may come by its own subscription.
    pub fn is_delivering(&self, name: &str) -> bool {
        let is = |entry: &ServerSubscription| !matches!(entry.remote, Remote::Absent | Remote::Local);
        self.get(name).is_some_and(is)
    }

    /// Whether events of this channel may come by a glob that the server has, or had until lately.
    pub fn comes_by_glob(&self, name: &str) -> bool {
        let is = |entry: &ServerSubscription| entry.pattern.is_glob() && !entry.is_unknown_to_server();
        let has = self.names.matching(name).any(|entry| self.entries.get(*entry).is_some_and(is));
        has || self.left_globs.iter().flatten().any(|glob| glob.matches(name))
    }

    /// Whether a glob is subscribed later, since channels that are subscribed from a position come first: the server must
    /// not deliver their events before.
    pub fn waits_for_others(&self, name: &str) -> bool {
        self.unsettled_tracked > 0 && self.get(name).is_some_and(|entry| entry.pattern.is_glob())
    }

    /// A poll has ended: what the server had sent before the one before it has come.
    pub fn poll_ended(&mut self) {
        self.left_globs[1] = core::mem::take(&mut self.left_globs[0]);
    }

    fn get(&self, name: &str) -> Option<&ServerSubscription> {
        self.entries.get(*self.names.get(name)?)
    }

    fn add(&mut self, pattern: &Pattern, local: bool, order: u32, now: Instant) -> u32 {
        self.last_entry += 1;
        let entry = ServerSubscription {
            pattern: pattern.clone(),
            remote: if local { Remote::Local } else { Remote::Absent },
            wanted: 0,
            order,
            tracking: Tracking::Untracked,
            retry_at: now,
            stays_until: Instant::default(),
            unanswered: 0,
            backoff: Backoff::default(),
            asked: false,
            unknown_in: None,
            waiters: Vec::new(),
            counted: Missing::No,
        };
        self.entries.insert(self.last_entry, entry);
        self.names.insert(pattern, self.last_entry);
        self.last_entry
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut ServerSubscription)) -> Released {
        match self.names.get(name).copied() {
            Some(entry) => self.update(entry, change),
            None => Released::default(),
        }
    }

    /// Applies a change to an entry; every change goes through here.
    fn update(&mut self, number: u32, change: impl FnOnce(&mut ServerSubscription)) -> Released {
        if let Some(entry) = self.entries.get_mut(number) {
            change(entry);
        }
        self.reindex(number)
    }

    /// Updates the indexes after a change of an entry, and returns what it releases.
    #[inline(never)]
    fn reindex(&mut self, number: u32) -> Released {
        step();
        let mut released = Released::default();
        let Some(entry) = self.entries.get_mut(number) else { return released };
        let now = entry.missing();
        let before = core::mem::replace(&mut entry.counted, now);
        self.unsettled =
            self.unsettled + usize::from(now != Missing::No) - usize::from(before != Missing::No);
        self.unsettled_tracked = self.unsettled_tracked + usize::from(now == Missing::Tracked)
            - usize::from(before == Missing::Tracked);
        let (unknown, wanted) = (entry.is_unknown_to_server(), entry.wanted > 0);
        let waiters = if unknown || wanted && entry.remote != Remote::Unsubscribing {
            core::mem::take(&mut entry.waiters)
        } else {
            Vec::new()
        };
        let place = Place::new(entry.order, number);
        let at = if entry.remote == Remote::Present { entry.stays_until } else { entry.retry_at };
        self.due.set(place, entry.need(), at);
        if unknown && !wanted {
            self.unsettled -= usize::from(now != Missing::No);
            self.unsettled_tracked -= usize::from(now == Missing::Tracked);
            self.due.set(place, None, Instant::default());
            if let Some(entry) = self.entries.remove(number) {
                self.names.remove(entry.pattern.as_str());
                if entry.pattern.is_glob() {
                    self.left_globs[0].push(entry.pattern.clone());
                }
                released.dropped.push(entry.pattern.as_str().to_owned());
            }
        }
        for command in waiters {
            self.release(command, &mut released);
        }
        released
    }

    /// An `unsubscribe()` call waits for one channel fewer.
    fn release(&mut self, command: u32, released: &mut Released) {
        match self.unsubscribing.remove(command) {
            None => {}
            Some(1) => released.commands.push(command),
            Some(channels) => _ = self.unsubscribing.insert(command, channels - 1),
        }
    }
}

impl Released {
    fn add(&mut self, mut other: Self) {
        self.commands.append(&mut other.commands);
        self.dropped.append(&mut other.dropped);
    }
}
