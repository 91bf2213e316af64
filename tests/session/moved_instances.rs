//! An instance that may have moved, since the server redirects or is silent: S10a.

use cometd_edge::replay::Start;
use cometd_edge::session::{Command, Config, Error, Input, Status};

use crate::sim::*;

const MINUTE_MS: u64 = 60_000;

/// Salesforce at EAST: a session that tracks A from 10, with a parked poll.
fn at_east() -> Sim {
    let mut sim = Sim::salesforce();
    sim.token_at(EAST);
    sim.shake();
    sim.poll(CONNECTED);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    sim
}

/// Plain Bayeux with credentials and without replay: a failed poll is repeated in the same session.
fn plain() -> Sim {
    plain_with(|_| {})
}

fn plain_with(configure: impl FnOnce(&mut Config)) -> Sim {
    let mut sim = Sim::with(|config| {
        config.authenticated().expect("https");
        configure(config);
    });
    sim.token();
    sim.shake();
    sim.poll(CONNECTED);
    sim
}

/// Lets `ms` pass; whatever is sent meanwhile fails like this, and each question is answered at once.
fn lasts(sim: &mut Sim, ms: u64, fail: impl Fn(&mut Sim, &str), answer: impl Fn(&mut Sim)) {
    let until = sim.now + ms;
    let mut answered = sim.asked.len();
    while sim.now < until {
        if sim.asked.len() > answered {
            answered += 1;
            answer(sim);
        } else if let Some(kind) = sim.kinds().first().copied() {
            sim.advance(10.min(until - sim.now));
            if sim.try_open(kind).is_some() {
                fail(sim, kind);
            }
        } else {
            let wake = sim.wake.map_or(until, |wake| wake.min(until));
            sim.advance(wake - sim.now);
        }
    }
}

/// The old host redirects whatever comes.
fn redirect(sim: &mut Sim, kind: &str) {
    sim.answer_status(kind, 302);
}

fn no_route(sim: &mut Sim, kind: &str) {
    sim.fail(kind);
}

/// Nobody answers, and the connection stays open.
fn hang(_: &mut Sim, _: &str) {}

const TROUBLE: [fn(&mut Sim, &str); 3] = [redirect, no_route, hang];

/// The session is at WEST, and goes on from the position.
fn arrives_at_west(sim: &mut Sim, token: u32) {
    while let Some(disconnect) = sim.try_open("disconnect") {
        assert_eq!((disconnect.url(), carried(&disconnect)), (EAST, 1));
        sim.answer("disconnect", "[]");
    }
    let request = sim.request("handshake");
    assert_eq!((request.url(), carried(&request)), (WEST, token));
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!((sim.request("commands").url(), sim.from()), (WEST, "10".to_owned()));
    sim.confirm();
    sim.poll(CONNECTED);
    assert_eq!((sim.kinds(), sim.request("connect").url()), (vec!["connect"], WEST));
    assert!(sim.gaps().is_empty() && sim.ended.is_empty());
}

// A redirect.

#[test]
fn s10a_after_a_redirect_the_authenticator_is_asked_and_its_answer_is_followed() {
    for status in [301, 302, 303, 307, 308, 0] {
        let mut sim = at_east();
        sim.answer_status("connect", status);
        assert_eq!((sim.asked.clone(), sim.moved.clone()), (vec![false; 2], vec![false, true]), "{status}");
        sim.token_at(WEST);
        arrives_at_west(&mut sim, 2);
    }
}

#[test]
fn s10a_the_authenticator_is_asked_whichever_request_is_redirected() {
    let redirected: [&dyn Fn(&mut Sim); 3] = [
        &|sim| redirect(sim, "connect"),
        &|sim| {
            sim.publish(2, "/p");
            redirect(sim, "commands");
        },
        &|sim| {
            sim.poll(&refused("403::Unknown client", ""));
            redirect(sim, "handshake");
        },
    ];
    for (index, redirected) in redirected.into_iter().enumerate() {
        let mut sim = at_east();
        redirected(&mut sim);
        assert_eq!(sim.moved, [false, true], "{index}");
        sim.token_at(WEST);
        arrives_at_west(&mut sim, 2);
    }
}

#[test]
fn s10a_the_answer_does_not_wait_for_the_back_off_of_the_old_host() {
    let mut sim = at_east();
    redirect(&mut sim, "connect");
    lasts(&mut sim, 4 * MINUTE_MS, redirect, |_| {});
    assert_eq!(sim.asked.len(), 2);
    let from = sim.now;
    sim.token_at(WEST);
    arrives_at_west(&mut sim, 2);
    assert_eq!(sim.now, from);
}

