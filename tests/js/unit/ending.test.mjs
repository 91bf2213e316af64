// How a client ends: by close, by a signal, by an error, by losing its wasm or its context. Nothing may stay pending.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  asyncDispose,
  CometdError,
  connected,
  connectWith,
  dist,
  fakeLoader,
  isSettled,
  rejection,
  subscribed,
  turns,
  until,
} from "./fake.mjs";

const reader = (iterable) => iterable[Symbol.asyncIterator]();
const over = { done: true, value: undefined };
const url = "http://localhost/cometd";

/** A client with something pending of every kind. */
async function busy(options, world) {
  const found = await connected(options, world);
  const { client, engine } = found;
  const { subscription, id } = await subscribed(client, engine);
  const unread = (await subscribed(client, engine, "/unread")).subscription;
  const pending = {
    event: reader(subscription).next(),
    shared: reader(client.events()).next(),
    status: reader(client.status()).next(),
    message: reader(client.messages()).next(),
    publish: client.publish("/a", 1),
    send: client.send({ channel: "/a" }),
    subscribe: client.subscribe("/b"),
  };
  for (const promise of Object.values(pending)) promise.catch(() => {});
  return { ...found, subscription, unread, id, pending };
}

/** As the engine does it: settles its commands, then says goodbye. */
function goodbye(engine, error = undefined) {
  const closed = { code: "closed", message: "the client was closed", retryable: false };
  for (const [name, command] of engine.calls) {
    if (["publish", "send", "subscribe", "unsubscribe"].includes(name)) engine.settle(command, [], closed);
  }
  engine.host.closed(error);
}

test("close ends iterators at once, and resolves when the engine is done", async () => {
  const { client, engine, subscription, unread, pending } = await busy();
  const closing = client.close();
  assert.deepEqual(await pending.event, over);
  assert.deepEqual(await pending.shared, over);
  assert.equal(await isSettled(closing), false);
  goodbye(engine);
  await closing;
  assert.deepEqual((await pending.status).value, { type: "state", state: "closed" });
  assert.deepEqual(await pending.message, over);
  for (const name of ["publish", "send", "subscribe"]) assert.equal((await rejection(pending[name])).code, "closed");
  assert.equal(client.state, "closed");
  for (const { closed } of [client, subscription, unread]) assert.equal(await closed, undefined);
  assert.equal(engine.freed, 1);
});

test("close may be called again, before and after the end", async () => {
  const { client, engine } = await connected();
  const closing = [client.close(), client.close(), client[asyncDispose]()];
  goodbye(engine);
  await Promise.all([...closing, client.close()]);
  assert.equal(engine.told("close").length, 1);
});

test("a closed client refuses commands and has nothing to read", async () => {
  const { client, engine } = await connected();
  client.close();
  for (const state of ["closing", "closed"]) {
    assert.equal((await rejection(client.publish("/a", 1))).code, "closed", state);
    assert.equal((await rejection(client.subscribe("/a"))).code, "closed", state);
    assert.equal((await rejection(client.send({ channel: "/a" }))).code, "closed", state);
    assert.deepEqual(await reader(client.events()).next(), over);
    if (state === "closing") goodbye(engine);
  }
  assert.deepEqual(await reader(client.status()).next(), over);
  assert.deepEqual(await reader(client.messages()).next(), over);
});

test("close drops what was not given out", async () => {
  const { client, engine } = await connected();
  const { subscription, id } = await subscribed(client, engine);
  const events = reader(subscription);
  engine.deliver(id, 1, 2);
  await events.next();
  client.close();
  assert.deepEqual(await events.next(), over);
});

test("promises that the engine forgot are settled at its end", async () => {
  const { client, engine, pending } = await busy();
  client.close();
  engine.host.closed(undefined);
  for (const name of ["publish", "send", "subscribe"]) assert.equal((await rejection(pending[name])).code, "closed");
});

test("the signal's reason goes to all that is pending, and to closed", async () => {
  const controller = new AbortController();
  const { client, engine, subscription, unread, pending } = await busy({ signal: controller.signal });
  const reason = new Error("the user left");
  controller.abort(reason);
  for (const promise of Object.values(pending)) assert.equal(await rejection(promise), reason);
  assert.equal(engine.told("close").length, 1);
  goodbye(engine);
  for (const { closed } of [client, subscription, unread]) assert.equal(await closed, reason);
  assert.equal(await rejection(reader(unread).next()), reason);
  assert.deepEqual(await reader(client.status()).next(), over);
});

