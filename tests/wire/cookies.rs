//! A jar that goes from one client to the next: X4, X3, X2.

use cometd_edge::Instant;
use cometd_edge::test_support::http::{Endpoint, Jar, check_header};
use proptest::prelude::*;

/// 2024-05-01T00:00:00Z.
const NOW: u64 = 1_714_521_600_000;
const URL: &str = "https://my.example.com/cometd/61.0";

fn endpoint(href: &str) -> Endpoint {
    Endpoint::parse(href).unwrap_or_else(|error| panic!("{href}: {error}"))
}

fn written(jar: &Jar) -> String {
    let mut out = String::from("[");
    jar.write(&mut out);
    out.push(']');
    assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
    out
}

fn read(raw: &str) -> Option<Jar> {
    Jar::read(raw, Instant::from_millis(5))
}

#[test]
fn x4_a_jar_that_was_written_reads_back_the_same() {
    let (mut jar, at) = (Jar::new(), endpoint(URL));
    for cookie in [
        "plain=1",
        "quoted=\"a b\\\"; Path=/",
        "sfdc-stream=!aB+/c=d==; Path=/; Secure; Expires=Wed, 01-May-2024 03:00:00 GMT",
        "wide=1; Domain=example.com; Path=/cometd",
        "soon=1; Max-Age=60",
        "tab=a\tb",
        "latin=é",
        "empty=",
    ] {
        jar.store(cookie, &at, Instant::from_millis(0), NOW);
    }
    assert_eq!(jar.len(), 8);
    let text = written(&jar);
    let again = read(&text).expect("a jar");
    assert_eq!((again.len(), written(&again)), (8, text));
    for href in [
        URL,
        "https://my.example.com/",
        "https://my.example.com/cometd",
        "https://other.example.com/cometd/61.0",
        "https://example.com/cometd/61.0",
        "http://my.example.com/cometd/61.0",
        "https://evil.test/cometd/61.0",
    ] {
        for later in [0, 59_999, 60_000, 3 * 3_600_000, u64::MAX / 2] {
            let now = NOW.saturating_add(later);
            assert_eq!(
                again.header(&endpoint(href), now),
                jar.header(&endpoint(href), now),
                "{href} {later}"
            );
        }
    }
}

#[test]
fn x4_an_empty_jar_is_an_empty_array() {
    assert_eq!(written(&Jar::new()), "[]");
    assert!(read("[]").expect("a jar").is_empty());
    assert!(read("[ ]").expect("a jar").is_empty());
}

#[test]
fn x4_a_cookie_of_the_next_answer_takes_the_place_of_one_that_was_read() {
    let (mut jar, at) = (Jar::new(), endpoint(URL));
    jar.store("sid=old; Path=/", &at, Instant::from_millis(0), NOW);
    let mut jar = read(&written(&jar)).expect("a jar");
    jar.store("sid=new; Path=/", &at, Instant::from_millis(9), NOW);
    assert_eq!(jar.header(&at, NOW).as_deref(), Some("sid=new"));
}

#[test]
fn x3_what_is_no_jar_is_refused() {
    let long = format!(r#"[["a","{}","my.example.com","/","h"]]"#, "b".repeat(4_096));
    for raw in [
        "{}",
        "null",
        "\"[]\"",
        "5",
        "",
        "[1]",
        "[[]]",
        "[{}]",
        r#"["a"]"#,
        r#"[["a","b","my.example.com","/"]]"#,
        r#"[["a","b","my.example.com",5,"h"]]"#,
        // What would break out of its header, or of its place in it.
        r#"[["a","b\r\nc","my.example.com","/","h"]]"#,
        r#"[["a\u0000","b","my.example.com","/","h"]]"#,
        r#"[["a","\u0100","my.example.com","/","h"]]"#,
        r#"[["a","b; c=d","my.example.com","/","h"]]"#,
        r#"[["a=b","c","my.example.com","/","h"]]"#,
        r#"[["","b","my.example.com","/","h"]]"#,
        &long,
    ] {
        assert!(read(raw).is_none(), "{raw}");
    }
}

#[test]
fn x3_64_cookies_are_read_and_no_more() {
    let one = r#"["a","b","my.example.com","/","h"]"#;
    let many = format!("[{}]", vec![one; 100].join(","));
    assert_eq!(read(&many).expect("a jar").len(), 64);
}

#[test]
fn x2_debug_of_a_jar_that_was_read_shows_names_only() {
    let jar = read(r#"[["sid","s3cret","my.example.com","/","h"]]"#).expect("a jar");
    assert_eq!(format!("{jar:?}"), "[\"sid\"]");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn x4_whatever_was_stored_reads_back(cookies in prop::collection::vec("[a-c\"\\\\é]{1,3}=[a-c=\"\\\\é ,]{0,9}(; Path=/[a-c]?)?(; Max-Age=[0-9]{1,3})?(; Secure)?", 0..9)) {
        let (mut jar, at) = (Jar::new(), endpoint(URL));
        for cookie in &cookies {
            jar.store(cookie, &at, Instant::from_millis(0), NOW);
        }
        let again = read(&written(&jar)).expect("a jar");
        prop_assert_eq!(again.len(), jar.len());
        prop_assert_eq!(again.header(&at, NOW), jar.header(&at, NOW));
    }

    #[test]
    fn x3_no_text_makes_the_reader_panic_or_a_header_break(parts in prop::collection::vec("[\\x00-\\x7fé€]{0,6}", 0..7), raw in "[\\[\\]\",\\\\a-c{}:0-9 ]{0,40}") {
        let _ = read(&raw);
        let text = serde_json::to_string(&[parts]).expect("JSON");
        if let Some(header) = read(&text).and_then(|jar| jar.header(&endpoint(URL), NOW)) {
            prop_assert_eq!(check_header("cookie", &header), Ok(()));
        }
    }
}
