//! Cookies: the jar against a plain list of what servers have set, and the texts around it.

use std::collections::BTreeMap;

use cometd_edge::Instant;
use cometd_edge::test_support::http::{
    Endpoint, Jar, Outcome, check_header, parse_date, retry_after_ms, split_set_cookie,
};

/// 1 May 2024.
const BEGIN: i64 = 1_714_521_600_000;

const URLS: [&str; 8] = [
    "https://my.example.com/cometd/60.0",
    "http://my.example.com/cometd/60.0/x",
    "https://example.com/",
    "https://other.my.example.com/cometd/",
    "http://localhost:8080/cometd?a=b",
    "https://127.0.0.1/cometd",
    "https://badexample.com/cometd",
    "http://[::1]/a/b/c",
];

/// Lines: `S` and a digit: a Set-Cookie from that url; `G` and a digit: a request to it; `T` and a digit: time passes;
/// any other is a list of cookies that a host has joined, a url, a header and a date.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut model = Model { jar: Jar::new(), cookies: Vec::new(), now: BEGIN, full: false };
    for line in text.split('\n') {
        let digit =
            line.chars().nth(1).and_then(|digit| digit.to_digit(10)).filter(|_| line.is_char_boundary(2));
        match (line.chars().next(), digit) {
            (Some('S'), Some(digit)) => model.store(&line[2..], &endpoint(digit)),
            (Some('T'), Some(digit)) => model.now += 10_i64.pow(digit),
            (Some('G'), Some(digit)) => model.request(&endpoint(digit)),
            _ => texts(line),
        }
    }
    (0..8).for_each(|digit| model.request(&endpoint(digit)));
}

fn endpoint(digit: u32) -> Endpoint {
    Endpoint::parse(URLS[digit as usize % URLS.len()]).expect("a url")
}

struct Model {
    jar: Jar,
    /// In the order of their creation.
    cookies: Vec<Cookie>,
    now: i64,
    /// Once there are too many, which of them were let go is not followed.
    full: bool,
}

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    host: String,
    below: bool,
    path: String,
    secure: bool,
    expires: i64,
}

impl Model {
    fn store(&mut self, header: &str, from: &Endpoint) {
        let at = Instant::from_millis((self.now - BEGIN) as u64);
        let outcome = self.jar.store(header, from, at, self.now as u64);
        assert!(self.jar.len() <= 64);
        if outcome == Outcome::Ignored {
            return;
        }
        let cookie = read(header, from, self.now);
        let gone = cookie.expires <= self.now;
        assert_eq!(outcome, if gone { Outcome::Deleted } else { Outcome::Stored }, "{header:?}");
        let same = |old: &Cookie| {
            (&old.name, &old.host, old.below, &old.path)
                == (&cookie.name, &cookie.host, cookie.below, &cookie.path)
        };
        match self.cookies.iter().position(same) {
            Some(at) => {
                assert!(!self.cookies[at].secure || is_safe(from), "replaced over an open line: {header:?}");
                self.cookies[at] = cookie;
            }
            None => self.cookies.push(cookie),
        }
        self.cookies.retain(|cookie| cookie.expires > self.now);
        self.full |= self.cookies.len() > 64;
    }

    fn request(&self, to: &Endpoint) {
        let mut expected: Vec<&Cookie> =
            self.cookies.iter().filter(|cookie| cookie.goes_to(to, self.now)).collect();
        // Longer paths come first; of the others the order means nothing.
        expected.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let paths: BTreeMap<String, usize> =
            expected.iter().map(|cookie| (cookie.pair(), cookie.path.len())).collect();
        let header = self.jar.header(to, self.now as u64);
        let mut found: Vec<&str> =
            header.as_deref().map(|header| header.split("; ").collect()).unwrap_or_default();
        if let Some(header) = &header {
            assert_eq!(check_header("Cookie", header), Ok(()), "{header:?}");
            assert!(found.iter().all(|pair| paths.contains_key(*pair)), "{header:?} to {}", to.href());
        }
        if !self.full {
            if paths.len() == expected.len() {
                assert!(found.iter().rev().map(|pair| paths[*pair]).is_sorted(), "{header:?}");
            }
            let mut expected: Vec<String> = expected.iter().map(|cookie| cookie.pair()).collect();
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "to {}: {:?}", to.href(), self.cookies);
        }
        let shown = format!("{:?}", self.jar);
        let names: Vec<&str> = self.cookies.iter().map(|cookie| cookie.name.as_str()).collect();
        // In whatever order: there is nothing but names in it (X2).
        assert!(self.jar.len() != names.len() || shown.len() == format!("{names:?}").len(), "{shown}");
    }
}

