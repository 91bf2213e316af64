import type { Position, ReplayStore } from "../types.js";
import type { Keys } from "./keys.js";
import { checkChannel, checkPosition, storeFailed, storeInvalid, toPosition } from "./position.js";
import { Writer } from "./writer.js";

/** What a storage is brought down to. Both may throw, or reject. */
export interface Backend {
  /** A position, or whatever else is there; `undefined` or `null` for nothing. */
  read(key: string, channel: string): unknown;
  /** The position is not used elsewhere. Called before `save()` returns if nothing is under way in the channel. */
  write(key: string, position: Position, channel: string): unknown;
}

/** A store over a storage of keys and values. */
export class KeyedStore implements ReplayStore {
  readonly #name: string;
  readonly #keys: Keys;
  readonly #backend: Backend;
  readonly #intervalMs: number;
  readonly #writers = new Map<string, Writer<Position>>();

  /** `name` is for messages; `intervalMs` lies between the writes of a channel. */
  constructor(name: string, keys: Keys, backend: Backend, intervalMs = 0) {
    this.#name = name;
    this.#keys = keys;
    this.#backend = backend;
    this.#intervalMs = intervalMs;
  }

  async load(channel: string): Promise<Position | undefined> {
    checkChannel(this.#name, channel);
    const { key, value } = await this.#read(channel);
    if (value === undefined || value === null) return undefined;
    const position = toPosition(value);
    if (!position) throw storeInvalid(this.#name, channel, key);
    return position;
  }

  async save(channel: string, position: Position): Promise<void> {
    checkChannel(this.#name, channel);
    const own = checkPosition(this.#name, position);
    try {
      await this.#writer(channel).save(own);
    } catch (cause) {
      throw storeFailed(`${this.#name}: cannot save the position of`, channel, cause);
    }
  }

  async #read(channel: string): Promise<{ key: string; value: unknown }> {
    try {
      const key = await this.#keys.of(channel);
      return { key, value: await this.#backend.read(key, channel) };
    } catch (cause) {
      throw storeFailed(`${this.#name}: cannot load the position of`, channel, cause);
    }
  }

  #writer(channel: string): Writer<Position> {
    let writer = this.#writers.get(channel);
    if (!writer) {
      writer = new Writer((position) => this.#write(channel, position), this.#intervalMs);
      this.#writers.set(channel, writer);
    }
    return writer;
  }

  #write(channel: string, position: Position): unknown {
    const key = this.#keys.of(channel);
    if (typeof key === "string") return this.#backend.write(key, position, channel);
    return key.then((hashed) => this.#backend.write(hashed, position, channel));
  }
}

/** A position as text, for storages of text. */
export function toText(position: Position): string {
  return JSON.stringify(position);
}

/** What the text means. Text that is no JSON stays text, which is no position; what came parsed already stays, too. */
export function fromText(text: unknown): unknown {
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
