//! Channel names, globs and filtered names, against a model that looks at segments.

use cometd_edge::bayeux::{ChannelError, Pattern, check_publish};

/// The first line is a subscription, each further one a channel.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let subscription = lines.next().unwrap_or_default();
    let pattern = Pattern::parse(subscription);
    assert_eq!(pattern.is_ok(), is_subscription(subscription), "{subscription:?}: {pattern:?}");
    let glob = pattern.as_ref().is_ok_and(Pattern::is_glob);
    let published = check_publish(subscription);
    assert_eq!(published.is_ok(), pattern.is_ok() && !glob, "{subscription:?}: {published:?}");
    let Ok(pattern) = pattern else {
        return assert!(!pattern.unwrap_err().to_string().is_empty());
    };
    if glob {
        assert_eq!(published, Err(ChannelError::WildcardNotLast));
    }
    assert_eq!(pattern.as_str(), subscription);
    assert_eq!(pattern.topic(), topic(subscription));
    assert_eq!(pattern.is_service(), subscription.starts_with("/service/"));
    assert_eq!(pattern.matches(subscription), !glob || matches(subscription, subscription));
    for channel in lines {
        assert_eq!(
            pattern.matches(channel),
            matches(subscription, channel),
            "{subscription:?} and {channel:?}"
        );
        // Queries make no difference, on either side.
        assert_eq!(pattern.matches(topic(channel)), pattern.matches(channel), "{channel:?}");
    }
}

fn topic(channel: &str) -> &str {
    channel.split('?').next().unwrap_or_default()
}

fn is_subscription(text: &str) -> bool {
    let mut segments: Vec<&str> = topic(text).split('/').collect();
    if !text.starts_with('/') || text.len() > 4_096 {
        return false;
    }
    let blank = |char: char| matches!(char, ' ' | '\t' | '\n' | '\r' | '\x0c');
    if text.ends_with(blank) || text.chars().any(char::is_control) || segments.get(1) == Some(&"meta") {
        return false;
    }
    segments.remove(0);
    let last = segments.pop().unwrap_or_default();
    let plain = |segment: &str| !segment.is_empty() && !segment.contains('*');
    segments.iter().all(|segment| plain(segment)) && (plain(last) || last == "*" || last == "**")
}

fn matches(subscription: &str, channel: &str) -> bool {
    let own: Vec<&str> = topic(subscription).split('/').collect();
    let other: Vec<&str> = topic(channel).split('/').collect();
    let (last, parents) = own.split_last().expect("a split gives one piece at least");
    let below = other.len() > parents.len() && other.starts_with(parents) && other[1] != "meta";
    let rest = &other[parents.len().min(other.len())..];
    match *last {
        "*" => below && rest.len() == 1 && !rest[0].is_empty(),
        "**" => below && rest != [""],
        _ => own == other,
    }
}
