// `headers` as a function, and cookies: what the engine is told, and what the user sees when it goes wrong.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CometdError, connected, connectWith, fakeLoader, isSettled, rejection, turns } from "./fake.mjs";

const url = "http://localhost/cometd";
const reader = (iterable) => iterable[Symbol.asyncIterator]();

/** A client that has asked for the headers of one request. */
async function asked(headers, more) {
  const { client, engine } = await connected({ headers, ...more });
  engine.host.headers(5);
  return { client, engine };
}

test("S8 a function is asked for each request, and a record is not", async () => {
  let count = 0;
  const { engine } = await connected({ headers: () => ({ "X-N": String((count += 1)) }) });
  assert.deepEqual([engine.options.headers, engine.options.asksHeaders, count], [[], true, 0]);
  engine.host.headers(5);
  engine.host.headers(6);
  assert.deepEqual(engine.told("headers"), [
    [5, '["X-N","1"]', ""],
    [6, '["X-N","2"]', ""],
  ]);
  assert.equal((await connected({ headers: { a: "b" } })).engine.options.asksHeaders, false);
});

test("S8 an answer that comes later, in whatever form, is told then", async () => {
  for (const given of [{ a: "b" }, new Headers({ a: "b" }), [["a", "b"]]]) {
    const { engine } = await connected({ headers: async () => given });
    engine.host.headers(5);
    assert.deepEqual(engine.told("headers"), []);
    await turns();
    assert.deepEqual(engine.told("headers"), [[5, '["a","b"]', ""]]);
  }
  const { engine } = await asked(() => ({}));
  assert.deepEqual(engine.told("headers"), [[5, "[]", ""]]);
});

const thrown = new Error("the vault is closed");
for (const [name, headers, words, isCause] of [
  [
    "throws",
    () => {
      throw thrown;
    },
    "the vault is closed",
    (cause) => cause === thrown,
  ],
  ["rejects", () => Promise.reject(thrown), "the vault is closed", (cause) => cause === thrown],
  ["rejects with nothing", () => Promise.reject(undefined), "the function gave no reason", CometdError],
  ["throws an empty text", () => Promise.reject(""), "the function gave no reason", (cause) => cause === ""],
  ["gives nothing", () => undefined, "headers: give an object", CometdError],
  ["gives a text", async () => "secret", "headers: give an object", CometdError],
  ["gives a line break", () => ({ "X-Key": "secret\r\n" }), "headers: give X-Key as a string", CometdError],
  ["gives a number", async () => ({ "X-Key": 7 }), "headers: give X-Key as a string", CometdError],
  ["gives a bad name", () => ({ "X Key": "secret" }), 'headers: "X Key" is not a header name', CometdError],
]) {
  test(`S8 X2 a function that ${name} is a failed attempt, with the cause and without a value`, async () => {
    const { client, engine } = await asked(headers);
    const status = reader(client.status());
    await turns();
    const [[request, pairs, reason], ...more] = engine.told("headers");
    assert.deepEqual([request, pairs, more], [5, "[]", []]);
    assert.ok(reason.startsWith(words) && !reason.includes("secret"), reason);
    const error = { code: "headers-failed", message: `no headers for the request: ${reason}`, retryable: true };
    engine.host.status({ type: "retry", attempt: 1, delayMs: 0, error });
    const { value } = await status.next();
    assert.deepEqual([value.error.code, value.error.retryable], ["headers-failed", true]);
    const { cause } = value.error;
    assert.ok(isCause === CometdError ? cause instanceof CometdError : isCause(cause), String(cause));
  });
}

test("S8 a failure that is over is no cause of the next", async () => {
  let fails = true;
  const { client, engine } = await connected({ headers: () => (fails ? Promise.reject(thrown) : {}) });
  const status = reader(client.status());
  const last = { code: "headers-failed", message: "no headers", retryable: true };
  const error = { code: "max-retries", message: "gave up", retryable: true, last };
  for (const cause of [thrown, undefined]) {
    engine.host.headers(5);
    await turns();
    engine.host.status({ type: "retry", attempt: 1, delayMs: 0, error });
    assert.equal((await status.next()).value.error.cause.cause, cause);
    fails = false;
  }
});

test("S16 a client closes while its function hangs, and the late answer goes nowhere", async () => {
  let answer;
  const { client, engine } = await asked(() => new Promise((resolve) => (answer = resolve)));
  const closing = client.close();
  assert.equal(await isSettled(closing), false);
  engine.host.closed(undefined);
  await closing;
  answer({ a: "b" });
  await turns();
  assert.deepEqual(engine.told("headers"), []);
});

/** Runs `act` where requests lose their Cookie header, as in a browser. */
async function inBrowser(act) {
  const { Request } = globalThis;
  globalThis.Request = class {
    headers = new Headers();
  };
  try {
    await act();
  } finally {
    globalThis.Request = Request;
  }
}

test("X4 a browser's client takes no cookies, and says which option has them", () =>
  inBrowser(async () => {
    for (const [start, options] of [
      ["cookies:", { cookies: "a=secret" }],
      ["cookies:", { cookies: "" }],
      ["headers: give no Cookie", { headers: { Cookie: "a=secret" } }],
      ["headers: give no cookie", { headers: new Headers({ cookie: "a=secret" }) }],
    ]) {
      const world = fakeLoader({ load: () => assert.fail("loaded"), transport: undefined });
      const error = await rejection(connectWith(world.loader, { url, ...options }));
      assert.deepEqual([error.code, error.message.startsWith(start)], ["invalid-argument", true], error.message);
      assert.ok(!error.message.includes("secret"), error.message);
    }
    const { engine } = await asked(() => ({ cookie: "a=secret" }), { fetch: () => new Promise(() => {}) });
    const [[, , reason]] = engine.told("headers");
    assert.ok(reason.startsWith("headers: give no cookie") && !reason.includes("secret"), reason);
  }));
