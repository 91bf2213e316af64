// Each session is told, and has a client id; back-offs end when they are asked to; addresses that tell what is sent.

import { equal, ok, refuses, same } from "./assert.mjs";
import { test } from "./registry.mjs";
import { reader, watch } from "./tools.mjs";

test("each session is told, and has a client id of its own", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const first = client.clientId;
  ok(typeof first === "string" && first.length > 7, "the first id");
  const status = watch(client.status());
  await client.subscribe(t.channel());
  await t.world.forget();
  equal((await status.for("session")).resumed, false, "resumed");
  ok(client.clientId && client.clientId !== first, "the second id");
  ok(!JSON.stringify(status.seen).includes(client.clientId), "no status holds it");
  await client.close();
  equal(client.clientId, undefined, "the id in the end");
});

test("a session that is resumed is told as such", async (t) => {
  const options = { url: (await t.line()).url };
  const client = await t.client(options);
  await client.subscribe(t.channel());
  const { clientId } = client;
  const next = await t.client({ ...options, resume: JSON.parse(JSON.stringify(await client.suspend())) });
  equal((await watch(next.status()).for("session")).resumed, true, "resumed");
  equal(next.clientId, clientId, "the client id");
});

/** A back-off that would last for an hour, of a client whose network is back. */
async function backingOff(t) {
  const line = await t.line();
  const retry = { initialDelayMs: 1, factor: 1e12, maxDelayMs: 3_600_000 };
  const client = await t.client({ url: line.url, retry });
  const status = watch(client.status());
  const events = reader(await client.subscribe(t.channel()));
  await line.refuse(true);
  await line.cut();
  await status.for("retry", ({ delayMs }) => delayMs === 3_600_000);
  await line.refuse(false);
  return {
    client,
    async goesOn() {
      await status.for("state", ({ state }) => state === "retrying");
      await client.publish(t.channel(), "after it");
      equal((await events.next()).value.data, "after it");
      await status.for("state", ({ state }) => state === "connected");
    },
  };
}

test("retryNow ends a back-off", async (t) => {
  const { client, goesOn } = await backingOff(t);
  // However often it is said, and when nothing waits.
  for (let i = 0; i < 10; i += 1) client.retryNow();
  await goesOn();
  client.retryNow();
});

for (const [what, say] of [
  ["online again", () => globalThis.dispatchEvent(new Event("online"))],
  ["shown", () => globalThis.document.dispatchEvent(new Event("visibilitychange", { bubbles: true }))],
]) {
  test(`a page that is ${what} does it by itself`, { needs: ["page"] }, async (t) => {
    const { goesOn } = await backingOff(t);
    say();
    await goesOn();
  });
}

test("appendMessageTypeToURL tells by the address what is sent", async (t) => {
  const { url } = await t.line();
  const seen = new Set();
  const send = (to, init) => {
    seen.add(to);
    return fetch(to, init);
  };
  const client = await t.client({ url, appendMessageTypeToURL: true, fetch: send });
  const events = reader(await client.subscribe(t.channel()));
  await client.publish(t.channel(), "to its place");
  equal((await events.next()).value.data, "to its place");
  await client.close();
  const absolute = new URL(url, globalThis.location?.href).href;
  const ends = ["", "connect", "disconnect", "handshake"];
  same(
    [...seen].sort(),
    ends.map((end) => `${absolute}/${end}`),
    "addresses",
  );
});

test("appendMessageTypeToURL needs an address that something can be appended to", async (t) => {
  const { url } = await t.line();
  for (const bad of [`${url}?a=b`, `${url}/bayeux.do`]) {
    const connecting = t.connect({ url: bad, appendMessageTypeToURL: true });
    const error = await refuses(connecting, t.CometdError, "invalid-argument");
    ok(error.message.startsWith("appendMessageTypeToURL: "), error.message);
  }
});
