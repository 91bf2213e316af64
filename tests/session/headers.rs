//! Headers that are asked for before each request: S8, S7, X1, X2, S16.

use cometd_edge::replay::Start;
use cometd_edge::session::{Command, Error, Input, State, Status};

use crate::sim::*;

fn failed(words: &str) -> Error {
    Error::HeadersFailed(words.to_owned())
}

/// The errors of all retries.
fn errors(sim: &Sim) -> Vec<Error> {
    let error = |status: &Status| match status {
        Status::Retry { error, .. } => Some(error.clone()),
        _ => None,
    };
    sim.statuses.iter().filter_map(error).collect()
}

fn number(sim: &Sim, kind: &str) -> Option<String> {
    sim.header(kind, "X-N")
}

#[test]
fn s8_headers_are_asked_for_before_each_request_and_go_into_that_one() {
    let mut sim = Sim::asking();
    assert_eq!((sim.kinds(), sim.header_asks.len()), (vec![""; 0], 1));
    for (kind, n) in [("handshake", "1"), ("connect", "2"), ("connect", "3")] {
        sim.give(n);
        assert_eq!(number(&sim, kind).as_deref(), Some(n));
        match kind {
            "handshake" => sim.shake(),
            _ => sim.poll(CONNECTED),
        }
    }
    sim.give("4");
    sim.publish(1, "/a");
    assert_eq!((sim.kinds(), sim.header_asks.len()), (vec!["connect"], 1));
    sim.give("5");
    assert_eq!(number(&sim, "commands").as_deref(), Some("5"));
    sim.confirm();
    sim.close();
    assert_eq!(sim.kinds(), [""; 0]);
    sim.give("6");
    assert_eq!(number(&sim, "disconnect").as_deref(), Some("6"));
    sim.answer("disconnect", "[]");
    assert_eq!((&sim.closed, sim.sent.len()), (&Some(None), 6));
}

#[test]
fn s8_headers_asked_for_take_the_place_of_those_of_the_configuration() {
    let mut sim = Sim::asking_with(|config| {
        config.header("X-N", "0").and_then(|config| config.header("X-Other", "1")).expect("good headers");
    });
    sim.give_headers(&[("x-n", "1")]);
    let request = sim.request("handshake");
    let mut own: Vec<_> = request.headers().iter().filter(|(name, _)| name.starts_with(['x', 'X'])).collect();
    own.sort();
    assert_eq!(own, [&("X-Other".to_owned(), "1".to_owned()), &("x-n".to_owned(), "1".to_owned())]);
}

#[test]
fn s8_headers_that_cannot_be_had_are_a_failed_attempt_of_the_handshake() {
    let mut sim = Sim::asking();
    let mut delays = Vec::new();
    for _ in 0..4 {
        sim.refuse_headers("the vault is closed");
        delays.push(sim.until_asked());
    }
    assert!(delays[0] == 0 && delays[1..].iter().all(|delay| *delay >= 1_000), "{delays:?}");
    assert_eq!(errors(&sim), vec![failed("the vault is closed"); 4]);
    assert_eq!((sim.session.state(), sim.sent.len()), (State::Retrying, 0));
    let error = &errors(&sim)[0];
    assert_eq!((error.code(), error.retryable()), ("headers-failed", true));
    sim.give("1");
    sim.shake();
    sim.ok(0);
}

#[test]
fn s8_connect_gives_up_after_max_retries_with_the_last_reason_inside() {
    let mut sim = Sim::asking_with(|config| config.retry.max_retries = Some(2));
    for _ in 0..3 {
        sim.until_asked();
        sim.refuse_headers("no");
    }
    let error = Error::MaxRetries { attempts: 3, last: Box::new(failed("no")) };
    assert_eq!((sim.closed_with(), sim.error(0)), (&error, &error));
}

#[test]
fn s8_a_poll_without_headers_loses_nothing_and_is_tried_again() {
    let mut sim = Sim::asking_with(|config| config.replay = true);
    sim.give("1");
    sim.shake();
    sim.give("2");
    sim.poll(CONNECTED);
    sim.give("3");
    sim.follow(1, A, Start::New);
    sim.load(A, None);
    sim.give("4");
    sim.confirm();
    sim.poll(CONNECTED);
    for _ in 0..3 {
        sim.until_asked();
        sim.refuse_headers("no");
    }
    assert_eq!((sim.gaps(), sim.count("handshake"), sim.retries().len()), (vec![], 1, 3));
    sim.until_asked();
    sim.give("5");
    sim.poll(CONNECTED);
    assert_eq!((sim.session.state(), sim.count("disconnect")), (State::Connected, 0));
}

