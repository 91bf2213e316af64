//! What a world knows: its sessions, and how events reach them. No clock of its own and no I/O.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json, value::RawValue};

use crate::channel::without_filter;
use crate::config::Config;
use crate::fault::Faults;
use crate::request::Request;
use crate::salesforce::{Kind, Org, Publication};
use crate::session::{Event, Poll, Session, Wake};
use crate::stats::Stats;

pub(crate) struct State {
    pub config: Config,
    pub faults: Faults,
    pub stats: Stats,
    pub org: Org,
    /// Until then the network is cut.
    pub down_until: Option<Instant>,
    pub speed: f64,
    sessions: BTreeMap<String, Session>,
    /// The values of BAYEUX_BROWSER given out: one that comes back with a handshake is kept.
    browsers: HashSet<String>,
    /// The number of the last numbered event of each channel.
    numbers: BTreeMap<String, u64>,
    serial: u64,
}

impl State {
    pub(crate) fn new(config: Config, speed: f64) -> Self {
        Self {
            config,
            faults: Faults::default(),
            stats: Stats::default(),
            org: Org::new(0),
            down_until: None,
            speed,
            sessions: BTreeMap::new(),
            browsers: HashSet::new(),
            numbers: BTreeMap::new(),
            serial: 0,
        }
    }

    /// Starts a session. The cookie's value comes with it if the client has to be given one.
    pub(crate) fn start_session(
        &mut self,
        request: &Request,
        ack: bool,
        now: Instant,
    ) -> (String, Option<String>) {
        self.stats.handshakes += 1;
        let known = request.cookie(BROWSER).find(|value| self.browsers.contains(*value)).map(str::to_owned);
        let given = known.is_none().then(|| format!("!{:016x}/+{:016x}==", random(), random()));
        let browser = known.or_else(|| given.clone()).unwrap_or_default();
        self.browsers.insert(browser.clone());
        let id = format!("{:016x}{:016x}", random(), random());
        self.sessions.insert(id.clone(), Session::new(id.clone(), browser, ack, now));
        (id, given)
    }

    /// The session of that client id, if it is alive.
    pub(crate) fn session(&mut self, id: &str, now: Instant) -> Option<&mut Session> {
        self.sweep(now);
        self.sessions.get_mut(id)
    }

    /// How many other sessions of the same browser have a poll parked.
    pub(crate) fn parked_beside(&self, session: &str) -> usize {
        let Some(own) = self.sessions.get(session) else { return 0 };
        let beside = |other: &&Session| {
            other.id != own.id && other.browser == own.browser && matches!(other.poll, Poll::Parked { .. })
        };
        self.sessions.values().filter(beside).count()
    }

    /// Ends a session, and its parked poll with that answer.
    pub(crate) fn end_session(&mut self, id: &str, reason: Wake) -> bool {
        let session = self.sessions.remove(id);
        session.map(|mut session| session.wake(reason)).is_some()
    }

    pub(crate) fn end_all_sessions(&mut self, reason: Wake) -> usize {
        let sessions = std::mem::take(&mut self.sessions);
        sessions.into_values().map(|mut session| session.wake(reason)).count()
    }

    /// Answers every parked poll. Returns how many there were.
    pub(crate) fn wake_all(&mut self) -> usize {
        let parked = self.sessions.values_mut().filter(|session| matches!(session.poll, Poll::Parked { .. }));
        parked.map(|session| session.wake(Wake::Timeout)).count()
    }

    /// The sockets of all parked polls are dropped, and no session notices.
    pub(crate) fn lose_all_polls(&mut self, now: Instant) {
        for session in self.sessions.values_mut() {
            self.stats.swallowed += session.lose_poll(now);
        }
    }

    /// Counts an event and queues it for every session that subscribed to its channel: in Salesforce's envelope for
    /// sessions of that kind, as it came for others.
    pub(crate) fn publish(&mut self, channel: &str, publication: Publication<'_>, now: Instant) -> Published {
        let event = self.count_event(channel, publication.data, publication.ext);
        let kept = Kind::of(channel).map(|kind| self.org.keep(kind, channel, publication, &self.config, now));
        self.sweep(now);
        let offer = |session: &mut Session| match (&session.user, &kept) {
            (None, _) => session.offer(&event),
            (Some(_), Some(kept)) => session.offer_kept(kept),
            (Some(_), None) => false,
        };
        let receivers = self.sessions.values_mut().map(offer).filter(|wanted| *wanted).count();
        Published { receivers, replay_id: kept.map(|kept| kept.id) }
    }

