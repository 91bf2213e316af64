//! How the model server ends sessions.

use crate::model_server::Server;

/// How the server ends a session.
#[derive(Clone, Copy, Debug)]
pub enum Dismissal {
    /// A restart: nobody is told.
    Forget,
    /// A `/meta/disconnect` of its own, with this reconnect advice, or none at all if empty.
    Kick(&'static str),
    /// A successful connect reply with this reconnect advice.
    Advise(&'static str),
}

impl Server {
    /// Ends the sessions in the way that `style` says.
    pub fn dismiss_all(&mut self, now: u64, style: Dismissal) {
        self.tick(now);
        for index in 0..self.sessions.len() {
            if !self.sessions[index].alive() {
                continue;
            }
            let reconnect = match style {
                Dismissal::Forget => {
                    self.sessions[index].parked = None;
                    "handshake"
                }
                Dismissal::Kick(reconnect) | Dismissal::Advise(reconnect) => reconnect,
            };
            let parked = self.sessions[index].parked.is_some();
            match style {
                Dismissal::Advise(_) if parked => {
                    self.release(now, index, &format!(r#"{{"reconnect":"{reconnect}","interval":0}}"#));
                }
                Dismissal::Kick(_) if parked => {
                    self.release(now, index, "");
                    let advice = match reconnect {
                        "" => String::new(),
                        _ => format!(r#","advice":{{"reconnect":"{reconnect}"}}"#),
                    };
                    if let Some((_, reply)) = self.outbox.last_mut() {
                        let own = format!(r#",{{"channel":"/meta/disconnect","successful":true{advice}}}]"#);
                        reply.body.truncate(reply.body.len() - 1);
                        reply.body.push_str(&own);
                    }
                }
                _ => {}
            }
            if reconnect == "none" || reconnect.is_empty() {
                self.said_none = true;
            }
            self.sessions[index].ended_at = Some(now);
            self.sessions[index].dismissed = true;
        }
    }
}
