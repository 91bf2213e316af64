import { equal, refuses, rejection, typed } from "./assert.mjs";
import { test } from "./registry.mjs";
import { follow, reader, until, watch } from "./tools.mjs";

const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** A client whose poll is parked at the server. */
async function polling(t, options) {
  const client = await t.client(options);
  const tap = reader(client.messages());
  const subscription = await client.subscribe(t.channel());
  // The second poll follows the first at once, and is held.
  await until(tap, ({ channel }) => channel === "/meta/connect", "a poll's reply");
  await tap.return();
  return { client, subscription };
}

test("close while polling ends the loops, and the session at the server", async (t) => {
  const { client, subscription } = await polling(t);
  const loop = follow(subscription);
  const taps = [follow(client.status()), follow(client.messages()), follow(client.events())];
  await client.close();
  equal(client.state, "closed");
  equal(await client.closed, undefined, "closed");
  equal(await subscription.closed, undefined, "closed of the subscription");
  for (const { ended } of [loop, ...taps]) equal((await ended).error, undefined);
  await t.vacated(t.channel());
});

test("the server is told of a close", { needs: ["sandbox"] }, async (t) => {
  const { client } = await polling(t);
  await client.close();
  const stats = await t.world.until(({ openRequests }) => openRequests === 0);
  equal(stats.disconnects, 1);
  equal(stats.sessions, 0);
});

test("close may be called again, also at the same time", async (t) => {
  const { client } = await polling(t);
  await Promise.all([client.close(), client.close()]);
  await client.close();
  equal(await client.closed, undefined);
});

test("asyncDispose closes the client", async (t) => {
  const { client } = await polling(t);
  equal(typeof client[asyncDispose], "function");
  await client[asyncDispose]();
  equal(client.state, "closed");
  await t.vacated(t.channel());
});

test("a closed client refuses commands", async (t) => {
  const client = await t.client();
  await client.close();
  for (const command of [
    () => client.subscribe(t.channel()),
    () => client.publish(t.channel(), 1),
    () => client.send({ channel: t.channel(), data: 1 }),
  ]) {
    await refuses((async () => command())(), t.CometdError, "closed", String(command));
  }
  equal((await reader(client.events()).next()).done, true, "events() of a closed client");
  equal((await reader(client.messages()).next()).done, true, "messages() of a closed client");
  await client.close();
});

test("close rejects what is pending", async (t) => {
  const client = await t.client();
  const pending = [
    client.subscribe(t.channel()),
    client.publish(t.channel(), 1),
    client.send({ channel: t.channel(), data: 1 }),
  ].map((promise) => rejection(promise));
  const closing = client.close();
  for (const reason of await Promise.all(pending)) typed(reason, t.CometdError, ["closed", "outcome-unknown"]);
  await closing;
  equal(await client.closed, undefined);
});

test("close rejects a subscribe that the server never answers", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  await t.world.fault({ on: "subscribe", kind: "hang" });
  const pending = rejection(client.subscribe(t.channel()));
  await t.world.until(({ requestsByKind }) => requestsByKind.subscribe);
  await client.close();
  typed(await pending, t.CometdError, "closed");
});

test("close is prompt when the server never answers the disconnect", { needs: ["sandbox"] }, async (t) => {
  const { client, subscription } = await polling(t);
  await t.world.fault({ on: "disconnect", kind: "hang" });
  const loop = follow(subscription);
  // Two seconds by the rules; what hangs for longer runs into the limit of the case.
  await client.close();
  equal((await loop.ended).error, undefined);
});

test("aborting the client's signal ends everything with its reason", async (t) => {
  const controller = new AbortController();
  const { client, subscription } = await polling(t, { signal: controller.signal });
  const loops = [follow(subscription), follow(client.events())];
  const reason = new Error("the user has left");
  controller.abort(reason);
  equal(await client.closed, reason, "closed");
  for (const { ended } of loops) equal((await ended).error, reason);
  equal(await subscription.closed, reason, "closed of the subscription");
  equal(client.state, "closed");
  await client.close();
});

test("aborting a subscription's signal ends it alone, with the reason", async (t) => {
  const client = await t.client();
  const controller = new AbortController();
  const subscription = await client.subscribe(t.channel("/a"), { signal: controller.signal });
  const other = reader(await client.subscribe(t.channel("/b")));
  const loop = follow(subscription);
  const reason = new Error("seen enough");
  controller.abort(reason);
  equal((await loop.ended).error, reason);
  equal(await subscription.closed, reason);
  await t.vacated(t.channel("/a"));
  await t.publish(t.channel("/b"), "still here");
  equal((await other.next()).value.data, "still here");
});

test("an aborted signal keeps subscribe from subscribing", async (t) => {
  const client = await t.client();
  const reason = new Error("too late");
  equal(await rejection(client.subscribe(t.channel(), { signal: AbortSignal.abort(reason) })), reason);
  await t.vacated(t.channel());
});

test("a signal that is aborted while a subscribe is pending rejects it", async (t) => {
  const client = await t.client();
  const controller = new AbortController();
  const pending = rejection(client.subscribe(t.channel(), { signal: controller.signal }));
  const reason = new Error("changed my mind");
  controller.abort(reason);
  equal(await pending, reason);
  await t.vacated(t.channel());
});

test("clients come and go by the dozen", async (t) => {
  for (let round = 0; round < 4; round += 1) {
    const clients = await Promise.all([t.client(), t.client()]);
    const states = clients.map((client) => watch(client.status()));
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all(states.map(({ over }) => over));
    for (const { state } of clients) equal(state, "closed");
  }
});
