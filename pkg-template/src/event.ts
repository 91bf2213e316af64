import { OFFSETS_PER_EVENT } from "./engine.js";
import { CometdError, describe } from "./errors.js";

/**
 * An event. `channel`, `replayId` and `createdDate` are its own properties; `data` and `raw` are cut out of the
 * response when they are first touched, so an event that nobody looks into costs little.
 */
export class CometdEvent<T = unknown> {
  /** The channel it was published to, also where the subscription has a wildcard. */
  declare readonly channel: string;
  /** Its position in the channel, as the server wrote it; may have more digits than a number can hold. */
  declare readonly replayId?: string;
  /** When it was made, as the server wrote it. */
  declare readonly createdDate?: string;

  readonly #batch: Batch;
  readonly #base: number;
  #raw: string | undefined;
  #data: T | undefined;
  #parsed = false;

  /** @internal */
  constructor(batch: Batch, base: number) {
    this.#batch = batch;
    this.#base = base;
    this.channel = batch.slice(base + 4) ?? "";
    const replayId = batch.slice(base + 6);
    if (replayId !== undefined) this.replayId = replayId;
    const createdDate = batch.slice(base + 8);
    if (createdDate !== undefined) this.createdDate = createdDate;
  }

  /**
   * What was published; `undefined` where the message has no `data`. Parsed once.
   *
   * @throws CometdError `"bad-payload"` if it is not JSON. Other events are not affected.
   */
  get data(): T {
    if (!this.#parsed) {
      const text = this.#batch.slice(this.#base + 2);
      try {
        this.#data = text === undefined ? undefined : JSON.parse(text);
      } catch (cause) {
        const message = `the data of an event on ${this.channel} is not JSON: ${describe(cause)}`;
        throw new CometdError("bad-payload", message, { channel: this.channel, cause });
      }
      this.#parsed = true;
    }
    return this.#data as T;
  }

  /** The whole message as the server sent it, in JSON. May hold secrets. */
  get raw(): string {
    return (this.#raw ??= this.#batch.slice(this.#base) ?? "");
  }

  /**
   * Says that the application is done with this event, mostly for `commit: "manual"`. A position is saved once all
   * events before it on its channel are done with, too. Bound: it can be taken off its event.
   *
   * @returns a promise that resolves once this event's position, or a later one, is saved
   * @throws CometdError `"invalid-argument"` without `replay`, `"closed"`
   */
  get commit(): () => Promise<void> {
    return () => this.#batch.commit(this.#base);
  }

  /** For `JSON.stringify()`: the own properties and `data`. */
  toJSON(): { channel: string; replayId?: string; createdDate?: string; data: T } {
    return { ...this, data: this.data };
  }
}

/** Events in the form in which they leave the wasm. */
export class Batch {
  readonly #text: string;
  readonly #offsets: Uint32Array;
  readonly #count: number;
  readonly #commit: (sequence: number) => Promise<void>;
  #at = 0;

  constructor(text: string, offsets: Uint32Array, count: number, commit: (sequence: number) => Promise<void>) {
    this.#text = text;
    this.#offsets = offsets;
    this.#count = count;
    this.#commit = commit;
  }

  /** The next event, `undefined` after the last. */
  next(): CometdEvent | undefined {
    return this.#at < this.#count ? new CometdEvent(this, this.#at++ * OFFSETS_PER_EVENT) : undefined;
  }

  /** The sequence number of the event that {@link next} gave last. */
  get sequence(): number {
    return this.#sequence((this.#at - 1) * OFFSETS_PER_EVENT);
  }

  commit(base: number): Promise<void> {
    return this.#commit(this.#sequence(base));
  }

  /** The text between an offset and the one after it; `undefined` where there is nothing. */
  slice(offset: number): string | undefined {
    const start = this.#offsets[offset]!;
    const end = this.#offsets[offset + 1]!;
    return start === end ? undefined : this.#text.slice(start, end);
  }

  #sequence(base: number): number {
    return this.#offsets[base + OFFSETS_PER_EVENT - 1]!;
  }
}
