/**
 * Places to keep positions, for `replay.store`. One writer at a time for a channel: positions are opaque, so no store
 * can tell which of two is the newer one.
 *
 * Nothing is opened, read or started on import, and none of it needs the wasm. All of them behave alike:
 *
 * - They throw `"invalid-argument"` at once where what they are given makes no sense.
 * - `load()` and `save()` reject with `"store-failed"` where the storage fails, and tell in `retryable` whether it is
 *   worth another try; with `"store-invalid"` where the storage holds something that is no position, which they leave
 *   as it is.
 * - Writes of a channel go one after the other. Saves that come while one is under way wait, and only the newest of
 *   them is written; each `save()` resolves once its position, or a newer one, is written.
 */
export { cloudflareKvStore, type CloudflareKvStoreOptions, type KvNamespaceLike } from "./stores/cloudflare-kv.js";
export { denoKvStore, type DenoAtomicLike, type DenoKvLike, type DenoKvStoreOptions } from "./stores/deno-kv.js";
export { durableObjectStore, type DurableObjectStorageLike } from "./stores/durable-object.js";
export { indexedDbStore } from "./stores/indexed-db.js";
export type { PrefixOptions } from "./stores/keys.js";
export { kvStore, type KvStoreOptions } from "./stores/kv.js";
export { memoryStore } from "./stores/memory.js";
export { webStorageStore, type StorageLike } from "./stores/web-storage.js";
export type { Position, ReplayStore } from "./types.js";
