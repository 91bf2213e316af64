import type { Core } from "./core.js";
import { CHECK_INSTANCE, TOKEN, TOKEN_FAILED, type ErrorRecord } from "./engine.js";
import { CometdError, describe, isCometdError } from "./errors.js";
import { deferred, type Deferred } from "./runtime.js";
import type { IssuedToken, TokenSource } from "./token.js";
import type { FetchLike } from "./types.js";

/** A token in use. Its number ascends from 1. */
export interface CurrentToken extends IssuedToken {
  readonly number: number;
}

/** The access tokens of a client: one at a time, and one for all that wait (S10). */
export class Tokens {
  current: CurrentToken | undefined;
  /** What logs in, and REST calls, go through. Gives true responses, which a loader's own transport does not. */
  readonly fetch: FetchLike;

  readonly #core: Core;
  readonly #source: TokenSource;
  #asking = false;
  /** Why there was no token when one was last asked for. */
  #failure: CometdError | undefined;
  /** Resolves with the next one, or with nothing where there is to be none for now. */
  #next: Deferred<CurrentToken | undefined> | undefined;

  constructor(core: Core, source: TokenSource, fetch: FetchLike) {
    this.#core = core;
    this.#source = source;
    this.fetch = fetch;
  }

  /** The engine asks for a token. */
  async authenticate(refused: boolean, moved: boolean): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const signal = this.#core.over;
    const checkInstance = (url: string) => this.#core.input(CHECK_INSTANCE, 0, url);
    try {
      const issued = await this.#source.get({ refused, moved, signal, fetch: this.fetch, checkInstance });
      if (!signal.aborted) this.#use(issued);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    } finally {
      this.#asking = false;
    }
  }

  /** The first token after this one; nothing where the engine gets none for now. Stays pending when the client ends. */
  after(number: number): Promise<CurrentToken | undefined> {
    if (this.current && this.current.number > number) return Promise.resolve(this.current);
    return (this.#next ??= deferred<CurrentToken | undefined>()).promise;
  }

  /** Whoever waits for the next token gets none for now. The client itself needs none. */
  none(): void {
    this.#failure = undefined;
    this.#next?.resolve(undefined);
    this.#next = undefined;
  }

  /** What a login threw, to the user as it was. */
  explain({ code }: ErrorRecord): CometdError | undefined {
    return code === "login-refused" || code === "login-failed" ? this.#failure : undefined;
  }

  #use(issued: IssuedToken): void {
    const { accessToken, instanceUrl, url } = issued;
    const last = this.current;
    const number = (last?.number ?? 0) + 1;
    this.#core.input(TOKEN, number, accessToken, url);
    this.#failure = undefined;
    this.current = { ...issued, number };
    this.#next?.resolve(this.current);
    this.#next = undefined;
    // An authenticator that was asked out of caution may have the same one to give.
    const changed = last && (last.accessToken !== accessToken || last.instanceUrl !== instanceUrl);
    if (changed) this.#core.tell({ type: "reauthenticated", instanceUrl });
  }

  #fail(error: unknown): void {
    const failure = isCometdError(error)
      ? error
      : new CometdError("login-failed", describe(error), { retryable: true, cause: error });
    this.#failure = failure;
    this.#core.attempt(TOKEN_FAILED, failure.retryable === true, describe(failure));
  }
}
