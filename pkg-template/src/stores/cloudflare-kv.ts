import type { ReplayStore } from "../types.js";
import { fromText, KeyedStore, toText, type Backend } from "./keyed.js";
import { checkPrefix, Keys, type PrefixOptions } from "./keys.js";
import { invalid } from "./position.js";

/** The longest key of Workers KV. */
const MAX_KEY_BYTES = 512;

/** Workers KV refuses more than one write a second with the same key. */
const MIN_INTERVAL_MS = 1_000;

/** What {@link cloudflareKvStore} needs of a `KVNamespace`. */
export interface KvNamespaceLike {
  get(key: string): Promise<string | null>;
  put(key: string, value: string): Promise<void>;
}

/** Options of {@link cloudflareKvStore}. */
export interface CloudflareKvStoreOptions extends PrefixOptions {
  /** Milliseconds between the end of one write of a channel and the start of the next. Default: 1,000, as KV asks for. */
  minIntervalMs?: number | undefined;
}

/**
 * Keeps positions in a namespace of Workers KV. A Durable Object's storage ({@link durableObjectStore}) suits better
 * where there is one. With KV an event may come twice, and with two writers events may be lost:
 *
 * - KV is eventually consistent: for a minute or so, elsewhere longer, `load()` may give an older position, or none. What
 *   came since then comes again, so what handles events must bear it.
 * - One client at a time may write a channel. KV cannot tell that a second one does.
 * - At most one write a second goes out for each channel. The newest position waits for its turn; its `save()` resolves
 *   when it, or a newer one, has been written, so await `client.close()`, or hand it to `ctx.waitUntil()`: with the end
 *   of a request a Worker drops what still waits. The rate is known to one store only; a write that KV refuses because
 *   of another store rejects, and the client tries again.
 * - Make the store in the request, cron run or Durable Object that uses it, not at module scope.
 *
 * A key is the prefix and the channel, a value `{"replayId":"…","createdDate":"…"}`. Beyond the 512 bytes of a key
 * the SHA-256 of the channel, in hex after `sha256:`, stands in its place.
 *
 * @throws CometdError `"invalid-argument"`
 */
export function cloudflareKvStore(namespace: KvNamespaceLike, options: CloudflareKvStoreOptions = {}): ReplayStore {
  if (typeof namespace?.get !== "function" || typeof namespace.put !== "function") {
    throw invalid(
      "cloudflareKvStore: give a KV namespace, such as env.POSITIONS, and name it in the Worker's bindings",
    );
  }
  const { prefix, minIntervalMs = MIN_INTERVAL_MS } = options;
  if (typeof minIntervalMs !== "number" || !(minIntervalMs >= 0) || minIntervalMs === Infinity) {
    throw invalid("cloudflareKvStore: minIntervalMs: must be a number, at least 0");
  }
  const keys = new Keys("cloudflareKvStore", checkPrefix("cloudflareKvStore", prefix), MAX_KEY_BYTES);
  const backend: Backend = {
    read: async (key) => fromText(await namespace.get(key)),
    write: (key, position) => namespace.put(key, toText(position)),
  };
  return new KeyedStore("cloudflareKvStore", keys, backend, minIntervalMs);
}
