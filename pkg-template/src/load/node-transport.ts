/**
 * A transport over `node:http` that looks like `fetch` as far as the wasm looks: status, type, headers, and a reader
 * of the body. Node's own `fetch` costs several times as much CPU for each request.
 */
import { request as requestHttp, type IncomingMessage, type RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import type { FetchLike } from "../types.js";
import { agentFor, onlyFetchKnowsProxies } from "./node-agents.js";
import { Body, networkError } from "./node-body.js";

/**
 * What Node's `fetch` sends unless it is given: firewalls refuse requests without them. Compression is not asked for, since
 * what compresses may keep an event back until its buffer is full; if it comes all the same it is read.
 */
const DEFAULT_HEADERS = { accept: "*/*", "user-agent": "node" };

export const nodeTransport: FetchLike = (url, init) => {
  const body = init.body ?? undefined;
  // A stream, a form, a blob: rare, and `fetch` knows them all.
  const plain = body === undefined || typeof body === "string" || ArrayBuffer.isView(body);
  if (!plain || onlyFetchKnowsProxies()) return fetch(url, init);
  return new Promise((resolve, reject) => {
    const signal = init.signal ?? undefined;
    if (signal?.aborted) throw signal.reason;
    const target = new URL(url);
    const options: RequestOptions = {
      method: init.method ?? "GET",
      headers: headersOf(init.headers),
      agent: agentFor(target.protocol),
    };
    const request = (target.protocol === "https:" ? requestHttps : requestHttp)(target, options);

    let received: Body | undefined;
    const unlink = () => signal?.removeEventListener("abort", abort);
    const fail = (error: unknown) => {
      unlink();
      if (received) received.fail(error);
      else reject(error);
    };
    const abort = () => {
      fail(signal?.reason);
      request.destroy();
    };
    signal?.addEventListener("abort", abort);
    request.on("error", (error) => fail(networkError(error)));
    request.on("response", (response) => {
      received = new Body(response, unlink);
      resolve(responseOf(response, received, url));
    });
    request.end(body); // given whole, so that Node sets Content-Length
  });
};

function headersOf(given: RequestInit["headers"]): Record<string, string> {
  const headers: Record<string, string> = Object.fromEntries(
    given && Symbol.iterator in given ? given : Object.entries(given ?? {}),
  );
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  for (const [name, value] of Object.entries(DEFAULT_HEADERS)) {
    if (!names.has(name)) headers[name] = value;
  }
  return headers;
}

function responseOf(response: IncomingMessage, body: Body, url: string): Response {
  const headers = new Headers();
  const raw = response.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i]!, raw[i + 1]!);
  const status = response.statusCode ?? 0;
  const shaped = { status, ok: status >= 200 && status < 300, type: "basic", redirected: false, url, headers, body };
  return shaped as unknown as Response;
}
