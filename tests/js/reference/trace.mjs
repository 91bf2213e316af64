// What has happened to a follower, for the case that it fails: the last lines, with numbers that follow one another in one.

const LINES = 1_000;

export class Trace {
  #began = Date.now();
  #lines = [];
  /** What the last line counts, if it does. */
  #run;

  note(text) {
    this.#run = undefined;
    this.#add(text);
  }

  /** The event with this number; `what` has become of it. */
  event(what, channel, n) {
    const run = this.#run;
    const goesOn = run?.what === what && run.channel === channel && run.last + 1 === n;
    if (goesOn) this.#lines.pop();
    this.#run = { what, channel, first: goesOn ? run.first : n, last: n };
    this.#add(`${what} ${channel} ${goesOn ? `${run.first} to ` : ""}${n}`);
  }

  #add(text) {
    this.#lines.push(`${String(Date.now() - this.#began).padStart(8)} ms  ${text}`);
    if (this.#lines.length > LINES) this.#lines.shift();
  }

  last(count) {
    return this.#lines.slice(-count);
  }
}
