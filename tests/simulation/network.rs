//! The network: what becomes of each request on its way there and back.

use cometd_edge::session::{Input, Request, RequestId, State};

use crate::checks::Whole;
use crate::fate::Fate;
use crate::logins::{INSTANCES, token};
use crate::model_server::Reply;
use crate::rng::Rng;
use crate::schedule::{Kind, Tag};
use crate::world::{Ev, NETWORK_DELAY_MS, World};

pub struct Exchange {
    pub request: RequestId,
    pub kind: &'static str,
    pub messages: Vec<String>,
    cookie: Option<String>,
    /// The token's number, where it carries one.
    token: Option<u32>,
    pub sent_at: u64,
    /// Events published before this have come with earlier responses, or will never come.
    pub since: u64,
    pub fate: Fate,
    answered: bool,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    stop: usize,
    position: usize,
    headed: bool,
    step: u64,
    pub ended: bool,
    pub held: bool,
    /// A message is with the extensions.
    pub inspecting: Option<String>,
    pub closed: bool,
    pub aborted: bool,
    pub progress_at: u64,
    /// How long the client may wait for the head.
    pub patience_ms: u64,
}

impl Exchange {
    /// Does the client still read it, or wait for it?
    pub fn in_flight(&self) -> bool {
        !self.closed && (!self.ended || self.waits_for_the_client())
    }

    pub fn waits_for_the_client(&self) -> bool {
        self.held || self.inspecting.is_some()
    }

    /// Bytes have come. The bracket that opens a body is a sign of life, and no more (S7).
    fn progressed(&mut self, now: u64) {
        if self.position > 1 {
            (self.progress_at, self.patience_ms) = (now, NETWORK_DELAY_MS);
        } else {
            self.patience_ms = self.patience_ms.max(now - self.progress_at + NETWORK_DELAY_MS);
        }
    }

    /// Its head has come, and says no.
    pub fn was_refused(&self) -> bool {
        self.headed && !(200..300).contains(&self.status)
    }

    /// The client got all of a Bayeux body, and the poll succeeded.
    fn is_whole(&self) -> bool {
        (200..300).contains(&self.status)
            && self.stop == self.body.len()
            && matches!(self.fate, Fate::Fine)
            && String::from_utf8_lossy(&self.body).contains(r#""successful":true"#)
    }
}

impl World {
    pub fn send(&mut self, request: &Request) {
        assert!(self.closed_at.is_none(), "a request after Closed");
        let kind = request.kind();
        self.rest_sends(kind);
        let token = self.check_credentials(request);
        let (mut count, mut connects) = (1, usize::from(kind == "connect"));
        for number in self.open() {
            count += 1;
            connects += usize::from(self.exchanges[number as usize].kind == "connect");
        }
        assert!(count <= 2, "S2: {count} requests in flight");
        assert!(connects <= 1, "S2: {connects} polls in flight");
        let (bytes, alone) = (request.body().len(), request.messages().len() == 1);
        assert!(alone || bytes <= self.plan.request_bytes, "S3: a request of {bytes} bytes");
        for message in request.messages() {
            self.checks.sent(message);
            if self.plan.replay.is_some() && kind == "commands" {
                self.check_subscribe(message);
            }
        }
        if matches!(kind, "handshake" | "connect") {
            let (failures, last) = self.failures;
            assert!(
                failures < 2 || self.now >= last + 1_000,
                "S8: no pause after {failures} failures in a row"
            );
        }
        if kind == "connect" {
            assert!(self.now >= self.no_poll_before, "S6: a poll before the interval is over");
        }
        if kind == "handshake" {
            self.no_poll_before = 0;
            self.checks.handshake(self.now, self.plan.handshakes_per_minute, self.plan.session_window_ms);
        }
        let header = |wanted: &str| {
            request
                .headers()
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.clone())
        };
        let number = u32::try_from(self.exchanges.len()).expect("few requests");
        self.rng = Rng::of(self.seed, ("request", number));
        let mut fate =
            if self.calm { Fate::Fine } else { Fate::choose(&self.plan, &mut self.rng, self.started) };
        let tag = Tag(Kind::Request, number);
        if fate != Fate::Fine && !self.schedule.numbered(self.now, tag, fate.what(kind)) {
            fate = Fate::Fine;
        }
        if self.offline_until > self.now {
            fate = self.rng.pick(&[Fate::Refused, Fate::Vanishes]);
        }
        self.trace(|| format!("  > #{number} {kind} {fate:?} {}", request.body()));
        let timeout_ms = if kind == "connect" { 110_000.max(self.plan.timeout_ms) } else { 0 };
        self.recent.push(number);
        self.exchanges.push(Exchange {
            request: request.id(),
            kind,
            messages: request.messages().to_vec(),
            cookie: header("cookie"),
            token,
            sent_at: self.now,
            since: self.last_whole_sent,
            fate,
            answered: false,
            status: 0,
            headers: Vec::new(),
            body: Vec::new(),
            stop: 0,
            position: 0,
            headed: false,
            step: self.rng.below(4),
            ended: false,
            held: false,
            inspecting: None,
            closed: false,
            aborted: false,
            progress_at: self.now,
            patience_ms: timeout_ms + NETWORK_DELAY_MS,
        });
        let delay = self.delay();
        match fate {
            Fate::Refused => self.after(delay, Ev::Fail(number)),
            Fate::Vanishes => {}
            Fate::Proxy(status) => {
                let mut reply = Reply::status(status);
                if self.rng.chance(400) {
                    reply.headers.push(("Retry-After".to_owned(), self.rng.between(0, 20).to_string()));
                }
                self.answer(number, reply);
            }
            Fate::Page => self.answer(number, Reply { status: 200, ..Reply::status(200) }),
            _ => self.after(delay, Ev::Arrive(number)),
        }
    }

