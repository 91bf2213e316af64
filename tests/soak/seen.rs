//! What the application has seen of each channel: every number, at least once, or else a gap that says so.

use cometd_edge::session::Event;
use serde_json::Value;

pub struct Seen {
    channels: Vec<Channel>,
    pub events: u32,
    /// Events that came again.
    pub again: u32,
    /// Events that a gap named.
    pub lost: u32,
    pub gaps: u32,
}

struct Channel {
    name: &'static str,
    /// The number to come; `None` where the application has just come.
    next: Option<u32>,
    gap: bool,
}

impl Seen {
    pub fn new(channels: &[&'static str]) -> Self {
        let channel = |name: &&'static str| Channel { name, next: Some(1), gap: false };
        Self { channels: channels.iter().map(channel).collect(), events: 0, again: 0, lost: 0, gaps: 0 }
    }

    pub fn event(&mut self, event: &Event) {
        let name = event.message.channel().expect("a channel");
        let message: Value = serde_json::from_str(event.message.raw()).expect("JSON");
        let number = message["data"]["n"].as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.expect("a number");
        let channel = self.channels.iter_mut().find(|channel| channel.name == name).expect("one of ours");
        let next = channel.next.unwrap_or(number);
        assert!(number <= next || channel.gap, "{name}: {number} comes where {next} should");
        self.events += 1;
        self.again += u32::from(number < next);
        self.lost += number.saturating_sub(next);
        channel.next = Some(next.max(number + 1));
        channel.gap = false;
    }

    pub fn gap(&mut self, name: &str) {
        self.gaps += 1;
        self.channels
            .iter_mut()
            .filter(|channel| channel.name == name)
            .for_each(|channel| channel.gap = true);
    }

    /// The application begins anew on this channel, with whatever comes.
    pub fn begins(&mut self, name: &str) {
        let channel = self.channels.iter_mut().find(|channel| channel.name == name);
        channel.expect("one of ours").next = None;
    }

    /// The number of the last event of a channel.
    pub fn last(&self, name: &str) -> Option<u32> {
        self.channels.iter().find(|channel| channel.name == name)?.next.map(|next| next - 1)
    }
}
