// shouldRetrySubscribe: the application's say in what becomes of a refused subscription.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CometdError, connected, connectWith, fakeLoader, rejection, turns } from "./fake.mjs";

const reader = (iterable) => iterable[Symbol.asyncIterator]();
const failure = {
  code: "subscribe-refused",
  message: "refused",
  retryable: true,
  channel: "/a",
  failure: { code: 403, args: ["/a"], text: "limit" },
};

async function asking(shouldRetrySubscribe, options = {}) {
  const { client, engine } = await connected({ shouldRetrySubscribe, ...options });
  const status = reader(client.status());
  engine.host.decide(3, "/a", failure);
  await turns();
  return { client, engine, status };
}

test("S11 the engine is told whether it is to ask", async () => {
  assert.equal((await connected()).engine.options.decides, false);
  assert.equal((await connected({ shouldRetrySubscribe: () => true })).engine.options.decides, true);
});

test("S11 the callback decides, now or later", async () => {
  const seen = [];
  const note = (verdict) => (channel, error) => {
    seen.push([channel, error]);
    return verdict;
  };
  for (const [verdict, told] of [
    [true, 1],
    [false, 0],
    [Promise.resolve(true), 1],
    [Promise.resolve(false), 0],
  ]) {
    const { engine } = await asking(note(verdict));
    assert.deepEqual(engine.told("decided"), [[3, told]]);
  }
  const [channel, error] = seen[0];
  assert.equal(channel, "/a");
  assert.ok(error instanceof CometdError);
  assert.deepEqual([error.code, error.failure], ["subscribe-refused", failure.failure]);
});

const thrown = new Error("oops");
for (const [name, callback, check] of [
  [
    "throws",
    () => {
      throw thrown;
    },
    (error) => error === thrown,
  ],
  ["rejects", () => Promise.reject(thrown), (error) => error === thrown],
  ["gives nothing", () => undefined, (error) => error.code === "invalid-argument"],
  ["gives a text", () => "yes", (error) => error.code === "invalid-argument"],
]) {
  test(`S11 a callback that ${name} counts as none, and is told`, async () => {
    const { engine, status } = await asking(callback);
    assert.deepEqual(engine.told("decided"), [[3, -1]]);
    const { value } = await status.next();
    assert.deepEqual([value.type, value.where], ["callback-failed", "shouldRetrySubscribe"]);
    assert.ok(check(value.error), String(value.error));
  });
}

test("S11 a callback that takes longer than networkDelayMs counts as none, and is told", async () => {
  const { engine, status } = await asking(() => new Promise(() => {}), { networkDelayMs: 20 });
  assert.deepEqual(engine.told("decided"), []);
  const { value } = await status.next();
  assert.deepEqual([value.where, value.error.code], ["shouldRetrySubscribe", "timeout"]);
  await turns();
  assert.deepEqual(engine.told("decided"), [[3, -1]]);
});

test("a decision after the end goes nowhere, and no timer stays", async () => {
  let decide;
  const { engine } = await asking(() => new Promise((resolve) => (decide = resolve)));
  engine.host.closed(undefined);
  decide(true);
  await turns();
  assert.deepEqual(engine.told("decided"), []);
});

test("shouldRetrySubscribe must be a function", async () => {
  const options = { url: "http://localhost/", shouldRetrySubscribe: true };
  const error = await rejection(connectWith(fakeLoader().loader, options));
  assert.equal(error.code, "invalid-argument");
  assert.ok(error.message.startsWith("shouldRetrySubscribe:"), error.message);
});
