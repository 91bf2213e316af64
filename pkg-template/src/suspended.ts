/** What `suspend()` gives, and what `connect({ resume })` takes (S17). */
import { want, isObject } from "./options.js";
import type { Following } from "./replay.js";
import type { Snapshot } from "./types.js";

/** A subscription of a snapshot. */
export interface SuspendedSubscription extends Following {
  readonly channels: readonly string[];
}

/** The inside of a {@link Snapshot}. */
export interface Suspended {
  readonly version: 1;
  /** The engine's. */
  readonly session: object;
  readonly apiVersion?: string | undefined;
  readonly subscriptions: readonly SuspendedSubscription[];
  /** Without replay: events that nobody has read, and for which of the subscriptions. */
  readonly events: readonly { readonly of: readonly number[]; readonly message: string }[];
}

/** @throws CometdError `"invalid-argument"` */
export function checkSnapshot(given: Snapshot | undefined): Suspended | undefined {
  if (given === undefined) return undefined;
  const { version, session, subscriptions, events } = (isObject(given) ? given : {}) as Partial<Suspended>;
  const known = version === 1 && isObject(session) && isListOf(subscriptions, ({ channels }) => isList(channels));
  want("resume", known && isListOf(events, ({ of }) => isList(of)), "what suspend() resolved with, from this package");
  return given as unknown as Suspended;
}

function isList(value: unknown): boolean {
  return Array.isArray(value);
}

function isListOf<T extends object>(list: readonly T[] | undefined, good: (item: T) => boolean): boolean {
  return isList(list) && list!.every((item) => isObject(item) && good(item));
}
