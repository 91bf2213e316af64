/** What `suspend()` gives, and what `connect({ resume })` takes (S17). */
import { want, isObject } from "./options.js";
import { isFollowing, type Following } from "./replay.js";
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
  /** Salesforce's, which the next client goes on with. */
  readonly apiVersion?: string | undefined;
  readonly subscriptions: readonly SuspendedSubscription[];
  /** Without replay: events that nobody has read, and for which of the subscriptions. */
  readonly events: readonly { readonly of: readonly number[]; readonly message: string }[];
}

/**
 * The engine checks its own part, once it is there.
 *
 * @throws CometdError `"invalid-argument"` that repeats nothing of the snapshot, which is secret
 */
export function checkSnapshot(given: Snapshot | undefined): Suspended | undefined {
  if (given === undefined) return undefined;
  const snapshot = (isObject(given) ? given : {}) as Partial<Suspended>;
  const { version, session, apiVersion, subscriptions, events } = snapshot;
  const good =
    version === 1 &&
    isObject(session) &&
    (apiVersion === undefined || typeof apiVersion === "string") &&
    isListOf(subscriptions, isSubscription) &&
    isListOf(events, (event) => isQueued(event, subscriptions.length));
  want("resume", good, "what suspend() resolved with, from this package");
  return given as unknown as Suspended;
}

function isSubscription(subscription: SuspendedSubscription): boolean {
  if (!isObject(subscription)) return false;
  const { channels, ...following } = subscription;
  return isListOf(channels, isChannel) && channels.length > 0 && isFollowing(following);
}

function isChannel(channel: unknown): boolean {
  return typeof channel === "string" && channel.startsWith("/");
}

function isQueued(event: Suspended["events"][number], subscriptions: number): boolean {
  const isIndex = (index: number) => Number.isInteger(index) && index >= 0 && index < subscriptions;
  return isObject(event) && typeof event.message === "string" && isListOf(event.of, isIndex);
}

function isListOf<T>(list: readonly T[] | undefined, good: (item: T) => boolean): list is readonly T[] {
  return Array.isArray(list) && list.every(good);
}
