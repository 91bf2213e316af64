//! What JavaScript sees: one exported class, checked options, and the text of the last panic.

mod engine;
mod options;
pub mod told;

pub use crate::host::EngineHost;
pub use engine::Engine;
pub use options::EngineOptions;

#[cfg(feature = "small-allocator")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
