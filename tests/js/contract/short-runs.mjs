// Clients that run for a moment only: drain (D1, D2), suspend and resume (S17, R7a).

import { equal, ok, refuses, same, typed } from "./assert.mjs";
import { test } from "./registry.mjs";
import { HELD, noGaps, numberOf, numbersOf, ORDERS, orgTest, range } from "./salesforce-org.mjs";
import { follow, polls, reader, take, until, watch } from "./tools.mjs";

/**
 * A drain sees what the server held for it when it began, and what the client had received; how soon it is idle after that
 * is no matter. Nothing here relies on an answer that comes while it idles.
 */
const IDLE_MS = 400;
const DRAIN = { idleMs: IDLE_MS, deadlineMs: 30_000 };

const plainNumbers = (events) => events.map(({ data }) => data.n);

/** All that a drain gives. */
async function drained(client, options = DRAIN) {
  const events = [];
  for await (const event of client.drain(options)) events.push(event);
  return events;
}

/** Publishes, and waits until the client has received the event with the number `last`, though nobody has read it. */
async function received(client, last, publish) {
  const tap = reader(client.messages());
  await publish();
  await until(tap, ({ data }) => (data?.payload ?? data)?.n === last, `event ${last}`);
  await tap.return();
}

/** As JSON carries it. */
const stored = (snapshot) => JSON.parse(JSON.stringify(snapshot));

// Without replay.

test("a drain gives what has come, and rests", { needs: ["ack"] }, async (t) => {
  const client = await t.client();
  await client.subscribe(t.channel());
  await polls(client);
  await received(client, 3, () => t.publishNumbers(t.channel(), 3));
  same(plainNumbers(await drained(client)), [1, 2, 3], "numbers");
  equal(client.state, "suspended", "state");
  // And goes on with the next one. What was published meanwhile waits at the server.
  await t.publishNumbers(t.channel(), 2);
  const loop = follow(client.drain({ idleMs: IDLE_MS, deadlineMs: 30_000 }));
  equal((await loop.ended).error, undefined, "error");
  same(plainNumbers(loop.seen), [4, 5], "numbers of the second drain");
});

test("what a rest may lose is named, where neither replay nor acknowledgements bring it again", async (t) => {
  const options = { url: (await t.line()).url, ack: false };
  const client = await t.client(options);
  const status = watch(client.status());
  await client.subscribe(t.channel());
  same(await drained(client), [], "events");
  const gap = await status.for("gap");
  same([gap.channel, gap.cause], [t.channel(), "response-lost"], "gap");
  // The same for the client after it, from the moment on at which the poll was sent that got lost.
  const next = await t.client({ ...options, resume: stored(await client.suspend()) });
  const later = await watch(next.status()).for("gap");
  same([later.channel, later.cause], [t.channel(), "response-lost"], "gap of the next client");
  ok(later.since >= gap.since, "since");
  const events = reader(await next.subscribe(t.channel()));
  await t.publishNumbers(t.channel(), 1);
  same(plainNumbers(await take(events, 1)), [1], "numbers");
});

test("a client at rest sends nothing", async (t) => {
  // Counted where they leave: one that is aborted may reach the server later, or never.
  let requests = 0;
  const send = (url, init) => {
    requests += 1;
    return fetch(url, init);
  };
  const client = await t.client({ fetch: send });
  await client.subscribe(t.channel());
  same(await drained(client, { idleMs: 0, deadlineMs: 30_000 }), [], "events");
  const before = requests;
  for (const command of [
    () => client.subscribe(t.channel("/other")),
    () => client.publish(t.channel(), 1),
    () => client.send({ channel: t.channel(), data: 1 }),
  ]) {
    await refuses(command(), t.CometdError, "suspended", String(command));
  }
  // A poll would have come at once.
  await new Promise((resolve) => setTimeout(resolve, 100));
  equal(requests, before, "requests");
});

test("a drain that is left gives the event in hand again", async (t) => {
  const client = await t.client();
  await client.subscribe(t.channel());
  await polls(client);
  await received(client, 3, () => t.publishNumbers(t.channel(), 3));
  for await (const { data } of client.drain({ deadlineMs: 30_000 })) {
    if (data.n === 2) break;
  }
  same(plainNumbers(await drained(client)), [2, 3], "numbers");
});

