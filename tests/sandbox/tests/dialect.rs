//! Sessions at `/cometd/NN.0`: what Salesforce asks of them, refuses them and tells them.

mod common;

use common::Sandbox;
use common::salesforce::{PASSWORD, changed, counted};
use reqwest::Response;
use serde_json::{Value, json};

async fn json_of(response: Response) -> Value {
    response.json().await.unwrap()
}

fn error(replies: &Value) -> &str {
    replies[0]["error"].as_str().unwrap()
}

#[tokio::test]
async fn a_round_trip_from_login_to_platform_event() {
    let sandbox = Sandbox::start().await;
    let mut caller = sandbox.caller().await;
    caller.shake_hands().await;
    let id = caller.client.id.clone();
    assert_eq!(
        caller.client.handshake,
        json!({
            "channel": "/meta/handshake", "clientId": id, "id": "1", "version": "1.0", "minimumVersion": "1.0",
            "supportedConnectionTypes": ["long-polling"], "successful": true,
            "ext": { "replay": true, "payload.format": true },
        })
    );
    let advice = json!({ "interval": 0, "timeout": 110_000, "reconnect": "retry" });
    assert_eq!(caller.connect(json!({})).await[0]["advice"], advice);
    assert_eq!(caller.subscribe("/event/Order__e").await[0]["successful"], true);
    let poll = caller.park();
    sandbox.parked().await;
    sandbox
        .post("publish", json!({ "channel": "/event/Order__e", "count": 2, "data": { "Price__c": 1 } }))
        .await;
    let replies = json_of(poll.await.unwrap().unwrap()).await;
    assert_eq!(counted(&replies), [1, 2]);
    assert_eq!(replies[0]["data"]["payload"]["Price__c"], 1);
    assert!(replies[0]["data"]["schema"].is_string());
    assert!(replies[0]["data"]["event"]["EventUuid"].is_string());
    assert_eq!(
        replies[2],
        json!({ "channel": "/meta/connect", "clientId": id, "id": "7", "successful": true })
    );
}

#[tokio::test]
async fn every_kind_of_channel_has_its_envelope() {
    let sandbox = Sandbox::start().await;
    let caller = sandbox.follower().await;
    for channel in ["/topic/T", "/u/notes", "/data/Order__ChangeEvent"] {
        caller.subscribe(channel).await;
    }
    for (channel, data) in [
        ("/topic/T", json!({ "Id": "a" })),
        ("/u/notes", json!("text")),
        ("/data/Order__ChangeEvent", json!({ "ChangeEventHeader": { "changeType": "UPDATE" }, "Name": "x" })),
    ] {
        let event = json!({ "type": "updated" });
        sandbox.post("publish", json!({ "channel": channel, "data": data, "event": event })).await;
    }
    let replies = caller.glance().await;
    let (topic, generic, change) = (&replies[0], &replies[1]["data"], &replies[2]["data"]);
    assert_eq!(topic["clientId"], caller.client.id);
    assert_eq!(topic["data"]["sobject"], json!({ "Id": "a" }));
    assert_eq!(topic["data"]["event"]["type"], "updated");
    assert!(topic["data"]["event"]["createdDate"].as_str().unwrap().ends_with('Z'));
    assert_eq!(generic["payload"], "text");
    let header = &change["payload"]["ChangeEventHeader"];
    assert_eq!((&header["entityName"], &header["changeType"]), (&json!("Order__c"), &json!("UPDATE")));
    assert_eq!(change["payload"]["Name"], "x");
}

#[tokio::test]
async fn plain_sessions_of_the_world_get_events_as_they_came() {
    let sandbox = Sandbox::start().await;
    let plain = sandbox.session(false).await;
    let caller = sandbox.follower().await;
    plain.subscribe("/event/Order__e").await;
    caller.subscribe("/event/Order__e").await;
    sandbox.post("publish", json!({ "channel": "/event/Order__e", "data": 1.5 })).await;
    assert_eq!(plain.glance().await[0], json!({ "channel": "/event/Order__e", "data": 1.5 }));
    assert_eq!(caller.glance().await[0]["data"]["payload"], 1.5);
    let mut stray = plain;
    stray.bayeux = caller.client.bayeux.clone();
    let replies = caller.request(&stray.connect_message(json!({}))).send().await.unwrap();
    assert_eq!(error(&json_of(replies).await), "403::Unknown client", "the dialects share no sessions");
}

