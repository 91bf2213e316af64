//! What the application wants to send, and packing it into requests (S3).

use super::error::Error;
use super::outgoing::{Outgoing, Publish, Raw, Sent};
use crate::Instant;
use crate::backoff::{Backoff, Retry, Rng};
use crate::ordered::NumberMap;
use crate::steps::step;

/// Publishes and messages of `send()` that wait to be sent, and the order of all commands.
pub(super) struct Outbox {
    /// By the order of the application's calls.
    waiting: NumberMap<Outgoing>,
    last_order: u32,
    /// Calls of `send()` without an answer to all their messages, by command.
    sends: NumberMap<Send>,
    /// When the next request with commands may go out.
    at: Instant,
    backoff: Backoff,
}

#[derive(Default)]
struct Send {
    waiting: usize,
    in_flight: usize,
    replies: Vec<String>,
}

/// A command that is over, and its result.
pub(super) type Settled = (u32, Result<Vec<String>, Error>);

impl Outbox {
    pub fn new(now: Instant) -> Self {
        Self {
            waiting: NumberMap::default(),
            last_order: 0,
            sends: NumberMap::default(),
            at: now,
            backoff: Backoff::default(),
        }
    }

    /// The place of the next command among those of the application.
    pub fn next_order(&mut self) -> u32 {
        self.last_order = self.last_order.wrapping_add(1);
        self.last_order
    }

    /// Queues a message to be published; `call` is its id if it is a call.
    pub fn publish(&mut self, command: u32, channel: &str, data: &str, call: Option<String>) {
        let order = self.next_order();
        let (channel, data) = (channel.to_owned(), data.to_owned());
        let publish = Publish { command, order, channel, data, call, second_try: false };
        self.waiting.insert(order, Outgoing::Publish(Box::new(publish)));
    }

    /// Queues the messages of a `send()`: channel, subscription and text of each. Returns the command as settled if
    /// there are none.
    pub fn send(&mut self, command: u32, messages: Vec<(String, Option<String>, String)>) -> Option<Settled> {
        if messages.is_empty() {
            return Some((command, Ok(Vec::new())));
        }
        self.sends.insert(command, Send { waiting: messages.len(), ..Send::default() });
        for (channel, subscription, message) in messages {
            let order = self.next_order();
            let raw = Raw { command, order, channel, subscription, message };
            self.waiting.insert(order, Outgoing::Raw(Box::new(raw)));
        }
        None
    }

    /// Queues a publish that was not processed for the second time (R7).
    pub fn publish_again(&mut self, mut publish: Box<Publish>) {
        publish.second_try = true;
        self.waiting.insert(publish.order, Outgoing::Publish(publish));
    }

    /// Forgets a call that has not gone out.
    #[inline(never)]
    pub fn cancel_call(&mut self, command: u32) {
        self.waiting.take_if(|_, outgoing| {
            matches!(outgoing, Outgoing::Publish(publish) if publish.call.is_some() && publish.command == command)
        });
    }

    /// The first message that waits after this place.
    pub fn next_behind(&self, order: u32) -> Option<(u32, &Outgoing)> {
        self.waiting.next_above(order)
    }

    /// Removes and returns a message that goes into a request.
    #[inline(never)]
    pub fn take(&mut self, order: u32) -> Option<Outgoing> {
        let outgoing = self.waiting.remove(order)?;
        if let Outgoing::Raw(raw) = outgoing.as_ref()
            && let Some(send) = self.sends.get_mut(raw.command)
        {
            (send.waiting, send.in_flight) = (send.waiting - 1, send.in_flight + 1);
        }
        Some(*outgoing)
    }

    /// Whether any message waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A message of `send()` has its reply. Returns the settled command once all messages have theirs.
    pub fn answered(&mut self, command: u32, reply: String) -> Option<Settled> {
        let send = self.sends.get_mut(command)?;
        send.in_flight = send.in_flight.saturating_sub(1);
        send.replies.push(reply);
        if send.waiting > 0 || send.in_flight > 0 {
            return None;
        }
        self.sends.remove(command).map(|send| (command, Ok(send.replies)))
    }

