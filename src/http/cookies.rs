//! A cookie jar for one client (X4): what servers set, and what the caller gives. In browsers the browser keeps the
//! cookies, and this one stays empty.

use std::fmt;

use super::cookie_text::{COOKIE_BYTES, COOKIES, is_clean, pair};
use super::date::parse_date;
use super::endpoint::{Endpoint, is_address};
use crate::Instant;
use crate::bayeux::json::{elements, is_array, push_string, strings};
use crate::text::{cut, cut_last, decimal, has, number, pieces};

/// The longest attribute value, in bytes; longer ones are left out.
const ATTRIBUTE_BYTES: usize = 1_024;

/// What became of a `Set-Cookie` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The cookie is in the jar.
    Stored,
    /// It had expired already, which is how servers delete one; it is not in the jar.
    Deleted,
    /// It was malformed, too long, or not the server's to set; the jar is as it was.
    Ignored,
}

/// Where the caller gives cookies. Of each, the last text is remembered: only another one enters the jar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Giver {
    /// In the configuration, once.
    Config,
    /// In the headers that are asked for before each request.
    Headers,
}

/// To whom a cookie belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// To the server's session.
    Server,
    /// To the caller, and the server has set it anew.
    Renewed,
    /// To the caller, as it was given.
    Caller(Giver),
}

#[derive(Clone)]
struct Cookie {
    owner: Owner,
    name: String,
    value: String,
    /// The host that set it, or the domain below which it counts.
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    /// Unix time in milliseconds; `None`: for as long as the jar lives.
    expires: Option<i64>,
    stored: Instant,
}

/// The cookies of one client, by RFC 6265: path, domain, expiry, `Secure`, values byte for byte.
///
/// It holds at most 64 cookies of at most 4,096 bytes; one more pushes out what has expired, or else the
/// one that was set longest ago. There is no list of public suffixes in it: it serves one origin and its
/// siblings, not the web. `Secure` cookies travel over https, and over http to loopback addresses.
///
/// What the caller gives goes to one origin, path `/`, and outlives the sessions. There a `Set-Cookie` of the same name
/// takes its place, whichever path or domain it names, if it comes back to where it was set.
#[derive(Clone, Default)]
pub struct Jar {
    /// In the order of their creation.
    cookies: Vec<Cookie>,
    /// Where the caller's cookies go; empty while nothing was given.
    callers_origin: String,
    /// What was given last, by [`Giver`].
    given: [String; 2],
}

impl Jar {
    /// An empty jar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one `Set-Cookie` header of a response from `endpoint`; `unix_ms_now` is the wall clock.
    ///
    /// Source: RFC 6265, 5.2 and 5.3; prefixes, control characters and the bounds of name, value and
    /// attributes by its successor, RFC 6265bis.
    pub fn store(
        &mut self,
        set_cookie: &str,
        endpoint: &Endpoint,
        now: Instant,
        unix_ms_now: u64,
    ) -> Outcome {
        let Some(mut cookie) = read(set_cookie, endpoint, now, clock(unix_ms_now)) else {
            return Outcome::Ignored;
        };
        let at_home = self.callers_origin == endpoint.origin();
        if at_home && self.is_given(&cookie.name) {
            cookie.owner = Owner::Renewed;
            if cookie.belongs_to(endpoint) {
                self.cookies.retain(|old| {
                    !matches!(old.owner, Owner::Caller(_)) || old.name != cookie.name || old.is_same(&cookie)
                });
            }
        }
        let within_reach = |old: &Cookie| at_home || old.owner == Owner::Server;
        let same = self.cookies.iter_mut().find(|old| within_reach(old) && old.is_same(&cookie));
        // A cookie that came over a safe line is not replaced over an open one.
        if same.as_ref().is_some_and(|old| old.secure && !endpoint.is_secure()) {
            return Outcome::Ignored;
        }
        let gone = expired(&cookie, clock(unix_ms_now));
        match same {
            // Its place in the order of creation stays.
            Some(old) => *old = cookie,
            None if gone => return Outcome::Deleted,
            None => {
                self.make_room(clock(unix_ms_now));
                self.cookies.push(cookie);
            }
        }
        if gone {
            self.drop_expired(clock(unix_ms_now));
            return Outcome::Deleted;
        }
        Outcome::Stored
    }

