//! Worlds, the page, the orders, and the program itself.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use common::{Sandbox, numbers};
use reqwest::Method;
use sandbox::{Options, Page};
use serde_json::{Value, json};

#[tokio::test]
async fn worlds_do_not_disturb_each_other() {
    let mut sandbox = Sandbox::start().await;
    let here = sandbox.session(false).await;
    let default = sandbox.control.clone();
    (sandbox.bayeux, sandbox.control) = sandbox.world("there");
    let there = sandbox.session(false).await;
    sandbox.post("publish", json!({ "channel": "/t/a", "count": 1 })).await;
    assert_eq!(numbers(&there.glance().await), [1]);
    assert_eq!(numbers(&here.glance().await), [0; 0]);
    sandbox.post("reset", json!({})).await;
    assert_eq!(there.glance().await[0]["error"], "403::Unknown client");
    assert_eq!(sandbox.stats().await["handshakes"], 0);
    sandbox.control = default;
    assert_eq!(sandbox.stats().await["sessions"], 1);
}

#[tokio::test]
async fn the_address_may_carry_a_suffix() {
    let sandbox = Sandbox::start().await;
    let mut client = sandbox.session(false).await;
    for suffix in ["/", "/connect", "/connect/"] {
        client.bayeux = format!("{}{suffix}", sandbox.bayeux);
        assert_eq!(client.glance().await[0]["successful"], true, "{suffix}");
    }
    let socket = sandbox.http.get(&sandbox.bayeux).send().await.unwrap();
    assert_eq!(socket.status(), 405);
}

#[tokio::test]
async fn orders_are_published_and_numbered() {
    let mut options = Options::default();
    options.config.orders_per_second = 200.0;
    let sandbox = Sandbox::with(options).await;
    let client = sandbox.session(false).await;
    client.subscribe("/orders/new").await;
    let mut seen = Vec::new();
    while seen.len() < 5 {
        seen.extend(numbers(&client.connect(json!({})).await));
    }
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seen:?}");
    sandbox.post("config", json!({ "ordersPerSecond": 0 })).await;
}

#[tokio::test]
async fn the_page_has_the_server_beside_it() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let page =
        Page { www: format!("{folder}/tests").into(), pkg: Some(format!("{folder}/src").into()), port: 0 };
    let sandbox = Sandbox::with(Options { page: Some(page), ..Options::default() }).await;
    let page = sandbox.running.page_url().unwrap();
    let get = |path: &str| sandbox.http.get(format!("{page}{path}")).send();
    assert_eq!(get("serving.rs").await.unwrap().status(), 200);
    assert_eq!(get("pkg/lib.rs").await.unwrap().status(), 200);
    assert_eq!(get("pkg/%2e%2e/Cargo.toml").await.unwrap().status(), 404);
    assert_eq!(get("nothing.js").await.unwrap().status(), 404);
    sandbox.session(false).await;
    let stats: Value = get("sandbox/stats").await.unwrap().json().await.unwrap();
    assert_eq!(stats["sessions"], 1, "both listeners show the same worlds");
}

#[tokio::test]
async fn pages_of_local_origins_may_call_and_no_others() {
    let sandbox = Sandbox::start().await;
    let ask = |origin: &'static str| {
        sandbox.http.request(Method::OPTIONS, &sandbox.bayeux).header("origin", origin).send()
    };
    let local = ask("http://127.0.0.1:8000").await.unwrap();
    assert_eq!(local.headers()["access-control-allow-origin"], "http://127.0.0.1:8000");
    for origin in ["http://example.com", "http://127.0.0.1.example.com", "null"] {
        assert!(
            !ask(origin).await.unwrap().headers().contains_key("access-control-allow-origin"),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn large_requests_are_refused_where_settings_say_so() {
    let sandbox = Sandbox::start().await;
    let client = sandbox.session(false).await;
    sandbox.post("config", json!({ "maxRequestBytes": 32_768, "keepAlive": false })).await;
    let message = json!([{ "channel": "/t/a", "clientId": client.id, "data": "x".repeat(33_000) }]);
    let refused = client.request(&message).send().await.unwrap();
    assert_eq!(refused.status(), 413);
    assert_eq!(refused.headers()["connection"], "close");
}

#[test]
fn the_program_leaves_with_its_parent() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(["--json", "--parent-stdin", "--speed", "10"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addresses: Value = serde_json::from_str(&line).unwrap();
    assert!(addresses["bayeux"].as_str().unwrap().ends_with("/cometd"));
    assert!(addresses["control"].as_str().unwrap().ends_with("/sandbox"));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_program_explains_itself() {
    let output = Command::new(env!("CARGO_BIN_EXE_sandbox")).arg("--prot").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("what is --prot?"));
}