impl Cookie {
    fn pair(&self) -> String {
        format!("{}={}", self.name, self.value)
    }

    fn goes_to(&self, to: &Endpoint, now: i64) -> bool {
        let below = self.below && to.host().ends_with(&format!(".{}", self.host)) && !is_address(to.host());
        let mut directory = self.path.clone();
        if !directory.ends_with('/') {
            directory.push('/');
        }
        self.expires > now
            && (to.host() == self.host || below)
            && (to.path() == self.path || to.path().starts_with(&directory))
            && (!self.secure || is_safe(to))
    }
}

/// A cookie as the RFC reads it, once the jar has taken it.
fn read(header: &str, from: &Endpoint, now: i64) -> Cookie {
    let mut parts = header.split(';');
    let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a name and a value");
    let trim = |text: &str| text.trim_matches([' ', '\t']).to_owned();
    let (name, value) = (trim(name), trim(value));
    assert!(!name.is_empty() && name.len() + value.len() <= 4_096);
    let (mut host, mut path, mut secure) = (String::new(), String::new(), false);
    let (mut date, mut age) = (None, None);
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let (key, value) = (trim(key).to_ascii_lowercase(), trim(value));
        match key.as_str() {
            _ if value.len() > 1_024 => {}
            "domain" => host = value.strip_prefix('.').unwrap_or(&value).to_ascii_lowercase(),
            "path" => path = value,
            "secure" => secure = true,
            "expires" => date = parse_date(&value).or(date),
            "max-age" => {
                let digits = value.strip_prefix('-').unwrap_or(&value);
                if !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit()) {
                    let seconds = value.parse::<i128>().unwrap_or(i128::MAX / 2_000).max(0);
                    let end = (i128::from(now) + seconds * 1_000).min(i128::from(i64::MAX));
                    age = Some(if value.starts_with('-') { now } else { end as i64 });
                }
            }
            _ => {}
        }
    }
    assert!(!secure || is_safe(from), "Secure over an open line: {header:?}");
    let prefix = |prefix: &str| name.to_ascii_lowercase().starts_with(prefix);
    assert!(!prefix("__secure-") || secure);
    assert!(!prefix("__host-") || (secure && host.is_empty() && path == "/"));
    let below = !host.is_empty();
    assert!(!below || from.host() == host || from.host().ends_with(&format!(".{host}")), "{header:?}");
    assert!(!below || from.host() == host || host.contains('.'), "a whole top level: {header:?}");
    if !path.starts_with('/') {
        path = from.path().rsplit_once('/').map(|(directory, _)| directory.to_owned()).unwrap_or_default();
        path = if path.is_empty() { "/".to_owned() } else { path };
    }
    let host = if below { host } else { from.host().to_owned() };
    Cookie { name, value, host, below, path, secure, expires: age.or(date).unwrap_or(i64::MAX) }
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_safe(endpoint: &Endpoint) -> bool {
    let host = endpoint.host();
    let local = ["localhost", "[::1]"].contains(&host) || host.ends_with(".localhost");
    local || endpoint.href().starts_with("https:") || (host.starts_with("127.") && is_address(host))
}

fn texts(line: &str) {
    for header in split_set_cookie(line) {
        assert!(!header.is_empty() && line.contains(header));
        assert_eq!(split_set_cookie(header), [header], "{line:?}");
    }
    if let Ok(url) = Endpoint::parse(line) {
        assert_eq!(Endpoint::parse(url.href()).as_ref(), Ok(&url), "{line:?}");
        assert!(url.href().starts_with(url.origin()) && url.path().starts_with('/') && url.port() > 0);
        assert!(!url.origin().contains('@') && url.host() == url.host().to_ascii_lowercase());
        assert_eq!(url.is_secure(), is_safe(&url), "{line:?}");
        assert!(url.href().bytes().all(|byte| byte.is_ascii_graphic()));
    }
    if let Some(wait) = retry_after_ms(line) {
        assert!(wait <= 2_147_483_000);
    }
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    assert!(check_header(name, value).is_err() || !format!("{name}: {value}").contains(['\r', '\n', '\0']));
    if let Some(date) = parse_date(line) {
        assert_eq!(parse_date(&written(date)), Some(date), "{line:?}");
    }
}

/// The date as servers write it.
fn written(unix_ms: i64) -> String {
    let (seconds, mut day) = (unix_ms.rem_euclid(86_400_000) / 1_000, unix_ms.div_euclid(86_400_000));
    let mut year = 1970;
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = |year: i64| if is_leap(year) { 366 } else { 365 };
    while day < 0 {
        year -= 1;
        day += days(year);
    }
    while day >= days(year) {
        day -= days(year);
        year += 1;
    }
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("Mon, {:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT", day + 1, names[month])
}
