use super::misuse::ApiMisuse;
use super::snapshot::Snapshot;
use crate::Instant;
pub use crate::backoff::Retry;
use crate::http::cookie_text::check_cookies;
use crate::http::endpoint::Endpoint;
use crate::http::headers::check_header;
use crate::text::joined;

/// What a session needs to know before it starts. `Debug` shows no header values (X2).
#[derive(Clone)]
pub struct Config {
    pub(super) endpoint: Endpoint,
    pub(super) headers: Vec<(String, String)>,
    /// Set by [`Config::cookies`].
    pub(super) cookies: String,
    /// Ask for the headers of each request before it goes out ([`Output::Headers`](super::Output::Headers)); they replace
    /// those of the same name that [`Config::header`] added. Default: no.
    pub asks_headers: bool,
    /// The dialect of Salesforce: no acknowledgement extension, and a new session also after `reconnect: none` where that
    /// can help (S5a). Set by [`Config::salesforce`].
    pub(super) salesforce: bool,
    pub(super) auth: bool,
    pub(super) append_message_type: bool,
    /// Hosts that tokens may be sent to, besides the url's own and, in the dialect of Salesforce, its domains: exact, or
    /// `*.example.com` for all below (X1).
    pub allowed_hosts: Vec<String>,
    /// Ask for the replay extension in the handshake. Each subscription says whether its channels are tracked. Default:
    /// no.
    pub replay: bool,
    /// Ask before a refused subscription is tried again or given up ([`Output::Decide`](super::Output::Decide), S11).
    pub decides: bool,
    /// Keep cookies in the session (default), or leave them to the host, as browsers demand (X4). Say so before any cookies
    /// are given, which are refused then.
    pub own_cookies: bool,
    /// Ask for the acknowledgement extension (A1). Default: yes.
    pub ack: bool,
    /// Grace for the network, in milliseconds: added to the poll's timeout, and the limit of everything else (S7).
    /// Default: 10,000.
    pub network_delay_ms: u64,
    /// How long it may take until the server has answered anything at all, in milliseconds; from then on only
    /// [`Retry::max_retries`] counts. With access tokens this limit applies first to the login, until the first token,
    /// and then again to the server, until its first answer. Default: 30,000.
    pub connect_timeout_ms: u64,
    /// How failures are retried (S8).
    pub retry: Retry,
    /// What is kept in memory at most (R8, X3).
    pub limits: Limits,
    /// How long the server keeps a session without a poll, in milliseconds, unless it advises `maxInterval`. While the
    /// application does not read, a poll is sent after three quarters of it (R8). Default: 10,000, that of CometD.
    pub max_interval_ms: u64,
    /// Which messages come out as [`Output::Inspect`](super::Output::Inspect). Default: none.
    pub inspect: Inspect,
    /// Unix time in milliseconds at the origin of the driver's clock: for the expiry of cookies and the range of gaps.
    pub unix_ms_at_zero: u64,
    /// Set by [`Config::resume`].
    pub(super) resumed: Option<Box<Snapshot>>,
}

impl Config {
    /// The defaults for this URL.
    ///
    /// # Errors
    /// [`ApiMisuse::Url`] if it is not an absolute http(s) URL without credentials.
    pub fn new(url: &str) -> Result<Self, ApiMisuse> {
        Ok(Self {
            endpoint: Endpoint::parse(url)?,
            headers: Vec::new(),
            cookies: String::new(),
            asks_headers: false,
            salesforce: false,
            auth: false,
            append_message_type: false,
            allowed_hosts: Vec::new(),
            replay: false,
            decides: false,
            own_cookies: true,
            ack: true,
            network_delay_ms: 10_000,
            connect_timeout_ms: 30_000,
            retry: Retry::default(),
            limits: Limits::default(),
            max_interval_ms: 10_000,
            inspect: Inspect::None,
            unix_ms_at_zero: 0,
            resumed: None,
        })
    }

    /// Nothing is sent before there is an access token, and every request carries the newest one (S10).
    ///
    /// # Errors
    /// [`ApiMisuse::Insecure`] if the url is neither https nor on this machine (X1).
    pub fn authenticated(&mut self) -> Result<&mut Self, ApiMisuse> {
        if !self.endpoint.is_secure() {
            return Err(ApiMisuse::Insecure);
        }
        self.auth = true;
        Ok(self)
    }

