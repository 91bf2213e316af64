//! `Set-Cookie` headers that a host has joined by commas.

use super::headers::is_token;

/// Splits a comma-joined `Set-Cookie` text into its headers.
///
/// A comma separates where a token and `=` follow it; the one in `Expires=Wed, 21 Oct 2015` does not, nor
/// does one in a value. Hosts that have `Headers.getSetCookie()` need none of this.
///
/// Source: RFC 6265, 3: folding changes the meaning, so this is the best that can be done.
pub fn split_set_cookie(joined: &str) -> Vec<&str> {
    let mut headers = Vec::new();
    let (mut start, mut from) = (0, 0);
    while let Some(comma) = joined.get(from..).and_then(|rest| rest.bytes().position(|byte| byte == b',')) {
        from += comma + 1;
        if joined.get(from..).is_some_and(begins_cookie) {
            add(&mut headers, joined.get(start..from - 1));
            start = from;
        }
    }
    add(&mut headers, joined.get(start..));
    headers
}

fn add<'a>(headers: &mut Vec<&'a str>, header: Option<&'a str>) {
    let header = header.unwrap_or_default().trim_ascii();
    if !header.is_empty() {
        headers.push(header);
    }
}

fn begins_cookie(text: &str) -> bool {
    let name = text.trim_ascii_start().as_bytes();
    let length = name.iter().take_while(|byte| is_token(**byte)).count();
    length > 0 && name.get(length..).unwrap_or_default().trim_ascii_start().first() == Some(&b'=')
}
