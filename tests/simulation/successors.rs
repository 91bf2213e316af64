//! Clients that are suspended, and those that resume from their snapshots: at once, later, or not at all.

use std::collections::BTreeMap;

use cometd_edge::session::{Command, Error, Input, Session};
use serde_json::Value;

use crate::checks::{Asked, Subscription};
use crate::habits::Habit;
use crate::rare::Rare;
use crate::restarts::config_of;
use crate::schedule::Kind;
use crate::world::{Ev, World};

/// What a client left behind.
#[derive(Clone)]
pub struct Left {
    pub text: String,
    /// Where it was in each channel.
    pub positions: BTreeMap<String, String>,
    /// The session that goes on.
    session: Option<usize>,
    used: bool,
}

#[derive(Default)]
pub struct Successors {
    /// Each is good for one client, and some come to two.
    snapshots: Vec<Left>,
    /// The present client leaves one.
    pub leaves: bool,
    /// Where nothing is tracked: its subscriptions, each with what is still to be read.
    inherited: Vec<(Subscription, Vec<u32>)>,
}

impl Left {
    fn read(text: &str, sessions: impl Fn(&str) -> Option<usize>) -> Self {
        let snapshot: Value = serde_json::from_str(text).expect("a snapshot is JSON");
        let id = snapshot["clientId"]
            .as_str()
            .map(|id| serde_json::from_str::<String>(id).expect("a client id is a JSON string"));
        let channels = snapshot["channels"].as_object().expect("channels");
        let position = |(name, at): (&String, &Value)| at[0].as_str().map(|id| (name.clone(), id.to_owned()));
        Self {
            text: text.to_owned(),
            positions: channels.iter().filter_map(position).collect(),
            session: id.map(|id| sessions(&id).expect("S17: a session of the server's")),
            used: false,
        }
    }
}

impl World {
    pub fn suspend_act(&mut self) {
        if !self.calm && !self.is_over() && self.schedule.next(self.now, Kind::Restart, "suspend") {
            self.choices.deed(self.now, "suspend");
            self.suspend();
        }
        if !self.calm {
            let pause = self.choices.chance.between(5_000, 90_000);
            self.after(pause, Ev::Suspend);
        }
    }

    pub fn suspend(&mut self) {
        let command = self.number();
        self.trace(|| format!("* suspend {command}"));
        self.app.closed_at = Some(self.now);
        self.checks.asked(self.now, command, Asked::Suspend);
        self.sleeps_from_now();
        self.rests.suspends = Some(command);
        self.input(Input::Command(Command::Suspend { command }));
    }

    /// S17: the snapshot comes first, then all ends.
    pub fn suspended(&mut self, command: u32, result: &Result<Vec<String>, Error>) {
        if self.rests.suspends != Some(command) {
            return;
        }
        let Ok(texts) = result else { return };
        let [text] = texts.as_slice() else { panic!("S17: one snapshot, not {}", texts.len()) };
        self.trace(|| format!("== left: {text}"));
        assert!(!text.contains("s3cr3t"), "X2: a token in a snapshot");
        let sessions = &self.server.sessions;
        let left = Left::read(text, |id| sessions.iter().position(|session| session.id == id));
        for (name, id) in &left.positions {
            self.promises.left_at(&self.server, name, id);
        }
        self.successors.snapshots.push(left);
        self.successors.leaves = true;
        if self.plan.replay.is_none() {
            self.successors.inherited = self.checks.bequeath(self.now);
        }
    }

    /// The next client, with a snapshot or without.
    pub fn successor(&mut self, seed: u64) -> Session {
        let mut config = config_of(&self.plan, &self.server.habits);
        let left = &mut self.successors.snapshots;
        let plain = self.plan.replay.is_none();
        let last = left.len().checked_sub(1);
        let which = self.choices.choose("snapshot", last, |rng| match rng.below(10) {
            _ if plain => last,
            0 | 1 => None,
            2..=4 if last.is_some() => Some(rng.index(left.len())),
            _ => last,
        });
        let which = which.filter(|index| *index < left.len());
        let which = which.map(|index| self.take_snapshot(index));
        self.checks.current = None;
        self.no_poll_before = 0;
        self.checks.began_at = self.now;
        self.promises.resumed.clear();
        self.promises.goes_on = false;
        if let Some(left) = which {
            self.trace(|| "== resumes".to_owned());
            config.resume(&left.text).expect("S17: a snapshot of the client's");
            self.checks.current = left.session;
            self.promises.goes_on = left.session.is_some();
            self.promises.resumed = left.positions;
            // Sometimes it comes to another store.
            if self.choices.choose("other-store", false, |rng| rng.chance(250)) {
                self.store.held.clear();
            }
        }
        Session::new(config, seed, cometd_edge::Instant::from_millis(self.now))
    }

    /// For the next client, and perhaps for one more.
    fn take_snapshot(&mut self, index: usize) -> Left {
        let left = &mut self.successors.snapshots;
        if left[index].used {
            self.met.insert(Rare::SnapshotTwice);
            return left.remove(index);
        }
        if self.plan.replay.is_some() && self.server.habits.contains(&Habit::SnapshotsTwice) {
            left[index].used = true;
            return left[index].clone();
        }
        left.remove(index)
    }

    /// Without replay it resumes all that was subscribed.
    pub fn inherit(&mut self) {
        let mut restored: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (subscription, queued) in core::mem::take(&mut self.successors.inherited) {
            let number = self.number();
            let channels: Vec<String> = subscription.channels.iter().map(|(name, _)| name.clone()).collect();
            self.trace(|| format!("* subscribe {number} {channels:?} again, with {queued:?}"));
            self.app.open.push(number);
            self.checks.asked(self.now, number, Asked::Subscribe);
            self.checks.subscriptions.insert(number, subscription);
            let command = Command::Subscribe { subscription: number, channels: &channels, replay: None };
            self.input(Input::Command(command));
            for event in queued {
                restored.entry(event).or_default().push(number);
            }
        }
        for (event, subscriptions) in restored {
            let message = self.server.text_of(event);
            self.input(Input::Command(Command::Restore { subscriptions: &subscriptions, message: &message }));
        }
    }
}
