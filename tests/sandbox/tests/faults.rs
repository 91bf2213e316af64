//! Every fault does what the control API says of it.

mod common;

use common::{Client, Sandbox, drain, numbers};
use reqwest::Response;
use serde_json::{Value, json};

/// A session with two events waiting, and one fault.
async fn faulty(fault: Value) -> (Sandbox, Client) {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 2 })).await;
    sandbox.post("faults", fault).await;
    (sandbox, client)
}

async fn poll(client: &Client) -> reqwest::Result<Response> {
    client.request(&client.connect_message(json!({ "advice": { "timeout": 0 } }))).send().await
}

#[tokio::test]
async fn connections_are_dropped_before_and_after_the_work() {
    let (sandbox, client) =
        faulty(json!([{ "kind": "refuse" }, { "kind": "cut-before-head", "on": "connect" }])).await;
    assert!(poll(&client).await.is_err());
    assert_eq!(sandbox.stats().await["delivered"], 0, "refused unprocessed");
    assert!(poll(&client).await.is_err());
    assert_eq!(sandbox.stats().await["delivered"], 2, "processed, and lost");
    assert_eq!(numbers(&client.glance().await), [0; 0]);
    assert_eq!(sandbox.stats().await["faultsWaiting"], 0);
}

#[tokio::test]
async fn bodies_are_cut_where_they_should_be() {
    for bytes in [0, 1, 20, 100_000] {
        let (_sandbox, client) = faulty(json!({ "on": "connect", "kind": "cut", "afterBytes": bytes })).await;
        let (body, whole) = drain(poll(&client).await.unwrap()).await;
        assert!(!whole);
        assert!(body.len() == bytes || (bytes > body.len() && body.ends_with(']')), "{bytes}: {body}");
    }
    let (_sandbox, client) = faulty(json!({ "on": "connect", "kind": "cut", "afterEvents": 1 })).await;
    let (body, whole) = drain(poll(&client).await.unwrap()).await;
    assert_eq!((body.as_str(), whole), (r#"[{"channel":"/t/a","data":{"n":1}}"#, false));
}

#[tokio::test]
async fn what_hangs_or_stalls_does_so_until_the_network_is_cut() {
    let (sandbox, client) = faulty(json!([{ "kind": "hang" }, { "kind": "stall", "afterBytes": 5 }])).await;
    let hanging = client.park(json!({}));
    sandbox.until(|stats| stats["openConnects"] == 1).await;
    sandbox.post("cut", json!({})).await;
    assert!(hanging.await.unwrap().is_err());
    let mut stalled = poll(&client).await.unwrap();
    assert_eq!(stalled.chunk().await.unwrap().unwrap().len(), 5);
    assert_eq!(sandbox.stats().await["openConnects"], 1);
    sandbox.post("cut", json!({})).await;
    assert!(stalled.chunk().await.is_err());
}

#[tokio::test]
async fn other_answers_take_the_place_of_the_real_one() {
    let faults = json!([
        { "kind": "status", "status": 500, "body": "oops", "headers": { "x-a": "b" } },
        { "kind": "html" },
        { "kind": "empty" },
        { "kind": "redirect", "location": "http://127.0.0.1:1/" },
        { "kind": "retry-after", "seconds": 3 },
        { "kind": "body", "body": "{}", "contentType": "text/odd" },
    ]);
    let (sandbox, client) = faulty(faults).await;
    let status = poll(&client).await.unwrap();
    assert_eq!((status.status().as_u16(), &status.headers()["x-a"]), (500, &"b".parse().unwrap()));
    assert_eq!(status.text().await.unwrap(), "oops");
    let html = poll(&client).await.unwrap();
    assert!(html.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(poll(&client).await.unwrap().text().await.unwrap(), "");
    let redirect = poll(&client).await.unwrap();
    assert_eq!(
        (redirect.status().as_u16(), &redirect.headers()["location"]),
        (302, &"http://127.0.0.1:1/".parse().unwrap())
    );
    let later = poll(&client).await.unwrap();
    assert_eq!((later.status().as_u16(), &later.headers()["retry-after"]), (503, &"3".parse().unwrap()));
    assert_eq!(sandbox.stats().await["delivered"], 0);
    let raw = poll(&client).await.unwrap();
    assert_eq!(raw.headers()["content-type"], "text/odd");
    assert_eq!(raw.text().await.unwrap(), "{}");
    assert_eq!(sandbox.stats().await["delivered"], 2, "this one was processed");
}

#[tokio::test]
async fn sessions_are_forgotten_and_messages_refused() {
    let advice = json!({ "reconnect": "none" });
    let faults = json!([
        { "on": "connect", "kind": "error", "error": "503::Busy", "advice": advice, "failureReason": "503::x" },
        { "on": "connect", "kind": "forget" },
    ]);
    let (_sandbox, client) = faulty(faults).await;
    let refused = client.glance().await;
    assert_eq!(
        refused,
        json!([{
            "channel": "/meta/connect", "id": "7", "successful": false, "error": "503::Busy", "advice": advice,
            "ext": { "sfdc": { "failureReason": "503::x" } },
        }])
    );
    assert_eq!(client.glance().await[0]["error"], "403::Unknown client");
}

#[tokio::test]
async fn events_are_doubled_turned_round_and_put_last() {
    let (_sandbox, client) = faulty(json!({ "kind": "duplicate", "withEvents": true })).await;
    assert_eq!(numbers(&client.glance().await), [1, 1, 2, 2]);
    let (_sandbox, client) =
        faulty(json!({ "kind": "reorder", "also": [{ "kind": "events-after-reply" }] })).await;
    let replies = client.glance().await;
    assert_eq!(numbers(&replies), [2, 1]);
    assert_eq!(replies[0]["channel"], "/meta/connect");
}

#[tokio::test]
async fn bodies_break_swell_and_nest() {
    let (_sandbox, client) = faulty(json!({ "kind": "malformed", "afterEvents": 1 })).await;
    let body = poll(&client).await.unwrap().text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&body).is_err());
    assert!(body.starts_with(r#"[{"channel":"/t/a","data":{"n":1}},{"channel":"/sandbox/broken","data":},"#));

    let (_sandbox, client) =
        faulty(json!({ "kind": "oversized", "bytes": 3_000_000, "channel": "/t/big" })).await;
    let replies = client.glance().await;
    assert_eq!(replies[0]["channel"], "/t/big");
    assert_eq!(replies[0].to_string().len(), 3_000_000);
    assert_eq!(numbers(&replies), [1, 2]);

    let (_sandbox, client) = faulty(json!({ "kind": "nested", "depth": 1_000_000 })).await;
    let (body, whole) = drain(poll(&client).await.unwrap()).await;
    assert!(whole && body.matches('[').count() == 1_000_001);
}

#[tokio::test]
async fn a_slow_body_arrives_whole() {
    let (_sandbox, client) = faulty(json!({ "kind": "slow", "chunkBytes": 7, "delayMs": 1 })).await;
    assert_eq!(numbers(&client.glance().await), [1, 2]);
}

#[tokio::test]
async fn replies_are_distorted() {
    let faults = json!([
        { "on": "connect", "kind": "no-id", "noChannel": true },
        { "on": "connect", "kind": "numeric-ids" },
        { "on": "connect", "kind": "advice", "advice": { "reconnect": "sideways" } },
        { "on": "connect", "kind": "disconnect" },
    ]);
    let (_sandbox, client) = faulty(faults).await;
    let bare = client.glance().await;
    assert_eq!(bare[2], json!({ "clientId": client.id, "successful": true }));
    assert_eq!(client.glance().await[0]["id"], 7);
    assert_eq!(client.glance().await[0]["advice"]["reconnect"], "sideways");
    let thrown_out = client.glance().await;
    assert_eq!(thrown_out[0], json!({ "channel": "/meta/disconnect" }));
    assert_eq!(thrown_out[1]["error"], "401::Authentication invalid");
    assert_eq!(thrown_out[1]["advice"], json!({ "reconnect": "none", "interval": 0 }));
    assert_eq!(client.glance().await[0]["error"], "403::Unknown client");
}

#[tokio::test]
async fn handshakes_are_distorted() {
    let sandbox = Sandbox::start().await;
    let faults = json!([
        { "on": "handshake", "kind": "drop-cookie" },
        { "on": "handshake", "kind": "no-connection-type" },
        { "on": "handshake", "kind": "big-cookie", "bytes": 9_000 },
    ]);
    sandbox.post("faults", faults).await;
    let client = sandbox.handshake(false).await;
    assert!(!client.cookies.contains("BAYEUX_BROWSER"));
    assert_eq!(client.handshake["successful"], true);
    let client = sandbox.handshake(false).await;
    assert_eq!(client.handshake["supportedConnectionTypes"], json!(["websocket"]));
    assert!(sandbox.handshake(false).await.cookies.len() > 9_000);
}

#[tokio::test]
async fn a_parked_poll_meets_the_fault_that_is_given_meanwhile() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    let poll = client.park(json!({}));
    sandbox.parked().await;
    sandbox
        .post("faults", json!({ "on": "connect", "kind": "status", "status": 502, "process": true }))
        .await;
    assert_eq!(sandbox.post("wake", json!({})).await["woken"], 1);
    assert_eq!(poll.await.unwrap().unwrap().status(), 502);
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused() {
    let sandbox = Sandbox::start().await;
    for (action, body) in [
        ("faults", json!({ "kind": "earthquake" })),
        ("config", json!({ "timeout": 5 })),
        ("config", json!({ "unknownClientCode": 404 })),
        ("publish", json!({ "channel": "nowhere" })),
        ("publish", json!({ "channel": "/a", "data": 5, "count": 1 })),
    ] {
        let response =
            sandbox.http.post(format!("{}/{action}", sandbox.control)).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{action} {body}");
    }
}
