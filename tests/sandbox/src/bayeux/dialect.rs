//! What `/cometd/NN.0` does and says that plain Bayeux does not.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::channel::{self, BadName};
use crate::config::{AdviceIn, Config};
use crate::delivery::plain;
use crate::fault::{Effect, On};
use crate::reply::{BROWSER_ID, BROWSER_ID_VALUE, ROUTE, ROUTE_VALUE, Reply};
use crate::request::{Caller, Kind, Message, Request};
use crate::salesforce::{self, DeniedAs, Kept, Refused, RevokedAs};
use crate::session::Wake;
use crate::world::World;

use super::exchange::{Exchange, Refusal};

/// The largest request that Salesforce reads.
pub(super) const LARGEST_REQUEST: usize = 32_768;

const INVALID: &str = "401::Authentication invalid";
const UNAUTHENTICATED: &str = "401::Request requires authentication";
const BUSY: &str = "503::Server is too busy.  Please try your request again later.";
const CROWDED: &str = "403::Organization concurrent user limit exceeded";
const SPENT: &str = "403::Organization total events daily limit exceeded";
const DENIED: &str = "403::Handshake denied";
const CREATE_DENIED: &str = "403:denied_by_security_policy:create_denied";

/// Who calls, if the address is one of Salesforce's: what follows `/cometd/` begins with a version, good or bad.
pub(super) fn caller(path: &str, headers: &HeaderMap) -> Option<Caller> {
    let rest = path.split_once("/cometd/")?.1;
    let rest = rest.strip_prefix("replay/").unwrap_or(rest);
    let version = rest.split('/').next().unwrap_or_default();
    let bare = version.strip_prefix(['v', '-']).unwrap_or(version);
    if !bare.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    Some(Caller { token: salesforce::token(headers).map(str::to_owned), version: version.to_owned() })
}

/// The answer to a request that is not looked into: for its version, or for want of any token.
pub(super) fn turned_away(world: &World, request: &Request) -> Option<Response> {
    let caller = request.salesforce.as_ref()?;
    let mut state = world.state();
    let settings = &state.config.salesforce;
    let latest = settings.latest_version;
    let format = format!("URI format: '/cometd/{latest}.0'");
    let number = caller.version.strip_suffix(".0").and_then(|number| number.parse::<u32>().ok());
    let error = match number {
        Some(37..) if number <= Some(latest) => None,
        Some(_) => Some(format!(
            "400::Unsupported API version. Only API versions '37.0' and later are supported. {format}"
        )),
        None => Some(format!("400::API version in the URI is mandatory. {format}")),
    };
    let first = request.messages.first();
    if let Some(error) = error {
        let reply = match first {
            Some(message) => Value::Object(Reply::refusal(message, &error, None).fields),
            None => json!({ "error": error, "successful": false }),
        };
        return Some(plain(StatusCode::BAD_REQUEST, JSON, json!([reply]).to_string()));
    }
    let told = settings.missing_token_denied && request.is(Kind::Handshake);
    if caller.token.is_some() || told {
        return None;
    }
    state.stats.unauthorized += 1;
    let body = json!([{ "error": UNAUTHENTICATED, "successful": false }]);
    Some(plain(StatusCode::UNAUTHORIZED, JSON, body.to_string()))
}

const JSON: &str = "application/json;charset=UTF-8";

/// Whether the cookies beside BAYEUX_BROWSER came back as they were set, or not at all.
pub(super) fn crumbs_are_sound(request: &Request) -> bool {
    request.cookie(ROUTE).all(|value| value == ROUTE_VALUE)
        && request.cookie(BROWSER_ID).all(|value| value == BROWSER_ID_VALUE)
}

impl Refusal {
    /// What a fault wants messages refused with, if it does.
    pub(super) fn wanted(on: On, request: &Request, effect: &Effect) -> Option<Self> {
        let none = Some(json!({ "reconnect": "none" }));
        let plain = |error: &str, advice| Self {
            on,
            error: error.to_owned(),
            advice,
            failure_reason: None,
            status: None,
        };
        let refusal = match effect {
            Effect::Error { error, advice, failure_reason } => {
                Self { failure_reason: failure_reason.clone(), ..plain(error, advice.clone()) }
            }
            Effect::BusySubscribe { error } => {
                Self { failure_reason: Some(BUSY.to_owned()), ..plain(error, none) }
            }
            Effect::DenyHandshake { failure_reason, error, status } => {
                let error = error.as_deref().unwrap_or(DENIED);
                let failure_reason = Some(failure_reason.clone());
                Self { failure_reason, status: *status, ..plain(error, none) }
            }
            Effect::ConcurrentLimit => {
                Self { failure_reason: Some(CROWDED.to_owned()), ..plain(DENIED, none) }
            }
            // A subscribe is refused without advice.
            Effect::DailyLimit { advice } => {
                let given = request.is(Kind::Connect) && !advice.is_null();
                plain(SPENT, given.then(|| advice.clone()))
            }
            _ => return None,
        };
        Some(refusal)
    }
}

