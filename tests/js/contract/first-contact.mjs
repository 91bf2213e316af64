// A first hour with a server that is not there, says nothing, or never knows its own sessions.

import { equal, ok, refuses } from "./assert.mjs";
import { test } from "./registry.mjs";
import { follow } from "./tools.mjs";

/** connect() to a server that never answers: the error, and what `onStatus` was told before it came. */
async function unanswered(t, url, connectTimeoutMs) {
  const told = [];
  const retry = t.retry({ maxRetries: Infinity });
  const connecting = t.connect({ url, connectTimeoutMs, retry, onStatus: (status) => told.push(status) });
  const error = await refuses(connecting, t.CometdError, "connect-timeout");
  equal(error.retryable, true, "retryable");
  ok(error.message.includes(new URL(url).origin), error.message);
  return { error, told };
}

test("a closed port is retried until connectTimeoutMs, and onStatus is told from the start", async (t) => {
  const { url, close } = await t.line();
  await close();
  const { error, told } = await unanswered(t, `${url}?key=not-to-be-told`, 1_500);
  const retries = told.filter(({ type }) => type === "retry");
  ok(retries.length >= 1, "no retry was told");
  equal(retries[0].attempt, 1, "the first attempt");
  for (const failure of [error.cause, retries[0].error]) {
    ok(failure instanceof t.CometdError, "a CometdError");
    equal(failure.code, "network");
    ok(failure.cause !== undefined, "the host's own error");
    ok(!/(\b\w{6,}\b).*\b\1\b/.test(failure.message.replace(/https?:\S+/, "")), `a word twice: ${failure.message}`);
  }
  ok(!`${error} ${error.cause}`.includes("not-to-be-told"), error.message);
});

test("a host that does not exist ends connect after connectTimeoutMs", async (t) => {
  await unanswered(t, "http://nowhere.invalid/cometd", 1_000);
});

test("a server that accepts and never answers ends connect after connectTimeoutMs", async (t) => {
  const line = await t.line();
  await line.freeze();
  const { error } = await unanswered(t, line.url, 300);
  equal(error.cause, undefined, "cause");
});

test("any answer is one: from then on maxRetries decides", { needs: ["sandbox"] }, async (t) => {
  await t.world.fault({ on: "handshake", kind: "status", status: 503, times: 1_000 });
  const { url } = await t.line();
  const connecting = t.connect({ url, connectTimeoutMs: 60_000, retry: t.retry({ maxRetries: 2 }) });
  const error = await refuses(connecting, t.CometdError, "max-retries");
  equal(error.cause.code, "http-status", "cause");
  equal(error.cause.status, 503);
});

/** A client whose sessions the server never knows: how it ends, and a subscribe() that waits. */
async function neverKnown(t, options) {
  const client = await t.client(options);
  const subscribing = client.subscribe(t.channel());
  const events = follow(client.events());
  const error = await refuses(subscribing, t.CometdError, "cookie-missing", "subscribe()");
  for (const other of [await client.closed, (await events.ended).error]) {
    equal(other.code, "cookie-missing");
    equal(other.message, error.message);
  }
  return error;
}

for (const [name, config] of [
  ["403 unknown client", { saysMissingCookie: false, unknownClientCode: 403 }],
  ["402 session_unknown", { saysMissingCookie: false, unknownClientCode: 402 }],
  ["the cookie's name", { saysMissingCookie: true }],
]) {
  test(`cookies that never come back end the client: ${name}`, { needs: ["sandbox"] }, async (t) => {
    await t.world.config(config);
    await t.world.fault({ on: "handshake", kind: "drop-cookie", times: 100 });
    const error = await neverKnown(t);
    ok(error.message.includes(t.has("own-cookies") ? "proxy" : "SameSite"), error.message);
    equal((await t.world.stats()).handshakes, 2, "handshakes");
  });
}

test("one session that is unknown at first is no reason to end", { needs: ["sandbox"] }, async (t) => {
  await t.world.config({ saysMissingCookie: false });
  await t.world.fault({ on: "handshake", kind: "drop-cookie" });
  const client = await t.client();
  const events = (await client.subscribe(t.channel()))[Symbol.asyncIterator]();
  await t.publish(t.channel(), "heard");
  equal((await events.next()).value.data, "heard");
});

const elsewhere = (address) => address.replace("//127.0.0.1", "//localhost");

test("a page on 127.0.0.1 that talks to localhost is told about sites", { needs: ["sandbox", "page"] }, async (t) => {
  await t.world.config({ saysMissingCookie: false });
  const error = await neverKnown(t, { url: `${elsewhere(t.direct())}/cometd` });
  for (const word of ["127.0.0.1", "SameSite", "Access-Control-Allow-Credentials"])
    ok(error.message.includes(word), error.message);
});

test("a page that asks a server without CORS is told about CORS", { needs: ["page"] }, async (t) => {
  const { origin } = globalThis.location;
  // Files are served without a word about it.
  const { told } = await unanswered(t, `${elsewhere(origin)}/nowhere`, 1_500);
  const { error } = told.find(({ type }) => type === "retry");
  ok(error.message.includes("CORS may be the reason"), error.message);
  ok(error.message.includes(`Access-Control-Allow-Origin: ${origin}`), error.message);
  ok(error.message.includes("Access-Control-Allow-Credentials: true"), error.message);
});
