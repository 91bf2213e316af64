//! The application ends a back-off, and nothing else: S8, S8a.

use cometd_edge::replay::Start;
use cometd_edge::session::{Command, Input};

use crate::sim::*;

impl Sim {
    fn retry_now(&mut self) {
        self.command(Command::RetryNow);
    }

    /// Fails requests of this kind until the next one waits for 5 s or more.
    fn fail_long(&mut self, kind: &str) {
        loop {
            self.until_open(kind);
            self.fail(kind);
            if self.try_open(kind).is_none() && self.wake.expect("a deadline") >= self.now + 5_000 {
                return;
            }
        }
    }
}

#[test]
fn s8_a_back_off_of_polls_ends_and_the_next_one_begins_short_again() {
    let mut sim = Sim::connected();
    sim.fail_long("connect");
    sim.advance(1_000);
    assert!(sim.try_open("connect").is_none());
    sim.retry_now();
    assert_eq!(sim.kinds(), ["connect"]);
    sim.fail("connect");
    assert!(sim.until_open("connect") <= 3_000);
}

#[test]
fn s8_a_back_off_of_handshakes_ends() {
    let mut sim = Sim::new();
    sim.fail_long("handshake");
    sim.advance(1_000);
    sim.retry_now();
    assert_eq!(sim.kinds(), ["handshake"]);
}

#[test]
fn s8_retry_now_does_not_shorten_the_first_wait_however_often_it_is_said() {
    let mut sim = Sim::connected();
    sim.fail_long("connect");
    for _ in 0..100 {
        sim.retry_now();
    }
    assert_eq!(sim.kinds(), [""; 0]);
    assert_eq!(sim.until_open("connect"), 1_000);
    // Nor does it where each failure is answered with it.
    let from = sim.now;
    for _ in 0..10 {
        sim.fail("connect");
        sim.retry_now();
        sim.until_open("connect");
    }
    assert_eq!(sim.now - from, 10_000);
}

#[test]
fn s8a_retry_now_makes_no_storm_of_handshakes() {
    let mut sim = Sim::new();
    let mut handshakes = 0;
    for _ in 0..60 {
        while sim.try_open("handshake").is_some() {
            handshakes += 1;
            sim.answer("handshake", &refused_handshake());
        }
        sim.advance(999);
        sim.retry_now();
    }
    assert!((9..=10).contains(&handshakes), "{handshakes}");
}

/// The negotiation goes on.
fn refused_handshake() -> String {
    let advice = r#""advice":{"reconnect":"handshake"}"#;
    format!(r#"[{{"channel":"/meta/handshake","successful":false,"error":"500::x",{advice}}}]"#)
}

#[test]
fn s6_retry_now_does_not_end_an_advised_interval() {
    // An interval, after a poll that succeeded and one that did not.
    let mut sim = Sim::connected();
    sim.poll(&advised(r#"{"reconnect":"retry","interval":20000}"#));
    sim.retry_now();
    assert_eq!(sim.until_open("connect"), 20_000);
    sim.poll(&refused("500::x", r#","advice":{"reconnect":"retry","interval":20000}"#));
    sim.retry_now();
    assert_eq!(sim.until_open("connect"), 20_000);
    // And one that a new handshake is told.
    let mut sim = Sim::new();
    sim.fail("handshake");
    let advice =
        r#"[{"channel":"/meta/handshake","successful":true,"clientId":"c","advice":{"interval":7000}}]"#;
    sim.answer("handshake", advice);
    sim.retry_now();
    assert_eq!(sim.until_open("connect"), 7_000);
}

#[test]
fn s8_retry_now_does_not_end_a_retry_after() {
    let mut sim = Sim::connected();
    let id = sim.request("connect").id();
    sim.head_with(id, 503, &[("Retry-After", "40")]);
    sim.retry_now();
    assert_eq!(sim.until_open("connect"), 40_000);
}

#[test]
fn s8_a_back_off_of_commands_ends() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    loop {
        sim.until_open("commands");
        sim.answer_status("commands", 503);
        let next = sim.retries().last().expect("a retry").1;
        if next >= 5_000 {
            break;
        }
    }
    sim.advance(1_000);
    assert!(sim.try_open("commands").is_none());
    sim.retry_now();
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
}

#[test]
fn s8_a_back_off_of_one_subscription_ends_but_not_the_pause_of_a_limit() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    loop {
        sim.until_open("commands");
        sim.refuse(BUSY, "");
        if sim.retries().last().expect("a retry").1 >= 5_000 {
            break;
        }
    }
    sim.advance(1_000);
    sim.retry_now();
    assert_eq!(topics(&sim.request("commands")), ["/a"]);
    sim.refuse("403::Organization total events daily limit exceeded", "");
    let delay = sim.retries().last().expect("a retry").1;
    sim.retry_now();
    assert_eq!(sim.until_open("commands"), delay);
}

#[test]
fn s8_a_back_off_of_logins_ends() {
    let mut sim = Sim::salesforce();
    let fail = |sim: &mut Sim| {
        sim.tokens = sim.asked.len() as u32;
        sim.input(Input::TokenFailed { message: "no route", retryable: true });
    };
    loop {
        while sim.asked.len() == sim.tokens as usize {
            sim.wait();
        }
        fail(&mut sim);
        if sim.retries().last().expect("a retry").1 >= 5_000 {
            break;
        }
    }
    let asked = sim.asked.len();
    sim.advance(1_000);
    assert_eq!(sim.asked.len(), asked);
    sim.retry_now();
    assert_eq!(sim.asked.len(), asked + 1);
}

#[test]
fn r5_a_back_off_of_the_store_ends() {
    let mut sim = Sim::connected_with(|config| config.replay = true);
    sim.follow(1, A, Start::New);
    for _ in 0..4 {
        while sim.loads.is_empty() {
            sim.wait();
        }
        sim.load_answer(A, Err(("out of order", false)));
    }
    sim.advance(1_000);
    sim.retry_now();
    assert_eq!(sim.loads.len(), 1);
    sim.load(A, Some("10"));
    sim.confirm();
    sim.poll(CONNECTED);
    arrive(&mut sim, &["11"]);
    done(&mut sim, 1, "11");
    for _ in 0..4 {
        while sim.saves.is_empty() {
            sim.wait();
        }
        sim.save_answer(A, Some("out of order"));
    }
    sim.advance(1_000);
    sim.retry_now();
    assert_eq!(saved(&mut sim), "11");
}

#[test]
fn s8_retry_now_does_nothing_where_nothing_waits() {
    let mut sim = Sim::subscribed(&["/a"]);
    let before = sim.log.len();
    sim.retry_now();
    assert_eq!(sim.log.len(), before);
    sim.hide();
    sim.retry_now();
    sim.is_quiet();
    let mut sim = Sim::connected();
    sim.pause_now();
    sim.retry_now();
    sim.is_quiet();
}
