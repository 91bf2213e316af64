//! How the readers of a recorded life read: at once, but for what the record says of single events.

use cometd_edge::replay::Start;
use cometd_edge::session::Input;

use crate::model_server::Server;
use crate::world::{Ev, World};

impl World {
    /// What records call the event in the hands of this reader.
    pub fn reading(&self, subscription: u32, event: u32) -> impl FnOnce() -> String + use<> {
        let plain = self.choices.is_plain();
        let name = if plain { String::new() } else { self.server.event_name(event) };
        move || format!("reader {subscription} event {name}")
    }

    /// When it takes the event, or asks for the next one; `None` for never, as far as is known.
    pub fn note_read(&mut self, subscription: u32, event: u32, what: &str, at: Option<u64>) {
        let name = self.reading(subscription, event);
        self.choices.turned_out(name, what, &at);
    }

    /// The same where nothing is tracked, for the first ones that it has not taken.
    pub fn note_taken(&mut self, subscription: u32, events: usize) {
        if !self.choices.is_plain() {
            let queued: Vec<u32> = self.checks.queued_for(subscription).take(events).collect();
            let now = Some(self.now);
            queued.into_iter().for_each(|event| self.note_read(subscription, event, "taken", now));
        }
    }

    /// When the record says that this happens; at once if it does not.
    fn when(&mut self, subscription: u32, event: u32, what: &'static str) -> u64 {
        if self.calm {
            return 0;
        }
        let name = self.reading(subscription, event);
        self.choices.choose_again(name, what, Some(0)).unwrap_or(u64::MAX)
    }

    pub fn read_recorded(&mut self) {
        if self.app.closed_at.is_some() {
            return;
        }
        let next = if self.plan.replay.is_some() { self.follow_record() } else { self.take_by_record() };
        if let Some(next) = next.filter(|next| *next < u64::MAX) {
            self.after(next - self.now, Ev::Read);
        }
    }

    fn take_by_record(&mut self) -> Option<u64> {
        let mut next: Option<u64> = None;
        for (subscription, _) in self.checks.waiting() {
            let queued: Vec<u32> = self.checks.queued_for(subscription).collect();
            let mut events = 0;
            for event in queued {
                let at = self.when(subscription, event, "taken");
                if at > self.now {
                    next = Some(next.map_or(at, |next| next.min(at)));
                    break;
                }
                events += 1;
            }
            if events > 0 {
                self.checks.taken(subscription, events);
                self.input(Input::Taken { subscription, events });
            }
        }
        next
    }

    fn follow_record(&mut self) -> Option<u64> {
        let mut next: Option<u64> = None;
        let numbers: Vec<u32> = self.promises.readers.keys().copied().collect();
        for subscription in numbers {
            let mut events = 0;
            while let Some(event) = self.promises.readers[&subscription].next_event() {
                let at = self.when(subscription, event, "taken");
                if at > self.now {
                    next = Some(next.map_or(at, |next| next.min(at)));
                    break;
                }
                self.ask(subscription);
                self.hand_out(subscription);
                events += 1;
            }
            if events > 0 {
                self.checks.taken(subscription, events);
                self.input(Input::Taken { subscription, events });
            }
            if let Some(event) = self.promises.readers[&subscription].event_in_hand() {
                let at = self.when(subscription, event, "asks-on");
                if at > self.now {
                    next = Some(next.map_or(at, |next| next.min(at)));
                } else {
                    self.ask(subscription);
                }
            }
        }
        next
    }
}

impl Server {
    /// By its channel and its time, and which of those it is if there are several.
    pub fn event_name(&self, number: u32) -> String {
        let event = &self.published[number as usize];
        let before = self.published[..number as usize].iter().rev();
        let same =
            before.take_while(|other| other.at == event.at).filter(|other| other.channel == event.channel);
        match same.count() {
            0 => format!("{}@{}", event.channel, event.at),
            before => format!("{}@{}.{}", event.channel, event.at, before + 1),
        }
    }

    /// What records call it; events are named by their channels and times.
    pub fn start_name(&self, start: &Start) -> String {
        match start {
            Start::All => "all".to_owned(),
            Start::After(id) => {
                let number = self.number_of(id).expect("an id of the server's");
                self.event_name(number)
            }
            _ => "new".to_owned(),
        }
    }

    pub fn start_named(&self, name: &str) -> Start {
        let mut numbers = 0..u32::try_from(self.published.len()).expect("few events");
        let event = numbers.find(|number| name.contains('@') && self.event_name(*number) == name);
        match (name, event) {
            ("all", _) => Start::All,
            (_, Some(event)) => Start::After(self.published[event as usize].id.clone()),
            _ => Start::New,
        }
    }
}
