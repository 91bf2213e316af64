/// <reference lib="esnext.disposable" preserve="true" />
import type { CometdError } from "./errors.js";

/** How requests are made: the global `fetch`, or anything of its shape. */
export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

/**
 * What a client is doing.
 *
 * - `"handshaking"`: it asks for a session, its first or a new one.
 * - `"connected"`: it has a session, and nothing has failed since it began or a poll last succeeded.
 * - `"retrying"`: something failed, and the next attempt is scheduled or under way.
 * - `"suspended"`: it rests, and can go on.
 * - `"closed"`: over.
 */
export type ClientState = "handshaking" | "connected" | "retrying" | "suspended" | "closed";

/**
 * Headers that requests carry: always the same, or those that a function gives, which is asked before each request.
 *
 * A function that throws, rejects, gives a header that cannot be sent, or takes longer than `networkDelayMs` makes a failed
 * attempt: nothing is sent, a `retry` status says `headers-failed`, and it is asked again after a while. A `Cookie` header
 * of its answers enters the client's cookies whenever its text has changed. What it gives beside that goes where the
 * client's requests go.
 */
export type HeaderSource =
  | Readonly<Record<string, string>>
  | (() => Readonly<Record<string, string>> | PromiseLike<Readonly<Record<string, string>>>);

/** Options of `connect()`. */
export interface ConnectOptions {
  /** The Bayeux endpoint: absolute, http or https, without a user and password in it. */
  url: string | URL;
  /** Sent with every request. A `Cookie` header counts as {@link cookies}. Default: none. */
  headers?: HeaderSource | undefined;
  /**
   * Cookies as `document.cookie` writes them: `"a=b; c=d"`. They go to the origin of `url` alone (with
   * `connectSalesforce()`, of `loginUrl`), on every path; a cookie of the same name that the server sets or deletes takes
   * their place. Not in browsers, which keep and send their own. Default: none.
   */
  cookies?: string | undefined;
  /**
   * Where access tokens come from: each request carries the newest one, and a refused one is replaced. Default: none.
   * With it the endpoint must be https, or on this machine.
   */
  auth?: Authenticator | undefined;
  /**
   * Follow channels from the last event that was processed, by replay ids, as Salesforce offers it. Default: off; with
   * `connectSalesforce()` on, with positions in memory.
   */
  replay?: ReplayOptions | undefined;
  /**
   * Sends handshakes, polls and disconnects to `/handshake`, `/connect` and `/disconnect` below the url, and all else to the
   * url with a slash at its end, as some servers and proxies want it. Not with a url that has a query, or a dot in its last
   * segment. Default: `false`.
   */
  appendMessageTypeToURL?: boolean | undefined;
  /** How failures are retried. */
  retry?: RetryOptions | undefined;
  /** What is kept in memory at most. */
  limits?: LimitOptions | undefined;
  /**
   * Grace for the network in milliseconds: added to the poll's timeout that the server advises, and the limit of
   * everything else. Default: 10,000.
   */
  networkDelayMs?: number | undefined;
  /**
   * How long `connect()` waits for the server's first answer, whatever that is, in milliseconds; then it rejects with
   * `"connect-timeout"`, and the last failure is its `cause`. After that answer {@link RetryOptions.maxRetries} decides alone.
   * With `auth`, and with `connectSalesforce()`, the login has so long until the first token is there, and then the server
   * for its first answer: what a login server says does not count as one. Default: 30,000.
   */
  connectTimeoutMs?: number | undefined;
  /**
   * Ask for the acknowledgement extension, with which a cut connection loses nothing while the session lasts.
   * Default: `true`.
   */
  ack?: boolean | undefined;
  /**
   * Is asked when the server refuses a subscription: `true` tries it again by {@link retry}, `false` gives it up. What
   * throws, or takes longer than `networkDelayMs`, counts as the default, which tries again when the server is busy or a
   * limit is reached.
   */
  shouldRetrySubscribe?: ((channel: string, failure: CometdError) => boolean | Promise<boolean>) | undefined;
  /** See and change messages on their way; outgoing in this order, incoming in the reverse. Default: none. */
  extensions?: readonly Extension[] | undefined;
  /**
   * Goes on where another client was suspended, with its subscriptions: `events()` and `drain()` read them, and
   * `subscribe()` to the same channels takes its one over. A position in the store goes before that of the snapshot.
   * Use a snapshot once. Default: a new session.
   */
  resume?: Snapshot | undefined;
  /**
   * Makes the requests: a function, or an object with such a method, as a service binding is. Default: the global
   * `fetch`; in Node a transport over `node:http`, which costs less.
   */
  fetch?: FetchLike | { fetch: FetchLike } | undefined;
  /**
   * Closes the client at once: `connect()` and whatever else is pending rejects with `signal.reason`, iterators throw
   * it, and `client.closed` resolves with it.
   */
  signal?: AbortSignal | undefined;
  /**
   * Is told what `client.status()` tells, from the first attempt on, also before `connect()` has resolved. What it throws
   * is a `callback-failed` status, which it is not told itself. Default: nobody is told.
   */
  onStatus?: ((status: Status) => void) | undefined;
  /** Is given a line on what happens. Lines hold no secrets. Default: nothing is logged. */
  log?: ((entry: LogEntry) => void) | undefined;
}