    /// Counts an event that is for one session only.
    pub(crate) fn count_event(
        &mut self,
        channel: &str,
        data: Option<&RawValue>,
        ext: Option<&Value>,
    ) -> Arc<Event> {
        *self.stats.published.entry(channel.to_owned()).or_default() += 1;
        self.stats.published_total += 1;
        let mut text = format!(r#"{{"channel":{}"#, Value::from(channel));
        if let Some(data) = data {
            text.push_str(r#","data":"#);
            text.push_str(data.get());
        }
        if let Some(ext) = ext {
            text.push_str(&format!(r#","ext":{ext}"#));
        }
        text.push('}');
        Arc::new(Event { channel: channel.to_owned(), text })
    }

    /// Lets queued events go to the polls that wait for them.
    pub(crate) fn flush(&mut self, now: Instant) {
        for session in self.sessions.values_mut() {
            self.stats.swallowed += session.flush(now);
        }
    }

    /// The next running number of a channel, from 1.
    pub(crate) fn next_number(&mut self, channel: &str) -> u64 {
        let number = self.numbers.entry(channel.to_owned()).or_default();
        *number += 1;
        *number
    }

    /// A name for a poll that no other one of this world has.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A time of the server's clock on the real one.
    pub(crate) fn scaled(&self, ms: u64) -> Duration {
        Duration::from_secs_f64(ms as f64 / 1000.0 / self.speed)
    }

    pub(crate) fn is_down(&self, now: Instant) -> bool {
        self.down_until.is_some_and(|until| now < until)
    }

    pub(crate) fn report(&mut self, now: Instant) -> Value {
        self.sweep(now);
        let mut subscriptions = BTreeMap::<&str, u64>::new();
        for name in self.sessions.values().flat_map(|session| &session.subscriptions) {
            *subscriptions.entry(name).or_default() += 1;
        }
        let mut report = json!(self.stats);
        report["sessions"] = self.sessions.len().into();
        report["subscriptions"] = json!(subscriptions);
        let parked =
            self.sessions.values().filter(|session| matches!(session.poll, Poll::Parked { .. })).count();
        report["parkedPolls"] = parked.into();
        report["faultsWaiting"] = self.faults.waiting().map(|fault| fault.times).sum::<u32>().into();
        report["faultsApplied"] = self.faults.applied.into();
        report["tokens"] = self.org.tokens(now).into();
        report["org"] = self.org.long_id().into();
        report["kept"] = json!(self.org.logs.sizes());
        report["deliveredToday"] = self.org.delivered().into();
        report["down"] = self.is_down(now).into();
        report
    }

    /// Ends the sessions of Salesforce's kind, and their parked polls with that answer.
    pub(crate) fn end_salesforce_sessions(&mut self, reason: Wake) -> usize {
        let (ended, others): (BTreeMap<_, _>, _) =
            std::mem::take(&mut self.sessions).into_iter().partition(|(_, session)| session.user.is_some());
        self.sessions = others;
        ended.into_values().map(|mut session| session.wake(reason)).count()
    }

    /// How many sessions of Salesforce's kind are alive.
    pub(crate) fn salesforce_sessions(&mut self, now: Instant) -> usize {
        self.sweep(now);
        self.sessions.values().filter(|session| session.user.is_some()).count()
    }

    /// How many other sessions of Salesforce's kind subscribed to a channel.
    pub(crate) fn subscribers_beside(&mut self, session: &str, channel: &str, now: Instant) -> usize {
        self.sweep(now);
        let reads = |other: &&Session| {
            other.user.is_some()
                && other.id != session
                && other.subscriptions.iter().any(|name| without_filter(name) == channel)
        };
        self.sessions.values().filter(reads).count()
    }

    /// Invalidates all tokens and, if so told, lets the parked polls that were sent with one know.
    pub(crate) fn expire_tokens(&mut self, tell: bool) -> usize {
        let revoked = self.org.revoke_all();
        if tell {
            let sessions = self.sessions.values_mut().filter(|session| session.user.is_some());
            sessions.for_each(|session| session.wake(Wake::Revoked));
        }
        revoked
    }

    /// Drops the sessions whose client did not come back in time.
    fn sweep(&mut self, now: Instant) {
        let max_interval = self.scaled(self.config.max_interval_ms);
        let longest = self.scaled(self.config.salesforce.session_lifetime_ms);
        self.sessions.retain(|_, session| !session.is_over(now, max_interval, longest));
    }
}

/// What became of a publication.
pub(crate) struct Published {
    /// The sessions that it was queued for.
    pub receivers: usize,
    /// On a channel of Salesforce's.
    pub replay_id: Option<u64>,
}

/// The cookie that a session is bound to.
pub(crate) const BROWSER: &str = "BAYEUX_BROWSER";

/// Different each time, and hard enough to guess for a server that guards nothing.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
