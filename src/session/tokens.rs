//! S10, S10a: access tokens, what their refusal means, and when to ask for another one.

use super::secrets::Retired;
use crate::Instant;
use crate::backoff::{Backoff, Retry, Rng};

/// Tokens with which nothing has succeeded are refused for good when two refusals are this far apart.
const REFUSED_AGAIN_MS: u64 = 5_000;
/// While a server redirects or is silent, the authenticator is not asked more often than this (S10a).
const MOVED_AGAIN_MS: u64 = 300_000;
/// For requests outside the session, at most one token is asked for in this time (S10a).
const ELSEWHERE_AGAIN_MS: u64 = 60_000;

/// The access token, and the one that follows it when it is refused or the instance may have moved.
pub(super) struct Tokens {
    /// Whether requests need a token.
    needed: bool,
    /// The token that requests carry. It was given for the endpoint of the session.
    current: Option<Token>,
    /// A spare token: it came for the same instance before the current one was refused, and follows it (S10a).
    spare: Option<Token>,
    /// The number of the last one that was given.
    newest: u32,
    /// The driver has been asked for one.
    asking: bool,
    /// When to ask next.
    ask_at: Option<Instant>,
    /// The last one was refused.
    refused: bool,
    /// When a token with which nothing had succeeded was first refused, if nothing has succeeded since.
    refused_at: Option<Instant>,
    elsewhere: Elsewhere,
    /// The server redirects, or does not answer: from this instant on its instance may have moved (S10a).
    moved_at: Option<Instant>,
    /// The authenticator is not asked again for that reason before this instant.
    moved_again_at: Instant,
    /// A redirect came before the first session, and the authenticator was asked again: another redirect is final.
    redirected: bool,
    retired: Retired,
}

/// Requests outside the session, which share its token.
struct Elsewhere {
    /// A request waits for the next token.
    waiting: bool,
    /// No token is asked for on their behalf before this instant.
    again_at: Instant,
    /// The back-off between attempts to get a token for them.
    backoff: Backoff,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    number: u32,
    /// The header's value.
    bearer: String,
    /// Something has succeeded with it.
    proven: bool,
}

/// A question for the authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// The last token was refused.
    pub refused: bool,
    /// The instance may have moved.
    pub moved: bool,
}

/// What becomes of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// It was not asked for.
    Ignored,
    /// It is for the instance that is in use: it is kept until the current one is refused (S10a).
    Kept,
    /// Requests carry it from now on: a new session begins (S10).
    InUse,
}

/// What follows when there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// No request needs one.
    Nothing,
    /// The login is refused for good.
    Refused,
    /// Nothing can be sent: ask again after the client's back-off.
    Retry,
    /// The requests outside the session get no token for now.
    NoneElsewhere,
    /// The instance may still have moved; the next question is asked after this time.
    StillMoved { delay_ms: u64 },
}

/// What follows when the server refuses a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is not in use any more.
    Stale,
    /// Another token would not help.
    Final,
    /// The spare token takes its place, after this wait at least.
    Spare { wait_ms: u64 },
    /// The next one has been asked for already.
    Asked,
    /// Ask for another one, after this wait at least.
    Ask { wait_ms: u64 },
}

impl Tokens {
    pub fn new(needed: bool, now: Instant) -> Self {
        Self {
            needed,
            current: None,
            spare: None,
            newest: 0,
            asking: false,
            ask_at: needed.then_some(now),
            refused: false,
            refused_at: None,
            elsewhere: Elsewhere { waiting: false, again_at: now, backoff: Backoff::default() },
            moved_at: None,
            moved_again_at: now,
            redirected: false,
            retired: Retired::default(),
        }
    }

    /// Whether requests may be sent.
    pub fn may_send(&self) -> bool {
        !self.needed || self.current.is_some()
    }

    /// The token that requests carry now.
    pub fn current(&self) -> Option<&Token> {
        self.current.as_ref()
    }

    /// The number of the token that requests carry now; 0 if there is none.
    pub fn number(&self) -> u32 {
        self.current.as_ref().map_or(0, |token| token.number)
    }

