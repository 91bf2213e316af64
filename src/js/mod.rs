//! What JavaScript sees: one exported class, checked options, and the text of the last panic.

mod engine;
mod options;
mod panics;
