//! What the messages of one request do, and what they are answered.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json, value::to_raw_value};
use tokio::sync::oneshot;

use crate::channel::{self, BadName};
use crate::config::AdviceIn;
use crate::fault::On;
use crate::reply::{Draft, Reply};
use crate::request::{Kind, Message, Request};
use crate::salesforce::{Publication, ReplayOn};
use crate::session::Wake;
use crate::state::{BROWSER, State};

use super::dialect;

/// The messages of one request on their way through the state.
pub(super) struct Exchange<'a> {
    pub(super) state: &'a mut State,
    pub(super) request: &'a Request,
    refusal: Option<Refusal>,
    pub(super) draft: Draft,
    parked: Option<Parked>,
    pub(super) now: Instant,
}

/// A fault's answer to messages that are not processed.
pub(super) struct Refusal {
    pub on: On,
    pub error: String,
    pub advice: Option<Value>,
    pub failure_reason: Option<String>,
    /// The HTTP status that goes with it.
    pub status: Option<u16>,
}

/// A poll that waits for events.
pub(super) struct Parked {
    pub session: String,
    pub serial: u64,
    pub until: Instant,
    pub woken: oneshot::Receiver<Wake>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(state: &'a mut State, request: &'a Request, refusal: Option<Refusal>) -> Self {
        Self { state, request, refusal, draft: Draft::default(), parked: None, now: Instant::now() }
    }

    /// Processes all messages. The reply to a parked connect is still to come.
    pub(super) fn run(mut self) -> (Draft, Option<Parked>) {
        let request = self.request;
        match request.messages.first() {
            // A handshake travels alone; what comes with it is not looked at.
            Some(first) if first.kind() == Kind::Handshake => self.message(first),
            _ => request.messages.iter().for_each(|message| self.message(message)),
        }
        if !request.is(Kind::Connect) {
            self.take_events_along();
        }
        self.state.flush(self.now);
        (self.draft, self.parked)
    }

    /// Answers a connect that was parked.
    pub(super) fn resume(
        state: &'a mut State,
        request: &'a Request,
        draft: &mut Draft,
        message: &Message,
        parked: &Parked,
        wake: Wake,
    ) {
        let mut this = Self::new(state, request, None);
        this.draft = std::mem::take(draft);
        let now = this.now;
        let session = this.state.session(&parked.session, now);
        let (gone, current) = (session.is_none(), session.is_some_and(|s| s.has_parked(parked.serial)));
        match wake {
            Wake::Disconnected => {
                let advice = this.advice("none");
                this.reply(Reply::success(message, &parked.session).with("advice", advice));
            }
            _ if gone => this.unknown_client(message),
            _ if current && this.is_revoked() => this.revoked(message),
            _ if current && this.is_spent() => this.spent(message),
            Wake::Events | Wake::Timeout if current => this.connect_now(message, &parked.session, None),
            // Another connect took its place, also if that came while this one was about to be answered.
            _ => {
                let advice = this.advice("retry");
                this.reply(Reply::success(message, &parked.session).with("advice", advice));
            }
        }
        *draft = this.draft;
    }

    fn message(&mut self, message: &Message) {
        let kind = message.kind();
        if let Some(refusal) = self.refusal.as_ref().filter(|refusal| refusal.on.is(kind)) {
            let ext = self.refusal_ext(kind, refusal.failure_reason.as_deref());
            let reply = Reply::refusal(message, &refusal.error, refusal.advice.clone()).with("ext", ext);
            self.draft.status = refusal.status.and_then(|status| StatusCode::from_u16(status).ok());
            return self.reply(reply);
        }
        if self.request.salesforce.is_some() && !self.admit(message) {
            return;
        }
        if kind == Kind::Handshake {
            return match self.request.salesforce {
                None => self.handshake(message),
                Some(_) => self.log_in(message),
            };
        }
        if message.channel().is_empty() {
            return self.refuse(message, "400::Channel name not specified");
        }
        let Some(session) = self.session_of(message) else { return };
        match kind {
            Kind::Handshake => {}
            Kind::Connect => self.connect(message, &session),
            Kind::Subscribe if self.request.salesforce.is_some() => self.follow(message, &session),
            Kind::Subscribe => self.subscribe(message, &session),
            Kind::Unsubscribe => self.unsubscribe(message, &session),
            // Clients of Salesforce publish over REST.
            Kind::Publish if self.request.salesforce.is_some() => {
                self.refuse(message, "403::Restricted channel");
            }
            Kind::Publish => self.publish(message, &session),
            Kind::Disconnect => {
                self.state.stats.disconnects += 1;
                self.state.end_session(&session, Wake::Disconnected);
                self.reply(Reply::success(message, &session));
            }
        }
    }

