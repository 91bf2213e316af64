// The replay store as the engine uses it, and the options around it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CometdError, connected, connectWith, fakeLoader, rejection, subscribed, turns } from "./fake.mjs";

const reader = (iterable) => iterable[Symbol.asyncIterator]();
const url = "http://localhost/cometd";
const noop = () => {};

/** A client with this store, and what it answers to one `load`. */
async function loading(load) {
  const { client, engine } = await connected({ replay: { store: { load, save: noop } } });
  const status = reader(client.status());
  engine.host.load(5, "/a");
  await turns();
  const [answer] = engine.told("loaded");
  return { engine, status, answer };
}

test("positions go to the store and come from it, and it is called as a method", async () => {
  const calls = [];
  class Store {
    #found = { replayId: "17", createdDate: "today" };
    async load(...args) {
      calls.push(["load", ...args]);
      return this.#found;
    }
    async save(...args) {
      calls.push(["save", ...args]);
      this.#found = args[1];
    }
  }
  const { engine } = await connected({ replay: { store: new Store() } });
  engine.host.load(1, "/a?x=1");
  engine.host.save(2, "/a", "90071992547409931", "");
  engine.host.save(3, "/a", "19", "2026");
  await turns();
  assert.deepEqual(calls, [
    ["load", "/a?x=1"],
    ["save", "/a", { replayId: "90071992547409931" }],
    ["save", "/a", { replayId: "19", createdDate: "2026" }],
  ]);
  assert.deepEqual(engine.told("loaded"), [[1, "17", "", false]]);
  assert.deepEqual(engine.told("saved"), [
    [2, ""],
    [3, ""],
  ]);
});

test("without a store positions are in memory, for this client alone", async () => {
  const first = await connected({ replay: {} });
  first.engine.host.load(1, "/a");
  first.engine.host.save(2, "/a", "7", "");
  await turns();
  first.engine.host.load(3, "/a");
  first.engine.host.load(4, "/b");
  await turns();
  assert.deepEqual(first.engine.told("loaded"), [
    [1, "", "", false],
    [3, "7", "", false],
    [4, "", "", false],
  ]);
  assert.deepEqual(first.engine.told("saved"), [[2, ""]]);
  const second = await connected({ replay: {} });
  second.engine.host.load(1, "/a");
  await turns();
  assert.deepEqual(second.engine.told("loaded"), [[1, "", "", false]]);
});

for (const [name, found] of [
  ["undefined", undefined],
  ["null", null],
]) {
  test(`R5a ${name} of load is no position`, async () => {
    const { answer } = await loading(async () => found);
    assert.deepEqual(answer, [5, "", "", false]);
  });
}

test("an empty creation date is as good as none, and load need not be asynchronous", async () => {
  const { answer } = await loading(() => ({ replayId: "x/1==", createdDate: null }));
  assert.deepEqual(answer, [5, "x/1==", "", false]);
});

for (const [name, found] of [
  ["a number as replayId", { replayId: 17 }],
  ["a bigint as replayId", { replayId: 17n }],
  ["an empty replayId", { replayId: "" }],
  ["no replayId", {}],
  ["a bare string", "17"],
  ["a number", 17],
  ["false", false],
  ["a createdDate that is no text", { replayId: "17", createdDate: 1 }],
]) {
  test(`R5a ${name} of load makes no sense`, async () => {
    const { answer } = await loading(async () => found);
    const [request, replayId, problem, invalid] = answer;
    assert.deepEqual([request, replayId, invalid], [5, "", true]);
    assert.match(problem, /replayId.*string/);
  });
}

