//! JavaScript values, made and read.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::convert::FromWasmAbi;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, Response};

/// A body that the test writes.
pub struct Body {
    pub stream: ReadableStream,
    controller: Rc<RefCell<Option<Controller>>>,
    /// How often its reader asked for more.
    pub wanted: Rc<Cell<usize>>,
    pub cancelled: Rc<Cell<bool>>,
}

impl Body {
    pub fn new() -> Self {
        let controller = Rc::<RefCell<Option<Controller>>>::default();
        let wanted = Rc::<Cell<usize>>::default();
        let cancelled = Rc::<Cell<bool>>::default();
        let source = Object::new();
        let (started, pulled, ended) = (controller.clone(), wanted.clone(), cancelled.clone());
        let start = move |given: JsValue| *started.borrow_mut() = Some(given.unchecked_into());
        set(&source, "start", &function(start));
        set(&source, "pull", &function(move |_: JsValue| pulled.set(pulled.get() + 1)));
        set(&source, "cancel", &function(move |_: JsValue| ended.set(true)));
        let stream = ReadableStream::new_with_underlying_source(&source).unwrap_throw();
        Self { stream, controller, wanted, cancelled }
    }

    fn controller(&self) -> Controller {
        self.controller.borrow().clone().unwrap_throw()
    }

    pub fn push(&self, bytes: &[u8]) {
        self.push_any(&Uint8Array::from(bytes));
    }

    /// For what is no bytes.
    pub fn push_any(&self, chunk: &JsValue) {
        self.controller().enqueue(chunk);
    }

    pub fn end(&self) {
        self.controller().close();
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    pub fn set_timeout(callback: &Function, ms: f64) -> f64;
    #[wasm_bindgen(js_name = clearTimeout)]
    pub fn clear_timeout(timer: f64);
    #[wasm_bindgen(js_name = queueMicrotask)]
    pub fn queue_microtask(callback: &Function);
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn print(text: &str);

    #[derive(Clone)]
    type Controller;
    #[wasm_bindgen(method)]
    fn enqueue(this: &Controller, chunk: &JsValue);
    #[wasm_bindgen(method)]
    fn close(this: &Controller);
}

/// A turn of the event loop.
pub async fn pause() {
    let turn = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, 1.0);
    });
    JsFuture::from(turn).await.unwrap_throw();
}

/// All microtasks that are due, and those that come of them, but no turn of the event loop.
pub async fn microtasks() {
    for _ in 0..20 {
        JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await.unwrap_throw();
    }
}

/// The engine records panics, and so silences the test runner's hook.
pub fn print_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let record = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            print(&info.to_string());
            record(info);
        }));
    });
}

/// A JavaScript function of one argument.
pub fn function<A: FromWasmAbi + 'static>(call: impl FnMut(A) + 'static) -> Function {
    Closure::<dyn FnMut(A)>::new(call).into_js_value().unchecked_into()
}

pub fn resolved(response: &Response) -> Promise {
    Promise::resolve::<JsValue>(response.as_ref())
}

pub fn keys(object: &JsValue) -> Vec<String> {
    Object::keys(object.unchecked_ref::<Object>()).iter().filter_map(|key| key.as_string()).collect()
}

pub fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_throw()
}

pub fn set(object: &JsValue, name: &str, value: &JsValue) {
    Reflect::set(object, &name.into(), value).unwrap_throw();
}

/// Gives an object a property of its own before that of its class.
pub fn own(object: &JsValue, name: &str, value: &JsValue) {
    let descriptor = Object::new();
    set(&descriptor, "value", value);
    Object::define_property(object.unchecked_ref::<Object>(), &name.into(), &descriptor);
}

pub fn call(object: &JsValue, method: &str, arguments: &Array) {
    get(object, method).unchecked_into::<Function>().apply(object, arguments).unwrap_throw();
}