test("a deadline ends a drain in mid-stream, and nothing is lost by it", async (t) => {
  const client = await t.client();
  await client.subscribe(t.channel());
  await polls(client);
  await received(client, 5, () => t.publishNumbers(t.channel(), 5));
  const seen = [];
  const drain = reader(client.drain({ deadlineMs: 300 }));
  const first = await drain.next();
  seen.push(first.value);
  // It passes while the application has an event in hand.
  while (client.state !== "suspended") await new Promise((resolve) => setTimeout(resolve, 10));
  equal((await drain.next()).done, true, "the end");
  seen.push(...(await drained(client)));
  same(plainNumbers(seen), [1, 2, 3, 4, 5], "numbers");
});

test("a drain beside another reader is refused", async (t) => {
  const client = await t.client();
  const events = reader(client.events());
  const pending = events.next();
  try {
    client.drain(DRAIN);
    ok(false, "two readers");
  } catch (error) {
    typed(error, t.CometdError, "already-reading");
  }
  for (const options of [undefined, {}, { deadlineMs: -1 }, { deadlineMs: "5" }, { deadlineMs: 1, idleMs: NaN }]) {
    try {
      client.drain(options);
      ok(false, JSON.stringify(options));
    } catch (error) {
      typed(error, t.CometdError, "invalid-argument", JSON.stringify(options));
    }
  }
  await client.close();
  equal((await pending).done, true, "the reader");
});

test("a drain that never reaches the server says so", async (t) => {
  const line = await t.line();
  const client = await t.client({ url: line.url });
  await client.subscribe(t.channel());
  same(await drained(client, { idleMs: 0, deadlineMs: 30_000 }), [], "events");
  await line.refuse(true);
  await line.cut();
  const { error } = await follow(client.drain({ deadlineMs: 200 })).ended;
  typed(error, t.CometdError, "deadline");
  equal(error.retryable, true, "retryable");
  await line.refuse(false);
  await t.publishNumbers(t.channel(), 1);
  // It may have lost its session meanwhile; then what was published is gone, without replay.
  await drained(client);
  equal(client.state, "suspended", "state");
});

test("a closed client drains nothing", async (t) => {
  const client = await t.client();
  const loop = follow(client.drain({ deadlineMs: 30_000 }));
  await client.close();
  const { seen, error } = await loop.ended;
  same([seen, error], [[], undefined], "the loop");
  same(await drained(client), [], "a drain afterwards");
  await refuses(client.suspend(), t.CometdError, "closed");
});

test("a suspended client goes on in another one, in the same session", { needs: ["ack"] }, async (t) => {
  const line = await t.line();
  const first = await t.client({ url: line.url });
  const subscription = await first.subscribe(t.channel());
  const loops = [follow(subscription), follow(first.status()), follow(first.messages())];
  const snapshot = stored(await first.suspend());
  equal(await first.closed, undefined, "closed");
  equal(first.state, "closed", "state");
  for (const { ended } of loops) equal((await ended).error, undefined);
  await t.publishNumbers(t.channel(), 3);

  const second = await t.client({ url: line.url, resume: snapshot });
  const status = watch(second.status());
  const events = reader(await second.subscribe(t.channel()));
  same(plainNumbers(await take(events, 3)), [1, 2, 3], "numbers");
  await t.publishNumbers(t.channel(), 1);
  same(plainNumbers(await take(events, 1)), [4], "numbers");
  same(
    status.seen.filter(({ type, cause }) => type === "gap" && cause !== "response-lost"),
    [],
    "gaps",
  );
});

test("events that nobody has read are given out by the next client", { needs: ["ack"] }, async (t) => {
  const line = await t.line();
  const first = await t.client({ url: line.url });
  const [one, other] = [t.channel("/one"), t.channel("/other")];
  const own = reader(await first.subscribe(one));
  await first.subscribe(other);
  await polls(first);
  await t.publishNumbers(one, 3);
  await t.publishNumbers(other, 2);
  same(plainNumbers(await take(own, 1)), [1], "numbers");
  const rest = follow(first.events());
  while (rest.seen.length < 1) await new Promise((resolve) => setTimeout(resolve, 10));
  await t.publishNumbers(one, 1);
  const snapshot = stored(await first.suspend());

  const second = await t.client({ url: line.url, resume: snapshot });
  const again = reader(await second.subscribe(one));
  same(plainNumbers(await take(again, 3)), [2, 3, 4], "numbers");
  await t.publishNumbers(other, 1);
  // The other subscription goes on by itself, and `events()` reads it.
  const left = [];
  for await (const event of second.events()) {
    left.push(event);
    if (event.data.n === 3) break;
  }
  same(plainNumbers([...rest.seen, ...left]), [1, 2, 3], "numbers of the other channel");
});