    /// The request with these messages is over: they are no longer in flight.
    #[inline(never)]
    pub fn no_longer_in_flight<'a>(&mut self, sent: impl IntoIterator<Item = &'a Sent>) {
        for sent in sent {
            step();
            if let Some(Outgoing::Raw(raw)) = sent.message()
                && let Some(send) = self.sends.get_mut(raw.command)
            {
                send.in_flight = send.in_flight.saturating_sub(1);
            }
        }
    }

    /// A message of `send()` fails, and the whole call with it; messages that have not gone out are dropped. If others
    /// may have been processed, the outcome is unknown.
    #[inline(never)]
    pub fn fail_send(&mut self, raw: Raw, error: impl FnOnce(String) -> Error) -> Option<Settled> {
        let send = self.sends.remove(raw.command)?;
        if send.waiting > 0 {
            self.waiting.take_if(|_, outgoing| {
                step();
                matches!(outgoing, Outgoing::Raw(other) if other.command == raw.command)
            });
        }
        let begun = send.in_flight > 0 || !send.replies.is_empty();
        let channel = raw.channel;
        Some((raw.command, Err(if begun { Error::OutcomeUnknown { channel } } else { error(channel) })))
    }

    /// Removes all messages that wait. They do not go out any more, and the caller fails them and each `send()` among
    /// them.
    pub fn take_all(&mut self) -> Vec<Outgoing> {
        let waiting = self.waiting.take_if(|_, _| true);
        waiting.into_iter().inspect(|_| step()).map(|(_, outgoing)| *outgoing).collect()
    }

    /// When the next request with commands may go out.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// A request with commands has failed. Returns the number of consecutive failures and the wait before the next one.
    pub fn failed(&mut self, now: Instant, at_least_ms: u64, retry: &Retry, rng: &mut Rng) -> (u32, u64) {
        let delay_ms = self.backoff.next(now, at_least_ms, retry, rng);
        self.at = now.after(delay_ms);
        (self.backoff.attempts(), delay_ms)
    }

    /// A subscribe has had no reply: returns how long to wait before the next one.
    pub fn unanswered(&mut self, now: Instant, retry: &Retry, rng: &mut Rng) -> u64 {
        self.backoff.next(now, 0, retry, rng)
    }

    /// A request with commands has succeeded.
    pub fn succeeded(&mut self) {
        self.backoff.reset();
    }

    /// The application wants the next request now (S8).
    pub fn hurry(&mut self, now: Instant) {
        self.backoff.hurry(now, &mut self.at);
    }

    /// The earliest instant to which the application may bring forward an attempt that also waits for a request.
    pub fn hurry_to(&mut self, now: Instant, mut at: Instant) -> Instant {
        self.backoff.hurry(now, &mut at);
        at
    }
}

/// Messages that are packed into one request (S3): look, does it fit, then add.
pub(super) struct Packing {
    max_bytes: usize,
    bytes: usize,
    pub messages: Vec<String>,
    pub sent: Vec<Sent>,
}

impl Packing {
    pub fn new(max_bytes: usize) -> Self {
        // The opening bracket; each message is followed by a comma or the closing bracket.
        Self { max_bytes, bytes: 1, messages: Vec::new(), sent: Vec::new() }
    }

    /// Whether this message fits beside those before. The first one always does.
    pub fn fits(&self, message: &str) -> bool {
        self.messages.is_empty() || self.bytes + message.len() < self.max_bytes
    }

    pub fn add(&mut self, message: String, id: String, outgoing: Outgoing) {
        self.bytes += message.len() + 1;
        self.messages.push(message);
        self.sent.push(Sent::new(id, outgoing));
    }
}

#[cfg(test)]
mod tests {
    use super::super::outgoing::tests::{publish, raw};
    use super::*;

    const NOW: Instant = Instant::from_millis(1_000);

    fn send(outbox: &mut Outbox, command: u32, channels: &[&str]) {
        let messages = channels.iter().map(|channel| ((*channel).to_owned(), None, "{}".to_owned()));
        assert!(outbox.send(command, messages.collect()).is_none());
    }

