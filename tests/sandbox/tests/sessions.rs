//! A client that behaves gets what Bayeux promises, with Salesforce's habits.

mod common;

use common::{Sandbox, drain, numbers};
use sandbox::Options;
use serde_json::{Value, json};

#[tokio::test]
async fn a_round_trip_from_handshake_to_event() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.handshake(false).await;
    assert_eq!(client.handshake["supportedConnectionTypes"], json!(["long-polling"]));
    assert_eq!(client.handshake["advice"], Value::Null, "Salesforce gives none here");
    assert_eq!(client.handshake["ext"], Value::Null);

    let first = client.connect(json!({ "id": 7 })).await;
    let advice = json!({ "reconnect": "retry", "interval": 0, "timeout": 110_000 });
    let reply = json!([{
        "channel": "/meta/connect", "clientId": client.id, "id": 7, "successful": true, "advice": advice,
    }]);
    assert_eq!(first, reply, "the first connect is answered at once, and its id as it came");

    assert_eq!(client.subscribe("/orders/*").await[0]["subscription"], "/orders/*");
    let poll = client.park(json!({}));
    sandbox.parked().await;
    let published =
        sandbox.post("publish", json!({ "channel": "/orders/new", "count": 2, "data": {} })).await;
    assert_eq!(published, json!({ "published": 2, "receivers": 2, "last": 2 }));
    let (body, whole) = drain(poll.await.unwrap().unwrap()).await;
    let replies: Value = serde_json::from_str(&body).unwrap();
    assert!(whole);
    assert_eq!(numbers(&replies), [1, 2]);
    assert_eq!(replies[2]["channel"], "/meta/connect", "the reply comes last");
    assert_eq!(replies[2]["advice"], Value::Null, "later ones carry no advice");

    let stats = sandbox.stats().await;
    assert_eq!(stats["maxOpenConnects"], 1);
    assert_eq!(stats["delivered"], 2);
    assert_eq!(stats["subscriptions"], json!({ "/orders/*": 1 }));
}

#[tokio::test]
async fn events_ride_on_publish_replies_unless_acknowledged() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    let replies = client.publish("/t/a", json!({ "n": 5 })).await;
    assert_eq!(numbers(&replies), [5]);
    assert_eq!(
        replies[1],
        json!({ "channel": "/t/a", "clientId": client.id, "id": "p", "successful": true })
    );

    let client = sandbox.session(true).await;
    assert_eq!(client.handshake["ext"], json!({ "ack": true }));
    assert_eq!(numbers(&client.publish("/t/a", json!({ "n": 6 })).await), [0; 0]);
    assert_eq!(numbers(&client.glance().await), [6]);
}

#[tokio::test]
async fn a_service_answers_its_caller_alone() {
    let sandbox = Sandbox::start().await;
    let (one, other) = (sandbox.session(false).await, sandbox.session(false).await);
    other.subscribe("/service/echo").await;
    assert_eq!(numbers(&one.publish("/service/echo", json!({ "n": 1 })).await), [1]);
    assert_eq!(numbers(&other.glance().await), [0; 0]);
}

#[tokio::test]
async fn the_cookie_must_come_back_byte_for_byte() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.handshake(false).await;
    let cookies = client.cookies.clone();
    assert!(cookies.starts_with("BAYEUX_BROWSER=!") && cookies.contains("/+"), "{cookies}");
    client.cookies = cookies.replace('!', "%21");
    let refused = client.connect(json!({})).await;
    let error =
        format!("400::Client {} has established a session, but no BAYEUX_BROWSER cookie present", client.id);
    assert_eq!(refused[0]["error"], error);
    sandbox.post("config", json!({ "saysMissingCookie": false })).await;
    assert_eq!(client.connect(json!({})).await[0]["error"], "403::Unknown client");
    client.cookies = format!("other=1; {cookies}");
    assert_eq!(client.connect(json!({})).await[0]["successful"], true);

    sandbox.post("config", json!({ "requireCookie": false })).await;
    client.cookies.clear();
    assert_eq!(client.glance().await[0]["successful"], true);
}

