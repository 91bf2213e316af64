// Servers that answer what they should not: a typed error at the first contact, survived in a session.

import { alike, counted, equal, fail, ok, refuses, typed } from "./assert.mjs";
import { test } from "./registry.mjs";
import { follow, polls, reader, take, until, watch } from "./tools.mjs";

/** `connect` against a world with these faults on every handshake. */
async function connectAgainst(t, fault) {
  await t.world.fault({ on: "handshake", times: 100, ...fault });
  const { url } = await t.line();
  return t.connect({ url, retry: t.retry({ initialDelayMs: 1, maxDelayMs: 5, maxRetries: 2 }) });
}

const HOPELESS = [
  ["an HTML page", { kind: "html" }, "not-bayeux"],
  ["404", { kind: "status", status: 404, body: "not found" }, "http-status"],
  ["403", { kind: "status", status: 403 }, "http-status"],
  ["a redirect", { kind: "redirect", location: "http://127.0.0.1:9/elsewhere" }, "redirect"],
  ["no connection type in common", { kind: "no-connection-type" }, "no-transport"],
  ["a refusal", { kind: "error", error: "403::Handshake denied", advice: { reconnect: "none" } }, "handshake-refused"],
];

for (const [what, fault, code] of HOPELESS) {
  test(`a handshake answered by ${what} rejects connect at once`, { needs: ["sandbox"] }, async (t) => {
    await refuses(connectAgainst(t, fault), t.CometdError, code);
    equal((await t.world.stats()).faultsApplied, 1, "attempts");
  });
}

const MAYBE_LATER = [
  ["500", { kind: "status", status: 500 }],
  ["503", { kind: "retry-after", seconds: 0 }],
  ["an empty body", { kind: "empty" }],
  ["half a JSON array", { kind: "cut" }],
  ["half a JSON array that looks whole", { kind: "body", body: '[{"channel":"/meta/handshake","succ' }],
  ["{}", { kind: "body", body: "{}" }],
  ["[]", { kind: "body", body: "[]" }],
  ["a number", { kind: "body", body: "42" }],
  ["a dropped connection", { kind: "refuse" }],
];

for (const [what, fault] of MAYBE_LATER) {
  test(
    `a handshake answered by ${what} rejects connect once maxRetries is used up`,
    { needs: ["sandbox"] },
    async (t) => {
      await refuses(connectAgainst(t, fault), t.CometdError);
    },
  );

  test(`a handshake answered once by ${what} is tried again`, { needs: ["sandbox"] }, async (t) => {
    await t.world.fault({ on: "handshake", ...fault });
    const error = await t.client().then(
      (client) => client.close(),
      (reason) => reason,
    );
    // Some of these may count as hopeless; then it must be said in a typed error.
    if (error) typed(error, t.CometdError);
  });

  test(`a poll answered by ${what} is survived`, { needs: ["sandbox"] }, async (t) => {
    const client = await t.client();
    const events = reader(await client.subscribe(t.channel()));
    await t.world.fault({ on: "connect", times: 2, ...fault });
    await t.world.until(({ faultsWaiting }) => faultsWaiting === 0);
    await t.publish(t.channel(), "survived");
    equal((await events.next()).value.data, "survived");
  });
}

test("a handshake that hangs is given up at its deadline", { needs: ["sandbox"] }, async (t) => {
  await t.world.fault({ on: "handshake", kind: "hang" });
  const client = await t.client({ networkDelayMs: 200 });
  await client.subscribe(t.channel());
  equal((await t.world.stats()).faultsApplied, 1);
});

const ODD = [
  ["numbers for ids", { kind: "numeric-ids" }],
  ["no ids", { kind: "no-id" }],
  ["neither ids nor channels", { kind: "no-id", noChannel: true }],
  ["unknown advice", { kind: "advice", advice: { reconnect: "sometimes", interval: "soon", timeout: null, hosts: 5 } }],
  ["advice that is no object", { kind: "advice", advice: "retry" }],
  ["advice with a fraction", { kind: "advice", advice: { reconnect: "retry", interval: 0.5, timeout: 1e30 } }],
  ["slow drops", { kind: "slow", chunkBytes: 1, delayMs: 1 }],
];

for (const [what, fault] of ODD) {
  test(`replies with ${what} are understood`, { needs: ["sandbox"] }, async (t) => {
    for (const on of ["handshake", "connect", "subscribe", "publish"]) {
      await t.world.fault({ on, times: 3, ...fault });
    }
    const client = await t.client();
    const events = reader(await client.subscribe(t.channel()));
    equal((await client.publish(t.channel(), "odd")).successful, true);
    equal((await events.next()).value.data, "odd");
  });
}