test("an error of the engine comes behind the events that were received before it", async () => {
  const { client, engine } = await connected();
  const { subscription, id } = await subscribed(client, engine);
  const unread = await subscribed(client, engine, "/unread");
  const events = reader(subscription);
  engine.deliver(id, 1, 2);
  engine.deliver(id, 3);
  engine.deliver(unread.id, 4);
  await events.next();
  engine.host.closed({ code: "server-ended", message: "the server ended the session", retryable: true });
  assert.equal(engine.freed, 1);
  for (const n of [2, 3]) assert.equal((await events.next()).value.data, n);
  const error = await rejection(events.next());
  assert.equal(error.code, "server-ended");
  const late = reader(unread.subscription);
  assert.equal((await late.next()).value.data, 4);
  assert.equal(await rejection(late.next()), error);
  for (const { closed } of [client, subscription, unread.subscription]) assert.equal(await closed, error);
  const refused = await rejection(client.publish("/a", 1));
  assert.deepEqual([refused.code, refused.cause], ["closed", error]);
  assert.equal(await rejection(reader(client.events()).next()), error);
});

test("commands that nobody waits for leave no unhandled rejection when the client ends", async () => {
  const controller = new AbortController();
  const ends = [
    ({ client }) => void client.close(),
    () => controller.abort(new Error("enough")),
    ({ world }) => world.onTrap(new WebAssembly.RuntimeError("unreachable")),
    ({ engine }) => engine.host.closed({ code: "server-ended", message: "over", retryable: false }),
  ];
  for (const end of ends) {
    const found = await connected(end === ends[1] ? { signal: controller.signal } : {});
    const command = () => {
      found.client.publish("/a", 1);
      found.client.send({ channel: "/a" });
      found.client.subscribe("/a");
    };
    command();
    end(found);
    command();
    found.engine.host.closed(undefined);
    await turns();
  }
  // The runner fails a test that leaves one.
});

test("a signal that is aborted already keeps connect from loading anything", async () => {
  const world = fakeLoader({ load: () => assert.fail("loaded") });
  const reason = new Error("too late");
  assert.equal(await rejection(connectWith(world.loader, { url, signal: AbortSignal.abort(reason) })), reason);
});

test("an abort while the wasm loads rejects connect", async () => {
  const world = fakeLoader({ load: () => new Promise(() => {}) });
  const controller = new AbortController();
  const connecting = connectWith(world.loader, { url, signal: controller.signal });
  const reason = new Error("changed my mind");
  controller.abort(reason);
  assert.equal(await rejection(connecting), reason);
});

test("an abort during the handshake rejects connect and closes the engine", async () => {
  const world = fakeLoader();
  const controller = new AbortController();
  const connecting = connectWith(world.loader, { url, signal: controller.signal });
  await until(() => world.engine);
  const reason = new Error("changed my mind");
  controller.abort(reason);
  assert.equal(await rejection(connecting), reason);
  assert.ok(world.engine.told("close").length > 0);
  world.engine.host.closed(undefined);
  assert.equal(world.engine.freed, 1);
});

test("a refused handshake rejects connect and closes the engine", async () => {
  const world = fakeLoader();
  const connecting = connectWith(world.loader, { url });
  await until(() => world.engine);
  const failure = { code: 403, args: [], text: "no" };
  world.engine.settle(0, [], { code: "handshake-refused", message: "refused", retryable: false, failure });
  const error = await rejection(connecting);
  assert.deepEqual([error.code, error.failure], ["handshake-refused", failure]);
  assert.equal(world.engine.told("close").length, 1);
});

test("a load that failed is tried again by the next connect", async () => {
  const world = fakeLoader();
  const { load } = world.loader;
  let fail = true;
  world.loader.load = async () => {
    if (fail) throw new TypeError("404");
    return load();
  };
  const error = await rejection(connectWith(world.loader, { url }));
  assert.equal(error.code, "wasm-load");
  assert.match(error.message, /404$/);
  fail = false;
  await connected({}, world);
});

