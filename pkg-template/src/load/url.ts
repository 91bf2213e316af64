/** Browsers, and every bundler that knows `new URL(…, import.meta.url)`. */
import init from "../glue.js";
import type { Glue } from "../engine.js";
import type { FetchLike } from "../types.js";
import { glue } from "./glue.js";

export const transport: FetchLike | undefined = undefined;

export async function load(): Promise<Glue> {
  const address = new URL("../cometd-edge.wasm", import.meta.url);
  try {
    await init({ module_or_path: address });
  } catch (cause) {
    // A bundler that copies no wasm, or a server that knows none, shows in the address.
    throw new Error(`${address.href}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  return glue;
}
