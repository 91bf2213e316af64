//! What the server advises.

use cometd_edge::bayeux::{Advice, Reconnect};

use crate::message::message;

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
