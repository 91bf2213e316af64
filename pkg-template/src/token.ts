/** Where a client gets its access tokens, and what it does with them: for `connect()` and `connectSalesforce()` alike. */
import { unlessAborted } from "./abort.js";
import { CometdError, describe, isCometdError } from "./errors.js";
import { isFunction, want } from "./options.js";
import { quietly } from "./runtime.js";
import type { Authenticator, FetchLike, Token, TokenContext } from "./types.js";

/** What a source is given each time. */
export interface TokenRequest {
  /** The last token was refused. */
  readonly refused: boolean;
  /** The server redirects, or has been silent for long: its instance may be another one by now (S10a). */
  readonly moved: boolean;
  /** Aborted when the token is no longer wanted. */
  readonly signal: AbortSignal;
  readonly fetch: FetchLike;
  /** @throws CometdError `"instance-refused"` if no token may be sent there (X1). */
  checkInstance(url: string): void;
}

/** A token that makes sense, and the endpoint that it is good for. */
export interface IssuedToken {
  readonly accessToken: string;
  /** Without a slash at its end: `instanceUrl + "/services/data"` is an address. */
  readonly instanceUrl: string;
  /** The Bayeux endpoint. */
  readonly url: string;
  /** Such as `"67.0"`; Salesforce's only. */
  readonly apiVersion?: string | undefined;
}

/** Where a client gets its tokens. One `get` at a time. */
export interface TokenSource {
  /** The dialect of Salesforce, for `EngineOptions`. */
  readonly salesforce: boolean;
  /** For `EngineOptions`. */
  readonly allowedHosts: readonly string[];
  /** Rejects with a CometdError; one that is `retryable` is worth another try after a while. Or with `signal.reason`. */
  get(request: TokenRequest): Promise<IssuedToken>;
}

/** The time that an authenticator has, in terms of `networkDelayMs`: a login may take several requests. */
const LOGIN_DELAYS = 3;

/** As the core has it. */
export const NETWORK_DELAY_MS = 10_000;

/** The source of `connect({ auth })`: the endpoint stays what it is. */
export function plainSource(auth: Authenticator, url: string, networkDelayMs?: number): TokenSource {
  checkAuth(auth);
  const get = async (request: TokenRequest): Promise<IssuedToken> => {
    const { accessToken, instanceUrl = new URL(url).origin } = await askToken(auth, request, networkDelayMs);
    request.checkInstance(url);
    request.checkInstance(instanceUrl);
    return { accessToken, instanceUrl, url };
  };
  return { salesforce: false, allowedHosts: [], get };
}

/** @throws CometdError `"invalid-argument"` */
export function checkAuth(auth: Authenticator): void {
  want("auth", isFunction(auth?.token), "an object with a method `token`");
}

/** Asks an authenticator, which may be the user's own: nothing that it does is trusted. */
export async function askToken(
  auth: Authenticator,
  { refused, moved, fetch, signal: wanted }: TokenRequest,
  networkDelayMs = NETWORK_DELAY_MS,
  contextOf = (context: TokenContext) => context,
): Promise<Token> {
  const ms = LOGIN_DELAYS * networkDelayMs;
  try {
    const token = await unlessAborted(
      [wanted],
      async (signal) => auth.token(contextOf({ refused, moved, fetch, signal })),
      ms,
      () => failed(`auth: token() gave no answer within ${ms} ms`, true),
    );
    return checkToken(token);
  } catch (error) {
    if (wanted.aborted || isCometdError(error)) throw error;
    throw failed(`auth: token() failed: ${describe(error)}`, true, error);
  }
}

/** @throws CometdError `"login-failed"` that never repeats a value, for it may be a secret in the wrong place. */
function checkToken(token: Token): Token {
  const { accessToken, instanceUrl } = Object(token) as { accessToken?: unknown; instanceUrl?: unknown };
  // What a header can carry; a line break at the end comes from a file or a variable.
  if (typeof accessToken !== "string" || !/^[\x21-\x7e]+$/.test(accessToken)) {
    throw failed("auth: token() must give `accessToken`, ASCII without white space");
  }
  if (instanceUrl === undefined || instanceUrl === null) return { accessToken };
  const url = typeof instanceUrl === "string" && quietly(() => new URL(instanceUrl));
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw failed("auth: token() must give `instanceUrl` as in https://example.my.salesforce.com");
  }
  return { accessToken, instanceUrl: url.origin + url.pathname.replace(/\/+$/, "") };
}

function failed(message: string, retryable = false, cause?: unknown): CometdError {
  return new CometdError("login-failed", message, { retryable, cause });
}
