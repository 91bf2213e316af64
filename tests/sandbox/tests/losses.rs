//! What is lost when a connection is, and what the acknowledgement extension saves.

mod common;

use common::{Sandbox, drain, numbers};
use serde_json::{Value, json};

#[tokio::test]
async fn without_acknowledgement_a_cut_poll_takes_the_next_batch_with_it() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    let poll = client.park(json!({}));
    sandbox.parked().await;
    sandbox.post("cut", json!({})).await;
    assert!(poll.await.unwrap().is_err());
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 2 })).await;
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 1 })).await;
    assert_eq!(numbers(&client.glance().await), [3]);
    assert_eq!(sandbox.stats().await["swallowed"], 2);
}

#[tokio::test]
async fn a_client_that_aborts_its_poll_loses_the_next_batch_too() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    let poll = client.park(json!({}));
    sandbox.parked().await;
    poll.abort();
    sandbox.until(|stats| stats["openConnects"] == 0).await;
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 2 })).await;
    let replies = client.glance().await;
    assert_eq!(
        replies,
        json!([{ "channel": "/meta/connect", "clientId": client.id, "id": "7", "successful": true }])
    );
}

#[tokio::test]
async fn a_client_that_is_back_first_loses_nothing() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    let poll = client.park(json!({}));
    sandbox.parked().await;
    poll.abort();
    let again = client.park(json!({}));
    sandbox.until(|stats| stats["requestsByKind"]["connect"] == 3 && stats["parkedPolls"] == 1).await;
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 2 })).await;
    let replies: Value = again.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(numbers(&replies), [1, 2]);
    assert_eq!(sandbox.stats().await["maxOpenConnects"], 1, "an aborted poll is not counted beside the next");
}

#[tokio::test]
async fn an_unacknowledged_batch_comes_again_before_what_is_new() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(true).await;
    let poll = client.park(json!({ "ext": { "ack": 1 } }));
    sandbox.parked().await;
    sandbox
        .post("faults", json!({ "on": "connect", "kind": "cut", "afterEvents": 2, "withEvents": true }))
        .await;
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 3 })).await;
    let (body, whole) = drain(poll.await.unwrap().unwrap()).await;
    assert!(!whole);
    assert!(body.ends_with("\"data\":{\"n\":2}}"), "it ends with the second event: {body}");
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 2 })).await;

    let replies = client.connect(json!({ "ext": { "ack": 1 } })).await;
    assert_eq!(numbers(&replies), [1, 2, 3, 4, 5]);
    assert_eq!(replies[5]["ext"], json!({ "ack": 3 }), "with a new number, at the end");
    let replies = client.connect(json!({ "ext": { "ack": 1 }, "advice": { "timeout": 0 } })).await;
    assert_eq!(numbers(&replies), [1, 2, 3, 4, 5], "as often as it takes");
    let replies = client.connect(json!({ "ext": { "ack": 4 }, "advice": { "timeout": 0 } })).await;
    assert_eq!(numbers(&replies), [0; 0]);
}

#[tokio::test]
async fn what_is_acknowledged_does_not_come_again_for_a_poll_that_arrived_late() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(true).await;
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 2 })).await;
    let replies = client.connect(json!({ "ext": { "ack": 1 } })).await;
    assert_eq!(numbers(&replies), [1, 2]);
    assert_eq!(replies[2]["ext"], json!({ "ack": 2 }));
    // Sent before that one, on a connection that was given up, and processed only now.
    assert_eq!(numbers(&client.connect(json!({ "ext": { "ack": 1 } })).await), [1, 2]);
    let replies = client.connect(json!({ "ext": { "ack": 2 }, "advice": { "timeout": 0 } })).await;
    assert_eq!(numbers(&replies), [0; 0]);
}

#[tokio::test]
async fn with_acknowledgement_a_cut_poll_loses_nothing() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(true).await;
    let poll = client.park(json!({ "ext": { "ack": 1 } }));
    sandbox.parked().await;
    sandbox.post("cut", json!({ "downMs": 600_000 })).await;
    assert!(poll.await.unwrap().is_err());
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 2 })).await;
    assert!(client.request(&json!([])).send().await.is_err(), "the network is down");
    sandbox.post("cut", json!({})).await;
    let replies = client.connect(json!({ "ext": { "ack": 1 } })).await;
    assert_eq!(numbers(&replies), [1, 2]);
    assert_eq!(sandbox.stats().await["swallowed"], 0);
}

#[tokio::test]
async fn the_extension_can_be_withheld() {
    let sandbox = Sandbox::start().await;
    sandbox.post("config", json!({ "ack": false })).await;
    let client = sandbox.session(true).await;
    assert_eq!(client.handshake["ext"], Value::Null);
    assert_eq!(client.glance().await[0]["ext"], Value::Null);
}
