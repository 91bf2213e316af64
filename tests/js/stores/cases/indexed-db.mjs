// IndexedDB as browsers have it, and what they do to connections.

import { indexedDbStore } from "cometd-edge/stores";
import { storeContract } from "cometd-edge/testing";
import { equal, ok, rejection, same, typed } from "../../contract/assert.mjs";
import { about } from "./registry.mjs";

const PREFIX = "cometd-edge:";
let names = 0;
const fresh = () => `test${(names += 1)}`;

/** What a request of IndexedDB ends with. */
function ended(request, { onBlocked } = {}) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => onBlocked?.();
  });
}

/** Until databases can be made again: one that is made while the browser takes them away is taken away, too. */
async function settled() {
  for (let tries = 0; ; tries += 1) {
    try {
      return (await ended(indexedDB.open(fresh()))).close();
    } catch (error) {
      if (tries === 50) throw error;
    }
  }
}

/** Counts connections, and notes each transaction, while `work` runs; alone, since others would be counted, too. */
async function watching(work) {
  const [open, transaction] = [IDBFactory.prototype.open, IDBDatabase.prototype.transaction];
  const seen = { opens: 0, transactions: [], connections: [] };
  IDBFactory.prototype.open = function (...args) {
    seen.opens += 1;
    return open.apply(this, args);
  };
  IDBDatabase.prototype.transaction = function (...args) {
    seen.connections.push(this);
    const made = transaction.apply(this, args);
    seen.transactions.push(made);
    return made;
  };
  try {
    await work(seen);
  } finally {
    IDBFactory.prototype.open = open;
    IDBDatabase.prototype.transaction = transaction;
  }
}

const position = (replayId) => ({ replayId });

async function put(name, key, value) {
  const db = await ended(indexedDB.open(PREFIX + name));
  await ended(db.transaction("positions", "readwrite").objectStore("positions").put(value, key));
  db.close();
}

async function refusal(promise, CometdError, { retryable }) {
  const error = await rejection(promise);
  typed(error, CometdError, "store-failed");
  equal(error.channel, "/a", "channel");
  equal(error.retryable, retryable, "retryable");
  return error;
}

function peculiar(CometdError) {
  const refused = (promise, how) => refusal(promise, CometdError, how);
  const cases = {
    async "nothing is opened before it is needed, and then once"() {
      await watching(async (seen) => {
        const store = indexedDbStore(fresh());
        await Promise.resolve();
        equal(seen.opens, 0, "connections");
        await Promise.all([store.load("/a"), store.save("/a", position("1")), store.load("/b")]);
        equal(seen.opens, 1, "connections");
      });
    },

    async "writes ask for strict durability"() {
      await watching(async (seen) => {
        await indexedDbStore(fresh()).save("/a", position("1"));
        const written = seen.transactions.filter(({ mode }) => mode === "readwrite");
        equal(written.length, 1, "transactions that write");
        equal(written[0].durability, "strict", "durability");
      });
    },

    async "a connection that the browser ends is made anew"() {
      const name = fresh();
      const store = indexedDbStore(name);
      await store.save("/a", position("1"));
      const witness = await ended(indexedDB.open(PREFIX + name));
      const lost = new Promise((resolve) => (witness.onclose = resolve));
      // Through the protocol of the developer tools: it takes the database away with all its connections.
      await globalThis.clearStorage();
      await lost;
      await settled();
      await watching(async (seen) => {
        await store.save("/a", position("2"));
        equal(seen.connections.length, 1, "attempts to write");
      });
      same(await store.load("/a"), position("2"), "position");
    },

    async "a connection that was closed behind its back is made anew, once for a call"() {
      const store = indexedDbStore(fresh());
      await watching(async (seen) => {
        await store.save("/a", position("1"));
        seen.connections.at(-1).close();
        same(await store.load("/a"), position("1"), "position");
        equal(seen.opens, 2, "connections");
        seen.connections.at(-1).close();
        await Promise.all([store.load("/a"), store.save("/a", position("2")), store.load("/a")]);
        equal(seen.opens, 3, "connections");
        IDBDatabase.prototype.transaction = () => {
          throw new DOMException("Connection to Indexed Database server lost", "UnknownError");
        };
        const error = await refused(store.load("/a"), { retryable: true });
        ok(/server lost/.test(error.message), error.message);
        equal(seen.opens, 4, "connections");
      });
      same(await store.load("/a"), position("2"), "position");
    },

    async "a database deleted under it is made anew, without the positions"() {
      const name = fresh();
      const store = indexedDbStore(name);
      await store.save("/a", position("1"));
      let blocked = false;
      await ended(indexedDB.deleteDatabase(PREFIX + name), { onBlocked: () => (blocked = true) });
      equal(blocked, false, "blocked");
      equal(await store.load("/a"), undefined, "position");
      await store.save("/a", position("2"));
      same(await store.load("/a"), position("2"), "position");
    },

    async "it lets another connection upgrade, and says that it cannot go on"() {
      const name = fresh();
      const store = indexedDbStore(name);
      await store.save("/a", position("1"));
      let blocked = false;
      const newer = await ended(indexedDB.open(PREFIX + name, 2), { onBlocked: () => (blocked = true) });
      equal(blocked, false, "blocked");
      const error = await refused(store.load("/a"), { retryable: false });
      equal(error.cause.name, "VersionError", "cause");
      newer.close();
    },

    async "a database that somebody else holds on to is no hang"() {
      const name = fresh();
      const store = indexedDbStore(name);
      await store.save("/a", position("1"));
      // It does not close when it is asked to, so the deletion waits, and all that come later wait behind it.
      const stubborn = await ended(indexedDB.open(PREFIX + name));
      let deleting;
      await new Promise((onBlocked) => (deleting = ended(indexedDB.deleteDatabase(PREFIX + name), { onBlocked })));
      await refused(store.load("/a"), { retryable: true });
      stubborn.close();
      await deleting;
      await store.save("/a", position("2"));
      same(await store.load("/a"), position("2"), "position");
    },

    async "a database of another make is a typed error"() {
      const name = fresh();
      (await ended(indexedDB.open(PREFIX + name, 1))).close();
      await refused(indexedDbStore(name).load("/a"), { retryable: false });
    },
  };
  return Object.entries(cases).map(([name, run]) => ({ name, run, alone: true }));
}

export function indexedDbCases(CometdError) {
  const databases = new Map();
  const make = (name) => {
    const store = indexedDbStore(name);
    databases.set(store, name);
    return store;
  };
  const contract = storeContract(() => make(fresh()), {
    reopen: (store) => make(databases.get(store)),
    corrupt: (channel, store) => put(databases.get(store), channel, { replayId: 5 }),
  });
  return about("indexedDbStore", [...contract, ...peculiar(CometdError)]);
}

/** For an origin that was given 100 kB before anything was stored: the browser remembers for a while what is left. */
export function indexedDbCasesWithoutRoom(CometdError) {
  return about("indexedDbStore", [
    {
      name: "no room left is a typed error, and the position before stays",
      async run() {
        const store = indexedDbStore("full");
        await store.save("/a", position("1"));
        const saving = store.save("/a", position("9".repeat(1_000_000)));
        const error = await refusal(saving, CometdError, { retryable: true });
        equal(error.cause.name, "QuotaExceededError", "cause");
        same(await store.load("/a"), position("1"), "position");
      },
    },
  ]);
}
