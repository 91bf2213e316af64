//! The replay store: it answers late, fails, never answers; what it holds survives the client.

use std::collections::BTreeMap;

use cometd_edge::replay::Position;
use cometd_edge::session::Input;

use crate::schedule::{Kind, Tag};
use crate::world::{Ev, World};

/// What may become of a call.
const FAULTS: [&str; 5] =
    ["call fails", "call fails, done", "call hangs", "call hangs, done late", "slow call"];
/// What a damaged store holds.
const NONSENSE: &str = "";

#[derive(Default)]
pub struct Store {
    pub held: BTreeMap<String, String>,
    calls: Vec<Call>,
}

struct Call {
    client: u32,
    request: u32,
    channel: String,
    /// What is to be stored; `None` for a load.
    save: Option<String>,
    fails: bool,
    /// It does not arrive once its client is gone.
    dies: bool,
}

impl World {
    pub fn load(&mut self, request: u32, channel: String) {
        self.promises.load_asked(&channel, request);
        self.call(request, channel, None);
    }

    pub fn save(&mut self, request: u32, channel: String, position: &Position) {
        self.promises.save_asked(&self.server, &channel, request, position);
        if let Some(date) = &position.created_date {
            assert_eq!(date, "2026-11-21", "a date of its own");
        }
        self.call(request, channel, Some(position.replay_id.clone()));
    }

    fn call(&mut self, request: u32, channel: String, save: Option<String>) {
        let faults = if self.calm { 0 } else { self.plan.replay.map_or(0, |plan| plan.store_faults) };
        let number = u32::try_from(self.store.calls.len()).expect("few calls");
        let client = self.promises.client;
        let rng = &mut self.choices.chance;
        let prompt = rng.pick(&[1, 20, 300]);
        let mut delay = rng.below(prompt);
        let mut write = Some(delay);
        let (mut fails, mut answers) = (false, true);
        let (faulty, fault) = (rng.chance(faults), rng.below(5));
        if faulty && self.schedule.numbered(self.now, Tag(Kind::Store, number), FAULTS[fault as usize]) {
            match fault {
                0 => (fails, write) = (true, None),
                // Stored, and yet reported as failed.
                1 => fails = true,
                2 => (answers, write) = (false, None),
                3 => (answers, write) = (false, Some(rng.below(30_000))),
                _ => {
                    delay = rng.between(1_000, 14_000);
                    write = Some(rng.below(delay));
                }
            }
        }
        let nth = self.store.calls.iter().rev().take_while(|call| call.client == client);
        let nth =
            1 + nth.filter(|call| call.channel == channel && call.save.is_some() == save.is_some()).count();
        let kind = if save.is_some() { "save" } else { "load" };
        self.choices.about(|| format!("client {client} {kind} {channel} {nth}"));
        if self.calm {
            // From here on nothing goes wrong, whatever a record says.
            self.choices.about_nothing();
        }
        let fails = self.choices.choose("fails", false, |_| fails);
        let answer = self.choices.choose("answers", Some(0), |_| answers.then_some(delay));
        let (answers, delay) = (answer.is_some(), answer.unwrap_or(delay));
        let write = self.choices.choose("writes", answer, |_| write);
        let dies = save.is_some() && self.choices.choose("dies", false, |_| number.is_multiple_of(2));
        self.trace(|| {
            format!("* store {number}: answers {answers} after {delay}, fails {fails}, writes {write:?}")
        });
        if let Some(at) = write.filter(|_| save.is_some()) {
            self.after(at, Ev::StoreWrites(number));
        }
        self.store.calls.push(Call { client, request, channel, save, fails, dies });
        if answers {
            self.after(delay, Ev::StoreAnswers(number));
        }
    }

    pub fn store_writes(&mut self, number: u32) {
        let call = &mut self.store.calls[number as usize];
        // What a client had in flight when it was dropped may or may not arrive.
        if call.client != self.promises.client && call.dies {
            return;
        }
        if let Some(position) = call.save.clone() {
            let channel = call.channel.clone();
            self.trace(|| format!("* stored: {channel} {position}"));
            self.store.held.insert(channel, position);
        }
    }

    pub fn store_answers(&mut self, number: u32) {
        let call = &self.store.calls[number as usize];
        if call.client != self.promises.client || self.closed_at.is_some() {
            return;
        }
        let (request, channel, fails) = (call.request, call.channel.clone(), call.fails);
        if call.save.is_some() {
            if !fails {
                self.promises.save_answered(&channel, request);
            }
            let problem = fails.then_some("quota exceeded");
            return self.input(Input::Saved { request, problem });
        }
        if fails {
            return self
                .input(Input::Loaded { request, result: Err(("no connection to the database", false)) });
        }
        let held = self.store.held.get(&channel).cloned();
        self.trace(|| format!("* loaded: {channel} {held:?}"));
        self.choices.about(|| format!("load {number}"));
        let result = match held {
            Some(text)
                if text == NONSENSE && self.choices.choose("says-so", false, |rng| rng.chance(500)) =>
            {
                Err(("not a position", true))
            }
            other => Ok(other.map(|replay_id| Position { replay_id, created_date: None })),
        };
        let found = match &result {
            Ok(Some(position)) if position.replay_id == NONSENSE => Err(()),
            Ok(position) => Ok(position.as_ref().map(|position| position.replay_id.clone())),
            Err(_) => Err(()),
        };
        self.promises.loaded(&self.server, &channel, request, found);
        self.input(Input::Loaded { request, result });
    }

    pub fn damage_store(&mut self) {
        let names: Vec<String> = self.store.held.keys().cloned().collect();
        if !names.is_empty() {
            let name = names[0].clone();
            let name = self.choices.choose("name", name, |rng| names[rng.index(names.len())].clone());
            self.trace(|| format!("== damaged: {name}"));
            self.store.held.insert(name, NONSENSE.to_owned());
        }
    }

    pub fn repair_store(&mut self) {
        self.store.held.retain(|_, held| held != NONSENSE);
    }
}
