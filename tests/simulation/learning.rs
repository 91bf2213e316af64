//! What the checks learn of the client's view: its session, and what was confirmed in it.

use cometd_edge::session::State;

use crate::world::World;

impl World {
    /// The client has taken in a reply: a new session, or a confirmed channel.
    pub fn learn(&mut self, number: u32, text: &str) {
        let exchange = &self.exchanges[number as usize];
        if !text.contains(r#""successful":true"#) {
            return;
        }
        let message: serde_json::Value = serde_json::from_str(text).expect("JSON");
        if exchange.kind == "handshake" {
            let id = message["clientId"].as_str().expect("a client id");
            let session =
                self.server.sessions.iter().position(|session| session.id == id).expect("a known session");
            self.checks.current = Some(session);
        } else if let Some(channel) = message["subscription"].as_str() {
            let asked = |sent: &&String| sent.contains("/meta/subscribe") && sent.contains(channel);
            if message["channel"] != "/meta/unsubscribe" && exchange.messages.iter().any(|sent| asked(&sent))
            {
                let sent: serde_json::Value = serde_json::from_str(&exchange.messages[0]).expect("JSON");
                let session = self.server.sessions.iter().position(|session| sent["clientId"] == *session.id);
                self.checks.confirmed.insert(channel.to_owned(), session.expect("a known session"));
                self.checks.close_gaps(self.now);
                // Replies to a session that was given up count for nothing.
                if session == self.checks.current && self.session.state() == State::Connected {
                    self.promises.confirmed(self.now, channel);
                }
            }
        }
    }
}
