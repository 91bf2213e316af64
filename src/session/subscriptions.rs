//! What the application wants: its subscriptions, each to one or more channels.
//!
//! Several subscriptions to one channel share one at the server, which `channels` keeps.

use super::error::Error;
use super::misuse::ApiMisuse;
use crate::bayeux::channel::Pattern;
use crate::bayeux::pattern_map::PatternMap;
use crate::ordered::{NumberMap, Numbers};
use crate::steps::{step, steps};

/// The subscriptions of the application, by number.
#[derive(Default)]
pub(super) struct Subscriptions {
    open: NumberMap<LocalSubscription>,
    /// The subscriptions that want each channel, with its index in the subscription. A channel that has failed is not
    /// wanted.
    by_name: PatternMap<Numbers>,
}

/// A subscription of the application.
pub(super) struct LocalSubscription {
    channels: Vec<SubscribedChannel>,
    /// How many channels the server has not answered yet.
    pending: usize,
    /// How many channels the server has accepted.
    accepted: usize,
    /// Whether its `subscribe()` has been answered.
    settled: bool,
    replies: Vec<String>,
}

struct SubscribedChannel {
    pattern: Pattern,
    state: ChannelState,
}

enum ChannelState {
    Pending,
    Accepted,
    Failed(Error),
}

/// The consequence of a change for the application.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// `subscribe()` has succeeded, with these replies of the server.
    Subscribed(u32, Vec<String>),
    /// `subscribe()` has failed: the subscription is gone.
    Refused(u32, Error),
    /// A subscription that had succeeded has no channel left: it is gone.
    Ended(u32, Error),
    /// One channel of several has failed.
    ChannelFailed(String, Error),
}

/// What to report to the application, in this order.
#[derive(Debug, Default, PartialEq)]
#[must_use]
pub(super) struct Changes(pub Vec<Change>);

impl Subscriptions {
    /// The channels of a new subscription, each once.
    pub fn parse(channels: &[String]) -> Result<Vec<Pattern>, ApiMisuse> {
        let mut known = PatternMap::default();
        let mut patterns = Vec::with_capacity(channels.len());
        for channel in channels {
            step();
            let pattern = Pattern::parse(channel)
                .map_err(|source| ApiMisuse::Channel { channel: channel.clone(), source })?;
            if known.insert(&pattern, ()).is_none() {
                patterns.push(pattern);
            }
        }
        if patterns.is_empty() { Err(ApiMisuse::NoChannels) } else { Ok(patterns) }
    }

    /// Adds a subscription to these channels; each is accepted already, or is to be subscribed at the server.
    pub fn add(&mut self, id: u32, channels: Vec<(Pattern, bool)>) -> Changes {
        let mut subscription = LocalSubscription {
            channels: Vec::with_capacity(channels.len()),
            pending: 0,
            accepted: 0,
            settled: false,
            replies: Vec::new(),
        };
        for (index, (pattern, accepted)) in channels.into_iter().enumerate() {
            step();
            match self.by_name.get_mut(pattern.as_str()) {
                Some(subscribers) => {
                    subscribers.insert(id, index as u32);
                }
                None => {
                    let mut subscribers = Numbers::default();
                    subscribers.insert(id, index as u32);
                    self.by_name.insert(&pattern, subscribers);
                }
            }
            subscription.accepted += usize::from(accepted);
            subscription.pending += usize::from(!accepted);
            let state = if accepted { ChannelState::Accepted } else { ChannelState::Pending };
            subscription.channels.push(SubscribedChannel { pattern, state });
        }
        self.open.insert(id, subscription);
        let mut changes = Changes::default();
        self.settle(id, &mut changes);
        changes
    }

    /// Removes and returns a subscription that the application leaves.
    pub fn remove(&mut self, id: u32) -> Option<Box<LocalSubscription>> {
        let subscription = self.open.remove(id)?;
        for entry in subscription.channels.iter().inspect(|_| step()) {
            if !matches!(entry.state, ChannelState::Failed(_)) {
                self.no_longer_wants(entry.pattern.as_str(), id);
            }
        }
        Some(subscription)
    }

    /// The numbers of all subscriptions, ascending.
    pub fn ids(&self) -> Vec<u32> {
        self.open.keys()
    }

    /// Whether this subscription is open.
    pub fn contains(&self, id: u32) -> bool {
        self.open.contains(id)
    }

