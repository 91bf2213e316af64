import { CometdError, describe } from "./errors.js";
import type { EngineOptions } from "./engine.js";
import { inspection } from "./extensions.js";
import { checkReplay, type CheckedReplay } from "./replay.js";
import { cookieHeaderAllowed, now, seed } from "./runtime.js";
import type { TokenSource } from "./token.js";
import type { ConnectOptions, Extension, FetchLike, LogEntry } from "./types.js";

/** Options of `connect()` that make sense, apart into what the engine needs and what this side keeps. */
export interface CheckedOptions {
  readonly engine: EngineOptions;
  readonly extensions: readonly Extension[];
  readonly fetch: FetchLike | undefined;
  readonly signal: AbortSignal | undefined;
  readonly log: ((entry: LogEntry) => void) | undefined;
  readonly replay: CheckedReplay | undefined;
  readonly shouldRetrySubscribe: ConnectOptions["shouldRetrySubscribe"];
}

/** The error for an option or argument that makes no sense. */
export function invalid(message: string, cause?: unknown): CometdError {
  return new CometdError("invalid-argument", message, { cause });
}

/**
 * `source`: where tokens come from, if not from `options.auth`.
 *
 * @throws CometdError `"invalid-argument"` that names the option; it never repeats a value, which may be a secret
 */
export function checkOptions(options: ConnectOptions, source?: TokenSource): CheckedOptions {
  if (!isObject(options)) throw invalid("connect: give an object with at least `url`");
  const extensions = checkExtensions(options.extensions);
  const { shouldRetrySubscribe } = options;
  if (shouldRetrySubscribe) checkType("shouldRetrySubscribe", shouldRetrySubscribe, "function");
  const replay = checkReplay(options.replay);
  const auth = source !== undefined || options.auth !== undefined;
  const engine: EngineOptions = {
    url: checkUrl(options.url, auth),
    headers: checkHeaders(options.headers),
    ownCookies: cookieHeaderAllowed(),
    salesforce: source?.salesforce ?? false,
    auth,
    replay: replay !== undefined,
    allowedHosts: [...(source?.allowedHosts ?? [])],
    decides: Boolean(shouldRetrySubscribe),
    inspect: inspection(extensions),
    seed: seed(),
    unixMsAtZero: Date.now() - now(),
    ...checkNumbers(options),
  };
  if (options.ack !== undefined) engine.ack = checkType("ack", options.ack, "boolean");
  return {
    engine,
    extensions,
    fetch: checkFetch(options.fetch),
    signal: checkSignal("signal", options.signal),
    log: options.log && checkType("log", options.log, "function"),
    replay,
    shouldRetrySubscribe,
  };
}

export function checkSignal(name: string, signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || (isObject(signal) && typeof signal.addEventListener === "function")) return signal;
  throw invalid(`${name}: give an AbortSignal`);
}

/** JSON for the wire. */
export function toJson(name: string, value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw invalid(`${name}: cannot be written as JSON: ${describe(cause)}`, cause);
  }
  if (text === undefined) throw invalid(`${name}: cannot be written as JSON; send null where there is nothing to send`);
  return text;
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** `secret`: a token will be sent there (X1). */
function checkUrl(given: string | URL, secret: boolean): string {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw invalid("url: not an absolute URL; in a page use new URL(path, location.href)");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw invalid("url: must begin with https:// or http://");
  if (url.username || url.password) throw invalid("url: must not hold a user or password; send them in `headers`");
  if (secret && url.protocol === "http:" && !/^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) {
    throw invalid("url: must begin with https:// where an access token is sent, unless it is on this machine");
  }
  url.hash = "";
  return url.href;
}

function checkHeaders(headers: Record<string, string> | undefined): string[] {
  if (headers === undefined) return [];
  if (!isObject(headers)) throw invalid("headers: give an object of names and values");
  // A `Headers` has no own properties; taken as a plain object it would be empty without a word.
  const entries = Symbol.iterator in headers ? [...(headers as Iterable<[string, string]>)] : Object.entries(headers);
  return entries.flatMap(([name, value]) => {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw invalid(`headers: ${JSON.stringify(name)} is not a header name`);
    // As fetch has it: bytes, without the controls that would end the line.
    if (typeof value !== "string" || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw invalid(`headers: the value of ${name} must be a string without line breaks and characters beyond U+00FF`);
    }
    return [name, value];
  });
}

type NumericOption = {
  [K in keyof EngineOptions]-?: EngineOptions[K] extends number | undefined ? K : never;
}[keyof EngineOptions];

/** The least value of each; where it is 1, 0 would bring everything to a halt. */
const NUMBERS = {
  retry: { initialDelayMs: 0, factor: 1, maxDelayMs: 0, maxRetries: 0, handshakesPerMinute: 1, sessionWindowMs: 0 },
  limits: { queuedEvents: 1, queuedBytes: 1, messageBytes: 1, requestBytes: 1 },
} satisfies Record<string, Partial<Record<NumericOption, number>>>;

function checkNumbers(options: ConnectOptions): Partial<Record<NumericOption, number>> {
  const checked: Partial<Record<NumericOption, number>> = {};
  const check = (path: string, key: NumericOption, value: unknown, least: number) => {
    if (value === undefined) return;
    if (typeof value !== "number" || !(value >= least)) throw invalid(`${path}: must be a number, at least ${least}`);
    // Infinity is a fair way to say "no limit".
    checked[key] = Math.min(value, 2 ** 32 - 1);
  };
  check("networkDelayMs", "networkDelayMs", options.networkDelayMs, 1);
  for (const group of ["retry", "limits"] as const) {
    const values: unknown = options[group];
    if (values === undefined) continue;
    if (!isObject(values)) throw invalid(`${group}: give an object`);
    for (const [key, least] of Object.entries(NUMBERS[group])) {
      check(`${group}.${key}`, key as NumericOption, (values as Record<string, unknown>)[key], least);
    }
  }
  return checked;
}

function checkExtensions(extensions: readonly Extension[] | undefined): readonly Extension[] {
  if (extensions === undefined) return [];
  if (!Array.isArray(extensions)) throw invalid("extensions: give an array");
  extensions.forEach((extension: unknown, i) => {
    if (!isObject(extension)) throw invalid(`extensions[${i}]: give an object with \`incoming\` or \`outgoing\``);
    for (const hook of ["incoming", "outgoing"] as const) {
      const value = (extension as Extension)[hook];
      if (value !== undefined) checkType(`extensions[${i}].${hook}`, value, "function");
    }
  });
  return [...(extensions as readonly Extension[])];
}

function checkFetch(given: ConnectOptions["fetch"]): FetchLike | undefined {
  if (given === undefined) return undefined;
  // Not as a method of `options`: some runtimes refuse their `fetch` with another `this`.
  if (typeof given === "function") return (url, init) => given(url, init);
  if (isObject(given) && typeof given.fetch === "function") return (url, init) => given.fetch(url, init);
  throw invalid("fetch: give a function, or an object with a method `fetch`");
}

function checkType<T>(name: string, value: T, type: "boolean" | "function"): T {
  if (typeof value === type) return value;
  throw invalid(`${name}: must be a ${type}`);
}
