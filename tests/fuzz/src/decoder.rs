//! The decoder and the readers of JSON, with serde_json as their oracle, and the decoder against itself in any cut.

use cometd_edge::bayeux::Message;
use cometd_edge::test_support::bayeux::{Bounds, DecodeError, Decoder, Item, json};
use serde_json::Value;

use super::message;

/// Three bytes choose cuts and bounds, the rest is a body.
pub fn run(data: &[u8]) {
    let Some((&[cuts, size, more], body)) = data.split_first_chunk() else { return };
    let whole = decode(Bounds::default(), [body]);
    agrees_with_the_oracle(&whole, body);
    let bounds = Bounds {
        message_bytes: usize::from(size) * 2,
        depth: u32::from(more % 8) + 1,
        messages: if more < 128 { 1_000 } else { u32::from(more >> 3) & 7 },
    };
    let bounded = decode(bounds, [body]);
    for (bounds, expected) in [(Bounds::default(), &whole), (bounds, &bounded)] {
        assert_eq!(&decode(bounds, Cuts { rest: body, state: u32::from(cuts) + 1 }), expected);
        let cut = body.len() * usize::from(cuts) / 255;
        let (left, right) = body.split_at(cut);
        assert_eq!(&decode(bounds, [left, right]), expected, "cut at {cut}");
        if body.len() < 300 {
            assert_eq!(&decode(bounds, body.chunks(1)), expected, "byte by byte");
        }
    }
    bounds_hold(bounds, &whole, &bounded);
    readers_agree(&String::from_utf8_lossy(body));
}

#[derive(Debug, PartialEq)]
enum Seen {
    Message(String),
    TooLarge { channel: Option<String>, replay_id: Option<String>, event: bool },
}

type Outcome = (Vec<Seen>, Result<(), DecodeError>);

/// Pieces of a few bytes, empty ones among them.
struct Cuts<'a> {
    rest: &'a [u8],
    state: u32,
}

impl<'a> Iterator for Cuts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.state = self.state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let most = [2, 5, 20, 100][(self.state >> 29) as usize % 4];
        let (piece, rest) = self.rest.split_at(((self.state >> 16) as usize % most).min(self.rest.len()));
        self.rest = rest;
        Some(piece)
    }
}

fn decode<'a>(bounds: Bounds, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new(bounds);
    let mut seen = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        while let Some(item) = decoder.next() {
            match item {
                Ok(Item::Message(message)) => {
                    message::reads_the_same_again(&message);
                    seen.push(Seen::Message(message.into_raw()));
                }
                Ok(Item::TooLarge { channel, replay_id, event }) => {
                    seen.push(Seen::TooLarge { channel, replay_id, event });
                }
                Err(error) => {
                    // It is sticky, and holds nothing.
                    decoder.push(b"[{}]");
                    assert!(matches!(decoder.next(), Some(Err(again)) if again == error));
                    assert_eq!((decoder.finish(), decoder.buffered()), (Err(error), 0));
                    return (seen, Err(error));
                }
            }
        }
        assert!(decoder.buffered() <= bounds.message_bytes.max(4_098) + chunk.len());
    }
    (seen, decoder.finish())
}

/// What serde_json makes of the body: its objects, or an error; `None` where the two differ on purpose.
fn oracle(text: &str) -> Option<Result<Value, ()>> {
    serde_json::from_str(text)
        .map(Ok)
        .or_else(|error| {
            // JSON.parse takes these too, and so does the decoder.
            let lenient = ["number out of range", "surrogate", "end of hex escape", "recursion limit"];
            let text = error.to_string();
            (!lenient.iter().any(|lenient| text.contains(lenient))).then_some(Err(())).ok_or(())
        })
        .ok()
}

fn agrees_with_the_oracle((seen, result): &Outcome, body: &[u8]) {
    let text = String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    let Some(expected) = oracle(&text) else { return };
    let expected = match expected {
        Ok(Value::Array(elements)) if elements.iter().all(Value::is_object) => Some(elements),
        Ok(object @ Value::Object(_)) => Some(vec![object]),
        _ => None,
    };
    assert_eq!(result.is_ok(), expected.is_some(), "{result:?} for {text}");
    let Some(expected) = expected else { return };
    assert_eq!(seen.len(), expected.len());
    let mut rest = text.as_ref();
    for (seen, expected) in seen.iter().zip(&expected) {
        let Seen::Message(raw) = seen else { panic!("passed over: {seen:?}") };
        // As it came, and in its order.
        let at = rest.find(raw.as_str()).expect("the text as it came");
        rest = &rest[at + raw.len()..];
        message::agrees(&Message::parse(raw.clone()).expect("what was decoded is valid"), expected);
    }
}

/// Only what is over a bound is passed over, and what is said of it is what the whole message says (X3).
fn bounds_hold(bounds: Bounds, (whole, result): &Outcome, (bounded, stopped): &Outcome) {
    if *stopped == Err(DecodeError::TooManyMessages) {
        assert_eq!(bounded.len(), bounds.messages as usize);
    } else {
        assert_eq!((bounded.len(), stopped), (whole.len(), result));
    }
    for (whole, bounded) in whole.iter().zip(bounded) {
        let Seen::Message(raw) = whole else { panic!("passed over: {whole:?}") };
        let over = (raw.len() > bounds.message_bytes) || message::depth(raw) > bounds.depth;
        match bounded {
            Seen::Message(same) => assert!(same == raw && (!over || raw.contains('\u{fffd}')), "{raw}"),
            Seen::TooLarge { channel, replay_id, event } => {
                // A replacement character is longer than what it replaces.
                assert!(over || raw.contains('\u{fffd}'), "{raw}");
                message::is_told(raw, channel.as_deref(), replay_id.as_deref(), *event);
            }
        }
    }
}

fn readers_agree(text: &str) {
    // For invalid text they promise no sense, but no panic either.
    for raw in [text.to_owned(), format!("{{{text}"), format!("[{text}"), format!("\"{text}")] {
        let _ = json::members(&raw).count() + json::elements(&raw).count() + json::strings(&raw).len();
        let _ = (json::decode_string(&raw), json::integer(&raw), json::as_i64(&raw));
        let _ = json::member(&raw, "a");
        let _ = cometd_edge::bayeux::Advice::parse(&raw, "long-polling");
    }
    let mut written = String::new();
    json::push_string(&mut written, text);
    assert_eq!(json::decode_string(&written).as_deref(), Some(text));
    assert_eq!(serde_json::from_str::<String>(&written).ok().as_deref(), Some(text));
    let Some(expected) = oracle(text) else { return };
    assert_eq!(json::validate(text, 128), expected.is_ok(), "{text}");
    let parse = |raw: &str| serde_json::from_str::<Value>(raw).expect("a part of what is valid");
    match expected {
        Ok(Value::Object(expected)) => {
            let read = json::members(text)
                .map(|(key, value)| (json::decode_string(key).expect("a key").into_owned(), parse(value)));
            assert_eq!(read.collect::<serde_json::Map<_, _>>(), expected);
        }
        Ok(Value::Array(expected)) => {
            assert_eq!(json::elements(text).map(parse).collect::<Vec<_>>(), expected);
        }
        Ok(Value::String(expected)) => {
            assert_eq!(json::decode_string(text.trim_ascii()).as_deref(), Some(expected.as_str()));
        }
        Ok(Value::Number(number)) => {
            if let Some(expected) = number.as_i64() {
                assert_eq!(json::integer(text.trim_ascii()), Some(expected));
            }
        }
        _ => {}
    }
}
