//! JSON that is read and written in place.

use cometd_edge::test_support::bayeux::json;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn integers_are_read_from_every_form_of_number() {
    for (raw, value) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("15", Some(15)),
        ("1.99", Some(1)),
        ("-1.99", Some(-1)),
        ("1.5e3", Some(1_500)),
        ("1500e-3", Some(1)),
        ("15E-5", Some(0)),
        ("0.00015e5", Some(15)),
        ("1e-99999999999999999999", Some(0)),
        ("0e99999999999999999999", Some(0)),
        ("1e99999999999999999999", Some(i64::MAX)),
        ("-1e400", Some(-i64::MAX)),
        ("9223372036854775807", Some(i64::MAX)),
        ("\" 20 \"", Some(20)),
        ("\"1e2\"", Some(100)),
        ("\"0x10\"", None),
        ("\"-\"", None),
        ("true", None),
        ("", None),
        ("[1]", None),
    ] {
        assert_eq!(json::integer(raw), value, "{raw}");
    }
    assert_eq!(
        [json::as_u64("18446744073709551615"), json::as_u64("18446744073709551616")],
        [Some(u64::MAX), None]
    );
    assert_eq!([json::as_u64(""), json::as_u64("-1"), json::as_u64("1.0")], [None; 3]);
    assert_eq!([json::as_i64("-9223372036854775808"), json::as_i64("-12")], [Some(i64::MIN), Some(-12)]);
    assert_eq!([json::as_i64("9223372036854775808"), json::as_i64("--1"), json::as_i64("-")], [None; 3]);
}

#[test]
fn text_handed_in_is_validated_whole() {
    for (text, depth, valid) in [
        (" {\"a\":[1]} ", 2, true),
        ("{\"a\":[1]}", 1, false),
        ("17", 0, true),
        ("17 ", 0, true),
        ("-", 0, false),
        ("[", 9, false),
        ("[] []", 9, false),
        ("1,", 9, false),
        ("\"a", 9, false),
    ] {
        assert_eq!(json::validate(text, depth), valid, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn written_strings_read_back_the_same(text in any::<String>()) {
        let mut raw = String::new();
        json::push_string(&mut raw, &text);
        prop_assert_eq!(&serde_json::from_str::<String>(&raw).expect("valid"), &text);
        prop_assert_eq!(json::decode_string(&raw).expect("a string"), text.as_str());
        let theirs = serde_json::to_string(&text).expect("text");
        prop_assert_eq!(json::decode_string(&theirs).expect("a string"), text.as_str());
    }

    #[test]
    fn strings_of_escapes_decode_as_serde_json_decodes_them(
        parts in prop::collection::vec(prop::sample::select(vec![
            "\\n", "\\\\", "\\\"", "\\/", "\\b", "\\f", "\\u0000", "\\u00e9", "\\ud83d", "\\ude00", "\\ud83d\\ude00", "u", "é", "x",
        ]), 0..8),
    ) {
        let raw = format!("\"{}\"", parts.concat());
        prop_assert!(json::validate(&raw, 0));
        let ours = json::decode_string(&raw).expect("a string").into_owned();
        match serde_json::from_str::<String>(&raw) {
            Ok(theirs) => prop_assert_eq!(ours, theirs),
            // Only lone surrogates are refused there.
            Err(_) => prop_assert!(ours.contains(char::REPLACEMENT_CHARACTER)),
        }
    }

    #[test]
    fn members_and_elements_are_those_that_serde_json_sees(
        keys in prop::collection::vec("[a-c\"\\\\{}:, ]{0,3}", 0..6), numbers in prop::collection::vec(any::<i32>(), 6),
    ) {
        let values: Vec<Value> = numbers.iter().map(|n| json!([n, {"x": "]}"}, "\\\""])).collect();
        let object: serde_json::Map<String, Value> = keys.into_iter().zip(values.clone()).collect();
        for raw in [serde_json::to_string(&object), serde_json::to_string_pretty(&object)] {
            let raw = raw.expect("valid");
            let seen = json::members(&raw).map(|(key, value)| {
                (json::decode_string(key).expect("a key").into_owned(), serde_json::from_str::<Value>(value).expect("a value"))
            });
            prop_assert_eq!(seen.collect::<serde_json::Map<_, _>>(), object.clone());
        }
        let raw = serde_json::to_string_pretty(&values).expect("valid");
        let seen: Vec<Value> = json::elements(&raw).map(|raw| serde_json::from_str(raw).expect("valid")).collect();
        prop_assert_eq!(seen, values);
    }
}
