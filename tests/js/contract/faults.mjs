// What happens to the connection and to the session, and what the client makes of it.

import { alike, counted, equal, ok, same } from "./assert.mjs";
import { test } from "./registry.mjs";
import { follow, polls, reader, take, until, watch } from "./tools.mjs";

const numbersOf = (events) => events.map(({ data }) => data.n);

test("idling past the server's timeout keeps the session", async (t) => {
  const client = await t.client();
  const status = watch(client.status());
  const events = reader(await client.subscribe(t.channel()));
  await polls(client, 4);
  await t.publish(t.channel(), "after a long silence");
  equal((await events.next()).value.data, "after a long silence");
  same(
    status.seen.filter(({ type }) => type === "gap" || type === "retry"),
    [],
    "trouble",
  );
});

test("cut poll recovers without loss under ack", { needs: ["ack"] }, async (t) => {
  const line = await t.line();
  const client = await t.client({ url: line.url });
  const status = watch(client.status());
  const events = reader(await client.subscribe(t.channel()));
  await polls(client);
  await line.refuse(true);
  await line.cut();
  await t.publishNumbers(t.channel(), 20);
  await status.for("retry");
  await line.refuse(false);
  counted(numbersOf(await take(events, 20)), 20);
  same(
    status.seen.filter(({ type }) => type === "gap"),
    [],
    "gaps",
  );
  // Nothing is doubled either: the next event is the next number.
  await t.publishNumbers(t.channel(), 1);
  equal((await events.next()).value.data.n, 21);
});

test("response cut between its events loses and doubles nothing under ack", { needs: ["ack"] }, async (t) => {
  const line = await t.line();
  const client = await t.client({ url: line.url });
  const events = reader(await client.subscribe(t.channel()));
  await polls(client);
  let total = 0;
  for (const at of [3, 17, 30]) {
    // What comes after that number goes down with the connection.
    await line.cut(`"n":${total + at}`);
    await t.publishNumbers(t.channel(), 30);
    total += 30;
    const expected = Array.from({ length: 30 }, (_, i) => total - 29 + i);
    same(numbersOf(await take(events, 30)), expected, "numbers");
  }
  equal((await line.stats()).cuts, 3, "cuts");
  await t.publishNumbers(t.channel(), 1);
  equal((await events.next()).value.data.n, total + 1);
});

test("many cuts lose and double nothing under ack", { needs: ["ack"] }, async (t) => {
  const line = await t.line();
  const client = await t.client({ url: line.url });
  const status = watch(client.status());
  const subscription = await client.subscribe(t.channel());
  await polls(client);
  const { seen, ended } = follow(subscription);
  for (let round = 0; round < 10; round += 1) {
    await t.publishNumbers(t.channel(), 20);
    await line.cut();
  }
  await t.publishNumbers(t.channel(), 1);
  const last = reader(client.messages());
  // Ends with the client, should that give up.
  while (seen.length < 201 && !(await last.next()).done);
  await client.close();
  await ended;
  counted(numbersOf(seen), 201);
  same(
    status.seen.filter(({ type }) => type === "gap"),
    [],
    "gaps",
  );
});

test("without ack a cut response gives a gap that names the channel", async (t) => {
  const line = await t.line();
  const client = await t.client({ url: line.url, ack: false });
  const status = watch(client.status());
  const events = reader(await client.subscribe(t.channel()));
  await polls(client);
  await line.cut('"n":2');
  await t.publishNumbers(t.channel(), 5);
  const gap = await status.for("gap");
  equal(gap.channel, t.channel());
  equal(gap.cause, "response-lost");
  ok(Number.isFinite(gap.since) && gap.since > 1.5e12, `since is ${gap.since}`);
  // Whatever was lost, it goes on from here, and nothing comes twice.
  await polls(client);
  await t.publish(t.channel(), { n: "end" });
  const seen = [];
  do seen.push((await events.next()).value.data.n);
  while (seen.at(-1) !== "end");
  equal(new Set(seen).size, seen.length, `different among ${seen}`);
});

test("a connection that dies without a word is given up at its deadline", { needs: ["ack"] }, async (t) => {
  const line = await t.line();
  const client = await t.client({ url: line.url, networkDelayMs: 500 });
  const status = watch(client.status());
  const events = reader(await client.subscribe(t.channel()));
  await polls(client);
  await line.freeze();
  await t.publishNumbers(t.channel(), 5);
  await status.for("retry", ({ error }) => error.code === "timeout");
  counted(numbersOf(await take(events, 5)), 5);
});

