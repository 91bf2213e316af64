//! Salesforce's channels, and the envelopes that events travel in on each kind of them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json, value::RawValue};

use crate::channel;
use crate::state::random;

use super::replay::{Kept, written};
use super::settings::ReplayIds;

/// The user of an org who publishes.
pub(crate) const USER_ID: &str = "0055g00000AbCdEAAV";

/// What a channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    PushTopic,
    Generic,
    Platform,
    Change,
}

/// What is published: data, what a test wants in the event's `event`, and the message's `ext`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Publication<'a> {
    pub data: Option<&'a RawValue>,
    pub event: Option<&'a Map<String, Value>>,
    pub ext: Option<&'a Value>,
}

impl Kind {
    /// The kind of the channel of that name, if Salesforce could have one.
    pub(crate) fn of(channel: &str) -> Option<Self> {
        let mut segments = channel.strip_prefix('/')?.split('/');
        let (family, name, more) = (segments.next()?, segments.next()?, segments.next());
        match (family, more) {
            ("u", _) if !name.is_empty() => Some(Self::Generic),
            ("topic", None) if !name.is_empty() => Some(Self::PushTopic),
            ("event", None) if named(name, "__e") || named(name, "__chn") => Some(Self::Platform),
            ("data", None) if name == "ChangeEvents" => Some(Self::Change),
            ("data", None) if named(name, "ChangeEvent") || named(name, "__chn") => Some(Self::Change),
            _ => None,
        }
    }

    /// How long Salesforce keeps its events, in hours.
    pub(crate) fn retention_hours(self) -> u64 {
        match self {
            Self::PushTopic | Self::Generic => 24,
            Self::Platform | Self::Change => 72,
        }
    }
}

/// Whether `name` is something before this ending.
fn named(name: &str, ending: &str) -> bool {
    name.strip_suffix(ending).is_some_and(|stem| !stem.is_empty())
}

/// Whether an event passes the filter of a subscription, if that has one: any field of it with its value is enough.
pub(crate) fn admits(subscription: &str, event: &Kept) -> bool {
    let Some((_, filter)) = subscription.split_once('?') else { return true };
    filter.split('&').any(|condition| {
        let Some((field, wanted)) = condition.split_once('=') else { return false };
        let wanted = wanted.trim_matches(['\'', '"']);
        event.record.get(field).is_some_and(|value| super::replay::text(value) == wanted)
    })
}

