//! What HTTP asks of the client itself: where requests go, which headers they may carry, and cookies.

pub mod cookie_text;
pub mod cookies;
pub mod date;
pub mod endpoint;
pub mod headers;
pub mod set_cookie;

pub use cookie_text::{CookieError, check_cookies};
pub use cookies::{Giver, Jar, Outcome};
pub use endpoint::{Endpoint, EndpointError};
pub use headers::{HeaderError, check_header};
pub use set_cookie::split_set_cookie;
