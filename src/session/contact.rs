//! S9, S14: first contact. The server must answer something in time, and know the first sessions that it makes.

use super::{Error, Session};
use crate::Instant;
use crate::bayeux::failure::Failure;
use crate::salesforce::{Refusal, classify};
use crate::text::joined;

/// A server that forgets one new session may have restarted. One that forgets so many in a row does not get what ties a
/// request to its session.
const MOST_UNKNOWN: u8 = 2;

/// While the server has not answered anything yet.
pub(super) struct FirstContact {
    /// It must have by then.
    by: Instant,
    /// What failed last.
    last: Option<Error>,
}

impl FirstContact {
    pub fn new(now: Instant, timeout_ms: u64) -> Self {
        Self { by: now.after(timeout_ms), last: None }
    }
}

impl Session {
    /// The time for the first answer begins (again): with the client, with the first token, after a rest.
    pub(super) fn restart_first_contact(&mut self) {
        if self.first_contact.is_some() {
            self.first_contact = Some(FirstContact::new(self.now, self.config.connect_timeout_ms));
        }
    }

    /// A request or a login has failed.
    pub(super) fn first_contact_failed(&mut self, error: &Error) {
        if let Some(contact) = &mut self.first_contact {
            contact.last = Some(error.clone());
        }
    }

    pub(super) fn first_contact_wake(&self) -> Instant {
        self.first_contact.as_ref().map_or(Instant::NEVER, |contact| contact.by)
    }

    /// Ends a client that has heard nothing from its server. A page that rests while it is hidden has no need to.
    pub(super) fn expire_first_contact(&mut self) {
        let now = self.now;
        if self.rest.is_some() {
            return;
        }
        let Some(contact) = self.first_contact.take_if(|contact| contact.by <= now) else { return };
        self.end(Some(Error::ConnectTimeout {
            after_ms: self.config.connect_timeout_ms,
            login: !self.may_send(),
            last: contact.last.map(Box::new),
        }));
    }

    /// The server does not know a session that it has just made. `true`: it is the second one in a row, so the next would
    /// fare no better, and the client has ended. Once any poll has succeeded, a session may be lost at any time.
    pub(super) fn never_knows_sessions(&mut self, failure: &Failure) -> bool {
        let unknown = match classify(failure) {
            Some(refusal) => matches!(refusal, Refusal::UnknownClient | Refusal::CookieMissing),
            // Words that nobody knows; but for an error of the server's own.
            None => failure.code < 500,
        };
        if self.polled || !self.polling.fresh || !unknown {
            self.unknown_sessions = 0;
            return false;
        }
        self.unknown_sessions = self.unknown_sessions.saturating_add(1);
        if self.unknown_sessions < MOST_UNKNOWN {
            return false;
        }
        // There is nothing to disconnect.
        self.retire_client_id();
        let own_cookies = self.config.own_cookies;
        self.end(Some(Error::CookieMissing { failure: failure.clone(), own_cookies }));
        true
    }

    /// Where the server is, for messages: without the query, which may hold secrets (X2).
    pub fn place(&self) -> String {
        let endpoint = &self.config.endpoint;
        joined(&[endpoint.origin(), endpoint.path()], "")
    }
}
