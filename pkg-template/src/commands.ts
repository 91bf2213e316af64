import { CometdError, describe } from "./errors.js";
import { deferred, noop } from "./runtime.js";
import type { Message } from "./types.js";

/** A promise of the user that waits for the engine. */
interface Command {
  readonly promise: Promise<unknown>;
  /** Takes the server's replies. */
  resolve(replies: string): void;
  reject(error: unknown): void;
}

/** What the user waits for, by the number that the engine knows it by. */
export class Commands {
  readonly #waiting = new Map<number, Command>();
  readonly #hold: (on: boolean) => void;

  /** `hold` is called with `true` for each that begins to wait, and with `false` when it is over. */
  constructor(hold: (on: boolean) => void) {
    this.#hold = hold;
  }

  get numbers(): number[] {
    return [...this.#waiting.keys()];
  }

  /** `read` makes of the replies what the promise resolves with. */
  add<R>(command: number, read: (replies: string) => R): Promise<R> {
    const { promise, resolve, reject } = deferred<R>();
    const settle = (replies: string) => {
      try {
        resolve(read(replies));
      } catch (error) {
        reject(error);
      }
    };
    this.#waiting.set(command, { promise, resolve: settle, reject });
    this.#hold(true);
    return promise;
  }

  resolve(command: number, replies: string): void {
    this.#take(command)?.resolve(replies);
  }

  /** `quiet`: who does not wait for it need not hear of it. Returns whether it was waiting. */
  reject(command: number, error: unknown, quiet: boolean): boolean {
    const waiter = this.#take(command);
    if (quiet) waiter?.promise.catch(noop);
    waiter?.reject(error);
    return waiter !== undefined;
  }

  #take(command: number): Command | undefined {
    const waiter = this.#waiting.get(command);
    if (this.#waiting.delete(command)) this.#hold(false);
    return waiter;
  }
}

/** The replies of the engine, as the server sent them. */
export function parseReplies(replies: string): Message[] {
  try {
    return JSON.parse(replies) as Message[];
  } catch (cause) {
    throw new CometdError("protocol", `the reply is not JSON: ${describe(cause)}`, { cause });
  }
}
