//! S17: what a client leaves behind when it is suspended, and how the next one takes it up.

use super::subscriptions::{Remote, Wire};
use super::{ApiMisuse, Config, GapCause, Session, Status};
use crate::Instant;
use crate::bayeux::channel::Pattern;
use crate::bayeux::json::{
    decode_string, is_array, is_object, member, members, push_string, strings, validate,
};
use crate::bayeux::message::is_batch;
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
    /// The number to acknowledge, and how many events of that batch were given out, where the extension is in use (A1).
    pub ack: Option<(String, Option<u32>)>,
    /// A poll was cut off, with which events may be lost.
    pub lost: bool,
    /// A channel was not subscribed again yet.
    gap: bool,
    /// What was published before has come.
    unix_ms: u64,
    /// The channels that were subscribed, as they were written, and that this client has not taken up yet.
    channels: Vec<String>,
    /// Those of them of which events have come meanwhile, for nobody.
    missed: Vec<String>,
    /// The session was taken up.
    goes_on: bool,
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
            Some(Box::new(Snapshot::read(snapshot, Instant::default()).ok_or(ApiMisuse::Snapshot)?));
        Ok(self)
    }
}

impl Session {
    /// Takes up the session of the snapshot, if that is where this one is to be, and if it can go on there.
    pub(super) fn take_up(&mut self) {
        let Some(mut snapshot) = self.config.resumed.take() else { return };
        if snapshot.url == self.config.endpoint.href() && self.keeps_session() {
            self.client_id = snapshot.client_id.take();
            snapshot.goes_on = self.client_id.is_some();
            self.jar = core::mem::take(&mut snapshot.jar);
            self.polling.take_up(&snapshot);
        } else if snapshot.jar.callers_origin() == self.own_endpoint.origin() {
            self.jar = snapshot.jar.callers();
        }
        // Nothing has been heard since the client before, which ended before this clock could tell of it.
        self.sound_until = Instant::default();
        self.resumed = Some(snapshot);
    }

    /// Can the next client go on in the session of this one? A new token means a new handshake (S10), and whether Salesforce
    /// replays within a living session is not known.
    pub(super) fn keeps_session(&self) -> bool {
        !self.config.auth && !self.config.salesforce
    }

    /// Does the session of the client before go on?
    pub(super) fn goes_on(&self) -> bool {
        self.epoch == 0 && self.resumed.as_ref().is_some_and(|snapshot| snapshot.goes_on)
    }

    /// A channel was subscribed by the client before: what is lost of it from then on is a gap.
    pub(super) fn resumes(&mut self, channel: &str) {
        let (followed, goes_on) = (self.followed(channel).is_some(), self.goes_on());
        let Some(snapshot) = &mut self.resumed else { return };
        if followed || !take_out(&mut snapshot.channels, channel) {
            return;
        }
        let since_unix_ms = snapshot.unix_ms;
        let lost = snapshot.lost || snapshot.gap || snapshot.missed.iter().any(|missed| missed == channel);
        if let Some(wire) = self.subscriptions.wire(channel) {
            wire.promised(Some(Instant::default()).filter(|_| lost || !goes_on));
        }
        let cause = match goes_on {
            false => GapCause::SessionLost,
            true if lost => GapCause::ResponseLost,
            true => return,
        };
        self.report(Status::Gap { channel: channel.to_owned(), cause, after: None, since_unix_ms });
    }

    /// Where a channel goes on: where the store says, which wins, else where the client before was. `None`: nowhere, which
    /// is a gap where it had begun with new events (R7c).
    pub(super) fn resumed_position(
        &mut self,
        channel: &str,
        start: &Start,
        stored: Option<Position>,
    ) -> Option<Position> {
        let Some(snapshot) = &mut self.resumed else { return stored };
        let position = stored.or_else(|| snapshot.position(channel).cloned());
        if take_out(&mut snapshot.channels, channel) {
            let since_unix_ms = snapshot.unix_ms;
            if let Some(wire) = self.subscriptions.wire(channel) {
                wire.promised(None);
            }
            if position.is_none() && *start == Start::New {
                let (channel, cause) = (channel.to_owned(), GapCause::NoPosition);
                self.report(Status::Gap { channel, cause, after: None, since_unix_ms });
            }
        }
        position
    }

    /// An event has come that nobody wants: whoever takes its channel up later has missed it.
    pub(super) fn missed(&mut self, channel: &str) {
        let Some(snapshot) = &mut self.resumed else { return };
        for name in &snapshot.channels {
            let is = |pattern: Pattern| pattern.matches(channel);
            if Pattern::parse(name).is_ok_and(is) && !snapshot.missed.contains(name) {
                snapshot.missed.push(name.clone());
            }
        }
    }

    /// When the range of a gap begins. What was sent before a poll had succeeded may be lost since the client before was
    /// suspended.
    pub(super) fn gap_since(&self, since: Instant) -> u64 {
        match &self.resumed {
            Some(snapshot) if since < self.began || since == self.began && !self.polled => snapshot.unix_ms,
            _ => self.unix_ms(since),
        }
    }

