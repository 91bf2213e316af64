//! What HTTP asks of the client itself: where requests go, which headers they may carry, and cookies.

pub mod cookies;
pub mod date;
pub mod endpoint;
pub mod headers;
pub mod set_cookie;

pub use cookies::{Jar, Outcome};
pub use endpoint::{Endpoint, EndpointError};
pub use headers::{HeaderError, check_header};
pub use set_cookie::split_set_cookie;
