import { unlessAborted } from "./abort.js";
import { CometdError, describe } from "./errors.js";
import { inspect } from "./extensions.js";
import { invalid, type CheckedOptions } from "./options.js";
import { NETWORK_DELAY_MS } from "./token.js";
import type { LogEntry, Status } from "./types.js";

const ON_STATUS = "onStatus";

/** The user's functions. What they throw is told by a status and goes no further. */
export class Callbacks {
  readonly #options: CheckedOptions;
  readonly #tell: (status: Status) => void;

  constructor(options: CheckedOptions, tell: (status: Status) => void) {
    this.#options = options;
    this.#tell = tell;
  }

  inspect(incoming: boolean, text: string): string {
    return inspect(this.#options.extensions, incoming, text, (where, error) => this.#failed(where, error));
  }

  log(level: string, message: string): void {
    const { log } = this.#options;
    if (log) this.#call("log", () => log({ level: level as LogEntry["level"], message }));
  }

  status(status: Status): void {
    const { onStatus } = this.#options;
    // That it failed is no news for itself: it would go on for ever.
    const own = status.type === "callback-failed" && status.where === ON_STATUS;
    if (onStatus && !own) this.#call(ON_STATUS, () => onStatus(status));
  }

  /** Asks whether to try a subscription again: 1 yes, 0 no, -1 where the callback is of no help. */
  async shouldRetrySubscribe(channel: string, failure: CometdError, over: AbortSignal): Promise<number> {
    const { shouldRetrySubscribe, engine } = this.#options;
    const ms = engine.networkDelayMs ?? NETWORK_DELAY_MS;
    try {
      const verdict = await unlessAborted(
        [over],
        async () => shouldRetrySubscribe?.(channel, failure),
        ms,
        () => new CometdError("timeout", `no answer within ${ms} ms`, { channel }),
      );
      if (typeof verdict === "boolean") return verdict ? 1 : 0;
      throw invalid("shouldRetrySubscribe: must give true or false, or a promise of it");
    } catch (error) {
      if (!over.aborted) this.#failed("shouldRetrySubscribe", error);
      return -1;
    }
  }

  /** Calls one that gives nothing back, but may be an `async` function. */
  #call(where: string, callback: () => unknown): void {
    const failed = (error: unknown) => this.#failed(where, error);
    try {
      const result = callback();
      // A promise of this realm or another, if anything.
      if (result) Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #failed(where: string, error: unknown): void {
    this.#tell({ type: "callback-failed", where, error });
    if (where !== "log") this.log("error", `${where}: ${describe(error)}`);
  }
}
