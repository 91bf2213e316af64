//! The decoder says what serde_json says, however the body is cut into chunks, and never panics.
#![cfg(not(target_arch = "wasm32"))]

use cometd_edge::bayeux::{Bounds, DecodeError, Decoder, Item, Message};
use proptest::prelude::*;
use serde_json::Value;

/// An item that can be compared.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Message(String),
    TooLarge { channel: Option<String>, replay_id: Option<String>, event: bool },
}

type Outcome = (Vec<Seen>, Result<(), DecodeError>);

fn drain(decoder: &mut Decoder, seen: &mut Vec<Seen>) -> Result<(), DecodeError> {
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

fn facts(message: &Message) -> String {
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

fn decode_chunks<'a>(bounds: Bounds, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
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

fn decode(bounds: Bounds, body: &[u8]) -> Outcome {
    decode_chunks(bounds, [body])
}

/// Decodes in every cut into two, byte by byte, and whole, and expects the same each time.
fn decode_every_way(bounds: Bounds, body: &[u8]) -> Outcome {
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

fn messages(outcome: Outcome) -> Vec<String> {
    assert_eq!(outcome.1, Ok(()));
    let texts = outcome.0.into_iter().map(|seen| match seen {
        Seen::Message(raw) => raw,
        other => panic!("{other:?}"),
    });
    texts.collect()
}

/// What serde_json makes of the same body: its objects, or an error; `None` where the two differ on purpose.
fn oracle(body: &[u8]) -> Option<Result<Vec<Value>, ()>> {
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

fn agrees_with_the_oracle(body: &[u8], chunk: usize) {
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

const EVENT: &str = r#"{"channel":"/topic/Orders","clientId":"1a2b","data":{"event":{"createdDate":"2024-05-01T10:00:00.000Z","replayId":17,"type":"created"},"sobject":{"Id":"a\u00e9\\\"/","n":[1,-0.5e+3,true,false,null,{}]}}}"#;
const REPLY: &str = r#"{ "id" : "4" , "channel":"\/meta\/connect" ,"successful":true,"advice":{"interval":0},"ext":{"ack":3} }"#;

#[test]
fn bodies_decode_the_same_in_every_cut() {
    let body = format!("\u{feff} \r\n[\t{EVENT} ,\n{REPLY}, {{}} ]\n ");
    assert_eq!(messages(decode_every_way(Bounds::default(), body.as_bytes())), [EVENT, REPLY, "{}"]);
    assert_eq!(messages(decode_every_way(Bounds::default(), EVENT.as_bytes())), [EVENT]);
    assert_eq!(messages(decode_every_way(Bounds::default(), b"[]")), [""; 0]);
}

#[test]
fn a_message_is_given_out_with_its_own_last_byte() {
    let mut decoder = Decoder::new(Bounds::default());
    decoder.push(b"[");
    for text in [EVENT, REPLY] {
        let (head, last) = text.as_bytes().split_at(text.len() - 1);
        decoder.push(head);
        assert!(decoder.next().is_none());
        decoder.push(last);
        assert!(matches!(decoder.next(), Some(Ok(Item::Message(message))) if message.raw() == text));
        assert!(decoder.next().is_none());
        assert_eq!(decoder.buffered(), 0);
        decoder.push(b",");
    }
    assert_eq!(decoder.finish(), Err(DecodeError::Truncated));
}

#[test]
fn messages_before_an_error_stay_out_and_the_error_stays() {
    let body = format!("[{EVENT},{REPLY}}}");
    let offset = body.len() as u64 - 1;
    let (seen, result) = decode_every_way(Bounds::default(), body.as_bytes());
    assert_eq!((seen.len(), result), (2, Err(DecodeError::Syntax { offset })));
    let mut decoder = Decoder::new(Bounds::default());
    decoder.push(b"[1");
    for _ in 0..3 {
        assert!(matches!(decoder.next(), Some(Err(DecodeError::Syntax { offset: 1 }))));
        decoder.push(b"[{}]");
    }
    assert_eq!((decoder.finish(), decoder.buffered()), (Err(DecodeError::Syntax { offset: 1 }), 0));
}

#[test]
fn s14_what_is_not_bayeux_is_told_from_what_was_cut() {
    let cases: [(&[u8], DecodeError); 24] = [
        (b"", DecodeError::Empty),
        (b" \n\t", DecodeError::Empty),
        (b"\xef\xbb\xbf", DecodeError::Empty),
        (b"\xef", DecodeError::NotBayeux),
        (b"\xef\xbb[]", DecodeError::NotBayeux),
        (b"<!doctype html><title>Sign in</title>", DecodeError::NotBayeux),
        (b"null", DecodeError::NotBayeux),
        (b"\"text\"", DecodeError::NotBayeux),
        (b"42", DecodeError::NotBayeux),
        (b" \xef\xbb\xbf[]", DecodeError::NotBayeux),
        (b"[", DecodeError::Truncated),
        (b"[{\"channel\":\"/a\"}", DecodeError::Truncated),
        (b"[{\"channel\":\"/a\"},", DecodeError::Truncated),
        (b"[{\"channel\":\"/a", DecodeError::Truncated),
        (b"{\"channel\"", DecodeError::Truncated),
        (b"[null]", DecodeError::Syntax { offset: 1 }),
        (b"[[]]", DecodeError::Syntax { offset: 1 }),
        (b"[,]", DecodeError::Syntax { offset: 1 }),
        (b"[{},]", DecodeError::Syntax { offset: 4 }),
        (b"[{} {}]", DecodeError::Syntax { offset: 4 }),
        (b"[]x", DecodeError::Syntax { offset: 2 }),
        (b"{}[]", DecodeError::Syntax { offset: 2 }),
        (b"[{\"a\":01}]", DecodeError::Syntax { offset: 7 }),
        (b"[{\"a\":\"\n\"}]", DecodeError::Syntax { offset: 7 }),
    ];
    for (body, error) in cases {
        let text = String::from_utf8_lossy(body);
        assert_eq!(decode_every_way(Bounds::default(), body).1, Err(error), "{text}");
    }
}

#[test]
fn the_grammar_is_json_and_nothing_else() {
    let good = [
        "0",
        "-0",
        "10",
        "1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "-1.25e10",
        "true",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        "[[],{}]",
        r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#,
        "\"\u{7f}\u{2028}é😀\"",
        "[1 , 2]",
        "{ \"a\" : 1 , \"b\" : [ ] }",
        // As with JSON.parse, and unlike serde_json's values.
        r#""\ud800""#,
        r#""\udc00\ud800x""#,
        "1e999",
    ];
    let bad = [
        "",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "00",
        "01",
        "-01",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "tru",
        "truee",
        "True",
        "nul",
        "'a'",
        "\"\t\"",
        "\"\u{0}\"",
        r#""\x41""#,
        r#""\u12g4""#,
        r#""\u123""#,
        r#""\""#,
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "{",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "[}",
        "{]",
        "[{]}",
        "\u{feff}1",
        "\u{a0}1",
        "1\u{b}",
        "/**/1",
        "1 1",
        "\u{c}1",
    ];
    for (values, valid) in [(&good[..], true), (&bad[..], false)] {
        for value in values {
            let body = format!("[{{\"a\":{value}}}]");
            let (_, result) = decode_every_way(Bounds::default(), body.as_bytes());
            assert_eq!(result.is_ok(), valid, "{body}");
            assert_eq!(cometd_edge::bayeux::json::validate(value, 128), valid, "{value}");
            agrees_with_the_oracle(body.as_bytes(), usize::MAX);
        }
    }
}

#[test]
fn every_byte_is_judged_alike_wherever_it_stands_in_a_string() {
    for byte in 0..=0x7f_u8 {
        for at in 0..17 {
            let mut body = format!("[{{\"a\":\"{}\"}}]", "x".repeat(17)).into_bytes();
            body[7 + at] = byte;
            agrees_with_the_oracle(&body, usize::MAX);
            agrees_with_the_oracle(&body, 9);
        }
    }
}

#[test]
fn invalid_utf8_becomes_replacement_characters_and_positions_stay_right() {
    let body = b"[{\"x\":\"\xff\xc3\",\"channel\":\"/a\",\"data\":{\"event\":{\"replayId\":7}},\"y\":\"\xf0\x9f\x98\"}]";
    let [raw] = messages(decode_every_way(Bounds::default(), body)).try_into().expect("one");
    assert!(raw.contains("\u{fffd}\u{fffd}\",\"channel\""), "{raw}");
    let message = Message::parse(raw).expect("valid");
    assert_eq!(message.replay_id().map(|range| &message.raw()[range]), Some("7"));
    for body in [&b"[{\xff}]"[..], b"[{\"a\":\xff1}]", b"[{\"a\xff\":1}]", b"[{}]\xff", b"\xff[]"] {
        let _ = decode_every_way(Bounds::default(), body);
        agrees_with_the_oracle(body, 1);
    }
}

fn small(message_bytes: usize) -> Bounds {
    Bounds { message_bytes, ..Bounds::default() }
}

fn too_large(channel: Option<&str>, replay_id: Option<&str>, event: bool) -> Seen {
    Seen::TooLarge { channel: channel.map(str::to_owned), replay_id: replay_id.map(str::to_owned), event }
}

#[test]
fn x3_message_over_the_bound_is_passed_over_and_the_next_one_arrives() {
    let pad = "x".repeat(60);
    let cases = [
        // The channel and the replay id may stand before the padding, after it, and around it.
        (
            r#"{"channel":"/a","data":{"event":{"replayId":5},"p":"PAD"}}"#,
            too_large(Some("/a"), Some("5"), true),
        ),
        (
            r#"{"data":{"p":"PAD","event":{"replayId":"q\u0041"}},"channel":"\/a"}"#,
            too_large(Some("/a"), Some("qA"), true),
        ),
        (
            r#"{"PAD":"PAD","channel":"/a","data":{"event":{"PAD":[1],"replayId":-2}}}"#,
            too_large(Some("/a"), Some("-2"), true),
        ),
        (
            r#"{"p":"PAD","channel":"/meta/connect","successful":true}"#,
            too_large(Some("/meta/connect"), None, false),
        ),
        (r#"{"p":"PAD","channel":"/a","data":1,"successful":true}"#, too_large(Some("/a"), None, false)),
        (r#"{"p":"PAD","data":12345678}"#, too_large(None, None, true)),
        (r#"{"p":"PAD","channel":7,"data":{"event":{"replayId":true}}}"#, too_large(None, None, true)),
        // What only looks like them is left alone.
        (
            r#"{"x":{"channel":"/b","event":{"replayId":1}},"p":"PAD","data":[{"event":{"replayId":1}}]}"#,
            too_large(None, None, true),
        ),
        (
            r#"{"p":"PAD","data":{"x":{"event":{"replayId":1}},"replayId":2,"event":[{"replayId":3}]}}"#,
            too_large(None, None, true),
        ),
        (r#"{"p":"PAD","channel":["/a" ],"data":{"event":{"replayId":[1,2]}}}"#, too_large(None, None, true)),
        (
            r#"{"p":"PAD","channel":{"channel":"/a"},"data":{"event":{"replayId":{"replayId":1}}}}"#,
            too_large(None, None, true),
        ),
        // The last of two counts, with all that is in it.
        (
            r#"{"channel":"/a","data":{"event":{"replayId":5}},"p":"PAD","data":{},"channel":"/b"}"#,
            too_large(Some("/b"), None, true),
        ),
        (
            r#"{"p":"PAD","data":{"event":{"replayId":5},"event":{}},"channel":"/b","channel":[]}"#,
            too_large(None, None, true),
        ),
        (
            r#"{"p":"PAD","ch\u0061nnel":"/c","d\u0061ta":{"\u0065vent":{"replay\u0049d":6}}}"#,
            too_large(Some("/c"), Some("6"), true),
        ),
    ];
    for (text, expected) in cases {
        let text = text.replace("PAD", &pad);
        let body = format!("[{{\"id\":1}},{text},{{\"id\":2}}]");
        let (seen, result) = decode_every_way(small(60), body.as_bytes());
        assert_eq!(result, Ok(()));
        assert_eq!(
            seen,
            [Seen::Message("{\"id\":1}".into()), expected, Seen::Message("{\"id\":2}".into())],
            "{text}"
        );
    }
}

#[test]
fn x3_the_bound_itself_still_fits() {
    let text = format!("{{\"channel\":\"/{}\"}}", "x".repeat(50));
    for (bound, fits) in [(text.len(), true), (text.len() - 1, false)] {
        let (seen, _) = decode_every_way(small(bound), text.as_bytes());
        assert_eq!(matches!(seen[..], [Seen::Message(_)]), fits);
    }
}

#[test]
fn x3_only_short_channels_and_replay_ids_are_kept_of_a_message_that_is_passed_over() {
    for (channel, replay, kept) in [(4_096, 256, true), (4_097, 259, false), (9_000, 2_000, false)] {
        let (channel, replay) = ("c".repeat(channel), "7".repeat(replay));
        let expected =
            if kept { too_large(Some(&channel), Some(&replay), true) } else { too_large(None, None, true) };
        for replay in [replay.clone(), format!("\"{replay}\"")] {
            let text =
                format!("{{\"channel\":\"{channel}\",\"data\":{{\"event\":{{\"replayId\":{replay}}}}}}}");
            assert_eq!(decode(small(10), text.as_bytes()).0, std::slice::from_ref(&expected));
            for chunk in 1..20 {
                let chunks = text.as_bytes().chunks(chunk);
                assert_eq!(decode_chunks(small(10), chunks).0, std::slice::from_ref(&expected));
            }
        }
    }
    // A key may be as long as it likes.
    let text = format!("{{\"{}\":1,\"channel\":\"/a\"}}", "k\\\"data".repeat(1_000));
    for chunk in 1..20 {
        let (seen, _) = decode_chunks(small(10), text.as_bytes().chunks(chunk));
        assert_eq!(seen, [too_large(Some("/a"), None, false)]);
    }
    // Nor is the end of a long one taken for a key.
    for pad in 300..320 {
        let text = format!("{{\"{}channel\":\"/a\"}}", "k".repeat(pad));
        let (seen, _) = decode_chunks(small(10), text.as_bytes().chunks(20));
        assert_eq!(seen, [too_large(None, None, false)]);
    }
}

#[test]
fn x3_a_message_of_20_mb_costs_one_bound_of_memory() {
    let mut decoder = Decoder::new(small(100_000));
    let mut seen = Vec::new();
    let mut push = |bytes: &[u8], decoder: &mut Decoder| {
        decoder.push(bytes);
        drain(decoder, &mut seen).expect("valid");
        assert!(decoder.buffered() <= 100_000 + 65_536);
    };
    push(b"[{\"channel\":\"/big\",\"data\":{\"payload\":\"", &mut decoder);
    for _ in 0..320 {
        push(&[b'x'; 65_536], &mut decoder);
    }
    push(b"\",\"event\":{\"replayId\":99}}},{\"channel\":\"/small\"}]", &mut decoder);
    assert_eq!(decoder.finish(), Ok(()));
    assert_eq!(
        seen,
        [too_large(Some("/big"), Some("99"), true), Seen::Message("{\"channel\":\"/small\"}".into())]
    );
}

#[test]
fn x3_nesting_over_the_bound_is_passed_over_a_million_brackets_as_well() {
    let nested = |levels: usize| {
        format!(
            "[{{\"channel\":\"/n\",\"data\":{}1{}}},{{}}]",
            "[{\"a\":".repeat(levels / 2),
            "}]".repeat(levels / 2)
        )
    };
    let bounds = Bounds { depth: 11, ..Bounds::default() };
    assert_eq!(decode_every_way(bounds, nested(10).as_bytes()).0.len(), 2);
    let (seen, result) = decode_every_way(bounds, nested(12).as_bytes());
    assert_eq!((seen, result), (vec![too_large(Some("/n"), None, true), Seen::Message("{}".into())], Ok(())));
    let (seen, result) = decode_chunks(Bounds::default(), nested(1_000_000).as_bytes().chunks(1_000));
    assert_eq!((seen, result), (vec![too_large(Some("/n"), None, true), Seen::Message("{}".into())], Ok(())));

    for opener in ["[", "{\"a\":"] {
        for (levels, expected) in [(1_000_000, DecodeError::Truncated), (20_000_000, DecodeError::TooDeep)] {
            let body = format!("[{{}},{{\"data\":{}", opener.repeat(levels));
            let (seen, result) = decode_chunks(small(1_000), body.as_bytes().chunks(65_536));
            assert_eq!((seen, result), (vec![Seen::Message("{}".into())], Err(expected)));
        }
        assert!(!cometd_edge::bayeux::json::validate(&opener.repeat(1_000_000), 128));
    }
    assert!(matches!(
        decode(Bounds::default(), "[".repeat(1_000_000).as_bytes()).1,
        Err(DecodeError::Syntax { offset: 1 })
    ));
}

#[test]
fn x3_one_message_more_than_the_bound_ends_the_body() {
    let bounds = Bounds { messages: 2, ..Bounds::default() };
    assert_eq!(decode_every_way(bounds, b"[{},{}]").1, Ok(()));
    let (seen, result) = decode_every_way(bounds, b"[{},{},{}]");
    assert_eq!((seen.len(), result), (2, Err(DecodeError::TooManyMessages)));
}

fn json() -> impl Strategy<Value = String> + Clone {
    let text = || {
        prop_oneof![
            3 => prop::sample::select(vec![
                "channel", "data", "event", "replayId", "successful", "id", "ext", "ack", "advice", "createdDate", "error",
                "ch\\u0061nnel", "clientId", "/a/b", "\\/meta\\/connect", "", "\\ud83d\\ude00", "\\\\", "\\\"", "{[", "é😀",
            ]).prop_map(str::to_owned),
            1 => "[a-zA-Z/ ]{0,40}",
        ]
        .prop_map(|text| format!("\"{text}\""))
    };
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "-1",
            "17",
            "1.5",
            "-0.5e+3",
            "12345678901234567890"
        ])
        .prop_map(str::to_owned),
        text(),
    ];
    let space = || prop::sample::select(vec!["", "", "", " ", "\n\t"]);
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let member = (text(), space(), inner.clone())
            .prop_map(|(key, space, value)| format!("{key}{space}:{space}{value}"));
        prop_oneof![
            1 => (prop::collection::vec(inner, 0..5), space())
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(&format!("{space},")))),
            3 => (prop::collection::vec(member, 0..6), space())
                .prop_map(|(items, space)| format!("{{{space}{}{space}}}", items.join(&format!(",{space}")))),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let object =
        json().prop_map(|text| if text.starts_with('{') { text } else { format!("{{\"data\":{text}}}") });
    prop_oneof![
        4 => prop::collection::vec(object.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(",")).into_bytes()),
        1 => object.prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_bodies_decode_as_serde_json_reads_them(body in body(), chunk in 1..40_usize) {
        prop_assert!(oracle(&body).is_some_and(|expected| expected.is_ok()));
        agrees_with_the_oracle(&body, chunk);
    }

    #[test]
    fn damaged_bodies_are_refused_where_serde_json_refuses_them(
        mut body in body(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"[]{},:\"\\0-.eutn ".to_vec())], 0..3_u8), 1..4),
        chunk in 1..40_usize,
    ) {
        for (at, byte, kind) in edits {
            let at = at.index(body.len() + 1);
            match kind {
                0 => body.insert(at, byte),
                1 if at < body.len() => body[at] = byte,
                _ if at < body.len() => drop(body.remove(at)),
                _ => {}
            }
        }
        agrees_with_the_oracle(&body, chunk);
    }

    #[test]
    fn token_soup_is_judged_as_serde_json_judges_it(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"data\"", "\"", "\\", "\\u", "1", "0", "-", ".", "e", "true", "null", "f", " ",
            "{}", "[]", "{\"a\":", "\u{feff}", "\u{1}",
        ]), 0..14),
        chunk in 1..4_usize,
    ) {
        agrees_with_the_oracle(format!("[{{\"a\":{}", tokens.concat()).as_bytes(), chunk);
        agrees_with_the_oracle(tokens.concat().as_bytes(), chunk);
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), chunk in 1..20_usize) {
        agrees_with_the_oracle(&bytes, chunk);
        let mut body = b"[{\"channel\":\"".to_vec();
        body.extend(&bytes);
        agrees_with_the_oracle(&body, chunk);
        let _ = decode_chunks(small(8), body.chunks(chunk));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The readers promise no sense for invalid text, but no panic either.
        for raw in [text.clone(), format!("{{{text}"), format!("[{text}"), format!("\"{text}\"")] {
            let _ = cometd_edge::bayeux::json::members(&raw).count();
            let _ = cometd_edge::bayeux::json::elements(&raw).count();
            let _ = cometd_edge::bayeux::json::decode_string(&raw);
            let _ = cometd_edge::bayeux::json::integer(&raw);
            let _ = cometd_edge::bayeux::Advice::parse(&raw, "long-polling");
            let _ = cometd_edge::bayeux::Failure::parse(&raw);
            let _ = cometd_edge::bayeux::Pattern::parse(&raw);
        }
    }

    #[test]
    fn x3_what_is_passed_over_does_not_depend_on_the_chunks(
        body in body(), bound in 1..120_usize, depth in 1..6_u32, chunk in 1..60_usize, cut in any::<prop::sample::Index>(),
    ) {
        let bounds = Bounds { message_bytes: bound, depth, ..Bounds::default() };
        let whole = decode(bounds, &body);
        prop_assert_eq!(&whole, &decode_chunks(bounds, body.chunks(chunk)));
        let (left, right) = body.split_at(cut.index(body.len() + 1));
        prop_assert_eq!(&whole, &decode_chunks(bounds, [left, right]));
        // And it is what the whole message would have said.
        let (unbounded, _) = decode(Bounds::default(), &body);
        prop_assert_eq!(unbounded.len(), whole.0.len());
        for (message, bounded) in unbounded.into_iter().zip(whole.0) {
            let (Seen::Message(raw), Seen::TooLarge { channel, event, replay_id }) = (message, bounded) else { continue };
            let message = Message::parse(raw).expect("valid");
            prop_assert_eq!(message.channel(), channel.as_deref());
            prop_assert_eq!(message.data().is_some() && !has(message.raw(), "successful"), event);
            if let Some(range) = message.replay_id() {
                prop_assert_eq!(message.raw().get(range), replay_id.as_deref());
            }
        }
    }
}

fn has(raw: &str, name: &str) -> bool {
    serde_json::from_str::<Value>(raw).expect("valid").get(name).is_some()
}
