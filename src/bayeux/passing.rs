//! Passing over a value: its bytes are dropped as they come, and only channel and replay id are kept (X3).

use super::fields::Field;
use super::literal::{decode_string, is_number};
use super::scanner::{KEY_BYTES, Scanner, State};
use crate::text::lossy;

/// The longest raw channel that is kept of a message that is passed over.
const CHANNEL_BYTES: usize = 4_096;
/// The longest raw replay id that is kept of a message that is passed over.
const REPLAY_BYTES: usize = 256;

impl Scanner {
    /// From here on the bytes before `pos` may be dropped; the channel and the replay id are kept.
    pub(crate) fn skip(&mut self, buf: &[u8]) {
        if !self.skipping {
            self.skipping = true;
            for field in [Field::Channel, Field::ReplayId] {
                if let Some((start, end)) = self.fields.get(field) {
                    let start = self.origin.saturating_add(start);
                    self.keep(field, buf.get(start..self.origin.saturating_add(end)));
                }
            }
        }
    }

    /// Whether the value is passed over, and its bytes are gone.
    pub(crate) fn skipping(&self) -> bool {
        self.skipping
    }

    /// Channel and replay id of the value that was passed over.
    pub(crate) fn kept(&mut self) -> (Option<String>, Option<String>) {
        (self.channel.take(), self.replay_id.take())
    }

    pub(super) fn keep(&mut self, field: Field, raw: Option<&[u8]>) {
        let text = |limit: usize| {
            let raw = lossy(raw.filter(|raw| raw.len() <= limit + 2)?);
            match decode_string(&raw) {
                Some(text) => Some(text.into_owned()),
                None => (limit == REPLAY_BYTES && is_number(&raw)).then_some(raw),
            }
        };
        match field {
            Field::Channel => self.channel = text(CHANNEL_BYTES),
            Field::ReplayId => self.replay_id = text(REPLAY_BYTES),
            _ => {}
        }
    }

    /// The first byte that is still needed.
    pub(crate) fn hold(&mut self) -> usize {
        if !self.skipping {
            return self.origin;
        }
        if self.state >= State::Text && self.depth == self.path && !self.lost {
            let level = self.path as usize & 3;
            let limit = match self.key[level] {
                _ if self.in_key => KEY_BYTES,
                Field::Channel => CHANNEL_BYTES,
                Field::ReplayId => REPLAY_BYTES,
                _ => 0,
            };
            let start = self.start[level];
            if self.pos.saturating_sub(start) <= limit + 2 {
                return start;
            }
            self.lost = true;
        }
        self.pos
    }

    /// The first `count` bytes of the buffer are gone.
    pub(crate) fn shift(&mut self, count: usize) {
        self.pos = self.pos.saturating_sub(count);
        self.origin = self.origin.saturating_sub(count);
        self.start = self.start.map(|start| start.saturating_sub(count));
    }
}
