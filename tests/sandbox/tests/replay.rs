//! Events that can be had again: which positions are good, and which response brings them.

mod common;

use common::salesforce::{Caller, counted};
use common::{Sandbox, drain};
use serde_json::{Value, json};

const CHANNEL: &str = "/event/Order__e";

/// A client and five events that were published before it came.
async fn late() -> (Sandbox, Caller, Vec<Value>) {
    let sandbox = Sandbox::start().await;
    let ids = sandbox.publish(CHANNEL, 5).await;
    let caller = sandbox.follower().await;
    (sandbox, caller, ids)
}

fn invalid(id: &Value) -> String {
    let id = id.as_str().map_or(id.to_string(), str::to_owned);
    format!(
        "400::The replayId {{{id}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, \
         or -1 to replay only new events."
    )
}

#[tokio::test]
async fn positions_are_numbers_or_strings() {
    let (_sandbox, caller, ids) = late().await;
    let digits = json!(ids[3].to_string());
    for (from, expected) in [
        (json!(-2), vec![1, 2, 3, 4, 5]),
        (json!("-2"), vec![1, 2, 3, 4, 5]),
        (json!(-1), vec![]),
        (ids[2].clone(), vec![4, 5]),
        (digits, vec![5]),
        (ids[4].clone(), vec![]),
    ] {
        let replies = caller.replay(CHANNEL, from.clone()).await;
        assert_eq!(counted(&replies), expected, "from {from}");
        let reply = replies.as_array().unwrap().last().unwrap();
        assert_eq!(reply["successful"], true, "{reply}");
    }
    assert_eq!(counted(&caller.subscribe(CHANNEL).await), [0; 0], "without a position only what is new");
}

#[tokio::test]
async fn positions_that_were_never_given_are_refused() {
    let (sandbox, caller, ids) = late().await;
    let others = sandbox.publish("/event/Other__e", 1).await;
    for from in [json!(1), json!(-3), json!("soon"), others[0].clone(), json!(ids[0].as_u64().unwrap() - 1)] {
        let replies = caller.replay(CHANNEL, from.clone()).await;
        assert_eq!(replies[0]["error"], invalid(&from));
        assert_eq!(replies[0]["subscription"], CHANNEL);
    }
    assert_eq!(sandbox.stats().await["subscriptions"], json!({}));
}

#[tokio::test]
async fn the_map_names_a_topic_without_its_filter() {
    let sandbox = Sandbox::start().await;
    for n in 1..=3 {
        let order = json!({ "channel": "/topic/T", "data": { "n": n, "even": n % 2 == 0 } });
        sandbox.post("publish", order).await;
    }
    let caller = sandbox.follower().await;
    let subscribe = |key: &str| {
        caller.send(json!([{
            "channel": "/meta/subscribe", "clientId": caller.client.id, "subscription": "/topic/T?even=false",
            "ext": { "replay": { key: -2 } },
        }]))
    };
    assert_eq!(subscribe("/topic/T?even=false").await[0]["successful"], false);
    let replies = subscribe("/topic/T").await;
    let numbers: Vec<_> =
        replies.as_array().unwrap()[..2].iter().map(|event| &event["data"]["sobject"]["n"]).collect();
    assert_eq!(numbers, [1, 3], "{replies}");
}

#[tokio::test]
async fn the_map_must_name_the_channel_and_may_name_others() {
    let (_sandbox, caller, _) = late().await;
    let subscribe = |map: Value| {
        caller.send(json!([{
            "channel": "/meta/subscribe", "clientId": caller.client.id, "subscription": CHANNEL,
            "ext": { "replay": map },
        }]))
    };
    let whole = subscribe(json!({ CHANNEL: -2, "/u/other": 17 })).await;
    assert_eq!(counted(&whole), [1, 2, 3, 4, 5]);
    for (map, written) in [
        (json!({}), "{}"),
        (json!({ "/u/a": 1, "/u/b": -2 }), "{/u/a=1, /u/b=-2}"),
        (json!({ CHANNEL: null }), "{/event/Order__e=null}"),
    ] {
        let message = format!(
            "400::The replayId for channel {{{CHANNEL}}} wasn't found using the provided replay ID map {{{written}}}. \
             Ensure that the channel name you provided in the replay map is valid and matches the channel name used \
             for subscribing."
        );
        assert_eq!(subscribe(map).await[0]["error"], message);
    }
}

#[tokio::test]
async fn positions_go_when_their_events_go() {
    let (sandbox, caller, ids) = late().await;
    assert_eq!(sandbox.post("expire", json!({ "channel": CHANNEL, "keep": 2 })).await["expired"], 3);
    assert_eq!(caller.replay(CHANNEL, ids[1].clone()).await[0]["error"], invalid(&ids[1]));
    assert_eq!(counted(&caller.replay(CHANNEL, ids[2].clone()).await), [4, 5], "just before the oldest");
    assert_eq!(counted(&caller.replay(CHANNEL, -2).await), [4, 5]);

    sandbox.post("config", json!({ "retentionMs": 1_000 })).await;
    sandbox.post("age", json!({ "ms": 1_001 })).await;
    assert_eq!(counted(&caller.replay(CHANNEL, -2).await), [0; 0]);
    assert_eq!(caller.replay(CHANNEL, ids[3].clone()).await[0]["error"], invalid(&ids[3]));
    assert_eq!(caller.replay(CHANNEL, ids[4].clone()).await[0]["successful"], true);
    sandbox.post("age", json!({ "ms": 3_000 })).await;
    assert_eq!(caller.replay(CHANNEL, ids[4].clone()).await[0]["error"], invalid(&ids[4]));
}

