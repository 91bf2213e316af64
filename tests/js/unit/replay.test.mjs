// Which events count as done, and what the engine is told of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CometdError, connected, fakeLoader, isSettled, rejection, subscribed, turns } from "./fake.mjs";

const reader = (iterable) => iterable[Symbol.asyncIterator]();
const over = { done: true, value: undefined };

/** A subscription of a client with replay. */
async function following(options = {}, connectOptions = { replay: {} }) {
  const { client, engine, world } = await connected(connectOptions);
  return { client, engine, world, ...(await subscribed(client, engine, "/a", options)) };
}

test("R3 an event counts once its reader asks for the next one", async () => {
  const { engine, id, subscription } = await following();
  const events = reader(subscription);
  engine.deliver(id, 1, 2);
  engine.deliver(id, 3);
  for (const done of [[], [1], [1, 2], [1, 2, 3]]) {
    assert.deepEqual(
      engine.told("progress"),
      done.slice(0, -1).map((sequence) => [id, sequence, true]),
    );
    const next = events.next();
    assert.deepEqual(
      engine.told("progress"),
      done.map((sequence) => [id, sequence, true]),
    );
    if (done.length < 3) await next;
  }
});

test("R3 of calls that overlap, only events whose result had settled before the call count", async () => {
  const { engine, id, subscription } = await following();
  const events = reader(subscription);
  const waiting = [events.next(), events.next()];
  engine.deliver(id, 1, 2, 3, 4);
  await Promise.all(waiting);
  assert.deepEqual(engine.told("progress"), []);
  const [third] = [events.next(), events.next()];
  assert.deepEqual(engine.told("progress"), [[id, 2, true]], "nobody can have seen the third yet");
  await third;
  events.next();
  assert.deepEqual(engine.told("progress"), [
    [id, 2, true],
    [id, 4, true],
  ]);
});

test("R3 whoever asks for the next one as soon as a result is there is done with it", async () => {
  const { engine, id, subscription } = await following();
  const events = reader(subscription);
  let asked;
  const first = events.next().then(() => (asked = events.next()));
  engine.deliver(id, 1);
  await Promise.race([first, turns()]);
  assert.ok(asked);
  assert.deepEqual(engine.told("progress"), [[id, 1, true]]);
});

test("R3 a batch counts as a whole, once the next one is asked for", async () => {
  const { engine, id, subscription } = await following();
  const batches = reader(subscription.batches());
  engine.deliver(id, 1, 2, 3);
  engine.deliver(id, 4);
  assert.equal((await batches.next()).value.length, 3);
  assert.deepEqual(engine.told("progress"), []);
  await batches.next();
  assert.deepEqual(engine.told("progress"), [[id, 3, true]]);
});

test("R3 with delivered an event counts once it is handed out, a batch with its last", async () => {
  const { client, engine, id, subscription } = await following({ commit: "delivered" });
  const events = reader(subscription);
  engine.deliver(id, 1, 2);
  await events.next();
  assert.deepEqual(engine.told("progress"), [[id, 1, false]]);
  await events.next();
  events.next();
  assert.deepEqual(engine.told("progress").slice(1), [[id, 2, false]]);
  engine.deliver(id, 3);
  assert.deepEqual(engine.told("progress").slice(2), [[id, 3, false]], "also to those that wait");
  const other = await subscribed(client, engine, "/b", { commit: "delivered" });
  engine.deliver(other.id, 4, 5, 6);
  await reader(other.subscription.batches()).next();
  assert.deepEqual(engine.told("progress").slice(3), [[other.id, 6, false]]);
});

test("R3 with manual, and without replay, the engine is told nothing", async () => {
  for (const { engine, id, subscription } of [
    await following({ commit: "manual" }),
    await following({}, { replay: { commit: "manual" } }),
    await following({}, {}),
  ]) {
    const events = reader(subscription);
    engine.deliver(id, 1, 2);
    await events.next();
    await events.next();
    events.next();
    assert.deepEqual(engine.told("progress"), []);
  }
});

