//! What the tests, benches and fuzz targets of this crate look at beside its interface, behind the feature of that name.
//! No part of the interface: it may change in any release.

/// The work of loops, counted.
pub mod steps {
    pub use crate::steps::taken;
}

/// The wire, piece by piece.
pub mod bayeux {
    pub use crate::bayeux::decoder::{Bounds, DecodeError, Decoder, Item};

    /// Reading JSON in place.
    pub mod json {
        pub use crate::bayeux::json::*;
    }

    /// Writing messages.
    pub mod write {
        pub use crate::bayeux::write::*;
    }
}

/// Endpoints, headers and cookies.
pub mod http {
    pub use crate::http::cookies::{Jar, Outcome};
    pub use crate::http::date::parse_date;
    pub use crate::http::endpoint::Endpoint;
    pub use crate::http::headers::{check_header, retry_after_ms};
    pub use crate::http::set_cookie::split_set_cookie;
}
