//! An application that tracks channels by replay: subscribes, reads, commits, leaves.

use cometd_edge::replay::{Commit, Start};
use cometd_edge::session::{Command, Event, Input, Output, ReplayOptions, State, Status};

use crate::application::CHANNELS;
use crate::checks::{Asked, Checks};
use crate::plan::Reader;
use crate::promises::{name_of, topic_of};
use crate::replay_plan::choose_start;
use crate::world::{Ev, World};

impl World {
    pub fn follow_some(&mut self) {
        let names = self.choices.choose("channels", vec!["/a/1".to_owned()], |rng| {
            let mut names: Vec<String> = Vec::new();
            for _ in 0..rng.pick(&[1, 1, 1, 2, 3]) {
                let name = match rng.below(30) {
                    0 | 1 => "/g/*",
                    2 => "/deny/1",
                    3 => "/service/s",
                    _ => name_of(rng.pick(CHANNELS)),
                };
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
            names
        });
        self.follow(&names);
    }

    /// A channel without a reader gets one.
    pub fn follow_all(&mut self) {
        let rests = self.app.closed_at.is_some() || self.rests.is_asleep();
        if self.plan.replay.is_none() || rests || self.session.state() == State::Closed {
            return;
        }
        for name in CHANNELS.iter().map(|channel| name_of(channel)) {
            if !self.promises.is_open(name) {
                self.follow(&[name.to_owned()]);
            }
        }
    }

    fn follow(&mut self, names: &[String]) {
        let mut starts = Vec::new();
        for name in names {
            let start = if name.contains('*') { Start::New } else { self.start_of(name) };
            starts.push(start);
        }
        if self.refused_at_rest(Command::Subscribe { subscription: u32::MAX, channels: names, replay: None })
        {
            return;
        }
        let commit = self.conditions.commit;
        let follow = ReplayOptions { starts: &starts, commit, on_invalid: self.conditions.on_invalid };
        if self.choices.chance_alone(false, |rng| rng.chance(30))
            && names.len() == 1
            && self.promises.is_open(&names[0])
        {
            let commit = if commit == Commit::Manual { Commit::Delivered } else { Commit::Manual };
            let follow = ReplayOptions { commit, ..follow };
            let command =
                Command::Subscribe { subscription: u32::MAX, channels: names, replay: Some(follow) };
            let now = cometd_edge::Instant::from_millis(self.now);
            let result = self.session.handle_input(now, Input::Command(command));
            assert!(result.is_err(), "R3a: two subscriptions that commit differently");
        }
        let subscription = self.number_of_subscription();
        self.trace(|| format!("* subscribe {subscription} {names:?} {starts:?}"));
        self.app.open.push(subscription);
        self.checks.asked(self.now, subscription, Asked::Subscribe);
        self.checks.subscribed(subscription, names);
        self.promises.subscribed(&self.server, subscription, names, &starts);
        self.input(Input::Command(Command::Subscribe {
            subscription,
            channels: names,
            replay: Some(follow),
        }));
    }

    fn start_of(&mut self, name: &str) -> Start {
        let known = self.starts.get(name).cloned();
        let (server, usual) = (&self.server, known.clone().unwrap_or(Start::New));
        let start = self.choices.choose("start", server.start_name(&usual), |rng| {
            let start = known.unwrap_or_else(|| {
                let log = server.log(topic_of(name));
                let event = (!log.is_empty()).then(|| log[rng.index(log.len())]);
                choose_start(rng, event.map(|number| server.published[number as usize].id.clone()))
            });
            server.start_name(&start)
        });
        let start = self.server.start_named(&start);
        self.starts.insert(name.to_owned(), start.clone());
        start
    }

    /// Leaves a subscription as it is, perhaps with an event in hand, and perhaps to come back at once.
    pub fn leave_one(&mut self) {
        let Some(subscription) = self.choose_open() else { return };
        let command = self.number();
        let Some(reader) = self.promises.readers.get(&subscription) else { return };
        let (handed, names) = (reader.handed, reader.patterns.clone());
        self.trace(|| format!("* unsubscribe {subscription} by {command}, handed {handed}"));
        self.checks.asked(self.now, command, Asked::Unsubscribe);
        self.checks.left(subscription, self.cutoff());
        self.promises.left(subscription);
        self.input(Input::Command(Command::Unsubscribe { command, subscription, handed, linger: false }));
        if self.choices.chance_alone(false, |rng| rng.chance(400)) && !names.is_empty() {
            self.act_begins("subscribe");
            let names = self.choices.choose("channels", Vec::new(), |_| names);
            self.follow(&names);
        }
    }

    /// Reads what has come, and says so as the wrapper does.
    pub fn read_followed(&mut self) {
        if self.app.closed_at.is_some() {
            return;
        }
        let numbers: Vec<u32> = self.promises.readers.keys().copied().collect();
        let mut waits = false;
        for subscription in numbers {
            let Some(reader) = self.promises.readers.get(&subscription) else { continue };
            if !reader.open || reader.queue.is_empty() && !reader.in_hand {
                continue;
            }
            if !self.calm && reader.rests_until > self.now {
                waits = true;
                continue;
            }
            let waiting = reader.queue.len();
            let slow = !self.calm && self.plan.reader == Reader::Slow;
            let events = if slow { self.choices.chance.index(3).min(waiting) } else { waiting };
            for _ in 0..events {
                self.ask(subscription);
                self.hand_out(subscription);
            }
            if events > 0 {
                self.checks.taken(subscription, events);
                self.input(Input::Taken { subscription, events });
            }
            // Waits for the next one, or takes its time with this one.
            if self.calm || self.choices.chance.chance(600) {
                self.ask(subscription);
            }
            let rest = self.choices.chance.below(1_000);
            if rest < 15 && !self.calm {
                let until = self.now + self.choices.chance.below(60_000);
                if let Some(reader) = self.promises.readers.get_mut(&subscription) {
                    reader.rests_until = until;
                }
            }
            let reader = &self.promises.readers[&subscription];
            waits |= !reader.queue.is_empty() || reader.in_hand;
        }
        if waits {
            let pause = self.choices.chance.between(1, 1_500);
            self.read_later(pause);
        }
    }

    pub fn ask(&mut self, subscription: u32) {
        let Some(reader) = self.promises.readers.get_mut(&subscription) else { return };
        if !core::mem::take(&mut reader.in_hand) {
            return;
        }
        let sequence = reader.handed;
        let event = reader.given.get(&sequence).map(|(number, _)| *number);
        if let Some(event) = event {
            self.note_read(subscription, event, "asks-on", Some(self.now));
        }
        if self.conditions.commit == Commit::Processed {
            self.promises.committed(subscription, sequence, true);
            self.input(Input::Progress { subscription, sequence, done: true });
        }
    }

    pub fn hand_out(&mut self, subscription: u32) {
        let Some(reader) = self.promises.readers.get_mut(&subscription) else { return };
        let Some((sequence, number, epoch)) = reader.queue.pop_front() else { return };
        assert!(sequence > reader.handed, "sequence numbers ascend");
        reader.given.insert(sequence, (number, epoch));
        (reader.in_hand, reader.handed) = (true, sequence);
        self.note_read(subscription, number, "taken", Some(self.now));
        self.note_read(subscription, number, "asks-on", None);
        match self.conditions.commit {
            Commit::Delivered => {
                self.promises.committed(subscription, sequence, true);
                self.input(Input::Progress { subscription, sequence, done: false });
            }
            Commit::Manual => {
                let forgets = self.plan.replay.map_or(0, |plan| plan.forgets);
                let (now, name) = (self.now, self.reading(subscription, number));
                let at = self.choices.choose_of(name, "commits", Some(0), |rng| {
                    let pauses = [1, 500, 6_000];
                    (!rng.chance(forgets)).then(|| {
                        let prompt = rng.pick(&pauses);
                        now + rng.below(prompt)
                    })
                });
                if let Some(at) = at {
                    let event = Ev::Commit(self.promises.client, subscription, sequence);
                    self.after(at.saturating_sub(now), event);
                }
            }
            Commit::Processed => {}
        }
    }

    /// `event.commit()`, possibly long after its reader has left.
    pub fn commit(&mut self, client: u32, subscription: u32, sequence: u32) {
        if client != self.promises.client || self.session.state() == State::Closed {
            return;
        }
        let Some(reader) = self.promises.readers.get(&subscription) else { return };
        let Some(event) = reader.given.get(&sequence).copied() else { return };
        let command = self.number();
        self.trace(|| format!("* commit {command}: event {event:?} by {subscription}"));
        self.checks.asked(self.now, command, Asked::Commit);
        self.promises.waits(&self.server, command, subscription, event);
        self.promises.committed(subscription, sequence, false);
        let subscriptions = &[subscription];
        self.input(Input::Command(Command::Commit { command, subscriptions, sequence }));
    }

    pub fn event(&mut self, event: &Event) {
        let number = Checks::number_of(event);
        self.counts.delivered += 1;
        for subscription in &event.subscriptions {
            self.note_read(*subscription, number, "taken", None);
        }
        if let Some(client) = self.server.published[number as usize].given_to.replace(self.promises.client) {
            let same = client == self.promises.client;
            let reason = if same { "begun anew" } else { "another client" };
            *self.counts.delivered_again.entry(reason).or_default() += 1;
        }
        if self.plan.replay.is_none() {
            return self.checks.event(event, &mut self.server);
        }
        assert_eq!(event.message.channel(), Some(self.server.published[number as usize].channel.as_str()));
        let fresh = |number: &u32| self.promises.readers.get(number).is_some_and(|reader| reader.fresh);
        let from_memory = event.subscriptions.len() == 1 && event.subscriptions.iter().all(fresh);
        self.checks.queued(number, event, from_memory);
        self.promises.event(&self.server, event, number, !self.plan.rides);
    }

    pub fn replay_output(&mut self, output: Output) {
        match output {
            Output::Authenticate { refused, moved } => self.authenticate(refused, moved),
            Output::Load { request, channel } => self.load(request, channel),
            Output::Save { request, channel, position } => self.save(request, channel, &position),
            Output::Decide { request, .. } => {
                let (client, calm) = (self.promises.client, self.calm);
                self.choices.about(|| format!("client {client} decides"));
                let retry = self.choices.choose("retry", None, |rng| {
                    if calm { None } else { rng.pick(&[Some(true), Some(false), None]) }
                });
                let pause = self
                    .choices
                    .choose("after", Some(0), |rng| (calm || rng.chance(800)).then(|| rng.below(8_000)));
                if let Some(pause) = pause {
                    self.after(pause, Ev::Decided(client, request, retry));
                }
            }
            _ => {}
        }
    }

    pub fn replay_status(&mut self, status: &Status) {
        match status {
            Status::Gap { channel, cause, since_unix_ms, .. } => {
                let since = since_unix_ms - crate::world::UNIX_ZERO;
                self.promises.gap(self.checks.gaps.len(), channel, *cause, since);
            }
            Status::StoreFailed { channel, operation: "load", .. } => self.promises.load_failed(channel),
            Status::StoreFailed { channel, .. } => self.promises.save_failed(channel),
            Status::SubscribeFailed { channel, .. } => self.promises.channel_failed(channel),
            _ => {}
        }
    }
}
