//! Endpoints, headers and cookies.

use cometd_edge::Instant;
use cometd_edge::http::{EndpointError, HeaderError};
use cometd_edge::test_support::http::{
    Endpoint, Jar, Outcome, check_header, parse_date, retry_after_ms, split_set_cookie,
};
use proptest::prelude::*;

/// 2024-05-01T00:00:00Z.
const NOW: u64 = 1_714_521_600_000;
const URL: &str = "https://my.example.com/cometd/61.0";

fn endpoint(href: &str) -> Endpoint {
    Endpoint::parse(href).unwrap_or_else(|error| panic!("{href}: {error}"))
}

#[test]
fn urls_are_taken_apart() {
    for (href, whole, origin, host, port, path) in [
        (URL, URL, "https://my.example.com", "my.example.com", 443, "/cometd/61.0"),
        ("http://h", "http://h/", "http://h", "h", 80, "/"),
        ("HTTPS://H.Example:443/A?b#c", "https://h.example/A?b", "https://h.example", "h.example", 443, "/A"),
        ("http://h:8080?x=/y", "http://h:8080/?x=/y", "http://h:8080", "h", 8080, "/"),
        ("http://h:443/", "http://h:443/", "http://h:443", "h", 443, "/"),
        ("http://h:/a#b?c/d", "http://h/a", "http://h", "h", 80, "/a"),
        ("http://[::1]:9/a", "http://[::1]:9/a", "http://[::1]:9", "[::1]", 9, "/a"),
        (
            "https://[2001:DB8::1]",
            "https://[2001:db8::1]/",
            "https://[2001:db8::1]",
            "[2001:db8::1]",
            443,
            "/",
        ),
        (
            "http://127.0.0.1:80/a@b:c",
            "http://127.0.0.1/a@b:c",
            "http://127.0.0.1",
            "127.0.0.1",
            80,
            "/a@b:c",
        ),
        (
            "http://xn--bcher-kva.example./",
            "http://xn--bcher-kva.example./",
            "http://xn--bcher-kva.example.",
            "xn--bcher-kva.example.",
            80,
            "/",
        ),
    ] {
        let endpoint = endpoint(href);
        assert_eq!((endpoint.href(), endpoint.origin(), endpoint.host()), (whole, origin, host), "{href}");
        assert_eq!((endpoint.port(), endpoint.path()), (port, path), "{href}");
    }
}

#[test]
fn what_is_no_endpoint_says_why() {
    for (href, error) in [
        ("", EndpointError::NotAbsolute),
        ("example.com/cometd", EndpointError::NotAbsolute),
        ("/cometd", EndpointError::NotAbsolute),
        ("https:example.com", EndpointError::NotAbsolute),
        ("//example.com/", EndpointError::NotAbsolute),
        ("ftp://example.com/", EndpointError::NotHttp),
        ("wss://example.com/", EndpointError::NotHttp),
        (" https://example.com/", EndpointError::NotHttp),
        ("https://user:pass@example.com/", EndpointError::HasCredentials),
        ("https://user@example.com/", EndpointError::HasCredentials),
        ("https://", EndpointError::BadHost),
        ("https:///path", EndpointError::BadHost),
        ("https://:80/", EndpointError::BadHost),
        ("https://a..b/", EndpointError::BadHost),
        ("https://.a/", EndpointError::BadHost),
        ("https://a%41/", EndpointError::BadHost),
        ("https://[]/", EndpointError::BadHost),
        ("https://[::1/", EndpointError::BadHost),
        ("https://[::g]/", EndpointError::BadHost),
        ("https://::1/", EndpointError::BadHost),
        ("https://h:0/", EndpointError::BadPort),
        ("https://h:65536/", EndpointError::BadPort),
        ("https://h:+80/", EndpointError::BadPort),
        ("https://h:8a/", EndpointError::BadPort),
        ("https://h:000080/", EndpointError::BadPort),
        ("https://bücher.example/", EndpointError::BadCharacter),
        ("https://h/a b", EndpointError::BadCharacter),
        ("https://h\\@evil/", EndpointError::BadCharacter),
        ("https://h/\r\nX: y", EndpointError::BadCharacter),
    ] {
        assert_eq!(Endpoint::parse(href), Err(error), "{href:?}");
    }
}

