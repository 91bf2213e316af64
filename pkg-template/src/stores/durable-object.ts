import type { ReplayStore } from "../types.js";
import { KeyedStore } from "./keyed.js";
import { checkPrefix, Keys, type PrefixOptions } from "./keys.js";
import { invalid } from "./position.js";

/** The longest key with the older storage; with SQLite keys may be longer. */
const MAX_KEY_BYTES = 2_048;

/** What {@link durableObjectStore} needs of a `DurableObjectStorage`. */
export interface DurableObjectStorageLike {
  get(key: string): Promise<unknown>;
  put(key: string, value: unknown): Promise<void>;
  sync?(): Promise<void>;
}

/**
 * Keeps positions in the storage of a Durable Object: `durableObjectStore(ctx.storage)`. It is the place for them on
 * Cloudflare: consistent, and the object that reads it is the only one that writes it. `save()` resolves once the
 * position is on disk.
 *
 * A key is the prefix and the channel; in keys beyond 2,048 bytes the SHA-256 of the channel, in hex after `sha256:`,
 * stands in its place. `storage.deleteAll()` removes positions as well.
 *
 * @throws CometdError `"invalid-argument"`
 */
export function durableObjectStore(storage: DurableObjectStorageLike, options: PrefixOptions = {}): ReplayStore {
  if (typeof storage?.get !== "function" || typeof storage.put !== "function") {
    throw invalid("durableObjectStore: give the storage of a Durable Object: ctx.storage");
  }
  const keys = new Keys("durableObjectStore", checkPrefix("durableObjectStore", options.prefix), MAX_KEY_BYTES);
  return new KeyedStore("durableObjectStore", keys, {
    read: (key) => storage.get(key),
    write: async (key, position) => {
      await storage.put(key, position);
      // What `put` promises may be kept in memory still.
      await storage.sync?.();
    },
  });
}
