//! X2: keeps secrets out of the words of errors.

/// How many old secrets are remembered while a request that may have carried them is open.
const MAX_RETIRED: usize = 16;
/// Shorter secrets would be found in any text.
const MIN_SECRET: usize = 4;

/// Secrets that are no longer in use but that late replies may still mention.
#[derive(Default)]
pub(super) struct Retired(Vec<String>);

impl Retired {
    /// Remembers a secret. A request with commands may outlive several sessions and tokens; if none is open, late
    /// replies can only mention the last secret.
    pub fn add(&mut self, secret: String, requests_open: bool) {
        if !requests_open {
            self.0.clear();
        } else if self.0.len() >= MAX_RETIRED {
            self.0.remove(0);
        }
        self.0.push(secret);
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// `text` with `instead` in place of each `secret`.
pub(super) fn redact(text: &str, secret: &str, instead: &str) -> String {
    if secret.len() < MIN_SECRET {
        return text.to_owned();
    }
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.as_bytes().windows(secret.len()).position(|window| window == secret.as_bytes())
    {
        clean.push_str(rest.get(..at).unwrap_or_default());
        clean.push_str(instead);
        rest = rest.get(at + secret.len()..).unwrap_or_default();
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(retired: &Retired) -> Vec<&str> {
        retired.iter().collect()
    }

    #[test]
    fn x2_without_an_open_request_the_last_secret_is_kept() {
        let mut retired = Retired::default();
        retired.add("one".to_owned(), false);
        retired.add("two".to_owned(), false);
        assert_eq!(all(&retired), ["two"]);
    }

    #[test]
    fn x2_while_a_request_is_open_sixteen_secrets_are_kept() {
        let mut retired = Retired::default();
        for number in 0..20 {
            retired.add(number.to_string(), true);
        }
        assert_eq!(all(&retired).len(), 16);
        assert_eq!(all(&retired).first(), Some(&"4"));
        assert_eq!(all(&retired).last(), Some(&"19"));
    }

    #[test]
    fn x2_each_occurrence_is_replaced() {
        assert_eq!(redact("a secret, secret", "secret", "[x]"), "a [x], [x]");
        assert_eq!(redact("nothing here", "secret", "[x]"), "nothing here");
    }

    #[test]
    fn x2_what_is_short_is_left_alone() {
        assert_eq!(redact("abcd abc", "abc", "[x]"), "abcd abc");
        assert_eq!(redact("abcd abc", "abcd", "[x]"), "[x] abc");
    }
}
