//! A client of Salesforce's dialect, which keeps its token and cookies and does what it is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, RequestBuilder, Response};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::{Client, Sandbox};

/// The key that the tests' assertions are verified with.
pub const PUBLIC_KEY: &str = include_str!("jwt-key.pub.pem");

/// The password grant of a world as it comes.
pub const PASSWORD: [(&str, &str); 5] = [
    ("grant_type", "password"),
    ("client_id", "sandbox-client"),
    ("client_secret", "sandbox-secret"),
    ("username", "user@example.com"),
    ("password", "sandbox-passwordTOKEN"),
];

/// The grant whose name is long.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A form with some of its fields changed.
pub fn changed<'a>(form: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = form.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    kept.chain(changes).copied().collect()
}

/// What a form looks like in a body.
pub fn encoded(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// An assertion of these claims, signed with the tests' key.
pub fn assertion(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "RS256" })), part(claims));
    let key = RsaKeyPair::from_der(include_bytes!("jwt-key.der")).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// So many seconds from now, since 1970.
pub fn in_seconds(seconds: u64) -> u64 {
    (SystemTime::now() + Duration::from_secs(seconds)).duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A client and its token.
pub struct Caller {
    pub token: String,
    pub client: Client,
}

impl Sandbox {
    /// Salesforce's address of the default world.
    pub fn salesforce(&self) -> String {
        self.running.salesforce_url()
    }

    pub async fn log_in(&self, form: &[(&str, &str)]) -> Response {
        let request = self.http.post(format!("{}/services/oauth2/token", self.salesforce()));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(encoded(form)).send().await.unwrap()
    }

    pub async fn token(&self) -> String {
        let answer: Value = self.log_in(&PASSWORD).await.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A client after its login, with no session yet.
    pub async fn caller(&self) -> Caller {
        let client = Client {
            bayeux: format!("{}/cometd/67.0", self.salesforce()),
            http: self.http.clone(),
            id: String::new(),
            cookies: String::new(),
            handshake: Value::Null,
        };
        Caller { token: self.token().await, client }
    }

    /// A client after its first connect.
    pub async fn follower(&self) -> Caller {
        let mut caller = self.caller().await;
        caller.shake_hands().await;
        let replies = caller.connect(json!({})).await;
        assert_eq!(replies[0]["successful"], true, "{replies}");
        caller
    }

    pub async fn publish(&self, channel: &str, count: u64) -> Vec<Value> {
        let answer = self.post("publish", json!({ "channel": channel, "count": count })).await;
        answer["replayIds"].as_array().unwrap().clone()
    }
}

impl Caller {
    pub fn request(&self, messages: &Value) -> RequestBuilder {
        self.client.request(messages).bearer_auth(&self.token)
    }

    pub async fn send(&self, messages: Value) -> Value {
        self.request(&messages).send().await.unwrap().json().await.unwrap()
    }

    pub async fn shake_hands(&mut self) -> Response {
        let message = json!([{ "channel": "/meta/handshake", "version": "1.0", "id": "1" }]);
        let response = self.request(&message).send().await.unwrap();
        let set = response.headers().get_all("set-cookie").iter();
        let set = set.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned());
        let set: Vec<_> = set.collect();
        // A cookie that is not set anew stays.
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        let kept = self.client.cookies.split("; ").filter(|old| set.iter().all(|new| name(new) != name(old)));
        let jar = kept.filter(|pair| !pair.is_empty()).map(str::to_owned).chain(set.iter().cloned());
        self.client.cookies = jar.collect::<Vec<_>>().join("; ");
        let copy = response.headers().clone();
        let status = response.status();
        let text = response.text().await.unwrap();
        let replies: Value = serde_json::from_str(&text).unwrap();
        self.client.handshake = replies[0].clone();
        self.client.id = replies[0]["clientId"].as_str().unwrap_or_default().to_owned();
        let mut again = axum::http::Response::new(text);
        (*again.status_mut(), *again.headers_mut()) = (status, copy);
        Response::from(again)
    }

    pub async fn connect(&self, more: Value) -> Value {
        self.send(self.client.connect_message(more)).await
    }

    /// A connect that takes what there is.
    pub async fn glance(&self) -> Value {
        self.connect(json!({ "advice": { "timeout": 0 } })).await
    }

    /// A connect that runs beside the test.
    pub fn park(&self) -> tokio::task::JoinHandle<reqwest::Result<Response>> {
        tokio::spawn(self.request(&self.client.connect_message(json!({}))).send())
    }

    pub async fn subscribe(&self, channel: &str) -> Value {
        self.send(json!([self.subscription(channel)])).await
    }

    pub async fn replay(&self, channel: &str, from: impl Into<Value>) -> Value {
        let mut message = self.subscription(channel);
        message["ext"] = json!({ "replay": { channel: from.into() } });
        self.send(json!([message])).await
    }

    fn subscription(&self, channel: &str) -> Value {
        json!({
            "channel": "/meta/subscribe", "clientId": self.client.id, "subscription": channel, "id": "s",
        })
    }

    /// A call of the REST API.
    pub fn rest(&self, method: Method, sandbox: &Sandbox, path: &str) -> RequestBuilder {
        self.client
            .http
            .request(method, format!("{}/services{path}", sandbox.salesforce()))
            .bearer_auth(&self.token)
    }
}

/// The numbers that the control API gave the events in a response.
pub fn counted(replies: &Value) -> Vec<u64> {
    let n = |message: &Value| {
        let data = &message["data"];
        data["payload"]["n"].as_u64().or(data["sobject"]["n"].as_u64())
    };
    replies.as_array().unwrap().iter().filter_map(n).collect()
}
