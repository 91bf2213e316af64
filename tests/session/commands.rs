//! Subscribe, unsubscribe, publish, send: S3, S14, S15.

use cometd_edge::session::{ApiMisuse, Command, Error, Status};
use serde_json::json;

use crate::sim::*;

#[test]
fn s3_commands_issued_in_one_turn_share_a_request_in_their_order() {
    let mut sim = Sim::connected();
    sim.queue(Command::Publish { command: 1, channel: "/p", data: "1" }).expect("fine");
    sim.queue(Command::Subscribe {
        subscription: 2,
        channels: &["/a".to_owned(), "/b".to_owned()],
        replay: None,
    })
    .expect("fine");
    sim.queue(Command::Send { command: 3, messages: &[r#"{"channel":"/s","data":2}"#.to_owned()] })
        .expect("fine");
    sim.queue(Command::Publish { command: 4, channel: "/q", data: "3" }).expect("fine");
    sim.drain();
    assert_eq!(topics(&sim.request("commands")), ["/p", "/a", "/b", "/s", "/q"]);
    sim.confirm();
    assert_eq!(sim.count("commands"), 1);
    assert_eq!(sim.settled.len(), 5);
}

#[test]
fn s3_commands_of_later_turns_gather_while_a_request_is_open() {
    let mut sim = Sim::connected();
    sim.publish(1, "/a");
    for number in 2..6 {
        sim.publish(number, "/b");
    }
    assert_eq!(sim.request("commands").messages().len(), 1);
    sim.confirm();
    assert_eq!(sim.request("commands").messages().len(), 4);
}

#[test]
fn s3_requests_are_split_at_request_bytes() {
    let mut sim = Sim::connected_with(|config| config.limits.request_bytes = 1_000);
    let data = format!("\"{}\"", "x".repeat(200));
    for number in 1..=20 {
        sim.queue(Command::Publish { command: number, channel: "/p", data: &data }).expect("fine");
    }
    sim.drain();
    let mut sent = 0;
    while let Some(request) = sim.try_open("commands") {
        assert!(request.body().len() <= 1_000);
        sent += request.messages().len();
        // As full as it gets.
        assert!(sent == 20 || request.body().len() > 700);
        sim.confirm();
    }
    let order: Vec<u32> = sim.settled[1..].iter().map(|(number, _)| *number).collect();
    assert_eq!(order, (1..=20).collect::<Vec<u32>>());
}

#[test]
fn s3_the_bound_is_exact() {
    let message = |sim: &Sim| sim.request("commands").body().len();
    let mut sim = Sim::connected();
    sim.publish(1, "/p");
    let one = message(&sim);
    for (bytes, expected) in [(2 * one - 1, 2), (2 * one - 2, 1)] {
        let mut sim = Sim::connected_with(|config| config.limits.request_bytes = bytes);
        for number in 1..=2 {
            sim.queue(Command::Publish { command: number, channel: "/p", data: "{}" }).expect("fine");
        }
        sim.drain();
        assert_eq!(sim.request("commands").messages().len(), expected, "{bytes}");
    }
}

#[test]
fn s3_a_message_larger_than_the_bound_travels_alone() {
    let mut sim = Sim::connected_with(|config| config.limits.request_bytes = 100);
    let data = format!("\"{}\"", "x".repeat(500));
    for number in 1..=3 {
        let data = if number == 2 { data.as_str() } else { "1" };
        sim.queue(Command::Publish { command: number, channel: "/p", data }).expect("fine");
    }
    sim.drain();
    for _ in 0..3 {
        assert_eq!(sim.request("commands").messages().len(), 1);
        sim.confirm();
    }
    assert!(sim.try_open("commands").is_none());
}

#[test]
fn s3_the_default_bound_is_that_of_salesforce() {
    let mut sim = Sim::new();
    let data = format!("\"{}\"", "x".repeat(1_000));
    for number in 1..=100 {
        sim.queue(Command::Publish { command: number, channel: "/p", data: &data }).expect("fine");
    }
    sim.shake();
    let length = sim.request("commands").body().len();
    assert!((31_000..=32_768).contains(&length), "{length}");
}

#[test]
fn s14_replies_without_id_are_matched_by_channel_and_subscription() {
    let mut sim = Sim::new();
    sim.subscribe(1, &["/a"]);
    sim.subscribe(2, &["/b"]);
    sim.publish(3, "/p");
    sim.shake();
    let replies = json!([
        { "channel": "/p", "successful": false, "error": "403::no" },
        { "channel": "/meta/subscribe", "subscription": "/b", "successful": true },
        { "channel": "/meta/subscribe", "subscription": "/a", "successful": false, "error": "403::no" },
    ]);
    sim.answer("commands", &replies.to_string());
    assert_eq!(sim.error(1).code(), "subscribe-refused");
    assert_eq!(sim.ok(2).len(), 1);
    assert_eq!(sim.error(3).code(), "publish-refused");
}

#[test]
fn s14_replies_without_id_and_channel_belong_to_the_request_that_they_answer() {
    let mut sim = Sim::connected();
    sim.publish(1, "/p");
    sim.answer("commands", r#"{"successful":true}"#);
    sim.ok(1);
    // A refusal of that kind is of the whole request.
    sim.publish(2, "/p");
    sim.confirm();
    sim.queue(Command::Publish { command: 3, channel: "/p", data: "1" }).expect("fine");
    sim.subscribe(4, &["/a"]);
    sim.answer("commands", r#"[{"successful":false,"error":"500::broken"}]"#);
    assert_eq!(sim.error(3).code(), "publish-refused");
    assert_eq!(sim.error(4).code(), "subscribe-refused");
}

#[test]
fn s14_ids_may_come_back_as_numbers() {
    let mut sim = Sim::new();
    sim.subscribe(1, &["/a"]);
    sim.subscribe(2, &["/b"]);
    sim.shake();
    let ids: Vec<String> = messages(&sim.request("commands"))
        .iter()
        .map(|message| message["id"].as_str().expect("a text").to_owned())
        .collect();
    sim.answer(
        "commands",
        &format!(
            r#"[{{"channel":"/meta/subscribe","id":{},"successful":false,"error":"403::b"}},{{"channel":"/meta/subscribe","id":{},"successful":true}}]"#,
            ids[1], ids[0]
        ),
    );
    sim.ok(1);
    assert_eq!(sim.error(2).channel(), Some("/b"));
}

#[test]
fn s14_a_callers_own_id_takes_no_other_messages_reply() {
    let mut sim = Sim::connected();
    // The publish gets the next number of the session; the raw message has chosen the same.
    sim.queue(Command::Publish { command: 1, channel: "/p", data: "1" }).expect("fine");
    sim.drain();
    let next = messages(&sim.request("commands"))[0]["id"]
        .as_str()
        .map(|id| id.parse::<u32>().expect("a number") + 1);
    let id = next.expect("an id").to_string();
    sim.confirm();
    let raw = [json!({ "channel": "/raw", "id": id, "data": 1 }).to_string()];
    sim.queue(Command::Publish { command: 3, channel: "/p", data: "1" }).expect("fine");
    sim.queue(Command::Send { command: 2, messages: &raw }).expect("fine");
    sim.drain();
    let replies = json!([
        { "channel": "/raw", "id": id, "successful": false, "error": "403::no" },
        { "channel": "/p", "id": id, "successful": true },
    ]);
    sim.answer("commands", &replies.to_string());
    assert!(sim.ok(2)[0].contains("/raw"));
    sim.ok(3);
}

#[test]
fn s15_one_subscribe_message_per_channel_and_never_an_array() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a", "/b", "/c/*", "/a"]);
    let request = sim.request("commands");
    assert_eq!(topics(&request), ["/a", "/b", "/c/*"]);
    assert!(messages(&request).iter().all(|message| message["channel"] == "/meta/subscribe"));
}

#[test]
fn s15_several_resolve_when_one_succeeds_and_a_status_names_each_failure() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a", "/b", "/c"]);
    sim.reply_to_commands(|message| message["subscription"] == "/b");
    assert_eq!(sim.ok(1).len(), 1);
    let failed: Vec<&str> = sim
        .statuses
        .iter()
        .filter_map(|status| match status {
            Status::SubscribeFailed { channel, error: Error::SubscribeRefused { .. } } => {
                Some(channel.as_str())
            }
            _ => None,
        })
        .collect();
    assert_eq!(failed, ["/a", "/c"]);
    // What was refused is not subscribed again, nor are its events given out.
    sim.poll(&with_events(&[events("/a", [1]), events("/b", [2])].concat()));
    assert_eq!(sim.data(), ["2"]);
    sim.poll(&refused(UNKNOWN, ""));
    sim.shake();
    assert_eq!(topics(&sim.request("commands")), ["/b"]);
}

#[test]
fn s15_subscribing_several_rejects_when_all_fail() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a", "/b"]);
    sim.reply_to_commands(|_| false);
    assert_eq!(sim.error(1).channel(), Some("/a"));
    assert!(sim.ended.is_empty());
    assert!(sim.closed.is_none());
}

#[test]
fn s15_a_subscribe_of_several_waits_for_the_last_answer() {
    let mut sim = Sim::connected_with(|config| config.limits.request_bytes = 1);
    sim.subscribe(1, &["/a", "/b"]);
    sim.confirm();
    assert!(sim.result(1).is_none());
    sim.confirm();
    assert_eq!(sim.ok(1).len(), 2);
}

#[test]
fn s15_a_channel_refused_in_a_later_session_ends_its_subscription_or_is_named() {
    let mut sim = Sim::subscribed(&["/a"]);
    sim.subscribe(2, &["/a", "/b"]);
    sim.confirm();
    sim.poll(&refused(UNKNOWN, ""));
    sim.shake();
    sim.reply_to_commands(|message| message["subscription"] == "/b");
    assert_eq!(sim.ended.len(), 1);
    let (ended, error) = &sim.ended[0];
    assert_eq!((*ended, error.as_ref().map(Error::code)), (1, Some("subscribe-refused")));
    let named =
        |status: &&Status| matches!(status, Status::SubscribeFailed { channel, .. } if channel == "/a");
    assert_eq!(sim.statuses.iter().filter(named).count(), 1);
    sim.poll(&with_events(&[events("/a", [1]), events("/b", [2])].concat()));
    assert_eq!(sim.data(), ["2"]);
}

#[test]
fn s15_a_subscribe_that_whole_replies_never_answer_fails_in_the_end() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/a"]);
    for _ in 0..3 {
        sim.answer("commands", "[]");
        while sim.try_open("commands").is_none() && sim.result(1).is_none() {
            sim.wait();
        }
    }
    assert_eq!(sim.error(1).code(), "protocol");
}

#[test]
fn service_channels_are_not_subscribed_on_the_wire() {
    let mut sim = Sim::connected();
    sim.subscribe(1, &["/service/echo"]);
    assert!(sim.try_open("commands").is_none());
    sim.ok(1);
    sim.unsubscribe(2, 1);
    sim.ok(2);
    assert_eq!(sim.ended, [(1, None)]);
}

#[test]
fn a_publish_settles_with_the_servers_reply() {
    let mut sim = Sim::connected();
    sim.command(Command::Publish { command: 1, channel: "/p", data: r#"{"a":[1,"x"]}"# });
    assert_eq!(only(&sim.request("commands"))["data"], json!({ "a": [1, "x"] }));
    sim.confirm();
    assert!(sim.ok(1)[0].contains(r#""successful":true"#));
    sim.publish(2, "/p");
    sim.answer("commands", r#"[{"channel":"/p","successful":false,"error":"403:/p:denied, sorry"}]"#);
    let failure = sim.error(2).failure().expect("the server's words").clone();
    assert_eq!((failure.code, failure.text.as_str()), (403, "denied, sorry"));
}

#[test]
fn send_settles_with_all_replies_successful_or_not() {
    let mut sim = Sim::connected();
    let both = ["/x", "/y"].map(|channel| json!({ "channel": channel, "data": 1, "more": true }).to_string());
    sim.command(Command::Send { command: 1, messages: &both });
    let sent = messages(&sim.request("commands"));
    assert!(sent.iter().all(|message| message["clientId"] == "client-1" && message["more"] == true));
    sim.reply_to_commands(|message| message["channel"] == "/x");
    assert_eq!(sim.ok(1).len(), 2);
}

#[test]
fn send_may_carry_a_subscribe_to_service_channels_which_is_not_sent_again() {
    let mut sim = Sim::connected();
    let subscribe =
        |name: serde_json::Value| [json!({ "channel": "/meta/subscribe", "subscription": name }).to_string()];
    sim.queue(Command::Send { command: 1, messages: &subscribe(json!("/service/a")) }).expect("allowed");
    sim.queue(Command::Send { command: 2, messages: &subscribe(json!(["/service/b", "/service/c"])) })
        .expect("allowed");
    sim.subscribe(3, &["/d"]);
    let sent = messages(&sim.request("commands"));
    assert!(sent.iter().all(|message| message["clientId"] == "client-1" && message["id"].is_string()));
    // Replies without ids belong to what they name.
    let reply = |name: &str, good: bool| {
        json!({ "channel": "/meta/subscribe", "subscription": name, "successful": good }).to_string()
    };
    let replies = [reply("/d", true), reply("/service/b", false), reply("/service/a", true)].join(",");
    sim.answer("commands", &format!("[{replies}]"));
    assert!(sim.ok(1)[0].contains("/service/a") && sim.ok(2)[0].contains("/service/b"));
    assert!(sim.ok(3)[0].contains("/d"));
    sim.poll(&refused(UNKNOWN, ""));
    sim.shake();
    assert_eq!(topics(&sim.request("commands")), ["/d"]);
    let unsubscribe = [json!({ "channel": "/meta/unsubscribe", "subscription": "/service/a" }).to_string()];
    sim.queue(Command::Send { command: 4, messages: &unsubscribe }).expect("allowed");
}

#[test]
fn send_of_nothing_settles_at_once() {
    let mut sim = Sim::connected();
    sim.command(Command::Send { command: 1, messages: &[] });
    assert_eq!(sim.ok(1).len(), 0);
}

#[test]
fn a_send_of_which_one_reply_is_lost_rejects_once() {
    let mut sim = Sim::connected_with(|config| config.limits.request_bytes = 1);
    let both = ["/x", "/y"].map(|channel| json!({ "channel": channel, "data": 1 }).to_string());
    sim.command(Command::Send { command: 1, messages: &both });
    sim.fail("commands");
    assert_eq!(sim.error(1).code(), "outcome-unknown");
    sim.advance(30_000);
    assert_eq!(sim.count("commands"), 1);
}

#[test]
fn misuse_is_named_and_leaves_the_session_as_it_was() {
    let mut sim = Sim::subscribed(&["/a"]);
    let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    let good_then_bad = text(&["/new", "no-slash"]);
    let raw = text(&[r#"{"channel":"/x"}"#, "{"]);
    let deep = "[".repeat(1_000) + &"]".repeat(1_000);
    let misuses = [
        (Command::Subscribe { subscription: 9, channels: &[], replay: None }, ApiMisuse::NoChannels),
        (
            Command::Subscribe { subscription: 1, channels: &text(&["/b"]), replay: None },
            ApiMisuse::NumberInUse(1),
        ),
        (
            Command::Subscribe { subscription: 0, channels: &text(&["/b"]), replay: None },
            ApiMisuse::NumberInUse(0),
        ),
        (Command::Publish { command: 9, channel: "/x", data: "{" }, ApiMisuse::NotJson("publish")),
        (Command::Publish { command: 9, channel: "/x", data: "" }, ApiMisuse::NotJson("publish")),
        (Command::Publish { command: 9, channel: "/x", data: "1}, {" }, ApiMisuse::NotJson("publish")),
        (Command::Publish { command: 9, channel: "/x", data: &deep }, ApiMisuse::NotJson("publish")),
        (Command::Send { command: 9, messages: &raw }, ApiMisuse::NotJson("send")),
        (Command::Send { command: 9, messages: &text(&["[]"]) }, ApiMisuse::NotJson("send")),
        (Command::Send { command: 9, messages: &text(&["{}"]) }, ApiMisuse::NoChannelInMessage),
    ];
    for (command, expected) in misuses {
        assert_eq!(sim.queue(command), Err(expected));
    }
    for channels in
        [good_then_bad, text(&[""]), text(&["/a/*/b"]), text(&["/a//b"]), text(&["/meta/connect"])]
    {
        let result = sim.queue(Command::Subscribe { subscription: 9, channels: &channels, replay: None });
        assert!(matches!(result, Err(ApiMisuse::Channel { .. })), "{channels:?}");
    }
    for channel in ["", "x", "/a/*", "/a/**", "/meta/publish", "/a\n"] {
        let result = sim.queue(Command::Publish { command: 9, channel, data: "1" });
        assert!(matches!(result, Err(ApiMisuse::Channel { .. })), "{channel:?}");
    }
    let subscriptions = [
        json!("/a"),
        json!("/services/a"),
        json!(["/service/a", "/b"]),
        json!(["/service/a", 7]),
        json!([]),
        json!(null),
    ];
    let own = ["/meta/connect", "/meta/handshake"].map(|channel| json!({ "channel": channel }));
    let subscribes = subscriptions.map(|name| json!({ "channel": "/meta/subscribe", "subscription": name }));
    for message in own.into_iter().chain(subscribes) {
        let result = sim.queue(Command::Send { command: 9, messages: &[message.to_string()] });
        assert!(matches!(result, Err(ApiMisuse::OwnChannel(_))), "{message}");
    }
    let outputs = sim.log.len();
    sim.drain();
    assert_eq!(sim.log.len(), outputs);
    // The number that was misused is free.
    sim.publish(9, "/x");
    assert_eq!(topics(&sim.request("commands")), ["/x"]);
}