test("a load that failed names the address it was from", async () => {
  // Node fetches no files, so this fails as a missing file does in a browser.
  const loader = await import(new URL("load/url.js", dist).href);
  const error = await rejection(connectWith(loader, { url }));
  assert.equal(error.code, "wasm-load");
  assert.ok(error.message.includes(new URL("load/cometd-edge.wasm", dist).href), error.message);
});

for (const [what, ask, name] of [
  ["a timer", (host) => host.delay(() => {}, 1), "setTimeout"],
  ["a turn", (host) => host.defer(() => {}), "setImmediate"],
]) {
  test(`a runtime that refuses ${what} ends that client alone, and no throw reaches the wasm`, async () => {
    const world = fakeLoader();
    const [first, second] = [await connected({}, world), await connected({}, world)];
    const names = [name, "setTimeout", "MessageChannel"];
    const saved = names.map((one) => [one, globalThis[one]]);
    for (const one of names) {
      globalThis[one] = () => {
        throw new Error("not in this context");
      };
    }
    try {
      ask(first.engine.host);
    } finally {
      Object.assign(globalThis, Object.fromEntries(saved));
    }
    const error = await first.client.closed;
    assert.equal(error.code, "context-lost");
    assert.match(error.message, /not in this context/);
    assert.equal(first.engine.freed, 1);
    assert.equal(second.client.state, "connected");
  });
}

test("an error of another realm is taken for what it is", async () => {
  const foreign = runInNewContext(`Object.assign(new Error("gone"), { code: "EGONE" })`);
  const failing = fakeLoader({ load: () => Promise.reject(foreign) });
  assert.match((await rejection(connectWith(failing.loader, { url }))).message, /: gone$/);
  // Not for the engine's own refusal, which has a code too.
  const { client, engine } = await connected();
  engine.break("publish", foreign);
  assert.equal((await rejection(client.publish("/a", 1))).code, "instance-lost");
});

/** An exchange that hangs until it is aborted. */
function hanging() {
  const seen = {};
  const fetch = (_url, { signal }) =>
    new Promise((_, reject) => {
      seen.signal = signal;
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  return { seen, fetch };
}

test("a trap in a call ends every client of the instance", async () => {
  const world = fakeLoader();
  const { fetch, seen } = hanging();
  const first = await busy({ fetch }, world);
  const second = await busy({}, world);
  first.engine.host.transport(url, { signal: new AbortController().signal }).catch(() => {});
  let timers = 0;
  first.engine.host.delay(() => (timers += 1), 1);
  first.engine.host.defer(() => (timers += 1));
  second.engine.break("publish");
  second.client.publish("/a", 1).catch(() => {});
  for (const { client, pending, subscription } of [first, second]) {
    const error = await client.closed;
    assert.ok(error instanceof CometdError);
    assert.deepEqual([error.code, error.retryable], ["instance-lost", true]);
    assert.match(error.message, /panicked/);
    for (const name of ["event", "shared", "publish", "send", "subscribe"]) {
      assert.equal(await rejection(pending[name]), error, name);
    }
    assert.deepEqual((await pending.status).value, { type: "state", state: "closed" });
    assert.deepEqual(await pending.message, over);
    assert.equal(await subscription.closed, error);
    assert.equal(client.state, "closed");
    await client.close();
  }
  assert.equal(seen.signal.aborted, true);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(timers, 0, "callbacks into a broken wasm");
  assert.equal(world.resets, 0);
  const { client } = await connected({}, world);
  assert.equal(world.resets, 1);
  assert.equal(client.state, "connected");
});

test("a trap aborts the bodies that are being read, and what was answered long ago is forgotten", async () => {
  const world = fakeLoader();
  const signals = [];
  const fetch = async (_url, { signal }) => {
    signals.push(signal);
    return new Response("[");
  };
  const { engine } = await connected({ fetch }, world);
  for (let i = 0; i < 4; i += 1) await engine.host.transport(url, { signal: new AbortController().signal });
  world.onTrap(new WebAssembly.RuntimeError("unreachable"));
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false, false, true, true],
  );
});

test("a trap in a task ends every client of the instance", async () => {
  const world = fakeLoader();
  const { client, pending } = await busy({}, world);
  assert.equal(world.onTrap(new WebAssembly.RuntimeError("unreachable")), true);
  assert.equal((await client.closed).code, "instance-lost");
  assert.equal((await rejection(pending.event)).code, "instance-lost");
});