    fn handshake(&mut self, message: &Message) {
        let asked = !matches!(message.ack(), None | Some(Value::Bool(false) | Value::Null));
        let ack = asked && self.state.config.ack;
        let (id, cookie) =
            self.state.start_session(self.request, ack && self.state.config.ack_numbers, self.now);
        self.draft.browser = cookie;
        self.draft.route = true;
        let advice = matches!(self.state.config.advice, AdviceIn::Handshake | AdviceIn::Always)
            .then(|| self.advice("retry"))
            .flatten();
        let reply = Reply::success(message, &id)
            .with("version", Some("1.0"))
            .with("minimumVersion", Some("1.0"))
            .with("supportedConnectionTypes", Some(self.state.config.connection_types.clone()))
            .with("ext", ack.then(|| json!({ "ack": true })))
            .with("advice", advice);
        self.reply(reply);
    }

    fn connect(&mut self, message: &Message, id: &str) {
        let offered = &self.state.config.connection_types;
        if !message.text("connectionType").is_some_and(|kind| offered.iter().any(|known| known == kind)) {
            return self.refuse(message, "400::Invalid connection type");
        }
        if self.is_spent() {
            return self.spent(message);
        }
        let limit = self.state.config.max_sessions_per_browser;
        let crowded = limit > 0 && self.state.parked_beside(id) >= limit;
        let timeout = message.wished_timeout_ms().map(Duration::from_millis);
        let timeout = timeout.unwrap_or(self.state.scaled(self.state.config.timeout_ms)).min(LONGEST_POLL);
        let (serial, now) = (self.state.next_serial(), self.now);
        let Some(session) = self.state.session(id, now) else { return };
        session.wake(Wake::Superseded);
        session.acknowledge(message.ack().and_then(Value::as_u64).unwrap_or(0));
        let first = !std::mem::replace(&mut session.connected, true);
        let at_once = first || crowded || session.has_events() || timeout.is_zero();
        if !at_once && self.parked.is_none() {
            let until = now + timeout;
            let woken = session.park(serial, until);
            self.parked = Some(Parked { session: id.to_owned(), serial, until, woken });
            return;
        }
        let advice = if crowded {
            self.advice("retry").map(|mut advice| {
                advice["multiple-clients"] = true.into();
                advice["interval"] = (self.state.scaled(2_000).as_millis() as u64).into();
                advice
            })
        } else if first && self.state.config.advice == AdviceIn::Connect {
            self.advice("retry")
        } else {
            None
        };
        self.connect_now(message, id, advice);
    }

    /// Answers a connect with the events that wait for it.
    fn connect_now(&mut self, message: &Message, id: &str, advice: Option<Value>) {
        let always = self.state.config.advice == AdviceIn::Always;
        let advice = advice.or_else(|| always.then(|| self.advice("retry")).flatten());
        let now = self.now;
        let Some(session) = self.state.session(id, now) else { return };
        session.poll = crate::session::Poll::Idle;
        session.answered(now);
        let (events, number) = session.take_batch();
        self.draft.events.extend(events);
        let ext = number.map(|number| json!({ "ack": number }));
        self.reply(Reply::success(message, id).with("ext", ext).with("advice", advice));
    }

    fn subscribe(&mut self, message: &Message, id: &str) {
        let names = message.subscriptions();
        // An array is refused whole for one bad name.
        let is_array = matches!(message.fields.get("subscription"), Some(Value::Array(_)));
        let bad = names.iter().find_map(|name| channel::check(name).err().map(|error| (error, is_array)));
        match bad {
            _ if names.is_empty() => return self.refuse(message, "400::Channel name not specified"),
            Some((BadName::NoSlash, false)) => {
                return self.refuse(message, "400::Channel must start with '/'");
            }
            Some(_) => return self.refuse(message, "403::subscription_invalid"),
            None => {}
        }
        if names.iter().any(|name| name.starts_with("/meta/")) {
            return self.refuse(message, "403::Restricted channel");
        }
        let now = self.now;
        let Some(session) = self.state.session(id, now) else { return };
        session.answered(now);
        session.subscriptions.extend(names.iter().map(|name| (*name).to_owned()));
        self.reply(Reply::success(message, id));
        for name in names {
            self.greet(name);
        }
    }

    /// Puts the sample events that the settings ask for into the response that confirms the subscription.
    fn greet(&mut self, subscription: &str) {
        let channel = channel::without_filter(subscription);
        let channel = channel.trim_end_matches('*');
        let channel = if channel.ends_with('/') { format!("{channel}sample") } else { channel.to_owned() };
        for _ in 0..self.state.config.events_on_subscribe_reply {
            let n = self.state.next_number(&channel);
            let data = to_raw_value(&json!({ "n": n, "sample": true })).ok();
            let event = self.state.count_event(&channel, data.as_deref(), None);
            self.draft.events.push(event);
        }
    }

    fn unsubscribe(&mut self, message: &Message, id: &str) {
        let names = message.subscriptions();
        if names.is_empty() {
            return self.refuse(message, "400::Channel name not specified");
        }
        if let Some(session) = self.state.session(id, self.now) {
            session.subscriptions.retain(|name| !names.contains(&name.as_str()));
        }
        self.reply(Reply::success(message, id));
    }