#[tokio::test]
async fn a_cookie_that_comes_with_a_handshake_is_kept() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.handshake(false).await;
    let cookies = client.cookies.clone();
    client.shake_hands(false).await;
    assert!(!client.cookies.contains("BAYEUX_BROWSER"), "it is not set again");
    client.cookies = cookies;
    assert_eq!(client.connect(json!({})).await[0]["successful"], true);
}

#[tokio::test]
async fn two_sessions_of_one_browser_are_told_so() {
    let sandbox = Sandbox::start().await;
    sandbox.post("config", json!({ "maxSessionsPerBrowser": 1 })).await;
    let mut client = sandbox.session(false).await;
    let _poll = client.park(json!({}));
    sandbox.parked().await;
    let cookies = client.cookies.clone();
    client.shake_hands(false).await;
    client.cookies = cookies;
    let advice =
        json!({ "reconnect": "retry", "interval": 2000, "timeout": 110_000, "multiple-clients": true });
    assert_eq!(client.connect(json!({})).await[0]["advice"], advice);
}

#[tokio::test]
async fn names_that_make_no_sense_are_refused() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    let error = |replies: Value| replies[0]["error"].as_str().unwrap().to_owned();
    assert_eq!(error(client.subscribe("t").await), "400::Channel must start with '/'");
    assert_eq!(error(client.subscribe(json!(["/x", "bad", "/y"])).await), "403::subscription_invalid");
    assert_eq!(error(client.subscribe(Value::Null).await), "400::Channel name not specified");
    assert_eq!(error(client.subscribe("/meta/connect").await), "403::Restricted channel");
    assert_eq!(error(client.publish("/meta/odd", json!(1)).await), "403::Restricted channel");
    assert_eq!(error(client.publish("t", json!(1)).await), "400::Channel must start with '/'");
    assert_eq!(error(client.publish("/t/*", json!(1)).await), "400::Channel must not be a pattern");
    let poll = client.connect(json!({ "connectionType": "websocket" })).await;
    assert_eq!(error(poll), "400::Invalid connection type");
    assert_eq!(sandbox.stats().await["subscriptions"], json!({ "/t/**": 1 }));

    let single = client.send(json!({ "channel": "/u/a", "clientId": client.id, "id": "x" })).await;
    assert_eq!(single[0]["successful"], true, "a message may come without an array around it");
    let garbage = client.http.post(&client.bayeux).body("[{]").send().await.unwrap();
    assert_eq!(garbage.status(), 400);
}

#[tokio::test]
async fn a_disconnected_session_ends_its_poll_with_none() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    let poll = client.park(json!({}));
    sandbox.parked().await;
    let bye = client.send(json!([{ "channel": "/meta/disconnect", "clientId": client.id, "id": "d" }])).await;
    assert_eq!(bye[0]["successful"], true);
    let released: Value = poll.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(released[0]["successful"], true);
    assert_eq!(released[0]["advice"], json!({ "reconnect": "none" }));

    let client = sandbox.session(false).await;
    let poll = client.park(json!({}));
    sandbox.parked().await;
    assert_eq!(sandbox.post("session-disconnect", json!({})).await["disconnected"], 1);
    let released: Value = poll.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(released[0]["advice"], json!({ "reconnect": "none" }));
    assert_eq!(client.glance().await[0]["error"], "403::Unknown client");
}

#[tokio::test]
async fn a_second_connect_releases_the_first() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    let first = client.park(json!({ "id": "first" }));
    sandbox.parked().await;
    let second = client.park(json!({ "id": "second" }));
    let released: Value = first.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!((&released[0]["id"], &released[0]["successful"]), (&json!("first"), &json!(true)));
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 1 })).await;
    let served: Value = second.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(numbers(&served), [1]);
    assert_eq!(sandbox.stats().await["maxOpenConnects"], 2, "and the statistics tell");
}

