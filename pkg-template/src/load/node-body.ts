import type { IncomingMessage } from "node:http";
import { decoderFor, type Decoder } from "./node-decoding.js";

/** What the body may hold unread before the socket is paused. */
const HIGH_WATER_BYTES = 64 * 1024;

interface Read {
  done: boolean;
  value: Uint8Array | undefined;
}

/**
 * A body and its only reader in one; what comes compressed is decoded. What has arrived is given out before the failure
 * that came after it.
 */
export class Body {
  readonly #response: IncomingMessage;
  readonly #unlink: () => void;
  readonly #chunks: Uint8Array[] = [];
  readonly #waiting: { resolve: (read: Read) => void; reject: (error: unknown) => void }[] = [];
  #decoder: Decoder | undefined;
  #bytes = 0;
  /** How the response ended; its decoder may still have something to give out. */
  #ending: { error?: unknown } | undefined;
  #end: { error?: unknown } | undefined;

  /** `unlink` is called once at the end. */
  constructor(response: IncomingMessage, unlink: () => void) {
    this.#response = response;
    this.#unlink = unlink;
    response.on("end", () => this.#ended({}));
    response.on("error", (error) => this.#ended({ error: networkError(error) }));
    response.on("close", () => this.#ended({ error: new TypeError("the connection closed before the body's end") }));
    try {
      const makeDecoder = decoderFor(response.headers["content-encoding"]);
      // Made of the first bytes: an empty body is no compressed text that ends too early.
      if (makeDecoder) response.once("data", (first: Uint8Array) => this.#decode(makeDecoder(first), first));
      else response.on("data", (chunk: Uint8Array) => this.#push(chunk));
    } catch (error) {
      this.fail(error);
    }
  }

  getReader(): this {
    return this;
  }

  releaseLock(): void {}

  read(): Promise<Read> {
    const value = this.#chunks.shift();
    if (value) {
      this.#bytes -= value.byteLength;
      if (this.#bytes < HIGH_WATER_BYTES) (this.#decoder ?? this.#response).resume();
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
    return Promise.resolve();
  }

  /** Does nothing once the body has ended. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  #decode(decoder: Decoder, first: Uint8Array): void {
    if (this.#end) return;
    this.#decoder = decoder;
    decoder.on("data", (chunk: Uint8Array) => this.#push(chunk));
    // Before the response has ended where something follows the compressed text, which means nothing.
    decoder.on("end", () => this.#finish(this.#ending ?? {}));
    decoder.on("error", (error) => this.#finish({ error: networkError(error), ...this.#ending }));
    decoder.write(first);
    this.#response.pipe(decoder, { end: false });
  }

  /** The response has ended, well or not. */
  #ended(ending: { error?: unknown }): void {
    const decoder = this.#decoder;
    if (!decoder) return this.#finish(ending);
    if (this.#ending) return;
    this.#ending = ending;
    // A decoder that finds its text cut short drops what it has not given out yet; so it is told of the end after that.
    const end = () => {
      if (decoder.readableLength > 0) decoder.once("data", end);
      else decoder.end();
    };
    decoder.flush(end);
  }

  #push(chunk: Uint8Array): void {
    if (this.#end) return;
    const waiting = this.#waiting.shift();
    if (waiting) return waiting.resolve({ done: false, value: chunk });
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#bytes >= HIGH_WATER_BYTES) (this.#decoder ?? this.#response).pause();
  }

  #finish(end: { error?: unknown }): void {
    if (this.#end) return;
    this.#end = end;
    this.#unlink();
    this.#settle();
    const response = this.#response;
    response.unpipe();
    this.#decoder?.destroy();
    // Read to its end, the connection can be used again.
    if (response.complete) response.resume();
    else response.destroy();
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

/** A failure as `fetch` words it. */
export function networkError(error: Error & { code?: string }): TypeError {
  // Where several addresses were tried the message is empty and the code says it all.
  return new TypeError(error.message || error.code || "the request failed", { cause: error });
}