impl Exchange<'_> {
    /// The `ext` of a refusal. Salesforce names its extensions in a denied handshake's, too.
    pub(super) fn refusal_ext(&self, kind: Kind, failure_reason: Option<&str>) -> Option<Value> {
        let extended = kind == Kind::Handshake && self.request.salesforce.is_some();
        let mut ext = if extended { extensions() } else { json!({}) };
        if let Some(reason) = failure_reason {
            ext["sfdc"] = json!({ "failureReason": reason });
        }
        (extended || failure_reason.is_some()).then_some(ext)
    }

    /// Whether the caller may be heard at all; a message that is not is refused.
    pub(super) fn admit(&mut self, message: &Message) -> bool {
        let user = self.user();
        match (user, message.kind()) {
            (Some(_), Kind::Handshake) => true,
            (Some(user), _) => {
                let id = message.text("clientId").unwrap_or_default();
                let owner = self.state.session(id, self.now).and_then(|session| session.user.clone());
                let own = owner.is_none_or(|owner| owner == user);
                if !own {
                    let error = "400::Authenticated user id does not match the session's user id";
                    let advice = self.advice("none");
                    self.reply(Reply::refusal(message, error, advice));
                }
                own
            }
            (None, _) => {
                self.revoked(message);
                false
            }
        }
    }

    /// Whether the token that came with a poll has become invalid.
    pub(super) fn is_revoked(&self) -> bool {
        self.request.salesforce.is_some() && self.user().is_none()
    }

    /// Answers a message that came with an invalid token. The session that it names, if any, is over.
    pub(super) fn revoked(&mut self, message: &Message) {
        self.state.stats.unauthorized += 1;
        let id = message.text("clientId").unwrap_or_default();
        match message.kind() {
            Kind::Handshake => {
                let token = self.request.salesforce.as_ref().and_then(|caller| caller.token.as_ref());
                self.deny(message, if token.is_none() { UNAUTHENTICATED } else { INVALID });
            }
            Kind::Connect => {
                let form = self.state.config.salesforce.revoked_as;
                let farewell = match form {
                    RevokedAs::Bare => None,
                    RevokedAs::DisconnectSuccessful => {
                        Some(json!({ "channel": "/meta/disconnect", "successful": true }))
                    }
                    _ => Some(json!({ "channel": "/meta/disconnect" })),
                };
                if let Some(farewell) = farewell {
                    self.reply(Reply::unasked(Kind::Disconnect, farewell));
                }
                let error = if form == RevokedAs::UnknownClient { "403::Unknown client" } else { INVALID };
                let advice = (self.state.config.advice != AdviceIn::Never)
                    .then(|| json!({ "reconnect": "none", "interval": 0 }));
                self.reply(Reply::refusal(message, error, advice).with("clientId", Some(id)));
                self.state.end_session(id, Wake::Revoked);
            }
            _ => {
                let advice = self.advice("none");
                self.reply(Reply::refusal(message, INVALID, advice));
            }
        }
    }

    /// A handshake with a valid token.
    pub(super) fn log_in(&mut self, message: &Message) {
        let limit = self.state.config.salesforce.concurrent_clients;
        if limit > 0 && self.state.salesforce_sessions(self.now) >= limit {
            return self.deny(message, CROWDED);
        }
        let user = self.user();
        let (id, cookie) = self.state.start_session(self.request, false, self.now);
        if let Some(session) = self.state.session(&id, self.now) {
            session.user = user;
        }
        self.draft.browser = cookie;
        self.draft.route = true;
        self.draft.crumbs = true;
        let advice = matches!(self.state.config.advice, AdviceIn::Handshake | AdviceIn::Always)
            .then(|| self.advice("retry"))
            .flatten();
        let reply = Reply::success(message, &id)
            .with("version", Some("1.0"))
            .with("minimumVersion", Some("1.0"))
            .with("supportedConnectionTypes", Some(self.state.config.connection_types.clone()))
            .with("ext", Some(extensions()))
            .with("advice", advice);
        self.reply(reply);
    }

    fn deny(&mut self, message: &Message, reason: &str) {
        let settings = &self.state.config.salesforce;
        let (error, nested) = match settings.denied_handshake_as {
            DeniedAs::HandshakeDenied => (DENIED, Some(reason)),
            DeniedAs::CreateDenied => (CREATE_DENIED, Some(reason)),
            DeniedAs::Direct => (reason, None),
        };
        self.draft.status = StatusCode::from_u16(settings.denied_handshake_status).ok();
        let ext = self.refusal_ext(Kind::Handshake, nested);
        let advice = self.advice("none");
        self.reply(Reply::refusal(message, error, advice).with("ext", ext));
    }

    /// Whether the org has had all the events that it gets in a day.
    pub(super) fn is_spent(&mut self) -> bool {
        if self.request.salesforce.is_none() {
            return false;
        }
        let limit = self.state.config.salesforce.daily_events;
        let day = self.state.scaled(HOUR_MS * 24);
        self.state.org.is_spent(limit, day, self.now)
    }

    /// Refuses a message for that reason. The session stays, and so does what waits for it.
    pub(super) fn spent(&mut self, message: &Message) {
        if let Some(id) = message.text("clientId")
            && let Some(session) = self.state.session(id, self.now)
        {
            session.poll = crate::session::Poll::Idle;
            session.answered(self.now);
        }
        let advice = if message.kind() == Kind::Connect { self.advice("none") } else { None };
        self.reply(Reply::refusal(message, SPENT, advice));
    }

    /// A subscription, with what it is to be replayed.
    pub(super) fn follow(&mut self, message: &Message, id: &str) {
        let names = message.subscriptions();
        if names.is_empty() {
            return self.refuse(message, "400::Channel name not specified");
        }
        if let Some(error) = names.iter().find_map(|name| self.objection(name, id)) {
            return self.refuse(message, &error);
        }
        if self.is_spent() {
            return self.spent(message);
        }
        let positions =
            message.fields.get("ext").and_then(|ext| ext.get("replay")).and_then(Value::as_object);
        let mut replayed = Vec::new();
        for name in &names {
            match self.replay(name, positions) {
                Ok(events) => replayed.extend(events),
                Err(error) => return self.refuse(message, &error),
            }
        }
        let now = self.now;
        let Some(session) = self.state.session(id, now) else { return };
        session.answered(now);
        session.subscriptions.extend(names.iter().map(|name| (*name).to_owned()));
        for event in replayed {
            let event = event.message(id);
            session.push(Arc::new(event));
        }
        self.reply(Reply::success(message, id));
    }

    /// What speaks against a subscription by its name.
    fn objection(&mut self, name: &str, id: &str) -> Option<String> {
        let channel = channel::without_filter(name).to_owned();
        let generic = channel.starts_with("/u/");
        let unknown = || match generic {
            true => "404::Unknown channel".to_owned(),
            false => format!("400::The channel you requested to subscribe to does not exist {channel}"),
        };
        match channel::check(name) {
            Err(BadName::NoSlash) => {
                return Some("400::Channel subscriptions must start with a leading '/'".to_owned());
            }
            _ if channel.contains('*') || channel.starts_with("/meta/") => {
                return Some("403::Restricted channel".to_owned());
            }
            Err(BadName::Malformed) => return Some(unknown()),
            Ok(()) => {}
        }
        let settings = &self.state.config.salesforce;
        let Some(kind) = salesforce::Kind::of(&channel) else { return Some(unknown()) };
        if settings.unknown_channels.contains(&channel) {
            return Some(unknown());
        }
        if settings.denied_channels.contains(&channel) {
            let error = match kind {
                salesforce::Kind::PushTopic => {
                    "403::Subscriber does not have access to the entity in this topic"
                }
                salesforce::Kind::Generic => "403::No access on channel",
                salesforce::Kind::Platform => "403::Restricted channel",
                salesforce::Kind::Change => {
                    "403::User not allowed to subscribe CDC without View All Data permissions"
                }
            };
            return Some(error.to_owned());
        }
        let limit = settings.topic_subscriptions;
        let limited = matches!(kind, salesforce::Kind::PushTopic | salesforce::Kind::Generic) && limit > 0;
        let full = limited && self.state.subscribers_beside(id, &channel, self.now) >= limit;
        full.then(|| "403::Subscription limit exceeded for this topic".to_owned())
    }

    /// What a subscription is replayed, or why its position is refused.
    fn replay(
        &mut self,
        name: &str,
        positions: Option<&Map<String, Value>>,
    ) -> Result<Vec<Arc<Kept>>, String> {
        let Some(positions) = positions else { return Ok(Vec::new()) };
        let channel = channel::without_filter(name);
        let (now, retention) = (self.state.org.clock(self.now), retention(&self.state.config, channel));
        let retention = self.state.scaled(retention);
        // By the name of the topic: clients leave out the filter.
        let found = match positions.get(channel) {
            None | Some(Value::Null) => Err(Refused::Missing),
            Some(position) => self.state.org.logs.after(channel, position, now, retention),
        };
        let events = found.map_err(|refused| refused.error(name, positions))?;
        Ok(events.into_iter().filter(|event| salesforce::admits(name, event)).collect())
    }

    /// The user whom the request's token speaks for.
    fn user(&self) -> Option<String> {
        let token = self.request.salesforce.as_ref()?.token.as_deref()?;
        self.state.org.user_of(token, self.now).map(str::to_owned)
    }
}

const HOUR_MS: u64 = 3_600_000;

/// How long the events of a channel can be replayed, in milliseconds of the server's clock.
fn retention(config: &Config, channel: &str) -> u64 {
    match config.salesforce.retention_ms {
        0 => salesforce::Kind::of(channel).map_or(0, |kind| kind.retention_hours() * HOUR_MS),
        retention => retention,
    }
}

/// The names of Salesforce's extensions, as every handshake reply has them.
fn extensions() -> Value {
    json!({ "replay": true, "payload.format": true })
}
