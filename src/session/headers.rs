//! X4, S8: the caller's headers, which may be asked for before each request.
//!
//! They are asked for before a request is put together: as long as they are not there nothing is on its way, so nothing
//! can be lost with them.

use super::exchange::Lane;
use super::{Error, Output, Session};
use crate::Instant;
use crate::bayeux::json::push_string;
use crate::http::check_cookies;
use crate::http::cookies::Giver;
use crate::http::headers::check_header;
use crate::text::{decimal, joined};

/// The headers of the next request, by its lane.
#[derive(Default)]
pub(super) struct Headers {
    session: Stage,
    commands: Stage,
    last: u32,
}

#[derive(Default)]
enum Stage {
    /// Nothing is to be sent.
    #[default]
    Idle,
    /// The driver has been asked for them.
    Asked { number: u32, asked: Instant, deadline: Instant },
    /// They are there, for the one request that is due.
    Given(Vec<(String, String)>),
}

impl Headers {
    fn stage(&mut self, lane: Lane) -> &mut Stage {
        match lane {
            Lane::Session => &mut self.session,
            Lane::Commands => &mut self.commands,
        }
    }

    /// Does a request of this lane wait for them?
    pub fn awaited(&self, lane: Lane) -> bool {
        let stage = match lane {
            Lane::Session => &self.session,
            Lane::Commands => &self.commands,
        };
        matches!(stage, Stage::Asked { .. })
    }

    /// The request is not to be sent any more: a late answer is ignored.
    pub fn cancel(&mut self, lane: Lane) {
        *self.stage(lane) = Stage::Idle;
    }

    /// What is asked next gets its answer for itself: these were for a request that is not due any more.
    pub fn drop_unused(&mut self) {
        for lane in [Lane::Session, Lane::Commands] {
            if matches!(self.stage(lane), Stage::Given(_)) {
                self.cancel(lane);
            }
        }
    }

    /// Those of the request that goes out now.
    pub fn take(&mut self, lane: Lane) -> Vec<(String, String)> {
        match core::mem::take(self.stage(lane)) {
            Stage::Given(headers) => headers,
            Stage::Idle | Stage::Asked { .. } => Vec::new(),
        }
    }

    /// When waiting for an answer ends.
    pub fn wake(&self) -> Instant {
        let mut wake = Instant::NEVER;
        for stage in [&self.session, &self.commands] {
            if let Stage::Asked { deadline, .. } = stage {
                wake.pull_to(*deadline);
            }
        }
        wake
    }

    fn lane_of(&self, request: u32) -> Option<Lane> {
        let is = |stage: &Stage| matches!(stage, Stage::Asked { number, .. } if *number == request);
        if is(&self.session) {
            Some(Lane::Session)
        } else if is(&self.commands) {
            Some(Lane::Commands)
        } else {
            None
        }
    }
}

impl Session {
    /// Are there headers for a request of this lane? Where they have to be asked for first, the answer has `within_ms`.
    pub(super) fn has_headers(&mut self, lane: Lane, within_ms: u64) -> bool {
        if !self.config.asks_headers {
            return true;
        }
        let number = self.headers.last.wrapping_add(1);
        let (asked, deadline) = (self.now, self.now.after(within_ms));
        match self.headers.stage(lane) {
            Stage::Given(_) => return true,
            Stage::Asked { .. } => return false,
            idle => *idle = Stage::Asked { number, asked, deadline },
        }
        self.headers.last = number;
        self.emit(Output::Headers { request: number });
        false
    }

    /// The answer. One that nobody waits for any more is ignored.
    pub(super) fn headers_given(&mut self, request: u32, answer: Result<&[(String, String)], &str>) {
        let Some(lane) = self.headers.lane_of(request) else { return };
        match answer.map_err(str::to_owned).and_then(|headers| self.checked(headers)) {
            Ok(headers) => *self.headers.stage(lane) = Stage::Given(headers),
            Err(reason) => self.headers_failed(lane, reason),
        }
    }

    /// Gives up on answers that take too long.
    pub(super) fn expire_headers(&mut self) {
        for lane in [Lane::Session, Lane::Commands] {
            if let Stage::Asked { asked, deadline, .. } = *self.headers.stage(lane)
                && deadline <= self.now
            {
                let ms = decimal(deadline.since(asked));
                self.headers_failed(lane, joined(&["no answer within ", &ms, " ms"], ""));
            }
        }
    }

    /// Headers that can be sent. The cookies among them belong into the jar.
    fn checked(&mut self, given: &[(String, String)]) -> Result<Vec<(String, String)>, String> {
        let (mut headers, mut cookies) = (Vec::new(), Vec::new());
        for (name, value) in given {
            let bad = |why: &str| {
                let mut named = String::new();
                push_string(&mut named, name);
                joined(&[&named, ": ", why], "")
            };
            check_header(name, value).map_err(|error| bad(error.as_str()))?;
            if !name.eq_ignore_ascii_case("cookie") {
                headers.push((name.clone(), value.clone()));
            } else if self.config.own_cookies {
                check_cookies(value).map_err(|error| bad(error.as_str()))?;
                cookies.push(value.as_str());
            } else {
                return Err(bad("the host keeps the cookies, and sends no others"));
            }
        }
        self.give_cookies(Giver::Headers, &joined(&cookies, "; "));
        Ok(headers)
    }

    /// Puts the caller's own cookies into the jar (X4).
    pub(super) fn give_cookies(&mut self, giver: Giver, text: &str) {
        if self.config.own_cookies {
            let unix_ms = self.unix_ms(self.now);
            self.jar.give(giver, text, &self.own_endpoint, self.now, unix_ms);
        }
    }

    /// There are none: a failed attempt like any other (S8), but that nothing was sent.
    fn headers_failed(&mut self, lane: Lane, reason: String) {
        self.headers.cancel(lane);
        let error = Error::HeadersFailed(self.redact(&reason));
        match lane {
            Lane::Commands => self.commands_unsent(error),
            Lane::Session if self.ending.is_some() => self.leave_without_a_word(),
            Lane::Session if self.farewell.take().is_some() => self.storm.session_left_behind(self.now),
            Lane::Session if self.client_id.is_some() => self.retry_connect(error, 0),
            Lane::Session => self.retry_handshake(error, 0),
        }
    }
}
