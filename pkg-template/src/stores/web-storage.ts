import type { ReplayStore } from "../types.js";
import { fromText, KeyedStore, toText } from "./keyed.js";
import { checkPrefix, Keys, type PrefixOptions } from "./keys.js";
import { invalid } from "./position.js";

/** What {@link webStorageStore} needs of a `Storage`. */
export interface StorageLike {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/**
 * Keeps positions in `localStorage` or `sessionStorage`, with keys of the prefix and the channel. A position is written
 * before `save()` returns, so also in a page that is about to go away.
 *
 * Limits of the host: about 5 MB for each origin; beyond it `save()` rejects with `"store-failed"`, whose `cause` is the
 * `QuotaExceededError`. Workers have no such storage. `localStorage` is shared by all tabs: give each of them a prefix
 * of its own, or let only one of them connect.
 *
 * @throws CometdError `"invalid-argument"`
 */
export function webStorageStore(storage: StorageLike, options: PrefixOptions = {}): ReplayStore {
  if (typeof storage?.getItem !== "function" || typeof storage.setItem !== "function") {
    throw invalid("webStorageStore: give a Storage, such as localStorage");
  }
  const prefix = checkPrefix("webStorageStore", options.prefix);
  return new KeyedStore("webStorageStore", new Keys("webStorageStore", prefix, Infinity), {
    read: (key) => fromText(storage.getItem(key)),
    write: (key, position) => storage.setItem(key, toText(position)),
  });
}
