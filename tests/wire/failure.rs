//! Texts of errors.

use cometd_edge::bayeux::Failure;

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
