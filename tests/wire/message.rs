//! What is read out of one message.

use cometd_edge::bayeux::{Ack, Failure, Message, Reconnect};

pub fn message(raw: &str) -> Message {
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
