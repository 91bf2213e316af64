// Positions that outlive the client: a map behind the package's `kvStore`, which is slow, and at times fails.

import { setTimeout as sleep } from "node:timers/promises";

const WRITE_MS = [0, 30];
const FAILS_ONE_IN = 40;

export class Store {
  #kvStore;
  #record;
  #random;
  #values = new Map();
  #owner;
  figures = { saves: 0, failed: 0 };

  constructor(kvStore, record, random) {
    this.#kvStore = kvStore;
    this.#record = record;
    this.#random = random;
  }

  /** For the next client. */
  open() {
    const owner = {};
    this.#owner = owner;
    return this.#kvStore({
      prefix: "",
      get: (channel) => this.#values.get(channel),
      put: (channel, value) => this.#put(owner, channel, value),
    });
  }

  /** What the client of now has not written yet, it never will; it is not told. */
  abandon() {
    this.#owner = undefined;
  }

  async #put(owner, channel, value) {
    if (owner !== this.#owner) return;
    const { replayId } = JSON.parse(value);
    this.#record.saving(channel, replayId);
    await sleep(this.#random.between(...WRITE_MS));
    if (owner !== this.#owner) return;
    this.figures.saves += 1;
    if (this.#random.oneIn(FAILS_ONE_IN)) {
      this.figures.failed += 1;
      throw new Error("the store is not in the mood");
    }
    this.#values.set(channel, value);
    this.#record.saved(channel, replayId);
  }
}
