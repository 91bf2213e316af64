// The contract for stores of users' own: it passes what is right, and finds what is wrong.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CometdError, dist, rejection } from "./fake.mjs";

const { storeContract } = await import(new URL("testing.js", dist).href);

/** A store that a user may write, and the ways in which it may be wrong. */
class Store {
  constructor(map = new Map()) {
    this.map = map;
  }
  key(channel) {
    return channel;
  }
  async load(channel) {
    const value = this.map.get(this.key(channel));
    if (value === undefined) return undefined;
    if (typeof value === "string") throw new CometdError("store-invalid", "no position");
    return { ...value };
  }
  async save(channel, position) {
    this.map.set(this.key(channel), { ...position });
  }
}

const options = {
  reopen: (store) => new store.constructor(store.map),
  corrupt: (channel, store) => store.map.set(store.key(channel), "nonsense"),
};

async function failures(Kind, more) {
  const failed = new Map();
  for (const { name, run } of storeContract(() => new Kind(), { ...options, ...more })) {
    await run().catch((error) => failed.set(name, error));
  }
  return failed;
}

test("a store that does all of it passes", async () => {
  assert.deepEqual([...(await failures(Store))], []);
});

test("what needs an option is left out without it", () => {
  const names = (given) => storeContract(() => new Store(), given).map(({ name }) => name);
  const [without, all] = [names({}), names(options)];
  assert.equal(all.length, without.length + 2);
  assert.deepEqual(
    all.filter((name) => !without.includes(name)),
    [
      "another store over the same storage has the positions",
      'what makes no sense is "store-invalid", and stays as it is',
    ],
  );
});

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Each with a case that must fail, and words that must be in its message. */
const wrong = {
  "gives null for nothing": [
    class extends Store {
      async load(channel) {
        return (await super.load(channel)) ?? null;
      }
    },
    "a channel that was never saved has no position",
    /expected undefined, got null/,
  ],
  "keeps the first position": [
    class extends Store {
      async save(channel, position) {
        if (!this.map.has(channel)) await super.save(channel, position);
      }
    },
    "the newest position counts, whatever its number",
    /expected \{"replayId":"18"\}, got \{"replayId":"17"\}/,
  ],
  "keeps the highest number": [
    class extends Store {
      async save(channel, position) {
        if (!(Number(this.map.get(channel)?.replayId) > Number(position.replayId))) await super.save(channel, position);
      }
    },
    "the newest position counts, whatever its number",
    /expected \{"replayId":"4"\}/,
  ],
  "cuts off the query": [
    class extends Store {
      key(channel) {
        return channel.split("?")[0];
      }
    },
    "channels are kept apart",
    /beside other channels/,
  ],
  "ignores case": [
    class extends Store {
      key(channel) {
        return channel.toLowerCase();
      }
    },
    "channels are kept apart",
    /beside other channels/,
  ],
  "normalizes Unicode": [
    class extends Store {
      key(channel) {
        return channel.normalize("NFC");
      }
    },
    "channels are kept apart",
    /beside other channels/,
  ],
  "cuts off long names": [
    class extends Store {
      key(channel) {
        return channel.slice(0, 255);
      }
    },
    "long channels are kept apart",
    /beside other channels/,
  ],
  "takes replay ids for numbers": [
    class extends Store {
      async save(channel, { replayId, ...rest }) {
        await super.save(channel, { replayId: String(Number(replayId)), ...rest });
      }
    },
    "replay ids are kept as they are",
    /expected/,
  ],
  "keeps a date for ever": [
    class extends Store {
      async save(channel, position) {
        await super.save(channel, { ...this.map.get(channel), ...position });
      }
    },
    "the date is kept, and absent where there was none",
    /expected \{"replayId":"2"\}/,
  ],
  "drops the date": [
    class extends Store {
      async save(channel, { replayId }) {
        await super.save(channel, { replayId });
      }
    },
    "what was saved is loaded",
    /createdDate/,
  ],
  "lets saves overtake each other": [
    class extends Store {
      async save(channel, position) {
        const own = { ...position };
        await later(Math.max(0, 50 - 5 * Number(own.replayId)) || 0);
        await super.save(channel, own);
      }
    },
    "several saves at once end with the last",
    /after ten saves at once/,
  ],
  "removes before it writes": [
    class extends Store {
      async save(channel, position) {
        const own = { ...position };
        this.map.delete(channel);
        await later(1);
        await super.save(channel, own);
      }
    },
    "a load during a save gives the position before it or after it",
    /gave undefined/,
  ],
  "copies too late": [
    class extends Store {
      async save(channel, position) {
        await later(1);
        await super.save(channel, position);
      }
    },
    "changing an object afterwards changes nothing that was saved",
    /after the saved object was changed/,
  ],
  "gives away its own object": [
    class extends Store {
      async load(channel) {
        return this.map.get(channel);
      }
    },
    "changing an object afterwards changes nothing that was saved",
    /after the loaded object was changed/,
  ],
  "forgets with the store": [
    class extends Store {
      map = new Map();
    },
    "another store over the same storage has the positions",
    /in another store/,
  ],
  "takes nonsense for nothing": [
    class extends Store {
      async load(channel) {
        return super.load(channel).catch(() => undefined);
      }
    },
    'what makes no sense is "store-invalid", and stays as it is',
    /expected "store-invalid", got undefined/,
  ],
  "removes nonsense": [
    class extends Store {
      async load(channel) {
        return super.load(channel).catch((error) => {
          this.map.delete(channel);
          throw error;
        });
      }
    },
    'what makes no sense is "store-invalid", and stays as it is',
    /got undefined/,
  ],
  hangs: [
    class extends Store {
      save() {
        return new Promise(() => {});
      }
    },
    "what was saved is loaded",
    /no answer in 50 ms/,
    { callLimitMs: 50 },
  ],
  "throws at once": [
    class extends Store {
      load() {
        throw new Error("no");
      }
    },
    "what was saved is loaded",
    /threw instead of rejecting: Error: no/,
  ],
  "gives no promise": [
    class extends Store {
      load() {}
    },
    "a channel that was never saved has no position",
    /gave no promise/,
  ],
};

for (const [how, [Kind, name, says, more]] of Object.entries(wrong)) {
  test(`a store that ${how} is found out`, async () => {
    const error = (await failures(Kind, more)).get(name);
    assert.ok(error, `"${name}" passed`);
    assert.match(error.message, says);
  });
}

test("a case says what is missing", async () => {
  const [first] = storeContract(() => ({ load: async () => undefined }));
  assert.match((await rejection(first.run())).message, /no method save/);
});
