//! Commands, and the answers of the store and of the application.

use cometd_edge::replay::{Commit, OnInvalid, Position, Start};
use cometd_edge::session::{ApiMisuse, Command, Input, ReplayOptions};

use super::*;

impl Sim {
    pub fn follow(&mut self, subscription: u32, channel: &str, start: Start) {
        self.follow_as(subscription, channel, start, Commit::Processed, OnInvalid::All);
    }

    pub fn follow_as(
        &mut self,
        subscription: u32,
        channel: &str,
        start: Start,
        commit: Commit,
        on_invalid: OnInvalid,
    ) {
        self.try_follow(subscription, &[channel], &[start], commit, on_invalid).expect("not a misuse");
    }

    pub fn try_follow(
        &mut self,
        subscription: u32,
        channels: &[&str],
        starts: &[Start],
        commit: Commit,
        on_invalid: OnInvalid,
    ) -> Result<(), ApiMisuse> {
        let channels: Vec<String> = channels.iter().map(|channel| (*channel).to_owned()).collect();
        let replay = Some(ReplayOptions { starts, commit, on_invalid });
        let result = self.queue(Command::Subscribe { subscription, channels: &channels, replay });
        self.drain();
        result
    }

    /// The store answers the load of this channel.
    pub fn load(&mut self, channel: &str, position: Option<&str>) {
        let position =
            position.map(|replay_id| Position { replay_id: replay_id.to_owned(), created_date: None });
        self.load_answer(channel, Ok(position));
    }

    pub fn load_answer(&mut self, channel: &str, result: Result<Option<Position>, (&str, bool)>) {
        let index = self.loads.iter().position(|(_, known)| known == channel).expect("a load");
        let (request, _) = self.loads.remove(index);
        self.input(Input::Loaded { request, result });
    }

    /// The store has taken the position of this channel; gives its replay id.
    pub fn save(&mut self, channel: &str) -> String {
        self.save_answer(channel, None)
    }

    pub fn save_answer(&mut self, channel: &str, problem: Option<&str>) -> String {
        let index = self.saves.iter().position(|(_, known, _)| known == channel).expect("a save");
        let (request, _, position) = self.saves.remove(index);
        self.input(Input::Saved { request, problem });
        position.replay_id
    }

    /// Answers every save, until there is no more.
    pub fn save_all(&mut self) {
        while let Some((_, channel, _)) = self.saves.first().cloned() {
            self.save(&channel);
        }
    }

    /// The application is done with all events of the subscription up to this one.
    pub fn done(&mut self, subscription: u32, sequence: u32) {
        self.input(Input::Progress { subscription, sequence, done: true });
    }

    /// All events of the subscription up to this one were handed out.
    pub fn delivered(&mut self, subscription: u32, sequence: u32) {
        self.input(Input::Progress { subscription, sequence, done: false });
    }

    pub fn commit(&mut self, command: u32, subscription: u32, sequence: u32) {
        self.command(Command::Commit { command, subscriptions: &[subscription], sequence });
    }

    pub fn leave(&mut self, command: u32, subscription: u32, handed: u32) {
        self.command(Command::Unsubscribe { command, subscription, handed, linger: false });
    }

    /// The loop over a subscription is left by `break`.
    pub fn break_off(&mut self, command: u32, subscription: u32, handed: u32) {
        self.command(Command::Unsubscribe { command, subscription, handed, linger: true });
    }

    pub fn subscribe(&mut self, subscription: u32, channels: &[&str]) {
        let channels: Vec<String> = channels.iter().map(|channel| (*channel).to_owned()).collect();
        self.queue(Command::Subscribe { subscription, channels: &channels, replay: None })
            .expect("not a misuse");
        self.drain();
    }

    pub fn unsubscribe(&mut self, command: u32, subscription: u32) {
        self.command(Command::Unsubscribe { command, subscription, handed: 0, linger: false });
    }

    pub fn publish(&mut self, command: u32, channel: &str) {
        self.command(Command::Publish { command, channel, data: "{}" });
    }

    pub fn close(&mut self) {
        self.command(Command::Close);
    }

    pub fn take(&mut self, subscription: u32, events: usize) {
        self.input(Input::Taken { subscription, events });
    }
}
