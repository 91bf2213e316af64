//! What HTTP asks of the client itself: where requests go, which headers they may carry, and cookies.

pub(crate) mod cookie_text;
pub(crate) mod cookies;
pub(crate) mod date;
pub(crate) mod endpoint;
pub(crate) mod headers;
#[cfg(any(target_arch = "wasm32", feature = "test-support"))]
pub(crate) mod set_cookie;

pub use cookie_text::CookieError;
pub use endpoint::EndpointError;
pub use headers::HeaderError;
