import type { Core } from "./core.js";
import type { CometdEvent } from "./event.js";
import { invalid, isObject, want } from "./options.js";
import { LEFT, type Ending, type Reader, type Source } from "./reader.js";
import { noop } from "./runtime.js";
import type { DrainOptions } from "./types.js";

/**
 * `client.drain()`: reads what nobody else does, until the engine comes to rest (D1). It ends once the positions of what
 * was read are saved (D2).
 */
export class Drain implements Source {
  readonly #core: Core;
  #over = false;
  #failure: Ending | undefined;
  #waiting = false;
  #ending: Ending | undefined;
  #resting: Promise<void> | undefined;

  private constructor(core: Core) {
    this.#core = core;
  }

  /** @throws CometdError `"invalid-argument"`, `"already-reading"` */
  static start(core: Core, options: DrainOptions): Reader<CometdEvent> {
    want("drain", isObject(options), "an object with at least `deadlineMs`");
    const idleMs = milliseconds("idleMs", options.idleMs ?? Infinity);
    const deadlineMs = milliseconds("deadlineMs", options.deadlineMs);
    const drain = new Drain(core);
    const reader = core.shared.drain(drain, () => !drain.#over);
    core.drain(idleMs, deadlineMs).then(
      () => drain.#end(),
      (error: unknown) => drain.#end({ failed: true, error, drop: false }),
    );
    return reader;
  }

  get ending(): Ending | undefined {
    return this.#core.shared.ending ?? this.#ending;
  }

  asked(): void {
    this.#core.shared.asked();
  }

  waiting(on: boolean): void {
    this.#core.hold(on);
    this.#waiting = on;
    if (on && this.#over) this.#rest();
  }

  left(): void {
    this.#core.shared.left();
    this.#ending ??= LEFT;
    this.#rest();
  }

  /** The engine rests. Who has an event in hand is done with it when asking for the next one. */
  #end(failure?: Ending): void {
    this.#over = true;
    this.#failure = failure;
    if (this.#waiting) this.#rest();
  }

  #rest(): void {
    this.#resting ??= this.#finish();
  }

  async #finish(): Promise<void> {
    await this.#core.rest().catch(noop);
    this.#ending ??= this.#failure ?? LEFT;
    this.#core.shared.wake();
  }
}

function milliseconds(name: string, value: unknown): number {
  if (typeof value === "number" && value >= 0) return value;
  throw invalid(`${name}: give milliseconds, at least 0`);
}
