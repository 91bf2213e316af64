import { CometdError, describe } from "./errors.js";
import type { EngineOptions } from "./engine.js";
import { inspection } from "./extensions.js";
import { checkReplay, type CheckedReplay } from "./replay.js";
import { now, quietly } from "./runtime.js";
import { checkSnapshot, type Suspended } from "./suspended.js";
import type { TokenSource } from "./token.js";
import type { ConnectOptions, Extension, FetchLike, LogEntry } from "./types.js";

/** Options of `connect()` that make sense, apart into what the engine needs and what this side keeps. */
export interface CheckedOptions {
  readonly engine: EngineOptions;
  readonly extensions: readonly Extension[];
  readonly fetch: FetchLike | undefined;
  /** Asked for the headers of each request. */
  readonly headers: (() => unknown) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly log: ((entry: LogEntry) => void) | undefined;
  readonly onStatus: ConnectOptions["onStatus"];
  readonly replay: CheckedReplay | undefined;
  readonly resume: Suspended | undefined;
  readonly shouldRetrySubscribe: ConnectOptions["shouldRetrySubscribe"];
}

/** The error for an option or argument that makes no sense. */
export function invalid(message: string, cause?: unknown): CometdError {
  return new CometdError("invalid-argument", message, { cause });
}

/** @throws CometdError `"invalid-argument"`: what to give, unless it is `good` */
export function want(name: string, good: unknown, what: string): asserts good {
  if (!good) throw invalid(`${name}: give ${what}`);
}

/**
 * `ownCookies`: no browser keeps the cookies. `source`: where tokens come from, if not from `options.auth`.
 *
 * @throws CometdError `"invalid-argument"` that names the option; it never repeats a value, which may be a secret
 */
export function checkOptions(options: ConnectOptions, ownCookies: boolean, source?: TokenSource): CheckedOptions {
  want("connect", isObject(options), "an object with at least `url`");
  const extensions = checkExtensions(options.extensions);
  const { ack, appendMessageTypeToURL, log, onStatus, shouldRetrySubscribe, signal } = options;
  wantFunction("shouldRetrySubscribe", shouldRetrySubscribe);
  wantFunction("log", log);
  wantFunction("onStatus", onStatus);
  const replay = checkReplay(options.replay);
  const resume = checkSnapshot(options.resume);
  const auth = source !== undefined || options.auth !== undefined;
  const headers = isFunction(options.headers) ? (options.headers as () => unknown) : undefined;
  const engine: EngineOptions = {
    url: checkUrl(options.url, auth),
    headers: headers || options.headers === undefined ? [] : checkHeaders(options.headers, ownCookies),
    asksHeaders: headers !== undefined,
    ownCookies,
    salesforce: source?.salesforce ?? false,
    auth,
    replay: replay !== undefined,
    allowedHosts: [...(source?.allowedHosts ?? [])],
    decides: Boolean(shouldRetrySubscribe),
    inspect: inspection(extensions),
    seed: Math.floor(Math.random() * 2 ** 32),
    unixMsAtZero: Date.now() - now(),
    ...checkNumbers(options),
  };
  if (ack !== undefined) {
    want("ack", typeof ack === "boolean", "a boolean");
    engine.ack = ack;
  }
  if (appendMessageTypeToURL !== undefined) {
    want("appendMessageTypeToURL", typeof appendMessageTypeToURL === "boolean", "a boolean");
    engine.appendMessageType = appendMessageTypeToURL;
  }
  if (options.cookies !== undefined) engine.cookies = checkCookies(options.cookies, ownCookies);
  if (resume) engine.resume = JSON.stringify(resume.session);
  checkSignal("signal", signal);
  const fetch = checkFetch(options.fetch);
  return { engine, extensions, fetch, headers, signal, log, onStatus, replay, resume, shouldRetrySubscribe };
}

export function checkSignal(name: string, signal: AbortSignal | undefined): void {
  want(name, signal === undefined || isFunction(signal?.addEventListener), "an AbortSignal");
}

