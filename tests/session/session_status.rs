//! What is told of each session at the server: its status, and its client id.

use crate::sim::*;

impl Sim {
    fn client_id(&self) -> Option<String> {
        self.session.client_id().map(|id| id.into_owned())
    }
}

#[test]
fn each_new_session_is_told_once_and_its_client_id_known_while_it_lasts() {
    let mut sim = Sim::new();
    assert_eq!((sim.sessions.len(), sim.client_id()), (0, None));
    sim.shake();
    assert_eq!(sim.sessions, [false]);
    assert_eq!(sim.client_id().as_deref(), Some("client-1"));
    sim.poll(CONNECTED);
    sim.poll(CONNECTED);
    assert_eq!(sim.sessions, [false]);
    sim.poll(&refused(UNKNOWN, ""));
    assert_eq!(sim.client_id(), None);
    sim.answer("handshake", &handshake("client-2", ""));
    assert_eq!(sim.sessions, [false, false]);
    assert_eq!(sim.client_id().as_deref(), Some("client-2"));
    sim.close();
    assert_eq!(sim.client_id(), None);
}

#[test]
fn a_client_id_is_given_as_text() {
    for (token, text) in [(r#""a\"b""#, "a\"b"), ("12345678901234567890", "12345678901234567890")] {
        let mut sim = Sim::new();
        let reply = format!(r#"[{{"channel":"/meta/handshake","successful":true,"clientId":{token}}}]"#);
        sim.answer("handshake", &reply);
        assert_eq!(sim.client_id().as_deref(), Some(text));
    }
}

#[test]
fn s17_a_session_that_goes_on_is_told_once_its_first_poll_has_succeeded() {
    let mut sim = Sim::resumed(&snapshot_of(&["/a"]));
    assert_eq!(sim.client_id().as_deref(), Some("client-1"));
    sim.fail("connect");
    sim.until_open("connect");
    assert_eq!(sim.sessions, [false; 0]);
    sim.poll(CONNECTED);
    assert_eq!(sim.sessions, [true]);
    sim.poll(CONNECTED);
    assert_eq!(sim.sessions, [true]);
}

#[test]
fn s17_where_the_resumed_session_is_gone_only_the_new_one_is_told() {
    let mut sim = Sim::resumed(&snapshot_of(&["/a"]));
    sim.poll(&refused(UNKNOWN, ""));
    sim.shake();
    sim.poll(CONNECTED);
    assert_eq!(sim.sessions, [false]);
}

#[test]
fn a_handshake_that_makes_no_session_tells_of_none() {
    for more in [r#","advice":{"reconnect":"handshake"}"#, r#","advice":{"reconnect":"none"}"#] {
        let mut sim = Sim::new();
        let reply = format!(r#"[{{"channel":"/meta/handshake","successful":true,"clientId":"c"{more}}}]"#);
        sim.answer("handshake", &reply);
        assert_eq!(sim.sessions, [false; 0], "{more}");
    }
}
