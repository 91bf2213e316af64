//! S8: the application ends a back-off, since it knows that the network is back.

use super::Session;

impl Session {
    /// Makes every attempt that only a back-off holds up. What the server asked for, and the storm guard (S8a), which is
    /// looked at when a handshake goes out, are not to be talked out of.
    pub(super) fn retry_now(&mut self) {
        let now = self.now;
        if self.client_id.is_none() {
            self.backoff.hurry(now, &mut self.handshake_at);
        } else if self.polling.backs_off {
            self.backoff.hurry(now, &mut self.polling.at);
        }
        self.hurry_token();
        self.commands_backoff.hurry(now, &mut self.commands_at);
        for wire in &mut self.subscriptions.wires {
            // It waits for the one or the other, or for both.
            let mut earliest = wire.retry_at;
            self.commands_backoff.hurry(now, &mut earliest);
            wire.backoff.hurry(now, &mut wire.retry_at);
            wire.retry_at = wire.retry_at.max(earliest);
        }
        self.hurry_store();
    }
}