#[tokio::test]
async fn versions_are_checked_and_tokens_asked_for() {
    let sandbox = Sandbox::start().await;
    let mut caller = sandbox.follower().await;
    let latest = caller.client.bayeux.clone();
    for suffix in ["/", "/connect", "/connect/"] {
        caller.client.bayeux = format!("{latest}{suffix}");
        assert_eq!(caller.glance().await[0]["successful"], true, "{suffix}");
    }
    for (version, message) in [
        ("36.0", "400::Unsupported API version. Only API versions '37.0' and later are supported."),
        ("replay/36.0", "400::Unsupported API version. Only API versions '37.0' and later are supported."),
        ("68.0", "400::Unsupported API version. Only API versions '37.0' and later are supported."),
        ("67", "400::API version in the URI is mandatory."),
        ("6x", "400::API version in the URI is mandatory."),
    ] {
        caller.client.bayeux = format!("{}/{version}", sandbox.bayeux);
        let answer =
            caller.request(&json!([{ "channel": "/meta/handshake", "id": "1" }])).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let expected = format!("{message} URI format: '/cometd/67.0'");
        assert_eq!(error(&json_of(answer).await), expected, "{version}");
    }
    caller.client.bayeux = latest;
    let answer = caller.client.request(&json!([{ "channel": "/meta/handshake" }])).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let bare = json!([{ "error": "401::Request requires authentication", "successful": false }]);
    assert_eq!(json_of(answer).await, bare);
    sandbox.post("config", json!({ "missingTokenDenied": true })).await;
    let answer = caller.client.send(json!([{ "channel": "/meta/handshake" }])).await;
    assert_eq!(answer[0]["ext"]["sfdc"]["failureReason"], "401::Request requires authentication");
}

#[tokio::test]
async fn a_handshake_with_a_bad_token_is_denied() {
    let sandbox = Sandbox::start().await;
    let mut caller = sandbox.caller().await;
    sandbox.post("expire-token", json!({})).await;
    assert_eq!(caller.shake_hands().await.status(), 200);
    let denied = |error: &str, reason: Option<&str>| {
        let mut ext = json!({ "replay": true, "payload.format": true });
        if let Some(reason) = reason {
            ext["sfdc"] = json!({ "failureReason": reason });
        }
        json!({
            "channel": "/meta/handshake", "id": "1", "successful": false, "error": error, "ext": ext,
            "advice": { "reconnect": "none" },
        })
    };
    let invalid = "401::Authentication invalid";
    assert_eq!(caller.client.handshake, denied("403::Handshake denied", Some(invalid)));
    sandbox.post("config", json!({ "deniedHandshakeStatus": 401, "deniedHandshakeAs": "direct" })).await;
    assert_eq!(caller.shake_hands().await.status(), 401);
    assert_eq!(caller.client.handshake, denied(invalid, None));
    sandbox.post("config", json!({ "deniedHandshakeAs": "createDenied" })).await;
    caller.shake_hands().await;
    assert_eq!(caller.client.handshake, denied("403:denied_by_security_policy:create_denied", Some(invalid)));
}