#[tokio::test]
async fn a_session_that_is_not_polled_in_time_is_gone() {
    let mut options = Options { speed: 10.0, ..Options::default() };
    options.config.max_interval_ms = 300;
    options.config.timeout_ms = 1_000;
    let sandbox = Sandbox::with(options).await;
    let client = sandbox.session(false).await;
    let idle = client.connect(json!({})).await;
    assert_eq!(idle[0]["successful"], true, "a parked poll keeps it, however long");
    sandbox.until(|stats| stats["sessions"] == 0).await;
    let refused = client.connect(json!({})).await;
    let advice = json!({ "reconnect": "handshake", "interval": 0 });
    assert_eq!(
        refused,
        json!([{
            "channel": "/meta/connect", "id": "7", "successful": false, "error": "403::Unknown client", "advice": advice,
        }])
    );
}

#[tokio::test]
async fn a_forgotten_session_is_an_unknown_client() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    let poll = client.park(json!({}));
    sandbox.parked().await;
    assert_eq!(sandbox.post("forget", json!({})).await["forgotten"], 1);
    let released: Value = poll.await.unwrap().unwrap().json().await.unwrap();
    assert_eq!(released[0]["error"], "403::Unknown client");
    assert_eq!(released[0]["advice"]["reconnect"], "handshake");
    sandbox.post("config", json!({ "unknownClientCode": 402, "advice": "never" })).await;
    let refused = client.subscribe("/t/a").await;
    assert_eq!(refused[0]["error"], "402::session_unknown");
    assert_eq!(refused[0]["advice"], Value::Null);
}

#[tokio::test]
async fn samples_ride_on_the_subscribe_reply() {
    let sandbox = Sandbox::start().await;
    sandbox.post("config", json!({ "eventsOnSubscribeReply": 2, "advice": "always" })).await;
    let client = sandbox.handshake(false).await;
    assert_eq!(client.handshake["advice"]["reconnect"], "retry");
    let replies = client.subscribe("/topic/X?A='b'").await;
    assert_eq!(numbers(&replies), [1, 2]);
    assert_eq!(replies[0]["channel"], "/topic/X");
}

#[tokio::test]
async fn acknowledgement_is_granted_without_numbers_where_the_settings_say_so() {
    let sandbox = Sandbox::start().await;
    sandbox.post("config", json!({ "ackNumbers": false })).await;
    let client = sandbox.session(true).await;
    assert_eq!(client.handshake["ext"], json!({ "ack": true }));
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 2 })).await;
    let replies = client.glance().await;
    assert_eq!((numbers(&replies), &replies[2]["ext"]), (vec![1, 2], &Value::Null));
    // Nothing follows from it: no batch is kept, and events ride on other replies.
    assert_eq!(numbers(&client.glance().await), [0; 0]);
    assert_eq!(numbers(&client.publish("/t/a", json!({ "n": 5 })).await), [5]);
}

#[tokio::test]
async fn the_head_of_a_parked_poll_goes_out_at_once_where_the_settings_say_so() {
    let sandbox = Sandbox::start().await;
    for spaces in [0, 5] {
        sandbox.post("config", json!({ "headAtOnce": true, "spacesMs": spaces })).await;
        let client = sandbox.session(false).await;
        // It is there although nothing has been published.
        let mut poll = client.park(json!({})).await.unwrap().unwrap();
        assert_eq!(poll.status(), 200);
        if spaces > 0 {
            assert_eq!(poll.chunk().await.unwrap().unwrap(), " ");
        }
        sandbox.parked().await;
        let published = sandbox.post("publish", json!({ "channel": "/t/a", "count": 2 })).await;
        let (body, whole) = drain(poll).await;
        let last = published["last"].as_u64().unwrap();
        let replies: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((numbers(&replies), whole), (vec![last - 1, last], true));
        assert_eq!(replies[2]["successful"], true);
    }
    // It is cut like any other, and a client that leaves takes its poll along.
    sandbox.post("config", json!({ "spacesMs": 0 })).await;
    let client = sandbox.session(false).await;
    let poll = client.park(json!({})).await.unwrap().unwrap();
    sandbox.post("cut", json!({})).await;
    assert_eq!(drain(poll).await, (String::new(), false));
    sandbox.until(|stats| stats["openConnects"] == 0).await;
    drop(client.park(json!({})).await.unwrap().unwrap());
    sandbox.until(|stats| stats["openConnects"] == 0).await;
}
