import { after, deferred, now, type Deferred } from "../runtime.js";
import { within } from "./limit.js";

/** A write that takes longer counts as failed, so that those behind it get their turn. */
const WRITE_LIMIT_MS = 10_000;

/** A value that has not been written yet, and all who wait for it or for an older one. */
interface Waiting<V> extends Deferred<void> {
  value: V;
}

/**
 * Writes values one at a time. While one is under way, or before its time, the newest waits in place of those before it.
 *
 * It has a timer only while something waits, so it keeps no process alive for longer than the last value needs.
 */
export class Writer<V> {
  readonly #write: (value: V) => unknown;
  readonly #intervalMs: number;
  #waiting: Waiting<V> | undefined;
  #running = false;
  #endedAt = -Infinity;

  /** Between the end of one write and the start of the next are at least `intervalMs`. */
  constructor(write: (value: V) => unknown, intervalMs: number) {
    this.#write = write;
    this.#intervalMs = intervalMs;
  }

  /** Settles with the write of this value, or of the newer one that took its place. */
  save(value: V): Promise<void> {
    if (this.#waiting) this.#waiting.value = value;
    else this.#waiting = { value, ...deferred<void>() };
    const { promise } = this.#waiting;
    if (!this.#running) void this.#run();
    return promise;
  }

  /** Calls the first write before it returns: in a page that goes away there is no later. */
  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting) {
      const pause = this.#endedAt + this.#intervalMs - now();
      if (pause > 0) {
        await new Promise<void>((resolve) => void after(Math.ceil(pause), resolve));
        continue;
      }
      const { value, resolve, reject } = this.#waiting;
      this.#waiting = undefined;
      try {
        const writing = this.#write(value);
        if (writing !== undefined) await within(WRITE_LIMIT_MS, Promise.resolve(writing));
        resolve();
      } catch (error) {
        reject(error);
      }
      this.#endedAt = now();
    }
    this.#running = false;
  }
}
