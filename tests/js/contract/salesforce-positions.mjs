// Positions: when an event counts as done, what a position that is no longer good leads to, stores that fail, and the
// ways to read.

import { equal, ok, refuses, same } from "./assert.mjs";
import { comes, goesOn, HELD, noGaps, numberOf, numbersOf, ORDERS, orgTest, range, those } from "./salesforce-org.mjs";
import { deferred, reader, take } from "./tools.mjs";

const OTHERS = "/event/Other__e";

/** A store that keeps all that it was asked to save, in order. */
function recorder() {
  const positions = new Map();
  const saved = [];
  const waiting = new Set();
  return {
    positions,
    saved,
    /** Resolves once this is the position. One that came beside an open poll counts when that has ended (R4a). */
    kept: (replayId, channel = ORDERS) =>
      new Promise((resolve) => {
        const check = () => positions.get(channel)?.replayId === replayId && resolve();
        waiting.add(check);
        check();
      }),
    store: {
      load: async (channel) => positions.get(channel),
      async save(channel, position) {
        positions.set(channel, position);
        saved.push([channel, position.replayId]);
        for (const check of waiting) check();
      },
    },
  };
}

/** Events as they were published, by their numbers. */
async function publishedIds(org, count, channel = ORDERS) {
  const ids = [];
  for (let i = 0; i < count; i += 1) ids.push((await org.publishNumbers(1, channel)).replayIds[0].toString());
  return ids;
}

orgTest("breaking out of a loop leaves the event in hand undone, and a new subscription gets it again", async (org) => {
  const { positions, kept, store } = recorder();
  const ids = await publishedIds(org, 5);
  const { client, status } = await org.connect({ replay: { store, start: "all" } });
  for await (const event of await client.subscribe(ORDERS)) if (numberOf(event) === 3) break;
  await kept(ids[1]);
  const events = reader(await client.subscribe(ORDERS));
  await comes(events, 3, 5);
  // It may come beside those before it, and then they count together (R4a); the next one cannot.
  const { replayId } = await goesOn(org, events, 5);
  await goesOn(org, events, 6);
  await kept(replayId);
  await client.close();
  // The seventh is in hand.
  equal(positions.get(ORDERS).replayId, replayId, "position");
  noGaps(status);
});

orgTest("P2 a saved position makes room for another channel, and is loaded again", async (org) => {
  const { kept, store } = recorder();
  const loads = [];
  const load = (channel) => {
    loads.push(channel);
    return store.load(channel);
  };
  const ids = await publishedIds(org, 2);
  const replay = { store: { ...store, load }, start: "all" };
  const { client, status } = await org.connect({ replay, limits: { trackedChannels: 1 } });
  const first = await client.subscribe(ORDERS);
  const events = reader(first);
  await comes(events, 1, 2);
  await refuses(client.subscribe(OTHERS), org.CometdError, "too-many-channels");
  // What it waits for is not there, so the second event counts as done.
  const waiting = events.next();
  await kept(ids[1]);
  await first.unsubscribe();
  equal((await waiting).done, true, "the end of the first reader");
  await (await client.subscribe(OTHERS)).unsubscribe();
  const again = reader(await client.subscribe(ORDERS));
  await goesOn(org, again, 2);
  same(loads, [ORDERS, OTHERS, ORDERS], "loads");
  noGaps(status);
});

orgTest("throwing out of a loop leaves the event in hand undone", async (org) => {
  const { positions, kept, store } = recorder();
  const ids = await publishedIds(org, 3);
  const { client } = await org.connect({ replay: { store, start: "all" } });
  const failure = new Error("the database is away");
  const run = async () => {
    for await (const event of await client.subscribe(ORDERS)) if (numberOf(event) === 2) throw failure;
  };
  equal(await run().catch((error) => error), failure, "what is thrown");
  await kept(ids[0]);
  await client.close();
  equal(positions.get(ORDERS).replayId, ids[0], "position");
});

orgTest("delivered events count once they are handed out", async (org) => {
  const { positions, kept, store } = recorder();
  const ids = await publishedIds(org, 5);
  const replay = { store, start: "all", commit: "delivered" };
  const { client } = await org.connect({ replay });
  for await (const event of await client.subscribe(ORDERS)) if (numberOf(event) === 3) break;
  await kept(ids[2]);
  await client.close();
  equal(positions.get(ORDERS).replayId, ids[2], "position");
  const { events } = await org.following({ replay });
  await comes(events, 4, 5);
});

