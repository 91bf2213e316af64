//! The incremental decoder: a body in chunks in, messages out as soon as their last byte is there.

use super::fields::Field;
use super::message::Message;
use super::scanner::{Scanner, Step};
use crate::text::lossy;

/// What a body may cost at most (X3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The longest message, in bytes as they came; 4 MiB by default. Longer ones are passed over.
    pub message_bytes: usize,
    /// The deepest nesting, counting the message's own braces; 128 by default. Deeper messages are passed
    /// over, and beyond 16,777,216 levels the body is given up with [`DecodeError::TooDeep`].
    pub depth: u32,
    /// The most messages of one body; 1,000,000 by default.
    pub messages: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { message_bytes: 4 << 20, depth: 128, messages: 1_000_000 }
    }
}

/// What the decoder found.
#[derive(Clone, Debug)]
#[repr(u32)]
pub enum Item {
    /// A whole message.
    Message(Message),
    /// A message over a bound of bytes or depth, passed over (X3).
    TooLarge {
        /// Its channel, decoded, if it has one of at most 4,096 bytes.
        channel: Option<String>,
        /// Its `data.event.replayId`, if it has one of at most 256 bytes.
        replay_id: Option<String>,
        /// Whether it is an event: `data` is there, `successful` is not.
        event: bool,
    },
}

/// Why a body cannot be decoded any further. What came before it stays good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[repr(u32)]
pub enum DecodeError {
    /// The first byte opens neither an array nor an object: a page of HTML, most likely, from a proxy or
    /// from a wrong path.
    #[error("the body is not a Bayeux message: check the url, and what stands between client and server")]
    NotBayeux,
    /// The body ended without anything in it.
    #[error("the body is empty")]
    Empty,
    /// The body ended before its array or object did.
    #[error("the body was cut short")]
    Truncated,
    /// A byte that JSON, or an array of objects, does not allow where it stands.
    #[error("the body is not valid JSON at byte {offset}")]
    Syntax {
        /// Where it stands, counted from the first byte of the body.
        offset: u64,
    },
    /// A message is nested more than 16,777,216 levels deep.
    #[error("the body is nested too deeply")]
    TooDeep,
    /// There are more messages in the body than [`Bounds::messages`].
    #[error("the body holds too many messages")]
    TooManyMessages,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Frame {
    /// Before the first byte, and within a byte order mark.
    Head,
    Mark(u8),
    Start,
    /// After `[`, and after `,`.
    First,
    Next,
    /// Within a message of an array, or within the only one.
    Element,
    Single,
    After,
    End,
}

/// Decodes one body: a JSON array of objects, or a single object, with whitespace around it and perhaps
/// a UTF-8 byte order mark before it.
///
/// Feed it by [`push`](Self::push), take from it by [`next`](Self::next) until that gives `None`, and ask
/// [`finish`](Self::finish) at the end of the body. It holds the message at hand and the chunk last pushed,
/// no more. Invalid UTF-8 within strings becomes U+FFFD.
///
/// Source: Bayeux, 3.1 "receivers MUST accept arrays and MAY accept single messages".
pub struct Decoder {
    bounds: Bounds,
    buf: Vec<u8>,
    /// How many bytes of the body were dropped from the front of `buf`.
    dropped: u64,
    frame: Frame,
    scanner: Scanner,
    messages: u32,
    error: Option<DecodeError>,
}

impl Decoder {
    /// A decoder at the first byte of a body.
    pub fn new(bounds: Bounds) -> Self {
        let bounds = Bounds { message_bytes: bounds.message_bytes.min(u32::MAX as usize), ..bounds };
        Self {
            bounds,
            buf: Vec::new(),
            dropped: 0,
            frame: Frame::Head,
            scanner: Scanner::new(bounds.depth),
            messages: 0,
            error: None,
        }
    }

