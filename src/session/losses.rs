//! What may be missing, and since when: every `gap` comes from here.

use crate::Instant;
use crate::bayeux::channel::Pattern;
use crate::bayeux::pattern_map::PatternMap;

/// Knows which channels the application was promised, and until when nothing is missing from them.
pub(super) struct LossTracker {
    /// When the last successful poll was sent: what was published before has arrived, or has been reported as a gap.
    verified_until: Instant,
    /// When the handshake of this session was sent.
    session_since: Instant,
    /// Counts polls that arrived whole. A loss after one is a gap of its own.
    whole_polls: u32,
    channels: PatternMap<Watched>,
}

/// A channel that the application wants.
#[derive(Default)]
struct Watched {
    /// The server has accepted it once.
    promised: bool,
    /// The last gap that was reported, and how many polls had arrived whole by then. Until another poll does, or an
    /// event of this channel comes, this gap covers every loss from its beginning on.
    gap: Option<Gap>,
    /// Replay id of the last event received, where events carry one.
    last_replay_id: Option<String>,
}

#[derive(Clone, Copy)]
struct Gap {
    since: Instant,
    whole_polls: u32,
}

/// A channel of which events may be missing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub channel: String,
    /// Replay id of the last event received: the range begins after it.
    pub after: Option<String>,
}

impl LossTracker {
    pub fn new(now: Instant) -> Self {
        Self { verified_until: now, session_since: now, whole_polls: 0, channels: PatternMap::default() }
    }

    /// What was published before this has arrived, or has been reported as a gap.
    pub fn verified_until(&self) -> Instant {
        self.verified_until
    }

    /// A session has begun, by a handshake that was sent at this instant.
    pub fn session_began(&mut self, at: Instant) {
        (self.verified_until, self.session_since) = (at, at);
    }

    /// What came in this session was published after this, as far as it was not replayed.
    pub fn session_since(&self) -> Instant {
        self.session_since
    }

    /// Nothing that was published before this is missing, or this client is not concerned with it.
    pub fn set_verified_until(&mut self, at: Instant) {
        self.verified_until = at;
    }

    /// A poll that was sent at this instant has arrived whole: a loss from now on is a gap of its own.
    pub fn poll_succeeded(&mut self, sent: Instant) {
        self.verified_until = sent;
        self.whole_polls = self.whole_polls.wrapping_add(1);
    }

    /// The application wants this channel, but is not promised it yet.
    pub fn watch(&mut self, pattern: &Pattern) {
        if self.channels.get(pattern.as_str()).is_none() {
            self.channels.insert(pattern, Watched::default());
        }
    }

    /// The channel is not wanted, and the server does not deliver it.
    pub fn forget(&mut self, name: &str) {
        self.channels.remove(name);
    }

