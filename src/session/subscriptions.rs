//! Who wants which channel, and what the server knows of it.
//!
//! The application's subscriptions and the server's are two tables: several subscriptions to one channel share one on
//! the wire. The difference between what is wanted and what the server knows is what remains to be sent, so a lost
//! session, a lost response and a change of mind all need no more than a correction of the table.

use super::backoff::Backoff;
use super::error::Error;
use super::misuse::ApiMisuse;
use crate::Instant;
use crate::bayeux::channel::Pattern;
use crate::bayeux::failure::Failure;

/// A subscription of the application, to one or more channels.
pub(super) struct Subscription {
    pub id: u32,
    pub channels: Vec<SubscribedChannel>,
    /// Has its `subscribe()` been answered?
    settled: bool,
    replies: Vec<String>,
    /// Bytes of each event that the application has not done with (R8).
    queued: Vec<usize>,
}

pub(super) struct SubscribedChannel {
    pub pattern: Pattern,
    state: ChannelState,
}

#[repr(u32)]
enum ChannelState {
    Pending,
    Open,
    Failed(Error),
}

/// A channel as the server knows it, or a `/service/*` channel, of which it need not know.
pub(super) struct Wire {
    pub pattern: Pattern,
    pub remote: Remote,
    /// Order among the commands of the application.
    pub order: u32,
    /// Not before this.
    pub retry_at: Instant,
    /// Replies that never came.
    pub unanswered: u8,
    /// It must be subscribed anew, from an earlier position (R7b).
    pub again: bool,
    /// Refusals in a row that were tried again (S11).
    pub backoff: Backoff,
    /// The application is asked about this refusal.
    pub deciding: Option<Deciding>,
    /// The session that first refused it as of a client that the server does not know: for that one there is a new session,
    /// for the next one to say so it is a refusal (S5).
    pub unknown_in: Option<u32>,
    /// Has the server ever said yes? From then on a loss is a gap.
    pub confirmed: bool,
    /// A gap was reported, and neither a whole poll nor an event of this channel has come since: from this instant on
    /// it covers whatever fails meanwhile.
    gap: Option<Instant>,
    /// Replay id of the last event received, where events carry one.
    pub after: Option<String>,
    /// `unsubscribe()` calls that wait for the server.
    waiters: Vec<u32>,
}

/// A question that is open.
pub(super) struct Deciding {
    pub request: u32,
    pub deadline: Instant,
    pub failure: Failure,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Remote {
    /// There is nothing to subscribe: messages on `/service/*` come to this client anyway.
    Local,
    /// The server does not know of it.
    Absent,
    /// A subscribe is under way.
    Subscribing,
    /// The server delivers it.
    Present,
    /// An unsubscribe is under way.
    Unsubscribing,
}

/// What a change of the table means for the application.
#[repr(u32)]
pub(super) enum Change {
    /// A subscribe or unsubscribe call has its answer.
    Settled(u32, Result<Vec<String>, Error>),
    /// A subscription has no channel left.
    Ended(u32, Error),
    /// One channel of several failed.
    ChannelFailed(String, Error),
}

/// A subscription that an error has ended, and the bytes of each event that the application has not done with.
struct Unread {
    id: u32,
    channel: String,
    queued: Vec<usize>,
}

#[derive(Default)]
pub(super) struct Subscriptions {
    pub subs: Vec<Subscription>,
    /// Their events are still in memory, so they count until they are read, or left (R8).
    unread: Vec<Unread>,
    pub wires: Vec<Wire>,
    /// What the last changes of the table mean for the application, which is to be told soon.
    pub changes: Vec<Change>,
}

impl Subscriptions {
    /// Adds a subscription; its channels are subscribed with the next request.
    pub fn add(&mut self, id: u32, channels: &[String], order: u32, now: Instant) -> Result<(), ApiMisuse> {
        if channels.is_empty() {
            return Err(ApiMisuse::NoChannels);
        }
        if id == 0
            || self.subs.iter().any(|sub| sub.id == id)
            || self.unread.iter().any(|unread| unread.id == id)
        {
            return Err(ApiMisuse::NumberInUse(id));
        }
        let mut patterns: Vec<Pattern> = Vec::with_capacity(channels.len());
        for channel in channels {
            let pattern = Pattern::parse(channel)
                .map_err(|source| ApiMisuse::Channel { channel: channel.clone(), source })?;
            if !patterns.iter().any(|known| known.as_str() == pattern.as_str()) {
                patterns.push(pattern);
            }
        }
        let mut channels = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            channels.push(self.attach(pattern, order, now));
        }
        let sub = Subscription { id, channels, settled: false, replies: Vec::new(), queued: Vec::new() };
        self.subs.push(sub);
        self.sweep();
        if let Some(sub) = self.subs.last_mut() {
            sub.settle(&mut self.changes);
        }
        Ok(())
    }

