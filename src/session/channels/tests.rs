//! Tests of the table alone. `/a` to `/d` are channels, `NOW` is the time; `+/a` stands for a subscribe of `/a`, `-/a`
//! for an unsubscribe.

use super::*;

const NOW: Instant = Instant::from_millis(1_000);

fn pattern(name: &str) -> Pattern {
    Pattern::parse(name).expect("a channel")
}

fn failure() -> Failure {
    Failure::parse("403:/a:denied")
}

fn nothing() -> Released {
    Released::default()
}

fn released(commands: &[u32], dropped: &[&str]) -> Released {
    Released { commands: commands.to_vec(), dropped: dropped.iter().map(|name| (*name).to_owned()).collect() }
}

/// A subscription wants the channel, and the server has accepted it already if the client knows so.
fn want(channels: &mut Channels, name: &str, order: u32) -> bool {
    let (accepted, released) = channels.want(&pattern(name), true, Tracking::Untracked, order, NOW);
    assert_eq!(released, nothing());
    accepted
}

/// Channels that are wanted, in this order; the server knows none of them.
fn wanted(names: &[&str]) -> Channels {
    let mut channels = Channels::default();
    channels.advance(NOW);
    for (order, name) in names.iter().enumerate() {
        want(&mut channels, name, order as u32);
    }
    channels
}

/// Channels that the server delivers.
fn present(names: &[&str]) -> Channels {
    let mut channels = wanted(names);
    for name in names {
        assert_eq!(channels.subscribing(name), nothing());
        assert_eq!(channels.accepted(name), nothing());
    }
    channels
}

fn leave(channels: &mut Channels, name: &str, command: u32) -> Released {
    channels.leave([name].into_iter(), command, 50, None)
}

/// All subscribes and unsubscribes that are to be sent.
fn actions(channels: &Channels) -> Vec<String> {
    actions_of(channels, true)
}

fn actions_of(channels: &Channels, subscribe: bool) -> Vec<String> {
    let (mut last, mut all) = (None, Vec::new());
    while let Some((place, action)) = channels.next_action(last, subscribe) {
        all.push(match action {
            Action::Subscribe(name) => format!("+{name}"),
            Action::Unsubscribe(name) => format!("-{name}"),
        });
        last = Some(place);
    }
    all
}

#[test]
fn a_wanted_channel_is_subscribed_until_the_server_has_accepted_it() {
    let mut channels = wanted(&["/a"]);
    assert_eq!(actions(&channels), ["+/a"]);
    assert!(!channels.is_delivered("/a") && !channels.is_delivering("/a"));
    assert!(!channels.all_present());
    assert_eq!(channels.subscribing("/a"), nothing());
    assert_eq!(actions(&channels), [""; 0]);
    assert!(!channels.is_delivered("/a") && channels.is_delivering("/a"));
    assert!(!channels.all_present());
    assert_eq!(channels.accepted("/a"), nothing());
    assert_eq!(actions(&channels), [""; 0]);
    assert!(channels.is_delivered("/a") && channels.is_delivering("/a"));
    assert!(channels.all_present());
}

#[test]
fn a_channel_that_nobody_named_is_not_there() {
    let mut channels = Channels::default();
    assert!(channels.all_present() && !channels.is_delivered("/a") && !channels.is_delivering("/a"));
    assert_eq!(channels.accepted("/a"), nothing());
    assert!(!channels.unanswered("/a") && !channels.first_unknown("/a", 1));
    assert_eq!(channels.refused("/a", NOW, 0, &Retry::default(), &mut Rng::new(1)), None);
}

#[test]
fn what_the_server_delivers_is_accepted_at_once_where_it_has_said_so() {
    let mut channels = wanted(&["/a"]);
    assert!(!want(&mut channels, "/a", 1), "nothing has been accepted yet");
    let mut channels = present(&["/a"]);
    assert!(want(&mut channels, "/a", 1));
    assert_eq!(actions(&channels), [""; 0]);
    let (accepted, released) = channels.want(&pattern("/a"), false, Tracking::Untracked, 1, NOW);
    assert_eq!((accepted, released), (false, nothing()));
    assert_eq!(actions(&channels), ["+/a"], "the reply to an unsubscribe may have been lost");
}

