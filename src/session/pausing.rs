//! D1, D2, R7a, S17: what a client does while it drains, its page is hidden, or it is suspended.

use super::exchange::{Kind, SessionRequest};
use super::lanes::{Ended, LaneId};
use super::outgoing::Outgoing;
use super::pause::{Change, Refused};
use super::snapshot::Snapshot;
use super::status::State;
use super::{ApiMisuse, Error, Output, Session};
use crate::http::cookies::Jar;

impl Session {
    pub(super) fn drain(
        &mut self,
        command: u32,
        idle_ms: Option<u64>,
        deadline_ms: u64,
    ) -> Result<(), ApiMisuse> {
        let connected = self.state == State::Connected;
        let begun = self.pause.drain(self.now, command, idle_ms, deadline_ms, connected);
        let (saving, change) = begun.map_err(|refused| match refused {
            Refused::Draining => ApiMisuse::Draining,
            Refused::Leaving => ApiMisuse::Closed,
        })?;
        self.settle_all(saving, None);
        self.pause_changed(change);
        Ok(())
    }

    /// Ends the drain if it is time to.
    pub(super) fn schedule_drain(&mut self) {
        let connected = self.state == State::Connected;
        self.pause.observe(self.now, connected, self.is_drained());
        if self.pause.drain_end().is_some_and(|end| end <= self.now) {
            self.suspend();
        }
    }

    /// Whether there is nothing to wait for but new events. The events that a subscribe brings again may come with a
    /// poll sent after it.
    fn is_drained(&self) -> bool {
        // An extension may be looking at an event.
        self.state == State::Connected
            && self.poll.is_answered()
            && (self.poll.covers_all() || !self.replays())
            && self.channels.all_present()
            && self.flow.is_empty()
            && !self.lanes.flights().any(|flight| flight.is_inspecting())
    }

    /// Sends nothing until the next drain; `command` settles once all is saved.
    pub(super) fn suspend_and_save(&mut self, command: u32) {
        self.suspend();
        self.pause.settle_when_saved(command, self.now);
    }

    /// The same; `command` settles with a snapshot, and the client ends.
    pub(super) fn suspend_and_leave(&mut self, command: u32) {
        self.suspend();
        self.pause.settle_with_snapshot(command, self.now);
    }

    pub(super) fn set_hidden(&mut self, hidden: bool) {
        let change = if hidden { self.pause.hide(self.now) } else { self.pause.show() };
        self.pause_changed(change);
    }

    fn suspend(&mut self) {
        let released = self.channels.release_all();
        self.tell_released(released);
        // Commands that have not been sent fail, since nothing is sent any more.
        self.reject_waiting(&|_| Error::Misuse(ApiMisuse::Suspended));
        let (drained, change) = self.pause.suspend(self.now);
        self.pause_changed(change);
        if let Some(drained) = drained {
            let result = if drained.connected { Ok(Vec::new()) } else { Err(Error::Deadline) };
            self.settle(drained.command, result);
        }
    }

    fn pause_changed(&mut self, change: Change) {
        match change {
            Change::Nothing => {}
            Change::Begun => {
                self.set_state(State::Suspended);
                self.lanes.cancel_all_headers();
                if matches!(self.lanes.session(), Some(SessionRequest::Connect(_))) {
                    self.cut_off(LaneId::Session);
                }
            }
            Change::Over { lost } => self.go_on(lost),
        }
    }

    fn go_on(&mut self, lost: bool) {
        self.tokens.instance_answers();
        self.set_state(if self.link.has_session() { State::Retrying } else { State::Handshaking });
        self.handshakes.restart_contact(self.now, self.config.connect_timeout_ms);
        self.poll.probe();
        self.poll.failed();
        // If the session is over by now, the next one brings again what was lost.
        if lost && self.replays() && self.link.has_session() {
            self.leave_for_replay();
        }
    }

    /// Aborts a request because of a pause. What it would have brought counts as lost (R7a): the server may have sent
    /// it already.
    fn cut_off(&mut self, lane: LaneId) {
        let Some(ended) = self.lanes.take(lane) else { return };
        self.emit(Output::Abort(ended.id()));
        let current = ended.flight().epoch() == self.link.epoch();
        let acknowledges = self.poll.acknowledges();
        match ended {
            Ended::Handshake(_, handshake) => return self.leave_handshake(handshake.reply.as_ref()),
            // The server may still have the session.
            Ended::Disconnect(_) => return self.handshakes.session_left_behind(self.now),
            Ended::Connect(flight, connect) => {
                self.extra_poll_over(&connect);
                if current {
                    self.abandon_poll(&flight, &connect, &Error::Closed);
                }
            }
            Ended::Commands(flight, mut commands) => {
                if current {
                    self.abandon_response(&flight, Kind::Commands, &Error::Closed);
                }
                for outgoing in self.take_back(&mut commands) {
                    self.undo(outgoing);
                }
            }
        }
        if current && !acknowledges {
            self.pause.lose();
        }
    }

