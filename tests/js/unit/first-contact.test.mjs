// What is told before connect() resolves, and what a failed request leaves behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { CometdError, connected, connectWith, dist, fakeLoader, rejection, turns, until } from "./fake.mjs";

const { failureOf, wordsOf } = await import(new URL("failure.js", dist).href);

const URL_ = "https://api.example.com/cometd?key=hidden-in-the-query";
const POST = { method: "POST", headers: { "Content-Type": "application/json" }, credentials: "include" };
const sent = (init = {}) => ({ url: URL_, init: { ...POST, ...init } });

/** A client whose connect() is still pending. */
async function connecting(options = {}, world = fakeLoader()) {
  const promise = connectWith(world.loader, { url: "https://api.example.com/cometd", ...options });
  promise.catch(() => {});
  await until(() => world.engine);
  return { promise, engine: world.engine };
}

/** In a page of this origin, which may not set cookies itself. */
async function inPage(origin, run) {
  const { Request } = globalThis;
  globalThis.Request = class extends Request {
    get headers() {
      return new Headers();
    }
  };
  globalThis.location = { origin };
  try {
    return await run();
  } finally {
    globalThis.Request = Request;
    delete globalThis.location;
  }
}

test("onStatus is told of the first attempts, before connect() resolves", async () => {
  const seen = [];
  const { promise, engine } = await connecting({ onStatus: (status) => seen.push(status) });
  engine.host.state("retrying");
  const error = { code: "timeout", message: "was silent", retryable: true };
  engine.host.status({ type: "retry", attempt: 1, delayMs: 0, error });
  assert.deepEqual(seen[0], { type: "state", state: "retrying" });
  assert.ok(seen[1].error instanceof CometdError);
  engine.settle(0);
  const client = await promise;
  engine.host.state("connected");
  assert.equal(seen.at(-1).state, "connected");
  engine.host.closed(undefined);
  await client.closed;
  assert.equal(seen.at(-1).state, "closed");
});

test("an onStatus that throws or rejects is reported to the others, once, and not to itself", async () => {
  const bugs = [new Error("one"), new Error("two")];
  const told = [];
  const lines = [];
  const onStatus = (status) => {
    told.push(status.type);
    const bug = bugs[told.length - 1];
    if (told.length === 2) return Promise.reject(bug);
    if (bug) throw bug;
  };
  const { client, engine } = await connected({ onStatus, log: ({ message }) => lines.push(message) });
  const status = client.status()[Symbol.asyncIterator]();
  engine.host.state("retrying");
  await turns();
  const [first, second] = [(await status.next()).value, (await status.next()).value];
  assert.deepEqual([first.type, second], ["state", { type: "callback-failed", where: "onStatus", error: bugs[1] }]);
  assert.deepEqual(told, ["state", "state"]);
  assert.deepEqual(lines, ["onStatus: one", "onStatus: two"]);
});

test("onStatus hears what becomes of other callbacks", async () => {
  const seen = [];
  const log = () => {
    throw new Error("bug");
  };
  const { engine } = await connected({ onStatus: (status) => seen.push(status), log });
  engine.host.log("info", "x");
  assert.deepEqual([seen.at(-1).type, seen.at(-1).where], ["callback-failed", "log"]);
});

for (const [name, value] of [
  ["onStatus", {}],
  ["connectTimeoutMs", 0],
  ["connectTimeoutMs", "1"],
]) {
  test(`connect refuses ${name}: ${JSON.stringify(value)}`, async () => {
    const error = await rejection(connectWith(fakeLoader().loader, { url: "https://a/", [name]: value }));
    assert.deepEqual([error.code, error.message.startsWith(`${name}:`)], ["invalid-argument", true]);
  });
}

test("connectTimeoutMs reaches the engine, Infinity as the longest that it takes", async () => {
  assert.equal((await connecting({ connectTimeoutMs: 250 })).engine.options.connectTimeoutMs, 250);
  const endless = await connecting({ connectTimeoutMs: Infinity });
  assert.equal(endless.engine.options.connectTimeoutMs, 2 ** 32 - 1);
});

test("the host's own error is the cause of the failure, and that of what sums it up", async () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), { code: "ECONNREFUSED" });
  const thrown = new TypeError("fetch failed", { cause: refused });
  const seen = [];
  const options = { fetch: () => Promise.reject(thrown), onStatus: (status) => seen.push(status) };
  const { promise, engine } = await connecting(options);
  const words = await new Promise((resolve) => {
    const answer = engine.host.transport(URL_, { ...POST, body: "[]" });
    engine.host.wait(answer, 7, (request, value, failed) => resolve([request, value, failed]));
  });
  assert.deepEqual(words, [7, "connect ECONNREFUSED 127.0.0.1:9", true]);
  const network = { code: "network", message: "m", retryable: true, request: 7 };
  engine.host.status({ type: "retry", attempt: 1, delayMs: 0, error: network });
  assert.equal(seen[0].error.cause, thrown);
  engine.settle(0, [], { code: "connect-timeout", message: "late", retryable: true, last: network });
  const error = await rejection(promise);
  assert.deepEqual([error.code, error.cause.code], ["connect-timeout", "network"]);
  assert.equal(error.cause.cause, thrown);
});

test("a body that breaks off has a cause as well", async () => {
  const { engine } = await connecting({ fetch: () => new Promise(() => {}) });
  engine.host.transport(URL_, POST);
  const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  await new Promise((resolve) => engine.host.wait(Promise.reject(reset), 3, resolve));
  const seen = [];
  engine.host.core.callbacks.status = (status) => seen.push(status);
  const error = { code: "network", message: "m", retryable: true, request: 3 };
  engine.host.status({ type: "retry", attempt: 1, delayMs: 0, error });
  assert.equal(seen[0].error.cause, reset);
});

