// Drains, suspended clients and hidden pages, without the engine that does the work.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, connectWith, fakeLoader, inPage, isSettled, rejection, subscribed, turns } from "./fake.mjs";

const reader = (iterable) => iterable[Symbol.asyncIterator]();
const over = { done: true, value: undefined };
const REPLAY = { replay: {} };

/** A drain that runs, and the numbers of its command. */
async function draining(options, drain = { deadlineMs: 1_000 }) {
  const { client, engine } = await connected(options);
  const { id } = await subscribed(client, engine);
  const events = reader(client.drain(drain));
  const [[command, ...times]] = engine.told("drain");
  return { client, engine, id, events, command, times };
}

test("a drain begins when it is called, with its times", async () => {
  const { times } = await draining({}, { idleMs: 5, deadlineMs: 10 });
  assert.deepEqual(times, [5, 10]);
  assert.deepEqual((await draining()).times, [Infinity, 1_000]);
});

test("a drain ends once the engine has saved what was read", async () => {
  const { engine, events, command } = await draining(REPLAY);
  engine.deliver(0, 1, 2);
  await events.next();
  await events.next();
  const last = events.next();
  engine.settle(command);
  await turns();
  const [[rest]] = engine.told("rest");
  assert.equal(await isSettled(last), false);
  // Before that, the engine was told that both are done with.
  assert.deepEqual(engine.told("progress").at(-1), [0, 2, true]);
  engine.settle(rest);
  assert.deepEqual(await last, over);
});

test("a drain that ends while an event is in hand waits for the reader", async () => {
  const { engine, events, command } = await draining(REPLAY);
  engine.deliver(0, 1, 2);
  await events.next();
  engine.settle(command);
  await turns();
  assert.deepEqual(engine.told("rest"), []);
  const last = events.next();
  await turns();
  // The second one is not given out any more.
  assert.deepEqual(engine.told("progress").at(-1), [0, 1, true]);
  engine.settle(engine.told("rest")[0][0]);
  assert.deepEqual(await last, over);
});

test("what a drain did not give out comes first in the next", async () => {
  const { client, engine, events, command } = await draining();
  engine.deliver(0, 1, 2, 3);
  await events.next();
  engine.settle(command);
  await turns();
  const last = events.next();
  await turns();
  engine.settle(engine.told("rest")[0][0]);
  await last;
  const again = reader(client.drain({ deadlineMs: 1_000 }));
  assert.equal((await again.next()).value.data, 2);
  // The one in hand is given again to who comes after a reader that has left.
  await again.return();
  assert.equal((await reader(client.events()).next()).value.data, 2);
});

test("leaving a drain brings the engine to rest", async () => {
  const { engine, events } = await draining();
  engine.deliver(0, 1);
  await events.next();
  assert.deepEqual(await events.return(), over);
  assert.equal(engine.told("rest").length, 1);
});

test("a drain that fails says so in its loop, once", async () => {
  const { engine, events, command } = await draining();
  const last = events.next();
  engine.settle(command, [], { code: "deadline", message: "late", retryable: true });
  await turns();
  engine.settle(engine.told("rest")[0][0]);
  assert.equal((await rejection(last)).code, "deadline");
  assert.deepEqual(await events.next(), over);
});

test("a client that ends takes its drain along", async () => {
  const { client, engine, events } = await draining();
  const last = events.next();
  const closing = client.close();
  assert.deepEqual(await last, over);
  engine.host.closed(undefined);
  await closing;
});

test("a drain beside a reader, or with times that are none, begins nothing", async () => {
  const { client, engine } = await connected();
  for (const options of [undefined, {}, { deadlineMs: "1" }, { deadlineMs: NaN }, { deadlineMs: 1, idleMs: -1 }]) {
    assert.throws(() => client.drain(options), { code: "invalid-argument" });
  }
  reader(client.events());
  assert.throws(() => client.drain({ deadlineMs: 1 }), { code: "already-reading" });
  assert.deepEqual(engine.told("drain"), []);
});

/** Suspends, and gives the snapshot as JSON carries it. */
async function suspend(client, engine, session = { url: "u" }) {
  const suspending = client.suspend();
  engine.settle(engine.told("suspend")[0][0], [session]);
  engine.host.closed(undefined);
  return JSON.parse(JSON.stringify(await suspending));
}

