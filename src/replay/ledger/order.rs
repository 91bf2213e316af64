//! Events that come on two responses at once have no known order. They form a group: consecutive entries, each of them but
//! the first `unordered`, whose positions count only together.

use super::arrival::Wait;
use super::entry::Entry;

/// An event arrives on the response to `request`. Returns whether entries wait for this response: then the event belongs
/// to the group that begins with the first of them.
pub(super) fn joins_group(entries: &mut [Entry], request: u32) -> bool {
    let waits = Wait::Response(request);
    let Some(first) = entries.iter().position(|entry| entry.wait == waits) else { return false };
    for entry in entries.iter_mut().skip(first + 1) {
        entry.unordered = true;
    }
    true
}

/// How many of the first `count` entries are left without a group that reaches beyond them.
pub(super) fn whole_groups(entries: &[Entry], mut count: usize) -> usize {
    while entries.get(count).is_some_and(|entry| count > 0 && entry.unordered) {
        count -= 1;
    }
    count
}
