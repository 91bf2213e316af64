//! The JSON state machine: one value, byte by byte, stopped and resumed anywhere.
//!
//! It checks the whole grammar, and on its way notes where the members that Bayeux gives a meaning to
//! stand, so that a message is read once. It holds no bytes: the caller's buffer does.

use super::fields::{Field, Fields};
use super::literal::decode_string;

/// The longest raw key that is looked at; `supportedConnectionTypes` in `\u` escapes takes 144 bytes.
pub(super) const KEY_BYTES: usize = 256;

/// The deepest nesting that is followed at all. The kinds of the open brackets cost a bit each: 2 MiB here.
pub(crate) const HARD_DEPTH: u32 = 1 << 24;

/// What became of the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All of them are used up, and the value has not ended.
    More,
    /// The value ended; `pos` is after it.
    Done,
    /// The byte at `pos` cannot stand there.
    Syntax,
    /// The bracket at `pos` opens one level too many, see [`HARD_DEPTH`].
    TooDeep,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum State {
    // Between tokens, where whitespace is skipped.
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    After,
    // Inside one.
    Text,
    Escape,
    Hex,
    Literal,
    Minus,
    Zero,
    Int,
    Dot,
    Frac,
    ExpMark,
    ExpSign,
    Exp,
}

pub(crate) struct Scanner {
    /// The next byte to look at, an index into the caller's buffer.
    pub(crate) pos: usize,
    /// The first byte of the value, an index into the caller's buffer.
    pub(crate) origin: usize,
    pub(crate) fields: Fields,
    /// The value was once nested deeper than the bound.
    pub(crate) deep: bool,
    /// The value is passed over: what was read may vanish, and these two are kept as they pass.
    pub(super) skipping: bool,
    pub(super) channel: Option<String>,
    pub(super) replay_id: Option<String>,

    pub(super) state: State,
    bound: u32,
    pub(super) depth: u32,
    /// One bit for each open bracket: set for an object.
    kinds: Vec<u32>,
    object: bool,
    pub(super) in_key: bool,
    escaped: bool,
    /// Hex digits still to come, or the rest of a literal.
    hex: u8,
    literal: &'static [u8],
    /// How many of the innermost brackets' path are message, `data`, `data.event`; a bracket is on the
    /// path when `depth == path`.
    pub(super) path: u32,
    /// The key last read, and where its value or the key itself began, by level of the path.
    pub(super) key: [Field; 4],
    pub(super) start: [usize; 4],
    /// The token at hand was longer than is kept, and its bytes are gone.
    pub(super) lost: bool,
}

impl Scanner {
    /// A scanner that notes a nesting deeper than `bound`, and goes on.
    pub(crate) fn new(bound: u32) -> Self {
        Self {
            pos: 0,
            origin: 0,
            fields: Fields::default(),
            deep: false,
            skipping: false,
            channel: None,
            replay_id: None,
            state: State::Value,
            bound,
            depth: 0,
            kinds: Vec::new(),
            object: false,
            in_key: false,
            escaped: false,
            hex: 0,
            literal: b"",
            path: 0,
            key: [Field::Other; 4],
            start: [0; 4],
            lost: false,
        }
    }

    /// Starts on the value at `pos`.
    pub(crate) fn begin(&mut self) {
        self.origin = self.pos;
        self.fields = Fields::default();
        self.deep = false;
        self.skipping = false;
        self.channel = None;
        self.replay_id = None;
        self.state = State::Value;
    }

