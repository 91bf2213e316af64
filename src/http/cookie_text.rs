//! Cookies as a header writes them, and as the caller may give them (X4).

use crate::text::{cut, pieces};

/// The most cookies that are kept.
pub(super) const COOKIES: usize = 64;
/// The longest cookie, name and value together, in bytes.
pub(super) const COOKIE_BYTES: usize = 4_096;

/// Why a text of the caller's is no list of cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
#[non_exhaustive]
pub enum CookieError {
    /// A piece between the semicolons has no `=`, or no name before it.
    Pair,
    /// A control character, or one beyond U+00FF.
    Character,
    /// More than 64 cookies, or one of more than 4,096 bytes.
    TooLarge,
}

impl CookieError {
    /// What is wrong, and what to do about it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pair => {
                "give name=value pairs with semicolons between them, as document.cookie writes them"
            }
            Self::Character => "a control character, or a character beyond U+00FF, cannot be sent",
            Self::TooLarge => "more than 64 cookies, or one of more than 4,096 bytes",
        }
    }
}

/// Checks cookies as a `Cookie` header or `document.cookie` writes them: `a=b; c=d`.
///
/// # Errors
/// [`CookieError`], which repeats neither a name nor a value (X2).
pub fn check_cookies(text: &str) -> Result<(), CookieError> {
    if !is_clean(text) {
        return Err(CookieError::Character);
    }
    let mut count = 0;
    for piece in pieces(text, b';').map(str::trim_ascii).filter(|piece| !piece.is_empty()) {
        let (name, value) = pair(piece).ok_or(CookieError::Pair)?;
        count += 1;
        if count > COOKIES || name.len() + value.len() > COOKIE_BYTES {
            return Err(CookieError::TooLarge);
        }
    }
    Ok(())
}

/// One piece of a `Cookie` header.
pub(super) fn pair(piece: &str) -> Option<(&str, &str)> {
    let (name, value) = cut(piece, b'=')?;
    let (name, value) = (name.trim_ascii(), value.trim_ascii());
    (!name.is_empty()).then_some((name, value))
}

/// Can it stand in a header?
pub(super) fn is_clean(text: &str) -> bool {
    !text.chars().any(|char| (char.is_ascii_control() && char != '\t') || char > '\u{ff}')
}
