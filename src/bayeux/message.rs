//! One message of a body, kept as the text that came, with its known members found.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::advice::Advice;
use super::fields::{Field, Fields};
use super::json;
use super::scanner::{HARD_DEPTH, Scanner, Step};
use crate::text::has;

/// The transport whose section of an advice counts.
const TRANSPORT: &str = "long-polling";

/// One message as it came: its text, and where the members that Bayeux names stand in it.
///
/// A member of the wrong type counts as absent, and of two of one name the last counts, as with
/// `JSON.parse`. The text holds the client id and whatever the server sent: it is secret, and `Debug` shows
/// only channel and length (X2).
#[derive(Clone)]
pub struct Message {
    raw: String,
    fields: Fields,
    /// Channel and id, where they are written with escapes.
    channel: Option<String>,
    id: Option<String>,
}

/// What `ext.ack` says (A2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// On a handshake: whether the server acknowledges.
    Granted(bool),
    /// On a handshake of newer servers: the same, with the number to begin with.
    Batch {
        /// Whether the server acknowledges.
        enabled: bool,
        /// The number of the last batch, as it came.
        batch: Option<String>,
    },
    /// On a connect reply: the number of the batch that the body carried, as it came: some servers write a JSON string.
    Number(String),
}

impl Ack {
    /// Whether the server acknowledges.
    pub fn granted(&self) -> bool {
        match self {
            Self::Granted(granted) => *granted,
            Self::Batch { enabled, .. } => *enabled,
            Self::Number(_) => true,
        }
    }

    /// The number to acknowledge, as it came: digits, or a JSON string of digits.
    pub fn number(&self) -> Option<&str> {
        match self {
            Self::Granted(_) => None,
            Self::Batch { batch, .. } => batch.as_deref(),
            Self::Number(number) => Some(number),
        }
    }
}

impl Message {
    /// A message of text that did not come through the decoder; `None` unless it is one JSON object.
    pub fn parse(raw: String) -> Option<Self> {
        let mut scanner = Scanner::new(HARD_DEPTH);
        let text = raw.trim_ascii();
        if !json::is_object(text) || scanner.scan(text.as_bytes()) != Step::Done || scanner.pos != text.len()
        {
            return None;
        }
        let raw = if text.len() == raw.len() { raw } else { text.to_owned() };
        Some(Self::new(raw, scanner.fields))
    }

    pub(super) fn new(raw: String, fields: Fields) -> Self {
        let mut message = Self { raw, fields, channel: None, id: None };
        message.channel = message.unescaped(Field::Channel);
        message.id = message.unescaped(Field::Id);
        message
    }

    /// The text as it came.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The text as it came.
    pub fn into_raw(self) -> String {
        self.raw
    }

