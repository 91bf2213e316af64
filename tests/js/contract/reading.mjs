import { counted, equal, ok, refuses, same, typed } from "./assert.mjs";
import { test } from "./registry.mjs";
import { follow, reader, take, watch } from "./tools.mjs";

const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

test("break ends the subscription, here and at the server", async (t) => {
  const client = await t.client();
  const subscription = await client.subscribe(t.channel());
  await t.publishNumbers(t.channel(), 3);
  for await (const { data } of subscription) {
    equal(data.n, 1);
    break;
  }
  equal(await subscription.closed, undefined);
  await t.vacated(t.channel());
});

test("throwing out of a loop ends the subscription and passes the error on", async (t) => {
  const client = await t.client();
  const subscription = await client.subscribe(t.channel());
  await t.publish(t.channel(), 1);
  const mine = new Error("of the loop's body");
  let caught;
  try {
    for await (const _ of subscription) throw mine;
  } catch (error) {
    caught = error;
  }
  equal(caught, mine);
  equal(await subscription.closed, undefined);
  await t.vacated(t.channel());
});

test("return settles a pending next and resolves at once", async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  const pending = [events.next(), events.next()];
  same(await events.return(), { done: true, value: undefined });
  for (const next of pending) equal((await next).done, true);
  equal((await events.next()).done, true, "later calls");
  await t.vacated(t.channel());
});

test("next may be called ahead, and gives events in order", async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  const ahead = [events.next(), events.next(), events.next()];
  await t.publishNumbers(t.channel(), 3);
  const seen = await Promise.all(ahead);
  counted(
    seen.map(({ value }) => value.data.n),
    3,
  );
});

test("unsubscribe ends the loop without an error and waits for the server", async (t) => {
  const client = await t.client();
  const subscription = await client.subscribe(t.channel());
  const loop = follow(subscription);
  await subscription.unsubscribe();
  equal((await loop.ended).error, undefined);
  equal(await subscription.closed, undefined);
  await t.vacated(t.channel());
  await subscription.unsubscribe();
});

test("a channel can be subscribed again after it was left", async (t) => {
  const client = await t.client();
  for (const round of [1, 2, 3]) {
    const subscription = await client.subscribe(t.channel());
    const events = reader(subscription);
    await t.publish(t.channel(), round);
    equal((await events.next()).value.data, round);
    await subscription.unsubscribe();
  }
});

test("asyncDispose of a subscription unsubscribes", async (t) => {
  const client = await t.client();
  const subscription = await client.subscribe(t.channel());
  await subscription[asyncDispose]();
  await t.vacated(t.channel());
  equal((await reader(subscription).next()).done, true);
});

test("a second reader is refused and leaves the first alone", async (t) => {
  const client = await t.client();
  const subscription = await client.subscribe(t.channel());
  const first = reader(subscription);
  for (const second of [
    () => reader(subscription),
    () => reader(subscription.batches()),
    () => subscription.stream(),
  ]) {
    let refused;
    try {
      const got = second();
      // A stream may only notice when it is read.
      await (got.getReader ? got.getReader().read() : got.next());
    } catch (error) {
      refused = error;
    }
    ok(refused, "no second reader");
    typed(refused, t.CometdError, "already-reading");
  }
  await t.publish(t.channel(), "for the first");
  equal((await first.next()).value.data, "for the first");
});

test("a second reader of events() is refused", async (t) => {
  const client = await t.client();
  const first = reader(client.events());
  await refuses(
    (async () => reader(client.events()).next())(),
    t.CometdError,
    "already-reading",
    "the second reader of events()",
  );
  await first.return();
});

test("stream gives the events and unsubscribes when it is cancelled", async (t) => {
  const client = await t.client();
  const stream = (await client.subscribe(t.channel())).stream();
  ok(stream instanceof ReadableStream, "a ReadableStream of the runtime");
  await t.publishNumbers(t.channel(), 3);
  const chunks = stream.getReader();
  const seen = [];
  while (seen.length < 3) seen.push((await chunks.read()).value.data.n);
  counted(seen, 3);
  await chunks.cancel();
  await t.vacated(t.channel());
});

test("a stream ends when the client is closed", async (t) => {
  const client = await t.client();
  const chunks = (await client.subscribe(t.channel())).stream().getReader();
  const read = chunks.read();
  await client.close();
  equal((await read).done, true);
});

test("batches give arrays that join to all events in order", async (t) => {
  const client = await t.client();
  const batches = reader((await client.subscribe(t.channel())).batches());
  await t.publishNumbers(t.channel(), 500);
  const seen = [];
  while (seen.length < 500) {
    const { value: batch } = await batches.next();
    ok(Array.isArray(batch) && batch.length > 0, "an array that is not empty");
    seen.push(...batch.map(({ data }) => data.n));
  }
  counted(seen, 500);
  await batches.return();
  await t.vacated(t.channel());
});

test("a reader slower than the server loses nothing", async (t) => {
  const client = await t.client({ limits: { queuedEvents: 20 } });
  const status = watch(client.status());
  const subscription = await client.subscribe(t.channel());
  for (let i = 0; i < 4; i += 1) await t.publishNumbers(t.channel(), 50);
  const { channel } = await status.for("backpressure", ({ active }) => active);
  equal(channel, t.channel(), "the subscription that is not read");
  const seen = await take(reader(subscription), 200);
  counted(
    seen.map(({ data }) => data.n),
    200,
  );
  await status.for("backpressure", ({ active }) => !active);
});

test("messages() shows what the server sends, the protocol's own included", async (t) => {
  const client = await t.client();
  const tap = reader(client.messages());
  const subscription = await client.subscribe(t.channel());
  await t.publish(t.channel(), "seen twice");
  const channels = new Set();
  while (!(channels.has("/meta/connect") && channels.has(t.channel()))) channels.add((await tap.next()).value.channel);
  equal((await reader(subscription).next()).value.data, "seen twice");
  await tap.return();
});
