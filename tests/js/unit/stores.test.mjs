// What the stores do of their own accord: pace, order, keys, errors. Each is proved on its host by ../stores.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { dist, rejection } from "./fake.mjs";

const stores = await import(new URL("stores.js", dist).href);
const { cloudflareKvStore, denoKvStore, durableObjectStore, indexedDbStore, kvStore, memoryStore, webStorageStore } =
  stores;

/** A clock that stands still until it is set. */
function setClock() {
  let ms = 1_000_000;
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(performance, "now", () => ms);
  return {
    async pass(by) {
      ms += by;
      mock.timers.tick(by);
      await settled();
    },
    [Symbol.dispose]() {
      mock.timers.reset();
      mock.restoreAll();
    },
  };
}

/** Until all that does not wait for a timer has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A namespace that notes what is put, and answers when it is told to; at once unless `manual`. */
function fakeNamespace({ manual = false } = {}) {
  const puts = [];
  return {
    puts,
    ids: () => puts.map(({ value }) => JSON.parse(value).replayId),
    get: async () => null,
    put: (key, value) =>
      new Promise((resolve, reject) => {
        puts.push({ key, value, resolve, reject });
        if (!manual) resolve();
      }),
  };
}

/** The state of promises, by names. */
function watch(promises) {
  const states = {};
  for (const [name, promise] of Object.entries(promises)) {
    states[name] = "pending";
    promise.then(
      () => (states[name] = "saved"),
      () => (states[name] = "failed"),
    );
  }
  return states;
}

function withClock(name, body) {
  test(name, async () => {
    const clock = setClock();
    try {
      await body(clock);
    } finally {
      clock[Symbol.dispose]();
    }
  });
}

withClock("Workers KV is written once a second, with the newest, and all who waited are told", async (clock) => {
  const namespace = fakeNamespace();
  const store = cloudflareKvStore(namespace);
  await store.save("/a", { replayId: "1" });
  const states = watch({ two: store.save("/a", { replayId: "2" }), three: store.save("/a", { replayId: "3" }) });
  await clock.pass(999);
  assert.deepEqual(namespace.ids(), ["1"]);
  assert.deepEqual(states, { two: "pending", three: "pending" });
  await clock.pass(1);
  assert.deepEqual(namespace.ids(), ["1", "3"]);
  assert.deepEqual(states, { two: "saved", three: "saved" });
  await clock.pass(5_000);
  await store.save("/a", { replayId: "4" });
  assert.deepEqual(namespace.ids(), ["1", "3", "4"]);
});

withClock("channels of Workers KV do not wait for each other", async () => {
  const namespace = fakeNamespace();
  const store = cloudflareKvStore(namespace);
  await Promise.all([store.save("/a", { replayId: "1" }), store.save("/b", { replayId: "2" })]);
  assert.deepEqual(namespace.ids(), ["1", "2"]);
});

withClock("the second begins when a write has ended, also one that failed", async (clock) => {
  const namespace = fakeNamespace({ manual: true });
  const store = cloudflareKvStore(namespace);
  const first = rejection(store.save("/a", { replayId: "1" }));
  const states = watch({ two: store.save("/a", { replayId: "2" }) });
  await clock.pass(3_000);
  assert.deepEqual(namespace.ids(), ["1"]);
  const cause = new Error("KV PUT failed: 429 Too Many Requests");
  namespace.puts[0].reject(cause);
  const error = await first;
  assert.equal(error.code, "store-failed");
  assert.equal(error.retryable, true);
  assert.equal(error.cause, cause);
  assert.match(error.message, /429/);
  await clock.pass(999);
  assert.deepEqual(namespace.ids(), ["1"]);
  await clock.pass(1);
  assert.deepEqual(namespace.ids(), ["1", "2"]);
  namespace.puts[1].resolve();
  await settled();
  assert.deepEqual(states, { two: "saved" });
});

withClock("a write that hangs fails after ten seconds, and the next one has its turn", async (clock) => {
  const namespace = fakeNamespace({ manual: true });
  const store = kvStore({ get: namespace.get, put: namespace.put });
  const states = watch({ one: store.save("/a", { replayId: "1" }), two: store.save("/a", { replayId: "2" }) });
  await clock.pass(9_999);
  assert.deepEqual(states, { one: "pending", two: "pending" });
  await clock.pass(1);
  assert.deepEqual(states, { one: "failed", two: "pending" });
  assert.deepEqual(namespace.ids(), ["1", "2"]);
  namespace.puts[1].resolve();
  await settled();
  assert.deepEqual(states, { one: "failed", two: "saved" });
});

test("a storage that throws or rejects is a typed error with its cause", async () => {
  const cause = new TypeError("no");
  const throwing = () => {
    throw cause;
  };
  for (const fail of [throwing, async () => throwing()]) {
    const store = kvStore({ get: fail, put: fail });
    for (const call of [store.load("/a"), store.save("/a", { replayId: "1" })]) {
      const error = await rejection(call);
      assert.equal(error.code, "store-failed");
      assert.equal(error.channel, "/a");
      assert.equal(error.cause, cause);
    }
  }
});

