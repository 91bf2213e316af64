import type { Core } from "./core.js";
import { PROGRESS } from "./engine.js";
import type { CommitMode } from "./types.js";

/**
 * What a reader has given out, and what of it the application is done with (R3). Tells the engine, where a commit mode
 * makes use of it and there is something new to tell.
 *
 * All that was given out before is done with when the next one is asked for, but for events whose results nobody can
 * have seen by then: of calls of `next()` that overlap, the later says nothing about the result of the earlier.
 */
export class Progress {
  /** The sequence number of the last event given out, 0 for none. */
  handed = 0;
  /** Of the last event whose result had settled before the current turn of the microtask queue. */
  settled = 0;

  readonly #core: Core;
  readonly #reader: number;
  readonly #counts: (mode: CommitMode) => boolean;
  #latest = 0;
  #noting = false;
  #toldHanded = 0;
  #toldDone = 0;

  /** `counts`: does anybody commit like this here? */
  constructor(core: Core, reader: number, counts: (mode: CommitMode) => boolean) {
    this.#core = core;
    this.#reader = reader;
    this.#counts = counts;
  }

  /** Events up to this one are given out. */
  gave(sequence: number): void {
    this.#latest = sequence;
    this.handed = Math.max(this.handed, sequence);
    if (!this.#noting && (this.#reader === 0 || this.#counts("processed"))) {
      this.#noting = true;
      queueMicrotask(this.#note);
    }
    if (sequence > this.#toldHanded && this.#counts("delivered")) {
      this.#toldHanded = sequence;
      this.#tell(sequence, false);
    }
  }

  /** The next event is asked for. */
  asked(): void {
    const { settled } = this;
    if (settled > this.#toldDone && this.#counts("processed")) {
      this.#toldDone = settled;
      this.#tell(settled, true);
    }
  }

  /** The reader was left with what it has in hand. */
  left(): void {
    this.settled = this.#latest = 0;
  }

  /** Runs before whoever awaits the result goes on. */
  readonly #note = (): void => {
    this.#noting = false;
    this.settled = this.#latest;
  };

  #tell(sequence: number, done: boolean): void {
    this.#core.attempt(PROGRESS, this.#reader, "", "", sequence, done);
  }
}
