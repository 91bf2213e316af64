//! An org: who is logged in, what it has published, and how much it delivered today.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::config::Config;
use crate::state::random;

use super::replay::{Kept, Logs};
use super::stream::{self, Kind, Publication};

/// One org of a world. A new one starts with other ids and no tokens.
pub(crate) struct Org {
    number: u64,
    pub logs: Logs,
    tokens: BTreeMap<String, Token>,
    /// By how much this org's clock is ahead of the process's.
    ahead: Duration,
    delivered: u64,
    day_began: Instant,
}

struct Token {
    user: String,
    until: Option<Instant>,
}

impl Org {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            logs: Logs::new(number),
            tokens: BTreeMap::new(),
            ahead: Duration::ZERO,
            delivered: 0,
            day_began: Instant::now(),
        }
    }

    /// The org that follows this one.
    pub(crate) fn next(&self) -> Self {
        Self { ahead: self.ahead, ..Self::new(self.number + 1) }
    }

    /// Salesforce's fifteen characters.
    pub(crate) fn id(&self) -> String {
        format!("00D5g00000{:05}", self.number)
    }

    /// The same in eighteen.
    pub(crate) fn long_id(&self) -> String {
        format!("{}EAA", self.id())
    }

    /// The time that retention, tokens and days are measured by.
    pub(crate) fn clock(&self, now: Instant) -> Instant {
        now + self.ahead
    }

    pub(crate) fn age(&mut self, by: Duration) {
        self.ahead += by;
    }

    /// A new access token for that user.
    pub(crate) fn issue(&mut self, user: &str, lives: Option<Duration>, now: Instant) -> String {
        let token = format!("{}!AQ{:016x}.{:016x}_{:016x}", self.id(), random(), random(), random());
        let until = lives.map(|lives| self.clock(now) + lives);
        self.tokens.insert(token.clone(), Token { user: user.to_owned(), until });
        token
    }

    /// The user whom a token speaks for, if it is valid.
    pub(crate) fn user_of(&self, token: &str, now: Instant) -> Option<&str> {
        let found = self.tokens.get(token)?;
        let alive = found.until.is_none_or(|until| self.clock(now) < until);
        alive.then_some(found.user.as_str())
    }

    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        self.tokens.remove(token).is_some()
    }

    pub(crate) fn revoke_all(&mut self) -> usize {
        std::mem::take(&mut self.tokens).len()
    }

    pub(crate) fn tokens(&self, now: Instant) -> usize {
        self.tokens.keys().filter(|token| self.user_of(token, now).is_some()).count()
    }

    /// Gives a publication its replay id and its envelope, and keeps it.
    pub(crate) fn keep(
        &mut self,
        kind: Kind,
        channel: &str,
        publication: Publication<'_>,
        config: &Config,
        now: Instant,
    ) -> Arc<Kept> {
        let settings = &config.salesforce;
        let id = self.logs.next_id(settings.replay_id_base);
        let record = match (kind, publication.data) {
            (Kind::PushTopic, Some(data)) => serde_json::from_str(data.get()).unwrap_or_default(),
            _ => Map::new(),
        };
        let event = Arc::new(Kept {
            id,
            at: self.clock(now),
            channel: channel.to_owned(),
            kind,
            data: stream::envelope(kind, channel, publication, id, settings.replay_id_form),
            ext: publication.ext.map(Value::to_string),
            record,
        });
        self.logs.keep(Arc::clone(&event));
        event
    }

    /// Counts events that were written into responses.
    pub(crate) fn count_delivered(&mut self, events: u64) {
        self.delivered += events;
    }

    /// Whether the day's events are used up.
    pub(crate) fn is_spent(&mut self, limit: u64, day: Duration, now: Instant) -> bool {
        let clock = self.clock(now);
        if clock.saturating_duration_since(self.day_began) >= day {
            self.day_began = clock;
            self.delivered = 0;
        }
        limit > 0 && self.delivered >= limit
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }
}
