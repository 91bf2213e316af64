import { deferred, noop, type Deferred } from "./runtime.js";

/** How a source of items has ended. */
export interface Ending {
  /** With an error, which its reader throws; else it is just over. */
  readonly failed: boolean;
  readonly error?: unknown;
  /** What has not been given out is dropped. */
  readonly drop: boolean;
}

/** A plain end: what has not been given out is dropped, and stays uncommitted (S16). */
export const LEFT: Ending = { failed: false, drop: true };

/** What stands behind a {@link Reader}. */
export interface Source {
  /** Set when nothing more comes, apart from what can still be pulled. */
  readonly ending: Ending | undefined;
  /** The next item is asked for: the application is done with those that it has. */
  asked(): void;
  /** Somebody begins to wait for an item, or nobody does any longer. */
  waiting(on: boolean): void;
  /** The reader was left before the end. */
  left(): void;
}

/**
 * An iterator over a source, made for a loop but good for any use: calls of `next()` may overlap and are answered in
 * their order, `return()` settles those that wait, and an error is thrown once.
 *
 * It is not a generator: there `return()` hangs behind a waiting `next()`, and each item costs more than twice as much.
 */
export class Reader<V> implements AsyncIterator<V, undefined>, AsyncIterable<V> {
  readonly #source: Source;
  readonly #pull: () => V | undefined;
  readonly #waiters: Deferred<IteratorResult<V, undefined>>[] = [];
  #holding = false;
  /** Has it given out its end? */
  done = false;

  /** `pull` gives the next item, if there is one already. */
  constructor(source: Source, pull: () => V | undefined) {
    this.#source = source;
    this.#pull = pull;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<V, undefined>> {
    if (this.done) return Promise.resolve({ done: true, value: undefined });
    this.#source.asked();
    if (this.#waiters.length === 0) {
      const value = this.#pull();
      if (value !== undefined) return Promise.resolve({ done: false, value });
    }
    const waiter = deferred<IteratorResult<V, undefined>>();
    this.#waiters.push(waiter);
    this.#settle();
    return waiter.promise;
  }

  return(): Promise<IteratorResult<V, undefined>> {
    if (!this.done) {
      this.#finish();
      this.#source.left();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  /** There may be items, or the end, for those who wait. */
  wake(): void {
    while (this.#waiters.length > 0) {
      const value = this.#pull();
      if (value === undefined) break;
      // The queue may be empty by now: pulling can bring to light that the wasm is gone, which ends all readers.
      this.#waiters.shift()?.resolve({ done: false, value });
    }
    this.#settle();
  }

  #settle(): void {
    const { ending } = this.#source;
    const waiter = this.#waiters[0];
    if (ending && waiter) {
      if (ending.failed) {
        waiter.promise.catch(noop); // the reader may have been left alone with nobody looking at this promise
        waiter.reject(ending.error);
      }
      this.#finish();
    }
    this.#hold(this.#waiters.length > 0);
  }

  #finish(): void {
    this.done = true;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
    this.#hold(false);
  }

  #hold(on: boolean): void {
    if (on === this.#holding) return;
    this.#holding = on;
    this.#source.waiting(on);
  }
}
