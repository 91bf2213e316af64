//! A server of either dialect: numbered events, one session, and what it can be told to answer instead.

use cometd_edge::session::Request;
use serde_json::Value;

pub const POLL_MS: u64 = 110_000;

/// Events of a channel that can be replayed.
const RETAINED: u32 = 128;

const UNKNOWN: &str = r#""error":"403::Unknown client","advice":{"reconnect":"handshake","interval":0}"#;
const EXPIRED: &str = r#""error":"401::Authentication invalid","advice":{"reconnect":"none"}"#;
const STALE: &str = r#""error":"400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.""#;

pub struct Server {
    replay: bool,
    /// Name, and the number of the last event.
    pub channels: Vec<(&'static str, u32)>,
    pub session: Option<Session>,
    pub sessions: u32,
    /// Tokens up to this one are refused.
    pub expired: u32,
    /// So many positions are refused.
    pub refusing: u32,
}

pub struct Session {
    id: String,
    polled: bool,
    subscribed: Vec<Subscribed>,
    /// The batch sent last, with the acknowledgement extension.
    batch: u32,
}

struct Subscribed {
    channel: usize,
    next: u32,
    /// The first of the batch sent last.
    batch_from: u32,
}

/// What becomes of a request.
pub enum Answer {
    Body(String),
    /// A poll that waits for events.
    Park,
}

impl Server {
    pub fn new(replay: bool, channels: &[&'static str]) -> Self {
        let channels = channels.iter().map(|name| (*name, 0)).collect();
        Self { replay, channels, session: None, sessions: 0, expired: 0, refusing: 0 }
    }

    pub fn answer(&mut self, request: &Request) -> Answer {
        let messages: Vec<Value> =
            request.messages().iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
        if let ([message], "connect") = (messages.as_slice(), request.kind()) {
            return self.connect(request, message);
        }
        let replies: Vec<String> = messages.iter().map(|message| self.reply(request, message)).collect();
        Answer::Body(format!("[{}]", replies.join(",")))
    }

    /// The answer to a parked poll, whose id this is, or to one that is not parked at all.
    pub fn poll_reply(&mut self, id: &str) -> String {
        if self.session.is_none() {
            return format!("[{}]", reply("/meta/connect", id, false, UNKNOWN));
        }
        let events = self.events();
        let Some(session) = &mut self.session else { unreachable!() };
        let advice = if core::mem::replace(&mut session.polled, true) {
            String::new()
        } else {
            format!(r#""advice":{{"reconnect":"retry","interval":0,"timeout":{POLL_MS}}}"#)
        };
        let ack = format!(r#""ext":{{"ack":{}}}"#, session.batch);
        let more = if self.replay {
            advice
        } else if advice.is_empty() {
            ack
        } else {
            format!("{advice},{ack}")
        };
        format!("[{events}{}]", reply("/meta/connect", id, true, &more))
    }

    pub fn expired_reply(id: &str) -> String {
        format!("[{}]", reply("/meta/connect", id, false, EXPIRED))
    }

    /// Publishes an event on each channel.
    pub fn publish(&mut self) {
        for (_, last) in &mut self.channels {
            *last += 1;
        }
    }

    pub fn has_events(&self) -> bool {
        let waits = |one: &Subscribed| one.next <= self.channels[one.channel].1;
        self.session.as_ref().is_some_and(|session| session.subscribed.iter().any(waits))
    }

    fn connect(&mut self, request: &Request, message: &Value) -> Answer {
        let id = message["id"].as_str().expect("an id");
        if self.refuses_token(request) {
            return Answer::Body(Self::expired_reply(id));
        }
        if !self.knows(message) {
            self.session = None;
        }
        let replay = self.replay;
        let at_once = match &mut self.session {
            None => true,
            Some(session) => {
                let acknowledged = message["ext"]["ack"].as_u64();
                if !replay && acknowledged.is_some_and(|number| number < u64::from(session.batch)) {
                    session.subscribed.iter_mut().for_each(|one| one.next = one.batch_from);
                }
                !session.polled || message["advice"]["timeout"] == 0
            }
        };
        if at_once || self.has_events() { Answer::Body(self.poll_reply(id)) } else { Answer::Park }
    }

    fn reply(&mut self, request: &Request, message: &Value) -> String {
        let channel = message["channel"].as_str().expect("a channel");
        let id = message["id"].as_str().expect("an id");
        if self.refuses_token(request) {
            return reply(channel, id, false, EXPIRED);
        }
        if channel == "/meta/handshake" {
            return self.handshake(id);
        }
        if !self.knows(message) {
            return reply(channel, id, false, UNKNOWN);
        }
        let name = message["subscription"].as_str().unwrap_or_default();
        let about = format!(r#""subscription":"{name}""#);
        let index = self.channels.iter().position(|(known, _)| *known == name);
        match (channel, index) {
            ("/meta/subscribe", Some(index)) => {
                let Some(next) = self.next(index, &message["ext"]["replay"][name]) else {
                    return reply(channel, id, false, &format!("{about},{STALE}"));
                };
                self.subscribe(index, next);
            }
            ("/meta/unsubscribe", Some(index)) => {
                let session = self.session.as_mut().expect("a session");
                session.subscribed.retain(|one| one.channel != index);
            }
            ("/meta/disconnect", _) => self.session = None,
            _ => return reply(channel, id, true, ""),
        }
        let about = if index.is_some() { about } else { String::new() };
        reply(channel, id, true, &about)
    }

    fn handshake(&mut self, id: &str) -> String {
        self.sessions += 1;
        // Of one length, as those of real servers are.
        let client = format!("session-{:08}", self.sessions);
        let types = format!(
            r#""version":"1.0","supportedConnectionTypes":["long-polling"],"clientId":"{client}","ext":{}"#,
            if self.replay { r#"{"replay":true}"# } else { r#"{"ack":true}"# }
        );
        self.session = Some(Session { id: client, polled: false, subscribed: Vec::new(), batch: 0 });
        reply("/meta/handshake", id, true, &types)
    }

    fn subscribe(&mut self, channel: usize, next: u32) {
        let session = self.session.as_mut().expect("a session");
        session.subscribed.retain(|one| one.channel != channel);
        session.subscribed.push(Subscribed { channel, next, batch_from: next });
    }

    /// The number of the first event; `None` where the position is refused.
    fn next(&mut self, channel: usize, position: &Value) -> Option<u32> {
        let last = self.channels[channel].1;
        let oldest = last.saturating_sub(RETAINED - 1).max(1);
        match position.as_i64() {
            None | Some(-1) => Some(last + 1),
            Some(-2) => Some(oldest),
            Some(_) if self.refusing > 0 => {
                self.refusing -= 1;
                None
            }
            Some(position) => {
                let next = u32::try_from(position).expect("a position") + 1;
                assert!(next >= oldest, "the soak is to lose nothing, but {next} is gone");
                Some(next)
            }
        }
    }

    /// All that the session is to be given, each followed by a comma.
    fn events(&mut self) -> String {
        let Some(session) = &mut self.session else { return String::new() };
        let mut text = String::new();
        for one in &mut session.subscribed {
            let (name, last) = self.channels[one.channel];
            one.batch_from = one.next;
            for number in one.next..=last {
                text += &format!(
                    r#"{{"channel":"{name}","data":{{"n":{number},"event":{{"replayId":{number}}}}}}},"#
                );
            }
            one.next = last + 1;
        }
        session.batch += 1;
        text
    }

    fn knows(&self, message: &Value) -> bool {
        self.session.as_ref().is_some_and(|session| message["clientId"] == session.id.as_str())
    }

    fn refuses_token(&self, request: &Request) -> bool {
        let bearer = request.headers().iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let number = bearer.and_then(|(_, value)| value.rsplit('-').next()?.parse::<u32>().ok());
        number.is_some_and(|number| number <= self.expired)
    }
}

fn reply(channel: &str, id: &str, successful: bool, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(r#"{{"channel":"{channel}","id":"{id}","successful":{successful}{comma}{more}}}"#)
}