#[tokio::test]
async fn a_revoked_token_ends_the_parked_poll() {
    for (form, farewell, message) in [
        ("disconnect", json!({ "channel": "/meta/disconnect" }), "401::Authentication invalid"),
        (
            "disconnectSuccessful",
            json!({ "channel": "/meta/disconnect", "successful": true }),
            "401::Authentication invalid",
        ),
        ("unknownClient", json!({ "channel": "/meta/disconnect" }), "403::Unknown client"),
        ("bare", Value::Null, "401::Authentication invalid"),
    ] {
        let sandbox = Sandbox::start().await;
        sandbox.post("config", json!({ "revokedAs": form })).await;
        let mut caller = sandbox.follower().await;
        let poll = caller.park();
        sandbox.parked().await;
        sandbox.post("expire-token", json!({})).await;
        let replies = json_of(poll.await.unwrap().unwrap()).await;
        let refused = json!({
            "channel": "/meta/connect", "clientId": caller.client.id, "id": "7", "successful": false,
            "error": message, "advice": { "reconnect": "none", "interval": 0 },
        });
        let expected = if farewell.is_null() { json!([refused]) } else { json!([farewell, refused]) };
        assert_eq!(replies, expected, "{form}");
        caller.token = sandbox.token().await;
        assert_eq!(error(&caller.glance().await), "403::Unknown client", "the session is over");
    }
}

#[tokio::test]
async fn a_revoked_token_may_show_later_and_a_new_one_keeps_the_session() {
    let sandbox = Sandbox::start().await;
    let mut caller = sandbox.follower().await;
    let poll = caller.park();
    sandbox.parked().await;
    sandbox.post("expire-token", json!({ "tell": false })).await;
    assert_eq!(sandbox.stats().await["parkedPolls"], 1);
    sandbox.post("wake", json!({})).await;
    assert_eq!(json_of(poll.await.unwrap().unwrap()).await[1]["error"], "401::Authentication invalid");

    caller = sandbox.follower().await;
    sandbox.post("expire-token", json!({})).await;
    assert_eq!(error(&caller.subscribe("/u/a").await), "401::Authentication invalid");
    caller.token = sandbox.token().await;
    assert_eq!(caller.subscribe("/u/a").await[0]["successful"], true, "it was not polled meanwhile");
    sandbox.post("config", json!({ "username": "other@example.com" })).await;
    let other = changed(&PASSWORD, &[("username", "other@example.com")]);
    caller.token = json_of(sandbox.log_in(&other).await).await["access_token"].as_str().unwrap().to_owned();
    let replies = caller.glance().await;
    assert_eq!(error(&replies), "400::Authenticated user id does not match the session's user id");
    assert_eq!(replies[0]["advice"], json!({ "reconnect": "none" }));
}

#[tokio::test]
async fn cookies_must_come_back_byte_for_byte() {
    let sandbox = Sandbox::start().await;
    let mut caller = sandbox.caller().await;
    let response = caller.shake_hands().await;
    let set: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert!(set[0].to_str().unwrap().ends_with("; HttpOnly"), "{set:?}");
    let whole = caller.client.cookies.clone();
    for name in ["BAYEUX_BROWSER=", "sfdc-stream=", "BrowserId=", "CookieConsentPolicy="] {
        assert!(whole.contains(name), "{whole}");
    }
    let message = format!(
        "400::Client {} has established a session, but no BAYEUX_BROWSER cookie present",
        caller.client.id
    );
    for mangled in
        [whole.replace('!', "%21"), whole.replace("==; ", "; "), whole.replace("!Zm9y/+", "!Zm9y/ ")]
    {
        caller.client.cookies = mangled;
        assert_eq!(error(&caller.glance().await), message, "{}", caller.client.cookies);
    }
    caller.client.cookies = whole;
    assert_eq!(caller.glance().await[0]["successful"], true);
}

#[tokio::test]
async fn an_unknown_client_is_told_to_shake_hands_and_routed_anew() {
    let sandbox = Sandbox::start().await;
    let caller = sandbox.follower().await;
    sandbox.post("forget", json!({})).await;
    let response = caller.request(&caller.client.connect_message(json!({}))).send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("sfdc-stream=!") && cookie.ends_with("; SameSite=None; Secure"), "{cookie}");
    assert_eq!(
        json_of(response).await,
        json!([{
            "channel": "/meta/connect", "id": "7", "successful": false, "error": "403::Unknown client",
            "advice": { "interval": 0, "reconnect": "handshake" },
        }])
    );
}

