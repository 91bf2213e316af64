//! The poll: when and how to send it (S4, S6, S8b), and what is known from earlier ones (A1, A2).

use super::acks::Acks;
use crate::Instant;
use crate::bayeux::advice::Advice;
use crate::bayeux::message::Ack;

/// The timeout of a server that advises none (S4).
const DEFAULT_TIMEOUT_MS: u64 = 110_000;
/// A poll that was cut earlier than this was not cut because of its age (S8b).
const MIN_CUT_AGE_MS: u64 = 1_000;
/// This many undecodable bodies in a row end the client (X3), so that an event that comes again cannot cause an endless
/// loop.
const MAX_UNDECODABLE: u8 = 3;

/// The state of the polls of this client.
pub(super) struct Poll {
    /// When the next one goes out.
    at: Instant,
    /// The next poll waits because the last one failed, and not because the server wants it to.
    backing_off: bool,
    interval_ms: u64,
    timeout_ms: Option<u64>,
    max_interval_ms: Option<u64>,
    multiple_clients: bool,
    /// The largest timeout advised on this url: servers may advise it once and leave it out later (S4).
    largest_timeout_ms: Option<u64>,
    /// The next poll asks for an answer at once, to learn quickly whether the session is alive.
    probe: bool,
    /// The age at which the last poll was cut (S8b).
    cut_age_ms: Option<u64>,
    /// Polls must be shorter than this to pass a proxy (S8b).
    proxy_limit_ms: Option<u64>,
    acks: Option<Acks>,
    /// The last poll was lost. The server may still hold it, and put events into it until the next one replaces it.
    lost: bool,
    /// A poll of this session has succeeded.
    answered: bool,
    /// A poll has succeeded, in any session.
    ever_answered: bool,
    /// The next poll is the first of this session and follows the handshake without a pause, so the server cannot have
    /// expired the session in between.
    follows_handshake: bool,
    /// The last poll was sent when every wanted channel was subscribed, so replayed events have come or come with it.
    covers_all: bool,
    /// When the poll was sent, the server had answered every subscribe, and none has been sent since.
    brings_all: bool,
    /// Bodies in a row that could not be decoded (X3).
    undecodable: u8,
}

/// How the next poll is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NextPoll {
    /// How long it asks the server to hold it.
    pub timeout_ms: Option<u64>,
    /// The number that it acknowledges.
    pub ack: Option<String>,
    /// The server may hold it until it has something to deliver.
    pub parked: bool,
}

/// How a poll ended.
pub(super) struct EndedPoll<'a> {
    pub parked: bool,
    pub age_ms: u64,
    pub successful: bool,
    /// The number of its batch, if the server gave one.
    pub batch: Option<&'a str>,
    /// The number of events in it.
    pub events: u32,
    /// What could not be decoded would have come again by now.
    pub nothing_outstanding: bool,
}

impl Poll {
    pub fn new(now: Instant) -> Self {
        Self {
            at: now,
            backing_off: false,
            interval_ms: 0,
            timeout_ms: None,
            max_interval_ms: None,
            multiple_clients: false,
            largest_timeout_ms: None,
            probe: true,
            cut_age_ms: None,
            proxy_limit_ms: None,
            acks: None,
            lost: false,
            answered: false,
            ever_answered: false,
            follows_handshake: false,
            covers_all: false,
            brings_all: false,
            undecodable: 0,
        }
    }

    /// A session has begun: advice starts anew with each handshake (S4), and so does acknowledging.
    pub fn session_began(&mut self, advice: &Advice, ack: Option<Ack>, now: Instant) {
        self.timeout_ms = None;
        self.multiple_clients = false;
        self.replace_advice(advice);
        self.probe = true;
        (self.lost, self.answered, self.covers_all, self.follows_handshake) = (false, false, false, true);
        self.after_interval(now);
        self.acks = Acks::granted(ack);
    }

    /// The session of an earlier client continues (S17): `ack` is the number to acknowledge next, with the events to be
    /// skipped if the extension was in use; `lost`: its last poll was lost.
    pub fn session_resumed(&mut self, ack: Option<(String, Option<u32>)>, lost: bool) {
        self.acks = ack.map(|(number, skip)| Acks::resumed(number, skip));
        // With the extension the server sends again what it holds (A1).
        self.lost = lost && !self.acknowledges();
    }

    /// Takes the advice of a connect reply or a disconnect. Returns `true` if it says for the first time that the
    /// server sees several clients in this browser.
    pub fn advise(&mut self, advice: &Advice) -> bool {
        self.replace_advice(advice);
        let before = core::mem::replace(&mut self.multiple_clients, advice.multiple_clients);
        advice.multiple_clients && !before
    }

    /// New advice replaces the old as a whole (S4).
    fn replace_advice(&mut self, advice: &Advice) {
        self.interval_ms = u64::try_from(advice.interval_ms.unwrap_or(0)).unwrap_or(0);
        self.timeout_ms = advice.timeout_ms;
        self.largest_timeout_ms = self.largest_timeout_ms.max(advice.timeout_ms);
        self.max_interval_ms = advice.max_interval_ms;
    }

