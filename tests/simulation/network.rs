//! The network: what becomes of each request on its way there and back.

use cometd_edge::session::{Input, Request, RequestId, State};

use crate::checks::Whole;
use crate::fate::Fate;
use crate::habits::Habit;
use crate::model_server::Reply;
use crate::rare::Rare;
use crate::rng::Rng;
use crate::schedule::{Kind, Tag};
use crate::words::Place;
use crate::world::{Ev, NETWORK_DELAY_MS, World};

pub struct Exchange {
    pub request: RequestId,
    pub kind: &'static str,
    pub messages: Vec<String>,
    /// The client, and how many of the kind it had sent before.
    client: u32,
    ordinal: u32,
    cookie: Option<String>,
    /// The token's number, where it carries one.
    token: Option<u32>,
    pub sent_at: u64,
    /// Events published before this have come with earlier responses, or will never come.
    pub since: u64,
    pub fate: Fate,
    pub answered: bool,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    body: Vec<u8>,
    stop: usize,
    position: usize,
    pub headed: bool,
    step: u64,
    pub ended: bool,
    pub held: bool,
    /// A message is with the extensions.
    pub inspecting: Option<String>,
    /// The extensions are about to drop it.
    pub drops: bool,
    /// They have dropped a reply of this response.
    pub unanswered: bool,
    pub closed: bool,
    pub aborted: bool,
    pub progress_at: u64,
    /// How long the client may wait for the head.
    pub patience_ms: u64,
    pub first_patience_ms: u64,
}

impl Exchange {
    /// What records call it.
    pub fn name(&self) -> impl FnOnce() -> String + use<> {
        let (client, kind, ordinal) = (self.client, self.kind, self.ordinal + 1);
        move || format!("client {client} {kind} {ordinal}")
    }

    /// Does the client still read it, or wait for it?
    pub fn in_flight(&self) -> bool {
        !self.closed && (!self.ended || self.waits_for_the_client())
    }

    pub fn waits_for_the_client(&self) -> bool {
        self.held || self.inspecting.is_some()
    }

    /// Does its body hold these words?
    pub fn holds(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(words)
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
            && !self.unanswered
            && String::from_utf8_lossy(&self.body).contains(r#""successful":true"#)
    }
}

impl World {
    pub fn send(&mut self, request: &Request) {
        assert!(self.closed_at.is_none(), "a request after Closed");
        let kind = request.kind();
        self.rest_sends(kind);
        self.meets_request(kind);
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
        let number = u32::try_from(self.exchanges.len()).expect("few requests");
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
            self.last_handshake = number;
            self.checks.handshake(self.now, self.plan.handshakes_per_minute, self.plan.session_window_ms);
        }
        let header = |wanted: &str| {
            request
                .headers()
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.clone())
        };
        let (client, ordinal) = (self.promises.client, self.ordinal(kind));
        self.choices.chance = Rng::of(self.seed, ("request", number));
        let rng = &mut self.choices.chance;
        let mut fate = if self.calm { Fate::Fine } else { Fate::choose(&self.plan, rng, self.started) };
        let tag = Tag(Kind::Request, number);
        if fate != Fate::Fine && !self.schedule.numbered(self.now, tag, fate.what(kind)) {
            fate = Fate::Fine;
        }
        let mut usual = Fate::Fine;
        if self.offline_until > self.now {
            usual = Fate::Refused;
            fate = self.choices.chance.pick(&[Fate::Refused, Fate::Vanishes]);
        }
        if fate == Fate::Fine
            && let Some(redirect) = self.redirect(number)
            && self.schedule.numbered(self.now, tag, redirect.what(kind))
        {
            fate = redirect;
        }
        self.choices.about(|| format!("client {client} {kind} {}", ordinal + 1));
        if !self.calm || self.offline_until > self.now {
            fate = self.choices.choose("fate", usual, |_| fate);
        }
        self.trace(|| format!("  > #{number} {kind} {fate:?} {}", request.body()));
        let timeout_ms = if kind == "connect" { 110_000.max(self.plan.timeout_ms) } else { 0 };
        self.recent.push(number);
        self.exchanges.push(Exchange {
            request: request.id(),
            kind,
            client,
            ordinal,
            messages: request.messages().to_vec(),
            cookie: self.without_callers_cookie(request.url(), header("cookie")),
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
            step: self.choices.choose("pieces", 0, |rng| rng.below(4)),
            ended: false,
            held: false,
            inspecting: None,
            drops: false,
            unanswered: false,
            closed: false,
            aborted: false,
            progress_at: self.now,
            patience_ms: timeout_ms + NETWORK_DELAY_MS,
            first_patience_ms: timeout_ms + NETWORK_DELAY_MS,
        });
        let delay = self.delay(number, "there");
        match fate {
            Fate::Refused => self.after(delay, Ev::Fail(number)),
            Fate::Vanishes => {}
            Fate::Proxy(status) => {
                let mut reply = Reply::status(status);
                let seconds = self
                    .choices
                    .choose("retry-after", None, |rng| rng.chance(400).then(|| rng.between(0, 20)));
                reply.headers.extend(seconds.map(|seconds| ("Retry-After".to_owned(), seconds.to_string())));
                self.answer(number, reply);
            }
            Fate::Page => self.answer(number, Reply { status: 200, ..Reply::status(200) }),
            _ => self.after(delay, Ev::Arrive(number)),
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
        self.choices.about(exchange.name());
        let reply = self.server.request(self.now, number, &messages, &credentials, &mut self.choices);
        self.promises.accepted(&self.server);
        match reply {
            Some(reply) => self.answer(number, reply),
            None => {
                if let Some(age) = self.plan.proxy_age_ms {
                    self.after(age, Ev::ProxyKill(number));
                }
                if self.server.has(Habit::EarlyHead) || self.server.has(Habit::Spaces) {
                    self.after(0, Ev::EarlyHead(number));
                }
            }
        }
    }

