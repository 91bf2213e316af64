import type { Core } from "./core.js";
import {
  TIMER,
  TURN,
  TURN_OVER,
  type Engine,
  type EngineCallback,
  type EngineHost,
  type EngineOptions,
  type ErrorRecord,
  type Glue,
} from "./engine.js";
import { CometdError, describe, toCometdError } from "./errors.js";
import { failureOf, type Sent } from "./failure.js";
import type { Instance } from "./instance.js";
import { followPage } from "./page.js";
import { after, deferred, Deferrer, noop, now, quietly, weak, type Weak } from "./runtime.js";
import type { FetchLike } from "./types.js";

/** A client that should have acted this long ago lives in a context that is gone: no timer is ever so late. */
const CONTEXT_LOST_MS = 60_000;

/** The core has no more requests open at once (S2). */
const MOST_REQUESTS = 2;

/** An error that the engine tells of is seldom older than a few requests. */
const MOST_FAILURES = 8;

/**
 * What the engine sees of JavaScript. It lives as long as the engine does and owns what has to be given back at the
 * end: timers, requests, listeners.
 *
 * The engine holds it and would so hold the client for ever; therefore it holds the client weakly, except while
 * somebody waits for something, for nothing else may be holding the client then.
 */
export class Host implements EngineHost {
  /** As `client.closed`. */
  readonly closing = deferred<Error | undefined>();
  readonly #instance: Instance;
  readonly #fetch: FetchLike;
  readonly #deferrer = new Deferrer();
  /** What lets go of timers and signals. */
  readonly #owned = new Set<() => void>();
  /** Not answered yet. */
  readonly #requests = new Set<AbortController>();
  /** The latest that were answered. */
  #bodies: AbortController[] = [];
  /** What was asked, by the promise of its answer. */
  readonly #sent = new WeakMap<object, Sent>();
  #lastSent: Sent | undefined;
  /** What requests failed with, by their numbers. */
  readonly #failures = new Map<number, unknown>();
  #engine: Engine | undefined;
  /** The engine has one. */
  #stopTimer: () => void = noop;
  #weak: Weak<Core> | undefined;
  #strong: Core | undefined;
  #holds = 0;
  /** The page goes away: its last requests are to outlive it. */
  #leaving = false;
  /** From here on nothing enters the wasm any more. */
  #over = false;

  constructor(instance: Instance, fetch: FetchLike) {
    this.#instance = instance;
    this.#fetch = fetch;
  }

  get core(): Core | undefined {
    return this.#strong ?? this.#weak?.deref();
  }