#[test]
fn s8_commands_without_headers_wait_and_go_out_together_in_their_order() {
    let mut sim = Sim::asking_connected();
    sim.subscribe(1, &["/a"]);
    sim.refuse_headers("no");
    sim.publish(2, "/b");
    sim.queue(Command::Send { command: 3, messages: &[r#"{"channel":"/c"}"#.to_owned()] }).expect("JSON");
    sim.until_asked();
    sim.refuse_headers("no");
    assert_eq!(sim.retries().iter().map(|(attempt, _)| *attempt).collect::<Vec<_>>(), [1, 2]);
    assert!(sim.until_asked() >= 1_000);
    sim.give("4");
    let channels: Vec<String> = messages(&sim.request("commands"))
        .iter()
        .map(|message| message["channel"].as_str().expect("a channel").to_owned())
        .collect();
    assert_eq!(channels, ["/meta/subscribe", "/b", "/c"]);
    sim.confirm();
    for command in 1..=3 {
        sim.ok(command);
    }
    assert_eq!((sim.count("commands"), sim.gaps()), (1, vec![]));
}

#[test]
fn s8_commands_that_never_get_headers_fail_after_max_retries() {
    let mut sim = Sim::asking_connected_with(|config| config.retry.max_retries = Some(1));
    sim.subscribe(1, &["/a"]);
    sim.publish(2, "/b");
    for _ in 0..2 {
        sim.until_asked();
        sim.refuse_headers("no");
    }
    let error = Error::MaxRetries { attempts: 2, last: Box::new(failed("no")) };
    assert_eq!((sim.error(1), sim.error(2), &sim.closed), (&error, &error, &None));
}

#[test]
fn s8_an_answer_that_takes_longer_than_the_network_delay_is_a_failed_attempt() {
    let mut sim = Sim::asking_with(|config| config.network_delay_ms = 3_000);
    let late = sim.header_asks.remove(0);
    sim.advance(2_999);
    assert_eq!(errors(&sim), []);
    sim.advance(1);
    assert_eq!(errors(&sim), [failed("no answer within 3000 ms")]);
    // A late answer is for nobody.
    sim.answer_headers(late, &[("X-N", "late")]);
    assert_eq!((sim.kinds(), sim.header_asks.len()), (vec![""; 0], 1));
    sim.give("2");
    assert_eq!(number(&sim, "handshake").as_deref(), Some("2"));
    // Nor is a second one, or one to a question that was never asked.
    sim.answer_headers(late, &[("X-N", "late")]);
    sim.answer_headers(77, &[]);
    assert_eq!(sim.sent.len(), 1);
}

#[test]
fn s7_the_time_of_a_request_begins_when_it_is_sent() {
    let mut sim = Sim::asking();
    sim.advance(9_999);
    sim.give("1");
    sim.advance(9_999);
    assert_eq!((sim.kinds(), errors(&sim)), (vec!["handshake"], vec![]));
    sim.advance(1);
    assert_eq!(errors(&sim), [Error::Timeout { after_ms: 10_000 }]);
}

#[test]
fn s8_a_header_that_cannot_be_sent_is_named_without_its_value() {
    for (name, value, named) in [
        ("X-Key", "s3cret\r\nX-Evil: 1", "\"X-Key\": the header's value"),
        ("X-Key", "s3cret\u{100}", "\"X-Key\": the header's value"),
        ("X Key", "s3cret", "\"X Key\": the header's name"),
        ("X\nKey", "s3cret", "\"X\\nKey\": the header's name"),
        ("", "s3cret", "\"\": the header's name"),
        ("cookie", "s3cret", "\"cookie\": give name=value pairs"),
        ("Cookie", "a=s3cret\t\u{1}", "\"Cookie\": a control character"),
    ] {
        let mut sim = Sim::asking();
        sim.give_headers(&[("X-Good", "1"), (name, value)]);
        let told = format!("{:?}", errors(&sim));
        assert!(
            matches!(errors(&sim).as_slice(), [Error::HeadersFailed(words)] if words.starts_with(named)),
            "{told}"
        );
        assert!(!told.contains("s3cret") && !sim.log.join("\n").contains("s3cret"), "{told}");
        // It may be better the next time.
        sim.until_asked();
        sim.give("2");
        assert_eq!(sim.kinds(), ["handshake"]);
    }
}

#[test]
fn x2_an_answer_is_not_shown_and_a_token_in_a_reason_is_taken_out() {
    let headers = [("X-Key".to_owned(), "s3cret".to_owned())];
    let input = Input::Headers { request: 1, answer: Ok(&headers) };
    assert_eq!(format!("{input:?}"), "Headers { request: 1, answer: Ok(1) }");
    let mut sim = Sim::salesforce_with(|config| config.asks_headers = true);
    sim.token();
    sim.refuse_headers("refused: token-1");
    assert_eq!(errors(&sim), [failed("refused: [token]")]);
}

#[test]
fn s16_a_close_while_headers_are_awaited_asks_for_those_of_the_disconnect() {
    let mut sim = Sim::asking_connected();
    sim.poll(CONNECTED);
    sim.publish(1, "/a");
    let late: Vec<u32> = sim.header_asks.drain(..).collect();
    assert_eq!(late.len(), 2);
    sim.close();
    assert_eq!((sim.error(1), sim.header_asks.len()), (&Error::Closed, 1));
    for request in late {
        sim.answer_headers(request, &[("X-N", "late")]);
    }
    assert_eq!(sim.kinds(), [""; 0]);
    sim.give("4");
    assert_eq!((sim.kinds(), number(&sim, "disconnect").as_deref()), (vec!["disconnect"], Some("4")));
    sim.answer("disconnect", "[]");
    assert_eq!((sim.now, &sim.closed), (0, &Some(None)));
}

#[test]
fn s16_a_close_takes_2_s_where_headers_never_come_and_none_where_they_are_refused() {
    let mut sim = Sim::asking_connected();
    sim.close();
    sim.advance(1_999);
    assert_eq!(sim.closed, None);
    sim.advance(1);
    assert_eq!((&sim.closed, sim.count("disconnect")), (&Some(None), 0));

    let mut sim = Sim::asking_connected();
    sim.close();
    sim.refuse_headers("no");
    assert_eq!((&sim.closed, sim.now, errors(&sim)), (&Some(None), 0, vec![]));

    // Nothing is owed before there is a session.
    let mut sim = Sim::asking();
    sim.close();
    assert_eq!((&sim.closed, sim.error(0)), (&Some(None), &Error::Closed));
}

#[test]
fn r7d_an_old_session_is_disconnected_with_headers_of_its_own_for_at_most_1_s() {
    let lost = |answer: &dyn Fn(&mut Sim)| {
        let mut sim = Sim::asking_with(|config| config.replay = true);
        sim.give("1");
        sim.shake();
        sim.give("2");
        sim.poll(CONNECTED);
        sim.give("3");
        sim.follow(1, A, Start::New);
        sim.load(A, Some("10"));
        sim.give("4");
        sim.confirm();
        sim.poll(CONNECTED);
        sim.give("5");
        sim.fail("connect");
        assert_eq!((sim.kinds(), sim.header_asks.len()), (vec![""; 0], 1));
        answer(&mut sim);
        sim
    };
    let sim = lost(&|sim| sim.give("6"));
    assert_eq!(number(&sim, "disconnect").as_deref(), Some("6"));
    let late = |sim: &mut Sim| {
        sim.header_asks.clear();
        sim.advance(1_000);
    };
    let answers: [&dyn Fn(&mut Sim); 2] = [&|sim| sim.refuse_headers("no"), &late];
    for answer in answers {
        let mut sim = lost(answer);
        sim.give("7");
        assert_eq!((sim.kinds(), number(&sim, "handshake").as_deref()), (vec!["handshake"], Some("7")));
    }
}

#[test]
fn d2_a_paused_client_asks_for_no_headers_and_asks_anew_when_it_goes_on() {
    let mut sim = Sim::asking_connected();
    sim.poll(CONNECTED);
    let late = sim.header_asks.remove(0);
    sim.pause_now();
    sim.answer_headers(late, &[("X-N", "late")]);
    sim.is_quiet();
    assert!(sim.header_asks.is_empty());
    sim.drain_for(801, None, 60_000);
    sim.give("5");
    assert_eq!(number(&sim, "connect").as_deref(), Some("5"));
}

#[test]
fn x1_headers_asked_for_at_one_instance_do_not_go_to_the_next() {
    let mut sim = Sim::salesforce_with(|config| config.asks_headers = true);
    sim.token_at(EAST);
    sim.give("1");
    sim.shake();
    let late = sim.header_asks.remove(0);
    // Meanwhile another request was refused, and the instance has moved.
    sim.input(Input::TokenRefused { number: 1 });
    sim.token_at(WEST);
    sim.answer_headers(late, &[("X-N", "east")]);
    sim.give("6");
    assert_eq!((sim.kinds(), sim.request("disconnect").url()), (vec!["disconnect"], EAST));
    sim.answer("disconnect", "[]");
    sim.give("7");
    assert_eq!((sim.kinds(), sim.request("handshake").url()), (vec!["handshake"], WEST));
    let sent: Vec<Option<&str>> = sim
        .sent
        .iter()
        .map(|request| request.headers().iter().find(|(name, _)| name == "X-N").map(|(_, n)| n.as_str()))
        .collect();
    assert_eq!(sent, [Some("1"), Some("6"), Some("7")]);
}

#[test]
fn x1_headers_of_a_first_handshake_do_not_go_to_another_instance() {
    let mut sim = Sim::salesforce_with(|config| config.asks_headers = true);
    sim.token_at(EAST);
    let late = sim.header_asks.remove(0);
    sim.input(Input::TokenRefused { number: 1 });
    sim.token_at(WEST);
    sim.answer_headers(late, &[("X-N", "east")]);
    assert_eq!(sim.kinds(), [""; 0]);
    sim.give("2");
    assert_eq!((sim.request("handshake").url(), number(&sim, "handshake").as_deref()), (WEST, Some("2")));
}

#[test]
fn s10_a_token_goes_before_an_authorization_header_that_is_given() {
    let mut sim = Sim::salesforce_with(|config| config.asks_headers = true);
    assert!(sim.header_asks.is_empty());
    sim.token();
    sim.give_headers(&[("authorization", "Basic eDp5")]);
    let request = sim.request("handshake");
    let own = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("authorization");
    let own: Vec<_> = request.headers().iter().filter(own).map(|(_, value)| value.as_str()).collect();
    assert_eq!(own, ["Bearer token-1"]);
}