    /// The response leaves the server, or the proxy.
    pub fn answer(&mut self, number: u32, reply: Reply) {
        let delay = self.delay(number, "back");
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
        let (name, choices, text) = (exchange.name(), &mut self.choices, exchange.body.clone());
        // Thousandths of the body by chance, and a place in it by a record.
        let share = |share: u64| {
            let at = text.len() * usize::try_from(share).unwrap_or(0) / 1_000;
            let usual = Place::of(&text, text.len() / 2);
            choices.choose_of(name, "at", usual, |_| Place::of(&text, at)).bytes(&text, at)
        };
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
            // Its head has come, and says otherwise.
            _ if exchange.headed && exchange.status != 200 => self.after(delay, Ev::Fail(number)),
            Fate::Lost => self.after(delay, Ev::Fail(number)),
            Fate::Silent => {}
            _ => self.after(delay, Ev::Deliver(number)),
        }
    }

    /// The next piece of a response reaches the client.
    pub fn deliver(&mut self, number: u32) {
        let now = self.now;
        let exchange = &mut self.exchanges[number as usize];
        if exchange.closed || exchange.held || exchange.ended || !exchange.answered {
            return;
        }
        let request = exchange.request;
        if !exchange.headed {
            exchange.headed = true;
            self.meets_head(number);
            let exchange = &mut self.exchanges[number as usize];
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
            let whole = exchange.step == 0;
            let length = self.choices.choose_of(exchange.name(), "piece", rest, |rng| {
                let length = 1 + rng.index(most.min(rest));
                if whole { rest } else { length }
            });
            let length = length.min(rest);
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
        let quick = self.calm || self.plan.is_clean();
        let name = self.exchanges[number as usize].name();
        let pause = self.choices.choose_of(name, "pause", 0, |rng| {
            let most = if quick || !rng.chance(20) { 4 } else { 2_500 };
            rng.below(most)
        });
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
        let name = self.exchanges[number as usize].name();
        let second = self.choices.choose_of(name, "reset", true, |rng| rng.index(2) == 0);
        let reason = if second { "connection reset" } else { "failed to fetch" };
        self.trace(|| format!("  < #{number} failed: {reason}"));
        self.input(Input::Failed { request, reason });
    }

    /// The client gives up a request: a disconnect that nobody answered leaves a session behind, and so does a handshake
    /// whose reply had begun (S8a). Where the reply has come, and only the end of its array is missing, the client knows the
    /// session, and disconnects it (S9a).
    pub fn maybe_left_behind(&mut self, number: u32) {
        let exchange = &self.exchanges[number as usize];
        let left = match exchange.kind {
            "disconnect" => !exchange.headed || !(400..500).contains(&exchange.status),
            "handshake" => {
                exchange.headed && exchange.status == 200 && exchange.position + 1 < exchange.body.len()
            }
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
        self.choices.about(exchange.name());
        let spared = !self.schedule.numbered(self.now, Tag(Kind::Kill, number), "poll cut by a proxy");
        if self.choices.choose("spared", false, |_| spared) {
            return;
        }
        let exchange = &mut self.exchanges[number as usize];
        if self.calm {
            self.kills_in_calm += 1;
            assert!(self.kills_in_calm <= 4, "S8b: polls are still longer than the proxy allows");
        }
        match self.choices.choose("way", 0, |rng| rng.below(3)) {
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
            let name = self.exchanges[number as usize].name();
            if self.choices.choose_of(name, "breaks", true, |rng| rng.chance(600)) {
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
                    // A client that pauses gives everything another second.
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
            let body = String::from_utf8_lossy(&exchange.body);
            let complete = exchange.stop == exchange.body.len() && !exchange.unanswered;
            if complete && body.contains(r#""interval":-1"#) {
                self.met.insert(Rare::NegativeInterval);
                let ends = self.session.state() == State::Closed || self.app.closed_at.is_some();
                assert!(ends, "S6: goes on although the server said never again");
            }
            if exchange.kind == "connect" && exchange.is_whole() {
                if self.plan.replay.is_none() {
                    self.malformed = 0;
                }
                self.failures = (0, 0);
                self.last_whole_sent = exchange.sent_at;
                // A disconnect of the server's own has advice of its own.
                let interval_ms = retry_after(&body).filter(|_| !body.contains("/meta/disconnect"));
                // Another session has its own.
                if let Some(interval_ms) = interval_ms.filter(|_| number > self.last_handshake) {
                    self.no_poll_before = self.now + interval_ms;
                }
                let crowded = body.contains(r#""multiple-clients":true"#);
                assert!(
                    !crowded || self.told_of_others,
                    "S4: says nothing of several clients in one browser"
                );
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

    fn delay(&mut self, number: u32, way: &'static str) -> u64 {
        let (name, most) = (self.exchanges[number as usize].name(), self.plan.delay_ms);
        self.choices.choose_of(name, way, self.choices.latency_ms, |rng| rng.below(most + 1))
    }

    /// How many requests of the kind the present client has sent.
    fn ordinal(&self, kind: &str) -> u32 {
        let of_client = self.exchanges.iter().rev().take_while(|sent| sent.client == self.promises.client);
        of_client.filter(|sent| sent.kind == kind).map(|sent| sent.ordinal + 1).max().unwrap_or(0)
    }
}

/// The interval that the advice to poll again asks for.
fn retry_after(body: &str) -> Option<u64> {
    let (_, rest) = body.split_once(r#""reconnect":"retry","interval":"#)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
