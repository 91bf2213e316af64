//! Extensions, the tap, and determinism.

use cometd_edge::session::{Command, Config, GapCause, Input, Inspect, State};

use crate::sim::*;

/// Answers every `Inspect` until none is left.
fn extend(sim: &mut Sim, change: impl Fn(&str) -> Option<String>) {
    while !sim.inspects.is_empty() {
        let (request, message) = sim.inspects.remove(0);
        let changed = change(&message);
        sim.input(Input::Inspected { request, message: changed.as_deref() });
    }
}

fn same(message: &str) -> Option<String> {
    Some(message.to_owned())
}

/// A client with extensions, subscribed to `/a`.
fn inspecting(inspect: Inspect) -> Sim {
    let mut sim = Sim::with(|config| config.inspect = inspect);
    sim.shake();
    extend(&mut sim, same);
    sim.poll(CONNECTED);
    extend(&mut sim, same);
    sim.subscribe(1, &["/a"]);
    sim.confirm();
    extend(&mut sim, same);
    sim.ok(1);
    sim
}

#[test]
fn extensions_see_meta_messages_and_events_only_where_asked_for() {
    for (inspect, expected) in [(Inspect::None, 0), (Inspect::Meta, 1), (Inspect::All, 3)] {
        let mut sim = inspecting(inspect);
        sim.poll(&with_events(&events("/a", [1, 2])));
        let mut seen = 0;
        while !sim.inspects.is_empty() {
            seen += 1;
            let (request, message) = sim.inspects.remove(0);
            sim.input(Input::Inspected { request, message: Some(&message) });
        }
        assert_eq!(seen, expected);
        assert_eq!(sim.data(), ["1", "2"]);
        assert_eq!(sim.kinds(), ["connect"]);
    }
}

#[test]
fn one_message_at_a_time_is_with_the_extensions() {
    let mut sim = inspecting(Inspect::All);
    sim.poll(&with_events(&events("/a", [1, 2])));
    assert_eq!(sim.inspects.len(), 1);
    assert!(sim.events.is_empty());
    let (request, message) = sim.inspects.remove(0);
    sim.input(Input::Inspected { request, message: Some(&message) });
    assert_eq!((sim.data().len(), sim.inspects.len()), (1, 1));
}

#[test]
fn what_the_extensions_change_or_drop_is_changed_or_dropped() {
    let mut sim = inspecting(Inspect::All);
    sim.poll(&with_events(&events("/a", 1..=4)));
    extend(&mut sim, |message| match message {
        text if text.contains(":1}") => Some(text.replace(":1}", ":100}")),
        text if text.contains(":2}") => None,
        text if text.contains(":3}") => Some("not an object".to_owned()),
        text => Some(text.to_owned()),
    });
    assert_eq!(sim.data(), ["100", "4"]);
    assert_eq!(sim.states.last(), Some(&State::Connected));
}

#[test]
fn a_dropped_reply_counts_as_missing() {
    let mut sim = Sim::with(|config| config.inspect = Inspect::Meta);
    sim.shake();
    extend(&mut sim, |_| None);
    assert_eq!(sim.count("handshake"), 2);
    assert!(sim.result(0).is_none());
    sim.shake();
    extend(&mut sim, |message| Some(message.replace("client-1", "client-9")));
    assert_eq!(only(&sim.request("connect"))["clientId"], "client-9");
}

#[test]
fn time_with_the_extensions_does_not_count_against_the_server() {
    let mut sim = inspecting(Inspect::All);
    let id = sim.begin("connect", &format!("[{}", events("/a", [1])));
    sim.advance(100_000);
    assert!(sim.aborted.is_empty());
    extend(&mut sim, same);
    sim.advance(10_000);
    assert_eq!(sim.aborted, [id]);
}

#[test]
fn answers_of_extensions_that_nobody_asked_for_are_ignored() {
    let mut sim = inspecting(Inspect::Meta);
    let id = sim.request("connect").id();
    let outputs = sim.log.len();
    sim.input(Input::Inspected { request: id, message: Some(r#"{"channel":"/a","data":1}"#) });
    assert_eq!(sim.log.len(), outputs);
    // Nor is the answer to a request that has failed meanwhile.
    let id = sim.begin("connect", CONNECTED);
    sim.fail_id(id);
    extend(&mut sim, same);
    assert_eq!(sim.gaps(), [("/a".to_owned(), GapCause::ResponseLost)]);
    assert_eq!(sim.kinds(), ["connect"]);
}

#[test]
fn closing_while_the_extensions_hold_a_message_is_prompt() {
    let mut sim = inspecting(Inspect::Meta);
    sim.publish(2, "/a");
    sim.confirm();
    sim.close();
    sim.advance(2_000);
    assert_eq!(sim.error(2).code(), "outcome-unknown");
    assert_eq!(sim.closed, Some(None));
}

#[test]
fn the_tap_gives_every_message_as_the_server_sent_it_while_it_is_open() {
    let mut sim = Sim::connected();
    sim.poll(&with_events(&events("/nobody", [1])));
    assert!(sim.tapped.is_empty());
    sim.command(Command::Tap(true));
    sim.poll(&with_events(r#"{ "channel" : "/nobody", "data":2 },"#));
    assert_eq!(
        sim.tapped,
        [r#"{ "channel" : "/nobody", "data":2 }"#, r#"{"channel":"/meta/connect","successful":true}"#]
    );
    sim.command(Command::Tap(false));
    sim.poll(CONNECTED);
    assert_eq!(sim.tapped.len(), 2);
}

/// A life full of failures.
fn life(seed: u64) -> Vec<String> {
    let mut sim = Sim::of(Config::new(URL).expect("a good url"), seed);
    sim.fail("handshake");
    sim.fail("handshake");
    sim.wait();
    sim.shake();
    sim.subscribe(1, &["/a", "/b/*"]);
    sim.publish(2, "/p");
    sim.confirm();
    for round in 0..10 {
        match round % 4 {
            0 => sim.poll(&with_events(&events("/a", [round]))),
            1 => sim.cut("connect", "[{"),
            2 => sim.answer_status("connect", 503),
            _ => sim.fail("connect"),
        }
        while sim.try_open("connect").is_none() {
            sim.wait();
        }
        if sim.try_open("commands").is_some() {
            sim.confirm();
        }
    }
    sim.close();
    sim.advance(2_000);
    sim.log
}

#[test]
fn equal_seeds_and_inputs_give_equal_outputs() {
    assert_eq!(life(7), life(7));
    assert_ne!(life(7), life(8));
}

#[test]
fn the_seed_changes_the_jitter_alone() {
    let without_times = |log: Vec<String>| -> Vec<String> {
        let plain = |line: String| line.split_once(' ').map_or(String::new(), |(_, rest)| rest.to_owned());
        log.into_iter()
            .map(plain)
            .filter(|line| !line.contains("delay_ms") && !line.contains("Gap"))
            .collect()
    };
    assert_eq!(without_times(life(1)), without_times(life(2)));
}
