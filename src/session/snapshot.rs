//! S17: the state of a suspended client, as text.

use crate::Instant;
use crate::bayeux::json::{
    decode_string, is_array, is_object, member, members, push_string, strings, validate,
};
use crate::bayeux::message::is_batch;
use crate::http::cookies::Jar;
use crate::replay::Position;
use crate::text::{decimal, number};

/// The contents of a snapshot.
#[derive(Clone, Default)]
pub(super) struct Snapshot {
    /// Where the session lives.
    pub url: String,
    /// The client id as a raw JSON token; `None` if the session was ended.
    pub client_id: Option<String>,
    pub jar: Jar,
    /// The number to acknowledge and, if the extension is in use, how many events of that batch were given out (A1).
    pub ack: Option<(String, Option<u32>)>,
    /// A poll was aborted, and events may be lost with it.
    pub lost: bool,
    /// A channel had not been subscribed again yet.
    pub gap: bool,
    /// Unix time; what was published before has arrived.
    pub unix_ms: u64,
    /// The channels that were subscribed, as they were written, with their positions.
    pub channels: Vec<(String, Option<Position>)>,
}

impl Snapshot {
    /// All that the next client needs, as JSON. It holds secrets.
    pub fn write(&self) -> String {
        let mut out = String::from("{");
        let mut text = |name: &str, value: &str| {
            if out.len() > 1 {
                out.push(',');
            }
            push_string(&mut out, name);
            out.push(':');
            push_string(&mut out, value);
        };
        text("url", &self.url);
        text("time", &decimal(self.unix_ms));
        if let Some(client_id) = &self.client_id {
            text("clientId", client_id);
        }
        if let Some((number, skip)) = &self.ack {
            text("ack", number);
            if let Some(skip) = skip {
                text("skip", &decimal(u64::from(*skip)));
            }
        }
        for (name, is_so) in [("gap", self.gap), ("lost", self.lost)] {
            if is_so {
                text(name, "");
            }
        }
        out.push_str(r#","cookies":["#);
        self.jar.write(&mut out);
        out.push_str(r#"],"channels":{"#);
        for (index, (name, position)) in self.channels.iter().enumerate() {
            if index > 0 {
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
        }
        out.push_str("}}");
        out
    }

    /// Reads what [`write`](Self::write) wrote.
    pub fn read(text: &str, now: Instant) -> Option<Self> {
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
        // These are written into messages as they are, so they must be complete JSON values.
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
            let position = parts.next().map(|replay_id| Position { replay_id, created_date: parts.next() });
            if position.as_ref().is_some_and(|position| !position.makes_sense()) {
                return None;
            }
            snapshot.channels.push((name, position));
        }
        Some(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::endpoint::Endpoint;
    use crate::session::{ApiMisuse, Config};

    fn position(replay_id: &str, created_date: Option<&str>) -> Option<Position> {
        Some(Position { replay_id: replay_id.to_owned(), created_date: created_date.map(str::to_owned) })
    }

    fn full() -> Snapshot {
        let mut jar = Jar::new();
        let endpoint = Endpoint::parse("https://one.example/cometd").expect("a url");
        jar.store("a=b", &endpoint, Instant::default(), 0);
        Snapshot {
            url: "https://one.example/cometd".to_owned(),
            client_id: Some("\"id\"".to_owned()),
            jar,
            ack: Some(("5".to_owned(), Some(2))),
            lost: true,
            gap: true,
            unix_ms: 1_234,
            channels: vec![
                ("/a".to_owned(), position("7", Some("2026"))),
                ("/b".to_owned(), position("8", None)),
                ("/\"c".to_owned(), None),
            ],
        }
    }

    fn read(text: &str) -> Option<Snapshot> {
        Snapshot::read(text, Instant::default())
    }

    #[test]
    fn s17_what_is_written_is_read() {
        let (full, again) = (full(), read(&full().write()).expect("a snapshot"));
        assert_eq!(again.write(), full.write());
        assert_eq!((again.url, again.client_id, again.ack), (full.url, full.client_id, full.ack));
        assert_eq!((again.lost, again.gap, again.unix_ms), (true, true, 1_234));
        assert_eq!((again.channels, again.jar.len()), (full.channels, 1));
    }

    #[test]
    fn s17_what_is_not_there_is_left_out() {
        let empty = Snapshot { url: "https://one.example/".to_owned(), ..Snapshot::default() };
        let again = read(&empty.write()).expect("a snapshot");
        assert_eq!((again.client_id, again.ack, again.lost, again.gap), (None, None, false, false));
        assert!(again.channels.is_empty() && again.jar.is_empty());
        let without_skip = Snapshot { ack: Some(("5".to_owned(), None)), ..empty };
        assert_eq!(read(&without_skip.write()).expect("a snapshot").ack, Some(("5".to_owned(), None)));
    }

    #[test]
    fn s17_a_configuration_resumes_a_snapshot_and_nothing_else() {
        let mut config = Config::new("https://one.example/cometd").expect("a url");
        assert_eq!(config.resume("{}").err(), Some(ApiMisuse::Snapshot));
        assert!(config.resumed.is_none());
        assert!(config.resume(&full().write()).is_ok());
        assert_eq!(config.resumed.map(|snapshot| snapshot.unix_ms), Some(1_234));
    }

    #[test]
    fn s17_what_is_no_snapshot_is_refused() {
        let good = r#"{"url":"u","time":"1","cookies":[],"channels":{"/a":["7"]}}"#;
        assert!(read(good).is_some());
        for bad in [
            "",
            "[]",
            r#"{"url":"u","time":"1","cookies":[],"channels":{}} x"#,
            r#"{"url":"u","time":"1","cookies":[]}"#,
            r#"{"url":"u","time":"1","channels":{}}"#,
            r#"{"url":"u","time":"1","cookies":{},"channels":{}}"#,
            r#"{"url":"u","time":"1","cookies":[],"channels":[]}"#,
            r#"{"time":"1","cookies":[],"channels":{}}"#,
            r#"{"url":"u","cookies":[],"channels":{}}"#,
            r#"{"url":"u","time":"x","cookies":[],"channels":{}}"#,
            r#"{"url":"u","time":"1","cookies":[],"channels":{"/a":7}}"#,
            r#"{"url":"u","time":"1","cookies":[],"channels":{"/a":[""]}}"#,
            r#"{"url":"u","time":"1","cookies":[],"channels":{},"clientId":"1,2"}"#,
            r#"{"url":"u","time":"1","cookies":[],"channels":{},"ack":"1,2"}"#,
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
