//! An org that has moved, and calls that refuse every token.

mod common;

use std::time::Duration;

use common::Sandbox;
use common::salesforce::PASSWORD;
use reqwest::Method;
use serde_json::{Value, json};

const NEW: &str = "http://127.0.0.1:1/there";

/// Where the requests of the test go, as a `Host` header has it.
fn host(sandbox: &Sandbox) -> String {
    sandbox.salesforce().trim_start_matches("http://").to_owned()
}

#[tokio::test]
async fn the_old_host_redirects_all_but_logins_which_name_the_new_one() {
    let sandbox = Sandbox::start().await;
    let caller = sandbox.follower().await;
    sandbox.post("config", json!({ "moved": { "from": host(&sandbox), "to": NEW } })).await;
    let answer: Value = sandbox.log_in(&PASSWORD).await.json().await.unwrap();
    assert_eq!(answer["instance_url"], NEW);
    let bayeux = caller.request(&json!([{ "channel": "/meta/handshake" }])).send().await.unwrap();
    let versions = sandbox.http.get(format!("{}/services/data/", sandbox.salesforce())).send().await.unwrap();
    let limits = caller.rest(Method::GET, &sandbox, "/data/v67.0/limits").send().await.unwrap();
    for (answer, path) in
        [(bayeux, "/cometd/67.0"), (versions, "/services/data/"), (limits, "/services/data/v67.0/limits")]
    {
        let location = answer.headers()["location"].to_str().unwrap();
        assert_eq!((answer.status().as_u16(), location), (302, format!("{NEW}{path}").as_str()));
    }
    let stats = sandbox.stats().await;
    assert_eq!((&stats["atOldHost"], &stats["handshakes"]), (&json!(3), &json!(1)));
}

#[tokio::test]
async fn requests_to_another_host_than_the_old_one_are_served() {
    let sandbox = Sandbox::start().await;
    let caller = sandbox.follower().await;
    sandbox.post("config", json!({ "moved": { "from": "127.0.0.1:1", "to": NEW } })).await;
    let limits = caller.rest(Method::GET, &sandbox, "/data/v67.0/limits").send().await.unwrap();
    assert_eq!((limits.status().as_u16(), &sandbox.stats().await["atOldHost"]), (200, &json!(0)));
}

#[tokio::test]
async fn the_old_host_may_hang_or_drop_what_comes() {
    for old_host in ["hang", "refuse"] {
        let sandbox = Sandbox::start().await;
        let caller = sandbox.follower().await;
        let moved = json!({ "from": host(&sandbox), "to": NEW, "oldHost": old_host });
        sandbox.post("config", json!({ "moved": moved })).await;
        let request = caller.request(&json!([{ "channel": "/meta/handshake" }]));
        let answer = tokio::spawn(request.timeout(Duration::from_secs(60)).send());
        sandbox.until(|stats| stats["atOldHost"] == 1).await;
        if old_host == "hang" {
            assert!(!answer.is_finished());
            sandbox.post("cut", json!({})).await;
        }
        assert!(answer.await.unwrap().is_err(), "{old_host}");
    }
}

#[tokio::test]
async fn a_call_that_refuses_refuses_every_token_and_the_others_go_on() {
    let sandbox = Sandbox::start().await;
    sandbox.post("config", json!({ "refusingCalls": ["/data/v67.0/sobjects/Secret__c"] })).await;
    for _ in 0..2 {
        let caller = sandbox.caller().await;
        let secret =
            caller.rest(Method::GET, &sandbox, "/data/v67.0/sobjects/Secret__c").send().await.unwrap();
        assert_eq!(secret.status(), 401);
        assert_eq!(secret.json::<Value>().await.unwrap()[0]["errorCode"], "INVALID_SESSION_ID");
        let limits = caller.rest(Method::GET, &sandbox, "/data/v67.0/limits").send().await.unwrap();
        assert_eq!(limits.status(), 200);
    }
}
