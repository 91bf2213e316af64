//! What follows when a subscription is refused: S11.

use cometd_edge::session::{Error, Input};

use crate::sim::*;

#[test]
fn s11_failure_reason_precedes_error_and_busy_retries_this_subscription_alone() {
    for (error, reason) in [
        (EXPIRED, BUSY),
        ("403:denied_by_security_policy:subscribe_denied", BUSY),
        ("403:denied_by_security_policy:subscribe_denied", "SERVER_UNAVAILABLE"),
    ] {
        let mut sim = Sim::logged_in();
        sim.subscribe(1, &["/a"]);
        sim.refuse(error, &because(reason));
        // Not the token, not the session.
        assert_eq!((sim.asked.len(), sim.kinds()), (1, vec!["connect"]), "{reason}");
        assert!(sim.result(1).is_none());
        assert!(sim.until_open("commands") >= 1_000);
        assert_eq!(topics(&sim.request("commands")), ["/a"]);
        sim.confirm();
        sim.ok(1);
        assert_eq!(sim.retries().len(), 1);
    }
}

#[test]
fn s11_one_busy_channel_of_several_is_tried_again_alone() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.subscribe(2, &["/b", "/c"]);
    sim.confirm();
    let request = sim.request("commands");
    let all = messages(&request);
    let mut busy = reply_to(&all[0], false);
    busy["error"] = BUSY.into();
    sim.answer("commands", &format!("[{busy},{}]", reply_to(&all[1], true)));
    sim.until_open("commands");
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
    sim.confirm();
    sim.ok(2);
}

#[test]
fn s11_bare_503_and_server_unavailable_are_the_same() {
    for error in [BUSY, "SERVER_UNAVAILABLE", "503::"] {
        let mut sim = Sim::connected();
        sim.subscribe(1, &["/a"]);
        sim.refuse(error, "");
        assert!(sim.result(1).is_none(), "{error}");
        assert!(sim.until_open("commands") >= 1_000);
    }
}

#[test]
fn s11_limits_are_paused_and_not_hammered() {
    for error in [
        "403::Organization concurrent user limit exceeded",
        "403::Organization total events daily limit exceeded",
    ] {
        let mut sim = Sim::connected();
        sim.subscribe(1, &["/a"]);
        for _ in 0..5 {
            sim.refuse(error, "");
            assert!(sim.until_open("commands") >= 30_000, "{error}");
        }
    }
}

#[test]
fn s11_other_refusals_are_final() {
    for (error, code) in [
        ("403::Subscriber does not have access to the entity", "no-access"),
        ("404::Unknown channel", "unknown-channel"),
        ("400::Channel doesn't exist", "unknown-channel"),
        ("403::Subscription limit exceeded for this topic", "subscription-limit"),
        ("500::x", "subscribe-refused"),
    ] {
        let mut sim = Sim::connected();
        sim.subscribe(1, &["/a"]);
        sim.refuse(error, "");
        assert_eq!(sim.error(1).code(), code, "{error}");
        sim.advance(60_000);
        assert_eq!(sim.count("commands"), 1);
    }
}

