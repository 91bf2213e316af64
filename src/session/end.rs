//! S5a, S16: how a client ends, by itself or by an error.

use super::exchange::{Exchange, Kind, Lane};
use super::handshake::retire;
use super::tokens::Token;
use super::{Error, Output, Session, State};
use crate::Instant;
use crate::bayeux::failure::Failure;
use crate::bayeux::message::Message;
use crate::bayeux::write;
use crate::http::cookies::Jar;
use crate::http::endpoint::Endpoint;

/// Disconnecting takes no longer than this (S16).
const MOST_MS: u64 = 2_000;
/// Messages in flight have this long to be answered before the disconnect goes out.
const MESSAGES_MS: u64 = 1_000;
/// An old session's disconnect has this long before the new handshake goes out (R7d).
pub(super) const FAREWELL_MS: u64 = 1_000;

/// A session that is given up, and that the server still has.
pub(super) struct Farewell {
    pub client_id: String,
    pub jar: Jar,
    pub endpoint: Endpoint,
    /// The last one that was given for that endpoint, unless it was refused.
    pub token: Option<Token>,
}

/// A client that is about to be over.
pub(super) struct Ending {
    error: Option<Error>,
    messages_until: Instant,
    give_up_at: Instant,
    disconnecting: bool,
    pub done: bool,
}

impl Session {
    /// Ends the client; the first reason stands.
    pub(super) fn end(&mut self, error: Option<Error>) {
        if self.ending.is_some() {
            return;
        }
        self.ending = Some(Ending {
            error: error.clone(),
            messages_until: self.now.after(MESSAGES_MS),
            give_up_at: self.now.after(MOST_MS),
            disconnecting: false,
            done: false,
        });
        self.first_contact = None;
        self.set_state(State::Closed);
        self.headers.cancel(Lane::Session);
        self.headers.cancel(Lane::Commands);
        // What says good-bye to an earlier session may do so to its end (R7d), and a handshake that is being answered may
        // give the name of one that is to be ended as well (S9a).
        let stays = |exchange: &Exchange| match exchange.kind {
            Kind::Disconnect => true,
            Kind::Handshake => exchange.accepted && exchange.reply.is_none(),
            Kind::Connect | Kind::Commands => false,
        };
        if self.session_lane.as_deref().is_some_and(|exchange| !stays(exchange)) {
            self.abort(Lane::Session);
        }
        if !self.commands_lane.as_ref().is_some_and(|exchange| exchange.carries_messages()) {
            self.abort(Lane::Commands);
        }
        let reason = error.unwrap_or(Error::Closed);
        if !self.started {
            self.started = true;
            self.settle(0, Err(reason.clone()));
        }
        self.end_calls(&reason);
        self.reject_queued(&|_| reason.clone());
        self.end_rest(&reason);
        self.tokens_are_no_longer_needed();
        self.end_subscriptions(&reason);
        self.flow.clear();
        self.resume_bodies();
    }

    /// Ends the client, and leaves its session to the next one where that can use it (S17).
    pub(super) fn end_quietly(&mut self) {
        if self.keeps_session() {
            self.retire_client_id();
            self.farewell = None;
        }
        self.end(None);
    }

    /// The server wants no further session (S5a); `over`: nor does it have this one any more.
    pub(super) fn end_by_server(&mut self, failure: Option<Failure>, over: bool) {
        if over {
            self.retire_client_id();
        }
        self.end(Some(Error::ServerEnded(failure)));
    }

    /// A handshake of which the client makes no use. Where it succeeded there is a session at the server (S9a): it is
    /// disconnected, or, if its id has not come, counted.
    pub(super) fn leave_handshake(&mut self, reply: Option<&Message>) {
        if reply.is_some_and(|reply| reply.successful() != Some(true)) {
            return;
        }
        match reply.and_then(Message::client_id) {
            Some(client_id) => self.owe_farewell(client_id.to_owned()),
            None => self.storm.session_left_behind(self.now),
        }
    }

    /// The server will be told that this session is over. The next one carries none of its cookies (R7d), but for
    /// those of the caller.
    pub(super) fn owe_farewell(&mut self, client_id: String) {
        let callers = self.jar.callers();
        let jar = core::mem::replace(&mut self.jar, callers);
        let (endpoint, token) = (self.config.endpoint.clone(), self.tokens.current());
        self.farewell = Some(Farewell { client_id, jar, endpoint, token });
    }

    /// The disconnect that is owed cannot be sent.
    pub(super) fn leave_without_a_word(&mut self) {
        self.retire_client_id();
        self.farewell = None;
    }

    pub(super) fn retire_client_id(&mut self) {
        let old = self.client_id.take();
        retire(&mut self.old_client_ids, old, self.commands_lane.is_some());
    }

    /// Nothing of the session is known any more.
    pub(super) fn forget_session(&mut self) {
        self.retire_client_id();
        self.calls_lost();
        self.epoch = self.epoch.wrapping_add(1);
        self.abort(Lane::Session);
        // Messages may still be answered; subscriptions need not.
        if !self.commands_lane.as_ref().is_some_and(|exchange| exchange.carries_messages()) {
            self.abort(Lane::Commands);
        }
    }

