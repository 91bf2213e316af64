//! The model server's answers to subscribe, unsubscribe, publish, disconnect and raw messages, and their parts.

use serde_json::Value;

use crate::choices::Choices;
use crate::model_server::Server;
use crate::plan::{AdviceStyle, IdStyle};

/// The server refuses to subscribe or publish to channels that begin so.
pub const DENIED: &str = "/deny/";

impl Server {
    pub fn command(
        &mut self,
        now: u64,
        index: usize,
        channel: &str,
        message: &Value,
        alone: bool,
        choices: &mut Choices,
    ) -> String {
        let id = self.id_of(message);
        let name = self.channel_member(channel, alone);
        let subscription = message["subscription"].as_str().unwrap_or_default().to_owned();
        let about = format!(r#","subscription":{}"#, Value::from(subscription.as_str()));
        match channel {
            "/meta/subscribe" if subscription.starts_with(DENIED) => {
                format!(r#"{{{name}"successful":false,"error":"403:{subscription}:denied"{about}{id}}}"#)
            }
            "/meta/subscribe" if self.plan.replay.is_some() => {
                self.subscribe_from(now, index, message, (&name, &about, &id), choices)
            }
            "/meta/subscribe" => {
                let session = &mut self.sessions[index];
                if !session.subscriptions.contains(&subscription) {
                    session.subscriptions.push(subscription);
                }
                format!(r#"{{{name}"successful":true{about}{id}}}"#)
            }
            "/meta/unsubscribe" => {
                self.sessions[index].subscriptions.retain(|known| *known != subscription);
                format!(r#"{{{name}"successful":true{about}{id}}}"#)
            }
            "/meta/disconnect" => {
                let session = &mut self.sessions[index];
                session.ended_at = Some(now);
                session.parked = None;
                format!(r#"{{{name}"successful":true{id}}}"#)
            }
            _ if channel.starts_with(DENIED) => {
                format!(r#"{{{name}"successful":false,"error":"403:{channel}:denied"{id}}}"#)
            }
            _ => {
                if let Some(number) = message["data"]["p"].as_u64() {
                    match self.processed.iter_mut().find(|(known, _)| *known == number) {
                        Some((_, count)) => *count += 1,
                        None => self.processed.push((number, 1)),
                    }
                }
                if !channel.starts_with("/service/") {
                    self.publish(now, channel, choices);
                }
                format!(r#"{{{name}"successful":true{id}}}"#)
            }
        }
    }

    /// The session is not known. The words vary, and some name the client id, which must not get out (X2).
    pub fn unknown(&mut self, message: &Value, alone: bool, choices: &mut Choices) -> String {
        if let Some(own) = self.in_own_words(message, alone) {
            return own;
        }
        let id = self.id_of(message);
        let name = self.channel_member(message["channel"].as_str().unwrap_or_default(), alone);
        let client = message["clientId"].as_str().unwrap_or_default();
        let error = match self.plan.unknown_words {
            0 => "402::Unknown client".to_owned(),
            1 => format!("402:{client}:Unknown client"),
            2 => "403::Unknown client".to_owned(),
            3 => format!("402::Unknown client {client}"),
            _ => format!("403:{client}:session_unknown"),
        };
        let advice = choices.pick(
            "advice",
            &[
                "",
                r#","advice":{"reconnect":"handshake"}"#,
                r#","advice":{"reconnect":"handshake","interval":0}"#,
            ],
        );
        format!(r#"{{{name}"successful":false,"error":"{error}"{id}{advice}}}"#)
    }

    pub fn advice(&self) -> String {
        let timeout = match self.plan.advice {
            AdviceStyle::WithoutTimeout => String::new(),
            _ => format!(r#","timeout":{}"#, self.plan.timeout_ms),
        };
        let max_interval = match self.plan.advise_max_interval {
            true => format!(r#","maxInterval":{}"#, self.plan.max_interval_ms),
            false => String::new(),
        };
        format!(
            r#","advice":{{"reconnect":"retry","interval":{}{timeout}{max_interval}}}"#,
            self.plan.interval_ms
        )
    }

    pub fn id_of(&self, message: &Value) -> String {
        let id = message["id"].as_str().unwrap_or_default();
        match self.plan.ids {
            IdStyle::Echo => format!(r#","id":"{id}""#),
            IdStyle::Number if id.parse::<u64>().is_ok() => format!(r#","id":{id}"#),
            IdStyle::Number => format!(r#","id":"{id}""#),
            IdStyle::Missing => String::new(),
        }
    }

    pub fn channel_member(&self, channel: &str, alone: bool) -> String {
        match self.plan.ids {
            IdStyle::Missing if alone => String::new(),
            _ => format!(r#""channel":"{channel}","#),
        }
    }
}
