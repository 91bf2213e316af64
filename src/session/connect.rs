//! The poll: S4 to S9, the acknowledgement extension (A1, A2), and the poll that keeps a session that is not read (R8).

use super::acks::Acks;
use super::body::NOT_JSON;
use super::exchange::{Exchange, Kind, Lane};
use super::followed::Followed;
use super::snapshot::Snapshot;
use super::subscriptions::Remote;
use super::{Error, GapCause, Session, State, Status};
use crate::Instant;
use crate::bayeux::advice::{Advice, Reconnect};
use crate::bayeux::failure::Failure;
use crate::bayeux::message::{Ack, Message};
use crate::bayeux::write;
use crate::salesforce::{Refusal, classify};

/// The timeout of a server that advises none (S4).
const DEFAULT_TIMEOUT_MS: u64 = 110_000;
/// A poll that dies younger than this was not killed for its age (S8b).
const LEAST_CUT_AGE_MS: u64 = 1_000;

/// What is known of the polls of this client.
pub(super) struct Polling {
    /// When the next one goes out.
    pub at: Instant,
    /// It waits since the last one failed, and not because the server wants it to.
    pub backs_off: bool,
    interval_ms: u64,
    advised_timeout_ms: Option<u64>,
    /// The largest timeout advised on this url: servers may advise it once and leave it out later (S4).
    largest_timeout_ms: Option<u64>,
    advised_max_interval_ms: Option<u64>,
    multiple_clients: bool,
    /// Ask for an answer at once, to learn quickly whether the session lives.
    pub probe: bool,
    /// Age at which the last poll was cut (S8b).
    cut_age_ms: Option<u64>,
    /// Polls must be shorter than this to get past a proxy (S8b).
    longest_ms: Option<u64>,
    acks: Option<Acks>,
    /// The last poll got lost. The server may still hold it, and put events into it until the next one takes its place.
    pub lost: bool,
    /// A poll of this session has succeeded.
    pub answered: bool,
    /// Nothing has come between the handshake and the first poll of this session in which the server may have dropped it.
    pub fresh: bool,
    /// The last poll was sent when all that is wanted was subscribed, so what comes again has come or comes with it.
    pub covers: bool,
}

impl Polling {
    pub fn new(now: Instant) -> Self {
        Self {
            at: now,
            backs_off: false,
            interval_ms: 0,
            advised_timeout_ms: None,
            largest_timeout_ms: None,
            advised_max_interval_ms: None,
            multiple_clients: false,
            probe: true,
            cut_age_ms: None,
            longest_ms: None,
            acks: None,
            lost: false,
            answered: false,
            fresh: false,
            covers: false,
        }
    }

    /// Advice starts anew with each handshake (S4), and so does acknowledging.
    pub fn session_began(&mut self, advice: &Advice, ack: Option<Ack>, now: Instant) {
        self.advised_timeout_ms = None;
        self.multiple_clients = false;
        self.replace_advice(advice);
        self.probe = true;
        (self.lost, self.answered, self.fresh, self.covers) = (false, false, true, false);
        (self.at, self.backs_off) = (now.after(self.interval_ms), false);
        self.acks = Acks::granted(ack);
    }

    /// A session goes on that an earlier client had (S17).
    pub fn take_up(&mut self, snapshot: &Snapshot) {
        self.acks = snapshot.ack.clone().map(|(number, skip)| Acks::resumed(number, skip));
        // With the extension the server sends again what it holds (A1).
        self.lost = snapshot.lost && !self.acknowledges();
    }

    /// What a snapshot keeps of the acknowledgements: the events to be skipped, where the extension is in use.
    pub fn batch(&self) -> Option<(&str, Option<u32>)> {
        self.acks.as_ref().map(|acks| (acks.number(), acks.in_use().then(|| acks.skip())))
    }

