//! An engine with its host, and the server that it talks to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use cometd_edge::js::{Engine, EngineHost, EngineOptions, told};
use js_sys::{Array, Function, Object, Promise};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortSignal, Headers, Response};

use crate::values::{
    call, clear_timeout, function, get, keys, own, pause, print_panics, queue_microtask, resolved, set,
    set_timeout,
};

pub const URL: &str = "https://example.com/cometd";

/// An engine, its host, and a server that answers all but polls, which wait for the test.
pub struct Page {
    pub engine: Engine,
    pub seen: Rc<Seen>,
    pub requests: Rc<RefCell<Vec<Rc<Request>>>>,
    polls: Rc<RefCell<VecDeque<Rc<Request>>>>,
    transport: Rc<RefCell<Transport>>,
}

type Transport = Box<dyn Fn(&Rc<Request>) -> Result<Promise, JsValue>>;

/// What the engine has told its host.
#[derive(Default)]
pub struct Seen {
    settled: RefCell<Vec<Settled>>,
    pub ready: Cell<Option<u32>>,
    pub states: RefCell<Vec<String>>,
    pub closed: Cell<bool>,
    timer: Cell<Option<f64>>,
    /// The JavaScript client has been collected.
    pub gone: Rc<Cell<bool>>,
    /// How far the engine's clock is ahead, in milliseconds.
    pub ahead: Rc<Cell<f64>>,
}

#[derive(Clone)]
pub struct Settled {
    command: u32,
    pub replies: String,
    pub code: Option<String>,
    pub message: String,
}

impl Seen {
    /// There is one timer.
    fn stop_timer(&self) {
        if let Some(timer) = self.timer.take() {
            clear_timeout(timer);
        }
    }
}

impl Page {
    pub fn open(options: &[(&str, JsValue)]) -> Self {
        let seen = Rc::<Seen>::default();
        let requests = Rc::<RefCell<Vec<Rc<Request>>>>::default();
        let polls = Rc::<RefCell<VecDeque<Rc<Request>>>>::default();
        let (parked, polled) = (polls.clone(), Cell::new(false));
        let transport: Rc<RefCell<Transport>> = Rc::new(RefCell::new(Box::new(move |request| {
            let park = request.is("/meta/connect") && polled.replace(true);
            Ok(if park { park_poll(request, &parked) } else { answer_at_once(request) })
        })));
        let host = host(&seen, &requests, &transport);
        let given = Object::new();
        let defaults: [(&str, JsValue); 7] = [
            ("url", URL.into()),
            ("headers", Array::new().into()),
            ("allowedHosts", Array::new().into()),
            ("ownCookies", false.into()),
            ("inspect", "none".into()),
            ("seed", 1.into()),
            ("unixMsAtZero", 0.into()),
        ];
        for (name, value) in defaults.iter().chain(options) {
            set(&given, name, value);
        }
        let engine = Engine::new(host.unchecked_into::<EngineHost>(), given.unchecked_ref::<EngineOptions>());
        print_panics();
        Self { engine: engine.unwrap_throw(), seen, requests, polls, transport }
    }

    /// After the handshake.
    pub async fn connected(options: &[(&str, JsValue)]) -> Self {
        let page = Self::open(options);
        page.tell(told::START, 0, "", "");
        assert_eq!(page.settled(0).await.code, None);
        page
    }

    pub fn tell(&self, what: u32, first: u32, one: &str, two: &str) {
        self.engine.input(what, first, one, two, 0.0, 0.0).unwrap_throw();
    }

    /// Answers in the server's place.
    pub fn instead(&self, answer: impl Fn(&Rc<Request>) -> Promise + 'static) {
        self.instead_or_throw(move |request| Ok(answer(request)));
    }

    pub fn instead_or_throw(&self, answer: impl Fn(&Rc<Request>) -> Result<Promise, JsValue> + 'static) {
        *self.transport.borrow_mut() = Box::new(answer);
    }