    /// Takes in what the caller gives, unless it is what was given there last; `endpoint` is the configured one, always.
    /// What was given before, and neither comes again nor was set anew by the server, goes out.
    ///
    /// Pieces that [`check_cookies`](super::check_cookies) refuses are left out. Of several of one name the first counts.
    pub fn give(&mut self, giver: Giver, text: &str, endpoint: &Endpoint, now: Instant, unix_ms_now: u64) {
        let [by_config, by_headers] = &mut self.given;
        let last = match giver {
            Giver::Config => by_config,
            Giver::Headers => by_headers,
        };
        if last == text {
            return;
        }
        text.clone_into(last);
        endpoint.origin().clone_into(&mut self.callers_origin);
        self.cookies.retain(|old| old.owner != Owner::Caller(giver));
        let mut names = Vec::new();
        for (name, value) in pieces(text, b';').filter_map(pair) {
            let good = is_clean(name) && is_clean(value) && name.len() + value.len() <= COOKIE_BYTES;
            if !good || names.contains(&name) {
                continue;
            }
            names.push(name);
            self.cookies.retain(|old| old.name != name || !old.belongs_to(endpoint));
            self.make_room(clock(unix_ms_now));
            self.cookies.push(Cookie {
                owner: Owner::Caller(giver),
                name: name.to_owned(),
                value: value.to_owned(),
                domain: endpoint.host().to_owned(),
                host_only: true,
                path: "/".to_owned(),
                // Its origin says that.
                secure: false,
                expires: None,
                stored: now,
            });
        }
    }

    /// A jar with what is the caller's alone: for the next session, which must not look like this one (R7d), and for
    /// another instance.
    pub fn callers(&self) -> Self {
        let mut jar = self.clone();
        jar.cookies.retain(|cookie| cookie.owner != Owner::Server);
        jar
    }

    /// Where the caller's cookies go; empty while nothing was given.
    pub fn callers_origin(&self) -> &str {
        &self.callers_origin
    }

    fn is_given(&self, name: &str) -> bool {
        let names = |text: &str| pieces(text, b';').filter_map(pair).any(|(given, _)| given == name);
        self.given.iter().any(|text| names(text))
    }

    /// The `Cookie` header for a request to `endpoint`; `None` when no cookie belongs there.
    ///
    /// Source: RFC 6265, 5.4: longer paths first, then those created earlier.
    pub fn header(&self, endpoint: &Endpoint, unix_ms_now: u64) -> Option<String> {
        let mut found: Vec<&Cookie> = Vec::new();
        for cookie in &self.cookies {
            if !expired(cookie, clock(unix_ms_now))
                && (endpoint.is_secure() || !cookie.secure)
                && (cookie.owner == Owner::Server || self.callers_origin == endpoint.origin())
                && cookie.belongs_to(endpoint)
            {
                let at = found.iter().take_while(|other| other.path.len() >= cookie.path.len()).count();
                found.insert(at, cookie);
            }
        }
        let mut header = String::new();
        for cookie in found {
            if !header.is_empty() {
                header.push_str("; ");
            }
            header.push_str(&cookie.name);
            header.push('=');
            header.push_str(&cookie.value);
        }
        (!header.is_empty()).then_some(header)
    }

