//! Channel names and patterns.

use cometd_edge::bayeux::{ChannelError, Pattern, check_publish};

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn patterns_match_what_the_specification_lists() {
    for (text, channel, matches) in [
        // Bayeux, "channel globbing".
        ("/foo/*", "/foo/bar", true),
        ("/foo/*", "/foo/boo", true),
        ("/foo/*", "/foo", false),
        ("/foo/*", "/foobar", false),
        ("/foo/*", "/foo/bar/boo", false),
        ("/foo/**", "/foo/bar", true),
        ("/foo/**", "/foo/bar/boo", true),
        ("/foo/**", "/foo", false),
        ("/foo/**", "/foobar", false),
        ("/foo/**", "/foobar/boo", false),
        ("/foo/*", "/foo/", false),
        ("/foo/**", "/foo/", false),
        ("/*", "/foo", true),
        ("/*", "/foo/bar", false),
        ("/**", "/foo/bar", true),
        ("/**", "/service/x", true),
        // Meta channels are the protocol's own.
        ("/**", "/meta/connect", false),
        ("/**", "/meta", false),
        ("/*", "/meta", false),
        ("/**", "/metadata", true),
        ("/foo", "/foo", true),
        ("/foo", "/Foo", false),
        ("/foo", "/foo/bar", false),
        ("/foo/bar", "/foo", false),
        ("/foo", "", false),
        ("/é/*", "/é/ü", true),
        // R2: with and without the query, on both sides.
        ("/topic/X?A='b'&B='c/d'", "/topic/X", true),
        ("/topic/X?A='b'", "/topic/X?A='b'", true),
        ("/topic/X", "/topic/X?A='b'", true),
        ("/topic/X?A='b'", "/topic/XY", false),
        ("/topic/*", "/topic/X?A='b/c'", true),
        ("/topic/*?A='*'", "/topic/X", true),
        ("/topic/X?A", "/topic", false),
    ] {
        assert_eq!(pattern(text).matches(channel), matches, "{text} on {channel}");
    }
}

#[test]
fn what_a_subscription_may_be() {
    let longest = format!("/{}", "x".repeat(4_095));
    for text in [
        "/a",
        "/a/b",
        "/a/*",
        "/**",
        "/topic/X?A='b c'&B=\"d\"",
        "/topic/X?A='//*'",
        "/topic/X?",
        "/service/a",
        "/u/Chän/sub",
        "/event/Order__e",
        "/data/ChangeEvents",
        "/a b",
        "/a-_!~()$@",
        "/metadata",
        "/x/meta/y",
        &longest,
    ] {
        assert_eq!(pattern(text).as_str(), text);
    }
    for (text, error) in [
        ("", ChannelError::Empty),
        ("a", ChannelError::NoLeadingSlash),
        ("?a", ChannelError::NoLeadingSlash),
        ("/", ChannelError::EmptySegment),
        ("/?a", ChannelError::EmptySegment),
        ("//", ChannelError::EmptySegment),
        ("/a/", ChannelError::EmptySegment),
        ("/a//b", ChannelError::EmptySegment),
        ("/a/?x", ChannelError::EmptySegment),
        ("/*/a", ChannelError::WildcardNotLast),
        ("/**/a", ChannelError::WildcardNotLast),
        ("/a*", ChannelError::WildcardNotLast),
        ("/a/***", ChannelError::WildcardNotLast),
        ("/a/*b", ChannelError::WildcardNotLast),
        ("/meta", ChannelError::Meta),
        ("/meta/connect", ChannelError::Meta),
        ("/meta/*", ChannelError::Meta),
        (" ", ChannelError::BadCharacter),
        (" /a", ChannelError::BadCharacter),
        ("/a ", ChannelError::BadCharacter),
        ("/a\n", ChannelError::BadCharacter),
        ("/a\u{0}b", ChannelError::BadCharacter),
        ("/a\u{7f}b", ChannelError::BadCharacter),
        (&(longest.clone() + "x"), ChannelError::TooLong),
    ] {
        assert_eq!(Pattern::parse(text), Err(error), "{text:?}");
        assert!(check_publish(text).is_err(), "{text:?}");
    }
}

#[test]
fn patterns_know_their_kind_and_their_topic() {
    for (text, glob, service, topic) in [
        ("/a", false, false, "/a"),
        ("/a/*", true, false, "/a/*"),
        ("/a/**", true, false, "/a/**"),
        ("/service/a", false, true, "/service/a"),
        ("/services/a", false, false, "/services/a"),
        ("/topic/X?A='b?c'", false, false, "/topic/X"),
        ("/topic/X?A='**'", false, false, "/topic/X"),
    ] {
        let pattern = pattern(text);
        assert_eq!(
            (pattern.is_glob(), pattern.is_service(), pattern.topic()),
            (glob, service, topic),
            "{text}"
        );
    }
}

#[test]
fn one_publishes_to_one_channel_that_is_not_the_protocols() {
    for channel in ["/a", "/service/a/b", "/a b", "/u/x?y=1"] {
        assert_eq!(check_publish(channel), Ok(()), "{channel}");
    }
    for channel in ["/a/*", "/**", "/a/*/b"] {
        assert_eq!(check_publish(channel), Err(ChannelError::WildcardNotLast), "{channel}");
    }
    assert_eq!(check_publish("/meta/subscribe"), Err(ChannelError::Meta));
}
