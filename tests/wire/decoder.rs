//! The decoder says what serde_json says, however the body is cut into chunks, and never panics.

use cometd_edge::bayeux::Message;
use cometd_edge::test_support::bayeux::{Bounds, DecodeError, Decoder, Item};
use proptest::prelude::*;
use serde_json::Value;

use crate::decoding::*;

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
        "1\u{c}",
        "{}\u{c}",
    ];
    for (values, valid) in [(&good[..], true), (&bad[..], false)] {
        for value in values {
            let body = format!("[{{\"a\":{value}}}]");
            let (_, result) = decode_every_way(Bounds::default(), body.as_bytes());
            assert_eq!(result.is_ok(), valid, "{body}");
            assert_eq!(cometd_edge::test_support::bayeux::json::validate(value, 128), valid, "{value}");
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
            let _ = cometd_edge::test_support::bayeux::json::members(&raw).count();
            let _ = cometd_edge::test_support::bayeux::json::elements(&raw).count();
            let _ = cometd_edge::test_support::bayeux::json::decode_string(&raw);
            let _ = cometd_edge::test_support::bayeux::json::integer(&raw);
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
