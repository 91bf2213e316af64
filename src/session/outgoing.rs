//! The messages that a request with commands carries, and which of them a reply answers (S14).

use crate::bayeux::message::Message;

/// A message that has gone out, or is about to.
pub(super) enum Outgoing {
    Subscribe(String),
    Unsubscribe(String),
    Publish(Box<Publish>),
    Raw(Box<Raw>),
}

/// A message to be published.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Publish {
    pub command: u32,
    pub order: u32,
    pub channel: String,
    pub data: String,
    /// The id if it is a call, which the answer carries, too.
    pub call: Option<String>,
    /// It was answered "unknown client" and so not processed, and goes out a second and last time (R7).
    pub second_try: bool,
}

/// A message of `send()`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub command: u32,
    pub order: u32,
    pub channel: String,
    /// Of a subscribe or an unsubscribe: the first subscription that it names.
    pub subscription: Option<String>,
    pub message: String,
}

/// A message in a request.
pub(super) struct Sent {
    /// The id that the client gave; a message of `send()` may carry the caller's own.
    pub message_id: String,
    /// `None` once it is answered.
    message: Option<Outgoing>,
}

impl Outgoing {
    /// Whether it is a message of the application's, which is never sent twice (R7).
    pub fn is_message(&self) -> bool {
        matches!(self, Self::Publish(_) | Self::Raw(_))
    }

    /// Whether a reply with this channel and subscription, as far as it names them, can belong to it.
    fn fits(&self, channel: Option<&str>, subscription: Option<&str>) -> bool {
        let Some(channel) = channel else { return true };
        let same = |name: &str| subscription.is_none_or(|given| given == name);
        match self {
            Self::Subscribe(name) => channel == "/meta/subscribe" && same(name),
            Self::Unsubscribe(name) => channel == "/meta/unsubscribe" && same(name),
            Self::Publish(publish) => channel == publish.channel,
            Self::Raw(raw) => channel == raw.channel && raw.subscription.as_deref().is_none_or(same),
        }
    }
}

impl Sent {
    pub fn new(message_id: String, message: Outgoing) -> Self {
        Self { message_id, message: Some(message) }
    }

    pub fn is_open(&self) -> bool {
        self.message.is_some()
    }

    /// The message, while it has no answer.
    pub fn message(&self) -> Option<&Outgoing> {
        self.message.as_ref()
    }

    /// Whether it is a message of the application's that has no answer yet.
    pub fn is_message(&self) -> bool {
        self.message.as_ref().is_some_and(Outgoing::is_message)
    }

    /// The message, unless it is answered.
    pub fn into_message(self) -> Option<Outgoing> {
        self.message
    }

    /// It is answered now.
    pub fn take(&mut self) -> Option<Outgoing> {
        self.message.take()
    }
}

