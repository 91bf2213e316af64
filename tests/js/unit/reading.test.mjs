// Iterators: what `for await` and those who call `next()` themselves may rely on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asyncDispose, CometdError, connected, isSettled, rejection, subscribed, turns } from "./fake.mjs";

const reader = (iterable) => iterable[Symbol.asyncIterator]();
const over = { done: true, value: undefined };

async function reading(options) {
  const { client, engine } = await connected();
  const { subscription, id } = await subscribed(client, engine, "/a", options);
  return { client, engine, subscription, id, events: reader(subscription) };
}

test("events come in order, across sub-batches", async () => {
  const { engine, id, events } = await reading();
  engine.deliver(id, 1, 2);
  engine.deliver(id, 3);
  for (const n of [1, 2, 3]) assert.equal((await events.next()).value.data, n);
});

test("next calls queue and are answered in their order", async () => {
  const { engine, id, events } = await reading();
  const results = [events.next(), events.next(), events.next()];
  engine.deliver(id, 1, 2);
  engine.deliver(id, 3);
  const found = await Promise.all(results);
  assert.deepEqual(
    found.map(({ value }) => value.data),
    [1, 2, 3],
  );
});

test("a next call does not overtake those that wait", async () => {
  const { engine, id, events } = await reading();
  const first = events.next();
  engine.host.ready = () => {};
  engine.deliver(id, 1);
  const second = events.next();
  delete engine.host.ready;
  engine.deliver(id, 2);
  assert.equal((await first).value.data, 1);
  assert.equal((await second).value.data, 2);
});

test("a call of ready that nobody waits for takes nothing", async () => {
  const { engine, id } = await reading();
  engine.host.ready(id);
  engine.host.ready(99);
  assert.deepEqual(engine.told("take"), []);
});

test("a sub-batch is reported as done when an event beyond it is asked for, before the next is taken", async () => {
  const { engine, id, events } = await reading();
  engine.deliver(id, 1, 2);
  engine.deliver(id, 3);
  await events.next();
  await events.next();
  assert.deepEqual(engine.told("taken"), []);
  await events.next();
  const names = engine.calls.map(([name]) => name).slice(-3);
  assert.deepEqual(names, ["take", "taken", "take"]);
  events.next();
  assert.equal(engine.told("taken").length, 2, "also when nothing waits");
});

test("a sub-batch is reported as done once", async () => {
  const { engine, id, events } = await reading();
  engine.deliver(id, 1);
  await events.next();
  events.next();
  engine.host.ready(id);
  engine.host.ready(id);
  assert.equal(engine.told("taken").length, 1);
});

test("break settles nothing but itself, and unsubscribes once", async () => {
  const { engine, subscription, id } = await (async () => {
    const { client, engine: found } = await connected();
    return { engine: found, ...(await subscribed(client, found)) };
  })();
  engine.deliver(id, 1, 2);
  for await (const event of subscription) {
    assert.equal(event.data, 1);
    break;
  }
  assert.equal(engine.told("unsubscribe").length, 1);
  assert.equal(await subscription.closed, undefined);
  engine.settle(engine.told("unsubscribe")[0][0]);
  await subscription.unsubscribe();
  assert.equal(engine.told("unsubscribe").length, 1);
});

test("return while next calls wait settles them and resolves at once", async () => {
  const { engine, events } = await reading();
  const pending = [events.next(), events.next()];
  assert.deepEqual(await events.return(), over);
  for (const result of pending) assert.deepEqual(await result, over);
  assert.deepEqual(await events.next(), over);
  assert.deepEqual(await events.return(), over);
  assert.equal(engine.told("unsubscribe").length, 1);
});

test("unsubscribe ends the loop at once and resolves with the server's answer", async () => {
  const { engine, id, subscription, events } = await reading();
  const pending = events.next();
  const left = subscription.unsubscribe();
  assert.deepEqual(await pending, over);
  assert.equal(await isSettled(left), false);
  const [[command, ended]] = engine.told("unsubscribe");
  assert.equal(ended, id);
  engine.host.ended(id, undefined);
  engine.settle(command);
  await left;
  assert.equal(subscription[asyncDispose](), left);
});

