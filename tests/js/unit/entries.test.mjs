// The entries whose wasm is handed over or inside, with the real engine: what a `fetch` of the caller's own may do to it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import nodeFetch from "node-fetch";
import { dist, rejection } from "./fake.mjs";

const entry = (name) => import(new URL(name, dist).href);
const url = "http://localhost/cometd";
const retry = { maxRetries: 0 };
const unreachable = () => Promise.reject(new TypeError("nobody there"));

test("the inline entry runs without a file", async () => {
  const { connect } = await entry("inline.js");
  const error = await rejection(connect({ url, retry, fetch: unreachable }));
  assert.equal(error.code, "network");
  assert.match(error.message, /nobody there/);
});

test("the manual entry says what it lacks, and runs on what it is given", async () => {
  const { connect, init } = await entry("manual.js");
  const early = await rejection(connect({ url, retry, fetch: unreachable }));
  assert.equal(early.code, "wasm-load");
  assert.match(early.message, /init/);
  await init(await readFile(new URL("load/cometd-edge.wasm", dist)));
  assert.equal((await rejection(connect({ url, retry, fetch: unreachable }))).code, "network");
});

const REFUSED = `[{"channel":"/meta/handshake","successful":false,"error":"403::no"}]`;
for (const [what, make] of [
  ["of another realm", (text) => runInNewContext("Uint8Array").from(Buffer.from(text))],
  ["that are a view of more", (text) => new Uint8Array(Buffer.from(`..${text}..`)).subarray(2, -2)],
  ["in a DataView", (text) => new DataView(new Uint8Array(Buffer.from(`.${text}`)).buffer, 1)],
]) {
  test(`a body of bytes ${what} is read`, async () => {
    const { connect } = await entry("inline.js");
    const chunks = [make(REFUSED)];
    const read = async () => ({ done: chunks.length === 0, value: chunks.pop() });
    const fetch = async () => ({ status: 200, headers: new Headers(), body: { getReader: () => ({ read }) } });
    assert.equal((await rejection(connect({ url, retry, fetch }))).code, "handshake-refused");
  });
}

const throwing = () => {
  throw new Error("no");
};
const body = (reader) => ({ getReader: () => reader });
const used = new Response("[]");
await used.text();
for (const [what, response, code] of [
  ["nothing", undefined, "not-a-response"],
  ["a number", 5, "not-a-response"],
  ["no headers", { status: 200 }, "not-a-response"],
  ["headers without a method", { status: 200, headers: {} }, "not-a-response"],
  [
    "fields that throw",
    {
      status: 200,
      get headers() {
        return throwing();
      },
    },
    "not-a-response",
  ],
  ["headers that throw", { status: 200, headers: { get: throwing, getSetCookie: throwing } }, "protocol"],
  ["headers of another make", { status: 200, headers: { get: () => 7, getSetCookie: () => 7 } }, "protocol"],
  ["no status", { status: NaN, headers: new Headers() }, "not-a-response"],
  ["a body of text", { status: 200, headers: new Headers(), body: "[]" }, "not-a-response"],
  ["a reader that throws", { status: 200, headers: new Headers(), body: body({ read: throwing }) }, "network"],
  ["a reader of nothing", { status: 200, headers: new Headers(), body: body({ read: () => null }) }, "not-a-response"],
  ["a body that was read before", used, "not-a-response"],
]) {
  test(`a fetch that gives ${what} fails its own client and leaves the wasm whole`, async () => {
    const { connect } = await entry("inline.js");
    assert.equal((await rejection(connect({ url, retry, fetch: async () => response }))).code, code);
  });
}

test("node-fetch, whose bodies are no web streams, is refused at the first answer", async (t) => {
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    response.setHeader("content-type", "application/json");
    response.end('[{"channel":"/meta/handshake","successful":true,"clientId":"c"}]');
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { connect } = await entry("inline.js");
  const address = `http://127.0.0.1:${server.address().port}/cometd`;
  const error = await rejection(connect({ url: address, fetch: nodeFetch }));
  assert.deepEqual([error.name, error.code, error.retryable], ["CometdError", "not-a-response", false]);
  assert.match(error.message, /web ReadableStream.*global fetch.*undici/);
  assert.equal(requests, 1);
});