    pub async fn settled(&self, command: u32) -> Settled {
        let find = || self.seen.settled.borrow().iter().find(|settled| settled.command == command).cloned();
        self.until("a command to settle", || find().is_some()).await;
        find().unwrap_throw()
    }

    /// The next poll that is not answered at once.
    pub async fn poll(&self) -> Rc<Request> {
        self.until("a poll", || !self.polls.borrow().is_empty()).await;
        let poll = self.polls.borrow_mut().pop_front();
        poll.unwrap_throw()
    }

    /// How many requests with such a message were sent.
    pub fn sent(&self, channel: &str) -> usize {
        self.requests.borrow().iter().filter(|request| request.is(channel)).count()
    }

    pub async fn until(&self, what: &str, fulfilled: impl Fn() -> bool) {
        for _ in 0..2_000 {
            if fulfilled() {
                return;
            }
            pause().await;
        }
        panic!("waited in vain for {what}");
    }
}

/// A request as the transport was given it.
pub struct Request {
    pub url: String,
    pub init: Object,
    pub messages: Vec<Value>,
    resolve: RefCell<Option<Function>>,
}

impl Request {
    pub fn is(&self, channel: &str) -> bool {
        self.messages.iter().any(|message| message["channel"] == channel)
    }

    pub fn field(&self, name: &str) -> JsValue {
        get(&self.init, name)
    }

    /// Names, in lower case.
    pub fn headers(&self) -> Vec<String> {
        let names = keys(&self.field("headers"));
        names.iter().map(|name| name.to_lowercase()).collect()
    }

    pub fn header(&self, wanted: &str) -> Option<String> {
        let headers = self.field("headers");
        let names = keys(&headers);
        let name = names.iter().find(|name| name.to_lowercase() == wanted)?;
        get(&headers, name).as_string()
    }

    pub fn signal(&self) -> AbortSignal {
        self.field("signal").unchecked_into()
    }

    pub fn answer(&self, response: &Response) {
        let resolve = self.resolve.take().unwrap_throw();
        resolve.call1(&JsValue::UNDEFINED, response).unwrap_throw();
    }
}

/// Leaves a poll to the test. An abort rejects it, as that of `fetch` does.
fn park_poll(request: &Rc<Request>, parked: &RefCell<VecDeque<Rc<Request>>>) -> Promise {
    parked.borrow_mut().push_back(request.clone());
    Promise::new(&mut |resolve, reject| {
        *request.resolve.borrow_mut() = Some(resolve);
        let abort = function(move |_: JsValue| {
            reject.call1(&JsValue::UNDEFINED, &js_sys::Error::new("aborted")).unwrap_throw();
        });
        call(&request.signal(), "addEventListener", &Array::of2(&"abort".into(), &abort));
    })
}

fn answer_at_once(request: &Request) -> Promise {
    let replies: Vec<Value> = request.messages.iter().map(reply).collect();
    let response = Response::new_with_opt_str(Some(&json!(replies).to_string())).unwrap_throw();
    if request.is("/meta/handshake") {
        // A browser shows no script what other hosts show every caller.
        let headers = Headers::new().unwrap_throw();
        headers.append("set-cookie", "BAYEUX_BROWSER=b1; Path=/; HttpOnly").unwrap_throw();
        headers.append("set-cookie", "route=2; Expires=Fri, 01 Jan 2100 00:00:00 GMT").unwrap_throw();
        own(&response, "headers", &headers);
    }
    resolved(&response)
}

fn reply(message: &Value) -> Value {
    let mut reply = json!({ "channel": message["channel"], "id": message["id"], "successful": true });
    match message["channel"].as_str().unwrap_or_default() {
        "/meta/handshake" => {
            reply["clientId"] = "c1".into();
            reply["version"] = "1.0".into();
            reply["supportedConnectionTypes"] = json!(["long-polling"]);
        }
        "/meta/connect" => {
            reply["advice"] = json!({ "reconnect": "retry", "interval": 0, "timeout": 30_000 })
        }
        "/meta/subscribe" => reply["subscription"] = message["subscription"].clone(),
        _ => {}
    }
    reply
}