#[test]
fn a_service_channel_needs_no_subscribe() {
    let mut channels = Channels::default();
    let first = channels.want(&pattern("/service/a"), false, Tracking::Untracked, 0, NOW);
    assert_eq!(first, (true, nothing()));
    assert_eq!(actions(&channels), [""; 0]);
    assert!(channels.is_delivered("/service/a"));
    assert!(channels.all_present());
    assert_eq!(channels.session_lost(NOW), nothing());
    assert!(channels.is_delivered("/service/a") && actions(&channels).is_empty());
    assert_eq!(leave(&mut channels, "/service/a", 7), released(&[7], &["/service/a"]));
    assert!(channels.all_present() && !channels.is_delivered("/service/a"));
}

#[test]
fn an_unsubscribe_waits_until_the_server_has_answered() {
    let mut channels = present(&["/a"]);
    assert_eq!(leave(&mut channels, "/a", 7), nothing());
    assert_eq!(actions(&channels), ["-/a"]);
    assert_eq!(channels.unsubscribing("/a"), nothing());
    assert_eq!(actions(&channels), [""; 0]);
    assert!(!channels.is_delivered("/a") && channels.is_delivering("/a"), "events may still be under way");
    assert_eq!(channels.absent("/a"), released(&[7], &["/a"]));
    assert!(channels.all_present() && actions(&channels).is_empty());
    assert!(!want(&mut channels, "/a", 1), "nothing is left of it");
    assert_eq!(actions(&channels), ["+/a"]);
}

#[test]
fn a_channel_that_the_server_does_not_know_is_left_at_once() {
    let mut channels = wanted(&["/a"]);
    assert_eq!(leave(&mut channels, "/a", 7), released(&[7], &["/a"]));
    assert!(channels.all_present() && actions(&channels).is_empty());
    assert_eq!(leave(&mut channels, "/b", 8), released(&[8], &[]), "nor one that nobody has named");
}

#[test]
fn a_channel_that_somebody_else_wants_stays() {
    let mut channels = present(&["/a"]);
    want(&mut channels, "/a", 1);
    assert_eq!(leave(&mut channels, "/a", 7), released(&[7], &[]));
    assert_eq!(actions(&channels), [""; 0]);
    assert_eq!(leave(&mut channels, "/a", 8), nothing());
    assert_eq!(actions(&channels), ["-/a"]);
}

#[test]
fn a_tracked_channel_may_stay_subscribed_for_a_while() {
    let tracked = || {
        let mut channels = present(&["/plain"]);
        let _ = channels.want(&pattern("/a"), false, Tracking::Loaded, 1, NOW);
        let _ = channels.subscribing("/a");
        let _ = channels.accepted("/a");
        channels
    };
    let linger = |channels: &mut Channels| {
        let names = ["/a", "/plain"];
        let left = channels.leave(names.into_iter(), 7, 50, Some(NOW.after(100)));
        assert_eq!(left, nothing(), "the plain channel is waited for");
        assert_eq!(
            (actions(channels), channels.next_retry()),
            (vec!["-/plain".to_owned()], Some(NOW.after(100)))
        );
        assert_eq!(channels.absent("/plain"), released(&[7], &["/plain"]));
    };
    let mut channels = tracked();
    linger(&mut channels);
    assert!(channels.is_delivered("/a"));
    channels.advance(NOW.after(100));
    assert_eq!(actions(&channels), ["-/a"]);
    let mut channels = tracked();
    linger(&mut channels);
    let (accepted, _) = channels.want(&pattern("/a"), true, Tracking::Loaded, 60, NOW);
    assert!(accepted && channels.next_retry().is_none());
    assert_eq!(leave(&mut channels, "/a", 8), nothing());
    assert_eq!(actions(&channels), ["-/a"], "an explicit unsubscribe does not wait");
}

#[test]
fn an_unsubscribe_of_several_channels_waits_for_the_last() {
    let mut channels = present(&["/a", "/b"]);
    want(&mut channels, "/c", 2);
    let names = ["/a", "/c", "/other", "/b"];
    assert_eq!(channels.leave(names.into_iter(), 7, 50, None), released(&[], &["/c"]));
    assert_eq!(actions(&channels), ["-/a", "-/b"]);
    assert_eq!(channels.absent("/a"), released(&[], &["/a"]));
    assert_eq!(channels.absent("/b"), released(&[7], &["/b"]));
}

