import { Callbacks } from "./callbacks.js";
import {
  CALL,
  CANCEL,
  CLOSE,
  COMMIT,
  DECIDED,
  DRAIN,
  PUBLISH,
  REST,
  RESTORE,
  SEND,
  START,
  SUBSCRIBE,
  SUSPEND,
  UNSUBSCRIBE,
  type Engine,
  type ErrorRecord,
  type More,
  type Told,
} from "./engine.js";
import { CometdError, describe, toCometdError } from "./errors.js";
import { Batch } from "./event.js";
import { Feed, SHARED_READER } from "./feed.js";
import { AskedHeaders } from "./headers.js";
import type { Host } from "./host.js";
import { invalid, type CheckedOptions } from "./options.js";
import { Positions } from "./positions.js";
import { LEFT, type Ending } from "./reader.js";
import { notFollowed, startsOf, type CheckedReplay, type Following } from "./replay.js";
import { requestWith } from "./rest.js";
import { deferred, noop, quietly, type Deferred } from "./runtime.js";
import { Taps, type Ring } from "./taps.js";
import type { Tokens } from "./tokens.js";
import type { Suspended } from "./suspended.js";
import type { ClientState, Message, Snapshot, Status } from "./types.js";

/**
 * What a client consists of on this side: promises that wait for the engine, readers, taps.
 *
 * Whatever the user holds of a client (itself, a subscription, an iterator, with replay an event) holds this; the
 * engine's side does not.
 */
export class Core {
  state: ClientState = "handshaking";
  /** Of `client.events()`. */
  readonly shared: Feed;
  readonly closed: Promise<Error | undefined>;

  /** With replay: how subscriptions are followed that do not say it themselves. */
  readonly replay: CheckedReplay | undefined;
  readonly positions: Positions | undefined;
  readonly callbacks: Callbacks;
  /** Where a function gives them. */
  readonly headers: AskedHeaders | undefined;
  /** With `auth`; set once, before the engine runs. */
  tokens: Tokens | undefined;

  readonly #host: Host;
  readonly #feeds = new Map<number, Feed>();
  /** What the user waits for, by the number that the engine knows it by. */
  readonly #commands = new Map<number, Command>();
  /** Of the client before, and not taken over yet, in their order. */
  readonly #resumed: Resumed[] = [];
  readonly #taps: Taps;
  readonly #over = new AbortController();
  /** Aborted when the client ends, with what its promises reject with. */
  readonly over = this.#over.signal;
  /** How the subscriptions commit, those to come included. */
  readonly #modes = new Set<string>();
  #sequence = 0;
  #ending: Ending | undefined;

  constructor(host: Host, options: CheckedOptions) {
    this.#host = host;
    this.replay = options.replay;
    this.positions = options.replay && new Positions(this, options.replay.store);
    this.headers = options.headers && new AskedHeaders(this, options.headers, options.engine.ownCookies);
    this.callbacks = new Callbacks(options, (status) => this.tell(status));
    this.closed = host.closing.promise;
    this.#taps = new Taps(this);
    if (options.replay) this.#modes.add(options.replay.commit);
    this.shared = new Feed(this, SHARED_READER, [], (mode) => this.#modes.has(mode));
  }

  get clientId(): string | undefined {
    return quietly(() => this.call((engine) => engine.clientId())) || undefined;
  }

  // What the user asks for.

  /** Resolves after the first handshake. */
  async start(): Promise<void> {
    try {
      await this.#command(noop, 0, START);
    } catch (error) {
      this.attempt(CLOSE);
      throw error;
    }
  }

  /** `read` makes of the accepted subscription what the promise resolves with. */
  subscribe<R>(
    channels: readonly string[],
    following: Following,
    signal: AbortSignal | undefined,
    read: (feed: Feed) => R,
  ): Promise<R> {
    const resumed = this.#takeOver(keyOf(channels, following));
    if (!resumed) return this.#subscribe(channels, following, signal, read).accepted;
    const { feed, accepted } = resumed;
    feed.unlink = this.#host.link(signal, feed.id);
    return accepted.then(() => read(feed));
  }

  #subscribe<R>(
    channels: readonly string[],
    following: Following,
    signal: AbortSignal | undefined,
    read: (feed: Feed) => R,
  ): { feed: Feed; accepted: Promise<R> } {
    const id = this.#next();
    const { start, commit, onInvalidPosition } = following;
    const feed = new Feed(this, id, channels, (mode) => this.replay !== undefined && mode === commit);
    this.#feeds.set(id, feed);
    if (this.replay) this.#modes.add(commit);
    feed.unlink = this.#host.link(signal, id);
    // Where each channel starts, behind the two that hold for all.
    const follow = this.replay ? [commit, onInvalidPosition, ...startsOf(start, channels)] : [];
    const open = () => {
      feed.following = following;
      return read(feed);
    };
    return { feed, accepted: this.#command(open, id, SUBSCRIBE, JSON.stringify(channels), JSON.stringify(follow)) };
  }

  /** Subscribes what the client before had, and gives out what it had not (S17). */
  resume({ subscriptions, events }: Suspended): void {
    this.#taps.listen();
    const ids = subscriptions.map(({ channels, ...following }) => {
      const { feed, accepted } = this.#subscribe(channels, following, undefined, noop);
      this.#resumed.push({ key: keyOf(channels, following), feed, accepted });
      // Nobody else hears of it; with several channels, the engine names each.
      accepted.catch((error: CometdError) => this.tell({ type: "subscribe-failed", channel: channels[0]!, error }));
      return feed.id;
    });
    for (const { of, message } of events) {
      this.attempt(RESTORE, 0, JSON.stringify(of.map((index) => ids[index])), message);
    }
  }

  /** One of the client before goes on under its new owner; of equal ones the first. */
  #takeOver(key: string): Resumed | undefined {
    const index = this.#resumed.findIndex((resumed) => resumed.key === key && !resumed.feed.ending);
    return index < 0 ? undefined : this.#resumed.splice(index, 1)[0];
  }