    fn attach(&mut self, pattern: Pattern, order: u32, now: Instant) -> SubscribedChannel {
        // [bayeux] Servers need not record subscriptions to /service/*.
        let local = pattern.is_service();
        if let Some(wire) = self.wire(pattern.as_str()) {
            let open = local || wire.remote == Remote::Present && wire.confirmed;
            if wire.remote == Remote::Present && !open {
                // The reply to an unsubscribe was lost: only a subscribe makes sure.
                wire.remote = Remote::Absent;
            }
            return SubscribedChannel {
                pattern,
                state: if open { ChannelState::Open } else { ChannelState::Pending },
            };
        }
        self.wires.push(Wire {
            pattern: pattern.clone(),
            remote: if local { Remote::Local } else { Remote::Absent },
            order,
            retry_at: now,
            unanswered: 0,
            again: false,
            backoff: Backoff::default(),
            deciding: None,
            unknown_in: None,
            confirmed: local,
            gap: None,
            after: None,
            waiters: Vec::new(),
        });
        SubscribedChannel { pattern, state: if local { ChannelState::Open } else { ChannelState::Pending } }
    }

    /// Takes a subscription out of the table, and gives the events and bytes that it had queued.
    pub fn take_out(&mut self, id: u32) -> Option<(Subscription, usize, usize)> {
        let index = self.subs.iter().position(|sub| sub.id == id)?;
        // Keeps the order, in which events name them.
        let sub = self.subs.remove(index);
        let (events, bytes) = (sub.queued.len(), sub.queued.iter().sum());
        Some((sub, events, bytes))
    }

    /// An error has ended this subscription: what it has queued may still be read, and counts until then.
    pub fn ended(&mut self, id: u32) {
        let Some((sub, events, _)) = self.take_out(id) else { return };
        if events > 0 {
            let channel = sub.channels.first().map(|entry| entry.pattern.as_str().to_owned());
            self.unread.push(Unread { id, channel: channel.unwrap_or_default(), queued: sub.queued });
        }
    }

    /// The application leaves a subscription that had ended: the events and bytes that it had not read.
    pub fn left_unread(&mut self, id: u32) -> (usize, usize) {
        self.taken(id, usize::MAX)
    }

    /// `command` settles once the server delivers none of these channels any more, or somebody wants them again.
    pub fn release(&mut self, channels: &[SubscribedChannel], command: u32, order: u32) {
        let mut waiting = false;
        for channel in channels {
            let Some(wire) = self.wire(channel.pattern.as_str()) else { continue };
            if !wire.is_unknown_to_server() {
                wire.order = order;
                wire.waiters.push(command);
                waiting = true;
            }
        }
        self.sweep();
        if !waiting {
            self.changes.push(Change::Settled(command, Ok(Vec::new())));
        }
    }

    /// No server answers for now, so nobody waits for it to forget a channel.
    pub fn let_go(&mut self) {
        let mut waiting: Vec<u32> = Vec::new();
        for command in self.wires.iter_mut().flat_map(|wire| core::mem::take(&mut wire.waiters)) {
            if !waiting.contains(&command) {
                waiting.push(command);
                self.changes.push(Change::Settled(command, Ok(Vec::new())));
            }
        }
    }

    /// Answers `unsubscribe()` calls that need not wait any longer, and drops what nobody wants and the server does
    /// not know. Ends every change of the table.
    fn sweep(&mut self) {
        let mut released = Vec::new();
        let mut wires = core::mem::take(&mut self.wires);
        wires.retain_mut(|wire| {
            let wanted = self.wants(wire.pattern.as_str());
            if wire.is_unknown_to_server() || wanted && wire.remote != Remote::Unsubscribing {
                for command in core::mem::take(&mut wire.waiters) {
                    if !released.contains(&command) {
                        released.push(command);
                    }
                }
            }
            wanted || !wire.is_unknown_to_server()
        });
        self.wires = wires;
        for command in released {
            if !self.wires.iter().any(|wire| wire.waiters.contains(&command)) {
                self.changes.push(Change::Settled(command, Ok(Vec::new())));
            }
        }
    }

