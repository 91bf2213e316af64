//! D1, D2, S17, R7a: drains, and pauses in which the client sends nothing: until the next drain, for good, or while its
//! page is hidden.

use crate::Instant;

/// How long requests under way may take when a pause begins, before they are aborted.
const REQUESTS_MS: u64 = 1_000;
/// Disconnecting and saving take no longer than this (D2).
const MAX_MS: u64 = 2_000;

/// Whether the client sends anything, and until when.
pub(super) enum Pause {
    /// It sends, during a drain or without one.
    Running(Option<Drain>),
    /// The page is hidden: no request is open. A running drain goes on when the page is shown.
    Hidden(Break, Option<Drain>),
    /// Nothing is sent until the next drain (D2).
    Suspended(Suspended),
}

/// A drain that runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drain {
    command: u32,
    idle_ms: Option<u64>,
    deadline: Instant,
    /// Since when there has been nothing to wait for but new events.
    idle_since: Option<Instant>,
    /// Whether there was a session at any time.
    connected: bool,
}

/// How long requests under way may take, and whether something was lost with them.
#[derive(Clone, Copy)]
pub(super) struct Break {
    requests_until: Instant,
    /// Events may have been lost with an aborted request.
    lost: bool,
}

/// A client that sends nothing until the next drain.
pub(super) struct Suspended {
    of: Break,
    give_up_at: Instant,
    /// Whether the page is hidden as well.
    hidden: bool,
    /// Commands that settle once all is saved.
    saving: Vec<u32>,
    /// Commands that settle with a snapshot, which ends the client (S17).
    leaving: Vec<u32>,
}

/// The consequence of a change of the pause.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Change {
    Nothing,
    /// The pause begins.
    Begun,
    /// It is over; `lost`: events may have been lost with a request that it aborted.
    Over {
        lost: bool,
    },
}

/// A drain that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drained {
    pub command: u32,
    /// Whether there was a session at any time.
    pub connected: bool,
}

/// Why a drain cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A drain is running already.
    Draining,
    /// The client is about to end.
    Leaving,
}

impl Pause {
    pub fn new() -> Self {
        Self::Running(None)
    }

    /// Begins a drain, and so ends a pause; `connected`: there is a session. Returns the commands that waited for
    /// positions to be saved.
    pub fn drain(
        &mut self,
        now: Instant,
        command: u32,
        idle_ms: Option<u64>,
        deadline_ms: u64,
        connected: bool,
    ) -> Result<(Vec<u32>, Change), Refused> {
        let new = Drain { command, idle_ms, deadline: now.after(deadline_ms), idle_since: None, connected };
        match self {
            Self::Running(drain) | Self::Hidden(_, drain) => {
                if drain.is_some() {
                    return Err(Refused::Draining);
                }
                *drain = Some(new);
                Ok((Vec::new(), Change::Nothing))
            }
            Self::Suspended(suspended) => {
                if !suspended.leaving.is_empty() {
                    return Err(Refused::Leaving);
                }
                let saving = core::mem::take(&mut suspended.saving);
                let of = suspended.of;
                if suspended.hidden {
                    *self = Self::Hidden(of, Some(new));
                    return Ok((saving, Change::Nothing));
                }
                *self = Self::Running(Some(new));
                Ok((saving, Change::Over { lost: of.lost }))
            }
        }
    }

    /// Tells the running drain whether there is a session, and whether there is nothing to wait for but new events.
    pub fn observe(&mut self, now: Instant, connected: bool, idle: bool) {
        if let Self::Running(Some(drain)) | Self::Hidden(_, Some(drain)) = self {
            drain.connected |= connected;
            drain.idle_since = if idle { drain.idle_since.or(Some(now)) } else { None };
        }
    }

    /// When the running drain ends.
    pub fn drain_end(&self) -> Option<Instant> {
        match self {
            Self::Running(drain) | Self::Hidden(_, drain) => drain.as_ref().map(Drain::end),
            Self::Suspended(_) => None,
        }
    }

