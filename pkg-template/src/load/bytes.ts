/**
 * Deno, Bun and the `inline` entry: the wasm travels inside the JavaScript. Reading a file would need a permission in
 * Deno, and would break wherever a bundler moves the code away from it.
 */
import init from "../glue.js";
import type { Glue } from "../engine.js";
import type { FetchLike } from "../types.js";
import { base64 } from "../wasm-base64.js";
import { loadError } from "./error.js";
import { glue } from "./glue.js";

export const transport: FetchLike | undefined = undefined;

export async function load(): Promise<Glue> {
  try {
    // Asynchronous because some browsers refuse to compile on the main thread.
    await init({ module_or_path: Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) });
  } catch (cause) {
    throw loadError(cause);
  }
  return glue;
}
