//! The grammar of the `error` field: `ddd:args:text`, `ddd::text`, free text.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::text::{cut, decimal, find, joined, pieces};

/// What an error text says.
///
/// The arguments often name the client id (`402:xj3sjdsjdsjad:Unknown Client ID`), so `Display` leaves them
/// out, and `Debug` shows only how many there are (X2). The text is the server's own.
///
/// All that one refusal concerns share it: a clone is a reference.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure(Arc<FailureParts>);

/// The three parts of an error text.
#[derive(PartialEq, Eq)]
pub struct FailureParts {
    /// The three digits it begins with; 0 for free text.
    pub code: u16,
    /// What stands between the colons, split at commas.
    pub args: Vec<String>,
    /// The rest, or all of a free text.
    pub text: String,
}

impl Failure {
    /// A failure of these parts.
    pub fn new(code: u16, args: Vec<String>, text: String) -> Self {
        Self(Arc::new(FailureParts { code, args, text }))
    }

    /// The code, where there is one, and the text.
    pub(crate) fn words(&self) -> String {
        let code = if self.code == 0 { String::new() } else { decimal(u64::from(self.code)) };
        let between = if code.is_empty() || self.text.is_empty() { "" } else { " " };
        joined(&[&code, between, &self.text], "")
    }

    /// Reads an error text. Every text has a meaning: what does not follow the grammar is free text.
    ///
    /// Source: Bayeux, "error": `error_code ":" error_args ":" error_message`, `error_code "::"
    /// error_message`, or a text of the server's own. A code with one colon is taken as code and text.
    pub fn parse(text: &str) -> Self {
        let Some((code, rest)) = code(text) else {
            return Self::new(0, Vec::new(), text.to_owned());
        };
        let (args, text) = cut(rest, b':').unwrap_or(("", rest));
        let args = pieces(args, b',').filter(|arg| !arg.is_empty()).map(str::to_owned).collect();
        Self::new(code, args, text.to_owned())
    }

    /// Whether the server does not know the session any more (S9).
    ///
    /// 402 always says so; 403 (Salesforce, CometD) and 401 (Faye) where the words do.
    pub fn is_unknown_client(&self) -> bool {
        let says = |text: &str| {
            ["unknown client", "unknown_client", "session_unknown"]
                .iter()
                .any(|wanted| find(text.as_bytes(), wanted.as_bytes()).is_some())
        };
        match self.code {
            402 => true,
            401 | 403 => says(&self.text) || self.args.iter().any(|arg| says(arg)),
            _ => false,
        }
    }
}

impl Deref for Failure {
    type Target = FailureParts;

    fn deref(&self) -> &FailureParts {
        &self.0
    }
}

/// Code and text, for people, without the arguments.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Failure");
        debug.field("code", &self.code).field("args", &self.args.len()).field("text", &self.text).finish()
    }
}

/// Three digits and a colon, and what follows.
fn code(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.split_at_checked(3)?;
    let code = digits.bytes().try_fold(0, |code, digit| {
        digit.is_ascii_digit().then(|| code * 10 + u16::from(digit.wrapping_sub(b'0')))
    })?;
    Some((code, rest.strip_prefix(':')?))
}
