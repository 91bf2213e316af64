//! What becomes of the messages of the application: given up, rejected, settled (R7, R8).

use super::exchange::{Exchange, Publish, Sent, What};
use super::{Error, Output, Session};
use crate::Instant;

impl Session {
    /// The request is given up: what its messages came to is unknown.
    pub(super) fn reject_sent(&mut self, exchange: &mut Exchange, error: &dyn Fn(String) -> Error) {
        for sent in exchange.take_unanswered() {
            self.reject(sent.what, error);
        }
    }

    pub(super) fn reject(&mut self, what: What, error: &dyn Fn(String) -> Error) {
        match what {
            What::Publish(publish) => {
                let error = error(publish.channel.clone());
                self.settle_publish(&publish, Err(error));
            }
            What::Raw(raw) => {
                // Others of the same call may have been processed.
                let begun = self.is_begun(raw.command);
                if let Some(index) = self.raw_replies.iter().position(|(known, _)| *known == raw.command) {
                    self.raw_replies.swap_remove(index);
                    while let Some(other) = self.raws.iter().position(|other| other.command == raw.command) {
                        self.raws.remove(other);
                    }
                    let channel = raw.channel;
                    let error = if begun { Error::OutcomeUnknown { channel } } else { error(channel) };
                    self.settle(raw.command, Err(error));
                }
            }
            What::Subscribe(_) | What::Unsubscribe(_) => {}
        }
    }

    /// Messages that never went out.
    pub(super) fn reject_queued(&mut self, error: &dyn Fn(String) -> Error) {
        for publish in core::mem::take(&mut self.publishes) {
            self.reject(What::Publish(publish), error);
        }
        for raw in core::mem::take(&mut self.raws) {
            self.reject(What::Raw(raw), error);
        }
    }

    /// When messages that a full queue holds back are given up.
    pub(super) fn full_deadline(&self) -> Option<Instant> {
        let held = self.commands_lane.as_ref().filter(|exchange| exchange.held);
        let unread = held.is_some_and(|exchange| exchange.sent.iter().any(Sent::is_open_message));
        let waiting = !self.publishes.is_empty() || !self.raws.is_empty();
        let stuck = unread || waiting && !self.polling.acknowledges();
        self.flow.full_since.filter(|_| stuck).map(|since| since.after(self.config.network_delay_ms))
    }

    /// A reader that awaits a message in its own loop must not wait for itself for ever (R8): at twice the limits
    /// nothing is sent or read any more, so the message fails, and the reader goes on.
    pub(super) fn expire_full(&mut self) {
        if self.full_deadline().is_none_or(|deadline| deadline > self.now) {
            return;
        }
        if !self.polling.acknowledges() {
            self.reject_queued(&|channel| Error::QueueFull { channel });
        }
        let held = self.commands_lane.as_mut().filter(|exchange| exchange.held);
        for sent in held.map(|exchange| core::mem::take(&mut exchange.sent)).unwrap_or_default() {
            if sent.is_open_message() {
                self.reject(sent.what, &|channel| Error::OutcomeUnknown { channel });
            } else if let Some(exchange) = &mut self.commands_lane {
                exchange.sent.push(sent);
            }
        }
    }

    /// Has a message of this `send()` gone out?
    pub(super) fn is_begun(&self, command: u32) -> bool {
        let sent = self.commands_lane.iter().flat_map(|exchange| &exchange.sent);
        let in_flight =
            sent.into_iter().any(|sent| matches!(&sent.what, What::Raw(raw) if raw.command == command));
        in_flight || self.raw_replies.iter().any(|(known, replies)| *known == command && !replies.is_empty())
    }

    /// May a message that was not processed be sent a second time?
    pub(super) fn may_go_again(&self, publish: &Publish) -> bool {
        !publish.again && self.ending.is_none() && self.is_wanted(publish)
    }

    /// A message has its reply, or will have none.
    pub(super) fn settle_publish(&mut self, publish: &Publish, result: Result<Vec<String>, Error>) {
        if publish.call.is_some() {
            self.call_sent(publish.command, result);
        } else {
            self.settle(publish.command, result);
        }
    }

    pub(super) fn settle(&mut self, command: u32, result: Result<Vec<String>, Error>) {
        self.emit(Output::Settled { command, result });
    }
}
