import { unlessAborted } from "./abort.js";
import { CometdError, describe } from "./errors.js";
import { inspect } from "./extensions.js";
import { invalid, type CheckedOptions } from "./options.js";
import { NETWORK_DELAY_MS } from "./token.js";
import type { LogEntry, Status } from "./types.js";

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
    if (!log) return;
    const failed = (error: unknown) => this.#failed("log", error);
    try {
      const result: unknown = log({ level: level as LogEntry["level"], message });
      // A promise of this realm or another, if anything.
      if (result) Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
    }
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

  #failed(where: string, error: unknown): void {
    this.#tell({ type: "callback-failed", where, error });
    if (where !== "log") this.log("error", `${where}: ${describe(error)}`);
  }
}
