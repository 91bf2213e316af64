import type { Engine, ErrorRecord } from "./engine.js";
import { CometdError, describe, toCometdError } from "./errors.js";
import { Batch } from "./event.js";
import { inspect } from "./extensions.js";
import { Feed, SHARED_READER } from "./feed.js";
import type { Host } from "./host.js";
import type { CheckedOptions } from "./options.js";
import { LEFT, type Ending } from "./reader.js";
import { deferred, noop, quietly } from "./runtime.js";
import { Ring } from "./taps.js";
import type { ClientState, LogEntry, Message, Status } from "./types.js";

/** A promise of the user that waits for the engine. */
interface Command {
  readonly promise: Promise<unknown>;
  /** Takes the server's replies. */
  resolve(replies: string): void;
  reject(error: unknown): void;
}

/**
 * What a client consists of on this side: promises that wait for the engine, readers, taps.
 *
 * Whatever the user holds of a client (itself, a subscription, an iterator) holds this; the engine's side does not.
 */
export class Core {
  state: ClientState = "handshaking";
  /** Of `client.events()`. */
  readonly shared: Feed;
  readonly closed: Promise<Error | undefined>;

  readonly #host: Host;
  readonly #options: CheckedOptions;
  readonly #feeds = new Map<number, Feed>();
  readonly #commands = new Map<number, Command>();
  readonly #statusTaps = new Set<Ring<Status>>();
  readonly #messageTaps = new Set<Ring<Message>>();
  #sequence = 0;
  #ending: Ending | undefined;

  constructor(host: Host, options: CheckedOptions) {
    this.#host = host;
    this.#options = options;
    this.closed = host.closing.promise;
    this.shared = new Feed(this, SHARED_READER, []);
  }

  // What the user asks for.

  /** Resolves after the first handshake. */
  async start(): Promise<void> {
    try {
      await this.#command((engine) => engine.start(), noop, 0);
    } catch (error) {
      this.attempt((engine) => engine.close());
      throw error;
    }
  }

  /** `read` makes of the accepted subscription what the promise resolves with. */
  subscribe<R>(channels: readonly string[], signal: AbortSignal | undefined, read: (feed: Feed) => R): Promise<R> {
    const id = ++this.#sequence;
    const feed = new Feed(this, id, channels);
    this.#feeds.set(id, feed);
    feed.unlink = this.#host.link(signal, id);
    const issue = (engine: Engine) => engine.subscribe(id, JSON.stringify(channels));
    return this.#command(issue, () => read(feed), id);
  }