    fn take_raw(outbox: &mut Outbox, order: u32) -> Raw {
        match outbox.take(order) {
            Some(Outgoing::Raw(raw)) => *raw,
            _ => panic!("no message of send() at {order}"),
        }
    }

    fn orders(outbox: &Outbox) -> Vec<u32> {
        let mut orders = Vec::new();
        while let Some((order, _)) = outbox.next_behind(orders.last().copied().unwrap_or(0)) {
            orders.push(order);
        }
        orders
    }

    fn redirect(_: String) -> Error {
        Error::Redirect
    }

    #[test]
    fn messages_wait_in_the_order_of_the_calls() {
        let mut outbox = Outbox::new(NOW);
        assert!(outbox.is_empty());
        outbox.publish(5, "/a", "1", None);
        assert_eq!(outbox.next_order(), 2, "a subscribe has its place between them");
        send(&mut outbox, 6, &["/b", "/c"]);
        assert_eq!(orders(&outbox), [1, 3, 4]);
        let Some((1, Outgoing::Publish(first))) = outbox.next_behind(0) else { panic!("the publish first") };
        assert_eq!(**first, Publish { command: 5, ..publish(5, 1, "/a") });
        assert!(outbox.take(1).is_some() && outbox.take(1).is_none());
        assert_eq!(orders(&outbox), [3, 4]);
        assert!(!outbox.is_empty());
    }

    #[test]
    fn r7_a_publish_goes_out_again_at_its_place() {
        let mut outbox = Outbox::new(NOW);
        outbox.publish(5, "/a", "1", None);
        outbox.publish(6, "/b", "1", None);
        let Some(Outgoing::Publish(first)) = outbox.take(1) else { panic!("a publish") };
        outbox.publish_again(first);
        assert!(matches!(outbox.next_behind(0), Some((1, Outgoing::Publish(again))) if again.second_try));
    }

    #[test]
    fn only_a_call_can_be_cancelled() {
        let mut outbox = Outbox::new(NOW);
        outbox.publish(5, "/service/a", "1", Some("id".to_owned()));
        outbox.publish(6, "/b", "1", None);
        outbox.cancel_call(6);
        outbox.cancel_call(7);
        assert_eq!(orders(&outbox), [1, 2]);
        outbox.cancel_call(5);
        assert_eq!(orders(&outbox), [2]);
    }

    #[test]
    fn a_send_settles_with_all_replies() {
        let mut outbox = Outbox::new(NOW);
        send(&mut outbox, 5, &["/a", "/b"]);
        take_raw(&mut outbox, 1);
        assert_eq!(outbox.answered(5, "A".to_owned()), None, "one still waits");
        take_raw(&mut outbox, 2);
        assert_eq!(outbox.answered(5, "B".to_owned()), Some((5, Ok(vec!["A".to_owned(), "B".to_owned()]))));
        assert_eq!(outbox.answered(5, "C".to_owned()), None);
        send(&mut outbox, 6, &["/a", "/b"]);
        take_raw(&mut outbox, 3);
        take_raw(&mut outbox, 4);
        assert_eq!(outbox.answered(6, "A".to_owned()), None, "one is still in flight");
        assert_eq!(outbox.send(7, Vec::new()), Some((7, Ok(Vec::new()))));
    }

    #[test]
    fn a_send_that_fails_before_anything_went_out_says_why() {
        let mut outbox = Outbox::new(NOW);
        send(&mut outbox, 5, &["/a", "/b"]);
        outbox.publish(6, "/c", "1", None);
        let all = outbox.take_all();
        assert_eq!(all.len(), 3);
        assert!(outbox.is_empty());
        let failed = outbox.fail_send(raw(5, 1, "/a"), redirect);
        assert_eq!(failed, Some((5, Err(Error::Redirect))));
        assert_eq!(outbox.fail_send(raw(5, 2, "/b"), redirect), None, "once");
    }

