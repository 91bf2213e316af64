//! S5, S11, R6: what follows when the server refuses what was sent, a subscription above all.

use super::exchange::{Sent, What};
use super::subscriptions::Deciding;
use super::{Error, Output, Session, Status};
use crate::Instant;
use crate::bayeux::advice::Reconnect;
use crate::bayeux::failure::Failure;
use crate::bayeux::message::Message;
use crate::salesforce::{Refusal, classify};

/// A subscription that was never accepted is tried so often, unless `maxRetries` says otherwise.
const MOST_FIRST_TRIES: u32 = 10;

impl Session {
    /// Does the reply say that the server does not know the client, in words or by its advice (S5, S9)?
    pub(super) fn is_unknown(&self, message: &Message) -> bool {
        let failure = self.failure_of(message);
        let advised =
            || message.advice().is_some_and(|advice| advice.reconnect == Some(Reconnect::Handshake));
        message.successful() != Some(true)
            && !self.is_unauthorized(&failure)
            && (self.is_gone(&failure) || advised())
    }

    /// The same of the whole request, in a message that has no channel (S5). Which of the messages were processed it does not
    /// say, so none of the application's is sent again.
    pub(super) fn request_unknown(&mut self, message: &Message, current: bool) {
        let failure = self.failure_of(message);
        let gone = self.is_gone(&failure);
        let Some(exchange) = self.commands_lane.as_mut().filter(|_| current) else { return };
        let mut refused = Vec::new();
        let named = |sent: &Sent| !sent.answered && message.id() == Some(&sent.message_id);
        let one = exchange.sent.iter().any(named);
        for sent in exchange.sent.iter_mut().filter(|sent| if one { named(sent) } else { !sent.answered }) {
            match &sent.what {
                What::Subscribe(channel)
                    if !gone && !self.subscriptions.first_unknown(channel, self.epoch) =>
                {
                    sent.answered = true;
                    refused.push(channel.clone());
                }
                _ => exchange.unknown_client = Some(failure.clone()),
            }
        }
        for channel in refused {
            self.subscribe_refused(&channel, failure.clone());
        }
    }

    /// The server said no to one subscription.
    pub(super) fn subscribe_refused(&mut self, channel: &str, failure: Failure) {
        if !self.subscriptions.wants(channel) {
            return self.give_up(channel, failure);
        }
        let failure = match classify(&failure) {
            Some(Refusal::ReplayInvalid) => match self.position_refused(channel, failure) {
                Ok(()) => return,
                Err(failure) => return self.give_up(channel, failure),
            },
            _ => failure,
        };
        if !self.config.decides || self.ending.is_some() {
            return self.act_on(channel, failure, None);
        }
        self.next_decision = self.next_decision.wrapping_add(1);
        let request = self.next_decision;
        let deadline = self.now.after(self.config.network_delay_ms);
        let Some(wire) = self.subscriptions.wire(channel) else { return };
        wire.deciding = Some(Deciding { request, deadline, failure: failure.clone() });
        self.subscriptions.undo(channel, self.now);
        self.apply();
        let channel = channel.to_owned();
        let error = Error::SubscribeRefused { channel: channel.clone(), failure };
        self.emit(Output::Decide { request, channel, error });
    }

    /// The application has decided.
    pub(super) fn decided(&mut self, request: u32, retry: Option<bool>) {
        let asked = |deciding: &mut Deciding| deciding.request == request;
        let mut wires = self.subscriptions.wires.iter_mut();
        let Some((channel, deciding)) = wires.find_map(|wire| {
            let deciding = wire.deciding.take_if(asked)?;
            Some((wire.pattern.as_str().to_owned(), deciding))
        }) else {
            return;
        };
        self.act_on(&channel, deciding.failure, retry);
    }

    /// Who does not answer leaves it to the session.
    pub(super) fn expire_decisions(&mut self) {
        let now = self.now;
        while let Some(request) = self.subscriptions.wires.iter().find_map(|wire| {
            wire.deciding.as_ref().filter(|open| open.deadline <= now).map(|open| open.request)
        }) {
            self.decided(request, None);
        }
    }

    pub(super) fn decision_wake(&self) -> Instant {
        let mut wake = Instant::NEVER;
        for wire in &self.subscriptions.wires {
            wake.pull_to(wire.deciding.as_ref().map_or(Instant::NEVER, |deciding| deciding.deadline));
        }
        wake
    }

    fn act_on(&mut self, channel: &str, failure: Failure, retry: Option<bool>) {
        let passes = || {
            matches!(
                classify(&failure),
                Some(Refusal::ServerBusy | Refusal::ConcurrentLimit | Refusal::DailyLimit)
            )
        };
        if !retry.unwrap_or_else(passes) || self.ending.is_some() {
            return self.give_up(channel, failure);
        }
        let pause_ms = self.pause_ms(&failure).min(self.config.retry.max_delay_ms);
        let error = Error::SubscribeRefused { channel: channel.to_owned(), failure };
        let Some(wire) = self.subscriptions.wire(channel) else { return };
        let most = self.config.retry.max_retries;
        let most = most.unwrap_or(if wire.confirmed { u32::MAX } else { MOST_FIRST_TRIES });
        let delay_ms = wire.backoff.next(self.now, pause_ms, &self.config.retry, &mut self.rng);
        let attempt = wire.backoff.attempts();
        let retry_at = self.now.after(delay_ms);
        if attempt > most {
            let error = if most == 0 {
                error
            } else {
                Error::MaxRetries { attempts: attempt, last: Box::new(error) }
            };
            self.subscriptions.refused(channel, &error);
        } else {
            self.report(Status::Retry { attempt, delay_ms, error });
            if let Some(wire) = self.subscriptions.wire(channel) {
                wire.retry_at = retry_at;
            }
            self.subscriptions.undo(channel, retry_at);
        }
        self.apply();
    }

    fn give_up(&mut self, channel: &str, failure: Failure) {
        let error = Error::SubscribeRefused { channel: channel.to_owned(), failure };
        self.subscriptions.refused(channel, &error);
        self.apply();
    }
}
