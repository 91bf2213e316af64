//! What the other side does: heads, bodies that are right, nearly right or not, ends and failures.

use arbitrary::{Result, Unstructured};
use cometd_edge::session::{Input, Request, RequestId};
use serde_json::{Value, json};

use super::world::{SECRET, World};

pub const URL: &str = "https://example.com/cometd?key=S3CRET-QUERY";
pub const CHANNELS: [&str; 8] =
    ["/a", "/b/x", "/b/*", "/c/**", "/c/d", "/event/A__e", "/event/A__e?x='1'", "/service/s"];
/// Echoed words: the client id and the token of the request.
const WORDS: [&str; 14] = [
    "403::denied",
    "402:{id}:Unknown client {id}",
    "403:{id}:Unknown client",
    "401::Authentication invalid {token}",
    "503::Server is too busy. {token} {id}",
    "SERVER_UNAVAILABLE",
    "403::Organization total events daily limit exceeded",
    "403::Organization concurrent user limit exceeded",
    "400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.",
    "400::The replayId for channel {/a} wasn't found using the provided replay ID map {{}}.",
    "408::timeout {id}{token}",
    "500:{id},{token}:{id}",
    "",
    "404::Unknown channel",
];
const ADVICE: [&str; 9] = [
    r#"{"reconnect":"retry","interval":0,"timeout":30000}"#,
    r#"{"reconnect":"none"}"#,
    r#"{"reconnect":"handshake","interval":500}"#,
    r#"{"reconnect":"retry","interval":-1}"#,
    r#"{"interval":2000,"multiple-clients":true,"reconnect":"retry"}"#,
    r#"{"timeout":0,"maxInterval":0}"#,
    r#"{"maxInterval":1e99,"timeout":99999999999999999999,"interval":1e30}"#,
    r#"{"long-polling":{"reconnect":"none","timeout":"20"},"reconnect":"retry"}"#,
    "{}",
];
/// What may come into a body from nowhere.
pub const SCRAPS: [&str; 18] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "\\",
    "null",
    "{}",
    "-2",
    "18446744073709551616",
    "\u{fffd}",
    r#","successful":false"#,
    r#","advice":{"reconnect":"none"}"#,
    r#","ext":{"ack":7}"#,
    r#"{"channel":"/a","data":{"event":{"replayId":"x"}}},"#,
    r#"{"channel":"/meta/disconnect","successful":true},"#,
    r#","data":{"event":{"replayId":3}}"#,
];

pub fn is_allowed(host: &str) -> bool {
    host == "example.com" || host.ends_with(".my.salesforce.com")
}

pub fn messages(request: &Request) -> Vec<Value> {
    serde_json::from_str(&request.body()).expect("requests are JSON")
}

pub fn act(world: &mut World, drawn: &mut Unstructured<'_>) -> Result<()> {
    let turn = drawn.int_in_range(0..=15_u8)?;
    // An honest reply to the oldest request, or the newest.
    let index = drawn.int_in_range(0..=1)?.min(world.open.len().saturating_sub(1));
    let Some(request) = world.open.get(index).cloned() else {
        // Reports may cross an abort.
        return world.aborted.map_or(Ok(()), |id| part(world, drawn, id, turn));
    };
    let id = request.id();
    match turn {
        0..=5 => {
            let body = honest(world, drawn, &request)?;
            whole(world, drawn, id, body.as_bytes())
        }
        6..=8 => {
            let body = refusal(world, drawn, &request)?;
            whole(world, drawn, id, body.as_bytes())
        }
        9 | 10 => {
            // Echoed words could get into a channel, which nobody cleans.
            let body = if turn == 9 {
                honest(world, drawn, &request)?
            } else {
                refusal(world, drawn, &request)?.replace(SECRET, "")
            };
            let body = damaged(drawn, body.into_bytes())?;
            whole(world, drawn, id, &body)
        }
        _ => part(world, drawn, id, turn),
    }
}

