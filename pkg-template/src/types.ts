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

/** Options of `connect()`. */
export interface ConnectOptions {
  /** The Bayeux endpoint: absolute, http or https, without a user and password in it. */
  url: string | URL;
  /** Sent with every request. Default: none. */
  headers?: Record<string, string> | undefined;
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
   * Ask for the acknowledgement extension, with which a cut connection loses nothing while the session lasts.
   * Default: `true`.
   */
  ack?: boolean | undefined;
  /** See and change messages on their way; outgoing in this order, incoming in the reverse. Default: none. */
  extensions?: readonly Extension[] | undefined;
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
  /** Is given a line on what happens. Lines hold no secrets. Default: nothing is logged. */
  log?: ((entry: LogEntry) => void) | undefined;
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
  /** The same in bytes. Default: 16 MiB. */
  queuedBytes?: number | undefined;
  /** Bytes of one message of the server; larger ones are passed over. Default: 4 MiB. */
  messageBytes?: number | undefined;
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
}

/** News of the client, told apart by `type`. New types may come with minor versions. */
export type Status =
  | {
      readonly type: "state";
      /** The new one. */
      readonly state: ClientState;
    }
  | {
      /** Events may be missing. */
      readonly type: "gap";
      /** Where, as it was subscribed. */
      readonly channel: string;
      /**
       * Why: a response that may have carried events did not arrive whole; the server forgot the session; a body could
       * not be decoded; a message was larger than `limits.messageBytes`.
       */
      readonly cause: "response-lost" | "session-lost" | "undecodable" | "event-too-large";
      /** Replay id of the last event received there, where events carry one: the range begins after it. */
      readonly after?: string;
      /** When the last poll that succeeded was sent, in Unix milliseconds: the range does not begin before it. */
      readonly since: number;
    }
  | {
      /** Reading from the network stopped, since a subscription is not read; or it goes on. */
      readonly type: "backpressure";
      /** A channel of the subscription with the longest queue. */
      readonly channel: string;
      readonly active: boolean;
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
      /** A callback of the application threw. The client goes on as if it had not been called. */
      readonly type: "callback-failed";
      /** `"log"`, or the extension and its hook. */
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
