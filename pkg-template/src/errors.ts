import type { ErrorRecord } from "./engine.js";

/**
 * What went wrong, as a word that programs compare.
 *
 * Of the caller:
 * - `"invalid-argument"`: an option or argument makes no sense; the message names it. Nothing was sent.
 * - `"already-reading"`: there is a reader already, and there can be only one.
 * - `"closed"`: the client was closed before, or while, this was under way.
 * - `"not-a-response"`: the `fetch` that was given answers with something else than a `Response` whose body is a web
 *   `ReadableStream`, as that of node-fetch does. Once there was a session it is retried as a failure of the network.
 * - `"suspended"`: the client pauses after a `drain()`, and sends nothing until the next one.
 * - `"too-many-channels"`: `limits.trackedChannels` replay positions are in memory, and each must be kept: leave some
 *   subscriptions, and let their events be committed and saved.
 *
 * Of the network. The client retries these by itself; they are seen when it gives up, and in the `retry` status:
 * - `"network"`: a request failed on the way.
 * - `"timeout"`: no answer, or no further byte, in time.
 * - `"outcome-unknown"`: a message was sent and its reply never came. The server may have processed it, so it is not
 *   sent again.
 * - `"queue-full"`: a message was not sent, since too many events wait to be read. Read them, then send it again.
 * - `"deadline"`: the time of a `drain()` was over, and the server had not been reached.
 * - `"connect-timeout"`: the server has answered nothing within `connectTimeoutMs`; `cause` is the last failure.
 * - `"headers-failed"`: the function `headers` gave none, or none that can be sent. Nothing was sent; retried.
 * - `"max-retries"`: more failures in a row than `retry.maxRetries` allows; `cause` is the last one.
 *
 * Of the server:
 * - `"http-status"`: a status other than 2xx, in {@link CometdError.status}.
 * - `"redirect"`: it redirects, which is not followed.
 * - `"not-bayeux"`: the answer is something else, such as an HTML page.
 * - `"protocol"`: it broke the rules of Bayeux.
 * - `"handshake-refused"`, `"connect-refused"`, `"subscribe-refused"`, `"publish-refused"`: it said no; its own words
 *   are in {@link CometdError.failure}.
 * - `"call-failed"`: a service answered a `call()` with a failure; what it sent along is in {@link CometdError.data}.
 * - `"no-transport"`: it offers no long-polling.
 * - `"unknown-client"`: it no longer knows the session. The client makes a new one by itself.
 * - `"server-ended"`: it ended the session and forbade to come back.
 * - `"unauthorized"`: it refused the access token, also a new one.
 * - `"login-refused"`: the login itself was refused; the server's word is in {@link CometdError.oauth}.
 * - `"login-failed"`: the login failed on the way. Retried.
 * - `"server-busy"`: it asks to come back later. Retried.
 * - `"concurrent-limit"`, `"daily-limit"`, `"subscription-limit"`: a limit of the organization. The first two are retried.
 * - `"no-access"`: the user may not see this.
 * - `"unknown-channel"`, `"bad-channel"`: there is no such channel, or there cannot be.
 * - `"api-version"`: the API version is missing or not supported.
 * - `"cookie-missing"`: a cookie of the session did not come back. It ends the client if the server did not know two new
 *   sessions in a row and no poll has ever succeeded; the message says what to look at.
 * - `"user-mismatch"`: the token belongs to another user than the session.
 * - `"request-too-large"`: a request is beyond the server's limit.
 * - `"replay-invalid"`: it refused the replay position. From `event.commit()`: the position of the event has become invalid
 *   that way, so it cannot be saved any more.
 * - `"replay-map"`: it did not understand the replay position.
 * - `"instance-refused"`: an address outside `allowedHosts`, or without https, would have been given the token.
 * - `"event-too-large"`: an event exceeds `limits.messageBytes`; its subscription ends.
 * - `"bad-payload"`: the `data` of one event is not JSON.
 *
 * Of the replay store:
 * - `"store-failed"`: it rejected, or did not answer in time. Retried.
 * - `"store-invalid"`: what it gave back makes no sense. It is not overwritten.
 *
 * Of the machinery:
 * - `"wasm-load"`: the wasm could not be loaded. The next `connect()` tries again.
 * - `"instance-lost"`: the wasm failed, which is a bug, and took all its clients along. Connect again.
 * - `"context-lost"`: the runtime ended the request in which the client lived. Connect again.
 */
