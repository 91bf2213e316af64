// What a client leaves behind, and how fast it leaves, with the real engine and a server that is scripted here.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { dist, inPage, rejection } from "./fake.mjs";

const module = (name) => import(new URL(name, dist).href);
const { connect } = await module("inline.js");
const { Instance } = await module("instance.js");
const loader = await module("load/bytes.js");
const { default: init } = await module("glue.js");

const url = "http://localhost/cometd";
const EVENTS = 3;

/** Cheaper than a `Response`, and all that is looked at. */
function responseOf(replies) {
  const reads = [{ done: false, value: Buffer.from(JSON.stringify(replies)) }];
  const read = async () => reads.shift() ?? { done: true };
  const headers = { get: () => null, getSetCookie: () => [] };
  return { status: 200, headers, body: { getReader: () => ({ read, cancel: async () => {} }) } };
}

/** A server that answers at once, but no poll. Each subscribe brings its events. */
function serve() {
  const sent = [];
  const open = new Set();
  let clients = 0;
  const answer = ({ channel, id, subscription }) => {
    const reply = { channel, id, successful: true };
    if (channel === "/meta/handshake") return [{ ...reply, clientId: `c${(clients += 1)}`, version: "1.0" }];
    if (channel === "/meta/connect") return undefined;
    const events = Array.from({ length: EVENTS }, (_, n) => ({ channel: subscription, data: n }));
    return [{ ...reply, subscription }, ...(subscription ? events : [])];
  };
  const fetch = async (_url, { body, signal, keepalive }) => {
    const messages = JSON.parse(body);
    sent.push(...messages.map(({ channel }) => ({ channel, keepalive })));
    const replies = messages.map(answer);
    if (!replies.includes(undefined)) return responseOf(replies.flat());
    return new Promise((_, reject) => {
      open.add(signal);
      signal.addEventListener("abort", () => {
        open.delete(signal);
        reject(signal.reason);
      });
    });
  };
  return { sent, open, fetch, names: () => sent.map(({ channel }) => channel) };
}

/** Waits until that many polls are open and nothing else happens. */
async function polling({ open }, count) {
  while (open.size !== count) await turn();
  for (let still = 0; still < 5; still += 1) await turn();
}

/** Lets the clock run ahead for the time of a test. Returns what sets it ahead. */
function clock(t) {
  const { now } = performance;
  let ahead = 0;
  performance.now = () => now.call(performance) + ahead;
  t.after(() => (performance.now = now));
  return (ms) => (ahead += ms);
}

/** Longer than any client waits, and a minute more. */
const LONG_MS = 1_000_000;

test("x6 ten thousand clients that were lost leave nothing", async (t) => {
  const advance = clock(t);
  const { hosts } = Instance.of(loader);
  const { signal } = new AbortController();
  const [side, rounds, warmUp] = [20, 500, 50];
  const weigh = async () => {
    // Its name is a short one in the optimised wasm.
    const memory = Object.values(await init()).find((value) => value instanceof WebAssembly.Memory);
    return {
      memory: memory.buffer.byteLength,
      hosts: hosts.size,
      listeners: getEventListeners(signal, "abort").length,
      timers: process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length,
    };
  };
  let before;
  for (let round = 0; round < warmUp + rounds; round += 1) {
    if (round === warmUp) before = await weigh();
    // Each connect ends the clients of the round before, whose time is long over.
    const server = serve();
    const clients = await Promise.all(
      Array.from({ length: side }, async (_, index) => {
        // Some with a signal, and with a queue that nobody reads.
        const busy = index < 5;
        const client = await connect({ url, fetch: server.fetch, ...(busy && { signal }) });
        if (busy) await client.subscribe("/orders");
        return client;
      }),
    );
    await polling(server, side);
    assert.equal(hosts.size, side);
    advance(LONG_MS);
    const last = await connect({ url, fetch: server.fetch });
    for (const { code } of await Promise.all(clients.map(({ closed }) => closed))) assert.equal(code, "context-lost");
    // What is open belongs to the one that is there.
    await polling(server, 1);
    await last.close();
    assert.equal(server.open.size, 0);
    assert.equal(hosts.size, 0);
  }
  assert.deepEqual(await weigh(), before);
});

test("x6 what a lost client had queued can still be read, and then its error", async (t) => {
  const advance = clock(t);
  const server = serve();
  const client = await connect({ url, fetch: server.fetch });
  const subscription = await client.subscribe("/orders");
  await polling(server, 1);
  advance(LONG_MS);
  const other = await connect({ url, fetch: server.fetch });
  t.after(() => other.close());
  assert.equal((await client.closed).code, "context-lost");
  const events = subscription[Symbol.asyncIterator]();
  for (let n = 0; n < EVENTS; n += 1) assert.equal((await events.next()).value.data, n);
  assert.equal((await rejection(events.next())).code, "context-lost");
});

/** Runs the microtasks, and no macrotask. */
async function microtasks() {
  for (let i = 0; i < 50; i += 1) await undefined;
}

test("close in the turn of a command has sent the disconnect before that turn ends", async () => {
  const server = serve();
  const client = await connect({ url, fetch: server.fetch });
  await polling(server, 1);
  const published = rejection(client.publish("/chat", 1));
  const closing = client.close();
  await microtasks();
  assert.equal(server.names().at(-1), "/meta/disconnect");
  assert.equal((await published).code, "closed");
  assert.equal(server.names().includes("/chat"), false, "what was settled as closed was not sent");
  await closing;
});

test("a page left in the turn of a command has sent the disconnect before that turn ends", async () => {
  await inPage(async ({ say }) => {
    const server = serve();
    const client = await connect({ url, fetch: server.fetch });
    await polling(server, 1);
    const published = rejection(client.publish("/chat", 1));
    say("pagehide", false);
    await microtasks();
    assert.deepEqual(server.sent.at(-1), { channel: "/meta/disconnect", keepalive: true });
    assert.equal((await published).code, "closed");
    assert.equal(await client.closed, undefined);
  });
});

test("r7a a page hidden in the turn of a command has let go of the poll before that turn ends", async () => {
  await inPage(async ({ say }) => {
    const server = serve();
    const client = await connect({ url, fetch: server.fetch });
    await polling(server, 1);
    const published = client.publish("/chat", 1);
    say("pagehide", true);
    await microtasks();
    assert.equal(server.open.size, 0);
    assert.equal(client.state, "suspended");
    say("pageshow", true);
    assert.equal((await published).successful, true);
    await client.close();
  });
});
