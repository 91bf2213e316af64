//! Habits of single servers in the field, of the network before them, of the client's extensions and of the application, each in few
//! lives.
//!
//! A habit draws from streams of its own, so that a seed without it lives as before. To add one: a variant of [`Habit`],
//! its place in [`Habit::ALL`], and what it does wherever `server.has(Habit::…)` asks for it. A habit that is not in
//! [`SURVIVED`] is met only by lives that ask for it: `cargo xtask simulate --habit EarlyHead`.

use cometd_edge::session::{Input, State};
use serde_json::Value;

use crate::choices::Choices;
use crate::fate::Fate;
use crate::model_server::Server;
use crate::network::Exchange;
use crate::rare::Rare;
use crate::rng::Rng;
use crate::world::{Ev, World};

const OWN_WORDS: &str = "invalid clientId";
/// With 0 for a value it is the caller's, else that of the session which has set it.
pub const CALLERS_COOKIE: &str = "lang=";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// A1: grants the acknowledgement extension and never sends a number.
    AckWithoutNumbers,
    /// S7: the head of a poll's response comes at once, and nothing more until the poll ends.
    EarlyHead,
    /// S7: and until then single spaces come.
    Spaces,
    /// S5: refuses an unknown client in words of its own.
    OwnWords,
    /// S5: and in a message that names no channel.
    NoChannel,
    /// S9a: accepts some handshakes with the advice never to reconnect.
    AcceptsWithNone,
    /// X4: sets the cookie that the caller has given.
    CallersCookie,
    /// S4: takes the client for two of one browser now and then, and holds no poll meanwhile.
    MultipleClients,
    /// S6: advises a client now and then not to come again, by a negative interval.
    NegativeInterval,
    /// S14: a proxy redirects some requests.
    Redirects,
    /// S10a: and those before the first session, so that the client logs in again.
    RedirectsFirst,
    /// Extensions of the client drop some messages.
    Drops,
    /// S17: the application uses a snapshot twice, where channels are tracked: it works once, and its positions are no harm.
    SnapshotsTwice,
}

/// Those that the client survives. Of a first redirect it does not know any more once it was paused: it logs in again
/// without a reason (S10a).
const SURVIVED: &[Habit] = &[
    Habit::AckWithoutNumbers,
    Habit::EarlyHead,
    Habit::Spaces,
    Habit::OwnWords,
    Habit::NoChannel,
    Habit::AcceptsWithNone,
    Habit::CallersCookie,
    Habit::MultipleClients,
    Habit::NegativeInterval,
    Habit::Redirects,
    Habit::Drops,
    Habit::SnapshotsTwice,
];

/// Of a thousand lives so many have a habit.
const FREQUENCY: u64 = 30;

const NEVER_AGAIN: &str = r#"{"reconnect":"retry","interval":-1}"#;

/// Longer than the client waits for anything else.
const SPACE_EVERY_MS: u64 = 15_000;

impl Habit {
    pub const ALL: [Self; 13] = [
        Self::AckWithoutNumbers,
        Self::EarlyHead,
        Self::Spaces,
        Self::OwnWords,
        Self::NoChannel,
        Self::AcceptsWithNone,
        Self::CallersCookie,
        Self::MultipleClients,
        Self::NegativeInterval,
        Self::Redirects,
        Self::RedirectsFirst,
        Self::Drops,
        Self::SnapshotsTwice,
    ];

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|habit| format!("{habit:?}") == name)
    }

    /// Does something go wrong by it?
    pub fn is_fault(self) -> bool {
        matches!(self, Self::Redirects | Self::RedirectsFirst | Self::Drops)
    }

    /// Chance for its `nth` use; the first is whether a life has it.
    pub fn chance(self, seed: u64, nth: u64, permille: u64) -> bool {
        self.stream(seed, nth).chance(permille)
    }

    /// Of this use of its own.
    fn stream(self, seed: u64, nth: u64) -> Rng {
        Rng::of(seed, ("habit", format!("{self:?}"), nth))
    }

    /// Those of this life, with the one that was asked for.
    pub fn of_life(seed: u64, asked: Option<Self>, choices: &mut Choices) -> Vec<Self> {
        choices.about(|| "habits".to_owned());
        let drawn = |habit: &Self| {
            SURVIVED.contains(habit) && habit.chance(seed, 0, FREQUENCY) || asked == Some(*habit)
        };
        let names: Vec<String> =
            Self::ALL.iter().filter(|habit| drawn(habit)).map(|habit| format!("{habit:?}")).collect();
        let names = choices.choose("are", Vec::new(), |_| names);
        names.iter().filter_map(|name| Self::parse(name)).collect()
    }
}

