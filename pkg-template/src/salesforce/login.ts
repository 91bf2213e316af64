/** How the login flows of this package and the client talk to each other, and to the login server. */
import { CometdError, isCometdError } from "../errors.js";
import { failureOf } from "../failure.js";
import { invalid, isObject, want } from "../options.js";
import type { Authenticator, FetchLike, Token, TokenContext } from "../types.js";
import { readLogin } from "./answer.js";

/** What a login gives. */
export interface LoginAnswer extends Token {
  /** Takes the place of the one that was sent. */
  readonly refreshToken?: string;
}

/** Fields of the form; those that are `undefined` are left out. */
export type Form = Readonly<Record<string, string | undefined>>;

// By `Symbol.for`, since a bundle may hold this module twice.
const LOGIN = Symbol.for("cometd-edge.login");
const FLOW = Symbol.for("cometd-edge.flow");

/** The context of one of our own flows, which can do more than a user's own. */
export interface LoginContext extends TokenContext {
  readonly [LOGIN]?: (form: Form) => Promise<LoginAnswer>;
}

/** A flow that posts a form: `login(form)` posts it. Its secrets live in the closure, where nothing prints them. */
export function makeFlow(
  flow: string,
  token: (context: TokenContext, login: (form: Form) => Promise<LoginAnswer>) => Promise<Token>,
): Authenticator {
  const authenticator = {
    token(context: LoginContext): Promise<Token> {
      const login = context?.[LOGIN];
      if (!login) throw invalid(`auth: this way to log in (${flow}) is for connectSalesforce()`);
      return token(context, (form) => login({ grant_type: flow, ...form }));
    },
  };
  Object.defineProperty(authenticator, FLOW, { value: flow });
  return authenticator;
}

/** Which of our own flows it is. */
export function flowOf(auth: Authenticator): unknown {
  return (auth as { [FLOW]?: unknown })[FLOW];
}

/** Adds the ability to log in to what a user's own `token()` is given. */
export function withLogin(context: TokenContext & { loginUrl: string }): LoginContext {
  const { loginUrl, fetch, signal } = context;
  return {
    ...context,
    [LOGIN]: (form) => postForm(`${loginUrl}/services/oauth2/token`, form, { fetch, signal }),
  };
}

/** @throws CometdError `"invalid-argument"` unless these options are non-empty strings */
export function checkStrings<T extends object>(flow: string, options: T, names: readonly (keyof T & string)[]): void {
  want(flow, isObject(options), `an object with ${names.join(", ")}`);
  for (const name of names) {
    const value: unknown = options[name];
    if (typeof value !== "string" || value === "") throw invalid(`${flow}: ${name} must be a non-empty string`);
  }
}

/** A login's answer is a few hundred bytes, a list of versions a few thousand. */
const LONGEST_ANSWER = 256 * 1024;

/** What a request needs. */
export interface Exchange {
  readonly fetch: FetchLike;
  readonly signal: AbortSignal;
}

/** Status and body of an answer. Redirects are not followed: they would carry secrets elsewhere. */
export async function exchange(
  url: string,
  { fetch, signal }: Exchange,
  init: { method: string; headers: Record<string, string>; body?: string },
): Promise<{ status: number; body: string }> {
  try {
    const response = await fetch(url, { ...init, redirect: "manual", signal });
    return { status: response.status, body: await readText(response) };
  } catch (cause) {
    if (isCometdError(cause)) throw cause;
    const failed = failureOf(cause, { url, init }, true);
    // The host alone: a path may be a secret of the caller's proxy.
    const message = `the request to ${new URL(url).host} failed: ${failed.reason}`;
    throw new CometdError("login-failed", message, { retryable: true, cause: failed.cause });
  }
}

async function postForm(url: string, form: Form, by: Exchange): Promise<LoginAnswer> {
  const fields = Object.entries(form).filter((field): field is [string, string] => field[1] !== undefined);
  const { status, body } = await exchange(url, by, {
    method: "POST",
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(fields).toString(),
  });
  return readLogin(status, body);
}

async function readText({ body }: Response): Promise<string> {
  // The body of a transport may have no more than this.
  const reader = body?.getReader();
  if (!reader) return "";
  const decoder = new TextDecoder();
  let text = "";
  for (let length = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.byteLength;
    if (length > LONGEST_ANSWER) {
      reader.cancel().catch(() => {});
      throw new CometdError("login-failed", "the answer of the login server is too long", { retryable: true });
    }
    text += decoder.decode(value, { stream: true });
  }
}