orgTest("with manual commits an event counts when it and all before it are committed", async (org) => {
  const { positions, saved, store } = recorder();
  const ids = await publishedIds(org, 5);
  const replay = { store, start: "all", commit: "manual" };
  const { client, events } = await org.following({ replay });
  const [first, second, third, fourth] = await take(events, 5);
  const later = third.commit();
  same(saved, [], "saved");
  const { commit } = second;
  const earlier = commit();
  await first.commit();
  await Promise.all([earlier, later]);
  equal(positions.get(ORDERS).replayId, ids[2], "position");
  // Again is no harm.
  await first.commit();
  const pending = org.refuses(fourth.commit(), "closed", "a commit that is not saved").catch((error) => error);
  await client.close();
  await pending;
  const ordered = saved.map(([, id]) => ids.indexOf(id));
  same(
    ordered,
    ordered.toSorted((a, b) => a - b),
    "order of the positions",
  );
  const again = await org.following({ replay });
  ok(numberOf((await take(again.events, 1))[0]) >= 4, "the third does not come again");
});

orgTest("a client that is aborted goes on after its last processed event", async (org) => {
  const { store } = recorder();
  const controller = new AbortController();
  const replay = { store, start: "all" };
  const { client, events } = await org.following({ replay, signal: controller.signal });
  await org.publishNumbers(5);
  await comes(events, 1, 5);
  const reason = new Error("the power is gone");
  controller.abort(reason);
  equal(await client.closed, reason, "closed");
  await org.publishNumbers(2);
  const again = await org.following({ replay });
  await comes(again.events, 5, 7);
});

orgTest("what is not read is not lost by close()", async (org) => {
  const { kept, store } = recorder();
  const replay = { store, start: "all" };
  const { client, events } = await org.following({ replay });
  const ids = (await org.publishNumbers(50)).replayIds.map(String);
  await comes(events, 1, 10);
  await kept(ids[8]);
  await client.close();
  const again = await org.following({ replay });
  await comes(again.events, 10, 50);
});

orgTest("where there is a position, start does not count; where there is none, it does", async (org) => {
  const { positions, store } = recorder();
  const ids = await publishedIds(org, 5);
  positions.set(ORDERS, { replayId: ids[2] });
  const { client, events } = await org.following({ replay: { store, start: "new" } });
  await comes(events, 4, 5);
  const start = { [OTHERS]: (await publishedIds(org, 3, OTHERS))[0] };
  const others = reader(await client.subscribe(OTHERS, { start }));
  await comes(others, 2, 3);
  const third = reader(await client.subscribe("/event/Third__e", { start: "all" }));
  await goesOn(org, third, 0, "/event/Third__e");
});

for (const [policy, expected] of [
  ["all", [4, 5, 6]],
  ["new", [6]],
]) {
  orgTest(`a position that has expired leads to ${policy} events, with a gap`, async (org) => {
    const { positions, kept, store } = recorder();
    const ids = await publishedIds(org, 5);
    positions.set(ORDERS, { replayId: ids[0] });
    await org.world.expireEvents(ORDERS, 2);
    const { client, status } = await org.connect({ replay: { store, onInvalidPosition: policy } });
    const events = reader(await client.subscribe(ORDERS));
    const gap = await status.for("gap");
    const { cause, channel, after } = gap;
    same({ cause, channel, after }, { cause: "position-invalid", channel: ORDERS, after: ids[0] }, "gap");
    ids.push(...(await publishedIds(org, 1)));
    same(numbersOf(await take(events, expected.length)), expected, "numbers");
    equal(those(status, "gap").length, 1, "gaps");
    await goesOn(org, events, 6);
    await kept(ids[5]);
  });
}

orgTest("a position that has expired ends the subscription where that is wanted", async (org) => {
  const { positions, store } = recorder();
  const ids = await publishedIds(org, 5);
  positions.set(ORDERS, { replayId: ids[0] });
  await org.world.expireEvents(ORDERS, 2);
  const { client } = await org.connect({ replay: { store, onInvalidPosition: "fail" } });
  const error = await org.refuses(client.subscribe(ORDERS), "replay-invalid", "subscribe");
  equal(error.channel, ORDERS, "channel");
  ok(/onInvalidPosition/.test(error.message), error.message);
  equal(positions.get(ORDERS).replayId, ids[0], "position");
  const events = reader(await client.subscribe(OTHERS, { start: "all", onInvalidPosition: "all" }));
  await goesOn(org, events, 0, OTHERS);
});

