//! The store, the login, the extensions and the application's decisions: answers in any order, late, twice.

use arbitrary::{Result, Unstructured};
use cometd_edge::replay::Position;
use cometd_edge::session::Input;

use super::server::URL;
use super::world::{SECRET, World};

pub fn act(world: &mut World, drawn: &mut Unstructured<'_>) -> Result<()> {
    // Mostly one that was asked, and not yet answered.
    let index = drawn.int_in_range(0..=3)?;
    let take = |asked: &mut Vec<u32>| if index < asked.len() { asked.remove(index) } else { index as u32 };
    match drawn.int_in_range(0..=11_u8)? {
        0..=3 => {
            let request = take(&mut world.loads);
            let position = |replay_id: &str| {
                let created_date = Some("2024-05-01".to_owned());
                Ok(Some(Position { replay_id: replay_id.to_owned(), created_date }))
            };
            let long = "9".repeat(2_000);
            let result = match drawn.int_in_range(0..=7)? {
                0..=2 => Ok(None),
                3 => position("5"),
                4 => position("abc\u{e9}\"\\"),
                5 => position(drawn.choose(&["", "-1", "\n", &long])?),
                turn => Err(("out of order", turn == 7)),
            };
            world.input(Input::Loaded { request, result });
        }
        4 | 5 => {
            let request = take(&mut world.saves);
            let problem = *drawn.choose(&[None, None, Some("out of order")])?;
            world.input(Input::Saved { request, problem });
        }
        6 => {
            let request = take(&mut world.decisions);
            let retry = *drawn.choose(&[None, Some(true), Some(false)])?;
            world.input(Input::Decided { request, retry });
        }
        7..=9 => inspected_or_token(world, drawn, index)?,
        10 => {
            let number = (world.tokens + 1).saturating_sub(index as u32);
            world.input(Input::TokenRefused { number });
        }
        _ => {
            let retryable = !drawn.ratio(1, 8)?;
            world.input(Input::TokenFailed { message: "no login", retryable });
        }
    }
    Ok(())
}

fn inspected_or_token(world: &mut World, drawn: &mut Unstructured<'_>, index: usize) -> Result<()> {
    if index < world.inspects.len() {
        let (request, message) = world.inspects.remove(index);
        let message = match drawn.int_in_range(0..=7)? {
            0 => None,
            1 => Some("no message"),
            2 => Some(r#"{"channel":"/meta/connect","successful":true}"#),
            _ => Some(message.as_str()),
        };
        world.input(Input::Inspected { request, message });
        return Ok(());
    }
    world.tokens += 1;
    let token = format!("{SECRET}TOKEN-{:04}", world.tokens);
    world.keep_secret(&token);
    let url = match drawn.int_in_range(0..=15)? {
        0 => "https://east.my.salesforce.com/cometd/67.0",
        1 => *drawn.choose(&["http://example.com/cometd", "https://evil.example/cometd", "no url"])?,
        _ => URL,
    };
    world.input(Input::Token { number: world.tokens, access_token: &token, url });
    Ok(())
}