test("events at hand are still given out after a trap", async () => {
  const world = fakeLoader();
  const { client, engine } = await connected({}, world);
  const { subscription, id } = await subscribed(client, engine);
  const events = reader(subscription);
  engine.deliver(id, 1, 2);
  await events.next();
  world.onTrap(new WebAssembly.RuntimeError("unreachable"));
  assert.equal((await events.next()).value.data, 2);
  assert.equal((await rejection(events.next())).code, "instance-lost");
});

test("a trap while a reader takes its events ends that reader", async () => {
  const { client, engine } = await connected();
  const { subscription } = await subscribed(client, engine);
  const events = reader(subscription);
  engine.break("take");
  assert.equal((await rejection(events.next())).code, "instance-lost");
  assert.deepEqual(await events.next(), over);
});

test("a refusal of the engine is no trap", async () => {
  const { client, engine } = await connected();
  engine.break("publish", { code: "invalid-argument", message: "channel: no", retryable: false });
  const error = await rejection(client.publish("/a", 1));
  assert.ok(error instanceof CometdError);
  assert.equal(error.code, "invalid-argument");
  assert.equal(client.state, "connected");
});

test("a client that is overdue by more than a minute is ended by the next connect", async () => {
  const world = fakeLoader();
  const lost = await busy({}, world);
  const asleep = await busy({}, world);
  const waiting = await busy({}, world);
  lost.engine.dueAt = performance.now() + 1e6;
  // Overdue at first; then its timer fires after all.
  const due = [lost.engine.dueAt];
  Object.defineProperty(asleep.engine, "dueAt", { get: () => due.pop() ?? -1 });
  const { now } = performance;
  try {
    performance.now = () => now.call(performance) + 1e6 + 60_500;
    await connected({}, world);
    const error = await lost.client.closed;
    assert.deepEqual([error.code, error.retryable], ["context-lost", true]);
    for (const name of ["event", "shared", "publish", "send", "subscribe"]) {
      assert.equal(await rejection(lost.pending[name]), error, name);
    }
    await lost.client.close();
    assert.equal(lost.engine.told("close").length, 0);
    assert.equal(asleep.client.state, "connected");
    assert.equal(waiting.client.state, "connected");
  } finally {
    performance.now = now;
  }
});

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

async function collected(engine) {
  for (let i = 0; i < 20 && engine.host.alive(); i += 1) {
    await turns(1);
    gc();
  }
  return !engine.host.alive();
}

test("a client that nobody holds is no longer alive, whatever it leaves behind", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const { engine, closed } = await (async () => {
    const found = await connected({ signal, extensions: [{ incoming() {} }], log() {} });
    const { subscription } = await subscribed(found.client, found.engine, "/a", { signal });
    reader(subscription);
    found.client.status();
    found.client.publish("/a", 1);
    found.engine.settle(found.engine.told("publish")[0][0]);
    return { engine: found.engine, closed: found.client.closed };
  })();
  assert.equal(await collected(engine), true);
  engine.host.message("{}");
  engine.host.state("connected");
  assert.equal(engine.host.inspect(true, "{}"), "{}");
  engine.host.closed(undefined);
  assert.equal(await closed, undefined);
});

test("a client stays alive while somebody waits for an event", async () => {
  const { engine, id, result } = await (async () => {
    const { client, engine: found } = await connected();
    const { subscription, id: number } = await subscribed(client, found);
    return { engine: found, id: number, result: reader(subscription).next() };
  })();
  assert.equal(await collected(engine), false);
  engine.deliver(id, 1);
  assert.equal((await result).value.data, 1);
  assert.equal(await collected(engine), true);
});

test("a client stays alive while a command waits, and while a subscription is held", async () => {
  const { engine, reply, held } = await (async () => {
    const { client, engine: found } = await connected();
    const { subscription } = await subscribed(client, found);
    return { engine: found, reply: client.publish("/a", 1), held: { subscription } };
  })();
  assert.equal(await collected(engine), false);
  engine.settle(engine.told("publish")[0][0], [{ channel: "/a", successful: true }]);
  assert.equal((await reply).successful, true);
  assert.equal(await collected(engine), false);
  held.subscription = undefined;
  assert.equal(await collected(engine), true);
});
