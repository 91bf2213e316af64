import { invalid } from "./position.js";

/** An option of the stores that keep their positions beside other things. */
export interface PrefixOptions {
  /** What the keys begin with, before the channel. Default: `"cometd-edge:"`. */
  prefix?: string | undefined;
}

export const DEFAULT_PREFIX = "cometd-edge:";

/** What a channel becomes that is too long for the storage. Channels begin with `/`, so no other one has this name. */
const HASHED = "sha256:";
const HASHED_BYTES = HASHED.length + 64;

/** @throws CometdError `"invalid-argument"` */
export function checkPrefix(store: string, prefix: unknown = DEFAULT_PREFIX): string {
  if (typeof prefix === "string") return prefix;
  throw invalid(`${store}: prefix: must be a string`);
}

/** Makes keys of channels. */
export class Keys {
  readonly #prefix: string;
  readonly #channelBytes: number;

  /** @throws CometdError `"invalid-argument"` if `maxBytes` are too few for the prefix and a hash */
  constructor(store: string, prefix: string, maxBytes: number) {
    this.#prefix = prefix;
    this.#channelBytes = maxBytes - byteLength(prefix);
    if (this.#channelBytes >= HASHED_BYTES) return;
    throw invalid(`${store}: prefix: too long; a key has ${maxBytes} bytes, of which a channel needs ${HASHED_BYTES}`);
  }

  /** At once, unless it has to be hashed. */
  of(channel: string): string | Promise<string> {
    // No character has more than three bytes for each unit of UTF-16.
    const short = channel.length * 3 <= this.#channelBytes || byteLength(channel) <= this.#channelBytes;
    return short ? this.#prefix + channel : this.#hashed(channel);
  }

  async #hashed(channel: string): Promise<string> {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(channel));
    const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    return this.#prefix + HASHED + hex;
  }
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
