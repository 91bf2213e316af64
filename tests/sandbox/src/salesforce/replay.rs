//! What an org has published and still remembers, and the positions that it can be replayed from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::session::Event;

use super::settings::ReplayIds;
use super::stream::Kind;

/// An event that can be replayed.
pub(crate) struct Kept {
    pub id: u64,
    pub at: Instant,
    pub channel: String,
    pub kind: Kind,
    /// The text of the message's `data`.
    pub data: String,
    /// The text of its `ext`, where a test wants one.
    pub ext: Option<String>,
    /// A PushTopic's record, for the filters of its subscribers.
    pub record: Map<String, Value>,
}

/// Why a subscription's position cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Invalid(String),
    Missing,
}

/// The logs of all channels.
pub(crate) struct Logs {
    channels: BTreeMap<String, Log>,
    last_id: u64,
    /// The ids of one org are never those of another.
    offset: u64,
}

/// How many events a channel keeps, whatever its retention: a sandbox may run for days.
const KEPT_AT_MOST: usize = 100_000;

#[derive(Default)]
struct Log {
    kept: VecDeque<Arc<Kept>>,
    /// The newest event that is kept no more, and since when.
    gone: Option<(u64, Instant)>,
}

impl Kept {
    /// The message for one session. Salesforce names the client in PushTopic events and nowhere else.
    pub(crate) fn message(&self, client_id: &str) -> Event {
        let client = match self.kind {
            Kind::PushTopic => format!(r#""clientId":{},"#, Value::from(client_id)),
            _ => String::new(),
        };
        let ext = self.ext.as_ref().map(|ext| format!(r#","ext":{ext}"#)).unwrap_or_default();
        let channel = Value::from(self.channel.as_str());
        let text = format!(r#"{{"channel":{channel},{client}"data":{}{ext}}}"#, self.data);
        Event { channel: self.channel.clone(), text }
    }
}

impl Refused {
    /// In Salesforce's words, of which the first has two spaces in the middle.
    pub(crate) fn error(&self, name: &str, positions: &Map<String, Value>) -> String {
        match self {
            Self::Invalid(id) => format!(
                "400::The replayId {{{id}}} you provided was invalid.  Please provide a valid ID, -2 to replay all \
                 events, or -1 to replay only new events."
            ),
            Self::Missing => {
                let pairs = positions.iter().map(|(name, position)| format!("{name}={}", text(position)));
                format!(
                    "400::The replayId for channel {{{name}}} wasn't found using the provided replay ID map {{{{{}}}}}. \
                     Ensure that the channel name you provided in the replay map is valid and matches the channel \
                     name used for subscribing.",
                    pairs.collect::<Vec<_>>().join(", ")
                )
            }
        }
    }
}

impl Logs {
    pub(crate) fn new(org: u64) -> Self {
        Self { channels: BTreeMap::new(), last_id: 0, offset: org * 10_000_019 }
    }

    /// An id above all others, and not next to the last.
    pub(crate) fn next_id(&mut self, base: u64) -> u64 {
        let gap = 1 + (self.last_id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62);
        self.last_id = self.last_id.max(base + self.offset) + gap;
        self.last_id
    }

    pub(crate) fn keep(&mut self, event: Arc<Kept>) {
        let at = event.at;
        let log = self.channels.entry(event.channel.clone()).or_default();
        log.kept.push_back(event);
        log.shrink(KEPT_AT_MOST, at);
    }

    /// What a subscription to `channel` with this position is replayed. `now` is the org's clock.
    pub(crate) fn after(
        &mut self,
        channel: &str,
        position: &Value,
        now: Instant,
        retention: Duration,
    ) -> Result<Vec<Arc<Kept>>, Refused> {
        let log = self.channels.entry(channel.to_owned()).or_default();
        log.purge(now, retention);
        let id = match parse(position) {
            Some(Position::New) => return Ok(Vec::new()),
            Some(Position::All) => return Ok(log.kept.iter().cloned().collect()),
            Some(Position::After(id)) if log.holds(id, now, retention) => id,
            _ => return Err(Refused::Invalid(text(position))),
        };
        Ok(log.kept.iter().filter(|event| event.id > id).cloned().collect())
    }

    /// Forgets the oldest events of a channel, or of all, down to so many of each. Returns how many.
    pub(crate) fn expire(&mut self, channel: Option<&str>, keep: usize, now: Instant) -> usize {
        let chosen = self.channels.iter_mut().filter(|(name, _)| channel.is_none_or(|only| only == *name));
        chosen.map(|(_, log)| log.shrink(keep, now)).sum()
    }

    /// How many events each channel keeps.
    pub(crate) fn sizes(&self) -> BTreeMap<&str, usize> {
        self.channels.iter().map(|(name, log)| (name.as_str(), log.kept.len())).collect()
    }
}

impl Log {
    fn purge(&mut self, now: Instant, retention: Duration) {
        while let Some(event) = self.kept.front()
            && event.at + retention <= now
        {
            self.gone = Some((event.id, event.at + retention));
            self.kept.pop_front();
        }
    }

    fn shrink(&mut self, keep: usize, now: Instant) -> usize {
        let surplus = self.kept.len().saturating_sub(keep);
        if let Some(last) = self.kept.drain(..surplus).next_back() {
            self.gone = Some((last.id, now));
        }
        surplus
    }

    /// Whether events can be had from after this id: it is kept itself, or went last and not too long ago.
    fn holds(&self, id: u64, now: Instant, retention: Duration) -> bool {
        self.kept.iter().any(|event| event.id == id)
            || self
                .gone
                .is_some_and(|(gone, since)| gone == id && now.saturating_duration_since(since) <= retention)
    }
}

/// A replay id as it is written in an event.
pub(crate) fn written(id: u64, form: ReplayIds) -> Value {
    match form {
        ReplayIds::Number => id.into(),
        ReplayIds::String => id.to_string().into(),
        ReplayIds::Opaque => format!("{OPAQUE}{id}").into(),
    }
}

const OPAQUE: &str = "r-";

enum Position {
    New,
    All,
    After(u64),
}

/// A position comes as a number or as a string.
fn parse(position: &Value) -> Option<Position> {
    let text = text(position);
    match text.as_str() {
        "-1" => Some(Position::New),
        "-2" => Some(Position::All),
        text => text.strip_prefix(OPAQUE).unwrap_or(text).parse().ok().map(Position::After),
    }
}

/// A value as the errors quote it: strings without quotation marks.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOUR: Duration = Duration::from_secs(3600);

    fn logs(start: Instant) -> (Logs, Vec<u64>) {
        let mut logs = Logs::new(0);
        let ids = (0..4).map(|at| {
            let id = logs.next_id(1_000);
            logs.keep(Arc::new(Kept {
                id,
                at: start + HOUR * at,
                channel: "/u/a".to_owned(),
                kind: Kind::Generic,
                data: "1".to_owned(),
                ext: None,
                record: Map::new(),
            }));
            id
        });
        let ids = ids.collect();
        (logs, ids)
    }

    fn replay(logs: &mut Logs, from: Value, now: Instant) -> Result<Vec<u64>, Refused> {
        let events = logs.after("/u/a", &from, now, HOUR * 10)?;
        Ok(events.iter().map(|event| event.id).collect())
    }

    #[test]
    fn positions_are_new_all_or_after_an_event() {
        let start = Instant::now();
        let (mut logs, ids) = logs(start);
        let now = start + HOUR * 4;
        assert!(ids[0] > 1_000 && ids.windows(2).all(|pair| pair[1] > pair[0]), "{ids:?}");
        assert!(ids[3] - ids[0] > 3, "not contiguous: {ids:?}");
        assert_eq!(replay(&mut logs, json!(-1), now), Ok(vec![]));
        assert_eq!(replay(&mut logs, json!("-2"), now), Ok(ids.clone()));
        assert_eq!(replay(&mut logs, json!(ids[1]), now), Ok(ids[2..].to_vec()));
        assert_eq!(replay(&mut logs, json!(format!("r-{}", ids[3])), now), Ok(vec![]));
        for odd in [json!(1), json!(-3), json!("x"), json!(1.5), json!(ids[3] + 100), json!([])] {
            assert_eq!(replay(&mut logs, odd.clone(), now), Err(Refused::Invalid(text(&odd))), "{odd}");
        }
    }

    #[test]
    fn positions_go_with_the_events_and_the_last_of_them_later() {
        let start = Instant::now();
        let (mut logs, ids) = logs(start);
        let now = start + HOUR * 12;
        assert_eq!(replay(&mut logs, json!(-2), now), Ok(vec![ids[3]]), "10 hours are kept");
        assert_eq!(replay(&mut logs, json!(ids[2]), now), Ok(vec![ids[3]]));
        assert!(replay(&mut logs, json!(ids[1]), now).is_err());
        assert!(replay(&mut logs, json!(ids[2]), now + HOUR * 11).is_err());
        assert_eq!(logs.expire(None, 0, now), 0);
    }

    #[test]
    fn another_org_has_other_ids() {
        let (mut one, mut other) = (Logs::new(0), Logs::new(1));
        let ids: Vec<_> = (0..1_000).map(|_| one.next_id(5)).collect();
        assert!((0..1_000).all(|_| !ids.contains(&other.next_id(5))));
    }
}
