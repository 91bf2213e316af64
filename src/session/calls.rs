//! Calls: a message on a service channel, and the message with which the service answers it.
//!
//! Both carry the same id, as in `remoteCall` of CometD's clients. The server's reply to the message is separate from
//! the answer, may come before or after it, and only confirms that the message has arrived.

use super::error::Error;
use crate::Instant;
use crate::bayeux::message::Message;
use crate::ordered::NumberMap;

/// Calls without an answer, by command.
#[derive(Default)]
pub(super) struct Calls {
    open: NumberMap<Call>,
}

struct Call {
    /// The id of its message, and of the answer.
    id: String,
    channel: String,
    deadline: Instant,
    timeout_ms: u64,
    /// The server has confirmed the message.
    accepted: bool,
    /// A response that may have held the answer was lost.
    doubtful: bool,
}

/// A call that is over, and how it fails.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) struct Failed {
    pub command: u32,
    pub error: Error,
}

impl Calls {
    pub fn add(&mut self, command: u32, channel: &str, id: &str, now: Instant, timeout_ms: u64) {
        self.open.insert(
            command,
            Call {
                id: id.to_owned(),
                channel: channel.to_owned(),
                deadline: now.after(timeout_ms),
                timeout_ms,
                accepted: false,
                doubtful: false,
            },
        );
    }

    /// Removes the call that this message answers, and returns its command.
    pub fn answered(&mut self, message: &Message) -> Option<u32> {
        let (id, channel) = (message.id()?, message.channel()?);
        let is = |call: &Call| call.id == id && call.channel == channel;
        let command = self.open.iter().find(|(_, call)| is(call)).map(|(command, _)| command)?;
        self.open.remove(command);
        Some(command)
    }

    /// Removes a call, and returns whether it was there.
    pub fn remove(&mut self, command: u32) -> bool {
        self.open.remove(command).is_some()
    }

    /// Whether the call still waits for its answer.
    pub fn is_open(&self, command: u32) -> bool {
        self.open.contains(command)
    }

    /// The server has confirmed the message of a call.
    pub fn accepted(&mut self, command: u32) {
        if let Some(call) = self.open.get_mut(command) {
            call.accepted = true;
        }
    }

    /// A response was lost, and perhaps an answer with it.
    pub fn response_lost(&mut self) {
        for call in self.open.values_mut() {
            call.doubtful |= call.accepted;
        }
    }

    /// The session is over: the answers to messages that the server has confirmed will not come.
    pub fn session_lost(&mut self) -> Vec<Failed> {
        self.fail(&|call| call.accepted, &|call| Error::OutcomeUnknown { channel: call.channel.clone() })
    }

    /// The client is over.
    pub fn end(&mut self, reason: &Error) -> Vec<Failed> {
        self.fail(&|_| true, &|_| reason.clone())
    }

    /// Calls whose answer did not come in time fail. If an answer may have been lost, the outcome is unknown.
    pub fn expired(&mut self, now: Instant) -> Vec<Failed> {
        self.fail(&|call| call.deadline <= now, &|call| match call.doubtful {
            true => Error::OutcomeUnknown { channel: call.channel.clone() },
            false => Error::Timeout { after_ms: call.timeout_ms },
        })
    }

    /// When the next one expires.
    pub fn deadline(&self) -> Option<Instant> {
        self.open.values().map(|call| call.deadline).min()
    }

    /// Removes and returns the calls that are over, in the order of their commands.
    #[inline(never)]
    fn fail(&mut self, is_over: &dyn Fn(&Call) -> bool, error: &dyn Fn(&Call) -> Error) -> Vec<Failed> {
        let over = self.open.take_if(|_, call| is_over(call));
        over.into_iter().map(|(command, call)| Failed { command, error: error(&call) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1_000);

    fn calls() -> Calls {
        let mut calls = Calls::default();
        calls.add(7, "/service/b", "id-a", NOW, 500);
        calls.add(5, "/service/a", "id-b", NOW, 900);
        calls
    }

    fn answer(channel: &str, id: &str) -> Message {
        Message::parse(format!(r#"{{"channel":"{channel}","id":"{id}","data":1}}"#)).expect("a message")
    }

    fn unknown(channel: &str) -> Error {
        Error::OutcomeUnknown { channel: channel.to_owned() }
    }

    #[test]
    fn an_answer_has_the_id_and_the_channel_of_its_call() {
        let mut calls = calls();
        assert_eq!(calls.answered(&answer("/service/a", "id-a")), None);
        assert_eq!(calls.answered(&answer("/service/b", "id-c")), None);
        let without_id = Message::parse(r#"{"channel":"/service/b"}"#.to_owned()).expect("a message");
        assert_eq!(calls.answered(&without_id), None);
        assert_eq!(calls.answered(&answer("/service/b", "id-a")), Some(7));
        assert_eq!(calls.answered(&answer("/service/b", "id-a")), None, "once");
        assert!(calls.is_open(5) && !calls.is_open(7));
    }

    #[test]
    fn a_call_is_removed_by_its_command() {
        let mut calls = calls();
        assert!(calls.remove(5) && !calls.remove(5));
        assert!(calls.is_open(7));
    }

    #[test]
    fn calls_expire_by_their_own_deadlines() {
        let mut calls = calls();
        assert_eq!(calls.deadline(), Some(NOW.after(500)));
        assert_eq!(calls.expired(NOW.after(499)), []);
        let expired = calls.expired(NOW.after(500));
        assert_eq!(expired, [Failed { command: 7, error: Error::Timeout { after_ms: 500 } }]);
        assert_eq!(calls.deadline(), Some(NOW.after(900)));
        assert_eq!(Calls::default().deadline(), None);
    }

    #[test]
    fn an_answer_that_may_be_lost_makes_the_outcome_unknown() {
        let mut calls = calls();
        calls.accepted(7);
        calls.response_lost();
        let errors: Vec<Error> =
            calls.expired(NOW.after(900)).into_iter().map(|failed| failed.error).collect();
        assert_eq!(errors, [Error::Timeout { after_ms: 900 }, unknown("/service/b")]);
    }

    #[test]
    fn a_lost_session_ends_the_calls_that_it_had_accepted() {
        let mut calls = calls();
        calls.accepted(7);
        assert_eq!(calls.session_lost(), [Failed { command: 7, error: unknown("/service/b") }]);
        assert!(calls.is_open(5));
    }

    #[test]
    fn the_end_ends_all_in_the_order_of_their_commands() {
        let mut calls = calls();
        let commands: Vec<u32> = calls.end(&Error::Closed).into_iter().map(|failed| failed.command).collect();
        assert_eq!(commands, [5, 7]);
        assert_eq!(calls.end(&Error::Closed), []);
    }
}
