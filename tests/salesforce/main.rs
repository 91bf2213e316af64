//! The dialect of Salesforce: refusals, logins, versions, hosts.

#![cfg(not(target_arch = "wasm32"))]

mod catalogue;
mod hosts;
mod oauth;
mod version;

/// What logins and instances answer, and what is to be read out of it; for the npm package, too.
fn answers() -> serde_json::Value {
    serde_json::from_str(include_str!("answers.json")).expect("JSON")
}

/// A text is the body itself; all else is its JSON.
fn body_of(case: &serde_json::Value) -> String {
    case["body"].as_str().map_or_else(|| case["body"].to_string(), str::to_owned)
}
