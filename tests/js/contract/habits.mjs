// What servers of other people do, as their users report it: none of it costs a session or an event.

import { counted, equal, refuses, same } from "./assert.mjs";
import { test } from "./registry.mjs";
import { reader, take, until, watch } from "./tools.mjs";

const numbersOf = (events) => events.map(({ data }) => data.n);
const troubles = (status) => status.seen.filter(({ type }) => type === "gap" || type === "retry");

test("a server that grants acknowledgement and sends no number loses nothing", { needs: ["sandbox"] }, async (t) => {
  await t.world.config({ ackNumbers: false });
  const client = await t.client();
  const status = watch(client.status());
  const events = reader(await client.subscribe(t.channel()));
  const seen = [];
  for (const count of [3, 2, 4, 1]) {
    await t.publishNumbers(t.channel(), count);
    seen.push(...numbersOf(await take(events, count)));
  }
  counted(seen, 10);
  same(troubles(status), [], "trouble");
  // A cut is a gap, since nothing comes again, and what comes next is all given out. The connection stays open until the
  // events are there, for a host may drop with it what it had not handed over yet.
  await t.world.fault({ on: "connect", withEvents: true, kind: "stall", afterEvents: 2 });
  await t.publishNumbers(t.channel(), 3);
  same(numbersOf(await take(events, 2)), [11, 12], "numbers before the cut");
  await t.world.cut();
  await status.for("gap", ({ channel, cause }) => channel === t.channel() && cause === "response-lost");
  await t.publishNumbers(t.channel(), 2);
  same(numbersOf(await take(events, 2)), [14, 15], "numbers after the cut");
});

for (const [what, settings] of [
  ["a silent body", {}],
  ["a body of spaces", { spacesMs: 50 }],
]) {
  test(`a poll whose head comes at once, with ${what}, is left to its end`, { needs: ["sandbox"] }, async (t) => {
    // Three times as long as anything else may be silent.
    await t.world.config({ headAtOnce: true, timeoutMs: 3_000, ...settings });
    const client = await t.client({ networkDelayMs: 1_000 });
    const status = watch(client.status());
    const tap = reader(client.messages());
    const events = reader(await client.subscribe(t.channel()));
    for (let polls = 0; polls < 3; polls += 1) {
      await until(tap, ({ channel, successful }) => channel === "/meta/connect" && successful, "a poll's reply");
    }
    await t.publishNumbers(t.channel(), 3);
    counted(numbersOf(await take(events, 3)), 3);
    same(troubles(status), [], "trouble");
    equal((await t.world.stats()).handshakes, 1, "handshakes");
  });
}

test("handshake advice on a refused subscribe starts a new session", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const status = watch(client.status());
  const first = reader(await client.subscribe(t.channel("/first")));
  const refusal = { kind: "error", error: "invalid clientId", advice: { reconnect: "handshake" } };
  await t.world.fault({ on: "subscribe", ...refusal });
  const second = reader(await client.subscribe(t.channel("/second")));
  await status.for("gap", ({ channel, cause }) => channel === t.channel("/first") && cause === "session-lost");
  equal((await t.world.stats()).handshakes, 2, "handshakes");
  await t.publish(t.channel("/first"), "one");
  await t.publish(t.channel("/second"), "two");
  equal((await first.next()).value.data, "one");
  equal((await second.next()).value.data, "two");
  // Refused so in the next session as well, it is refused.
  await t.world.fault({ on: "subscribe", times: 2, ...refusal });
  await refuses(client.subscribe(t.channel("/third")), t.CometdError, "subscribe-refused");
});

test("a publish whose own reply does not know the client is sent once more", { needs: ["sandbox"] }, async (t) => {
  const client = await t.client();
  const refusal = { kind: "error", error: "invalid clientId", advice: { reconnect: "handshake" } };
  await t.world.fault({ on: "publish", ...refusal });
  equal((await client.publish(t.channel(), "again")).successful, true);
  const stats = await t.world.stats();
  same([stats.handshakes, stats.publishedTotal], [2, 1], "handshakes and events");
  const body = JSON.stringify([{ error: "invalid clientId", advice: { reconnect: "handshake" } }]);
  await t.world.fault({ on: "publish", kind: "body", body });
  await refuses(client.publish(t.channel(), "unknown"), t.CometdError, "outcome-unknown");
  await t.world.until(({ handshakes }) => handshakes === 3);
});

test("a gap names a service channel when its session is lost", { needs: ["sandbox"] }, async (t) => {
  await t.world.config({ unknownClientCode: 402 });
  const client = await t.client();
  const status = watch(client.status());
  const echo = reader(await client.subscribe("/service/echo"));
  await t.world.until(({ parkedPolls }) => parkedPolls === 1);
  await t.world.forget();
  await status.for("gap", ({ channel, cause }) => channel === "/service/echo" && cause === "session-lost");
  // It goes on in the next one.
  await client.publish("/service/echo", "echo");
  equal((await echo.next()).value.data, "echo");
});

for (const [what, fault] of [
  ["not to be followed", { kind: "advice", advice: { reconnect: "none" } }],
  ["without a connection type in common", { kind: "no-connection-type" }],
]) {
  test(`a handshake accepted ${what} leaves no session at the server`, { needs: ["sandbox"] }, async (t) => {
    await t.world.fault({ on: "handshake", ...fault });
    const { url } = await t.line();
    await refuses(t.connect({ url, retry: t.retry() }), t.CometdError);
    const { handshakes } = await t.world.until(({ sessions, disconnects }) => sessions === 0 && disconnects === 1);
    equal(handshakes, 1, "handshakes");
  });
}