    /// Nothing is sent any more; a running drain has ended.
    pub fn suspend(&mut self, now: Instant) -> (Option<Drained>, Change) {
        let give_up_at = now.after(MAX_MS);
        let suspended =
            |of: Break, hidden| Suspended { of, give_up_at, hidden, saving: Vec::new(), leaving: Vec::new() };
        match core::mem::replace(self, Self::Running(None)) {
            Self::Running(drain) => {
                *self = Self::Suspended(suspended(Break::new(now.after(REQUESTS_MS)), false));
                (drain.map(Drained::from), Change::Begun)
            }
            Self::Hidden(of, drain) => {
                *self = Self::Suspended(suspended(of, true));
                (drain.map(Drained::from), Change::Nothing)
            }
            Self::Suspended(before) => {
                *self = Self::Suspended(before);
                (None, Change::Nothing)
            }
        }
    }

    /// `command` waits until all is saved; the time limit for that starts now.
    pub fn settle_when_saved(&mut self, command: u32, now: Instant) {
        if let Self::Suspended(suspended) = self {
            suspended.begin_waiting(now);
            suspended.saving.push(command);
        }
    }

    /// `command` waits for a snapshot, which ends the client.
    pub fn settle_with_snapshot(&mut self, command: u32, now: Instant) {
        if let Self::Suspended(suspended) = self {
            suspended.begin_waiting(now);
            suspended.leaving.push(command);
        }
    }

    /// The page is hidden.
    pub fn hide(&mut self, now: Instant) -> Change {
        match self {
            Self::Running(drain) => {
                *self = Self::Hidden(Break::new(now), drain.take());
                Change::Begun
            }
            Self::Hidden(..) => Change::Nothing,
            Self::Suspended(suspended) => {
                suspended.hidden = true;
                suspended.of.requests_until.pull_to(now);
                Change::Nothing
            }
        }
    }

    /// The page is shown.
    pub fn show(&mut self) -> Change {
        match self {
            Self::Running(_) => Change::Nothing,
            Self::Hidden(of, drain) => {
                let lost = of.lost;
                *self = Self::Running(drain.take());
                Change::Over { lost }
            }
            Self::Suspended(suspended) => {
                suspended.hidden = false;
                Change::Nothing
            }
        }
    }

    /// Whether the client sends nothing.
    pub fn is_paused(&self) -> bool {
        !matches!(self, Self::Running(_))
    }

    /// Whether the client sends nothing until the next drain, and not just while its page is hidden.
    pub fn is_suspended(&self) -> bool {
        matches!(self, Self::Suspended(_))
    }

    /// Whether no request may be open, except for the disconnect of a page that is left.
    pub fn is_silent(&self) -> bool {
        match self {
            Self::Running(_) => false,
            Self::Hidden(..) => true,
            Self::Suspended(suspended) => suspended.hidden && suspended.leaving.is_empty(),
        }
    }

    /// Until when requests under way may take.
    pub fn requests_until(&self) -> Option<Instant> {
        self.of().map(|of| of.requests_until)
    }

    /// Events may have been lost with an aborted request.
    pub fn lose(&mut self) {
        match self {
            Self::Running(_) => {}
            Self::Hidden(of, _) => of.lost = true,
            Self::Suspended(suspended) => suspended.of.lost = true,
        }
    }

    /// When the commands that wait settle, whatever is left to be done.
    pub fn give_up_at(&self) -> Option<Instant> {
        match self {
            Self::Suspended(suspended) if suspended.is_awaited() => Some(suspended.give_up_at),
            _ => None,
        }
    }

    /// Whether the time is over in which a suspended client may finish its work.
    pub fn gives_up(&self, now: Instant) -> bool {
        matches!(self, Self::Suspended(suspended) if suspended.give_up_at <= now)
    }