/// Which of the messages the reply answers: by id, else by channel, else the first without an answer (S14).
pub(super) fn answered_by(sent: &[Sent], reply: &Message) -> Option<usize> {
    let subscription = reply.subscription();
    let by_id = |sent: &Sent| reply.id() == Some(&sent.message_id);
    let by_channel = |sent: &Sent| {
        sent.message().is_some_and(|message| message.fits(reply.channel(), subscription.as_deref()))
    };
    // A message of a service to somebody else, or the answer to a call that has been given up.
    let stray = reply.id().is_some() && reply.data().is_some();
    let find = |is: &dyn Fn(&Sent) -> bool| sent.iter().position(|sent| sent.is_open() && is(sent));
    // Messages of `send()` may carry the caller's own ids, which may equal one of the client's.
    find(&|sent| by_id(sent) && by_channel(sent))
        .or_else(|| find(&|sent| by_channel(sent) && !stray))
        .or_else(|| find(&by_id))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn publish(command: u32, order: u32, channel: &str) -> Publish {
        let (channel, data) = (channel.to_owned(), "1".to_owned());
        Publish { command, order, channel, data, call: None, second_try: false }
    }

    pub fn raw(command: u32, order: u32, channel: &str) -> Raw {
        let (channel, message) = (channel.to_owned(), "{}".to_owned());
        Raw { command, order, channel, subscription: None, message }
    }

    fn sent() -> Vec<Sent> {
        let subscribe = |name: &str| Outgoing::Subscribe(name.to_owned());
        let service = Raw { subscription: Some("/service/s".to_owned()), ..raw(9, 9, "/meta/subscribe") };
        vec![
            Sent::new("1".to_owned(), subscribe("/a")),
            Sent::new("2".to_owned(), subscribe("/b")),
            Sent::new("3".to_owned(), Outgoing::Unsubscribe("/c".to_owned())),
            Sent::new("4".to_owned(), Outgoing::Publish(Box::new(publish(7, 7, "/p")))),
            Sent::new("5".to_owned(), Outgoing::Raw(Box::new(service))),
        ]
    }

    fn answered(reply: &str) -> Option<usize> {
        answered_by(&sent(), &Message::parse(reply.to_owned()).expect("a message"))
    }

    #[test]
    fn s14_a_reply_answers_the_message_with_its_id_and_channel() {
        assert_eq!(answered(r#"{"channel":"/meta/subscribe","id":"2"}"#), Some(1));
        assert_eq!(answered(r#"{"channel":"/meta/unsubscribe","id":"3"}"#), Some(2));
        assert_eq!(answered(r#"{"channel":"/p","id":"4"}"#), Some(3));
    }

    #[test]
    fn s14_without_an_id_the_channel_and_the_subscription_decide() {
        assert_eq!(answered(r#"{"channel":"/meta/subscribe","subscription":"/b"}"#), Some(1));
        assert_eq!(answered(r#"{"channel":"/meta/subscribe","subscription":"/service/s"}"#), Some(4));
        assert_eq!(answered(r#"{"channel":"/meta/unsubscribe","subscription":"/c"}"#), Some(2));
        assert_eq!(answered(r#"{"channel":"/meta/subscribe"}"#), Some(0));
        assert_eq!(answered(r#"{"channel":"/meta/unsubscribe","subscription":"/x"}"#), None);
        assert_eq!(answered(r#"{"channel":"/meta/subscribe","subscription":"/x"}"#), None);
        assert_eq!(answered(r#"{"channel":"/p"}"#), Some(3));
        assert_eq!(answered(r#"{"channel":"/x"}"#), None);
    }

    #[test]
    fn s14_without_a_channel_the_id_decides_else_the_order() {
        assert_eq!(answered(r#"{"id":"3","successful":false}"#), Some(2));
        assert_eq!(answered(r#"{"successful":false}"#), Some(0));
    }

    #[test]
    fn the_channel_wins_over_the_id_of_a_message_of_the_caller() {
        assert_eq!(answered(r#"{"channel":"/p","id":"1"}"#), Some(3));
        assert_eq!(answered(r#"{"channel":"/x","id":"1"}"#), Some(0), "the id alone, where no channel fits");
    }

    #[test]
    fn data_with_a_strange_id_answers_nothing() {
        assert_eq!(answered(r#"{"channel":"/p","id":"x","data":1}"#), None);
        assert_eq!(answered(r#"{"channel":"/p","id":"x"}"#), Some(3));
        assert_eq!(answered(r#"{"channel":"/p","data":1}"#), Some(3));
    }

    #[test]
    fn what_is_answered_is_not_answered_again() {
        let mut sent = sent();
        assert!(sent[0].is_open() && !sent[0].is_message() && sent[3].is_message() && sent[4].is_message());
        assert!(matches!(sent[0].take(), Some(Outgoing::Subscribe(name)) if name == "/a"));
        assert!(!sent[0].is_open() && sent[0].take().is_none());
        sent[3].take();
        assert!(!sent[3].is_message());
        assert!(matches!(sent.pop().and_then(Sent::into_message), Some(Outgoing::Raw(_))));
        sent.push(Sent::new("5".to_owned(), Outgoing::Unsubscribe("/d".to_owned())));
        let reply = Message::parse(r#"{"channel":"/meta/subscribe"}"#.to_owned()).expect("a message");
        assert_eq!(answered_by(&sent, &reply), Some(1));
    }
}
