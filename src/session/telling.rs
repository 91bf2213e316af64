//! Outputs to the driver and reports to the application.

use super::channels::Released;
use super::flow::FlowChange;
use super::lanes::LaneId;
use super::losses::Loss;
use super::secrets::redact;
use super::status::{GapCause, State, Status};
use super::subscriptions::{Change, Changes};
use super::{Error, Output, Session};
use crate::Instant;
use crate::bayeux::failure::Failure;
use crate::bayeux::message::Message;
use crate::replay::book::{Book, InFlight};
use crate::text::joined;

// What is called in many places is not inlined, for the size of the wasm.
impl Session {
    #[inline(never)]
    pub(super) fn emit(&mut self, output: Output) {
        self.out.push_back(output);
    }

    #[inline(never)]
    pub(super) fn report(&mut self, status: Status) {
        self.emit(Output::Status(status));
    }

    #[inline(never)]
    pub(super) fn settle(&mut self, command: u32, result: Result<Vec<String>, Error>) {
        self.emit(Output::Settled { command, result });
    }

    /// Settles commands that have no result but success, or this error.
    #[inline(never)]
    pub(super) fn settle_all(&mut self, commands: Vec<u32>, error: Option<&Error>) {
        for command in commands {
            self.settle(command, error.map_or_else(|| Ok(Vec::new()), |error| Err(error.clone())));
        }
    }

    #[inline(never)]
    pub(super) fn set_state(&mut self, state: State) {
        // A paused client stays in its state until it goes on or ends.
        let shown = !self.pause.is_paused() || matches!(state, State::Suspended | State::Closed);
        if self.state != state && shown {
            self.state = state;
            self.emit(Output::State(state));
        }
    }

    /// Reports what a change of the subscriptions means.
    #[inline(never)]
    pub(super) fn tell(&mut self, changes: Changes) {
        for change in changes.0 {
            match change {
                Change::Subscribed(subscription, replies) => self.settle(subscription, Ok(replies)),
                Change::Refused(subscription, error) => {
                    self.settle(subscription, Err(error));
                    let change = self.flow.forget(subscription);
                    self.flow_changed(change);
                }
                Change::Ended(subscription, error) => {
                    self.flow.ended(subscription);
                    self.emit(Output::Ended { subscription, error: Some(error) });
                }
                Change::ChannelFailed(channel, error) => {
                    self.report(Status::SubscribeFailed { channel, error });
                }
            }
        }
    }

    /// Reports what a change of the subscriptions at the server releases.
    #[inline(never)]
    pub(super) fn tell_released(&mut self, released: Released) {
        self.settle_all(released.commands, None);
        for name in released.dropped {
            self.losses.forget(&name);
            self.book.release(&name);
        }
    }

    /// A channel has failed: `error` goes to all subscriptions that wanted it.
    #[inline(never)]
    pub(super) fn fail_channel(&mut self, name: &str, error: &Error) {
        for subscription in self.subscriptions.holders(name) {
            self.book.channel_failed(name, subscription, self.in_flight());
        }
        let changes = self.subscriptions.failed(name, error);
        self.book.set_wanted(name, false);
        self.tell(changes);
        let released = self.channels.abandon(name);
        self.tell_released(released);
    }

    /// The server's refusal of a channel is final.
    #[inline(never)]
    pub(super) fn refuse_channel(&mut self, name: &str, error: &Error) {
        let released = self.channels.absent(name);
        self.fail_channel(name, error);
        self.tell_released(released);
    }

    /// Reading stops or goes on because of what is queued (R8).
    #[inline(never)]
    pub(super) fn flow_changed(&mut self, change: FlowChange) {
        let active = match change {
            FlowChange::None => return,
            FlowChange::Stopped => true,
            FlowChange::Resumed => false,
        };
        let backlog = self.flow.backlog();
        self.report(Status::Backpressure {
            channel: backlog.channel,
            active,
            limit: backlog.limit,
            queued_events: backlog.events,
            queued_bytes: backlog.bytes,
        });
        if !active {
            self.release_held();
        }
    }