/** The place of an event in its channel. */
export interface Position {
  /** As the server wrote it. Opaque: it may have more digits than a number can hold, or be no number at all. */
  replayId: string;
  /** When the event was made, as the server wrote it; not on all kinds of events. */
  createdDate?: string | undefined;
}

/**
 * Where positions are kept: one of `cometd-edge/stores`, or your own. One client at a time writes a channel.
 *
 * A call that rejects, or takes longer than ten seconds, is reported by a `store-failed` status and tried again.
 */
export interface ReplayStore {
  /** The position saved last; `undefined` where there is none. `channel` is the whole subscription, its `?query` included. */
  load(channel: string): Promise<Position | undefined>;
  /** Resolves once the position will survive. One call at a time for a channel. */
  save(channel: string, position: Position): Promise<void>;
}

/**
 * Where to begin in a channel of which the store has no position: with events published from now on, with all that the
 * server retains, or after given positions (by channel a replay id or one of these words; `"new"` for channels that are not
 * named).
 *
 * A number is what Salesforce's own tools use: -1 is `"new"`, -2 is `"all"`, and any other is a replay id, in `subscribe()` of
 * one channel without a wildcard. One beyond `Number.MAX_SAFE_INTEGER` is to be given as a string, by channel.
 */
export type Start = "new" | "all" | number | Readonly<Record<string, string>>;

/**
 * When an event counts as done, so that its position may be saved.
 *
 * - `"processed"`: when its reader asks for the next one. Leaving the loop leaves the event in hand undone.
 * - `"delivered"`: when it is handed out.
 * - `"manual"`: when `event.commit()` is called.
 */
export type CommitMode = "processed" | "delivered" | "manual";

/**
 * What to do when the server refuses a position, mostly since it is older than what it retains: follow `"all"` that is
 * retained, or only what is `"new"`, each with a `gap` status; or `"fail"`, which ends the subscription.
 */
export type InvalidPosition = "all" | "new" | "fail";

/** How positions are followed; each is the default for all subscriptions. */
export interface ReplayOptions {
  /** Default: in memory, so that cuts lose nothing but a new client begins anew. */
  store?: ReplayStore | undefined;
  /** Default: `"new"`. */
  start?: Start | undefined;
  /** Default: `"processed"`. */
  commit?: CommitMode | undefined;
  /** Default: `"all"`. */
  onInvalidPosition?: InvalidPosition | undefined;
}

/** An access token, and where it is good. */
export interface Token {
  accessToken: string;
  /** The address of the instance: `instance_url` of Salesforce's answer. */
  instanceUrl?: string | undefined;
}

/** What an {@link Authenticator} is given. */
export interface TokenContext {
  /** The last token was refused: do not answer with the same one out of a cache. */
  readonly refused: boolean;
  /**
   * The server redirects, or has been silent for long, and the org may have moved: do not answer out of a cache, for only
   * a login tells where it is by now. The same token for the same instance is a good answer, too; nothing was refused.
   */
  readonly moved: boolean;
  /** Aborted when the answer is no longer wanted. */
  readonly signal: AbortSignal;
  /** What the client makes its requests with. */
  readonly fetch: FetchLike;
  /** Where `connectSalesforce()` logs in. */
  readonly loginUrl?: string;
}

/** Where access tokens come from. */
export interface Authenticator {
  /**
   * Gives a token. Called before the first handshake, and again when a token was refused: once for all that wait. Also
   * after a redirect, and when nothing came from the server for longer than its session lives (Salesforce 40 s, else
   * 60 s); while that lasts, at most once in five minutes. An answer for another instance takes the session there; one for
   * the same is kept until the last token is refused.
   *
   * Where requests need the token, a rejection is retried by `retry`, unless it is a `CometdError` that is not
   * `retryable`, which ends the client. One that `client.request()` alone has asked for ends nothing: the call is answered
   * by its 401, and a minute later the next 401 asks again.
   */
  token(context: TokenContext): Promise<Token>;
}

