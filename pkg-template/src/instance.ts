import type { Glue } from "./engine.js";
import { CometdError, describe, isCometdError } from "./errors.js";
import type { Host } from "./host.js";
import { loadError } from "./load/error.js";
import { after } from "./runtime.js";
import type { FetchLike } from "./types.js";

/** How an entry of the package gets at the wasm. */
export interface Loader {
  load(): Promise<Glue>;
  /** The runtime's own way to make requests, where it is better than its `fetch`. */
  readonly transport?: FetchLike | undefined;
}

/** One wasm for each way to load it, however many clients there are. */
const instances = /* @__PURE__ */ new WeakMap<Loader["load"], Instance>();

/** The wasm of a loader, and the clients that live in it. */
export class Instance {
  /** Those that are open. They hold their clients weakly. */
  readonly hosts = new Set<Host>();
  readonly #loader: Loader;
  #glue: Glue | undefined;
  #loading: Promise<void> | undefined;
  #broken = false;

  constructor(loader: Loader) {
    this.#loader = loader;
  }

  static of(loader: Loader): Instance {
    let instance = instances.get(loader.load);
    if (!instance) instances.set(loader.load, (instance = new Instance(loader)));
    return instance;
  }

  /** Loads the wasm once; a load that failed is forgotten. */
  async load(): Promise<void> {
    // Once it is here no promise is shared: workerd has its own mind about promises of another request.
    if (this.#glue) return;
    const loading = (this.#loading ??= this.#load());
    try {
      await loading;
    } finally {
      if (this.#loading === loading) this.#loading = undefined;
    }
  }

  /** The wasm, a fresh one if the last one broke. Only after {@link load}. */
  glue(): Glue {
    const glue = this.#glue!;
    if (this.#broken) {
      glue.__wbg_reset_state();
      this.#broken = false;
      this.#listen(glue);
    }
    return glue;
  }

  /** The wasm is broken: ends all its clients. Returns the error that they end with. */
  lose(thrown: unknown): CometdError {
    // All that a panic tells is where in the wasm it was.
    const [place = ""] = /wasm-function\S+\w/.exec(String((thrown as Partial<Error> | undefined)?.stack)) ?? [];
    const text = `${describe(thrown)} ${place}`;
    const message = `the wasm panicked and ended all its clients; connect again, and please report: ${text}`;
    const error = new CometdError("instance-lost", message, { retryable: true, cause: thrown });
    if (!this.#broken) {
      this.#broken = true;
      for (const host of [...this.hosts]) host.lose(error);
    }
    return error;
  }

  /**
   * Ends clients whose context is gone. Looks twice: after a sleep of the whole machine every timer is overdue, but
   * then it fires before the second look.
   */
  sweep(): void {
    const late = [...this.hosts].filter((host) => host.overdue());
    if (late.length === 0) return;
    after(0, () => {
      for (const host of late) {
        if (!host.overdue()) continue;
        const message = "the runtime ended the request of this client; connect again";
        host.lose(new CometdError("context-lost", message, { retryable: true }));
      }
    });
  }

  async #load(): Promise<void> {
    try {
      const glue = await this.#loader.load();
      this.#listen(glue);
      this.#glue = glue;
    } catch (cause) {
      throw isCometdError(cause) ? cause : loadError(cause);
    }
  }

  #listen(glue: Glue): void {
    glue.__on_trap((error) => {
      this.lose(error);
      return true;
    });
  }
}