  /** Resolves when the server has answered; a client that ends meanwhile is as good an answer. */
  unsubscribe(id: number): Promise<void> {
    const issue = (engine: Engine, command: number) => engine.unsubscribe(command, id);
    const done = this.#command(issue, noop).catch((error) => {
      if (!this.#ending) throw error;
    });
    done.catch(noop); // who leaves a loop does not wait for it
    return done;
  }

  /** `data` is JSON. */
  publish(channel: string, data: string): Promise<Message> {
    const issue = (engine: Engine, command: number) => engine.publish(command, channel, data);
    return this.#command(issue, (replies) => parse(replies)[0] ?? { channel });
  }

  /** `messages` is a JSON array of objects. */
  send(messages: string): Promise<Message[]> {
    return this.#command((engine, command) => engine.send(command, messages), parse);
  }

  messages(): Ring<Message> {
    const tap = this.#tap(this.#messageTaps, () => {
      if (this.#messageTaps.size === 0) this.attempt((engine) => engine.tap(false));
    });
    if (this.#messageTaps.size === 1) this.attempt((engine) => engine.tap(true));
    return tap;
  }

  status(): Ring<Status> {
    return this.#tap(this.#statusTaps, noop);
  }

  close(): Promise<void> {
    this.#shutDown(LEFT);
    return this.closed.then(noop);
  }

  /** A signal ends the client, or one subscription of it. */
  abort(reason: unknown, subscription?: number): void {
    const ending: Ending = { failed: true, error: reason, drop: true };
    if (subscription !== undefined) {
      void this.#feeds.get(subscription)?.release(ending);
      this.#reject(subscription, reason);
    } else if (!this.#ending) {
      this.#shutDown(ending);
      this.#endTaps(ending);
      this.#rejectAll(reason);
    }
  }

  // What readers need.

  /** Calls the engine where it does not matter whether that succeeds: if the engine is gone, all has ended anyway. */
  attempt<R>(use: (engine: Engine) => R): R | undefined {
    return quietly(() => this.#host.call(use));
  }

  take(reader: number): Batch | undefined {
    return this.attempt((engine) => {
      const count = engine.take(reader);
      return count > 0 ? new Batch(engine.text(), engine.offsets(), count) : undefined;
    });
  }

  forget(feed: Feed): void {
    this.#feeds.delete(feed.id);
  }

  hold(on: boolean): void {
    this.#host.hold(this, on);
  }

  // What the engine reports.

  ready(reader: number): void {
    (reader === SHARED_READER ? this.shared : this.#feeds.get(reader))?.wake();
  }

  settled(command: number, replies: string, error: CometdError | undefined): void {
    if (error) this.#reject(command, error);
    else this.#take(command)?.resolve(replies);
  }

  ended(subscription: number, error: CometdError | undefined): void {
    this.#feeds.get(subscription)?.end({ failed: error !== undefined, error, drop: false });
  }

  changed(state: string): void {
    if (state === this.state) return;
    this.state = state as ClientState;
    this.#tell({ type: "state", state: this.state });
  }

  /** A status of the engine: the public one, but for its error. */
  news(status: object): void {
    const { error } = status as { error?: ErrorRecord };
    const told = (error ? { ...status, error: toCometdError(error) } : status) as Status;
    if (told.type === "subscribe-failed") {
      for (const feed of this.#feeds.values()) {
        feed.channels = feed.channels.filter((channel) => channel !== told.channel);
      }
    }
    if (told.type === "retry") this.log("warn", `attempt ${told.attempt} failed: ${told.error.message}`);
    if (told.type === "gap") this.log("warn", `events of ${told.channel} may be missing: ${told.cause}`);
    this.#tell(told);
  }

  message(text: string): void {
    // Parsed for each tap, so that what one does to a message is not seen by the others.
    for (const tap of this.#messageTaps) {
      const message = quietly(() => JSON.parse(text) as Message);
      if (message) tap.push(message);
      else this.#tell({ type: "message-skipped", reason: "not JSON" });
    }
  }

  inspect(incoming: boolean, text: string): string {
    return inspect(this.#options.extensions, incoming, text, (where, error) => this.#failed(where, error));
  }

  log(level: string, message: string): void {
    const { log } = this.#options;
    if (!log) return;
    const failed = (error: unknown) => this.#failed("log", error);
    try {
      const result: unknown = log({ level: level as LogEntry["level"], message });
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /**
   * The engine is over, or about to go; settles whatever is left, with `rejection` if given. Returns what
   * `client.closed` resolves with.
   */
  finish(error: CometdError | undefined, rejection?: CometdError): unknown {
    this.#gather();
    this.#end(error ? { failed: true, error, drop: false } : LEFT);
    this.#rejectAll(rejection ?? this.#closedError());
    this.changed("closed");
    this.#endTaps({ failed: false, drop: false });
    return this.#ending?.error;
  }

  #shutDown(ending: Ending): void {
    if (this.#ending) return;
    this.#end(ending);
    this.attempt((engine) => engine.close());
  }

  /** Ends all readers. The first ending stays. */
  #end(ending: Ending): void {
    if (this.#ending) return;
    this.#ending = ending;
    for (const feed of [this.shared, ...this.#feeds.values()]) feed.end(ending);
  }

  /** What was received before an error is still given out after it, when the engine is no more. */
  #gather(): void {
    const feeds = [...this.#feeds.values()];
    // Nobody has asked for `events()`: then each subscription may still be read by itself.
    if (!this.shared.used) for (const feed of feeds) feed.claim();
    for (const feed of [this.shared, ...feeds]) feed.gather();
  }

  #command<R>(
    issue: (engine: Engine, command: number) => void,
    read: (replies: string) => R,
    command = ++this.#sequence,
  ): Promise<R> {
    const { promise, resolve, reject } = deferred<R>();
    const settle = (replies: string) => {
      try {
        resolve(read(replies));
      } catch (error) {
        reject(error);
      }
    };
    this.#commands.set(command, { promise, resolve: settle, reject });
    this.hold(true);
    try {
      if (this.#ending) throw this.#closedError();
      this.#host.call((engine) => issue(engine, command));
    } catch (error) {
      this.#reject(command, error);
    }
    return promise;
  }

  /** A command that waits, and waits no longer. */
  #take(command: number): Command | undefined {
    const waiter = this.#commands.get(command);
    if (this.#commands.delete(command)) this.hold(false);
    return waiter;
  }

  #reject(command: number, error: unknown): void {
    const waiter = this.#take(command);
    if (!waiter) return;
    // That the client has ended is known by other ways: who did not wait for this need not hear of it.
    if (this.#ending) waiter.promise.catch(noop);
    waiter.reject(error);
    // Where the command was a subscribe.
    this.#feeds.get(command)?.end({ failed: true, error, drop: true });
  }

  #rejectAll(error: unknown): void {
    for (const command of [...this.#commands.keys()]) this.#reject(command, error);
  }

  #closedError(): CometdError {
    return new CometdError("closed", "the client is closed", { cause: this.#ending?.error });
  }

  #tap<V>(taps: Set<Ring<V>>, left: () => void): Ring<V> {
    const tap: Ring<V> = new Ring<V>(
      (on) => this.hold(on),
      () => {
        taps.delete(tap);
        left();
      },
    );
    if (this.state === "closed" || this.#ending?.failed) tap.end(LEFT);
    else taps.add(tap);
    return tap;
  }

  #endTaps(ending: Ending): void {
    for (const taps of [this.#statusTaps, this.#messageTaps]) {
      for (const tap of taps as Set<Ring<unknown>>) tap.end(ending);
      taps.clear();
    }
  }

  #tell(status: Status): void {
    for (const tap of this.#statusTaps) tap.push(status);
  }

  #failed(where: string, error: unknown): void {
    this.#tell({ type: "callback-failed", where, error });
    if (where !== "log") this.log("error", `${where}: ${describe(error)}`);
  }
}

function parse(replies: string): Message[] {
  try {
    return JSON.parse(replies) as Message[];
  } catch (cause) {
    throw new CometdError("protocol", `the reply is not JSON: ${describe(cause)}`, { cause });
  }
}