    /// All is saved: removes and returns the commands that wait for that, and those that wait for a snapshot.
    pub fn take_waiting(&mut self) -> (Vec<u32>, Vec<u32>) {
        match self {
            Self::Suspended(suspended) => {
                (core::mem::take(&mut suspended.saving), core::mem::take(&mut suspended.leaving))
            }
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// The client ends: it is not paused any more. Returns the running drain.
    pub fn end(&mut self) -> Option<u32> {
        match core::mem::replace(self, Self::Running(None)) {
            Self::Running(drain) | Self::Hidden(_, drain) => drain.map(|drain| drain.command),
            Self::Suspended(_) => None,
        }
    }

    fn of(&self) -> Option<&Break> {
        match self {
            Self::Running(_) => None,
            Self::Hidden(of, _) => Some(of),
            Self::Suspended(suspended) => Some(&suspended.of),
        }
    }
}

impl Break {
    fn new(requests_until: Instant) -> Self {
        Self { requests_until, lost: false }
    }
}

impl Suspended {
    fn is_awaited(&self) -> bool {
        !self.saving.is_empty() || !self.leaving.is_empty()
    }

    fn begin_waiting(&mut self, now: Instant) {
        if !self.is_awaited() {
            self.give_up_at = now.after(MAX_MS);
        }
    }
}

impl Drain {
    fn end(&self) -> Instant {
        let idle = self.idle_ms.zip(self.idle_since).map(|(idle_ms, since)| since.after(idle_ms));
        idle.map_or(self.deadline, |idle| idle.min(self.deadline))
    }
}

impl From<Drain> for Drained {
    fn from(Drain { command, connected, .. }: Drain) -> Self {
        Self { command, connected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(10_000);

    fn draining() -> Pause {
        let mut pause = Pause::new();
        assert_eq!(pause.drain(NOW, 5, Some(100), 5_000, false), Ok((vec![], Change::Nothing)));
        pause
    }

    fn suspended() -> Pause {
        let mut pause = Pause::new();
        assert_eq!(pause.suspend(NOW), (None, Change::Begun));
        pause
    }

    fn hidden() -> Pause {
        let mut pause = Pause::new();
        assert_eq!(pause.hide(NOW), Change::Begun);
        pause
    }

    #[test]
    fn a_client_sends_until_it_is_told_otherwise() {
        let mut pause = Pause::new();
        assert!(!pause.is_paused() && !pause.is_suspended() && !pause.is_silent());
        assert_eq!((pause.requests_until(), pause.give_up_at(), pause.drain_end()), (None, None, None));
        assert!(!pause.gives_up(NOW));
        pause.lose();
        assert_eq!(pause.show(), Change::Nothing);
        assert_eq!((pause.take_waiting(), pause.end()), ((vec![], vec![]), None));
    }

    #[test]
    fn d1_a_drain_ends_at_its_deadline_or_when_it_is_idle() {
        let mut pause = draining();
        assert_eq!(pause.drain_end(), Some(NOW.after(5_000)));
        pause.observe(NOW.after(10), true, true);
        pause.observe(NOW.after(50), true, true);
        assert_eq!(pause.drain_end(), Some(NOW.after(110)));
        pause.observe(NOW.after(60), false, false);
        assert_eq!(pause.drain_end(), Some(NOW.after(5_000)));
        pause.observe(NOW.after(4_990), false, true);
        assert_eq!(pause.drain_end(), Some(NOW.after(5_000)));
        assert_eq!(pause.suspend(NOW), (Some(Drained { command: 5, connected: true }), Change::Begun));
    }

    #[test]
    fn d1_without_idle_time_the_deadline_alone_counts() {
        let mut pause = Pause::new();
        assert!(pause.drain(NOW, 5, None, 5_000, false).is_ok());
        pause.observe(NOW, false, true);
        assert_eq!(pause.drain_end(), Some(NOW.after(5_000)));
        assert_eq!(pause.suspend(NOW).0, Some(Drained { command: 5, connected: false }));
        let mut pause = Pause::new();
        assert!(pause.drain(NOW, 5, None, 5_000, true).is_ok());
        assert_eq!(pause.suspend(NOW).0, Some(Drained { command: 5, connected: true }));
    }

    #[test]
    fn one_drain_runs_at_a_time() {
        assert_eq!(draining().drain(NOW, 6, None, 1, false), Err(Refused::Draining));
        let mut pause = draining();
        assert_eq!(pause.hide(NOW), Change::Begun);
        assert_eq!(pause.drain(NOW, 6, None, 1, false), Err(Refused::Draining));
        assert_eq!(pause.end(), Some(5));
        assert!(!pause.is_paused());
    }

    #[test]
    fn d2_a_suspended_client_goes_on_with_the_next_drain() {
        let mut pause = suspended();
        assert!(pause.is_paused() && pause.is_suspended() && !pause.is_silent());
        assert_eq!(pause.requests_until(), Some(NOW.after(1_000)));
        assert_eq!(pause.drain_end(), None);
        assert_eq!(pause.suspend(NOW.after(9)), (None, Change::Nothing));
        pause.lose();
        pause.settle_when_saved(7, NOW);
        assert_eq!(pause.drain(NOW, 5, None, 1, false), Ok((vec![7], Change::Over { lost: true })));
        assert!(!pause.is_paused());
        assert_eq!(pause.end(), Some(5));
    }

    #[test]
    fn d2_who_waits_has_an_answer_within_two_seconds_of_asking() {
        let mut pause = suspended();
        assert_eq!(pause.give_up_at(), None);
        assert!(!pause.gives_up(NOW.after(1_999)) && pause.gives_up(NOW.after(2_000)));
        pause.settle_when_saved(7, NOW.after(60_000));
        assert_eq!(pause.give_up_at(), Some(NOW.after(62_000)));
        pause.settle_with_snapshot(8, NOW.after(61_000));
        assert_eq!(pause.give_up_at(), Some(NOW.after(62_000)), "as for the first");
        assert_eq!(pause.take_waiting(), (vec![7], vec![8]));
        assert_eq!(pause.give_up_at(), None);
        pause.settle_with_snapshot(9, NOW.after(70_000));
        assert_eq!(pause.give_up_at(), Some(NOW.after(72_000)));
    }

    #[test]
    fn s17_a_client_that_leaves_begins_no_drain() {
        let mut pause = suspended();
        pause.settle_with_snapshot(7, NOW);
        assert_eq!(pause.drain(NOW, 5, None, 1, false), Err(Refused::Leaving));
    }

    #[test]
    fn nobody_waits_for_a_client_that_sends() {
        let mut pause = Pause::new();
        pause.settle_when_saved(7, NOW);
        pause.settle_with_snapshot(8, NOW);
        assert_eq!((pause.take_waiting(), pause.give_up_at()), ((vec![], vec![]), None));
    }

    #[test]
    fn r7a_a_hidden_page_is_silent_at_once_until_it_is_shown() {
        let mut pause = hidden();
        assert!(pause.is_paused() && pause.is_silent() && !pause.is_suspended());
        assert_eq!(pause.requests_until(), Some(NOW));
        assert!(!pause.gives_up(NOW.after(9_000)));
        assert_eq!(pause.hide(NOW), Change::Nothing);
        assert_eq!(pause.show(), Change::Over { lost: false });
        assert!(!pause.is_paused());
    }

    #[test]
    fn r7a_what_a_hidden_page_has_lost_is_known_when_it_is_shown() {
        let mut pause = hidden();
        pause.lose();
        assert_eq!(pause.show(), Change::Over { lost: true });
        let _ = pause.hide(NOW);
        assert_eq!(pause.show(), Change::Over { lost: false }, "once");
    }

    #[test]
    fn a_drain_goes_on_behind_a_hidden_page() {
        let mut pause = draining();
        assert_eq!(pause.hide(NOW), Change::Begun);
        assert_eq!(pause.drain_end(), Some(NOW.after(5_000)));
        pause.observe(NOW, true, true);
        assert_eq!(pause.drain_end(), Some(NOW.after(100)));
        assert_eq!(pause.show(), Change::Over { lost: false });
        assert_eq!(pause.drain_end(), Some(NOW.after(100)));
        let mut pause = hidden();
        assert_eq!(pause.drain(NOW, 5, None, 9, false), Ok((vec![], Change::Nothing)));
        assert!(pause.is_paused());
        assert_eq!(pause.suspend(NOW), (Some(Drained { command: 5, connected: false }), Change::Nothing));
        assert!(pause.is_suspended() && pause.is_silent());
    }

    #[test]
    fn a_suspended_client_may_be_hidden_as_well() {
        let mut pause = suspended();
        assert_eq!(pause.hide(NOW.after(200)), Change::Nothing);
        assert_eq!(pause.requests_until(), Some(NOW.after(200)));
        assert!(pause.is_silent());
        pause.settle_with_snapshot(7, NOW);
        assert!(!pause.is_silent(), "its last word goes out");
        let mut pause = suspended();
        let _ = pause.hide(NOW);
        assert_eq!(pause.show(), Change::Nothing);
        assert!(pause.is_suspended() && !pause.is_silent());
        let _ = pause.hide(NOW);
        pause.lose();
        assert_eq!(pause.drain(NOW, 5, None, 9, false), Ok((vec![], Change::Nothing)));
        assert!(pause.is_paused() && !pause.is_suspended());
        assert_eq!(pause.show(), Change::Over { lost: true });
    }

    #[test]
    fn the_end_is_no_pause() {
        let mut pause = suspended();
        assert_eq!(pause.end(), None);
        assert!(!pause.is_paused());
    }
}