    #[test]
    fn r7_a_send_that_fails_half_way_has_an_unknown_outcome() {
        let unknown = Some((5, Err(Error::OutcomeUnknown { channel: "/a".to_owned() })));
        let mut outbox = Outbox::new(NOW);
        send(&mut outbox, 5, &["/a", "/b"]);
        let first = take_raw(&mut outbox, 1);
        assert_eq!(outbox.fail_send(first, redirect), unknown);
        assert!(outbox.is_empty(), "the others do not go out");
        let mut outbox = Outbox::new(NOW);
        send(&mut outbox, 5, &["/a", "/b"]);
        take_raw(&mut outbox, 1);
        assert_eq!(outbox.answered(5, "A".to_owned()), None);
        assert_eq!(outbox.fail_send(raw(5, 2, "/a"), redirect), unknown);
    }

    #[test]
    fn r7_a_send_whose_request_is_refused_whole_says_why() {
        let mut outbox = Outbox::new(NOW);
        send(&mut outbox, 5, &["/a", "/b"]);
        let (first, second) = (take_raw(&mut outbox, 1), take_raw(&mut outbox, 2));
        let mut sent =
            [first, second].map(|raw| Sent::new(raw.order.to_string(), Outgoing::Raw(Box::new(raw))));
        outbox.no_longer_in_flight(&sent);
        let Some(Outgoing::Raw(first)) = sent[0].take() else { panic!("it is open") };
        assert_eq!(outbox.fail_send(*first, redirect), Some((5, Err(Error::Redirect))));
    }

    #[test]
    fn a_send_that_is_left_alone_goes_on_when_another_fails() {
        let mut outbox = Outbox::new(NOW);
        send(&mut outbox, 5, &["/a", "/b"]);
        send(&mut outbox, 6, &["/c"]);
        let first = take_raw(&mut outbox, 1);
        let _ = outbox.fail_send(first, redirect);
        assert_eq!(orders(&outbox), [3]);
    }

    #[test]
    fn p2_a_send_that_has_gone_out_fails_without_a_look_at_what_waits() {
        let mut outbox = Outbox::new(NOW);
        send(&mut outbox, 5, &["/a"]);
        let first = take_raw(&mut outbox, 1);
        outbox.publish(6, "/b", "1", None);
        crate::steps::taken();
        assert!(outbox.fail_send(first, redirect).is_some());
        assert_eq!(crate::steps::taken(), 0);
    }

    #[test]
    fn s8_requests_back_off() {
        let (mut outbox, mut rng) = (Outbox::new(NOW), Rng::new(1));
        assert_eq!(outbox.at(), NOW);
        assert_eq!(outbox.failed(NOW, 0, &Retry::default(), &mut rng), (1, 0));
        assert_eq!(outbox.failed(NOW, 50_000, &Retry::default(), &mut rng), (2, 50_000));
        assert_eq!(outbox.at(), NOW.after(50_000));
        assert!(outbox.unanswered(NOW, &Retry::default(), &mut rng) >= 1_000);
        assert_eq!(outbox.at(), NOW.after(50_000));
        outbox.hurry(NOW);
        assert_eq!(outbox.at(), NOW.after(1_000));
        assert_eq!(outbox.hurry_to(NOW, NOW.after(9_000)), NOW.after(1_000));
        assert_eq!(outbox.hurry_to(NOW, NOW), NOW);
        outbox.succeeded();
        assert_eq!(outbox.failed(NOW, 0, &Retry::default(), &mut rng), (1, 0));
    }

    #[test]
    fn s3_a_request_is_no_larger_than_it_may_be() {
        let mut packing = Packing::new(10);
        assert!(packing.fits("longer than all of it"), "the first always fits");
        let add = |packing: &mut Packing, text: &str| {
            packing.add(text.to_owned(), "1".to_owned(), Outgoing::Subscribe("/a".to_owned()));
        };
        add(&mut packing, "{..}");
        assert!(packing.fits("{.}") && !packing.fits("{..}"), "both and their brackets and comma");
        add(&mut packing, "{.}");
        assert!(!packing.fits(""));
        assert_eq!((packing.messages.len(), packing.sent.len()), (2, 2));
    }
}
