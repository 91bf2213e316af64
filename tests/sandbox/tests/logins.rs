//! Logins, versions and REST calls, as Salesforce answers them.

mod common;

use common::Sandbox;
use common::salesforce::{JWT_BEARER, PASSWORD, PUBLIC_KEY, assertion, changed, counted, in_seconds};
use reqwest::{Method, Response};
use serde_json::{Value, json};

const REFRESH: [(&str, &str); 3] =
    [("grant_type", "refresh_token"), ("client_id", "sandbox-client"), ("refresh_token", "sandbox-refresh")];
const CREDENTIALS: [(&str, &str); 3] = [
    ("grant_type", "client_credentials"),
    ("client_id", "sandbox-client"),
    ("client_secret", "sandbox-secret"),
];

async fn refused(answer: Response) -> (u16, String, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    let text = |field: &str| body[field].as_str().unwrap().to_owned();
    (status, text("error"), text("error_description"))
}

fn invalid(error: &str, description: &str) -> (u16, String, String) {
    (400, error.to_owned(), description.to_owned())
}

#[tokio::test]
async fn each_login_makes_a_token_of_its_own() {
    let sandbox = Sandbox::start().await;
    let answer: Value = sandbox.log_in(&PASSWORD).await.json().await.unwrap();
    assert_eq!(answer["instance_url"], sandbox.salesforce());
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &Value::Null));
    assert!(answer["issued_at"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000);
    let token = answer["access_token"].as_str().unwrap();
    assert!(token.starts_with("00D") && token.contains("!AQ") && token.contains('.'), "{token}");
    assert_ne!(sandbox.token().await, token);
    let bare = changed(&PASSWORD, &[("password", "sandbox-password")]);
    assert_eq!(sandbox.log_in(&bare).await.status(), 200, "the security token may be left out");

    let answer: Value = sandbox.log_in(&REFRESH).await.json().await.unwrap();
    assert_eq!((&answer["scope"], &answer["refresh_token"]), (&json!("refresh_token api"), &Value::Null));
    assert_eq!(sandbox.log_in(&CREDENTIALS).await.status(), 200);
    let stats = sandbox.stats().await;
    assert_eq!(stats["logins"], json!({ "client_credentials": 1, "password": 3, "refresh_token": 1 }));
    assert_eq!(stats["tokens"], 5);
}

#[tokio::test]
async fn worlds_have_logins_and_tokens_of_their_own() {
    let sandbox = Sandbox::start().await;
    let world = sandbox.running.world_salesforce_url("there");
    let form = common::salesforce::encoded(&PASSWORD);
    let login = sandbox.http.post(format!("{world}/services/oauth2/token")).body(form);
    let answer: Value = login.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["instance_url"], world);
    let token = answer["access_token"].as_str().unwrap();
    let limits = async |base: &str| {
        let url = format!("{base}/services/data/v67.0/limits");
        sandbox.http.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    assert_eq!((limits(&world).await, limits(&sandbox.salesforce()).await), (200, 401));
}

#[tokio::test]
async fn refusals_are_in_salesforces_words() {
    let sandbox = Sandbox::start().await;
    let wrong = async |form: &[(&str, &str)], name: &str, value: &str| {
        refused(sandbox.log_in(&changed(form, &[(name, value)])).await).await
    };
    let failed = invalid("invalid_grant", "authentication failure");
    assert_eq!(wrong(&PASSWORD, "password", "guess").await, failed);
    assert_eq!(wrong(&PASSWORD, "username", "someone").await, failed);
    let unknown = invalid("invalid_client_id", "client identifier invalid");
    assert_eq!(wrong(&PASSWORD, "client_id", "x").await, unknown);
    let secret = invalid("invalid_client", "invalid client credentials");
    assert_eq!(wrong(&CREDENTIALS, "client_secret", "x").await, secret);
    let expired = invalid("invalid_grant", "expired access/refresh token");
    assert_eq!(wrong(&REFRESH, "refresh_token", "old").await, expired);
    let unsupported = invalid("unsupported_grant_type", "grant type not supported");
    assert_eq!(wrong(&PASSWORD, "grant_type", "magic").await, unsupported);
    sandbox.post("config", json!({ "clientCredentialsUser": false, "approved": false })).await;
    let nobody = invalid("invalid_grant", "no client credentials user enabled");
    assert_eq!(refused(sandbox.log_in(&CREDENTIALS).await).await, nobody);
    let unapproved = invalid("invalid_grant", "user hasn't approved this consumer");
    assert_eq!(refused(sandbox.log_in(&REFRESH).await).await, unapproved);
    assert_eq!(sandbox.stats().await["loginsRefused"], 8);
}

#[tokio::test]
async fn refresh_tokens_can_be_good_for_one_login() {
    let sandbox = Sandbox::start().await;
    sandbox.post("config", json!({ "rotateRefreshToken": true })).await;
    let answer: Value = sandbox.log_in(&REFRESH).await.json().await.unwrap();
    let next = answer["refresh_token"].as_str().unwrap();
    assert_eq!(sandbox.log_in(&REFRESH).await.status(), 400);
    assert_eq!(sandbox.log_in(&changed(&REFRESH, &[("refresh_token", next)])).await.status(), 200);
}

