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
