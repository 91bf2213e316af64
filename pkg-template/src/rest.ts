/** REST calls with the client's token. */
import { unlessAborted } from "./abort.js";
import type { Core } from "./core.js";
import { REFUSED } from "./engine.js";
import { CometdError } from "./errors.js";
import { failureOf } from "./failure.js";
import { isObject, want } from "./options.js";
import { noop, quietly } from "./runtime.js";
import type { CurrentToken, Tokens } from "./tokens.js";
import type { FetchLike } from "./types.js";

/** Others, such as 300 and 304, are answers. */
const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * As `fetch`, below the address of the token's instance only. A token that is refused is replaced, and the request sent
 * once more, unless its body can be read only once, or there is no other token for now (S10a).
 */
export async function requestWith(core: Core, tokens: Tokens, path: string, init: RequestInit): Promise<Response> {
  want("init", isObject(init), "an object, as to fetch()");
  const headers = headersOf(init);
  const next = (after: number) => unlessAborted([core.over, init.signal], () => tokens.after(after));
  let token = (await next(0))!;
  const place = placeOf(path, token);
  for (let first = true; ; first = false) {
    headers.set("authorization", `Bearer ${token.accessToken}`);
    const response = await exchange(core, tokens.fetch, token.instanceUrl + place, {
      ...init,
      headers,
      redirect: "manual",
    });
    if (response.status !== 401 || !first) return response;
    const { number } = token;
    core.attempt(REFUSED, number);
    if (isStream(init.body)) return response;
    const another = await next(number).catch((error) => {
      discard(response);
      throw error;
    });
    if (!another) return response;
    discard(response);
    token = another;
  }
}

/** Where in the instance it is; a new token may bring another instance. */
function placeOf(path: string, { instanceUrl }: CurrentToken): string {
  const base = new URL(instanceUrl).href.replace(/\/$/, "");
  // From the instance, and not from the root of its host, where it is not at the root.
  const url = quietly(() => new URL(/^\/(?!\/)/.test(path) ? base + path : path, `${base}/`));
  if (url) url.username = url.password = url.hash = "";
  want(
    "path",
    url?.href.startsWith(`${base}/`),
    "a path such as /services/data, or an address, of the token's instance",
  );
  return url!.href.slice(base.length);
}

function headersOf({ headers }: RequestInit): Headers {
  const name = "init.headers";
  const checked = quietly(() => new Headers(headers));
  want(name, checked, "names and values that a header can hold");
  want(name, !checked.has("authorization"), "no Authorization, which the client sets");
  return checked;
}

/** One exchange. The end of the client aborts it until the answer is there; the caller's signal also the body. */
async function exchange({ over }: Core, fetch: FetchLike, url: string, init: RequestInit): Promise<Response> {
  const own = init.signal;
  // Where the two cannot be joined the caller's goes before; what was aborted for the other is then just not looked at.
  const send = (signal: AbortSignal) =>
    fetch(url, { ...init, signal: own ? (AbortSignal.any?.([own, signal]) ?? own) : signal });
  try {
    const response = await unlessAborted([over, own], send);
    const { status, type } = response;
    if (type !== "opaqueredirect" && !REDIRECTS.includes(status)) return response;
    discard(response);
    throw new CometdError("redirect", "the instance redirects; the token must not go elsewhere", { status });
  } catch (cause) {
    if (over.aborted || own?.aborted || cause instanceof CometdError) throw cause;
    const failed = failureOf(cause, { url, init }, true);
    const { origin, pathname } = new URL(url);
    const message = `the request to ${origin}${pathname} failed: ${failed.reason}`;
    throw new CometdError("network", message, { retryable: true, cause: failed.cause });
  }
}

function isStream(body: unknown): boolean {
  return isObject(body) && ("getReader" in body || Symbol.asyncIterator in body);
}

/** Lets go of the connection. */
function discard(response: Response): void {
  quietly(() => response.body?.cancel().catch(noop));
}