test("a server that never gives advice is polled all the same", { needs: ["sandbox"] }, async (t) => {
  await t.world.config({ advice: "never" });
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  await t.world.until(({ requestsByKind }) => requestsByKind.connect >= 3);
  await t.publish(t.channel(), "unadvised");
  equal((await events.next()).value.data, "unadvised");
});

for (const [what, fault] of [
  ["of 20 MB", { kind: "oversized", bytes: 20_000_000 }],
  ["nested in a million brackets", { kind: "nested", depth: 1_000_000 }],
]) {
  test(`an event ${what} ends its subscription and spares the others`, { needs: ["sandbox"] }, async (t) => {
    const client = await t.client();
    const large = await client.subscribe(t.channel("/large"));
    const loop = follow(large);
    const events = reader(await client.subscribe(t.channel("/small")));
    await t.world.fault({ on: "connect", withEvents: true, channel: t.channel("/large"), ...fault });
    await t.publishNumbers(t.channel("/small"), 3);
    counted(
      (await take(events, 3)).map(({ data }) => data.n),
      3,
    );
    const { error } = await loop.ended;
    typed(error, t.CometdError, "event-too-large");
    equal(error.channel, t.channel("/large"));
    alike(await large.closed, error);
  });
}

test("an event that nobody subscribed to is passed over whatever its size", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  await t.world.fault({ on: "connect", withEvents: true, kind: "oversized", bytes: 20_000_000 });
  await t.publishNumbers(t.channel(), 3);
  counted(
    (await take(events, 3)).map(({ data }) => data.n),
    3,
  );
});

test("a message that is not JSON costs no event under ack", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const status = watch(client.status());
  const events = reader(await client.subscribe(t.channel()));
  await polls(client);
  await t.world.fault({ on: "connect", withEvents: true, kind: "malformed", afterEvents: 2 });
  await t.publishNumbers(t.channel(), 5);
  const seen = (await take(events, 5)).map(({ data }) => data.n);
  counted(seen, 5);
  ok(
    status.seen.some(({ type }) => type === "retry" || type === "message-skipped" || type === "gap"),
    "it is told",
  );
});

test("JSON that stays broken ends the client instead of looping for ever", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const loop = follow(await client.subscribe(t.channel()));
  await t.world.fault({ on: "connect", withEvents: true, kind: "malformed", afterEvents: 2, times: 1_000 });
  await t.publishNumbers(t.channel(), 5);
  const error = await client.closed;
  typed(error, t.CometdError);
  alike((await loop.ended).error, error);
});

test("a cookie of 100 kB is a typed error or is survived", { needs: ["sandbox"] }, async (t) => {
  await t.world.fault({ on: "handshake", kind: "big-cookie", bytes: 100_000, times: 100 });
  const { url } = await t.line();
  const connecting = t.connect({ url, retry: t.retry({ initialDelayMs: 1, maxDelayMs: 5, maxRetries: 2 }) });
  // Several hosts refuse a header of that size themselves.
  const client = await connecting.catch((error) => typed(error, t.CometdError));
  if (!client) return;
  t.defer(() => client.close());
  const events = reader(await client.subscribe(t.channel()));
  await t.publish(t.channel(), "survived");
  equal((await events.next()).value.data, "survived");
});

test("a session whose cookie is lost starts anew", { needs: ["sandbox", "own-cookies"] }, async (t) => {
  const client = await t.client();
  const events = reader(await client.subscribe(t.channel()));
  const tap = reader(client.messages());
  await t.world.fault({ on: "connect", kind: "drop-cookie", expire: true });
  await until(tap, ({ channel, successful }) => channel === "/meta/subscribe" && successful, "the new subscription");
  equal((await t.world.stats()).handshakes, 2, "handshakes");
  await t.publish(t.channel(), "again");
  equal((await events.next()).value.data, "again");
});

test("no error or log line repeats the client id", { needs: ["sandbox"] }, async (t) => {
  const lines = [];
  const client = await t.client({ log: ({ message }) => lines.push(message) });
  const status = watch(client.status());
  const tap = reader(client.messages());
  const { clientId } = await until(tap, (message) => message.clientId, "a client id");
  await t.world.fault({ on: "connect", kind: "error", error: `402:${clientId}:Unknown client` });
  await status.for("retry").catch(() => {});
  await t.world.until(({ handshakes }) => handshakes >= 2);
  await client.close();
  const told = JSON.stringify([lines, status.seen.map((item) => [item, String(item.error)])]);
  if (told.includes(clientId)) fail(`the client id is in ${told}`);
});