test("R3 leaving a loop leaves the event in hand uncommitted, and says which it was", async () => {
  for (const leave of [
    () => "break",
    () => {
      throw new Error("enough");
    },
  ]) {
    const { engine, id, subscription } = await following();
    engine.deliver(id, 1, 2, 3);
    try {
      for await (const { data } of subscription) if (data === 2 && leave()) break;
    } catch {
      // As the application does.
    }
    assert.deepEqual(engine.told("progress"), [[id, 1, true]]);
    assert.deepEqual(engine.told("unsubscribe").at(-1).slice(1), [id, 2]);
  }
});

test("R3a a subscription that was never read leaves nothing in hand", async () => {
  const { engine, id, subscription } = await following();
  engine.deliver(id, 1);
  subscription.unsubscribe();
  assert.deepEqual(engine.told("unsubscribe").at(-1).slice(1), [id, 0]);
});

test("R3a what events() gave out is known where its subscription is left", async () => {
  const { client, engine, id, subscription } = await following();
  const claimed = await subscribed(client, engine, "/b");
  engine.deliver(0, 1, 2);
  const events = reader(client.events());
  await events.next();
  subscription.unsubscribe();
  assert.deepEqual(engine.told("unsubscribe").at(-1).slice(1), [id, 1]);
  const own = reader(claimed.subscription);
  await events.next();
  await own.return();
  assert.deepEqual(engine.told("unsubscribe").at(-1).slice(1), [claimed.id, 1], "until it had its own reader");
});

test("R3b events() commits for the subscriptions without a reader", async () => {
  const { client, engine } = await connected({ replay: {} });
  const events = reader(client.events());
  engine.deliver(0, 1, 2);
  await events.next();
  await events.next();
  assert.deepEqual(engine.told("progress"), [[0, 1, true]]);
});

test("R3b events() tells what any of its subscriptions needs", async () => {
  const { client, engine } = await connected({ replay: { commit: "manual" } });
  const events = reader(client.events());
  engine.deliver(0, 1, 2, 3);
  await events.next();
  await events.next();
  assert.deepEqual(engine.told("progress"), []);
  await subscribed(client, engine, "/a", { commit: "delivered" });
  await subscribed(client, engine, "/b", { commit: "processed" });
  await events.next();
  assert.deepEqual(engine.told("progress"), [
    [0, 2, true],
    [0, 3, false],
  ]);
});

test("R3b the event in hand comes first in the next events(), and is uncommitted until that asks on", async () => {
  const { client, engine } = await connected({ replay: { commit: "processed" } });
  engine.deliver(0, 1, 2, 3);
  for await (const { data } of client.events()) if (data === 2) break;
  assert.deepEqual(engine.told("progress"), [[0, 1, true]]);
  const next = reader(client.events());
  assert.equal((await next.next()).value.data, 2);
  assert.deepEqual(engine.told("progress"), [[0, 1, true]]);
  assert.equal((await next.next()).value.data, 3);
  assert.deepEqual(engine.told("progress").slice(1), [[0, 2, true]]);
  assert.deepEqual(engine.told("unsubscribe"), []);
});

test("R3b of calls that overlapped, events() keeps all that nobody can have been done with", async () => {
  const { client, engine } = await connected({ replay: {} });
  const first = reader(client.events());
  engine.deliver(0, 1, 2, 3);
  await first.next();
  const pending = [first.next(), first.next()];
  await first.return();
  await Promise.all(pending);
  const second = reader(client.events());
  const found = [(await second.next()).value.data, (await second.next()).value.data];
  assert.deepEqual(found, [2, 3]);
});

test("R3b an event that is given out again is not told as delivered again", async () => {
  const { client, engine } = await connected({ replay: { commit: "delivered" } });
  engine.deliver(0, 1);
  await reader(client.events()).next();
  assert.deepEqual(engine.told("progress"), [[0, 1, false]]);
  const { client: other, engine: third } = await connected({ replay: { commit: "delivered" } });
  third.deliver(0, 1);
  for await (const event of other.events()) if (event) break;
  await reader(other.events()).next();
  assert.deepEqual(third.told("progress"), [[0, 1, false]]);
});

