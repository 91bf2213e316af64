//! The dialect of Salesforce: refusals, logins, versions, hosts.

#![cfg(not(target_arch = "wasm32"))]

mod catalogue;
mod hosts;
mod oauth;
mod version;
