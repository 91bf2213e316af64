import type { ReplayStore } from "../types.js";
import { fromText, KeyedStore, toText } from "./keyed.js";
import { checkPrefix, Keys, type PrefixOptions } from "./keys.js";
import { invalid } from "./position.js";

/** What {@link kvStore} is made of. */
export interface KvStoreOptions extends PrefixOptions {
  /** What was put with this key; `null` or `undefined` for nothing. What comes parsed already is taken as well. */
  get(key: string): unknown;
  /** Puts text, JSON, with this key. Resolves, or returns, once it will survive. */
  put(key: string, value: string): unknown;
  /**
   * The longest key that the storage takes, in bytes of UTF-8. In longer ones the SHA-256 of the channel, in hex after
   * `sha256:`, stands in its place. Default: no limit.
   */
  maxKeyBytes?: number | undefined;
}

/**
 * Keeps positions wherever two functions put them: `kvStore({ get: (key) => redis.get(key), put: (key, value) =>
 * redis.set(key, value) })`. A key is the prefix and the channel, a value `{"replayId":"…","createdDate":"…"}`.
 *
 * A `put` that has not answered in ten seconds counts as failed.
 *
 * @throws CometdError `"invalid-argument"`
 */
export function kvStore(options: KvStoreOptions): ReplayStore {
  if (typeof options?.get !== "function" || typeof options.put !== "function") {
    throw invalid("kvStore: give an object with the functions `get` and `put`");
  }
  const { prefix, maxKeyBytes = Infinity } = options;
  if (!(Number(maxKeyBytes) > 0)) throw invalid("kvStore: maxKeyBytes: must be a positive number");
  return new KeyedStore("kvStore", new Keys("kvStore", checkPrefix("kvStore", prefix), maxKeyBytes), {
    read: async (key) => fromText(await options.get(key)),
    write: (key, position) => options.put(key, toText(position)),
  });
}
