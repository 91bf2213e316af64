//! D1, D2, R7a: a client that reads for a while and then rests, or rests while its page is hidden.

use super::exchange::{Exchange, Kind, Lane, What};
use super::subscriptions::Remote;
use super::{ApiMisuse, Error, GapCause, Session, State};
use crate::Instant;

/// What is under way has this long to end well.
const REQUESTS_MS: u64 = 1_000;
/// Saying good-bye and saving take no longer than this (D2).
const MOST_MS: u64 = 2_000;

/// A drain that runs.
pub(super) struct Drain {
    command: u32,
    idle_ms: Option<u64>,
    deadline: Instant,
    /// Since then there is nothing to wait for but new events.
    idle_since: Option<Instant>,
    /// There was a session, at one time at least.
    connected: bool,
}

/// A client that sends nothing.
pub(super) struct Rest {
    /// For as long as the page is hidden.
    hidden: bool,
    /// Until the next drain.
    asleep: bool,
    requests_until: Instant,
    give_up_at: Instant,
    /// Events may be lost with what was cut off.
    lost: bool,
    /// Commands that wait until all is saved.
    waiting: Vec<u32>,
    /// Commands that wait for a snapshot, with which the client ends (S17).
    leaving: Vec<u32>,
}

impl Session {
    pub(super) fn drain(
        &mut self,
        command: u32,
        idle_ms: Option<u64>,
        deadline_ms: u64,
    ) -> Result<(), ApiMisuse> {
        if self.drain.is_some() {
            return Err(ApiMisuse::Draining);
        }
        if let Some(rest) = &mut self.rest {
            if !rest.leaving.is_empty() {
                return Err(ApiMisuse::Closed);
            }
            rest.asleep = false;
            for command in core::mem::take(&mut rest.waiting) {
                self.settle(command, Ok(Vec::new()));
            }
        }
        self.go_on();
        let deadline = self.now.after(deadline_ms);
        let connected = self.state == State::Connected;
        self.drain = Some(Drain { command, idle_ms, deadline, idle_since: None, connected });
        Ok(())
    }

    /// Is there nothing to wait for but new events? What a subscribe brings again may come with a poll sent after it.
    fn is_drained(&self) -> bool {
        let mut lanes = [&self.session_lane, &self.commands_lane].into_iter().flatten();
        self.state == State::Connected
            && self.polling.answered
            && (self.polling.covers || !self.replays())
            && self.subscriptions.all_present()
            && self.flow.events == 0
            // The extensions may have an event.
            && !lanes.any(|exchange| exchange.inspecting)
    }

    /// Ends the drain where it is time to.
    pub(super) fn mind_drain(&mut self) {
        let (now, drained, connected) = (self.now, self.is_drained(), self.state == State::Connected);
        let Some(drain) = &mut self.drain else { return };
        drain.connected |= connected;
        drain.idle_since = if drained { drain.idle_since.or(Some(now)) } else { None };
        if drain.wake() <= now {
            self.end_drain();
        }
    }

    fn end_drain(&mut self) {
        self.rest(false);
        if let Some(Drain { command, connected, .. }) = self.drain.take() {
            self.settle(command, if connected { Ok(Vec::new()) } else { Err(Error::Deadline) });
        }
    }

    /// The end of a client that may be draining or resting.
    pub(super) fn end_rest(&mut self, reason: &Error) {
        if let Some(rest) = self.rest.take() {
            for command in rest.waiting {
                self.settle(command, Ok(Vec::new()));
            }
            for command in rest.leaving {
                self.settle(command, Err(reason.clone()));
            }
        }
        if let Some(drain) = self.drain.take() {
            self.settle(drain.command, Err(reason.clone()));
        }
    }

    pub(super) fn rest_and_settle(&mut self, command: u32) {
        if let Some(rest) = self.rest_for_good() {
            rest.waiting.push(command);
        }
    }

