//! How chosen values are written in records.

use cometd_edge::replay::{Commit, OnInvalid};
use cometd_edge::session::Inspect;

use crate::fate::Fate;
use crate::plan::{AdviceStyle, IdStyle, Reader};
use crate::replay_plan::ReplayIds;

/// A value without a space in it.
pub trait Words: Sized {
    fn write(&self) -> String;
    fn read(text: &str) -> Option<Self>;
}

macro_rules! as_displayed {
    ($($type:ty),*) => {$(
        impl Words for $type {
            fn write(&self) -> String {
                self.to_string()
            }

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

macro_rules! by_name {
    ($($type:ident: $($name:ident),*;)*) => {$(
        impl Words for $type {
            fn write(&self) -> String {
                format!("{self:?}")
            }

            fn read(text: &str) -> Option<Self> {
                match text {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    )*};
}

as_displayed!(bool, u16, u32, u64, usize, String);

by_name! {
    AdviceStyle: Always, FirstConnectOnly, Never, WithoutTimeout;
    IdStyle: Echo, Number, Missing;
    Reader: Prompt, Slow, Pauses;
    Inspect: None, Meta, All;
    ReplayIds: Number, LargeNumber, Text;
    Commit: Processed, Delivered, Manual;
    OnInvalid: All, New, Fail;
}

impl<T: Words> Words for Option<T> {
    fn write(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), Words::write)
    }

    fn read(text: &str) -> Option<Self> {
        if text == "none" { Some(None) } else { T::read(text).map(Some) }
    }
}

impl Words for (usize, usize) {
    fn write(&self) -> String {
        format!("{}/{}", self.0, self.1)
    }

    fn read(text: &str) -> Option<Self> {
        let (one, other) = text.split_once('/')?;
        Some((one.parse().ok()?, other.parse().ok()?))
    }
}

impl Words for Vec<String> {
    fn write(&self) -> String {
        self.join(",")
    }

    fn read(text: &str) -> Option<Self> {
        Some(text.split(',').map(str::to_owned).collect())
    }
}

/// Where a body is cut stands beside it: `at=2+340` is after two whole messages and 340 thousandths of the third.
impl Words for Fate {
    fn write(&self) -> String {
        match self {
            Self::Fine => "fine".to_owned(),
            Self::Refused => "refused".to_owned(),
            Self::Vanishes => "vanishes".to_owned(),
            Self::Lost => "lost".to_owned(),
            Self::Silent => "silent".to_owned(),
            Self::CutAt(_) => "cut".to_owned(),
            Self::HangsAt(_) => "hangs".to_owned(),
            Self::Proxy(status) => format!("proxy:{status}"),
            Self::Gateway(status) => format!("gateway:{status}"),
            Self::Page => "page".to_owned(),
            Self::MalformedAt(_) => "malformed".to_owned(),
            Self::TruncatedAt(_) => "truncated".to_owned(),
            Self::Empty => "empty".to_owned(),
        }
    }

    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "fine" => Self::Fine,
            "refused" => Self::Refused,
            "vanishes" => Self::Vanishes,
            "lost" => Self::Lost,
            "silent" => Self::Silent,
            "cut" => Self::CutAt(0),
            "hangs" => Self::HangsAt(0),
            "page" => Self::Page,
            "malformed" => Self::MalformedAt(0),
            "truncated" => Self::TruncatedAt(0),
            "empty" => Self::Empty,
            _ => match text.split_once(':')? {
                ("proxy", status) => Self::Proxy(status.parse().ok()?),
                ("gateway", status) => Self::Gateway(status.parse().ok()?),
                _ => return None,
            },
        })
    }
}

/// A place within a body of messages.
pub struct Place {
    messages: usize,
    /// Of the next message.
    thousandths: usize,
}

impl Place {
    pub fn of(body: &[u8], at: usize) -> Self {
        let mut place = Self { messages: 0, thousandths: 0 };
        for (begin, end) in Self::parts(body) {
            if at < end {
                place.thousandths = (at.saturating_sub(begin) * 1_000).div_ceil(end - begin);
                break;
            }
            place.messages += 1;
        }
        place
    }

    /// That is at `exactly`, if this place was made of it.
    pub fn bytes(&self, body: &[u8], exactly: usize) -> usize {
        let own = Self::of(body, exactly);
        if (own.messages, own.thousandths) == (self.messages, self.thousandths) {
            return exactly;
        }
        let part = Self::parts(body).nth(self.messages);
        part.map_or(body.len(), |(begin, end)| begin + (end - begin) * self.thousandths / 1_000)
    }

    /// Each message with what is before it: where it begins and ends.
    fn parts(body: &[u8]) -> impl Iterator<Item = (usize, usize)> {
        let (mut depth, mut begin, mut parts) = (0_usize, 0, Vec::new());
        // No text of the model server's holds a brace, but for one that is JSON itself.
        for (index, byte) in body.iter().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        parts.push((begin, index + 1));
                        begin = index + 1;
                    }
                }
                _ => {}
            }
        }
        parts.push((begin, body.len().max(begin + 1)));
        parts.into_iter()
    }
}

impl Words for Place {
    fn write(&self) -> String {
        format!("{}+{}", self.messages, self.thousandths)
    }

    fn read(text: &str) -> Option<Self> {
        let (messages, thousandths) = text.split_once('+')?;
        Some(Self { messages: messages.parse().ok()?, thousandths: thousandths.parse().ok()? })
    }
}
