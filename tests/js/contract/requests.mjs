// What the server gets to see: needs its statistics.

import { equal, ok, refuses, same } from "./assert.mjs";
import { test } from "./registry.mjs";
import { reader, take, until } from "./tools.mjs";

test("commands of one turn share a request", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const before = await t.world.until(({ openConnects }) => openConnects === 1);
  await Promise.all([
    client.subscribe(t.channel("/a")),
    client.subscribe([t.channel("/b"), t.channel("/c")]),
    client.publish(t.channel("/a"), 1),
    Promise.resolve().then(() => client.publish(t.channel("/b"), 2)),
  ]);
  const { lastRequests, requests } = await t.world.stats();
  const sent = lastRequests.slice(before.requests - requests).filter(({ kinds }) => !kinds.includes("connect"));
  same(
    sent.map(({ kinds }) => kinds),
    [["subscribe", "subscribe", "subscribe", "publish", "publish"]],
    "requests",
  );
});

test("a request larger than requestBytes is split", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client({ limits: { requestBytes: 4_000 } });
  await t.world.until(({ openConnects }) => openConnects === 1);
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) => client.publish(t.channel(), { i, text: "x".repeat(900) })),
  );
  ok(
    replies.every(({ successful }) => successful),
    "all were answered",
  );
  const { lastRequests } = await t.world.stats();
  const publishes = lastRequests.filter(({ kinds }) => kinds.includes("publish"));
  ok(publishes.length >= 5, `${publishes.length} requests`);
  const largest = Math.max(...publishes.map(({ bytes }) => bytes));
  ok(largest <= 4_000, `the largest has ${largest} bytes`);
});

test("the handshake travels alone, and polls share with nothing", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  await client.subscribe(t.channel());
  await client.publish(t.channel(), 1);
  const { lastRequests } = await t.world.until(({ openConnects }) => openConnects === 1);
  for (const { kinds } of lastRequests) {
    if (kinds.includes("handshake") || kinds.includes("connect")) equal(kinds.length, 1, `messages beside ${kinds}`);
  }
  same(lastRequests[0].kinds, ["handshake"], "the first");
});

test("at most two requests are open, and one of them a poll", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe([t.channel("/a"), t.channel("/b")]));
  // Each publish is a turn of its own, so that they compete.
  const publishing = Array.from({ length: 30 }, async (_, i) => {
    for (let turn = 0; turn < i; turn += 1) await undefined;
    return client.publish(t.channel(i % 2 ? "/a" : "/b"), i);
  });
  await Promise.all(publishing);
  await take(events, 30);
  await t.world.cut();
  await t.world.until(({ openConnects }) => openConnects === 1);
  const { maxOpenRequests, maxOpenConnects } = await t.world.stats();
  ok(maxOpenRequests <= 2, `${maxOpenRequests} requests at once`);
  equal(maxOpenConnects, 1, "polls at once");
});

test("cookies of the server come back with each request", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  await client.subscribe(t.channel());
  await t.world.until(({ openConnects }) => openConnects === 1);
  const { lastRequests } = await t.world.stats();
  for (const { kinds, cookie } of lastRequests) {
    if (kinds.includes("handshake")) continue;
    ok(/(^|; )BAYEUX_BROWSER=!/.test(cookie ?? ""), `with ${kinds}: ${cookie}`);
  }
});

test("the poll repeats the last number under ack", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const tap = reader(client.messages());
  await until(tap, ({ channel, ext }) => channel === "/meta/connect" && ext?.ack !== undefined, "a number");
  const { lastRequests } = await t.world.until(({ requestsByKind }) => requestsByKind.connect >= 3);
  const numbers = lastRequests.filter(({ kinds }) => kinds.includes("connect")).map(({ ackNumber }) => ackNumber);
  ok(
    numbers.slice(1).every((n) => typeof n === "number"),
    `numbers: ${numbers}`,
  );
});

test("a subscription that the server refuses rejects with its words", async (t) => {
  const client = await t.client();
  const error = await refuses(client.subscribe(t.refusedChannel()), t.CometdError, "subscribe-refused");
  equal(error.channel, t.refusedChannel(), "channel");
  ok(error.failure.code >= 400 && error.failure.code < 500, `the server's code is ${error.failure.code}`);
  // The client is none the worse for it.
  await client.subscribe(t.channel());
});

test("a publication that the server refuses rejects with its words", async (t) => {
  const client = await t.client();
  const error = await refuses(client.publish(t.refusedChannel(), 1), t.CometdError, "publish-refused");
  equal(error.channel, t.refusedChannel(), "channel");
  ok(error.failure.code >= 400 && error.failure.code < 500, `the server's code is ${error.failure.code}`);
});

test("of several channels the refused one is named by a status and the others work", async (t) => {
  const client = await t.client();
  const failed = until(reader(client.status()), ({ type }) => type === "subscribe-failed", "subscribe-failed");
  const events = reader(await client.subscribe([t.channel("/a"), t.refusedChannel(), t.channel("/b")]));
  const { channel, error } = await failed;
  equal(channel, t.refusedChannel());
  equal(error.code, "subscribe-refused");
  for (const part of ["/a", "/b"]) {
    await t.publish(t.channel(part), part);
    equal((await events.next()).value.data, part);
  }
});

test("several channels that are all refused reject", async (t) => {
  const client = await t.client();
  const all = [t.refusedChannel(), `${t.refusedChannel()}2`];
  await refuses(client.subscribe(all), t.CometdError, "subscribe-refused");
});