export type ErrorCode =
  | "invalid-argument"
  | "already-reading"
  | "closed"
  | "not-a-response"
  | "suspended"
  | "too-many-channels"
  | "network"
  | "timeout"
  | "outcome-unknown"
  | "queue-full"
  | "deadline"
  | "connect-timeout"
  | "headers-failed"
  | "max-retries"
  | "http-status"
  | "redirect"
  | "not-bayeux"
  | "protocol"
  | "handshake-refused"
  | "connect-refused"
  | "subscribe-refused"
  | "publish-refused"
  | "call-failed"
  | "no-transport"
  | "unknown-client"
  | "server-ended"
  | "unauthorized"
  | "login-refused"
  | "login-failed"
  | "server-busy"
  | "concurrent-limit"
  | "daily-limit"
  | "subscription-limit"
  | "no-access"
  | "unknown-channel"
  | "bad-channel"
  | "api-version"
  | "cookie-missing"
  | "user-mismatch"
  | "request-too-large"
  | "replay-invalid"
  | "replay-map"
  | "instance-refused"
  | "store-failed"
  | "store-invalid"
  | "event-too-large"
  | "bad-payload"
  | "wasm-load"
  | "instance-lost"
  | "context-lost";

/** A server's refusal, split by the Bayeux error grammar `code:args:text`. */
export interface Failure {
  /** Three digits such as 403; 0 where the server wrote free text. */
  readonly code: number;
  /** What the failure is about, such as the channel. */
  readonly args: readonly string[];
  /** For humans. */
  readonly text: string;
}

/** A login's refusal, as OAuth words it. */
export interface OAuthFailure {
  /** Such as `invalid_grant`. */
  readonly error: string;
  /** For humans; may be empty. */
  readonly description: string;
}

/** The parts of a {@link CometdError} beside code and message. */
export interface CometdErrorDetails {
  retryable?: boolean | undefined;
  channel?: string | undefined;
  status?: number | undefined;
  failure?: Failure | undefined;
  oauth?: OAuthFailure | undefined;
  data?: unknown;
  cause?: unknown;
}

/** Every failure of this package. Holds no token, client id or cookie. */
export class CometdError extends Error {
  override readonly name = "CometdError";
  /** What went wrong. */
  readonly code: ErrorCode;
  /** Can the same call succeed later, without a change in the calling code or at the server? */
  readonly retryable: boolean;
  /** The channel that it is about. */
  declare readonly channel?: string;
  /** The HTTP status behind it. */
  declare readonly status?: number;
  /** The server's own words. */
  declare readonly failure?: Failure;
  /** The login server's own words. */
  declare readonly oauth?: OAuthFailure;
  /** What a service sent along with the failure of a call. */
  declare readonly data?: unknown;
  /** What it came from: of `"network"` the host's own error, such as one with the code ECONNREFUSED. */
  declare readonly cause?: unknown;

  constructor(code: ErrorCode, message: string, details: CometdErrorDetails = {}) {
    const { retryable = false, channel, status, failure, oauth, data, cause } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = retryable;
    // There only where given.
    for (const [key, value] of Object.entries({ channel, status, failure, oauth, data })) {
      if (value !== undefined) Object.assign(this, { [key]: value });
    }
  }
}

/**
 * Is this a {@link CometdError}? Unlike `instanceof` it also knows those of another realm, or of a second copy of the
 * package in one bundle.
 */
export function isCometdError(error: unknown): error is CometdError {
  if (error instanceof CometdError) return true;
  if (typeof error !== "object" || error === null) return false;
  const { name, code } = error as Partial<CometdError>;
  return name === "CometdError" && typeof code === "string";
}

/** An error of the wasm, for users. */
export function toCometdError(record: ErrorRecord, cause?: unknown): CometdError {
  return new CometdError(record.code as ErrorCode, record.message, { ...record, data: parsed(record.data), cause });
}

/** What a service wrote; `undefined` where that is not JSON. */
function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The words for something that was thrown, whatever it is. */
export function describe(error: unknown): string {
  try {
    // By their shape: an error of another realm is no `instanceof Error`.
    const { message, name } = (error ?? {}) as Partial<Error>;
    return typeof message === "string" ? message || String(name) : String(error);
  } catch {
    return "no words"; // an object without a prototype, or with a toString() that throws
  }
}