#[tokio::test]
async fn sessions_end_when_not_polled_and_when_old() {
    for setting in ["maxIntervalMs", "sessionLifetimeMs"] {
        let sandbox = Sandbox::start().await;
        let caller = sandbox.follower().await;
        assert_eq!(sandbox.stats().await["lastRequests"][1]["token"], caller.token);
        sandbox.post("config", json!({ setting: 1 })).await;
        sandbox.until(|stats| stats["sessions"] == 0).await;
        assert_eq!(error(&caller.glance().await), "403::Unknown client", "{setting}");
    }
}

#[tokio::test]
async fn large_requests_are_refused() {
    let sandbox = Sandbox::start().await;
    let caller = sandbox.follower().await;
    let message = json!([{ "channel": "/meta/connect", "padding": "x".repeat(32_768) }]);
    assert_eq!(caller.request(&message).send().await.unwrap().status(), 413);
    assert_eq!(caller.client.http.post(&sandbox.bayeux).json(&message).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn channels_that_do_not_exist_are_refused() {
    let sandbox = Sandbox::start().await;
    let config = json!({
        "unknownChannels": ["/event/Gone__e", "/u/gone"],
        "deniedChannels": ["/topic/Secret", "/u/secret", "/event/Secret__e", "/data/ChangeEvents"],
    });
    sandbox.post("config", config).await;
    let caller = sandbox.follower().await;
    let missing = "400::The channel you requested to subscribe to does not exist";
    for (channel, message) in [
        ("", "400::Channel subscriptions must start with a leading '/'".to_owned()),
        ("event/A__e", "400::Channel subscriptions must start with a leading '/'".to_owned()),
        ("/event/*", "403::Restricted channel".to_owned()),
        ("/**", "403::Restricted channel".to_owned()),
        ("/meta/connect", "403::Restricted channel".to_owned()),
        ("/orders/new", format!("{missing} /orders/new")),
        ("/event/Order", format!("{missing} /event/Order")),
        ("/event/Gone__e", format!("{missing} /event/Gone__e")),
        ("/u/gone", "404::Unknown channel".to_owned()),
        ("/u/secret", "403::No access on channel".to_owned()),
        ("/topic/Secret", "403::Subscriber does not have access to the entity in this topic".to_owned()),
        ("/event/Secret__e", "403::Restricted channel".to_owned()),
        (
            "/data/ChangeEvents",
            "403::User not allowed to subscribe CDC without View All Data permissions".to_owned(),
        ),
    ] {
        let replies = caller.subscribe(channel).await;
        assert_eq!((error(&replies), &replies[0]["subscription"]), (message.as_str(), &json!(channel)));
    }
    let publish = json!([{ "channel": "/event/A__e", "clientId": caller.client.id, "data": {} }]);
    assert_eq!(error(&caller.send(publish).await), "403::Restricted channel");
}

#[tokio::test]
async fn filters_let_through_what_fits_any_condition() {
    let sandbox = Sandbox::start().await;
    let caller = sandbox.follower().await;
    caller.subscribe("/topic/T?Status='new'&N=2").await;
    for data in [json!({ "Status": "new" }), json!({ "Status": "old" }), json!({ "Status": "old", "N": 2 })] {
        sandbox.post("publish", json!({ "channel": "/topic/T", "data": data })).await;
    }
    let replies = caller.glance().await;
    assert_eq!(replies.as_array().unwrap().len(), 3, "{replies}");
    assert_eq!(replies[1]["data"]["sobject"]["N"], 2);
}

#[tokio::test]
async fn an_org_has_limits() {
    let sandbox = Sandbox::start().await;
    let one = sandbox.follower().await;
    let two = sandbox.follower().await;
    one.subscribe("/u/a").await;
    let limits = json!({ "concurrentClients": 2, "topicSubscriptions": 1, "dailyEvents": 2 });
    sandbox.post("config", limits).await;
    let mut three = sandbox.caller().await;
    three.shake_hands().await;
    let reason = &three.client.handshake["ext"]["sfdc"]["failureReason"];
    assert_eq!(reason, "403::Organization concurrent user limit exceeded");
    assert_eq!(error(&two.subscribe("/u/a").await), "403::Subscription limit exceeded for this topic");
    assert_eq!(one.subscribe("/u/a").await[0]["successful"], true, "its own does not count");

    two.subscribe("/event/A__e").await;
    sandbox.publish("/event/A__e", 2).await;
    assert_eq!(counted(&two.glance().await), [1, 2]);
    sandbox.publish("/event/A__e", 1).await;
    let refused = two.glance().await;
    assert_eq!(error(&refused), "403::Organization total events daily limit exceeded");
    assert_eq!(refused[0]["advice"], json!({ "reconnect": "none" }));
    let refused = two.subscribe("/event/B__e").await;
    assert_eq!(error(&refused), "403::Organization total events daily limit exceeded");
    assert_eq!(refused[0]["advice"], Value::Null);
    sandbox.post("age", json!({ "ms": 24 * 3_600_000 })).await;
    assert_eq!(counted(&two.glance().await), [3], "the next day has events again");
}

#[tokio::test]
async fn faults_refuse_with_the_reason_nested() {
    let sandbox = Sandbox::start().await;
    let mut caller = sandbox.follower().await;
    let faults = json!([
        { "kind": "busy-subscribe" },
        { "kind": "busy-subscribe", "error": "403:denied_by_security_policy:subscribe_denied" },
        { "kind": "daily-limit", "on": "connect", "advice": null },
        { "kind": "daily-limit" },
        { "kind": "deny-handshake", "failureReason": "SERVER_UNAVAILABLE", "status": 401 },
        { "kind": "concurrent-limit" },
        { "kind": "expire-token", "on": "connect" },
    ]);
    sandbox.post("faults", faults).await;
    let busy = caller.subscribe("/u/a").await;
    let reason = json!({ "sfdc": { "failureReason": "503::Server is too busy.  Please try your request again later." } });
    assert_eq!((error(&busy), &busy[0]["ext"]), ("401::Authentication invalid", &reason));
    assert_eq!(busy[0]["advice"], json!({ "reconnect": "none" }));
    assert_eq!(error(&caller.subscribe("/u/a").await), "403:denied_by_security_policy:subscribe_denied");
    let spent = caller.glance().await;
    assert_eq!(
        (error(&spent), &spent[0]["advice"]),
        ("403::Organization total events daily limit exceeded", &Value::Null)
    );
    let spent = caller.subscribe("/u/a").await;
    assert_eq!(
        (error(&spent), &spent[0]["advice"]),
        ("403::Organization total events daily limit exceeded", &Value::Null)
    );
    let second = sandbox.caller().await;
    let mut second = second;
    assert_eq!(second.shake_hands().await.status(), 401);
    assert_eq!(second.client.handshake["ext"]["sfdc"]["failureReason"], "SERVER_UNAVAILABLE");
    second.shake_hands().await;
    assert_eq!(error(&json!([second.client.handshake])), "403::Handshake denied");
    assert_eq!(caller.glance().await[1]["error"], "401::Authentication invalid");
    caller.token = sandbox.token().await;
    assert_eq!(caller.shake_hands().await.status(), 200);
}

#[tokio::test]
async fn orders_are_platform_events_too_where_settings_say_so() {
    let mut options = sandbox::Options::default();
    options.config.orders_per_second = 200.0;
    options.config.salesforce.orders_event = Some("/event/Order__e".to_owned());
    let sandbox = Sandbox::with(options).await;
    let caller = sandbox.follower().await;
    caller.subscribe("/event/Order__e").await;
    let replies = caller.connect(json!({})).await;
    assert!(replies[0]["data"]["payload"]["OrderId__c"].is_string(), "{replies}");
}