#[test]
fn an_unsubscribe_under_way_is_waited_for_by_who_wants_the_channel_again() {
    let mut channels = present(&["/a"]);
    assert_eq!(leave(&mut channels, "/a", 7), nothing());
    assert_eq!(channels.unsubscribing("/a"), nothing());
    assert!(!want(&mut channels, "/a", 60));
    assert_eq!(actions(&channels), [""; 0]);
    assert_eq!(channels.absent("/a"), released(&[7], &[]));
    assert_eq!(actions(&channels), ["+/a"]);
}

#[test]
fn an_unsubscribe_that_was_not_sent_is_done_when_somebody_wants_the_channel_again() {
    let mut channels = present(&["/a"]);
    assert_eq!(leave(&mut channels, "/a", 7), nothing());
    let (accepted, released) = channels.want(&pattern("/a"), true, Tracking::Untracked, 60, NOW);
    assert_eq!((accepted, released.commands), (true, vec![7]));
    assert_eq!(actions(&channels), [""; 0]);
}

#[test]
fn the_server_is_told_in_the_order_of_the_commands() {
    let mut channels = present(&["/a", "/b"]);
    want(&mut channels, "/d", 55);
    want(&mut channels, "/c", 40);
    assert_eq!(leave(&mut channels, "/b", 7), nothing());
    assert_eq!(actions(&channels), ["+/c", "-/b", "+/d"]);
    let places = channels.next_action(None, true).map(|(place, _)| place.order());
    assert_eq!(places, Some(40));
    assert_eq!(actions_of(&channels, false), ["-/b"]);
}

#[test]
fn channels_of_one_command_are_told_in_their_order() {
    let mut channels = Channels::default();
    channels.advance(NOW);
    for name in ["/b", "/a", "/c"] {
        want(&mut channels, name, 3);
    }
    assert_eq!(actions(&channels), ["+/b", "+/a", "+/c"]);
}

#[test]
fn a_failed_channel_is_unsubscribed_where_the_server_has_it() {
    let mut channels = wanted(&["/a"]);
    want(&mut channels, "/a", 1);
    assert_eq!(channels.abandon("/a"), released(&[], &["/a"]));
    let mut channels = present(&["/a"]);
    want(&mut channels, "/a", 1);
    assert_eq!(channels.abandon("/a"), nothing());
    assert_eq!(actions(&channels), ["-/a"]);
}

#[test]
fn nobody_waits_for_a_server_that_does_not_answer() {
    let mut channels = present(&["/a", "/b"]);
    for (name, command) in [("/a", 7), ("/b", 8)] {
        assert_eq!(leave(&mut channels, name, command), nothing());
    }
    assert_eq!(channels.release_all(), released(&[7, 8], &[]));
    assert_eq!(actions(&channels), ["-/a", "-/b"], "it is still told");
    assert_eq!(channels.absent("/a"), released(&[], &["/a"]), "and nobody is told twice");
    assert_eq!(channels.release_all(), nothing());
}

#[test]
fn after_the_end_nothing_is_wanted_and_nobody_waits() {
    let mut channels = present(&["/a", "/b"]);
    assert_eq!(leave(&mut channels, "/a", 7), nothing());
    assert_eq!(channels.clear(), released(&[7], &[]));
    assert!(actions(&channels).is_empty() && !channels.is_delivered("/b") && channels.all_present());
}

#[test]
fn r7_a_subscribe_that_failed_on_the_way_is_sent_again() {
    let mut channels = wanted(&["/a"]);
    let _ = channels.subscribing("/a");
    assert_eq!(channels.undo("/a", NOW.after(500)), nothing());
    assert_eq!((actions(&channels).len(), channels.next_retry()), (0, Some(NOW.after(500))));
    channels.advance(NOW.after(499));
    assert_eq!(actions(&channels), [""; 0]);
    channels.advance(NOW.after(500));
    assert_eq!((actions(&channels), channels.next_retry()), (vec!["+/a".to_owned()], None));
    channels.advance(NOW);
    assert_eq!(actions(&channels), ["+/a"], "time does not go back");
}

#[test]
fn r7_an_unsubscribe_that_failed_on_the_way_is_sent_again() {
    let mut channels = present(&["/a"]);
    assert_eq!(leave(&mut channels, "/a", 7), nothing());
    let _ = channels.unsubscribing("/a");
    assert_eq!(channels.undo("/a", NOW), nothing());
    assert_eq!(actions(&channels), ["-/a"]);
    let _ = channels.unsubscribing("/a");
    assert_eq!(channels.absent("/a"), released(&[7], &["/a"]));
}

