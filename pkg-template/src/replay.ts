/** How channels are followed: the options for it, and what the engine is told of them. */
import type { CometdError } from "./errors.js";
import { invalid, isFunction, isObject, want } from "./options.js";
import { quietly } from "./runtime.js";
import type { CommitMode, InvalidPosition, ReplayOptions, ReplayStore, Start, SubscribeOptions } from "./types.js";

/** Where to begin, without numbers. */
export type NamedStart = Exclude<Start, number>;

/** How a subscription follows its channels. */
export interface Following {
  readonly start: NamedStart;
  readonly commit: CommitMode;
  readonly onInvalidPosition: InvalidPosition;
}

/** `replay` of `connect()`. */
export interface CheckedReplay extends Following {
  readonly store: ReplayStore | undefined;
}

export const FOLLOWING: Following = { start: "new", commit: "processed", onInvalidPosition: "all" };

/** @throws CometdError `"invalid-argument"` */
export function checkReplay(replay: ReplayOptions | undefined): CheckedReplay | undefined {
  if (replay === undefined) return undefined;
  want("replay", isObject(replay), "an object; {} keeps positions in memory");
  const { store } = replay;
  const good = store === undefined || (isFunction(store?.load) && isFunction(store.save));
  want("replay.store", good, "an object with methods `load` and `save`, such as one of cometd-edge/stores");
  return { store, ...checkFollowing("replay.", replay, FOLLOWING, []) };
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
      throw notFollowed(name);
    }
  }
  const checked = checkFollowing("", options, defaults ?? FOLLOWING, channels);
  if (isObject(options.start)) {
    const stray = Object.keys(options.start).find((channel) => !channels.includes(channel));
    if (stray !== undefined) throw invalid(`start: names ${stray}, which is not among the channels`);
  }
  return checked;
}

/** Where each channel starts if the store has no position, in the engine's words. */
export function startsOf(start: NamedStart, channels: readonly string[]): string[] {
  return channels.map((channel) => {
    const given = typeof start === "string" ? start : Object.hasOwn(start, channel) ? start[channel]! : "new";
    return given === "new" ? "-1" : given === "all" ? "-2" : given;
  });
}

/** The error for what makes sense only where positions are followed. */
export function notFollowed(name: string): CometdError {
  return invalid(`${name}: positions are not followed; give \`replay\` to connect(), {} keeps them in memory`);
}

/** Is it one as {@link followingOf} gives it? */
export function isFollowing(given: Following): boolean {
  return quietly(() => Boolean(checkFollowing("", given, given, []))) ?? false;
}

function checkFollowing(
  path: string,
  given: SubscribeOptions,
  defaults: Following,
  channels: readonly string[],
): Following {
  const {
    start: wanted = defaults.start,
    commit = defaults.commit,
    onInvalidPosition = defaults.onInvalidPosition,
  } = given;
  const start = nameStart(`${path}start`, wanted, channels);
  want(`${path}start`, isStart(start), '"new", "all", a number, or an object of replay ids, strings, by channel');
  wantOneOf(`${path}commit`, commit, ["processed", "delivered", "manual"]);
  wantOneOf(`${path}onInvalidPosition`, onInvalidPosition, ["all", "new", "fail"]);
  return { start, commit, onInvalidPosition };
}

function wantOneOf(name: string, given: string, words: readonly string[]): void {
  want(name, words.includes(given), `"${words.join('" or "')}"`);
}

/** A number in other words. That of a position says nothing about whose it is, so there must be only one channel. */
function nameStart(name: string, start: Start, channels: readonly string[]): NamedStart {
  if (typeof start !== "number") return start;
  if (start === -1) return "new";
  if (start === -2) return "all";
  const example = '{ "/event/Order__e": "9007199254740993" }';
  want(name, Number.isSafeInteger(start), `an integer that a number can hold; a longer one as a string, ${example}`);
  const [channel = "/*", ...others] = channels;
  const one = others.length === 0 && !/\/\*\*?$/.test(channel);
  want(name, one, `a number, but for -1 and -2, to subscribe() with one channel; else strings by channel, ${example}`);
  return { [channel]: String(start) };
}

function isStart(start: unknown): boolean {
  if (start === "new" || start === "all") return true;
  const isId = (id: unknown) => typeof id === "string" && id !== "";
  return isObject(start) && !Array.isArray(start) && Object.values(start).every(isId);
}
