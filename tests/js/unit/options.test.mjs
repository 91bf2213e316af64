// What goes in: options of connect, arguments of commands.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CometdError, connected, connectWith, fakeLoader, isCometdError, rejection, subscribed } from "./fake.mjs";

const url = "http://localhost/cometd";
const loop = {};
loop.loop = loop;

const BAD_OPTIONS = [
  ["connect:", undefined],
  ["connect:", null],
  ["url:", {}],
  ["url:", { url: "" }],
  ["url:", { url: "/cometd" }],
  ["url:", { url: "ftp://localhost/" }],
  ["url:", { url: "https://me:secret@localhost/" }],
  ["headers:", { url, headers: "x" }],
  ["headers:", { url, headers: { "a b": "c" } }],
  ["headers:", { url, headers: { "": "c" } }],
  ["headers:", { url, headers: { a: "b\nc: secret" } }],
  ["headers:", { url, headers: { a: "b\0" } }],
  ["headers:", { url, headers: { a: "€" } }],
  ["headers:", { url, headers: { a: 1 } }],
  ["cookies:", { url, cookies: 7 }],
  ["cookies:", { url, cookies: "a=secret\r\nb: c" }],
  ["networkDelayMs:", { url, networkDelayMs: -1 }],
  ["networkDelayMs:", { url, networkDelayMs: 0 }],
  ["networkDelayMs:", { url, networkDelayMs: "1" }],
  ["retry:", { url, retry: 3 }],
  ["retry.factor:", { url, retry: { factor: 0.9 } }],
  ["retry.maxRetries:", { url, retry: { maxRetries: -1 } }],
  ["retry.initialDelayMs:", { url, retry: { initialDelayMs: Number.NaN } }],
  ["retry.handshakesPerMinute:", { url, retry: { handshakesPerMinute: 0 } }],
  ["limits.queuedEvents:", { url, limits: { queuedEvents: 0 } }],
  ["ack:", { url, ack: "yes" }],
  ["appendMessageTypeToURL:", { url, appendMessageTypeToURL: "yes" }],
  ["extensions:", { url, extensions: {} }],
  ["extensions[1]:", { url, extensions: [{}, null] }],
  ["extensions[0].incoming:", { url, extensions: [{ incoming: true }] }],
  ["fetch:", { url, fetch: "x" }],
  ["fetch:", { url, fetch: {} }],
  ["signal:", { url, signal: {} }],
  ["log:", { url, log: console }],
];

for (const [start, options] of BAD_OPTIONS) {
  test(`connect names the option: ${start} ${JSON.stringify(options)}`, async () => {
    const world = fakeLoader({ load: () => assert.fail("loaded") });
    const error = await rejection(connectWith(world.loader, options));
    assert.ok(error instanceof CometdError);
    assert.equal(error.code, "invalid-argument");
    assert.ok(error.message.startsWith(start), error.message);
    assert.ok(!error.message.includes("secret"), error.message);
  });
}

test("options reach the engine, and what is absent stays absent", async () => {
  const { engine } = await connected({
    url: new URL("HTTPS://Host/cometd?x=1#part"),
    headers: new Headers({ "X-A": "1" }),
    cookies: "a=b; c=d",
    ack: false,
    appendMessageTypeToURL: true,
    networkDelayMs: 5,
    retry: { factor: 2, maxRetries: Infinity },
    limits: { queuedEvents: 7, queuedBytes: undefined, trackedChannels: 9 },
  });
  const { seed, unixMsAtZero, ...rest } = engine.options;
  assert.deepEqual(rest, {
    url: "https://host/cometd?x=1",
    headers: ["x-a", "1"],
    asksHeaders: false,
    cookies: "a=b; c=d",
    ownCookies: true,
    inspect: "none",
    salesforce: false,
    auth: false,
    replay: false,
    allowedHosts: [],
    decides: false,
    ack: false,
    appendMessageType: true,
    networkDelayMs: 5,
    factor: 2,
    maxRetries: 2 ** 32 - 1,
    queuedEvents: 7,
    trackedChannels: 9,
  });
  assert.ok(Number.isInteger(seed));
  const [before, now, after] = [Date.now(), unixMsAtZero + engine.host.now(), Date.now()];
  assert.ok(before - 1_000 < now && now < after + 1_000);
});

test("channels that make no sense are refused before the engine sees them", async () => {
  const { client, engine } = await connected();
  for (const channel of [undefined, null, 7, "", [], [""], ["/a", 7], {}]) {
    assert.equal((await rejection(client.subscribe(channel))).code, "invalid-argument", String(channel));
  }
  assert.equal((await rejection(client.subscribe("/a", { signal: 1 }))).code, "invalid-argument");
  assert.equal((await rejection(client.publish(undefined, 1))).code, "invalid-argument");
  assert.deepEqual(engine.told("subscribe"), []);
});

