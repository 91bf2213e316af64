//! Single JSON values: what a raw token is, and the text of a string.

use std::borrow::Cow;

use crate::text::cut;

/// Whether the raw value is a string.
pub fn is_string(raw: &str) -> bool {
    raw.starts_with('"')
}

/// Whether the raw value is a number.
pub fn is_number(raw: &str) -> bool {
    raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// The text of a raw string, escapes decoded and lone surrogates replaced by U+FFFD; `None` for any other
/// value.
pub fn decode_string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    let Some((plain, mut rest)) = cut(inner, b'\\') else { return Some(Cow::Borrowed(inner)) };
    let mut text = String::with_capacity(inner.len());
    text.push_str(plain);
    loop {
        let mut chars = rest.chars();
        match chars.next()? {
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'u' => {
                let (unit, after) = hex4(chars.as_str())?;
                chars = after.chars();
                let pair = (0xd800..0xdc00)
                    .contains(&unit)
                    .then(|| after.strip_prefix("\\u").and_then(hex4))
                    .flatten()
                    .filter(|(low, _)| (0xdc00..0xe000).contains(low));
                let code = match pair {
                    Some((low, after)) => {
                        chars = after.chars();
                        0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                    }
                    None => unit,
                };
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            same => text.push(same),
        }
        let Some((plain, next)) = cut(chars.as_str(), b'\\') else {
            text.push_str(chars.as_str());
            return Some(Cow::Owned(text));
        };
        text.push_str(plain);
        rest = next;
    }
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let unit = digits.chars().try_fold(0, |unit, digit| Some(unit * 16 + digit.to_digit(16)?))?;
    Some((unit, rest))
}