  /** Resolves when the engine comes to rest by itself. */
  drain(idleMs: number, deadlineMs: number): Promise<void> {
    return this.#command(noop, this.#next(), DRAIN, "", "", idleMs, deadlineMs);
  }

  /** Resolves when the engine rests and what is committed is saved. */
  rest(): Promise<void> {
    return this.#command(noop, this.#next(), REST);
  }

  suspend(): Promise<Snapshot> {
    const feeds = [...this.#feeds.values()].filter((feed) => feed.following && !feed.ending);
    const unclaimed = feeds.flatMap((feed, index) => (feed.claimed ? [] : [index]));
    const events: { of: number[]; message: string }[] = [];
    const queued = (feed: Feed, messages: string[]) => {
      const of = feed === this.shared ? unclaimed : [feeds.indexOf(feed)];
      // With replay they come again.
      if (!this.replay) for (const message of messages) events.push({ of, message });
    };
    const readers = [this.shared, ...feeds.filter((feed) => feed.claimed)];
    const read = (replies: string): Snapshot => {
      for (const feed of readers) {
        for (let batch = this.take(feed.id); batch; batch = this.take(feed.id)) {
          for (let event = batch.next(); event; event = batch.next()) queued(feed, [event.raw]);
        }
      }
      const subscriptions = feeds.map(({ channels, following }) => ({ channels, ...following! }));
      const [session] = parseReplies(replies);
      const apiVersion = this.tokens?.current?.apiVersion;
      return { version: 1, session, ...(apiVersion && { apiVersion }), subscriptions, events };
    };
    const snapshot = this.#command(read, this.#next(), SUSPEND);
    for (const feed of readers) queued(feed, feed.leftover());
    this.#end(LEFT);
    return snapshot;
  }

  /**
   * Resolves when the server has answered; a client that ends meanwhile is as good an answer. `handed`: the sequence
   * number of the last event that was given out. `linger`: tracked channels stay subscribed for 3 s, and nobody waits.
   */
  unsubscribe(id: number, handed: number, linger: boolean): Promise<void> {
    const done = this.#command(noop, this.#next(), UNSUBSCRIBE, linger ? "linger" : "", "", id, handed).catch(
      (error) => {
        if (!this.#ending) throw error;
      },
    );
    done.catch(noop); // who leaves a loop does not wait for it
    return done;
  }

  /** `data` is JSON. */
  publish(channel: string, data: string): Promise<Message> {
    return this.#command((replies) => parseReplies(replies)[0] ?? { channel }, this.#next(), PUBLISH, channel, data);
  }

  /** `messages` is a JSON array of objects. */
  send(messages: string): Promise<Message[]> {
    return this.#command(parseReplies, this.#next(), SEND, messages);
  }

  /** `data` is JSON. Resolves with the data of the answer. */
  callService(
    channel: string,
    data: string,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const id = this.#next();
    const unlink = this.#host.link(signal, id);
    const ms = Math.min(timeoutMs ?? 0, LONGEST_CALL_MS);
    const answer = this.#command((replies) => parseReplies(replies)[0]?.data, id, CALL, channel, data, ms);
    answer.then(unlink, unlink);
    return answer;
  }

  /** A REST call. Somebody waits for it, and maybe for a token that only this client can get. */
  async request(path: string, init: RequestInit): Promise<Response> {
    const { tokens } = this;
    if (!tokens) throw invalid("request: no access token; give `auth` to connect()");
    if (this.#ending) throw this.#closedError();
    this.hold(true);
    try {
      return await requestWith(this, tokens, path, init);
    } finally {
      this.hold(false);
    }
  }

  messages(): Ring<Message> {
    return this.#taps.messages(this.#tappable());
  }

  status(): Ring<Status> {
    return this.#taps.status(this.#tappable());
  }

  close(): Promise<void> {
    this.#shutDown(LEFT);
    return this.closed.then(noop);
  }

  /** A signal ends the client, or one subscription or call of it. */
  abort(reason: unknown, command?: number): void {
    const ending: Ending = { failed: true, error: reason, drop: true };
    if (command !== undefined) {
      const feed = this.#feeds.get(command);
      if (feed) void feed.release(ending);
      else this.attempt(CANCEL, command);
      this.#reject(command, reason);
    } else if (!this.#ending) {
      this.#shutDown(ending, reason);
      this.#taps.end(ending);
      this.#rejectAll(reason);
    }
  }

  // What readers need, and others.

  /** @throws CometdError as {@link Host.call} does */
  call<R>(use: (engine: Engine) => R): R {
    return this.#host.call(use);
  }

  /** Tells the engine. @throws CometdError as {@link Host.call} does */
  input(...[what, first = 0, one = "", two = "", second = 0, third = 0]: Told): void {
    this.call((engine) => engine.input(what, first, one, two, second, third));
  }

  /** Tells the engine where it does not matter whether that succeeds: if the engine is gone, all has ended anyway. */
  attempt(...told: Told): void {
    quietly(() => this.input(...told));
  }

  take(reader: number): Batch | undefined {
    const take = (engine: Engine) => {
      const count = engine.take(reader);
      if (count === 0) return undefined;
      const commit = this.replay ? (sequence: number) => this.#commit(reader, sequence) : withoutReplay;
      return new Batch(engine.text(), engine.offsets(), count, commit);
    };
    return quietly(() => this.call(take));
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
    if (error) return this.#reject(command, error);
    const waiter = this.#take(command);
    try {
      waiter?.resolve(waiter.read(replies));
    } catch (thrown) {
      waiter?.reject(thrown);
    }
  }

  ended(subscription: number, error: CometdError | undefined): void {
    this.#feeds.get(subscription)?.end({ failed: error !== undefined, error, drop: false });
  }

  changed(state: string): void {
    if (state === this.state) return;
    this.state = state as ClientState;
    this.tell({ type: "state", state: this.state });
  }

  /** The public form of a failure, with what is behind it: an earlier one, or what the host or a function of the user threw. */
  error(record: ErrorRecord, channel = record.channel, operation = "load"): CometdError {
    return this.tokens?.explain(record) ?? toCometdError(record, this.#cause(record, channel, operation));
  }

  #cause({ code, last, request }: ErrorRecord, channel: string | undefined, operation: string): unknown {
    if (last) return this.error(last);
    if (request !== undefined) return this.#host.failure(request);
    if (code === "headers-failed") return this.headers?.failure;
    return code.startsWith("store-") ? this.positions?.thrown(operation, channel) : undefined;
  }

  /** A status of the engine: the public one, but for its error. */
  news(status: object): void {
    const { error, channel, operation } = status as { error?: ErrorRecord; channel?: string; operation?: string };
    const told = (error ? { ...status, error: this.error(error, channel, operation) } : status) as Status;
    if (told.type === "subscribe-failed") {
      for (const feed of this.#feeds.values()) {
        feed.channels = feed.channels.filter((one) => one !== channel);
      }
    }
    const { callbacks } = this;
    if (told.type === "retry") callbacks.log("warn", `attempt ${told.attempt} failed: ${told.error.message}`);
    if (told.type === "gap") callbacks.log("warn", `events of ${told.channel} may be missing: ${told.cause}`);
    this.tell(told);
  }

  tell(status: Status): void {
    this.#taps.tell(status);
    this.callbacks.status(status);
  }

  message(text: string): void {
    this.#taps.message(text);
  }

  /** Asks `shouldRetrySubscribe`. */
  async decide(request: number, channel: string, record: ErrorRecord): Promise<void> {
    const verdict = await this.callbacks.shouldRetrySubscribe(channel, this.error(record), this.over);
    this.attempt(DECIDED, request, "", "", verdict);
  }

  /**
   * The engine is over, or about to go; settles whatever is left, with `rejection` if given. Returns what
   * `client.closed` resolves with.
   */
  finish(error: CometdError | undefined, rejection?: CometdError): unknown {
    this.#gather();
    const ending = error ? { failed: true, error, drop: false } : LEFT;
    this.#end(ending, rejection);
    this.#rejectAll(rejection ?? this.#closedError());
    this.changed("closed");
    this.#taps.end({ failed: false, drop: false });
    return this.#ending?.error;
  }

  #commit(reader: number, sequence: number): Promise<void> {
    return this.#command(noop, this.#next(), COMMIT, "", "", reader, sequence);
  }

  #shutDown(ending: Ending, rejection?: unknown): void {
    if (this.#ending) return;
    this.#end(ending, rejection);
    this.attempt(CLOSE);
  }

  /** Ends all readers, and what waits with `over`. The first ending stays. */
  #end(ending: Ending, rejection?: unknown): void {
    if (this.#ending) return;
    this.#ending = ending;
    for (const feed of [this.shared, ...this.#feeds.values()]) feed.end(ending);
    this.#over.abort(rejection ?? this.#closedError());
  }

  /** May something still happen that is worth a tap? */
  #tappable(): boolean {
    return this.state !== "closed" && !this.#ending?.failed;
  }

  /** What was received before an error is still given out after it, when the engine is no more. */
  #gather(): void {
    const feeds = [...this.#feeds.values()];
    // Nobody has asked for `events()`: then each subscription may still be read by itself.
    if (!this.shared.used) for (const feed of feeds) feed.claim();
    for (const feed of [this.shared, ...feeds]) feed.gather();
  }

  #next(): number {
    return ++this.#sequence;
  }

  #command<R>(read: (replies: string) => R, command: number, what: number, ...more: More): Promise<R> {
    const waiter = deferred<R>();
    this.#commands.set(command, { ...waiter, read } as Command);
    this.hold(true);
    try {
      if (this.#ending) throw this.#closedError();
      this.input(what, command, ...more);
    } catch (error) {
      this.#reject(command, error);
    }
    return waiter.promise;
  }

  #take(command: number): Command | undefined {
    const waiter = this.#commands.get(command);
    if (this.#commands.delete(command)) this.hold(false);
    return waiter;
  }

  #reject(command: number, error: unknown): void {
    const waiter = this.#take(command);
    if (!waiter) return;
    // Who does not wait for it need not hear that the client has ended, which is known by other ways.
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
}

/** As for other numbers: Infinity is a fair way to say "no limit". */
const LONGEST_CALL_MS = 2 ** 32 - 1;

/** A promise of the user that waits for the engine; `read` makes of the replies what it resolves with. */
interface Command extends Deferred<unknown> {
  read(replies: string): unknown;
}

/** A subscription of the client before, which whoever subscribes to the same takes over. */
interface Resumed {
  readonly key: string;
  readonly feed: Feed;
  readonly accepted: Promise<void>;
}

/** What makes two subscriptions the same, however it was written. */
function keyOf(channels: readonly string[], { start, commit, onInvalidPosition }: Following): string {
  const sorted = [...new Set(channels)].sort();
  return JSON.stringify([sorted, startsOf(start, sorted), commit, onInvalidPosition]);
}

/** The replies of the engine, as the server sent them. */
function parseReplies(replies: string): Message[] {
  try {
    return JSON.parse(replies) as Message[];
  } catch (cause) {
    throw new CometdError("protocol", `the reply is not JSON: ${describe(cause)}`, { cause });
  }
}

function withoutReplay(): Promise<never> {
  return Promise.reject(notFollowed("commit"));
}
