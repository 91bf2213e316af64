//! What the session has put out.

use cometd_edge::session::{Error, Event, GapCause, Request, Status};

use super::*;

impl Sim {
    pub fn kinds(&self) -> Vec<&'static str> {
        self.open.iter().map(Request::kind).collect()
    }

    /// A header of the open request of this kind.
    pub fn header(&self, kind: &str, name: &str) -> Option<String> {
        let request = self.request(kind);
        request.headers().iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// Replay ids of all events so far.
    pub fn ids(&self) -> Vec<String> {
        let id =
            |event: &Event| event.message.raw()[event.message.replay_id().expect("a position")].to_owned();
        self.events.iter().map(id).collect()
    }

    /// Replay ids of the events that this subscription was given.
    pub fn ids_of(&self, subscription: u32) -> Vec<String> {
        let own = self.events.iter().map(|event| event.subscriptions.contains(&subscription));
        self.ids().into_iter().zip(own).filter(|(_, own)| *own).map(|(id, _)| id).collect()
    }

    /// The number of the event with this replay id, the last one of that.
    pub fn sequence(&self, id: &str) -> u32 {
        let index = self.ids().iter().rposition(|known| known == id).expect("such an event");
        self.events[index].sequence
    }

    /// The position from which the open request subscribes its only channel, as it stands on the wire.
    pub fn from(&self) -> String {
        let request = self.request("commands");
        let message = request.messages().first().expect("a message");
        assert_eq!(request.messages().len(), 1, "{message}");
        let (_, map) = message.split_once(r#""ext":{"replay":{"#).expect("a position");
        let (_, position) = map.split_once("\":").expect("a map");
        position.trim_end_matches('}').to_owned()
    }

    /// The last position that is being saved for this channel.
    pub fn saving(&self, channel: &str) -> Option<&str> {
        let (_, _, position) = self.saves.iter().find(|(_, known, _)| known == channel)?;
        Some(&position.replay_id)
    }

    pub fn count(&self, kind: &str) -> usize {
        self.sent.iter().filter(|request| request.kind() == kind).count()
    }

    /// `data` of all events so far.
    pub fn data(&self) -> Vec<String> {
        let data = |event: &Event| event.message.raw()[event.message.data().expect("an event")].to_owned();
        self.events.iter().map(data).collect()
    }

    pub fn result(&self, command: u32) -> Option<&Result<Vec<String>, Error>> {
        self.settled.iter().find(|(number, _)| *number == command).map(|(_, result)| result)
    }

    /// Panics unless the command has failed.
    pub fn error(&self, command: u32) -> &Error {
        match self.result(command) {
            Some(Err(error)) => error,
            other => panic!("{command} did not fail: {other:?}"),
        }
    }

    /// Panics unless the command has succeeded.
    pub fn ok(&self, command: u32) -> &[String] {
        match self.result(command) {
            Some(Ok(replies)) => replies,
            other => panic!("{command} did not succeed: {other:?}"),
        }
    }

    pub fn gaps(&self) -> Vec<(String, GapCause)> {
        let gap = |status: &Status| match status {
            Status::Gap { channel, cause, .. } => Some((channel.clone(), *cause)),
            _ => None,
        };
        self.statuses.iter().filter_map(gap).collect()
    }

    /// Attempt and delay of every retry.
    pub fn retries(&self) -> Vec<(u32, u64)> {
        let retry = |status: &Status| match status {
            Status::Retry { attempt, delay_ms, .. } => Some((*attempt, *delay_ms)),
            _ => None,
        };
        self.statuses.iter().filter_map(retry).collect()
    }

    /// What the client ended with.
    pub fn closed_with(&self) -> &Error {
        match &self.closed {
            Some(Some(error)) => error,
            other => panic!("the client did not end with an error: {other:?}"),
        }
    }
}
