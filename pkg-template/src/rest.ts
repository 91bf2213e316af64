/** REST calls with the client's token. */
import { unlessAborted } from "./abort.js";
import type { Core } from "./core.js";
import { CometdError, describe } from "./errors.js";
import { invalid, isObject } from "./options.js";
import { noop, quietly } from "./runtime.js";
import type { CurrentToken, Tokens } from "./tokens.js";
import type { FetchLike } from "./types.js";

/** Others, such as 300 and 304, are answers. */
const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * As `fetch`, below the address of the token's instance only. A token that is refused is replaced, and the request sent
 * once more, unless its body can be read only once.
 */
export async function requestWith(core: Core, tokens: Tokens, path: string, init: RequestInit): Promise<Response> {
  if (!isObject(init)) throw invalid("init: give an object, as to fetch()");
  const headers = headersOf(init);
  let token = await unlessAborted([core.over, init.signal], () => tokens.after(0));
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
    core.attempt((engine) => engine.refused(number));
    if (isStream(init.body)) return response;
    discard(response);
    token = await unlessAborted([core.over, init.signal], () => tokens.after(number));
  }
}

/** Where in the instance it is; a new token may bring another instance. */
function placeOf(path: string, { instanceUrl }: CurrentToken): string {
  const base = new URL(instanceUrl).href.replace(/\/$/, "");
  let url: URL;
  try {
    // From the instance, and not from the root of its host, where it is not at the root.
    url = new URL(/^\/(?!\/)/.test(path) ? base + path : path, `${base}/`);
  } catch {
    throw invalid("path: give a path such as /services/data, or an address of the instance");
  }
  url.username = url.password = url.hash = "";
  if (!url.href.startsWith(`${base}/`)) {
    throw invalid("path: leads away from the instance, and the token must not go there");
  }
  return url.href.slice(base.length);
}

function headersOf({ headers }: RequestInit): Headers {
  let checked: Headers;
  try {
    checked = new Headers(headers);
  } catch (cause) {
    throw invalid("init.headers: give names and values that a header can hold", cause);
  }
  if (checked.has("authorization")) {
    throw invalid("init.headers: the client sets Authorization; with a token of your own use fetch()");
  }
  return checked;
}

/** One exchange. The end of the client aborts it until the answer is there; the caller's signal also the body. */
async function exchange(core: Core, fetch: FetchLike, url: string, init: RequestInit): Promise<Response> {
  const { over } = core;
  const controller = new AbortController();
  let { signal } = controller;
  // Where the two cannot be joined the caller's goes before; what was aborted for the other is then just not looked at.
  if (init.signal) signal = AbortSignal.any?.([init.signal, signal]) ?? init.signal;
  try {
    const response = await unlessAborted([over, init.signal], () => fetch(url, { ...init, signal }));
    const { status, type } = response;
    if (type !== "opaqueredirect" && !REDIRECTS.includes(status)) return response;
    discard(response);
    throw new CometdError("redirect", "the instance redirects, and the token must not go elsewhere", { status });
  } catch (error) {
    if (over.aborted) {
      controller.abort(over.reason);
      throw over.reason;
    }
    if (init.signal?.aborted) throw init.signal.reason;
    if (error instanceof CometdError) throw error;
    throw new CometdError("network", `the request failed: ${describe(error)}`, { retryable: true, cause: error });
  }
}

function isStream(body: unknown): boolean {
  return typeof body === "object" && body !== null && ("getReader" in body || Symbol.asyncIterator in body);
}

/** Lets go of the connection. */
function discard(response: Response): void {
  quietly(() => response.body?.cancel().catch(noop));
}