    pub(super) fn schedule_end(&mut self) {
        let now = self.now;
        let Some(ending) = self.ending.as_mut().filter(|ending| !ending.done) else { return };
        let give_up = ending.give_up_at <= now;
        let late = give_up || ending.messages_until <= now;
        if self.commands_lane.is_some() && late {
            self.abort(Lane::Commands);
        }
        if self.is_shaking_hands() && late {
            self.abort(Lane::Session);
        }
        if self.commands_lane.is_some() || self.is_shaking_hands() {
            return;
        }
        let owed = self.client_id.is_some() || self.farewell.is_some();
        if owed && self.session_lane.is_none() && !self.has_headers(Lane::Session, MOST_MS) {
            if !give_up {
                return;
            }
            self.leave_without_a_word();
        }
        let Some(ending) = self.ending.as_mut() else { return };
        if !ending.disconnecting
            && let Some(client_id) = self.client_id.take()
        {
            ending.disconnecting = true;
            let id = self.next_message_id();
            let exchange = self.send(Kind::Disconnect, vec![write::disconnect(&id, &client_id)]);
            self.session_lane = Some(exchange);
            return;
        }
        if self.session_lane.is_none()
            && !give_up
            && let Some(farewell) = self.farewell.take()
        {
            return self.say_farewell(farewell);
        }
        if give_up {
            self.abort(Lane::Session);
        }
        // Positions are flushed meanwhile (R5).
        if self.session_lane.is_some() || self.has_unsaved() && !give_up {
            return;
        }
        let error = self.ending.as_mut().and_then(|ending| {
            ending.done = true;
            ending.error.clone()
        });
        self.end_commits(error.as_ref());
        self.emit(Output::Closed(error));
    }

    /// Disconnects a session that was given up, with its own cookies.
    pub(super) fn say_farewell(&mut self, farewell: Farewell) {
        let Farewell { client_id, jar, endpoint, token } = farewell;
        // A token goes to no instance but its own (S10a).
        let moved = endpoint != self.config.endpoint;
        let current = moved.then(|| self.tokens.carry(token));
        let jar = core::mem::replace(&mut self.jar, jar);
        let endpoint = core::mem::replace(&mut self.config.endpoint, endpoint);
        let id = self.next_message_id();
        let mut exchange = self.send(Kind::Disconnect, vec![write::disconnect(&id, &client_id)]);
        self.jar = jar;
        self.config.endpoint = endpoint;
        if let Some(current) = current {
            self.tokens.carry(current);
        }
        // Its cookies and advice are nobody's any more.
        exchange.epoch = self.epoch.wrapping_sub(1);
        exchange.patience_ms = FAREWELL_MS;
        exchange.deadline = self.now.after(FAREWELL_MS);
        self.session_lane = Some(exchange);
    }

    /// The last thing: nobody will save any more.
    fn end_commits(&mut self, error: Option<&Error>) {
        for index in 0..self.followed.len() {
            let commands =
                self.followed.get_mut(index).map(|one| one.ledger.take_waiters(None)).unwrap_or_default();
            self.settle_commits(commands, Some(error.unwrap_or(&Error::Closed)));
        }
    }

    fn is_shaking_hands(&self) -> bool {
        self.session_lane.as_ref().is_some_and(|exchange| exchange.kind == Kind::Handshake)
    }

    pub(super) fn end_wake(&self, ending: &Ending) -> Instant {
        let awaits_replies = self.commands_lane.is_some() || self.is_shaking_hands();
        let mut wake = if awaits_replies { ending.messages_until } else { ending.give_up_at };
        // A request may have less time, as the disconnect of an older session has.
        for exchange in [&self.session_lane, &self.commands_lane].into_iter().flatten() {
            if !exchange.waits_for_the_client() {
                wake.pull_to(exchange.deadline);
            }
        }
        wake
    }

    /// Stops a request whose response no longer matters.
    pub(super) fn abort(&mut self, lane: Lane) {
        self.headers.cancel(lane);
        let Some(mut exchange) = self.lane(lane).take() else { return };
        self.emit(Output::Abort(exchange.id));
        if exchange.kind == Kind::Handshake {
            self.leave_handshake(exchange.reply.as_ref());
        }
        self.reject_sent(&mut exchange, &|channel| Error::OutcomeUnknown { channel });
    }

    fn end_subscriptions(&mut self, reason: &Error) {
        let subs = core::mem::take(&mut self.subscriptions.subs);
        for sub in subs {
            if sub.is_settled() {
                let error = Some(reason.clone()).filter(|reason| !matches!(reason, Error::Closed));
                self.emit(Output::Ended { subscription: sub.id, error });
            } else {
                self.settle(sub.id, Err(reason.clone()));
            }
        }
        self.subscriptions.session_lost(self.now);
        self.apply();
    }
}