test("unsubscribe rejects when the server will not have it", async () => {
  const { engine, subscription } = await reading();
  const left = subscription.unsubscribe();
  engine.settle(engine.told("unsubscribe")[0][0], [], { code: "protocol", message: "no", retryable: false });
  assert.equal((await rejection(left)).code, "protocol");
});

test("unsubscribe resolves when the client ends meanwhile", async () => {
  const { client, engine, subscription } = await reading();
  const left = subscription.unsubscribe();
  const closing = client.close();
  engine.settle(engine.told("unsubscribe")[0][0], [], { code: "closed", message: "closed", retryable: false });
  engine.host.closed(undefined);
  await Promise.all([left, closing]);
});

test("a second reader is refused, and after the first as well", async () => {
  const { subscription, events, engine } = await reading();
  for (const round of ["open", "ended"]) {
    for (const second of [() => reader(subscription), () => subscription.batches(), () => subscription.stream()]) {
      assert.throws(second, { code: "already-reading" }, round);
    }
    await events.return();
  }
  assert.equal(engine.told("claim").length, 1);
});

test("an error comes once, after the events that were queued before it", async () => {
  const { engine, id, subscription, events } = await reading();
  engine.deliver(id, 1);
  engine.deliver(id, 2);
  await events.next();
  engine.host.ended(id, { code: "event-too-large", message: "too large", retryable: false, channel: "/a" });
  assert.equal((await events.next()).value.data, 2);
  const error = await rejection(events.next());
  assert.ok(error instanceof CometdError);
  assert.deepEqual([error.code, error.channel], ["event-too-large", "/a"]);
  assert.deepEqual(await events.next(), over);
  assert.equal(await subscription.closed, error);
});

test("of several next calls that wait the first gets the error", async () => {
  const { engine, id, events } = await reading();
  const pending = [events.next(), events.next()];
  engine.host.ended(id, { code: "subscribe-refused", message: "no", retryable: false });
  assert.equal((await rejection(pending[0])).code, "subscribe-refused");
  assert.deepEqual(await pending[1], over);
});

test("leaving a subscription that ended by an error frees what it left in the engine", async () => {
  const { engine, id, events } = await reading();
  engine.deliver(id, 1);
  engine.deliver(id, 2);
  await events.next();
  engine.host.ended(id, { code: "event-too-large", message: "too large", retryable: false });
  await events.return();
  assert.equal(engine.take(id), 0);
  assert.deepEqual(engine.calls.at(-2), ["taken", id]);
  assert.equal(engine.told("unsubscribe").length, 0);
});

test("a subscription's signal drops what is queued and throws its reason", async () => {
  const controller = new AbortController();
  const { engine, id, subscription, events } = await reading({ signal: controller.signal });
  engine.deliver(id, 1, 2);
  await events.next();
  const reason = new Error("enough");
  controller.abort(reason);
  assert.equal(await rejection(events.next()), reason);
  assert.deepEqual(await events.next(), over);
  assert.equal(await subscription.closed, reason);
  assert.equal(engine.told("unsubscribe").length, 1);
});

test("a signal rejects the subscribe that waits, and the late answer is ignored", async () => {
  const { client, engine } = await connected();
  const controller = new AbortController();
  const subscribing = client.subscribe("/a", { signal: controller.signal });
  const reason = new Error("never mind");
  controller.abort(reason);
  assert.equal(await rejection(subscribing), reason);
  const [[id]] = engine.told("subscribe");
  assert.deepEqual(engine.told("unsubscribe")[0][1], id);
  engine.settle(id);
});

test("signals are let go of when a subscription ends", async () => {
  const { client, engine } = await connected();
  const listeners = new Set();
  const signal = {
    aborted: false,
    addEventListener: (_, listener) => listeners.add(listener),
    removeEventListener: (_, listener) => listeners.delete(listener),
  };
  const { subscription } = await subscribed(client, engine, "/a", { signal });
  const refused = client.subscribe("/b", { signal });
  const [id] = engine.told("subscribe")[1];
  engine.settle(id, [], { code: "subscribe-refused", message: "no", retryable: false });
  await rejection(refused);
  assert.equal(listeners.size, 1);
  subscription.unsubscribe();
  assert.equal(listeners.size, 0);
  await subscribed(client, engine, "/c", { signal });
  client.close();
  assert.equal(listeners.size, 0);
});

