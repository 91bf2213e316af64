//! The form in which events cross the boundary to JavaScript: one text for many of them, and where their parts stand in it.

use std::ops::Range;

use crate::bayeux::message::Message;
use crate::text::{units_at, utf16_len};

/// The text of a batch holds at most this many bytes, unless its only event is larger: a text of this size is quick to
/// make and to slice, and soon garbage.
pub const MAX_BATCH_BYTES: usize = 64 * 1024;

/// The parts of an event that a batch locates: the message, its data, channel, replay id and date.
const PARTS: usize = 5;
/// Where the channel stands among the offsets of an event.
const CHANNEL: usize = 4;

/// Numbers in [`Batch::offsets`] for each event: start and end of five parts, and the sequence number.
pub const OFFSETS_PER_EVENT: usize = 2 * PARTS + 1;

/// Events that a reader takes at once. It holds what the server sent, which is secret (X2).
#[derive(Default)]
pub struct Batch {
    /// How many events it holds; 0 when none was queued.
    pub events: u32,
    /// The messages as they came, one behind the other. A channel that is written with escapes follows its message, decoded.
    pub text: String,
    /// [`OFFSETS_PER_EVENT`] numbers for each event: start and end in `text` of the message, its data, its channel, its
    /// replay id and its date, in UTF-16 code units as JavaScript slices, and then its sequence number. Start and end of a
    /// part that the message does not have are equal.
    pub offsets: Vec<u32>,
}

/// A batch that is being filled.
#[derive(Default)]
pub(super) struct BatchBuilder {
    batch: Batch,
    /// The length of the text so far, in UTF-16 code units.
    units: u32,
}

impl BatchBuilder {
    /// Whether the next event may be this one. The first one always may.
    pub fn has_room_for(&self, message: &Message) -> bool {
        self.batch.events == 0 || self.batch.text.len() + message.raw().len() <= MAX_BATCH_BYTES
    }

    pub fn push(&mut self, sequence: u32, message: &Message) {
        let raw = message.raw();
        self.batch.text.push_str(raw);
        let parts = [
            Some(0..raw.len()),
            message.data(),
            message.channel_span(),
            message.replay_id(),
            message.created_date(),
        ];
        let bytes: [Range<usize>; PARTS] = parts.map(Option::unwrap_or_default);
        let mut flat = [0; 2 * PARTS];
        for (pair, part) in flat.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[part.start, part.end]);
        }
        let mut offsets = units_at(raw, flat).map(|units| self.units + units);
        self.units = offsets[1];
        if let (None, Some(channel)) = (message.channel_span(), message.channel()) {
            self.batch.text.push_str(channel);
            offsets[CHANNEL] = self.units;
            self.units += utf16_len(channel.as_bytes());
            offsets[CHANNEL + 1] = self.units;
        }
        self.batch.offsets.extend(offsets);
        self.batch.offsets.push(sequence);
        self.batch.events += 1;
    }

    pub fn finish(self) -> Batch {
        self.batch
    }
}