/// Head, chunks and end, perhaps not all of them.
fn whole(world: &mut World, drawn: &mut Unstructured<'_>, id: RequestId, body: &[u8]) -> Result<()> {
    head(world, drawn, id, 200)?;
    let cut = drawn.int_in_range(0..=255_usize)?;
    let (left, right) = body.split_at(if cut < 200 { 0 } else { body.len() * (cut - 200) / 55 });
    world.input(Input::Chunk { request: id, bytes: left });
    if cut >= 230 {
        world.drain();
    }
    if cut != 255 {
        world.input(Input::Chunk { request: id, bytes: right });
        end(world, id);
    }
    Ok(())
}

fn end(world: &mut World, id: RequestId) {
    world.over(id);
    world.input(Input::End { request: id });
}

fn head(world: &mut World, drawn: &mut Unstructured<'_>, id: RequestId, status: u16) -> Result<()> {
    if !world.heads.insert(id) {
        return Ok(());
    }
    let mut headers = Vec::new();
    if drawn.ratio(1, 4)? {
        let (value, number) = world.next_cookie();
        let attributes = *drawn.choose(&["", "; Path=/; Secure", "; Max-Age=5", "; Domain=.com", "\u{1}"])?;
        headers.push(("Set-Cookie".to_owned(), format!("c{}={value}{attributes}", number % 3)));
    }
    if drawn.ratio(1, 8)? {
        let wait = *drawn.choose(&["5", "99999999999999999999", "Wed, 21 Oct 2015 07:28:00 GMT"])?;
        headers.push(("retry-after".to_owned(), wait.to_owned()));
    }
    world.input(Input::Head { request: id, status, headers: &headers });
    Ok(())
}

/// One report alone, whether it fits or not.
fn part(world: &mut World, drawn: &mut Unstructured<'_>, id: RequestId, turn: u8) -> Result<()> {
    match turn {
        11 => {
            let status =
                *drawn.choose(&[200, 204, 302, 0, 401, 403, 404, 408, 413, 429, 500, 503, 100, u16::MAX])?;
            head(world, drawn, id, status)
        }
        12 => {
            let length = drawn.int_in_range(0..=40)?;
            let length = drawn.len().min(length);
            world.input(Input::Chunk { request: id, bytes: drawn.bytes(length)? });
            Ok(())
        }
        13 => {
            world.over(id);
            let request = world.open.first().cloned();
            let reason =
                request.map_or("reset".to_owned(), |request| filled("broken: {id} {token}", &request));
            world.input(Input::Failed { request: id, reason: &reason });
            Ok(())
        }
        14 => {
            end(world, id);
            Ok(())
        }
        _ => {
            let scrap = *drawn.choose(&SCRAPS)?;
            world.input(Input::Chunk { request: id, bytes: scrap.as_bytes() });
            Ok(())
        }
    }
}

fn filled(words: &str, request: &Request) -> String {
    let id = messages(request).iter().find_map(|message| message["clientId"].as_str().map(str::to_owned));
    let token = request.headers().iter().find(|(name, _)| name == "Authorization");
    let token = token.and_then(|(_, value)| value.strip_prefix("Bearer "));
    words.replace("{id}", id.as_deref().unwrap_or("nobody")).replace("{token}", token.unwrap_or("none"))
}

