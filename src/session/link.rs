//! The session at the server: its client id and endpoint, its cookies, and the earlier session that is still to be
//! disconnected (R7d, S10a, X4).

use super::secrets::{Retired, redact};
use super::tokens::Token;
use crate::Instant;
use crate::http::cookies::{Giver, Jar};
use crate::http::endpoint::Endpoint;

/// Which session the client has, and at which endpoint.
pub(super) struct Link {
    /// The client id as a raw JSON token, while there is a session.
    client_id: Option<String>,
    /// Counts sessions, so that late replies to an earlier one can be recognised.
    epoch: u32,
    /// The endpoint of the configuration: tokens may be sent to its host (X1).
    configured: Endpoint,
    /// The endpoint of the session.
    endpoint: Endpoint,
    /// `None` where the host keeps the cookies.
    jar: Option<Jar>,
    pending_disconnect: Option<PendingDisconnect>,
    /// Earlier client ids, which late replies may mention (X2).
    retired: Retired,
}

/// A session that is given up but that the server still has.
pub(super) struct PendingDisconnect {
    pub client_id: String,
    pub jar: Option<Jar>,
    pub endpoint: Endpoint,
    /// The last access token for that endpoint, unless it was refused.
    pub token: Option<Token>,
}

impl Link {
    /// No session yet. `own_cookies`: cookies are kept here and not by the host.
    pub fn new(endpoint: Endpoint, own_cookies: bool) -> Self {
        Self {
            client_id: None,
            epoch: 0,
            configured: endpoint.clone(),
            endpoint,
            jar: own_cookies.then(Jar::new),
            pending_disconnect: None,
            retired: Retired::default(),
        }
    }

