//! What goes wrong in the course of an hour.

use crate::life::{Life, Reply};
use crate::server::Server;

#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The poll's answer breaks off in the middle of an event.
    Cut,
    /// The poll is dropped with the events that it took along.
    Dropped,
    /// The poll is never answered.
    Silence,
    /// The poll's answer stops, and the connection stays.
    Stall,
    Unavailable,
    Forgotten,
    /// Nothing can be reached for a minute, and then the server knows nobody.
    Restart,
    /// The access token, or where there is none the session.
    Expired,
    /// The next position.
    Refused,
    Malformed,
    /// A message larger than the client takes in.
    Oversized,
    /// Handshakes are answered with 503 for a while.
    Busy,
    /// The store fails while the session has to be replaced.
    Store,
    /// Nobody sees the page for some minutes.
    Hidden,
}

impl Fault {
    pub const ALL: [Self; 14] = [
        Self::Cut,
        Self::Dropped,
        Self::Silence,
        Self::Stall,
        Self::Unavailable,
        Self::Forgotten,
        Self::Restart,
        Self::Expired,
        Self::Refused,
        Self::Malformed,
        Self::Oversized,
        Self::Busy,
        Self::Store,
        Self::Hidden,
    ];

    pub fn strike(self, life: &mut Life) {
        match self {
            Self::Cut => life.poll_with_events(|body| Reply::Cut(half(body).to_owned())),
            Self::Dropped => life.poll_with_events(|_| Reply::Failed),
            Self::Silence => life.poll_with_events(|_| Reply::Never),
            Self::Stall => life.poll_with_events(|body| Reply::Stalled(half(body).to_owned())),
            Self::Unavailable => life.answer_poll(|_, _| Reply::Status(503)),
            Self::Forgotten => life.forget(),
            Self::Restart => {
                life.server.session = None;
                life.answer_poll(|_, _| Reply::Failed);
                life.down_until = life.now + 60_000;
            }
            Self::Expired => {
                if life.tokens == 0 {
                    return life.forget();
                }
                life.server.expired = life.tokens;
                life.answer_poll(|_, id| Reply::Whole(Server::expired_reply(id)));
            }
            Self::Refused => {
                life.server.refusing = 1;
                life.forget();
            }
            Self::Malformed => life.poll_with_events(|body| Reply::Whole(format!("{},{{:]", half(body)))),
            Self::Oversized => life.poll_with_events(|body| {
                let filler = "x".repeat(2 * crate::life::LARGEST_MESSAGE);
                let rest = body.strip_prefix('[').expect("an array");
                Reply::Whole(format!(r#"[{{"channel":"/other","data":"{filler}"}},{rest}"#))
            }),
            Self::Busy => {
                life.busy = 3;
                life.forget();
            }
            Self::Store => {
                life.store_fails = 3;
                life.poll_with_events(|body| Reply::Whole(body.to_owned()));
                life.forget();
            }
            Self::Hidden => life.hide(),
        }
    }
}

/// The text is ASCII.
fn half(body: &str) -> &str {
    &body[..body.len() / 2]
}
