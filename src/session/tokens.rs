//! S10, S10a: access tokens, what their refusal means, and when to ask for another one.

use super::secrets::Retired;
use crate::Instant;
use crate::backoff::{Backoff, Retry, Rng};

/// A token with which nothing has succeeded is refused for good when this lies between two refusals.
const REFUSED_AGAIN_MS: u64 = 5_000;
/// While a server redirects or is silent, the authenticator is not asked more often than this (S10a).
const MOVED_AGAIN_MS: u64 = 300_000;
/// For requests outside the session one token is asked for in this time (S10a).
const ELSEWHERE_AGAIN_MS: u64 = 60_000;

/// The access token, and the next one where it is refused or where the instance may have moved.
pub(super) struct Tokens {
    /// Nothing is sent without one.
    needed: bool,
    /// What requests carry. It was given for the endpoint of the session.
    current: Option<Token>,
    /// One for the same instance that came while the current one was not refused: the next one (S10a).
    spare: Option<Token>,
    /// The number of the last one that was given.
    newest: u32,
    /// The driver has been asked for one.
    asking: bool,
    /// When to ask next.
    ask_at: Option<Instant>,
    /// The last one was refused.
    refused: bool,
    /// When a token with which nothing had succeeded was first refused; nothing has succeeded since.
    refused_at: Option<Instant>,
    elsewhere: Elsewhere,
    /// The server redirects, or does not answer: from then on its instance may have moved (S10a).
    moved_at: Option<Instant>,
    /// Not before this is the authenticator asked for that reason again.
    moved_again_at: Instant,
    /// A redirect came before the first session, and the authenticator was asked anew: another one is final.
    redirected: bool,
    retired: Retired,
}

/// Requests outside the session, which share its token.
struct Elsewhere {
    /// One waits for the next token.
    waiting: bool,
    /// Not before this is one asked for on behalf of those again.
    again_at: Instant,
    /// Between attempts to get one for those.
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

/// What a token that was asked for is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Nobody had asked.
    Ignored,
    /// It is for the instance that is in use: it is kept until the current one is refused (S10a).
    Kept,
    /// Requests carry it from now on: a new session begins (S10).
    InUse,
}

/// What follows when there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nobody needs it.
    Nothing,
    /// The login is refused for good.
    Refused,
    /// Nothing can be sent: ask again after the client's back-off.
    Retry,
    /// The requests outside the session get none for now.
    NoneElsewhere,
    /// The instance may still have moved; the next question is asked after this time.
    StillMoved { delay_ms: u64 },
}

