import type { Core } from "./core.js";
import { HEADERS } from "./engine.js";
import { CometdError, describe } from "./errors.js";
import { checkHeaders, isFunction, isObject } from "./options.js";

/** Headers that the caller's function gives, anew for each request. The engine minds the time, and asks again what failed. */
export class AskedHeaders {
  readonly #core: Core;
  readonly #ask: () => unknown;
  readonly #ownCookies: boolean;
  #failure: unknown;

  constructor(core: Core, ask: () => unknown, ownCookies: boolean) {
    this.#core = core;
    this.#ask = ask;
    this.#ownCookies = ownCookies;
  }

  /** What went wrong when they were last asked for; `undefined` where nothing did. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Answers the engine: at once if the function does, since a page that goes away has no time. */
  get(request: number): void {
    this.#failure = undefined;
    const fail = (thrown: unknown) => {
      this.#failure = thrown ?? new CometdError("headers-failed", "the function gave no reason", { retryable: true });
      this.#core.attempt(HEADERS, request, "[]", describe(this.#failure) || "the function gave no reason");
    };
    const use = (given: unknown) => {
      try {
        const pairs = checkHeaders(given, this.#ownCookies);
        this.#core.attempt(HEADERS, request, JSON.stringify(pairs));
      } catch (error) {
        fail(error);
      }
    };
    try {
      const ask = this.#ask;
      const given = ask();
      if (isObject(given) && isFunction((given as PromiseLike<unknown>).then)) Promise.resolve(given).then(use, fail);
      else use(given);
    } catch (error) {
      fail(error);
    }
  }
}
