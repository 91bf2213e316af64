/** Cloudflare: wasm may not be compiled there, only imported. */
import wasm from "./cometd-edge.wasm";
import { initSync } from "../glue.js";
import type { Glue } from "../engine.js";
import type { FetchLike } from "../types.js";
import { loadError } from "./error.js";
import { glue } from "./glue.js";

export const transport: FetchLike | undefined = undefined;

export async function load(): Promise<Glue> {
  try {
    initSync({ module: wasm });
  } catch (cause) {
    throw loadError(cause, "the bundler must hand cometd-edge.wasm over as a compiled module, as wrangler does");
  }
  return glue;
}
