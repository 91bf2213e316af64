// The whole of it with each store, on the host that it is for: log in, follow, be cut, end, and go on in a new client.

import { equal, ok, same } from "./assert.mjs";
import { comes, goesOn, noGaps, numberOf, numbersOf, ORDERS, orgTest, range } from "./salesforce-org.mjs";
import { take } from "./tools.mjs";

/** Between two looks at a store, which does not tell when it is written to. */
const LOOK_AGAIN_MS = 20;

/** Stores by their names: `open(t)` gives one over the same place each time that it is called in a case. */
const STORES = {
  memoryStore: {
    open: ({ t, place }) => (place.store ??= t.stores.memoryStore()),
  },
  "kvStore over a Map": {
    open: ({ t, place }) => {
      const map = (place.map ??= new Map());
      return t.stores.kvStore({
        get: async (key) => map.get(key),
        put: async (key, value) => void map.set(key, value),
      });
    },
  },
};

for (const name of [
  "cloudflareKvStore",
  "denoKvStore",
  "durableObjectStore",
  "indexedDbStore",
  "webStorageStore(localStorage)",
  "webStorageStore(sessionStorage)",
]) {
  STORES[name] = { needs: [name], open: ({ t }) => t.hostStores[name](`contract${t.id}`) };
}

/** An id that no number can hold, so that a store that parses it is found out. */
const config = { replayIdBase: "1152921504606846000" };

for (const [name, { needs = [], open }] of Object.entries(STORES)) {
  orgTest(`a client is cut, ends and goes on where it stopped with ${name}`, { needs, config }, async (org) => {
    const place = {};
    const begin = async (start) => {
      const store = await open({ t: org.t, place });
      return org.following({ replay: { store, start } });
    };

    const looker = await open({ t: org.t, place });
    const kept = async (replayId) => {
      while ((await looker.load(ORDERS))?.replayId !== replayId) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      }
    };

    const first = await begin("all");
    await org.publishNumbers(10);
    await comes(first.events, 1, 10);
    await org.world.fault({ on: "connect", withEvents: true, kind: "cut", afterEvents: 3 });
    await org.publishNumbers(10);
    await comes(first.events, 11, 20);
    await org.world.expireTokens();
    await org.publishNumbers(5);
    const last = await take(first.events, 5);
    same(numbersOf(last), range(21, 25), "numbers");
    noGaps(first.status);
    // Those that come beside an open poll count when that has ended (R4a).
    await kept(last[3].replayId);
    await first.client.close();
    await org.publishNumbers(5);

    // The last event was in hand. Where the store had no position, "new" would bring nothing.
    const second = await begin("new");
    await comes(second.events, 25, 30);
    const before = await goesOn(org, second.events, 30);
    await goesOn(org, second.events, 31);
    await kept(before.replayId);
    noGaps(second.status);
    same(
      second.status.seen.filter(({ type }) => type === "store-failed"),
      [],
      "failures of the store",
    );
    await second.client.close();

    const third = await begin("all");
    const { value } = await third.events.next();
    equal(numberOf(value), 32, "the event in hand");
    ok(/^11529215046068460\d\d$/.test(value.replayId), `an id, not ${value.replayId}`);
    equal(value.channel, ORDERS, "channel");
  });

  orgTest(`a commit by hand resolves once it is saved with ${name}`, { needs, config }, async (org) => {
    const place = {};
    const store = await open({ t: org.t, place });
    const replay = { store, start: "all", commit: "manual" };
    const { client, events } = await org.following({ replay });
    await org.publishNumbers(2);
    const { value } = await events.next();
    await value.commit();
    const { replayId } = await (await open({ t: org.t, place })).load(ORDERS);
    equal(replayId, value.replayId, "position");
    await client.close();
  });
}