    /// A message was in flight when its request was aborted: a subscribe or an unsubscribe is sent again, the outcome
    /// of any other message is unknown.
    fn undo(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Subscribe(name) | Outgoing::Unsubscribe(name) => {
                let released = self.channels.undo(&name, self.now);
                self.tell_released(released);
            }
            outgoing => self.reject(outgoing, &|channel| Error::OutcomeUnknown { channel }),
        }
    }

    /// The remaining work of a pause: requests that end, the disconnect of a session, saving.
    pub(super) fn schedule_pause(&mut self) {
        let late = self.pause.requests_until().is_some_and(|until| until <= self.now);
        let (silent, gives_up) = (self.pause.is_silent(), self.pause.gives_up(self.now));
        for lane in LaneId::ALL {
            let kind = self.lanes.kind(lane);
            if late && kind.is_some_and(|kind| silent || kind != Kind::Disconnect) {
                self.cut_off(lane);
            }
        }
        if !silent && self.tokens.wake_elsewhere().is_some() {
            self.schedule_token();
        }
        if !self.pause.is_suspended() {
            return;
        }
        if !self.lanes.is_open(LaneId::Commands) {
            self.lose_calls();
        }
        let mut busy = self.lanes.is_any_open();
        if !busy && self.link.has_session() && self.replays() {
            self.leave_for_replay();
        }
        if !busy && !gives_up && !silent && self.link.owes_disconnect() {
            self.schedule_pending_disconnect();
            busy = !self.lanes.are_free();
        }
        if (busy || self.book.has_unsaved()) && !gives_up {
            return;
        }
        let (saving, leaving) = self.pause.take_waiting();
        self.settle_all(saving, None);
        if leaving.is_empty() {
            return;
        }
        let snapshot = self.snapshot().write();
        for command in leaving {
            self.settle(command, Ok(vec![snapshot.clone()]));
        }
        self.end_without_disconnect();
    }

    /// Ends the client, and leaves its session to the next one if that can use it (S17).
    fn end_without_disconnect(&mut self) {
        if self.keeps_session() {
            self.forget_client_id();
            self.link.take_pending_disconnect();
        }
        self.end(None);
    }

    /// Whether the next client can continue the session of this one. A new token means a new handshake (S10), and so does
    /// a channel that is subscribed from its position, which a session does once (R7b).
    pub(super) fn keeps_session(&self) -> bool {
        !self.config.auth && !self.config.salesforce && !self.book.any_wanted()
    }

    /// All that the next client needs.
    fn snapshot(&self) -> Snapshot {
        // Everything published before the last successful poll has arrived. For channels that the predecessor had and
        // this client has not subscribed yet, the range still begins where the predecessor's did.
        let before = self.predecessor.as_ref().filter(|before| !before.is_empty());
        let verified = || self.gap_since(self.losses.verified_until());
        let client_id = self.link.client_id().filter(|_| self.keeps_session()).map(str::to_owned);
        let kept = client_id.is_some();
        // A gap remains open while the server does not have the channel yet: the next client reports it.
        let has_gap = |name: &str| !self.channels.is_delivered(name) && !self.book.tracks(name);
        let gap = kept && self.losses.promised().any(has_gap);
        let lost_before =
            before.is_some_and(|before| !before.session_continues(self.link.epoch()) || before.has_missed());
        let position = |name: &str| self.book.position(name);
        let mut channels = Vec::new();
        for name in self.losses.promised().filter(|name| self.subscriptions.wants(name)) {
            channels.push((name.to_owned(), position(name)));
        }
        for name in before.into_iter().flat_map(|before| before.channels()) {
            let known = self.losses.is_promised(name);
            // A channel that this client has unsubscribed is not in the snapshot.
            let given_up = self.book.tracks(name) && !self.subscriptions.wants(name);
            if !known && !given_up {
                let earlier = || before.and_then(|before| before.position(name).cloned());
                channels.push((name.to_owned(), position(name).or_else(earlier)));
            }
        }
        Snapshot {
            url: self.link.endpoint().href().to_owned(),
            unix_ms: before.map_or_else(verified, |before| before.unix_ms()),
            ack: self.poll.batch().filter(|_| kept).map(|(number, skip)| (number.to_owned(), skip)),
            gap,
            lost: kept && (self.poll.is_lost() || lost_before),
            // The caller's cookies outlive the session (X4).
            jar: if kept {
                self.link.jar().cloned().unwrap_or_else(Jar::new)
            } else {
                self.link.callers_cookies()
            },
            client_id,
            channels,
        }
    }
}
