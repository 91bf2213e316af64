//! Reading and writing of JSON text, without a tree.
//!
//! The readers take text that is *already valid* (what a [`Message`](super::Message) holds, or what
//! [`validate`] said yes to). Other text makes them return nonsense, but never panic.

pub use super::literal::{decode_string, is_number, is_string};
use super::scanner::{Scanner, Step};
use crate::text::{cut, number};

/// Whether `text` is one JSON value, whitespace around it included, nested at most `depth` levels deep.
///
/// Strings may hold lone surrogates in escapes, as with `JSON.parse`. Depths above 16,777,216 count as that.
pub fn validate(text: &str, depth: u32) -> bool {
    let mut scanner = Scanner::new(depth);
    let whole = match scanner.scan(text.as_bytes()) {
        Step::Done => text.bytes().skip(scanner.pos).all(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')),
        Step::More => scanner.ends_here(),
        Step::Syntax | Step::TooDeep => false,
    };
    whole && !scanner.deep
}

/// Whether the raw value is an object.
pub fn is_object(raw: &str) -> bool {
    raw.starts_with('{')
}

/// Whether the raw value is an array.
pub fn is_array(raw: &str) -> bool {
    raw.starts_with('[')
}

/// The members of a raw object, as raw key (with its quotes) and raw value; nothing for any other value.
pub fn members(raw: &str) -> Members<'_> {
    let raw = raw.trim_ascii_start();
    Members(raw.strip_prefix('{').unwrap_or_default())
}

/// Iterator of [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(&'a str);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let key = take(&mut self.0)?;
        self.0 = self.0.trim_ascii_start().strip_prefix(':')?;
        Some((key, take(&mut self.0)?))
    }
}

/// The elements of a raw array; nothing for any other value.
pub fn elements(raw: &str) -> Elements<'_> {
    Elements(raw.trim_ascii_start().strip_prefix('[').unwrap_or_default())
}

/// Iterator of [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(&'a str);

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<Self::Item> {
        take(&mut self.0)
    }
}

/// The raw value of the object's member `name`; of several of one name the last, as with `JSON.parse`.
pub fn member<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    for (key, value) in members(raw) {
        if decode_string(key).is_some_and(|key| key == name) {
            found = Some(value);
        }
    }
    found
}

/// The strings among the elements of a raw array, decoded; others are left out.
pub fn strings(raw: &str) -> Vec<String> {
    let mut strings = Vec::new();
    for text in elements(raw).filter_map(decode_string) {
        strings.push(text.into_owned());
    }
    strings
}

/// Takes the next value off the front of `rest`, with the comma before it.
fn take<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_ascii_start();
    let text = text.strip_prefix(',').unwrap_or(text).trim_ascii_start();
    let (value, tail) = text.split_at_checked(value_end(text.as_bytes()))?;
    *rest = tail;
    (!value.is_empty()).then_some(value)
}

/// The length of the value at the front of `text`.
fn value_end(text: &[u8]) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, &byte) in text.iter().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            match byte {
                b'"' => quoted = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 0 => return at,
                b'}' | b']' => depth -= 1,
                b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return at,
                _ => continue,
            }
        }
        if depth == 0 && !quoted {
            return at + 1;
        }
    }
    text.len()
}

/// The raw value as an unsigned integer; `None` for anything but plain digits that fit.
pub fn as_u64(raw: &str) -> Option<u64> {
    number(raw)
}

/// The raw value as an integer; `None` for anything but a sign and plain digits that fit.
pub fn as_i64(raw: &str) -> Option<i64> {
    match raw.strip_prefix('-') {
        Some(digits) => 0_i64.checked_sub_unsigned(as_u64(digits)?),
        None => i64::try_from(as_u64(raw)?).ok(),
    }
}

/// The integer part of a raw number, or of a string that holds one; what does not fit is clamped.
///
/// `1.5e3` is 1500, `-0.5` is 0, `"20"` is 20; `None` for everything that is not a number.
pub fn integer(raw: &str) -> Option<i64> {
    let raw = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw).trim_ascii();
    if !is_number(raw) || !validate(raw, 0) {
        return None;
    }
    let (mantissa, exponent) = cut(raw, b'e').or_else(|| cut(raw, b'E')).unwrap_or((raw, "0"));
    let (whole, fraction) = cut(mantissa, b'.').unwrap_or((mantissa, ""));
    let exponent = as_i64(exponent.strip_prefix('+').unwrap_or(exponent))
        .unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    // The digits up to where the exponent puts the point, with zeros where they run out.
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let mut wanted = exponent.saturating_add(digits.len() as i64);
    let mut value = 0_i64;
    let mut source = digits.bytes().chain(fraction.bytes());
    while wanted > 0 {
        let digit = match source.next() {
            Some(digit) => i64::from(digit.wrapping_sub(b'0')),
            None if value == 0 || value == i64::MAX => break,
            None => 0,
        };
        value = value.saturating_mul(10).saturating_add(digit);
        wanted -= 1;
    }
    Some(if whole.starts_with('-') { -value } else { value })
}

/// Appends `text` as a JSON string.
pub fn push_string(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => {
                out.push('\\');
                out.push(char);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1f' => {
                out.push_str("\\u00");
                for digit in [char as usize >> 4, char as usize & 15] {
                    out.push(char::from(HEX[digit & 15]));
                }
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}
