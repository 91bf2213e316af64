//! The disconnect that is owed to a session that was replaced: R7d.

use cometd_edge::replay::Start;
use cometd_edge::session::State;

use crate::sim::*;

/// A session whose cookies are known, with a parked poll.
fn with_cookies() -> Sim {
    let mut sim = Sim::with(|config| config.replay = true);
    let id = sim.request("handshake").id();
    sim.head_with(id, 200, &[("Set-Cookie", "BAYEUX_BROWSER=old")]);
    sim.chunk(id, &handshake("client-1", ""));
    sim.end(id);
    sim.poll(CONNECTED);
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    sim
}

#[test]
fn r7d_the_old_session_is_disconnected_first_and_its_cookies_go_with_it() {
    let mut sim = with_cookies();
    sim.fail("connect");
    assert_eq!(sim.kinds(), ["disconnect"]);
    assert_eq!(only(&sim.request("disconnect"))["clientId"], "client-1");
    assert_eq!(sim.header("disconnect", "Cookie").as_deref(), Some("BAYEUX_BROWSER=old"));
    let id = sim.request("disconnect").id();
    sim.head_with(id, 200, &[("Set-Cookie", "BAYEUX_BROWSER=late")]);
    sim.chunk(id, "[]");
    sim.end(id);
    assert_eq!((sim.kinds(), sim.header("handshake", "Cookie")), (vec!["handshake"], None));
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(sim.header("connect", "Cookie"), None);
}

#[test]
fn r7d_where_the_browser_keeps_cookies_there_are_none_to_leave() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.own_cookies = false;
    });
    sim.follow(1, A, Start::New);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.fail("connect");
    assert_eq!((sim.kinds(), sim.header("disconnect", "Cookie")), (vec!["disconnect"], None));
}

#[test]
fn r7d_the_disconnect_has_1_s() {
    let mut sim = following();
    sim.fail("connect");
    let disconnect = sim.request("disconnect").id();
    sim.advance(400);
    // Its head does not give it more.
    sim.head(disconnect, 200);
    sim.chunk(disconnect, "[");
    sim.advance(599);
    assert_eq!(sim.kinds(), ["disconnect"]);
    sim.advance(1);
    assert_eq!((sim.kinds(), sim.aborted.contains(&disconnect)), (vec!["handshake"], true));
}

#[test]
fn r7d_whatever_the_disconnect_is_answered_the_new_session_begins() {
    let answer: [&dyn Fn(&mut Sim); 6] = [
        &|sim| sim.fail("disconnect"),
        &|sim| sim.answer("disconnect", ""),
        &|sim| sim.answer("disconnect", "<html>"),
        &|sim| sim.answer_status("disconnect", 401),
        &|sim| sim.answer_status("disconnect", 503),
        &|sim| {
            let body = r#"[{"channel":"/meta/disconnect","successful":false,"error":"402::Unknown client","advice":{"reconnect":"none"}}]"#;
            sim.answer("disconnect", body)
        },
    ];
    for answer in answer {
        let mut sim = following();
        sim.fail("connect");
        answer(&mut sim);
        assert_eq!((sim.kinds(), &sim.closed), (vec!["handshake"], &None));
        sim.new_session();
        assert_eq!(sim.from(), "10");
    }
}

#[test]
fn r7d_late_replies_are_ignored_and_their_events_come_again() {
    let mut sim = following();
    sim.publish(2, "/p");
    sim.fail("connect");
    assert_eq!(sim.kinds(), ["commands", "disconnect"]);
    // On the reply to the disconnect, and on one that was still open.
    let advice =
        r#"{"channel":"/meta/disconnect","successful":true,"advice":{"reconnect":"none","interval":60000}}"#;
    sim.answer("disconnect", &format!("[{}{advice}]", replayed(A, &["11"])));
    let id = sim.request("commands").id();
    sim.head_with(id, 200, &[("Set-Cookie", "late=1")]);
    let reply = reply_to(&only(&sim.request("commands")), true);
    sim.chunk(id, &format!("[{}{reply}]", replayed(A, &["12"])));
    sim.end(id);
    sim.ok(2);
    assert_eq!(sim.ids(), [""; 0]);
    sim.new_session();
    assert_eq!((sim.header("connect", "Cookie"), sim.from()), (None, "10".to_owned()));
    assert_eq!(sim.states.last(), Some(&State::Connected));
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11", "12", "13"]);
    assert_eq!(sim.ids(), ["11", "12", "13"]);
}

#[test]
fn r7d_closing_in_between_lets_the_disconnect_come_to_its_end() {
    let answer = |sim: &mut Sim| sim.answer("disconnect", "[]");
    let hang = |sim: &mut Sim| sim.advance(2_000);
    let end: [&dyn Fn(&mut Sim); 2] = [&answer, &hang];
    for (end, at) in end.into_iter().zip([0, 2_000]) {
        let mut sim = following();
        sim.fail("connect");
        sim.close();
        assert_eq!((sim.kinds(), sim.closed.is_none()), (vec!["disconnect"], true));
        end(&mut sim);
        assert_eq!((sim.count("disconnect"), &sim.closed, sim.now), (1, &Some(None), at));
    }
}

#[test]
fn r7d_closing_before_the_disconnect_could_go_out_sends_it() {
    let mut sim = Sim::logged_in();
    sim.answer_status("connect", 401);
    // It waited for a token.
    assert!(sim.kinds().is_empty());
    sim.close();
    assert_eq!(only(&sim.request("disconnect"))["clientId"], "client-1");
    sim.answer("disconnect", "[]");
    assert_eq!(sim.closed, Some(None));
}
