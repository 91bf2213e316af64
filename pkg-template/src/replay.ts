/** How channels are followed: the options for it, and what the engine is told of them. */
import { invalid, isObject } from "./options.js";
import type { CommitMode, InvalidPosition, ReplayOptions, ReplayStore, Start, SubscribeOptions } from "./types.js";

/** How a subscription follows its channels. */
export interface Following {
  readonly start: Start;
  readonly commit: CommitMode;
  readonly onInvalidPosition: InvalidPosition;
}

/** `replay` of `connect()`. */
export interface CheckedReplay extends Following {
  readonly store: ReplayStore | undefined;
}

export const FOLLOWING: Following = { start: "new", commit: "processed", onInvalidPosition: "all" };

/** Positions that are no replay ids. */
const STARTS = new Map([
  ["new", "-1"],
  ["all", "-2"],
]);

/** @throws CometdError `"invalid-argument"` */
export function checkReplay(replay: ReplayOptions | undefined): CheckedReplay | undefined {
  if (replay === undefined) return undefined;
  if (!isObject(replay)) throw invalid("replay: give an object; {} keeps positions in memory");
  const { store } = replay;
  if (store !== undefined && !(isObject(store) && isFunction(store.load) && isFunction(store.save))) {
    throw invalid("replay.store: give an object with methods `load` and `save`, such as one of cometd-edge/stores");
  }
  return { store, ...checkFollowing("replay.", replay, FOLLOWING) };
}

/**
 * How one subscription follows `channels`. `defaults` are those of the client, `undefined` without replay.
 *
 * @throws CometdError `"invalid-argument"`
 */
export function followingOf(
  options: SubscribeOptions,
  channels: readonly string[],
  defaults: Following | undefined,
): Following {
  for (const name of ["start", "commit", "onInvalidPosition"] as const) {
    if (!defaults && options[name] !== undefined) {
      throw invalid(`${name}: positions are not followed; give \`replay\` to connect(), {} keeps them in memory`);
    }
  }
  const checked = checkFollowing("", options, defaults ?? FOLLOWING);
  if (isObject(options.start)) {
    const stray = Object.keys(options.start).find((channel) => !channels.includes(channel));
    if (stray !== undefined) throw invalid(`start: names ${stray}, which is not among the channels`);
  }
  return checked;
}

/** Where each channel starts if the store has no position, in the engine's words. */
export function startsOf(start: Start, channels: readonly string[]): string[] {
  return channels.map((channel) => {
    const given = typeof start === "string" ? start : Object.hasOwn(start, channel) ? start[channel]! : "new";
    return STARTS.get(given) ?? given;
  });
}

function checkFollowing(path: string, given: SubscribeOptions, defaults: Following): Following {
  const { start = defaults.start, commit = defaults.commit, onInvalidPosition = defaults.onInvalidPosition } = given;
  if (!isStart(start)) {
    throw invalid(`${path}start: give "new", "all", or an object of replay ids, strings, by channel`);
  }
  if (!["processed", "delivered", "manual"].includes(commit))
    throw invalid(`${path}commit: give "processed", "delivered" or "manual"`);
  if (!["all", "new", "fail"].includes(onInvalidPosition))
    throw invalid(`${path}onInvalidPosition: give "all", "new" or "fail"`);
  return { start, commit, onInvalidPosition };
}

function isStart(start: unknown): boolean {
  if (typeof start === "string") return STARTS.has(start);
  return (
    isObject(start) && !Array.isArray(start) && Object.values(start).every((id) => typeof id === "string" && id !== "")
  );
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}