impl Server {
    /// What it says to a client that it does not know, if it has words of its own for that.
    pub fn in_own_words(&mut self, message: &Value, alone: bool) -> Option<String> {
        let names_channel = self.has(Habit::OwnWords);
        if !names_channel && !self.has(Habit::NoChannel) {
            return None;
        }
        let channel = message["channel"].as_str().unwrap_or_default();
        if channel != "/meta/connect" {
            self.refused_in_own_words.extend(self.session_of(message));
        }
        let words =
            format!(r#""advice":{{"reconnect":"handshake"}},"successful":false,"error":"{OWN_WORDS}""#);
        Some(match names_channel {
            true => format!("{{{}{words}{}}}", self.channel_member(channel, alone), self.id_of(message)),
            false => format!("{{{words}}}"),
        })
    }

    pub fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    /// Does it end this client with the reply that accepts it? By this advice.
    pub fn accepts_with_none(&mut self, choices: &mut Choices) -> Option<&'static str> {
        let nth = 1 + u64::try_from(self.sessions.len()).expect("few sessions");
        for (habit, permille, advice) in [
            (Habit::AcceptsWithNone, 300, r#"{"reconnect":"none"}"#),
            (Habit::NegativeInterval, 60, NEVER_AGAIN),
        ] {
            if !self.calm
                && self.has(habit)
                && choices.choose("with-none", false, |_| habit.chance(self.seed, nth, permille))
            {
                self.said_none = true;
                return Some(advice);
            }
        }
        None
    }

    /// The advice with which a poll is answered at once, if it is no usual one; and whether the poll is refused.
    pub fn unusual_advice(
        &mut self,
        now: u64,
        index: usize,
        choices: &mut Choices,
    ) -> Option<(String, bool)> {
        if self.calm {
            return None;
        }
        self.polls += 1;
        let (seed, nth) = (self.seed, self.polls);
        if self.has(Habit::NegativeInterval)
            && choices.choose("never-again", false, |_| Habit::NegativeInterval.chance(seed, nth, 40))
        {
            self.said_none = true;
            let refused = choices.choose("refused", false, |_| nth.is_multiple_of(3));
            return Some((NEVER_AGAIN.to_owned(), refused));
        }
        if !self.has(Habit::MultipleClients) {
            return None;
        }
        if self.crowded_until <= now {
            let drawn = || match Habit::MultipleClients.chance(seed, nth, 100) {
                true => Habit::MultipleClients.stream(seed, nth).between(1_000, 20_000),
                false => 0,
            };
            self.crowded_until = now + choices.choose("crowded-for", 0, |_| drawn());
        }
        if self.crowded_until <= now {
            return None;
        }
        self.sessions[index].readvise = true;
        // A client that waits for so long, and then for the network, does not lose its session by it.
        let interval_ms = self.plan.max_interval_ms.saturating_sub(5 * self.plan.delay_ms + 1_000).min(2_000);
        let timeout_ms = self.plan.timeout_ms;
        let advice = format!(
            r#"{{"reconnect":"retry","interval":{interval_ms},"multiple-clients":true,"timeout":{timeout_ms}}}"#
        );
        Some((advice, false))
    }
}

impl World {
    /// X1: is this request redirected, and how? 0 is what a browser makes of it. Where there is no login that could tell
    /// where to go instead, the first answer of all is none (S14).
    pub fn redirect(&self, number: u32) -> Option<Fate> {
        let logs_in = self.plan.replay.is_some_and(|plan| plan.salesforce);
        let habit = match self.started {
            false if logs_in => Habit::RedirectsFirst,
            false if !self.plan.rough_start => return None,
            _ => Habit::Redirects,
        };
        let does = !self.calm && self.server.has(habit) && habit.chance(self.seed, 1 + u64::from(number), 40);
        does.then(|| Fate::Proxy([0, 302, 307, 308][number as usize % 4]))
    }

    /// Do the extensions drop this message? An event each time that it comes, or never; replies until the faults stop.
    pub fn drops(&mut self, number: u32, message: &str) -> bool {
        if !self.server.has(Habit::Drops) {
            return false;
        }
        let (seed, name) = (self.seed, self.exchanges[number as usize].name());
        let message: Value = serde_json::from_str(message).expect("JSON");
        let Some(number) = event_of(&message) else {
            self.inspections += 1;
            let nth = 1 + 2 * self.inspections;
            let drawn = |_: &mut Rng| Habit::Drops.chance(seed, nth, 60);
            return !self.calm && self.choices.choose_of(name, "drops", false, drawn);
        };
        let event = &mut self.server.published[number];
        *event.dropped.get_or_insert_with(|| {
            let drawn = |_: &mut Rng| Habit::Drops.chance(seed, 2 + 2 * number as u64, 60);
            let name = || format!("extensions {}@{}", event.channel, event.at);
            self.choices.choose_of(name, "drops", false, drawn)
        })
    }

