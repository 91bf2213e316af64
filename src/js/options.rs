//! Options come in by typed getters; deserialising them would cost 16 kB and more.

use wasm_bindgen::prelude::*;

use crate::session::{ApiMisuse, Config, Inspect};

#[wasm_bindgen]
extern "C" {
    /// `EngineOptions` in `engine.ts`: the wrapper has checked types and ranges.
    pub type EngineOptions;

    #[wasm_bindgen(method, getter)]
    fn url(this: &EngineOptions) -> String;
    #[wasm_bindgen(method, getter)]
    fn headers(this: &EngineOptions) -> Vec<String>;
    #[wasm_bindgen(method, getter, js_name = ownCookies)]
    pub(super) fn own_cookies(this: &EngineOptions) -> bool;
    #[wasm_bindgen(method, getter)]
    fn ack(this: &EngineOptions) -> Option<bool>;
    #[wasm_bindgen(method, getter, js_name = networkDelayMs)]
    fn network_delay_ms(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = initialDelayMs)]
    fn initial_delay_ms(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn factor(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = maxDelayMs)]
    fn max_delay_ms(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = maxRetries)]
    fn max_retries(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = handshakesPerMinute)]
    fn handshakes_per_minute(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = sessionWindowMs)]
    fn session_window_ms(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = queuedEvents)]
    fn queued_events(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = queuedBytes)]
    fn queued_bytes(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = messageBytes)]
    fn message_bytes(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = requestBytes)]
    fn request_bytes(this: &EngineOptions) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn salesforce(this: &EngineOptions) -> bool;
    #[wasm_bindgen(method, getter)]
    fn auth(this: &EngineOptions) -> bool;
    #[wasm_bindgen(method, getter)]
    fn replay(this: &EngineOptions) -> bool;
    #[wasm_bindgen(method, getter, js_name = allowedHosts)]
    fn allowed_hosts(this: &EngineOptions) -> Vec<String>;
    #[wasm_bindgen(method, getter)]
    fn decides(this: &EngineOptions) -> bool;
    #[wasm_bindgen(method, getter)]
    fn inspect(this: &EngineOptions) -> String;
    #[wasm_bindgen(method, getter)]
    pub(super) fn seed(this: &EngineOptions) -> f64;
    #[wasm_bindgen(method, getter, js_name = unixMsAtZero)]
    fn unix_ms_at_zero(this: &EngineOptions) -> f64;
}

/// The core's configuration, with its defaults where an option is absent. Casts of floats saturate.
pub(super) fn config(options: &EngineOptions) -> Result<Config, ApiMisuse> {
    let mut config = Config::new(&options.url())?;
    for pair in options.headers().chunks_exact(2) {
        if let [name, value] = pair {
            config.header(name, value)?;
        }
    }
    if options.salesforce() {
        config.salesforce();
    }
    if options.auth() {
        config.authenticated()?;
    }
    config.replay = options.replay();
    config.allowed_hosts = options.allowed_hosts();
    config.decides = options.decides();
    config.own_cookies = options.own_cookies();
    config.unix_ms_at_zero = options.unix_ms_at_zero() as u64;
    config.inspect = match options.inspect().as_str() {
        "meta" => Inspect::Meta,
        "all" => Inspect::All,
        _ => Inspect::None,
    };
    set(&mut config.ack, options.ack());
    set(&mut config.network_delay_ms, options.network_delay_ms().map(|ms| ms as u64));
    let retry = &mut config.retry;
    set(&mut retry.initial_delay_ms, options.initial_delay_ms().map(|ms| ms as u64));
    set(&mut retry.factor, options.factor());
    set(&mut retry.max_delay_ms, options.max_delay_ms().map(|ms| ms as u64));
    set(&mut retry.max_retries, options.max_retries().map(|count| Some(count as u32)));
    set(&mut retry.handshakes_per_minute, options.handshakes_per_minute().map(|count| count as usize));
    set(&mut retry.session_window_ms, options.session_window_ms().map(|ms| ms as u64));
    let limits = &mut config.limits;
    set(&mut limits.queued_events, options.queued_events().map(|count| count as usize));
    set(&mut limits.queued_bytes, options.queued_bytes().map(|bytes| bytes as usize));
    set(&mut limits.message_bytes, options.message_bytes().map(|bytes| bytes as usize));
    set(&mut limits.request_bytes, options.request_bytes().map(|bytes| bytes as usize));
    Ok(config)
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
