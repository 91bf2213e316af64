//! What a world counts for the tests: `GET stats`.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use crate::request::{Kind, Request};

const REMEMBERED: usize = 50;

#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stats {
    pub handshakes: u64,
    pub disconnects: u64,
    /// Successful logins by grant; `jwt` for the longest of their names.
    pub logins: BTreeMap<String, u64>,
    pub logins_refused: u64,
    pub rest_calls: u64,
    pub version_calls: u64,
    /// Requests to the host that the org has left, logins excepted.
    pub at_old_host: u64,
    /// Answers for want of a valid token: one for each REST call or Bayeux message.
    pub unauthorized: u64,
    pub published: BTreeMap<String, u64>,
    pub published_total: u64,
    /// Events written into responses, whether or not those arrived.
    pub delivered: u64,
    /// Events that went down with a poll whose socket was gone.
    pub swallowed: u64,
    pub requests: u64,
    pub requests_by_kind: BTreeMap<Kind, u64>,
    pub open_requests: usize,
    pub open_connects: usize,
    /// The most that one session ever had open at once.
    pub max_open_requests: usize,
    pub max_open_connects: usize,
    pub last_requests: VecDeque<Seen>,
}

/// One of the requests seen last.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    kinds: Vec<Kind>,
    messages: Vec<String>,
    session: Option<String>,
    bytes: usize,
    ack_number: Option<Value>,
    advice_sent: Option<Value>,
    cookie: Option<String>,
    /// At an address of Salesforce's. What this server gives out opens nothing else.
    token: Option<String>,
}

impl Stats {
    pub(crate) fn see(&mut self, request: &Request) {
        self.requests += 1;
        let kinds: Vec<_> = request.messages.iter().map(|message| message.kind()).collect();
        for kind in &kinds {
            *self.requests_by_kind.entry(*kind).or_default() += 1;
        }
        let connect = request.messages.iter().find(|message| message.kind() == Kind::Connect);
        if self.last_requests.len() == REMEMBERED {
            self.last_requests.pop_front();
        }
        self.last_requests.push_back(Seen {
            kinds,
            messages: request.messages.iter().map(|message| message.channel().to_owned()).collect(),
            session: request.session().map(str::to_owned),
            bytes: request.bytes,
            ack_number: connect.and_then(|message| message.ack().cloned()),
            advice_sent: connect.and_then(|message| message.fields.get("advice").cloned()),
            cookie: request.cookies.clone(),
            token: request.salesforce.as_ref().and_then(|caller| caller.token.clone()),
        });
    }
}