    /// The server said yes.
    pub fn subscribed(&mut self, channel: &str, reply: &str) {
        let Some(wire) = self.wire(channel) else { return };
        wire.remote = Remote::Present;
        wire.confirmed = true;
        wire.unknown_in = None;
        wire.unanswered = 0;
        wire.backoff.reset();
        self.sweep();
        for sub in &mut self.subs {
            let mut concerned = false;
            for entry in &mut sub.channels {
                if entry.pattern.as_str() == channel && !matches!(entry.state, ChannelState::Failed(_)) {
                    entry.state = ChannelState::Open;
                    concerned = true;
                }
            }
            if concerned && !sub.settled {
                sub.replies.push(reply.to_owned());
                sub.settle(&mut self.changes);
            }
        }
    }

    /// The server said no.
    pub fn refused(&mut self, channel: &str, error: &Error) {
        if let Some(wire) = self.wire(channel) {
            wire.remote = Remote::Absent;
        }
        self.failed(channel, error);
    }

    /// The channel cannot go on, whatever the server thinks: `error` for all who wanted it.
    pub fn failed(&mut self, channel: &str, error: &Error) {
        for sub in &mut self.subs {
            let still = |entry: &&mut SubscribedChannel| {
                entry.pattern.as_str() == channel && !matches!(entry.state, ChannelState::Failed(_))
            };
            let Some(entry) = sub.channels.iter_mut().find(still) else { continue };
            entry.state = ChannelState::Failed(error.clone());
            let all_failed = sub.channels.iter().all(|entry| matches!(entry.state, ChannelState::Failed(_)));
            if !all_failed {
                self.changes.push(Change::ChannelFailed(channel.to_owned(), error.clone()));
            }
            if !sub.settled {
                sub.settle(&mut self.changes);
            } else if all_failed {
                self.changes.push(Change::Ended(sub.id, error.clone()));
            }
        }
        self.sweep();
    }

    /// The channel was refused in this session as of a client that the server does not know (S5). Is it the first session
    /// to say so since the server accepted it?
    pub fn first_unknown(&mut self, channel: &str, epoch: u32) -> bool {
        self.wire(channel).is_some_and(|wire| *wire.unknown_in.get_or_insert(epoch) == epoch)
    }

    /// The server has unsubscribed it, or refused to, which comes to the same for those who do not want it.
    pub fn unsubscribed(&mut self, channel: &str) {
        if let Some(wire) = self.wire(channel) {
            wire.remote = Remote::Absent;
        }
        self.sweep();
    }

    /// A request that held this channel failed on the way, so the server may know of it or not: what is wanted now is
    /// sent (again), be it a subscribe (R7) or an unsubscribe.
    pub fn undo(&mut self, channel: &str, retry_at: Instant) {
        let wanted = self.wants(channel);
        let under_way = |wire: &&mut Wire| matches!(wire.remote, Remote::Subscribing | Remote::Unsubscribing);
        if let Some(wire) = self.wire(channel).filter(under_way) {
            wire.remote = if wanted { Remote::Absent } else { Remote::Present };
            wire.retry_at = retry_at;
        }
        self.sweep();
    }

    /// Channels that were promised and of which events from `since` on may be missing, with the last replay id of
    /// each. With `uncovered`, those alone that no earlier gap covers.
    pub fn missing(&mut self, since: Instant, uncovered: bool) -> Vec<(String, Option<String>)> {
        let mut missing = Vec::new();
        let mut wires = core::mem::take(&mut self.wires);
        for wire in &mut wires {
            let covered = uncovered && wire.gap.is_some_and(|known| known <= since);
            if wire.confirmed && !covered && self.wants(wire.pattern.as_str()) {
                wire.gap = Some(since);
                missing.push((wire.pattern.as_str().to_owned(), wire.after.clone()));
            }
        }
        self.wires = wires;
        missing
    }

    /// The channel begins anew: whatever is lost of it from now on is a gap of its own, and nothing has to come again.
    pub fn begin_anew(&mut self, channel: &str) {
        if let Some(wire) = self.wire(channel) {
            (wire.gap, wire.again) = (None, false);
        }
    }

    /// A poll has arrived whole: what is lost from now on is a gap of its own.
    pub fn gaps_end(&mut self) {
        for wire in &mut self.wires {
            wire.gap = None;
        }
    }

    /// The session is gone, and with it all that the server knew (S9).
    pub fn session_lost(&mut self, now: Instant) {
        for wire in self.wires.iter_mut().filter(|wire| wire.remote != Remote::Local) {
            wire.remote = Remote::Absent;
            wire.again = false;
            wire.retry_at = now;
        }
        self.sweep();
    }