for (const stored of [
  "",
  "no JSON",
  "17",
  '"17"',
  "[]",
  "{}",
  '{"replayId":17}',
  '{"replayId":""}',
  '{"replayId":null}',
  '{"replayId":"17","createdDate":5}',
  { replayId: 17 },
  17,
  true,
]) {
  test(`${JSON.stringify(stored)} is no position`, async () => {
    const store = kvStore({ get: () => stored, put: () => assert.fail("it was overwritten") });
    const error = await rejection(store.load("/a"));
    assert.equal(error.code, "store-invalid");
    assert.equal(error.retryable, false);
    assert.equal(error.channel, "/a");
    assert.match(error.message, /"cometd-edge:\/a"/);
    assert.doesNotMatch(error.message, /17/);
  });
}

test("what a storage gives parsed already, or with more in it, is a position", async () => {
  for (const stored of ['{"replayId":"17","more":1}', { replayId: "17", more: 1 }]) {
    assert.deepEqual(await kvStore({ get: () => stored, put() {} }).load("/a"), { replayId: "17" });
  }
  for (const stored of [undefined, null]) {
    assert.equal(await kvStore({ get: () => stored, put() {} }).load("/a"), undefined);
  }
});

test("functions of a storage keep their object", async () => {
  class Host {
    map = new Map();
    get(key) {
      return this.map.get(key);
    }
    put(key, value) {
      return this.map.set(key, value);
    }
  }
  const store = kvStore(new Host());
  await store.save("/a", { replayId: "1" });
  assert.deepEqual(await store.load("/a"), { replayId: "1" });
});

for (const [make, limit] of [
  [cloudflareKvStore, 512],
  [durableObjectStore, 2_048],
]) {
  test(`${make.name} hashes a channel too long for a key of ${limit} bytes`, async () => {
    const keys = [];
    const store = make({ get: async (key) => void keys.push(key), put: async () => {} }, { prefix: "p:" });
    const room = limit - "p:/".length;
    const channels = [
      `/${"x".repeat(room)}`,
      `/${"x".repeat(room + 1)}`,
      `/${"é".repeat(Math.floor(room / 2))}`,
      `/${"é".repeat(Math.floor(room / 2) + 1)}`,
    ];
    for (const channel of channels) await store.load(channel);
    assert.deepEqual([keys[0], keys[2]], [`p:${channels[0]}`, `p:${channels[2]}`]);
    for (const key of [keys[1], keys[3]]) assert.match(key, /^p:sha256:[0-9a-f]{64}$/);
  });
}

test("a position may be given to the memory beforehand", async () => {
  const position = { replayId: "1", createdDate: "today" };
  for (const initial of [{ "/a": position }, new Map([["/a", position]]), [["/a", position]]]) {
    assert.deepEqual(await memoryStore(initial).load("/a"), position);
  }
});

const kv = { get() {}, put() {}, atomic() {} };
for (const [make, says] of [
  [() => memoryStore(null), /object of positions/],
  [() => memoryStore({ "/a": { replayId: 1 } }), /both strings/],
  [() => kvStore(), /`get` and `put`/],
  [() => kvStore({ get() {} }), /`get` and `put`/],
  [() => kvStore({ ...kv, prefix: 5 }), /prefix/],
  [() => kvStore({ ...kv, maxKeyBytes: "many" }), /maxKeyBytes/],
  [() => kvStore({ ...kv, maxKeyBytes: 80 }), /prefix: too long/],
  [() => cloudflareKvStore(undefined), /KV namespace/],
  [() => cloudflareKvStore(kv, { minIntervalMs: -1 }), /minIntervalMs/],
  [() => cloudflareKvStore(kv, { minIntervalMs: Infinity }), /minIntervalMs/],
  [() => cloudflareKvStore(kv, { prefix: "x".repeat(500) }), /prefix: too long/],
  [() => durableObjectStore({}), /ctx\.storage/],
  [() => durableObjectStore(kv, { prefix: null }), /prefix/],
  [() => denoKvStore({ get() {} }), /Deno\.openKv/],
  [() => denoKvStore(kv, { prefix: ["a"] }), /prefix/],
  [() => webStorageStore(null), /localStorage/],
  [() => indexedDbStore(), /name/],
  [() => indexedDbStore("orders"), /no IndexedDB here/],
]) {
  test(`${String(make).slice(6)} says what to give`, () => {
    assert.throws(make, ({ code, message }) => code === "invalid-argument" && says.test(message));
  });
}

test("a call that makes no sense is refused, and nothing is written", async () => {
  const store = kvStore({ get: () => null, put: () => assert.fail("it was written") });
  for (const call of [
    () => store.load(undefined),
    () => store.load(""),
    () => store.save("", { replayId: "1" }),
    () => store.save("/a", undefined),
    () => store.save("/a", { replayId: 1 }),
    () => store.save("/a", { replayId: "" }),
    () => store.save("/a", { replayId: "1", createdDate: new Date() }),
  ]) {
    assert.equal((await rejection(call())).code, "invalid-argument");
  }
});