    /// Appends all cookies as elements of a JSON array, for [`Jar::read`], and before them what the caller gave.
    pub fn write(&self, out: &mut String) {
        let mut first = true;
        let mut element = |parts: &[&str]| {
            if !core::mem::take(&mut first) {
                out.push(',');
            }
            for (index, part) in parts.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                push_string(out, part);
            }
            out.push(']');
        };
        if !self.callers_origin.is_empty() {
            let [by_config, by_headers] = &self.given;
            element(&[&self.callers_origin, by_config, by_headers]);
        }
        for cookie in &self.cookies {
            let mut flags = String::new();
            if cookie.host_only {
                flags.push('h');
            }
            if cookie.secure {
                flags.push('s');
            }
            match cookie.owner {
                Owner::Server => {}
                Owner::Renewed => flags.push('r'),
                Owner::Caller(Giver::Config) => flags.push('c'),
                Owner::Caller(Giver::Headers) => flags.push('a'),
            }
            let expires = cookie.expires.map(|expires| decimal(u64::try_from(expires).unwrap_or(0)));
            let parts = [&cookie.name, &cookie.value, &cookie.domain, &cookie.path, flags.as_str()];
            match &expires {
                Some(expires) => {
                    let [name, value, domain, path, flags] = parts;
                    element(&[name, value, domain, path, flags, expires]);
                }
                None => element(&parts),
            }
        }
    }

    /// Reads the array that [`Jar::write`] makes, which must be valid JSON; `None` for anything else.
    pub fn read(raw: &str, now: Instant) -> Option<Self> {
        if !is_array(raw) {
            return None;
        }
        let mut jar = Self::new();
        for raw in elements(raw).take(COOKIES + 1) {
            let parts = strings(raw);
            if let [origin, by_config, by_headers] = parts.as_slice() {
                jar.callers_origin.clone_from(origin);
                jar.given = [by_config.clone(), by_headers.clone()];
                continue;
            }
            let [name, value, domain, path, flags, expires @ ..] = parts.as_slice() else { return None };
            let whole = |text: &str| is_clean(text) && !has(text, b';');
            if name.is_empty() || has(name, b'=') || !whole(name) || !whole(value) {
                return None;
            }
            if name.len() + value.len() > COOKIE_BYTES {
                return None;
            }
            let expires = expires.first().and_then(|text| number(text));
            jar.cookies.push(Cookie {
                owner: match () {
                    () if has(flags, b'r') => Owner::Renewed,
                    () if has(flags, b'c') => Owner::Caller(Giver::Config),
                    () if has(flags, b'a') => Owner::Caller(Giver::Headers),
                    () => Owner::Server,
                },
                name: name.clone(),
                value: value.clone(),
                domain: domain.clone(),
                host_only: has(flags, b'h'),
                path: path.clone(),
                secure: has(flags, b's'),
                expires: expires.map(clock),
                stored: now,
            });
        }
        jar.cookies.truncate(COOKIES);
        Some(jar)
    }

    /// How many cookies are in it, expired ones included.
    #[cfg(any(test, feature = "test-support"))]
    pub fn len(&self) -> usize {
        self.cookies.len()
    }

    /// Whether no cookie is in it.
    #[cfg(any(test, feature = "test-support"))]
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    #[inline(never)]
    fn drop_expired(&mut self, now: i64) {
        self.cookies.retain(|cookie| !expired(cookie, now));
    }

    fn make_room(&mut self, now: i64) {
        if self.cookies.len() >= COOKIES {
            self.drop_expired(now);
        }
        if self.cookies.len() >= COOKIES {
            // No server pushes out what the caller gave.
            let age = |cookie: &Cookie| (cookie.owner != Owner::Server, cookie.stored.as_millis());
            let oldest = self.cookies.iter().enumerate().min_by_key(|(_, cookie)| age(cookie));
            if let Some((at, _)) = oldest {
                self.cookies.remove(at);
            }
        }
    }
}

impl Cookie {
    /// Are they one for the RFC?
    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.host_only == other.host_only
            && self.path == other.path
    }

    fn belongs_to(&self, endpoint: &Endpoint) -> bool {
        domain_holds(&self.domain, self.host_only, endpoint.host()) && path_holds(&self.path, endpoint.path())
    }
}

