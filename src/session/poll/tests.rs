use super::*;
use crate::bayeux::Message;

const NOW: Instant = Instant::from_millis(10_000);

fn advice(raw: &str) -> Advice {
    Advice::parse(raw, "long-polling")
}

fn granted() -> Option<Ack> {
    Message::parse(r#"{"channel":"/meta/handshake","ext":{"ack":true}}"#.to_owned())
        .and_then(|reply| reply.ack())
}

/// A session that has just begun, without the acknowledgement extension.
fn poll() -> Poll {
    let mut poll = Poll::new(NOW);
    poll.session_began(&Advice::default(), None, NOW);
    poll
}

fn whole<'a>() -> EndedPoll<'a> {
    EndedPoll {
        parked: true,
        age_ms: 5_000,
        successful: true,
        batch: None,
        events: 0,
        nothing_outstanding: false,
    }
}

#[test]
fn s4_advice_replaces_advice_whole() {
    let mut poll = poll();
    assert_eq!((poll.interval_ms(), poll.timeout_ms(), poll.max_interval_ms()), (0, 110_000, None));
    poll.advise(&advice(r#"{"interval":500,"timeout":20000,"maxInterval":9000}"#));
    assert_eq!((poll.interval_ms(), poll.timeout_ms(), poll.max_interval_ms()), (500, 20_000, Some(9_000)));
    poll.advise(&advice("{}"));
    assert_eq!((poll.interval_ms(), poll.timeout_ms(), poll.max_interval_ms()), (0, 20_000, None));
    poll.advise(&advice(r#"{"timeout":10000}"#));
    assert_eq!(poll.timeout_ms(), 10_000);
    poll.advise(&advice("{}"));
    assert_eq!(poll.timeout_ms(), 20_000, "the largest one advised");
}

#[test]
fn s4_a_handshake_resets_the_advice() {
    let mut poll = poll();
    poll.advise(&advice(r#"{"interval":500,"timeout":20000,"multiple-clients":true}"#));
    poll.session_began(&Advice::default(), None, NOW);
    assert_eq!((poll.interval_ms(), poll.timeout_ms()), (0, 20_000));
    assert!(poll.advise(&advice(r#"{"multiple-clients":true}"#)), "news again");
}

#[test]
fn s6_the_interval_counts_from_the_end() {
    let mut poll = Poll::new(NOW);
    assert_eq!(poll.at(), NOW);
    poll.session_began(&advice(r#"{"interval":700}"#), None, NOW);
    assert_eq!(poll.at(), NOW.after(700));
    poll.after_interval(NOW.after(1_000));
    assert_eq!(poll.at(), NOW.after(1_700));
    assert_eq!(poll.back_off_end(), None);
    poll.advise(&advice(r#"{"interval":-1}"#));
    assert_eq!(poll.interval_ms(), 0);
}

#[test]
fn several_clients_are_told_once() {
    let mut poll = poll();
    let several = advice(r#"{"multiple-clients":true}"#);
    assert!(poll.advise(&several));
    assert!(!poll.advise(&several));
    assert!(!poll.advise(&Advice::default()));
    assert!(poll.advise(&several));
}

#[test]
fn the_first_poll_is_a_probe_and_the_next_is_parked() {
    let mut poll = poll();
    assert!(poll.is_probe());
    assert_eq!(poll.next(false), NextPoll { timeout_ms: Some(0), ack: None, parked: false });
    assert!(!poll.is_probe());
    assert_eq!(poll.next(false), NextPoll { timeout_ms: None, ack: None, parked: true });
    poll.probe();
    assert!(!poll.next(false).parked);
}

#[test]
fn s8_after_a_failure_the_next_poll_is_a_probe() {
    let mut poll = poll();
    poll.next(false);
    poll.back_off_until(NOW.after(3_000));
    assert_eq!((poll.at(), poll.is_probe()), (NOW.after(3_000), true));
    assert_eq!(poll.back_off_end(), Some(&mut NOW.after(3_000)));
    assert!(poll.ended(&whole()));
    assert_eq!(poll.back_off_end(), None);
}

#[test]
fn a_new_session_does_not_wait_for_the_back_off_of_the_last() {
    let mut poll = poll();
    poll.back_off_until(NOW.after(3_000));
    poll.next(true);
    poll.session_began(&Advice::default(), None, NOW);
    assert_eq!((poll.at(), poll.is_probe()), (NOW, true));
    assert_eq!(poll.back_off_end(), None);
}

#[test]
fn a1_each_poll_acknowledges_the_last_whole_batch() {
    let mut poll = Poll::new(NOW);
    poll.session_began(&Advice::default(), granted(), NOW);
    assert!(!poll.acknowledges());
    assert_eq!(poll.batch(), Some(("0", None)));
    assert_eq!(poll.next(false).ack.as_deref(), Some("0"));
    assert!(poll.ended(&EndedPoll { batch: Some("4"), events: 2, ..whole() }));
    assert!(poll.acknowledges());
    poll.cut(3);
    assert_eq!((poll.skip(), poll.batch()), (3, Some(("4", Some(3)))));
    assert_eq!(poll.next(false).ack.as_deref(), Some("4"));
}

#[test]
fn a1_a_batch_that_does_not_come_again_is_no_success() {
    let mut poll = Poll::new(NOW);
    poll.session_began(&Advice::default(), granted(), NOW);
    assert!(poll.ended(&EndedPoll { batch: Some("4"), successful: false, ..whole() }));
    assert!(!poll.is_answered());
    poll.cut(3);
    assert!(!poll.ended(&whole()));
    assert!(!poll.is_answered());
}

#[test]
fn without_the_extension_nothing_is_skipped() {
    let mut poll = poll();
    poll.cut(3);
    assert_eq!((poll.skip(), poll.batch(), poll.acknowledges()), (0, None, false));
}

#[test]
fn s17_an_earlier_client_s_numbers_go_on() {
    let mut poll = Poll::new(NOW);
    poll.session_resumed(Some(("8".to_owned(), Some(2))), true);
    assert_eq!((poll.skip(), poll.is_lost()), (2, false));
    poll.session_resumed(Some(("8".to_owned(), None)), true);
    assert_eq!((poll.skip(), poll.is_lost()), (0, true));
    poll.session_resumed(None, false);
    assert_eq!((poll.batch(), poll.is_lost()), (None, false));
}

#[test]
fn r7_a_lost_poll_is_open_until_one_succeeds() {
    let mut poll = poll();
    assert!(!poll.is_lost());
    poll.lose();
    assert!(poll.ended(&EndedPoll { successful: false, ..whole() }));
    assert!(poll.is_lost());
    assert!(poll.ended(&whole()));
    assert!(!poll.is_lost());
    poll.lose();
    poll.session_began(&Advice::default(), None, NOW);
    assert!(!poll.is_lost());
}

#[test]
fn the_answers_of_a_session_are_told_from_those_of_all() {
    let mut poll = poll();
    assert!(!poll.is_answered() && !poll.was_ever_answered());
    assert!(poll.ended(&whole()));
    assert!(poll.is_answered() && poll.was_ever_answered());
    poll.session_began(&Advice::default(), None, NOW);
    assert!(!poll.is_answered() && poll.was_ever_answered());
}

#[test]
fn s9_a_poll_follows_its_handshake_until_one_fails() {
    let mut poll = Poll::new(NOW);
    assert!(!poll.follows_handshake());
    poll.session_began(&Advice::default(), None, NOW);
    assert!(poll.follows_handshake());
    poll.failed();
    assert!(!poll.follows_handshake());
}

#[test]
fn d1_a_poll_covers_what_was_subscribed_before_it() {
    let mut poll = poll();
    poll.next(true);
    assert!(poll.covers_all());
    poll.subscribed(false);
    assert!(!poll.covers_all());
    poll.subscribed(true);
    assert!(poll.covers_all());
    poll.next(false);
    assert!(!poll.covers_all());
    poll.next(true);
    poll.session_began(&Advice::default(), None, NOW);
    assert!(!poll.covers_all());
}

#[test]
fn s8b_two_cuts_of_a_similar_age_mean_a_proxy() {
    let mut poll = poll();
    poll.next(false);
    poll.cut_by_proxy(60_000);
    assert_eq!(poll.next(false).timeout_ms, None);
    poll.cut_by_proxy(66_000);
    assert_eq!(poll.next(false).timeout_ms, Some(45_000), "three quarters of the shorter");
}

#[test]
fn s8b_cuts_of_different_ages_mean_nothing() {
    let mut poll = poll();
    poll.next(false);
    poll.cut_by_proxy(60_000);
    poll.cut_by_proxy(66_001);
    poll.cut_by_proxy(50_000);
    assert_eq!(poll.next(false).timeout_ms, None);
}

#[test]
fn s8b_short_cuts_are_compared_to_half_a_second() {
    let mut poll = poll();
    poll.next(false);
    poll.cut_by_proxy(1_000);
    poll.cut_by_proxy(1_501);
    assert_eq!(poll.next(false).timeout_ms, None);
    poll.cut_by_proxy(1_001);
    assert_eq!(poll.next(false).timeout_ms, Some(750));
}

#[test]
fn s8b_a_young_poll_was_not_cut_for_its_age() {
    let mut poll = poll();
    poll.next(false);
    poll.cut_by_proxy(999);
    poll.cut_by_proxy(999);
    assert_eq!(poll.next(false).timeout_ms, None);
    poll.cut_by_proxy(1_000);
    poll.cut_by_proxy(1_000);
    assert_eq!(poll.next(false).timeout_ms, Some(750), "a second is old enough");
}

#[test]
fn s8b_a_poll_that_outlives_the_cut_disproves_the_proxy() {
    for (age_ms, parked, timeout_ms) in
        [(66_000, true, Some(45_000)), (66_001, true, None), (66_001, false, Some(45_000))]
    {
        let mut poll = poll();
        poll.next(false);
        poll.cut_by_proxy(60_000);
        assert!(poll.ended(&EndedPoll { age_ms, parked, ..whole() }));
        poll.cut_by_proxy(60_000);
        assert_eq!(poll.next(false).timeout_ms, timeout_ms, "{age_ms} {parked}");
    }
}

#[test]
fn s8b_a_limit_that_is_no_shorter_is_not_asked_for() {
    let mut poll = poll();
    poll.next(false);
    poll.cut_by_proxy(60_000);
    poll.cut_by_proxy(60_000);
    poll.advise(&advice(r#"{"timeout":45000}"#));
    assert_eq!(poll.next(false).timeout_ms, None);
    poll.advise(&advice(r#"{"timeout":45001}"#));
    assert_eq!(poll.next(false).timeout_ms, Some(45_000));
}

#[test]
fn x3_three_undecodable_bodies_in_a_row_are_too_many() {
    let mut poll = poll();
    assert!(!poll.undecodable() && !poll.undecodable());
    assert!(poll.ended(&whole()));
    assert!(poll.undecodable());
    poll.decoded();
    assert!(!poll.undecodable());
    assert!(poll.ended(&EndedPoll { nothing_outstanding: true, ..whole() }));
    assert!(!poll.undecodable() && !poll.undecodable());
    assert!(poll.undecodable());
}
