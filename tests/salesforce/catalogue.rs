//! Every refusal that Salesforce's documentation or a public log holds, in its own words; and what it is not.

use cometd_edge::bayeux::Failure;
use cometd_edge::salesforce::{Refusal, classify};

fn verdict(text: &str) -> Option<Refusal> {
    classify(&Failure::parse(text))
}

/// Texts of one meaning, with or without code, in whatever case and spacing.
#[track_caller]
fn mean(refusal: Refusal, texts: &[&str]) {
    for text in texts {
        assert_eq!(verdict(text), Some(refusal), "{text}");
        assert_eq!(verdict(&text.to_uppercase()), Some(refusal), "{text}, shouted");
        assert_eq!(verdict(&text.replace(' ', " \t ")), Some(refusal), "{text}, spaced");
        let text = text.trim_start_matches(|char: char| char.is_ascii_digit() || char == ':');
        assert_eq!(verdict(text), Some(refusal), "{text}, without its code");
    }
}

#[test]
fn s11_a_token_that_is_refused() {
    mean(Refusal::Unauthorized, &["401::Authentication invalid", "401::Request requires authentication"]);
    assert_eq!(verdict("401"), None, "no grammar");
    assert_eq!(verdict("401::"), Some(Refusal::Unauthorized));
    assert_eq!(verdict("401:a,b:anything"), Some(Refusal::Unauthorized));
}

#[test]
fn s9_a_session_that_is_unknown() {
    mean(
        Refusal::UnknownClient,
        &["403::Unknown client", "403::Client has not completed handshake", "402::Unknown client"],
    );
    for text in ["402:xj3sjdsjdsjad:Unknown Client ID", "402::session_unknown", "401:abc:Unknown client"] {
        assert_eq!(verdict(text), Some(Refusal::UnknownClient), "{text}");
    }
}

#[test]
fn s11_a_server_that_is_busy() {
    mean(
        Refusal::ServerBusy,
        &[
            "503::Server is too busy.  Please try your request again later.",
            "503::Server is too busy. Please try your request again later.",
            "SERVER_UNAVAILABLE",
            "403::SERVER_UNAVAILABLE",
        ],
    );
    assert_eq!(verdict("503::"), Some(Refusal::ServerBusy));
    assert_eq!(verdict("503:x:whatever"), Some(Refusal::ServerBusy));
}

#[test]
fn s11_limits() {
    mean(
        Refusal::ConcurrentLimit,
        &[
            "403::Organization concurrent user limit exceeded",
            "403::To help protect all customers from excessive usage and Denial of Service attacks, we limit the \
             number of simultaneous connections per organization. Please try your request again later.",
        ],
    );
    mean(Refusal::DailyLimit, &["403::Organization total events daily limit exceeded"]);
    mean(Refusal::SubscriptionLimit, &["403::Subscription limit exceeded for this topic"]);
}

#[test]
fn s11_what_the_user_may_not_see() {
    mean(
        Refusal::NoAccess,
        &[
            "403::Subscriber does not have access to the entity in the PushTopic",
            "403::Subscriber does not have access to the fields referenced in the WHERE clause of the PushTopic",
            "403::Subscriber doesn't have access to the entity",
            "403::Subscriber doesn\u{2019}t have access to the fields",
            "403::Subscriber no access to the entity",
            "403::Restricted channel",
            "403::User not enabled for streaming",
            "403::User isn't enabled for streaming",
            "403::You need the View All Data permission to subscribe to change data capture",
            "403::No access on channel /u/x",
        ],
    );
}

#[test]
fn s11_channels() {
    mean(
        Refusal::UnknownChannel,
        &[
            "400::The channel you requested to subscribe to does not exist {/event/X__e}",
            "400::The channel you requested to subscribe to doesn\u{2019}t exist {/event/X__e}",
            "400::Channel doesn't exist",
            "403::Cannot create channel",
            "403::Unable to create channel dynamically: /u/x",
            "404::Unknown channel",
            "404:/foo:Unknown channel",
        ],
    );
    mean(
        Refusal::BadChannel,
        &[
            "400::Channel name not specified",
            "400::Channel subscriptions must start with a leading '/'",
            "400::Channel must start with '/'",
            "400::Query fields {Channel, Access} do not exist on the topic entity",
            "404::Channel names may not vary only by case",
        ],
    );
}