    /// Speaks the dialect of Salesforce: its window of 40 s, no acknowledgement extension, S5a. The url may be that of
    /// the login, since each token comes with its endpoint.
    pub fn salesforce(&mut self) -> &mut Self {
        self.salesforce = true;
        self.ack = false;
        self.max_interval_ms = 40_000;
        self
    }

    /// Sends handshakes, polls and disconnects below the url, to `/handshake`, `/connect` and `/disconnect`, and all else to
    /// the url with a slash at its end, as some servers and proxies want it. Default: all goes to the url.
    ///
    /// # Errors
    /// [`ApiMisuse::NotAppendable`] if the url has a query, or a dot in its last segment. In the dialect of Salesforce, chosen
    /// before, that is a version, and no obstacle.
    pub fn append_message_type_to_url(&mut self) -> Result<&mut Self, ApiMisuse> {
        if !self.salesforce && !self.endpoint.takes_segments() {
            return Err(ApiMisuse::NotAppendable);
        }
        self.append_message_type = true;
        Ok(self)
    }

    /// Adds a header to every request. A `Cookie` header counts as [`Config::cookies`].
    ///
    /// # Errors
    /// [`ApiMisuse::Header`] if the name is not a token or the value could break out of its line; those of
    /// [`Config::cookies`].
    pub fn header(&mut self, name: &str, value: &str) -> Result<&mut Self, ApiMisuse> {
        check_header(name, value)?;
        if name.eq_ignore_ascii_case("cookie") {
            return self.cookies(value);
        }
        self.headers.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Puts cookies into the jar, as `document.cookie` writes them: `a=b; c=d`. They go to the origin of the url alone, on
    /// every path, until the server sets or deletes one of the same name (X4).
    ///
    /// # Errors
    /// [`ApiMisuse::Cookies`] if they are something else; [`ApiMisuse::HostCookies`] without [`Config::own_cookies`].
    pub fn cookies(&mut self, text: &str) -> Result<&mut Self, ApiMisuse> {
        if !self.own_cookies {
            return Err(ApiMisuse::HostCookies);
        }
        let cookies = joined(&[&self.cookies, text], if self.cookies.is_empty() { "" } else { "; " });
        check_cookies(&cookies)?;
        self.cookies = cookies;
        Ok(self)
    }

    /// Resumes what [`Command::Suspend`](super::Command::Suspend) settled with (S17). Subscribe the same channels again:
    /// they go on at their committed positions, or at the store's where it has one; without an access token, in the same
    /// session if the server still knows it. A snapshot is good for one client: its session has one owner.
    ///
    /// # Errors
    /// [`ApiMisuse::Snapshot`] if it is something else.
    pub fn resume(&mut self, snapshot: &str) -> Result<&mut Self, ApiMisuse> {
        self.resumed =
            Some(Box::new(Snapshot::read(snapshot, Instant::default()).ok_or(ApiMisuse::Snapshot)?));
        Ok(self)
    }
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config").field("url", &self.endpoint.origin()).finish_non_exhaustive()
    }
}

/// Which incoming messages the driver wants to see before the session acts on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspect {
    /// None.
    None,
    /// `/meta/*` and replies.
    Meta,
    /// Events too.
    All,
}

/// Limits on memory and on the size of requests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Events that wait for the application before reading stops. Default: 10,000.
    pub queued_events: usize,
    /// Their bytes, and apart from them those of the events that are kept for readers that join later (R7b): what does not
    /// fit is brought to them by a new session. Default: 16 MiB.
    pub queued_bytes: usize,
    /// Events of tracked channels that were handed out and are not committed, before reading stops (P3). Those committed
    /// behind one that is not do not count. Default: 100,000.
    pub uncommitted_events: usize,
    /// The largest message that is taken in; larger ones are passed over (X3). Default: 4 MiB.
    pub message_bytes: usize,
    /// How many channels are tracked by replay at once (P2). Those count as well whose positions must be kept although
    /// nobody reads them. Where the limit is reached, a saved position of a channel that nobody reads is forgotten, and
    /// loaded again when it is needed. Default: 10,000.
    pub tracked_channels: usize,
    /// The largest request, in bytes, unless a single message is larger (S3). Default: 32,768, as Salesforce demands.
    pub request_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queued_events: 10_000,
            queued_bytes: 16 << 20,
            uncommitted_events: 100_000,
            message_bytes: 4 << 20,
            tracked_channels: 10_000,
            request_bytes: 32_768,
        }
    }
}