orgTest("a position that expires while there is no session leads to all events, with a gap", async (org) => {
  const { events, status } = await org.following();
  await org.publishNumbers(3);
  await comes(events, 1, 3);
  await org.line.refuse(true);
  await org.line.cut();
  await org.world.until(({ sessions }) => sessions === 0);
  await org.publishNumbers(5);
  // Of the eight, six are gone: also some that were never seen.
  await org.world.expireEvents(ORDERS, 2);
  await org.line.refuse(false);
  await comes(events, 7, 8);
  equal((await status.for("gap")).cause, "position-invalid", "cause");
  await goesOn(org, events, 8);
});

orgTest("the last position before those that expired is still good", async (org) => {
  const { positions, store } = recorder();
  const ids = await publishedIds(org, 5);
  positions.set(ORDERS, { replayId: ids[2] });
  await org.world.expireEvents(ORDERS, 2);
  const { events, status } = await org.following({ replay: { store, onInvalidPosition: "fail" } });
  await comes(events, 4, 5);
  noGaps(status);
});

orgTest("events of another org, with other ids, are followed with a gap", async (org) => {
  const { positions, kept, store } = recorder();
  const replay = { store, start: "all" };
  const { client, events, status } = await org.following({ replay });
  await org.publishNumbers(3);
  await comes(events, 1, 3);
  await org.world.newOrg();
  const [renewed] = await publishedIds(org, 1);
  await comes(events, 4, 4);
  equal((await status.for("gap")).cause, "position-invalid", "cause");
  await goesOn(org, events, 4);
  await kept(renewed);
  await client.close();
  equal(positions.get(ORDERS).replayId, renewed, "position");
  const again = await org.following({ replay: { store, onInvalidPosition: "fail" } });
  await comes(again.events, 5, 5);
});

// Stores that do not do what they should.

/** A store whose next calls do something else first. */
function faulty(faults) {
  const { positions, saved, kept, store } = recorder();
  const meet = (operation) => faults[operation]?.shift()?.();
  return {
    positions,
    saved,
    kept,
    store: {
      load: async (channel) => (await meet("load")) ?? store.load(channel),
      async save(channel, position) {
        await meet("save");
        await store.save(channel, position);
      },
    },
  };
}

const fails = () => {
  throw new Error("the disk is full");
};

orgTest("a store that fails to load is asked again, and nothing is subscribed before", async (org) => {
  const ids = await publishedIds(org, 5);
  const { positions, store } = faulty({ load: [fails, fails, fails] });
  positions.set(ORDERS, { replayId: ids[2] });
  const { client, status } = await org.connect({ replay: { store, start: "all" } });
  const events = reader(await client.subscribe(ORDERS));
  await comes(events, 4, 5);
  const failed = those(status, "store-failed");
  equal(failed.length, 3, "times it is told");
  for (const { channel, operation, error } of failed) {
    same([channel, operation, error.code], [ORDERS, "load", "store-failed"], "status");
    ok(error.message.includes("the disk is full"), error.message);
    equal(error.cause?.message, "the disk is full", "cause");
  }
  equal((await org.world.stats()).requestsByKind.subscribe, 1, "subscribes");
});

orgTest("a store that fails to save is tried again and stops nothing", async (org) => {
  const { positions, kept, store } = faulty({ save: [fails, fails, fails, fails] });
  const { client, events, status } = await org.following({ replay: { store, start: "all" } });
  const ids = await publishedIds(org, 5);
  await comes(events, 1, 5);
  await goesOn(org, events, 5);
  const { operation, channel } = await status.for("store-failed");
  same([operation, channel], ["save", ORDERS], "status");
  await kept(ids[4]);
  await client.close();
  equal(positions.get(ORDERS).replayId, ids[4], "position");
});

orgTest("manual commits wait for a store that fails, until it saves", async (org) => {
  const { positions, store } = faulty({ save: [fails, fails] });
  const { events } = await org.following({ replay: { store, start: "all", commit: "manual" } });
  const ids = await publishedIds(org, 1);
  const [event] = await take(events, 1);
  await event.commit();
  equal(positions.get(ORDERS).replayId, ids[0], "position");
});