#[test]
fn s10a_a_redirect_of_the_old_session_says_nothing_of_the_new_one() {
    let mut sim = at_east();
    sim.publish(2, "/p");
    redirect(&mut sim, "connect");
    sim.token_at(WEST);
    // The disconnect, and a message that was under way.
    redirect(&mut sim, "disconnect");
    redirect(&mut sim, "commands");
    assert_eq!(sim.asked.len(), 2);
    arrives_at_west(&mut sim, 2);
}

#[test]
fn s10a_without_credentials_no_authenticator_is_asked() {
    let mut sim = Sim::subscribed(&["/a"]);
    lasts(&mut sim, 10 * MINUTE_MS, redirect, |_| {});
    lasts(&mut sim, 10 * MINUTE_MS, no_route, |_| {});
    assert_eq!((sim.asked.len(), &sim.closed), (0, &None));
}

// Silence.

#[test]
fn s10a_after_40_s_of_silence_salesforces_authenticator_is_asked_after_60_s_others() {
    for (first, silent_ms) in [(at_east as fn() -> Sim, 40_000), (plain, 60_000)] {
        for trouble in [no_route, hang] {
            let mut sim = first();
            sim.fail("connect");
            lasts(&mut sim, silent_ms - 1, trouble, |_| {});
            assert_eq!(sim.asked.len(), 1);
            lasts(&mut sim, 1, trouble, |_| {});
            assert_eq!((sim.asked.clone(), sim.moved.clone()), (vec![false; 2], vec![false, true]));
        }
    }
}

#[test]
fn s10a_a_silent_instance_that_has_moved_is_left_for_the_new_one() {
    for trouble in [no_route, hang] {
        let mut sim = at_east();
        sim.fail("connect");
        lasts(&mut sim, 41_000, trouble, |_| {});
        assert_eq!(sim.moved, [false, true]);
        let from = sim.now;
        sim.token_at(WEST);
        assert!(sim.sent.iter().all(|request| request.url() == EAST || carried(request) == 2));
        arrives_at_west(&mut sim, 2);
        assert_eq!(sim.now, from);
    }
}

#[test]
fn s10a_a_poll_that_the_server_holds_is_no_silence() {
    let mut sim = at_east();
    // Held for as long as was advised, then cut; what follows is answered.
    for _ in 0..20 {
        sim.advance(39_000);
        sim.fail("connect");
        sim.new_session();
        sim.confirm();
        sim.poll(CONNECTED);
        sim.advance(MINUTE_MS / 2);
        sim.poll(CONNECTED);
    }
    assert_eq!((sim.asked.len(), &sim.closed), (1, &None));
}

#[test]
fn s10a_whatever_comes_from_the_server_ends_the_silence() {
    for status in [200, 404, 500, 503] {
        let mut sim = plain_with(|config| config.retry.max_delay_ms = 1_000);
        for _ in 0..10 {
            sim.fail("connect");
            lasts(&mut sim, 25_000, no_route, |_| {});
            sim.until_open("connect");
            sim.answer_status("connect", status);
            if status == 200 {
                sim.fail("connect");
            }
            sim.until_open("connect");
        }
        assert_eq!(sim.asked.len(), 1, "{status}");
    }
}

#[test]
fn s10a_no_time_while_paused_counts_as_silence() {
    let mut sim = at_east();
    sim.fail("connect");
    sim.pause(9);
    lasts(&mut sim, 10 * MINUTE_MS, no_route, |_| {});
    assert_eq!(sim.asked.len(), 1);
    sim.drain_for(10, None, HOUR_MS);
    assert_eq!(sim.asked.len(), 1);
    // Nor that of a page that is hidden.
    let mut sim = plain();
    sim.fail("connect");
    sim.command(Command::Hidden(true));
    sim.advance(10 * MINUTE_MS);
    sim.command(Command::Hidden(false));
    sim.advance(1_000);
    assert_eq!(sim.asked.len(), 1);
}

// While that lasts.

