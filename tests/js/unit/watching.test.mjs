// Taps, extensions, the log, and what the host lends the engine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CometdError, connected, runtime, turns } from "./fake.mjs";

const reader = (iterable) => iterable[Symbol.asyncIterator]();

async function take(iterator, count) {
  const items = [];
  while (items.length < count) items.push((await iterator.next()).value);
  return items;
}

test("a tap holds a thousand items, drops the oldest and counts them", async () => {
  const { client, engine } = await connected();
  const tap = client.status();
  for (let i = 1; i <= 1_003; i += 1) engine.host.status({ type: "multiple-clients", intervalMs: i });
  assert.equal(tap.dropped, 3);
  const items = await take(reader(tap), 1_000);
  assert.deepEqual([items[0].intervalMs, items.at(-1).intervalMs], [4, 1_003]);
});

test("each tap has its own ring, from when it was made", async () => {
  const { client, engine } = await connected();
  const first = reader(client.status());
  engine.host.state("retrying");
  const second = reader(client.status());
  engine.host.state("connected");
  assert.deepEqual(
    (await take(first, 2)).map(({ state }) => state),
    ["retrying", "connected"],
  );
  assert.deepEqual(await take(second, 1), [{ type: "state", state: "connected" }]);
  assert.equal(client.state, "connected");
});

test("leaving a tap ends it alone", async () => {
  const { client, engine } = await connected();
  const left = client.status();
  const kept = reader(client.status());
  const pending = reader(left).next();
  await reader(left).return();
  assert.equal((await pending).done, true);
  engine.host.state("retrying");
  assert.equal((await kept.next()).value.state, "retrying");
  assert.equal((await reader(left).next()).done, true);
});

test("the engine is asked for messages while somebody taps them", async () => {
  const { client, engine } = await connected();
  const taps = [reader(client.messages()), reader(client.messages())];
  assert.deepEqual(engine.told("tap"), [[true]]);
  engine.host.message(`{"channel":"/meta/connect"}`);
  const [[first], [second]] = await Promise.all(taps.map((tap) => take(tap, 1)));
  assert.deepEqual(first, { channel: "/meta/connect" });
  assert.notEqual(first, second);
  await taps[0].return();
  assert.equal(engine.told("tap").length, 1);
  await taps[1].return();
  assert.deepEqual(engine.told("tap"), [[true], [false]]);
});

test("a message that JSON.parse will not have is reported, not thrown", async () => {
  const { client, engine } = await connected();
  client.messages();
  const status = reader(client.status());
  engine.host.message("{oops");
  assert.equal((await status.next()).value.type, "message-skipped");
});

test("errors in a status are errors of the package", async () => {
  const { client, engine } = await connected();
  const status = reader(client.status());
  const error = { code: "timeout", message: "no answer", retryable: true };
  engine.host.status({ type: "retry", attempt: 2, delayMs: 5, error });
  const { value } = await status.next();
  assert.ok(value.error instanceof CometdError);
  assert.deepEqual([value.attempt, value.error.code], [2, "timeout"]);
});

test("extensions see outgoing messages in their order, incoming ones in reverse", async () => {
  const order = [];
  const named = (name) => ({
    outgoing(message) {
      order.push(name);
      message.ext = { ...message.ext, [name]: true };
    },
    incoming: () => void order.push(name),
  });
  const { engine } = await connected({ extensions: [named("a"), named("b")] });
  assert.equal(engine.options.inspect, "meta");
  const text = engine.host.inspect(false, `{"channel":"/meta/handshake"}`);
  assert.deepEqual(JSON.parse(text), { channel: "/meta/handshake", ext: { a: true, b: true } });
  engine.host.inspect(true, `{"channel":"/meta/handshake"}`);
  assert.deepEqual(order, ["a", "b", "b", "a"]);
});

test("extensions see events only if they ask for them", async () => {
  const seen = [];
  const extensions = [
    { name: "meta", incoming: () => void seen.push("meta") },
    { name: "all", events: true, incoming: () => void seen.push("all") },
  ];
  const { engine } = await connected({ extensions });
  assert.equal(engine.options.inspect, "all");
  engine.host.inspect(true, `{"channel":"/a","data":1}`);
  assert.deepEqual(seen, ["all"]);
});

test("a message that no extension changes keeps its text to the letter", async () => {
  const { engine } = await connected({ extensions: [{ events: true, incoming: (message) => message }] });
  const text = `{ "channel": "/a", "data": {"event": {"replayId": 90071992547409931}} }`;
  assert.equal(engine.host.inspect(true, text), text);
});

