//! A Bayeux server as the reference server behaves, with variants: it never loses what it does not have to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::choices::Choices;
use crate::habits::{CALLERS_COOKIE, Habit};
use crate::plan::{AdviceStyle, Plan};
use crate::replay_log::Accepted;
use crate::replay_plan::{ReplayIds, ReplayPlan};
use crate::rng::Rng;
use crate::session_model::{Parked, ServerSession};

pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: "<html>no</html>".to_owned() }
    }

    pub fn bayeux(messages: &[String]) -> Self {
        Self { status: 200, headers: Vec::new(), body: format!("[{}]", messages.join(",")) }
    }
}

/// An event, as the server knows it. Its number is its index.
pub struct Published {
    pub channel: String,
    pub at: u64,
    /// The exchanges that carried it, of all sessions.
    pub carriers: Vec<u32>,
    /// Sessions that it was queued for.
    pub sessions: Vec<usize>,
    /// The session that last put it on a response.
    pub carried_by: Option<usize>,
    /// The last client whose application got it.
    pub given_to: Option<u32>,
    pub bytes: usize,
    /// Do extensions of the client drop it? Known once one has seen it.
    pub dropped: Option<bool>,
    /// Where channels are tracked.
    pub id: String,
    pub org: u32,
}

/// What the server does to the client while it has a bad time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Refusing {
    Nothing,
    Handshakes(u64),
    /// HTTP 503 with `Retry-After` seconds, for everything.
    All(u64),
}

pub struct Server {
    pub plan: Plan,
    pub sessions: Vec<ServerSession>,
    pub published: Vec<Published>,
    /// How often each of the application's messages was processed, by the number in its data.
    pub processed: Vec<(u64, u32)>,
    /// Replies that leave now.
    pub outbox: Vec<(u32, Reply)>,
    pub refusing: Refusing,
    /// `none` was said in some way: the client may end.
    pub said_none: bool,
    pub calm: bool,
    /// It is the server of a recorded life.
    pub recorded: bool,
    pub seed: u64,
    pub habits: Vec<Habit>,
    pub refused_in_own_words: BTreeSet<usize>,
    pub polls: u64,
    /// It takes the client for several until then.
    pub crowded_until: u64,
    /// Counts clients, where there are several.
    pub client: u32,
    /// Events on responses, and those that were on one before, by reason.
    pub carried: u64,
    pub carried_again: BTreeMap<&'static str, u64>,
    // With replay.
    pub org: u32,
    pub last_id: u64,
    pub ids: HashMap<String, u32>,
    pub logs: HashMap<String, Vec<u32>>,
    pub accepted: Vec<Accepted>,
    pub revoked: HashSet<u32>,
    /// Tokens that were refused to the client.
    pub refused: HashSet<u32>,
}