for (const [what, value] of [
  ["a number as its replayId", { replayId: 1234 }],
  ["an array", ["1234"]],
  ["a text", "1234"],
  ["an empty replayId", { replayId: "" }],
  ["a position without a replayId", { createdDate: "2026-11-21T00:00:00.000Z" }],
]) {
  orgTest(`a store that gives ${what} ends the subscription, and is not written to`, async (org) => {
    const { saved, store } = faulty({ load: [() => value] });
    const { client } = await org.connect({ replay: { store, start: "all" } });
    const error = await org.refuses(client.subscribe(ORDERS), "store-invalid", "subscribe");
    equal(error.channel, ORDERS, "channel");
    ok(!error.message.includes("1234"), error.message);
    // Once it is corrected, it goes on.
    const events = reader(await client.subscribe(ORDERS));
    await goesOn(org, events, 0);
    same(saved, [], "saved");
  });
}

orgTest("a load that hangs is given up after 10 s and asked again", { timeoutMs: 60_000 }, async (org) => {
  await org.publishNumbers(2);
  const hung = deferred();
  const { store } = faulty({ load: [() => hung.promise] });
  const { client, status } = await org.connect({ replay: { store, start: "all" } });
  const subscribing = client.subscribe(ORDERS);
  // Another channel does not wait for it.
  const others = reader(await client.subscribe(OTHERS));
  await goesOn(org, others, 0, OTHERS);
  equal((await status.for("store-failed")).operation, "load", "operation");
  const events = reader(await subscribing);
  await comes(events, 1, 2);
  // Its late answer is not looked at any more.
  hung.resolve({ replayId: "late" });
  await goesOn(org, events, 2);
});

orgTest("a save that hangs delays neither events nor close() for longer than 2 s", async (org) => {
  const hung = deferred();
  const { store } = faulty({ save: [() => hung.promise] });
  const { client, events } = await org.following({ replay: { store, start: "all" } });
  await org.publishNumbers(5);
  await comes(events, 1, 5);
  await goesOn(org, events, 5);
  // Both wait on the clock of one loop, so that a busy machine delays the one as well as the other.
  const late = new Promise((resolve) => setTimeout(() => resolve("after 4 s"), 4_000));
  equal(await Promise.race([client.close(), late]), undefined, "close() resolves");
  hung.resolve();
});

orgTest("of many positions the newest waits while one is being saved", async (org) => {
  const hung = deferred();
  const { saved, kept, store } = faulty({ save: [() => hung.promise] });
  const { client, events } = await org.following({ replay: { store, start: "all" } });
  const ids = await publishedIds(org, 20);
  await comes(events, 1, 20);
  same(saved, [], "saved while the first hangs");
  hung.resolve();
  await kept(ids[18]);
  await client.close();
  ok(saved.length <= 4, `${saved.length} saves`);
  equal(saved.at(-1)[1], ids[18], "the last position");
});

// Ways to read.

orgTest("events() reads several channels, and commits for each", async (org) => {
  const { kept, store } = recorder();
  const replay = { store, start: "all" };
  const { client } = await org.connect({ replay });
  const topic = "/topic/Orders";
  await Promise.all([client.subscribe([ORDERS, OTHERS]), client.subscribe(topic)]);
  const [orders, others] = [await publishedIds(org, 3), await publishedIds(org, 3, OTHERS)];
  await publishedIds(org, 3, topic);
  const seen = { [ORDERS]: [], [OTHERS]: [], [topic]: [] };
  let left = 9;
  for await (const event of client.events()) {
    seen[event.channel].push(numberOf(event));
    left -= 1;
    if (left === 0) break;
  }
  for (const [channel, numbers] of Object.entries(seen)) same(numbers, [1, 2, 3], channel);
  // The event in hand comes first in the next loop.
  const next = reader(client.events());
  const [again] = await take(next, 1);
  equal(numberOf(again), 3, "the event in hand");
  await org.publishNumbers(1);
  await comes(next, 4, 4);
  await Promise.all([kept(orders[2]), kept(others[2], OTHERS)]);
});