/// The `data` of an event in the envelope of its kind.
pub(super) fn envelope(
    kind: Kind,
    channel: &str,
    publication: Publication<'_>,
    id: u64,
    form: ReplayIds,
) -> String {
    let mut event = Map::from_iter([("replayId".to_owned(), written(id, form))]);
    let created = timestamp(SystemTime::now());
    match kind {
        Kind::PushTopic => {
            event.insert("createdDate".to_owned(), created.clone().into());
            event.insert("type".to_owned(), "created".into());
        }
        Kind::Generic => drop(event.insert("createdDate".to_owned(), created.clone().into())),
        Kind::Platform => drop(event.insert("EventUuid".to_owned(), uuid().into())),
        Kind::Change => {}
    }
    event.extend(publication.event.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    let event = Value::Object(event);
    let data = publication.data.map_or("null", RawValue::get);
    match kind {
        Kind::PushTopic => format!(r#"{{"event":{event},"sobject":{data}}}"#),
        Kind::Generic => format!(r#"{{"event":{event},"payload":{data}}}"#),
        Kind::Platform => {
            let payload = platform_payload(data, &created);
            format!(r#"{{"schema":"{}","payload":{payload},"event":{event}}}"#, schema(channel))
        }
        Kind::Change => {
            let payload = change_payload(channel, data, id);
            format!(r#"{{"schema":"{}","payload":{payload},"event":{event}}}"#, schema(channel))
        }
    }
}

/// The fields of a record as they were written, digit for digit. Only an object has any.
type Fields = BTreeMap<String, Box<RawValue>>;

fn platform_payload(data: &str, created: &str) -> String {
    let Ok(fields) = serde_json::from_str::<Fields>(data) else { return data.to_owned() };
    let own = [("CreatedDate", json!(created)), ("CreatedById", json!(USER_ID))];
    let own = own.iter().filter(|(name, _)| !fields.contains_key(*name));
    let own = own.map(|(name, value)| format!(r#""{name}":{value}"#));
    object(own, &fields)
}

fn change_payload(channel: &str, data: &str, id: u64) -> String {
    let Ok(mut fields) = serde_json::from_str::<Fields>(data) else { return data.to_owned() };
    let given = fields.remove("ChangeEventHeader");
    let given = given.and_then(|given| serde_json::from_str::<Map<String, Value>>(given.get()).ok());
    let entity = entity(channel);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let mut header = json!({
        "entityName": entity, "recordIds": [format!("001{id:012}AAA")], "changeType": "CREATE",
        "changeOrigin": "com/salesforce/api/soap/67.0;client=sandbox",
        "transactionKey": uuid(), "sequenceNumber": 1, "commitTimestamp": now,
        "commitNumber": id, "commitUser": USER_ID, "nulledFields": [], "diffFields": [], "changedFields": [],
    });
    if let Value::Object(header) = &mut header {
        header.extend(given.into_iter().flatten());
    }
    object([format!(r#""ChangeEventHeader":{header}"#)].into_iter(), &fields)
}

/// An object of members that are written already and of others.
fn object(own: impl Iterator<Item = String>, fields: &Fields) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
    format!("{{{}}}", own.chain(fields).collect::<Vec<_>>().join(","))
}

/// The record type of a change event channel: `Account`, or `Order__c` for `/data/Order__ChangeEvent`.
fn entity(channel: &str) -> String {
    let name = channel.rsplit('/').next().unwrap_or_default();
    match name.strip_suffix("ChangeEvent") {
        Some(custom) if custom.ends_with("__") => format!("{custom}c"),
        Some(standard) => standard.to_owned(),
        None => "Account".to_owned(),
    }
}

/// A schema id: the same for all events of a channel.
fn schema(channel: &str) -> String {
    let mut hasher = DefaultHasher::new();
    channel::without_filter(channel).hash(&mut hasher);
    format!("{:016x}_-{:04x}", hasher.finish(), channel.len())
}

fn uuid() -> String {
    let (a, b) = (random(), random());
    let variant = 0x8000 | (b >> 48 & 0x3fff);
    let tail = b & 0xffff_ffff_ffff;
    format!("{:08x}-{:04x}-4{:03x}-{variant:04x}-{tail:012x}", a >> 32, a >> 16 & 0xffff, a & 0xfff)
}

/// A time as Salesforce writes it, `2026-07-01T08:09:10.123Z`.
fn timestamp(time: SystemTime) -> String {
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, of_day) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Howard Hinnant's civil_from_days, for days after 1970: years begin in March, in eras of 400 of them.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_have_kinds() {
        for (channel, kind) in [
            ("/topic/Orders", Some(Kind::PushTopic)),
            ("/u/notes/all", Some(Kind::Generic)),
            ("/event/Order__e", Some(Kind::Platform)),
            ("/event/Shop__chn", Some(Kind::Platform)),
            ("/data/ChangeEvents", Some(Kind::Change)),
            ("/data/AccountChangeEvent", Some(Kind::Change)),
            ("/data/Order__ChangeEvent", Some(Kind::Change)),
            ("/data/Shop__chn", Some(Kind::Change)),
            ("/event/Order", None),
            ("/event/__e", None),
            ("/topic", None),
            ("/topic/a/b", None),
            ("/orders/new", None),
        ] {
            assert_eq!(Kind::of(channel), kind, "{channel}");
        }
    }

    #[test]
    fn times_are_written_as_salesforce_does() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (1_709_251_199, "2024-02-29T23:59:59.007Z"),
            (1_798_761_599, "2026-12-31T23:59:59.007Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(7);
            assert_eq!(timestamp(time), text);
        }
    }

    #[test]
    fn numbers_keep_their_digits_in_every_envelope() {
        let data = RawValue::from_string(r#"{"a":1.10,"b":12345678901234567890123}"#.to_owned()).unwrap();
        for channel in ["/topic/T", "/u/a", "/event/A__e", "/data/ChangeEvents"] {
            let kind = Kind::of(channel).unwrap();
            let publication = Publication { data: Some(&data), ..Publication::default() };
            let text = envelope(kind, channel, publication, 1 << 60, ReplayIds::Number);
            assert!(text.contains(r#""a":1.10,"b":12345678901234567890123"#), "{text}");
            assert!(text.contains(r#""replayId":1152921504606846976"#), "{text}");
        }
    }
}
