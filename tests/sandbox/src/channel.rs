//! Channel names, and which subscriptions they reach.

/// Why a name cannot be subscribed to or published on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadName {
    NoSlash,
    Malformed,
}

/// Tells whether `name`, a channel or a subscription, is well formed. What follows a `?` is a filter and not looked at.
pub(crate) fn check(name: &str) -> Result<(), BadName> {
    let Some(path) = without_filter(name).strip_prefix('/') else { return Err(BadName::NoSlash) };
    let last = path.split('/').count() - 1;
    let sound = path.split('/').enumerate().all(|(at, segment)| {
        !segment.is_empty()
            && !segment.contains(|c: char| c.is_whitespace() || c.is_control())
            && (!segment.contains('*') || (at == last && matches!(segment, "*" | "**")))
    });
    if sound { Ok(()) } else { Err(BadName::Malformed) }
}

/// Tells whether an event on `channel` reaches `subscription`.
pub(crate) fn matches(subscription: &str, channel: &str) -> bool {
    let subscription = without_filter(subscription);
    let below = |prefix: &str| channel.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    if let Some(prefix) = subscription.strip_suffix("**") {
        below(prefix).is_some()
    } else if let Some(prefix) = subscription.strip_suffix('*') {
        below(prefix).is_some_and(|rest| !rest.contains('/'))
    } else {
        subscription == channel
    }
}

pub(crate) fn is_glob(name: &str) -> bool {
    without_filter(name).ends_with('*')
}

pub(crate) fn without_filter(name: &str) -> &str {
    name.split_once('?').map_or(name, |(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_reach_what_is_below_them_and_not_themselves() {
        assert!(matches("/foo/*", "/foo/a") && !matches("/foo/*", "/foo/a/b") && !matches("/foo/*", "/foo"));
        assert!(
            matches("/foo/**", "/foo/a/b") && !matches("/foo/**", "/foo") && !matches("/foo/**", "/food")
        );
        assert!(matches("/**", "/a") && matches("/*", "/a") && !matches("/*", "/a/b"));
    }

    #[test]
    fn a_filter_is_no_part_of_the_name() {
        assert!(matches("/topic/X?A='/b*'", "/topic/X"));
        assert_eq!(check("/topic/X?A='/b*'"), Ok(()));
    }

    #[test]
    fn names_are_checked() {
        assert_eq!(check("foo"), Err(BadName::NoSlash));
        assert_eq!(check(""), Err(BadName::NoSlash));
        for bad in ["/", "/a/", "/a//b", "/a b", "/*/a", "/a*", "/a/***"] {
            assert_eq!(check(bad), Err(BadName::Malformed), "{bad}");
        }
        for good in ["/a", "/a/b", "/*", "/**", "/a/*", "/a/**", "/event/Order__e"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }
}
