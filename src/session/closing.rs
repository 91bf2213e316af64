//! S16: what a client does while it ends.

use super::exchange::{Kind, SessionRequest};
use super::lanes::LaneId;
use super::shutdown::MAX_MS;
use super::{Error, Output, Session};
use crate::Instant;
use crate::bayeux::write;

impl Session {
    /// Disconnects, and saves positions.
    pub(super) fn schedule_shutdown(&mut self) {
        let Some(give_up_at) = self.shutdown.give_up_at() else { return };
        let gives_up = give_up_at <= self.now;
        let late = gives_up || self.shutdown.messages_until().is_some_and(|until| until <= self.now);
        if late {
            self.abort_unanswered();
        }
        if self.awaits_answers() {
            return;
        }
        let owed = self.link.has_session() || self.link.owes_disconnect();
        if owed && !self.lanes.is_open(LaneId::Session) && !self.has_headers(LaneId::Session, MAX_MS) {
            if !gives_up {
                return;
            }
            self.leave_without_disconnect();
        }
        if !self.lanes.is_open(LaneId::Session) && self.disconnect(gives_up) {
            return;
        }
        if gives_up {
            self.abort(LaneId::Session);
        }
        // Positions are flushed meanwhile (R5).
        if self.lanes.is_open(LaneId::Session) || self.book.has_unsaved() && !gives_up {
            return;
        }
        let error = self.shutdown.finish();
        let commits = self.book.end();
        self.settle_all(commits, Some(error.as_ref().unwrap_or(&Error::Closed)));
        self.emit(Output::Closed(error));
    }

    /// Whether messages are in flight, or a handshake whose reply is on its way.
    fn awaits_answers(&self) -> bool {
        self.lanes.is_open(LaneId::Commands) || self.is_shaking_hands()
    }

    fn abort_unanswered(&mut self) {
        if self.lanes.is_open(LaneId::Commands) {
            self.abort(LaneId::Commands);
        }
        if self.is_shaking_hands() {
            self.abort(LaneId::Session);
        }
    }

    /// Sends the disconnect of this session, else that of an earlier one. Returns whether one has gone out.
    fn disconnect(&mut self, gives_up: bool) -> bool {
        let flight = if let Some(client_id) = self.link.forget_client_id(false) {
            let id = self.lanes.next_message_id();
            self.send(Kind::Disconnect, vec![write::disconnect(&id, &client_id)])
        } else if !gives_up && let Some(pending) = self.link.take_pending_disconnect() {
            self.send_pending_disconnect(pending)
        } else {
            return false;
        };
        self.lanes.open_session(flight, SessionRequest::Disconnect);
        true
    }

    /// The pending disconnect cannot be sent.
    pub(super) fn leave_without_disconnect(&mut self) {
        self.forget_client_id();
        self.link.take_pending_disconnect();
    }

    /// When the ending client has something to do next.
    pub(super) fn shutdown_wake(&self) -> Option<Instant> {
        if self.awaits_answers() { self.shutdown.messages_until() } else { self.shutdown.give_up_at() }
    }
}