test("words say each thing once, and leave out what says nothing", () => {
  const coded = (message, code, more) => Object.assign(new Error(message, more), { code });
  const refused = coded("connect ECONNREFUSED 127.0.0.1:9", "ECONNREFUSED");
  const both = coded("", "ECONNREFUSED", undefined);
  both.errors = [coded("connect ECONNREFUSED ::1:9", "ECONNREFUSED"), refused];
  for (const [error, words] of [
    [new TypeError("fetch failed", { cause: refused }), "connect ECONNREFUSED 127.0.0.1:9"],
    [new TypeError(refused.message, { cause: refused }), "connect ECONNREFUSED 127.0.0.1:9"],
    [new TypeError("fetch failed", { cause: both }), "connect ECONNREFUSED ::1:9, connect ECONNREFUSED 127.0.0.1:9"],
    [
      new TypeError("self-signed certificate", {
        cause: coded("self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT"),
      }),
      "self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)",
    ],
    [
      new TypeError(
        "error sending request for url (http://127.0.0.1:9/a?b=c): client error (Connect): tcp connect error",
      ),
      "client error (Connect): tcp connect error",
    ],
    [
      coded("Unable to connect. Is the computer able to access the url?", "ConnectionRefused"),
      "Unable to connect. Is the computer able to access the url? (ConnectionRefused)",
    ],
    [new TypeError("outer", { cause: new Error("inner") }), "outer: inner"],
    [new Error("Network connection lost."), "Network connection lost"],
    ["a text", "a text"],
    [new TypeError("Failed to fetch"), ""],
    [new TypeError("NetworkError when attempting to fetch resource."), ""],
    [new TypeError("Load failed"), ""],
    [undefined, ""],
    [7, ""],
  ]) {
    assert.equal(wordsOf(error), words);
  }
});

test("a request that fails without a word says so", () => {
  for (const thrown of [undefined, null, 7, {}, new TypeError("Failed to fetch")])
    assert.equal(failureOf(thrown, sent(), true).reason, "no reason given");
  const trap = {
    get message() {
      throw new Error("a getter");
    },
  };
  assert.deepEqual(failureOf(trap, sent(), true), { reason: "no reason given", cause: undefined });
});

test("a page that asks another origin is told what CORS wants", async () => {
  const headers = { "Content-Type": "application/json", Authorization: "Bearer token-1" };
  const { reason } = await inPage("http://localhost:3000", () =>
    failureOf(new TypeError("Failed to fetch"), sent({ headers }), true),
  );
  assert.equal(
    reason,
    "the page is not told why; CORS may be the reason: to POST and to OPTIONS the server must answer with " +
      "Access-Control-Allow-Origin: http://localhost:3000; Access-Control-Allow-Credentials: true; " +
      "Access-Control-Allow-Headers: authorization, content-type",
  );
});

test("CORS is not named where it cannot be the reason", async () => {
  const failed = new TypeError("Failed to fetch");
  const here = (error, unanswered = true) =>
    inPage("https://api.example.com", () => failureOf(error, sent(), unanswered));
  const away = (error, unanswered) => inPage("https://www.example.com", () => failureOf(error, sent(), unanswered));
  for (const { reason } of [
    await here(failed),
    await away(failed, false),
    await away(new DOMException("aborted", "AbortError"), true),
    failureOf(failed, sent(), true),
  ]) {
    assert.ok(!reason.includes("CORS"), reason);
  }
});

test("X2 neither words nor cause hold what the request carried", () => {
  const headers = { Authorization: "Bearer token-1234", Cookie: "SID=cookie-5678; b=c", "X-Api-Key": "key-9012" };
  const body = `[{"channel":"/meta/connect","clientId":"client-3456"}]`;
  const secrets = ["token-1234", "cookie-5678", "key-9012", "client-3456", "hidden-in-the-query"];
  const config = { headers, url: URL_ };
  const all = secrets.join(" ").replace("hidden-in-the-query", URL_);
  for (const thrown of [
    Object.assign(new Error("Request failed"), { config }),
    Object.assign(new Error("Request failed"), { path: URL_ }),
    new Error(`cannot send ${all}`),
    new Error("outer", { cause: new Error(`cannot send ${all}`) }),
    { message: `cannot send ${all}`, config },
    `cannot send ${all}`,
  ]) {
    const { reason, cause } = failureOf(thrown, sent({ headers, body }), true);
    const told = `${reason} ${inspect(cause, { depth: 9, showHidden: true })}`;
    for (const secret of secrets) assert.ok(!told.includes(secret), `${secret} is in ${told}`);
    assert.match(told, /Request failed|cannot send/);
  }
});

test("a cause that holds nothing but words and numbers is the very error that was thrown", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), {
    ...{ code: "ECONNREFUSED", errno: -111, syscall: "connect", address: "127.0.0.1", port: 9 },
  });
  for (const thrown of [
    refused,
    new TypeError("fetch failed", { cause: refused }),
    new TypeError("fetch failed", { cause: new AggregateError([refused, refused], "") }),
    new DOMException("aborted", "AbortError"),
    "a text",
    undefined,
  ]) {
    assert.equal(failureOf(thrown, sent({ headers: { Cookie: "SID=cookie-5678" } }), true).cause, thrown);
  }
});

test("of an error with more in it, code and causes are left", () => {
  const inner = Object.assign(new Error("other side closed"), { code: "UND_ERR_SOCKET", socket: { remotePort: 9 } });
  const { cause } = failureOf(new TypeError("terminated", { cause: inner }), sent(), false);
  assert.deepEqual([cause.name, cause.cause.code, cause.cause.socket], ["TypeError", "UND_ERR_SOCKET", undefined]);
});
