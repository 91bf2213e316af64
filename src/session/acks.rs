//! A1, A2: the acknowledgement extension, which is in use from the first number on.

use crate::bayeux::message::Ack;

/// The extension in a session whose server granted it. Some servers grant it and never send a number, so nothing of it is
/// relied on before one has come.
pub(super) struct Acks {
    /// What the next poll acknowledges: the number of the last batch that arrived whole, as it came.
    number: String,
    in_use: bool,
    /// A batch was cut, and will be sent again: so many of its events were given out.
    cut: Option<u32>,
}

impl Acks {
    /// What the reply to the handshake grants.
    pub fn granted(ack: Option<Ack>) -> Option<Self> {
        let ack = ack.filter(Ack::granted)?;
        // The clients of CometD begin at 0 where the server names no number.
        let number = ack.number().unwrap_or("0").to_owned();
        Some(Self { number, in_use: ack.number().is_some(), cut: None })
    }

    /// What an earlier client had; without `skip` it was not in use.
    pub fn resumed(number: String, skip: Option<u32>) -> Self {
        Self { number, in_use: skip.is_some(), cut: skip }
    }

    pub fn number(&self) -> &str {
        &self.number
    }

    pub fn in_use(&self) -> bool {
        self.in_use
    }

    /// Events at the beginning of the next body that were given out before.
    pub fn skip(&self) -> u32 {
        self.cut.unwrap_or(0)
    }

    /// A body was cut after so many events: with the number repeated, they come again.
    pub fn body_cut(&mut self, events: u32) {
        if self.in_use {
            self.cut = Some(events.max(self.skip()));
        }
    }

    /// A body with so many events has ended whole, and its number is acknowledged from now on. Gives `false` where a batch
    /// was cut and is not sent again after all: the server numbers its batches no more, and what was cut is lost.
    pub fn body_ended(&mut self, number: Option<&str>, succeeded: bool, events: u32) -> bool {
        if let Some(number) = number {
            *self = Self { number: number.to_owned(), in_use: true, cut: None };
            return true;
        }
        if !succeeded {
            // A poll that is refused has no number: the batch that was cut is still to come.
            self.body_cut(events);
            return true;
        }
        // An empty batch needs no number.
        self.in_use &= events == 0 && self.skip() == 0;
        self.cut.take().is_none() || self.in_use
    }
}