    /// Reads on, from `pos`.
    pub(crate) fn scan(&mut self, buf: &[u8]) -> Step {
        while let Some(&byte) = buf.get(self.pos) {
            // Most bytes are here.
            if self.state == State::Text {
                self.pos = plain_end(buf, self.pos);
                match buf.get(self.pos) {
                    Some(b'"') => {
                        self.pos += 1;
                        if self.in_key {
                            self.state = State::Colon;
                            self.end_key(buf);
                        } else if self.end(buf) {
                            return Step::Done;
                        }
                    }
                    Some(b'\\') => {
                        self.escaped = true;
                        self.next(State::Escape);
                    }
                    Some(0..=0x1f) => return Step::Syntax,
                    Some(_) => self.pos += 1,
                    None => return Step::More,
                }
                continue;
            }
            if self.state <= State::After {
                if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                    self.pos += 1;
                    continue;
                }
                match (self.state, byte) {
                    (State::Colon, b':') => self.next(State::Value),
                    (State::After, b',') => self.next(if self.object { State::Key } else { State::Value }),
                    (State::After | State::KeyOrEnd, b'}') if self.object => {
                        if self.close(buf) {
                            return Step::Done;
                        }
                    }
                    (State::After | State::ValueOrEnd, b']') if !self.object => {
                        if self.close(buf) {
                            return Step::Done;
                        }
                    }
                    (State::Key | State::KeyOrEnd, b'"') => {
                        self.mark();
                        self.in_key = true;
                        self.escaped = false;
                        self.next(State::Text);
                    }
                    (State::Value | State::ValueOrEnd, _) => {
                        self.mark();
                        self.in_key = false;
                        match byte {
                            b'"' => self.next(State::Text),
                            b'{' | b'[' => {
                                if self.depth >= HARD_DEPTH {
                                    return Step::TooDeep;
                                }
                                self.open(byte == b'{');
                            }
                            b'-' => self.next(State::Minus),
                            b'0' => self.next(State::Zero),
                            b'1'..=b'9' => self.next(State::Int),
                            b't' => self.word(b"rue"),
                            b'f' => self.word(b"alse"),
                            b'n' => self.word(b"ull"),
                            _ => return Step::Syntax,
                        }
                    }
                    _ => return Step::Syntax,
                }
                continue;
            }
            match (self.state, byte) {
                (State::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                    self.next(State::Text)
                }
                (State::Escape, b'u') => {
                    self.hex = 4;
                    self.next(State::Hex);
                }
                (State::Hex, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                    self.hex -= 1;
                    self.next(if self.hex == 0 { State::Text } else { State::Hex });
                }
                (State::Literal, _) => {
                    let Some((&wanted, rest)) = self.literal.split_first() else { return Step::Syntax };
                    if byte != wanted {
                        return Step::Syntax;
                    }
                    self.pos += 1;
                    self.literal = rest;
                    if rest.is_empty() && self.end(buf) {
                        return Step::Done;
                    }
                }
                (State::Minus, b'0') => self.next(State::Zero),
                (State::Minus | State::Int, b'0'..=b'9') => self.next(State::Int),
                (State::Zero | State::Int, b'.') => self.next(State::Dot),
                (State::Dot | State::Frac, b'0'..=b'9') => self.next(State::Frac),
                (State::Zero | State::Int | State::Frac, b'e' | b'E') => self.next(State::ExpMark),
                (State::ExpMark, b'+' | b'-') => self.next(State::ExpSign),
                (State::ExpMark | State::ExpSign | State::Exp, b'0'..=b'9') => self.next(State::Exp),
                (State::Zero | State::Int | State::Frac | State::Exp, _) => {
                    if self.end(buf) {
                        return Step::Done;
                    }
                }
                _ => return Step::Syntax,
            }
        }
        Step::More
    }

    /// Whether the end of the text ends the value: only a number at the top has no end of its own.
    pub(crate) fn ends_here(&self) -> bool {
        self.depth == 0 && matches!(self.state, State::Zero | State::Int | State::Frac | State::Exp)
    }

    fn next(&mut self, state: State) {
        self.pos += 1;
        self.state = state;
    }

    fn word(&mut self, rest: &'static [u8]) {
        self.literal = rest;
        self.next(State::Literal);
    }

    /// A key or a value begins.
    fn mark(&mut self) {
        if self.depth == self.path {
            self.start[self.path as usize & 3] = self.pos;
            self.lost = false;
        }
    }

    fn end_key(&mut self, buf: &[u8]) {
        if self.depth != self.path {
            return;
        }
        let level = self.path as usize & 3;
        let raw = buf.get(self.start[level] + 1..self.pos - 1).unwrap_or_default();
        let field = if self.lost || raw.len() > KEY_BYTES {
            Field::Other
        } else if self.escaped {
            let text = buf.get(self.start[level]..self.pos).and_then(|raw| str::from_utf8(raw).ok());
            Field::of(level, text.and_then(decode_string).unwrap_or_default().as_bytes())
        } else {
            Field::of(level, raw)
        };
        self.key[level] = field;
        // Of two members of one name the last counts, with all that is in it.
        if matches!(field, Field::Data | Field::Event) {
            for inner in [Field::Event, Field::ReplayId, Field::CreatedDate, Field::EventUuid] {
                self.fields.set(inner, 0, 0);
            }
            self.replay_id = None;
        }
    }

    fn open(&mut self, object: bool) {
        let on_path = self.depth == self.path && object;
        if on_path
            && match self.path {
                0 => true,
                1 => self.key[1] == Field::Data,
                2 => self.key[2] == Field::Event,
                _ => false,
            }
        {
            self.path += 1;
        }
        let (word, bit) = ((self.depth / 32) as usize, 1 << (self.depth % 32));
        if word == self.kinds.len() {
            self.kinds.push(0);
        }
        if let Some(kinds) = self.kinds.get_mut(word) {
            *kinds = if object { *kinds | bit } else { *kinds & !bit };
        }
        self.depth += 1;
        self.deep |= self.depth > self.bound;
        self.object = object;
        self.next(if object { State::KeyOrEnd } else { State::ValueOrEnd });
    }

    /// Closes the innermost bracket; true when it was the last.
    fn close(&mut self, buf: &[u8]) -> bool {
        if self.depth == self.path {
            self.path -= 1;
        }
        self.depth -= 1;
        self.object = self.depth > 0 && {
            let above = self.depth - 1;
            self.kinds.get((above / 32) as usize).is_some_and(|kinds| kinds >> (above % 32) & 1 == 1)
        };
        self.pos += 1;
        // A part of it, or its front only, is not to be taken for a string or a number.
        self.lost = true;
        self.end(buf)
    }

    /// A value ended before `pos`; true when it was the outermost.
    fn end(&mut self, buf: &[u8]) -> bool {
        self.state = State::After;
        if self.depth == self.path && self.depth > 0 {
            let level = self.path as usize & 3;
            let (field, start) = (self.key[level], self.start[level]);
            let end = self.pos.saturating_sub(self.origin).max(1);
            self.fields.set(field, start.saturating_sub(self.origin), end);
            if self.skipping {
                self.keep(field, if self.lost { None } else { buf.get(start..self.pos) });
            }
        }
        self.depth == 0
    }
}

/// The first byte from `pos` on that a string cannot hold as it is, or nearly the end of the buffer.
fn plain_end(buf: &[u8], mut pos: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // Eight bytes at once: a byte is zero, or below 0x20, when subtracting borrows into its high bit.
    while let Some(&chunk) = buf.get(pos..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(chunk);
        let (quote, slash) = (word ^ (ONES * b'"' as u64), word ^ (ONES * b'\\' as u64));
        let hits = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        if hits & HIGH != 0 {
            // The lowest hit is exact, those above it may be borrows.
            return pos + ((hits & HIGH).trailing_zeros() / 8) as usize;
        }
        pos += 8;
    }
    pos
}
