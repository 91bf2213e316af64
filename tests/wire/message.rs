//! What is read out of one message, and what is written into one.

use cometd_edge::bayeux::{Ack, Advice, Failure, Message, Reconnect, json, write};
use proptest::prelude::*;
use serde_json::{Value, json};

fn message(raw: &str) -> Message {
    Message::parse(raw.to_owned()).unwrap_or_else(|| panic!("valid: {raw}"))
}

fn slice(message: &Message, range: Option<std::ops::Range<usize>>) -> Option<&str> {
    range.map(|range| message.raw().get(range).expect("within the text"))
}

#[test]
fn only_one_object_is_a_message() {
    for raw in ["", "[]", "{", "{}{}", "{} x", "null", "1", "\"{}\"", "{\"a\":}", "\u{feff}{}"] {
        assert!(Message::parse(raw.to_owned()).is_none(), "{raw}");
    }
    assert_eq!(message(" {\"a\":1}\n").raw(), "{\"a\":1}");
    assert_eq!(message("{}").into_raw(), "{}");
}

#[test]
fn a_handshake_reply_of_salesforce_is_read_whole() {
    let reply = message(
        r#"{"ext":{"replay":true,"payload.format":true},"minimumVersion":"1.0","clientId":"3ax8o1","supportedConnectionTypes":["long-polling",7,"websocket"],"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}"#,
    );
    assert_eq!(reply.channel(), Some("/meta/handshake"));
    assert_eq!(reply.id(), Some("1"));
    assert_eq!(reply.client_id(), Some("\"3ax8o1\""));
    assert_eq!(reply.successful(), Some(true));
    assert_eq!(reply.connection_types(), Some(vec!["long-polling".to_owned(), "websocket".to_owned()]));
    assert_eq!((reply.advice(), reply.ack(), reply.error(), reply.data()), (None, None, None, None));
    assert!(reply.is_meta() && !reply.is_event());
}

