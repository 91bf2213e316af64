//! How a request, a session and the client itself are given up (R7d, S9a, S16).

use super::calls::Failed;
use super::exchange::{Commands, Flight, Kind, SessionRequest};
use super::lanes::{Ended, LaneId};
use super::outgoing::{Outgoing, Publish, Sent};
use super::status::{GapCause, State};
use super::{Error, Output, Session};
use crate::bayeux::message::Message;

impl Session {
    /// Ends the client; the first reason stands.
    #[inline(never)]
    pub(super) fn end(&mut self, error: Option<Error>) {
        if !self.shutdown.begin(error.clone(), self.now) {
            return;
        }
        self.handshakes.contact_made();
        self.set_state(State::Closed);
        self.lanes.cancel_all_headers();
        // The disconnect of an earlier session may finish (R7d), and so may a handshake that is being answered: its
        // reply names a session that must be disconnected, too (S9a).
        let accepted = self.lanes.flight(LaneId::Session).is_some_and(|flight| flight.is_accepted());
        let stays = match self.lanes.session() {
            None | Some(SessionRequest::Disconnect) => true,
            Some(SessionRequest::Handshake(handshake)) => accepted && handshake.reply.is_none(),
            Some(SessionRequest::Connect(_)) => false,
        };
        if !stays {
            self.abort(LaneId::Session);
        }
        if !self.lanes.commands().is_some_and(Commands::carries_messages) {
            self.abort(LaneId::Commands);
        }
        let reason = error.unwrap_or(Error::Closed);
        if self.handshakes.connected() {
            self.settle(0, Err(reason.clone()));
        }
        let failed = self.calls.end(&reason);
        self.fail_calls(failed);
        self.reject_waiting(&|_| reason.clone());
        self.end_pause(&reason);
        self.tokens.stop();
        self.end_subscriptions(&reason);
        self.flow.clear();
        self.release_held();
    }

    /// Leaves the session. `disconnect`: the server still has it, so it will be disconnected.
    #[inline(never)]
    pub(super) fn leave_session(&mut self, cause: GapCause, uncovered: bool, disconnect: bool) {
        let in_flight = self.in_flight();
        let mut since = self.losses.verified_until();
        // What is still in flight may be lost with the session.
        for flight in self.lanes.flights() {
            since.pull_to(flight.since());
        }
        self.gap(cause, since, uncovered);
        let client_id = self.link.session_ended(self.lanes.is_open(LaneId::Commands));
        let lost = self.calls.session_lost();
        self.fail_calls(lost);
        self.abort(LaneId::Session);
        // Messages may still be answered; subscribes no longer matter.
        if !self.lanes.commands().is_some_and(Commands::carries_messages) {
            self.abort(LaneId::Commands);
        }
        if let Some(client_id) = client_id.filter(|_| disconnect) {
            self.owe_disconnect(client_id);
        }
        self.book.restart(in_flight);
        self.lanes.session_over();
        let released = self.channels.session_lost(self.now);
        self.tell_released(released);
    }

    /// A session subscribes a channel once (R7b), so this session ends, and the next one begins at the positions.
    pub(super) fn leave_for_replay(&mut self) {
        self.leave_session(GapCause::SessionLost, true, true);
        // A back-off goes on (S8).
        let at = self.poll.back_off_end().map_or(self.now, |at| self.now.max(*at));
        self.handshakes.schedule(at);
        if self.state == State::Connected {
            self.set_state(State::Handshaking);
        }
    }

    /// Forgets the session without a disconnect: the server no longer has it, or is to keep it.
    pub(super) fn forget_client_id(&mut self) {
        self.link.forget_client_id(self.lanes.is_open(LaneId::Commands));
    }

    /// A handshake whose session the client does not use. If the handshake has succeeded, the server has that session
    /// (S9a): it is disconnected or, if its id has not come, counted as left behind.
    #[inline(never)]
    pub(super) fn leave_handshake(&mut self, reply: Option<&Message>) {
        if reply.is_some_and(|reply| reply.successful() != Some(true)) {
            return;
        }
        match reply.and_then(Message::client_id) {
            Some(client_id) => self.owe_disconnect(client_id.to_owned()),
            None => self.handshakes.session_left_behind(self.now),
        }
    }

    fn owe_disconnect(&mut self, client_id: String) {
        self.link.owe_disconnect(client_id, self.tokens.current().cloned());
    }