test("a suspended client is over, and its snapshot holds what nobody has read", async () => {
  const { client, engine } = await connected();
  const own = await subscribed(client, engine, "/own");
  await subscribed(client, engine, "/shared");
  const events = reader(own.subscription);
  engine.deliver(own.id, 1, 2);
  engine.deliver(0, 3, 4);
  await events.next();
  const shared = reader(client.events());
  await shared.next();
  const waiting = [events.next(), shared.next()];
  await Promise.all(waiting);
  engine.deliver(own.id, 5);
  const snapshot = await suspend(client, engine);
  assert.deepEqual(await events.next(), over);
  assert.equal(await client.closed, undefined);
  assert.deepEqual(
    snapshot.subscriptions.map(({ channels }) => channels),
    [["/own"], ["/shared"]],
  );
  assert.deepEqual(
    snapshot.events.map(({ of, message }) => [of, JSON.parse(message).data]),
    [[[0], 5]],
  );
  assert.equal((await rejection(client.suspend())).code, "closed");
});

test("with replay a snapshot holds no events", async () => {
  const { client, engine } = await connected(REPLAY);
  await subscribed(client, engine);
  engine.deliver(0, 1);
  assert.deepEqual((await suspend(client, engine)).events, []);
});

test("a subscribe that has no answer is not in the snapshot", async () => {
  const { client, engine } = await connected();
  const pending = client.subscribe("/late");
  assert.deepEqual((await suspend(client, engine)).subscriptions, []);
  assert.equal((await rejection(pending)).code, "closed");
});

const FOLLOWING = { start: "new", commit: "processed", onInvalidPosition: "all" };

/** A client that goes on from a snapshot of subscriptions to these channels. */
async function resumed(subscriptions, events = [], more = {}) {
  const conditions = { ...FOLLOWING, ...more };
  const all = subscriptions.map((channels) => ({ channels, ...conditions }));
  const resume = { version: 1, session: { url: "u" }, subscriptions: all, events };
  const { client, engine } = await connected({ resume, ...(more.start && { replay: {} }) });
  return { client, engine };
}

test("a resumed client subscribes again, and gives out what was left", async () => {
  const { engine } = await resumed([["/a"], ["/b", "/c"]], [{ of: [1], message: "{}" }]);
  assert.deepEqual(
    engine.told("subscribe").map(([, channels]) => channels),
    ['["/a"]', '["/b","/c"]'],
  );
  const [, [second]] = engine.told("subscribe");
  assert.deepEqual(engine.told("restore"), [[`[${second}]`, "{}"]]);
  assert.equal(engine.options.resume, '{"url":"u"}');
});

test("subscribe takes over what goes on, in whatever order the channels are named", async () => {
  const { client, engine } = await resumed([["/b", "/a"]]);
  const [[id]] = engine.told("subscribe");
  const subscribing = client.subscribe(["/a", "/b"]);
  engine.settle(id);
  const subscription = await subscribing;
  assert.equal(engine.told("subscribe").length, 1);
  engine.deliver(id, 1);
  assert.equal((await reader(subscription).next()).value.data, 1);
  // The next one is a subscription of its own.
  client.subscribe(["/a", "/b"]).catch(() => {});
  assert.equal(engine.told("subscribe").length, 2);
});

test("two equal subscriptions that go on are taken over one by one", async () => {
  const { client, engine } = await resumed([["/a"], ["/a"]]);
  const ids = engine.told("subscribe").map(([id]) => id);
  assert.equal(new Set(ids).size, 2);
  const both = [client.subscribe("/a"), client.subscribe("/a")];
  for (const id of ids) engine.settle(id);
  const [first, second] = await Promise.all(both);
  assert.equal(engine.told("subscribe").length, 2);
  const reading = [reader(first).next(), reader(second).next()];
  ids.forEach((id, index) => engine.deliver(id, index + 1));
  assert.deepEqual(
    (await Promise.all(reading)).map(({ value }) => value.data),
    [1, 2],
  );
});

test("what goes on is taken over however its start is written", async () => {
  const { client, engine } = await resumed([["/a", "/b"]], [], { start: { "/b": "7", "/a": "-1" } });
  client.subscribe(["/a", "/b"], { start: { "/a": "new", "/b": "7" } }).catch(() => {});
  assert.equal(engine.told("subscribe").length, 1);
});

