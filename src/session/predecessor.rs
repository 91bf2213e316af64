//! S17: what a suspended client has left to this one, and this one has not taken over yet.

use super::snapshot::Snapshot;
use crate::Instant;
use crate::bayeux::channel::Pattern;
use crate::bayeux::pattern_map::PatternMap;
use crate::replay::Position;

/// The suspended client whose snapshot this one was given.
pub(super) struct Predecessor {
    /// Unix time up to which it had received everything.
    unix_ms: u64,
    /// When this client began.
    began: Instant,
    /// This client continues its session.
    session_continues: bool,
    /// Events may have been lost when it was suspended.
    lost: bool,
    /// The channels that it had subscribed and this client has not yet, and whether an event of them has come
    /// meanwhile.
    channels: PatternMap<bool>,
    positions: PatternMap<Position>,
}

impl Predecessor {
    pub fn new(snapshot: &Snapshot, session_continues: bool, began: Instant) -> Self {
        let (mut channels, mut positions) = (PatternMap::default(), PatternMap::default());
        for (name, position) in &snapshot.channels {
            // A malformed name cannot be subscribed again.
            let Ok(pattern) = Pattern::parse(name) else { continue };
            channels.insert(&pattern, false);
            if let Some(position) = position {
                positions.insert(&pattern, position.clone());
            }
        }
        Self {
            unix_ms: snapshot.unix_ms,
            began,
            session_continues,
            lost: snapshot.lost || snapshot.gap,
            channels,
            positions,
        }
    }

    /// Whether its session goes on, `epoch` being the number of the present one.
    pub fn session_continues(&self, epoch: u32) -> bool {
        self.session_continues && epoch == 0
    }

    /// Unix time up to which it had received everything.
    pub fn unix_ms(&self) -> u64 {
        self.unix_ms
    }

    /// Whether the range of a gap begins where that client ended, and not at `since`: until a poll has succeeded,
    /// everything sent since then may be lost.
    pub fn gap_begins(&self, since: Instant, ever_answered: bool) -> bool {
        since < self.began || since == self.began && !ever_answered
    }

    /// This client has subscribed the channel. Returns `None` if the suspended one had not, else whether events of it
    /// were lost.
    pub fn take(&mut self, name: &str) -> Option<bool> {
        self.channels.remove(name).map(|missed| missed || self.lost)
    }

    /// An event has come that no subscription wants: one that is made later has missed it.
    pub fn event_missed(&mut self, channel: &str) {
        self.channels.change_matching(channel, |missed| *missed = true);
    }

    /// Its position in the channel.
    pub fn position(&self, name: &str) -> Option<&Position> {
        self.positions.get(name)
    }

    /// The channels that this client has not subscribed.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|(name, _)| name)
    }

    /// Whether an event of any of these channels has been missed.
    pub fn has_missed(&self) -> bool {
        self.channels.iter().any(|(_, missed)| *missed)
    }

    /// Whether this client has subscribed every channel that it had.
    pub fn is_empty(&self) -> bool {
        self.channels.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(lost: bool) -> Snapshot {
        let position = Position { replay_id: "7".to_owned(), created_date: None };
        Snapshot {
            unix_ms: 900,
            lost,
            channels: vec![
                ("/a".to_owned(), Some(position)),
                ("/b/*".to_owned(), None),
                ("no channel".to_owned(), None),
            ],
            ..Snapshot::default()
        }
    }

    fn predecessor(lost: bool) -> Predecessor {
        Predecessor::new(&snapshot(lost), true, Instant::from_millis(50))
    }

    #[test]
    fn each_channel_is_taken_over_once() {
        let mut before = predecessor(false);
        assert_eq!(before.channels().collect::<Vec<_>>(), ["/a", "/b/*"]);
        assert_eq!((before.take("/a"), before.take("/a"), before.take("/c")), (Some(false), None, None));
        assert!(!before.is_empty());
        assert_eq!(before.take("/b/*"), Some(false));
        assert!(before.is_empty());
        assert_eq!(before.position("/a").map(|position| position.replay_id.as_str()), Some("7"));
        assert_eq!(before.position("/b/*"), None);
        assert_eq!(before.unix_ms(), 900);
    }

    #[test]
    fn an_event_for_nobody_is_missed_by_the_next() {
        let mut before = predecessor(false);
        assert!(!before.has_missed());
        before.event_missed("/b/x");
        assert!(before.has_missed());
        assert_eq!((before.take("/a"), before.take("/b/*")), (Some(false), Some(true)));
    }

    #[test]
    fn what_was_lost_is_lost_for_all() {
        let mut before = predecessor(true);
        assert_eq!(before.take("/a"), Some(true));
        let with_gap = Snapshot { gap: true, ..snapshot(false) };
        assert_eq!(Predecessor::new(&with_gap, true, Instant::default()).take("/a"), Some(true));
    }

    #[test]
    fn its_session_goes_on_until_the_first_new_one() {
        assert!(predecessor(false).session_continues(0) && !predecessor(false).session_continues(1));
        let ended = Predecessor::new(&snapshot(false), false, Instant::default());
        assert!(!ended.session_continues(0));
    }

    #[test]
    fn a_gap_reaches_back_to_it_until_a_poll_has_succeeded() {
        let before = predecessor(false);
        let at = Instant::from_millis;
        assert!(before.gap_begins(at(49), true) && before.gap_begins(at(50), false));
        assert!(!before.gap_begins(at(50), true) && !before.gap_begins(at(51), false));
    }
}
