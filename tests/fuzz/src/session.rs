//! The session under any sequence of inputs: what is always true of its outputs, and that it can always be closed.

mod server;
mod store;
mod wishes;
mod world;

use arbitrary::{Result, Unstructured};
use cometd_edge::session::{Config, Inspect};

use self::world::{Past, World};

/// Longer lives tell nothing new, and slow the search down.
const MOST_STEPS: usize = 300;
/// Left by clients that nobody has seen.
const SNAPSHOTS: [&str; 3] = [
    r#"{"url":"https://example.com/cometd?key=S3CRET-QUERY","time":"1700000000000","clientId":"\"S3CRET-CLIENT-OLD\"","lost":"","cookies":[["c0","S3CRET-COOKIE-OLD","example.com","/","hs"]],"channels":{"/a":["5","2024-05-01"],"/b/*":[],"/event/A__e":[]}}"#,
    r#"{"url":"https://example.com/cometd?key=S3CRET-QUERY","time":"7","clientId":"\"S3CRET-CLIENT-OLD\"","ack":"3","skip":"1","cookies":[],"channels":{"/a":[],"/c/**":[],"/b/x":[]}}"#,
    r#"{"url":"https://example.com/cometd?key=S3CRET-QUERY","time":"0","cookies":[],"channels":{"/a":["x"],"/c/d":["40"]}}"#,
];

/// A configuration, then step by step what happens. Where a life ends early, the next one resumes from what it left.
pub fn run(data: &[u8]) {
    let mut drawn = Unstructured::new(data);
    // An end of the input is the end of the life.
    let Ok(config) = configure(&mut drawn) else { return };
    let mut next = Some((config, None));
    let mut steps = 0;
    while let Some((config, past)) = next.take() {
        let plain = config.clone();
        let Ok(mut world) = take_up(config, past, &mut drawn) else { return };
        while steps < MOST_STEPS && !drawn.is_empty() && !world.is_closed() && world.step(&mut drawn).is_ok()
        {
            steps += 1;
        }
        let goes_on = world.is_closed() && steps < MOST_STEPS && !drawn.is_empty();
        let past = world.finish();
        if let Some(snapshot) = &past.snapshot {
            plain.clone().resume(snapshot).expect("a snapshot is good for the next client (S17)");
        }
        if goes_on {
            let config = if drawn.ratio(1, 4).unwrap_or(false) { configure(&mut drawn) } else { Ok(plain) };
            next = config.ok().map(|config| (config, Some(past)));
        }
    }
}

/// A client that begins with a snapshot, where there is one: as it was given, damaged, or any text.
fn take_up(mut config: Config, past: Option<Past>, drawn: &mut Unstructured<'_>) -> Result<World> {
    let is_first = past.is_none();
    let mut past = past.unwrap_or_default();
    if !is_first {
        let mut snapshot = match past.snapshot.take() {
            Some(snapshot) => snapshot,
            None => (*drawn.choose(&SNAPSHOTS)?).to_owned(),
        };
        config.clone().resume(&snapshot).expect("nothing has changed it yet");
        match drawn.int_in_range(0..=7_u8)? {
            0..=3 => {}
            4..=6 => snapshot = damaged(drawn, snapshot)?,
            _ => snapshot = drawn.arbitrary::<&str>()?.to_owned(),
        }
        if let Err(misuse) = config.resume(&snapshot) {
            past.clean(&format!("{misuse} {misuse:?}"));
        }
    }
    World::new(config, past, drawn)
}

/// A snapshot that was right once. No part comes twice: a secret in the place of a channel is nobody's fault.
fn damaged(drawn: &mut Unstructured<'_>, snapshot: String) -> Result<String> {
    let mut bytes = snapshot.into_bytes();
    for _ in 0..drawn.int_in_range(1..=3)? {
        let at = bytes.len() * drawn.arbitrary::<u8>()? as usize / 255;
        match drawn.int_in_range(0..=3)? {
            0 => bytes.truncate(at),
            1 => {
                let scrap = *drawn.choose(&server::SCRAPS)?;
                bytes.splice(at..at, scrap.bytes());
            }
            2 if at < bytes.len() => bytes[at] = drawn.arbitrary()?,
            _ => drop(bytes.drain(at..(at + drawn.int_in_range(1..=30)?).min(bytes.len()))),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn configure(drawn: &mut Unstructured<'_>) -> Result<Config> {
    let mut config = Config::new(server::URL).expect("a good url");
    config.header("X-Key", "S3CRET-HEADER").expect("a good header");
    world::log_in(drawn.arbitrary()?, &mut config);
    config.replay = drawn.arbitrary()?;
    config.ack &= drawn.arbitrary::<bool>()?;
    config.decides = drawn.arbitrary()?;
    config.own_cookies = drawn.ratio(3, 4)?;
    config.inspect = *drawn.choose(&[Inspect::None, Inspect::None, Inspect::Meta, Inspect::All])?;
    config.limits.queued_events = *drawn.choose(&[10_000, 10_000, 4, 0])?;
    config.limits.queued_bytes = *drawn.choose(&[16 << 20, 16 << 20, 300])?;
    config.limits.message_bytes = *drawn.choose(&[4 << 20, 4 << 20, 200, 0])?;
    config.limits.request_bytes = *drawn.choose(&[32_768, 32_768, 200, 0])?;
    config.retry.max_retries = *drawn.choose(&[None, Some(1_000), Some(2), Some(0)])?;
    config.retry.handshakes_per_minute = *drawn.choose(&[1_000, 10, 1])?;
    config.retry.session_window_ms = *drawn.choose(&[1, 150_000])?;
    config.retry.factor = *drawn.choose(&[3.0, 3.0, 0.0, -1.0, f64::NAN, f64::INFINITY])?;
    config.retry.max_delay_ms = *drawn.choose(&[30_000, 30_000, 0, u64::MAX])?;
    config.network_delay_ms = *drawn.choose(&[10_000, 10_000, 1, u64::MAX])?;
    config.max_interval_ms = *drawn.choose(&[config.max_interval_ms, config.max_interval_ms, 0, u64::MAX])?;
    config.unix_ms_at_zero = *drawn.choose(&[1_700_000_000_000, 0, u64::MAX])?;
    Ok(config)
}