test("a session that is gone is followed by a new one", { needs: ["sandbox"] }, async (t) => {
  const line = await t.line();
  const first = await t.client({ url: line.url });
  await first.subscribe(t.channel());
  const snapshot = stored(await first.suspend());
  await t.world.forget();
  const second = await t.client({ url: line.url, resume: snapshot });
  const status = watch(second.status());
  const events = reader(await second.subscribe(t.channel()));
  await t.publishNumbers(t.channel(), 1);
  same(plainNumbers(await take(events, 1)), [1], "numbers");
  const gap = await status.for("gap", ({ cause }) => cause === "session-lost");
  equal(gap.channel, t.channel(), "channel");
});

test("what is no snapshot is refused", async (t) => {
  const { url } = await t.line();
  const good = { version: 1, session: {}, subscriptions: [], events: [] };
  for (const resume of [null, {}, "x", { version: 2 }, good, { ...good, session: { url, time: "1", channels: [] } }]) {
    await refuses(t.connect({ url, resume }), t.CometdError, "invalid-argument", JSON.stringify(resume));
  }
});

// With replay.

orgTest("drains follow one another without a loss", { config: HELD }, async (org) => {
  const { client, status } = await org.connect({ replay: { start: "all" } });
  await client.subscribe(ORDERS);
  await received(client, 5, () => org.publishNumbers(5));
  let seen = [];
  for (let round = 0; round < 4; round += 1) {
    // The first five came to a client that was connected, the others wait for one at rest.
    if (round > 0) await org.publishNumbers(5);
    seen = seen.concat(numbersOf(await drained(client)));
    // At rest no session is left to the server (S8a).
    equal((await org.world.stats()).sessions, 0, "sessions at rest");
  }
  same(seen, range(1, 20), "numbers");
  noGaps(status);
});

orgTest("a drain loses nothing with faults on, nor does the client after it", { config: HELD }, async (org) => {
  const store = org.t.stores.memoryStore();
  const seen = [];
  const faults = [
    { on: "connect", withEvents: true, kind: "cut", afterEvents: 2 },
    { on: "connect", kind: "forget" },
    { on: "subscribe", kind: "cut-before-head" },
    { on: "handshake", kind: "status", status: 503 },
    { on: "connect", kind: "expire-token" },
    { on: "disconnect", kind: "refuse" },
  ];
  for (const fault of faults) {
    const { client, status } = await org.connect({ replay: { start: "all", store } });
    await org.world.fault(fault);
    await client.subscribe(ORDERS);
    await org.publishNumbers(5);
    for await (const event of client.drain({ deadlineMs: 30_000 })) {
      if (numberOf(event) % 5 === 0) break;
      seen.push(numberOf(event));
    }
    // The fifth was in hand, so the next drain begins with it.
    seen.push(...numbersOf(await drained(client)));
    noGaps(status);
    await client.close();
  }
  same(seen, range(1, 5 * faults.length), "numbers");
});

orgTest("what a drain has read is saved before it ends", { config: HELD }, async (org) => {
  const saved = [];
  let replayId;
  const store = {
    load: async () => replayId && { replayId },
    save: async (_, position) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      replayId = position.replayId;
      saved.push(replayId);
    },
  };
  const { client } = await org.connect({ replay: { start: "all", store } });
  await client.subscribe(ORDERS);
  await received(client, 3, () => org.publishNumbers(3));
  const events = await drained(client);
  equal(events.length, 3, "events");
  equal(replayId, events[2].replayId, "the last position");
});

orgTest("a suspended client goes on at its positions in another one", { config: HELD }, async (org) => {
  const { client, events } = await org.following();
  await org.publishNumbers(4);
  const seen = await take(events, 3);
  const snapshot = stored(await client.suspend());
  equal(snapshot.apiVersion, client.apiVersion, "version");
  equal((await org.world.stats()).sessions, 0, "sessions left behind");
  await org.publishNumbers(3);

  // The positions were in memory alone, and "new" would bring nothing.
  const second = await org.connect({ resume: snapshot, replay: { start: "all" } });
  const again = reader(await second.client.subscribe(ORDERS));
  // The third was in hand.
  same(numbersOf(await take(again, 5)), range(3, 7), "numbers");
  equal(seen.length, 3, "read before");
  noGaps(second.status);
});

orgTest("the position of the store goes before that of the snapshot", { config: HELD }, async (org) => {
  const store = org.t.stores.memoryStore();
  const { client, events } = await org.following({ replay: { store, start: "all" } });
  await org.publishNumbers(4);
  const [, second] = await take(events, 2);
  const snapshot = stored(await client.suspend());
  await store.save(ORDERS, { replayId: second.replayId });
  const next = await org.connect({ resume: snapshot, replay: { store, start: "all" } });
  const again = await drained(next.client);
  same(numbersOf(again), [3, 4], "numbers");
});
