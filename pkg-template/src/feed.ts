import { Progress } from "./commits.js";
import type { Core } from "./core.js";
import { CLAIM, TAKEN } from "./engine.js";
import { CometdError } from "./errors.js";
import type { Batch, CometdEvent } from "./event.js";
import { LEFT, Reader, type Ending, type Source } from "./reader.js";
import type { Following } from "./replay.js";
import { deferred, noop } from "./runtime.js";
import type { CommitMode } from "./types.js";

/** The reader that gets the events of all subscriptions without a reader of their own. */
export const SHARED_READER = 0;

/** An event with its sequence number. */
interface Numbered {
  readonly event: CometdEvent;
  readonly sequence: number;
}

/**
 * The events of one reader of the engine: of a subscription, or of `client.events()`.
 *
 * They are taken in sub-batches. A sub-batch counts against the limits of the client (R8) until the application asks
 * for an event beyond it.
 */
export class Feed implements Source {
  readonly id: number;
  /** What is subscribed: without the channels that the server refused. */
  channels: readonly string[];
  /** How it is subscribed, once the server has accepted it. */
  following: Following | undefined;
  readonly closed: Promise<Error | undefined>;
  /** Called once at the end. */
  unlink: () => void = noop;

  readonly #core: Core;
  readonly #closed = deferred<Error | undefined>();
  ending: Ending | undefined;
  #released: Promise<void> | undefined;
  #reader: Reader<unknown> | undefined;
  #claimed = false;
  #batch: Batch | undefined;
  /** The engine waits for word on the last sub-batch. */
  #owing = false;
  /** What the engine had left when it ended. */
  #rest: Batch[] | undefined;
  readonly #progress: Progress;
  /** Events of the shared reader given out that the application may not be done with. */
  readonly #inHand: Numbered[] = [];
  /** Events to be given out again. */
  #back: Numbered[] = [];
  /** The sequence number of the last event taken from a sub-batch or from those that came back. */
  #at = 0;

  /** `counts`: is this commit mode one of those that these events are for? */
  constructor(core: Core, id: number, channels: readonly string[], counts: (mode: CommitMode) => boolean) {
    this.#core = core;
    this.id = id;
    this.channels = channels;
    this.closed = this.#closed.promise;
    this.#progress = new Progress(core, id, counts);
  }

  /** The sequence number of the last event given out, 0 for none. */
  get handed(): number {
    return this.#progress.handed;
  }

  /** Has somebody ever read here? */
  get used(): boolean {
    return this.#reader !== undefined;
  }

  /** One event at a time. */
  events(): Reader<CometdEvent> {
    return this.#read(() => this.#next());
  }

  /** As {@link events}, with an end of its own; gives nothing out unless it is `open`. */
  drain(source: Source, open: () => boolean): Reader<CometdEvent> {
    return this.#read(() => (open() ? this.#next() : undefined), source);
  }

  /** What was taken from the engine and not given out, as the server sent it. */
  leftover(): string[] {
    const left = this.#back.map(({ event }) => event.raw);
    for (let event = this.#cut(); event; event = this.#cut()) left.push(event.raw);
    return left;
  }

  /** Has it a reader of its own? */
  get claimed(): boolean {
    return this.#claimed;
  }

  /** All that is there, at least one event. */
  batches(): Reader<CometdEvent[]> {
    return this.#read(() => {
      const events: CometdEvent[] = [];
      // The first call may take a sub-batch; the others stay within it.
      for (let event = this.#next(); event; event = this.#cut()) events.push(event);
      return events.length > 0 ? events : undefined;
    });
  }

  wake(): void {
    this.#reader?.wake();
  }

  /** Keeps the shared reader away from these events. */
  claim(): void {
    if (this.#claimed || this.id === SHARED_READER) return;
    this.#claimed = true;
    // Until now they were given out by the shared reader.
    this.#progress.handed = this.#core.shared.handed;
    this.#core.attempt(CLAIM, this.id);
  }

  /** Takes all that is left, since the engine is about to go. */
  gather(): void {
    if (this.ending?.drop) return;
    const rest: Batch[] = [];
    for (let batch = this.#core.take(this.id); batch; batch = this.#core.take(this.id)) rest.push(batch);
    this.#rest = rest;
  }

  /** The first ending stays. */
  end(ending: Ending): void {
    if (this.ending) return;
    this.ending = ending;
    if (ending.drop) {
      this.#batch = this.#rest = undefined;
      this.#back.length = this.#inHand.length = 0;
      this.#core.forget(this);
    }
    this.unlink();
    this.#closed.resolve(ending.error as Error | undefined);
    this.wake();
  }

  /** Ends it from this side. Resolves when the server knows. `linger`: the server is told later, in case somebody subscribes again. */
  release(ending: Ending, linger = false): Promise<void> {
    if (!this.#released) {
      const open = !this.ending;
      if (!open) this.#discard();
      this.end(ending);
      const { handed } = this.#claimed ? this : this.#core.shared;
      this.#released = open ? this.#core.unsubscribe(this.id, handed, linger) : Promise.resolve();
    }
    return this.#released;
  }

  asked(): void {
    // What was in hand when it was dropped stays uncommitted (S16).
    if (this.ending?.drop) return;
    this.#progress.asked();
    const { settled } = this.#progress;
    while (this.#inHand.length > 0 && this.#inHand[0]!.sequence <= settled) this.#inHand.shift();
  }

  waiting(on: boolean): void {
    this.#core.hold(on);
  }

  left(): void {
    if (this.id === SHARED_READER) {
      // R3b: who left the loop was not done with these; they come first in the next one.
      this.#back = [...this.#inHand.splice(0), ...this.#back];
      this.#progress.left();
    } else {
      void this.release(LEFT, true);
    }
  }

  #read<V>(pull: () => V | undefined, source: Source = this): Reader<V> {
    const previous = this.#reader;
    if (previous && (this.id !== SHARED_READER || !previous.done)) {
      throw new CometdError("already-reading", `there can be only one reader${this.id ? ` of ${this.channels}` : ""}`);
    }
    this.claim();
    const reader = new Reader(source, () => {
      const items = pull();
      if (items !== undefined) this.#progress.gave(this.#at);
      return items;
    });
    this.#reader = reader;
    return reader;
  }

  /** It ended by itself, and what it left behind is not wanted: it must not count against the limits for ever. */
  #discard(): void {
    this.gather();
    this.#core.attempt(TAKEN, this.id);
    this.#rest = [];
    this.#batch = undefined;
    this.#core.forget(this);
  }

  #next(): CometdEvent | undefined {
    const again = this.#back.shift();
    if (again) this.#at = again.sequence;
    let event = again?.event ?? this.#cut();
    while (!event && this.#advance()) event = this.#cut();
    if (event && this.id === SHARED_READER) this.#inHand.push({ event, sequence: this.#at });
    return event;
  }

  /** The next event of the sub-batch at hand. */
  #cut(): CometdEvent | undefined {
    const event = this.#batch?.next();
    if (event) this.#at = this.#batch!.sequence;
    return event;
  }

  #advance(): boolean {
    if (this.#rest) {
      this.#batch = this.#rest.shift();
    } else if (this.ending?.drop) {
      this.#batch = undefined;
    } else {
      if (this.#owing) this.#core.attempt(TAKEN, this.id);
      this.#batch = this.#core.take(this.id);
      this.#owing = this.#batch !== undefined;
      if (!this.#batch && this.ending) this.#core.forget(this);
    }
    return this.#batch !== undefined;
  }
}
