//! What only a browser shows of the Rust side: the exported engine over real promises, `Response`, `ReadableStream` and
//! `AbortController`, with a host and a transport that are scripted here. Run by `cargo xtask test browser`.

#![cfg(target_arch = "wasm32")]

#[path = "browser/page.rs"]
mod page;
#[path = "browser/values.rs"]
mod values;

use std::cell::RefCell;
use std::rc::Rc;

use cometd_edge::js::told;
use js_sys::{Array, Promise};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::Response;

use page::{Page, URL};
use values::{Body, call, function, get, keys, microtasks, own, pause, resolved};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn a_session_goes_round_over_real_promises_responses_and_streams() {
    let page = Page::open(&[]);
    let (subscription, command) = (1, 2);
    page.tell(told::START, 0, "", "");
    assert_eq!(page.settled(0).await.code, None);
    page.tell(told::SUBSCRIBE, subscription, r#"["/orders/new"]"#, "[]");
    page.tell(told::PUBLISH, command, "/chat", r#"{"text":"hello"}"#);
    assert_eq!(page.settled(subscription).await.code, None);
    let published: Value = serde_json::from_str(&page.settled(command).await.replies).unwrap_throw();
    assert_eq!(published[0]["channel"], "/chat");

    // The body comes in pieces that end within a character, and stays open.
    let poll = page.poll().await;
    let body = Body::new();
    poll.answer(&Response::new_with_opt_readable_stream(Some(&body.stream)).unwrap_throw());
    let event = r#"{"channel":"/orders/new","data":{"customer":"Côte 🛒"},"ext":1}"#;
    let text = format!("[{event},");
    let (head, tail) = text.as_bytes().split_at(text.find('ô').unwrap_throw() + 1);
    body.push(head);
    body.push(tail);
    page.until("the event", || page.seen.ready.take() == Some(0)).await;
    assert_eq!(page.engine.take(0), 1);
    let text = page.engine.text();
    assert_eq!(text, event);
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let offsets = page.engine.offsets().unwrap_throw();
    let slice =
        |index: usize| String::from_utf16(&utf16[offsets[index] as usize..offsets[index + 1] as usize]);
    assert_eq!(slice(2).unwrap_throw(), r#"{"customer":"Côte 🛒"}"#);
    assert_eq!(slice(4).unwrap_throw(), "/orders/new");
    page.tell(told::TAKEN, 0, "", "");

    let reply = json!({ "channel": "/meta/connect", "id": poll.messages[0]["id"], "successful": true });
    body.push(format!("{reply}]").as_bytes());
    body.end();
    page.poll().await;
    page.tell(told::CLOSE, 0, "", "");
    page.until("the end", || page.seen.closed.get()).await;
    assert_eq!(page.seen.states.borrow().join(" "), "connected closed");
    assert_eq!(page.sent("/meta/disconnect"), 1);
}

#[wasm_bindgen_test]
async fn closing_aborts_the_poll_that_waits_for_an_answer() {
    let page = Page::connected(&[]).await;
    let poll = page.poll().await;
    assert!(!poll.signal().aborted());
    page.tell(told::CLOSE, 0, "", "");
    page.until("the end", || page.seen.closed.get()).await;
    assert!(poll.signal().aborted());
    let others = page.requests.borrow();
    assert!(others.iter().all(|request| request.is("/meta/connect") || !request.signal().aborted()));
}

#[wasm_bindgen_test]
async fn closing_after_a_long_quiet_leaves_the_disconnect_its_time() {
    let page = Page::connected(&[]).await;
    let poll = page.poll().await;
    page.instead(|_| Promise::new(&mut |_, _| {}));
    page.seen.ahead.set(5_000.0);
    page.tell(told::CLOSE, 0, "", "");
    page.until("the disconnect is sent", || page.sent("/meta/disconnect") == 1).await;
    for _ in 0..20 {
        pause().await;
    }
    assert!(poll.signal().aborted());
    assert!(!page.seen.closed.get());
    page.until("it is given up", || page.seen.closed.get()).await;
}

#[wasm_bindgen_test]
async fn closing_in_the_turn_of_a_command_sends_the_disconnect_in_that_turn() {
    let page = Page::connected(&[]).await;
    let poll = page.poll().await;
    page.tell(told::PUBLISH, 1, "/chat", "1");
    page.tell(told::CLOSE, 0, "", "");
    microtasks().await;
    assert_eq!(page.sent("/meta/disconnect"), 1);
    assert!(poll.signal().aborted());
    assert_eq!(page.settled(1).await.code.as_deref(), Some("closed"));
    page.until("the end", || page.seen.closed.get()).await;
}

#[wasm_bindgen_test]
async fn r7a_hidden_in_the_turn_of_a_command_lets_go_of_the_poll_in_that_turn() {
    let page = Page::connected(&[]).await;
    let poll = page.poll().await;
    page.tell(told::PUBLISH, 1, "/chat", "1");
    page.tell(told::HIDDEN, 1, "", "");
    microtasks().await;
    assert!(poll.signal().aborted());
    assert_eq!(page.seen.states.borrow().last().map(String::as_str), Some("suspended"));
    // What was commanded before waits until the page is shown again.
    assert_eq!(page.sent("/chat"), 0);
    page.tell(told::HIDDEN, 0, "", "");
    assert_eq!(page.settled(1).await.code, None);
    assert_eq!(page.sent("/chat"), 1);
}

#[wasm_bindgen_test]
async fn s3_commands_of_the_turn_after_such_a_one_still_gather() {
    let page = Page::connected(&[]).await;
    page.poll().await;
    page.tell(told::PUBLISH, 1, "/chat", "1");
    page.tell(told::HIDDEN, 1, "", "");
    page.tell(told::HIDDEN, 0, "", "");
    pause().await;
    page.tell(told::PUBLISH, 2, "/chat", "2");
    page.tell(told::PUBLISH, 3, "/chat", "3");
    assert_eq!(page.settled(3).await.code, None);
    let requests = page.requests.borrow();
    let last = requests.iter().rev().find(|request| request.is("/chat"));
    assert_eq!(last.map(|request| request.messages.len()), Some(2));
}

#[wasm_bindgen_test]
async fn a_client_that_nobody_holds_gives_its_session_back() {
    let page = Page::connected(&[]).await;
    let poll = page.poll().await;
    page.seen.gone.set(true);
    let reply = json!([{ "channel": "/meta/connect", "successful": true }]).to_string();
    poll.answer(&Response::new_with_opt_str(Some(&reply)).unwrap_throw());
    page.until("the end", || page.seen.closed.get()).await;
    assert_eq!(page.sent("/meta/disconnect"), 1);
}

#[wasm_bindgen_test]
async fn closing_cancels_the_body_that_is_being_read() {
    let page = Page::connected(&[]).await;
    let poll = page.poll().await;
    let body = Body::new();
    poll.answer(&Response::new_with_opt_readable_stream(Some(&body.stream)).unwrap_throw());
    body.push(b"[");
    page.until("the first byte is read", || body.wanted.get() > 1).await;
    assert!(body.stream.locked());
    page.tell(told::CLOSE, 0, "", "");
    page.until("the end", || page.seen.closed.get()).await;
    assert!(body.cancelled.get());
    assert!(poll.signal().aborted());
}

#[wasm_bindgen_test]
async fn the_browser_keeps_the_cookies() {
    let page = Page::connected(&[("ownCookies", false.into())]).await;
    page.poll().await;
    for request in page.requests.borrow().iter() {
        assert_eq!(request.field("credentials").as_string().as_deref(), Some("include"));
        assert!(!request.headers().iter().any(|name| name == "cookie"));
    }
}

#[wasm_bindgen_test]
async fn a_jar_of_its_own_needs_no_credentials() {
    let page = Page::connected(&[("ownCookies", true.into())]).await;
    page.poll().await;
    let requests = page.requests.borrow();
    assert!(requests.iter().all(|request| request.field("credentials").is_undefined()));
    let cookie = requests.last().map(|request| request.header("cookie"));
    assert_eq!(cookie.flatten().as_deref(), Some("BAYEUX_BROWSER=b1; route=2"));
}

#[wasm_bindgen_test]
async fn requests_hold_what_fetch_takes_and_nothing_else() {
    let page = Page::connected(&[]).await;
    page.poll().await;
    for request in page.requests.borrow().iter() {
        let mut fields = keys(&request.init);
        fields.sort();
        assert_eq!(fields, ["body", "credentials", "headers", "method", "redirect", "signal"]);
        assert_eq!(request.field("method").as_string().as_deref(), Some("POST"));
        assert_eq!(request.field("redirect").as_string().as_deref(), Some("manual"));
        assert_eq!(request.header("content-type").as_deref(), Some("application/json;charset=UTF-8"));
        assert!(request.url.starts_with(URL), "{}", request.url);
    }
}

#[wasm_bindgen_test]
async fn a_redirect_is_told_as_one_whether_the_host_hides_it_or_not() {
    let hidden = Response::error();
    own(&hidden, "type", &"opaqueredirect".into());
    let visible = Response::redirect_with_status("https://example.com/login", 302).unwrap_throw();
    for response in [hidden, visible] {
        let page = Page::open(&[]);
        page.instead(move |_| resolved(&response));
        page.tell(told::START, 0, "", "");
        assert_eq!(page.settled(0).await.code.as_deref(), Some("redirect"));
    }
}

#[wasm_bindgen_test]
async fn a_transport_that_misbehaves_fails_by_what_it_did() {
    type Make = fn() -> Result<Promise, JsValue>;
    let misbehaviours: [(&str, &str, Make); 8] = [
        ("throws", "network", || Err(js_sys::Error::new("thrown").into())),
        ("rejects", "network", || Ok(Promise::reject(&js_sys::TypeError::new("Failed to fetch").into()))),
        ("rejects with nothing", "network", || Ok(Promise::reject(&JsValue::UNDEFINED))),
        ("is opaque", "network", || Ok(resolved(&Response::error()))),
        ("gives nothing", "not-a-response", || Ok(Promise::resolve(&JsValue::UNDEFINED))),
        ("has a body of another kind", "not-a-response", || {
            let response = Response::new_with_opt_str(Some("[]")).unwrap_throw();
            own(&response, "body", &js_sys::Object::new());
            Ok(resolved(&response))
        }),
        ("has a body of texts", "not-a-response", || {
            let body = Body::new();
            body.push_any(&"[]".into());
            Ok(resolved(&Response::new_with_opt_readable_stream(Some(&body.stream)).unwrap_throw()))
        }),
        ("has a body in use", "not-a-response", || {
            let response = Response::new_with_opt_str(Some("[]")).unwrap_throw();
            response.body().unwrap_throw().get_reader();
            Ok(resolved(&response))
        }),
    ];
    for (what, code, make) in misbehaviours {
        let page = Page::open(&[("maxRetries", 0.into())]);
        page.instead_or_throw(move |_| make());
        page.tell(told::START, 0, "", "");
        let settled = page.settled(0).await;
        assert_eq!(settled.code.as_deref(), Some(code), "{what}: {}", settled.message);
        page.until(what, || page.seen.closed.get()).await;
    }
}

#[wasm_bindgen_test]
async fn a_panic_reaches_the_page_as_a_trap() {
    let page = Page::connected(&[]).await;
    let trap = Rc::new(RefCell::new(String::new()));
    let caught = trap.clone();
    let listener = function(move |event: JsValue| {
        // The page's own business; the test's runner would take it for a failure.
        call(&event, "preventDefault", &Array::new());
        *caught.borrow_mut() = get(&event, "message").as_string().unwrap_or_default();
    });
    call(&js_sys::global(), "addEventListener", &Array::of2(&"error".into(), &listener));
    page.tell(told::TRAP, 0, "", "");
    page.until("the trap", || !trap.borrow().is_empty()).await;
    call(&js_sys::global(), "removeEventListener", &Array::of2(&"error".into(), &listener));
    assert!(trap.borrow().contains("unreachable"), "{}", trap.borrow());
}
