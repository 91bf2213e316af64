// Which numbers were seen, of those that count up from 1: remembered without growing.

export class Numbers {
  #upTo = 0;
  #ahead = new Set();

  add(n) {
    if (n <= this.#upTo) return;
    this.#ahead.add(n);
    while (this.#ahead.delete(this.#upTo + 1)) this.#upTo += 1;
  }

  /** All numbers up to `upTo`, and so many beyond the first one that is missing. */
  report() {
    return { upTo: this.#upTo, ahead: this.#ahead.size };
  }
}
