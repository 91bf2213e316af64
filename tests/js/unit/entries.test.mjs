// The entries whose wasm is handed over or inside, with the real engine: what a `fetch` of the caller's own may do to it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
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
for (const [what, response, code] of [
  ["nothing", undefined, "network"],
  ["a number", 5, "network"],
  ["no headers", { status: 200 }, "network"],
  ["headers without a method", { status: 200, headers: {} }, "network"],
  ["headers that throw", { status: 200, headers: { get: throwing, getSetCookie: throwing } }, "protocol"],
  ["headers of another make", { status: 200, headers: { get: () => 7, getSetCookie: () => 7 } }, "protocol"],
  ["no status", { status: NaN, headers: new Headers() }, "network"],
  ["a body of text", { status: 200, headers: new Headers(), body: "[]" }, "network"],
  ["a reader that throws", { status: 200, headers: new Headers(), body: body({ read: throwing }) }, "network"],
  ["a reader of nothing", { status: 200, headers: new Headers(), body: body({ read: () => null }) }, "network"],
]) {
  test(`a fetch that gives ${what} fails its own client and leaves the wasm whole`, async () => {
    const { connect } = await entry("inline.js");
    assert.equal((await rejection(connect({ url, retry, fetch: async () => response }))).code, code);
  });
}
