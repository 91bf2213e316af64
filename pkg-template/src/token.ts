/** Where a client gets its access tokens, and what it does with them: for `connect()` and `connectSalesforce()` alike. */
import { CometdError, describe, isCometdError } from "./errors.js";
import { invalid, isObject } from "./options.js";
import { after, noop } from "./runtime.js";
import type { Authenticator, FetchLike, Token, TokenContext } from "./types.js";

/** What a source is given each time. */
export interface TokenRequest {
  /** The last token was refused. */
  readonly refused: boolean;
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
    const { refused, fetch } = request;
    const token = await askToken(auth, request, (signal) => ({ refused, fetch, signal }), networkDelayMs);
    request.checkInstance(url);
    if (token.instanceUrl === undefined) return { ...token, instanceUrl: new URL(url).origin, url };
    request.checkInstance(token.instanceUrl);
    return { ...token, instanceUrl: token.instanceUrl, url };
  };
  return { salesforce: false, allowedHosts: [], get };
}

/** @throws CometdError `"invalid-argument"` */
export function checkAuth(auth: Authenticator): void {
  if (isObject(auth) && typeof auth.token === "function") return;
  throw invalid("auth: give an object with a method `token`");
}

/** Asks an authenticator, which may be the user's own: nothing that it does is trusted. */
export async function askToken(
  auth: Authenticator,
  request: TokenRequest,
  context: (signal: AbortSignal) => TokenContext,
  networkDelayMs = NETWORK_DELAY_MS,
): Promise<Token> {
  const ms = LOGIN_DELAYS * networkDelayMs;
  const late = () => failed(`auth: token() gave no answer within ${ms} ms`, true);
  try {
    return checkToken(await within(ms, request.signal, late, async (signal) => auth.token(context(signal))));
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason;
    if (isCometdError(error)) throw error;
    throw failed(`auth: token() failed: ${describe(error)}`, true, error);
  }
}

/** Gives up on a call that takes longer than `ms`, or is not wanted any more; its own signal tells it so. */
export async function within<R>(
  ms: number,
  signal: AbortSignal,
  late: () => CometdError,
  call: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const controller = new AbortController();
  let giveUp: (reason: unknown) => void = noop;
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = (reason) => {
      reject(reason);
      controller.abort(reason);
    };
  });
  const abort = () => giveUp(signal.reason);
  const stop = after(ms, () => giveUp(late()));
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([givenUp, call(controller.signal)]);
  } finally {
    stop();
    signal.removeEventListener("abort", abort);
  }
}

/** @throws CometdError `"login-failed"` that never repeats a value, for it may be a secret in the wrong place. */
function checkToken(token: Token): Token {
  if (!isObject(token)) throw failed("auth: token() must give an object with `accessToken`");
  const { accessToken, instanceUrl } = token;
  if (typeof accessToken !== "string" || accessToken === "") {
    throw failed("auth: token() must give a non-empty string as `accessToken`");
  }
  // What a header can carry; a line break at the end comes from a file or a variable.
  if (!/^[\x21-\x7e]+$/.test(accessToken)) {
    throw failed("auth: the `accessToken` of token() holds white space or characters beyond ASCII; give it bare");
  }
  if (instanceUrl === undefined || instanceUrl === null) return { accessToken };
  return { accessToken, instanceUrl: checkInstanceUrl(instanceUrl) };
}

function checkInstanceUrl(given: unknown): string {
  let url: URL | undefined;
  try {
    if (typeof given === "string") url = new URL(given);
  } catch {
    // Said below.
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw failed("auth: the `instanceUrl` of token() must be an absolute URL, as in https://example.my.salesforce.com");
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function failed(message: string, retryable = false, cause?: unknown): CometdError {
  return new CometdError("login-failed", message, { retryable, cause });
}