    /// The channel, decoded.
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref().or_else(|| self.raw.get(self.plain(Field::Channel)?))
    }

    /// The id: a string decoded, or a number as its digits.
    pub fn id(&self) -> Option<&str> {
        let number = || self.value(Field::Id).filter(|raw| json::is_number(raw));
        self.id.as_deref().or_else(|| self.raw.get(self.plain(Field::Id)?)).or_else(number)
    }

    /// The client id as the raw JSON token, string or number, to be sent back byte for byte; not empty.
    pub fn client_id(&self) -> Option<&str> {
        self.value(Field::ClientId)
            .filter(|raw| json::is_number(raw) || (json::is_string(raw) && *raw != "\"\""))
    }

    /// Whether the request that this answers was successful; `None` on events.
    pub fn successful(&self) -> Option<bool> {
        boolean(self.value(Field::Successful)?)
    }

    /// The error text, for [`Failure::parse`](super::Failure::parse).
    pub fn error(&self) -> Option<Cow<'_, str>> {
        json::decode_string(self.value(Field::Error)?)
    }

    /// Salesforce's `ext.sfdc.failureReason`, which says more than the error, and is read before it (S11).
    pub fn failure_reason(&self) -> Option<Cow<'_, str>> {
        json::decode_string(json::member(json::member(self.value(Field::Ext)?, "sfdc")?, "failureReason")?)
    }

    /// The subscription that a reply is about; the first where there are several.
    pub fn subscription(&self) -> Option<Cow<'_, str>> {
        let raw = self.value(Field::Subscription)?;
        json::decode_string(json::elements(raw).next().unwrap_or(raw))
    }

    /// The transports that a handshake reply offers; what is not a string is left out.
    pub fn connection_types(&self) -> Option<Vec<String>> {
        let raw = self.value(Field::ConnectionTypes).filter(|raw| json::is_array(raw))?;
        Some(json::strings(raw))
    }

    /// The advice, with the section for long polling over it (S4).
    pub fn advice(&self) -> Option<Advice> {
        let raw = self.value(Field::Advice).filter(|raw| json::is_object(raw))?;
        Some(Advice::parse(raw, TRANSPORT))
    }

    /// What `ext.ack` says.
    pub fn ack(&self) -> Option<Ack> {
        let raw = json::member(self.value(Field::Ext)?, "ack")?;
        if let Some(granted) = boolean(raw) {
            return Some(Ack::Granted(granted));
        }
        if json::is_object(raw) {
            let enabled = json::member(raw, "enabled").and_then(boolean).unwrap_or_default();
            let batch = json::member(raw, "batch").filter(|raw| is_batch(raw)).map(str::to_owned);
            return Some(Ack::Batch { enabled, batch });
        }
        is_batch(raw).then(|| Ack::Number(raw.to_owned()))
    }

    /// Where `data` stands in [`raw`](Self::raw), in bytes.
    pub fn data(&self) -> Option<Range<usize>> {
        self.fields.get(Field::Data).map(|(start, end)| start..end)
    }

    /// Where the text of `data.event.replayId` stands in [`raw`](Self::raw), in bytes: a number's digits, or
    /// the inside of a string without escapes (R1).
    pub fn replay_id(&self) -> Option<Range<usize>> {
        let number = |(start, end): (usize, usize)| {
            self.raw.get(start..end).is_some_and(json::is_number).then_some(start..end)
        };
        let text = self.plain(Field::ReplayId).filter(|range| !range.is_empty());
        text.or_else(|| self.fields.get(Field::ReplayId).and_then(number))
    }

    /// Where the inside of the string `data.event.createdDate` stands in [`raw`](Self::raw), in bytes.
    pub fn created_date(&self) -> Option<Range<usize>> {
        self.plain(Field::CreatedDate)
    }

    /// The inside of the string `data.event.EventUuid`, which platform events carry.
    pub fn event_uuid(&self) -> Option<&str> {
        self.raw.get(self.plain(Field::EventUuid)?)
    }

    /// Where the inside of the channel stands in [`raw`](Self::raw), in bytes; `None` if it has escapes.
    pub fn channel_span(&self) -> Option<Range<usize>> {
        self.plain(Field::Channel)
    }

    /// Whether this is an event: `data` on a channel that is not a meta channel, and not a reply.
    ///
    /// Source: Bayeux, "successful": the field is there on replies only.
    pub fn is_event(&self) -> bool {
        self.channel().is_some()
            && !self.is_meta()
            && self.fields.get(Field::Data).is_some()
            && self.fields.get(Field::Successful).is_none()
    }

    /// Whether the channel is a meta channel.
    pub fn is_meta(&self) -> bool {
        self.channel().is_some_and(|channel| channel.starts_with("/meta/"))
    }

    fn value(&self, field: Field) -> Option<&str> {
        let (start, end) = self.fields.get(field)?;
        self.raw.get(start..end)
    }

    /// The inside of a string without escapes.
    fn plain(&self, field: Field) -> Option<Range<usize>> {
        let (start, end) = self.fields.get(field)?;
        let raw = self.raw.get(start..end)?;
        (json::is_string(raw) && !has(raw, b'\\')).then_some(start + 1..end - 1)
    }

    fn unescaped(&self, field: Field) -> Option<String> {
        match json::decode_string(self.value(field)?)? {
            Cow::Owned(text) => Some(text),
            Cow::Borrowed(_) => None,
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Message");
        debug.field("channel", &self.channel()).field("length", &self.raw.len()).finish()
    }
}

fn boolean(raw: &str) -> Option<bool> {
    match raw {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Whether raw JSON is the number of a batch: a whole number, or a string of one (A1).
pub(crate) fn is_batch(raw: &str) -> bool {
    digits(raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw))
}

/// Whether a text is a whole number, as JSON writes it: without leading zeros.
pub(crate) fn digits(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let zero = digits.starts_with('0') && digits.len() > 1;
    !digits.is_empty() && !zero && digits.bytes().all(|byte| byte.is_ascii_digit())
}
