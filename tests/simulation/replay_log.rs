//! The model server's logs: what it retains of each channel, and where a subscription begins in them.

use serde_json::Value;

use crate::choices::Choices;
use crate::model_server::Server;
use crate::replay_plan::ReplayIds;
use crate::session_model::ServerSession;

/// A subscribe that the server has accepted, for the checks.
pub struct Accepted {
    pub at: u64,
    pub name: String,
    pub position: String,
    /// The oldest event of the channel that was retained then.
    pub floor: u32,
}

impl Server {
    /// The replay id of the next event: ascending, with holes.
    pub fn next_id(&mut self, choices: &mut Choices) -> String {
        let Some(plan) = self.plan.replay else { return String::new() };
        self.last_id += choices.choose("id-step", 1, |rng| rng.pick(&[1, 1, 2, 17]));
        match plan.ids {
            ReplayIds::Number => self.last_id.to_string(),
            ReplayIds::LargeNumber => (self.last_id + 9_007_199_254_740_993).to_string(),
            ReplayIds::Text => format!("r{:012}", self.last_id),
        }
    }

    /// All replay ids lose their meaning.
    pub fn move_org(&mut self, choices: &mut Choices) {
        self.org += 1;
        self.last_id = choices.choose("first-id", 0, |rng| rng.below(1_000_000))
            + 10_000_000 * u64::from(self.org % 2)
            + 100_000 * u64::from(self.org);
    }

    pub fn retains(&self, now: u64, number: u32) -> bool {
        let event = &self.published[number as usize];
        self.plan.replay.is_some_and(|plan| event.org == self.org && event.at + plan.retention_ms >= now)
    }

    /// Numbers of the channel's events, ascending.
    pub fn log(&self, channel: &str) -> &[u32] {
        self.logs.get(channel).map_or(&[], Vec::as_slice)
    }

    pub fn number_of(&self, id: &str) -> Option<u32> {
        self.ids.get(id).copied()
    }