#[test]
fn a_change_of_mind_is_what_is_sent_after_a_failure_on_the_way() {
    let mut left = wanted(&["/a"]);
    let _ = left.subscribing("/a");
    assert_eq!(leave(&mut left, "/a", 7), nothing());
    assert_eq!(actions(&left), [""; 0], "the subscribe is answered first");
    assert_eq!(left.undo("/a", NOW), nothing());
    assert_eq!(actions(&left), ["-/a"], "the server may have it");
    let mut wanted_again = present(&["/a"]);
    let _ = leave(&mut wanted_again, "/a", 7);
    let _ = wanted_again.unsubscribing("/a");
    want(&mut wanted_again, "/a", 60);
    assert_eq!(wanted_again.undo("/a", NOW), released(&[7], &[]));
    assert_eq!(actions(&wanted_again), ["+/a"], "the server may not have it");
}

#[test]
fn a_request_that_failed_takes_nothing_back_that_was_answered() {
    let mut channels = present(&["/a"]);
    want(&mut channels, "/b", 1);
    for name in ["/a", "/b"] {
        assert_eq!(channels.undo(name, NOW.after(500)), nothing());
    }
    assert!(channels.is_delivered("/a"));
    assert_eq!((actions(&channels), channels.next_retry()), (vec!["+/b".to_owned()], None));
}

#[test]
fn s9_a_new_session_is_told_all_that_is_wanted() {
    let mut channels = present(&["/a", "/b", "/c"]);
    assert_eq!(leave(&mut channels, "/a", 7), nothing());
    let _ = channels.subscribing("/c");
    let _ = channels.undo("/c", NOW.after(9_000));
    assert_eq!(channels.session_lost(NOW), released(&[7], &["/a"]));
    assert_eq!(actions(&channels), ["+/b", "+/c"]);
}

#[test]
fn r5a_a_tracked_channel_waits_for_the_store() {
    let mut channels = Channels::default();
    channels.advance(NOW);
    let _ = channels.want(&pattern("/a"), false, Tracking::Loading, 0, NOW);
    assert!(actions(&channels).is_empty() && !channels.replay_is_due() && !channels.all_present());
    assert_eq!(channels.loaded("/a"), nothing());
    assert!(channels.replay_is_due());
    assert_eq!(actions(&channels), ["+/a"]);
    assert_eq!(actions_of(&channels, false), [""; 0]);
    let _ = channels.subscribing("/a");
    assert!(!channels.replay_is_due());
    let _ = channels.accepted("/a");
    let _ = leave(&mut channels, "/a", 7);
    assert_eq!(actions(&channels), ["-/a"]);
}

#[test]
fn r5a_the_last_subscription_says_whether_the_channel_is_tracked() {
    let mut channels = wanted(&["/a"]);
    let _ = channels.want(&pattern("/a"), false, Tracking::Loaded, 1, NOW);
    assert!(channels.replay_is_due());
}

#[test]
fn three_missing_replies_are_too_many() {
    let mut channels = wanted(&["/a"]);
    assert_eq!([(); 3].map(|()| channels.unanswered("/a")), [false, false, true]);
    let _ = channels.accepted("/a");
    assert_eq!([(); 4].map(|()| channels.unanswered("/a")), [false, false, true, true]);
}

#[test]
fn s5_the_first_session_that_does_not_know_the_client_is_remembered() {
    let mut channels = wanted(&["/a"]);
    assert_eq!([3, 3, 4, 3].map(|epoch| channels.first_unknown("/a", epoch)), [true, true, false, true]);
    let _ = channels.accepted("/a");
    assert!(channels.first_unknown("/a", 4));
}

#[test]
fn s11_a_channel_waits_for_the_decision_of_the_application() {
    let mut channels = wanted(&["/a", "/b"]);
    assert_eq!(channels.oldest_question(), None);
    let _ = channels.subscribing("/a");
    assert_eq!(channels.ask("/a", failure(), NOW, 300), (1, nothing()));
    assert_eq!(channels.ask("/b", failure(), NOW, 200), (2, nothing()));
    assert_eq!(actions(&channels), [""; 0]);
    assert_eq!(channels.oldest_question(), Some((1, NOW.after(300))));
    let decided = Decided { channel: "/a".to_owned(), failure: failure() };
    assert_eq!(channels.decided(1), (Some(decided), nothing()));
    assert_eq!(actions(&channels), ["+/a"]);
    assert_eq!(channels.oldest_question(), Some((2, NOW.after(200))));
    assert_eq!(channels.decided(1), (None, nothing()), "once");
}