/// Calls the engine's own callback, which is no request's.
fn tell(callback: &Function, what: i32) {
    callback.call3(&JsValue::UNDEFINED, &what.into(), &JsValue::UNDEFINED, &false.into()).unwrap_throw();
}

/// The object that the engine calls.
fn host(
    seen: &Rc<Seen>,
    requests: &Rc<RefCell<Vec<Rc<Request>>>>,
    transport: &Rc<RefCell<Transport>>,
) -> Object {
    let host = Object::new();
    let (sent, answer) = (requests.clone(), transport.clone());
    let send =
        Closure::<dyn FnMut(String, Object) -> Result<Promise, JsValue>>::new(move |url, init: Object| {
            let body = get(&init, "body").as_string().unwrap_or_default();
            let messages = serde_json::from_str(&body).unwrap_throw();
            let request = Rc::new(Request { url, init, messages, resolve: RefCell::default() });
            sent.borrow_mut().push(request.clone());
            answer.borrow()(&request)
        });
    set(&host, "transport", &send.into_js_value());
    let wake = function(|callback: JsValue| {
        let callback = callback.unchecked_into::<Function>();
        queue_microtask(&function(move |_: JsValue| tell(&callback, 0)));
    });
    set(&host, "wake", &wake);
    let over = seen.clone();
    let wait =
        Closure::<dyn FnMut(JsValue, u32, Function)>::new(move |value: JsValue, request: u32, callback| {
            let over = over.clone();
            spawn_local(async move {
                let found = JsFuture::from(Promise::resolve(&value)).await;
                let (failed, Ok(value) | Err(value)) = (found.is_err(), found);
                if !over.closed.get() {
                    let callback: Function = callback;
                    callback
                        .call3(&JsValue::UNDEFINED, &request.into(), &value, &failed.into())
                        .unwrap_throw();
                }
            });
        });
    set(&host, "wait", &wait.into_js_value());
    let ahead = seen.ahead.clone();
    let now = Closure::<dyn FnMut() -> f64>::new(move || js_sys::Date::now() + ahead.get());
    set(&host, "now", &now.into_js_value());
    let gone = seen.gone.clone();
    set(&host, "alive", &Closure::<dyn FnMut() -> bool>::new(move || !gone.get()).into_js_value());
    let over = seen.clone();
    set(
        &host,
        "defer",
        &function(move |callback: JsValue| {
            let (callback, over) = (callback.unchecked_into::<Function>(), over.clone());
            let turn_over = move |_: JsValue| {
                if !over.closed.get() {
                    tell(&callback, -2);
                }
            };
            set_timeout(&function(turn_over), 0.0);
        }),
    );
    let timers = seen.clone();
    let delay = Closure::<dyn FnMut(Function, f64)>::new(move |callback: Function, ms| {
        let seen = timers.clone();
        let ring = function(move |_: JsValue| {
            seen.timer.set(None);
            tell(&callback, -1);
        });
        timers.stop_timer();
        timers.timer.set(Some(set_timeout(&ring, ms)));
    });
    set(&host, "delay", &delay.into_js_value());
    let ready = seen.clone();
    set(&host, "ready", &function(move |reader: u32| ready.ready.set(Some(reader))));
    let settled = seen.clone();
    let settle = Closure::<dyn FnMut(u32, String, JsValue)>::new(move |command, replies, error: JsValue| {
        let text = |name| if error.is_object() { get(&error, name).as_string() } else { None };
        let (code, message) = (text("code"), text("message").unwrap_or_default());
        settled.settled.borrow_mut().push(Settled { command, replies, code, message });
    });
    set(&host, "settled", &settle.into_js_value());
    let states = seen.clone();
    set(&host, "state", &function(move |state: String| states.states.borrow_mut().push(state)));
    let closed = seen.clone();
    set(
        &host,
        "closed",
        &function(move |_: JsValue| {
            closed.closed.set(true);
            closed.stop_timer();
        }),
    );
    for name in ["ended", "status", "message", "log"] {
        set(&host, name, &function(|_: JsValue| {}));
    }
    host
}
