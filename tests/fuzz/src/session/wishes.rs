//! What the application wants, and how it reads.

use arbitrary::{Result, Unstructured};
use cometd_edge::replay::{Commit, OnInvalid, Start};
use cometd_edge::session::{Command, Input, ReplayOptions};

use super::server::CHANNELS;
use super::world::{RESTING_MS, SECRET, World};

pub fn act(world: &mut World, drawn: &mut Unstructured<'_>) -> Result<()> {
    let number = world.numbers + 1;
    let index = drawn.int_in_range(0..=3)?;
    let subscription = world.subscriptions.iter().rev().nth(index).copied().unwrap_or(7);
    let sequence = world.sequence.saturating_sub(drawn.int_in_range(0..=3)?);
    let given = match drawn.int_in_range(0..=15_u8)? {
        0..=2 => return subscribe(world, drawn, false),
        3..=5 => return subscribe(world, drawn, true),
        6 => world.command(
            number,
            Command::Unsubscribe { command: number, subscription, handed: sequence, linger: false },
        ),
        7 => world
            .command(number, Command::Commit { command: number, subscriptions: &[subscription], sequence }),
        8 | 9 => {
            let channel = *drawn.choose(&CHANNELS)?;
            let data = *drawn.choose(&["{}", "\"S3CRET-DATA\"", "[1", ""])?;
            world.command(number, Command::Publish { command: number, channel, data })
        }
        10 => {
            let text = *drawn.choose(&[
                r#"{"channel":"/r","data":1}"#,
                r#" {"channel":"/r","id":"x","clientId":"y"} "#,
                r#"{"channel":"/meta/connect"}"#,
                "{}",
                "[]",
            ])?;
            let messages = vec![text.to_owned(); drawn.int_in_range(0..=3)?];
            world.command(number, Command::Send { command: number, messages: &messages })
        }
        11 => return pause(world, drawn, number, subscription),
        12 if drawn.ratio(1, 8)? => {
            world.tell(Command::Close);
            return Ok(());
        }
        13 => {
            world.input(Input::Taken { subscription, events: drawn.int_in_range(0..=5)? });
            return Ok(());
        }
        turn => {
            world.input(Input::Progress { subscription, sequence, done: turn != 14 });
            return Ok(());
        }
    };
    world.numbers += u32::from(given.is_ok());
    Ok(())
}

fn subscribe(world: &mut World, drawn: &mut Unstructured<'_>, follows: bool) -> Result<()> {
    let mut channels = Vec::new();
    for _ in 0..drawn.int_in_range(0..=2)? {
        channels.push((*drawn.choose(&CHANNELS)?).to_owned());
    }
    if channels.is_empty() && !drawn.ratio(1, 8)? {
        channels.push("/a".to_owned());
    }
    let start = drawn.choose(&[Start::New, Start::All, Start::After("3".to_owned())])?.clone();
    let starts = vec![start; channels.len()];
    let commit = *drawn.choose(&[Commit::Processed, Commit::Delivered, Commit::Manual])?;
    let on_invalid = *drawn.choose(&[OnInvalid::All, OnInvalid::New, OnInvalid::Fail])?;
    let replay = follows.then_some(ReplayOptions { starts: &starts, commit, on_invalid });
    let again = drawn.ratio(1, 30)?;
    let number = if again { world.numbers } else { world.numbers + 1 };
    let command = Command::Subscribe { subscription: number, channels: &channels, replay };
    if again {
        world.drain();
        if world.lives(number) {
            assert!(!format!("{command:?}").contains(SECRET));
            assert!(world.command(number, command).is_err(), "{number} twice");
        }
        return Ok(());
    }
    if world.command(number, command).is_ok() {
        world.numbers = number;
        world.subscriptions.push(number);
    }
    Ok(())
}

/// Drains, pauses, is hidden and shown.
fn pause(world: &mut World, drawn: &mut Unstructured<'_>, number: u32, subscription: u32) -> Result<()> {
    let command = match drawn.int_in_range(0..=15_u8)? {
        turn @ (0 | 1) => {
            world.tell(Command::Tap(turn == 1));
            return Ok(());
        }
        turn @ 2..=4 => {
            world.tell(Command::Hidden(turn != 4));
            return Ok(());
        }
        5 | 6 => {
            let message = *drawn.choose(&[r#"{"channel":"/a","data":{}}"#, "{}", "", "null"])?;
            world.tell(Command::Restore { subscriptions: &[subscription], message });
            return Ok(());
        }
        7..=10 => {
            let idle_ms = *drawn.choose(&[None, Some(0), Some(1_000)])?;
            let deadline_ms = *drawn.choose(&[0, 5_000, 600_000, u64::MAX])?;
            return drain(world, number, idle_ms, deadline_ms);
        }
        11 | 12 => Command::Suspend { command: number },
        _ => Command::Pause { command: number },
    };
    let suspends = matches!(command, Command::Suspend { .. });
    if world.command(number, command).is_ok() {
        world.numbers = number;
        world.due.insert(number, world.now + RESTING_MS);
        world.rests_again();
        if suspends {
            world.suspends.insert(number);
        }
    }
    Ok(())
}

fn drain(world: &mut World, number: u32, idle_ms: Option<u64>, deadline_ms: u64) -> Result<()> {
    if world.command(number, Command::Drain { command: number, idle_ms, deadline_ms }).is_ok() {
        world.numbers = number;
        world.due.insert(number, world.now.saturating_add(deadline_ms));
        world.rests_again();
    }
    Ok(())
}