    /// The server has accepted a channel.
    pub fn accepted(&mut self, name: &str, reply: &str) -> Changes {
        let mut changes = Changes::default();
        for (id, index) in self.subscribers_of(name) {
            let Some(subscription) = self.open.get_mut(id) else { continue };
            let Some(entry) = subscription.channels.get_mut(index as usize) else { continue };
            if matches!(entry.state, ChannelState::Pending) {
                entry.state = ChannelState::Accepted;
                subscription.pending -= 1;
                subscription.accepted += 1;
            }
            if !subscription.settled {
                subscription.replies.push(reply.to_owned());
                self.settle(id, &mut changes);
            }
        }
        changes
    }

    /// A channel has failed: it is not wanted any more.
    pub fn failed(&mut self, name: &str, error: &Error) -> Changes {
        let mut changes = Changes::default();
        let subscribers = self.by_name.remove(name).unwrap_or_default();
        for (id, index) in subscribers.entries() {
            step();
            let Some(subscription) = self.open.get_mut(id) else { continue };
            let Some(entry) = subscription.channels.get_mut(index as usize) else { continue };
            let before = core::mem::replace(&mut entry.state, ChannelState::Failed(error.clone()));
            subscription.pending -= usize::from(matches!(before, ChannelState::Pending));
            subscription.accepted -= usize::from(matches!(before, ChannelState::Accepted));
            let all_failed = subscription.pending == 0 && subscription.accepted == 0;
            if !all_failed {
                changes.0.push(Change::ChannelFailed(name.to_owned(), error.clone()));
            }
            if !subscription.settled {
                self.settle(id, &mut changes);
            } else if all_failed {
                self.open.remove(id);
                changes.0.push(Change::Ended(id, error.clone()));
            }
        }
        changes
    }

    /// The subscriptions that an event on this channel is for, ascending.
    pub fn takers(&self, channel: &str) -> Vec<u32> {
        let mut subscribers = self.by_name.matching(channel);
        let first = subscribers.next().map(Numbers::keys).unwrap_or_default();
        let Some(second) = subscribers.next() else { return first };
        let mut all = Numbers::default();
        let mut add = |ids: Vec<u32>| ids.into_iter().for_each(|id| _ = all.insert(id, 0));
        add(first);
        add(second.keys());
        subscribers.for_each(|ids| add(ids.keys()));
        all.keys()
    }

    /// The subscriptions to this very channel, ascending.
    pub fn holders(&self, name: &str) -> Vec<u32> {
        self.by_name.get(name).map(Numbers::keys).unwrap_or_default()
    }

    /// Whether any subscription wants this channel.
    pub fn wants(&self, name: &str) -> bool {
        self.by_name.get(name).is_some()
    }

    /// A wanted literal channel that has the topic of this one but another query.
    pub fn wants_other_filter(&self, name: &str) -> bool {
        self.by_name.has_other_filter(name)
    }

    /// The names that an event on this channel belongs to.
    pub fn names_matching(&self, channel: &str) -> Vec<String> {
        self.by_name.patterns_matching(channel).map(|pattern| pattern.as_str().to_owned()).collect()
    }

    fn subscribers_of(&self, name: &str) -> Vec<(u32, u32)> {
        let subscribers = self.by_name.get(name).map(Numbers::entries).unwrap_or_default();
        steps(subscribers.len());
        subscribers
    }

    fn no_longer_wants(&mut self, name: &str, id: u32) {
        if let Some(subscribers) = self.by_name.get_mut(name) {
            subscribers.remove(id);
            if subscribers.is_empty() {
                self.by_name.remove(name);
            }
        }
    }

    /// Answers `subscribe()` once no channel is pending (S15): with an error only if all failed.
    fn settle(&mut self, id: u32, changes: &mut Changes) {
        let Some(subscription) = self.open.get_mut(id).filter(|open| open.pending == 0) else { return };
        subscription.settled = true;
        if subscription.accepted > 0 {
            changes.0.push(Change::Subscribed(id, core::mem::take(&mut subscription.replies)));
        } else if let Some(error) = subscription.first_error().cloned() {
            self.open.remove(id);
            changes.0.push(Change::Refused(id, error));
        }
    }
}

