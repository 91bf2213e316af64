//! Bodies, decoded in every way, and what serde_json makes of them.

use cometd_edge::bayeux::Message;
use cometd_edge::test_support::bayeux::{Bounds, DecodeError, Decoder, Item};
use serde_json::Value;

/// An item that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Message(String),
    TooLarge { channel: Option<String>, replay_id: Option<String>, event: bool },
}

pub type Outcome = (Vec<Seen>, Result<(), DecodeError>);

pub fn drain(decoder: &mut Decoder, seen: &mut Vec<Seen>) -> Result<(), DecodeError> {
    while let Some(item) = decoder.next() {
        seen.push(match item? {
            Item::Message(message) => {
                // The positions noted on the way are those that a second reading finds.
                let again = Message::parse(message.raw().to_owned()).expect("what was decoded is valid");
                assert_eq!(facts(&message), facts(&again), "{}", message.raw());
                Seen::Message(message.into_raw())
            }
            Item::TooLarge { channel, replay_id, event } => Seen::TooLarge { channel, replay_id, event },
        });
    }
    Ok(())
}

pub fn facts(message: &Message) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        message.channel(),
        message.id(),
        message.data(),
        message.replay_id(),
        message.created_date(),
        message.successful(),
        message.advice(),
    )
}

pub fn decode_chunks<'a>(bounds: Bounds, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new(bounds);
    let mut seen = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        if let Err(error) = drain(&mut decoder, &mut seen) {
            assert_eq!(decoder.finish(), Err(error));
            return (seen, Err(error));
        }
        assert!(decoder.buffered() <= bounds.message_bytes.max(4_098) + chunk.len());
    }
    (seen, decoder.finish())
}

pub fn decode(bounds: Bounds, body: &[u8]) -> Outcome {
    decode_chunks(bounds, [body])
}

/// Decodes in every cut into two, byte by byte, and whole, and expects the same each time.
pub fn decode_every_way(bounds: Bounds, body: &[u8]) -> Outcome {
    let whole = decode(bounds, body);
    let bytes = decode_chunks(bounds, body.chunks(1));
    assert_eq!(whole, bytes, "byte by byte: {}", String::from_utf8_lossy(body));
    for cut in 0..=body.len() {
        let (left, right) = body.split_at(cut);
        assert_eq!(
            whole,
            decode_chunks(bounds, [left, right]),
            "cut at {cut}: {}",
            String::from_utf8_lossy(body)
        );
    }
    whole
}

pub fn messages(outcome: Outcome) -> Vec<String> {
    assert_eq!(outcome.1, Ok(()));
    let texts = outcome.0.into_iter().map(|seen| match seen {
        Seen::Message(raw) => raw,
        other => panic!("{other:?}"),
    });
    texts.collect()
}

/// What serde_json makes of the same body: its objects, or an error; `None` where the two differ on purpose.
pub fn oracle(body: &[u8]) -> Option<Result<Vec<Value>, ()>> {
    let text = String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    match serde_json::from_str(&text) {
        Ok(Value::Array(elements)) if elements.iter().all(Value::is_object) => Some(Ok(elements)),
        Ok(object @ Value::Object(_)) => Some(Ok(vec![object])),
        Ok(_) => Some(Err(())),
        Err(error) => {
            // JSON.parse takes these too, and so does the decoder.
            let lenient = ["number out of range", "surrogate", "end of hex escape", "recursion limit"];
            let text = error.to_string();
            (!lenient.iter().any(|lenient| text.contains(lenient))).then_some(Err(()))
        }
    }
}

pub fn agrees_with_the_oracle(body: &[u8], chunk: usize) {
    let (seen, result) = decode_chunks(Bounds::default(), body.chunks(chunk.max(1)));
    let Some(expected) = oracle(body) else { return };
    assert_eq!(result.is_ok(), expected.is_ok(), "{result:?} for {}", String::from_utf8_lossy(body));
    let Ok(expected) = expected else { return };
    let values = seen.into_iter().map(|seen| match seen {
        Seen::Message(raw) => serde_json::from_str::<Value>(&raw).expect("valid"),
        other => panic!("{other:?}"),
    });
    assert_eq!(values.collect::<Vec<_>>(), expected);
}

pub fn small(message_bytes: usize) -> Bounds {
    Bounds { message_bytes, ..Bounds::default() }
}

pub fn too_large(channel: Option<&str>, replay_id: Option<&str>, event: bool) -> Seen {
    Seen::TooLarge { channel: channel.map(str::to_owned), replay_id: replay_id.map(str::to_owned), event }
}