orgTest("a batch counts as a whole", async (org) => {
  const { kept, store } = recorder();
  const replay = { store, start: "all" };
  const { client } = await org.connect({ replay });
  const batches = reader((await client.subscribe(ORDERS)).batches());
  const ids = [];
  const seen = [];
  // Two of them at least.
  for (const count of [50, 60]) {
    const { replayIds } = await org.publishNumbers(count);
    ids.push(...replayIds.map(String));
    while (seen.flat().length < ids.length) {
      const { value } = await batches.next();
      seen.push(numbersOf(value));
    }
  }
  same(seen.flat(), range(1, 110), "numbers");
  // All but the last one are done with.
  await kept(ids[seen.slice(0, -1).flat().length - 1]);
  await batches.return();
  await client.close();
  // The batch in hand was left, so it comes again.
  const { events } = await org.following({ replay });
  await comes(events, seen.at(-1)[0], 110);
});

orgTest("a stream through a pipe commits by hand at its end", async (org) => {
  const { positions, store } = recorder();
  const ids = await publishedIds(org, 20);
  const replay = { store, start: "all", commit: "manual" };
  const { client } = await org.connect({ replay });
  const subscription = await client.subscribe(ORDERS);
  const stream = subscription.stream().pipeThrough(new TransformStream());
  const piped = stream.getReader();
  const seen = [];
  while (seen.length < 10) {
    const { value } = await piped.read();
    seen.push(numberOf(value));
    await value.commit();
  }
  same(seen, range(1, 10), "numbers");
  await piped.cancel();
  await client.close();
  equal(positions.get(ORDERS).replayId, ids[9], "position");
  const { events } = await org.following({ replay });
  await comes(events, 11, 20);
});

orgTest("two filters on one topic in one client are an error, and fine in two", async (org) => {
  const [open, closed] = ["/topic/Orders?Status='open'", "/topic/Orders?Status='closed'"];
  const first = await org.following({}, open);
  await org.refuses(first.client.subscribe(closed), "invalid-argument", "the second filter");
  await org.refuses(first.client.subscribe("/topic/Orders"), "invalid-argument", "no filter beside one");
  const second = await org.following({}, closed);
  await org.publish("/topic/Orders", { n: 1, Status: "open" });
  await org.publish("/topic/Orders", { n: 2, Status: "closed" });
  await comes(first.events, 1, 1);
  await comes(second.events, 2, 2);
});

orgTest("a wildcard is refused with a position, and by the server without one", async (org) => {
  const { client } = await org.connect({ replay: { start: "all" } });
  await org.refuses(client.subscribe("/event/*"), "invalid-argument", "a position");
  await org.refuses(client.subscribe("/event/*", { start: "new" }), "no-access", "subscribe");
});

orgTest("two subscriptions to a channel share its position: the least counts", async (org) => {
  const { positions, kept, store } = recorder();
  const ids = await publishedIds(org, 6);
  const replay = { store, start: "all" };
  const { client } = await org.connect({ replay });
  const [quick, slow] = await Promise.all([client.subscribe(ORDERS), client.subscribe(ORDERS)]);
  const [ahead, behind] = [reader(quick), reader(slow)];
  await comes(ahead, 1, 6);
  await comes(behind, 1, 3);
  const other = await org.refuses(client.subscribe(ORDERS, { commit: "manual" }), "invalid-argument", "another commit");
  equal(other.channel, ORDERS, "channel");
  await kept(ids[1]);
  await client.close();
  equal(positions.get(ORDERS).replayId, ids[1], "position");
});

orgTest("a subscription made later gets what the others have not processed", async (org) => {
  const { store } = recorder();
  const { client, events } = await org.following({ replay: { store, start: "all" } });
  await org.publishNumbers(5);
  await comes(events, 1, 5);
  const later = reader(await client.subscribe(ORDERS, { start: "all" }));
  await comes(later, 5, 5);
  await org.publishNumbers(2);
  await comes(later, 6, 7);
  await comes(events, 6, 7);
});

orgTest("positions that are not saved anywhere survive a cut", { config: HELD }, async (org) => {
  const { client, status } = await org.connect();
  const events = reader(await client.subscribe(ORDERS));
  await org.publishNumbers(3);
  await comes(events, 1, 3);
  await org.parked();
  await org.line.cut();
  await org.publishNumbers(3);
  await comes(events, 4, 6);
  noGaps(status);
});
