//! Calls: a message on a service channel, and the one by which the service answers it.
//!
//! The two carry the same id, as with `remoteCall` of CometD's clients. The server's reply to the message comes beside the
//! answer, before or after it, and says no more than that the message has arrived.

use super::commands::MOST_DEPTH;
use super::exchange::{Lane, Publish};
use super::{ApiMisuse, Error, Session};
use crate::Instant;
use crate::bayeux::channel::{Pattern, check_publish};
use crate::bayeux::json;
use crate::bayeux::message::Message;
use crate::text::{decimal, joined};

/// A call without an answer. Until it is sent, and while its reply is open, its message is among the others.
pub(super) struct Call {
    command: u32,
    channel: String,
    id: String,
    deadline: Instant,
    timeout_ms: u64,
    /// The server has taken the message in.
    accepted: bool,
    /// A response got lost that may have held the answer.
    doubtful: bool,
}

impl Session {
    pub(super) fn call(
        &mut self,
        command: u32,
        channel: &str,
        data: &str,
        timeout_ms: Option<u64>,
    ) -> Result<(), ApiMisuse> {
        let malformed = |source| ApiMisuse::Channel { channel: channel.to_owned(), source };
        check_publish(channel).map_err(malformed)?;
        if !Pattern::parse(channel).map_err(malformed)?.is_service() {
            return Err(ApiMisuse::NotService(channel.to_owned()));
        }
        if !json::validate(data, MOST_DEPTH) {
            return Err(ApiMisuse::NotJson("call"));
        }
        // Of no other client that had this session before (S17), whose answers may be late.
        let id = joined(&[&self.next_message_id(), "c", &decimal(self.unix_ms(self.now))], "");
        let timeout_ms = timeout_ms.unwrap_or(self.config.network_delay_ms);
        self.calls.push(Call {
            command,
            channel: channel.to_owned(),
            id: id.clone(),
            deadline: self.now.after(timeout_ms),
            timeout_ms,
            accepted: false,
            doubtful: false,
        });
        let order = self.next_order();
        let (channel, data) = (channel.to_owned(), data.to_owned());
        self.publishes.push(Publish { command, order, channel, data, call: Some(id), again: false });
        Ok(())
    }

    /// Nobody waits for it any longer.
    pub(super) fn cancel(&mut self, command: u32) {
        self.calls.retain(|call| call.command != command);
        self.publishes.retain(|publish| publish.call.is_none() || publish.command != command);
    }

    /// Does somebody wait for what comes of this message?
    pub(super) fn is_wanted(&self, publish: &Publish) -> bool {
        publish.call.is_none() || self.calls.iter().any(|call| call.command == publish.command)
    }

    /// Takes in the answer to a call; `false`: it is none.
    pub(super) fn answers_call(&mut self, lane: Lane, message: &Message) -> bool {
        // What comes with the replies to messages may be such a reply, which has no data.
        if lane == Lane::Commands && message.data().is_none() {
            return false;
        }
        let is = |call: &&Call| {
            message.id() == Some(call.id.as_str()) && message.channel() == Some(call.channel.as_str())
        };
        let Some(call) = self.calls.iter().find(is) else { return false };
        let (command, channel) = (call.command, call.channel.clone());
        let result = if message.successful() == Some(false) {
            let data = message.data().and_then(|range| message.raw().get(range));
            let data = data.map(|data| self.redact(data));
            Err(Error::CallFailed { channel, failure: self.failure_of(message), data })
        } else {
            Ok(vec![message.raw().to_owned()])
        };
        self.end_call(command, result);
        true
    }

    /// The message of a call has its reply, or will have none.
    pub(super) fn call_sent(&mut self, command: u32, result: Result<Vec<String>, Error>) {
        match result {
            Ok(_) => {
                if let Some(call) = self.calls.iter_mut().find(|call| call.command == command) {
                    call.accepted = true;
                }
            }
            Err(error) => self.end_call(command, Err(error)),
        }
    }

    /// Settles a call, unless it has been already.
    fn end_call(&mut self, command: u32, result: Result<Vec<String>, Error>) {
        if self.calls.iter().any(|call| call.command == command) {
            self.cancel(command);
            self.settle(command, result);
        }
    }

    /// The session is over in which the answers would have come.
    pub(super) fn calls_lost(&mut self) {
        while let Some(call) = self.calls.iter().find(|call| call.accepted) {
            let (command, channel) = (call.command, call.channel.clone());
            self.end_call(command, Err(Error::OutcomeUnknown { channel }));
        }
    }

    /// A response got lost, and maybe an answer with it.
    pub(super) fn doubt_calls(&mut self) {
        for call in &mut self.calls {
            call.doubtful |= call.accepted;
        }
    }

    pub(super) fn end_calls(&mut self, reason: &Error) {
        while let Some(call) = self.calls.first() {
            self.end_call(call.command, Err(reason.clone()));
        }
    }

    pub(super) fn expire_calls(&mut self) {
        while let Some(call) = self.calls.iter().find(|call| call.deadline <= self.now) {
            let error = if call.doubtful {
                Error::OutcomeUnknown { channel: call.channel.clone() }
            } else {
                Error::Timeout { after_ms: call.timeout_ms }
            };
            self.end_call(call.command, Err(error));
        }
    }

    pub(super) fn calls_wake(&self) -> Instant {
        let mut wake = Instant::NEVER;
        for call in &self.calls {
            wake.pull_to(call.deadline);
        }
        wake
    }
}