#[test]
fn s10a_while_silence_lasts_the_authenticator_is_asked_once_in_5_minutes() {
    for trouble in TROUBLE {
        for first in [at_east, plain] {
            let mut sim = first();
            let (url, mut asked) = (sim.request("connect").url().to_owned(), Vec::new());
            sim.fail("connect");
            let times = std::cell::RefCell::new(&mut asked);
            lasts(&mut sim, HOUR_MS, trouble, |sim| {
                times.borrow_mut().push(sim.now);
                sim.token_at(&url);
            });
            assert!(asked.windows(2).all(|two| two[1] - two[0] >= 5 * MINUTE_MS - 10), "{asked:?}");
            assert!((11..=12).contains(&asked.len()), "{asked:?}");
            assert!(sim.moved.iter().skip(1).all(|moved| *moved) && sim.asked.iter().all(|refused| !refused));
            assert_eq!(sim.closed, None);
        }
    }
}

#[test]
fn s10a_a_login_that_fails_meanwhile_is_told_and_tried_again_after_5_minutes() {
    for trouble in TROUBLE {
        let mut sim = at_east();
        sim.fail("connect");
        lasts(&mut sim, 21 * MINUTE_MS, trouble, |sim| {
            sim.input(Input::TokenFailed { message: "no connection", retryable: true });
        });
        assert!((5..=6).contains(&sim.asked.len()), "{:?}", sim.asked);
        let failed = |status: &&Status| matches!(status, Status::Retry { error: Error::LoginFailed(_), .. });
        assert_eq!(sim.statuses.iter().filter(failed).count(), sim.asked.len() - 1);
        // The old token is good enough where the server comes back.
        sim.until_open("handshake");
        assert_eq!(sim.carried("handshake"), 1);
        sim.new_session();
        sim.confirm();
        sim.poll(CONNECTED);
        let asked = sim.asked.len();
        sim.advance(30_000);
        sim.poll(CONNECTED);
        assert_eq!((sim.asked.len(), sim.carried("connect")), (asked, 1));
    }
}

#[test]
fn s10a_a_login_that_is_refused_while_the_instance_cannot_be_had_ends_the_client() {
    for trouble in TROUBLE {
        let mut sim = at_east();
        sim.fail("connect");
        lasts(&mut sim, 2 * MINUTE_MS, trouble, |sim| {
            sim.input(Input::TokenFailed { message: "invalid_grant", retryable: false });
        });
        assert_eq!(sim.closed_with().code(), "login-refused");
    }
}

#[test]
fn s10a_a_login_refused_after_the_silence_is_over_leaves_the_session_alone() {
    let mut sim = plain();
    sim.fail("connect");
    lasts(&mut sim, 61_000, no_route, |_| {});
    assert_eq!(sim.asked.len(), 2);
    sim.until_open("connect");
    sim.poll(CONNECTED);
    sim.input(Input::TokenFailed { message: "invalid_grant", retryable: false });
    assert_eq!((sim.kinds(), &sim.closed), (vec!["connect"], &None));
}

#[test]
fn s10a_an_answer_for_the_same_instance_is_kept_for_when_the_token_is_refused() {
    for trouble in TROUBLE {
        let mut sim = plain();
        sim.fail("connect");
        lasts(&mut sim, 2 * MINUTE_MS, trouble, |sim| sim.token());
        assert_eq!(sim.asked.len(), 2);
        // It ends no session.
        sim.until_open("connect");
        assert_eq!((sim.carried("connect"), sim.count("handshake")), (1, 1));
        sim.poll(CONNECTED);
        sim.poll(&refused(EXPIRED, NONE));
        assert_eq!((sim.asked.len(), sim.kinds(), sim.carried("handshake")), (2, vec!["handshake"], 2));
        sim.shake();
        assert_eq!(sim.carried("connect"), 2);
        sim.poll(CONNECTED);
        // There is no other one left.
        sim.poll(&refused(EXPIRED, NONE));
        assert_eq!(sim.asked, [false, false, true]);
    }
}

#[test]
fn s10a_closing_while_the_authenticator_is_asked_ends_at_once() {
    let mut sim = at_east();
    redirect(&mut sim, "connect");
    assert_eq!(sim.asked.len(), 2);
    sim.close();
    sim.answer("disconnect", "[]");
    assert_eq!(sim.closed, Some(None));
    sim.token_at(WEST);
    assert!(sim.kinds().is_empty());
    // Nor is it asked while the client ends.
    let mut sim = at_east();
    sim.fail("connect");
    lasts(&mut sim, 39_000, hang, |_| {});
    sim.close();
    sim.advance(MINUTE_MS);
    assert_eq!((sim.asked.len(), &sim.closed), (1, &Some(None)));
}

