/**
 * A transport over `node:http` that looks like `fetch` as far as the wasm looks: status, type, headers, and a reader
 * of the body. Node's own `fetch` costs several times as much CPU for each request.
 */
import { Agent, request as requestHttp, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as TlsAgent, request as requestHttps } from "node:https";
import type { FetchLike } from "../types.js";

/** What the body may hold unread before the socket is paused. */
const HIGH_WATER_BYTES = 64 * 1024;

// An idle socket that the server has closed meanwhile fails the next request. Node ends idle sockets a second before
// the time that the server's `Keep-Alive` header announces; this covers the servers that announce none.
const AGENT_OPTIONS = { keepAlive: true, timeout: 4_000 };

let agent: Agent | undefined;
let tlsAgent: TlsAgent | undefined;

export const nodeTransport: FetchLike = (url, init) => {
  const body = init.body ?? undefined;
  // A stream, a form, a blob: rare, and `fetch` knows them all.
  if (body !== undefined && typeof body !== "string" && !ArrayBuffer.isView(body)) return fetch(url, init);
  return new Promise((resolve, reject) => {
    const signal = init.signal ?? undefined;
    if (signal?.aborted) throw signal.reason;
    const target = new URL(url);
    const options: RequestOptions = { method: init.method ?? "GET", headers: plainHeaders(init.headers) };
    const request =
      target.protocol === "https:"
        ? requestHttps(target, { ...options, agent: (tlsAgent ??= new TlsAgent(AGENT_OPTIONS)) })
        : requestHttp(target, { ...options, agent: (agent ??= new Agent(AGENT_OPTIONS)) });

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

function plainHeaders(headers: RequestInit["headers"]): Record<string, string> {
  return Object.fromEntries(headers && Symbol.iterator in headers ? headers : Object.entries(headers ?? {}));
}

function networkError(error: Error & { code?: string }): TypeError {
  // Where several addresses were tried the message is empty and the code says it all.
  return new TypeError(error.message || error.code || "the request failed", { cause: error });
}

function responseOf(response: IncomingMessage, body: Body, url: string): Response {
  const headers = new Headers();
  const raw = response.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i]!, raw[i + 1]!);
  const status = response.statusCode ?? 0;
  const shaped = { status, ok: status >= 200 && status < 300, type: "basic", redirected: false, url, headers, body };
  return shaped as unknown as Response;
}

interface Read {
  done: boolean;
  value: Uint8Array | undefined;
}

/** The body and its only reader in one. What has arrived is given out before the failure that came after it. */
class Body {
  readonly #response: IncomingMessage;
  readonly #unlink: () => void;
  readonly #chunks: Uint8Array[] = [];
  readonly #waiting: { resolve: (read: Read) => void; reject: (error: unknown) => void }[] = [];
  #bytes = 0;
  #end: { error?: unknown } | undefined;

  constructor(response: IncomingMessage, unlink: () => void) {
    this.#response = response;
    this.#unlink = unlink;
    response.on("data", (chunk: Uint8Array) => this.#push(chunk));
    response.on("end", () => this.#finish({}));
    response.on("error", (error) => this.fail(networkError(error)));
    response.on("close", () => this.fail(new TypeError("the connection closed before the body's end")));
  }

  getReader(): this {
    return this;
  }

  releaseLock(): void {}

  read(): Promise<Read> {
    const value = this.#chunks.shift();
    if (value) {
      this.#bytes -= value.byteLength;
      if (this.#bytes < HIGH_WATER_BYTES) this.#response.resume();
      return Promise.resolve({ done: false, value });
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#settle();
    });
  }

  /** Closes the connection unless all of the body is here. */
  cancel(): Promise<void> {
    this.#chunks.length = 0;
    this.#finish({});
    if (!this.#response.complete) this.#response.destroy();
    return Promise.resolve();
  }

  /** Does nothing once the body has ended. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  #push(chunk: Uint8Array): void {
    if (this.#end) return;
    const waiting = this.#waiting.shift();
    if (waiting) return waiting.resolve({ done: false, value: chunk });
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#bytes >= HIGH_WATER_BYTES) this.#response.pause();
  }

  #finish(end: { error?: unknown }): void {
    if (this.#end) return;
    this.#end = end;
    this.#unlink();
    this.#settle();
  }

  /** Answers those who wait once nothing more can come. */
  #settle(): void {
    if (!this.#end) return;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if ("error" in this.#end) reject(this.#end.error);
      else resolve({ done: true, value: undefined });
    }
  }
}
