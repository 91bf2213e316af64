import { isCometdError, type CometdError } from "../errors.js";
import { within } from "../stores/limit.js";
import type { Position, ReplayStore } from "../types.js";
import type { StoreContractOptions } from "./contract.js";

const CHANNEL_BYTES = 4_096;
const CALL_LIMIT_MS = 10_000;

/** One case under way: its store, channels of its own, and calls that say what is wrong. */
export class Trial {
  readonly channelBytes: number;
  readonly #store: ReplayStore;
  readonly #options: StoreContractOptions;
  readonly #base: string;

  static async begin(make: () => ReplayStore | Promise<ReplayStore>, options: StoreContractOptions): Promise<Trial> {
    const base = `/contract/${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
    return new Trial(await make(), options, base);
  }

  private constructor(store: ReplayStore, options: StoreContractOptions, base: string) {
    for (const method of ["load", "save"] as const) {
      if (typeof store?.[method] !== "function") throw new Error(`the store has no method ${method}`);
    }
    this.#store = store;
    this.#options = options;
    this.#base = base;
    this.channelBytes = options.channelBytes ?? CHANNEL_BYTES;
  }

  /** A channel that nobody has used; those of one case differ only in the end. */
  channel(end = ""): string {
    return this.#base + end;
  }

  load(channel: string): Promise<Position | undefined> {
    return this.#call(`load(${show(channel)})`, () => this.#store.load(channel));
  }

  save(channel: string, position: Position): Promise<void> {
    return this.#call(`save(${show(channel)}, ${show(position)})`, () => this.#store.save(channel, position));
  }

  async expect(channel: string, position: Position | undefined, when: string): Promise<void> {
    const loaded = await this.load(channel);
    if (alike(loaded, position)) return;
    throw new Error(`load(${show(channel)}) ${when}: expected ${show(position)}, got ${show(loaded)}`);
  }

  async saveAndExpect(channel: string, position: Position): Promise<void> {
    await this.save(channel, position);
    await this.expect(channel, position, "after it was saved");
  }

  /** The same case with another store over the same storage. */
  async reopen(): Promise<Trial> {
    return new Trial(await this.#options.reopen!(this.#store), this.#options, this.#base);
  }

  async corrupt(channel: string): Promise<void> {
    await this.#options.corrupt!(channel, this.#store);
  }

  /** What `load()` rejects with. */
  async refusal(channel: string): Promise<CometdError> {
    let loaded: Position | undefined;
    try {
      loaded = await within(this.#limitMs, this.#store.load(channel));
    } catch (error) {
      if (isCometdError(error)) return error;
      throw new Error(`load(${show(channel)}): expected a CometdError, got ${String(error)}`, { cause: error });
    }
    throw new Error(`load(${show(channel)}): expected "store-invalid", got ${show(loaded)}`);
  }

  get #limitMs(): number {
    return this.#options.callLimitMs ?? CALL_LIMIT_MS;
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    let promise: Promise<T>;
    try {
      promise = call();
    } catch (cause) {
      throw new Error(`${what} threw instead of rejecting: ${String(cause)}`, { cause });
    }
    if (typeof promise?.then !== "function") throw new Error(`${what} gave no promise`);
    try {
      return await within(this.#limitMs, promise);
    } catch (cause) {
      throw new Error(`${what} failed: ${String(cause)}`, { cause });
    }
  }
}

/** Positions are the same text for text, whatever else an object has. */
function alike(a: Position | undefined, b: Position | undefined): boolean {
  if (!a || !b) return a === b;
  return a.replayId === b.replayId && a.createdDate === b.createdDate;
}

export function show(value: unknown): string {
  const text = value === undefined ? "undefined" : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length} characters)` : text;
}