test("what goes on and is refused is told by a status", async () => {
  const { client, engine } = await resumed([["/a"]]);
  const status = reader(client.status());
  const [[id]] = engine.told("subscribe");
  engine.settle(id, [], { code: "subscribe-refused", message: "no", retryable: false, channel: "/a" });
  let told;
  do told = (await status.next()).value;
  while (told.type === "state");
  assert.deepEqual([told.type, told.channel, told.error.code], ["subscribe-failed", "/a", "subscribe-refused"]);
});

test("the first tap of a resumed client hears what was told before connect resolved", async () => {
  const world = fakeLoader();
  const resume = { version: 1, session: {}, subscriptions: [], events: [] };
  const connecting = connectWith(world.loader, { url: "http://localhost/cometd", resume });
  await turns();
  const { engine } = world;
  engine.host.status({ type: "gap", channel: "/a", cause: "session-lost", since: 1 });
  engine.settle(0);
  const client = await connecting;
  assert.equal((await reader(client.status()).next()).value.type, "gap");
  assert.equal(await isSettled(reader(client.status()).next()), false);
});

/** Snapshots in which one part makes no sense. */
function spoilt() {
  const channels = ["/a"];
  const good = { version: 1, session: {}, subscriptions: [{ channels, ...FOLLOWING }], events: [] };
  const subscription = (part) => ({ ...good, subscriptions: [{ channels, ...FOLLOWING, ...part }] });
  const event = (part) => ({ ...good, events: [{ of: [0], message: "{}", ...part }] });
  return [
    ...[null, 1, {}, { version: 1 }, { ...good, version: 2 }, { ...good, session: null }, { ...good, apiVersion: 67 }],
    ...[undefined, [], "/a", [7], ["a"]].map((bad) => subscription({ channels: bad })),
    ...[{ start: undefined }, { start: { "/a": 7 } }, { commit: "later" }, { onInvalidPosition: null }].map(
      subscription,
    ),
    { ...good, subscriptions: [null] },
    { ...good, events: [null] },
    ...[{ of: [1] }, { of: ["0"] }, { of: undefined }, { message: {} }].map(event),
  ];
}

test("what is no snapshot is refused before anything is loaded", async () => {
  for (const resume of spoilt()) {
    const world = fakeLoader();
    const error = await rejection(connectWith(world.loader, { url: "http://localhost/cometd", resume }));
    assert.equal(error.code, "invalid-argument");
    assert.match(error.message, /^resume: /);
    assert.equal(world.engines.length, 0);
  }
});

test("a client rests while its page is hidden, and lets go of the page in the end", async () => {
  await inPage(async ({ listeners, say }) => {
    const { client, engine } = await connected();
    say("pagehide", true);
    say("pageshow", true);
    assert.deepEqual(engine.told("hidden"), [[true], [false]]);
    assert.equal(engine.told("close").length, 0);
    const closing = client.close();
    engine.host.closed(undefined);
    await closing;
    assert.equal(listeners.size, 0);
  });
});

test("a client waits for no back-off once its page is shown or online again", async () => {
  await inPage(async ({ say }) => {
    globalThis.document = { visibilityState: "hidden" };
    try {
      const { engine } = await connected();
      const told = () => engine.told("retryNow").length;
      say("pagehide", true);
      say("visibilitychange");
      assert.equal(told(), 0);
      say("online");
      assert.equal(told(), 1);
      globalThis.document.visibilityState = "visible";
      say("visibilitychange");
      assert.equal(told(), 2);
      say("pageshow", true);
      assert.deepEqual([told(), engine.told("hidden")], [3, [[true], [false]]]);
    } finally {
      delete globalThis.document;
    }
  });
});

test("a page that is left closes its client, by a request that outlives it", async () => {
  await inPage(async ({ say }) => {
    const sent = [];
    const fetch = (url, init) => {
      sent.push(init.keepalive);
      return new Promise(() => {});
    };
    const { engine } = await connected({ fetch });
    void engine.host.transport("http://localhost/cometd", {}).catch(() => {});
    say("pagehide", false);
    assert.equal(engine.told("close").length, 1);
    void engine.host.transport("http://localhost/cometd", {}).catch(() => {});
    assert.deepEqual(sent, [undefined, true]);
  });
});
