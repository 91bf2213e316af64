//! X3: what is over a bound is passed over, and costs no memory to speak of.

use cometd_edge::test_support::bayeux::{Bounds, DecodeError, Decoder};

use crate::decoding::*;

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
        assert!(!cometd_edge::test_support::bayeux::json::validate(&opener.repeat(1_000_000), 128));
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
