//! Where requests go: an absolute http(s) URL, taken apart.

use crate::text::{cut, cut_last, decimal, has, joined, number, pieces};

/// Why a text is no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
#[non_exhaustive]
pub enum EndpointError {
    /// There is no scheme, or no `//` after it.
    NotAbsolute,
    /// The scheme is neither http nor https.
    NotHttp,
    /// There is a user name or a password in it.
    HasCredentials,
    /// The host is missing, or holds a character that a normalised host cannot have.
    BadHost,
    /// The port is not a number from 1 to 65,535.
    BadPort,
    /// A space, a control character, a backslash, or a character beyond ASCII.
    BadCharacter,
}

impl EndpointError {
    /// What is wrong, and what to do about it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAbsolute => "the url is not absolute: write it whole, as in https://example.com/cometd",
            Self::NotHttp => "the url is neither http nor https",
            Self::HasCredentials => "the url holds a user name or password: pass them in a header",
            Self::BadHost => {
                "the url's host is missing or malformed: write non-ASCII names in their xn-- form"
            }
            Self::BadPort => "the url's port is not a number from 1 to 65535",
            Self::BadCharacter => "the url holds a character that must be percent-encoded",
        }
    }
}

/// An absolute http(s) URL.
///
/// It expects what the host's `URL` gives, and does the least of the same itself: scheme and host in lower
/// case, no default port, no fragment, a path of at least `/`. Dot segments stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    href: String,
    /// Where the host begins and ends, where the path begins and ends.
    host: (usize, usize),
    path: (usize, usize),
    port: u16,
}

impl Endpoint {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// [`EndpointError`], for the first thing that is wrong with it.
    pub fn parse(href: &str) -> Result<Self, EndpointError> {
        let (scheme, rest) = cut(href, b':').ok_or(EndpointError::NotAbsolute)?;
        let rest = rest.strip_prefix("//").ok_or(EndpointError::NotAbsolute)?;
        let (scheme, default) = if scheme.eq_ignore_ascii_case("https") {
            ("https://", 443)
        } else if scheme.eq_ignore_ascii_case("http") {
            ("http://", 80)
        } else {
            return Err(EndpointError::NotHttp);
        };
        if !rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(EndpointError::BadCharacter);
        }
        let rest = cut(rest, b'#').map_or(rest, |(rest, _)| rest);
        let length = rest.bytes().take_while(|byte| !matches!(byte, b'/' | b'?')).count();
        let (authority, target) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if has(authority, b'@') {
            return Err(EndpointError::HasCredentials);
        }
        let (host, port) = match cut_last(authority, b':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (authority, ""),
        };
        let port = match port {
            "" => default,
            _ if port.len() > 5 => return Err(EndpointError::BadPort),
            _ => match number(port) {
                Some(port @ 1..=0xffff) => port as u16,
                _ => return Err(EndpointError::BadPort),
            },
        };
        if !is_host(host) {
            return Err(EndpointError::BadHost);
        }

        let mut href = String::from(scheme);
        href.push_str(&host.to_ascii_lowercase());
        let host = (scheme.len(), href.len());
        if port != default {
            href.push(':');
            href.push_str(&decimal(u64::from(port)));
        }
        let start = href.len();
        if !target.starts_with('/') {
            href.push('/');
        }
        href.push_str(target);
        let end = cut(&href, b'?').map_or(href.len(), |(before, _)| before.len());
        Ok(Self { href, host, path: (start, end), port })
    }

    /// The whole URL, without its fragment.
    pub fn href(&self) -> &str {
        &self.href
    }

    /// Scheme, host and port, as in `https://example.com:8443`; no port where it is the default.
    pub fn origin(&self) -> &str {
        self.part(0, self.path.0)
    }

    /// The host in lower case; IPv6 addresses with their brackets.
    pub fn host(&self) -> &str {
        self.part(self.host.0, self.host.1)
    }

    /// The port, also where it is the default.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path without the query; at least `/`.
    pub fn path(&self) -> &str {
        self.part(self.path.0, self.path.1)
    }

    /// Whether something can be told by a further segment: there is no query, and no dot in the last segment, which would
    /// say that the server goes by the end of the name.
    pub fn takes_segments(&self) -> bool {
        let path = self.path();
        let last = cut_last(path.strip_suffix('/').unwrap_or(path), b'/').map_or("", |(_, last)| last);
        path.len() + self.path.0 == self.href.len() && !has(last, b'.')
    }

    /// The address with a further segment of the path; with `""`, with a slash at the end of its path.
    #[must_use]
    pub fn with_segment(&self, segment: &str) -> Self {
        let path = self.path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let query = self.part(self.path.1, self.href.len());
        let before = joined(&[self.origin(), path, "/", segment], "");
        Self { path: (self.path.0, before.len()), href: joined(&[&before, query], ""), ..self.clone() }
    }

    /// Whether secrets may travel there: https, or a loopback address, where nobody listens in (X1, X4).
    pub fn is_secure(&self) -> bool {
        self.href.starts_with("https:") || self.is_loopback()
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host.ends_with(".localhost")
            || host == "[::1]"
            || (host.starts_with("127.") && is_ipv4(host))
    }

    fn part(&self, start: usize, end: usize) -> &str {
        self.href.get(start..end).unwrap_or_default()
    }
}

/// Whether a host is an IPv4 address of four numbers.
fn is_ipv4(host: &str) -> bool {
    let mut parts = 0;
    for part in pieces(host, b'.') {
        if part.len() > 3 || number(part).is_none_or(|byte| byte > 255) {
            return false;
        }
        parts += 1;
    }
    parts == 4
}

/// Whether a host is an address, which has no subdomains.
pub(super) fn is_address(host: &str) -> bool {
    host.starts_with('[') || is_ipv4(host)
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let inner = address.strip_suffix(']').unwrap_or_default();
        let legal = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
        return has(inner, b':') && inner.bytes().all(legal);
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    pieces(name, b'.').all(|label| !label.is_empty())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}
