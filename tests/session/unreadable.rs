//! Events that are too large, and what cannot be decoded: X3.

use cometd_edge::replay::Start;
use cometd_edge::session::{Error, State};

use crate::sim::*;

#[test]
fn x3_an_event_too_large_ends_its_subscription_and_the_position_stays_before_it() {
    let mut sim = Sim::connected_with(|config| {
        config.replay = true;
        config.limits.message_bytes = 300;
    });
    sim.follow(1, A, Start::New);
    sim.follow(2, B, Start::New);
    sim.load(A, Some("10"));
    sim.load(B, None);
    while sim.try_open("commands").is_some() {
        sim.confirm();
    }
    sim.poll(CONNECTED);
    let large = format!(
        r#"{{"channel":"{A}","data":{{"event":{{"replayId":12}},"payload":"{}"}}}},"#,
        "x".repeat(400)
    );
    sim.poll(&with_events(
        &[replayed(A, &["11"]), large, replayed(A, &["13"]), replayed(B, &["1"])].concat(),
    ));
    assert_eq!(sim.ended.len(), 1);
    let Some(Error::EventTooLarge { channel, replay_id }) = &sim.ended[0].1 else {
        panic!("{:?}", sim.ended)
    };
    assert_eq!((channel.as_str(), replay_id.as_deref()), (A, Some("12")));
    // 13 is not given out, and the others go on.
    assert_eq!((sim.ids_of(1), sim.ids_of(2)), (vec!["11".to_owned()], vec!["1".to_owned()]));
    sim.done(1, 1);
    assert_eq!(sim.save(A), "11");
    done(&mut sim, 2, "1");
    assert_eq!(sim.save(B), "1");
    // Whoever subscribes again gets there again.
    sim.confirm();
    sim.follow(3, A, Start::New);
    sim.new_session();
    assert!(sim.request("commands").body().contains(r#"{"/event/A__e":11}"#));
}

#[test]
fn x3_what_cannot_be_decoded_at_the_same_position_three_times_ends_the_client() {
    let mut sim = following();
    let mut rounds = 0;
    loop {
        // Some of what is left over comes each time, and it is known.
        sim.answer("connect", &format!("[{}{{\"channel\":nonsense}}]", replayed(A, &["11"])));
        rounds += 1;
        if sim.session.state() == State::Closed {
            break;
        }
        sim.new_session();
        assert_eq!(sim.from(), "11");
        sim.confirm();
        sim.poll(CONNECTED);
    }
    sim.advance(2_000);
    assert_eq!((rounds, sim.closed_with().code()), (3, "protocol"));
    assert_eq!(sim.ids(), ["11"]);
}

#[test]
fn x3_progress_in_between_starts_the_count_anew() {
    let mut sim = following();
    for round in 0..8_u32 {
        let body = format!("[{}{{\"channel\":nonsense}}]", replayed(A, &[&(11 + round).to_string()]));
        sim.answer("connect", &body);
        assert_eq!(sim.session.state(), State::Retrying, "{round}");
        sim.new_session();
        sim.confirm();
        sim.poll(CONNECTED);
    }
    assert_eq!(sim.ids().len(), 8);
    // So does a poll that arrives whole.
    let mut sim = following();
    for _ in 0..8 {
        sim.answer("connect", "[{\"channel\":nonsense}]");
        sim.new_session();
        sim.confirm();
        sim.poll(CONNECTED);
        sim.poll(CONNECTED);
    }
    assert!(sim.closed.is_none());
}

#[test]
fn x3_what_cannot_be_decoded_on_a_reply_to_a_subscribe_is_no_loop_either() {
    let mut sim = following();
    sim.fail("connect");
    sim.new_session();
    let mut rounds = 0;
    loop {
        sim.until_open("commands");
        sim.answer("commands", "[{\"channel\":nonsense}]");
        rounds += 1;
        if sim.session.state() == State::Closed {
            break;
        }
        sim.new_session();
        sim.poll(CONNECTED);
    }
    assert_eq!(rounds, 3);
}