    /// The same for a channel whose position is refused: that of the client before is as old as that.
    pub(super) fn refused_since(&self, channel: &str, after: &str) -> u64 {
        let is = |position: &Position| position.replay_id == after;
        let before = self.resumed.as_ref().filter(|snapshot| snapshot.position(channel).is_some_and(is));
        before.map_or_else(|| self.gap_since(self.sound_until), |snapshot| snapshot.unix_ms)
    }

    /// All that the next client needs. It holds secrets.
    pub(super) fn snapshot(&self) -> String {
        let mut out = String::from("{");
        // All that was published before the last poll that succeeded has come. Of what nobody has taken up yet, the range
        // is still that of the client before.
        let before = self.resumed.as_ref().filter(|snapshot| !snapshot.channels.is_empty());
        let unix_ms = before.map_or_else(|| self.gap_since(self.sound_until), |snapshot| snapshot.unix_ms);
        let mut text = |name: &str, value: &str| {
            if out.len() > 1 {
                out.push(',');
            }
            push_string(&mut out, name);
            out.push(':');
            push_string(&mut out, value);
        };
        text("url", self.config.endpoint.href());
        text("time", &decimal(unix_ms));
        let client_id = self.client_id.as_ref().filter(|_| self.keeps_session());
        if let Some(client_id) = client_id {
            text("clientId", client_id);
            if let Some((number, skip)) = self.polling.batch() {
                text("ack", number);
                if let Some(skip) = skip {
                    text("skip", &decimal(u64::from(skip)));
                }
            }
            // A gap goes on where the server does not have the channel yet: the next client tells of it.
            let present = |wire: &Wire| matches!(wire.remote, Remote::Present | Remote::Local);
            let absent = |wire: &Wire| wire.confirmed && !present(wire);
            let open = |wire: &Wire| absent(wire) && self.followed(wire.pattern.as_str()).is_none();
            if self.subscriptions.wires.iter().any(open) {
                text("gap", "");
            }
            if self.polling.lost
                || before.is_some_and(|snapshot| !self.goes_on() || !snapshot.missed.is_empty())
            {
                text("lost", "");
            }
        }
        out.push_str(r#","cookies":["#);
        // What is the caller's outlives the session (X4).
        let jar = if client_id.is_some() { &self.jar } else { &self.jar.callers() };
        jar.write(&mut out);
        out.push(']');
        out.push_str(r#","channels":{"#);
        let mut first = true;
        let mut channel = |name: &str, position: Option<&Position>| {
            if !core::mem::take(&mut first) {
                out.push(',');
            }
            push_string(&mut out, name);
            out.push_str(":[");
            if let Some(Position { replay_id, created_date }) = position {
                push_string(&mut out, replay_id);
                if let Some(date) = created_date {
                    out.push(',');
                    push_string(&mut out, date);
                }
            }
            out.push(']');
        };
        for wire in self.subscriptions.wires.iter().filter(|wire| wire.confirmed) {
            let name = wire.pattern.as_str();
            if self.subscriptions.wants(name) {
                let ledger = self.followed(name).and_then(|one| one.ledger.to_save());
                channel(name, ledger.map(|(_, position)| position));
            }
        }
        if let Some(snapshot) = before {
            for name in &snapshot.channels {
                let known = self.subscriptions.confirmed(name);
                // Who has let go of it does not want it any more.
                let given_up = self.followed(name).is_some() && !self.subscriptions.wants(name);
                if !known && !given_up {
                    let ledger = self.followed(name).and_then(|one| one.ledger.to_save());
                    channel(name, ledger.map(|(_, position)| position).or(snapshot.position(name)));
                }
            }
        }
        out.push_str("}}");
        out
    }
}

impl Snapshot {
    fn read(text: &str, now: Instant) -> Option<Self> {
        if !validate(text, 8) || !is_object(text) {
            return None;
        }
        let (cookies, channels) = (member(text, "cookies")?, member(text, "channels")?);
        if !is_array(cookies) || !is_object(channels) {
            return None;
        }
        let of = |name: &str| member(text, name).and_then(decode_string).map(|text| text.into_owned());
        let of_number = |name: &str| of(name).as_deref().and_then(number);
        let mut snapshot = Self {
            url: of("url")?,
            client_id: of("clientId"),
            jar: Jar::read(cookies, now)?,
            ack: of("ack").map(|number| (number, of_number("skip").map(|skip| skip as u32))),
            lost: of("lost").is_some(),
            gap: of("gap").is_some(),
            unix_ms: of_number("time")?,
            ..Self::default()
        };
        // These go back as they are, so nothing may break out of its place.
        if !snapshot.client_id.iter().all(|id| validate(id, 0))
            || !snapshot.ack.iter().all(|(number, _)| is_batch(number))
        {
            return None;
        }
        for (name, position) in members(channels) {
            if !is_array(position) {
                return None;
            }
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

    fn position(&self, channel: &str) -> Option<&Position> {
        self.positions.iter().find(|(name, _)| name == channel).map(|(_, position)| position)
    }
}

/// Was it in there?
fn take_out(channels: &mut Vec<String>, channel: &str) -> bool {
    let known = channels.iter().position(|known| known == channel);
    known.map(|index| channels.remove(index)).is_some()
}
