import { Reader, type Ending, type Source } from "./reader.js";
import type { Tap } from "./types.js";

/** What a tap holds at most. */
const CAPACITY = 1_000;

/** A tap's ring. It begins to fill when it is made, not when it is first read. */
export class Ring<V> implements Tap<V>, Source {
  /** Called when somebody begins or ceases to wait. */
  readonly waiting: (on: boolean) => void;
  /** Called when its loop is left. */
  readonly left: () => void;
  dropped = 0;
  ending: Ending | undefined;
  readonly #items: V[] = [];
  readonly #reader = new Reader(this, () => this.#items.shift());

  constructor(waiting: (on: boolean) => void, left: () => void) {
    this.waiting = waiting;
    this.left = left;
  }

  [Symbol.asyncIterator](): AsyncIterator<V, undefined> {
    return this.#reader;
  }

  push(item: V): void {
    if (this.#items.push(item) > CAPACITY) {
      this.#items.shift();
      this.dropped += 1;
    }
    this.#reader.wake();
  }

  end(ending: Ending): void {
    if (ending.drop) this.#items.length = 0;
    this.ending ??= ending;
    this.#reader.wake();
  }

  asked(): void {}
}
