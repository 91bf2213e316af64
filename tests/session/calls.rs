//! Calls over service channels: an answer is found by channel and id, and every call settles.

use cometd_edge::session::{ApiMisuse, Command, Error};

use crate::sim::*;

const ECHO: &str = "/service/echo";

impl Sim {
    /// Calls, with 10 s to wait.
    fn call(&mut self, command: u32, channel: &str) {
        self.command(Command::Call { command, channel, data: r#"{"q":1}"#, timeout_ms: None });
    }

    /// A call whose message the server has taken in, and its id.
    fn called(&mut self, command: u32, channel: &str) -> String {
        self.call(command, channel);
        let id = sent_id(self);
        self.confirm();
        id
    }
}

/// The id of the only message of the open commands.
fn sent_id(sim: &Sim) -> String {
    only(&sim.request("commands"))["id"].as_str().expect("an id").to_owned()
}

/// An answer, followed by a comma.
fn answer(channel: &str, id: &str, more: &str) -> String {
    format!(r#"{{"channel":"{channel}","id":"{id}"{more}}},"#)
}

fn unknown(channel: &str) -> Error {
    Error::OutcomeUnknown { channel: channel.to_owned() }
}

#[test]
fn a_call_settles_with_the_message_on_its_channel_that_has_its_id() {
    let mut sim = Sim::connected();
    let id = sim.called(1, ECHO);
    assert_eq!(sim.result(1), None);
    sim.poll(&with_events(&answer(ECHO, &id, r#","data":{"a":1}"#)));
    assert!(sim.ok(1)[0].contains(r#""data":{"a":1}"#));
    assert!(sim.wake.is_some_and(|wake| wake > 10_000), "nothing waits for it any more");
}

#[test]
fn an_answer_may_come_on_either_side_of_the_reply_and_be_marked_as_successful() {
    // As CometD's Java server writes it.
    for more in [r#","data":7"#, r#","successful":true,"data":7"#, r#","successful":true,"data":null"#] {
        let mut sim = Sim::connected();
        sim.call(1, ECHO);
        let (id, reply) = (sent_id(&sim), reply_to(&only(&sim.request("commands")), true));
        sim.answer("commands", &format!("[{}{reply}]", answer(ECHO, &id, more)));
        assert!(sim.ok(1)[0].contains(r#""data""#), "{more}");
        let mut sim = Sim::connected();
        sim.call(1, ECHO);
        let (id, reply) = (sent_id(&sim), reply_to(&only(&sim.request("commands")), true));
        let answer = answer(ECHO, &id, more);
        sim.answer("commands", &format!("[{reply},{}]", answer.trim_end_matches(',')));
        assert!(sim.ok(1)[0].contains(r#""data""#), "{more}");
    }
}

#[test]
fn an_answer_goes_to_no_subscription_and_any_other_message_does() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &[ECHO]);
    let id = sim.called(2, ECHO);
    let others = [
        answer(ECHO, "999", r#","data":1"#),
        answer("/service/other", &id, r#","data":2"#),
        format!(r#"{{"channel":"{ECHO}","data":3}},"#),
        answer(ECHO, &id, r#","data":4"#),
        // Nobody waits for a second one.
        answer(ECHO, &id, r#","data":5"#),
    ];
    sim.poll(&with_events(&others.concat()));
    assert_eq!(sim.data(), ["1", "3", "5"]);
    assert!(sim.ok(2)[0].contains(r#""data":4"#));
}

#[test]
fn answers_in_any_order_find_their_calls() {
    let mut sim = Sim::connected();
    let (first, second) = (sim.called(1, ECHO), sim.called(2, ECHO));
    assert_ne!(first, second);
    let both = answer(ECHO, &second, r#","data":2"#) + &answer(ECHO, &first, r#","data":1"#);
    sim.poll(&with_events(&both));
    assert!(sim.ok(1)[0].contains(r#""data":1"#) && sim.ok(2)[0].contains(r#""data":2"#));
}

#[test]
fn a_failure_of_the_service_is_told_from_a_refusal_of_the_server() {
    let mut sim = Sim::connected();
    let id = sim.called(1, ECHO);
    let more = r#","successful":false,"data":{"why":"sold out to client-1"}"#;
    sim.poll(&with_events(&answer(ECHO, &id, more)));
    let error = sim.error(1);
    assert_eq!((error.code(), error.channel()), ("call-failed", Some(ECHO)));
    assert_eq!(error.data(), Some(r#"{"why":"sold out to [client id]"}"#), "X2");
    sim.call(2, ECHO);
    sim.refuse("403::denied", "");
    assert_eq!(sim.error(2).code(), "publish-refused");
    assert_eq!(sim.error(2).data(), None);
}

#[test]
fn a_call_without_an_answer_times_out() {
    let mut sim = Sim::connected();
    sim.called(1, ECHO);
    sim.command(Command::Call { command: 2, channel: ECHO, data: "1", timeout_ms: Some(300) });
    let id = sent_id(&sim);
    sim.confirm();
    sim.advance(300);
    assert_eq!(sim.error(2), &Error::Timeout { after_ms: 300 });
    sim.advance(9_699);
    assert_eq!(sim.result(1), None);
    sim.advance(1);
    assert_eq!(sim.error(1), &Error::Timeout { after_ms: 10_000 });
    // What is late is a message like any other.
    sim.subscribe(3, &[ECHO]);
    sim.poll(&with_events(&answer(ECHO, &id, r#","data":1"#)));
    assert_eq!(sim.data(), ["1"]);
}

#[test]
fn a_late_answer_is_not_taken_for_the_reply_to_another_message() {
    let mut sim = Sim::connected();
    sim.command(Command::Call { command: 1, channel: ECHO, data: "1", timeout_ms: Some(300) });
    let late = sent_id(&sim);
    sim.confirm();
    sim.advance(300);
    sim.publish(2, ECHO);
    sim.call(3, ECHO);
    let reply = reply_to(&only(&sim.request("commands")), true);
    let id = reply["id"].clone();
    sim.answer("commands", &format!("[{}{reply}]", answer(ECHO, &late, r#","successful":false,"data":1"#)));
    assert!(sim.ok(2)[0].contains(&id.to_string()));
    assert_eq!(sim.result(3), None);
}

#[test]
fn a_call_that_was_not_sent_in_time_is_not_sent_later() {
    let mut sim = Sim::new();
    sim.call(1, ECHO);
    sim.publish(2, "/p");
    sim.answer_status("handshake", 503);
    sim.fail("handshake");
    sim.advance(10_000);
    assert_eq!(sim.error(1), &Error::Timeout { after_ms: 10_000 });
    sim.until_open("handshake");
    sim.shake();
    assert_eq!(topics(&sim.request("commands")), ["/p"]);
}

#[test]
fn a_cancelled_call_settles_no_more() {
    let mut sim = Sim::connected();
    // Under way, waiting for its answer, and not sent yet.
    let id = sim.called(1, ECHO);
    sim.call(2, ECHO);
    sim.call(3, "/service/late");
    for command in [1, 2, 3, 77] {
        sim.command(Command::Cancel { command });
    }
    sim.confirm();
    assert!(sim.try_open("commands").is_none(), "the third was not sent");
    sim.poll(&with_events(&answer(ECHO, &id, r#","data":1"#)));
    sim.advance(60_000);
    assert_eq!([1, 2, 3].map(|command| sim.result(command).is_some()), [false; 3]);
}

#[test]
fn r7_a_call_whose_reply_is_lost_may_or_may_not_have_been_processed() {
    let mut sim = Sim::connected();
    sim.call(1, ECHO);
    sim.cut("commands", "[");
    assert_eq!(sim.error(1), &unknown(ECHO));
    assert!(sim.try_open("commands").is_none(), "never sent twice");
}

#[test]
fn r7_a_poll_that_is_lost_may_have_held_the_answer() {
    let mut sim = Sim::connected();
    let first = sim.called(1, ECHO);
    sim.called(2, ECHO);
    sim.cut("connect", "[");
    // It may still come.
    assert_eq!(sim.result(1), None);
    sim.until_open("connect");
    sim.poll(&with_events(&answer(ECHO, &first, r#","data":1"#)));
    sim.ok(1);
    sim.advance(10_000);
    assert_eq!(sim.error(2), &unknown(ECHO));
}

#[test]
fn a1_an_answer_that_was_cut_comes_again_and_one_that_was_given_out_counts_once() {
    for more in [r#","data":9"#, r#","successful":true,"data":9"#] {
        for behind_the_answer in [false, true] {
            let mut sim = Sim::acknowledged();
            sim.subscribe(1, &["/a"]);
            sim.confirm();
            let id = sim.called(2, ECHO);
            let (first, answer, last) = (events("/a", [1]), answer(ECHO, &id, more), events("/a", [2]));
            let arrived = if behind_the_answer { format!("[{first}{answer}") } else { format!("[{first}") };
            sim.cut("connect", &arrived);
            assert_eq!(sim.result(2).is_some(), behind_the_answer);
            sim.until_open("connect");
            sim.poll(&poll_reply(&[first, answer, last].concat(), 2));
            sim.ok(2);
            assert_eq!(sim.data(), ["1", "2"], "{more} {behind_the_answer}");
        }
    }
}

#[test]
fn s9_a_lost_session_takes_the_answers_along_but_not_what_was_not_processed() {
    let mut sim = Sim::connected();
    sim.called(1, ECHO);
    sim.call(2, ECHO);
    sim.refuse(UNKNOWN, r#","advice":{"reconnect":"handshake"}"#);
    assert_eq!(sim.error(1), &unknown(ECHO));
    assert_eq!(sim.result(2), None);
    sim.shake();
    let id = sent_id(&sim);
    sim.confirm();
    sim.poll(&with_events(&answer(ECHO, &id, r#","data":1"#)));
    sim.ok(2);
}

#[test]
fn s9_a_call_accepted_by_a_session_that_is_gone_by_then_has_no_answer() {
    let mut sim = Sim::connected();
    sim.call(1, ECHO);
    sim.poll(&refused(UNKNOWN, r#","advice":{"reconnect":"handshake"}"#));
    assert_eq!(sim.result(1), None, "it may still be answered");
    sim.confirm();
    assert_eq!(sim.error(1), &unknown(ECHO));
}

#[test]
fn s16_closing_settles_calls_at_once() {
    let mut sim = Sim::connected();
    sim.called(1, ECHO);
    sim.call(2, ECHO);
    sim.call(3, ECHO);
    sim.close();
    for command in [1, 2, 3] {
        assert_eq!(sim.error(command), &Error::Closed);
    }
    sim.confirm();
    sim.answer("disconnect", "[]");
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn d2_pausing_settles_calls() {
    let mut sim = Sim::connected();
    sim.called(1, ECHO);
    sim.call(2, ECHO);
    sim.call(3, ECHO);
    sim.pause_now();
    assert_eq!(sim.error(3).code(), "suspended");
    sim.advance(1_000);
    assert_eq!([sim.error(1), sim.error(2)], [&unknown(ECHO); 2]);
    let call = Command::Call { command: 4, channel: ECHO, data: "1", timeout_ms: None };
    assert_eq!(sim.queue(call), Err(ApiMisuse::Suspended));
}

#[test]
fn r7a_a_call_times_out_while_its_page_is_hidden() {
    let mut sim = Sim::connected();
    sim.called(1, ECHO);
    sim.hide();
    sim.advance(10_000);
    assert_eq!(sim.error(1), &unknown(ECHO));
}

#[test]
fn r8_a_call_in_a_loop_that_does_not_read_does_not_wait_for_ever() {
    let mut sim = Sim::connected_with(|config| config.limits.queued_events = 1);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    sim.poll(&with_events(&events("/a", [1, 2])));
    sim.call(2, ECHO);
    sim.advance(10_000);
    assert!(sim.result(2).is_some_and(|result| result.is_err()));
}

#[test]
fn s17_a_resumed_client_takes_no_answer_to_the_earlier_one_for_its_own() {
    let mut sim = Sim::connected_with(|config| config.unix_ms_at_zero = FIRST);
    let before = sim.called(1, ECHO);
    let mut sim = Sim::resumed_with(&sim.snapshot(), |config| config.unix_ms_at_zero = SECOND);
    sim.poll(CONNECTED);
    let id = sim.called(1, ECHO);
    assert_ne!(before, id);
}

#[test]
fn calls_that_make_no_sense_are_misuse() {
    let mut sim = Sim::connected();
    let mut call =
        |channel: &str, data: &str| sim.queue(Command::Call { command: 1, channel, data, timeout_ms: None });
    for channel in ["/echo", "/services/echo", "/service"] {
        assert_eq!(call(channel, "1"), Err(ApiMisuse::NotService(channel.to_owned())));
    }
    assert!(matches!(call("/service/*", "1"), Err(ApiMisuse::Channel { .. })));
    assert!(matches!(call("service/echo", "1"), Err(ApiMisuse::Channel { .. })));
    assert_eq!(call(ECHO, "{"), Err(ApiMisuse::NotJson("call")));
    sim.close();
    let call = Command::Call { command: 1, channel: ECHO, data: "1", timeout_ms: None };
    assert_eq!(sim.queue(call), Err(ApiMisuse::Closed));
}
