/**
 * Which orders have come and which are missing, told by their running number `n`, which is also the server's count of
 * what it has published on the channel. It lives across reloads, by way of `JSON.stringify`.
 *
 * A number that has been passed over is missing, until it comes after all: order is kept within a response, and two may
 * be under way. A `gap` status names what is missing for good; anything else that stays missing is lost without a word.
 */
export class Ledger {
  /** Orders that came again after a reload, since their position had not been saved before it. */
  again = 0;
  /** Orders that came twice for no such reason. */
  doubled = 0;
  /** The number before the first that is ours. */
  #base;
  #highest = 0;
  #count = 0;
  /** By number: does a gap name it? */
  #missing = new Map();
  /** Numbers that had come but were not saved when the page was left. */
  #unsaved;
  /** The number after which the gap begins that the next order will explain. */
  #gapAfter;

  /** Begins anew, or goes on with what was kept, if anything was saved up to the number `saved`. */
  constructor(kept, saved) {
    if (kept && saved !== undefined) {
      ({
        base: this.#base,
        highest: this.#highest,
        count: this.#count,
        again: this.again,
        doubled: this.doubled,
      } = kept);
      this.#missing = new Map(kept.missing);
      const came = (n) => n > this.#base && !this.#missing.has(n);
      const since = Array.from({ length: Math.max(0, this.#highest - saved) }, (_, i) => saved + 1 + i);
      this.#unsaved = new Set(since.filter(came));
    } else {
      this.#unsaved = new Set();
    }
  }

  toJSON() {
    const { again, doubled } = this;
    return {
      base: this.#base,
      highest: this.#highest,
      count: this.#count,
      missing: [...this.#missing],
      again,
      doubled,
    };
  }

  /** The server's count once it has accepted the first subscription: everything above it must come. */
  opened(count) {
    if (this.#base === undefined || this.#highest === 0) this.#base = Math.min(this.#base ?? count, count);
    this.counted(count);
  }

  /** The server's count now. */
  counted(count) {
    this.#count = Math.max(this.#count, count);
  }

  /**
   * Enters an order that came `"new"`, `"late"`, `"again"` or `"doubled"`. With a new one comes the range that is shown
   * to be missing, if any, and whether a gap names it.
   */
  arrived(n) {
    if (this.#base === undefined || (this.#highest === 0 && n <= this.#base)) this.#base = n - 1;
    const top = Math.max(this.#highest, this.#base);
    if (n <= top) return { came: this.#cameBehind(n) };
    const named = this.#gapAfter !== undefined;
    this.#gapAfter = undefined;
    for (let missing = top + 1; missing < n; missing += 1) this.#missing.set(missing, named);
    this.#highest = n;
    this.counted(n);
    return { came: "new", ...(n > top + 1 && { missing: { first: top + 1, last: n - 1 }, named }) };
  }

  #cameBehind(n) {
    if (this.#missing.delete(n)) return "late";
    if (this.#unsaved.delete(n)) {
      this.again += 1;
      return "again";
    }
    this.doubled += 1;
    return "doubled";
  }

  /** A gap after this number, or after the last that came. Returns what it names of those that are missing already. */
  gap(after = this.#highest) {
    const since = [...this.#missing.keys()].filter((n) => n > after && !this.#missing.get(n));
    for (const n of since) this.#missing.set(n, true);
    // Those that are not missing yet are seen to be when the next order comes.
    if (since.length === 0) this.#gapAfter = after;
    return since.length === 0 ? undefined : { first: since[0], last: since.at(-1) };
  }

  /** What of a range is still missing. */
  still({ first, last }) {
    const numbers = [...this.#missing.keys()].filter((n) => n >= first && n <= last);
    return numbers.length === 0 ? undefined : { first: Math.min(...numbers), last: Math.max(...numbers) };
  }

  get published() {
    return this.#base === undefined ? 0 : this.#count - this.#base;
  }

  /** Missing, and named by a gap. */
  get named() {
    return [...this.#missing.values()].filter(Boolean).length;
  }

  /** Missing without a word. */
  get lost() {
    return this.#missing.size - this.named;
  }

  /** Each order once. */
  get delivered() {
    return this.#highest === 0 ? 0 : this.#highest - this.#base - this.#missing.size;
  }

  get waiting() {
    return this.published - this.delivered - this.#missing.size;
  }
}