/// What follows when the server refuses a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is not in use any more.
    Stale,
    /// There is no use in another one.
    Final,
    /// A spare one takes its place, after this wait at least.
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

    /// May anything be sent?
    pub fn may_send(&self) -> bool {
        !self.needed || self.current.is_some()
    }

    /// The one that requests carry now.
    pub fn current(&self) -> Option<&Token> {
        self.current.as_ref()
    }

    /// The number of the one that requests carry now; 0 where there is none.
    pub fn number(&self) -> u32 {
        self.current.as_ref().map_or(0, |token| token.number)
    }

    /// The tokens that a server could quote (X2).
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let given = self.current.iter().chain(&self.spare).map(|token| token.bearer.as_str());
        given.chain(self.retired.iter()).filter_map(|bearer| bearer.strip_prefix("Bearer "))
    }

    /// When to ask next. While the instance may have moved, that is a reason by itself.
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

    /// When the next one is asked for, where a back-off holds that up.
    pub fn back_off_end(&mut self) -> Option<&mut Instant> {
        self.ask_at.as_mut()
    }

    /// Is an answer of the authenticator expected?
    pub fn is_asking(&self) -> bool {
        self.asking
    }

    /// The authenticator's token, for the header's value `bearer`. `same`: it is for the instance that is in use.
    /// `requests_open`: late replies may name the ones before (X2).
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
            // Whatever failed did so elsewhere.
            self.moved_at = None;
        }
        Given::InUse
    }

    /// The authenticator has none; `retryable`: for now.
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

    /// A request outside the session was answered 401: the session goes on with the token that it has (S10a). Gives `true`
    /// where there is none for it for now.
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

    /// The server redirects, or is silent: from then on its instance may have moved. The earliest reason counts.
    pub fn instance_may_move(&mut self, at: Instant) {
        let earliest = self.moved_at.map_or(at, |known| known.min(at));
        self.moved_at = Some(earliest);
    }

    /// The server answers where it is, or is not spoken to.
    pub fn instance_answers(&mut self) {
        self.moved_at = None;
    }

    /// The first handshake is redirected: maybe the next token leads to the right place (S10a). Gives `false` where it has
    /// been tried.
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

    /// Is one on its way, or about to be asked for?
    fn is_awaited(&self) -> bool {
        self.asking || self.ask_at.is_some()
    }

    /// Is the server's silence long enough, or did it redirect?
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
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1_000_000);

    struct Login {
        tokens: Tokens,
        rng: Rng,
    }

    /// Tokens whose first one has been asked for.
    fn login() -> Login {
        let mut tokens = Tokens::new(true, NOW);
        tokens.ask(NOW);
        Login { tokens, rng: Rng::new(1) }
    }

    impl Login {
        fn give(&mut self, number: u32, same: bool) -> Given {
            self.tokens.given(number, format!("Bearer t{number}"), same, true)
        }

        fn missing(&mut self, now: Instant, retryable: bool) -> Missing {
            self.tokens.missing(now, retryable, &Retry::default(), &mut self.rng)
        }

        fn refuse(&mut self, number: u32, now: Instant) -> Refused {
            self.tokens.refused(number, now, true)
        }
    }

    /// Token 1 is in use.
    fn logged_in() -> Login {
        let mut login = login();
        assert_eq!(login.give(1, false), Given::InUse);
        login
    }

    #[test]
    fn without_logins_anything_may_be_sent() {
        let tokens = Tokens::new(false, NOW);
        assert!(tokens.may_send());
        assert_eq!((tokens.wake(), tokens.number(), tokens.current()), (None, 0, None));
    }

    #[test]
    fn s10_nothing_is_sent_before_the_first_token() {
        let mut tokens = Tokens::new(true, NOW);
        assert!(!tokens.may_send() && !tokens.is_asking());
        assert_eq!(tokens.wake(), Some(NOW));
        assert_eq!(tokens.ask(NOW), Ask { refused: false, moved: false });
        assert!(tokens.is_asking());
        assert_eq!(tokens.wake(), None);
        assert_eq!(tokens.given(1, "Bearer t1".to_owned(), true, false), Given::InUse);
        assert!(tokens.may_send() && !tokens.is_asking());
        assert_eq!((tokens.number(), tokens.current().map(Token::bearer)), (1, Some("Bearer t1")));
    }

    #[test]
    fn a_token_that_nobody_asked_for_is_ignored() {
        let mut login = logged_in();
        assert_eq!(login.give(2, false), Given::Ignored);
        assert_eq!(login.tokens.number(), 1);
        assert_eq!(login.missing(NOW, false), Missing::Nothing);
    }

    #[test]
    fn s10a_a_token_for_the_same_instance_is_kept_for_later() {
        let mut login = logged_in();
        login.tokens.ask_at(NOW);
        login.tokens.ask(NOW);
        assert_eq!(login.give(2, true), Given::Kept);
        assert_eq!(login.tokens.number(), 1);
        assert_eq!(login.refuse(1, NOW), Refused::Spare { wait_ms: 0 });
        assert_eq!(login.tokens.number(), 2);
    }

    #[test]
    fn s10a_the_same_token_again_is_no_spare_one() {
        let mut login = logged_in();
        login.tokens.ask(NOW);
        assert_eq!(login.tokens.given(2, "Bearer t1".to_owned(), true, true), Given::Kept);
        assert_eq!(login.refuse(1, NOW), Refused::Ask { wait_ms: 0 });
    }

    #[test]
    fn s10_a_token_for_another_instance_is_used_at_once() {
        let mut login = logged_in();
        login.tokens.instance_may_move(NOW);
        login.tokens.ask(NOW);
        assert_eq!(login.give(2, false), Given::InUse);
        assert_eq!((login.tokens.number(), login.tokens.wake()), (2, None));
    }

    #[test]
    fn s10_a_refusal_counts_against_the_token_that_was_carried() {
        let mut login = logged_in();
        assert_eq!(login.refuse(9, NOW), Refused::Stale);
        assert_eq!(login.refuse(1, NOW), Refused::Ask { wait_ms: 0 });
        assert_eq!(login.refuse(1, NOW), Refused::Stale);
        assert_eq!(login.tokens.number(), 0);
        login.tokens.ask_at(NOW.after(3));
        assert_eq!(login.tokens.wake(), Some(NOW.after(3)));
        assert_eq!(login.tokens.ask(NOW), Ask { refused: true, moved: false });
    }

    #[test]
    fn s10_while_one_is_on_its_way_none_is_asked_for() {
        let mut login = logged_in();
        login.tokens.ask(NOW);
        assert_eq!(login.refuse(1, NOW), Refused::Asked);
        login.tokens.ask_at(NOW);
        assert_eq!(login.tokens.wake(), None);
    }

    #[test]
    fn s10_unproven_tokens_refused_five_seconds_apart_are_the_end() {
        let mut login = logged_in();
        assert_eq!(login.refuse(1, NOW), Refused::Ask { wait_ms: 0 });
        login.tokens.ask(NOW);
        login.give(2, false);
        assert_eq!(login.refuse(2, NOW.after(2_000)), Refused::Ask { wait_ms: 3_000 });
        login.tokens.ask(NOW);
        login.give(3, false);
        assert_eq!(login.refuse(3, NOW.after(5_000)), Refused::Final);
    }

    #[test]
    fn s10_a_proven_token_begins_the_count_anew() {
        let mut login = logged_in();
        login.refuse(1, NOW);
        login.tokens.ask(NOW);
        login.give(2, false);
        login.tokens.proven(1);
        login.tokens.proven(2);
        assert_eq!(login.refuse(2, NOW.after(9_000)), Refused::Ask { wait_ms: 0 });
        login.tokens.ask(NOW);
        login.give(3, false);
        assert_eq!(login.refuse(3, NOW.after(9_000)), Refused::Ask { wait_ms: 0 });
    }

    #[test]
    fn s10_a_proven_token_refused_counts_for_nothing() {
        let mut login = logged_in();
        login.tokens.proven(1);
        login.refuse(1, NOW);
        login.tokens.ask(NOW);
        login.give(2, false);
        assert_eq!(login.refuse(2, NOW.after(9_000)), Refused::Ask { wait_ms: 0 });
    }

    #[test]
    fn s10_a_login_that_is_needed_is_retried_or_refused() {
        assert_eq!(login().missing(NOW, true), Missing::Retry);
        assert_eq!(login().missing(NOW, false), Missing::Refused);
    }

    #[test]
    fn s10a_while_the_instance_may_have_moved_a_refused_login_is_final() {
        let mut login = logged_in();
        login.tokens.instance_may_move(NOW);
        login.tokens.ask(NOW);
        assert_eq!(login.missing(NOW, false), Missing::Refused);
    }

    #[test]
    fn s10a_a_moved_instance_is_asked_about_once_in_five_minutes() {
        let mut login = logged_in();
        login.tokens.instance_may_move(NOW.after(40_000));
        assert_eq!(login.tokens.wake(), Some(NOW.after(40_000)));
        login.tokens.instance_may_move(NOW.after(50_000));
        assert_eq!(login.tokens.wake(), Some(NOW.after(40_000)), "the earliest reason");
        login.tokens.instance_may_move(NOW.after(30_000));
        let then = NOW.after(30_000);
        assert_eq!(login.tokens.wake(), Some(then));
        assert_eq!(login.tokens.ask(then), Ask { refused: false, moved: true });
        assert_eq!(login.missing(then.after(10), true), Missing::StillMoved { delay_ms: 299_990 });
        assert_eq!(login.tokens.wake(), Some(then.after(300_000)));
        login.tokens.instance_answers();
        assert_eq!(login.tokens.wake(), None);
    }

    #[test]
    fn s10a_a_reason_in_the_future_is_none_yet() {
        let mut login = logged_in();
        login.tokens.instance_may_move(NOW.after(1));
        login.tokens.ask_at(NOW);
        assert_eq!(login.tokens.ask(NOW), Ask { refused: false, moved: false });
        assert_eq!(login.missing(NOW, true), Missing::Nothing);
        assert_eq!(login.missing(NOW, false), Missing::Nothing);
    }

    #[test]
    fn s10a_a_401_elsewhere_asks_for_a_token_once_a_minute() {
        let mut login = logged_in();
        assert!(!login.tokens.refused_elsewhere(0, NOW) && !login.tokens.refused_elsewhere(7, NOW));
        assert_eq!(login.tokens.wake(), None);
        assert!(!login.tokens.refused_elsewhere(1, NOW));
        assert_eq!((login.tokens.wake(), login.tokens.wake_elsewhere()), (Some(NOW), Some(NOW)));
        assert!(!login.tokens.refused_elsewhere(1, NOW), "that one serves all");
        assert_eq!(login.tokens.ask(NOW), Ask { refused: true, moved: false });
        login.give(2, true);
        assert_eq!(login.tokens.wake_elsewhere(), None);
        assert!(!login.tokens.refused_elsewhere(1, NOW), "of an old token");
        assert!(login.tokens.refused_elsewhere(2, NOW.after(59_999)));
        assert!(!login.tokens.refused_elsewhere(2, NOW.after(60_000)));
        assert_eq!(login.tokens.wake(), Some(NOW.after(60_000)));
    }

    #[test]
    fn s10a_a_login_for_requests_elsewhere_is_retried_for_a_minute() {
        let mut login = logged_in();
        login.tokens.refused_elsewhere(1, NOW);
        login.tokens.ask(NOW);
        assert_eq!(login.missing(NOW.after(10), true), Missing::Nothing);
        assert_eq!(login.tokens.wake_elsewhere(), Some(NOW.after(10)));
        login.tokens.ask(NOW.after(10));
        assert_eq!(login.missing(NOW.after(60_000), true), Missing::NoneElsewhere);
        assert_eq!(login.tokens.wake(), None);
        login.tokens.ask(NOW.after(60_000));
        assert_eq!(login.missing(NOW.after(60_000), true), Missing::Nothing, "nobody waits any more");
    }

    #[test]
    fn s10a_a_login_refused_for_requests_elsewhere_ends_nothing() {
        let mut login = logged_in();
        login.tokens.refused_elsewhere(1, NOW);
        login.tokens.ask(NOW);
        assert_eq!(login.missing(NOW, false), Missing::NoneElsewhere);
        assert_eq!(login.tokens.number(), 1);
    }

    #[test]
    fn s10a_the_first_redirect_asks_for_the_next_token() {
        let mut login = logged_in();
        assert!(login.tokens.redirected(true));
        assert!(!login.tokens.may_send());
        assert!(!login.tokens.redirected(true), "the second one is final");
        assert!(!Tokens::new(false, NOW).redirected(true));
    }

    #[test]
    fn s8_the_wait_for_a_login_can_be_cut_short() {
        let mut login = login();
        assert_eq!(login.tokens.back_off_end(), None);
        assert_eq!(login.missing(NOW, true), Missing::Retry);
        login.tokens.ask_at(NOW.after(9));
        assert_eq!(login.tokens.back_off_end(), Some(&mut NOW.after(9)));
    }

    #[test]
    fn x2_every_token_that_may_be_named_is_a_secret() {
        let mut login = logged_in();
        login.tokens.ask(NOW);
        login.give(2, true);
        login.tokens.ask(NOW);
        login.give(3, true);
        let secrets: Vec<&str> = login.tokens.secrets().collect();
        assert_eq!(secrets, ["t1", "t3", "t2"]);
        login.refuse(1, NOW);
        assert_eq!(login.tokens.secrets().collect::<Vec<_>>(), ["t3", "t2", "t1"]);
        assert!(login.tokens.redirected(true));
        assert_eq!(login.tokens.secrets().collect::<Vec<_>>(), ["t2", "t1", "t3"]);
    }

    #[test]
    fn after_the_end_nothing_is_asked_for() {
        let mut login = logged_in();
        login.tokens.instance_may_move(NOW);
        login.tokens.ask(NOW);
        login.tokens.stop();
        assert_eq!(login.tokens.wake(), None);
        assert_eq!(login.give(2, false), Given::Ignored);
        let mut tokens = Tokens::new(true, NOW);
        tokens.stop();
        assert_eq!(tokens.wake(), None);
    }
}