/// Some events, each followed by a comma.
fn events(drawn: &mut Unstructured<'_>) -> Result<String> {
    let mut events = String::new();
    for _ in 0..drawn.int_in_range(0..=3)? {
        let channel = *drawn.choose(&["/a", "/b/x", "/c/d", "/event/A__e", "/service/s", "/nobody"])?;
        let id = drawn.int_in_range(0..=60_u8)?;
        let data = match drawn.int_in_range(0..=5)? {
            0 => format!("\"{SECRET}DATA\""),
            1 => format!(r#"{{"event":{{"replayId":"{id}","EventUuid":"{}"}}}}"#, id % 7),
            2 => format!(
                r#"{{"event":{{"replayId":{id},"createdDate":"2024-05-01"}},"x":"{}"}}"#,
                "x".repeat(200)
            ),
            _ => format!(r#"{{"event":{{"replayId":{id}}}}}"#),
        };
        events.push_str(&format!(r#"{{"channel":"{channel}","data":{data}}},"#));
    }
    Ok(events)
}

fn honest(world: &mut World, drawn: &mut Unstructured<'_>, request: &Request) -> Result<String> {
    let events = if request.kind() == "handshake" { String::new() } else { events(drawn)? };
    let mut replies = Vec::new();
    for message in messages(request) {
        let mut reply = json!({ "channel": message["channel"], "id": message["id"], "successful": true });
        if let Some(subscription) = message.get("subscription") {
            reply["subscription"] = subscription.clone();
        }
        match request.kind() {
            "handshake" => {
                let id = format!("{SECRET}CLIENT-{:04}", request.id().get());
                world.keep_secret(&id);
                reply["clientId"] = id.into();
                reply["supportedConnectionTypes"] = json!(["long-polling"]);
                reply["ext"] = match drawn.int_in_range(0..=3)? {
                    0 => json!({ "ack": true, "replay": true }),
                    1 => json!({ "ack": { "enabled": true, "batch": 3 } }),
                    _ => json!({ "replay": true }),
                };
            }
            "connect" if drawn.arbitrary()? => reply["ext"] = json!({ "ack": request.id().get() }),
            _ => {}
        }
        if drawn.ratio(1, 4)? {
            reply["advice"] = serde_json::from_str(drawn.choose(&ADVICE)?).unwrap_or_default();
        }
        if drawn.ratio(1, 16)? {
            reply.as_object_mut().expect("an object").remove("id");
        }
        replies.push(reply.to_string());
    }
    Ok(format!("[{events}{}]", replies.join(",")))
}

fn refusal(world: &mut World, drawn: &mut Unstructured<'_>, request: &Request) -> Result<String> {
    let words = filled(drawn.choose(&WORDS)?, request);
    let advice = *drawn.choose(&ADVICE)?;
    let shape = drawn.arbitrary::<u8>()?;
    let mut replies = Vec::new();
    for message in messages(request) {
        let mut reply = json!({ "channel": message["channel"], "id": message["id"], "successful": false });
        if let Some(subscription) = message.get("subscription") {
            reply["subscription"] = subscription.clone();
        }
        if shape & 1 == 0 {
            reply["error"] = words.as_str().into();
        } else {
            reply["ext"] = json!({ "sfdc": { "failureReason": words } });
        }
        if shape & 2 == 0 {
            reply["advice"] = serde_json::from_str(advice).unwrap_or_default();
        }
        if shape & 4 == 4 {
            reply["supportedConnectionTypes"] = json!(["websocket", words]);
            reply["successful"] = (shape & 8 == 0).into();
        }
        replies.push(reply.to_string());
    }
    if shape & 16 == 16 && !world.open.is_empty() {
        replies.push(events(drawn)?.trim_end_matches(',').to_owned());
        replies.retain(|reply| !reply.is_empty());
    }
    Ok(format!("[{}]", replies.join(",")))
}

/// A body that was right once.
fn damaged(drawn: &mut Unstructured<'_>, mut body: Vec<u8>) -> Result<Vec<u8>> {
    for _ in 0..drawn.int_in_range(1..=3)? {
        let at = body.len() * drawn.arbitrary::<u8>()? as usize / 255;
        match drawn.int_in_range(0..=4)? {
            0 => body.truncate(at),
            1 => {
                let scrap = *drawn.choose(&SCRAPS)?;
                body.splice(at..at, scrap.bytes());
            }
            2 if at < body.len() => body[at] = drawn.arbitrary()?,
            3 => drop(body.drain(at..(at + drawn.int_in_range(1..=30)?).min(body.len()))),
            _ => {
                // A part comes twice.
                let again = body[at..].iter().copied().take(60).collect::<Vec<u8>>();
                body.splice(at..at, again);
            }
        }
    }
    Ok(body)
}
