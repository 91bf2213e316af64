//! The dialect of Salesforce: what its servers refuse and why, logins, API versions, hosts.
//!
//! All of it is pure: texts in, values out. The session asks [`classify`] about every refusal, whoever's server it
//! talks to; the rest is for those who log in.

mod catalogue;
pub mod hosts;
pub mod oauth;
pub mod version;

pub use catalogue::{Refusal, classify};
