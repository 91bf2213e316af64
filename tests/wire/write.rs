//! What is written into a message.

use cometd_edge::test_support::bayeux::write;
use serde_json::Value;

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
