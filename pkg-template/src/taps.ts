import type { Core } from "./core.js";
import { TAP } from "./engine.js";
import { LEFT, Reader, type Ending, type Source } from "./reader.js";
import { noop, quietly } from "./runtime.js";
import type { Message, Status, Tap } from "./types.js";

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

/** Those who follow what happens to a client. */
export class Taps {
  readonly #core: Core;
  readonly #status = new Set<Ring<Status>>();
  readonly #messages = new Set<Ring<Message>>();
  /** For the first one: what was lost with the client before is told before anybody can listen. */
  #early: Ring<Status> | undefined;

  constructor(core: Core) {
    this.#core = core;
  }

  /** `open`: else it is at its end already. */
  messages(open: boolean): Ring<Message> {
    const taps = this.#messages;
    /** The first one turns them on, the last one off. */
    const turn = (on: boolean) => {
      if (taps.size === Number(on)) this.#core.attempt(TAP, on);
    };
    const tap = this.#tap(taps, open, () => turn(false));
    turn(true);
    return tap;
  }

  status(open: boolean): Ring<Status> {
    const early = this.#early;
    this.#early = undefined;
    return open && early ? early : this.#tap(this.#status, open, noop);
  }

  /** Begins before {@link status} is called. */
  listen(): void {
    this.#early = this.#tap(this.#status, true, noop);
  }

  tell(status: Status): void {
    for (const tap of this.#status) tap.push(status);
  }

  message(text: string): void {
    // Parsed for each tap, so that what one does to a message is not seen by the others.
    for (const tap of this.#messages) {
      const message = quietly(() => JSON.parse(text) as Message);
      if (message) tap.push(message);
      else this.tell({ type: "message-skipped", reason: "not JSON" });
    }
  }

  end(ending: Ending): void {
    for (const taps of [this.#status, this.#messages]) {
      for (const tap of taps as Set<Ring<unknown>>) tap.end(ending);
      taps.clear();
    }
  }

  #tap<V>(taps: Set<Ring<V>>, open: boolean, left: () => void): Ring<V> {
    const tap: Ring<V> = new Ring<V>(
      (on) => this.#core.hold(on),
      () => {
        taps.delete(tap);
        left();
      },
    );
    if (open) taps.add(tap);
    else tap.end(LEFT);
    return tap;
  }
}
