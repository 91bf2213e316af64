//! Headers: the caller's own, checked before they reach a host that panics on them, and `Retry-After`.

use crate::text::number;

/// Why a header cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is empty, or holds something else than letters, digits and ``!#$%&'*+-.^_`|~``.
    Name,
    /// The value holds a line break, a NUL, or a character beyond U+00FF.
    Value,
}

impl HeaderError {
    /// What is wrong, and what to do about it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "the header's name is not a token of letters, digits and dashes",
            Self::Value => "the header's value holds a line break, a NUL or a character beyond U+00FF",
        }
    }
}

/// Checks one header.
///
/// # Errors
/// [`HeaderError`], which names neither the header nor its value, since that may be a secret (X2).
///
/// Source: RFC 9110, 5.6.2 (token) and 5.5 (CR, LF and NUL are invalid); beyond U+00FF `fetch` throws.
pub fn check_header(name: &str, value: &str) -> Result<(), HeaderError> {
    if name.is_empty() || !name.bytes().all(is_token) {
        Err(HeaderError::Name)
    } else if value.chars().any(|char| matches!(char, '\r' | '\n' | '\0' | '\u{100}'..)) {
        Err(HeaderError::Value)
    } else {
        Ok(())
    }
}

/// The wait that a `Retry-After` header asks for, in milliseconds, at most 2,147,483,000.
///
/// `None` for a date, which only the wall clocks of both sides together could turn into a wait.
///
/// Source: RFC 9110, 10.2.3, `delay-seconds`.
pub fn retry_after_ms(value: &str) -> Option<u64> {
    let value = value.trim_ascii();
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(number(value).unwrap_or(u64::MAX).min(2_147_483) * 1_000)
}

pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+')
        || matches!(byte, b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}
