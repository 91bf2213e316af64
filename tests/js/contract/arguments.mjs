// Arguments that make no sense: each is refused before anything is sent.

import { equal, refuses } from "./assert.mjs";
import { test } from "./registry.mjs";

/** Whether it throws or rejects is the same to a caller that awaits it. */
const attempt = async (call) => call();

const BAD_URLS = [
  undefined,
  "",
  "not a url",
  "/cometd",
  "ftp://example.com/cometd",
  "file:///cometd",
  "ws://host/c",
  5,
  {},
];

for (const url of BAD_URLS) {
  test(`${JSON.stringify(url)} is no url to connect to`, async (t) => {
    await refuses(
      attempt(() => t.connect({ url })),
      t.CometdError,
      "invalid-argument",
    );
  });
}

test("a url with a user in it is refused, and the password is not repeated", async (t) => {
  const { message } = await refuses(
    attempt(() => t.connect({ url: "https://someone:secret@example.com/cometd" })),
    t.CometdError,
    "invalid-argument",
  );
  equal(message.includes("secret"), false, `"${message}" holds the password`);
});

const BAD_OPTIONS = [
  ["no options", undefined],
  ["a negative delay", { networkDelayMs: -1 }],
  ["a delay that is no number", { networkDelayMs: "soon" }],
  ["a limit of none", { limits: { queuedEvents: 0 } }],
  ["a limit of NaN", { limits: { messageBytes: Number.NaN } }],
  ["a factor below 1", { retry: { factor: 0.5 } }],
  ["no handshakes at all", { retry: { handshakesPerMinute: 0 } }],
  ["a fetch that cannot be called", { fetch: "please" }],
  ["a header with a line break", { headers: { "x-a": "b\r\nx-c: d" } }],
  ["a header whose name is none", { headers: { "x a": "b" } }],
];

for (const [what, options] of BAD_OPTIONS) {
  test(`${what} is refused by connect`, async (t) => {
    const given = options && { url: "http://127.0.0.1:9/cometd", ...options };
    await refuses(
      attempt(() => t.connect(given)),
      t.CometdError,
      "invalid-argument",
    );
  });
}

const BAD_CHANNELS = [
  "",
  "/",
  "x",
  "x/y",
  "//",
  "/a//b",
  "/a/",
  "/*/a",
  "/a/***",
  "/a*",
  "/meta/connect",
  undefined,
  7,
];

test("malformed channels are refused by subscribe", async (t) => {
  const client = await t.client();
  for (const channel of [...BAD_CHANNELS, [], [t.channel(), "x"]]) {
    await refuses(
      attempt(() => client.subscribe(channel)),
      t.CometdError,
      "invalid-argument",
      `subscribe(${JSON.stringify(channel)})`,
    );
  }
  await client.subscribe(t.channel());
});

test("malformed channels and patterns are refused by publish", async (t) => {
  const client = await t.client();
  for (const channel of [...BAD_CHANNELS, "/a/*", "/**"]) {
    await refuses(
      attempt(() => client.publish(channel, 1)),
      t.CometdError,
      "invalid-argument",
      `publish(${JSON.stringify(channel)})`,
    );
  }
  equal((await client.publish(t.channel(), 1)).successful, true);
});

test("data that JSON cannot hold is refused by publish", async (t) => {
  const client = await t.client();
  const loop = {};
  loop.loop = loop;
  for (const data of [loop, 1n, () => {}]) {
    await refuses(
      attempt(() => client.publish(t.channel(), data)),
      t.CometdError,
      "invalid-argument",
      `publish of a ${typeof data}`,
    );
  }
});

test("what is no message is refused by send", async (t) => {
  const client = await t.client();
  for (const message of [undefined, null, 5, "text", [], [5], {}]) {
    await refuses(
      attempt(() => client.send(message)),
      t.CometdError,
      "invalid-argument",
      `send(${JSON.stringify(message)})`,
    );
  }
});