    /// Stops a request whose response no longer matters.
    #[inline(never)]
    pub(super) fn abort(&mut self, lane: LaneId) {
        self.lanes.cancel_headers(lane);
        let Some(ended) = self.lanes.take(lane) else { return };
        self.emit(Output::Abort(ended.id()));
        match ended {
            Ended::Handshake(_, handshake) => self.leave_handshake(handshake.reply.as_ref()),
            Ended::Commands(flight, commands) => {
                self.lose(Kind::Commands, &flight);
                self.reject_sent(*commands, &|channel| Error::OutcomeUnknown { channel });
            }
            Ended::Connect(flight, _) => self.lose(Kind::Connect, &flight),
            Ended::Disconnect(_) => {}
        }
    }

    /// The response to a request of this session will not be read: what it held comes again in the next session, or is
    /// a gap.
    pub(super) fn lose(&mut self, kind: Kind, flight: &Flight) {
        if flight.epoch() == self.link.epoch() && !self.poll.acknowledges() {
            self.lanes.lose(kind, flight);
        }
    }

    /// Fails the messages of a request that is given up.
    pub(super) fn reject_sent(&mut self, mut commands: Commands, error: &dyn Fn(String) -> Error) {
        for outgoing in self.take_back(&mut commands) {
            self.reject(outgoing, error);
        }
    }

    /// Takes the unanswered messages back from a request that is over.
    #[inline(never)]
    pub(super) fn take_back(&mut self, commands: &mut Commands) -> Vec<Outgoing> {
        let unanswered = commands.take_unanswered();
        self.outbox.no_longer_in_flight(&unanswered);
        unanswered.into_iter().filter_map(Sent::into_message).collect()
    }

    /// Fails messages that never went out.
    pub(super) fn reject_waiting(&mut self, error: &dyn Fn(String) -> Error) {
        for outgoing in self.outbox.take_all() {
            self.reject(outgoing, error);
        }
    }

    /// Fails a message. A subscribe or an unsubscribe does not fail: what is still wanted is sent again.
    #[inline(never)]
    pub(super) fn reject(&mut self, outgoing: Outgoing, error: &dyn Fn(String) -> Error) {
        match outgoing {
            Outgoing::Publish(publish) => {
                let error = error(publish.channel.clone());
                self.settle_publish(&publish, Err(error));
            }
            Outgoing::Raw(raw) => {
                if let Some((command, result)) = self.outbox.fail_send(*raw, error) {
                    self.settle(command, result);
                }
            }
            Outgoing::Subscribe(_) | Outgoing::Unsubscribe(_) => {}
        }
    }

    /// A message has its reply, or will have none. The reply to the message of a call is not the answer to the call.
    pub(super) fn settle_publish(&mut self, publish: &Publish, result: Result<Vec<String>, Error>) {
        match result {
            result if publish.call.is_none() => self.settle(publish.command, result),
            Ok(_) => self.calls.accepted(publish.command),
            Err(error) => {
                if self.calls.remove(publish.command) {
                    self.fail_calls(vec![Failed { command: publish.command, error }]);
                }
            }
        }
    }

    /// Fails calls; messages of theirs that have not gone out are dropped.
    #[inline(never)]
    pub(super) fn fail_calls(&mut self, failed: Vec<Failed>) {
        for Failed { command, error } in failed {
            self.outbox.cancel_call(command);
            self.settle(command, Err(error));
        }
    }

    /// Fails the calls whose messages the server has confirmed: the session in which the answers would have come is
    /// over, or the client pauses.
    pub(super) fn lose_calls(&mut self) {
        let lost = self.calls.session_lost();
        self.fail_calls(lost);
    }

    /// Ends a drain or a pause because the client ends.
    fn end_pause(&mut self, reason: &Error) {
        let (saving, leaving) = self.pause.take_waiting();
        self.settle_all(saving, None);
        self.settle_all(leaving, Some(reason));
        let draining = self.pause.end();
        self.settle_all(draining.into_iter().collect(), Some(reason));
    }

    fn end_subscriptions(&mut self, reason: &Error) {
        for subscription in self.subscriptions.ids() {
            let Some(left) = self.subscriptions.remove(subscription) else { continue };
            left.names().for_each(|name| self.book.set_wanted(name, false));
            if left.is_settled() {
                let error = Some(reason.clone()).filter(|reason| !matches!(reason, Error::Closed));
                self.emit(Output::Ended { subscription, error });
            } else {
                self.settle(subscription, Err(reason.clone()));
            }
        }
        let released = self.channels.clear();
        self.tell_released(released);
    }

    /// Whether a handshake is under way.
    pub(super) fn is_shaking_hands(&self) -> bool {
        self.lanes.kind(LaneId::Session) == Some(Kind::Handshake)
    }
}