#[test]
fn s11_the_failure_reason_is_found_beside_the_error() {
    let reply = message(
        r#"{"ext":{"sfdc":{"failureReason":"401::Authentication invalid"},"replay":true},"advice":{"reconnect":"none"},"channel":"/meta/handshake","error":"403::Handshake denied","successful":false}"#,
    );
    assert_eq!(reply.failure_reason().as_deref(), Some("401::Authentication invalid"));
    assert_eq!(reply.error().as_deref(), Some("403::Handshake denied"));
    assert_eq!(reply.successful(), Some(false));
    assert_eq!(reply.advice().and_then(|advice| advice.reconnect), Some(Reconnect::None));
    for raw in ["{}", r#"{"ext":null}"#, r#"{"ext":{"sfdc":[]}}"#, r#"{"ext":{"sfdc":{"failureReason":7}}}"#]
    {
        assert_eq!(message(raw).failure_reason(), None, "{raw}");
    }
}

#[test]
fn s14_a_reply_without_id_and_channel_has_neither() {
    let reply = message(r#"{"error":"401::Request requires authentication","successful":false}"#);
    assert_eq!((reply.channel(), reply.id(), reply.client_id()), (None, None, None));
    assert!(!reply.is_meta() && !reply.is_event());
}

#[test]
fn ids_may_be_strings_or_numbers_and_client_ids_stay_raw() {
    for (raw, id) in [
        ("7", Some("7")),
        ("\"7\"", Some("7")),
        ("\"a\\u0062\"", Some("ab")),
        ("\"\"", Some("")),
        ("-1", Some("-1")),
    ] {
        assert_eq!(message(&format!("{{\"id\":{raw}}}")).id(), id);
    }
    for raw in ["null", "true", "[1]", "{}"] {
        assert_eq!(message(&format!("{{\"id\":{raw}}}")).id(), None);
    }
    for (raw, id) in
        [("\"a\\/b\"", Some("\"a\\/b\"")), ("12", Some("12")), ("\"\"", None), ("null", None), ("{}", None)]
    {
        assert_eq!(message(&format!("{{\"clientId\":{raw}}}")).client_id(), id);
    }
}

#[test]
fn escapes_in_a_channel_are_decoded_and_such_a_channel_has_no_span() {
    let plain = message(r#"{ "channel" : "/a/é" , "data" : 1 }"#);
    assert_eq!(slice(&plain, plain.channel_span()), Some("/a/é"));
    let escaped = message(r#"{"channel":"\/meta\/conn\u0065ct"}"#);
    assert_eq!((escaped.channel(), escaped.channel_span()), (Some("/meta/connect"), None));
    assert!(escaped.is_meta());
    let lone = message(r#"{"channel":"/\ud800/\ud83d\ude00"}"#);
    assert_eq!(lone.channel(), Some("/\u{fffd}/😀"));
    assert_eq!(message(r#"{"channel":7}"#).channel(), None);
}

#[test]
fn an_event_has_data_and_no_successful_and_no_meta_channel() {
    for (raw, event) in [
        (r#"{"channel":"/a","data":{}}"#, true),
        (r#"{"channel":"/a","data":null,"id":"3","clientId":"x"}"#, true),
        (r#"{"channel":"/service/a","data":1}"#, true),
        (r#"{"channel":"/metadata","data":1}"#, true),
        (r#"{"channel":"/a","data":{},"successful":true}"#, false),
        (r#"{"channel":"/a","successful":true,"id":"1"}"#, false),
        (r#"{"channel":"/a"}"#, false),
        (r#"{"data":{}}"#, false),
        (r#"{"channel":"/meta/connect","data":{}}"#, false),
        (r#"{"channel":"\/meta\/connect","data":{}}"#, false),
    ] {
        assert_eq!(message(raw).is_event(), event, "{raw}");
    }
}

#[test]
fn r1_replay_ids_are_spans_of_the_text_digit_for_digit() {
    for (raw, replay_id) in [
        ("17", Some("17")),
        ("-2", Some("-2")),
        ("123456789012345678901234567890", Some("123456789012345678901234567890")),
        ("\"AAEC\"", Some("AAEC")),
        ("\"\"", None),
        ("\"a\\u0062\"", None),
        ("null", None),
        ("{\"replayId\":1}", None),
        ("[1]", None),
    ] {
        let text = format!(
            "{{\"data\":{{\"schema\":\"x\",\"event\":{{\"a\":[{{\"replayId\":9}}],\"replayId\" : {raw} }}}},\"channel\":\"/e\"}}"
        );
        let message = message(&text);
        assert_eq!(slice(&message, message.replay_id()), replay_id, "{raw}");
    }
    for raw in [
        r#"{"replayId":1}"#,
        r#"{"data":{"replayId":1}}"#,
        r#"{"event":{"replayId":1}}"#,
        r#"{"data":[{"event":{"replayId":1}}]}"#,
        r#"{"x":{"data":{"event":{"replayId":1}}}}"#,
        r#"{"data":{"event":[{"replayId":1}]}}"#,
        r#"{"data":{"x":{"event":{"replayId":1}}}}"#,
    ] {
        assert_eq!(message(raw).replay_id(), None, "{raw}");
    }
}

#[test]
fn spans_of_data_and_creation_date_cut_out_what_they_name() {
    let event = message(
        r#"{"channel":"/topic/T","data": {"event":{"createdDate":"2024-05-01T10:00:00Z","replayId":3},"sobject":{"a":"}"}} ,"id":1}"#,
    );
    let data = slice(&event, event.data()).expect("data");
    assert!(data.starts_with("{\"event\"") && data.ends_with("\"}\"}}"), "{data}");
    assert_eq!(slice(&event, event.created_date()), Some("2024-05-01T10:00:00Z"));
    assert_eq!(message(r#"{"data":{"event":{"createdDate":5}}}"#).created_date(), None);
}

#[test]
fn of_two_members_of_one_name_the_last_counts() {
    let twice = message(
        r#"{"channel":"/a","channel":"/b","id":1,"id":"2","data":{"event":{"replayId":1}},"data":{"event":{"replayId":2},"event":{}},"successful":false,"successful":"x"}"#,
    );
    assert_eq!(
        (twice.channel(), twice.id(), twice.replay_id(), twice.successful()),
        (Some("/b"), Some("2"), None, None)
    );
    let uuids = [
        r#"{"data":{"event":{"EventUuid":"a","replayId":1}},"data":{"event":{"replayId":2}}}"#,
        r#"{"data":{"event":{"EventUuid":"a"},"event":{"replayId":2}}}"#,
        r#"{"data":{"event":{"EventUuid":"a"}},"data":1}"#,
    ];
    assert_eq!(uuids.map(|raw| message(raw).event_uuid().map(str::to_owned)), [None, None, None]);
    assert_eq!(message(r#"{"channel":"\/a","channel":7}"#).channel(), None);
    assert_eq!(message(r#"{"ext":{"ack":1,"ack":2}}"#).ack(), Some(Ack::Number("2".into())));
    assert_eq!(message(r#"{"ext":{"ack":1},"ext":{}}"#).ack(), None);
}

#[test]
fn s15_the_subscription_of_a_reply_may_be_an_array() {
    for (raw, subscription) in
        [("\"/a\"", Some("/a")), ("[\"\\/a\",\"/b\"]", Some("/a")), ("[]", None), ("[1]", None), ("1", None)]
    {
        assert_eq!(
            message(&format!("{{\"subscription\":{raw}}}")).subscription().as_deref(),
            subscription,
            "{raw}"
        );
    }
}

#[test]
fn a2_ack_may_be_a_boolean_an_object_or_a_number() {
    let batch = |enabled, batch: Option<&str>| Some(Ack::Batch { enabled, batch: batch.map(str::to_owned) });
    for (raw, ack) in [
        ("true", Some(Ack::Granted(true))),
        ("false", Some(Ack::Granted(false))),
        ("0", Some(Ack::Number("0".into()))),
        ("-1", Some(Ack::Number("-1".into()))),
        ("98765432109876543210", Some(Ack::Number("98765432109876543210".into()))),
        ("\"12\"", Some(Ack::Number("\"12\"".into()))),
        ("{\"enabled\":true,\"batch\":\"42\"}", batch(true, Some("\"42\""))),
        ("{\"enabled\":true,\"batch\":42}", batch(true, Some("42"))),
        ("{\"batch\":\"x\",\"enabled\":true}", batch(true, None)),
        ("{\"enabled\":1}", batch(false, None)),
        ("{}", batch(false, None)),
        ("1.5", None),
        ("\"1.5\"", None),
        ("\"\"", None),
        ("null", None),
        ("\"true\"", None),
        ("[1]", None),
    ] {
        assert_eq!(message(&format!("{{\"ext\":{{\"ack\":{raw}}}}}")).ack(), ack, "{raw}");
    }
    assert!(Ack::Granted(true).granted() && !Ack::Granted(false).granted());
    assert_eq!(Ack::Number("7".into()).number(), Some("7"));
    assert_eq!(batch(true, Some("0")).as_ref().and_then(Ack::number), Some("0"));
}

#[test]
fn x2_debug_shows_neither_data_nor_client_id() {
    let shown = format!("{:?}", message(r#"{"channel":"/a","clientId":"s3cret","data":"s3cret"}"#));
    assert!(shown.contains("/a") && !shown.contains("s3cret"), "{shown}");
    let shown = format!("{0:?} {0}", Failure::parse("402:s3cret:Unknown client"));
    assert!(shown.contains("402 Unknown client") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn s4_advice_is_read_leniently_and_its_section_wins() {
    let full = Advice {
        reconnect: Some(Reconnect::Retry),
        interval_ms: Some(2_000),
        timeout_ms: Some(110_000),
        max_interval_ms: Some(30_000),
        multiple_clients: true,
    };
    let none = Advice::default();
    let interval = |ms| Advice { interval_ms: Some(ms), ..Advice::default() };
    let timeout = |ms| Advice { timeout_ms: Some(ms), ..Advice::default() };
    let reconnect = |what| Advice { reconnect: Some(what), ..Advice::default() };
    for (raw, advice) in [
        (
            r#"{"interval":2000,"multiple-clients":true,"reconnect":"retry","timeout":110000,"maxInterval":30000}"#,
            full.clone(),
        ),
        (
            r#"{ "interval" : "2000" , "multiple-clients":true,"reconnect":"\u0072etry","timeout":110000.9,"maxInterval":3e4}"#,
            full,
        ),
        ("{}", none.clone()),
        (r#"{"reconnect":"none"}"#, reconnect(Reconnect::None)),
        (r#"{"reconnect":"handshake"}"#, reconnect(Reconnect::Handshake)),
        (r#"{"reconnect":"later"}"#, none.clone()),
        (r#"{"reconnect":"Retry"}"#, none.clone()),
        (
            r#"{"reconnect":null,"interval":null,"timeout":[],"maxInterval":{},"multiple-clients":1}"#,
            none.clone(),
        ),
        (r#"{"interval":-1}"#, interval(-1)),
        (r#"{"interval":"-1"}"#, interval(-1)),
        (r#"{"interval":0}"#, interval(0)),
        (r#"{"interval":-0.5}"#, interval(0)),
        (r#"{"interval":"soon"}"#, none.clone()),
        (r#"{"interval":""}"#, none.clone()),
        (r#"{"interval":1e300}"#, interval(2_147_483_647)),
        (r#"{"interval":99999999999999999999999}"#, interval(2_147_483_647)),
        (r#"{"timeout":-1,"maxInterval":-1}"#, none),
        (r#"{"timeout":12345678901}"#, timeout(2_147_483_647)),
        (r#"{"timeout":5,"long-polling":{"timeout":7}}"#, timeout(7)),
        (r#"{"long-polling":{"timeout":7},"timeout":5}"#, timeout(7)),
        (r#"{"timeout":5,"long-polling":{"timeout":"x"}}"#, timeout(5)),
        (r#"{"timeout":5,"long-polling":null,"callback-polling":{"timeout":9}}"#, timeout(5)),
        (
            r#"{"reconnect":"none","long-polling":{"reconnect":"retry","multiple-clients":false},"multiple-clients":true}"#,
            reconnect(Reconnect::Retry),
        ),
        (r#"{"timeout":5,"timeout":6}"#, timeout(6)),
    ] {
        assert_eq!(Advice::parse(raw, "long-polling"), advice, "{raw}");
        assert_eq!(message(&format!("{{\"advice\":{raw}}}")).advice(), Some(advice), "{raw}");
    }
    for raw in ["null", "[]", "\"retry\"", "7"] {
        assert_eq!(message(&format!("{{\"advice\":{raw}}}")).advice(), None, "{raw}");
    }
}

#[test]
fn error_texts_follow_the_grammar_or_are_free_text() {
    let cases: [(&str, u16, &[&str], &str); 22] = [
        ("401::Authentication invalid", 401, &[], "Authentication invalid"),
        ("403::Unknown client", 403, &[], "Unknown client"),
        ("403:denied_by_security_policy:create_denied", 403, &["denied_by_security_policy"], "create_denied"),
        ("402:xj3sjdsjdsjad:Unknown Client ID", 402, &["xj3sjdsjdsjad"], "Unknown Client ID"),
        (
            "403:xj3sjdsjdsjad,/foo/bar:Subscription denied",
            403,
            &["xj3sjdsjdsjad", "/foo/bar"],
            "Subscription denied",
        ),
        ("404:/foo/bar:Unknown Channel", 404, &["/foo/bar"], "Unknown Channel"),
        ("400::Channel must start with '/'", 400, &[], "Channel must start with '/'"),
        ("400::a: b::c", 400, &[], "a: b::c"),
        (
            "503::Server is too busy.  Please try your request again later.",
            503,
            &[],
            "Server is too busy.  Please try your request again later.",
        ),
        (
            "400::The replayId {123} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.",
            400,
            &[],
            "The replayId {123} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.",
        ),
        (
            "403::Organization total events daily limit exceeded",
            403,
            &[],
            "Organization total events daily limit exceeded",
        ),
        ("402:", 402, &[], ""),
        ("402::", 402, &[], ""),
        ("402:unknown", 402, &[], "unknown"),
        ("SERVER_UNAVAILABLE", 0, &[], "SERVER_UNAVAILABLE"),
        ("413 Maximum Request Size Exceeded", 0, &[], "413 Maximum Request Size Exceeded"),
        ("", 0, &[], ""),
        ("403", 0, &[], "403"),
        ("40::x", 0, &[], "40::x"),
        ("4030::x", 0, &[], "4030::x"),
        ("é3::x", 0, &[], "é3::x"),
        ("+40::x", 0, &[], "+40::x"),
    ];
    for (text, code, args, rest) in cases {
        let failure = Failure::parse(text);
        assert_eq!((failure.code, failure.text.as_str()), (code, rest), "{text}");
        assert_eq!(failure.args, args, "{text}");
    }
}

#[test]
fn s9_unknown_clients_are_known_by_code_or_words() {
    for (text, unknown) in [
        ("402::Unknown client", true),
        ("402:abc:whatever", true),
        ("403::Unknown client", true),
        ("403::UNKNOWN CLIENT 1abc", true),
        ("403::session_unknown", true),
        ("403:session_unknown:denied", true),
        ("403:unknown_client:", true),
        ("401:abc:Unknown client", true),
        ("403::Handshake denied", false),
        ("403:denied_by_security_policy:subscribe_denied", false),
        ("401::Authentication invalid", false),
        ("404::Unknown channel", false),
        ("400::Unknown client", false),
        ("Unknown client", false),
    ] {
        assert_eq!(Failure::parse(text).is_unknown_client(), unknown, "{text}");
    }
}

#[test]
fn messages_are_written_in_the_order_of_the_specification() {
    let id = r#""c\/1""#;
    for (text, expected) in [
        (
            write::handshake("1", false, false),
            r#"{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}"#,
        ),
        (
            write::handshake("1", true, false),
            r#"{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"],"ext":{"ack":true}}"#,
        ),
        (
            write::connect("2", "7", None, None),
            r#"{"channel":"/meta/connect","id":"2","clientId":7,"connectionType":"long-polling"}"#,
        ),
        (
            write::connect("2", id, Some(0), Some("12345678901234567890")),
            r#"{"channel":"/meta/connect","id":"2","clientId":"c\/1","connectionType":"long-polling","advice":{"timeout":0},"ext":{"ack":12345678901234567890}}"#,
        ),
        (
            write::subscribe("3", id, "/topic/X?A='b\"'", None),
            r#"{"channel":"/meta/subscribe","id":"3","clientId":"c\/1","subscription":"/topic/X?A='b\"'"}"#,
        ),
        (
            write::unsubscribe("4", id, "/a/**"),
            r#"{"channel":"/meta/unsubscribe","id":"4","clientId":"c\/1","subscription":"/a/**"}"#,
        ),
        (
            write::publish("5", id, "/a\\b", "[1]"),
            r#"{"channel":"/a\\b","id":"5","clientId":"c\/1","data":[1]}"#,
        ),
        (write::disconnect("6", id), r#"{"channel":"/meta/disconnect","id":"6","clientId":"c\/1"}"#),
    ] {
        assert_eq!(text, expected);
        assert!(serde_json::from_str::<Value>(&text).is_ok());
    }
}

#[test]
fn raw_messages_get_the_id_and_client_id_that_they_lack() {
    for (text, expected) in [
        ("{}", r#"{"id":"9","clientId":"c"}"#),
        (" { } ", r#"{"id":"9","clientId":"c"}"#),
        (r#"{"channel":"/a" }"#, r#"{"channel":"/a","id":"9","clientId":"c"}"#),
        (r#"{"id":null,"a":[{}]}"#, r#"{"id":null,"a":[{}],"clientId":"c"}"#),
        (r#"{"\u0069d":1,"clientId":2}"#, r#"{"\u0069d":1,"clientId":2}"#),
        (r#"{"a":{"id":1}}"#, r#"{"a":{"id":1},"id":"9","clientId":"c"}"#),
        ("[1]", "[1]"),
    ] {
        assert_eq!(write::raw(text, "9", "\"c\""), expected, "{text}");
    }
}

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
