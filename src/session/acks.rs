//! A1, A2: the acknowledgement extension, which is in use from the first number on.

use crate::bayeux::message::Ack;

/// The extension in a session whose server granted it. Some servers grant it and never send a number, so the client
/// relies on it only once a number has come.
pub(super) struct Acks {
    /// What the next poll acknowledges: the number of the last batch that arrived whole, as it came.
    number: String,
    in_use: bool,
    /// A batch was cut and will be sent again: the number of its events that were already given out.
    cut: Option<u32>,
}

impl Acks {
    /// From what the reply to the handshake grants.
    pub fn granted(ack: Option<Ack>) -> Option<Self> {
        let ack = ack.filter(Ack::granted)?;
        // The clients of CometD begin at 0 where the server names no number.
        let number = ack.number().unwrap_or("0").to_owned();
        Some(Self { number, in_use: ack.number().is_some(), cut: None })
    }

    /// From the state of an earlier client; without `skip` the extension was not in use.
    pub fn resumed(number: String, skip: Option<u32>) -> Self {
        Self { number, in_use: skip.is_some(), cut: skip }
    }

    pub fn number(&self) -> &str {
        &self.number
    }

    pub fn in_use(&self) -> bool {
        self.in_use
    }

    /// The number of events at the beginning of the next body that were given out before.
    pub fn skip(&self) -> u32 {
        self.cut.unwrap_or(0)
    }

    /// A body was cut after `events` events. The next poll repeats the number, so the server sends them again.
    pub fn body_cut(&mut self, events: u32) {
        if self.in_use {
            self.cut = Some(events.max(self.skip()));
        }
    }

    /// A body with `events` events has ended whole, and its number is acknowledged from now on. Returns `false` if a
    /// batch was cut and is not sent again after all: the server has stopped numbering its batches, so the events that
    /// were cut off are lost.
    pub fn body_ended(&mut self, number: Option<&str>, succeeded: bool, events: u32) -> bool {
        if let Some(number) = number {
            *self = Self { number: number.to_owned(), in_use: true, cut: None };
            return true;
        }
        if !succeeded {
            // The reply to a refused poll has no number: the batch that was cut is still to come.
            self.body_cut(events);
            return true;
        }
        // An empty batch needs no number.
        self.in_use &= events == 0 && self.skip() == 0;
        self.cut.take().is_none() || self.in_use
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(raw: &str) -> Option<Ack> {
        let reply = format!(r#"{{"channel":"/meta/handshake","ext":{{"ack":{raw}}}}}"#);
        crate::bayeux::Message::parse(reply).and_then(|message| message.ack())
    }

    /// The extension in use, with batch 5 acknowledged next.
    fn in_use() -> Acks {
        let mut acks = Acks::granted(ack("true")).expect("granted");
        assert!(acks.body_ended(Some("5"), true, 2));
        acks
    }

    #[test]
    fn a1_it_is_not_in_use_before_the_first_number() {
        let mut acks = Acks::granted(ack("true")).expect("granted");
        assert_eq!((acks.number(), acks.in_use(), acks.skip()), ("0", false, 0));
        assert!(acks.body_ended(Some("1"), true, 3));
        assert_eq!((acks.number(), acks.in_use(), acks.skip()), ("1", true, 0));
    }

    #[test]
    fn a1_a_number_in_the_handshake_counts() {
        let acks = Acks::granted(ack(r#"{"enabled":true,"batch":7}"#)).expect("granted");
        assert_eq!((acks.number(), acks.in_use()), ("7", true));
    }

    #[test]
    fn a2_what_is_not_granted_is_not_used() {
        assert!(Acks::granted(ack("false")).is_none());
        assert!(Acks::granted(ack(r#"{"enabled":false}"#)).is_none());
        assert!(Acks::granted(None).is_none());
    }

    #[test]
    fn a1_a_cut_batch_is_skipped_up_to_where_it_was_cut() {
        let mut acks = in_use();
        acks.body_cut(3);
        assert_eq!((acks.number(), acks.skip()), ("5", 3));
        acks.body_cut(1);
        assert_eq!(acks.skip(), 3, "the second cut came earlier");
        acks.body_cut(4);
        assert_eq!(acks.skip(), 4);
        assert!(acks.body_ended(Some("6"), true, 9));
        assert_eq!((acks.number(), acks.skip(), acks.in_use()), ("6", 0, true));
    }

    #[test]
    fn a1_nothing_is_skipped_where_it_is_not_in_use() {
        let mut acks = Acks::granted(ack("true")).expect("granted");
        acks.body_cut(3);
        assert_eq!(acks.skip(), 0);
    }

    #[test]
    fn a1_a_refused_poll_leaves_the_cut_batch_to_come() {
        let mut acks = in_use();
        acks.body_cut(2);
        assert!(acks.body_ended(None, false, 0));
        assert_eq!((acks.skip(), acks.in_use()), (2, true));
        let mut acks = in_use();
        assert!(acks.body_ended(None, false, 3));
        assert_eq!(acks.skip(), 3, "events beside the refusal were given out");
    }

    #[test]
    fn a1_an_empty_batch_needs_no_number() {
        let mut acks = in_use();
        assert!(acks.body_ended(None, true, 0));
        assert!(acks.in_use());
    }

    #[test]
    fn a1_events_without_a_number_end_the_use() {
        let mut acks = in_use();
        assert!(acks.body_ended(None, true, 1));
        assert!(!acks.in_use());
    }

    #[test]
    fn a1_a_cut_batch_that_is_not_sent_again_is_lost() {
        for events in [0, 1] {
            let mut acks = in_use();
            acks.body_cut(2);
            assert!(!acks.body_ended(None, true, events));
            assert!(!acks.in_use() && acks.skip() == 0);
        }
    }

    #[test]
    fn a1_a_cut_before_the_first_event_is_made_good_by_an_empty_batch() {
        let mut acks = in_use();
        acks.body_cut(0);
        assert!(acks.body_ended(None, true, 0));
        assert!(acks.in_use());
    }

    #[test]
    fn s17_what_an_earlier_client_had_goes_on() {
        let acks = Acks::resumed("9".to_owned(), Some(2));
        assert_eq!((acks.number(), acks.in_use(), acks.skip()), ("9", true, 2));
        let acks = Acks::resumed("9".to_owned(), None);
        assert_eq!((acks.number(), acks.in_use(), acks.skip()), ("9", false, 0));
    }
}