test("data that JSON cannot hold is refused", async () => {
  const { client, engine } = await connected();
  for (const data of [undefined, () => {}, 1n, loop, { toJSON: () => undefined }]) {
    assert.equal((await rejection(client.publish("/a", data))).code, "invalid-argument", typeof data);
  }
  for (const message of [undefined, null, "x", [], [1], [[]], loop]) {
    assert.equal((await rejection(client.send(message))).code, "invalid-argument", String(message));
  }
  assert.deepEqual(engine.told("publish"), []);
  assert.deepEqual(engine.told("send"), []);
});

test("commands go to the engine in the turn in which they are made", async () => {
  const { client, engine } = await connected();
  const before = engine.calls.length;
  const publishing = client.publish("/a", { n: 1 });
  const sending = client.send([{ channel: "/b" }]);
  client.subscribe(["/c", "/c", "/d"]).catch(() => {});
  const calls = engine.calls.slice(before);
  assert.deepEqual(
    calls.map(([name, id, ...args]) => [name, ...(name === "subscribe" ? [id, ...args].slice(1) : args)]),
    [
      ["publish", "/a", `{"n":1}`],
      ["send", `[{"channel":"/b"}]`],
      ["subscribe", `["/c","/d"]`, "[]"],
    ],
  );
  engine.settle(calls[0][1], [{ channel: "/a", successful: true }]);
  engine.settle(calls[1][1], [{ channel: "/b", successful: false, error: "403::no" }]);
  assert.deepEqual(await publishing, { channel: "/a", successful: true });
  assert.equal((await sending)[0].successful, false);
});

test("channels that the server refused are not among those of the subscription", async () => {
  const { client, engine } = await connected();
  const error = { code: "subscribe-refused", message: "no", retryable: false, channel: "/b" };
  const subscribing = client.subscribe(["/a", "/b"]);
  engine.host.status({ type: "subscribe-failed", channel: "/b", error });
  engine.settle(engine.told("subscribe")[0][0]);
  assert.deepEqual((await subscribing).channels, ["/a"]);
});

test("an error of another copy of the package is known by its name", () => {
  assert.equal(isCometdError(new CometdError("closed", "closed")), true);
  assert.equal(isCometdError(Object.assign(new Error("x"), { name: "CometdError", code: "closed" })), true);
  for (const other of [undefined, null, "CometdError", new Error("x"), { name: "CometdError" }]) {
    assert.equal(isCometdError(other), false);
  }
});

test("an error has the fields that it needs and no others", () => {
  const plain = new CometdError("closed", "over");
  assert.deepEqual(Object.keys(plain).sort(), ["code", "name", "retryable"]);
  assert.equal("cause" in plain, false);
  const cause = new Error("x");
  const full = new CometdError("http-status", "503", { retryable: true, status: 503, channel: "/a", cause });
  assert.deepEqual([full.status, full.channel, full.cause, full.retryable], [503, "/a", cause, true]);
});

test("fetch is called with no receiver, or on its object", async () => {
  const receivers = [];
  function fetch() {
    receivers.push(this);
    return Promise.resolve(new Response("[]"));
  }
  const binding = { fetch };
  for (const option of [fetch, binding]) {
    const { engine } = await connected({ fetch: option });
    await engine.host.transport(url, { signal: new AbortController().signal });
  }
  assert.deepEqual(receivers, [undefined, binding]);
});

test("without a fetch the loader's transport is used, else the global fetch of the moment", async (t) => {
  const calls = [];
  const answer = (name) => async () => {
    calls.push(name);
    return new Response("[]");
  };
  const own = await connected({}, fakeLoader({ transport: answer("own") }));
  await own.engine.host.transport(url, {});
  const none = await connected({}, fakeLoader({ transport: undefined }));
  t.mock.method(globalThis, "fetch", answer("global"));
  await none.engine.host.transport(url, {});
  assert.deepEqual(calls, ["own", "global"]);
});

test("a fetch that throws is a failed exchange, and what it gives is for the engine to judge", async () => {
  const thrown = new Error("on the spot");
  const throwing = () => {
    throw thrown;
  };
  const { engine } = await connected({ fetch: throwing });
  assert.equal(await rejection(engine.host.transport(url, {})), thrown);
  for (const given of [undefined, "text"]) {
    const { engine: other } = await connected({ fetch: () => given });
    assert.equal(await other.host.transport(url, {}), given);
  }
});

test("an exchange is aborted with the engine's signal", async () => {
  let given;
  const { engine } = await connected({
    fetch(_, init) {
      given = init.signal;
      return new Promise(() => {});
    },
  });
  const controller = new AbortController();
  engine.host.transport(url, { method: "POST", signal: controller.signal });
  assert.equal(given.aborted, false);
  controller.abort();
  assert.equal(given.aborted, true);
});

test("numbers of subscriptions and commands ascend in one sequence", async () => {
  const { client, engine } = await connected();
  const first = await subscribed(client, engine);
  client.publish("/a", 1).catch(() => {});
  first.subscription.unsubscribe();
  const second = await subscribed(client, engine);
  const [[publish]] = engine.told("publish");
  const [[unsubscribe]] = engine.told("unsubscribe");
  assert.deepEqual([first.id, publish, unsubscribe, second.id], [1, 2, 3, 4]);
});