    /// Lets the driver read on where it stopped because the queue was full.
    #[inline(never)]
    pub(super) fn release_held(&mut self) {
        for lane in LaneId::ALL {
            if let Some(flight) = self.lanes.flight_mut(lane).filter(|flight| flight.is_held()) {
                flight.release(self.now);
                let request = flight.id();
                self.emit(Output::Release(request));
            }
        }
    }

    /// Reports that events of all promised channels may be missing; with `uncovered`, only of those that no earlier gap
    /// covers.
    #[inline(never)]
    pub(super) fn gap(&mut self, cause: GapCause, since: Instant, uncovered: bool) {
        // Events of a tracked channel come again from its position, unless it has none yet (R7c). That does not help with
        // an event that is too large.
        let tracked = |book: &Book, name: &str| book.tracks(name) && cause != GapCause::EventTooLarge;
        let in_flight = self.in_flight();
        let losses = self.losses.lost(since, uncovered, &|name| {
            let comes_again = || self.book.restarts_without_loss(name, in_flight);
            self.subscriptions.wants(name) && !(tracked(&self.book, name) && comes_again())
        });
        for loss in losses {
            let replays = tracked(&self.book, &loss.channel);
            let cause = if replays { GapCause::NoPosition } else { cause };
            // The first event that has come becomes the position, though others may stand before it: they do not come again,
            // whether they are missing or in hand.
            let mut since = since;
            if replays && self.book.has_received(&loss.channel) {
                since.pull_to(self.losses.session_since());
            }
            let since_unix_ms = self.gap_since(since);
            self.report(Status::Gap { channel: loss.channel, cause, after: loss.after, since_unix_ms });
        }
    }

    /// The requests whose responses may bring events of this session.
    #[inline(never)]
    pub(super) fn in_flight(&self) -> InFlight {
        self.lanes.in_flight(self.link.epoch(), self.poll.acknowledges())
    }

    /// Reports that events of this channel may be missing, of which no position is known (R7c).
    pub(super) fn nothing_to_go_on_from(&mut self, channel: &str) {
        let since = self.losses.verified_until();
        if let Some(Loss { channel, after }) = self.losses.lost_on(channel, since, false) {
            let since_unix_ms = self.gap_since(since);
            self.report(Status::Gap { channel, cause: GapCause::NoPosition, after, since_unix_ms });
        }
    }

    /// When the range of a gap begins, as Unix time.
    pub(super) fn gap_since(&self, since: Instant) -> u64 {
        let before = self.predecessor.as_ref();
        let before = before.filter(|before| before.gap_begins(since, self.poll.was_ever_answered()));
        before.map_or_else(|| self.unix_ms(since), |before| before.unix_ms())
    }

    pub(super) fn unix_ms(&self, instant: Instant) -> u64 {
        self.config.unix_ms_at_zero.saturating_add(instant.as_millis())
    }

    /// The words of a refusal, without secrets (X2).
    #[inline(never)]
    pub(super) fn failure_of(&self, reply: &Message) -> Failure {
        let text = reply.failure_reason().or_else(|| reply.error());
        Failure::parse(&self.redact(text.as_deref().unwrap_or("no reason given")))
    }

    /// `text` without the client ids and tokens of this session and those before (X2).
    #[inline(never)]
    pub(super) fn redact(&self, text: &str) -> String {
        let text = self.link.redact(text);
        self.tokens.secrets().fold(text, |text, token| redact(&text, token, "[token]"))
    }

    /// The server's address for messages: without the query, which may hold secrets (X2).
    pub fn place(&self) -> String {
        let endpoint = self.link.endpoint();
        joined(&[endpoint.origin(), endpoint.path()], "")
    }
}
