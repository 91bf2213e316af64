import type { Core } from "./core.js";
import { Drain } from "./drain.js";
import { RETRY_NOW, TRAP } from "./engine.js";
import type { CometdEvent } from "./event.js";
import { checkSignal, isObject, toJson, want } from "./options.js";
import type { Reader } from "./reader.js";
import { followingOf } from "./replay.js";
import { asyncDispose } from "./runtime.js";
import { Subscription } from "./subscription.js";
import type {
  CallOptions,
  ClientState,
  DrainOptions,
  Message,
  Snapshot,
  Status,
  SubscribeOptions,
  Tap,
} from "./types.js";

/**
 * A connection to a Bayeux server. Made by `connect()`.
 *
 * It looks after itself: it polls, retries, and makes a new session with all subscriptions when the server forgets the
 * old one. Close it in the end, by `await using` or {@link close}. A client that nobody holds and nobody waits for
 * closes itself.
 *
 * Every promise of a client settles, also when the client ends before it could: then it rejects with a `CometdError`
 * `"closed"`, or with the reason of the signal that ended it.
 */
export class Client implements AsyncDisposable {
  readonly #core: Core;

  /** @internal */
  constructor(core: Core) {
    this.#core = core;
    // Tests reach for it to see what a panic does; not a part of the API.
    const value = () => core.attempt(TRAP);
    Object.defineProperty(this, Symbol.for("cometd-edge.trap"), { value });
  }

  /** What it is doing; changes are told by {@link status}. */
  get state(): ClientState {
    return this.#core.state;
  }

  /**
   * The client id of the session in progress, by which the server knows this client; `undefined` while there is none. A
   * secret: who knows it can act in the client's place.
   */
  get clientId(): string | undefined {
    return this.#core.clientId;
  }

  /** Where the access token is good, as in `https://example.my.salesforce.com`. `undefined` without `auth`. */
  get instanceUrl(): string | undefined {
    return this.#core.tokens?.current?.instanceUrl;
  }

  /** The version of Salesforce's API that is used, as in `"67.0"`. */
  get apiVersion(): string | undefined {
    return this.#core.tokens?.current?.apiVersion;
  }

  /**
   * Resolves when all is over and nothing is in flight: with the error that ended the client, with `signal.reason`, or
   * with `undefined` after {@link close}. Never rejects.
   */
  get closed(): Promise<Error | undefined> {
    return this.#core.closed;
  }

