//! A server that does not know the client says so by its advice, on a reply to whatever was sent: S5, S9.

use cometd_edge::session::{Command, GapCause, State};

use crate::sim::*;

const HANDSHAKE: &str = r#","advice":{"reconnect":"handshake"}"#;
/// What says nothing by itself.
const WORDS: [&str; 4] = ["invalid clientId", "session expired", "403::denied", "400::Bad request"];

/// The same in a message that has no channel.
fn bare(more: &str) -> String {
    format!(r#"[{{"error":"invalid clientId"{more}{HANDSHAKE}}}]"#)
}

#[test]
fn s5_handshake_advice_on_a_refused_subscribe_starts_a_new_session() {
    for words in WORDS {
        let mut sim = Sim::subscribed(&["/a"]);
        let poll = sim.request("connect").id();
        sim.subscribe(2, &["/b"]);
        sim.refuse(words, HANDSHAKE);
        assert_eq!((sim.aborted.clone(), sim.kinds()), (vec![poll], vec!["handshake"]), "{words}");
        // That session is not known, so there is nothing to disconnect.
        assert_eq!((sim.count("disconnect"), sim.result(2)), (0, None));
        assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::SessionLost)]);
        sim.answer("handshake", &handshake("client-2", ""));
        assert_eq!(topics(&sim.request("commands")), ["/a", "/b"]);
        sim.confirm();
        sim.ok(2);
        sim.poll(&with_events(&events("/b", [1])));
        assert_eq!(sim.data(), ["1"]);
    }
}

#[test]
fn s5_the_same_refusal_in_the_session_after_that_is_final() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.subscribe(2, &["/b"]);
    sim.refuse("invalid clientId", HANDSHAKE);
    sim.answer("handshake", &handshake("client-2", ""));
    let replies: Vec<String> = messages(&sim.request("commands"))
        .iter()
        .map(|message| {
            let refused = message["subscription"] == "/b";
            let text = reply_to(message, !refused).to_string();
            if refused { format!("{}{HANDSHAKE}}}", text.trim_end_matches('}')) } else { text }
        })
        .collect();
    sim.answer("commands", &format!("[{}]", replies.join(",")));
    assert_eq!(sim.error(2).code(), "subscribe-refused");
    assert_eq!((sim.count("handshake"), sim.kinds()), (2, vec!["connect"]));
    assert!(sim.ended.is_empty());
}

#[test]
fn s5_each_session_after_a_success_has_its_own_first_time() {
    let mut sim = Sim::subscribed(&["/a"]);
    for _ in 0..3 {
        sim.poll(CONNECTED);
        sim.poll(&refused(UNKNOWN, ""));
        sim.new_session();
        sim.refuse("invalid clientId", HANDSHAKE);
        sim.new_session();
        sim.confirm();
    }
    assert!(sim.ended.is_empty());
    assert_eq!(sim.count("handshake"), 7);
}

#[test]
fn s5_handshake_advice_on_an_unsubscribe_starts_a_session_without_the_channel() {
    let mut sim = Sim::subscribed(&["/a", "/b"]);
    sim.unsubscribe(3, 2);
    sim.refuse("invalid clientId", HANDSHAKE);
    sim.ok(3);
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
}

#[test]
fn s5_a_publish_whose_own_reply_advises_a_handshake_is_sent_once_more() {
    for words in WORDS {
        let mut sim = Sim::connected();
        sim.publish(1, "/p");
        sim.refuse(words, HANDSHAKE);
        assert_eq!((sim.kinds(), sim.result(1)), (vec!["handshake"], None), "{words}");
        sim.answer("handshake", &handshake("client-2", ""));
        assert_eq!(only(&sim.request("commands"))["clientId"], "client-2");
        sim.confirm();
        sim.ok(1);
    }
}