    /// Advice replaces advice, whole (S4).
    fn replace_advice(&mut self, advice: &Advice) {
        self.interval_ms = u64::try_from(advice.interval_ms.unwrap_or(0)).unwrap_or(0);
        self.advised_timeout_ms = advice.timeout_ms;
        self.largest_timeout_ms = self.largest_timeout_ms.max(advice.timeout_ms);
        self.advised_max_interval_ms = advice.max_interval_ms;
    }

    /// How long the server holds a poll.
    pub fn timeout_ms(&self) -> u64 {
        self.advised_timeout_ms.or(self.largest_timeout_ms).unwrap_or(DEFAULT_TIMEOUT_MS)
    }

    /// Events at the beginning of the next body that were given out before.
    pub fn skip(&self) -> u32 {
        self.acks.as_ref().map_or(0, Acks::skip)
    }

    /// Is the acknowledgement extension in use (A1)?
    pub fn acknowledges(&self) -> bool {
        self.acks.as_ref().is_some_and(Acks::in_use)
    }

    /// Notes the age at which a parked poll died; two similar ones mean a proxy (S8b).
    fn cut_at(&mut self, age_ms: u64) {
        // A proxy as patient as the server cuts a little after its timeout.
        if age_ms < LEAST_CUT_AGE_MS {
            return;
        }
        let similar = |known: &u64| known.abs_diff(age_ms) <= (*known / 10).max(LEAST_CUT_AGE_MS / 2);
        if self.cut_age_ms.as_ref().is_some_and(similar) {
            self.longest_ms = Some(age_ms.min(self.cut_age_ms.unwrap_or(age_ms)) / 4 * 3);
        }
        self.cut_age_ms = Some(age_ms);
    }
}

impl Session {
    /// May a poll be sent at all (R8)?
    pub(super) fn may_poll(&self) -> bool {
        !self.flow.held || self.flow.overflow
    }

    pub(super) fn schedule_connect(&mut self) {
        if self.session_lane.is_some() || self.polling.at > self.now || !self.may_poll() {
            return;
        }
        if self.awaits_replay() {
            return;
        }
        let Some(client_id) = self.client_id.clone() else { return };
        if !self.has_headers(Lane::Session, self.config.network_delay_ms) {
            return;
        }
        let id = self.next_message_id();
        let probe = core::mem::take(&mut self.polling.probe);
        let shorter = self.polling.longest_ms.filter(|longest| *longest < self.polling.timeout_ms());
        let timeout_ms = if probe { Some(0) } else { shorter };
        let number = self.polling.acks.as_ref().map(Acks::number);
        let message = write::connect(&id, &client_id, timeout_ms, number);
        // [bayeux] A connect shares its request with nothing (S2).
        let mut exchange = self.send(Kind::Connect, vec![message]);
        exchange.overflow = self.flow.overflow;
        exchange.parked = !probe;
        self.polling.covers = self.subscriptions.all_present();
        self.session_lane = Some(exchange);
    }