    /// They have dropped it: nobody is owed such an event, and a poll or a handshake has no reply.
    pub fn dropped(&mut self, number: u32, message: &str) {
        self.trace(|| format!("* dropped: {message}"));
        let message: Value = serde_json::from_str(message).expect("JSON");
        if event_of(&message).is_some() {
            self.met.insert(Rare::DroppedEvent);
            return;
        }
        self.met.insert(Rare::DroppedReply);
        let channel = message["channel"].as_str();
        let answers = matches!(channel, None | Some("/meta/connect" | "/meta/handshake"));
        let exchange = &mut self.exchanges[number as usize];
        exchange.unanswered |= answers;
        // A disconnect of the server's own whose reason is dropped ends the client (S5).
        self.server.said_none |= answers && exchange.holds("/meta/disconnect");
    }

    /// The head of a poll's response, long before its body, and perhaps a space now and then.
    pub fn early_head(&mut self, number: u32) {
        let exchange = &mut self.exchanges[number as usize];
        let begins = matches!(
            exchange.fate,
            Fate::Fine | Fate::CutAt(_) | Fate::HangsAt(_) | Fate::TruncatedAt(_) | Fate::MalformedAt(_)
        );
        if exchange.closed || exchange.answered || !begins {
            return;
        }
        let request = exchange.request;
        let first = !core::mem::replace(&mut exchange.headed, true);
        let held = exchange.held;
        if self.server.has(Habit::Spaces) {
            // So long at most it is put off.
            exchange.patience_ms = exchange.patience_ms.max(2 * exchange.first_patience_ms);
            self.after(SPACE_EVERY_MS, Ev::EarlyHead(number));
        }
        if first {
            self.exchanges[number as usize].status = 200;
            self.trace(|| format!("  < #{number} head 200, early"));
            self.input(Input::Head { request, status: 200, headers: &[] });
        } else if !held {
            self.trace(|| format!("  < #{number} a space"));
            self.input(Input::Chunk { request, bytes: b" " });
        }
    }

    /// S5: a refusal in the server's own words is believed only if the next session is refused, too. A client that ends has
    /// no next session.
    pub fn own_words_refuse(&self, text: &str) {
        let sessions = self.server.refused_in_own_words.len();
        let ends = self.checks.state == State::Closed;
        assert!(
            sessions >= 2 || ends || !text.contains(OWN_WORDS),
            "S5: takes an unknown client for a refusal: {text}"
        );
    }

    /// X4: of the caller's cookie and the server's of that name one is sent, with a value that was given or set before.
    /// Gives the cookies without it. It goes to no other origin, such as that of a login's instance.
    pub fn without_callers_cookie(&self, url: &str, header: Option<String>) -> Option<String> {
        if !self.server.has(Habit::CallersCookie) {
            return header;
        }
        let mut others: Vec<String> = header
            .unwrap_or_default()
            .split("; ")
            .filter(|pair| !pair.is_empty())
            .map(str::to_owned)
            .collect();
        let own: Vec<String> = others.extract_if(.., |pair| pair.starts_with(CALLERS_COOKIE)).collect();
        let values: Vec<usize> = own
            .iter()
            .map(|pair| pair[CALLERS_COOKIE.len()..].parse().expect("a value that was given or set"))
            .collect();
        let sent = usize::from(url == crate::world::URL);
        assert!((sent..=1).contains(&values.len()), "X4: cookies of one name, {values:?}");
        let known = |value: &usize| (1 - sent..=self.server.sessions.len()).contains(value);
        assert!(values.iter().all(known), "X4: a cookie that nobody has set here, {values:?}");
        (!others.is_empty()).then(|| others.join("; "))
    }

    /// S9a: a client that ends although it was accepted says good-bye.
    pub fn says_good_bye(&self) {
        let Some(session) = self.checks.current.map(|index| &self.server.sessions[index]) else { return };
        let said = |sent: &&Exchange| sent.kind == "disconnect" && sent.messages[0].contains(&session.id);
        assert!(
            !session.accepted_with_none || self.exchanges.iter().any(|sent| said(&sent)),
            "S9a: a session that was accepted is left at the server"
        );
    }
}

/// Its number, if it is an event.
fn event_of(message: &Value) -> Option<usize> {
    message["data"]["n"].as_u64().and_then(|number| usize::try_from(number).ok())
}