/**
 * How failures are retried: at once the first time, then after a random wait between `initialDelayMs` and the last
 * wait times `factor`, at most `maxDelayMs`. A successful poll starts afresh. What the server advises goes before.
 */
export interface RetryOptions {
  /** Milliseconds. Default: 1,000. */
  initialDelayMs?: number | undefined;
  /** At least 1. Default: 3. */
  factor?: number | undefined;
  /** Milliseconds. Default: 30,000. */
  maxDelayMs?: number | undefined;
  /** Failures in a row before the client gives up. Default: 10 before the first session, afterwards no limit. */
  maxRetries?: number | undefined;
  /** Handshakes in any minute, at least 1; more of them wait in state `"retrying"`. Default: 10. */
  handshakesPerMinute?: number | undefined;
  /**
   * For how many milliseconds a session counts that was left behind without a word of the server; while three of them
   * count, handshakes wait. Default: 150,000.
   */
  sessionWindowMs?: number | undefined;
}

/** What a client keeps in memory. All at least 1. */
export interface LimitOptions {
  /**
   * Events that wait for the application, over all subscriptions. Beyond it nothing more is read from the network; if
   * that lasts, the server gives the session up. Default: 10,000.
   */
  queuedEvents?: number | undefined;
  /**
   * The same in bytes. With `replay`, as many bytes again are kept of events that are not committed, so that a reader that
   * joins is given them; beyond that a new session brings them. Default: 16 MiB.
   */
  queuedBytes?: number | undefined;
  /**
   * With `replay`: events that you were given and have not committed, over all subscriptions. Beyond it nothing more is read
   * from the network until you commit; events committed behind one that is not do not count. Default: 100,000.
   */
  uncommittedEvents?: number | undefined;
  /** Bytes of one message of the server; larger ones are passed over. Default: 4 MiB. */
  messageBytes?: number | undefined;
  /**
   * Channels whose replay positions are in memory at once. A saved position of a channel that you do not read makes room, and
   * is loaded again when you subscribe to it; where none does, `subscribe()` rejects with `too-many-channels`. Default: 10,000.
   */
  trackedChannels?: number | undefined;
  /** Bytes of one request; commands beyond it go into the next. Default: 32,768. */
  requestBytes?: number | undefined;
}

/**
 * Sees messages on their way, and may change them in place, give another one instead, or drop them.
 *
 * A hook that throws, or gives anything but an object, `null` or `undefined`, changes nothing, and is reported by a
 * `callback-failed` status. In a message that a hook changes, numbers beyond 2^53 lose their last digits.
 */
export interface Extension {
  /** For reports on it. */
  name?: string | undefined;
  /** See events and published messages too, not only `/meta/*`. Default: `false`. */
  events?: boolean | undefined;
  /** A message to the server. `null` drops it, `undefined` leaves it as it is. */
  outgoing?(message: Message): Message | null | undefined | void;
  /** A message of the server. `null` drops it, `undefined` leaves it as it is. */
  incoming?(message: Message): Message | null | undefined | void;
}

/** A line for the log. */
export interface LogEntry {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
}

/** A Bayeux message, as it is on the wire. May hold secrets such as the client id. */
export interface Message {
  channel: string;
  id?: string;
  clientId?: string;
  /** In replies: did the server do it? */
  successful?: boolean;
  /** In replies: why not, mostly as `code:args:text`. */
  error?: string;
  subscription?: string | string[];
  data?: unknown;
  advice?: Record<string, unknown>;
  ext?: Record<string, unknown>;
  [field: string]: unknown;
}

/** Options of `client.subscribe()`. */
export interface SubscribeOptions {
  /**
   * Ends the subscription: a pending `subscribe()` rejects with `signal.reason`, its iterator throws it, `closed`
   * resolves with it, and an unsubscribe goes out.
   */
  signal?: AbortSignal | undefined;
  /** As `replay.start` of the client, for this subscription. */
  start?: Start | undefined;
  /** As `replay.commit` of the client, for this subscription. */
  commit?: CommitMode | undefined;
  /** As `replay.onInvalidPosition` of the client, for this subscription. */
  onInvalidPosition?: InvalidPosition | undefined;
}