    fn publish(&mut self, message: &Message, id: &str) {
        let name = message.channel();
        match channel::check(name) {
            Err(BadName::NoSlash) => return self.refuse(message, "400::Channel must start with '/'"),
            Err(BadName::Malformed) => return self.refuse(message, "400::Channel name is malformed"),
            Ok(()) if channel::is_glob(name) => {
                return self.refuse(message, "400::Channel must not be a pattern");
            }
            Ok(()) if name.starts_with("/meta/") => return self.refuse(message, "403::Restricted channel"),
            Ok(()) => {}
        }
        let (data, ext) = (message.data.as_deref(), message.fields.get("ext"));
        if let Some(service) = name.strip_prefix("/service/") {
            // Not broadcast. The services of this server echo, under the id of the message as CometD's remote calls do; one
            // fails with what it was given, and one is silent.
            let (no_id, event) = (Value::Null, self.state.count_event(name, data, ext));
            let message_id = message.fields.get("id").unwrap_or(&no_id);
            let mut members = vec![("id", message_id)];
            if service.starts_with("fail") {
                members.push(("successful", &Value::Bool(false)));
            }
            if let Some(session) = self.state.session(id, self.now).filter(|_| !service.starts_with("silent"))
            {
                session.push(event.with(&members));
            }
        } else {
            self.state.publish(name, Publication { data, ext, event: None }, self.now);
        }
        self.reply(Reply::success(message, id));
    }

    /// Events ride on any reply but the handshake's, unless only connects may carry them.
    fn take_events_along(&mut self) {
        let salesforce = self.request.salesforce.is_some();
        let allowed = match self.state.config.salesforce.replay_on {
            ReplayOn::Subscribe if salesforce => true,
            ReplayOn::Connect if salesforce => false,
            _ => self.state.config.deliver_on_publish_reply,
        };
        let Some(id) = self.request.session().filter(|_| allowed) else { return };
        let carries = |reply: &Reply| match reply.kind {
            Kind::Subscribe | Kind::Publish => true,
            kind => salesforce && kind == Kind::Unsubscribe,
        };
        if !self.draft.replies.iter().any(carries) {
            return;
        }
        // What the client was refused shows that it has no claim to the session.
        if self.draft.replies.iter().all(|reply| reply.fields["successful"] == false) {
            return;
        }
        if let Some(session) = self.state.session(id, self.now)
            && !session.has_ack()
        {
            let events = session.take();
            self.draft.events.extend(events);
        }
    }

    /// The living session that a message belongs to; where there is none, the message is refused.
    fn session_of(&mut self, message: &Message) -> Option<String> {
        let id = message.text("clientId").unwrap_or_default();
        let required = self.state.config.require_cookie;
        let salesforce = self.request.salesforce.is_some();
        let session = self.state.session(id, self.now);
        // A session of the one dialect is none of the other.
        let Some(session) = session.filter(|session| session.user.is_some() == salesforce) else {
            self.unknown_client(message);
            return None;
        };
        let sent = self.request.cookie(BROWSER).any(|value| value == session.browser);
        if required && !(sent && (!salesforce || dialect::crumbs_are_sound(self.request))) {
            if !self.state.config.says_missing_cookie {
                self.unknown_client(message);
                return None;
            }
            let error =
                format!("400::Client {id} has established a session, but no BAYEUX_BROWSER cookie present");
            let advice = self.advice("handshake");
            self.reply(Reply::refusal(message, &error, advice));
            return None;
        }
        Some(id.to_owned())
    }

    pub(super) fn unknown_client(&mut self, message: &Message) {
        let error = match self.state.config.unknown_client_code {
            402 => "402::session_unknown",
            _ => "403::Unknown client",
        };
        let advice = self.advice("handshake");
        self.draft.route = true;
        self.reply(Reply::refusal(message, error, advice));
    }

    pub(super) fn refuse(&mut self, message: &Message, error: &str) {
        self.reply(Reply::refusal(message, error, None));
    }

    pub(super) fn reply(&mut self, reply: Reply) {
        self.draft.replies.push(reply);
    }

    pub(super) fn advice(&self, reconnect: &str) -> Option<Value> {
        let config = &self.state.config;
        let ms = |ms| self.state.scaled(ms).as_millis() as u64;
        match (config.advice, reconnect) {
            (AdviceIn::Never, _) => None,
            (_, "none") => Some(json!({ "reconnect": "none" })),
            (_, "retry") => Some(json!({
                "reconnect": "retry", "interval": ms(config.interval_ms), "timeout": ms(config.timeout_ms),
            })),
            (_, reconnect) => Some(json!({ "reconnect": reconnect, "interval": ms(config.interval_ms) })),
        }
    }
}

/// A client may ask for a poll as long as it likes, but not for one that overflows the clock.
const LONGEST_POLL: Duration = Duration::from_secs(3600);