const thrown = new Error("the disk is full");
const ways = [
  ["rejects", async () => Promise.reject(thrown), "the disk is full", thrown],
  [
    "throws",
    () => {
      throw thrown;
    },
    "the disk is full",
    thrown,
  ],
  ["rejects with nothing", async () => Promise.reject(), /./],
  ["rejects with an empty text", async () => Promise.reject(""), /./],
  ["rejects with what has no text", async () => Promise.reject(Object.create(null)), /./],
];
for (const [name, way, text, cause] of ways) {
  test(`R5 a store that ${name} is told to the engine, and its error to the application`, async () => {
    const { client, engine } = await connected({ replay: { store: { load: way, save: way } } });
    const status = reader(client.status());
    engine.host.load(1, "/a");
    engine.host.save(2, "/b", "7", "");
    await turns();
    const [[, , problem, invalid]] = engine.told("loaded");
    assert.equal(invalid, false);
    const error = { code: "store-failed", message: `load: ${problem}`, retryable: true };
    for (const [found, operation, channel] of [
      [problem, "load", "/a"],
      [engine.told("saved")[0][1], "save", "/b"],
    ]) {
      if (typeof text === "string") assert.equal(found, text);
      else assert.match(found, text);
      engine.host.status({ type: "store-failed", channel, operation, error });
      const { value } = await status.next();
      assert.ok(value.error instanceof CometdError);
      assert.deepEqual([value.channel, value.operation, value.error.code], [channel, operation, "store-failed"]);
      if (cause) assert.equal(value.error.cause, cause);
    }
  });
}

test("R5a a store may say itself that what it holds makes no sense", async () => {
  const error = new CometdError("store-invalid", "not JSON");
  const { answer } = await loading(async () => Promise.reject(error));
  assert.deepEqual(answer, [5, "", "not JSON", true]);
});

test("R5 a failure that was not the store's own has no cause of an older one", async () => {
  const answers = [() => Promise.reject(thrown), () => new Promise(noop)];
  const { engine, status } = await loading(() => answers.shift()());
  engine.host.load(6, "/a");
  await turns();
  const error = { code: "store-failed", message: "no answer within 10000 ms", retryable: true };
  engine.host.status({ type: "store-failed", channel: "/a", operation: "load", error });
  assert.equal((await status.next()).value.error.cause, undefined);
});

test("R5a a subscription that ends by what the store holds has the store's error as its cause", async () => {
  const store = { load: async () => Promise.reject(thrown), save: noop };
  const { client, engine } = await connected({ replay: { store } });
  const { subscription, id } = await subscribed(client, engine);
  engine.host.load(1, "/a");
  await turns();
  engine.host.ended(id, { code: "store-invalid", message: "no sense", retryable: false, channel: "/a" });
  assert.equal((await subscription.closed).cause, thrown);
});

test("R5a late answers go to the engine with their old number", async () => {
  let answer;
  const { engine } = await loading(() => new Promise((resolve) => (answer ??= resolve)));
  engine.host.load(6, "/a");
  answer({ replayId: "7" });
  await turns();
  assert.deepEqual(engine.told("loaded"), [[5, "7", "", false]]);
});

test("answers after the end go nowhere", async () => {
  let answer;
  const { engine } = await loading(() => new Promise((resolve) => (answer = resolve)));
  engine.host.closed(undefined);
  answer({ replayId: "7" });
  await turns();
  assert.deepEqual(engine.told("loaded"), []);
});

const store = { load: noop, save: noop };
for (const [start, replay] of [
  ["replay:", null],
  ["replay:", true],
  ["replay.store:", { store: null }],
  ["replay.store:", { store: "memory" }],
  ["replay.store:", { store: { load: noop } }],
  ["replay.store:", { store: { load: noop, save: "x" } }],
  ["replay.commit:", { store, commit: "auto" }],
  ["replay.commit:", { commit: null }],
  ["replay.onInvalidPosition:", { onInvalidPosition: "none" }],
  ["replay.start:", { start: "begin" }],
  ["replay.start:", { start: "-1" }],
  ["replay.start:", { start: 17 }],
  ["replay.start:", { start: -1.5 }],
  ["replay.start:", { start: null }],
  ["replay.start:", { start: ["/a"] }],
  ["replay.start:", { start: { "/a": 17 } }],
  ["replay.start:", { start: { "/a": "" } }],
]) {
  test(`connect names what is wrong in ${JSON.stringify(replay)}`, async () => {
    const world = fakeLoader({ load: () => assert.fail("loaded") });
    const error = await rejection(connectWith(world.loader, { url, replay }));
    assert.ok(error instanceof CometdError);
    assert.equal(error.code, "invalid-argument");
    assert.ok(error.message.startsWith(start), error.message);
  });
}