    /// The application is promised this channel: from now on a loss is a gap.
    pub fn promise(&mut self, name: &str) {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.promised = true;
        }
    }

    /// The application is promised this channel, and a gap for its losses since `since` has been reported.
    pub fn promise_with_gap(&mut self, name: &str, since: Instant) {
        let gap = Gap { since, whole_polls: self.whole_polls };
        if let Some(channel) = self.channels.get_mut(name) {
            channel.promised = true;
            channel.gap = channel.gap.filter(|gap| gap.whole_polls == self.whole_polls).or(Some(gap));
        }
    }

    /// The server no longer delivers this channel, since nobody wants it.
    pub fn withdraw(&mut self, name: &str) {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.promised = false;
        }
    }

    pub fn is_promised(&self, name: &str) -> bool {
        self.channels.get(name).is_some_and(|channel| channel.promised)
    }

    /// The names of the channels that are promised.
    pub fn promised(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().filter(|(_, channel)| channel.promised).map(|(name, _)| name)
    }

    /// An event has arrived on this channel.
    pub fn event_arrived(&mut self, channel: &str, replay_id: Option<&str>) {
        self.channels.change_matching(channel, |channel| {
            channel.gap = None;
            if let Some(replay_id) = replay_id {
                channel.last_replay_id = Some(replay_id.to_owned());
            }
        });
    }

    /// The channel starts anew: a loss from now on is a gap of its own.
    pub fn begin_anew(&mut self, name: &str) {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.gap = None;
        }
    }

    /// Events of promised channels that are `wanted` may be missing from `since` on. With `uncovered`, returns only the
    /// losses that no earlier gap covers.
    pub fn lost(&mut self, since: Instant, uncovered: bool, wanted: &dyn Fn(&str) -> bool) -> Vec<Loss> {
        let mut losses = Vec::new();
        for name in self.channels.names() {
            if wanted(&name) {
                losses.extend(self.lost_on(&name, since, uncovered));
            }
        }
        losses
    }

    /// The same for one channel.
    pub fn lost_on(&mut self, name: &str, since: Instant, uncovered: bool) -> Option<Loss> {
        let whole_polls = self.whole_polls;
        let channel = self.channels.get_mut(name).filter(|channel| channel.promised)?;
        let gap = channel.gap.filter(|gap| gap.whole_polls == whole_polls);
        if uncovered && gap.is_some_and(|gap| gap.since <= since) {
            return None;
        }
        channel.gap = Some(Gap { since, whole_polls });
        Some(Loss { channel: name.to_owned(), after: channel.last_replay_id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn pattern(name: &str) -> Pattern {
        Pattern::parse(name).expect("a channel")
    }

    /// /a and /b/* are promised.
    fn losses() -> LossTracker {
        let mut losses = LossTracker::new(at(5));
        for name in ["/a", "/b/*"] {
            losses.watch(&pattern(name));
            losses.promise(name);
        }
        losses
    }

    fn lost(losses: &mut LossTracker, since: u64, uncovered: bool) -> Vec<String> {
        losses.lost(at(since), uncovered, &|_| true).into_iter().map(|loss| loss.channel).collect()
    }

    #[test]
    fn only_what_is_promised_and_wanted_can_be_missing() {
        let mut losses = losses();
        let found = losses.lost(at(9), false, &|name| name == "/a");
        assert_eq!(found, [Loss { channel: "/a".to_owned(), after: None }]);
        assert!(losses.is_promised("/a") && !losses.is_promised("/c"));
        losses.withdraw("/a");
        assert!(!losses.is_promised("/a"));
        assert_eq!(lost(&mut losses, 9, false), ["/b/*"]);
        assert_eq!(losses.promised().collect::<Vec<_>>(), ["/b/*"]);
    }

    #[test]
    fn what_is_not_promised_yet_keeps_its_place_among_the_others() {
        let mut losses = LossTracker::new(at(5));
        losses.watch(&pattern("/x"));
        losses.watch(&pattern("/a"));
        losses.promise("/a");
        losses.promise_with_gap("/never", at(0));
        assert_eq!(lost(&mut losses, 9, false), ["/a"]);
        losses.promise("/x");
        assert_eq!(lost(&mut losses, 9, false), ["/x", "/a"]);
        losses.forget("/x");
        losses.promise("/x");
        assert_eq!(lost(&mut losses, 9, false), ["/a"]);
    }

    #[test]
    fn r7_one_gap_covers_what_is_lost_before_a_whole_poll() {
        let mut losses = losses();
        assert_eq!(lost(&mut losses, 9, true), ["/a", "/b/*"]);
        assert!(lost(&mut losses, 9, true).is_empty());
        assert!(lost(&mut losses, 20, true).is_empty());
        assert_eq!(lost(&mut losses, 20, false), ["/a", "/b/*"], "a lost session is told each time");
        assert_eq!(lost(&mut losses, 9, true), ["/a", "/b/*"], "it began earlier");
        losses.poll_succeeded(at(30));
        assert_eq!(losses.verified_until(), at(30));
        assert_eq!(lost(&mut losses, 30, true), ["/a", "/b/*"]);
    }

    #[test]
    fn an_event_ends_the_gap_of_its_channel() {
        let mut losses = losses();
        let _ = lost(&mut losses, 9, true);
        losses.event_arrived("/b/x", Some("7"));
        losses.event_arrived("/b/y", None);
        let found = losses.lost(at(10), true, &|_| true);
        assert_eq!(found, [Loss { channel: "/b/*".to_owned(), after: Some("7".to_owned()) }]);
    }

    #[test]
    fn a_channel_that_begins_anew_has_gaps_of_its_own() {
        let mut losses = losses();
        let _ = lost(&mut losses, 9, true);
        losses.begin_anew("/a");
        losses.begin_anew("/c");
        assert_eq!(lost(&mut losses, 10, true), ["/a"]);
    }

    #[test]
    fn a_promise_is_kept_when_it_is_made_again() {
        let mut losses = losses();
        losses.event_arrived("/a", Some("7"));
        losses.watch(&pattern("/a"));
        losses.promise("/a");
        assert_eq!(losses.lost(at(9), false, &|name| name == "/a")[0].after.as_deref(), Some("7"));
    }

    #[test]
    fn s17_what_an_earlier_client_lost_is_covered() {
        let mut losses = losses();
        losses.watch(&pattern("/c"));
        losses.promise_with_gap("/c", at(0));
        losses.promise_with_gap("/a", at(0));
        assert_eq!(lost(&mut losses, 9, true), ["/b/*"]);
        losses.poll_succeeded(at(10));
        assert_eq!(lost(&mut losses, 10, true), ["/a", "/b/*", "/c"]);
    }

    #[test]
    fn a_gap_that_is_there_is_not_moved() {
        let mut losses = losses();
        let _ = lost(&mut losses, 9, true);
        losses.promise_with_gap("/a", at(0));
        assert_eq!(lost(&mut losses, 5, true), ["/a", "/b/*"]);
    }

    #[test]
    fn the_verified_time_can_be_set() {
        let mut losses = losses();
        assert_eq!(losses.verified_until(), at(5));
        losses.set_verified_until(at(8));
        assert_eq!(losses.verified_until(), at(8));
    }

    #[test]
    fn p2_an_event_and_a_whole_poll_cost_the_same_with_many_channels() {
        let count = |channels: usize| {
            let mut losses = LossTracker::new(at(0));
            for number in 0..channels {
                losses.watch(&pattern(&format!("/c/{number}")));
                losses.promise(&format!("/c/{number}"));
            }
            crate::steps::taken();
            losses.event_arrived("/c/5", Some("1"));
            losses.poll_succeeded(at(1));
            crate::steps::taken()
        };
        assert_eq!(count(10), count(10_000));
    }
}