test("commands given while the network is away are sent when it is back", async (t) => {
  const line = await t.line();
  const client = await t.client({ url: line.url });
  const status = watch(client.status());
  await polls(client);
  await line.refuse(true);
  await line.cut();
  await status.for("state", ({ state }) => state === "retrying");
  const subscribing = client.subscribe(t.channel());
  await line.refuse(false);
  const events = reader(await subscribing);
  // Until it has expired at the server, the poll that was cut may still swallow an event.
  await polls(client, 2);
  await t.publish(t.channel(), "here again");
  equal((await events.next()).value.data, "here again");
});

test("a network away for longer than the session lives gives a gap and a new session", async (t) => {
  const line = await t.line();
  const client = await t.client({ url: line.url });
  const status = watch(client.status());
  const events = reader(await client.subscribe(t.channel()));
  await polls(client);
  await line.refuse(true);
  await line.cut();
  // The server has given the session up.
  await t.vacated(t.channel());
  await t.publish(t.channel(), "missed");
  const tap = reader(client.messages());
  await line.refuse(false);
  const gap = await status.for("gap", ({ cause }) => cause === "session-lost");
  equal(gap.channel, t.channel());
  await until(tap, ({ channel, successful }) => channel === "/meta/subscribe" && successful, "the subscription");
  await t.publish(t.channel(), "heard");
  equal((await events.next()).value.data, "heard");
  await status.for("state", ({ state }) => state === "connected");
});

test("a forgotten session gives a gap, is made anew and subscribed again", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const status = watch(client.status());
  const readers = [];
  for (const part of ["/a", "/b"]) readers.push(reader(await client.subscribe(t.channel(part))));
  await polls(client);
  const before = await t.world.stats();
  await t.world.forget();
  for (const part of ["/a", "/b"]) {
    await status.for("gap", ({ channel, cause }) => channel === t.channel(part) && cause === "session-lost");
  }
  await t.world.until(({ subscriptions }) => subscriptions[t.channel("/a")] && subscriptions[t.channel("/b")]);
  for (const [i, part] of ["/a", "/b"].entries()) {
    await t.publish(t.channel(part), part);
    equal((await readers[i].next()).value.data, part);
  }
  equal((await t.world.stats()).handshakes, before.handshakes + 1, "handshakes");
});

test(
  "a publish whose reply is lost rejects with outcome-unknown and is not sent twice",
  { needs: ["sandbox"] },
  async (t) => {
    const client = await t.client();
    await polls(client);
    await t.world.fault({ on: "publish", kind: "cut", afterBytes: 1 });
    const error = await client.publish(t.channel(), "once").catch((reason) => reason);
    ok(error instanceof t.CometdError, "a CometdError");
    equal(error.code, "outcome-unknown");
    await polls(client, 2);
    equal((await t.world.stats()).published[t.channel()], 1, "published");
  },
);

test("a subscribe whose reply is lost is sent again", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  await polls(client);
  await t.world.fault({ on: "subscribe", kind: "cut", afterBytes: 1 });
  const events = reader(await client.subscribe(t.channel()));
  await t.publish(t.channel(), "subscribed");
  equal((await events.next()).value.data, "subscribed");
});

test("the server's own disconnect ends the client with its reason", { needs: ["sandbox"] }, async (t) => {
  // Held for long, so that the answer is that of a parked poll.
  await t.world.config({ timeoutMs: 60_000 });
  const client = await t.client();
  const loop = follow(await client.subscribe(t.channel()));
  await t.world.until(({ openConnects, requestsByKind }) => openConnects === 1 && requestsByKind.connect === 2);
  await t.world.disconnectAll();
  const error = await client.closed;
  ok(error instanceof t.CometdError, "closed with a CometdError");
  equal(error.code, "server-ended");
  alike((await loop.ended).error, error);
});

test("advice none after a refusal ends the client with a typed error", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const loop = follow(await client.subscribe(t.channel()));
  await polls(client);
  await t.world.fault({ on: "connect", kind: "disconnect" });
  const error = await client.closed;
  ok(error instanceof t.CometdError, "closed with a CometdError");
  alike((await loop.ended).error, error);
});

test("busy servers are asked again", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const status = watch(client.status());
  const events = reader(await client.subscribe(t.channel()));
  await polls(client);
  for (const fault of [
    { kind: "status", status: 503 },
    { kind: "status", status: 500, body: "oops" },
    { kind: "html" },
  ]) {
    await t.world.fault({ on: "connect", ...fault });
  }
  await t.world.until(({ faultsWaiting }) => faultsWaiting === 0);
  await t.publish(t.channel(), "served");
  equal((await events.next()).value.data, "served");
  ok(status.seen.filter(({ type }) => type === "retry").length >= 3, "three retries");
});

test("events that the server reorders are all given", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  await polls(client);
  await t.world.fault({ on: "connect", kind: "reorder", withEvents: true });
  await t.publishNumbers(t.channel(), 4);
  same(numbersOf(await take(events, 4)).sort(), [1, 2, 3, 4], "all of them, in whatever order");
});