    pub(super) fn connect_ended(&mut self, exchange: &Exchange) {
        self.poll_over(exchange);
        // With replay what cannot be decoded comes again, perhaps not before the next poll but one (X3).
        if !self.replays() || exchange.parked && self.subscriptions.all_present() {
            self.undecodable = 0;
        }
        if exchange.parked
            && self.polling.cut_age_ms.is_some_and(|cut| self.now.since(exchange.started) > cut / 10 * 11)
        {
            self.polling.cut_age_ms = None;
        }
        let succeeded = exchange.reply.as_ref().and_then(Message::successful) == Some(true);
        if let Some(acks) = &mut self.polling.acks {
            // Acknowledged only now that the body has ended whole (A1).
            let ack = exchange.reply.as_ref().and_then(Message::ack).filter(Ack::granted);
            if !acks.body_ended(ack.as_ref().and_then(Ack::number), succeeded, exchange.events) {
                let error = Error::Protocol("a batch that was cut is not sent again");
                return self.connect_failed(exchange, error, 0);
            }
        }
        if succeeded {
            self.subscriptions.gaps_end();
            self.polling.lost = false;
            self.polling.answered = true;
            self.polling.backs_off = false;
            self.polled = true;
            self.token_proven(exchange.token);
            self.sound_until = exchange.started;
            if !self.started {
                self.started = true;
                self.report(Status::Session { resumed: true });
                self.settle(0, Ok(Vec::new()));
            }
        }
        let Some(reply) = exchange.reply.as_ref() else {
            if exchange.disconnect.is_some() {
                return self.follow_disconnect(exchange, None);
            }
            return self.retry_connect(Error::Protocol("no reply to /meta/connect"), 0);
        };
        let advice = reply.advice();
        if let Some(advice) = &advice {
            self.take_advice(advice);
        }
        let advised = advice.as_ref().map(wish);
        if exchange.disconnect.is_some() {
            return self.follow_disconnect(exchange, advised);
        }
        let reconnect = advised.unwrap_or(Reconnect::Retry);
        let interval_ms = self.polling.interval_ms;
        if succeeded {
            match reconnect {
                Reconnect::Retry => {
                    self.backoff.reset();
                    self.set_state(State::Connected);
                    // From the end of the response (S6).
                    self.polling.at = self.now.after(interval_ms);
                }
                Reconnect::Handshake => {
                    self.backoff.reset();
                    self.lose_session(Error::Protocol("the server asks for a new handshake"), interval_ms);
                }
                Reconnect::None => self.after_none(exchange, None, interval_ms),
            }
            return;
        }
        let failure = self.failure_of(reply);
        let pause_ms = interval_ms.max(self.pause_ms(&failure));
        match reconnect {
            // The session of an earlier client is worth a new one (S17).
            Reconnect::None if !self.started && self.is_gone(&failure) => {
                self.session_gone(failure, interval_ms);
            }
            Reconnect::None => self.after_none(exchange, Some(failure), interval_ms),
            _ if self.is_unauthorized(&failure) => {
                self.unauthorized(exchange.token, Error::Unauthorized(failure), true);
            }
            _ if self.is_gone(&failure) => self.session_gone(failure, interval_ms),
            // It may not know the session, and say so in other words.
            Reconnect::Handshake => {
                if !self.never_knows_sessions(&failure) {
                    self.lose_session(Error::ConnectRefused(failure), pause_ms);
                }
            }
            Reconnect::Retry => self.retry_connect(Error::ConnectRefused(failure), pause_ms),
        }
    }

    pub(super) fn connect_failed(&mut self, exchange: &Exchange, error: Error, at_least_ms: u64) {
        self.poll_over(exchange);
        self.abandon(exchange, &error);
        if self.config.auth && error == Error::HttpStatus(401) {
            return self.unauthorized(
                exchange.token,
                Error::Unauthorized(Failure::parse("401::HTTP 401")),
                true,
            );
        }
        if self.is_lost(exchange, &error) {
            return self.replace_session(error, at_least_ms);
        }
        let interval_ms = self.polling.interval_ms;
        self.retry_connect(error, interval_ms.max(at_least_ms));
    }

    /// What a poll that did not arrive whole leaves behind: a batch to be sent again, or a gap.
    pub(super) fn abandon(&mut self, exchange: &Exchange, error: &Error) {
        let refused = is_refusal(error);
        if exchange.kind == Kind::Connect {
            if let Some(acks) = self.polling.acks.as_mut().filter(|_| !refused) {
                acks.body_cut(exchange.events);
            }
            let by_proxy = matches!(error, Error::Network(_) | Error::HttpStatus(408 | 500..));
            if by_proxy && exchange.parked {
                self.polling.cut_at(self.now.since(exchange.started));
            }
        }
        // Events ride on every reply (S13), but with the extension on polls alone, and those come again.
        let acknowledges = self.polling.acknowledges();
        let carried_none = refused || acknowledges && exchange.kind == Kind::Commands;
        if carried_none && exchange.epoch == self.epoch {
            self.response_ended(exchange);
        }
        if !acknowledges && !refused && exchange.epoch == self.epoch {
            let undecodable = matches!(error, Error::Protocol(words) if *words == NOT_JSON);
            self.polling.lost |= exchange.kind == Kind::Connect;
            self.doubt_calls();
            self.passed_unseen();
            let cause = if undecodable { GapCause::Undecodable } else { GapCause::ResponseLost };
            self.gap(cause, exchange.since, true);
        }
    }