#[test]
fn s11_a_decision_about_a_channel_that_is_gone_changes_nothing() {
    let mut channels = wanted(&["/a"]);
    assert_eq!(channels.ask("/a", failure(), NOW, 300).0, 1);
    assert_eq!(leave(&mut channels, "/a", 7), released(&[7], &["/a"]));
    assert_eq!(channels.decided(1), (None, nothing()));
    assert_eq!(channels.ask("/a", failure(), NOW, 300), (2, nothing()));
    assert_eq!(channels.oldest_question(), None, "nobody is asked about what is not there");
}

#[test]
fn s11_a_refused_channel_is_tried_again_after_a_back_off() {
    let mut channels = wanted(&["/a"]);
    let (retry, mut rng) = (Retry::default(), Rng::new(1));
    let _ = channels.subscribing("/a");
    let first = channels.refused("/a", NOW, 700, &retry, &mut rng);
    assert_eq!(first, Some(Attempt { refusals: 1, delay_ms: 700 }));
    assert_eq!(channels.retry("/a", NOW.after(700)), nothing());
    assert_eq!((actions(&channels).len(), channels.next_retry()), (0, Some(NOW.after(700))));
    let second = channels.refused("/a", NOW, 0, &retry, &mut rng).expect("an attempt");
    assert!(second.refusals == 2 && second.delay_ms >= 1_000);
    let _ = channels.accepted("/a");
    assert_eq!(channels.refused("/a", NOW, 0, &retry, &mut rng).map(|attempt| attempt.refusals), Some(1));
}

#[test]
fn s11_a_channel_that_waits_already_is_tried_again_then() {
    let mut channels = wanted(&["/a"]);
    assert_eq!(channels.retry("/a", NOW.after(700)), nothing());
    assert_eq!((actions(&channels).len(), channels.next_retry()), (0, Some(NOW.after(700))));
}

#[test]
fn s8_hurrying_brings_the_next_attempts_nearer() {
    let mut channels = wanted(&["/a", "/b"]);
    let mut rng = Rng::new(1);
    for name in ["/a", "/b"] {
        let _ = channels.refused(name, NOW, 0, &Retry::default(), &mut rng);
        let _ = channels.retry(name, NOW.after(20_000));
    }
    let mut asked = Vec::new();
    let hurried = channels.hurry(NOW, |at| {
        asked.push(at);
        NOW
    });
    assert_eq!((hurried, asked), (nothing(), vec![NOW.after(20_000); 2]));
    assert_eq!(channels.next_retry(), Some(NOW.after(1_000)), "the first delay is kept");
    channels.advance(NOW.after(1_000));
    assert_eq!(actions(&channels), ["+/a", "+/b"]);
}

#[test]
fn s8_hurrying_waits_for_the_request_that_a_channel_waits_for() {
    let mut channels = wanted(&["/a"]);
    let _ = channels.retry("/a", NOW.after(20_000));
    let _ = channels.hurry(NOW, |_| NOW.after(5_000));
    assert_eq!(channels.next_retry(), Some(NOW.after(5_000)));
}

#[test]
fn only_what_is_due_is_to_be_told() {
    let mut channels = wanted(&["/a", "/b", "/c"]);
    let _ = channels.retry("/a", NOW.after(30));
    let _ = channels.retry("/b", NOW.after(10));
    assert_eq!((actions(&channels), channels.next_retry()), (vec!["+/c".to_owned()], Some(NOW.after(10))));
    channels.advance(NOW.after(10));
    assert_eq!(
        (actions(&channels), channels.next_retry()),
        (vec!["+/b".to_owned(), "+/c".to_owned()], Some(NOW.after(30)))
    );
    let _ = leave(&mut channels, "/a", 7);
    assert_eq!(channels.next_retry(), None);
}

#[test]
fn a_channel_may_come_by_a_glob_until_the_second_poll_after_its_end_has_ended() {
    let mut channels = wanted(&["/a/b", "/a/*"]);
    assert!(!channels.comes_by_glob("/a/b"), "it is not subscribed yet");
    let _ = channels.subscribing("/a/*");
    assert!(channels.comes_by_glob("/a/b") && !channels.comes_by_glob("/b/b"));
    let _ = channels.accepted("/a/*");
    let _ = leave(&mut channels, "/a/*", 7);
    let _ = channels.unsubscribing("/a/*");
    assert!(channels.comes_by_glob("/a/b"));
    let _ = channels.absent("/a/*");
    for expected in [true, true, false] {
        assert_eq!(channels.comes_by_glob("/a/b"), expected);
        channels.poll_ended();
    }
}

