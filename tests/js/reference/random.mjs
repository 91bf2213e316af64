// Chance that can be had again: the generator mulberry32.

export class Random {
  #state;

  /** Each name has a sequence of its own. */
  constructor(seed, name = "") {
    this.#state = seed >>> 0;
    for (const letter of name) this.#state = Math.imul(this.#state ^ letter.codePointAt(0), 0x01000193) >>> 0;
  }

  #next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least, most) {
    return least + Math.floor(this.#next() * (most - least + 1));
  }

  /** True once in so many times. */
  oneIn(count) {
    return this.between(1, count) === 1;
  }

  pick(list) {
    return list[this.between(0, list.length - 1)];
  }
}