test("the engine is told that positions are followed, and how each subscription is", async () => {
  const start = { "/a": "17", "/b": "all", "/constructor": "new" };
  const { client, engine } = await connected({ replay: { start, commit: "manual", onInvalidPosition: "fail" } });
  assert.equal(engine.options.replay, true);
  const subscribe = (...args) => void client.subscribe(...args).catch(noop);
  subscribe(["/a", "/b", "/c", "/constructor"]);
  subscribe("/a", { start: "all", commit: "delivered", onInvalidPosition: "new" });
  subscribe("/a", { start: { "/a": "90071992547409931" }, commit: "processed" });
  subscribe("toString");
  assert.deepEqual(
    engine.told("subscribe").map(([, , follow]) => JSON.parse(follow)),
    [
      ["manual", "fail", "17", "-2", "-1", "-1"],
      ["delivered", "new", "-2"],
      ["processed", "fail", "90071992547409931"],
      ["manual", "fail", "-1"],
    ],
  );
});

test("numbers say where to start as the words and strings do, in one channel without a wildcard", async () => {
  const { client, engine } = await connected({ replay: { start: -2 } });
  const starts = (channel, start) => {
    void client.subscribe(channel, { start }).catch(() => {});
    return JSON.parse(engine.calls.at(-1)[3]).slice(2);
  };
  assert.deepEqual(starts("/a"), ["-2"]);
  assert.deepEqual(starts(["/a", "/b/*"], -1), ["-1", "-1"]);
  for (const start of [0, 17, -3, Number.MAX_SAFE_INTEGER]) {
    assert.deepEqual(starts("/a", start), [String(start)]);
    assert.deepEqual(starts(["/a"], start), [String(start)]);
  }
  const told = engine.calls.length;
  for (const [channel, start] of [
    [["/a", "/b"], 17],
    ["/a/*", 17],
    ["/a/**", 17],
    ["/a", 2 ** 53],
    ["/a", 0.5],
    ["/a", Number.NaN],
    ["/a", Infinity],
  ]) {
    const error = await rejection(client.subscribe(channel, { start }));
    assert.equal(error.code, "invalid-argument");
    assert.match(error.message, /^start: .* string.*"9007199254740993"/);
  }
  assert.equal(engine.calls.length, told);
});

test("by default channels start with new events, commit what is processed, and follow all after a refusal", async () => {
  const { client, engine } = await connected({ replay: {} });
  client.subscribe("/a").catch(noop);
  assert.deepEqual(engine.told("subscribe")[0].slice(2), [`["processed","all","-1"]`]);
});

test("subscribe names what is wrong with how to follow, and sends nothing", async () => {
  const on = await connected({ replay: {} });
  const off = await connected();
  for (const [{ client }, start, options] of [
    [on, "start:", { start: "now" }],
    [on, "start:", { start: { "/a": 1 } }],
    [on, "start:", { start: { "/b": "17" } }],
    [on, "commit:", { commit: "" }],
    [on, "onInvalidPosition:", { onInvalidPosition: "ignore" }],
    [off, "start:", { start: "all" }],
    [off, "commit:", { commit: "manual" }],
    [off, "onInvalidPosition:", { onInvalidPosition: "all" }],
  ]) {
    const error = await rejection(client.subscribe("/a", options));
    assert.equal(error.code, "invalid-argument");
    assert.ok(error.message.startsWith(start), error.message);
  }
  for (const { engine } of [on, off]) assert.deepEqual(engine.told("subscribe"), []);
});
