// Calls to services, what ends them, and what a client tells of its session.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CometdError, connected, isSettled, rejection } from "./fake.mjs";

const ECHO = "/service/echo";

test("a call tells the engine, and resolves with the data of the answer", async () => {
  const { client, engine } = await connected();
  const calls = [client.call(ECHO, { q: 1 }), client.call(ECHO, null, { timeoutMs: 5 })];
  const [[first, ...told], [second, ...more]] = engine.told("call");
  assert.deepEqual(told, [ECHO, '{"q":1}', 0]);
  assert.deepEqual(more, [ECHO, "null", 5]);
  engine.settle(second, [{ channel: ECHO, id: "2", data: null }]);
  engine.settle(first, [{ channel: ECHO, id: "1", data: { a: 1 } }]);
  assert.deepEqual(await Promise.all(calls), [{ a: 1 }, null]);
});

test("a call may wait without end", async () => {
  const { client, engine } = await connected();
  void client.call(ECHO, 1, { timeoutMs: Infinity }).catch(() => {});
  assert.equal(engine.told("call")[0].at(-1), 2 ** 32 - 1);
});

for (const [start, ...args] of [
  ["channel:", undefined, 1],
  ["channel:", [ECHO], 1],
  ["data:", ECHO, undefined],
  ["options:", ECHO, 1, null],
  ["timeoutMs:", ECHO, 1, { timeoutMs: 0 }],
  ["timeoutMs:", ECHO, 1, { timeoutMs: "5" }],
  ["timeoutMs:", ECHO, 1, { timeoutMs: Number.NaN }],
  ["signal:", ECHO, 1, { signal: {} }],
]) {
  test(`call names the argument: ${start} ${JSON.stringify(args)}`, async () => {
    const { client, engine } = await connected();
    const error = await rejection(client.call(...args));
    assert.equal(error.code, "invalid-argument");
    assert.ok(error.message.startsWith(start), error.message);
    assert.deepEqual(engine.told("call"), []);
  });
}

test("the failure of a service holds what it sent along", async () => {
  const { client, engine } = await connected();
  const calling = client.call(ECHO, 1);
  const record = { code: "call-failed", message: "no", retryable: false, channel: ECHO };
  engine.settle(engine.told("call")[0][0], [], { ...record, data: '{"why":[1]}' });
  const error = await rejection(calling);
  assert.ok(error instanceof CometdError);
  assert.deepEqual([error.code, error.channel, error.data], ["call-failed", ECHO, { why: [1] }]);
  const other = client.call(ECHO, 1);
  engine.settle(engine.told("call")[1][0], [], { ...record, data: "{oops" });
  assert.equal("data" in (await rejection(other)), false);
});

test("a signal ends a call, and the engine forgets it", async () => {
  const { client, engine } = await connected();
  const controller = new AbortController();
  const reason = new Error("enough");
  const calling = client.call(ECHO, 1, { signal: controller.signal });
  const [[id]] = engine.told("call");
  controller.abort(reason);
  assert.equal(await rejection(calling), reason);
  assert.deepEqual(engine.told("cancel"), [[id]]);
  assert.equal(await rejection(client.call(ECHO, 1, { signal: controller.signal })), reason);
  assert.equal(engine.told("call").length, 1);
});

test("an answered call lets go of its signal", async () => {
  const { client, engine } = await connected();
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args) => ((listeners += 1), add(...args));
  signal.removeEventListener = (...args) => ((listeners -= 1), remove(...args));
  const calling = client.call(ECHO, 1, { signal });
  assert.equal(listeners, 1);
  engine.settle(engine.told("call")[0][0], [{ data: 1 }]);
  await calling;
  await isSettled(calling);
  assert.equal(listeners, 0);
  controller.abort();
  assert.deepEqual(engine.told("cancel"), []);
});

test("the end of a client settles its calls", async () => {
  const { client, engine } = await connected();
  const calling = client.call(ECHO, 1);
  void client.close();
  assert.equal(await isSettled(calling), false);
  engine.host.closed(undefined);
  assert.equal((await rejection(calling)).code, "closed");
  assert.equal((await rejection(client.call(ECHO, 1))).code, "closed");
});

test("retryNow tells the engine, and does nothing in the end", async () => {
  const { client, engine } = await connected();
  client.retryNow();
  assert.deepEqual(engine.told("retryNow"), [[]]);
  void client.close();
  engine.host.closed(undefined);
  client.retryNow();
  assert.equal(engine.told("retryNow").length, 1);
});

test("the client id is what the engine has, and nothing in the end", async () => {
  const { client, engine } = await connected();
  assert.equal(client.clientId, undefined);
  engine.id = "c1";
  assert.equal(client.clientId, "c1");
  void client.close();
  engine.host.closed(undefined);
  assert.equal(client.clientId, undefined);
});
