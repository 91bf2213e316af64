/**
 * What the host offers, looked up when it is needed: nothing here runs on import, and globals may be replaced later.
 */
import type { FetchLike } from "./types.js";

/** Globals that not every runtime has, or that their types disagree about. */
interface Scope {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
  setImmediate?(callback: () => void): unknown;
  MessageChannel?: new () => { port1: Port; port2: Port };
  WeakRef?: new <T extends object>(target: T) => Weak<T>;
  performance?: { now(): number };
  fetch: FetchLike;
  location?: { origin?: string };
  Deno?: unknown;
}

interface Port {
  onmessage: (() => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** A reference that may lose its target. */
export interface Weak<T> {
  deref(): T | undefined;
}

const scope = globalThis as unknown as Scope;

/** The longest wait that `setTimeout` takes; a longer one would end at once. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

export const asyncDispose: typeof Symbol.asyncDispose =
  // Without it the method's name would be "undefined". The name is that of the polyfills.
  Symbol.asyncDispose ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);

/** Milliseconds on a clock that does not jump. */
export function now(): number {
  return scope.performance ? scope.performance.now() : Date.now();
}

/** The global `fetch`, called as a method: workerd refuses it unbound. */
export const globalFetch: FetchLike = (url, init) => scope.fetch(url, sentOnce(init));

/**
 * A request whose answer never began is sent again by Deno itself, whatever the method, if its body is text. What the
 * server did with the first one would be lost without a word, such as the events on a poll. A Blob it sends only once.
 */
function sentOnce(init: RequestInit): RequestInit {
  if (!scope.Deno || typeof init.body !== "string") return init;
  return { ...init, body: new Blob([init.body], { type: "text/plain;charset=UTF-8" }) };
}

/** May requests carry a `Cookie` header? Browsers forbid it, and keep cookies themselves. */
export function cookieHeaderAllowed(): boolean {
  try {
    return new Request("http://localhost/", { headers: { cookie: "a=b" } }).headers.has("cookie");
  } catch {
    return true;
  }
}

/** The origin of the page, where there is one. */
export function pageOrigin(): string | undefined {
  return scope.location?.origin;
}

/** Calls back after `ms`, however long that is. Returns what stops it. */
export function after(ms: number, callback: () => void): () => void {
  const wait = Math.min(ms, LONGEST_WAIT_MS);
  const handle = scope.setTimeout(() => {
    if (ms <= wait) return callback();
    stop = after(ms - wait, callback);
  }, wait);
  let stop = () => scope.clearTimeout(handle);
  return () => stop();
}

/** A weak reference where the runtime has them, else a strong one. */
export function weak<T extends object>(target: T): Weak<T> {
  return scope.WeakRef ? new scope.WeakRef(target) : { deref: () => target };
}

/** Runs callbacks once the microtasks are done, sooner than a timer where there is a way. */
export class Deferrer {
  #channel: { port1: Port; port2: Port } | undefined;
  readonly #queue: (() => void)[] = [];
  /**
   * The quickest first. That a function is there says nothing: Vercel's edge runtime has some that throw when they are
   * called. What throws is absent here, and not tried again.
   */
  readonly #ways = [
    (callback: () => void) => void scope.setImmediate!(callback),
    (callback: () => void) => this.#post(callback),
  ];

  /** @throws whatever `setTimeout` throws, where nothing else works either */
  defer(callback: () => void): void {
    for (let way = this.#ways[0]; way; way = this.#ways[0]) {
      try {
        return way(callback);
      } catch {
        this.#ways.shift();
      }
    }
    scope.setTimeout(callback, 0);
  }

  /** Lets go of the channel, which would keep some processes alive. Callbacks that wait are dropped. */
  close(): void {
    this.#queue.length = 0;
    this.#channel?.port1.close();
    this.#channel = undefined;
  }

  #post(callback: () => void): void {
    if (!this.#channel) {
      this.#channel = new scope.MessageChannel!();
      this.#channel.port1.onmessage = () => this.#queue.shift()?.();
    }
    this.#channel.port2.postMessage(undefined);
    this.#queue.push(callback);
  }
}

/** A promise and its ends; Node 20 has no `Promise.withResolvers`. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let ends: Omit<Deferred<T>, "promise">;
  const promise = new Promise<T>((resolve, reject) => (ends = { resolve, reject }));
  return { promise, ...ends! };
}

export function noop(): void {}

/** For what must not fail any further. */
export function quietly<R>(call: () => R): R | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
