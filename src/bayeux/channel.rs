//! Channel names and the patterns that subscribe to several of them.

use crate::text::{cut, has, pieces};

/// The longest channel, in bytes.
const LONGEST: usize = 4_096;

/// Why a text is no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
#[non_exhaustive]
pub enum ChannelError {
    /// The text is empty.
    Empty,
    /// The text does not begin with a slash.
    NoLeadingSlash,
    /// Two slashes follow each other, or one ends the text.
    EmptySegment,
    /// A `*` stands somewhere else than as the whole last segment of a subscription.
    WildcardNotLast,
    /// The channel is one of the protocol's own.
    Meta,
    /// The text is longer than 4,096 bytes.
    TooLong,
    /// A control character, or whitespace at an end.
    BadCharacter,
}

impl ChannelError {
    /// What is wrong, and what to do about it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "the channel is empty: name one, such as /chat/demo",
            Self::NoLeadingSlash => {
                "the channel does not begin with a slash: write /chat/demo, not chat/demo"
            }
            Self::EmptySegment => "a segment of the channel is empty: remove the double or trailing slash",
            Self::WildcardNotLast => {
                "a wildcard may only be the whole last segment, as in /chat/* or /chat/**, and only in a subscription"
            }
            Self::Meta => {
                "/meta/ channels belong to the protocol: the client sends and receives on them itself"
            }
            Self::TooLong => "the channel is longer than 4096 bytes: shorten it",
            Self::BadCharacter => "the channel holds a control character, or whitespace at an end: remove it",
        }
    }
}

/// What may be subscribed to: one channel (`/a/b`), all of one level (`/a/*`), all below (`/a/**`), or a
/// filtered channel (`/topic/X?A='b'&B='c'`).
///
/// More is let through than Bayeux's own alphabet, since servers do the same: anything but control
/// characters and whitespace at the ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    /// The length of the text before the first `?`.
    topic: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Literal,
    Star,
    DoubleStar,
}

impl Pattern {
    /// Reads a subscription.
    ///
    /// # Errors
    /// [`ChannelError`], for the first thing that is wrong with it.
    ///
    /// Source: Bayeux, "channels": a name is a slash and segments, `*` and `**` only trailing.
    pub fn parse(text: &str) -> Result<Self, ChannelError> {
        let kind = check(text)?;
        Ok(Self { text: text.to_owned(), topic: topic(text).len(), kind })
    }

    /// The text as it was given, the query included.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it ends in a wildcard.
    pub fn is_glob(&self) -> bool {
        self.kind != Kind::Literal
    }

    /// Whether it is a service channel, on which only client and server talk.
    pub fn is_service(&self) -> bool {
        self.text.starts_with("/service/")
    }

    /// Whether an event on `channel` belongs to this subscription. Queries are left out on both sides (R2).
    ///
    /// A `*` stands for one segment, `**` for one or more: `/foo/**` does not match `/foo`. Wildcards never
    /// match `/meta/` channels.
    ///
    /// Source: Bayeux, "channel globbing".
    pub fn matches(&self, channel: &str) -> bool {
        let (channel, own) = (topic(channel), self.topic());
        let below = |stars: usize| {
            // The slash before the wildcard stays.
            let parent = own.get(..own.len().saturating_sub(stars)).unwrap_or_default();
            channel.strip_prefix(parent).filter(|rest| !rest.is_empty() && !is_meta(channel))
        };
        match self.kind {
            Kind::Literal => channel == own,
            Kind::Star => below(1).is_some_and(|rest| !has(rest, b'/')),
            Kind::DoubleStar => below(2).is_some(),
        }
    }

    /// The text without its query: what Salesforce knows the channel by.
    pub fn topic(&self) -> &str {
        self.text.get(..self.topic).unwrap_or_default()
    }
}

/// Checks a channel that is to be published to: one channel, and none of the protocol's own.
///
/// # Errors
/// [`ChannelError`], for the first thing that is wrong with it; [`ChannelError::WildcardNotLast`] for any
/// wildcard.
pub fn check_publish(channel: &str) -> Result<(), ChannelError> {
    match check(channel)? {
        Kind::Literal => Ok(()),
        Kind::Star | Kind::DoubleStar => Err(ChannelError::WildcardNotLast),
    }
}

fn check(text: &str) -> Result<Kind, ChannelError> {
    if text.is_empty() {
        return Err(ChannelError::Empty);
    }
    if text.len() > LONGEST {
        return Err(ChannelError::TooLong);
    }
    if text.trim_ascii().len() != text.len() || text.chars().any(char::is_control) {
        return Err(ChannelError::BadCharacter);
    }
    let topic = topic(text);
    let mut segments = pieces(topic.strip_prefix('/').ok_or(ChannelError::NoLeadingSlash)?, b'/').peekable();
    let mut kind = Kind::Literal;
    while let Some(segment) = segments.next() {
        kind = match segment {
            "" => return Err(ChannelError::EmptySegment),
            "*" if segments.peek().is_none() => Kind::Star,
            "**" if segments.peek().is_none() => Kind::DoubleStar,
            _ if has(segment, b'*') => return Err(ChannelError::WildcardNotLast),
            _ => Kind::Literal,
        };
    }
    if is_meta(topic) { Err(ChannelError::Meta) } else { Ok(kind) }
}

fn is_meta(channel: &str) -> bool {
    channel == "/meta" || channel.starts_with("/meta/")
}

/// A channel without its query.
pub(crate) fn topic(channel: &str) -> &str {
    cut(channel, b'?').map_or(channel, |(topic, _)| topic)
}
