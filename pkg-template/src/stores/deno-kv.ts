import { CometdError } from "../errors.js";
import type { Position, ReplayStore } from "../types.js";
import { KeyedStore, type Backend } from "./keyed.js";
import { byteLength, Keys } from "./keys.js";
import { invalid, toPosition } from "./position.js";

/** The longest key of Deno KV; of its parts each has two bytes more than its text. */
const MAX_KEY_BYTES = 2_048;
const PART_BYTES = 2;

/** What {@link denoKvStore} needs of a `Deno.Kv`. */
export interface DenoKvLike {
  get(key: string[]): Promise<{ value: unknown; versionstamp: string | null }>;
  atomic(): DenoAtomicLike;
}

/** What {@link denoKvStore} needs of a `Deno.AtomicOperation`. */
export interface DenoAtomicLike {
  check(...checks: { key: string[]; versionstamp: string | null }[]): DenoAtomicLike;
  set(key: string[], value: unknown): DenoAtomicLike;
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}

/** Options of {@link denoKvStore}. */
export interface DenoKvStoreOptions {
  /** The first part of the keys; the second is the channel. Default: `"cometd-edge"`. */
  prefix?: string | undefined;
}

/**
 * Keeps positions in Deno KV: `denoKvStore(await Deno.openKv())`, with the keys `[prefix, channel]`.
 *
 * Deno Deploy runs several instances of a program at once, so each write checks that nobody else has written since this
 * store loaded or saved last. If somebody has, `save()` rejects with `"store-failed"`, not `retryable`, and nothing is
 * written; so do all later saves of that channel, until it is loaded again. The client whose saves fail that way should
 * close: the other one goes on. A store over the same database that loads the channel takes it over.
 *
 * In place of a channel beyond what a key of 2,048 bytes has room for stands its SHA-256, in hex after `sha256:`. Deno
 * KV needs `--unstable-kv`; the database is closed by who opened it.
 *
 * @throws CometdError `"invalid-argument"`
 */
export function denoKvStore(kv: DenoKvLike, options: DenoKvStoreOptions = {}): ReplayStore {
  if (typeof kv?.get !== "function" || typeof kv.atomic !== "function") {
    throw invalid("denoKvStore: give a database, as `await Deno.openKv()` does");
  }
  const { prefix = "cometd-edge" } = options;
  if (typeof prefix !== "string") throw invalid("denoKvStore: prefix: must be a string");
  const room = MAX_KEY_BYTES - byteLength(prefix) - 2 * PART_BYTES;
  return new KeyedStore("denoKvStore", new Keys("denoKvStore", "", room), new DenoBackend(kv, prefix));
}

/** What is known about a key. Replaced as a whole, so that one who waited sees that it is another. */
interface Known {
  readonly versionstamp: string | null;
  /** Writes of which no answer came: they may have been done, or be done yet. */
  readonly unsure: readonly Position[];
}

class DenoBackend implements Backend {
  readonly #kv: DenoKvLike;
  readonly #prefix: string;
  readonly #known = new Map<string, Known>();
  readonly #writing = new Set<string>();

  constructor(kv: DenoKvLike, prefix: string) {
    this.#kv = kv;
    this.#prefix = prefix;
  }

  async read(name: string): Promise<unknown> {
    const before = this.#known.get(name);
    const { value, versionstamp } = await this.#get(name);
    // A write of our own in between knows better.
    const alone = !this.#writing.has(name) && this.#known.get(name) === before;
    if (alone) this.#known.set(name, { versionstamp, unsure: [] });
    return value;
  }

  async write(name: string, position: Position, channel: string): Promise<void> {
    if (!this.#known.has(name)) await this.read(name);
    this.#writing.add(name);
    try {
      if ((await this.#commit(name, position)) || ((await this.#adopt(name)) && (await this.#commit(name, position))))
        return;
    } finally {
      this.#writing.delete(name);
    }
    const message =
      `denoKvStore: a second writer is at work: the position of ${channel} was changed since this store loaded or saved ` +
      "it; close one of the two clients, or load the channel again to go on here";
    throw new CometdError("store-failed", message, { channel });
  }

  /** Writes unless somebody else has. */
  async #commit(name: string, position: Position): Promise<boolean> {
    const key = [this.#prefix, name];
    const { versionstamp, unsure } = this.#known.get(name)!;
    this.#known.set(name, { versionstamp, unsure: [...unsure, position] });
    const result = await this.#kv.atomic().check({ key, versionstamp }).set(key, position).commit();
    if (result.ok) this.#known.set(name, { versionstamp: result.versionstamp, unsure: [] });
    else this.#known.set(name, { versionstamp, unsure });
    return result.ok;
  }

  /** Was it a write of our own, whose answer was lost? Then what it wrote is what we know. */
  async #adopt(name: string): Promise<boolean> {
    const { unsure } = this.#known.get(name)!;
    if (unsure.length === 0) return false;
    const { value, versionstamp } = await this.#get(name);
    const stored = toPosition(value);
    const own = unsure.some(
      ({ replayId, createdDate }) => replayId === stored?.replayId && createdDate === stored.createdDate,
    );
    if (own) this.#known.set(name, { versionstamp, unsure: [] });
    return own;
  }

  #get(name: string): Promise<{ value: unknown; versionstamp: string | null }> {
    return this.#kv.get([this.#prefix, name]);
  }
}
