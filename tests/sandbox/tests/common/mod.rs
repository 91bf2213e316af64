//! A client that does what it is told, and a hand on the sandbox's controls.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod salesforce;

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use sandbox::{Options, Running};
use serde_json::{Value, json};

/// A sandbox of its own for a test.
pub struct Sandbox {
    pub running: Running,
    pub http: reqwest::Client,
    pub bayeux: String,
    pub control: String,
}

/// One session's client: it keeps cookies, ids and nothing else.
pub struct Client {
    pub bayeux: String,
    pub http: reqwest::Client,
    pub id: String,
    pub cookies: String,
    pub handshake: Value,
}

impl Sandbox {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let running = sandbox::start(options).await.expect("a free port");
        let (bayeux, control) = (running.bayeux_url(), running.control_url());
        // Without kept connections: on a reused one reqwest tries again by itself, which hides dropped requests.
        let redirect = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).redirect(redirect).build().unwrap();
        Self { running, http, bayeux, control }
    }

    /// The same process seen through another world.
    pub fn world(&self, name: &str) -> (String, String) {
        (self.running.world_bayeux_url(name), self.running.world_control_url(name))
    }

    pub async fn post(&self, action: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/{action}", self.control)).json(&body);
        let response = request.send().await.expect("the controls answer");
        assert_eq!(response.status(), 200, "POST {action} {body}");
        response.json().await.unwrap()
    }

    pub async fn stats(&self) -> Value {
        self.http.get(format!("{}/stats", self.control)).send().await.unwrap().json().await.unwrap()
    }

    /// Waits until the statistics say so.
    pub async fn until(&self, met: impl Fn(&Value) -> bool) -> Value {
        loop {
            let stats = self.stats().await;
            if met(&stats) {
                return stats;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn parked(&self) -> Value {
        self.until(|stats| stats["parkedPolls"] == 1).await
    }

    /// A session after its handshake.
    pub async fn handshake(&self, ack: bool) -> Client {
        let mut client = Client {
            bayeux: self.bayeux.clone(),
            http: self.http.clone(),
            id: String::new(),
            cookies: String::new(),
            handshake: Value::Null,
        };
        client.shake_hands(ack).await;
        client
    }

    /// A session after its first connect, subscribed to `/t/**`.
    pub async fn session(&self, ack: bool) -> Client {
        let client = self.handshake(ack).await;
        let replies = client.connect(json!({ "ext": { "ack": 0 } })).await;
        assert_eq!(replies[0]["successful"], true, "{replies}");
        let replies = client.subscribe("/t/**").await;
        assert_eq!(replies[0]["successful"], true, "{replies}");
        client
    }
}

impl Client {
    pub async fn shake_hands(&mut self, ack: bool) {
        let message = json!([{
            "channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"],
            "id": "1", "ext": { "ack": ack },
        }]);
        let response = self.request(&message).send().await.unwrap();
        let set = response.headers().get_all("set-cookie").iter();
        let pairs: Vec<_> =
            set.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
        if !pairs.is_empty() {
            self.cookies = pairs.join("; ");
        }
        let replies: Value = response.json().await.unwrap();
        self.handshake = replies[0].clone();
        self.id = self.handshake["clientId"].as_str().unwrap_or_default().to_owned();
    }

    pub fn request(&self, messages: &Value) -> RequestBuilder {
        self.http.post(&self.bayeux).header("cookie", &self.cookies).json(messages)
    }

    pub async fn send(&self, messages: Value) -> Value {
        self.request(&messages).send().await.expect("an answer").json().await.expect("a whole one")
    }

    pub fn connect_message(&self, more: Value) -> Value {
        let mut message = json!({
            "channel": "/meta/connect", "clientId": self.id, "connectionType": "long-polling", "id": "7",
        });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([message])
    }

    pub async fn connect(&self, more: Value) -> Value {
        self.send(self.connect_message(more)).await
    }

    /// A connect that takes what there is.
    pub async fn glance(&self) -> Value {
        self.connect(json!({ "advice": { "timeout": 0 } })).await
    }

    /// A connect that runs beside the test.
    pub fn park(&self, more: Value) -> tokio::task::JoinHandle<reqwest::Result<Response>> {
        tokio::spawn(self.request(&self.connect_message(more)).send())
    }

    pub async fn subscribe(&self, subscription: impl Into<Value>) -> Value {
        let subscription = subscription.into();
        self.send(json!([{
            "channel": "/meta/subscribe", "clientId": self.id, "subscription": subscription, "id": "s",
        }]))
        .await
    }

    pub async fn publish(&self, channel: &str, data: Value) -> Value {
        self.send(json!([{ "channel": channel, "clientId": self.id, "data": data, "id": "p" }])).await
    }
}

/// What arrived of a body, and whether that was all.
pub async fn drain(mut response: Response) -> (String, bool) {
    let mut text = Vec::new();
    let whole = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    (String::from_utf8(text).unwrap(), whole)
}

/// The running numbers of the events in a response.
pub fn numbers(replies: &Value) -> Vec<u64> {
    replies.as_array().unwrap().iter().filter_map(|message| message["data"]["n"].as_u64()).collect()
}