    /// The client id, as a raw JSON token.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    pub fn has_session(&self) -> bool {
        self.client_id.is_some()
    }

    /// The number of this session; 0 before the first handshake, and for one that an earlier client had.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The server has made a session.
    pub fn session_began(&mut self, client_id: &str) {
        self.client_id = Some(client_id.to_owned());
    }

    /// The session is over; requests in flight belong to an earlier one from now on. Returns its client id.
    pub fn session_ended(&mut self, requests_open: bool) -> Option<String> {
        self.epoch = self.epoch.wrapping_add(1);
        self.forget_client_id(requests_open)
    }

    /// Forgets the session without a disconnect: it stays at the server, or the server no longer has it. Returns its
    /// client id.
    pub fn forget_client_id(&mut self, requests_open: bool) -> Option<String> {
        let client_id = self.client_id.take()?;
        self.retired.add(client_id.clone(), requests_open);
        Some(client_id)
    }

    /// The endpoint of the session.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The endpoint of the configuration.
    pub fn configured(&self) -> &Endpoint {
        &self.configured
    }

    /// The next session is at this endpoint. Returns `true` if that is at another origin: then all cookies but the
    /// caller's are dropped.
    pub fn move_to(&mut self, endpoint: Endpoint) -> bool {
        let elsewhere = endpoint.origin() != self.endpoint.origin();
        if elsewhere {
            self.keep_callers_cookies();
        }
        self.endpoint = endpoint;
        elsewhere
    }

    /// The session must be disconnected. The next one carries none of its cookies (R7d) except those of the caller.
    pub fn owe_disconnect(&mut self, client_id: String, token: Option<Token>) {
        let jar = self.jar.clone();
        self.keep_callers_cookies();
        let endpoint = self.endpoint.clone();
        self.pending_disconnect = Some(PendingDisconnect { client_id, jar, endpoint, token });
    }

    pub fn owes_disconnect(&self) -> bool {
        self.pending_disconnect.is_some()
    }

    /// Takes the pending disconnect, which goes out now or is given up.
    pub fn take_pending_disconnect(&mut self) -> Option<PendingDisconnect> {
        self.pending_disconnect.take()
    }

    /// The jar, if cookies are kept here.
    pub fn jar(&self) -> Option<&Jar> {
        self.jar.as_ref()
    }

    /// The cookies that outlive the session: those of the caller (X4).
    pub fn callers_cookies(&self) -> Jar {
        self.jar.as_ref().map(Jar::callers).unwrap_or_default()
    }

    /// Replaces the cookies by those of an earlier client.
    pub fn adopt_cookies(&mut self, cookies: Jar) {
        if let Some(jar) = &mut self.jar {
            *jar = cookies;
        }
    }

    /// Puts the caller's own cookies into the jar (X4).
    pub fn give_cookies(&mut self, giver: Giver, text: &str, now: Instant, unix_ms: u64) {
        if let Some(jar) = &mut self.jar {
            jar.give(giver, text, &self.configured, now, unix_ms);
        }
    }

    /// Keeps the cookies of a response from `from` (X4).
    pub fn keep_cookies(
        &mut self,
        headers: &[(String, String)],
        from: &Endpoint,
        now: Instant,
        unix_ms: u64,
    ) {
        let Some(jar) = &mut self.jar else { return };
        for (_, value) in headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            jar.store(value, from, now, unix_ms);
        }
    }

    /// `text` without the client ids of this session and those before (X2).
    pub fn redact(&self, text: &str) -> String {
        self.client_id.as_deref().into_iter().chain(self.retired.iter()).fold(text.to_owned(), |text, id| {
            let secret = id.strip_prefix('"').and_then(|id| id.strip_suffix('"')).unwrap_or(id);
            redact(&text, secret, "[client id]")
        })
    }

    fn keep_callers_cookies(&mut self) {
        if let Some(jar) = &mut self.jar {
            *jar = jar.callers();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(0);

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::parse(url).expect("a url")
    }

    fn link() -> Link {
        let mut link = Link::new(endpoint("https://one.example/cometd"), true);
        link.give_cookies(Giver::Config, "mine=1", NOW, 0);
        let set = [("Set-Cookie".to_owned(), "theirs=2".to_owned())];
        let from = link.endpoint().clone();
        link.keep_cookies(&set, &from, NOW, 0);
        link
    }

    fn cookies(jar: Option<&Jar>, at: &str) -> Option<String> {
        jar.and_then(|jar| jar.header(&endpoint(at), 0))
    }

    #[test]
    fn a_session_lasts_until_it_ends() {
        let mut link = link();
        assert!(!link.has_session() && link.client_id().is_none());
        link.session_began("\"abcde\"");
        assert!(link.has_session());
        assert_eq!((link.client_id(), link.epoch()), (Some("\"abcde\""), 0));
        assert_eq!(link.session_ended(false).as_deref(), Some("\"abcde\""));
        assert!(!link.has_session());
        assert_eq!((link.epoch(), link.session_ended(false)), (1, None));
    }

    #[test]
    fn s17_a_forgotten_client_id_leaves_the_epoch() {
        let mut link = link();
        link.session_began("\"abcde\"");
        assert_eq!(link.forget_client_id(false).as_deref(), Some("\"abcde\""));
        assert_eq!((link.client_id(), link.epoch()), (None, 0));
        assert_eq!(link.forget_client_id(false), None);
    }

    #[test]
    fn r7d_the_disconnect_has_the_cookies_and_the_next_session_has_not() {
        let mut link = link();
        assert!(!link.owes_disconnect());
        link.owe_disconnect("\"abcde\"".to_owned(), None);
        assert!(link.owes_disconnect());
        let at = "https://one.example/cometd";
        assert_eq!(cookies(link.jar(), at).as_deref(), Some("mine=1"));
        let pending = link.take_pending_disconnect().expect("owed");
        assert_eq!((pending.client_id.as_str(), pending.endpoint.href()), ("\"abcde\"", at));
        let both = cookies(pending.jar.as_ref(), at).expect("cookies");
        assert!(both.contains("mine=1") && both.contains("theirs=2"));
        assert!(!link.owes_disconnect());
    }

    #[test]
    fn s10a_another_origin_gets_no_cookie() {
        let mut link = link();
        assert!(!link.move_to(endpoint("https://one.example/other")));
        assert!(
            cookies(link.jar(), "https://one.example/cometd").is_some_and(|all| all.contains("theirs=2"))
        );
        assert!(link.move_to(endpoint("https://two.example/cometd")));
        assert_eq!(link.endpoint().href(), "https://two.example/cometd");
        assert_eq!(link.configured().href(), "https://one.example/cometd");
        assert_eq!(cookies(link.jar(), "https://one.example/cometd").as_deref(), Some("mine=1"));
    }

    #[test]
    fn x4_a_host_that_keeps_the_cookies_has_no_jar_here() {
        let mut link = Link::new(endpoint("https://one.example/cometd"), false);
        link.give_cookies(Giver::Config, "mine=1", NOW, 0);
        link.keep_cookies(
            &[("set-cookie".to_owned(), "a=b".to_owned())],
            &endpoint("https://one.example/"),
            NOW,
            0,
        );
        link.adopt_cookies(Jar::new());
        assert!(link.jar().is_none() && link.callers_cookies().is_empty());
        link.owe_disconnect("1".to_owned(), None);
        assert!(link.take_pending_disconnect().expect("owed").jar.is_none());
    }

    #[test]
    fn x4_only_set_cookie_sets_a_cookie() {
        let mut link = Link::new(endpoint("https://one.example/cometd"), true);
        let from = link.endpoint().clone();
        link.keep_cookies(&[("Cookie".to_owned(), "a=b".to_owned())], &from, NOW, 0);
        assert_eq!(cookies(link.jar(), "https://one.example/cometd"), None);
        link.keep_cookies(&[("sEt-cookie".to_owned(), "a=b".to_owned())], &from, NOW, 0);
        assert_eq!(cookies(link.jar(), "https://one.example/cometd").as_deref(), Some("a=b"));
    }

    #[test]
    fn s17_the_cookies_of_an_earlier_client_are_adopted() {
        let mut link = link();
        let callers = link.callers_cookies();
        assert_eq!(callers.len(), 1);
        link.adopt_cookies(Jar::new());
        assert_eq!(cookies(link.jar(), "https://one.example/cometd"), None);
        link.adopt_cookies(callers);
        assert_eq!(cookies(link.jar(), "https://one.example/cometd").as_deref(), Some("mine=1"));
    }

    #[test]
    fn x2_client_ids_are_left_out_of_words() {
        let mut link = link();
        link.session_began("\"abcde\"");
        assert_eq!(link.redact("402:abcde:unknown abcde"), "402:[client id]:unknown [client id]");
        link.session_ended(true);
        link.session_began("12345");
        link.session_ended(true);
        link.session_began("\"fghij\"");
        assert_eq!(link.redact("abcde 12345 fghij"), "[client id] [client id] [client id]");
    }
}