impl LocalSubscription {
    /// The names of its channels, as they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|entry| entry.pattern.as_str())
    }

    /// The names of its channels that have not failed.
    pub fn wanted_names(&self) -> impl Iterator<Item = &str> {
        let wanted = self.channels.iter().filter(|entry| !matches!(entry.state, ChannelState::Failed(_)));
        wanted.map(|entry| entry.pattern.as_str())
    }

    /// Whether its `subscribe()` has been answered.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    fn first_error(&self) -> Option<&Error> {
        self.channels.iter().find_map(|entry| match &entry.state {
            ChannelState::Failed(error) => Some(error),
            ChannelState::Pending | ChannelState::Accepted => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(subscriptions: &mut Subscriptions, id: u32, channels: &[(&str, bool)]) -> Vec<Change> {
        let channels =
            channels.iter().map(|(name, accepted)| (Pattern::parse(name).expect("a channel"), *accepted));
        subscriptions.add(id, channels.collect()).0
    }

    /// 1 wants /a and /b, 2 wants /a and /x/*; nothing is accepted.
    fn subscriptions() -> Subscriptions {
        let mut subscriptions = Subscriptions::default();
        assert_eq!(add(&mut subscriptions, 1, &[("/a", false), ("/b", false)]), []);
        assert_eq!(add(&mut subscriptions, 2, &[("/a", false), ("/x/*", false)]), []);
        subscriptions
    }

    fn parse(channels: &[&str]) -> Result<Vec<String>, ApiMisuse> {
        let channels: Vec<String> = channels.iter().map(|name| (*name).to_owned()).collect();
        Ok(Subscriptions::parse(&channels)?.iter().map(|pattern| pattern.as_str().to_owned()).collect())
    }

    fn replies(replies: &[&str]) -> Vec<String> {
        replies.iter().map(|reply| (*reply).to_owned()).collect()
    }

    #[test]
    fn a_channel_that_is_named_twice_is_subscribed_once() {
        assert_eq!(parse(&["/b", "/a", "/b"]), Ok(vec!["/b".to_owned(), "/a".to_owned()]));
        assert_eq!(parse(&[]), Err(ApiMisuse::NoChannels));
        assert!(matches!(parse(&["/a", "b"]), Err(ApiMisuse::Channel { channel, .. }) if channel == "b"));
    }

    #[test]
    fn s15_it_succeeds_once_all_channels_are_answered() {
        let mut subscriptions = subscriptions();
        assert_eq!(subscriptions.accepted("/b", "B").0, []);
        assert_eq!(subscriptions.accepted("/a", "A").0, [Change::Subscribed(1, replies(&["B", "A"]))]);
        assert_eq!(subscriptions.accepted("/x/*", "X").0, [Change::Subscribed(2, replies(&["A", "X"]))]);
        assert_eq!(subscriptions.accepted("/a", "again").0, []);
        assert_eq!(subscriptions.accepted("/other", "O").0, []);
    }

    #[test]
    fn what_is_accepted_already_needs_no_answer() {
        let mut subscriptions = Subscriptions::default();
        assert_eq!(add(&mut subscriptions, 1, &[("/a", true)]), [Change::Subscribed(1, vec![])]);
        assert_eq!(add(&mut subscriptions, 2, &[("/a", true), ("/b", false)]), []);
        assert_eq!(subscriptions.accepted("/b", "B").0, [Change::Subscribed(2, replies(&["B"]))]);
    }

    #[test]
    fn s15_it_succeeds_where_one_channel_of_several_fails() {
        let mut subscriptions = subscriptions();
        let failed = Change::ChannelFailed("/b".to_owned(), Error::NotBayeux);
        assert_eq!(subscriptions.failed("/b", &Error::NotBayeux).0, [failed]);
        assert_eq!(subscriptions.accepted("/a", "A").0, [Change::Subscribed(1, replies(&["A"]))]);
    }

    #[test]
    fn s15_it_is_refused_with_the_first_error_where_all_fail() {
        let mut subscriptions = subscriptions();
        let failed = Change::ChannelFailed("/b".to_owned(), Error::NotBayeux);
        assert_eq!(subscriptions.failed("/b", &Error::NotBayeux).0, [failed]);
        let changes = subscriptions.failed("/a", &Error::Redirect).0;
        let failed = Change::ChannelFailed("/a".to_owned(), Error::Redirect);
        assert_eq!(changes, [Change::Refused(1, Error::Redirect), failed]);
        assert!(!subscriptions.contains(1) && subscriptions.contains(2));
    }

    #[test]
    fn a_subscription_that_has_succeeded_ends_with_its_last_channel() {
        let mut subscriptions = subscriptions();
        let _ = subscriptions.accepted("/a", "A");
        let _ = subscriptions.accepted("/b", "B");
        let failed = Change::ChannelFailed("/b".to_owned(), Error::NotBayeux);
        assert_eq!(subscriptions.failed("/b", &Error::NotBayeux).0, [failed]);
        let changes = subscriptions.failed("/a", &Error::Redirect).0;
        let failed = Change::ChannelFailed("/a".to_owned(), Error::Redirect);
        assert_eq!(changes, [Change::Ended(1, Error::Redirect), failed]);
        assert_eq!(subscriptions.failed("/a", &Error::Redirect).0, [], "nobody wants it any more");
    }

    #[test]
    fn who_wants_a_channel_is_known_until_it_fails_or_is_left() {
        let mut subscriptions = subscriptions();
        assert!(subscriptions.wants("/a") && subscriptions.wants("/x/*") && !subscriptions.wants("/x/y"));
        assert_eq!(subscriptions.holders("/a"), [1, 2]);
        let _ = subscriptions.failed("/b", &Error::NotBayeux);
        assert!(!subscriptions.wants("/b"));
        let left = subscriptions.remove(1).expect("it is open");
        assert_eq!(left.names().collect::<Vec<_>>(), ["/a", "/b"]);
        assert_eq!(left.wanted_names().collect::<Vec<_>>(), ["/a"]);
        assert!(!left.is_settled());
        assert_eq!(subscriptions.holders("/a"), [2]);
        assert!(subscriptions.remove(1).is_none());
        assert!(subscriptions.remove(2).is_some());
        assert!(!subscriptions.wants("/a") && subscriptions.ids().is_empty());
    }

    #[test]
    fn a_new_subscription_may_want_what_failed_for_another() {
        let mut subscriptions = subscriptions();
        let _ = subscriptions.failed("/a", &Error::NotBayeux);
        assert_eq!(add(&mut subscriptions, 3, &[("/a", true)]), [Change::Subscribed(3, vec![])]);
        let left = subscriptions.remove(1).expect("it is open");
        assert_eq!(left.wanted_names().collect::<Vec<_>>(), ["/b"]);
        assert_eq!(subscriptions.holders("/a"), [3]);
        assert!(subscriptions.remove(3).expect("it is open").is_settled());
    }

    #[test]
    fn events_are_for_all_that_match_in_ascending_order() {
        let mut subscriptions = subscriptions();
        add(&mut subscriptions, 3, &[("/x/y", true), ("/x/*", true)]);
        assert_eq!(subscriptions.takers("/x/y"), [2, 3]);
        assert_eq!(subscriptions.takers("/a"), [1, 2]);
        assert_eq!(subscriptions.takers("/c"), Vec::<u32>::new());
        assert_eq!(subscriptions.ids(), [1, 2, 3]);
        let mut names = subscriptions.names_matching("/x/y");
        names.sort();
        assert_eq!(names, ["/x/*", "/x/y"]);
    }

    #[test]
    fn r2_another_filter_on_the_topic_is_found() {
        let mut subscriptions = Subscriptions::default();
        add(&mut subscriptions, 1, &[("/t?a", false), ("/*", false)]);
        assert!(!subscriptions.wants_other_filter("/t?a"));
        assert!(subscriptions.wants_other_filter("/t?b") && subscriptions.wants_other_filter("/t"));
        assert!(!subscriptions.wants_other_filter("/u"));
    }

    #[test]
    fn p2_a_reply_costs_the_same_with_many_channels() {
        let count = |channels: usize| {
            let mut subscriptions = Subscriptions::default();
            let names =
                (0..channels).map(|n| (Pattern::parse(&format!("/c/{n}")).expect("a channel"), false));
            let _ = subscriptions.add(1, names.collect());
            crate::steps::taken();
            let _ = subscriptions.accepted("/c/5", "reply");
            assert_eq!(subscriptions.takers("/c/5"), [1]);
            crate::steps::taken()
        };
        assert_eq!(count(10), count(10_000));
    }
}
