//! S17: what a client leaves behind when it is suspended, and how the next one takes it up.

use super::{ApiMisuse, Config, Session};
use crate::bayeux::json::{decode_string, is_object, member, members, push_string, strings, validate};
use crate::bayeux::message::digits;
use crate::http::cookies::Jar;
use crate::replay::{Position, Start};
use crate::text::{decimal, number};

/// What is read of a snapshot.
#[derive(Clone, Default)]
pub(super) struct Snapshot {
    /// Where the session lives.
    url: String,
    /// A raw JSON token; `None` where the session was ended.
    pub client_id: Option<String>,
    pub jar: Jar,
    /// The number to acknowledge, and how many events of that batch were given out (A1).
    pub ack: Option<(String, u32)>,
    /// A poll was cut off, with which events may be lost.
    pub lost: bool,
    unix_ms: u64,
    /// The channels that were subscribed, as they were written.
    channels: Vec<String>,
    positions: Vec<(String, Position)>,
}

impl Config {
    /// Takes up what [`Command::Suspend`](super::Command::Suspend) settled with (S17). Subscribe the same channels again:
    /// they go on at their committed positions, or at the store's where it has one; without an access token, in the same
    /// session if the server still knows it. A snapshot is good for one client: its session has one owner.
    ///
    /// # Errors
    /// [`ApiMisuse::Snapshot`] if it is something else.
    pub fn resume(&mut self, snapshot: &str) -> Result<&mut Self, ApiMisuse> {
        self.resumed =
            Some(Box::new(Snapshot::read(snapshot, crate::Instant::default()).ok_or(ApiMisuse::Snapshot)?));
        Ok(self)
    }
}

impl Session {
    /// Takes up the session of the snapshot, if that is where this one is to be, and if it can go on there.
    pub(super) fn take_up(&mut self) {
        let Some(mut snapshot) = self.config.resumed.take() else { return };
        if snapshot.url == self.config.endpoint.href() && self.keeps_session() {
            self.client_id = snapshot.client_id.take();
            self.jar = core::mem::take(&mut snapshot.jar);
            self.polling.take_up(&snapshot);
        }
        self.resumed = Some(snapshot);
    }

    /// Can the next client go on in the session of this one? A new token means a new handshake (S10), and whether Salesforce
    /// replays within a living session is not known.
    pub(super) fn keeps_session(&self) -> bool {
        !self.config.auth && !self.config.salesforce
    }

    /// A channel was subscribed by the client before: what is lost of it from then on is a gap.
    pub(super) fn resumes(&mut self, channel: &str) {
        let followed = self.followed(channel).is_some();
        let Some(snapshot) = &mut self.resumed else { return };
        if followed || !take_out(&mut snapshot.channels, channel) {
            return;
        }
        let lost = snapshot.lost && !self.polling.acknowledges();
        let gone = self.client_id.is_none();
        if let Some(wire) = self.subscriptions.wire(channel) {
            wire.confirmed = true;
        }
        if gone {
            self.gap(super::GapCause::SessionLost, self.sound_until, true);
        } else if lost {
            self.gap(super::GapCause::ResponseLost, self.sound_until, true);
        }
    }

    /// Where a channel goes on of which the store has no position. `None`: nowhere, which is a gap where it had begun with
    /// new events (R7c).
    pub(super) fn resumed_position(&mut self, channel: &str, start: &Start) -> Option<Position> {
        let snapshot = self.resumed.as_mut()?;
        let known = snapshot.positions.iter().find(|(name, _)| name == channel);
        let position = known.map(|(_, position)| position.clone());
        if take_out(&mut snapshot.channels, channel) && position.is_none() && *start == Start::New {
            let (channel, since_unix_ms) = (channel.to_owned(), snapshot.unix_ms);
            let cause = super::GapCause::NoPosition;
            self.report(super::Status::Gap { channel, cause, after: None, since_unix_ms });
        }
        position
    }

    /// When the range of a gap begins. What may be lost since before this client began was suspended with the one before.
    pub(super) fn gap_since(&self, since: crate::Instant) -> u64 {
        match &self.resumed {
            Some(snapshot) if since <= self.began => snapshot.unix_ms,
            _ => self.unix_ms(since),
        }
    }

    /// All that the next client needs. It holds secrets.
    pub(super) fn snapshot(&self) -> String {
        let mut out = String::from("{");
        let mut text = |name: &str, value: &str| {
            if out.len() > 1 {
                out.push(',');
            }
            push_string(&mut out, name);
            out.push(':');
            push_string(&mut out, value);
        };
        text("url", self.config.endpoint.href());
        text("time", &decimal(self.unix_ms(self.now)));
        let client_id = self.client_id.as_ref().filter(|_| self.keeps_session());
        if let Some(client_id) = client_id {
            text("clientId", client_id);
            if let Some((number, skip)) = self.polling.batch() {
                text("ack", number);
                text("skip", &decimal(u64::from(skip)));
            }
            if self.polling.lost {
                text("lost", "");
            }
        }
        out.push_str(r#","cookies":["#);
        if client_id.is_some() {
            self.jar.write(&mut out);
        }
        out.push(']');
        out.push_str(r#","channels":{"#);
        let mut first = true;
        for wire in &self.subscriptions.wires {
            let channel = wire.pattern.as_str();
            if !self.subscriptions.wants(channel) || !wire.confirmed {
                continue;
            }
            if !core::mem::take(&mut first) {
                out.push(',');
            }
            push_string(&mut out, channel);
            out.push_str(":[");
            let position = self.followed(channel).and_then(|one| one.ledger.to_save());
            if let Some((_, Position { replay_id, created_date })) = position {
                push_string(&mut out, replay_id);
                if let Some(date) = created_date {
                    out.push(',');
                    push_string(&mut out, date);
                }
            }
            out.push(']');
        }
        out.push_str("}}");
        out
    }
}

impl Snapshot {
    fn read(text: &str, now: crate::Instant) -> Option<Self> {
        if !validate(text, 8) || !is_object(text) {
            return None;
        }
        let of = |name: &str| member(text, name).and_then(decode_string).map(|text| text.into_owned());
        let of_number = |name: &str| of(name).as_deref().and_then(number);
        let mut snapshot = Self {
            url: of("url")?,
            client_id: of("clientId"),
            jar: Jar::read(member(text, "cookies")?, now)?,
            ack: of("ack").zip(of_number("skip").map(|skip| skip as u32)),
            lost: of("lost").is_some(),
            unix_ms: of_number("time")?,
            ..Self::default()
        };
        // These go back as they are, so nothing may break out of its place.
        if !snapshot.client_id.iter().all(|id| validate(id, 0))
            || !snapshot.ack.iter().all(|(number, _)| digits(number))
        {
            return None;
        }
        for (name, position) in members(member(text, "channels")?) {
            let name = decode_string(name)?.into_owned();
            let mut parts = strings(position).into_iter();
            if let Some(replay_id) = parts.next() {
                let position = Position { replay_id, created_date: parts.next() };
                snapshot.positions.push((name.clone(), position));
            }
            snapshot.channels.push(name);
        }
        snapshot.positions.iter().all(|(_, position)| position.makes_sense()).then_some(snapshot)
    }
}

/// Was it in there?
fn take_out(channels: &mut Vec<String>, channel: &str) -> bool {
    let known = channels.iter().position(|known| known == channel);
    known.map(|index| channels.remove(index)).is_some()
}
