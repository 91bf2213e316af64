//! Versions of the API.

use crate::bayeux::json::{decode_string, elements, is_array, member, validate};
use crate::text::{cut, decimal, joined, number};

/// The oldest version whose endpoint understands replay positions without an address of its own, and the oldest that
/// is still served.
const OLDEST: u64 = 37;

/// How deep the list of `/services/data/` may be nested; it is an array of flat objects.
const DEPTH: u32 = 8;

/// The newest version that `/services/data/` lists, such as `67.0`; `None` if there is none.
pub fn newest(body: &str) -> Option<String> {
    let body = body.trim_ascii();
    if !is_array(body) || !validate(body, DEPTH) {
        return None;
    }
    let mut newest = None;
    for entry in elements(body) {
        let version = member(entry, "version").and_then(decode_string).and_then(|text| parse(&text));
        newest = newest.max(version);
    }
    let (major, minor) = newest?;
    Some(joined(&[&decimal(major), &decimal(minor)], "."))
}

/// Whether a text is a version that can be asked for: `37.0` or above, written so.
pub fn check(text: &str) -> bool {
    parse(text).is_some_and(|(major, minor)| major >= OLDEST && minor == 0)
        && !text.starts_with('0')
        && text.ends_with(".0")
}

/// The path of the Bayeux endpoint of a version.
pub fn endpoint_path(version: &str) -> String {
    joined(&["/cometd/", version], "")
}

/// Digits, a dot, digits; no more of them than any version will have.
fn parse(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = cut(text, b'.')?;
    if text.len() > 8 {
        return None;
    }
    Some((number(major)?, number(minor)?))
}