#[test]
fn x1_http_is_safe_to_loopback_only() {
    for (href, secure) in [
        ("https://example.com/", true),
        ("http://example.com/", false),
        ("http://localhost:80/", true),
        ("http://LOCALHOST/", true),
        ("http://a.localhost/", true),
        ("http://alocalhost/", false),
        ("http://localhost.evil.com/", false),
        ("http://127.0.0.1/", true),
        ("http://127.255.3.4/", true),
        ("http://127.0.0.1.evil.com/", false),
        ("http://127.0.0.256/", false),
        ("http://127.1/", false),
        ("http://128.0.0.1/", false),
        ("http://[::1]/", true),
        ("http://[::2]/", false),
    ] {
        assert_eq!(endpoint(href).is_secure(), secure, "{href}");
    }
}

#[test]
fn headers_that_would_break_a_request_are_refused() {
    for (name, value, result) in [
        ("X-Custom_1.2", "any text; with \"quotes\"\té", Ok(())),
        ("a", "", Ok(())),
        ("", "x", Err(HeaderError::Name)),
        ("a b", "x", Err(HeaderError::Name)),
        ("a:", "x", Err(HeaderError::Name)),
        ("é", "x", Err(HeaderError::Name)),
        ("a\n", "x", Err(HeaderError::Name)),
        ("a", "x\ny", Err(HeaderError::Value)),
        ("a", "x\r", Err(HeaderError::Value)),
        ("a", "\0", Err(HeaderError::Value)),
        ("a", "€", Err(HeaderError::Value)),
    ] {
        assert_eq!(check_header(name, value), result, "{name:?}: {value:?}");
    }
}