    /// The advised wait between two polls.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms
    }

    /// How long the server holds a poll.
    pub fn timeout_ms(&self) -> u64 {
        self.timeout_ms.or(self.largest_timeout_ms).unwrap_or(DEFAULT_TIMEOUT_MS)
    }

    /// How long the server keeps a session without a poll, if it says so.
    pub fn max_interval_ms(&self) -> Option<u64> {
        self.max_interval_ms
    }

    /// When the next poll goes out.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// The next poll follows this one, which has just ended, after the advised interval (S6).
    pub fn after_interval(&mut self, now: Instant) {
        (self.at, self.backing_off) = (now.after(self.interval_ms), false);
    }

    /// The next poll follows one that failed: it asks for an answer at once.
    pub fn back_off_until(&mut self, at: Instant) {
        (self.at, self.backing_off) = (at, true);
        self.probe();
    }

    /// The server may have expired the session before the next poll.
    pub fn failed(&mut self) {
        self.follows_handshake = false;
    }

    /// The next poll asks for an answer at once.
    pub fn probe(&mut self) {
        self.probe = true;
    }

    /// Whether the next poll asks for an answer at once.
    pub fn is_probe(&self) -> bool {
        self.probe
    }

    /// When the next poll goes out, if a back-off delays it.
    pub fn back_off_end(&mut self) -> Option<&mut Instant> {
        self.backing_off.then_some(&mut self.at)
    }

    /// The next poll goes out now; `all_subscribed`: the server delivers every wanted channel.
    pub fn next(&mut self, all_subscribed: bool) -> NextPoll {
        let probe = core::mem::take(&mut self.probe);
        let shorter = self.proxy_limit_ms.filter(|limit| *limit < self.timeout_ms());
        (self.covers_all, self.brings_all) = (all_subscribed, all_subscribed);
        NextPoll {
            timeout_ms: if probe { Some(0) } else { shorter },
            ack: self.acks.as_ref().map(|acks| acks.number().to_owned()),
            parked: !probe,
        }
    }

    /// A body has arrived whole. Returns `false` if a batch that was cut is not sent again after all (A1): then the cut
    /// counts as a loss after all.
    pub fn ended(&mut self, poll: &EndedPoll<'_>) -> bool {
        if poll.nothing_outstanding {
            self.undecodable = 0;
        }
        if poll.parked && self.cut_age_ms.is_some_and(|cut| poll.age_ms > cut / 10 * 11) {
            self.cut_age_ms = None;
        }
        if let Some(acks) = &mut self.acks
            && !acks.body_ended(poll.batch, poll.successful, poll.events)
        {
            return false;
        }
        if poll.successful {
            (self.lost, self.backing_off) = (false, false);
            (self.answered, self.ever_answered) = (true, true);
        }
        true
    }

    /// A body was cut after `events` events. The next poll repeats the number, so the server sends them again (A1).
    pub fn cut(&mut self, events: u32) {
        if let Some(acks) = &mut self.acks {
            acks.body_cut(events);
        }
    }

    /// Something on the way to the server cut a held poll at this age; two similar ages mean a proxy (S8b).
    pub fn cut_by_proxy(&mut self, age_ms: u64) {
        // A proxy whose timeout equals the server's cuts a little after it.
        if age_ms < MIN_CUT_AGE_MS {
            return;
        }
        if let Some(known) = self.cut_age_ms
            && known.abs_diff(age_ms) <= (known / 10).max(MIN_CUT_AGE_MS / 2)
        {
            self.proxy_limit_ms = Some(age_ms.min(known) / 4 * 3);
        }
        self.cut_age_ms = Some(age_ms);
    }

    /// The poll was lost, and its events do not come again by acknowledgement.
    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Whether the server may still hold a lost poll, and put events into it.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// The number of events at the beginning of the next body that were given out before (A1).
    pub fn skip(&self) -> u32 {
        self.acks.as_ref().map_or(0, Acks::skip)
    }

    /// Whether the acknowledgement extension is in use (A1).
    pub fn acknowledges(&self) -> bool {
        self.acks.as_ref().is_some_and(Acks::in_use)
    }

    /// The acknowledgements for a snapshot: the number, with the events to be skipped if the extension is in use.
    pub fn batch(&self) -> Option<(&str, Option<u32>)> {
        self.acks.as_ref().map(|acks| (acks.number(), acks.in_use().then(|| acks.skip())))
    }

    /// Whether a poll of this session has succeeded.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// Whether a poll has succeeded in any session.
    pub fn was_ever_answered(&self) -> bool {
        self.ever_answered
    }

    /// Whether the next poll, or the one under way, follows the handshake directly.
    pub fn follows_handshake(&self) -> bool {
        self.follows_handshake
    }

    /// A channel is subscribed from its position: what that brings may come with the poll after this one.
    pub fn subscribing(&mut self) {
        self.brings_all = false;
    }

    /// Whether all that the subscribes of this session bring has come once this poll has, and the reply beside it.
    pub fn brings_all(&self) -> bool {
        self.brings_all
    }

    /// A subscribe was accepted; `held`: the server holds a poll, which it answers with the replayed events.
    pub fn subscribed(&mut self, held: bool) {
        self.covers_all = held;
    }

    /// Whether the last poll was sent when every wanted channel was subscribed.
    pub fn covers_all(&self) -> bool {
        self.covers_all
    }

    /// A body could not be decoded. Returns `true` when that has happened too often in a row (X3).
    pub fn undecodable(&mut self) -> bool {
        self.undecodable = self.undecodable.saturating_add(1);
        self.undecodable >= MAX_UNDECODABLE
    }

    /// A new event has come, so the bodies that cannot be decoded are not all the same one.
    pub fn decoded(&mut self) {
        self.undecodable = 0;
    }
}

#[cfg(test)]
mod tests;