    /// Is a channel being subscribed from a position? Its events come on the reply; with a poll open beside it they would
    /// be provisional until that ends, which may take long (R4a). The first poll of a session does not wait: it is
    /// answered at once.
    pub(super) fn awaits_replay(&self) -> bool {
        let replaying =
            |exchange: &Exchange| exchange.replays && !exchange.held && exchange.epoch == self.epoch;
        if self.polling.probe {
            return false;
        }
        match &self.commands_lane {
            Some(exchange) => replaying(exchange),
            // It is about to be: after a refused position, for instance.
            None => self.commands_at <= self.now && self.flow.may_read() && self.replay_is_due(),
        }
    }

    /// Does a channel that is followed wait for nothing but its request?
    fn replay_is_due(&self) -> bool {
        self.subscriptions.wires.iter().any(|wire| {
            let channel = wire.pattern.as_str();
            wire.remote == Remote::Absent
                && wire.retry_at <= self.now
                && wire.deciding.is_none()
                && self.followed(channel).is_some_and(|one| self.may_replay(one))
                && self.subscriptions.wants(channel)
        })
    }

    /// May this channel be subscribed from its position? The server may still hold a poll that got lost, and put into it
    /// what is to come again, until the next one takes its place.
    pub(super) fn may_replay(&self, followed: &Followed) -> bool {
        followed.is_loaded() && !self.polling.lost
    }

    /// May events have been lost with it that replay can bring again (R7)?
    pub(super) fn is_lost(&self, exchange: &Exchange, error: &Error) -> bool {
        exchange.epoch == self.epoch && !is_refusal(error) && self.client_id.is_some() && self.replays()
    }

    /// A new session takes the place of one whose response did not arrive whole (R7).
    pub(super) fn replace_session(&mut self, error: Error, at_least_ms: u64) {
        let client_id = self.client_id.clone();
        self.leave_session(GapCause::ResponseLost, self.sound_until, true, client_id);
        if let Some(delay_ms) = self.back_off(error, at_least_ms) {
            self.handshake_at = self.now.after(delay_ms);
        }
    }

    /// Nothing was lost with this response: what waited for it counts (R4a).
    pub(super) fn response_ended(&mut self, exchange: &Exchange) {
        let acknowledges = self.polling.acknowledges();
        let other = if exchange.kind == Kind::Connect { &self.commands_lane } else { &self.session_lane };
        let brings =
            |beside: &&Exchange| beside.epoch == self.epoch && beside.kind.brings_events(acknowledges);
        let beside = other.as_deref().filter(brings).map(|beside| beside.id.get());
        for one in &mut self.followed {
            let wire = self.subscriptions.wire(one.ledger.channel());
            let present = wire.is_some_and(|wire| wire.remote == Remote::Present);
            // A poll that is refused brings nothing.
            let accepted = exchange.reply.as_ref().and_then(Message::successful) == Some(true);
            let poll = exchange.kind == Kind::Connect && accepted;
            one.ledger.response_ended(exchange.id.get(), poll, present, beside);
        }
    }

    /// Does the failure say that the server cannot go on with the session?
    pub(super) fn is_gone(&self, failure: &Failure) -> bool {
        matches!(classify(failure), Some(Refusal::UnknownClient | Refusal::CookieMissing))
    }

    /// A new session takes the place of one that the server does not know (S9).
    pub(super) fn session_gone(&mut self, failure: Failure, at_least_ms: u64) {
        if !self.never_knows_sessions(&failure) {
            self.lose_session(Error::UnknownClient(failure), at_least_ms);
        }
    }