#[test]
fn s5_a_publish_refused_twice_with_that_advice_rejects_and_the_session_stays() {
    let mut sim = Sim::connected();
    sim.publish(1, "/p");
    sim.refuse("invalid clientId", HANDSHAKE);
    sim.answer("handshake", &handshake("client-2", ""));
    sim.refuse("invalid clientId", HANDSHAKE);
    assert_eq!(sim.error(1).code(), "publish-refused");
    assert_eq!((sim.count("handshake"), sim.kinds()), (2, vec!["connect"]));
}

#[test]
fn s5_a_send_gets_its_reply_and_a_new_session_begins() {
    let mut sim = Sim::connected();
    let raw = [r#"{"channel":"/r","data":1}"#.to_owned()];
    sim.command(Command::Send { command: 1, messages: &raw });
    sim.refuse("invalid clientId", HANDSHAKE);
    assert!(sim.ok(1)[0].contains("invalid clientId"));
    assert_eq!(sim.kinds(), ["handshake"]);
}

#[test]
fn s5_advice_on_a_message_without_channel_is_for_the_whole_request() {
    for more in ["", r#","successful":false"#] {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.queue(Command::Publish { command: 2, channel: "/p", data: "1" }).expect("fine");
        let raw = [r#"{"channel":"/r","data":1}"#.to_owned()];
        sim.queue(Command::Send { command: 3, messages: &raw }).expect("fine");
        sim.subscribe(4, &["/b"]);
        sim.answer("commands", &bare(more));
        // Which of them were processed is not said.
        assert_eq!(sim.error(2).code(), "outcome-unknown", "{more}");
        assert_eq!(sim.error(3).code(), "outcome-unknown", "{more}");
        assert_eq!((sim.kinds(), sim.result(4)), (vec!["handshake"], None));
        sim.answer("handshake", &handshake("client-2", ""));
        assert_eq!(topics(&sim.request("commands")), ["/a", "/b"]);
        sim.confirm();
        sim.ok(4);
    }
}

#[test]
fn s5_a_publish_keeps_its_own_reply_beside_a_message_without_channel() {
    for first in [true, false] {
        let mut sim = Sim::connected();
        sim.queue(Command::Publish { command: 1, channel: "/p", data: "1" }).expect("fine");
        sim.queue(Command::Publish { command: 2, channel: "/q", data: "1" }).expect("fine");
        sim.drain();
        let own = reply_to(&messages(&sim.request("commands"))[1], true).to_string();
        let bare = bare("");
        let bare = bare.trim_matches(['[', ']']);
        let body = if first { format!("[{bare},{own}]") } else { format!("[{own},{bare}]") };
        sim.answer("commands", &body);
        assert_eq!((sim.error(1).code(), sim.ok(2).len()), ("outcome-unknown", 1));
        assert_eq!(sim.kinds(), ["handshake"]);
    }
}

#[test]
fn s5_a_subscribe_twice_answered_with_advice_but_no_channel_is_refused() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.answer("commands", &bare(""));
    sim.answer("handshake", &handshake("client-2", ""));
    sim.answer("commands", &bare(""));
    assert_eq!(sim.error(1).code(), "subscribe-refused");
    assert_eq!((sim.count("handshake"), sim.kinds()), (2, vec!["connect"]));
}

#[test]
fn s5_the_body_is_read_to_its_end_first_and_a_cut_changes_nothing() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.subscribe(2, &["/b"]);
    let reply = format!(
        r#"{{"channel":"/meta/subscribe","subscription":"/b","successful":false,"error":"x"{HANDSHAKE}}}"#
    );
    let id = sim.begin("commands", &format!("[{reply}"));
    assert_eq!(sim.kinds(), ["connect", "commands"]);
    sim.fail_id(id);
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(topics(&sim.request("commands")), ["/a", "/b"]);
}

