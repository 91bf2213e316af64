//! The session under any sequence of inputs: what is always true of its outputs, and that it can always be closed.

mod server;
mod store;
mod wishes;
mod world;

use arbitrary::{Result, Unstructured};
use cometd_edge::session::{Config, Inspect};

use self::world::World;

/// Longer lives tell nothing new, and slow the search down.
const MOST_STEPS: usize = 300;

/// A configuration, then step by step what happens.
pub fn run(data: &[u8]) {
    let mut drawn = Unstructured::new(data);
    // An end of the input is the end of the life.
    let Ok(config) = configure(&mut drawn) else { return };
    let Ok(mut world) = World::new(config, &mut drawn) else { return };
    for _ in 0..MOST_STEPS {
        if drawn.is_empty() || world.is_closed() || world.step(&mut drawn).is_err() {
            break;
        }
    }
    world.finish();
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