    /// Appends the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.buf.extend_from_slice(bytes);
        }
    }

    /// The next message; `None` when more bytes are needed, or the body has ended.
    ///
    /// # Errors
    /// [`DecodeError`] where the body makes no sense. It is sticky: every later call gives the same.
    #[expect(clippy::should_implement_trait, reason = "not an iterator: after None there may be more")]
    pub fn next(&mut self) -> Option<Result<Item, DecodeError>> {
        if let Some(error) = self.error {
            return Some(Err(error));
        }
        match self.advance() {
            Ok(Some(item)) => Some(Ok(item)),
            Ok(None) => {
                self.compact();
                None
            }
            Err(error) => {
                self.error = Some(error);
                self.buf = Vec::new();
                Some(Err(error))
            }
        }
    }

    /// Says whether the body may end here. Call it when [`next`](Self::next) has given `None`.
    ///
    /// # Errors
    /// [`DecodeError::Empty`] and [`DecodeError::Truncated`], or the error that `next` gave.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match (self.error, self.frame) {
            (Some(error), _) => Err(error),
            (None, Frame::End) => Ok(()),
            (None, Frame::Head | Frame::Start) => Err(DecodeError::Empty),
            (None, Frame::Mark(_)) => Err(DecodeError::NotBayeux),
            (None, _) => Err(DecodeError::Truncated),
        }
    }

    /// Whether the body has come further than white space and the `[` that opens it, as far as it was taken from.
    pub fn has_begun(&self) -> bool {
        !matches!(self.frame, Frame::Head | Frame::Mark(_) | Frame::Start | Frame::First)
    }

    /// How many bytes it holds.
    #[cfg(any(test, feature = "test-support"))]
    pub fn buffered(&self) -> usize {
        self.buf.len()
    }

    fn advance(&mut self) -> Result<Option<Item>, DecodeError> {
        loop {
            if matches!(self.frame, Frame::Element | Frame::Single) {
                return match self.scanner.scan(&self.buf) {
                    Step::Done => self.take().map(Some),
                    Step::More => {
                        self.bound();
                        Ok(None)
                    }
                    Step::Syntax => Err(self.syntax()),
                    Step::TooDeep => Err(DecodeError::TooDeep),
                };
            }
            let Some(&byte) = self.buf.get(self.scanner.pos) else { return Ok(None) };
            self.frame = match (self.frame, byte) {
                (Frame::Head, 0xef) => Frame::Mark(0xbb),
                (Frame::Mark(0xbb), 0xbb) => Frame::Mark(0xbf),
                (Frame::Mark(0xbf), 0xbf) => Frame::Start,
                (Frame::Mark(_), _) => return Err(DecodeError::NotBayeux),
                (Frame::Head, b' ' | b'\n' | b'\r' | b'\t') => Frame::Start,
                (frame, b' ' | b'\n' | b'\r' | b'\t') => frame,
                (Frame::Head | Frame::Start, b'[') => Frame::First,
                (Frame::Head | Frame::Start, b'{') => self.begin(Frame::Single)?,
                (Frame::Head | Frame::Start, _) => return Err(DecodeError::NotBayeux),
                (Frame::First | Frame::Next, b'{') => self.begin(Frame::Element)?,
                (Frame::First | Frame::After, b']') => Frame::End,
                (Frame::After, b',') => Frame::Next,
                _ => return Err(self.syntax()),
            };
            if !matches!(self.frame, Frame::Element | Frame::Single) {
                self.scanner.pos += 1;
            }
        }
    }

    fn begin(&mut self, frame: Frame) -> Result<Frame, DecodeError> {
        if self.messages >= self.bounds.messages {
            return Err(DecodeError::TooManyMessages);
        }
        self.messages += 1;
        self.scanner.begin();
        Ok(frame)
    }

    fn syntax(&self) -> DecodeError {
        DecodeError::Syntax { offset: self.dropped + self.scanner.pos as u64 }
    }

    /// Passes the message at hand over if it is over a bound.
    fn bound(&mut self) {
        let length = self.scanner.pos.saturating_sub(self.scanner.origin);
        if self.scanner.deep || length > self.bounds.message_bytes {
            self.scanner.skip(&self.buf);
        }
    }

    fn take(&mut self) -> Result<Item, DecodeError> {
        self.bound();
        self.frame = if self.frame == Frame::Single { Frame::End } else { Frame::After };
        let fields = self.scanner.fields;
        if self.scanner.skipping() {
            let (channel, replay_id) = self.scanner.kept();
            let event = fields.get(Field::Data).is_some() && fields.get(Field::Successful).is_none();
            return Ok(Item::TooLarge { channel, replay_id, event });
        }
        let bytes = self.buf.get(self.scanner.origin..self.scanner.pos).unwrap_or_default();
        let message = match str::from_utf8(bytes) {
            Ok(raw) => Some(Message::new(raw.to_owned(), fields)),
            // Replacements shift what follows, so it is read again.
            Err(_) => Message::parse(lossy(bytes)),
        };
        message.map(Item::Message).ok_or_else(|| self.syntax())
    }

    /// Drops the bytes that nobody needs any more.
    fn compact(&mut self) {
        let inside = matches!(self.frame, Frame::Element | Frame::Single);
        let count = if inside { self.scanner.hold() } else { self.scanner.pos }.min(self.buf.len());
        if count > 0 {
            self.buf.drain(..count);
            self.dropped += count as u64;
            self.scanner.shift(count);
        }
    }
}
