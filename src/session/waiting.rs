//! Time: what the client waits for, and what happens when a timer expires.

use super::exchange::{Commands, Flight, Kind, SessionRequest};
use super::lanes::LaneId;
use super::timers::Timer;
use super::{Error, Output, Session};
use crate::Instant;
use crate::text::{decimal, joined};

impl Session {
    /// The next instant at which a timer expires.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        Timer::earliest(|timer| self.set_for(timer))
    }

    /// Acts on every timer that has expired.
    pub(super) fn expire(&mut self) {
        for timer in Timer::ALL {
            let has_passed = |session: &Self| session.set_for(timer).is_some_and(|at| at <= session.now);
            while has_passed(self) && self.expired(timer) {}
        }
    }

    /// When a timer expires, if it is set.
    #[inline(never)]
    fn set_for(&self, timer: Timer) -> Option<Instant> {
        if self.shutdown.is_closed() {
            return None;
        }
        let (closing, paused) = (self.shutdown.has_begun(), self.pause.is_paused());
        match timer {
            Timer::Request(lane) => self.lanes.flight(lane).and_then(Flight::deadline),
            Timer::Headers => self.lanes.headers_deadline(),
            Timer::Store => self.book.wake(),
            Timer::Shutdown => self.shutdown_wake(),
            _ if closing => None,
            Timer::Call => self.calls.deadline(),
            Timer::Drain => self.pause.drain_end(),
            Timer::Pause => self.pause_wake(),
            Timer::Token if paused => self.tokens.wake_elsewhere().filter(|_| !self.pause.is_silent()),
            _ if paused => None,
            Timer::Token => self.tokens.wake(),
            Timer::ExtraPoll => self.extra_poll_at(),
            Timer::FullQueue => self.full_queue_deadline(),
            Timer::Decision => self.channels.oldest_question().map(|(_, deadline)| deadline),
            Timer::FirstContact => self.handshakes.contact_deadline(),
            Timer::Handshake => {
                let waits = !self.link.has_session() && self.lanes.is_free(LaneId::Session);
                (waits && self.tokens.may_send()).then(|| self.handshakes.at())
            }
            Timer::Poll => {
                let waits = self.link.has_session() && self.lanes.is_free(LaneId::Session);
                (waits && self.flow.may_poll() && !self.awaits_replay()).then(|| self.poll.at())
            }
            Timer::Commands => self.commands_wake(),
        }
    }

    /// A timer has expired. Returns `false` if it only wakes the scheduler.
    fn expired(&mut self, timer: Timer) -> bool {
        match timer {
            Timer::Request(lane) => self.request_expired(lane),
            Timer::Headers => self.headers_expired(),
            Timer::ExtraPoll => self.allow_extra_poll(),
            Timer::FullQueue => return self.give_up_messages(),
            Timer::Store => match self.book.overdue(self.now) {
                Some(request) => self.store_failed(request, "no answer within 10 s"),
                None => return false,
            },
            // No answer in time: the default applies.
            Timer::Decision => match self.channels.oldest_question() {
                Some((request, _)) => self.decided(request, None),
                None => return false,
            },
            Timer::Call => {
                let failed = self.calls.expired(self.now);
                self.fail_calls(failed);
            }
            Timer::FirstContact => self.end(Some(Error::ConnectTimeout {
                after_ms: self.config.connect_timeout_ms,
                login: !self.tokens.may_send(),
                last: self.handshakes.last_before_contact().map(Box::new),
            })),
            Timer::Token
            | Timer::Handshake
            | Timer::Poll
            | Timer::Commands
            | Timer::Drain
            | Timer::Pause
            | Timer::Shutdown => return false,
        }
        true
    }

    /// No answer, or no further byte, in time (S7).
    fn request_expired(&mut self, lane: LaneId) {
        if let Some((request, after_ms)) =
            self.lanes.flight(lane).map(|flight| (flight.id(), flight.patience_ms()))
        {
            self.emit(Output::Abort(request));
            self.fail_request(lane, Error::Timeout { after_ms }, 0);
        }
    }

    fn headers_expired(&mut self) {
        if let Some((lane, waited_ms)) = self.lanes.headers_overdue(self.now) {
            self.headers_failed(lane, &joined(&["no answer within ", &decimal(waited_ms), " ms"], ""));
        }
    }

    /// The headers of a request have come. A late answer is ignored.
    pub(super) fn headers_given(&mut self, number: u32, answer: Result<&[(String, String)], &str>) {
        let Some(lane) = self.lanes.lane_asked(number) else { return };
        match answer.map_err(str::to_owned).and_then(|headers| self.checked_headers(headers)) {
            Ok(headers) => self.lanes.headers_given(lane, headers),
            Err(reason) => self.headers_failed(lane, &reason),
        }
    }

    /// There are no headers: a failed attempt like any other (S8), except that nothing was sent.
    fn headers_failed(&mut self, lane: LaneId, reason: &str) {
        self.lanes.cancel_headers(lane);
        let error = Error::HeadersFailed(self.redact(reason));
        match lane {
            LaneId::Commands => self.commands_unsent(error),
            LaneId::Session if self.shutdown.has_begun() => self.leave_without_disconnect(),
            LaneId::Session if self.link.take_pending_disconnect().is_some() => {
                self.handshakes.session_left_behind(self.now);
            }
            LaneId::Session if self.link.has_session() => self.retry_poll(error, 0),
            LaneId::Session => self.retry_handshake(error, 0),
        }
    }

    /// When one poll is due although the queue is full (R8). The server's clock stands still while it holds one.
    fn extra_poll_at(&self) -> Option<Instant> {
        let polls = self.lanes.flight(LaneId::Session).is_some_and(|flight| !flight.is_held());
        if polls || !self.link.has_session() {
            return None;
        }
        self.flow.extra_poll_at(self.poll.max_interval_ms().unwrap_or(self.config.max_interval_ms))
    }

    fn allow_extra_poll(&mut self) {
        self.flow.allow_extra_poll();
        if let Some(SessionRequest::Connect(held)) = self.lanes.session_mut() {
            // The extra poll is the one after this.
            held.extra = false;
        }
        self.release_held();
    }

    /// When messages that wait because of a full queue fail.
    fn full_queue_deadline(&self) -> Option<Instant> {
        let held = self.lanes.flight(LaneId::Commands).is_some_and(Flight::is_held);
        let unread = held && self.lanes.commands().is_some_and(|commands| commands.has_open_messages());
        let stuck = unread || !self.outbox.is_empty() && !self.poll.acknowledges();
        self.flow.full_since().filter(|_| stuck).map(|since| since.after(self.config.network_delay_ms))
    }

    /// A reader that awaits a publish in its own loop must not block itself for ever (R8): at twice the limits nothing
    /// is sent or read any more, so the message fails, and the reader goes on.
    fn give_up_messages(&mut self) -> bool {
        if !self.poll.acknowledges() {
            self.reject_waiting(&|channel| Error::QueueFull { channel });
        }
        if !self.lanes.flight(LaneId::Commands).is_some_and(Flight::is_held) {
            return false;
        }
        let Some(commands) = self.lanes.commands_mut() else { return false };
        let mut messages = Commands { sent: commands.take_messages(), ..Commands::default() };
        for outgoing in self.take_back(&mut messages) {
            self.reject(outgoing, &|channel| Error::OutcomeUnknown { channel });
        }
        false
    }

    /// When the work of a pause is to be done, or given up.
    fn pause_wake(&self) -> Option<Instant> {
        let is_cut_off = |lane| self.lanes.kind(lane).is_some_and(|kind| kind != Kind::Disconnect);
        let open = is_cut_off(LaneId::Session) || is_cut_off(LaneId::Commands);
        let until = self.pause.requests_until().filter(|_| open);
        until.into_iter().chain(self.pause.give_up_at()).min()
    }
}