  /** Makes the engine. */
  open(core: Core, glue: Glue, options: EngineOptions): void {
    this.#weak = weak(core);
    this.#engine = this.#guard(() => new glue.Engine(this, options));
    this.#instance.hosts.add(this);
    const letGo = followPage(
      () => this.core,
      () => (this.#leaving = true),
    );
    if (letGo) this.#own(letGo);
  }

  /** Keeps the client alive until a second call takes it back. */
  hold(core: Core, on: boolean): void {
    this.#holds += on ? 1 : -1;
    this.#strong = this.#holds > 0 && !this.#over ? core : undefined;
  }

  /**
   * Every call into the engine.
   *
   * @throws CometdError the engine's own refusal; `"closed"` when it is over; `"instance-lost"` if it broke just now
   */
  call<R>(use: (engine: Engine) => R): R {
    const engine = this.#engine;
    if (!engine) throw new CometdError("closed", "the client is closed");
    return this.#guard(() => use(engine));
  }

  /**
   * Lets a signal end a subscription or a call, or the client where none is given. Returns what lets go of the signal.
   *
   * The signal may live long, so its listener holds this host and not the client. (A closure made in a method of the
   * client would hold it, used or not.)
   */
  link(signal: AbortSignal | undefined, command?: number): () => void {
    if (!signal) return noop;
    const listener = () => {
      unlink();
      this.core?.abort(signal.reason, command);
    };
    signal.addEventListener("abort", listener);
    const unlink = this.#own(() => signal.removeEventListener("abort", listener));
    return unlink;
  }

  /** Has the engine not acted for so long that its context must be gone? */
  overdue(): boolean {
    const deadline = quietly(() => this.call((engine) => engine.deadline())) ?? -1;
    // One that rests waits for nothing; if nobody holds it either, it is of no use to anybody.
    return deadline < 0 ? !this.core : now() - deadline > CONTEXT_LOST_MS;
  }

  /** What the host said when this request failed. */
  failure(request: number): unknown {
    return this.#failures.get(request);
  }

  /** Ends the client without its engine's help: it is broken, or its context is gone. */
  lose(error: CometdError): void {
    if (this.#over) return;
    // What is in a broken engine cannot be had any more; from one whose context is gone events can still be taken.
    if (error.code === "instance-lost") this.#engine = undefined;
    this.#finish(error, error);
  }

  // What the engine calls.

  transport(url: string, init: RequestInit): Promise<Response> {
    const answer = this.#send(url, init);
    this.#lastSent = { url, init };
    this.#sent.set(answer, this.#lastSent);
    return answer;
  }

  async #send(url: string, init: RequestInit): Promise<Response> {
    if (this.#over) throw new TypeError("the client is gone");
    // A controller of our own, for the day when the engine cannot abort its requests itself.
    const controller = new AbortController();
    init.signal?.addEventListener("abort", () => controller.abort(init.signal!.reason));
    this.#requests.add(controller);
    try {
      const last = this.#leaving && { keepalive: true };
      const response = await this.#fetch(url, { ...init, ...last, signal: controller.signal });
      // Nobody tells when a body has been read to its end. As many answers are remembered as can be open at once (S2);
      // should an older one still be under way when the wasm breaks, it goes on until its server ends it.
      if (!this.#over) this.#bodies = [controller, ...this.#bodies].slice(0, MOST_REQUESTS);
      return response;
    } finally {
      this.#requests.delete(controller);
    }
  }

  wake(callback: EngineCallback): void {
    queueMicrotask(() => this.#tell(callback, TURN));
  }

  wait(value: unknown, request: number, callback: EngineCallback): void {
    const tell = (found: unknown) => this.#tell(callback, request, found);
    const failed = (error: unknown) => this.#tell(callback, request, this.#failed(request, error, value), true);
    void Promise.resolve(value).then(tell, failed);
  }

  now(): number {
    return now();
  }

  defer(callback: EngineCallback): void {
    if (!this.#over) this.#ask(() => this.#deferrer.defer(() => this.#tell(callback, TURN_OVER)));
  }

  delay(callback: EngineCallback, ms: number): void {
    this.#stopTimer();
    if (this.#over) return;
    this.#ask(() => {
      const stop = after(ms, () => {
        this.#stopTimer();
        this.#tell(callback, TIMER);
      });
      this.#stopTimer = this.#own(stop);
    });
  }

  alive(): boolean {
    return this.core !== undefined;
  }

  ready(reader: number): void {
    this.core?.ready(reader);
  }

  settled(command: number, replies: string, error: ErrorRecord | undefined): void {
    this.core?.settled(command, replies, this.#error(error));
  }

  ended(subscription: number, error: ErrorRecord | undefined): void {
    this.core?.ended(subscription, this.#error(error));
  }

  state(state: string): void {
    this.core?.changed(state);
  }

  status(status: object): void {
    this.core?.news(status);
  }

  message(text: string): void {
    this.core?.message(text);
  }

  inspect(incoming: boolean, text: string): string {
    return this.core?.callbacks.inspect(incoming, text) ?? text;
  }

  // Without a client these are not answered: the engine is about to find out, by `alive`.

  headers(request: number): void {
    this.core?.headers?.get(request);
  }

  authenticate(refused: boolean, moved: boolean): void {
    void this.core?.tokens?.authenticate(refused, moved);
  }

  noToken(): void {
    this.core?.tokens?.none();
  }

  load(request: number, channel: string): void {
    void this.core?.positions?.load(request, channel);
  }

  save(request: number, channel: string, replayId: string, createdDate: string): void {
    void this.core?.positions?.save(request, channel, createdDate ? { replayId, createdDate } : { replayId });
  }

  decide(request: number, channel: string, error: ErrorRecord): void {
    void this.core?.decide(request, channel, error);
  }

  log(level: string, message: string): void {
    this.core?.callbacks.log(level, message);
  }

  closed(record: ErrorRecord | undefined): void {
    this.#finish(this.#error(record));
  }

  /** Asks the runtime. Where it refuses, this client ends: the throw would reach the wasm, and count as its panic. */
  #ask(use: () => void): void {
    try {
      use();
    } catch (cause) {
      const message = `the runtime has no timers for a client here: ${describe(cause)}; connect in a request of it`;
      queueMicrotask(() => this.lose(new CometdError("context-lost", message, { retryable: true, cause })));
    }
  }

  #tell(callback: EngineCallback, what: number, value?: unknown, failed = false): void {
    if (!this.#over) callback(what, value, failed);
  }

  /** The words of a failure, whose cause is kept until the engine tells of it. `promise`: what it came from. */
  #failed(request: number, error: unknown, promise: unknown): string {
    // A body that breaks off is not told apart by what was asked for, of which the newest is as good.
    const asked = this.#sent.get(promise as object);
    const { reason, cause } = failureOf(error, asked ?? this.#lastSent, asked !== undefined);
    this.#failures.set(request, cause);
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MOST_FAILURES) break;
      this.#failures.delete(oldest);
    }
    return reason;
  }

  /** `release` is called at the end, unless what is returned is called before, which does so too. */
  #own(release: () => void): () => void {
    const once = () => {
      if (this.#owned.delete(once)) release();
    };
    this.#owned.add(once);
    return once;
  }

  #error(record: ErrorRecord | undefined): CometdError | undefined {
    return record && (this.core?.error(record) ?? toCometdError(record));
  }

  #guard<R>(call: () => R): R {
    try {
      return call();
    } catch (thrown) {
      if (isErrorRecord(thrown)) throw toCometdError(thrown);
      // An export says no by a record; all else means that the wasm is broken, or that its objects are stale.
      throw this.#instance.lose(thrown);
    }
  }

  /** The end of the client. With `rejection` it comes without the engine's help. */
  #finish(error: CometdError | undefined, rejection?: CometdError): void {
    const { core } = this;
    const reason = core ? (core.finish(error, rejection) ?? rejection) : error;
    const engine = this.#engine;
    const requests = [...this.#requests, ...this.#bodies];
    this.#over = true;
    this.#engine = this.#strong = undefined;
    this.#instance.hosts.delete(this);
    this.#requests.clear();
    this.#bodies = [];
    // In a context that is gone even letting go may be refused.
    for (const release of this.#owned) quietly(release);
    quietly(() => this.#deferrer.close());
    this.closing.resolve(reason as Error | undefined);
    // An engine that has closed has ended its requests itself.
    if (rejection) for (const request of requests) quietly(() => request.abort(rejection));
    quietly(() => engine?.free());
  }
}

/** By its shape: an error that was thrown may be one of another realm. */
function isErrorRecord(thrown: unknown): thrown is ErrorRecord {
  return typeof thrown === "object" && thrown !== null && "code" in thrown && !("stack" in thrown);
}