#[test]
fn s10a_x1_an_answer_for_a_forbidden_place_ends_the_client_and_goes_nowhere() {
    let mut sim = at_east();
    redirect(&mut sim, "connect");
    sim.token_at("https://evil.example/cometd");
    sim.advance(2_000);
    assert!(matches!(sim.closed_with(), Error::InstanceRefused(_)));
    assert!(sim.sent.iter().all(|request| request.url() == EAST && carried(request) == 1));
}

// Before the first session.

/// The first handshake is open, at EAST.
fn first_handshake(configure: impl FnOnce(&mut Config)) -> Sim {
    let mut sim = Sim::salesforce_with(configure);
    sim.token_at(EAST);
    assert_eq!(sim.request("handshake").url(), EAST);
    sim
}

/// With more time for the first answer than the silence of S10a takes.
fn patient(config: &mut Config) {
    config.connect_timeout_ms = 120_000;
}

#[test]
fn s10a_a_first_handshake_that_is_redirected_waits_for_the_next_answer() {
    for url in [EAST, WEST] {
        let mut sim = first_handshake(|_| {});
        redirect(&mut sim, "handshake");
        assert_eq!((sim.asked.clone(), sim.moved.clone()), (vec![false; 2], vec![false, true]));
        sim.advance(HOUR_MS);
        assert_eq!((sim.kinds(), sim.asked.len(), sim.closed.is_none()), (vec![], 2, true));
        sim.token_at(url);
        assert_eq!((sim.request("handshake").url(), sim.carried("handshake")), (url, 2));
        sim.shake();
        sim.ok(0);
    }
}

#[test]
fn s10a_connect_rejects_for_a_redirect_where_the_next_answer_leads_to_one_again() {
    for url in [EAST, WEST] {
        let mut sim = first_handshake(|_| {});
        redirect(&mut sim, "handshake");
        sim.token_at(url);
        redirect(&mut sim, "handshake");
        assert_eq!(
            (sim.error(0), sim.closed_with(), sim.asked.len()),
            (&Error::Redirect, &Error::Redirect, 2)
        );
    }
    // Not for one that came by the old answer.
    let mut sim = first_handshake(patient);
    lasts(&mut sim, 41_000, no_route, |_| {});
    assert_eq!(sim.moved, [false, true]);
    sim.until_open("handshake");
    redirect(&mut sim, "handshake");
    assert_eq!((sim.asked.len(), sim.closed.is_none()), (2, true));
    sim.token_at(WEST);
    sim.shake();
    sim.ok(0);
}

#[test]
fn s10a_without_credentials_or_retries_connect_rejects_for_the_first_redirect() {
    let mut sim = Sim::new();
    redirect(&mut sim, "handshake");
    assert_eq!((sim.error(0), sim.closed_with()), (&Error::Redirect, &Error::Redirect));
    let mut sim = first_handshake(|config| config.retry.max_retries = Some(0));
    redirect(&mut sim, "handshake");
    assert_eq!((sim.error(0), sim.asked.len()), (&Error::Redirect, 1));
}

#[test]
fn s10a_a_login_that_fails_after_the_first_redirect_is_retried_by_s8() {
    let mut sim = first_handshake(|_| {});
    redirect(&mut sim, "handshake");
    for round in 2..6 {
        assert_eq!((sim.asked.len(), sim.kinds()), (round, vec![]));
        sim.input(Input::TokenFailed { message: "no connection", retryable: true });
        while sim.asked.len() == round {
            assert!(sim.wait() <= 30_000);
        }
    }
    assert!(sim.asked.iter().all(|refused| !refused) && sim.moved.iter().skip(1).all(|moved| *moved));
    sim.token_at(WEST);
    sim.shake();
    sim.ok(0);
    // One that is refused is the end.
    let mut sim = first_handshake(|_| {});
    redirect(&mut sim, "handshake");
    sim.input(Input::TokenFailed { message: "invalid_grant", retryable: false });
    assert_eq!(sim.error(0).code(), "login-refused");
}

#[test]
fn s10a_a_silent_first_instance_is_left_where_the_answer_names_another() {
    for trouble in [no_route, hang] {
        let mut sim = first_handshake(patient);
        lasts(&mut sim, 55_000, trouble, |_| {});
        assert_eq!((sim.moved.clone(), &sim.closed), (vec![false, true], &None));
        sim.token_at(WEST);
        // At most ten a minute, wherever they go (S8a).
        assert!(sim.until_open("handshake") <= 5_000);
        assert_eq!((sim.request("handshake").url(), sim.carried("handshake")), (WEST, 2));
        sim.shake();
        sim.ok(0);
    }
}
