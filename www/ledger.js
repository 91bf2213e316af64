/**
 * Which orders have come and which are missing, told by their running number `n`, which is also the server's count of
 * what it has published.
 *
 * The page publishes nothing, so its events travel on polls alone, and those keep their order. A number that has been
 * passed over is therefore lost: no later poll brings it, with the acknowledgement extension or without. One above the
 * highest that came is on the way. Should a lost one come after all, it is taken back.
 */
export class Ledger {
  duplicates = 0;
  /** The number before the first that is ours. */
  #base;
  #highest = 0;
  #count = 0;
  #missing = new Set();

  /** The server's count once it has accepted the subscription: everything above it must come. */
  opened(count) {
    this.#base = Math.min(this.#base ?? count, count);
    this.counted(count);
  }

  /** The server's count now. */
  counted(count) {
    this.#count = Math.max(this.#count, count);
  }

  /** Enters an order. Returns the range of those that it shows to be lost, if any, and whether it came before. */
  arrived(n) {
    if (this.#base === undefined || (this.#highest === 0 && n <= this.#base)) this.#base = n - 1;
    const top = Math.max(this.#highest, this.#base);
    if (n <= top) {
      const duplicate = !this.#missing.delete(n);
      if (duplicate) this.duplicates += 1;
      return { duplicate, lost: undefined };
    }
    for (let lost = top + 1; lost < n; lost += 1) this.#missing.add(lost);
    this.#highest = n;
    this.counted(n);
    return { duplicate: false, lost: n > top + 1 ? { first: top + 1, last: n - 1 } : undefined };
  }

  get published() {
    return this.#base === undefined ? 0 : this.#count - this.#base;
  }

  get lost() {
    return this.#missing.size;
  }

  /** Each order once. */
  get delivered() {
    return this.#highest === 0 ? 0 : this.#highest - this.#base - this.lost;
  }

  get waiting() {
    return this.published - this.delivered - this.lost;
  }
}
