//! The form in which events cross the boundary to JavaScript: one text for many events, and the offsets of their parts
//! in it.

use std::ops::Range;

use crate::bayeux::message::Message;
use crate::text::{units_at, utf16_len};

/// The text of a batch holds at most this many bytes, unless its only event is larger: a text of this size is quick to
/// make and to slice, and soon collected.
pub const MAX_BATCH_BYTES: usize = 64 * 1024;

/// The parts of an event that a batch locates: the message, its data, channel, replay id and date.
const PARTS: usize = 5;
/// The index of the channel among the offsets of an event.
const CHANNEL: usize = 4;

/// Numbers in [`Batch::offsets`] for each event: start and end of five parts, and the sequence number.
pub const OFFSETS_PER_EVENT: usize = 2 * PARTS + 1;

/// Events that a reader takes at once. Holds what the server sent, which is secret (X2).
#[derive(Default)]
pub struct Batch {
    /// How many events it holds; 0 when none was queued.
    pub events: u32,
    /// The messages as they came, one after the other. A channel that is written with escapes is appended, decoded,
    /// after its message.
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
    /// Whether this event may be added. The first one always may.
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

#[cfg(test)]
mod tests {
    use super::{Batch, BatchBuilder, MAX_BATCH_BYTES, OFFSETS_PER_EVENT};
    use crate::bayeux::message::Message;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned()).expect("the text is a JSON object")
    }

    fn batch(messages: &[&str]) -> Batch {
        let mut builder = BatchBuilder::default();
        for (index, text) in messages.iter().enumerate() {
            builder.push(index as u32 + 7, &message(text));
        }
        builder.finish()
    }

    /// The parts of each event and its sequence number, as JavaScript slices them.
    fn parts(batch: &Batch) -> Vec<([String; 5], u32)> {
        let units: Vec<u16> = batch.text.encode_utf16().collect();
        let events = batch.offsets.chunks_exact(OFFSETS_PER_EVENT);
        assert_eq!((events.len(), events.remainder().len()), (batch.events as usize, 0));
        let part = |range: &[u32]| {
            let units = &units[range[0] as usize..range[1] as usize];
            String::from_utf16(units).expect("no character is cut in two")
        };
        let parts = |event: &[u32]| core::array::from_fn(|index| part(&event[2 * index..2 * index + 2]));
        events.map(|event| (parts(event), event[OFFSETS_PER_EVENT - 1])).collect()
    }

    #[test]
    fn parts_of_an_event_are_located_in_utf16_units() {
        let data = r#"{"event":{"replayId":42,"createdDate":"2026-01-02"},"p":"é😀"}"#;
        let first = format!(r#"{{"channel":"/é/😀","data":{data}}}"#);
        let second = r#"{"data":{"event":{"replayId":"a b"}},"channel":"/second"}"#;
        let batch = batch(&[&first, second]);
        assert_eq!(batch.text, format!("{first}{second}"));
        let first = [first.as_str(), data, "/é/😀", "42", "2026-01-02"].map(str::to_owned);
        let second = [second, r#"{"event":{"replayId":"a b"}}"#, "/second", "a b", ""].map(str::to_owned);
        assert_eq!(parts(&batch), [(first, 7), (second, 8)]);
    }

    #[test]
    fn a_channel_written_with_escapes_follows_its_message_decoded() {
        let escaped = r#"{"channel":"/\u00e9\ud83d\ude00","data":1}"#;
        let plain = r#"{"channel":"/x","data":2}"#;
        let batch = batch(&[escaped, escaped, plain]);
        assert_eq!(batch.text, format!("{escaped}/é😀{escaped}/é😀{plain}"));
        let expected = |raw: &str, data: &str, channel: &str| [raw, data, channel, "", ""].map(str::to_owned);
        let (first, last) = (expected(escaped, "1", "/é😀"), expected(plain, "2", "/x"));
        assert_eq!(parts(&batch), [(first.clone(), 7), (first, 8), (last, 9)]);
    }

    #[test]
    fn an_event_without_channel_or_data_has_empty_parts() {
        let batch = batch(&["{}", r#"{"id":"1"}"#]);
        let expected = |raw: &str| [raw, "", "", "", ""].map(str::to_owned);
        assert_eq!(parts(&batch), [(expected("{}"), 7), (expected(r#"{"id":"1"}"#), 8)]);
    }

    #[test]
    fn a_batch_without_events_is_empty() {
        let batch = batch(&[]);
        assert_eq!((batch.events, batch.text.len(), batch.offsets.len()), (0, 0, 0));
    }

    #[test]
    fn a_batch_holds_64_kb_to_the_byte_or_one_larger_event() {
        let sized = |bytes: usize| {
            let id = "x".repeat(bytes - r#"{"id":""}"#.len());
            message(&format!(r#"{{"id":"{id}"}}"#))
        };
        assert_eq!(MAX_BATCH_BYTES, 65_536);
        let mut builder = BatchBuilder::default();
        assert!(builder.has_room_for(&sized(MAX_BATCH_BYTES + 1)), "the first event always fits");
        builder.push(1, &sized(MAX_BATCH_BYTES - 100));
        assert!(builder.has_room_for(&sized(100)));
        assert!(!builder.has_room_for(&sized(101)));
        builder.push(2, &sized(100));
        assert!(!builder.has_room_for(&sized(10)));
    }
}