    pub fn subscribe_from(
        &mut self,
        now: u64,
        index: usize,
        message: &Value,
        reply: (&str, &str, &str),
        choices: &mut Choices,
    ) -> String {
        let (name, about, id) = reply;
        let Some(plan) = self.plan.replay else { return String::new() };
        let subscription = message["subscription"].as_str().unwrap_or_default().to_owned();
        let topic = subscription.split('?').next().unwrap_or_default().to_owned();
        if !self.calm && choices.choose("busy", false, |rng| rng.chance(plan.busy_subscribes)) {
            let reason = choices.pick(
                "reason",
                &["503::Server is too busy.  Please try your request again later.", "SERVER_UNAVAILABLE"],
            );
            let error = choices.pick(
                "error",
                &["401::Authentication invalid", "403:denied_by_security_policy:subscribe_denied"],
            );
            return format!(
                r#"{{{name}"successful":false,"error":"{error}","ext":{{"sfdc":{{"failureReason":"{reason}"}}}},"advice":{{"reconnect":"none"}}{about}{id}}}"#
            );
        }
        let map = message["ext"]["replay"].as_object();
        if topic.contains('*') {
            assert!(map.is_none(), "R2a: a wildcard has no position");
        } else {
            let map = map.expect("a channel that is followed is subscribed with a position");
            assert!(map.len() == 1 && map.contains_key(&topic), "R2: the map names other channels: {map:?}");
            let position = match &map[&topic] {
                Value::String(text) => {
                    let digits = text.strip_prefix('-').unwrap_or(text);
                    assert!(!digits.bytes().all(|byte| byte.is_ascii_digit()), "R1: {text} as a string");
                    text.clone()
                }
                number => number.to_string(),
            };
            let first = match position.as_str() {
                "-1" => None,
                "-2" => Some(0),
                text => match self.number_of(text).filter(|number| self.retains(now, *number)) {
                    Some(number) if self.published[number as usize].channel == topic => Some(number + 1),
                    _ => {
                        return format!(
                            r#"{{{name}"successful":false,"error":"400::The replayId {{{text}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events."{about}{id}}}"#
                        );
                    }
                },
            };
            let retained: Vec<u32> =
                self.log(&topic).iter().copied().filter(|number| self.retains(now, *number)).collect();
            let next = u32::try_from(self.published.len()).unwrap_or(u32::MAX);
            let floor = retained.first().copied().unwrap_or(next);
            let session = &mut self.sessions[index];
            if let Some(first) = first {
                session.queue.extend(retained.iter().copied().filter(|number| *number >= first));
            }
            let again = session.replayed.contains(&subscription);
            assert!(!again, "R7b: {subscription} is subscribed twice in one session");
            session.replayed.push(subscription.clone());
            self.accepted.push(Accepted { at: now, name: subscription.clone(), position, floor });
        }
        let session = &mut self.sessions[index];
        if !session.subscriptions.contains(&subscription) {
            session.subscriptions.push(subscription);
        }
        format!(r#"{{{name}"successful":true{about}{id}}}"#)
    }

    /// R7d: a session that the server still has lends no cookie to the next one.
    pub fn check_followed_handshake(&self, message: &Value, cookie: Option<&str>) {
        assert_eq!(message["ext"]["replay"], true, "the handshake asks for replay");
        let carried = |session: &&ServerSession| {
            let own = session.cookie.as_deref();
            own.is_some_and(|own| cookie.is_some_and(|cookie| cookie.contains(own)))
        };
        let old = self.sessions.iter().find(carried);
        assert!(
            old.is_none_or(|session| !session.alive() || session.dismissed || !session.known),
            "R7d: a handshake with the cookie of a session that lives"
        );
    }

    /// Is this token not good (any more)?
    pub fn refuses(&self, token: Option<u32>) -> bool {
        self.plan.replay.is_some_and(|plan| plan.salesforce)
            && token.is_none_or(|token| self.revoked.contains(&token))
    }

    /// What a message is told whose token is not good; `None` for an HTTP 401.
    pub fn unauthorized(
        &mut self,
        now: u64,
        message: &Value,
        token: Option<u32>,
        choices: &mut Choices,
    ) -> Option<String> {
        self.refused.extend(token);
        let id = self.id_of(message);
        let channel = message["channel"].as_str().unwrap_or_default();
        let style = choices.choose("way", 0, |rng| rng.below(3));
        if style == 0 {
            return None;
        }
        Some(match channel {
            "/meta/handshake" if style == 1 => format!(
                r#"{{"channel":"/meta/handshake","ext":{{"sfdc":{{"failureReason":"401::Authentication invalid"}},"replay":true}},"advice":{{"reconnect":"none"}},"error":"403::Handshake denied","successful":false{id}}}"#
            ),
            "/meta/handshake" => format!(
                r#"{{"channel":"/meta/handshake","ext":{{"replay":true}},"advice":{{"reconnect":"none"}},"error":"401::Authentication invalid","successful":false{id}}}"#
            ),
            "/meta/connect" => {
                if let Some(index) = self.session_of(message) {
                    self.end_session(now, index);
                }
                self.unauthorized_poll(&id, choices)
            }
            _ => {
                let subscription = match message["subscription"].as_str() {
                    Some(name) => format!(r#","subscription":{}"#, Value::from(name)),
                    None => String::new(),
                };
                let error = match style {
                    1 => r#""error":"401::Authentication invalid""#,
                    _ => {
                        r#""error":"403:denied_by_security_policy:subscribe_denied","ext":{"sfdc":{"failureReason":"401::Authentication invalid"}}"#
                    }
                };
                format!(r#"{{"channel":"{channel}","successful":false,{error}{subscription}{id}}}"#)
            }
        })
    }

    pub fn unauthorized_poll(&mut self, id: &str, choices: &mut Choices) -> String {
        let own = choices.pick(
            "own",
            &[r#"{"channel":"/meta/disconnect"}"#, r#"{"channel":"/meta/disconnect","successful":true}"#],
        );
        let error = choices.pick(
            "error",
            &["401::Authentication invalid", "401::Authentication invalid", "403::Unknown client"],
        );
        format!(
            r#"{own},{{"advice":{{"interval":0,"reconnect":"none"}},"channel":"/meta/connect","error":"{error}","successful":false{id}}}"#
        )
    }

    pub fn end_session(&mut self, now: u64, index: usize) {
        let session = &mut self.sessions[index];
        (session.ended_at, session.dismissed, session.parked) = (Some(now), true, None);
    }

    /// Tokens up to this one are no longer good. Some parked polls learn of it at once.
    pub fn revoke(&mut self, now: u64, last: u32, choices: &mut Choices) {
        self.revoked.extend(1..=last);
        for index in 0..self.sessions.len() {
            if !self.sessions[index].alive() || !choices.choose("told", true, |rng| rng.chance(500)) {
                continue;
            }
            if let Some(parked) = self.sessions[index].parked.take() {
                self.refused.extend(parked.token);
                let text = self.unauthorized_poll(&parked.id, choices);
                self.end_session(now, index);
                self.outbox.push((parked.exchange, crate::model_server::Reply::bayeux(&[text])));
            }
        }
    }
}