#[test]
fn retry_after_counts_in_seconds() {
    for (value, wait) in [
        ("0", Some(0)),
        (" 120 ", Some(120_000)),
        ("99999999999999999999999", Some(2_147_483_000)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
    ] {
        assert_eq!(retry_after_ms(value), wait, "{value}");
    }
}

fn jar(cookies: &[&str]) -> Jar {
    let (mut jar, at) = (Jar::new(), endpoint(URL));
    for cookie in cookies {
        assert_eq!(jar.store(cookie, &at, Instant::from_millis(0), NOW), Outcome::Stored, "{cookie}");
    }
    jar
}

fn stored(cookie: &str, href: &str) -> Outcome {
    Jar::new().store(cookie, &endpoint(href), Instant::from_millis(0), NOW)
}

fn header(jar: &Jar, href: &str) -> Option<String> {
    jar.header(&endpoint(href), NOW)
}

#[test]
fn x4_values_come_back_byte_for_byte() {
    for (cookie, sent) in [
        ("SID=31d4d96e407aad42", "SID=31d4d96e407aad42"),
        (
            "sfdc-stream=!aB+/c=d==; path=/; Expires=Wed, 01-May-2024 03:00:00 GMT; SameSite=None; Secure",
            "sfdc-stream=!aB+/c=d==",
        ),
        ("LSKey-c$CookieConsentPolicy=0:1; path=/", "LSKey-c$CookieConsentPolicy=0:1"),
        ("  a \t=  \"b c\"  ; HttpOnly", "a=\"b c\""),
        ("a=%20%zz,é", "a=%20%zz,é"),
        ("a=", "a="),
        ("a=b;", "a=b"),
        ("a=b; Expires=nonsense; Max-Age=x; Domain=; Path=cometd", "a=b"),
    ] {
        assert_eq!(header(&jar(&[cookie]), URL).as_deref(), Some(sent), "{cookie}");
    }
}

#[test]
fn x4_malformed_and_oversized_cookies_leave_the_jar_as_it_was() {
    let longest = format!("a={}", "x".repeat(4_095));
    assert_eq!(stored(&longest, URL), Outcome::Stored);
    for cookie in [
        "",
        ";",
        "a",
        "=b",
        " =b",
        "a; b=c",
        "a=b\r\nX: y",
        "a=b\0",
        "a=b\u{7f}",
        "a=b; Path=/\n",
        "a=€",
        &(longest + "x"),
        &format!("a={}", "x".repeat(100_000)),
    ] {
        assert_eq!(stored(cookie, URL), Outcome::Ignored, "{cookie:.40}");
    }
}

#[test]
fn x4_a_cookie_is_replaced_by_name_domain_and_path() {
    let mut jar = jar(&[
        "a=1; Path=/",
        "b=2; Path=/",
        "a=3; Path=/",
        "a=4; Path=/cometd",
        "A=5; Path=/",
        "a=6; Path=/; Domain=example.com",
    ]);
    assert_eq!(jar.len(), 5);
    // Longer paths first, then in the order of creation, which a new value does not change.
    assert_eq!(header(&jar, URL).as_deref(), Some("a=4; a=3; b=2; A=5; a=6"));
    let at = endpoint(URL);
    assert_eq!(jar.store("a=; Path=/cometd; Max-Age=0", &at, Instant::from_millis(1), NOW), Outcome::Deleted);
    assert_eq!(
        jar.store("b=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", &at, Instant::from_millis(1), NOW),
        Outcome::Deleted
    );
    assert_eq!(jar.store("gone=; Max-Age=-5", &at, Instant::from_millis(1), NOW), Outcome::Deleted);
    assert_eq!(header(&jar, URL).as_deref(), Some("a=3; A=5; a=6"));
    let others = jar.callers();
    assert_eq!((others.len(), others.is_empty(), header(&others, URL)), (0, true, None));
}

#[test]
fn x4_paths_match_whole_segments() {
    for (path, request, sent) in [
        ("/", "/", true),
        ("/", "/cometd/61.0", true),
        ("/cometd", "/cometd", true),
        ("/cometd", "/cometd/61.0", true),
        ("/cometd/", "/cometd/61.0", true),
        ("/cometd/", "/cometd", false),
        ("/cometd", "/cometdx", false),
        ("/cometd", "/", false),
        ("/Cometd", "/cometd", false),
    ] {
        let jar = jar(&[&format!("a=1; Path={path}")]);
        assert_eq!(
            header(&jar, &format!("https://my.example.com{request}?q=/")).is_some(),
            sent,
            "{path} on {request}"
        );
    }
    // Without one, the directory of the request.
    for (request, other, sent) in [
        ("/cometd/61.0", "/cometd/x", true),
        ("/cometd/61.0", "/cometd", true),
        ("/cometd/61.0", "/other", false),
        ("/cometd", "/other", true),
        ("/", "/other", true),
        ("/a/b/", "/a/b", true),
        ("/a/b/", "/a", false),
    ] {
        let mut jar = Jar::new();
        jar.store("a=1", &endpoint(&format!("https://h{request}")), Instant::from_millis(0), NOW);
        assert_eq!(
            header(&jar, &format!("https://h{other}")).is_some(),
            sent,
            "set on {request}, sent to {other}"
        );
    }
}

#[test]
fn x4_domains_widen_a_cookie_to_their_subdomains_and_to_nothing_else() {
    for (domain, outcome) in [
        ("my.example.com", Outcome::Stored),
        (".my.example.com", Outcome::Stored),
        ("Example.COM", Outcome::Stored),
        ("other.example.com", Outcome::Ignored),
        ("a.my.example.com", Outcome::Ignored),
        ("y.example.com", Outcome::Ignored),
        ("com", Outcome::Ignored),
        (".com", Outcome::Ignored),
        ("evil.com", Outcome::Ignored),
    ] {
        assert_eq!(stored(&format!("a=1; Domain={domain}"), URL), outcome, "{domain}");
    }
    let jar = jar(&["host=1; Path=/", "wide=2; Path=/; Domain=.example.com"]);
    assert_eq!(header(&jar, "https://my.example.com/").as_deref(), Some("host=1; wide=2"));
    assert_eq!(header(&jar, "https://other.example.com:8443/").as_deref(), Some("wide=2"));
    assert_eq!(header(&jar, "https://example.com/").as_deref(), Some("wide=2"));
    assert_eq!(header(&jar, "https://notexample.com/"), None);
    assert_eq!(header(&jar, "https://a.my.example.com/").as_deref(), Some("wide=2"));
    // Addresses have no subdomains, and a name of one label is its own.
    assert_eq!(stored("a=1; Domain=0.0.1", "http://127.0.0.1/"), Outcome::Ignored);
    assert_eq!(stored("a=1; Domain=127.0.0.1", "http://127.0.0.1/"), Outcome::Stored);
    assert_eq!(stored("a=1; Domain=localhost", "http://localhost/"), Outcome::Stored);
}

#[test]
fn x4_secure_cookies_travel_over_https_and_to_loopback() {
    let jar = jar(&["a=1; Path=/; Secure", "b=2; Path=/"]);
    assert_eq!(header(&jar, "https://my.example.com/").as_deref(), Some("a=1; b=2"));
    assert_eq!(header(&jar, "http://my.example.com/").as_deref(), Some("b=2"));
    for href in ["http://localhost:8080/", "http://127.0.0.1/", "http://[::1]/"] {
        let mut jar = Jar::new();
        assert_eq!(jar.store("a=1; secure", &endpoint(href), Instant::from_millis(0), NOW), Outcome::Stored);
        assert_eq!(header(&jar, href).as_deref(), Some("a=1"), "{href}");
    }
    assert_eq!(stored("a=1; Secure", "http://my.example.com/"), Outcome::Ignored);
    // What came over a safe line is not replaced over an open one.
    let mut jar = jar.clone();
    let open = endpoint("http://my.example.com/");
    assert_eq!(jar.store("a=2; Path=/", &open, Instant::from_millis(0), NOW), Outcome::Ignored);
}

#[test]
fn x4_name_prefixes_are_promises() {
    for (cookie, outcome) in [
        ("__Secure-a=1; Secure", Outcome::Stored),
        ("__Secure-a=1", Outcome::Ignored),
        ("__secure-a=1", Outcome::Ignored),
        ("__Host-a=1; Secure; Path=/", Outcome::Stored),
        ("__Host-a=1; Secure; Path=/x", Outcome::Ignored),
        ("__Host-a=1; Secure", Outcome::Ignored),
        ("__Host-a=1; Path=/", Outcome::Ignored),
        ("__Host-a=1; Secure; Path=/; Domain=my.example.com", Outcome::Ignored),
        ("__Hosta=1", Outcome::Stored),
    ] {
        assert_eq!(stored(cookie, URL), outcome, "{cookie}");
    }
}

#[test]
fn x4_cookies_expire_and_max_age_wins_over_expires() {
    for (attributes, at_59_s, at_60_s) in [
        ("Max-Age=60", true, false),
        ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", true, false),
        ("Expires=Wed, 01 May 2024 00:01:00 GMT", true, false),
        ("Expires=Wed, 01 May 2024 00:00:10 GMT; Max-Age=60", true, false),
        ("Expires=Wed, 01 May 2024 00:00:10 GMT", false, false),
        ("Max-Age=99999999999999999999999999", true, true),
        ("Expires=Fri, 31 Dec 9999 23:59:59 GMT", true, true),
        ("Max-Age=10; Max-Age=60", true, false),
        ("", true, true),
    ] {
        let jar = jar(&[&format!("a=1; {attributes}")]);
        let sent = |ms| jar.header(&endpoint(URL), NOW + ms).is_some();
        assert_eq!((sent(59_999), sent(60_000)), (at_59_s, at_60_s), "{attributes}");
    }
}

#[test]
fn x3_the_jar_keeps_64_cookies_and_lets_the_oldest_go() {
    let (mut jar, at) = (Jar::new(), endpoint(URL));
    for n in 0..64 {
        jar.store(&format!("c{n}={n}"), &at, Instant::from_millis(n), NOW);
    }
    // The first was set anew, so the second is the oldest.
    jar.store("c0=new", &at, Instant::from_millis(100), NOW);
    jar.store("c64=64", &at, Instant::from_millis(101), NOW);
    let sent = header(&jar, URL).expect("cookies");
    assert_eq!(jar.len(), 64);
    assert!(sent.starts_with("c0=new; c2=2; ") && sent.ends_with("; c64=64"), "{sent}");
    // What has expired goes first.
    jar.store("c5=5; Max-Age=1", &at, Instant::from_millis(102), NOW);
    jar.store("c65=65", &at, Instant::from_millis(103), NOW + 2_000);
    let sent = jar.header(&at, NOW + 2_000).expect("cookies");
    assert!(sent.starts_with("c0=new; c2=2; c3=3; c4=4; c6=6"), "{sent}");
}

#[test]
fn x2_debug_of_the_jar_shows_names_only() {
    assert_eq!(format!("{:?}", jar(&["sid=s3cret"])), "[\"sid\"]");
}

#[test]
fn dates_are_read_in_all_forms_of_rfc_6265() {
    const WED: i64 = 1_445_412_480_000;
    for (text, time) in [
        ("Wed, 21 Oct 2015 07:28:00 GMT", Some(WED)),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", Some(WED)),
        ("Wed Oct 21 07:28:00 2015", Some(WED)),
        ("Wed, 21-OCT-2015 7:28:0", Some(WED)),
        ("2015 october 21 07:28:00xyz", Some(WED)),
        ("21 Oct 2015 07:28:00 +0200", Some(WED)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Thu, 01-Jan-70 00:00:01 GMT", Some(1_000)),
        ("31 Dec 69 23:59:59", Some(3_155_759_999_000)),
        ("29 Feb 2024 00:00:00", Some(1_709_164_800_000)),
        ("29 Feb 2000 00:00:00", Some(951_782_400_000)),
        ("1 Mar 1900 00:00:00", Some(-2_203_891_200_000)),
        ("1 Jan 1601 00:00:00", Some(-11_644_473_600_000)),
        ("31 Dec 9999 23:59:59", Some(253_402_300_799_000)),
        ("29 Feb 2023 00:00:00", None),
        ("29 Feb 1900 00:00:00", None),
        ("31 Apr 2024 00:00:00", None),
        ("0 Jan 2024 00:00:00", None),
        ("32 Jan 2024 00:00:00", None),
        ("1 Jan 1600 00:00:00", None),
        ("1 Jan 2024 24:00:00", None),
        ("1 Jan 2024 00:60:00", None),
        ("1 Jan 2024 00:00:60", None),
        ("1 Jan 2024 00:00", None),
        ("1 Jan 20245 00:00:00", None),
        ("1 Foo 2024 00:00:00", None),
        ("Jan 2024 00:00:00", None),
        ("", None),
        ("é", None),
    ] {
        assert_eq!(parse_date(text), time, "{text}");
    }
}

#[test]
fn joined_set_cookies_are_split_where_a_cookie_begins() {
    for (joined, parts) in [
        ("a=1", &["a=1"][..]),
        ("a=1, b=2", &["a=1", "b=2"]),
        ("a=1,b=2", &["a=1", "b=2"]),
        (
            "a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT; Path=/, b=2",
            &["a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT; Path=/", "b=2"],
        ),
        (
            "a=1; expires=Wed, 21-Oct-2015 07:28:00 GMT, b = 2; Secure",
            &["a=1; expires=Wed, 21-Oct-2015 07:28:00 GMT", "b = 2; Secure"],
        ),
        (
            "a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT,b=2; Expires=Thu, 22 Oct 2015 07:28:00 GMT",
            &["a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT", "b=2; Expires=Thu, 22 Oct 2015 07:28:00 GMT"],
        ),
        ("a=1,2,3; Path=/, b=\"x, y\"", &["a=1,2,3; Path=/", "b=\"x, y\""]),
        (
            "LSKey-c$CookieConsentPolicy=0:1; path=/, t=!a+/=; path=/",
            &["LSKey-c$CookieConsentPolicy=0:1; path=/", "t=!a+/=; path=/"],
        ),
        ("a=1,=2", &["a=1,=2"]),
        ("", &[]),
        (" , ", &[","]),
        ("a=é,b=ü", &["a=é", "b=ü"]),
    ] {
        assert_eq!(split_set_cookie(joined), parts, "{joined}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_these_readers_panic(text in "[\\x00-\\x7fé€]{0,60}", cookies in prop::collection::vec("[a-c=;, \\t]{0,20}", 0..5)) {
        let _ = Endpoint::parse(&text);
        let _ = Endpoint::parse(&format!("https://{text}"));
        let _ = parse_date(&text);
        let _ = check_header(&text, &text);
        let mut jar = Jar::new();
        for cookie in split_set_cookie(&text).into_iter().chain(cookies.iter().map(String::as_str)) {
            jar.store(cookie, &endpoint(URL), Instant::from_millis(0), NOW);
        }
        if let Some(header) = header(&jar, URL) {
            prop_assert_eq!(check_header("cookie", &header), Ok(()));
        }
    }

    #[test]
    fn every_second_of_the_calendar_reads_back(days in -100_000..2_900_000_i64, second in 0..86_400_i64) {
        // Counted up year by year, independently of the reader's formula.
        let (mut rest, mut year) = (days, 1970);
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = |year| if leap(year) { 366 } else { 365 };
        while rest < 0 { year -= 1; rest += length(year); }
        while rest >= length(year) { rest -= length(year); year += 1; }
        let months = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let mut month = 0;
        while rest >= months[month] { rest -= months[month]; month += 1; }
        let text = format!("{:02} {} {year} {:02}:{:02}:{:02}", rest + 1, names[month], second / 3600, second / 60 % 60, second % 60);
        prop_assert_eq!(parse_date(&text), Some((days * 86_400 + second) * 1_000), "{}", text);
    }
}