#[tokio::test]
async fn retention_differs_by_kind() {
    let sandbox = Sandbox::start().await;
    sandbox.publish("/topic/T", 1).await;
    sandbox.publish(CHANNEL, 1).await;
    let caller = sandbox.follower().await;
    sandbox.post("age", json!({ "ms": 25 * 3_600_000 })).await;
    assert_eq!(counted(&caller.replay("/topic/T", -2).await), [0; 0]);
    assert_eq!(counted(&caller.replay(CHANNEL, -2).await), [1]);
}

#[tokio::test]
async fn a_new_org_knows_no_positions_tokens_or_sessions_of_the_old() {
    let (sandbox, mut caller, ids) = late().await;
    let old = sandbox.stats().await["org"].clone();
    assert_eq!(sandbox.post("new-org", json!({})).await["forgotten"], 1);
    assert_ne!(sandbox.stats().await["org"], old);
    caller.token = sandbox.token().await;
    assert_eq!(caller.glance().await[0]["error"], "403::Unknown client");
    caller.shake_hands().await;
    let others = sandbox.publish(CHANNEL, 5).await;
    assert!(others.iter().all(|id| !ids.contains(id)));
    assert_eq!(caller.replay(CHANNEL, ids[4].clone()).await[0]["error"], invalid(&ids[4]));
}

#[tokio::test]
async fn ids_may_be_larger_than_javascripts_numbers_and_no_numbers_at_all() {
    let sandbox = Sandbox::start().await;
    for (form, start) in
        [("number", "90071992547"), ("string", "\"90071992547"), ("opaque", "\"r-90071992547")]
    {
        let config = json!({ "replayIdBase": "9007199254740993", "replayIdForm": form });
        sandbox.post("config", config).await;
        let ids = sandbox.publish(CHANNEL, 2).await;
        assert!(ids[0].to_string().starts_with(start), "{ids:?}");
        let caller = sandbox.follower().await;
        let replies = caller.replay(CHANNEL, ids[0].clone()).await;
        assert_eq!(replies[0]["data"]["event"]["replayId"], ids[1]);
    }
}

#[tokio::test]
async fn a_second_subscribe_replays_again() {
    let (_sandbox, caller, ids) = late().await;
    assert_eq!(counted(&caller.replay(CHANNEL, ids[2].clone()).await), [4, 5]);
    assert_eq!(counted(&caller.replay(CHANNEL, ids[2].clone()).await), [4, 5]);
}

#[tokio::test]
async fn settings_choose_the_response_that_replays() {
    let (sandbox, caller, _) = late().await;
    sandbox.post("config", json!({ "replayOn": "connect" })).await;
    let poll = caller.park();
    sandbox.parked().await;
    assert_eq!(counted(&caller.replay(CHANNEL, -2).await), [0; 0]);
    let replies: Value = poll.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(counted(&replies), [1, 2, 3, 4, 5]);
    sandbox.post("config", json!({ "replayOn": "subscribe", "deliverOnPublishReply": false })).await;
    assert_eq!(counted(&caller.replay(CHANNEL, -2).await), [1, 2, 3, 4, 5]);
    sandbox.post("config", json!({ "replayOn": "first" })).await;
    assert_eq!(counted(&caller.replay(CHANNEL, -2).await), [0; 0]);
    assert_eq!(counted(&caller.glance().await), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_a_lost_response_held_can_be_replayed() {
    let (sandbox, caller, ids) = late().await;
    caller.subscribe(CHANNEL).await;
    let poll = caller.park();
    sandbox.parked().await;
    sandbox.post("faults", json!({ "kind": "cut", "afterEvents": 1, "withEvents": true })).await;
    sandbox.publish(CHANNEL, 3).await;
    let (body, whole) = drain(poll.await.unwrap().unwrap()).await;
    assert!(!whole && body.contains(r#""n":6"#) && !body.contains(r#""n":7"#), "{body}");
    assert_eq!(counted(&caller.glance().await), [0; 0], "they are gone from the session");
    assert_eq!(counted(&caller.replay(CHANNEL, ids[4].clone()).await), [6, 7, 8]);
}

#[tokio::test]
async fn events_ride_on_any_reply_but_the_handshakes() {
    let sandbox = Sandbox::start().await;
    let mut caller = sandbox.follower().await;
    caller.subscribe(CHANNEL).await;
    sandbox.publish(CHANNEL, 1).await;
    let unsubscribe = json!([{
        "channel": "/meta/unsubscribe", "clientId": caller.client.id, "subscription": "/u/x",
    }]);
    assert_eq!(counted(&caller.send(unsubscribe).await), [1]);
    sandbox.publish(CHANNEL, 1).await;
    caller.shake_hands().await;
    assert_eq!(caller.client.handshake["successful"], true);
}
