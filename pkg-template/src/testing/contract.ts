import type { ReplayStore } from "../types.js";
import { facts } from "./facts.js";
import { Trial } from "./trial.js";

/** What a store may need for its contract. */
export interface StoreContractOptions {
  /**
   * Makes another store over the storage of the given one, as after a restart. Default: that positions survive the store
   * is not tried.
   */
  reopen?: ((store: ReplayStore) => ReplayStore | Promise<ReplayStore>) | undefined;
  /**
   * Puts something that is no position where the store keeps that of the channel. Default: what the store does then is
   * not tried.
   */
  corrupt?: ((channel: string, store: ReplayStore) => unknown) | undefined;
  /** Bytes of the longest channels that are tried, at least 100. Default: 4,096. */
  channelBytes?: number | undefined;
  /** Milliseconds that a call may take. Default: 10,000, which is what a client grants it. */
  callLimitMs?: number | undefined;
}

/** One thing that a store has to get right. */
export interface StoreCase {
  /** What is right. */
  readonly name: string;
  /** Rejects with an error that says what is wrong instead. Cases may run in any order, or side by side. */
  run(): Promise<void>;
}

/**
 * What a client relies on in a replay store, as cases that run without a test framework:
 *
 * ```ts
 * for (const { name, run } of storeContract(() => myStore())) test(name, run);
 * ```
 *
 * Channels have names that were never used before, so the storage need not be empty; what the cases write stays in it.
 *
 * @param make makes a store; called once for each case
 */
export function storeContract(
  make: () => ReplayStore | Promise<ReplayStore>,
  options: StoreContractOptions = {},
): StoreCase[] {
  return facts
    .filter(({ needs }) => needs === undefined || options[needs] !== undefined)
    .map(({ name, proof }) => ({ name, run: async () => proof(await Trial.begin(make, options)) }));
}