test("S16 close commits nothing, and an iterator that is asked afterwards neither", async () => {
  const { client, engine, id, subscription } = await following();
  const events = reader(subscription);
  engine.deliver(id, 1, 2);
  await events.next();
  client.close();
  assert.deepEqual(await events.next(), over);
  assert.deepEqual(engine.told("progress"), []);
});

test("events that an error left behind can be read to the end", async () => {
  const { engine, id, subscription } = await following();
  const events = reader(subscription);
  engine.deliver(id, 1, 2);
  engine.deliver(id, 3);
  await events.next();
  engine.host.closed({ code: "server-ended", message: "over", retryable: false });
  const second = (await events.next()).value;
  assert.equal(second.data, 2);
  assert.equal((await rejection(second.commit())).code, "closed");
  assert.equal((await events.next()).value.data, 3);
  assert.equal((await rejection(events.next())).code, "server-ended");
  assert.deepEqual(engine.told("progress"), []);
});

test("after an error of the subscription alone what is still read counts", async () => {
  const { engine, id, subscription } = await following();
  const events = reader(subscription);
  engine.deliver(id, 1, 2);
  engine.host.ended(id, { code: "event-too-large", message: "too large", retryable: false });
  await events.next();
  await events.next();
  await rejection(events.next());
  assert.deepEqual(engine.told("progress"), [
    [id, 1, true],
    [id, 2, true],
  ]);
});

test("R3 commit() commits its own event by its reader, and resolves when that is saved", async () => {
  const { client, engine, id, subscription } = await following({ commit: "manual" });
  engine.deliver(id, 1, 2);
  engine.deliver(0, 3);
  const events = reader(subscription);
  await events.next();
  const { commit } = (await events.next()).value;
  const shared = (await reader(client.events()).next()).value;
  const committing = commit();
  const [[command, ...told]] = engine.told("commit");
  assert.deepEqual(told, [id, 2]);
  assert.equal(await isSettled(committing), false);
  engine.settle(command);
  assert.equal(await committing, undefined);
  shared.commit();
  assert.deepEqual(engine.told("commit")[1].slice(1), [0, 3]);
});

test("commit() is no own property of an event, nor in its JSON", async () => {
  const { engine, id, subscription } = await following();
  engine.deliver(id, 1);
  const { value: event } = await reader(subscription).next();
  assert.equal(typeof event.commit, "function");
  assert.deepEqual(Object.keys(event), ["channel"]);
  assert.equal(JSON.stringify(event), `{"channel":"/a","data":1}`);
});

test("commit() without replay says what it lacks", async () => {
  const { engine, id, subscription } = await following({}, {});
  engine.deliver(id, 1);
  const { value: event } = await reader(subscription).next();
  const error = await rejection(event.commit());
  assert.ok(error instanceof CometdError);
  assert.equal(error.code, "invalid-argument");
  assert.match(error.message, /replay/);
  assert.deepEqual(engine.told("commit"), []);
});

test("a commit that waits settles when the client ends, and one that nobody waits for is quiet", async () => {
  const { client, engine, id, subscription } = await following({ commit: "manual" });
  engine.deliver(id, 1);
  const { value: event } = await reader(subscription).next();
  const committing = event.commit();
  event.commit();
  client.close();
  event.commit();
  engine.host.closed(undefined);
  assert.equal((await rejection(committing)).code, "closed");
  assert.equal((await rejection(event.commit())).code, "closed");
});

test("a trap while progress is told ends the readers", async () => {
  const world = fakeLoader();
  const { client, engine } = await connected({ replay: { commit: "delivered" } }, world);
  const { subscription, id } = await subscribed(client, engine);
  engine.break("progress");
  engine.deliver(id, 1);
  const events = reader(subscription);
  assert.equal((await events.next()).value.data, 1);
  assert.equal((await rejection(events.next())).code, "instance-lost");
  const waiting = await connected({ replay: { commit: "delivered" } }, world);
  const late = await subscribed(waiting.client, waiting.engine);
  const pending = reader(late.subscription).next();
  waiting.engine.break("progress");
  waiting.engine.deliver(late.id, 2);
  assert.equal((await rejection(pending)).code, "instance-lost");
});