/** Options of `client.call()`. */
export interface CallOptions {
  /** So long is waited for the answer, from the call on, in milliseconds, at least 1. Default: `networkDelayMs`, which is 10,000. */
  timeoutMs?: number | undefined;
  /** Ends the wait: `call()` rejects with `signal.reason`. The server may have processed it. */
  signal?: AbortSignal | undefined;
}

/** Options of `client.drain()`. Both times count from the call, in milliseconds. */
export interface DrainOptions {
  /** It ends when nothing has come for so long, all subscriptions are answered, and all that came is read. Default: no limit. */
  idleMs?: number | undefined;
  /** It ends then, whatever there is. */
  deadlineMs: number;
}

/**
 * What `client.suspend()` leaves for `connect({ resume })`: JSON, of the package's own make. It holds secrets, such as the
 * client id and cookies: keep it as you keep a password.
 */
export interface Snapshot {
  readonly version: number;
  readonly [part: string]: unknown;
}

/** News of the client, told apart by `type`. New types may come with minor versions. */
export type Status =
  | {
      readonly type: "state";
      /** The new one. */
      readonly state: ClientState;
    }
  | {
      /**
       * There is a session at the server, which is told once for each. What the server keeps for a session by itself, such as a
       * subscribe that was given to `send()`, it does not know in a new one.
       */
      readonly type: "session";
      /** It is that of the snapshot; else a new one. */
      readonly resumed: boolean;
    }
  | {
      /** Events may be missing. */
      readonly type: "gap";
      /** Where, as it was subscribed. */
      readonly channel: string;
      /**
       * Why: a response that may have carried events did not arrive whole; the server forgot the session; a body could
       * not be decoded; a message was larger than `limits.messageBytes`; the server refused the position; a channel that
       * began as `"new"` had to be subscribed again before anything had come.
       */
      readonly cause:
        "response-lost" | "session-lost" | "undecodable" | "event-too-large" | "position-invalid" | "no-position";
      /** Replay id of the last event received there, where events carry one: the range begins after it. */
      readonly after?: string;
      /** When the last poll that succeeded was sent, in Unix milliseconds: the range does not begin before it. */
      readonly since: number;
    }
  | {
      /** Reading from the network stopped, since a subscription is not read or not committed; or it goes on. */
      readonly type: "backpressure";
      /** A channel of the subscription with the longest queue, or with the most uncommitted events. */
      readonly channel: string;
      readonly active: boolean;
      /** Which of the {@link LimitOptions} was reached. */
      readonly limit: "queuedEvents" | "queuedBytes" | "uncommittedEvents";
      /** Of the whole client. */
      readonly queuedEvents: number;
      readonly queuedBytes: number;
    }
  | {
      /** A request failed, and will be tried again. */
      readonly type: "retry";
      /** Failures in a row. */
      readonly attempt: number;
      /** Until then, in milliseconds. */
      readonly delayMs: number;
      readonly error: CometdError;
    }
  | {
      /** The server refused one of several channels, or one that it had accepted before. */
      readonly type: "subscribe-failed";
      readonly channel: string;
      readonly error: CometdError;
    }
  | {
      /** The server takes several clients of one browser for one, and lets them poll in turns only. */
      readonly type: "multiple-clients";
      /** How long each has to wait, in milliseconds. */
      readonly intervalMs: number;
    }
  | {
      /** A message of the server was passed over. */
      readonly type: "message-skipped";
      readonly reason: string;
      /** Its channel, where it could be read. */
      readonly channel?: string;
    }
  | {
      /** The replay store failed, and will be asked again. */
      readonly type: "store-failed";
      readonly channel: string;
      readonly operation: "load" | "save";
      readonly error: CometdError;
    }
  | {
      /** There is a new access token. Where the session's own was not refused, it goes on with that one until it is. */
      readonly type: "reauthenticated";
      /** Where it is good. */
      readonly instanceUrl: string;
    }
  | {
      /** A callback of the application threw. The client goes on as if it had not been called. */
      readonly type: "callback-failed";
      /** `"log"`, `"onStatus"`, `"shouldRetrySubscribe"`, or the extension and its hook. */
      readonly where: string;
      /** What it threw. */
      readonly error: unknown;
    };

/**
 * Follows what happens in a client without influence on it. It holds at most 1,000 items; when it is read too slowly
 * the oldest are dropped. Ends with the client; leaving its loop ends it, too.
 */
export interface Tap<V> extends AsyncIterable<V> {
  /** Items dropped so far. */
  readonly dropped: number;
  [Symbol.asyncIterator](): AsyncIterator<V, undefined>;
}
