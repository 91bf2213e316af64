//! Small tools for texts. The library has them all, but instantiates each anew for every type that it is used with, or
//! brings a searcher or a table along: up to a kilobyte of wasm apiece.

/// Joins texts.
#[inline(never)]
pub(crate) fn joined(parts: &[&str], between: &str) -> String {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        text.push_str(part);
    }
    text
}

/// A template with its `%`s replaced, each by the next of the parts.
#[inline(never)]
pub(crate) fn filled(template: &str, parts: &[&str]) -> String {
    let mut text = String::new();
    let mut parts = parts.iter();
    for (index, piece) in pieces(template, b'%').enumerate() {
        if index > 0 {
            text.push_str(parts.next().copied().unwrap_or_default());
        }
        text.push_str(piece);
    }
    text
}

/// FNV-1a: equal texts have equal hashes, and different ones hardly ever.
#[inline(never)]
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What stands before the first `mark` and what after it; `mark` is ASCII.
#[inline(never)]
pub(crate) fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    around(text, text.bytes().position(|byte| byte == mark)?)
}

/// What stands before the last `mark` and what after it; `mark` is ASCII.
#[inline(never)]
pub(crate) fn cut_last(text: &str, mark: u8) -> Option<(&str, &str)> {
    around(text, text.bytes().rposition(|byte| byte == mark)?)
}

fn around(text: &str, at: usize) -> Option<(&str, &str)> {
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The pieces of a text between the `mark`s: one more than there are of these.
pub(crate) fn pieces(text: &str, mark: u8) -> Pieces<'_> {
    Pieces { rest: Some(text), mark }
}

pub(crate) struct Pieces<'a> {
    rest: Option<&'a str>,
    mark: u8,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    #[inline(never)]
    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        let Some((piece, rest)) = cut(text, self.mark) else { return Some(text) };
        self.rest = Some(rest);
        Some(piece)
    }
}

/// Whether a byte stands anywhere in a text.
pub(crate) fn has(text: &str, wanted: u8) -> bool {
    text.bytes().any(|byte| byte == wanted)
}

/// Where `wanted` begins in a text, ASCII letters taken in any case.
#[inline(never)]
pub(crate) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut at = 0;
    while !text.get(at..at + wanted.len())?.eq_ignore_ascii_case(wanted) {
        at += 1;
    }
    Some(at)
}

/// A number in digits.
pub(crate) fn decimal(number: u64) -> String {
    let mut text = String::new();
    push_decimal(&mut text, number);
    text
}

#[inline(never)]
fn push_decimal(text: &mut String, number: u64) {
    if number >= 10 {
        push_decimal(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// Reads a number of plain digits; `None` for anything else, and for what does not fit.
#[inline(never)]
pub(crate) fn number(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?))
    })
}

/// Bytes as text; what is not UTF-8 becomes U+FFFD, as `String::from_utf8_lossy` does it.
#[inline(never)]
pub(crate) fn lossy(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    loop {
        let error = match str::from_utf8(bytes) {
            Ok(rest) => {
                text.push_str(rest);
                return text;
            }
            Err(error) => error,
        };
        let (good, rest) = bytes.split_at_checked(error.valid_up_to()).unwrap_or_default();
        text.push_str(str::from_utf8(good).unwrap_or_default());
        text.push(char::REPLACEMENT_CHARACTER);
        // `None`: the bytes end in the middle of a character.
        let Some(length) = error.error_len() else { return text };
        bytes = rest.get(length..).unwrap_or_default();
    }
}

/// Translates positions in a text from bytes to UTF-16 units, in one walk over the text.
pub(crate) fn units_at<const N: usize>(text: &str, bytes: [usize; N]) -> [u32; N] {
    let ascii = text.is_ascii();
    let mut order: [usize; N] = core::array::from_fn(|index| index);
    order.sort_unstable_by_key(|index| bytes[*index]);
    let (mut byte, mut units) = (0, 0);
    let mut positions = [0; N];
    for index in order {
        let passed = text.as_bytes().get(byte..bytes[index]).unwrap_or_default();
        units += if ascii { passed.len() as u32 } else { utf16_len(passed) };
        byte = bytes[index];
        positions[index] = units;
    }
    positions
}

/// How many UTF-16 units the UTF-8 in `bytes` makes: one for each character, and a second for those of four bytes.
pub(crate) fn utf16_len(bytes: &[u8]) -> u32 {
    bytes.iter().map(|byte| u32::from(*byte & 0xc0 != 0x80) + u32::from(*byte >= 0xf0)).sum()
}

#[cfg(test)]
mod tests {
    use super::{cut, cut_last, decimal, filled, find, lossy, number, pieces, units_at, utf16_len};

    #[test]
    fn templates_are_filled_from_left_to_right() {
        assert_eq!(filled("% and %.", &["100 %", "b"]), "100 % and b.");
        assert_eq!(filled("none", &["a"]), "none");
    }

    #[test]
    fn texts_are_cut_at_the_first_or_last_mark() {
        assert_eq!(cut("a:b:c", b':'), Some(("a", "b:c")));
        assert_eq!(cut_last("a:b:c", b':'), Some(("a:b", "c")));
        assert_eq!(cut("é:", b':'), Some(("é", "")));
        assert_eq!(cut("abc", b':'), None);
        assert_eq!(pieces("a,,b,", b',').collect::<Vec<_>>(), ["a", "", "b", ""]);
        assert_eq!(pieces("", b',').collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn a_part_is_found_in_any_case() {
        assert_eq!(find(b"an Unknown client", b"unknown"), Some(3));
        assert_eq!(find(b"an Unknown", b"unknown"), Some(3));
        assert_eq!(find(b"an", b"and"), None);
        assert_eq!(find(b"", b""), Some(0));
    }

    #[test]
    fn numbers_are_written_in_digits() {
        for number in [0, 7, 10, 4_294_967_296, u64::MAX] {
            assert_eq!(decimal(number), number.to_string());
        }
    }

    #[test]
    fn numbers_are_read_from_plain_digits() {
        assert_eq!(number("007"), Some(7));
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        for text in ["", "+1", "-1", "1.0", " 1", "18446744073709551616", "99999999999999999999999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_replaced_as_the_library_does_it() {
        let samples: [&[u8]; 8] = [
            b"plain",
            "gr\u{fc}n \u{1f600}".as_bytes(),
            b"\xff\xfe",
            b"a\xc3",
            b"a\xc3(b",
            b"\xe2\x82",
            b"\xf0\x9f\x98x\x80\xc0\xaf",
            b"\xed\xa0\x80",
        ];
        for bytes in samples {
            assert_eq!(lossy(bytes), String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn utf16_units_are_counted_as_the_library_counts_them() {
        for text in
            ["", "plain", "gr\u{fc}n", "\u{20ac}5", "\u{1f600}a\u{10ffff}", "\u{7ff}\u{800}\u{ffff}\u{10000}"]
        {
            assert_eq!(utf16_len(text.as_bytes()) as usize, text.encode_utf16().count(), "{text}");
        }
    }

    #[test]
    fn positions_in_any_order_are_translated_to_utf16_units() {
        let text = "a\u{fc}\u{1f600}b\u{20ac}";
        let bytes = [text.len(), 0, 7, 3, 1, 8, 3];
        let expected = bytes.map(|at| text[..at].encode_utf16().count() as u32);
        assert_eq!(units_at(text, bytes), expected);
        assert_eq!(units_at("ascii", [5, 2, 0]), [5, 2, 0]);
    }
}