    /// The tokens that a server could repeat in its words (X2).
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let given = self.current.iter().chain(&self.spare).map(|token| token.bearer.as_str());
        given.chain(self.retired.iter()).filter_map(|bearer| bearer.strip_prefix("Bearer "))
    }

    /// When to ask next. That the instance may have moved is a reason of its own.
    pub fn wake(&self) -> Option<Instant> {
        let moved = || self.moved_at.map(|at| at.max(self.moved_again_at));
        if self.is_awaited() { self.ask_at } else { moved() }
    }

    /// The same while the session itself sends nothing: when to ask for requests outside it.
    pub fn wake_elsewhere(&self) -> Option<Instant> {
        self.wake().filter(|_| self.elsewhere.waiting)
    }

    /// The authenticator is asked now.
    pub fn ask(&mut self, now: Instant) -> Ask {
        (self.ask_at, self.asking) = (None, true);
        let moved = self.may_have_moved(now);
        if moved {
            self.moved_again_at = now.after(MOVED_AGAIN_MS);
        }
        Ask { refused: self.refused, moved }
    }

    /// Asks for the next one then, unless one is on its way.
    pub fn ask_at(&mut self, at: Instant) {
        if !self.asking {
            self.ask_at = Some(at);
        }
    }

    /// When the next token is asked for, if a back-off delays that.
    pub fn back_off_end(&mut self) -> Option<&mut Instant> {
        self.ask_at.as_mut()
    }

    /// Whether an answer of the authenticator is expected.
    pub fn is_asking(&self) -> bool {
        self.asking
    }

    /// The authenticator's token, for the header's value `bearer`. `same`: it is for the instance that is in use.
    /// `requests_open`: late replies may mention earlier ones (X2).
    pub fn given(&mut self, number: u32, bearer: String, same: bool, requests_open: bool) -> Given {
        if !core::mem::take(&mut self.asking) {
            return Given::Ignored;
        }
        let token = Token { number, bearer, proven: false };
        (self.newest, self.refused) = (number, false);
        self.elsewhere.waiting = false;
        self.elsewhere.backoff.reset();
        if let Some(current) = self.current.as_ref().filter(|_| same) {
            if current.bearer != token.bearer {
                let before = self.spare.replace(token);
                self.retire(before, requests_open);
            }
            return Given::Kept;
        }
        let (old, spare) = (self.current.replace(token), self.spare.take());
        self.retire(spare, requests_open);
        self.retire(old, requests_open);
        if !same {
            // Earlier failures were at another endpoint.
            self.moved_at = None;
        }
        Given::InUse
    }

    /// The authenticator has no token; `retryable`: it may have one later.
    pub fn missing(&mut self, now: Instant, retryable: bool, retry: &Retry, rng: &mut Rng) -> Missing {
        if !core::mem::take(&mut self.asking) {
            return Missing::Nothing;
        }
        let (needed, moved) = (self.current.is_none(), self.may_have_moved(now));
        if !retryable && (needed || moved) {
            return Missing::Refused;
        }
        if needed {
            return Missing::Retry;
        }
        if self.elsewhere.waiting {
            // The session goes on as it is.
            if !retryable || now >= self.elsewhere.again_at {
                return self.none_elsewhere();
            }
            let delay_ms = self.elsewhere.backoff.next(now, 0, retry, rng);
            self.ask_at = Some(now.after(delay_ms));
            return Missing::Nothing;
        }
        if moved {
            Missing::StillMoved { delay_ms: self.moved_again_at.since(now) }
        } else {
            Missing::Nothing
        }
    }

    /// A request outside the session was answered with 401: the session goes on with the token that it has (S10a).
    /// Returns `true` if there is no token for that request for now.
    pub fn refused_elsewhere(&mut self, number: u32, now: Instant) -> bool {
        if number == 0 || self.newest != number {
            return false;
        }
        self.elsewhere.waiting = true;
        // While one is being fetched, that one serves all (S10).
        if self.is_awaited() {
            return false;
        }
        if now < self.elsewhere.again_at {
            return self.none_elsewhere() == Missing::NoneElsewhere;
        }
        self.elsewhere.again_at = now.after(ELSEWHERE_AGAIN_MS);
        self.refused = true;
        self.ask_at = Some(now);
        false
    }

    /// The server redirects, or is silent: from this instant on its instance may have moved. The earliest reason
    /// counts.
    pub fn instance_may_move(&mut self, at: Instant) {
        let earliest = self.moved_at.map_or(at, |known| known.min(at));
        self.moved_at = Some(earliest);
    }

    /// The server answers at its endpoint, or the client is paused and sends nothing.
    pub fn instance_answers(&mut self) {
        self.moved_at = None;
    }

    /// The first handshake is redirected: the next token may lead to the right endpoint (S10a). Returns `false` if that
    /// has been tried.
    pub fn redirected(&mut self, requests_open: bool) -> bool {
        if !self.needed || core::mem::replace(&mut self.redirected, true) {
            return false;
        }
        let (old, spare) = (self.current.take(), self.spare.take());
        self.retire(spare, requests_open);
        self.retire(old, requests_open);
        true
    }

    /// The server refused the token of this number.
    pub fn refused(&mut self, number: u32, now: Instant, requests_open: bool) -> Refused {
        let Some(token) = self.current.take_if(|token| token.number == number) else { return Refused::Stale };
        let proven = token.proven;
        self.retire(Some(token), requests_open);
        let mut wait_ms = 0;
        if proven {
            self.refused_at = None;
        } else {
            let first = *self.refused_at.get_or_insert(now);
            let ago_ms = now.since(first);
            if ago_ms >= REFUSED_AGAIN_MS {
                return Refused::Final;
            }
            if first != now {
                wait_ms = REFUSED_AGAIN_MS - ago_ms;
            }
        }
        if let Some(spare) = self.spare.take() {
            self.current = Some(spare);
            return Refused::Spare { wait_ms };
        }
        self.refused = true;
        if self.asking { Refused::Asked } else { Refused::Ask { wait_ms } }
    }

    /// Something has succeeded with this token.
    pub fn proven(&mut self, number: u32) {
        if let Some(token) = self.current.as_mut().filter(|token| token.number == number) {
            token.proven = true;
            self.refused_at = None;
        }
    }

    /// The client is over: none is asked for any more.
    pub fn stop(&mut self) {
        (self.ask_at, self.moved_at, self.asking) = (None, None, false);
    }

    fn none_elsewhere(&mut self) -> Missing {
        self.elsewhere.waiting = false;
        self.elsewhere.backoff.reset();
        Missing::NoneElsewhere
    }

    /// Whether a token is on its way, or about to be asked for.
    fn is_awaited(&self) -> bool {
        self.asking || self.ask_at.is_some()
    }

    /// Whether the server has been silent for long enough, or has redirected.
    fn may_have_moved(&self, now: Instant) -> bool {
        self.moved_at.is_some_and(|at| at <= now)
    }

    fn retire(&mut self, token: Option<Token>, requests_open: bool) {
        if let Some(token) = token {
            self.retired.add(token.bearer, requests_open);
        }
    }
}

impl Token {
    /// The value of the `Authorization` header.
    pub fn bearer(&self) -> &str {
        &self.bearer
    }
}

#[cfg(test)]
mod tests;