/** JSON for the wire. */
export function toJson(name: string, value: unknown): string {
  let cause: unknown;
  try {
    const text = JSON.stringify(value);
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  throw invalid(`${name}: cannot be written as JSON: ${describe(cause ?? "give null for nothing")}`, cause);
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

export function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

/** Is the host, as `URL` writes it, on this machine, where nobody listens in? */
export function isLoopback(host: string): boolean {
  return /^((.+\.)?localhost|127(\.\d+){3}|\[::1\])$/.test(host);
}

/** `secret`: a token will be sent there (X1). */
function checkUrl(given: string | URL, secret: boolean): string {
  const url = quietly(() => new URL(given));
  want("url", url, "an absolute URL, in a page new URL(path, location.href)");
  const { protocol, hostname, username, password } = url;
  want("url", /^https?:$/.test(protocol), "https:// or http://");
  want("url", !username && !password, "no user or password; send them in `headers`");
  want(
    "url",
    !secret || protocol === "https:" || isLoopback(hostname),
    "https:// where an access token is sent, unless it is on this machine",
  );
  url.hash = "";
  return url.href;
}

/** As fetch has it: bytes, without the controls that would end the line. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Names and values in turn. `ownCookies`: the client may send cookies, as it may not in a browser.
 *
 * @throws CometdError `"invalid-argument"` that names the header, and not its value
 */
export function checkHeaders(headers: unknown, ownCookies: boolean): string[] {
  want("headers", isObject(headers), "an object of names and values, or a function of it");
  // A `Headers` has no own properties; taken as a plain object it would be empty without a word.
  const entries = Symbol.iterator in headers ? [...(headers as Iterable<[string, string]>)] : Object.entries(headers);
  for (const [name, value] of entries) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) throw invalid(`headers: ${JSON.stringify(name)} is not a header name`);
    const good = typeof value === "string" && HEADER_VALUE.test(value);
    want("headers", good, `${name} as a string that a header can hold`);
    want(
      "headers",
      ownCookies || name.toLowerCase() !== "cookie",
      `no ${name} in a browser, which sends its own cookies`,
    );
  }
  return entries.flat();
}

/** What is between the semicolons, the engine checks. */
function checkCookies(cookies: string, ownCookies: boolean): string {
  want("cookies", ownCookies, "none in a browser, which sends its own");
  want("cookies", typeof cookies === "string" && HEADER_VALUE.test(cookies), 'a string such as "a=b; c=d"');
  return cookies;
}

type NumericOption = {
  [K in keyof EngineOptions]-?: EngineOptions[K] extends number | undefined ? K : never;
}[keyof EngineOptions];

/** The least value of each, by group; where it is 1, 0 would bring everything to a halt. */
const NUMBERS: Record<string, Partial<Record<NumericOption, number>>> = {
  "": { networkDelayMs: 1, connectTimeoutMs: 1 },
  retry: { initialDelayMs: 0, factor: 1, maxDelayMs: 0, maxRetries: 0, handshakesPerMinute: 1, sessionWindowMs: 0 },
  limits: {
    queuedEvents: 1,
    queuedBytes: 1,
    uncommittedEvents: 1,
    messageBytes: 1,
    trackedChannels: 1,
    requestBytes: 1,
  },
};

function checkNumbers(options: ConnectOptions): Partial<Record<NumericOption, number>> {
  const checked: Partial<Record<NumericOption, number>> = {};
  for (const [group, numbers] of Object.entries(NUMBERS)) {
    const values = group ? options[group as keyof ConnectOptions] : options;
    want(group, values === undefined || isObject(values), "an object");
    for (const [key, least] of Object.entries(numbers)) {
      const value: unknown = values?.[key as keyof typeof values];
      if (value === undefined) continue;
      const good = typeof value === "number" && value >= least;
      want(group ? `${group}.${key}` : key, good, `a number, at least ${least}`);
      // Infinity is a fair way to say "no limit".
      checked[key as NumericOption] = Math.min(value as number, 2 ** 32 - 1);
    }
  }
  return checked;
}

function checkExtensions(extensions: readonly Extension[] = []): readonly Extension[] {
  want("extensions", Array.isArray(extensions), "an array");
  extensions.forEach((extension: unknown, i) => {
    const name = `extensions[${i}]`;
    want(name, isObject(extension), "an object with `incoming` or `outgoing`");
    for (const hook of ["incoming", "outgoing"] as const)
      wantFunction(`${name}.${hook}`, (extension as Extension)[hook]);
  });
  return [...extensions];
}

function checkFetch(given: ConnectOptions["fetch"]): FetchLike | undefined {
  if (given === undefined) return undefined;
  // Not as a method of `options`: some runtimes refuse their `fetch` with another `this`.
  if (typeof given === "function") return (url, init) => given(url, init);
  want("fetch", isFunction(given?.fetch), "a function, or an object with a method `fetch`");
  return (url, init) => given.fetch(url, init);
}

function wantFunction(name: string, value: unknown): void {
  want(name, !value || isFunction(value), "a function");
}