    /// X1, S10: the newest token, and where it is good; gives its number.
    fn check_credentials(&self, request: &Request) -> Option<u32> {
        let authorization: Vec<&str> = request
            .headers()
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| value.as_str())
            .collect();
        if self.plan.replay.is_none_or(|plan| !plan.salesforce) {
            assert_eq!(request.url(), crate::world::URL);
            assert_eq!(authorization, [crate::world::SECRET_HEADER]);
            return None;
        }
        assert!(!self.logins.given.is_empty(), "S10: a request before there is a token");
        let carries = |(number, _): &&(u32, usize)| authorization == [format!("Bearer {}", token(*number))];
        let Some((number, instance)) = self.logins.given.iter().find(carries) else {
            // A client that ends takes the token that it has, if it has one.
            assert!(request.kind() == "disconnect" && authorization.is_empty(), "S10: an unknown token");
            return None;
        };
        assert_eq!(request.url(), INSTANCES[*instance], "S10a: a token goes where it was given for");
        Some(*number)
    }

    fn check_subscribe(&self, text: &str) {
        let message: serde_json::Value = serde_json::from_str(text).expect("JSON");
        if message["channel"] == "/meta/subscribe" {
            let name = message["subscription"].as_str().expect("a name");
            let position = &message["ext"]["replay"][crate::promises::topic_of(name)];
            let position = position.as_str().map_or_else(|| position.to_string(), str::to_owned);
            self.promises.subscribe_sent(&self.server, name, &position);
        }
    }

    /// The request reaches the server, unless the client has given it up before.
    pub fn arrive(&mut self, number: u32) {
        let exchange = &self.exchanges[number as usize];
        if exchange.closed || !exchange.fate.arrives() {
            return;
        }
        let messages = exchange.messages.clone();
        let credentials = (exchange.cookie.clone(), exchange.token);
        let reply = self.server.request(self.now, number, &messages, &credentials, &mut self.rng);
        self.promises.accepted(&self.server);
        match reply {
            Some(reply) => self.answer(number, reply),
            None => {
                if let Some(age) = self.plan.proxy_age_ms {
                    self.after(age, Ev::ProxyKill(number));
                }
            }
        }
    }

    /// The response leaves the server, or the proxy.
    pub fn answer(&mut self, number: u32, reply: Reply) {
        let delay = self.delay();
        let exchange = &mut self.exchanges[number as usize];
        if exchange.answered || exchange.closed {
            return;
        }
        exchange.answered = true;
        if self.tracing {
            let numbers: Vec<&str> =
                reply.body.split(r#""n":"#).skip(1).filter_map(|rest| rest.split(',').next()).collect();
            println!("{:>9}   = #{number} {} leaves with the events {numbers:?}", self.now, reply.status);
        }
        exchange.status = reply.status;
        exchange.headers = reply.headers;
        exchange.body = reply.body.into_bytes();
        let share = |share: u64| exchange.body.len() * usize::try_from(share).unwrap_or(0) / 1_000;
        exchange.stop = exchange.body.len();
        match exchange.fate {
            Fate::CutAt(at) | Fate::HangsAt(at) => exchange.stop = share(at),
            Fate::TruncatedAt(at) => exchange.stop = share(at).min(exchange.body.len().saturating_sub(1)),
            Fate::MalformedAt(at) => {
                let at = share(at);
                let at = exchange.body[..at].iter().rposition(|byte| *byte == b'{').unwrap_or(0);
                exchange.body.truncate(at);
                exchange.body.extend_from_slice(if at == 0 { b"[{\"channel\":nonsense}]" } else { b"{oh]" });
                exchange.stop = exchange.body.len();
                self.malformed += 1;
            }
            Fate::Empty => exchange.stop = 0,
            Fate::Gateway(status) => {
                (exchange.status, exchange.body) = (status, b"<html>gateway</html>".to_vec());
                exchange.stop = exchange.body.len();
            }
            _ => {}
        }
        match exchange.fate {
            Fate::Lost => self.after(delay, Ev::Fail(number)),
            Fate::Silent => {}
            _ => self.after(delay, Ev::Deliver(number)),
        }
    }

    /// The next piece of a response reaches the client.
    pub fn deliver(&mut self, number: u32) {
        let now = self.now;
        let exchange = &mut self.exchanges[number as usize];
        if exchange.closed || exchange.held || exchange.ended {
            return;
        }
        let request = exchange.request;
        if !exchange.headed {
            exchange.headed = true;
            let headers = std::mem::take(&mut exchange.headers);
            let status = exchange.status;
            self.trace(|| format!("  < #{number} head {status}"));
            self.input(Input::Head { request, status, headers: &headers });
            return self.next_step(number);
        }
        if exchange.position < exchange.stop {
            let rest = exchange.stop - exchange.position;
            let most = match exchange.step {
                0 => rest,
                1 => 64,
                2 => 400,
                _ => 1 + rest / 2,
            };
            let length = 1 + self.rng.index(most.min(rest));
            let length = if exchange.step == 0 { rest } else { length };
            let bytes = exchange.body[exchange.position..exchange.position + length].to_vec();
            exchange.position += length;
            exchange.progressed(now);
            self.trace(|| format!("  < #{number} {}", String::from_utf8_lossy(&bytes)));
            self.input(Input::Chunk { request, bytes: &bytes });
            return self.next_step(number);
        }
        match exchange.fate {
            Fate::HangsAt(_) => {}
            Fate::CutAt(_) => self.fail(number),
            _ => {
                exchange.ended = true;
                self.trace(|| format!("  < #{number} end"));
                self.input(Input::End { request });
            }
        }
    }

    fn next_step(&mut self, number: u32) {
        let most = if self.calm || self.plan.is_clean() || !self.rng.chance(20) { 4 } else { 2_500 };
        let pause = self.rng.below(most);
        self.after(pause, Ev::Deliver(number));
    }

    pub fn fail(&mut self, number: u32) {
        let exchange = &mut self.exchanges[number as usize];
        if exchange.closed {
            return;
        }
        exchange.closed = true;
        self.maybe_left_behind(number);
        self.count_failure(number);
        let request = self.exchanges[number as usize].request;
        let reason = self.rng.pick(&["connection reset", "failed to fetch"]);
        self.trace(|| format!("  < #{number} failed: {reason}"));
        self.input(Input::Failed { request, reason });
    }

    /// The client gives up a request: a disconnect that nobody answered leaves a session behind, and so does a handshake
    /// whose reply had begun (S8a).
    pub fn maybe_left_behind(&mut self, number: u32) {
        let exchange = &self.exchanges[number as usize];
        let left = match exchange.kind {
            "disconnect" => !exchange.headed || !(400..500).contains(&exchange.status),
            "handshake" => exchange.headed && exchange.status == 200,
            _ => false,
        };
        if left && self.app.closed_at.is_none() {
            self.checks.left_behind.push(self.now);
        }
    }

    /// A handshake or a poll came to nothing (S8).
    pub fn count_failure(&mut self, number: u32) {
        if matches!(self.exchanges[number as usize].kind, "handshake" | "connect") {
            self.failures = (self.failures.0 + 1, self.now);
        }
    }

    /// A proxy has had enough of an idle request. The server does not learn of it.
    pub fn proxy_kill(&mut self, number: u32) {
        let exchange = &self.exchanges[number as usize];
        if exchange.closed || exchange.answered {
            return;
        }
        if !self.schedule.numbered(self.now, Tag(Kind::Kill, number), "poll cut by a proxy") {
            return;
        }
        let exchange = &mut self.exchanges[number as usize];
        if self.calm {
            self.kills_in_calm += 1;
            assert!(self.kills_in_calm <= 4, "S8b: polls are still longer than the proxy allows");
        }
        match self.rng.below(3) {
            0 => self.fail(number),
            style => {
                exchange.fate = Fate::Fine;
                self.answer(number, Reply::status(if style == 1 { 504 } else { 408 }));
            }
        }
    }

    /// All open connections break, or just stand still.
    pub fn cut_all(&mut self) {
        // What has arrived to its end cannot break any more, even if the client still holds it.
        let open = self.open().into_iter().filter(|number| !self.exchanges[*number as usize].ended);
        for number in open.collect::<Vec<u32>>() {
            self.exchanges[number as usize].fate = Fate::Vanishes;
            self.exchanges[number as usize].answered = true;
            if self.rng.chance(600) {
                self.fail(number);
            } else {
                self.exchanges[number as usize].stop = 0;
                self.exchanges[number as usize].fate = Fate::HangsAt(0);
            }
        }
    }

    pub fn open(&self) -> Vec<u32> {
        let open = self.recent.iter().copied();
        open.filter(|number| self.exchanges[*number as usize].in_flight()).collect()
    }

    pub fn exchange_of(&mut self, request: RequestId) -> u32 {
        let index =
            self.exchanges.iter().rposition(|exchange| exchange.request == request).expect("a known request");
        u32::try_from(index).expect("few requests")
    }

    /// Closes what has ended, and notes the whole polls. `gaps` were reported before.
    pub fn close_ended(&mut self, gaps: usize) {
        for number in self.recent.clone() {
            let exchange = &mut self.exchanges[number as usize];
            if exchange.closed || exchange.in_flight() {
                let overdue = self.now.saturating_sub(exchange.progress_at);
                if !exchange.closed && !exchange.waits_for_the_client() && self.app.closed_at.is_none() {
                    // Who comes to rest gives everything another second.
                    let limit = exchange.patience_ms + if self.rests.is_asleep() { 1_000 } else { 100 };
                    assert!(overdue <= limit, "S7: {} waits for {overdue} ms", exchange.kind);
                }
                continue;
            }
            exchange.closed = true;
            let failed = !exchange.is_whole();
            if exchange.is_whole()
                && self.plan.replay.is_none()
                && String::from_utf8_lossy(&exchange.body).contains(r#""reconnect":"none""#)
            {
                assert_eq!(self.session.state(), State::Closed, "S5: goes on although the server said none");
            }
            if exchange.kind == "connect" && exchange.is_whole() {
                if self.plan.replay.is_none() {
                    self.malformed = 0;
                }
                self.failures = (0, 0);
                self.last_whole_sent = exchange.sent_at;
                let asks = format!(r#""reconnect":"retry","interval":{}"#, self.plan.interval_ms);
                let body = String::from_utf8_lossy(&exchange.body);
                // A disconnect of the server's own has advice of its own.
                if body.contains(&asks) && !body.contains("/meta/disconnect") {
                    self.no_poll_before = self.now + self.plan.interval_ms;
                }
                let whole = Whole { at: self.now, gaps };
                self.checks.whole_poll(&whole);
            }
            exchange.body = Vec::new();
            if failed {
                self.count_failure(number);
            }
        }
        self.recent.retain(|number| !self.exchanges[*number as usize].closed);
    }

    fn delay(&mut self) -> u64 {
        self.rng.below(self.plan.delay_ms + 1)
    }
}