test("an extension drops a message by null and replaces it by another", async () => {
  const incoming = (message) => (message.id === "1" ? null : { ...message, id: "3" });
  const { engine } = await connected({ extensions: [{ incoming }] });
  assert.equal(engine.host.inspect(true, `{"channel":"/meta/connect","id":"1"}`), "");
  assert.equal(JSON.parse(engine.host.inspect(true, `{"channel":"/meta/connect","id":"2"}`)).id, "3");
});

test("what a hook changed before it threw is forgotten, and the throw is reported", async () => {
  const bug = new Error("bug");
  const lines = [];
  const extensions = [
    { name: "good", outgoing: (message) => void (message.good = true) },
    {
      name: "bad",
      outgoing(message) {
        message.bad = true;
        throw bug;
      },
    },
    { outgoing: async () => Promise.reject(new Error("late")) },
    { outgoing: () => 5 },
  ];
  const { client, engine } = await connected({ extensions, log: (entry) => lines.push(entry) });
  const status = reader(client.status());
  const text = engine.host.inspect(false, `{"channel":"/meta/connect"}`);
  assert.deepEqual(JSON.parse(text), { channel: "/meta/connect", good: true });
  const [thrown, promised, number] = await take(status, 3);
  assert.deepEqual(thrown, { type: "callback-failed", where: "extension bad, outgoing", error: bug });
  assert.deepEqual([promised.error.code, number.where], ["invalid-argument", "extension 3, outgoing"]);
  assert.deepEqual(lines[0], { level: "error", message: "extension bad, outgoing: bug" });
});

test("a log that throws or rejects is reported and disturbs nothing", async () => {
  const bug = new Error("bug");
  let later = false;
  const log = () => {
    if (later) return Promise.reject(bug);
    later = true;
    throw bug;
  };
  const { client, engine } = await connected({ log });
  const status = reader(client.status());
  engine.host.log("info", "one");
  engine.host.log("info", "two");
  for (const failed of await take(status, 2))
    assert.deepEqual(failed, { type: "callback-failed", where: "log", error: bug });
});

test("waits longer than setTimeout takes are cut into pieces", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let fired = 0;
  const day = 86_400_000;
  runtime.after(60 * day, () => (fired += 1));
  const stop = runtime.after(60 * day, () => (fired += 10));
  // Day by day, for the mock starts a timer that was made meanwhile at the end of its tick.
  for (let i = 0; i < 59; i += 1) t.mock.timers.tick(day);
  stop();
  assert.equal(fired, 0);
  for (let i = 0; i < 2; i += 1) t.mock.timers.tick(day);
  assert.equal(fired, 1);
});

/** A timer that was due before this one has fired by then, and what was deferred has run. */
async function after() {
  await new Promise((resolve) => setTimeout(resolve, 5));
  await turns();
}

test("timers and deferred callbacks end with the client", async () => {
  const { engine } = await connected();
  let calls = 0;
  engine.host.delay(() => (calls += 100), 0);
  engine.host.delay(() => (calls += 1), 0);
  engine.host.defer(() => (calls += 1));
  engine.host.wait(Promise.reject(new Error("no")), 1, () => (calls += 1));
  assert.equal(calls, 0, "not in the current call");
  await after();
  assert.equal(calls, 3, "there is one timer");
  engine.host.delay(() => (calls += 1), 0);
  engine.host.defer(() => (calls += 1));
  engine.host.wait(1, 1, () => (calls += 1));
  engine.host.closed(undefined);
  engine.host.delay(() => (calls += 1), 0);
  engine.host.defer(() => (calls += 1));
  engine.host.wait(1, 1, () => (calls += 1));
  await after();
  assert.equal(calls, 3);
});

function stub() {
  throw new Error("not supported here");
}
for (const [missing, instead, how] of [
  [["setImmediate"], undefined, "without"],
  [["setImmediate", "MessageChannel"], undefined, "without"],
  [["setImmediate"], stub, "with stubs of"],
  [["setImmediate", "MessageChannel"], stub, "with stubs of"],
]) {
  test(`deferred callbacks run in order behind microtasks ${how} ${missing.join(" and ")}`, async () => {
    const saved = Object.fromEntries(missing.map((name) => [name, globalThis[name]]));
    const deferrer = new runtime.Deferrer();
    const order = [];
    try {
      for (const name of missing) globalThis[name] = instead;
      deferrer.defer(() => order.push("first"));
      deferrer.defer(() => order.push("second"));
      queueMicrotask(() => order.push("microtask"));
    } finally {
      Object.assign(globalThis, saved);
    }
    while (order.length < 3) await turns(1);
    deferrer.close();
    assert.deepEqual(order, ["microtask", "first", "second"]);
  });
}