impl Server {
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            sessions: Vec::new(),
            published: Vec::new(),
            processed: Vec::new(),
            outbox: Vec::new(),
            refusing: Refusing::Nothing,
            said_none: false,
            calm: false,
            recorded: false,
            seed: 0,
            habits: Vec::new(),
            refused_in_own_words: BTreeSet::new(),
            polls: 0,
            crowded_until: 0,
            client: 0,
            carried: 0,
            carried_again: BTreeMap::new(),
            org: 0,
            last_id: 1_000,
            ids: HashMap::new(),
            logs: HashMap::new(),
            accepted: Vec::new(),
            revoked: HashSet::new(),
            refused: HashSet::new(),
        }
    }

    /// Handles a request; `None` when the poll is parked.
    pub fn request(
        &mut self,
        now: u64,
        exchange: u32,
        messages: &[String],
        credentials: &(Option<String>, Option<u32>),
        choices: &mut Choices,
    ) -> Option<Reply> {
        let (cookie, token) = (credentials.0.as_deref(), credentials.1);
        self.tick(now);
        if let Refusing::All(seconds) = self.refusing {
            let headers = vec![("Retry-After".to_owned(), seconds.to_string())];
            return Some(Reply { headers, ..Reply::status(503) });
        }
        let messages: Vec<Value> = messages
            .iter()
            .map(|text| {
                serde_json::from_str(text).unwrap_or_else(|_| panic!("the client sent no JSON: {text}"))
            })
            .collect();
        let alone = messages.len() == 1;
        let mut replies = Vec::new();
        let mut session = None;
        if self.refuses(token) {
            for message in &messages {
                match self.unauthorized(now, message, token, choices) {
                    Some(reply) => replies.push(reply),
                    None => return Some(Reply::status(401)),
                }
            }
            return Some(Reply::bayeux(&replies));
        }
        for message in &messages {
            let channel = message["channel"].as_str().expect("a channel");
            if channel == "/meta/handshake" {
                assert!(alone, "S1: a handshake travels alone");
                return Some(self.handshake(now, message, (cookie, token), choices));
            }
            let found = self.session_of(message);
            session = found.filter(|index| self.sessions[*index].alive());
            let Some(index) = session else {
                if let Some(index) = found {
                    self.sessions[index].dismissed = true;
                }
                replies.push(self.unknown(message, alone, choices));
                continue;
            };
            self.sessions[index].known = true;
            self.check_cookie(index, cookie);
            let same = channel == "/meta/disconnect" || self.sessions[index].token == token;
            assert!(same, "S10: a session goes on with another token");
            if channel == "/meta/connect" {
                assert!(alone, "S2: a connect shares its request with nothing");
                return self.connect(now, exchange, index, (message, token), choices);
            }
            replies.push(self.command(now, index, channel, message, alone, choices));
        }
        let rides = self.plan.rides
            && (self.plan.replay.is_none() || choices.choose("rides", true, |rng| rng.chance(600)));
        if let Some(index) = session.filter(|index| rides && !self.sessions[*index].ack) {
            let events = self.events_for(index, exchange);
            self.place(&mut replies, events);
        }
        if let Some(index) = session.filter(|_| self.plan.replay.is_some())
            && self.sessions[index].alive()
            && self.sessions[index].parked.is_some()
            && self.sessions[index].has_events()
        {
            // Whichever response leaves first.
            self.release(now, index, "");
        }
        Some(Reply::bayeux(&replies))
    }

    /// Times out what has waited long enough.
    pub fn tick(&mut self, now: u64) {
        for index in 0..self.sessions.len() {
            let session = &mut self.sessions[index];
            if !session.alive() {
                continue;
            }
            if session.parked.as_ref().is_some_and(|parked| parked.until <= now) {
                self.release(now, index, "");
            } else if session.parked.is_none() && now > session.last_seen + self.plan.max_interval_ms {
                (session.ended_at, session.lapsed) = (Some(now), true);
            }
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub fn next_tick(&self) -> Option<u64> {
        self.sessions.iter().filter_map(|session| session.parked.as_ref()).map(|parked| parked.until).min()
    }

    /// An event for all who subscribed.
    pub fn publish(&mut self, now: u64, channel: &str, choices: &mut Choices) -> u32 {
        self.tick(now);
        let number = u32::try_from(self.published.len()).expect("few events");
        let bytes = choices.choose("bytes", 0, |rng| rng.below(self.plan.padding + 1));
        let bytes = usize::try_from(bytes).unwrap_or(0);
        let id = self.next_id(choices);
        if self.plan.replay.is_some() {
            self.ids.insert(id.clone(), number);
            self.logs.entry(channel.to_owned()).or_default().push(number);
        }
        let mut sessions = Vec::new();
        for (index, session) in self.sessions.iter_mut().enumerate() {
            if session.alive() && session.matches(channel) {
                session.queue.push_back(number);
                sessions.push(index);
            }
        }
        self.published.push(Published {
            channel: channel.to_owned(),
            at: now,
            carriers: Vec::new(),
            sessions,
            carried_by: None,
            given_to: None,
            bytes,
            dropped: None,
            id,
            org: self.org,
        });
        for index in 0..self.sessions.len() {
            let session = &self.sessions[index];
            if session.alive() && session.parked.is_some() && session.has_events() {
                self.release(now, index, "");
            }
        }
        number
    }

    fn handshake(
        &mut self,
        now: u64,
        message: &Value,
        (cookie, token): (Option<&str>, Option<u32>),
        choices: &mut Choices,
    ) -> Reply {
        let id = self.id_of(message);
        if let Refusing::Handshakes(style) = self.refusing {
            let advice = match style {
                0 => r#","advice":{"reconnect":"handshake","interval":0}"#,
                1 => r#","advice":{"reconnect":"retry","interval":500}"#,
                _ => "",
            };
            return Reply::bayeux(&[format!(
                r#"{{"channel":"/meta/handshake","successful":false,"error":"503::busy"{id}{advice}}}"#
            )]);
        }
        if self.plan.replay.is_some() {
            self.check_followed_handshake(message, cookie);
        }
        for session in self.sessions.iter().filter(|_| self.plan.replay.is_none()) {
            assert!(
                !(session.alive() && session.known && !session.dismissed),
                "a new handshake although the server still knows the session and has not sent the client away"
            );
        }
        let without_numbers = self.has(Habit::AckWithoutNumbers);
        let granted = (self.plan.grant_ack || without_numbers) && message["ext"]["ack"] == Value::Bool(true);
        let ack = granted && !without_numbers;
        let number = self.sessions.len();
        let client_id = format!("client{number}x{:016x}", choices.secret());
        let cookie = self.plan.cookie.then(|| format!("cookie{number}y{:016x}", choices.secret()));
        let ext = match (granted, self.plan.ack_as_object) {
            _ if granted && without_numbers => r#","ext":{"ack":true}"#,
            // Before the first number the extension is not in use (A1), so it is always there from the beginning.
            (true, true) => r#","ext":{"ack":{"enabled":true,"batch":7}}"#,
            (true, false) => r#","ext":{"ack":{"batch":7,"enabled":true}}"#,
            (false, _) => "",
        };
        let accepted_with_none = self.accepts_with_none(choices);
        let advice = match (accepted_with_none, self.plan.advice) {
            (Some(advice), _) => format!(r#","advice":{advice}"#),
            (None, AdviceStyle::Always) => self.advice(),
            _ => String::new(),
        };
        let body = format!(
            r#"{{"channel":"/meta/handshake","successful":true,"version":"1.0","clientId":"{client_id}","supportedConnectionTypes":["long-polling","callback-polling"]{id}{advice}{ext}}}"#
        );
        self.sessions.push(ServerSession {
            id: client_id,
            cookie: cookie.clone(),
            ack,
            client: self.client,
            token,
            subscriptions: Vec::new(),
            replayed: Vec::new(),
            queue: std::collections::VecDeque::new(),
            unacknowledged: Vec::new(),
            batch: 7,
            parked: None,
            last_seen: now,
            connects: 0,
            ended_at: None,
            lapsed: false,
            known: false,
            dismissed: false,
            accepted_with_none: accepted_with_none.is_some(),
            readvise: false,
        });
        let mut reply = Reply::bayeux(&[body]);
        if let Some(cookie) = cookie {
            reply
                .headers
                .push(("set-cookie".to_owned(), format!("BAYEUX_BROWSER={cookie}; Path=/; HttpOnly")));
        }
        if self.has(Habit::CallersCookie) {
            let set = format!("{CALLERS_COOKIE}{}; Path=/", self.sessions.len());
            reply.headers.push(("set-cookie".to_owned(), set));
        }
        reply
    }

    fn connect(
        &mut self,
        now: u64,
        exchange: u32,
        index: usize,
        (message, token): (&Value, Option<u32>),
        choices: &mut Choices,
    ) -> Option<Reply> {
        let session = &mut self.sessions[index];
        if let Some(old) = session.parked.take() {
            // The reference server's `duplicateMetaConnectHttpResponseCode`.
            self.outbox.push((old.exchange, Reply::status(500)));
        }
        session.last_seen = now;
        session.connects += 1;
        if let Some(number) = message["ext"]["ack"].as_u64().filter(|_| session.ack) {
            session.acknowledged(number);
        }
        let id = self.id_of(message);
        if !self.calm && choices.choose("busy", false, |rng| rng.chance(self.plan.busy)) {
            let advice = choices.pick("advice", &["", r#","advice":{"reconnect":"retry","interval":0}"#]);
            let channel = self.channel_member("/meta/connect", true);
            let text = r#""successful":false,"error":"500::in a moment""#;
            return Some(Reply::bayeux(&[format!("{{{channel}{text}{id}{advice}}}")]));
        }
        let unusual = self.unusual_advice(now, index, choices);
        if let Some((advice, true)) = &unusual {
            let channel = self.channel_member("/meta/connect", true);
            let text = r#""successful":false,"error":"500::enough""#;
            return Some(Reply::bayeux(&[format!(r#"{{{channel}{text}{id},"advice":{advice}}}"#)]));
        }
        let asked =
            message["advice"]["timeout"].as_u64().unwrap_or(self.plan.timeout_ms).min(self.plan.timeout_ms);
        let session = &mut self.sessions[index];
        session.parked = Some(Parked { exchange, until: now + asked, id, token });
        if session.has_events() || asked == 0 || unusual.is_some() {
            self.release(now, index, unusual.as_ref().map_or("", |(advice, _)| advice));
            return self.outbox.pop().map(|(_, reply)| reply);
        }
        None
    }

    /// Answers the parked poll, with `advice` in place of the usual one.
    pub fn release(&mut self, now: u64, index: usize, advice: &str) {
        let Some(parked) = self.sessions[index].parked.take() else { return };
        if self.refuses(parked.token) {
            // The token is looked at again with each response.
            self.refused.extend(parked.token);
            let mut choices =
                if self.recorded { Choices::neutral() } else { Choices::by_chance(Rng::new(now), false) };
            let text = self.unauthorized_poll(&parked.id, &mut choices);
            self.end_session(now, index);
            return self.outbox.push((parked.exchange, Reply::bayeux(&[text])));
        }
        let events = self.events_for(index, parked.exchange);
        let session = &mut self.sessions[index];
        session.last_seen = now;
        let readvise = advice.is_empty() && core::mem::take(&mut session.readvise);
        let usual = match self.plan.advice {
            _ if readvise => self.advice(),
            AdviceStyle::FirstConnectOnly if self.sessions[index].connects > 1 => String::new(),
            AdviceStyle::Never => String::new(),
            _ => self.advice(),
        };
        let session = &self.sessions[index];
        let advice = if advice.is_empty() { usual } else { format!(r#","advice":{advice}"#) };
        let ext = if session.ack { format!(r#","ext":{{"ack":{}}}"#, session.batch) } else { String::new() };
        let channel = self.channel_member("/meta/connect", true);
        let id = parked.id;
        let mut messages = vec![format!(r#"{{{channel}"successful":true{id}{advice}{ext}}}"#)];
        self.place(&mut messages, events);
        self.outbox.push((parked.exchange, Reply::bayeux(&messages)));
    }

    fn events_for(&mut self, index: usize, exchange: u32) -> Vec<String> {
        let numbers = self.sessions[index].take_events();
        let mut texts = Vec::with_capacity(numbers.len());
        for number in numbers {
            self.count_carried(index, number);
            self.published[number as usize].carriers.push(exchange);
            texts.push(self.text_of(number));
        }
        texts
    }

    pub fn text_of(&self, number: u32) -> String {
        let event = &self.published[number as usize];
        let (channel, padding) = (&event.channel, "p".repeat(event.bytes));
        let about = about(self.plan.replay, &event.id, number);
        format!(r#"{{"channel":"{channel}","data":{{"n":{number},"é":"{padding}"{about}}}}}"#)
    }

    fn count_carried(&mut self, session: usize, number: u32) {
        let before = self.published[number as usize].carried_by.replace(session);
        self.carried += 1;
        let Some(before) = before else { return };
        let (old, new) = (&self.sessions[before], &self.sessions[session]);
        let reason = match before == session {
            true if new.ack => "batch repeated",
            true => "subscribed again",
            false if old.client == new.client => "another session",
            false => "another client",
        };
        *self.carried_again.entry(reason).or_default() += 1;
    }

    fn place(&self, replies: &mut Vec<String>, mut events: Vec<String>) {
        if self.plan.events_first {
            events.append(replies);
            *replies = events;
        } else {
            replies.append(&mut events);
        }
    }

    pub fn session_of(&self, message: &Value) -> Option<usize> {
        let id = message["clientId"].as_str().expect("every message but the handshake has a client id");
        self.sessions.iter().position(|session| session.id == id)
    }

    fn check_cookie(&self, index: usize, header: Option<&str>) {
        if let Some(cookie) = &self.sessions[index].cookie {
            let wanted = format!("BAYEUX_BROWSER={cookie}");
            assert!(header == Some(wanted.as_str()), "X4: a request of the session without its cookie");
        }
    }
}

/// The replay metadata of an event where channels are tracked.
fn about(plan: Option<ReplayPlan>, id: &str, number: u32) -> String {
    let Some(plan) = plan else { return String::new() };
    let id = if plan.ids == ReplayIds::Text { format!(r#""{id}""#) } else { id.to_owned() };
    let uuid = if plan.uuids { format!(r#","EventUuid":"u{number}""#) } else { String::new() };
    format!(r#","event":{{"createdDate":"2026-11-21","replayId":{id}{uuid}}}"#)
}