#[test]
fn s11_a_server_that_stays_busy_is_given_up_only_before_the_first_success() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    let mut tries = 1;
    sim.refuse(BUSY, "");
    while sim.result(1).is_none() {
        assert!(sim.until_open("commands") <= 30_000);
        sim.refuse(BUSY, "");
        tries += 1;
    }
    // The first and ten more.
    assert_eq!((tries, sim.error(1).code()), (11, "max-retries"));

    let mut sim = Sim::subscribed(&["/a"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    sim.poll(CONNECTED);
    for _ in 0..40 {
        sim.refuse(BUSY, "");
        while sim.try_open("commands").is_none() {
            sim.wait();
            if sim.try_open("connect").is_some() && sim.now.is_multiple_of(2) {
                sim.poll(CONNECTED);
            }
        }
    }
    sim.confirm();
    assert!(sim.ended.is_empty());
}

#[test]
fn s11_the_host_decides_where_it_is_asked() {
    for (retry, error) in [(true, "403::Subscriber does not have access to the entity"), (false, BUSY)] {
        let mut sim = Sim::connected_with(|config| config.decides = true);
        sim.subscribe(1, &["/a"]);
        sim.refuse(error, "");
        let (request, channel, failure) = sim.decisions[0].clone();
        assert_eq!((sim.decisions.len(), channel.as_str()), (1, "/a"));
        assert!(matches!(failure, Error::SubscribeRefused { .. }));
        // Until then nothing happens to it.
        sim.advance(5_000);
        assert!(sim.result(1).is_none() && sim.try_open("commands").is_none());
        sim.input(Input::Decided { request, retry: Some(retry) });
        if retry {
            sim.until_open("commands");
            sim.confirm();
            sim.ok(1);
        } else {
            assert_eq!(sim.error(1).code(), "server-busy");
        }
    }
}

#[test]
fn s11_a_host_that_has_no_opinion_or_does_not_answer_leaves_it_to_the_session() {
    let silent = |sim: &mut Sim, request: u32| sim.input(Input::Decided { request, retry: None });
    let late = |sim: &mut Sim, _: u32| sim.advance(10_000);
    type Answer<'a> = &'a dyn Fn(&mut Sim, u32);
    for answer in [&silent as Answer<'_>, &late] {
        for (error, again) in [(BUSY, true), ("404::Unknown channel", false)] {
            let mut sim = Sim::connected_with(|config| config.decides = true);
            sim.subscribe(1, &["/a"]);
            sim.refuse(error, "");
            let (request, _, _) = sim.decisions[0];
            answer(&mut sim, request);
            if again {
                sim.until_open("commands");
                // An answer that comes now is about a question that is closed.
                sim.input(Input::Decided { request, retry: Some(false) });
                sim.confirm();
                sim.ok(1);
            } else {
                assert_eq!(sim.error(1).code(), "unknown-channel");
                sim.input(Input::Decided { request, retry: Some(true) });
                assert!(sim.try_open("commands").is_none());
            }
        }
    }
}

#[test]
fn s11_each_refusal_is_asked_about_and_retries_back_off() {
    let mut sim = Sim::connected_with(|config| config.decides = true);
    sim.subscribe(1, &["/a"]);
    let mut delays = Vec::new();
    for round in 0..6 {
        sim.refuse("404::Unknown channel", "");
        let (request, _, _) = sim.decisions[round];
        sim.input(Input::Decided { request, retry: Some(true) });
        delays.push(sim.until_open("commands"));
    }
    assert_eq!(delays[0], 0);
    assert!(delays[1..].iter().all(|delay| (1_000..=30_000).contains(delay)), "{delays:?}");
    // Only so often, before the server has ever said yes.
    for round in 6.. {
        sim.refuse("404::Unknown channel", "");
        let (request, _, _) = sim.decisions[round];
        sim.input(Input::Decided { request, retry: Some(true) });
        if sim.result(1).is_some() {
            break;
        }
        sim.until_open("commands");
    }
    assert_eq!((sim.error(1).code(), sim.decisions.len()), ("max-retries", 11));
}

#[test]
fn s11_a_decision_for_a_left_channel_or_an_ended_client_changes_nothing() {
    let mut sim = Sim::connected_with(|config| config.decides = true);
    sim.subscribe(1, &["/a"]);
    sim.refuse("404::Unknown channel", "");
    let (request, _, _) = sim.decisions[0];
    sim.leave(2, 1, 0);
    sim.ok(2);
    sim.input(Input::Decided { request, retry: Some(true) });
    assert!(sim.try_open("commands").is_none());
    sim.subscribe(3, &["/a"]);
    sim.refuse("404::Unknown channel", "");
    let (request, _, _) = sim.decisions[1];
    sim.close();
    assert_eq!(*sim.error(3), Error::Closed);
    sim.input(Input::Decided { request, retry: Some(true) });
    sim.advance(2_000);
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn s11_a_session_lost_while_the_host_decides_waits_with_this_channel_alone() {
    let mut sim = Sim::connected_with(|config| config.decides = true);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.subscribe(2, &["/b"]);
    sim.refuse("404::Unknown channel", "");
    sim.poll(&refused(UNKNOWN, ""));
    sim.new_session();
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    sim.confirm();
    let (request, _, _) = sim.decisions[0];
    sim.input(Input::Decided { request, retry: Some(true) });
    sim.until_open("commands");
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
}