#[test]
fn s5_handshake_advice_on_a_reply_that_succeeded_is_not_acted_on() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    sim.publish(2, "/p");
    let reply = r#"[{"channel":"/meta/subscribe","subscription":"/a","successful":true,"advice":{"reconnect":"handshake"}}]"#;
    sim.answer("commands", reply);
    sim.answer("commands", &format!(r#"[{{"successful":true{HANDSHAKE}}}]"#));
    sim.ok(1);
    sim.ok(2);
    assert_eq!((sim.kinds(), sim.states.last()), (vec!["connect"], Some(&State::Connected)));
}

#[test]
fn s5_a_late_reply_to_an_old_session_does_not_hurt_the_new_one() {
    for (body, code) in [(None, None), (Some(bare("")), Some("outcome-unknown"))] {
        let mut sim = Sim::subscribed(&["/a"]);
        sim.publish(2, "/p");
        sim.poll(&refused(UNKNOWN, ""));
        sim.answer("handshake", &handshake("client-2", ""));
        match body {
            Some(body) => sim.answer("commands", &body),
            None => sim.refuse("invalid clientId", HANDSHAKE),
        }
        assert_eq!((sim.count("handshake"), sim.kinds()), (2, vec!["connect", "commands"]));
        sim.confirm();
        match code {
            Some(code) => assert_eq!(sim.error(2).code(), code),
            // Its own reply said so, hence it went out once more.
            None => assert_eq!(sim.ok(2).len(), 1),
        }
    }
}

#[test]
fn s9_a_service_subscription_is_named_by_a_gap_like_the_others() {
    let gap = |cause| vec![("/a".to_owned(), cause), ("/service/echo".to_owned(), cause)];
    let lose: [(&Deed, GapCause); 5] = [
        (&|sim| sim.poll(&refused(UNKNOWN, "")), GapCause::SessionLost),
        (&|sim| sim.poll(&refused("403::Unknown client", "")), GapCause::SessionLost),
        (&|sim| sim.poll(&advised(r#"{"reconnect":"handshake"}"#)), GapCause::SessionLost),
        (&|sim| sim.fail("connect"), GapCause::ResponseLost),
        (&|sim| sim.pause_now(), GapCause::ResponseLost),
    ];
    for (lose, cause) in lose {
        let mut sim = Sim::subscribed(&["/a", "/service/echo"]);
        lose(&mut sim);
        assert_eq!(sim.gaps(), gap(cause));
    }
}

#[test]
fn s9_a_service_subscription_goes_on_in_the_next_session_and_is_never_sent() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/service/echo", "/service/**"]);
    assert_eq!((sim.ok(1).len(), sim.kinds()), (0, vec!["connect"]));
    sim.poll(&refused(UNKNOWN, ""));
    sim.shake();
    assert_eq!(sim.kinds(), ["connect"]);
    sim.poll(&with_events(&events("/service/echo", [1])));
    assert_eq!(sim.data(), ["1"]);
    sim.unsubscribe(2, 1);
    assert_eq!((sim.ok(2).len(), sim.kinds()), (0, vec!["connect"]));
    // Nobody has it any more.
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.gaps().len(), 2);
}

#[test]
fn s9_a_service_subscription_that_was_suspended_is_named_when_its_session_is_gone() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/service/echo"]);
    sim.poll(&advised(r#"{"reconnect":"retry","interval":5000}"#));
    let mut sim = Sim::resumed(&sim.snapshot());
    sim.subscribe(1, &["/service/echo"]);
    assert_eq!((sim.ok(1).len(), sim.gaps()), (0, vec![]));
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.gaps(), [("/service/echo".to_owned(), GapCause::SessionLost)]);
}

#[test]
fn s5_handshake_advice_repeated_in_the_same_session_is_no_refusal() {
    let own_words = format!(r#"{{"error":"invalid clientId","successful":false{HANDSHAKE}}}"#);
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    let id = sim.request("commands").id();
    sim.head(id, 200);
    sim.chunk(id, &format!("[{own_words},"));
    // A pause cuts the body off, and then the session goes on.
    sim.pause_now();
    sim.advance(HOUR_MS);
    sim.drain_for(801, None, HOUR_MS);
    sim.answer("commands", &format!("[{own_words},{own_words}]"));
    assert_eq!(sim.kinds(), ["handshake"]);
    sim.shake();
    sim.confirm();
    assert_eq!(sim.ok(1).len(), 1);
}