#[test]
fn a_new_session_knows_of_no_glob() {
    let mut channels = present(&["/a/*"]);
    let _ = leave(&mut channels, "/a/*", 7);
    let _ = channels.absent("/a/*");
    let _ = channels.session_lost(NOW);
    assert!(!channels.comes_by_glob("/a/b"));
}

#[test]
fn a_glob_waits_for_channels_that_are_subscribed_from_a_position() {
    let mut channels = wanted(&["/a/*", "/b"]);
    assert!(!channels.waits_for_others("/a/*"), "only tracked channels are waited for");
    let _ = channels.want(&pattern("/a/c"), false, Tracking::Loading, 2, NOW);
    assert!(channels.waits_for_others("/a/*") && !channels.waits_for_others("/b"));
    let _ = channels.loaded("/a/c");
    let _ = channels.subscribing("/a/c");
    assert!(channels.waits_for_others("/a/*"));
    let _ = channels.accepted("/a/c");
    assert!(!channels.waits_for_others("/a/*"));
    let _ = channels.session_lost(NOW);
    assert!(channels.waits_for_others("/a/*"));
    assert_eq!(leave(&mut channels, "/a/c", 7), released(&[7], &["/a/c"]));
    assert!(!channels.waits_for_others("/a/*"), "it is not wanted any more");
}

fn name(number: usize) -> String {
    format!("/c/{number}")
}

/// `count` channels: the server delivers every `nth` one, and the others need a subscribe.
fn many(count: usize, nth: usize) -> Channels {
    let mut channels = Channels::default();
    channels.advance(NOW);
    for number in 0..count {
        let _ = channels.want(&pattern(&name(number)), false, Tracking::Loaded, number as u32, NOW);
        if number % nth == 0 {
            let _ = channels.subscribing(&name(number));
            let _ = channels.accepted(&name(number));
        }
    }
    channels
}

#[test]
fn p2_a_subscription_and_its_end_cost_the_same_among_many_channels() {
    let count = |size: usize, nth: usize| {
        let mut channels = many(size, nth);
        crate::steps::taken();
        assert_eq!((channels.all_present(), channels.replay_is_due()), (nth == 1, nth > 1));
        let _ = channels.want(&pattern("/a"), false, Tracking::Untracked, 0, NOW);
        channels.advance(NOW);
        assert!(!channels.is_delivering("/a"));
        assert!(channels.next_action(None, true).is_some());
        let _ = channels.subscribing("/a");
        let _ = channels.accepted("/a");
        assert!(channels.is_delivered("/a") && !channels.comes_by_glob("/a"));
        assert!(!channels.waits_for_others("/a"));
        assert_eq!(leave(&mut channels, "/a", 7), nothing());
        let _ = channels.unsubscribing("/a");
        assert_eq!(channels.absent("/a"), released(&[7], &["/a"]));
        crate::steps::taken()
    };
    for nth in [1, 2] {
        let steps = count(10, nth);
        assert!(steps > 0);
        assert_eq!(count(10_000, nth), steps);
    }
}

#[test]
fn p2_the_life_of_all_channels_grows_with_their_number() {
    let count = |size: usize| {
        crate::steps::taken();
        let mut channels = many(size, 2);
        for _ in 0..2 {
            let mut last = None;
            let mut due = Vec::new();
            while let Some((place, action)) = channels.next_action(last, true) {
                if let Action::Subscribe(name) = action {
                    due.push(name.to_owned());
                }
                last = Some(place);
            }
            for name in &due {
                let _ = channels.subscribing(name);
                let _ = channels.accepted(name);
            }
            assert!(channels.all_present());
            let _ = channels.session_lost(NOW);
            let _ = channels.hurry(NOW, |_| NOW.after(10));
            channels.advance(NOW.after(10));
        }
        let names: Vec<String> = (0..size).map(name).collect();
        let left = channels.leave(names.iter().map(String::as_str), 7, 50, None);
        assert_eq!(left.dropped.len(), size);
        crate::steps::taken()
    };
    let steps = count(1_000);
    let growth = count(10_000) as f64 / steps as f64;
    assert!(growth <= 13.0, "{growth}");
}