test("batches give the rest of the sub-batch at hand", async () => {
  const { client, engine } = await connected();
  const { subscription, id } = await subscribed(client, engine);
  const batches = reader(subscription.batches());
  engine.deliver(id, 1, 2, 3);
  engine.deliver(id, 4);
  const sizes = [(await batches.next()).value.length, (await batches.next()).value.length];
  assert.deepEqual(sizes, [3, 1]);
  await batches.return();
  assert.equal(engine.told("unsubscribe").length, 1);
});

test("a stream takes nothing before it is asked", async () => {
  const { client, engine } = await connected();
  const { subscription, id } = await subscribed(client, engine);
  const stream = subscription.stream().getReader();
  engine.deliver(id, 1);
  await turns();
  assert.equal(engine.told("take").length, 0);
  assert.equal((await stream.read()).value.data, 1);
  const pending = stream.read();
  await stream.cancel();
  assert.equal((await pending).done, true);
  assert.equal(engine.told("unsubscribe").length, 1);
});

test("a stream passes the error on", async () => {
  const { client, engine } = await connected();
  const { subscription, id } = await subscribed(client, engine);
  const stream = subscription.stream().getReader();
  const pending = stream.read();
  engine.host.ended(id, { code: "subscribe-refused", message: "no", retryable: false });
  assert.equal((await rejection(pending)).code, "subscribe-refused");
});

test("events() goes on with the event in hand, and unsubscribes nothing", async () => {
  const { client, engine } = await connected();
  engine.deliver(0, 1, 2, 3);
  for await (const { data } of client.events()) if (data === 2) break;
  const seen = [];
  for await (const { data } of client.events()) {
    seen.push(data);
    if (data === 3) break;
  }
  assert.deepEqual(seen, [2, 3]);
  assert.equal(engine.told("unsubscribe").length, 0);
  assert.equal(engine.told("claim").length, 0);
});

test("events() has nothing in hand after it asked for the next one", async () => {
  const { client, engine } = await connected();
  const first = reader(client.events());
  engine.deliver(0, 1);
  await first.next();
  const pending = first.next();
  await first.return();
  assert.deepEqual(await pending, over);
  engine.deliver(0, 2);
  assert.equal((await reader(client.events()).next()).value.data, 2);
});

test("events() keeps all events in hand of calls that overlapped", async () => {
  const { client, engine } = await connected();
  const first = reader(client.events());
  const pending = [first.next(), first.next()];
  engine.deliver(0, 1);
  engine.deliver(0, 2);
  await Promise.all(pending);
  await first.return();
  const second = reader(client.events());
  assert.equal((await second.next()).value.data, 1);
  assert.equal((await second.next()).value.data, 2);
});

test("events() has one reader at a time", async () => {
  const { client } = await connected();
  const first = client.events();
  assert.throws(() => client.events(), { code: "already-reading" });
  await reader(first).return();
  client.events();
});

test("an event has its own fields, and its data when touched", async () => {
  const { engine, id, events } = await reading();
  engine.deliver(id, { channel: "/a/b", data: `{"n":1}`, replayId: "90071992547409931", createdDate: "today" });
  const { value: event } = await events.next();
  assert.deepEqual({ ...event }, { channel: "/a/b", replayId: "90071992547409931", createdDate: "today" });
  assert.equal(event.data, event.data, "parsed once");
  assert.equal(event.raw, `{"channel":"/a/b","data":{"n":1}}`);
  assert.equal(
    JSON.stringify(event),
    `{"channel":"/a/b","replayId":"90071992547409931","createdDate":"today","data":{"n":1}}`,
  );
});

test("what an event lacks is not there", async () => {
  const { engine, id, events } = await reading();
  engine.deliver(id, { channel: "/a" });
  const { value: event } = await events.next();
  assert.deepEqual(Object.keys(event), ["channel"]);
  assert.equal(event.data, undefined);
});

test("a bad payload throws on its own event only", async () => {
  const { engine, id, events } = await reading();
  engine.deliver(id, { data: "{oops" }, { data: "2" });
  const bad = (await events.next()).value;
  assert.throws(() => bad.data, { code: "bad-payload", channel: "/a" });
  assert.equal(bad.raw, `{"channel":"/a","data":{oops}`);
  assert.equal((await events.next()).value.data, 2);
});