  /**
   * Subscribes to a channel, or to several at once that share one reader. A trailing `/*` or `/**` is a wildcard.
   * Several subscriptions to one channel share one at the server.
   *
   * @typeParam T - what `event.data` is; nothing checks it
   * @returns a promise that resolves when the server has accepted at least one channel; a `subscribe-failed` status
   *   names each of the others
   * @throws CometdError `"invalid-argument"`, `"subscribe-refused"` when all were refused, `"closed"`
   */
  subscribe<T = unknown>(
    channel: string | readonly string[],
    options: SubscribeOptions = {},
  ): Promise<Subscription<T>> {
    return promised(() => {
      const given: readonly string[] = typeof channel === "string" ? [channel] : channel;
      const channels = Array.isArray(given) ? [...new Set<unknown>(given)] : [];
      want("channel", channels.length > 0 && channels.every(isName), `${CHANNEL}, or an array of them`);
      const { signal } = options;
      checkSignal("signal", signal);
      if (signal?.aborted) throw signal.reason;
      const following = followingOf(options, channels, this.#core.replay);
      return this.#core.subscribe(channels, following, signal, (feed) => new Subscription<T>(feed));
    });
  }

  /**
   * The events of all subscriptions that nobody reads by themselves. One reader at a time. Leaving its loop
   * unsubscribes nothing; the event in hand comes first in the next one.
   *
   * @throws CometdError `"already-reading"` while there is another reader
   */
  events<T = unknown>(): AsyncIterable<CometdEvent<T>> {
    return this.#core.shared.events() as Reader<CometdEvent<T>>;
  }

  /**
   * Reads as {@link events} does, but for a while only: for cron runs and alarms. It ends when nothing has come for
   * `idleMs`, or at the deadline; then all that was read is committed and saved, and the client rests in state
   * `"suspended"`: it sends nothing until the next `drain()`, {@link suspend} or {@link close}. Leaving the loop ends it too;
   * the event in hand, and what was not read, come first in the next one.
   *
   * @throws CometdError `"invalid-argument"`; `"already-reading"` while there is another reader; from its loop, `"deadline"`
   *   if the server was not reached at all, and what ends the client
   */
  drain<T = unknown>(options: DrainOptions): AsyncIterable<CometdEvent<T>> {
    return Drain.start(this.#core, options) as Reader<CometdEvent<T>>;
  }

  /** Follows every message of the server, `/meta/*` included, from now on. Messages may hold secrets. */
  messages(): Tap<Message> {
    return this.#core.messages();
  }

  /** Follows what happens to the client, from now on. */
  status(): Tap<Status> {
    return this.#core.status();
  }

  /**
   * Publishes to a channel.
   *
   * @param data - anything that `JSON.stringify` takes
   * @returns the server's reply
   * @throws CometdError `"invalid-argument"`, `"publish-refused"`, `"closed"`, or `"outcome-unknown"` if the reply was
   *   lost: then it may or may not have been published
   */
  publish(channel: string, data: unknown): Promise<Message> {
    return promised(() => {
      want("channel", typeof channel === "string", CHANNEL);
      return this.#core.publish(channel, toJson("data", data));
    });
  }

  /**
   * Sends Bayeux messages as they are; `id` and `clientId` are added where they lack. Of `/meta/*` only a subscribe or
   * unsubscribe of `/service/*` channels, for servers that ask for one: {@link subscribe} tells the server nothing of those.
   * The session that it is sent in knows it; a `session` status says when there is another one.
   *
   * @returns the server's replies, successful or not
   * @throws CometdError as {@link publish}
   */
  send(message: object | readonly object[]): Promise<Message[]> {
    return promised(() => {
      const messages: readonly unknown[] = Array.isArray(message) ? message : [message];
      const good = messages.length > 0 && messages.every((one) => isObject(one) && !Array.isArray(one));
      want("message", good, "an object, or an array of objects");
      return this.#core.send(toJson("message", messages));
    });
  }

  /**
   * Calls a service: publishes on its `/service/*` channel, and waits for the message by which it answers there with the same
   * `id`, as `remoteCall()` of CometD's clients does. The answer goes to no subscription; one that comes after the wait is
   * over is as any other message of its channel.
   *
   * @typeParam T - what the answer's `data` is; nothing checks it
   * @param channel - such as `/service/orders/find`
   * @param data - anything that `JSON.stringify` takes
   * @returns the `data` of the answer
   * @throws CometdError `"invalid-argument"`; `"call-failed"` where the service answers with a failure, and what it sent along
   *   in `error.data`; `"publish-refused"` where the server does not let it through; `"timeout"` without an answer in time,
   *   `"outcome-unknown"` where the session or a response was lost with which it may have come, after both of which it may
   *   or may not have been processed; `"closed"`. And `options.signal.reason`.
   */
  call<T = unknown>(channel: string, data: unknown, options: CallOptions = {}): Promise<T> {
    return promised(() => {
      want("channel", typeof channel === "string", "a service channel such as /service/orders");
      want("options", isObject(options), "an object");
      const { timeoutMs, signal } = options;
      const good = timeoutMs === undefined || (typeof timeoutMs === "number" && timeoutMs >= 1);
      want("timeoutMs", good, "a number, at least 1");
      checkSignal("signal", signal);
      if (signal?.aborted) throw signal.reason;
      return this.#core.callService(channel, toJson("data", data), timeoutMs, signal) as Promise<T>;
    });
  }

  /**
   * Ends the waits before a next attempt that are only a back-off: of handshakes, polls, commands, logins and the replay
   * store. It goes out at once, or once `retry.initialDelayMs` have passed since the failure, and later waits begin short
   * again. What the server asks for, such as `Retry-After`, and the limits of `retry` on handshakes stay. A page does it by
   * itself when it is shown, and when it is online again. Without effect where nothing waits.
   */
  retryNow(): void {
    this.#core.attempt(RETRY_NOW);
  }

  /**
   * Makes a request with the access token, as `fetch` does, to the token's instance and nowhere else. A token that is
   * refused is replaced, and the request is sent once more; if its body is a stream, the 401 is given instead.
   *
   * @param path - such as `/services/data/v67.0/limits`, or an address of the instance
   * @returns the response, whatever its status is, but for a redirect
   * @throws CometdError `"invalid-argument"`, also without `auth`; `"redirect"`, `"network"`, `"closed"`. And
   *   `init.signal.reason`.
   */
  request(path: string, init: RequestInit = {}): Promise<Response> {
    return this.#core.request(path, init);
  }

  /**
   * Ends the client, and keeps what another one needs to go on, maybe in another process: iterators are done, `closed`
   * resolves with `undefined`, and `connect({ resume })` takes the snapshot. With access tokens or `replay` the session ends,
   * and the next client makes its own. Else the session stays open at the server for as long as that waits for a poll, and
   * the snapshot must be used once: two clients in one session would take each other's events, and could not notice.
   *
   * @throws CometdError `"closed"`
   */
  suspend(): Promise<Snapshot> {
    return promised(() => this.#core.suspend());
  }

  /**
   * Ends the client: iterators are done at once, the open poll is aborted, and the server is told. May be called again.
   *
   * @returns a promise that resolves when all is over, within two seconds. Never rejects.
   */
  close(): Promise<void> {
    return this.#core.close();
  }

  /** As {@link close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }
}

const CHANNEL = "a channel name such as /orders";

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Turns a throw into a rejection, as an `async` function does, but gives the very promise that `call` gives. */
function promised<R>(call: () => Promise<R>): Promise<R> {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}
