//! What is owed, what is done, and what is lost, by the words of the module above.

use super::{Channel, From, Promises, name_of, topic_of};
use crate::model_server::Server;

impl Promises {
    pub fn is_open(&self, name: &str) -> bool {
        self.readers.values().any(|reader| reader.open && reader.names.iter().any(|known| known == name))
    }

    /// The last event before which all that is owed is done, and so is the first one that came: it is the first position.
    pub(super) fn done_up_to(&self, server: &Server, name: &str) -> Option<u32> {
        let channel = &self.channels[name];
        if matches!(channel.from, From::Unknown | From::All { floor: None }) {
            return None;
        }
        let mut last = None;
        for number in server.log(topic_of(name)).iter().copied() {
            let owed = number > channel.lost_start && channel.owes(server, number);
            let first = matches!(channel.from, From::New { first, .. } if first == Some(number));
            // What a reader left with in hand stops here only while it is owed: what the server retains no longer, or what
            // a gap has named, would hold up the rest for nothing.
            if (owed || first) && !self.is_done(channel, name, number) {
                break;
            }
            last = Some(number);
        }
        last
    }

    fn is_done(&self, channel: &Channel, name: &str, number: u32) -> bool {
        let open = self.readers.values().filter(|reader| reader.open);
        let mut missing = open.filter(|reader| {
            let owed = reader.owed_after.get(name).is_some_and(|after| number > *after);
            let owed = owed || reader.delivered.contains_key(&number);
            owed && reader.names.iter().any(|known| known == name) && !reader.commits.contains(&number)
        });
        channel.committed.contains(&number)
            && !channel.held.iter().any(|(_, held)| *held == number)
            && missing.next().is_none()
    }

    /// R4, R3a: a position passes nothing that is owed and not done.
    pub(super) fn judge(&self, server: &Server, name: &str, event: u32) {
        let channel = &self.channels[name];
        let new = |after: u32| {
            let log = server.log(topic_of(name));
            log.iter().copied().filter(move |number| *number > after && *number <= event)
        };
        for number in
            new(channel.passed.max(channel.lost_start)).filter(|number| channel.owes(server, *number))
        {
            assert!(
                channel.committed.contains(&number),
                "R4: position {event} of {name} is saved although event {number} of {} was never committed ({:?})",
                server.published[number as usize].at,
                channel.from
            );
        }
        for (_, number) in &channel.held {
            let here = name_of(&server.published[*number as usize].channel) == name;
            let owed = here && channel.owes(server, *number);
            assert!(
                !owed || *number > event,
                "R3a: position {event} passes event {number} in hand on {name}"
            );
        }
        for (subscription, reader) in self.readers.iter().filter(|(_, reader)| reader.open) {
            let Some(owed_after) =
                reader.owed_after.get(name).filter(|_| reader.names.iter().any(|n| n == name))
            else {
                continue;
            };
            let passed = reader.passed.get(name).copied().unwrap_or(0).max(*owed_after);
            for number in new(passed).filter(|number| channel.owes(server, *number)) {
                assert!(
                    reader.commits.contains(&number),
                    "R3a: position {event} of {name} is saved, not committed is {number} by {subscription} ({:?})",
                    channel.from
                );
            }
        }
    }

    /// At the end of the good times: all that was published is delivered or named.
    pub fn all_delivered(&self, server: &Server) {
        for (subscription, reader) in self.readers.iter().filter(|(_, reader)| reader.open && reader.settled)
        {
            for name in &reader.names {
                let Some(channel) = self.channels.get(name) else { continue };
                let after = reader.owed_after.get(name).copied().unwrap_or(0);
                for number in server.log(topic_of(name)).iter().copied().filter(|number| *number > after) {
                    let fine = reader.delivered.contains_key(&number) || !channel.owes(server, number);
                    assert!(
                        fine,
                        "event {number} on {name} is lost for subscription {subscription} without a gap ({:?})",
                        channel.from
                    );
                }
            }
        }
    }

    /// The last event up to which the store has said that it holds the position.
    pub fn stored(&self, name: &str) -> Option<u32> {
        self.channels.get(name).and_then(|channel| channel.stored)
    }

    /// What the store must hold once the client has closed in good times.
    pub fn must_be_stored(&self, server: &Server) -> Vec<(String, u32)> {
        let mut must = Vec::new();
        for (name, channel) in
            self.channels.iter().filter(|(name, channel)| channel.loaded && self.is_open(name))
        {
            let Some(done) = self.done_up_to(server, name) else { continue };
            let log = server.log(topic_of(name));
            let committed = log.iter().copied().filter(|number| {
                *number <= done && channel.committed.contains(number) && channel.owes(server, *number)
            });
            must.extend(committed.max().map(|number| (name.clone(), number)));
        }
        must
    }
}

impl Channel {
    /// Has this event of the channel to reach the application?
    pub(super) fn owes(&self, server: &Server, number: u32) -> bool {
        if server.published[number as usize].dropped == Some(true) {
            return false;
        }
        let at = server.published[number as usize].at;
        if self.named.iter().any(|(since, until, _)| (*since..=*until).contains(&at)) {
            return false;
        }
        match self.from {
            From::Unknown => false,
            From::After(position) => number > position,
            From::All { floor } => floor.is_some_and(|floor| number >= floor),
            From::New { since, first } => {
                // What is left over from an earlier subscription is no beginning.
                let first = first.filter(|first| server.published[*first as usize].at >= self.begun_at);
                since.is_some_and(|since| at > since) || first.is_some_and(|first| number > first)
            }
        }
    }
}
