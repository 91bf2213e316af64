//! Options come in one by one, by name: deserialising them would cost 16 kB and more, and a typed getter for each a function
//! of the glue.

use js_sys::{Array, Reflect};
use wasm_bindgen::prelude::*;

use crate::session::{ApiMisuse, Config, Inspect};

#[wasm_bindgen]
extern "C" {
    /// `EngineOptions` in `engine.ts`: the wrapper has checked types and ranges.
    pub type EngineOptions;
}

impl EngineOptions {
    /// `undefined` where it is absent.
    fn get(&self, name: &str) -> JsValue {
        Reflect::get(self, &JsValue::from_str(name)).unwrap_or_default()
    }

    #[inline(never)]
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.get(name).as_f64()
    }

    fn whole(&self, name: &str) -> Option<u64> {
        // Saturates: the cast of a float to an integer does in Rust.
        self.number(name).map(|number| number as u64)
    }

    fn size(&self, name: &str) -> Option<usize> {
        self.number(name).map(|number| number as usize)
    }

    #[inline(never)]
    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).as_bool().unwrap_or_default()
    }

    fn text(&self, name: &str) -> String {
        self.get(name).as_string().unwrap_or_default()
    }

    #[inline(never)]
    fn texts(&self, name: &str) -> Vec<String> {
        let array = self.get(name).unchecked_into::<Array>();
        let mut texts = Vec::new();
        for index in 0..array.length() {
            texts.push(array.get(index).as_string().unwrap_or_default());
        }
        texts
    }
}

/// The core's configuration, with its defaults where an option is absent.
pub(super) fn config(options: &EngineOptions) -> Result<Config, ApiMisuse> {
    let mut config = Config::new(&options.text("url"))?;
    config.own_cookies = options.flag("ownCookies");
    let cookies = options.text("cookies");
    if !cookies.is_empty() {
        config.cookies(&cookies)?;
    }
    config.asks_headers = options.flag("asksHeaders");
    for pair in options.texts("headers").chunks_exact(2) {
        if let [name, value] = pair {
            config.header(name, value)?;
        }
    }
    if options.flag("salesforce") {
        config.salesforce();
    }
    if options.flag("auth") {
        config.authenticated()?;
    }
    if options.flag("appendMessageType") {
        config.append_message_type_to_url()?;
    }
    let resume = options.text("resume");
    if !resume.is_empty() {
        config.resume(&resume)?;
    }
    config.replay = options.flag("replay");
    config.allowed_hosts = options.texts("allowedHosts");
    config.decides = options.flag("decides");
    set(&mut config.unix_ms_at_zero, options.whole("unixMsAtZero"));
    config.inspect = match options.text("inspect").as_str() {
        "meta" => Inspect::Meta,
        "all" => Inspect::All,
        _ => Inspect::None,
    };
    set(&mut config.ack, options.get("ack").as_bool());
    set(&mut config.network_delay_ms, options.whole("networkDelayMs"));
    set(&mut config.connect_timeout_ms, options.whole("connectTimeoutMs"));
    let retry = &mut config.retry;
    set(&mut retry.initial_delay_ms, options.whole("initialDelayMs"));
    set(&mut retry.factor, options.number("factor"));
    set(&mut retry.max_delay_ms, options.whole("maxDelayMs"));
    set(&mut retry.max_retries, options.number("maxRetries").map(|count| Some(count as u32)));
    set(&mut retry.handshakes_per_minute, options.size("handshakesPerMinute"));
    set(&mut retry.session_window_ms, options.whole("sessionWindowMs"));
    let limits = &mut config.limits;
    set(&mut limits.queued_events, options.size("queuedEvents"));
    set(&mut limits.queued_bytes, options.size("queuedBytes"));
    set(&mut limits.uncommitted_events, options.size("uncommittedEvents"));
    set(&mut limits.message_bytes, options.size("messageBytes"));
    set(&mut limits.tracked_channels, options.size("trackedChannels"));
    set(&mut limits.request_bytes, options.size("requestBytes"));
    Ok(config)
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