    pub(super) fn suspend(&mut self, command: u32) {
        if let Some(rest) = self.rest_for_good() {
            rest.leaving.push(command);
        }
    }

    /// Rests, and has its time for it from now on, unless somebody waits for that already.
    fn rest_for_good(&mut self) -> Option<&mut Rest> {
        self.end_drain();
        let give_up_at = self.now.after(MOST_MS);
        let rest = self.rest.as_mut()?;
        if rest.waiting.is_empty() && rest.leaving.is_empty() {
            rest.give_up_at = give_up_at;
        }
        Some(rest)
    }

    pub(super) fn hidden(&mut self, hidden: bool) {
        if hidden {
            self.rest(true);
        } else if let Some(rest) = &mut self.rest {
            rest.hidden = false;
            self.go_on();
        }
    }

    /// Does it rest, and not just for as long as its page is hidden?
    pub(super) fn is_suspended(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.asleep)
    }

    /// Does it rest, and is something lost with what that cut off?
    pub(super) fn rests_with_a_loss(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.lost)
    }

    fn rest(&mut self, hidden: bool) {
        if !hidden {
            self.subscriptions.let_go();
            self.apply();
            // Nobody waits for what is not to be sent.
            self.reject_queued(&|_| Error::Misuse(ApiMisuse::Suspended));
        }
        let requests_until = self.now.after(if hidden { 0 } else { REQUESTS_MS });
        let give_up_at = self.now.after(MOST_MS);
        if let Some(rest) = &mut self.rest {
            if hidden {
                rest.hidden = true;
                rest.requests_until.pull_to(requests_until);
            } else if !core::mem::replace(&mut rest.asleep, true) {
                rest.give_up_at = give_up_at;
            }
            return;
        }
        self.set_state(State::Suspended);
        self.rest = Some(Rest {
            hidden,
            asleep: !hidden,
            requests_until,
            give_up_at,
            lost: false,
            waiting: Vec::new(),
            leaving: Vec::new(),
        });
        self.headers.cancel(Lane::Session);
        self.headers.cancel(Lane::Commands);
        if let Some(mut poll) = self.session_lane.take_if(|exchange| exchange.kind == Kind::Connect) {
            self.cut_off(&mut poll);
        }
    }

    fn go_on(&mut self) {
        let Some(rest) = self.rest.take_if(|rest| !rest.hidden && !rest.asleep) else { return };
        self.stop_wondering();
        self.set_state(if self.client_id.is_some() { State::Retrying } else { State::Handshaking });
        self.restart_first_contact();
        self.polling.probe = true;
        self.polling.fresh = false;
        if rest.lost {
            self.passed_unseen();
        }
        // A session that is over by now has nothing to bring again.
        if !rest.lost || !self.replays() || self.client_id.is_none() {
            return;
        }
        if self.config.salesforce {
            return self.leave_for_replay();
        }
        for index in 0..self.followed.len() {
            let Some(one) = self.followed.get(index) else { return };
            if let Some(wire) = self.subscriptions.wire(one.ledger.channel()) {
                wire.again |= matches!(wire.remote, Remote::Present | Remote::Subscribing);
            }
        }
    }

    /// Whether a replay within a living session works there is not known, so the next session begins at the positions
    /// (S17), and this one ends.
    fn leave_for_replay(&mut self) {
        let client_id = self.client_id.clone();
        self.leave_session(GapCause::ResponseLost, self.sound_until, true, client_id);
        self.handshake_at = self.now;
    }

    /// Aborts a request because of a rest. What it would have brought counts as lost (R7a): the server may have handed it
    /// out already.
    pub(super) fn cut_off(&mut self, exchange: &mut Exchange) {
        self.emit(super::Output::Abort(exchange.id));
        match exchange.kind {
            Kind::Handshake => self.leave_handshake(exchange.reply.as_ref()),
            // The session may still be there.
            Kind::Disconnect => self.storm.session_left_behind(self.now),
            Kind::Connect => self.poll_over(exchange),
            Kind::Commands => {}
        }
        if exchange.epoch == self.epoch && matches!(exchange.kind, Kind::Connect | Kind::Commands) {
            self.abandon(exchange, &Error::Closed);
            let lost = !self.polling.acknowledges();
            if let Some(rest) = &mut self.rest {
                rest.lost |= lost;
            }
        }
        for sent in exchange.take_unanswered() {
            match sent.what {
                What::Subscribe(channel) | What::Unsubscribe(channel) => {
                    self.subscriptions.undo(&channel, self.now);
                    self.apply();
                }
                what => self.reject(what, &|channel| Error::OutcomeUnknown { channel }),
            }
        }
    }

    /// What is still to be done at rest: requests that end, good-bye to a session, saving.
    pub(super) fn schedule_rest(&mut self) {
        let Some(rest) = &self.rest else { return };
        let (late, give_up, asleep) =
            (rest.requests_until <= self.now, rest.give_up_at <= self.now, rest.asleep);
        let silent = rest.is_silent();
        for lane in [Lane::Session, Lane::Commands] {
            let cut = |exchange: &mut Box<Exchange>| late && (silent || exchange.kind != Kind::Disconnect);
            if let Some(mut exchange) = self.lane(lane).take_if(cut) {
                self.cut_off(&mut exchange);
            }
        }
        if !silent {
            self.schedule_token_elsewhere();
        }
        if !asleep {
            return;
        }
        if self.commands_lane.is_none() {
            self.calls_lost();
        }
        let mut busy = self.session_lane.is_some() || self.commands_lane.is_some();
        if !busy && self.client_id.is_some() && self.config.salesforce && self.replays() {
            self.leave_for_replay();
        }
        if !busy && !give_up && !silent && self.farewell.is_some() {
            self.schedule_farewell();
            busy = self.session_lane.is_some() || self.headers.awaited(Lane::Session);
        }
        if (busy || self.has_unsaved()) && !give_up {
            return;
        }
        let Some(rest) = &mut self.rest else { return };
        let leaving = core::mem::take(&mut rest.leaving);
        for command in core::mem::take(&mut rest.waiting) {
            self.settle(command, Ok(Vec::new()));
        }
        if leaving.is_empty() {
            return;
        }
        let snapshot = self.snapshot();
        for command in leaving {
            self.settle(command, Ok(vec![snapshot.clone()]));
        }
        self.end_quietly();
    }

    /// When something is to be done at rest.
    pub(super) fn rest_wake(&self, rest: &Rest) -> Instant {
        let mut wake = self.store_wake().min(self.calls_wake());
        let asks = self.tokens.elsewhere && !rest.is_silent();
        wake.pull_to(self.token_wake().filter(|_| asks).unwrap_or(Instant::NEVER));
        for exchange in [&self.session_lane, &self.commands_lane].into_iter().flatten() {
            if exchange.kind != Kind::Disconnect {
                wake.pull_to(rest.requests_until);
            } else if !exchange.waits_for_the_client() {
                wake.pull_to(exchange.deadline);
            }
        }
        if !rest.leaving.is_empty() || !rest.waiting.is_empty() {
            wake.pull_to(rest.give_up_at);
        }
        wake
    }

    pub(super) fn drain_wake(&self) -> Instant {
        self.drain.as_ref().map_or(Instant::NEVER, Drain::wake)
    }
}

impl Rest {
    /// Nothing of a page that is hidden is on the network, but for its last word.
    fn is_silent(&self) -> bool {
        self.hidden && self.leaving.is_empty()
    }
}

impl Drain {
    fn wake(&self) -> Instant {
        let mut wake = self.deadline;
        if let (Some(idle_ms), Some(since)) = (self.idle_ms, self.idle_since) {
            wake.pull_to(since.after(idle_ms));
        }
        wake
    }
}