impl fmt::Debug for Jar {
    /// Names only (X2).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.cookies.iter().map(|cookie| &cookie.name)).finish()
    }
}

fn clock(unix_ms: u64) -> i64 {
    i64::try_from(unix_ms).unwrap_or(i64::MAX)
}

fn expired(cookie: &Cookie, now: i64) -> bool {
    cookie.expires.is_some_and(|expires| expires <= now)
}

fn read(set_cookie: &str, endpoint: &Endpoint, now: Instant, unix_now: i64) -> Option<Cookie> {
    // Nothing of it may break out of a header later.
    if !is_clean(set_cookie) {
        return None;
    }
    let (piece, mut attributes) = cut(set_cookie, b';').unwrap_or((set_cookie, ""));
    // Without the spaces and tabs around them, as the RFC wants it: other whitespace was refused above.
    let (name, value) = pair(piece)?;
    if name.len() + value.len() > COOKIE_BYTES {
        return None;
    }
    let (mut max_age, mut expires, mut domain, mut path, mut secure) = (None, None, "", "", false);
    while !attributes.is_empty() {
        let (attribute, rest) = cut(attributes, b';').unwrap_or((attributes, ""));
        attributes = rest;
        let (key, value) = cut(attribute, b'=').unwrap_or((attribute, ""));
        let (key, value) = (key.trim_ascii(), value.trim_ascii());
        let is = |name| key.eq_ignore_ascii_case(name);
        if value.len() > ATTRIBUTE_BYTES {
            continue;
        } else if is("max-age") {
            max_age = seconds(value).or(max_age);
        } else if is("expires") {
            expires = parse_date(value).or(expires);
        } else if is("domain") {
            domain = value.strip_prefix('.').unwrap_or(value);
        } else if is("path") {
            path = value;
        } else if is("secure") {
            secure = true;
        }
    }
    let has_prefix =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let host = endpoint.host();
    let domain_given = domain.to_ascii_lowercase();
    if (secure && !endpoint.is_secure())
        || (has_prefix("__Secure-") && !secure)
        || (has_prefix("__Host-") && !(secure && domain.is_empty() && path == "/"))
        || !(domain.is_empty() || domain_holds(&domain_given, false, host))
        // Without a dot it is a whole top level.
        || !(has(&domain_given, b'.') || domain.is_empty() || domain_given == host)
    {
        return None;
    }
    Some(Cookie {
        owner: Owner::Server,
        name: name.to_owned(),
        value: value.to_owned(),
        host_only: domain.is_empty(),
        domain: if domain.is_empty() { host.to_owned() } else { domain_given },
        path: if path.starts_with('/') { path } else { default_path(endpoint.path()) }.to_owned(),
        secure,
        expires: max_age.map(|seconds| unix_now.saturating_add(seconds.saturating_mul(1_000))).or(expires),
        stored: now,
    })
}

/// `Max-Age`: digits, perhaps with a minus; more than 64 bits hold count as for ever.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if digits.len() < text.len() {
        return Some(0);
    }
    Some(digits.bytes().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit.wrapping_sub(b'0')))
    }))
}

/// RFC 6265, 5.1.3.
fn domain_holds(domain: &str, host_only: bool, host: &str) -> bool {
    host == domain
        || (!host_only
            && !is_address(host)
            && host.strip_suffix(domain).is_some_and(|below| below.ends_with('.')))
}

/// RFC 6265, 5.1.4.
fn path_holds(cookie: &str, request: &str) -> bool {
    request
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

/// The directory of the request's path, without its slash; `/` for what lies at the top.
fn default_path(request: &str) -> &str {
    match cut_last(request, b'/') {
        Some((directory, _)) if !directory.is_empty() => directory,
        _ => "/",
    }
}