#[test]
fn s11_what_is_wrong_with_the_request() {
    mean(
        Refusal::ApiVersion,
        &[
            "400::API version in the URI is mandatory. URI format: '/cometd/67.0'",
            "400::Unsupported API version. Only API versions '37.0' and later are supported. URI format: '/cometd/67.0'",
        ],
    );
    mean(Refusal::NoTransport, &["400::Invalid connection type", "400::Invalid connection type {websocket}"]);
    mean(
        Refusal::CookieMissing,
        &["400::Client 2ab4 has established a session, but no BAYEUX_BROWSER cookie present"],
    );
    mean(
        Refusal::UserMismatch,
        &[
            "400::Authenticated user id does not match the session's user id",
            "400::Authenticated user id 005 doesn't match the session\u{2019}s user id 006",
        ],
    );
    mean(Refusal::RequestTooLarge, &["413::Maximum Request Size Exceeded"]);
}

#[test]
fn r6_replay_positions() {
    mean(
        Refusal::ReplayInvalid,
        &[
            "400::The replayId {123} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or \
             -1 to replay only new events.",
            "400::The replayId {server is too busy} you provided was invalid. Please provide a valid ID.",
        ],
    );
    mean(
        Refusal::ReplayMap,
        &[
            "400::The replayId for channel {/c} wasn't found using the provided replay ID map {{}}. Ensure that the \
             channel name you provided in the replay map is valid and matches the channel name used for subscribing.",
            "400::The replayId for channel {/data/ChangeEvents} wasn't found using the provided replay ID map \
             {{/data/ChangeEvents=null}}.",
        ],
    );
}

#[test]
fn what_says_nothing_by_itself_means_nothing() {
    for text in [
        "",
        "403::",
        "403::Handshake denied",
        "403:denied_by_security_policy:create_denied",
        "403:denied_by_security_policy:subscribe_denied",
        "403::subscribe_denied",
        "403::publish_denied",
        "403:/secret:Forbidden channel",
        "405:/a*b:Invalid channel",
        "400::Bad request",
        "400::channel_missing",
        "400::subscription_invalid",
        "400::subscription_missing",
        "404::unknown_channel_type",
        "406::timeout",
        "407:/x:Failed to publish",
        "300:1.1:Version mismatch",
        "301:x,y:Connection types not supported",
        "500::Internal server error",
        "the cat sat on the keyboard",
    ] {
        assert_eq!(verdict(text), None, "{text}");
    }
}

#[test]
fn x3_a_text_without_end_is_not_searched_to_its_end() {
    let long = format!("403::{}{}", "x ".repeat(1_000_000), "server is too busy");
    assert_eq!(verdict(&long), None);
    let long = format!("403::server is too busy{}", " x\u{1f600}".repeat(1_000_000));
    assert_eq!(verdict(&long), Some(Refusal::ServerBusy));
}

#[test]
fn every_refusal_has_a_word_and_a_hint_of_its_own() {
    let all = [
        (Refusal::Unauthorized, "unauthorized", false),
        (Refusal::UnknownClient, "unknown-client", true),
        (Refusal::ServerBusy, "server-busy", true),
        (Refusal::ConcurrentLimit, "concurrent-limit", true),
        (Refusal::DailyLimit, "daily-limit", true),
        (Refusal::SubscriptionLimit, "subscription-limit", true),
        (Refusal::NoAccess, "no-access", false),
        (Refusal::UnknownChannel, "unknown-channel", false),
        (Refusal::BadChannel, "bad-channel", false),
        (Refusal::ApiVersion, "api-version", false),
        (Refusal::CookieMissing, "cookie-missing", false),
        (Refusal::UserMismatch, "user-mismatch", false),
        (Refusal::RequestTooLarge, "request-too-large", false),
        (Refusal::ReplayInvalid, "replay-invalid", false),
        (Refusal::ReplayMap, "replay-map", false),
        (Refusal::NoTransport, "no-transport", false),
    ];
    for (refusal, code, retryable) in all {
        assert_eq!((refusal.code(), refusal.retryable()), (code, retryable), "{refusal:?}");
        assert!(!refusal.hint().is_empty() && !refusal.hint().ends_with('.'), "{code}");
        assert_eq!(all.iter().filter(|(other, ..)| other.hint() == refusal.hint()).count(), 1, "{code}");
    }
}