#[tokio::test]
async fn assertions_are_verified() {
    let sandbox = Sandbox::start().await;
    let origin = sandbox.salesforce();
    let claims = |changes: Value| {
        let mut claims = json!({
            "iss": "sandbox-client", "sub": "user@example.com", "aud": "https://login.salesforce.com",
            "exp": in_seconds(180),
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    };
    let log_in = async |assertion: &str| {
        let form = [("grant_type", JWT_BEARER), ("assertion", assertion)];
        sandbox.log_in(&form).await
    };
    let bad = invalid("invalid_grant", "invalid assertion");
    let good = assertion(&claims(json!({})));
    assert_eq!(refused(log_in(&good).await).await, bad, "there is no key yet");
    sandbox.post("config", json!({ "jwtPublicKey": PUBLIC_KEY })).await;
    for aud in ["https://login.salesforce.com", "https://test.salesforce.com", &origin] {
        assert_eq!(log_in(&assertion(&claims(json!({ "aud": aud })))).await.status(), 200, "{aud}");
    }

    let (signed, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("{}.{signature}", signed.replacen('e', "f", 1));
    assert_eq!(refused(log_in(&forged).await).await, bad);
    assert_eq!(refused(log_in("garbage").await).await, bad);
    for exp in [in_seconds(0) - 1, in_seconds(400)] {
        assert_eq!(refused(log_in(&assertion(&claims(json!({ "exp": exp })))).await).await, bad);
    }
    for (claim, error, description) in [
        ("iss", "invalid_client_id", "client identifier invalid"),
        ("aud", "invalid_grant", "audience is invalid"),
        ("sub", "invalid_grant", "user hasn't approved this consumer"),
    ] {
        let answer = log_in(&assertion(&claims(json!({ claim: "other" })))).await;
        assert_eq!(refused(answer).await, invalid(error, description));
    }
    sandbox.post("config", json!({ "jwtAudience": "https://my.example.com" })).await;
    assert_eq!(refused(log_in(&good).await).await.2, "audience is invalid");
    assert_eq!(sandbox.stats().await["logins"], json!({ "jwt": 3 }));
}

#[tokio::test]
async fn versions_are_listed_for_everybody() {
    let mut options = sandbox::Options::default();
    options.config.salesforce.latest_version = 39;
    let sandbox = Sandbox::with(options).await;
    for slash in ["", "/"] {
        let url = format!("{}/services/data{slash}", sandbox.salesforce());
        let versions: Value = sandbox.http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(
            versions,
            json!([
                { "label": "Summer '16", "url": "/services/data/v37.0", "version": "37.0" },
                { "label": "Winter '17", "url": "/services/data/v38.0", "version": "38.0" },
                { "label": "Spring '17", "url": "/services/data/v39.0", "version": "39.0" },
            ])
        );
    }
}

#[tokio::test]
async fn platform_events_are_published_over_rest() {
    let sandbox = Sandbox::start().await;
    let follower = sandbox.follower().await;
    follower.subscribe("/event/Order__e").await;
    let post = async |path: &str, body: &'static str| {
        let answer = follower.rest(Method::POST, &sandbox, path).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, answer) = post("/data/v67.0/sobjects/Order__e", r#"{"n":1,"Price__c":1.10}"#).await;
    assert_eq!((status, &answer["success"], &answer["errors"]), (201, &json!(true), &json!([])));
    let (status, answer) = post("/data/v67.0/sobjects/Order", "{}").await;
    assert_eq!((status, &answer[0]["errorCode"]), (404, &json!("NOT_FOUND")));
    let (status, answer) = post("/data/v67.0/sobjects/Order__e", "{").await;
    assert_eq!((status, &answer[0]["errorCode"]), (400, &json!("JSON_PARSER_ERROR")));
    assert_eq!(post("/data/v12.0/sobjects/Order__e", "{}").await.0, 404);
    assert_eq!(counted(&follower.glance().await), [1]);
}

#[tokio::test]
async fn generic_events_are_pushed_to_all_or_to_some() {
    let sandbox = Sandbox::start().await;
    let follower = sandbox.follower().await;
    follower.subscribe("/u/notifications").await;
    let push = follower.rest(
        Method::POST,
        &sandbox,
        "/data/v67.0/sobjects/StreamingChannel/0M6000000000001AAA/push",
    );
    let events = json!({ "pushEvents": [
        { "payload": "to all", "userIds": [] },
        { "payload": "to some", "userIds": ["0055g00000AbCdEAAV"] },
        { "payload": "to others", "userIds": ["x"] },
    ] });
    let answer: Value = push.json(&events).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        answer,
        json!([
            { "fanoutCount": -1, "userOnlineStatus": {} },
            { "fanoutCount": 1, "userOnlineStatus": { "0055g00000AbCdEAAV": true } },
            { "fanoutCount": 0, "userOnlineStatus": { "x": false } },
        ])
    );
    let replies = follower.glance().await;
    assert_eq!(
        (&replies[0]["data"]["payload"], &replies[1]["data"]["payload"]),
        (&json!("to all"), &json!("to some"))
    );
    assert_eq!(replies[2]["channel"], "/meta/connect");
    let made = follower.rest(Method::POST, &sandbox, "/data/v67.0/sobjects/StreamingChannel");
    let made: Value = made.json(&json!({ "Name": "/u/new" })).send().await.unwrap().json().await.unwrap();
    let path = format!("/data/v67.0/sobjects/StreamingChannel/{}/push", made["id"].as_str().unwrap());
    let answer = follower.rest(Method::POST, &sandbox, &path).json(&events).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn calls_need_a_valid_token() {
    let sandbox = Sandbox::start().await;
    let mut caller = sandbox.caller().await;
    let get = async |caller: &common::salesforce::Caller, path: &str| {
        let answer = caller.rest(Method::GET, &sandbox, path).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(get(&caller, "/oauth2/userinfo").await.1["preferred_username"], "user@example.com");
    assert_eq!(get(&caller, "/data/v67.0/limits").await.0, 200);
    assert_eq!(sandbox.post("expire-token", json!({})).await["revoked"], 1);
    let expired = json!([{ "message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID" }]);
    assert_eq!(get(&caller, "/data/v67.0/limits").await, (401, expired));
    caller.token = sandbox.token().await;
    assert_eq!(get(&caller, "/data/v67.0/limits").await.0, 200);
    let url = format!("{}/services/data/v67.0/limits", sandbox.salesforce());
    let other = sandbox.http.get(&url).header("authorization", format!("OAuth {}", caller.token));
    assert_eq!(other.send().await.unwrap().status(), 200);

    sandbox.post("config", json!({ "tokenLifetimeMs": 1_000 })).await;
    caller.token = sandbox.token().await;
    assert_eq!(get(&caller, "/data/v67.0/limits").await.0, 200);
    sandbox.post("age", json!({ "ms": 1_000 })).await;
    assert_eq!(get(&caller, "/data/v67.0/limits").await.0, 401, "tokens have their time");
    assert_eq!(sandbox.stats().await["unauthorized"], 2);
}

#[tokio::test]
async fn logins_and_calls_meet_faults_of_their_own() {
    let sandbox = Sandbox::start().await;
    sandbox.post("fail-logins", json!({ "times": 2, "description": "rate limited" })).await;
    let limited = invalid("invalid_grant", "rate limited");
    assert_eq!(refused(sandbox.log_in(&PASSWORD).await).await, limited);
    assert_eq!(refused(sandbox.log_in(&PASSWORD).await).await, limited);
    let faults = json!([
        { "kind": "instance-url", "url": "http://elsewhere.example.com" },
        { "on": "login", "kind": "redirect", "location": "https://elsewhere.example.com/" },
        { "on": "login", "kind": "malformed" },
        { "on": "versions", "kind": "retry-after", "seconds": 9 },
        { "on": "rest", "kind": "expire-token" },
        { "on": "rest", "kind": "cut" },
    ]);
    sandbox.post("faults", faults).await;
    let caller = sandbox.follower().await;
    assert_eq!(sandbox.log_in(&PASSWORD).await.status(), 302);
    assert!(sandbox.log_in(&PASSWORD).await.json::<Value>().await.is_err());
    let versions = sandbox.http.get(format!("{}/services/data/", sandbox.salesforce())).send().await.unwrap();
    assert_eq!(
        (versions.status().as_u16(), &versions.headers()["retry-after"]),
        (503, &"9".parse().unwrap())
    );
    let limits = || caller.rest(Method::GET, &sandbox, "/data/v67.0/limits").send();
    assert_eq!(limits().await.unwrap().status(), 401);
    assert!(limits().await.unwrap().text().await.is_err());

    sandbox.post("config", json!({ "instanceUrl": "https://my.example.com" })).await;
    let answer: Value = sandbox.log_in(&PASSWORD).await.json().await.unwrap();
    assert_eq!(answer["instance_url"], "https://my.example.com");
    sandbox.post("faults", json!({ "kind": "instance-url", "url": "x" })).await;
    let answer: Value = sandbox.log_in(&PASSWORD).await.json().await.unwrap();
    assert_eq!(answer["instance_url"], "x");
    sandbox.post("fail-logins", json!({ "hang": true })).await;
    let form = common::salesforce::encoded(&PASSWORD);
    let login = sandbox.http.post(format!("{}/services/oauth2/token", sandbox.salesforce())).body(form);
    let login = tokio::spawn(login.send());
    sandbox.until(|stats| stats["openRequests"] == 1).await;
    sandbox.post("cut", json!({})).await;
    assert!(login.await.unwrap().is_err());
}
