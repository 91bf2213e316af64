//! What [`Engine::input`](super::Engine::input) can be told; `engine.ts` has the same numbers, and says what goes with each.

#![allow(missing_docs)]

pub const START: u32 = 0;
pub const SUBSCRIBE: u32 = 1;
pub const UNSUBSCRIBE: u32 = 2;
pub const PROGRESS: u32 = 3;
pub const COMMIT: u32 = 4;
pub const TOKEN: u32 = 5;
pub const TOKEN_FAILED: u32 = 6;
pub const REFUSED: u32 = 7;
pub const CHECK_INSTANCE: u32 = 8;
pub const LOADED: u32 = 9;
pub const SAVED: u32 = 10;
pub const DECIDED: u32 = 11;
pub const PUBLISH: u32 = 12;
pub const SEND: u32 = 13;
pub const DRAIN: u32 = 14;
pub const REST: u32 = 15;
pub const HIDDEN: u32 = 16;
pub const SUSPEND: u32 = 17;
pub const RESTORE: u32 = 18;
pub const CLOSE: u32 = 19;
pub const CLAIM: u32 = 20;
pub const TAKEN: u32 = 21;
pub const TAP: u32 = 22;
pub const TRAP: u32 = 23;
pub const CALL: u32 = 24;
pub const CANCEL: u32 = 25;
pub const RETRY_NOW: u32 = 26;
pub const HEADERS: u32 = 27;