    /// One poll beyond the limits is all that a full queue allows (R8).
    pub(super) fn poll_over(&mut self, exchange: &Exchange) {
        if exchange.overflow {
            self.flow.overflow = false;
        }
    }

    pub(super) fn retry_connect(&mut self, error: Error, at_least_ms: u64) {
        self.polling.fresh = false;
        if let Some(delay_ms) = self.back_off(error, at_least_ms) {
            self.polling.probe = true;
            self.polling.backs_off = true;
            self.polling.at = self.now.after(delay_ms);
        }
    }

    fn take_advice(&mut self, advice: &Advice) {
        self.polling.replace_advice(advice);
        if advice.multiple_clients && !self.polling.multiple_clients {
            let interval_ms = self.polling.interval_ms;
            self.report(Status::MultipleClients { interval_ms });
        }
        self.polling.multiple_clients = advice.multiple_clients;
    }

    /// The server's own disconnect: its advice, else that of the connect reply beside it, else `none` (S5, S12).
    pub(super) fn follow_disconnect(&mut self, exchange: &Exchange, beside: Option<Reconnect>) {
        let advice = exchange.disconnect.as_ref().and_then(Message::advice);
        if let Some(advice) = &advice {
            self.take_advice(advice);
        }
        let own = advice.as_ref().map(wish);
        let failed = exchange.reply.as_ref().filter(|reply| reply.successful() == Some(false));
        let failure = failed.or(exchange.disconnect.as_ref().filter(|message| message.error().is_some()));
        let failure = failure.map(|message| self.failure_of(message));
        let interval_ms = self.polling.interval_ms;
        match own.or(beside).unwrap_or(Reconnect::None) {
            Reconnect::None => self.after_none(exchange, failure, interval_ms),
            Reconnect::Handshake => self.lose_session(Error::ServerEnded(failure), interval_ms),
            Reconnect::Retry => self.retry_connect(Error::ServerEnded(failure), interval_ms),
        }
    }

    /// The session is gone: a new handshake, and all subscriptions again (S9).
    pub(super) fn lose_session(&mut self, error: Error, at_least_ms: u64) {
        self.leave_session(GapCause::SessionLost, self.sound_until, false, None);
        if let Some(delay_ms) = self.back_off(error, at_least_ms) {
            self.handshake_at = self.now.after(delay_ms);
        }
    }

    /// While the application does not read, a poll shortly before the server would drop the session (R8).
    pub(super) fn expire_hold(&mut self) {
        if self.hold_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.flow.overflow = true;
            if let Some(held) = &mut self.session_lane {
                // The room is for the poll after this one.
                held.overflow = false;
            }
            self.resume_bodies();
        }
    }

    /// When one poll is due although the queue is full: after three quarters of the server's patience, which are 30 of
    /// Salesforce's 40 seconds. Its clock stands still while it holds a poll.
    pub(super) fn hold_deadline(&self) -> Option<Instant> {
        let polls = self.session_lane.as_ref().is_some_and(|exchange| !exchange.held);
        if !self.flow.held
            || self.flow.overflow
            || !self.flow.may_overflow()
            || polls
            || self.client_id.is_none()
        {
            return None;
        }
        let window_ms = self.polling.advised_max_interval_ms.unwrap_or(self.config.max_interval_ms);
        Some(self.flow.last_response.after(window_ms / 4 * 3))
    }
}

/// Was the request refused unprocessed? A 408 may come from a proxy that grew tired of waiting.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::HttpStatus(400..=407 | 409..500))
}

/// What an advice wants, with the default where it does not say (S4). A negative interval: do not retry (S6).
fn wish(advice: &Advice) -> Reconnect {
    match advice.reconnect.unwrap_or(Reconnect::Retry) {
        Reconnect::Retry if advice.interval_ms.is_some_and(|ms| ms < 0) => Reconnect::None,
        reconnect => reconnect,
    }
}