    /// The subscriptions that an event on this channel is for, ascending.
    pub fn takers(&self, channel: &str) -> Vec<u32> {
        self.with_channel(|pattern| pattern.matches(channel))
    }

    /// The subscriptions to this very channel, ascending.
    pub fn holders(&self, channel: &str) -> Vec<u32> {
        self.with_channel(|pattern| pattern.as_str() == channel)
    }

    #[inline(never)]
    fn with_channel(&self, is: impl Fn(&Pattern) -> bool) -> Vec<u32> {
        let mut numbers = Vec::new();
        for sub in &self.subs {
            let fits = |entry: &SubscribedChannel| {
                !matches!(entry.state, ChannelState::Failed(_)) && is(&entry.pattern)
            };
            if sub.channels.iter().any(fits) {
                numbers.push(sub.id);
            }
        }
        numbers
    }

    /// An event has arrived on this channel.
    pub fn arrived(&mut self, channel: &str, replay_id: Option<&str>) {
        for wire in self.wires.iter_mut().filter(|wire| wire.pattern.matches(channel)) {
            wire.gap = None;
            wire.after = replay_id.map(str::to_owned).or(wire.after.take());
        }
    }

    /// Queues an event of `bytes` for these subscriptions.
    pub fn queue(&mut self, numbers: &[u32], bytes: usize) {
        for sub in self.subs.iter_mut().filter(|sub| numbers.contains(&sub.id)) {
            sub.queued.push(bytes);
        }
    }

    /// Does the server deliver all that is wanted?
    pub fn all_present(&self) -> bool {
        let present = |wire: &Wire| matches!(wire.remote, Remote::Present | Remote::Local) && !wire.again;
        self.wires.iter().all(present)
    }

    /// The application is done with the oldest `events` of a subscription: what no longer counts.
    pub fn taken(&mut self, id: u32, events: usize) -> (usize, usize) {
        let open = self.subs.iter_mut().find(|sub| sub.id == id).map(|sub| &mut sub.queued);
        let ended = self.unread.iter_mut().find(|unread| unread.id == id).map(|unread| &mut unread.queued);
        let Some(queued) = open.or(ended) else { return (0, 0) };
        let events = events.min(queued.len());
        let bytes = queued.drain(..events).sum();
        self.unread.retain(|unread| !unread.queued.is_empty());
        (events, bytes)
    }

    /// A channel of the subscription with the longest queue.
    pub fn slowest(&self) -> Option<&str> {
        let open = self
            .subs
            .iter()
            .filter_map(|sub| sub.channels.first().map(|entry| (sub.queued.len(), entry.pattern.as_str())));
        let ended = self.unread.iter().map(|unread| (unread.queued.len(), unread.channel.as_str()));
        ended.chain(open).max_by_key(|(events, _)| *events).map(|(_, channel)| channel)
    }

    /// Does any subscription still want this channel?
    pub fn wants(&self, channel: &str) -> bool {
        let wants = |entry: &SubscribedChannel| {
            entry.pattern.as_str() == channel && !matches!(entry.state, ChannelState::Failed(_))
        };
        self.subs.iter().any(|sub| sub.channels.iter().any(wants))
    }

    /// Has the server ever said yes to this channel?
    pub fn confirmed(&self, channel: &str) -> bool {
        self.wires.iter().any(|wire| wire.confirmed && wire.pattern.as_str() == channel)
    }

    pub fn wire(&mut self, channel: &str) -> Option<&mut Wire> {
        self.wires.iter_mut().find(|wire| wire.pattern.as_str() == channel)
    }
}

impl Wire {
    fn is_unknown_to_server(&self) -> bool {
        matches!(self.remote, Remote::Absent | Remote::Local)
    }

    /// An earlier client had it; what is lost of it since this instant is known to be.
    pub fn promised(&mut self, gap: Option<Instant>) {
        self.confirmed = true;
        self.gap = self.gap.or(gap);
    }
}

impl Subscription {
    /// Answers `subscribe()` once no channel is pending (S15): with an error only if all failed.
    fn settle(&mut self, changes: &mut Vec<Change>) {
        let mut open = false;
        let mut first_error = None;
        for entry in &self.channels {
            match &entry.state {
                ChannelState::Pending => return,
                ChannelState::Open => open = true,
                ChannelState::Failed(error) => first_error = first_error.or(Some(error)),
            }
        }
        self.settled = true;
        let result = match first_error {
            Some(error) if !open => Err(error.clone()),
            _ => Ok(core::mem::take(&mut self.replies)),
        };
        changes.push(Change::Settled(self.id, result));
    }

    pub fn is_settled(&self) -> bool {
        self.settled
    }
}
