use super::*;

/// Dialects: plain, plain with tokens, Salesforce.
fn dialect(name: &str, retry: &'static Retry, connected_once: bool) -> Circumstances<'static> {
    let (auth, salesforce) = match name {
        "plain" => (false, false),
        "auth" => (true, false),
        _ => (true, true),
    };
    Circumstances { auth, salesforce, connected_once, retry, interval_ms: 7 }
}

fn retry_options() -> &'static Retry {
    Box::leak(Box::new(Retry { initial_delay_ms: 1_000, max_delay_ms: 30_000, ..Retry::default() }))
}

fn plain() -> Circumstances<'static> {
    dialect("plain", retry_options(), true)
}

fn salesforce() -> Circumstances<'static> {
    dialect("salesforce", retry_options(), true)
}

fn auth() -> Circumstances<'static> {
    dialect("auth", retry_options(), true)
}

fn first(circumstances: Circumstances<'static>) -> Circumstances<'static> {
    Circumstances { connected_once: false, ..circumstances }
}

fn failure(text: &str) -> Failure {
    Failure::parse(text)
}

fn advice(raw: &str) -> Advice {
    Advice::parse(raw, "long-polling")
}

/// A verdict in a word or two.
fn short(verdict: Verdict) -> String {
    let fate = |fate: Fate| match fate {
        Fate::Alive => "alive",
        Fate::ResponseLost => "lost",
        Fate::Gone => "gone",
        Fate::Unknown(_) => "unknown",
    };
    match verdict {
        Verdict::PollAgain => "poll".to_owned(),
        Verdict::Nothing => "nothing".to_owned(),
        Verdict::Begin => "begin".to_owned(),
        Verdict::Retry { error, at_least_ms } => format!("retry {} {at_least_ms}", error.code()),
        Verdict::NewSession { error, at_least_ms, fate: of } => {
            format!("session {} {at_least_ms} {}", error.code(), fate(of))
        }
        Verdict::NewToken { error, fate: of } => format!("token {} {}", error.code(), fate(of)),
        Verdict::End { error, fate: of } => format!("end {} {}", error.code(), fate(of)),
    }
}

fn handshake(of: Circumstances<'_>, successful: bool, error: &str, raw_advice: &str) -> String {
    let advice = advice(raw_advice);
    let failure = (!successful).then(|| failure(error));
    let reply =
        HandshakeReply { successful, failure, advice: &advice, has_client_id: true, other_transports: None };
    short(of.handshake_ended(Some(reply)))
}

#[test]
fn handshakes_that_arrive_whole() {
    const NONE: &str = r#"{"reconnect":"none"}"#;
    let table = [
        (handshake(plain(), true, "", "{}"), "begin"),
        (handshake(plain(), true, "", NONE), "end server-ended alive"),
        (handshake(plain(), true, "", r#"{"interval":-1}"#), "end server-ended alive"),
        (handshake(plain(), true, "", r#"{"interval":0}"#), "begin"),
        (handshake(plain(), true, "", r#"{"reconnect":"handshake","interval":9}"#), "retry protocol 9"),
        (
            handshake(plain(), true, "", r#"{"reconnect":"handshake","interval":-9}"#),
            "end server-ended alive",
        ),
        (handshake(plain(), false, "400::no", "{}"), "retry handshake-refused 0"),
        (handshake(plain(), false, "400::no", r#"{"interval":9}"#), "retry handshake-refused 9"),
        (handshake(plain(), false, "400::no", NONE), "end handshake-refused alive"),
        (handshake(plain(), false, "401::no", "{}"), "retry unauthorized 0"),
        (handshake(auth(), false, "401::no", "{}"), "token unauthorized gone"),
        (handshake(auth(), false, "401::no", NONE), "token unauthorized gone"),
        (handshake(plain(), false, "503::busy", NONE), "end server-busy alive"),
        (handshake(salesforce(), false, "503::busy", NONE), "retry server-busy 1000"),
        (handshake(salesforce(), false, "503::busy", r#"{"interval":2000}"#), "retry server-busy 2000"),
        (handshake(salesforce(), false, "400::no", NONE), "end handshake-refused alive"),
        (short(plain().handshake_ended(None)), "retry protocol 0"),
    ];
    for (index, (found, expected)) in table.iter().enumerate() {
        assert_eq!(found, expected, "row {index}");
    }
}

#[test]
fn handshakes_that_cannot_be_used() {
    let verdict = |of: Circumstances<'_>, advice: &Advice, has_client_id, offered: Option<&str>| {
        short(of.handshake_ended(Some(HandshakeReply {
            successful: true,
            failure: None,
            advice,
            has_client_id,
            other_transports: offered.map(str::to_owned),
        })))
    };
    let (none, nine) = (advice(r#"{"reconnect":"none"}"#), advice(r#"{"interval":9}"#));
    assert_eq!(verdict(plain(), &nine, false, None), "retry protocol 9");
    assert_eq!(verdict(plain(), &nine, true, Some("websocket")), "retry no-transport 9");
    assert_eq!(verdict(plain(), &none, true, Some("websocket")), "end no-transport alive");
    assert_eq!(verdict(first(plain()), &nine, true, Some("websocket")), "end no-transport alive");
}

#[test]
fn handshakes_that_fail_on_the_way() {
    let failed = |of: Circumstances<'_>, error: Error| short(of.handshake_failed(error, 5));
    let table = [
        (failed(plain(), Error::HttpStatus(404)), "retry http-status 5"),
        (failed(first(plain()), Error::HttpStatus(404)), "end http-status alive"),
        (failed(first(plain()), Error::HttpStatus(399)), "retry http-status 5"),
        (failed(first(plain()), Error::HttpStatus(408)), "retry http-status 5"),
        (failed(first(plain()), Error::HttpStatus(429)), "retry http-status 5"),
        (failed(first(plain()), Error::HttpStatus(500)), "retry http-status 5"),
        (failed(first(plain()), Error::HttpStatus(401)), "end http-status alive"),
        (failed(first(auth()), Error::HttpStatus(401)), "token unauthorized gone"),
        (failed(first(plain()), Error::NotBayeux), "end not-bayeux alive"),
        (failed(first(plain()), Error::Redirect), "end redirect alive"),
        (failed(first(plain()), Error::NotAResponse("x")), "end not-a-response alive"),
        (failed(first(plain()), Error::Timeout { after_ms: 1 }), "retry timeout 5"),
        (failed(plain(), Error::NotBayeux), "retry not-bayeux 5"),
    ];
    for (index, (found, expected)) in table.iter().enumerate() {
        assert_eq!(found, expected, "row {index}");
    }
}

fn connect(of: Circumstances<'_>, successful: bool, error: &str, advised: Option<Reconnect>) -> String {
    let failure = (!successful).then(|| failure(error));
    short(of.connect_ended(ConnectReply { successful: Some(successful), failure, advised, disconnect: None }))
}

#[test]
fn polls_that_arrive_whole() {
    use Reconnect::{Handshake, None as Never, Retry as Again};
    let table = [
        (connect(plain(), true, "", None), "poll"),
        (connect(plain(), true, "", Some(Again)), "poll"),
        (connect(plain(), true, "", Some(Handshake)), "session protocol 7 gone"),
        (connect(plain(), true, "", Some(Never)), "end server-ended alive"),
        (connect(plain(), false, "500::no", None), "retry connect-refused 7"),
        (connect(plain(), false, "503::busy", None), "retry server-busy 1000"),
        (connect(plain(), false, "402::unknown", None), "session unknown-client 7 unknown"),
        (connect(plain(), false, "402::unknown", Some(Handshake)), "session unknown-client 7 unknown"),
        (connect(plain(), false, "402::unknown", Some(Never)), "end server-ended gone"),
        (connect(first(plain()), false, "402::unknown", Some(Never)), "session unknown-client 7 unknown"),
        (connect(first(plain()), false, "500::no", Some(Never)), "end server-ended alive"),
        (connect(plain(), false, "500::no", Some(Handshake)), "session connect-refused 7 unknown"),
        (connect(plain(), false, "401::no", None), "retry unauthorized 7"),
        (connect(auth(), false, "401::no", None), "token unauthorized alive"),
        (connect(auth(), false, "401::no", Some(Handshake)), "token unauthorized alive"),
        (connect(plain(), false, "401::no", Some(Never)), "end unauthorized alive"),
        (connect(auth(), false, "401::no", Some(Never)), "token unauthorized gone"),
        (connect(auth(), false, "402::unknown", Some(Never)), "end server-ended gone"),
        (connect(salesforce(), false, "402::unknown", Some(Never)), "token server-ended gone"),
        (connect(salesforce(), false, "503::busy", Some(Never)), "session server-busy 1000 alive"),
        (connect(auth(), false, "503::busy", Some(Never)), "end server-busy alive"),
        (connect(salesforce(), false, "500::no", Some(Never)), "end server-ended alive"),
        (short(plain().connect_ended(ConnectReply::default())), "retry protocol 0"),
    ];
    for (index, (found, expected)) in table.iter().enumerate() {
        assert_eq!(found, expected, "row {index}");
    }
}

#[test]
fn s12_disconnects_of_the_server() {
    use Reconnect::{Handshake, None as Never, Retry as Again};
    let verdict = |of: Circumstances<'_>, own, advised, error: Option<&str>| {
        short(of.connect_ended(ConnectReply {
            successful: Some(true),
            failure: error.map(failure),
            advised,
            disconnect: Some(own),
        }))
    };
    let table = [
        (verdict(plain(), None, None, None), "end server-ended gone"),
        (verdict(plain(), None, Some(Again), None), "retry server-ended 7"),
        (verdict(plain(), Some(Never), Some(Again), None), "end server-ended gone"),
        (verdict(plain(), Some(Handshake), None, None), "session server-ended 7 gone"),
        (verdict(plain(), Some(Again), None, None), "retry server-ended 7"),
        (verdict(salesforce(), None, None, Some("503::busy")), "session server-busy 1000 gone"),
        (verdict(salesforce(), None, None, Some("401::no")), "token unauthorized gone"),
        (
            short(plain().commands_ended(Some((Some(Handshake), None)), None, None)),
            "session server-ended 7 gone",
        ),
        (short(plain().commands_ended(Some((None, None)), None, None)), "end server-ended gone"),
    ];
    for (index, (found, expected)) in table.iter().enumerate() {
        assert_eq!(found, expected, "row {index}");
    }
}

#[test]
fn polls_and_commands_that_fail_on_the_way() {
    let poll = |of: Circumstances<'_>, error, lost| short(of.connect_failed(error, 3, lost));
    let commands = |of: Circumstances<'_>, error, unknown: Option<&str>, lost| {
        short(of.commands_failed(error, 3, unknown.map(failure), lost))
    };
    let table = [
        (poll(plain(), Error::Redirect, false), "retry redirect 7"),
        (short(plain().connect_failed(Error::Redirect, 9, false)), "retry redirect 9"),
        (poll(plain(), Error::Redirect, true), "session redirect 3 lost"),
        (poll(plain(), Error::HttpStatus(401), false), "retry http-status 7"),
        (poll(auth(), Error::HttpStatus(401), true), "token unauthorized alive"),
        (commands(plain(), Error::Redirect, None, false), "nothing"),
        (commands(plain(), Error::Redirect, None, true), "session redirect 3 lost"),
        (commands(auth(), Error::HttpStatus(401), None, true), "token unauthorized alive"),
        (commands(plain(), Error::HttpStatus(401), None, false), "nothing"),
        (commands(auth(), Error::HttpStatus(401), Some("402::x"), true), "session unknown-client 0 unknown"),
    ];
    for (index, (found, expected)) in table.iter().enumerate() {
        assert_eq!(found, expected, "row {index}");
    }
}

#[test]
fn commands_that_arrive_whole() {
    let table = [
        (plain().commands_ended(None, None, None), "nothing"),
        (plain().commands_ended(None, None, Some(failure("402::x"))), "session unknown-client 0 unknown"),
        (auth().commands_ended(None, Some(failure("401::x")), None), "token unauthorized alive"),
        (
            auth().commands_ended(None, Some(failure("401::x")), Some(failure("402::x"))),
            "token unauthorized alive",
        ),
    ];
    for (found, expected) in table {
        assert_eq!(short(found), expected);
    }
}

#[test]
fn s10_without_logins_no_failure_is_about_the_token() {
    assert!(auth().is_unauthorized(&failure("401::no")) && !plain().is_unauthorized(&failure("401::no")));
    assert!(!auth().is_unauthorized(&failure("402::unknown")));
}

#[test]
fn an_error_says_what_the_server_said() {
    let verdict = plain().connect_ended(ConnectReply {
        successful: Some(false),
        failure: Some(failure("402::gone")),
        ..ConnectReply::default()
    });
    let failure = failure("402::gone");
    let error = Error::UnknownClient(failure.clone());
    assert_eq!(verdict, Verdict::NewSession { error, at_least_ms: 7, fate: Fate::Unknown(failure) });
}

#[test]
fn words_that_mean_an_unknown_session() {
    let table = [
        ("402::Unknown client", true, true),
        ("403::Unknown client", true, true),
        ("400::established a session without cookie", true, true),
        ("400::whatever", false, true),
        ("whatever", false, true),
        ("500::whatever", false, false),
        ("503::busy", false, false),
        ("401::no", false, false),
    ];
    for (text, gone, unknown) in table {
        assert_eq!((is_gone(&failure(text)), may_mean_unknown(&failure(text))), (gone, unknown), "{text}");
    }
}

#[test]
fn s11_limits_are_not_hammered() {
    let pause = |text: &str| pause_ms(&failure(text), retry_options());
    assert_eq!(pause("503::busy"), 1_000);
    assert_eq!(pause("403::concurrent user limit exceeded"), 30_000);
    assert_eq!(pause("403::Organization total events daily limit exceeded"), 300_000);
    assert_eq!(pause("400::whatever"), 0);
}

#[test]
fn a_refusal_is_a_status_of_the_client_s_fault() {
    for (status, refusal) in
        [(399, false), (400, true), (407, true), (408, false), (409, true), (499, true), (500, false)]
    {
        assert_eq!(is_refusal(&Error::HttpStatus(status)), refusal, "{status}");
    }
    assert!(!is_refusal(&Error::NotBayeux));
}

#[test]
fn s6_a_negative_interval_forbids_to_retry() {
    let table = [
        ("{}", Reconnect::Retry),
        (r#"{"interval":-1}"#, Reconnect::None),
        (r#"{"interval":0}"#, Reconnect::Retry),
        (r#"{"reconnect":"retry","interval":-1}"#, Reconnect::None),
        (r#"{"reconnect":"handshake","interval":-1}"#, Reconnect::Handshake),
        (r#"{"reconnect":"none"}"#, Reconnect::None),
    ];
    for (raw, expected) in table {
        assert_eq!(wanted(&advice(raw)), expected, "{raw}");
    }
}
