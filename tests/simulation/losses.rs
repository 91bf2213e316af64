//! Which events were lost, and whether the application was told; the definition is in `checks.rs`.

use cometd_edge::session::GapCause;

use crate::checks::{Checks, Subscription};
use crate::model_server::{Published, Server};
use crate::session_model::matches;

impl Checks {
    /// Judges all subscriptions, those that are still open up to `cutoff`. At the end of the good times everything
    /// published in them must have arrived, gap or not.
    pub fn losses(&self, server: &Server, cutoff: u64, good_times: bool) {
        for (number, subscription) in &self.subscriptions {
            let Some(opened_at) = subscription.opened_at else { continue };
            let mut delivered = vec![false; server.published.len()];
            subscription.delivered.iter().for_each(|event| delivered[*event as usize] = true);
            for (index, event) in server.published.iter().enumerate() {
                if delivered[index] || event.dropped == Some(true) || event.at <= opened_at {
                    continue;
                }
                let burst = good_times && index >= self.burst_from && !subscription.left;
                self.lost(
                    server,
                    *number,
                    subscription,
                    index,
                    event,
                    if burst { u64::MAX } else { cutoff },
                    burst,
                );
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of it belongs to one event that is missing")]
    fn lost(
        &self,
        server: &Server,
        number: u32,
        subscription: &Subscription,
        index: usize,
        event: &Published,
        cutoff: u64,
        burst: bool,
    ) {
        for (pattern, until) in &subscription.channels {
            if !matches(pattern, &event.channel) || event.at >= (*until).min(cutoff) {
                continue;
            }
            assert!(
                !burst,
                "event {index} of the final burst never comes for subscription {number} ({pattern})"
            );
            let living = event.sessions.iter().map(|session| &server.sessions[*session]).find(|session| {
                session.ack && session.known && session.alive() && session.subscriptions.contains(pattern)
            });
            assert!(
                living.is_none() || subscription.left,
                "A1: event {index} is lost for subscription {number} ({pattern}) in a session that lives"
            );
            let ack = event.sessions.iter().any(|session| server.sessions[*session].ack);
            let covered = self.gaps.iter().any(|gap| {
                gap.channel == *pattern
                    && gap.since <= event.at
                    && event.at <= gap.until
                    && !(ack && gap.cause == GapCause::ResponseLost && gap.since >= self.began_at)
            });
            assert!(
                covered,
                "event {index} on {} at {} is lost for subscription {number} ({pattern}) without a gap",
                event.channel, event.at
            );
        }
    }
}
