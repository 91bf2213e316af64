import { describe } from "../errors.js";
import type { ReplayStore } from "../types.js";
import { openDB, type IDBPDatabase } from "./idb.js";
import { KeyedStore } from "./keyed.js";
import { DEFAULT_PREFIX, Keys } from "./keys.js";
import { LateError, within } from "./limit.js";
import { invalid } from "./position.js";

const VERSION = 1;
const POSITIONS = "positions";

/** While another tab holds the database an open request waits, perhaps for ever. */
const OPEN_LIMIT_MS = 5_000;

/** Some browsers now and then leave a request without an answer. */
const USE_LIMIT_MS = 8_000;

/**
 * Keeps positions in IndexedDB, in pages and workers: in the database `cometd-edge:` and the name, which is made when it
 * is first used. `save()` resolves once the browser says that the position is on disk (strict durability).
 *
 * The store lives with what browsers do to a database: when its connection is lost, or the database is deleted, it opens
 * it anew, once for each call; when another tab wants to delete or upgrade it, it lets go. If another tab holds on to it
 * in such a case, calls reject with `"store-failed"` after five seconds. Positions in a deleted database are gone.
 *
 * Limits of the host: Safari deletes what an origin keeps that was not visited for seven days; private windows forget;
 * a frame of another site has a database of its own for each site it is in. All tabs of an origin share the database:
 * give each of them a name of its own, or let only one of them connect.
 *
 * @param name not empty
 * @throws CometdError `"invalid-argument"`, also where there is no IndexedDB, as in Node, Deno, Bun and Workers
 */
export function indexedDbStore(name: string): ReplayStore {
  if (typeof name !== "string" || name === "") throw invalid("indexedDbStore: give the name of a database, not empty");
  checkHost();
  const database = new Database(DEFAULT_PREFIX + name);
  return new KeyedStore("indexedDbStore", new Keys("indexedDbStore", "", Infinity), {
    read: (channel) => database.use((db) => db.get(POSITIONS, channel)),
    write: (channel, position) =>
      database.use(async (db) => {
        const { store, done } = db.transaction(POSITIONS, "readwrite", { durability: "strict" });
        await Promise.all([store.put(position, channel), done]);
      }),
  });
}

function checkHost(): void {
  let why = "use another store";
  try {
    if (globalThis.indexedDB) return;
  } catch (error) {
    why = describe(error);
  }
  throw invalid(`indexedDbStore: there is no IndexedDB here: ${why}`);
}

/** A connection that is made when it is needed, and made anew when it was lost. */
class Database {
  readonly #name: string;
  #opening: Promise<IDBPDatabase> | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  async use<R>(work: (db: IDBPDatabase) => Promise<R>): Promise<R> {
    const opening = this.#open();
    const db = await within(OPEN_LIMIT_MS, opening);
    try {
      return await within(USE_LIMIT_MS, run(work, db));
    } catch (error) {
      if (isQuota(error)) throw error;
      // Whatever it was: on the same connection a lost one never comes back.
      this.#forget(opening);
      db.close();
      if (error instanceof LateError) throw error;
    }
    return within(USE_LIMIT_MS, run(work, await within(OPEN_LIMIT_MS, this.#open())));
  }

  #open(): Promise<IDBPDatabase> {
    if (this.#opening) return this.#opening;
    const opening: Promise<IDBPDatabase> = openDB(this.#name, VERSION, {
      upgrade: (db) => void db.createObjectStore(POSITIONS),
      blocking: (_old, _new, event) => {
        (event.target as IDBDatabase).close();
        this.#forget(opening);
      },
      terminated: () => this.#forget(opening),
    });
    this.#opening = opening;
    opening.catch(() => this.#forget(opening));
    return opening;
  }

  #forget(opening: Promise<IDBPDatabase>): void {
    if (this.#opening === opening) this.#opening = undefined;
  }
}

/** A connection that is closed throws instead of rejecting. */
async function run<R>(work: (db: IDBPDatabase) => Promise<R>, db: IDBPDatabase): Promise<R> {
  return work(db);
}

function isQuota(error: unknown): boolean {
  return (error as Partial<Error> | undefined)?.name === "QuotaExceededError";
}
